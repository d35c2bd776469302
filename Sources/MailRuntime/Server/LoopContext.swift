// The part of a server that lives on one loop: its acceptors and its sessions.

import CLinux
import Glibc
import MailDialogue
import MailRecording
import MailSessions

/// A session on a loop.
protocol RunningSession: AnyObject {
    /// The server stops: say goodbye where the protocol has words for it, then close.
    func shutDown()
    /// Close at once.
    func abort()
    /// The recorder has room again.
    func recorderDrained()
    /// It may have its turn while memory is short, or need none any more.
    func memoryDrained()
    /// Somebody has not said for too long what is due, or nobody has said a word.
    /// - Parameter now: of ``Clock/monotonic()``.
    func isLate(_ now: Int64) -> Bool
    /// It is: say so where the protocol has words for it, then close.
    func expire()
}

/// What one loop holds.
///
/// Unchecked: touched by its loop's thread only, but for `start` before the thread runs.
final class LoopContext: @unchecked Sendable {
    /// Room for notes that is kept: a read of short lines makes some thousands.
    private static let keptNotes = 1024

    let loop: EventLoop
    let core: ServerCore
    private var ids: SessionID
    private var acceptors: [ObjectIdentifier: Acceptor] = [:]
    /// What each listener serves.
    private var services: [ObjectIdentifier: Service] = [:]
    private var sessions: [ObjectIdentifier: any RunningSession] = [:]
    private var metrics: [String: RouteMetrics] = [:]
    /// Lists of capabilities that the filters of this loop's sessions have changed.
    let editedLists = EditedLists()
    private var waitsForRecorder = false
    /// Who goes on while memory is short.
    let turns: MemoryTurns
    /// Notes of the octets at hand: of one session at a time, so that idle sessions keep no room for them.
    private var notes: [Note] = []
    private var onEmpty: (() -> Void)?

    init(loop: EventLoop, core: ServerCore, lane: Int, lanes: Int) {
        self.loop = loop
        self.core = core
        loop.memory = core.metrics.memory
        turns = MemoryTurns(core.metrics.memory, on: loop)
        ids = SessionID(lane: lane, of: lanes)
    }

    /// Takes connections of `listener` from now on.
    func serve(_ listener: Listener, _ service: Service) {
        // From the start, so that who watches sees the route before its first session.
        if service.route.entrance?.kind == nil { _ = metrics(service.route.text, service.route.mailProtocol) }
        services[ObjectIdentifier(listener)] = service
        guard acceptors[ObjectIdentifier(listener)] == nil else { return }
        let acceptor = Acceptor(
            listener, on: loop,
            accepted: { [unowned self] descriptor, client in
                // Asked each time: another route may be served there meanwhile.
                guard let service = services[ObjectIdentifier(listener)] else {
                    close(descriptor)
                    return
                }
                accept(descriptor, client, listener, service)
            },
            exhausted: { [core] error in
                core.log.warning("no descriptor for another connection: \(error.reason); waiting")
            })
        do {
            try acceptor.start()
            acceptors[ObjectIdentifier(listener)] = acceptor
        } catch {
            core.log.error("\(service.route.text): \(error)")
        }
    }

    /// Serves these and no others from now on.
    func replace(_ wanted: [(Listener, Service)]) {
        let kept = Set(wanted.map { ObjectIdentifier($0.0) })
        for (listener, acceptor) in acceptors where !kept.contains(listener) {
            acceptor.stop()
            acceptors[listener] = nil
            services[listener] = nil
        }
        for (listener, service) in wanted { serve(listener, service) }
    }

    private func accept(
        _ descriptor: Int32, _ client: SocketAddress, _ listener: Listener, _ service: Service
    ) {
        let server = listener.address
        core.accepted.add(1, ordering: .relaxed)
        let route = service.route
        // Who comes through a relay is known when its header is read.
        let isKnown = route.entrance?.trusted == nil
        if isKnown,
            !admits(
                client, descriptor, route.text, route.mailProtocol, service.target,
                hearsMail: route.entrance?.kind == nil)
        {
            return
        }
        let now = Clock.now()
        // A listener on all addresses says nothing of the one that the client used.
        let isAny = server.address.low == 0 && server.address.high == 0
        let local = isAny ? SocketAddress.local(of: descriptor) ?? server : server
        var info = SessionInfo(
            id: ids.next(at: now), mailProtocol: route.mailProtocol, start: now, client: client, server: local,
            route: route.text)
        if listener.path != nil {
            // It has no address: loopback stands for it, with a port that tells the sessions of a recording apart.
            info.client = SocketAddress(.v4(0x7F00_0001), core.nextLocalClient())
            info.way = ClientWay(.unix)
        }
        let session: any RunningSession & StartableSession
        if route.entrance != nil {
            session = Arrival(descriptor, info, service, self)
        } else {
            begins(info)
            session =
                service.pool.map { makeSession(descriptor, info, from: $0) }
                ?? makeSession(descriptor, info, service.target)
        }
        sessions[ObjectIdentifier(session)] = session
        core.open.add(1, ordering: .relaxed)
        session.start()
    }

