// A whole response or command of IMAP as the grammar reads it: its lines with the literals between them, one behind the
// other as on the wire.
//
// A text of one line, which most are, shares the octets of its note: nothing is copied. Only when a literal follows are
// the lines put together, so that the readers can walk one stretch of memory. A literal that nobody has to read (a
// message, a secret) is left out: its size stands for it. Values hold no octets but spans, places in their text.

/// Where a value stands in an `IMAPText`, and how it is written there.
package struct IMAPSpan: Equatable, Hashable, Sendable {
    /// How the value is written.
    package enum Form: UInt8, Sendable {
        /// NIL, or nothing at all.
        case none
        /// Bare octets: an atom, a number, the inside of a list, free text.
        case bare
        /// A quoted string without escapes; the span is what stands between the quotes.
        case quoted
        /// A quoted string with backslashes, which `IMAPText.octets(of:)` takes out.
        case escaped
        /// A literal; the span is its octets.
        case literal
        /// A literal whose octets the text does not hold; `count` is the index in `IMAPText.omitted`.
        case omitted
    }

    /// Offset in the text.
    package let start: UInt32
    /// Octets, but see `Form.omitted`.
    package let count: UInt32
    package let form: Form

    /// NIL.
    package static let none = IMAPSpan(start: 0, count: 0, form: .none)

    @inline(__always)
    init(start: UInt32, count: UInt32, form: Form) {
        self.start = start
        self.count = count
        self.form = form
    }

    /// A span of offsets that an `IMAPText` can have: the text's limit keeps them within 32 bits.
    @inline(__always)
    init(_ start: Int, _ end: Int, _ form: Form) {
        self.init(
            start: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: max(end &- start, 0)),
            form: form)
    }

    /// It is NIL or was not there.
    package var isNil: Bool { form == .none }
}

/// A response or command, whole.
package struct IMAPText: Equatable, Sendable {
    /// A literal that is not in `octets`.
    package struct Omitted: Equatable, Sendable {
        /// Where it would stand: right behind the line with its header.
        package let offset: Int
        /// Its octets, as its header says.
        package let size: Int
    }

    /// The lines with their line ends and the literals that were kept.
    package private(set) var octets: ArraySlice<UInt8>
    /// The literals that were not, in order.
    package private(set) var omitted: [Omitted] = []
    /// Something was dropped because the text passed `limit`: it can't be read any more.
    package private(set) var isTruncated = false

    /// Longest text in octets. A response line may have 8 MiB, so that two of them with literals between fit. Beyond it
    /// nobody would read the values, and offsets stay within 32 bits.
    package static let limit = 16_777_216

    /// - Parameter line: the first line, with or without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        octets = line
        if line.count > Self.limit {
            octets = line.prefix(Self.limit)
            isTruncated = true
        }
    }

    /// - Parameter octets: lines and literals as they follow each other on the wire, all literals kept.
    package init(_ octets: [UInt8]) { self.init(octets[...]) }

    /// A line behind a literal, or a piece of a literal that is kept.
    package mutating func append(_ piece: ArraySlice<UInt8>) {
        let room = Self.limit - octets.count
        if piece.count > room { isTruncated = true }
        octets.append(contentsOf: piece.prefix(room))
    }

    /// The literal that follows is not kept: what it holds does not matter, or must not be kept.
    package mutating func omitLiteral(size: Int) {
        guard omitted.count < 1_000_000 else {
            isTruncated = true
            return
        }
        omitted.append(Omitted(offset: octets.count, size: max(size, 0)))
    }

    /// Memory that is this text's own, in octets; a text of one line shares that of its note.
    package var footprint: Int { octets.count + omitted.count * MemoryLayout<Omitted>.stride }

    // MARK: Values

    /// The octets of a value: unquoted, a literal's content. Nil for NIL and for a literal that was not kept.
    package func octets(of span: IMAPSpan) -> ArraySlice<UInt8>? {
        switch span.form {
        case .none, .omitted: return nil
        case .bare, .quoted, .literal: return slice(span)
        case .escaped:
            var out: [UInt8] = []
            let raw = slice(span)
            out.reserveCapacity(raw.count)
            var escaped = false
            for octet in raw {
                if !escaped, octet == UInt8(ascii: "\\") {
                    escaped = true
                } else {
                    out.append(octet)
                    escaped = false
                }
            }
            return out[...]
        }
    }

    /// The value as text, for output: broken UTF-8 is replaced. Nil where `octets(of:)` is nil.
    package func string(_ span: IMAPSpan) -> String? {
        octets(of: span).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The value's size in octets, also when a literal was not kept; 0 for NIL.
    package func size(of span: IMAPSpan) -> Int {
        switch span.form {
        case .none: return 0
        case .bare, .quoted, .literal: return Int(span.count)
        case .escaped: return octets(of: span)?.count ?? 0
        case .omitted:
            let index = Int(span.count)
            return omitted.indices.contains(index) ? omitted[index].size : 0
        }
    }

    /// True when the value is `word`, ASCII letters in either case.
    package func isWord(_ span: IMAPSpan, _ word: StaticString) -> Bool {
        guard let octets = octets(of: span), octets.count == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { expected in
            zip(octets, expected).allSatisfy { IMAPOctet.upper($0) == IMAPOctet.upper($1) }
        }
    }

    /// The text as it stands there, quotes and escapes included as far as the span has them. Empty beyond the text.
    private func slice(_ span: IMAPSpan) -> ArraySlice<UInt8> {
        let from = octets.startIndex + Int(span.start)
        let upTo = from + Int(span.count)
        guard upTo <= octets.endIndex else { return [] }
        return octets[from..<upTo]
    }
}

