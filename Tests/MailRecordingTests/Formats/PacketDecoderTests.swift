// Link layers, IP, fragments, TCP: what is whole decodes, what is not is named, and nothing traps.

import MailRecording
import Testing

struct PacketDecoderTests {
    private static let hello = Array("EHLO x\r\n".utf8)
    private static let inner = ipv4(tcp(hello))
    private static let inner6 = ipv6(tcp(hello))

    private func payload(_ packet: [UInt8], _ link: UInt32) -> [UInt8]? {
        var decoder = PacketDecoder()
        guard case .tcp(let segment) = decoder.decode(packet[...], linkType: link, time: 0) else { return nil }
        #expect(segment.source.port == 40_000)
        #expect(segment.destination.port == 25)
        #expect(segment.sequence == 7)
        #expect(segment.acknowledgment == 9)
        return Array(segment.payload)
    }

    /// Case C22.
    @Test func linkTypes() {
        let ethernet = [UInt8](repeating: 2, count: 12)
        let cooked: [UInt8] = [0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0]
        let session: [UInt8] = [0x11, 0, 0, 1] + octets(UInt16(Self.inner.count + 2), big: true) + [0, 0x21]
        let frames: [(UInt32, [UInt8])] = [
            (101, Self.inner), (101, Self.inner6), (12, Self.inner), (228, Self.inner), (229, Self.inner6),
            (1, ethernet + [8, 0] + Self.inner + [0, 0, 0, 0]), (1, ethernet + [0x86, 0xDD] + Self.inner6),
            (1, ethernet + [0x81, 0, 0, 5, 8, 0] + Self.inner),
            (1, ethernet + [0x88, 0xA8, 0, 5, 0x81, 0, 0, 6, 8, 0] + Self.inner),
            (1, ethernet + [0x88, 0x64] + session + Self.inner),
            (1, ethernet + [0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64] + Self.inner),
            (1, ethernet + [0, 60, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0] + Self.inner),
            (113, cooked + [8, 0] + Self.inner), (276, [8, 0] + [UInt8](repeating: 0, count: 18) + Self.inner),
            (0, [2, 0, 0, 0] + Self.inner), (0, [0, 0, 0, 2] + Self.inner), (0, [30, 0, 0, 0] + Self.inner6),
            (108, [0, 0, 0, 2] + Self.inner), (51, session + Self.inner), (9, [0xFF, 3, 0, 0x21] + Self.inner),
            (9, [0x21] + Self.inner), (50, [0, 0x57] + Self.inner6),
        ]
        for (link, frame) in frames { #expect(payload(frame, link) == Self.hello, "link type \(link)") }
    }

    @Test func unknownLinkTypesAreNamed() {
        var decoder = PacketDecoder()
        #expect(decoder.decode([1][...], linkType: 189, time: 0) == .unknownLinkType(189))
        #expect(LinkTypeName.text(189) == "189 (USB_LINUX)")
        #expect(LinkTypeName.text(9_999) == "9999")
        #expect(LinkTypeName.isDecoded(276))
        #expect(!LinkTypeName.isDecoded(189))
    }

    @Test func headersBetween() {
        #expect(payload(ipv4(tcp(Self.hello), options: [1, 1, 1, 0]), 101) == Self.hello)
        let hop: [UInt8] = [43, 0, 0, 0, 0, 0, 0, 0]
        let routing: [UInt8] = [51, 0, 0, 0, 0, 0, 0, 0]
        let authentication: [UInt8] = [60, 4] + [UInt8](repeating: 0, count: 22)
        let destination: [UInt8] = [44, 0, 0, 0, 0, 0, 0, 0]
        let atomic: [UInt8] = [6, 0, 0, 0, 0, 0, 0, 1]
        #expect(
            payload(ipv6(hop + routing + authentication + destination + atomic + tcp(Self.hello), next: 0), 101)
                == Self.hello)
        var decoder = PacketDecoder()
        let endless = ipv6((0..<40).flatMap { _ in [60, 0, 0, 0, 0, 0, 0, 0] as [UInt8] }, next: 60)
        guard case .malformed = decoder.decode(endless[...], linkType: 101, time: 0) else {
            Issue.record("endless headers were taken")
            return
        }
    }

    @Test func otherProtocolsAreOther() {
        var decoder = PacketDecoder()
        #expect(decoder.decode(ipv4([1, 2, 3], proto: 17)[...], linkType: 101, time: 0) == .other)
        #expect(decoder.decode(ipv6([1, 2, 3], next: 58)[...], linkType: 101, time: 0) == .other)
        let arp = [UInt8](repeating: 0, count: 12) + [8, 6] + [UInt8](repeating: 0, count: 28)
        #expect(decoder.decode(arp[...], linkType: 1, time: 0) == .other)
    }

