// Base64 (RFC 4648 §4) on octets: for SASL exchanges and MIME bodies, where Foundation is not at hand.

/// Base64 coding of octets.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Value of each octet in the alphabet; 255 elsewhere.
    static let values: [UInt8] = {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, octet) in alphabet.enumerated() { table[Int(octet)] = UInt8(value) }
        return table
    }()

    /// The value of a base64 digit, nil for any other octet.
    package static func value(of octet: UInt8) -> UInt8? {
        let value = values[Int(octet)]
        return value == 255 ? nil : value
    }

    /// Encodes with padding, on one line.
    package static func encode(_ octets: some Sequence<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(octets.underestimatedCount / 3 * 4 + 4)
        var group: UInt32 = 0
        var have = 0
        for octet in octets {
            group = group << 8 | UInt32(octet)
            have += 1
            if have == 3 {
                out.append(alphabet[Int(group >> 18 & 63)])
                out.append(alphabet[Int(group >> 12 & 63)])
                out.append(alphabet[Int(group >> 6 & 63)])
                out.append(alphabet[Int(group & 63)])
                group = 0
                have = 0
            }
        }
        if have == 1 {
            out.append(alphabet[Int(group >> 2 & 63)])
            out.append(alphabet[Int(group << 4 & 63)])
            out.append(contentsOf: [UInt8(ascii: "="), UInt8(ascii: "=")])
        } else if have == 2 {
            out.append(alphabet[Int(group >> 10 & 63)])
            out.append(alphabet[Int(group >> 4 & 63)])
            out.append(alphabet[Int(group << 2 & 63)])
            out.append(UInt8(ascii: "="))
        }
        return out
    }

    /// Decodes one line strictly: whole groups, padding only at the end. Nil when it is not base64.
    package static func decode(_ octets: ArraySlice<UInt8>) -> [UInt8]? {
        var body = octets
        guard body.count % 4 == 0 else { return nil }
        var padding = 0
        while padding < 2, body.last == UInt8(ascii: "=") {
            body.removeLast()
            padding += 1
        }
        var out: [UInt8] = []
        out.reserveCapacity(body.count / 4 * 3 + 2)
        var group: UInt32 = 0
        var have = 0
        for octet in body {
            guard let value = value(of: octet) else { return nil }
            group = group << 6 | UInt32(value)
            have += 1
            if have == 4 {
                out.append(UInt8(truncatingIfNeeded: group >> 16))
                out.append(UInt8(truncatingIfNeeded: group >> 8))
                out.append(UInt8(truncatingIfNeeded: group))
                group = 0
                have = 0
            }
        }
        switch have {
        case 0: break
        case 2: out.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3:
            out.append(UInt8(truncatingIfNeeded: group >> 10))
            out.append(UInt8(truncatingIfNeeded: group >> 2))
        default: return nil
        }
        return out
    }
}
