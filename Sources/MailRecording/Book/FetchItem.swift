// Which part of a message the content of an IMAP FETCH response is (RFC 9051 §6.4.5, §7.5.2).

import MailDialogue

/// The item of a FETCH response that came as a literal.
enum FetchItem: Equatable {
    /// `BODY[]`, `RFC822`.
    case whole
    /// `BODY[]<origin>`: octets from there on.
    case partial(origin: Int)
    /// A section that is no message: `BODY[HEADER]`, `BODY[1.2]`.
    case section

    init(_ section: String) {
        let octets = Array(section.utf8)[...]
        if octets.equalsIgnoringCase("BODY[]") || octets.equalsIgnoringCase("RFC822") {
            self = .whole
        } else if octets.hasPrefixIgnoringCase("BODY[]<"), octets.last == UInt8(ascii: ">"),
            let origin = octets.dropFirst(7).dropLast().decimal
        {
            self = .partial(origin: origin)
        } else {
            self = .section
        }
    }

    /// The number of octets that a FETCH command asks for at most: `BODY.PEEK[]<0.32768>`. Nil when it asks for the
    /// whole.
    static func requestedLength(_ line: ArraySlice<UInt8>) -> Int? {
        var rest = line
        while let bracket = rest.firstIndex(of: UInt8(ascii: "]")) {
            rest = rest[(bracket + 1)...]
            guard rest.first == UInt8(ascii: "<"), let end = rest.firstIndex(of: UInt8(ascii: ">")) else { continue }
            let range = rest[(rest.startIndex + 1)..<end]
            guard let point = range.firstIndex(of: UInt8(ascii: ".")) else { continue }
            return range[(point + 1)...].decimal
        }
        return nil
    }

    /// The message sequence number of `* 12 FETCH (…`.
    static func messageNumber(_ line: ArraySlice<UInt8>) -> Int? { line.firstWord.rest.firstWord.word.decimal }
}
