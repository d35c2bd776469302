// A relay without a rule that hits: what one side sent reaches the other, to the octet, however it came.

import MailDialogue
import MailRules
import MailSessions

extension FuzzTarget {
    static let relay = FuzzTarget(
        name: "relay", longest: 4096, words: "smtp",
        invariant: "Without a hit of a rule each side gets what the other sent, to the octet."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let proto = numbers.pick(MailProtocol.smtp, .lmtp, .pop3, .imap)
        let conversation = BothSides.decode(input.octets)
        let rules = numbers.oneIn(4) ? RuleSet() : watching
        for cutting in [Conversation.Cutting.asSteps, .random] {
            var table = Table(
                Relay(RuleFacts(mailProtocol: proto, clientAddress: "192.0.2.1", route: "x"), rules: rules))
            for case .octets(let side, let octets) in conversation.cut(cutting, &numbers) { table.send(side, octets) }
            table.end(.client)
            // What a client that has ended sent ahead of an answer that never comes goes to nobody.
            let waits = !table.hasPassedEnd
            table.end(.server)
            if table.hasHit { return }
            for side in Side.allCases {
                let sent = conversation.octets(side)
                let got = side == .client ? table.server : table.client
                let same = zip(sent, got).prefix { $0 == $1 }.count
                must(
                    sent == got || side == .client && waits && sent.starts(with: got),
                    "\(proto): of the \(side)'s \(sent.count) octets \(got.count) arrived, different from \(same) on: "
                        + "\(got[same...].prefix(60).shown) in place of \(sent[same...].prefix(60).shown)")
            }
            must(table.relay.isDone, "\(proto): the relay does not end")
        }
    }

    /// Rules that look at everything and never hit, but at the header of SMTP, where the relay says 354 in the server's place.
    private static let watching: RuleSet = {
        let text = """
            rules:
              - {name: command, when: command == "NEVER", then: [close]}
              - {name: line, when: line contains "nobody.invalid", then: [close]}
              - {name: envelope, when: rcpt == "nobody@example.invalid", then: [close]}
              - {name: size, when: size > 100 GB, then: [close]}
              - {name: mailbox, when: mailbox == "nobody.invalid", then: [close]}
              - {name: retrieved, when: pop3 and subject == "nobody.invalid", then: [close]}
              - {name: reply, when: reply.text contains "nobody.invalid", then: [close]}
            """
        let compiled = RuleCompiler.compile([RuleFile(name: "watching.yaml", text: text)])
        must(compiled.problems.isEmpty, "\(compiled.problems)")
        return compiled.rules
    }()

    /// Two scripts and a relay between them.
    private struct Table {
        var relay: Relay
        private(set) var server: [UInt8] = []
        private(set) var client: [UInt8] = []
        private(set) var hasHit = false
        /// The end of the client's side was passed on.
        private(set) var hasPassedEnd = false
        private var seen: [Note] = []
        private var told: [Note] = []

        init(_ relay: Relay) { self.relay = relay }

        mutating func send(_ side: Side, _ octets: [UInt8]) {
            var effects: [Relay.Effect] = []
            relay.receive(octets[...], from: side, &effects, seen: &seen, told: &told)
            perform(effects)
        }

        mutating func end(_ side: Side) {
            var effects: [Relay.Effect] = []
            relay.end(side, &effects, seen: &seen, told: &told)
            perform(effects)
        }

        private mutating func perform(_ effects: [Relay.Effect]) {
            for effect in effects {
                switch effect {
                case .toClient(let octets): client += octets
                case .toServer(let octets): server += octets
                case .hit, .close, .wait: hasHit = true
                case .ended(.client): hasPassedEnd = true
                // Without TLS there is no edge.
                case .ended, .log, .edge, .login: break
                }
            }
        }
    }
}
