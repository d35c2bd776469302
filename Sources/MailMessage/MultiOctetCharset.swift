// Character sets whose characters are several octets long: those of East Asia, UTF-7 (RFC 2152) and UTF-16. The C library has
// their tables; see Docs/Decisions/092-sets-of-several-octets.md.

import CCharset

/// A character set of several octets.
package enum MultiOctetCharset: Int32, Hashable, Sendable, CaseIterable {
    /// GB 18030, of which GBK and GB 2312 (RFC 1842, RFC 1922) are parts.
    case gb18030
    /// Big5 with the supplement of Hong Kong.
    case big5
    /// Shift_JIS as Windows has it.
    case shiftJIS
    case eucJP
    /// ISO-2022-JP (RFC 1468, RFC 1554).
    case iso2022JP
    /// EUC-KR (RFC 1557) as Windows has it.
    case eucKR
    /// ISO-2022-KR (RFC 1557).
    case iso2022KR
    case utf7
    /// Big-endian or little-endian as its first character says.
    case utf16
    case utf16BE
    case utf16LE

    /// The names that are registered with IANA, their aliases and the slips that are common, without punctuation.
    static let labels: [(MultiOctetCharset, String)] = [
        (.gb18030, "gb2312 gbk gb18030 cp936 ms936 windows936 euccn xgbk csgb2312 gb231280 chinese csiso58gb231280"),
        (.big5, "big5 csbig5 big5hkscs cp950 ms950 xxbig5 xbig5 cnbig5"),
        (.shiftJIS, "shiftjis sjis xsjis mskanji csshiftjis windows31j cp932 ms932 cswindows31j"),
        (.eucJP, "eucjp xeucjp extendedunixcodepackedformatforjapanese cseucpkdfmtjapanese eucjpms cp51932"),
        (.iso2022JP, "iso2022jp csiso2022jp iso2022jp1 iso2022jp2 csiso2022jp2 iso2022jpms cp50220 cp50221"),
        (.eucKR, "euckr cseuckr ksc56011987 ksc5601 ksc56011989 csksc56011987 korean cp949 ms949 uhc windows949"),
        (.iso2022KR, "iso2022kr csiso2022kr"), (.utf7, "utf7 csutf7"),
        (.utf16, "utf16 csutf16 unicode ucs2 iso10646ucs2"), (.utf16BE, "utf16be csutf16be"),
        (.utf16LE, "utf16le csutf16le"),
    ]

    /// The machine has its table.
    var isKnown: Bool { mp_charset_is_known(rawValue) != 0 }

    /// Escapes switch between its parts, so that control characters are a part of the text.
    var hasEscapes: Bool {
        switch self {
        case .iso2022JP, .iso2022KR: true
        // Half of their octets may be anything.
        case .utf16, .utf16BE, .utf16LE: true
        case .gb18030, .big5, .shiftJIS, .eucJP, .eucKR, .utf7: false
        }
    }

    /// The text, with U+FFFD for what is invalid, and how often it is. Empty for a set that the machine lacks.
    func decode(_ octets: some Collection<UInt8>) -> (text: String, replaced: Int) {
        let octets = Array(octets)
        var replaced = 0
        let room = octets.count.multipliedReportingOverflow(by: 4)
        guard !room.overflow, room.partialValue <= Int.max - 16 else { return ("", 0) }
        let text = String(unsafeUninitializedCapacity: room.partialValue + 16) { utf8 in
            octets.withUnsafeBufferPointer { from in
                max(
                    0,
                    mp_charset_decode(rawValue, from.baseAddress, from.count, utf8.baseAddress, utf8.count, &replaced))
            }
        }
        return (text, replaced)
    }
}
