// What stands in the place of text that people wrote. It depends on nothing but the place in the line and the kind of each octet, so that a line
// becomes the same whether it comes in a whole message, in a part or in a piece of one, and says nothing of what stood there.

import MailMessage

/// Lines of bodies.
enum BodyFiller {
    /// 171 octets, a multiple of three: in base64 it begins anew without padding.
    private static let text = Array(
        """
        lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua ut enim ad minim veniam \
        quis nostrud exercitation 
        """.utf8)
    private static let filler: [UInt8] = Array(text.prefix(text.count / 3 * 3))
    private static let encoded = Base64.encode(filler)

    /// The marks of all that may be left of its words when something stays in the middle of them.
    static let marks: Set<UInt64> = {
        var marks: Set<UInt64> = []
        for word in (filler + filler).split(separator: 32) {
            for from in word.indices {
                for end in (from + 1)...word.endIndex { marks.insert(AnonymousWords.Mark.of(word[from..<end])) }
            }
        }
        // What is replaced by itself.
        for count in 1...256 {
            marks.insert(AnonymousWords.Mark.of(ArraySlice(repeating: UInt8(ascii: "x"), count: count)))
        }
        return marks
    }()

    /// Appends what stands for a line of text, without its end.
    ///
    /// Blanks, quotation marks and a dot at its front stay, blanks at its end, bare CRs, NULs, and what is encoded stays encoded: `=41` becomes
    /// another letter, `=C3=A9` another character of two octets.
    static func appendText(_ line: ArraySlice<UInt8>, to out: inout [UInt8]) {
        var index = line.startIndex
        var end = line.endIndex
        while index < end, isFront(line[index]) || (line[index] == 46 && index == line.startIndex) {
            out.append(line[index])
            index += 1
        }
        while end > index, line[end - 1] == 32 || line[end - 1] == 9 { end -= 1 }
        var place = 0
        while index < end {
            let octet = line[index]
            var width = 1
            switch octet {
            case 61:
                if let coded = coded(line[index..<end]) {
                    append(coded, to: &out)
                    width = coded.octets.count * 3
                } else {
                    out.append(octet)
                }
            case 9, 32..<127:
                let letter = filler[place % filler.count]
                // No line gets a blank at its end, where there was none.
                out.append(letter == 32 && index + 1 == end ? 45 : letter)
            case 0, 13, 127: out.append(octet)
            case 1..<32: out.append(1)
            default:
                width = UTF8Scalar.read(line[..<end], at: index)?.width ?? 1
                out += character(width)
            }
            index += width
            place += width
        }
        out += line[end...]
    }

    /// Appends what stands for a line of base64 digits: base64 of text, with as many octets.
    static func appendBase64(_ whole: ArraySlice<UInt8>, to out: inout [UInt8]) {
        let line = whole.dropLast(whole.reversed().prefix { isBlank($0) }.count)
        defer { out += whole[line.endIndex...] }
        let pads = line.reversed().prefix { $0 == 61 }.count
        let count = line.count - pads
        for place in 0..<count { out.append(encoded[place % encoded.count]) }
        // The bits behind the last octet are zero (RFC 4648 §3.5).
        if pads > 0, count & 3 > 1, let last = out.last, let value = Base64.value(of: last) {
            out[out.count - 1] = digit(value & (count & 3 == 2 ? ~15 : ~3))
        }
        out += line.suffix(pads)
    }

    /// Nothing but base64 digits, and at most two pad characters at its end; blanks behind them.
    static func isBase64(_ whole: ArraySlice<UInt8>) -> Bool {
        let line = whole.dropLast(whole.reversed().prefix { isBlank($0) }.count)
        let pads = line.reversed().prefix { $0 == 61 }.count
        let digits = line.dropLast(pads)
        return pads < 3 && !digits.isEmpty && digits.allSatisfy { Base64.value(of: $0) != nil }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: value + 65
        case 26..<52: value - 26 + 97
        case 52..<62: value - 52 + 48
        case 62: 43
        default: 47
        }
    }

    /// Blanks, and a bare CR.
    private static func isBlank(_ octet: UInt8) -> Bool { octet == 32 || octet == 9 || octet == 13 }

    private static func isFront(_ octet: UInt8) -> Bool { octet == 32 || octet == 9 || octet == 62 }

    /// A character of so many octets in UTF-8; one octet is a letter of Latin-1.
    private static func character(_ width: Int) -> [UInt8] {
        switch width {
        case 2: [0xC3, 0xA9]
        case 3: [0xE2, 0x82, 0xAC]
        case 4: [0xF0, 0x9F, 0x98, 0x80]
        default: [0xE9]
        }
    }

    // MARK: Quoted-printable (RFC 2045 §6.7)

    private struct Coded {
        /// What stands for the octets.
        var octets: [UInt8]
        /// The digits as they were, whose case stays.
        var digits: ArraySlice<UInt8>
    }

    /// The encoded character at the front of `text`.
    private static func coded(_ text: ArraySlice<UInt8>) -> Coded? {
        var octets: [UInt8] = []
        var index = text.startIndex
        var length = 1
        while octets.count < length, let octet = HexPair.octet(text, at: index) {
            if octets.isEmpty { length = octet < 0xC2 ? 1 : octet < 0xE0 ? 2 : octet < 0xF0 ? 3 : 4 }
            octets.append(octet)
            index += 3
        }
        guard let first = octets.first else { return nil }
        let made: [UInt8]
        switch first {
        // Blanks, controls and the sign itself say something of the line, and nothing of the text.
        case 0..<33, 61, 127: made = [first]
        case 33..<127: made = [UInt8(ascii: "l")]
        default: made = character(UTF8Scalar.read(octets[...], at: 0)?.width ?? 1)
        }
        return Coded(octets: made, digits: text.prefix(made.count * 3))
    }

    private static func append(_ coded: Coded, to out: inout [UInt8]) {
        for (place, octet) in coded.octets.enumerated() {
            let start = coded.digits.startIndex + place * 3
            out.append(61)
            HexPair.append(octet, like: coded.digits[(start + 1)..<(start + 3)], to: &out)
        }
    }
}

/// Two hexadecimal digits behind a mark.
enum HexPair {
    /// The octet that the digits behind the mark (`=`, `%`, `+`) at `index` stand for.
    static func octet(_ text: ArraySlice<UInt8>, at index: Int) -> UInt8? {
        guard index >= text.startIndex, index + 2 < text.endIndex, [37, 43, 61].contains(text[index]),
            let high = value(text[index + 1]), let low = value(text[index + 2])
        else { return nil }
        return high << 4 | low
    }

    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 65...70: digit - 55
        case 97...102: digit - 87
        default: nil
        }
    }

    /// Appends two digits, small where those that stood there were.
    static func append(_ octet: UInt8, like digits: ArraySlice<UInt8>, to out: inout [UInt8]) {
        let isSmall = digits.contains { $0 >= 97 }
        for value in [octet >> 4, octet & 15] { out.append(value < 10 ? 48 + value : (isSmall ? 87 : 55) + value) }
    }
}
