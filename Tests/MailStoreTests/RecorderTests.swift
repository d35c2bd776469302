// The recorder's main job: what is appended can be read back, from the segments and from the index; and who may record
// where.

import Glibc
import MailDialogue
import MailRecording
import Synchronization
import Testing

@testable import MailStore

@Suite struct RecorderTests {
    @Test func writesSegmentsThatReadBack() throws {
        let scratch = try RecorderScratch()
        let directory = scratch.path + "/a/b/"
        let recorder = try Recorder(.init(directory: directory))
        let samples = [SampleSession.smtp(1), .pop3(2), .imap(3)]
        // Interleaved, as sessions are.
        for sample in samples { recorder.append([.opened(sample.info)]) }
        for turn in 0..<13 {
            for sample in samples where turn < sample.lines.count { recorder.append([sample.octets[turn]]) }
        }
        for sample in samples { recorder.append([.closed(sample.summary)]) }
        recorder.close()

        let paths = RecordingDirectory.segments(in: directory).map { directory + $0.name }
        #expect(paths.count == 1)
        let read = try RecordedStreams(paths)
        #expect(read.wrongChecksums == 0)
        #expect(read.holes == 0)
        for sample in samples {
            #expect(read.clientOctets[sample.info.id] == sample.stream(.client))
            #expect(read.serverOctets[sample.info.id] == sample.stream(.server))
            #expect(read.comments.contains(.opened(sample.info, leg: .client, isContinued: false)))
            #expect(read.comments.contains(.closed(RecordComment.Closing(sample.summary))))
        }
        for path in paths + [directory + "index.sqlite", directory + "fingerprint.key", directory + "recorder.lock"] {
            #expect(try RecorderScratch.mode(path) == 0o600, "\(path)")
        }
        #expect(try RecorderScratch.mode(scratch.path + "/a/b") == 0o700)
        #expect(recorder.failure == nil)
        #expect(recorder.lostOctets == 0)
    }

