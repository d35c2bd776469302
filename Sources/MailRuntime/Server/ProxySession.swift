// A client, a server, and us between them: both legs on one loop. Here is the way of a session from its beginning to its end;
// how the upstream is called is in ProxySession+Upstream.swift, how TLS begins on either leg in +TLS, how octets pass in +Octets.
//
// Without rules the octets go straight from one socket to the other; the tap follows beside. With rules they go through
// `Relay`, frame by frame. Reading pauses when the other leg or the recorder is behind.

import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import MailTLS

/// A proxied session.
final class ProxySession: RunningSession, StartableSession, StreamOwner {
    /// How the octets are followed. What is changed with every frame is kept apart and changed in place.
    enum Mode {
        /// Nobody asks for rows: the dialogue alone. Its notes are thrown away, so that it makes nothing for them.
        case followed(Kept<MailTap>)
        case observed(Kept<Observer>)
        /// Rules may step in.
        case ruled(Kept<Ruled>)
    }

    /// What a session with rules is made of; the book is kept when recording.
    struct Ruled {
        var relay: Relay
        var book: SessionBook?
        /// A rule changed something: the server's leg is recorded too.
        var diverged = false
    }

    final class Kept<Value> {
        var value: Value
        init(_ value: Value) { self.value = value }
    }

    enum Phase: Equatable {
        /// The upstream is called, and begins TLS when that comes first.
        case connecting
        /// The client's TLS handshake is under way; the upstream waits.
        case securing
        case open
        /// The client asked for TLS after its greeting; the upstream's handshake is under way, the client waits.
        case turning
        case closing
        /// A leg failed; what it had sent is still on its way to the other, which is then reset.
        case failing
        case finished
    }

    /// The last words to a client that cannot hear them yet.
    enum LastWords {
        case reply([UInt8])
        /// What rules made of the connection.
        case effects([Relay.Effect])
    }

    let context: LoopContext
    var info: SessionInfo
    var target: UpstreamTarget
    /// What the upstream is told of the client.
    var introduction: Route.Introduction { target.introduction }
    /// What the session tries besides, when its route has several upstreams.
    var choice: UpstreamChoice?
    /// Addresses of the upstream that are left to try, and connections to others of them that are still under way.
    var candidates: [SocketAddress] = []
    var rivals: [(stream: Stream, address: SocketAddress)] = []
    var client: Stream?
    var server: Stream?
    var mode: Mode
    var phase = Phase.connecting
    var timer: TimerHeap.ID?
    private(set) var clientEnded = false
    private var serverEnded = false
    /// The upstream has gone without a goodbye.
    var isBereft = false
    private var recorderPause = false
    /// It is not read because the recorder is behind.
    var isWaitingForRecorder: Bool { recorderPause }
    /// How the session ends that we end.
    var goodbye = SessionEnd.closed
    /// When each side last said a word, or took some.
    var lastOfClient: Int64
    var lastOfServer: Int64
    /// Octets that had not reached their peer when it was last looked at.
    var undeliveredBefore = 0
    /// Octets of half lines and such that the gauge of memory knows of, and how many had come when they were counted.
    var countedOctets = 0
    var countedAt = 0
    /// The sides that are not read because memory is short.
    var heldBack = HeldBack()
    /// More waits than its share, now that memory is short.
    var isOverShare = false
    /// The TLS of the route.
    var security: RouteSecurity?
    /// What TLS needs of a session, while there is something to need.
    var secrecy = Secrecy()
    /// Hides capabilities; nil where all pass.
    var filter: CapabilityFilter?
    /// The test that its client is put to; nil when it is served.
    var trial: Trial?
    /// Logins are ours to answer; nil where they pass.
    let login: LoginPlace?

