// The words of the original, as a filter of constant size: of each word it knows for certain that it was there; of a word that was not it
// says so too, but for a few.

/// A set of words that forgets which they are.
struct TokenFilter: Sendable {
    /// 16 MiB: of ten million words one other in forty is taken for one of them.
    private static let wordsOfBits = 1 << 21
    private var bits: [UInt64] = []
    private(set) var count = 0

    mutating func insert(_ mark: UInt64) {
        if bits.isEmpty { bits = [UInt64](repeating: 0, count: Self.wordsOfBits) }
        var isNew = false
        for number in 0..<Self.probes {
            let (word, bit) = Self.place(mark, number)
            if bits[word] & bit == 0 {
                bits[word] |= bit
                isNew = true
            }
        }
        if isNew { count += 1 }
    }

    func contains(_ mark: UInt64) -> Bool {
        guard !bits.isEmpty else { return false }
        for number in 0..<Self.probes {
            let (word, bit) = Self.place(mark, number)
            if bits[word] & bit == 0 { return false }
        }
        return true
    }

    private static let probes = 6

    private static func place(_ mark: UInt64, _ number: Int) -> (word: Int, bit: UInt64) {
        let step = (mark &* 0x9E37_79B9_7F4A_7C15) | 1
        let bit = (mark &+ UInt64(number) &* step) >> 20
        return (Int(bit >> 6) & (wordsOfBits - 1), 1 << (bit & 63))
    }
}
