// IMAP command lines (RFC 9051 §2.2.1, §9): the tag, the verb, and where the arguments begin.

/// A parsed first line of a command.
package struct IMAPCommand: Equatable, Sendable {
    /// The tag as it was; empty when the line has none that a server could answer to.
    package let tag: String
    /// The verb in capitals, `UID` joined to what it governs.
    package let verb: String
    /// The verb in the table of commands.
    package let code: IMAPVerb
    /// What stands behind the verb and one separator.
    package let arguments: ArraySlice<UInt8>
    /// The octets of the tag; empty as `tag` is.
    let tagOctets: ArraySlice<UInt8>

    /// The verb is one that the table knows.
    package var isKnown: Bool { code != .unknown }

    /// Tags longer than this are cut: they are kept while their command is open.
    package static let tagLimit = IMAPTag.limit

    /// `line` is without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let (first, rest) = line.firstWord
        tagOctets = Self.isTag(first) ? first : []
        tag = tagOctets.isEmpty ? "" : tagOctets.prefix(Self.tagLimit).wireText
        let (word, tail) = rest.firstWord
        if word.equalsIgnoringCase("UID") {
            let (second, behind) = tail.firstWord
            code = IMAPVerb.find(uid: second) ?? .unknown
            arguments = second.isEmpty ? tail : behind
            verb = code != .unknown ? code.name : second.isEmpty ? "UID" : "UID " + second.keyword()
        } else {
            code = IMAPVerb.find(word) ?? .unknown
            arguments = tail
            verb = code != .unknown ? code.name : word.keyword()
        }
    }

    /// The octets are a tag: an astring without "+" (RFC 9051 §9).
    static func isTag(_ word: ArraySlice<UInt8>) -> Bool {
        !word.isEmpty && word.allSatisfy { IMAPOctet.isAString($0) && $0 != UInt8(ascii: "+") }
    }
}

extension ArraySlice<UInt8> {
    /// The octets as text, one to one for printable ASCII; all others as `\xNN`, so that different octets stay
    /// different.
    var wireText: String {
        if allSatisfy({ $0 >= 32 && $0 < 127 }) { return text }
        var out = ""
        let digits = Array("0123456789abcdef".unicodeScalars)
        for octet in self {
            if octet >= 32, octet < 127 {
                out.unicodeScalars.append(Unicode.Scalar(octet))
            } else {
                out += "\\x"
                out.unicodeScalars.append(digits[Int(octet >> 4)])
                out.unicodeScalars.append(digits[Int(octet & 15)])
            }
        }
        return out
    }
}
