// CRAM-MD5 (RFC 2195): the server's challenge, and the client's `user SP digest`, the digest being HMAC-MD5 of the
// challenge under the password. The digest can be attacked with a dictionary, so it counts as the secret.
//
//     S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
//     C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw

/// The response of CRAM-MD5.
struct CRAMResponse: Equatable, Sendable {
    var account: ArraySlice<UInt8>
    var digest: ArraySlice<UInt8>

    /// Nil without a space. The account may hold spaces, the digest none; a NUL belongs to a message of PLAIN.
    init?(_ message: [UInt8]) {
        guard let space = message.lastIndex(of: 32), !message.contains(0) else { return nil }
        account = message[..<space]
        digest = message[(space + 1)...]
    }

    /// The digest has the form that RFC 2195 §2 gives it.
    var isWellFormed: Bool { APOP.isDigest(digest) || SASLMask.covers(digest) }

    static func message(account: String, password: [UInt8], challenge: [UInt8]) -> [UInt8] {
        Array(account.utf8) + [32] + SASLHash.md5Code(password, challenge)
    }
}

struct CRAMExchange: SASLExchange {
    private enum State: Equatable, Sendable {
        /// The challenge is due. Successors: `challenged`, `over`.
        case begun
        /// The response is due. Successor: `over`.
        case challenged([UInt8])
        /// Nothing is left to say.
        case over
    }

    private var state = State.begun

    var isOver: Bool { state == .over }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        switch side {
        case .server:
            guard state == .begun else { return SASLFinding() }
            state = .challenged(message)
            return Self.isMessageID(message) ? SASLFinding() : SASLFinding(violations: [.saslCRAMChallengeForm])
        case .client:
            var challenge: [UInt8]?
            if case .challenged(let octets) = state { challenge = octets }
            state = .over
            return response(message, challenge)
        }
    }

    private func response(_ message: [UInt8], _ challenge: [UInt8]?) -> SASLFinding {
        guard let response = CRAMResponse(message) else { return .unreadable(.saslCRAMResponseForm) }
        var violations: [Violation] = []
        if response.account.isEmpty { violations.append(.saslCRAMResponseForm) }
        if !response.isWellFormed { violations.append(.saslCRAMDigestForm) }
        let digest = response.digest
        return SASLFinding(
            violations: violations, secret: .octets(digest.startIndex..<digest.endIndex),
            credential: Credential(
                mechanism: SASLMechanism.cramMD5.name, account: response.account.text, secret: SecretBytes(digest),
                details: challenge.map { [.evidence(.cramMD5(challenge: SecretBytes($0)))] } ?? []))
    }

    /// `<local@domain>` (RFC 822 §4.6), as far as it is certain: brackets, an at sign with something on both sides, no
    /// blanks and no controls.
    private static func isMessageID(_ octets: [UInt8]) -> Bool {
        guard octets.first == UInt8(ascii: "<"), octets.last == UInt8(ascii: ">"), octets.count > 4 else {
            return false
        }
        let inner = octets.dropFirst().dropLast()
        guard let at = inner.lastIndex(of: UInt8(ascii: "@")), at > inner.startIndex, at < inner.endIndex - 1 else {
            return false
        }
        return inner.allSatisfy { $0 > 32 && $0 < 127 }
    }
}

/// APOP (RFC 1939 §7): not SASL, the same idea. The digest is MD5 of the greeting's timestamp and the password.
package enum APOP {
    /// The timestamp of a greeting, with its angle brackets; nil when there is none.
    package static func timestamp(_ greeting: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let open = greeting.firstIndex(of: UInt8(ascii: "<")),
            let close = greeting[open...].firstIndex(of: UInt8(ascii: ">"))
        else { return nil }
        return greeting[open...close]
    }

    /// The digest, 32 lower-case hexadecimal digits.
    package static func digest(_ timestamp: some Sequence<UInt8>, _ secret: SecretBytes) -> [UInt8] {
        secret.withRevealed { SASLHash.md5(Array(timestamp) + $0) }
    }

    /// The digest has the form that RFC 1939 §7 gives it.
    package static func isDigest(_ octets: some Collection<UInt8>) -> Bool {
        octets.count == 32 && octets.allSatisfy(Hexadecimal.isLowerDigit)
    }

    /// What an APOP command shows. `timestamp` is the greeting's, when it is known.
    package static func credential(
        account: ArraySlice<UInt8>, digest: ArraySlice<UInt8>, timestamp: SecretBytes?
    ) -> Credential {
        Credential(
            mechanism: "APOP", account: account.text, secret: SecretBytes(digest),
            details: timestamp.map { [.evidence(.apop(timestamp: $0))] } ?? [])
    }
}
