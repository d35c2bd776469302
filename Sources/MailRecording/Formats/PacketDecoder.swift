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

/// Decodes packets, also those within tunnels. It has state, as IP fragments wait in it for their datagram.
package struct PacketDecoder: Sendable {
    /// Headers before TCP that are passed over, as each may name a further one.
    static let mostHeaders = 16
    /// IP packets within each other: a tunnel in a tunnel, in a capture that came through one.
    static let mostDepth = 6

    /// Where a packet stands.
    struct Place {
        /// Microseconds since 1970.
        var time: Int64
        /// The tunnels around it.
        var depth = 0
        /// A packet around it came in fragments that disagreed.
        var hasConflict = false
        /// The TTL, or hop limit, of the packet.
        var hopLimit: UInt8 = 0

        /// Within a tunnel; nil when there are too many around it.
        var within: Place? {
            var inner = self
            inner.depth += 1
            return inner.depth < PacketDecoder.mostDepth ? inner : nil
        }

        func with(_ whole: IPFragments.Whole) -> Place {
            var place = self
            place.hasConflict = hasConflict || whole.hasConflict
            place.hopLimit = whole.hopLimit
            return place
        }
    }

    private var fragments: IPFragments

    /// - Parameter overlap: which of two fragments counts where they differ.
    package init(overlap: OverlapPolicy = .first) { fragments = IPFragments(overlap: overlap) }

    /// Decodes a packet of a file.
    package mutating func decode(_ record: CaptureRecord) -> DecodedPacket {
        decode(record.bytes, linkType: record.linkType, time: record.time)
    }

    /// - Parameter time: microseconds since 1970; how long fragments wait is measured by it.
    package mutating func decode(_ bytes: ArraySlice<UInt8>, linkType: UInt32, time: Int64) -> DecodedPacket {
        guard let type = LinkType(linkType) else { return .unknownLinkType(linkType) }
        return link(type, bytes, Place(time: time))
    }

    mutating func network(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        switch bytes.octet(at: 0) >> 4 {
        case 4: ipv4(bytes, place)
        case 6: ipv6(bytes, place)
        case let version: .malformed(bytes.isEmpty ? "an IP packet of 0 octets" : "IP version \(version)")
        }
    }

    private mutating func ipv4(_ bytes: ArraySlice<UInt8>, _ outer: Place) -> DecodedPacket {
        let header = Int(bytes.octet(at: 0) & 15) * 4
        guard header >= 20, bytes.count >= header else { return .malformed("an IPv4 header is cut or too short") }
        var length = Int(bytes.big(UInt16.self, at: 2))
        // Segmentation offload leaves 0 in packets that are captured before they are cut up.
        if length == 0 { length = bytes.count }
        guard length >= header else { return .malformed("an IPv4 packet is shorter than its header") }
        let source = IPAddress(v4: bytes.big(UInt32.self, at: 12))
        let destination = IPAddress(v4: bytes.big(UInt32.self, at: 16))
        let number = bytes.octet(at: 9)
        var place = outer
        place.hopLimit = bytes.octet(at: 8)
        let payload = bytes.part(header, length - header)
        let missing = length - header - payload.count
        let fragment = bytes.big(UInt16.self, at: 6)
        let offset = Int(fragment & 0x1FFF) * 8
        let hasMore = fragment & 0x2000 != 0
        guard Self.isCarrier(number) else { return .other }
        var sum = InternetChecksum()
        sum.add(bytes.prefix(header))
        let isHeaderRight = sum.folded == 0xFFFF || bytes.big(UInt16.self, at: 10) == 0
        if offset != 0 || hasMore {
            guard missing == 0, isHeaderRight else { return .malformed("an IPv4 fragment is cut or damaged") }
            let key = IPFragments.Key(
                source: source, destination: destination, protocolNumber: number,
                identification: UInt32(bytes.big(UInt16.self, at: 4)))
            guard
                let whole = fragments.accept(
                    key, offset: offset, hasMore: hasMore, payload, hopLimit: place.hopLimit, time: place.time)
            else { return .fragment }
            if whole.isLate { return late(number, whole, source, destination, place) }
            return carried(number, whole.payload[...], 0, source, destination, place.with(whole))
        }
        return carried(number, payload, missing, source, destination, place, isHeaderRight: isHeaderRight)
    }

    /// What a datagram is that was given already, with a fragment in it that came later: a segment again, when it is one that the
    /// receiver would take.
    private func late(
        _ number: UInt8, _ whole: IPFragments.Whole, _ source: IPAddress, _ destination: IPAddress, _ place: Place
    ) -> DecodedPacket {
        guard number == 6,
            case .tcp(let segment) = tcp(whole.payload[...], 0, source, destination, place.with(whole)),
            segment.checksum == .right
        else { return .fragment }
        return .tcp(segment)
    }

    /// TCP, or what may have it within: IP, UDP, IPv6, GRE.
    private static func isCarrier(_ number: UInt8) -> Bool {
        switch number {
        case 4, 6, 17, 41, 47: true
        default: false
        }
    }

    /// The payload of an IP packet, by its protocol number.
    private mutating func carried(
        _ number: UInt8, _ bytes: ArraySlice<UInt8>, _ missing: Int, _ source: IPAddress, _ destination: IPAddress,
        _ place: Place, isHeaderRight: Bool = true
    ) -> DecodedPacket {
        switch number {
        case 6: return tcp(bytes, missing, source, destination, place, isHeaderRight: isHeaderRight)
        case 4, 41:
            // RFC 2003 §3.1, RFC 4213 §3.5, RFC 2473 §3.
            guard let inner = place.within else { return .malformed("more than \(Self.mostDepth) IP headers") }
            return network(bytes, inner)
        case 47:
            guard let inner = place.within else { return .malformed("more than \(Self.mostDepth) IP headers") }
            return gre(bytes, inner)
        case 17:
            guard let inner = place.within else { return .malformed("more than \(Self.mostDepth) IP headers") }
            return udp(bytes, inner)
        default: return .other
        }
    }

    private mutating func ipv6(_ bytes: ArraySlice<UInt8>, _ outer: Place) -> DecodedPacket {
        guard bytes.count >= 40 else { return .malformed("an IPv6 header is cut") }
        var place = outer
        place.hopLimit = bytes.octet(at: 7)
        var length = Int(bytes.big(UInt16.self, at: 4))
        // 0 with a jumbo payload option (RFC 2675) or segmentation offload.
        if length == 0 { length = bytes.count - 40 }
        let source = IPAddress(high: bytes.big(UInt64.self, at: 8), low: bytes.big(UInt64.self, at: 16))
        let destination = IPAddress(high: bytes.big(UInt64.self, at: 24), low: bytes.big(UInt64.self, at: 32))
        let payload = bytes.part(40, length)
        return extensions(
            bytes.octet(at: 6), payload, missing: length - payload.count, source, destination, place, isWhole: false)
    }

    /// Extension headers (RFC 8200 §4) up to TCP.
    private mutating func extensions(
        _ first: UInt8, _ bytes: ArraySlice<UInt8>, missing: Int, _ source: IPAddress, _ destination: IPAddress,
        _ place: Place, isWhole: Bool
    ) -> DecodedPacket {
        var number = first
        var rest = bytes
        for _ in 0..<Self.mostHeaders {
            let length: Int
            switch number {
            case 4, 6, 17, 41, 47: return carried(number, rest, missing, source, destination, place)
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
                        key, offset: offset, hasMore: hasMore, rest.dropFirst(8), hopLimit: place.hopLimit,
                        time: place.time)
                else { return .fragment }
                if whole.isLate { return late(next, whole, source, destination, place) }
                return extensions(
                    next, whole.payload[...], missing: 0, source, destination,
                    place.with(whole), isWhole: true)
            default: return .other
            }
            guard rest.count >= length else { return .malformed("an IPv6 extension header is cut") }
            number = rest.octet(at: 0)
            rest = rest.dropFirst(length)
        }
        return .malformed("more than \(Self.mostHeaders) IPv6 headers")
    }

    private func tcp(
        _ bytes: ArraySlice<UInt8>, _ missing: Int, _ source: IPAddress, _ destination: IPAddress, _ place: Place,
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
                hasFragmentConflict: place.hasConflict, hopLimit: place.hopLimit))
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
