// How a client came to us, when it did more than connect to a listener.

/// The way of a client. Kept in a box: few sessions have one, and all would have to keep room for it.
package final class ClientWay: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// A relay before us told who the client is.
        case relayed = "proxy-protocol"
        /// The client asked for its server by SOCKS 5 (RFC 1928).
        case socks = "socks5"
        /// The same by SOCKS 4 or 4a.
        case socks4
        /// The same by HTTP's CONNECT (RFC 9110 §9.3.6).
        case connect = "http-connect"
        /// The client's connection to its server was turned to us.
        case transparent
        /// Through a socket of the file system, where nobody has an address.
        case unix
    }

    package let kind: Kind
    /// Whose connection it is, when that is not the client: the relay.
    package let peer: SocketAddress?
    /// The server as the client named it, `HOST:PORT`.
    package let destination: String?

    package init(_ kind: Kind, peer: SocketAddress? = nil, destination: String? = nil) {
        self.kind = kind
        self.peer = peer
        self.destination = destination
    }

    package static func == (a: ClientWay, b: ClientWay) -> Bool {
        a.kind == b.kind && a.peer == b.peer && a.destination == b.destination
    }

    /// Writes it as the members `via`, `peer` and `destination` of an object; nothing when there is none.
    package static func write(_ way: ClientWay?, _ json: inout JSONWriter) {
        guard let way else { return }
        json.member("via", way.kind.rawValue)
        if let peer = way.peer { json.member("peer", peer.description) }
        if let destination = way.destination { json.member("destination", destination) }
    }

    /// Reads what ``write(_:_:)`` wrote. Nil when there is none.
    package static func read(_ json: JSONValue?) -> ClientWay? {
        guard let kind = json?["via"]?.string.flatMap(Kind.init(rawValue:)) else { return nil }
        return ClientWay(
            kind, peer: json?["peer"]?.string.flatMap { SocketAddress($0) },
            destination: json?["destination"]?.string)
    }

    /// In words, behind the path of a session.
    package var text: String {
        switch kind {
        case .relayed: "PROXY protocol" + (peer.map { " from \($0)" } ?? "")
        case .socks: asked("SOCKS 5")
        case .socks4: asked("SOCKS 4")
        case .connect: asked("HTTP CONNECT")
        case .transparent: "redirected" + (peer.map { " by \($0)" } ?? "")
        case .unix: "Unix socket"
        }
    }

    private func asked(_ how: String) -> String {
        how + (destination.map { " to \($0)" } ?? "") + (peer.map { ", through \($0)" } ?? "")
    }
}