    init(
        _ descriptor: Int32, _ info: SessionInfo, _ target: UpstreamTarget, _ context: LoopContext,
        choice: UpstreamChoice? = nil
    ) {
        self.context = context
        self.choice = choice
        self.info = info
        self.target = target
        lastOfClient = context.loop.now
        lastOfServer = lastOfClient
        security = target.security
        // Who tells the upstream who the client is lets nobody else do so.
        let rules =
            target.introduction.means == nil ? context.core.rules : ImpostorRules.before(context.core.rules)
        let key = context.core.recorder?.fingerprintKey
        let keepsRows = context.core.recorder?.readsRows == false
        let privacy = context.core.recorder?.privacy ?? RecordingPrivacy()
        let tls = security?.clientTLS ?? .passes
        let choosesUpstream = rules.routes(info.mailProtocol)
        let answersLogins =
            (target.credentials != nil || choosesUpstream) && security?.policy != nil && info.mailProtocol != .lmtp
        login = answersLogins ? LoginPlace(target, targets: choosesUpstream ? context.core.targets : [:]) : nil
        if !rules.isEmpty || tls.isOurs || answersLogins {
            var facts = RuleFacts(
                mailProtocol: info.mailProtocol, clientAddress: info.client.host, route: info.route)
            facts.isSecured = security?.isImplicit == true
            let book = key.map { SessionBook(info: info, fingerprintKey: $0, keepsRows: keepsRows, privacy: privacy) }
            var relay = Relay(facts, rules: rules, tls: tls)
            relay.refusesCompression =
                security?.policy.map { $0.hidesUnfollowed || !rules.isEmpty || answersLogins } ?? false
            if answersLogins {
                relay.answersLogins(
                    knows: target.credentials != nil, hostName: context.core.settings.hostName)
            }
            // Who tells the upstream has rules for it.
            relay.refusesImpostors = target.introduction.means == nil && security?.policy?.refusesImpostors == true
            // Where logins are ours the legs are never the same.
            mode = .ruled(Kept(Ruled(relay: relay, book: book, diverged: answersLogins)))
        } else if let key {
            mode = .observed(Kept(Observer(info: info, fingerprintKey: key, keepsRows: keepsRows, privacy: privacy)))
        } else {
            mode = .followed(Kept(MailTap(info.mailProtocol, listens: false)))
        }
        secrecy.watchesEdge = tls == .mirrored
        if var policy = security?.policy {
            policy.hasRules = !rules.isEmpty || answersLogins
            if answersLogins { policy.logins = CapabilityPolicy.LoginOffer(isOurs: target.credentials != nil) }
            filter = CapabilityFilter(info.mailProtocol, policy, memory: context.editedLists)
        }
        client = Stream(descriptor, on: context.loop, owner: self)
        if case .connected(let descriptor, let address) = target.address {
            self.info.upstream = address
            server = Stream(descriptor, on: context.loop, owner: self)
        }
    }

    /// Somebody has a use for facts and masked forms of lines: the recorder or a rule.
    var listens: Bool {
        switch mode {
        case .followed(let kept): kept.value.listens
        case .observed, .ruled: true
        }
    }

    func start() {
        guard let client else { return }
        client.pause(true)
        do {
            // What is said before the handshake waits for it: nothing goes out in clear.
            if security?.isImplicit == true, let tls = try security?.connection(from: info.client.description) {
                client.secure(tls)
            }
        } catch {
            context.core.log.error("\(error)", of: info)
            return finish(.reset)
        }
        if case .ruled(let kept) = mode {
            var effects: [Relay.Effect] = []
            let goesOn = kept.value.relay.connected(&effects)
            for case .hit(_, _, let tags, _) in effects { for tag in tags { kept.value.book?.tag(tag) } }
            if !goesOn { return sayLast(.effects(effects)) }
            perform(effects)
            guard phase == .connecting else { return }
        }
        // Nothing is read of it before the session begins, but that it leaves is seen.
        do { try client.start() } catch { return finish(.reset) }
        callUpstream()
    }

