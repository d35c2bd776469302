// Packets made of segments: for captures whose content is known to the octet.

import MailCapture
import MailDialogue
import MailRecording

/// Puts segments into IP packets and those into frames.
struct PacketMaker {
    /// What stands before the IP packet.
    enum Frame: CaseIterable, Sendable {
        case raw, ethernet, vlan, qinq
    }

    var frame = Frame.raw
    /// IPv6 packets, with the addresses of the segments behind a prefix.
    var isIPv6 = false
    /// Checksums are left out of TCP headers, as senders do whose network card puts them in.
    var isOffloaded = false

    var linkType: UInt32 { frame == .raw ? 101 : 1 }

    /// The frame of a segment. A verdict of ``ChecksumVerdict/wrong`` spoils the checksum.
    func frame(_ segment: TCPSegment) -> [UInt8] { framed(packet(segment)) }

    func record(_ segment: TCPSegment, index: Int, time: Int64) -> CaptureRecord {
        let octets = frame(segment)
        return CaptureRecord(
            index: index, time: time, linkType: linkType, bytes: octets.dropLast(segment.missing),
            originalLength: octets.count)
    }

    /// Records a millisecond apart.
    func records(_ segments: [TCPSegment], start: Int64 = 1_700_000_000_000_000) -> [CaptureRecord] {
        segments.enumerated().map { record($1, index: $0 + 1, time: start + Int64($0) * 1_000) }
    }

    func framed(_ packet: [UInt8]) -> [UInt8] {
        let type: [UInt8] = packet.first.map { $0 >> 4 } == 6 ? [0x86, 0xDD] : [8, 0]
        let addresses: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
        return switch frame {
        case .raw: packet
        case .ethernet: addresses + type + packet
        case .vlan: addresses + [0x81, 0, 0x20, 5] + type + packet
        case .qinq: addresses + [0x88, 0xA8, 0, 9, 0x81, 0, 0, 5] + type + packet
        }
    }

    /// The IP packet of a segment.
    func packet(_ segment: TCPSegment) -> [UInt8] {
        let tcp = self.tcp(segment)
        let hops = segment.hopLimit == 0 ? 64 : segment.hopLimit
        return isIPv6 || segment.source.address.isIPv6
            ? Self.ipv6(tcp, address(segment.source), address(segment.destination), hops: hops)
            : Self.ipv4(tcp, segment.source.address.octets, segment.destination.address.octets, hops: hops)
    }

    private func address(_ endpoint: IPEndpoint) -> [UInt8] {
        endpoint.address.isIPv6
            ? endpoint.address.octets : [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0] + endpoint.address.octets
    }

    static func ipv4(
        _ payload: [UInt8], _ source: [UInt8], _ destination: [UInt8], id: UInt16 = 1, fragment: UInt16 = 0,
        proto: UInt8 = 6, hops: UInt8 = 64
    ) -> [UInt8] {
        var header = [0x45, 0] + big(UInt16(truncatingIfNeeded: 20 + payload.count)) + big(id) + big(fragment)
        header += [hops, proto, 0, 0] + source + destination
        header.replaceSubrange(10..<12, with: big(~sum(header)))
        return header + payload
    }

    static func ipv6(_ payload: [UInt8], _ source: [UInt8], _ destination: [UInt8], next: UInt8 = 6, hops: UInt8 = 64)
        -> [UInt8]
    {
        [0x60, 0, 0, 0] + big(UInt16(truncatingIfNeeded: payload.count)) + [next, hops] + source + destination + payload
    }

    /// The TCP segment of IPv4's pseudo header, or of IPv6's.
    func tcp(_ segment: TCPSegment) -> [UInt8] {
        var out = Self.big(segment.source.port) + Self.big(segment.destination.port)
        out += Self.big(UInt16(segment.sequence >> 16)) + Self.big(UInt16(segment.sequence & 0xFFFF))
        out += Self.big(UInt16(segment.acknowledgment >> 16)) + Self.big(UInt16(segment.acknowledgment & 0xFFFF))
        out += [0x50, segment.flags.rawValue] + Self.big(segment.window) + [0, 0, 0, 0]
        out += Array(segment.payload) + [UInt8](repeating: 0, count: segment.missing)
        let isSix = isIPv6 || segment.source.address.isIPv6
        var ends: [UInt8] = segment.source.address.octets + segment.destination.address.octets
        if isSix { ends = address(segment.source) + address(segment.destination) }
        let pseudo = Self.sum(ends + [0, 6] + Self.big(UInt16(truncatingIfNeeded: out.count)))
        var checksum = isOffloaded ? pseudo : ~Self.sum(Self.big(pseudo) + out)
        switch segment.checksum {
        case .right, .unknown: break
        case .wrong: checksum ^= 0x1234
        case .offloaded: checksum = pseudo
        }
        out.replaceSubrange(16..<18, with: Self.big(checksum))
        return out
    }

    static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

    /// The folded one's complement sum.
    static func sum(_ octets: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: octets.count, by: 2) {
            sum += UInt32(octets[index]) << 8 + (index + 1 < octets.count ? UInt32(octets[index + 1]) : 0)
            sum = sum & 0xFFFF + sum >> 16
        }
        return UInt16(sum & 0xFFFF + sum >> 16)
    }
}

extension Wire {
    /// A session of SMTP with a login and a message, in turns.
    static let mail: [(Side, String)] = [
        (.server, "220 mx ESMTP\r\n"), (.client, "EHLO a\r\n"), (.server, "250-mx\r\n250 AUTH PLAIN\r\n"),
        (.client, "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"), (.server, "235 in\r\n"),
        (.client, "MAIL FROM:<a@example.com>\r\n"), (.server, "250 ok\r\n"), (.client, "RCPT TO:<b@example.org>\r\n"),
        (.server, "250 ok\r\n"), (.client, "DATA\r\n"), (.server, "354 go\r\n"),
        (.client, "Subject: x\r\n\r\none\r\n"), (.client, "two\r\n.\r\n"), (.server, "250 ok\r\n"),
        (.client, "QUIT\r\n"), (.server, "221 bye\r\n"),
    ]

    /// The segments of ``mail``, each acknowledged by the next of the other side, and its end.
    mutating func session(_ turns: [(Side, String)] = Wire.mail) -> [TCPSegment] {
        var out = handshake()
        for (side, text) in turns { out.append(say(side, text)) }
        return out + [finish(.server), acknowledge(.client), finish(.client), acknowledge(.server)]
    }
}
