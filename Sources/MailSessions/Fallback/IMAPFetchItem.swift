// What FETCH asks for (RFC 9051 §6.4.5, RFC 3501 §6.4.5).

import MailDialogue
import MailMessage

/// An item of FETCH.
enum IMAPFetchItem: Equatable, Sendable {
    case flags
    case uid
    case internalDate
    case size
    case envelope
    /// BODY without a section, and BODYSTRUCTURE.
    case structure(isExtended: Bool)
    case section(IMAPFetchSection)

    /// Reading it marks the message \Seen.
    var marksSeen: Bool { if case .section(let section) = self { section.marksSeen } else { false } }

    /// What stands behind FETCH and the set: one item, a macro, or a list. Nil when it is none of them.
    static func items(_ scanner: inout IMAPScanner) -> [IMAPFetchItem]? {
        if scanner.keyword("ALL") { return [.flags, .internalDate, .size, .envelope] }
        if scanner.keyword("FAST") { return [.flags, .internalDate, .size] }
        if scanner.keyword("FULL") {
            return [.flags, .internalDate, .size, .envelope, .structure(isExtended: false)]
        }
        if scanner.next == UInt8(ascii: "(") {
            guard let items = scanner.list(item), !items.isEmpty else { return nil }
            return items
        }
        return item(&scanner).map { [$0] }
    }

    private static func item(_ scanner: inout IMAPScanner) -> IMAPFetchItem? {
        if scanner.keyword("FLAGS") { return .flags }
        if scanner.keyword("UID") { return .uid }
        if scanner.keyword("INTERNALDATE") { return .internalDate }
        if scanner.keyword("ENVELOPE") { return .envelope }
        if scanner.keyword("BODYSTRUCTURE") { return .structure(isExtended: true) }
        // `[` is an atom's octet, so that BODY and BODY[ are told apart by hand.
        guard let word = scanner.takeAll({ IMAPScanner.isAtom($0) && $0 != UInt8(ascii: "[") }) else { return nil }
        switch word.keyword() {
        case "RFC822.SIZE": return .size
        case "RFC822": return .section(IMAPFetchSection(SectionSpec(), label: "RFC822"))
        case "RFC822.HEADER":
            return .section(IMAPFetchSection(SectionSpec(text: .header), label: "RFC822.HEADER", isPeek: true))
        case "RFC822.TEXT": return .section(IMAPFetchSection(SectionSpec(text: .text), label: "RFC822.TEXT"))
        case "BODY": return scanner.next == UInt8(ascii: "[") ? section(&scanner, false) : .structure(isExtended: false)
        case "BODY.PEEK": return section(&scanner, true)
        default: return nil
        }
    }

    private static func section(_ scanner: inout IMAPScanner, _ isPeek: Bool) -> IMAPFetchItem? {
        guard scanner.take("["), let octets = scanner.section(), let spec = SectionSpec(parsing: octets) else {
            return nil
        }
        var partial: IMAPFetchSection.Partial?
        if scanner.take("<") {
            guard let offset = scanner.number(), scanner.take("."), let count = scanner.number(), count > 0,
                scanner.take(">")
            else { return nil }
            partial = IMAPFetchSection.Partial(offset: offset, count: count)
        }
        return .section(IMAPFetchSection(spec, partial: partial, isPeek: isPeek))
    }
}

/// `BODY[…]<o.n>` and its older forms.
struct IMAPFetchSection: Equatable, Sendable {
    struct Partial: Equatable, Sendable {
        var offset: Int
        var count: Int
    }

    let spec: SectionSpec
    let partial: Partial?
    let isPeek: Bool
    /// RFC822 and its like are answered under their own names.
    private let olderName: String?

    init(_ spec: SectionSpec, partial: Partial? = nil, label: String? = nil, isPeek: Bool = false) {
        self.spec = spec
        self.partial = partial
        self.isPeek = isPeek
        olderName = label
    }

    var marksSeen: Bool { !isPeek }

    /// The name of the item in the response.
    var label: [UInt8] {
        if let olderName { return Array(olderName.utf8) }
        let tail = partial.map { "]<\($0.offset)>" } ?? "]"
        return Array("BODY[".utf8) + spec.imapBytes + Array(tail.utf8)
    }

    /// The part of the octets that was asked for; what is beyond the end is empty (RFC 9051 §6.4.5).
    func cut(_ range: Range<Int>) -> Range<Int> {
        guard let partial else { return range }
        let start = range.lowerBound + min(partial.offset, range.count)
        return start..<start + min(partial.count, range.upperBound - start)
    }
}

extension IMAPScanner {
    /// What stands between the brackets of a section, strings in its list of names included. The `]` is taken.
    mutating func section() -> ArraySlice<UInt8>? {
        let before = self
        let all = rest
        while let octet = next {
            switch octet {
            case UInt8(ascii: "]"):
                let found = all[..<rest.startIndex]
                _ = take("]")
                return found
            case UInt8(ascii: "\""), UInt8(ascii: "{"):
                guard string() != nil else {
                    self = before
                    return nil
                }
            default: _ = takeAny()
            }
        }
        self = before
        return nil
    }
}
