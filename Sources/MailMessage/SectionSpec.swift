// The section specification of FETCH: what stands between the brackets of BODY[…] (RFC 9051 §6.4.5.1).

/// A section of a message.
package struct SectionSpec: Equatable, Sendable {
    /// What of the part is meant.
    package enum Text: Equatable, Sendable {
        /// The part's body; with no part number the whole message.
        case whole
        /// HEADER
        case header
        /// HEADER.FIELDS with its names as sent.
        case headerFields([[UInt8]])
        /// HEADER.FIELDS.NOT with its names as sent.
        case headerFieldsNot([[UInt8]])
        /// TEXT
        case text
        /// MIME, with a part number only.
        case mime
    }

    /// Part numbers, from 1.
    package let part: [Int]
    package let text: Text

    package init(part: [Int] = [], text: Text = .whole) {
        self.part = part
        self.text = text
    }

    /// Reads the octets between the brackets, literals in the list of names included (`{4}`, line end, octets). Nil when they are
    /// no section.
    package init?(parsing octets: ArraySlice<UInt8>) {
        var rest = octets
        var part: [Int] = []
        while let first = rest.first, Octets.isDigit(first) {
            let digits = rest.prefix(while: Octets.isDigit)
            // More numbers than a structure is deep lead nowhere, but they are a section.
            guard let number = Octets.number(digits), number > 0, part.count < 1_000 else { return nil }
            part.append(number)
            rest = rest[digits.endIndex...]
            guard rest.first == UInt8(ascii: ".") else { break }
            rest.removeFirst()
            if rest.isEmpty { return nil }
        }
        if rest.isEmpty {
            self.init(part: part)
            return
        }
        if !part.isEmpty, octets[rest.startIndex - 1] != UInt8(ascii: ".") { return nil }
        let word = rest.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "(") }
        rest = rest[word.endIndex...]
        switch Octets.lowerText(word) {
        case "header" where rest.isEmpty: self.init(part: part, text: .header)
        case "text" where rest.isEmpty: self.init(part: part, text: .text)
        case "mime" where rest.isEmpty && !part.isEmpty: self.init(part: part, text: .mime)
        case "header.fields":
            guard let names = SectionSpec.names(rest) else { return nil }
            self.init(part: part, text: .headerFields(names))
        case "header.fields.not":
            guard let names = SectionSpec.names(rest) else { return nil }
            self.init(part: part, text: .headerFieldsNot(names))
        default: return nil
        }
    }

    /// The octets between the brackets of the response: names that are not plain atoms are quoted.
    package var imapBytes: [UInt8] {
        let number = part.map { String($0) }.joined(separator: ".")
        let dot = part.isEmpty ? "" : "."
        switch text {
        case .whole: return Array(number.utf8)
        case .header: return Array((number + dot + "HEADER").utf8)
        case .headerFields(let names): return Array((number + dot + "HEADER.FIELDS ").utf8) + SectionSpec.list(names)
        case .headerFieldsNot(let names):
            return Array((number + dot + "HEADER.FIELDS.NOT ").utf8) + SectionSpec.list(names)
        case .text: return Array((number + dot + "TEXT").utf8)
        case .mime: return Array((number + dot + "MIME").utf8)
        }
    }

    private static func list(_ names: [[UInt8]]) -> [UInt8] {
        var out = Array("(".utf8)
        for (number, name) in names.enumerated() {
            if number > 0 { out.append(UInt8(ascii: " ")) }
            out += !name.isEmpty && name.allSatisfy(isAtom) ? name : imapString(name[...])
        }
        out.append(UInt8(ascii: ")"))
        return out
    }

    private static func isAtom(_ octet: UInt8) -> Bool {
        switch octet {
        case 0...32, 127...255, UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "%"),
            UInt8(ascii: "*"), UInt8(ascii: "\""), UInt8(ascii: "\\"):
            false
        default: true
        }
    }

    /// The parenthesised list of names behind HEADER.FIELDS; nil when it is none, or empty.
    private static func names(_ octets: ArraySlice<UInt8>) -> [[UInt8]]? {
        var rest = octets
        while rest.first == UInt8(ascii: " ") { rest.removeFirst() }
        guard rest.popFirst() == UInt8(ascii: "(") else { return nil }
        var names: [[UInt8]] = []
        while true {
            while rest.first == UInt8(ascii: " ") { rest.removeFirst() }
            guard let first = rest.first else { return nil }
            switch first {
            case UInt8(ascii: ")"):
                return rest.count == 1 && !names.isEmpty ? names : nil
            case UInt8(ascii: "\""):
                guard let name = quoted(&rest) else { return nil }
                names.append(name)
            case UInt8(ascii: "{"):
                guard let name = literal(&rest) else { return nil }
                names.append(name)
            default:
                let atom = rest.prefix { isAtom($0) }
                guard !atom.isEmpty else { return nil }
                names.append(Array(atom))
                rest = rest[atom.endIndex...]
            }
        }
    }

    private static func quoted(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        var name: [UInt8] = []
        rest.removeFirst()
        while let octet = rest.popFirst() {
            switch octet {
            case UInt8(ascii: "\""): return name
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return nil }
                name.append(escaped)
            default: name.append(octet)
            }
        }
        return nil
    }

    private static func literal(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        rest.removeFirst()
        let digits = rest.prefix(while: Octets.isDigit)
        guard let size = Octets.number(digits) else { return nil }
        rest = rest[digits.endIndex...]
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        guard rest.starts(with: Array("}\r\n".utf8)), rest.count - 3 >= size else { return nil }
        let name = rest.dropFirst(3).prefix(size)
        rest = rest[name.endIndex...]
        return Array(name)
    }
}
