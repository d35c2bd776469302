// A segment that was written anew without some of its sessions: how the chain says so, and how its files take the place of the old ones
// whenever the recorder is killed.

import Crypto
import Glibc
import MailCompression
import MailRecording

/// What is to be said in the chain at once.
enum ChainErrand: Sendable {
    /// A segment goes.
    case removed(name: String, reason: String)
    /// Sessions of it go.
    case thinned(ThinnedSegment)
}

/// A segment of which a new form lies beside it.
struct ThinnedSegment: Sendable {
    /// Of the segment.
    var name: String
    /// How many are gone.
    var sessions: Int
    /// And why.
    var reason: String

    private static let suffix = ".thinned.part"

    /// The files that are to take the places of a segment and of what is signed of it.
    static func parts(_ name: String) -> (segment: String, seals: String) {
        (".\(name)\(suffix)", ".\(SegmentSeals.name(for: name))\(suffix)")
    }

    static func isPart(_ file: String) -> Bool { file.hasPrefix(".") && file.hasSuffix(suffix) }

    /// Puts the new files where they belong. The chain has said so.
    static func place(_ name: String, in directory: String) {
        let parts = parts(name)
        let seals = directory + "/" + SegmentSeals.name(for: name)
        let path = directory + "/" + name
        rename(directory + "/" + parts.seals, seals)
        if rename(directory + "/" + parts.segment, path) == 0 {
            System.syncDirectory(directory)
            // It is packed again, as any that is closed.
            unlink(path + PackedFile.suffix)
        }
        System.syncDirectory(directory)
    }

    /// Puts new files where they belong that a killed recorder left when the chain had said so; takes away all others. The caller holds
    /// the lock.
    static func finish(in directory: String) {
        let files = System.names(in: directory).filter(isPart)
        guard !files.isEmpty else { return }
        var last: [String: ChainEntry.Segment] = [:]
        let descriptor = System.openToRead(directory + "/" + ChainEntry.fileName)
        if descriptor >= 0 {
            defer { Glibc.close(descriptor) }
            var reader = LineReader(descriptor)
            while let line = reader.next() {
                guard case .line(let octets) = line, let signed = SignedLine(octets) else { continue }
                if case .thinned(let segment, _, _) = ChainEntry(signed) { last[segment.name] = segment }
            }
        }
        for (name, segment) in last {
            let parts = parts(name)
            let isWhole = digest(directory + "/" + parts.segment) == segment.sha256
            // The stretches go first: they may have their place already.
            let isSealed = isWhole && files.contains(parts.seals)
            if isSealed { rename(directory + "/" + parts.seals, directory + "/" + SegmentSeals.name(for: name)) }
            if isWhole { place(name, in: directory) }
        }
        for file in files { unlink(directory + "/" + file) }
    }

    private static func digest(_ path: String) -> String? {
        let descriptor = System.openToRead(path)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var hash = SHA256()
        while let piece = System.read(descriptor, limit: 1 << 18) {
            if piece.isEmpty { return Hex.text(hash.finalize()) }
            piece.withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
        return nil
    }
}

extension NotaryWork {
    /// Signs the new form of a segment, stretch by stretch, in a file beside it; gives what the chain is to say of it.
    func seal(_ thinned: ThinnedSegment) throws(RecorderError) -> ChainEntry {
        let parts = ThinnedSegment.parts(thinned.name)
        let path = directory + "/" + parts.segment
        let descriptor = System.openToRead(path)
        guard descriptor >= 0 else { throw .failed(action: "read", path: path, reason: System.text(errno)) }
        defer { Glibc.close(descriptor) }
        let seals = try SignedFile(path: directory + "/" + parts.seals, calls: calls)
        guard let line = SegmentSeals.begin(thinned.name, chain: head, System.wallClock(), key) else {
            throw .chain("\(thinned.name): cannot be signed")
        }
        try seals.append(line)
        var status = stat()
        let size = fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
        var digest = SegmentDigest()
        while true {
            let stretch: Stretch
            do throws(SegmentDigest.ReadFailure) {
                guard let next = try digest.next(of: descriptor, to: size) else { break }
                stretch = next
            } catch {
                throw .failed(action: "read", path: path, reason: System.text(error.code))
            }
            guard
                let line = SegmentSeals.line(
                    stretch, of: thinned.name, previous: seals.head, System.wallClock(), key)
            else { throw .chain("\(thinned.name): cannot be signed") }
            try seals.append(line)
        }
        try seals.sync()
        System.syncDirectory(directory)
        return .thinned(
            .init(
                name: thinned.name, octets: digest.offset, sha256: digest.sha256, blocks: digest.blocks,
                seals: seals.head, isRecovered: false), sessions: thinned.sessions, reason: thinned.reason)
    }
}
