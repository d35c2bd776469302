// A proxied session over real sockets: every octet arrives, and ends and failures of one leg become those of the other.

import Foundation
import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import MailTLS
import TestSupport
import Testing

@testable import MailRuntime

@Suite struct ProxySessionTests {
    /// A proxy before a listener of the test.
    private final class Setup {
        let upstream: Listener
        let server: MailServer
        let core: ServerCore

        /// - Parameter text: the route that a user would write, for the TLS of it.
        init(
            _ mailProtocol: MailProtocol = .smtp, tls text: String? = nil, rules: RuleSet = RuleSet(),
            times: RuntimeTimes = RuntimeTimes(), limits: ServerLimits = ServerLimits()
        ) throws {
            upstream = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
            let written = try text.map { try Route($0) }
            let route = Route(
                mailProtocol: mailProtocol, listen: SocketAddress(.v4(0x7F00_0001), 0),
                upstream: .server(host: "127.0.0.1", port: upstream.address.port), text: "test",
                listenerTLS: written?.listenerTLS, upstreamTLS: written?.upstreamTLS)
            let security = try written.map { _ in
                try RouteSecurity(route) { () throws(TLSFailure) in throw TLSFailure("test", "has no authority") }
            }
            core = ServerCore(
                recorder: nil, store: nil, settings: ServerSettings(), rules: rules, workers: 1,
                log: RuntimeLog { _, _, _ in }, security: security.map { [route.key: $0] } ?? [:], times: times,
                limits: limits)
            server = try MailServer(core, routes: [route], loops: 1)
            server.start()
        }

        /// The two ends of a new session.
        func pair() throws -> (client: Peer, server: Peer) {
            let client = try Peer(to: server.addresses[0].address)
            return (client, try #require(Peer(from: upstream)))
        }

        func stop() {
            server.stop(within: 5)
            upstream.closeDescriptor()
        }
    }

    private let message = [UInt8](repeating: UInt8(ascii: "x"), count: 3_000_000)

    @Test func halfClosedBothWays() throws {
        let setup = try Setup()
        let (client, server) = try setup.pair()
        client.send(message)
        client.end()
        #expect(server.readAll() == (message, 0))
        server.send(message)
        server.end()
        #expect(client.readAll() == (message, 0))
        setup.stop()
        #expect(setup.server.openSessions == 0)
    }

    @Test func theServerEndsFirst() throws {
        let setup = try Setup()
        let (client, server) = try setup.pair()
        server.send("221 bye\r\n")
        server.end()
        #expect(client.readAll() == (Array("221 bye\r\n".utf8), 0))
        client.send("still here\r\n")
        client.end()
        #expect(server.readAll() == (Array("still here\r\n".utf8), 0))
        setup.stop()
    }

    @Test func aResetComesAfterAllThatWasSentBeforeIt() throws {
        let setup = try Setup()
        let (client, server) = try setup.pair()
        client.send("EHLO client.example.com\r\n")
        #expect(server.read(to: "\n") == "EHLO client.example.com\r\n")
        server.send("250 hello\r\n")
        #expect(client.read(to: "\n") == "250 hello\r\n")
        // The server reads nothing meanwhile: part of it waits in the proxy when the client goes. What the client's own
        // kernel has not sent yet a reset would drop, so that is waited for.
        let part = Array(message.prefix(200_000))
        client.send(part)
        #expect(client.hasSentAll())
        client.reset()
        let got = server.readAll()
        // Compared outside of the expectation, which would look for the differences of two long arrays for minutes.
        let isWhole = got.octets == part
        #expect(isWhole)
        #expect(got.error == ECONNRESET)
        setup.stop()
        #expect(setup.server.openSessions == 0)
    }

    @Test func theLastWordsOfAServerThatTakesNoMoreArrive() throws {
        let setup = try Setup()
        let (client, server) = try setup.pair()
        client.send("EHLO client.example.com\r\n")
        #expect(server.read(to: "\n") == "EHLO client.example.com\r\n")
        client.send("MAIL FROM:<a@example.com>\r\n")
        server.send("421 too many errors\r\n")
        server.end()
        // What the client has sent, the server does not read; closing then resets the connection.
        #expect(client.read(to: "\n") == "421 too many errors\r\n")
        setup.stop()
    }

