// Address lists, with the examples of RFC 5322 appendix A and what is found instead.

import TestSupport
import Testing

@testable import MailMessage

@Suite struct AddressListTests {
    /// The list in short: `name|route|local|domain`, `name:` and `;` for groups.
    private func short(_ value: String) -> [String] {
        AddressList(parsing: octets(value)[...]).items.map { item in
            switch item {
            case .mailbox(let address):
                [address.displayName, address.route, address.localPart, address.domain].map {
                    $0.map { text($0) } ?? "-"
                }
                .joined(separator: "|")
            case .groupStart(let name): text(name) + ":"
            case .groupEnd: ";"
            }
        }
    }

    @Test(arguments: [
        ("John Doe <jdoe@machine.example>", ["John Doe|-|jdoe|machine.example"]),
        ("\"Joe Q. Public\" <john.q.public@example.com>", ["Joe Q. Public|-|john.q.public|example.com"]),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            ["Mary Smith|-|mary|x.test", "-|-|jdoe|example.org", "Who?|-|one|y.test"]
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            ["-|-|boss|nil.test", "Giant; \"Big\" Box|-|sysservices|example.net"]
        ),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            ["A Group:", "Ed Jones|-|c|a.test", "-|-|joe|where.test", "John|-|jdoe|one.test", ";"]
        ),
        ("Undisclosed recipients:;", ["Undisclosed recipients:", ";"]),
        ("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", ["Hidden recipients:", ";"]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", ["Pete|-|pete|silly.test"]),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            ["Mary Smith|@node.test|mary|example.net", "-|-|jdoe|test.example"]
        ),
        ("<@a.test,@b.test:c@d.test>", ["-|@a.test,@b.test|c|d.test"]),
        ("john.q.public@example.com (John Public)", ["John Public|-|john.q.public|example.com"]),
        ("\"a b\"@example.com", ["-|-|a b|example.com"]),
        ("a . b@example.com", ["-|-|a.b|example.com"]),
        ("joe@[127.0.0.1]", ["-|-|joe|[127.0.0.1]"]),
        ("=?utf-8?q?J=C3=B6?= <j@example.com>", ["=?utf-8?q?J=C3=B6?=|-|j|example.com"]),
    ])
    func standard(value: String, expected: [String]) {
        #expect(short(value) == expected)
    }

    @Test(
        arguments: [
            ("", []),
            (" , ,", []),
            ("root", ["-|-|root|"]),
            ("Mary Smith", ["Mary Smith|-||"]),
            ("<>", ["-|-||"]),
            ("Joe Doe joe@example.com", ["Joe Doe|-|joe|example.com"]),
            ("John Q. Public <j@example.com>", ["John Q. Public|-|j|example.com"]),
            ("a@example.com b@example.com", ["-|-|a|example.com", "-|-|b|example.com"]),
            ("a@b@example.com", ["-|-|a@b|example.com"]),
            ("a@example.com <b@example.com>", ["a@example.com|-|b|example.com"]),
            ("A <a@example.com> B <b@example.com>", ["A|-|a|example.com", "B|-|b|example.com"]),
            ("joe..x.@example.com", ["-|-|joe..x.|example.com"]),
            ("<a@example.com, b@example.com", ["-|-|a|example.com", "-|-|b|example.com"]),
            ("\"open <a@example.com>", ["open <a@example.com>|-||"]),
            ("(open a@example.com", []),
            ("@example.com", ["-|-||example.com"]),
            ("<@example.com>", ["-|-||example.com"]),
            ("a@", ["-|-|a|"]),
            ("G: a@example.com", ["G:", "-|-|a|example.com", ";"]),
            ("a@example.com; b@example.com", ["-|-|a|example.com", "-|-|b|example.com"]),
            (":;", [":", ";"]),
        ] as [(String, [String])])
    func broken(value: String, expected: [String]) {
        #expect(short(value) == expected)
    }

    @Test func readableForms() {
        let list = AddressList(parsing: octets("=?utf-8?q?J=C3=B6?= <j@example.com>, root")[...])
        #expect(list.mailboxes.map(\.name) == ["Jö", nil])
        #expect(list.mailboxes.map(\.text) == ["j@example.com", "root"])
    }

    @Test(arguments: ["<@a", "a@", "(", "<", "\"", "a:", "[", "a.", "<@,", ":;", "a@b <"])
    func hostileListsTakeLinearTime(piece: String) {
        let value = [UInt8](repeatElement(octets(piece), count: 60_000).joined())
        let time = processorTime { #expect(AddressList(parsing: value[...]).items.count <= value.count) }
        #expect(time < .seconds(8))
    }

    /// Whatever the short way reads, the parser reads the same; what it leaves is no plain address.
    @Test(arguments: [
        (" John Doe <jdoe@machine.example>", true), ("\r\n <a@b>\r\n", true), ("a.b-c_d+e=f@x.example.com", true),
        ("N1 <a@b.c>", true), ("a@b, c@d", false), ("a@b <c@d>", false), ("N. N <a@b>", true), ("<a@b> <c@d>", false),
        ("<a@b>>", false), ("a@b>", false), ("<a@b", false), (".a@b", false), ("a.@b", false), ("a..b@c", false),
        ("a@b.", false), ("a@", false), ("@b", false), ("a@b@c", false), ("<@r:a@b>", false), ("a b@c", false),
        ("a@b (c)", false), ("\"a\"@b", false), ("a@[1.2.3.4]", false), ("=?utf-8?q?a?= <a@b>", true), ("", false),
        ("<>", false), (">", false), ("N\r\n M <a@b>", true), ("é@example.com", false), ("G:a@b;", false),
        ("\"N, M <x@y>\" <a@b>", true), ("\"N\\\"\" <a@b>", false), ("\"N <a@b>", false),
        ("\"N\"x <a@b>", true), ("\"N\" \"M\" <a@b>", false), ("\"N\" (c) <a@b>", false), ("\"\"<a@b>", true),
        ("\">", false),
    ])
    func plainMailboxes(body: String, isPlain: Bool) {
        let plain = AddressList.plainMailbox(octets(body)[...])
        #expect((plain != nil) == isPlain)
        guard let plain else { return }
        #expect(AddressList(parsing: octets(body)[...]).mailboxes.map(\.text) == [text(plain)])
    }
}
