// What a client is told whose server has gone in the middle of the session, in the words of its protocol and where a line of the
// server can stand. Nothing is acknowledged in the server's place: what it owed is refused for now, and a message that was on its way
// was not taken (RFC 5321 §4.2.5; RFC 1047 on the answer that never came).

import MailDialogue

/// What becomes of the client when its server has ended the connection.
package enum Bereavement: Equatable, Sendable {
    /// The server had said goodbye, or the session is not followed: its end is the client's, as it came.
    case passes
    /// The client is in the middle of a message, and reads an answer when it has sent all of it.
    case waits
    /// These words stand where the server's next line would, in this exchange.
    case words([UInt8], exchange: Int)
    /// No line can stand there: an answer or a literal was cut short.
    case cut

    /// - Parameter tap: what the client has seen.
    package init(_ tap: MailTap, _ mailProtocol: MailProtocol) {
        guard !tap.saidGoodbye, tap.opaque == nil else {
            self = .passes
            return
        }
        if mailProtocol != .imap, case .content = tap.demand(.client) {
            self = .waits
            return
        }
        let interruption = Interruption(tap)
        guard interruption.isPossible else {
            self = .cut
            return
        }
        // POP3 has no words but answers: its server closes without any (RFC 1939 §3).
        guard mailProtocol != .pop3 || tap.owesAnswer else {
            self = .passes
            return
        }
        self = .words(
            tap.isGreeted
                ? LocalReply.serverLost(mailProtocol, verdicts: tap.verdictsOwed)
                : LocalReply.unavailable(mailProtocol),
            exchange: interruption.exchange)
    }
}
