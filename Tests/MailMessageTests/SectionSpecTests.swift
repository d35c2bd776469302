// Sections: reading what stands between the brackets, and the octets that it names (RFC 9051 §6.4.5.1).

import Testing

@testable import MailMessage

@Suite struct SectionSpecTests {
    @Test(arguments: [
        ("", SectionSpec()),
        ("1.2", SectionSpec(part: [1, 2])),
        ("text", SectionSpec(text: .text)),
        ("HEADER", SectionSpec(text: .header)),
        ("4.1.MIME", SectionSpec(part: [4, 1], text: .mime)),
        ("HEADER.FIELDS (Date FROM)", SectionSpec(text: .headerFields([octets("Date"), octets("FROM")]))),
        (
            "2.Header.Fields.Not (\"x\" {1}\r\ny {1+}\r\nz)",
            SectionSpec(part: [2], text: .headerFieldsNot([octets("x"), octets("y"), octets("z")]))
        ),
    ])
    func reads(value: String, expected: SectionSpec) {
        #expect(SectionSpec(parsing: octets(value)[...]) == expected)
        #expect(SectionSpec(parsing: octets("12" + value)[2...]) == expected)
        #expect(SectionSpec(parsing: expected.imapBytes[...]) == expected)
    }

    @Test(arguments: [
        "0", "1.", ".1", "1..2", "1x", "1HEADER", "MIME", "1.FOO", "HEADER.FIELDS", "HEADER.FIELDS ()",
        "HEADER.FIELDS (a", "HEADER x",
        "HEADER.FIELDS (a) b", "99999999999999999999", "HEADER.FIELDS (\"a", "HEADER.FIELDS ({9}\r\na)",
        "HEADER.FIELDS ({", "TEXT.1",
        "HEADER.FIELDS ({99999999999999999999}\r\na)", "HEADER.FIELDS (a\\b)", "1.0", " ", "HEADER.FIELDS (%)",
    ])
    func refuses(value: String) {
        #expect(SectionSpec(parsing: octets(value)[...]) == nil)
    }

    /// The shape of the example in RFC 9051 §6.4.5.1.
    private static let example = message(
        "Subject: outer", "Content-Type: multipart/mixed; boundary=a", "", "--a", "X: 1", "", "p1", "--a",
        "Content-Type: message/rfc822", "", "Subject: inner", "Content-Type: multipart/mixed; boundary=c", "", "--c",
        "", "p21", "--c", "",
        "p22", "--c--", "--a", "Content-Type: multipart/alternative; boundary=d", "", "--d", "", "p31", "--d",
        "Content-Type: message/rfc822", "", "Subject: deep", "", "p32", "--d--", "--a--", "")

    private func section(_ value: String, of bytes: [UInt8] = example) -> String? {
        guard let spec = SectionSpec(parsing: octets(value)[...]) else { return "no section" }
        return MessageStructure.parse(bytes).section(spec, in: bytes).map { text($0) }
    }

    @Test(arguments: [
        ("1", "p1"), ("1.MIME", "X: 1\r\n\r\n"), ("2.1", "p21"), ("2.2", "p22"), ("2.2.MIME", "\r\n"),
        ("2.HEADER", "Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"),
        ("2.TEXT", "--c\r\n\r\np21\r\n--c\r\n\r\np22\r\n--c--"), ("2.MIME", "Content-Type: message/rfc822\r\n\r\n"),
        ("2.HEADER.FIELDS (subject)", "Subject: inner\r\n\r\n"),
        ("2.HEADER.FIELDS.NOT (content-type)", "Subject: inner\r\n\r\n"),
        ("3", "--d\r\n\r\np31\r\n--d\r\nContent-Type: message/rfc822\r\n\r\nSubject: deep\r\n\r\np32\r\n--d--"),
        ("3.1", "p31"), ("3.2", "Subject: deep\r\n\r\np32"), ("3.2.1", "p32"), ("3.2.TEXT", "p32"),
        ("3.2.1.MIME", "Subject: deep\r\n\r\n"), ("HEADER.FIELDS (SUBJECT)", "Subject: outer\r\n\r\n"),
        ("HEADER.FIELDS (nothing)", "\r\n"),
        ("HEADER", "Subject: outer\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"),
    ])
    func octetsOfSections(value: String, expected: String) {
        #expect(section(value) == expected)
    }

    @Test(arguments: [
        "4", "1.1", "1.HEADER", "1.TEXT", "2.3", "3.HEADER", "3.1.1", "3.2.2", "3.2.1.1", "2.1.HEADER.FIELDS (a)",
    ])
    func sectionsThatAreNot(value: String) {
        #expect(section(value) == nil)
    }

    @Test func wholeIsHeaderAndText() {
        #expect(section("") == text(Self.example))
        #expect((section("HEADER") ?? "") + (section("TEXT") ?? "") == text(Self.example))
    }

    @Test func singlePartMessages() {
        let plain = message("A: 1", "B: 2", "", "body")
        #expect(section("1", of: plain) == "body")
        #expect(section("1.MIME", of: plain) == "A: 1\r\nB: 2\r\n\r\n")
        #expect(section("1.1", of: plain) == nil)
        #expect(section("2", of: plain) == nil)
        let forwarded = message("Content-Type: message/rfc822", "", "Subject: inner", "", "body")
        #expect(section("1", of: forwarded) == "Subject: inner\r\n\r\nbody")
        #expect(section("1.HEADER", of: forwarded) == "Subject: inner\r\n\r\n")
        #expect(section("1.1", of: forwarded) == "body")
        #expect(section("1.1.1", of: forwarded) == nil)
        // Without an empty line there is none in the subset either.
        #expect(section("HEADER.FIELDS (b)", of: octets("A: 1\r\nB: 2\r\n")) == "B: 2\r\n")
    }
}
