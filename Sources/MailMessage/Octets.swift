// Small operations on octets that all parsers of this module share. Mail is octets until proven text: a `String` made of
// wire data costs time and loses what is not UTF-8.

import CBytes

/// Kinds of octets that a judge of lines looks for.
struct OctetKinds: OptionSet, Sendable {
    let rawValue: UInt32

    static let nul = OctetKinds(rawValue: 1)
    static let cr = OctetKinds(rawValue: 2)
    static let eightBit = OctetKinds(rawValue: 4)
    /// A control character other than NUL, TAB, LF and CR.
    static let control = OctetKinds(rawValue: 8)
    static let equals = OctetKinds(rawValue: 16)
}

enum Octets {
    static let lf = UInt8(ascii: "\n")
    static let cr = UInt8(ascii: "\r")

    /// Index of the first `octet`, nil when there is none.
    static func find(_ octet: UInt8, in bytes: ArraySlice<UInt8>) -> Int? {
        let offset = bytes.withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, octet) }
        return offset < 0 ? nil : bytes.startIndex + offset
    }

    /// Index of the first occurrence of `needle`, nil when there is none.
    static func find(_ needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        if needle.isEmpty { return bytes.startIndex }
        let offset = bytes.withUnsafeBytes { hay in
            needle.withUnsafeBytes { needle in
                guard let start = needle.baseAddress else { return -1 }
                return mp_find_bytes(hay.baseAddress, hay.count, start, needle.count)
            }
        }
        return offset < 0 ? nil : bytes.startIndex + offset
    }

    /// How often `octet` occurs.
    static func count(_ octet: UInt8, in bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { Int(mp_count_byte($0.baseAddress, $0.count, octet)) }
    }

    /// Which kinds of octets occur.
    static func kinds(_ bytes: ArraySlice<UInt8>) -> OctetKinds {
        bytes.withUnsafeBytes { OctetKinds(rawValue: mp_octet_kinds($0.baseAddress, $0.count)) }
    }

    /// Index behind the line that begins at `start`: behind its LF, or the end.
    static func endOfLine(from start: Int, in bytes: ArraySlice<UInt8>) -> Int {
        guard let feed = find(lf, in: bytes[start...]) else { return bytes.endIndex }
        return feed + 1
    }

    /// The line without its CRLF or LF.
    static func withoutLineEnd(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard line.last == lf else { return line }
        let body = line.dropLast()
        return body.last == cr ? body.dropLast() : body
    }

    static func isSpace(_ octet: UInt8) -> Bool {
        octet == UInt8(ascii: " ") || octet == UInt8(ascii: "\t")
    }

    /// White space as it stands in a field that is still folded.
    static func isFoldingSpace(_ octet: UInt8) -> Bool {
        isSpace(octet) || octet == cr || octet == lf
    }

    static func isDigit(_ octet: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= octet
    }

    static func isLetter(_ octet: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= lower(octet)
    }

    /// ASCII lower case; other octets stay.
    static func lower(_ octet: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= octet ? octet | 0x20 : octet
    }

    static func equalIgnoringCase(_ one: some Collection<UInt8>, _ other: some Collection<UInt8>) -> Bool {
        one.count == other.count && one.elementsEqual(other) { lower($0) == lower($1) }
    }

    /// The octets begin with a word that is in lower case, ASCII letters of either case alike.
    static func begins(_ octets: Slice<UnsafeRawBufferPointer>, _ word: [UInt8]) -> Bool {
        guard octets.count >= word.count else { return false }
        for (octet, letter) in zip(octets, word) where lower(octet) != letter { return false }
        return true
    }

    /// Without folding white space at both ends.
    static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var start = bytes.startIndex
        var end = bytes.endIndex
        while start < end, isFoldingSpace(bytes[start]) { start += 1 }
        while end > start, isFoldingSpace(bytes[end - 1]) { end -= 1 }
        return bytes[start..<end]
    }

    /// Lower-case text of a token.
    static func lowerText(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.map(lower), as: UTF8.self)
    }

    /// Value of a hexadecimal digit.
    static func hex(_ octet: UInt8) -> UInt8? {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): octet - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): octet - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// A decimal number of 1 to `maximum` digits and nothing else.
    static func number(_ bytes: ArraySlice<UInt8>, maximum: Int = 9) -> Int? {
        guard !bytes.isEmpty, bytes.count <= maximum, bytes.allSatisfy(isDigit) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
}
