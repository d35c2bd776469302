// The one's complement sum of IP and TCP (RFC 1071).

/// A running Internet checksum over pieces of even length (the last piece may be odd).
struct InternetChecksum {
    private var sum: UInt64 = 0

    mutating func add(_ word: UInt16) { sum &+= UInt64(word) }

    /// The pseudo header of TCP: RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6.
    mutating func addPseudoHeader(_ source: IPAddress, _ destination: IPAddress, length: Int) {
        add(words: source.high)
        add(words: source.low)
        add(words: destination.high)
        add(words: destination.low)
        add(6)
        add(UInt16(truncatingIfNeeded: length >> 16))
        add(UInt16(truncatingIfNeeded: length))
    }

    private mutating func add(words: UInt64) {
        sum &+= (words >> 48) &+ (words >> 32 & 0xFFFF) &+ (words >> 16 & 0xFFFF) &+ (words & 0xFFFF)
    }

    mutating func add(_ octets: ArraySlice<UInt8>) { octets.withUnsafeBytes { add($0) } }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        // Summed in memory order and swapped at the end: the sum does not care about byte order (RFC 1071 §2 B).
        var wide: UInt64 = 0
        var index = 0
        var other: UInt64 = 0
        // Two sums, which do not wait for each other.
        while index &+ 16 <= bytes.count {
            let first = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let second = bytes.loadUnaligned(fromByteOffset: index &+ 8, as: UInt64.self)
            wide &+= (first & 0xffff_ffff) &+ (first >> 32)
            other &+= (second & 0xffff_ffff) &+ (second >> 32)
            index &+= 16
        }
        wide &+= other
        while index &+ 2 <= bytes.count {
            wide &+= UInt64(bytes.loadUnaligned(fromByteOffset: index, as: UInt16.self))
            index &+= 2
        }
        if index < bytes.count { wide &+= UInt64(UInt16(bytes[index]).littleEndian) }
        sum &+= UInt64(Self.fold(wide).bigEndian)
    }

    /// The folded sum, not complemented: 0xffff over octets that include a right checksum.
    var folded: UInt16 { Self.fold(sum) }

    private static func fold(_ wide: UInt64) -> UInt16 {
        var wide = wide
        while wide > 0xffff { wide = (wide & 0xffff) &+ (wide >> 16) }
        return UInt16(truncatingIfNeeded: wide)
    }
}
