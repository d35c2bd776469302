// The first line of what an IMAP server sends (RFC 9051 §2.2.2, §7): its first token decides what it is.

/// The keyword of an untagged response.
package enum IMAPKeyword: UInt8, Sendable, CaseIterable {
    /// None of them.
    case unknown
    case ok, no, bad, bye, preauth
    case capability, enabled, id, namespace, list, lsub, xlist, status, flags
    case exists, recent, expunge, vanished, fetch, uidfetch, search, esearch, sort, thread
    case quota, quotaroot, acl, listrights, myrights, metadata, annotation, genurlauth, urlfetch
    case language, comparator, conversion, converted, jmapaccess, uidbatches

    /// As in notes.
    package var name: String {
        // Not kept in an array: a switch needs nothing to be made ready, and is asked with each line.
        switch self {
        case .unknown: "UNKNOWN"
        case .ok: "OK"
        case .no: "NO"
        case .bad: "BAD"
        case .bye: "BYE"
        case .preauth: "PREAUTH"
        case .capability: "CAPABILITY"
        case .enabled: "ENABLED"
        case .id: "ID"
        case .namespace: "NAMESPACE"
        case .list: "LIST"
        case .lsub: "LSUB"
        case .xlist: "XLIST"
        case .status: "STATUS"
        case .flags: "FLAGS"
        case .exists: "EXISTS"
        case .recent: "RECENT"
        case .expunge: "EXPUNGE"
        case .vanished: "VANISHED"
        case .fetch: "FETCH"
        case .uidfetch: "UIDFETCH"
        case .search: "SEARCH"
        case .esearch: "ESEARCH"
        case .sort: "SORT"
        case .thread: "THREAD"
        case .quota: "QUOTA"
        case .quotaroot: "QUOTAROOT"
        case .acl: "ACL"
        case .listrights: "LISTRIGHTS"
        case .myrights: "MYRIGHTS"
        case .metadata: "METADATA"
        case .annotation: "ANNOTATION"
        case .genurlauth: "GENURLAUTH"
        case .urlfetch: "URLFETCH"
        case .language: "LANGUAGE"
        case .comparator: "COMPARATOR"
        case .conversion: "CONVERSION"
        case .converted: "CONVERTED"
        case .jmapaccess: "JMAPACCESS"
        case .uidbatches: "UIDBATCHES"
        }
    }

    private static let words = IMAPWords<IMAPKeyword>([
        ("OK", .ok), ("NO", .no), ("BAD", .bad), ("BYE", .bye), ("PREAUTH", .preauth), ("CAPABILITY", .capability),
        ("ENABLED", .enabled), ("ID", .id), ("NAMESPACE", .namespace), ("LIST", .list), ("LSUB", .lsub),
        ("XLIST", .xlist), ("STATUS", .status), ("FLAGS", .flags), ("EXISTS", .exists), ("RECENT", .recent),
        ("EXPUNGE", .expunge), ("VANISHED", .vanished), ("FETCH", .fetch), ("UIDFETCH", .uidfetch),
        ("SEARCH", .search), ("ESEARCH", .esearch), ("SORT", .sort), ("THREAD", .thread), ("QUOTA", .quota),
        ("QUOTAROOT", .quotaroot), ("ACL", .acl), ("LISTRIGHTS", .listrights), ("MYRIGHTS", .myrights),
        ("METADATA", .metadata), ("ANNOTATION", .annotation), ("GENURLAUTH", .genurlauth), ("URLFETCH", .urlfetch),
        ("LANGUAGE", .language), ("COMPARATOR", .comparator), ("CONVERSION", .conversion), ("CONVERTED", .converted),
        ("JMAPACCESS", .jmapaccess), ("UIDBATCHES", .uidbatches),
    ])

    static func find(_ word: some OctetLine) -> IMAPKeyword { words.find(word) ?? .unknown }
    static func find(_ word: UnsafeBufferPointer<UInt8>) -> IMAPKeyword { words.find(word) ?? .unknown }

    /// Free text stands behind it, so that "{5}" at its end is no literal (RFC 9051 §9, resp-text).
    var isStatus: Bool {
        switch self {
        case .ok, .no, .bad, .bye, .preauth: true
        case .unknown, .capability, .enabled, .id, .namespace, .list, .lsub, .xlist, .status, .flags, .exists, .recent,
            .expunge, .vanished, .fetch, .uidfetch, .search, .esearch, .sort, .thread, .quota, .quotaroot, .acl,
            .listrights, .myrights, .metadata, .annotation, .genurlauth, .urlfetch, .language, .comparator, .conversion,
            .converted, .jmapaccess, .uidbatches:
            false
        }
    }

    /// A client that is not logged in has no use for it (RFC 9051 §11.3).
    var needsLogin: Bool {
        switch self {
        case .list, .lsub, .xlist, .status, .search, .esearch, .sort, .thread, .flags, .exists, .recent, .expunge,
            .vanished, .fetch, .uidfetch, .quota, .quotaroot, .acl, .listrights, .myrights, .metadata, .annotation,
            .converted:
            true
        case .unknown, .ok, .no, .bad, .bye, .preauth, .capability, .enabled, .id, .namespace, .genurlauth, .urlfetch,
            .language, .comparator, .conversion, .jmapaccess, .uidbatches:
            false
        }
    }
}

