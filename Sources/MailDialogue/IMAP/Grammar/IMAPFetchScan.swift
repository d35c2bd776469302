// The items of a FETCH response that a mailbox view needs: UID, FLAGS and MODSEQ. Everything else is passed over as
// tokens, nothing is kept, nothing is allocated.

/// What a view takes from a FETCH or UIDFETCH response.
package struct IMAPFetchScan: Equatable, Sendable {
    /// Sequence number; with `isUIDFetch` the UID.
    package var number: UInt32 = 0
    package var isUIDFetch = false
    package var uid: UInt32?
    package var modSeq: UInt64?
    /// The inside of the list of flags; nil when the response tells none.
    package var flags: IMAPSpan?

    /// - Parameter text: a response. Nil when it is no FETCH or its items can't be told apart.
    package init?(_ text: IMAPText) {
        guard let scan = IMAPLexer.read(text, .unknown, { IMAPFetchScan(&$0) }) else { return nil }
        self = scan
    }

    private init?(_ lexer: inout IMAPLexer) {
        guard lexer.take(UInt8(ascii: "*")), lexer.take(32) else { return nil }
        number = lexer.nonZero()
        guard lexer.take(32) else { return nil }
        if lexer.take(word: "UIDFETCH") {
            isUIDFetch = true
            uid = number
        } else if !lexer.take(word: "FETCH") {
            return nil
        }
        guard lexer.take(32), lexer.take(UInt8(ascii: "(")) else { return nil }
        if lexer.take(UInt8(ascii: ")")) { return }
        repeat {
            if lexer.take(word: "UID") {
                lexer.space()
                let value = lexer.nonZero()
                // What is told twice counts as it was told first, as with the reader.
                if uid == nil { uid = value }
            } else if lexer.take(word: "FLAGS") {
                lexer.space()
                let from = lexer.at
                lexer.skipList()
                if flags == nil { flags = IMAPSpan(from &+ 1, lexer.at &- 1, .bare) }
            } else if lexer.take(word: "MODSEQ") {
                lexer.space()
                lexer.expect(UInt8(ascii: "("))
                let value = lexer.nonZero64()
                lexer.close()
                if modSeq == nil { modSeq = value }
            } else {
                lexer.skipItem()
            }
        } while !lexer.failed && lexer.more()
        // A number that is none says nothing of any message.
        if lexer.failed || number == 0 || uid == 0 || modSeq == 0 { return nil }
    }
}

extension IMAPLexer {
    /// Passes over an item of FETCH: its name, with a section, and its value.
    fileprivate mutating func skipItem() {
        let name = run { !IMAPOctet.endsWord($0) && $0 != UInt8(ascii: "[") }
        if name.count == 0 { return fail(.unexpected) }
        if next == UInt8(ascii: "[") { _ = section() }
        _ = run { !IMAPOctet.endsWord($0) }
        space()
        switch next {
        case UInt8(ascii: "("): skipList()
        case UInt8(ascii: "\""): _ = quoted()
        default: _ = anyValue()
        }
    }
}
