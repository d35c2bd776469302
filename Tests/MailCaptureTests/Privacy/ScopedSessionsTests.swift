// Sessions of which not all is recorded: nothing beyond the scope is in what is told the recorder, however the octets came; and who
// reads the recording finds the same dialogue, with lengths for the messages.

import Foundation
import MailDialogue
import MailRecording
import MailSessions
import Testing

@testable import MailCapture

/// A session whose messages have canaries: HEADCANARY in header fields, BODYCANARY in bodies, SECONDCANARY in both.
struct ScopedDialogue: CustomTestStringConvertible, Sendable {
    let name: String
    let mailProtocol: MailProtocol
    let turns: [(Side, String)]
    var testDescription: String { name }

    static let head =
        "From: HEADCANARY@example.com\r\nSubject: =?utf-8?q?HEADCANARY?= two\r\n HEADCANARY folded\r\n\r\n"
    static let body = "BODYCANARY\r\n..BODYCANARY\r\n\r\nmore BODYCANARY\r\n"
    private static var message: String { head + body }
    private static var plain: String { message.replacingOccurrences(of: "\r\n..", with: "\r\n.") }

    private static var start: String { String(decoding: plain.utf8.prefix(30), as: UTF8.self) }
    private static var rest: String { String(decoding: plain.utf8.dropFirst(30), as: UTF8.self) }

    private static func literal(_ text: String) -> String { "{\(text.utf8.count)}\r\n\(text)" }

    private static let envelope = [
        (Side.server, "220 mx\r\n"), (.client, "EHLO a\r\n"), (.server, "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n"),
        (.client, "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"), (.server, "250 ok\r\n250 ok\r\n"),
    ]

