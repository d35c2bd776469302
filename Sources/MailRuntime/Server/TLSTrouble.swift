// Why TLS handshakes fail, in the few words that figures have for it. The log says more.

import MailDialogue
import MailTLS

/// Why a TLS handshake failed.
package enum TLSTrouble: String, CaseIterable, Sendable {
    /// The peer left in the middle of it.
    case left
    /// It was not over in time.
    case timeout
    /// The peer refused it with an alert: a client that does not trust our certificate, for one.
    case refused
    /// The server's certificate is not to be trusted, or is not the one that is pinned.
    case untrusted
    /// What came is no TLS, or none that both sides have.
    case disagreed
    /// There is no certificate to show.
    case certificate
    /// The client asks for a name that no upstream of the route is for, or for none.
    case name
    /// The proxy stopped.
    case stopped

    /// Of which leg it is told.
    struct Key: Equatable, Sendable {
        let side: Side
        let trouble: TLSTrouble
        var sideText: String { side == .client ? "client" : "server" }

        static let all: [Key] = [Side.client, .server].flatMap { side in
            TLSTrouble.allCases.filter { $0.isPossible(side) }.map { Key(side: side, trouble: $0) }
        }
    }

    private func isPossible(_ side: Side) -> Bool {
        switch self {
        case .left, .timeout, .refused, .disagreed, .certificate: true
        case .untrusted: side == .server
        case .name, .stopped: side == .client
        }
    }

    /// What the failure of a stream in its handshake is.
    init(_ error: SystemError) {
        switch error.tlsKind {
        case nil: self = .left
        case .refused: self = .refused
        case .untrusted: self = .untrusted
        case .other: self = .disagreed
        }
    }
}
