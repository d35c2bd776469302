// Attacks and faults by their number in the list of cases that this project must survive: those of SMTP, POP3, IMAP and
// TLS that a dialogue decides. Long because each case has a test of its own, and the table of the others stands beside.

import Foundation
import Testing

@testable import MailDialogue

@Suite struct AttackCasesTests {
    private func notes(_ proto: MailProtocol, _ chunks: [(Side, String)]) -> [Note] {
        var tap = proto.makeTap()
        var notes: [Note] = []
        for (side, text) in chunks { tap.receive(Array(text.utf8)[...], from: side, into: &notes) }
        tap.end(.client, into: &notes)
        tap.end(.server, into: &notes)
        return notes
    }

    private func verbs(_ notes: [Note]) -> [String] {
        notes.compactMap { if case .command(let command) = $0.element { command.verb } else { nil } }
    }

    private func codes(_ notes: [Note]) -> [String] { notes.flatMap { $0.violations.map(\.code) } }

    @Test func s21SizesBeyondAllBoundsAllocateNothing() {
        let found = notes(
            .smtp, [(.server, "220 x\r\n"), (.client, "BDAT 99999999999999999999 LAST\r\nNOOP\r\n")])
        // How many octets follow is not known, so nothing of them is taken for a command.
        #expect(verbs(found) == ["BDAT"])
        #expect(found.last?.element == .unplaced)
        #expect(codes(found).contains("smtp-bad-chunk-size"))
    }

    @Test func s23OctetsOfARefusedChunkAreNoCommands() {
        let chunk = "RCPT TO:<victim@remote.example>\r\n\r\n"
        let found = notes(
            .smtp,
            [(.server, "220 x\r\n"), (.client, "BDAT \(chunk.utf8.count)\r\n\(chunk)NOOP\r\n"), (.server, "503 x\r\n")])
        #expect(verbs(found) == ["BDAT", "NOOP"])
    }

    @Test(arguments: [
        (MailProtocol.smtp, "220 x\r\n", "STARTTLS\r\nEHLO x\r\n", "220 go\r\n", "smtp-starttls-injection"),
        (.pop3, "+OK\r\n", "STLS\r\nCAPA\r\n", "+OK\r\n", "pop3-stls-injection"),
        (.imap, "* OK x\r\n", "A STARTTLS\r\nB NOOP\r\n", "A OK go\r\n", "imap-starttls-injection"),
    ])
    func t1CommandsBehindSTARTTLSAreNeverCommands(
        _ proto: MailProtocol, _ greeting: String, _ client: String, _ server: String, _ code: String
    ) {
        let found = notes(proto, [(.server, greeting), (.client, client), (.server, server)])
        #expect(verbs(found).count == 1)
        #expect(codes(found).filter { $0.hasSuffix("injection") } == [code])
        // The same octets one by one.
        let single = notes(
            proto, [(.server, greeting)] + client.map { (.client, String($0)) } + server.map { (.server, String($0)) })
        #expect(verbs(single).count == 1)
        #expect(codes(single).filter { $0.hasSuffix("injection") } == [code])
    }

    /// The verdict on it. Who answers it is the route's affair: where TLS is required the proxy says NO itself, elsewhere the octets pass
    /// (test_starttls.py).
    @Test func t10LoginThoughItIsDisabled() {
        let found = notes(
            .imap,
            [
                (.server, "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] x\r\n"),
                (.client, "a LOGIN me s3cret\r\n"),
                (.server, "a NO [PRIVACYREQUIRED] x\r\n"),
            ])
        #expect(codes(found) == ["imap-login-though-disabled"])
        #expect(found.contains { $0.publicOctets.text == "a LOGIN me ******\r\n" })
    }

