// Integers in octets, both byte orders. Reading is total: what lies beyond the end reads as zero, so that no length
// taken from a file can lead to a trap. Callers check lengths where zero would be a wrong answer.

extension ArraySlice<UInt8> {
    /// The integer at `offset` from the start of the slice, as stored in little-endian order; 0 beyond the end.
    @inline(__always)
    func little<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
        guard offset >= 0, count >= MemoryLayout<T>.size, offset <= count - MemoryLayout<T>.size else { return 0 }
        return withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }

    /// The integer at `offset` from the start of the slice, in network order; 0 beyond the end.
    @inline(__always)
    func big<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
        little(type, at: offset).byteSwapped
    }

    /// The octet at `offset` from the start of the slice; 0 beyond the end.
    @inline(__always)
    func octet(at offset: Int) -> UInt8 {
        guard offset >= 0, offset < count else { return 0 }
        return self[startIndex + offset]
    }

    /// `length` octets from `offset` on, cut where the slice ends.
    @inline(__always)
    func part(_ offset: Int, _ length: Int) -> ArraySlice<UInt8> {
        let from = startIndex + Swift.min(Swift.max(offset, 0), count)
        return self[from..<(from + Swift.min(Swift.max(length, 0), endIndex - from))]
    }
}

extension [UInt8] {
    /// Two octets in network order.
    package mutating func appendBig16(_ value: UInt16) {
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }

    mutating func appendBig32(_ value: UInt32) {
        appendBig16(UInt16(truncatingIfNeeded: value >> 16))
        appendBig16(UInt16(truncatingIfNeeded: value))
    }

    mutating func appendBig64(_ value: UInt64) {
        appendBig32(UInt32(truncatingIfNeeded: value >> 32))
        appendBig32(UInt32(truncatingIfNeeded: value))
    }

    mutating func appendLittle16(_ value: UInt16) { appendBig16(value.byteSwapped) }
    mutating func appendLittle32(_ value: UInt32) { appendBig32(value.byteSwapped) }
    mutating func appendLittle64(_ value: UInt64) { appendBig64(value.byteSwapped) }

    /// Overwrites two octets in network order; nothing happens beyond the end.
    mutating func putBig16(_ value: UInt16, at index: Int) {
        guard index >= 0, index + 1 < count else { return }
        self[index] = UInt8(truncatingIfNeeded: value >> 8)
        self[index + 1] = UInt8(truncatingIfNeeded: value)
    }
}
