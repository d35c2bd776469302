// What the IMAP machine knows beside its notes, what it takes to keep, and that it says nothing where octets are missing.

import Foundation
import TestSupport
import Testing

@testable import MailDialogue

@Suite struct IMAPDialogueTests {
    /// How many times as long everything may take: `make tsan` says so.
    private static let patience = ProcessInfo.processInfo.environment["MAILPROXY_PATIENCE"].flatMap { Int($0) } ?? 1

    private static let transcripts: [Transcript] =
        ((try? Transcript.load()) ?? []).filter { $0.protocolName == "imap" }

    private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func follow(_ lines: [(Side, String)], keepsMailbox: Bool = true) -> (Tap<IMAPDialogue>, [Note]) {
        var tap = Tap(IMAPDialogue(keepsMailbox: keepsMailbox))
        var notes: [Note] = []
        for (side, text) in lines { tap.receive(octets(text + "\r\n"), from: side, into: &notes) }
        return (tap, notes)
    }

    // MARK: The mailbox

    @Test func theViewOfTheMailbox() throws {
        let (tap, notes) = follow([
            (.server, "* PREAUTH [CAPABILITY IMAP4rev1 ENABLE CONDSTORE] x"), (.client, "a SELECT Box (CONDSTORE)"),
            (.server, "* FLAGS (\\Seen \\Deleted Work)"), (.server, "* 3 EXISTS"), (.server, "* 1 RECENT"),
            (.server, "* OK [UIDVALIDITY 17] x"), (.server, "* OK [UIDNEXT 99] x"),
            (.server, "* OK [HIGHESTMODSEQ 500] x"), (.server, "a OK [READ-ONLY] x"), (.client, "b FETCH 1:* ALL"),
            (.server, "* 1 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (12))"), (.server, "* 3 FETCH (FLAGS (Work) UID 9 X {2}"),
            (.server, "ab MODSEQ (13))"), (.server, "b OK x"), (.client, "c NOOP"), (.server, "* 2 EXPUNGE"),
            (.server, "* 4 EXISTS"), (.server, "c OK x"),
        ])
        #expect(notes.allSatisfy { note in note.violations.allSatisfy { $0 == .imapPreauth } })
        let view = try #require(tap.dialogue.mailboxView)
        #expect(view.name == "Box" && view.isReadOnly && view.uidValidity == 17 && view.uidNext == 99)
        #expect(view.exists == 4 && view.recent == 1 && view.highestModSeq == 500)
        #expect(view.uid(of: 1) == 7 && view.uid(of: 2) == 9 && view.uid(of: 3) == nil)
        #expect(view.message(2)?.modSeq == 13)
        #expect(view.sequence(of: 9) == 2)
        #expect(tap.dialogue.mailbox == "Box" && tap.dialogue.phase == .selected)
    }

