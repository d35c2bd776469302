// The protocol is found by what is said, on any port, by any chunking; what is no mail is not taken for it.

import MailCapture
import MailDialogue
import MailRecording
import Testing

struct ProtocolGuessTests {
    /// A dialogue: `S:` and `C:` lines, each with its line end; `S-` and `C-` with the number of octets that are missing.
    private func verdict(
        _ lines: [String], port: UInt16 = 4_711, clientPort: UInt16 = 50_000, midstream: Bool = false, chunk: Int = .max
    ) -> ProtocolGuess.Verdict {
        guess(lines, port: port, clientPort: clientPort, midstream: midstream, chunk: chunk).verdict
    }

    private func guess(
        _ lines: [String], port: UInt16, clientPort: UInt16, midstream: Bool, chunk: Int
    ) -> ProtocolGuess {
        let wire = Wire(port: port, clientPort: clientPort)
        var guess = ProtocolGuess(client: wire.client, server: wire.server, midstream: midstream)
        _ = guess.accept(.opened(flow: 1, client: wire.client, server: wire.server, time: 0, midstream: midstream))
        for (index, line) in lines.enumerated() {
            let side: Side = line.hasPrefix("C") ? .client : .server
            if line.dropFirst().hasPrefix("-") {
                _ = guess.accept(.gap(flow: 1, side: side, count: Int(line.dropFirst(3)) ?? 0, time: Int64(index)))
                continue
            }
            var rest = Array(line.dropFirst(3).utf8)[...]
            while !rest.isEmpty {
                let piece = rest.prefix(chunk)
                rest = rest.dropFirst(piece.count)
                _ = guess.accept(
                    .bytes(
                        flow: 1, side: side, time: Int64(index), piece, packet: index
                    ))
            }
        }
        if guess.verdict == .undecided { _ = guess.accept(.closed(flow: 1, how: .fin, time: 99)) }
        return guess
    }

    @Test(arguments: [
        (["S: 220 mx.example.com ESMTP ready\r\n", "C: EHLO x\r\n"], MailProtocol.smtp),
        (["S: 220-mx.example.com\r\n220 hello\r\n", "C: HELO x\r\n"], .smtp),
        (["S: 554 5.7.1 no\r\n", "C: EHLO x\r\n"], .smtp),
        (["S: 220 mx.example.com\r\n", "C: MAIL FROM:<a@example.org>\r\n"], .smtp),
        (["S: 220 mx.example.com LMTP\r\n", "C: LHLO x\r\n"], .lmtp),
        (["C: EHLO early\r\n", "S: 220 mx.example.com\r\n"], .smtp),
        (["S: +OK ready\r\n", "C: USER a\r\n"], .pop3), (["S: +OK\r\n"], .pop3),
        (["S: * OK IMAP4rev1\r\n"], .imap), (["S: * PREAUTH hi\r\n", "C: a NOOP\r\n"], .imap),
        (["S: * BYE busy\r\n"], .imap),
        (["C: a001 LOGIN a b\r\n"], .imap),
    ])
    func byContentOnAnyPort(lines: [String], expected: MailProtocol) {
        for port in [4_711, 25, 110, 143] as [UInt16] {
            for chunk in [1, 3, Int.max] {
                #expect(verdict(lines, port: port, chunk: chunk) == .mail(expected, isSwapped: false))
            }
        }
    }

