// A client, a server, and us between them: both legs on one loop.
//
// Without rules the octets go straight from one socket to the other; the tap follows beside. With rules they go through
// `Relay`, frame by frame. Reading pauses when the other leg or the recorder is behind.

import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions

/// A proxied session.
final class ProxySession: RunningSession, StartableSession, StreamOwner {
    /// How the octets are followed.
    private enum Mode {
        /// Nobody asks for rows: the dialogue alone.
        case followed(MailTap)
        case observed(Observer)
        /// Rules may step in; the book is kept when recording.
        case ruled(Relay, SessionBook?, diverged: Bool)
        /// Holds the place while the mode is changed in place.
        case busy
    }

    private enum Phase: Equatable {
        case connecting
        case open
        case closing
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
    private var lastActivity = Clock.monotonic()
    private var notes: [Note] = []

    init(_ descriptor: Int32, _ info: SessionInfo, _ upstream: UpstreamAddress, _ context: LoopContext) {
        self.context = context
        self.info = info
        self.upstream = upstream
        let rules = context.core.rules
        let key = context.core.recorder?.fingerprintKey
        if !rules.isEmpty {
            var facts = RuleFacts(
                mailProtocol: info.mailProtocol, clientAddress: info.client.host, route: info.route)
            facts.clientName = ""
            mode = .ruled(
                Relay(facts, rules: rules), key.map { SessionBook(info: info, fingerprintKey: $0) }, diverged: false)
        } else if let key {
            mode = .observed(Observer(info: info, fingerprintKey: key))
        } else {
            mode = .followed(info.mailProtocol.makeTap())
        }
        client = Stream(descriptor, on: context.loop, owner: self)
    }

