// Opens protected records with their keys: AEAD of TLS 1.3 (RFC 8446 §5.2) and 1.2 (RFC 5288 §3, RFC 7905 §2), CBC with HMAC of TLS 1.2
// and before (RFC 5246 §6.2.3), in both orders (RFC 7366). And the ways from secrets to keys (RFC 8446 §7, RFC 5246 §5 and §6.3).

import Crypto

/// From secrets to keys.
enum TLSSchedule {
    /// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
    static func expand(_ secret: [UInt8], _ label: String, _ length: Int, _ hash: CipherSuite.Hash) -> [UInt8] {
        let name = Array("tls13 \(label)".utf8)
        var info: [UInt8] = [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
        info.append(UInt8(truncatingIfNeeded: name.count))
        info += name
        info.append(0)
        let key = SymmetricKey(data: secret)
        switch hash {
        case .sha1, .sha256:
            return octets(HKDF<SHA256>.expand(pseudoRandomKey: key, info: info, outputByteCount: length))
        case .sha384: return octets(HKDF<SHA384>.expand(pseudoRandomKey: key, info: info, outputByteCount: length))
        }
    }

    private static func octets(_ key: SymmetricKey) -> [UInt8] { key.withUnsafeBytes { Array($0) } }

    /// The key block of a connection (RFC 5246 §6.3): so many octets.
    /// - Parameter hash: nil before TLS 1.2 (RFC 2246 §5: MD5 and SHA-1, each with its half of the secret).
    static func keyBlock(
        master: [UInt8], serverRandom: [UInt8], clientRandom: [UInt8], _ length: Int, _ hash: CipherSuite.Hash?
    ) -> [UInt8] {
        let seed = Array("key expansion".utf8) + serverRandom + clientRandom
        switch hash {
        case .sha384: return expand(SHA384.self, master, seed, length)
        case .sha256, .sha1: return expand(SHA256.self, master, seed, length)
        case nil:
            let half = (master.count + 1) / 2
            let first = expand(Insecure.MD5.self, Array(master.prefix(half)), seed, length)
            let second = expand(Insecure.SHA1.self, Array(master.suffix(half)), seed, length)
            return zip(first, second).map { $0 ^ $1 }
        }
    }

    /// P_hash (RFC 5246 §5).
    private static func expand<H: HashFunction>(
        _ hash: H.Type, _ secret: [UInt8], _ seed: [UInt8], _ length: Int
    ) -> [UInt8] {
        let key = SymmetricKey(data: secret)
        var out: [UInt8] = []
        var a = seed
        while out.count < length {
            a = Array(HMAC<H>.authenticationCode(for: a, using: key))
            out += Array(HMAC<H>.authenticationCode(for: a + seed, using: key))
        }
        return Array(out.prefix(length))
    }
}

/// The key of one direction, and how it opens.
struct RecordOpener: Sendable {
    private enum Way: Sendable {
        case tls13(Cipher)
        /// The salt stands before the explicit part of the nonce.
        case gcm12(Cipher, salt: [UInt8])
        case chacha12(Cipher)
        case cbc(AESDecryption, mac: [UInt8], hash: CipherSuite.Hash, order: MACOrder, chained: Bool)
    }

    private enum MACOrder { case macThenEncrypt, encryptThenMAC }

    private struct Cipher: Sendable {
        var isChaCha: Bool
        var key: SymmetricKey
        var iv: [UInt8]
    }

    private let way: Way
    /// In TLS 1.0 the last block of a record is the IV of the next (RFC 2246 §6.2.3.2).
    private var lastBlock: [UInt8] = []

    /// Of TLS 1.3, from a traffic secret. Nil for suites that are not opened.
    init?(secret: [UInt8], suite: CipherSuite) {
        let isChaCha: Bool
        let length: Int
        switch suite.protection {
        case .gcm(let key): (isChaCha, length) = (false, key)
        case .chacha: (isChaCha, length) = (true, 32)
        case .cbc, nil: return nil
        }
        guard secret.count == suite.hash.length else { return nil }
        way = .tls13(
            Cipher(
                isChaCha: isChaCha, key: SymmetricKey(data: TLSSchedule.expand(secret, "key", length, suite.hash)),
                iv: TLSSchedule.expand(secret, "iv", 12, suite.hash)))
    }

