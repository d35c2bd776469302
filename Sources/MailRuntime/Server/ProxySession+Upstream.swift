// How a proxied session comes to its upstream: all addresses of it, and one upstream after the other where a route has several; and
// what it says there before the client hears anything: a PROXY header, and who the client is. As long as no upstream has greeted,
// nothing was said to the client and nothing was heard of it. TLS is in ProxySession+TLS.swift.

import Glibc
import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    func callUpstream() {
        switch target.address {
        case .literal(let address): connect([address])
        case .name(let host, let port): resolve(host, port)
        case .unix(let path): connect(path: path)
        case .connected: takeUpstream()
        case .unreachable(let address, let reason):
            info.upstream = address
            unavailable(reason)
        case .none: unavailable("no upstream")
        }
    }

    /// Tries another upstream, when the route has one that was not tried. False when there is none.
    /// - Parameter isFault: what happened speaks against the upstream, and not only against this session.
    func callAnother(_ reason: String, isFault: Bool = true) -> Bool {
        guard choice != nil else { return false }
        let now = Clock.monotonic()
        if !isFault {
            choice?.abandoned(now: now)
        } else if let name = choice?.failed(now: now) {
            context.core.log.warning("\(name) failed too often and is left alone for a while")
        }
        guard let next = choice?.next(now: now) else { return false }
        context.core.log.warning("\(reason); the next upstream is tried", of: info)
        closeUpstream()
        secrecy.upgrade = nil
        secrecy.introduction = nil
        secrecy.greeting = []
        secrecy.awaitsGreeting = false
        secrecy.upstreamCertificate = nil
        info.upstream = nil
        info.upstreamTLS = nil
        target = next
        security = next.security
        guard next.isFallback else {
            callUpstream()
            return true
        }
        if isHeldByRules {
            // Who waits by rule waits to the end, and is then taken over.
            choice?.isFallbackDue = true
            return true
        }
        return fallBack()
    }

    /// Our own server takes the session over: nothing was said to the client yet, nor heard of it. False when it can't.
    @discardableResult
    func fallBack() -> Bool {
        guard let descriptor = client?.release() else { return false }
        choice?.isFallbackDue = false
        phase = .finished
        context.core.metrics.memory.add(-countedOctets)
        cancelTimer()
        var judged: ConnectVerdict?
        if case .ruled(let kept) = mode { judged = ConnectVerdict(tags: kept.value.relay.tags) }
        metrics.fallbacks.add()
        context.fallBack(self, descriptor, info, target, judged)
        return true
    }

    /// Rules have the client wait.
    private var isHeldByRules: Bool {
        if case .ruled(let kept) = mode { kept.value.relay.isWaiting } else { false }
    }

    /// The client does something while its upstream is called. One that is gone keeps no place; one that sends no more and has said
    /// nothing may be somebody who looks at the greeting, and is given a moment for it.
    func hungUp(_ stream: Stream) {
        if phase == .open, stream === client ? heldBack.client : heldBack.server { return hungUpHeldBack(stream) }
        guard stream === client else { return }
        if isTurningAway || (phase == .open && isLoggingIn) { return hungUpAtLogin(stream) }
        guard phase == .connecting else { return }
        switch stream.peerEnd {
        case .none: return
        case .gone: leaveEarly(.reset)
        // Under TLS nobody can hear anything who has ended before the handshake.
        case .ended where security?.isImplicit == true: leaveEarly(.closed)
        case .ended(isSilent: false): return
        case .ended(isSilent: true):
            context.loop.schedule(after: context.core.times.leaving) { [weak self] in
                guard let self, self.phase == .connecting else { return }
                self.leaveEarly(.closed)
            }
        }
    }

    /// It is not read as memory is short: who has left must not keep what it has.
    private func hungUpHeldBack(_ stream: Stream) {
        switch stream.peerEnd {
        case .none, .ended(isSilent: false): return
        // There is nothing to be read but the end.
        case .ended(isSilent: true): stream.pause(false)
        case .gone:
            stream.close()
            failed(stream, SystemError("read", code: ECONNRESET))
        }
    }

    private func leaveEarly(_ end: SessionEnd) {
        context.core.log.info("client: it left before its upstream answered", of: info)
        if security?.isImplicit == true { metrics.tlsFailed(.client, .left) }
        openBooks()
        finish(end)
    }

    /// Seconds for an answer of the upstream before the client hears anything. Where another one can take its place, the client
    /// is not kept waiting for the one that says nothing.
    var wordsTimeout: Double {
        choice?.isLast == false ? context.core.times.connect : context.core.times.firstWords
    }

    func closeUpstream() {
        cancelTimer()
        trial?.probe = nil
        server?.close()
        server = nil
        for rival in rivals { rival.stream.close() }
        rivals = []
        candidates = []
    }

    /// Goes on with a connection that stands already.
    private func takeUpstream() {
        guard let server else { return finish(.reset) }
        do { try server.start() } catch { return finish(.reset) }
        connected(server)
    }

    private func resolve(_ host: String, _ port: UInt16) {
        let loop = context.loop
        let box = Confined(self)
        context.core.routeNames.find(host, port) { result in
            loop.post {
                guard box.value.phase == .connecting else { return }
                switch result {
                case .success(let addresses): box.value.connect(addresses, named: host)
                case .failure(let error): box.value.unavailable(error.description)
                }
            }
        }
    }

    func connect(path: String) {
        if isTurningAway, context.isOwn(path: path) {
            return unavailable("a rule chose unix:\(path), which is a listener of our own")
        }
        do throws(SystemError) {
            let stream = Stream(try LocalSocket.connect(to: path), on: context.loop, owner: self, connecting: true)
            server = stream
            try stream.start()
            allowConnection(stream)
        } catch {
            server = nil
            unavailable("unix:\(path): \(error.reason)")
        }
    }

    /// Calls a server by its name, unless it is ourselves: what leads to us by an address was looked at when the routes were read.
    private func connect(_ addresses: [SocketAddress], named host: String) {
        if host.lowercased() == "localhost" { return connect(addresses) }
        if let own = addresses.first(where: { context.isOwn($0) }) {
            return unavailable("\(host) is \(own), a listener of ours; the session would come back to us")
        }
        connect(addresses)
    }

    func connect(_ addresses: [SocketAddress]) {
        // The rules hold there too, and would choose it again, without an end.
        if isTurningAway, let own = addresses.first(where: { context.isOwn($0) }) {
            return unavailable("a rule chose \(own), which is a listener of our own")
        }
        candidates = HappyEyeballs.order(addresses)
        tryNext(nil)
    }

    func tryNext(_ last: SystemError?) {
        guard !candidates.isEmpty else {
            // Others may still answer.
            if let rival = rivals.popLast() {
                server = rival.stream
                info.upstream = rival.address
                return allowConnection(rival.stream)
            }
            return unavailable("\(info.upstream.map(\.description) ?? "upstream"): \(last?.reason ?? "no address")")
        }
        if let server, let address = info.upstream { rivals.append((server, address)) }
        server = nil
        let address = candidates.removeFirst()
        info.upstream = address
        do {
            let stream = Stream(try address.connectSocket(), on: context.loop, owner: self, connecting: true)
            server = stream
            try stream.start()
            if candidates.isEmpty { return allowConnection(stream) }
            allow(HappyEyeballs.pause) { [self] in
                if phase == .connecting, server === stream { tryNext(nil) }
            }
        } catch {
            server = nil
            tryNext(error)
        }
    }

    /// Gives a connection its time, with its TLS when that is implicit.
    private func allowConnection(_ stream: Stream) {
        allow(context.core.times.connect) { [self] in
            guard phase == .connecting, server === stream else { return }
            // Those before it had more time.
            for rival in rivals { rival.stream.close() }
            rivals = []
            stream.close()
            server = nil
            tryNext(SystemError("connect", code: ETIMEDOUT))
        }
    }

    func connected(_ stream: Stream) {
        guard phase == .connecting else { return }
        if let winner = rivals.firstIndex(where: { $0.stream === stream }) {
            let (_, address) = rivals.remove(at: winner)
            server?.close()
            server = stream
            info.upstream = address
        }
        guard stream === server else { return }
        // Whatever its way was, its time begins anew: a connection that stood already, or to a file, had none.
        allowConnection(stream)
        for rival in rivals { rival.stream.close() }
        rivals = []
        if let version = target.introduction.header {
            // The ends of the client's connection, as far as they have addresses.
            let ends = info.way?.kind == .unix ? nil : ProxyHeader.Ends(client: info.client, server: info.server)
            stream.write(ProxyHeader(version: version, ends: ends).octets)
        }
        switch security?.beginning {
        case .implicit: secureUpstream()
        case .starttls:
            secrecy.upgrade = UpstreamUpgrade(info.mailProtocol, name: context.core.settings.hostName)
            awaitFirstWords()
        case .mirrored, nil: upstreamIsReady()
        }
    }

    /// The upstream's handshake is over, or it has none.
    func upstreamIsReady() {
        guard let client else { return }
        if introduces() { return }
        cancelTimer()
        if isTurningAway { return turned() }
        if choice != nil, secrecy.greeting.isEmpty {
            // As long as it has not greeted another one can take its place.
            secrecy.awaitsGreeting = true
            return allow(wordsTimeout) { [self] in
                unavailable("\(upstreamName): no greeting came in time")
            }
        }
        if choice != nil {
            let line = secrecy.greeting.prefix { $0 != 10 && $0 != 13 }
            if LocalReply.isRefusal(greeting: line, info.mailProtocol) {
                // It may be this client that it sends away. From the last one the client hears it as it was said.
                let greeting = secrecy.greeting
                let said = String(decoding: line.prefix(80), as: UTF8.self)
                if callAnother("\(upstreamName) says '\(said)'", isFault: false) { return }
                secrecy.greeting = greeting
            } else if let name = choice?.succeeded() {
                context.core.log.info("\(name) answers again")
            }
        }
        if trial != nil { return lookAtUpstream() }
        if security?.isImplicit == true { return awaitClient() }
        // Nothing is asked of the client's socket before: a new one would tell at once that it can be written.
        do { try client.start() } catch { return finish(.reset) }
        begin()
    }

    // MARK: Who the client is

    /// Begins to tell the upstream who the client is. False when there is nothing to tell, or it was told.
    func introduces() -> Bool {
        guard introduction.means != nil, secrecy.introduction == nil, info.way?.kind != .unix else { return false }
        let kept = Kept(
            UpstreamIntroduction(
                info.mailProtocol, name: context.core.settings.hostName, client: info.client, server: info.server))
        secrecy.introduction = kept
        awaitIntroduction()
        if !secrecy.greeting.isEmpty { advance(kept.value.begin(greeting: secrecy.greeting)) }
        return true
    }

    private func awaitIntroduction() {
        allow(wordsTimeout) { [self] in lateInConnecting("it does not answer before its greeting") }
    }

    func introduce(_ octets: UnsafeRawBufferPointer) {
        guard let kept = secrecy.introduction else { return }
        advance(kept.value.receive(octets))
    }

    private func advance(_ step: UpstreamIntroduction.Step) {
        switch step {
        case .more: break
        case .send(let words):
            server?.write(words)
            awaitIntroduction()
        case .done(let greeting, let complaint):
            if let complaint {
                context.core.log.warning(
                    "\(security?.host ?? "upstream"): \(complaint); it is not told who the client is", of: info
                )
            }
            secrecy.greeting = greeting
            upstreamIsReady()
        case .failed(let reason): lateInConnecting(reason)
        }
    }
}
