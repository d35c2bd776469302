// The beginning of a message, where only its octets say that it is one.

/// A line that may be the first one of a message: a header field (RFC 5322 §2.2).
enum FieldLine {
    /// The line begins as a header field does, with a letter.
    static func begins(_ line: ArraySlice<UInt8>) -> Bool {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { return false }
        let behind = line[(colon + 1)...].first ?? 0
        return SMTPGrammar.isLetter(line[line.startIndex]) && [9, 10, 13, 32].contains(behind)
            && line[..<colon].allSatisfy { SMTPGrammar.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
    }
}
