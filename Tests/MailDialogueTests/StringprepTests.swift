// SASLprep: the examples of RFC 4013, and form KC held against Foundation's.

import Foundation
import TestSupport
import Testing

@testable import MailDialogue

@Suite struct StringprepTests {
    @Test(arguments: [
        // RFC 4013 §3.
        ("I\u{AD}X", "IX"), ("user", "user"), ("USER", "USER"), ("\u{AA}", "a"), ("\u{2168}", "IX"), ("\u{7}", nil),
        ("\u{627}1", nil),
        // Spaces, and what has no width.
        ("a\u{A0}b\u{3000}c", "a b c"), ("a\u{200B}b", "a b"), ("\u{FEFF}x\u{200D}y", "xy"),
        // However it was typed.
        ("Scho\u{308}n", "Sch\u{F6}n"), ("\u{212B}", "\u{C5}"), ("\u{FF50}\u{FF57}", "pw"), ("\u{FB01}sh", "fish"),
        ("\u{1112}\u{1161}\u{11AB}", "\u{D55C}"), ("q\u{307}\u{323}", "q\u{323}\u{307}"),
        ("a\u{345}\u{301}", "\u{E1}\u{345}"),
        ("\u{AC00}\u{11A8}", "\u{AC01}"),
        // What is prohibited.
        ("a\u{80}", nil), ("\u{E000}", nil), ("\u{FFFD}", nil), ("\u{200E}x", nil), ("\u{2028}", nil),
        ("\u{FFFF}", nil),
        ("\u{E0041}", nil), ("\u{2FF0}", nil),
        // Directions.
        ("\u{5D0}\u{5D1}", "\u{5D0}\u{5D1}"), ("\u{5D0}1\u{5D1}", "\u{5D0}1\u{5D1}"), ("\u{5D0}a\u{5D1}", nil),
        ("1\u{5D0}", nil),
        // What Unicode 3.2 did not have.
        ("\u{1F511}\u{20B9}", "\u{1F511}\u{20B9}"), ("", ""),
    ])
    func prepared(_ text: String, _ expected: String?) {
        // By their octets: strings that are canonically the same are equal in Swift.
        #expect(SASLText.prepared(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }

    @Test func whatIsPreparedStaysSo() {
        for found in Stringprep.decompositions {
            guard let scalar = Unicode.Scalar(found.first), let once = SASLText.prepared(String(scalar)) else {
                continue
            }
            #expect(SASLText.prepared(once) == once, "\(found.first)")
        }
    }

    private func foundation(_ text: [UInt32]) -> [UInt32] {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text.compactMap(Unicode.Scalar.init))
        return String(scalars).precomposedStringWithCompatibilityMapping.unicodeScalars.map(\.value)
    }

    /// Normalisation of what was there once does not change, but for six ideographs (Unicode Corrigenda 3 and 4).
    @Test func formKCIsFoundations() {
        let corrected: Set<UInt32> = [0xF951, 0x2F868, 0x2F874, 0x2F91F, 0x2F95F, 0x2F9BF]
        var others: [UInt32] = []
        for found in Stringprep.decompositions {
            for value in found.first..<(found.first + found.count) where !corrected.contains(value) {
                if Stringprep.formKC([value]) != foundation([value]) { others.append(value) }
                // Put together again from its parts.
                if Stringprep.formKC(found.whole) != foundation(found.whole) { others.append(value) }
            }
        }
        for value in stride(from: UInt32(0xAC00), to: 0xD7A4, by: 7) where Stringprep.formKC([value]) != [value] {
            others.append(value)
        }
        #expect(others.isEmpty)
    }

    @Test func marksInAnyOrderAreFoundations() {
        var numbers = Numbers()
        // Without trailing consonants of Hangul, which Foundation does not add to a syllable.
        let starters: [UInt32] = [
            0x41, 0x65, 0x6F, 0x3B1, 0x915, 0x1100, 0x1161, 0xAC00, 0xAC01, 0x4E00, 0x1E63,
        ]
        let marks: [UInt32] = [
            0x300, 0x301, 0x308, 0x323, 0x327, 0x345, 0x93C, 0x5B0, 0x3099, 0x30A, 0x31B, 0x340, 0x344,
        ]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 1..<9, using: &numbers)).map { _ in
                (Bool.random(using: &numbers) ? starters : marks).randomElement(using: &numbers) ?? 0x41
            }
            let isSame = Stringprep.formKC(text) == foundation(text)
            #expect(isSame, "\(text)")
        }
    }

    /// Thousands of marks cost no more than their number.
    @Test func manyMarksAreOrdered() {
        let text = [0x41] + (0..<20_000).map { $0 % 2 == 0 ? UInt32(0x301) : 0x323 }
        let out = Stringprep.formKC(text)
        #expect(out.first == 0x1EA0 && out.count == 20_000)
        #expect(out.dropFirst().prefix(9_999).allSatisfy { $0 == 0x323 })
    }
}
