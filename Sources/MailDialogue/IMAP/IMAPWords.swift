// Finds one of IMAP's words (a verb, the keyword of a response, the name of a capability) in octets of either case,
// without making text of them: command and response lines are looked up at the rate at which they arrive.

import CBytes

/// A fixed table from words to values. Tables live as long as the process: their memory is never given back.
///
/// Unchecked: nothing changes it once it is made.
struct IMAPWords<Value: Sendable>: @unchecked Sendable {
    private struct Slot {
        var word: StaticString
        /// The word as one number, when it has at most eight octets; else 0.
        var packed: UInt64
        var value: Value
    }

    /// Open addressing over a power of two: a word stands at its hash or in one of the slots behind it.
    private let slots: UnsafeMutablePointer<Slot?>
    private let mask: Int

    /// Words are in capitals; of two equal ones the first counts.
    init(_ words: [(StaticString, Value)]) {
        var size = 64
        while size < words.count * 4 { size *= 2 }
        slots = .allocate(capacity: size)
        slots.initialize(repeating: nil, count: size)
        mask = size - 1
        for (word, value) in words where word.withUTF8Buffer({ find($0) }) == nil {
            var index = word.withUTF8Buffer { Self.hash($0) } & mask
            while slots[index] != nil { index = (index + 1) & mask }
            slots[index] = Slot(word: word, packed: word.withUTF8Buffer { Self.packed($0) }, value: value)
        }
    }

    /// The value of `word`, in either case.
    func find(_ word: some OctetLine) -> Value? { word.withContiguousStorageIfAvailable { find($0) } ?? nil }

    /// The same for octets in memory.
    func find(_ word: UnsafeBufferPointer<UInt8>) -> Value? {
        var index = Self.hash(word) & mask
        let packed = Self.packed(word)
        while let slot = slots[index] {
            if packed == slot.packed, packed != 0 || Self.isEqual(word, slot.word) { return slot.value }
            index = (index + 1) & mask
        }
        return nil
    }

    private static func packed(_ word: UnsafeBufferPointer<UInt8>) -> UInt64 { mp_packed(word.baseAddress, word.count) }

    private static func isEqual(_ word: UnsafeBufferPointer<UInt8>, _ other: StaticString) -> Bool {
        guard word.count == other.utf8CodeUnitCount else { return false }
        return other.withUTF8Buffer { expected in
            for index in 0..<word.count where IMAPOctet.upper(word[index]) != expected[index] { return false }
            return true
        }
    }

    private static func hash(_ word: UnsafeBufferPointer<UInt8>) -> Int {
        if word.count <= 8 {
            // By a large odd factor each octet has a part in the highest bits.
            return Int(truncatingIfNeeded: (packed(word) &* 0x9e37_79b9_7f4a_7c15) &>> 48)
        }
        var hash: UInt32 = 7
        // No word is longer; what is, need not be told apart.
        for index in 0..<min(word.count, 24) { hash = hash &* 31 &+ UInt32(word[index] & 0xdf) }
        return Int(truncatingIfNeeded: hash ^ (hash >> 15))
    }
}
