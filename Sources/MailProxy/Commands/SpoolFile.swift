// A copy of standard input that can be read more than once. It has no name in any directory.

import CLinux
import Glibc

/// What came on a descriptor, kept in a file that goes away with the process.
final class SpoolFile {
    private let descriptor: Int32
    /// Opens the file anew, from its beginning.
    let path: String

    private static var directory: String { Defaults.environment("TMPDIR") ?? "/tmp" }

    /// Copies a descriptor to its end.
    init(of source: Int32) throws {
        var name = Array("\(Self.directory)/mailproxy-XXXXXX".utf8CString)
        descriptor = mkstemp(&name)
        guard descriptor >= 0 else {
            throw CLIError.fault(
                "\(Self.directory): cannot keep standard input in a file there: \(String(cString: strerror(errno))); TMPDIR names another directory"
            )
        }
        unlink(name)
        path = "/proc/self/fd/\(descriptor)"
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(source, &buffer, buffer.count)
            if count == 0 { return }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw CLIError.fault("cannot read standard input: \(String(cString: strerror(errno)))")
            }
            try Self.write(buffer[..<count], to: descriptor, name: "the copy of standard input")
        }
    }

    deinit { close(descriptor) }

    /// Writes all of the octets.
    static func write(_ octets: ArraySlice<UInt8>, to descriptor: Int32, name: String) throws {
        var failure: Int32 = 0
        octets.withUnsafeBytes { all in
            var done = 0
            while done < all.count {
                let count = Glibc.write(descriptor, all.baseAddress.map { $0 + done }, all.count - done)
                if count > 0 {
                    done += count
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        if failure != 0 { throw CLIError.fault("\(name): \(String(cString: strerror(failure)))") }
    }
}
