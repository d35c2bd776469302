// What the books say of sessions that are told line by line.

import Crypto
import MailDialogue
import MailRecording
import Testing

/// A session that is played to a tap and a book.
struct BookedSession {
    var tap: MailTap
    var book: SessionBook
    var events: [RecordEvent] = []
    var time: Int64 = 1_000_000

    init(_ mailProtocol: MailProtocol, tls: TLSLeg? = nil, keepsRows: Bool = true) {
        let address = SocketAddress(ip: .v4(0x0A00_0001), port: 40_000)
        let info = SessionInfo(
            id: "s", mailProtocol: mailProtocol, start: time, client: address, server: address, route: "test", tls: tls)
        tap = mailProtocol.makeTap()
        book = SessionBook(info: info, fingerprintKey: Array("key".utf8), keepsRows: keepsRows)
    }

    mutating func say(_ side: Side, _ text: String) { say(side, Array(text.utf8)) }

    mutating func say(_ side: Side, _ octets: [UInt8]) {
        var notes: [Note] = []
        time += 1000
        tap.receive(octets[...], from: side, into: &notes)
        book.accept(notes, at: time, into: &events)
    }

    /// Plays `C: ` and `S: ` lines.
    mutating func play(_ script: [String]) {
        for line in script { say(line.hasPrefix("C") ? .client : .server, line.dropFirst(3) + "\r\n") }
    }

    mutating func close(_ end: SessionEnd = .closed) {
        var notes: [Note] = []
        tap.end(.client, into: &notes)
        tap.end(.server, into: &notes)
        book.accept(notes, at: time, into: &events)
        book.close(end, at: time, into: &events)
    }

    var exchanges: [Exchange] {
        events.compactMap { event in
            if case .exchange(_, let row) = event { row } else { nil }
        }
    }
    var messages: [MessageRecord] {
        events.compactMap { event in
            if case .message(_, let record) = event { record } else { nil }
        }
    }
    var credentials: [CredentialRecord] {
        events.compactMap { event in
            if case .credential(_, let record) = event { record } else { nil }
        }
    }
    var summary: SessionSummary { book.summary }

    /// The recorded octets of a side.
    func octets(_ side: Side) -> String {
        var all: [UInt8] = []
        for event in events {
            if case .octets(_, .client, side, _, let pieces) = event { for piece in pieces { all += piece } }
        }
        return String(decoding: all, as: UTF8.self)
    }
}

func sha256(_ text: String) -> String {
    var hash = SHA256()
    Array(text.utf8).withUnsafeBytes { hash.update(bufferPointer: $0) }
    return Hex.text(hash.finalize())
}

@Suite struct SessionBookTests {
    static let message =
        "From: Alice <alice@example.com>\r\nTo: bob@example.org\r\nSubject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"

    @Test func smtpSessionGivesRowsMessageAndEnvelope() throws {
        var session = BookedSession(.smtp)
        session.play([
            "S: 220 mx.example.org", "C: EHLO a", "S: 250-mx", "S: 250 SIZE", "C: MAIL FROM:<a@example.com>",
            "S: 250 ok",
            "C: RCPT TO:<b@example.org>", "S: 250 ok", "C: RCPT TO:<c@example.org>", "S: 550 no", "C: DATA",
            "S: 354 go",
        ])
        session.say(.client, Self.message + "..dots\r\n.\r\n")
        session.play(["S: 250 2.0.0 queued", "C: QUIT", "S: 221 bye"])
        session.close()

        #expect(session.exchanges.map(\.command) == ["", "EHLO", "MAIL", "RCPT", "RCPT", "DATA", "QUIT"])
        #expect(session.exchanges.map(\.number) == [0, 1, 2, 3, 4, 5, 6])
        #expect(session.exchanges.map(\.replyCode) == ["220", "250", "250", "250", "550", "250", "221"])
        let data = try #require(session.exchanges.first { $0.command == "DATA" })
        #expect(data.replyText == "2.0.0 queued")
        #expect(data.content?.sha256 == sha256(Self.message + "..dots\r\n"))
        #expect(data.content?.bytes == Self.message.utf8.count + 8)
        #expect(data.content?.side == .client)
        let message = try #require(session.messages.first)
        #expect(session.messages.count == 1)
        #expect(message.complete)
        #expect(message.bytes == Self.message.utf8.count + 7)
        #expect(message.sha256 == sha256(Self.message + ".dots\r\n"))
        #expect(message.from == "a@example.com")
        #expect(message.to == ["b@example.org"])
        #expect(message.subject == "grüße")
        #expect(message.messageID == "<1@example.com>")
        #expect(session.summary.exchanges == 7)
        #expect(session.summary.messages == 1)
        #expect(session.summary.end == .closed)
        #expect(session.summary.clientBytes == session.octets(.client).utf8.count)
        #expect(session.summary.serverBytes == session.octets(.server).utf8.count)
    }

