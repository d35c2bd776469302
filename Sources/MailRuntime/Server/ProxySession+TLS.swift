// How TLS begins on the two legs of a proxied session.
//
// Under TLS from the first octet the upstream's handshake comes first: what it shows says what our certificate has to be for. Then
// comes the client's, and nothing of either side is followed before both are over.
//
// After STARTTLS it is the same order, with the session standing still at the edge of the cleartext: the client gets the reply
// that consents to TLS when the upstream's leg is under TLS, and not before. Octets in clear behind the edge belong to nobody:
// they end the session.

import MailDialogue
import MailRecording
import MailSessions
import MailTLS

extension ProxySession {
    /// What TLS needs of a session, while there is something to need.
    struct Secrecy {
        /// Our first words with an upstream that begins TLS before the client hears anything.
        var upgrade: UpstreamUpgrade?
        /// Our first words with an upstream that is to know who the client is; kept when they are over, until the session begins.
        var introduction: Kept<UpstreamIntroduction>?
        /// It has to greet before the client's leg is begun.
        var awaitsGreeting = false
        /// What it greeted with.
        var greeting: [UInt8] = []
        /// The last words, when the client cannot hear them yet.
        var unsaid: LastWords?
        /// The session is in clear, and both legs begin TLS when the client asks and the upstream agrees.
        var watchesEdge = false
        /// Octets of the client that wait for the answer that says what they are: nothing behind STARTTLS goes on.
        var held: [UInt8] = []
        /// The edge of the cleartext, while the session stands at it.
        var edge: TLSEdge?
        /// The client's command to begin TLS, as long as nobody has answered it.
        var asked: Command?
        /// The client's command that nobody offered, and that may not reach the upstream.
        var unoffered: Command?
        /// The upstream has a time in which to answer it.
        var awaitsConsent = false
        /// The client's handshake behind the edge, and why it did not come to its end.
        var handshake: TLSConnection?
        var failure: String?
        var upstreamCertificate: Certificate?
    }

    // MARK: The upstream's leg

    /// Begins TLS with the upstream.
    func secureUpstream() {
        do {
            guard let server, let tls = try security?.upstreamConnection() else { return }
            server.secure(tls)
        } catch {
            if phase == .turning { turnFailed("\(error)", .certificate) } else { unavailable("\(error)") }
        }
    }

    /// Octets of an upstream that is to begin TLS before all else.
    func upgrade(_ octets: UnsafeRawBufferPointer) {
        if trial?.probe != nil { return probe(octets) }
        if secrecy.awaitsGreeting { return takeGreeting(octets) }
        guard let step = secrecy.upgrade?.receive(octets) else { return introduce(octets) }
        switch step {
        case .more: break
        case .send(let words):
            server?.write(words)
            awaitFirstWords()
        case .begin(let greeting):
            secrecy.greeting = greeting
            allow(context.core.times.handshake) { [self] in
                if phase == .connecting { metrics.tlsFailed(.server, .timeout) }
                lateInConnecting("no TLS handshake in time")
            }
            secureUpstream()
        case .failed(let reason): unavailable("\(security?.host ?? "upstream"): \(reason)")
        }
    }

    /// Gives an upstream that is to begin TLS before all else a time for its next answer.
    func awaitFirstWords() {
        allow(wordsTimeout) { [self] in lateInConnecting("it does not answer before TLS") }
    }

    func lateInConnecting(_ reason: String) {
        guard phase == .connecting else { return }
        secrecy.upgrade = nil
        secrecy.introduction = nil
        unavailable("\(security?.host ?? "upstream"): \(reason)")
    }

    /// Octets of an upstream in whose place another one can be tried, as long as it has not greeted.
    private func takeGreeting(_ octets: UnsafeRawBufferPointer) {
        secrecy.greeting += octets
        let line = secrecy.greeting.prefix { $0 != 10 }
        guard line.count < secrecy.greeting.count || line.count > 1_024 else { return }
        secrecy.awaitsGreeting = false
        upstreamIsReady()
    }

    /// The upstream in words.
    var upstreamName: String { security?.host ?? info.upstream?.description ?? "upstream" }

    // MARK: The client's leg

