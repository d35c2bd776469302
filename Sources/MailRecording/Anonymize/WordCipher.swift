// Words for words: a keyed permutation of all words of the same shape. So two words that differ get two pseudonyms that differ, without a
// table of them, and nobody without the key finds the way back but by guessing from what surrounds them.

import Crypto

/// A Feistel network over the characters of a word, each modulo the size of its alphabet (in the manner of NIST SP 800-38G).
struct WordCipher: Sendable {
    private static let rounds = 8
    private let key: SymmetricKey

    init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

    /// The word in the place of `word`. Case is not touched.
    /// - Parameter tweak: another permutation for each.
    func encrypt(_ word: [Glyph], tweak: UInt8) -> [Glyph] { permute(word, tweak, forwards: true) }

    /// The word that ``encrypt(_:tweak:)`` makes into `word`.
    func decrypt(_ word: [Glyph], tweak: UInt8) -> [Glyph] { permute(word, tweak, forwards: false) }

    private func permute(_ word: [Glyph], _ tweak: UInt8, forwards: Bool) -> [Glyph] {
        var word = word
        // The shape, as a word of another shape is of another permutation.
        var shape: [UInt8] = [tweak]
        for glyph in word { shape.appendBig32(glyph.alphabet) }
        let middle = word.count / 2
        for step in 0..<Self.rounds {
            let round = forwards ? step : Self.rounds - 1 - step
            let (changed, other) =
                round & 1 == 0 ? (middle..<word.count, 0..<middle) : (0..<middle, middle..<word.count)
            if changed.isEmpty { continue }
            var input = shape + [UInt8(truncatingIfNeeded: round)]
            for index in other { input.appendBig16(UInt16(truncatingIfNeeded: word[index].digit)) }
            let stream = numbers(input, count: changed.count)
            for (index, number) in zip(changed, stream) {
                let radix = word[index].radix
                let step = UInt32(number) % radix
                word[index].digit = (word[index].digit + (forwards ? step : radix - step)) % radix
            }
        }
        return word
    }

    /// Numbers that nobody without the key knows.
    private func numbers(_ input: [UInt8], count: Int) -> [UInt16] {
        var out: [UInt16] = []
        out.reserveCapacity(count)
        var block: UInt8 = 0
        let seed = Array(HMAC<SHA256>.authenticationCode(for: input, using: key))
        var octets = seed
        while true {
            for place in stride(from: 0, to: octets.count - 1, by: 2) {
                if out.count == count { return out }
                out.append(UInt16(octets[place]) << 8 | UInt16(octets[place + 1]))
            }
            block &+= 1
            octets = Array(HMAC<SHA256>.authenticationCode(for: seed + [block] + octets, using: key))
        }
    }

    /// A number for `octets` that nobody without the key knows.
    func number(_ octets: [UInt8]) -> UInt64 {
        HMAC<SHA256>.authenticationCode(for: octets, using: key).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