/// The first line of a response, cut into what every response has. One is made for every line: it is read in memory, and
/// holds places in place of slices.
struct IMAPResponseHead<Line: OctetLine> {
    /// What the first token says.
    enum Kind: Equatable {
        /// `+`, and whether a space follows as it must (RFC 9051 §9, continue-req).
        case continuation(isSpaced: Bool)
        case untagged
        case tagged
        case none
    }

    /// The number before the keyword.
    enum Number: Equatable {
        case none
        case value(UInt32)
        /// Beyond 32 bits, or with a letter in it.
        case bad
    }

    let kind: Kind
    let number: Number
    let keyword: IMAPKeyword
    /// The text begins with a response code.
    let hasCode: Bool
    private let line: Line
    private let places: Places

    /// Offsets in the line.
    private struct Places: Equatable {
        var tagEnd = 0
        var wordStart = 0
        var wordEnd = 0
        var restStart = 0
    }

    /// The tag of a tagged response.
    var tag: Line { line.prefix(places.tagEnd) }
    /// The keyword as it was.
    var word: Line { line.dropFirst(places.wordStart).prefix(places.wordEnd - places.wordStart) }
    /// What stands behind the keyword and one space.
    var rest: Line { line.dropFirst(places.restStart) }

    /// `line` is without its line end.
    init(_ line: Line) {
        self.line = line
        (kind, number, keyword, hasCode, places) =
            line.withContiguousStorageIfAvailable { Self.read($0) } ?? (.none, .none, .unknown, false, Places())
    }

    private static func read(_ line: UnsafeBufferPointer<UInt8>) -> (Kind, Number, IMAPKeyword, Bool, Places) {
        var places = Places()
        guard let first = line.first else { return (.none, .none, .unknown, false, places) }
        if first == UInt8(ascii: "+") {
            places.restStart = min(2, line.count)
            return (.continuation(isSpaced: line.count > 1 && line[1] == 32), .none, .unknown, false, places)
        }
        // Nearly all are "* ".
        let isStar = first == UInt8(ascii: "*")
        let tagEnd = isStar && line.count > 1 && line[1] == 32 ? 1 : end(line, 0)
        guard tagEnd > 0 else { return (.none, .none, .unknown, false, places) }
        let isUntagged = isStar && tagEnd == 1
        var number = Number.none
        places.wordStart = min(tagEnd + 1, line.count)
        if isUntagged, places.wordStart < line.count, IMAPOctet.isDigit(line[places.wordStart]) {
            // A number before the keyword: "* 12 FETCH".
            let numberEnd = end(line, places.wordStart)
            number = value(line, places.wordStart, numberEnd)
            places.wordStart = min(numberEnd + 1, line.count)
        }
        places.wordEnd = end(line, places.wordStart)
        places.restStart = min(places.wordEnd + 1, line.count)
        let keyword = IMAPKeyword.find(UnsafeBufferPointer(rebasing: line[places.wordStart..<places.wordEnd]))
        let hasCode = places.restStart < line.count && line[places.restStart] == UInt8(ascii: "[")
        if isUntagged {
            return (places.wordStart == places.wordEnd ? .none : .untagged, number, keyword, hasCode, places)
        }
        places.tagEnd = tagEnd
        return (.tagged, number, keyword, hasCode, places)
    }

