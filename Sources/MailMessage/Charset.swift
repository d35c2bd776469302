// From the character sets that mail uses most to text. Others are left to the caller, who keeps the octets.

/// A character set that can be turned into text.
package enum Charset: Equatable, Sendable {
    case utf8
    case ascii
    case latin1
    case latin9
    case windows1252

    /// - Parameter label: the name as in `charset=`; nil when the set is not known.
    package init?(label: some Sequence<UInt8>) {
        switch Octets.lowerText(label) {
        case "utf-8", "utf8", "unicode-1-1-utf-8": self = .utf8
        case "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us": self = .ascii
        case "iso-8859-1", "iso8859-1", "latin1", "iso_8859-1": self = .latin1
        case "iso-8859-15", "iso8859-15", "latin-9", "latin9": self = .latin9
        case "windows-1252", "cp1252", "cp-1252": self = .windows1252
        default: return nil
        }
    }

    /// The text of the octets. What is invalid in the set becomes U+FFFD; 8-bit octets that are labelled us-ascii are read as
    /// `guess` reads them.
    package func decode(_ octets: some Collection<UInt8>) -> String {
        switch self {
        case .utf8: String(decoding: octets, as: UTF8.self)
        case .ascii: Charset.guess(octets)
        case .latin1: Charset.single(octets) { Unicode.Scalar($0) }
        case .latin9: Charset.single(octets, Charset.latin9Scalar)
        case .windows1252: Charset.single(octets, Charset.windowsScalar)
        }
    }

    /// The best reading of octets without a label: UTF-8 when they are valid UTF-8, else windows-1252.
    package static func guess(_ octets: some Collection<UInt8>) -> String {
        if octets.allSatisfy({ $0 < 0x80 }) { return String(decoding: octets, as: UTF8.self) }
        return String(validating: octets, as: UTF8.self) ?? single(octets, windowsScalar)
    }

    private static func single(_ octets: some Collection<UInt8>, _ scalar: (UInt8) -> Unicode.Scalar) -> String {
        var scalars = String.UnicodeScalarView()
        for octet in octets { scalars.append(scalar(octet)) }
        return String(scalars)
    }

    private static func latin9Scalar(_ octet: UInt8) -> Unicode.Scalar {
        switch octet {
        case 0xA4: "€"
        case 0xA6: "Š"
        case 0xA8: "š"
        case 0xB4: "Ž"
        case 0xB8: "ž"
        case 0xBC: "Œ"
        case 0xBD: "œ"
        case 0xBE: "Ÿ"
        default: Unicode.Scalar(octet)
        }
    }

    /// 0x80 to 0x9F of windows-1252; the five octets that it leaves open are the C1 controls.
    private static let windows: [Unicode.Scalar] = Array(
        "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ".unicodeScalars)

    private static func windowsScalar(_ octet: UInt8) -> Unicode.Scalar {
        0x80...0x9F ~= octet ? windows[Int(octet - 0x80)] : Unicode.Scalar(octet)
    }
}
