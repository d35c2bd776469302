// The first line of what an IMAP server sends (RFC 9051 §2.2.2, §7): its first token decides what it is.

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
        let (first, rest) = line.firstWord
        guard let octet = first.first else {
            self = .none
            return
        }
        if octet == UInt8(ascii: "+"), first.count == 1 {
            self = .continuation
        } else if octet == UInt8(ascii: "*"), first.count == 1 {
            // A number before the keyword: "* 12 FETCH".
            var (word, behind) = rest.firstWord
            if let digit = word.first, digit >= 48, digit <= 57 { (word, behind) = behind.firstWord }
            self = word.isEmpty ? .none : .untagged(word.keyword())
        } else {
            self = .tagged(first.prefix(IMAPCommand.tagLimit).wireText, Self.status(rest.firstWord.word))
        }
    }

    private static func status(_ word: ArraySlice<UInt8>) -> ReplyStatus? {
        if word.equalsIgnoringCase("OK") { return .ok }
        if word.equalsIgnoringCase("NO") { return .refused }
        if word.equalsIgnoringCase("BAD") { return .bad }
        return nil
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
