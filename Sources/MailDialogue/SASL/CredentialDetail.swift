// What a credential shows beside the account and the secret. A list and not fields: most credentials have none of it,
// and a fact stays small.

/// Something that a credential shows beside account and secret.
package enum CredentialDetail: Equatable, Sendable {
    /// The identity to act as, where it is another than the account (RFC 4422 §3.4.1).
    case authorization(String)
    /// The realm of DIGEST-MD5, the domain of NTLM.
    case realm(String)
    /// The service that the client meant: DIGEST-MD5's digest-uri, `imap/mail.example.com`.
    case service(String)
    /// The host, with its port where given, that the client believes it talks to (OAUTHBEARER).
    case host(String)
    /// The client's name for its own host (NTLM).
    case workstation(String)
    /// What a password can be tested with, together with the secret.
    case evidence(HashEvidence)
}

extension Credential {
    /// The identity to act as; nil when it is the account.
    package var authorization: String? {
        for case .authorization(let name) in details { return name }
        return nil
    }

    /// The realm or domain.
    package var realm: String? {
        for case .realm(let name) in details { return name }
        return nil
    }

    /// What a password can be tested with, when the mechanism shows a digest in its place.
    package var evidence: HashEvidence? {
        for case .evidence(let evidence) in details { return evidence }
        return nil
    }
}

/// The other half of a digest that was shown in the place of a password. With it the password can be guessed by trying,
/// so it never prints: every description is the name of the kind.
package enum HashEvidence: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The challenge, decoded.
    case cramMD5(challenge: SecretBytes)
    /// The timestamp of the greeting with its angle brackets.
    case apop(timestamp: SecretBytes)
    /// The server's challenge and the client's response, decoded, whole.
    case digestMD5(challenge: SecretBytes, response: SecretBytes)
    /// `authMessage` is client-first-bare, server-first and client-final-without-proof, parted by commas (RFC 5802 §3).
    case scram(SASLHash, salt: SecretBytes, iterations: Int, authMessage: SecretBytes)
    /// The server's challenge of eight octets and the client's two responses (MS-NLMP §2.2.1.3).
    case ntlm(challenge: SecretBytes, lm: SecretBytes, nt: SecretBytes)

    package var description: String {
        switch self {
        case .cramMD5: "<CRAM-MD5>"
        case .apop: "<APOP>"
        case .digestMD5: "<DIGEST-MD5>"
        case .scram(let hash, _, _, _): "<SCRAM-\(hash.rawValue)>"
        case .ntlm: "<NTLM>"
        }
    }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
