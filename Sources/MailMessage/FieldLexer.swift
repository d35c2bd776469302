// Words of structured header fields (RFC 5322 §3.2): white space and comments, atoms, quoted strings, domain literals. It reads
// folded fields as they are, never goes back, and takes what is not closed as closed at the end.

struct FieldLexer {
    private let bytes: ArraySlice<UInt8>
    private(set) var position: Int
    /// Content of the last comment that was passed over.
    var comment: [UInt8]?
    /// Behind this index no open parenthesis is closed; known once a search for the end failed.
    private var neverClosesFrom: Int?

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position >= bytes.endIndex }

    /// The octet at the position, nil at the end.
    var next: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    mutating func advance() {
        if position < bytes.endIndex { position += 1 }
    }

    /// Passes one octet over if it is this one.
    mutating func take(_ octet: UInt8) -> Bool {
        guard next == octet else { return false }
        position += 1
        return true
    }

    /// Passes white space and comments over; true when there was any.
    @discardableResult
    mutating func skipSpace() -> Bool {
        let start = position
        while let octet = next {
            if Octets.isFoldingSpace(octet) {
                position += 1
            } else if octet == UInt8(ascii: "(") {
                comment = readComment()
            } else {
                break
            }
        }
        return position > start
    }

    /// A comment with what nests in it (RFC 5322 §3.2.2), without its parentheses and backslashes.
    private mutating func readComment() -> [UInt8] {
        var out: [UInt8] = []
        var depth = 0
        while let octet = next {
            position += 1
            switch octet {
            case UInt8(ascii: "("):
                depth += 1
                if depth > 1 { out.append(octet) }
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return out }
                out.append(octet)
            case UInt8(ascii: "\\"):
                if let quoted = next {
                    out.append(quoted)
                    position += 1
                }
            case Octets.cr, Octets.lf: break
            default: out.append(octet)
            }
        }
        return out
    }

    /// A quoted string at the position, without quotes and backslashes.
    mutating func readQuoted() -> [UInt8] {
        readDelimited(by: UInt8(ascii: "\""))
    }

    /// A domain literal at the position, with its brackets.
    mutating func readLiteral() -> [UInt8] {
        [UInt8(ascii: "[")] + readDelimited(by: UInt8(ascii: "]")) + [UInt8(ascii: "]")]
    }

    private mutating func readDelimited(by end: UInt8) -> [UInt8] {
        var out: [UInt8] = []
        advance()
        while let octet = next {
            position += 1
            switch octet {
            case end: return out
            case UInt8(ascii: "\\"):
                if let quoted = next {
                    out.append(quoted)
                    position += 1
                }
            case Octets.cr, Octets.lf: break
            default: out.append(octet)
            }
        }
        return out
    }

    /// Octets up to white space or one that `isStop` names; at least one octet unless at the end.
    mutating func readAtom(until isStop: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = position
        advance()
        while let octet = next, !Octets.isFoldingSpace(octet), !isStop(octet) { position += 1 }
        return bytes[start..<position]
    }

    /// The value of a parameter without quotes. Senders leave quotes out where they are needed, so a parenthesis inside a word
    /// is a comment only when it closes and the word ends behind it.
    mutating func readBareValue() -> [UInt8] {
        var out: [UInt8] = []
        while let octet = next, octet != UInt8(ascii: ";") {
            if Octets.isFoldingSpace(octet) || octet == UInt8(ascii: "(") && out.isEmpty {
                skipSpace()
                if out.isEmpty { continue }
                if isAtParameter { break }
                if let octet = next, octet != UInt8(ascii: ";") { out.append(UInt8(ascii: " ")) }
                continue
            }
            if octet == UInt8(ascii: "("), neverClosesFrom == nil {
                let start = position
                let before = comment
                comment = readComment()
                let isClosed = position > start + 1 && bytes[position - 1] == UInt8(ascii: ")")
                if isClosed, next.map({ Octets.isFoldingSpace($0) || $0 == UInt8(ascii: ";") }) ?? true { continue }
                comment = before
                if isClosed {
                    out.append(contentsOf: bytes[start..<position])
                } else {
                    neverClosesFrom = start
                    position = start + 1
                    out.append(octet)
                }
                continue
            }
            out.append(octet)
            position += 1
        }
        return out
    }

    /// A word with an equals sign inside stands at the position: the next parameter, its semicolon forgotten.
    var isAtParameter: Bool {
        let word = bytes[position...].prefix {
            !Octets.isFoldingSpace($0) && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
        }
        return !word.isEmpty && word.endIndex < bytes.endIndex && bytes[word.endIndex] == UInt8(ascii: "=")
    }
}
