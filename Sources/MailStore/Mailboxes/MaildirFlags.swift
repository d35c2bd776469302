// The letters behind `:2,` in the name of a message file (maildir(5)): capitals for the flags that every Maildir
// program knows, small letters for the keywords of the mailbox. Letters that are not ours to know stay in the name.

/// A set of letters.
struct MaildirFlags: Equatable, Hashable, Sendable {
    /// Bit 0 to 25: A to Z; 26 to 51: a to z.
    private(set) var bits: UInt64

    init() { bits = 0 }

    /// From the part of a file name behind its first `:`; what is not of the form `2,` and letters counts as none.
    init(info: Substring.UTF8View) {
        bits = 0
        guard info.starts(with: [UInt8(ascii: "2"), UInt8(ascii: ",")]) else { return }
        for octet in info.dropFirst(2) {
            guard let bit = MaildirFlags.bit(octet) else { return }
            bits |= 1 << bit
        }
    }

    init(letters: [UInt8]) {
        bits = 0
        for octet in letters { if let bit = MaildirFlags.bit(octet) { bits |= 1 << bit } }
    }

    private static func bit(_ octet: UInt8) -> UInt64? {
        switch octet {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt64(octet - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt64(octet - UInt8(ascii: "a")) + 26
        default: nil
        }
    }

    func contains(_ letter: UInt8) -> Bool {
        guard let bit = MaildirFlags.bit(letter) else { return false }
        return bits & (1 << bit) != 0
    }

    func union(_ other: MaildirFlags) -> MaildirFlags { MaildirFlags(bits: bits | other.bits) }
    func subtracting(_ other: MaildirFlags) -> MaildirFlags { MaildirFlags(bits: bits & ~other.bits) }

    private init(bits: UInt64) { self.bits = bits }

    /// In the order of ASCII, as maildir(5) asks.
    var letters: [UInt8] {
        (UInt8(0)..<52).compactMap { index in
            guard bits & (1 << UInt64(index)) != 0 else { return nil }
            return index < 26 ? UInt8(ascii: "A") + index : UInt8(ascii: "a") + (index - 26)
        }
    }

    /// `:2,` and the letters.
    var suffix: String { ":2," + String(decoding: letters, as: UTF8.self) }

    static let seen = UInt8(ascii: "S")
    static let trashed = UInt8(ascii: "T")

    /// Flags with a capital: system flags (RFC 9051 §2.3.2) and `$Forwarded`, which Maildir calls passed.
    static let known: [(letter: UInt8, flag: String)] = [
        (UInt8(ascii: "D"), "\\Draft"), (UInt8(ascii: "F"), "\\Flagged"), (UInt8(ascii: "P"), "$Forwarded"),
        (UInt8(ascii: "R"), "\\Answered"), (UInt8(ascii: "S"), "\\Seen"), (UInt8(ascii: "T"), "\\Deleted"),
    ]
    /// What a client's flags may not touch when it replaces them: the capitals that we do not know.
    static let foreign: MaildirFlags = {
        let capitals = MaildirFlags(letters: Array(UInt8(ascii: "A")...UInt8(ascii: "Z")))
        return capitals.subtracting(MaildirFlags(letters: known.map(\.letter)))
    }()
}

/// The keywords of a mailbox, `a` to `z`, in the file that Dovecot keeps them in too, so that a Maildir can change
/// its server.
package struct KeywordTable: Equatable, Sendable {
    package static let fileName = "dovecot-keywords"
    package private(set) var names: [String?] = Array(repeating: nil, count: 26)

    package init() {}

    /// Lines of number and name; others are passed over.
    init(parsing bytes: [UInt8]) {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 1)
            guard parts.count == 2, let number = UIDList.decimal(parts[0]), number < 26 else { continue }
            let name = String(decoding: parts[1], as: UTF8.self)
            if KeywordTable.isKeyword(name) { names[Int(number)] = name }
        }
    }

    /// The file.
    package var serialized: [UInt8] {
        var text = ""
        for (number, name) in names.enumerated() { if let name { text += "\(number) \(name)\n" } }
        return Array(text.utf8)
    }

    /// flag-keyword of RFC 9051 §9 (an atom), and short enough.
    static func isKeyword(_ name: String) -> Bool {
        (1...100).contains(name.utf8.count)
            && name.utf8.allSatisfy { octet in
                switch octet {
                case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "%"), UInt8(ascii: "*"):
                    false
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "]"): false
                default: octet > 0x20 && octet < 0x7F
                }
            }
    }

    /// The letter of a flag, of system flags too; nil when it has none here.
    package func letter(of flag: String) -> UInt8? {
        let wanted = flag.lowercased()
        for (letter, name) in MaildirFlags.known where name.lowercased() == wanted { return letter }
        for (number, name) in names.enumerated() where name?.lowercased() == wanted {
            return UInt8(ascii: "a") + UInt8(truncatingIfNeeded: number)
        }
        return nil
    }

    /// Gives a keyword a letter; nil when it can't have one.
    package mutating func add(_ keyword: String) -> UInt8? {
        guard KeywordTable.isKeyword(keyword), let free = names.firstIndex(of: nil) else { return nil }
        names[free] = keyword
        return UInt8(ascii: "a") + UInt8(truncatingIfNeeded: free)
    }

    /// The flags of a file's letters. A small letter without a name is not told.
    func flags(_ letters: MaildirFlags) -> [String] {
        var result: [String] = []
        for (letter, name) in MaildirFlags.known where letters.contains(letter) { result.append(name) }
        for (number, name) in names.enumerated() {
            if let name, letters.contains(UInt8(ascii: "a") + UInt8(truncatingIfNeeded: number)) { result.append(name) }
        }
        return result
    }
}
