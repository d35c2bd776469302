// The first line of what is signed of a segment is there before the segment is: whenever the recorder is killed or the power goes, no
// segment of ours is without the signature that says it is ours.

import Glibc
import MailRecording

extension Notary {
    /// A segment of this name is about to be made. On the recorder's thread: it waits for the disk, once in a segment.
    func announce(_ name: String) {
        let head = state.withLock { $0.head }
        let path = directory + "/" + SegmentSeals.name(for: name)
        guard let line = SegmentSeals.begin(name, chain: head, System.wallClock(), key) else { return }
        do throws(RecorderError) {
            let seals = try SignedFile(path: path, calls: calls)
            if seals.count == 0 { try seals.append(line) }
            try seals.sync()
        } catch {
            // A disk that takes no line will take no segment either; should it do so, the line is tried again behind it.
            unlink(path)
        }
        System.syncDirectory(directory)
    }

    /// It could not be made.
    func retract(_ name: String) { unlink(directory + "/" + SegmentSeals.name(for: name)) }
}

extension SegmentSeals {
    /// Nothing was ever signed of the segment but that it begins.
    static func isBegunOnly(_ directory: String, _ segment: String) -> Bool {
        let descriptor = System.openToRead(directory + "/" + name(for: segment))
        guard descriptor >= 0 else { return false }
        defer { Glibc.close(descriptor) }
        var reader = LineReader(descriptor)
        guard let first = reader.next() else { return reader.failure == 0 }
        guard case .line(let octets) = first, SignedLine(octets)?.kind == "begin" else { return false }
        return reader.next() == nil && reader.failure == 0
    }

    /// Removes what a killed recorder had signed of segments that it had no time to make. The caller holds the lock.
    static func removeBegun(in directory: String) {
        let there = Set(RecordingDirectory.segments(in: directory).map(\.name))
        for file in System.names(in: directory) where file.hasSuffix(suffix) {
            let segment = String(file.dropLast(suffix.count)) + ".pcapng"
            guard RecordingDirectory.segmentNumber(segment) != nil, !there.contains(segment),
                isBegunOnly(directory, segment)
            else { continue }
            unlink(directory + "/" + file)
        }
    }
}