/// A text may hold a password, and nothing prints it: what prints is its size.
extension IMAPText: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "IMAPText(\(octets.count) octets, \(omitted.count) literals omitted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What single octets are in IMAP's grammar (RFC 9051 §9).
enum IMAPOctet {
    @inline(__always)
    static func upper(_ octet: UInt8) -> UInt8 { octet &- 97 < 26 ? octet & 0xDF : octet }

    @inline(__always)
    static func isDigit(_ octet: UInt8) -> Bool { octet &- 48 < 10 }

    @inline(__always)
    static func isLetter(_ octet: UInt8) -> Bool { (octet | 0x20) &- 97 < 26 }

    /// A bit for each octet below 128, in two words.
    @inline(__always)
    private static func has(_ octet: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
        let word = octet < 64 ? low : octet < 128 ? high : 0
        return word &>> UInt64(octet & 63) & 1 == 1
    }

    // 33...63 without " % ( ) *; 64...126 without \ ] {
    private static let atomLow: UInt64 = 0xFFFF_F8DA_0000_0000
    private static let atomHigh: UInt64 = 0x77FF_FFFF_CFFF_FFFF

    /// ATOM-CHAR: any CHAR but ( ) { SP CTL % * " \ ].
    @inline(__always)
    static func isAtom(_ octet: UInt8) -> Bool { has(octet, atomLow, atomHigh) }

    /// ASTRING-CHAR: ATOM-CHAR or "]".
    @inline(__always)
    static func isAString(_ octet: UInt8) -> Bool { has(octet, atomLow, atomHigh | 1 << 29) }

    /// list-char: ASTRING-CHAR or % or *.
    @inline(__always)
    static func isList(_ octet: UInt8) -> Bool { has(octet, atomLow | 1 << 37 | 1 << 42, atomHigh | 1 << 29) }

    /// What ends a bare word whatever its kind: SP ( ) " and what no line holds.
    @inline(__always)
    static func endsWord(_ octet: UInt8) -> Bool {
        octet <= 32 || octet == UInt8(ascii: "(") || octet == UInt8(ascii: ")") || octet == UInt8(ascii: "\"")
    }
}
