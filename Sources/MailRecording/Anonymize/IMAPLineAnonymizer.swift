// Lines of IMAP: keywords, flags of the RFCs, numbers and punctuation stay; where a name or a search string stands, its words are replaced. A line
// goes on behind its literals, so what is known of it is kept between its parts.

import MailDialogue
import MailMessage

/// Replaces the lines of one side.
struct IMAPLineAnonymizer {
    /// What a string is, where one comes next.
    private enum Meaning: Equatable {
        /// Whatever it is, it names something.
        case name
        case mailbox
        case fieldName
        case tag
    }

    /// What the strings of a parenthesised list are.
    private enum List: Equatable {
        case envelope
        case structure
        case fieldNames
        case labels
        case identification
        case other
    }

    let text: TextAnonymizer
    private let header: HeaderAnonymizer
    private let side: Side
    /// Strings that come next, in order.
    private var expected: [Meaning] = [] { didSet { if expected.count > oldValue.count { expectedDepth = depth } } }
    /// How deep in lists they come.
    private var expectedDepth = 0
    /// The lists that are open, the innermost last; those deeper than the limit are like the one around them.
    private var lists: [List] = []
    private var depth = 0
    private static let deepest = 64
    /// What the next list is.
    private var next: List?
    /// The words at the front of the line: tag and verb.
    private var words = 0
    /// UID stands before the verb.
    private var hasPrefix = false
    private var verb = ""
    /// What follows is said to people.
    private var isSpeech = false
    /// In a BODYSTRUCTURE: the last that came was a number. A list behind the size of a message is its envelope (RFC 9051 §7.5.2).
    private var isBehindNumber = false
    /// The string that comes next is the first of an envelope: a date, however it is written.
    private var isEnvelopeDate = false
    /// In a BODYSTRUCTURE: the string that comes next is the value of a parameter that somebody chose.
    private var isName = false
    /// The message of a FETCH response.
    private(set) var message = 0
    /// The literal that begins is a name, and of what kind.
    private var literal = Meaning.name

    init(_ text: TextAnonymizer, side: Side) {
        self.text = text
        self.side = side
        header = HeaderAnonymizer(text: text)
    }

    /// Another line begins.
    private mutating func startOver() {
        expected = []
        lists = []
        depth = 0
        next = nil
        words = 0
        hasPrefix = false
        verb = ""
        isSpeech = false
        isName = false
        isBehindNumber = false
        isEnvelopeDate = false
    }

    /// Appends what stands for a line, or for a part of one, without its end.
    mutating func accept(_ line: ArraySlice<UInt8>, isFirst: Bool, into out: inout [UInt8]) {
        if isFirst { startOver() }
        var index = line.startIndex
        while index < line.endIndex {
            if isSpeech {
                text.replace(line[index...], .speech, into: &out)
                return
            }
            switch line[index] {
            case 34:
                let end = HeaderAnonymizer.quoteEnd(line[(index + 1)...])
                out.append(34)
                string(line[(index + 1)..<end], into: &out)
                if end < line.endIndex { out.append(34) }
                index = min(end + 1, line.endIndex)
            case 123:
                // A literal: its size is that of what stands for it.
                let end = line[index...].firstIndex(of: 125) ?? line.endIndex - 1
                let size = line[index...end]
                if size.dropFirst().dropLast().allSatisfy({ $0 >= 48 && $0 <= 57 || $0 == 43 || $0 == 45 }) {
                    out += size
                } else {
                    text.replace(size, .names, into: &out)
                }
                literal = take() ?? .name
                index = end + 1
            case 40:
                open()
                out.append(40)
                index += 1
            case 41:
                close()
                out.append(41)
                index += 1
            case 91 where isCode(line, index):
                out.append(91)
                index = code(line, index + 1, into: &out)
                isSpeech = true
            case 32, 91, 93:
                out.append(line[index])
                index += 1
            case _ where isStatus && depth == 0: isSpeech = true
            default:
                let end = line[index...].firstIndex { [32, 34, 40, 41, 91, 93, 123].contains($0) } ?? line.endIndex
                atom(line[index..<max(end, index + 1)], isBefore: end < line.endIndex ? line[end] : nil, into: &out)
                index = max(end, index + 1)
            }
        }
    }

