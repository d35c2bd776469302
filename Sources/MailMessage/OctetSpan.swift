// Octets that are looked at while they pass: a view without an owner, so that no line costs a count of references. Its bounds
// are checked as those of an array.

import CBytes

typealias OctetSpan = Span<UInt8>

extension Span where Element == UInt8 {
    var firstOctet: UInt8? { isEmpty ? nil : self[0] }
    var lastOctet: UInt8? { isEmpty ? nil : self[count - 1] }

    /// Octets of a line without its CRLF or LF.
    var contentCount: Int {
        guard lastOctet == Octets.lf else { return count }
        return count > 1 && self[count - 2] == Octets.cr ? count - 2 : count - 1
    }

    /// Index of the first `octet`, nil when there is none.
    func index(of octet: UInt8) -> Int? {
        let index = withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, octet) }
        return index < 0 ? nil : index
    }

    /// Index of the last `octet`, nil when there is none.
    func lastIndex(of octet: UInt8) -> Int? {
        var index = count - 1
        while index >= 0 {
            if self[index] == octet { return index }
            index -= 1
        }
        return nil
    }

    /// Index of the first occurrence of `needle`, nil when there is none.
    func index(of needle: [UInt8]) -> Int? {
        let index = withUnsafeBytes { hay in
            needle.withUnsafeBytes { needle in
                guard let start = needle.baseAddress else { return 0 }
                return mp_find_bytes(hay.baseAddress, hay.count, start, needle.count)
            }
        }
        return index < 0 ? nil : index
    }

    /// How often `octet` occurs.
    func count(of octet: UInt8) -> Int {
        withUnsafeBytes { Int(mp_count_byte($0.baseAddress, $0.count, octet)) }
    }

    /// Which kinds of octets occur.
    var kinds: OctetKinds {
        withUnsafeBytes { OctetKinds(rawValue: mp_octet_kinds($0.baseAddress, $0.count)) }
    }

    /// How many octets at the front are plain lines; see `mp_plain_lines`. A line end must stand before them.
    var plainLines: Int {
        withUnsafeBytes { Int(mp_plain_lines($0.baseAddress, $0.count)) }
    }

    /// All octets are base64 digits.
    var isBase64: Bool {
        withUnsafeBytes { mp_is_base64($0.baseAddress, $0.count) != 0 }
    }

    /// All octets are white space.
    var isSpace: Bool {
        for index in indices where !Octets.isSpace(self[index]) { return false }
        return true
    }

    /// The octets from an index on begin with `prefix`.
    func has(_ prefix: [UInt8], at start: Int) -> Bool {
        guard count - start >= prefix.count else { return false }
        for index in prefix.indices where self[start + index] != prefix[index] { return false }
        return true
    }
}

extension [UInt8] {
    init(_ octets: OctetSpan) {
        self = octets.withUnsafeBufferPointer { Array($0) }
    }

    mutating func append(_ octets: OctetSpan) {
        octets.withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}
