// Whether an address field is as RFC 5322 §3.4 wants it, or at least as §4.4 allowed it. `AddressParser` reads whatever comes;
// this judges.

/// What a strict reading of an address field finds. Offsets are indices into the field.
struct AddressGrammar {
    /// Mailboxes that are well formed, those in groups too.
    private(set) var mailboxes = 0
    private(set) var groups = 0
    /// There is an at sign: an address is meant, however broken.
    private(set) var hasAt = false
    /// The first place that is in no syntax.
    private(set) var broken: Int?
    /// The first place that is in the obsolete syntax.
    private(set) var obsolete: Int?
    private(set) var openComment: Int?
    private(set) var openQuote: Int?
    /// Places of quoted strings, in order.
    private(set) var quoted: [Range<Int>] = []
    /// Places of addresses, without the angle brackets, in order.
    private(set) var addresses: [Range<Int>] = []

    private enum Kind {
        case atom
        case quoted
        case literal
        case dot
        case open
        case close
        case comma
        case semicolon
        case colon
        case at
        case other
    }

    private struct Token {
        let kind: Kind
        let range: Range<Int>
        /// White space or a comment stands before it.
        let isApart: Bool
    }

    private var tokens: [Token] = []
    private var position = 0

    init(_ body: ArraySlice<UInt8>) {
        cut(body)
        var isInGroup = false
        while position < tokens.count { readElement(&isInGroup) }
        if isInGroup { breaks(at: body.endIndex) }
    }

    // MARK: Tokens

    private mutating func cut(_ body: ArraySlice<UInt8>) {
        var reader = FieldReader(body)
        while true {
            let isApart = reader.skip()
            guard let octet = reader.next else { break }
            let start = reader.position
            var kind = Kind.other
            switch octet {
            case UInt8(ascii: "\""):
                _ = reader.delimited(by: octet)
                kind = .quoted
            case UInt8(ascii: "["):
                _ = reader.delimited(by: UInt8(ascii: "]"))
                kind = .literal
            case UInt8(ascii: "."): kind = .dot
            case UInt8(ascii: "<"): kind = .open
            case UInt8(ascii: ">"): kind = .close
            case UInt8(ascii: ","): kind = .comma
            case UInt8(ascii: ";"): kind = .semicolon
            case UInt8(ascii: ":"): kind = .colon
            case UInt8(ascii: "@"): kind = .at
            default: if !reader.run(FieldReader.isAtext).isEmpty { kind = .atom }
            }
            if reader.position == start { reader.position += 1 }
            tokens.append(Token(kind: kind, range: start..<reader.position, isApart: isApart))
            if kind == .at { hasAt = true }
            if kind == .quoted { quoted.append(start..<reader.position) }
        }
        openComment = reader.openComment
        openQuote = reader.openQuote
    }

    private var kind: Kind? { position < tokens.count ? tokens[position].kind : nil }

    private mutating func breaks(at place: Int) {
        if broken == nil { broken = place }
    }

    private mutating func isObsolete(at place: Int) {
        if obsolete == nil { obsolete = place }
    }

    // MARK: Grammar

    /// Reads a list element with the comma, colon or semicolon behind it.
    private mutating func readElement(_ isInGroup: inout Bool) {
        let start = position
        while kind == .atom || kind == .quoted || kind == .dot { position += 1 }
        let words = start..<position
        switch kind {
        case .open:
            judgePhrase(words)
            if readAngle() { mailboxes += 1 } else { return skipElement() }
        case .at:
            if readAddress(local: words, isBare: true) { mailboxes += 1 } else { return skipElement() }
        case .colon:
            judgePhrase(words)
            if isInGroup || words.isEmpty { breaks(at: tokens[position].range.lowerBound) }
            isInGroup = true
            groups += 1
            position += 1
            // An empty group, or one with members: no element ends here.
            if kind == .semicolon { endElement(&isInGroup, isNull: false) }
            return
        case .comma, .semicolon, nil:
            if !words.isEmpty { breaks(at: tokens[start].range.lowerBound) }
        case .atom, .quoted, .dot, .literal, .close, .other: return skipElement()
        }
        endElement(&isInGroup, isNull: words.isEmpty && position == start)
    }

