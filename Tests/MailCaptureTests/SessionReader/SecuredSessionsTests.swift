// Sessions that began in clear and went on under TLS: their recording, in two conversations, reads back as one session.

import MailCapture
import MailDialogue
import MailRecording
import MailSessions
import Testing

@Suite struct SecuredSessionsTests {
    private static let clear: [MailProtocol: [(Side, String)]] = [
        .smtp: [
            (.server, "220 mx\r\n"), (.client, "EHLO a.example.com\r\n"), (.server, "250-mx\r\n250 STARTTLS\r\n"),
            (.client, "STARTTLS\r\n"), (.server, "220 go\r\n"),
        ],
        .pop3: [(.server, "+OK mx <1@mx>\r\n"), (.client, "STLS\r\n"), (.server, "+OK go\r\n")],
        .imap: [(.server, "* OK mx\r\n"), (.client, "a STARTTLS\r\n"), (.server, "a OK go\r\n")],
    ]

    private static let secured: [MailProtocol: [(Side, String)]] = [
        .smtp: [
            (.client, "EHLO a.example.com\r\n"), (.server, "250-mx\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"),
            (.client, "AUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n"), (.server, "235 in\r\n"),
            (.client, "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
            (.server, "250 ok\r\n250 ok\r\n354 go\r\n"), (.client, "Subject: one\r\n\r\nhello\r\n.\r\n"),
            (.server, "250 kept\r\n"), (.client, "QUIT\r\n"), (.server, "221 bye\r\n"),
        ],
        .pop3: [
            (.client, "USER alice\r\n"), (.server, "+OK\r\n"), (.client, "PASS s3cret\r\n"), (.server, "+OK\r\n"),
            (.client, "QUIT\r\n"), (.server, "+OK bye\r\n"),
        ],
        .imap: [
            (.client, "b LOGIN alice s3cret\r\n"), (.server, "b OK in\r\n"), (.client, "c LOGOUT\r\n"),
            (.server, "* BYE bye\r\nc OK bye\r\n"),
        ],
    ]

    private static let leg = TLSLeg(version: "TLSv1.3", cipher: "X", serverName: "mx.example.com", how: .starttls)

    /// What is recorded of such a session.
    private func events(_ mailProtocol: MailProtocol) -> [RecordEvent] {
        var observer = Observer(
            info: SessionInfo(
                id: "s1", mailProtocol: mailProtocol, start: 1_700_000_000_000_000,
                client: SocketAddress(ip: .v4(0x0A00_0001), port: 40_000),
                server: SocketAddress(ip: .v4(0x0A00_0002), port: 25), route: "r"), fingerprintKey: [1, 2, 3])
        var events: [RecordEvent] = []
        var notes: [Note] = []
        var time: Int64 = 1_700_000_000_000_000
        observer.open(into: &events)
        func say(_ turns: [(Side, String)]) {
            for (side, text) in turns {
                time += 1000
                observer.receive(Array(text.utf8)[...], from: side, at: time, events: &events, notes: &notes)
            }
        }
        say(Self.clear[mailProtocol] ?? [])
        observer.secured(tls: Self.leg, upstreamTLS: Self.leg, at: time, events: &events)
        say(Self.secured[mailProtocol] ?? [])
        observer.close(.closed, at: time, events: &events, notes: &notes)
        #expect(notes.allSatisfy { $0.violations.isEmpty })
        return events
    }

    @Test(arguments: [MailProtocol.smtp, .pop3, .imap]) func aSessionIsOneInTwoConversations(
        _ mailProtocol: MailProtocol
    ) throws {
        let scratch = try Scratch()
        let events = events(mailProtocol)
        var live: [Exchange] = []
        var summary: SessionSummary?
        for event in events {
            switch event {
            case .exchange(_, let row): live.append(row)
            case .closed(let closed): summary = closed
            case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .message, .credential: break
            }
        }
        let file = try scratch.write(TestRecording(events).segments[0], "own.pcapng")
        let reading = try Reading([file])
        #expect(reading.summaries.map(\.info.id) == ["s1"])
        #expect(reading.summaries == summary.map { [$0] } ?? [])
        #expect(reading.secured.map(\.tls) == [Self.leg])
        #expect(reading.exchanges.map(\.number) == Array(0..<live.count))
        #expect(reading.exchanges == live)
        #expect(reading.summaries[0].opaque == nil && reading.summaries[0].user == "alice")
        #expect(reading.transcripts["s1"]?.contains("under TLS from here on") == true)
    }

    @Test func eachPartAloneIsRead() throws {
        let scratch = try Scratch()
        let events = events(.smtp)
        guard let edge = events.firstIndex(where: { if case .secured = $0 { true } else { false } }) else {
            Issue.record("no edge")
            return
        }
        // The writer was killed at the edge.
        let clear = try Reading([try scratch.write(TestRecording(Array(events[...edge])).segments[0], "a.pcapng")])
        #expect(clear.summaries.map(\.exchanges) == [3] && clear.summaries[0].end == .open)
        #expect(clear.exchanges.map(\.command) == ["", "EHLO", "STARTTLS"])
        // The segment with the clear part is gone.
        guard case .secured(let info, _) = events[edge] else { return }
        let rest = [RecordEvent.opened(info)] + events[(edge + 1)...]
        let secured = try Reading([try scratch.write(TestRecording(rest).segments[0], "b.pcapng")])
        #expect(secured.summaries.map(\.messages) == [1] && secured.summaries[0].violations == 0)
        #expect(secured.summaries[0].opaque == nil && secured.summaries[0].user == "alice")
    }
}
