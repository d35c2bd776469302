// Who goes on while others have taken all the memory that there may be, over real sockets, through the proxy and with our own server.

import Foundation
import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import Testing

@testable import MailRuntime

@Suite struct MemoryShareTests {
    /// A server whose clients may have 40,000 octets waiting.
    private final class Setup {
        let upstream: Listener
        let server: MailServer
        var gauge: MemoryGauge { server.metrics.memory }

        init(
            _ mailProtocol: MailProtocol, isProxy: Bool, hasRules: Bool = false, limits: ServerLimits = ServerLimits()
        ) throws {
            upstream = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
            let route = Route(
                mailProtocol: mailProtocol, listen: SocketAddress(.v4(0x7F00_0001), 0),
                upstream: isProxy ? .server(host: "127.0.0.1", port: upstream.address.port) : .fallback, text: "test")
            let file = RuleFile(name: "f", text: "rules: [{name: x, when: 'line == \"never\"', then: [{tag: seen}]}]")
            var limits = limits
            limits.memory = 40_000
            let core = ServerCore(
                recorder: nil, store: nil, settings: ServerSettings(),
                rules: hasRules ? RuleCompiler.compile([file]).0 : RuleSet(), workers: 1,
                log: RuntimeLog { _, _, _ in }, limits: limits)
            server = try MailServer(core, routes: [route], loops: 1)
            server.start()
        }

        /// A client of the proxy that has heard its server's greeting, and the server.
        func pair(greeting: String) throws -> (client: Peer, server: Peer) {
            let client = try Peer(to: server.addresses[0].address)
            let server = try #require(Peer(from: upstream))
            server.send(greeting)
            #expect(client.read(to: "\n") == greeting)
            return (client, server)
        }

        /// So many octets wait, now or soon.
        func settles(at octets: Int) -> Bool {
            for _ in 0..<12_000 where gauge.octets != octets { poll(nil, 0, 5) }
            return gauge.octets == octets
        }

        func stop() {
            server.stop(within: 5)
            upstream.closeDescriptor()
            #expect(server.openSessions == 0 && gauge.octets == 0)
        }
    }

    private func half(_ count: Int) -> [UInt8] { [UInt8](repeating: UInt8(ascii: "x"), count: count) }

    /// Two who hold half lines have taken more than there is, and stay. Whoever has little waiting goes on all the same, in both
    /// directions: its lines are longer than one read then brings.
    @Test(arguments: [false, true]) func aProxiedSessionGoesOn(_ hasRules: Bool) throws {
        let setup = try Setup(.imap, isProxy: true, hasRules: hasRules)
        let pairs = try (0..<3).map { _ in try setup.pair(greeting: "* OK ready\r\n") }
        pairs[0].client.send(half(30_000))
        #expect(setup.settles(at: 30_000))
        pairs[1].client.send(half(30_000))
        #expect(setup.settles(at: 60_000) && setup.gauge.isOverfull)
        let (client, server) = pairs[2]
        let line = "* OK " + String(repeating: "y", count: 3_000) + "\r\n"
        let whole = String(repeating: line, count: 40) + "* OK that is all\r\n"
        Thread { server.send(whole) }.start()
        let isWhole = client.read(to: "all\r\n") == whole
        #expect(isWhole)
        client.send(half(3_000))
        #expect(setup.settles(at: 63_000))
        client.send("\r\n")
        #expect(server.read(to: "\r\n").utf8.count == 3_002)
        #expect(setup.settles(at: 60_000))
        for (client, server) in pairs {
            client.end()
            server.end()
        }
        setup.stop()
    }

