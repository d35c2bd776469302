// PLAIN (RFC 4616): one message of the client, `[authzid] NUL authcid NUL passwd`.
//
//     C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm
//     S: 235 2.7.0 welcome

/// The message of PLAIN.
struct PlainMessage: Equatable, Sendable {
    var authorization: ArraySlice<UInt8>
    var account: ArraySlice<UInt8>
    var password: ArraySlice<UInt8>

    /// Octets that every server takes in each field (RFC 4616 §2).
    static let longestField = 255

    /// Nil without two NULs. A third one counts as a part of the password.
    init?(_ message: [UInt8]) {
        let fields = message.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        authorization = fields[0]
        account = fields[1]
        password = fields[2]
    }

    static func message(authorization: String, account: String, password: [UInt8]) -> [UInt8] {
        Array(authorization.utf8) + [0] + Array(account.utf8) + [0] + password
    }

    var violations: [Violation] {
        var violations: [Violation] = []
        if account.isEmpty { violations.append(.saslPlainNoAccount) }
        if password.isEmpty { violations.append(.saslPlainNoPassword) }
        if password.contains(0) { violations.append(.saslPlainNUL) }
        let fields = [authorization, account, password]
        if fields.contains(where: { $0.count > Self.longestField }) { violations.append(.saslPlainLongField) }
        if !fields.allSatisfy({ SASLText.isUTF8($0) }) { violations.append(.saslPlainNotUTF8) }
        return violations
    }
}

struct PlainExchange: SASLExchange {
    private enum State: Equatable, Sendable {
        /// The client's message is due. Successor: `over`.
        case begun
        /// Nothing is left to say.
        case over
    }

    private var state = State.begun

    var isOver: Bool { state == .over }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        guard side == .client else { return SASLFinding() }
        state = .over
        // An empty line is how some clients give up.
        if message.isEmpty { return SASLFinding() }
        guard let plain = PlainMessage(message) else { return .unreadable(.saslPlainForm) }
        let password = plain.password
        // RFC 4616 §2 forbids an empty account. Clients that name nobody but whom to act as get in with that one's password.
        let isNameless = plain.account.isEmpty
        return SASLFinding(
            violations: plain.violations, secret: .octets(password.startIndex..<password.endIndex),
            credential: Credential(
                mechanism: SASLMechanism.plain.name,
                account: isNameless ? plain.authorization.text : plain.account.text, secret: SecretBytes(password),
                details: isNameless || plain.authorization.isEmpty ? [] : [.authorization(plain.authorization.text)]))
    }
}
