// Messages whose octets are all there, behind others that are missing: they are read where a message can stand, and nowhere else.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct GapMessageTests {
    /// Follows what both sides say: `C:` and `S:` with a line, `C-` and `S-` for octets that are missing.
    private func follow(_ proto: MailProtocol, _ lines: [String], step: Int = .max, isMidstream: Bool = false) -> [Note]
    {
        var tap = proto.makeTap()
        var notes: [Note] = []
        if isMidstream { for side in Side.allCases { tap.lose(side, nil, into: &notes) } }
        for line in lines {
            let side: Side = line.hasPrefix("C") ? .client : .server
            if line.dropFirst().first == "-" {
                tap.lose(side, 40, into: &notes)
                continue
            }
            let octets = Array(line.dropFirst(3).utf8) + [13, 10]
            for start in stride(from: 0, to: octets.count, by: min(step, octets.count)) {
                tap.receive(
                    octets[start..<min(start + min(step, octets.count), octets.count)], from: side, into: &notes)
            }
        }
        for side in Side.allCases { tap.end(side, into: &notes) }
        return notes
    }

    private func messages(_ notes: [Note]) -> [String] {
        var all: [String] = []
        for note in notes {
            if case .contentBegin(let content) = note.element, case .message(let carrier) = content.kind {
                all.append("\(carrier.rawValue) ")
            }
            if note.element == .content, let last = all.indices.last {
                all[last] += String(decoding: note.raw, as: UTF8.self)
            }
            if note.element == .contentEnd, let last = all.indices.last { all[last] += "." }
        }
        return all
    }

    private static let text = "From: a@example.com\r\nSubject: x\r\n\r\nhi\r\n"
    private static let smtp = [
        "S: 220 mx", "C: EHLO a", "S: 250-mx\r\n250 PIPELINING", "C: MAIL FROM:<a@example.com>", "S: 250 ok",
        "C: RCPT TO:<b@example.com>", "S: 250 ok", "C: DATA", "S: 354 go",
    ]
    private static let sent = ["C: \(text).", "S: 250 ok", "C: QUIT", "S: 221 bye"]

    /// Some lines are missing.
    private static func losing(_ lost: [Int], of lines: [String]) -> [String] {
        lines.enumerated().map { lost.contains($0.offset) ? String($0.element.prefix(1)) + "-" : $0.element }
    }

    @Test(
        "A message by DATA of which the commands and replies are missing, but not all",
        arguments: [[3, 6], [3, 8], [5, 6], [5, 8], [6, 7], [1, 6], [1, 8]], [1, 3, Int.max])
    func data(_ lost: [Int], _ step: Int) {
        let notes = follow(.smtp, Self.losing(lost, of: Self.smtp) + Self.sent, step: step)
        #expect(messages(notes) == ["DATA \(Self.text)."])
        #expect(notes.flatMap(\.violations).isEmpty)
    }

    @Test(
        "What is no message is none",
        arguments: [
            // In a message of which octets are missing another session is quoted.
            ["C: DATA", "S: 354 go", "C: a", "C-", "C: we said", "C: DATA", "C: From: me", "C: .", "S: 250 ok"],
            ["C: DATA", "C-", "C: MAIL FROM:<a@example.com>", "C: DATA", "C: From: me"],
            // DATA was refused.
            ["C-", "S: 250 ok", "C: RCPT TO:<b@example.com>", "S: 250 ok", "C: DATA", "S: 503 no", "C: From: me"],
            ["C-", "S: 250 ok", "C: RCPT TO:<b@example.com>", "S: 250 ok", "C: DATA", "S-", "C: RSET", "C: From: me"],
            // What goes on is no field.
            ["C-", "S: 250 ok", "C: DATA", "S-", "C: hello"], ["C-", "S: 250 ok", "C: DATA now", "S-", "C: From: me"],
            // Another command came between.
            ["C-", "S: 250 ok", "C: HELP", "C: DATA", "S-", "C: From: me"],
            // A chunk may be answered in the middle of the next one, whose command is missing.
            [
                "C: MAIL FROM:<a@example.com>", "C: BDAT 3", "C: x", "C-", "S: 250 chunk", "C: DATA", "C: From: me",
                "C: .", "S: 250 ok",
            ],
            // The answer to DATA is missing as well, and what reads so is the beginning of the message.
            ["C-", "S: 250 ok", "S-", "C: DATA", "C: From: me", "C: .", "S: 250 ok"],
            // The end of a reply is none that asks for something.
            ["C: DATA", "S-", "C-", "S: 250 ok", "C: From: me"], ["C-", "S-", "S: 354-go", "C: From: me"],
        ])
    func noData(_ lines: [String]) {
        let notes = follow(.smtp, ["S: 220 mx", "C: EHLO a"] + lines)
        #expect(!messages(notes).contains { $0.contains("From") && $0.hasPrefix("DATA From") })
    }

    @Test("Nothing of a login is shown behind a DATA that is taken for one", arguments: [1, Int.max])
    func noLogin(_ step: Int) {
        let notes = follow(
            .smtp,
            [
                "C-", "S: 250 ok", "C: DATA", "S-", "C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "C: czNjcmV0", "C: From: a",
                "C: czNjcmV0",
            ], step: step)
        let shown = notes.filter { $0.side == .client }.flatMap { Array($0.publicOctets) }
        let words = String(decoding: shown, as: UTF8.self)
        #expect(!words.contains("M2NyZX") && !words.contains("czNjcmV0"))
    }

    @Test(
        "A message of POP3 behind a reply that is missing", arguments: [1, 3, Int.max])
    func retrieved(_ step: Int) {
        let notes = follow(
            .pop3,
            [
                "S: +OK hi", "C: USER bob", "S: +OK", "C: PASS s3cret", "S-", "C: RETR 1",
                "S: +OK \(Self.text.utf8.count) octets", "S: \(Self.text).", "C: QUIT", "S: +OK",
            ], step: step)
        #expect(messages(notes) == ["RETR \(Self.text)\r\n."] || messages(notes) == ["RETR \(Self.text)."])
    }

    @Test("The first octets of a capture are +OK and a message", arguments: [1, 3, Int.max])
    func midstream(_ step: Int) {
        let notes = follow(.pop3, ["S: +OK 40 octets", "S: \(Self.text)."], step: step, isMidstream: true)
        #expect(messages(notes) == ["RETR \(Self.text)."])
    }

    @Test("What TOP asked for is not called a message", arguments: [1, Int.max]) func top(_ step: Int) {
        let notes = follow(
            .pop3, ["S: +OK hi", "C: NOOP", "S: +OK", "C: TOP 1 0", "S-", "S: +OK", "S: \(Self.text)."], step: step)
        #expect(messages(notes) == ["TOP \(Self.text)."])
    }

    @Test(
        "Lines that begin otherwise than a message does",
        arguments: [
            ["S-", "S: +OK", "S: 1 40", "S: From: me"], ["S-", "S: +OKAY", "S: From: me"],
            ["S-", "S: and +OK", "S: From: me"], ["S-", "S: -ERR", "S: From: me"],
        ])
    func noRetrieved(_ lines: [String]) {
        let notes = follow(.pop3, ["S: +OK hi", "C: NOOP"] + lines)
        #expect(messages(notes).isEmpty)
    }

    @Test(
        "In a reply that is under way another one is quoted",
        arguments: [
            ["S-", "S: +OK message follows"], ["S-", "C: RETR 2", "S: +OK message follows"],
            ["S-", "C: NOOP", "S-", "S: +OK message follows"],
        ])
    func quoted(_ lines: [String]) {
        let notes = follow(
            .pop3,
            ["S: +OK hi", "C: NOOP", "S: +OK", "C: RETR 1", "S: +OK", "S: Subject: outer", "S: ", "S: see"] + lines + [
                "S: Subject: quoted", "S: ", "S: body", "S: .", "C: STAT", "S: +OK 1 200",
            ])
        #expect(!messages(notes).contains { $0.contains("RETR Subject: quoted") })
    }

    /// The end of a refusal that may repeat a password.
    @Test func aTailIsNotShown() {
        let notes = follow(.pop3, ["S: +OK hi", "C: PASS s3cret", "S-", "S: +OK s3cret"])
        let shown = notes.filter { $0.side == .server }.flatMap { Array($0.publicOctets) }
        #expect(!String(decoding: shown, as: UTF8.self).contains("s3cret"))
    }

    /// Behind a command that the server may repeat, whatever was sent since: nothing but `+OK` is shown of a line that may be cut.
    @Test(
        "A line that may repeat a password stays masked",
        arguments: ["XLOGIN s3cret", "PASS s3cret", "APOP bob s3cret", "AUTH PLAIN s3cret"],
        ["+OK s3cret", "+OKs3cret", "s3cret", "-ERR s3cret"])
    func aLineStaysMasked(_ command: String, _ line: String) {
        let notes = follow(.pop3, ["S: +OK hi", "C: \(command)", "S-", "C: RETR 1", "S: \(line)"])
        let shown = notes.filter { $0.side == .server }.flatMap { Array($0.publicOctets) }
        #expect(!String(decoding: shown, as: UTF8.self).contains("s3cret"))
    }

    private static let fetched = "S: * 1 FETCH (UID 1 BODY[] {\(text.utf8.count)}\r\n\(text))"
    private static let imap = [
        "S: * OK hi", "C: a1 LOGIN bob s3cret", "S: a1 OK", "C: a2 SELECT INBOX", "S: * 1 EXISTS\r\na2 OK",
        "C: a3 UID FETCH 1 (UID BODY[])",
    ]

    @Test(
        "A message that a server sends behind octets that are missing",
        arguments: [[4], [1, 4], [4, 5], [3, 4], [2, 3], [0, 1, 2, 3, 4, 5]], [1, 3, Int.max])
    func fetch(_ lost: [Int], _ step: Int) {
        let lines = Self.losing(lost, of: Self.imap) + [Self.fetched, "S: a3 OK", "C: a4 LOGOUT"]
        let notes = follow(.imap, lines, step: step)
        #expect(messages(notes) == ["FETCH \(Self.text)."])
        #expect(notes.flatMap(\.violations).isEmpty)
    }

    @Test("One message behind the other", arguments: [1, Int.max]) func more(_ step: Int) {
        let notes = follow(.imap, ["S-", Self.fetched, Self.fetched, "S: a3 OK"], step: step)
        #expect(messages(notes) == ["FETCH \(Self.text).", "FETCH \(Self.text)."])
    }

    @Test(
        "A response that is quoted is none",
        arguments: [
            ["S-", "S: he wrote", "S: and then", fetched], ["S-", "S: he wrote", fetched],
            // It was asked for, and text came first.
            ["C: a3 FETCH 1 BODY[]", "S-", "S: he wrote", fetched],
            ["S-", "C: a3 FETCH 1 BODY[]", "S: he wrote", "S: and then", fetched],
            // More was asked for, before what was asked for first had come.
            ["C: a3 FETCH 1 BODY[]", "S-", "C: a4 FETCH 2 BODY[]", "S: tail", fetched],
            // No octets, no message.
            ["S-", "S: * 1 FETCH (BODY[] {0}", "S: )"], ["S-", "S: * 1 FETCH (BODY[] {9}", "S: From: a@example.com"],
            ["S-", "S: * 1 FETCH (BODY[] {40}", "S: hello"], ["S-", "S: * OK BODY[] {40}", "S: From: me"],
            ["S-", "S: * 1 FETCH (BODY[TEXT] {40}", "S: From: me"], ["S-", "S: * 0 FETCH (BODY[] {40}", "S: From: me"],
        ])
    func noFetch(_ lines: [String]) {
        #expect(messages(follow(.imap, ["S: * OK hi"] + lines)).isEmpty)
    }
}
