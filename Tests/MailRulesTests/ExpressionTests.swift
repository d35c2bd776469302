// Expressions: what holds, what is refused and where, and what is known of them before they are asked.

import MailDialogue
import Testing

@testable import MailRules

/// Fields from a table.
struct Values: FieldSource {
    var values: [String: FieldValue]
    func value(of field: Field) -> FieldValue { values[field.text] ?? .none }
}

@Suite struct ExpressionTests {
    private let values = Values(values: [
        "smtp": .truth(true), "imap": .truth(false), "user": .text("ann"), "command": .texts(["EHLO", "MAIL"]),
        "messages": .number(2), "size": .numbers([100, 5_000_000]), "duration": .number(1_500_000), "tag": .texts([]),
        "subject": .texts(["Your Invoice", "hello"]), "reply.code": .texts(["250", "+OK", "550"]), "opaque": .text(""),
        "finding": .texts(["smtp-bare-lf"]), "header[\"list-id\"]": .texts(["<a.example.com>"]),
        "bytes.client": .number(1024),
    ])

    @Test(
        "What holds",
        arguments: [
            ("smtp", true), ("imap", false), ("not imap", true), ("!imap", true), ("smtp and user", true),
            ("smtp && imap", false),
            ("smtp or imap", true), ("imap || smtp", true), ("true", true), ("not true", false), ("messages", true),
            ("gaps", false),
            ("user == \"ann\"", true), ("user == \"Ann\"", false), ("user != \"bob\"", true),
            ("user in {\"bob\", \"ann\"}", true),
            ("user in {\"bob\"}", false), ("id == \"x\"", false), ("id != \"x\"", true), ("command == \"MAIL\"", true),
            ("command != \"MAIL\"", false), ("messages == 2", true), ("messages > 2", false), ("messages >= 2", true),
            ("messages < 3 and messages <= 2", true), ("messages in {1, 2}", true), ("size > 1 MB", true),
            ("size > 1MB", true),
            ("size > 5 MB", false), ("size >= 5 MB", true), ("size < 1 KB", true), ("bytes.client == 1 KiB", true),
            ("bytes.client == 1 KB", false), ("duration == 1.5 s", true), ("duration == 1500ms", true),
            ("duration < 1 min", true),
            ("duration > 1 h", false), ("tag", false), ("not tag", true), ("subject contains \"Invoice\"", true),
            ("subject contains \"invoice\"", false), ("subject contains \"\"", true),
            ("subject matches \"(?i)invoice$\"", true),
            ("subject matches \"^h.llo$\"", true), ("subject matches r\"^\\w+$\"", true),
            ("reply.code == \"+OK\"", true),
            ("reply.code >= 500", true), ("reply.code == 251", false), ("opaque", false),
            ("finding == \"smtp-bare-lf\"", true),
            ("smtp == true", true), ("imap == false", true), ("smtp != false", true),
            // `not` binds tightest, `or` least.
            ("imap and smtp or smtp", true), ("smtp or smtp and imap", true), ("(smtp or smtp) and imap", false),
            ("not imap and smtp", true), ("not (imap or smtp)", false), ("not not smtp", true),
            ("smtp\n  and\tuser == \"ann\"", true), ("user == \"\\x61nn\"", true), ("user matches \"^a\\\\w+$\"", true),
        ])
    func holds(text: String, expected: Bool) throws {
        #expect(try Expression(text, for: .session).holds(for: values) == expected, "\(text)")
    }

    @Test("Header fields by name")
    func headers() throws {
        #expect(try Expression("header[\"List-Id\"] contains \"a.example\"", for: .rule).holds(for: values))
        #expect(try !Expression("header[\"list-post\"]", for: .rule).holds(for: values))
    }

    @Test(
        "What is refused, where, and in which words",
        arguments: [
            ("", 1, 1, "ends too early"), ("smtp and", 1, 9, "ends too early"), ("smtp smtp", 1, 6, "does not fit"),
            ("sender.doman == \"x\"", 1, 1, "did you mean 'sender.domain'?"),
            ("zzzzzz", 1, 1, "unknown field 'zzzzzz'"),
            ("smtp\nand usr == \"x\"", 2, 5, "did you mean 'user'?"), ("user = \"x\"", 1, 6, "write '=='"),
            ("user == 5", 1, 9, "can't be compared with a number"), ("user > \"x\"", 1, 6, "orders numbers"),
            ("size > \"x\"", 1, 8, "can't be compared with a string"),
            ("size > 5 s", 1, 8, "can't be compared with a time"),
            ("size > 5 MBB", 1, 10, "unknown unit"), ("size > 5 mb", 1, 10, "did you mean 'MB'?"),
            ("rcpt.count > 1 MB", 1, 14, "with a unit"), ("smtp == \"x\"", 1, 9, "true or false"),
            ("size contains \"x\"", 1, 6, "looks into text"),
            ("user contains 5", 1, 15, "expected a string"), ("user matches \"a(\"", 1, 16, "no end"),
            ("user matches \"\\\\d\\\\q\"", 1, 18, "unknown escape"), ("user == \"a\\d\"", 1, 11, "is no escape"),
            ("user == \"x", 1, 9, "no end"),
            ("(smtp", 1, 6, "expected ')'"), ("user in \"x\"", 1, 9, "expected '{'"),
            ("user in {}", 1, 10, "expected a value"), ("user == alice", 1, 9, "in quotes: \"alice\""),
            ("user contains alice", 1, 15, "in quotes: \"alice\""), ("user == a@b", 1, 10, "in double quotes"),
            ("user in {\"a\" \"b\"}", 1, 14, "expected '}'"), ("header == \"x\"", 1, 8, "takes the name"),
            ("header[x]", 1, 8, "in quotes"),
            ("header[\"a b\"]", 1, 8, "no name"), ("user[\"x\"]", 1, 5, "takes no argument"),
            ("user == 'x'", 1, 9, "double quotes"),
            ("user ? 5", 1, 6, "no meaning"), ("size > 99999999999999999999", 1, 8, "too large"),
            ("size > 1.5", 1, 8, "needs a unit"),
            ("size > 9999999999 GB", 1, 8, "too large"), ("finding == \"x\"", 1, 1, "session filters"),
            ("and smtp", 1, 1, "does not fit"),
            ("ä", 1, 1, "'ä' has no meaning"), ("user == \"ä\" x", 1, 13, "does not fit"),
            ("user == true", 1, 9, "can't be compared"),
            ("user adn smtp", 1, 6, "did you mean 'and'?"), ("duration > 5 s", 1, 1, "session filters"),
        ])
    func refused(text: String, line: Int, column: Int, words: String) {
        do {
            _ = try Expression(text, for: .rule)
            Issue.record("taken: \(text)")
        } catch {
            #expect(error.line == line && error.column == column, "\(text): \(error)")
            #expect(error.message.contains(words), "\(text): \(error)")
        }
    }

