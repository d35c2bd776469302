// The arguments of commands that are about neither messages nor the choice of a mailbox: metadata, quota, rights,
// NOTIFY, URLAUTH, ESEARCH.

extension IMAPLexer {
    /// The value of a command; nil when the verb is none of these.
    mutating func administration(_ word: String) -> IMAPCommandValue? {
        switch word {
        case "GETMETADATA": return getMetadata()
        case "SETMETADATA":
            space()
            let mailbox = mailbox()
            space()
            var pairs: [IMAPPair] = []
            list(allowsEmpty: false) { lexer in
                let entry = lexer.metadataEntry()
                lexer.space()
                pairs.append(IMAPPair(name: entry, value: lexer.metadataValue()))
            }
            return .setMetadata(mailbox: mailbox, pairs)
        case "GETQUOTA":
            space()
            return .getQuota(root: astring())
        case "GETQUOTAROOT":
            space()
            return .getQuotaRoot(mailbox: mailbox())
        case "SETQUOTA":
            space()
            let root = astring()
            space()
            var limits: [IMAPPair] = []
            list { lexer in
                let name = lexer.atom()
                lexer.space()
                let from = lexer.at
                _ = lexer.number64()
                limits.append(IMAPPair(name: name, value: IMAPSpan(from, lexer.at, .bare)))
            }
            return .setQuota(root: root, limits)
        case "NOTIFY": return notify()
        case "ESEARCH": return multiSearch()
        default: return rightsCommand(word) ?? urlCommand(word)
        }
    }

    // MARK: Rights

    private mutating func rightsCommand(_ word: String) -> IMAPCommandValue? {
        switch word {
        case "GETACL":
            space()
            return .getACL(mailbox: mailbox())
        case "MYRIGHTS":
            space()
            return .myRights(mailbox: mailbox())
        case "SETACL":
            space()
            let mailbox = mailbox()
            space()
            let identifier = astring()
            space()
            return .setACL(mailbox: mailbox, identifier: identifier, rights: rights(isModification: true))
        case "DELETEACL", "LISTRIGHTS":
            space()
            let mailbox = mailbox()
            space()
            let identifier = astring()
            if word == "DELETEACL" { return .deleteACL(mailbox: mailbox, identifier: identifier) }
            return .listRights(mailbox: mailbox, identifier: identifier)
        default: return nil
        }
    }

    // MARK: Metadata