    /// Appends what stands for a literal that is no message.
    mutating func replaceLiteral(_ octets: ArraySlice<UInt8>, into out: inout [UInt8]) {
        switch literal {
        case .mailbox: text.mailbox(octets, into: &out)
        case .fieldName: header.name(octets, into: &out)
        case .name, .tag:
            if isEnvelopeDate {
                isEnvelopeDate = false
                text.replace(octets, .date, into: &out)
            } else if lists.last == .envelope {
                text.replace(octets, .names, into: &out)
            } else if lists.contains(.structure) {
                header.value(octets, isName: isName, into: &out)
                isName = false
            } else {
                text.mailbox(octets, into: &out)
            }
        }
    }

    private mutating func take() -> Meaning? {
        expected.isEmpty || depth != expectedDepth ? nil : expected.removeFirst()
    }

    // MARK: Lists

    private mutating func open() {
        depth += 1
        guard lists.count < Self.deepest else { return }
        if next == nil, lists.last == .structure, isBehindNumber { next = .envelope }
        isBehindNumber = false
        isEnvelopeDate = next == .envelope
        lists.append(next ?? lists.last ?? .other)
        next = nil
    }

    private mutating func close() {
        if depth > 0, depth <= lists.count { lists.removeLast() }
        depth = max(0, depth - 1)
        if depth == 0 { next = nil }
    }

    // MARK: Strings

    private mutating func string(_ value: ArraySlice<UInt8>, into out: inout [UInt8]) {
        isBehindNumber = false
        let isDate = isEnvelopeDate
        isEnvelopeDate = false
        switch take() {
        case .mailbox: return text.mailbox(value, into: &out)
        case .fieldName: return header.name(value, into: &out)
        case .tag:
            text.pseudonyms.keep(value)
            out += value
            return
        case .name: return text.mailbox(value, into: &out)
        case nil: break
        }
        if HeaderAnonymizer.isDate(value) {
            out += value
            return
        }
        if isDate { return text.replace(value, .date, into: &out) }
        switch lists.last {
        case .structure:
            header.value(value, isName: isName, into: &out)
            isName = !isName && HeaderAnonymizer.isName(value)
        case .fieldNames: header.name(value, into: &out)
        case .identification:
            let isKey =
                AnonymousWords.keys.contains(AnonymousWords.Mark.of(value)) || value.elementsEqual("support-url".utf8)
            if isKey { out += value } else { text.replace(value, .names, into: &out) }
        case .envelope: text.replace(value, .names, into: &out)
        case .labels, .other, nil: text.mailbox(value, into: &out)
        }
    }

    // MARK: Atoms

    private mutating func atom(_ atom: ArraySlice<UInt8>, isBefore following: UInt8?, into out: inout [UInt8]) {
        isEnvelopeDate = false
        isBehindNumber = lists.last == .structure && atom.decimal != nil
        if depth == 0, words < 2, front(atom, into: &out) { return }
        switch lists.last {
        case .fieldNames: return header.name(atom, into: &out)
        case .labels: return text.mailbox(atom, into: &out)
        case .envelope, .structure, .identification, .other, nil: break
        }
        switch take() {
        case .mailbox: return text.mailbox(atom, into: &out)
        case .fieldName: return header.name(atom, into: &out)
        case .tag:
            text.pseudonyms.keep(atom)
            out += atom
            return
        case .name:
            // A list or a number in the place of a name is none.
            return text.mailbox(atom, into: &out)
        case nil: break
        }
        learn(atom, following)
        text.replace(atom, .syntax, into: &out)
    }

    /// The words at the front of a line. True when one was replaced.
    private mutating func front(_ atom: ArraySlice<UInt8>, into out: inout [UInt8]) -> Bool {
        if words == 0 {
            words = 1
            // `*`, `+` and tags: an identifier of the connection, and no word.
            if Self.isTag(atom) {
                text.pseudonyms.keep(atom)
                out += atom
            } else {
                text.replace(atom, .names, into: &out)
            }
            return true
        }
        if side == .server, verb.isEmpty, let number = atom.decimal {
            message = number
            out += atom
            return true
        }
        if verb.isEmpty, side == .client, atom.equalsIgnoringCase("UID") {
            hasPrefix = true
            out += atom
            return true
        }
        verb = atom.keyword()
        words = 2
        begin()
        text.replace(atom, .syntax, into: &out)
        return true
    }

