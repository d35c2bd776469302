// Transcripts for people: what is folded, what is masked, and that a terminal cannot obey them.

import MailDialogue
import MailRecording
import Testing

@Suite struct TranscriptRendererTests {
    private func render(
        _ mailProtocol: MailProtocol, _ turns: [(Side, String)], isFull: Bool = false, coloured: Bool = false
    ) -> String {
        let info = SessionInfo(
            id: "abc", mailProtocol: mailProtocol, start: 0, client: SocketAddress(ip: .v4(0x7F00_0001), port: 40_000),
            server: SocketAddress(ip: .v4(0x7F00_0001), port: 25), route: "smtp://127.0.0.1:1025=fallback")
        var tap = mailProtocol.makeTap()
        var book = SessionBook(info: info, fingerprintKey: [])
        var renderer = TranscriptRenderer(
            info, TranscriptRenderer.Options(isFull: isFull, style: TextStyle(isColoured: coloured)))
        var events: [RecordEvent] = []
        var out = ""
        var time: Int64 = 0
        renderer.head(nil, into: &out)
        for (side, text) in turns {
            var notes: [Note] = []
            tap.receive(Array(text.utf8)[...], from: side, into: &notes)
            book.accept(notes, at: time, into: &events)
            renderer.accept(notes[...], at: time, into: &out)
            time += 3000
        }
        book.close(.closed, at: time, into: &events)
        renderer.close(book.summary, into: &out)
        return out
    }

