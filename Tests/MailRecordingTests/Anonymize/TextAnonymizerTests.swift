// Text: words are replaced, what is between them stays, and the same word gets the same pseudonym in every encoding.

import MailMessage
import Testing

@testable import MailRecording

struct TextAnonymizerTests {
    let text = TextAnonymizer(pseudonyms: Pseudonyms(key: testKey))

    private func replaced(_ value: String, _ rule: WordRule = .names) -> String {
        let made = text.replaced(Array(value.utf8)[...], rule)
        #expect(made.count == value.utf8.count, "\(value)")
        return String(decoding: made, as: UTF8.self)
    }

    private func mailbox(_ name: String) -> String {
        var out: [UInt8] = []
        text.mailbox(Array(name.utf8)[...], into: &out)
        #expect(out.count == name.utf8.count, "\(name)")
        return String(decoding: out, as: UTF8.self)
    }

    @Test func addressesAreMadeOfTheirWords() {
        let made = replaced("\"Alice Smith\" <alice.smith@mail.example.com>")
        #expect(
            made
                == "\"\(replaced("Alice")) \(replaced("Smith"))\" <\(replaced("alice")).\(replaced("smith"))@\(replaced("mail")).\(replaced("example")).com>"
        )
    }

    @Test func signsOfRepliesAndEndsOfDomainsStay() {
        #expect(replaced("Re: Fwd: budget").hasPrefix("Re: Fwd: "))
        #expect(replaced("localhost") == "localhost")
        #expect(replaced("com") != "com")
        #expect(!replaced("x.com.y").hasSuffix(".com.y"))
    }

    @Test func addressesOfTheNetGetOthers() throws {
        let made = replaced("from [203.0.113.25] and [IPv6:2001:db8::25] at 10:11:12, v1.2.3")
        #expect(!made.contains("203.0.113.25") && !made.contains("2001:db8::25"))
        let quad = try #require(made.split(separator: "[").dropFirst().first?.split(separator: "]").first)
        #expect(IPAddress(String(quad)) != nil)
        #expect(String(quad) == text.pseudonyms.address(try #require(IPAddress("203.0.113.25"))).description)
    }

    @Test func encodedWordsSayTheSame() throws {
        let plain = replaced("Jörg Müller")
        for word in [
            "=?utf-8?Q?J=C3=B6rg_M=C3=BCller?=", "=?UTF-8?B?SsO2cmcgTcO8bGxlcg==?=",
            "=?iso-8859-1?q?J=F6rg_M=FCller?=", "=?ISO-8859-1?B?SvZyZyBN/GxsZXI=?=",
        ] {
            let made = replaced(word)
            #expect(made != word)
            let field = HeaderBlock(Array("Subject: \(made)\r\n\r\n".utf8)).fields[0]
            #expect(field.text == plain, "\(word) → \(made)")
        }
    }

    @Test func encodedWordsOfOtherCharsetsSayNothing() {
        for word in [
            "=?gb2312?B?1tDOxM/7z6I=?=", "=?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=", "=?utf-8?B?no base64!?=",
            "=?x-unheard?Q?abc=41?=",
        ] {
            let made = replaced(word)
            #expect(made != word)
            #expect(!made.contains("1tDOxM") && !made.contains("RnxLXDhs"))
        }
    }

    @Test func mailboxesAreTheSameInBothForms() {
        let inUTF8 = mailbox("Entwürfe/Privé")
        let inUTF7 = mailbox("Entw&APw-rfe/Priv&AOk-")
        #expect(decoded(inUTF7) == inUTF8)
        #expect(mailbox("INBOX") == "INBOX" && mailbox("inbox") == "inbox")
        #expect(mailbox("INBOX.Work").hasPrefix("INBOX.") && mailbox("INBOXES") != "INBOXES")
        #expect(mailbox("Tom &- Jerry").contains(" &- "))
        #expect(mailbox("&broken") != "&broken")
        // An emoji takes two units of UTF-16.
        #expect(decoded(mailbox("&2D3eAA-")).unicodeScalars.count == 1)
    }

    /// Modified UTF-7 made readable (RFC 3501 §5.1.3).
    private func decoded(_ name: String) -> String {
        var out = ""
        var rest = Substring(name)
        while let mark = rest.firstIndex(of: "&"), let end = rest[mark...].firstIndex(of: "-") {
            out += rest[..<mark]
            let base64 = rest[rest.index(after: mark)..<end]
            if base64.isEmpty { out += "&" }
            for scalar in TextAnonymizer.scalars(Array(base64.utf8)[...]) ?? [] where !base64.isEmpty {
                out.unicodeScalars.append(Unicode.Scalar(scalar) ?? "?")
            }
            rest = rest[rest.index(after: end)...]
        }
        return out + rest
    }

    @Test func percentSignsAndXTextKeepTheirForm() {
        let made = replaced("utf-8''na%C3%AFve%20plan.pdf")
        #expect(made.contains("%20") && made.contains("%C3%") && !made.contains("AF") || made.contains("%C3%A"))
        var rule = WordRule.names
        rule.isXText = true
        #expect(replaced("rfc822;a+2Bb@example.com", rule).contains("+2B"))
    }

    @Test func nothingIsTooOddToBeReplaced() {
        var random = Seeded(7)
        for _ in 0..<500 {
            let octets = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : Array("=?%+&[]:.@".utf8).randomElement(using: &random) ?? 0
            }
            for rule in [WordRule.names, .syntax, .speech, .mime, .keys] {
                #expect(text.replaced(octets[...], rule).count == octets.count)
            }
            var out: [UInt8] = []
            text.mailbox(octets[...], into: &out)
            #expect(out.count == octets.count)
        }
    }
}

