// SEARCH keys (RFC 9051 §6.4.4, RFC 3501 §6.4.4): reading them, and judging a message with as little of it as they
// need.

import MailDialogue
import MailMessage

/// What a message must be like.
indirect enum IMAPSearchKey: Equatable, Sendable {
    case all
    case none
    case flag(String)
    case messages([Range<Int>])
    case before(Int64)
    case on(Int64)
    case since(Int64)
    case sentBefore(Int64)
    case sentOn(Int64)
    case sentSince(Int64)
    case larger(Int)
    case smaller(Int)
    case header(String, TextNeedle)
    case text(TextNeedle)
    case body(TextNeedle)
    case not(IMAPSearchKey)
    case or(IMAPSearchKey, IMAPSearchKey)
    case and([IMAPSearchKey])

    /// Why a search can't be read.
    enum Failure: Error, Equatable {
        case syntax
        /// Neither US-ASCII nor UTF-8.
        case charset
    }

    /// How deep parentheses, NOT and OR may be nested.
    static var maximumDepth: Int { 100 }
    /// How many keys there may be: each costs time for each message.
    static var maximumKeys: Int { 1_000 }

    /// The arguments of SEARCH. Sets of message numbers and UIDs are looked up in `view`.
    static func parse(_ scanner: inout IMAPScanner, _ view: IMAPMailboxView) throws(Failure) -> IMAPSearchKey {
        if scanner.keyword("CHARSET") {
            guard scanner.space(), let name = scanner.astring(), scanner.space() else { throw .syntax }
            switch name[...].keyword() {
            case "UTF-8", "US-ASCII": break
            default: throw .charset
            }
        }
        var left = maximumKeys
        let keys = try keys(&scanner, view, depth: 0, &left)
        guard scanner.isAtEnd else { throw .syntax }
        return keys
    }

    private static func keys(
        _ scanner: inout IMAPScanner, _ view: IMAPMailboxView, depth: Int, _ left: inout Int
    ) throws(Failure) -> IMAPSearchKey {
        var keys = [try key(&scanner, view, depth: depth, &left)]
        while scanner.space() { keys.append(try key(&scanner, view, depth: depth, &left)) }
        return keys.count == 1 ? keys[0] : .and(keys)
    }

    private static func key(
        _ scanner: inout IMAPScanner, _ view: IMAPMailboxView, depth: Int, _ left: inout Int
    ) throws(Failure) -> IMAPSearchKey {
        left -= 1
        guard depth < maximumDepth, left >= 0 else { throw .syntax }
        if scanner.take("(") {
            let inner = try keys(&scanner, view, depth: depth + 1, &left)
            guard scanner.take(")") else { throw .syntax }
            return inner
        }
        if let set = scanner.sequenceSet() { return .messages(view.indices(set, isUID: false)) }
        guard let word = scanner.atom() else { throw .syntax }
        let name = word.keyword()
        switch name {
        case "ALL", "OLD": return .all
        case "NEW", "RECENT": return .none
        case "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN": return .flag(flagName(name[...]))
        case "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN":
            return .not(.flag(flagName(name.dropFirst(2))))
        case "KEYWORD", "UNKEYWORD":
            guard scanner.space(), let keyword = scanner.atom() else { throw .syntax }
            let key = IMAPSearchKey.flag(view.spelling(keyword.text))
            return name == "KEYWORD" ? key : .not(key)
        case "BCC", "CC", "FROM", "SUBJECT", "TO": return .header(name, try needle(&scanner))
        case "HEADER":
            guard scanner.space(), let field = scanner.astring() else { throw .syntax }
            return .header(field[...].text, try needle(&scanner))
        case "BODY": return .body(try needle(&scanner))
        case "TEXT": return .text(try needle(&scanner))
        case "BEFORE": return .before(try day(&scanner))
        case "ON": return .on(try day(&scanner))
        case "SINCE": return .since(try day(&scanner))
        case "SENTBEFORE": return .sentBefore(try day(&scanner))
        case "SENTON": return .sentOn(try day(&scanner))
        case "SENTSINCE": return .sentSince(try day(&scanner))
        case "LARGER": return .larger(try number(&scanner))
        case "SMALLER": return .smaller(try number(&scanner))
        case "UID":
            guard scanner.space(), let set = scanner.sequenceSet() else { throw .syntax }
            return .messages(view.indices(set, isUID: true))
        case "NOT":
            guard scanner.space() else { throw .syntax }
            return .not(try key(&scanner, view, depth: depth + 1, &left))
        case "OR":
            guard scanner.space() else { throw .syntax }
            let first = try key(&scanner, view, depth: depth + 1, &left)
            guard scanner.space() else { throw .syntax }
            return .or(first, try key(&scanner, view, depth: depth + 1, &left))
        default: throw .syntax
        }
    }

    /// `SEEN` as the store spells it.
    private static func flagName(_ word: Substring) -> String { "\\" + word.prefix(1) + word.dropFirst().lowercased() }

    private static func needle(_ scanner: inout IMAPScanner) throws(Failure) -> TextNeedle {
        guard scanner.space(), let octets = scanner.astring() else { throw .syntax }
        return TextNeedle(octets[...].text)
    }

    private static func number(_ scanner: inout IMAPScanner) throws(Failure) -> Int {
        guard scanner.space(), let number = scanner.number() else { throw .syntax }
        return number
    }

    private static func day(_ scanner: inout IMAPScanner) throws(Failure) -> Int64 {
        guard scanner.space(), let octets = scanner.astring(), let date = CivilDate(parsingIMAP: octets[...]) else {
            throw .syntax
        }
        return date.dayNumber
    }

    // MARK: Judging

    /// A message as far as it is known.
    struct Subject {
        var index: Int
        var entry: MessageEntry
        /// Nil until it was read.
        var header: HeaderBlock?
        /// The whole message; nil until it was read.
        var whole: (octets: [UInt8], structure: MessageStructure)?
    }

    /// True or false, or nil when it depends on what is not known yet.
    func fits(_ subject: Subject) -> Bool? {
        switch self {
        case .all: return true
        case .none: return false
        case .flag(let name): return subject.entry.flags.contains(name)
        case .messages(let ranges): return Self.contains(ranges, subject.index)
        case .before(let day): return Self.day(subject.entry.internalDate) < day
        case .on(let day): return Self.day(subject.entry.internalDate) == day
        case .since(let day): return Self.day(subject.entry.internalDate) >= day
        case .sentBefore(let day): return Self.sent(subject).map { $0.map { $0 < day } ?? false }
        case .sentOn(let day): return Self.sent(subject).map { $0.map { $0 == day } ?? false }
        case .sentSince(let day): return Self.sent(subject).map { $0.map { $0 >= day } ?? false }
        case .larger(let size): return subject.entry.size > size
        case .smaller(let size): return subject.entry.size < size
        case .header(let field, let needle): return subject.header?.contains(needle, inField: field)
        case .text(let needle):
            return subject.whole.map { $0.structure.contains(needle, scope: .message, in: $0.octets) }
        case .body(let needle):
            return subject.whole.map { $0.structure.contains(needle, scope: .body, in: $0.octets) }
        case .not(let key): return key.fits(subject).map { !$0 }
        case .or(let a, let b):
            switch (a.fits(subject), b.fits(subject)) {
            case (true?, _), (_, true?): return true
            case (false?, false?): return false
            case (nil, _), (_, nil): return nil
            }
        case .and(let keys):
            var isKnown = true
            for key in keys {
                switch key.fits(subject) {
                case true?: break
                case false?: return false
                case nil: isKnown = false
                }
            }
            return isKnown ? true : nil
        }
    }

    /// The ranges ascend.
    private static func contains(_ ranges: [Range<Int>], _ index: Int) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= index { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(index)
    }

    /// The day of a time in UTC; SEARCH disregards time and zone.
    private static func day(_ seconds: Int64) -> Int64 { seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400 }

    /// The day of the Date field; the inner nil stands for a message without one.
    private static func sent(_ subject: Subject) -> Int64?? {
        guard let header = subject.header else { return nil }
        return .some(header.first("date").flatMap { MailDate(parsing: $0.body) }?.localDay)
    }
}
