// What the relay tells the rules and what they answer. A rule runs at the earliest point at which all its fields are known.

import MailDialogue
import MailMessage

/// The moments at which rules are asked.
package enum RulePoint: String, Sendable, Hashable, CaseIterable, Comparable {
    /// A client connected; nothing was sent.
    case connect
    /// A command line came (its first part, when a literal follows). It was not passed on yet.
    case command
    /// A recipient's command came: sender and recipients are known.
    case envelope
    /// The header section of a message is complete; nothing of the message was passed on.
    case header
    /// The last line of a reply came. It was not passed on yet.
    case reply

    private var order: Int {
        switch self {
        case .connect: 0
        case .command: 1
        case .envelope: 2
        case .header: 3
        case .reply: 4
        }
    }
    package static func < (a: RulePoint, b: RulePoint) -> Bool { a.order < b.order }
}

/// What is known of a session at a point. What is not known yet is empty or nil.
package struct RuleFacts: Sendable {
    package var mailProtocol: MailProtocol
    /// The client's IP address.
    package var clientAddress: String
    /// The name the client gave (EHLO).
    package var clientName = ""
    package var route: String
    /// The client speaks to us under TLS.
    package var isSecured = false
    /// The account that logged in, or tries to.
    package var user = ""
    /// The verb in capitals.
    package var command = ""
    /// The command line without line end, secrets masked.
    package var line = ""
    /// The reverse-path of the transaction.
    package var sender = ""
    /// All recipients of the transaction so far, the present one last.
    package var recipients: [String] = []
    /// SIZE= of MAIL, or the literal's size of APPEND.
    package var size: Int?
    package var mailbox = ""
    /// The header section of the message.
    package var header: HeaderBlock?
    /// How the message travels.
    package var carrier: Carrier?
    package var replyCode = ""
    package var replyText = ""
    package var tags: [String] = []
    /// At `envelope`: the recipient that the command names. Nil elsewhere: then all are asked about.
    package var recipient: String?
    /// What the present command brings.
    package var news: RuleOccasion = []

    package init(mailProtocol: MailProtocol, clientAddress: String, route: String) {
        self.mailProtocol = mailProtocol
        self.clientAddress = clientAddress
        self.route = route
    }
}

/// What the rules answer, all rules that hit taken together.
package struct RuleVerdict: Equatable, Sendable {
    /// Names of the rules that hit, in order.
    package var rules: [String] = []
    /// The reply text of `reject`, without protocol dress: `554 5.7.1 no programs` or `no programs`.
    package var reject: String?
    package var close = false
    package var tags: [String] = []
    package var logs: [String] = []
    /// Header fields to set: name and value.
    package var setHeaders: [HeaderEdit] = []
    /// How long to wait before going on, in milliseconds.
    package var delay = 0
    /// The upstream to go on at.
    package var route: String?

    package init() {}

    /// Nothing to do.
    package var isEmpty: Bool { rules.isEmpty }
    /// The octets change, or the order of events does.
    package var intervenes: Bool { reject != nil || close || !setHeaders.isEmpty || delay > 0 || route != nil }
}

/// A header field that a rule sets: replaces the first of that name and removes the others, or is added on top.
package struct HeaderEdit: Equatable, Sendable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
