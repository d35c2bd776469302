// Limits and edges of the tap: what is beyond a limit makes the session opaque, and all octets still come out.

import Testing

@testable import MailDialogue

@Suite struct TapTests {
    private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// Runs chunks; checks that the notes are the octets.
    private func run(_ proto: MailProtocol, _ chunks: [(Side, String)]) -> [Note] {
        var tap = proto.makeTap()
        var notes: [Note] = []
        var sent: [Side: [UInt8]] = [:]
        for (side, text) in chunks {
            sent[side, default: []] += octets(text)
            tap.receive(octets(text)[...], from: side, into: &notes)
        }
        tap.end(.client, into: &notes)
        tap.end(.server, into: &notes)
        for side in Side.allCases { #expect(notes.octets(side) == sent[side] ?? []) }
        return notes
    }

    private static let greetings: [(MailProtocol, String)] = [
        (.smtp, "220 x\r\n"), (.pop3, "+OK\r\n"), (.imap, "* OK x\r\n"),
    ]

    @Test(arguments: greetings) func aLineAtItsLimitIsALine(_ proto: MailProtocol, _ greeting: String) {
        let limit = proto == .imap ? DialogueLimits.imapCommandLine : DialogueLimits.line
        let line = "x " + String(repeating: "y", count: limit - 4) + "\r\n"
        let notes = run(proto, [(.server, greeting), (.client, line), (.client, "NOOP\r\n")])
        #expect(!notes.contains { $0.element == .opaque })
        #expect(line.utf8.count == limit)
    }

    @Test(arguments: greetings, [true, false])
    func aLineBeyondItsLimitMakesTheSessionOpaque(_ pair: (MailProtocol, String), _ hasEnd: Bool) {
        let (proto, greeting) = pair
        let limit = proto == .imap ? DialogueLimits.imapCommandLine : DialogueLimits.line
        let line = String(repeating: "y", count: limit + 1) + (hasEnd ? "\r\n" : "")
        let notes = run(proto, [(.server, greeting), (.client, line), (.client, "NOOP\r\n"), (.server, "250 x\r\n")])
        let opaque = notes.filter { $0.element == .opaque }
        #expect(opaque.first?.facts == [.opaque(.longLine)])
        #expect(opaque.first?.violations.map(\.code) == ["\(proto.rawValue)-line-too-long"])
        #expect(notes.last?.element == .opaque)
    }

    @Test(arguments: greetings) func aReplyBeyondItsLimitMakesTheSessionOpaque(
        _ proto: MailProtocol, _ greeting: String
    ) {
        let limit = proto == .imap ? DialogueLimits.imapResponseLine : DialogueLimits.line
        let line = String(repeating: "y", count: limit + 1)
        let notes = run(proto, [(.server, greeting), (.server, line), (.client, "NOOP\r\n"), (.server, "250 x\r\n")])
        #expect(notes.contains { $0.violations.map(\.code) == ["\(proto.rawValue)-reply-too-long"] })
        #expect(notes.filter { $0.side == .client }.map(\.element) == [.opaque])
    }

    @Test func aPasswordInALineBeyondTheLimitStaysMasked() {
        let secret = String(repeating: "s3cret", count: 5_000)
        let notes = run(
            .pop3,
            [
                (.server, "+OK\r\n"), (.client, "USER a\r\nPASS " + secret), (.client, "s3cret\r"),
                (.client, "\nNOOP\r\n"),
            ])
        let shown = notes.filter { $0.side == .client }.map { $0.publicOctets.text }.joined()
        #expect(!shown.contains("s3cret"))
        // Nor is it known what comes behind it.
        #expect(shown.hasSuffix("\r\n******"))
    }

    /// The client goes on in clear, and nobody reads any more what it says: nothing of that is shown. What is shown of the line
    /// that was too long is shown to its end.
    @Test(arguments: greetings, [1, 7, Int.max])
    func aLoginBehindALineBeyondTheLimitIsMasked(_ pair: (MailProtocol, String), _ piece: Int) {
        let (proto, greeting) = pair
        let limit = proto == .imap ? DialogueLimits.imapCommandLine : DialogueLimits.line
        let long = (proto == .imap ? "a NOOP " : "NOOP ") + String(repeating: "y", count: limit) + "\r\n"
        let login = "a LOGIN alice s3cret\r\nPASS s3cret\r\n"
        var tap = proto.makeTap()
        var notes: [Note] = []
        tap.receive(octets(greeting)[...], from: .server, into: &notes)
        var rest = octets(long + login)[...]
        while !rest.isEmpty {
            tap.receive(rest.prefix(piece), from: .client, into: &notes)
            rest = rest.dropFirst(piece)
        }
        tap.receive(octets("250 x\r\n")[...], from: .server, into: &notes)
        let client = notes.filter { $0.side == .client }
        let isWhole = client.flatMap(\.raw).elementsEqual(octets(long + login))
        #expect(isWhole)
        let shown = client.map { $0.publicOctets.text }.joined()
        let isMasked = shown == long + String(repeating: "*", count: login.utf8.count)
        #expect(isMasked)
        #expect(notes.last?.publicOctets.text == "250 x\r\n")
    }

    private static let reasons: [(OpaqueReason, isShown: Bool)] = [
        (.longLine, false), (.holdLimit, false), (.desynchronised, false), (.gap, false), (.notThisProtocol, false),
        (.tls, true), (.securityLayer, true), (.rolesSwapped, true),
    ]

    /// Whatever the reason is, what was in clear stays masked, and what is encrypted need not be.
    @Test(arguments: greetings, reasons)
    func whatIsOpaqueIsMaskedWhereItIsInClear(_ pair: (MailProtocol, String), _ reason: (OpaqueReason, isShown: Bool)) {
        var tap = pair.0.makeTap()
        var notes: [Note] = []
        tap.receive(octets(pair.1)[...], from: .server, into: &notes)
        tap.stop(reason.0, at: .client, into: &notes)
        tap.receive(octets("PASS s3cret\r\n")[...], from: .client, into: &notes)
        tap.receive(octets("+OK\r\n")[...], from: .server, into: &notes)
        let shown = notes.suffix(2).map { $0.publicOctets.text }
        #expect(shown == [reason.isShown ? "PASS s3cret\r\n" : "*************", "+OK\r\n"])
    }

    private static let holders: [(MailProtocol, String, String)] = [
        (.smtp, "220 x\r\n", "DATA\r\n"), (.smtp, "220 x\r\n", "STARTTLS\r\n"), (.smtp, "220 x\r\n", "AUTH PLAIN\r\n"),
        (.pop3, "+OK\r\n", "AUTH PLAIN\r\n"), (.pop3, "+OK\r\n", "STLS\r\n"), (.imap, "* OK x\r\n", "a LOGIN {5}\r\n"),
        (.imap, "* OK x\r\n", "a IDLE\r\n"), (.imap, "* OK x\r\n", "a COMPRESS DEFLATE\r\n"),
    ]

    @Test(arguments: holders) func whatIsHeldBeyondTheLimitPasses(
        _ proto: MailProtocol, _ greeting: String, _ command: String
    ) {
        let flood = String(repeating: "s3cret\r\n", count: DialogueLimits.held / 8)
        let held = run(proto, [(.server, greeting), (.client, command), (.client, flood)])
        // Behind DATA that nobody answered it is what it looks like.
        #expect(held.last?.element == (command == "DATA\r\n" ? .content : .incomplete))
        let notes = run(
            proto, [(.server, greeting), (.client, command), (.client, flood), (.client, "x\r\n"), (.server, "y\r\n")])
        #expect(notes.contains { $0.facts == [.opaque(.holdLimit)] })
        #expect(notes.last?.element == .opaque)
        if command.contains("AUTH") || command.contains("LOGIN") {
            #expect(!notes.contains { $0.side == .client && $0.publicOctets.text.contains("s3cret") })
        }
    }

    @Test(arguments: greetings) func commandsWithoutRepliesAreBounded(_ proto: MailProtocol, _ greeting: String) {
        let line = proto == .imap ? "a NOOP\r\n" : "NOOP\r\n"
        let flood = String(repeating: line, count: 1_000)
        let notes = run(proto, [(.server, greeting)] + [(Side, String)](repeating: (.client, flood), count: 11))
        #expect(notes.contains { $0.violations.contains { $0.code == "\(proto.rawValue)-too-many-outstanding" } })
        #expect(notes.count { $0.facts == [.opaque(.holdLimit)] } == 1)
        #expect(notes.last?.element == .opaque)
    }

    @Test(arguments: greetings) func nothingIsInventedBehindAGap(_ proto: MailProtocol, _ greeting: String) {
        var tap = proto.makeTap()
        var notes: [Note] = []
        tap.receive(octets(greeting)[...], from: .server, into: &notes)
        tap.receive(octets("NO")[...], from: .client, into: &notes)
        tap.lose(.client, into: &notes)
        tap.lose(.server, into: &notes)
        tap.receive(octets("OP\r\n")[...], from: .client, into: &notes)
        tap.end(.client, into: &notes)
        #expect(
            notes.map(\.element).filter { $0 != .opaque }.dropFirst().prefix(3) == [.incomplete, .gap(nil), .gap(nil)])
        #expect(notes.last { !$0.raw.isEmpty }.map { $0.element == .opaque || $0.element == .unplaced } == true)
        #expect(notes.octets(.client) == octets("NOOP\r\n"))
    }

