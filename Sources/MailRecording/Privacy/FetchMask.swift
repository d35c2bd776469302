// What a FETCH response says of a message beside its literals (RFC 9051 §7.5.2): ENVELOPE, BODYSTRUCTURE, texts in quotes. Strings are
// hidden in their quotes, so that the response stays one.

import MailDialogue

/// Walks over the lines of one response, which its literals part, and hides strings that are parts of a message.
struct FetchMask: Equatable, Sendable {
    /// Items whose values are no part of a message.
    private static let harmless: Set<String> = [
        "FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "EMAILID", "THREADID", "SAVEDATE", "X-GM-MSGID",
        "X-GM-THRID", "X-GM-LABELS",
    ]
    /// Strings of a BODYSTRUCTURE that name kinds of things, and that its grammar rests on.
    private static let kinds: Set<String> = [
        "TEXT", "MULTIPART", "MESSAGE", "IMAGE", "AUDIO", "VIDEO", "APPLICATION", "FONT", "MODEL", "PLAIN", "HTML",
        "CALENDAR", "CSV", "XML", "ENRICHED", "MIXED", "ALTERNATIVE", "RELATED", "REPORT", "SIGNED", "ENCRYPTED",
        "DIGEST",
        "PARALLEL", "FORM-DATA", "RFC822", "GLOBAL", "DELIVERY-STATUS", "DISPOSITION-NOTIFICATION", "RFC822-HEADERS",
        "PARTIAL", "EXTERNAL-BODY", "OCTET-STREAM", "PDF", "ZIP", "JSON", "PGP-SIGNATURE", "PGP-ENCRYPTED", "PGP-KEYS",
        "PKCS7-MIME", "PKCS7-SIGNATURE", "X-PKCS7-MIME", "X-PKCS7-SIGNATURE", "JPEG", "PNG", "GIF", "7BIT", "8BIT",
        "BINARY", "BASE64", "QUOTED-PRINTABLE", "CHARSET", "NAME", "FILENAME", "BOUNDARY", "FORMAT", "DELSP", "METHOD",
        "PROTOCOL", "MICALG", "TYPE", "REPORT-TYPE", "SMIME-TYPE", "SIZE", "FLOWED", "FIXED", "US-ASCII", "UTF-8",
        "ISO-8859-1", "ISO-8859-15", "WINDOWS-1252", "ATTACHMENT", "INLINE",
    ]
    /// Octets of an item's name that tell it.
    private static let longestItem = 64

    /// What a response is.
    enum Kind: Equatable, Sendable {
        case fetch
        /// All of its strings are parts of messages: URLFETCH (RFC 4467), CONVERTED (RFC 5259).
        case all
        /// None is.
        case other

        init(_ keyword: String) {
            switch keyword {
            case "FETCH", "UIDFETCH": self = .fetch
            case "URLFETCH", "CONVERTED": self = .all
            case "CAPABILITY", "ENABLED", "ID", "NAMESPACE", "LIST", "LSUB", "XLIST", "STATUS", "FLAGS", "EXISTS",
                "RECENT", "EXPUNGE", "VANISHED", "SEARCH", "ESEARCH", "SORT", "THREAD", "QUOTA", "QUOTAROOT", "ACL",
                "LISTRIGHTS", "MYRIGHTS", "METADATA", "ANNOTATION", "GENURLAUTH", "LANGUAGE", "COMPARATOR",
                "CONVERSION", "JMAPACCESS", "UIDBATCHES", "OK", "NO", "BAD", "BYE", "PREAUTH":
                self = .other
            // What nobody knows may be a message.
            default: self = .all
            }
        }
    }

    private var kind = Kind.other
    private var scope = RecordingScope.all
    /// Parentheses that are open; items of the message stand in the first.
    private var depth = 0
    /// The item whose value comes next, in capitals; empty when a name does.
    private var item = ""
    /// The line ended with the size of a literal that is a part of a message.
    private(set) var hidesLiteral = false

    /// The response is not of interest, or has ended.
    var isIdle: Bool { kind == .other || scope == .all }

    /// A response begins.
    mutating func begin(_ kind: Kind, _ scope: RecordingScope) {
        self = FetchMask()
        self.kind = kind
        self.scope = scope
    }

    /// The octets of an item of a FETCH, such as `BODY[1.2]<0>`, are a part of a message beyond the scope.
    static func hides(_ section: String, _ scope: RecordingScope) -> Bool {
        switch scope {
        case .all: return false
        case .never, .envelope: return !isHarmless(section)
        case .headers: return !isHarmless(section) && !isHeader(section)
        }
    }

    private static func isHarmless(_ item: String) -> Bool { harmless.contains(item) }

