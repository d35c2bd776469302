// Looks ahead: what would a reply be.

import MailDialogue

extension MailTap {
    /// With these octets the server consents to TLS.
    package func consentsToTLS(_ octets: ArraySlice<UInt8>) -> Bool {
        guard awaitsTLS else { return false }
        var probe = self
        var notes: [Note] = []
        probe.receive(octets, from: .server, into: &notes)
        return notes.contains(where: \.consentsToTLS) || probe.opaque == .tls
    }
}

/// Whether words of ours can be said to a client now.
package struct Interruption: Equatable, Sendable {
    /// A line of ours can stand before the server's next one.
    package let isPossible: Bool
    /// The server owes an answer, or what it says can't be followed.
    package let isPremature: Bool
    /// The exchange that it would stand in.
    package let exchange: Int

    package init(_ tap: MailTap) {
        if case .line = tap.demand(.server) {
            isPossible = tap.isBetweenReplies && !tap.isDeflated(.server) && tap.pending(.server) == 0
        } else {
            isPossible = false
        }
        isPremature = tap.opaque == nil && tap.owesAnswer
        exchange = tap.isGreeted ? tap.currentExchange : 0
    }
}

extension Note {
    /// The server's reply that consents to TLS.
    var consentsToTLS: Bool {
        guard side == .server, !raw.isEmpty else { return false }
        return facts.contains { if case .opaque(.tls) = $0 { true } else { false } }
    }
}
