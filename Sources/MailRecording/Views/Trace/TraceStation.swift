// A passage of a message: where, when, for whom, with which octets.

import MailDialogue
import MailMessage

/// A recipient of an envelope, and what the server said of it.
package struct TraceRecipient: Equatable, Sendable {
    package var address: String
    /// The reply to RCPT when it was refused, else the verdict on the message; empty when none came.
    package var reply: String
    package var status: ReplyStatus?

    package init(address: String, reply: String = "", status: ReplyStatus? = nil) {
        self.address = address
        self.reply = reply
        self.status = status
    }
}

/// A header field of a message that passed.
package struct TraceField: Hashable, Sendable {
    /// As written.
    package let name: String
    /// Unfolded, runs of white space as one: folding is no change.
    package let value: String
    /// Names of fields have no case (RFC 5322 §1.2.2): `Message-Id` is `Message-ID`.
    private let key: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
        key = name.lowercased()
    }

    package static func == (one: TraceField, other: TraceField) -> Bool {
        one.key == other.key && one.value == other.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(value)
    }

    init(_ field: HeaderField) {
        let name = String(decoding: field.name.prefix(200), as: UTF8.self)
        var value: [UInt8] = []
        var wasSpace = false
        for octet in field.value {
            let isSpace = octet == 32 || octet == 9
            if !isSpace || !wasSpace { value.append(isSpace ? 32 : octet) }
            wasSpace = isSpace
        }
        self.init(name: name, value: String(decoding: value, as: UTF8.self))
    }
}

/// A message that passed in a session.
package struct TraceStation: Sendable {
    package var info: SessionInfo
    /// The account of the session, when it is known.
    package var user: String?
    package var exchange: Int
    package var carrier: Carrier
    /// Its first octet, its last one, and the server's verdict on it; microseconds since 1970.
    package var began: Int64
    package var ended: Int64
    package var judged: Int64?
    /// The reverse-path; nil where there is no envelope.
    package var sender: String?
    package var recipients: [TraceRecipient] = []
    /// The verdict on the message as a whole; empty when none came.
    package var reply = ""
    package var status: ReplyStatus?
    /// Of FETCH and APPEND; nil when it is not known.
    package var mailbox: String?
    /// Of FETCH, RETR and TOP.
    package var number: UInt32?
    package var uid: UInt32?
    package var isComplete = false
    /// Which command asked for it was not seen: what is missing of it may not have been asked for.
    package var isPresumed = false
    /// Octets of it were not recorded (`record.what`).
    package var isLeftOut = false
    package var bytes = 0
    /// SHA-256 of the message, of its body, and of its body without what line ends it has and empty lines at its end; in hex.
    package var sha256 = ""
    package var bodySHA256 = ""
    package var looseSHA256 = ""
    package var fields: [TraceField] = []
    /// The header is longer than what is kept of it.
    package var headerIsCut = false
    /// The Received fields, the newest first.
    package var received: [ReceivedField] = []
    /// The body; nil when it is larger than what is kept.
    package var body: [UInt8]?

    /// It carries the message towards a mailbox, not out of one.
    package var isDelivery: Bool {
        switch carrier {
        case .data, .bdat, .lmtp, .append: true
        case .retr, .top, .fetch: false
        }
    }

    /// The server took it.
    package var isAccepted: Bool { isDelivery && (status == .ok || recipients.contains { $0.status == .ok }) }

    /// The Received fields as they stand there, the newest first.
    var trail: [TraceField] { fields.filter { Array($0.name.utf8)[...].equalsIgnoringCase("Received") } }

    /// The first value of a field.
    package func value(_ name: StaticString) -> String? {
        fields.first { Array($0.name.utf8)[...].equalsIgnoringCase(name) }?.value
    }
}
