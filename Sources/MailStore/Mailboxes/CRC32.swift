// The checksum of ISO 3309 (the one of zip and Ethernet): finds every damage of up to 32 bits in a row.

enum CRC32 {
    private static let table: [UInt32] = (UInt32(0)..<256).map { octet in
        (0..<8).reduce(octet) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { value, octet in table[Int((value ^ UInt32(octet)) & 0xFF)] ^ (value >> 8) }
    }

    /// Eight hex digits.
    static func hex(_ value: UInt32) -> [UInt8] {
        (0..<8).map { SafeName.hexDigit(UInt8(truncatingIfNeeded: value >> UInt32(28 - 4 * $0)) & 0xF) }
    }
}
