// Header fields, line by line: what a field is decides what of it stays. A field goes on in the lines that begin with a blank (RFC 5322 §2.2.3).

import MailMessage

/// Replaces the lines of header sections.
struct HeaderAnonymizer {
    /// What stays of a field's body.
    enum Kind: Equatable {
        /// A date.
        case date
        /// Trace information, up to the semicolon before its date (RFC 5321 §4.4).
        case trace
        /// Words of a registry, and parameters (RFC 2045 §5).
        case mime
        /// Words of a registry.
        case words
        /// What a BODYSTRUCTURE shows as one string: what stays of it stays there, too.
        case value
        /// The same, a string for each language.
        case languages
        /// Nothing.
        case text
    }

    /// A field that goes on.
    struct Field: Equatable {
        var kind: Kind
        /// The parameter whose value comes next says a name: `boundary=`.
        var isName = false
        /// Within a quoted string that has not ended: what was before on this line is replaced already.
        var isQuoted = false
    }

    let text: TextAnonymizer

    /// The name of the field that begins with a line, when one does: printable ASCII up to a colon (RFC 5322 §2.2).
    static func name(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let colon = line.prefix(128).firstIndex(of: 58), colon > line.startIndex else { return nil }
        // Blanks before the colon are of the obsolete syntax.
        let name = line[..<colon].trimmed
        guard !name.isEmpty, name.allSatisfy({ $0 > 32 && $0 < 127 }) else { return nil }
        return name
    }

    /// The name is one of those that nobody made up.
    static func isKnown(_ name: ArraySlice<UInt8>) -> Bool {
        let words = name.split(separator: 45)
        return !words.isEmpty && words.allSatisfy { AnonymousWords.fields.contains(AnonymousWords.Mark.of($0)) }
    }

    /// What stands for the name of a field, here and where a command asks for it.
    func name(_ name: ArraySlice<UInt8>, into out: inout [UInt8]) { text.replace(name, .fields, into: &out) }

    /// Appends what stands for the first line of a field, without its end.
    func begin(_ line: ArraySlice<UInt8>, into out: inout [UInt8]) -> Field {
        let colon = line.firstIndex(of: 58) ?? line.endIndex
        name(line[..<colon], into: &out)
        var field = Field(kind: Self.kind(line[..<colon].trimmed))
        goOn(line[colon...], &field, into: &out)
        return field
    }

    /// Appends what stands for a line of a field's body.
    func goOn(_ line: ArraySlice<UInt8>, _ field: inout Field, into out: inout [UInt8]) {
        switch field.kind {
        case .date: text.replace(line, .date, into: &out)
        case .words: text.replace(line, .mime, into: &out)
        case .text: text.replace(line, .names, into: &out)
        case .trace:
            guard let end = line.lastIndex(of: 59) else { return text.replace(line, .trace, into: &out) }
            text.replace(line[..<end], .trace, into: &out)
            field.kind = .date
            text.replace(line[end...], .date, into: &out)
        case .mime: parameters(line, &field, into: &out)
        case .value: values(line, into: &out) { _ in false }
        case .languages: values(line, into: &out) { $0 == 44 || $0 == 32 || $0 == 9 }
        }
    }

    /// A line of a body that is one value, or several between separators; what stands around them stays.
    private func values(_ line: ArraySlice<UInt8>, into out: inout [UInt8], _ isSeparator: (UInt8) -> Bool) {
        let body = line.drop { $0 == 58 || $0 == 32 || $0 == 9 }
        out += line[..<body.startIndex]
        let end = body.lastIndex { $0 != 32 && $0 != 9 }.map { $0 + 1 } ?? body.startIndex
        var rest = body[..<end]
        while !rest.isEmpty {
            let word = rest.prefix { !isSeparator($0) }
            if word.isEmpty {
                out.append(rest[rest.startIndex])
                rest = rest.dropFirst()
            } else {
                value(word, isName: false, into: &out)
                rest = rest[word.endIndex...]
            }
        }
        out += line[end...]
    }

