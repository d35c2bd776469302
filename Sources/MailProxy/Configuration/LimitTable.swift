// All limits, with their names, their reasons and what happens beyond them: the settings `limits.…`, the schema of the configuration
// and the tables of Docs/Operation.md are written from here. The numbers themselves stand where they are kept.

import ArgumentParser
import MailDialogue
import MailMessage
import MailRuntime
import MailSessions

/// What a limit is counted in.
enum LimitUnit: String {
    case octets
    case seconds
    case count = ""
}

/// A limit that an operator may set.
struct SettableLimit: Sendable {
    /// Without `limits.`.
    let name: String
    let unit: LimitUnit
    /// The least that makes sense, and the most.
    let range: ClosedRange<Int>
    /// No less may be set, unless `limits.allow-short` says so, and which section says that.
    let floor: (least: Int, section: String)?
    /// What it is, in a few words.
    let what: String
    /// Why the default is what it is.
    let reason: String
    let beyond: String
    /// Where it is kept.
    let path: any WritableKeyPath<ServerLimits, Int> & Sendable

    var key: String { "limits.\(name)" }

    /// The default.
    var standard: Int { ServerLimits()[keyPath: path] }

    /// What the schema and the reference page say.
    var meaning: String {
        let standard = standard == 0 ? "0: no limit" : "\(standard)"
        let floor = floor.map { "; \($0.section) forbids less than \($0.least)" } ?? ""
        return "\(what) (default \(standard)\(floor))."
    }

    /// What is wrong with a value in force; nil when it is good.
    func complaint(about value: Int) -> String? {
        guard let floor, value < floor.least else { return nil }
        return
            "must be at least \(floor.least) seconds (\(floor.section)), not \(value); for laboratories limits.allow-short=true takes less"
    }
}

/// A limit that nobody need set.
struct FixedLimit {
    let name: String
    let value: Int
    let unit: LimitUnit
    let reason: String
    let beyond: String
}

/// All limits.
enum LimitTable {
    private static let refused =
        "the connection is refused: 421, -ERR, BYE; under TLS from the first octet it is closed"
    private static let year = 31_536_000