    static let all: [ScopedDialogue] = [
        ScopedDialogue(
            name: "DATA twice", mailProtocol: .smtp,
            turns: envelope + [
                (.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, message + ".\r\n"), (.server, "250 ok\r\n"),
                (.client, "MAIL FROM:<>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n"),
                (.server, "250 ok\r\n250 ok\r\n354 go\r\n"), (.client, message + ".\r\nQUIT\r\n"),
                (.server, "250 ok\r\n221 bye\r\n"),
            ]),
        ScopedDialogue(
            name: "BDAT in chunks", mailProtocol: .smtp,
            turns: envelope + [
                (.client, "BDAT 30\r\n" + start), (.server, "250 ok\r\n"),
                (.client, "BDAT \(rest.utf8.count) LAST\r\n" + rest),
                (.server, "250 ok\r\n"), (.client, "QUIT\r\n"), (.server, "221 bye\r\n"),
            ]),
        ScopedDialogue(
            name: "BDAT in a row", mailProtocol: .smtp,
            turns: envelope + [
                (.client, "BDAT 30\r\n" + start + "BDAT \(rest.utf8.count)\r\n" + rest),
                (.server, "250 ok\r\n250 ok\r\n"), (.client, "BDAT 0 LAST\r\nQUIT\r\n"),
                (.server, "250 ok\r\n221 bye\r\n"),
            ]),
        ScopedDialogue(
            name: "DATA without an end of the header", mailProtocol: .smtp,
            turns: envelope + [
                (.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, "BODYCANARY without a header\r\n.\r\n"),
                (.server, "250 ok\r\n"), (.client, "QUIT\r\n"), (.server, "221 bye\r\n"),
            ]),
        ScopedDialogue(
            name: "DATA that is refused and sent", mailProtocol: .smtp,
            turns: envelope + [
                (.client, "DATA\r\n"), (.server, "554 no\r\n"), (.client, "BODYCANARY BODYCANARY\r\nQUIT\r\n"),
                (.server, "500 what\r\n221 bye\r\n"),
            ]),
        ScopedDialogue(
            name: "DATA that breaks off", mailProtocol: .smtp,
            turns: envelope + [(.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, "Subject: HEADCANARY\r\nBcc")]),
        ScopedDialogue(
            name: "LMTP", mailProtocol: .lmtp,
            turns: [
                (.server, "220 mx\r\n"), (.client, "LHLO a\r\n"), (.server, "250 mx\r\n"),
                (.client, "MAIL FROM:<a@example.com>\r\n"), (.server, "250 ok\r\n"),
                (.client, "RCPT TO:<b@example.org>\r\n"), (.server, "250 ok\r\n"), (.client, "DATA\r\n"),
                (.server, "354 go\r\n"), (.client, message + ".\r\n"), (.server, "250 ok\r\n"), (.client, "QUIT\r\n"),
                (.server, "221 bye\r\n"),
            ]),
        ScopedDialogue(
            name: "RETR and TOP", mailProtocol: .pop3,
            turns: [
                (.server, "+OK\r\n"), (.client, "USER a@example.com\r\n"), (.server, "+OK\r\n"),
                (.client, "PASS secret\r\n"), (.server, "+OK\r\n"), (.client, "RETR 1\r\n"),
                (.server, "+OK\r\n" + message + ".\r\n"), (.client, "TOP 1 1\r\n"),
                (.server, "+OK\r\n" + head + "BODYCANARY\r\n.\r\n"), (.client, "QUIT\r\n"), (.server, "+OK\r\n"),
            ]),
        ScopedDialogue(
            name: "FETCH", mailProtocol: .imap,
            turns: [
                (.server, "* OK [CAPABILITY IMAP4rev1] hi\r\n"), (.client, "a LOGIN a@example.com secret\r\n"),
                (.server, "a OK in\r\n"), (.client, "b SELECT INBOX\r\n"),
                (.server, "* 2 EXISTS\r\nb OK [READ-WRITE] in\r\n"),
                (.client, "c FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY[])\r\n"),
                (
                    .server,
                    """
                    * 1 FETCH (FLAGS (\\Seen) ENVELOPE ("Mon, 23 Nov 2026 10:00:00 +0000" "HEADCANARY \\"q\\"" (("HEADCANARY" NIL \
                    "a" "example.com")) NIL NIL NIL NIL NIL NIL "<HEADCANARY@example.com>") BODYSTRUCTURE (("TEXT" "PLAIN" \
                    ("CHARSET" "utf-8") NIL NIL "7BIT" 10 1)("APPLICATION" "PDF" ("NAME" "BODYCANARY.pdf") NIL NIL "BASE64" 9 NIL \
                    ("ATTACHMENT" ("FILENAME" "BODYCANARY.pdf"))) "MIXED" ("BOUNDARY" "BODYCANARY")) BODY[] \(literal(plain)))\r\n
                    """.replacingOccurrences(of: "\r\n\n", with: "\r\n")
                ),
                (
                    .server,
                    "* 2 FETCH (ENVELOPE (NIL \(literal("HEADCANARY")) NIL NIL NIL NIL NIL NIL NIL NIL) FLAGS ())\r\n"
                ),
                (.server, "* 2 FETCH (BODY[TEXT] \"BODYCANARY\" BODY[1] \(literal("BODYCANARY")))\r\n"),
                (
                    .server,
                    "* 2 FETCH (BODY[HEADER.FIELDS (SUBJECT)] \(literal("Subject: HEADCANARY\r\n\r\n")) UID 7)\r\n"
                ),
                (.server, "c OK done\r\n"), (.client, "d LOGOUT\r\n"), (.server, "* BYE\r\nd OK\r\n"),
            ]),
        ScopedDialogue(
            name: "partial FETCH", mailProtocol: .imap,
            turns: [
                (.server, "* PREAUTH hi\r\n"), (.client, "b SELECT INBOX\r\n"),
                (.server, "* 1 EXISTS\r\nb OK [READ-WRITE] in\r\n"), (.client, "c FETCH 1 BODY[]<0.40>\r\n"),
                (
                    .server,
                    "* 1 FETCH (BODY[]<0> \(literal(String(decoding: plain.utf8.prefix(40), as: UTF8.self))))\r\nc OK\r\n"
                ),
                (.client, "d FETCH 1 BODY[]<40.400>\r\n"),
                (.server, "* 1 FETCH (BODY[]<40> \(literal("BODYCANARY and more\r\n")))\r\nd OK\r\n"),
                (.client, "e LOGOUT\r\n"), (.server, "* BYE\r\ne OK\r\n"),
            ]),
        ScopedDialogue(
            name: "APPEND", mailProtocol: .imap,
            turns: [
                (.server, "* OK [CAPABILITY IMAP4rev1 LITERAL+] hi\r\n"), (.client, "a LOGIN a@example.com secret\r\n"),
                (.server, "a OK in\r\n"), (.client, "b APPEND Sent {\(plain.utf8.count)+}\r\n\(plain)\r\n"),
                (.server, "b OK\r\n"), (.client, "c APPEND Sent {\(plain.utf8.count)}\r\n"), (.server, "+ go\r\n"),
                (.client, "\(plain)\r\nd LOGOUT\r\n"), (.server, "c OK\r\n* BYE\r\nd OK\r\n"),
            ]),
    ]
}

@Suite struct ScopedSessionsTests {
    private static func info(_ mailProtocol: MailProtocol) -> SessionInfo {
        SessionInfo(
            id: "s", mailProtocol: mailProtocol, start: 5, client: SocketAddress(ip: .v4(0x7F00_0001), port: 1000),
            server: SocketAddress(ip: .v4(0x7F00_0001), port: 25), route: "test")
    }

