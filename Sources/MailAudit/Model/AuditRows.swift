// What an audit tells of credentials, messages, clients, servers and accounts: a row each.

import MailDialogue
import MailRecording

/// How a session was protected.
package enum Protection: String, Sendable, Hashable, CaseIterable {
    /// All of it, or this part of it, went in clear.
    case clear
    /// Under TLS, and we have the plaintext: it went through our proxy, or a key log was given.
    case tls
}

/// A credential that was shown.
package struct AuditCredential: Equatable, Sendable {
    package var account: String
    /// `PLAIN`, `USER`, `APOP`.
    package var mechanism: String
    package var mailProtocol: MailProtocol
    package var outcome: CredentialRecord.Outcome
    package var client: IPEndpoint
    package var server: IPEndpoint
    /// Microseconds since 1970.
    package var time: Int64
    package var session: String
    package var exchange: Int
    package var frame: Int?
    package var source: Int
    package var protection: Protection
    /// The server had offered TLS, and the client did not take it; nil when nobody asked, or under TLS.
    package var tlsOffered: Bool?
    /// The mark of the secret: the same secret has the same mark; empty when it is not known.
    package var fingerprint: String
    /// What was shown in the place of the password can be tested against guesses.
    package var isAttackable: Bool
    /// The secret, only where it was asked for.
    package var secret: String?
    /// The form in which hashcat reads what can be attacked, only where it was asked for.
    package var hash: String?
}

/// A message that passed.
package struct AuditMessage: Equatable, Sendable {
    package var session: String
    package var mailProtocol: MailProtocol
    package var record: MessageRecord
    package var client: IPEndpoint
    package var server: IPEndpoint
    package var time: Int64
    package var frame: Int?
    package var source: Int
    package var protection: Protection
}

/// A client, as its address shows it: programs behind one address are told apart by what they say of themselves.
package struct AuditClient: Equatable, Sendable {
    /// How it deals with TLS, best first.
    package enum Posture: String, Sendable, CaseIterable {
        /// All sessions were under TLS.
        case protected
        /// Some were, some were not.
        case mixed
        /// None was, and what the servers offered was not seen: nobody asked, or it is missing in the capture.
        case unknown
        /// None was, and no server offered it.
        case unoffered
        /// None was, though it was offered.
        case unprotected
        /// It went on in clear, with its password, after TLS had been refused to it.
        case strippable
    }

    package var address: IPAddress
    package var names: [String]
    /// What it calls its software: IMAP's ID, a User-Agent field.
    package var software: [String]
    package var protocols: [MailProtocol]
    package var accounts: [String]
    package var sessions = 0
    package var tlsSessions = 0
    package var clearCredentials = 0
    package var clearMessages = 0
    package var posture: Posture
    package var findings: [String]
}

/// A server: an address with its port.
package struct AuditServer: Equatable, Sendable {
    package var endpoint: IPEndpoint
    package var mailProtocol: MailProtocol
    /// Its greeting, masked and cut.
    package var banner: String
    /// What it is, as far as it says so.
    package var software: String?
    /// TLS is offered in clear sessions; nil when no client asked.
    package var offersTLS: Bool?
    /// Mechanisms that it offered in clear, sorted.
    package var clearMechanisms: [String]
    package var sessions = 0
    package var tlsSessions = 0
    package var clearCredentials = 0
    package var clearMessages = 0
    package var accounts = 0
    package var findings: [String]
}

/// TLS as a server spoke it: what handshakes had in common, with how many there were.
package struct AuditTLS: Equatable, Sendable {
    package var server: IPEndpoint
    package var mailProtocol: MailProtocol
    package var how: TLSLeg.How
    /// As OpenSSL spells it; empty where what the server chose was not seen.
    package var version: String
    package var cipher: String
    /// The name that clients asked for; nil when they named none.
    package var serverName: String?
    /// Of the certificate, where it was seen: in TLS 1.3 it is encrypted.
    package var subject: String?
    /// Microseconds since 1970.
    package var notAfter: Int64?
    /// Fingerprints of the clients' hellos.
    package var ja4: [String]
    package var ja3: [String]
    package var clients: [String]
    package var sessions = 0
    /// The octets of these sessions could not be read.
    package var isSealed: Bool
}

/// An account.
package struct AuditAccount: Equatable, Sendable {
    package var name: String
    /// Credentials in clear by mechanism, sorted.
    package var mechanisms: [String]
    package var protocols: [MailProtocol]
    package var clients: [String]
    package var servers: [String]
    package var clearAccepted = 0
    package var clearRefused = 0
    package var clearUnknown = 0
    package var tls = 0
    /// Different secrets.
    package var secrets = 0
    package var findings: [String]

    /// A credential of it went in clear that worked, or may have. What a server refused may be anybody's guess.
    package var isExposed: Bool { clearAccepted + clearUnknown > 0 }
}

/// Whom whom spoke to.
package struct AuditEdge: Equatable, Sendable {
    package var client: IPAddress
    package var server: IPEndpoint
    package var mailProtocol: MailProtocol
    package var clear = 0
    package var tls = 0
}

/// What crossed the network in a stretch of time.
package struct AuditBucket: Equatable, Sendable {
    /// Microseconds since 1970.
    package var start: Int64
    package var clearOctets = 0
    package var tlsOctets = 0
    package var sessions = 0
    package var clearSessions = 0
}