/// Numbers that are the same in each run.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 31
    }
}

struct WordScannerTests {
    /// The words that a scanner finds, and what it looked at for them.
    private func scanned(_ value: String) -> (marks: [UInt64], work: Int) {
        var scanner = WordScanner(isThorough: true) { _ in false }
        var marks: [UInt64] = []
        scanner.accept(
            Array(value.utf8)[...], isContent: true, address: { _ in }, visit: { mark, _ in marks.append(mark) })
        scanner.finish(isContent: true, address: { _ in }, visit: { mark, _ in marks.append(mark) })
        return (marks, scanner.work)
    }

    @Test(arguments: [("a=\r\n", 1), ("a b=\r\n", 1), ("&", 1), ("+", 1), ("&-", 1), ("+AA", 16)])
    func wordsAreLookedForInLinearWork(piece: String, factor: Int) {
        for count in [2_000, 16_000] {
            let value = String(repeating: piece, count: count) + "-\r\n"
            #expect(scanned(value).work <= (256 + 8 * factor) * value.utf8.count, "\(piece)")
        }
        let (small, large) = (
            scanned(String(repeating: piece, count: 2_000)).work, scanned(String(repeating: piece, count: 16_000)).work
        )
        #expect(large <= 9 * small, "\(piece)")
    }

    @Test func longWordsBesideOctetsAreJudgedOnce() {
        let value = String(repeating: "ab", count: 30_000) + "=41 " + String(repeating: "ab", count: 30_000) + "\r\n"
        #expect(scanned(value).work <= 16 * value.utf8.count)
        let marks = Set(scanned("Zebrafish").marks)
        for value in ["=41 Zebrafish", "type=41 Zebrafish", "x=20Zebrafish=20y", "Zebra=66ish Zebrafish"] {
            #expect(marks.isSubset(of: Set(scanned(value).marks)), "\(value)")
        }
    }

    @Test func wordsAreFoundOverSoftBreaksAndBehindManySigns() {
        let marks = Set(scanned("Zebrafish").marks)
        #expect(!marks.isEmpty)
        for value in ["x Zeb=\r\nra=\r\nfish y", "x =5A=\r\nebrafish=\r\n z", "&&&&+++Zebrafish", "&AFo-ebrafish"] {
            #expect(marks.isSubset(of: Set(scanned(value).marks)), "\(value)")
        }
    }
}