    /// What the recorder is told of the session.
    static func events(
        _ dialogue: ScopedDialogue, step: Int, keepsRows: Bool = false, _ decide: ScopeDecider?
    ) -> [RecordEvent] {
        var observer = Observer(
            info: info(dialogue.mailProtocol), fingerprintKey: [1], keepsText: keepsRows, keepsRows: keepsRows,
            privacy: RecordingPrivacy(scopes: decide))
        var events: [RecordEvent] = []
        var notes: [Note] = []
        observer.open(into: &events)
        for (place, (side, text)) in dialogue.turns.enumerated() {
            let octets = Array(text.utf8)
            for start in stride(from: 0, to: octets.count, by: step) {
                observer.receive(
                    octets[start..<min(start + step, octets.count)], from: side, at: Int64(place + 6), events: &events,
                    notes: &notes)
            }
        }
        observer.close(.closed, at: 100, events: &events, notes: &notes)
        return events
    }

    /// All that is told, as text.
    private static func text(_ events: [RecordEvent]) -> String {
        Side.allCases.map { octets(events, $0)[...].text }.joined()
            + events.map { event in
                switch event {
                case .exchange(_, let row): "\(row)"
                case .message(_, let row): "\(row)"
                case .closed(let summary): "\(summary.user ?? "") \(summary.findings)"
                case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .credential: ""
                }
            }.joined()
    }

    private static func octets(_ events: [RecordEvent], _ side: Side) -> [UInt8] {
        var found: [UInt8] = []
        for case .octets(_, .client, side, _, let pieces) in events { for piece in pieces { found += piece } }
        return found
    }

    private static func read(_ events: [RecordEvent]) throws -> Reading {
        let path = NSTemporaryDirectory() + "scoped-\(UUID().uuidString).pcapng"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(TestRecording(events).segments[0]).write(to: URL(fileURLWithPath: path))
        return try Reading([path])
    }

    private static let steps = [1, 7, 100_000]
    private static let scopes: [(RecordingScopes, forbidden: [String])] = [
        (.envelope, ["HEADCANARY", "BODYCANARY"]), (.headers, ["BODYCANARY"]), (.all, []),
    ]

    @Test(arguments: ScopedDialogue.all, steps)
    func nothingBeyondTheScopeIsTold(_ dialogue: ScopedDialogue, _ step: Int) {
        for (scope, forbidden) in Self.scopes {
            for keepsRows in [false, true] {
                let events = Self.events(dialogue, step: step, keepsRows: keepsRows) { _ in scope }
                let text = Self.text(events)
                for word in forbidden {
                    #expect(!text.contains(word), "\(dialogue.name), \(scope), by \(step), rows \(keepsRows)")
                }
            }
        }
    }

    /// It can fail: with all recorded the canaries are there, and with headers those of headers.
    @Test(arguments: ScopedDialogue.all) func whatIsInTheScopeIsTold(_ dialogue: ScopedDialogue) {
        let sent = dialogue.turns.map(\.1).joined()
        let all = Self.events(dialogue, step: 7) { _ in .all }
        for side in Side.allCases {
            let own = dialogue.turns.filter { $0.0 == side }.map(\.1).joined()
            // But for the password.
            #expect(Self.octets(all, side).count == own.utf8.count)
        }
        let recorded = Side.allCases.map { Self.octets(all, $0)[...].text }.joined()
        for word in ["HEADCANARY", "BODYCANARY"] where sent.contains(word) {
            #expect(recorded.contains(word) || dialogue.name.contains("refused"), "\(dialogue.name)")
        }
        let headers = Self.events(dialogue, step: 7) { _ in .headers }
        let shown = Side.allCases.map { Self.octets(headers, $0)[...].text }.joined()
        if sent.contains("HEADCANARY"), dialogue.name != "DATA that breaks off", dialogue.name != "partial FETCH" {
            #expect(shown.contains("HEADCANARY"), "\(dialogue.name)")
        }
    }