    /// Where the word that begins at `start` ends.
    private static func end(_ line: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var index = start
        while index < line.count, line[index] != 32, line[index] != 9 { index += 1 }
        return index
    }

    private static func value(_ line: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Number {
        var value: UInt64 = 0
        for index in start..<end {
            guard IMAPOctet.isDigit(line[index]) else { return .bad }
            value = value * 10 + UInt64(line[index] - 48)
            if value > UInt64(UInt32.max) { return .bad }
        }
        return .value(UInt32(value))
    }
}

/// A parsed first line of a response.
package enum IMAPResponse: Equatable, Sendable {
    /// `+`: the server asks for more of the command that is open.
    case continuation
    /// `*`: untagged, with its keyword in capitals.
    case untagged(String)
    /// The end of the command with this tag. The status is nil when it is none of OK, NO, BAD.
    case tagged(String, ReplyStatus?)
    /// None of them.
    case none

    /// `line` is without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let head = IMAPResponseHead(line)
        switch head.kind {
        case .continuation: self = .continuation
        case .untagged: self = .untagged(head.word.keyword())
        case .tagged: self = .tagged(head.tag.prefix(IMAPCommand.tagLimit).wireText, Self.status(head.keyword))
        case .none: self = .none
        }
    }

    /// What a keyword says of a command; nil when it ends none.
    static func status(_ keyword: IMAPKeyword) -> ReplyStatus? {
        keyword == .ok ? .ok : keyword == .no ? .refused : keyword == .bad ? .bad : nil
    }

    /// Keywords behind which free text stands, so that "{5}" at its end is no literal (RFC 9051 §9, resp-text).
    package static func isStatus(_ keyword: String) -> Bool {
        switch keyword {
        case "OK", "NO", "BAD", "BYE", "PREAUTH": true
        default: false
        }
    }

    /// The item of a FETCH response to which the literal behind `line` belongs, when it is a message or a part of one:
    /// `BODY[]`, `BODY[1.2]<0>`, `RFC822`. `line` ends where the literal header begins.
    package static func messageItem<Line: OctetLine>(endOf line: Line) -> Line? {
        var end = line.endIndex
        while end > line.startIndex, line[end - 1] == 32 { end -= 1 }
        let front = line[..<end]
        guard let last = front.last else { return nil }
        var from = front.endIndex
        if last == UInt8(ascii: "]") || last == UInt8(ascii: ">") {
            guard let bracket = front.lastIndex(of: UInt8(ascii: "[")) else { return nil }
            from = bracket
        }
        while from > front.startIndex, front[from - 1] != 32, front[from - 1] != UInt8(ascii: "(") { from -= 1 }
        let item = front[from...]
        if item.hasPrefixIgnoringCase("BODY[") || item.hasPrefixIgnoringCase("BINARY[")
            || item.equalsIgnoringCase("RFC822") || item.equalsIgnoringCase("RFC822.HEADER")
            || item.equalsIgnoringCase("RFC822.TEXT")
        {
            return item
        }
        return nil
    }

    /// True when `line` ends outside of a quoted string: a literal header in one is text (RFC 9051 §4.3).
    package static func endsOutsideQuotes(_ line: some OctetLine) -> Bool {
        var quoted = false
        var escaped = false
        for octet in line {
            if escaped {
                escaped = false
            } else if quoted, octet == UInt8(ascii: "\\") {
                escaped = true
            } else if octet == UInt8(ascii: "\"") {
                quoted.toggle()
            }
        }
        return !quoted
    }
}
