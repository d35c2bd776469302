// What commands and responses have in common: flags, mailbox names, dates, labels, and values of any kind that nobody
// has to understand.

extension IMAPLexer {
    // MARK: Values of any kind

    /// One value whatever it is: a word, a string, or a list with all that is in it. Lists may nest without bound: they
    /// are counted, not kept.
    mutating func anyValue() -> IMAPSpan {
        let start = at
        switch next {
        case UInt8(ascii: "\""): return quoted()
        case UInt8(ascii: "("):
            skipList()
            return IMAPSpan(start, at, .bare)
        default:
            if isLiteral { return literal(allows8: true) }
            if take(word: "NIL") { return .none }
            let span = run { !IMAPOctet.endsWord($0) }
            if span.count == 0 { fail(.unexpected) }
            return span
        }
    }

    /// Passes over a list; "(" is next.
    mutating func skipList() {
        let start = at
        var depth = 0
        while isGoing {
            switch base[at] {
            case UInt8(ascii: "("):
                depth &+= 1
                at &+= 1
            case UInt8(ascii: ")"):
                depth &-= 1
                at &+= 1
                if depth <= 0 { return }
            case UInt8(ascii: "\""): _ = quoted()
            case UInt8(ascii: "{"), UInt8(ascii: "~"):
                // A brace within an atom is no literal: only one that ends its line is.
                if isLiteral, isLiteralHeader { _ = literal(allows8: true) } else { at &+= 1 }
            case 0: return fail(.nul, at: at)
            default: at &+= 1
            }
        }
        fail(.unclosedList, at: start)
    }

    /// The brace that is next opens a literal header: digits, "}" and a line end or the end.
    private var isLiteralHeader: Bool {
        var index = at &+ (octet(at) == UInt8(ascii: "~") ? 2 : 1)
        let first = index
        while IMAPOctet.isDigit(octet(index)) { index &+= 1 }
        guard index > first else { return false }
        if octet(index) == UInt8(ascii: "+") { index &+= 1 }
        guard octet(index) == UInt8(ascii: "}") else { return false }
        index &+= 1
        return index >= end || octet(index) == 13 || octet(index) == 10
    }

    /// The elements of a list, each read by `element`. Nothing but a list may be next.
    @inline(__always)
    mutating func list(allowsEmpty: Bool = true, _ element: (inout IMAPLexer) -> Void) {
        expect(UInt8(ascii: "("))
        guard !failed else { return }
        if take(UInt8(ascii: ")")) {
            if !allowsEmpty { note(.emptyList, at: at &- 2) }
            return
        }
        repeat {
            let before = at
            element(&self)
            // An element that took nothing would be read for ever.
            if at == before, !failed { fail(.unexpected) }
        } while !failed && more()
    }

    /// tagged-ext-label: letters, "-", "_", "." and behind the first also digits and ":" (RFC 9051 §9).
    mutating func label() -> IMAPSpan {
        let start = at
        let span = run { !IMAPOctet.endsWord($0) }
        guard span.count > 0 else {
            fail(.unexpected)
            return .none
        }
        for offset in 0..<Int(span.count) {
            let octet = base[start &+ offset]
            let fits =
                IMAPOctet.isLetter(octet) || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
                || octet == UInt8(ascii: ".")
                || offset > 0 && (IMAPOctet.isDigit(octet) || octet == UInt8(ascii: ":"))
            if !fits {
                note(.badLabel, at: start &+ offset)
                break
            }
        }
        return span
    }

    // MARK: Flags

    /// A flag or keyword. `\*` only where `star` is set, `\Recent` is judged by `settable`.
    @inline(__always)
    mutating func flag(star: Bool = false, settable: Bool = false) -> IMAPSpan {
        let start = at
        let hasBackslash = take(UInt8(ascii: "\\"))
        if hasBackslash, star, take(UInt8(ascii: "*")) { return IMAPSpan(start, at, .bare) }
        let name = run(IMAPOctet.isAtom)
        if name.count == 0 || at < end && !IMAPOctet.endsWord(base[at]) { return oddFlag(start) }
        let span = IMAPSpan(start, at, .bare)
        if settable, hasBackslash, isWord(span, "\\RECENT") { note(.flagNotSettable, at: start) }
        return span
    }

