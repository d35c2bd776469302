// What a POP3 dialogue knows, its limits, and that nothing is invented behind any gap. What the sides say is in the
// transcripts.

import Testing

@testable import MailDialogue

@Suite struct POP3DialogueTests {
    private static let transcripts = (try? Transcript.load())?.filter { $0.protocolName == "pop3" } ?? []

    private func codes(_ notes: [Note]) -> [String] { notes.flatMap { $0.violations.map(\.code) } }

    /// A session as far as its lines go; `C ` and `S ` before each.
    private func tap(_ lines: String...) -> (tap: Tap<POP3Dialogue>, notes: [Note]) {
        var tap = Tap(POP3Dialogue())
        var notes: [Note] = []
        for line in lines {
            let octets = Array((line.dropFirst(2) + "\r\n").utf8)
            tap.receive(octets, from: line.hasPrefix("C ") ? .client : .server, into: &notes)
        }
        return (tap, notes)
    }

    @Test func phases() {
        #expect(tap("S +OK").tap.dialogue.phase == .authorization)
        let login = ["S +OK", "C USER a", "S +OK", "C PASS b", "S +OK"]
        func after(_ lines: String...) -> POP3Dialogue.Phase {
            var tap = Tap(POP3Dialogue())
            var notes: [Note] = []
            for line in login + lines {
                tap.receive(
                    Array((line.dropFirst(2) + "\r\n").utf8), from: line.hasPrefix("C ") ? .client : .server,
                    into: &notes)
            }
            return tap.dialogue.phase
        }
        #expect(after() == .transaction)
        #expect(after("C QUIT") == .transaction)
        #expect(after("C QUIT", "S +OK") == .update)
        #expect(after("C QUIT", "S -ERR some are left") == .update)
        #expect(after("C QUIT now", "S -ERR what") == .transaction)
        #expect(after("C USER a", "S +OK") == .unknown)
    }

    @Test func whatIsKnownOfTheServer() {
        let (seen, _) = tap(
            "S +OK", "C CAPA", "S +OK", "S PIPELINING", "S SASL PLAIN", "S .", "C USER a", "S +OK", "C PASS b", "S +OK",
            "C LIST", "S +OK", "S 1 120", "S 3 300", "S .", "C DELE 3", "S +OK")
        #expect(seen.dialogue.offer?.capabilities == [.pipelining, .sasl])
        #expect(seen.dialogue.offersPipelining == true)
        let maildrop = seen.dialogue.maildrop
        #expect(maildrop.count == 2 && maildrop.marked == 1 && maildrop.isMarked(3) && maildrop.size(of: 3) == 300)
        #expect(tap("S +OK", "C CAPA", "S -ERR").tap.dialogue.offersPipelining == nil)
        // A list without end tells nothing.
        #expect(tap("S +OK", "C CAPA", "S +OK", "S TOP").tap.dialogue.offer == nil)
    }

    @Test func sizesAreThoseOfTheModeInWhichTheyWereTold() {
        let login = tap("S +OK", "C UTF8", "S +OK", "C USER a", "S +OK", "C PASS b", "S +OK", "C LIST 1", "S +OK 1 9")
        #expect(login.tap.dialogue.maildrop.size(of: 1) == 9)
        let later = tap("S +OK", "C USER a", "S +OK", "C PASS b", "S +OK", "C LIST 1", "S +OK 1 9", "C UTF8", "S +OK")
        #expect(later.tap.dialogue.maildrop.size(of: 1) == nil)
    }

    @Test func anIdleSessionIsSmall() {
        #expect(MemoryLayout<POP3Dialogue>.size <= 1_024)
    }

    /// Each violation is shown by a transcript, but those of the limits, which are too long for one.
    @Test func everyViolationIsShown() {
        var shown: Set<String> = []
        for transcript in Self.transcripts {
            for expected in transcript.frames.flatMap(\.expected) {
                for word in expected.split(separator: " ") where word.hasPrefix("!") {
                    shown.insert(String(word.drop { $0 == "!" }))
                }
            }
        }
        let long: Set = ["pop3-line-too-long", "pop3-reply-too-long", "pop3-too-many-outstanding"]
        #expect(Violation.pop3.map(\.code).filter { !shown.contains($0) && !long.contains($0) } == [])
        #expect(Violation.pop3.allSatisfy { !$0.example.isEmpty })
        #expect(Violation.pop3.count >= 60)
    }

    @Test func linesBeyondAllLimits() {
        let long = String(repeating: "a", count: DialogueLimits.line)
        #expect(codes(tap("S +OK", "C NOOP " + long).notes) == ["pop3-line-too-long"])
        #expect(codes(tap("S +OK", "C CAPA", "S +OK " + long).notes) == ["pop3-reply-too-long"])
    }

    @Test func commandsWithoutReplyAreBounded() {
        var tap = Tap(POP3Dialogue())
        var notes: [Note] = []
        tap.receive(Array("+OK\r\n".utf8), from: .server, into: &notes)
        let noops = Array(String(repeating: "LANG\r\n", count: DialogueLimits.outstanding).utf8)
        tap.receive(noops, from: .client, into: &notes)
        #expect(codes(notes).isEmpty && tap.dialogue.outstandingCount == DialogueLimits.outstanding)
        tap.receive(Array("LANG\r\n".utf8), from: .client, into: &notes)
        #expect(codes(notes) == ["pop3-too-many-outstanding"] && tap.dialogue.opaque == .holdLimit)
    }

    /// A hole of some octets at every place of sessions in which nobody breaks a rule: nothing is found that the whole
    /// does not show, no login, no credential, no violation; and no secret is shown.
    @Test(
        arguments: ["retrieve", "auth-and-quit", "apop", "empty-listings", "maildrop-in-order", "pipelining"], [1, 9])
    func nothingIsInventedBehindAnyGap(_ name: String, _ length: Int) throws {
        let transcript = try #require(Self.transcripts.first { $0.name == name })
        let whole = transcript.run(.observer, transcript.turns).notes
        let credentials = whole.flatMap { $0.facts.compactMap(\.credential) }
        let codes = Set(self.codes(whole))
        for (index, turn) in transcript.turns.enumerated() {
            for start in turn.octets.indices {
                var turns = transcript.turns
                let end = min(start + length, turn.octets.count)
                turns.replaceSubrange(
                    index...index,
                    with: [
                        Turn(turn.side, Array(turn.octets[..<start])),
                        Turn(turn.side, [], gap: start % 2 == 0 ? .unknown : .octets(end - start)),
                        Turn(turn.side, Array(turn.octets[end...])),
                    ])
                let notes = transcript.run(.observer, turns).notes
                let place: Comment = "\(name), turn \(index), octet \(start)"
                #expect(self.codes(notes).filter { !codes.contains($0) } == [], place)
                for found in notes.flatMap({ $0.facts.compactMap(\.credential) }) {
                    let isWhole = credentials.contains {
                        $0.mechanism == found.mechanism && $0.secret == found.secret
                            && ($0.account == found.account || found.account.isEmpty)
                    }
                    #expect(isWhole, place)
                }
                for secret in credentials.map({ $0.secret.withRevealed { $0[...].text } }) {
                    #expect(!notes.contains { $0.side == .client && $0.publicOctets.text.contains(secret) }, place)
                }
            }
        }
    }
}

extension Fact {
    fileprivate var credential: Credential? {
        if case .credential(let credential) = self { credential } else { nil }
    }
}
