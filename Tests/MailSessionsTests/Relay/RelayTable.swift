// A relay between a client and a server that are scripts: what is sent, and what reaches whom.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

/// Drives a relay as the runtime does. A time that the relay asks for is over at once, unless `holdsTime`.
struct RelayTable {
    var relay: Relay
    /// All octets that reached the server and the client.
    private(set) var server: [UInt8] = []
    private(set) var client: [UInt8] = []
    private(set) var hits: [String] = []
    private(set) var tags: [String] = []
    private(set) var logs: [String] = []
    private(set) var waits: [Int] = []
    private(set) var ended: [Side] = []
    private(set) var isClosed = false
    private(set) var edges: [TLSEdge] = []
    /// What the runtime was asked for at logins.
    private(set) var logins: [LoginOrder] = []
    private(set) var seen: [Note] = []
    private(set) var told: [Note] = []
    var holdsTime = false
    /// The chunk in which octets arrive; nil for whole.
    var step: Int?
    private(set) var connects = true

    init(
        _ mailProtocol: MailProtocol, _ rules: String, client: String = "192.0.2.1", step: Int? = nil,
        holdsTime: Bool = false, tls: ClientTLS = .passes
    ) {
        let (set, problems) = RuleCompiler.compile([RuleFile(name: "test.yaml", text: rules)])
        #expect(problems == [], "the rules of the test")
        self.step = step
        self.holdsTime = holdsTime
        relay = Relay(RuleFacts(mailProtocol: mailProtocol, clientAddress: client, route: "test"), rules: set, tls: tls)
        var effects: [Relay.Effect] = []
        connects = relay.connected(&effects)
        perform(effects)
    }

    init(_ relay: Relay) { self.relay = relay }

    /// Lines or octets of a side; CRLF is added to each line.
    mutating func say(_ side: Side, _ lines: String...) {
        send(side, lines.flatMap { Array($0.utf8) + [13, 10] })
    }

    mutating func send(_ side: Side, _ octets: [UInt8]) {
        var at = 0
        while at < octets.count {
            let end = min(octets.count, at + (step ?? octets.count))
            var effects: [Relay.Effect] = []
            relay.receive(octets[at..<end], from: side, &effects, seen: &seen, told: &told)
            at = end
            perform(effects)
        }
    }

    /// The runtime gives what the upstream gets.
    mutating func logIn(_ credential: UpstreamCredential, greets: Bool = false, isSecured: Bool = true) {
        var effects: [Relay.Effect] = []
        relay.logIn(
            credential, greets: greets, isSecured: isSecured, nonce: Array("nonce".utf8), &effects, seen: &seen,
            told: &told)
        perform(effects)
    }

    /// The runtime says that nobody logs in.
    mutating func endLogin(_ refusal: LoginRefusal, closes: Bool = false) {
        var effects: [Relay.Effect] = []
        relay.endLogin(refusal, closes: closes, &effects, seen: &seen, told: &told)
        perform(effects)
    }

    /// The runtime has another server, which the session goes on with.
    mutating func leaveServer() {
        var effects: [Relay.Effect] = []
        relay.leaveServer(&effects, told: &told)
        perform(effects)
    }

    /// The runtime has TLS on the server's leg, or not, and begins it on the client's.
    mutating func turn(refusing words: String? = nil) {
        var effects: [Relay.Effect] = []
        if let words {
            relay.refuseEdge(Array(words.utf8), &effects, seen: &seen, told: &told)
        } else {
            relay.passEdge(&effects, seen: &seen, told: &told)
            relay.beginUnderTLS()
        }
        perform(effects)
    }

    mutating func end(_ side: Side) {
        var effects: [Relay.Effect] = []
        relay.end(side, &effects, seen: &seen, told: &told)
        perform(effects)
    }

    /// The time is over.
    mutating func passTime() {
        var effects: [Relay.Effect] = []
        relay.timerFired(&effects, seen: &seen, told: &told)
        perform(effects)
    }

    private mutating func perform(_ effects: [Relay.Effect]) {
        for effect in effects {
            switch effect {
            case .toClient(let octets): client += octets
            case .toServer(let octets): server += octets
            case .wait(let milliseconds):
                waits.append(milliseconds)
                if !holdsTime { passTime() }
            case .close: isClosed = true
            case .edge(let edge): edges.append(edge)
            case .login(let order): logins.append(order)
            case .ended(let side): ended.append(side)
            case .log(let text): logs.append(text)
            case .hit(let rules, _, let tags, _):
                hits += rules
                self.tags += tags
            }
        }
    }

    /// Lines that reached a side since the last call.
    mutating func took(_ side: Side) -> [String] {
        let octets = side == .client ? client : server
        if side == .client { client = [] } else { server = [] }
        guard !octets.isEmpty else { return [] }
        var lines = octets.split(separator: 10, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}

/// A server that answers what reaches it, so that a relay may reorder what it wants.
struct ScriptedServer {
    var answers: (String) -> [String]
    private var pending: [UInt8] = []
    private var inData = false
    private var chunk = 0
    private(set) var messages: [[UInt8]] = []
    private var message: [UInt8] = []
    private(set) var commands: [String] = []
    var dataReply = "250 2.0.0 Ok: queued"
    /// Nil accepts DATA.
    var refusesData: [String]?

    init(_ answers: @escaping (String) -> [String] = { _ in ["250 2.0.0 Ok"] }) { self.answers = answers }

    /// What it says to octets.
    mutating func hear(_ octets: [UInt8]) -> [UInt8] {
        pending += octets
        var out: [UInt8] = []
        while true {
            if chunk > 0 {
                guard pending.count >= chunk else { break }
                message += pending.prefix(chunk)
                pending.removeFirst(chunk)
                chunk = 0
                out += Array("250 2.0.0 chunk\r\n".utf8)
                continue
            }
            guard let feed = pending.firstIndex(of: 10) else { break }
            let line = Array(pending[...feed])
            pending.removeFirst(feed + 1)
            let text = String(decoding: line.dropLast(2), as: UTF8.self)
            if inData {
                if text == "." {
                    inData = false
                    messages.append(message)
                    message = []
                    out += Array("\(dataReply)\r\n".utf8)
                } else {
                    message += line
                }
                continue
            }
            commands.append(text)
            let words = text.split(separator: " ")
            switch words.first?.uppercased() {
            case "DATA":
                if let refusesData {
                    for line in refusesData { out += Array("\(line)\r\n".utf8) }
                } else {
                    inData = true
                    out += Array("354 Send it\r\n".utf8)
                }
            case "BDAT":
                chunk = Int(words[1]) ?? 0
                if chunk == 0 { out += Array("250 2.0.0 chunk\r\n".utf8) }
            default: for line in answers(text) { out += Array("\(line)\r\n".utf8) }
            }
        }
        return out
    }

    /// Octets of BDAT chunks so far.
    var chunks: [UInt8] { message }
}

extension RelayTable {
    /// The client sends; the server answers all that reaches it, and so on until both are quiet.
    mutating func converse(_ octets: [UInt8], with server: inout ScriptedServer) {
        send(.client, octets)
        settle(&server)
    }

    mutating func settle(_ other: inout ScriptedServer) {
        while !server.isEmpty {
            let octets = server
            server = []
            let reply = other.hear(octets)
            if !reply.isEmpty { send(.server, reply) }
        }
    }
}

/// Lines with CRLF.
func lines(_ lines: String...) -> [UInt8] { lines.flatMap { Array($0.utf8) + [13, 10] } }
