// Cuts an expression into tokens.

/// A piece of an expression.
struct Token: Equatable {
    enum Kind: Equatable {
        /// A field name or a word of the language.
        case word(String)
        /// A string; each octet with the offset from which it came.
        case string([UInt8], offsets: [Int])
        /// A number as it was written.
        case number(String)
        /// `( ) { } [ ] , == != < <= > >= ! && ||`
        case symbol(String)
        case end
    }

    let kind: Kind
    /// Offset of its first octet.
    let offset: Int

    /// How an error names it.
    var shown: String {
        switch kind {
        case .word(let word): "'\(word)'"
        case .string: "a string"
        case .number(let digits): "'\(digits)'"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end"
        }
    }
}

/// The tokens of an expression.
struct Lexer {
    let text: [UInt8]
    private var at = 0

    init(_ text: [UInt8]) { self.text = text }

    static func tokens(_ text: [UInt8]) throws(ExpressionError) -> [Token] {
        var lexer = Lexer(text)
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private var current: UInt8? { at < text.count ? text[at] : nil }

    private func error(_ message: String, at offset: Int) -> ExpressionError {
        ExpressionError(message, at: offset, in: text)
    }

    private mutating func next() throws(ExpressionError) -> Token {
        while let octet = current, octet == 32 || (9...13).contains(octet) { at += 1 }
        let start = at
        guard let octet = current else { return Token(kind: .end, offset: start) }
        if octet == UInt8(ascii: "\"") { return try string(start, raw: false) }
        if octet == UInt8(ascii: "r"), at + 1 < text.count, text[at + 1] == UInt8(ascii: "\"") {
            at += 1
            return try string(start, raw: true)
        }
        if Self.isDigit(octet) { return number(start) }
        if Self.isLetter(octet) {
            while let octet = current, Self.isLetter(octet) || Self.isDigit(octet) || octet == UInt8(ascii: ".") {
                at += 1
            }
            return Token(kind: .word(String(decoding: text[start..<at], as: UTF8.self)), offset: start)
        }
        let pair = String(decoding: text[at..<min(at + 2, text.count)], as: UTF8.self)
        if ["==", "!=", "<=", ">=", "&&", "||"].contains(pair) {
            at += 2
            return Token(kind: .symbol(pair), offset: start)
        }
        let single = String(decoding: [octet], as: UTF8.self)
        if ["(", ")", "{", "}", "[", "]", ",", "<", ">", "!"].contains(single) {
            at += 1
            return Token(kind: .symbol(single), offset: start)
        }
        switch single {
        case "=": throw error("'=' compares nothing; write '=='", at: start)
        case "'": throw error("strings stand in double quotes", at: start)
        default: throw error("'\(character(at: start))' has no meaning here; a text stands in double quotes", at: start)
        }
    }

    private func character(at offset: Int) -> String {
        var end = offset + 1
        while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
        return String(decoding: text[offset..<end], as: UTF8.self)
    }

    private mutating func number(_ start: Int) -> Token {
        while let octet = current, Self.isDigit(octet) { at += 1 }
        if current == UInt8(ascii: "."), at + 1 < text.count, Self.isDigit(text[at + 1]) {
            at += 1
            while let octet = current, Self.isDigit(octet) { at += 1 }
        }
        return Token(kind: .number(String(decoding: text[start..<at], as: UTF8.self)), offset: start)
    }

    private mutating func string(_ start: Int, raw: Bool) throws(ExpressionError) -> Token {
        at += 1
        var octets: [UInt8] = []
        var offsets: [Int] = []
        while let octet = current {
            let from = at
            at += 1
            if octet == UInt8(ascii: "\"") {
                offsets.append(from)
                return Token(kind: .string(octets, offsets: offsets), offset: start)
            }
            var value = octet
            if octet == UInt8(ascii: "\\"), !raw { value = try escape(from) }
            octets.append(value)
            offsets.append(from)
        }
        throw error("the string has no end", at: start)
    }

    private mutating func escape(_ from: Int) throws(ExpressionError) -> UInt8 {
        guard let octet = current else { throw error("the string has no end", at: from) }
        at += 1
        switch octet {
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): return octet
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "x"):
            let digits = String(decoding: text[at..<min(at + 2, text.count)], as: UTF8.self)
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16), digits.first != "+" else {
                throw error("\\x needs two hexadecimal digits", at: from)
            }
            at += 2
            return value
        default:
            let shown = character(at: from + 1)
            throw error("\\\(shown) is no escape; a backslash is written \\\\, or the string r\"…\"", at: from)
        }
    }

    private static func isDigit(_ octet: UInt8) -> Bool { octet >= 48 && octet <= 57 }
    private static func isLetter(_ octet: UInt8) -> Bool {
        (octet >= 65 && octet <= 90) || (octet >= 97 && octet <= 122) || octet == UInt8(ascii: "_")
    }
}