    func start() {
        guard let client else { return }
        client.pause(true)
        do { try client.start() } catch { return finish(.reset) }
        if case .ruled(var relay, let book, let diverged) = mode {
            mode = .busy
            var effects: [Relay.Effect] = []
            let goesOn = relay.connected(&effects)
            mode = .ruled(relay, book, diverged: diverged)
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
        context.core.workers.submit {
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
            connectTimer = context.loop.schedule(after: RuntimeLimits.connectTimeout) { [weak self, weak stream] in
                guard let self, let stream, self.phase == .connecting, self.server === stream else { return }
                stream.close()
                self.tryNext(SystemError("connect", code: ETIMEDOUT))
            }
        } catch {
            server = nil
            tryNext(error)
        }
    }

    func connected(_ stream: Stream) {
        guard phase == .connecting, stream === server else { return }
        if let connectTimer { context.loop.cancel(connectTimer) }
        connectTimer = nil
        phase = .open
        openBooks()
        settleReading()
    }

    /// The session is there: whoever looks at the recording sees it from now on.
    private func openBooks() {
        var events: [RecordEvent] = []
        switch mode {
        case .observed(let old):
            // The upstream's address is known only now.
            var observer = old
            if let key = context.core.recorder?.fingerprintKey { observer = Observer(info: info, fingerprintKey: key) }
            observer.open(into: &events)
            mode = .observed(observer)
        case .ruled(let relay, let old, let diverged):
            guard old != nil, let key = context.core.recorder?.fingerprintKey else { return }
            let book = SessionBook(info: info, fingerprintKey: key)
            book.open(into: &events)
            mode = .ruled(relay, book, diverged: diverged)
        case .followed, .busy: return
        }
        record(events)
    }

    /// No upstream answers: the client hears so in the words of its protocol.
    private func unavailable(_ reason: String) {
        context.core.log.warning("\(info.id) \(info.route): \(reason)")
        openBooks()
        let words = LocalReply.unavailable(info.mailProtocol)
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
        lastActivity = Clock.monotonic()
        let chunk = [UInt8](bytes)
        if case .ruled = mode {
            relay(chunk, from: side)
        } else {
            let peer = side == .client ? server : client
            peer?.write(bytes)
            follow(chunk[...], from: side)
        }
        settleReading()
    }

    private func follow(_ chunk: ArraySlice<UInt8>, from side: Side) {
        switch mode {
        case .followed(var tap):
            mode = .busy
            tap.receive(chunk, from: side, into: &notes)
            mode = .followed(tap)
        case .observed(var observer):
            mode = .busy
            var events: [RecordEvent] = []
            observer.receive(chunk, from: side, at: Clock.now(), events: &events, notes: &notes)
            mode = .observed(observer)
            record(events)
        case .ruled(let relay, var book, let diverged):
            // Words of ours before the upstream is there: the client's leg sees them.
            mode = .busy
            var tap = info.mailProtocol.makeTap()
            tap.receive(chunk, from: side, into: &notes)
            var events: [RecordEvent] = []
            book?.accept(notes, at: Clock.now(), into: &events)
            mode = .ruled(relay, book, diverged: diverged)
            record(events)
        case .busy: break
        }
        notes.removeAll(keepingCapacity: true)
    }

    private func relay(_ chunk: [UInt8], from side: Side) {
        withRelay { relay, effects, seen, told in
            relay.receive(chunk[...], from: side, &effects, seen: &seen, told: &told)
        }
    }

    private func withRelay(_ body: (inout Relay, inout [Relay.Effect], inout [Note], inout [Note]) -> Void) {
        guard case .ruled(var relay, var book, var diverged) = mode else { return }
        mode = .busy
        var effects: [Relay.Effect] = []
        var seen: [Note] = []
        var told: [Note] = []
        body(&relay, &effects, &seen, &told)
        var events: [RecordEvent] = []
        if book != nil {
            let now = Clock.now()
            for effect in effects {
                guard case .hit(let rules, let exchange, let tags, let changed) = effect else { continue }
                for tag in tags { book?.tag(tag) }
                guard changed else { continue }
                diverged = true
                for rule in rules { book?.mark(exchange: exchange, changedBy: rule) }
            }
            book?.accept(seen, at: now, leg: .client, into: &events)
            if diverged { book?.accept(told, at: now, leg: .server, into: &events) }
        }
        mode = .ruled(relay, book, diverged: diverged)
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
                context.core.log.info("\(info.id) rule \(rules.joined(separator: ", ")) at exchange \(exchange)\(tagged)")
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
        if case .ruled(let relay, _, _) = mode {
            takesClient = takesClient && relay.wants(.client)
            takesServer = takesServer && relay.wants(.server)
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
        case .connecting, .finished: break
        }
    }

    func ended(_ stream: Stream) {
        let side: Side = stream === client ? .client : .server
        switch phase {
        case .connecting, .closing: return finish(.closed)
        case .finished: return
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
        (side == .client ? server : client)?.endOutput()
        if isOver { finishWhenFlushed() }
    }

    /// Both sides ended, and nothing of what they sent waits for rules.
    private var isOver: Bool {
        guard clientEnded, serverEnded else { return false }
        if case .ruled(let relay, _, _) = mode { return relay.isDone }
        return true
    }

    func failed(_ stream: Stream, _ error: SystemError) {
        if phase == .connecting, stream === server {
            if let connectTimer { context.loop.cancel(connectTimer) }
            server = nil
            return tryNext(error)
        }
        context.core.log.debug("\(info.id) \(stream === client ? "client" : "server"): \(error)")
        let other = stream === client ? server : client
        other?.close(reset: true)
        finish(.reset)
    }

    private func closeAfterFlush() {
        guard phase != .finished else { return }
        phase = .closing
        server?.close()
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
        case .open:
            if Clock.monotonic() &- lastActivity >= RuntimeLimits.quiet { return closeAfterFlush() }
            context.loop.schedule(after: 0.1) { [weak self] in self?.shutDown() }
        case .closing, .finished: break
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
        case .observed(var observer):
            mode = .busy
            observer.close(end, at: now, events: &events, notes: &notes)
        case .ruled(var relay, var book, let diverged):
            mode = .busy
            var effects: [Relay.Effect] = []
            var seen: [Note] = []
            var told: [Note] = []
            relay.end(.client, &effects, seen: &seen, told: &told)
            relay.end(.server, &effects, seen: &seen, told: &told)
            book?.accept(seen, at: now, leg: .client, into: &events)
            if diverged { book?.accept(told, at: now, leg: .server, into: &events) }
            book?.close(end, at: now, into: &events)
        case .followed, .busy: break
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
