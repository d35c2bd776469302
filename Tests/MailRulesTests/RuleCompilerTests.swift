// Rule files: what they make, and what is wrong with them where it stands.

import MailDialogue
import TestSupport
import Testing

@testable import MailRules

@Suite struct RuleCompilerTests {
    private func problems(_ text: String) -> [String] {
        RuleCompiler.compile([RuleFile(name: "f", text: text)]).problems.map(\.text)
    }

    /// A file with one rule.
    private func rule(_ when: String, _ then: String) -> String {
        "rules:\n  - name: x\n    when: \(when)\n    then:\n      - \(then)\n"
    }

    @Test("A whole file")
    func whole() throws {
        let (set, problems) = RuleCompiler.compile([
            RuleFile(
                name: "a.yaml",
                text: """
                    # comment
                    rules:
                      - name: one
                        when: smtp and subject matches "(?i)\\\\.exe"
                        then:
                          - reject: "554 5.7.1 no programs"
                          - tag: blocked
                      - name: two
                        then:
                          - pass
                          - close
                          - log: '{user}: {{{header["x-a"]}}}'
                          - set-header: "X-A: b {client.address}"
                          - set-header: {name: X-B, value: c}
                          - delay: 1.5 s
                    """),
            RuleFile(name: "b.yaml", text: "rules:\n"), RuleFile(name: "c.yaml", text: ""),
        ])
        #expect(problems == [])
        #expect(set.count == 2 && !set.isEmpty)
        let two = try #require(set.rules.last)
        #expect(two.actions.map(\.kind) == [.pass, .close, .log, .setHeader, .setHeader, .delay])
        #expect(two.actions.last == .delay(1500))
        #expect(two.line == 8 && two.file == "a.yaml")
        #expect(RuleSet().isEmpty && RuleSet().count == 0)
    }

    @Test("Where a login goes on")
    func routes() throws {
        let (set, problems) = RuleCompiler.compile([
            RuleFile(
                name: "f",
                text: rule("imap and user == \"a\"", "route: imap://b.example.com?tls=starttls")
                    + "  - name: y\n    when: user matches \"^a\"\n    then:\n      - route: imap://c.example.com\n")
        ])
        #expect(problems == [])
        #expect(set.targets.map(\.target.text) == ["imap://b.example.com?tls=starttls", "imap://c.example.com"])
        #expect(set.targets.first?.target.line == 5 && set.targets.first?.target.column == 16)
        #expect(set.routes(.imap) && set.routes(.smtp) && !RuleSet().routes(.imap))
        var facts = RuleFacts(mailProtocol: .imap, clientAddress: "192.0.2.1", route: "x")
        facts.user = "a"
        facts.news = [.login]
        let verdict = set.judge(.command, facts)
        #expect(verdict.rules == ["x", "y"] && verdict.route == "imap://b.example.com?tls=starttls")
        #expect(verdict.intervenes)
    }

