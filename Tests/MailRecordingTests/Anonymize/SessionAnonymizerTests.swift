// Sessions: what notes say of the copy is what they said of the original, and nothing of it is left.

import MailDialogue
import MailMessage
import Testing

@testable import MailRecording

/// A dialogue: `C: ` and `S: ` lines; the notes of it, in order.
struct Spoken {
    var notes: [Note] = []
    var turns: [(side: Side, octets: [UInt8])] = []

    init(_ text: String, _ mailProtocol: MailProtocol) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) where line.count >= 2 {
            let side: Side = line.hasPrefix("C:") ? .client : .server
            turns.append((side, Array(line.dropFirst(line.count > 2 ? 3 : 2).utf8) + [13, 10]))
        }
        read(mailProtocol)
    }

    init(_ turns: [(side: Side, octets: [UInt8])], _ mailProtocol: MailProtocol) {
        self.turns = turns
        read(mailProtocol)
    }

    private mutating func read(_ mailProtocol: MailProtocol) {
        var tap = MailTap(mailProtocol)
        for turn in turns { tap.receive(turn.octets[...], from: turn.side, into: &notes) }
        tap.end(.client, into: &notes)
        tap.end(.server, into: &notes)
    }

    /// All that is said, as text.
    var text: String { turns.map { String(decoding: $0.octets, as: UTF8.self) }.joined() }
}

/// A session and its copy.
struct Copied {
    let before: Spoken
    let after: Spoken
    let pseudonyms: Pseudonyms
    let residue: ResidueSearch.Residue?

    init(_ text: String, _ mailProtocol: MailProtocol, key: [UInt8] = testKey) {
        self.init(Spoken(text, mailProtocol), mailProtocol, key: key)
    }

    init(_ original: Spoken, _ mailProtocol: MailProtocol, key: [UInt8] = testKey) {
        before = original
        pseudonyms = Pseudonyms(key: key)
        let end = SocketAddress("127.0.0.1:1")
        let info = SessionInfo(
            id: "0000000000000", mailProtocol: mailProtocol, start: 0, client: end ?? SocketAddress(.v4(0), 0),
            server: end ?? SocketAddress(.v4(0), 0), route: "capture")
        var recording = RecordingAnonymizer(pseudonyms)
        let closed = [RecordEvent.closed(SessionSummary(info: info))]
        recording.learn(info, before.notes, closed)
        var session = SessionAnonymizer(mailProtocol, pseudonyms)
        var turns: [(side: Side, octets: [UInt8])] = []
        for note in before.notes {
            let made = session.accept(note)
            if !made.isEmpty { turns.append((note.side, made)) }
        }
        for side in Side.allCases { turns.append((side, session.end(side))) }
        after = Spoken(turns, mailProtocol)
        var search = ResidueSearch(pseudonyms)
        var copy = info
        copy.client = recording.replaced(info.client)
        copy.server = recording.replaced(info.server)
        search.accept(copy, after.notes, closed)
        residue = search.residue
    }

    /// What is the same of both: what each note is, of which exchange, how long, and what is wrong with it.
    static func outline(_ notes: [Note]) -> [String] {
        var out: [String] = []
        for note in notes {
            let what: String
            switch note.element {
            case .command(let command): what = "command \(command.verb) \(command.isComplete)"
            case .reply(let reply): what = "reply \(reply.code) \(reply.isLast)"
            case .greeting(let reply): what = "greeting \(reply.code) \(reply.isLast)"
            case .data(let keyword, let complete): what = "data \(keyword) \(complete)"
            // In as many pieces as lines are, or as they came.
            case .content: what = "content"
            case .contentBegin(let content): what = "begin \(content.size ?? -1) \(content.continues)"
            default: what = "\(note.element)"
            }
            let line = "\(note.side) \(note.exchange) \(what) \(note.violations.map(\.code))"
            if note.element == .content, let last = out.last, last.hasPrefix(line) {
                let count = Int(last.dropFirst(line.count + 1)) ?? 0
                out[out.count - 1] = "\(line) \(count + note.raw.count)"
            } else {
                out.append("\(line) \(note.raw.count)")
            }
        }
        return out
    }

