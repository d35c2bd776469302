// The file of --keylog: secrets of TLS connections, to read captures with.

import Glibc
import MailCapture

enum KeyLogFile {
    /// Octets of a file that is read.
    private static let largest = 1 << 30

    /// Reads a key log. What is none is refused: without its keys nothing would be read, and nobody would know why.
    static func read(_ path: String) throws -> TLSKeyLog {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CLIError.usage("--keylog \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var log = TLSKeyLog()
        var rest: [UInt8] = []
        var total = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw CLIError.usage("--keylog \(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            total += count
            guard total <= largest else { throw CLIError.usage("--keylog \(path): it is larger than 1 GB") }
            rest += chunk.prefix(count)
            // Whole lines; what has none is no key log.
            guard let end = rest.lastIndex(of: 10) else {
                if rest.count > 1 << 20 { break }
                continue
            }
            log.add(rest[..<end])
            rest = Array(rest[(end + 1)...])
        }
        log.add(rest[...])
        guard !log.isEmpty || log.strangeLines == 0 else {
            throw CLIError.usage(
                "--keylog \(path): no line of it is of a key log, such as 'CLIENT_RANDOM', 64 hexadecimal digits and 96 more"
            )
        }
        if log.isEmpty { Console.error("--keylog \(path): it has no secrets; TLS stays closed") }
        return log
    }
}
