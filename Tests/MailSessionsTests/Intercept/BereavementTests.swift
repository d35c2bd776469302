// What a client is told whose server has gone: by what it has seen, octet by octet.

import MailDialogue
import Testing

@testable import MailSessions

@Suite struct BereavementTests {
    private static func after(_ mailProtocol: MailProtocol, _ words: [(Side, String)]) -> Bereavement {
        var tap = MailTap(mailProtocol)
        var notes: [Note] = []
        for (side, text) in words { tap.receive(Array(text.utf8)[...], from: side, into: &notes) }
        return Bereavement(tap, mailProtocol)
    }

    private static let data: [(Side, String)] = [
        (.server, "220 mx\r\n"), (.client, "EHLO c.example.org\r\n"), (.server, "250 mx\r\n"),
        (.client, "MAIL FROM:<>\r\n"), (.server, "250 ok\r\n"), (.client, "RCPT TO:<a@example.com>\r\n"),
        (.server, "250 ok\r\n"), (.client, "DATA\r\n"), (.server, "354 go\r\n"),
    ]

    private static func gone(_ mailProtocol: MailProtocol, _ exchange: Int, verdicts: Int = 0) -> Bereavement {
        .words(LocalReply.serverLost(mailProtocol, verdicts: verdicts), exchange: exchange)
    }

    /// Before the greeting it is as if the server had never been reached.
    @Test(arguments: MailProtocol.allCases)
    func beforeTheGreeting(_ mailProtocol: MailProtocol) {
        #expect(
            Self.after(mailProtocol, []) == .words(LocalReply.unavailable(mailProtocol), exchange: 0))
    }

    /// RFC 5321 §4.2.5, and 421 behind it (§3.8): a message is refused when all of it was sent, and never before.
    @Test func aMessage() {
        #expect(Self.after(.smtp, Self.data) == .waits)
        #expect(Self.after(.smtp, Self.data + [(.client, "text\r\n.")]) == .waits)
        #expect(Self.after(.smtp, Self.data + [(.client, "text\r\n.\r\n")]) == Self.gone(.smtp, 4, verdicts: 1))
        #expect(
            Self.after(.smtp, Self.data + [(.client, "text\r\n.\r\n"), (.server, "250-on\r\n")]) == .cut)
        #expect(
            Self.after(.smtp, Self.data + [(.client, "text\r\n.\r\n"), (.server, "250 on\r\n")]) == Self.gone(.smtp, 4))
    }

    /// What was only offered was not sent.
    @Test func aMessageThatWasNotBegun() {
        #expect(Self.after(.smtp, Array(Self.data.dropLast())) == Self.gone(.smtp, 4))
    }

    /// RFC 2033 §4.2: as many verdicts as recipients.
    @Test func aMessageForTwo() {
        let words: [(Side, String)] = [
            (.server, "220 mx\r\n"), (.client, "LHLO c.example.org\r\n"), (.server, "250 mx\r\n"),
            (.client, "MAIL FROM:<>\r\n"), (.server, "250 ok\r\n"), (.client, "RCPT TO:<a@example.com>\r\n"),
            (.server, "250 ok\r\n"), (.client, "RCPT TO:<b@example.com>\r\n"), (.server, "250 ok\r\n"),
            (.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, ".\r\n"),
        ]
        #expect(Self.after(.lmtp, words) == Self.gone(.lmtp, 5, verdicts: 2))
        #expect(Self.after(.lmtp, words + [(.server, "250 a has it\r\n")]) == Self.gone(.lmtp, 5, verdicts: 1))
    }

    /// A chunk is a message's end only when it is the last.
    @Test func chunks() {
        let begun = Array(Self.data.dropLast(2))
        #expect(Self.after(.smtp, begun + [(.client, "BDAT 3\r\nab")]) == .waits)
        #expect(Self.after(.smtp, begun + [(.client, "BDAT 3\r\nabc")]) == Self.gone(.smtp, 4))
        #expect(Self.after(.smtp, begun + [(.client, "BDAT 3 LAST\r\nabc")]) == Self.gone(.smtp, 4, verdicts: 1))
    }

    /// Who said goodbye is no loss, nor is one whose session is not followed.
    @Test func ends() {
        #expect(Self.after(.smtp, [(.server, "220 mx\r\n"), (.server, "421 4.3.2 stopping\r\n")]) == .passes)
        #expect(Self.after(.smtp, [(.server, "554 not you\r\n")]) == .passes)
        #expect(
            Self.after(.smtp, [(.server, "220 mx\r\n"), (.client, "QUIT\r\n"), (.server, "221 bye\r\n")]) == .passes)
        #expect(Self.after(.imap, [(.server, "* OK\r\n* BYE\r\n")]) == .passes)
        #expect(Self.after(.pop3, [(.server, "+OK\r\n"), (.client, "QUIT\r\n"), (.server, "+OK\r\n")]) == .passes)
        #expect(
            Self.after(.imap, [(.server, "* OK\r\n"), (.client, "a STARTTLS\r\n"), (.server, "a OK\r\n")]) == .passes)
    }

    /// POP3 has answers alone (RFC 1939 §3).
    @Test func nothingIsOwed() {
        #expect(Self.after(.pop3, [(.server, "+OK\r\n")]) == .passes)
        #expect(Self.after(.pop3, [(.server, "+OK\r\n"), (.client, "CAPA\r\n")]) == Self.gone(.pop3, 1))
        #expect(Self.after(.imap, [(.server, "* OK\r\n")]) == Self.gone(.imap, 0))
    }

    /// No line of ours stands within a line, a literal or an answer of many lines; one may while the client sends a literal.
    @Test func literals() {
        let open: [(Side, String)] = [(.server, "* PREAUTH\r\n"), (.client, "a SELECT x\r\n")]
        #expect(Self.after(.imap, open + [(.server, "* 1 EX")]) == .cut)
        #expect(Self.after(.imap, open + [(.server, "* 1 FETCH (BODY[] {3}\r\nab")]) == .cut)
        #expect(Self.after(.imap, open + [(.server, "* 1 FETCH (BODY[] {3}\r\nabc")]) == .cut)
        #expect(Self.after(.imap, open + [(.server, "* 1 FETCH (BODY[] {3}\r\nabc)\r\n")]) == Self.gone(.imap, 1))
        let append: [(Side, String)] = [
            (.server, "* PREAUTH\r\n"), (.client, "a APPEND x {9}\r\n"), (.server, "+ go\r\n"), (.client, "half"),
        ]
        #expect(Self.after(.imap, append) == Self.gone(.imap, 1))
        #expect(Self.after(.pop3, [(.server, "+OK\r\n"), (.client, "CAPA\r\n"), (.server, "+OK\r\nTOP\r\n")]) == .cut)
    }
}