    /// Lets the client's handshake go on.
    func awaitClient() {
        guard let client else { return }
        phase = .securing
        server?.pause(true)
        do { try client.start() } catch { return finish(.reset) }
        client.pause(false)
        allow(context.core.times.handshake) { [self] in
            guard phase == .securing else { return }
            leaveHandshake("no TLS handshake in time", .timeout, .timeout, .client)
        }
    }

    /// The client's handshake does not come to its end.
    /// - Parameters:
    ///   - trouble: what it is counted as.
    ///   - side: who is to blame; nil for ourselves.
    func leaveHandshake(_ reason: String, _ trouble: TLSTrouble, _ end: SessionEnd, _ side: Side?) {
        // Who loses its upstream in the middle of it has done nothing wrong.
        if side != .server { metrics.tlsFailed(.client, trouble) }
        let who = side.map { $0 == .client ? "client: " : "server: " } ?? ""
        context.core.log.info("\(who)\(reason)", of: info)
        secrecy.failure = who + reason
        finish(end)
    }

    /// The session ends in the client's handshake behind STARTTLS: the recording says what is known of both legs.
    func tellHandshake() {
        guard secrecy.edge != nil, info.tls == nil else { return }
        info.tls = TLSLeg(
            failed: secrecy.failure ?? "the session was ended in the TLS handshake", how: .starttls,
            serverName: secrecy.handshake?.serverName)
        switch mode {
        case .followed: break
        case .observed(let kept): kept.value.unsecured(tls: info.tls, upstreamTLS: info.upstreamTLS)
        case .ruled(let kept): kept.value.book?.unsecured(tls: info.tls, upstreamTLS: info.upstreamTLS)
        }
    }

    func needsCertificate(_ stream: Stream, _ tls: TLSConnection) {
        do {
            try security?.present(to: tls, upstream: secrecy.upstreamCertificate)
        } catch {
            context.core.log.error("\(error)", of: info)
            metrics.tlsFailed(.client, .certificate)
            secrecy.failure = "\(error)"
            finish(.reset)
        }
    }

    func secured(_ stream: Stream, _ tls: TLSConnection) {
        if stream === server { return upstreamIsSecured(tls) }
        info.tls = TLSLeg(tls, how: secrecy.edge == nil ? .implicit : .starttls)
        metrics.clientHandshakes.add()
        guard phase == .securing else { return }
        cancelTimer()
        if secrecy.edge == nil { clientIsReady() } else { beginUnderTLS() }
    }

    private func upstreamIsSecured(_ tls: TLSConnection) {
        metrics.serverHandshakes.add()
        let isImplicit = security?.beginning == .implicit
        info.upstreamTLS = TLSLeg(tls, how: isImplicit ? .implicit : .starttls)
        secrecy.upstreamCertificate = tls.peerChain.first
        secrecy.upgrade = nil
        switch phase {
        case .connecting: upstreamIsReady()
        case .turning: passEdge()
        case .securing, .open, .closing, .failing, .finished: break
        }
    }

    // MARK: The edge of the cleartext

    /// The cleartext has come to its end: the session stands still.
    func reach(_ edge: TLSEdge) {
        guard phase == .open else { return }
        stand(at: edge)
        if let hasty = edge.hasty {
            let what = hasty == .client ? "the client" : "the server"
            let place = hasty == .client ? "command" : "reply"
            context.core.log.warning(
                "\(what) sent octets in clear behind its \(place) to begin TLS; the session ends", of: info
            )
            return refuseEdge(
                hasty == .client
                    ? LocalReply.tlsHasty(info.mailProtocol, edge.command)
                    : LocalReply.tlsUnavailable(info.mailProtocol, edge.command))
        }
        if edge.isMisplaced { return refuseEdge(LocalReply.tlsMisplaced(info.mailProtocol, edge.command)) }
        do {
            // Nothing is promised to the client that can't be kept.
            try security?.checkSigner()
        } catch {
            context.core.log.error("\(error)", of: info)
            return refuseEdge(LocalReply.tlsUnavailable(info.mailProtocol, edge.command))
        }
        guard security?.beginning == .mirrored else { return passEdge() }
        allow(context.core.times.handshake) { [self] in turnFailed("no TLS handshake in time", .timeout) }
        server?.pause(false)
        secureUpstream()
    }

    private func stand(at edge: TLSEdge) {
        cancelTimer()
        secrecy.awaitsConsent = false
        secrecy.edge = edge
        secrecy.held = []
        phase = .turning
        client?.pause(true)
    }

