// A client, a server, and us between them: both legs on one loop.
// Long because all that moves a session shares the private state of both legs.
//
// Under TLS the upstream's handshake comes first: what it shows says what our certificate has to be for. Then comes the
// client's, and nothing of either side is followed before both are over.
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
    private enum Mode {
        /// Nobody asks for rows: the dialogue alone. Its notes are thrown away, so that it makes nothing for them.
        case followed(Kept<MailTap>)
        case observed(Kept<Observer>)
        /// Rules may step in.
        case ruled(Kept<Ruled>)
    }

    /// What a session with rules is made of; the book is kept when recording.
    private struct Ruled {
        var relay: Relay
        var book: SessionBook?
        /// A rule changed something: the server's leg is recorded too.
        var diverged = false
    }

    private final class Kept<Value> {
        var value: Value
        init(_ value: Value) { self.value = value }
    }

    private enum Phase: Equatable {
        case connecting
        /// The client's TLS handshake is under way; the upstream waits.
        case securing
        case open
        case closing
        /// A leg failed; what it had sent is still on its way to the other, which is then reset.
        case failing
        case finished
    }

    private let context: LoopContext
    private var info: SessionInfo
    private let upstream: UpstreamAddress
    private var candidates: [SocketAddress] = []
    private var client: Stream?
    private var server: Stream?
    private var mode: Mode
    private var phase = Phase.connecting
    private var connectTimer: TimerHeap.ID?
    private var clientEnded = false
    private var serverEnded = false
    private var recorderPause = false
    private var lastActivity: Int64
    /// The TLS of the route.
    private let security: RouteSecurity?
    private var upstreamCertificate: Certificate?
    /// The last words, when the client cannot hear them yet.
    private var unsaid: [UInt8]?

    init(_ descriptor: Int32, _ info: SessionInfo, _ upstream: UpstreamAddress, _ context: LoopContext) {
        self.context = context
        self.info = info
        self.upstream = upstream
        lastActivity = context.loop.now
        security = context.core.security.isEmpty ? nil : context.core.security[info.route]
        let rules = context.core.rules
        let key = context.core.recorder?.fingerprintKey
        if !rules.isEmpty {
            var facts = RuleFacts(
                mailProtocol: info.mailProtocol, clientAddress: info.client.host, route: info.route)
            facts.isSecured = security?.listener != nil
            let book = key.map { SessionBook(info: info, fingerprintKey: $0) }
            mode = .ruled(Kept(Ruled(relay: Relay(facts, rules: rules), book: book)))
        } else if let key {
            mode = .observed(Kept(Observer(info: info, fingerprintKey: key)))
        } else {
            mode = .followed(Kept(MailTap(info.mailProtocol, listens: false)))
        }
        client = Stream(descriptor, on: context.loop, owner: self)
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
            if let tls = try security?.connection(from: info.client.description) { client.secure(tls) }
        } catch {
            context.core.log.error("\(info.id) \(info.route): \(error)")
            return finish(.reset)
        }
        if case .ruled(let kept) = mode {
            var effects: [Relay.Effect] = []
            let goesOn = kept.value.relay.connected(&effects)
            if !goesOn { openBooks() }
            perform(effects)
            guard goesOn, phase == .connecting else { return }
        }
        switch upstream {
        case .literal(let address): connect([address])
        case .name(let host, let port): resolve(host, port)
        case .none: unavailable("no upstream")
        }
    }

    // MARK: The way to the upstream

    private func resolve(_ host: String, _ port: UInt16) {
        let loop = context.loop
        let box = Confined(self)
        context.core.resolvers.submit {
            let result = Resolver.addresses(of: host, port: port)
            loop.post {
                guard box.value.phase == .connecting else { return }
                switch result {
                case .success(let addresses): box.value.connect(addresses)
                case .failure(let error): box.value.unavailable(error.description)
                }
            }
        }
    }

    private func connect(_ addresses: [SocketAddress]) {
        candidates = addresses
        tryNext(nil)
    }

    private func tryNext(_ last: SystemError?) {
        guard !candidates.isEmpty else {
            return unavailable("\(info.upstream.map(\.description) ?? "upstream"): \(last?.reason ?? "no address")")
        }
        let address = candidates.removeFirst()
        info.upstream = address
        do {
            let stream = Stream(try address.connectSocket(), on: context.loop, owner: self, connecting: true)
            server = stream
            try stream.start()
            // The timer keeps the session until it is cancelled, which happens in every case: a weak reference would make
            // each later use of the session go through a table beside it.
            connectTimer = context.loop.schedule(after: RuntimeLimits.connectTimeout) { [self] in
                guard phase == .connecting, server === stream else { return }
                stream.close()
                tryNext(SystemError("connect", code: ETIMEDOUT))
            }
        } catch {
            server = nil
            tryNext(error)
        }
    }

    func connected(_ stream: Stream) {
        guard phase == .connecting, stream === server else { return }
        do {
            if let tls = try security?.upstreamConnection() { return stream.secure(tls) }
        } catch { return unavailable("\(error)") }
        upstreamIsReady()
    }

    /// The upstream's handshake is over, or it has none.
    private func upstreamIsReady() {
        guard let client else { return }
        if let connectTimer { context.loop.cancel(connectTimer) }
        connectTimer = nil
        if security?.listener != nil { return awaitClient() }
        // Nothing is asked of the client's socket before: a new one would tell at once that it can be written.
        do { try client.start() } catch { return finish(.reset) }
        begin()
    }

    /// Both legs stand.
    private func begin() {
        phase = .open
        openBooks()
        settleReading()
    }

    // MARK: TLS

    /// Lets the client's handshake go on.
    private func awaitClient() {
        guard let client else { return }
        phase = .securing
        server?.pause(true)
        do { try client.start() } catch { return finish(.reset) }
        client.pause(false)
        connectTimer = context.loop.schedule(after: RuntimeLimits.handshakeTimeout) { [self] in
            guard phase == .securing else { return }
            context.core.log.info("\(info.id) client: no TLS handshake in time")
            finish(.timeout)
        }
    }

    func needsCertificate(_ stream: Stream, _ tls: TLSConnection) {
        do {
            guard let identity = try security?.identity(for: tls.serverName, upstream: upstreamCertificate) else {
                return
            }
            tls.present(identity.chain, key: identity.key)
        } catch {
            context.core.log.error("\(info.id) \(info.route): \(error)")
            finish(.reset)
        }
    }

    func secured(_ stream: Stream, _ tls: TLSConnection) {
        if stream === server {
            guard phase == .connecting else { return }
            info.upstreamTLS = TLSLeg(tls, how: .implicit)
            upstreamCertificate = tls.peerChain.first
            return upstreamIsReady()
        }
        info.tls = TLSLeg(tls, how: .implicit)
        guard phase == .securing else { return }
        if let connectTimer { context.loop.cancel(connectTimer) }
        connectTimer = nil
        guard let words = unsaid else { return begin() }
        unsaid = nil
        openBooks()
        sayLast(words)
    }

    /// The session is there: whoever looks at the recording sees it from now on.
    private func openBooks() {
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
    private func unavailable(_ reason: String) {
        context.core.log.warning("\(info.id) \(info.route): \(reason)")
        let words = LocalReply.unavailable(info.mailProtocol)
        server?.close()
        if security?.listener != nil, phase == .connecting {
            unsaid = words
            return awaitClient()
        }
        openBooks()
        sayLast(words)
    }

    private func sayLast(_ words: [UInt8]) {
        follow(words[...], from: .server)
        client?.write(words)
        closeAfterFlush()
    }

    // MARK: Octets

    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream) {
        let side: Side = stream === client ? .client : .server
        guard phase == .open else {
            // After our last words nothing of the client matters any more.
            return
        }
        lastActivity = context.loop.now
        switch mode {
        case .ruled: relay([UInt8](bytes), from: side)
        case .observed:
            (side == .client ? server : client)?.write(bytes)
            follow([UInt8](bytes)[...], from: side)
        case .followed(let kept):
            (side == .client ? server : client)?.write(bytes)
            // What is neither kept nor shown need not be copied.
            let rest = UnsafeRawBufferPointer(rebasing: bytes[kept.value.pass(bytes, from: side)...])
            if !rest.isEmpty { follow([UInt8](rest)[...], from: side) }
        }
        settleReading()
    }

    private func follow(_ chunk: ArraySlice<UInt8>, from side: Side) {
        context.withNotes { notes in
            var events: [RecordEvent] = []
            switch mode {
            case .followed(let kept): kept.value.receive(chunk, from: side, into: &notes)
            case .observed(let kept):
                kept.value.receive(chunk, from: side, at: Clock.now(), events: &events, notes: &notes)
            case .ruled(let kept):
                // Words of ours before the upstream is there: the client's leg sees them.
                var tap = info.mailProtocol.makeTap()
                tap.receive(chunk, from: side, into: &notes)
                kept.value.book?.accept(notes, at: Clock.now(), into: &events)
            }
            record(events)
        }
    }

    private func relay(_ chunk: [UInt8], from side: Side) {
        withRelay { relay, effects, seen, told in
            relay.receive(chunk[...], from: side, &effects, seen: &seen, told: &told)
        }
    }

    private func withRelay(_ body: (inout Relay, inout [Relay.Effect], inout [Note], inout [Note]) -> Void) {
        guard case .ruled(let kept) = mode else { return }
        var effects: [Relay.Effect] = []
        var seen: [Note] = []
        var told: [Note] = []
        body(&kept.value.relay, &effects, &seen, &told)
        var events: [RecordEvent] = []
        if kept.value.book != nil {
            let now = Clock.now()
            for effect in effects {
                guard case .hit(let rules, let exchange, let tags, let changed) = effect else { continue }
                for tag in tags { kept.value.book?.tag(tag) }
                guard changed else { continue }
                kept.value.diverged = true
                for rule in rules { kept.value.book?.mark(exchange: exchange, changedBy: rule) }
            }
            kept.value.book?.accept(seen, at: now, leg: .client, into: &events)
            if kept.value.diverged { kept.value.book?.accept(told, at: now, leg: .server, into: &events) }
        }
        record(events)
        perform(effects)
    }

    private func perform(_ effects: [Relay.Effect]) {
        for effect in effects {
            switch effect {
            case .toClient(let bytes): client?.write(bytes)
            case .toServer(let bytes): server?.write(bytes)
            case .wait(let milliseconds):
                context.loop.schedule(after: Double(milliseconds) / 1000) { [weak self] in
                    guard let self, self.phase == .open || self.phase == .connecting else { return }
                    self.withRelay { relay, effects, seen, told in
                        relay.timerFired(&effects, seen: &seen, told: &told)
                    }
                    self.settleReading()
                }
            case .close: closeAfterFlush()
            case .ended(let side):
                guard phase == .open else { continue }
                (side == .client ? server : client)?.endOutput()
                if isOver { finishWhenFlushed() }
            case .log(let text): context.core.log.info("\(info.id) \(text)")
            case .hit(let rules, let exchange, let tags, _):
                let tagged = tags.isEmpty ? "" : ", tags \(tags.joined(separator: " "))"
                context.core.log.info(
                    "\(info.id) rule \(rules.joined(separator: ", ")) at exchange \(exchange)\(tagged)")
            }
        }
    }

    private func record(_ events: [RecordEvent]) {
        if context.record(events) { recorderPause = true }
    }

    // MARK: Back-pressure and the end

    /// Reads from a leg only while the other, the rules and the recorder keep up.
    private func settleReading() {
        guard phase == .open, let client, let server else { return }
        var takesClient = !recorderPause
        var takesServer = !recorderPause
        if case .ruled(let kept) = mode {
            takesClient = takesClient && kept.value.relay.wants(.client)
            takesServer = takesServer && kept.value.relay.wants(.server)
        }
        if server.backlog > RuntimeLimits.highWater { takesClient = false }
        if client.backlog > RuntimeLimits.highWater { takesServer = false }
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
            if stream.backlog <= RuntimeLimits.lowWater { settleReading() }
            if isOver { finishWhenFlushed() }
        case .closing: finishWhenFlushed()
        case .connecting, .securing, .failing, .finished: break
        }
    }

    func ended(_ stream: Stream) {
        let side: Side = stream === client ? .client : .server
        switch phase {
        case .connecting: return stream === server ? lostInHandshake() : finish(.closed)
        case .securing: return finish(.closed)
        // Our last words may still be on their way to a client that reads slowly.
        case .closing: return finishWhenFlushed()
        case .failing, .finished: return
        case .open: break
        }
        switch side {
        case .client: clientEnded = true
        case .server: serverEnded = true
        }
        if case .ruled = mode {
            // The relay says when all that the side sent was passed on.
            return withRelay { relay, effects, seen, told in relay.end(side, &effects, seen: &seen, told: &told) }
        }
        // Closing says to the other side that this one has ended, too.
        if isOver { return finishWhenFlushed() }
        (side == .client ? server : client)?.endOutput()
    }

    /// Both sides ended, and nothing of what they sent waits for rules.
    private var isOver: Bool {
        guard clientEnded, serverEnded else { return false }
        if case .ruled(let kept) = mode { return kept.value.relay.isDone }
        return true
    }

    func failed(_ stream: Stream, _ error: SystemError) {
        if phase == .connecting, stream === server {
            if let connectTimer { context.loop.cancel(connectTimer) }
            connectTimer = nil
            server = nil
            // A certificate that is not to be trusted is no better at another address.
            return error.isTLS ? unavailable(error.reason) : tryNext(error)
        }
        if error.isTLS, stream === client {
            context.core.log.info("\(info.id) client: \(error)")
            return finish(.reset)
        }
        context.core.log.debug("\(info.id) \(stream === client ? "client" : "server"): \(error)")
        guard phase == .open, let other = stream === client ? server : client else { return finish(.reset) }
        // The octets that came before the failure are the other side's: a reset would take them back.
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
        guard let security, security.upstream != nil else { return finish(.closed) }
        if let connectTimer { context.loop.cancel(connectTimer) }
        connectTimer = nil
        unavailable("\(security.host ?? "upstream"): it ended the connection in the TLS handshake")
    }

    private func closeAfterFlush() {
        guard phase != .finished else { return }
        phase = .closing
        server?.close()
        do { try client?.start() } catch { return finish(.reset) }
        client?.endOutput()
        // The client's end is awaited so that our last words are not lost to a reset.
        client?.pause(false)
        finishWhenFlushed()
        context.loop.schedule(after: 2) { [weak self] in self?.finish(.closed) }
    }

    private func finishWhenFlushed() {
        guard (client?.backlog ?? 0) == 0, (server?.backlog ?? 0) == 0 else { return }
        if phase == .closing, client?.hasEnded == false { return }
        finish(.closed)
    }

    /// A session that is quiet ends at once; one that is not may finish what it does, until the server's deadline.
    func shutDown() {
        switch phase {
        case .connecting: closeAfterFlush()
        case .securing: finish(.closed)
        case .open:
            if Clock.monotonic() &- lastActivity >= RuntimeLimits.quiet { return closeAfterFlush() }
            context.loop.schedule(after: 0.1) { [weak self] in self?.shutDown() }
        case .closing, .failing, .finished: break
        }
    }

    func abort() { finish(.closed) }

    private func finish(_ end: SessionEnd) {
        guard phase != .finished else { return }
        phase = .finished
        if let connectTimer { context.loop.cancel(connectTimer) }
        client?.close()
        server?.close()
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
        context.finished(self)
    }
}

/// Carries a value of one loop through another thread and back, untouched.
///
/// Unchecked: the value is used only on its loop's thread.
struct Confined<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
