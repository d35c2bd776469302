// Strings, quoted and literal (RFC 9051 §4.3), and what may stand in their place: astring, nstring.

extension IMAPLexer {
    /// A quoted string; the quote is next.
    @inline(__always)
    mutating func quoted() -> IMAPSpan {
        expect(UInt8(ascii: "\""))
        guard !failed else { return .none }
        let start = at
        var index = at
        var odd: UInt8 = 0
        var escapes = false
        while index < end {
            index = plainRun(index)
            guard index < end else { break }
            let octet = base[index]
            if octet == UInt8(ascii: "\"") {
                at = index &+ 1
                if odd != 0 { judgeQuoted(start, index) }
                return IMAPSpan(start, index, escapes ? .escaped : .quoted)
            }
            if octet == UInt8(ascii: "\\") {
                escapes = true
                index &+= 1
                guard index < end else { break }
                let escaped = base[index]
                if escaped != UInt8(ascii: "\""), escaped != UInt8(ascii: "\\") {
                    // Nearly all readers take the octet as it is.
                    note(.badEscape, at: index &- 1)
                }
            } else if octet == 10 {
                // A quoted string stays in its line: what follows would be read as something else than it is.
                break
            }
            odd |= octet < 32 || octet >= 127 ? 1 : 0
            index &+= 1
        }
        at = index
        fail(.unclosedQuote, at: start &- 1)
        return .none
    }

