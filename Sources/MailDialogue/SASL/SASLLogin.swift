// What both ends of an exchange bring to it, and why one fails.

/// Who logs in with what.
package struct SASLLogin: Equatable, Sendable {
    /// Whose password it is.
    package var account: String
    /// The identity to act as; empty for the account's own.
    package var authorization: String
    /// The password, or the token of XOAUTH2 and OAUTHBEARER.
    package var secret: SecretBytes
    /// The server's name and port as the client knows them; OAUTHBEARER tells them (RFC 7628 §3.1).
    package var host: String?
    package var port: UInt16?

    package init(
        account: String, authorization: String = "", secret: SecretBytes, host: String? = nil, port: UInt16? = nil
    ) {
        self.account = account
        self.authorization = authorization
        self.secret = secret
        self.host = host
        self.port = port
    }
}

/// How an end of a SCRAM exchange is bound to the TLS channel (RFC 5802 §6).
package enum SCRAMBinding: Equatable, Sendable {
    /// It is not.
    case none
    /// A client that could bind and was offered no -PLUS.
    case possible
    /// The channel's data of this type: `tls-exporter`, `tls-server-end-point`.
    case channel(type: String, data: [UInt8])
}

/// Why an exchange failed.
package enum SASLFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The other end's message does not fit the mechanism, or breaks it.
    case malformed(String)
    /// An initial response where the server begins (RFC 4422 §5).
    case serverBegins
    /// `*`.
    case cancelled
    /// A challenge or response that the mechanism has no place for.
    case unexpected
    /// The credentials do not hold.
    case badCredentials
    /// The server could not prove that it knows the password (RFC 5802 §3).
    case serverNotProven
    /// The server demands more iterations than `SASLHash.mostIterations`, or none.
    case iterations(Int)
    /// The account or password can't be sent or prepared.
    case unusable(String)
    /// The server gave this reason.
    case refused(String)

    package var description: String {
        switch self {
        case .malformed(let what): what
        case .serverBegins: "in this mechanism the server begins"
        case .cancelled: "given up"
        case .unexpected: "the mechanism has no place for a further message"
        case .badCredentials: "the credentials do not hold"
        case .serverNotProven: "the server could not prove that it knows the password"
        case .iterations(let count):
            "the server demands \(count) iterations; 1 to \(SASLHash.mostIterations) are computed"
        case .unusable(let what): what
        case .refused(let reason): "the server refused: \(reason)"
        }
    }
}
