// A set of octets: what one place of a pattern takes.

/// A set of octets.
struct OctetSet: Hashable, Sendable {
    private var words: SIMD4<UInt64> = .zero

    init() {}
    init(_ octet: UInt8) { insert(octet) }
    init(_ range: ClosedRange<UInt8>) { insert(range) }

    static let all = OctetSet(0...255)
    static let digits = OctetSet(48...57)
    static let wordOctets: OctetSet = {
        var set = OctetSet(65...90)
        set.insert(97...122)
        set.insert(48...57)
        set.insert(UInt8(ascii: "_"))
        return set
    }()
    static let blanks: OctetSet = {
        var set = OctetSet(9...13)
        set.insert(32)
        return set
    }()

    func contains(_ octet: UInt8) -> Bool { words[Int(octet >> 6)] & (1 << UInt64(octet & 63)) != 0 }

    mutating func insert(_ octet: UInt8) { words[Int(octet >> 6)] |= 1 << UInt64(octet & 63) }

    mutating func insert(_ range: ClosedRange<UInt8>) { for octet in range { insert(octet) } }

    mutating func formUnion(_ other: OctetSet) { words |= other.words }

    var inverted: OctetSet {
        var copy = self
        copy.words = ~words
        return copy
    }

    /// With the other case of each ASCII letter.
    var foldingCase: OctetSet {
        var copy = self
        for upper in UInt8(65)...90 where contains(upper) || contains(upper + 32) {
            copy.insert(upper)
            copy.insert(upper + 32)
        }
        return copy
    }
}
