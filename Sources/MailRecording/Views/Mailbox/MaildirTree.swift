// Names of folders as Maildir++ has them: one directory a folder beside INBOX, a dot before each level, modified UTF-7.

import MailDialogue

/// Makes names of directories.
package enum MaildirTree {
    /// Octets of a name at most.
    static let longest = 200

    /// The directory of a folder below that of INBOX, such as `.Archive.2026`; empty for INBOX.
    ///
    /// What would mean something in the name of a directory is written as Dovecot's listescape does: a backslash and two hex digits.
    /// - Parameters:
    ///   - levels: the folder's name, level by level, as octets of modified UTF-7.
    package static func directory(_ levels: [[UInt8]]) -> String {
        if levels.count == 1, IMAPMailboxName.isInbox(levels[0][...]) { return "" }
        var name: [UInt8] = []
        for level in levels where !level.isEmpty {
            name.append(UInt8(ascii: "."))
            for octet in level {
                switch octet {
                case UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "\\"), 0..<32, 127...255:
                    name += Array("\\".utf8) + hex(octet)
                default: name.append(octet)
                }
            }
        }
        // A name of nothing but delimiters.
        if name.isEmpty { name = Array("._".utf8) }
        return String(decoding: name.prefix(longest), as: UTF8.self)
    }

    private static func hex(_ octet: UInt8) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return [digits[Int(octet >> 4)], digits[Int(octet & 15)]]
    }
}

extension BelievedFolder {
    /// The levels of its name as octets on the wire.
    package var levels: [[UInt8]] {
        guard let delimiter else { return [wireName] }
        return wireName.split(separator: delimiter).map { Array($0) }
    }
}