    private static func kind(_ name: ArraySlice<UInt8>) -> Kind {
        let dates: [StaticString] = [
            "Date", "Resent-Date", "Delivery-Date", "Expires", "Expiry-Date", "Deferred-Delivery", "Reply-By",
            "Arrival-Date",
            "Last-Attempt-Date", "Will-Retry-Until",
        ]
        if dates.contains(where: { name.equalsIgnoringCase($0) }) { return .date }
        if name.equalsIgnoringCase("Received") || name.equalsIgnoringCase("X-Received") { return .trace }
        if name.equalsIgnoringCase("Content-Type") || name.equalsIgnoringCase("Content-Disposition") { return .mime }
        if name.equalsIgnoringCase("Content-Language") { return .languages }
        let values: [StaticString] = ["Content-Description", "Content-Location", "Content-ID", "Content-MD5"]
        if values.contains(where: { name.equalsIgnoringCase($0) }) { return .value }
        let words: [StaticString] = [
            "MIME-Version", "Content-Transfer-Encoding", "Content-Length", "Lines", "Precedence",
            "Importance", "Priority",
            "X-Priority", "X-MSMail-Priority", "Auto-Submitted", "Status", "X-Status",
        ]
        if words.contains(where: { name.equalsIgnoringCase($0) }) { return .words }
        return .text
    }

    // MARK: MIME

    private func parameters(_ line: ArraySlice<UInt8>, _ field: inout Field, into out: inout [UInt8]) {
        var index = line.startIndex
        var isValue = field.isQuoted
        // Equals signs behind the first are of the value: `boundary=----=_Next`.
        var isNamed = field.isQuoted
        while index < line.endIndex {
            let octet = line[index]
            if octet == 34 || field.isQuoted {
                let start = field.isQuoted ? index : index + 1
                let end = Self.quoteEnd(line[start...])
                if !field.isQuoted { out.append(34) }
                value(line[start..<end], isName: field.isName, into: &out)
                field.isQuoted = end == line.endIndex
                if !field.isQuoted { out.append(34) }
                index = min(end + 1, line.endIndex)
                isValue = false
            } else if isValue, let word = Self.encodedWord(line[index...]) {
                // Where no quotation marks are around it, as RFC 2047 §5 forbids and many write.
                value(word, isName: field.isName, into: &out)
                index = word.endIndex
                isValue = false
            } else if octet == 61 {
                if !isNamed { field.isName = Self.isName(line[..<index]) }
                isNamed = true
                out.append(octet)
                index += 1
                isValue = true
            } else {
                let end =
                    line[(index + 1)...].firstIndex { [59, 61, 34].contains($0) || isValue && ($0 == 32 || $0 == 9) }
                    ?? line.endIndex
                let part = line[index..<end]
                if isValue, octet != 32, octet != 9, octet != 59 {
                    value(part, isName: field.isName, into: &out)
                    isValue = false
                } else {
                    text.replace(part, .mime, into: &out)
                    if octet == 59 {
                        isValue = false
                        isNamed = false
                    }
                }
                index = end
            }
        }
    }

    /// What looks like an encoded word at the front of a text, up to the end of the value.
    private static func encodedWord(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard text.starts(with: [61, 63]) else { return nil }
        let word = text.prefix { ![59, 32, 9, 34].contains($0) }
        return word.count > 8 && word.suffix(2).elementsEqual([63, 61]) ? word : nil
    }

