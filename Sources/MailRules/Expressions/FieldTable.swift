// The one table of all fields. The parser, the points of rules and the reference page read it; a field is a case and a
// line.

import MailDialogue

/// The names of all fields, as people write them.
package enum FieldName: String, Sendable, Hashable, CaseIterable {
    case smtp, lmtp, pop3, imap
    case mailProtocol = "protocol"
    case route
    case clientAddress = "client.address"
    case clientName = "client.name"
    case tls
    case user
    case command
    case line
    case sender
    case senderDomain = "sender.domain"
    case rcpt
    case rcptDomain = "rcpt.domain"
    case rcptCount = "rcpt.count"
    case size
    case mailbox
    case carrier
    case header
    case from, to, subject
    case replyCode = "reply.code"
    case replyText = "reply.text"
    case tag
    case id, client, server
    case exchanges, messages, credentials, violations
    case finding
    case bytesClient = "bytes.client"
    case bytesServer = "bytes.server"
    case duration
    case end
    case opaque
    case gaps

    /// It is the same for the whole session, once it is known: what `never` may ask for.
    package var isOfSession: Bool {
        switch self {
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .route, .clientAddress, .tls, .user: true
        case .clientName, .command, .line, .sender, .senderDomain, .rcpt, .rcptDomain, .rcptCount, .size, .mailbox,
            .carrier, .header, .from, .to, .subject, .replyCode, .replyText, .tag, .id, .client, .server, .exchanges,
            .messages, .credentials, .violations, .finding, .bytesClient, .bytesServer, .duration, .end, .opaque, .gaps:
            false
        }
    }

    /// The rows of a session that have it; nil when it is of the session as a whole.
    package var rows: FieldRows? {
        switch self {
        case .command, .line, .replyCode, .replyText, .clientName, .sender, .senderDomain, .rcpt, .rcptDomain,
            .rcptCount, .mailbox:
            .exchanges
        case .size, .carrier, .from, .to, .subject: .messages
        case .header: .texts
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .route, .clientAddress, .tls, .user, .tag, .id, .client,
            .server, .exchanges, .messages, .credentials, .violations, .finding, .bytesClient, .bytesServer, .duration,
            .end, .opaque, .gaps:
            nil
        }
    }

    package var definition: FieldDefinition { FieldTable.definition(of: self) }
}

/// Where a filter finds a field that a session has several times.
package enum FieldRows: Sendable, Hashable {
    /// Its exchanges.
    case exchanges
    /// What is known of its messages.
    case messages
    /// Its messages themselves, which no index has.
    case texts
}

/// When a rule learns a field.
package struct FieldMoment: Equatable, Sendable {
    /// The first point at which it is known.
    package let point: RulePoint
    /// At `command`: what brings it. Nil when every command does.
    package let occasion: RuleOccasion?

    static let connect = FieldMoment(point: .connect, occasion: nil)
    static let command = FieldMoment(point: .command, occasion: nil)
    static let envelope = FieldMoment(point: .envelope, occasion: nil)
    static let header = FieldMoment(point: .header, occasion: nil)
    static let reply = FieldMoment(point: .reply, occasion: nil)
    static func command(_ occasion: RuleOccasion) -> FieldMoment { FieldMoment(point: .command, occasion: occasion) }
}

/// A line of the table.
package struct FieldDefinition: Sendable {
    package let name: FieldName
    package let type: FieldType
    /// A comparison looks at several values, and one is enough.
    package let several: Bool
    /// The protocols that have it.
    package let protocols: Set<MailProtocol>
    /// When rules know it; nil when they can't ask for it.
    package let moment: FieldMoment?
    /// It means the same at all later points of the session or transaction, so that a rule may wait.
    package let lasts: Bool
    /// One sentence.
    package let meaning: String

    /// It can be known before the octets that it decides about are recorded, and means the same until then.
    private static func decidesScopes(_ name: FieldName) -> Bool {
        switch name {
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .route, .clientAddress, .clientName, .tls, .user, .sender,
            .senderDomain, .rcpt, .rcptDomain, .rcptCount, .size, .mailbox, .carrier, .header, .from, .to, .subject:
            true
        case .command, .line, .replyCode, .replyText, .tag, .id, .client, .server, .exchanges, .messages, .credentials,
            .violations, .finding, .bytesClient, .bytesServer, .duration, .end, .opaque, .gaps:
            false
        }
    }

    package func isKnown(for use: FieldUse) -> Bool {
        switch use {
        case .rule: moment != nil
        case .session: true
        case .scope: Self.decidesScopes(name)
        }
    }
}

