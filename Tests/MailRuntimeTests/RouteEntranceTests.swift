// Ways in as routes say them.

import MailDialogue
import MailRecording
import MailSessions
import Testing

@testable import MailRuntime

@Suite struct RouteEntranceTests {
    @Test func proxyHeaders() throws {
        let plain = try Route("imap://127.0.0.1:1143=imap://mail.example.com")
        #expect(plain.entrance == nil)
        #expect(plain.introduction == Route.Introduction())
        let inbound = try Route("imap://127.0.0.1:1143?proxy-protocol=in=fallback")
        #expect(inbound.entrance?.trusted == IPNetwork.loopback)
        let trusting = try Route("imap://127.0.0.1?trust=10.0.0.0/8,::1&proxy-protocol=in=fallback")
        #expect(trusting.entrance?.trusted?.map(\.description) == ["10.0.0.0/8", "::1"])
        let outbound = try Route("smtp://127.0.0.1=smtps://mail.example.com?proxy-protocol=v2&verify=off")
        #expect(outbound.introduction.header == .v2)
        #expect(outbound.upstreamTLS?.verifies == false)
        let clear = try Route("smtp://127.0.0.1=smtp://mail.example.com?proxy-protocol=v1&tls=none")
        #expect(clear.introduction.header == .v1)
        #expect(clear.upstreamTLS == nil)
    }

    @Test func wordsForTheClientsAddress() throws {
        let smtp = try Route("smtp://127.0.0.1=smtp://mail.example.com?client-address=xclient&tls=none")
        #expect(smtp.introduction.means == .xclient)
        #expect(try Route("lmtp://127.0.0.1=lmtp://unix:/a?client-address=xclient").introduction.means == .xclient)
        let imap = try Route("imaps://127.0.0.1=imaps://mail.example.com?client-address=id&proxy-protocol=v2")
        #expect(imap.introduction.means == .id)
        #expect(imap.introduction.header == .v2)
        // Several upstreams, of which each may have the PROXY protocol of its own.
        let several = try Route(
            "smtp://127.0.0.1=smtp://a.example?client-address=xclient,smtp://b.example?client-address=xclient&proxy-protocol=v1,fallback"
        )
        #expect(several.choices.map(\.introduction.means) == [.xclient, .xclient, nil])
        #expect(several.choices.map(\.introduction.header) == [nil, .v1, nil])
    }

    @Test func timeForTLS() throws {
        let route = try Route("imap://127.0.0.1:1143?tls-wait=250=imap://mail.example.com")
        #expect(route.entrance?.tlsWait == 250)
        #expect(route.listenerTLS?.beginning == .mirrored)
        let variant = try #require(route.variants.first)
        #expect(route.variants.count == 1)
        #expect(variant.listenerTLS?.beginning == .implicit)
        #expect(variant.upstreamTLS?.beginning == .starttls)
        #expect(variant.key != route.key)
        let own = try Route("smtp://127.0.0.1?tls-wait=250=fallback")
        #expect(own.listenerTLS?.beginning == .ours(isRequired: false))
        #expect(own.variants.first?.listenerTLS?.beginning == .implicit)
    }

