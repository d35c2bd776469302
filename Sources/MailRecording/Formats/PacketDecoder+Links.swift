// Link layers: what stands before the IP packet in a frame of each link type.

extension PacketDecoder {
    /// The IP packet in a frame.
    mutating func link(_ type: LinkType, _ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        switch type {
        case .raw, .ipv4, .ipv6: return network(bytes, place)
        case .null:
            // The address family in the byte order of the capturing machine: the value differs between systems for
            // IPv6, so the packet itself says which IP it is.
            let family = bytes.little(UInt32.self, at: 0)
            return isIPFamily(family) || isIPFamily(family.byteSwapped) ? network(bytes.dropFirst(4), place) : .other
        case .loop:
            return isIPFamily(bytes.big(UInt32.self, at: 0)) ? network(bytes.dropFirst(4), place) : .other
        case .ethernet: return ethernet(bytes, place)
        case .linuxCooked:
            guard bytes.count >= 16 else { return .malformed("a cooked frame of \(bytes.count) octets") }
            return etherType(bytes.big(UInt16.self, at: 14), bytes.dropFirst(16), place)
        case .linuxCooked2:
            guard bytes.count >= 20 else { return .malformed("a cooked frame of \(bytes.count) octets") }
            return etherType(bytes.big(UInt16.self, at: 0), bytes.dropFirst(20), place)
        case .pppoe: return pppoe(bytes, place)
        case .ppp:
            // With or without the HDLC address and control octets (RFC 1662 §3.2).
            return ppp(bytes, place)
        case .directedPPP:
            // An octet for the direction, in place of the address or before it.
            let rest = bytes.dropFirst(bytes.octet(at: 1) == 0xFF ? 1 : 0)
            let hasControl = rest.octet(at: 1) == 3
            return ppp(rest.dropFirst(hasControl ? 2 : 1), place)
        case .ciscoHDLC:
            // Address, control, the type as in Ethernet.
            guard bytes.count >= 4 else { return .malformed("a frame of HDLC of \(bytes.count) octets") }
            return etherType(bytes.big(UInt16.self, at: 2), bytes.dropFirst(4), place)
        case .mpls: return etherType(0x8847, bytes, place)
        case .llc: return llc(bytes, place)
        case .fddi:
            guard bytes.count >= 13 else { return .malformed("a frame of FDDI of \(bytes.count) octets") }
            return llc(bytes.dropFirst(13), place)
        case .firewire:
            guard bytes.count >= 18 else { return .malformed("a frame of IEEE 1394 of \(bytes.count) octets") }
            return etherType(bytes.big(UInt16.self, at: 16), bytes.dropFirst(18), place)
        case .enc:
            // Address family, SPI and flags of OpenBSD's IPsec, then the packet, which says itself what it is.
            guard bytes.count >= 12 else { return .malformed("an IPsec packet of \(bytes.count) octets") }
            return network(bytes.dropFirst(12), place)
        case .pflog:
            // The header's length without its padding to four octets.
            let length = (Int(bytes.octet(at: 0)) + 3) & ~3
            guard length >= 48, bytes.count >= length else { return .malformed("a header of pflog is cut") }
            return isIPFamily(UInt32(bytes.octet(at: 1))) ? network(bytes.dropFirst(length), place) : .other
        case .nflog: return nflog(bytes, place)
        case .pktap:
            // Darwin's header: its length, and at 8 the link type of what follows.
            let length = Int(bytes.little(UInt32.self, at: 0))
            guard length >= 12, length <= bytes.count else { return .malformed("a header of pktap is cut") }
            guard let type = LinkType(bytes.little(UInt32.self, at: 8)), let inner = place.within else { return .other }
            return link(type, bytes.dropFirst(length), inner)
        case .wireless: return wireless(bytes, place)
        case .radiotap:
            let length = Int(bytes.little(UInt16.self, at: 2))
            guard length >= 8, length <= bytes.count else { return .malformed("a header of radiotap is cut") }
            return wireless(bytes.dropFirst(length), place)
        case .avs:
            let length = Int(bytes.big(UInt32.self, at: 4))
            guard length >= 8, length <= bytes.count else { return .malformed("a header of AVS is cut") }
            return wireless(bytes.dropFirst(length), place)
        }
    }

    private func isIPFamily(_ family: UInt32) -> Bool {
        switch family {
        // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux and Solaris' 26, 24 on OpenBSD, 28 on FreeBSD, 30 on Darwin.
        case 2, 10, 23, 24, 26, 28, 30: true
        default: false
        }
    }

    mutating func ethernet(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        guard bytes.count >= 14 else { return .malformed("an Ethernet frame of \(bytes.count) octets") }
        return etherType(bytes.big(UInt16.self, at: 12), bytes.dropFirst(14), place)
    }

