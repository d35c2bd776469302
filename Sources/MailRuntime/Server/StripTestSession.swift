// A strip test on a connection: carries events to the pure test, its effects and TLS out, and the verdict to those who want it.

import Glibc
import MailDialogue
import MailRecording
import MailSessions
import MailTLS

/// A session that puts its client to the test.
final class StripTestSession: RunningSession, StartableSession, StreamOwner {
    private let context: LoopContext
    /// As the client is to see it.
    private let security: RouteSecurity
    /// The upstream's certificate, whose names ours has to have.
    private let upstream: Certificate?
    private var info: SessionInfo
    private var stream: Stream?
    private var test: StripTest
    private var book: SessionBook?
    /// The time in which the client has to say something, or to come to the end of its handshake.
    private var patience: TimerHeap.ID?
    /// What the test waits for.
    private var wait: TimerHeap.ID?
    private var closing = false
    private var finished = false
    /// The handshake until it is over.
    private var handshake: TLSConnection?
    private var isUnderTLS = false
    private var busy = false
    private var queue: [StripTest.Event] = []

    init(
        _ descriptor: Int32, _ info: SessionInfo, _ security: RouteSecurity, _ vector: StripVector,
        _ facade: StripFacade, _ context: LoopContext, upstream: Certificate? = nil
    ) {
        self.context = context
        self.security = security.facing(vector)
        self.upstream = upstream
        self.info = info
        test = StripTest(vector, info.mailProtocol, facade, isImplicit: security.isImplicit)
        if let recorder = context.core.recorder {
            book = SessionBook(info: info, fingerprintKey: recorder.fingerprintKey, privacy: recorder.privacy)
        }
        stream = Stream(descriptor, on: context.loop, owner: self)
    }

    func start() {
        context.core.log.info("strip test \(test.vector.rawValue) begins", of: info)
        if security.isImplicit {
            guard prepare(), let handshake else { return }
            isUnderTLS = true
            stream?.secure(handshake)
        }
        do { try stream?.start() } catch { return finish(.reset) }
        if !security.isImplicit { begin() }
        allow(security.isImplicit ? context.core.times.handshake : context.core.times.stripSilence)
    }

    private func begin() {
        var events: [RecordEvent] = []
        book?.open(into: &events)
        _ = context.record(events)
        handle(.connected)
    }

    /// Gives the client so many seconds.
    private func allow(_ seconds: Double) {
        if let patience { context.loop.cancel(patience) }
        patience = context.loop.schedule(after: seconds) { [weak self] in
            guard let self, !self.finished else { return }
            self.patience = nil
            if self.handshake != nil { return self.failHandshake("no TLS handshake in time", .timeout) }
            self.handle(.expired)
        }
    }

    // MARK: TLS

    private func prepare() -> Bool {
        do {
            handshake = try security.connection(from: info.client.description)
        } catch {
            context.core.log.error("\(error)", of: info)
        }
        if handshake == nil { finish(.reset) }
        return handshake != nil
    }

    /// TLS begins when all that was said in clear has left.
    private func secureWhenFlushed() {
        guard let stream, let handshake, !isUnderTLS, stream.backlog == 0 else { return }
        isUnderTLS = true
        stream.secure(handshake)
        stream.pause(false)
    }

    func needsCertificate(_ stream: Stream, _ tls: TLSConnection) {
        do {
            try security.present(to: tls, upstream: upstream)
        } catch {
            context.core.log.error("\(error)", of: info)
            finish(.reset)
        }
    }

    func secured(_ stream: Stream, _ tls: TLSConnection) {
        info.tls = TLSLeg(tls, how: security.isImplicit ? .implicit : .starttls)
        context.metrics(info.route, info.mailProtocol).clientHandshakes.add()
        if let digest = tls.helloDigest { test.learn(hello: digest) }
        handshake = nil
        allow(context.core.times.stripSilence)
        if security.isImplicit {
            book?.learn(tls: info.tls, upstreamTLS: info.upstreamTLS)
            return begin()
        }
        restart(info.tls)
        handle(.secured)
    }

    /// The recording goes on in a conversation of its own.
    private func restart(_ tls: TLSLeg?) {
        var events: [RecordEvent] = []
        book?.secured(tls: tls, upstreamTLS: info.upstreamTLS, at: Clock.now(), into: &events)
        _ = context.record(events)
    }

    private func failHandshake(_ reason: String, _ end: SessionEnd) {
        if let digest = handshake?.helloDigest { test.learn(hello: digest) }
        let isBegun = handshake?.helloDigest != nil
        info.tls = TLSLeg(
            failed: reason, how: security.isImplicit ? .implicit : .starttls, serverName: handshake?.serverName)
        if security.isImplicit {
            book?.learn(tls: info.tls, upstreamTLS: info.upstreamTLS)
            var events: [RecordEvent] = []
            book?.open(into: &events)
            _ = context.record(events)
        } else {
            book?.unsecured(tls: info.tls, upstreamTLS: info.upstreamTLS)
        }
        handshake = nil
        // Not through the queue: nothing is said any more, and the verdict is asked for next.
        var effects: [StripTest.Effect] = []
        var notes: [Note] = []
        test.handle(.handshakeFailed(reason, isBegun: isBegun), effects: &effects, notes: &notes)
        finish(end)
    }

