// Finds one of IMAP's words (a verb, the keyword of a response, the name of a capability) in octets of either case,
// without making text of them: command and response lines are looked up at the rate at which they arrive.

/// A fixed table from words to values.
struct IMAPWords<Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var word: StaticString
        var value: Value
    }

    /// Open addressing over a power of two: a word stands at its hash or in one of the slots behind it.
    private var slots: [Slot?]
    private let mask: Int

    /// Words are in capitals; of two equal ones the first counts.
    init(_ words: [(StaticString, Value)]) {
        var size = 64
        while size < words.count * 4 { size *= 2 }
        slots = Array(repeating: nil, count: size)
        mask = size - 1
        for (word, value) in words where find(word.withUTF8Buffer { Array($0)[...] }) == nil {
            var index = word.withUTF8Buffer { Self.hash($0) } & mask
            while slots[index] != nil { index = (index + 1) & mask }
            slots[index] = Slot(word: word, value: value)
        }
    }

    /// The value of `word`, in either case.
    func find(_ word: ArraySlice<UInt8>) -> Value? {
        var index = Self.hash(word) & mask
        while let slot = slots[index] {
            if word.equalsIgnoringCase(slot.word) { return slot.value }
            index = (index + 1) & mask
        }
        return nil
    }

    private static func hash(_ word: some Collection<UInt8>) -> Int {
        var hash: UInt32 = 7
        // No word is longer; what is, need not be told apart.
        for octet in word.prefix(24) { hash = hash &* 31 &+ UInt32(octet & 0xdf) }
        return Int(truncatingIfNeeded: hash ^ (hash >> 15))
    }
}