    /// The same outline, and nothing left; one line for each session that is not so.
    func expectSame(named name: String) {
        let (old, new) = (Self.outline(before.notes), Self.outline(after.notes))
        let other = zip(old, new).first { $0 != $1 }
        #expect(old == new, "\(name): \(other?.0 ?? "") became \(other?.1 ?? "")")
        #expect(residue == nil, "\(name)")
    }

    func expectSame(_ gone: [String]) {
        let (old, new) = (Self.outline(before.notes), Self.outline(after.notes))
        for (a, b) in zip(old, new) { #expect(a == b) }
        #expect(old.count == new.count)
        let shown = after.text.lowercased()
        for word in gone {
            let isGone = !shown.contains(word.lowercased())
            #expect(isGone, "\(word)")
        }
        #expect(residue == nil)
    }
}

struct SessionAnonymizerTests {
    @Test func smtp() {
        let copied = Copied(
            """
            S: 220 mail.example.org ESMTP Postfix
            C: EHLO laptop-of-alice.example.com
            S: 250-mail.example.org Hello laptop-of-alice.example.com [203.0.113.77]
            S: 250-SIZE 10240000
            S: 250-AUTH PLAIN LOGIN CRAM-MD5
            S: 250-CHUNKING
            S: 250-DSN
            S: 250 8BITMIME
            C: AUTH LOGIN
            S: 334 VXNlcm5hbWU6
            C: YWxpY2VzbWl0aA==
            S: 334 UGFzc3dvcmQ6
            C: aHVudGVyMmh1bnRlcjI=
            S: 235 2.7.0 Authentication successful
            C: MAIL FROM:<alice.smith@example.com> SIZE=400 ENVID=AliceEnvelope BODY=8BITMIME
            S: 250 2.1.0 Ok
            C: RCPT TO:<"bob jones"@example.org> ORCPT=rfc822;bob+2Bjones@example.org
            S: 250 2.1.5 Ok
            C: RCPT TO:<nobody@example.org>
            S: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table
            C: DATA
            S: 354 End data with <CR><LF>.<CR><LF>
            C: From: Alice Smith <alice.smith@example.com>
            C: Subject: Quarterly figures
            C:
            C: ..leading dot and the secret figures
            C: .
            S: 250 2.0.0 Ok: queued as 4ZxAlice12
            C: QUIT
            S: 221 2.0.0 Bye
            """, .smtp)
        copied.expectSame([
            "alice", "smith", "laptop", "example.", "203.0.113.77", "bob", "jones", "quarterly", "figures", "nobody@",
            "YWxpY2VzbWl0aA", "4ZxAlice12",
        ])
        let shown = copied.after.text
        for kept in [
            "250-SIZE 10240000", "334 VXNlcm5hbWU6", "SIZE=400", "BODY=8BITMIME", "ORCPT=rfc822;",
            "Recipient address rejected: User unknown", "queued as ",
        ] {
            let isThere = shown.contains(kept)
            #expect(isThere, "\(kept)")
        }
        // The same address wherever it stands.
        let address = pseudonym("alice.smith@example.com", copied.pseudonyms)
        #expect(shown.components(separatedBy: address).count == 3)
    }

