// Reassembly, case by case: what attackers, losses and captures do to a connection, and what must come of it.

import MailCapture
import MailDialogue
import MailRecording
import Testing

struct TCPReassemblerTests {
    @Test func wholeConnection() throws {
        var wire = Wire()
        let flow = try #require(reassemble(wire.dialogue()).first)
        #expect(flow.endpoints == "192.0.2.1:40000 192.0.2.2:25")
        #expect(flow.turns == Wire.turns)
        #expect(flow.ended == [.server, .client])
        #expect(flow.end == .fin)
        #expect(!flow.isMidstream)
        #expect(flow.times == flow.times.sorted())
        #expect(flow.times.first == 0)
    }

    /// Copies that differ: of octets that were delivered, and of some that wait, behind and before them.
    private static func overlaps() -> [TCPSegment] {
        var wire = Wire()
        var segments = wire.handshake()
        let first = wire.say(.client, "MAIL FROM:<a@example.org>\r\n")
        var evil = first
        evil.payload = Array("MAIL FROM:<b@example.org>\r\n".utf8)[...]
        segments += [first, evil]
        var last = wire
        _ = last.say(.client, "xx")
        segments.append(last.say(.client, "CD"))
        let waiting = wire.segment(.client, last.clientNext &- 3, wire.serverNext, [], Array("bcde".utf8))
        segments += [waiting, wire.segment(.client, wire.clientNext, wire.serverNext, [], Array("AB".utf8))]
        return segments
    }

    /// Case C1: the first copy wins, the other is told, whether it was delivered already or waits.
    @Test func overlapFirstWins() throws {
        let segments = Self.overlaps()
        var counters = ReassemblyCounters()
        let flow = try #require(reassemble(segments, counters: &counters).first)
        #expect(flow.clientText == "MAIL FROM:<a@example.org>\r\nAbCDe")
        #expect(flow.conflicts == ["client 0 MAIL FROM:<b@example.org>\r\n", "client 29 cd", "client 28 B"])
        #expect(counters.conflicts == 3)
    }

