// The key that signs recordings: one for a machine, kept in the data directory beside the authority's, away from what it signs.

import CLinux
import Crypto
import Glibc
import MailMessage

/// An Ed25519 key (RFC 8032).
package struct ChainKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// The 32 octets of the public key.
    package var publicKey: ChainPublicKey { ChainPublicKey(key.publicKey) }

    /// Signs octets: 64 octets.
    func sign(_ octets: [UInt8]) -> [UInt8]? { (try? key.signature(for: octets)).map { Array($0) } }

    /// Where the key of a data directory is.
    package static func path(in data: String) -> String { data + "/chain/chain.key" }

    /// A key that is written nowhere.
    package static func ephemeral() -> ChainKey { ChainKey(key: Curve25519.Signing.PrivateKey()) }

    private init(key: Curve25519.Signing.PrivateKey) { self.key = key }

    /// Reads the key of a data directory; nil when there is none.
    package init?(in data: String) throws(RecorderError) {
        let path = Self.path(in: data)
        let descriptor = mp_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR { return nil }
            throw .failed(action: "read the key that signs recordings", path: path, reason: System.text(code))
        }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let text = System.read(descriptor, limit: 4_096)
        else { throw .chain("\(path): is no file that can be read") }
        guard status.st_mode & 0o077 == 0 else {
            throw .chain("\(path): can be read by others; take that away with 'chmod 600 \(path)'")
        }
        guard let der = PEM.decode(text, "PRIVATE KEY"), der.count == PEM.privateHead.count + 32,
            der.starts(with: PEM.privateHead),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: der.suffix(32))
        else { throw .chain("\(path): holds no Ed25519 key in PEM; move it away, and the next start makes another") }
        self.key = key
    }

    /// The key of a data directory, made when there is none. One that is there is never overwritten.
    package static func readOrMake(in data: String) throws(RecorderError) -> ChainKey {
        if let key = try ChainKey(in: data) { return key }
        let path = path(in: data)
        try System.makeDirectory(data + "/chain")
        let made = ephemeral()
        // Through a second name, so that the key is there whole or not at all.
        let fresh = path + ".new-\(getpid())"
        let calls = FileCalls()
        let descriptor = calls.create(fresh)
        guard descriptor >= 0 else { throw .failed(action: "make", path: fresh, reason: System.text(-descriptor)) }
        defer {
            Glibc.close(descriptor)
            unlink(fresh)
        }
        let octets = PEM.encode(PEM.privateHead + made.key.rawRepresentation, "PRIVATE KEY")
        let written = octets.withUnsafeBytes { calls.write(descriptor, $0) }
        guard written == octets.count, fchmod(descriptor, 0o600) == 0, calls.sync(descriptor) == 0 else {
            throw .failed(action: "write", path: fresh, reason: System.text(written < 0 ? Int32(-written) : errno))
        }
        guard mp_rename_noreplace(fresh, path) == 0 else {
            let code = errno
            // Somebody else made one at the same time: then that is the key.
            if code == EEXIST, let key = try ChainKey(in: data) { return key }
            throw .failed(action: "make", path: path, reason: System.text(code))
        }
        System.syncDirectory(data + "/chain")
        return made
    }
}

/// The public half, which those have who check.
package struct ChainPublicKey: Equatable, Sendable {
    /// 32 octets.
    let octets: [UInt8]

    init(_ key: Curve25519.Signing.PublicKey) { octets = Array(key.rawRepresentation) }

    /// Reads it as base64 of 32 octets, or as PEM.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        if let der = PEM.decode(bytes, "PUBLIC KEY") {
            guard der.count == PEM.publicHead.count + 32, der.starts(with: PEM.publicHead) else { return nil }
            octets = Array(der.suffix(32))
            return
        }
        guard bytes.count == 44, let octets = Base64.decode(bytes[...]), octets.count == 32 else { return nil }
        self.octets = octets
    }

    /// Base64, as in a chain.
    package var text: String { String(decoding: Base64.encode(octets), as: UTF8.self) }

    /// PEM (RFC 8410), as `openssl pkeyutl -pubin` reads it.
    package var pem: String { String(decoding: PEM.encode(PEM.publicHead + octets, "PUBLIC KEY"), as: UTF8.self) }

    /// Is `signature` of these octets, by this key?
    func hasSigned(_ octets: [UInt8], _ signature: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: self.octets) else { return false }
        return key.isValidSignature(signature, for: octets)
    }
}

/// PEM (RFC 7468) around the two forms of RFC 8410, which differ from key to key in their last 32 octets only.
enum PEM {
    static let privateHead: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]
    static let publicHead: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]

    static func encode(_ der: [UInt8], _ label: String) -> [UInt8] {
        // Both forms fit into one line of 64.
        Array("-----BEGIN \(label)-----\n".utf8) + Base64.encode(der) + Array("\n-----END \(label)-----\n".utf8)
    }

    static func decode(_ text: [UInt8], _ label: String) -> [UInt8]? {
        let lines = text.split(whereSeparator: { $0 == 10 || $0 == 13 })
        guard let first = lines.firstIndex(where: { $0.elementsEqual("-----BEGIN \(label)-----".utf8) }),
            let end = lines[first...].firstIndex(where: { $0.elementsEqual("-----END \(label)-----".utf8) })
        else { return nil }
        return Base64.decode(Array(lines[(first + 1)..<end].joined())[...])
    }
}
