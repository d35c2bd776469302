// What is wrong with routes together. Two may want the same listener. The sessions of one may come back to it: each would begin another
// one, until nothing is left to begin one with. What is known before anything is looked up is refused at the start; names are
// looked at when they are called (`LoopContext.isOwn`).

import MailRecording

extension Route {
    /// Finds routes that can't be served together.
    /// - Throws: what is wrong with the first of them.
    package static func check(_ routes: [Route]) throws(RouteError) {
        for (index, route) in routes.enumerated() {
            guard let other = routes[..<index].first(where: { $0.shares(with: route) }) else { continue }
            throw RouteError(
                route: route.text, reason: "it listens where the route '\(other.text)' does",
                advice: "choose another port or address for one of them")
        }
        try checkLoops(routes)
    }

    /// Both want the same listener.
    private func shares(with other: Route) -> Bool {
        switch (place, other.place) {
        case (.unix(let path, _), .unix(let otherPath, _)): return Self.words(of: path) == Self.words(of: otherPath)
        case (.address, .address):
            // Any free port is another one each time. No address stands for all of its family (RFC 4291 §2.5.2).
            guard listen.port == other.listen.port, listen.port != 0 else { return false }
            guard listen.address.isIPv6 == other.listen.address.isIPv6 else { return false }
            return listen.address == other.listen.address || listen.address.isUnspecified
                || other.listen.address.isUnspecified
        case (.inherited(let name), .inherited(let otherName)): return name == otherName
        case (.inherited, .address), (.inherited, .unix), (.address, .inherited), (.unix, .inherited),
            (.address, .unix), (.unix, .address):
            return false
        }
    }

    /// The first of `routes` that would listen where something else of ours is to: see ``check(_:)``.
    package static func first(of routes: [Route], listeningOn address: SocketAddress) -> Route? {
        let place = Route(mailProtocol: .smtp, listen: address, upstream: .fallback, text: "")
        return routes.first { $0.shares(with: place) }
    }

    /// Finds a route that leads to its own listener, directly or by way of others.
    private static func checkLoops(_ routes: [Route]) throws(RouteError) {
        // Which routes the sessions of each come to.
        let next = routes.map { route in
            routes.indices.filter { index in route.choices.contains { $0.leads(to: routes[index]) } }
        }
        for start in routes.indices {
            var seen: Set<Int> = []
            var waiting = next[start]
            while let index = waiting.popLast() {
                if index == start { throw routes[start].loop(isDirect: next[start].contains(start)) }
                if seen.insert(index).inserted { waiting += next[index] }
            }
        }
    }

    private func loop(isDirect: Bool) -> RouteError {
        RouteError(
            route: text,
            reason: isDirect
                ? "it leads to its own listener" : "it leads back to its own listener by way of other routes",
            advice: "name the mail server that is meant, or another port")
    }

    /// The first of `routes` to whose listener this one leads: a rule that chooses it would hold there again.
    package func listener(among routes: [Route]) -> Route? { routes.first { leads(to: $0) } }

    private func leads(to other: Route) -> Bool {
        switch upstream {
        case .fallback, .destination: return false
        case .unix(let path):
            guard case .unix(let own, _) = other.place else { return false }
            return Self.words(of: path) == Self.words(of: own)
        case .server(let host, let port):
            guard other.place == .address else { return false }
            return Self.addresses(of: host).contains { other.listen.takes(SocketAddress($0, port)) }
        }
    }

    /// A path without what does not change it. Where links lead is looked at when it is called.
    private static func words(of path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }

    /// The addresses that need not be looked up.
    private static func addresses(of host: String) -> [IPAddress] {
        if host.lowercased() == "localhost" { return [IPAddress(v4: 0x7F00_0001), IPAddress(high: 0, low: 1)] }
        return IPAddress(host).map { [$0] } ?? []
    }
}

extension SocketAddress {
    /// A listener on this address gets the connections that are made to `wanted`.
    func takes(_ wanted: SocketAddress) -> Bool {
        guard port == wanted.port else { return false }
        let own = address.unmapped
        var asked = wanted.address.unmapped
        // Linux takes a call to no address for one to this host.
        if asked.isUnspecified { asked = asked.isIPv6 ? IPAddress(high: 0, low: 1) : IPAddress(v4: 0x7F00_0001) }
        if own == asked { return true }
        return own.isUnspecified && own.isIPv6 == asked.isIPv6 && SocketAddress(asked, port).isOfThisHost
    }
}

extension IPAddress {
    /// The address that stands for all of this host's, or for none.
    fileprivate var isUnspecified: Bool { high == 0 && low == 0 }

    /// The IPv4 address that an IPv6 one stands for (RFC 4291 §2.5.5.2), or the address itself.
    fileprivate var unmapped: IPAddress {
        isIPv6 && high == 0 && low >> 32 == 0xFFFF ? IPAddress(v4: UInt32(truncatingIfNeeded: low)) : self
    }
}
