// A tap to which nobody listens: the machine is the same, only facts and masked forms of lines are not made.

import Testing

@testable import MailDialogue

@Suite struct UnheardTests {
    @Test(arguments: TranscriptTests.all) func allElseIsTheSame(_ transcript: Transcript) {
        switch MailProtocol(rawValue: transcript.protocolName) {
        case .smtp: compare(transcript, SMTPDialogue(.smtp))
        case .lmtp: compare(transcript, SMTPDialogue(.lmtp))
        case .pop3: compare(transcript, POP3Dialogue())
        case .imap:
            compare(transcript, IMAPDialogue())
            compare(transcript, IMAPDialogue(keepsMailbox: true))
        case nil: Issue.record("no such protocol")
        }
    }

    private func compare(_ transcript: Transcript, _ dialogue: some Dialogue) {
        var heard = Tap(dialogue)
        var unheard = Tap(dialogue, listens: false)
        for (number, turn) in transcript.turns.enumerated() {
            var loud: [Note] = []
            var quiet: [Note] = []
            heard.take(turn, into: &loud)
            unheard.take(turn, into: &quiet)
            let place = "\(transcript), turn \(number)"
            if loud.map(\.unheard) != quiet.map(\.unheard) { Issue.record("\(place): other notes") }
            for side in Side.allCases where heard.dialogue.demand(side) != unheard.dialogue.demand(side) {
                Issue.record("\(place): another demand of the \(side)")
            }
        }
    }

    @Test func nothingIsToldOfALine() {
        for (mailProtocol, lines) in [
            (
                MailProtocol.smtp,
                ["220 x", "EHLO a", "250 x", "MAIL FROM:<a@example.com>", "250 ok", "AUTH PLAIN AGEAYg=="]
            ),
            (.pop3, ["+OK x", "USER a", "+OK", "PASS b", "+OK"]), (.imap, ["* OK x", "a LOGIN a b", "a OK in"]),
        ] {
            var taps = [MailTap(mailProtocol), MailTap(mailProtocol, listens: false)]
            var notes: [[Note]] = [[], []]
            for index in taps.indices {
                for (number, line) in lines.enumerated() {
                    let side = number % 2 == 0 ? Side.server : .client
                    taps[index].receive(Array((line + "\r\n").utf8)[...], from: side, into: &notes[index])
                }
            }
            let (loud, quiet) = (notes[0], notes[1])
            #expect(loud.contains { !$0.facts.isEmpty } && loud.contains { $0.masked != nil })
            #expect(quiet.allSatisfy { $0.facts.isEmpty && $0.masked == nil })
        }
    }
}

extension Note {
    /// What is said of it whether somebody listens or not.
    fileprivate var unheard: Note { Note(side, element, exchange: exchange, raw: raw, violations: violations) }
}