    /// The quotation mark at which a quoted string ends, or the end of the text.
    static func quoteEnd(_ text: ArraySlice<UInt8>) -> Int {
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == 34 { return index }
            index += text[index] == 92 ? 2 : 1
        }
        return text.endIndex
    }

    /// A parameter of this name, which ends here, has a value that somebody chose.
    static func isName(_ text: ArraySlice<UInt8>) -> Bool {
        let last = text.suffix(40).trimmed.split { $0 == 59 || $0 == 32 || $0 == 9 }.last
        let word = last.map { $0[..<($0.firstIndex(of: 42) ?? $0.endIndex)] } ?? text.prefix(0)
        let names: [StaticString] = [
            "boundary", "name", "filename", "id", "url", "directory", "site", "server", "subject", "x-name",
        ]
        return names.contains { word.equalsIgnoringCase($0) }
    }

    /// Appends what stands for the value of a parameter, in a header or in a BODYSTRUCTURE: a word of the registries and a date stay.
    /// - Parameter isName: the parameter has a value that somebody chose.
    func value(_ value: ArraySlice<UInt8>, isName: Bool, into out: inout [UInt8]) {
        if Self.isDate(value) || !isName && Self.isRegistered(value) {
            out += value
        } else if let charset = Self.charset(value) {
            out += charset
            text.replace(value[charset.endIndex...], .fileName, into: &out)
        } else if !isName, Self.isToken(value) {
            text.replace(value, .token, into: &out)
        } else {
            text.replace(value, .fileName, into: &out)
        }
    }

    /// A word such as a type, an encoding, or the name of a parameter; made up, as no registry has all of it.
    private static func isToken(_ value: ArraySlice<UInt8>) -> Bool {
        value.contains { $0 < 128 && !($0 >= 48 && $0 <= 57) && Glyph.next([$0], at: 0).glyph != nil }
            && value.allSatisfy { $0 > 32 && $0 < 127 && ![34, 37, 39, 47, 58, 60, 64].contains($0) }
    }

    /// The charset of an extended value, `UTF-8'en'%41` (RFC 2231 §4), with the apostrophe behind it.
    private static func charset(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = value.prefix(40).firstIndex(of: 39), value[(end + 1)...].prefix(40).contains(39),
            EncodedCharset(value[..<end]) != nil
        else { return nil }
        return value[...end]
    }

    private static func isRegistered(_ value: ArraySlice<UInt8>) -> Bool {
        // `filename*`, `filename*0*` (RFC 2231 §3, §4).
        var value = value
        if let star = value.firstIndex(of: 42), star > value.startIndex,
            value[star...].allSatisfy({ $0 == 42 || $0 >= 48 && $0 <= 57 })
        {
            value = value[..<star]
        }
        var words = 0
        var index = value.startIndex
        var mark = AnonymousWords.Mark()
        var hasLetters = false
        var isOpen = false
        while index <= value.endIndex {
            let (glyph, width) = index < value.endIndex ? Glyph.next(value, at: index) : (nil, 1)
            if let glyph {
                mark.add(glyph)
                isOpen = true
                if glyph.alphabet != 1 { hasLetters = true }
            } else {
                // A type, a charset, a disposition: no more than what joins their words stands between them.
                if index < value.endIndex, ![45, 46, 47, 95, 43].contains(value[index]) { return false }
                if isOpen, !AnonymousWords.mime.contains(mark.value) { return false }
                if isOpen { words += 1 }
                mark = AnonymousWords.Mark()
                isOpen = false
            }
            index += width
        }
        return words > 0 && hasLetters
    }

    /// A date, as RFC 5322 §3.3 or RFC 9051 §9 write them: names of days and months, numbers, and at least a colon or a hyphen.
    static func isDate(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.count >= 8, text.count <= 64 else { return false }
        var hasName = false
        var hasNumber = false
        for word in text.split(whereSeparator: { [32, 9, 44, 58, 45, 43, 40, 41].contains($0) }) {
            if word.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
                guard word.count <= 4 else { return false }
                hasNumber = true
            } else {
                guard AnonymousWords.dates.contains(AnonymousWords.Mark.of(word)),
                    word.allSatisfy({ Glyph.next([$0], at: 0).glyph != nil })
                else { return false }
                hasName = true
            }
        }
        return hasName && hasNumber
    }
}
