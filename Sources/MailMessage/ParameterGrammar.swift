// Whether Content-Type and Content-Disposition are as RFC 2045 §5.1 and RFC 2183 §2 want them. `MediaType` and `MIMEParameter`
// read whatever comes; this judges.

/// What a strict reading of such a field finds. Offsets are indices into the field.
struct ParameterGrammar {
    /// A parameter as it is written.
    struct Parameter {
        /// In lower case, with the marks of RFC 2231.
        let name: String
        let value: [UInt8]
        let offset: Int
        let isQuoted: Bool
    }

    /// The value before the parameters is as it should be.
    private(set) var hasValue = false
    private(set) var parameters: [Parameter] = []
    /// The first place that is no parameter.
    private(set) var broken: Int?
    /// The first semicolon with nothing behind it.
    private(set) var empty: Int?
    /// The first value that should be quoted.
    private(set) var unquoted: Int?
    private(set) var openComment: Int?
    private(set) var openQuote: Int?

    private var reader: FieldReader

    /// - Parameter hasSubtype: the value is a type, a slash and a subtype; else it is one token.
    init(_ body: ArraySlice<UInt8>, hasSubtype: Bool) {
        reader = FieldReader(body)
        hasValue = readValue(hasSubtype: hasSubtype)
        if !hasValue { skipToSemicolon() }
        while !reader.isAtEnd { readParameter() }
        openComment = reader.openComment
        openQuote = reader.openQuote
    }

    private mutating func readValue(hasSubtype: Bool) -> Bool {
        guard word() != nil else { return false }
        if hasSubtype {
            guard reader.take(UInt8(ascii: "/")), word() != nil else { return false }
        }
        return reader.isAtEnd || reader.next == UInt8(ascii: ";")
    }

    /// A token with white space and comments around it.
    private mutating func word() -> ArraySlice<UInt8>? {
        reader.skip()
        let word = reader.run(FieldReader.isToken)
        reader.skip()
        return word.isEmpty ? nil : word
    }

    private mutating func skipToSemicolon() {
        while let octet = reader.next, octet != UInt8(ascii: ";") {
            switch octet {
            case UInt8(ascii: "("): reader.skip()
            case UInt8(ascii: "\""): _ = reader.delimited(by: octet)
            default: reader.position += 1
            }
        }
    }

    private mutating func breaks(at place: Int) {
        if broken == nil { broken = place }
    }

    private mutating func readParameter() {
        let start = reader.position
        guard reader.take(UInt8(ascii: ";")) else {
            breaks(at: start)
            return skipToSemicolon()
        }
        reader.skip()
        guard let octet = reader.next, octet != UInt8(ascii: ";") else {
            if empty == nil { empty = start }
            return
        }
        let place = reader.position
        guard let name = word(), reader.take(UInt8(ascii: "=")) else {
            breaks(at: place)
            return skipToSemicolon()
        }
        reader.skip()
        let valueAt = reader.position
        var value: [UInt8] = []
        var isQuoted = false
        if reader.next == UInt8(ascii: "\"") {
            isQuoted = true
            value = ParameterGrammar.unquoted(reader.bytes[reader.delimited(by: UInt8(ascii: "\""))])
        } else {
            value = Array(reader.run(FieldReader.isToken))
            if let octet = reader.next, octet != UInt8(ascii: ";"), !Octets.isFoldingSpace(octet),
                octet != UInt8(ascii: "(")
            {
                if unquoted == nil { unquoted = valueAt }
                value += reader.run { $0 != UInt8(ascii: ";") && !Octets.isFoldingSpace($0) }
            } else if value.isEmpty {
                breaks(at: valueAt)
            }
        }
        parameters.append(
            Parameter(name: Octets.lowerText(name), value: value, offset: place, isQuoted: isQuoted))
        reader.skip()
        if let octet = reader.next, octet != UInt8(ascii: ";") {
            breaks(at: reader.position)
            skipToSemicolon()
        }
    }

    private static func unquoted(_ quoted: ArraySlice<UInt8>) -> [UInt8] {
        var lexer = FieldLexer(quoted)
        return lexer.readQuoted()
    }
}

/// The rules for the names of parameters: each once, sections without gaps (RFC 2231 §3), marks in order (§4).
struct ParameterRules {
    private struct Sections {
        var numbers: Set<Int> = []
        var offset: Int
    }

    /// Sections of a value that are looked at; more say nothing new.
    private static let maximumNumber = 99_999

    /// - Parameter base: the offset in the message of index 0 of the field.
    static func judge(_ parameters: [ParameterGrammar.Parameter], base: Int, _ book: inout FlawBook) {
        var names: Set<String> = []
        var sections: [String: Sections] = [:]
        for parameter in parameters {
            let offset = base + parameter.offset
            if !names.insert(parameter.name).inserted {
                book.note(parameter.name == "boundary" ? .twoBoundaries : .twoParameters, at: offset)
            }
            judge(parameter, offset, &sections, &book)
            if hasEncodedWord(parameter.value) { book.note(.encodedWordParameter, at: offset) }
        }
        for found in sections.values {
            // From 0 without gaps, the highest number says how many there are.
            let highest = found.numbers.max() ?? 0
            if highest != found.numbers.count - 1 { book.note(.badContinuation, at: found.offset) }
        }
    }

    private static func judge(
        _ parameter: ParameterGrammar.Parameter, _ offset: Int, _ sections: inout [String: Sections],
        _ book: inout FlawBook
    ) {
        let name = Array(parameter.name.utf8)
        guard let star = Octets.find(UInt8(ascii: "*"), in: name[...]) else { return }
        var marks = name[(star + 1)...]
        // `name*`, `name*0`, `name*0*`.
        let isEncoded = marks.isEmpty || marks.last == UInt8(ascii: "*")
        if marks.last == UInt8(ascii: "*") { marks.removeLast() }
        var isFirst = true
        if !marks.isEmpty {
            guard let number = Octets.number(marks), number <= maximumNumber,
                marks.count == 1 || marks.first != UInt8(ascii: "0")
            else { return book.note(.badContinuation, at: offset) }
            isFirst = number == 0
            let base = String(decoding: name[..<star], as: UTF8.self)
            sections[base, default: Sections(offset: offset)].numbers.insert(number)
        } else if name.last != UInt8(ascii: "*") || name.count - star != 1 {
            return book.note(.badContinuation, at: offset)
        }
        if isEncoded, !isExtended(parameter.value, hasMarks: isFirst) { book.note(.badExtendedValue, at: offset) }
    }

    /// `charset'language'` at the beginning where it belongs, percent signs with two digits.
    private static func isExtended(_ value: [UInt8], hasMarks: Bool) -> Bool {
        let mark = UInt8(ascii: "'")
        if hasMarks {
            guard let one = Octets.find(mark, in: value[...]), Octets.find(mark, in: value[(one + 1)...]) != nil else {
                return false
            }
        }
        var rest = value[...]
        while let percent = Octets.find(UInt8(ascii: "%"), in: rest) {
            guard rest.endIndex - percent > 2, Octets.hex(rest[percent + 1]) != nil,
                Octets.hex(rest[percent + 2]) != nil
            else { return false }
            rest = rest[(percent + 3)...]
        }
        return true
    }

    /// A whole encoded word stands in the value.
    static func hasEncodedWord(_ value: [UInt8]) -> Bool {
        guard Octets.find(UInt8(ascii: "?"), in: value[...]) != nil else { return false }
        return EncodedWord.isFound(in: value[...])
    }
}