    // MARK: Events

    func connected(_ stream: Stream) {}

    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream) {
        guard !closing else { return }
        allow(context.core.times.stripSilence)
        handle(.received([UInt8](bytes)))
    }

    func ended(_ stream: Stream) {
        if handshake != nil { return failHandshake("it ended the connection in the TLS handshake", .closed) }
        if !closing { handle(.ended) }
        finish(.closed)
    }

    func drained(_ stream: Stream) {
        if stream.backlog == 0, handshake != nil { secureWhenFlushed() }
    }

    func failed(_ stream: Stream, _ error: SystemError) {
        if handshake != nil {
            // The alert alone: who the client is stands beside it.
            let reason = error.reason.range(of: "agreed upon: ").map { String(error.reason[$0.upperBound...]) }
            return failHandshake(reason ?? error.reason, .reset)
        }
        context.core.log.debug("client: \(error)", of: info)
        if !closing { handle(.ended) }
        finish(.reset)
    }

    /// What is said in a test are a few lines; nobody waits for the recorder because of them.
    func recorderDrained() {}
    func memoryDrained() {}
    /// A test keeps its time itself.
    func isLate(_ now: Int64) -> Bool { false }
    func expire() {}
    func shutDown() {
        handle(.stopped)
        if handshake != nil { finish(.closed) }
    }
    func abort() {
        handle(.stopped)
        finish(.closed)
    }

    private func handle(_ event: StripTest.Event) {
        queue.append(event)
        // Effects of an event may raise the next: one at a time, in order.
        guard !busy else { return }
        busy = true
        while !queue.isEmpty, !finished {
            let next = queue.removeFirst()
            var effects: [StripTest.Effect] = []
            context.withNotes { notes in
                test.handle(next, effects: &effects, notes: &notes)
                var events: [RecordEvent] = []
                // What follows an agreement that does not count belongs to the next conversation.
                let cut = effects.contains(.goesOnInClear) ? notes.firstIndex { !$0.isOpaque } ?? notes.endIndex : 0
                if cut > 0 || effects.contains(.goesOnInClear) {
                    book?.accept(notes[..<cut], at: Clock.now(), into: &events)
                    _ = context.record(events)
                    events = []
                    restart(TLSLeg(failed: "it was not begun: a strip test", how: .starttls, serverName: nil))
                }
                book?.accept(notes[cut...], at: Clock.now(), into: &events)
                _ = context.record(events)
            }
            perform(effects)
        }
        busy = false
    }

    private func perform(_ effects: [StripTest.Effect]) {
        for effect in effects where !finished {
            switch effect {
            case .send(let octets): stream?.write(octets)
            case .beginTLS:
                stream?.pause(true)
                guard prepare() else { return }
                allow(context.core.times.handshake)
                secureWhenFlushed()
            case .goesOnInClear: break
            case .wait(let milliseconds):
                wait = context.loop.schedule(after: Double(milliseconds) / 1000) { [weak self] in
                    guard let self, !self.finished else { return }
                    self.wait = nil
                    self.handle(.timerFired)
                }
            case .close: close()
            }
        }
    }

    // MARK: The end

    /// Closes when the client has heard our last words, or after a moment.
    private func close() {
        guard !closing else { return }
        closing = true
        stream?.endOutput()
        context.loop.schedule(after: 2) { [weak self] in self?.finish(.closed) }
    }

    private func finish(_ end: SessionEnd) {
        guard !finished else { return }
        finished = true
        for timer in [patience, wait] { timer.map { context.loop.cancel($0) } }
        stream?.close()
        let outcome = tell(test.verdict)
        var events: [RecordEvent] = []
        book?.tag(StripMark(vector: test.vector.rawValue, verdict: outcome.verdict.rawValue).tag)
        book?.close(end, at: Clock.now(), into: &events)
        _ = context.record(events)
        context.finished(self, info, end, received: (stream?.receivedOctets ?? 0, 0))
    }

    /// Gives what the test is worth.
    private func tell(_ found: StripOutcome) -> StripOutcome {
        let (program, outcome) = context.core.stripTests.file(
            found, test.vector, test.program, info, security, context.core)
        context.metrics(info.route, info.mailProtocol).tested(outcome.verdict)
        let who = [program.name, program.account.map { "account \($0)" }].compactMap { $0 }
        let text =
            "strip test \(test.vector.rawValue): \(outcome.verdict.rawValue), \(outcome.evidence)"
            + (who.isEmpty ? "" : " (\(who.joined(separator: ", ")))")
        switch outcome.verdict {
        case .fell: context.core.log.warning(text, of: info)
        case .withstood, .inconclusive, .none: context.core.log.info(text, of: info)
        }
        return outcome
    }
}

extension Note {
    /// Its octets are not followed.
    fileprivate var isOpaque: Bool { if case .opaque = element { true } else { false } }
}
