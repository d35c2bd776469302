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
        buffer.removeFirst(start)
        start = 0
        let old = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: Self.longest))
        while true {
            let got = buffer.withUnsafeMutableBytes { space in
                read(descriptor, space.baseAddress.map { $0 + old }, Self.longest)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else {
                throw CaptureError(.unreadable, "\(path): \(String(cString: strerror(errno)))")
            }
            buffer.removeLast(Self.longest - got)
            hasEnded = got == 0
            return
        }
    }
}
