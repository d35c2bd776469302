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
    package var name: String { Self.names[Int(rawValue)] }

    private static let names: [String] = allCases.map { "\($0)".uppercased() }

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

    static func find(_ word: ArraySlice<UInt8>) -> IMAPKeyword { words.find(word) ?? .unknown }

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

/// The first line of a response, cut into what every response has.
struct IMAPResponseHead: Equatable {
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
        /// Zero, beyond 32 bits, or with a letter in it.
        case bad
    }

    var kind: Kind
    /// The tag of a tagged response.
    var tag: ArraySlice<UInt8> = []
    var number = Number.none
    var keyword = IMAPKeyword.unknown
    /// The keyword as it was.
    var word: ArraySlice<UInt8> = []
    /// What stands behind the keyword and one space.
    var rest: ArraySlice<UInt8> = []

    /// `line` is without its line end.
    init(_ line: ArraySlice<UInt8>) {
        guard let first = line.first else {
            kind = .none
            return
        }
        if first == UInt8(ascii: "+") {
            kind = .continuation(isSpaced: line.dropFirst().first == 32)
            rest = line.dropFirst(2)
            return
        }
        let (tag, behind) = line.firstWord
        guard !tag.isEmpty else {
            kind = .none
            return
        }
        var (word, rest) = behind.firstWord
        if first == UInt8(ascii: "*"), tag.count == 1 {
            // A number before the keyword: "* 12 FETCH".
            if let digit = word.first, digit &- 48 < 10 {
                let value = word.decimal
                number = value.flatMap { UInt32(exactly: $0) }.map { .value($0) } ?? .bad
                (word, rest) = rest.firstWord
            }
            kind = word.isEmpty ? .none : .untagged
        } else {
            kind = .tagged
            self.tag = tag
        }
        self.word = word
        self.rest = rest
        keyword = .find(word)
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
    package static func messageItem(endOf line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
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
    package static func endsOutsideQuotes(_ line: ArraySlice<UInt8>) -> Bool {
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