    /// The same with our own server.
    @Test(arguments: [false, true]) func aSessionOfOurServerGoesOn(_ hasRules: Bool) throws {
        let setup = try Setup(.smtp, isProxy: false, hasRules: hasRules)
        let clients = try (0..<4).map { _ in try Peer(to: setup.server.addresses[0].address) }
        for client in clients { #expect(client.read(to: "\n").hasPrefix("220 ")) }
        for (index, client) in clients.prefix(3).enumerated() {
            client.send(half(20_000))
            #expect(setup.settles(at: 20_000 * (index + 1)))
        }
        #expect(setup.gauge.isOverfull)
        for _ in 0..<3 {
            clients[3].send("NOOP " + String(repeating: "y", count: 3_000))
            #expect(setup.settles(at: 63_005))
            clients[3].send("\r\n")
            #expect(clients[3].read(to: "\n").hasPrefix("250 "))
        }
        #expect(setup.settles(at: 60_000))
        for client in clients { client.end() }
        setup.stop()
    }

    /// Two who have half of a command wait for each other's memory: one after the other they go on, and nothing is lost.
    @Test(arguments: [false, true]) func twoProxiedSessionsBecomeWhole(_ hasRules: Bool) throws {
        let setup = try Setup(.imap, isProxy: true, hasRules: hasRules)
        let pairs = try (0..<2).map { _ in try setup.pair(greeting: "* OK ready\r\n") }
        for (index, pair) in pairs.enumerated() {
            pair.client.send(half(30_000))
            #expect(setup.settles(at: 30_000 * (index + 1)))
        }
        for (client, _) in pairs { client.send(half(30_000) + [13, 10]) }
        for (_, server) in pairs { #expect(server.read(to: "\r\n").utf8.count == 60_002) }
        #expect(setup.settles(at: 0) && setup.gauge.heldSessions == 0)
        for (client, server) in pairs {
            client.end()
            server.end()
        }
        setup.stop()
    }

    /// The same with our own server.
    @Test(arguments: [false, true]) func allSessionsOfOurServerBecomeWhole(_ hasRules: Bool) throws {
        let setup = try Setup(.smtp, isProxy: false, hasRules: hasRules)
        let clients = try (0..<3).map { _ in try Peer(to: setup.server.addresses[0].address) }
        for client in clients { #expect(client.read(to: "\n").hasPrefix("220 ")) }
        for (index, client) in clients.enumerated() {
            client.send(Array("NOOP ".utf8) + half(19_995))
            #expect(setup.settles(at: 20_000 * (index + 1)))
        }
        for client in clients { client.send(half(4_000) + [13, 10]) }
        for client in clients { #expect(client.read(to: "\n").hasPrefix("250 ")) }
        #expect(setup.settles(at: 0) && setup.gauge.heldSessions == 0)
        for client in clients { client.end() }
        setup.stop()
    }

    /// One has its turn and does not come to an end; who waits for it hears why, when its own time is over, and is not called idle.
    @Test(arguments: [false, true]) func whoWaitsInVainHearsSo(_ hasRules: Bool) throws {
        var limits = ServerLimits()
        limits.idleIMAP = 2
        let setup = try Setup(.imap, isProxy: true, hasRules: hasRules, limits: limits)
        let pairs = try (0..<2).map { _ in try setup.pair(greeting: "* OK ready\r\n") }
        pairs[1].client.send(half(30_000))
        #expect(setup.settles(at: 30_000))
        pairs[0].client.send(half(30_000))
        #expect(setup.settles(at: 60_000))
        pairs[1].client.send(half(30_000))
        #expect(setup.settles(at: 64_096) && setup.gauge.heldSessions == 1)
        for _ in 0..<100 where pairs[1].client.hearsNothing(for: 100) { pairs[0].client.send("x") }
        #expect(pairs[1].client.read(to: "\n") == "* BYE [UNAVAILABLE] Too busy, try again later\r\n")
        var page = MetricsPage()
        setup.server.metrics.write(to: &page)
        #expect(page.text.contains("limit=\"memory\"} 1\n") && page.text.contains("limit=\"idle-imap\"} 0\n"))
        for (client, server) in pairs {
            client.end()
            server.end()
        }
        setup.stop()
        #expect(setup.gauge.heldSessions == 0)
    }

    @Test func theShare() {
        let gauge = MemoryGauge(limit: 1_600_000)
        #expect([0, 1, 2, 97, 98, 1_000].map(gauge.share) == [400_000, 400_000, 200_000, 4_123, 4_096, 4_096])
    }
}
