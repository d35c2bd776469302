// Character sets: names, and samples of every table against Foundation's conversions, which are independent of ours.

import Foundation
import Testing

@testable import MailMessage

@Suite struct CharsetTests {
    @Test(arguments: [
        ("UTF-8", Charset.utf8), ("utf8", .utf8), ("US-ASCII", .ascii), ("ANSI_X3.4-1968", .ascii),
        ("ISO-8859-1", .octets(.latin1)), ("iso_8859-1:1987", .octets(.latin1)), ("latin1", .octets(.latin1)),
        ("ISO-8859-15", .octets(.latin9)), ("iso-8859-8-i", .octets(.hebrew)), ("Windows-1251", .octets(.windows1251)),
        ("cp1252", .octets(.windows1252)), ("KOI8-R", .octets(.koi8r)), ("koi8-u", .octets(.koi8u)),
        ("TIS-620", .octets(.thai)),
    ])
    func names(label: String, charset: Charset) {
        #expect(Charset(label: octets(label)) == charset)
    }

    @Test(arguments: ["", "x-none", "iso-2022-cn-ext", "utf-9", "iso-8859-12", String(repeating: "a", count: 1_000)])
    func unknown(label: String) {
        #expect(Charset(label: octets(label)) == nil)
    }

    @Test(arguments: [
        (OctetCharset.latin1, [0xE4, 0xDF], "äß"), (.latin2, [0xB1, 0xF3, 0xB6], "ąóś"), (.latin3, [0xE6, 0xF8], "ĉĝ"),
        (.latin4, [0xE0, 0xBE], "āž"), (.cyrillic, [0xB0, 0xEF, 0xF1], "Аяё"), (.arabic, [0xC7, 0xE4], "ا\u{644}"),
        (.greek, [0xC1, 0xF9], "Αω"), (.hebrew, [0xE0, 0xFA], "את"), (.latin5, [0xF0, 0xFD], "ğı"),
        (.latin6, [0xE0, 0xBF], "āŋ"), (.thai, [0xA1, 0xCE], "กฮ"), (.latin7, [0xE0, 0xFD], "ąż"),
        (.latin8, [0xA1, 0xFE], "Ḃŷ"), (.latin9, [0xA4, 0xBD], "€œ"), (.latin10, [0xA4, 0xFE], "€ț"),
        (.windows874, [0x80, 0xA1], "€ก"), (.windows1250, [0x9C, 0xEA], "śę"),
        (.windows1251, [0xC0, 0xFF, 0xB8], "Аяё"),
        (.windows1252, [0x80, 0x99, 0xE9], "€™é"), (.windows1253, [0xC1, 0xF9], "Αω"),
        (.windows1254, [0xF0, 0x80], "ğ€"),
        (.windows1255, [0xE0, 0xA4], "א₪"), (.windows1256, [0xC7, 0x81], "اپ"), (.windows1257, [0xE0, 0xFE], "ąž"),
        (.windows1258, [0xF5, 0xFE], "ơ₫"), (.koi8r, [0xC1, 0xD1, 0xA3], "аяё"), (.koi8u, [0xA4, 0xA6], "єі"),
    ])
    func samples(set: OctetCharset, octets: [UInt8], expected: String) {
        #expect(Charset.octets(set).decode(octets) == expected)
    }

    @Test(arguments: [
        ("GB2312", [0xB2, 0xE2, 0xCA, 0xD4], "测试"), ("gbk", [0x81, 0x40, 0xA3, 0xC1], "丂Ａ"),
        ("gb18030", [0x81, 0x30, 0x81, 0x30, 0x41], "\u{80}A"), ("Big5", [0xB4, 0xFA, 0xB8, 0xD5], "測試"),
        ("Shift_JIS", [0x93, 0xFA, 0x96, 0x7B, 0xB6], "日本ｶ"), ("windows-31j", [0x87, 0x40], "①"),
        ("EUC-JP", [0xC6, 0xFC, 0xCB, 0xDC, 0x8E, 0xB6], "日本ｶ"),
        ("ISO-2022-JP", [0x1B, 0x24, 0x42, 0x46, 0x7C, 0x4B, 0x5C, 0x1B, 0x28, 0x42, 0x41], "日本A"),
        ("euc-kr", [0xC7, 0xD1, 0xB1, 0xDB], "한글"), ("ks_c_5601-1987", [0x81, 0x41], "갂"),
        ("iso-2022-kr", [0x1B, 0x24, 0x29, 0x43, 0x0E, 0x47, 0x51, 0x31, 0x5B, 0x0F, 0x41], "한글A"),
        ("UTF-7", Array("a+AOQ-b".utf8), "aäb"), ("utf-16be", [0x65, 0xE5], "日"), ("utf-16le", [0xE5, 0x65], "日"),
        ("utf-16", [0xFF, 0xFE, 0xE5, 0x65], "日"),
    ])
    func severalOctets(label: String, octets: [UInt8], expected: String) throws {
        let set = try #require(Charset(label: Array(label.utf8)))
        #expect(set.decode(octets) == expected)
        #expect(set.isValid(octets))
        // Again: nothing of the text before is left.
        #expect(set.decode(octets) == expected)
    }

