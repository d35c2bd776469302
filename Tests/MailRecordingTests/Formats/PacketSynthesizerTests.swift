// Synthesised packets decode to what was put in, with right checksums and sequence numbers, whatever the length.

import MailDialogue
import MailRecording
import Testing

struct PacketSynthesizerTests {
    private func segments(_ packets: [[UInt8]]) throws -> [TCPSegment] {
        var decoder = PacketDecoder()
        return try packets.map { packet in
            #expect(packet.count <= 65_575)
            guard case .tcp(let segment) = decoder.decode(packet[...], linkType: UInt32(PcapngWriter.linkType), time: 0)
            else {
                throw CaptureFormatError(.badLength, at: 0, "not TCP")
            }
            #expect(segment.checksum == .right)
            #expect(segment.missing == 0)
            return segment
        }
    }

    private func pair(_ client: String, _ server: String, seed: UInt32 = 0) throws -> PacketSynthesizer {
        PacketSynthesizer(
            client: try #require(IPEndpoint(client)), server: try #require(IPEndpoint(server)), seed: seed)
    }

    @Test(arguments: [
        ("192.0.2.1:4000", "192.0.2.2:25"), ("[2001:db8::1]:4000", "[2001:db8::2]:143"),
        ("192.0.2.1:4000", "[::1]:110"),
    ])
    func conversation(client: String, server: String) throws {
        var made = try pair(client, server)
        let opening = try segments(made.open())
        #expect(opening.map(\.flags) == [.syn, [.syn, .ack], .ack])
        #expect(opening.map(\.windowScale) == [14, 14, nil])
        #expect(opening[1].acknowledgment == opening[0].sequence &+ 1)
        #expect(opening[2].acknowledgment == opening[1].sequence &+ 1)
        let hello = try segments(made.data(from: .server, Array("220 hi\r\n".utf8)[...]))
        #expect(hello.map { Array($0.payload) } == [Array("220 hi\r\n".utf8)])
        #expect(hello[0].sequence == opening[1].sequence &+ 1)
        #expect(hello[0].source.description.hasSuffix(server))
        let reply = try segments(made.data(from: .client, Array("EHLO x\r\n".utf8)[...]))
        #expect(reply[0].acknowledgment == hello[0].sequence &+ 8)
        let end = try segments(made.close(by: .client))
        #expect(end.map(\.flags) == [[.fin, .ack], .ack, [.fin, .ack], .ack])
        #expect(end[1].acknowledgment == end[0].sequence &+ 1)
        #expect(made.close(by: .server).isEmpty)
        #expect(made.data(from: .client, [1][...]).isEmpty)
    }

    @Test func longPayloadsAreSplit() throws {
        var made = try pair("192.0.2.1:4000", "192.0.2.2:25")
        _ = made.open()
        let octets = (0..<200_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let parts = try segments(made.data(from: .client, octets[...]))
        #expect(parts.count == 4)
        #expect(parts.flatMap { Array($0.payload) } == octets)
        var next = parts[0].sequence
        for part in parts {
            #expect(part.sequence == next)
            next &+= UInt32(part.payload.count)
        }
        #expect(parts.map { $0.flags.contains(.psh) } == [false, false, false, true])
    }

    /// Beyond 4 GiB the sequence numbers wrap and the peer's acknowledgments follow.
    /// Segments that are appended one by one are those that ``PacketSynthesizer/data(from:_:)`` makes of the same octets.
    @Test func appendedSegmentsAreThoseOfTheWhole() throws {
        let client = IPEndpoint(IPAddress(v4: 0x7F00_0001), 40_000)
        let server = IPEndpoint(IPAddress(v4: 0x7F00_0001), 25)
        var whole = PacketSynthesizer(client: client, server: server, seed: 7)
        var single = whole
        let octets = (0..<(2 * PacketSynthesizer.longestPayload + 17)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for side in [Side.client, .server] {
            var appended: [[UInt8]] = []
            var rest = octets[...]
            while !rest.isEmpty {
                let part = rest.prefix(PacketSynthesizer.longestPayload)
                rest = rest.dropFirst(part.count)
                var out: [UInt8] = []
                let isDone = single.appendSegment(
                    from: side, [part.prefix(3), part.dropFirst(3)], count: part.count, isLast: rest.isEmpty, to: &out)
                #expect(isDone)
                appended.append(out)
            }
            let isSame = appended == whole.data(from: side, octets[...])
            #expect(isSame)
        }
    }

    @Test func sequencesWrap() throws {
        var made = try pair("192.0.2.1:4000", "192.0.2.2:25")
        let first = try segments(made.open())[0].sequence &+ 1
        var total: UInt64 = 0
        for _ in 0..<5 {
            total += 0x3FFF_FFFF
            let acknowledged = try segments(made.gap(from: .client, 0x3FFF_FFFF))
            #expect(acknowledged[0].acknowledgment == first &+ UInt32(truncatingIfNeeded: total))
        }
        #expect(total > UInt64(UInt32.max))
        let data = try segments(made.data(from: .client, [1, 2, 3][...]))
        #expect(data[0].sequence == first &+ UInt32(truncatingIfNeeded: total))
    }

    /// The window of 1 GiB is never overrun: the peer acknowledges in between.
    @Test func peerAcknowledgesInBetween() throws {
        var made = try pair("192.0.2.1:4000", "192.0.2.2:25")
        let piece = [UInt8](repeating: 1, count: 1 << 20)
        var packets = 0
        for _ in 0..<260 where packets == 0 {
            packets = made.data(from: .client, piece[...]).count - 17
        }
        #expect(packets == 1)
    }

    @Test func resetEndsIt() throws {
        var made = try pair("192.0.2.1:4000", "192.0.2.2:25")
        _ = made.open()
        #expect(try segments(made.reset(by: .server)).map(\.flags) == [[.rst, .ack]])
        #expect(made.isReset)
        #expect(made.finish(.client).isEmpty)
        #expect(made.gap(from: .client, 1).isEmpty)
        #expect(made.reset(by: .client).isEmpty)
    }

    @Test func seedsDiffer() throws {
        var one = try pair("192.0.2.1:4000", "192.0.2.2:25")
        var same = try pair("192.0.2.1:4000", "192.0.2.2:25")
        var other = try pair("192.0.2.1:4000", "192.0.2.2:25", seed: 1)
        let opening = one.open()
        #expect(opening == same.open())
        #expect(opening != other.open())
    }
}
