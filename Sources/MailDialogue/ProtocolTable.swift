// The protocols that are spoken here: a line each. Adding one is a folder and a line of this table.

import MailMessage

/// A mail protocol.
package enum MailProtocol: String, Sendable, Hashable, CaseIterable {
    case smtp, lmtp, pop3, imap

    /// URL schemes, as curl spells them, with the default port of each and whether TLS starts with the first octet.
    package var schemes: [(name: String, port: UInt16, implicitTLS: Bool)] {
        switch self {
        case .smtp: [("smtp", 25, false), ("submission", 587, false), ("smtps", 465, true), ("submissions", 465, true)]
        case .lmtp: [("lmtp", 24, false)]
        case .pop3: [("pop3", 110, false), ("pop3s", 995, true)]
        case .imap: [("imap", 143, false), ("imaps", 993, true)]
        }
    }

    /// The port under which dissectors know the cleartext protocol.
    package var wellKnownPort: UInt16 {
        switch self {
        case .smtp: 25
        case .lmtp: 24
        case .pop3: 110
        case .imap: 143
        }
    }

    /// The protocol of a URL scheme.
    package init?(scheme: String) {
        guard let found = Self.allCases.first(where: { $0.schemes.contains { $0.name == scheme } }) else { return nil }
        self = found
    }

    /// A tap that follows this protocol from the greeting on.
    package func makeTap() -> MailTap { MailTap(self) }
}

extension Violation {
    /// Every violation of every protocol, and of the format of messages.
    package static let all: [Violation] = smtp + pop3 + imap + sasl + messages

    /// The flaws of messages. Whoever wrote the message is to blame; the side is the one that sent it, which is the client in
    /// the table.
    package static let messages: [Violation] = MessageFlaw.all.map { Violation($0, by: .client) }

    /// It is a flaw of a message, not of the dialogue.
    package var isOfMessage: Bool { MessageFlaw(rawValue: code) != nil }

    /// A flaw of a message that `side` sent.
    package init(_ flaw: MessageFlaw, by side: Side) {
        let severity: Severity =
            switch flaw.severity {
            case .notice: .notice
            case .error: .error
            case .attack: .attack
            }
        let lines = flaw.example.split(separator: "\n", omittingEmptySubsequences: false)
        self.init(
            flaw.code, side, severity, flaw.section, flaw.meaning,
            example: lines.map { "M: " + $0 }.joined(separator: "\n"))
    }
}