    /// Case C1: where the last copy is to be taken, it is among what waits. What was handed on stays, and each difference
    /// says which copy was taken.
    @Test func overlapLastWinsWhereItWaits() throws {
        let segments = Self.overlaps()
        var counters = ReassemblyCounters()
        let flow = try #require(reassemble(segments, overlap: .last, counters: &counters).first)
        #expect(flow.clientText == "MAIL FROM:<a@example.org>\r\nABcde")
        #expect(
            flow.conflicts == ["client 0 MAIL FROM:<b@example.org>\r\n", "client 29 older CD", "client 28 older b"])
        #expect(counters.conflicts == 3)
    }

    /// Many copies of what waits take no more memory than one, whichever is taken; what the peer has acknowledged stays.
    @Test func overlapLastIsBounded() throws {
        var limits = ReassemblyLimits()
        limits.flowOctets = 4_096
        var wire = Wire()
        var segments = wire.handshake()
        let start = wire.clientNext
        for copy in 0..<200 {
            segments.append(
                wire.segment(.client, start &+ 1, wire.serverNext, [], [UInt8](repeating: UInt8(copy), count: 1_000)))
        }
        // The server has what came last; what says otherwise from now on is a keep-alive or a lie.
        segments.append(wire.segment(.server, wire.serverNext, start &+ 1_001))
        segments.append(wire.segment(.client, start &+ 1_000, wire.serverNext, [], [0]))
        segments.append(wire.segment(.client, start, wire.serverNext, [], Array("A".utf8)))
        let flow = try #require(reassemble(segments, limits: limits, overlap: .last).first)
        #expect(flow.client == [65] + [UInt8](repeating: 199, count: 1_000))
        #expect(flow.gaps == 0)
        #expect(flow.conflicts.count == 200)
    }

    /// What the peer has acknowledged cannot be told differently: keep-alives carry an octet of garbage.
    @Test func keepAlivesAreNoConflict() throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments += [wire.say(.client, "NOOP\r\n"), wire.acknowledge(.server)]
        for _ in 0..<3 {
            segments.append(wire.segment(.client, wire.clientNext &- 1, wire.serverNext, [], [0]))
            segments.append(wire.segment(.client, wire.clientNext &- 1, wire.serverNext))
        }
        segments.append(wire.say(.server, "250 ok\r\n"))
        let flow = try #require(reassemble(segments).first)
        #expect(flow.turns == ["C: NOOP\r\n", "S: 250 ok\r\n"])
        #expect(flow.conflicts.isEmpty)
    }

    /// Case C3: repeated and swapped segments, in any order within a window, give the same dialogue.
    @Test(arguments: 0..<60)
    func disorder(seed: UInt64) throws {
        var dice = Dice(seed)
        var wire = Wire(client: seed % 3 == 0 ? UInt32.max - 40 : 7, server: seed % 3 == 1 ? UInt32.max - 90 : 7)
        var segments = wire.handshake()
        var client: [UInt8] = []
        var server: [UInt8] = []
        var turns: [String] = []
        var data: [TCPSegment] = []
        for turn in 0..<30 {
            let side: Side = turn & 1 == 0 ? .server : .client
            let octets = Array(
                "\(turn) \(String(repeating: "x", count: Int.random(in: 0..<60, using: &dice)))\r\n".utf8)
            if side == .client { client += octets } else { server += octets }
            turns.append((side == .client ? "C: " : "S: ") + String(decoding: octets, as: UTF8.self))
            var rest = octets[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...20, using: &dice))
                rest = rest.dropFirst(piece.count)
                data.append(wire.say(side, Array(piece)))
            }
        }
        // Repetitions, some of which join or cut what was sent.
        for index in stride(from: data.count - 2, to: 0, by: -5) {
            var again = data[index]
            if data[index + 1].source == again.source {
                again.payload = again.payload + data[index + 1].payload.prefix(3)
            } else {
                again.payload = again.payload.dropFirst()
                again.sequence &+= 1
            }
            data.insert(again, at: min(data.count, index + Int.random(in: 1...6, using: &dice)))
        }
        // Each may come up to six places later.
        let places = data.indices.map { $0 + Int.random(in: 0...6, using: &dice) }
        data = data.indices.sorted { (places[$0], $0) < (places[$1], $1) }.map { data[$0] }
        segments += data
        segments += [wire.finish(.server), wire.finish(.client), wire.acknowledge(.server)]
        let flow = try #require(reassemble(segments).first)
        #expect(flow.client == client)
        #expect(flow.server == server)
        #expect(flow.turns == turns)
        #expect(flow.gaps == 0)
        #expect(flow.conflicts.isEmpty)
        #expect(flow.end == .fin)
        #expect(flow.times == flow.times.sorted())
    }

    /// Case C4: only a RST at the right place, behind which its sender says nothing more, ends a session.
    @Test func resets() throws {
        var wire = Wire()
        let segments = wire.dialogue()
        for offset in [0, 1, 70_000, UInt32.max] as [UInt32] {
            var wire = Wire()
            var part = wire.handshake()
            part.append(wire.say(.server, "220 hi\r\n"))
            part.append(wire.say(.client, "EHLO x\r\n"))
            part.append(wire.reset(.client, at: wire.clientNext &+ offset))
            let goesOn = try #require(reassemble(part + segments[5...]).first)
            #expect(goesOn.end == .fin)
            #expect(goesOn.turns == Wire.turns)
            #expect(goesOn.doubts == ["client reset 0 octets in 6"])
            let stops = try #require(reassemble(part).first)
            #expect(stops.end == (offset == 0 ? .reset : .endOfCapture))
            #expect(stops.turns == Array(Wire.turns[..<2]))
            #expect(stops.doubts.isEmpty == (offset == 0))
        }
    }

    /// A refused connection and a bare SYN are no sessions.
    @Test func refusals() {
        var wire = Wire()
        let syn = wire.handshake()[0]
        #expect(reassemble([syn, wire.segment(.server, 0, wire.clientNext, .rst)]).isEmpty)
        #expect(reassemble([syn, syn]).isEmpty)
        #expect(reassemble([wire.acknowledge(.client), wire.reset(.client), wire.finish(.client)]).isEmpty)
    }

    /// Case C6: FIN with data, again, out of the window, and data behind it.
    @Test func finishes() throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments.append(wire.segment(.client, wire.clientNext &+ 500_000_000, wire.serverNext, .fin))
        segments.append(wire.say(.server, "220 hi\r\n"))
        var last = wire.say(.client, "QUIT\r\n")
        last.flags.insert(.fin)
        wire.clientNext &+= 1
        segments += [
            last, last, wire.say(.client, "after"), wire.segment(.client, wire.clientNext &- 6, wire.serverNext, .fin),
        ]
        segments += [wire.segment(.server, wire.serverNext, wire.clientNext &- 5, [], Array("221 bye\r\n".utf8))]
        wire.serverNext &+= 9
        let end = wire.finish(.server)
        segments += [end, end, wire.segment(.server, wire.serverNext, wire.clientNext &- 5, [], Array("after".utf8))]
        let flows = reassemble(segments)
        #expect(flows.count == 1)
        #expect(flows[0].turns == ["S: 220 hi\r\n", "C: QUIT\r\n", "S: 221 bye\r\n"])
        #expect(flows[0].ended == [.client, .server])
        #expect(flows[0].end == .fin)
        #expect(flows[0].gaps == 0)
    }

    /// Case C8: joined midway; the ports say who is the client.
    @Test func midstream() throws {
        for clientFirst in [true, false] {
            var wire = Wire(port: 143)
            let segments = wire.dialogue().dropFirst(clientFirst ? 4 : 3)
            let flow = try #require(reassemble(Array(segments)).first)
            #expect(flow.isMidstream)
            #expect(flow.endpoints == "192.0.2.1:40000 192.0.2.2:143")
            #expect(flow.turns == Array(Wire.turns[(clientFirst ? 1 : 0)...]))
            #expect(flow.gaps == 0)
            #expect(flow.end == .fin)
        }
        let odd = Wire(port: 4_711)
        let flow = try #require(reassemble([odd.segment(.server, 5, 6, [], [1])]).first)
        #expect(flow.endpoints == "192.0.2.1:40000 192.0.2.2:4711")
    }

    /// The answer to the SYN comes first: its sender is the server all the same.
    @Test func handshakeInAnyOrder() throws {
        for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0], [0, 2, 1]] {
            var wire = Wire(port: 4_711, clientPort: 100)
            let all = wire.dialogue()
            let flow = try #require(reassemble(order.map { all[$0] } + all[3...]).first)
            #expect(flow.endpoints == "192.0.2.1:100 192.0.2.2:4711")
            #expect(flow.turns == Wire.turns)
            #expect(!flow.isMidstream)
            #expect(flow.gaps == 0)
            #expect(flow.end == .fin)
        }
    }

    /// Case C9: one direction only gives that side whole, and holes in the places of the other.
    @Test func oneDirection() throws {
        var wire = Wire()
        let all = wire.dialogue()
        let client = try #require(reassemble(all.filter { $0.source.port == 40_000 }).first)
        #expect(client.clientText == "EHLO x\r\nQUIT\r\n")
        #expect(client.turns == ["S: <8 lost>", "C: EHLO x\r\n", "S: <8 lost>", "C: QUIT\r\n", "S: <10 lost>"])
        #expect(client.end == .endOfCapture)
        let server = try #require(reassemble(all.filter { $0.source.port == 25 }).first)
        #expect(server.serverText == "220 hi\r\n250 ok\r\n221 bye\r\n")
        #expect(server.endpoints == "192.0.2.1:40000 192.0.2.2:25")
        #expect(!server.isMidstream)
    }

    /// Case C10: the numbers wrap within the content.
    @Test func sequencesWrap() throws {
        var wire = Wire(client: UInt32.max - 1_000)
        var segments = wire.handshake()
        var sent: [UInt8] = []
        for index in 0..<100 {
            let line = Array("line \(index) of the content\r\n".utf8)
            sent += line
            segments.append(wire.say(.client, line))
            if index % 7 == 0 { segments.append(wire.acknowledge(.server)) }
        }
        segments.swapAt(40, 42)
        let flow = try #require(reassemble(segments).first)
        #expect(flow.client == sent)
        #expect(flow.gaps == 0)
    }

    /// Case C12: a wrong checksum between right ones is left out; a sender that shows none from the start is taken.
    @Test func checksums() throws {
        for verdict in [ChecksumVerdict.wrong, .offloaded] {
            var wire = Wire()
            var segments = wire.handshake()
            var forged = wire
            var evil = forged.say(.client, "RSET\r\n")
            evil.checksum = verdict
            segments += [evil, wire.say(.client, "NOOP\r\n")]
            #expect(reassemble(segments).first?.clientText == "NOOP\r\n")
            #expect(reassemble(segments, checksums: .verify).first?.clientText == "NOOP\r\n")
            #expect(reassemble(segments, checksums: .ignore).first?.clientText == "RSET\r\n")
            var counters = ReassemblyCounters()
            _ = reassemble(segments, counters: &counters)
            #expect(counters.badChecksums == 1)
            let offloaded = segments.map { segment in
                var segment = segment
                if segment.source.port == 40_000 { segment.checksum = verdict }
                return segment
            }
            #expect(reassemble(offloaded).first?.clientText == "RSET\r\n")
            #expect(reassemble(offloaded, checksums: .verify).first?.clientText ?? "" == "")
        }
    }

    /// A segment with a wrong checksum that the peer acknowledges was taken: merged by the kernel, or made anonymous.
    @Test func acknowledgedInSpiteOfChecksum() throws {
        var wire = Wire()
        var segments = wire.dialogue()
        segments[4].checksum = .wrong
        segments[5].checksum = .wrong
        var counters = ReassemblyCounters()
        let flow = try #require(reassemble(segments, counters: &counters).first)
        #expect(flow.turns == Wire.turns)
        #expect(flow.end == .fin)
        #expect(flow.gaps == 0)
        #expect(counters.badChecksums == 2)
        #expect(reassemble(segments, checksums: .verify).first?.gaps == 16)
    }

    /// The forged segment comes first, the true one behind it: the true one is taken, the other told.
    @Test func forgedBeforeTrue() throws {
        var wire = Wire()
        var segments = wire.handshake()
        var ahead = wire
        var forged = ahead.say(.client, "RSET\r\n")
        forged.checksum = .wrong
        segments += [forged, wire.say(.client, "NOOP\r\n"), wire.say(.server, "250 ok\r\n")]
        let flow = try #require(reassemble(segments).first)
        #expect(flow.turns == ["C: NOOP\r\n", "S: 250 ok\r\n"])
        #expect(flow.conflicts == ["client 0 RSET\r\n"])
    }

    /// Where nobody acknowledges there is nothing to judge by: what is there is taken in the end.
    @Test func doubtWithoutAcknowledgments() throws {
        var wire = Wire()
        var segments = [wire.handshake()[0]]
        for index in 0..<1_000 {
            segments.append(wire.say(.client, "line \(index)\r\n"))
            if index % 3 == 1 { segments[segments.count - 1].checksum = .wrong }
        }
        let flow = try #require(reassemble(segments).first)
        #expect(flow.clientText == (0..<1_000).map { "line \($0)\r\n" }.joined())
        #expect(flow.gaps == 0)
    }

    /// What the peer acknowledges and the capture lacks is a gap, told in its place, soon.
    @Test func acknowledgedHole() throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments.append(wire.say(.server, "220 hi\r\n"))
        _ = wire.say(.client, "EHLO lost\r\n")
        segments.append(wire.say(.server, "250 ok\r\n"))
        segments.append(wire.say(.client, "NOOP\r\n"))
        let turns = ["S: 220 hi\r\n", "C: <11 lost>", "S: 250 ok\r\n", "C: NOOP\r\n"]
        #expect(reassemble(segments, finish: false).first?.turns == ["S: 220 hi\r\n"])
        #expect(try #require(reassemble(segments).first).turns == turns)
        for _ in 0..<20 { segments.append(wire.acknowledge(.server)) }
        #expect(reassemble(segments, finish: false).first?.turns == turns)
    }

    /// In a live capture time alone ends the wait for what was lost.
    @Test func timeEndsTheWait() {
        var wire = Wire()
        var reassembler = TCPReassembler()
        var events: [FlowEvent] = []
        var segments = wire.handshake()
        _ = wire.say(.server, "220 lost\r\n")
        segments.append(wire.say(.client, "EHLO x\r\n"))
        for (index, segment) in segments.enumerated() {
            reassembler.accept(segment, time: Int64(index) * 1_000, packet: index, into: &events)
        }
        #expect(logs(events)[0].turns.isEmpty)
        reassembler.advance(to: 500_000_000, into: &events)
        #expect(logs(events)[0].turns.isEmpty)
        reassembler.advance(to: 1_100_000_000, into: &events)
        #expect(logs(events)[0].turns == ["S: <10 lost>", "C: EHLO x\r\n"])
        reassembler.advance(to: 8_000_000_000_000, into: &events)
        #expect(logs(events)[0].end == .timeout)
        #expect(reassembler.openFlows == 0)
    }

    /// A retransmission of what was lost before the capture point is no gap.
    @Test func retransmissionFillsTheHole() throws {
        var wire = Wire()
        var segments = wire.handshake()
        let lost = wire.say(.server, "220 first\r\n")
        segments.append(wire.say(.server, "220 second\r\n"))
        for _ in 0..<40 { segments.append(wire.segment(.client, wire.clientNext, lost.sequence)) }
        segments += [lost, wire.acknowledge(.client)]
        let flow = try #require(reassemble(segments, finish: false).first)
        #expect(flow.serverText == "220 first\r\n220 second\r\n")
        #expect(flow.gaps == 0)
    }

    /// A packet that the snap length cut is a hole of the missing octets.
    @Test func cutPackets() throws {
        var wire = Wire()
        var segments = wire.handshake()
        var cut = wire.say(.server, "220 a long greeting\r\n")
        cut.payload = cut.payload.prefix(5)
        cut.missing = 16
        segments += [cut, wire.say(.client, "QUIT\r\n")]
        let flow = try #require(reassemble(segments, finish: false).first)
        #expect(flow.turns == ["S: 220 a<16 lost>", "C: QUIT\r\n"])
    }

    /// Case C27: the same endpoints, a new SYN after FIN or RST: two sessions.
    @Test(arguments: [false, true])
    func reusedEndpoints(byReset: Bool) {
        var wire = Wire()
        var first = wire.dialogue()
        if byReset { first = Array(first[..<8]) + [Wire(client: 1_000 + 15, server: 0).reset(.client)] }
        var again = Wire(client: 77_000, server: 88_000)
        let flows = reassemble(first + again.dialogue())
        #expect(flows.count == 2)
        #expect(flows.map(\.end) == [byReset ? .reset : .fin, .fin])
        #expect(flows.map(\.turns) == [Wire.turns, Wire.turns])
    }

    /// A SYN in the middle of a session replaces it when the server answers it, not before.
    @Test func replacedConnection() {
        var wire = Wire()
        let first = wire.dialogue()
        var again = Wire(client: 77_000, server: 88_000)
        let second = again.dialogue()
        // A forged SYN that nobody answers.
        let forged = reassemble(Array(first[..<5]) + [second[0]] + first[5...])
        #expect(forged.map(\.turns) == [Wire.turns])
        #expect(forged.map(\.end) == [.fin])
        let replaced = reassemble(Array(first[..<6]) + second)
        #expect(replaced.map(\.end) == [.replaced, .fin])
        #expect(replaced.map(\.turns) == [Array(Wire.turns[..<3]), Wire.turns])
        // The server's answer was not captured.
        let unanswered = reassemble(Array(first[..<6]) + [second[0]] + second[2...])
        #expect(unanswered.map(\.end) == [.replaced, .fin])
        #expect(unanswered.last?.turns == Wire.turns)
    }

    /// A loss of more than a window in a capture of one direction: the place is found again.
    @Test func longLoss() throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments.append(wire.say(.client, "before\r\n"))
        wire.clientNext &+= 10_000_000
        for index in 0..<20 { segments.append(wire.say(.client, "line \(index)\r\n")) }
        let flow = try #require(reassemble(segments).first)
        #expect(flow.clientText.hasPrefix("before\r\n"))
        #expect(flow.clientText.hasSuffix("line 18\r\nline 19\r\n"))
        #expect(flow.gaps == 10_000_000 + 7 * 8)
    }

    /// Data on a SYN (TCP fast open) belong to the content.
    @Test func dataOnSYN() throws {
        var wire = Wire()
        let handshake = wire.handshake()
        var syn = handshake[0]
        syn.payload = Array("EHLO x\r\n".utf8)[...]
        let rest = wire.segment(.server, handshake[1].sequence, wire.clientNext &+ 8, .syn)
        wire.clientNext &+= 8
        let flow = try #require(reassemble([syn, rest, wire.say(.server, "220 hi\r\n")]).first)
        #expect(flow.clientText == "EHLO x\r\n")
        #expect(flow.serverText == "220 hi\r\n")
    }

}