    @Test func octetsBehindUrgentDataPassAtOnce() throws {
        let setup = try Setup()
        let (client, server) = try setup.pair()
        client.send("NO")
        client.send([255], urgent: true)
        client.send("OP\r\n")
        // The urgent octet itself is beside the stream (RFC 9293 §3.8.5).
        #expect(server.read(to: "\n") == "NOOP\r\n")
        setup.stop()
    }

    @Test func aRefusedUpstreamIsSaidInTheWordsOfTheProtocol() throws {
        let setup = try Setup()
        setup.upstream.closeDescriptor()
        let client = try Peer(to: setup.server.addresses[0].address)
        let (octets, error) = client.readAll()
        #expect(String(decoding: octets, as: UTF8.self).hasPrefix("421 4.4.1 "))
        #expect(error == 0)
        setup.server.stop(within: 5)
    }

    @Test func stoppingEndsBusySessions() throws {
        let setup = try Setup()
        let (client, server) = try setup.pair()
        server.send("220 ready\r\n")
        #expect(client.read(to: "\n") == "220 ready\r\n")
        // The session was busy a moment ago: it is asked again, by a timer that sets a timer, until it is quiet.
        setup.stop()
        let (octets, error) = client.readAll()
        #expect(String(decoding: octets, as: UTF8.self).hasPrefix("421 4.3.2 "))
        #expect(error == 0)
        #expect(server.readAll().octets.isEmpty)
        #expect(setup.server.openSessions == 0)
    }

    private static let asks: [(MailProtocol, greeting: String, ask: String, refusal: String)] = [
        (.smtp, "220 ready\r\n", "STARTTLS\r\n", "454 4.7.0 TLS is not available, try again later\r\n"),
        (.pop3, "+OK ready\r\n", "STLS\r\n", "-ERR [SYS/TEMP] TLS is not available, try again later\r\n"),
        (.imap, "* OK ready\r\n", "a STARTTLS\r\n", "a NO [UNAVAILABLE] TLS is not available, try again later\r\n"),
    ]

    /// An upstream that does not answer STARTTLS: the client is answered in its place, with rules and without.
    @Test(arguments: 0..<3, [false, true])
    func anUpstreamThatDoesNotAnswerSTARTTLS(index: Int, hasRules: Bool) throws {
        let (mailProtocol, greeting, ask, refusal) = Self.asks[index]
        let file = RuleFile(name: "f", text: "rules: [{name: x, when: \(mailProtocol.rawValue), then: [{tag: seen}]}]")
        var times = RuntimeTimes()
        times.consent = 0.1
        let setup = try Setup(
            mailProtocol, tls: "\(mailProtocol.rawValue)://127.0.0.1=\(mailProtocol.rawValue)://127.0.0.1?verify=off",
            rules: hasRules ? RuleCompiler.compile([file]).0 : RuleSet(), times: times)
        let (client, server) = try setup.pair()
        server.send(greeting)
        #expect(client.read(to: "\n") == greeting)
        client.send(ask)
        #expect(server.read(to: "\n") == ask)
        #expect(client.readAll() == (Array(refusal.utf8), 0))
        #expect(server.readAll().octets.isEmpty)
        client.end()
        setup.stop()
        #expect(setup.server.openSessions == 0)
    }

    /// One that answers has its time only until then.
    @Test func anAnswerToSTARTTLSEndsTheTimeForIt() throws {
        var times = RuntimeTimes()
        times.consent = 3
        let setup = try Setup(.imap, tls: "imap://127.0.0.1=imap://127.0.0.1?verify=off", times: times)
        let (client, server) = try setup.pair()
        client.send("a STARTTLS\r\n")
        #expect(server.read(to: "\n") == "a STARTTLS\r\n")
        server.send("a NO not now\r\n")
        #expect(client.read(to: "\n") == "a NO not now\r\n")
        // Another session's time begins later and is over: so is what would have been left of the first.
        let (late, silent) = try setup.pair()
        late.send("b STARTTLS\r\n")
        #expect(silent.read(to: "\n") == "b STARTTLS\r\n")
        #expect(late.read(to: "\n").hasPrefix("b NO "))
        client.send("c NOOP\r\n")
        #expect(server.read(to: "\n") == "c NOOP\r\n")
        client.end()
        server.end()
        late.end()
        setup.stop()
    }

