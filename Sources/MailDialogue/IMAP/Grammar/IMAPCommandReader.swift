// Reads a whole command into a typed value (RFC 9051 §6, §9 command) and says where its arguments are wrong.

extension IMAPCommandReading {
    /// - Parameters:
    ///   - text: a command with all its lines.
    ///   - charset: what octets beyond ASCII mean in this session.
    package init(_ text: IMAPText, charset: IMAPCharset = .unknown) {
        self = IMAPLexer.read(text, charset) { lexer in
            var reading = IMAPCommandReading(
                text: text, tag: .none, verb: .none, isUID: false, value: .none, faults: [])
            lexer.command(&reading)
            lexer.finish()
            reading.faults = lexer.faults
            return reading
        }
    }
}

extension IMAPLexer {
    fileprivate mutating func command(_ reading: inout IMAPCommandReading) {
        let start = at
        reading.tag = run { IMAPOctet.isAString($0) && $0 != UInt8(ascii: "+") }
        if reading.tag.count == 0 || isGoing && next != 32 {
            fail(.badTag, at: start)
            return
        }
        space()
        let from = at
        reading.verb = run { !IMAPOctet.endsWord($0) }
        if isWord(reading.verb, "UID") {
            reading.isUID = true
            space()
            reading.verb = run { !IMAPOctet.endsWord($0) }
        }
        guard !failed, reading.verb.count > 0 else {
            fail(.unexpected)
            return
        }
        let arguments = at
        let word = word(reading.verb)
        let value = reading.isUID ? uidCommand(word) : plainCommand(word) ?? commonCommand(word, isUID: false)
        if let value {
            reading.value = value
        } else {
            note(.unknownCommand, at: from)
            reading.value = .other(rest: passAll(arguments))
        }
    }

    /// All that is left; nothing of it is judged.
    private mutating func passAll(_ start: Int) -> IMAPSpan {
        let span = IMAPSpan(start, end, .bare)
        move(to: end)
        return span
    }

    // MARK: Commands on messages

    private mutating func uidCommand(_ word: String) -> IMAPCommandValue? {
        if word == "EXPUNGE" {
            space()
            return .expungeUIDs(numberSet())
        }
        switch word {
        case "FETCH", "STORE", "SEARCH", "COPY", "MOVE", "SORT", "THREAD", "REPLACE", "CONVERT":
            return commonCommand(word, isUID: true)
        default: return nil
        }
    }

    private mutating func commonCommand(_ word: String, isUID: Bool) -> IMAPCommandValue? {
        switch word {
        case "FETCH":
            space()
            let set = numberSet()
            space()
            let (attributes, modifiers) = fetchArguments(isUID: isUID)
            return .fetch(set, attributes, modifiers)
        case "STORE":
            space()
            let set = numberSet()
            space()
            return .store(set, storeArguments())
        case "COPY", "MOVE":
            space()
            let set = numberSet()
            space()
            let mailbox = mailbox()
            return word == "COPY" ? .copy(set, mailbox: mailbox) : .move(set, mailbox: mailbox)
        case "SEARCH": return .search(searchArguments())
        case "SORT":
            space()
            let returns = searchReturns()
            if returns != nil { space() }
            let keys = sortKeys()
            space()
            var arguments = sortedArguments()
            arguments.returns = returns
            return .sort(keys: keys, arguments)
        case "THREAD":
            space()
            let algorithm = atom()
            space()
            return .thread(algorithm: algorithm, sortedArguments())
        case "REPLACE":
            space()
            let number = replaceNumber()
            space()
            let mailbox = mailbox()
            guard takeSpace() else {
                if !failed { fail(.noMessage, at: at) }
                return .replace(number, mailbox: mailbox, IMAPAppendMessage())
            }
            return .replace(number, mailbox: mailbox, appendMessage())
        case "CONVERT":
            space()
            let set = numberSet()
            space()
            let (conversion, items) = conversion()
            return .convert(set, conversion, items)
        default: return mailboxCommand(word)
        }
    }

    /// seq-number: a number or `*`.
    private mutating func replaceNumber() -> UInt32 {
        if take(UInt8(ascii: "*")) { return 0 }
        return nonZero()
    }

