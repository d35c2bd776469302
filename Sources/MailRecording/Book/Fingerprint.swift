// Marks for what is not kept: digests in hex, keyed fingerprints of secrets.

import Crypto
import MailDialogue

/// Lower case hex.
package enum Hex {
    /// Two digits for each octet.
    package static func text(_ octets: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(64)
        for octet in octets {
            out.append(digit(octet >> 4))
            out.append(digit(octet & 15))
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}

extension SHA256 {
    /// Takes octets without a copy.
    mutating func update(_ octets: ArraySlice<UInt8>) {
        octets.withUnsafeBytes { update(bufferPointer: $0) }
    }

    /// A digest of digests that begins with one.
    init(of digest: SHA256) {
        self.init()
        update(digest)
    }

    /// Takes the 32 octets of a digest.
    mutating func update(_ digest: SHA256) {
        digest.finalize().withUnsafeBytes { update(bufferPointer: $0) }
    }

    /// The digest of what was taken, in hex.
    var hex: String { Hex.text(finalize()) }
}

/// The mark that a secret leaves in the index: the same secret has the same mark under the same key, and nothing else
/// can be learned from it without the key.
package enum Fingerprint {
    /// HMAC-SHA-256 (RFC 2104) of the secret in hex, cut to 16 digits.
    package static func of(_ secret: SecretBytes, key: [UInt8]) -> String {
        secret.withRevealed { octets in
            var outer = key
            if outer.count > 64 {
                var hash = SHA256()
                hash.update(outer[...])
                outer = Array(hash.finalize())
            }
            outer += [UInt8](repeating: 0, count: 64 - outer.count)
            var inside = SHA256()
            inside.update(outer.map { $0 ^ 0x36 }[...])
            inside.update(octets[...])
            var outside = SHA256()
            outside.update(outer.map { $0 ^ 0x5C }[...])
            outside.update(Array(inside.finalize())[...])
            return String(outside.hex.prefix(16))
        }
    }
}
