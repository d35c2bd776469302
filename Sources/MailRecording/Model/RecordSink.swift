// What a session tells the recorder. A value, so that it can cross to the recorder's thread.

import MailDialogue

/// A leg of a session: which of the two connections the octets were seen on.
package enum Leg: UInt8, Sendable, Hashable {
    /// What the client saw. Kept always.
    case client = 0
    /// What the server saw. Kept beside the other when a rule changed something.
    case server = 1
}

/// What a recording can't show of octets: there they are in the order in which they were understood, and none is deflated.
package enum Unseen: Equatable, Sendable {
    /// From here on the session was not followed because of them.
    case opaque(OpaqueReason)
    /// TLS was to begin, and they are in clear: from here on the session is followed again.
    case clear
    /// They came before the answer that they had to wait for.
    case haste
    /// They are hidden, up to the end of the content that they belong to: `record.what` leaves them out.
    case leftOut
}

/// What is recorded of a session, in order. Rows are kept elsewhere, so that the many events with octets stay small. Times are those of
/// packets: nanoseconds since 1970 (``NanosecondTime``).
package enum RecordEvent: Sendable {
    /// The session began.
    indirect case opened(SessionInfo)
    /// TLS was begun after STARTTLS or STLS; octets that follow came under it. What is known of the session with it.
    indirect case secured(SessionInfo, time: Int64)
    /// Octets of a side, with secrets masked already.
    case octets(session: String, leg: Leg, side: Side, time: Int64, [ArraySlice<UInt8>])
    /// Octets of a side with a secret: as they are recorded, and as they were, to be sealed.
    indirect case secret(
        session: String, leg: Leg, side: Side, time: Int64, ArraySlice<UInt8>, SecretBytes)
    /// Octets of a side are missing here, because a capture lost them; 0 when their number is not known.
    case gap(session: String, leg: Leg, side: Side, time: Int64, octets: Int)
    /// What is true of the octets that come next from a side, and can't be seen in what is recorded.
    case remark(session: String, side: Side, Unseen)
    /// Rules changed something in an exchange, told by books that keep no rows; others say it with the exchange.
    indirect case changed(session: String, exchange: Int, rules: [String])
    /// An exchange is complete.
    indirect case exchange(session: String, Exchange)
    /// A message is complete, or broke off.
    indirect case message(session: String, MessageRecord)
    /// A credential was shown and judged, or the session ended before that.
    indirect case credential(session: String, CredentialRecord)
    /// The session ended.
    indirect case closed(SessionSummary)

    /// Octets that this event keeps in memory until it is written, about.
    package var weight: Int {
        switch self {
        case .octets(_, _, _, _, let pieces): pieces.reduce(160) { $0 + $1.count }
        case .secret(_, _, _, _, let masked, _): 700 + 2 * masked.count
        case .opened, .secured, .gap, .remark, .changed, .exchange, .message, .credential, .closed: 600
        }
    }
}
