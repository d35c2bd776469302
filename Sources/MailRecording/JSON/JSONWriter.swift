// JSON text (RFC 8259) for comments in recordings and for every `--json`: one pass, no tree, members in the order of
// the calls.

/// Writes one JSON value. The caller keeps begin and end in pairs; commas are put by the writer.
package struct JSONWriter: Sendable {
    /// What was written so far: UTF-8 without line ends.
    package private(set) var octets: [UInt8] = []
    private var needsComma = false

    package init() { octets.reserveCapacity(256) }

    /// What was written so far.
    package var text: String { String(decoding: octets, as: UTF8.self) }

    /// Hands out what was written so far when it is long, and goes on without it: for documents that need not be in memory.
    package mutating func pour(beyond most: Int = 0, _ put: (ArraySlice<UInt8>) throws -> Void) rethrows {
        guard octets.count > most else { return }
        try put(octets[...])
        octets.removeAll(keepingCapacity: true)
    }

    /// An object; `body` writes its members.
    package mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        try enclosed("{", "}", body)
    }

    /// An array; `body` writes its elements.
    package mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        try enclosed("[", "]", body)
    }

    /// A member that is an object.
    package mutating func object(_ name: String, _ body: (inout JSONWriter) throws -> Void) rethrows {
        key(name)
        try object(body)
    }

    /// A member that is an array.
    package mutating func array(_ name: String, _ body: (inout JSONWriter) throws -> Void) rethrows {
        key(name)
        try array(body)
    }

    /// A member; nil becomes `null`.
    package mutating func member(_ name: String, _ value: String?) {
        key(name)
        self.value(value)
    }

    /// A member; nil becomes `null`.
    package mutating func member(_ name: String, _ value: (some FixedWidthInteger)?) {
        key(name)
        self.value(value)
    }

    /// A member; nil becomes `null`. Of its own, as most numbers are of this type.
    package mutating func member(_ name: String, _ value: Int?) {
        key(name)
        self.value(value)
    }

    /// A member that is `true` or `false`.
    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        self.value(value)
    }

    /// A member that is a decimal fraction: seconds from microseconds, with six places.
    package mutating func member(_ name: String, seconds microseconds: Int64) {
        key(name)
        value(seconds: microseconds)
    }

    /// A member that is an array of strings.
    package mutating func member(_ name: String, _ values: [String]) {
        array(name) { json in
            for value in values { json.value(value) }
        }
    }

    /// A string; nil becomes `null`.
    package mutating func value(_ text: String?) {
        separate()
        if let text { Self.appendString(text, to: &octets) } else { octets.append(contentsOf: "null".utf8) }
        needsComma = true
    }

    /// A number; nil becomes `null`.
    package mutating func value(_ number: (some FixedWidthInteger)?) {
        separate()
        octets.append(contentsOf: (number.map { String($0) } ?? "null").utf8)
        needsComma = true
    }

    /// A number; nil becomes `null`. Of its own, as most numbers are of this type.
    package mutating func value(_ number: Int?) {
        separate()
        needsComma = true
        guard let number else { return octets.append(contentsOf: "null".utf8) }
        if number < 0 { octets.append(UInt8(ascii: "-")) }
        let first = octets.count
        var rest = number.magnitude
        repeat {
            octets.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        // The last digit came first.
        octets[first...].reverse()
    }

    /// `true` or `false`.
    package mutating func value(_ truth: Bool) {
        separate()
        octets.append(contentsOf: (truth ? "true" : "false").utf8)
        needsComma = true
    }

    /// Seconds with six places.
    package mutating func value(seconds microseconds: Int64) {
        separate()
        let fraction = String(microseconds.magnitude % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - fraction.utf8.count)
        let sign = microseconds < 0 ? "-" : ""
        octets.append(contentsOf: "\(sign)\(microseconds.magnitude / 1_000_000).\(zeros)\(fraction)".utf8)
        needsComma = true
    }

    private mutating func key(_ name: String) {
        separate()
        Self.appendString(name, to: &octets)
        octets.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func enclosed(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) throws -> Void
    ) rethrows {
        separate()
        octets.append(UInt8(ascii: open))
        needsComma = false
        try body(&self)
        octets.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { octets.append(UInt8(ascii: ",")) }
    }

    /// Appends `text` as a JSON string with its quotes. Besides what RFC 8259 §7 demands, DEL and the C1 controls
    /// (U+0080 to U+009F) are escaped, as some terminals obey them.
    package static func appendString(_ text: String, to out: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendString($0, to: &out) }
    }

    private static func appendString(_ utf8: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        // Most strings need nothing escaped, and are looked at once.
        guard !utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) else {
            out.append(contentsOf: utf8)
            out.append(UInt8(ascii: "\""))
            return
        }
        var plain = 0
        var index = 0
        while index < utf8.count {
            let octet = utf8[index]
            let isC1 = octet == 0xC2 && index + 1 < utf8.count && utf8[index + 1] < 0xA0
            guard octet < 0x20 || octet == 0x22 || octet == 0x5C || octet == 0x7F || isC1 else {
                index += 1
                continue
            }
            out.append(contentsOf: utf8[plain..<index])
            appendEscape(isC1 ? utf8[index + 1] : octet, to: &out)
            index += isC1 ? 2 : 1
            plain = index
        }
        out.append(contentsOf: utf8[plain...])
        out.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ octet: UInt8, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\\"))
        switch octet {
        case 0x22, 0x5C: out.append(octet)
        case 0x08: out.append(UInt8(ascii: "b"))
        case 0x09: out.append(UInt8(ascii: "t"))
        case 0x0A: out.append(UInt8(ascii: "n"))
        case 0x0C: out.append(UInt8(ascii: "f"))
        case 0x0D: out.append(UInt8(ascii: "r"))
        default:
            out += [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")]
            for nibble in [octet >> 4, octet & 15] {
                out.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
            }
        }
    }
}
