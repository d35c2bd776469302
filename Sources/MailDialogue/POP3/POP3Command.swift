// POP3 command lines (RFC 1939 §3, §9; RFC 2449 §5; RFC 2595 §4; RFC 5034 §4; RFC 6856): the verb, its arguments, and
// whether +OK to it opens a multi-line reply.

/// The verb of a command.
package enum POP3Verb: String, Sendable, Hashable, CaseIterable {
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

    /// The verb of a word in any case. Its octets are compared as one number: lines are cut too fast for strings.
    init?(_ word: some OctetLine) {
        guard word.count == 3 || word.count == 4, word.first != 0 else { return nil }
        var packed: UInt32 = 0
        for octet in word { packed = packed << 8 | UInt32(octet >= 97 && octet <= 122 ? octet - 32 : octet) }
        switch packed {
        case 0x5553_4552: self = .user
        case 0x5041_5353: self = .pass
        case 0x4150_4F50: self = .apop
        case 0x4155_5448: self = .auth
        case 0x5354_4C53: self = .stls
        case 0x4341_5041: self = .capa
        case 0x5554_4638: self = .utf8
        case 0x4C41_4E47: self = .lang
        case 0x5354_4154: self = .stat
        case 0x4C49_5354: self = .list
        case 0x5549_444C: self = .uidl
        case 0x5245_5452: self = .retr
        case 0x544F_50: self = .top
        case 0x4445_4C45: self = .dele
        case 0x4E4F_4F50: self = .noop
        case 0x5253_4554: self = .rset
        case 0x4C41_5354: self = .last
        case 0x5155_4954: self = .quit
        default: return nil
        }
    }

    /// How many arguments it takes (RFC 1939 §9, RFC 2449 §5, RFC 2595 §4, RFC 5034 §4, RFC 6856 §2.1, §3.2).
    var arguments: ClosedRange<Int> {
        switch self {
        case .stls, .capa, .utf8, .stat, .noop, .rset, .last, .quit: 0...0
        case .list, .uidl, .lang: 0...1
        case .user, .pass, .retr, .dele: 1...1
        case .apop, .top: 2...2
        case .auth: 1...2
        }
    }

    /// The states in which it may be given; QUIT, CAPA and LANG in both (RFC 1939 §4, §5, §7; RFC 2449 §5;
    /// RFC 2595 §4; RFC 5034 §4; RFC 6856 §2, §3.1).
    var isForAuthorization: Bool {
        switch self {
        case .user, .pass, .apop, .auth, .stls, .utf8, .capa, .lang, .quit: true
        case .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last: false
        }
    }

    /// See ``isForAuthorization``.
    var isForTransaction: Bool {
        switch self {
        case .user, .pass, .apop, .auth, .stls, .utf8: false
        case .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .capa, .lang, .quit: true
        }
    }

    /// Its first argument is a message number.
    var isNumbered: Bool {
        switch self {
        case .list, .uidl, .retr, .top, .dele: true
        case .user, .pass, .apop, .auth, .stls, .utf8, .capa, .lang, .quit, .stat, .noop, .rset, .last: false
        }
    }
}

/// What a reply to a command looks like when it is +OK; -ERR is one line always (RFC 1939 §3).
package enum POP3ReplyShape: Equatable, Sendable {
    /// The status line alone.
    case line
    /// Lines up to a lone dot; the word is the verb.
    case listing(String)
    /// A message up to CRLF.CRLF, and which part of it.
    case message(Carrier, section: String)
    /// +OK asks for a message, which the client sends up to CRLF.CRLF; then a status line follows. No RFC has it:
    /// XTND XMIT of the servers of the nineties, by which clients sent mail.
    case submission
}

/// The arguments are as the verb wants them.
package enum POP3Fitness: Equatable, Sendable {
    case good
    /// One is missing.
    case missing
    /// There are more than it takes.
    case surplus
    /// One that must be a number is none.
    case noNumber
    /// The message number is 0.
    case zero
    /// A language range that is none (RFC 6856 §3.2, RFC 4647 §2.1).
    case noLanguage
}

/// A command line that is kept.
package typealias POP3Command = POP3CommandLine<ArraySlice<UInt8>>

/// A parsed command line.
package struct POP3CommandLine<Line: OctetLine> {
    package typealias Verb = POP3Verb
    package typealias ReplyShape = POP3ReplyShape
    package typealias Fitness = POP3Fitness

    /// Nil when the verb is not known.
    package let verb: Verb?
    /// The verb as it was, in capitals.
    package let word: String
    /// What stands behind the verb and one separator, untouched: PASS takes its spaces as they are (RFC 1939 §7).
    package let rest: Line

    /// `line` is without its line end.
    package init(_ line: Line) {
        let front = line.drop { $0 == 32 || $0 == 9 }
        let (word, rest) = front.firstWord
        verb = Verb(word)
        self.word = verb?.rawValue ?? word.keyword()
        self.rest = rest
    }

    /// The arguments without spaces around them.
    package var argument: Line { rest.trimmed }

    /// The message number that the command names; nil when it names none.
    package var number: Int? {
        guard let verb, verb.isNumbered else { return nil }
        return argument.firstWord.word.decimal
    }

    /// The shape that +OK opens.
    package var shape: ReplyShape {
        switch verb {
        case .list, .uidl, .lang, .auth: return argument.isEmpty ? .listing(word) : .line
        case .capa: return .listing(word)
        case .retr: return .message(.retr, section: "")
        case .top: return .message(.top, section: "TOP " + argument.firstWord.rest.trimmed.keyword())
        case .user, .pass, .apop, .stls, .utf8, .stat, .dele, .noop, .rset, .last, .quit: return .line
        case nil:
            guard word == "XTND" else { return .line }
            let subcommand = argument.firstWord.word
            if subcommand.equalsIgnoringCase("XLST") { return .listing(word) }
            if subcommand.equalsIgnoringCase("XMIT") { return .submission }
            return .line
        }
    }

    /// Judges the arguments. An unknown verb takes any.
    package var fitness: Fitness {
        guard let verb else { return .good }
        let (least, most) = (verb.arguments.lowerBound, verb.arguments.upperBound)
        if most == 0 { return argument.isEmpty ? .good : .surplus }
        // PASS has one argument whatever stands in it (RFC 1939 §7); AUTH alone asks for the mechanisms, as of old.
        if verb == .pass { return rest.isEmpty ? .missing : .good }
        if verb == .auth, argument.isEmpty { return .good }
        var left = argument
        var count = 0
        while !left.isEmpty, count <= most {
            let (word, tail) = left.firstWord
            count += 1
            if count <= most {
                if verb.isNumbered {
                    guard let number = word.decimal else { return .noNumber }
                    if number == 0, count == 1 { return .zero }
                } else if verb == .lang, !(word.count == 1 && word.first == UInt8(ascii: "*")), !word.isLanguageTag {
                    return .noLanguage
                }
            }
            left = tail.trimmed
        }
        return count < least ? .missing : count > most ? .surplus : .good
    }
}

extension POP3CommandLine: Equatable where Line: Equatable {}
extension POP3CommandLine: Sendable where Line: Sendable {}

extension OctetLine {
    /// Letters and digits in groups of one to eight, joined by hyphens (RFC 5646 §2.1, as far as all tags share it).
    var isLanguageTag: Bool {
        var group = 0
        for octet in self {
            switch octet {
            case 48...57, 65...90, 97...122:
                group += 1
                if group > 8 { return false }
            case UInt8(ascii: "-"):
                if group == 0 { return false }
                group = 0
            default: return false
            }
        }
        return group > 0
    }
}
