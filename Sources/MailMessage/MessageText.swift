// What a person reads of a message, for full-text search: decoded header fields, and the text of its parts without markup.

/// The words of a message.
package struct MessageText: Equatable, Sendable {
    /// Octets of a message that are read; what comes behind them is attachments, as good as always.
    package static let mostOctets = 262_144
    /// Octets of UTF-8 that are kept of the header fields, and of the body.
    private static let mostHeader = 16_384
    private static let mostBody = 65_536

    /// The fields of the header and of the parts' headers, `Name: text` a line.
    package private(set) var header = ""
    /// The text parts, one behind the other.
    package private(set) var body = ""

    /// - Parameter message: the message, or its beginning.
    package init(_ message: [UInt8]) {
        let structure = MessageStructure.parse(message)
        for part in structure.parts {
            var walk = HeaderFieldIterator(structure.header(of: part, in: message))
            while header.utf8.count < Self.mostHeader, let field = walk.next() {
                header += Charset.guess(field.name) + ": " + Self.cut(field.text, Self.mostHeader) + "\n"
            }
            guard body.utf8.count < Self.mostBody, part.isText, let text = structure.text(of: part, in: message) else {
                continue
            }
            body += Self.cut(part.mediaType.subtype == "html" ? Self.withoutMarkup(text) : text, Self.mostBody) + "\n"
        }
        header = Self.cut(header, Self.mostHeader)
        body = Self.cut(body, Self.mostBody)
    }

    private static func cut(_ text: String, _ most: Int) -> String {
        text.utf8.count <= most ? text : String(decoding: text.utf8.prefix(most), as: UTF8.self)
    }

    /// HTML as text: without tags, comments, scripts and style sheets, with the usual character references.
    static func withoutMarkup(_ html: String) -> String {
        var out: [UInt8] = []
        let octets = Array(html.utf8)
        out.reserveCapacity(min(octets.count, mostBody))
        var at = 0
        while at < octets.count, out.count < mostBody {
            switch octets[at] {
            case UInt8(ascii: "<"):
                at = tagEnd(octets, at)
                // Words on both sides of a tag are two.
                out.append(UInt8(ascii: " "))
            case UInt8(ascii: "&"):
                let (text, next) = reference(octets, at)
                out += text
                at = next
            default:
                out.append(octets[at])
                at += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The place behind the tag at `start`, and behind the element where that is not for reading.
    private static func tagEnd(_ octets: [UInt8], _ start: Int) -> Int {
        if octets[start...].starts(with: Array("<!--".utf8)) {
            return Octets.find(Array("-->".utf8), in: octets[start...]).map { $0 + 3 } ?? octets.count
        }
        let end = octets[start...].firstIndex(of: UInt8(ascii: ">")).map { $0 + 1 } ?? octets.count
        let name = octets[(start + 1)..<max(start + 1, end)].prefix { Octets.isLetter($0) }.map(Octets.lower)
        for hidden in ["script", "style"] where name.elementsEqual(hidden.utf8) {
            var at = end
            let close = Array("</\(hidden)".utf8)
            while let next = octets[at...].firstIndex(of: UInt8(ascii: "<")) {
                if octets[next...].prefix(close.count).map(Octets.lower).elementsEqual(close) { return next }
                at = next + 1
            }
            return octets.count
        }
        return end
    }

    private static let named: [String: String] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "auml": "ä", "ouml": "ö", "uuml": "ü",
        "Auml": "Ä", "Ouml": "Ö", "Uuml": "Ü", "szlig": "ß", "eacute": "é", "egrave": "è", "agrave": "à",
    ]

    /// A character reference at `start`, and the place behind it; the ampersand alone when it is none.
    private static func reference(_ octets: [UInt8], _ start: Int) -> (text: [UInt8], next: Int) {
        let alone = ([octets[start]], start + 1)
        let limit = min(octets.count, start + 12)
        guard let end = octets[start..<limit].firstIndex(of: UInt8(ascii: ";")) else { return alone }
        let name = String(decoding: octets[(start + 1)..<end], as: UTF8.self)
        if let text = named[name] { return (Array(text.utf8), end + 1) }
        guard name.hasPrefix("#") else { return alone }
        let digits = name.dropFirst()
        let isHex = digits.hasPrefix("x") || digits.hasPrefix("X")
        guard let value = isHex ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits),
            let scalar = Unicode.Scalar(value)
        else { return alone }
        return (Array(String(Character(scalar)).utf8), end + 1)
    }
}
