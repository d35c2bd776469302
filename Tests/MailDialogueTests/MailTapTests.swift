// A tap of any protocol: a copy goes its own way, and passing octets over leaves the same state as keeping them.

import Testing

@testable import MailDialogue

@Suite struct MailTapTests {
    private static let message =
        "Subject: x\r\n\r\n..stuffed\r\nbare\nlone\r.\r\n"
        + String(repeating: "a line of text\r\n", count: 40) + "\r\n.\r\n"

    /// Sessions with content of each kind; `$` stands for the message.
    private static let sessions: [(MailProtocol, [(Side, String)])] = [
        (
            .smtp,
            [
                (.server, "220 x\r\n"), (.client, "EHLO x\r\n"), (.server, "250 x\r\n"),
                (.client, "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"),
                (.server, "250 x\r\n250 x\r\n354 x\r\n"), (.client, message), (.server, "250 x\r\n"),
                (.client, "BDAT 700 LAST\r\n" + String(repeating: "0123456", count: 100)), (.server, "250 x\r\n"),
                (.client, "STARTTLS\r\n"), (.server, "220 x\r\n"), (.client, "\u{16}\u{3}opaque"),
                (.server, "opaque"), (.client, "more that is opaque"),
            ]
        ),
        (
            .pop3,
            [
                (.server, "+OK\r\n"), (.client, "USER a\r\nPASS b\r\nRETR 1\r\n"), (.server, "+OK\r\n+OK\r\n+OK\r\n"),
                (.server, message), (.client, "QUIT\r\n"), (.server, "+OK\r\n"),
            ]
        ),
        (
            .imap,
            [
                (.server, "* OK x\r\n"), (.client, "a LOGIN {1+}\r\nu {2+}\r\npw\r\n"), (.server, "a OK x\r\n"),
                (.client, "b FETCH 1 BODY[]\r\n"),
                (.server, "* 1 FETCH (BODY[] {600}\r\n" + String(repeating: "012345", count: 100) + ")\r\nb OK x\r\n"),
                (.client, "c APPEND x {300+}\r\n" + String(repeating: "abc", count: 100) + "\r\n"),
                (.server, "c OK x\r\n"),
            ]
        ),
    ]

    @Test(arguments: sessions, [1, 2, 3, 7, 64, 5_000])
    func passingOverLeavesTheSameState(_ session: (MailProtocol, [(Side, String)]), _ size: Int) {
        var kept = session.0.makeTap()
        var passed = session.0.makeTap()
        var passedOver = 0
        for (side, text) in session.1 {
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let chunk = rest.prefix(size)
                rest = rest.dropFirst(size)
                var seen: [Note] = []
                kept.receive(chunk, from: side, into: &seen)
                var told: [Note] = []
                let count = chunk.withUnsafeBytes { passed.pass($0, from: side) }
                passedOver += count
                if count < chunk.count { passed.receive(chunk.dropFirst(count), from: side, into: &told) }
                // Whatever is told of a chunk of which nothing was passed over is the same.
                if count == 0 { #expect(told == seen) }
                for side in Side.allCases {
                    #expect(passed.demand(side) == kept.demand(side))
                    #expect(passed.pending(side) == kept.pending(side))
                }
                #expect(passed.opaque == kept.opaque)
            }
        }
        if size > 1, size < 5_000 { #expect(passedOver > 200, "the inside of messages is passed over") }
    }

    @Test func aCopyGoesItsOwnWay() {
        var first = MailProtocol.smtp.makeTap()
        var notes: [Note] = []
        first.receive(Array("220 x\r\n".utf8)[...], from: .server, into: &notes)
        var second = first
        second.receive(Array("BDAT 5\r\n".utf8)[...], from: .client, into: &notes)
        #expect(first.demand(.client) == .line(limit: DialogueLimits.line))
        #expect(second.demand(.client) != first.demand(.client))
        first.receive(Array("NOOP\r\n".utf8)[...], from: .client, into: &notes)
        #expect(notes.last?.element == .command(Command(verb: "NOOP")))
        #expect(second.pending(.client) == 0)
    }
}
