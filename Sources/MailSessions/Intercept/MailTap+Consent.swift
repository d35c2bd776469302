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

extension Note {
    /// The server's reply that consents to TLS.
    var consentsToTLS: Bool {
        guard side == .server, !raw.isEmpty else { return false }
        return facts.contains { if case .opaque(.tls) = $0 { true } else { false } }
    }
}
