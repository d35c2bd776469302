// RFC 2047: text in header fields that is not ASCII. Broken words stay as they are.

/// Decoding of encoded words (RFC 2047 §2, language tags of RFC 2231 §5 allowed).
package enum EncodedWord {
    /// One encoded word: its charset label, its octets after B or Q, and where it ends.
    private struct Word {
        let charset: Charset
        let octets: [UInt8]
        let end: Int
    }

    private static let opening = Array("=?".utf8)

    /// The value with its encoded words decoded. White space between two of them is dropped (RFC 2047 §6.2). Neighbours in the
    /// same charset are joined before the charset is applied, since senders cut between the octets of a character.
    /// Words in charsets other than those of `Charset` stay as they are, 8-bit octets are guessed.
    package static func decode(_ value: ArraySlice<UInt8>) -> String {
        guard Octets.find(opening, in: value) != nil else { return Charset.guess(value) }
        var out = ""
        var plain = value.startIndex
        var at = value.startIndex
        while at < value.endIndex {
            guard let start = Octets.find(UInt8(ascii: "="), in: value[at...]) else { break }
            guard let first = word(in: value, at: start) else {
                at = start + 1
                continue
            }
            out += Charset.guess(value[plain..<start])
            var octets = first.octets
            var charset = first.charset
            var end = first.end
            // Every word that only white space parts from this one.
            while let next = word(in: value, at: skipSpace(in: value, from: end)) {
                if next.charset == charset {
                    octets += next.octets
                } else {
                    out += charset.decode(octets)
                    octets = next.octets
                    charset = next.charset
                }
                end = next.end
            }
            out += charset.decode(octets)
            plain = end
            at = end
        }
        return out + Charset.guess(value[plain...])
    }

    /// There is an encoded word that can be decoded.
    static func isFound(in value: ArraySlice<UInt8>) -> Bool {
        var rest = value
        while let start = Octets.find(opening, in: rest) {
            if word(in: value, at: start) != nil { return true }
            rest = rest[(start + 2)...]
        }
        return false
    }

    private static func skipSpace(in value: ArraySlice<UInt8>, from start: Int) -> Int {
        var at = start
        while at < value.endIndex, Octets.isFoldingSpace(value[at]) { at += 1 }
        return at
    }

    /// The encoded word that begins at `start`. Looks no further than the next question mark that cannot belong to it.
    private static func word(in value: ArraySlice<UInt8>, at start: Int) -> Word? {
        let question = UInt8(ascii: "?")
        guard value.endIndex - start >= 8, value[start] == UInt8(ascii: "="), value[start + 1] == question else {
            return nil
        }
        let labelStart = start + 2
        guard let labelEnd = Octets.find(question, in: value[labelStart...].prefix(64)),
            value.endIndex - labelEnd >= 5, value[labelEnd + 2] == question
        else { return nil }
        let textStart = labelEnd + 3
        guard let textEnd = Octets.find(question, in: value[textStart...]),
            textEnd + 1 < value.endIndex, value[textEnd + 1] == UInt8(ascii: "=")
        else { return nil }
        guard let charset = Charset(label: charsetName(value[labelStart..<labelEnd])) else { return nil }
        let text = value[textStart..<textEnd]
        switch Octets.lower(value[labelEnd + 1]) {
        case UInt8(ascii: "b"): return Word(charset: charset, octets: Base64.decodeLenient(text), end: textEnd + 2)
        case UInt8(ascii: "q"): return Word(charset: charset, octets: decodeQ(text), end: textEnd + 2)
        default: return nil
        }
    }

    /// The label of an encoded word without its language (RFC 2231 §5).
    static func charsetName(_ label: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        label.prefix { $0 != UInt8(ascii: "*") }
    }

    /// The Q encoding (RFC 2047 §4.2). An `=` without two digits stays.
    static func decodeQ(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var at = text.startIndex
        while at < text.endIndex {
            let octet = text[at]
            if octet == UInt8(ascii: "="), text.endIndex - at > 2, let high = Octets.hex(text[at + 1]),
                let low = Octets.hex(text[at + 2])
            {
                out.append(high << 4 | low)
                at += 3
            } else {
                out.append(octet == UInt8(ascii: "_") ? UInt8(ascii: " ") : octet)
                at += 1
            }
        }
        return out
    }
}
