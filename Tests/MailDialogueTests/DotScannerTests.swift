// The end of dot-terminated content and the flaws in it, for all nine pairs of line ends around a dot and all splits.

import TestSupport
import Testing

@testable import MailDialogue

@Suite struct DotScannerTests {
    /// Long pieces are scanned in blocks, single octets are not: both find the same.
    @Test func blocksFindWhatSingleOctetsFind() {
        var numbers = SeededNumbers(seed: 11)
        let odd = ["\n", "\r", "\r\r\n", "\r\n..", "\r\n.x", "\n.\r\n", "\r\n.\n", "\r\n\r\n", ".", "\r\n.\r"]
        for round in 0..<400 {
            var content: [UInt8] = []
            while content.count < 4_000 {
                content += [UInt8](repeating: UInt8(ascii: "x"), count: Int.random(in: 0...90, using: &numbers))
                // Most rounds have few oddities, some have none.
                let isOdd = round % 4 != 0 && Int.random(in: 0..<(round % 7 * 12 + 2), using: &numbers) == 0
                content += Array((isOdd ? odd.randomElement(using: &numbers) ?? "" : "\r\n").utf8)
            }
            content += Array("\r\n.\r\nQUIT\r\n".utf8)
            let whole = scan([content[...]])
            let single = scan(content.indices.map { content[$0..<($0 + 1)] })
            #expect(whole.content == single.content)
            #expect(whole.ended && single.ended)
            #expect(whole.rest == single.rest)
            #expect(whole.flaws == single.flaws)
        }
    }

    /// Scans pieces as a framer would; the result is the content, whether it ended, what was left, all flaws.
    private func scan(_ pieces: [ArraySlice<UInt8>]) -> (
        content: [UInt8], ended: Bool, rest: [UInt8], flaws: ContentFlaws
    ) {
        var framer = Framer()
        framer.beginDotTerminated()
        var content: [UInt8] = []
        var flaws: ContentFlaws = []
        var ended = false
        for piece in pieces {
            framer.append(piece)
            if ended { continue }
            let cut = framer.dotTerminated()
            content += Array(cut.piece)
            #expect(flaws.isDisjoint(with: cut.flaws), "a flaw is told once")
            flaws.formUnion(cut.flaws)
            if let terminator = cut.terminator {
                #expect(terminator.text == ".\r\n")
                ended = true
            }
        }
        return (content, ended, Array(framer.rest()), flaws)
    }

    private static let ends = ["\r\n", "\n", "\r"]
    static let pairs: [(String, String)] = ends.flatMap { before in ends.map { (before, $0) } }

    @Test(arguments: pairs) func onlyCRLFDotCRLFEnds(_ before: String, _ after: String) {
        let text = Array("text\(before).\(after)more\r\n.\r\nNEXT".utf8)[...]
        for cut in text.indices {
            let result = scan([text[..<cut], text[cut...]])
            #expect(result.ended)
            if before == "\r\n", after == "\r\n" {
                #expect(result.content == Array("text\r\n".utf8))
                #expect(result.rest == Array("more\r\n.\r\nNEXT".utf8))
                #expect(result.flaws == [])
            } else {
                #expect(result.content == Array("text\(before).\(after)more\r\n".utf8))
                #expect(result.rest == Array("NEXT".utf8))
                #expect(result.flaws.contains(.dotLine))
                #expect(result.flaws.contains(.bareLF) == (before == "\n" || after == "\n"))
                #expect(result.flaws.contains(.bareCR) == (before == "\r" || after == "\r"))
            }
        }
    }

    @Test(arguments: [
        ".\r\n", "..\r\n.\r\n", ".x\r\n.\r\n", "a\r\r\n.\r\n", "\r\n.\r\n", "a\r\n..\r\n...\r\n.\r\n", "\0.\r\n.\r\n",
    ])
    func oneEndWhateverTheSplit(_ text: String) {
        let octets = Array(text.utf8)[...]
        let single = scan(octets.map { [$0] })
        #expect(single.ended)
        #expect(single.content == Array(octets.dropLast(3)))
        for cut in octets.indices {
            let halves = scan([octets[..<cut], octets[cut...]])
            #expect(halves.content == single.content)
            #expect(halves.flaws == single.flaws)
        }
    }

    @Test func aRunOfCRsTakesLinearTime() {
        let run = [UInt8](repeating: 13, count: 1 << 20)
        let time = processorTime {
            let result = scan([run[...], Array("\n.\r\n".utf8)[...]])
            #expect(result.ended)
            #expect(result.content.count == run.count + 1)
        }
        #expect(time < .seconds(20))
    }
}
