// All limits of the running server in one place: the name of each, why it is what it is, and what happens beyond it. Those of
// single octet streams (lines, literals, what may wait for an answer) are in `DialogueLimits`, those of messages in
// `MessageLimits`.

import MailDialogue

/// The limits that an operator may set, as `limits.NAME`.
package struct ServerLimits: Equatable, Sendable {
    /// `sessions`: sessions at once; 0 for as many as there are descriptors. One more is refused in the words of its protocol.
    package var sessions = 0
    /// `sessions-per-address`: sessions at once of one client address (of one /64 in IPv6); 0 for no limit, since a proxy often
    /// stands behind another one, or behind an address that many share. One more is refused.
    package var sessionsPerAddress = 0
    /// `connections-per-second`: new connections of one client address, on average; as many again may come at once. 0 for no
    /// limit. One more is refused.
    package var connectionsPerSecond = 0
    /// `idle-smtp`, `idle-pop3`, `idle-imap`: seconds in which neither side of a proxied session says a word, after which it is
    /// ended. A client of SMTP may wait ten minutes for the answer to its message (RFC 5321 §4.5.3.2.6), a server of POP3 has to
    /// wait ten minutes (RFC 1939 §3), one of IMAP thirty (RFC 9051 §5.4): we wait a minute longer than who must, so that
    /// the server decides where it has a limit of its own.
    package var idleSMTP = 660
    package var idlePOP3 = 660
    package var idleIMAP = 1_860

    /// No less may be set.
    package static let leastIdleSMTP = 600
    package static let leastIdlePOP3 = 600
    package static let leastIdleIMAP = 1_800

    package init() {}

    /// Seconds between two looks for sessions that are idle for too long.
    var idleRounds: Double { min(RuntimeLimits.idleRounds, Double(min(idleSMTP, idlePOP3, idleIMAP)) / 4) }

    /// Seconds without a word.
    func idle(_ mailProtocol: MailProtocol) -> Int {
        switch mailProtocol {
        case .smtp, .lmtp: idleSMTP
        case .pop3: idlePOP3
        case .imap: idleIMAP
        }
    }
}

/// Limits that nobody need set.
enum RuntimeLimits {
    /// Octets that wait for a slow peer before its partner is not read any more; two reads' worth.
    static let highWater = 131_072
    /// Reading goes on below this.
    static let lowWater = 32_768
    /// Seconds for which a peer may take nothing of what is left for it, once nothing else can come: long enough for a lost
    /// packet to be sent again a few times.
    static let stalled = 30.0
    /// A proxied session without octets for so many microseconds may be ended when the server stops.
    static let quiet: Int64 = 500_000
    /// Seconds between two looks for sessions that are idle for too long: ten thousand sessions cost nothing then, and none
    /// stays much longer than its time.
    static let idleRounds = 15.0
    /// Client addresses that are remembered for their limits; beyond it those without a session are forgotten first.
    static let addresses = 65_536
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
    /// A PROXY header: a relay sends it at once, and the specification (§2) wants it to survive a lost packet.
    package var header = 5.0
    /// Silence of a client that is put to the test: one that waits for its user has long shown what it does by itself.
    package var stripSilence = 60.0
    /// The words of SOCKS, and the first octets that tell a protocol. They come at once, but for a greeting that a server keeps back
    /// to see who speaks out of turn, which takes it some seconds.
    package var arrival = 20.0

    package init() {}
}