    /// A flag that is none, as one word. Real servers send keywords with "]" or "*" in them.
    @inline(never)
    private mutating func oddFlag(_ start: Int) -> IMAPSpan {
        if next == UInt8(ascii: "\""), at == start {
            note(.badFlag)
            return quoted()
        }
        let rest = run { !IMAPOctet.endsWord($0) }
        let upTo = Int(rest.start) &+ Int(rest.count)
        if upTo == start { fail(.badFlag) } else { note(.badFlag, at: start) }
        return IMAPSpan(start, upTo, .bare)
    }

    /// A list of flags.
    @inline(__always)
    mutating func flagList(star: Bool = false, settable: Bool = false) -> [IMAPSpan] {
        var flags: [IMAPSpan] = []
        list { flags.append($0.flag(star: star, settable: settable)) }
        return flags
    }

    // MARK: Mailbox names

    /// A mailbox name: an astring in modified UTF-7, or in UTF-8 where that is in force.
    mutating func mailbox() -> IMAPSpan {
        let start = at
        let name = astring()
        judgeMailbox(name, start)
        return name
    }

    /// A name to look for: with wildcards, in an atom too.
    mutating func listMailbox() -> IMAPSpan {
        let start = at
        let name: IMAPSpan
        if next == UInt8(ascii: "\"") || isLiteral {
            name = string()
        } else {
            name = run(IMAPOctet.isList)
            if name.count == 0 { fail(.unexpected) }
        }
        judgeMailbox(name, start)
        return name
    }

    /// Modified UTF-7 is checked only where UTF-8 is not in force: a name may then hold "&" as itself (RFC 9755 §3).
    private mutating func judgeMailbox(_ name: IMAPSpan, _ start: Int) {
        guard !failed, name.form != .omitted, name.form != .none, charset == .ascii else { return }
        let from = Int(name.start)
        guard let wrong = IMAPMailboxName.fault(UnsafeBufferPointer(start: base + from, count: Int(name.count))) else {
            return
        }
        let octet = octet(from &+ wrong)
        // Octets beyond ASCII were noted as such, or are allowed.
        if octet < 128 { note(.badMailboxName, at: from &+ wrong) }
    }

    // MARK: Dates

    /// date-text, with or without quotes: 1-Feb-1994.
    mutating func date() -> IMAPSpan {
        let start = at
        let span: IMAPSpan
        if next == UInt8(ascii: "\"") { span = quoted() } else { span = run { !IMAPOctet.endsWord($0) } }
        guard !failed else { return .none }
        var index = Int(span.start)
        let upTo = index &+ Int(span.count)
        if !isDate(&index, fixed: false) || index != upTo { note(.badDate, at: start) }
        return span
    }

    /// date-time in its quotes: "17-Jul-1996 02:44:25 -0700".
    @inline(__always)
    mutating func dateTime() -> IMAPSpan {
        let start = at
        guard next == UInt8(ascii: "\"") else {
            fail(.badDateTime)
            return .none
        }
        let span = quoted()
        if !failed, !isDateTime(span) { note(.badDateTime, at: start) }
        return span
    }