    /// A login tells of POP3 where greeting and first command are missing; Redis has another.
    @Test func loginsBehindWhatIsMissing() {
        for midstream in [false, true] {
            #expect(
                verdict(["S- 40", "C- 9", "C: AUTH PLAIN AGEAYg==\r\n", "S: +OK\r\n"], port: 110, midstream: midstream)
                    == .mail(.pop3, isSwapped: false))
            #expect(
                verdict(
                    ["S- 40", "C- 9", "C: AUTH secret\r\n", "S: +OK\r\n", "C: GET x\r\n", "S: $1\r\nx\r\n"], port: 110,
                    midstream: midstream) == .notMail)
            #expect(
                verdict(
                    [
                        "C- 9", "C: AUTH LOGIN\r\n", "S- 40", "S: 334 VXNlcm5hbWU6\r\n", "C: Ym9i\r\n",
                        "S: 334 UGFzc3dvcmQ6\r\n",
                    ], port: 587, midstream: midstream) == .mail(.smtp, isSwapped: false))
        }
    }

    /// Lines in packets of their own, which tell nothing, are not all looked at again with each.
    @Test(arguments: ["C: ", "S: "], [true, false])
    func manyLines(side: String, midstream: Bool) {
        for line in ["\n", "\r\n", "x\n"] {
            let guess = guess(
                [side + String(repeating: line, count: 4_096)], port: 25, clientPort: 50_000, midstream: midstream,
                chunk: line.utf8.count)
            #expect(guess.verdict == .notMail)
            #expect(guess.judgements <= 80)
        }
        // It is found as before behind such lines.
        let lines = Array(repeating: "S: 220-\r\n", count: 90) + ["S: 220 x ESMTP\r\n", "C: EHLO x\r\n"]
        #expect(verdict(lines, port: 4_711, midstream: midstream) == .mail(.smtp, isSwapped: false))
    }

    /// Where the content fits several protocols the port decides.
    @Test func byPort() {
        let greeting = ["S: 220 hello\r\n"]
        #expect(verdict(greeting, port: 25) == .mail(.smtp, isSwapped: false))
        #expect(verdict(greeting, port: 24) == .mail(.lmtp, isSwapped: false))
        #expect(verdict(greeting, port: 21) == .notMail)
        #expect(verdict(["S: -ERR busy\r\n"], port: 110) == .mail(.pop3, isSwapped: false))
        #expect(verdict(["S: 421 busy\r\n"], port: 587) == .mail(.smtp, isSwapped: false))
    }

    /// What a capture has of a dialogue.
    enum View: CaseIterable, Sendable { case both, client, server }

    /// A dialogue as it is seen: what is not is missing, or not even known to be.
    private func verdict(_ lines: [String], _ view: View, port: UInt16, midstream: Bool, gaps: Bool)
        -> ProtocolGuess.Verdict
    {
        let wire = Wire(port: port)
        var guess = ProtocolGuess(client: wire.client, server: wire.server, midstream: midstream)
        _ = guess.accept(.opened(flow: 1, client: wire.client, server: wire.server, time: 0, midstream: midstream))
        for (index, line) in lines.enumerated() {
            let side: Side = line.hasPrefix("C") ? .client : .server
            let octets = Array(line.dropFirst(3).utf8)
            let isSeen = view == .both || (view == .client) == (side == .client)
            if isSeen {
                _ = guess.accept(.bytes(flow: 1, side: side, time: Int64(index), octets[...], packet: index))
            } else if gaps {
                _ = guess.accept(.gap(flow: 1, side: side, count: octets.count, time: Int64(index)))
            }
        }
        return guess.accept(.closed(flow: 1, how: .fin, time: 99))
    }

    /// Dialogues of protocols that share words with those of mail.
    static let others: [(name: String, port: UInt16, lines: [String])] = [
        (
            "Redis", 6_379,
            [
                "C: *3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n", "S: +OK\r\n", "C: *2\r\n$3\r\nFOO\r\n$1\r\na\r\n",
                "S: -ERR unknown command 'FOO', with args beginning with: 'a'\r\n", "C: *2\r\n$3\r\nGET\r\n$1\r\na\r\n",
                "S: $1\r\n1\r\n", "C: *1\r\n$4\r\nQUIT\r\n", "S: +OK\r\n",
            ]
        ),
        (
            "Redis, writing", 6_379,
            ["C: *3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n", "S: +OK\r\n", "S: +OK\r\n", "S: +OK\r\n"]
        ),
        (
            "Redis, refusing", 6_379,
            ["C: *1\r\n$3\r\nFOO\r\n", "S: -ERR unknown command\r\n", "S: -ERR Protocol error\r\n"]
        ),
        (
            "FTP", 21,
            [
                "S: 220 (vsFTPd 3.0.3)\r\n", "C: USER ada\r\n", "S: 331 Please specify the password.\r\n",
                "C: PASS x\r\n",
                "S: 230 Login successful.\r\n", "C: SYST\r\n", "S: 215 UNIX Type: L8\r\n", "C: PWD\r\n",
                "S: 257 \"/\" is the current directory\r\n", "C: PASV\r\n",
                "S: 227 Entering Passive Mode (192,0,2,1,200,1).\r\n", "C: LIST\r\n", "S: 150 Here comes the list.\r\n",
                "S: 226 Done.\r\n", "C: RETR mail.txt\r\n", "S: 550 Failed to open file.\r\n", "C: HELP LIST\r\n",
                "S: 214 Help OK.\r\n", "C: QUIT\r\n", "S: 221 Goodbye.\r\n",
            ]
        ),
        (
            "NNTP", 119,
            [
                "S: 200 news.example.com ready\r\n", "C: MODE READER\r\n", "S: 201 no posting\r\n",
                "C: LIST ACTIVE\r\n",
                "S: 215 list follows\r\nmisc.test 3 1 n\r\n.\r\n", "C: GROUP misc.test\r\n",
                "S: 211 3 1 3 misc.test\r\n",
                "C: STAT 2\r\n", "S: 223 2 <b@example.com>\r\n", "C: ARTICLE 1\r\n",
                "S: 220 1 <a@example.com>\r\nReceived: from a by b with ESMTP\r\nSubject: x\r\n\r\ntext\r\n.\r\n",
                "C: QUIT\r\n", "S: 205 bye\r\n",
            ]
        ),
        (
            "IRC", 6_667,
            [
                "C: CAP LIST\r\n", "C: PASS secret\r\n", "C: NICK ada\r\n", "C: USER ada 0 * :Ada\r\n",
                "S: :irc.example.com NOTICE * :*** Looking up\r\n", "S: :irc.example.com 001 ada :Welcome\r\n",
                "S: PING :irc.example.com\r\n", "C: PONG :irc.example.com\r\n", "C: JOIN #mail\r\n", "C: LIST\r\n",
                "C: QUIT :bye\r\n", "S: ERROR :closing\r\n",
            ]
        ),
        ("memcached", 11_211, ["C: get id\r\n", "S: END\r\n", "C: get search\r\n", "S: END\r\n"]),
    ]

    /// They are not taken for mail, whatever is seen of them.
    @Test(arguments: others.indices, View.allCases) func otherProtocolsByHalves(which: Int, view: View) {
        let (name, port, lines) = Self.others[which]
        var wrong: [String] = []
        for port in [port, 25, 110] {
            // What was acknowledged and not captured is known to be missing; of a flow without its beginning not always.
            for (midstream, gaps) in [(false, true), (true, true), (true, false)] {
                // Without its beginning: from each line on, but for the last ones, which may be of either protocol.
                for start in midstream ? Array(0...(lines.count / 2)) : [0] {
                    let found = verdict(Array(lines[start...]), view, port: port, midstream: midstream, gaps: gaps)
                    if found != .notMail {
                        wrong.append("\(port) midstream \(midstream) gaps \(gaps) from \(start): \(found)")
                    }
                }
            }
        }
        #expect(wrong.isEmpty, "\(name)")
    }

    /// Mail is recognised by either half of it.
    @Test(
        arguments: [
            (
                MailProtocol.pop3, 110 as UInt16,
                [
                    "S: +OK ready\r\n", "C: USER ada\r\n", "S: +OK\r\n", "C: PASS x\r\n", "S: +OK\r\n", "C: STAT\r\n",
                    "S: +OK 2 320\r\n",
                    "C: RETR 1\r\n", "S: +OK 160 octets\r\nSubject: x\r\n\r\nx\r\n.\r\n", "C: QUIT\r\n",
                    "S: +OK bye\r\n",
                ]
            ),
            (
                .smtp, 25,
                [
                    "S: 220 mx.example.com ESMTP\r\n", "C: EHLO a\r\n", "S: 250-mx\r\n250 8BITMIME\r\n",
                    "C: MAIL FROM:<a@b>\r\n",
                    "S: 250 ok\r\n", "C: RCPT TO:<c@d>\r\n", "S: 250 ok\r\n", "C: DATA\r\n", "S: 354 go\r\n",
                    "C: POST\r\n.\r\n",
                    "S: 250 ok\r\n", "C: QUIT\r\n", "S: 221 bye\r\n",
                ]
            ),
            (
                .imap, 143,
                [
                    "S: * OK ready\r\n", "C: a1 LOGIN ada x\r\n", "S: a1 OK done\r\n", "C: a2 SELECT INBOX\r\n",
                    "S: * 3 EXISTS\r\n* FLAGS ()\r\na2 OK done\r\n", "C: a3 LOGOUT\r\n", "S: * BYE\r\na3 OK done\r\n",
                ]
            ),
        ], View.allCases) func mailByHalves(mail: (MailProtocol, UInt16, [String]), view: View)
    {
        for midstream in [false, true] {
            for gaps in midstream ? [false, true] : [true] {
                let found = verdict(mail.2, view, port: mail.1, midstream: midstream, gaps: gaps)
                #expect(found == .mail(mail.0, isSwapped: false), "midstream \(midstream), gaps \(gaps)")
                // Without the greeting and the first command, as a capture begins.
                if midstream {
                    let late = verdict(Array(mail.2.dropFirst(3)), view, port: mail.1, midstream: true, gaps: gaps)
                    #expect(late == .mail(mail.0, isSwapped: false), "late, gaps \(gaps)")
                }
            }
        }
    }

    /// A server that says that it is one of SMTP is, whatever its replies are.
    @Test func repliesOfOthersFromAServerOfSMTP() {
        let lines = ["S: 220 mx.example.com ESMTP\r\n", "S: 402 4.5.2 what\r\n400 4.5.2 what\r\n480 what\r\n"]
        #expect(verdict(lines, port: 465) == .mail(.smtp, isSwapped: false))
        #expect(verdict(lines, port: 4_711, midstream: true) == .mail(.smtp, isSwapped: false))
    }

    /// Case C24: other protocols on the ports of mail.
    @Test(arguments: [
        ["S: 220 FTP server\r\n", "C: USER anonymous\r\n", "S: 331 password\r\n"],
        ["C: GET / HTTP/1.1\r\n", "S: HTTP/1.1 200 OK\r\n"], ["S: SSH-2.0-OpenSSH_9.2\r\n", "C: SSH-2.0-x\r\n"],
        ["C: *1\r\n$4\r\nPING\r\n", "S: +PONG\r\n"], ["C: *2\r\n$3\r\nSET\r\n", "S: +OK\r\n"],
        ["C: \u{16}\u{3}\u{1}..............................\n"], ["C: hello\r\n"], [],
        ["S: RFB 003.008\n"], ["S: 5.5.5-10.3\0\n"],
    ])
    func otherProtocols(lines: [String]) {
        for port in [110, 143, 4_711] as [UInt16] {
            for chunk in [1, Int.max] { #expect(verdict(lines, port: port, chunk: chunk) == .notMail, "port \(port)") }
        }
    }

    /// Case C8: joined midway, in the middle of a line; and case C9: one side only.
    @Test func midstream() {
        #expect(
            verdict(["C: body text\r\n.\r\nMAIL FROM:<a@example.org>\r\n"], midstream: true)
                == .mail(.smtp, isSwapped: false))
        #expect(
            verdict(["S: ed)\r\n* 4 EXISTS\r\na3 OK done\r\n"], port: 143, midstream: true)
                == .mail(.imap, isSwapped: false))
        #expect(
            verdict(["S: LAGS (\\Seen))\r\na3 OK done\r\n", "C: a4 UID FETCH 1 FLAGS\r\n"], midstream: true)
                == .mail(.imap, isSwapped: false))
        #expect(verdict(["C: RETR 1\r\n", "S: +OK 200 octets\r\n"], midstream: true) == .mail(.pop3, isSwapped: false))
        #expect(verdict(["C: EHLO x\r\n", "C: QUIT\r\n"]) == .mail(.smtp, isSwapped: false))
        #expect(verdict(["S: 220 mx ESMTP\r\n", "S: 250 ok\r\n"]) == .mail(.smtp, isSwapped: false))
    }

    /// The ports misled on who is the server: the content corrects it, and the events come with the sides exchanged.
    @Test func swappedSides() {
        var swapped = guess(
            ["C: 220 mx.example.com ESMTP\r\n", "S: EHLO x\r\n"], port: 100, clientPort: 200, midstream: true,
            chunk: .max)
        #expect(swapped.verdict == .mail(.smtp, isSwapped: true))
        var log = FlowLog()
        for event in swapped.takeHeld() { log.add(event) }
        #expect(log.turns == ["S: 220 mx.example.com ESMTP\r\n", "C: EHLO x\r\n"])
        #expect(log.endpoints == "192.0.2.2:100 192.0.2.1:200")
    }

    /// All that was taken is given back once, in order.
    @Test func heldEventsComeBack() {
        let wire = Wire()
        var guess = ProtocolGuess(client: wire.client, server: wire.server, midstream: false)
        let events: [FlowEvent] = [
            .opened(flow: 1, client: wire.client, server: wire.server, time: 0, midstream: false),
            .bytes(flow: 1, side: .server, time: 1, Array("220 mx".utf8)[...], packet: 1),
            .gap(flow: 1, side: .client, count: 3, time: 2),
            .bytes(flow: 1, side: .server, time: 3, Array(" ESMTP\r\n".utf8)[...], packet: 2),
            .bytes(
                flow: 1, side: .client, time: 4, Array("LO x\r\nMAIL FROM:<a@example.org>\r\n".utf8)[...], packet: 3),
        ]
        for event in events.dropLast() { #expect(guess.accept(event) == .undecided) }
        #expect(guess.accept(events[4]) == .mail(.smtp, isSwapped: false))
        #expect(guess.takeHeld() == events)
        #expect(guess.takeHeld().isEmpty)
    }

    /// What is held is bounded, however it comes.
    @Test func holdsNoMoreThanItMust() {
        let wire = Wire()
        var guess = ProtocolGuess(client: wire.client, server: wire.server, midstream: true)
        var pieces = 0
        while guess.verdict == .undecided, pieces < 10_000 {
            pieces += 1
            _ = guess.accept(.bytes(flow: 1, side: .client, time: 0, [UInt8(ascii: "x")][...], packet: 0))
        }
        #expect(guess.verdict == .notMail)
        #expect(pieces <= ProtocolGuess.mostHeld)
        var gaps = ProtocolGuess(client: wire.client, server: wire.server, midstream: true)
        var events = 0
        while gaps.verdict == .undecided, events < 10_000 {
            events += 1
            _ = gaps.accept(.gap(flow: 1, side: .client, count: 1, time: 0))
        }
        #expect(gaps.verdict == .notMail)
    }

    /// A client cannot hide its session by words of other protocols: the server that greeted as one of mail tells.
    @Test(arguments: [
        "*1\r\n", "*3\r\n$4\r\nPING\r\n", "GET / HTTP/1.1\r\n", "USER x\r\n", "PASS x\r\n", "FEAT\r\n", "AUTH TLS\r\n",
        "NICK x\r\n", "MODE READER\r\n", "LIST\r\n",
    ]) func wordsOfOthersHideNothing(word: String) {
        let talks: [(port: UInt16, greeting: String, refusal: String, command: String, mailProtocol: MailProtocol)] = [
            (25, "220 mx.example.com ready\r\n", "500 what?\r\n", "EHLO x\r\n", .smtp),
            (4_711, "220 mx.example.com ESMTP\r\n", "500 what?\r\n", "EHLO x\r\n", .smtp),
            (110, "+OK ready\r\n", "-ERR what?\r\n", "CAPA\r\n", .pop3),
            (143, "* OK ready\r\n", "* BAD what?\r\n", "1 NOOP\r\n", .imap),
        ]
        for talk in talks {
            for chunk in [1, Int.max] {
                let apart = ["S: \(talk.greeting)", "C: \(word)", "S: \(talk.refusal)", "C: \(talk.command)"]
                let found = verdict(apart, port: talk.port, chunk: chunk)
                #expect(found == .mail(talk.mailProtocol, isSwapped: false), "\(talk.greeting) \(chunk)")
                let together = ["S: \(talk.greeting)", "C: \(talk.command)\(word)", "S: \(talk.refusal)"]
                let other = verdict(together, port: talk.port, chunk: chunk)
                #expect(other == .mail(talk.mailProtocol, isSwapped: false), "\(talk.greeting) \(chunk)")
            }
        }
    }

    /// A sum of money in a message is no number of arguments, wherever the capture begins and however much comes at once.
    @Test func sumsOfMoneyAreNoCounts() {
        let message = "Subject: x\r\n\r\n$500\r\nis what it costs\r\n*3\r\n.\r\n"
        let atOnce = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n\(message)"
        #expect(verdict(["C: \(atOnce)", "S: 220 mx ESMTP\r\n"], port: 25) == .mail(.smtp, isSwapped: false))
        #expect(
            verdict(["C: \(message)MAIL FROM:<a@b>\r\n"], port: 25, midstream: true) == .mail(.smtp, isSwapped: false))
        #expect(
            verdict(["S: \(message)", "S: +OK 2 320\r\n"], port: 110, midstream: true) == .mail(.pop3, isSwapped: false)
        )
        #expect(
            verdict(["C: \(message)QUIT\r\n", "S: 250 ok\r\n221 bye\r\n"], port: 25, midstream: true)
                == .mail(.smtp, isSwapped: false))
    }

    /// A server whose greeting was not captured does not begin with one.
    @Test func theGreetingMayBeLost() {
        let wire = Wire(port: 25)
        for isKnown in [true, false] {
            var guess = ProtocolGuess(client: wire.client, server: wire.server, midstream: false)
            _ = guess.accept(.gap(flow: 1, side: .server, count: isKnown ? 20 : 0, time: 0))
            let replies = Array("250-mx.example.com\r\n250 SIZE\r\n".utf8)[...]
            _ = guess.accept(.bytes(flow: 1, side: .server, time: 0, replies, packet: 1))
            let more = Array("250 ok\r\n354 go\r\n250 ok\r\n".utf8)[...]
            _ = guess.accept(.bytes(flow: 1, side: .server, time: 0, more, packet: 2))
            #expect(guess.accept(.closed(flow: 1, how: .fin, time: 9)) == .mail(.smtp, isSwapped: false))
        }
    }

    /// A message in whose middle the capture begins may have any word in capitals, on the port of mail.
    @Test(arguments: ["NOTICE OF MEETING", "PART 1", "POST", "BODY", "SITE MAP", "HEAD", "TYPE"]) func shoutedWords(
        word: String
    ) {
        let lines = [
            "C: of it\r\n\(word)\r\nthe end\r\n.\r\nQUIT\r\n", "S: 250 2.0.0 queued\r\n", "S: 221 2.0.0 bye\r\n",
        ]
        #expect(verdict(lines, port: 25, midstream: true) == .mail(.smtp, isSwapped: false))
        #expect(verdict([lines[0]], port: 4_711, midstream: true) == .notMail)
    }

    /// A browser that was sent to a server of mail, or a client in haste, speaks first: the server tells what it is.
    @Test(arguments: [
        "POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b>\r\n", "*1\r\n$4\r\nEHLO\r\n", "GET / HTTP/1.1\r\n",
    ]) func theServerTellsWhatWasAsked(request: String) {
        for chunk in [1, Int.max] {
            let mail = verdict(["C: \(request)", "S: 220 mx ready\r\n", "S: 500 what?\r\n"], port: 25, chunk: chunk)
            #expect(mail == .mail(.smtp, isSwapped: false))
            for answer in ["S: HTTP/1.1 200 OK\r\n", "S: +PONG\r\n", "S: -ERR no\r\n", "S: +OK\r\n"] {
                #expect(verdict(["C: \(request)", answer], port: 25, chunk: chunk) == .notMail, "\(answer)")
            }
            #expect(verdict(["C: \(request)"], port: 25, chunk: chunk) == .notMail)
        }
    }
}
