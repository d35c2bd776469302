// Our own server on a connection: carries events to the pure session and its effects out.

import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import MailTLS

/// A session with the fallback.
final class FallbackSession: RunningSession, StartableSession, StreamOwner {
    private let context: LoopContext
    /// Nil for clients in clear.
    private let security: RouteSecurity?
    private var info: SessionInfo
    private var stream: Stream?
    private var session: any ServerSession
    private var book: SessionBook?
    private let store: (any FallbackStoreSession)?
    private var timer: TimerHeap.ID?
    private var watched: (MailboxWatch.ID, Account, String)?
    private var recorderPause = false
    private var closing = false
    private var finished = false
    private var clientEnded = false
    private var storeBusy = false
    private var busy = false
    private var queue: [ServerEvent] = []
    /// The handshake behind STARTTLS, until it is over, and why it did not come to its end.
    private var handshake: TLSConnection?
    private var handshakeFailure: String?
    private var isUnderTLS = false
    /// Octets of the client that wait to be made whole, as far as the gauge of memory knows of them.
    private var countedOctets = 0
    /// More waits than its share, now that memory is short.
    private var isOverShare = false

    /// - Parameter judged: what rules said of the connection, when they were asked already.
    init(
        _ descriptor: Int32, _ info: SessionInfo, _ security: RouteSecurity?, _ context: LoopContext,
        judged: ConnectVerdict? = nil
    ) {
        self.context = context
        self.security = security
        self.info = info
        var settings = context.core.settings
        settings.offersTLS = security.map { $0.listener != nil && !$0.isImplicit } ?? false
        switch info.mailProtocol {
        case .smtp: session = SMTPServer(settings: settings)
        case .lmtp:
            settings.lmtp = true
            session = SMTPServer(settings: settings)
        case .pop3: session = POP3Server(settings: settings)
        case .imap: session = IMAPServer(settings: settings)
        }
        let rules = context.core.rules
        if !rules.isEmpty {
            var facts = RuleFacts(mailProtocol: info.mailProtocol, clientAddress: info.client.host, route: info.route)
            facts.isSecured = security?.isImplicit == true
            session = RuledServer(session, facts: facts, rules: rules, judged: judged)
        }
        if let recorder = context.core.recorder {
            book = SessionBook(
                info: info, fingerprintKey: recorder.fingerprintKey, keepsRows: !recorder.readsRows,
                privacy: recorder.privacy)
            for tag in judged?.tags ?? [] { book?.tag(tag) }
        }
        store = context.core.store?.makeSession()
        stream = Stream(descriptor, on: context.loop, owner: self)
    }

    func start() {
        do {
            if security?.isImplicit == true, let tls = try security?.connection(from: info.client.description) {
                stream?.secure(tls)
                awaitHandshake()
            }
        } catch {
            context.core.log.error("\(error)", of: info)
            return finish(.reset)
        }
        do { try stream?.start() } catch { return finish(.reset) }
        if security?.isImplicit != true { begin() }
    }

    /// Who does not come to an end with the handshake is nobody's session.
    private func awaitHandshake() {
        if let timer { context.loop.cancel(timer) }
        timer = context.loop.schedule(after: context.core.times.handshake) { [weak self] in
            self?.timer = nil
            self?.handshakeFailed("no TLS handshake in time", .timeout)
            self?.finish(.timeout)
        }
    }

    /// TLS begins behind our consent, when that is on its way.
    private func startTLS() {
        do {
            guard let tls = try security?.connection(from: info.client.description) else { return finish(.reset) }
            handshake = tls
        } catch {
            context.core.log.error("\(error)", of: info)
            return finish(.reset)
        }
        awaitHandshake()
        secureWhenFlushed()
    }

    private func secureWhenFlushed() {
        guard let stream, let handshake, !isUnderTLS, stream.backlog == 0 else { return }
        isUnderTLS = true
        stream.secure(handshake)
        stream.pause(false)
    }

    /// A certificate can be shown. One that has to be made is made now.
    private func canBeginTLS() -> Bool {
        guard let security, security.listener != nil else { return false }
        do {
            try security.checkSigner()
            return true
        } catch {
            context.core.log.error("\(error)", of: info)
            return false
        }
    }

    func needsCertificate(_ stream: Stream, _ tls: TLSConnection) {
        do {
            try security?.present(to: tls, upstream: nil)
        } catch {
            context.core.log.error("\(error)", of: info)
            handshakeFailed("\(error)", .certificate, isLogged: true)
            finish(.reset)
        }
    }

