// Who keeps the other side waiting for too long, in a proxied session over real sockets: what the client hears, and what the server
// is left with.

import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import TestSupport
import Testing

@testable import MailRuntime

@Suite struct SessionTimesTests {
    /// A proxy before a listener of the test.
    private final class Setup {
        let upstream: Listener
        let server: MailServer
        private let mailProtocol: MailProtocol

        init(
            _ mailProtocol: MailProtocol, _ limits: ServerLimits, hasRules: Bool = false,
            rule: String = "line == \"never\""
        ) throws {
            self.mailProtocol = mailProtocol
            upstream = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
            let route = Route(
                mailProtocol: mailProtocol, listen: SocketAddress(.v4(0x7F00_0001), 0),
                upstream: .server(host: "127.0.0.1", port: upstream.address.port), text: "test")
            let file = RuleFile(name: "f", text: "rules: [{name: x, when: '\(rule)', then: [{tag: seen}]}]")
            let core = ServerCore(
                recorder: nil, store: nil, settings: ServerSettings(),
                rules: hasRules ? RuleCompiler.compile([file]).0 : RuleSet(), workers: 1,
                log: RuntimeLog { _, _, _ in }, limits: limits)
            server = try MailServer(core, routes: [route], loops: 1)
            server.start()
        }

        func pair() throws -> (client: Peer, server: Peer) {
            let client = try Peer(to: server.addresses[0].address)
            return (client, try #require(Peer(from: upstream)))
        }

        /// Ends, and gives how often each limit on time was passed.
        func stop() -> [String: Int] {
            server.stop(within: 5)
            upstream.closeDescriptor()
            #expect(server.openSessions == 0)
            var page = MetricsPage()
            server.metrics.write(to: &page)
            let begin =
                "mailproxy_sessions_timed_out_total{route=\"test\",protocol=\"\(mailProtocol.rawValue)\",limit=\""
            var found: [String: Int] = [:]
            for line in page.text.split(separator: "\n") where line.hasPrefix(begin) {
                let parts = line.dropFirst(begin.count).split(separator: "\"} ")
                if let count = parts.last.flatMap({ Int($0) }), count > 0 { found[String(parts[0])] = count }
            }
            #expect(page.text.contains("mailproxy_memory_in_flight_bytes 0\n"))
            return found
        }
    }

    /// Of all limits on time one is passed within so many seconds, the others never.
    private static func limits(_ path: WritableKeyPath<ServerLimits, Int>, _ seconds: Int = 1) -> ServerLimits {
        var limits = ServerLimits()
        limits[keyPath: path] = seconds
        return limits
    }

    private static let late421 = "421 4.4.2 The mail server does not answer"
    private static let idle421 = "421 4.4.2 Idle for too long"

    struct Case: Sendable, CustomTestStringConvertible {
        let mailProtocol: MailProtocol
        let limit: String
        let path: any WritableKeyPath<ServerLimits, Int> & Sendable
        /// Lines in turn, `C: ` of the client and `S: ` of the server; without its end behind `C- `.
        let said: [String]
        /// What the client hears in the end.
        let words: String
        var testDescription: String { "\(limit) \(said)" }
    }

    private static let transaction = [
        "S: 220 ready", "C: EHLO c", "S: 250 hello", "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@example.com>",
        "S: 250 ok",
    ]

