// Whether a Message-ID field is as RFC 5322 §3.6.4 wants it, or as §4.5.4 allowed it.

enum MessageIDGrammar {
    /// The field holds one identifier, `<id-left@id-right>`, with white space and comments around it only.
    static func isValid(_ body: ArraySlice<UInt8>) -> Bool {
        var reader = FieldReader(body)
        reader.skip()
        guard reader.take(UInt8(ascii: "<")), dotted(&reader, mayQuote: true), reader.take(UInt8(ascii: "@")) else {
            return false
        }
        if reader.next == UInt8(ascii: "[") {
            let literal = reader.bytes[reader.delimited(by: UInt8(ascii: "]"))]
            guard literal.count > 1, literal.last == UInt8(ascii: "]") else { return false }
        } else {
            guard dotted(&reader, mayQuote: false) else { return false }
        }
        guard reader.take(UInt8(ascii: ">")) else { return false }
        reader.skip()
        return reader.isAtEnd && reader.openComment == nil && reader.openQuote == nil
    }

    /// Words with dots between them. The obsolete syntax has quoted strings on the left, and white space.
    private static func dotted(_ reader: inout FieldReader, mayQuote: Bool) -> Bool {
        repeat {
            reader.skip()
            if mayQuote, reader.next == UInt8(ascii: "\"") {
                _ = reader.delimited(by: UInt8(ascii: "\""))
            } else if reader.run(FieldReader.isAtext).isEmpty {
                return false
            }
            reader.skip()
        } while reader.take(UInt8(ascii: "."))
        return true
    }
}
