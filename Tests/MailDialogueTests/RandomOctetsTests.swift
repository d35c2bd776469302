// Whatever octets come, from whichever side and however cut: nothing but notes, and the notes of a side are its octets.

import Glibc
import Testing

@testable import MailDialogue

/// Numbers that are the same in every run (Steele, Lea and Flood's SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct RandomOctetsTests {
    /// Chunks for each protocol; `make fuzz` asks for more, and for another beginning each time.
    private static let rounds = number("MAILPROXY_FUZZ_ROUNDS") ?? 50_000
    private static let seed = UInt64(number("MAILPROXY_FUZZ_SEED") ?? 2)

    private static func number(_ variable: String) -> Int? {
        getenv(variable).flatMap { Int(String(cString: $0)) }
    }

    private static let words: [MailProtocol: (client: [String], server: [String])] = [
        .smtp: (
            [
                "EHLO x\r\n", "MAIL FROM:<a@example.org>\r\n", "RCPT TO:<b@example.com>\r\n", "DATA\r\n", "BDAT 5\r\n",
                "BDAT 3 LAST\r\n", "AUTH PLAIN\r\n", "AUTH LOGIN YQ==\r\n", "*\r\n", "YQ==\r\n", ".\r\n", "\r\n.\r\n",
                "\n.\n", "RSET\r\n", "STARTTLS\r\n", "NOOP\n", "BDAT 99999999999999999999\r\n",
            ],
            [
                "220 x\r\n", "250 x\r\n", "250-x\r\n", "354 x\r\n", "334 \r\n", "235 x\r\n", "500 x\r\n", "421 x\r\n",
                "x\r\n",
            ]
        ),
        .pop3: (
            [
                "USER a\r\n", "PASS b c\r\n", "APOP a b\r\n", "AUTH\r\n", "AUTH PLAIN\r\n", "YQ==\r\n", "*\r\n",
                "LIST\r\n", "LIST 1\r\n", "UIDL\r\n", "RETR 1\r\n", "TOP 1 0\r\n", "CAPA\r\n", "STLS\r\n", "QUIT\n",
            ],
            ["+OK\r\n", "-ERR\r\n", "+ \r\n", "1 2\r\n", ".\r\n", "..\r\n", "\n.\r\n", "x\r\n"]
        ),
        .imap: (
            [
                "a LOGIN {3}\r\n", "a LOGIN b {3+}\r\n", "a LOGIN \"b\" \"c\r\n", " {2}\r\n", "abc", "\r\n",
                "b NOOP\r\n",
                "c APPEND x {5+}\r\n", "c APPEND {1}\r\n", "d IDLE\r\n", "DONE\r\n", "e AUTHENTICATE PLAIN\r\n",
                "YQ==\r\n",
                "f STARTTLS\r\n", "g COMPRESS DEFLATE\r\n", "h UID FETCH 1 BODY[]\r\n", "i SELECT {4+}\r\n", "{7}\r\n",
            ],
            [
                "* OK x\r\n", "+ \r\n", "a OK\r\n", "a NO\r\n", "b OK\r\n", "c BAD\r\n", "d OK\r\n", "e NO\r\n",
                "f NO\r\n",
                "g NO\r\n", "h OK\r\n", "i OK\r\n", "* 1 FETCH (BODY[] {5}\r\n", "* 1 FETCH (BODY[1]<0> {0}\r\n",
                "* LIST () {2}\r\n", "abcde", ")\r\n", "* BYE\r\n",
            ]
        ),
    ]

    @Test(arguments: [MailProtocol.smtp, .lmtp, .pop3, .imap]) func nothingButNotes(_ proto: MailProtocol) throws {
        var numbers = SeededNumbers(seed: Self.seed)
        let words = try #require(Self.words[proto == .lmtp ? .smtp : proto])
        var chunks = 0
        var kinds = Set<String>()
        while chunks < Self.rounds {
            var tap = proto.makeTap()
            var sent: [Side: [UInt8]] = [:]
            var notes: [Note] = []
            for _ in 0..<Int.random(in: 10...200, using: &numbers) {
                let side: Side = Bool.random(using: &numbers) ? .client : .server
                let chunk = Self.chunk(side == .client ? words.client : words.server, &numbers)
                sent[side, default: []] += chunk
                tap.receive(chunk[...], from: side, into: &notes)
                chunks += 1
                if Int.random(in: 0..<2000, using: &numbers) == 0 { tap.lose(side, into: &notes) }
            }
            tap.end(.client, into: &notes)
            tap.end(.server, into: &notes)
            for side in Side.allCases where notes.octets(side) != sent[side] ?? [] {
                Issue.record("octets of the \(side) were lost or added behind chunk \(chunks)")
                return
            }
            for note in notes {
                if let masked = note.masked, masked.count != note.raw.count { Issue.record("\(note)") }
                kinds.insert(String(note.expectation.prefix { $0 != " " }))
            }
        }
        // The octets led to more than the first state.
        #expect(
            kinds.isSuperset(of: ["command", "reply", "begin", "content", "end", "response", "challenge", "opaque"]))
    }

    /// The same octets, by the turn and one by one, from all vantages: the same notes, and a relay changes nothing.
    @Test(arguments: [MailProtocol.smtp, .lmtp, .pop3, .imap])
    func randomDialoguesLookTheSameFromEverywhere(_ proto: MailProtocol) throws {
        switch proto {
        case .smtp: try compare(.smtp) { SMTPDialogue(.smtp) }
        case .lmtp: try compare(.smtp) { SMTPDialogue(.lmtp) }
        case .pop3: try compare(.pop3) { POP3Dialogue() }
        case .imap: try compare(.imap) { IMAPDialogue() }
        }
    }

    private func compare<D: Dialogue>(_ proto: MailProtocol, _ make: @escaping @Sendable () -> D) throws {
        var numbers = SeededNumbers(seed: 3)
        let words = try #require(Self.words[proto])
        for _ in 0..<200 {
            var turns: [(side: Side, octets: [UInt8])] = []
            for turn in 0..<Int.random(in: 2...30, using: &numbers) {
                // Server lines come one at a time: only then can a relay that holds octets be told from one that does
                // not.
                let side: Side = turn % 3 == 1 ? .client : .server
                turns.append((side, Self.chunk(side == .client ? words.client : words.server, &numbers)))
            }
            let reference = Run(make: make, vantage: .observer)(turns).notes
            let single = turns.flatMap { turn in turn.octets.map { (side: turn.side, octets: [$0]) } }
            for vantage in Vantage.allCases {
                let outcome = Run(make: make, vantage: vantage)(single)
                for side in Side.allCases {
                    let sent = turns.filter { $0.side == side }.flatMap(\.octets)
                    if let forwarded = outcome.forwarded, forwarded[side] != sent {
                        Issue.record("the relay changed octets of the \(side)")
                        return
                    }
                    guard outcome.notes.joined(side) == reference.joined(side) else {
                        let both = zip(outcome.notes.joined(side), reference.joined(side))
                        let first = both.first { $0 != $1 }.map { "\($0.expectation) / \($1.expectation)" }
                        Issue.record("\(vantage) sees other notes of the \(side): \(first ?? "fewer")")
                        return
                    }
                }
            }
        }
    }

    /// A few words whole, some cut or with an octet changed, some of nothing but noise.
    private static func chunk(_ words: [String], _ numbers: inout SeededNumbers) -> [UInt8] {
        var chunk: [UInt8] = []
        for _ in 0..<Int.random(in: 1...3, using: &numbers) {
            chunk += (words.randomElement(using: &numbers) ?? "").utf8
        }
        switch Int.random(in: 0..<20, using: &numbers) {
        case 0: chunk.removeLast(Int.random(in: 0..<chunk.count, using: &numbers))
        case 1:
            let place = Int.random(in: 0..<chunk.count, using: &numbers)
            chunk[place] = UInt8.random(in: 0...255, using: &numbers)
        case 2: chunk = (0..<40).map { _ in UInt8.random(in: 0...255, using: &numbers) }
        default: break
        }
        return chunk
    }
}