    /// Options stand before or behind the mailbox: RFC 5464 has both orders in its text and its examples.
    private mutating func getMetadata() -> IMAPCommandValue {
        var options: [IMAPPair] = []
        space()
        if next == UInt8(ascii: "(") {
            options = metadataOptions()
            space()
        }
        let mailbox = mailbox()
        space()
        var entries: [IMAPSpan] = []
        if next == UInt8(ascii: "(") {
            if options.isEmpty, peek(1) != UInt8(ascii: "/"), peek(1) != UInt8(ascii: "\"") {
                options = metadataOptions()
                space()
            }
        }
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { entries.append($0.metadataEntry()) }
        } else {
            entries.append(metadataEntry())
        }
        return .getMetadata(mailbox: mailbox, options: options, entries: entries)
    }

    private mutating func metadataOptions() -> [IMAPPair] {
        var options: [IMAPPair] = []
        list(allowsEmpty: false) { lexer in
            let start = lexer.at
            let name = lexer.label()
            lexer.space()
            let from = lexer.at
            switch lexer.word(name) {
            case "MAXSIZE": _ = lexer.number()
            case "DEPTH":
                let value = lexer.run { !IMAPOctet.endsWord($0) }
                if !lexer.isWord(value, "0"), !lexer.isWord(value, "1"), !lexer.isWord(value, "INFINITY") {
                    lexer.note(.unexpected, at: from)
                }
            default:
                if !lexer.failed { lexer.note(.unknownItem, at: start) }
                _ = lexer.anyValue()
            }
            options.append(IMAPPair(name: name, value: IMAPSpan(from, lexer.at, .bare)))
        }
        return options
    }

    // MARK: NOTIFY

    private mutating func notify() -> IMAPCommandValue {
        space()
        if take(word: "NONE") { return .notify(wantsStatus: false, groups: nil) }
        if !take(word: "SET") { fail(.unexpected) }
        space()
        let wantsStatus = take(word: "STATUS")
        if wantsStatus { space() }
        var groups: [IMAPSpan] = []
        repeat {
            let from = at
            eventGroup()
            groups.append(IMAPSpan(from, at, .bare))
        } while !failed && takeSpace()
        return .notify(wantsStatus: wantsStatus, groups: groups)
    }

    /// `(filter-mailboxes events)` (RFC 5465 §8).
    private mutating func eventGroup() {
        expect(UInt8(ascii: "("))
        mailboxFilter()
        space()
        if take(word: "NONE") { return close() }
        let start = at
        var hasNew = false
        var hasExpunge = false
        var hasChange = false
        list(allowsEmpty: false) { lexer in
            let from = lexer.at
            let event = lexer.atom()
            switch lexer.word(event) {
            case "MESSAGENEW":
                hasNew = true
                if lexer.next == 32, lexer.peek(1) == UInt8(ascii: "(") {
                    lexer.space()
                    lexer.list(allowsEmpty: false) { _ = $0.fetchAttribute(inList: true) }
                }
            case "MESSAGEEXPUNGE": hasExpunge = true
            case "FLAGCHANGE", "ANNOTATIONCHANGE": hasChange = true
            case "MAILBOXNAME", "SUBSCRIPTIONCHANGE", "MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE": break
            default: if !lexer.failed { lexer.note(.unknownItem, at: from) }
            }
        }
        // RFC 5465 §5: new and expunged messages go together, and changes with both.
        if !failed, hasNew != hasExpunge || hasChange && !hasNew { note(.eventsIncomplete, at: start) }
        close()
    }

    /// filter-mailboxes: a word, and for subtree and mailboxes the names.
    private mutating func mailboxFilter() {
        let start = at
        let name = run { !IMAPOctet.endsWord($0) }
        switch word(name) {
        case "SELECTED", "SELECTED-DELAYED", "INBOXES", "PERSONAL", "SUBSCRIBED": break
        case "SUBTREE", "SUBTREE-ONE", "MAILBOXES":
            space()
            if next == UInt8(ascii: "(") { list(allowsEmpty: false) { _ = $0.mailbox() } } else { _ = mailbox() }
        default: name.count == 0 ? fail(.unexpected) : note(.unknownItem, at: start)
        }
    }

    // MARK: URLAUTH, ESEARCH

    private mutating func urlCommand(_ word: String) -> IMAPCommandValue? {
        switch word {
        case "GENURLAUTH":
            var pairs: [IMAPPair] = []
            repeat {
                space()
                let url = astring()
                space()
                pairs.append(IMAPPair(name: url, value: atom()))
            } while !failed && next == 32
            return .generateURLs(pairs)
        case "RESETKEY":
            guard takeSpace() else { return .resetKey(mailbox: .none, mechanisms: []) }
            let mailbox = mailbox()
            return .resetKey(mailbox: mailbox, mechanisms: astrings())
        case "URLFETCH":
            var urls: [IMAPSpan] = []
            repeat {
                space()
                // The list of RFC 5524 §3.1 has a URL with what is wanted of it.
                urls.append(next == UInt8(ascii: "(") ? anyValue() : astring())
            } while !failed && next == 32
            return .fetchURLs(urls)
        case "CONVERSIONS":
            space()
            let source = mediaType(isPattern: true)
            space()
            return .conversions(from: source, to: mediaType(isPattern: true))
        case "UIDBATCHES":
            space()
            let size = nonZero()
            return .uidBatches(size: size, batches: takeSpace() ? numberSet(.numbers) : nil)
        case "GETANNOTATION", "SETANNOTATION", "XAPPLEPUSHSERVICE":
            // No RFC has them: their arguments are not judged.
            let start = at
            move(to: end)
            return .other(rest: IMAPSpan(start, end, .bare))
        default: return nil
        }
    }

    /// `ESEARCH [IN (…)] [RETURN (…)] …` (RFC 7377 §4).
    private mutating func multiSearch() -> IMAPCommandValue {
        var sources = IMAPSpan.none
        if next == 32, IMAPOctet.upper(peek(1)) == UInt8(ascii: "I") {
            space()
            if take(word: "IN") {
                space()
                let from = at
                expect(UInt8(ascii: "("))
                repeat {
                    // Options stand behind the mailboxes, in a list of their own.
                    if next == UInt8(ascii: "(") { skipList() } else { mailboxFilter() }
                } while !failed && next != UInt8(ascii: ")") && takeSpace()
                close()
                sources = IMAPSpan(from, at, .bare)
            } else {
                fail(.unexpected)
            }
        }
        return .multiSearch(sources: sources, searchArguments())
    }
}
