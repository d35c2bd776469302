// What a server answers to SEARCH, SORT and THREAD in the extended forms, and to STATUS.

extension IMAPLexer {
    // MARK: STATUS

    mutating func mailboxStatus() -> IMAPResponseValue {
        space()
        let mailbox = mailbox()
        space()
        var items: [IMAPStatusItem] = []
        list { lexer in
            let name = lexer.atom()
            lexer.space()
            let item = lexer.statusItem(name)
            items.append(item)
        }
        return .mailboxStatus(mailbox: mailbox, items)
    }

    private mutating func statusItem(_ name: IMAPSpan) -> IMAPStatusItem {
        switch word(name) {
        case "MESSAGES": return .messages(UInt32(truncatingIfNeeded: number()))
        case "RECENT": return .recent(UInt32(truncatingIfNeeded: number()))
        case "UIDNEXT": return .uidNext(nonZero())
        case "UIDVALIDITY": return .uidValidity(nonZero())
        case "UNSEEN": return .unseen(UInt32(truncatingIfNeeded: number()))
        case "DELETED": return .deleted(UInt32(truncatingIfNeeded: number()))
        case "SIZE": return .size(number64())
        case "HIGHESTMODSEQ": return .highestModSeq(number64())
        case "APPENDLIMIT": return .appendLimit(take(word: "NIL") ? nil : UInt32(truncatingIfNeeded: number()))
        case "MAILBOXID": return .mailboxID(objectIDInList())
        case "DELETED-STORAGE": return .deletedStorage(number64())
        default: return .other(name: name, value: anyValue())
        }
    }

    // MARK: ESEARCH

    mutating func extendedSearch() -> IMAPExtendedSearch {
        var search = IMAPExtendedSearch()
        guard isGoing else { return search }
        space()
        if next == UInt8(ascii: "(") {
            correlator(&search)
            guard takeSpace() else { return search }
        }
        if take(word: "UID") {
            search.isUID = true
            guard takeSpace() else { return search }
        }
        guard isGoing else { return search }
        repeat {
            let name = label()
            space()
            search.items.append(searchItem(name))
        } while !failed && takeSpace()
        return search
    }

    /// `UIDBATCHES (TAG "a1") 215:100,99:1`: told like the result of a search.
    mutating func uidBatches() -> IMAPExtendedSearch {
        var batches = IMAPExtendedSearch()
        batches.isUID = true
        space()
        correlator(&batches)
        if takeSpace() { batches.items = [.all(numberSet(.numbers))] }
        return batches
    }

    /// `(TAG "a1")`, also with MAILBOX and UIDVALIDITY (RFC 7377 §2.1).
    private mutating func correlator(_ search: inout IMAPExtendedSearch) {
        var found = search
        list(allowsEmpty: false) { lexer in
            if lexer.take(word: "TAG") {
                lexer.space()
                found.tag = lexer.astring()
            } else if lexer.take(word: "MAILBOX") {
                lexer.space()
                found.mailbox = lexer.mailbox()
            } else if lexer.take(word: "UIDVALIDITY") {
                lexer.space()
                found.uidValidity = lexer.nonZero()
            } else {
                lexer.note(.unknownItem)
                _ = lexer.anyValue()
                lexer.space()
                _ = lexer.anyValue()
            }
        }
        search = found
    }

    private mutating func searchItem(_ name: IMAPSpan) -> IMAPExtendedSearch.Item {
        switch word(name) {
        case "MIN": return .min(nonZero())
        case "MAX": return .max(nonZero())
        case "COUNT": return .count(UInt32(truncatingIfNeeded: number()))
        case "ALL": return .all(numberSet(.numbers))
        case "MODSEQ": return .modSeq(nonZero64())
        case "PARTIAL":
            expect(UInt8(ascii: "("))
            let range = partialRange()
            space()
            let numbers = take(word: "NIL") ? IMAPNumberSet() : numberSet(.numbers)
            close()
            return .partial(range: range, numbers)
        case "ADDTO": return .addTo(changes())
        case "REMOVEFROM": return .removeFrom(changes())
        case "RELEVANCY":
            var scores: [UInt32] = []
            list { scores.append(UInt32(truncatingIfNeeded: $0.number(limit: 100))) }
            return .relevancy(scores)
        default: return .other(name: name, value: anyValue())
        }
    }

    /// `1:500` or `-1:-500` (RFC 9394 §4).
    mutating func partialRange() -> IMAPSpan {
        let start = at
        let isNegative = take(UInt8(ascii: "-"))
        _ = nonZero()
        expect(UInt8(ascii: ":"))
        if isNegative { expect(UInt8(ascii: "-")) }
        _ = nonZero()
        return IMAPSpan(start, at, .bare)
    }

    private mutating func changes() -> [IMAPExtendedSearch.Change] {
        var changes: [IMAPExtendedSearch.Change] = []
        list { lexer in
            let position = UInt32(truncatingIfNeeded: lexer.number())
            lexer.space()
            changes.append(IMAPExtendedSearch.Change(position: position, numbers: lexer.numberSet(.numbers)))
        }
        return changes
    }

    // MARK: THREAD

    /// Lists in lists without recursion: a thread of ten thousand answers may be as deep.
    mutating func thread() -> [IMAPThreadNode] {
        var nodes: [IMAPThreadNode] = []
        // The parent that the next number has, for each list that is open.
        var parents: [Int32] = []
        if next == 32 { at &+= 1 }
        while isGoing {
            switch next {
            case UInt8(ascii: "("):
                let isNested = !parents.isEmpty
                var parent = parents.last ?? -1
                if isNested, parent < 0 {
                    // "((3)(5))": siblings whose parent is not there.
                    parent = Int32(truncatingIfNeeded: nodes.count)
                    nodes.append(IMAPThreadNode(number: 0, parent: -1))
                    parents[parents.count - 1] = parent
                }
                at &+= 1
                parents.append(parent)
                if next == UInt8(ascii: ")") { fail(.emptyList, at: at &- 1) }
            case UInt8(ascii: ")"):
                guard parents.popLast() != nil else {
                    fail(.unexpected)
                    return nodes
                }
                at &+= 1
            case 32:
                // Within a list a space parts a number from what follows; between threads there is none.
                if parents.isEmpty || peek(1) == 32 || peek(1) == UInt8(ascii: ")") { note(.extraSpace) }
                at &+= 1
            default:
                let from = at
                guard !parents.isEmpty else {
                    fail(.unexpected)
                    return nodes
                }
                let number = nonZero()
                guard !failed else { return nodes }
                if number == 0 { fail(.zeroNumber, at: from) }
                nodes.append(IMAPThreadNode(number: number, parent: parents[parents.count - 1]))
                parents[parents.count - 1] = Int32(truncatingIfNeeded: nodes.count - 1)
            }
        }
        if !parents.isEmpty { fail(.unclosedList, at: at) }
        return nodes
    }
}
