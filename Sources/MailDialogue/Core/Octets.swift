// Reading lines of octets: words, case, numbers. Text is made only for output.

extension OctetLine {
    /// The line without its line end, and whether that was CRLF.
    @inlinable
    package var withoutLineEnd: (line: Self, crlf: Bool) {
        // Slices of slices throughout: `removeLast` and `removeFirst` would copy octets that a note shares.
        guard last == 10 else { return (self, false) }
        let line = dropLast()
        guard line.last == 13 else { return (line, false) }
        return (line.dropLast(), true)
    }

    /// The first word, up to a space or tab, and what follows behind one separator.
    @inlinable
    package var firstWord: (word: Self, rest: Self) {
        guard let end = firstIndex(where: { $0 == 32 || $0 == 9 }) else { return (self, self[endIndex...]) }
        return (self[..<end], self[(end + 1)...])
    }

    /// Without spaces and tabs at both ends.
    @inlinable
    package var trimmed: Self {
        var from = startIndex
        var upTo = endIndex
        while from < upTo, self[from] == 32 || self[from] == 9 { from += 1 }
        while from < upTo, self[upTo - 1] == 32 || self[upTo - 1] == 9 { upTo -= 1 }
        return self[from..<upTo]
    }

    /// ASCII letters in capitals, at most `limit` octets, as text; other octets as `?`.
    package func keyword(limit: Int = DialogueLimits.verb) -> String {
        let count = Swift.min(count, Swift.max(limit, 0))
        // Written in place: up to 15 octets take no storage of their own.
        return String(unsafeUninitializedCapacity: count) { buffer in
            for (offset, octet) in prefix(count).enumerated() {
                switch octet {
                case 97...122: buffer[offset] = octet - 32
                case 33...126: buffer[offset] = octet
                default: buffer[offset] = UInt8(ascii: "?")
                }
            }
            return count
        }
    }

    /// True when the octets are `word` in any case (ASCII).
    @inlinable
    package func equalsIgnoringCase(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        return hasPrefixIgnoringCase(word)
    }

    /// True when the octets begin with `word` in any case (ASCII).
    @inlinable
    package func hasPrefixIgnoringCase(_ word: StaticString) -> Bool {
        guard count >= word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { expected in
            var index = startIndex
            for octet in expected {
                let mine = self[index]
                let folded = mine >= 97 && mine <= 122 ? mine - 32 : mine
                let wanted = octet >= 97 && octet <= 122 ? octet - 32 : octet
                if folded != wanted { return false }
                index += 1
            }
            return true
        }
    }

    /// The octets as an unsigned decimal number; nil when it is none or beyond 63 bits (RFC 9051 §4.3, number64).
    @inlinable
    package var decimal: Int? {
        guard !isEmpty else { return nil }
        var value = 0
        // Leading zeros are legal in any number; they change nothing here.
        for octet in self {
            guard octet >= 48, octet <= 57 else { return nil }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = product.addingReportingOverflow(Int(octet - 48))
            if over || more { return nil }
            value = sum
        }
        return value
    }

    /// Up to eight octets in capitals as one number, the first in the lowest place, to be compared at once; 0 when there are
    /// more or none.
    @inlinable
    package var packed: UInt64 {
        guard count <= 8 else { return 0 }
        var packed: UInt64 = 0
        var shift: UInt64 = 0
        for octet in self {
            let folded = octet >= 97 && octet <= 122 ? octet - 32 : octet
            packed |= UInt64(folded) << shift
            shift += 8
        }
        return packed
    }

    /// The octets as text; broken UTF-8 is replaced. For output only.
    @inlinable
    package var text: String { String(decoding: self, as: UTF8.self) }

    /// The same octets with those in `range` (offsets from the start) replaced by asterisks.
    package func masking(_ range: Range<Int>) -> ArraySlice<UInt8> {
        var copy = Array(self)
        let clamped = range.clamped(to: 0..<copy.count)
        for offset in clamped where copy[offset] != 13 && copy[offset] != 10 { copy[offset] = UInt8(ascii: "*") }
        return copy[...]
    }

    /// The same octets with those in `range` (offsets from the start) hidden, for a line that may be a secret as a whole. One
    /// octet of each kind that no line may have stays one of that kind, so that who reads the masked form finds the same wrong
    /// with it. It moves to the front: where it stood is not told.
    package func maskingLine(_ range: Range<Int>) -> ArraySlice<UInt8> {
        var masked = masking(range)
        var (hasNul, hasControl, isEightBit) = (false, false, false)
        let clamped = range.clamped(to: 0..<count)
        for octet in dropFirst(clamped.lowerBound).prefix(clamped.count) {
            switch octet {
            case 0: hasNul = true
            case 9, 10, 13, 32...126: break
            case 128...255: isEightBit = true
            default: hasControl = true
            }
        }
        var index = masked.startIndex + clamped.lowerBound
        for (isThere, octet) in [(hasNul, 0), (hasControl, 1), (isEightBit, 255)] as [(Bool, UInt8)] where isThere {
            // A bare CR stays where it is.
            while index < masked.endIndex, masked[index] == 13 || masked[index] == 10 { index += 1 }
            guard index < masked.endIndex else { break }
            masked[index] = octet
            index += 1
        }
        return masked
    }
}

// The questions that are asked of every line, of kept octets: the general ones above are not made for the type when another
// module asks.
extension ArraySlice where Element == UInt8 {
    /// The line without its line end, and whether that was CRLF.
    package var withoutLineEnd: (line: Self, crlf: Bool) {
        let end = endIndex
        guard end > startIndex, self[end - 1] == 10 else { return (self, false) }
        guard end - 1 > startIndex, self[end - 2] == 13 else { return (self[startIndex..<(end - 1)], false) }
        return (self[startIndex..<(end - 2)], true)
    }

    /// The first word, up to a space or tab, and what follows behind one separator.
    package var firstWord: (word: Self, rest: Self) {
        guard let cut = withUnsafeBufferPointer({ $0.firstIndex { $0 == 32 || $0 == 9 } }) else {
            return (self, self[endIndex..<endIndex])
        }
        let end = startIndex + cut
        return (self[startIndex..<end], self[(end + 1)..<endIndex])
    }
}