    /// Those that may be set.
    static let settings: [SettableLimit] = [
        SettableLimit(
            name: "sessions", unit: .count, range: 0...10_000_000, floor: nil,
            what: "Sessions at once; one more is refused in the words of its protocol",
            reason: "as many as there are descriptors", beyond: refused, path: \.sessions),
        SettableLimit(
            name: "sessions-per-address", unit: .count, range: 0...10_000_000, floor: nil,
            what: "The same for one client address, or one /64 of IPv6",
            reason: "a proxy often stands behind another, or behind an address that many share", beyond: refused,
            path: \.sessionsPerAddress),
        SettableLimit(
            name: "connections-per-second", unit: .count, range: 0...1_000_000, floor: nil,
            what: "New connections of one client address in a second; what is more is refused",
            reason: "the same; a second's connections may come at once", beyond: refused, path: \.connectionsPerSecond),
        SettableLimit(
            name: "memory", unit: .octets, range: 0...(1 << 46), floor: nil,
            what:
                "Octets in all sessions together that wait for a peer to take them or to make them whole, and what many commands take until they are answered; beyond it peers are read more slowly, and new sessions are refused",
            reason:
                "a thousand sessions with as much on its way in both directions as one may have. A TLS handshake counts as 32768, a record that is not whole as 16640",
            beyond:
                "from half of it on those that wait for most are read less; beyond it nobody is read for whom something waits, and connections are refused; a quarter beyond it those who have not made whole what they have begun go on one after the other, unless it is less than their share: a quarter of the limit divided among all sessions, at least 4096 octets in each direction. Who waits for its turn beyond its time hears 421 or BYE. Nothing is thrown away",
            path: \.memory),
        SettableLimit(
            name: "greeting", unit: .seconds, range: 1...year, floor: (300, "RFC 5321 §4.5.3.2.1"),
            what: "Seconds in which an upstream has to greet",
            reason: "clients wait five minutes; a minute more, so that whoever waits decides",
            beyond: "421, -ERR, BYE in its place. In a list of upstreams the next is tried after 30 seconds",
            path: \.greeting),
        SettableLimit(
            name: "smtp-command", unit: .seconds, range: 1...year, floor: (300, "RFC 5321 §4.5.3.2.7"),
            what:
                "Seconds in which an SMTP client has to go on with a command or a message that it has begun, and a server has to answer a command",
            reason: "MAIL and RCPT five minutes (§4.5.3.2.2, §4.5.3.2.3), the server's own wait five; and a minute",
            beyond: "421, and the server's leg is closed with what was not whole", path: \.smtpCommand),
        SettableLimit(
            name: "smtp-data-start", unit: .seconds, range: 1...year, floor: (120, "RFC 5321 §4.5.3.2.4"),
            what: "Seconds in which a server has to answer DATA", reason: "two minutes, and one", beyond: "421",
            path: \.smtpDataStart),
        SettableLimit(
            name: "smtp-data-block", unit: .seconds, range: 1...year, floor: (180, "RFC 5321 §4.5.3.2.5"),
            what: "Seconds in which a server has to take something of what waits for it",
            reason: "three minutes, and one",
            beyond: "421; the server gets no end of the message, and so no message", path: \.smtpDataBlock),
        SettableLimit(
            name: "smtp-data-end", unit: .seconds, range: 1...year, floor: (600, "RFC 5321 §4.5.3.2.6"),
            what: "Seconds in which a server has to say what becomes of a message",
            reason: "ten minutes, and one: who gives up sooner sends messages twice",
            beyond: "421, never an acknowledgment", path: \.smtpDataEnd),
        SettableLimit(
            name: "idle-smtp", unit: .seconds, range: 1...year, floor: (300, "RFC 5321 §4.5.3.2.7"),
            what: "Seconds in which neither side of a proxied session says a word, after which it is ended",
            reason: "five minutes, and as long again for clients that keep connections for their next message",
            beyond: "421, and the session ends", path: \.idleSMTP),
        SettableLimit(
            name: "idle-pop3", unit: .seconds, range: 1...year, floor: (600, "RFC 1939 §3"),
            what: "The same for POP3, and for the rest of a command and for answers too",
            reason: "ten minutes, and one",
            beyond: "the session ends without a word, as RFC 1939 §3 has it; with -ERR where an answer is owed",
            path: \.idlePOP3),
        SettableLimit(
            name: "idle-imap", unit: .seconds, range: 1...year, floor: (1_800, "RFC 9051 §5.4"),
            what: "The same for IMAP", reason: "thirty minutes, and one", beyond: "BYE, and the session ends",
            path: \.idleIMAP),
    ]

    private static let opaque = "the octets pass, and the session goes on unfollowed and marked so"

