// The authority that `run` signs certificates with: read when it is there, made when it is needed and is not.

import Glibc
import MailTLS
import Synchronization

/// The authority of a data directory. Any thread may ask.
final class Authority: Sendable {
    private let directory: String
    private let log: Log
    private let privileges: Privileges?
    private let made = Mutex<CertificateMinter?>(nil)

    /// - Parameters:
    ///   - directory: the data directory; made with the authority when it is missing.
    ///   - privileges: whose it is to be.
    init(in directory: String, _ log: Log, for privileges: Privileges? = nil) {
        self.directory = directory
        self.privileges = privileges
        self.log = log
    }

    /// One that is there must be good, whether it is needed or not.
    func check() throws(TLSFailure) { if exists { _ = try minter() } }

    /// Signs certificates. The first who asks has the authority read or made.
    func minter() throws(TLSFailure) -> CertificateMinter {
        try made.withLock { (made: inout CertificateMinter?) throws(TLSFailure) in
            if let made { return made }
            let minter = CertificateMinter(try authority())
            made = minter
            return minter
        }
    }

    private var exists: Bool { access(CertificateAuthority.certificatePath(in: directory), F_OK) == 0 }

    private func authority() throws(TLSFailure) -> CertificateAuthority {
        if let privileges, !privileges.actAsUser() {
            throw TLSFailure(directory, "cannot be made for \(privileges.name): \(String(cString: strerror(errno)))")
        }
        defer { privileges?.actAsRoot() }
        if exists { return try CertificateAuthority(in: directory, now: CACommand.now) }
        var path = ""
        for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
            path += part + "/"
            if path != "/", mkdir(path, 0o700) != 0, errno != EEXIST {
                throw TLSFailure(directory, "cannot be made: \(String(cString: strerror(errno)))")
            }
        }
        let authority = try CertificateAuthority.create(in: directory, days: CACreate.lifetime, now: CACommand.now)
        log.info(
            "made an authority for certificates: clients have to trust \(CertificateAuthority.certificatePath(in: directory)) ('mailproxy ca show' says how)"
        )
        return authority
    }
}