    /// It is one of our listeners, whichever. Asked when a name was looked up, which may be ours.
    func isOwn(_ address: SocketAddress) -> Bool { services.values.first?.isOwn(address) ?? false }
    /// The same of a socket of the file system.
    func isOwn(path: String) -> Bool { services.values.first?.isOwn(path: path) ?? false }

    private func makeSession(
        _ descriptor: Int32, _ info: SessionInfo, _ target: UpstreamTarget
    ) -> any RunningSession & StartableSession {
        let vector = core.stripTests.next(info, target.security)
        switch target.address {
        case .none:
            if let vector, let security = target.security { return test(descriptor, info, security, vector) }
            return FallbackSession(descriptor, info, target.security, self)
        case .literal, .name, .unix, .connected, .unreachable:
            let session = ProxySession(descriptor, info, target, self)
            session.trial = vector.map { ProxySession.Trial(vector: $0) }
            return session
        }
    }

    /// A test in the place of our own server.
    private func test(
        _ descriptor: Int32, _ info: SessionInfo, _ security: RouteSecurity, _ vector: StripVector
    ) -> StripTestSession {
        let facade = StripFacade.builtIn(info.mailProtocol, name: core.settings.hostName)
        return StripTestSession(descriptor, info, security, vector, facade, self)
    }

    /// The upstream was looked at, and the test begins.
    func test(_ session: ProxySession, _ test: StripTestSession) {
        guard sessions.removeValue(forKey: ObjectIdentifier(session)) != nil else { return }
        sessions[ObjectIdentifier(test)] = test
        test.start()
    }

    /// A session whose route has several upstreams.
    /// - Parameter group: those among which it may choose; nil for all.
    private func makeSession(
        _ descriptor: Int32, _ info: SessionInfo, from pool: UpstreamPool, in group: [Int]? = nil
    ) -> any RunningSession & StartableSession {
        var choice = UpstreamChoice(pool, in: group)
        guard let target = choice.next(now: loop.now) else {
            let target = UpstreamTarget(
                .unreachable(nil, reason: "all upstreams are left alone for a while, because they failed"),
                pool.security, Route.Introduction())
            return ProxySession(descriptor, info, target, self)
        }
        let vector = core.stripTests.next(info, target.security)
        if target.isFallback {
            if let vector, let security = target.security { return test(descriptor, info, security, vector) }
            // The others are left alone, unless there are none.
            if choice.hasOthers { metrics(info.route, info.mailProtocol).fallbacks.add() }
            return FallbackSession(descriptor, info, target.security, self)
        }
        let session = ProxySession(descriptor, info, target, self, choice: choice)
        session.trial = vector.map { ProxySession.Trial(vector: $0) }
        return session
    }

    /// No upstream could be reached, and our own server takes the session before anything was said in it.
    /// - Parameter judged: what rules said of the connection; nil when there are none.
    func fallBack(
        _ session: ProxySession, _ descriptor: Int32, _ info: SessionInfo, _ target: UpstreamTarget,
        _ judged: ConnectVerdict?
    ) {
        guard sessions.removeValue(forKey: ObjectIdentifier(session)) != nil else { return }
        let own: any RunningSession & StartableSession
        if let trial = session.trial, let security = target.security {
            own = test(descriptor, info, security, trial.vector)
        } else {
            own = FallbackSession(descriptor, info, target.security, self, judged: judged)
        }
        sessions[ObjectIdentifier(own)] = own
        own.start()
    }

    /// What came before a session is over, and the session begins.
    /// - Parameters:
    ///   - pool: the upstreams from which it chooses; nil where there is `target` alone.
    ///   - group: those among which it may choose; nil for all.
    func begin(
        _ arrival: Arrival, _ descriptor: Int32, _ info: SessionInfo, _ target: UpstreamTarget,
        from pool: UpstreamPool? = nil, in group: [Int]? = nil
    ) {
        guard sessions.removeValue(forKey: ObjectIdentifier(arrival)) != nil else { return }
        if arrival.entrance.trusted != nil,
            !admits(info.client, descriptor, info.route, info.mailProtocol, target)
        {
            if case .connected(let server, _) = target.address { close(server) }
            core.open.subtract(1, ordering: .relaxed)
            if sessions.isEmpty { onEmpty?() }
            return
        }
        begins(info)
        let session =
            pool.map { makeSession(descriptor, info, from: $0, in: group) } ?? makeSession(descriptor, info, target)
        sessions[ObjectIdentifier(session)] = session
        session.start()
    }

