// Segments with a TTL far from that of their side's others, where something else happens beside them: they neither win
// over what arrived nor make a normal capture look forged.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct FarSegmentsTests {
    /// What came first and may not have arrived loses to what is known to have, although the last copy counts.
    @Test(arguments: OverlapPolicy.allCases) func theFarCopyLosesUnderEitherPolicy(policy: OverlapPolicy) throws {
        var wire = Wire()
        var segments = wire.handshake() + [wire.say(.server, "220 hi\r\n")]
        let command = wire.say(.client, "EHLO x\r\n")
        var head = command
        head.payload = command.payload.prefix(1)
        head.hopLimit = 240
        var rest = command
        rest.sequence &+= 1
        rest.payload = command.payload.dropFirst()
        var forged = rest
        forged.payload = Array("VIL x\r\n".utf8)[...]
        forged.hopLimit = 3
        for place in segments.indices { segments[place].hopLimit = 64 }
        (rest.hopLimit, head.hopLimit) = (64, 240)
        segments += [wire.acknowledge(.client), wire.acknowledge(.client)].map { far($0, 64) }
        segments += [forged, rest, head, wire.say(.server, "250 ok\r\n")]
        let log = try #require(reassemble(segments, overlap: policy).first)
        #expect(log.clientText == "EHLO x\r\n")
        #expect(log.conflicts == ["client 1 VIL x\r\n"])
        #expect(log.doubts.map { $0.split(separator: " ")[1] } == ["ttl"])
    }

    private func far(_ segment: TCPSegment, _ hops: UInt8) -> TCPSegment {
        var segment = segment
        segment.hopLimit = hops
        return segment
    }

    /// However many segments with a low TTL come, of whatever kind, those that arrived have the other.
    @Test func manyFarSegmentsOutvoteNobody() throws {
        var wire = Wire()
        var segments = wire.handshake() + [wire.say(.server, "220 hi\r\n")]
        let command = wire.say(.client, "EHLO x\r\n")
        segments += [command, wire.say(.server, "250 ok\r\n"), wire.acknowledge(.client)]
        for place in segments.indices { segments[place].hopLimit = 64 }
        for _ in 0..<40 { segments += [far(wire.acknowledge(.client), 3), far(command, 3)] }
        segments.append(far(wire.acknowledge(.server), 64))
        for _ in 0..<40 {
            var probe = wire
            segments.append(far(probe.say(.client, "VRFY evil\r\n"), 3))
        }
        segments += [wire.say(.client, "QUIT x y z\r\n"), wire.say(.server, "221 bye\r\n")].map { far($0, 64) }
        let log = try #require(reassemble(segments).first)
        #expect(log.clientText == "EHLO x\r\nQUIT x y z\r\n")
        #expect(log.doubts.map { $0.split(separator: " ")[1] } == ["ttl"])
    }

    /// Nor do so many that not all of them are kept; what is acknowledged says that the route is another one now.
    @Test func aRouteThatChangesIsNoDoubt() throws {
        var wire = Wire()
        var segments = wire.handshake() + [wire.say(.server, "220 hi\r\n")]
        for place in segments.indices { segments[place].hopLimit = 64 }
        var said = ""
        for number in 0..<40 {
            said += "NOOP \(number)\r\n"
            segments.append(far(wire.say(.client, "NOOP \(number)\r\n"), number < 5 ? 64 : 50))
            segments.append(far(wire.say(.server, "250 ok\r\n"), 64))
        }
        // Not acknowledged any more, and near by now.
        segments.append(far(wire.say(.client, "QUIT\r\n"), 50))
        let log = try #require(reassemble(segments).first)
        #expect(log.clientText == said + "QUIT\r\n")
        #expect(log.doubts == [] && log.gaps == 0)
    }

    /// So does one with a wrong checksum.
    @Test func theWrongCopyLosesUnderEitherPolicy() throws {
        var wire = Wire()
        let segments = wire.handshake() + [wire.say(.server, "220 hi\r\n")]
        let command = wire.say(.client, "EHLO x\r\n")
        var head = command
        head.payload = command.payload.prefix(1)
        head.checksum = .wrong
        var rest = command
        rest.sequence &+= 1
        rest.payload = command.payload.dropFirst()
        var forged = rest
        forged.payload = Array("VIL x\r\n".utf8)[...]
        forged.checksum = .wrong
        let log = try #require(
            reassemble(segments + [forged, rest, head, wire.say(.server, "250 ok\r\n")], overlap: .last).first)
        #expect(log.clientText == "EHLO x\r\n")
    }

    /// A packet of the server that was not captured is no reason to believe what the client may not have sent.
    @Test func aHoleOfThePeerBelievesNothing() throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments += [wire.say(.server, "220 hi\r\n"), wire.say(.client, "EHLO x\r\n"), wire.say(.server, "250 ok\r\n")]
        segments += [wire.acknowledge(.client), wire.acknowledge(.client)]
        for place in segments.indices { segments[place].hopLimit = 64 }
        var probe = wire
        segments.append(far(probe.say(.client, "VRFY x\r\n"), 3))
        _ = wire.say(.server, "251 lost\r\n")
        for number in 0..<30 {
            segments += [far(wire.say(.server, "252 \(number)\r\n"), 64), far(wire.acknowledge(.client), 64)]
        }
        segments.append(far(wire.say(.client, "QUIT x\r\n"), 64))
        segments.append(far(wire.say(.server, "221 bye\r\n"), 64))
        let log = try #require(reassemble(segments).first)
        #expect(log.clientText == "EHLO x\r\nQUIT x\r\n")
        #expect(log.gaps == 10)
        #expect(log.doubts.map { $0.split(separator: " ")[1] } == ["ttl"])
        #expect(log.conflicts == ["client 8 VRFY x\r\n"])
    }

    /// A reset behind octets that wait is at the right place.
    @Test func aResetBehindOctetsThatWaitIsTrue() throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments += [wire.say(.server, "220 hi\r\n"), wire.say(.client, "EHLO x\r\n"), wire.say(.server, "250 ok\r\n")]
        for place in segments.indices { segments[place].hopLimit = 64 }
        segments.append(far(wire.say(.client, "QUIT\r\n"), 50))
        segments.append(far(wire.reset(.client), 50))
        var counters = ReassemblyCounters()
        let log = try #require(reassemble(segments, counters: &counters).first)
        #expect(log.clientText == "EHLO x\r\nQUIT\r\n")
        #expect(log.end == .reset)
        #expect(counters.strayResets == 0)
        #expect(!log.doubts.contains { $0.contains("reset") })
    }

    /// The end of a side's stream may be forged as octets are: what comes behind it is shown, and the session says so.
    @Test(arguments: [true, false]) func aFarEndIsNoEnd(hasOctets: Bool) throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments += [wire.say(.server, "220 hi\r\n"), wire.say(.client, "EHLO x\r\n"), wire.say(.server, "250 ok\r\n")]
        for place in segments.indices { segments[place].hopLimit = 64 }
        let octets = hasOctets ? Array("MAIL".utf8) : []
        segments.append(far(wire.segment(.client, wire.clientNext, wire.serverNext, .fin, octets), 3))
        for (side, text) in [(Side.client, "MAIL FROM:<a@b>\r\n"), (.server, "250 ok\r\n"), (.client, "QUIT\r\n")] {
            segments.append(far(wire.say(side, text), 64))
        }
        segments += [wire.say(.server, "221 bye\r\n"), wire.finish(.server)].map { far($0, 64) }
        segments += [wire.acknowledge(.client), wire.finish(.client), wire.acknowledge(.server)].map { far($0, 64) }
        let log = try #require(reassemble(segments).first)
        #expect(log.clientText == "EHLO x\r\nMAIL FROM:<a@b>\r\nQUIT\r\n")
        #expect(log.end == .fin)
        #expect(log.doubts.map { $0.split(separator: " ")[1] } == ["ttl"])
    }

    /// A box on the way ends the connection with its own TTL: that is no doubt, acknowledged or not.
    @Test(arguments: [true, false]) func boxesEndConnections(isAcknowledged: Bool) throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments += [wire.say(.server, "220 hi\r\n"), wire.say(.client, "EHLO x\r\n"), wire.say(.server, "250 ok\r\n")]
        for place in segments.indices { segments[place].hopLimit = 64 }
        segments.append(far(wire.finish(.server), 255))
        segments += [wire.acknowledge(.client), wire.finish(.client)].map { far($0, 64) }
        segments.append(far(wire.acknowledge(.server), 255))
        if !isAcknowledged { segments.remove(at: segments.count - 3) }
        let log = try #require(reassemble(segments).first)
        #expect(log.ended == [.server, .client])
        #expect(log.end == .fin)
        #expect(log.doubts == [])
    }

    /// A keep-alive with an octet of its own (RFC 9293 §3.8.4) contradicts nothing, whoever sent it and whatever was captured.
    @Test(arguments: [64, 255] as [UInt8], [true, false]) func keepAlivesAreNoDoubt(hops: UInt8, isOneSided: Bool)
        throws
    {
        var wire = Wire()
        var segments = wire.dialogue()
        for place in segments.indices { segments[place].hopLimit = 64 }
        let place = 5
        let next = segments[place - 1].sequence &+ UInt32(segments[place - 1].length)
        let alive = wire.segment(.client, next &- 1, segments[place].sequence &+ 8, [], [0])
        segments.insert(far(alive, hops), at: place + 1)
        if isOneSided { segments.removeAll { $0.source.port == 25 } }
        let log = try #require(reassemble(segments).first)
        #expect(log.clientText == "EHLO x\r\nQUIT\r\n")
        #expect(log.conflicts == [] && log.doubts == [])
    }

    /// Whoever is not known to have spoken first is not told to have, although the peer was heard before.
    @Test(arguments: [true, false]) func theGreetingMayBeLacking(isHeard: Bool) throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments.remove(at: 1)
        _ = wire.say(.server, "220 hi\r\n")
        segments[1] = wire.acknowledge(.client)
        if isHeard { segments.append(wire.acknowledge(.server)) }
        segments += [wire.say(.client, "EHLO x\r\n"), wire.say(.server, "250 ok\r\n")]
        let log = try #require(reassemble(segments).first)
        #expect(log.turns == ["S: <0 lost>", "C: EHLO x\r\n", "S: 250 ok\r\n"])
    }

    /// A reset at a place that forged octets lead to hides nothing of what its supposed sender says.
    @Test(arguments: [0, 30_000] as [UInt32], [3, 64] as [UInt8]) func aForgedPlaceIsNoReset(
        distance: UInt32, hops: UInt8
    ) throws {
        var wire = Wire()
        var segments = wire.handshake()
        segments += [wire.say(.server, "220 hi\r\n"), wire.say(.client, "EHLO x\r\n"), wire.say(.server, "250 ok\r\n")]
        let octets = [UInt8](repeating: 120, count: 200)
        let forged = far(wire.segment(.client, wire.clientNext &+ distance, wire.serverNext, .psh, octets), hops)
        let reset = far(wire.reset(.client, at: wire.clientNext &+ distance &+ 200), hops)
        for (side, text) in [(Side.client, "MAIL FROM:<a@b>\r\n"), (.server, "250 ok\r\n"), (.client, "QUIT\r\n")] {
            segments.append(wire.say(side, text))
        }
        segments.append(wire.say(.server, "221 bye\r\n"))
        for place in segments.indices { segments[place].hopLimit = 64 }
        segments.insert(contentsOf: [forged, reset], at: 6)
        let log = try #require(reassemble(segments).first)
        // With the right TTL the octets are those that came first.
        if distance > 0 || hops == 3 { #expect(log.clientText.hasPrefix("EHLO x\r\nMAIL FROM:<a@b>\r\nQUIT\r\n")) }
        #expect(log.serverText == "220 hi\r\n250 ok\r\n250 ok\r\n221 bye\r\n")
        #expect(log.end == .endOfCapture)
        #expect(log.doubts.contains { $0.contains(" reset ") })
    }
}
