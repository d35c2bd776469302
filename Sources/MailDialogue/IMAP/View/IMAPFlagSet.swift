// Flags of a message in eight octets: the system flags are bits of their own, keywords are numbered for each mailbox.

/// The flags of a message. Keywords are bits whose meaning an `IMAPKeywordTable` keeps.
package struct IMAPFlagSet: Hashable, Sendable {
    package let bits: UInt64

    package init(bits: UInt64) { self.bits = bits }

    /// The system flags of RFC 9051 §2.3.2, and \Recent of RFC 3501 §2.3.2.
    package static let seen = IMAPFlagSet(bits: 1)
    package static let answered = IMAPFlagSet(bits: 1 << 1)
    package static let flagged = IMAPFlagSet(bits: 1 << 2)
    package static let deleted = IMAPFlagSet(bits: 1 << 3)
    package static let draft = IMAPFlagSet(bits: 1 << 4)
    package static let recent = IMAPFlagSet(bits: 1 << 5)
    /// The message has keywords that the table has no room for.
    package static let more = IMAPFlagSet(bits: 1 << 6)
    /// The flags are known at all.
    package static let known = IMAPFlagSet(bits: 1 << 7)
    /// The first bit of a keyword.
    static let firstKeyword = 8

    package func contains(_ flag: IMAPFlagSet) -> Bool { bits & flag.bits == flag.bits }

    package func union(_ other: IMAPFlagSet) -> IMAPFlagSet { IMAPFlagSet(bits: bits | other.bits) }

    package func subtracting(_ other: IMAPFlagSet) -> IMAPFlagSet { IMAPFlagSet(bits: bits & ~other.bits) }
}

/// The keywords of a mailbox, numbered as they are seen.
package struct IMAPKeywordTable: Equatable, Sendable {
    /// Keywords that get a number: what is left of 64 bits. Mailboxes have some dozens; Dovecot stops at 26 letters
    /// in a Maildir.
    package static let limit = 56
    /// Octets of a keyword that is kept; longer ones count as `more`.
    package static let nameLimit = 128

    private(set) var names: [[UInt8]] = []

    package init() {}

    /// The set of flags that stand in `octets`, parted by spaces.
    package mutating func flags(_ octets: ArraySlice<UInt8>) -> IMAPFlagSet {
        var flags = IMAPFlagSet.known
        var index = octets.startIndex
        while index < octets.endIndex {
            if octets[index] == 32 {
                index += 1
                continue
            }
            let from = index
            while index < octets.endIndex, octets[index] != 32 { index += 1 }
            flags = flags.union(flag(octets[from..<index]))
        }
        return flags
    }

    /// The set with one flag.
    mutating func flag(_ name: ArraySlice<UInt8>) -> IMAPFlagSet {
        if name.first == UInt8(ascii: "\\"), let system = Self.system(name.dropFirst()) { return system }
        if let number = number(name) { return IMAPFlagSet(bits: 1 << UInt64(IMAPFlagSet.firstKeyword + number)) }
        guard names.count < Self.limit, name.count <= Self.nameLimit else { return .more }
        names.append(Array(name))
        return IMAPFlagSet(bits: 1 << UInt64(IMAPFlagSet.firstKeyword + names.count - 1))
    }

    private func number(_ name: ArraySlice<UInt8>) -> Int? {
        names.firstIndex { known in
            known.count == name.count && zip(known, name).allSatisfy { IMAPOctet.upper($0) == IMAPOctet.upper($1) }
        }
    }

    private static func system(_ name: ArraySlice<UInt8>) -> IMAPFlagSet? {
        func isWord(_ word: StaticString) -> Bool {
            name.count == word.utf8CodeUnitCount
                && word.withUTF8Buffer { zip(name, $0).allSatisfy { IMAPOctet.upper($0) == $1 } }
        }
        switch name.count {
        case 4: return isWord("SEEN") ? .seen : nil
        case 5: return isWord("DRAFT") ? .draft : nil
        case 6: return isWord("RECENT") ? .recent : nil
        case 7: return isWord("FLAGGED") ? .flagged : isWord("DELETED") ? .deleted : nil
        case 8: return isWord("ANSWERED") ? .answered : nil
        default: return nil
        }
    }

    /// The names of the flags in a set, system flags first. \Recent stands as it is; keywords beyond the table are
    /// missing.
    package func names(of flags: IMAPFlagSet) -> [String] {
        var out: [String] = []
        let systems: [(IMAPFlagSet, String)] = [
            (.seen, "\\Seen"), (.answered, "\\Answered"), (.flagged, "\\Flagged"), (.deleted, "\\Deleted"),
            (.draft, "\\Draft"), (.recent, "\\Recent"),
        ]
        for (flag, name) in systems where flags.contains(flag) { out.append(name) }
        for (number, name) in names.enumerated()
        where flags.bits >> UInt64(IMAPFlagSet.firstKeyword + number) & 1 == 1 {
            out.append(String(decoding: name, as: UTF8.self))
        }
        return out
    }
}
