// What is kept of a session are the octets of its notes, masked, in the order in which they were understood. Who reads them
// again is to find the same violations, but for those that are named here, each with the reason.

import Testing

@testable import MailDialogue

@Suite struct MaskedAgainTests {
    /// Octets came before the answer that they had to wait for. They are kept behind that answer.
    private static let haste: Set<Violation> = [
        .smtpPipelinedBehindSync, .smtpDataBefore354, .smtpStartTLSInjection, .pop3STLSInjection, .pop3AuthHaste,
        .imapCommandDuringCompress, .imapLiteralBeforeAsked, .imapResponseBeforeAsked, .imapStartTLSInjection,
    ]

    /// Their proof is in a secret of which no octet can be shown.
    private static let secret: [String: Set<Violation>] = [
        // A field of NTLM's last message points outside of it; all of the message is masked, where its fields lie too.
        "pop3/sasl-ntlm": [.saslNTLMField]
    ]

    /// What comes deflated is kept inflated, and would be inflated once more.
    private static let transcripts = TranscriptTests.all.filter { !$0.isDeflated }

    @Test(arguments: transcripts) func theMaskedFormHasTheSameViolations(_ transcript: Transcript) {
        let live = transcript.run(.observer, transcript.turns).notes
        let again = transcript.run(.observer, live.map(\.kept)).notes
        let excused = Self.haste.union(Self.secret["\(transcript)"] ?? [])
        func codes(_ notes: [Note]) -> [String] {
            notes.flatMap { note in
                note.violations.filter { !excused.contains($0) }.map { "\(note.side) #\(note.exchange) \($0.code)" }
            }
        }
        #expect(codes(again).sorted() == codes(live).sorted(), "\(transcript)")
    }

    /// What is excused is excused for a reason that holds: it is not found again.
    @Test func nothingIsExcusedInVain() {
        var lost: [String: Set<Violation>] = [:]
        for transcript in Self.transcripts {
            let live = transcript.run(.observer, transcript.turns).notes
            let again = transcript.run(.observer, live.map(\.kept)).notes
            lost["\(transcript)"] = Set(live.flatMap(\.violations)).subtracting(again.flatMap(\.violations))
        }
        #expect(Self.haste.isSubset(of: lost.values.reduce(into: []) { $0.formUnion($1) }))
        for (name, violations) in Self.secret { #expect(lost[name]?.isSuperset(of: violations) == true, "\(name)") }
    }
}

extension Note {
    /// What a recording has of it.
    fileprivate var kept: Turn {
        if case .gap(let count) = element { return Turn(side, [], gap: count.map(Gap.octets) ?? .unknown) }
        return Turn(side, Array(publicOctets))
    }
}
