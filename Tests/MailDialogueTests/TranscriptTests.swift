// Every transcript from four vantages and in three chunkings: the notes are as stated in the file, the same everywhere,
// and hold all octets.

import Testing

@testable import MailDialogue

@Suite struct TranscriptTests {
    static let all: [Transcript] = (try? Transcript.load()) ?? []

    @Test func thereAreTranscriptsOfEveryProtocol() throws {
        let all = try Transcript.load()
        for (proto, fewest) in [("smtp", 12), ("lmtp", 2), ("pop3", 10), ("imap", 16)] {
            #expect(all.count { $0.protocolName == proto } >= fewest, "\(proto)")
        }
    }

    @Test(arguments: all) func notesAreAsStated(_ transcript: Transcript) {
        let outcome = transcript.run(.observer, transcript.turns)
        let placed = transcript.placed(outcome.notes)
        #expect(transcript.frames.contains { !$0.expected.isEmpty }, "\(transcript) states nothing")
        for (frame, notes) in zip(transcript.frames, placed) {
            let actual = notes.map(\.expectation)
            if frame.expected.isEmpty {
                #expect(!notes.contains { !$0.violations.isEmpty }, "\(transcript):\(frame.line) unstated: \(actual)")
            } else {
                #expect(frame.expected == actual, "\(transcript):\(frame.line)")
            }
        }
    }

    @Test(arguments: all) func vantagesAndChunkingsAgree(_ transcript: Transcript) {
        let reference = transcript.run(.observer, transcript.turns).notes
        let opaqueFrom = transcript.opaqueOffsets(reference)
        for vantage in transcript.vantages {
            for chunking in transcript.chunkings {
                let outcome = transcript.run(vantage, transcript.chunks(chunking, opaqueFrom: opaqueFrom))
                for side in Side.allCases {
                    let place: Comment = "\(transcript) as \(vantage) by \(chunking), \(side)"
                    #expect(
                        outcome.notes.joined(side).map(\.expectation) == reference.joined(side).map(\.expectation),
                        place)
                    #expect(outcome.notes.joined(side) == reference.joined(side), place)
                    #expect(outcome.notes.octets(side) == transcript.octets(side), place)
                    if let forwarded = outcome.forwarded {
                        #expect(forwarded[side] == transcript.octets(side), place)
                    }
                }
            }
        }
    }

    @Test(arguments: all) func everySplitOfATurnGivesTheSameNotes(_ transcript: Transcript) {
        switch MailProtocol(rawValue: transcript.protocolName) {
        case .smtp: split(transcript, SMTPDialogue(.smtp))
        case .lmtp: split(transcript, SMTPDialogue(.lmtp))
        case .pop3: split(transcript, POP3Dialogue())
        case .imap: split(transcript, transcript.imapDialogue())
        case nil: Issue.record("no such protocol")
        }
    }

    private func split(_ transcript: Transcript, _ dialogue: some Dialogue) {
        var tap = Tap(dialogue)
        for turn in transcript.turns {
            var whole = tap
            var notes: [Note] = []
            whole.take(turn, into: &notes)
            for cut in turn.cuts {
                var halved = tap
                var pieces: [Note] = []
                halved.receive(turn.octets[..<cut], from: turn.side, into: &pieces)
                halved.receive(turn.octets[cut...], from: turn.side, into: &pieces)
                for side in Side.allCases where pieces.joined(side) != notes.joined(side) {
                    Issue.record(
                        "\(transcript): a cut before octet \(cut) of \(turn.octets[...].text) changes the notes")
                }
                if halved != whole { Issue.record("\(transcript): a cut before octet \(cut) changes the state") }
            }
            tap = whole
        }
    }

    @Test(arguments: all) func maskedFormsHideEverySecret(_ transcript: Transcript) {
        let notes = transcript.run(.observer, transcript.turns).notes
        for note in notes {
            if let masked = note.masked { #expect(masked.count == note.raw.count) }
            for case .credential(let credential) in note.facts where !credential.secret.isEmpty {
                let secret = credential.secret.withRevealed { $0[...].text }
                #expect(!note.publicOctets.text.contains(secret))
                #expect(!"\(note.facts)".contains(secret))
            }
        }
    }
}

extension Transcript {
    /// Where each side became opaque.
    func opaqueOffsets(_ notes: [Note]) -> [Side: Int] {
        var offsets: [Side: Int] = [:]
        for side in Side.allCases {
            var offset = 0
            for note in notes where note.side == side {
                if note.element == .opaque, offsets[side] == nil { offsets[side] = offset }
                offset += note.raw.count
            }
        }
        return offsets
    }
}
