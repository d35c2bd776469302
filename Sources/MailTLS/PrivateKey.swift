// Private keys. They are read, made and used, and never shown.

import COpenSSL

/// A private key.
///
/// Unchecked: OpenSSL counts references to keys with atomic operations and only reads them.
package final class PrivateKey: @unchecked Sendable {
    let handle: OpaquePointer

    /// Takes over a reference.
    private init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { EVP_PKEY_free(handle) }

    /// A fresh key on the curve P-256 (RFC 8422 §5.1.1).
    package static func make() throws(TLSFailure) -> PrivateKey {
        guard let handle = mp_p256_key() else { throw .openSSL("private key", "cannot be made") }
        return PrivateKey(handle)
    }

    /// The first private key of a PEM file (RFC 7468 §10).
    /// - Parameter name: how errors call it.
    package convenience init(pem: [UInt8], name: String) throws(TLSFailure) {
        let bio = pem.withUnsafeBytes { BIO_new_mem_buf($0.baseAddress, Int32(clamping: $0.count)) }
        defer { BIO_free(bio) }
        guard !Self.isEncrypted(pem) else {
            throw TLSFailure(
                name, "is encrypted, and nobody is there to give its passphrase",
                advice: "write it without one: 'openssl pkey -in \(name) -out NEW.key'")
        }
        // A password is never asked for at the terminal.
        let key = PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in 0 }, nil)
        guard let key else {
            throw .openSSL(
                name, "holds no private key that can be read",
                advice: "give a PEM file with an unencrypted PRIVATE KEY block")
        }
        self.init(key)
    }

    /// A block of the file says so (RFC 5958 §3, RFC 1421 §4.6.1.1).
    private static func isEncrypted(_ pem: [UInt8]) -> Bool {
        pem.split(separator: 10).contains { line in
            line.starts(with: Array("-----BEGIN ENCRYPTED PRIVATE KEY".utf8))
                || line.starts(with: Array("Proc-Type: 4,ENCRYPTED".utf8))
        }
    }

    /// The key in PEM, unencrypted (PKCS #8, RFC 5958). Every caller is a place to review.
    package func revealedPEM() throws(TLSFailure) -> [UInt8] {
        try Memory.write(about: "private key") { PEM_write_bio_PKCS8PrivateKey($0, self.handle, nil, nil, 0, nil, nil) }
    }
}

/// What OpenSSL writes into memory.
enum Memory {
    static func write(about subject: String, _ body: (OpaquePointer) -> Int32) throws(TLSFailure) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_mem()) else { throw .openSSL(subject, "no memory") }
        defer { BIO_free(bio) }
        guard body(bio) == 1 else { throw .openSSL(subject, "cannot be written") }
        var data: UnsafeMutablePointer<CChar>?
        let count = mp_bio_data(bio, &data)
        guard let data, count > 0 else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: data, count: count))
    }
}
