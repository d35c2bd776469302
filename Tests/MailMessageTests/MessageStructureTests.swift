// Where parts begin and end (RFC 2046 §5.1), and what goes wrong there.

import Testing

@testable import MailMessage

/// A message in short form: its lines, ended with CRLF, the last one not.
func message(_ lines: String...) -> [UInt8] { octets(lines.joined(separator: "\r\n")) }

@Suite struct MessageStructureTests {
    /// The tree in short: `type/subtype[body]`, `(…)` around children.
    private func short(_ message: [UInt8]) -> String {
        let structure = MessageStructure.parse(message)
        func describe(_ part: MessagePart) -> String {
            let name = part.mediaType.subtype
            switch part.content {
            case .leaf: return "\(name)[\(text(structure.body(of: part, in: message)))]"
            case .opaque: return "opaque[\(text(structure.body(of: part, in: message)))]"
            case .multipart(let children):
                return "\(name)(\(children.map { describe(structure.parts[$0]) }.joined(separator: " ")))"
            case .message(let root): return "message(\(describe(structure.parts[root])))"
            }
        }
        return describe(structure.root)
    }

    @Test func plainMessage() {
        let bytes = message("Subject: x", "", "line 1", "line 2", "")
        let root = MessageStructure.parse(bytes).root
        #expect(root.header == 0..<14)
        #expect(root.body == 14..<30)
        #expect(root.lines == 2)
        #expect(root.mediaType == .plainText)
        #expect(root.encoding == "7bit")
    }

    @Test func emptyAndHeaderOnly() {
        #expect(MessageStructure.parse([]).root.body == 0..<0)
        #expect(MessageStructure.parse(octets("A: 1")).root.header == 0..<4)
        #expect(MessageStructure.parse(octets("\n")).root.header == 0..<1)
        #expect(MessageStructure.parse(octets("\nx")).root.lines == 0)
    }

    private static let mixed = "Content-Type: multipart/mixed; boundary=b"

    @Test func multipart() {
        let bytes = message(
            Self.mixed, "", "preamble", "--b", "", "one", "--b", "Content-Type: text/html", "", "two", "", "--b--",
            "epilogue")
        #expect(short(bytes) == "mixed(plain[one] html[two\r\n])")
        let structure = MessageStructure.parse(bytes)
        #expect(structure.parts.map(\.lines) == [10, 0, 1])
        #expect(structure.root.body.upperBound == bytes.count)
        #expect(text(structure.header(of: structure.parts[2], in: bytes)) == "Content-Type: text/html\r\n\r\n")
    }

    @Test func bareLineFeeds() {
        let bytes = octets("\(Self.mixed)\n\n--b\n\none\n--b\n\ntwo\n--b--\n")
        #expect(short(bytes) == "mixed(plain[one] plain[two])")
    }

    @Test(arguments: [
        // No closing boundary.
        (["--b", "", "one", "--b", "", "two"], "mixed(plain[one] plain[two])"),
        // No boundary at all.
        (["text"], "mixed()"),
        // White space behind the boundary.
        (["--b \t", "", "one", "--b-- "], "mixed(plain[one])"),
        // The line end before a boundary is the boundary's.
        (["--b", "", "", "--b--"], "mixed(plain[])"),
        (["--b", "", "--b--"], "mixed(plain[])"),
        (["--b", "--b--"], "mixed(plain[])"),
        (["--b--"], "mixed()"),
        // A boundary line ends a header too.
        (["--b", "Content-Type: text/html", "--b", "", "two", "--b--"], "mixed(html[] plain[two])"),
        // A closed multipart does not open again.
        (["--b", "", "one", "--b--", "--b", "", "two"], "mixed(plain[one])"),
        // Hyphens that are no boundary.
        (["--b", "", "--", "---b", " --b", "--a", "one", "--b--"], "mixed(plain[--\r\n---b\r\n --b\r\n--a\r\none])"),
        // RFC 2046 §5.1.1 compares the beginning of the line only.
        (["--b", "", "one", "--bx", "", "two", "--b--"], "mixed(plain[one] plain[two])"),
    ])
    func boundaries(lines: [String], expected: String) {
        #expect(short(octets(([Self.mixed, ""] + lines).joined(separator: "\r\n"))) == expected)
    }

