// Frames and tunnels around a packet: what is in clear is found through all of them, within a bound.

import MailRecording
import Testing

struct PacketTunnelsTests {
    private static let hello = Array("EHLO x\r\n".utf8)
    private static let inner = ipv4(tcp(hello))
    private static let inner6 = ipv6(tcp(hello))
    private static let addresses = [UInt8](repeating: 2, count: 12)
    private static let frame = addresses + [8, 0] + inner
    private static let tagged = addresses + [0x81, 0, 0, 5, 8, 0] + inner

    private func decode(_ packet: [UInt8], _ link: UInt32) -> DecodedPacket {
        var decoder = PacketDecoder()
        return decoder.decode(packet[...], linkType: link, time: 0)
    }

    private func payload(_ packet: [UInt8], _ link: UInt32 = 101) -> [UInt8]? {
        guard case .tcp(let segment) = decode(packet, link) else { return nil }
        return segment.sequence == 7 && segment.source.port == 40_000 ? Array(segment.payload) : nil
    }

    private static func gre(_ flags: UInt16, _ type: UInt16, _ rest: [UInt8]) -> [UInt8] {
        octets(flags, big: true) + octets(type, big: true) + rest
    }

    private static func udp(_ port: UInt16, _ payload: [UInt8]) -> [UInt8] {
        octets(50_000 as UInt16, big: true) + octets(port, big: true)
            + octets(UInt16(payload.count + 8), big: true) + [0, 0] + payload
    }

    /// Every link type that has IP within, beside those of `PacketDecoderTests.linkTypes()`.
    @Test func otherLinkTypes() {
        let snap: [UInt8] = [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]
        let data: [UInt8] = [8, 1, 0, 0] + [UInt8](repeating: 3, count: 18) + [0x10, 0]
        let quality: [UInt8] = [0x88, 2, 0, 0] + [UInt8](repeating: 3, count: 18) + [0x10, 0, 6, 0]
        let bridged: [UInt8] =
            [8, 3, 0, 0] + [UInt8](repeating: 3, count: 18) + [0x10, 0] + [UInt8](repeating: 4, count: 6)
        let frames: [(UInt32, [UInt8])] = [
            (10, [UInt8](repeating: 1, count: 13) + snap + Self.inner), (11, snap + Self.inner),
            (104, [0x0F, 0, 8, 0] + Self.inner), (104, [0x0F, 0, 0x86, 0xDD] + Self.inner6),
            (105, data + snap + Self.inner), (105, quality + snap + Self.inner), (105, bridged + snap + Self.inner),
            (109, [2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0] + Self.inner),
            (117, [61, 2, 0, 0] + [UInt8](repeating: 0, count: 60) + Self.inner),
            (117, [61, 24, 0, 0] + [UInt8](repeating: 0, count: 60) + Self.inner6),
            (127, [0, 0, 12, 0, 0, 0, 0, 0, 1, 2, 3, 4] + data + snap + Self.inner),
            (138, [UInt8](repeating: 1, count: 16) + [8, 0] + Self.inner),
            (163, [0x80, 0x21, 0x10, 1, 0, 0, 0, 64] + [UInt8](repeating: 0, count: 56) + data + snap + Self.inner),
            (166, [0, 3, 0, 0x21] + Self.inner), (204, [1, 0xFF, 3, 0, 0x21] + Self.inner),
            (204, [0, 0, 0x57] + Self.inner6), (219, [0, 1, 0, 64, 0, 2, 1, 64] + Self.inner),
            (239, [2, 0, 0, 1, 8, 0, 1, 0, 8, 0, 3, 1, 5, 0, 10, 0, 65, 0, 0, 0] + attribute(Self.inner)),
            (258, [16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 7, 7, 7] + Self.frame),
            (9, [0xFF, 3, 2, 0x81, 0, 1, 1, 64] + Self.inner),
            (1, Self.addresses + [0x88, 0xE7, 0, 0, 0, 9] + Self.frame),
            (1, Self.addresses + [0x91, 0, 0, 9, 0x91, 0, 0, 8, 0x81, 0, 0, 5, 8, 0] + Self.inner),
            (1, Self.addresses + [0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0] + Self.frame),
        ]
        for (index, (link, frame)) in frames.enumerated() {
            #expect(payload(frame, link) == Self.hello, "frame \(index) of link type \(link)")
            #expect(LinkTypeName.isDecoded(link))
            #expect(LinkTypeName.text(link).contains("("), "\(link) has no name")
        }
    }

    private func attribute(_ packet: [UInt8]) -> [UInt8] {
        octets(UInt16(packet.count + 4), big: false) + [9, 0] + packet
    }

