// Several upstreams of a route: how they are written, which one a session tries, and what is learned from it.

import CLinux
import Foundation
import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import MailTLS
import Testing

@testable import MailRuntime

@Suite struct UpstreamTests {
    // MARK: As they are written

    @Test func aListOfUpstreams() throws {
        let route = try Route(
            "smtp://127.0.0.1:1025=smtp://a.example?priority=4,smtp://b.example:2525?weight=3&priority=0,fallback")
        #expect(route.choices.map(\.upstreamText) == ["smtp://a.example:25", "smtp://b.example:2525", "fallback"])
        #expect(route.choices.map(\.rank.priority) == [4, 0, nil])
        #expect(route.choices.map(\.rank.weight) == [1, 3, 1])
        #expect(Set(route.choices.map(\.key)).count == 3)
        #expect(route.choices.allSatisfy { $0.text == route.text && $0.listen == route.listen })
        #expect(
            route.choices.map(\.listenerTLS?.beginning) == [.mirrored, .mirrored, .ours(isRequired: false)])
        // A comma parts upstreams only before another one.
        let one = try Route("imaps://127.0.0.1:1993=imaps://a.example?ca=/x,y.pem")
        #expect(one.alternates.isEmpty && one.upstreamTLS?.roots == "/x,y.pem")
    }

    @Test(arguments: [
        ("smtp://127.0.0.1=smtp://a,imap://b", "use one protocol"),
        ("smtp://127.0.0.1=fallback,smtp://a", "at the end"),
        ("smtp://127.0.0.1=smtp://a,fallback,smtp://b", "at the end"),
        ("smtp://127.0.0.1=smtp://a?weight=2", "several upstreams"),
        ("smtp://127.0.0.1=smtp://a?weight=0,smtp://b", "weight=0"),
        ("smtp://127.0.0.1=smtp://a?priority=-1,smtp://b", "priority=-1"),
        ("smtp://127.0.0.1=smtp://a?priority=1,smtp://b", "priority="),
        ("smtp://127.0.0.1=smtp://a,smtp://b?weight=2", "priority="),
        ("imap://127.0.0.1=imap://a,imap://b?tls=starttls", "different ways"),
        ("imap://127.0.0.1?tls=require=imap://a,fallback", "tls=require"),
        ("imaps://127.0.0.1=imaps://a?for=", "no name"), ("imaps://127.0.0.1=imaps://a?for=a,b,192.0.2.1", "no name"),
        ("imap://127.0.0.1=imap://a?for=a.example,imap://b", "STARTTLS"),
        ("imap://127.0.0.1?tls-wait=100=imap://a?for=a.example", "in clear"),
        ("socks5://127.0.0.1=destination?for=a.example", "of their own"),
    ])
    func listsThatDoNotFit(_ text: String, _ word: String) {
        let error = #expect(throws: RouteError.self) { try Route(text) }
        #expect(error?.description.contains(word) == true)
    }

    // MARK: For whom

    @Test func upstreamsForNames() throws {
        let route = try Route(
            "imaps://127.0.0.1=imaps://a?for=a.example,*.a.example,imaps://b?for=B.example&sni=x,imaps://c,fallback")
        #expect(
            route.choices.map { $0.rank.names.map(\.text) } == [["a.example", "*.a.example"], ["b.example"], [], []])
        #expect(route.choices.map(\.upstreamText) == ["imaps://a:993", "imaps://b:993", "imaps://c:993", "fallback"])
        #expect(route.entrance?.seesName == true)
        #expect(try Route("imaps://127.0.0.1=imaps://a?for=a.example").entrance?.seesName == true)
        #expect(try Route("imaps://127.0.0.1=imaps://a,imaps://b").entrance == nil)
        // In clear there is no name, and a choice all the same.
        let both = try Route("imap://127.0.0.1?tls-wait=100=imap://a?for=a.example,imap://b")
        let secured = try #require(both.variants.first)
        #expect(both.entrance?.seesName == false && secured.choices.count == 2)
        #expect(Set((both.choices + secured.choices).map(\.key)).count == 4)
    }

    @Test func whoIsForAName() throws {
        let pool = try pool(
            "imaps://127.0.0.1=imaps://w?for=*.example,imaps://a?for=a.example,imaps://b?for=a.example,imaps://c,fallback"
        )
        #expect(pool.group(for: "A.EXAMPLE") == [1, 2, 4])
        #expect(pool.group(for: "b.example") == [0, 4])
        #expect(pool.group(for: "a.b.example") == [3, 4])
        #expect(pool.group(for: nil) == [3, 4])
        #expect(pool.choose(besides: [], in: [1, 2, 4], now: 0)?.index == 1)
        #expect(pool.choose(besides: [1], in: [1, 2, 4], now: 0)?.index == 2)
        #expect(pool.choose(besides: [1, 2], in: [1, 2, 4], now: 0)?.index == 4)
        let strict = try self.pool("imaps://127.0.0.1=imaps://a?for=a.example,imaps://b?for=b.example")
        #expect(strict.group(for: "c.example") == [] && strict.group(for: nil) == [])
        #expect(try self.pool("imaps://127.0.0.1=imaps://a,imaps://b").group(for: "a") == nil)
        // Upstreams of others are no way out when all of a name are left alone.
        for _ in 0..<3 { _ = strict.failed(0, now: 0) }
        #expect(strict.choose(besides: [], in: [0], now: 1)?.index == 0)
        #expect(strict.choose(besides: [0], in: [0], now: 1) == nil)
    }

    // MARK: What is known of them

    /// Read again, upstreams whose entries are the same are as well as they were, wherever they stand.
    @Test func whatIsKnownStaysKnown() throws {
        let old = try pool("smtp://127.0.0.1=smtp://a,smtp://b,smtp://b")
        for _ in 0..<3 { _ = old.failed(0, now: 0) }
        _ = old.succeeded(2)
        let choices = try Route("smtp://127.0.0.1=smtp://b,smtp://c,smtp://a,smtp://b,smtp://a?proxy-protocol=v1")
            .choices.map {
                (route: $0, target: UpstreamTarget(UpstreamAddress($0), nil, $0.introduction))
            }
        let new = UpstreamPool(choices, keeping: old)
        #expect(new.figures.map(\.failures) == [0, 0, 3, 0, 0])
        #expect(new.figures.map(\.isUp) == [true, true, false, true, true])
        #expect(new.figures.map(\.sessions) == [0, 0, 0, 1, 0])
        // A session of before tells what it has learned to both.
        _ = old.succeeded(0)
        #expect(new.figures.map(\.isUp) == [true, true, true, true, true])
    }

    /// No two have the same name in the figures.
    @Test func namesOfUpstreams() throws {
        let pool = try pool("smtp://127.0.0.1=smtp://a,smtp://a:25?proxy-protocol=v1,smtp://b,smtp://a,smtp://b:26")
        #expect(
            pool.figures.map(\.name) == [
                "smtp://a:25 #1", "smtp://a:25?proxy-protocol=v1", "smtp://b:25", "smtp://a:25 #4", "smtp://b:26",
            ])
    }

    // MARK: Which one is tried

    private func pool(_ text: String) throws -> UpstreamPool {
        UpstreamPool(
            try Route(text).choices.map { ($0, UpstreamTarget(UpstreamAddress($0), nil, $0.introduction)) })
    }

    /// The indices that so many sessions get, all of which come through.
    private func picks(_ pool: UpstreamPool, _ count: Int, now: Int64 = 0) -> [Int] {
        (0..<count).compactMap { _ in
            let index = pool.choose(besides: [], now: now)?.index
            if let index { _ = pool.succeeded(index) }
            return index
        }
    }

    @Test func oneAfterTheOther() throws {
        let pool = try pool("smtp://127.0.0.1=smtp://a,smtp://b,smtp://c")
        #expect(picks(pool, 3) == [0, 0, 0])
        #expect(pool.choose(besides: [0], now: 0)?.index == 1)
        #expect(pool.choose(besides: [0, 1], now: 0)?.index == 2)
        #expect(pool.choose(besides: [0, 1, 2], now: 0) == nil)
    }

    /// By weight, and evenly mixed.
    @Test func sharedByWeight() throws {
        let pool = try pool("smtp://127.0.0.1=smtp://a?priority=1&weight=3,smtp://b?priority=1,smtp://c?priority=2")
        #expect(picks(pool, 8) == [0, 0, 1, 0, 0, 0, 1, 0])
        #expect(pool.choose(besides: [0, 1], now: 0)?.index == 2)
    }

    @Test func whatFailsIsLeftAloneAndTriedAgain() throws {
        let pool = try pool("smtp://127.0.0.1=smtp://a,smtp://b")
        for round in 1...3 {
            #expect(pool.choose(besides: [], now: 0)?.index == 0)
            #expect(pool.failed(0, now: 0) == (round == 3 ? "smtp://a:25" : nil))
        }
        #expect(picks(pool, 2) == [1, 1])
        #expect(pool.figures.map(\.isUp) == [false, true])
        // One session tries it, while the others still go elsewhere.
        let later = CircuitBreaker.shortest
        #expect(pool.choose(besides: [], now: later)?.index == 0)
        #expect(pool.choose(besides: [], now: later)?.index == 1)
        #expect(pool.succeeded(0) == "smtp://a:25")
        #expect(picks(pool, 2, now: later) == [0, 0])
        #expect(pool.figures.map(\.failures) == [3, 0])
        #expect(pool.figures.map(\.sessions) == [3, 2])
    }

    /// Whatever the numbers are, the built-in server comes last.
    @Test func fallbackIsBehindAllOthers() throws {
        let pool = try pool("smtp://127.0.0.1=smtp://a?priority=5,smtp://b?priority=7,fallback")
        #expect(picks(pool, 3) == [0, 0, 0])
        #expect(pool.choose(besides: [0], now: 0)?.index == 1)
        #expect(pool.choose(besides: [0, 1], now: 0)?.index == 2)
    }

    /// When all are left alone the one is tried whose time is over first: a list serves no worse than a single upstream.
    @Test func whenAllAreLeftAlone() throws {
        func exhausted(_ text: String) throws -> UpstreamPool {
            let pool = try self.pool(text)
            for index in [1, 0] { for _ in 0..<3 { _ = pool.failed(index, now: Int64(1 - index)) } }
            return pool
        }
        let pool = try exhausted("smtp://127.0.0.1=smtp://a,smtp://b")
        #expect(pool.choose(besides: [], now: 2)?.index == 1)
        #expect(pool.choose(besides: [1], now: 2)?.index == 0)
        #expect(pool.choose(besides: [0, 1], now: 2) == nil)
        let other = try exhausted("smtp://127.0.0.1=smtp://a,smtp://b,fallback")
        #expect(other.choose(besides: [], now: 2)?.index == 2)
    }

    /// Listeners are kept once each, and any free port by the route that had it.
    @Test func listenersAreKeptOnce() throws {
        let routes = try ["smtp", "imap", "pop3"].map { try Route("\($0)://127.0.0.1:0=fallback") }
        let first = try BoundPorts(routes)
        let second = try BoundPorts(routes.reversed(), keeping: first)
        #expect(second.listeners.count == 3)
        for (route, listener) in second.listeners {
            #expect(first.listeners.contains { $0.route.text == route.text && $0.listener === listener })
        }
        #expect(second.missing(of: first).isEmpty && first.missing(of: second).isEmpty)
        let third = try BoundPorts([routes[1]], keeping: second)
        #expect(third.missing(of: second).count == 2)
        second.close()
    }

    @Test func aFailedTryDoublesTheTime() {
        var breaker = CircuitBreaker()
        var news = (0..<3).map { _ in breaker.failed(at: 0) }
        #expect(news == [false, false, true])
        var pause = CircuitBreaker.shortest
        var now: Int64 = 0
        for _ in 0..<8 {
            #expect(!breaker.allows(at: now + pause - 1))
            #expect(breaker.allows(at: now + pause))
            now += pause
            breaker.tried()
            #expect(!breaker.allows(at: now + 1_000_000_000))
            // Sessions that had begun before change nothing.
            news = (0..<2).map { _ in breaker.failed(at: now) }
            #expect(news == [true, false])
            pause = min(pause * 2, CircuitBreaker.longest)
        }
        now += pause
        breaker.tried()
        breaker.abandoned(at: now)
        #expect(breaker.allows(at: now))
        breaker.tried()
        news = (0..<2).map { _ in breaker.succeeded() }
        #expect(news == [true, false])
        news = (0..<2).map { _ in breaker.failed(at: now) }
        #expect(news == [false, false] && breaker.state == .closed)
    }

    // MARK: Addresses

    @Test func familiesTakeTurns() {
        func addresses(_ texts: [String]) -> [SocketAddress] { texts.compactMap { SocketAddress($0) } }
        #expect(
            HappyEyeballs.order(addresses(["[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "192.0.2.1:1"]))
                == addresses(["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "[2001:db8::3]:1"]))
        #expect(HappyEyeballs.order(addresses(["192.0.2.1:1"])) == addresses(["192.0.2.1:1"]))
        #expect(HappyEyeballs.order([]) == [])
    }

    /// A listener whose queue is full: the kernel answers no more connections to it, as if its host were gone.
    private final class Gone {
        let address: SocketAddress
        private let descriptor: Int32
        private var waiting: [Int32] = []

        init() throws {
            let descriptor = mp_tcp_socket(AF_INET)
            self.descriptor = descriptor
            let wanted = SocketAddress(.v4(0x7F00_0001), 0)
            _ = wanted.withSockAddr { bind(descriptor, $0, $1) }
            listen(descriptor, 0)
            guard let address = SocketAddress.local(of: descriptor) else { throw SystemError("getsockname") }
            self.address = address
            for _ in 0..<4 { waiting.append(try address.connectSocket()) }
        }

        deinit { for descriptor in waiting + [descriptor] { close(descriptor) } }
    }

    /// The second address is tried beside the first, which does not answer; and the session has the one that did.
    @Test(arguments: [false, true])
    func anAddressThatDoesNotAnswerCostsLittle(_ refusesFirst: Bool) throws {
        let gone = try Gone()
        let upstream = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        let free = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        let refused = free.address
        free.closeDescriptor()
        let loop = try EventLoop()
        let context = LoopContext(loop: loop, core: .bare(), lane: 0, lanes: 1)
        var ends: [Int32] = [0, 0]
        #expect(mp_socket_pair(&ends) == 0)
        let info = SessionInfo(
            id: "1", mailProtocol: .smtp, start: 0, client: SocketAddress(.v4(1), 1),
            server: SocketAddress(.v4(2), 2), route: "test")
        let session = Confined(
            ProxySession(ends[0], info, UpstreamTarget(.literal(gone.address), nil, Route.Introduction()), context))
        let addresses = (refusesFirst ? [refused] : []) + [gone.address, upstream.address]
        loop.start()
        loop.post { session.value.connect(addresses) }
        let server = try #require(Peer(from: upstream))
        server.send("220 ready\r\n")
        var wanted = pollfd(fd: ends[1], events: Int16(POLLIN), revents: 0)
        #expect(poll(&wanted, 1, 60_000) == 1)
        let done = Semaphore()
        loop.post {
            let isRight = session.value.info.upstream == upstream.address && session.value.rivals.isEmpty
            #expect(isRight)
            session.value.abort()
            done.signal()
        }
        done.wait()
        loop.post { loop.stop() }
        loop.join()
        upstream.closeDescriptor()
        close(ends[1])
    }

    // MARK: Sessions

    /// An upstream that answers connections with nothing but their end.
    @Test func anUpstreamThatHangsUpBeforeItsGreetingIsPassedOver() throws {
        let bad = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        let good = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        let server = try MailServer.started(Route("smtp://127.0.0.1:0=smtp://\(bad.address),smtp://\(good.address)"))
        let client = try Peer(to: server.addresses[0].address)
        try #require(Peer(from: bad)).end()
        let upstream = try #require(Peer(from: good))
        upstream.send("220 the sec")
        upstream.send("ond\r\n")
        #expect(client.read(to: "\n") == "220 the second\r\n")
        client.send("NOOP\r\n")
        #expect(upstream.read(to: "\n") == "NOOP\r\n")
        client.end()
        upstream.end()
        server.stop(within: 5)
        bad.closeDescriptor()
        good.closeDescriptor()
        #expect(server.openSessions == 0)
    }

    /// A connection to a file stands at once; the handshake behind it has its time all the same.
    @Test func anUpstreamThatDoesNotShakeHands() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mailproxy-\(UUID())").path
        let upstream = try Listener(path: path, mode: 0o600, address: SocketAddress(.v4(0x7F00_0001), 0))
        let route = try Route("imap://127.0.0.1:0=imaps://unix:\(path)?verify=off")
        let security = try RouteSecurity(route) { () throws(TLSFailure) in throw TLSFailure("test", "has no authority")
        }
        var times = RuntimeTimes()
        times.connect = 0.2
        let server = try MailServer.started(route, security: security, times: times)
        let client = try Peer(to: server.addresses[0].address)
        #expect(String(decoding: client.readAll().octets, as: UTF8.self).hasPrefix("* BYE [UNAVAILABLE]"))
        client.end()
        server.stop(within: 5)
        upstream.closeDescriptor()
        #expect(server.openSessions == 0)
    }
}
