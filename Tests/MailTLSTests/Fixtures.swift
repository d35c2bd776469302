// What the tests of TLS share.

import Glibc
import Synchronization

@testable import MailTLS

/// Now, in seconds since 1970: certificates are checked against the clock of the machine.
func currentSeconds() -> Int64 { Int64(time(nil)) }

extension CertificateAuthority {
    /// An authority whose files are gone again.
    static func temporary(now: Int64) throws -> CertificateAuthority {
        var name = Array("/tmp/mailtls-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw TLSFailure("/tmp", "cannot be used") }
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            unlink(certificatePath(in: path))
            unlink(keyPath(in: path))
            rmdir(directory(in: path))
            rmdir(path)
        }
        return try create(in: path, days: 3_650, now: now - 400 * 86_400)
    }
}

/// Lines that came from any thread.
final class Told: Sendable {
    private let kept = Mutex<[String]>([])
    func add(_ line: String) { kept.withLock { $0.append(line) } }
    var lines: [String] { kept.withLock { $0 } }
}
