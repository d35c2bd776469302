// Which part of a message an item of an IMAP FETCH response is (RFC 9051 §6.4.5, §7.5.2; RFC 3501 §6.4.5), and what the
// lines of the response say beside their literals.

import MailDialogue

/// The item of a FETCH response whose value is octets of a message.
struct FetchItem: Equatable {
    /// What the octets are.
    enum Part: Equatable {
        /// `BODY[]`, `RFC822`.
        case whole
        /// `BODY[HEADER]`, `RFC822.HEADER`: the header with the empty line behind it.
        case header
        /// `BODY[TEXT]`, `RFC822.TEXT`: all behind the header.
        case text
        /// A piece that is no message whatever stands beside it: `BODY[1.2]`, `BODY[HEADER.FIELDS (TO)]`, and what the server
        /// decoded: `BINARY[1]`.
        case other
    }

    let part: Part
    /// The item without the place in it: `BODY[1.2]`.
    let name: String
    /// `<origin>`: octets from there on; nil for all of the part.
    let origin: Int?

    init(_ section: String) {
        // What nearly all clients ask for.
        if section == "BODY[]" {
            part = .whole
            name = section
            origin = nil
            return
        }
        var name = Array(section.utf8)[...]
        var origin: Int?
        if name.last == UInt8(ascii: ">"), let angle = name.lastIndex(of: UInt8(ascii: "<")) {
            origin = name[(angle + 1)...].dropLast().decimal
            if origin != nil { name = name[..<angle] }
        }
        self.origin = origin
        self.name = name.text
        if name.equalsIgnoringCase("BODY[]") || name.equalsIgnoringCase("RFC822") {
            part = .whole
        } else if name.equalsIgnoringCase("BODY[HEADER]") || name.equalsIgnoringCase("RFC822.HEADER") {
            part = .header
        } else if name.equalsIgnoringCase("BODY[TEXT]") || name.equalsIgnoringCase("RFC822.TEXT") {
            part = .text
        } else {
            part = .other
        }
    }

    /// The number of octets that a FETCH command asks for at most: `BODY.PEEK[]<0.32768>`. Nil when it asks for the
    /// whole.
    static func requestedLength(_ line: ArraySlice<UInt8>) -> Int? {
        var rest = line
        while let bracket = rest.firstIndex(of: UInt8(ascii: "]")) {
            rest = rest[(bracket + 1)...]
            guard rest.first == UInt8(ascii: "<"), let end = rest.firstIndex(of: UInt8(ascii: ">")) else { continue }
            let range = rest[(rest.startIndex + 1)..<end]
            guard let point = range.firstIndex(of: UInt8(ascii: ".")) else { continue }
            return range[(point + 1)...].decimal
        }
        return nil
    }

    /// The message sequence number of `* 12 FETCH (…`; 0 when there is none.
    static func messageNumber(_ line: ArraySlice<UInt8>) -> Int { line.firstWord.rest.firstWord.word.decimal ?? 0 }
}

/// Walks over the lines of one FETCH response, which its literals part, and finds what they say of the message: its size, and values
/// that came as a string in quotes.
struct FetchLines: Equatable, Sendable {
    /// A value that came without a literal: empty texts do in most servers.
    struct Quoted: Equatable {
        var item: String
        var octets: [UInt8]
    }

    /// How deep the next octet stands in parentheses.
    private var depth = 0
    /// `RFC822.SIZE` of the message, when it was said.
    private(set) var size: Int?

    init() {}

