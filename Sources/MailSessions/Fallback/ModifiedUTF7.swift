// Mailbox names of IMAP4rev1 on the wire (RFC 3501 §5.1.3): ASCII as it is, "&-" for "&", and all else as UTF-16 in a
// base64 with "," for "/" between "&" and "-".

/// Modified UTF-7.
package enum ModifiedUTF7 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,".utf8)

    /// The name as it goes over the wire.
    package static func encode(_ name: String) -> [UInt8] {
        var out: [UInt8] = []
        var shifted: [UInt16] = []
        func close() {
            guard !shifted.isEmpty else { return }
            out.append(UInt8(ascii: "&"))
            var bits: UInt32 = 0
            var have = 0
            for unit in shifted {
                bits = bits << 16 | UInt32(unit)
                have += 16
                while have >= 6 {
                    have -= 6
                    out.append(alphabet[Int(bits >> UInt32(have) & 63)])
                }
            }
            if have > 0 { out.append(alphabet[Int(bits << UInt32(6 - have) & 63)]) }
            out.append(UInt8(ascii: "-"))
            shifted = []
        }
        for unit in name.utf16 {
            guard unit >= 32, unit < 127 else {
                shifted.append(unit)
                continue
            }
            close()
            out.append(UInt8(unit))
            if unit == 38 { out.append(UInt8(ascii: "-")) }
        }
        close()
        return out
    }

    /// The name that the octets stand for; nil when they are no modified UTF-7. UTF-8 is taken as it is: some clients
    /// send it.
    static func decode(_ octets: some Sequence<UInt8>) -> String? {
        var out: [UInt8] = []
        var shifted: [UInt8]?
        for octet in octets {
            if let digits = shifted {
                guard octet == UInt8(ascii: "-") else {
                    shifted = digits + [octet]
                    continue
                }
                shifted = nil
                guard !digits.isEmpty else {
                    out.append(UInt8(ascii: "&"))
                    continue
                }
                guard let text = decode(shifted: digits) else { return nil }
                out.append(contentsOf: text.utf8)
            } else if octet == UInt8(ascii: "&") {
                shifted = []
            } else {
                guard octet >= 32, octet != 127 else { return nil }
                out.append(octet)
            }
        }
        guard shifted == nil else { return nil }
        return String(validating: out, as: UTF8.self)
    }

    private static func decode(shifted digits: [UInt8]) -> String? {
        var units: [UInt16] = []
        var bits: UInt32 = 0
        var have = 0
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            bits = bits << 6 | UInt32(value)
            have += 6
            if have >= 16 {
                have -= 16
                units.append(UInt16(truncatingIfNeeded: bits >> UInt32(have)))
                bits &= (1 << UInt32(have)) - 1
            }
        }
        // What is left is padding of zeros, less than a digit.
        guard have < 6, bits == 0 else { return nil }
        guard let text = String(validating: units, as: UTF16.self) else { return nil }
        // ASCII has only one spelling (RFC 3501 §5.1.3).
        return text.unicodeScalars.allSatisfy { !(32..<127).contains($0.value) && $0.value != 0 } ? text : nil
    }
}
