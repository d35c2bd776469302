// Without a hit the octets of both legs are those that were sent, for every transcript, however they arrive.

import Foundation
import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct RelayTransparencyTests {
    /// A rule at every point but the header of SMTP, where we must say 354 in the server's place.
    private static let rules = """
        rules:
          - {name: connect, when: client.address == "198.51.100.1", then: [close]}
          - {name: name, when: client.name == "nobody.invalid", then: [close]}
          - {name: login, when: user == "nobody.invalid", then: [close]}
          - {name: command, when: command == "NEVER", then: [close]}
          - {name: line, when: line contains "nobody.invalid", then: [close]}
          - {name: sender, when: sender == "nobody@example.invalid", then: [close]}
          - {name: envelope, when: rcpt == "nobody@example.invalid", then: [close]}
          - {name: size, when: size > 100 GB, then: [close]}
          - {name: mailbox, when: mailbox == "nobody.invalid", then: [close]}
          - {name: retrieved, when: pop3 and subject == "nobody.invalid", then: [close]}
          - {name: reply, when: reply.text contains "nobody.invalid", then: [close]}
        """

    private static let transcripts: [TranscriptFile] = (try? TranscriptFile.all()) ?? []

    @Test("There are transcripts of every protocol")
    func found() {
        for mailProtocol in MailProtocol.allCases {
            #expect(Self.transcripts.contains { $0.mailProtocol == mailProtocol })
        }
        #expect(Self.transcripts.count > 60)
    }

    @Test("Octets pass as they are", arguments: transcripts)
    func transcript(_ file: TranscriptFile) {
        for step in [nil, 1, 3] as [Int?] {
            var table = RelayTable(file.mailProtocol, Self.rules, step: step)
            for turn in file.turns { table.send(turn.side, turn.octets) }
            table.end(.client)
            table.end(.server)
            #expect(table.server == file.octets(.client), "\(file) in steps of \(step ?? 0): what the server got")
            #expect(table.client == file.octets(.server), "\(file) in steps of \(step ?? 0): what the client got")
            #expect(table.hits == [])
            #expect(table.ended.count == 2)
            #expect(table.relay.isDone && !table.isClosed)
        }
    }

    @Test("Octets pass as they are in random pieces", arguments: transcripts)
    func randomPieces(_ file: TranscriptFile) {
        var random = Xorshift(seed: 0x9E37_79B9 &+ UInt64(file.octets(.client).count))
        for _ in 0..<4 {
            var table = RelayTable(file.mailProtocol, Self.rules)
            for turn in file.turns {
                var rest = turn.octets[...]
                while !rest.isEmpty {
                    let count = 1 + Int(random.next() % 40)
                    table.send(turn.side, Array(rest.prefix(count)))
                    rest = rest.dropFirst(count)
                }
            }
            table.end(.client)
            table.end(.server)
            #expect(table.server == file.octets(.client), "\(file)")
            #expect(table.client == file.octets(.server), "\(file)")
        }
    }

    @Test("With a header rule the server gets every message octet for octet", arguments: [nil, 1, 17] as [Int?])
    func headerRule(step: Int?) {
        let rules = "rules: [{name: never, when: subject == \"nobody.invalid\", then: [close]}]"
        var table = RelayTable(.smtp, rules, step: step)
        table.say(.server, "220 hello")
        var server = ScriptedServer { ["250 \($0)"] }
        let messages: [[UInt8]] = [
            lines("Subject: a", "", "body", "..dot", ""),
            lines("no header at all") + [UInt8](repeating: 120, count: 5000) + lines(""),
            Array("Subject: bare\n\nlf\nlines\r\n".utf8),
            lines(""), [],
            lines(" folded first", "X: y", "", "z"),
            Array("Bin: ".utf8) + (0...255).map { UInt8($0) }.filter { $0 != 13 && $0 != 10 } + lines("", "", "\u{0}"),
        ]
        for message in messages {
            table.converse(lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "data"), with: &server)
            table.converse(message + lines("."), with: &server)
        }
        #expect(server.messages == messages)
        #expect(server.commands.filter { $0 == "data" }.count == messages.count)
    }

    @Test("A header section beyond the limit passes and the log says so")
    func tooLong() {
        let rules = "rules: [{name: never, when: subject == \"x\", then: [{reject: no}]}]"
        var table = RelayTable(.smtp, rules, step: 10_000)
        table.say(.server, "220 hello")
        var server = ScriptedServer { ["250 \($0)"] }
        var message: [UInt8] = []
        while message.count < 300_000 { message += lines("X-Long: 0123456789012345678901234567890123456789") }
        message += lines("Subject: x", "", "body")
        table.converse(lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA"), with: &server)
        table.converse(message + lines("."), with: &server)
        #expect(server.messages == [message])
        #expect(table.logs.count == 1 && table.hits == [])
    }

    @Test("After STARTTLS everything passes, whatever the rules say")
    func opaque() {
        let rules = """
            rules:
              - {name: quit, when: command == "QUIT", then: [{reject: no}]}
              - {name: header, when: subject == "x", then: [{reject: no}]}
              - {name: reply, when: reply.code == 250, then: [close]}
            """
        for step in [nil, 1] as [Int?] {
            var table = RelayTable(.smtp, rules, step: step)
            table.say(.server, "220 hello")
            table.say(.client, "STARTTLS")
            table.say(.server, "220 go")
            _ = table.took(.client)
            _ = table.took(.server)
            let noise = (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 7) } + lines("QUIT", "DATA")
            table.send(.client, noise)
            table.send(.server, lines("250 fine") + noise)
            #expect(table.server == noise)
            #expect(table.client == lines("250 fine") + noise)
            #expect(table.hits == [] && !table.isClosed)
        }
    }

    @Test("Any octets: no trap, and what was sent passes or the session closes")
    func noise() {
        let rules = """
            rules:
              - {name: header, when: subject == "x", then: [{reject: no}, {delay: 1s}]}
              - {name: rcpt, when: rcpt contains "x", then: [{reject: no}]}
              - {name: login, when: user == "x", then: [{reject: no}]}
              - {name: set, when: smtp and from, then: [{set-header: "X-A: b"}]}
              - {name: reply, when: reply.code == 550, then: [{delay: 5ms}]}
            """
        var random = Xorshift(seed: 42)
        let words = [
            "MAIL FROM:<x@y>\r\n", "RCPT TO:<x@y>\r\n", "RCPT TO:<a@b>\r\n", "DATA\r\n", "BDAT 5\r\n",
            "BDAT 3 LAST\r\n",
            "Subject: x\r\n", "From: y\r\n", "\r\n", ".\r\n", "\n", "AUTH PLAIN AHgAeA==\r\n", "AUTH PLAIN\r\n",
            "AHgAeA==\r\n", "STARTTLS\r\n", "RSET\r\n", "QUIT\r\n", "a LOGIN x y\r\n", "a LOGIN {1+}\r\n", "x {1}\r\n",
            "a APPEND b {4}\r\n", "a IDLE\r\n", "DONE\r\n", "RETR 1\r\n", "TOP 1 1\r\n", "USER x\r\n", "PASS x\r\n",
            "a AUTHENTICATE PLAIN\r\n", "LIST\r\n", "EHLO x\r\n", "\u{16}\u{3}",
        ]
        let replies = [
            "220 x\r\n", "250 x\r\n", "250-x\r\n", "550 x\r\n", "354 x\r\n", "334 \r\n", "421 x\r\n", "+OK x\r\n",
            "-ERR x\r\n", "+ \r\n", ".\r\n", "Subject: x\r\n", "\r\n", "* OK x\r\n", "a OK\r\n", "a NO\r\n",
            "* 1 FETCH (BODY[] {3}\r\n", "abc)\r\n", "* BYE\r\n", "235 x\r\n",
        ]
        for mailProtocol in MailProtocol.allCases {
            for _ in 0..<150 {
                var table = RelayTable(mailProtocol, rules, holdsTime: random.next() % 4 == 0)
                var sent: [Side: Int] = [:]
                for _ in 0..<40 {
                    let side: Side = random.next() % 2 == 0 ? .client : .server
                    let list = side == .client ? words : replies
                    let octets = Array(list[Int(random.next() % UInt64(list.count))].utf8)
                    sent[side, default: 0] += octets.count
                    table.send(side, octets)
                    if random.next() % 5 == 0 { table.passTime() }
                }
                table.end(.client)
                let told = table.seen.count
                table.end(.server)
                // What waited for the server's answer when it went.
                let dropped = table.seen[told...].filter { $0.side == .client && $0.element == .incomplete }
                    .reduce(0) { $0 + $1.raw.count }
                if table.hits.isEmpty, table.logs.isEmpty, mailProtocol == .imap {
                    #expect(table.server.count + dropped == sent[.client, default: 0])
                    #expect(table.client.count == sent[.server, default: 0])
                }
            }
        }
    }
}