    // MARK: Commands of the session

    private mutating func plainCommand(_ word: String) -> IMAPCommandValue? {
        if let plain = IMAPCommandValue.Plain(rawValue: word) { return .plain(plain) }
        switch word {
        case "AUTHENTICATE": return authenticate()
        case "LOGIN":
            space()
            let user = astring()
            space()
            return .login(user: user, password: astring())
        case "ID":
            space()
            return .id(idPairs())
        case "ENABLE":
            let names = words()
            if names.isEmpty, !failed { fail(.ended) }
            return .enable(names)
        case "COMPRESS":
            space()
            return .compress(atom())
        case "LANGUAGE": return .language(astrings())
        case "COMPARATOR": return .comparator(astrings())
        case "CANCELUPDATE":
            var tags: [IMAPSpan] = []
            repeat {
                space()
                tags.append(quoted())
            } while !failed && next == 32
            return .cancelUpdate(tags: tags)
        default: return nil
        }
    }

    /// auth-type and an initial response: base64, or "=" for an empty one (RFC 9051 §9).
    private mutating func authenticate() -> IMAPCommandValue {
        space()
        let mechanism = atom()
        guard takeSpace() else { return .authenticate(mechanism: mechanism, initialResponse: .none) }
        let start = at
        let response = run { $0 > 32 }
        if !isBase64(response) { note(.badBase64, at: start) }
        return .authenticate(mechanism: mechanism, initialResponse: response)
    }

    private func isBase64(_ span: IMAPSpan) -> Bool {
        let from = Int(span.start)
        let count = Int(span.count)
        if count == 1 { return octet(from) == UInt8(ascii: "=") }
        guard count % 4 == 0 else { return false }
        var padding = 0
        for index in from..<(from &+ count) {
            let octet = octet(index)
            if octet == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            let fits =
                IMAPOctet.isLetter(octet) || IMAPOctet.isDigit(octet) || octet == UInt8(ascii: "+")
                || octet == UInt8(ascii: "/")
            if !fits || padding > 0 { return false }
        }
        return padding <= 2
    }

    // MARK: Commands on mailboxes

    private mutating func mailboxCommand(_ word: String) -> IMAPCommandValue? {
        switch word {
        case "SELECT", "EXAMINE": return select(isExamine: word == "EXAMINE")
        case "CREATE":
            space()
            let mailbox = mailbox()
            return .create(mailbox: mailbox, createParameters())
        case "DELETE":
            space()
            return .delete(mailbox: mailbox())
        case "RENAME":
            space()
            let from = mailbox()
            space()
            let to = mailbox()
            _ = createParameters()
            return .rename(from: from, to: to)
        case "SUBSCRIBE":
            space()
            return .subscribe(mailbox: mailbox())
        case "UNSUBSCRIBE":
            space()
            return .unsubscribe(mailbox: mailbox())
        case "LIST": return .list(listArguments())
        case "LSUB", "XLIST", "RLIST", "RLSUB":
            space()
            let reference = mailbox()
            space()
            return .lsub(reference: reference, pattern: listMailbox())
        case "STATUS":
            space()
            let mailbox = mailbox()
            space()
            return .status(mailbox: mailbox, items: statusItems())
        case "APPEND":
            space()
            let mailbox = mailbox()
            return .append(mailbox: mailbox, appendMessages())
        default: return administration(word)
        }
    }

    private mutating func select(isExamine: Bool) -> IMAPCommandValue {
        space()
        let mailbox = mailbox()
        var parameters: [IMAPSelectParameter] = []
        if takeSpace() {
            list(allowsEmpty: false) { parameters.append($0.selectParameter()) }
        }
        return .select(mailbox: mailbox, parameters, isExamine: isExamine)
    }