    /// Compression that is not offered and used all the same: with rules the command is refused, without them that is the end. The
    /// upstream hears of it in neither case.
    @Test(arguments: [false, true], ["a COMPRESS DEFLATE\r\n", "a COMP"])
    func compressionThatIsNotOffered(hasRules: Bool, first: String) throws {
        let file = RuleFile(name: "f", text: "rules: [{name: x, when: imap, then: [{tag: seen}]}]")
        let setup = try Setup(
            .imap, tls: "imap://127.0.0.1=imap://127.0.0.1?tls=none",
            rules: hasRules ? RuleCompiler.compile([file]).0 : RuleSet())
        let (client, server) = try setup.pair()
        server.send("* OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] ready\r\n")
        #expect(client.read(to: "\n") == "* OK [CAPABILITY IMAP4rev1] ready\r\n")
        client.send("b NOOP\r\n")
        #expect(server.read(to: "\n") == "b NOOP\r\n")
        server.send("b OK done\r\n")
        #expect(client.read(to: "\n") == "b OK done\r\n")
        client.send(first)
        if first.utf8.last != 10 { client.send("RESS DEFLATE\r\n") }
        #expect(client.read(to: "\n") == "a BAD COMPRESS is not offered\r\n")
        if hasRules {
            client.send("c NOOP\r\n")
            #expect(server.read(to: "\n") == "c NOOP\r\n")
        } else {
            #expect(client.readAll() == (Array("* BYE COMPRESS is not offered\r\n".utf8), 0))
        }
        client.end()
        #expect(server.readAll().octets.isEmpty)
        server.end()
        setup.stop()
    }

    /// An upstream that has to begin TLS before the client hears anything, and says nothing, or nothing more.
    @Test(arguments: [[], ["220 ready\r\n"], ["220 ready\r\n", "250-mx.example.com\r\n250 STARTTLS\r\n"]])
    func anUpstreamWithoutFirstWords(words: [String]) throws {
        var times = RuntimeTimes()
        times.firstWords = 0.2
        let setup = try Setup(tls: "smtp://127.0.0.1?tls=upgrade=smtp://127.0.0.1?verify=off", times: times)
        let (client, server) = try setup.pair()
        for word in words {
            server.send(word)
            _ = server.read(to: "\n")
        }
        #expect(client.readAll().octets.starts(with: Array("421 4.4.1 ".utf8)))
        client.end()
        setup.stop()
        #expect(setup.server.openSessions == 0)
    }

    // MARK: Limits

    private static let rules: RuleSet = {
        let file = RuleFile(name: "f", text: "rules: [{name: x, when: smtp, then: [{tag: seen}]}]")
        return RuleCompiler.compile([file]).0
    }()

    /// Who says nothing for too long hears why, in the words of the protocol and between two of its lines.
    @Test func idleSessionsEnd() {
        let cases: [(MailProtocol, String, String, Bool)] = [
            (.smtp, "220 ready\r\n", "421 4.4.2 ", false), (.smtp, "220 ready\r\n", "421 4.4.2 ", true),
            (.imap, "* OK ready\r\n", "* BYE ", false), (.imap, "* OK ready\r\n* 1 FETCH (BODY[] {5}\r\nab", "", false),
            (.imap, "* OK ready\r\n* 1 FETCH (BODY[] {5}\r\nhello", "", false),
            (.imap, "* OK ready\r\n* 1 FETCH (BODY[] {0}\r\n", "", false),
            (.smtp, "220-ready\r\n220-so\r\n", "", false),
            (.smtp, "220-ready\r\n", "", true), (.imap, "* OK ready\r\n* 1 EXI", "", false),
            (.pop3, "+OK ready\r\n", "", false),
        ]
        let faults = atOnce(cases.map { one in { try Self.idles(one.0, one.1, one.2, one.3) } })
        #expect(faults == [])
    }

    private static func idles(_ mailProtocol: MailProtocol, _ said: String, _ words: String, _ hasRules: Bool) throws {
        var limits = ServerLimits()
        limits.idleSMTP = 4
        limits.idlePOP3 = 4
        limits.idleIMAP = 4
        limits.greeting = 4
        let setup = try Setup(mailProtocol, rules: hasRules ? Self.rules : RuleSet(), limits: limits)
        let (client, server) = try setup.pair()
        server.send(said)
        let (octets, error) = client.readAll()
        let heard = String(decoding: octets, as: UTF8.self)
        #expect(error == 0)
        #expect(
            heard.hasPrefix(said + words) && (words.isEmpty ? heard == said : heard.hasSuffix("\r\n")),
            "\(mailProtocol) \(said) \(hasRules)")
        #expect(server.readAll().octets.isEmpty)
        client.end()
        setup.stop()
        var page = MetricsPage()
        setup.server.metrics.write(to: &page)
        let label = "{route=\"test\",protocol=\"\(mailProtocol.rawValue)\""
        #expect(page.text.contains("mailproxy_sessions_ended_total\(label),end=\"timeout\"} 1\n"))
        #expect(page.text.contains("mailproxy_sessions_open\(label)} 0\n"))
        #expect(page.text.contains("mailproxy_octets_total\(label),side=\"server\"} \(said.utf8.count)\n"))
    }

