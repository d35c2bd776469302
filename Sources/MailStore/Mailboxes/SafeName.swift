// Names from outside as names of files: whatever an account or a mailbox is called, it becomes one file name that
// stays inside its directory, and two names never become the same one.

import Crypto

/// Escaping of names: an octet that is not allowed becomes `%` and two upper-case hex digits.
enum SafeName {
    /// Longest result; file systems take 255 octets, and suffixes of ours need room.
    static let maximum = 200

    static func escape(_ text: Substring, keeping isKept: (UInt8) -> Bool) -> String {
        var result: [UInt8] = []
        for octet in text.utf8 {
            if octet != UInt8(ascii: "%"), isKept(octet) {
                result.append(octet)
            } else {
                result.append(UInt8(ascii: "%"))
                result.append(hexDigit(octet >> 4))
                result.append(hexDigit(octet & 0xF))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The text before escaping, or nil when this is no result of it.
    static func unescape(_ text: Substring) -> String? {
        var result: [UInt8] = []
        var rest = Substring(text).utf8[...]
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "%") else {
                result.append(octet)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                return nil
            }
            result.append(high << 4 | low)
        }
        return String(validating: result, as: UTF8.self)
    }

    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + (value - 10)
    }

    static func hexValue(_ octet: UInt8) -> UInt8? {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): octet - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// The directory of an account below the store's.
enum AccountDirectory {
    /// Lower-case letters, digits and a few signs stand for themselves, a leading dot does not: dot files are the
    /// store's own. A long name is cut and its SHA-256 put behind `%%`, which escaping never makes.
    static func name(for account: String) -> String {
        let escaped = SafeName.escape(account[...]) { octet in
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "@"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "="): true
            case UInt8(ascii: "."): true
            default: false
            }
        }
        let safe = escaped.hasPrefix(".") ? "%2E" + escaped.dropFirst() : escaped
        guard safe.utf8.count > SafeName.maximum || safe.isEmpty else { return safe }
        let digest = SHA256.hash(data: Array(account.utf8)).flatMap { octet in
            [SafeName.hexDigit(octet >> 4), SafeName.hexDigit(octet & 0xF)]
        }
        return String(safe.prefix(100)) + "%%" + String(decoding: digest, as: UTF8.self)
    }
}

/// A mailbox's name (levels divided by `/`) and its directory below the account's, as Maildir++ has it: `.Work.Sub`
/// for `Work/Sub`.
enum MailboxName {
    static let inbox = "INBOX"

    /// The name as the store spells it: INBOX in upper case (RFC 9051 §5.1), no `/` at the end. Nil when it can't be
    /// a name: an empty level, a control character, too long for a file system.
    static func canonical(_ name: String) -> String? {
        var levels = name.split(separator: "/", omittingEmptySubsequences: false)
        if levels.count > 1, levels.last?.isEmpty == true { levels.removeLast() }
        guard let first = levels.first, !levels.contains(where: \.isEmpty) else { return nil }
        if isInbox(first) { levels[0] = Substring(inbox) }
        let joined = levels.joined(separator: "/")
        guard joined.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return directory(joined).utf8.count > SafeName.maximum ? nil : joined
    }

    private static func isInbox(_ level: Substring) -> Bool {
        level.utf8.count == 5 && level.utf8.elementsEqual("inbox".utf8) { $0 | 0x20 == $1 }
    }

    /// The directory of a canonical name; empty for INBOX, which is the account's own directory.
    static func directory(_ name: String) -> String {
        guard name != inbox else { return "" }
        return "."
            + name.split(separator: "/").map { level in
                // A `.` would divide levels; octets beyond ASCII stay, file names are UTF-8.
                SafeName.escape(level) {
                    $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "/")
                }
            }.joined(separator: ".")
    }

    /// The canonical name of a directory in an account's, or nil when no mailbox has that directory.
    static func name(ofDirectory directory: String) -> String? {
        guard directory.hasPrefix("."), directory.utf8.count > 1 else { return nil }
        var levels: [String] = []
        for part in directory.dropFirst().split(separator: ".", omittingEmptySubsequences: false) {
            guard let level = SafeName.unescape(part) else { return nil }
            levels.append(level)
        }
        let joined = levels.joined(separator: "/")
        guard let name = canonical(joined), name == joined, self.directory(name) == directory else { return nil }
        return name
    }

    /// The special use of a mailbox that has the usual name (RFC 6154).
    static func specialUse(_ name: String) -> String? {
        switch name {
        case "Sent": "\\Sent"
        case "Drafts": "\\Drafts"
        case "Trash": "\\Trash"
        case "Junk": "\\Junk"
        case "Archive": "\\Archive"
        default: nil
        }
    }
}
