// SASLprep (RFC 4013): what makes two ways of typing a name or password one. Its data are of Unicode 3.2, as RFC 3454 has it,
// and stand in StringprepTables.swift; they are read when the first text beyond ASCII comes.
//
// Code points that Unicode 3.2 did not have yet stay as they are: RFC 4013 §2.5 allows them in queries. That they are not to be
// stored is not held against a password, which works with them all the same.

/// The steps of RFC 3454 §3 with what RFC 4013 §2 chooses for them.
enum Stringprep {
    /// The text prepared; nil when it holds what is prohibited (RFC 4013 §2.3) or mixes directions (§2.4).
    static func saslprep(_ text: String) -> String? {
        // Of ASCII all stays but control characters, which are prohibited.
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            return text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } ? text : nil
        }
        var mapped: [UInt32] = []
        for scalar in text.unicodeScalars {
            if spaces.holds(scalar.value) {
                mapped.append(0x20)
            } else if !nothing.holds(scalar.value) {
                mapped.append(scalar.value)
            }
        }
        let out = formKC(mapped)
        if out.contains(where: prohibited.holds) || mixesDirections(out) { return nil }
        var scalars = String.UnicodeScalarView()
        for value in out {
            guard let scalar = Unicode.Scalar(value) else { return nil }
            scalars.append(scalar)
        }
        return String(scalars)
    }

    /// RFC 3454 §6: text with characters from right to left has none from left to right, and begins and ends with such.
    private static func mixesDirections(_ text: [UInt32]) -> Bool {
        guard text.contains(where: rightToLeft.holds) else { return false }
        let isEnclosed = [text.first, text.last].allSatisfy { $0.map(rightToLeft.holds) ?? true }
        return !isEnclosed || text.contains(where: leftToRight.holds)
    }

    // MARK: Normalisation form KC (Unicode Standard Annex 15)

    /// The text in form KC.
    static func formKC(_ text: [UInt32]) -> [UInt32] {
        var apart: [UInt32] = []
        for value in text { decompose(value, into: &apart) }
        return composed(ordered(apart))
    }

    private static func decompose(_ value: UInt32, into out: inout [UInt32]) {
        if let syllable = Hangul.index(value) {
            out.append(Hangul.firstLead + syllable / (Hangul.vowels * Hangul.trails))
            out.append(Hangul.firstVowel + syllable % (Hangul.vowels * Hangul.trails) / Hangul.trails)
            let trail = syllable % Hangul.trails
            if trail > 0 { out.append(Hangul.beforeTrails + trail) }
            return
        }
        var low = 0
        var high = decompositions.count
        while low < high {
            let middle = (low + high) / 2
            if decompositions[middle].first > value { high = middle } else { low = middle + 1 }
        }
        guard low > 0 else { return out.append(value) }
        let found = decompositions[low - 1]
        let offset = value - found.first
        if found.count == 1, offset == 0 {
            out += found.whole
        } else if offset < found.count, let start = found.whole.first {
            out.append(start + offset)
        } else {
            out.append(value)
        }
    }

    /// Marks that follow each other in the order of their combining classes; those of the same class stay as they stood.
    private static func ordered(_ text: [UInt32]) -> [UInt32] {
        var out = text
        var start = 0
        while start < out.count {
            var marks: [(class: UInt32, place: Int, value: UInt32)] = []
            while start + marks.count < out.count {
                let value = out[start + marks.count]
                let combining = combiningClass(value)
                if combining == 0 { break }
                marks.append((combining, marks.count, value))
            }
            if marks.count > 1 {
                marks.sort { ($0.class, $0.place) < ($1.class, $1.place) }
                out.replaceSubrange(start..<(start + marks.count), with: marks.map(\.value))
            }
            start += marks.count + 1
        }
        return out
    }

    private static func composed(_ text: [UInt32]) -> [UInt32] {
        var out: [UInt32] = []
        var starter: Int?
        // Of the code point before, when it is not the starter itself: one of its class or a higher one stands in the way.
        var last = -1
        for value in text {
            let combining = Int(combiningClass(value))
            if let place = starter, last < combining, let whole = pair(out[place], value) {
                out[place] = whole
                continue
            }
            if combining == 0 { starter = out.count }
            last = combining == 0 ? -1 : combining
            out.append(value)
        }
        return out
    }

    private static func pair(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if let lead = Hangul.lead(first), let vowel = Hangul.vowel(second) {
            return Hangul.first + (lead * Hangul.vowels + vowel) * Hangul.trails
        }
        if let syllable = Hangul.index(first), syllable % Hangul.trails == 0, let trail = Hangul.trail(second) {
            return first + trail
        }
        return compositions[UInt64(first) << 32 | UInt64(second)]
    }

    /// Syllables of Hangul are computed (The Unicode Standard §3.12).
    private enum Hangul {
        static let first: UInt32 = 0xAC00
        static let firstLead: UInt32 = 0x1100
        static let firstVowel: UInt32 = 0x1161
        static let beforeTrails: UInt32 = 0x11A7
        static let vowels: UInt32 = 21
        /// With none.
        static let trails: UInt32 = 28

        static func index(_ value: UInt32) -> UInt32? { place(value, first, 19 * vowels * trails) }
        static func lead(_ value: UInt32) -> UInt32? { place(value, firstLead, 19) }
        static func vowel(_ value: UInt32) -> UInt32? { place(value, firstVowel, vowels) }
        static func trail(_ value: UInt32) -> UInt32? { place(value, beforeTrails + 1, trails - 1).map { $0 + 1 } }

        private static func place(_ value: UInt32, _ start: UInt32, _ count: UInt32) -> UInt32? {
            value >= start && value - start < count ? value - start : nil
        }
    }

    // MARK: Tables

    /// Code points in ranges, in their order.
    struct Ranges: Sendable {
        private var ranges: [ClosedRange<UInt32>] = []

        /// - Parameter text: `gap length` for each range: how many code points are left out since the last one, how many are in
        ///   it.
        init(_ text: StaticString) {
            var end: UInt32 = 0
            var numbers = Numbers(text)
            while let gap = numbers.next(), let length = numbers.next() {
                ranges.append((end &+ gap)...(end &+ gap &+ max(length, 1) &- 1))
                end = end &+ gap &+ length
            }
        }

        func holds(_ value: UInt32) -> Bool {
            var low = 0
            var high = ranges.count
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
            }
            return low < ranges.count && ranges[low].contains(value)
        }
    }

    private static let nothing = Ranges(nothingText)
    private static let spaces = Ranges(spaceText)
    private static let prohibited = Ranges(prohibitedText)
    private static let rightToLeft = Ranges(rightToLeftText)
    private static let leftToRight = Ranges(leftToRightText)

    private static func combiningClass(_ value: UInt32) -> UInt32 { classes[value] ?? 0 }

    /// `gap length class`.
    private static let classes: [UInt32: UInt32] = {
        var classes: [UInt32: UInt32] = [:]
        var end: UInt32 = 0
        var numbers = Numbers(classText)
        while let gap = numbers.next(), let length = numbers.next(), let combining = numbers.next() {
            for value in (end &+ gap)..<(end &+ gap &+ length) { classes[value] = combining }
            end = end &+ gap &+ length
        }
        return classes
    }()

    /// What code points are in form KD.
    struct Decomposition: Sendable {
        /// Of `count` code points the first. One becomes `whole`; of more the first becomes the one in it, the next one that
        /// which follows it, and so on.
        var first: UInt32
        var count: UInt32
        var whole: [UInt32]
    }

    /// In the order of code points. `gap:a.b.c`, or `gap:a*n` for n code points.
    static let decompositions: [Decomposition] = {
        var all: [Decomposition] = []
        var end: UInt32 = 0
        var numbers = Numbers(decompositionText)
        while let gap = numbers.next(), let start = numbers.next() {
            var found = Decomposition(first: end &+ gap, count: 1, whole: [start])
            while numbers.take(UInt8(ascii: ".")), let next = numbers.next() { found.whole.append(next) }
            if numbers.take(UInt8(ascii: "*")), let count = numbers.next() { found.count = count }
            end = found.first &+ found.count
            all.append(found)
        }
        return all
    }()

    /// `gap:first.second`.
    private static let compositions: [UInt64: UInt32] = {
        var all: [UInt64: UInt32] = [:]
        var end: UInt32 = 0
        var numbers = Numbers(compositionText)
        while let gap = numbers.next(), let first = numbers.next(), let second = numbers.next() {
            all[UInt64(first) << 32 | UInt64(second)] = end &+ gap
            end = end &+ gap &+ 1
        }
        return all
    }()

    /// The numbers of a table.
    private struct Numbers {
        private let octets: [UInt8]
        private var at = 0

        init(_ text: StaticString) { octets = text.withUTF8Buffer { Array($0) } }

        /// The next number; what stands before it is passed.
        mutating func next() -> UInt32? {
            while at < octets.count, Self.digit(octets[at]) == nil { at += 1 }
            guard at < octets.count else { return nil }
            var value: UInt32 = 0
            while at < octets.count, let digit = Self.digit(octets[at]) {
                value = value &* 36 &+ digit
                at += 1
            }
            return value
        }

        /// The octet is next, and is passed.
        mutating func take(_ octet: UInt8) -> Bool {
            guard at < octets.count, octets[at] == octet else { return false }
            at += 1
            return true
        }

        private static func digit(_ octet: UInt8) -> UInt32? {
            switch octet {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(octet &- 48)
            case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(octet &- 87)
            default: nil
            }
        }
    }
}
