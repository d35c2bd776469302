// Mail behind SOCKS, CONNECT and PROXY headers is found as if they were not there, and they tell who and where.

import MailCapture
import MailDialogue
import MailRecording
import MailSessions
import Testing

@Suite struct TunnelWalkTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var turns: Turns
        var client = "10.0.0.1:40000"
        var server = "10.0.0.2:1080"
        var way: String
        var testDescription: String { name }
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    private static let bound: [UInt8] = [10, 0, 0, 9, 0x9C, 0x40]
    private static let ends = ProxyHeader.Ends(
        client: SocketAddress(IPAddress(v4: 0xC000_0207), 5_555), server: SocketAddress(IPAddress(v4: 0xC000_0208), 25))
    private static let wish = bytes("\u{03}") + [15] + bytes("mx1.example.com") + [0, 25]
    private static let connect = bytes(
        "CONNECT mx1.example.com:25 HTTP/1.1\r\nHost: mx1.example.com\r\nProxy-Authorization: Basic dXNlcjpob3JzZQ==\r\n\r\n"
    )

    static let cases = [
        Case(
            name: "SOCKS 4",
            turns: [(.client, [4, 1, 0, 25, 192, 0, 2, 8] + bytes("horse") + [0]), (.server, [0, 90] + bound)],
            server: "192.0.2.8:25", way: "SOCKS 4 to 192.0.2.8:25"),
        Case(
            name: "SOCKS 4a",
            turns: [
                (.client, [4, 1, 0, 25, 0, 0, 0, 1] + bytes("horse") + [0] + bytes("mx1.example.com") + [0]),
                (.server, [0, 90] + bound),
            ], way: "SOCKS 4 to mx1.example.com:25"),
        Case(
            name: "SOCKS 5",
            turns: [
                (.client, [5, 1, 0]), (.server, [5, 0]), (.client, [5, 1, 0] + wish), (.server, [5, 0, 0, 1] + bound),
            ], way: "SOCKS 5 to mx1.example.com:25"),
        Case(
            name: "SOCKS 5 with a password",
            turns: [
                (.client, [5, 2, 0, 2]), (.server, [5, 2]), (.client, [1, 4] + bytes("user") + [5] + bytes("horse")),
                (.server, [1, 0]), (.client, [5, 1, 0, 1, 192, 0, 2, 8, 0, 25]), (.server, [5, 0, 0, 1] + bound),
            ], server: "192.0.2.8:25", way: "SOCKS 5 to 192.0.2.8:25"),
        Case(
            name: "SOCKS 5 whose client does not wait",
            turns: [
                (.client, [5, 1, 0, 5, 1, 0] + wish), (.server, [5, 0, 5, 0, 0, 3, 1, 65, 0, 25]),
            ], way: "SOCKS 5 to mx1.example.com:25"),
        Case(
            name: "CONNECT",
            turns: [
                (.client, connect),
                (.server, bytes("HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")),
            ],
            way: "HTTP CONNECT to mx1.example.com:25"),
        Case(
            name: "PROXY 1", turns: [(.client, ProxyHeader(version: .v1, ends: ends).octets)],
            client: "192.0.2.7:5555", server: "192.0.2.8:25", way: "PROXY protocol from 10.0.0.1:40000"),
        Case(
            name: "PROXY 2", turns: [(.client, ProxyHeader(version: .v2, ends: ends).octets)],
            client: "192.0.2.7:5555", server: "192.0.2.8:25", way: "PROXY protocol from 10.0.0.1:40000"),
        Case(
            name: "CONNECT within SOCKS 5 behind PROXY",
            turns: [
                (.client, ProxyHeader(version: .v2, ends: ends).octets), (.client, [5, 1, 0]), (.server, [5, 0]),
                (.client, [5, 1, 0, 1, 192, 0, 2, 9, 12, 56]), (.server, [5, 0, 0, 1] + bound), (.client, connect),
                (.server, bytes("HTTP/1.0 200 OK\r\n\r\n")),
            ], client: "192.0.2.7:5555",
            way: "HTTP CONNECT to mx1.example.com:25, through 10.0.0.1:40000"),
    ]

    @Test(arguments: cases, [1, 3, 1_400]) func isSteppedOver(_ one: Case, chunk: Int) throws {
        for (mail, name) in [(SomeMail.smtp, "smtp"), (SomeMail.pop3, "pop3"), (SomeMail.imap, "imap")] {
            let reading = try MadeCapture(one.turns + mail, port: 1_080, chunk: chunk).read()
            #expect(reading.outline() == ["\(name) \(name == "smtp" ? 1 : 0)+0 alice -"])
            let info = try #require(reading.summaries.first?.info)
            #expect(info.client.description == one.client)
            #expect(info.server.description == one.server)
            #expect(info.way?.text == one.way)
            #expect(reading.summaries.first?.violations == 0)
            // What logs in to the proxy is nothing of the session.
            #expect(!reading.recorded.contains("horse") && !reading.recorded.contains("dXNlcjpob3JzZQ=="))
            #expect(reading.credentials.count == 1)
        }
    }

    /// Without the packets of one side the other is enough. Nobody knows what the client asked for, where it was not captured.
    @Test(arguments: cases, [Side.client, .server]) func ofOneSide(_ one: Case, _ side: Side) throws {
        let reading = try MadeCapture(one.turns + SomeMail.smtp, port: 1_080, chunk: 3, only: side).read()
        #expect(reading.summaries.map(\.info.mailProtocol) == [.smtp])
        #expect(!reading.recorded.contains("horse") && !reading.recorded.contains("dXNlcjpob3JzZQ=="))
        if side == .client { #expect(reading.summaries.first?.info.way?.text == one.way) }
    }

    /// The handshake of TCP was not captured, and the session is whole all the same.
    @Test(arguments: cases) func midstream(_ one: Case) throws {
        let reading = try MadeCapture(one.turns + SomeMail.smtp, port: 1_080, from: 3).read()
        #expect(reading.outline() == ["smtp 1+0 alice -"])
        #expect(reading.summaries.first?.info.way?.text == one.way)
        #expect(reading.summaries.first?.gaps == 0)
    }

    static let refused: [(String, Turns)] = [
        ("SOCKS 4", [(.client, [4, 1, 0, 25, 192, 0, 2, 8, 0]), (.server, [0, 91, 0, 0, 0, 0, 0, 0])]),
        ("SOCKS 5 method", [(.client, [5, 1, 0]), (.server, [5, 255])]),
        (
            "SOCKS 5 login",
            [(.client, [5, 1, 2]), (.server, [5, 2]), (.client, [1, 1, 65, 1, 66]), (.server, [1, 1])]
        ),
        (
            "SOCKS 5 request",
            [
                (.client, [5, 1, 0]), (.server, [5, 0]), (.client, [5, 1, 0] + wish),
                (.server, [5, 5, 0, 1, 0, 0, 0, 0, 0, 0]),
            ]
        ), ("CONNECT", [(.client, connect), (.server, bytes("HTTP/1.1 407 Who are you\r\n\r\n220 mx ESMTP\r\n"))]),
        (
            "an endless request",
            [(.client, bytes("CONNECT a:25 HTTP/1.1\r\nx: " + String(repeating: "y", count: 40_000)))]
        ),
        (
            "a web page",
            [(.server, bytes("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n220 mx ESMTP\r\n250 x\r\n"))]
        ),
    ]

    @Test(arguments: refused.indices) func refusedIsNoSession(_ index: Int) throws {
        for port in [1_080, 25] as [UInt16] {
            let reading = try MadeCapture(Self.refused[index].1, port: port).read()
            #expect(reading.summaries.isEmpty, "\(Self.refused[index].0)")
            #expect(reading.counters.notMail == 1)
        }
    }

    /// What only begins like a tunnel is read as it is.
    @Test(arguments: ["C: CAPABILITY LIST\r\n", "C: PROXIMITY\r\n", "C: CONNECT\r\n", "C: P LOGIN a b\r\n"])
    func looksLikeOne(_ line: String) throws {
        let turns = SomeMail.turns([
            "S: * OK [CAPABILITY IMAP4rev1] hi\r\n", line, "S: x BAD no\r\n", "C: b LOGOUT\r\n",
        ])
        let reading = try MadeCapture(turns, port: 4_711, chunk: 1).read()
        #expect(reading.summaries.map(\.info.mailProtocol) == [.imap])
        #expect(reading.summaries.first?.info.way == nil)
        #expect(
            reading.summaries.first?.clientBytes
                == turns.filter { $0.side == .client }.reduce(0) { $0 + $1.octets.count })
    }

    @Test(
        "Requests that are as long as they may be, and come in single octets, are walked over as if they came at once")
    func singleOctets() {
        let name = String(repeating: "n", count: 255)
        let fields = (0..<900).map { "X-Field-\($0): some words\r\n" }.joined()
        let greeting = Self.bytes("220 mx1.example.com ESMTP\r\n")
        let requests: [(String, [UInt8], reply: [UInt8])] = [
            ("SOCKS 4a", [4, 1, 0, 25, 0, 0, 0, 1] + Self.bytes(name + "\0" + name + "\0"), [0, 90] + Self.bound),
            (
                "CONNECT", Self.bytes("CONNECT mx1.example.com:25 HTTP/1.1\r\n\(fields)\r\n"),
                Self.bytes("HTTP/1.1 200 Connection established\r\n\r\n")
            ),
        ]
        for (kind, request, reply) in requests {
            var walk = TunnelWalk()
            _ = walk.accept(
                .opened(
                    flow: 1, client: IPEndpoint(IPAddress(v4: 0x0A00_0001), 40_000),
                    server: IPEndpoint(IPAddress(v4: 0x0A00_0002), 1_080), time: 0, midstream: false))
            for (index, octet) in request.enumerated() {
                let verdict = walk.accept(.bytes(flow: 1, side: .client, time: 1, [octet][...], packet: index))
                #expect(verdict == .undecided, "\(kind) at \(index)")
            }
            _ = walk.accept(.bytes(flow: 1, side: .server, time: 2, reply[...], packet: 90_000))
            let verdict = walk.accept(.bytes(flow: 1, side: .server, time: 3, greeting[...], packet: 90_001))
            guard case .through(let tunnel) = verdict else {
                Issue.record("\(kind): \(verdict)")
                continue
            }
            #expect(tunnel.port == 25)
            #expect(
                walk.takeHeld().dropFirst() == [
                    .bytes(flow: 1, side: .server, time: 3, greeting[...], packet: 90_001)
                ], "\(kind)")
        }
    }

    @Test("A name or user that is too long is none, however it comes")
    func tooLong() {
        let long = Self.bytes(String(repeating: "n", count: 256) + "\0")
        for request in [
            [4, 1, 0, 25, 0, 0, 0, 1, 0] + long,
            [4, 1, 0, 25, 192, 0, 2, 8] + long.dropLast() + long.dropLast() + long,
        ] {
            for chunk in [1, 100, 4_096] {
                var walk = TunnelWalk()
                var verdict = TunnelWalk.Verdict.undecided
                for start in stride(from: 0, to: request.count, by: chunk) where verdict == .undecided {
                    let octets = request[start...].prefix(chunk)
                    verdict = walk.accept(.bytes(flow: 1, side: .client, time: 1, octets, packet: 1))
                }
                #expect(verdict == .none, "in pieces of \(chunk)")
            }
        }
    }
}
