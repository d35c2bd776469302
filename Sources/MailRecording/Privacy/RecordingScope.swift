// How much of a session is recorded, and who decides it. The decision is made before octets leave the books, so that nothing
// beyond it is ever written (Docs/Decisions/029).

import MailDialogue
import MailMessage

/// How much of a session or of a message is recorded, the least first.
package enum RecordingScope: String, Sendable, CaseIterable {
    /// Nothing: the session is in no recording.
    case never
    /// Commands, replies and envelopes. Messages have the lengths of their lines, and nothing else.
    case envelope
    /// The header sections of messages too (RFC 5322 §2.2); not their bodies.
    case headers
    /// All but secrets.
    case all

    /// The one of both that records less.
    func stricter(_ other: RecordingScope) -> RecordingScope {
        RecordingScopes([RecordingScopes(self), RecordingScopes(other)]).strictest
    }
}

/// The scopes that are still possible when not all is known that decides.
package struct RecordingScopes: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let never = RecordingScopes(rawValue: 1)
    package static let envelope = RecordingScopes(rawValue: 2)
    package static let headers = RecordingScopes(rawValue: 4)
    package static let all = RecordingScopes(rawValue: 8)

    package init(_ scope: RecordingScope) {
        switch scope {
        case .never: self = .never
        case .envelope: self = .envelope
        case .headers: self = .headers
        case .all: self = .all
        }
    }

    /// The only one; nil while there are several.
    package var only: RecordingScope? { rawValue.nonzeroBitCount == 1 ? strictest : nil }

    /// The one that records least.
    package var strictest: RecordingScope {
        if contains(.never) { return .never }
        if contains(.envelope) { return .envelope }
        return contains(.headers) ? .headers : .all
    }

    /// The same for octets of a session that is recorded.
    var strictestRecorded: RecordingScope { subtracting(.never).isEmpty ? .envelope : subtracting(.never).strictest }
}

/// What is known of a session when it has to be decided.
package struct ScopeFacts: Sendable {
    /// Recipients, and accounts, that are kept; with more of them what asks for these is not known.
    static let mostRecipients = 1_000
    static let mostAccounts = 16
    /// Octets of a name beyond which it is not kept, and not known.
    static let longest = 1_000

    package let mailProtocol: MailProtocol
    package let route: String
    /// The client's IP address.
    package let clientAddress: String
    /// The client's side is under TLS; nil while it may begin yet.
    package internal(set) var isSecured: Bool?
    /// Nobody logs in any more: a login was accepted, or something was done without one.
    package internal(set) var isSettled = false
    /// Accounts that logged in or tried to, in order; nil when there were more than are kept.
    package internal(set) var accounts: [String]? = []
    package internal(set) var clientName: String?
    /// The reverse-path of the transaction; nil when there is none.
    package internal(set) var sender: String?
    /// The size that MAIL announced (RFC 1870).
    package internal(set) var announced: Int?
    /// Its recipients, refused ones too; nil when there were more than are kept.
    package internal(set) var recipients: [String]? = []
    /// The mailbox that is open; empty for none. Nil while the answer to its command is out.
    package internal(set) var mailbox: String? = ""
    /// The message whose octets come next; nil for lines.
    package internal(set) var message: Message?

    /// A message.
    package struct Message: Sendable {
        package var carrier: Carrier
        /// Octets; nil when nobody said.
        package var size: Int?
        /// Its header section; nil while that has not come, and when it never comes.
        package var header: HeaderBlock?
    }

    init(_ info: SessionInfo) {
        mailProtocol = info.mailProtocol
        route = info.route
        clientAddress = info.client.host
        isSecured = info.tls == nil ? nil : true
    }
}

/// Gives the scopes that are possible with what is known.
package typealias ScopeDecider = @Sendable (ScopeFacts) -> RecordingScopes

/// What a recording does not have.
package struct RecordingPrivacy: Sendable {
    /// What becomes of secrets.
    package enum Secrets: String, Sendable, CaseIterable {
        /// They are asterisks.
        case mask
        /// The same, and beside them they are sealed to a public key.
        case seal
        /// They are recorded as they are.
        case keep
    }

    package var secrets = Secrets.mask
    /// Decides how much is recorded; nil for all.
    package var scopes: ScopeDecider?

    package init(secrets: Secrets = .mask, scopes: ScopeDecider? = nil) {
        self.secrets = secrets
        self.scopes = scopes
    }
}
