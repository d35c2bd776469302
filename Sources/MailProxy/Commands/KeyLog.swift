// SSLKEYLOGFILE: the keys of TLS connections, for Wireshark. Who reads the file can read all of them, so nothing is written unless
// the variable asks for it, and the log says so.

import Glibc
import MailTLS
import Synchronization

/// The file that SSLKEYLOGFILE names.
final class KeyLog: Sendable {
    private let descriptor: Int32
    private let mutex = Mutex<Void>(())

    /// Opens the file, to go on behind what stands in it. Nil when the variable is not set.
    init?(_ log: Log) throws {
        guard let path = Defaults.environment("SSLKEYLOGFILE") else { return nil }
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CLIError.usage(
                "SSLKEYLOGFILE names \(path), which cannot be written: \(String(cString: strerror(errno)))")
        }
        log.warning("SSLKEYLOGFILE is set: the keys of all TLS connections are written to \(path)")
    }

    deinit { close(descriptor) }

    /// Writes a line.
    var tell: @Sendable (String) -> Void {
        { [self] line in
            let octets = Array((line + "\n").utf8)
            mutex.withLock { _ in _ = octets.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } }
        }
    }
}
