// Characters as digits. A word is replaced by one that has a character of the same kind in each place: a letter for a letter, a digit for a
// digit, a character of two octets for one of two octets. So the length stays in every encoding, and what is valid stays valid.

/// A character of a word: its alphabet, its place in it, and its case.
struct Glyph: Equatable, Sendable {
    /// The alphabet, by number.
    let alphabet: UInt32
    /// How many characters the alphabet has.
    let radix: UInt32
    /// The place in the alphabet.
    var digit: UInt32
    let isUpper: Bool
    /// Octets that it takes where it stands.
    let width: Int

    /// Alphabets with a table of their own: first scalar of the lower case, first of the upper case, count.
    private static let tables: [(lower: UInt32, upper: UInt32?, count: UInt32)] = [
        (97, 65, 26),  // a-z
        (48, nil, 10),  // 0-9
        (0xE0, 0xC0, 31),  // Latin-1; U+00F7 is no letter and has no place
        (0x430, 0x410, 32),  // Cyrillic
        (0x3B1, nil, 25),  // Greek, lower
        (0x391, nil, 17),  // Greek, upper, up to rho
        (0x3A3, nil, 7),  // Greek, upper, from sigma
        (0x100, nil, 128),  // Latin Extended-A
        (0x5D0, nil, 27),  // Hebrew
        (0x621, nil, 26),  // Arabic
        (0x3041, nil, 86),  // Hiragana
        (0x30A1, nil, 90),  // Katakana
        (0x4E00, nil, 0x5200),  // ideographs
        (0xAC00, nil, 11_172),  // Hangul
    ]
    /// All other characters are replaced by one of the sixteen with the same upper bits.
    private static let blocks: UInt32 = 0x1000_0000
    /// The digit of U+00F7 in the table of Latin-1.
    private static let division: UInt32 = 0x17

    /// The character at `index`, and how many octets it takes; no character where what stands there is a separator.
    static func next(_ text: ArraySlice<UInt8>, at index: Int) -> (glyph: Glyph?, width: Int) {
        let octet = text[index]
        switch octet {
        case 97...122: return (Glyph(alphabet: 0, radix: 26, digit: UInt32(octet) - 97, isUpper: false, width: 1), 1)
        case 65...90: return (Glyph(alphabet: 0, radix: 26, digit: UInt32(octet) - 65, isUpper: true, width: 1), 1)
        case 48...57: return (Glyph(alphabet: 1, radix: 10, digit: UInt32(octet) - 48, isUpper: false, width: 1), 1)
        case 0..<128: return (nil, 1)
        default: break
        }
        guard let (scalar, width) = UTF8Scalar.read(text, at: index) else {
            // An octet of another charset: those that are letters in most of them are taken for Latin-1.
            return octet >= 0xC0 ? (of(UInt32(octet), width: 1), 1) : (nil, 1)
        }
        return (of(scalar, width: width), width)
    }

    /// Nil for punctuation, which stays.
    private static func of(_ scalar: UInt32, width: Int) -> Glyph? {
        switch scalar {
        case 0x80...0xBF, 0xD7, 0xF7, 0x2000...0x206F, 0x3000...0x303F, 0xFE00...0xFE0F, 0xFEFF, 0xFF00...0xFF0F:
            return nil
        case 0xC0...0xFF:
            let isUpper = scalar < 0xE0 && scalar != 0xDF
            let place = scalar == 0xDF ? 31 : scalar == 0xFF ? 32 : scalar & 31
            // Two letters have no counterpart of the other case in Latin-1: they are exchanged, or not.
            if place >= 31 { return Glyph(alphabet: 98, radix: 2, digit: place - 31, isUpper: false, width: width) }
            // Without the gap.
            let digit = place > division ? place - 1 : place
            return Glyph(alphabet: 2, radix: 30, digit: digit, isUpper: isUpper, width: width)
        default: break
        }
        for (number, table) in tables.enumerated().dropFirst(3) {
            if scalar >= table.lower, scalar - table.lower < table.count {
                return Glyph(
                    alphabet: UInt32(number), radix: table.count, digit: scalar - table.lower, isUpper: false,
                    width: width)
            }
            if let upper = table.upper, scalar >= upper, scalar - upper < table.count {
                return Glyph(
                    alphabet: UInt32(number), radix: table.count, digit: scalar - upper, isUpper: true, width: width)
            }
        }
        return Glyph(alphabet: blocks | scalar >> 4, radix: 16, digit: scalar & 15, isUpper: false, width: width)
    }

    /// Appends it as it stands on the wire.
    func write(to out: inout [UInt8]) {
        let scalar: UInt32
        switch alphabet {
        case 2:
            let place = digit >= Self.division ? digit + 1 : digit
            scalar = (isUpper ? 0xC0 : 0xE0) + place
        case 98: scalar = digit == 0 ? 0xDF : 0xFF
        case _ where alphabet >= Self.blocks: scalar = (alphabet & ~Self.blocks) << 4 | digit
        default:
            guard Int(alphabet) < Self.tables.count else { return }
            let table = Self.tables[Int(alphabet)]
            scalar = (isUpper ? table.upper ?? table.lower : table.lower) + digit
        }
        if width == 1 { out.append(UInt8(truncatingIfNeeded: scalar)) } else { UTF8Scalar.write(scalar, to: &out) }
    }
}

/// UTF-8 of single characters (RFC 3629 §3).
enum UTF8Scalar {
    /// The character at `index` when it is well-formed, with its octets.
    static func read(_ text: ArraySlice<UInt8>, at index: Int) -> (scalar: UInt32, width: Int)? {
        let first = text[index]
        let width: Int
        var scalar: UInt32
        switch first {
        case 0..<0x80: return (UInt32(first), 1)
        case 0xC2...0xDF: (width, scalar) = (2, UInt32(first & 0x1F))
        case 0xE0...0xEF: (width, scalar) = (3, UInt32(first & 0x0F))
        case 0xF0...0xF4: (width, scalar) = (4, UInt32(first & 0x07))
        default: return nil
        }
        guard text.endIndex - index >= width else { return nil }
        for place in (index + 1)..<(index + width) {
            guard text[place] & 0xC0 == 0x80 else { return nil }
            scalar = scalar << 6 | UInt32(text[place] & 0x3F)
        }
        let least: UInt32 = width == 2 ? 0x80 : width == 3 ? 0x800 : 0x10000
        guard scalar >= least, scalar <= 0x10FFFF, !(0xD800...0xDFFF).contains(scalar) else { return nil }
        return (scalar, width)
    }

    static func write(_ scalar: UInt32, to out: inout [UInt8]) {
        func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift & 0x3F) }
        switch scalar {
        case 0..<0x80: out.append(UInt8(truncatingIfNeeded: scalar))
        case 0..<0x800: out += [0xC0 | UInt8(truncatingIfNeeded: scalar >> 6), tail(0)]
        case 0..<0x10000: out += [0xE0 | UInt8(truncatingIfNeeded: scalar >> 12), tail(6), tail(0)]
        default: out += [0xF0 | UInt8(truncatingIfNeeded: scalar >> 18 & 7), tail(12), tail(6), tail(0)]
        }
    }
}
