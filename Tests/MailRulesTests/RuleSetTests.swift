// When rules run and what they say together; the reference page.

import Foundation
import MailDialogue
import MailMessage
import TestSupport
import Testing

@testable import MailRules

@Suite struct RuleSetTests {
    private func set(_ text: String) -> RuleSet {
        let (set, problems) = RuleCompiler.compile([RuleFile(name: "f", text: text)])
        #expect(problems == [])
        return set
    }

    private func one(_ when: String, _ then: String = "close") -> RuleSet {
        set("rules:\n  - name: x\n    when: \(when)\n    then: [\(then)]\n")
    }

    @Test(
        "The point is the earliest at which all fields are known",
        arguments: [
            ("client.address == \"x\"", MailProtocol.smtp, RulePoint.connect), ("smtp", .smtp, .connect),
            ("client.name == \"x\"", .smtp, .command), ("command == \"NOOP\"", .imap, .command),
            ("sender == \"x\"", .smtp, .command), ("sender == \"x\" and rcpt == \"y\"", .lmtp, .envelope),
            ("rcpt == \"y\" and subject == \"z\"", .smtp, .header), ("subject == \"z\"", .pop3, .header),
            ("reply.code == 550 and rcpt == \"y\"", .smtp, .reply), ("tag == \"x\"", .pop3, .command),
            // Fields that a protocol does not have don't hold a rule up there.
            ("mailbox == \"x\" or sender == \"y\"", .imap, .command),
            ("rcpt == \"x\" or user == \"y\"", .pop3, .command),
        ])
    func point(when: String, mailProtocol: MailProtocol, point: RulePoint) {
        let set = one(when)
        for other in RulePoint.allCases {
            #expect(set.needs(other, mailProtocol) == (other == point), "\(when) \(other)")
        }
    }

    @Test("A field in the text of an action counts")
    func pointOfTexts() {
        #expect(one("smtp", "{log: \"{subject}\"}").needs(.header, .smtp))
        let marked = one("smtp or lmtp", "{set-header: \"X-A: {user}\"}")
        #expect(marked.needs(.header, .smtp) && marked.needs(.header, .lmtp) && !marked.needs(.header, .pop3))
        let everywhere = one("client.address == \"x\"", "{set-header: \"X-A: b\"}")
        #expect(everywhere.needs(.header, .pop3) && !everywhere.needs(.header, .imap))
    }

    @Test("A rule that waits for the sender runs when there is a new one, not at each command")
    func occasions() {
        let set = one("sender == \"x\"")
        var facts = RuleFacts(mailProtocol: .smtp, clientAddress: "192.0.2.1", route: "r")
        facts.sender = "x"
        facts.command = "RSET"
        #expect(set.judge(.command, facts).isEmpty)
        facts.command = "MAIL"
        facts.news = .transaction
        #expect(set.judge(.command, facts).rules == ["x"])
        facts.news = []
        #expect(one("sender == \"x\" and command == \"MAIL\"").judge(.command, facts).rules == ["x"])
    }

    @Test("pass, reject and close end the evaluation behind their rule")
    func ending() {
        let set = set(
            """
            rules:
              - name: except
                when: command == "A"
                then: [{tag: a}, pass, {tag: b}]
              - name: refuse
                when: command in {"A", "B"}
                then: [{reject: no}, {tag: c}, {reject: never}]
              - name: last
                when: command
                then: [{delay: 1s}, {tag: d}]
              - name: tagged
                when: tag == "d"
                then: [{delay: 2s}]
            """)
        var facts = RuleFacts(mailProtocol: .imap, clientAddress: "192.0.2.1", route: "r")
        facts.command = "A"
        var verdict = set.judge(.command, facts)
        #expect(
            verdict.rules == ["except"] && verdict.tags == ["a", "b"] && verdict.reject == nil && !verdict.intervenes)
        facts.command = "B"
        verdict = set.judge(.command, facts)
        #expect(verdict.rules == ["refuse"] && verdict.reject == "no" && verdict.tags == ["c"])
        facts.command = "C"
        verdict = set.judge(.command, facts)
        #expect(verdict.rules == ["last", "tagged"] && verdict.delay == 3000 && verdict.tags == ["d"])
    }

    @Test("All header fields of a name are asked, decoded and unfolded")
    func headers() {
        let set = one("header[\"x-a\"] == \"second value\" and subject contains \"ä\"")
        var facts = RuleFacts(mailProtocol: .smtp, clientAddress: "192.0.2.1", route: "r")
        facts.header = HeaderBlock(
            Array("X-A: first\r\nSubject: =?utf-8?q?=C3=A4?=\r\nx-a: second\r\n value\r\n\r\n".utf8))
        #expect(set.judge(.header, facts).rules == ["x"])
    }

    @Test("10,000 rules are asked within a bound")
    func many() {
        var text = "rules:\n"
        for number in 0..<10_000 {
            text += "  - {name: r\(number), when: sender == \"user\(number)@example.com\", then: [{tag: t\(number)}]}\n"
        }
        let set = set(text)
        var facts = RuleFacts(mailProtocol: .smtp, clientAddress: "192.0.2.1", route: "r")
        facts.sender = "user9999@example.com"
        facts.news = .transaction
        let time = processorTime { #expect(set.judge(.command, facts).tags == ["t9999"]) }
        #expect(time < .seconds(2), "a debug build")
    }

    @Test("A rule is explained in plain words")
    func explanation() {
        let set = one("sender.domain == \"x\" and user", "{reject: no}, {delay: 2s}, {log: \"{line}\"}")
        #expect(
            set.rules[0].explanation == """
                x (f:2)
                  runs     at each command (smtp, lmtp)
                  when     sender.domain == "x" and user
                  asks     for sender.domain, user, line
                  does     answers "no" in the server's place
                           waits 2 s
                           logs "{line}"
                """)
        let bound = one("sender.domain == \"x\"", "{tag: t}")
        #expect(bound.rules[0].explanation.contains("at a command that begins a transaction (MAIL) (smtp, lmtp)"))
    }

    @Test("Docs/Rules.md is what the tables write")
    func reference() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Docs/Rules.md")
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        #expect(text == RuleReference.text, "write it anew: mailproxy rules reference > Docs/Rules.md")
        for action in RuleActionKind.allCases { #expect(text.contains("| `\(action.rawValue)` |")) }
    }
}
