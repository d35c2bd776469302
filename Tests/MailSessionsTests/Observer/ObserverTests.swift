// The observer gives the same books however the octets arrive, and marks what is missing.

import MailDialogue
import MailRecording
import MailSessions
import Testing

@Suite struct ObserverTests {
    private let info = SessionInfo(
        id: "s", mailProtocol: .smtp, start: 5, client: SocketAddress(ip: .v4(1), port: 1),
        server: SocketAddress(ip: .v4(2), port: 25), route: "test")

    private let turns: [(Side, String)] = [
        (.server, "220 mx\r\n"), (.client, "EHLO a\r\n"), (.server, "250-mx\r\n250 AUTH PLAIN\r\n"),
        (.client, "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"), (.server, "235 in\r\n"),
        (.client, "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
        (.server, "250 ok\r\n250 ok\r\n354 go\r\n"), (.client, "Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n"),
        (.server, "250 ok\r\n221 bye\r\n"),
    ]

    private func observe(step: Int) -> (rows: [String], octets: [UInt8], summary: SessionSummary) {
        var observer = Observer(info: info, fingerprintKey: [1])
        var events: [RecordEvent] = []
        var notes: [Note] = []
        observer.open(into: &events)
        for (side, text) in turns {
            let octets = Array(text.utf8)
            for start in stride(from: 0, to: octets.count, by: step) {
                let piece = octets[start..<min(start + step, octets.count)]
                observer.receive(piece, from: side, at: 7, events: &events, notes: &notes)
            }
        }
        observer.close(.closed, at: 9, events: &events, notes: &notes)
        var rows: [String] = []
        var client: [UInt8] = []
        for event in events {
            switch event {
            case .opened, .secured, .closed, .secret, .gap, .remark, .changed: break
            case .octets(_, _, .client, _, let pieces): for piece in pieces { client += piece }
            case .octets: break
            case .exchange(_, let row): rows.append("\(row)")
            case .message(_, let row): rows.append("\(row)")
            case .credential(_, let row): rows.append("\(row)")
            }
        }
        return (rows, client, observer.summary)
    }

    /// The pieces that are recorded of each chunk.
    private func pieces(_ mailProtocol: MailProtocol, _ turns: [(Side, String)]) -> [[String]] {
        var info = info
        info.mailProtocol = mailProtocol
        var observer = Observer(info: info, fingerprintKey: [1])
        var notes: [Note] = []
        return turns.map { side, text in
            var events: [RecordEvent] = []
            observer.receive(Array(text.utf8)[...], from: side, at: 7, events: &events, notes: &notes)
            return events.flatMap { event -> [String] in
                guard case .octets(_, _, _, _, let pieces) = event else { return [] }
                return pieces.map { String(decoding: $0, as: UTF8.self) }
            }
        }
    }

    /// Each piece costs the recorder as much as copying hundreds of octets.
    @Test func whatCameTogetherIsToldAsOnePiece() {
        let found = pieces(
            .imap,
            [
                (.server, "* OK hello\r\n"), (.client, "a NOOP\r\nb LOGIN u secret\r\nc NOOP\r\nd NO"),
                (.server, "* 1 EXISTS\r\na OK\r\nb OK\r\nc OK\r\n"), (.client, "OP\r\ne NOOP\r\n"),
                (.server, "* 1 FETCH (BODY[] {3}\r\nabc)\r\n* 2 FETCH (BODY[] {3}\r\nde"),
            ])
        #expect(
            found == [
                ["* OK hello\r\n"], ["a NOOP\r\n", "b LOGIN u ******\r\n", "c NOOP\r\n"],
                ["* 1 EXISTS\r\na OK\r\nb OK\r\nc OK\r\n"], ["d NOOP\r\n", "e NOOP\r\n"],
                ["* 1 FETCH (BODY[] {3}\r\nabc)\r\n* 2 FETCH (BODY[] {3}\r\nde"],
            ])
    }

    @Test(arguments: [1, 2, 3, 7, 30])
    func anyChunkingGivesTheSameBooks(_ step: Int) {
        let whole = observe(step: 10_000)
        let cut = observe(step: step)
        #expect(cut.rows == whole.rows)
        #expect(cut.octets == whole.octets)
        #expect(cut.summary == whole.summary)
        #expect(whole.summary.messages == 1)
        #expect(whole.summary.credentials == 1)
        #expect(whole.summary.user == "alice")
        #expect(whole.rows.count == 9)
        #expect(!whole.octets.isEmpty)
    }

