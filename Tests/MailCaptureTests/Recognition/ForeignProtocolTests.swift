// C24: what is not mail is no session, on whatever port, from wherever it is seen.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct ForeignProtocolTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var lines: [String]
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "HTTP",
            lines: [
                "C: GET /a HTTP/1.1\r\nHost: search\r\nConnection: close\r\nAccept: */*\r\n\r\n",
                "S: HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nhello\r\n",
            ]),
        Case(
            name: "HTTP POST",
            lines: [
                "C: POST /login HTTP/1.0\r\nCookie: id\r\nContent-Length: 9\r\n\r\nuser=list\r\n",
                "S: HTTP/1.0 404 No\r\n\r\n",
            ]),
        Case(
            name: "SSH",
            lines: ["S: SSH-2.0-OpenSSH_9.2\r\n", "C: SSH-2.0-Go\r\n", "C: \u{0}\u{0}\u{1}\u{2}\u{5}\u{14}x\n"]),
        Case(
            name: "redis",
            lines: [
                "C: *2\r\n$4\r\nAUTH\r\n$6\r\ns3cret\r\n", "S: +OK\r\n", "C: *1\r\n$4\r\nPING\r\n", "S: +PONG\r\n",
                "C: *2\r\n$3\r\nGET\r\n$1\r\na\r\n", "S: $1\r\nb\r\n",
            ]),
        Case(
            name: "redis that refuses",
            lines: [
                "C: *1\r\n$4\r\nKEYS\r\n", "S: -ERR wrong number of arguments\r\n", "C: *1\r\n$4\r\nQUIT\r\n",
                "S: +OK\r\n",
            ]),
        Case(
            name: "FTP",
            lines: [
                "S: 220 (vsFTPd 3.0.3)\r\n", "C: USER anonymous\r\n", "S: 331 Please specify the password.\r\n",
                "C: PASS me@example.com\r\n", "S: 230 Login successful.\r\n", "C: QUIT\r\n", "S: 221 Goodbye.\r\n",
            ]),
        Case(
            name: "FTP with TLS",
            lines: ["S: 220 files\r\n", "C: AUTH TLS\r\n", "S: 234 go\r\n", "C: \u{16}\u{3}\u{1}\u{0}\u{4}x\n"]),
        Case(
            name: "NNTP",
            lines: [
                "S: 200 news.example.com ready\r\n", "C: MODE READER\r\n", "S: 200 posting allowed\r\n",
                "C: GROUP misc.test\r\n", "S: 211 1 1 1 misc.test\r\n", "C: QUIT\r\n", "S: 205 bye\r\n",
            ]),
        Case(
            name: "ManageSieve",
            lines: [
                "S: \"IMPLEMENTATION\" \"Example\"\r\n\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n",
                "C: AUTHENTICATE \"PLAIN\" \"AGFsaWNlAHMzY3JldA==\"\r\n", "S: OK \"in\"\r\n", "C: LISTSCRIPTS\r\n",
                "S: \"main\" ACTIVE\r\nOK \"done\"\r\n", "C: LOGOUT\r\n", "S: OK \"bye\"\r\n",
            ]),
    ]

    @Test(arguments: cases, [25, 110, 143, 4_711] as [UInt16]) func isNoSession(_ one: Case, port: UInt16) throws {
        for chunk in [1, 5, 1_400] {
            let reading = try MadeCapture(SomeMail.turns(one.lines), port: port, chunk: chunk).read()
            #expect(reading.summaries.isEmpty, "chunk \(chunk)")
            #expect(reading.counters.notMail == 1)
        }
    }

    /// Of a capture that begins later, or of one side, replies of three digits on a port of mail may be of anything: those of FTP and NNTP are
    /// not judged here, nor is `+OK` of redis, before its client was heard.
    @Test(arguments: cases.filter { !["FTP", "FTP with TLS", "NNTP"].contains($0.name) }, [25, 110, 143] as [UInt16])
    func isNoSessionFromWhereverItIsSeen(_ one: Case, port: UInt16) throws {
        let isRedis = one.name.hasPrefix("redis")
        for first in isRedis ? [3] : [3, 4] {
            let late = try MadeCapture(SomeMail.turns(one.lines), port: port, from: first).read()
            #expect(late.summaries.isEmpty, "from packet \(first)")
        }
        for side in isRedis ? [Side.client] : Side.allCases {
            let half = try MadeCapture(SomeMail.turns(one.lines), port: port, only: side).read()
            #expect(half.summaries.isEmpty, "the \(side) alone")
        }
    }

    /// C8, C9: mail on any port, joined at any packet that has more behind it, and of either side.
    @Test(arguments: [(SomeMail.smtp, MailProtocol.smtp), (SomeMail.pop3, .pop3), (SomeMail.imap, .imap)])
    func mailIsFound(_ mail: Turns, _ expected: MailProtocol) throws {
        for port in [4_711, expected.wellKnownPort] {
            for side in Side.allCases {
                // USER, PASS and QUIT are of FTP as well: without the server the port has to tell.
                if expected == .pop3, side == .client, port == 4_711 { continue }
                let half = try MadeCapture(mail, port: port, only: side).read()
                #expect(half.summaries.map(\.info.mailProtocol) == [expected], "the \(side) alone, on port \(port)")
            }
            let late = try MadeCapture(mail, port: port, from: 4).read()
            #expect(late.summaries.map(\.info.mailProtocol) == [expected], "without its greeting, on port \(port)")
        }
    }

    /// What was left out is counted by what it speaks.
    @Test func isCountedByWhatItSpeaks() throws {
        let expected: [(String, ForeignSpeech)] = [
            ("HTTP", .http), ("HTTP POST", .http), ("SSH", .ssh), ("redis", .redis), ("FTP", .replies),
            ("NNTP", .replies), ("ManageSieve", .text),
        ]
        for (name, speech) in expected {
            let lines = try #require(Self.cases.first { $0.name == name }).lines
            let counters = try MadeCapture(SomeMail.turns(lines), port: 4_711).read().counters
            #expect(counters.notMail == 1 && counters.foreign == [speech: 1], "\(name)")
        }
        #expect(try MadeCapture([], port: 25).read().counters.foreign == [.silence: 1])
        let binary = try MadeCapture([(.client, [5, 1, 0]), (.server, [5, 255])], port: 1_080).read().counters
        #expect(binary.foreign == [.binary: 1])
        // A dialogue of mail behind a request that opens no tunnel.
        let hidden = try MadeCapture(
            SomeMail.turns(["C: GET / HTTP/1.1\r\n\r\n", "S: HTTP/1.1 200 OK\r\n\r\n", "S: +OK\r\n", "C: USER a\r\n"]),
            port: 110
        ).read()
        #expect(hidden.summaries.isEmpty && hidden.counters.foreign == [.http: 1])
    }
}