    static let cases: [Case] = [
        Case(mailProtocol: .smtp, limit: "greeting", path: \.greeting, said: [], words: late421),
        Case(mailProtocol: .pop3, limit: "greeting", path: \.greeting, said: [], words: "-ERR [SYS/TEMP] "),
        Case(
            mailProtocol: .imap, limit: "greeting", path: \.greeting, said: [],
            words: "* BYE [UNAVAILABLE] The mail server"),
        Case(
            mailProtocol: .smtp, limit: "smtp-command", path: \.smtpCommand, said: ["S: 220 ready", "C: EHLO c"],
            words: late421),
        Case(
            mailProtocol: .smtp, limit: "smtp-command", path: \.smtpCommand,
            said: transaction.dropLast() + ["S: 250-half"], words: ""),
        Case(
            mailProtocol: .smtp, limit: "smtp-command", path: \.smtpCommand, said: ["S: 220 ready", "C- EHL"],
            words: idle421),
        // The client owes the next line of an AUTH, and the server nothing.
        Case(
            mailProtocol: .smtp, limit: "smtp-command", path: \.smtpCommand,
            said: ["S: 220 ready", "C: EHLO c", "S: 250 AUTH LOGIN", "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6"],
            words: idle421),
        Case(
            mailProtocol: .smtp, limit: "smtp-command", path: \.smtpCommand,
            said: transaction + ["C: DATA", "S: 354 go on", "C: half a message"], words: idle421),
        Case(
            mailProtocol: .smtp, limit: "smtp-data-start", path: \.smtpDataStart, said: transaction + ["C: DATA"],
            words: late421),
        Case(
            mailProtocol: .smtp, limit: "smtp-data-end", path: \.smtpDataEnd,
            said: transaction + ["C: DATA", "S: 354 go on", "C: x", "C: ."], words: late421),
        Case(
            mailProtocol: .smtp, limit: "smtp-data-end", path: \.smtpDataEnd,
            said: ["S: 220 ready", "C: EHLO c", "S: 250 CHUNKING"] + transaction.dropFirst(3) + ["C- BDAT 1 LAST\r\nx"],
            words: late421),
        Case(mailProtocol: .smtp, limit: "idle-smtp", path: \.idleSMTP, said: ["S: 220 ready"], words: idle421),
        Case(mailProtocol: .pop3, limit: "idle-pop3", path: \.idlePOP3, said: ["S: +OK ready"], words: ""),
        Case(mailProtocol: .pop3, limit: "idle-pop3", path: \.idlePOP3, said: ["S: +OK ready", "C- US"], words: ""),
        Case(
            mailProtocol: .pop3, limit: "idle-pop3", path: \.idlePOP3, said: ["S: +OK ready", "C: CAPA"],
            words: "-ERR [SYS/TEMP] The mail server"),
        Case(
            mailProtocol: .pop3, limit: "idle-pop3", path: \.idlePOP3,
            said: ["S: +OK ready", "C: CAPA", "S: +OK", "S: USER"],
            words: ""),
        Case(
            mailProtocol: .imap, limit: "idle-imap", path: \.idleIMAP, said: ["S: * OK ready", "C: a NOOP"],
            words: "* BYE [UNAVAILABLE] The mail server"),
        Case(
            mailProtocol: .imap, limit: "idle-imap", path: \.idleIMAP,
            said: ["S: * OK ready", "C: a LOGIN {5+}", "C- us"],
            words: "* BYE Autologout"),
        Case(
            mailProtocol: .imap, limit: "idle-imap", path: \.idleIMAP,
            said: ["S: * OK ready", "C: a LOGIN {4}", "S: + go on", "C- user"], words: "* BYE Autologout"),
    ]

    /// The one that is late ends the session, with words where they can stand and never with an acknowledgment; the server gets what
    /// the client has said and nothing that would make it whole.
    @Test func whoIsLate() {
        var bodies: [@Sendable () throws -> Void] = []
        for told in Self.cases {
            for hasRules in [false, true] { bodies.append { try Self.isLate(told, hasRules) } }
        }
        #expect(atOnce(bodies) == [])
    }

