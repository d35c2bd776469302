// A route as it is served: what is made of it once, for all its sessions and all loops.

import MailDialogue
import MailRecording
import MailSessions
import Synchronization

/// A route as it is served.
final class Service: Sendable {
    let route: Route
    /// Where sessions go whose clients need not be asked.
    let target: UpstreamTarget
    /// The upstreams when there are several, or when there is one for some clients only.
    let pool: UpstreamPool?
    /// The same for clients that begin with TLS where others may speak in clear.
    let securedPool: UpstreamPool?
    /// Where clients go that begin with TLS where others may speak in clear.
    let securedTarget: UpstreamTarget?
    /// Who may come in by SOCKS; nil for everybody.
    let users: SOCKSUsers?
    /// The TLS of the variants, by their keys.
    private let variants: [String: RouteSecurity]
    /// The addresses of all listeners of this server.
    private let own: [SocketAddress]
    /// The sockets of the file system among them.
    private let ownPaths: [String]

    /// - Parameter old: what its listener served before.
    init(
        _ route: Route, _ core: ServerCore, security: [String: RouteSecurity], users: [String: SOCKSUsers],
        books: [String: CredentialBook], own: [SocketAddress], ownPaths: [String],
        keeping old: Service? = nil
    ) {
        self.route = route
        self.own = own
        self.ownPaths = ownPaths
        func targets(_ route: Route) -> (UpstreamTarget, [(route: Route, target: UpstreamTarget)]) {
            let first = UpstreamTarget(route, security[route.key], books)
            let others = route.alternates.map { ($0, UpstreamTarget($0, security[$0.key], books)) }
            return (first, [(route, first)] + others)
        }
        let choices: [(route: Route, target: UpstreamTarget)]
        (target, choices) = targets(route)
        let isList = choices.count > 1 || choices.contains { !$0.route.rank.names.isEmpty }
        pool = isList ? UpstreamPool(choices, keeping: old?.pool) : nil
        if let pool { core.metrics.watch(pool, of: route.text) }
        if route.entrance?.tlsWait != nil, let variant = route.variants.first {
            let (first, secured) = targets(variant)
            securedTarget = first
            // The servers are the same: what is known of them is known of both.
            securedPool = pool.map { UpstreamPool(secured, keeping: $0) }
        } else {
            securedTarget = nil
            securedPool = nil
        }
        self.users = users[route.text]
        var found: [String: RouteSecurity] = [:]
        for variant in route.variants { found[variant.key] = security[variant.key] }
        variants = found
    }

    /// The TLS of a session that turned out to speak this.
    func security(_ mailProtocol: MailProtocol, isImplicit: Bool) -> RouteSecurity? {
        variants[Route.key(route.text, mailProtocol, isImplicit: isImplicit)]
    }

    /// It is one of our listeners: a connection to it would come back to us.
    func isOwn(_ address: SocketAddress) -> Bool {
        own.contains { $0.takes(address) }
    }

    /// The same of a socket of the file system, by whatever name.
    func isOwn(path: String) -> Bool { ownPaths.contains { LocalSocket.isSame($0, path) } }
}

/// Where an upstream is.
enum UpstreamAddress: Sendable {
    /// Nowhere: our own server.
    case none
    case literal(SocketAddress)
    /// To be looked up for each connection.
    case name(String, UInt16)
    /// The path of a socket.
    case unix(String)
    /// A connection that stands already; whoever gets it owns the descriptor.
    case connected(Int32, SocketAddress)
    /// It was called in vain.
    case unreachable(SocketAddress?, reason: String)
}

extension UpstreamAddress {
    /// Where the upstream of a route is.
    init(_ route: Route) {
        switch route.upstream {
        case .fallback, .destination: self = .none
        case .unix(let path): self = .unix(path)
        case .server(let host, let port):
            self = IPAddress(host).map { .literal(SocketAddress($0, port)) } ?? .name(host, port)
        }
    }
}

/// An upstream and all that is to be known for speaking to it.
final class UpstreamTarget: Sendable {
    let address: UpstreamAddress
    /// The TLS of both legs; nil when there is none on either.
    let security: RouteSecurity?
    let introduction: Route.Introduction
    /// Who may log in, and with what there; nil when that is the upstream's to say.
    let credentials: CredentialBook?
    /// It is our own server.
    var isFallback: Bool { if case .none = address { true } else { false } }
    /// Marks our end of the connection as ours, as long as the session lives.
    private let ownEnd: OwnEnds.Entry?

    init(
        _ address: UpstreamAddress, _ security: RouteSecurity?, _ introduction: Route.Introduction,
        credentials: CredentialBook? = nil, ownEnd: OwnEnds.Entry? = nil
    ) {
        self.credentials = credentials
        self.address = address
        self.security = security
        self.introduction = introduction
        self.ownEnd = ownEnd
    }
}

/// Our ends of the connections to destinations that clients named. When the kernel turns one of these back to us, because its rule
/// takes our own connections too, the client of the new connection is among them: that is how the loop is seen in its first round.
final class OwnEnds: Sendable {
    /// Taken out again when nobody refers to it.
    final class Entry: Sendable {
        private let address: SocketAddress
        private let ends: OwnEnds

        fileprivate init(_ address: SocketAddress, _ ends: OwnEnds) {
            self.address = address
            self.ends = ends
        }

        deinit { ends.addresses.withLock { _ = $0.remove(address) } }
    }

    private let addresses = Mutex<Set<SocketAddress>>([])

    /// Begins to connect. Another loop that takes the connection meanwhile waits in ``contains(_:)`` until its end is known.
    func connect(to address: SocketAddress) throws(SystemError) -> (descriptor: Int32, entry: Entry?) {
        let result = addresses.withLock { known -> Result<(Int32, SocketAddress?), SystemError> in
            do throws(SystemError) {
                let descriptor = try address.connectSocket()
                let local = SocketAddress.local(of: descriptor)
                if let local { known.insert(local) }
                return .success((descriptor, local))
            } catch {
                return .failure(error)
            }
        }
        let (descriptor, local) = try result.get()
        return (descriptor, local.map { Entry($0, self) })
    }

    func contains(_ address: SocketAddress) -> Bool { addresses.withLock { $0.contains(address) } }
}
