// Tunnels in clear: packets and frames within IP packets. What a tunnel encrypts is other traffic.

extension PacketDecoder {
    /// What GRE carries (RFC 2784 §2.1 with the key and the sequence number of RFC 2890 §2; version 1 is PPTP's, RFC 2637
    /// §4.1).
    mutating func gre(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        guard bytes.count >= 4 else { return .malformed("a GRE header is cut") }
        let flags = bytes.big(UInt16.self, at: 0)
        let type = bytes.big(UInt16.self, at: 2)
        let hasSequence = flags & 0x1000 != 0
        var length = 4
        switch flags & 7 {
        case 0:
            // Source routes (RFC 1701) are of another time.
            if flags & 0x4000 != 0 { return .other }
            if flags & 0x8000 != 0 { length += 4 }
            if flags & 0x2000 != 0 { length += 4 }
        case 1:
            length += 4
            if flags & 0x0080 != 0 { length += 4 }
        default: return .other
        }
        if hasSequence { length += 4 }
        guard bytes.count >= length else { return .malformed("a GRE header is cut") }
        let rest = bytes.dropFirst(length)
        switch type {
        // ERSPAN, the mirrored port of a switch: type I has no header, type II has one of eight octets and a sequence
        // number, type III one of twelve and perhaps eight more.
        case 0x88BE: return ethernet(rest.dropFirst(hasSequence ? 8 : 0), place)
        case 0x22EB: return ethernet(rest.dropFirst(rest.octet(at: 11) & 1 == 1 ? 20 : 12), place)
        default: return etherType(type, rest, place)
        }
    }

    /// What UDP carries on the ports of tunnels.
    mutating func udp(_ bytes: ArraySlice<UInt8>, _ place: Place) -> DecodedPacket {
        let rest = bytes.dropFirst(8)
        switch bytes.big(UInt16.self, at: 2) {
        // VXLAN (RFC 7348 §5), also on the port that Linux had before one was assigned. The bit says that the network's
        // number is there.
        case 4789, 8472:
            guard rest.count >= 8, rest.octet(at: 0) & 0x08 != 0 else { return .other }
            return ethernet(rest.dropFirst(8), place)
        // Geneve (RFC 8926 §3.4): version 0, options in units of four octets, the type as in Ethernet.
        case 6081:
            guard rest.count >= 8, rest.octet(at: 0) >> 6 == 0 else { return .other }
            let options = Int(rest.octet(at: 0) & 0x3F) * 4
            guard rest.count >= 8 + options else { return .malformed("a Geneve header is cut") }
            return etherType(rest.big(UInt16.self, at: 2), rest.dropFirst(8 + options), place)
        default: return .other
        }
    }
}
