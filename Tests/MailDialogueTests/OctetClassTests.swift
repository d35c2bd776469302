// What looks at many octets at once says the same as a look at each of them: all lengths up to some words, and an octet that is
// out of line at each place.

import CBytes
import Testing

struct OctetClassTests {
    /// Texts of an octet over and over, with another one at each place.
    private func eachText(_ body: ([UInt8]) -> Bool) -> Bool {
        let fillers: [UInt8] = [65, 33, 126, 45]
        let others: [UInt8] = [
            0, 8, 9, 10, 13, 31, 32, 33, 34, 43, 46, 61, 64, 91, 97, 122, 126, 127, 128, 129, 160, 255,
        ]
        for count in 0...35 {
            for filler in fillers {
                let text = [UInt8](repeating: filler, count: count)
                guard body(text) else { return false }
                for other in others {
                    for place in 0..<count {
                        var changed = text
                        changed[place] = other
                        guard body(changed) else { return false }
                    }
                }
            }
        }
        return true
    }

    @Test func printableAndVisible() {
        #expect(eachText { (mp_is_printable($0, $0.count) != 0) == $0.allSatisfy { $0 >= 32 && $0 < 127 } })
        #expect(eachText { (mp_is_visible($0, $0.count) != 0) == $0.allSatisfy { $0 > 32 && $0 < 127 } })
    }

    @Test func words() {
        #expect(eachText { mp_word_length($0, $0.count) == $0.prefix { $0 != 32 && $0 != 9 }.count })
    }

    @Test func parameters() {
        #expect(
            eachText {
                let word = $0.prefix { $0 != 32 && $0 != 9 }
                let cut = mp_parameter_lengths($0, $0.count)
                return cut.word == word.count && cut.keyword == word.prefix { $0 != 61 }.count
            })
    }

    @Test func packedWords() {
        func capital(_ octet: UInt8) -> UInt8 { (97...122).contains(octet) ? octet - 32 : octet }
        #expect(
            eachText { text in
                let packed = text.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(capital($1)) }
                return mp_packed(text, text.count) == (text.count <= 8 && !text.contains(0) ? packed : 0)
            })
        for octet in UInt8.min ... .max {
            let text: [UInt8] = [octet, 255, octet, 1, octet]
            #expect(mp_packed(text, 5) & 0xff == UInt64(capital(octet)))
            #expect(mp_packed(text, 5) >> 32 == UInt64(capital(octet)))
        }
    }

    /// Beside the grammar of RFC 5321 §4.1.2, rule by rule.
    @Test func mailboxes() {
        func isRun(_ text: ArraySlice<UInt8>, _ length: (UnsafeRawPointer?, Int) -> Int) -> Bool {
            !text.isEmpty && text.withUnsafeBytes { length($0.baseAddress, $0.count) } == text.count
        }
        func isMailbox(_ text: [UInt8]) -> Bool {
            let halves = text[...].split(separator: 64, omittingEmptySubsequences: false)
            guard halves.count == 2, halves[0].count <= 64, halves[1].count <= 255, text.count <= 254 else {
                return false
            }
            return halves[0].split(separator: 46, omittingEmptySubsequences: false).allSatisfy {
                isRun($0) { mp_atext_length($0, $1) }
            }
                && halves[1].split(separator: 46, omittingEmptySubsequences: false).allSatisfy {
                    isRun($0) { mp_label_length($0, $1) } && $0.first != 45 && $0.last != 45
                }
        }
        let parts = ["a", "a.b", "newsletter", "a+b", "some.one.else.of.many.names", "-", "", ".", "a.", "\"a\"", "ü"]
        let hosts = ["b", "example.com", "a-b.example", "-a", "a-", "a..b", "", ".b", "mx.of.the.example.org", "[::1]"]
        let long = String(repeating: "0123456789abcdef", count: 4)
        let domain = String(repeating: "0123456789.", count: 17) + "z"
        for part in parts + [long, long + "g"] {
            for host in hosts + [domain, domain + ".zzz", domain + ".zzzz", domain + ".zzzzz"] {
                let text = Array((part + "@" + host).utf8)
                let expected = isMailbox(text) ? text.count : 0
                // Whatever stands behind it, and however much.
                for behind in ["", ">", "> SIZE=1 BODY=8BITMIME", "\u{0}"] {
                    let line = text + Array(behind.utf8)
                    #expect(mp_mailbox_length(line, line.count) == expected, "\(part)@\(host)\(behind)")
                }
            }
        }
        for text in ["", "a", "a@", "a.b", "@b", "a@@b"] { #expect(mp_mailbox_length(text, text.utf8.count) == 0) }
    }

    @Test func grammar() {
        func isLetterOrDigit(_ octet: UInt8) -> Bool {
            (48...57).contains(octet) || (65...90).contains(octet) || (97...122).contains(octet)
        }
        let specials = Array("!#$%&'*+-/=?^_`{|}~".utf8)
        for octet in UInt8.min ... .max {
            let text = [octet]
            #expect(
                mp_atext_length(text, 1) == (isLetterOrDigit(octet) || octet > 127 || specials.contains(octet) ? 1 : 0))
            #expect(mp_label_length(text, 1) == (isLetterOrDigit(octet) || octet > 127 || octet == 45 ? 1 : 0))
            #expect(mp_xtext_length(text, 1) == (octet > 32 && octet < 127 && octet != 43 && octet != 61 ? 1 : 0))
        }
        #expect(eachText { mp_label_length($0, $0.count) == $0.prefix { mp_label_length([$0], 1) == 1 }.count })
    }

    @Test func equalInAnyCase() {
        func capital(_ octet: UInt8) -> UInt8 { (97...122).contains(octet) ? octet - 32 : octet }
        for a in UInt8.min ... .max {
            for b in UInt8.min ... .max {
                let isEqual = mp_equal_ignoring_case([65, a], [97, b], 2) != 0
                if isEqual != (capital(a) == capital(b)) { Issue.record("\(a) and \(b)") }
            }
        }
    }

    /// Equal octets have equal marks, and of many that are alike hardly any two have the same.
    @Test func marks() {
        let texts = (0..<2_000).map { Array("QhdPYR:00WBw1Ph7x7-\($0)".utf8) }
        #expect(Set(texts.map { mp_mark($0, $0.count) }).count == texts.count)
        #expect(mp_mark(texts[0], 5) == mp_mark(texts[1], 5))
        #expect(mp_mark([0, 0], 1) != mp_mark([0, 0], 2))
    }
}