    /// Passes over the rest of an element that is in no syntax.
    private mutating func skipElement() {
        breaks(at: position < tokens.count ? tokens[position].range.lowerBound : tokens.last?.range.upperBound ?? 0)
        while let kind, kind != .comma { position += 1 }
        position += 1
    }

    /// Reads what stands behind an element.
    private mutating func endElement(_ isInGroup: inout Bool, isNull: Bool) {
        guard let kind else { return }
        switch kind {
        case .comma:
            if isNull || position + 1 == tokens.count { isObsolete(at: tokens[position].range.lowerBound) }
            position += 1
        case .semicolon:
            if !isInGroup { breaks(at: tokens[position].range.lowerBound) }
            isInGroup = false
            position += 1
            switch self.kind {
            case .comma:
                position += 1
            case nil: break
            case .atom, .quoted, .literal, .dot, .open, .close, .semicolon, .colon, .at, .other:
                breaks(at: tokens[position].range.lowerBound)
            }
        case .atom, .quoted, .literal, .dot, .open, .close, .colon, .at, .other: skipElement()
        }
    }

    /// A phrase: words; dots among them are obsolete (RFC 5322 §4.1), before them they are nothing.
    private mutating func judgePhrase(_ words: Range<Int>) {
        for index in words where tokens[index].kind == .dot {
            if index == words.lowerBound { breaks(at: tokens[index].range.lowerBound) }
            isObsolete(at: tokens[index].range.lowerBound)
        }
    }

    /// `<…>`, perhaps with a source route; false when it is broken.
    private mutating func readAngle() -> Bool {
        position += 1
        if kind == .at || kind == .comma {
            isObsolete(at: tokens[position].range.lowerBound)
            while kind == .at || kind == .comma {
                let isAt = kind == .at
                position += 1
                if isAt, !readDomain() { return false }
            }
            guard kind == .colon else { return false }
            position += 1
        }
        let start = position
        while kind == .atom || kind == .quoted || kind == .dot { position += 1 }
        guard kind == .at, readAddress(local: start..<position, isBare: false), kind == .close else { return false }
        position += 1
        return true
    }

    /// The rest of an address whose local part was read, up to what stands behind its domain.
    private mutating func readAddress(local: Range<Int>, isBare: Bool) -> Bool {
        guard !local.isEmpty else { return false }
        var wantsWord = true
        for index in local {
            let token = tokens[index]
            guard wantsWord == (token.kind != .dot) else { return false }
            wantsWord.toggle()
            if index > local.lowerBound, token.isApart { isObsolete(at: token.range.lowerBound) }
            if local.count > 1, token.kind == .quoted { isObsolete(at: token.range.lowerBound) }
        }
        guard !wantsWord else { return false }
        if tokens[position].isApart { isObsolete(at: tokens[position].range.lowerBound) }
        position += 1
        guard readDomain() else { return false }
        addresses.append(tokens[local.lowerBound].range.lowerBound..<tokens[position - 1].range.upperBound)
        return true
    }

    private mutating func readDomain() -> Bool {
        if position < tokens.count, tokens[position].isApart { isObsolete(at: tokens[position].range.lowerBound) }
        if kind == .literal {
            position += 1
            return true
        }
        guard kind == .atom else { return false }
        position += 1
        while kind == .dot {
            if tokens[position].isApart { isObsolete(at: tokens[position].range.lowerBound) }
            position += 1
            guard kind == .atom else { return false }
            if tokens[position].isApart { isObsolete(at: tokens[position].range.lowerBound) }
            position += 1
        }
        return true
    }
}
