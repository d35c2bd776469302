// Alerts of TLS before there is a connection that could send them: records in clear (RFC 8446 §5.1, §6).

/// Fatal alerts, as octets.
package enum TLSAlert {
    /// Nobody here has the name that the client asks for (RFC 6066 §3).
    package static let unrecognizedName = fatal(112)
    /// The client does not say whom it asks for, and has to (RFC 8446 §9.2).
    package static let missingExtension = fatal(109)

    /// A record of the kind alert, of the version that all clients take at this point, with two octets in it.
    private static func fatal(_ description: UInt8) -> [UInt8] { [21, 3, 3, 0, 2, 2, description] }
}
