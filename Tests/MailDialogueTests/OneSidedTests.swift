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
            (.imap, ["a AUTHENTICATE PLAIN\r\n", "AGJvYgBzM2NyZXQ=\r\n", "b NOOP\r\n"], "PLAIN bob s3cret"),
            (.imap, ["a LOGIN {3}\r\n", "bob {6}\r\n", "s3cret\r\n", "b NOOP\r\n"], "LOGIN bob s3cret"),
        ], [false, true])
    func logins(_ one: (MailProtocol, [String], String), _ isCut: Bool) {
        let notes = follow(one.0, .client, one.1, isCut: isCut)
        #expect(credentials(notes) == [one.2])
        for note in notes {
            let shown = String(decoding: note.publicOctets, as: UTF8.self)
            #expect(!shown.contains("s3cret") && !shown.contains("czNjcmV0") && !shown.contains("AGJvYgBzM2NyZXQ="))
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

    /// Nobody answered, and nobody will: what a client sent ahead is what it looks like, for who looks on.
    @Test func nobodyAnswered() {
        for looksOn in [true, false] {
            var tap = Tap(SMTPDialogue(), watchesEdge: looksOn)
            var notes: [Note] = []
            tap.receive(
                Array("EHLO a\r\nMAIL FROM:<a@example.com>\r\nDATA\r\n\(Self.text).\r\n".utf8), from: .client,
                into: &notes)
            for side in [Side.client, .server, .client] { tap.end(side, into: &notes) }
            #expect(messages(notes) == (looksOn ? [Self.text + "."] : []))
            #expect(notes.octets(.client).count == 44 + Self.text.utf8.count)
        }
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
