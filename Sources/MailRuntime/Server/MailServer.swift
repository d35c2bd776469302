// The running server: listeners on all loops, start, reload, drain.

import CLinux
import Glibc
import MailRecording
import MailRules
import MailSessions
import Synchronization

/// The listeners of all routes, bound before anything else is opened: a port that is taken leaves nothing half done.
package struct BoundPorts: Sendable {
    package let listeners: [(route: Route, listener: Listener)]

    /// Binds all, or none. The error names the address.
    /// - Parameter inherited: sockets that were opened for us.
    package init(_ routes: [Route], inherited: InheritedSockets = InheritedSockets()) throws(SystemError) {
        var bound: [(Route, Listener)] = []
        for route in routes {
            do throws(SystemError) {
                switch route.place {
                case .address: bound.append((route, try Listener(route.listen)))
                case .unix(let path, let mode):
                    bound.append((route, try Listener(path: path, mode: mode, address: route.listen)))
                case .inherited(let name):
                    for descriptor in try inherited.sockets(named: name) {
                        // One may be named by one route, and by its number by another.
                        if let other = bound.first(where: { $0.1.descriptor == descriptor })?.0 {
                            throw SystemError(
                                saying: "the socket '\(name)' of systemd is that of the route '\(other.text)' already")
                        }
                        bound.append((route, Listener(inherited: descriptor, address: route.listen)))
                    }
                }
            } catch {
                for (_, listener) in bound { listener.closeDescriptor() }
                throw error
            }
        }
        listeners = bound
    }

    /// Those that `routes` need: listeners that stand keep standing, others are bound. When one cannot be, none is.
    package init(_ routes: [Route], keeping old: BoundPorts) throws(SystemError) {
        var merged: [(Route, Listener)] = []
        var fresh: [Route] = []
        // Each of them is used once. Any free port is only that of the route that had it.
        var free = old.listeners
        for route in routes {
            var kept: [Int] = free.indices.filter {
                free[$0].route.place.isSame(as: route.place) && free[$0].route.listen == route.listen
            }
            let same = kept.filter { free[$0].route.text == route.text }
            switch route.place {
            case .address where route.listen.port == 0: kept = Array(same.prefix(1))
            case .address, .unix: kept = Array((same + kept).prefix(1))
            case .inherited: break
            }
            if kept.isEmpty { fresh.append(route) } else { merged += kept.map { (route, free[$0].listener) } }
            for index in kept.reversed() { free.remove(at: index) }
        }
        listeners = merged + (try BoundPorts(fresh)).listeners
    }

    /// Gives socket files that were kept the permissions that their routes have now.
    /// - Parameter failed: gets what cannot be done; the file then keeps those that it has.
    package func permit(as old: BoundPorts, failed: (SystemError) -> Void) {
        for (route, listener) in listeners {
            guard case .unix(_, let mode) = route.place,
                let before = old.listeners.first(where: { $0.listener === listener })?.route.place,
                before != route.place
            else { continue }
            do { try listener.permit(mode) } catch { failed(error) }
        }
    }

    /// Those of `old` that are not among these.
    package func missing(of old: BoundPorts) -> [(route: Route, listener: Listener)] {
        old.listeners.filter { entry in !listeners.contains { $0.listener === entry.listener } }
    }

    /// Closes all of them.
    package func close() { for (_, listener) in listeners { listener.closeDescriptor() } }

    /// The first that can be reached from other machines.
    package var open: Listener? {
        listeners.first { $0.listener.path == nil && !$0.listener.address.isLoopback }?.listener
    }
}

