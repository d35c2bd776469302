// Attacks on who captures: the session is read rightly, or says that it may not be. Each case from packets to the
// session that a person is shown.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct PacketDoubtTests {
    /// Packets of ``Wire/mail``: 3 of the handshake, then one for each turn.
    private static func turn(_ number: Int) -> Int { 3 + number }

    private func read(
        _ segments: [TCPSegment], checksums: ChecksumPolicy = .auto, overlap: OverlapPolicy = .first,
        isIPv6: Bool = false, frame: PacketMaker.Frame = .raw
    ) -> Reading {
        let maker = PacketMaker(frame: frame, isIPv6: isIPv6)
        return Reading(maker.records(segments), checksums: checksums, overlap: overlap)
    }

    private func codes(_ reading: Reading) -> [String] {
        // That its login is in clear is no doubt.
        reading.summaries.flatMap(\.findings).filter { $0 != SessionFinding.credentialsInClear }
    }

    private let whole = ["MAIL", "RCPT"]

    /// What is certain of a session that was read as it was.
    private func expectWhole(_ reading: Reading, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(reading.summaries.count == 1, sourceLocation: sourceLocation)
        #expect(reading.messages.map(\.complete) == [true], sourceLocation: sourceLocation)
        #expect(reading.bodies.map { String(decoding: $0, as: UTF8.self) } == ["Subject: x\r\n\r\none\r\ntwo\r\n"])
        #expect(reading.credentials.map(\.outcome) == [.accepted], sourceLocation: sourceLocation)
        #expect(reading.summaries.first?.gaps == 0, sourceLocation: sourceLocation)
    }

    @Test func cleanSessionHasNoDoubts() {
        var wire = Wire()
        let reading = read(wire.session())
        expectWhole(reading)
        #expect(codes(reading) == [])
        #expect(reading.summaries.first?.end == .closed)
    }

    /// Case C1: the other copy is told with its place, and the session says so in its list, its transcript and a
    /// recording that is made of it.
    @Test func c1OverlapIsAFinding() throws {
        var wire = Wire()
        var segments = wire.session()
        var other = segments[Self.turn(7)]
        other.payload = Array("RCPT TO:<e@example.net>\r\n".utf8)[...]
        segments.insert(other, at: Self.turn(8))
        let reading = read(segments)
        expectWhole(reading)
        #expect(codes(reading) == ["capture-overlap"])
        let summary = try #require(reading.summaries.first)
        #expect(summary.doubts.map(\.packet) == [12])
        #expect(summary.doubts.map(\.octets) == [25])
        #expect(summary.doubts.map(\.side) == [.client])
        let transcript = try #require(reading.transcripts[summary.info.id])
        #expect(
            transcript.contains(
                "? octets came twice with different content; the first copy is shown: client, packet 12, 25 octets"))
        let scratch = try Scratch()
        let path = try scratch.write(TestRecording(reading.events).segments[0], "own.pcapng")
        #expect(try Reading([path]).summaries == reading.summaries)
    }

    /// Case C1: with the last copy taken, the session says which one it shows; so does a recording of it.
    @Test(arguments: OverlapPolicy.allCases) func c1TheChosenCopyIsShown(policy: OverlapPolicy) throws {
        var wire = Wire()
        var segments = wire.session()
        let place = Self.turn(7)
        let good = segments[place]
        var other = good
        other.payload = Array("RCPT TO:<e@example.net>\r\n".utf8)[...]
        // Both wait for the octet before them, which comes behind them.
        var rest = (good, other)
        rest.0.payload = good.payload.dropFirst()
        rest.0.sequence &+= 1
        rest.1.payload = other.payload.dropFirst()
        rest.1.sequence &+= 1
        var head = good
        head.payload = good.payload.prefix(1)
        segments.replaceSubrange(
            place...place, with: policy == .first ? [rest.0, rest.1, head] : [rest.1, rest.0, head])
        let reading = read(segments, overlap: policy)
        expectWhole(reading)
        #expect(codes(reading) == ["capture-overlap"])
        let summary = try #require(reading.summaries.first)
        #expect(summary.doubts.map(\.copy) == [policy])
        #expect(summary.doubts.map(\.text).first?.contains("the \(policy.rawValue) copy is shown") == true)
        let scratch = try Scratch()
        let path = try scratch.write(TestRecording(reading.events).segments[0], "own.pcapng")
        #expect(try Reading([path]).summaries == reading.summaries)
    }

    /// Insertion by TTL: octets that expire before the receiver come first. What arrived is shown, and the session says so,
    /// whether the policy is first or last and wherever in the session they stand.
    @Test(arguments: [1, 3, 5, 7, 9, 11, 14], [(false, OverlapPolicy.first), (true, .first), (false, .last)])
    func shortTTLInserted(turn: Int, how: (isIPv6: Bool, policy: OverlapPolicy)) throws {
        var wire = Wire()
        var segments = wire.session()
        let place = Self.turn(turn)
        var inserted = segments[place]
        inserted.payload = inserted.payload.map { $0 ^ 1 }[...]
        inserted.hopLimit = 3
        segments.insert(inserted, at: place)
        for frame in [PacketMaker.Frame.raw, .ethernet] {
            let reading = read(segments, overlap: how.policy, isIPv6: how.isIPv6, frame: frame)
            expectWhole(reading)
            #expect(Set(codes(reading)) == ["capture-overlap", "capture-ttl"])
            let doubt = try #require(reading.summaries.first?.doubts.first { $0.kind == .ttl })
            #expect(doubt.packet == place + 1 && doubt.side == .client && doubt.octets == inserted.length)
        }
    }

    /// A command with a short TTL that nobody answers is shown, and the session says that it may not have arrived.
    @Test func shortTTLUnheard() {
        var wire = Wire()
        let segments = Array(wire.session()[..<Self.turn(5)])
        var inserted = wire.segment(
            .client, segments[segments.count - 1].acknowledgment, segments[segments.count - 1].sequence &+ 8, .psh,
            Array("MAIL FROM:<forged@example.com>\r\n".utf8))
        inserted.hopLimit = 2
        let reading = read(segments + [inserted])
        #expect(codes(reading) == ["capture-ttl"])
    }

    /// A route that changes, once or with every packet, is no doubt: the receiver has what was sent.
    @Test(arguments: [4, 6, 9, 12, 15], [true, false]) func routesThatChangeAreNoDoubt(turn: Int, isForGood: Bool) {
        var wire = Wire()
        var segments = wire.session()
        for place in segments.indices where place >= Self.turn(turn) && (isForGood || place % 2 == 0) {
            segments[place].hopLimit = 240
        }
        let reading = read(segments)
        expectWhole(reading)
        #expect(codes(reading) == [])
        #expect(reading.summaries.first?.end == .closed)
    }

    /// Case C9: a client that is seen alone did not speak before the greeting, unless its acknowledgments say so.
    @Test(
        arguments: [
            (25 as UInt16, "220 mx ESMTP\r\n", "EHLO a\r\n"), (110, "+OK hi\r\n", "CAPA\r\n"),
            (143, "* OK hi\r\n", "1 NOOP\r\n"),
        ], [0, 1, 2]) func c9NobodyIsEarlyWhoIsSeenAlone(
            talk: (port: UInt16, greeting: String, command: String), order: Int
        )
    {
        var wire = Wire(port: talk.port)
        var seen = wire.handshake()
        seen.remove(at: 1)
        _ = wire.say(.server, talk.greeting)
        seen += [wire.acknowledge(.client), wire.say(.client, talk.command)]
        // As it was; the SYN behind the acknowledgment of its answer; without the handshake's last packet.
        if order == 1 { seen.swapAt(0, 1) }
        if order == 2 { seen.removeSubrange(1...2) }
        let reading = read(seen)
        #expect(reading.summaries.map(\.info.mailProtocol) == [ProtocolGuess.ofPort(talk.port)])
        #expect(reading.summaries.first?.violations == 0)
        #expect(reading.transcripts.values.allSatisfy { !$0.contains("early") })
        #expect(codes(reading) == ["capture-one-sided"])
    }

    /// Who does speak before the greeting is told.
    @Test func earlyTalkersAreTold() {
        var wire = Wire()
        let reading = read(wire.handshake() + [wire.say(.client, "EHLO a\r\n"), wire.say(.server, "220 mx ESMTP\r\n")])
        #expect(reading.transcripts.values.contains { $0.contains("smtp-early-talker") })
    }

    /// Case C1: many differences are one finding with a count.
    @Test func c1DifferencesAreCounted() throws {
        var wire = Wire()
        var segments = wire.session()
        for turn in [5, 7, 9] {
            let place = try #require(segments.firstIndex { Array($0.payload) == Array(Wire.mail[turn].1.utf8) })
            var other = segments[place]
            other.payload = other.payload.map { $0 ^ 1 }[...]
            segments.insert(other, at: place + 1)
        }
        let reading = read(segments)
        expectWhole(reading)
        #expect(reading.summaries.first?.doubts.map(\.count) == [3])
        #expect(reading.summaries.first?.doubts.map(\.octets) == [27 + 25 + 6])
    }

    /// Case C4: a reset beside the window, or within it and not at its edge, cuts nothing and is told.
    @Test(arguments: [1, 70_000, UInt32.max, 1 << 31]) func c4StrayReset(offset: UInt32) {
        var wire = Wire()
        let session = wire.session()
        let place = Self.turn(6)
        let forged = wire.segment(.client, session[place - 1].sequence &+ 27 &+ offset, nil, .rst)
        let reading = read(Array(session[..<place]) + [forged] + session[place...])
        expectWhole(reading)
        #expect(codes(reading) == ["capture-reset"])
        #expect(reading.summaries.first?.end == .closed)
    }

    /// Case C4: a reset at the right place that its sender does not know of (forged, or with a TTL that does not reach
    /// the peer): both go on.
    @Test(arguments: [Side.client, .server], 4...14) func c4ForgedReset(side: Side, turn: Int) {
        var wire = Wire()
        let session = wire.session()
        let place = Self.turn(turn)
        var probe = Wire()
        for text in Wire.mail[..<turn] { _ = probe.say(text.0, text.1) }
        let next = side == .client ? probe.clientNext &+ 1 : probe.serverNext &+ 1
        let forged = wire.segment(side, next, nil, .rst)
        let reading = read(Array(session[..<place]) + [forged] + session[place...])
        expectWhole(reading)
        #expect(codes(reading) == ["capture-reset"])
        #expect(reading.summaries.first?.end == .closed)
    }

    /// A true reset ends the session at its time; what was in flight to who sent it is no doubt.
    @Test func trueResetIsNoDoubt() {
        var wire = Wire()
        let session = wire.session()
        let place = Self.turn(12)
        let last = session[place - 1]
        let reset = wire.segment(.client, last.sequence &+ UInt32(last.length), nil, .rst)
        let inFlight = wire.segment(.server, last.acknowledgment, last.sequence, .psh, Array("421 shutting\r\n".utf8))
        let reading = read(Array(session[..<place]) + [reset, inFlight, reset, reset])
        #expect(codes(reading) == [])
        #expect(reading.summaries.map(\.end) == [.reset])
        #expect(reading.summaries.first?.last == 1_700_000_000_000_000 + Int64(place) * 1_000)
        #expect(reading.messages.map(\.complete) == [false])
    }

    /// A reset is believed after a while, and then the endpoints may be used again (case C27).
    @Test func c27ReuseBehindAReset() {
        var wire = Wire()
        let first = wire.session()
        let last = first[Self.turn(12) - 1]
        let reset = wire.segment(.client, last.sequence &+ UInt32(last.length), nil, .rst)
        var again = Wire(client: 5_000_000, server: 8_000_000)
        let reading = read(Array(first[..<Self.turn(12)]) + [reset] + again.session())
        #expect(reading.summaries.map(\.end) == [.reset, .closed])
        #expect(codes(reading) == [])
        #expect(reading.messages.map(\.complete) == [false, true])
    }

    /// Who was taken to have reset the session goes on long after: what follows is a session that says so.
    @Test func lateContradictionOfAReset() {
        var wire = Wire()
        let session = wire.session()
        let place = Self.turn(5)
        let forged = wire.segment(.client, session[place].sequence, nil, .rst)
        let maker = PacketMaker()
        var records = maker.records(Array(session[..<place]) + [forged])
        // Another connection moves the clock.
        var beside = Wire(clientPort: 50_000)
        let start: Int64 = 1_700_000_010_000_000
        records += maker.records(beside.handshake(), start: start)
        records += maker.records(Array(session[place...]), start: start + 1_000_000)
        let reading = Reading(records)
        #expect(reading.summaries.map(\.end) == [.reset, .closed])
        #expect(reading.summaries.last?.findings == ["capture-midstream", "capture-reset"])
        #expect(reading.messages.count == 1)
    }

    /// Case C6: FIN with data, again, out of the window; and octets behind a FIN, which are told.
    @Test func c6BehindTheEnd() {
        var wire = Wire()
        let session = wire.session()
        let place = Self.turn(14)
        let fin = wire.segment(.client, session[place].sequence, session[place].acknowledgment, .fin)
        let far = wire.segment(.client, session[place].sequence &+ 900_000_000, session[place].acknowledgment, .fin)
        let early = read(Array(session[..<place]) + [fin, fin] + session[place...])
        #expect(early.messages.map(\.complete) == [true])
        // The server answers what nobody has seen.
        #expect(codes(early) == ["capture-end", "smtp-unsolicited-reply"])
        #expect(early.exchanges.allSatisfy { $0.command != "QUIT" })
        let stray = read(Array(session[..<place]) + [far] + session[place...])
        expectWhole(stray)
        #expect(codes(stray) == ["capture-window"])
        #expect(stray.exchanges.contains { $0.command == "QUIT" })
    }

    /// Case C8: joined midway: said so, and the protocol is found at the next line.
    @Test func c8Midstream() {
        var wire = Wire()
        let session = wire.session()
        let reading = read(Array(session[Self.turn(5)...]))
        #expect(reading.summaries.map(\.info.mailProtocol) == [.smtp])
        #expect(codes(reading) == ["capture-midstream"])
        #expect(reading.exchanges.map(\.command).contains("QUIT"))
    }

    /// Case C9: half a session, and which half.
    @Test func c9OneSided() {
        for side in Side.allCases {
            var wire = Wire()
            let segments = wire.session().filter { ($0.source.port == 25) == (side == .server) }
            let reading = read(segments)
            #expect(reading.summaries.count == 1)
            #expect(codes(reading).contains("capture-one-sided"))
            #expect(reading.summaries.first?.doubts.last?.side == side.other)
            #expect((reading.summaries.first?.gaps ?? 0) > 0)
        }
    }

    /// Case C12: a command with a wrong checksum is no command, nor is a reset; under `verify` that is told, too.
    @Test func c12WrongChecksums() {
        var wire = Wire()
        let session = wire.session()
        let place = Self.turn(5)
        var forged = session[place]
        forged.payload = Array("MAIL FROM:<evil@example.com>\r\n".utf8)[...]
        forged.checksum = .wrong
        var reset = wire.segment(.client, session[place].sequence, nil, .rst)
        reset.checksum = .wrong
        let inserted = read(Array(session[..<place]) + [forged] + session[place...])
        expectWhole(inserted)
        // The acknowledgment shows that one of the two was taken: which, the checksum says.
        #expect(codes(inserted) == ["capture-overlap"])
        let cut = read(Array(session[..<place]) + [reset] + session[place...])
        expectWhole(cut)
        #expect(codes(cut) == ["capture-checksum"])
        let strict = read(Array(session[..<place]) + [forged] + session[place...], checksums: .verify)
        expectWhole(strict)
        #expect(codes(strict) == ["capture-checksum"])
        #expect(inserted.exchanges.map(\.line).contains("MAIL FROM:<a@example.com>"))
    }

    /// A session one packet of which comes in fragments.
    /// - Parameter cut: gives the fragments of the TCP segment, with the flags and offsets of their headers.
    private static func fragmented(_ cut: ([UInt8]) -> [(octets: [UInt8], field: UInt16)]) -> [CaptureRecord] {
        var wire = Wire()
        let session = wire.session()
        let maker = PacketMaker()
        var records: [CaptureRecord] = []
        for (index, segment) in session.enumerated() {
            guard index == Self.turn(7) else {
                records.append(maker.record(segment, index: records.count + 1, time: Int64(index) * 1_000))
                continue
            }
            let tcp = maker.tcp(segment)
            let ends = (segment.source.address.octets, segment.destination.address.octets)
            for fragment in cut(tcp) {
                let packet = PacketMaker.ipv4(fragment.octets, ends.0, ends.1, id: 77, fragment: fragment.field)
                records.append(
                    CaptureRecord(
                        index: records.count + 1, time: Int64(index) * 1_000, linkType: 101, bytes: packet[...]))
            }
        }
        return records
    }

    /// Case C14: fragments that overlap differently are read by the first and told.
    @Test func c14FragmentsThatDiffer() {
        let records = Self.fragmented { tcp in
            var evil = Array(tcp[24..<40])
            evil[8] ^= 1
            return [(Array(tcp[..<40]), 0x2000), (evil, 0x2000 | 3), (Array(tcp[40...]), 5)]
        }
        let reading = Reading(records)
        expectWhole(reading)
        #expect(codes(reading) == ["capture-fragments"])
    }

    /// Case C14: a forged fragment completes the packet before the true one comes; its checksum is right. The other reading is told.
    @Test(arguments: OverlapPolicy.allCases) func c14FragmentThatComesTooLate(policy: OverlapPolicy) {
        let records = Self.fragmented { tcp in
            // Two octets with the same sum, as who forges one takes care of.
            var evil = Array(tcp[32...])
            evil.swapAt(1, 3)
            return [(Array(tcp[..<32]), 0x2000), (evil, 4), (Array(tcp[32...]), 4)]
        }
        let reading = Reading(records, overlap: policy)
        #expect(reading.summaries.count == 1 && reading.messages.map(\.complete) == [true])
        #expect(Set(codes(reading)).isSuperset(of: ["capture-fragments", "capture-overlap"]))
    }

    /// The number of a packet in fragments comes again for another one: nothing is told.
    @Test func numbersOfFragmentsComeAgain() {
        var wire = Wire()
        let session = wire.session()
        let maker = PacketMaker()
        var records: [CaptureRecord] = []
        for (index, segment) in session.enumerated() {
            let tcp = maker.tcp(segment)
            let ends = (segment.source.address.octets, segment.destination.address.octets)
            var pieces: [(octets: [UInt8], field: UInt16)] = [(tcp, 0)]
            if tcp.count > 24 { pieces = [(Array(tcp[..<24]), 0x2000), (Array(tcp[24...]), 3)] }
            for (octets, field) in pieces {
                let packet = PacketMaker.ipv4(octets, ends.0, ends.1, id: 77, fragment: field)
                records.append(
                    CaptureRecord(
                        index: records.count + 1, time: Int64(index) * 1_000, linkType: 101, bytes: packet[...]))
            }
        }
        let reading = Reading(records)
        expectWhole(reading)
        #expect(codes(reading) == [])
    }

    /// Cases C14 and C28: what never came is a hole of known size, which is counted and stands in the transcript.
    @Test(arguments: Array(4...13)) func c28LossesAreGaps(turn: Int) throws {
        var wire = Wire()
        var session = wire.session()
        session.remove(at: Self.turn(turn))
        let reading = read(session)
        let summary = try #require(reading.summaries.first)
        #expect(reading.summaries.count == 1)
        #expect(summary.gaps > 0)
        #expect(reading.counters.gaps > 0)
        #expect(reading.reassembly.gapOctets == Wire.mail[turn].1.utf8.count)
    }
}