    @Test func everySetOfSeveralOctetsIsThere() {
        for set in MultiOctetCharset.allCases {
            #expect(set.isKnown, "\(set)")
            #expect(set.decode([UInt8]()).text == "")
        }
        let labels = MultiOctetCharset.labels.flatMap { $0.1.split(separator: " ") }
        #expect(Set(labels).count == labels.count)
        #expect(Set(MultiOctetCharset.labels.map(\.0)) == Set(MultiOctetCharset.allCases))
    }

    @Test(
        "What is invalid is replaced and what follows is read",
        arguments: ["GB2312", "Shift_JIS", "EUC-JP", "euc-kr", "big5"])
    func invalidOctets(label: String) throws {
        let set = try #require(Charset(label: Array(label.utf8)))
        let octets: [UInt8] = Array("ab".utf8) + [0xFF, 0xFF] + Array("cd".utf8)
        let text = set.decode(octets)
        #expect(text.hasPrefix("ab") && text.hasSuffix("cd") && text.contains("\u{FFFD}"))
        #expect(!set.isValid(octets))
        // A character that is cut off.
        #expect(set.decode([0x41, 0xB2]).hasPrefix("A"))
        #expect(set.decode([UInt8](repeating: 0xFF, count: 10_000)).unicodeScalars.count == 10_000)
    }

    /// Random octets: nothing traps, and each octet gives a character at the most that is no longer than four octets.
    @Test(arguments: MultiOctetCharset.allCases) func anyOctets(set: MultiOctetCharset) {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        for count in 0..<400 {
            let octets = (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
            #expect(set.decode(octets).text.utf8.count <= 4 * count + 16)
        }
    }

    @Test func everySetIsWhole() {
        for set in OctetCharset.allCases {
            #expect(set.upper.count == 128, "\(set)")
            #expect(Charset.octets(set).decode(octets("ASCII ~\\")) == "ASCII ~\\")
        }
    }

    @Test func foundationSaysTheSame() {
        let pairs: [(OctetCharset, String.Encoding)] = [
            (.latin1, .isoLatin1), (.latin2, .isoLatin2), (.windows1250, .windowsCP1250),
            (.windows1251, .windowsCP1251),
            (.windows1252, .windowsCP1252), (.windows1253, .windowsCP1253), (.windows1254, .windowsCP1254),
        ]
        for (set, encoding) in pairs {
            for octet in UInt8(0xA0)...0xFF {
                guard let expected = String(bytes: [octet], encoding: encoding) else { continue }
                let read = Charset.octets(set).decode([octet])
                if read != "\u{FFFD}" { #expect(read == expected, "\(set) \(octet)") }
            }
        }
    }

    @Test func validity() {
        #expect(Charset.utf8.isValid(octets("grün")))
        #expect(!Charset.utf8.isValid([0xC3]))
        #expect(!Charset.utf8.isValid([0xC0, 0xAF]))
        #expect(!Charset.ascii.isValid([0x80]))
        #expect(Charset.octets(.latin1).isValid([0x80, 0xFF]))
        #expect(!Charset.octets(.greek).isValid([0xD2]))
    }

    /// Every sequence of one to three octets, and samples of four, against the standard library.
    @Test func utf8AgainstTheStandardLibrary() {
        let edges: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
            0xF0,
            0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        for a in edges {
            for b in edges {
                for c in edges {
                    for d in [0x00, 0x7F, 0x80, 0xBF, 0xC2, 0xFF] as [UInt8] {
                        let sequence = [a, b, c, d]
                        let isValid = String(validating: sequence, as: UTF8.self) != nil
                        if UTF8Check.isValid(sequence) != isValid { Issue.record("\(sequence)") }
                    }
                }
            }
        }
    }
}