    @Test func anUndottedMessageSharesItsDigestWithTheWire() throws {
        var session = BookedSession(.smtp)
        session.play(["S: 220 mx", "C: DATA", "S: 354 go"])
        for octet in Self.message.utf8 { session.say(.client, [octet]) }
        session.say(.client, ".\r\n")
        session.play(["S: 250 ok"])
        let row = try #require(session.exchanges.first { $0.command == "DATA" })
        #expect(row.content?.sha256 == sha256(Self.message))
        #expect(session.messages.map(\.sha256) == [sha256(Self.message)])
    }

    @Test func chunksAreOneMessage() throws {
        var session = BookedSession(.smtp)
        session.play([
            "S: 220 mx", "C: MAIL FROM:<a@example.com>", "S: 250 ok", "C: RCPT TO:<b@example.org>", "S: 250 ok",
        ])
        let octets = Array(Self.message.utf8)
        session.say(.client, Array("BDAT 40\r\n".utf8) + octets[..<40])
        session.play(["S: 250 ok"])
        session.say(.client, Array("BDAT \(octets.count - 40) LAST\r\n".utf8) + octets[40...])
        #expect(session.messages.isEmpty)
        session.play(["S: 250 ok"])
        let message = try #require(session.messages.first)
        #expect(message.carrier == .bdat && message.complete)
        #expect(message.exchange == 3)
        #expect(message.sha256 == sha256(Self.message))
        #expect(message.from == "a@example.com")
        let chunks = session.exchanges.filter { $0.command == "BDAT" }
        #expect(chunks.map { $0.content?.bytes } == [40, octets.count - 40])
        #expect(
            chunks.map { $0.content?.sha256 } == [
                sha256(String(decoding: octets[..<40], as: UTF8.self)),
                sha256(String(decoding: octets[40...], as: UTF8.self)),
            ])
    }

    @Test func pipelinedChunksTakeTheEnvelopeOfTheirReplies() {
        var session = BookedSession(.smtp)
        session.play(["S: 220 mx"])
        for name in ["a", "b"] {
            session.say(
                .client,
                "MAIL FROM:<\(name)@example.com>\r\nRCPT TO:<\(name)@example.org>\r\nBDAT 5 LAST\r\nhi \(name)\n")
        }
        session.play(["S: 250 ok", "S: 250 ok", "S: 250 ok", "S: 250 ok", "S: 250 ok", "S: 250 ok"])
        #expect(session.messages.map(\.from) == ["a@example.com", "b@example.com"])
        #expect(session.messages.map(\.to) == [["a@example.org"], ["b@example.org"]])
    }

    @Test func chunksWithoutLastAreIncomplete() {
        var session = BookedSession(.smtp)
        session.play(["S: 220 mx"])
        session.say(.client, "BDAT 3\r\nabcRSET\r\n")
        session.play(["S: 250 ok", "S: 250 ok"])
        session.close()
        #expect(session.messages.map(\.complete) == [false])
        #expect(session.messages.map(\.bytes) == [3])
    }

    @Test func brokenOffMessageIsBookedAtTheEnd() {
        var session = BookedSession(.smtp)
        session.play(["S: 220 mx", "C: DATA", "S: 354 go", "C: Subject: cut"])
        session.close(.reset)
        #expect(session.messages.map(\.complete) == [false])
        #expect(session.messages.map(\.subject) == ["cut"])
        #expect(session.exchanges.map(\.command) == ["", "DATA"])
        #expect(session.summary.end == .reset)
        if case .closed = session.events.last {} else { Issue.record("the summary is not last") }
    }

    @Test func credentialsHaveOutcomesAndMarksButNoSecrets() {
        var session = BookedSession(.imap)
        session.play([
            "S: * OK hi", "C: a LOGIN erin wrong", "S: a NO", "C: b LOGIN erin \"s3cret\"", "S: b OK in",
            "C: c LOGIN erin \"s3cret\"",
        ])
        session.close(.lost)
        #expect(session.credentials.map(\.outcome) == [.refused, .accepted, .unknown])
        #expect(session.credentials.map(\.account) == ["erin", "erin", "erin"])
        #expect(session.credentials[1].fingerprint == session.credentials[2].fingerprint)
        #expect(session.credentials[0].fingerprint != session.credentials[1].fingerprint)
        #expect(session.summary.user == "erin")
        #expect(session.summary.credentials == 3)
        #expect(!session.octets(.client).contains("s3cret"))
        #expect(!session.exchanges.contains { $0.line.contains("s3cret") })
        #expect(session.octets(.client).contains("b LOGIN erin ********\r\n"))
    }

    /// HMAC-SHA-256 of RFC 4231 §4.3, cut.
    @Test func fingerprintIsHMAC() {
        let mark = Fingerprint.of(SecretBytes("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(mark == "5bdcc146bf60754e")
        let long = Fingerprint.of(
            SecretBytes("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: [UInt8](repeating: 0xAA, count: 131))
        #expect(long == "60e431591ee0b67f")
    }

    @Test func retrievedMessageEndsItsExchange() throws {
        var session = BookedSession(.pop3)
        session.play(["S: +OK pop", "C: LIST", "S: +OK 1 message", "S: 1 5", "S: .", "C: RETR 1", "S: +OK 9 octets"])
        session.say(.server, Self.message + ".\r\n")
        #expect(session.exchanges.map(\.command) == ["", "LIST", "RETR"])
        #expect(session.exchanges.map(\.replyText) == ["pop", "1 message", "9 octets"])
        #expect(session.messages.map(\.carrier) == [.retr])
        #expect(session.messages.first?.to == ["bob@example.org"])
        #expect(session.messages.first?.from == "alice@example.com")
        session.play(["C: TOP 1 0", "S: +OK", "S: Subject: x", "S: ", "S: ."])
        #expect(session.messages.map(\.complete) == [true, false])
    }

    @Test func mailboxesThatAreLiteralsAreNamed() {
        var session = BookedSession(.imap)
        session.play(["S: * OK hi", "C: a LOGIN u {3}", "S: + go"])
        session.say(.client, "pwd\r\n")
        session.play(["S: a OK", "C: b SELECT {8}", "S: + go"])
        for piece in ["Dra", "fts 7\r\n"] { session.say(.client, piece) }
        session.play(["S: b OK", "C: c STATUS {5+}"])
        session.say(.client, "a\r\nbc (MESSAGES)\r\nd SELECT INBOX\r\ne FETCH 1 BODY[HEADER.FIELDS ({4+}\r\nDate)]\r\n")
        session.play(["S: c OK", "S: d OK", "S: e OK", "C: f APPEND {4+}"])
        session.say(.client, "Sent {\(Self.message.utf8.count)+}\r\n\(Self.message)\r\n")
        session.play(["S: f OK", "C: g CREATE {\(2_000)+}"])
        session.say(.client, String(repeating: "x", count: 2_000) + "\r\n")
        session.play(["S: g NO", "C: h RENAME {1+}"])
        session.say(.client, "a b\r\n")
        session.play(["S: h OK"])
        let names = [nil, nil, "Drafts 7", "a\r\nbc", nil, nil, "Sent", String(repeating: "x", count: 1_000), nil]
        #expect(session.exchanges.map(\.mailbox) == names)
        #expect(session.messages.map(\.carrier) == [.append])
        // A name is no content.
        #expect(
            session.exchanges.map { $0.content?.bytes } == [
                nil, nil, nil, nil, nil, nil, Self.message.utf8.count, nil, nil,
            ])
    }

    @Test func fetchedMessagesArePickedOutOfSections() {
        var session = BookedSession(.imap)
        session.play(["S: * OK hi", "C: a FETCH 1:2 (BODY[HEADER] BODY[])"])
        session.say(
            .server,
            "* 1 FETCH (BODY[HEADER] {5}\r\nx\r\n\r\n BODY[] {\(Self.message.utf8.count)}\r\n\(Self.message))\r\n* 2 FETCH (RFC822 {2}\r\nhi)\r\na OK done\r\n"
        )
        #expect(session.messages.map(\.sha256) == [sha256(Self.message), sha256("hi")])
        #expect(session.messages.map(\.exchange) == [1, 1])
        let row = session.exchanges.last
        #expect(row?.content?.bytes == Self.message.utf8.count + 7)
        var all = SHA256()
        for content in ["x\r\n\r\n", Self.message, "hi"] {
            var one = SHA256()
            one.update(data: Array(content.utf8))
            one.finalize().withUnsafeBytes { all.update(bufferPointer: $0) }
        }
        #expect(row?.content?.sha256 == Hex.text(all.finalize()))
    }

    @Test func contiguousPiecesOfAFetchAreJoined() {
        var session = BookedSession(.imap)
        session.play(["S: * OK hi"])
        let octets = Array(Self.message.utf8)
        var from = 0
        while from < octets.count {
            let piece = octets[from..<min(from + 50, octets.count)]
            session.play(["C: a\(from) UID FETCH 7 (BODY.PEEK[]<\(from).50>)"])
            session.say(
                .server,
                Array("* 3 FETCH (UID 7 BODY[]<\(from)> {\(piece.count)}\r\n".utf8) + piece + Array(")\r\n".utf8))
            session.play(["S: a\(from) OK"])
            from += 50
        }
        #expect(session.messages.map(\.sha256) == [sha256(Self.message)])
        #expect(session.messages.map(\.complete) == [true])
        // A piece in the middle alone is no whole message, nor are pieces of two.
        session.play(["C: z FETCH 3 BODY.PEEK[]<10.5>"])
        session.say(.server, "* 3 FETCH (BODY[]<10> {5}\r\nabcde)\r\n* 4 FETCH (BODY[]<15> {5}\r\nfghij)\r\n")
        session.close()
        #expect(session.messages.dropFirst().map(\.complete) == [false, false])
    }

    @Test func violationsBehindTheEdgeBelongToTheCommandThatMadeIt() throws {
        var session = BookedSession(.smtp)
        session.play(["S: 220 mx.example.com", "C: EHLO a.example.org", "S: 250-mx.example.com", "S: 250 STARTTLS"])
        session.say(.client, "STARTTLS\r\nMAIL FROM:<x@example.org>\r\n")
        session.play(["S: 220 go"])
        session.close()
        #expect(session.summary.opaque == .tls)
        let row = try #require(session.exchanges.last)
        #expect(row.command == "STARTTLS")
        #expect(row.violations == [.smtpStartTLSInjection])
        #expect(session.summary.findings == ["smtp-starttls-injection"])
        #expect(session.summary.violations == 1)
    }

    @Test func credentialsInClearAreFindings() {
        func findings(_ tls: TLSLeg?, _ answer: String) -> [String] {
            var session = BookedSession(.pop3, tls: tls)
            session.play(["S: +OK hi", "C: USER ada", "S: +OK", "C: PASS secret", answer])
            session.close()
            return session.summary.findings
        }
        #expect(findings(nil, "S: +OK") == ["credentials-in-clear"])
        #expect(findings(nil, "S: -ERR no") == ["refused-credentials-in-clear"])
        let tls = TLSLeg(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: nil, how: .implicit)
        #expect(findings(tls, "S: +OK") == [])
        #expect(findings(TLSLeg(failed: "no", how: .starttls, serverName: nil), "S: +OK") == ["credentials-in-clear"])
    }

    @Test func openExchangesAreBounded() {
        var session = BookedSession(.imap)
        session.play(["S: * OK hi"])
        var lines = ""
        for number in 1...4500 { lines += "a\(number) NOOP\r\n" }
        session.say(.client, lines)
        #expect(session.exchanges.count > 400)
        session.close()
        #expect(session.exchanges.count == 4501)
        #expect(session.exchanges.map(\.number).sorted() == Array(0...4500))
    }

    @Test func rulesAreBookedWhetherToldBeforeTheCommandOrAfterIt() throws {
        var session = BookedSession(.smtp)
        session.play(["S: 220 mx", "C: EHLO a", "S: 250 mx"])
        session.book.mark(exchange: 2, changedBy: "before")
        session.book.mark(exchange: 2, changedBy: "before")
        session.play(["C: MAIL FROM:<x@example.org>"])
        session.book.mark(exchange: 2, changedBy: "after")
        session.book.mark(exchange: 1, changedBy: "too late")
        session.play(["S: 550 no", "C: QUIT", "S: 221 bye"])
        #expect(session.exchanges.map(\.changed) == [[], [], ["before", "after"], []])
    }

    @Test func theServerLegGivesOctetsOnly() {
        var session = BookedSession(.smtp)
        session.play(["S: 220 mx"])
        let before = session.summary
        let note = Note(.client, .command(Command(verb: "NOOP")), exchange: 1, raw: Array("NOOP\r\n".utf8)[...])
        session.book.accept([note], at: 9, leg: .server, into: &session.events)
        #expect(session.summary == before)
        if case .octets(_, .server, .client, 9_000, let pieces) = session.events.last {
            #expect(pieces.map(\.text) == ["NOOP\r\n"])
        } else {
            Issue.record("no octets of the server leg")
        }
    }
}