    @Test func aSessionIsReadWithPleasure() {
        let text = render(
            .imap, [(.server, "* OK hi\r\n"), (.client, "a1 LOGIN alice s3cret99\r\n"), (.server, "a1 OK in\n")])
        #expect(
            text == """
                Session   abc  IMAP
                Path      127.0.0.1:40000 → 127.0.0.1:25
                Route     smtp://127.0.0.1:1025=fallback
                Start     1970-01-01T00:00:00.000000Z

                   +0.000  ← S: * OK hi
                   +0.003  → C: a1 LOGIN alice ********
                   +0.006  ← S: a1 OK in
                             ! \(Violation.imapReplyBareLineEnd.code) (server, \(Violation.imapReplyBareLineEnd.severity.rawValue), \(Violation.imapReplyBareLineEnd.section)): \(Violation.imapReplyBareLineEnd.meaning)
                   +0.009  ■ closed: 2 exchanges, 0 messages, 1 violation, client 25 octets, server 18 octets

                """)
    }

    private let long = "Subject: folded\r\n\r\n" + (1...40).map { "line \($0)\r\n" }.joined()

    @Test func contentIsFolded() {
        let turns: [(Side, String)] = [
            (.server, "220 mx\r\n"), (.client, "DATA\r\n"), (.server, "354 go\r\n"), (.client, long + ".\r\n"),
            (.server, "250 ok\r\n"),
        ]
        let folded = render(.smtp, turns)
        #expect(folded.contains("│ line 6\n"))
        #expect(!folded.contains("│ line 7\n"))
        #expect(folded.contains("… \(long.utf8.count) octets of message data, sha256 "))
        #expect(folded.contains("subject \"folded\"\n"))
        let full = render(.smtp, turns, isFull: true)
        for line in 1...40 { #expect(full.contains("│ line \(line)\n")) }
    }

    @Test func listingsAreFolded() {
        let listing = "+OK\r\n" + (1...500).map { "\($0) 1000\r\n" }.joined() + ".\r\n"
        let turns: [(Side, String)] = [(.server, "+OK\r\n"), (.client, "LIST\r\n"), (.server, listing)]
        let folded = render(.pop3, turns)
        #expect(folded.contains("S: 16 1000\n") && !folded.contains("S: 17 1000\n"))
        #expect(folded.contains("… 484 more lines, 4,757 octets\n"))
        #expect(render(.pop3, turns, isFull: true).contains("S: 500 1000\n"))
    }

    @Test func whatFollowsTLSIsOneLine() {
        let text = render(
            .smtp,
            [
                (.server, "220 mx\r\n"), (.client, "STARTTLS\r\n"), (.server, "220 go\r\n"),
                (.client, "\u{16}\u{3}abc"),
                (.server, "\u{16}\u{3}d"), (.client, "e"),
            ])
        #expect(text.contains("not followed from here on (TLS): client 6 octets, server 3 octets\n"))
        #expect(!text.contains("abc\n"))
    }

    /// Case W23: no control of a stranger reaches the terminal.
    @Test func controlsAreInert() {
        let evil = "Subject: \u{1B}]0;owned\u{7}\u{1B}[2J\u{9B}31m\u{202E}gpj.exe\u{2066}\r\n"
        let turns: [(Side, String)] = [
            (.server, "220 mx \u{1B}[31m\u{202E}\r\n"), (.client, "DATA\r\n"), (.server, "354 go\r\n"),
            (.client, evil + "\r\n\u{8}\u{7F}\r\n.\r\n"), (.server, "250 ok\r\n"),
        ]
        for isFull in [false, true] {
            let text = render(.smtp, turns, isFull: isFull)
            let controls = text.unicodeScalars.filter {
                ($0.value < 32 && $0.value != 10) || (127..<160).contains($0.value)
                    || (0x202A...0x202E).contains($0.value)
                    || (0x2066...0x2069).contains($0.value)
            }
            #expect(controls.isEmpty)
            #expect(text.contains("\\x1b]0;owned\\x07\\x1b[2J\\u{9b}31m\\u{202e}gpj.exe\\u{2066}"))
        }
    }

    @Test func coloursAreOursAlone() {
        let plain = render(.smtp, [(.server, "220 mx\r\n")])
        let coloured = render(.smtp, [(.server, "220 mx\r\n")], coloured: true)
        #expect(!plain.contains("\u{1B}"))
        #expect(coloured.contains("\u{1B}[32m← S: \u{1B}[0m220 mx\n"))
    }

    @Test func brokenUTF8IsShown() {
        #expect(InertText.of([0x61, 0xFF, 0xC3, 0xA9, 0xC3]) == "a\\xffé\\xc3")
        // Overlong, a surrogate, beyond U+10FFFF (RFC 3629 §3).
        #expect(InertText.of([0xC0, 0x80]) == "\\xc0\\x80")
        #expect(InertText.of([0xE0, 0x80, 0x80]) == "\\xe0\\x80\\x80")
        #expect(InertText.of([0xED, 0xA0, 0x80]) == "\\xed\\xa0\\x80")
        #expect(InertText.of([0xF4, 0x90, 0x80, 0x80]) == "\\xf4\\x90\\x80\\x80")
        #expect(InertText.of([0xF0, 0x9F, 0x98, 0x80]) == "😀")
        #expect(InertText.of("a\tb") == "a    b")
    }

    @Test func figures() {
        #expect(
            [0, 999, 1000, 1_234_567, -12_345].map(Figures.grouped) == ["0", "999", "1,000", "1,234,567", "-12,345"])
        #expect([0, 1_234_567, -1_500_000].map(Figures.seconds) == ["0.000", "1.234", "-1.500"])
        #expect(Figures.count(1, "octet") == "1 octet" && Figures.count(2, "octet") == "2 octets")
        #expect(Figures.grouped(Int.min).hasPrefix("-9,223"))
    }

    @Test func rowsHaveStableNames() {
        var row = Exchange(number: 3, time: 1_500_000, command: "RCPT", line: "RCPT TO:<a@example.org>")
        row.last = 2_000_000
        row.replyStatus = .refused
        row.replyCode = "550"
        row.replyText = "no \"such\" user"
        row.content = Exchange.ContentSummary(side: .client, bytes: 5, sha256: "ab")
        row.violations = [.smtpBareLineEnd]
        row.changed = ["r"]
        #expect(
            SessionJSON.line(row)
                == #"{"n":3,"time":"1970-01-01T00:00:01.500000Z","seconds":0.500000,"command":"RCPT","line":"RCPT TO:<a@example.org>","reply":{"status":"refused","code":"550","text":"no \"such\" user"},"content":{"side":"client","bytes":5,"sha256":"ab"},"violations":[{"code":"smtp-bare-lf","side":"client","section":"RFC 5321 §2.3.8"}],"changed":["r"]}"#
        )
    }
}
