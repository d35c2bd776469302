// POP3 command lines (RFC 1939 §3, §9; RFC 2449 §5; RFC 2595 §4; RFC 5034 §4; RFC 6856): the verb, its arguments, and
// whether +OK to it opens a multi-line reply.

/// A parsed command line.
package struct POP3Command: Equatable, Sendable {
    /// The verb.
    package enum Verb: String, Sendable, Hashable, CaseIterable {
        case user = "USER"
        case pass = "PASS"
        case apop = "APOP"
        case auth = "AUTH"
        case stls = "STLS"
        case capa = "CAPA"
        case utf8 = "UTF8"
        case lang = "LANG"
        case stat = "STAT"
        case list = "LIST"
        case uidl = "UIDL"
        case retr = "RETR"
        case top = "TOP"
        case dele = "DELE"
        case noop = "NOOP"
        case rset = "RSET"
        case last = "LAST"
        case quit = "QUIT"
    }

    /// What a reply to a command looks like when it is +OK; -ERR is one line always (RFC 1939 §3).
    package enum ReplyShape: Equatable, Sendable {
        /// The status line alone.
        case line
        /// Lines up to a lone dot; the word is the verb.
        case listing(String)
        /// A message up to CRLF.CRLF, and which part of it.
        case message(Carrier, section: String)
    }

    /// Nil when the verb is not known.
    package let verb: Verb?
    /// The verb as it was, in capitals.
    package let word: String
    /// What stands behind the verb and one separator, untouched: PASS takes its spaces as they are (RFC 1939 §7).
    package let rest: ArraySlice<UInt8>

    /// `line` is without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let front = line.drop { $0 == 32 || $0 == 9 }
        let (word, rest) = front.firstWord
        self.word = word.keyword()
        verb = word.count <= 4 ? Verb(rawValue: self.word) : nil
        self.rest = rest
    }

    /// The arguments without spaces around them.
    package var argument: ArraySlice<UInt8> { rest.trimmed }

    /// The shape that +OK opens.
    package var shape: ReplyShape {
        switch verb {
        case .list, .uidl, .lang, .auth: argument.isEmpty ? .listing(word) : .line
        case .capa: .listing(word)
        case .retr: .message(.retr, section: "")
        case .top: .message(.top, section: "TOP " + argument.firstWord.rest.trimmed.keyword())
        case .user, .pass, .apop, .stls, .utf8, .stat, .dele, .noop, .rset, .last, .quit, nil: .line
        }
    }
}