    @Test(
        "Where no login is, none is led elsewhere",
        arguments: [
            ("imap", "route: imap://b"), ("imap and command == \"NOOP\"", "route: imap://b"),
            ("subject == \"x\" and user == \"a\"", "route: smtp://b"), ("imap and user == \"a\"", "route: b"),
            ("imap and user == \"a\"", "route: \"imap://b c\""), ("imap and user == \"a\"", "route"),
        ])
    func misplacedRoutes(when: String, then: String) { #expect(problems(rule(when, then)).count == 1) }

    @Test("What is wrong is named with its place")
    func places() {
        #expect(
            problems("rules: [\n") == [
                "f:2:1: error: this is no YAML: did not find expected node content while parsing a flow node"
            ])
        #expect(problems("rule:\n") == ["f:1:1: error: unknown key 'rule'; a rule file has 'rules'"])
        #expect(problems("- a\n") == ["f:1:1: error: a rule file begins with 'rules:'"])
        #expect(problems("rules: 5\n") == ["f:1:8: error: 'rules' is a list; each rule begins with '- name:'"])
        #expect(
            problems("rules:\n  - name: x\n    wehn: smtp\n    then: [close]\n") == [
                "f:3:5: error: unknown key 'wehn' of a rule (did you mean 'when'?)"
            ])
        #expect(
            problems(rule("smtp", "rejct: no")) == ["f:5:9: error: unknown action 'rejct' (did you mean 'reject'?)"])
        #expect(problems(rule("smtp", "cloze")) == ["f:5:9: error: unknown action 'cloze' (did you mean 'close'?)"])
        #expect(problems(rule("smtp", "reject")).first?.hasPrefix("f:5:9: error: 'reject' needs a value") == true)
        #expect(problems(rule("smtp", "close: now")) == ["f:5:16: error: 'close' takes no value"])
        #expect(problems(rule("smtp", "delay: soon")).first?.hasPrefix("f:5:16: error: 'delay' is a time") == true)
        #expect(problems(rule("smtp", "delay: 2h")).count == 1)
        #expect(problems(rule("smtp", "tag: two words")).first?.hasPrefix("f:5:14: error: a tag is") == true)
        #expect(problems(rule("smtp", "reject: 250 fine")) == ["f:5:17: error: a refusal has a code from 400 to 599"])
        #expect(
            problems(rule("smtp", "log: \"{usr}\"")) == [
                "f:5:16: error: unknown field 'usr' (did you mean 'user'?)"
            ])
        #expect(problems(rule("smtp", "log: \"a {user\"")).first?.hasPrefix("f:5:17: error: '{' has no '}'") == true)
        #expect(problems("rules:\n  - when: smtp\n    then: [close]\n") == ["f:2:5: error: the rule has no name"])
        #expect(problems("rules:\n  - name: x\n    when: smtp\n") == ["f:2:5: error: the rule has no 'then'"])
        #expect(problems("rules:\n  - name: x\n    name: y\n    then: [close]\n").count == 1)
        #expect(problems("rules:\n  - name: two words\n    then: [close]\n").count == 1)
        let twice = "rules:\n  - {name: x, then: [close]}\n  - {name: x, then: [close]}\n"
        #expect(problems(twice) == ["f:3:12: error: the name 'x' is used in f:2 already"])
    }

    @Test("An error in an expression stands where it stands in the file, however YAML writes it")
    func placesInScalars() {
        #expect(problems(rule("smtp and usr", "close")).first?.hasPrefix("f:3:20: error: unknown field 'usr'") == true)
        #expect(problems(rule("'smtp and usr'", "close")).first?.hasPrefix("f:3:21: ") == true)
        #expect(problems(rule("'\"''\" == usr'", "close")).first?.hasPrefix("f:3:12: ") == true)
        #expect(problems(rule("'user == \"it''s\" and usr'", "close")).first?.hasPrefix("f:3:32: ") == true)
        #expect(problems(rule("\"user == \\\"x\\\" and usr\"", "close")).first?.hasPrefix("f:3:30: ") == true)
        #expect(problems(rule("\"user == \\\"\\x41\\\" and usr\"", "close")).first?.hasPrefix("f:3:33: ") == true)
        #expect(problems(rule(">-\n      smtp and\n      usr", "close")).first?.hasPrefix("f:5:7: ") == true)
        #expect(problems(rule("|\n      smtp and\n        usr", "close")).first?.hasPrefix("f:5:9: ") == true)
        #expect(problems(rule("smtp and\n      usr", "close")).first?.hasPrefix("f:4:7: ") == true)
        #expect(problems(rule("user == \"ä\" and usr", "close")).first?.hasPrefix("f:3:27: ") == true)
        #expect(
            problems(rule("user matches \"a\\\\q\"", "close")) == ["f:3:26: error: unknown escape in the pattern"])
    }

    @Test("All errors of a file are told, and a rule with one is left out")
    func all() {
        let text = """
            rules:
              - {name: a, when: usr, then: [close]}
              - {name: b, when: smtp, then: [close]}
              - {name: c, when: smtp, then: [clse, {tag: "x y"}]}
            """
        let (set, problems) = RuleCompiler.compile([RuleFile(name: "f", text: text)])
        #expect(problems.map(\.line) == [2, 4, 4])
        #expect(set.rules.map(\.name) == ["b"])
    }

    @Test(
        "Actions at the wrong point",
        arguments: [
            (
                "reply.code == 550", "reject: no",
                "'reject' is too late: the rule runs at 'reply' because of 'reply.code'"
            ),
            ("reply.code == 550", "set-header: 'X-A: b'", "'set-header' is too late"),
            ("command == \"MAIL\"", "set-header: 'X-A: b'", "'set-header' is too early"),
            ("mailbox == \"x\"", "set-header: 'X-A: b'", "'set-header' is too early"),
            ("imap and user == \"x\"", "set-header: 'X-A: b'", "works in SMTP, LMTP and POP3 only"),
            ("imap and subject == \"x\"", "close", "can hold in no protocol: 'subject' is known in smtp, lmtp, pop3"),
            ("smtp and imap", "close", "can hold in no protocol"),
            ("reply.code == 550 and subject == \"x\"", "close", "'subject' is not known any more"),
            ("reply.code == 550", "log: '{subject}'", "'subject' is not known any more"),
        ])
    func wrongPoint(when: String, then: String, words: String) {
        let found = problems(rule(when, then))
        #expect(found.count == 1 && found.first?.contains(words) == true, "\(found)")
    }

    @Test(
        "A value that could open another line is refused",
        arguments: [
            "reject: \"550 no\\r\\n250 yes\"", "reject: \"550 no\\n\"",
            "set-header: \"X-A: b\\r\\nBcc: x@example.org\"",
            "set-header: {name: X-A, value: \"b\\nBcc: x\"}", "set-header: {name: \"X-A\\r\\nBcc\", value: b}",
            "set-header: \"X A: b\"", "set-header: \"X-A\\u0000: b\"", "set-header: \": b\"",
            "set-header: \"no colon\"",
            "set-header: \".X: b\"", "reject: \"no \\x00\"", "tag: \"a\\nb\"", "reject: \"\"", "reject: \"ümlaut\"",
        ])
    func injection(action: String) {
        #expect(problems(rule("smtp and subject", action)).count == 1, "\(action)")
    }

    @Test("Values of fields bring no line into a header or the log")
    func injectionByValue() throws {
        let template = try RuleTemplate("a {user} b")
        var facts = RuleFacts(mailProtocol: .smtp, clientAddress: "192.0.2.1", route: "r")
        facts.user = "x\r\nBcc: y\u{0}\u{85}\u{1b}[2J"
        #expect(template.text(from: facts) == "a xBcc: y[2J b")
        facts.user = String(repeating: "ä", count: 1000)
        #expect(template.text(from: facts).utf8.count <= RuleTemplate.longestValue + 5)
    }

    @Test(
        "No file makes a trap",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: "- ", count: 20_000),
            String(repeating: "{a: ", count: 20_000),
            "rules: *nothing", "a: &a [*a]", "rules: &a\n  - *a", "\u{0}\u{1}", "rules:\n\t- x", "--- a\n--- b\n",
            "? [a]\n: b", "rules:\n  - ? {a: b}\n    : c",
            "rules:\n  - !tag {name: x, then: [close]}\n", "%YAML 9.9\n---\nrules: []",
            "rules:\n  - name: [a]\n    when: {b: c}\n    then: {d: e}\n",
            "rules:\n  - name: x\n    then:\n      - [close]\n      - {reject: [a]}\n      - {a: b, c: d}\n      - {}\n      - {set-header: {name: a}}\n      - {set-header: {nme: a}}\n      - {delay: {}}\n",
        ])
    func hostileFiles(text: String) {
        let (set, _) = RuleCompiler.compile([RuleFile(name: "f", text: text)])
        #expect(set.count <= 1)
    }

    @Test("Aliases that multiply are not followed")
    func laughs() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 {
            let inner = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(inner)]\n"
        }
        text += "rules: *a11\n"
        let time = processorTime { #expect(!problems(text).isEmpty) }
        #expect(time < .seconds(5))
    }

    @Test("The file size has a bound")
    func size() {
        #expect(problems("# " + String(repeating: "x", count: RuleLimits.file)).count == 1)
    }
}
