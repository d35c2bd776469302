// Pseudonyms: as long as what they stand for, one for one, and of the same kind.

import Testing

@testable import MailRecording

/// What a word becomes.
func pseudonym(_ word: String, _ pseudonyms: Pseudonyms) -> String {
    String(decoding: TextAnonymizer(pseudonyms: pseudonyms).replaced(Array(word.utf8)[...], .names), as: UTF8.self)
}

/// A key for tests.
let testKey = Array("a key of these tests".utf8)

struct PseudonymsTests {
    let pseudonyms = Pseudonyms(key: testKey)

    @Test(arguments: [
        "a", "Bob", "alice", "R2D2", "4711", "Jörg", "STRASSE", "Straße", "Ελένη", "Мария", "山田太郎", "김", "😀😀", "ÿ",
        "ĀĀā",
    ])
    func staysAsLongAndOfTheSameKind(_ word: String) {
        let made = pseudonym(word, pseudonyms)
        #expect(made.utf8.count == word.utf8.count)
        #expect(made.utf16.count == word.utf16.count)
        #expect(made.unicodeScalars.map(\.isASCII) == word.unicodeScalars.map(\.isASCII))
        for (old, new) in zip(word, made) where old.isASCII {
            #expect(old.isUppercase == new.isUppercase && old.isNumber == new.isNumber)
        }
        #expect(pseudonym(word, Pseudonyms(key: testKey)) == made)
    }

    @Test func differentWordsGetDifferentPseudonyms() {
        var seen: Set<String> = []
        for first in "abcdefghijklmnopqrstuvwxyz" {
            for second in "abcdefghijklmnopqrstuvwxyz0123456789" {
                seen.insert(pseudonym("\(first)\(second)", pseudonyms))
            }
        }
        #expect(seen.count == 26 * 36)
    }

    @Test func caseIsKeptAndDoesNotMatter() {
        let small = pseudonym("alice", pseudonyms)
        #expect(pseudonym("ALICE", pseudonyms) == small.uppercased())
        #expect(pseudonym("Alice", pseudonyms).lowercased() == small)
        #expect(pseudonym("JÖRG", pseudonyms).lowercased() == pseudonym("jörg", pseudonyms))
    }

    @Test func anotherKeyGivesOthers() {
        let others = Pseudonyms(key: Array("another key of tests".utf8))
        let words = ["alice", "example", "Meeting", "4711471147"]
        #expect(words.map { pseudonym($0, pseudonyms) } != words.map { pseudonym($0, others) })
    }

    /// No pseudonym is a word of the original, and all are still different, however many of their shape there are.
    @Test func noPseudonymIsAWordOfTheOriginal() {
        let pseudonyms = Pseudonyms(key: testKey)
        var originals: Set<String> = []
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        // One word of four letters in thirteen.
        for first in letters {
            for second in letters {
                for third in letters {
                    for fourth in letters where first == "a" || first == "m" {
                        originals.insert(String([first, second, third, fourth]))
                    }
                }
            }
        }
        for word in originals { pseudonyms.learn(AnonymousWords.Mark.of(word)) }
        var made: Set<String> = []
        var count = 0
        for word in originals.sorted().prefix(3_000) {
            made.insert(pseudonym(word, pseudonyms))
            count += 1
        }
        #expect(made.count == count)
        let isNone = made.isDisjoint(with: originals)
        #expect(isNone)
    }

    @Test func theCipherGoesBack() {
        let cipher = WordCipher(key: testKey)
        for word in ["x", "ab", "abc", "quitealongword0123456789", "Straße"] {
            let octets = Array(word.utf8)[...]
            var glyphs: [Glyph] = []
            var index = octets.startIndex
            while index < octets.endIndex {
                let (glyph, width) = Glyph.next(octets, at: index)
                if let glyph { glyphs.append(glyph) }
                index += width
            }
            for tweak: UInt8 in [0, 1, 63] {
                #expect(cipher.decrypt(cipher.encrypt(glyphs, tweak: tweak), tweak: tweak) == glyphs)
            }
        }
    }
}

struct AddressCipherTests {
    let cipher = AddressCipher(key: testKey)

    private func replaced(_ text: String) throws -> String {
        cipher.replacement(for: try #require(IPAddress(text))).description
    }

    @Test(arguments: [
        "10.1.2.3", "192.168.1.20", "172.16.0.1", "172.31.255.255", "169.254.7.7", "100.64.1.1", "8.8.8.8",
        "203.0.113.25", "1.1.1.1", "192.0.2.1", "172.32.0.1",
        "223.255.255.254", "2001:db8::1", "2001:db8:0:1::25", "fe80::1234:5678:9abc:def0", "fd12:3456:789a::1",
        "::ffff:192.168.1.20",
        "2a00:1450:4001:81b::200e",
    ])
    func keepsKindAndLength(_ text: String) throws {
        let made = try replaced(text)
        #expect(made.utf8.count == text.utf8.count, "\(text) → \(made)")
        #expect(kind(made) == kind(text), "\(text) → \(made)")
    }

    private func kind(_ text: String) -> String {
        let quad = text.split(separator: ":").last.map(String.init) ?? text
        let octets = quad.split(separator: ".").compactMap { UInt8($0) }
        if octets.count == 4 {
            switch (octets[0], octets[1]) {
            case (10, _): return "10"
            case (192, 168): return "192.168"
            case (172, 16...31): return "172.16"
            case (169, 254): return "link"
            case (100, 64...127): return "shared"
            case (127, _), (0, _), (224..., _): return text
            default: return "public"
            }
        }
        for prefix in ["fe80", "fd", "fc", "ff"] where text.hasPrefix(prefix) { return prefix }
        return "global"
    }

    @Test(arguments: ["127.0.0.1", "127.1.2.3", "0.0.0.0", "255.255.255.255", "224.0.0.251", "::1", "::", "ff02::fb"])
    func someStay(_ text: String) throws { #expect(try replaced(text) == text) }

    @Test func netsStayNets() throws {
        let a = try replaced("203.0.113.25"), b = try replaced("203.0.113.26"), c = try replaced("203.0.114.25")
        #expect(a != b && a.split(separator: ".").dropLast() == b.split(separator: ".").dropLast())
        #expect(a.split(separator: ".").prefix(2) == c.split(separator: ".").prefix(2))
        #expect(a.split(separator: ".")[2] != c.split(separator: ".")[2])
        let d = try replaced("2001:db8:aaaa:1::1"), e = try replaced("2001:db8:aaaa:2::1")
        #expect(d.prefix(14) == e.prefix(14) && d != e)
    }

    @Test func oneForOne() throws {
        var seen: Set<IPAddress> = []
        for third: UInt32 in 0..<8 {
            for fourth: UInt32 in 0..<256 {
                seen.insert(cipher.replacement(for: IPAddress(v4: 0xCB00_0000 | third << 8 | fourth)))
            }
        }
        #expect(seen.count == 8 * 256)
        let firsts = (1...223).map { cipher.replacement(for: IPAddress(v4: UInt32($0) << 24 | 0x0001_0101)).low >> 24 }
        let doubled = firsts.enumerated().filter { place, first in firsts[..<place].contains(first) }.map {
            "\($0.offset + 1)→\($0.element)"
        }
        #expect(doubled == [])
    }
}
