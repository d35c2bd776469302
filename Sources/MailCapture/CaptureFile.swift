// Packets of a capture file or of standard input, in bounded memory.

import CLinux
import Glibc
import MailRecording

/// A capture file that is read from its beginning to its end. Not for several threads at once.
package final class CaptureFile {
    /// Octets read at once.
    private static let chunk = 256 << 10

    private let descriptor: Int32
    private let path: String
    private var reader = CaptureFileReader()
    private var hasEnded = false
    /// The size in octets when the file is a regular one: for a progress report.
    package let size: Int?

    /// Opens a file; `-` is standard input.
    package init(path: String) throws(CaptureError) {
        self.path = path == "-" ? "standard input" : path
        descriptor = path == "-" ? STDIN_FILENO : mp_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else { throw CaptureError(.unreadable, "\(path): \(String(cString: strerror(errno)))") }
        var status = stat()
        size = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    /// The next packet; nil at the end. A file that ends in the middle throws `badFormat` with the code `truncated`
    /// after its last whole packet.
    package func next() throws(CaptureError) -> CaptureRecord? {
        do {
            while true {
                if let record = try reader.next() { return record }
                if hasEnded { return nil }
                let chunk = try read()
                if chunk.isEmpty {
                    hasEnded = true
                    try reader.finish()
                } else {
                    reader.feed(chunk)
                }
            }
        } catch let error as CaptureFormatError {
            throw CaptureError(.badFormat, "\(path): \(error)", format: error)
        } catch let error as CaptureError {
            throw error
        } catch {
            throw CaptureError(.failed, "\(path): \(error)")
        }
    }

    /// Goes on at an offset at which a packet's block begins. To be called first.
    package func seek(to offset: Int) throws(CaptureError) {
        // The header says what is needed to understand the packets.
        let first = try read()
        reader.feed(first)
        do { _ = try reader.next() } catch {
            throw CaptureError(.badFormat, "\(path): \(error)", format: error)
        }
        reader.jump(to: offset)
        guard lseek(descriptor, off_t(offset), SEEK_SET) == off_t(offset) else {
            throw CaptureError(.unreadable, "\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Octets of the file that were understood.
    package var offset: Int { reader.offset }
    /// Packets that were delivered.
    package var packets: Int { reader.packets }
    /// Packets that the capturing kernel lost, as the file says.
    package var dropped: UInt64 { reader.dropped }
    /// The interfaces of the current section.
    package var interfaces: [CaptureInterface] { reader.interfaces }
    /// The comments of the current section.
    package var sectionComments: [String] { reader.sectionComments }

    private func read() throws(CaptureError) -> [UInt8] {
        var failure: Int32 = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunk) { space, count in
            count = 0
            while true {
                let got = Glibc.read(descriptor, space.baseAddress, space.count)
                if got >= 0 {
                    count = got
                    return
                }
                if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw CaptureError(.unreadable, "\(path): \(String(cString: strerror(failure)))") }
        return chunk
    }
}