    @Test func snapLengthLeavesAHole() {
        var decoder = PacketDecoder()
        let packet = ipv4(tcp(Self.hello))
        guard case .tcp(let segment) = decoder.decode(packet.dropLast(3), linkType: 101, time: 0) else {
            Issue.record("not decoded")
            return
        }
        #expect(Array(segment.payload) == Array(Self.hello.dropLast(3)))
        #expect(segment.missing == 3)
        #expect(segment.length == 8)
        #expect(segment.checksum == .unknown)
    }

    @Test func checksumsAreJudged() throws {
        var made = PacketSynthesizer(
            client: try #require(IPEndpoint("192.0.2.1:1")), server: try #require(IPEndpoint("192.0.2.2:25")))
        for length in [0, 1, 2, 7, 8, 9, 1_460] {
            let frame = try #require(
                length == 0
                    ? made.open().first : made.data(from: .client, [UInt8](repeating: 0xC3, count: length)[...]).first)
            let packet = withoutFrame(frame)
            for index in [26, 20, 24, packet.count - 1] where index < packet.count {
                var damaged = packet
                damaged[index] ^= 0x10
                #expect(verdict(packet) == .right)
                #expect(verdict(damaged) == .wrong)
            }
        }
        // What Linux leaves for the card: the sum of the pseudo header alone.
        var offloaded = withoutFrame(try #require(made.data(from: .client, Self.hello[...]).first))
        let words = [0xC000, 0x0201, 0xC000, 0x0202, 6, offloaded.count - 20]
        let sum = words.reduce(0, +)
        let folded = sum & 0xFFFF + sum >> 16
        offloaded[36] = UInt8(folded >> 8)
        offloaded[37] = UInt8(folded & 0xFF)
        #expect(verdict(offloaded) == .offloaded)
    }

    /// The IP packet in a frame of Ethernet.
    private func withoutFrame(_ frame: [UInt8]) -> [UInt8] { Array(frame.dropFirst(14)) }

    private func verdict(_ packet: [UInt8]) -> ChecksumVerdict? {
        var decoder = PacketDecoder()
        guard case .tcp(let segment) = decoder.decode(packet[...], linkType: 101, time: 0) else { return nil }
        return segment.checksum
    }

    private func feed(_ fragments: [[UInt8]], time: [Int64] = [], overlap: OverlapPolicy = .first) -> [TCPSegment] {
        var decoder = PacketDecoder(overlap: overlap)
        var out: [TCPSegment] = []
        for (index, fragment) in fragments.enumerated() {
            let now = index < time.count ? time[index] : 0
            if case .tcp(let segment) = decoder.decode(fragment[...], linkType: 101, time: now) { out.append(segment) }
        }
        return out
    }

    /// Fragments in any order give the datagram once.
    @Test func fragmentsInAnyOrder() {
        let whole = tcp((0..<100).map { UInt8($0) })
        let pieces: [(Int, Int)] = [(0, 24), (24, 56), (56, 120)]
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1], [0, 0, 2, 1], [1, 1, 2, 0]] {
            let v4 = order.map { index in
                let (from, to) = pieces[index]
                return ipv4(Array(whole[from..<to]), fragment: UInt16(from / 8) | (to < 120 ? 0x2000 : 0))
            }
            let v6 = order.map { index in
                let (from, to) = pieces[index]
                let header: [UInt8] = [6, 0] + octets(UInt16(from) | (to < 120 ? 1 : 0), big: true) + [0, 0, 0, 9]
                return ipv6(header + whole[from..<to], next: 44)
            }
            for segments in [feed(v4), feed(v6)] {
                #expect(segments.map { Array($0.payload) } == [(0..<100).map { UInt8($0) }])
                #expect(segments.allSatisfy { !$0.hasFragmentConflict })
            }
        }
    }

    /// Case C14: the last of fragments that differ wins where that is asked for, in part and in whole, and is flagged.
    @Test func lastOfOverlappingFragments() {
        let whole = tcp((0..<100).map { UInt8($0) })
        let segments = feed(
            [
                ipv4([UInt8](repeating: 0xEE, count: 24), fragment: 0x2000 | 5),
                ipv4(Array(whole[0..<64]), fragment: 0x2000),
                ipv4(Array(whole[64..<120]), fragment: 8),
            ], overlap: .last)
        #expect(segments.map { Array($0.payload) } == [(0..<100).map { UInt8($0) }])
        #expect(segments.map(\.hasFragmentConflict) == [true])
    }

    /// Case C14: overlap, first wins and is flagged; a ping of death, a missing end, floods: nothing, in bounds.
    @Test func hostileFragments() {
        let whole = tcp((0..<100).map { UInt8($0) })
        let overlapping = feed([
            ipv4(Array(whole[0..<64]), fragment: 0x2000),
            ipv4([UInt8](repeating: 0xEE, count: 24), fragment: 0x2000 | 5),
            ipv4(Array(whole[64..<120]), fragment: 8),
        ])
        #expect(overlapping.map { Array($0.payload) } == [(0..<100).map { UInt8($0) }])
        #expect(overlapping.map(\.hasFragmentConflict) == [true])
        #expect(feed([ipv4([UInt8](repeating: 1, count: 800), fragment: 0x1FFF)]).isEmpty)
        #expect(feed([ipv4(Array(whole[0..<64]), fragment: 0x2000)]).isEmpty)
        // The rest comes after the lifetime.
        let late = [ipv4(Array(whole[0..<64]), fragment: 0x2000), ipv4(Array(whole[64..<120]), fragment: 8)]
        #expect(feed(late, time: [0, 29_000_000]).count == 1)
        #expect(feed(late, time: [0, 31_000_000]).isEmpty)
        var decoder = PacketDecoder()
        for id in 0..<20_000 {
            let packet = ipv4(
                [UInt8](repeating: 1, count: 1_200), id: UInt16(truncatingIfNeeded: id),
                fragment: 0x2000 | UInt16(id % 7))
            #expect(decoder.decode(packet[...], linkType: 101, time: 0) == .fragment)
        }
    }

    /// Any octets, of any link type, and every cut of good packets.
    @Test func anyOctets() {
        var dice = Dice(5)
        var decoder = PacketDecoder()
        var decoded = 0
        let links: [UInt32] = [
            0, 1, 9, 10, 11, 12, 50, 51, 101, 104, 105, 108, 109, 113, 117, 127, 138, 163, 166, 189, 204, 219, 228, 229,
            239, 258, 276,
        ]
        for round in 0..<20_000 {
            var packet = round & 1 == 0 ? Self.inner : Self.inner6
            if round & 2 == 0 {
                packet = (0..<Int.random(in: 0..<90, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) }
            } else {
                for _ in 0..<3 {
                    packet[Int.random(in: 0..<packet.count, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
                }
                packet = Array(packet.prefix(Int.random(in: 0...packet.count, using: &dice)))
            }
            let link = links[Int.random(in: 0..<links.count, using: &dice)]
            if case .tcp = decoder.decode(packet[...], linkType: round & 2 == 0 ? link : 101, time: Int64(round)) {
                decoded += 1
            }
        }
        #expect(decoded > 1_000)
    }

    /// Where the quick look at a packet gives a segment, the long one gives the same; and it does for the usual packets.
    @Test(arguments: [("192.0.2.1:40000", "192.0.2.2:25"), ("[2001:db8::1]:40000", "[2001:db8::2]:25")])
    func plainPacketsAreReadAlike(_ client: String, _ server: String) throws {
        var dice = Dice(11)
        var decoder = PacketDecoder()
        var made = PacketSynthesizer(
            client: try #require(IPEndpoint(client)), server: try #require(IPEndpoint(server)))
        #expect(made.open().allSatisfy { PacketDecoder.plain($0[...], linkType: 1)?.flags.contains(.syn) != true })
        var plain = 0
        var missed = 0
        for round in 0..<4_000 {
            let payload = (1..<Int.random(in: 2..<40, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice)
            }
            var frame = try #require(made.data(from: .client, payload[...]).first)
            // Padding, as in frames below 60 octets.
            if round & 2 == 0 { frame += [UInt8](repeating: 0, count: Int.random(in: 0..<9, using: &dice)) }
            for _ in 0..<(round % 4) {
                frame[Int.random(in: 0..<frame.count, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
            }
            if round % 16 == 15 { frame = Array(frame.prefix(Int.random(in: 0...frame.count, using: &dice))) }
            // A slice that does not begin at 0, as packets of a file have.
            let padded = [1, 2, 3] + frame
            guard let segment = PacketDecoder.plain(padded[3...], linkType: 1) else {
                if round % 4 == 0 { missed += 1 }
                continue
            }
            plain += 1
            let same = decoder.decode(padded[3...], linkType: 1, time: 0) == .tcp(segment)
            if !same { Issue.record("round \(round): the long way reads it otherwise") }
        }
        #expect(plain > 1_000)
        #expect(missed == 0, "a whole packet with nothing changed is a plain one")
        #expect(PacketDecoder.plain(try #require(made.open().first)[...], linkType: 101) == nil)
    }
}
