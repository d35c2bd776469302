// What comes before a session, on listeners where something does: a PROXY header, the words of SOCKS, the question where a turned
// connection wanted to go, and which protocol this is. When all of that is known the session begins, with sockets that nobody seems
// to have touched: octets are looked at, and only those that are not the session's are taken.
//
// Fixed routes without such options know nothing of this. How a destination is called is in Arrival+Destination.swift.

import Glibc
import MailDialogue
import MailRecording
import MailSessions

/// A connection that is no session yet.
final class Arrival: RunningSession, StartableSession, WatchOwner {
    enum Phase {
        /// A PROXY header has to come. Successors: `asking`, `connecting`, `waiting`, `over`.
        case header
        /// The words of SOCKS. Successors: `connecting`, `leaving`, `over`.
        case asking
        /// The destination is looked up and called. Successors: `recognising`, `leaving`, `over`.
        case connecting
        /// The connection stands; whoever speaks first tells what it is. Successors: `leaving`, `over`.
        case recognising
        /// A client of a route with an upstream may begin with TLS. Successors: `leaving`, `over`.
        case waiting
        /// A client begins with TLS, and says for whom. Successors: `leaving`, `over`.
        case naming
        /// The client has heard why not, and its end is awaited, lest that be lost to a reset. Successor: `over`.
        case leaving
        case over
    }

    let context: LoopContext
    let service: Service
    let entrance: Route.Entrance
    var info: SessionInfo
    let client: Watch
    var phase = Phase.header
    private var timer: TimerHeap.ID?
    /// Whose connection it is, as the kernel says.
    let peer: SocketAddress
    /// The listener's end of it.
    let local: SocketAddress

    private var socks: SOCKSServer
    var destination: SOCKSServer.Destination?
    var candidates: [SocketAddress] = []
    var server: Watch?
    var ownEnd: OwnEnds.Entry?
    /// Octets that a ClientHello has at least, as far as it has come.
    private var awaited = 1

    init(_ descriptor: Int32, _ info: SessionInfo, _ service: Service, _ context: LoopContext) {
        self.context = context
        self.service = service
        self.info = info
        peer = info.client
        local = info.server
        entrance = service.route.entrance ?? Route.Entrance()
        socks = SOCKSServer(users: service.users)
        client = Watch(descriptor, on: context.loop)
        client.owner = self
    }

    func start() {
        if let trusted = entrance.trusted, !trusted.contains(where: { $0.contains(peer.address) }) {
            return giveUp("\(peer) is not among those who may send a PROXY header")
        }
        do { try client.start() } catch { return finish() }
        if entrance.trusted == nil { return enter() }
        allow(context.core.times.header)
        readHeader()
    }

    func ready(_ watch: Watch) {
        switch phase {
        case .header: readHeader()
        case .asking: converse()
        case .connecting: if watch === server { settleConnection() } else { noticeEnd() }
        case .recognising: recognise()
        case .waiting: awaitTLS(isLate: false)
        case .naming: awaitName()
        case .leaving: drain()
        case .over: break
        }
    }

    // MARK: Time

    /// Gives the present step so many seconds.
    func allow(_ seconds: Double) {
        if let timer { context.loop.cancel(timer) }
        timer = context.loop.schedule(after: seconds) { [weak self] in
            self?.timer = nil
            self?.late()
        }
    }

    private func late() {
        switch phase {
        case .header: giveUp("no PROXY header came in time")
        case .asking: giveUp("its SOCKS request did not come in time")
        case .connecting: attemptFailed(SystemError("connect", code: ETIMEDOUT))
        case .recognising: giveUp("nobody says which protocol this is")
        case .waiting: awaitTLS(isLate: true)
        case .naming:
            tlsFailed(.timeout)
            giveUp("it does not begin TLS in time")
        case .leaving: finish()
        case .over: break
        }
    }

    // MARK: The PROXY header

    private func readHeader() {
        let octets: [UInt8]
        let isLast: Bool
        switch client.look(ProxyHeader.longest) {
        case .octets(let seen): (octets, isLast) = (seen, false)
        case .last(let seen): (octets, isLast) = (seen, true)
        case .failed: return finish()
        }
        switch ProxyHeader.read(octets[...]) {
        case .incomplete:
            // Somebody who looks whether we are there sends nothing.
            if isLast { if octets.isEmpty { finish() } else { giveUp("its PROXY header is cut off") } }
        case .refused(let reason): giveUp(reason)
        case .header(let header, let count):
            client.take(count)
            if let ends = header.ends {
                info.way = ClientWay(.relayed, peer: peer)
                info.client = ends.client
                info.server = ends.server
            }
            enter()
        }
    }

    /// Nobody stands before the client any more.
    private func enter() {
        switch entrance.kind {
        case .socks5:
            phase = .asking
            allow(context.core.times.arrival)
            converse()
        case .transparent: takeTurned()
        case nil:
            if entrance.seesName {
                phase = .naming
                allow(context.core.times.handshake)
                return awaitName()
            }
            guard let wait = entrance.tlsWait else { return begin(service.target, from: service.pool) }
            phase = .waiting
            allow(Double(wait) / 1000)
            awaitTLS(isLate: false)
        }
    }

    // MARK: TLS or not