    @Test func aGapIsToldInItsPlace() {
        var observer = Observer(info: info, fingerprintKey: [1])
        var events: [RecordEvent] = []
        var notes: [Note] = []
        observer.open(into: &events)
        observer.receive(Array("220 mx\r\n250 half".utf8)[...], from: .server, at: 6, events: &events, notes: &notes)
        observer.lose(.server, octets: 10, at: 8, events: &events, notes: &notes)
        observer.lose(.client, octets: 3, at: 8, events: &events, notes: &notes)
        observer.receive(Array("more\r\n".utf8)[...], from: .server, at: 9, events: &events, notes: &notes)
        observer.close(.closed, at: 9, events: &events, notes: &notes)
        let order = events.compactMap { event -> String? in
            switch event {
            case .opened: "opened"
            case .secured: "secured"
            case .octets(_, _, _, _, let pieces): pieces.map(\.text).joined()
            case .gap(_, _, let side, _, let count): "\(side) lost \(count)"
            case .remark(_, let side, let unseen): "\(side) \(unseen)"
            case .closed: "closed"
            case .secret, .changed, .exchange, .message, .credential: nil
            }
        }
        #expect(order == ["opened", "220 mx\r\n", "250 half", "server lost 10", "client lost 3", "****\r\n", "closed"])
        #expect(observer.summary.gaps == 2)
        #expect(observer.summary.opaque == nil)
        #expect(notes.suffix(3).map(\.element) == [.gap(10), .gap(3), .unplaced])
    }

    /// A hole is one, also where it covers the end of content whose size is known.
    @Test func aHoleAcrossTheEndOfALiteralIsOne() {
        let imap = SessionInfo(
            id: "i", mailProtocol: .imap, start: 0, client: info.client, server: info.server, route: "test")
        var observer = Observer(info: imap, fingerprintKey: [1])
        var events: [RecordEvent] = []
        var notes: [Note] = []
        observer.open(into: &events)
        func say(_ text: String, _ side: Side) {
            observer.receive(Array(text.utf8)[...], from: side, at: 6, events: &events, notes: &notes)
        }
        say("* OK\r\n", .server)
        say("a FETCH 1 BODY[]\r\n", .client)
        say("* 1 FETCH (BODY[] {20}\r\n0123456789", .server)
        observer.lose(.server, octets: 15, at: 8, events: &events, notes: &notes)
        say(" OK done\r\n", .server)
        observer.close(.closed, at: 9, events: &events, notes: &notes)
        #expect(observer.summary.gaps == 1)
        let gaps = events.compactMap { if case .gap(_, _, _, _, let octets) = $0 { octets } else { nil } }
        #expect(gaps == [15])
        #expect(notes.map(\.element).contains(.gap(10)))
    }

    /// In a recording nothing is deflated, so that it has to be told where a stream could not be followed.
    @Test func aStreamThatBreaksIsToldInItsPlace() {
        let imap = SessionInfo(
            id: "s", mailProtocol: .imap, start: 5, client: info.client, server: info.server, route: "test")
        var observer = Observer(info: imap, fingerprintKey: [1])
        var events: [RecordEvent] = []
        var notes: [Note] = []
        func take(_ side: Side, _ octets: [UInt8]) {
            observer.receive(octets[...], from: side, at: 6, events: &events, notes: &notes)
        }
        take(.server, Array("* PREAUTH x\r\n".utf8))
        take(.client, Array("a COMPRESS DEFLATE\r\n".utf8))
        take(.server, Array("a OK x\r\n".utf8))
        // A stored block (RFC 1951 §3.2.4) with half a line in it, and then none.
        take(.client, [0, 4, 0, 251, 255] + Array("b NO".utf8) + Array("g NOOP\r\n".utf8))
        let order = events.compactMap { event -> String? in
            switch event {
            case .octets(_, _, _, _, let pieces): pieces.map(\.text).joined()
            case .remark(_, let side, let unseen): "\(side) \(unseen)"
            case .opened, .secured, .secret, .gap, .closed, .changed, .exchange, .message, .credential: nil
            }
        }
        let start = ["* PREAUTH x\r\n", "a COMPRESS DEFLATE\r\n", "a OK x\r\n"]
        #expect(order == start + ["b NO", "client opaque(MailDialogue.OpaqueReason.compress)", "********"])
        #expect(observer.summary.opaque == .compress)
    }

    @Test func idsSortByStartAndNeverRepeat() {
        var ids = SessionID()
        var all: [String] = []
        for time in [1_764_000_000_000_000, 1_764_000_000_000_000, 1_763_000_000_000_000, 1_764_000_000_000_001]
            as [Int64]
        {
            all.append(ids.next(at: time))
        }
        #expect(all == all.sorted())
        #expect(Set(all).count == 4)
        #expect(all.allSatisfy { $0.utf8.count == 13 })
        var lanes = [SessionID(lane: 0, of: 2), SessionID(lane: 1, of: 2)]
        var mixed: Set<String> = []
        for _ in 0..<100 {
            mixed.insert(lanes[0].next(at: 77))
            mixed.insert(lanes[1].next(at: 77))
        }
        #expect(mixed.count == 200)
    }
}