    private static func isLate(_ told: Case, _ hasRules: Bool) throws {
        let setup = try Setup(told.mailProtocol, limits(told.path, 4), hasRules: hasRules)
        let (client, server) = try setup.pair()
        var toServer = ""
        for line in told.said {
            let octets = line.dropFirst(3) + (line.hasPrefix("C- ") ? "" : "\r\n")
            if line.hasPrefix("S") {
                server.send(String(octets))
                #expect(client.read(to: String(octets)) == octets, "\(told.testDescription)")
            } else {
                client.send(String(octets))
                toServer += octets
            }
        }
        let heard = String(decoding: client.readAll().octets, as: UTF8.self)
        if told.words.isEmpty {
            #expect(heard.isEmpty, "\(told.testDescription)")
        } else {
            #expect(
                heard.hasPrefix(told.words) && heard.hasSuffix("\r\n") && !heard.dropLast(2).contains("\r\n"),
                "\(told.testDescription)")
        }
        client.end()
        let got = String(decoding: server.readAll().octets, as: UTF8.self)
        #expect(toServer.hasPrefix(got), "\(told.testDescription)")
        server.end()
        #expect(setup.stop() == [told.limit: 1], "\(told.testDescription)")
    }

    /// A server that keeps saying something does not make up for a client that has stopped in the middle of a literal.
    @Test func aServerThatSpeaksIsNoClient() throws {
        let setup = try Setup(.imap, Self.limits(\.idleIMAP, 3))
        let (client, server) = try setup.pair()
        server.send("* OK ready\r\n")
        client.send("a APPEND INBOX {10+}\r\nabc")
        var heard = client.read(to: "\n")
        for _ in 0..<60 {
            guard client.hearsNothing(for: 250) else { break }
            server.send("* OK Still here\r\n")
            heard = client.read(to: "\n")
            if heard.hasPrefix("* BYE") { break }
        }
        if !heard.hasPrefix("* BYE") { heard = client.read(to: "\n") }
        #expect(heard.hasPrefix("* BYE Autologout"))
        client.end()
        server.end()
        #expect(setup.stop() == ["idle-imap": 1])
    }

    /// In time is in time: what comes just before the limit is passed on, and the session goes on.
    @Test func inTime() {
        #expect(atOnce([{ try Self.isInTime(hasRules: false) }, { try Self.isInTime(hasRules: true) }]) == [])
    }

    private static func isInTime(hasRules: Bool) throws {
        var limits = ServerLimits()
        limits.greeting = 6
        limits.smtpCommand = 6
        limits.smtpDataStart = 6
        limits.smtpDataEnd = 6
        let setup = try Setup(.smtp, limits, hasRules: hasRules)
        let (client, server) = try setup.pair()
        #expect(client.hearsNothing(for: 3_000))
        server.send("220 ready\r\n")
        #expect(client.read(to: "\n") == "220 ready\r\n")
        for (command, reply) in [
            ("MAIL FROM:<>\r\n", "250 ok\r\n"), ("RCPT TO:<a@example.com>\r\n", "250 ok\r\n"),
            ("DATA\r\n", "354 go on\r\n"),
            ("x\r\n.\r\n", "250 taken\r\n"),
        ] {
            client.send(command)
            #expect(server.read(to: command) == command)
            #expect(client.hearsNothing(for: 3_000))
            server.send(reply)
            #expect(client.read(to: "\n") == reply)
        }
        client.end()
        server.end()
        #expect(setup.stop() == [:])
    }

    /// With rules on headers it is we who say 354, and the server who is late with its own.
    @Test func aServerThatDoesNotAnswerDATAToWhomHasOurs() throws {
        let setup = try Setup(.smtp, Self.limits(\.smtpDataStart), hasRules: true, rule: "subject == \"never\"")
        let (client, server) = try setup.pair()
        for line in Self.transaction {
            let octets = line.dropFirst(3) + "\r\n"
            let (from, to) = line.hasPrefix("S") ? (server, client) : (client, server)
            from.send(String(octets))
            #expect(to.read(to: "\n") == octets)
        }
        client.send("DATA\r\n")
        #expect(client.read(to: "\n").hasPrefix("354 "))
        client.send("Subject: hello\r\n\r\nworld\r\n.\r\n")
        #expect(server.read(to: "\n") == "DATA\r\n")
        #expect(String(decoding: client.readAll().octets, as: UTF8.self).hasPrefix(Self.late421))
        client.end()
        #expect(server.readAll().octets.isEmpty)
        server.end()
        #expect(setup.stop() == ["smtp-data-start": 1])
    }

