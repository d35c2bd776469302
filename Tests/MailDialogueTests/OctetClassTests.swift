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
