// A relay that logs in at its upstream in a client's name: what both sides say comes from the input, what the runtime answers follows from
// it.

import MailDialogue
import MailMessage
import MailRules
import MailSessions

extension FuzzTarget {
    static let login = FuzzTarget(
        name: "login", longest: 4096, words: "sasl",
        invariant:
            "Neither client nor recording sees the secret that the upstream gets, and how it is cut changes nothing."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let proto = numbers.pick(MailProtocol.smtp, .pop3, .imap)
        let decisions = LoginTable.Decisions(&numbers)
        // What a server says comes line by line: what it says before it was asked is heard before or behind what the runtime does at
        // that moment, and that may make a difference.
        let conversation = BothSides.decode(input.octets).lineByLine(of: .server)
        var outcomes: [LoginTable] = []
        for cutting in [Conversation.Cutting.asSteps, .random] {
            var table = LoginTable(proto, decisions)
            for case .octets(let side, let octets) in conversation.cut(cutting, &numbers) { table.send(side, octets) }
            table.end(.client)
            table.end(.server)
            table.check(!LoginTable.tells(input.octets))
            outcomes.append(table)
        }
        let (whole, cut) = (outcomes[0], outcomes[1])
        must(whole.orders == cut.orders, "\(proto): asks \(whole.orders), cut \(cut.orders)")
        must(
            whole.client == cut.client,
            "\(proto): the client gets \(whole.client.suffix(80).shown), cut \(cut.client.suffix(80).shown)")
        must(
            whole.server == cut.server,
            "\(proto): the server gets \(whole.server.suffix(80).shown), cut \(cut.server.suffix(80).shown)")
    }
}

extension Conversation {
    /// The same, each line of `side` a step of its own.
    fileprivate func lineByLine(of side: Side) -> Conversation {
        var conversation = Conversation()
        for step in steps {
            guard case .octets(side, let octets) = step else {
                conversation.add(step)
                continue
            }
            var rest = octets[...]
            while !rest.isEmpty {
                let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
                conversation.add(.octets(side, Array(rest[..<end])))
                rest = rest[end...]
            }
        }
        return conversation
    }
}

/// The runtime, as far as a login needs it.
private struct LoginTable {
    /// What becomes of the logins, one after the other.
    struct Decisions {
        enum Decision { case granted(renewable: Bool), refused, unavailable }
        let all: [Decision]
        let bearer: UpstreamCredential.Bearer
        let isToken: Bool
        let isSecured: Bool
        let knows: Bool

        init(_ numbers: inout SeededNumbers) {
            var all: [Decision] = []
            for _ in 0..<8 {
                all.append(
                    numbers.pick(.granted(renewable: false), .granted(renewable: true), .refused, .unavailable))
            }
            self.all = all
            bearer = numbers.pick(.xoauth2, .oauthbearer)
            isToken = numbers.oneIn(3)
            isSecured = numbers.oneIn(2)
            knows = numbers.oneIn(2)
        }
    }

    /// Nothing that an input has by chance.
    private static let secret = Array("Qx7-zWv9~swapped~Kp3".utf8)
    private static let forms = (0..<3).map { before in
        Array(
            Base64.encode([UInt8](repeating: 0, count: before) + secret).dropFirst(before == 0 ? 0 : before + 1)
                .dropLast(4))
    }

    private var relay: Relay
    private let decisions: Decisions
    private var decided = 0
    private(set) var client: [UInt8] = []
    private(set) var server: [UInt8] = []
    private(set) var orders: [String] = []
    private var seen: [Note] = []
    private var told: [Note] = []
    private var isOver = false

    init(_ proto: MailProtocol, _ decisions: Decisions) {
        self.decisions = decisions
        relay = Relay(RuleFacts(mailProtocol: proto, clientAddress: "192.0.2.1", route: "x"), rules: RuleSet())
        relay.answersLogins(knows: decisions.knows, hostName: "mx.example.com")
        relay.show(capabilities: CapabilityPolicy(tls: .hidden))
    }

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
        var waiting: [LoginOrder] = []
        for effect in effects {
            switch effect {
            case .toClient(let octets): client += octets
            case .toServer(let octets): server += octets
            case .login(let order): waiting.append(order)
            case .close: isOver = true
            case .hit, .log, .wait, .ended, .edge: break
            }
        }
        for order in waiting { carryOut(order) }
    }

    private mutating func carryOut(_ order: LoginOrder) {
        var effects: [Relay.Effect] = []
        let decision = decisions.all[decided % decisions.all.count]
        switch order {
        case .accepted(let exchange): return orders.append("accepted \(exchange)")
        case .check(let shown, _, let exchange): orders.append("check \(shown.user) \(exchange)")
        case .renew(let exchange): orders.append("renew \(exchange)")
        }
        decided += 1
        switch decision {
        case .granted(let isRenewable):
            let secret = SecretBytes(Self.secret)
            var credential = UpstreamCredential(
                account: "me", proof: decisions.isToken ? .token(secret, decisions.bearer) : .password(secret))
            credential.isRenewable = isRenewable && decisions.isToken
            relay.logIn(
                credential, greets: false, isSecured: decisions.isSecured, nonce: Array("nonce".utf8), &effects,
                seen: &seen, told: &told)
        case .refused: relay.endLogin(.badCredentials, &effects, seen: &seen, told: &told)
        case .unavailable: relay.endLogin(.unavailable, &effects, seen: &seen, told: &told)
        }
        perform(effects)
    }

    static func tells(_ octets: [UInt8]) -> Bool {
        ([secret] + forms).contains { octets.contains($0) }
    }

    /// What holds when it is over.
    /// - Parameter isOurs: the secret is in nothing that either side says of itself.
    func check(_ isOurs: Bool) {
        must(!isOurs || !Self.tells(client), "the client hears the upstream's secret: \(client.suffix(200).shown)")
        let recorded = (seen + told).map { $0.publicOctets }
        for piece in isOurs ? recorded : [] {
            must(!Self.tells(Array(piece)), "the recording has the secret: \(piece.shown)")
        }
        must(isOver == relay.isClosed, "closed and not closed")
        must(relay.isClosed || relay.isDone, "the relay does not end")
    }
}