    @Test func imap() {
        let copied = Copied(
            """
            S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN] Dovecot (Debian) ready.
            C: a1 LOGIN "alice.smith" "hunter2 hunter2"
            S: a1 OK [CAPABILITY IMAP4rev1 UNSELECT IDLE] Logged in
            C: a2 LIST "" "*"
            S: * LIST (\\HasNoChildren) "/" "Family secrets"
            S: * LIST (\\HasNoChildren \\Drafts) "/" Entw&APw-rfe
            S: * LIST (\\HasNoChildren) "/" INBOX
            S: a2 OK List completed (0.001 + 0.000 secs).
            C: a3 SELECT "Family secrets"
            S: * FLAGS (\\Answered \\Seen $Label1 ProjectX)
            S: * OK [PERMANENTFLAGS (\\Answered \\Seen $Label1 ProjectX \\*)] Flags permitted.
            S: * 2 EXISTS
            S: * 0 RECENT
            S: * OK [UIDVALIDITY 1795697336] UIDs valid
            S: * OK [UIDNEXT 3] Predicted next UID
            S: a3 OK [READ-WRITE] Select completed.
            C: a4 UID SEARCH CHARSET UTF-8 OR FROM smith HEADER X-Acme-Id "deal 4711" SINCE 1-Feb-2026 UID 1:*
            S: * SEARCH 1 2
            S: a4 OK Search completed.
            C: a5 UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT X-ACME-ID)])
            S: * 1 FETCH (UID 1 FLAGS (\\Seen ProjectX) INTERNALDATE "26-Nov-2026 10:00:00 +0000" RFC822.SIZE 421 ENVELOPE ("Thu, 26 Nov 2026 10:00:00 +0000" "The merger" (("Alice Smith" NIL "alice.smith" "example.com")) NIL NIL (("=?utf-8?Q?B=C3=B6b?=" NIL "bob" "example.org")) NIL NIL "<reply.1@example.org>" "<merger.2@example.com>") BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 42 3 NIL NIL NIL NIL)("application" "pdf" ("name" "merger plan.pdf") "<part.1@example.com>" NIL "base64" 800 NIL ("attachment" ("filename" "merger plan.pdf")) NIL NIL) "mixed" ("boundary" "merger_4711") NIL NIL NIL) BODY[HEADER.FIELDS (SUBJECT X-ACME-ID)] {44}
            S: Subject: The merger
            S: X-Acme-Id: deal 4711
            S:
            S: )
            S: a5 OK Fetch completed.
            C: a6 APPEND "Family secrets" (\\Seen) "26-Nov-2026 10:00:00 +0000" {37+}
            C: Subject: The merger
            C:
            C: Dear Bob 99
            C:
            S: a6 OK [APPENDUID 1795697336 3] Append completed.
            C: a7 RENAME "Family secrets" {7}
            S: + OK
            C: Bobbies
            S: a7 OK Rename completed.
            C: a8 LOGOUT
            S: * BYE Logging out
            S: a8 OK Logout completed.
            """, .imap)
        copied.expectSame([
            "alice", "smith", "hunter2", "family", "secrets", "projectx", "acme", "deal", "4711", "merger", "bob",
            "B=C3=B6b", "Dear", "example.",
        ])
        let shown = copied.after.text
        for kept in [
            "UIDVALIDITY 1795697336", "SINCE 1-Feb-2026 UID 1:*", "RFC822.SIZE 421",
            "INTERNALDATE \"26-Nov-2026 10:00:00 +0000\"", "ENVELOPE (\"Thu, 26 Nov 2026 10:00:00 +0000\" ",
            "\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" 42 3", ".pdf\"", "\"/\" INBOX",
            "\\Drafts", "APPENDUID 1795697336 3", "Fetch completed.",
        ] {
            let isThere = shown.contains(kept)
            #expect(isThere, "\(kept)")
        }
        // The subject in the envelope is that of the header, and the folder is the same everywhere.
        #expect(shown.components(separatedBy: pseudonym("merger", copied.pseudonyms)).count >= 7)
        #expect(shown.components(separatedBy: "\"" + pseudonym("Family secrets", copied.pseudonyms) + "\"").count == 5)
        #expect(
            shown.components(separatedBy: pseudonym("Acme", copied.pseudonyms)).count
                + shown.components(separatedBy: pseudonym("ACME", copied.pseudonyms)).count == 6)
    }