    @Test(arguments: ScopedDialogue.all, steps)
    func whatIsRecordedReadsAsTheSession(_ dialogue: ScopedDialogue, _ step: Int) throws {
        let whole = try Self.read(Self.events(dialogue, step: 100_000, nil))
        for (scope, forbidden) in Self.scopes {
            let events = Self.events(dialogue, step: step) { _ in scope }
            let found = try Self.read(events)
            #expect(found.summaries.map(\.findings) == whole.summaries.map(\.findings), "\(dialogue.name) \(scope)")
            #expect(found.summaries.map(\.clientBytes) == whole.summaries.map(\.clientBytes))
            #expect(found.summaries.map(\.serverBytes) == whole.summaries.map(\.serverBytes))
            #expect(found.exchanges.map(\.replyCode) == whole.exchanges.map(\.replyCode))
            #expect(found.exchanges.map(\.content?.bytes) == whole.exchanges.map(\.content?.bytes))
            #expect(found.messages.map(\.bytes) == whole.messages.map(\.bytes), "\(dialogue.name) \(scope)")
            guard scope != .all else { continue }
            #expect(found.messages.allSatisfy { !$0.complete && $0.sha256.isEmpty }, "\(dialogue.name) \(scope)")
            #expect(found.bodies.isEmpty)
            let told = "\(found.messages) \(found.exchanges) \(found.transcripts)"
            for word in forbidden { #expect(!told.contains(word), "\(dialogue.name) \(scope)") }
        }
    }

    @Test(arguments: ScopedDialogue.all) func neverIsNothing(_ dialogue: ScopedDialogue) {
        #expect(Self.events(dialogue, step: 7) { _ in .never }.isEmpty)
    }

    /// While it is not certain that a session may be recorded nothing of it is; then all of it.
    @Test(arguments: ScopedDialogue.all) func aSessionWaitsForItsLogin(_ dialogue: ScopedDialogue) {
        let plain = Self.events(dialogue, step: 7, nil)
        let late = Self.events(dialogue, step: 7) { facts in facts.isSettled ? .all : [.never, .all] }
        #expect(late.count == plain.count && Self.text(late) == Self.text(plain))
        let refused = Self.events(dialogue, step: 7) { facts in
            facts.isSettled && facts.accounts == ["a@example.com"] ? .never : facts.isSettled ? .all : [.never, .all]
        }
        #expect(refused.isEmpty == dialogue.turns.contains { $0.1.contains("secret") }, "\(dialogue.name)")
    }

    /// Beyond the bound the strictest scope holds.
    @Test func whoNeverLogsInIsNotRecordedForEver() {
        let lines = (0..<1_000).flatMap { [(Side.client, "a\($0) NOOP\r\n"), (Side.server, "a\($0) OK\r\n")] }
        let dialogue = ScopedDialogue(name: "NOOP", mailProtocol: .imap, turns: [(.server, "* OK hi\r\n")] + lines)
        #expect(Self.events(dialogue, step: 100) { facts in facts.isSettled ? .never : [.never, .all] }.isEmpty)
        let few = ScopedDialogue(name: "NOOP", mailProtocol: .imap, turns: [(.server, "* OK hi\r\n")] + lines.prefix(2))
        #expect(!Self.events(few, step: 100) { facts in facts.isSettled ? .all : [.never, .all] }.isEmpty)
    }

    /// A header that decides is waited for; one that does not end is not.
    @Test(arguments: steps) func theHeaderDecides(_ step: Int) {
        let decide: ScopeDecider = { facts in
            guard let message = facts.message, let header = message.header else { return [.envelope, .all] }
            return header.text("Subject") == "private" ? .envelope : .all
        }
        func recorded(_ header: String) -> String {
            let body = header + "\r\nBODYCANARY\r\n.\r\n"
            let dialogue = ScopedDialogue(
                name: "x", mailProtocol: .smtp,
                turns: Array(ScopedDialogue.all[0].turns.prefix(7)) + [(.client, body), (.server, "250 ok\r\n")])
            return Self.octets(Self.events(dialogue, step: step, decide), .client)[...].text
        }
        #expect(recorded("Subject: open\r\n").contains("BODYCANARY"))
        #expect(!recorded("Subject: private\r\n").contains("BODYCANARY"))
        let long = String(repeating: "X-Field: HEADCANARY\r\n", count: step == 1 ? 40 : 4_000)
        #expect(recorded(long + "Subject: open\r\n").contains("CANARY") == (step == 1))
    }

    /// A piece of a header is not taken for all of it.
    @Test func aPieceOfAHeaderDecidesNothing() throws {
        let decide: ScopeDecider = { facts in
            guard let message = facts.message, let header = message.header else { return [.envelope, .all] }
            return header.text("Subject") == nil ? .all : .envelope
        }
        let partial = try #require(ScopedDialogue.all.first { $0.name == "partial FETCH" })
        #expect(!Self.text(Self.events(partial, step: 7, decide)).contains("CANARY"))
        let whole = try #require(ScopedDialogue.all.first { $0.name == "FETCH" })
        #expect(!Self.text(Self.events(whole, step: 7, decide)).contains("CANARY"))
    }
}