    @Test("A duration needs a unit")
    func durations() {
        #expect(throws: ExpressionError.self) { try Expression("duration > 5", for: .session) }
        #expect(throws: ExpressionError.self) { try Expression("duration > 5 MB", for: .session) }
        #expect(throws: Never.self) { try Expression("duration > 5 s", for: .session) }
    }

    @Test("Depth and length have bounds; long chains are no depth")
    func bounds() throws {
        #expect(throws: ExpressionError.self) {
            try Expression(String(repeating: "(", count: 10_000) + "smtp", for: .rule)
        }
        #expect(throws: ExpressionError.self) {
            try Expression(String(repeating: "not ", count: 10_000) + "smtp", for: .rule)
        }
        #expect(throws: ExpressionError.self) { try Expression(String(repeating: " ", count: 70_000), for: .rule) }
        let chain = Array(repeating: "smtp", count: 5000).joined(separator: " and ")
        #expect(try Expression(chain, for: .rule).holds(for: values))
    }

    @Test("Any octets are an error with a place or an expression, never a trap")
    func noise() {
        let pieces = [
            "smtp", "user", "header", "[", "]", "\"", "\"a\"", "(", ")", "{", "}", ",", "==", "!=", "<", "and", "or",
            "not", "in",
            "matches", "contains", "5", "1.5", "MB", "s", "\\", "\u{0}", "ä", "r\"", " ", "\n", "size", "&&", "!", ".",
            "=",
        ]
        var random: UInt64 = 3
        var taken = 0
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0...(random >> 40) % 6 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int((random >> 33) % UInt64(pieces.count))] + ((random >> 20) % 2 == 0 ? " " : "")
            }
            for use in FieldUse.allCases {
                do {
                    if try Expression(text, for: use).holds(for: values) { taken += 1 }
                } catch {
                    #expect(error.line >= 1 && error.column >= 1 && error.offset <= text.utf8.count)
                }
            }
        }
        #expect(taken > 0)
    }

    @Test(
        "Where it can hold is known from its words",
        arguments: [
            ("smtp", [MailProtocol.smtp]), ("smtp or lmtp", [.smtp, .lmtp]), ("not imap", [.smtp, .lmtp, .pop3]),
            ("protocol == \"pop3\"", [.pop3]), ("protocol in {\"pop3\", \"imap\"}", [.pop3, .imap]),
            ("user == \"x\"", [.smtp, .lmtp, .pop3, .imap]),
            ("sender == \"x\"", [.smtp, .lmtp]), ("mailbox == \"x\"", [.imap]), ("imap and subject == \"x\"", []),
            ("smtp and imap", []),
            ("not sender", [.smtp, .lmtp, .pop3, .imap]), ("smtp and not lmtp", [.smtp]),
            ("mailbox or sender", [.smtp, .lmtp, .imap]),
            ("true", [.smtp, .lmtp, .pop3, .imap]), ("false", []), ("protocol != \"imap\"", [.smtp, .lmtp, .pop3]),
        ])
    func protocols(text: String, expected: [MailProtocol]) throws {
        let expression = try Expression(text, for: .rule)
        #expect(MailProtocol.allCases.filter { expression.canHold(in: $0) } == expected, "\(text)")
    }

    @Test("The fields it names")
    func fields() throws {
        let expression = try Expression("smtp and (user == \"x\" or not user) and header[\"A\"]", for: .rule)
        #expect(expression.fields.map(\.text) == ["smtp", "user", "header[\"a\"]"])
    }

    @Test("The table has each field once, with a sentence")
    func table() {
        #expect(Set(FieldTable.all.map(\.name)) == Set(FieldName.allCases))
        #expect(FieldTable.all.count == FieldName.allCases.count)
        for field in FieldTable.all {
            #expect(field.meaning.hasSuffix("."), "\(field.name)")
            #expect(field.isKnown(for: .rule) || field.isKnown(for: .session), "\(field.name)")
        }
    }
}