    @Test func pop3() {
        let copied = Copied(
            """
            S: +OK Dovecot ready. <1896.697170952@mail.example.com>
            C: CAPA
            S: +OK
            S: USER
            S: UIDL
            S: SASL PLAIN
            S: .
            C: USER alice.smith
            S: +OK
            C: PASS hunter2
            S: +OK Logged in.
            C: STAT
            S: +OK 2 1234567
            C: LIST
            S: +OK 2 messages:
            S: 1 1234000
            S: 2 567
            S: .
            C: UIDL
            S: +OK
            S: 1 000000015f2a99c1
            S: 2 smith-host.example.com.2
            S: .
            C: RETR 2
            S: +OK 567 octets
            S: From: Bob <bob@example.org>
            S: Content-Type: multipart/mixed; boundary=figures4711
            S:
            S: --figures4711
            S:
            S: Dear Alice
            S: --figures4711--
            S: .
            C: QUIT
            S: +OK Logging out.
            """, .pop3)
        copied.expectSame(["alice", "smith", "hunter2", "1896.697170952", "bob", "figures", "dear", "host."])
        for kept in ["+OK 2 1234567", "1 1234000", "1 000000015f2a99c1", "boundary="] {
            let isThere = copied.after.text.contains(kept)
            #expect(isThere, "\(kept)")
        }
    }