/// A small generator with a seed, so that a failure can be repeated.
struct Xorshift: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

/// The octets of a transcript file (see Tests/MailDialogueTests/Transcript.swift for the form).
struct TranscriptFile: Sendable, CustomStringConvertible {
    let mailProtocol: MailProtocol
    let name: String
    private(set) var turns: [(side: Side, octets: [UInt8])] = []

    var description: String { "\(mailProtocol.rawValue)/\(name)" }

    func octets(_ side: Side) -> [UInt8] { turns.filter { $0.side == side }.flatMap(\.octets) }

    static func all() throws -> [TranscriptFile] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Transcripts")
        let files = try MailProtocol.allCases.flatMap { mailProtocol in
            try FileManager.default.contentsOfDirectory(
                at: folder.appendingPathComponent(mailProtocol.rawValue), includingPropertiesForKeys: nil
            ).filter { $0.pathExtension == "txt" }.sorted { $0.path < $1.path }.map {
                TranscriptFile(
                    mailProtocol, $0.lastPathComponent, String(decoding: try Data(contentsOf: $0), as: UTF8.self))
            }
        }
        return files.filter { !$0.hasGaps }
    }

    /// A capture lost octets: nothing that a relay can meet.
    private(set) var hasGaps = false

    private init(_ mailProtocol: MailProtocol, _ name: String, _ text: String) {
        self.mailProtocol = mailProtocol
        self.name = name
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let octets = Array(line.utf8)
            guard octets.count >= 2, octets[0] == UInt8(ascii: "C") || octets[0] == UInt8(ascii: "S") else { continue }
            let side: Side = octets[0] == UInt8(ascii: "C") ? .client : .server
            var rest = Array(octets.dropFirst(2))
            if rest.first == 32 { rest.removeFirst() }
            switch octets[1] {
            case UInt8(ascii: ":"): add(side, rest + [13, 10])
            case UInt8(ascii: ">"): add(side, Self.unescape(rest))
            case UInt8(ascii: "~"):
                // Whether it is deflated makes no difference to one who does not look.
                add(side, rest + [13, 10])
            case UInt8(ascii: "!"): hasGaps = true
            default: continue
            }
        }
    }

    private mutating func add(_ side: Side, _ octets: [UInt8]) {
        if turns.last?.side == side {
            turns[turns.count - 1].octets += octets
        } else {
            turns.append((side, octets))
        }
    }

    private static func unescape(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var rest = text[...]
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "\\"), let next = rest.popFirst() else {
                out.append(octet)
                continue
            }
            switch next {
            case UInt8(ascii: "r"): out.append(13)
            case UInt8(ascii: "n"): out.append(10)
            case UInt8(ascii: "0"): out.append(0)
            case UInt8(ascii: "x"):
                out.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            default: out.append(next)
            }
        }
        return out
    }
}
