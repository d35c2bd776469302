// Content-Type, Content-Disposition and the parameters of RFC 2231.

import Testing

@testable import MailMessage

@Suite struct MediaTypeTests {
    private func parameters(_ value: String) -> [String: String] {
        let type = MediaType(parsing: octets("text/plain; " + value)[...])
        return Dictionary(uniqueKeysWithValues: type?.parameters.map { ($0.name, text($0.value)) } ?? [])
    }

    @Test func typeAndParameters() throws {
        let type = try #require(
            MediaType(parsing: octets(" Text / HTML (c;x) ; Charset=\"utf-8\" (note)\r\n ;name=a.b")[...]))
        #expect(type.type == "text")
        #expect(type.subtype == "html")
        #expect(type.parameter("charset") == octets("utf-8"))
        #expect(type.parameter("name") == octets("a.b"))
    }

    @Test(arguments: ["", "text", "text/", "/plain", ";", "text;charset=x", "(text/plain", "\"text\"/plain"])
    func noType(value: String) {
        #expect(MediaType(parsing: octets(value)[...]) == nil)
    }

    @Test(
        arguments: [
            ("charset=us-ascii (Plain text)", ["charset": "us-ascii"]),
            ("charset=us-ascii(Plain text)", ["charset": "us-ascii"]),
            ("name=report(1).pdf; x=y", ["name": "report(1).pdf", "x": "y"]),
            ("name=this is it.txt", ["name": "this is it.txt"]),
            ("name=a(b", ["name": "a(b"]),
            ("name=\"a\\\"b\\\\c\"", ["name": "a\"b\\c"]),
            ("name=\"a\" junk; x=y", ["name": "a", "x": "y"]),
            ("name=\"a\" x=y", ["name": "a", "x": "y"]),
            ("name=a x=\"y z\"", ["name": "a", "x": "y z"]),
            (";; boundary==_x;", ["boundary": "=_x"]),
            ("boundary=\"a  \"", ["boundary": "a"]),
            ("name=\"open; x=y", ["name": "open; x=y"]),
            ("name=a; name=b", ["name": "a"]),
            ("name", [:]),
            ("name=", ["name": ""]),
            ("=x", [:]),
        ] as [(String, [String: String])])
    func readsParameters(value: String, expected: [String: String]) {
        #expect(parameters(value) == expected)
    }

    @Test(arguments: [
        ("title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "This is ***fun***"),
        (
            "title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
            "This is even more ***fun*** isn't it!"
        ),
        ("title*1=b; title*0=a; title*3=d", "ab"),
        ("title*=iso-8859-1''%e4", "ä"),
        ("title=plain; title*=utf-8''%C3%A4", "ä"),
        ("title*=utf-8''%", "%"),
        ("title*=abc%20d", "abc d"),
        ("title*=x-none''%41", "A"),
    ])
    func rfc2231(value: String, expected: String) {
        #expect(parameters(value)["title"] == expected)
    }

    @Test func extendedFormIsKept() throws {
        let type = try #require(MediaType(parsing: octets("a/b; t*0*=utf-8'de'%C3%A4; t*1=\" b\"")[...]))
        #expect(type.parameters.first?.extended == octets("utf-8'de'%C3%A4%20b"))
    }

    @Test func disposition() throws {
        let value = "ATTACHMENT; filename=\"=?utf-8?q?=C3=A4?=.txt\"; size=3"
        let disposition = try #require(ContentDisposition(parsing: octets(value)[...]))
        #expect(disposition.type == "attachment")
        #expect(disposition.filename == "ä.txt")
        #expect(ContentDisposition(parsing: octets("; filename=x")[...]) == nil)
    }
}
