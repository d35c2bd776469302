// The checksum of ISO 3309 (the one of zip and Ethernet): finds every damage of up to 32 bits in a row.

enum CRC32 {
    private static let table: [UInt32] = (UInt32(0)..<256).map { octet in
        (0..<8).reduce(octet) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 { ~extend(~0, bytes) }

    /// Goes on with a sum that was begun with ~0 and is inverted at the end.
    static func extend(_ sum: UInt32, _ bytes: some Sequence<UInt8>) -> UInt32 {
        func plain(_ octets: UnsafeBufferPointer<UInt8>) -> UInt32 {
            table.withUnsafeBufferPointer { table in
                var value = sum
                // The index is one octet and the table has 256 entries.
                for octet in octets { value = table[Int((value ^ UInt32(octet)) & 0xFF)] ^ (value >> 8) }
                return value
            }
        }
        return bytes.withContiguousStorageIfAvailable(plain) ?? Array(bytes).withUnsafeBufferPointer(plain)
    }

    /// Eight hex digits.
    static func hex(_ value: UInt32) -> [UInt8] {
        (0..<8).map { SafeName.hexDigit(UInt8(truncatingIfNeeded: value >> UInt32(28 - 4 * $0)) & 0xF) }
    }

    /// The number that `hex` writes, or nil.
    static func parse(_ digits: ArraySlice<UInt8>) -> UInt32? {
        guard digits.count == 8 else { return nil }
        var value: UInt32 = 0
        for digit in digits {
            guard let number = SafeName.hexValue(digit) else { return nil }
            value = value << 4 | UInt32(number)
        }
        return value
    }
}