    /// Takes the next line of the response.
    /// - Parameter isFirst: it begins the response: `* 12 FETCH (`.
    /// - Returns: values of parts of the message that stand in the line.
    mutating func take(_ line: ArraySlice<UInt8>, isFirst: Bool) -> [Quoted] {
        var rest = line.withoutLineEnd.line
        if isFirst {
            self = FetchLines()
            guard let open = rest.firstIndex(of: UInt8(ascii: "(")) else { return [] }
            rest = rest[(open + 1)...]
            depth = 1
        }
        var found: [Quoted] = []
        var name: ArraySlice<UInt8>?
        while let octet = rest.first {
            switch octet {
            case UInt8(ascii: " "): rest = rest.dropFirst()
            case UInt8(ascii: "("):
                depth += 1
                rest = rest.dropFirst()
            case UInt8(ascii: ")"):
                depth -= 1
                name = nil
                rest = rest.dropFirst()
            case UInt8(ascii: "\""):
                let octets = Self.quoted(&rest, keeps: depth == 1 && name.map(Self.isPart) == true)
                if depth == 1, let item = name, Self.isPart(item) {
                    found.append(Quoted(item: item.text, octets: octets))
                }
                name = nil
            default:
                let word = Self.word(&rest)
                guard depth == 1 else { continue }
                if let item = name {
                    if item.equalsIgnoringCase("RFC822.SIZE") { size = word.decimal }
                    if Self.isPart(item), word.equalsIgnoringCase("NIL") {
                        found.append(Quoted(item: item.text, octets: []))
                    }
                    name = nil
                } else {
                    name = word
                }
            }
        }
        return found
    }

    /// The item's value is a part of the message.
    private static func isPart(_ name: ArraySlice<UInt8>) -> Bool {
        name.hasPrefixIgnoringCase("BODY[") || name.equalsIgnoringCase("RFC822")
            || name.equalsIgnoringCase("RFC822.HEADER") || name.equalsIgnoringCase("RFC822.TEXT")
    }

    /// A word up to a space or a parenthesis outside of brackets.
    private static func word(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var isInSection = false
        var end = rest.startIndex
        while end < rest.endIndex {
            let octet = rest[end]
            if octet == UInt8(ascii: "[") { isInSection = true }
            if octet == UInt8(ascii: "]") { isInSection = false }
            if !isInSection, end > rest.startIndex,
                octet == UInt8(ascii: " ") || octet == UInt8(ascii: ")") || octet == UInt8(ascii: "(")
            {
                break
            }
            end += 1
        }
        defer { rest = rest[end...] }
        return rest[..<end]
    }

    /// A string in quotes (RFC 9051 §4.3).
    private static func quoted(_ rest: inout ArraySlice<UInt8>, keeps: Bool) -> [UInt8] {
        rest = rest.dropFirst()
        var octets: [UInt8] = []
        while let octet = rest.popFirst() {
            if octet == UInt8(ascii: "\"") { break }
            var octet = octet
            if octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() { octet = escaped }
            if keeps { octets.append(octet) }
        }
        return octets
    }
}

/// Walks over the lines of an APPEND or REPLACE command for what CATENATE says (RFC 4469 §3): parts by URL, which only the server
/// has, and where the message ends.
struct CatenateLines: Equatable, Sendable {
    enum Event: Equatable {
        /// A part that is not in the command.
        case url
        /// The list of parts has ended.
        case end
    }

    /// The word CATENATE came, its list follows.
    private var isNamed = false
    /// Parentheses that are open; those of the list count from 1.
    private var depth = 0
    /// The octets are within a list of parts.
    private(set) var isInside = false

    init() {}

    mutating func take(_ line: ArraySlice<UInt8>) -> [Event] {
        var events: [Event] = []
        var rest = line.withoutLineEnd.line
        while let octet = rest.first {
            switch octet {
            case UInt8(ascii: " "): rest = rest.dropFirst()
            case UInt8(ascii: "("):
                if depth == 0, isNamed { isInside = true }
                isNamed = false
                depth += 1
                rest = rest.dropFirst()
            case UInt8(ascii: ")"):
                depth = max(0, depth - 1)
                if depth == 0, isInside {
                    isInside = false
                    events.append(.end)
                }
                rest = rest.dropFirst()
            case UInt8(ascii: "\""):
                rest = rest.dropFirst()
                while let octet = rest.popFirst(), octet != UInt8(ascii: "\"") {
                    if octet == UInt8(ascii: "\\") { rest = rest.dropFirst() }
                }
            default:
                let word = rest.prefix {
                    $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: ")")
                }
                rest = rest.dropFirst(word.count)
                if depth == 0 { isNamed = word.equalsIgnoringCase("CATENATE") }
                if isInside, depth == 1, word.equalsIgnoringCase("URL") { events.append(.url) }
            }
        }
        return events
    }
}
