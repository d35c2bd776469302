// What comes before a session, when it does not come, or not in time; and what of it a session never sees.

import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import Synchronization
import Testing

@testable import MailRuntime

@Suite struct ArrivalTests {
    /// A server with one route, and what it logged.
    private final class Setup {
        let upstream: Listener
        let server: MailServer
        private let lines: Lines

        private final class Lines: Sendable {
            let text = Mutex("")
        }

        /// - Parameter text: a route in which UPSTREAM stands for the port of the listener of the test.
        init(_ text: String, times: RuntimeTimes = RuntimeTimes()) throws {
            upstream = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
            let lines = Lines()
            self.lines = lines
            let port = "\(upstream.address.port)"
            var words = text.split(separator: "UPSTREAM", omittingEmptySubsequences: false)[...]
            var whole = String(words.removeFirst())
            for word in words { whole += port + word }
            let core = ServerCore(
                recorder: nil, store: nil, settings: ServerSettings(), rules: RuleSet(), workers: 1,
                log: RuntimeLog { _, line, _ in lines.text.withLock { $0 += line + "\n" } }, times: times)
            server = try MailServer(core, routes: [try Route(whole)], loops: 1)
            server.start()
        }

        var log: String { lines.text.withLock { $0 } }

        func client() throws -> Peer { try Peer(to: server.addresses[0].address) }

        func stop() {
            server.stop(within: 5)
            upstream.closeDescriptor()
            #expect(server.openSessions == 0)
        }
    }

    @Test func aHeaderThatDoesNotComeInTime() throws {
        var times = RuntimeTimes()
        times.header = 0.05
        let setup = try Setup("imap://127.0.0.1:0?proxy-protocol=in=imap://127.0.0.1:UPSTREAM", times: times)
        let client = try setup.client()
        client.send("PROXY TCP4")
        #expect(client.readAll().octets.isEmpty)
        #expect(setup.log.hasSuffix("no PROXY header came in time; the connection is closed\n"))
        setup.stop()
    }

    @Test func nothingOfTheHeaderReachesTheUpstream() throws {
        let setup = try Setup("imap://127.0.0.1:0?proxy-protocol=in=imap://127.0.0.1:UPSTREAM?tls=none")
        let client = try setup.client()
        client.send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\na NOOP\r\n")
        let server = try #require(Peer(from: setup.upstream))
        #expect(server.read(to: "\n") == "a NOOP\r\n")
        client.end()
        #expect(server.readAll().octets.isEmpty)
        server.end()
        #expect(client.readAll() == ([], 0))
        setup.stop()
    }

    @Test func wordsOfSOCKSThatDoNotComeInTime() throws {
        var times = RuntimeTimes()
        times.arrival = 0.05
        let setup = try Setup("socks5://127.0.0.1:0", times: times)
        let client = try setup.client()
        client.send([5, 1])
        #expect(client.readAll().octets.isEmpty)
        #expect(setup.log.hasSuffix("its SOCKS request did not come in time; the connection is closed\n"))
        setup.stop()
    }

    private func request(_ port: UInt16) -> [UInt8] {
        [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, UInt8(port >> 8), UInt8(port & 255)]
    }

    @Test func nobodyWhoSaysWhichProtocolItIs() throws {
        var times = RuntimeTimes()
        times.arrival = 2
        let setup = try Setup("socks5://127.0.0.1:0", times: times)
        let client = try setup.client()
        client.send(request(setup.upstream.address.port))
        let server = try #require(Peer(from: setup.upstream))
        #expect(client.readAll().octets.count == 12)
        #expect(server.readAll().octets.isEmpty)
        #expect(setup.log.hasSuffix("nobody says which protocol this is; the connection is closed\n"))
        setup.stop()
    }

    @Test func theServerThatStopsLeavesNobodyWaiting() throws {
        let header = try Setup("imap://127.0.0.1:0?proxy-protocol=in=imap://127.0.0.1:UPSTREAM")
        let early = try header.client()
        early.send("PROXY ")
        #expect(early.hasSentAll())
        let socks = try Setup("socks5://127.0.0.1:0")
        let late = try socks.client()
        late.send(request(socks.upstream.address.port))
        let server = try #require(Peer(from: socks.upstream))
        header.stop()
        socks.stop()
        #expect(early.readAll().octets.isEmpty)
        #expect(late.readAll().octets.count <= 12)
        #expect(server.readAll().octets.isEmpty)
    }

    @Test func ourOwnEndsAreKnownAsLongAsTheyAre() throws {
        let listener = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        let ends = OwnEnds()
        var made: OwnEnds.Entry?
        let descriptor: Int32
        (descriptor, made) = try ends.connect(to: listener.address)
        let local = try #require(SocketAddress.local(of: descriptor))
        #expect(made != nil)
        #expect(ends.contains(local))
        #expect(!ends.contains(listener.address))
        made = nil
        #expect(!ends.contains(local))
        close(descriptor)
        listener.closeDescriptor()
    }
}
