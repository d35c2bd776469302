// The strict reader of structured fields (RFC 5322 §3.2): where `FieldLexer` takes what it can get, this one says what is not as
// the grammar wants it. It reads folded fields as they are and never goes back.

struct FieldReader {
    let bytes: ArraySlice<UInt8>
    var position: Int
    /// Where the first comment begins that is never closed.
    private(set) var openComment: Int?
    /// Where the first quoted string begins that is never closed.
    private(set) var openQuote: Int?
    /// A comment was passed over since this was last set to false.
    var hasComment = false

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var next: UInt8? { position < bytes.endIndex ? bytes[position] : nil }
    var isAtEnd: Bool { position >= bytes.endIndex }

    /// Passes one octet over if it is this one.
    mutating func take(_ octet: UInt8) -> Bool {
        guard next == octet else { return false }
        position += 1
        return true
    }

    /// Passes white space and comments over; true when there was any.
    @discardableResult
    mutating func skip() -> Bool {
        let start = position
        while let octet = next {
            if Octets.isFoldingSpace(octet) {
                position += 1
            } else if octet == UInt8(ascii: "(") {
                skipComment()
            } else {
                break
            }
        }
        return position > start
    }

    private mutating func skipComment() {
        let start = position
        var depth = 0
        hasComment = true
        while let octet = next {
            position += 1
            switch octet {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return }
            case UInt8(ascii: "\\"): if position < bytes.endIndex { position += 1 }
            default: break
            }
        }
        if openComment == nil { openComment = start }
    }

    /// A quoted string or a domain literal: from its first octet to the one that ends it. The range holds both.
    mutating func delimited(by end: UInt8) -> Range<Int> {
        let start = position
        position += 1
        while let octet = next {
            position += 1
            if octet == end { return start..<position }
            if octet == UInt8(ascii: "\\"), position < bytes.endIndex { position += 1 }
        }
        if end == UInt8(ascii: "\""), openQuote == nil { openQuote = start }
        return start..<position
    }

    /// Octets that `belongs` holds of; may be none.
    mutating func run(_ belongs: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = position
        while let octet = next, belongs(octet) { position += 1 }
        return bytes[start..<position]
    }

    /// `atext` (RFC 5322 §3.2.3), with UTF-8 (RFC 6532 §3.2).
    static func isAtext(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "["),
            UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "@"), UInt8(ascii: "\\"),
            UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: "\""), 0...32, 127:
            false
        default: true
        }
    }

    /// `token` characters (RFC 2045 §5.1).
    static func isToken(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "@"),
            UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "\\"), UInt8(ascii: "\""),
            UInt8(ascii: "/"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "?"), UInt8(ascii: "="), 0...32,
            127...255:
            false
        default: true
        }
    }
}