    @Test func theViewGoesWithTheMailbox() {
        let opened: [(Side, String)] = [
            (.server, "* PREAUTH x"), (.client, "a SELECT Box"), (.server, "* FLAGS ()"), (.server, "* 3 EXISTS"),
            (.server, "* OK [UIDVALIDITY 1] x"), (.server, "a OK [READ-WRITE] x"),
        ]
        #expect(follow(opened).0.dialogue.mailboxView?.exists == 3)
        #expect(follow(opened, keepsMailbox: false).0.dialogue.mailboxView == nil)
        for close: [(Side, String)] in [
            [(.client, "b CLOSE"), (.server, "b OK x")], [(.client, "b UNSELECT"), (.server, "b OK x")],
            [(.client, "b SELECT Other"), (.server, "b NO x")], [(.server, "* OK [CLOSED] x")],
            [(.client, "b UNAUTHENTICATE"), (.server, "b OK x")],
        ] { #expect(follow(opened + close).0.dialogue.mailboxView == nil) }
        // Before CLOSED it is not known of which mailbox a message is; the first one keeps what it had.
        let (tap, notes) = follow(
            opened + [
                (.client, "b SELECT Other"), (.server, "* 2 FETCH (UID 7)"), (.server, "* OK [CLOSED] x"),
                (.server, "* FLAGS ()"), (.server, "* 1 EXISTS"), (.server, "* OK [UIDVALIDITY 2] x"),
                (.server, "* 1 FETCH (UID 3)"), (.server, "b OK [READ-WRITE] x"),
            ])
        #expect(tap.dialogue.mailboxView?.name == "Other" && tap.dialogue.mailboxView?.uid(of: 1) == 3)
        #expect(notes.last?.violations.isEmpty == true)
    }

    /// Without a view fewer responses are read, and nothing else differs.
    @Test(arguments: transcripts) func withoutAViewOnlyTheReadingIsMissing(_ transcript: Transcript) {
        var plain = Tap(IMAPDialogue())
        var reading = Tap(IMAPDialogue(keepsMailbox: true))
        var few: [Note] = []
        var many: [Note] = []
        for turn in transcript.turns {
            plain.take(turn, into: &few)
            reading.take(turn, into: &many)
        }
        #expect(few.count == many.count)
        for (one, other) in zip(few, many) {
            #expect(Set(one.violations).isSubset(of: Set(other.violations)))
            var bare = other
            bare.violations = one.violations
            let isSame = bare == one
            #expect(isSame, "\(one.expectation) / \(other.expectation)")
        }
        #expect(plain.dialogue.capabilities == reading.dialogue.capabilities)
        #expect(plain.dialogue.phase == reading.dialogue.phase)
    }

    // MARK: Capabilities

    @Test func capabilitiesInForce() {
        let greeted: [(Side, String)] = [(.server, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] x")]
        let before = follow(greeted).0.dialogue
        #expect(before.capabilities == [.rev1, .loginDisabled])
        #expect(before.mechanisms == IMAPMechanisms(name: octets("PLAIN")[...]))
        let login = greeted + [(.client, "a LOGIN b c"), (.server, "a OK x")]
        #expect(follow(login).0.dialogue.capabilities == nil)
        let told = greeted + [(.client, "a LOGIN b c"), (.server, "a OK [CAPABILITY IMAP4rev1 IDLE] x")]
        #expect(follow(told).0.dialogue.capabilities == [.rev1, .idle])
        let enabled = told + [(.client, "b ENABLE QRESYNC"), (.server, "* ENABLED QRESYNC"), (.server, "b OK x")]
        #expect(follow(enabled).0.dialogue.enabled == .qresync)
        let left = enabled + [(.client, "c UNAUTHENTICATE"), (.server, "c OK x")]
        #expect(follow(left).0.dialogue.enabled.isEmpty && follow(left).0.dialogue.capabilities == nil)
        #expect(follow(left).0.dialogue.phase == .notAuthenticated)
    }

    // MARK: Size

    @Test func anIdleSessionIsSmall() {
        #expect(MemoryLayout<Tap<IMAPDialogue>>.size <= 2_048)
        let (tap, _) = follow([
            (.server, "* PREAUTH x"), (.client, "a SELECT Box"), (.server, "* 3 EXISTS"), (.server, "a OK x"),
            (.client, "b IDLE"), (.server, "+ idling"),
        ])
        #expect(tap.dialogue.outstanding.footprint < 512)
        #expect(tap.dialogue.text == nil && tap.dialogue.open.text == nil && tap.dialogue.names.isEmpty)
    }

    @Test func namesOfMailboxesAreBounded() {
        let name = String(repeating: "x", count: 60_000)
        let (tap, _) = follow([(.server, "* PREAUTH x")] + (0..<50).map { (.client, "a\($0) SELECT \(name)") })
        #expect(tap.dialogue.names.reduce(0) { $0 + $1.name.utf8.count } <= 4 * DialogueLimits.keptLiteral)
    }

    /// Ten times the commands take about ten times as long; quadratic work would take a hundred times.
    @Test func aMillionCommandsInFlightStayCheap() {
        var tap = Tap(IMAPDialogue())
        var notes: [Note] = []
        tap.receive(octets("* PREAUTH x\r\n"), from: .server, into: &notes)
        var sent = 0
        var answered = 0
        let time = processorTime {
            for _ in 0..<100 {
                var lines: [UInt8] = []
                for _ in 0..<1_000 {
                    sent += 1
                    // Tags that never follow each other: a run for each, up to the bound.
                    lines += octets("\(sent % 2 == 0 ? "a" : "b")\(sent &* 7_919 % 1_000_003) NOOP\r\n")
                    if sent - answered > 300 {
                        answered += 1
                        tap.receive(lines, from: .client, into: &notes)
                        lines = octets("\(answered % 2 == 0 ? "a" : "b")\(answered &* 7_919 % 1_000_003) OK\r\n")
                        tap.receive(lines, from: .server, into: &notes)
                        lines = []
                    }
                }
                tap.receive(lines, from: .client, into: &notes)
                notes.removeAll(keepingCapacity: true)
            }
        }
        #expect(tap.dialogue.opaque == nil)
        #expect(tap.dialogue.outstandingCount == sent - answered)
        #expect(time < .seconds(120) * Self.patience)
    }

    // MARK: Gaps

    /// A session without fault, a line or a literal at a time.
    private static let clean: [(Side, String)] = [
        (.server, "* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR IDLE ENABLE CONDSTORE QRESYNC AUTH=PLAIN] x\r\n"),
        (.client, "a1 AUTHENTICATE PLAIN\r\n"), (.server, "+ \r\n"), (.client, "AGFsaWNlAHMzY3JldA==\r\n"),
        (.server, "a1 OK [CAPABILITY IMAP4rev1 LITERAL+ IDLE ENABLE CONDSTORE QRESYNC UIDPLUS] x\r\n"),
        (.client, "a2 ENABLE QRESYNC\r\n"), (.server, "* ENABLED QRESYNC\r\n"), (.server, "a2 OK x\r\n"),
        (.client, "a3 SELECT INBOX\r\n"), (.server, "* FLAGS (\\Seen)\r\n"), (.server, "* 5 EXISTS\r\n"),
        (.server, "* OK [UIDVALIDITY 3] x\r\n"), (.server, "* OK [HIGHESTMODSEQ 30] x\r\n"),
        (.server, "a3 OK [READ-WRITE] x\r\n"), (.client, "a4 UID FETCH 1:* (FLAGS BODY[])\r\n"),
        (.server, "* 1 FETCH (UID 7 FLAGS () MODSEQ (4) BODY[] {35}\r\n"),
        (.server, "x\r\na5 NOOP\r\na4 OK fake\r\na5 OK fake\n)\r\n"), (.server, "* 2 FETCH (UID 9 FLAGS ())\r\n"),
        (.server, "a4 OK x\r\n"), (.client, "a5 NOOP\r\n"), (.server, "* VANISHED 7\r\n"), (.server, "* 9 EXISTS\r\n"),
        (.server, "a5 OK x\r\n"), (.client, "a6 IDLE\r\n"), (.server, "+ idling\r\n"), (.server, "* 10 EXISTS\r\n"),
        (.client, "DONE\r\n"), (.server, "a6 OK x\r\n"), (.client, "a7 APPEND INBOX {25}\r\n"),
        (.server, "+ go on\r\n"), (.client, "y\r\na8 LOGIN bob hunter2\r\n"), (.client, "\r\n"),
        (.server, "* 11 EXISTS\r\n"), (.server, "a7 OK [APPENDUID 3 40] x\r\n"), (.client, "a8 SELECT Other\r\n"),
        (.server, "* OK [CLOSED] x\r\n"), (.server, "* FLAGS ()\r\n"), (.server, "* 1 EXISTS\r\n"),
        (.server, "* OK [UIDVALIDITY 4] x\r\n"), (.server, "* OK [NOMODSEQ] x\r\n"),
        (.server, "a8 OK [READ-WRITE] x\r\n"), (.client, "a9 CLOSE\r\n"), (.server, "a9 OK x\r\n"),
        (.client, "b1 NOOP\r\n"), (.server, "b1 OK x\r\n"), (.client, "b2 NOOP\r\n"), (.server, "b2 OK x\r\n"),
        (.client, "b3 SELECT INBOX\r\n"), (.server, "* FLAGS (\\Seen)\r\n"), (.server, "* 2 EXISTS\r\n"),
        (.server, "* OK [UIDVALIDITY 3] x\r\n"), (.server, "* OK [HIGHESTMODSEQ 31] x\r\n"),
        (.server, "b3 OK [READ-WRITE] x\r\n"), (.client, "b4 LOGOUT\r\n"), (.server, "* BYE x\r\n"),
        (.server, "b4 OK x\r\n"),
    ]

    @Test func theCleanSessionIsClean() {
        var tap = Tap(IMAPDialogue(keepsMailbox: true))
        var notes: [Note] = []
        for (side, text) in Self.clean { tap.receive(octets(text), from: side, into: &notes) }
        #expect(notes.allSatisfy { $0.violations.isEmpty })
        #expect(tap.dialogue.phase == .logout)
    }

    /// Whatever lines are missing, on either side or both, with their number known or not: nobody is accused, nothing is
    /// lost, no secret shows, and no message of the session makes its lines look like commands.
    @Test(arguments: [true, false], [1, 2, 3, 7]) func aGapAccusesNobody(_ isCounted: Bool, _ length: Int) {
        for from in Self.clean.indices {
            for sides: Set<Side> in [[.client], [.server], [.client, .server]] {
                var tap = Tap(IMAPDialogue(keepsMailbox: true))
                var notes: [Note] = []
                var sent: [Side: [UInt8]] = [:]
                for (index, (side, text)) in Self.clean.enumerated() {
                    if index >= from, index < from + length, sides.contains(side) {
                        tap.lose(side, isCounted ? text.utf8.count : nil, into: &notes)
                    } else {
                        sent[side, default: []] += octets(text)
                        tap.receive(octets(text), from: side, into: &notes)
                    }
                }
                tap.end(.client, into: &notes)
                tap.end(.server, into: &notes)
                let place = "\(sides) lost from \(from), \(length)"
                for note in notes where !note.violations.isEmpty {
                    Issue.record("\(place): \(note.expectation)")
                }
                for side in Side.allCases where notes.octets(side) != sent[side] ?? [] {
                    Issue.record("\(place): octets of the \(side) differ")
                }
                let shown = notes.filter { $0.side == .client }.map { $0.publicOctets.text }.joined()
                #expect(!shown.contains("AGFsaWNlAHMzY3JldA"), "\(place)")
                for note in notes {
                    guard case .command(let command) = note.element else { continue }
                    // The only LOGIN stands in a message.
                    #expect(command.verb != "LOGIN", "\(place)")
                }
            }
        }
    }

    /// Behind every gap of the first half the session is found again before it ends.
    @Test func aGapIsLeftBehind() {
        for from in 8..<34 {
            for side in Side.allCases where Self.clean[from].0 == side {
                var tap = Tap(IMAPDialogue(keepsMailbox: true))
                var notes: [Note] = []
                for (index, (side, text)) in Self.clean.enumerated() {
                    if index == from {
                        tap.lose(side, nil, into: &notes)
                    } else {
                        tap.receive(octets(text), from: side, into: &notes)
                    }
                }
                #expect(tap.dialogue.phase == .logout, "\(from)")
                #expect(notes.contains { $0.facts.contains(.mailbox("INBOX")) })
            }
        }
    }

    /// A line that is too long to be looked at ends the search: its rest is no line.
    @Test func theRestOfALongLineIsNoCommand() {
        var tap = Tap(IMAPDialogue())
        var notes: [Note] = []
        tap.receive(octets("* PREAUTH x\r\n"), from: .server, into: &notes)
        tap.lose(.client, nil, into: &notes)
        tap.receive(octets("a NOOP\r\n" + String(repeating: "x", count: 70_000)), from: .client, into: &notes)
        tap.receive(octets("a OK x\r\n"), from: .server, into: &notes)
        #expect(notes.last?.facts == [.resumed])
        tap.receive(octets(" LOGIN bob hunter2\r\nb NOOP\r\n"), from: .client, into: &notes)
        #expect(tap.dialogue.opaque == .longLine)
        #expect(!notes.contains { if case .command = $0.element { true } else { false } })
        #expect(!notes.map { $0.publicOctets.text }.joined().contains("hunter2"))
    }

    // MARK: Random dialogues

    private static let clientWords = [
        "a1 LOGIN b {3+}\r\npw1\r\n", "a2 SELECT x (CONDSTORE)\r\n", "a3 FETCH 1 BODY[]\r\n", "a4 NOOP\r\n",
        "a5 ENABLE QRESYNC\r\n", "a6 IDLE\r\n", "DONE\r\n", "a7 AUTHENTICATE PLAIN\r\n", "AGIAcHcx\r\n", "*\r\n",
        "a8 APPEND x {4}\r\n", "abcd", "\r\n", "a9 UID SEARCH ALL\r\n", "b1 CLOSE\r\n", "b2 UNAUTHENTICATE\r\n",
        "b3 APPEND x CATENATE (TEXT {2+}\r\nab)\r\n", "b4 LOGOUT\r\n", "b5 SELECT {1}\r\n", "x", "b6 SEARCH 0\r\n",
        "b7 NOTIFY NONE\r\n", "a4 NOOP\r\n", "b8 EXAMINE \"y\"\r\n",
    ]
    private static let serverWords = [
        "* OK [CAPABILITY IMAP4rev1 LITERAL- IDLE] x\r\n", "* PREAUTH x\r\n", "* 3 EXISTS\r\n", "* 2 EXPUNGE\r\n",
        "* 1 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (9))\r\n", "* 2 FETCH (BODY[] {5}\r\n", "hello", " UID 8)\r\n", ")\r\n",
        "* VANISHED 7:8\r\n", "* ENABLED QRESYNC\r\n", "* OK [CLOSED] x\r\n", "* OK [UIDVALIDITY 5] x\r\n",
        "* OK [HIGHESTMODSEQ 5] x\r\n", "+ \r\n", "+\r\n", "* BYE x\r\n", "* FLAGS (a b)\r\n", "* SEARCH 1 9\r\n",
        "* LIST () \"/\" {3}\r\n", "abc\r\n", "* CAPABILITY IMAP4rev2\r\n", "a1 OK x\r\n", "a2 OK [READ-WRITE] x\r\n",
        "a3 OK x\r\n", "a4 OK x\r\n", "a5 OK x\r\n", "a6 OK x\r\n", "a6 NO x\r\n", "a7 OK x\r\n", "a8 NO x\r\n",
        "a8 OK x\r\n", "a9 OK x\r\n", "b1 OK x\r\n", "b2 OK x\r\n", "b3 BAD x\r\n", "b5 OK x\r\n", "b8 NO x\r\n",
    ]

    /// By the turn and octet by octet, from all vantages: the same notes.
    @Test func randomDialoguesLookTheSameFromEverywhere() {
        var numbers = SeededNumbers(seed: 11)
        for round in 0..<400 {
            var turns: [(side: Side, octets: [UInt8])] = [(.server, octets("* PREAUTH x\r\n"))]
            for turn in 0..<Int.random(in: 4...40, using: &numbers) {
                let side: Side = turn % 2 == 0 ? .client : .server
                let words = side == .client ? Self.clientWords : Self.serverWords
                turns.append((side, octets(words.randomElement(using: &numbers) ?? "")))
            }
            let make: @Sendable () -> IMAPDialogue = { IMAPDialogue(keepsMailbox: true) }
            let reference = Run(make: make, vantage: .observer)(turns).notes
            let single = turns.flatMap { turn in turn.octets.map { (side: turn.side, octets: [$0]) } }
            for vantage in Vantage.allCases {
                let notes = Run(make: make, vantage: vantage)(single).notes
                for side in Side.allCases where notes.joined(side) != reference.joined(side) {
                    let both = zip(notes.joined(side), reference.joined(side))
                    let first = both.first { $0 != $1 }.map { "\($0.expectation) / \($1.expectation)" }
                    Issue.record("round \(round), \(vantage), \(side): \(first ?? "fewer")")
                    return
                }
            }
        }
    }

    /// With gaps at any place: the octets are all there, and pieces of any size give the same notes.
    @Test func randomDialoguesWithGaps() {
        var numbers = SeededNumbers(seed: 12)
        for round in 0..<600 {
            var turns: [Turn] = [Turn(.server, octets("* PREAUTH x\r\n"))]
            for _ in 0..<Int.random(in: 4...60, using: &numbers) {
                let side: Side = Bool.random(using: &numbers) ? .client : .server
                if Int.random(in: 0..<12, using: &numbers) == 0 {
                    let gap: Gap =
                        Bool.random(using: &numbers) ? .unknown : .octets(Int.random(in: 1...9, using: &numbers))
                    turns.append(Turn(side, [], gap: gap))
                } else {
                    let words = side == .client ? Self.clientWords : Self.serverWords
                    turns.append(Turn(side, octets(words.randomElement(using: &numbers) ?? "")))
                }
            }
            let make: @Sendable () -> IMAPDialogue = { IMAPDialogue(keepsMailbox: true) }
            let whole = Run(make: make, vantage: .observer)(turns).notes
            let single = Run(make: make, vantage: .observer)(
                turns.flatMap { turn in turn.gap == nil ? turn.octets.map { Turn(turn.side, [$0]) } : [turn] }
            ).notes
            for side in Side.allCases {
                if whole.joined(side) != single.joined(side) {
                    let both = zip(whole.joined(side), single.joined(side))
                    let first = both.first { $0 != $1 }.map { "\($0.expectation) / \($1.expectation)" }
                    Issue.record("round \(round), \(side): \(first ?? "fewer")")
                    return
                }
                let sent = turns.filter { $0.side == side }.flatMap(\.octets)
                if whole.octets(side) != sent { Issue.record("round \(round): octets of the \(side) differ") }
            }
        }
    }
}
