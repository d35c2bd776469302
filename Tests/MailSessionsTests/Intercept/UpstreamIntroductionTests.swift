// Telling upstreams who the client is, with every answer that they may give and in every chunking.

import MailDialogue
import MailRecording
import Testing

@testable import MailSessions

struct UpstreamIntroductionTests {
    private typealias Step = UpstreamIntroduction.Step

    private static let sizes = [1, 2, 7, 10_000]

    private func introduction(_ mailProtocol: MailProtocol, client: String = "192.0.2.1:56324") throws
        -> UpstreamIntroduction
    {
        UpstreamIntroduction(
            mailProtocol, name: "proxy.example.com", client: try #require(SocketAddress(client)),
            server: try #require(SocketAddress("198.51.100.7:25")))
    }

    /// Plays the server's turns, each of which is said when the one before was answered, and gives what came of it.
    private func play(_ introduction: UpstreamIntroduction, by size: Int, _ turns: [String]) -> [Step] {
        var introduction = introduction
        var steps: [Step] = []
        for turn in turns {
            let octets = Array(turn.utf8)
            var start = 0
            while start < octets.count {
                let end = min(start + size, octets.count)
                let step = introduction.receive(octets[start..<end])
                if step != .more { steps.append(step) }
                start = end
            }
        }
        return steps
    }

    private func send(_ text: String) -> Step { .send(Array((text + "\r\n").utf8)) }
    private func done(_ greeting: String, _ complaint: String? = nil) -> Step {
        .done(greeting: Array(greeting.utf8), complaint: complaint)
    }

    @Test(arguments: sizes) func xclient(_ size: Int) throws {
        let all = "250-mx.example.com\r\n250-SIZE\r\n250 XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"
        #expect(
            play(try introduction(.smtp), by: size, ["220-hello\r\n220 ready\r\n", all, "220 again\r\n"]) == [
                send("EHLO proxy.example.com"),
                send("XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1 PORT=56324 DESTADDR=198.51.100.7 DESTPORT=25"),
                done("220 again\r\n"),
            ])
        #expect(
            play(
                try introduction(.lmtp, client: "[2001:db8::1]:7"), by: size,
                ["220 ready\r\n", "250-a\r\n250-xclient addr port\r\n250 X\r\n", "220-a\r\n220 b\r\n"]) == [
                    send("LHLO proxy.example.com"), send("XCLIENT ADDR=IPV6:2001:db8::1 PORT=7"),
                    done("220-a\r\n220 b\r\n"),
                ])
    }

    @Test(arguments: sizes) func smtpServersThatDoNotTakeIt(_ size: Int) throws {
        for (turns, wanted) in [
            (["554 no\r\n"], [done("554 no\r\n")]),
            (
                ["220 a\r\n", "250 mx\r\n"],
                [send("EHLO proxy.example.com"), done("220 a\r\n", "it does not offer XCLIENT")]
            ),
            (
                ["220 a\r\n", "250-mx\r\n250 XCLIENT NAME\r\n"],
                [send("EHLO proxy.example.com"), done("220 a\r\n", "it does not offer XCLIENT")]
            ),
            (
                ["220 a\r\n", "502 what\r\n"],
                [send("EHLO proxy.example.com"), done("220 a\r\n", "it does not offer XCLIENT")]
            ),
            (
                ["220 a\r\n", "250-mx\r\n250 XCLIENT ADDR\r\n", "550 5.7.0 no\r\n"],
                [
                    send("EHLO proxy.example.com"), send("XCLIENT ADDR=192.0.2.1"),
                    done("220 a\r\n", "it answers XCLIENT with '550 5.7.0 no'"),
                ]
            ),
            (
                ["220 a\r\n", "250-mx\r\n250 XCLIENT ADDR\r\n", "421 bye\r\n"],
                [send("EHLO proxy.example.com"), send("XCLIENT ADDR=192.0.2.1"), done("421 bye\r\n")]
            ),
            (["hello\r\n"], [.failed("it says 'hello'")]), (["\r\n"], [.failed("it says ''")]),
        ] {
            #expect(play(try introduction(.smtp), by: size, turns) == wanted)
        }
    }

    private let id =
        "mailproxy ID (\"x-originating-ip\" \"192.0.2.1\" \"x-originating-port\" \"56324\" \"x-connected-ip\" \"198.51.100.7\""
        + " \"x-connected-port\" \"25\")"

    @Test(arguments: sizes) func imapID(_ size: Int) throws {
        let offering = "* OK [CAPABILITY IMAP4rev1 ID IDLE] ready\r\n"
        #expect(
            play(try introduction(.imap), by: size, [offering, "* ID (\"name\" \"x\")\r\nmailproxy OK done\r\n"]) == [
                send(id), done(offering),
            ])
        #expect(
            play(
                try introduction(.imap), by: size,
                ["* OK ready\r\n", "* CAPABILITY IMAP4rev1 ID\r\nmailproxy OK\r\n", "mailproxy OK\r\n"]) == [
                    send("mailproxy CAPABILITY"), send(id), done("* OK ready\r\n"),
                ])
    }

    @Test(arguments: sizes) func imapServersThatDoNotTakeIt(_ size: Int) throws {
        let bare = "* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n"
        for (turns, wanted) in [
            (["* BYE no\r\n"], [done("* BYE no\r\n")]), ([bare], [done(bare, "it does not offer ID")]),
            (
                ["* OK [ALERT] x\r\n", "* CAPABILITY IDLE\r\nmailproxy OK\r\n"],
                [send("mailproxy CAPABILITY"), done("* OK [ALERT] x\r\n", "it does not offer ID")]
            ),
            (
                ["* PREAUTH [CAPABILITY ID] x\r\n", "mailproxy NO no\r\n"],
                [send(id), done("* PREAUTH [CAPABILITY ID] x\r\n", "it answers ID with 'mailproxy NO no'")]
            ),
        ] {
            #expect(play(try introduction(.imap), by: size, turns) == wanted)
        }
    }

    @Test func whatIsSaidUnaskedIsTheClients() throws {
        var introduction = try introduction(.imap)
        #expect(
            introduction.receive(Array("* OK [CAPABILITY X] a\r\n* 3 EXISTS\r\n".utf8))
                == done("* OK [CAPABILITY X] a\r\n* 3 EXISTS\r\n", "it does not offer ID"))
    }

    @Test func serversThatSayTooMuch() throws {
        var endless = try introduction(.smtp)
        #expect(endless.receive([UInt8](repeating: 50, count: 8192)) == .more)
        #expect(endless.receive([50]) == .failed("its line is longer than 8192 octets"))
        var flood = try introduction(.imap)
        _ = flood.receive(Array("* OK x\r\n".utf8))
        var last = Step.more
        for _ in 0..<10_000 where last == .more { last = flood.receive(Array("* 1 EXISTS\r\n".utf8)) }
        #expect(last == .failed("it says more than 65536 octets before it is asked"))
    }

    @Test func afterTheGreetingOfAnUpgrade() throws {
        var introduction = try introduction(.smtp)
        #expect(introduction.begin(greeting: Array("220 a\r\n".utf8)) == send("EHLO proxy.example.com"))
    }
}