/// The table.
package enum FieldTable {
    private static let every = Set(MailProtocol.allCases)
    private static let transfer: Set<MailProtocol> = [.smtp, .lmtp]
    private static let messages: Set<MailProtocol> = [.smtp, .lmtp, .pop3]

    private static func both(
        _ name: FieldName, _ type: FieldType, _ moment: FieldMoment, in protocols: Set<MailProtocol> = every,
        several: Bool = false, lasts: Bool = true, _ meaning: String
    ) -> FieldDefinition {
        FieldDefinition(
            name: name, type: type, several: several, protocols: protocols, moment: moment,
            lasts: lasts, meaning: meaning)
    }

    private static func session(
        _ name: FieldName, _ type: FieldType, several: Bool = false, _ meaning: String
    ) -> FieldDefinition {
        FieldDefinition(
            name: name, type: type, several: several, protocols: every, moment: nil, lasts: true,
            meaning: meaning)
    }

    /// All fields, in the order of the reference page.
    package static let all: [FieldDefinition] = [
        both(.smtp, .truth, .connect, "The session is SMTP or message submission."),
        both(.lmtp, .truth, .connect, "The session is LMTP."),
        both(.pop3, .truth, .connect, "The session is POP3."),
        both(.imap, .truth, .connect, "The session is IMAP."),
        both(.mailProtocol, .text, .connect, "The protocol: `smtp`, `lmtp`, `pop3` or `imap`."),
        both(.route, .text, .connect, "The route as configured, `LISTEN=UPSTREAM`; `capture` for captured sessions."),
        both(.clientAddress, .text, .connect, "The client's IP address."),
        both(
            .clientName, .text, .command(.clientName), in: transfer,
            "The client's name for itself (EHLO, HELO, LHLO); in a filter any that it gave."),
        both(
            .tls, .truth, .connect,
            "The client's side is under TLS; in a filter also when the session went over to TLS that was not intercepted."
        ),
        both(.user, .text, .command(.login), "The account that logs in, or tries to."),
        both(
            .command, .text, .command, several: true, lasts: false,
            "The verb in capitals (`RCPT`, `RETR`, `UID FETCH`); in a filter any command of the session."),
        both(
            .line, .text, .command, lasts: false,
            "The command line without its line end; secrets are asterisks. In a filter any of the session, its first 1,000 octets."
        ),
        both(
            .sender, .text, .command(.transaction), in: transfer,
            "The reverse-path of MAIL; empty for `<>`. In a filter that of any MAIL."),
        both(
            .senderDomain, .text, .command(.transaction), in: transfer,
            "The domain of the reverse-path, in lower case; in a filter that of any MAIL."),
        both(
            .rcpt, .text, .envelope, in: transfer, several: true,
            "At RCPT the recipient that it names, later all that were not refused; in a filter any that a RCPT named, refused or not."
        ),
        both(.rcptDomain, .text, .envelope, in: transfer, several: true, "Their domains, in lower case."),
        both(
            .rcptCount, .number, .envelope, in: transfer,
            "How many recipients there are so far, the present one included; in a filter how many RCPT followed any one MAIL."
        ),
        both(
            .size, .size, .command(.size), in: [.smtp, .lmtp, .imap], several: true,
            "The announced size of a message: SIZE= of MAIL, the literal of APPEND; in a filter the true size of any message."
        ),
        both(
            .mailbox, .text, .command(.mailbox), in: [.imap], lasts: false,
            "The mailbox that a command names (SELECT, EXAMINE, STATUS, APPEND, CREATE, DELETE); in a filter any of them. A command whose name comes as a literal is judged when it has come; to refuse it then ends the session."
        ),
        both(
            .carrier, .text, .header, in: messages, several: true,
            "How a message travels: `DATA`, `BDAT`, `LMTP`, `RETR`, `TOP`; in a filter also `FETCH` and `APPEND`."),
        both(
            .header, .text, .header, in: messages, several: true,
            "Header fields by name: `header[\"list-id\"]`, unfolded and decoded; several fields of the name are several values. In a filter those of any message, of IMAP too, read from the messages."
        ),
        both(
            .from, .text, .header, in: messages, several: true, "The From field; in a filter the sender of any message."
        ),
        both(
            .to, .text, .header, in: messages, several: true, "The To field; in a filter any recipient of any message."),
        both(
            .subject, .text, .header, in: messages, several: true, "The Subject field; in a filter that of any message."
        ),
        both(
            .replyCode, .code, .reply, several: true, lasts: false,
            "The status of a reply: `250`, `+OK`, `NO`; numbers compare as numbers; in a filter any reply."),
        both(
            .replyText, .text, .reply, several: true, lasts: false,
            "The last line of a reply; in a filter that of any reply."),
        both(.tag, .text, .command, several: true, "The tags that rules have set on the session so far."),
        session(.id, .text, "The session's id."),
        session(.client, .text, "The client as `ip:port`."),
        session(.server, .text, "Where the client connected to, as `ip:port`."),
        session(.exchanges, .number, "How many commands were sent."),
        session(.messages, .number, "How many messages were carried."),
        session(.credentials, .number, "How many credentials were shown."),
        session(.violations, .number, "How many breaches of an RFC there were."),
        session(.finding, .text, several: true, "The codes of findings and violations: `smtp-bare-lf`."),
        session(.bytesClient, .size, "Octets that the client sent."),
        session(.bytesServer, .size, "Octets that the server sent."),
        session(.duration, .duration, "From the first octet to the last."),
        session(.end, .text, "How it ended: `open`, `closed`, `reset`, `timeout`, `lost`."),
        session(
            .opaque, .text, "Why the session is not followed any more: `tls`, `compress`, `gap`; empty when it is."),
        session(.gaps, .number, "Places where a capture lost octets."),
    ]

    private static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    private static let unlisted = session(.id, .text, "")

    static func definition(of name: FieldName) -> FieldDefinition { byName[name] ?? unlisted }

    /// The names that a use knows.
    package static func names(for use: FieldUse) -> [String] {
        all.filter { $0.isKnown(for: use) }.map(\.name.rawValue)
    }
}
