// Reads a whole response into a typed value (RFC 9051 §7, §9 response). The first token decides what it is, the keyword
// which rule reads the rest.

extension IMAPResponseReading {
    /// - Parameters:
    ///   - text: a response with all its lines.
    ///   - charset: what octets beyond ASCII mean in this session.
    package init(_ text: IMAPText, charset: IMAPCharset = .unknown) {
        let (value, faults) = IMAPLexer.read(text, charset) { lexer in
            let value = lexer.response()
            lexer.finish()
            return (value, lexer.faults)
        }
        self.init(text: text, value: value, faults: faults)
    }
}

extension IMAPLexer {
    fileprivate mutating func response() -> IMAPResponseValue {
        if take(UInt8(ascii: "+")) {
            // "+" alone is sent by real servers, though the rule has a space behind it.
            if isAtEnd { return .continuation(.none) }
            if !take(32) { note(.missingSpace) }
            return .continuation(restOfLine())
        }
        guard take(UInt8(ascii: "*")) else { return tagged() }
        space()
        guard isGoing else {
            fail(.ended)
            return .none
        }
        return IMAPOctet.isDigit(next) ? numbered() : untagged()
    }

    /// All that is left, as text (RFC 9051 §9, text: no CR, LF or NUL).
    private mutating func restOfLine() -> IMAPSpan {
        let span = IMAPSpan(at, end, .bare)
        for index in at..<end {
            let octet = octet(index)
            if octet == 0 || octet == 13 || octet == 10 {
                note(octet == 0 ? .nul : .controlOctet, at: index)
                break
            }
        }
        at = end
        return span
    }

    private mutating func tagged() -> IMAPResponseValue {
        let start = at
        let tag = run { IMAPOctet.isAString($0) && $0 != UInt8(ascii: "+") }
        guard tag.count > 0, next == 32 else {
            fail(.badTag, at: start)
            return .none
        }
        space()
        let keyword = atom()
        if isWord(keyword, "OK") { return status(tag, .ok) }
        if isWord(keyword, "NO") { return status(tag, .no) }
        if isWord(keyword, "BAD") { return status(tag, .bad) }
        fail(.unknownResponse, at: Int(keyword.start))
        return .none
    }

    /// Text that has a code in front of it, or not.
    private mutating func status(_ tag: IMAPSpan, _ kind: IMAPStatus.Kind) -> IMAPResponseValue {
        guard !isAtEnd else {
            // resp-text may be empty, but not without its space.
            note(.missingSpace)
            return .status(IMAPStatus(tag: tag, kind: kind, code: nil, text: .none))
        }
        if next == 32 { at &+= 1 } else { note(.missingSpace) }
        var code: IMAPResponseCode?
        if next == UInt8(ascii: "[") {
            code = responseCode()
            if code != nil, !isAtEnd, !take(32) { note(.missingSpace) }
        }
        return .status(IMAPStatus(tag: tag, kind: kind, code: code, text: restOfLine()))
    }

    // MARK: With a number

    private mutating func numbered() -> IMAPResponseValue {
        let start = at
        let number = UInt32(truncatingIfNeeded: number())
        space()
        let keyword = atom()
        // Nearly all that a server says with a number is FETCH.
        let isFetch = isWord(keyword, "FETCH")
        if isFetch || isWord(keyword, "UIDFETCH") {
            if number == 0, !failed { note(.zeroNumber, at: start) }
            space()
            return .fetch(fetchData(number: number, isUIDFetch: !isFetch))
        }
        switch word(keyword) {
        case "EXISTS": return .exists(number)
        case "RECENT": return .recent(number)
        case "EXPUNGE":
            if number == 0, !failed { note(.zeroNumber, at: start) }
            return .expunge(number)
        default:
            guard !failed else { return .none }
            if isWord(keyword, "CONVERTED") { return converted(number: number) }
            note(.unknownResponse, at: Int(keyword.start))
            return .other(keyword: keyword, number: number, rest: passRest())
        }
    }

    /// What a response that is not known holds: values of any kind.
    private mutating func passRest() -> IMAPSpan {
        let start = at
        while isGoing {
            if next == 32 || next == UInt8(ascii: ")") { at &+= 1 } else { _ = anyValue() }
        }
        return IMAPSpan(start, at, .bare)
    }

