// Judges the encoded words of a field (RFC 2047). `EncodedWord` decodes what can be decoded; this says what should not be so.

/// What a field allows of encoded words.
enum EncodedWordPlace {
    /// Text without structure: white space must part them from everything.
    case text
    /// Phrases and comments of an address field, with the places of its quoted strings and addresses.
    case addresses(quoted: [Range<Int>], addresses: [Range<Int>])
}

struct EncodedWordJudge {
    private let body: ArraySlice<UInt8>
    private let place: EncodedWordPlace
    /// What an index into the body is more than an offset into the message.
    private let base: Int

    private static let opening: [UInt8] = [UInt8(ascii: "="), UInt8(ascii: "?")]
    /// RFC 2047 §2.
    private static let maximumWord = 75
    private static let maximumLine = 76

    /// - Parameter base: the offset in the message of index 0 of the body.
    init(_ body: ArraySlice<UInt8>, _ place: EncodedWordPlace, base: Int) {
        self.body = body
        self.place = place
        self.base = base
    }

    /// Judges all words of the field. Each octet is looked at a few times at most.
    /// - Parameter nameLength: octets of the first line before the body.
    func judge(nameLength: Int, _ book: inout FlawBook) {
        guard var at = Octets.find(EncodedWordJudge.opening, in: body) else { return }
        var quoted: [Range<Int>] = []
        var addresses: [Range<Int>] = []
        if case .addresses(let strings, let specs) = place {
            quoted = strings
            addresses = specs
        }
        var nextQuoted = 0
        var nextAddress = 0
        var judgedLineEnd = body.startIndex
        while true {
            while nextQuoted < quoted.count, quoted[nextQuoted].upperBound <= at { nextQuoted += 1 }
            while nextAddress < addresses.count, addresses[nextAddress].upperBound <= at { nextAddress += 1 }
            let isQuoted = nextQuoted < quoted.count && quoted[nextQuoted].contains(at)
            let isInAddress = nextAddress < addresses.count && addresses[nextAddress].contains(at)
            let end = judgeWord(at: at, isQuoted: isQuoted, isInAddress: isInAddress, &book)
            if let end, !isQuoted, at >= judgedLineEnd {
                judgedLineEnd = judgeLine(around: at, nameLength: nameLength, &book)
                at = end
            } else {
                at = end ?? at + 2
            }
            guard let next = Octets.find(EncodedWordJudge.opening, in: body[at...]) else { return }
            at = next
        }
    }

    /// Judges the word that begins here; gives its end. Nil when this begins none.
    private func judgeWord(at start: Int, isQuoted: Bool, isInAddress: Bool, _ book: inout FlawBook) -> Int? {
        let question = UInt8(ascii: "?")
        let label = body[(start + 2)...].prefix(64).prefix(while: EncodedWordJudge.isLabel)
        guard !label.isEmpty, label.endIndex < body.endIndex, body[label.endIndex] == question else { return nil }
        let coding = body[(label.endIndex + 1)...].prefix(16).prefix(while: EncodedWordJudge.isLabel)
        guard !coding.isEmpty, coding.endIndex < body.endIndex, body[coding.endIndex] == question else { return nil }
        let text = body[(coding.endIndex + 1)...].prefix(while: EncodedWordJudge.isText)
        let offset = base + start
        guard text.endIndex + 1 < body.endIndex, body[text.endIndex] == question,
            body[text.endIndex + 1] == UInt8(ascii: "=")
        else {
            // Only B and Q make it certain that a word was meant.
            guard coding.count == 1, let letter = coding.first.map(Octets.lower),
                letter == UInt8(ascii: "b") || letter == UInt8(ascii: "q")
            else { return nil }
            book.note(.badEncodedWord, at: offset)
            return text.endIndex
        }
        let end = text.endIndex + 2
        if isQuoted {
            book.note(.quotedEncodedWord, at: offset)
        } else if isInAddress {
            book.note(.addressEncodedWord, at: offset)
        } else if isTied(start..<end) {
            book.note(.tiedEncodedWord, at: offset)
        }
        if end - start > EncodedWordJudge.maximumWord { book.note(.longEncodedWord, at: offset) }
        judgeText(label: label, coding: coding, text: text, offset: offset, &book)
        return end
    }