    /// What follows an EtherType, through tags and labels.
    mutating func etherType(_ first: UInt16, _ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        var type = first
        var rest = bytes
        for _ in 0..<Self.mostHeaders {
            switch type {
            case 0x0800, 0x86DD: return network(rest, place)
            case 0x8100, 0x88A8, 0x9100, 0x9200, 0x9300:
                // IEEE 802.1Q: two octets of tag, then the type.
                guard rest.count >= 4 else { return .malformed("a VLAN tag is cut") }
                type = rest.big(UInt16.self, at: 2)
                rest = rest.dropFirst(4)
            case 0x88E7:
                // IEEE 802.1ah: four octets of tag, then the customer's frame.
                guard let inner = place.within else { return .malformed("more than \(Self.mostDepth) frames") }
                return ethernet(rest.dropFirst(4), inner)
            case 0x8864: return pppoe(rest, place)
            case 0x880B: return ppp(rest, place)
            case 0x6558:
                // A frame of Ethernet.
                guard let inner = place.within else { return .malformed("more than \(Self.mostDepth) frames") }
                return ethernet(rest, inner)
            case 0x8847, 0x8848:
                // MPLS labels (RFC 3032 §2.1): the lowest has the bottom-of-stack bit; IP says itself which it is.
                guard rest.count >= 4 else { return .malformed("an MPLS label is cut") }
                let isBottom = rest.octet(at: 2) & 1 == 1
                rest = rest.dropFirst(4)
                guard isBottom else { continue }
                // A nibble of 0 begins the control word of a pseudowire (RFC 4385 §3), which carries Ethernet.
                if rest.octet(at: 0) >> 4 == 0, rest.count >= 18, let inner = place.within {
                    return ethernet(rest.dropFirst(4), inner)
                }
                return network(rest, place)
            case 0..<0x0600:
                // IEEE 802.3 with a length: LLC and SNAP name the type (RFC 1042).
                return llc(rest, place)
            default: return .other
            }
        }
        return .malformed("more than \(Self.mostHeaders) link headers")
    }

    /// LLC with SNAP (RFC 1042): the type behind six octets.
    private mutating func llc(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        guard bytes.big(UInt32.self, at: 0) == 0xAAAA_0300, bytes.octet(at: 4) == 0 else { return .other }
        let type = bytes.big(UInt16.self, at: 6)
        return type < 0x0600 ? .other : etherType(type, bytes.dropFirst(8), place)
    }

    /// A PPPoE session packet (RFC 2516 §4).
    private mutating func pppoe(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        guard bytes.count >= 8 else { return .malformed("a PPPoE packet of \(bytes.count) octets") }
        guard bytes.octet(at: 0) == 0x11, bytes.octet(at: 1) == 0 else { return .other }
        return ppp(bytes.part(6, Int(bytes.big(UInt16.self, at: 4))), place)
    }

    mutating func ppp(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        let bytes = bytes.big(UInt16.self, at: 0) == 0xFF03 ? bytes.dropFirst(2) : bytes
        // The protocol number may be compressed to one octet, which is then odd (RFC 1661 §6.5).
        let isShort = bytes.octet(at: 0) & 1 == 1
        let number = isShort ? UInt16(bytes.octet(at: 0)) : bytes.big(UInt16.self, at: 0)
        let rest = bytes.dropFirst(isShort ? 1 : 2)
        switch number {
        case 0x21, 0x57: return network(rest, place)
        // MPLS (RFC 3032 §4.1).
        case 0x281: return etherType(0x8847, rest, place)
        default: return .other
        }
    }

    /// Linux' NFLOG: attributes, each with its length in the order of the capturing machine; 9 has the packet.
    private mutating func nflog(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        var rest = bytes.dropFirst(4)
        while rest.count >= 4 {
            let length = Int(rest.little(UInt16.self, at: 0))
            guard length >= 4, length <= rest.count else { return .malformed("an attribute of NFLOG is cut") }
            // The highest bits say how an attribute is to be read.
            if rest.little(UInt16.self, at: 2) & 0x3FFF == 9 { return network(rest.part(4, length - 4), place) }
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return .other
    }

    /// A frame of IEEE 802.11 with data in clear.
    private mutating func wireless(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        let kind = bytes.octet(at: 0)
        let flags = bytes.octet(at: 1)
        // Version 0, type 2 (data); subtypes with bit 2 have no data, and a protected frame shows none.
        guard kind & 0x0F == 8, kind & 0x40 == 0, flags & 0x40 == 0 else { return .other }
        var header = 24
        // From one access point to another there is a fourth address.
        if flags & 3 == 3 { header += 6 }
        if kind & 0x80 != 0 {
            // Several frames in one (A-MSDU) are not taken apart.
            guard bytes.octet(at: header) & 0x80 == 0 else { return .other }
            header += 2
            if flags & 0x80 != 0 { header += 4 }
        }
        guard bytes.count >= header else { return .malformed("a frame of IEEE 802.11 is cut") }
        // The second and further fragments of a frame begin anywhere.
        guard bytes.octet(at: 22) & 0x0F == 0, flags & 4 == 0 else { return .other }
        return llc(bytes.dropFirst(header), place)
    }
}