    /// Gives the upstream a time to answer the client's wish to begin TLS. To be asked behind all that passes.
    func watchConsent() {
        guard secrecy.watchesEdge, phase == .open, awaitsConsent != secrecy.awaitsConsent else { return }
        secrecy.awaitsConsent.toggle()
        guard secrecy.awaitsConsent else { return cancelTimer() }
        allow(context.core.times.consent) { [self] in
            guard phase == .open else { return }
            stand(at: TLSEdge(reply: [], command: command, hasty: nil))
            turnFailed("it does not answer \(command.verb)")
        }
    }

    private var awaitsConsent: Bool {
        switch mode {
        case .followed(let kept): kept.value.awaitsTLS
        case .observed(let kept): kept.value.tap.awaitsTLS
        case .ruled(let kept): kept.value.relay.awaitsConsent
        }
    }

    /// The client's command to begin TLS.
    var command: Command {
        switch mode {
        case .followed, .observed: secrecy.asked ?? Command(verb: "STARTTLS")
        case .ruled(let kept): kept.value.relay.command
        }
    }

    /// TLS did not begin on the upstream's leg.
    /// - Parameter trouble: what it is counted as; nil when no handshake was begun.
    func turnFailed(_ reason: String, _ trouble: TLSTrouble? = nil) {
        guard phase == .turning, let edge = secrecy.edge else { return }
        if let trouble { metrics.tlsFailed(.server, trouble) }
        cancelTimer()
        context.core.log.warning("\(security?.host ?? "upstream"): \(reason)", of: info)
        refuseEdge(LocalReply.tlsUnavailable(info.mailProtocol, edge.command))
    }

    private func refuseEdge(_ words: [UInt8]) {
        switch mode {
        case .ruled:
            withRelay { [secrecy] relay, effects, seen, told in
                relay.refuseEdge(at: secrecy.edge, words, &effects, seen: &seen, told: &told)
            }
        case .followed, .observed:
            follow(words[...], from: .server)
            client?.write(words)
            closeAfterFlush()
        }
    }

    /// The upstream's leg is under TLS: the client may begin.
    private func passEdge() {
        guard let client, let edge = secrecy.edge else { return }
        cancelTimer()
        switch mode {
        case .ruled: withRelay { relay, effects, seen, told in relay.passEdge(&effects, seen: &seen, told: &told) }
        case .followed, .observed:
            follow(edge.reply[...], from: .server)
            client.write(edge.reply)
        }
        guard phase == .turning else { return }
        do {
            guard let tls = try security?.connection(from: info.client.description) else { return finish(.reset) }
            secrecy.handshake = tls
            client.secure(tls)
        } catch {
            context.core.log.error("\(error)", of: info)
            return finish(.reset)
        }
        awaitClient()
    }

    /// Both legs are under TLS, and all that was said before is forgotten.
    private func beginUnderTLS() {
        secrecy = Secrecy()
        let now = Clock.now()
        var events: [RecordEvent] = []
        switch mode {
        case .followed(let kept): kept.value.beginUnderTLS()
        case .observed(let kept):
            kept.value.secured(tls: info.tls, upstreamTLS: info.upstreamTLS, at: now, events: &events)
        case .ruled(let kept):
            let last = kept.value.relay.lastExchange
            if !kept.value.relay.hasRules {
                // TLS was all that it was needed for.
                if let book = kept.value.book {
                    mode = .observed(
                        Kept(
                            Observer(
                                goingOn: book, tls: info.tls, upstreamTLS: info.upstreamTLS, after: last, at: now,
                                events: &events)))
                } else {
                    var tap = MailTap(info.mailProtocol, listens: false)
                    tap.beginUnderTLS(after: last)
                    mode = .followed(Kept(tap))
                }
            } else {
                kept.value.relay.beginUnderTLS()
                kept.value.book?.secured(tls: info.tls, upstreamTLS: info.upstreamTLS, at: now, into: &events)
            }
        }
        if let policy = security?.policyUnderTLS(upstream: info.upstreamTLS) {
            let before = filter?.policy
            filter?.beginUnderTLS(policy)
            filter?.policy.hasRules = before?.hasRules ?? false
            filter?.policy.logins = before?.logins
        }
        record(events)
        phase = .open
        settleReading()
    }
}
