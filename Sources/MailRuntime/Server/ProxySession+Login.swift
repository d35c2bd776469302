// Logins that we answer: whether they hold, what the upstream gets for them, and the way to another upstream when a rule chose it. What
// is said to both sides is the relay's business (Relay+Login.swift).
//
// On the way to another upstream the session is in the phase in which it called the first one, and the client is not read. The first
// one is left when the other has its greeting before it; until then it can be gone back to.

import Glibc
import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    /// What a login needs of a session.
    final class LoginPlace {
        /// The upstreams that rules may choose, by their texts.
        let targets: [String: UpstreamTarget]
        /// The one that the route itself leads to.
        var home: UpstreamTarget
        /// The one that the session is at; nil for home.
        var current: String?
        /// Who the upstream is told that the client is, while it is logged in to.
        var credential: UpstreamCredential?
        var user = ""
        var book: CredentialBook?
        var entry = 0
        /// The way to another one.
        var turn: Passage?
        /// The upstream has a time in which to answer.
        var isTimed = false

        init(_ home: UpstreamTarget, targets: [String: UpstreamTarget]) {
            self.home = home
            self.targets = targets
        }
    }

    /// The way to another upstream.
    struct Passage {
        let wanted: String?
        let target: UpstreamTarget
        let security: RouteSecurity?
        let address: SocketAddress?
        let tls: TLSLeg?
        /// The upstream that was before; nil when it went away meanwhile.
        var parked: Stream?
    }

    /// The session is on its way to another upstream.
    var isTurningAway: Bool { login?.turn != nil }

    /// The stream is none of the session's any more.
    func isLeft(_ stream: Stream) -> Bool {
        guard login != nil else { return false }
        return stream !== client && stream !== server && !rivals.contains { $0.stream === stream }
    }

    /// An upstream that was left, or is perhaps gone back to, is gone.
    func lost(left stream: Stream) {
        if login?.turn?.parked === stream { login?.turn?.parked = nil }
    }

    func carryOut(_ order: LoginOrder) {
        guard let login else { return }
        switch order {
        case .check(let shown, let route, _): check(shown, route)
        case .renew:
            guard let book = login.book, let credential = login.credential else { return settle(.refused) }
            let loop = context.loop
            let box = Confined(self)
            book.renew(login.entry, credential) { outcome in loop.post { box.value.settle(outcome) } }
        case .accepted:
            let account = login.credential?.account ?? ""
            if login.credential?.isSwapped == true {
                context.core.log.info("'\(login.user)' is logged in at the upstream as '\(account)'", of: info)
            } else {
                context.core.log.debug("'\(login.user)' is logged in", of: info)
            }
            login.credential = nil
        }
    }

    private func check(_ shown: ClientCredential, _ route: String?) {
        guard let login else { return }
        if login.current == nil { login.home = target }
        login.user = shown.user
        let place = route.map { login.targets[$0] } ?? login.home
        let loop = context.loop
        let box = Confined(self)
        guard let place else {
            context.core.log.error("a rule chose \(route ?? ""), which is not known", of: info)
            return loop.post { box.value.settle(.unavailable(""), at: route) }
        }
        login.book = place.credentials ?? login.home.credentials
        guard let book = login.book else {
            var credential = UpstreamCredential(account: shown.user, proof: .password(shown.secret))
            credential.isSwapped = false
            let granted = credential
            // Not from within what asked for it.
            return loop.post { box.value.settle(.granted(granted, entry: 0), at: route) }
        }
        book.check(shown, on: context.core.workers) { outcome in loop.post { box.value.settle(outcome, at: route) } }
    }

    private func settle(_ outcome: CredentialBook.Outcome) { settle(outcome, at: login?.current) }

    /// The answer to the login is there.
    private func settle(_ outcome: CredentialBook.Outcome, at route: String?) {
        guard phase == .open, let login else { return }
        switch outcome {
        case .refused: endLogin(.badCredentials)
        case .unavailable(let reason):
            if !reason.isEmpty { context.core.log.error("\(reason)", of: info) }
            endLogin(.unavailable)
        case .granted(var credential, let entry):
            login.entry = entry
            let place = route.flatMap { login.targets[$0] } ?? login.home
            switch place.address {
            case .name(let host, let port): (credential.host, credential.port) = (host, port)
            case .literal(let address): (credential.host, credential.port) = ("\(address.host)", address.port)
            case .none, .unix, .connected, .unreachable: break
            }
            login.credential = credential
            if route == login.current { speak(greets: false) } else { turn(to: place, wanted: route) }
        }
    }

    private func speak(greets: Bool) {
        guard let credential = login?.credential else { return endLogin(.unavailable) }
        let isSecured = info.upstreamTLS != nil
        withRelay { relay, effects, seen, told in
            relay.show(capabilities: filter?.policy)
            relay.logIn(
                credential, greets: greets, isSecured: isSecured, nonce: Self.nonce(), &effects, seen: &seen,
                told: &told)
        }
        settleReading()
    }

    /// What SCRAM's nonce is made of: 24 octets of 62 kinds.
    private static func nonce() -> [UInt8] {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return (0..<24).map { _ in letters[Int.random(in: letters.indices)] }
    }

    private func endLogin(_ refusal: LoginRefusal, closes: Bool = false) {
        login?.credential = nil
        withRelay { relay, effects, seen, told in
            relay.endLogin(refusal, closes: closes, &effects, seen: &seen, told: &told)
        }
        settleReading()
    }

    /// Gives the upstream a time for each of its answers. To be asked behind all that passes.
    func watchLogin() {
        guard let login, phase == .open, case .ruled(let kept) = mode else { return }
        if kept.value.relay.speaksUpstream {
            login.isTimed = true
            allow(context.core.times.consent) { [self] in
                guard phase == .open else { return }
                context.core.log.warning("\(upstreamName): it does not answer the login", of: info)
                endLogin(.unavailable, closes: true)
            }
        } else if login.isTimed {
            login.isTimed = false
            cancelTimer()
        }
    }

    // MARK: A client that leaves

    /// The client, which is not read, does something while its login is under way. What it has said behind the login is still to be done
    /// when it sends no more; one that is not there any more keeps nothing waiting.
    func hungUpAtLogin(_ stream: Stream) {
        switch stream.peerEnd {
        case .none, .ended(isSilent: false): return
        case .ended(isSilent: true): leaveLater()
        case .gone: leaveLogin(.reset)
        }
    }

    /// The client sends no more. When it has said nothing behind its login, all that it can still hear is how that ends.
    func leaveLogin() {
        guard phase == .open, clientEnded, case .ruled(let kept) = mode, kept.value.relay.listensBehindLogin else {
            return
        }
        leaveLater()
    }

    private func leaveLater() {
        context.loop.schedule(after: context.core.times.leaving) { [weak self] in
            guard let self, isTurningAway || phase == .open, case .ruled(let kept) = mode,
                kept.value.relay.listensBehindLogin
            else { return }
            leaveLogin(.closed)
        }
    }

    private func leaveLogin(_ end: SessionEnd) {
        context.core.log.info("client: it left before its login was over", of: info)
        finish(end)
    }

    // MARK: Another upstream

    private func turn(to place: UpstreamTarget, wanted: String?) {
        guard let login else { return }
        login.turn = Passage(
            wanted: wanted, target: target, security: security, address: info.upstream, tls: info.upstreamTLS,
            parked: server)
        context.core.log.info("the session goes on at \(wanted ?? "the route's own upstream")", of: info)
        server?.pause(true)
        client?.pause(true)
        server = nil
        choice = nil
        target = place
        security = security?.toward(place.security)
        secrecy.upgrade = nil
        secrecy.introduction = nil
        secrecy.greeting = []
        secrecy.awaitsGreeting = false
        secrecy.upstreamCertificate = nil
        info.upstream = nil
        info.upstreamTLS = nil
        phase = .connecting
        if clientEnded { leaveLater() }
        callUpstream()
    }

    /// The other upstream is there, with its TLS.
    func turned() {
        guard let login, let turn = login.turn else { return }
        login.turn = nil
        login.current = turn.wanted
        cancelTimer()
        phase = .open
        // The last words with the one before go on its leg, which then is the other's.
        let next = server
        server = turn.parked
        withRelay { relay, effects, _, told in relay.leaveServer(&effects, told: &told) }
        server = next
        if let left = turn.parked {
            // It may still have to say goodbye; the session stays until then, as the stream's owner.
            context.loop.schedule(after: RuntimeLimits.farewell) { [self] in
                _ = self
                left.close()
            }
        }
        if case .ruled(let kept) = mode {
            kept.value.book?.learn(upstream: info.upstream)
            kept.value.book?.learn(tls: info.tls, upstreamTLS: info.upstreamTLS)
        }
        if let policy = filter?.policy { filter = CapabilityFilter(info.mailProtocol, policy) }
        speak(greets: true)
        let greeting = secrecy.greeting
        secrecy.greeting = []
        if !greeting.isEmpty { takeFromServer(greeting) }
        settleReading()
    }

    /// It can't be reached: the session stays where it is, and the client hears that its login cannot be done.
    func turnAwayFailed(_ reason: String) {
        guard let login, let turn = login.turn else { return }
        login.turn = nil
        context.core.log.warning("\(reason)", of: info)
        metrics.upstreamFailures.add()
        closeUpstream()
        secrecy.upgrade = nil
        secrecy.introduction = nil
        secrecy.greeting = []
        server = turn.parked
        target = turn.target
        security = turn.security
        info.upstream = turn.address
        info.upstreamTLS = turn.tls
        phase = .open
        endLogin(.unavailable, closes: turn.parked == nil)
    }
}
