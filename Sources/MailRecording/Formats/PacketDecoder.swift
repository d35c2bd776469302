// From a captured packet to its TCP segment: link layers, IPv4 and IPv6 with their headers and fragments, TCP. Any
// octets give a verdict; none is a trap.

/// What a captured packet is.
package enum DecodedPacket: Equatable, Sendable {
    case tcp(TCPSegment)
    /// Whole and well, and not TCP over IP.
    case other
    /// A fragment of an IP datagram whose other fragments have not come yet.
    case fragment
    /// Shorter than its headers claim, or with headers that contradict themselves.
    case malformed(String)
    /// A link type that is not decoded; ``LinkTypeName/text(_:)`` names it.
    case unknownLinkType(UInt32)
}

/// Decodes packets. It has state, as IP fragments wait in it for their datagram.
package struct PacketDecoder: Sendable {
    /// Headers before TCP that are passed over, as each may name a further one.
    private static let mostHeaders = 16

    private var fragments = IPFragments()

    package init() {}

    /// Decodes a packet of a file.
    package mutating func decode(_ record: CaptureRecord) -> DecodedPacket {
        decode(record.bytes, linkType: record.linkType, time: record.time)
    }

    /// - Parameter time: microseconds since 1970; how long fragments wait is measured by it.
    package mutating func decode(_ bytes: ArraySlice<UInt8>, linkType: UInt32, time: Int64) -> DecodedPacket {
        guard let type = LinkType(linkType) else { return .unknownLinkType(linkType) }
        switch type {
        case .raw, .ipv4, .ipv6: return network(bytes, time)
        case .null:
            // The address family in the byte order of the capturing machine: the value differs between systems for
            // IPv6, so the packet itself says which IP it is.
            let family = bytes.little(UInt32.self, at: 0)
            return isIPFamily(family) || isIPFamily(family.byteSwapped) ? network(bytes.dropFirst(4), time) : .other
        case .loop:
            return isIPFamily(bytes.big(UInt32.self, at: 0)) ? network(bytes.dropFirst(4), time) : .other
        case .ethernet:
            guard bytes.count >= 14 else { return .malformed("an Ethernet frame of \(bytes.count) octets") }
            return etherType(bytes.big(UInt16.self, at: 12), bytes.dropFirst(14), time)
        case .linuxCooked:
            guard bytes.count >= 16 else { return .malformed("a cooked frame of \(bytes.count) octets") }
            return etherType(bytes.big(UInt16.self, at: 14), bytes.dropFirst(16), time)
        case .linuxCooked2:
            guard bytes.count >= 20 else { return .malformed("a cooked frame of \(bytes.count) octets") }
            return etherType(bytes.big(UInt16.self, at: 0), bytes.dropFirst(20), time)
        case .pppoe: return pppoe(bytes, time)
        case .ppp:
            // With or without the HDLC address and control octets.
            return ppp(bytes.big(UInt16.self, at: 0) == 0xFF03 ? bytes.dropFirst(2) : bytes, time)
        }
    }

    private func isIPFamily(_ family: UInt32) -> Bool {
        switch family {
        // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux and Solaris' 26, 24 on OpenBSD, 28 on FreeBSD, 30 on Darwin.
        case 2, 10, 23, 24, 26, 28, 30: true
        default: false
        }
    }

    private mutating func etherType(_ first: UInt16, _ bytes: ArraySlice<UInt8>, _ time: Int64) -> DecodedPacket {
        var type = first
        var rest = bytes
        for _ in 0..<Self.mostHeaders {
            switch type {
            case 0x0800, 0x86DD: return network(rest, time)
            case 0x8100, 0x88A8, 0x9100, 0x9200:
                // IEEE 802.1Q: two octets of tag, then the type.
                guard rest.count >= 4 else { return .malformed("a VLAN tag is cut") }
                type = rest.big(UInt16.self, at: 2)
                rest = rest.dropFirst(4)
            case 0x8864: return pppoe(rest, time)
            case 0x8847, 0x8848:
                // MPLS labels (RFC 3032): the lowest has the bottom-of-stack bit; IP says itself which it is.
                guard rest.count >= 4 else { return .malformed("an MPLS label is cut") }
                let isBottom = rest.octet(at: 2) & 1 == 1
                rest = rest.dropFirst(4)
                if isBottom { return network(rest, time) }
            case 0..<0x0600:
                // IEEE 802.3 with a length: LLC and SNAP name the type (RFC 1042).
                guard rest.big(UInt32.self, at: 0) == 0xAAAA_0300, rest.octet(at: 4) == 0 else { return .other }
                type = rest.big(UInt16.self, at: 6)
                rest = rest.dropFirst(8)
                if type < 0x0600 { return .other }
            default: return .other
            }
        }
        return .malformed("more than \(Self.mostHeaders) link headers")
    }

    /// A PPPoE session packet (RFC 2516 §4).
    private mutating func pppoe(_ bytes: ArraySlice<UInt8>, _ time: Int64) -> DecodedPacket {
        guard bytes.count >= 8 else { return .malformed("a PPPoE packet of \(bytes.count) octets") }
        guard bytes.octet(at: 0) == 0x11, bytes.octet(at: 1) == 0 else { return .other }
        return ppp(bytes.part(6, Int(bytes.big(UInt16.self, at: 4))), time)
    }

    private mutating func ppp(_ bytes: ArraySlice<UInt8>, _ time: Int64) -> DecodedPacket {
        // The protocol number may be compressed to one octet, which is then odd (RFC 1661 §6.5).
        let isShort = bytes.octet(at: 0) & 1 == 1
        let number = isShort ? UInt16(bytes.octet(at: 0)) : bytes.big(UInt16.self, at: 0)
        return number == 0x21 || number == 0x57 ? network(bytes.dropFirst(isShort ? 1 : 2), time) : .other
    }

    private mutating func network(_ bytes: ArraySlice<UInt8>, _ time: Int64) -> DecodedPacket {
        switch bytes.octet(at: 0) >> 4 {
        case 4: ipv4(bytes, time)
        case 6: ipv6(bytes, time)
        case let version: .malformed(bytes.isEmpty ? "an IP packet of 0 octets" : "IP version \(version)")
        }
    }

    private mutating func ipv4(_ bytes: ArraySlice<UInt8>, _ time: Int64) -> DecodedPacket {
        let header = Int(bytes.octet(at: 0) & 15) * 4
        guard header >= 20, bytes.count >= header else { return .malformed("an IPv4 header is cut or too short") }
        var length = Int(bytes.big(UInt16.self, at: 2))
        // Segmentation offload leaves 0 in packets that are captured before they are cut up.
        if length == 0 { length = bytes.count }
        guard length >= header else { return .malformed("an IPv4 packet is shorter than its header") }
        let source = IPAddress(v4: bytes.big(UInt32.self, at: 12))
        let destination = IPAddress(v4: bytes.big(UInt32.self, at: 16))
        let number = bytes.octet(at: 9)
        let payload = bytes.part(header, length - header)
        let missing = length - header - payload.count
        let fragment = bytes.big(UInt16.self, at: 6)
        let offset = Int(fragment & 0x1FFF) * 8
        let hasMore = fragment & 0x2000 != 0
        guard number == 6 else { return .other }
        var sum = InternetChecksum()
        sum.add(bytes.prefix(header))
        let isHeaderRight = sum.folded == 0xFFFF || bytes.big(UInt16.self, at: 10) == 0
        if offset != 0 || hasMore {
            guard missing == 0, isHeaderRight else { return .malformed("an IPv4 fragment is cut or damaged") }
            let key = IPFragments.Key(
                source: source, destination: destination, protocolNumber: number,
                identification: UInt32(bytes.big(UInt16.self, at: 4)))
            guard let whole = fragments.accept(key, offset: offset, hasMore: hasMore, payload, time: time) else {
                return .fragment
            }
            return tcp(whole.payload[...], 0, source, destination, whole.hasConflict)
        }
        return tcp(payload, missing, source, destination, false, isHeaderRight: isHeaderRight)
    }

    private mutating func ipv6(_ bytes: ArraySlice<UInt8>, _ time: Int64) -> DecodedPacket {
        guard bytes.count >= 40 else { return .malformed("an IPv6 header is cut") }
        var length = Int(bytes.big(UInt16.self, at: 4))
        // 0 with a jumbo payload option (RFC 2675) or segmentation offload.
        if length == 0 { length = bytes.count - 40 }
        let source = IPAddress(high: bytes.big(UInt64.self, at: 8), low: bytes.big(UInt64.self, at: 16))
        let destination = IPAddress(high: bytes.big(UInt64.self, at: 24), low: bytes.big(UInt64.self, at: 32))
        let payload = bytes.part(40, length)
        return extensions(
            bytes.octet(at: 6), payload, missing: length - payload.count, source, destination, time, hasConflict: false,
            isWhole: false)
    }

    /// Extension headers (RFC 8200 §4) up to TCP.
    private mutating func extensions(
        _ first: UInt8, _ bytes: ArraySlice<UInt8>, missing: Int, _ source: IPAddress, _ destination: IPAddress,
        _ time: Int64, hasConflict: Bool, isWhole: Bool
    ) -> DecodedPacket {
        var number = first
        var rest = bytes
        for _ in 0..<Self.mostHeaders {
            let length: Int
            switch number {
            case 6: return tcp(rest, missing, source, destination, hasConflict)
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6.
            case 0, 43, 60, 135, 139, 140: length = (Int(rest.octet(at: 1)) + 1) * 8
            // Authentication header (RFC 4302 §2.2), in units of four octets.
            case 51: length = (Int(rest.octet(at: 1)) + 2) * 4
            case 44:
                guard rest.count >= 8, missing == 0, !isWhole else {
                    return .malformed("an IPv6 fragment is cut, or a fragment of a fragment")
                }
                let field = rest.big(UInt16.self, at: 2)
                let next = rest.octet(at: 0)
                let key = IPFragments.Key(
                    source: source, destination: destination, protocolNumber: next,
                    identification: rest.big(UInt32.self, at: 4))
                let offset = Int(field & 0xFFF8)
                let hasMore = field & 1 == 1
                // An atomic fragment is a whole packet (RFC 6946).
                guard offset != 0 || hasMore else {
                    number = next
                    rest = rest.dropFirst(8)
                    continue
                }
                guard
                    let whole = fragments.accept(
                        key, offset: offset, hasMore: hasMore, rest.dropFirst(8), time: time)
                else { return .fragment }
                return extensions(
                    next, whole.payload[...], missing: 0, source, destination, time, hasConflict: whole.hasConflict,
                    isWhole: true)
            default: return .other
            }
            guard rest.count >= length else { return .malformed("an IPv6 extension header is cut") }
            number = rest.octet(at: 0)
            rest = rest.dropFirst(length)
        }
        return .malformed("more than \(Self.mostHeaders) IPv6 headers")
    }

    private func tcp(
        _ bytes: ArraySlice<UInt8>, _ missing: Int, _ source: IPAddress, _ destination: IPAddress, _ hasConflict: Bool,
        isHeaderRight: Bool = true
    ) -> DecodedPacket {
        guard bytes.count >= 20 else { return .malformed("a TCP header is cut") }
        let header = Int(bytes.octet(at: 12) >> 4) * 4
        guard header >= 20, bytes.count + missing >= header else {
            return .malformed("a TCP header claims \(header) octets")
        }
        let payload = bytes.dropFirst(header)
        let flags = TCPFlags(rawValue: bytes.octet(at: 13))
        return .tcp(
            TCPSegment(
                source: IPEndpoint(source, bytes.big(UInt16.self, at: 0)),
                destination: IPEndpoint(destination, bytes.big(UInt16.self, at: 2)),
                sequence: bytes.big(UInt32.self, at: 4), acknowledgment: bytes.big(UInt32.self, at: 8), flags: flags,
                window: bytes.big(UInt16.self, at: 14),
                windowScale: flags.contains(.syn) ? Self.windowScale(bytes.part(20, header - 20)) : nil,
                payload: payload, missing: missing - max(0, header - bytes.count),
                checksum: isHeaderRight ? Self.checksum(bytes, missing, source, destination) : .wrong,
                hasFragmentConflict: hasConflict))
    }

    private static func checksum(
        _ bytes: ArraySlice<UInt8>, _ missing: Int, _ source: IPAddress, _ destination: IPAddress
    ) -> ChecksumVerdict {
        if missing > 0 { return .unknown }
        var pseudo = InternetChecksum()
        pseudo.addPseudoHeader(source, destination, length: bytes.count)
        var sum = pseudo
        sum.add(bytes)
        if sum.folded == 0xFFFF { return .right }
        let field = bytes.big(UInt16.self, at: 16)
        return field == pseudo.folded || field == 0 ? .offloaded : .wrong
    }

    /// The shift count of option 3 (RFC 7323 §2.2), at most 14.
    private static func windowScale(_ options: ArraySlice<UInt8>) -> UInt8? {
        var rest = options
        while let kind = rest.first, kind != 0 {
            if kind == 1 {
                rest = rest.dropFirst()
                continue
            }
            let length = Int(rest.octet(at: 1))
            guard length >= 2, length <= rest.count else { return nil }
            if kind == 3, length == 3 { return min(rest.octet(at: 2), 14) }
            rest = rest.dropFirst(length)
        }
        return nil
    }
}
