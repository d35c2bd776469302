// Tests of rules: dialogues in a file, with what must reach whom and what the rules must do, run through the relay without a
// network. The form is described in Docs/Rules.md.

import MailDialogue
import MailRules

/// A test of a file.
package struct RuleTest: Equatable, Sendable {
    /// A line of the file that could not be read.
    package struct Malformed: Error, Equatable, Sendable {
        package let line: Int
        package let message: String
    }

    /// Lines of one side that come at once, and what is expected behind them.
    struct Step: Equatable, Sendable {
        /// Nil for what happens when the client connects.
        var side: Side?
        var lines: [String] = []
        var toServer: [String]?
        var toClient: [String]?
        var events: [String] = []
        /// Where it begins in the file.
        var line: Int
    }

    /// What came of a test.
    package struct Result: Equatable, Sendable {
        package let name: String
        /// Empty when all was as expected.
        package let differences: [String]
    }

    package private(set) var name: String
    /// Where it begins in the file.
    package let line: Int
    private var mailProtocol = MailProtocol.smtp
    private var client = "192.0.2.1"
    private var route = "smtp://127.0.0.1:1025=smtp://mx.example.com:25"
    private var steps: [Step] = []

    // MARK: Reading

    /// Reads a test file.
    package static func parse(_ text: String) throws(Malformed) -> [RuleTest] {
        var tests: [RuleTest] = []
        var closed = true
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            var octets = Array(raw.utf8)
            if octets.last == 13 { octets.removeLast() }
            let line = String(decoding: octets, as: UTF8.self)
            if line.isEmpty {
                closed = true
                continue
            }
            if line.hasPrefix("#") { continue }
            if let name = value(of: "test:", line) {
                tests.append(RuleTest(name: name, line: number))
                closed = true
                continue
            }
            guard !tests.isEmpty else { throw Malformed(line: number, message: "a test begins with 'test: NAME'") }
            try tests[tests.count - 1].read(line, number, &closed)
        }
        return tests
    }

    private init(name: String, line: Int) {
        self.name = name
        self.line = line
    }

    /// What stands behind a word, without the blank.
    private static func value(of word: String, _ line: String) -> String? {
        guard line.hasPrefix(word) else { return nil }
        let rest = line.utf8.dropFirst(word.utf8.count)
        return String(decoding: rest.first == 32 ? rest.dropFirst() : rest, as: UTF8.self)
    }

    private mutating func read(_ line: String, _ number: Int, _ closed: inout Bool) throws(Malformed) {
        if let word = Self.value(of: "protocol:", line) {
            guard let known = MailProtocol(rawValue: word) else {
                throw Malformed(
                    line: number, message: "there is no protocol '\(word)'; there are smtp, lmtp, pop3, imap")
            }
            mailProtocol = known
        } else if let address = Self.value(of: "client:", line) {
            client = address
        } else if let route = Self.value(of: "route:", line) {
            self.route = route
        } else if let text = Self.value(of: "C:", line) {
            say(.client, text, number, &closed)
        } else if let text = Self.value(of: "S:", line) {
            say(.server, text, number, &closed)
        } else if line == "= connect" {
            guard steps.isEmpty else {
                throw Malformed(line: number, message: "'= connect' stands before all lines of both sides")
            }
            steps.append(Step(side: nil, line: number))
            closed = true
        } else {
            guard !steps.isEmpty else {
                throw Malformed(line: number, message: "expected 'C:', 'S:' or '= connect'")
            }
            closed = true
            if let text = Self.value(of: "->", line) {
                steps[steps.count - 1].toServer = (steps[steps.count - 1].toServer ?? []) + [text]
            } else if let text = Self.value(of: "<-", line) {
                steps[steps.count - 1].toClient = (steps[steps.count - 1].toClient ?? []) + [text]
            } else if line == "= silent" {
                steps[steps.count - 1].toServer = steps[steps.count - 1].toServer ?? []
                steps[steps.count - 1].toClient = steps[steps.count - 1].toClient ?? []
            } else if let event = Self.value(of: "=", line) {
                steps[steps.count - 1].events.append(try Self.event(event, number))
            } else {
                throw Malformed(line: number, message: "a line begins with C: S: -> <- = or #")
            }
        }
    }

    private mutating func say(_ side: Side, _ text: String, _ number: Int, _ closed: inout Bool) {
        if !closed, steps.last?.side == side {
            steps[steps.count - 1].lines.append(text)
        } else {
            steps.append(Step(side: side, lines: [text], line: number))
            closed = false
        }
    }

    private static func event(_ text: String, _ number: Int) throws(Malformed) -> String {
        if text == "close" { return text }
        for word in ["hit ", "tag ", "log "] where text.hasPrefix(word) { return text }
        if let time = value(of: "wait", text), let microseconds = Quantity.duration(time) {
            return "wait \(microseconds / 1000) ms"
        }
        throw Malformed(
            line: number,
            message:
                "there are '= hit RULE', '= tag TAG', '= log TEXT', '= wait TIME', '= close', '= silent', '= connect'")
    }

    // MARK: Running

    /// Runs the test with these rules.
    package func run(_ rules: RuleSet) -> Result {
        var run = RuleTestRun(RuleFacts(mailProtocol: mailProtocol, clientAddress: client, route: route), rules)
        var steps = steps
        // What happens at the connection is expected to be nothing, unless it is stated.
        if steps.first?.side != nil { steps.insert(Step(side: nil, line: line), at: 0) }
        for step in steps {
            run.perform(step)
            guard run.differences.isEmpty else { break }
        }
        return Result(name: name, differences: run.differences)
    }
}

