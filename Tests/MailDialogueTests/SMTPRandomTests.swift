// Random dialogues with every verb, every kind of reply and lost octets: the same notes and the same state however the
// octets are cut, nothing lost or added, and every secret of a response masked.

import Testing

@testable import MailDialogue

@Suite struct SMTPRandomTests {
    private static let client = [
        "EHLO x\r\n", "HELO x\r\n", "LHLO x\r\n", "MAIL FROM:<a@example.org>\r\n",
        "MAIL FROM:<a@example.org> PRDR SMTPUTF8\r\n", "MAIL FROM:<a@example.org> TRANSID=<1@x> BODY=BINARYMIME\r\n",
        "RCPT TO:<b@example.com>\r\n", "RCPT TO:<b@example.com> NOTIFY=NEVER\r\n", "RCPT TO:<\"b\\\"@\r\n", "DATA\r\n",
        "BDAT 5\r\n", "hello", "BDAT 0 LAST\r\n", "BDAT 3 LAST\r\nabc", "BDAT x\r\n", "BURL imap://x LAST\r\n",
        "AUTH PLAIN\r\n", "AUTH PLAIN AGEAc2VjcmV0c2VjcmV0\r\n", "AUTH LOGIN YQ==\r\n", "X-EXPS LOGIN\r\n", "*\r\n",
        "c2VjcmV0c2VjcmV0\r\n", ".\r\n", "\r\n.\r\n", "\n.\n", "RSET\r\n", "STARTTLS\r\n", "X-ANONYMOUSTLS\r\n",
        "NOOP\n", "NOOP\r\n", "VRFY a\r\n", "QUIT\r\n", "TURN\r\n", "ATRN\r\n", "XCLIENT ADDR=192.0.2.1\r\n",
        "XEXCH50 4 2\r\n", "XEXCH50\r\n", "VERB\r\n", "CLIENTID a b\r\n", "\u{16}\u{3}\u{1}\r\n", "Subject: x\r\n",
        "SEND FROM:<>\r\n", "FOO\r\n", "\r\n", "",
    ]
    private static let server = [
        "220 x\r\n", "250 x\r\n", "250-x\r\n", "250 2.1.0 x\r\n", "250-PIPELINING\r\n", "250 PIPELINING\r\n",
        "250-x\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250-PRDR\r\n250-ENHANCEDSTATUSCODES\r\n250 PIPELINING\r\n",
        "250-x\r\n250 TURN\r\n", "250-x\r\n250 XEXCH50\r\n", "354 x\r\n", "334 \r\n", "334 YQ==\r\n", "353 x\r\n",
        "355 0\r\n", "235 x\r\n", "500 x\r\n", "503 5.5.1 x\r\n", "421 x\r\n", "221 x\r\n", "252 x\r\n",
        "558-250 x\r\n",
        "558 550 x\r\n", "050 x\r\n", "150 x\r\n", "x\r\n", "250", "250\n", "",
    ]

    private enum Step {
        case octets(Side, [UInt8])
        case gap(Side, Int?)
    }

    private func steps(_ numbers: inout SeededNumbers, hasGaps: Bool) -> [Step] {
        var steps: [Step] = [.octets(.server, Array("220 x\r\n".utf8))]
        for _ in 0..<Int.random(in: 5...60, using: &numbers) {
            let side: Side = Bool.random(using: &numbers) ? .client : .server
            if hasGaps, Int.random(in: 0..<12, using: &numbers) == 0 {
                steps.append(.gap(side, Bool.random(using: &numbers) ? nil : Int.random(in: 1...9, using: &numbers)))
            }
            var octets: [UInt8] = []
            for _ in 0..<Int.random(in: 1...3, using: &numbers) {
                octets += ((side == .client ? Self.client : Self.server).randomElement(using: &numbers) ?? "").utf8
            }
            steps.append(.octets(side, octets))
        }
        return steps
    }

    private func play(
        _ steps: [Step], _ variant: SMTPDialogue.Variant, inPiecesOf size: Int
    ) -> (Tap<SMTPDialogue>, [Note]) {
        var tap = Tap(SMTPDialogue(variant))
        var notes: [Note] = []
        for step in steps {
            switch step {
            case .octets(let side, let octets):
                var rest = octets[...]
                while !rest.isEmpty {
                    tap.receive(rest.prefix(size), from: side, into: &notes)
                    rest = rest.dropFirst(size)
                }
            case .gap(let side, let count): tap.lose(side, count, into: &notes)
            }
        }
        return (tap, notes)
    }

    @Test(arguments: [SMTPDialogue.Variant.smtp, .lmtp], [false, true])
    func piecesDoNotMatter(_ variant: SMTPDialogue.Variant, _ hasGaps: Bool) {
        var numbers = SeededNumbers(seed: 11)
        var resumed = 0
        for round in 0..<400 {
            let steps = steps(&numbers, hasGaps: hasGaps)
            let (whole, notes) = play(steps, variant, inPiecesOf: .max)
            // Behind a BDAT without a size the place is looked for as it is behind a gap.
            let isAdrift = notes.contains { $0.violations.contains(.smtpBadChunkSize) }
            if hasGaps || !isAdrift { resumed += notes.count { $0.facts.contains(.resumed) } }
            for size in [1, 2, 7] {
                let (tap, other) = play(steps, variant, inPiecesOf: size)
                for side in Side.allCases where other.joined(side) != notes.joined(side) {
                    let pair = zip(other.joined(side), notes.joined(side)).first { $0 != $1 }
                    let text = pair.map { "\($0.expectation) / \($1.expectation)" } ?? "fewer"
                    Issue.record("round \(round), pieces of \(size): \(side): \(text)")
                    return
                }
                guard tap == whole else {
                    Issue.record("round \(round), pieces of \(size): another state")
                    return
                }
            }
            for side in Side.allCases {
                let sent: [UInt8] = steps.flatMap { step -> [UInt8] in
                    if case .octets(side, let octets) = step { octets } else { [] }
                }
                let told = notes.octets(side)
                if told != Array(sent.prefix(told.count)) || sent.count - told.count != whole.pending(side) {
                    Issue.record("round \(round): octets of the \(side) are not those that were sent")
                    return
                }
            }
        }
        #expect(hasGaps ? resumed > 50 : resumed == 0)
    }

    /// A response is a secret wherever it is taken for one.
    @Test func responsesAreMasked() {
        var numbers = SeededNumbers(seed: 12)
        var seen = 0
        for _ in 0..<400 {
            let (_, notes) = play(steps(&numbers, hasGaps: true), .smtp, inPiecesOf: .max)
            var before = ""
            for note in notes where note.side == .client {
                defer { before = note.raw.text }
                guard note.raw.text == "c2VjcmV0c2VjcmV0\r\n" else { continue }
                switch note.element {
                case .response, .unplaced:
                    seen += 1
                    // The first response of LOGIN is the account.
                    let isTold = note.facts.contains { $0 != .resumed }
                    let isDue = note.element == .response || before.hasSuffix(" LOGIN\r\n")
                    let isAccount = isDue && !isTold && note.masked == nil
                    if note.publicOctets == note.raw, !isAccount { Issue.record("\(note.expectation)") }
                default: break
                }
            }
        }
        #expect(seen > 100)
    }
}