    /// A message that the server thinks about is not answered in its place: the client would send it again.
    @Test(arguments: [false, true])
    func aStopWaitsForAnAnswerThatIsOwed(_ hasRules: Bool) throws {
        let setup = try Setup(rules: hasRules ? Self.rules : RuleSet())
        let (client, server) = try setup.pair()
        server.send("220 ready\r\n")
        #expect(client.read(to: "\n") == "220 ready\r\n")
        for (command, reply) in [("MAIL FROM:<>\r\n", "250 ok\r\n"), ("DATA\r\n", "354 go on\r\n")] {
            client.send(command)
            #expect(server.read(to: "\n") == command)
            server.send(reply)
            #expect(client.read(to: "\n") == reply)
        }
        client.send("x\r\n.\r\n")
        #expect(server.read(to: ".\r\n") == "x\r\n.\r\n")
        let proxy = setup.server
        let stopped = Semaphore()
        Thread {
            proxy.stop(within: 60)
            stopped.signal()
        }.start()
        // Longer than a session is quiet.
        #expect(client.hearsNothing(for: 900))
        server.send("250 taken\r\n")
        #expect(client.read(to: "\n") == "250 taken\r\n")
        #expect(client.read(to: "\n").hasPrefix("421 4.3.2 "))
        client.end()
        _ = server.readAll()
        stopped.wait()
        setup.upstream.closeDescriptor()
    }

    @Test func oneSessionTooManyIsRefusedInTheWordsOfTheProtocol() throws {
        var limits = ServerLimits()
        limits.sessions = 1
        let setup = try Setup(.imap, limits: limits)
        let (client, server) = try setup.pair()
        let second = try Peer(to: setup.server.addresses[0].address)
        let (octets, error) = second.readAll()
        #expect(String(decoding: octets, as: UTF8.self).hasPrefix("* BYE [UNAVAILABLE] Too many"))
        #expect(error == 0)
        client.end()
        server.end()
        #expect(client.readAll() == ([], 0))
        #expect(server.readAll() == ([], 0))
        setup.stop()
        var page = MetricsPage()
        setup.server.metrics.write(to: &page)
        #expect(page.text.contains("protocol=\"imap\",limit=\"sessions\"} 1\n"))
    }

    /// Takes rows and drops them.
    private final class Sink: RecordSink {
        let fingerprintKey: [UInt8] = []
        let isCongested = false
        let privacy = RecordingPrivacy()
        let readsRows = false
        func append(_ events: [RecordEvent]) {}
        func whenDrained(_ callback: @escaping @Sendable () -> Void) {}
    }

    /// What nobody has a use for is not made; a recorder or a rule has one.
    @Test func onlyWhoKeepsOrJudgesListens() throws {
        let file = RuleFile(name: "f", text: "rules: [{name: x, when: smtp, then: [{tag: seen}]}]")
        let rules = RuleCompiler.compile([file]).0
        #expect(!rules.isEmpty)
        for (recorder, rules, listens) in [
            (nil as Sink?, RuleSet(), false), (Sink(), RuleSet(), true), (nil, rules, true), (Sink(), rules, true),
        ] {
            let core = ServerCore(
                recorder: recorder, store: nil, settings: ServerSettings(), rules: rules, workers: 1,
                log: RuntimeLog { _, _, _ in })
            let context = LoopContext(loop: try EventLoop(), core: core, lane: 0, lanes: 1)
            let info = SessionInfo(
                id: "1", mailProtocol: .smtp, start: 0, client: SocketAddress(.v4(1), 1),
                server: SocketAddress(.v4(2), 2), route: "test")
            #expect(
                ProxySession(dup(0), info, UpstreamTarget(.none, nil, Route.Introduction()), context).listens == listens
            )
        }
    }
}
