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

    /// Other items may be joined to it.
    var mayGoOn: Bool {
        switch part {
        case .whole, .other: origin != nil
        case .header, .text: true
        }
    }

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

    /// The message sequence number of `* 12 FETCH (…`; 0 when there is none.
    static func messageNumber(_ line: ArraySlice<UInt8>) -> Int {
        let octets = line.span
        var at = 0
        func isBlank(_ octet: UInt8) -> Bool { octet == 32 || octet == 9 }
        while at < octets.count, !isBlank(octets[at]) { at += 1 }
        at += 1
        var number = 0
        while at < octets.count, !isBlank(octets[at]) {
            let (product, over) = number.multipliedReportingOverflow(by: 10)
            let (sum, more) = product.addingReportingOverflow(Int(octets[at]) - 48)
            guard octets[at] >= 48, octets[at] <= 57, !over, !more else { return 0 }
            number = sum
            at += 1
        }
        return number
    }
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
    /// Its UID, when it was said.
    private(set) var uid: UInt32?

    init() {}

    /// Takes the next line of the response.
    /// - Parameter isFirst: it begins the response: `* 12 FETCH (`.
    /// - Returns: values of parts of the message that stand in the line.
    mutating func take(_ line: ArraySlice<UInt8>, isFirst: Bool) -> [Quoted] {
        // In a span: each part of a slice would be counted, and the live proxy walks over these lines too.
        take(line.span, isFirst: isFirst)
    }

    private mutating func take(_ line: Span<UInt8>, isFirst: Bool) -> [Quoted] {
        var end = line.count
        if end > 0, line[end - 1] == 10 { end -= end > 1 && line[end - 2] == 13 ? 2 : 1 }
        var at = 0
        if isFirst {
            self = FetchLines()
            while at < end, line[at] != UInt8(ascii: "(") { at += 1 }
            guard at < end else { return [] }
            at += 1
            depth = 1
        }
        var found: [Quoted] = []
        var name: Range<Int>?
        while at < end {
            switch line[at] {
            case UInt8(ascii: " "): at += 1
            case UInt8(ascii: "("):
                depth += 1
                at += 1
            case UInt8(ascii: ")"):
                depth -= 1
                name = nil
                at += 1
            case UInt8(ascii: "\""):
                let item = depth == 1 ? name.flatMap { Self.isPart(line, $0) ? $0 : nil } : nil
                let octets = Self.quoted(line, &at, end, keeps: item != nil)
                if let item { found.append(Quoted(item: Self.text(line, item), octets: octets)) }
                name = nil
            default:
                let word = Self.word(line, &at, end)
                guard depth == 1 else { continue }
                if let item = name {
                    if Self.matches(line, item, "RFC822.SIZE") { size = Self.decimal(line, word) }
                    if Self.matches(line, item, "UID") {
                        uid = Self.decimal(line, word).flatMap { UInt32(exactly: $0) }
                    }
                    if Self.matches(line, word, "NIL"), Self.isPart(line, item) {
                        found.append(Quoted(item: Self.text(line, item), octets: []))
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
    private static func isPart(_ line: Span<UInt8>, _ name: Range<Int>) -> Bool {
        name.count >= 5 && matches(line, name.lowerBound..<(name.lowerBound + 5), "BODY[")
            || matches(line, name, "RFC822") || matches(line, name, "RFC822.HEADER")
            || matches(line, name, "RFC822.TEXT")
    }

    /// The octets in the range are `word`, in capitals, in any case.
    private static func matches(_ line: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { word in
            for (offset, wanted) in word.enumerated() {
                let octet = line[range.lowerBound + offset]
                if (octet >= 97 && octet <= 122 ? octet - 32 : octet) != wanted { return false }
            }
            return true
        }
    }

    private static func text(_ line: Span<UInt8>, _ range: Range<Int>) -> String {
        line.extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    private static func decimal(_ line: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var value = 0
        for place in range {
            let octet = line[place]
            guard octet >= 48, octet <= 57 else { return nil }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = product.addingReportingOverflow(Int(octet) - 48)
            if over || more { return nil }
            value = sum
        }
        return value
    }

    /// A word up to a space or a parenthesis outside of brackets.
    private static func word(_ line: Span<UInt8>, _ at: inout Int, _ end: Int) -> Range<Int> {
        let start = at
        var isInSection = false
        while at < end {
            let octet = line[at]
            if octet == UInt8(ascii: "[") { isInSection = true }
            if octet == UInt8(ascii: "]") { isInSection = false }
            if !isInSection, at > start,
                octet == UInt8(ascii: " ") || octet == UInt8(ascii: ")") || octet == UInt8(ascii: "(")
            {
                break
            }
            at += 1
        }
        return start..<at
    }

    /// A string in quotes (RFC 9051 §4.3).
    private static func quoted(_ line: Span<UInt8>, _ at: inout Int, _ end: Int, keeps: Bool) -> [UInt8] {
        at += 1
        var octets: [UInt8] = []
        while at < end {
            var octet = line[at]
            at += 1
            if octet == UInt8(ascii: "\"") { break }
            if octet == UInt8(ascii: "\\"), at < end {
                octet = line[at]
                at += 1
            }
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
