// The header of a literal at the end of an IMAP line (RFC 9051 §4.3, RFC 7888, RFC 3516 §4.3): {n} {n+} ~{n} ~{n+}.

/// A literal header.
package struct IMAPLiteral: Equatable, Sendable {
    /// Octets that follow; nil when the number is beyond 63 bits (RFC 9051 §9, number64).
    package let size: Int?
    /// `{n+}`: the octets follow at once (RFC 7888 §4).
    package let isNonSynchronizing: Bool
    /// `~{n}`: the octets may hold NUL (RFC 3516 §4.3).
    package let isBinary: Bool
    /// Index of the first octet of the header, the tilde included.
    package let start: Int

    /// Looks at the end of `line`, which is without its line end. Nil when it does not end in a literal header.
    package init?(endOf line: some OctetLine) {
        guard line.last == UInt8(ascii: "}") else { return nil }
        var index = line.endIndex - 2
        var nonSynchronizing = false
        if index >= line.startIndex, line[index] == UInt8(ascii: "+") {
            nonSynchronizing = true
            index -= 1
        }
        let lastDigit = index
        while index >= line.startIndex, line[index] >= 48, line[index] <= 57 { index -= 1 }
        guard index >= line.startIndex, index < lastDigit, line[index] == UInt8(ascii: "{") else { return nil }
        size = line[(index + 1)...lastDigit].decimal
        isNonSynchronizing = nonSynchronizing
        isBinary = index > line.startIndex && line[index - 1] == UInt8(ascii: "~")
        start = isBinary ? index - 1 : index
    }
}