    /// Both legs stand.
    func begin() {
        phase = .open
        openBooks()
        let greeting = secrecy.greeting
        secrecy.greeting = []
        if !greeting.isEmpty { takeFromServer(greeting) }
        settleReading()
    }

    func cancelTimer() {
        if let timer { context.loop.cancel(timer) }
        timer = nil
    }

    /// Gives a step of the session so many seconds. The timer keeps the session until it is cancelled, which happens in every
    /// case: a weak reference would make each later use of the session go through a table beside it.
    func allow(_ seconds: Double, or late: @escaping () -> Void) {
        cancelTimer()
        timer = context.loop.schedule(after: seconds) { [self] in
            timer = nil
            late()
        }
    }

    /// The session is there: whoever looks at the recording sees it from now on.
    func openBooks() {
        var events: [RecordEvent] = []
        switch mode {
        case .observed(let kept):
            // The upstream's address is known only now.
            kept.value.learn(upstream: info.upstream)
            kept.value.learn(tls: info.tls, upstreamTLS: info.upstreamTLS)
            kept.value.open(into: &events)
        case .ruled(let kept):
            kept.value.book?.learn(upstream: info.upstream)
            kept.value.book?.learn(tls: info.tls, upstreamTLS: info.upstreamTLS)
            kept.value.book?.open(into: &events)
        case .followed: return
        }
        record(events)
    }

    /// No upstream answers: the client hears so in the words of its protocol.
    func unavailable(_ reason: String) {
        if isTurningAway { return turnAwayFailed(reason) }
        if phase == .connecting, callAnother(reason) { return }
        context.core.log.warning("\(reason)", of: info)
        metrics.upstreamFailures.add()
        cancelTimer()
        sayLast(.reply(LocalReply.unavailable(info.mailProtocol)))
    }

    /// The last words, which a client under TLS can't hear before its handshake.
    func sayLast(_ words: LastWords) {
        server?.close()
        if security?.isImplicit == true, info.tls == nil {
            secrecy.unsaid = words
            return awaitClient()
        }
        openBooks()
        switch words {
        case .reply(let reply):
            follow(reply[...], from: .server)
            client?.write(reply)
            closeAfterFlush()
        case .effects(let effects): perform(effects)
        }
    }

    /// The client's handshake is over: it hears what it could not hear before, or the session begins.
    func clientIsReady() {
        guard let words = secrecy.unsaid else { return begin() }
        secrecy.unsaid = nil
        sayLast(words)
    }

    func record(_ events: [RecordEvent]) {
        if context.record(events) { recorderPause = true }
    }

    // MARK: Back-pressure and the end

    /// Reads from a leg only while the other, the rules and the recorder keep up.
    func settleReading() {
        guard phase == .open, let client, let server else { return }
        var takesClient = !recorderPause
        var takesServer = !recorderPause
        if case .ruled(let kept) = mode {
            takesClient = takesClient && (kept.value.relay.wants(.client) || kept.value.relay.listensBehindLogin)
            takesServer = takesServer && kept.value.relay.wants(.server)
        }
        let highWater = context.core.metrics.memory.highWater
        takesClient = takesClient && server.backlog <= highWater
        takesServer = takesServer && client.backlog <= highWater
        if highWater == 0 || isOverShare {
            settleMemory()
            takesClient = takesClient && !heldBack.client
            takesServer = takesServer && !heldBack.server
        }
        client.pause(!takesClient)
        server.pause(!takesServer)
    }

    func recorderDrained() {
        guard recorderPause else { return }
        recorderPause = false
        settleReading()
    }

    func drained(_ stream: Stream) {
        switch phase {
        case .open:
            if stream === client { lastOfClient = context.loop.now } else { lastOfServer = context.loop.now }
            if stream.backlog <= RuntimeLimits.lowWater { settleReading() }
            if isOver { finishWhenFlushed() }
        case .closing: finishWhenFlushed()
        case .connecting, .securing, .turning, .failing, .finished: break
        }
    }

