// Lines of other programs: stamps of rawlogs, marks of swaks, what openssl prints, and who said what.

import MailDialogue
import MailRecording
import Testing

@Suite struct ImportLinesTests {
    private func octets(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

    @Test func stampsAreTimesAndDirections() {
        let plain = RawlogStamp(octets("1795687200.000250 a NOOP"))
        #expect(plain?.time == 1_795_687_200_000_250 && plain?.side == nil && plain?.length == 18)
        let input = RawlogStamp(octets("1.000001 I: a"))
        #expect(input?.side == .client && input?.isOpen == false && input?.length == 12)
        let output = RawlogStamp(octets("1.000001 O> a"))
        #expect(output?.side == .server && output?.isOpen == true)
        // A word that only looks like a mark is of the line.
        #expect(RawlogStamp(octets("1.000001 X: a"))?.length == 9)
        #expect(RawlogStamp(octets("1.000001 I:"))?.length == 9)
    }

    @Test(arguments: [
        "", "1", "1.", "1.00000 a", "1.0000001 a", ".000001 a", "a.000001 b", "1.000001", "123456789012.000001 a",
        "1,000001 a",
        " 1.000001 a", "1.00a001 b",
    ])
    func otherLinesHaveNoStamp(_ line: String) { #expect(RawlogStamp(octets(line)) == nil) }

    @Test func linesOfSwaksSayWhoSpoke() {
        let lines: [(String, SwaksLine)] = [
            (" -> EHLO a", .said(.client, octets("EHLO a"))), (" ~> x", .said(.client, octets("x"))),
            ("**> x", .said(.client, octets("x"))), ("*~> ", .said(.client, [])), (" ->", .said(.client, [])),
            ("<-  250 ok", .said(.server, octets("250 ok"))), ("<~  250 ok", .said(.server, octets("250 ok"))),
            ("<** 550 no", .said(.server, octets("550 no"))), ("<~* 550 no", .said(.server, octets("550 no"))),
            (" -> 14 lines sent", .leftOut), (" -> 14 lines sent!", .said(.client, octets("14 lines sent!"))),
            ("=== Trying mx.example.com:25...", .connected(host: "mx.example.com", port: 25)),
            ("=== Trying ::1:2525...", .connected(host: "::1", port: 2525)),
            ("=== Connected to 192.0.2.1.", .connected(host: "192.0.2.1", port: nil)),
            ("=== TLS started with cipher TLSv1.3:AES:256", .secured(version: "TLSv1.3", cipher: "AES")),
            ("=== Connection closed with remote host.", .closed), ("=== anything", .remark),
            ("*** Timeout", .complaint),
            ("plain", .other), ("", .other), ("<-", .other), ("<-x250", .other),
        ]
        for (line, wanted) in lines { #expect(SwaksLine(octets(line)) == wanted, "\(line)") }
    }

    @Test func whatOpenSSLPrintsIsToldFromTheSession() {
        let file = """
            Connecting to 192.0.2.1
            CONNECTED(00000003)
            depth=0 CN = mx.example.com
            verify error:num=18:self-signed certificate
            ---
            Certificate chain
             0 s:CN = mx.example.com
            ---
            New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384
            Verify return code: 18 (self-signed certificate)
            ---
            ---
            Post-Handshake New Session Ticket arrived:
            SSL-Session:
                0000 - 5d 0a 1b 11
            ---
            read R BLOCK
            * OK hi
            a NOOP
            >>> TLS 1.3, RecordHeader [length 0005]
                17 03 03 00 13
            a OK done
            ---
            Post-Handshake New Session Ticket arrived:
            * OK not of the session
            ---
            b LOGOUT
            * BYE
            closed
            """
        var noise = OpenSSLNoise()
        var session: [String] = []
        var others: [OpenSSLNoise.Line] = []
        for line in file.split(separator: "\n") {
            let kind = noise.take(octets(String(line)))
            switch kind {
            case .session: session.append(String(line))
            case .noise: break
            case .connecting, .secured, .closed: others.append(kind)
            }
        }
        #expect(session == ["* OK hi", "a NOOP", "a OK done", "b LOGOUT", "* BYE"])
        #expect(
            others == [
                .connecting("192.0.2.1"), .secured(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384"), .closed,
            ])
    }

    @Test(arguments: [
        [
            "S 220 mx ESMTP", "C EHLO a", "S 250-mx", "S 250 ok", "C MAIL FROM:<a@example.com>", "S 250 ok", "C DATA",
            "S 354 go",
            "C 250 is my lucky number", "C ", "C .", "S 250 ok", "C QUIT", "S 221 bye",
        ],
        [
            "S +OK hi", "C USER a", "S +OK", "C RETR 1", "S +OK", "S Subject: x", "S QUIT", "S ", "S .", "C LIST 1",
            "S +OK 1 2",
            "C LIST", "S +OK", "S 1 2", "S .", "C QUIT", "S +OK",
        ],
        [
            "S * OK hi", "C a LOGIN x y", "S a OK in", "C b FETCH 1 BODY[]", "S * 1 FETCH (BODY[] {10}", "S c NOOP",
            "S x)",
            "S b OK done", "C d APPEND x {3}", "S + go", "C a", "C ", "S d OK", "C e LOGOUT", "S * BYE x", "S e OK",
        ],
    ])
    func linesSayWhoSaidThem(_ lines: [String]) {
        var dialogue = TypedDialogue()
        for line in lines {
            let side = dialogue.side(of: octets(line.dropFirst(2) + "\r\n"))
            #expect(side == (line.hasPrefix("C") ? .client : .server), "\(line)")
        }
    }

    /// A listing whose command nobody saw.
    @Test func unseenCommandsMakeNoClients() {
        var dialogue = TypedDialogue()
        for line in ["+OK hi", "+OK 2 messages", "1 120", "2 90", "."] {
            #expect(dialogue.side(of: octets(line + "\r\n")) == .server, "\(line)")
        }
    }
}