    /// Passes over octets that mean nothing in a quoted string, eight at a time; stops at the latest where one may mean
    /// something: a quote, a backslash, a control, an octet beyond ASCII.
    @inline(__always)
    private func plainRun(_ start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
            let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let slash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
            // The top bit of an octet that is zero, or below 32, as far as the first such octet.
            let zeros = ((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
            let stops = (zeros | ((word &- ones &* 32) & ~word) | word) & tops
            if stops != 0 { return index &+ stops.trailingZeroBitCount / 8 }
            index &+= 8
        }
        return index
    }

    /// A quoted string has octets beyond printable ASCII.
    @inline(never)
    private mutating func judgeQuoted(_ start: Int, _ upTo: Int) {
        var index = start
        while index < upTo {
            let octet = base[index]
            if octet >= 128 {
                guard charset != .ascii else { return note(.eightBit, at: index) }
                let length = utf8Length(index, upTo)
                guard length > 0 else { return note(.badUTF8, at: index) }
                index &+= length
                continue
            }
            // TEXT-CHAR is any CHAR except CR and LF: the other controls are lawful.
            if octet == 0 { return note(.nul, at: index) }
            if octet == 13 || octet == 10 { return note(.controlOctet, at: index) }
            index &+= 1
        }
    }

    /// Octets of the UTF-8 character at `index` (RFC 3629 §4); 0 when it is none.
    func utf8Length(_ index: Int, _ upTo: Int) -> Int {
        func tail(_ offset: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
            let place = index &+ offset
            return place < upTo && octet(place) >= low && octet(place) <= high
        }
        switch octet(index) {
        case 0xC2...0xDF: return tail(1) ? 2 : 0
        case 0xE0: return tail(1, 0xA0) && tail(2) ? 3 : 0
        case 0xED: return tail(1, 0x80, 0x9F) && tail(2) ? 3 : 0
        case 0xE1...0xEF: return tail(1) && tail(2) ? 3 : 0
        case 0xF0: return tail(1, 0x90) && tail(2) && tail(3) ? 4 : 0
        case 0xF1...0xF3: return tail(1) && tail(2) && tail(3) ? 4 : 0
        case 0xF4: return tail(1, 0x80, 0x8F) && tail(2) && tail(3) ? 4 : 0
        default: return 0
        }
    }

    /// A literal header is next: `{`, or `~{`.
    @inline(__always)
    var isLiteral: Bool { next == UInt8(ascii: "{") || next == UInt8(ascii: "~") && peek(1) == UInt8(ascii: "{") }

    /// A literal, with its header; `~{` only where a literal8 is allowed.
    @inline(never)
    mutating func literal(allows8: Bool = false) -> IMAPSpan {
        guard !failed else { return .none }
        let start = at
        if take(UInt8(ascii: "~")), !allows8 { note(.misplacedLiteral8, at: start) }
        expect(UInt8(ascii: "{"))
        // The size decides only where it is not known already: the dialogue cut the literal by the same header.
        let size = number64()
        _ = take(UInt8(ascii: "+"))
        expect(UInt8(ascii: "}"))
        guard !failed else { return .none }
        if peek(0) == 13, peek(1) == 10 {
            at &+= 2
        } else if peek(0) == 10 {
            at &+= 1
        } else if at == end, end &- start > 0 {
            // The text ends with the header: the literal is empty or omitted, or it is missing.
            return literalAtEnd(start, size)
        } else {
            fail(.unexpected)
            return .none
        }
        if let span = takeOmitted(at) { return span }
        let rest = UInt64(end &- at)
        if size > rest {
            fail(.shortLiteral, at: start)
            return .none
        }
        let from = at
        at &+= Int(size)
        return IMAPSpan(from, at, .literal)
    }

    /// The last line end of a text is behind `end`. When it is that of a literal header, the literal is there all the same.
    private mutating func literalAtEnd(_ start: Int, _ size: UInt64) -> IMAPSpan {
        for length in 0...2 {
            if let span = takeOmitted(at &+ length) { return span }
        }
        if size > 0 { fail(.shortLiteral, at: start) }
        return IMAPSpan(at, at, .literal)
    }

    private mutating func takeOmitted(_ offset: Int) -> IMAPSpan? {
        while nextOmitted < omitted.count, omitted[nextOmitted].offset < offset { nextOmitted += 1 }
        guard nextOmitted < omitted.count, omitted[nextOmitted].offset == offset else { return nil }
        let span = IMAPSpan(start: UInt32(truncatingIfNeeded: at), count: UInt32(nextOmitted), form: .omitted)
        nextOmitted += 1
        return span
    }

    /// A string: quoted or literal. An atom in its place is taken, with a note.
    @inline(__always)
    mutating func string() -> IMAPSpan {
        if next == UInt8(ascii: "\"") { return quoted() }
        return oddString(allowsNil: false)
    }

    /// A string or NIL.
    @inline(__always)
    mutating func nstring(allows8: Bool = false) -> IMAPSpan {
        let octet = next
        if octet == UInt8(ascii: "\"") { return quoted() }
        if octet | 0x20 == UInt8(ascii: "n"), take(word: "NIL") { return .none }
        return oddString(allowsNil: true, allows8: allows8)
    }

    @inline(never)
    private mutating func oddString(allowsNil: Bool, allows8: Bool = false) -> IMAPSpan {
        if isLiteral { return literal(allows8: allows8) }
        let start = at
        if !allowsNil, take(word: "NIL") {
            note(.misplacedNil, at: start)
            return .none
        }
        let span = run { !IMAPOctet.endsWord($0) }
        if span.count == 0 { fail(.unexpected) } else { note(.stringNeeded, at: start) }
        return span
    }

    /// An astring: an atom, "]" allowed, or a string.
    @inline(__always)
    mutating func astring() -> IMAPSpan {
        if next == UInt8(ascii: "\"") { return quoted() }
        if isLiteral { return literal() }
        let span = run(IMAPOctet.isAString)
        if span.count == 0 { return oddAString() }
        if at < end, !IMAPOctet.endsWord(base[at]) { return longer(span) }
        return span
    }

    /// An atom that goes on with octets that no atom holds: taken as one word, with a note.
    @inline(never)
    private mutating func longer(_ span: IMAPSpan) -> IMAPSpan {
        note(octetFault(.unexpected))
        let rest = run { !IMAPOctet.endsWord($0) }
        return IMAPSpan(Int(span.start), Int(rest.start) + Int(rest.count), .bare)
    }

    @inline(never)
    private mutating func oddAString() -> IMAPSpan {
        guard isGoing, !IMAPOctet.endsWord(next) else {
            fail(.unexpected)
            return .none
        }
        return longer(IMAPSpan(at, at, .bare))
    }
}
