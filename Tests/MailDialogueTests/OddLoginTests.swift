// Logins that are none: what a client shows that gets its form wrong is masked like what it shows in the right one, and who reads the
// masked form finds the same wrong with it.

import Testing

@testable import MailDialogue

@Suite struct OddLoginTests {
    /// In base64 its letters are those of `secretBase64`.
    private static let secret = "hunter2"
    private static let secretBase64 = "aHVudGVyMg=="

    /// A client's lines, with the secret in each. Nothing came before them but greetings.
    struct Odd: Sendable, CustomTestStringConvertible {
        let mailProtocol: MailProtocol
        let lines: String
        var testDescription: String { "\(mailProtocol): \(lines)" }

        init(_ mailProtocol: MailProtocol, _ lines: String) {
            self.mailProtocol = mailProtocol
            self.lines = lines
        }
    }

    static let odd: [Odd] =
        [
            "x LOGIN hunter2", "x LOGIN hunter2 hunter2 hunter2", "x LOGIN me my hunter2 is", "x LOGIN  me hunter2",
            "x LOGIN \"me hunter2", "x LOGIN me \"a\"hunter2", "x LOGIN (me hunter2)",
            "x LOGIN me {7+}\r\nhunter2 x hunter2",
            "x LOGIN hunter2 me {7+}\r\nhunter2", "LOGIN me hunter2", "x login me:hunter2", "x LOGIN=me hunter2",
            "x LOGINme hunter2", "x XLOGIN me hunter2", "x LOGIN\tme\thunter2", "x LOGON me hunter2",
            "x AUTHENTICATE hunter2 hunter2", "x AUTHENTICATE PLAIN hunter2", "x AUTHENTICATE PLAIN aHVudGVyMg==",
            "x AUTHENTICATE PLAIN aHVudGVyMg== aHVudGVyMg==", "x AUTHENTICATE XHUNT hunter2",
            "x AUTHENTICATE \"PLAIN\" \"aHVudGVyMg==\"", "x AUTH PLAIN aHVudGVyMg==", "x XAUTH me hunter2",
            "x AUTHENTICATE LOGIN me hunter2", "x AUTHENTICATE  PLAIN  aHVudGVyMg==", "x PASS hunter2",
            "x LOGIN me {7+}\r\nhunter2", "USER me\r\nPASS hunter2", "AUTH PLAIN aHVudGVyMg==",
            "x UID LOGIN me hunter2",
        ].map { Odd(.imap, $0) }
        + [
            "XPASS hunter2", "PASS", "PASS  hunter2", "PASShunter2", "PASS:hunter2", "PASS=hunter2", "PASS\thunter2",
            "PASSWORD hunter2", "PASSWD hunter2", " PASS hunter2", "USER me hunter2", "USER me\tPASS hunter2",
            "USER me PASS hunter2", "LOGIN me hunter2", "x LOGIN me hunter2", "XAUTH hunter2",
            "USER  me hunter2", "xuser me hunter2", "X-PASS hunter2", "XAPOP me hunter2",
            "APOP hunter2", "APOP me hunter2 hunter2", "APOP me", "AUTH PLAIN hunter2", "AUTH hunter2 hunter2",
            "AUTH PLAIN aHVudGVyMg==", "AUTH PLAIN aHVudGVyMg== aHVudGVyMg==", "AUTH=PLAIN aHVudGVyMg==",
            "AUTHPLAIN aHVudGVyMg==", "AUTH XHUNT hunter2", "AUTHENTICATE PLAIN aHVudGVyMg==", "RPASS hunter2",
            "USER me\rPASS hunter2", "USER me\r\nhunter2",
        ].map { Odd(.pop3, $0) }
        + [
            "AUTH PLAIN hunter2", "AUTH hunter2 hunter2", "AUTH PLAIN aHVudGVyMg==", "AUTH=PLAIN aHVudGVyMg==",
            "AUTH PLAIN aHVudGVyMg== aHVudGVyMg==", "AUTH\tPLAIN\taHVudGVyMg==", "AUTHPLAIN aHVudGVyMg==",
            "XAUTH PLAIN aHVudGVyMg==", "X-AUTH aHVudGVyMg==", "AUTHENTICATE PLAIN aHVudGVyMg==", "LOGIN me hunter2",
            "AUTH LOGIN me hunter2", "AUTH LOGIN aHVudGVyMg== aHVudGVyMg==", "USER me hunter2", "PASS hunter2",
            "x LOGIN me hunter2", "XPASS hunter2", "XPASSWORD hunter2", " AUTH PLAIN aHVudGVyMg==",
            "AUTH  PLAIN  aHVudGVyMg==", "AUTH XHUNT hunter2", "AUTH CRAM-MD5 hunter2",
        ].map { Odd(.smtp, $0) }

