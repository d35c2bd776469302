// The arguments of SEARCH, SORT and THREAD. Keys may nest: NOT, OR, FUZZY and lists, to a depth that no query has.

extension IMAPLexer {
    /// `[RETURN (…)]`, `[CHARSET x]` and the keys.
    mutating func searchArguments() -> IMAPSearchArguments {
        var arguments = IMAPSearchArguments()
        space()
        arguments.returns = searchReturns()
        if arguments.returns != nil { space() }
        if take(word: "CHARSET") {
            space()
            arguments.charset = charsetName()
            space()
        }
        criteria(&arguments.criteria)
        return arguments
    }

    /// `search-criteria = charset 1*(SP search-key)` of SORT and THREAD (RFC 5256 §5).
    mutating func sortedArguments() -> IMAPSearchArguments {
        var arguments = IMAPSearchArguments()
        arguments.charset = charsetName()
        space()
        criteria(&arguments.criteria)
        return arguments
    }

    /// `RETURN (…)`, nil when it is not next.
    mutating func searchReturns() -> [IMAPSearchReturn]? {
        guard take(word: "RETURN") else { return nil }
        space()
        let start = at
        var options: [IMAPSearchReturn] = []
        var windows = 0
        list { lexer in
            let option = lexer.searchReturn()
            switch option {
            case .all, .partial: windows += 1
            case .min, .max, .count, .save, .context, .update, .relevancy, .other: break
            }
            options.append(option)
        }
        // RFC 9394 §3.1: one PARTIAL or ALL, not more.
        if windows > 1, options.contains(where: { if case .partial = $0 { true } else { false } }) {
            note(.partialWithAll, at: start)
        }
        return options
    }

    private mutating func searchReturn() -> IMAPSearchReturn {
        let start = at
        let name = label()
        switch word(name) {
        case "MIN": return .min
        case "MAX": return .max
        case "ALL": return .all
        case "COUNT": return .count
        case "SAVE": return .save
        case "CONTEXT": return .context
        case "UPDATE": return .update
        case "RELEVANCY": return .relevancy
        case "PARTIAL":
            space()
            return .partial(partialRange())
        default:
            if !failed { note(.unknownItem, at: start) }
            return .other(name: name, value: optionValue())
        }
    }

    /// The value of an option that is not known: a list, or a word that begins with a digit.
    mutating func optionValue() -> IMAPSpan {
        guard next == 32, peek(1) == UInt8(ascii: "(") || IMAPOctet.isDigit(peek(1)) else { return .none }
        at &+= 1
        return anyValue()
    }

    /// charset: an atom or a quoted string.
    private mutating func charsetName() -> IMAPSpan { next == UInt8(ascii: "\"") ? quoted() : atom() }

    private mutating func criteria(_ criteria: inout [IMAPSearchCriterion]) {
        repeat {
            let before = at
            let criterion = criterion(depth: 0)
            if !failed { criteria.append(criterion) }
            if at == before { break }
        } while !failed && takeSpace()
        if criteria.isEmpty, !failed { fail(.ended) }
    }

    private mutating func criterion(depth: Int) -> IMAPSearchCriterion {
        guard depth < Self.depthLimit else {
            fail(.tooDeep, at: at)
            return .plain(.all)
        }
        let octet = next
        if octet == UInt8(ascii: "(") {
            var all: [IMAPSearchCriterion] = []
            list(allowsEmpty: false) { all.append($0.criterion(depth: depth &+ 1)) }
            return .and(all)
        }
        if IMAPOctet.isDigit(octet) || octet == UInt8(ascii: "*") || octet == UInt8(ascii: "$") {
            return .numbers(numberSet())
        }
        let start = at
        let name = run { !IMAPOctet.endsWord($0) }
        guard name.count > 0 else {
            fail(.unexpected)
            return .plain(.all)
        }
        let word = word(name)
        if let plain = IMAPSearchCriterion.Plain(rawValue: word) { return .plain(plain) }
        if let field = IMAPSearchCriterion.Field(rawValue: word) {
            space()
            return .field(field, astring())
        }
        if let field = IMAPSearchCriterion.DateField(rawValue: word) {
            space()
            return .date(field, date())
        }
        return criterion(word, name, start, depth: depth)
    }

