// What is kept of a session beside its octets: the rows of the index, of `sessions list` and of `sessions show`.
// Times are microseconds since 1970 (UTC), sizes octets.

import MailDialogue
import MailMessage

/// What is known of a session when it begins.
package struct SessionInfo: Equatable, Sendable {
    /// Unique in a recording; made of the start time and a counter: sorts by start.
    package var id: String
    package var mailProtocol: MailProtocol
    package var start: Int64
    /// Nanoseconds beyond `start`, 0 to 999, where they are known: for the packets of its opening. No row has them.
    package var startFraction = 0
    /// The client, as the server side of this leg saw it.
    package var client: SocketAddress
    /// Where the client connected to.
    package var server: SocketAddress
    /// The upstream's address, when a relay stands between.
    package var upstream: SocketAddress?
    /// `LISTEN=UPSTREAM` as configured, or `capture`.
    package var route: String
    /// The TLS that we ended for the client, and the one that we began with the upstream; nil where octets went in clear.
    package var tls: TLSLeg?
    package var upstreamTLS: TLSLeg?
    /// What was deflated on the wire (RFC 4978) is inflated in the packets of the session.
    package var isInflated: Bool
    /// How the client came; nil when it simply connected.
    package var way: ClientWay?

    package init(
        id: String, mailProtocol: MailProtocol, start: Int64, client: SocketAddress, server: SocketAddress,
        upstream: SocketAddress? = nil, route: String, tls: TLSLeg? = nil, upstreamTLS: TLSLeg? = nil,
        isInflated: Bool = false, way: ClientWay? = nil
    ) {
        self.id = id
        self.mailProtocol = mailProtocol
        self.start = start
        self.client = client
        self.server = server
        self.upstream = upstream
        self.route = route
        self.tls = tls
        self.upstreamTLS = upstreamTLS
        self.isInflated = isInflated
        self.way = way
    }

    /// When it began, in nanoseconds.
    package var begin: Int64 { NanosecondTime.of(start, startFraction) }
}

/// How a session ended.
package enum SessionEnd: String, Sendable, Hashable {
    case open, closed, reset, timeout
    /// Its server went away in the middle of it; or its octets stop with the recording or the capture.
    case lost
}

/// A session as `sessions list` shows it.
package struct SessionSummary: Equatable, Sendable {
    package var info: SessionInfo
    /// Time of the last octet or of the close.
    package var last: Int64
    /// Nanoseconds beyond `last`, 0 to 999, where they are known: for the packets of its end. No row has them.
    package var lastFraction = 0
    /// The account that logged in, or tried to.
    package var user: String?
    package var exchanges = 0
    package var messages = 0
    package var credentials = 0
    package var violations = 0
    /// Codes of findings and violations, each once, sorted.
    package var findings: [String] = []
    package var clientBytes = 0
    package var serverBytes = 0
    package var end: SessionEnd = .open
    package var opaque: OpaqueReason?
    /// Octets that a capture lost, as a count of places.
    package var gaps = 0
    /// Tags that rules set.
    package var tags: [String] = []
    /// What the packets leave in doubt, at most one of a kind and a side. The index has only their codes, in ``findings``.
    package var doubts: [PacketDoubt] = []

    package init(info: SessionInfo) {
        self.info = info
        last = info.start
        lastFraction = info.startFraction
    }

    /// When it ended, in nanoseconds.
    package var ending: Int64 { NanosecondTime.of(last, lastFraction) }

    /// Octets came, or it ended.
    /// - Parameters:
    ///   - time: microseconds since 1970.
    ///   - fraction: nanoseconds beyond them.
    package mutating func touch(_ time: Int64, _ fraction: Int) {
        guard time >= last else { return }
        lastFraction = time > last ? fraction : max(lastFraction, fraction)
        last = time
    }

    /// Duration in microseconds.
    package var duration: Int64 { max(0, last &- info.start) }
}