    /// Both directions of TLS 1.2 and before (RFC 5246 §6.3). Nil for suites that are not opened.
    static func pair(
        master: [UInt8], clientRandom: [UInt8], serverRandom: [UInt8], suite: CipherSuite, version: UInt16,
        encryptThenMAC: Bool
    ) -> (client: RecordOpener, server: RecordOpener)? {
        guard let protection = suite.protection else { return nil }
        let lengths: (mac: Int, key: Int, iv: Int)
        switch protection {
        case .gcm(let key): lengths = (0, key, 4)
        case .chacha: lengths = (0, 32, 12)
        case .cbc(let key, let mac): lengths = (mac.length, key, version <= 0x0301 ? 16 : 0)
        }
        let block = TLSSchedule.keyBlock(
            master: master, serverRandom: serverRandom, clientRandom: clientRandom,
            2 * (lengths.mac + lengths.key + lengths.iv), version >= 0x0303 ? suite.hash : nil)
        var fields = TLSFields(block[...])
        guard let clientMAC = fields.take(lengths.mac), let serverMAC = fields.take(lengths.mac),
            let clientKey = fields.take(lengths.key), let serverKey = fields.take(lengths.key),
            let clientIV = fields.take(lengths.iv), let serverIV = fields.take(lengths.iv)
        else { return nil }
        func opener(_ mac: ArraySlice<UInt8>, _ key: ArraySlice<UInt8>, _ iv: ArraySlice<UInt8>) -> RecordOpener {
            let symmetric = SymmetricKey(data: Array(key))
            switch protection {
            case .gcm:
                return RecordOpener(.gcm12(Cipher(isChaCha: false, key: symmetric, iv: []), salt: Array(iv)))
            case .chacha: return RecordOpener(.chacha12(Cipher(isChaCha: true, key: symmetric, iv: Array(iv))))
            case .cbc(_, let hash):
                return RecordOpener(
                    .cbc(
                        AESDecryption(key: Array(key)), mac: Array(mac), hash: hash,
                        order: encryptThenMAC ? .encryptThenMAC : .macThenEncrypt, chained: version <= 0x0301),
                    lastBlock: Array(iv))
            }
        }
        return (opener(clientMAC, clientKey, clientIV), opener(serverMAC, serverKey, serverIV))
    }

    private init(_ way: Way, lastBlock: [UInt8] = []) {
        self.way = way
        self.lastBlock = lastBlock
    }

