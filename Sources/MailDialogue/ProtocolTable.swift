// The protocols that are spoken here: a line each. Adding one is a folder and a line of this table.

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
    /// Every violation of every protocol.
    package static let all: [Violation] = smtp + pop3 + imap
}
