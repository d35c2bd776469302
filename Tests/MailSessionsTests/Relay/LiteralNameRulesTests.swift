// Rules on a mailbox that comes behind the line of its command, in a literal: they see what they see in a line, and nothing gets by them.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct LiteralNameRulesTests {
    private static func lines(_ lines: [String]) -> [UInt8] { lines.flatMap { Array("\($0)\r\n".utf8) } }

    /// What a rule says of a name is the same whether the name stands in the line or in a literal.
    @Test(arguments: [
        // A tag that one rule sets the next one sees.
        (
            "- {name: t, when: mailbox == \"Archive\", then: [{tag: x}]}",
            "- {name: r, when: tag == \"x\", then: [{reject: no}]}",
            "SELECT", "Archive", false
        ),
        // What is denied of a name is asked when there is one.
        (
            "- {name: r, when: command == \"SELECT\" and mailbox != \"INBOX\", then: [{reject: no}]}", "", "SELECT",
            "INBOX", true
        ),
        (
            "- {name: r, when: command == \"SELECT\" and mailbox != \"INBOX\", then: [{reject: no}]}", "", "SELECT",
            "Archive", false
        ),
        // What passes at the line has passed.
        (
            "- {name: p, when: command == \"STATUS\", then: [pass]}",
            "- {name: r, when: mailbox == \"Archive\", then: [{reject: no}]}", "STATUS", "Archive", true
        ),
        (
            "- {name: p, when: command == \"STATUS\" and mailbox == \"Archive\", then: [pass]}",
            "- {name: r, when: mailbox == \"Archive\", then: [{reject: no}]}", "STATUS", "Archive", true
        ),
        ("- {name: r, when: command == \"DELETE\", then: [{reject: no}]}", "", "DELETE", "x", false),
    ])
    func asInALine(_ first: String, _ second: String, _ verb: String, _ name: String, _ passes: Bool) {
        for words in [["a \(verb) \(name)"], ["a \(verb) {\(name.utf8.count)+}", name]] {
            for step in [nil, 1] as [Int?] {
                var table = RelayTable(.imap, "rules:\n  \(first)\n  \(second)\n", step: step)
                table.say(.server, "* OK hello")
                _ = table.took(.client)
                for word in words { table.say(.client, word) }
                if passes {
                    #expect(table.took(.server) == words, "\(words)")
                    table.say(.server, "a OK done")
                    #expect(table.took(.client) == ["a OK done"], "\(words)")
                } else {
                    #expect(table.took(.client).first == "a NO no", "\(words)")
                    #expect(!table.server.suffix(2).elementsEqual([13, 10]))
                }
            }
        }
    }

    /// What a rule does it does once for a command.
    @Test func nothingTwice() {
        let rules = """
            rules:
              - {name: l, when: command == "SELECT", then: [{log: "line"}]}
              - {name: n, when: command == "SELECT" and mailbox != "Foo", then: [{log: "name {mailbox}"}]}
            """
        var table = RelayTable(.imap, rules)
        table.say(.server, "* OK hello")
        table.say(.client, "a SELECT {5+}", "INBOX")
        #expect(table.logs == ["rule l: line", "rule n: name INBOX"])
    }

    private static let archive = "rules: [{name: ro, when: mailbox == \"Archive\", then: [{reject: no}]}]"

    /// The octets that belong to the rest of a refused command are no command either.
    @Test(arguments: ["{18+}", "{18}"], [nil, 1, 7] as [Int?])
    func theRestOfARefusedCommand(_ literal: String, _ step: Int?) {
        var table = RelayTable(.imap, Self.archive, step: step)
        table.say(.server, "* OK hello")
        table.say(.client, "a APPEND Archive {5}")
        #expect(table.took(.client) == ["* OK hello", "a NO no"])
        table.say(.client, " x \(literal)", "b DELETE Archive", " y {7}", "Archive", "c NOOP")
        #expect(table.took(.server) == ["c NOOP"])
        table.say(.server, "c OK")
        #expect(table.took(.client).last == "c OK")
        #expect(!table.isClosed)
    }

    /// In the middle of a response of the server nothing is said, and the session ends.
    @Test func inTheMiddleOfAResponse() {
        var table = RelayTable(.imap, Self.archive)
        table.say(.server, "* OK hello")
        table.say(.client, "a FETCH 1 BODY[]")
        table.send(.server, Array("* 1 FETCH (BODY[] {100}\r\n0123".utf8))
        _ = table.took(.client)
        table.say(.client, "b SELECT {7+}", "Archive")
        #expect(table.isClosed)
        #expect(!String(decoding: table.client, as: UTF8.self).contains("BYE"))
    }

    /// What can't be followed any more is not judged any more, and the log says so.
    @Test func theLogSaysSo() {
        var table = RelayTable(.imap, Self.archive)
        table.say(.server, "* OK hello")
        table.send(.client, Array("a NOOP".utf8) + [UInt8](repeating: 32, count: 70_000) + [13, 10])
        #expect(table.logs == ["the session can't be followed any more (long-line): no rule is asked"])
    }

    /// A line that is too long to be followed does not bring the command through.
    @Test func behindTheLimits() {
        var table = RelayTable(.imap, Self.archive)
        table.say(.server, "* OK hello")
        table.send(.client, Self.lines(["a DELETE {7+}"]) + Array("Archive".utf8))
        table.send(.client, [UInt8](repeating: 32, count: 70_000) + [13, 10])
        #expect(table.isClosed)
        #expect(!table.server.suffix(2).elementsEqual([13, 10]))
    }
}