    @Test func aHoleInSizedContentHidesNothingElse() {
        var tap = Tap(SMTPDialogue())
        var notes: [Note] = []
        tap.receive(octets("220 x\r\n"), from: .server, into: &notes)
        tap.receive(octets("BDAT 10\r\nab"), from: .client, into: &notes)
        tap.lose(.client, 5, into: &notes)
        tap.receive(octets("cdeNOOP\r\n"), from: .client, into: &notes)
        #expect(
            notes.suffix(5).map(\.element) == [
                .content, .gap(5), .content, .contentEnd, .command(Command(verb: "NOOP")),
            ])
        #expect(tap.dialogue.opaque == nil)
    }

    @Test func aHoleToTheEndOfSizedContentEndsIt() {
        var tap = Tap(SMTPDialogue())
        var notes: [Note] = []
        tap.receive(octets("220 x\r\n"), from: .server, into: &notes)
        tap.receive(octets("BDAT 10\r\nab"), from: .client, into: &notes)
        var exact = tap
        exact.lose(.client, 8, into: &notes)
        exact.receive(octets("NOOP\r\n"), from: .client, into: &notes)
        #expect(notes.suffix(3).map(\.element) == [.gap(8), .contentEnd, .command(Command(verb: "NOOP"))])
        tap.lose(.client, 12, into: &notes)
        tap.receive(octets("NOOP\r\n"), from: .client, into: &notes)
        #expect(notes.suffix(4).map(\.element) == [.gap(8), .contentEnd, .gap(4), .unplaced])
    }

    /// RFC 5321 §4.1.1.4: CRLF "." CRLF cut in each of the 16 ways.
    @Test(arguments: 0..<16) func endOfDataInEverySegmentation(_ cuts: Int) {
        var pieces: [[UInt8]] = [octets("x")]
        for (place, octet) in octets("\r\n.\r\n").enumerated() {
            if place > 0, cuts & (1 << (place - 1)) != 0 { pieces.append([]) }
            pieces[pieces.count - 1].append(octet)
        }
        var tap = Tap(SMTPDialogue())
        var notes: [Note] = []
        tap.receive(octets("220 x\r\n"), from: .server, into: &notes)
        tap.receive(octets("DATA\r\n"), from: .client, into: &notes)
        tap.receive(octets("354 x\r\n"), from: .server, into: &notes)
        for piece in pieces { tap.receive(piece, from: .client, into: &notes) }
        tap.receive(octets("NOOP\r\n"), from: .client, into: &notes)
        #expect(notes.count { $0.element == .contentEnd } == 1)
        #expect(notes.last?.element == .command(Command(verb: "NOOP")))
        #expect(notes.joined(.client).first { $0.element == .content }?.raw.text == "x\r\n")
    }

    @Test func violationsHaveCodesOfTheirOwn() {
        let codes = Violation.all.map(\.code)
        #expect(Set(codes).count == codes.count)
        for violation in Violation.all {
            #expect(violation.section.hasPrefix("RFC ") || violation.section.hasPrefix("MS-"))
            #expect(violation.meaning.hasSuffix("."))
            let prefix = violation.code.prefix { $0 != "-" }
            #expect(["smtp", "lmtp", "pop3", "imap", "sasl", "tls", "message", "header", "mime"].contains(prefix))
        }
    }

    @Test func schemesNameTheirProtocol() {
        for proto in MailProtocol.allCases {
            for scheme in proto.schemes { #expect(MailProtocol(scheme: scheme.name) == proto) }
        }
        #expect(MailProtocol(scheme: "http") == nil)
        #expect(MailProtocol(scheme: "") == nil)
    }
}
