// Rules before our own server: a relay whose server's leg is not a socket but a session of ours.
//
// The runtime drives it like the session itself. The notes that it gives are those of the client's leg.

import MailDialogue
import MailRecording
import MailRules

/// What rules said of a connection before our own server took it over.
package struct ConnectVerdict: Equatable, Sendable {
    package let tags: [String]

    package init(tags: [String]) { self.tags = tags }
}

/// A server session behind rules.
package struct RuledServer: ServerSession {
    private var relay: Relay
    private var server: any ServerSession
    /// When the server's timer and the rules' time are over, in microseconds since 1970.
    private var serverDeadline: Int64?
    private var ruleDeadline: Int64?
    private var now: Int64 = 0
    /// The server sent octets and awaits `drained`.
    private var serverAwaitsDrain = false
    /// TLS begins when the client has our consent.
    private var startsTLS = false
    private var isClosed = false
    /// Rules were asked about the connection already.
    private let isJudged: Bool

    /// What is done for one event.
    private struct Output {
        var effects: [ServerEffect] = []
        var seen: [Note] = []
        var hasSent = false
        /// What still is to be done, in order.
        var relayed: [Relay.Effect] = []
        var served: [ServerEffect] = []
    }

    /// - Parameter judged: what rules said of the connection, when they were asked already: once is enough.
    package init(
        _ server: any ServerSession, facts: RuleFacts, rules: RuleSet, judged: ConnectVerdict? = nil
    ) {
        self.server = server
        isJudged = judged != nil
        var facts = facts
        facts.tags += judged?.tags ?? []
        relay = Relay(facts, rules: rules)
    }

    package var wantsOctets: Bool { server.wantsOctets && relay.wants(.client) }
    package var pendingOctets: Int { server.pendingOctets + relay.pending(.client) }

    package mutating func handle(
        _ event: ServerEvent, now: Int64, effects: inout [ServerEffect], notes: inout [Note]
    ) {
        guard !isClosed else { return }
        self.now = now
        var out = Output()
        switch event {
        case .connected:
            let goesOn = isJudged || relay.connected(&out.relayed)
            if goesOn { tell(event, &out) }
        case .received(let octets): receive(octets, from: .client, &out)
        case .peerEnded: end(.client, &out)
        case .drained: serverAwaitsDrain = true
        case .timerFired: runTimers(&out)
        case .secured:
            relay.beginUnderTLS(rewindsServer: true)
            tell(event, &out)
        case .tlsPrepared:
            guard relay.holdsClient else {
                tell(event, &out)
                break
            }
            // What came in clear behind the wish is held here, where the server does not see it.
            var told: [Note] = []
            let edge = TLSEdge(reply: [], command: relay.command, hasty: .client)
            let words = LocalReply.tlsHasty(relay.mailProtocol, relay.command)
            relay.refuseEdge(at: edge, words, &out.relayed, seen: &out.seen, told: &told)
        case .stored, .mailboxChanged, .shutdown: tell(event, &out)
        }
        settle(&out)
        effects += out.effects
        notes += out.seen
    }

    // MARK: Both sides in turn

    private mutating func settle(_ out: inout Output) {
        while !isClosed {
            if !out.relayed.isEmpty {
                let effects = out.relayed
                out.relayed = []
                for effect in effects where !isClosed { perform(effect, &out) }
            } else if !out.served.isEmpty {
                let effects = out.served
                out.served = []
                for effect in effects where !isClosed { perform(effect, &out) }
            } else if startsTLS, relay.isPassing {
                // Rules have let our consent go.
                startsTLS = false
                out.effects.append(.startTLS)
            } else if serverAwaitsDrain, !out.hasSent, relay.wants(.server) {
                // All that the server sent has left as far as there was anything to send.
                serverAwaitsDrain = false
                tell(.drained, &out)
            } else {
                return
            }
        }
    }

    private mutating func perform(_ effect: Relay.Effect, _ out: inout Output) {
        switch effect {
        case .toClient(let octets):
            out.effects.append(.send(octets))
            out.hasSent = true
        case .toServer(let octets): tell(.received(octets), &out)
        case .wait(let milliseconds):
            ruleDeadline = now &+ Int64(milliseconds) &* 1000
            setTimer(&out)
        case .close, .ended(.server):
            isClosed = true
            out.effects.append(.close)
        // Our own server answers itself.
        case .edge, .login: break
        case .ended(.client): tell(.peerEnded, &out)
        case .log(let text): out.effects.append(.log(text))
        case .hit(let rules, let exchange, let tags, let changed):
            out.effects.append(.hit(rules: rules, exchange: exchange, tags: tags, changed: changed))
        }
    }

    private mutating func perform(_ effect: ServerEffect, _ out: inout Output) {
        switch effect {
        case .send(let octets):
            serverAwaitsDrain = true
            receive(octets, from: .server, &out)
        case .close: end(.server, &out)
        case .setTimer(let seconds):
            serverDeadline = now &+ Int64(seconds) &* 1_000_000
            setTimer(&out)
        case .startTLS: startsTLS = true
        case .store, .watch, .unwatch, .prepareTLS, .log, .hit: out.effects.append(effect)
        }
    }

    private mutating func tell(_ event: ServerEvent, _ out: inout Output) {
        // What our server says of the frames is the server's leg, which is not kept.
        var notes: [Note] = []
        server.handle(event, now: now, effects: &out.served, notes: &notes)
    }

    private mutating func receive(_ octets: [UInt8], from side: Side, _ out: inout Output) {
        var told: [Note] = []
        relay.receive(octets[...], from: side, &out.relayed, seen: &out.seen, told: &told)
    }

    private mutating func end(_ side: Side, _ out: inout Output) {
        var told: [Note] = []
        relay.end(side, &out.relayed, seen: &out.seen, told: &told)
    }

    // MARK: Times

    private mutating func runTimers(_ out: inout Output) {
        if let deadline = ruleDeadline, deadline <= now {
            ruleDeadline = nil
            var told: [Note] = []
            relay.timerFired(&out.relayed, seen: &out.seen, told: &told)
        }
        if let deadline = serverDeadline, deadline <= now {
            serverDeadline = nil
            tell(.timerFired, &out)
        }
        setTimer(&out)
    }

    /// There is one timer: it is set to what comes first, in whole seconds.
    private func setTimer(_ out: inout Output) {
        guard let first = [ruleDeadline, serverDeadline].compactMap({ $0 }).min() else { return }
        let seconds = (max(first &- now, 0) &+ 999_999) / 1_000_000
        out.effects.append(.setTimer(seconds: Int(seconds)))
    }
}
