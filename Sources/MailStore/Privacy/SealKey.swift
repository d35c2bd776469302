// The keys that secrets are sealed with: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. Who
// records has the public one only.

import CLinux
import Crypto
import Glibc
import MailDialogue
import MailMessage
import MailRecording

/// What is wrong with a key that seals.
package struct SealKeyError: Error, Equatable, Sendable, CustomStringConvertible {
    package let path: String
    package let reason: String

    package var description: String { "\(path): \(reason)" }

    init(_ path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }
}

enum SealSuite {
    static let suite = HPKE.Ciphersuite.Curve25519_SHA256_ChachaPoly
    /// What sealed octets are for (RFC 9180 §5.1): they open for nothing else.
    static let purpose = Array("mailproxy sealed secret 1".utf8)
}

/// The half that seals.
package struct SealPublicKey: Equatable, Sendable {
    /// 32 octets.
    private let octets: [UInt8]
    /// Tells the key: the first 8 octets of its SHA-256, in hex.
    package let id: String

    fileprivate init(octets: [UInt8]) {
        self.octets = octets
        id = Hex.text(SHA256.hash(data: octets).prefix(8))
    }

    /// Reads it from PEM (RFC 8410), or as base64 of 32 octets.
    package init?(_ text: [UInt8]) {
        let trimmed = text[...].trimmed
        if let der = PEM.decode(text, "PUBLIC KEY") {
            guard der.count == PEM.exchangePublicHead.count + 32, der.starts(with: PEM.exchangePublicHead) else {
                return nil
            }
            self.init(octets: Array(der.suffix(32)))
        } else if trimmed.count == 44, let octets = Base64.decode(trimmed), octets.count == 32 {
            self.init(octets: octets)
        } else {
            return nil
        }
    }

    /// Reads a file.
    package init(path: String) throws(SealKeyError) {
        let octets = try SealKeyFile.read(path, isSecret: false)
        if PEM.decode(octets, "PRIVATE KEY") != nil {
            throw SealKeyError(path, "is a private key: keep it elsewhere, and give its public half to who records")
        }
        guard let key = SealPublicKey(octets) else { throw SealKeyError(path, "holds no X25519 public key in PEM") }
        self = key
    }

    /// PEM, as `openssl pkey -pubin` reads it.
    package var pem: String { PEM.encode(PEM.exchangePublicHead + octets, "PUBLIC KEY")[...].text }

    /// Seals octets: one encapsulated key for each, so that any of them opens without the others. Nil when they can't be.
    package func seal(
        _ secret: SecretBytes, session: String, leg: Leg, side: Side, octets count: Int
    ) -> SealedSecret? {
        guard let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: octets),
            var sender = try? HPKE.Sender(
                recipientKey: key, ciphersuite: SealSuite.suite, info: .init(SealSuite.purpose)),
            let box = secret.withRevealed({
                try? sender.seal($0, authenticating: SealedSecret.associated(session, leg, side, count))
            })
        else { return nil }
        return SealedSecret(
            session: session, leg: leg, side: side, octets: count, key: id,
            encapsulated: Array(sender.encapsulatedKey), box: Array(box))
    }
}

