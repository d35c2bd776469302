// The hash functions of SASL mechanisms, and what SCRAM builds of them (RFC 5802 §2.2). Comparisons of what is secret
// take a time that does not depend on where the two differ.

import Crypto

/// The hash of a SCRAM mechanism; the raw value is its part of the mechanism's name.
package enum SASLHash: String, Sendable, Hashable, CaseIterable {
    case sha1 = "SHA-1"
    case sha256 = "SHA-256"
    case sha512 = "SHA-512"

    /// More than this costs a client seconds and is refused: OWASP's highest advice for PBKDF2 is 1,300,000 with SHA-1
    /// and 600,000 with SHA-256, servers of mail use 4,096 to 100,000.
    package static let mostIterations = 1_000_000

    /// Octets of the result.
    package var size: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        case .sha512: 64
        }
    }

    /// H(octets).
    package func hash(_ octets: [UInt8]) -> [UInt8] {
        switch self {
        case .sha1: Array(Insecure.SHA1.hash(data: octets))
        case .sha256: Array(SHA256.hash(data: octets))
        case .sha512: Array(SHA512.hash(data: octets))
        }
    }

    /// HMAC(key, octets).
    package func code(_ key: [UInt8], _ octets: [UInt8]) -> [UInt8] {
        switch self {
        case .sha1: Self.code(HMAC<Insecure.SHA1>.self, key, octets)
        case .sha256: Self.code(HMAC<SHA256>.self, key, octets)
        case .sha512: Self.code(HMAC<SHA512>.self, key, octets)
        }
    }

    /// Hi(password, salt, iterations): PBKDF2 with one block of output. Nil when the count is none or beyond
    /// `mostIterations`.
    package func salted(_ password: SecretBytes, salt: [UInt8], iterations: Int) -> SecretBytes? {
        guard (1...Self.mostIterations).contains(iterations) else { return nil }
        return password.withRevealed { password in
            switch self {
            case .sha1: SecretBytes(Self.salted(Insecure.SHA1.self, password, salt, iterations))
            case .sha256: SecretBytes(Self.salted(SHA256.self, password, salt, iterations))
            case .sha512: SecretBytes(Self.salted(SHA512.self, password, salt, iterations))
            }
        }
    }

    /// HMAC-MD5 in lower-case hexadecimal: the digest of CRAM-MD5 (RFC 2195 §2).
    package static func md5Code(_ key: [UInt8], _ octets: [UInt8]) -> [UInt8] {
        Hexadecimal.lower(code(HMAC<Insecure.MD5>.self, key, octets))
    }

    /// MD5 in lower-case hexadecimal: the digest of APOP (RFC 1939 §7).
    package static func md5(_ octets: [UInt8]) -> [UInt8] { Hexadecimal.lower(Insecure.MD5.hash(data: octets)) }

    private static func code<H: HashFunction>(_: HMAC<H>.Type, _ key: [UInt8], _ octets: [UInt8]) -> [UInt8] {
        Array(HMAC<H>.authenticationCode(for: octets, using: SymmetricKey(data: key)))
    }

    /// HMAC by its definition (RFC 2104 §2), so that the two keyed blocks are hashed once and not in every iteration.
    private static func salted<H: HashFunction>(
        _: H.Type, _ password: [UInt8], _ salt: [UInt8], _ iterations: Int
    ) -> [UInt8] {
        let key = password.count > H.blockByteCount ? Array(H.hash(data: password)) : password
        let block = key + [UInt8](repeating: 0, count: H.blockByteCount - key.count)
        var inner = H()
        inner.update(data: block.map { $0 ^ 0x36 })
        var outer = H()
        outer.update(data: block.map { $0 ^ 0x5C })
        var last = salt + [0, 0, 0, 1]
        var result = [UInt8](repeating: 0, count: H.Digest.byteCount)
        for _ in 0..<iterations {
            var hash = inner
            last.withUnsafeBytes { hash.update(bufferPointer: $0) }
            let digest = hash.finalize()
            hash = outer
            digest.withUnsafeBytes { hash.update(bufferPointer: $0) }
            hash.finalize().withUnsafeBytes { octets in
                last.removeAll(keepingCapacity: true)
                last.append(contentsOf: octets)
                for index in 0..<min(result.count, octets.count) { result[index] ^= octets[index] }
            }
        }
        return result
    }
}

/// Octets in hexadecimal.
package enum Hexadecimal {
    /// Two lower-case digits an octet.
    package static func lower(_ octets: some Sequence<UInt8>) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return octets.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// A digit as the RFCs on digests write them: 0 to 9 and a to f, no capitals.
    package static func isLowerDigit(_ octet: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(octet)
    }
}

extension SecretBytes {
    /// The octets of a text.
    package init(_ text: String) { self.init(text.utf8) }

    /// Compares in a time that depends on the lengths only.
    package static func == (one: SecretBytes, other: SecretBytes) -> Bool {
        one.withRevealed { one in other.withRevealed { isSame(one, $0) } }
    }

    /// The octets are the same; the time it takes depends on the lengths only.
    package static func isSame(_ one: some Collection<UInt8>, _ other: some Collection<UInt8>) -> Bool {
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
