// The quick way of plain Ethernet frames tells what the long way tells: the same packets are read with their frames, and
// without, as IP packets, which have no quick way.

import MailCapture
import MailDialogue
import MailRecording
import MailSessions
import Testing

@Suite struct QuickWayTests {
    /// All that a tracker tells of one step.
    private struct Step: Equatable {
        var id: String
        var time: Int64
        var frame: Int
        var notes: [Note]
        var events: [String]
        var passed: PassedOctets
        var tls: String

        init(_ batch: SessionBatch) {
            id = batch.info.id
            time = batch.time
            frame = batch.frame
            notes = batch.notes
            events = batch.events.map { "\($0)" }
            passed = batch.passed
            tls = "\(String(describing: batch.tls))"
        }
    }

    private struct Told: Equatable {
        var steps: [Step] = []
        var counters = TrackerCounters()
        var reassembly = ReassemblyCounters()
    }

    /// How packets are read.
    private struct Way {
        var checksums = ChecksumPolicy.auto
        var overlap = OverlapPolicy.first
        var tellsOctets = false
    }

    private func read(_ records: [CaptureRecord], _ way: Way) -> Told {
        var tracker = SessionTracker(fingerprintKey: [1], checksums: way.checksums, overlap: way.overlap)
        tracker.tellsOctets = way.tellsOctets
        var told = Told()
        for record in records { tracker.accept(record, isRecording: false) { told.steps.append(Step($0)) } }
        tracker.finish { told.steps.append(Step($0)) }
        told.counters = tracker.counters
        // Frames are longer than what is in them.
        told.counters.cutTo = 0
        told.reassembly = tracker.reassembly
        return told
    }

    /// Without the frame around the packet; a frame of something else than IP stays.
    private func bare(_ record: CaptureRecord) -> CaptureRecord {
        let octets = Array(record.bytes.prefix(14))
        guard record.linkType == 1, octets.count == 14, [[8, 0], [0x86, 0xDD]].contains(Array(octets[12...])) else {
            return record
        }
        var bare = record
        bare.linkType = 101
        bare.bytes = record.bytes.dropFirst(14)
        bare.originalLength -= 14
        return bare
    }

    private func expectTheSame(_ records: [CaptureRecord], _ way: Way, _ what: String) {
        let quick = read(records, way)
        let long = read(records.map(bare), way)
        #expect(quick.counters == long.counters, "\(what)")
        #expect(quick.reassembly == long.reassembly, "\(what)")
        #expect(quick.steps.count == long.steps.count, "\(what)")
        let place = zip(quick.steps, long.steps).enumerated().first { $1.0 != $1.1 }
        #expect(place == nil, "\(what), at \(place?.offset ?? 0): \(String(describing: place?.element))")
    }

    /// The dialogues that are mixed: with a long message, with what is no mail, with TLS that nobody opens.
    private static let dialogues: [(port: UInt16, turns: [(Side, String)])] = [
        (25, Wire.mail),
        (
            25,
            [
                (.server, "220 mx\r\n"), (.client, "EHLO a\r\n"), (.server, "250 mx\r\n"),
                (.client, "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
                (.server, "250 ok\r\n250 ok\r\n354 go\r\n"), (.client, "Subject: long\r\n\r\n"),
                (.client, String(repeating: "What is within a message is not told line by line.\r\n..\r\n", count: 90)),
                (.client, "end\r\n.\r\nQUIT\r\n"), (.server, "250 ok\r\n221 bye\r\n"),
            ]
        ),
        (
            110,
            [
                (.server, "+OK hi\r\n"), (.client, "USER a\r\n"), (.server, "+OK\r\n"), (.client, "PASS b\r\n"),
                (.server, "+OK in\r\n"), (.client, "RETR 1\r\n"),
                (.server, "+OK\r\n" + String(repeating: "A line of a message.\r\n", count: 200) + ".\r\n"),
                (.client, "QUIT\r\n"), (.server, "+OK bye\r\n"),
            ]
        ),
        (
            143,
            [
                (.server, "* OK hi\r\n"), (.client, "1 LOGIN a b\r\n"), (.server, "1 OK in\r\n"),
                (.client, "2 FETCH 1 BODY[]\r\n"),
                (.server, "* 1 FETCH (BODY[] {3000}\r\n" + String(repeating: "x", count: 3_000) + ")\r\n2 OK done\r\n"),
                (.client, "3 LOGOUT\r\n"), (.server, "* BYE\r\n3 OK\r\n"),
            ]
        ),
        (80, [(.client, "GET / HTTP/1.1\r\n\r\n"), (.server, "HTTP/1.1 200 OK\r\n\r\nhello")]),
        (
            587,
            [
                (.server, "220 mx\r\n"), (.client, "EHLO a\r\n"), (.server, "250-mx\r\n250 STARTTLS\r\n"),
                (.client, "STARTTLS\r\n"), (.server, "220 go\r\n"), (.client, "\u{16}\u{3}\u{1}\u{0}\u{4}abcd"),
                (.server, "\u{16}\u{3}\u{3}\u{0}\u{4}abcd"),
            ]
        ),
    ]

    /// Segments of a dialogue as networks make them of it, and as those do who mean harm.
    private func segments(_ number: Int, _ dice: inout Dice) -> [TCPSegment] {
        let dialogue = Self.dialogues[Int.random(in: 0..<Self.dialogues.count, using: &dice)]
        var wire = Wire(
            port: dialogue.port, clientPort: 40_000 + UInt16(number % 3),
            client: UInt32.random(in: 0 ... .max, using: &dice),
            server: UInt32.random(in: 0 ... .max, using: &dice))
        var made = wire.handshake()
        for (side, text) in dialogue.turns {
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let part = rest.prefix(Int.random(in: 1...(rest.count > 500 ? 700 : 60), using: &dice))
                rest = rest.dropFirst(part.count)
                made.append(wire.say(side, Array(part)))
                if Int.random(in: 0..<4, using: &dice) == 0 { made.append(wire.acknowledge(side.other)) }
            }
        }
        made += [wire.finish(.server), wire.acknowledge(.client), wire.finish(.client), wire.acknowledge(.server)]
        let farSince = Int.random(in: 0..<(2 * made.count), using: &dice)
        for place in made.indices where place >= farSince { made[place].hopLimit = 240 }
        for _ in 0..<Int.random(in: 0..<6, using: &dice) { harm(&made, wire, &dice) }
        return made
    }