    // MARK: With a keyword

    private mutating func untagged() -> IMAPResponseValue {
        let keyword = atom()
        switch word(keyword) {
        case "OK": return status(.none, .ok)
        case "NO": return status(.none, .no)
        case "BAD": return status(.none, .bad)
        case "BYE": return status(.none, .bye)
        case "PREAUTH": return status(.none, .preauth)
        case "CAPABILITY": return capability(Int(keyword.start))
        case "ENABLED": return .enabled(words())
        case "LIST": return .list(listing())
        case "LSUB", "XLIST": return .lsub(listing())
        case "NAMESPACE": return namespaces()
        case "STATUS": return mailboxStatus()
        case "FLAGS":
            space()
            return .flags(flagList())
        case "SEARCH":
            let (numbers, modSeq) = numbers()
            return .search(numbers, modSeq: modSeq)
        case "SORT":
            let (numbers, modSeq) = numbers()
            return .sort(numbers, modSeq: modSeq)
        case "ESEARCH": return .extendedSearch(extendedSearch())
        case "THREAD": return .thread(thread())
        case "VANISHED": return vanished()
        case "QUOTA": return quota()
        case "QUOTAROOT":
            space()
            let mailbox = mailbox()
            return .quotaRoot(mailbox: mailbox, roots: astrings())
        case "ACL":
            space()
            let mailbox = mailbox()
            var pairs: [IMAPPair] = []
            while takeSpace() {
                let identifier = astring()
                space()
                pairs.append(IMAPPair(name: identifier, value: rights()))
            }
            return .acl(mailbox: mailbox, pairs)
        case "LISTRIGHTS": return listRights()
        case "MYRIGHTS":
            space()
            let mailbox = mailbox()
            space()
            return .myRights(mailbox: mailbox, rights: rights())
        case "METADATA": return metadata()
        case "ID":
            space()
            return .id(idPairs())
        case "LANGUAGE":
            var tags: [IMAPSpan] = []
            space()
            list(allowsEmpty: false) { tags.append($0.astring()) }
            return .language(tags)
        case "COMPARATOR":
            space()
            let active = astring()
            var available: [IMAPSpan] = []
            if takeSpace() { list(allowsEmpty: false) { available.append($0.astring()) } }
            return .comparator(active: active, available: available)
        case "GENURLAUTH": return .generatedURLs(astrings())
        case "URLFETCH": return urlFetch()
        case "JMAPACCESS":
            space()
            return .jmapAccess(quoted())
        case "CONVERSION": return conversionOffer()
        case "UIDBATCHES": return .uidBatches(uidBatches())
        default:
            guard !failed else { return .none }
            // What vendors have.
            note(.unknownResponse, at: Int(keyword.start))
            return .other(keyword: keyword, number: nil, rest: passRest())
        }
    }

    private mutating func capability(_ start: Int) -> IMAPResponseValue {
        let words = words()
        var hasRevision = false
        var hasPlus = false
        var hasMinus = false
        for word in words {
            // IMAP4 alone is that of RFC 1730, a revision too.
            if isWord(word, "IMAP4REV1") || isWord(word, "IMAP4REV2") || isWord(word, "IMAP4") { hasRevision = true }
            if isWord(word, "LITERAL+") { hasPlus = true }
            if isWord(word, "LITERAL-") { hasMinus = true }
        }
        if !failed, !hasRevision { note(.noRevision, at: start) }
        if hasPlus, hasMinus { note(.literalPlusAndMinus, at: start) }
        return .capability(words)
    }

    private mutating func listing() -> IMAPListData {
        var listing = IMAPListData()
        space()
        let start = at
        list { listing.attributes.append($0.flag()) }
        judgeAttributes(listing.attributes, start)
        space()
        listing.delimiter = delimiter()
        space()
        listing.mailbox = mailbox()
        guard takeSpace() else { return listing }
        list { lexer in
            let tag = lexer.astring()
            lexer.space()
            listing.extended.append(IMAPPair(name: tag, value: lexer.anyValue()))
        }
        return listing
    }