/// A command with its replies and content: a row of `sessions show --json`.
package struct Exchange: Equatable, Sendable {
    /// What the content of an exchange was.
    package struct ContentSummary: Equatable, Sendable {
        package var side: Side
        package var bytes: Int
        /// SHA-256 of the octets as on the wire, in hex. Of several contents (the messages of a FETCH) that of the SHA-256 digests
        /// of each, one behind the other.
        package var sha256: String

        package init(side: Side, bytes: Int, sha256: String) {
            self.side = side
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// 0 is the greeting.
    package var number: Int
    /// Time of the command (of the first line for the greeting).
    package var time: Int64
    /// Time of the last frame.
    package var last: Int64
    /// The verb in capitals; empty for the greeting.
    package var command: String
    /// The command line without line end, masked, cut after 1,000 octets.
    package var line: String
    /// The mailbox that it names, where the name came as a literal and so does not stand in the line; masked, cut after 1,000 octets.
    package var mailbox: String?
    package var replyStatus: ReplyStatus?
    package var replyCode: String
    /// The text of the last reply line, cut after 1,000 octets.
    package var replyText: String
    package var content: ContentSummary?
    package var violations: [Violation]
    /// Names of the rules that changed something.
    package var changed: [String]

    package init(number: Int, time: Int64, command: String, line: String) {
        self.number = number
        self.time = time
        last = time
        self.command = command
        self.line = line
        replyCode = ""
        replyText = ""
        violations = []
        changed = []
    }
}

extension Exchange {
    /// Commands of IMAP whose first argument is a mailbox (RFC 9051 §6.3), as filters know them.
    package static let mailboxCommands: Set<String> = ["SELECT", "EXAMINE", "STATUS", "APPEND", "CREATE", "DELETE"]
}

/// Names among those of rules that changed something in an exchange.
package enum ExchangeMark {
    /// The last reply is ours: the session was ended, because it was idle for too long, because the proxy stopped, or because the
    /// server went away.
    package static let goodbye = "(goodbye)"

    /// A list of capabilities was changed.
    package static let capabilities = "(capabilities)"

    /// The upstream got another login than the client's.
    package static let login = "(login)"
}

/// A header field of a message: its name in lower case, and what it says as a person reads it.
package struct HeaderText: Equatable, Sendable {
    package let name: String
    package let text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// A message that a session carried.
package struct MessageRecord: Equatable, Sendable {
    package var exchange: Int
    package var carrier: Carrier
    /// All octets of the message came.
    package var complete: Bool
    /// Size and SHA-256 (hex) of the message without dot-stuffing.
    package var bytes: Int
    package var sha256: String
    /// Envelope for SMTP, else the header's From and To.
    package var from: String
    package var to: [String]
    package var subject: String
    package var messageID: String
    /// What can be searched for in it, where that is wanted.
    package var text: MessageText?
    /// The header fields that were asked for, decoded and unfolded, names in lower case, in order. Told with the message, and kept in no
    /// index.
    package var fields: [HeaderText] = []
    /// What is wrong with it, when messages are judged. Told with the message, and kept in no index.
    package var flaws: [MessageFlaw] = []

    package init(exchange: Int, carrier: Carrier) {
        self.exchange = exchange
        self.carrier = carrier
        complete = false
        bytes = 0
        sha256 = ""
        from = ""
        to = []
        subject = ""
        messageID = ""
    }
}

/// A credential that a session showed. The secret itself is never kept.
package struct CredentialRecord: Equatable, Sendable {
    package enum Outcome: String, Sendable, CaseIterable { case accepted, refused, unknown }

    package var exchange: Int
    package var mechanism: String
    package var account: String
    /// HMAC-SHA-256 of the secret under the recording's key, in hex, cut to 16 digits: the same secret twice has the same mark.
    package var fingerprint: String
    package var outcome: Outcome

    package init(exchange: Int, mechanism: String, account: String, fingerprint: String, outcome: Outcome) {
        self.exchange = exchange
        self.mechanism = mechanism
        self.account = account
        self.fingerprint = fingerprint
        self.outcome = outcome
    }
}