    func secured(_ stream: Stream, _ tls: TLSConnection) {
        if let timer { context.loop.cancel(timer) }
        timer = nil
        info.tls = TLSLeg(tls, how: handshake == nil ? .implicit : .starttls)
        context.core.metrics.route(info.route, info.mailProtocol).clientHandshakes.add()
        guard handshake != nil else {
            book?.learn(tls: info.tls, upstreamTLS: nil)
            return begin()
        }
        handshake = nil
        var events: [RecordEvent] = []
        book?.secured(tls: info.tls, upstreamTLS: nil, at: Clock.now(), into: &events)
        record(events)
        handle(.secured)
    }

    private func begin() {
        var events: [RecordEvent] = []
        book?.open(into: &events)
        record(events)
        handle(.connected(client: info.client, server: info.server))
    }

    // MARK: Events

    func connected(_ stream: Stream) {}

    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream) {
        guard !closing else { return }
        handle(.received([UInt8](bytes)))
    }

    func ended(_ stream: Stream) {
        clientEnded = true
        if awaitsHandshake {
            handshakeFailed("client: it ended the connection in the TLS handshake", .left)
            return finish(.closed)
        }
        if closing {
            // Our last words may still be on their way to a client that reads slowly.
            if stream.backlog == 0 { finish(.closed) }
            return
        }
        handle(.peerEnded)
        // A client that ends its side still gets the answers that are due.
        finishWhenIdle()
    }

    func drained(_ stream: Stream) {
        guard stream.backlog == 0 else { return }
        if closing { return closeNow() }
        if handshake != nil { return secureWhenFlushed() }
        handle(.drained)
        finishWhenIdle()
    }

    func failed(_ stream: Stream, _ error: SystemError) {
        if awaitsHandshake {
            handshakeFailed("client: \(error.reason)", TLSTrouble(error))
        } else if error.isTLS {
            context.core.log.info("client: \(error)", of: info)
        } else {
            context.core.log.debug("client: \(error)", of: info)
        }
        finish(.reset)
    }

    /// The client is to come to an end with its handshake, from the first octet on or behind STARTTLS.
    private var awaitsHandshake: Bool { handshake != nil || (security?.isImplicit == true && info.tls == nil) }

    private func handshakeFailed(_ reason: String, _ trouble: TLSTrouble, isLogged: Bool = false) {
        handshakeFailure = reason
        context.core.metrics.route(info.route, info.mailProtocol).tlsFailed(.client, trouble)
        if !isLogged { context.core.log.info("\(reason)", of: info) }
    }

    func recorderDrained() {
        recorderPause = false
        settleReading()
    }

    /// Our own server keeps its time itself.
    func isLate(_ now: Int64) -> Bool { false }
    func expire() {}

    func shutDown() {
        if awaitsHandshake {
            handshakeFailed("the proxy stopped in the TLS handshake", .stopped)
            return finish(.closed)
        }
        if !closing { handle(.shutdown) }
    }
    func abort() { finish(.closed) }

    private func handle(_ event: ServerEvent) {
        queue.append(event)
        // Effects of an event may raise the next: one at a time, in order.
        guard !busy else { return }
        busy = true
        while !queue.isEmpty, !finished {
            let next = queue.removeFirst()
            var effects: [ServerEffect] = []
            var notes: [Note] = []
            let now = Clock.now()
            session.handle(next, now: now, effects: &effects, notes: &notes)
            mark(effects)
            if book != nil, !notes.isEmpty {
                var events: [RecordEvent] = []
                book?.accept(notes, at: now, into: &events)
                record(events)
            }
            perform(effects)
        }
        busy = false
        countMemory()
        settleReading()
    }

    /// Writes into the book what rules did.
    private func mark(_ effects: [ServerEffect]) {
        for case .hit(let rules, let exchange, let tags, let changed) in effects {
            book?.mark(hit: rules, at: exchange, tags: tags, changed: changed)
        }
    }

    private func perform(_ effects: [ServerEffect]) {
        var wrote = false
        for effect in effects where !finished {
            switch effect {
            case .send(let bytes):
                // What a reply of the store still brings after the goodbye is not said.
                guard !closing else { continue }
                stream?.write(bytes)
                wrote = true
            case .store(let request): ask(request)
            case .prepareTLS: queue.append(.tlsPrepared(canBeginTLS()))
            case .startTLS: startTLS()
            case .setTimer(let seconds): setTimer(seconds)
            case .watch(let account, let mailbox): watch(account, mailbox)
            case .unwatch: unwatch()
            case .close:
                guard !closing else { continue }
                closing = true
                stream?.endOutput()
                if stream?.backlog == 0 { closeNow() } else { giveUpWhenStalled(before: .max) }
            case .log(let text): context.core.log.info("\(text)", of: info)
            case .hit(let rules, let exchange, let tags, _):
                context.tell(hit: rules, at: exchange, tags: tags, of: info)
            }
        }
        // All of it left at once: a session that streams waits for this.
        if wrote, !finished, !closing, stream?.backlog == 0 { queue.append(.drained) }
    }

    private func ask(_ request: StoreRequest) {
        guard let store else {
            queue.append(.stored(.refused(.failed("this server has no store"))))
            return
        }
        storeBusy = true
        let loop = context.loop
        let box = Confined(self)
        context.core.workers.submit {
            let reply = store.perform(request)
            loop.post {
                let session = box.value
                session.storeBusy = false
                guard !session.finished else { return }
                session.handle(.stored(reply))
                session.finishWhenIdle()
            }
        }
    }

    private func setTimer(_ seconds: Int) {
        if let timer { context.loop.cancel(timer) }
        timer = context.loop.schedule(after: Double(seconds)) { [weak self] in
            guard let self, !self.finished else { return }
            self.timer = nil
            self.handle(.timerFired)
        }
    }

    private func watch(_ account: Account, _ mailbox: String) {
        unwatch()
        let loop = context.loop
        let box = Confined(WeakBox(self))
        let id = context.core.mailboxWatch.add(account, mailbox) {
            loop.post {
                guard let session = box.value.value, !session.finished, session.watched != nil else { return }
                session.handle(.mailboxChanged)
            }
        }
        watched = (id, account, mailbox)
    }

    private func unwatch() {
        if let watched { context.core.mailboxWatch.remove(watched.0, watched.1, watched.2) }
        watched = nil
    }

    private func record(_ events: [RecordEvent]) {
        if context.record(events) { recorderPause = true }
    }

    private func settleReading() {
        guard !finished, !closing, handshake == nil, let stream else { return }
        let highWater = context.core.metrics.memory.highWater
        var takes = session.wantsOctets && !recorderPause && stream.backlog <= highWater
        if highWater == 0 || isOverShare { takes = hasTurn && takes }
        stream.pause(!takes)
    }

    /// It has no more than its share of memory, or its turn.
    private var hasTurn: Bool {
        let wasOver = isOverShare
        isOverShare = context.memoryShare.map { countedOctets >= $0 } ?? false
        if isOverShare { return context.turns.mayGoOn(self) }
        if wasOver { context.turns.leaves(self) }
        return true
    }

    func memoryDrained() {
        if !finished, !closing, handshake == nil { return settleReading() }
        // Nothing is read any more that would have to wait.
        isOverShare = false
        context.turns.leaves(self)
    }

    private func countMemory() {
        let octets = finished ? 0 : session.pendingOctets
        guard octets != countedOctets else { return }
        context.core.metrics.memory.add(octets - countedOctets)
        countedOctets = octets
    }

    // MARK: The end

    private func finishWhenIdle() {
        guard clientEnded, !storeBusy, !finished, stream?.backlog == 0 else { return }
        finish(.closed)
    }

    /// Our last words have left. The client's end is awaited for a moment, so that they are not lost to a reset.
    private func closeNow() {
        guard !finished else { return }
        if clientEnded { return finish(.closed) }
        stream?.pause(false)
        linger(Lingering(heard: stream?.receivedOctets ?? 0))
    }

    private func linger(_ lingering: Lingering) {
        context.loop.schedule(after: Lingering.round) { [weak self] in
            guard let self, !finished, let stream else { return }
            var lingering = lingering
            guard lingering.awaits(left: stream.undelivered, heard: stream.receivedOctets) else {
                return finish(.closed)
            }
            linger(lingering)
        }
    }

    /// A client that reads nothing must not keep a session that has ended.
    private func giveUpWhenStalled(before: Int) {
        guard !finished, let stream, stream.backlog > 0 else { return }
        guard stream.backlog < before else { return finish(.timeout) }
        let backlog = stream.backlog
        context.loop.schedule(after: RuntimeLimits.stalled) { [weak self] in self?.giveUpWhenStalled(before: backlog) }
    }

    private func finish(_ end: SessionEnd) {
        guard !finished else { return }
        finished = true
        countMemory()
        if let handshake {
            let failure = handshakeFailure ?? "the session was ended in the TLS handshake"
            info.tls = TLSLeg(failed: failure, how: .starttls, serverName: handshake.serverName)
            book?.unsecured(tls: info.tls, upstreamTLS: nil)
        }
        if let timer { context.loop.cancel(timer) }
        unwatch()
        stream?.close()
        var events: [RecordEvent] = []
        book?.close(end, at: Clock.now(), into: &events)
        _ = context.record(events)
        if let store {
            // The store lets go of the open mailbox and of spool files, after what it may still be doing.
            context.core.workers.submit { _ = store.perform(.close) }
        }
        context.finished(self, info, end, received: (stream?.receivedOctets ?? 0, 0))
    }
}

/// Refers to an object without keeping it.
final class WeakBox<Object: AnyObject> {
    weak var value: Object?
    init(_ value: Object) { self.value = value }
}

/// Carries a value of one loop through another thread and back, untouched.
///
/// Unchecked: the value is used only on its loop's thread.
struct Confined<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