    /// The account within the messages of each mechanism is the one that LOGIN shows.
    @Test func mechanisms() throws {
        func base64(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }
        func spoken(_ name: String, _ steps: [(String?, String?)]) -> String {
            var out = "S: * OK hello\nC: a1 AUTHENTICATE \(name)\n"
            for (server, client) in steps {
                if let server { out += "S: + \(server)\n" }
                if let client { out += "C: \(client)\n" }
            }
            return out + "S: a1 OK Logged in\nC: a2 NOOP\nS: a2 OK NOOP completed\n"
        }
        let cases: [(name: String, text: String)] = [
            ("PLAIN", spoken("PLAIN", [("", base64("\0alicesmith\0hunter2"))])),
            (
                "LOGIN",
                spoken(
                    "LOGIN", [(base64("Username:"), base64("alicesmith")), (base64("Password:"), base64("hunter2"))])
            ),
            (
                "CRAM-MD5",
                spoken(
                    "CRAM-MD5",
                    [(base64("<1896.697@mail.example.com>"), base64("alicesmith b913a602c7eda7a495b4e6e7334d3890"))])
            ),
            (
                "DIGEST-MD5",
                spoken(
                    "DIGEST-MD5",
                    [
                        (
                            base64(
                                "realm=\"office.example.com\",nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",algorithm=md5-sess,charset=utf-8"
                            ),
                            base64(
                                "charset=utf-8,username=\"alicesmith\",realm=\"office.example.com\",nonce=\"OA6MG9tEQGm2hh\",nc=00000001,cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"imap/office.example.com\",response=d388dad90d4bbd760a152321f2143af7,qop=auth"
                            )
                        ),
                        (base64("rspauth=ea40f60335c427b5527b84dbabcdfffd"), ""),
                    ])
            ),
            (
                "SCRAM-SHA-1",
                spoken(
                    "SCRAM-SHA-1",
                    [
                        ("", base64("n,,n=alicesmith,r=fyko+d2lbbFgONRv9qkxdawL")),
                        (
                            base64("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"),
                            base64("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")
                        ),
                        (base64("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), ""),
                    ])
            ),
            (
                "XOAUTH2",
                spoken(
                    "XOAUTH2",
                    [("", base64("user=alicesmith\u{1}auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGE\u{1}\u{1}"))])
            ),
        ]
        for (name, text) in cases {
            let copied = Copied(text, .imap)
            copied.expectSame(["alicesmith", "hunter2", "office", "vF9dft4q", "OA6MG9tEQGm2hh", "fyko+d2lbb"])
            let accounts = copied.after.notes.flatMap(\.facts).compactMap { fact in
                if case .credential(let credential) = fact { credential.account } else { nil }
            }
            #expect(accounts == [pseudonym("alicesmith", copied.pseudonyms)], "\(name)")
            let accepted = copied.after.notes.flatMap(\.facts).contains(.login(accepted: true))
            #expect(accepted, "\(name)")
        }
    }

    /// Pieces of a message, one behind the other, are those of the message.
    @Test func piecesGoOn() {
        let message =
            "From: Alice <alice@example.com>\r\nSubject: pieces\r\n\r\nDear Bob, this is a long line for you.\r\nQWxpY2UgZWFybnMgbW9yZSB0aGFuIEJvYi4=\r\n"
        func fetch(_ octets: Substring.UTF8View, _ origin: Int, _ tag: String) -> [(side: Side, octets: [UInt8])] {
            let piece = Array(octets)
            return [
                (.client, Array("\(tag) UID FETCH 7 (BODY[]<\(origin).40>)\r\n".utf8)),
                (
                    .server,
                    Array("* 3 FETCH (UID 7 BODY[]<\(origin)> {\(piece.count)}\r\n".utf8) + piece
                        + Array(")\r\n\(tag) OK done\r\n".utf8)
                ),
            ]
        }
        var turns: [(side: Side, octets: [UInt8])] = [
            (.server, Array("* PREAUTH hello\r\n".utf8)), (.client, Array("a0 SELECT INBOX\r\n".utf8)),
            (.server, Array("a0 OK done\r\n".utf8)),
        ]
        let view = message[...].utf8
        for (number, origin) in stride(from: 0, to: message.utf8.count, by: 40).enumerated() {
            let start = view.index(view.startIndex, offsetBy: origin)
            let end = view.index(start, offsetBy: 40, limitedBy: view.endIndex) ?? view.endIndex
            turns += fetch(Substring(view[start..<end]).utf8, origin, "a\(number + 1)")
        }
        var session = SessionAnonymizer(.imap, Pseudonyms(key: testKey))
        var pieces: [UInt8] = []
        var lines: [UInt8] = []
        for note in Spoken(turns, .imap).notes {
            let made = session.accept(note)
            if note.side == .server {
                if note.element == .content || note.element == .contentEnd { pieces += made } else { lines += made }
            }
        }
        let whole = MessageAnonymizerTests().replaced(Array(message.utf8))
        #expect(pieces.count == whole.count)
        // Where a piece ends within a word, that much of the word has a pseudonym of its own.
        let differing = zip(pieces, whole).filter { $0 != $1 }.count
        #expect(differing <= 16)
    }

    /// Whatever is said: as many octets come out on each side as went in, and line ends stand where they stood.
    @Test(arguments: [MailProtocol.smtp, .lmtp, .pop3, .imap])
    func anythingKeepsItsLength(_ mailProtocol: MailProtocol) {
        let words = [
            "EHLO a", "MAIL FROM:<a@b.c> SIZE=1", "RCPT TO:<", "DATA", ".", "..", "BDAT 9 LAST", "AUTH PLAIN AGEAYg==",
            "AUTH LOGIN", "250-x", "250 x", "354 go", "334 YQ==", "220 hi", "+OK <1.2@x>",
            "-ERR", "USER x", "PASS y", "UIDL", "LIST", "RETR 1", "1 2", "a1 LOGIN {3}", "a2 FETCH 1 (BODY[]<0.9>)",
            "* 1 FETCH (BODY[]<0> {9}", "* OK [X \"]\"] hi", "* LIST (\\x) NIL &AGE-&-&", "+ go", "a1 OK [Y",
            "a3 APPEND \"&\" {4+}", "* 2 FETCH (ENVELOPE (\"", "Subject: =?utf-8?b?YQ==?=", "--x",
            "Content-Type: a/b; c=\"d", "\tfolded", "QUJD", "=41=C3=A9=", "=?utf-8?q?=?=", "+ ", "",
            "[1.2.3.4] ::1 2001:db8::",
        ]
        var random = Seeded(42)
        for _ in 0..<400 {
            var turns: [(side: Side, octets: [UInt8])] = []
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                var octets = Array((words.randomElement(using: &random) ?? "").utf8)
                if Int.random(in: 0..<4, using: &random) == 0 {
                    octets.insert(
                        UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...octets.count, using: &random))
                }
                octets += Int.random(in: 0..<9, using: &random) == 0 ? [10] : [13, 10]
                turns.append((Bool.random(using: &random) ? .client : .server, octets))
            }
            var session = SessionAnonymizer(mailProtocol, Pseudonyms(key: testKey))
            var before: [Side: [UInt8]] = [:]
            var after: [Side: [UInt8]] = [:]
            for note in Spoken(turns, mailProtocol).notes {
                // Where nobody follows, masks cover line ends too.
                before[note.side, default: []] += note.publicOctets
                after[note.side, default: []] += session.accept(note)
            }
            for side in Side.allCases {
                after[side, default: []] += session.end(side)
                let isSame = before[side, default: []].map { $0 == 10 } == after[side, default: []].map { $0 == 10 }
                #expect(isSame, "\(turns.map { "\($0.side) \(String(decoding: $0.octets, as: UTF8.self))" })")
            }
        }
    }
}