    func ended(_ stream: Stream) {
        if isLeft(stream) { return lost(left: stream) }
        let side: Side = stream === client ? .client : .server
        switch phase {
        case .connecting: return stream === server ? lostInHandshake() : finish(.closed)
        case .securing: return leaveHandshake("it ended the connection in the TLS handshake", .left, .closed, side)
        case .turning:
            guard stream === server else { return finish(.closed) }
            return turnFailed("it ended the connection in the TLS handshake", .left)
        // Our last words may still be on their way to a client that reads slowly.
        case .closing: return finishWhenFlushed()
        case .failing, .finished: return
        case .open: break
        }
        switch side {
        case .client:
            clientEnded = true
            // Nobody is left to whom it would matter.
            if isBereft { return finish(goodbye) }
        case .server:
            serverEnded = true
            if losesServer(stream.wasCutOff ? "it cut its TLS connection off" : "it ended the connection") { return }
        }
        releaseAll(of: side)
        if case .ruled = mode {
            // The relay says when all that the side sent was passed on.
            withRelay { relay, effects, seen, told in relay.end(side, &effects, seen: &seen, told: &told) }
            return leaveLogin()
        }
        // Closing says to the other side that this one has ended, too.
        if isOver { return finishWhenFlushed() }
        (side == .client ? server : client)?.endOutput()
    }

    /// Both sides ended, and nothing of what they sent waits for rules.
    var isOver: Bool {
        guard clientEnded, serverEnded else { return false }
        if case .ruled(let kept) = mode { return kept.value.relay.isDone }
        return true
    }

    func failed(_ stream: Stream, _ error: SystemError) {
        if let loser = rivals.firstIndex(where: { $0.stream === stream }) {
            rivals.remove(at: loser)
            return
        }
        if isLeft(stream) { return lost(left: stream) }
        if phase == .turning, stream === server { return turnFailed(error.reason, TLSTrouble(error)) }
        if phase == .connecting, stream === server {
            if error.isTLS { metrics.tlsFailed(.server, TLSTrouble(error)) }
            server = nil
            secrecy.upgrade = nil
            secrecy.introduction = nil
            if secrecy.awaitsGreeting { return unavailable("\(upstreamName): \(error.reason)") }
            // A certificate that is not to be trusted is no better at another address.
            return error.isTLS ? unavailable(error.reason) : tryNext(error)
        }
        if phase == .securing {
            return leaveHandshake(error.reason, TLSTrouble(error), .reset, stream === client ? .client : .server)
        }
        if error.isTLS, stream === client {
            context.core.log.info("client: \(error)", of: info)
            return finish(.reset)
        }
        context.core.log.debug("\(stream === client ? "client" : "server"): \(error)", of: info)
        // A client that waits for the end of its login hears how it ended.
        if stream === server, phase == .open, isLoggingIn { return ended(stream) }
        if phase == .open, stream === server, losesServer(error.reason) { return }
        guard phase == .open, let other = stream === client ? server : client else { return finish(.reset) }
        passFailure(to: other)
    }

    /// The octets that came before the failure are the other side's: a reset would take them back.
    func passFailure(to other: Stream) {
        phase = .failing
        other.pause(true)
        resetWhenDelivered(other, before: .max, stalled: 0)
    }

    /// Passes a failure on once all octets have arrived, or when the peer takes none of them for too long.
    private func resetWhenDelivered(_ other: Stream, before: Int, stalled: Double) {
        guard phase == .failing else { return }
        let left = other.undelivered
        let stalled = left < before ? 0 : stalled
        if left == 0 || stalled > RuntimeLimits.stalled {
            other.close(reset: true)
            return finish(.reset)
        }
        let pause = stalled < 1 ? 0.02 : 0.5
        context.loop.schedule(after: pause) { [weak self] in
            self?.resetWhenDelivered(other, before: left, stalled: stalled + pause)
        }
    }