    private func isDateTime(_ span: IMAPSpan) -> Bool {
        var index = Int(span.start)
        guard span.count == 26, isDate(&index, fixed: true), octet(index) == 32 else { return false }
        index &+= 1
        // hh:mm:ss
        guard let hour = twoDigits(index), let minute = twoDigits(index &+ 3), let second = twoDigits(index &+ 6),
            octet(index &+ 2) == UInt8(ascii: ":"), octet(index &+ 5) == UInt8(ascii: ":"), octet(index &+ 8) == 32
        else { return false }
        let sign = octet(index &+ 9)
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), twoDigits(index &+ 10) != nil,
            let zoneMinute = twoDigits(index &+ 12)
        else { return false }
        return hour < 24 && minute < 60 && second <= 60 && zoneMinute < 60
    }

    private func twoDigits(_ index: Int) -> Int? {
        guard IMAPOctet.isDigit(octet(index)), IMAPOctet.isDigit(octet(index &+ 1)) else { return nil }
        return Int(octet(index) &- 48) * 10 + Int(octet(index &+ 1) &- 48)
    }

    /// Day, month and year at `index`, which moves behind them.
    private func isDate(_ index: inout Int, fixed: Bool) -> Bool {
        var day = 0
        if let two = twoDigits(index) {
            day = two
            index &+= 2
        } else if fixed, octet(index) == 32, IMAPOctet.isDigit(octet(index &+ 1)) {
            day = Int(octet(index &+ 1) &- 48)
            index &+= 2
        } else if !fixed, IMAPOctet.isDigit(octet(index)) {
            day = Int(octet(index) &- 48)
            index &+= 1
        }
        guard day >= 1, octet(index) == UInt8(ascii: "-"), octet(index &+ 4) == UInt8(ascii: "-") else { return false }
        let month = month(index &+ 1)
        index &+= 5
        guard month >= 1, let century = twoDigits(index), let years = twoDigits(index &+ 2) else { return false }
        index &+= 4
        let year = century * 100 + years
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = month == 2 ? (isLeap ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
        return day <= days
    }

    private func month(_ index: Int) -> Int {
        let span = IMAPSpan(index, index &+ 3, .bare)
        switch word(span) {
        case "JAN": return 1
        case "FEB": return 2
        case "MAR": return 3
        case "APR": return 4
        case "MAY": return 5
        case "JUN": return 6
        case "JUL": return 7
        case "AUG": return 8
        case "SEP": return 9
        case "OCT": return 10
        case "NOV": return 11
        case "DEC": return 12
        default: return 0
        }
    }

    // MARK: Sections

    /// A section with its brackets: `[1.2.HEADER.FIELDS (To)]`; the span is what stands between them.
    mutating func section(binary: Bool = false) -> IMAPSpan {
        let start = at
        expect(UInt8(ascii: "["))
        let from = at
        var hasPart = false
        var ended = false
        while isGoing, IMAPOctet.isDigit(next) {
            _ = nonZero()
            hasPart = true
            guard take(UInt8(ascii: ".")) else {
                ended = true
                break
            }
            if next == UInt8(ascii: "]") {
                fail(.badSection, at: at)
                return .none
            }
        }
        if !ended, isGoing, next != UInt8(ascii: "]") {
            if binary {
                fail(.badSection, at: at)
                return .none
            }
            sectionText(hasPart: hasPart)
        }
        let upTo = at
        if next == UInt8(ascii: "]"), isGoing { at &+= 1 } else { fail(.badSection, at: Swift.max(at, start)) }
        return IMAPSpan(from, upTo, .bare)
    }

    private mutating func sectionText(hasPart: Bool) {
        let start = at
        let word = run { IMAPOctet.isLetter($0) || $0 == UInt8(ascii: ".") }
        if isWord(word, "HEADER") || isWord(word, "TEXT") { return }
        if isWord(word, "MIME") {
            if !hasPart { note(.badSection, at: start) }
            return
        }
        guard isWord(word, "HEADER.FIELDS") || isWord(word, "HEADER.FIELDS.NOT") else {
            return fail(.badSection, at: start)
        }
        space()
        list(allowsEmpty: false) { _ = $0.astring() }
    }

    /// `<offset.count>` of a command; nil when none is next.
    mutating func partial() -> (offset: UInt64, count: UInt64)? {
        guard take(UInt8(ascii: "<")) else { return nil }
        let start = at
        let offset = number64()
        expect(UInt8(ascii: "."))
        let count = number64()
        if count == 0, !failed { note(.badPartial, at: start) }
        expect(UInt8(ascii: ">"))
        return (offset, count)
    }
}
