// LOGIN: the account, then the password, each asked for. No RFC defines it, so nothing is judged.
//
//     S: 334 VXNlcm5hbWU6
//     C: dGlt
//     S: 334 UGFzc3dvcmQ6
//     C: dGFuc3RhYWZ0YW5zdGFhZg==

struct LoginExchange: SASLExchange {
    private enum State: Equatable, Sendable {
        /// The account is due. Successors: `accountKnown`.
        case begun
        /// The server asks for a password although no account was said. Successor: `accountKnown`.
        case passwordAsked
        /// The password is due, and whatever comes behind it may be one too. No successor.
        case accountKnown(String)
    }

    /// What we ask with; clients look at the first letters or count.
    static let accountPrompt = Array("Username:".utf8)
    static let passwordPrompt = Array("Password:".utf8)

    private var state = State.begun

    /// Servers ask again after a wrong password, so nothing is the last message.
    var isOver: Bool { false }

    var account: String {
        switch state {
        case .begun, .passwordAsked: ""
        case .accountKnown(let account): account
        }
    }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        switch (side, state) {
        case (.server, .begun):
            if message[...].hasPrefixIgnoringCase("pass") { state = .passwordAsked }
            return SASLFinding()
        case (.server, .passwordAsked), (.server, .accountKnown): return SASLFinding()
        case (.client, .begun):
            // No account has a NUL; a message of PLAIN has two, and the password behind them.
            if message.contains(0) {
                state = .accountKnown("")
                return .unreadable()
            }
            state = .accountKnown(message[...].text)
            return SASLFinding()
        case (.client, .passwordAsked):
            state = .accountKnown("")
            return password(message, "")
        case (.client, .accountKnown(let account)): return password(message, account)
        }
    }

    private func password(_ message: [UInt8], _ account: String) -> SASLFinding {
        SASLFinding(
            secret: .octets(0..<message.count),
            credential: Credential(mechanism: SASLMechanism.login.name, account: account, secret: SecretBytes(message)))
    }
}
