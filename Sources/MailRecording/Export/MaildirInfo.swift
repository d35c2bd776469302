// Flags of messages as Maildir writes them in file names.

import MailDialogue

/// What is known of the flags of the messages that pass: an APPEND says them before the message, a FETCH response beside it.
package struct FlagWatch: Sendable {
    /// Letters for each side's next message; nil when nothing is known.
    package private(set) var client: String?
    package private(set) var server: String?

    package init() {}

    /// Takes the next note, before the message that it announces.
    package mutating func accept(_ note: Note) {
        switch note.element {
        case .command(let command):
            client = nil
            switch command.verb {
            case "APPEND", "REPLACE", "UID REPLACE": if !command.isComplete { client = Self.list(note.raw) }
            default: break
            }
        case .commandPart(complete: false): client = Self.list(note.raw) ?? client
        case .data("FETCH", complete: false), .data("UIDFETCH", complete: false): server = Self.item(note.raw)
        case .dataPart: server = Self.item(note.raw) ?? server
        case .greeting, .commandPart, .reply, .data, .goAhead, .challenge, .response, .done, .contentBegin, .content,
            .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
            break
        }
    }

    /// The letters of flags, in the order of ASCII, as maildir(5) asks.
    package static func letters(_ flags: ArraySlice<UInt8>) -> String {
        var found: Set<Character> = []
        for word in flags.split(separator: 32) {
            if word.equalsIgnoringCase("\\Draft") { found.insert("D") }
            if word.equalsIgnoringCase("\\Flagged") { found.insert("F") }
            if word.equalsIgnoringCase("$Forwarded") { found.insert("P") }
            if word.equalsIgnoringCase("\\Answered") { found.insert("R") }
            if word.equalsIgnoringCase("\\Seen") { found.insert("S") }
            if word.equalsIgnoringCase("\\Deleted") { found.insert("T") }
        }
        return String(found.sorted())
    }

    /// The flags of APPEND: the first list of the line that begins with a flag.
    private static func list(_ line: ArraySlice<UInt8>) -> String? {
        var rest = line
        while let open = rest.firstIndex(of: UInt8(ascii: "(")) {
            rest = rest[(open + 1)...]
            guard rest.first == UInt8(ascii: "\\") || rest.first == UInt8(ascii: "$"),
                let close = rest.firstIndex(of: UInt8(ascii: ")"))
            else { continue }
            return letters(rest[..<close])
        }
        return nil
    }

    /// The item FLAGS of a FETCH response.
    private static func item(_ line: ArraySlice<UInt8>) -> String? {
        var rest = line
        while let open = rest.firstIndex(of: UInt8(ascii: "(")) {
            let before = rest[..<open]
            rest = rest[(open + 1)...]
            guard before.suffix(6).equalsIgnoringCase("FLAGS "), let close = rest.firstIndex(of: UInt8(ascii: ")"))
            else { continue }
            return letters(rest[..<close])
        }
        return nil
    }
}
