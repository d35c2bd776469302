// The reader of address lists: collects words until a comma, an angle bracket, an at sign or a colon says what they were.

struct AddressParser {
    private struct Word {
        let text: [UInt8]
        let isDot: Bool
        /// White space or a comment stands before it.
        let isApart: Bool
    }

    private var lexer: FieldLexer
    private var items: [AddressItem] = []
    private var isInGroup = false
    private var words: [Word] = []
    /// The address of the present list element once its angle brackets or its at sign were read.
    private var address: MailAddress?
    /// The address stood without angle brackets.
    private var isBare = false

    init(_ body: ArraySlice<UInt8>) {
        lexer = FieldLexer(body)
    }

    mutating func parse() -> [AddressItem] {
        while true {
            let isApart = lexer.skipSpace()
            guard let octet = lexer.next else { break }
            switch octet {
            case UInt8(ascii: ","):
                lexer.advance()
                endElement()
            case UInt8(ascii: ";"):
                lexer.advance()
                endElement()
                endGroup()
            case UInt8(ascii: ":"):
                lexer.advance()
                if !isInGroup, address == nil { startGroup() }
            case UInt8(ascii: "<"):
                lexer.advance()
                prepareForAngle()
                address = readAngle()
                isBare = false
            case UInt8(ascii: "@"):
                lexer.advance()
                readBareDomain()
            case UInt8(ascii: "\""): add(lexer.readQuoted(), isApart: isApart)
            case UInt8(ascii: "["): add(lexer.readLiteral(), isApart: isApart)
            case UInt8(ascii: "."):
                lexer.advance()
                words.append(Word(text: [octet], isDot: true, isApart: isApart))
            case UInt8(ascii: ">"), UInt8(ascii: ")"): lexer.advance()
            default: add(Array(lexer.readAtom(until: AddressParser.endsAtom)), isApart: isApart)
            }
        }
        endElement()
        endGroup()
        return items
    }

    private mutating func add(_ text: [UInt8], isApart: Bool) {
        words.append(Word(text: text, isDot: false, isApart: isApart))
    }

    /// An atom does not go on with this octet; white space ends one too.
    static func endsAtom(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "@"),
            UInt8(ascii: "\""), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// The words as a phrase; nil when there are none.
    private static func phrase(_ words: ArraySlice<Word>) -> [UInt8]? {
        guard !words.isEmpty else { return nil }
        var out: [UInt8] = []
        for word in words {
            if word.isApart, !out.isEmpty { out.append(UInt8(ascii: " ")) }
            out.append(contentsOf: word.text)
        }
        return out
    }

    private mutating func startGroup() {
        items.append(.groupStart(name: AddressParser.phrase(words[...]) ?? []))
        isInGroup = true
        words = []
        lexer.comment = nil
    }

    private mutating func endGroup() {
        if isInGroup { items.append(.groupEnd) }
        isInGroup = false
    }

    /// Ends the present list element; an empty one is nothing.
    private mutating func endElement() {
        if var found = address {
            if found.displayName == nil { found.displayName = lexer.comment }
            items.append(.mailbox(found))
        } else if let phrase = AddressParser.phrase(words[...]) {
            // One word is a local mailbox as RFC 822 systems had it; several are a name whose address is missing.
            let isName = phrase.contains { Octets.isSpace($0) }
            let name = isName ? phrase : lexer.comment
            items.append(.mailbox(MailAddress(displayName: name, localPart: isName ? [] : phrase, domain: [])))
        }
        address = nil
        words = []
        lexer.comment = nil
    }

    /// `local-part@domain` without angle brackets: the local part is the last word with the words that dots tie to it, what stands
    /// before is a display name that should have had brackets.
    private mutating func readBareDomain() {
        let domain = readDomain()
        // Two addresses with the comma forgotten.
        if address != nil, !words.isEmpty { endAddress() }
        if var found = address {
            // A second at sign: the best reading is that the last one counts. The old value is let go first, else every one of many
            // at signs would copy it.
            address = nil
            found.localPart.append(UInt8(ascii: "@"))
            found.localPart += found.domain
            found.domain = domain
            address = found
            return
        }
        isBare = true
        var start = words.endIndex
        while start > words.startIndex {
            if start < words.endIndex, !words[start].isDot, !words[start - 1].isDot { break }
            start -= 1
        }
        address = MailAddress(
            displayName: AddressParser.phrase(words[..<start]), localPart: words[start...].flatMap(\.text),
            domain: domain)
        words = []
    }

    /// A domain or a domain literal. Around dots white space and comments are allowed (RFC 5322 §4.4).
    private mutating func readDomain() -> [UInt8] {
        var out: [UInt8] = []
        while true {
            lexer.skipSpace()
            guard let octet = lexer.next else { return out }
            if octet == UInt8(ascii: ".") {
                lexer.advance()
                out.append(octet)
            } else if !out.isEmpty, out.last != UInt8(ascii: ".") {
                return out
            } else if octet == UInt8(ascii: "[") {
                out += lexer.readLiteral()
            } else if AddressParser.endsAtom(octet) {
                return out
            } else {
                out += lexer.readAtom(until: AddressParser.endsAtom)
            }
        }
    }

    /// An angle bracket opens. An address that stands before it was a display name if it had no brackets, else the comma is missing.
    private mutating func prepareForAngle() {
        guard let found = address else { return }
        guard isBare else { return endAddress() }
        var name = found.displayName.map { $0 + [UInt8(ascii: " ")] } ?? []
        name += found.localPart + [UInt8(ascii: "@")] + found.domain
        words.insert(Word(text: name, isDot: false, isApart: false), at: 0)
        address = nil
    }

    /// Ends an address in the middle of a list element; the words that were read stay for the next one.
    private mutating func endAddress() {
        if let found = address { items.append(.mailbox(found)) }
        address = nil
    }

    /// What stands between angle brackets, the display name being the words before.
    private mutating func readAngle() -> MailAddress {
        var found = MailAddress(displayName: AddressParser.phrase(words[...]), localPart: [], domain: [])
        words = []
        var route: [UInt8] = []
        var hasDomain = false
        reading: while true {
            lexer.skipSpace()
            guard let octet = lexer.next else { break }
            switch octet {
            case UInt8(ascii: ">"):
                lexer.advance()
                break reading
            case UInt8(ascii: ","), UInt8(ascii: ";"):
                if hasDomain { break reading }
                lexer.advance()
            case UInt8(ascii: "@"):
                lexer.advance()
                let domain = readDomain()
                if found.localPart.isEmpty, !domain.isEmpty {
                    // A route so far; it stays the domain when no colon comes.
                    if !route.isEmpty { route.append(UInt8(ascii: ",")) }
                    route.append(octet)
                    route += domain
                } else {
                    if hasDomain { found.localPart += [octet] + found.domain }
                    found.domain = domain
                    hasDomain = true
                }
            case UInt8(ascii: ":"): lexer.advance()
            case UInt8(ascii: "\""): found.localPart += lexer.readQuoted()
            case UInt8(ascii: "["): found.localPart += lexer.readLiteral()
            case UInt8(ascii: "."), UInt8(ascii: "<"), UInt8(ascii: "("), UInt8(ascii: ")"):
                lexer.advance()
                found.localPart.append(octet)
            default: found.localPart += lexer.readAtom(until: AddressParser.endsAtom)
            }
        }
        if found.localPart.isEmpty, !hasDomain {
            found.domain = Array(route.dropFirst())
        } else if !route.isEmpty {
            found.route = route
        }
        return found
    }
}
