// Reading a segment against what was signed of it, and naming what differs.

import Crypto
import Glibc
import MailCompression
import MailRecording

/// The signed stretches of a segment, as their file has them now.
struct SealsFile {
    /// The digest of its last line; nil when there is no file.
    private(set) var head: String?
    private(set) var last: SignedLine?
    /// Each line follows the one before it.
    private(set) var isLinked = true
    /// Without the marks of their blocks, which would fill the memory.
    private(set) var stretches: [Stretch] = []
    private(set) var blocks = 0
    /// Nothing stands behind its last line.
    private(set) var isClean = true
    private let path: String

    init(_ directory: String, _ segment: String) {
        self.init(path: directory + "/" + SegmentSeals.name(for: segment))
        var found = self
        found.isClean = forEach { line in
            if let head = found.head, line.text("previous") != head { found.isLinked = false }
            found.head = line.digest
            found.last = line
            guard var stretch = SegmentSeals.stretch(line) else { return true }
            if stretch.offset != found.stretches.last?.end ?? 0 { found.isLinked = false }
            found.blocks += stretch.blocks.count
            stretch.blocks = BlockMarks()
            found.stretches.append(stretch)
            return true
        }
        self = found
        if !isLinked { stretches = [] }
    }

    private init(path: String) { self.path = path }

    /// The blocks of the stretches from one on. Nil when there are too many to be compared.
    func blocks(from first: Int) -> BlockList? {
        var list = BlockList(from: first < stretches.count ? stretches[first].offset : stretches.last?.end ?? 0)
        var index = 0
        var isTooMany = false
        forEach { line in
            guard let stretch = SegmentSeals.stretch(line) else { return true }
            defer { index += 1 }
            guard index >= first else { return true }
            isTooMany = list.count + stretch.blocks.count > SegmentDiagnosis.mostBlocks
            if isTooMany { return false }
            for (length, sum) in zip(stretch.blocks.lengths, stretch.blocks.sums) { list.append(Int(length), sum) }
            return true
        }
        return isTooMany ? nil : list
    }

    /// False when it stops before the end of the file.
    @discardableResult
    private func forEach(_ body: (SignedLine) -> Bool) -> Bool {
        let descriptor = System.openToRead(path)
        guard descriptor >= 0 else { return true }
        defer { Glibc.close(descriptor) }
        var reader = LineReader(descriptor)
        while let next = reader.next() {
            guard case .line(let octets) = next, let line = SignedLine(octets), body(line) else { return false }
        }
        return reader.rest == 0
    }
}

/// A segment that was read once, from its beginning to its end.
struct SegmentReading {
    private(set) var size = 0
    private(set) var sha256 = ""
    /// The first stretch up to whose end the digest is not the one that was signed.
    private(set) var firstWrong: Int?

    init(_ file: PackedFile, checkpoints: [Stretch]) throws(PackedFileError) {
        var hash = SHA256()
        var next = 0
        while true {
            let octets = try file.read(1 << 18)
            if octets.isEmpty { break }
            var rest = octets[...]
            while !rest.isEmpty {
                let due = next < checkpoints.count ? checkpoints[next].end - size : rest.count
                let part = rest.prefix(max(0, due))
                part.withUnsafeBytes { hash.update(bufferPointer: $0) }
                size += part.count
                rest = rest.dropFirst(part.count)
                while next < checkpoints.count, checkpoints[next].end <= size {
                    if firstWrong == nil, Hex.text(hash.finalize()) != checkpoints[next].sha256 { firstWrong = next }
                    next += 1
                }
            }
        }
        // Stretches that the file does not have any more.
        if next < checkpoints.count, firstWrong == nil { firstWrong = next }
        sha256 = Hex.text(hash.finalize())
    }
}

/// Names what was done to a segment.
enum SegmentDiagnosis {
    /// Blocks that are compared at once: some 100 MiB of memory would be three times as many.
    static let mostBlocks = 2_000_000
    /// A longer block is none of ours.
    private static let longestBlock = 1 << 20

