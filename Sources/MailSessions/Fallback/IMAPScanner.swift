// Reads the arguments of an IMAP command (RFC 9051 §9) from its octets with the literals in place. Strict: what does
// not fit is a syntax error, and the command gets BAD.

import MailDialogue

/// A place in the arguments of a command. Each function takes what it names, or leaves all as it was and gives nil or
/// false.
struct IMAPScanner {
    private(set) var rest: ArraySlice<UInt8>

    init(_ octets: [UInt8]) { rest = octets[...] }

    var isAtEnd: Bool { rest.isEmpty }
    var next: UInt8? { rest.first }

    /// One octet.
    mutating func take(_ octet: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == octet.value else { return false }
        rest.removeFirst()
        return true
    }

    /// Whatever octet comes.
    mutating func takeAny() -> UInt8? { rest.popFirst() }

    mutating func space() -> Bool { take(" ") }

    /// The word in any case, when no atom goes on behind it.
    mutating func keyword(_ word: StaticString) -> Bool {
        guard rest.hasPrefixIgnoringCase(word) else { return false }
        let behind = rest.dropFirst(word.utf8CodeUnitCount)
        if let octet = behind.first, Self.isAtom(octet) { return false }
        rest = behind
        return true
    }

    mutating func takeAll(_ fits: (UInt8) -> Bool) -> ArraySlice<UInt8>? {
        let word = rest.prefix(while: fits)
        guard !word.isEmpty else { return nil }
        rest = rest[word.endIndex...]
        return word
    }

    mutating func atom() -> ArraySlice<UInt8>? { takeAll(Self.isAtom) }

    /// A number of up to 63 bits.
    mutating func number() -> Int? {
        let before = self
        if let value = takeAll({ (48...57).contains($0) })?.decimal { return value }
        self = before
        return nil
    }

    mutating func sequenceSet() -> IMAPSequenceSet? {
        let before = self
        if let word = takeAll(IMAPSequenceSet.isOctet), let set = IMAPSequenceSet(word) { return set }
        self = before
        return nil
    }

    /// An atom that may hold `]`, or a string.
    mutating func astring() -> [UInt8]? {
        if let word = takeAll({ Self.isAtom($0) || $0 == UInt8(ascii: "]") }) { return Array(word) }
        return string()
    }

    /// LIST's pattern: an astring that may hold wildcards.
    mutating func listPattern() -> [UInt8]? {
        let fits = { (octet: UInt8) in
            Self.isAtom(octet) || octet == UInt8(ascii: "]") || octet == UInt8(ascii: "%") || octet == UInt8(ascii: "*")
        }
        if let word = takeAll(fits) { return Array(word) }
        return string()
    }

    /// A quoted string or a literal.
    mutating func string() -> [UInt8]? { next == UInt8(ascii: "{") ? literal() : quoted() }

    mutating func quoted() -> [UInt8]? {
        let before = self
        guard take("\"") else { return nil }
        var value: [UInt8] = []
        while let octet = rest.popFirst() {
            switch octet {
            case UInt8(ascii: "\""): return value
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst(), escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\")
                else {
                    self = before
                    return nil
                }
                value.append(escaped)
            case 0, 10, 13:
                self = before
                return nil
            default: value.append(octet)
            }
        }
        self = before
        return nil
    }

    /// `{n}` or `{n+}`, line end, octets.
    private mutating func literal() -> [UInt8]? {
        let before = self
        if take("{"), let size = number() {
            _ = take("+")
            if take("}"), take("\r"), take("\n"), rest.count >= size {
                let value = Array(rest.prefix(size))
                rest = rest.dropFirst(size)
                if !value.contains(0) { return value }
            }
        }
        self = before
        return nil
    }

    /// A mailbox name as UTF-8, INBOX in capitals in whatever case it came (RFC 9051 §5.1).
    mutating func mailbox() -> String? {
        let before = self
        if let octets = astring(), let name = Self.mailboxName(octets) { return name }
        self = before
        return nil
    }

    static func mailboxName(_ octets: [UInt8]) -> String? {
        guard let name = ModifiedUTF7.decode(octets) else { return nil }
        let top = name.utf8.prefix { $0 != UInt8(ascii: "/") }
        guard Array(top)[...].equalsIgnoringCase("INBOX") else { return name }
        return "INBOX" + String(decoding: name.utf8.dropFirst(5), as: UTF8.self)
    }

    /// `(` items with single spaces between `)`.
    mutating func list<Item>(_ item: (inout IMAPScanner) -> Item?) -> [Item]? {
        let before = self
        var items: [Item] = []
        if take("(") {
            if take(")") { return items }
            while let one = item(&self) {
                items.append(one)
                if take(")") { return items }
                guard space() else { break }
            }
        }
        self = before
        return nil
    }

    /// A flag that a client may set, in its canonical case (RFC 9051 §2.3.2).
    mutating func flag() -> String? {
        let before = self
        if take("\\") {
            if let word = atom(), let flag = Self.systemFlag(word) { return flag }
        } else if let word = atom(), word.allSatisfy({ $0 < 128 }) {
            return word.text
        }
        self = before
        return nil
    }

    private static func systemFlag(_ word: ArraySlice<UInt8>) -> String? {
        for flag in IMAPMailboxView.systemFlags where Array(flag.utf8).dropFirst().count == word.count {
            if flag.dropFirst().lowercased() == word.text.lowercased() { return flag }
        }
        return nil
    }

    /// ATOM-CHAR: any octet but CTL, SP, and `( ) { % * " \ ]`; octets beyond ASCII are taken.
    static func isAtom(_ octet: UInt8) -> Bool {
        switch octet {
        case 0...32, 127, UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "%"), UInt8(ascii: "*"),
            UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "]"):
            false
        default: true
        }
    }
}
