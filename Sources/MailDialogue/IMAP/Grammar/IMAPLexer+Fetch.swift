// The items of a FETCH response (RFC 9051 §7.5.2). An item that does not fit is passed over, so that the others are read.

extension IMAPLexer {
    /// The list behind `* 12 FETCH `.
    mutating func fetchData(number: UInt32, isUIDFetch: Bool) -> IMAPFetchData {
        var data = IMAPFetchData(number: number, isUIDFetch: isUIDFetch)
        data.items.reserveCapacity(8)
        var uid = isUIDFetch ? number : nil
        var size: UInt64?
        let start = at
        expect(UInt8(ascii: "("))
        guard !failed else { return data }
        if take(UInt8(ascii: ")")) {
            note(.emptyList, at: start)
            return data
        }
        repeat {
            let from = at
            if let item = fetchItem(), !failed {
                // UID and size never change (RFC 9051 §9, msg-att-static): told twice, they are told alike.
                switch item {
                case .uid(let value):
                    if uid != nil, uid != value { note(.duplicateItem, at: from) }
                    uid = value
                case .size(let value):
                    if size != nil, size != value { note(.duplicateItem, at: from) }
                    size = value
                default: break
                }
                data.items.append(item)
            }
            if failed { passOver(from) }
        } while !failed && more()
        return data
    }

    /// Passes over an item that did not fit: its name, its section, its value.
    private mutating func passOver(_ from: Int) {
        recover(to: from)
        _ = run { !IMAPOctet.endsWord($0) && $0 != UInt8(ascii: "[") }
        if next == UInt8(ascii: "[") { _ = run { $0 != UInt8(ascii: "]") && $0 >= 32 } }
        _ = run { !IMAPOctet.endsWord($0) }
        guard take(32) else { return fail(.unexpected) }
        _ = anyValue()
    }

    /// An item with its value.
    private mutating func fetchItem() -> IMAPFetchedItem? {
        let name = run {
            IMAPOctet.isLetter($0) || IMAPOctet.isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "_")
        }
        guard name.count > 0 else {
            fail(.unexpected)
            return nil
        }
        if next == UInt8(ascii: "[") { return sectionItem(name) }
        space()
        // By length first: an item is decided by one or two comparisons.
        switch name.count {
        case 3:
            if isWord(name, "UID") { return .uid(nonZero()) }
        case 4:
            if isWord(name, "BODY") { return .body(bodyStructure(isExtended: false)) }
        case 5:
            if isWord(name, "FLAGS") { return .flags(flagList()) }
        case 6:
            if isWord(name, "MODSEQ") {
                expect(UInt8(ascii: "("))
                let value = nonZero64()
                close()
                return .modSeq(value)
            }
            if isWord(name, "RFC822") { return .message(nstring()) }
        case 7:
            if isWord(name, "PREVIEW") { return preview() }
            if isWord(name, "EMAILID") { return .emailID(objectIDInList()) }
        case 8:
            if isWord(name, "ENVELOPE") { return .envelope(envelope()) }
            if isWord(name, "THREADID") { return .threadID(take(word: "NIL") ? .none : objectIDInList()) }
            if isWord(name, "SAVEDATE") { return .saveDate(take(word: "NIL") ? .none : dateTime()) }
        case 10:
            if isWord(name, "ANNOTATION") { return .annotations(fetchedAnnotations()) }
            if isWord(name, "X-GM-MSGID") { return .gmailMessageID(number(limit: .max)) }
            if isWord(name, "X-GM-THRID") { return .gmailThreadID(number(limit: .max)) }
        case 11:
            if isWord(name, "RFC822.SIZE") { return .size(number64()) }
            if isWord(name, "RFC822.TEXT") { return .messageText(nstring()) }
            if isWord(name, "X-GM-LABELS") { return gmailLabels() }
        case 12:
            if isWord(name, "INTERNALDATE") { return .internalDate(dateTime()) }
        case 13:
            if isWord(name, "BODYSTRUCTURE") { return .bodyStructure(bodyStructure(isExtended: true)) }
            if isWord(name, "RFC822.HEADER") { return .messageHeader(nstring()) }
        default: break
        }
        return .other(name: name, value: anyValue())
    }

    private mutating func sectionItem(_ name: IMAPSpan) -> IMAPFetchedItem? {
        if isWord(name, "BODY") {
            let section = section()
            let origin = origin()
            space()
            return .section(section, origin: origin, content: nstring())
        }
        if isWord(name, "BINARY") {
            let section = section(binary: true)
            let origin = origin()
            space()
            return .binary(section, origin: origin, content: nstring(allows8: true))
        }
        if isWord(name, "BINARY.SIZE") {
            let section = section(binary: true)
            space()
            return .binarySize(section, number())
        }
        _ = run { $0 != UInt8(ascii: "]") && $0 >= 32 }
        expect(UInt8(ascii: "]"))
        _ = run { !IMAPOctet.endsWord($0) }
        let whole = IMAPSpan(Int(name.start), at, .bare)
        space()
        return .other(name: whole, value: anyValue())
    }

    /// `<0>`
    private mutating func origin() -> UInt64? {
        guard take(UInt8(ascii: "<")) else { return nil }
        let origin = number64()
        expect(UInt8(ascii: ">"))
        return origin
    }

    /// At most 256 characters (RFC 8970 §3.3); an octet that continues a character does not count.
    private mutating func preview() -> IMAPFetchedItem {
        let start = at
        let span = nstring()
        guard !failed, span.count > 256, span.form != .omitted else { return .preview(span) }
        var characters = 0
        for index in Int(span.start)..<(Int(span.start) &+ Int(span.count)) where octet(index) & 0xC0 != 0x80 {
            characters &+= 1
        }
        // A backslash that quotes is no character.
        if span.form != .escaped, characters > 256 { note(.previewTooLong, at: start) }
        return .preview(span)
    }

    /// Labels are astrings, and system labels begin with a backslash like flags.
    private mutating func gmailLabels() -> IMAPFetchedItem {
        var labels: [IMAPSpan] = []
        list { lexer in
            labels.append(lexer.next == UInt8(ascii: "\\") ? lexer.flag() : lexer.astring())
        }
        return .gmailLabels(labels)
    }
}
