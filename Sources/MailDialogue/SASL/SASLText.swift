// Names and passwords as SASL takes them: UTF-8, and prepared for comparison by SASLprep (RFC 4013).

/// The mask of secrets. Recordings hold it in the secrets' place and are followed again: it breaks nothing.
enum SASLMask {
    static let octet = UInt8(ascii: "*")

    /// There is nothing but the mask.
    static func covers(_ octets: some Collection<UInt8>) -> Bool {
        octets.count > 1 && octets.allSatisfy { $0 == octet }
    }

    /// The masked form of a line that was no response where one was due: whoever reads it again does not take it for one either.
    static func noResponse(_ masked: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var masked = masked
        let line = masked.withoutLineEnd.line
        if !line.isEmpty, line.allSatisfy({ $0 == octet }) { masked[masked.startIndex] = UInt8(ascii: "!") }
        return masked
    }
}

/// Text in SASL messages.
package enum SASLText {
    /// The octets are UTF-8 (RFC 3629 §3): no overlong forms, no surrogates.
    package static func isUTF8(_ octets: some Collection<UInt8>) -> Bool {
        if octets.allSatisfy({ $0 < 0x80 }) { return true }
        var decoder = UTF8()
        var iterator = octets.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }

    /// A name or password prepared by SASLprep (RFC 4013 §2); nil when it holds what is prohibited.
    package static func prepared(_ text: String) -> String? { Stringprep.saslprep(text) }
}