    /// RFC 9051 §7.3.1: marked and unmarked, children and no children exclude each other.
    private mutating func judgeAttributes(_ attributes: [IMAPSpan], _ start: Int) {
        func has(_ word: StaticString) -> Bool { attributes.contains { isWord($0, word) } }
        if attributes.count > 1 {
            let marks = has("\\MARKED") && has("\\UNMARKED")
            if marks || has("\\HASCHILDREN") && has("\\HASNOCHILDREN") {
                note(.conflictingAttributes, at: start)
            }
        }
    }

    /// `DQUOTE QUOTED-CHAR DQUOTE / nil`
    private mutating func delimiter() -> IMAPSpan {
        let start = at
        if take(word: "NIL") { return .none }
        let span = quoted()
        let isOne =
            span.form == .escaped
            ? span.count == 2
            : span.count == 1
                || span.count > 1 && utf8Length(Int(span.start), Int(span.start) &+ Int(span.count)) == Int(span.count)
        if !failed, !isOne { note(.badDelimiter, at: start) }
        return span
    }

    private mutating func namespaces() -> IMAPResponseValue {
        var namespaces = IMAPNamespaces()
        space()
        namespaces.personal = namespace()
        space()
        namespaces.others = namespace()
        space()
        namespaces.shared = namespace()
        return .namespace(namespaces)
    }

    private mutating func namespace() -> [IMAPNamespaces.Entry]? {
        if take(word: "NIL") { return nil }
        var entries: [IMAPNamespaces.Entry] = []
        expect(UInt8(ascii: "("))
        if next == UInt8(ascii: ")") { note(.emptyList, at: at &- 1) }
        while isGoing, next != UInt8(ascii: ")") {
            // Descriptions touch each other.
            if next == 32 {
                note(.extraSpace)
                at &+= 1
            }
            expect(UInt8(ascii: "("))
            let prefix = string()
            space()
            var entry = IMAPNamespaces.Entry(prefix: prefix, delimiter: delimiter(), extensions: [])
            while takeSpace() {
                let name = string()
                space()
                let from = at
                list(allowsEmpty: false) { _ = $0.string() }
                entry.extensions.append(IMAPPair(name: name, value: IMAPSpan(from, at, .bare)))
            }
            close()
            entries.append(entry)
        }
        expect(UInt8(ascii: ")"))
        return entries
    }

    /// Numbers up to the end or to `(MODSEQ n)` (RFC 7162 §7).
    private mutating func numbers() -> ([UInt32], UInt64?) {
        var numbers: [UInt32] = []
        var modSeq: UInt64?
        while next == 32, isGoing {
            // Several servers send a space behind an empty result: `finish` notes it.
            if at &+ 1 == end { break }
            space()
            if take(UInt8(ascii: "(")) {
                if !take(word: "MODSEQ") { fail(.unexpected) }
                space()
                modSeq = nonZero64()
                expect(UInt8(ascii: ")"))
                break
            }
            numbers.append(nonZero())
        }
        return (numbers, modSeq)
    }

    private mutating func vanished() -> IMAPResponseValue {
        space()
        var isEarlier = false
        if next == UInt8(ascii: "(") {
            at &+= 1
            if !take(word: "EARLIER") { fail(.unexpected) }
            expect(UInt8(ascii: ")"))
            space()
            isEarlier = true
        }
        return .vanished(numberSet(.numbers), isEarlier: isEarlier)
    }

    // MARK: Quota, rights, metadata, URLs

    private mutating func quota() -> IMAPResponseValue {
        space()
        let root = astring()
        space()
        var resources: [IMAPQuotaResource] = []
        // RFC 2087 §5.1 allowed an empty list, and servers without limits send it.
        list { lexer in
            let name = lexer.atom()
            lexer.space()
            let usage = lexer.number64()
            lexer.space()
            resources.append(IMAPQuotaResource(name: name, usage: usage, limit: lexer.number64()))
        }
        return .quota(root: root, resources)
    }

    private mutating func listRights() -> IMAPResponseValue {
        space()
        let mailbox = mailbox()
        space()
        let identifier = astring()
        space()
        let required = rights()
        var optional: [IMAPSpan] = []
        while takeSpace() { optional.append(rights()) }
        return .listRights(mailbox: mailbox, identifier: identifier, required: required, optional: optional)
    }

