// What a frame is, in words that all protocols share. Generic code (recording, rules, replay, the audit) reads only
// these; code of one protocol parses the octets further with that protocol's types.

/// A parsed frame.
package enum Element: Equatable, Sendable {
    /// A line of the server's opening reply.
    case greeting(Reply)
    /// A command line, or its first part when a literal follows.
    case command(Command)
    /// The part of a command behind a literal; `complete` when no further literal follows.
    case commandPart(complete: Bool)
    /// A line of the reply to a command; `Reply.isLast` on the line that completes the exchange.
    case reply(Reply)
    /// A line of a multi-line listing between the status line and its terminator (POP3), or an untagged response (IMAP)
    /// with its keyword in capitals. `complete` is false when a literal follows.
    case data(String, complete: Bool)
    /// The part of an untagged response behind a literal.
    case dataPart(complete: Bool)
    /// The server asks for what it needs to go on: 354, `+` before a literal, `+` of IDLE.
    case goAhead
    /// A SASL challenge: 334, `+`.
    case challenge
    /// The client's SASL response, or `*` to cancel.
    case response
    /// DONE, which ends IDLE (RFC 2177).
    case done
    /// Content begins. The note has no octets.
    indirect case contentBegin(Content)
    /// A piece of content.
    case content
    /// Content ends. The octets are the terminator, empty when the size was known.
    case contentEnd
    /// Octets that are not followed any more.
    case opaque
    /// Octets of this side are missing here: how many, nil when that is not known. The note has no octets.
    case gap(Int?)
    /// Octets behind a gap whose place in the dialogue is not known (yet): a line, or a piece of one.
    case unplaced
    /// The connection ended in the middle of a frame.
    case incomplete
    /// A line that fits nothing.
    case unknown
}

/// A command line, as far as all protocols agree.
package struct Command: Equatable, Sendable {
    /// The verb in capitals; IMAP's `UID` is a part of it ("UID FETCH"). Empty when the line has none. Cut after 32
    /// octets.
    package var verb: String
    /// IMAP's tag; empty in other protocols.
    package var tag: String
    /// False when a literal follows.
    package var isComplete: Bool
    /// The verb is one that the protocol's table knows.
    package var isKnown: Bool

    package init(verb: String, tag: String = "", isComplete: Bool = true, isKnown: Bool = true) {
        self.verb = verb
        self.tag = tag
        self.isComplete = isComplete
        self.isKnown = isKnown
    }
}

/// A line of a reply, as far as all protocols agree.
package struct Reply: Equatable, Sendable {
    package var status: ReplyStatus
    /// The status as on the wire: `250`, `+OK`, `NO`.
    package var code: String
    /// This line completes the reply.
    package var isLast: Bool

    package init(_ status: ReplyStatus, code: String, isLast: Bool = true) {
        self.status = status
        self.code = code
        self.isLast = isLast
    }
}

/// The meaning of a reply, common to all protocols.
package enum ReplyStatus: String, Sendable, Hashable {
    /// 2yz, +OK, OK, PREAUTH.
    case ok
    /// 3yz, `+`.
    case intermediate
    /// 4yz: may succeed later.
    case temporary
    /// 5yz, -ERR, NO.
    case refused
    /// BAD: the command was not understood (RFC 9051 §7.1.3).
    case bad
    /// 421, BYE: the server closes.
    case closing
    /// No status could be read.
    case unknown
}

/// Why a session is not followed any more.
package enum OpaqueReason: String, Sendable, Hashable {
    /// STARTTLS or STLS succeeded, or TLS began with the first octet.
    case tls
    /// COMPRESS succeeded (RFC 4978).
    case compress
    /// A line longer than its limit.
    case longLine = "long-line"
    /// More octets were held than the limit allows.
    case holdLimit = "hold-limit"
    /// Both sides were seen to disagree about the place in the dialogue.
    case desynchronised
    /// A capture lost octets.
    case gap
    /// The octets are not of this protocol.
    case notThisProtocol = "not-this-protocol"
    /// A SASL mechanism took up a security layer.
    case securityLayer = "security-layer"
    /// Client and server changed their roles: TURN, ATRN (RFC 2645 §5.3).
    case rolesSwapped = "roles-swapped"

    /// The client goes on in clear, as far as anybody knows, and nobody reads what it says: a login may be among it.
    package var leavesClear: Bool {
        switch self {
        case .longLine, .holdLimit, .desynchronised, .gap, .notThisProtocol: true
        case .tls, .compress, .securityLayer, .rolesSwapped: false
        }
    }
}
