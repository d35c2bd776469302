// Our own certificate authority: it vouches for the names of those whom clients believe to speak to. Its key never leaves the
// data directory; who has it can pass for any server at the clients that trust it.

import COpenSSL
import Glibc

/// A key, and the certificate that clients are told to trust.
package struct CertificateAuthority: Sendable {
    /// For how long the certificates of servers hold, in seconds: 90 days, and a day before for clocks that are behind.
    package static let leafLifetime: Int64 = 90 * 86_400
    private static let backdating: Int64 = 86_400
    /// Names in one certificate. Many upstreams have some hundreds.
    package static let mostNames = 1_000

    package let certificate: Certificate
    private let key: PrivateKey
    /// All leaves have this key: making one costs more than a signature.
    package let leafKey: PrivateKey

    private init(_ certificate: Certificate, _ key: PrivateKey) throws(TLSFailure) {
        self.certificate = certificate
        self.key = key
        leafKey = try .make()
    }

    // MARK: Files

    /// The directory of the authority in a data directory, and its two files.
    package static func directory(in data: String) -> String { data + "/ca" }
    package static func certificatePath(in data: String) -> String { directory(in: data) + "/ca.crt" }
    package static func keyPath(in data: String) -> String { directory(in: data) + "/ca.key" }

    /// Makes an authority and writes it below `data`, which exists. An authority that is there is never overwritten.
    /// - Parameters:
    ///   - name: the common name; one that tells authorities apart when empty.
    ///   - days: for how many days from now it holds.
    ///   - now: seconds since 1970.
    package static func create(
        in data: String, name: String = "", days: Int, now: Int64
    ) throws(TLSFailure) -> CertificateAuthority {
        guard days > 0, days <= 36_500 else {
            throw TLSFailure("--days \(days)", "is no lifetime", advice: "give 1 to 36500 days")
        }
        guard name.utf8.count <= 64 else {
            throw TLSFailure(
                "--name", "has more than 64 octets", advice: "a common name holds 64 (RFC 5280 appendix A.1)")
        }
        for path in [certificatePath(in: data), keyPath(in: data)] where access(path, F_OK) == 0 {
            throw TLSFailure(
                path, "exists, and clients may trust it",
                advice: "use it ('mailproxy ca show'), or move both files away to make another")
        }
        let directory = directory(in: data)
        if mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw TLSFailure(directory, "cannot be made: \(String(cString: strerror(errno)))")
        }
        let key = try PrivateKey.make()
        let certificate = try makeRoot(key, name, from: now - backdating, to: now + Int64(days) * 86_400)
        // The key first: a certificate without it would be worth nothing, and is refused when it is read.
        try write(try key.revealedPEM(), to: keyPath(in: data), mode: 0o600)
        do throws(TLSFailure) {
            try write(try certificate.pem, to: certificatePath(in: data), mode: 0o644)
        } catch {
            unlink(keyPath(in: data))
            throw error
        }
        return try CertificateAuthority(certificate, key)
    }

    /// An authority that nobody knows, and that is written nowhere: it goes with the process.
    /// - Parameter now: seconds since 1970.
    package static func ephemeral(name: String, now: Int64) throws(TLSFailure) -> CertificateAuthority {
        let key = try PrivateKey.make()
        return try CertificateAuthority(
            makeRoot(key, name, from: now - backdating, to: now + 3_650 * 86_400), key)
    }

    /// Reads the authority below `data`.
    package init(in data: String, now: Int64) throws(TLSFailure) {
        let certificatePath = Self.certificatePath(in: data)
        let keyPath = Self.keyPath(in: data)
        guard access(certificatePath, F_OK) == 0 else {
            throw TLSFailure(certificatePath, "there is no authority", advice: "make one with 'mailproxy ca create'")
        }
        let certificate = try Certificate.read(pem: PEMFile.read(certificatePath), name: certificatePath)[0]
        let key = try PrivateKey(pem: PEMFile.readSecret(keyPath), name: keyPath)
        guard certificate.fits(key) else {
            throw TLSFailure(
                keyPath, "is not the key of \(certificatePath)",
                advice: "put back the two files that were made together")
        }
        guard certificate.isAuthority else {
            throw TLSFailure(
                certificatePath, "may not sign others", advice: "it has to be a certificate of an authority")
        }
        guard certificate.notAfter > now else {
            throw TLSFailure(
                certificatePath, "has expired",
                advice: "move ca.crt and ca.key away, 'mailproxy ca create', and let clients trust the new one")
        }
        try self.init(certificate, key)
    }

    private static func write(_ octets: [UInt8], to path: String, mode: mode_t) throws(TLSFailure) {
        func fail(_ what: String) -> TLSFailure {
            TLSFailure(path, "cannot be \(what): \(String(cString: strerror(errno)))")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw fail("made") }
        defer { close(descriptor) }
        // Whatever the umask says, the key is for its owner alone and the certificate for everybody.
        var left = octets[...]
        var isGood = fchmod(descriptor, mode) == 0
        while isGood, !left.isEmpty {
            let count = left.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { left = left.dropFirst(count) } else if count == 0 || errno != EINTR { isGood = false }
        }
        guard isGood, fsync(descriptor) == 0 else {
            let failure = fail("written")
            unlink(path)
            throw failure
        }
    }

    // MARK: Certificates

    private static func makeRoot(
        _ key: PrivateKey, _ name: String, from: Int64, to: Int64
    ) throws(TLSFailure) -> Certificate {
        let certificate = try begin(key, from: from, to: to)
        let common = name.isEmpty ? "MailProxy CA \(certificate.keyPin.prefix(4).hex)" : name
        try entitle(certificate, [("O", "MailProxy"), ("CN", common)])
        X509_set_issuer_name(certificate.handle, X509_get_subject_name(certificate.handle))
        try extend(
            certificate, certificate,
            [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"), (NID_subject_key_identifier, "hash"),
            ])
        try sign(certificate, key)
        return certificate
    }

    /// A certificate for a server that has these names, signed by this authority, with ``leafKey``.
    /// - Parameter now: seconds since 1970.
    package func mint(_ names: [CertificateName], now: Int64) throws(TLSFailure) -> Certificate {
        try mint(
            names, from: max(now - Self.backdating, certificate.notBefore),
            to: min(now + Self.leafLifetime, certificate.notAfter))
    }

    /// The same for a time of one's own, in seconds since 1970, whether the authority has that or not.
    package func mint(_ names: [CertificateName], from: Int64, to end: Int64) throws(TLSFailure) -> Certificate {
        guard let first = names.first else { throw TLSFailure("certificate", "for no name") }
        let leaf = try Self.begin(leafKey, from: from, to: end)
        // The names are in the extension; a common name is for people, and holds 64 octets.
        let title = first.description
        if title.utf8.count <= 64 { try Self.entitle(leaf, [("CN", title)]) }
        guard X509_set_issuer_name(leaf.handle, X509_get_subject_name(certificate.handle)) == 1 else {
            throw .openSSL(title, "no certificate can be made")
        }
        try Self.extend(
            leaf, certificate,
            [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid"),
            ])
        guard let list = mp_new_names() else { throw .openSSL(title, "no memory") }
        defer { mp_free_names(list) }
        for name in names.prefix(Self.mostNames) {
            let isAdded =
                switch name {
                case .dns(let name):
                    name.utf8CString.withUnsafeBytes { octets in
                        octets.baseAddress.map { mp_append_name(list, GEN_DNS, $0, Int32(octets.count - 1)) } ?? 0
                    }
                case .address(let octets): mp_append_name(list, GEN_IPADD, octets, Int32(octets.count))
                }
            guard isAdded == 1 else { throw .openSSL("\(name)", "cannot be named in a certificate") }
        }
        guard mp_add_names(leaf.handle, list) == 1 else { throw .openSSL(title, "no certificate can be made") }
        try Self.sign(leaf, key)
        return leaf
    }

    /// A certificate with a number, a time and a public key, which is not signed yet.
    private static func begin(_ key: PrivateKey, from: Int64, to: Int64) throws(TLSFailure) -> Certificate {
        guard let handle = X509_new() else { throw .openSSL("certificate", "no memory") }
        let certificate = Certificate(handle)
        guard X509_set_version(handle, 2) == 1, setSerial(handle),
            let start = ASN1_TIME_set(nil, time_t(from)), X509_set1_notBefore(handle, start) == 1,
            let end = ASN1_TIME_set(nil, time_t(to)), X509_set1_notAfter(handle, end) == 1,
            X509_set_pubkey(handle, key.handle) == 1
        else { throw .openSSL("certificate", "cannot be made") }
        ASN1_TIME_free(start)
        ASN1_TIME_free(end)
        return certificate
    }

    /// A random positive number of 127 bits: never the same twice, and not to be guessed (RFC 5280 §4.1.2.2).
    private static func setSerial(_ certificate: OpaquePointer) -> Bool {
        var octets = [UInt8](repeating: 0, count: 16)
        guard RAND_bytes(&octets, 16) == 1 else { return false }
        octets[0] = octets[0] & 0x3F | 0x40
        guard let number = BN_bin2bn(octets, 16, nil) else { return false }
        defer { BN_free(number) }
        return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
    }

    private static func entitle(_ certificate: Certificate, _ parts: [(String, String)]) throws(TLSFailure) {
        let name = X509_get_subject_name(certificate.handle)
        for (field, value) in parts {
            let octets = Array(value.utf8)
            guard X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, octets, Int32(octets.count), -1, 0) == 1 else {
                throw .openSSL("name '\(value)'", "cannot stand in a certificate")
            }
        }
    }

    private static func extend(
        _ certificate: Certificate, _ issuer: Certificate, _ extensions: [(Int32, String)]
    ) throws(TLSFailure) {
        for (kind, value) in extensions where mp_add_extension(certificate.handle, issuer.handle, kind, value) != 1 {
            throw .openSSL("certificate", "cannot have \(value)")
        }
    }

    private static func sign(_ certificate: Certificate, _ key: PrivateKey) throws(TLSFailure) {
        guard X509_sign(certificate.handle, key.handle, EVP_sha256()) > 0 else {
            throw .openSSL("certificate", "cannot be signed")
        }
    }
}
