// Messages that a server sends behind octets that are missing: `* 1 FETCH (BODY[] {n}` says where each begins and ends.
//
// In a message such a line may be quoted. It counts only where a response can begin: when all lines since the octets that are
// missing may be the first ones of responses, from the first on; or from the second on, when the client has asked for something since,
// which it does when it has the answers before. What follows must begin as a message does. Behind it the place is as little known as before.

extension IMAPDialogue {
    /// What a line of the server says of what comes next, while its place is not known.
    mutating func hear(_ head: IMAPResponseHead<OctetView>, _ line: OctetView, isShown: Bool) {
        let isFirst = search.isFirst
        search.isFirst = false
        search.announced = .nothing
        guard isShown, isResponse(head, line) else {
            search.speech = isFirst ? .tail : .text
            return
        }
        let message = announced(head, line)
        switch search.speech {
        case _ where message == .nothing: break
        case .responses: search.announced = message
        case .tail:
            if !search.awaitedText, search.asksForText || outstanding.fetches(after: search.lostAt) {
                search.announced = message
            }
        case .text: break
        }
    }

    /// The line may be the first one of a response, or the last one of such with a literal.
    private func isResponse(_ head: IMAPResponseHead<OctetView>, _ line: OctetView) -> Bool {
        switch head.kind {
        case .untagged: head.keyword != .unknown
        case .tagged: IMAPResponse.status(head.keyword) != nil || line.first == UInt8(ascii: ")")
        case .continuation: true
        case .none: false
        }
    }

    /// The whole message whose octets follow the line (RFC 9051 §7.5.2).
    private func announced(_ head: IMAPResponseHead<OctetView>, _ line: OctetView) -> IMAPGapSearch.Announced {
        guard head.kind == .untagged, head.keyword == .fetch || head.keyword == .uidfetch,
            case .value(let number) = head.number, number > 0, head.rest.first == UInt8(ascii: "("),
            let literal = IMAPLiteral(endOf: line), let size = literal.size, !literal.isNonSynchronizing
        else { return .nothing }
        let words = line[..<literal.start]
        guard IMAPResponse.endsOutsideQuotes(words), let item = IMAPResponse.messageItem(endOf: words),
            item.equalsIgnoringCase("BODY[]") || item.equalsIgnoringCase("RFC822")
        else { return .nothing }
        let content = Content(
            .message(.fetch), size: size, exchange: currentExchange, section: item.text, isPresumed: true)
        return .message(content, size: size, head.keyword)
    }

    /// Behind such a line: a header field begins the message.
    mutating func takesFetched(_ line: ArraySlice<UInt8>) -> Bool {
        guard server == .seeking, case .message(let content, let size, let keyword) = search.announced else {
            return false
        }
        search.announced = .nothing
        guard line.count <= size, FieldLine.begins(line) else { return false }
        server = .literal(content, size: size, keyword)
        return true
    }
}