struct ResidueSearchTests {
    /// A word of the original in each form in which it may be left.
    @Test(arguments: [
        "alicesmith", "QWxpY2VzbWl0aCBlYXJucw==", "xQWxpY2VzbWl0aCBlYXJucw", "616c696365736d69746820206561726e73",
        "=61lice=73mith", "%61licesmith", "&AGEAbABpAGMAZQBzAG0AaQB0AGg-", "ALICESMITH", "a=\r\nlicesmith",
    ])
    func isFoundInEachForm(_ form: String) {
        let pseudonyms = Pseudonyms(key: testKey)
        let before = Spoken([(.server, Array("220 hi\r\n".utf8)), (.client, Array("EHLO alicesmith\r\n".utf8))], .smtp)
        let info = SessionInfo(
            id: "x", mailProtocol: .smtp, start: 0, client: SocketAddress(.v4(1), 0), server: SocketAddress(.v4(2), 0),
            route: "capture")
        var recording = RecordingAnonymizer(pseudonyms)
        recording.learn(info, before.notes, [.closed(SessionSummary(info: info))])
        let copy = SessionInfo(
            id: "x", mailProtocol: .smtp, start: 0, client: SocketAddress(.v4(3), 0), server: SocketAddress(.v4(4), 0),
            route: "capture")
        var search = ResidueSearch(pseudonyms)
        let turns: [(side: Side, octets: [UInt8])] = [
            (.server, Array("220 hi\r\n".utf8)), (.client, Array("MAIL FROM:<>\r\nRCPT TO:<x>\r\nDATA\r\n".utf8)),
            (.server, Array("250 ok\r\n250 ok\r\n354 go\r\n".utf8)),
            (.client, Array("\r\nlorem \(form) ipsum\r\n.\r\n".utf8)), (.server, Array("250 ok\r\n".utf8)),
        ]
        search.accept(copy, Spoken(turns, .smtp).notes, [.closed(SessionSummary(info: info))])
        #expect(search.residue?.side == .client)
        #expect(search.residue?.exchange == 3)
    }

    @Test func addressesAreFound() throws {
        let pseudonyms = Pseudonyms(key: testKey)
        let address = try #require(IPAddress("203.0.113.77"))
        pseudonyms.learn(address)
        #expect(pseudonyms.isResidue(address))
        _ = pseudonyms.address(address)
        #expect(pseudonyms.isResidue(address))
        #expect(!pseudonyms.isResidue(pseudonyms.address(address)))
    }

    @Test func wordsOfTheProtocolsAreNone() {
        let copied = Copied("S: 220 hi\nC: EHLO message.from.subject\nS: 250 ok\nC: QUIT\nS: 221 bye", .smtp)
        #expect(copied.residue == nil)
    }
}
