// What is recorded are the masked forms. Who reads a recording must find in it what was found on the wire.

import Testing

@testable import MailDialogue

@Suite struct MaskedFormTests {
    /// What was to be inflated is looked at in MaskedAgainTests.
    @Test(arguments: TranscriptTests.all.filter { !$0.isDeflated && $0.name != "compress-broken" })
    func theMaskedFormReadsAsTheFrame(_ transcript: Transcript) {
        let live = transcript.run(.observer, transcript.turns).notes
        let recorded = transcript.run(.observer, Self.recorded(live, transcript.turns)).notes
        for side in Side.allCases {
            let (ours, theirs) = (live.joined(side), recorded.joined(side))
            for (our, their) in zip(ours, theirs) where Self.verdict(our) != Self.verdict(their) {
                Issue.record("\(transcript), \(side): \(our.expectation)\nreads as \(their.expectation)")
                break
            }
            #expect(ours.count == theirs.count, "\(transcript), \(side)")
        }
    }

    /// The turns with what a recording holds of their octets.
    private static func recorded(_ notes: [Note], _ turns: [Turn]) -> [Turn] {
        var rest: [Side: ArraySlice<UInt8>] = [:]
        for side in Side.allCases { rest[side] = notes.filter { $0.side == side }.flatMap(\.publicOctets)[...] }
        return turns.map { turn in
            guard turn.gap == nil, let octets = rest[turn.side] else { return turn }
            rest[turn.side] = octets.dropFirst(turn.octets.count)
            return Turn(turn.side, Array(octets.prefix(turn.octets.count)))
        }
    }

    private static func verdict(_ note: Note) -> String {
        let violations = note.violations.map(\.code)
        return "\(note.element) \(note.exchange) \(violations) \(note.publicOctets.text)"
    }
}
