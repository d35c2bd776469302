// IP addresses for IP addresses: keyed, one for one, prefix for prefix, and of the same kind. The text of an address keeps its length, so each
// octet has as many digits as before, and each group of an IPv6 address too.

/// A keyed permutation of addresses.
struct AddressCipher: Sendable {
    private let cipher: WordCipher

    init(key: [UInt8]) { cipher = WordCipher(key: key) }

    /// The address in the place of `address`. Loopback, unspecified, broadcast, multicast and this-network addresses stay.
    func replacement(for address: IPAddress) -> IPAddress {
        guard address.isIPv6 else { return IPAddress(v4: v4(UInt32(truncatingIfNeeded: address.low))) }
        if address.high == 0, address.low >> 32 == 0xFFFF {
            return IPAddress(high: 0, low: 0xFFFF_0000_0000 | UInt64(v4(UInt32(truncatingIfNeeded: address.low))))
        }
        if address.high == 0, address.low <= 1 { return address }
        return v6(address)
    }

    // MARK: IPv4

    private func v4(_ bits: UInt32) -> UInt32 {
        let octets = [24, 16, 8, 0].map { bits >> UInt32($0) & 255 }
        switch octets[0] {
        case 0, 127, 224...255: return bits
        default: break
        }
        // How many octets say what kind of address it is: they stay.
        let kept: Int
        switch (octets[0], octets[1]) {
        case (192, 168), (169, 254): kept = 2
        case (10, _), (172, _), (192, _), (169, _), (100, _): kept = 1
        default: kept = 0
        }
        var out: [UInt32] = []
        for place in 0..<4 {
            let octet = octets[place]
            if place < kept {
                out.append(octet)
                continue
            }
            let kind = Self.kind(octets, place)
            out.append(
                permute(octet, in: kind, [4, UInt8(place)] + octets[..<place].map { UInt8(truncatingIfNeeded: $0) }))
        }
        return out.reduce(0) { $0 << 8 | $1 }
    }

    /// The numbers that may stand in the place of an octet: as many digits, and the same kind of address.
    private static func kind(_ octets: [UInt32], _ place: Int) -> [UInt32] {
        let octet = octets[place]
        let same: ClosedRange<UInt32> = octet < 10 ? 0...9 : octet < 100 ? 10...99 : 100...255
        func isSpecial(_ candidate: UInt32) -> Bool {
            switch (place, octets[0]) {
            case (0, _):
                candidate == 0 || candidate == 10 || candidate == 127 || candidate >= 224
                    || [100, 169, 172, 192].contains(candidate)
            case (1, 172): (16...31).contains(candidate)
            case (1, 192): candidate == 168
            case (1, 169): candidate == 254
            case (1, 100): (64...127).contains(candidate)
            default: false
            }
        }
        let mine = isSpecial(octet)
        return same.filter { isSpecial($0) == mine }
    }

    // MARK: IPv6

    private func v6(_ address: IPAddress) -> IPAddress {
        var groups: [UInt32] = []
        for half in [address.high, address.low] {
            for shift in [48, 32, 16, 0] { groups.append(UInt32(half >> UInt64(shift) & 0xFFFF)) }
        }
        // Multicast stays; of link-local and unique local addresses (RFC 4291 §2.5.6, RFC 4193) what says so.
        if groups[0] >> 8 == 0xFF { return address }
        var out: [UInt32] = []
        for place in 0..<8 {
            let group = groups[place]
            var seed: [UInt8] = [6, UInt8(place)]
            for before in groups[..<place] { seed.appendBig16(UInt16(truncatingIfNeeded: before)) }
            out.append(permute(group, in: Self.range(group, place), seed))
        }
        let halves = [out[..<4], out[4...]].map { $0.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
        return IPAddress(high: halves[0], low: halves[1])
    }

    /// A group of zeros stays, so that it is shortened where it was; others keep the number of their digits.
    private static func range(_ group: UInt32, _ place: Int) -> ClosedRange<UInt32> {
        if place == 0 {
            switch group {
            case 0xFE80...0xFEBF: return group...group
            case 0xFC00...0xFCFF: return 0xFC00...0xFCFF
            case 0xFD00...0xFDFF: return 0xFD00...0xFDFF
            case 0x2000...0x3FFF: return 0x2000...0x3FFF
            default: break
            }
        }
        switch group {
        case 0: return 0...0
        case 0..<0x10: return 1...0xF
        case 0..<0x100: return 0x10...0xFF
        case 0..<0x1000: return 0x100...0xFFF
        default: return 0x1000...0xFFFF
        }
    }

    private func permute(_ value: UInt32, in range: ClosedRange<UInt32>, _ seed: [UInt8]) -> UInt32 {
        range.lowerBound + place(of: value - range.lowerBound, among: range.upperBound - range.lowerBound + 1, seed)
    }

    private func permute(_ value: UInt32, in kind: [UInt32], _ seed: [UInt8]) -> UInt32 {
        guard let number = kind.firstIndex(of: value) else { return value }
        return kind[Int(place(of: UInt32(number), among: UInt32(kind.count), seed))]
    }

    /// A permutation of the numbers below `count`, another for each seed.
    private func place(of value: UInt32, among count: UInt32, _ seed: [UInt8]) -> UInt32 {
        guard count > 1 else { return value }
        var width: UInt32 = 1
        while width * width < count { width += 1 }
        let seed = cipher.number(seed)
        var value = value
        // What falls behind the last number is permuted on, until it is one: all numbers are met once.
        repeat {
            let digits = [(value / width, seed >> 32), (value % width, seed)].map {
                Glyph(
                    alphabet: UInt32(truncatingIfNeeded: $0.1), radix: width, digit: $0.0, isUpper: false, width: 1)
            }
            value = cipher.encrypt(digits, tweak: 0).reduce(0) { $0 * width + $1.digit }
        } while value >= count
        return value
    }
}
