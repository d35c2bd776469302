// Follows a SASL exchange from outside (RFC 4422): takes the base64 of the client's responses, says which account and
// which secret they show, and how they look with the secret masked in the same length. The outcome is the protocol's to
// tell.

import MailMessage

/// A SASL exchange under way.
package struct SASLFollower: Equatable, Sendable {
    /// The mechanism in capitals.
    package let mechanism: String
    private var responses = 0
    private var account = ""
    private var toldUnreadable = false

    /// What a response shows.
    package struct Reading: Equatable, Sendable {
        /// The base64 with the secret masked; nil when nothing in it is secret.
        package var masked: [UInt8]?
        /// The credential, when this response completes it.
        package var credential: Credential?
        /// What the client broke in it; belongs on the note of the line that holds the response.
        package var violations: [Violation] = []
    }

    package init(mechanism: String) { self.mechanism = mechanism }

    /// The mechanism can take up a security layer: after its success the octets may be wrapped (RFC 4422 §3.7).
    package var mayInstallLayer: Bool {
        switch mechanism {
        case "GSSAPI", "DIGEST-MD5", "GSS-SPNEGO", "NTLM", "KERBEROS_V4", "SRP": true
        default: mechanism.hasPrefix("GS2-")
        }
    }

    /// The server sent `base64` (without the 334 or `+` before it and without line end). What it broke in it belongs on
    /// the note of that line. To be called for every challenge, the empty ones too: it tells an initial response from an
    /// answer.
    package mutating func challenge(_ base64: ArraySlice<UInt8>) -> [Violation] { [] }

    /// The client sent `base64` (without line end; `=` stands for the empty initial response, RFC 4954 §4).
    package mutating func response(_ base64: ArraySlice<UInt8>) -> Reading {
        responses += 1
        if base64.isEmpty || base64.elementsEqual([UInt8(ascii: "=")]) { return Reading() }
        if base64.elementsEqual([UInt8(ascii: "*")]) { return Reading() }
        guard let octets = Base64.decode(base64) else { return unreadable(base64) }
        switch mechanism {
        case "PLAIN": return plain(octets, base64)
        case "LOGIN": return login(octets, base64)
        case "CRAM-MD5": return cram(octets, base64)
        case "XOAUTH2", "OAUTHBEARER": return bearer(octets)
        case "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-512-PLUS":
            return scram(octets, base64)
        case "EXTERNAL", "ANONYMOUS":
            return Reading(
                credential: Credential(mechanism: mechanism, account: octets[...].text, secret: SecretBytes([])))
        default: return unreadable(base64)
        }
    }

    /// RFC 4616 §2: authzid NUL authcid NUL passwd.
    private mutating func plain(_ octets: [UInt8], _ base64: ArraySlice<UInt8>) -> Reading {
        let fields = octets.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return unreadable(base64) }
        return reading(octets, secret: fields[2], account: fields[1])
    }

    /// The account comes first, the password second; nothing but custom defines it.
    private mutating func login(_ octets: [UInt8], _ base64: ArraySlice<UInt8>) -> Reading {
        if responses == 1 {
            account = octets[...].text
            return Reading()
        }
        return reading(octets, secret: octets[...], account: Array(account.utf8)[...])
    }

    /// RFC 2195 §2: user, space, digest. The digest can be attacked with a dictionary, so it counts as the secret.
    private mutating func cram(_ octets: [UInt8], _ base64: ArraySlice<UInt8>) -> Reading {
        guard let space = octets.lastIndex(of: 32) else { return unreadable(base64) }
        return reading(octets, secret: octets[(space + 1)...], account: octets[..<space])
    }

    /// RFC 7628 §3.1 and its forerunner: fields parted by 0x01, the token behind `auth=Bearer `.
    private func bearer(_ octets: [UInt8]) -> Reading {
        var account: ArraySlice<UInt8> = []
        var secret: ArraySlice<UInt8> = []
        for field in octets.split(separator: 1) {
            if field.hasPrefixIgnoringCase("user=") {
                account = field.dropFirst(5)
            } else if field.hasPrefixIgnoringCase("auth=") {
                secret = field.dropFirst(5)
                if secret.hasPrefixIgnoringCase("bearer ") { secret = secret.dropFirst(7) }
            } else if field.hasPrefixIgnoringCase("n,a=") {
                account = field.dropFirst(4).prefix { $0 != UInt8(ascii: ",") }
            }
        }
        // A response without a token only takes note of the server's error (RFC 7628 §3.2.3).
        if secret.isEmpty { return Reading() }
        return reading(octets, secret: secret, account: account)
    }

    /// RFC 5802 §5.1: the account stands in the first message, a proof in the last. The proof can be attacked with a
    /// dictionary by one who saw the whole exchange, so it counts as the secret.
    private mutating func scram(_ octets: [UInt8], _ base64: ArraySlice<UInt8>) -> Reading {
        let attributes = octets.split(separator: UInt8(ascii: ","))
        if let proof = attributes.last, proof.hasPrefixIgnoringCase("p="), attributes.count > 1, responses > 1 {
            return reading(octets, secret: proof.dropFirst(2), account: Array(account.utf8)[...])
        }
        guard let name = attributes.first(where: { $0.starts(with: "n=".utf8) }) else { return unreadable(base64) }
        account = Self.unescapedName(name.dropFirst(2))
        return Reading()
    }

    /// `=2C` is a comma and `=3D` an equals sign (RFC 5802 §5.1).
    private static func unescapedName(_ name: ArraySlice<UInt8>) -> String {
        var out: [UInt8] = []
        var rest = name
        while let octet = rest.popFirst() {
            if octet == UInt8(ascii: "="), rest.hasPrefixIgnoringCase("2C") {
                out.append(UInt8(ascii: ","))
                rest = rest.dropFirst(2)
            } else if octet == UInt8(ascii: "="), rest.hasPrefixIgnoringCase("3D") {
                out.append(UInt8(ascii: "="))
                rest = rest.dropFirst(2)
            } else {
                out.append(octet)
            }
        }
        return out[...].text
    }

    private func reading(_ octets: [UInt8], secret: ArraySlice<UInt8>, account: ArraySlice<UInt8>) -> Reading {
        let masked = octets[...].masking(secret.startIndex..<secret.endIndex)
        return Reading(
            masked: Base64.encode(masked),
            credential: Credential(mechanism: mechanism, account: account.text, secret: SecretBytes(secret)))
    }

    /// Nothing is known of it, so all of it may be secret. It counts as one credential however many responses there
    /// are.
    private mutating func unreadable(_ base64: ArraySlice<UInt8>) -> Reading {
        var reading = Reading(masked: [UInt8](repeating: UInt8(ascii: "*"), count: base64.count))
        if !toldUnreadable {
            toldUnreadable = true
            reading.credential = Credential(mechanism: mechanism, account: account, secret: SecretBytes(base64))
        }
        return reading
    }
}