    private mutating func selectParameter() -> IMAPSelectParameter {
        let start = at
        let name = label()
        if isWord(name, "CONDSTORE") { return .condStore }
        if isWord(name, "ANNOTATE") { return .annotate }
        guard isWord(name, "QRESYNC") else {
            if !failed { note(.unknownItem, at: start) }
            return .other(name: name, value: optionValue())
        }
        space()
        expect(UInt8(ascii: "("))
        let validity = nonZero()
        space()
        let modSeq = nonZero64()
        var known = IMAPNumberSet()
        var numbers = IMAPNumberSet()
        var uids = IMAPNumberSet()
        if next == 32, peek(1) != UInt8(ascii: "(") {
            space()
            known = numberSet(.numbers)
        }
        if next == 32 {
            space()
            expect(UInt8(ascii: "("))
            numbers = numberSet(.numbers)
            space()
            uids = numberSet(.numbers)
            close()
        }
        close()
        return .qresync(uidValidity: validity, modSeq: modSeq, knownUIDs: known, numbers: numbers, uids: uids)
    }

    /// `(USE (\Drafts))` and what is to come (RFC 4466 §2.2, RFC 6154 §3).
    private mutating func createParameters() -> [IMAPPair] {
        guard takeSpace() else { return [] }
        var pairs: [IMAPPair] = []
        list(allowsEmpty: false) { lexer in
            let start = lexer.at
            let name = lexer.label()
            if lexer.isWord(name, "USE") {
                lexer.space()
                let from = lexer.at
                _ = lexer.flagList()
                pairs.append(IMAPPair(name: name, value: IMAPSpan(from, lexer.at, .bare)))
            } else {
                if !lexer.failed { lexer.note(.unknownItem, at: start) }
                pairs.append(IMAPPair(name: name, value: lexer.optionValue()))
            }
        }
        return pairs
    }

    /// The items that STATUS asks for.
    mutating func statusItems() -> [IMAPSpan] {
        var items: [IMAPSpan] = []
        list(allowsEmpty: false) { lexer in
            let start = lexer.at
            let item = lexer.atom()
            switch lexer.word(item) {
            case "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE", "HIGHESTMODSEQ",
                "APPENDLIMIT", "MAILBOXID", "DELETED-STORAGE":
                break
            default: if !lexer.failed { lexer.note(.unknownItem, at: start) }
            }
            items.append(item)
        }
        return items
    }

    // MARK: LIST

    private mutating func listArguments() -> IMAPListArguments {
        var arguments = IMAPListArguments()
        space()
        if next == UInt8(ascii: "(") {
            arguments.selection = selectionOptions()
            space()
        }
        arguments.reference = mailbox()
        space()
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { arguments.patterns.append($0.listMailbox()) }
        } else {
            arguments.patterns.append(listMailbox())
        }
        if takeSpace() {
            if take(word: "RETURN") {
                space()
                list { arguments.returns.append($0.returnOption()) }
            } else {
                fail(.unexpected)
            }
        }
        return arguments
    }

    private mutating func selectionOptions() -> [IMAPPair] {
        let start = at
        var options: [IMAPPair] = []
        var isRecursive = false
        var hasBase = false
        list { lexer in
            let from = lexer.at
            let name = lexer.run { !IMAPOctet.endsWord($0) }
            switch lexer.word(name) {
            case "SUBSCRIBED": hasBase = true
            case "RECURSIVEMATCH": isRecursive = true
            case "REMOTE", "SPECIAL-USE": break
            default:
                // It may be a base option: then RECURSIVEMATCH is not alone.
                hasBase = true
                if name.count > 0 { lexer.note(.unknownItem, at: from) }
            }
            options.append(IMAPPair(name: name, value: lexer.optionValue()))
        }
        if isRecursive, !hasBase, !failed { note(.recursiveMatchAlone, at: start) }
        return options
    }

    private mutating func returnOption() -> IMAPPair {
        let start = at
        let name = run { !IMAPOctet.endsWord($0) }
        switch word(name) {
        case "SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS": return IMAPPair(name: name, value: .none)
        case "STATUS":
            space()
            let from = at
            _ = statusItems()
            return IMAPPair(name: name, value: IMAPSpan(from, at, .bare))
        case "METADATA":
            space()
            let from = at
            list(allowsEmpty: false) { _ = $0.metadataEntry() }
            return IMAPPair(name: name, value: IMAPSpan(from, at, .bare))
        default:
            if name.count > 0 { note(.unknownItem, at: start) }
            return IMAPPair(name: name, value: optionValue())
        }
    }
}
