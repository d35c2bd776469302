// IMAP command lines (RFC 9051 §2.2.1, §9): the tag, the verb, and where the arguments begin.

/// A parsed first line of a command.
package struct IMAPCommand: Equatable, Sendable {
    /// The tag as it was; empty when the line has none that a server could answer to.
    package let tag: String
    /// The verb in capitals, `UID` joined to what it governs.
    package let verb: String
    package let isKnown: Bool
    /// What stands behind the verb and one separator.
    package let arguments: ArraySlice<UInt8>

    /// Tags longer than this are cut: they are kept while their command is open.
    package static let tagLimit = 128

    /// `line` is without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let (first, rest) = line.firstWord
        tag = Self.isTag(first) ? first.prefix(Self.tagLimit).wireText : ""
        let (word, tail) = rest.firstWord
        var verb = word.keyword()
        var arguments = tail
        if word.equalsIgnoringCase("UID") {
            let (second, behind) = tail.firstWord
            if !second.isEmpty {
                verb += " " + second.keyword()
                arguments = behind
            }
        }
        self.verb = verb
        self.arguments = arguments
        isKnown = Self.verbs.contains(verb)
    }

    /// Tags are atoms without "+" (RFC 9051 §9); "*" and "+" would be taken for other lines.
    private static func isTag(_ word: ArraySlice<UInt8>) -> Bool {
        !word.isEmpty
            && word.allSatisfy { octet in
                switch octet {
                case 0...32, 127...255: false
                case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "%"), UInt8(ascii: "*"),
                    UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "+"):
                    false
                default: true
                }
            }
    }

    /// The verbs of RFC 3501, RFC 9051 and the registered extensions.
    package static let verbs: Set<String> = [
        "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "AUTHENTICATE", "LOGIN", "ENABLE", "SELECT", "EXAMINE", "CREATE",
        "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB", "XLIST", "NAMESPACE", "STATUS", "APPEND",
        "IDLE", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "MOVE", "CHECK", "SORT", "THREAD",
        "UID FETCH", "UID STORE", "UID SEARCH", "UID COPY", "UID MOVE", "UID EXPUNGE", "UID SORT", "UID THREAD",
        "UID REPLACE", "REPLACE", "ID", "COMPRESS", "UNAUTHENTICATE", "NOTIFY", "GETMETADATA", "SETMETADATA",
        "GETANNOTATION", "SETANNOTATION", "GETQUOTA", "GETQUOTAROOT", "SETQUOTA", "GETACL", "SETACL", "DELETEACL",
        "LISTRIGHTS", "MYRIGHTS", "GENURLAUTH", "RESETKEY", "URLFETCH", "LANGUAGE", "COMPARATOR", "CONVERSIONS",
        "CONVERT", "UID CONVERT", "CANCELUPDATE", "ESEARCH", "UIDBATCHES", "GETJMAPACCESS", "RLIST", "RLSUB",
        "XAPPLEPUSHSERVICE",
    ]
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