    /// A record's content and its true type; nil when it was not made with this key and this number.
    mutating func open(
        _ type: UInt8, version: (UInt8, UInt8), _ payload: ArraySlice<UInt8>, number: UInt64
    ) -> (type: UInt8, content: [UInt8])? {
        switch way {
        case .tls13(let cipher):
            guard payload.count > 16 else { return nil }
            let header = [type, version.0, version.1, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
            guard
                var inner = Self.open(
                    cipher, nonce: Self.nonce(cipher.iv, number), payload, authenticating: header)
            else { return nil }
            // Zeros pad, the octet before them is the type (RFC 8446 §5.2).
            while inner.last == 0 { inner.removeLast() }
            guard let type = inner.popLast() else { return nil }
            return (type, inner)
        case .gcm12(let cipher, let salt):
            guard payload.count >= 24 else { return nil }
            let header = Self.header(number, type, version, payload.count - 24)
            return Self.open(
                cipher, nonce: salt + Array(payload.prefix(8)), payload.dropFirst(8), authenticating: header
            ).map { (type, $0) }
        case .chacha12(let cipher):
            guard payload.count >= 16 else { return nil }
            let header = Self.header(number, type, version, payload.count - 16)
            return Self.open(cipher, nonce: Self.nonce(cipher.iv, number), payload, authenticating: header).map {
                (type, $0)
            }
        case .cbc(let aes, let mac, let hash, let order, let chained):
            return openBlocks(aes, mac, hash, order, chained, type, version, payload, number).map { (type, $0) }
        }
    }

    /// The number, padded on the left, is combined with the IV (RFC 8446 §5.3).
    private static func nonce(_ iv: [UInt8], _ number: UInt64) -> [UInt8] {
        var nonce = iv
        for index in 0..<min(8, nonce.count) {
            nonce[nonce.count - 1 - index] ^= UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
        }
        return nonce
    }

    /// seq_num, type, version, length (RFC 5246 §6.2.3.3).
    private static func header(_ number: UInt64, _ type: UInt8, _ version: (UInt8, UInt8), _ length: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
            + [type, version.0, version.1, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
    }

    private static func open(
        _ cipher: Cipher, nonce: [UInt8], _ sealed: ArraySlice<UInt8>, authenticating header: [UInt8]
    ) -> [UInt8]? {
        guard sealed.count >= 16 else { return nil }
        let body = Array(sealed.dropLast(16))
        let tag = Array(sealed.suffix(16))
        if cipher.isChaCha {
            guard let nonce = try? ChaChaPoly.Nonce(data: nonce),
                let box = try? ChaChaPoly.SealedBox(nonce: nonce, ciphertext: body, tag: tag),
                let plain = try? ChaChaPoly.open(box, using: cipher.key, authenticating: header)
            else { return nil }
            return Array(plain)
        }
        guard let nonce = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: body, tag: tag),
            let plain = try? AES.GCM.open(box, using: cipher.key, authenticating: header)
        else { return nil }
        return Array(plain)
    }

    // MARK: CBC

    private mutating func openBlocks(
        _ aes: AESDecryption, _ mac: [UInt8], _ hash: CipherSuite.Hash, _ order: MACOrder, _ chained: Bool,
        _ type: UInt8, _ version: (UInt8, UInt8), _ payload: ArraySlice<UInt8>, _ number: UInt64
    ) -> [UInt8]? {
        var sealed = payload
        switch order {
        case .macThenEncrypt: break
        case .encryptThenMAC:
            // Over what was sent, IV included (RFC 7366 §3).
            guard payload.count > hash.length else { return nil }
            sealed = payload.dropLast(hash.length)
            let header = Self.header(number, type, version, sealed.count)
            guard Self.mac(header + Array(sealed), mac, hash).elementsEqual(payload.suffix(hash.length)) else {
                return nil
            }
        }
        let iv: [UInt8]
        if chained {
            iv = lastBlock
        } else {
            iv = Array(sealed.prefix(16))
            sealed = sealed.dropFirst(16)
        }
        guard iv.count == 16, !sealed.isEmpty, sealed.count % 16 == 0 else { return nil }
        var plain = aes.openCBC(sealed, iv: iv)
        if chained { lastBlock = Array(sealed.suffix(16)) }
        // Each octet of the padding is its length, and so is the octet behind it (RFC 5246 §6.2.3.2).
        let padding = Int(plain.last ?? 0) + 1
        guard plain.count >= padding, plain.suffix(padding).allSatisfy({ Int($0) == padding - 1 }) else { return nil }
        plain.removeLast(padding)
        switch order {
        case .encryptThenMAC: return plain
        case .macThenEncrypt:
            guard plain.count >= hash.length else { return nil }
            let content = Array(plain.dropLast(hash.length))
            let header = Self.header(number, type, version, content.count)
            return Self.mac(header + content, mac, hash).elementsEqual(plain.suffix(hash.length)) ? content : nil
        }
    }

    private static func mac(_ octets: [UInt8], _ key: [UInt8], _ hash: CipherSuite.Hash) -> [UInt8] {
        let key = SymmetricKey(data: key)
        switch hash {
        case .sha1: return Array(HMAC<Insecure.SHA1>.authenticationCode(for: octets, using: key))
        case .sha256: return Array(HMAC<SHA256>.authenticationCode(for: octets, using: key))
        case .sha384: return Array(HMAC<SHA384>.authenticationCode(for: octets, using: key))
        }
    }
}