/// The half that opens what was sealed.
package struct SealPrivateKey: Sendable {
    private let key: Curve25519.KeyAgreement.PrivateKey

    /// The other half.
    package var publicKey: SealPublicKey { SealPublicKey(octets: Array(key.publicKey.rawRepresentation)) }

    /// A new one, written nowhere.
    package init() { key = Curve25519.KeyAgreement.PrivateKey() }

    /// Reads a file, which nobody but its owner may read.
    package init(path: String) throws(SealKeyError) {
        let octets = try SealKeyFile.read(path, isSecret: true)
        if PEM.decode(octets, "PUBLIC KEY") != nil {
            throw SealKeyError(path, "is a public key, which seals; what was sealed opens with its private half")
        }
        guard let der = PEM.decode(octets, "PRIVATE KEY"), der.count == PEM.exchangePrivateHead.count + 32,
            der.starts(with: PEM.exchangePrivateHead),
            let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: der.suffix(32))
        else { throw SealKeyError(path, "holds no X25519 private key in PEM") }
        self.key = key
    }

    /// PEM (RFC 8410), as `openssl pkey` reads it.
    package var pem: String { PEM.encode(PEM.exchangePrivateHead + key.rawRepresentation, "PRIVATE KEY")[...].text }

    /// The octets that were sealed; nil when this key does not open them, or they are not as they were sealed.
    package func open(_ secret: SealedSecret) -> [UInt8]? {
        guard
            var recipient = try? HPKE.Recipient(
                privateKey: key, ciphersuite: SealSuite.suite, info: .init(SealSuite.purpose),
                encapsulatedKey: .init(secret.encapsulated)),
            let octets = try? recipient.open(secret.box, authenticating: secret.associated)
        else { return nil }
        return octets.count == secret.octets ? Array(octets) : nil
    }
}

/// Files of keys that seal.
package enum SealKeyFile {
    private static let longest = 4_096

    /// Where `mailproxy seal create` puts them in a data directory.
    package static func privatePath(in data: String) -> String { data + "/seal/seal.key" }
    package static func publicPath(in data: String) -> String { data + "/seal/seal.pub" }

    static func read(_ path: String, isSecret: Bool) throws(SealKeyError) -> [UInt8] {
        let descriptor = mp_open(path, O_RDONLY | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw SealKeyError(path, "cannot be read: \(System.text(errno))") }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let text = System.read(descriptor, limit: longest)
        else { throw SealKeyError(path, "is no file that can be read") }
        guard !isSecret || status.st_mode & 0o077 == 0 else {
            throw SealKeyError(path, "can be read by others; take that away with 'chmod 600 \(path)'")
        }
        return text
    }

    /// Writes a new pair into a data directory. Neither file is ever overwritten.
    package static func create(_ key: SealPrivateKey, in data: String) throws(SealKeyError) {
        for path in [privatePath(in: data), publicPath(in: data)] {
            var status = stat()
            guard lstat(path, &status) != 0 else {
                throw SealKeyError(
                    path, "is there already, and what was sealed to it needs it: it is never overwritten")
            }
        }
        do throws(RecorderError) { try System.makeDirectory(data + "/seal") } catch {
            throw SealKeyError(data + "/seal", "\(error)")
        }
        try write(key.pem, to: privatePath(in: data))
        try write(key.publicKey.pem, to: publicPath(in: data))
    }

    /// Writes a file that must not exist, mode 0600.
    package static func write(_ text: String, to path: String) throws(SealKeyError) {
        let calls = FileCalls()
        // Through a second name, so that it is there whole or not at all.
        let fresh = path + ".new-\(getpid())"
        let descriptor = calls.create(fresh)
        guard descriptor >= 0 else { throw SealKeyError(path, "cannot be made: \(System.text(-descriptor))") }
        defer {
            Glibc.close(descriptor)
            unlink(fresh)
        }
        let octets = Array(text.utf8)
        let written = octets.withUnsafeBytes { calls.write(descriptor, $0) }
        guard written == octets.count, calls.sync(descriptor) == 0 else {
            throw SealKeyError(path, "cannot be written: \(System.text(written < 0 ? Int32(-written) : EIO))")
        }
        guard mp_rename_noreplace(fresh, path) == 0 else {
            let code = errno
            throw SealKeyError(
                path,
                code == EEXIST ? "is there already: it is never overwritten" : "cannot be made: \(System.text(code))"
            )
        }
    }
}

extension PEM {
    /// X25519 (RFC 8410 §3), whose forms differ from those of Ed25519 in the last octet of the object identifier.
    fileprivate static let exchangePrivateHead: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x6E, 0x04, 0x22, 0x04, 0x20,
    ]
    fileprivate static let exchangePublicHead: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x6E, 0x03, 0x21, 0x00,
    ]
}