    /// Up to eight letters and digits up to a number, or a single sign.
    static func isTag(_ atom: ArraySlice<UInt8>) -> Bool {
        if atom.count == 1 { return true }
        let letters = atom.prefix { !($0 >= 48 && $0 <= 57) }
        let rest = atom.dropFirst(letters.count)
        return letters.count <= 6 && letters.allSatisfy { $0 > 45 && $0 < 127 } && rest.count <= 10 && !rest.isEmpty
            && rest.allSatisfy { $0 >= 48 && $0 <= 57 }
    }

    /// What strings come, as the verb says.
    private mutating func begin() {
        switch (side, verb) {
        case (.client, "SELECT"), (.client, "EXAMINE"), (.client, "CREATE"), (.client, "DELETE"),
            (.client, "SUBSCRIBE"),
            (.client, "UNSUBSCRIBE"), (.client, "STATUS"), (.client, "APPEND"), (.client, "GETACL"),
            (.client, "SETACL"),
            (.client, "DELETEACL"), (.client, "LISTRIGHTS"), (.client, "MYRIGHTS"), (.client, "GETQUOTAROOT"),
            (.client, "GETMETADATA"), (.client, "SETMETADATA"), (.server, "STATUS"), (.server, "ACL"),
            (.server, "MYRIGHTS"), (.server, "LISTRIGHTS"), (.server, "METADATA"):
            expected = [.mailbox]
        case (.client, "RENAME"), (.client, "LIST"), (.client, "LSUB"), (.client, "XLIST"):
            expected = [.mailbox, .mailbox]
        case (.server, "QUOTAROOT"), (.server, "QUOTA"): expected = [.mailbox, .mailbox]
        // The delimiter stands before the name.
        case (.server, "LIST"), (.server, "LSUB"), (.server, "XLIST"): expected = [.name, .mailbox]
        case (.client, "LOGIN"): expected = [.name, .name]
        case (_, "ID"): next = .identification
        default: break
        }
    }

    /// What strings come, as a word in the line says.
    private mutating func learn(_ atom: ArraySlice<UInt8>, _ following: UInt8?) {
        let word = atom.keyword()
        switch (side, verb, word) {
        case (_, "FETCH", "ENVELOPE"): if following == 32 { next = .envelope }
        case (_, "FETCH", "BODYSTRUCTURE"), (_, "FETCH", "BODY"): if following == 32 { next = .structure }
        case (_, "FETCH", "X-GM-LABELS"), (_, "STORE", "X-GM-LABELS"), (_, "STORE", "+X-GM-LABELS"),
            (_, "STORE", "-X-GM-LABELS"):
            next = .labels
        case (_, "FETCH", _):
            if word.hasSuffix("HEADER.FIELDS") || word.hasSuffix("HEADER.FIELDS.NOT") {
                next = .fieldNames
            } else if next == .structure || next == .envelope {
                next = nil
            }
        case (.client, "SEARCH", _), (.client, "SORT", _), (.client, "THREAD", _), (.client, "ESEARCH", _):
            switch word {
            case "BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO", "X-GM-RAW": expected = [.name]
            case "HEADER": expected = [.fieldName, .name]
            default: break
            }
        case (.client, "COPY", _), (.client, "MOVE", _): if expected.isEmpty, words == 2 { expected = [.mailbox] }
        case (.server, "ESEARCH", "TAG"): expected = [.tag]
        default: break
        }
        if words == 2 { words = 3 }
    }

    // MARK: Status responses

    private func isCode(_ line: ArraySlice<UInt8>, _ index: Int) -> Bool { side == .server && isStatus && depth == 0 }

    private var isStatus: Bool { ["OK", "NO", "BAD", "BYE", "PREAUTH"].contains(verb) }

    /// A response code (RFC 9051 §7.1) behind its bracket. The index behind its end.
    private mutating func code(_ line: ArraySlice<UInt8>, _ start: Int, into out: inout [UInt8]) -> Int {
        var end = start
        while end < line.endIndex, line[end] != 93 {
            if line[end] == 34 { end = HeaderAnonymizer.quoteEnd(line[(end + 1)...]) }
            end = min(end + 1, line.endIndex)
        }
        let content = line[start..<end]
        let name = content.firstWord.word
        text.replace(name, .syntax, into: &out)
        let isNamed =
            name.equalsIgnoringCase("REFERRAL") || name.equalsIgnoringCase("NEWNAME")
            || name.equalsIgnoringCase("URLMECH")
            || name.equalsIgnoringCase("BADURL")
        text.replace(content[name.endIndex...], isNamed ? .speech : .syntax, into: &out)
        if end < line.endIndex { out.append(93) }
        return min(end + 1, line.endIndex)
    }
}