    private static func greeting(_ mailProtocol: MailProtocol) -> [(Side, String)] {
        switch mailProtocol {
        case .smtp, .lmtp:
            [(.server, "220 x\r\n"), (.client, "EHLO x\r\n"), (.server, "250-x\r\n250 AUTH PLAIN LOGIN\r\n")]
        case .pop3: [(.server, "+OK x\r\n")]
        case .imap: [(.server, "* OK x\r\n")]
        }
    }

    /// What a server says that repeats what it did not like.
    private static func echo(_ odd: Odd) -> String {
        let line = odd.lines.split(separator: "\r\n").first.map(String.init) ?? ""
        switch odd.mailProtocol {
        case .smtp, .lmtp: return "500 5.5.2 not: \(line)\r\n"
        case .pop3: return "-ERR not: \(line)\r\n"
        case .imap: return "\(line.hasPrefix("x ") ? "x" : "*") BAD not: \(line)\r\n"
        }
    }

    private static func run(
        _ mailProtocol: MailProtocol, _ turns: [(Side, [UInt8])], step: Int?
    ) -> [Note] {
        var tap = mailProtocol.makeTap()
        var notes: [Note] = []
        for (side, octets) in turns {
            let size = step ?? max(1, octets.count)
            for start in stride(from: 0, to: octets.count, by: size) {
                tap.receive(octets[start..<min(octets.count, start + size)], from: side, into: &notes)
            }
        }
        for side in Side.allCases { tap.end(side, into: &notes) }
        return notes
    }

    @Test(arguments: odd, [nil, 1, 5] as [Int?])
    func nothingIsShown(_ odd: Odd, step: Int?) {
        let turns =
            Self.greeting(odd.mailProtocol) + [(.client, odd.lines + "\r\n"), (.server, Self.echo(odd))]
        let live = Self.run(odd.mailProtocol, turns.map { ($0.0, Array($0.1.utf8)) }, step: step)
        for side in Side.allCases {
            let kept = live.filter { $0.side == side }.flatMap(\.publicOctets)
            let sent = turns.filter { $0.0 == side }.flatMap { Array($0.1.utf8) }
            #expect(kept.count == sent.count)
            let text = kept[...].text
            let isShown = text.contains(Self.secret) || text.contains(Self.secretBase64)
            #expect(!isShown, "\(side): \(text)")
        }
        for case .credential(let credential) in live.flatMap(\.facts) {
            #expect(!credential.account.contains(Self.secret))
        }
        for case .command(let command) in live.map(\.element) {
            #expect(!command.verb.lowercased().contains(Self.secret) && !command.tag.contains(Self.secret))
        }
        // The same is found in what is kept.
        let again = Self.run(odd.mailProtocol, live.map { ($0.side, Array($0.publicOctets)) }, step: step)
        let codes = { (notes: [Note]) in notes.flatMap { note in note.violations.map { "\(note.side) \($0.code)" } } }
        #expect(codes(again).sorted() == codes(live).sorted())
        #expect(again.flatMap(\.publicOctets) == live.flatMap(\.publicOctets))
    }

    /// Found by fuzzing: a command that a hasty client sent as its response was looked for in the server's data, and a keyword of it
    /// masked, so that recordings had data that the session had not. In text it is masked as before.
    @Test func dataRepeatsNothing() {
        let turns: [(Side, String)] = [
            (.server, "* OK x\r\n"), (.client, "a AUTHENTICATE PLAIN\r\n"), (.server, "+ \r\n"),
            (.client, "b EXPUNGE (\\Deleted)\r\n"),
            (.server, "* 2 EXPUNGE\r\n* FLAGS (\\Deleted)\r\n* OK not: b EXPUNGE (\\Deleted)\r\n"),
            (.server, "a BAD not: b EXPUNGE (\\Deleted)\r\n"),
        ]
        let notes = Self.run(.imap, turns.map { ($0.0, Array($0.1.utf8)) }, step: nil)
        let lines = notes.filter { $0.side == .server }.map(\.publicOctets.text)
        #expect(lines.contains("* 2 EXPUNGE\r\n") && lines.contains("* FLAGS (\\Deleted)\r\n"), "\(lines)")
        #expect(!lines.contains { $0.contains("b EXPUNGE (") })
        // What a response is called may be what is repeated: it is read as it is shown.
        let odd: [(Side, String)] = [
            (.server, "* OK x\r\n"), (.client, "a AUTHENTICATE PLAIN\r\n"), (.server, "+ \r\n"),
            (.client, "HUNTER7\r\n"), (.server, "* 1NDS HUNTER7 x\r\n"),
        ]
        let live = Self.run(.imap, odd.map { ($0.0, Array($0.1.utf8)) }, step: nil)
        #expect(!live.flatMap(\.publicOctets)[...].text.contains("HUNTER7"))
        let again = Self.run(.imap, live.map { ($0.side, Array($0.publicOctets)) }, step: nil)
        #expect(again.map(\.element) == live.map(\.element))
    }
}
