// Names and passwords as SASL takes them: UTF-8, and prepared for comparison by SASLprep (RFC 4013).

/// The mask of secrets. Recordings hold it in the secrets' place and are followed again: it breaks nothing.
enum SASLMask {
    static let octet = UInt8(ascii: "*")

    /// There is nothing but the mask.
    static func covers(_ octets: some Collection<UInt8>) -> Bool {
        octets.count > 1 && octets.allSatisfy { $0 == octet }
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
    ///
    /// For ASCII this is exact: all of it stays but control characters, which are prohibited. Beyond ASCII the spaces
    /// of other scripts become a space and what has no width goes (§2.1), control and private characters are prohibited
    /// (§2.3). The normalisation to form KC (§2.2) and the check of mixed directions (§2.4) are left to whoever typed
    /// the text: they need tables that neither the standard library nor this module has. So a password with, say, a
    /// ligature is hashed as it is.
    package static func prepared(_ text: String) -> String? {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F: return nil
            case 0x20..<0x7F: out.append(scalar)
            // RFC 3454 B.1: soft hyphen, joiners, variation selectors, the byte order mark.
            case 0xAD, 0x34F, 0x1806, 0x180B...0x180D, 0x200B...0x200D, 0x2060, 0xFE00...0xFE0F, 0xFEFF: continue
            // RFC 3454 C.1.2.
            case 0xA0, 0x1680, 0x2000...0x200A, 0x202F, 0x205F, 0x3000: out.append(" ")
            // RFC 3454 C.2.2, C.3, C.4, C.6 to C.9.
            case 0x80...0x9F, 0x6DD, 0x70F, 0x180E, 0x200E...0x200F, 0x2028...0x202E, 0x2061...0x2063, 0x206A...0x206F,
                0x2FF0...0x2FFB, 0xE000...0xF8FF, 0xFDD0...0xFDEF, 0xFFF9...0xFFFD, 0xE0001, 0xE0020...0xE007F,
                0xF0000...0x10FFFF:
                return nil
            case let value where value & 0xFFFE == 0xFFFE: return nil
            case let value where value >= 0x1D173 && value <= 0x1D17A: return nil
            default: out.append(scalar)
            }
        }
        return String(out)
    }
}
