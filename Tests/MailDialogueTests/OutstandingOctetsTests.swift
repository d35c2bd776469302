// What commands take of memory until they are answered: it is told while there are many, and nothing is left of it.

import Testing

@testable import MailDialogue

@Suite struct OutstandingOctetsTests {
    private typealias Line = @Sendable (Int) -> String
    private static let sessions: [(MailProtocol, greeting: String, command: Line, reply: Line)] = [
        (.smtp, "220 x\r\n", { "RCPT TO:<\($0)@example.com>\r\n" }, { _ in "250 ok\r\n" }),
        (.pop3, "+OK x\r\n", { _ in "NOOP\r\n" }, { _ in "+OK\r\n" }),
        (.imap, "* OK x\r\n", { "a\($0) \($0 % 2 == 0 ? "NOOP" : "CHECK")\r\n" }, { "a\($0) OK\r\n" }),
    ]

    @Test(arguments: sessions.indices, [true, false])
    func itIsToldAndGivenBack(_ index: Int, _ listens: Bool) {
        let (mailProtocol, greeting, command, reply) = Self.sessions[index]
        for count in [1, 8, 200, 333] {
            var tap = MailTap(mailProtocol, listens: listens)
            var notes: [Note] = []
            tap.receive(Array(greeting.utf8)[...], from: .server, into: &notes)
            for number in 0..<count { tap.receive(Array(command(number).utf8)[...], from: .client, into: &notes) }
            let octets = tap.outstandingOctets
            // A usual session costs nothing to count.
            #expect(count <= 8 ? octets == 0 : octets >= count * 40, "\(count): \(octets)")
            for number in 0..<count { tap.receive(Array(reply(number).utf8)[...], from: .server, into: &notes) }
            #expect(tap.opaque == nil)
            #expect(tap.outstandingOctets == 0, "\(count)")
        }
    }

    /// Mailboxes are kept to be told with the reply. Who keeps none of them stops following in the same place.
    @Test(arguments: [true, false])
    func longMailboxesOfOneSession(_ listens: Bool) {
        var tap = MailTap(.smtp, listens: listens)
        var notes: [Note] = []
        let mailbox = String(repeating: "x", count: 16_384 - 1) + "@"
        tap.receive(Array("220 x\r\n".utf8)[...], from: .server, into: &notes)
        let command = Array("RCPT TO:<\(mailbox)>\r\n".utf8)
        var kept = 0
        while tap.opaque == nil, kept < 100 {
            kept += 1
            tap.receive(command[...], from: .client, into: &notes)
            #expect(tap.outstandingOctets <= DialogueLimits.outstandingOctets + 65_536)
        }
        #expect(kept == DialogueLimits.outstandingOctets / 16_384 + 1)
        #expect(tap.opaque == .holdLimit && tap.outstandingOctets == 0)
        #expect(notes.last?.violations.contains(.smtpTooManyOutstanding) == true)
    }

    /// What was answered counts no more, however much it was.
    @Test func longMailboxesThatAreAnswered() {
        var tap = MailTap(.smtp)
        var notes: [Note] = []
        let command = Array("RCPT TO:<\(String(repeating: "x", count: 20_000))>\r\n".utf8)
        tap.receive(Array("220 x\r\n".utf8)[...], from: .server, into: &notes)
        for _ in 0..<200 {
            notes = []
            tap.receive(command[...], from: .client, into: &notes)
            tap.receive(Array("250 ok\r\n".utf8)[...], from: .server, into: &notes)
        }
        #expect(tap.opaque == nil && tap.outstandingOctets == 0)
    }
}