/// A relay that is driven through a test.
private struct RuleTestRun {
    private var relay: Relay
    private var toServer: [UInt8] = []
    private var toClient: [UInt8] = []
    private var events: [String] = []
    private var effects: [Relay.Effect] = []
    private var seen: [Note] = []
    private var told: [Note] = []
    private(set) var differences: [String] = []

    init(_ facts: RuleFacts, _ rules: RuleSet) { relay = Relay(facts, rules: rules) }

    mutating func perform(_ step: RuleTest.Step) {
        toServer = []
        toClient = []
        events = []
        let octets: [UInt8] = step.lines.flatMap { Array($0.utf8) + [13, 10] as [UInt8] }
        if let side = step.side {
            relay.receive(octets[...], from: side, &effects, seen: &seen, told: &told)
        } else {
            _ = relay.connected(&effects)
        }
        carryOut()
        let isPlain = step.toServer == nil && step.toClient == nil
        let server = isPlain && step.side == .client ? step.lines : step.toServer ?? []
        let client = isPlain && step.side == .server ? step.lines : step.toClient ?? []
        compare("to the server", server, Self.lines(toServer), step.line)
        compare("to the client", client, Self.lines(toClient), step.line)
        compare("the rules", step.events, events, step.line)
    }

    /// Times are over at once.
    private mutating func carryOut() {
        while !effects.isEmpty {
            let list = effects
            effects = []
            var waits = false
            for effect in list {
                switch effect {
                case .toServer(let octets): toServer += octets
                case .toClient(let octets): toClient += octets
                case .wait(let milliseconds):
                    events.append("wait \(milliseconds) ms")
                    waits = true
                case .close: events.append("close")
                case .log(let text): events.append("log \(text)")
                case .hit(let rules, _, let tags, _): events += rules.map { "hit \($0)" } + tags.map { "tag \($0)" }
                // In what was recorded TLS begins where it began.
                case .ended, .edge, .login: break
                }
            }
            if waits { relay.timerFired(&effects, seen: &seen, told: &told) }
        }
    }

    private static func lines(_ octets: [UInt8]) -> [String] {
        var lines = octets.split(separator: 10, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private mutating func compare(_ what: String, _ expected: [String], _ got: [String], _ line: Int) {
        guard expected != got else { return }
        differences.append("line \(line): \(what)")
        var expected = expected[...]
        var got = got[...]
        while let one = expected.first, one == got.first {
            differences.append("    \(one)")
            expected = expected.dropFirst()
            got = got.dropFirst()
        }
        differences += expected.map { "  - \($0)" } + got.map { "  + \($0)" }
    }
}
