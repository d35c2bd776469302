// Attacks and faults by their number in the list of cases that this project must survive; the shapes of SMTP smuggling
// have transcripts of their own.

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
        #expect(found.last?.element == .opaque)
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

    @Test func t6RepliesBehindTheAnswerToSTARTTLSAreNeverReplies() {
        let found = notes(
            .smtp,
            [
                (.server, "220 x\r\n"), (.client, "STARTTLS\r\n"),
                (.server, "220 go\r\n250-AUTH PLAIN\r\n250 x\r\n"),
            ])
        #expect(codes(found).last == "smtp-starttls-reply-injection")
        #expect(found.last?.element == .opaque)
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
}
