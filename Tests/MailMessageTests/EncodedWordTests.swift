// RFC 2047, with the examples of its section 8.

import TestSupport
import Testing

@testable import MailMessage

@Suite struct EncodedWordTests {
    @Test(arguments: [
        ("=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        (
            "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-1?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
            "If you can read this you understand the example."
        ),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("=?ISO-8859-1?Q?a_b?=", "a b"),
        ("=?utf-8*en?q?caf=C3=A9?= x", "café x"),
        ("=?utf-8?b?w6?= =?utf-8?b?k=?=", "\u{FFFD}"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),
        ("=?iso-8859-15?q?=A4?= =?windows-1252?q?=80?=", "€€"),
        ("=?koi8-r?q?=C1?=", "а"), ("=?x-none?q?=41?=", "=?x-none?q?=41?="),
        ("=?gb2312?B?dGVzdCCy4srU?=", "test 测试"), ("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        ("=?utf-8?q?open", "=?utf-8?q?open"),
        ("a =? b ?= c", "a =? b ?= c"),
        ("=?utf-8?q?=ZZ=?=", "=ZZ="),
        ("", ""),
        ("=?", "=?"),
        ("=?a?b?", "=?a?b?"),
    ])
    func decodes(value: String, expected: String) {
        #expect(EncodedWord.decode(octets(value)[...]) == expected)
    }

    @Test func manyOpenWordsTakeLinearTime() {
        let value = [UInt8](repeatElement(octets("=?utf-8?q?"), count: 30_000).joined())
        let time = processorTime { #expect(EncodedWord.decode(value[...]).utf8.count == value.count) }
        #expect(time < .seconds(5))
    }
}

@Suite struct TransferEncodingTests {
    @Test(arguments: [
        ("aGVsbG8=", "hello"), ("aGVs\r\nbG8", "hello"), ("aGVsbG8=aGVsbG8=", "hellohello"), ("!a*G V s", "hel"),
        ("", ""),
        ("=", ""), ("a", ""),
    ])
    func lenientBase64(body: String, expected: String) {
        #expect(text(Base64.decodeLenient(octets(body)[...])) == expected)
    }

    @Test(arguments: [
        ("a=3Db=\r\nc", "a=bc"), ("a  \r\nb", "a\r\nb"), ("a = \nb", "a b"), ("=", ""), ("=4", "=4"), ("=GG", "=GG"),
        ("a=", "a"),
        ("=e4=E4", "\u{FFFD}\u{FFFD}"), ("a\nb\n", "a\nb\n"),
    ])
    func quotedPrintable(body: String, expected: String) {
        #expect(text(QuotedPrintable.decode(octets(body)[...])) == expected)
    }

    @Test func byName() {
        #expect(TransferEncoding.decode(octets("YQ==")[...], as: "base64") == octets("a")[...])
        #expect(TransferEncoding.decode(octets("=61")[...], as: "quoted-printable") == octets("a")[...])
        #expect(TransferEncoding.decode(octets("=61")[...], as: "x-unknown") == octets("=61")[...])
    }
}
