// Captures of others and recordings of our own are read into the same sessions.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct SessionReaderTests {
    // MARK: Our own

    /// A conversation in packets, as another program would capture it.
    private func capture(
        _ turns: [(Side, String)], port: UInt16 = 25, clientPort: UInt16 = 40_000, start: Int64 = 1_700_000_000_000_000,
        isWhole: Bool = true
    ) -> [UInt8] {
        capture(turns.map { ($0, Array($1.utf8)) }, port: port, clientPort: clientPort, start: start, isWhole: isWhole)
    }

    private func capture(
        _ turns: [(Side, [UInt8])], port: UInt16 = 25, clientPort: UInt16 = 40_000,
        start: Int64 = 1_700_000_000_000_000, isWhole: Bool = true
    ) -> [UInt8] {
        var out =
            PcapngWriter.sectionHeader(application: "other")
            + PcapngWriter.interfaceDescription(name: "eth0", description: "")
        out += packets(turns, port: port, clientPort: clientPort, start: start, isWhole: isWhole)
        return out
    }

    private func packets(
        _ turns: [(Side, [UInt8])], port: UInt16, clientPort: UInt16, start: Int64, isWhole: Bool
    ) -> [UInt8] {
        var synthesizer = PacketSynthesizer(
            client: SocketAddress(ip: .v4(0x0A00_0001), port: clientPort),
            server: SocketAddress(ip: .v4(0x0A00_0002), port: port))
        var time = start
        var out: [UInt8] = []
        func write(_ packets: [[UInt8]]) {
            for packet in packets {
                out += PcapngWriter.packet(interface: 0, time: time * 1_000, packet[...])
                time += 1000
            }
        }
        let handshake = synthesizer.open()
        if isWhole { write(handshake) }
        for (side, octets) in turns {
            // No octets stand for some that the capture lost.
            if octets.isEmpty { _ = synthesizer.gap(from: side, 10) }
            write(synthesizer.data(from: side, octets[...]))
        }
        if isWhole { write(synthesizer.close(by: .client)) }
        return out
    }

    private let smtp: [(Side, String)] = [
        (.server, "220 mx ESMTP\r\n"), (.client, "EHLO a\r\n"), (.server, "250-mx\r\n250 AUTH PLAIN\r\n"),
        (.client, "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"), (.server, "235 in\r\n"),
        (.client, "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
        (.server, "250 ok\r\n250 ok\r\n354 go\r\n"), (.client, "Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n"),
        (.server, "250 ok\r\n221 bye\r\n"),
    ]

    @Test func aRecordingTellsTheSameAsTheCaptureItWasMadeOf() throws {
        let scratch = try Scratch()
        let first = try Reading([try scratch.write(capture(smtp), "other.pcapng")])
        let recording = TestRecording(first.events)
        let second = try Reading([try scratch.write(recording.segments[0], "own.pcapng")])
        #expect(first.summaries.count == 1)
        #expect(second.summaries == first.summaries)
        #expect(second.exchanges == first.exchanges)
        #expect(second.messages == first.messages)
        #expect(second.transcripts == first.transcripts)
        #expect(second.credentials.map(\.account) == ["alice"])
        #expect(second.credentials.map(\.outcome) == [.accepted])
        let text = String(decoding: recording.segments[0], as: UTF8.self)
        #expect(!text.contains("AGFsaWNlAHNlY3JldA"))
        #expect(text.contains("AGFsaWNlACoqKioqKg=="))
    }

    /// Octets that are stored in a deflate stream (RFC 1951 §3.2.4).
    private static func stored(_ text: String) -> [UInt8] {
        let count = UInt8(truncatingIfNeeded: text.utf8.count)
        return [0, count, 0, ~count, 255] + Array(text.utf8)
    }

    /// What happens to a session under COMPRESS that is not followed to its end.
    private static let notFollowed: [[(Side, [UInt8])]] = [
        // The client's stream breaks, within a line and between two.
        [
            (.client, stored("b NO") + Array("c LOGIN bob s3cret\r\n".utf8)), (.server, stored("* 1 EXISTS\r\n")),
            (.client, Array("d NOOP\r\n".utf8)),
        ],
        [(.client, Array("c LOGIN bob s3cret\r\n".utf8)), (.server, stored("c OK\r\n"))],
        // The server's does.
        [
            (.client, stored("b NOOP\r\n")), (.server, Array("b OK\r\n".utf8)),
            (.client, stored("c LOGIN bob s3cret\r\n")),
        ],
        // It does not end where it has to.
        [
            (.client, stored("b UNAUTHENTICATE\r\n") + stored("c LOGIN bob s3cret\r\n")),
            (.server, stored("b OK\r\n") + Array("c OK\r\n".utf8)),
        ],
        [
            (.client, stored("b UNAUTHENTICATE\r\n") + Array("c LOGIN bob s3cret\r\n".utf8)),
            (.server, stored("b OK\r\n") + stored("* 1 EXISTS\r\n")), (.client, Array("d NOOP\r\n".utf8)),
        ],
        // Octets are missing in it.
        [
            (.client, stored("b NOOP\r\n")), (.client, []), (.client, Array("c LOGIN bob s3cret\r\n".utf8)),
            (.server, stored("b OK\r\n")),
        ],
    ]

    @Test(arguments: notFollowed.indices) func whatWasNotFollowedIsNotFollowedInTheRecording(_ place: Int) throws {
        let opening: [(Side, String)] = [
            (.server, "* PREAUTH x\r\n"), (.client, "a COMPRESS DEFLATE\r\n"), (.server, "a OK x\r\n"),
        ]
        let scratch = try Scratch()
        let turns = opening.map { ($0, Array($1.utf8)) } + Self.notFollowed[place]
        let first = try Reading([try scratch.write(capture(turns, port: 143), "other.pcapng")])
        let recording = TestRecording(first.events)
        #expect(!String(decoding: recording.segments[0], as: UTF8.self).contains("s3cret"))
        let second = try Reading([try scratch.write(recording.segments[0], "own.pcapng")])
        #expect(first.summaries.count == 1 && first.summaries[0].opaque != nil)
        #expect(second.summaries == first.summaries)
        #expect(second.exchanges == first.exchanges)
        // What is made of the recording says it too.
        let third = try Reading([try scratch.write(TestRecording(second.events).segments[0], "again.pcapng")])
        #expect(third.summaries == first.summaries)
    }

    @Test func aSessionGoesOnFromOneSegmentToTheNext() throws {
        let whole = try Scratch()
        let first = try Reading([try whole.write(capture(smtp), "other.pcapng")])
        for split in 1..<first.events.count {
            let scratch = try Scratch()
            let recording = TestRecording(first.events, splitAfter: split)
            _ = try scratch.write(recording.segments[0], "2026-11-23T08-00-00Z-9999.pcapng")
            _ = try scratch.write(recording.segments[1], "2026-11-23T07-00-00Z-10000.pcapng")
            let joined = try Reading([scratch.path])
            #expect(joined.summaries == first.summaries, "split after \(split)")
            #expect(joined.messages == first.messages)
            // The second alone has no beginning, and says so of both sides.
            let rest = try Reading([scratch.path + "/2026-11-23T07-00-00Z-10000.pcapng"])
            #expect(rest.summaries.allSatisfy { $0.info.id == first.summaries[0].info.id && $0.gaps == 2 })
            #expect(rest.summaries.allSatisfy { $0.violations == 0 })
        }
    }

    @Test func theServerLegOfARecordingIsNoSessionOfItsOwn() throws {
        let scratch = try Scratch()
        let first = try Reading([try scratch.write(capture(smtp), "other.pcapng")])
        var recording = TestRecording(first.events)
        let info = try #require(first.summaries.first?.info)
        recording.addServerLeg(info, Array("220 hidden ESMTP\r\n".utf8))
        let reading = try Reading([try scratch.write(recording.segments[0], "own.pcapng")])
        #expect(reading.summaries == first.summaries)
        #expect(reading.counters.sessions == 1)
    }

    @Test func whatRulesChangedIsTold() throws {
        let scratch = try Scratch()
        let first = try Reading([try scratch.write(capture(smtp), "other.pcapng")])
        let id = try #require(first.summaries.first?.info.id)
        let remark = RecordComment.changed(session: id, exchange: 2, rules: ["no-plain"])
        let place = try #require(first.events.lastIndex { if case .octets = $0 { true } else { false } })
        let recording = TestRecording(first.events, remark: remark.text, on: place)
        let path = try scratch.write(recording.segments[0], "own.pcapng")
        var changes: [ExchangeChange] = []
        var reader = try SessionReader([path])
        try reader.read { changes += $0.changes }
        #expect(changes == [ExchangeChange(exchange: 2, rules: ["no-plain"])])
        #expect(try Reading([path]).summaries == first.summaries)
    }

    @Test func aGapStaysAGapInTheRecording() throws {
        let scratch = try Scratch()
        var events = try Reading([try scratch.write(capture(smtp), "other.pcapng")]).events
        let id = try #require(events.firstIndex { if case .octets(_, _, .client, _, _) = $0 { true } else { false } })
        guard case .octets(let session, _, _, let time, _) = events[id] else { return }
        events.insert(.gap(session: session, leg: .client, side: .server, time: time, octets: 100), at: id)
        let reading = try Reading([try scratch.write(TestRecording(events).segments[0], "own.pcapng")])
        #expect(reading.summaries.map(\.opaque) == [nil])
        #expect(reading.summaries.map(\.gaps) == [1])
        #expect(reading.messages.map(\.complete) == [true])
    }

    @Test func onlyTheSessionsThatMatterAreFollowed() throws {
        let scratch = try Scratch()
        var both = capture(smtp)
        both += packets(
            smtp.map { ($0, Array($1.utf8)) }, port: 25, clientPort: 40_001, start: 1_700_000_100_000_000, isWhole: true
        )
        let path = try scratch.write(both, "other.pcapng")
        let all = try Reading([path])
        #expect(all.summaries.count == 2)
        let id = all.summaries[1].info.id
        #expect(try Reading([path], only: [id]).summaries.map(\.info.id) == [id])
        #expect(try Reading([path], only: []).summaries.isEmpty)
        let recording = try scratch.write(TestRecording(all.events).segments[0], "own.pcapng")
        #expect(try Reading([recording], only: [id]).summaries.map(\.info.id) == [id])
    }

    @Test func placesThatNearlyTouchAreOneStretch() {
        typealias Stretch = SessionReader.Stretch
        let near = Stretch.worthReading
        let joined = Stretch.joining([
            Stretch(path: "b", octets: 5..<9), Stretch(path: "a", octets: 40 + near..<50 + near),
            Stretch(path: "a", octets: 0..<40), Stretch(path: "a", octets: 10..<20),
            Stretch(path: "a", octets: 51 + 2 * near..<Int.max), Stretch(path: "a", octets: 99 + 2 * near..<Int.max),
            Stretch(path: "a10", octets: 0..<1),
        ])
        #expect(
            joined.map(\.path) == ["a", "a", "b", "a10"]
                && joined.map(\.octets) == [0..<50 + near, 51 + 2 * near..<Int.max, 5..<9, 0..<1])
        #expect(Stretch.joining([]).isEmpty)
    }

    /// What lies between sessions that are far apart is not even read: here it is no packet.
    @Test(arguments: [false, true]) func onlyThePlacesOfSessionsAreRead(isPacked: Bool) throws {
        let scratch = try Scratch()
        var both = capture(smtp)
        both += packets(
            smtp.map { ($0, Array($1.utf8)) }, port: 25, clientPort: 40_001, start: 1_700_000_100_000_000, isWhole: true
        )
        let all = try Reading([try scratch.write(both, "other.pcapng")])
        let ids = all.summaries.map(\.info.id)
        func blocks(_ id: String) throws -> [UInt8] {
            TestRecording(try Reading([scratch.path + "/other.pcapng"], only: [id]).events).segments[0]
        }
        // The section and its two interfaces.
        func header(_ octets: [UInt8]) -> Int {
            (0..<3).reduce(0) { end, _ in end + Int(octets[end + 4]) + Int(octets[end + 5]) << 8 }
        }
        let (first, second) = (try blocks(ids[0]), try blocks(ids[1]))
        var file = first + [UInt8](repeating: 0xEE, count: SessionReader.Stretch.worthReading + 1)
        let begin = file.count
        file += second[header(second)...]
        var path = try scratch.write(file, "own.pcapng")
        if isPacked {
            #expect(try run(["zstd", "-q", path]).status == 0)
            path += ".zst"
        }
        let places = [
            SessionReader.Stretch(path: path, octets: begin..<file.count),
            SessionReader.Stretch(path: path, octets: header(first)..<first.count),
        ]
        var found: [SessionSummary] = []
        var reader = SessionReader(only: Set(ids))
        try reader.read(SessionReader.Stretch.joining(places)) { batch in
            for case .closed(let summary) in batch.events { found.append(summary) }
        }
        #expect(found == all.summaries)
    }

    @Test func idsDependOnTheCaptureAlone() throws {
        let scratch = try Scratch()
        let one = try scratch.write(capture(smtp), "one.pcapng")
        let two = try scratch.write(capture(smtp, clientPort: 40_001), "two.pcapng")
        let forward = try Reading([one, two]).summaries.map(\.info)
        let backward = try Reading([two, one]).summaries.map(\.info)
        #expect(forward == backward)
        #expect(Set(forward.map(\.id)).count == 2)
        #expect(try Reading([one]).summaries.map(\.info) == forward.filter { $0.client.port == 40_000 })
        // The same file twice is the same packets twice.
        #expect(try Reading([one, one]).summaries.map(\.info) == forward.filter { $0.client.port == 40_000 })
    }

    // MARK: Beginnings and ends that lack something

    @Test func aSessionJoinedMidwaySaysSo() throws {
        let turns: [(Side, String)] = [(.client, "RCPT TO:<b@example.org>\r\n"), (.server, "250 ok\r\n")]
        let scratch = try Scratch()
        let reading = try Reading([try scratch.write(capture(turns, isWhole: false), "other.pcapng")])
        #expect(reading.outline() == ["smtp 0+0 - -"])
        #expect(reading.summaries.map(\.gaps) == [2])
        #expect(reading.summaries.map(\.violations) == [0])
    }

    @Test func aConnectionWithoutHandshakeIsFollowedFromItsGreeting() throws {
        let scratch = try Scratch()
        let reading = try Reading([try scratch.write(capture(smtp, isWhole: false), "other.pcapng")])
        #expect(reading.outline() == ["smtp 1+0 alice -"])
        #expect(reading.summaries.map(\.end) == [.open])
    }

    @Test func theGreetingSaysWhoIsTheServer() throws {
        // The server has the lower port, and none is one of mail.
        let capture = capture(smtp, port: 50_001, clientPort: 9_000, isWhole: false)
        let scratch = try Scratch()
        let reading = try Reading([try scratch.write(capture, "other.pcapng")])
        #expect(reading.outline() == ["smtp 1+0 alice -"])
        #expect(reading.summaries.map(\.info.server.port) == [50_001])
        #expect(reading.summaries.map(\.info.client.port) == [9_000])
    }

    @Test func whatIsNotMailIsCounted() throws {
        let http: [(Side, String)] = [(.client, "GET / HTTP/1.1\r\n\r\n"), (.server, "HTTP/1.1 200 OK\r\n\r\n")]
        let tls: [(Side, String)] = [(.client, "\u{16}\u{3}\u{1}\u{0}\u{5}hello"), (.server, "\u{16}\u{3}\u{3}x")]
        let scratch = try Scratch()
        let first = try Reading([try scratch.write(capture(http, port: 80), "http.pcapng")])
        #expect(first.summaries.isEmpty && first.counters.notMail == 1 && first.counters.encrypted == 0)
        let second = try Reading([try scratch.write(capture(tls, port: 993), "tls.pcapng")])
        // It only begins as TLS does: there is no hello in it.
        #expect(second.summaries.isEmpty && second.counters.notMail == 1 && second.counters.encrypted == 0)
    }

    @Test func aCutFileIsReadUpToTheCut() throws {
        let scratch = try Scratch()
        let whole = capture(smtp)
        let reading = try Reading([try scratch.write(Array(whole.dropLast(5)), "cut.pcapng")])
        #expect(reading.outline() == ["smtp 1+0 alice -"])
        #expect(reading.problems.map(\.isTruncation) == [true])
    }

    @Test func aFileThatIsNoCaptureIsAnError() throws {
        let scratch = try Scratch()
        let path = try scratch.write(Array("#!/bin/sh\necho no\n".utf8), "script")
        #expect(throws: CaptureError.self) { try Reading([path]) }
        #expect(throws: CaptureError.self) { try Reading([scratch.path + "/absent"]) }
        #expect(throws: CaptureError.self) { try Reading([scratch.path]) }
    }

    /// W: no cut and no flipped octet of a recording is a trap.
    @Test func damageIsNoTrap() throws {
        let scratch = try Scratch()
        let first = try Reading([try scratch.write(capture(smtp), "other.pcapng")])
        let own = TestRecording(first.events).segments[0]
        var read = 0
        for place in stride(from: 0, to: own.count, by: 7) {
            var damaged = own
            damaged[place] ^= UInt8(truncatingIfNeeded: 1 << (place & 7)) | 0x80
            let path = try scratch.write(damaged, "damaged.pcapng")
            if (try? Reading([path])) != nil { read += 1 }
        }
        #expect(read > 0)
    }
}