    @Test func destinationsOfClients() throws {
        for (text, kind, port) in [
            ("socks5://127.0.0.1", Route.Entrance.Kind.socks5, UInt16(1080)), ("socks5://[::1]:1081", .socks5, 1081),
            ("transparent://0.0.0.0:2525", .transparent, 2525),
            ("transparent://0.0.0.0:2525=destination", .transparent, 2525),
            ("socks5://127.0.0.1?tls=upgrade=destination?verify=off&proxy-protocol=v1", .socks5, 1080),
        ] {
            let route = try Route(text)
            #expect(route.entrance?.kind == kind)
            #expect(route.listen.port == port)
            #expect(route.upstream == .destination)
            #expect(!route.needsSecurity)
            #expect(route.listenerText == kind.rawValue)
            #expect(
                route.variants.map(\.key) == [
                    "smtp \(text)", "smtps \(text)", "lmtp \(text)", "pop3 \(text)", "pop3s \(text)", "imap \(text)",
                    "imaps \(text)",
                ])
            #expect(route.variants.filter(\.needsSecurity).count == 7)
        }
        let tuned = try Route("socks5://127.0.0.1?users=file&protocol=pop3=destination?verify=off&proxy-protocol=v1")
        #expect(tuned.entrance?.users == "file")
        #expect(tuned.entrance?.mailProtocol == .pop3)
        #expect(tuned.introduction.header == .v1)
        #expect(tuned.variants.map(\.upstreamTLS?.verifies) == [Bool?](repeating: false, count: 7))
        #expect(
            tuned.variants.map(\.upstreamTLS?.beginning) == [
                .mirrored, .implicit, .mirrored, .mirrored, .implicit, .mirrored, .implicit,
            ])
        let clear = try Route("transparent://127.0.0.1:2525=destination?tls=none")
        #expect(
            clear.variants.map(\.upstreamTLS?.beginning) == [nil, .implicit, nil, nil, .implicit, nil, .implicit])
    }

    @Test func placesWithoutAddresses() throws {
        let local = try Route("imap://unix:/run/a=b.sock?mode=0660&proxy-protocol=in=imap://unix:/run/c?tls=none")
        #expect(local.place == .unix(path: "/run/a=b.sock", mode: 0o660))
        #expect(local.listen == SocketAddress("127.0.0.1:143"))
        #expect(local.upstream == .unix(path: "/run/c"))
        #expect(local.upstreamText == "imap://unix:/run/c")
        #expect(try Route("pop3://unix:/a=fallback").place == .unix(path: "/a", mode: 0o600))
        #expect(try Route("imaps://systemd:mail=fallback").place == .inherited(name: "mail"))
        #expect(try Route("socks5://unix:/a").place == .unix(path: "/a", mode: 0o600))
        #expect(try Route("imap://127.0.0.1=fallback").place == .address)
        let waiting = try Route("imap://unix:/a?tls-wait=100=fallback")
        #expect(waiting.variants.map(\.place) == [.unix(path: "/a", mode: 0o600)])
    }

    @Test(arguments: [
        "smtp://127.0.0.1=smtp://a.example?client-address=id",
        "imap://127.0.0.1=imap://a.example?client-address=xclient",
        "pop3://127.0.0.1=pop3://a.example?client-address=xclient",
        "socks5://127.0.0.1=destination?client-address=xclient",
        "smtp://127.0.0.1?tls=passthrough=smtp://a.example?client-address=xclient",
        "smtp://127.0.0.1=smtp://a.example?client-address=xclient,smtp://b.example",
        "socks5://127.0.0.1=destination?weight=2",
        "smtp://127.0.0.1=smtp://a.example,smtp://b.example?client-address=xclient,fallback",
        "imap://unix:=fallback", "imap://unix:a=fallback", "imap://unix:/a?mode=08=fallback",
        "imap://unix:/a?mode=+7=fallback", "imap://unix:/a?mode==fallback", "imap://127.0.0.1?mode=0600=fallback",
        "imap://systemd:a?mode=0600=fallback", "imap://127.0.0.1=imap://systemd:a", "imap://127.0.0.1=imap://unix:a",
        "transparent://unix:/a", "transparent://systemd:a",
        "imap://127.0.0.1?proxy-protocol=v1=fallback", "imap://127.0.0.1?proxy-protocol=fallback",
        "imap://127.0.0.1?trust=::1=fallback", "imap://127.0.0.1?proxy-protocol=in&trust=host.example=fallback",
        "imap://127.0.0.1?proxy-protocol=in&trust=::1,=fallback", "imap://127.0.0.1=imap://a.example?proxy-protocol=in",
        "imap://127.0.0.1=imap://a.example?proxy-protocol=v3", "imap://127.0.0.1=imap://a.example?trust=::1",
        "imap://127.0.0.1?tls-wait=0=fallback", "imap://127.0.0.1?tls-wait=10001=fallback",
        "imaps://127.0.0.1?tls-wait=100=fallback", "lmtp://127.0.0.1?tls-wait=100=fallback",
        "imap://127.0.0.1?tls-wait=99&tls=passthrough=imap://a.example", "imap://127.0.0.1?users=x=fallback",
        "imap://127.0.0.1?protocol=imap=fallback", "socks5://127.0.0.1=imap://a.example", "socks5://127.0.0.1=fallback",
        "socks5://127.0.0.1=destinations", "socks5://mail.example.com", "socks5://127.0.0.1?protocol=http",
        "socks5://127.0.0.1?tls=passthrough", "socks5://127.0.0.1?tls-wait=100", "socks5://",
        "socks5://127.0.0.1:99999",
        "transparent://127.0.0.1", "transparent://127.0.0.1:2525?users=x", "imap://127.0.0.1=destination",
    ])
    func thatDoNotFitAreRefused(_ text: String) {
        #expect(throws: RouteError.self) { try Route(text) }
    }
}
