// EXTERNAL (RFC 4422 Appendix A) and ANONYMOUS (RFC 4505): one message of the client, an identity to act as or a trace,
// and no secret.

struct IdentityExchange: SASLExchange {
    enum Kind: Equatable, Sendable { case external, anonymous }

    private enum State: Equatable, Sendable {
        /// The client's message is due. Successor: `over`.
        case begun
        /// Nothing is left to say.
        case over
    }

    /// Characters of a trace that is no address (RFC 4505 §2).
    static let longestTrace = 255

    private let kind: Kind
    private var state = State.begun

    init(_ kind: Kind) { self.kind = kind }

    var isOver: Bool { state == .over }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        guard side == .client else { return SASLFinding() }
        state = .over
        // An empty message is one as well: who it is the channel says, or nobody (RFC 4422 §A.1, RFC 4505 §2).
        // Hardly a name has a NUL; a message of PLAIN has two, and the password behind them.
        if message.contains(0) {
            let isTrace = kind == .anonymous && Self.isTrace(message)
            return .unreadable(isTrace ? nil : kind == .external ? .saslExternalIdentity : .saslAnonymousTrace)
        }
        let name = message[...].text
        switch kind {
        case .external:
            // It is the identity to act as; the account is what the channel proved, which is not seen here.
            return SASLFinding(
                violations: Self.isIdentity(message) ? [] : [.saslExternalIdentity],
                credential: Credential(
                    mechanism: SASLMechanism.external.name, account: name, secret: SecretBytes([]),
                    details: name.isEmpty ? [] : [.authorization(name)]))
        case .anonymous:
            return SASLFinding(
                violations: Self.isTrace(message) ? [] : [.saslAnonymousTrace],
                credential: Credential(
                    mechanism: SASLMechanism.anonymous.name, account: name, secret: SecretBytes([])))
        }
    }

    /// UTF-8 without NUL (RFC 4422 §A.1).
    static func isIdentity(_ octets: [UInt8]) -> Bool { !octets.contains(0) && SASLText.isUTF8(octets) }

    /// Nothing, an address, or up to 255 characters without an at sign.
    static func isTrace(_ octets: [UInt8]) -> Bool {
        guard SASLText.isUTF8(octets) else { return false }
        if octets.contains(UInt8(ascii: "@")) { return true }
        // One octet of each character is none of 0x80 to 0xBF.
        return octets.count { $0 & 0xC0 != 0x80 } <= longestTrace
    }
}