    private func harm(_ made: inout [TCPSegment], _ wire: Wire, _ dice: inout Dice) {
        let place = Int.random(in: 0..<made.count, using: &dice)
        var other = made[place]
        switch Int.random(in: 0..<12, using: &dice) {
        case 0: made.remove(at: place)
        case 1: made.swapAt(place, min(made.count - 1, place + Int.random(in: 0..<5, using: &dice)))
        case 2: made.insert(other, at: Int.random(in: place...made.count, using: &dice))
        case 3:
            other.payload = other.payload.map { $0 ^ 1 }[...]
            made.insert(other, at: Int.random(in: place...made.count, using: &dice))
        case 4: made[place].checksum = .wrong
        case 5:
            other.payload = other.payload.map { $0 ^ 1 }[...]
            other.hopLimit = 3
            made.insert(other, at: place)
        case 6:
            other.payload = [0]
            other.sequence &-= 1
            made.insert(other, at: place)
        case 7:
            made.insert(wire.reset(.client, at: other.sequence &+ UInt32.random(in: 0..<4, using: &dice)), at: place)
        case 8:
            other.payload = []
            other.acknowledgment &+= UInt32.random(in: 0..<300, using: &dice)
            made.insert(other, at: place)
        case 9: made.removeFirst(min(place, made.count - 1))
        case 10:
            other.sequence &+= UInt32.random(in: 1..<100_000, using: &dice)
            made.insert(other, at: place)
        default: made[place].missing = made[place].payload.count / 2
        }
    }

    /// Several connections at once, some with the ends of others that are over, with silence between them.
    @Test(arguments: 0..<60) func randomPackets(seed: Int) {
        var dice = Dice(UInt64(seed))
        var maker = PacketMaker(frame: .ethernet)
        maker.isIPv6 = seed % 4 == 1
        maker.isOffloaded = seed % 7 == 3
        var queues = (0..<6).map { segments($0, &dice)[...] }
        var records: [CaptureRecord] = []
        var time: Int64 = 1_700_000_000_000_000
        while queues.contains(where: { !$0.isEmpty }) {
            // Connections of the same ends come one after the other.
            let turn = Int.random(in: 0..<3, using: &dice)
            guard let index = [turn, turn + 3].first(where: { !queues[$0].isEmpty }),
                let segment = queues[index].popFirst()
            else { continue }
            switch Int.random(in: 0..<400, using: &dice) {
            case 0: time += 700_000_000
            case 1...3: time += 12_000_000
            case 4: time -= 2_000_000
            default: time += Int64.random(in: 0..<40_000, using: &dice)
            }
            records.append(maker.record(segment, index: records.count + 1, time: time))
        }
        for way in [
            Way(), Way(overlap: .last), Way(checksums: .verify), Way(checksums: .ignore, tellsOctets: true),
        ] { expectTheSame(records, way, "\(seed) \(way)") }
    }

    /// Captures of real traffic.
    @Test func captures() throws {
        for capture in CaseFiles.captures {
            let file = try CaptureFile(path: CaseFiles.root.appendingPathComponent(capture).path)
            var records: [CaptureRecord] = []
            while let record = try? file.next() { records.append(record) }
            for way in [Way(), Way(overlap: .last, tellsOctets: true)] { expectTheSame(records, way, capture) }
        }
    }
}
