// Whatever octets a capture loses, what is said of the others is what would have been said without the loss, or less:
// no command, no reply's place and no violation is invented.

import Foundation
import Testing

@testable import MailDialogue

@Suite struct SMTPGapTests {
    /// Sessions of sides that wait when they must; the way back behind a gap rests on that.
    private static let transcripts = ((try? Transcript.load()) ?? []).filter { transcript in
        // XEXCH50, which no RFC has, is answered by 354 too: where it is missing it is taken for DATA.
        guard transcript.protocolName == "smtp" || transcript.protocolName == "lmtp", !transcript.hasGaps,
            transcript.name != "exchange"
        else { return false }
        let hasty: Set<Violation> = [
            .smtpEarlyTalker, .smtpPipelinedBehindSync, .smtpPipeliningNotOffered, .smtpDataBefore354,
            .smtpStartTLSInjection, .smtpStartTLSReplyInjection, .smtpUnsolicitedReply, .smtpReplyDuringData,
            .smtpReplyDuringChunk, .smtpUnexpectedIntermediate, .smtpOtherIntermediate, .smtpReplyCodesDiffer,
            .smtpCommandAfterQuit, .smtpChunkNotUnderstood, .lmtpTooManyReplies, .lmtpReplyForNobody,
        ]
        return transcript.run(.observer, transcript.turns).notes.allSatisfy {
            hasty.isDisjoint(with: $0.violations)
                && ![.opaque(.desynchronised), .opaque(.longLine), .opaque(.holdLimit)].contains(
                    where: $0.facts.contains)
        }
    }

    /// Cuts of each transcript; `MAILPROXY_GAP_CUTS` asks for more.
    private static let cuts = ProcessInfo.processInfo.environment["MAILPROXY_GAP_CUTS"].flatMap { Int($0) } ?? 60

    /// What is certain of a frame, and where in the stream of its side it begins.
    private struct Place: Hashable {
        var side: Side
        var offset: Int
    }

    private struct Meaning {
        var element: String
        var violations: Set<String> = []
        /// Where the command that a reply answers began.
        var answers: Int?
    }

    /// The notes by their places in the whole streams, of which pieces of `missing` octets were lost on `side`.
    private func meanings(_ notes: [Note], missing side: Side?, _ missing: [Int]) -> [Place: Meaning] {
        var missing = missing[...]
        var offsets: [Side: Int] = [:]
        var commands: [Int: Int] = [:]
        var found: [Place: Meaning] = [:]
        for note in notes {
            let offset = offsets[note.side] ?? 0
            if case .gap(let count) = note.element, note.side == side {
                // A gap may be told in two parts: that in a chunk, and the rest.
                let jump = count ?? missing.first ?? 0
                offsets[note.side] = offset + jump
                if let first = missing.first { missing[missing.startIndex] = first - jump }
                if missing.first == 0 { missing.removeFirst() }
                continue
            }
            offsets[note.side] = offset + note.raw.count
            guard !note.raw.isEmpty else { continue }
            var meaning = Meaning(element: "", violations: Set(note.violations.map(\.code)))
            switch note.element {
            case .command(let command):
                meaning.element = command.verb
                commands[note.exchange] = offset
            case .reply(let reply):
                meaning.element = "reply \(reply.code)"
                meaning.answers = note.exchange == 0 ? nil : commands[note.exchange]
            case .goAhead: meaning.element = "goahead"
            case .challenge: meaning.element = "challenge"
            case .response: meaning.element = "response"
            case .greeting: meaning.element = "greeting"
            case .content, .contentEnd, .opaque, .incomplete, .unplaced, .unknown, .gap, .contentBegin, .commandPart,
                .data, .dataPart, .done:
                meaning.element = "-"
            }
            found[Place(side: note.side, offset: offset)] = meaning
        }
        return found
    }

