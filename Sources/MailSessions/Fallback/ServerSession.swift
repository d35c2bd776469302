// Our server in a dialogue: a pure machine between events and effects. Each protocol has one; the runtime drives all
// alike.

import MailDialogue
import MailRecording

/// What the runtime tells a session.
package enum ServerEvent: Equatable, Sendable {
    /// The client is connected: time to greet.
    case connected(client: SocketAddress, server: SocketAddress)
    /// Octets came.
    case received([UInt8])
    /// The client sends no more.
    case peerEnded
    /// The answer to the request under way.
    case stored(StoreReply)
    /// All that was sent has left: the next piece of a long answer may follow.
    case drained
    /// The timer that was set ran out.
    case timerFired
    /// Somebody changed the mailbox that is watched.
    case mailboxChanged
    /// TLS can be begun, or it can't: the answer to ``ServerEffect/prepareTLS``.
    case tlsPrepared(Bool)
    /// The client's handshake is over, and what comes now comes under TLS. All that was said before is forgotten.
    case secured
    /// The server stops: say so and close.
    case shutdown
}

/// What a session wants done, in order.
package enum ServerEffect: Equatable, Sendable {
    case send([UInt8])
    case store(StoreRequest)
    /// Replaces the timer.
    case setTimer(seconds: Int)
    /// Wake with `mailboxChanged` when this mailbox changes; replaces what was watched; nil ends it.
    case watch(Account, String)
    case unwatch
    /// The client wants to begin TLS: can it be done?
    case prepareTLS
    /// TLS begins behind all that was sent.
    case startTLS
    /// Close once all that was sent has left.
    case close
    /// One line for the log. No secrets.
    case log(String)
    /// These rules hit at this exchange; `changed` when octets or their order changed.
    case hit(rules: [String], exchange: Int, tags: [String], changed: Bool)
}

/// Our server in one connection.
package protocol ServerSession: Sendable {
    /// One event to its end. `now` is in microseconds since 1970. `notes` gets every frame that came or was sent.
    mutating func handle(
        _ event: ServerEvent, now: Int64, effects: inout [ServerEffect], notes: inout [Note])

    /// More octets of the client may be read: false while a request is under way or an answer streams.
    var wantsOctets: Bool { get }
    /// Octets of the client that wait to be understood or handled.
    var pendingOctets: Int { get }
}

/// What our servers are told by the configuration.
package struct ServerSettings: Equatable, Sendable {
    /// The name in greetings.
    package var hostName: String
    /// Largest message taken, in octets. 50 MiB unless set: Mailpit's and near Postfix's order of magnitude.
    package var maximumMessage: Int
    /// Recipients of a message; RFC 5321 §4.5.3.1.8 asks for 100, Postfix takes 1,000.
    package var maximumRecipients: Int
    /// SMTP needs a login first.
    package var requiresAuthentication: Bool
    /// LMTP instead of SMTP.
    package var lmtp: Bool
    /// CRAM-MD5 and APOP are offered. Clients prefer them, and a store that keeps hashes of passwords can't verify
    /// them: only where any login holds.
    package var digestLogins: Bool
    /// SCRAM is offered with these hashes: those for which the store has keys. Where any login holds there are none: the
    /// server must prove that it knows the password (RFC 5802 §3), and there it does not.
    package var scramHashes: [SASLHash]
    /// STARTTLS or STLS is offered, until TLS is there.
    package var offersTLS = false

    package init(
        hostName: String = "localhost", maximumMessage: Int = 50 << 20, maximumRecipients: Int = 1_000,
        requiresAuthentication: Bool = false, lmtp: Bool = false, digestLogins: Bool = false,
        scramHashes: [SASLHash] = []
    ) {
        self.hostName = hostName
        self.maximumMessage = maximumMessage
        self.maximumRecipients = maximumRecipients
        self.requiresAuthentication = requiresAuthentication
        self.lmtp = lmtp
        self.digestLogins = digestLogins
        self.scramHashes = scramHashes
    }
}