/// Listens on all routes and serves them.
package final class MailServer: Sendable {
    private let core: ServerCore
    private let contexts: [LoopContext]
    private let ports: Mutex<BoundPorts>
    private let currentSecurity: Mutex<[String: RouteSecurity]>
    /// What each listener serves.
    private let served = Mutex<[ObjectIdentifier: Service]>([:])

    private var listeners: [(route: Route, listener: Listener)] { ports.withLock { $0.listeners } }

    /// Serves what `ports` has bound.
    /// - Parameter loops: threads; one for each core.
    package init(_ core: ServerCore, ports: BoundPorts, loops: Int) throws(SystemError) {
        // Chunks of octets come and go by the thousand: memory that goes back to the system is asked for again page by page.
        mp_keep_freed(16 << 20, 1 << 20)
        self.core = core
        self.ports = Mutex(ports)
        currentSecurity = Mutex(core.security)
        var contexts: [LoopContext] = []
        let count = max(1, loops)
        for lane in 0..<count {
            contexts.append(LoopContext(loop: try EventLoop(), core: core, lane: lane, lanes: count))
        }
        self.contexts = contexts
    }

    /// Binds and serves in one step.
    package convenience init(_ core: ServerCore, routes: [Route], loops: Int) throws(SystemError) {
        try self.init(core, ports: try BoundPorts(routes), loops: loops)
    }

    /// The routes with the addresses on which they really listen.
    package var addresses: [(route: Route, address: SocketAddress)] { listeners.map { ($0.0, $0.1.address) } }
    /// The same in words, sockets of the file system too.
    package var places: [(route: Route, place: String)] { listeners.map { ($0.0, $0.1.text) } }

    /// Serves from now on.
    package func start() {
        let services = services(listeners, core.security, core.users, core.books)
        for context in contexts {
            for (listener, service) in services { context.serve(listener, service) }
            context.watchIdleness()
            context.loop.start()
        }
    }

    private func services(
        _ listeners: [(route: Route, listener: Listener)], _ security: [String: RouteSecurity],
        _ users: [String: SOCKSUsers], _ books: [String: CredentialBook]
    ) -> [(Listener, Service)] {
        let own = listeners.filter { $0.listener.path == nil }.map(\.listener.address)
        let ownPaths = listeners.compactMap(\.listener.path)
        core.metrics.forgetUpstreams()
        let old = served.withLock { $0 }
        // Several listeners that systemd has opened are one route with one choice of upstreams.
        var made: [String: Service] = [:]
        let services = listeners.map { route, listener in
            let service =
                made[route.text]
                ?? Service(
                    route, core, security: security, users: users, books: books, own: own, ownPaths: ownPaths,
                    keeping: old[ObjectIdentifier(listener)])
            made[route.text] = service
            return (listener, service)
        }
        served.withLock { served in
            served = [:]
            for (listener, service) in services { served[ObjectIdentifier(listener)] = service }
        }
        return services
    }

    /// Serves other routes from now on. Sessions that run keep what they began with. Returns when no loop takes connections of
    /// listeners that are no longer among them, which are then closed.
    package func replace(
        _ ports: BoundPorts, security: [String: RouteSecurity], users: [String: SOCKSUsers],
        books: [String: CredentialBook] = [:]
    ) {
        let services = services(ports.listeners, security, users, books)
        let done = Semaphore()
        for context in contexts {
            context.loop.post {
                context.replace(services)
                done.signal()
            }
        }
        for _ in contexts { done.wait() }
        currentSecurity.withLock { $0 = security }
        let old = self.ports.withLock { current in
            let old = current
            current = ports
            return old
        }
        for (_, listener) in ports.missing(of: old) { listener.closeDescriptor() }
    }

    /// The TLS of what it serves.
    package var security: [String: RouteSecurity] { currentSecurity.withLock { $0 } }

    /// What it listens on.
    package var bound: BoundPorts { ports.withLock { $0 } }

    /// Answers questions for figures too.
    package func serve(_ metrics: MetricsServer) {
        guard let context = contexts.first else { return }
        let log = core.log
        context.loop.post { metrics.start(on: context.loop, log: log) }
    }

    /// Figures of what is counted.
    package var metrics: ServerMetrics { core.metrics }

    /// Sessions that are open.
    package var openSessions: Int { core.open.load(ordering: .relaxed) }
    /// Connections taken since the start.
    package var acceptedConnections: Int { core.accepted.load(ordering: .relaxed) }

    /// Ends at once what still has time to end: for somebody who will not wait for ``stop(within:)``.
    package func hurry() {
        for context in contexts { context.loop.post { context.abortAll() } }
    }

    /// Takes no more connections, lets sessions say goodbye, and returns when all have ended or after `seconds`.
    package func stop(within seconds: Int) {
        // Nobody is to wait in the kernel's queue for a server that takes no more connections.
        let deaf = Semaphore()
        for context in contexts {
            context.loop.post {
                context.stopAccepting()
                deaf.signal()
            }
        }
        for _ in contexts { deaf.wait() }
        for (_, listener) in listeners { listener.closeDescriptor() }
        let done = Semaphore()
        for context in contexts {
            context.loop.post {
                let signalled = Once()
                let finish = {
                    if signalled.first() { done.signal() }
                }
                context.drain(finish)
                context.loop.schedule(after: Double(seconds)) {
                    context.abortAll()
                    finish()
                }
            }
        }
        for _ in contexts { done.wait() }
        for context in contexts { context.loop.post { context.loop.stop() } }
        for context in contexts { context.loop.join() }
        core.stopCommands()
        core.workers.stop()
        core.routeNames.stop()
        core.names.stop()
    }
}

/// True once.
final class Once {
    private var used = false
    func first() -> Bool {
        defer { used = true }
        return !used
    }
}
