// Lines of a file of text, in bounded memory: an endless one comes in pieces.

import CLinux
import Glibc
import MailRecording

/// Reads a file line by line.
final class ImportLines {
    /// A line or a piece of one.
    struct Line {
        var octets: ArraySlice<UInt8>
        /// Of its first octet in the file.
        var offset: Int
        /// It begins a line.
        var isStart: Bool
    }

    /// Octets of a line that come at once.
    static let longest = 64 << 10

    private let descriptor: Int32
    private let path: String
    /// Microseconds since 1970 at which the file was written last.
    let modified: Int64
    private var buffer: [UInt8] = []
    private var start = 0
    private var offset = 0
    private var hasEnded = false
    private var isAtStart = true

    init(_ path: String) throws(CaptureError) {
        self.path = path
        descriptor = mp_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else { throw CaptureError(.unreadable, "\(path): \(String(cString: strerror(errno)))") }
        var status = stat()
        modified =
            fstat(descriptor, &status) == 0
            ? Int64(status.st_mtim.tv_sec) &* 1_000_000 &+ Int64(status.st_mtim.tv_nsec) / 1000 : 0
    }

    deinit { close(descriptor) }

    /// The next line with its line end; nil at the end of the file.
    func next() throws(CaptureError) -> Line? {
        while true {
            let rest = buffer[start...]
            let end = rest.firstIndex(of: 10).map { $0 + 1 }
            if let end = end ?? (rest.count >= Self.longest || hasEnded && !rest.isEmpty ? buffer.count : nil) {
                let line = Line(octets: buffer[start..<end], offset: offset, isStart: isAtStart)
                offset += end - start
                start = end
                isAtStart = line.octets.last == 10
                return line
            }
            if hasEnded { return nil }
            try fill()
        }
    }

    private func fill() throws(CaptureError) {
        let kept = buffer[start...]
        var got = 0
        // Not filled with zeros first, nor moved octet by octet: a long line comes through here many times.
        buffer = [UInt8](unsafeUninitializedCapacity: kept.count + Self.longest) { space, count in
            kept.withUnsafeBytes { UnsafeMutableRawBufferPointer(space).copyMemory(from: $0) }
            repeat {
                got = read(descriptor, space.baseAddress.map { $0 + kept.count }, Self.longest)
            } while got < 0 && errno == EINTR
            count = kept.count + max(got, 0)
        }
        start = 0
        guard got >= 0 else { throw CaptureError(.unreadable, "\(path): \(String(cString: strerror(errno)))") }
        hasEnded = got == 0
    }
}
