// The parts of IMAP lines: literal headers, tags and verbs, arguments, responses, FETCH items.

import Testing

@testable import MailDialogue

@Suite struct IMAPLinesTests {
    private func octets(_ text: String) -> ArraySlice<UInt8> { Array("..\(text)".utf8)[2...] }

    @Test(arguments: [
        ("a {0}", 0, false, false), ("{12}", 12, false, false), ("x{5+}", 5, true, false), ("~{7}", 7, false, true),
        ("a ~{007+}", 7, true, true), ("{9223372036854775807}", Int.max, false, false),
    ])
    func literals(_ line: String, _ size: Int, _ nonSync: Bool, _ binary: Bool) throws {
        let literal = try #require(IMAPLiteral(endOf: octets(line)))
        #expect(literal.size == size)
        #expect(literal.isNonSynchronizing == nonSync)
        #expect(literal.isBinary == binary)
        #expect(octets(line)[literal.start...].first == UInt8(ascii: binary ? "~" : "{"))
    }

    @Test(arguments: ["", "}", "{}", "{+}", "5}", "{5", "{5} ", "{-5}", "{5-}", "{ 5}", "{5++}", "+}", "{x}"])
    func noLiterals(_ line: String) { #expect(IMAPLiteral(endOf: octets(line)) == nil) }

    @Test func sizesBeyond63BitsAreLiteralsWithoutSize() throws {
        let literal = try #require(IMAPLiteral(endOf: octets("{9223372036854775808+}")))
        #expect(literal.size == nil)
    }

    @Test func commands() {
        let fetch = IMAPCommand(octets("a1 uid fetch 1:* (FLAGS)"))
        #expect(
            fetch.tag == "a1" && fetch.verb == "UID FETCH" && fetch.isKnown && fetch.arguments.text == "1:* (FLAGS)")
        #expect(IMAPCommand(octets("a1 UID")).verb == "UID")
        #expect(!IMAPCommand(octets("a1 UID")).isKnown)
        #expect(IMAPCommand(octets("a] NOOP")).tag == "a]")
        for line in ["", " NOOP", "* NOOP", "+ NOOP", "a+ NOOP", "a{ NOOP", "\u{e9} NOOP", "\" NOOP"] {
            #expect(IMAPCommand(octets(line)).tag == "", "\(line)")
        }
        #expect(
            IMAPCommand(octets(String(repeating: "t", count: 500) + " NOOP")).tag.utf8.count == IMAPCommand.tagLimit)
    }

    @Test func arguments() {
        var arguments = IMAPArguments(wanted: 2)
        let tokens = arguments.append(line: octets("  al\"ice \"a \\\"b\\\\\" third"))
        #expect(arguments.values.map { $0.withRevealed { $0[...].text } } == ["al\"ice", "a \"b\\"])
        #expect(tokens.count == 2)
        #expect(arguments.count == 2 && !arguments.isBroken)
        var broken = IMAPArguments(wanted: 2)
        _ = broken.append(line: octets("\"abc\\"))
        #expect(broken.isBroken)
        var literal = IMAPArguments(wanted: 2)
        literal.append(literal: SecretBytes([1]))
        #expect(literal.count == 1)
    }

    @Test func responses() {
        #expect(IMAPResponse(octets("* 12 fetch (FLAGS ())")) == .untagged("FETCH"))
        #expect(IMAPResponse(octets("* OK [ALERT] x")) == .untagged("OK"))
        #expect(IMAPResponse(octets("+")) == .continuation)
        #expect(IMAPResponse(octets("+ x")) == .continuation)
        #expect(IMAPResponse(octets("a no x")) == .tagged("a", .refused))
        #expect(IMAPResponse(octets("a OK")) == .tagged("a", .ok))
        #expect(IMAPResponse(octets("a OKAY")) == .tagged("a", nil))
        for line in ["", " ", "*", "* 12", "* "] { #expect(IMAPResponse(octets(line)) == .none, "\(line)") }
    }

    @Test(arguments: [
        ("* 1 FETCH (BODY[] ", "BODY[]"), ("(UID 1 body[1.2]<0> ", "body[1.2]<0>"), ("(RFC822 ", "RFC822"),
        ("(RFC822.HEADER ", "RFC822.HEADER"), ("x RFC822.TEXT ", "RFC822.TEXT"), ("(BINARY[1] ", "BINARY[1]"),
        ("(BODY[HEADER.FIELDS (DATE FROM)] ", "BODY[HEADER.FIELDS (DATE FROM)]"),
    ])
    func messageItems(_ line: String, _ item: String) {
        #expect(IMAPResponse.messageItem(endOf: octets(line))?.text == item)
    }

    @Test(arguments: [
        "", "(", "BODY", "(RFC822.SIZE ", "(BINARY.SIZE[1] ", "\"BODY[]\" ", "x] ", "ENVELOPE (NIL ", "(XBODY[] ",
        "<0> ",
    ])
    func noMessageItems(_ line: String) { #expect(IMAPResponse.messageItem(endOf: octets(line)) == nil) }

    @Test func quotesHideLiterals() {
        #expect(IMAPResponse.endsOutsideQuotes(octets("a \"b\" ")))
        #expect(!IMAPResponse.endsOutsideQuotes(octets("a \"b ")))
        #expect(!IMAPResponse.endsOutsideQuotes(octets("a \"b\\\" ")))
        #expect(IMAPResponse.endsOutsideQuotes(octets("a \"b\\\\\" ")))
    }
}