    /// rights: an astring of lower-case letters and digits (RFC 4314 §7).
    mutating func rights(isModification: Bool = false) -> IMAPSpan {
        let start = at
        let span = astring()
        guard !failed, span.form != .omitted else { return span }
        let from = Int(span.start)
        for index in from..<(from &+ Int(span.count)) {
            let octet = octet(index)
            let isSign = octet == UInt8(ascii: "+") || octet == UInt8(ascii: "-")
            if isModification, index == from, isSign { continue }
            guard octet &- 97 < 26 || IMAPOctet.isDigit(octet) else {
                note(.badRights, at: start)
                break
            }
        }
        return span
    }

    private mutating func metadata() -> IMAPResponseValue {
        space()
        let mailbox = mailbox()
        space()
        var pairs: [IMAPPair] = []
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { lexer in
                let name = lexer.metadataEntry()
                lexer.space()
                pairs.append(IMAPPair(name: name, value: lexer.metadataValue()))
            }
        } else {
            repeat { pairs.append(IMAPPair(name: metadataEntry(), value: .none)) } while !failed && takeSpace()
        }
        return .metadata(mailbox: mailbox, pairs)
    }

    /// entry: begins with "/", does not end with one, no two together, no wildcards, controls or octets beyond ASCII
    /// (RFC 5464 §3.2).
    mutating func metadataEntry() -> IMAPSpan {
        let start = at
        let span = astring()
        guard !failed, span.form != .omitted else { return span }
        let from = Int(span.start)
        let upTo = from &+ Int(span.count)
        var before: UInt8 = 0
        var fits = octet(from) == UInt8(ascii: "/") && span.count > 1
        for index in from..<upTo {
            let octet = octet(index)
            let isDouble = octet == UInt8(ascii: "/") && before == octet
            if isDouble || octet == UInt8(ascii: "*") || octet == UInt8(ascii: "%") || octet < 0x1A || octet >= 128 {
                fits = false
                break
            }
            before = octet
        }
        if !fits || before == UInt8(ascii: "/") { note(.badMetadataEntry, at: start) }
        return span
    }

    /// `nstring / literal8`; an empty span where the value is empty, `.none` for NIL.
    mutating func metadataValue() -> IMAPSpan { nstring(allows8: true) }

    /// Fields with values of ID, nil for NIL (RFC 2971 §3.3: at most 30, each once).
    mutating func idPairs() -> [IMAPPair]? {
        if take(word: "NIL") { return nil }
        var pairs: [IMAPPair] = []
        let start = at
        list { lexer in
            let from = lexer.at
            let name = lexer.string()
            lexer.space()
            let value = lexer.nstring()
            let valueSize = value.form == .omitted || value.isNil ? 0 : Int(value.count)
            if name.form != .omitted, name.count > 30 || valueSize > 1024 { lexer.note(.idTooLong, at: from) }
            // Names are compared among the first 30 only: more are a fault of their own.
            if pairs.count < 30, pairs.contains(where: { lexer.sameWord($0.name, name) }) {
                lexer.note(.idTwice, at: from)
            }
            pairs.append(IMAPPair(name: name, value: value))
        }
        if pairs.count > 30 { note(.idTooMany, at: start) }
        return pairs
    }

    /// The octets are the same, letters in either case.
    func sameWord(_ one: IMAPSpan, _ other: IMAPSpan) -> Bool {
        guard one.count == other.count, one.form != .omitted, other.form != .omitted else { return false }
        for offset in 0..<Int(one.count)
        where IMAPOctet.upper(octet(Int(one.start) &+ offset)) != IMAPOctet.upper(octet(Int(other.start) &+ offset)) {
            return false
        }
        return true
    }

    private mutating func urlFetch() -> IMAPResponseValue {
        var pairs: [IMAPPair] = []
        while takeSpace() {
            let url = astring()
            space()
            let from = at
            if next == UInt8(ascii: "(") {
                // The extended form: lists one behind the other.
                skipList()
                while next == 32, peek(1) == UInt8(ascii: "(") {
                    at &+= 1
                    skipList()
                }
                pairs.append(IMAPPair(name: url, value: IMAPSpan(from, at, .bare)))
            } else {
                pairs.append(IMAPPair(name: url, value: nstring()))
            }
        }
        return .fetchedURLs(pairs)
    }

    /// Astrings, each with a space before it, up to the end.
    mutating func astrings() -> [IMAPSpan] {
        var strings: [IMAPSpan] = []
        while takeSpace() { strings.append(astring()) }
        return strings
    }
}