    /// A server that takes nothing of a message: the client hears so, and no end of the message is behind what it had of it.
    @Test func aServerThatTakesNothing() throws {
        let setup = try Setup(.smtp, Self.limits(\.smtpDataBlock))
        let (client, server) = try setup.pair()
        for line in Self.transaction + ["C: DATA", "S: 354 go on"] {
            let octets = line.dropFirst(3) + "\r\n"
            let (from, to) = line.hasPrefix("S") ? (server, client) : (client, server)
            from.send(String(octets))
            #expect(to.read(to: "\n") == octets)
        }
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 998) + [13, 10]
        let part = (0..<64).flatMap { _ in line }
        for _ in 0..<400 where client.hearsNothing(for: 0) { client.send(part) }
        let (heard, _) = client.readAll()
        #expect(String(decoding: heard, as: UTF8.self).hasPrefix(Self.late421))
        client.end()
        let (got, _) = server.readAll()
        let isCut = !got.suffix(5).elementsEqual([13, 10, 46, 13, 10]) && got.count < 400 * part.count
        #expect(isCut)
        server.end()
        #expect(setup.stop() == ["smtp-data-block": 1])
    }

    // MARK: Memory

    @Test func theGauge() {
        let gauge = MemoryGauge(limit: 1_000)
        var seen: [Int] = []
        for add in [0, 499, 1, 249, 1, 249, 1, 1, -2] {
            gauge.add(add)
            seen.append(gauge.highWater)
        }
        #expect(seen == [131_072, 131_072, 32_768, 32_768, 8_192, 8_192, 0, 0, 8_192])
        gauge.add(1)
        #expect(gauge.octets == 1_000 && gauge.isFull && !gauge.isOverfull)
        gauge.add(249)
        #expect(!gauge.isOverfull)
        gauge.add(1)
        #expect(gauge.isOverfull)
        gauge.add(-250)
        gauge.add(-1)
        #expect(!gauge.isFull)
        let none = MemoryGauge()
        none.add(1 << 40)
        #expect(!none.isFull && !none.isOverfull && none.highWater == 131_072)
    }

    /// When a quarter more waits than may, half lines grow no further but one, whatever their clients send; whole lines pass all the same,
    /// and when somebody has left the others are read again.
    @Test(arguments: [false, true]) func halfLinesAreHeldBackWhenMemoryIsShort(_ hasRules: Bool) throws {
        var limits = ServerLimits()
        limits.memory = 40_000
        let setup = try Setup(.imap, limits, hasRules: hasRules)
        let gauge = setup.server.metrics.memory
        func settles(_ isRight: (Int) -> Bool) -> Bool {
            for _ in 0..<12_000 where !isRight(gauge.octets) { poll(nil, 0, 5) }
            return isRight(gauge.octets)
        }
        let pairs = try (0..<3).map { _ in try setup.pair() }
        for (client, server) in pairs {
            server.send("* OK ready\r\n")
            #expect(client.read(to: "\n") == "* OK ready\r\n")
        }
        let half = [UInt8](repeating: UInt8(ascii: "x"), count: 30_000)
        pairs[0].client.send(half)
        #expect(settles { $0 == 30_000 })
        pairs[1].client.send(half)
        #expect(settles { $0 == 60_000 })
        // They may send, and no more than one short read is taken, but of the one whose turn it is; who has said nothing yet is heard.
        pairs[0].client.send(half)
        #expect(settles { $0 == 64_096 })
        pairs[1].client.send(half)
        #expect(settles { $0 == 94_096 })
        pairs[2].client.send("a NOOP\r\n")
        #expect(pairs[2].server.read(to: "\n") == "a NOOP\r\n")
        #expect(gauge.octets == 94_096)
        pairs[1].client.end()
        pairs[1].server.end()
        #expect(settles { $0 == 60_000 && setup.server.openSessions == 2 })
        for (client, server) in [pairs[0], pairs[2]] {
            client.end()
            server.end()
        }
        #expect(setup.stop() == [:])
    }

    /// Half lines, and answers that a slow client does not take, are counted; beyond the limit new sessions are refused, and all is well
    /// again when they are over.
    @Test func whatWaitsIsCounted() throws {
        var limits = ServerLimits()
        limits.memory = 60_000
        let setup = try Setup(.imap, limits)
        let gauge = setup.server.metrics.memory
        func settles(_ isRight: (Int) -> Bool) -> Bool {
            for _ in 0..<12_000 where !isRight(gauge.octets) { poll(nil, 0, 5) }
            return isRight(gauge.octets)
        }
        let (client, server) = try setup.pair()
        server.send("* OK ready\r\n")
        #expect(client.read(to: "\n") == "* OK ready\r\n")
        // One octet below the limit another session begins; at the limit none does.
        client.send([UInt8](repeating: UInt8(ascii: "x"), count: 59_999))
        #expect(settles { $0 == 59_999 })
        let (second, secondServer) = try setup.pair()
        secondServer.send("* OK ready\r\n")
        #expect(second.read(to: "\n") == "* OK ready\r\n")
        client.send("x")
        #expect(settles { $0 == 60_000 })
        let third = try Peer(to: setup.server.addresses[0].address)
        #expect(third.read(to: "\n").hasPrefix("* BYE [UNAVAILABLE] Too many"))
        // What there is goes on.
        second.send("a NOOP\r\n")
        #expect(secondServer.read(to: "\n") == "a NOOP\r\n")
        client.send("\r\n")
        #expect(server.read(to: "\r\n").utf8.count == 60_002)
        #expect(settles { $0 == 0 })
        let (fourth, fourthServer) = try setup.pair()
        fourthServer.send("* OK ready\r\n")
        #expect(fourth.read(to: "\n") == "* OK ready\r\n")
        for peer in [client, server, second, secondServer, fourth, fourthServer] { peer.end() }
        #expect(setup.stop() == [:])
    }

    /// A server that sends more than its client takes is read no further when memory is short, and no octet is lost.
    @Test func whoSendsMostIsReadLess() throws {
        var limits = ServerLimits()
        limits.memory = 100_000
        let setup = try Setup(.imap, limits)
        let gauge = setup.server.metrics.memory
        let (client, server) = try setup.pair()
        server.send("* OK ready\r\n")
        #expect(client.read(to: "\n") == "* OK ready\r\n")
        let line = Array("* OK 0123456789\r\n".utf8)
        let all = (0..<1_000_000).flatMap { _ in line } + Array("* BYE that is all\r\n".utf8)
        let sender = Confined(server)
        let thread = Semaphore()
        let queue = EventLoopThread {
            _ = sender.value.send(all); sender.value.end(); thread.signal()
        }
        for _ in 0..<12_000 where gauge.octets == 0 { poll(nil, 0, 5) }
        var most = 0
        for _ in 0..<60 {
            most = max(most, gauge.octets)
            poll(nil, 0, 5)
        }
        // One read may come on top of what there is.
        #expect(most > 0 && most <= 100_000 + 4 * EventLoop.readSize)
        let got = client.readAll().octets
        let isWhole = got == all
        #expect(isWhole)
        thread.wait()
        queue.join()
        client.end()
        #expect(setup.stop() == [:])
    }
}

/// A thread that runs one job.
private final class EventLoopThread {
    private let loop: EventLoop?

    init(_ job: @escaping @Sendable () -> Void) {
        loop = try? EventLoop()
        loop?.start()
        loop?.post(job)
    }

    func join() {
        guard let loop else { return }
        loop.post { loop.stop() }
        loop.join()
    }
}
