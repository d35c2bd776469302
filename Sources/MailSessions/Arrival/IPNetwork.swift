// Networks of IP addresses, as options name them: 10.0.0.0/8, 2001:db8::/32, 192.0.2.1.

import MailRecording

/// All addresses that begin with the same bits.
package struct IPNetwork: Equatable, Sendable, CustomStringConvertible {
    private let address: IPAddress
    /// Bits that count.
    private let length: Int

    /// 127/8 and ::1.
    package static let loopback = [
        IPNetwork(address: IPAddress(v4: 0x7F00_0000), length: 8),
        IPNetwork(address: IPAddress(high: 0, low: 1), length: 128),
    ]

    private init(address: IPAddress, length: Int) {
        self.address = address
        self.length = length
    }

    /// `ADDRESS/BITS`, or an address alone. Nil for anything else, and when bits are set that don't count: then it is likely that
    /// something else was meant.
    package init?(_ text: some StringProtocol) {
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        guard let address = IPAddress(String(text[..<slash])) else { return nil }
        let width = address.isIPv6 ? 128 : 32
        var length = width
        if slash != text.endIndex {
            let digits = text[text.index(after: slash)...]
            guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
                let number = Int(digits), number <= width
            else { return nil }
            length = number
        }
        self.init(address: address, length: length)
        guard Self.cut(address, length) == address else { return nil }
    }

    package func contains(_ other: IPAddress) -> Bool {
        // IPv4 over a socket of IPv6 is IPv4.
        let plain =
            other.isIPv6 && other.high == 0 && other.low >> 32 == 0xffff && !address.isIPv6
            ? IPAddress(v4: UInt32(truncatingIfNeeded: other.low)) : other
        return plain.isIPv6 == address.isIPv6 && Self.cut(plain, length) == address
    }

    /// The first `length` bits, the others 0.
    private static func cut(_ address: IPAddress, _ length: Int) -> IPAddress {
        // Shifts by all the bits there are give 0.
        func mask(_ bits: Int, of width: Int) -> UInt64 {
            let ones = width == 64 ? UInt64.max : UInt64.max >> UInt64(64 - width)
            return ones & ~(ones >> UInt64(max(0, min(bits, width))))
        }
        guard address.isIPv6 else {
            return IPAddress(v4: UInt32(truncatingIfNeeded: address.low & mask(length, of: 32)))
        }
        return IPAddress(high: address.high & mask(length, of: 64), low: address.low & mask(length - 64, of: 64))
    }

    package var description: String { length == (address.isIPv6 ? 128 : 32) ? "\(address)" : "\(address)/\(length)" }
}