    /// Those that are not settings.
    static var fixed: [FixedLimit] {
        let fallback = ServerSettings()
        let times = RuntimeTimes()
        let message = MessageLimits()
        return [
            FixedLimit(
                name: "line of SMTP and POP3", value: DialogueLimits.line, unit: .octets,
                reason: "RFC 5321 §4.5.3.1.4 has 512 and what extensions add, RFC 4954 §4 12,288; twice that",
                beyond: opaque),
            FixedLimit(
                name: "command line of IMAP", value: DialogueLimits.imapCommandLine, unit: .octets,
                reason: "RFC 7162 §4 asks servers for 8,192; Dovecot takes as much as this", beyond: opaque),
            FixedLimit(
                name: "response line of IMAP", value: DialogueLimits.imapResponseLine, unit: .octets,
                reason: "lists of UIDs of big mailboxes reach megabytes", beyond: opaque),
            FixedLimit(
                name: "literal that is an argument", value: DialogueLimits.keptLiteral, unit: .octets,
                reason: "users, passwords, names of mailboxes; literals themselves have no limit",
                beyond: "it passes, and what it says is not known"),
            FixedLimit(
                name: "octets that wait for an answer", value: DialogueLimits.held, unit: .octets,
                reason: "a client that does not wait sends a window at most", beyond: opaque),
            FixedLimit(
                name: "commands that wait for answers", value: DialogueLimits.outstanding, unit: .count,
                reason: "clients send some hundreds at once", beyond: opaque),
            FixedLimit(
                name: "mailboxes in commands that wait for answers", value: DialogueLimits.outstandingOctets,
                unit: .octets, reason: "ten thousand recipients with a hundred octets each", beyond: opaque),
            FixedLimit(
                name: "commands that wait for answers, with rules", value: DialogueLimits.outstandingOctets / 2,
                unit: .octets, reason: "what is kept to be judged with the answer",
                beyond: "the client is not read until some are answered"),
            FixedLimit(
                name: "list of capabilities", value: CapabilityFilter.longest, unit: .octets,
                reason: "no server's list comes near", beyond: "it is cut: nobody is shown what was not looked at"),
            FixedLimit(
                name: "header section for rules", value: HeaderScanner.limit, unit: .octets,
                reason: "with many Received, ARC and DKIM fields 65,536",
                beyond: "the message passes unjudged, and the log says so"),
            FixedLimit(
                name: "header fields, one and all of a message", value: message.field, unit: .octets,
                reason: "Postfix's header_size_limit; all together \(message.header), as Dovecot",
                beyond: "the rest is not read by `sessions`, which says so; it is recorded all the same"),
            FixedLimit(
                name: "recipients of a message to the built-in server", value: fallback.maximumRecipients, unit: .count,
                reason: "RFC 5321 §4.5.3.1.8 asks for 100, Postfix takes as many as this", beyond: "452"),
            FixedLimit(
                name: "message to the built-in server", value: fallback.maximumMessage, unit: .octets,
                reason: "`server.message-size` sets it", beyond: "552, told beforehand by SIZE"),
            FixedLimit(
                name: "octets on the way to one slow peer", value: RuntimeLimits.highWater, unit: .octets,
                reason: "two reads' worth", beyond: "its partner is not read until it has taken most of them"),
            FixedLimit(
                name: "connection to an upstream, with TLS", value: Int(times.connect), unit: .seconds,
                reason: "Linux tries for two minutes; clients give up sooner",
                beyond: "the next address or upstream, else 421, -ERR, BYE"),
            FixedLimit(
                name: "TLS handshake", value: Int(times.handshake), unit: .seconds,
                reason: "far more than any network needs", beyond: "the connection is closed"),
            FixedLimit(
                name: "each answer before TLS, and before the client is greeted", value: Int(times.firstWords),
                unit: .seconds, reason: "RFC 5321 §4.5.3.2.1: as long as the client waits",
                beyond: "421, -ERR, BYE; in a list the next upstream, after 30 seconds"),
            FixedLimit(
                name: "answer to STARTTLS", value: Int(times.consent), unit: .seconds,
                reason: "RFC 5321 §4.5.3.2 lets no command wait for less", beyond: "454, -ERR, NO"),
            FixedLimit(
                name: "PROXY header", value: Int(times.header), unit: .seconds, reason: "a relay sends it at once",
                beyond: "the connection is closed, with a line in the log"),
            FixedLimit(
                name: "words of SOCKS, and those that tell the protocol", value: Int(times.arrival), unit: .seconds,
                reason: "some servers keep their greeting back for some seconds",
                beyond: "the connection is closed, with a line in the log"),
            FixedLimit(
                name: "client that ended before its upstream answers", value: Int(times.leaving), unit: .seconds,
                reason: "time enough to show it a greeting; one that is gone keeps its place no longer",
                beyond: "the session ends"),
        ]
    }

    /// A table for Docs/Operation.md, which a test holds against it.
    static var text: String {
        var out = "| setting | default | beyond it | why |\n| --- | --- | --- | --- |\n"
        for limit in settings {
            let value = limit.standard == 0 ? "none" : amount(limit.standard, limit.unit)
            let floor = limit.floor.map { "; no less than \($0.least) s (\($0.section))" } ?? ""
            out += "| `\(limit.key)` | \(value) | \(limit.beyond) | \(limit.reason)\(floor) |\n"
        }
        out += "\n| limit | value | beyond it | why |\n| --- | --- | --- | --- |\n"
        for limit in fixed {
            out += "| \(limit.name) | \(amount(limit.value, limit.unit)) | \(limit.beyond) | \(limit.reason) |\n"
        }
        return out
    }

    private static func amount(_ number: Int, _ unit: LimitUnit) -> String {
        switch unit {
        case .octets: "\(number) octets"
        case .seconds: "\(number) s"
        case .count: "\(number)"
        }
    }

    /// The limits that the settings make.
    static func limits(_ settings: Settings) -> ServerLimits {
        var limits = ServerLimits()
        for limit in Self.settings {
            if let number = settings.number(limit.key) { limits[keyPath: limit.path] = number }
        }
        return limits
    }
}

struct ConfigLimits: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits", abstract: "Print all limits, with their reasons.")

    func run() throws { print(LimitTable.text, terminator: "") }
}