    @Test func s59AFloodOfContinuationLinesKeepsNothing() {
        var tap = MailProtocol.smtp.makeTap()
        var found: [Note] = []
        tap.receive(Array("220 x\r\n".utf8)[...], from: .server, into: &found)
        tap.receive(Array("EHLO x\r\n".utf8)[...], from: .client, into: &found)
        let flood = Array(String(repeating: "250-x\r\n", count: 1_000).utf8)
        for _ in 0..<100 {
            found.removeAll(keepingCapacity: true)
            tap.receive(flood[...], from: .server, into: &found)
            #expect(tap.pending(.server) == 0)
            #expect(found.count == 1_000)
        }
    }

    @Test func p11AnUnsolicitedReplyDoesNotShiftTheOthers() {
        let found = notes(
            .pop3,
            [
                (.server, "+OK\r\n"), (.server, "+OK\r\n"), (.client, "CAPA\r\n"), (.server, "+OK\r\nTOP\r\n.\r\n"),
                (.client, "LANG\r\n"), (.server, "-ERR\r\n"),
            ])
        #expect(codes(found) == ["pop3-unsolicited-reply", "pop3-lang-not-offered"])
        #expect(found.last?.exchange == 2)
    }

    @Test func p12AMessageWithoutEndStreams() {
        var tap = MailProtocol.pop3.makeTap()
        var found: [Note] = []
        tap.receive(Array("+OK\r\n".utf8)[...], from: .server, into: &found)
        tap.receive(Array("RETR 1\r\n".utf8)[...], from: .client, into: &found)
        tap.receive(Array("+OK\r\n".utf8)[...], from: .server, into: &found)
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 65_536)
        for _ in 0..<64 {
            tap.receive(piece[...], from: .server, into: &found)
            #expect(tap.pending(.server) == 0)
        }
        tap.end(.server, into: &found)
        #expect(!found.contains { $0.element == .contentEnd })
    }

    @Test func i1LiteralsOfLoginAreNoCommands() {
        let found = notes(
            .imap,
            [
                (.server, "* OK x\r\n"),
                (.client, "A LOGIN {17+}\r\nuser@example.com\n {9+}\r\nsecretpwd\r\n"),
            ])
        #expect(verbs(found) == ["LOGIN"])
    }

    @Test func i4AHugeLiteralAllocatesNothing() {
        let found = notes(
            .imap,
            [
                (.server, "* PREAUTH x\r\n"), (.client, "A APPEND INBOX {99999999999}\r\n"),
                (.server, "A NO [TOOBIG]\r\n"),
                (.client, "B NOOP\r\n"),
            ])
        #expect(verbs(found) == ["APPEND", "NOOP"])
    }

    @Test func i6ALiteralBeyondTheServersLimitIsNeverParsed() {
        let body = "A2 DELETE INBOX\r\n"
        let found = notes(
            .imap,
            [
                (.server, "* PREAUTH x\r\n"), (.client, "A1 APPEND x {\(body.utf8.count)+}\r\n"),
                (.server, "A1 BAD [TOOBIG]\r\n"), (.client, body + "\r\nA3 NOOP\r\n"),
            ])
        #expect(verbs(found) == ["APPEND", "NOOP"])
    }

    @Test func i8AMillionParenthesesKeepOneLine() {
        let found = notes(
            .imap, [(.server, "* OK x\r\n"), (.client, "a " + String(repeating: "(", count: 1_000_000) + "\r\n")])
        #expect(codes(found) == ["imap-line-too-long"])
    }

    @Test(
        arguments: [
            "LIST () \"/\" a", "LSUB () \"/\" a", "STATUS a (MESSAGES 1)", "SEARCH 1", "FLAGS (a)", "1 EXISTS",
            "1 RECENT",
            "1 EXPUNGE", "1 FETCH (FLAGS ())",
        ], [true, false])
    func i16MailboxDataBeforeLoginIsFlagged(_ data: String, _ greeted: Bool) {
        let found = notes(.imap, (greeted ? [(.server, "* OK x\r\n")] : []) + [(.server, "* \(data)\r\n")])
        #expect(codes(found) == [greeted ? "imap-data-before-login" : "imap-untagged-before-greeting"])
    }

    @Test func i17ForeignTagsAnswerNothing() {
        let found = notes(
            .imap,
            [
                (.server, "* OK x\r\nA OK early\r\n"), (.client, "A NOOP\r\n"), (.server, "B OK\r\na OK\r\n"),
                (.server, "A NO\r\n"),
            ])
        let replies = found.filter { if case .reply = $0.element { true } else { false } }
        #expect(replies.map(\.raw.text) == ["A NO\r\n"])
        #expect(codes(found) == ["imap-unknown-tag", "imap-unknown-tag", "imap-unknown-tag"])
    }

    // MARK: SMTP

    private let transaction: [(Side, String)] = [
        (.server, "220 mx.example.com\r\n"), (.client, "EHLO a.example.com\r\n"),
        (.server, "250-mx.example.com\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-DSN\r\n250 AUTH PLAIN\r\n"),
        (.client, "MAIL FROM:<a@example.com>\r\n"), (.server, "250 ok\r\n"),
        (.client, "RCPT TO:<b@example.org>\r\n"), (.server, "250 ok\r\n"),
    ]

    private func ends(_ notes: [Note]) -> Int { notes.count { $0.element == .contentEnd } }

    private func content(_ notes: [Note]) -> String {
        notes.filter { $0.element == .content }.map { String(decoding: $0.raw, as: UTF8.self) }.joined()
    }

    @Test(
        arguments: [
            ("S1", "\n.\n"), ("S2", "\n.\r\n"), ("S3", "\r\n.\n"), ("S4", "\r.\r"), ("S7", "\r.\r\n"),
            ("S9", "\r\n\0.\r\n"),
        ])
    func s1s2s3s4s7s9NothingButCRLFDotCRLFEndsData(_ id: String, _ end: String) {
        let evil = "MAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nsmuggled\r\n.\r\n"
        let found = notes(
            .smtp,
            transaction + [
                (.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, "text" + end + evil), (.server, "250 ok\r\n"),
            ])
        #expect(verbs(found) == ["EHLO", "MAIL", "RCPT", "DATA"])
        #expect(ends(found) == 1)
        #expect(content(found) == "text" + end + evil.dropLast(2))
        #expect(id == "S9" || codes(found).contains("smtp-smuggling"))
    }

    /// CRLF "." CRLF cut at each of its four places or not, sixteen ways; and octet by octet.
    @Test(arguments: 0...16) func s13TheEndOfDataInEverySegmentation(_ cuts: Int) {
        var pieces: [String] = [""]
        for (place, character) in "x\r\n.\r\nNOOP\r\n".unicodeScalars.enumerated() {
            let isCut = cuts == 16 || (2...5).contains(place) && cuts >> (place - 2) & 1 == 1
            if isCut { pieces.append("") }
            pieces[pieces.count - 1].unicodeScalars.append(character)
        }
        let found = notes(
            .smtp,
            transaction + [(.client, "DATA\r\n"), (.server, "354 go\r\n")] + pieces.map { (Side.client, $0) })
        #expect(ends(found) == 1)
        #expect(verbs(found).last == "NOOP" && content(found) == "x\r\n")
    }

    @Test func s14DotsPassAsTheyAre() {
        let body = "..\r\n...\r\n..x\r\n....\r\n"
        let found = notes(
            .smtp, transaction + [(.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, body + ".\r\nNOOP\r\n")])
        #expect(content(found) == body && codes(found) == [] && verbs(found).last == "NOOP")
        let isStuffed = found.contains {
            if case .contentBegin(let content) = $0.element { content.dotStuffed } else { false }
        }
        #expect(isStuffed)
    }

    @Test func s16AnEmptyMessageEndsAtOnce() {
        let found = notes(
            .smtp, transaction + [(.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, ".\r\nNOOP\r\n")])
        #expect(ends(found) == 1 && content(found) == "" && verbs(found).last == "NOOP")
    }

    @Test func s20AChunkEndsAfterItsOctets() {
        let found = notes(.smtp, transaction + [(.client, "BDAT 5 LAST\r\nhelloNOOP\r\n")])
        #expect(content(found) == "hello" && verbs(found).suffix(2) == ["BDAT", "NOOP"])
    }

    @Test func s24DATABehindBDATIsFlaggedAndRSETMendsIt() {
        let found = notes(
            .smtp,
            transaction + [
                (.client, "BDAT 5\r\nhello"), (.server, "250 ok\r\n"), (.client, "DATA\r\n"), (.server, "503 no\r\n"),
                (.client, "RSET\r\n"), (.server, "250 ok\r\n"), (.client, "MAIL FROM:<a@example.com>\r\n"),
                (.server, "250 ok\r\n"),
            ])
        #expect(codes(found) == ["smtp-data-after-bdat"])
        #expect(verbs(found).suffix(4) == ["BDAT", "DATA", "RSET", "MAIL"])
    }

    @Test func s25LongCommandsAreCommandsUpToALimit() {
        for (length, flagged) in [(512, false), (2_048, true), (2_049, true)] {
            let line = "NOOP " + String(repeating: "a", count: length - 7) + "\r\n"
            let found = notes(.smtp, [(.server, "220 mx.example.com\r\n"), (.client, line)])
            #expect(verbs(found) == ["NOOP"])
            #expect(codes(found).contains("smtp-long-command") == flagged, "\(length)")
        }
        expectNothingKept(.smtp, "220 mx.example.com\r\n", "smtp-line-too-long")
    }

    /// A line without end: the session is given up at the limit, and nothing more is kept.
    private func expectNothingKept(_ proto: MailProtocol, _ greeting: String, _ code: String) {
        var tap = proto.makeTap()
        var found: [Note] = []
        tap.receive(Array(greeting.utf8)[...], from: .server, into: &found)
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 8_192)
        for _ in 0..<128 {
            tap.receive(piece[...], from: .client, into: &found)
            #expect(tap.pending(.client) <= DialogueLimits.imapCommandLine)
        }
        #expect(tap.opaque == .longLine && tap.pending(.client) == 0)
        #expect(codes(found).contains(code))
    }

    @Test func s27NULInAPathIsFlaggedAndStaysInItsLine() {
        let found = notes(
            .smtp,
            Array(transaction.prefix(3)) + [(.client, "MAIL FROM:<a\0b@example.com>\r\nNOOP\r\n")])
        #expect(codes(found).contains("smtp-nul-in-command"))
        #expect(verbs(found).suffix(2) == ["MAIL", "NOOP"])
    }

    @Test(arguments: [true, false]) func s28EightBitMailboxesNeedSMTPUTF8(_ isOffered: Bool) {
        let found = notes(
            .smtp,
            [
                (.server, "220 mx.example.com\r\n"), (.client, "EHLO a.example.com\r\n"),
                (.server, "250-mx.example.com\r\n250-8BITMIME\r\n250 \(isOffered ? "SMTPUTF8" : "HELP")\r\n"),
                (.client, "MAIL FROM:<\u{E9}@example.com>\(isOffered ? " SMTPUTF8" : "")\r\n"), (.server, "250 ok\r\n"),
            ])
        #expect(codes(found).contains("smtp-non-ascii-command") == !isOffered)
    }

    @Test func s30AnEncodedLineEndStaysEncoded() {
        let found = notes(
            .smtp,
            transaction.dropLast(2) + [
                (.client, "RCPT TO:<a@example.org> ORCPT=rfc822;a+0Ab\r\n"), (.server, "250 ok\r\n"),
            ])
        #expect(found.flatMap(\.facts).contains(.recipient("a@example.org")))
        #expect(verbs(found) == ["EHLO", "MAIL", "RCPT"])
    }

    /// Asterisks are what a recording shows in the place of a secret, and no fault.
    @Test(arguments: [("a!b", "sasl-bad-base64"), ("****", nil), ("=", nil), ("*", nil)])
    func s40p15i35ResponsesThatAreNone(_ response: String, _ code: String?) {
        for (proto, greeting, command, ask, refuse) in [
            (MailProtocol.smtp, "220 x\r\n", "AUTH PLAIN\r\n", "334 \r\n", "501 no\r\n"),
            (.pop3, "+OK\r\n", "AUTH PLAIN\r\n", "+ \r\n", "-ERR no\r\n"),
            (.imap, "* OK x\r\n", "a AUTHENTICATE PLAIN\r\n", "+ \r\n", "a NO no\r\n"),
        ] {
            let found = notes(
                proto,
                [
                    (.server, greeting), (.client, command), (.server, ask), (.client, response + "\r\n"),
                    (.server, refuse), (.client, proto == .imap ? "b NOOP\r\n" : "QUIT\r\n"),
                ])
            #expect(code.map { codes(found).contains($0) } ?? true, "\(proto)")
            #expect(found.contains { $0.element == .response } && verbs(found).count == 2)
        }
    }

    @Test func s47WhoSpeaksFirstIsFlagged() {
        let found = notes(.smtp, [(.client, "EHLO a.example.com\r\n"), (.server, "220 mx.example.com\r\n")])
        #expect(codes(found).contains("smtp-early-talker"))
    }

    @Test func s57t20AMessageWithoutReplyIsNotAccepted() {
        let whole = notes(
            .smtp, transaction + [(.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, "x\r\n.\r\n")])
        #expect(ends(whole) == 1 && !whole.flatMap(\.facts).contains(.messageAccepted))
        let cut = notes(.smtp, transaction + [(.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, "x\r\n.\r")])
        #expect(ends(cut) == 0)
        let literal = notes(
            .imap,
            [
                (.server, "* PREAUTH x\r\n"), (.client, "a FETCH 1 BODY[]\r\n"),
                (.server, "* 1 FETCH (BODY[] {9}\r\nhalf"),
            ])
        #expect(ends(literal) == 0)
    }

    @Test func s59RepliesThatAreNone() {
        let hello: [(Side, String)] = [(.server, "220 mx.example.com\r\n"), (.client, "EHLO a.example.com\r\n")]
        #expect(codes(notes(.smtp, hello + [(.server, "250-a\r\n550 b\r\n")])).contains("smtp-reply-codes-differ"))
        #expect(codes(notes(.smtp, hello + [(.server, "abc\r\n")])).contains("smtp-bad-reply"))
        let long = notes(.smtp, hello + [(.server, "250-" + String(repeating: "a", count: 100_000))])
        #expect(codes(long).contains("smtp-reply-too-long"))
    }

    // MARK: POP3

    @Test func p1FourCommandsInOneSegment() {
        let found = notes(
            .pop3,
            [
                (.server, "+OK\r\n"), (.client, "USER u\r\nPASS p\r\nSTAT\r\nUIDL\r\n"),
                (.server, "+OK\r\n+OK\r\n+OK 1 5\r\n+OK\r\n1 a\r\n.\r\n"),
            ])
        let answered = found.compactMap { note -> Int? in
            if case .reply(let reply) = note.element, reply.isLast { note.exchange } else { nil }
        }
        #expect(answered == [1, 2, 3, 4] && codes(found) == [])
    }

    @Test func p2DotsInAMessage() {
        let body = "..\r\n..x\r\nends in a dot.\r\n"
        let found = notes(
            .pop3,
            [
                (.server, "+OK\r\n"), (.client, "USER u\r\nPASS p\r\nRETR 1\r\nNOOP\r\n"),
                (.server, "+OK\r\n+OK\r\n+OK\r\n" + body + ".\r\n+OK\r\n"),
            ])
        #expect(content(found) == body && ends(found) == 1 && codes(found) == [])
    }

    @Test(arguments: [
        ("RETR 0", "pop3-zero-number"), ("RETR -1", "pop3-bad-number"), ("RETR 1x", "pop3-bad-number"),
        ("TOP 1 99999999999999999999", "pop3-bad-number"),
    ])
    func p4NumbersThatAreNone(_ command: String, _ code: String) {
        let found = notes(
            .pop3,
            [
                (.server, "+OK\r\n"), (.client, "USER u\r\nPASS p\r\n"), (.server, "+OK\r\n+OK\r\n"),
                (.client, command + "\r\n"), (.server, "-ERR\r\n"),
            ])
        #expect(codes(found) == [code])
    }

    @Test func p13LongCommands() {
        for (length, flagged) in [(255, []), (256, ["pop3-command-length"])] {
            let found = notes(
                .pop3, [(.server, "+OK\r\n"), (.client, "USER " + String(repeating: "a", count: length - 7) + "\r\n")])
            #expect(codes(found) == flagged)
        }
        expectNothingKept(.pop3, "+OK\r\n", "pop3-line-too-long")
    }

    @Test func p18RedisIsNotPOP3() {
        var tap = MailProtocol.pop3.makeTap()
        var found: [Note] = []
        for _ in 0..<50 {
            tap.receive(Array("PING\r\n".utf8)[...], from: .client, into: &found)
            tap.receive(Array("+PONG\r\n".utf8)[...], from: .server, into: &found)
        }
        #expect(tap.opaque == .notThisProtocol)
    }

    // MARK: IMAP and TLS

    @Test func i2LiteralsOfIDAreNoCommands() {
        let found = notes(
            .imap,
            [
                (.server, "* OK x\r\n"),
                (.client, "A1 ID (\"name\" {7+}\r\nA3 NOOP \"version\" {6+}\r\n16.0.0)\r\nA2 LOGIN u p\r\n"),
            ])
        #expect(verbs(found) == ["ID", "LOGIN"])
    }

    @Test(arguments: [
        "a SEARCH " + String(repeating: "NOT ", count: 10_000) + "ALL", "a FETCH 1:4294967295 FLAGS",
        "a FETCH 1:* FLAGS",
        "a FETCH 4294967296 FLAGS", "a FETCH " + String(repeating: "1,", count: 20_000) + "1 FLAGS",
        "a FETCH 1 BODY[" + String(repeating: "1.", count: 1_000) + "1]", "a FETCH 1 BODY[]<4294967295.4294967295>",
        "a STORE 1 +FLAGS (a]b \"x\" {1})", "a STORE 1 +FLAGS (" + String(repeating: "k ", count: 1_000) + "k)",
    ])
    func i9i13i27i33OneLineIsOneCommand(_ line: String) {
        let found = notes(.imap, [(.server, "* PREAUTH x\r\n"), (.client, line + "\r\nb NOOP\r\n")])
        #expect(verbs(found).count == 2 && verbs(found).last == "NOOP")
    }

    @Test func i11LinesBeyondTheLimit() {
        let found = notes(
            .imap,
            [
                (.server, "* PREAUTH x\r\n"),
                (.client, "a " + String(repeating: "x", count: DialogueLimits.imapCommandLine)),
            ])
        #expect(codes(found).contains("imap-line-too-long"))
    }

    @Test func i25WhatIsNotDONEEndsNoIDLE() {
        let found = notes(
            .imap,
            [
                (.server, "* PREAUTH x\r\n"), (.client, "a IDLE\r\n"), (.server, "+ idling\r\n"),
                (.client, "garbage\r\n"), (.server, "a BAD what\r\n"), (.client, "b NOOP\r\n"),
            ])
        #expect(!codes(found).isEmpty && !found.contains { $0.element == .done })
    }

    @Test(arguments: [
        (MailProtocol.smtp, "220 x\r\n", "STARTTLS\r\n", "220 go\r\n250-AUTH PLAIN\r\n250 x\r\n"),
        (.pop3, "+OK\r\n", "STLS\r\n", "+OK go\r\n+OK more\r\n"),
        (.imap, "* OK x\r\n", "A STARTTLS\r\n", "A OK go\r\n* CAPABILITY AUTH=PLAIN\r\n"),
    ])
    func t6RepliesBehindTheAnswerAreNeverReplies(
        _ proto: MailProtocol, _ greeting: String, _ command: String, _ answer: String
    ) {
        let found = notes(proto, [(.server, greeting), (.client, command), (.server, answer)])
        #expect(
            codes(found).contains(proto == .pop3 ? "pop3-stls-reply-injection" : "\(proto)-starttls-reply-injection"))
        #expect(found.last?.element == .opaque)
    }

    @Test(arguments: [
        (MailProtocol.smtp, "220 x\r\n"), (.pop3, "+OK\r\n"), (.imap, "* OK x\r\n"),
    ])
    func t16ARequestOfABrowserIsFlagged(_ proto: MailProtocol, _ greeting: String) {
        let found = notes(proto, [(.server, greeting), (.client, "POST / HTTP/1.1\r\nHost: mx.example.com\r\n\r\n")])
        #expect(!codes(found).isEmpty)
        let known = found.contains { if case .command(let command) = $0.element { command.isKnown } else { false } }
        #expect(!known)
    }

    @Test func t24STLSBehindTheLogin() {
        let found = notes(
            .pop3,
            [
                (.server, "+OK\r\n"), (.client, "USER u\r\nPASS p\r\n"), (.server, "+OK\r\n+OK\r\n"),
                (.client, "STLS\r\n"), (.server, "-ERR\r\n"),
            ])
        #expect(codes(found) == ["pop3-wrong-state"])
    }

    // MARK: All of them

    /// The cases that tests above are named after.
    private static let tested = [
        "S1", "S2", "S3", "S4", "S7", "S9", "S13", "S14", "S16", "S20", "S21", "S23", "S24", "S25", "S27", "S28", "S30",
        "S40", "S47", "S57", "S59", "P1", "P2", "P4", "P11", "P12", "P13", "P15", "P18", "I1", "I2", "I4", "I6", "I8",
        "I9", "I11", "I13", "I16", "I17", "I25", "I27", "I33", "I35", "T1", "T2", "T3", "T6", "T10", "T16", "T20",
        "T24",
    ]

    /// The cases that no dialogue decides, and who does.
    private static let others: [(ids: String, who: String)] = [
        ("S18", "the delivery, which writes messages with CRLF alone"),
        ("S32 S33 S34", "the server and its delivery: what is bounced"),
        ("S35 S37", "the server: hops, who may relay"),
        ("S36", "test_bad_input.py: routes that come back to themselves"),
        ("S39", "the server: AUTH and TLS before MAIL"),
        ("S42 S43 S44 S45 S49 S50", "the server: its logins, limits and answers"),
        ("S52", "MailMessage: two From fields"),
        ("S54 S56 S58", "the server: sizes, what a lost client leaves, how many errors"),
        ("P6 P7 P9 P10 P17", "the server and its store: deletions, locks, big maildrops"),
        ("I15", "the relay: what a route that wants STARTTLS does behind PREAUTH"),
        ("I18", "replay and relay, which open no connection that a server asks for"),
        ("I19 I21 I22 I24", "the server and its store: names, patterns, searches"),
        ("I29", "the core: InflaterTests, a bomb comes in bounded steps and its lines have the limits of others"),
        ("I31 I32 I36", "the server and its store: numbers, UIDs, how many errors"),
        ("I37", "who writes commands: rules, replay"),
        ("T8", "test_starttls.py: what a route allows in clear, and an upstream that must begin TLS and does not"),
        ("T11 T13", "TLSConnectionTests, CertificateAuthorityTests, test_tls.py: certificates of others and ours"),
        ("T15 T17", "test_tls_options.py: ALPN, and sslscan on every listener and towards old upstreams"),
        ("T19", "HandshakeTests: one octet, and nothing more"),
        ("T21 T22", "test_hostile.py: the authority's files and its key"),
        ("T25", "test_starttls.py and RelayTLSTests: both legs begin anew behind the handshake"),
        ("D1 D10", "transcripts smtp/pipelining and imap/pipeline-ambiguous, RelayTransparencyTests"),
        ("D2 D4 D6", "transcripts smtp/data-refused-lines-are-commands, data-replies and reply-during-data"),
        ("D7 D8", "RelaySMTPRulesTests: sizes of what a rule changed, replies of ours in their turn"),
        ("D12", "test_hostile.py: a client that says who it is in another's place"),
        ("D14 D15", "test_hostile.py: spellings with and without the proxy; Tests/Fuzz has sessions without end"),
        ("D16", "TranscriptTests and SplitPropertyTests: every transcript in pieces of every size"),
        ("D17", "test_hostile.py: a message that is cut off is never ended"),
        ("D18 D19", "test_pulled.py: what a client hears in and behind its message, and what it never hears"),
        ("D20", "test_hostile.py: an upstream that flaps"),
        ("R1", "the limits of idle sessions, with the server's own; the fast answer to a flood is later work"),
        ("R3", "test_crash.py: a client that never reads"),
        ("R4 R24", "`make bench`: idle sessions and the soak"),
        ("R5", "test_watched.py: sessions of an address; sessions of a user belong to the mailboxes"),
        ("R7 R9 R10 R11 R13", "HostileMessageTests: depth, parts, fields, encoded words"),
        ("R15", "threads of messages: nobody makes any"),
        ("R17 R20", "test_crash.py: large messages in little memory; exports and spools go by pieces"),
        ("R19", "IMAPServerTests: a literal beyond the limit is refused before it is sent"),
        ("R21", "test_hostile.py: a crash is over at once, test_crash.py: no message that was taken is lost"),
        ("R23", "test_pulled.py and test_crash.py: descriptors after hundreds of ends, two thousand sessions"),
        ("R25", "passwords are hashed by workers, beside the loops"),
        ("R27", "HostileMessageTests, with the memory of each; test_crash.py measures the process"),
        ("O1 O2 O3", "test_local.py: becoming another user, one capability, sockets of systemd"),
        ("O5", "later work: the unit file of Docs/Operation.md shuts the file system"),
        ("O7 O8", "test_hostile.py: a crash is over at once and leaves no core"),
        ("O9", "UserFile and test_bad_input.py: files of users that others may read"),
    ]

    /// Where the list of cases is there, each of these groups has a test or stands in the table above.
    @Test func everyCaseHasATestOrIsDecidedElsewhere() throws {
        let elsewhere = Self.others.flatMap { $0.ids.split(separator: " ").map(String.init) }
        let covered = Self.tested + elsewhere
        #expect(Set(covered).count == covered.count)
        let folder = ProcessInfo.processInfo.environment["MAILPROXY_CASES"].map { URL(fileURLWithPath: $0) }
        let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/cases")
        let page = (folder ?? beside).appendingPathComponent("CASES.md")
        guard folder != nil || FileManager.default.fileExists(atPath: page.path) else { return }
        let ids = try String(contentsOf: page, encoding: .utf8).split(separator: "\n").compactMap { line -> String? in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let id = cells.first, id.count > 1, "SPITDRO".contains(id.prefix(1)), Int(id.dropFirst()) != nil
            else { return nil }
            return id
        }
        #expect(ids.count > 120)
        #expect(ids.filter { !covered.contains($0) } == [])
        #expect(covered.filter { !ids.contains($0) } == [])
    }
}
