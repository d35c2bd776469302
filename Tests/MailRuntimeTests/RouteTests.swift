// Routes as users write them.

import MailDialogue
import MailRecording
import MailSessions
import Testing

@testable import MailRuntime

@Suite struct RouteTests {
    @Test func aRouteToAServer() throws {
        let route = try Route("imap://127.0.0.1:1143=imap://mail.example.com")
        #expect(route.mailProtocol == .imap)
        #expect(route.listen == SocketAddress("127.0.0.1:1143"))
        #expect(route.upstream == .server(host: "mail.example.com", port: 143))
        #expect(route.upstreamText == "imap://mail.example.com:143")
    }

    @Test func defaultPorts() throws {
        #expect(try Route("smtp://127.0.0.1=smtp://192.0.2.1").listen.port == 1025)
        #expect(
            try Route("submission://127.0.0.1=submission://192.0.2.1").upstream == .server(host: "192.0.2.1", port: 587)
        )
        #expect(
            try Route("pop3://[::1]=pop3://[2001:db8::1]:1110").upstream == .server(host: "2001:db8::1", port: 1110))
        #expect(try Route("pop3://localhost=fallback").listen == SocketAddress("127.0.0.1:1110"))
    }

    /// Of what stands twice one would be meant, and nobody would know which.
    @Test(arguments: [
        ("imap://127.0.0.1:1143?tls=require&tls=mirror=imap://a", "tls", "listener"),
        ("imaps://127.0.0.1:1993?tls-min=1.0&tls-min=1.2=imaps://a", "tls-min", "listener"),
        ("imaps://127.0.0.1:1993=imaps://a?verify=on&verify=off", "verify", "upstream"),
        ("imaps://127.0.0.1:1993=imaps://a?ca=a.pem&ca=b.pem", "ca", "upstream"),
        ("imaps://127.0.0.1:1993=imaps://a?cert=a&key=b&cert=c", "cert", "upstream"),
        ("imaps://127.0.0.1:1993=imaps://a,imaps://b?sni=a&sni=a", "sni", "upstream"),
        ("socks5://127.0.0.1:1080?users=a&users=b", "users", "listener"),
    ])
    func whatStandsTwice(_ text: String, _ name: String, _ side: String) {
        let error = #expect(throws: RouteError.self) { try Route(text) }
        #expect(error?.reason == "the option '\(name)' of the \(side) stands twice")
    }

    /// Each of these adds something.
    @Test func whatMayStandSeveralTimes() throws {
        let pin = String(repeating: "0f", count: 32)
        let route = try Route(
            "imaps://127.0.0.1:1993?cert=a&key=b&cert=c&key=d&proxy-protocol=in&trust=10.0.0.0/8&trust=192.0.2.1"
                + "=imaps://a?pin=\(pin)&pin=\(pin)&for=a.example.com&for=b.example.com")
        #expect(route.listenerTLS?.files.count == 2 && route.upstreamTLS?.pins.count == 2)
        #expect(route.entrance?.trusted == ["10.0.0.0/8", "192.0.2.1"].compactMap { IPNetwork($0[...]) })
        #expect(route.rank.names.count == 2)
    }

    /// A route leads to a server: what else stands in a URL would be passed over.
    @Test func usersAndMailboxesInRoutes() throws {
        for text in ["imap://127.0.0.1:1143=imap://mail.example.com/INBOX", "imap://127.0.0.1:1143/x=fallback"] {
            let error = #expect(throws: RouteError.self) { try Route(text) }
            #expect(error?.reason.contains("behind its host") == true)
        }
        for user in ["me", "me:secret", "me:secret/x", "me:secret?x", "me:sec@ret"] {
            for rest in ["a.example", "a.example/INBOX", "a.example?tls=none&tls=none", "a.example:70000"] {
                let error = #expect(throws: RouteError.self) {
                    try Route("imap://127.0.0.1:1143=imap://\(user)@\(rest)")
                }
                #expect(error?.reason == "the upstream has a user before its host")
                #expect(error?.description.contains("sec") == false)
            }
            for route in ["imap://127.0.0.1:1143=imapx://\(user)@a.example", "imap://127.0.0.1:1143=\(user)@a.example"]
            {
                let error = #expect(throws: RouteError.self) { try Route(route) }
                #expect(error?.description.contains("sec") == false)
            }
        }
        #expect(
            try Route("imap://127.0.0.1:1143/=imap://a.example/?tls=none").upstream
                == .server(host: "a.example", port: 143))
    }

    @Test func optionsThatSayWhatHappensAnyway() throws {
        let route = try Route("smtp://127.0.0.1:1025?tls=passthrough=smtp://192.0.2.1:25?tls=none")
        #expect(route.listen == SocketAddress("127.0.0.1:1025"))
        #expect(route.upstream == .server(host: "192.0.2.1", port: 25))
        #expect(
            try Route("imap://127.0.0.1:1143=imap://192.0.2.1?tls=none").upstream
                == .server(host: "192.0.2.1", port: 143))
    }

    @Test(arguments: [
        "smtp://127.0.0.1:1025=smtp://192.0.2.1?tls=none&sni=x", "smtp://127.0.0.1:1025=smtp://192.0.2.1?tls=implicit",
        "smtp://127.0.0.1:1025?tls=require=smtp://192.0.2.1?tls=none",
        "smtps://127.0.0.1?tls=upgrade=smtp://a?tls=none",
        "smtp://127.0.0.1:1025?tls=sometimes=smtp://192.0.2.1", "smtp://127.0.0.1:1025?tls=require=fallback",
        "smtp://127.0.0.1:1025?tls=passthrough=smtp://192.0.2.1?verify=off",
        "smtp://127.0.0.1:1025?tls=passthrough=smtp://192.0.2.1?tls=starttls",
        "smtp://127.0.0.1:1025?tls=passthrough&cert=a&key=b=smtp://192.0.2.1",
        "smtp://127.0.0.1?tls=strip-test=smtp://192.0.2.1?tls=none",
        "smtp://127.0.0.1?tls=strip-test&cert=a&key=b=smtp://192.0.2.1",
        "lmtp://127.0.0.1?tls=strip-test=lmtp://192.0.2.1",
        "smtp://127.0.0.1?tls=strip-test&strip-interval=0=smtp://192.0.2.1",
        "smtp://127.0.0.1?strip-interval=2=smtp://192.0.2.1",
        "smtps://127.0.0.1?tls=passthrough=smtps://192.0.2.1", "smtp://127.0.0.1?capabilities=some=smtp://192.0.2.1",
    ])
    func optionsThatDoNotFitAreRefused(_ text: String) {
        #expect(throws: RouteError.self) { try Route(text) }
    }

    @Test func routesThatTestTheirClients() throws {
        let route = try Route("imap://127.0.0.1?tls=strip-test&strip-interval=3=imap://a.example")
        #expect(route.stripTest == Route.StripSettings(interval: 3))
        #expect(try Route("imaps://127.0.0.1?tls=strip-test=imaps://a.example").stripTest?.interval == 1)
        #expect(try Route("pop3://127.0.0.1?tls=strip-test=fallback").stripTests.count == 1)
        #expect(try Route("smtp://127.0.0.1?tls=strip-test=smtp://a.example,smtp://b.example").stripTests.count == 2)
        // On a listener of all protocols LMTP is served.
        #expect(try Route("socks5://127.0.0.1:1080?tls=strip-test").stripTests.allSatisfy { $0.mailProtocol != .lmtp })
        #expect(try Route("imap://127.0.0.1?tls=require=imap://a.example").stripTests.isEmpty)
    }

    private typealias Client = Route.ListenerTLS.Beginning
    private typealias Server = Route.UpstreamTLS.Beginning

    /// When TLS begins on both legs, for each pair of sides and each mode.
    @Test func whenTLSBegins() throws {
        let table: [(listener: String, upstream: String, Client?, Server?)] = [
            ("imap://127.0.0.1", "imap://a.example", .mirrored, .mirrored),
            ("imap://127.0.0.1?tls=mirror", "imap://a.example", .mirrored, .mirrored),
            ("imap://127.0.0.1?tls=upgrade", "imap://a.example", .ours(isRequired: false), .starttls),
            ("imap://127.0.0.1?tls=require", "imap://a.example", .ours(isRequired: true), .starttls),
            ("imap://127.0.0.1?tls=strip-test", "imap://a.example", .ours(isRequired: false), .starttls),
            ("imap://127.0.0.1?tls=passthrough", "imap://a.example", nil, nil),
            ("imap://127.0.0.1", "imap://a.example?tls=starttls", .ours(isRequired: false), .starttls),
            ("imap://127.0.0.1", "imap://a.example?tls=none", nil, nil),
            ("imap://127.0.0.1", "imaps://a.example", .ours(isRequired: false), .implicit),
            ("imap://127.0.0.1?tls=require", "imaps://a.example", .ours(isRequired: true), .implicit),
            ("imap://127.0.0.1?tls=passthrough", "imaps://a.example", nil, .implicit),
            ("imaps://127.0.0.1", "imap://a.example", .implicit, .starttls),
            ("imaps://127.0.0.1", "imap://a.example?tls=none", .implicit, nil),
            ("imaps://127.0.0.1?tls=require", "imaps://a.example", .implicit, .implicit),
            ("imaps://127.0.0.1", "fallback", .implicit, nil),
            ("imap://127.0.0.1", "fallback", .ours(isRequired: false), nil),
            ("imap://127.0.0.1?tls=passthrough", "fallback", nil, nil),
        ]
        for (listener, upstream, client, server) in table {
            let route = try Route("\(listener)=\(upstream)")
            #expect(route.listenerTLS?.beginning == client, "\(route.text)")
            #expect(route.upstreamTLS?.beginning == server, "\(route.text)")
        }
        #expect(try Route("imap://127.0.0.1?capabilities=all=imap://a.example").showsAllCapabilities)
    }

    @Test func routesUnderTLS() throws {
        let route = try Route("imaps://127.0.0.1=imaps://mail.example.com")
        #expect(route.listen.port == 1993 && route.listenerText == "imaps")
        #expect(route.upstream == .server(host: "mail.example.com", port: 993))
        #expect(route.upstreamText == "imaps://mail.example.com:993")
        #expect(route.listenerTLS == Route.ListenerTLS() && route.upstreamTLS?.verifies == true)
        let mixed = try Route("imap://127.0.0.1:1143=imaps://192.0.2.1?ca=/etc/ca.pem&sni=mail.example.com")
        #expect(mixed.listenerText == "imap")
        #expect(mixed.upstreamTLS?.roots == "/etc/ca.pem" && mixed.upstreamTLS?.serverName == "mail.example.com")
        let pin = String(repeating: "0f", count: 32)
        let pinned = try Route("pop3s://127.0.0.1?cert=a.pem&key=a.key=pop3s://192.0.2.1?verify=off&pin=\(pin)")
        #expect(pinned.listenerTLS?.files == [Route.ListenerTLS.Files(certificate: "a.pem", key: "a.key")])
        #expect(pinned.upstreamTLS?.verifies == false)
        #expect(pinned.upstreamTLS?.pins == [[UInt8](repeating: 15, count: 32)])
        #expect(try Route("smtps://127.0.0.1:465=fallback").listenerTLS != nil)
    }

    @Test(arguments: [
        "imaps://127.0.0.1?cert=a=fallback", "imaps://127.0.0.1?key=a=fallback", "imaps://127.0.0.1?tls=none=fallback",
        "imap://127.0.0.1=imaps://192.0.2.1?pin=12", "imap://127.0.0.1=imaps://192.0.2.1?verify=maybe",
        "imap://127.0.0.1=imaps://192.0.2.1?ca=", "imap://127.0.0.1?tls=passthrough&cert=a&key=b=fallback",
    ])
    func optionsOfTLSThatAreWrong(_ text: String) {
        #expect(throws: RouteError.self) { try Route(text) }
    }

    @Test func theFallback() throws {
        #expect(try Route("smtp://127.0.0.1:2525=fallback").upstream == .fallback)
        #expect(Route.defaults.map(\.listen.port) == [1025, 1110, 1143])
        #expect(Route.defaults.allSatisfy { $0.upstream == .fallback && $0.listen.isLoopback })
        for route in Route.defaults { #expect(try Route(route.text) == route) }
    }

    @Test(arguments: [
        "", "smtp://127.0.0.1:25", "smtp://127.0.0.1:25=", "http://127.0.0.1=http://127.0.0.1",
        "smtp://127.0.0.1:x=fallback",
        "smtp://127.0.0.1:99999=fallback", "smtp://name.example.com=fallback", "smtp://127.0.0.1=imap://127.0.0.1",
        "imaps://127.0.0.1=pop3://127.0.0.1", "smtp://127.0.0.1=smtp://", "smtp://127.0.0.1?tls=none=fallback",
    ])
    func whatIsNoRoute(_ text: String) {
        #expect(throws: RouteError.self) { try Route(text) }
    }

    @Test func anErrorNamesTheRouteAndTheWayOut() {
        do {
            _ = try Route("gopher://127.0.0.1=smtp://127.0.0.1")
            Issue.record("gopher is no mail protocol")
        } catch {
            #expect(error.description.contains("gopher"))
            #expect(error.description.contains("use one of smtp"))
        }
    }
}
