// The limits of the running server as it keeps them. What each is for, why it is what it is and what happens beyond it stands in
// one table with those of all other parts: see `LimitTable`.

import MailDialogue

/// The limits that an operator may set, as `limits.NAME`; in seconds those that are times. 0 of a number is no limit.
package struct ServerLimits: Equatable, Sendable {
    package var sessions = 0
    package var sessionsPerAddress = 0
    package var connectionsPerSecond = 0
    /// Octets in all sessions together that wait to be written or understood.
    package var memory = 256 << 20
    /// An upstream owes its greeting.
    package var greeting = 360
    /// The client has begun a command or a message and does not go on, or the server does not answer a command.
    package var smtpCommand = 360
    /// The server does not answer DATA.
    package var smtpDataStart = 180
    /// The server takes nothing of a message.
    package var smtpDataBlock = 240
    /// The server does not say what becomes of a message.
    package var smtpDataEnd = 660
    /// Nobody says a word.
    package var idleSMTP = 660
    package var idlePOP3 = 660
    package var idleIMAP = 1_860

    package init() {}

    /// Seconds between two looks for sessions that are late.
    var idleRounds: Double {
        let all = [greeting, smtpCommand, smtpDataStart, smtpDataBlock, smtpDataEnd, idleSMTP, idlePOP3, idleIMAP]
        return min(RuntimeLimits.idleRounds, Double(all.min() ?? 1) / 4)
    }

    /// Seconds without a word.
    func idle(_ mailProtocol: MailProtocol) -> Int {
        switch mailProtocol {
        case .smtp, .lmtp: idleSMTP
        case .pop3: idlePOP3
        case .imap: idleIMAP
        }
    }

    /// Seconds for the rest of what a client has begun.
    func command(_ mailProtocol: MailProtocol) -> Int {
        switch mailProtocol {
        case .smtp, .lmtp: smtpCommand
        case .pop3: idlePOP3
        case .imap: idleIMAP
        }
    }

    /// Seconds for what a server owes.
    func answer(_ mailProtocol: MailProtocol, _ due: ServerDue) -> Int {
        if due == .greeting { return greeting }
        switch mailProtocol {
        case .pop3: return idlePOP3
        case .imap: return idleIMAP
        case .smtp, .lmtp:
            switch due {
            case .greeting: return greeting
            case .answer: return smtpCommand
            case .goAhead: return smtpDataStart
            case .verdict: return smtpDataEnd
            }
        }
    }

    /// Seconds for a server to take something of what waits for it.
    func taking(_ mailProtocol: MailProtocol) -> Int {
        switch mailProtocol {
        case .smtp, .lmtp: smtpDataBlock
        case .pop3: idlePOP3
        case .imap: idleIMAP
        }
    }

    /// Microseconds before which nobody can be late.
    func soonest(_ mailProtocol: MailProtocol) -> Int64 {
        let least =
            switch mailProtocol {
            case .smtp, .lmtp: min(greeting, smtpCommand, smtpDataStart, smtpDataBlock, smtpDataEnd, idleSMTP)
            case .pop3: min(greeting, idlePOP3)
            case .imap: min(greeting, idleIMAP)
            }
        return Int64(least) &* 1_000_000
    }
}

/// Limits that nobody need set.
package enum RuntimeLimits {
    /// Octets that wait for a slow peer before its partner is not read any more; two reads' worth.
    package static let highWater = 131_072
    /// Reading goes on below this.
    package static let lowWater = 32_768
    /// Seconds for which a peer may take nothing of what is left for it, once nothing else can come: long enough for a lost
    /// packet to be sent again a few times.
    package static let stalled = 30.0
    /// A proxied session without octets for so many microseconds may be ended when the server stops.
    package static let quiet: Int64 = 500_000
    /// Seconds between two looks for sessions that are idle for too long: ten thousand sessions cost nothing then, and none
    /// stays much longer than its time.
    package static let idleRounds = 15.0
    /// Seconds of a turn while too much waits in memory, and between two looks whether it still does.
    package static let memoryRounds = 0.25
    /// Seconds for which an upstream that is left may still say goodbye: nobody waits for it.
    package static let farewell = 2.0
    /// Client addresses that are remembered for their limits; beyond it those without a session are forgotten first.
    package static let addresses = 65_536
}

/// How many seconds a step of a session may take, each with its reason. Given to the core, so that a test need not wait for them.
package struct RuntimeTimes: Sendable {
    /// A connection to the upstream, with its TLS when that is implicit. Linux tries for more than two minutes; a client gives up
    /// sooner, and RFC 5321 §4.5.3.2.1 lets it wait five minutes for the greeting.
    package var connect = 30.0
    /// A TLS handshake, once it may begin: far more than any network needs.
    package var handshake = 30.0
    /// Each answer of an upstream that begins TLS before the client hears anything: as long as a client waits for the greeting
    /// (RFC 5321 §4.5.3.2.1), which is what this client waits for meanwhile.
    package var firstWords = 300.0
    /// An upstream's answer to the client's STARTTLS. No RFC gives a time for it. RFC 5321 §4.5.3.2 lets no command wait for less
    /// than two minutes, and a client that waits for five, as for most commands, hears our refusal before it gives up.
    package var consent = 120.0
    /// A client that ended its side without a word while its upstream is called: time enough to show it a greeting.
    package var leaving = 2.0
    /// A PROXY header: a relay sends it at once, and the specification (§2) wants it to survive a lost packet.
    package var header = 5.0
    /// Silence of a client that is put to the test: one that waits for its user has long shown what it does by itself.
    package var stripSilence = 60.0
    /// The words of SOCKS, and the first octets that tell a protocol. They come at once, but for a greeting that a server keeps back
    /// to see who speaks out of turn, which takes it some seconds.
    package var arrival = 20.0

    package init() {}
}
