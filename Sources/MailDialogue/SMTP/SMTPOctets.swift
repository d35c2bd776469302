// Reading the octets of a line in place: a span neither copies them nor counts its references, which a slice does at every
// hand-over. Ranges are offsets from the first octet of the span.

import CBytes

extension Span where Element == UInt8 {
    /// The octets, kept.
    var copied: [UInt8] { withUnsafeBytes { Array($0) } }

    /// The first `octet` at or behind `start`.
    func firstIndex(of octet: UInt8, from start: Int = 0) -> Int? {
        guard start >= 0, start < count else { return nil }
        let offset = withUnsafeBytes { mp_find_byte($0.baseAddress.map { $0 + start }, $0.count - start, octet) }
        return offset < 0 ? nil : start + offset
    }

    /// How many octets from `start` on are `atext`, may stand in a label of a domain, are `xchar`: see CBytes.
    func atextLength(from start: Int) -> Int {
        extracting(clamp(start)...).withUnsafeBytes { mp_atext_length($0.baseAddress, $0.count) }
    }
    func labelLength(from start: Int) -> Int {
        extracting(clamp(start)...).withUnsafeBytes { mp_label_length($0.baseAddress, $0.count) }
    }
    func xtextLength(from start: Int) -> Int {
        extracting(clamp(start)...).withUnsafeBytes { mp_xtext_length($0.baseAddress, $0.count) }
    }

    /// How many octets at the front are a mailbox of the plain form: see CBytes.
    var mailboxLength: Int { withUnsafeBytes { mp_mailbox_length($0.baseAddress, $0.count) } }

    /// Up to eight octets in capitals as one number, the first in the lowest place; 0 when there are more or none, or a NUL is
    /// among them.
    var packed: UInt64 { withUnsafeBytes { mp_packed($0.baseAddress, $0.count) } }

    /// `offset`, or the end when that lies before it.
    func clamp(_ offset: Int) -> Int { Swift.min(offset, count) }

    /// The range without spaces and tabs at both ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var from = range.lowerBound
        var upTo = range.upperBound
        while from < upTo, self[from] == 32 || self[from] == 9 { from += 1 }
        while from < upTo, self[upTo - 1] == 32 || self[upTo - 1] == 9 { upTo -= 1 }
        return from..<upTo
    }

    /// The first word of the range, up to a space or tab, and what follows behind it without spaces and tabs at its ends.
    func firstWord(_ range: Range<Int>) -> (word: Range<Int>, rest: Range<Int>) {
        let length = extracting(range).withUnsafeBytes { mp_word_length($0.baseAddress, $0.count) }
        let end = range.lowerBound + length
        return (range.lowerBound..<end, end < range.upperBound ? trimmed(end..<range.upperBound) : end..<end)
    }

    /// Without a line end, and whether that was CRLF.
    var lineLength: (length: Int, crlf: Bool) {
        guard count > 0, self[count - 1] == 10 else { return (count, false) }
        return count > 1 && self[count - 2] == 13 ? (count - 2, true) : (count - 1, false)
    }

    /// True when the octets are `word` in any case (ASCII).
    func equalsIgnoringCase(_ word: StaticString) -> Bool {
        count == word.utf8CodeUnitCount && hasPrefixIgnoringCase(word)
    }

    /// True when the octets begin with `word` in any case (ASCII).
    func hasPrefixIgnoringCase(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard count >= length else { return false }
        let expected = word.utf8Start
        return withUnsafeBytes { mp_equal_ignoring_case($0.baseAddress, expected, length) != 0 }
    }

    /// The octets as an unsigned decimal number; nil when it is none or beyond 63 bits.
    var decimal: Int? {
        guard count > 0 else { return nil }
        var value = 0
        var index = 0
        while index < count {
            let octet = self[index]
            guard SMTPGrammar.isDigit(octet) else { return nil }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = product.addingReportingOverflow(Int(octet - 48))
            if over || more { return nil }
            value = sum
            index += 1
        }
        return value
    }

    /// Nothing but letters, all capitals or all small, as a verb is written; base64 hardly ever is.
    var isOfOneCase: Bool {
        var (low, high) = (UInt8.max, UInt8.min)
        for index in 0..<count {
            guard SMTPGrammar.isLetter(self[index]) else { return false }
            low = Swift.min(low, self[index])
            high = Swift.max(high, self[index])
        }
        return low & 32 == high & 32
    }

    /// The octets are `other`.
    func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        var index = 0
        while index < count {
            if self[index] != other[index] { return false }
            index += 1
        }
        return true
    }

    /// The octets as text; broken UTF-8 is replaced. For output only.
    var text: String {
        withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}

/// Octets in a line that are neither printable ASCII nor spaces.
struct SMTPLineOctets: OptionSet, Equatable, Sendable {
    let rawValue: UInt8

    /// An octet beyond ASCII.
    static let nonASCII = SMTPLineOctets(rawValue: 1)
    static let nul = SMTPLineOctets(rawValue: 2)
    /// A CR; the line is without its end, so it is a bare one.
    static let bareCR = SMTPLineOctets(rawValue: 4)
    /// Any other control but HT, or DEL.
    static let control = SMTPLineOctets(rawValue: 8)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `line` is without its line end. Most lines hold nothing else, which is seen many octets at a time.
    init(_ line: Span<UInt8>) {
        let isPlain = line.withUnsafeBytes { mp_is_printable($0.baseAddress, $0.count) != 0 }
        self = isPlain ? [] : Self.classify(line)
    }

    private static func classify(_ octets: Span<UInt8>) -> SMTPLineOctets {
        var found: SMTPLineOctets = []
        var index = 0
        while index < octets.count {
            switch octets[index] {
            case 0: found.insert(.nul)
            case 9, 32...126: break
            case 13: found.insert(.bareCR)
            case 128...255: found.insert(.nonASCII)
            default: found.insert(.control)
            }
            index += 1
        }
        return found
    }
}