    @Test func tunnels() {
        let key: [UInt8] = [0, 0, 0, 9]
        let packets: [[UInt8]] = [
            ipv4(Self.inner, proto: 4), ipv4(Self.inner6, proto: 41), ipv6(Self.inner, next: 4),
            ipv6(Self.inner6, next: 41), ipv6([4, 0, 0, 0, 0, 0, 0, 0] + Self.inner, next: 60),
            ipv4(Self.gre(0, 0x0800, Self.inner), proto: 47), ipv4(Self.gre(0, 0x86DD, Self.inner6), proto: 47),
            ipv6(Self.gre(0, 0x0800, Self.inner), next: 47),
            ipv4(Self.gre(0x2000, 0x0800, key + Self.inner), proto: 47),
            ipv4(Self.gre(0x8000, 0x0800, key + Self.inner), proto: 47),
            ipv4(Self.gre(0x1000, 0x0800, key + Self.inner), proto: 47),
            ipv4(Self.gre(0xB000, 0x0800, key + key + key + Self.inner), proto: 47),
            ipv4(Self.gre(0x2000, 0x6558, key + Self.frame), proto: 47),
            ipv4(Self.gre(0, 0x8847, [0, 1, 1, 64] + Self.inner), proto: 47),
            ipv4(Self.gre(0, 0x88BE, Self.tagged), proto: 47),
            ipv4(Self.gre(0x1000, 0x88BE, key + [UInt8](repeating: 0x10, count: 8) + Self.frame), proto: 47),
            ipv4(Self.gre(0x1000, 0x22EB, key + [UInt8](repeating: 0x20, count: 12) + Self.frame), proto: 47),
            ipv4(
                Self.gre(0x1000, 0x22EB, key + [UInt8](repeating: 0x21, count: 12) + key + key + Self.frame), proto: 47
            ),
            ipv4(Self.gre(0x3081, 0x880B, [0, 60, 0, 9] + key + key + [0xFF, 3, 0, 0x21] + Self.inner), proto: 47),
            ipv4(Self.udp(4789, [8, 0, 0, 0, 0, 0, 9, 0] + Self.frame), proto: 17),
            ipv6(Self.udp(8472, [8, 0, 0, 0, 0, 0, 9, 0] + Self.tagged), next: 17),
            ipv4(Self.udp(6081, [0, 0, 0x65, 0x58, 0, 0, 9, 0] + Self.frame), proto: 17),
            ipv4(Self.udp(6081, [2, 0, 8, 0, 0, 0, 9, 0] + key + key + Self.inner), proto: 17),
            ipv4(ipv4(Self.udp(4789, [8, 0, 0, 0, 0, 0, 9, 0] + Self.frame), proto: 17), proto: 4),
        ]
        for (index, packet) in packets.enumerated() { #expect(payload(packet) == Self.hello, "packet \(index)") }
    }

    /// A tunnel's packets come in fragments, which are joined before it is looked into.
    @Test func fragmentsOfTunnels() {
        for (number, whole) in [
            (4 as UInt8, Self.inner), (47, Self.gre(0, 0x0800, Self.inner)),
            (17, Self.udp(4789, [8, 0, 0, 0, 0, 0, 9, 0] + Self.frame)),
        ] {
            var decoder = PacketDecoder()
            let first = ipv4(Array(whole[..<24]), fragment: 0x2000, proto: number)
            let last = ipv4(Array(whole[24...]), fragment: 3, proto: number)
            #expect(decoder.decode(first[...], linkType: 101, time: 0) == .fragment)
            guard case .tcp(let segment) = decoder.decode(last[...], linkType: 101, time: 0) else {
                Issue.record("protocol \(number) was not joined")
                continue
            }
            #expect(Array(segment.payload) == Self.hello)
        }
    }

    /// What is encrypted, of another version or no tunnel at all is other traffic, not malformed.
    @Test func whatIsNoTunnel() {
        for packet in [
            ipv4(Self.gre(0x4000, 0x0800, Self.inner), proto: 47), ipv4(Self.gre(2, 0x0800, Self.inner), proto: 47),
            ipv4(Self.gre(0, 0x0806, Self.inner), proto: 47), ipv4(Self.udp(53, Self.frame), proto: 17),
            ipv4(Self.udp(4789, [0, 0, 0, 0, 0, 0, 9, 0] + Self.frame), proto: 17),
            ipv4(Self.udp(6081, [0x40, 0, 0x65, 0x58, 0, 0, 9, 0] + Self.frame), proto: 17),
            ipv4(Self.inner, proto: 50),
        ] { #expect(decode(packet, 101) == .other) }
        let data: [UInt8] = [8, 0x41, 0, 0] + [UInt8](repeating: 3, count: 20) + [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]
        #expect(decode(data + Self.inner, 105) == .other)
    }

    /// Tunnels in tunnels are followed to a depth; beyond it the packet is malformed.
    @Test func depthIsBounded() {
        var packet = Self.inner
        for depth in 1...40 {
            packet = ipv4(packet, proto: 4)
            if depth < 6 {
                #expect(payload(packet) == Self.hello, "depth \(depth)")
            } else {
                guard case .malformed = decode(packet, 101) else {
                    Issue.record("depth \(depth)")
                    return
                }
            }
        }
        var frame = Self.frame
        for _ in 0..<40 { frame = Self.addresses + [0x65, 0x58] + frame }
        guard case .malformed = decode(frame, 1) else {
            Issue.record("frames in frames have no end")
            return
        }
    }

    /// Every cut of every tunnel gives a verdict.
    @Test func everyCut() {
        let key: [UInt8] = [0, 0, 0, 9]
        for packet in [
            ipv4(Self.gre(0xB000, 0x88BE, key + key + key + [UInt8](repeating: 1, count: 8) + Self.frame), proto: 47),
            ipv4(Self.udp(6081, [2, 0, 8, 0, 0, 0, 9, 0] + key + key + Self.inner), proto: 17),
            ipv6(Self.udp(4789, [8, 0, 0, 0, 0, 0, 9, 0] + Self.tagged), next: 17),
        ] {
            for length in 0..<packet.count {
                switch decode(Array(packet[..<length]), 101) {
                case .tcp(let segment): #expect(segment.missing > 0)
                case .malformed, .other: break
                case .fragment, .unknownLinkType: Issue.record("a cut at \(length)")
                }
            }
        }
    }
}
