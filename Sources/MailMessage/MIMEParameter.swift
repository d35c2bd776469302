// Parameters of Content-Type and Content-Disposition (RFC 2045 §5.1), with the continuations and charsets of RFC 2231.

/// A parameter.
package struct MIMEParameter: Equatable, Sendable {
    /// In lower case, without the marks of RFC 2231.
    package let name: String
    /// The value: RFC 2231 continuations joined, percent signs and known charsets decoded to UTF-8; otherwise the octets as sent.
    package let value: [UInt8]
    /// `charset'language'percent-encoded` as it was sent (continuations joined) when the value came so. IMAP servers hand this
    /// form on under the name with a `*`, and clients decode it.
    package let extended: [UInt8]?

    /// The value as a person reads it; encoded words, which do not belong here but are common, are decoded.
    package var text: String { EncodedWord.decode(value[...]) }

    init(name: String, value: [UInt8], extended: [UInt8]? = nil) {
        self.name = name
        self.value = value
        self.extended = extended
    }

    /// Reads `;`-separated parameters up to the end. The first of two with one name counts; one with a charset wins over one without.
    static func parse(_ lexer: inout FieldLexer) -> [MIMEParameter] {
        var sections = ParameterSections()
        while !lexer.isAtEnd {
            lexer.skipSpace()
            if lexer.take(UInt8(ascii: ";")) { continue }
            guard !lexer.isAtEnd else { break }
            let name = lexer.readAtom { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "(") }
            lexer.skipSpace()
            guard lexer.take(UInt8(ascii: "=")) else { continue }
            lexer.skipSpace()
            var value: [UInt8]
            if lexer.next == UInt8(ascii: "\"") {
                value = lexer.readQuoted()
                // Octets between the closing quote and the semicolon belong nowhere.
                lexer.skipSpace()
                if !lexer.isAtParameter { _ = lexer.readBareValue() }
            } else {
                value = lexer.readBareValue()
            }
            while let last = value.last, Octets.isSpace(last) { value.removeLast() }
            sections.add(name: name, value: value)
        }
        return sections.joined()
    }
}

/// Puts the sections of RFC 2231 §3 together.
private struct ParameterSections {
    private struct Section {
        let value: [UInt8]
        let isEncoded: Bool
    }

    private struct Entry {
        let name: String
        var plain: [UInt8]?
        var sections: [Int: Section] = [:]
    }

    private var entries: [Entry] = []
    private var index: [String: Int] = [:]

    mutating func add(name: ArraySlice<UInt8>, value: [UInt8]) {
        var base = name
        let star = UInt8(ascii: "*")
        let isEncoded = base.last == star
        if isEncoded { base.removeLast() }
        var number: Int? = isEncoded ? 0 : nil
        if let mark = Octets.find(star, in: base), let section = Octets.number(base[(mark + 1)...], maximum: 5) {
            number = section
            base = base[..<mark]
        }
        let key = Octets.lowerText(base)
        let at: Int
        if let known = index[key] {
            at = known
        } else {
            at = entries.count
            index[key] = at
            entries.append(Entry(name: key))
        }
        if let number {
            if entries[at].sections[number] == nil {
                entries[at].sections[number] = Section(value: value, isEncoded: isEncoded)
            }
        } else if entries[at].plain == nil {
            entries[at].plain = value
        }
    }

    func joined() -> [MIMEParameter] {
        entries.compactMap { entry in
            guard let first = entry.sections[0] else {
                return entry.plain.map { MIMEParameter(name: entry.name, value: $0) }
            }
            var parts = [first]
            while let next = entry.sections[parts.count] { parts.append(next) }
            guard first.isEncoded else {
                return MIMEParameter(
                    name: entry.name, value: parts.flatMap { $0.isEncoded ? percentDecoded($0.value[...]) : $0.value })
            }
            return decoded(parts, first: first, name: entry.name)
        }
    }

    private func decoded(_ parts: [Section], first: Section, name: String) -> MIMEParameter {
        let mark = UInt8(ascii: "'")
        var label = first.value[..<0]
        var start = first.value.startIndex
        if let one = Octets.find(mark, in: first.value[...]), let two = Octets.find(mark, in: first.value[(one + 1)...])
        {
            label = first.value[..<one]
            start = two + 1
        }
        var octets = percentDecoded(first.value[start...])
        var extended = start == 0 ? Array("''".utf8) + first.value : first.value
        for part in parts.dropFirst() {
            octets += part.isEncoded ? percentDecoded(part.value[...]) : part.value
            extended += part.isEncoded ? part.value : percentEncoded(part.value)
        }
        let value = Charset(label: label).map { Array($0.decode(octets).utf8) } ?? octets
        return MIMEParameter(name: name, value: value, extended: extended)
    }

    private func percentDecoded(_ value: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        var at = value.startIndex
        while at < value.endIndex {
            if value[at] == UInt8(ascii: "%"), value.endIndex - at > 2, let high = Octets.hex(value[at + 1]),
                let low = Octets.hex(value[at + 2])
            {
                out.append(high << 4 | low)
                at += 3
            } else {
                out.append(value[at])
                at += 1
            }
        }
        return out
    }

    /// A continuation without percent signs that stands between such with them.
    private func percentEncoded(_ value: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return value.flatMap { octet -> [UInt8] in
            if Octets.isLetter(octet) || Octets.isDigit(octet) || octet == UInt8(ascii: ".")
                || octet == UInt8(ascii: "-")
            {
                return [octet]
            }
            return [UInt8(ascii: "%"), digits[Int(octet >> 4)], digits[Int(octet & 15)]]
        }
    }
}
