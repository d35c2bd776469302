// Sessions of which one side is missing: what the other side says shows what it is, and neither a message nor a login goes unseen.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct OneSidedTests {
    /// Follows one side; before each piece some octets of the other are missing. Gives the notes.
    private func follow(_ proto: MailProtocol, _ side: Side, _ pieces: [String], isCut: Bool = false) -> [Note] {
        var tap = proto.makeTap()
        var notes: [Note] = []
        for piece in pieces {
            tap.lose(side.other, 30, into: &notes)
            let octets = Array(piece.utf8)
            let step = isCut ? 1 : max(octets.count, 1)
            for start in stride(from: 0, to: octets.count, by: step) {
                tap.receive(octets[start..<min(start + step, octets.count)], from: side, into: &notes)
            }
        }
        for side in Side.allCases { tap.end(side, into: &notes) }
        #expect(notes.octets(side) == pieces.flatMap { Array($0.utf8) })
        return notes
    }

    private func messages(_ notes: [Note]) -> [String] {
        var all: [String] = []
        for note in notes {
            if case .contentBegin(let content) = note.element, case .message = content.kind { all.append("") }
            if note.element == .content, let last = all.indices.last {
                all[last] += String(decoding: note.raw, as: UTF8.self)
            }
            if note.element == .contentEnd, let last = all.indices.last { all[last] += "." }
        }
        return all
    }

    private func credentials(_ notes: [Note]) -> [String] {
        notes.flatMap(\.facts).compactMap {
            guard case .credential(let found) = $0 else { return nil }
            return found.secret.withRevealed {
                "\(found.mechanism) \(found.account) \(String(decoding: $0, as: UTF8.self))"
            }
        }
    }

    private static let text = "From: a@example.com\r\nSubject: x\r\n\r\nhi\r\n"

    @Test("A message behind DATA whose reply is missing", arguments: [false, true])
    func data(_ isCut: Bool) {
        let notes = follow(
            .smtp, .client,
            [
                "EHLO a\r\n", "MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.com>\r\n", "DATA\r\n",
                Self.text + ".\r\n",
                "MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.com>\r\n", "DATA\r\n", "hello\r\n.\r\nQUIT\r\n",
            ], isCut: isCut)
        #expect(messages(notes) == [Self.text + ".", "hello\r\n."])
        #expect(notes.filter { $0.side == .client && $0.element == .unplaced }.isEmpty)
        #expect(notes.flatMap(\.violations).isEmpty)
    }

    @Test(
        "A client whose DATA was refused goes on with a command",
        arguments: ["RSET\r\n", "QUIT\r\n", "MAIL FROM:<b@example.com>\r\n"])
    func refusedData(_ line: String) {
        let notes = follow(.smtp, .client, ["EHLO a\r\n", "DATA\r\n", line])
        #expect(messages(notes).isEmpty)
    }

    @Test("Chunks need no reply", arguments: [false, true]) func chunks(_ isCut: Bool) {
        let size = Self.text.utf8.count
        let notes = follow(
            .smtp, .client,
            ["EHLO a\r\n", "MAIL FROM:<a@example.com>\r\n", "BDAT \(size) LAST\r\n\(Self.text)", "QUIT\r\n"],
            isCut: isCut)
        #expect(messages(notes) == [Self.text + "."])
    }

    @Test(
        "Logins whose challenges are missing",
        arguments: [
            (
                MailProtocol.smtp, ["EHLO a\r\n", "AUTH LOGIN\r\n", "Ym9i\r\n", "czNjcmV0\r\n", "QUIT\r\n"],
                "LOGIN bob s3cret"
            ),
            (.smtp, ["EHLO a\r\n", "AUTH PLAIN\r\n", "AGJvYgBzM2NyZXQ=\r\n", "QUIT\r\n"], "PLAIN bob s3cret"),
            (.pop3, ["AUTH LOGIN\r\n", "Ym9i\r\n", "czNjcmV0\r\n", "QUIT\r\n"], "LOGIN bob s3cret"),
            // No account, but another name; or none at all.
            (.smtp, ["EHLO a\r\n", "AUTH PLAIN\r\n", "Ym9iAABzM2NyZXQ=\r\n", "QUIT\r\n"], "PLAIN bob s3cret"),
            (.smtp, ["EHLO a\r\n", "AUTH PLAIN\r\n", "AABzM2NyZXQ=\r\n", "QUIT\r\n"], "PLAIN  s3cret"),
            (
                .imap, ["a AUTHENTICATE OAUTHBEARER\r\n", "biwsAWF1dGg9QmVhcmVyIHMzY3JldAEB\r\n", "b NOOP\r\n"],
                "OAUTHBEARER  s3cret"
            ),
            (.pop3, ["AUTH XOAUTH2\r\n", "YXV0aD1CZWFyZXIgczNjcmV0AQE=\r\n", "QUIT\r\n"], "XOAUTH2  s3cret"),
            (.imap, ["a AUTHENTICATE PLAIN\r\n", "AGJvYgBzM2NyZXQ=\r\n", "b NOOP\r\n"], "PLAIN bob s3cret"),
            (.imap, ["a LOGIN {3}\r\n", "bob {6}\r\n", "s3cret\r\n", "b NOOP\r\n"], "LOGIN bob s3cret"),
        ], [false, true])
    func logins(_ one: (MailProtocol, [String], String), _ isCut: Bool) {
        let notes = follow(one.0, .client, one.1, isCut: isCut)
        #expect(credentials(notes) == [one.2])
        for note in notes {
            let shown = String(decoding: note.publicOctets, as: UTF8.self)
            #expect(!shown.contains("s3cret") && !shown.contains("czNjcmV0") && !shown.contains("AGJvYgBzM2NyZXQ="))
            #expect(!shown.contains("BzM2NyZX") && !shown.contains("MzY3JldA"))
        }
        #expect(notes.flatMap(\.violations).isEmpty)
    }

    @Test("What follows a refused AUTH is a command") func refusedAuth() {
        let notes = follow(.smtp, .client, ["AUTH PLAIN\r\n", "QUIT\r\n"])
        #expect(credentials(notes).isEmpty)
        #expect(notes.contains { String(decoding: $0.publicOctets, as: UTF8.self) == "QUIT\r\n" })
    }

    @Test("A message in a literal that nobody was seen to ask for", arguments: [false, true]) func append(_ isCut: Bool)
    {
        let size = Self.text.utf8.count
        let notes = follow(
            .imap, .client, ["a APPEND INBOX {\(size)}\r\n", "\(Self.text)\r\n", "b NOOP\r\n"], isCut: isCut)
        #expect(messages(notes) == [Self.text + "."])
        #expect(notes.last { $0.side == .client }?.element == .command(Command(verb: "NOOP", tag: "b")))
    }

    @Test("A literal that was refused is not sent") func refusedLiteral() {
        let notes = follow(.imap, .client, ["a APPEND INBOX {30}\r\n", "b NOOP\r\n"])
        #expect(messages(notes).isEmpty)
    }

    @Test("Messages of POP3 without the commands that fetched them", arguments: [false, true]) func retrieved(
        _ isCut: Bool
    ) {
        let notes = follow(
            .pop3, .server,
            [
                "+OK hi\r\n", "+OK\r\n", "+OK in\r\n", "+OK\r\n1 40\r\n2 50\r\n.\r\n",
                "+OK 40 octets\r\n\(Self.text).\r\n",
                "+OK 40 octets\r\n\(Self.text).\r\n", "+OK bye\r\n",
            ], isCut: isCut)
        #expect(messages(notes) == [Self.text + ".", Self.text + "."])
    }

    /// Nobody answered, and nobody will: what a client sent ahead is what it looks like.
    @Test func nobodyAnswered() {
        var tap = Tap(SMTPDialogue())
        var notes: [Note] = []
        let said = "EHLO a\r\nMAIL FROM:<a@example.com>\r\nDATA\r\n\(Self.text).\r\n"
        tap.receive(Array(said.utf8), from: .client, into: &notes)
        for side in [Side.client, .server, .client] { tap.end(side, into: &notes) }
        #expect(messages(notes) == [Self.text + "."])
        #expect(notes.octets(.client) == Array(said.utf8))
    }

    /// What is said, and what is missing of a side where nil stands.
    private func play(_ proto: MailProtocol, _ turns: [(Side, String?)], step: Int = .max) -> [Note] {
        var tap = proto.makeTap()
        var notes: [Note] = []
        for (side, text) in turns {
            guard let text else {
                tap.lose(side, 9, into: &notes)
                continue
            }
            let octets = Array(text.utf8)
            for start in stride(from: 0, to: octets.count, by: min(step, octets.count)) {
                tap.receive(
                    octets[start..<min(start + min(step, octets.count), octets.count)], from: side, into: &notes)
            }
        }
        for side in Side.allCases { tap.end(side, into: &notes) }
        return notes
    }

    private func shown(_ notes: [Note]) -> String {
        String(decoding: notes.filter { $0.side == .client }.flatMap { Array($0.publicOctets) }, as: UTF8.self)
    }

    private static let greeting: [(Side, String?)] = [
        (.server, "220 mx\r\n"), (.client, "EHLO a\r\n"), (.server, "250-mx\r\n250 AUTH PLAIN LOGIN\r\n"),
    ]

    @Test(
        "A reply in what was taken for a message shows that it is none: nothing behind it is shown",
        arguments: ["XRSET\r\n", "\r\n"])
    func refutedMessage(_ line: String) {
        let notes = play(
            .smtp,
            Self.greeting + [
                (.client, "DATA\r\n"), (.server, nil), (.client, line), (.server, "500 eh\r\n"),
                (.client, "AUTH PLAIN AGJvYgBzM2NyZXQ=\r\n"), (.server, "235 ok\r\n"),
            ])
        #expect(!shown(notes).contains("AGJvYgBzM2NyZXQ="))
        let early = play(
            .smtp,
            Self.greeting + [
                (.client, "DATA\r\n"), (.server, nil), (.server, "tail\r\n"), (.server, "503 no\r\n"), (.client, line),
                (.client, "AUTH PLAIN AGJvYgBzM2NyZXQ=\r\n"),
            ])
        #expect(messages(early).isEmpty && !shown(early).contains("AGJvYgBzM2NyZXQ="))
    }

    @Test("An answer in what was taken for a literal shows that it is none") func refutedLiteral() {
        let notes = play(
            .imap,
            [
                (.server, "* OK x\r\n"), (.client, "a NOOP\r\n"), (.server, "a OK\r\n"),
                (.client, "b APPEND INBOX {5000}\r\n"), (.server, nil), (.server, "tail\r\n"), (.client, "c XYZ\r\n"),
                (.server, "c BAD what\r\n"), (.client, "d LOGIN bob s3cret\r\n"), (.server, "d OK\r\n"),
            ])
        #expect(!shown(notes).contains("s3cret"))
    }

    @Test(
        "A line too long to be looked at takes the offer along, however it came", arguments: [1_400, 65_000, Int.max])
    func aLongLineTakesTheOfferAlong(_ step: Int) {
        let long = String(repeating: "x", count: 70_000) + "\r\n"
        let imap = play(
            .imap,
            [
                (.server, "* OK x\r\n"), (.client, "b APPEND INBOX {70010}\r\n"), (.server, nil),
                (.client, long), (.client, "c LOGIN bob s3cret\r\n"),
            ], step: step)
        #expect(!shown(imap).contains("s3cret"))
        let smtp = play(
            .smtp,
            Self.greeting + [(.client, "DATA\r\n"), (.server, nil), (.client, long), (.client, Self.text + ".\r\n")],
            step: step)
        #expect(messages(smtp).isEmpty)
    }

    @Test(
        "What is no response is none either where it is read again masked",
        arguments: [
            (MailProtocol.smtp, "EHLO a\r\n", "AUTH PLAIN\r\n", "XFOO bar\r\n"),
            (.pop3, "CAPA\r\n", "AUTH PLAIN\r\n", "XFOO bar\r\n"),
            (.imap, "x NOOP\r\n", "a AUTHENTICATE PLAIN\r\n", "XFOO bar\r\n"),
            // Four letters are base64.
            (.pop3, "CAPA\r\n", "AUTH PLAIN\r\n", "HELP\r\n"),
            (.smtp, "EHLO a\r\n", "DATA\r\n", "NOOP\r\n"), (.smtp, "EHLO a\r\n", "DATA\r\n", "HELP\r\n"),
        ])
    func readAgain(_ proto: MailProtocol, _ first: String, _ second: String, _ line: String) {
        var lines = [first, second, line]
        var before: [String]?
        for _ in 0..<3 {
            let notes = follow(proto, .client, lines)
            #expect(credentials(notes).isEmpty && messages(notes).isEmpty)
            let told = notes.filter { $0.side == .client && !$0.raw.isEmpty }
            let kinds = told.map { "\($0.element)" }
            if let before { #expect(kinds == before) }
            before = kinds
            lines = told.map { String(decoding: $0.publicOctets, as: UTF8.self) }
        }
    }

    @Test("A subject that reads as a command is a subject", arguments: ["Check this", "Search", "Copy 1", "NOOP"])
    func aSubjectIsNoCommand(_ subject: String) {
        let text = "Subject: \(subject)\r\n\r\nhi\r\n"
        let notes = follow(
            .imap, .client, ["a APPEND INBOX {\(text.utf8.count)}\r\n", "\(text)\r\n", "b NOOP\r\n"])
        #expect(messages(notes) == [text + "."])
    }

    /// A password that was sent as a line of its own, and is base64 by chance.
    @Test func whatReadsAsNoNameIsMasked() {
        let notes = follow(.smtp, .client, ["EHLO a\r\n", "AUTH LOGIN\r\n", "hunter22\r\n"])
        #expect(!shown(notes).contains("hunter22"))
    }

    /// Two commands that carry no text, each answered: a FETCH of flags is one of them.
    @Test func aFetchOfFlagsProvesThePlace() {
        var tap = MailProtocol.imap.makeTap()
        var notes: [Note] = []
        for side in Side.allCases { tap.lose(side, nil, into: &notes) }
        for (side, line) in [
            (Side.server, "* 2 EXISTS\r\n"), (.client, "DONE\r\n"), (.server, "11 OK Idle\r\n"),
            (.client, "12 noop\r\n"),
            (.server, "12 OK done\r\n"), (.client, "13 UID fetch 12:* (FLAGS)\r\n"),
            (.server, "* 2 FETCH (UID 12 FLAGS (\\Recent))\r\n13 OK done\r\n"),
            (.client, "14 UID fetch 12 (BODY.PEEK[])\r\n"),
            (.server, "* 2 FETCH (UID 12 BODY[] {\(Self.text.utf8.count)}\r\n\(Self.text))\r\n14 OK done\r\n"),
        ] { tap.receive(Array(line.utf8)[...], from: side, into: &notes) }
        #expect(messages(notes) == [Self.text + "."])
    }

    @Test("A FETCH of words proves nothing", arguments: ["BODY[]", "(FLAGS ENVELOPE)", "ALL", "RFC822", "()"])
    func aFetchOfWordsProvesNothing(_ items: String) {
        var tap = MailProtocol.imap.makeTap()
        var notes: [Note] = []
        for side in Side.allCases { tap.lose(side, nil, into: &notes) }
        for (side, line) in [
            (Side.server, "x\r\n"), (.client, "x\r\n"), (.client, "12 noop\r\n"), (.server, "12 OK done\r\n"),
            (.client, "13 fetch 1 \(items)\r\n"), (.server, "13 OK done\r\n"), (.client, "14 noop\r\n"),
        ] { tap.receive(Array(line.utf8)[...], from: side, into: &notes) }
        #expect(notes.last?.element == .unplaced)
    }
}
