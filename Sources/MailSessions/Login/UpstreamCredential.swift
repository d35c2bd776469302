// What an upstream gets when we log in to it in a client's name.

import MailDialogue

/// A login at an upstream.
package struct UpstreamCredential: Equatable, Sendable {
    /// What proves it.
    package enum Proof: Equatable, Sendable {
        case password(SecretBytes)
        /// A bearer token (RFC 6750), and the mechanism that is tried first.
        case token(SecretBytes, Bearer)
    }

    /// The mechanisms that show a token.
    package enum Bearer: String, Equatable, Sendable, CaseIterable {
        case xoauth2
        case oauthbearer

        var mechanism: SASLMechanism { self == .xoauth2 ? .xoauth2 : .oauthBearer }
        var other: Bearer { self == .xoauth2 ? .oauthbearer : .xoauth2 }
    }

    package var account: String
    package var proof: Proof
    /// The server as we know it, which OAUTHBEARER tells it (RFC 7628 §3.1).
    package var host: String?
    package var port: UInt16?
    /// It is a token, and another one may do when it is refused.
    package var isRenewable = false
    /// It is not what the client showed.
    package var isSwapped = true

    package init(account: String, proof: Proof) {
        self.account = account
        self.proof = proof
    }

    var secret: SecretBytes {
        switch proof {
        case .password(let secret), .token(let secret, _): secret
        }
    }
}

/// What a client shows to log in.
package struct ClientCredential: Equatable, Sendable {
    package let user: String
    package let secret: SecretBytes

    package init(user: String, secret: SecretBytes) {
        self.user = user
        self.secret = secret
    }
}
