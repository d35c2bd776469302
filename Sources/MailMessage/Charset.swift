// From the character sets that mail uses to text. Others are left to the caller, who keeps the octets.

/// A character set that can be turned into text.
package enum Charset: Hashable, Sendable {
    case utf8
    case ascii
    case octets(OctetCharset)
    case multiOctet(MultiOctetCharset)

    /// - Parameter label: the name as in `charset=`; nil when the set is not known, or this machine lacks its table.
    package init?(label: some Sequence<UInt8>) {
        // Names differ in their punctuation only: ISO-8859-1, iso8859_1, ISO_8859-1:1987 (RFC 1345's form with its year).
        let name = Octets.lowerText(label.prefix(64).prefix { $0 != UInt8(ascii: ":") }.filter(Charset.isNameOctet))
        guard let found = Charset.names[name] else { return nil }
        if case .multiOctet(let set) = found, !set.isKnown { return nil }
        self = found
    }

    private static func isNameOctet(_ octet: UInt8) -> Bool {
        Octets.isLetter(octet) || Octets.isDigit(octet)
    }

    /// The names that are registered with IANA, their aliases and the slips that are common, without punctuation.
    private static let names: [String: Charset] = {
        var names: [String: Charset] = [
            "utf8": .utf8, "unicode11utf8": .utf8, "csutf8": .utf8, "usascii": .ascii, "ascii": .ascii,
            "ansix341968": .ascii, "ansix341986": .ascii, "iso646us": .ascii, "iso646irv": .ascii, "us": .ascii,
            "cp367": .ascii, "csascii": .ascii,
        ]
        let octetSets: [(OctetCharset, String)] = [
            (.latin1, "iso88591 latin1 l1 isoir100 ibm819 cp819 csisolatin1 88591"),
            (.latin2, "iso88592 latin2 l2 isoir101 csisolatin2"), (.latin3, "iso88593 latin3 l3 isoir109 csisolatin3"),
            (.latin4, "iso88594 latin4 l4 isoir110 csisolatin4"),
            (.cyrillic, "iso88595 cyrillic isoir144 csisolatincyrillic"),
            (.arabic, "iso88596 iso88596e iso88596i arabic isoir127 ecma114 asmo708 csisolatinarabic"),
            (.greek, "iso88597 greek greek8 isoir126 elot928 ecma118 csisolatingreek"),
            (.hebrew, "iso88598 iso88598e iso88598i hebrew isoir138 csisolatinhebrew"),
            (.latin5, "iso88599 latin5 l5 isoir148 csisolatin5"),
            (.latin6, "iso885910 latin6 l6 isoir157 csisolatin6"), (.thai, "iso885911 tis620 cstis620"),
            (.latin7, "iso885913 latin7 csiso885913"), (.latin8, "iso885914 latin8 l8 isoir199 isoceltic"),
            (.latin9, "iso885915 latin9 latin0 csiso885915"), (.latin10, "iso885916 latin10 l10 isoir226"),
            (.windows874, "windows874 cp874"), (.windows1250, "windows1250 cp1250"),
            (.windows1251, "windows1251 cp1251"), (.windows1252, "windows1252 cp1252 ansi"),
            (.windows1253, "windows1253 cp1253"), (.windows1254, "windows1254 cp1254"),
            (.windows1255, "windows1255 cp1255"), (.windows1256, "windows1256 cp1256"),
            (.windows1257, "windows1257 cp1257"), (.windows1258, "windows1258 cp1258"),
            (.koi8r, "koi8r cskoi8r koi8"), (.koi8u, "koi8u"),
        ]
        for (set, labels) in octetSets {
            for label in labels.split(separator: " ") { names[String(label)] = .octets(set) }
        }
        for (set, labels) in MultiOctetCharset.labels {
            for label in labels.split(separator: " ") { names[String(label)] = .multiOctet(set) }
        }
        return names
    }()

    /// The text of the octets. What is invalid in the set becomes U+FFFD; 8-bit octets that are labelled us-ascii are read as
    /// `guess` reads them.
    package func decode(_ octets: some Collection<UInt8>) -> String {
        switch self {
        case .utf8: String(decoding: octets, as: UTF8.self)
        case .ascii: Charset.guess(octets)
        case .octets(let set): Charset.decode(octets, set)
        case .multiOctet(let set): set.decode(octets).text
        }
    }

    /// Control characters are a part of its text.
    var hasEscapes: Bool {
        switch self {
        case .utf8, .ascii, .octets: false
        case .multiOctet(let set): set.hasEscapes
        }
    }

    /// The octets are text in this set.
    package func isValid(_ octets: some Collection<UInt8>) -> Bool {
        switch self {
        case .utf8: UTF8Check.isValid(octets)
        case .ascii: octets.allSatisfy { $0 < 0x80 }
        case .octets(let set):
            octets.allSatisfy { $0 < 0x80 || set.upper[Int($0) - 0x80] != UTF8Check.replacement }
        case .multiOctet(let set): set.decode(octets).replaced == 0
        }
    }

    /// The best reading of octets without a label: UTF-8 when they are valid UTF-8, else windows-1252.
    package static func guess(_ octets: some Collection<UInt8>) -> String {
        if octets.allSatisfy({ $0 < 0x80 }) { return String(decoding: octets, as: UTF8.self) }
        return String(validating: octets, as: UTF8.self) ?? decode(octets, .windows1252)
    }

    private static func decode(_ octets: some Collection<UInt8>, _ set: OctetCharset) -> String {
        if octets.allSatisfy({ $0 < 0x80 }) { return String(decoding: octets, as: UTF8.self) }
        let upper = set.upper
        var scalars = String.UnicodeScalarView()
        for octet in octets { scalars.append(octet < 0x80 ? Unicode.Scalar(octet) : upper[Int(octet) - 0x80]) }
        return String(scalars)
    }
}
