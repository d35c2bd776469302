// What stands for what. One value serves a whole run: the same word gets the same pseudonym wherever it stands, and no pseudonym is a word of
// the original. Nothing is kept of them: key and word make the pseudonym, a bounded table only saves time.

import Crypto

/// Makes pseudonyms, and knows what the original held.
package final class Pseudonyms {
    /// Words of fewer characters are not told from chance: they are replaced, and not searched for.
    package static let shortestSought = 4
    /// Numbers of fewer digits are not searched for: sizes, ports and times are full of them.
    static let shortestNumber = 7
    /// Pseudonyms that are remembered.
    private static let mostRemembered = 65_536
    /// Addresses that are kept apart: more than an IPv4 site has.
    private static let mostAddresses = 1 << 20

    private let cipher: WordCipher
    private let addressCipher: AddressCipher
    private let idCipher: WordCipher
    private var originals = TokenFilter()
    private var remembered: [[UInt8]: [UInt8]] = [:]
    /// Words that stay though no list has them: tags, identifiers that a server made.
    private var kept: Set<UInt64> = []
    private var originalAddresses: Set<IPAddress> = []
    private var madeAddresses: Set<IPAddress> = []

    /// Words that were replaced.
    package private(set) var replaced = 0
    /// Octets that nobody could read, each replaced by itself.
    package internal(set) var unread = 0

    /// - Parameter key: 16 octets or more; the same gives the same pseudonyms for the same recordings.
    package init(key: [UInt8]) {
        func derived(_ purpose: String) -> [UInt8] {
            let derived = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: key), info: Array("mailproxy anonymize \(purpose)".utf8),
                outputByteCount: 32)
            return derived.withUnsafeBytes { Array($0) }
        }
        cipher = WordCipher(key: derived("words"))
        addressCipher = AddressCipher(key: derived("addresses"))
        idCipher = WordCipher(key: derived("sessions"))
    }

    // MARK: What the original holds

    /// A word of the original, to be met nowhere in the copy.
    func learn(_ mark: UInt64) { originals.insert(mark) }

    /// An address of the original.
    package func learn(_ address: IPAddress) {
        if originalAddresses.count < Self.mostAddresses { originalAddresses.insert(address) }
    }

    /// Different words of the original, about.
    package var known: Int { originals.count }

    /// The word is one of the original, and nothing allows it.
    func isResidue(_ mark: UInt64) -> Bool { originals.contains(mark) && !isExempt(mark) }

    /// The word may stand anywhere: it is a word of the protocols, filler, or was kept for what it is.
    func isExempt(_ mark: UInt64) -> Bool {
        AnonymousWords.isCommon(mark) || BodyFiller.marks.contains(mark) || kept.contains(mark)
    }

    /// The address is one of the original, and stands for no other.
    package func isResidue(_ address: IPAddress) -> Bool {
        originalAddresses.contains(address) && !madeAddresses.contains(address)
    }

    // MARK: What stands for it

    /// The word stays, here and anywhere.
    func keep(_ word: ArraySlice<UInt8>) {
        guard kept.count < Self.mostAddresses else { return }
        var index = word.startIndex
        var mark = AnonymousWords.Mark()
        var isEmpty = true
        while index <= word.endIndex {
            let (glyph, width) = index < word.endIndex ? Glyph.next(word, at: index) : (nil, 1)
            if let glyph {
                mark.add(glyph)
                isEmpty = false
            } else {
                if !isEmpty { kept.insert(mark.value) }
                mark = AnonymousWords.Mark()
                isEmpty = true
            }
            index += width
        }
    }

    /// The pseudonym of a word: as many octets, letter for letter, digit for digit, the same for any case but in that case.
    func word(_ octets: ArraySlice<UInt8>, _ glyphs: [Glyph]) -> [UInt8] {
        replaced += 1
        let key = Array(octets)
        if let known = remembered[key] { return known }
        var out: [UInt8] = []
        out.reserveCapacity(key.count)
        for (glyph, replacement) in zip(glyphs, replacement(for: glyphs)) {
            var glyph = glyph
            glyph.digit = replacement.digit
            glyph.write(to: &out)
        }
        if remembered.count >= Self.mostRemembered { remembered.removeAll(keepingCapacity: true) }
        remembered[key] = out
        return out
    }

    /// The address in the place of another, which is of the same kind and has a text of the same length.
    package func address(_ address: IPAddress) -> IPAddress {
        let made = addressCipher.replacement(for: address)
        if madeAddresses.count < Self.mostAddresses { madeAddresses.insert(made) }
        return made
    }

    /// A number that stands for octets and does not tell them.
    func number(_ octets: [UInt8]) -> UInt64 { idCipher.number([0] + octets) }

    /// The twelve bits that stand in a session's id for others, of sessions that began at the same time.
    func idBits(_ bits: UInt64, at time: UInt64) -> UInt64 {
        var seed: [UInt8] = []
        seed.appendBig64(time)
        return (bits ^ idCipher.number(seed)) & 4095
    }

    private func replacement(for word: [Glyph]) -> [Glyph] {
        let isNumber = word.allSatisfy { $0.alphabet == 1 }
        guard word.count >= (isNumber ? Self.shortestNumber : Self.shortestSought) else {
            return cipher.encrypt(word, tweak: 0)
        }
        // The first permutation by which it is no word of the original. That word must not stand for another either, by a permutation
        // before it: what would have led there is found by going back.
        for tweak: UInt8 in 0..<64 {
            let made = cipher.encrypt(word, tweak: tweak)
            if isTaken(AnonymousWords.Mark.of(made)) { continue }
            let isOthers = (0..<tweak).contains { before in
                isTaken(AnonymousWords.Mark.of(cipher.decrypt(made, tweak: before)))
            }
            if !isOthers { return made }
        }
        // Most words of this shape are words of the original: here it stands for another.
        let made = cipher.encrypt(word, tweak: 0)
        if kept.count < Self.mostAddresses { kept.insert(AnonymousWords.Mark.of(made)) }
        return made
    }

    private func isTaken(_ mark: UInt64) -> Bool { originals.contains(mark) || AnonymousWords.isCommon(mark) }
}

extension AnonymousWords {
    /// Words that stay somewhere.
    private static let common: Set<UInt64> =
        spoken.union(mime).union(fields).union(dates).union(traces).union(domains).union(extensions).union(replies)
        .union(keys).union(own).union(greetings)

    static func isCommon(_ mark: UInt64) -> Bool { common.contains(mark) }
}