    private func awaitTLS(isLate: Bool) {
        guard isLate || client.has(awaited) else { return }
        let first: FirstOctets
        switch client.look(FirstOctets.longest) {
        case .octets(let octets):
            first = FirstOctets(of: octets[...], all: isLate)
            if first == .undecided { awaited = octets.count + FirstOctets.missing(behind: octets[...]) }
        case .last(let octets): first = FirstOctets(of: octets[...], all: true)
        case .failed: return finish()
        }
        switch first {
        case .undecided: return
        case .clear: begin(service.target, from: service.pool, in: service.pool?.group(for: nil))
        case .tls(let hello):
            guard let target = service.securedTarget else { return finish() }
            choose(hello, service.securedPool, target)
        }
    }

    // MARK: Whom the client asks for

    private func awaitName() {
        guard client.has(awaited) else { return }
        let octets: [UInt8]
        let isLast: Bool
        switch client.look(FirstOctets.longest) {
        case .octets(let seen): (octets, isLast) = (seen, false)
        case .last(let seen): (octets, isLast) = (seen, true)
        case .failed:
            tlsFailed(.left)
            return finish()
        }
        switch FirstOctets(of: octets[...], all: isLast) {
        case .undecided: awaited = octets.count + FirstOctets.missing(behind: octets[...])
        case .clear:
            tlsFailed(isLast ? .left : .disagreed)
            // Somebody who looks whether we are there sends nothing.
            if octets.isEmpty { finish() } else { giveUp("it does not begin with TLS") }
        case .tls(let hello): choose(hello, service.pool, service.target)
        }
    }

    /// Takes one of the upstreams that are for the name that the client asks for.
    private func choose(_ hello: ClientHello, _ pool: UpstreamPool?, _ target: UpstreamTarget) {
        guard let pool, pool.hasNames else { return begin(target, from: pool) }
        let group = hello.hasUnreadableName ? [] : pool.group(for: hello.serverName)
        guard group?.isEmpty == true else { return begin(target, from: pool, in: group) }
        tlsFailed(.name)
        let reason: String
        if hello.hasUnreadableName {
            reason = "it asks for a name that is none"
        } else if let name = hello.serverName {
            // Visible octets of ASCII, at most as many as a name may have: nothing to escape but our own quotes.
            reason = "it asks for '\(name.filter { $0 != "'" })', and no upstream is for that name"
        } else {
            reason = "it asks for no name, and all upstreams are for some"
        }
        leave(
            hello.serverName == nil && !hello.hasUnreadableName ? TLSAlert.missingExtension : TLSAlert.unrecognizedName,
            reason)
    }

    private func tlsFailed(_ trouble: TLSTrouble) {
        context.core.metrics.route(info.route, info.mailProtocol).tlsFailed(.client, trouble)
    }

    // MARK: SOCKS

    private func converse() {
        while phase == .asking {
            let octets: [UInt8]
            switch client.look(SOCKSServer.longest) {
            case .octets(let seen): octets = seen
            case .last(let seen): octets = seen
            case .failed: return finish()
            }
            let (taken, step) = socks.receive(octets[...])
            client.take(taken)
            switch step {
            case .more:
                if case .last = client.look(SOCKSServer.longest) { finish() }
                return
            case .send(let words): if !client.send(words) { return finish() }
            case .refuse(let words, let reason): return leave(words, reason)
            case .connect(let wanted): call(wanted, .socks)
            }
        }
    }

    // MARK: The end

    /// The session begins.
    /// - Parameters:
    ///   - pool: the upstreams from which it chooses; nil where there is `target` alone.
    ///   - group: those among which it may choose; nil for all.
    func begin(_ target: UpstreamTarget, from pool: UpstreamPool? = nil, in group: [Int]? = nil) {
        guard phase != .over else { return }
        phase = .over
        cancelTimer()
        context.begin(self, client.release(), info, target, from: pool, in: group)
    }

    /// The connection ends without a word, as there is none that the client would understand.
    func giveUp(_ reason: String) {
        context.core.log.warning("client \(info.client): \(reason); the connection is closed", of: info)
        finish()
    }

    /// The client hears why not.
    func leave(_ words: [UInt8], _ reason: String) {
        context.core.log.warning("client \(info.client): \(reason); it is refused", of: info)
        server?.close()
        server = nil
        guard client.send(words) else { return finish() }
        phase = .leaving
        client.endOutput()
        allow(2)
        drain()
    }

    private func drain() {
        while true {
            switch client.look(EventLoop.readSize) {
            case .octets(let octets):
                if octets.isEmpty { return }
                client.take(octets.count)
            case .last(let octets):
                if octets.isEmpty { return finish() }
                client.take(octets.count)
            case .failed: return finish()
            }
        }
    }

    /// The client went away while its destination is being called.
    private func noticeEnd() {
        switch client.look(1) {
        case .octets: return
        case .last(let octets): if octets.isEmpty { finish() }
        case .failed: finish()
        }
    }

    private func cancelTimer() {
        if let timer { context.loop.cancel(timer) }
        timer = nil
    }

    func shutDown() { finish() }
    func abort() { finish() }
    func recorderDrained() {}
    func memoryDrained() {}
    /// Each of its steps has a time of its own.
    func isLate(_ now: Int64) -> Bool { false }
    func expire() {}

    func finish() {
        guard phase != .over else { return }
        phase = .over
        cancelTimer()
        client.close()
        server?.close()
        context.finished(self)
    }
}
