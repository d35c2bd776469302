// Names that clients ask for, and patterns of them.

import MailSessions
import Testing

@Suite struct ServerNamePatternTests {
    @Test(
        arguments: [
            ("mail.example.com", "mail.example.com", 2), ("mail.example.com", "MAIL.Example.COM.", 2),
            ("Mail.Example.com", "mail.example.com", 2), ("*.example.com", "a.example.com", 1),
            ("*.example.com", "A_B-c.EXAMPLE.com", 1), ("localhost", "localhost", 2),
        ] as [(String, String, Int)])
    func fits(_ pattern: String, _ name: String, _ fit: Int) throws {
        #expect(try #require(ServerNamePattern(pattern)).fit(name) == fit)
    }

    @Test(arguments: [
        ("mail.example.com", "example.com"), ("mail.example.com", "a.mail.example.com"), ("mail.example.com", ""),
        // One label, and not none.
        ("*.example.com", "example.com"), ("*.example.com", ".example.com"), ("*.example.com", "a.b.example.com"),
        ("*.example.com", "aexample.com"), ("*.example.com", "*.example.org"),
        ("mail.example.com", "mail.example.com.."),
        ("mail.example.com", "mail.example.com\0"),
    ])
    func doesNotFit(_ pattern: String, _ name: String) throws {
        #expect(try #require(ServerNamePattern(pattern)).fit(name) == nil)
    }

    @Test func theLongest() throws {
        let label = String(repeating: "a", count: 63)
        let name = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
        #expect(name.utf8.count == ServerNamePattern.longest)
        #expect(try #require(ServerNamePattern(name)).fit(name + ".") == 2)
        #expect(ServerNamePattern(name + "b") == nil)
        #expect(ServerNamePattern(label + "a.example.com") == nil)
        #expect(try #require(ServerNamePattern("*.example.com")).fit(name + ".example.com") == nil)
    }

    @Test(arguments: [
        "", ".", "*", "*.", "a..b", ".a", "a.", "a.*.b", "*a.example.com", "a b", "ä.example.com", "192.0.2.1", "[::1]",
        "a.example.com:993", "*.*.example.com", "a/b",
    ])
    func isNone(_ text: String) { #expect(ServerNamePattern(text) == nil) }

    @Test func inItsOwnWords() {
        #expect(ServerNamePattern("*.Example.com")?.text == "*.example.com")
        #expect(ServerNamePattern("A.example.com")?.text == "a.example.com")
    }
}