    static func faults(
        of file: PackedFile, seals: SealsFile?, _ reading: SegmentReading, signed: Int, isOpen: Bool = false
    ) throws(PackedFileError) -> [ChainFault] {
        guard let seals, !seals.stretches.isEmpty else {
            return [
                ChainFault(
                    .changed, offset: 0, octets: reading.size,
                    "it is not as it was signed (\(reading.size) octets, \(signed) signed); which blocks differ is not known"
                )
            ]
        }
        let first = min(reading.firstWrong ?? seals.stretches.count, seals.stretches.count)
        let start = first < seals.stretches.count ? seals.stretches[first].offset : seals.stretches.last?.end ?? 0
        let stretch = first < seals.stretches.count ? seals.stretches[first].octets : 0
        let rough = ChainFault(
            .changed, offset: start, was: start, octets: stretch,
            "something between octets \(start) and \(start + stretch) is not as it was signed")
        guard let before = seals.blocks(from: first), let now = try blocks(of: file, from: start) else {
            return [rough]
        }
        var differences = BlockComparison.differences(before, now)
        // Of a segment that is being written the rest is not signed yet.
        if isOpen, differences.last?.kind == .added { differences.removeLast() }
        if differences.isEmpty { return [rough] }
        var faults = differences.prefix(ChainVerifier.most).map(fault)
        if differences.count > ChainVerifier.most {
            faults.append(
                ChainFault(.changed, "and \(differences.count - ChainVerifier.most) more differences"))
        }
        return faults
    }

    private static func fault(_ difference: BlockDifference) -> ChainFault {
        let what =
            difference.blocks == 1
            ? "a block of \(difference.octets) octets" : "\(difference.blocks) blocks, \(difference.octets) octets,"
        let offset = difference.offset ?? 0
        let was = difference.was ?? 0
        let text =
            switch difference.kind {
            case .changed: "\(what) at \(offset) changed\(was == offset ? "" : " (it was at \(was))")"
            case .removed: "\(what) removed from \(was)"
            case .inserted: "\(what) inserted at \(offset)"
            case .moved: "\(what) moved from \(was) to \(offset)"
            case .doubled: "\(what) at \(offset) doubled: the same as at \(was)"
            case .cut: "the end was cut off at \(was): \(difference.octets) octets are missing"
            case .added: "\(what) added behind the end, at \(offset)"
            case .missing, .unsigned, .signature, .link, .key, .head, .kept, .unreadable: what
            }
        return ChainFault(
            difference.kind, offset: difference.offset, was: difference.was, octets: difference.octets,
            blocks: difference.blocks, text)
    }

    /// The blocks of a file from an offset at which one began when it was signed. What is no block is one piece up to the next one.
    private static func blocks(of file: PackedFile, from start: Int) throws(PackedFileError) -> BlockList? {
        try file.seek(to: start)
        var list = BlockList(from: start)
        var buffer: [UInt8] = []
        var place = 0
        var junk = 0
        var hasEnded = false
        while true {
            if !hasEnded, buffer.count - place - junk < longestBlock {
                buffer.removeFirst(place)
                place = 0
                while buffer.count - junk < 2 * longestBlock, !hasEnded {
                    let octets = try file.read(1 << 18)
                    hasEnded = octets.isEmpty
                    buffer += octets
                }
            }
            if list.count > mostBlocks { return nil }
            let length = buffer.withUnsafeBytes { block(in: $0, at: place + junk, mustBeOurs: junk > 0) }
            guard let length else {
                guard place + junk < buffer.count else { break }
                junk += 1
                // A whole window of it is one piece, so that the memory stays bounded.
                guard junk >= longestBlock else { continue }
                add(&list, buffer[place..<(place + junk)])
                place += junk
                junk = 0
                continue
            }
            if junk > 0 {
                add(&list, buffer[place..<(place + junk)])
                place += junk
                junk = 0
            }
            add(&list, buffer[place..<(place + length)])
            place += length
        }
        if junk > 0 { add(&list, buffer[place..<(place + junk)]) }
        return list
    }

    private static func add(_ list: inout BlockList, _ octets: ArraySlice<UInt8>) {
        list.append(octets.count, octets.withUnsafeBytes { Checksum.crc32($0) })
    }

    /// The length of the block at a place; nil when there is none.
    /// - Parameter mustBeOurs: only types that we write are taken, as among octets that are no blocks anything may look like one.
    private static func block(in octets: UnsafeRawBufferPointer, at place: Int, mustBeOurs: Bool) -> Int? {
        guard octets.count - place >= 12 else { return nil }
        func number(_ offset: Int) -> Int {
            Int(UInt32(littleEndian: octets.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        let length = number(place + 4)
        guard length >= 12, length & 3 == 0, length <= longestBlock, length <= octets.count - place,
            number(place + length - 4) == length
        else { return nil }
        // Sections, interfaces, statistics, packets.
        return !mustBeOurs || [0x0A0D_0D0A, 1, 5, 6].contains(number(place)) ? length : nil
    }
}
