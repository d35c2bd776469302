// Received fields (RFC 5321 §4.4): which host took a message from which other one, when, and under which id.

/// What a Received field says; empty where it does not say.
package struct ReceivedField: Equatable, Sendable {
    /// The name that the sender gave.
    package private(set) var from = ""
    package private(set) var by = ""
    /// The protocol, such as ESMTPS.
    package private(set) var with = ""
    /// The id in the queue of `by`.
    package private(set) var id = ""
    /// A recipient.
    package private(set) var recipient = ""
    /// Microseconds since 1970; nil when there is no date.
    package private(set) var time: Int64?

    /// - Parameter value: the field's body, unfolded.
    package init(_ value: [UInt8]) {
        var words: [ArraySlice<UInt8>] = []
        var at = value.startIndex
        var semicolon: Int?
        while at < value.endIndex {
            switch value[at] {
            case UInt8(ascii: "("): at = Self.endOfComment(value, at)
            case UInt8(ascii: ";"):
                semicolon = at
                at += 1
            case let octet where Octets.isSpace(octet): at += 1
            default:
                let start = at
                at = Self.endOfWord(value, at)
                if semicolon == nil { words.append(value[start..<at]) }
            }
        }
        if let semicolon, let date = MailDate(parsing: value[(semicolon + 1)...]) { time = date.seconds &* 1_000_000 }
        for (place, word) in words.enumerated().dropLast() {
            let text = String(decoding: words[place + 1].prefix(500), as: UTF8.self)
            switch word.map(Octets.lower) {
            case Array("from".utf8): if from.isEmpty { from = text }
            case Array("by".utf8): if by.isEmpty { by = text }
            case Array("with".utf8): if with.isEmpty { with = text }
            case Array("id".utf8): if id.isEmpty { id = text }
            case Array("for".utf8):
                if recipient.isEmpty {
                    recipient = text.hasPrefix("<") ? String(text.dropFirst().prefix { $0 != ">" }) : text
                }
            default: break
            }
        }
    }

    /// Behind a comment, which may hold others (RFC 5322 §3.2.2).
    private static func endOfComment(_ value: [UInt8], _ start: Int) -> Int {
        var depth = 0
        var at = start
        while at < value.endIndex {
            switch value[at] {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return at + 1 }
            case UInt8(ascii: "\\"): at += 1
            default: break
            }
            at += 1
        }
        return value.endIndex
    }

    private static func endOfWord(_ value: [UInt8], _ start: Int) -> Int {
        var at = start
        var isQuoted = false
        while at < value.endIndex {
            let octet = value[at]
            if octet == UInt8(ascii: "\"") { isQuoted.toggle() }
            if !isQuoted, at > start,
                Octets.isSpace(octet) || octet == UInt8(ascii: ";") || octet == UInt8(ascii: "(")
            {
                return at
            }
            at += 1
        }
        return value.endIndex
    }
}