    /// The keys with arguments of their own.
    private mutating func criterion(_ word: String, _ name: IMAPSpan, _ start: Int, depth: Int) -> IMAPSearchCriterion {
        switch word {
        case "NOT":
            space()
            return .not(criterion(depth: depth &+ 1))
        case "OR":
            space()
            let one = criterion(depth: depth &+ 1)
            space()
            return .or(one, criterion(depth: depth &+ 1))
        case "FUZZY":
            space()
            return .fuzzy(criterion(depth: depth &+ 1))
        case "HEADER":
            space()
            let field = astring()
            space()
            return .header(field, astring())
        case "KEYWORD", "UNKEYWORD":
            space()
            return .keyword(keyword(), isSet: word == "KEYWORD")
        case "LARGER":
            space()
            return .larger(number64())
        case "SMALLER":
            space()
            return .smaller(number64())
        case "UID":
            space()
            return .uids(numberSet())
        case "OLDER":
            space()
            return .older(nonZero())
        case "YOUNGER":
            space()
            return .younger(nonZero())
        case "MODSEQ": return modSeqCriterion()
        case "EMAILID":
            space()
            return .emailID(objectID())
        case "THREADID":
            space()
            return .threadID(objectID())
        case "FILTER":
            space()
            return .filter(atom())
        case "ANNOTATION": return annotationCriterion()
        case "X-GM-RAW", "X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS":
            space()
            return .gmail(name: name, value: next == UInt8(ascii: "\\") ? flag() : astring())
        default:
            // What its arguments are can't be known: nothing behind it is judged.
            note(.unknownItem, at: start)
            move(to: end)
            return .other(name)
        }
    }

    /// flag-keyword: an atom without the backslash of a flag.
    private mutating func keyword() -> IMAPSpan {
        let start = at
        if next == UInt8(ascii: "\\") {
            let flag = flag()
            note(.badFlag, at: start)
            return flag
        }
        return flag()
    }

    /// `MODSEQ ["/flags/\\draft" all] 620162338` (RFC 7162 §3.1.5).
    private mutating func modSeqCriterion() -> IMAPSearchCriterion {
        space()
        guard next == UInt8(ascii: "\"") else { return .modSeq(number64(), entry: .none, type: .none) }
        let start = at
        let entry = quoted()
        let prefix = IMAPSpan(Int(entry.start), Int(entry.start) &+ 7, .bare)
        if !failed, entry.count <= 7 || !isWord(prefix, "/FLAGS/") { note(.badModSeqEntry, at: start) }
        space()
        let from = at
        let type = atom()
        if !failed, !isWord(type, "PRIV"), !isWord(type, "SHARED"), !isWord(type, "ALL") {
            note(.badModSeqEntry, at: from)
        }
        space()
        return .modSeq(number64(), entry: entry, type: type)
    }

    /// sort-criteria (RFC 5256 §5).
    mutating func sortKeys() -> [IMAPSortKey] {
        var keys: [IMAPSortKey] = []
        list(allowsEmpty: false) { lexer in
            var start = lexer.at
            var name = lexer.atom()
            var isReversed = false
            if lexer.isWord(name, "REVERSE") {
                lexer.space()
                start = lexer.at
                name = lexer.atom()
                isReversed = true
            }
            switch lexer.word(name) {
            case "ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO", "RELEVANCY":
                break
            case "ANNOTATION": lexer.annotationSortKey()
            default: if !lexer.failed { lexer.note(.unknownItem, at: start) }
            }
            keys.append(IMAPSortKey(name: name, isReversed: isReversed))
        }
        return keys
    }
}