    /// A connection is over that did not become a session.
    func finished(_ arrival: Arrival) {
        guard sessions.removeValue(forKey: ObjectIdentifier(arrival)) != nil else { return }
        core.open.subtract(1, ordering: .relaxed)
        if arrival.entrance.trusted == nil { core.admission.left(arrival.peer.ip) }
        if sessions.isEmpty { onEmpty?() }
    }

    /// A session is over.
    /// - Parameter received: octets that came from both sides.
    func finished(
        _ session: any RunningSession, _ info: SessionInfo, _ end: SessionEnd, received: (client: Int, server: Int)
    ) {
        guard sessions.removeValue(forKey: ObjectIdentifier(session)) != nil else { return }
        turns.leaves(session)
        core.open.subtract(1, ordering: .relaxed)
        core.admission.left(info.client.ip)
        let metrics = metrics(info.route, info.mailProtocol)
        metrics.open.add(-1)
        metrics.ended(end)
        metrics.clientOctets.add(received.client)
        metrics.serverOctets.add(received.server)
        metrics.microseconds.add(Int(max(0, Clock.now() &- info.start)))
        if sessions.isEmpty { onEmpty?() }
    }

    private func begins(_ info: SessionInfo) {
        let metrics = metrics(info.route, info.mailProtocol)
        metrics.began.add()
        metrics.open.add()
    }

    /// The figures of a route and a protocol.
    func metrics(_ route: String, _ mailProtocol: MailProtocol) -> RouteMetrics {
        // Nearly always there is one protocol to a route.
        if let known = metrics[route], known.mailProtocol == mailProtocol { return known }
        let found = core.metrics.route(route, mailProtocol)
        metrics[route] = found
        return found
    }

    /// False when a limit keeps the client out. It hears so in clear, where it can: a new socket takes a line without waiting.
    private func admits(
        _ client: SocketAddress, _ descriptor: Int32, _ route: String, _ mailProtocol: MailProtocol,
        _ target: UpstreamTarget, hearsMail: Bool = true
    ) -> Bool {
        let isFull = core.metrics.memory.isFull
        guard let refusal = isFull ? .memory : core.admission.admit(client.ip, now: loop.now) else { return true }
        metrics(route, mailProtocol).refused(refusal)
        core.log.warning("\(client) \(route): refused by limits.\(refusal.rawValue)")
        if target.security?.isImplicit != true, hearsMail {
            let words = LocalReply.tooMany(mailProtocol)
            _ = words.withUnsafeBytes { mp_send(descriptor, $0.baseAddress, $0.count) }
        }
        close(descriptor)
        return false
    }

    /// Lends an empty list of notes.
    func withNotes(_ body: (inout [Note]) -> Void) {
        // Taken out meanwhile: should the body come here again, it finds another one.
        var lent: [Note] = []
        swap(&lent, &notes)
        body(&lent)
        lent.removeAll(keepingCapacity: lent.capacity <= Self.keptNotes)
        swap(&lent, &notes)
    }

    /// Gives events to the recorder. True when the session must pause.
    func record(_ events: [RecordEvent]) -> Bool {
        guard let recorder = core.recorder, !events.isEmpty else { return false }
        recorder.append(events)
        guard recorder.isCongested else { return false }
        if !waitsForRecorder {
            waitsForRecorder = true
            let loop = loop
            recorder.whenDrained { [self] in loop.post { [self] in hasRoom() } }
        }
        return true
    }

    /// Octets that may wait in a side of a session when far too much waits in all; nil as long as that is not so.
    var memoryShare: Int? {
        let memory = core.metrics.memory
        return memory.isOverfull ? memory.share(among: core.open.load(ordering: .relaxed)) : nil
    }

    private func hasRoom() {
        waitsForRecorder = false
        for session in Array(sessions.values) { session.recorderDrained() }
    }

    /// Takes no more connections.
    func stopAccepting() {
        for acceptor in acceptors.values { acceptor.stop() }
        acceptors = [:]
    }

    /// Asks all sessions to end, and calls back when they have.
    func drain(_ done: @escaping () -> Void) {
        onEmpty = done
        if sessions.isEmpty { return done() }
        for session in Array(sessions.values) { session.shutDown() }
    }

    /// Ends the sessions in which somebody is late, again and again.
    func watchIdleness() {
        loop.schedule(after: core.limits.idleRounds) { [weak self] in
            guard let self else { return }
            let now = Clock.monotonic()
            for session in self.sessions.values.filter({ $0.isLate(now) }) { session.expire() }
            self.watchIdleness()
        }
    }

    /// Ends what has not ended.
    func abortAll() {
        for session in Array(sessions.values) { session.abort() }
    }
}

/// A session that can begin.
protocol StartableSession {
    func start()
}
