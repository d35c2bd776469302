// Names of mailboxes: INBOX stays (RFC 9051 §5.1), words get pseudonyms, hierarchy and punctuation stay. A name in modified UTF-7 (RFC 3501 §5.1.3) is
// decoded first, so that it gets the pseudonym that it gets in UTF-8.

import MailMessage

extension TextAnonymizer {
    /// Appends what stands for the name of a mailbox.
    func mailbox(_ name: ArraySlice<UInt8>, into out: inout [UInt8]) {
        let inbox = name.prefix(5)
        var rest = name
        if inbox.equalsIgnoringCase("INBOX"),
            name.count == 5 || Glyph.next(name, at: inbox.endIndex).glyph == nil
        {
            out += inbox
            rest = name[inbox.endIndex...]
        }
        if rest.contains(38), let parts = Self.parts(rest) {
            replaceParts(parts, into: &out)
        } else {
            replace(rest, .names, into: &out)
        }
    }

    /// A stretch of a name: characters as they stand, or encoded.
    private struct Part {
        var scalars: [UInt32]
        var isEncoded: Bool
    }

    private func replaceParts(_ parts: [Part], into out: inout [UInt8]) {
        var whole: [UInt8] = []
        for part in parts { for scalar in part.scalars { UTF8Scalar.write(scalar, to: &whole) } }
        let made = replaced(whole[...], .names)[...]
        var index = made.startIndex
        for part in parts {
            var units: [UInt8] = []
            for _ in part.scalars {
                guard index < made.endIndex, let (scalar, width) = UTF8Scalar.read(made, at: index) else { break }
                index += width
                if !part.isEncoded {
                    out.append(UInt8(truncatingIfNeeded: scalar))
                } else if scalar >= 0x10000 {
                    units.appendBig16(UInt16(truncatingIfNeeded: 0xD800 + (scalar - 0x10000) >> 10))
                    units.appendBig16(UInt16(truncatingIfNeeded: 0xDC00 + (scalar - 0x10000) & 0x3FF))
                } else {
                    units.appendBig16(UInt16(truncatingIfNeeded: scalar))
                }
            }
            guard part.isEncoded else { continue }
            out.append(38)
            if part.scalars.first != 38 || part.scalars.count > 1 {
                out += Base64.encode(units).prefix { $0 != 61 }.map { $0 == 47 ? 44 : $0 }
            }
            out.append(45)
        }
    }

    /// The stretches of a name; nil when it is not well-formed. `&-` is an encoded ampersand.
    private static func parts(_ name: ArraySlice<UInt8>) -> [Part]? {
        var parts: [Part] = []
        var rest = name
        while !rest.isEmpty {
            let plain = rest.prefix { $0 != 38 }
            guard plain.allSatisfy({ $0 < 128 }) else { return nil }
            if !plain.isEmpty { parts.append(Part(scalars: plain.map { UInt32($0) }, isEncoded: false)) }
            rest = rest[plain.endIndex...]
            guard !rest.isEmpty else { break }
            guard let end = rest.firstIndex(of: 45) else { return nil }
            let base64 = rest[(rest.startIndex + 1)..<end]
            rest = rest[(end + 1)...]
            if base64.isEmpty {
                parts.append(Part(scalars: [38], isEncoded: true))
                continue
            }
            guard let scalars = scalars(base64) else { return nil }
            parts.append(Part(scalars: scalars, isEncoded: true))
        }
        return parts
    }

    /// The characters of UTF-16 in base64 with a comma for the slash.
    static func scalars(_ base64: ArraySlice<UInt8>) -> [UInt32]? {
        let pads = [UInt8](repeating: 61, count: (4 - base64.count & 3) & 3)
        guard pads.count < 3, let octets = Base64.decode((base64.map { $0 == 44 ? 47 : $0 } + pads)[...]),
            octets.count & 1 == 0
        else { return nil }
        var scalars: [UInt32] = []
        var high: UInt32?
        for place in stride(from: 0, to: octets.count, by: 2) {
            let unit = UInt32(octets[place]) << 8 | UInt32(octets[place + 1])
            switch (unit, high) {
            case (0xD800...0xDBFF, nil): high = unit
            case (0xDC00...0xDFFF, .some(let first)):
                scalars.append(0x10000 + (first - 0xD800) << 10 + (unit - 0xDC00))
                high = nil
            case (0xD800...0xDFFF, _), (_, .some): return nil
            case (_, nil): scalars.append(unit)
            }
        }
        return high == nil ? scalars : nil
    }
}
