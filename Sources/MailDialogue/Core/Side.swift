// The two parties of a connection.

/// A party of the connection. There is no "us": the joint machines never know which role we play.
package enum Side: UInt8, Sendable, Hashable, CaseIterable {
    /// The party that opened the connection: the MUA, the sending MTA.
    case client
    /// The party that greets and answers.
    case server

    /// The other party.
    package var other: Side {
        switch self {
        case .client: .server
        case .server: .client
        }
    }
}
