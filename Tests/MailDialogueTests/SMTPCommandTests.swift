// SMTP command lines and reply lines.

import Testing

@testable import MailDialogue

@Suite struct SMTPCommandTests {
    private func command(_ text: String) -> SMTPCommand { SMTPCommand(Array(text.utf8)[...]) }

    @Test func verbs() {
        for verb in SMTPCommand.Verb.allCases {
            #expect(command(verb.rawValue.lowercased() + " x ").verb == verb)
            #expect(command(verb.rawValue).argument.isEmpty)
        }
        #expect(command("  NOOP\t").verb == .noop)
        #expect(command("MAILX FROM:<>").verb == nil)
        #expect(command("").word == "")
        #expect(command(String(repeating: "x", count: 100)).word.utf8.count == DialogueLimits.verb)
        #expect(command("NO\u{e9}P").word == "NO??P")
    }

    @Test(arguments: [
        ("MAIL FROM:<a@example.org>", "a@example.org", true),
        ("mail from: <a@example.org> SIZE=1", "a@example.org", true),
        ("MAIL FROM:<>", "", true), ("RCPT TO:<@a.example,@b.example:c@example.org>", "c@example.org", true),
        ("RCPT TO:<\"a> b\\\"\"@example.org> NOTIFY=NEVER", "\"a> b\\\"\"@example.org", true),
        ("RCPT TO:a@example.org SIZE=1", "a@example.org", false), ("RCPT TO:<Postmaster>", "Postmaster", true),
    ])
    func paths(_ line: String, _ mailbox: String, _ isBracketed: Bool) throws {
        let path = try #require(command(line).path)
        #expect(path.mailbox.text == mailbox)
        #expect(path.isBracketed == isBracketed)
    }

    @Test(arguments: ["MAIL", "MAIL TO:<a>", "MAIL FROM", "MAIL FROM:", "RCPT TO:<a", "RCPT TO:<\"a>", "DATA <a>"])
    func noPath(_ line: String) { #expect(command(line).path == nil) }

    @Test func parameters() throws {
        let path = try #require(command("MAIL FROM:<a> size=10  BODY=8BITMIME smtputf8 X=").path)
        #expect(path.parameters.map(\.keyword) == ["SIZE", "BODY", "SMTPUTF8", "X"])
        #expect(path.parameters.map(\.value.text) == ["10", "8BITMIME", "", ""])
    }

    @Test func chunks() {
        #expect(command("BDAT 5").chunk.map { [$0.size, $0.isLast ? 1 : 0] } == [5, 0])
        #expect(command("bdat 0 last").chunk.map { [$0.size, $0.isLast ? 1 : 0] } == [0, 1])
        for line in ["BDAT", "BDAT x", "BDAT -1", "BDAT +1", "BDAT 5 FIRST", "BDAT 5LAST", "BDAT 9223372036854775808"] {
            #expect(command(line).chunk == nil)
        }
    }

    @Test(arguments: [
        ("250 Ok", 250, true, ReplyStatus.ok), ("250-Ok", 250, false, .ok), ("354", 354, true, .intermediate),
        ("421 x", 421, true, .closing), ("450\tx", 450, true, .temporary), ("599 ", 599, true, .refused),
        // A reply ends at the first line whose fourth octet is no hyphen (RFC 5321 §4.2, SM-013).
        ("250x", 250, true, .ok), ("250+x", 250, true, .ok), ("2500 x", 250, true, .ok),
    ])
    func replies(_ line: String, _ code: Int, _ isLast: Bool, _ status: ReplyStatus) throws {
        let found = read(line)
        let reply = try #require(found)
        #expect(reply.code == code && reply.isLast == isLast && reply.status == status)
    }

    @Test(arguments: ["", "25", "199 x", "600 x", "2x0 x", "-50 x", "050 x"])
    func noReply(_ line: String) { #expect(read(line) == nil) }

    private func read(_ line: String) -> SMTPReplyLine? {
        let octets = Array(line.utf8)
        return SMTPReplyLine(octets.span)
    }
}
