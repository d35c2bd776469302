// Octets of the wire as text that a terminal cannot obey: an ESC in a subject must not move the cursor, a bidirectional
// override must not turn a line around, and octets that are no UTF-8 stay visible.

/// Makes text for people of octets that came from strangers.
package enum InertText {
    /// The octets as text. Controls, invisible direction marks and broken UTF-8 are shown as escapes (`\x1b`,
    /// `\u{202e}`), a tab as four spaces.
    package static func of(_ octets: some Collection<UInt8>) -> String {
        var text = ""
        append(octets, to: &text)
        return text
    }

    /// The same for text that may have come from octets.
    package static func of(_ text: String) -> String { of(text.utf8) }

    /// Appends the text of the octets.
    package static func append(_ octets: some Collection<UInt8>, to text: inout String) {
        if octets.allSatisfy({ $0 >= 32 && $0 < 127 }) {
            text += String(decoding: octets, as: UTF8.self)
            return
        }
        var rest = octets[...]
        while let octet = rest.first {
            if octet < 128 {
                rest = rest.dropFirst()
                append(Unicode.Scalar(octet), to: &text)
            } else if let (scalar, length) = scalar(rest) {
                rest = rest.dropFirst(length)
                append(scalar, to: &text)
            } else {
                rest = rest.dropFirst()
                text += "\\x" + hex(UInt32(octet), width: 2)
            }
        }
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar.value {
        case 9: text += "    "
        case 0..<32, 127: text += "\\x" + hex(scalar.value, width: 2)
        case let value where isDangerous(value): text += "\\u{" + hex(value, width: 1) + "}"
        default: text.unicodeScalars.append(scalar)
        }
    }

    /// C1 controls, line and paragraph separators, bidirectional controls (UAX #9 §2), invisible tags and annotation
    /// marks.
    package static func isDangerous(_ value: UInt32) -> Bool {
        switch value {
        case 0x80...0x9F, 0x61C, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0xE0000...0xE007F:
            true
        default: false
        }
    }

    /// The scalar at the front, and its length (RFC 3629 §4).
    private static func scalar(_ octets: some Collection<UInt8>) -> (Unicode.Scalar, Int)? {
        guard let lead = octets.first else { return nil }
        let length: Int
        let lowest: UInt32
        switch lead {
        case 0xC2...0xDF: (length, lowest) = (2, 0x80)
        case 0xE0...0xEF: (length, lowest) = (3, 0x800)
        case 0xF0...0xF4: (length, lowest) = (4, 0x10000)
        default: return nil
        }
        let octets = octets.prefix(length)
        guard octets.count == length else { return nil }
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for octet in octets.dropFirst() {
            guard octet & 0xC0 == 0x80 else { return nil }
            value = value << 6 | UInt32(octet & 0x3F)
        }
        guard value >= lowest, let scalar = Unicode.Scalar(value) else { return nil }
        return (scalar, length)
    }

    private static func hex(_ value: UInt32, width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// Numbers for people.
package enum Figures {
    /// `12,345`.
    package static func grouped(_ number: Int) -> String {
        var digits = Array(String(number.magnitude).utf8)
        var place = digits.count - 3
        while place > 0 {
            digits.insert(UInt8(ascii: ","), at: place)
            place -= 3
        }
        return (number < 0 ? "-" : "") + String(decoding: digits, as: UTF8.self)
    }

    /// `1 message`, `2 messages`.
    package static func count(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Seconds with three places: `1.204`.
    package static func seconds(_ microseconds: Int64) -> String {
        let milliseconds = microseconds.magnitude / 1000
        let digits = String(milliseconds % 1000)
        return "\(microseconds < 0 ? "-" : "")\(milliseconds / 1000)."
            + String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }
}