    /// The turns without the octets of `side` in `lost`. What the other side then sends shows that it had them, so that the
    /// loss is told before.
    private func run(_ transcript: Transcript, _ side: Side, _ lost: Range<Int>, isCounted: Bool) -> (
        notes: [Note], missing: [Int]
    ) {
        var tap = Tap(SMTPDialogue(transcript.protocolName == "lmtp" ? .lmtp : .smtp))
        var notes: [Note] = []
        var missing: [Int] = []
        var offset = 0
        for turn in transcript.turns {
            guard turn.side == side else {
                tap.receive(turn.octets, from: turn.side, into: &notes)
                continue
            }
            let count = turn.octets.count
            let cut = min(max(lost.lowerBound - offset, 0), count)
            let behind = min(max(lost.upperBound - offset, 0), count)
            offset += count
            if cut > 0 { tap.receive(turn.octets[..<cut], from: side, into: &notes) }
            if cut < behind {
                missing.append(behind - cut)
                tap.lose(side, isCounted ? behind - cut : nil, into: &notes)
            }
            if behind < count, cut < count { tap.receive(turn.octets[max(cut, behind)...], from: side, into: &notes) }
        }
        tap.end(.client, into: &notes)
        tap.end(.server, into: &notes)
        return (notes, missing)
    }

    @Test(arguments: transcripts) func nothingIsInvented(_ transcript: Transcript) {
        let reference = meanings(transcript.run(.observer, transcript.turns).notes, missing: nil, [])
        var numbers = SeededNumbers(seed: UInt64(transcript.name.utf8.count))
        for side in Side.allCases {
            let octets = transcript.octets(side)
            guard octets.count > 2 else { continue }
            for _ in 0..<Self.cuts {
                let from = Int.random(in: 0..<(octets.count - 1), using: &numbers)
                let most = min(octets.count - from, Bool.random(using: &numbers) ? 12 : 200)
                let lost = from..<(from + Int.random(in: 1...most, using: &numbers))
                let (notes, missing) = run(transcript, side, lost, isCounted: Bool.random(using: &numbers))
                let found = meanings(notes, missing: side, missing)
                check(found, reference, "\(transcript) without octets \(lost) of the \(side)")
            }
        }
    }

    private func check(_ found: [Place: Meaning], _ reference: [Place: Meaning], _ place: String) {
        for (at, meaning) in found {
            guard let whole = reference[at] else {
                // A piece that the gap left over may be anything but a frame of its own.
                if meaning.element != "-" { Issue.record("\(place): \(meaning.element) at \(at.offset) was none") }
                continue
            }
            // A command without a name was masked, for it may be a password when some of the session is missing.
            if meaning.element != "-", !meaning.element.isEmpty, meaning.element != whole.element {
                Issue.record("\(place): \(meaning.element) at \(at.offset) is \(whole.element)")
            }
            if !meaning.violations.isSubset(of: whole.violations) {
                Issue.record("\(place): \(meaning.violations) at \(at.offset) are invented")
            }
            if let answers = meaning.answers, meaning.element.hasPrefix("reply"), let right = whole.answers,
                answers != right
            {
                Issue.record("\(place): \(meaning.element) at \(at.offset) answers another command")
            }
        }
    }

    @Test func thereAreSessionsToCut() {
        #expect(Self.transcripts.count > 30)
    }

    /// Masks hold: a secret of the whole session shows in no public octets behind a gap.
    @Test(arguments: transcripts) func noSecretShows(_ transcript: Transcript) {
        let whole = transcript.run(.observer, transcript.turns).notes
        let shown = whole.map(\.publicOctets.text)
        var secrets: [String] = []
        for note in whole where note.side == .client {
            // The part of a line that is masked.
            let hidden = zip(note.raw, note.publicOctets).filter { $0 != $1 }.map(\.0)[...].text
            if hidden.utf8.count >= 8, !shown.contains(where: { $0.contains(hidden) }) { secrets.append(hidden) }
        }
        guard !secrets.isEmpty else { return }
        var numbers = SeededNumbers(seed: 5)
        for side in Side.allCases {
            let count = transcript.octets(side).count
            for _ in 0..<Self.cuts {
                let from = Int.random(in: 0..<count, using: &numbers)
                let lost = from..<min(count, from + Int.random(in: 1...100, using: &numbers))
                let notes = run(transcript, side, lost, isCounted: false).notes
                for note in notes {
                    let shown = note.publicOctets.text
                    if let secret = secrets.first(where: { shown.contains($0) }) {
                        Issue.record("\(transcript) without octets \(lost) of the \(side) shows \(secret)")
                    }
                }
            }
        }
    }
}
