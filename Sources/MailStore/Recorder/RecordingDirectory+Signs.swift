// What readers are told beside the files: that the index is behind, and that a segment was removed on purpose.

import CLinux
import Glibc
import MailCompression

extension RecordingDirectory {
    /// Tells readers that the index lacks what is recorded at present, or that it says so itself again. The sign is a lock (fcntl(2)): it
    /// needs no room on a disk that has none, and is gone with the process.
    /// - Parameter lock: what ``lock(_:)`` gave.
    static func sign(indexIsBehind: Bool, _ lock: Int32) { _ = mp_sign(lock, indexIsBehind ? 1 : 0) }

    /// A recorder records what it cannot write into the index.
    static func isIndexBehind(_ directory: String) -> Bool {
        let descriptor = mp_open(directory + "/" + lockName, O_RDONLY | O_NOFOLLOW, 0)
        guard descriptor >= 0 else { return false }
        defer { Glibc.close(descriptor) }
        return mp_is_signed(descriptor) > 0
    }

    /// A segment is there, be it packed or not.
    static func hasSegment(_ path: String) -> Bool {
        access(path, F_OK) == 0 || access(path + PackedFile.suffix, F_OK) == 0
    }

    /// A segment is not there, and the chain of its recording says that retention removed it. Whether that is signed is for `verify` to
    /// say.
    package static func hasRemoved(_ path: String) -> Bool {
        guard let slash = path.lastIndex(of: "/"), !hasSegment(path) else { return false }
        let name = String(path[path.index(after: slash)...])
        let descriptor = System.openToRead(String(path[...slash]) + ChainEntry.fileName)
        guard descriptor >= 0 else { return false }
        defer { Glibc.close(descriptor) }
        var reader = LineReader(descriptor)
        while let line = reader.next() {
            switch line {
            case .tooLong: continue
            case .line(let octets):
                guard let line = SignedLine(octets), case .removed(name, _)? = ChainEntry(line) else { continue }
                return true
            }
        }
        return false
    }
}
