// What a dialogue learns beside the frames: who logs in, who writes to whom. Told with the note of the frame that
// proves it.

/// Something a frame says about the session.
package enum Fact: Equatable, Sendable {
    /// The client's name for itself: EHLO, HELO, LHLO.
    case clientName(String)
    /// A credential was shown.
    indirect case credential(Credential)
    /// The server's verdict on the last credential.
    case login(accepted: Bool)
    /// The reverse-path was accepted by the server (RFC 5321 §3.3); empty for `<>`.
    case reversePath(String)
    /// A recipient was accepted by the server.
    case recipient(String)
    /// A recipient was refused by the server.
    case recipientRefused(String)
    /// The server accepted the message that came before.
    case messageAccepted
    /// The server refused the message that came before.
    case messageRefused
    /// The transaction was dropped (RSET, EHLO).
    case transactionReset
    /// A mailbox was opened: SELECT or EXAMINE succeeded.
    case mailbox(String)
    /// From here on the session is not followed.
    case opaque(OpaqueReason)
    /// TLS was to begin and does not: what comes next is in clear, and the session is followed again.
    case clear
    /// The content that was under way can't be followed to its end: octets of it are missing, and where it ends is not known.
    case contentCut
    /// What the octets of the content were is not known from here to its end: they were not to be recorded.
    case leftOut
    /// Octets are missing before, and with this frame it is certain again where both sides are.
    case resumed
}

/// A credential as seen on the wire.
package struct Credential: Equatable, Sendable {
    /// The mechanism in capitals: PLAIN, LOGIN, CRAM-MD5; `USER` for POP3's USER and PASS, `APOP`, `LOGIN` for IMAP's
    /// LOGIN.
    package var mechanism: String
    /// The account, when it could be read.
    package var account: String
    /// The secret, or what was shown in its place (a digest).
    package var secret: SecretBytes
    /// What else it shows: realm, service, the challenge that a digest answers.
    package var details: [CredentialDetail]

    package init(mechanism: String, account: String, secret: SecretBytes, details: [CredentialDetail] = []) {
        self.mechanism = mechanism
        self.account = account
        self.secret = secret
        self.details = details
    }
}

/// Octets that never print: every description is a mask of constant length.
package struct SecretBytes: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let octets: [UInt8]

    package init(_ octets: some Sequence<UInt8>) { self.octets = Array(octets) }

    /// The octets, for the one who computes a fingerprint or compares. Every caller is a place to review.
    package func withRevealed<R>(_ body: ([UInt8]) throws -> R) rethrows -> R { try body(octets) }

    package var isEmpty: Bool { octets.isEmpty }
    package var description: String { "<secret>" }
    package var debugDescription: String { "<secret>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