    @Test func indexReadsBackEverything() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let sample = SampleSession.smtp(1)
        let id = sample.info.id
        var exchange = Exchange(number: 1, time: 5, command: "DATA", line: "DATA \"x\" é")
        exchange.last = 9
        exchange.replyStatus = .refused
        exchange.replyCode = "554"
        exchange.replyText = "no"
        exchange.mailbox = "Drafts"
        exchange.content = Exchange.ContentSummary(side: .client, bytes: 1 << 40, sha256: "ab")
        exchange.violations =
            [Violation("future-code", .server, .notice, "", "", example: "")] + Violation.all.prefix(2)
        exchange.changed = ["rule, one", "rule \"two\""]
        var message = MessageRecord(exchange: 1, carrier: .bdat)
        message.complete = true
        message.bytes = 77
        message.sha256 = "cd"
        message.from = "a@example.org"
        message.to = ["b@example.com", "\"c,d\"@example.com"]
        message.subject = "Grüße"
        message.messageID = "<1@example.org>"
        let credentials = [
            CredentialRecord(exchange: 1, mechanism: "PLAIN", account: "tim", fingerprint: "0123", outcome: .refused),
            CredentialRecord(exchange: 2, mechanism: "PLAIN", account: "tim", fingerprint: "4567", outcome: .accepted),
        ]
        var summary = sample.summary
        summary.user = "tim"
        summary.messages = 1
        summary.credentials = 2
        summary.violations = 3
        summary.findings = ["a", "b"]
        summary.end = .reset
        summary.opaque = .tls
        summary.gaps = 2
        summary.tags = ["x\u{0}y"]
        recorder.append([.opened(sample.info)] + sample.octets)
        recorder.append([
            .exchange(session: id, exchange), .message(session: id, message),
            .credential(session: id, credentials[0]), .credential(session: id, credentials[1]), .closed(summary),
        ])
        recorder.close()

        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.sessions() == [summary])
        #expect(try index.exchanges(of: id) == [exchange])
        #expect(try index.messages(of: id) == [message])
        #expect(try index.credentials(of: id) == credentials)
        #expect(try index.exchanges(of: "another") == [])
        #expect(try !index.isIncomplete)

        // The place holds this session and no more: its packets read alone, behind the segment's head, give its octets.
        let places = try index.extents(of: id)
        #expect(places.map(\.path) == scratch.segments)
        let place = try #require(places.first?.extent)
        let file = try RecorderScratch.contents(try #require(scratch.segments.first))
        let head = PcapngWriter.recordingHeader(application: "test")
        let read = try RecordedStreams(octets: head + file[Int(place.first)..<Int(place.end)])
        #expect(read.clientOctets[id] == sample.stream(.client))
        #expect(read.serverOctets[id] == sample.stream(.server))
        #expect(read.packets == place.packets)
    }

    @Test func changedExchangesAreMarked() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        var sample = SampleSession.imap(1)
        sample.info.upstream = IPEndpoint(IPAddress(v4: 0xC000_0202), 993)
        var upstream = sample
        upstream.leg = .server
        var exchange = sample.exchanges[1]
        exchange.changed = ["no-programs"]
        recorder.append([.opened(sample.info)])
        for (client, server) in zip(sample.octets, upstream.octets) { recorder.append([client, server]) }
        recorder.append([.exchange(session: sample.info.id, exchange), .closed(sample.summary)])
        recorder.close()

        let client = try RecordedStreams(scratch.segments, leg: .client)
        #expect(client.comments.contains(.changed(session: sample.info.id, exchange: 2, rules: ["no-programs"])))
        #expect(client.comments.contains(.opened(sample.info, leg: .server, isContinued: false)))
        #expect(client.holes == 0)
        let server = try RecordedStreams(scratch.segments, leg: .server)
        #expect(client.clientOctets[sample.info.id] == sample.stream(.client))
        #expect(server.clientOctets[sample.info.id] == sample.stream(.client))
        #expect(server.serverOctets[sample.info.id] == sample.stream(.server))
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.extents(of: sample.info.id).map(\.extent.leg) == [.client, .server])
        #expect(try index.session(sample.info.id)?.clientBytes == sample.stream(.client).count)
    }

    @Test func sharedTuplesStayApart() throws {
        // Two sessions whose well-known port would be the same: one keeps the true port. And a relay whose listener and
        // upstream have one address.
        var table = TupleTable()
        let address = IPAddress(v4: 0x7F00_0001)
        let client = IPEndpoint(address, 50_000)
        let first = table.take(client: client, server: IPEndpoint(address, 1143), .imap)
        #expect(first.server.port == 143)
        let second = table.take(client: client, server: IPEndpoint(address, 2143), .imap)
        #expect(second.server.port == 2143)
        let third = table.take(client: client, server: IPEndpoint(address, 143), .imap)
        #expect(third.server.port == 143)
        #expect(third.client.port == 50_001)
        table.release(first)
        #expect(table.take(client: client, server: IPEndpoint(address, 993), .imap) == first)
        #expect(table.take(client: client, server: IPEndpoint(address, 587), .smtp).server.port == 587)
        #expect(table.take(client: client, server: IPEndpoint(address, 465), .smtp).server.port == 25)
        #expect(table.take(client: client, server: IPEndpoint(address, 2525), .lmtp).server.port == 24)
    }

    @Test func gapsAreHoles() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let sample = SampleSession.pop3(1)
        let id = sample.info.id
        recorder.append([.opened(sample.info), sample.octets[0], sample.octets[1]])
        recorder.append([.gap(session: id, leg: .client, side: .client, time: sample.info.start, octets: 0)])
        recorder.append([.gap(session: id, leg: .client, side: .server, time: sample.info.start, octets: 70)])
        recorder.append(Array(sample.octets[2...]) + [.closed(sample.summary)])
        recorder.close()
        #expect(try RecordedStreams(scratch.segments).holes == 2)
    }

    @Test func openSessionsAreVisibleAtOnce() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let sample = SampleSession.imap(1)
        recorder.append([.opened(sample.info), sample.octets[0]])
        let index = try RecordingIndex(directory: scratch.path)
        var seen: SessionSummary?
        // Counted in looks, not in time: on a busy machine minutes may pass between two of them.
        for _ in 0..<10_000 where seen == nil {
            seen = try index.session(sample.info.id)
            if seen == nil { poll(nil, 0, 10) }
        }
        #expect(seen?.end == .open)
        #expect(seen?.serverBytes == sample.lines[0].1.count)
        #expect(try RecordedStreams(scratch.segments).serverOctets[sample.info.id] == sample.lines[0].1)
        recorder.append([.closed(sample.summary)])
        recorder.close()
        #expect(try index.session(sample.info.id)?.end == .closed)
    }

    @Test func sessionsLeftOpenAreLost() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        recorder.append([.opened(SampleSession.imap(1).info)])
        recorder.close()
        #expect(try RecordingIndex(directory: scratch.path).sessions().map(\.end) == [.lost])
    }

    @Test func onlyOneRecorderADirectory() throws {
        let scratch = try RecorderScratch()
        let first = try Recorder(.init(directory: scratch.path))
        #expect(throws: RecorderError.inUse(directory: scratch.path)) { try Recorder(.init(directory: scratch.path)) }
        first.close()
        let second = try Recorder(.init(directory: scratch.path))
        #expect(second.fingerprintKey == first.fingerprintKey)
        #expect(second.fingerprintKey.count == 32)
        second.close()
    }

    @Test func refusesWhatIsNoDirectory() throws {
        let scratch = try RecorderScratch()
        try RecorderScratch.write([1], to: scratch.path + "/file")
        for path in ["/file", "/file/below"] {
            #expect(throws: RecorderError.self) { try Recorder(.init(directory: scratch.path + path)) }
        }
        try RecorderScratch.write([1, 2, 3], to: scratch.path + "/fingerprint.key")
        #expect(throws: RecorderError.badKey(path: scratch.path + "/fingerprint.key")) {
            try Recorder(.init(directory: scratch.path))
        }
        #expect("\(RecorderError.badKey(path: "x"))".contains("32 octets"))
    }

    @Test func segmentsAreNeverWrittenThroughLinks() throws {
        let scratch = try RecorderScratch()
        let calls = FileCalls()
        try RecorderScratch.write([], to: scratch.path + "/target")
        try #require(symlink(scratch.path + "/target", scratch.path + "/link") == 0)
        #expect(calls.create(scratch.path + "/link") == -EEXIST)
        #expect(calls.create(scratch.path + "/target") == -EEXIST)
    }

    @Test func eventsOfUnknownSessionsAreCounted() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let sample = SampleSession.smtp(1)
        recorder.append(sample.octets)
        recorder.append(sample.events)
        recorder.append([.opened(sample.info), .closed(sample.summary), .closed(sample.summary)])
        recorder.append([])
        recorder.close()
        recorder.append(sample.events)
        recorder.close()
        #expect(recorder.lostOctets == Int64(sample.stream(.client).count + sample.stream(.server).count))
        #expect(try RecordedStreams(scratch.segments).clientOctets[sample.info.id] == sample.stream(.client))
    }
}