    private func judgeText(
        label: ArraySlice<UInt8>, coding: ArraySlice<UInt8>, text: ArraySlice<UInt8>, offset: Int,
        _ book: inout FlawBook
    ) {
        guard coding.count == 1, let letter = coding.first.map(Octets.lower) else {
            return book.note(.badEncodedWord, at: offset)
        }
        var octets: [UInt8]
        switch letter {
        case UInt8(ascii: "b"):
            if Base64.decode(text) == nil { book.note(.badEncodedWord, at: offset) }
            octets = Base64.decodeLenient(text)
        case UInt8(ascii: "q"):
            if !EncodedWordJudge.isQ(text) { book.note(.badEncodedWord, at: offset) }
            octets = EncodedWord.decodeQ(text)
        default: return book.note(.badEncodedWord, at: offset)
        }
        // What stands literally in a Q word is printable; only what was encoded can be a control character.
        if octets.contains(where: { $0 < 32 && $0 != UInt8(ascii: "\t") || $0 == 127 }) {
            // Sets of several octets with escapes, as ISO-2022-JP, have ESC, SO and SI in them.
            let isEscaped = Charset(label: EncodedWord.charsetName(label))?.hasEscapes ?? true
            let hidden = octets.contains { $0 == Octets.cr || $0 == Octets.lf || $0 == 0 }
            if hidden || !isEscaped { book.note(.controlInEncodedWord, at: offset) }
        }
        guard let charset = Charset(label: EncodedWord.charsetName(label)) else {
            return book.note(.unknownCharset, at: offset)
        }
        if !charset.isValid(octets) { book.note(.splitEncodedWord, at: offset) }
    }

    private static func isQ(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        while let equals = Octets.find(UInt8(ascii: "="), in: rest) {
            guard rest.endIndex - equals > 2, Octets.hex(rest[equals + 1]) != nil, Octets.hex(rest[equals + 2]) != nil
            else { return false }
            rest = rest[(equals + 3)...]
        }
        return true
    }

    /// Something other than white space touches the word; in a comment its parenthesis may.
    private func isTied(_ word: Range<Int>) -> Bool {
        let isFree: (UInt8) -> Bool
        switch place {
        case .text: isFree = Octets.isFoldingSpace
        case .addresses:
            isFree = { Octets.isFoldingSpace($0) || $0 == UInt8(ascii: "(") || $0 == UInt8(ascii: ")") }
        }
        if word.lowerBound > body.startIndex, !isFree(body[word.lowerBound - 1]) { return true }
        return word.upperBound < body.endIndex && !isFree(body[word.upperBound])
    }

    /// Judges the length of the line that a word stands in; gives the line's end.
    private func judgeLine(around start: Int, nameLength: Int, _ book: inout FlawBook) -> Int {
        let before = body[..<start]
        let lineStart = before.lastIndex(of: Octets.lf).map { $0 + 1 } ?? body.startIndex
        let end = Octets.endOfLine(from: start, in: body)
        let length = Octets.withoutLineEnd(body[lineStart..<end]).count
        let isFirst = lineStart == body.startIndex
        if length + (isFirst ? nameLength : 0) > EncodedWordJudge.maximumLine {
            book.note(.longEncodedLine, at: base + start)
        }
        return end
    }

    /// Characters of charset and encoding names (RFC 2047 §2 `token`).
    private static func isLabel(_ octet: UInt8) -> Bool {
        FieldReader.isToken(octet) && octet != UInt8(ascii: ".")
    }

    private static func isText(_ octet: UInt8) -> Bool {
        33...126 ~= octet && octet != UInt8(ascii: "?")
    }
}
