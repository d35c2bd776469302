// What an input says beside its octets: the last eight are the beginning of the numbers by which a peer chooses and by
// which octets are cut. They stand at the end so that changes in front of them leave them alone.

/// Numbers that follow from a seed (Steele, Lea and Flood's SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// True in one of `count` cases.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    /// One of several; they are never none.
    mutating func pick<T>(_ first: T, _ others: T...) -> T {
        let at = Int.random(in: 0...others.count, using: &self)
        return at == 0 ? first : others[at - 1]
    }

    /// A size of a piece: mostly small, at times large.
    mutating func size() -> Int {
        oneIn(4) ? Int.random(in: 1...1500, using: &self) : Int.random(in: 1...16, using: &self)
    }
}

/// An input apart.
struct FuzzInput {
    /// Octets of the seed at the end.
    static let tail = 8

    let octets: [UInt8]
    let seed: UInt64

    init(_ input: [UInt8]) {
        octets = Array(input.dropLast(Self.tail))
        seed = input.suffix(Self.tail).reduce(UInt64(input.count)) { ($0 << 8 | $0 >> 56) ^ UInt64($1) }
    }

    var numbers: SeededNumbers { SeededNumbers(seed: seed) }

    /// An input with these octets.
    static func encode(_ octets: [UInt8], seed: UInt64) -> [UInt8] {
        octets + (0..<UInt64(tail)).map { UInt8(truncatingIfNeeded: seed >> ($0 * 8)) }
    }
}

extension Sequence<UInt8> {
    /// For messages of a finding: ASCII as it is, the rest as `\xNN`.
    var shown: String {
        var text = ""
        for octet in self {
            switch octet {
            case 10: text += "\\n"
            case 13: text += "\\r"
            case 0x20...0x7e: text.unicodeScalars.append(Unicode.Scalar(octet))
            default: text += "\\x" + String(octet >> 4, radix: 16) + String(octet & 15, radix: 16)
            }
        }
        return text
    }
}
