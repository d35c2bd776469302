// What the transcripts can't say of the SMTP machine: limits, cost, and that all of its violations are lawful.

import Testing

@testable import MailDialogue

@Suite struct SMTPDialogueTests {
    private func tap(_ lines: [(Side, String)]) -> (Tap<SMTPDialogue>, [Note]) {
        var tap = Tap(SMTPDialogue())
        var notes: [Note] = []
        for (side, text) in lines { tap.receive(Array(text.utf8), from: side, into: &notes) }
        return (tap, notes)
    }

    /// Beyond the limit the session is opaque, and nothing is kept of what comes then.
    @Test func aMillionPipelinedCommands() {
        var (tap, notes) = tap([(.server, "220 x\r\n")])
        let group = Array(String(repeating: "NOOP\r\n", count: 1_000).utf8)
        var commands = 0
        for _ in 0..<1_000 {
            notes.removeAll(keepingCapacity: true)
            tap.receive(group, from: .client, into: &notes)
            commands += notes.count { if case .command = $0.element { true } else { false } }
        }
        #expect(commands == DialogueLimits.outstanding + 1)
        #expect(tap.dialogue.opaque == .holdLimit)
        #expect(tap.dialogue.outstandingCount == 0 && tap.pending(.client) == 0)
    }

    @Test func tooManyOutstandingIsToldOnce() {
        let (_, notes) = tap([
            (.server, "220 x\r\n"), (.client, String(repeating: "RSET\r\n", count: DialogueLimits.outstanding + 5)),
        ])
        #expect(notes.count { $0.violations.contains(.smtpTooManyOutstanding) } == 1)
    }

    @Test func linesBeyondAllLimits() {
        let long = String(repeating: "x", count: DialogueLimits.line)
        for side in Side.allCases {
            let (tap, notes) = tap([(.server, "220 x\r\n"), (side, "250 \(long)\r\n")])
            let expected: Violation = side == .client ? .smtpLineTooLong : .smtpReplyTooLong
            #expect(notes.last { $0.side == side }?.violations == [expected])
            #expect(tap.dialogue.opaque == .longLine)
        }
    }

    /// Behind a gap a line that is too long is no verdict: it may be content.
    @Test func longLinesBehindAGapPass() {
        var (tap, notes) = tap([(.server, "220 x\r\n")])
        tap.lose(.client, into: &notes)
        notes = []
        tap.receive([UInt8](repeating: 65, count: 3 * DialogueLimits.line) + [10], from: .client, into: &notes)
        #expect(notes.allSatisfy { $0.element == .unplaced && $0.violations.isEmpty && $0.masked != nil })
        #expect(tap.dialogue.opaque == nil && tap.pending(.client) == 0)
        tap.receive(Array("220 x\r\n".utf8), from: .server, into: &notes)
        tap.receive(Array("NOOP\r\n".utf8), from: .client, into: &notes)
        #expect(notes.last?.element == .command(Command(verb: "NOOP")))
        #expect(notes.last?.facts == [.resumed])
    }

    @Test func manyParametersCostNoMoreThanTheirLine() {
        let line = "MAIL FROM:<a@example.org>" + String(repeating: " A=1", count: 6_000) + "\r\n"
        let (_, notes) = tap([(.server, "220 x\r\n"), (.client, "EHLO x\r\n"), (.server, "250 x\r\n"), (.client, line)])
        #expect(notes.last?.violations == [.smtpLongCommand, .smtpExtensionNotOffered])
        let route = String(repeating: "@a,", count: 6_000)
        let (_, other) = tap([(.server, "220 x\r\n"), (.client, "MAIL FROM:<\(route)@a:b@c>\r\n")])
        #expect(other.last?.violations.contains(.smtpSourceRoute) == true)
    }

    @Test func violationsAreOfTheirSide() {
        #expect(Violation.smtp.count >= 90)
        #expect(Set(Violation.smtp.map(\.code)).count == Violation.smtp.count)
        for violation in Violation.smtp {
            #expect(!violation.example.isEmpty && !violation.meaning.isEmpty)
            #expect(violation.example.split(separator: "\n").allSatisfy { "CS".contains($0.first ?? " ") })
        }
        for violation in Violation.smtpClient { #expect(violation.side == .client) }
    }

    /// A state that fits many sessions in little memory.
    @Test func theStateIsSmall() {
        #expect(MemoryLayout<SMTPDialogue>.size <= 512)
        #expect(MemoryLayout<SMTPDialogue.Outstanding>.stride <= 64)
    }
}
