// Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3), which RFC 9051 keeps for compatibility in appendix A.1.

/// Names of mailboxes.
package enum IMAPMailboxName {
    /// Offset of the first octet that is no modified UTF-7; nil when all is well. What is judged: printable ASCII stands
    /// for itself, "&" begins modified BASE64 of UTF-16 that ends at "-", no shift is needless, surrogates come in pairs.
    static func fault(_ name: UnsafeBufferPointer<UInt8>) -> Int? {
        var index = 0
        let count = name.count
        while index < count {
            let octet = name[index]
            guard octet == UInt8(ascii: "&") else {
                // Controls and octets beyond ASCII must be encoded.
                if octet < 32 || octet >= 127 { return index }
                index += 1
                continue
            }
            let shift = index
            index += 1
            if index < count, name[index] == UInt8(ascii: "-") {
                index += 1
                continue
            }
            var units = UTF16Units()
            while index < count, let value = base64(name[index]) {
                guard units.add(value) else { return index }
                index += 1
            }
            guard index < count, name[index] == UInt8(ascii: "-"), units.isWhole else { return shift }
            index += 1
            // "&Jjo-&Jjo-": the null shift between two encoded runs is superfluous.
            if index + 1 < count, name[index] == UInt8(ascii: "&"), name[index + 1] != UInt8(ascii: "-") {
                return index
            }
        }
        return nil
    }

    /// The name as text: modified UTF-7 is decoded, and when it is none, or UTF-8, the octets are taken as UTF-8.
    package static func text(_ name: ArraySlice<UInt8>) -> String {
        let isEncoded = name.withUnsafeBufferPointer { $0.contains(UInt8(ascii: "&")) && fault($0) == nil }
        guard isEncoded else { return String(decoding: name, as: UTF8.self) }
        var units: [UInt16] = []
        units.reserveCapacity(name.count)
        var index = name.startIndex
        while index < name.endIndex {
            let octet = name[index]
            index += 1
            guard octet == UInt8(ascii: "&") else {
                units.append(UInt16(octet))
                continue
            }
            var bits: UInt32 = 0
            var held = 0
            var wasEmpty = true
            while index < name.endIndex, let value = base64(name[index]) {
                wasEmpty = false
                bits = bits << 6 | UInt32(value)
                held += 6
                if held >= 16 {
                    held -= 16
                    units.append(UInt16(truncatingIfNeeded: bits >> UInt32(held)))
                    bits &= (1 << UInt32(held)) - 1
                }
                index += 1
            }
            if wasEmpty { units.append(UInt16(octet)) }
            index += 1
        }
        return String(decoding: units, as: UTF16.self)
    }

    /// The name is INBOX, in any case (RFC 9051 §5.1).
    package static func isInbox(_ name: ArraySlice<UInt8>) -> Bool {
        name.count == 5 && zip(name, "INBOX".utf8).allSatisfy { IMAPOctet.upper($0) == $1 }
    }

    /// Value of a digit of modified BASE64, which has "," for "/".
    private static func base64(_ octet: UInt8) -> UInt8? {
        switch octet {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): octet - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): octet - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: ","): 63
        default: nil
        }
    }

    /// The UTF-16 code units of one shift, as they come out of its digits.
    private struct UTF16Units {
        private var bits: UInt32 = 0
        private var held = 0
        private var awaitsLow = false
        private var hasUnits = false

        /// False when a unit is no character that needs the encoding.
        mutating func add(_ digit: UInt8) -> Bool {
            bits = bits << 6 | UInt32(digit)
            held += 6
            guard held >= 16 else { return true }
            held -= 16
            let unit = UInt16(truncatingIfNeeded: bits >> UInt32(held))
            bits &= (1 << UInt32(held)) - 1
            hasUnits = true
            if awaitsLow {
                awaitsLow = false
                return unit & 0xFC00 == 0xDC00
            }
            if unit & 0xFC00 == 0xDC00 { return false }
            awaitsLow = unit & 0xFC00 == 0xD800
            // Printable ASCII must stand for itself.
            return unit < 0x20 || unit > 0x7E
        }

        /// It ended between characters, with no bits left but zeros.
        var isWhole: Bool { hasUnits && !awaitsLow && held < 6 && bits == 0 }
    }
}