    /// The upstream went away before its handshake was over.
    private func lostInHandshake() {
        if secrecy.awaitsGreeting || isTurningAway {
            return unavailable("\(upstreamName): it ended the connection before its greeting")
        }
        guard let security, security.upstream != nil || secrecy.introduction != nil else { return finish(.closed) }
        let isInHandshake = secrecy.introduction == nil && secrecy.upgrade == nil
        if isInHandshake { metrics.tlsFailed(.server, .left) }
        let step =
            secrecy.introduction != nil ? "before its greeting" : isInHandshake ? "in the TLS handshake" : "before TLS"
        unavailable("\(security.host ?? "upstream"): it ended the connection \(step)")
    }

    func closeAfterFlush() {
        guard phase != .finished else { return }
        cancelTimer()
        // Who is under TLS from the first octet hears nothing before its handshake.
        if security?.isImplicit == true, info.tls == nil { return finish(.closed) }
        phase = .closing
        server?.close()
        do { try client?.start() } catch { return finish(.reset) }
        client?.endOutput()
        // The client's end is awaited so that our last words are not lost to a reset.
        client?.pause(false)
        finishWhenFlushed()
        linger(Lingering(heard: client?.receivedOctets ?? 0))
    }

    func finishWhenFlushed() {
        guard (client?.backlog ?? 0) == 0, (server?.backlog ?? 0) == 0 else { return }
        if phase == .closing, client?.hasEnded == false { return }
        finish(goodbye)
    }

    /// A session that is quiet ends at once; one that is not may finish what it does, until the server's deadline.
    func shutDown() {
        switch phase {
        case .connecting where isTurningAway:
            context.loop.schedule(after: 0.1) { [weak self] in self?.shutDown() }
        case .connecting:
            // The client has heard nothing yet; POP3 has words for a greeting that it has not for later.
            let words = LocalReply.stopping(info.mailProtocol)
            choice = nil
            closeUpstream()
            sayLast(.reply(words.isEmpty ? LocalReply.unavailable(info.mailProtocol) : words))
        case .securing: leaveHandshake("the proxy stopped in the TLS handshake", .stopped, .closed, nil)
        case .turning: finish(.closed)
        case .open:
            if isQuiet { return sayGoodbye(LocalReply.stopping(info.mailProtocol), .closed) }
            context.loop.schedule(after: 0.1) { [weak self] in self?.shutDown() }
        case .closing, .failing, .finished: break
        }
    }

    /// The figures of the route.
    var metrics: RouteMetrics { context.core.metrics.route(info.route, info.mailProtocol) }

    func finish(_ end: SessionEnd) {
        guard phase != .finished else { return }
        let end = isBereft ? SessionEnd.lost : end
        if phase == .securing { tellHandshake() }
        phase = .finished
        context.core.metrics.memory.add(-countedOctets)
        choice?.abandoned(now: Clock.monotonic())
        let received = (client?.receivedOctets ?? 0, server?.receivedOctets ?? 0)
        closeUpstream()
        login?.turn?.parked?.close()
        client?.close()
        var events: [RecordEvent] = []
        let now = Clock.now()
        switch mode {
        case .observed(let kept):
            context.withNotes { notes in kept.value.close(end, at: now, events: &events, notes: &notes) }
        case .ruled(let kept):
            var effects: [Relay.Effect] = []
            var seen: [Note] = []
            var told: [Note] = []
            kept.value.relay.end(.client, &effects, seen: &seen, told: &told)
            kept.value.relay.end(.server, &effects, seen: &seen, told: &told)
            kept.value.book?.accept(seen, at: now, leg: .client, into: &events)
            if kept.value.diverged { kept.value.book?.accept(told, at: now, leg: .server, into: &events) }
            kept.value.book?.close(end, at: now, into: &events)
        case .followed: break
        }
        _ = context.record(events)
        context.finished(self, info, end, received: received)
    }
}