    /// It is the header section of the message itself, or fields of it; the header of a part belongs to the body.
    static func isHeader(_ item: String) -> Bool {
        let octets = item.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }
        return ["BODY[HEADER]", "BODY[HEADER.FIELDS", "RFC822.HEADER", "ENVELOPE"].contains {
            octets.starts(with: $0.utf8)
        }
    }

    /// The next line of the response with all hidden that is beyond the scope. Nil when nothing is.
    mutating func hide(_ raw: ArraySlice<UInt8>, isFirst: Bool) -> ArraySlice<UInt8>? {
        guard !isIdle else { return nil }
        // What came before this line was the literal.
        if !isFirst, depth <= 1 { item = "" }
        hidesLiteral = false
        var octets = raw
        var isChanged = false
        let end = raw.withoutLineEnd.line.endIndex
        var at = raw.startIndex
        if isFirst {
            // `*`, a number where there is one, and the keyword.
            at = Self.skip(1, in: raw, to: end)
            let hasNumber = at < end && (48...57).contains(raw[at])
            at = Self.skip(hasNumber ? 3 : 2, in: raw, to: end)
            if kind == .fetch, at < end, raw[at] != UInt8(ascii: "(") {
                // No FETCH that anybody knows: all of it may be of a message.
                kind = .all
            }
        }
        while at < end {
            switch octets[at] {
            case UInt8(ascii: "("):
                depth += 1
                at += 1
            case UInt8(ascii: ")"):
                depth = max(0, depth - 1)
                if depth <= 1 { item = "" }
                at += 1
            case UInt8(ascii: " "): at += 1
            case UInt8(ascii: "\""):
                let start = at + 1
                at = start
                while at < end, octets[at] != UInt8(ascii: "\"") {
                    at += octets[at] == UInt8(ascii: "\\") && at + 1 < end ? 2 : 1
                }
                if hidesValue, start < at, !isKind(octets[start..<at]) {
                    for index in start..<at { octets[index] = UInt8(ascii: "x") }
                    isChanged = true
                }
                at = min(at + 1, end)
                if depth <= 1 { item = "" }
            default: if takeWord(&octets, &at, end) { isChanged = true }
            }
        }
        return isChanged ? octets : nil
    }

    private var hidesValue: Bool {
        switch kind {
        case .all: true
        case .fetch: Self.hides(item, scope)
        case .other: false
        }
    }

    private func isKind(_ string: ArraySlice<UInt8>) -> Bool {
        guard kind == .fetch, item == "BODY" || item == "BODYSTRUCTURE", string.count <= Self.longestItem else {
            return false
        }
        return Self.kinds.contains(string.keyword(limit: Self.longestItem))
    }

    /// Where the word stands that comes behind so many.
    private static func skip(_ words: Int, in raw: ArraySlice<UInt8>, to end: Int) -> Int {
        var at = raw.startIndex
        let space = UInt8(ascii: " ")
        for _ in 0..<words {
            while at < end, raw[at] != space { at += 1 }
            while at < end, raw[at] == space { at += 1 }
        }
        return at
    }

    /// An item's name, an atom or number as a value, or the size of a literal. True when it is hidden.
    private mutating func takeWord(_ octets: inout ArraySlice<UInt8>, _ at: inout Int, _ end: Int) -> Bool {
        let start = at
        var isInSection = false
        while at < end {
            let octet = octets[at]
            if octet == UInt8(ascii: "[") { isInSection = true }
            if octet == UInt8(ascii: "]") { isInSection = false }
            if !isInSection, [UInt8(ascii: " "), UInt8(ascii: "("), UInt8(ascii: ")")].contains(octet), at > start {
                break
            }
            at += 1
        }
        let word = octets[start..<at]
        if at == end, word.last == UInt8(ascii: "}") {
            hidesLiteral = hidesValue
            return false
        }
        let isName = depth == 1 && item.isEmpty && kind == .fetch
        let text = word.keyword(limit: Self.longestItem)
        let isHidden: Bool
        if isName {
            isHidden = !Self.isItem(text)
        } else {
            // Numbers are sizes and counts where the grammar has lists; else they are a text.
            let isNumber = depth > 1 && word.allSatisfy { (48...57).contains($0) }
            isHidden = hidesValue && text != "NIL" && !isNumber && !isKind(word)
        }
        if isHidden {
            for index in word.indices { octets[index] = UInt8(ascii: "x") }
        }
        guard depth == 1 else { return isHidden }
        item = item.isEmpty ? text : ""
        return isHidden
    }

    /// The name of an item, and not the rest of a literal that was longer than it said.
    private static func isItem(_ name: String) -> Bool {
        isHarmless(name)
            || ["BODY", "BINARY", "RFC822", "ENVELOPE", "PREVIEW", "SNIPPET", "ANNOTATION", "X-"]
                .contains { name.utf8.starts(with: $0.utf8) }
    }
}