    @Test func nestedAndSimilarBoundaries() {
        let inner = "Content-Type: multipart/alternative; boundary=bb"
        #expect(
            short(
                message(
                    Self.mixed, "", "--b", inner, "", "--bb", "", "1", "--bb", "", "2", "--bb--", "--b", "", "3",
                    "--b--"))
                == "mixed(alternative(plain[1] plain[2]) plain[3])")
        // The inner one is never closed.
        #expect(
            short(message(Self.mixed, "", "--b", inner, "", "--bb", "", "1", "--b", "", "3", "--b--"))
                == "mixed(alternative(plain[1]) plain[3])")
        // The inner boundary is the same as the outer one: the inner multipart has it.
        let same = "Content-Type: multipart/alternative; boundary=b"
        #expect(
            short(message(Self.mixed, "", "--b", same, "", "--b", "", "1", "--b--", "--b", "", "2", "--b--"))
                == "mixed(alternative(plain[1]) plain[2])")
        // The outer boundary is longer than the inner one.
        #expect(
            short(
                message(
                    "Content-Type: multipart/mixed; boundary=bb", "", "--bb", same, "", "--b", "", "1", "--bb", "", "2")
            )
                == "mixed(alternative(plain[1]) plain[2])")
    }

    @Test func nestedMessages() {
        let bytes = message(
            Self.mixed, "", "--b", "Content-Type: message/rfc822", "", "Subject: inner", "Content-Type: text/html", "",
            "hello", "--b--")
        #expect(short(bytes) == "mixed(message(html[hello]))")
        let structure = MessageStructure.parse(bytes)
        #expect(structure.parts.count == 3)
        #expect(structure.parts[1].body == structure.parts[2].header.lowerBound..<structure.parts[2].body.upperBound)
        #expect(structure.parts[1].lines == 3)
        #expect(structure.envelope(of: structure.parts[2], in: bytes).subject == octets("inner"))
        // Cut inside the inner header: the parts around it end where it does.
        let cut = message(Self.mixed, "", "--b", "Content-Type: message/rfc822", "", "Subject: inner", "--b--")
        #expect(short(cut) == "mixed(message(plain[]))")
        #expect(short(message(Self.mixed, "", "--b", "Content-Type: message/rfc822", "--b--")) == "mixed(opaque[])")
        #expect(short(message("Content-Type: message/global", "", "A: 1", "", "x")) == "message(plain[x])")
    }

    @Test func digest() {
        let bytes = message(
            "Content-Type: multipart/digest; boundary=b", "", "--b", "", "Subject: 1", "", "one", "--b",
            "Content-Type: text/plain", "",
            "two", "--b--")
        #expect(short(bytes) == "digest(message(plain[one]) plain[two])")
    }

    @Test(arguments: [
        "multipart/mixed", "multipart/mixed; boundary=\"\"",
        "multipart/mixed; boundary=" + String(repeating: "x", count: 1_001),
    ])
    func unusableBoundary(type: String) {
        #expect(short(message("Content-Type: \(type)", "", "--", "a")) == "opaque[--\r\na]")
    }

    @Test func fieldsOfAPart() {
        let bytes = message(
            "Content-Type: text/plain; name=\"a.txt\"", "Content-Transfer-Encoding: BASE64 (x)",
            "Content-ID: <1@example.com>",
            "Content-Description: d", "Content-Disposition: attachment; filename=b.txt", "Content-Language: en, de (x)",
            "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==", "Content-Location: http://example.com/", "Content-Type: text/html",
            "", "aGk=")
        let structure = MessageStructure.parse(bytes)
        let root = structure.root
        #expect(root.mediaType.subtype == "plain")
        #expect(root.encoding == "base64")
        #expect(root.id == octets("<1@example.com>"))
        #expect(root.description == octets("d"))
        #expect(root.filename == "b.txt")
        #expect(root.languages == [octets("en"), octets("de")])
        #expect(root.md5 == octets("Q2hlY2sgSW50ZWdyaXR5IQ=="))
        #expect(root.location == octets("http://example.com/"))
        #expect(structure.text(of: root, in: bytes) == "hi")
    }

    @Test func shorterMessageThanParsed() {
        let bytes = message("A: 1", "", "body")
        let structure = MessageStructure.parse(bytes)
        for count in 0..<bytes.count {
            let short = Array(bytes[..<count])
            #expect(structure.body(of: structure.root, in: short).count <= count)
            #expect(structure.section(SectionSpec(part: [1]), in: short) != nil)
        }
    }
}
