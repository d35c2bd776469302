// What is kept of a session are the octets of its notes, masked and inflated, in the order in which they were understood, and
// what can't be seen of octets in that order. Who reads them again is to find the same violations.

import Testing

@testable import MailDialogue

@Suite struct MaskedAgainTests {
    @Test(arguments: TranscriptTests.all) func theMaskedFormHasTheSameViolations(_ transcript: Transcript) {
        let live = transcript.run(.observer, transcript.turns).notes
        let again = transcript.run(.observer, live.map(\.kept), isInflated: true).notes
        func codes(_ notes: [Note]) -> [String] {
            notes.flatMap { note in note.violations.map { "\(note.side) #\(note.exchange) \($0.code)" } }
        }
        #expect(codes(again).sorted() == codes(live).sorted(), "\(transcript)")
        for side in Side.allCases {
            #expect(again.joined(side).map(\.publicOctets) == live.joined(side).map(\.publicOctets), "\(transcript)")
        }
        // And what is kept of them in turn is the same.
        #expect(again.contains(where: \.cameEarly) == live.contains(where: \.cameEarly), "\(transcript)")
    }

    /// Octets that came before the answer that they had to wait for are kept behind it, and nothing in them shows it.
    @Test func hasteHasToBeTold() {
        var lost: Set<Violation> = []
        for transcript in TranscriptTests.all {
            let live = transcript.run(.observer, transcript.turns).notes
            let bare = live.map { note in
                var turn = note.kept
                turn.unseen.removeAll { $0 == .haste }
                return turn
            }
            let again = transcript.run(.observer, bare, isInflated: true).notes
            lost.formUnion(Set(live.flatMap(\.violations)).subtracting(again.flatMap(\.violations)))
        }
        #expect(
            lost == [
                .smtpPipelinedBehindSync, .smtpDataBefore354, .smtpStartTLSInjection, .pop3STLSInjection,
                .pop3AuthHaste,
                .imapCommandDuringCompress, .imapLiteralBeforeAsked, .imapResponseBeforeAsked, .imapStartTLSInjection,
            ])
    }
}

extension Note {
    /// What a recording has of it.
    fileprivate var kept: Turn {
        var turn = Turn(side, Array(publicOctets))
        if case .gap(let count) = element { turn = Turn(side, [], gap: count.map(Gap.octets) ?? .unknown) }
        if cameEarly { turn.unseen.append(.haste) }
        for case .opaque(let reason) in facts where element == .opaque || turn.gap != nil {
            if reason == .compress || reason == .gap { turn.unseen.append(.opaque(reason)) }
        }
        return turn
    }
}
