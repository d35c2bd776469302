// Tokens: what a program prints, how it fails, and for how long its token is kept.

import MailDialogue
import MailSessions
import Synchronization
import Testing

@testable import MailRuntime

@Suite struct TokenTests {
    private static func text(_ secret: SecretBytes) -> String { secret.withRevealed { $0[...].text } }

    @Test(
        arguments: [
            ("abc\n", nil, "abc", 300), ("  abc \r\nrest\n", 60, "abc", 60), ("abc", nil, "abc", 300),
            (#"{"access_token": "abc", "expires_in": 3600}"#, nil, "abc", 3570),
            ("\n" + #"{"access_token": "abc", "expires_in": 3600}"#, 60, "abc", 60),
            (#"{"access_token": "abc", "expires_in": 10}"#, 60, "abc", 0),
            (#"{"access_token": "abc", "expires_in": 9223372036854775807}"#, nil, "abc", 31_536_000),
            (#"{"access_token": "abc", "expires_in": -9223372036854775808}"#, nil, "abc", 0),
            (#"{"access_token": "abc"}"#, nil, "abc", 300),
        ] as [(String, Int?, String, Int)])
    func output(printed: String, lifetime: Int?, token: String, seconds: Int) throws {
        let found = try #require(TokenKeeper.token(in: Array(printed.utf8), lifetime: lifetime))
        #expect(Self.text(found.0) == token)
        #expect(found.1 == seconds)
    }

    @Test(arguments: [
        "", "\n", " \r\n", "two words", "t\u{1}", "tökén", "{}", #"{"access_token": 5}"#, #"{"access_token": ""}"#, "{",
    ])
    func noToken(printed: String) { #expect(TokenKeeper.token(in: Array(printed.utf8), lifetime: nil) == nil) }

    @Test(arguments: [
        (["/bin/sh", "-c", "echo a; echo b >&2"], TokenCommand.Outcome.output(Array("a\n".utf8))),
        (["/bin/echo", "$HOME; 'x'"], .output(Array("$HOME; 'x'\n".utf8))),
        (["/bin/sh", "-c", "echo \"a\u{7}b\" >&2; exit 7"], .failed("'/bin/sh' ended with status 7: a?b")),
        (["/bin/sh", "-c", "kill -9 $$"], .failed("'/bin/sh' was ended by signal 9")),
        (["/no/such/program"], .failed("'/no/such/program' cannot be run: No such file or directory")),
        ([], .failed("there is no command")),
        // Its input is empty, and whoever it leaves behind keeps nobody waiting.
        (["/bin/sh", "-c", "cat; (sleep 60 &) ; echo done"], .output(Array("done\n".utf8))),
        (["/bin/sh", "-c", "yes | head -c 100000"], .failed("'/bin/sh' prints more than a token has")),
    ])
    func command(arguments: [String], outcome: TokenCommand.Outcome) {
        #expect(TokenCommand(arguments, timeout: 20).run() == outcome)
    }

    @Test func aCommandThatHangs() {
        let command = TokenCommand(["/bin/sh", "-c", "sleep 60"], timeout: 0.1)
        #expect(command.run() == .failed("'/bin/sh' did not come to its end in 0 seconds"))
    }

    /// All who ask meanwhile wait for one run; what is refused is given to nobody any more.
    @Test func oneRunForAll() {
        let pool = WorkerPool(threads: 2)
        defer { pool.stop() }
        // Each run prints another one: its own process.
        let keeper = TokenKeeper(
            TokenSource(command: TokenCommand(["/bin/sh", "-c", "echo token-$$"]), bearer: .xoauth2))
        func ask(_ count: Int, insteadOf refused: SecretBytes? = nil) -> [SecretBytes] {
            let found = Mutex<[SecretBytes]>([])
            let done = Semaphore()
            for _ in 0..<count {
                keeper.token(insteadOf: refused, on: pool) { result in
                    if case .success(let token) = result { found.withLock { $0.append(token) } }
                    done.signal()
                }
            }
            for _ in 0..<count { done.wait() }
            return found.withLock { $0 }
        }
        let first = ask(5)
        #expect(first.count == 5 && Set(first.map(Self.text)).count == 1)
        #expect(ask(1) == [first[0]])
        let second = ask(5, insteadOf: first[0])
        #expect(second.count == 5 && Set(second.map(Self.text)).count == 1)
        #expect(second[0] != first[0])
        // Whoever was refused with the old one too gets the new one.
        #expect(ask(1, insteadOf: first[0]) == [second[0]])
    }
}

@Suite struct LoginRouteTests {
    /// Beyond this host a password of ours goes under TLS, whatever the client does.
    @Test(
        arguments: [
            ("imap://mail.example.com?credentials=f", Route.UpstreamTLS.Beginning.starttls),
            ("imaps://mail.example.com?credentials=f", .implicit),
            ("imap://mail.example.com?credentials=f&tls=none", nil),
            ("imap://127.0.0.1?credentials=f", .mirrored), ("imap://localhost?credentials=f", .mirrored),
            ("imap://unix:/run/imap?credentials=f", .mirrored), ("imap://[::1]?credentials=f", .mirrored),
            ("imap://127.0.0.1.example.com?credentials=f", .starttls), ("imap://mail.example.com", .mirrored),
        ] as [(String, Route.UpstreamTLS.Beginning?)])
    func credentials(upstream: String, beginning: Route.UpstreamTLS.Beginning?) throws {
        let route = try Route("imap://127.0.0.1:1143=" + upstream)
        #expect(route.upstreamTLS?.beginning == beginning)
        #expect(route.credentials == (upstream.contains("credentials") ? "f" : nil))
    }

    @Test(
        arguments: [
            ("imap://mail.example.com", Route.UpstreamTLS.Beginning.starttls), ("imaps://mail.example.com", .implicit),
            ("imap://mail.example.com?tls=none", nil), ("imap://127.0.0.1:1", .mirrored),
            ("imap://127.0.0.1:1?tls=starttls", .starttls),
        ] as [(String, Route.UpstreamTLS.Beginning?)])
    func targets(text: String, beginning: Route.UpstreamTLS.Beginning?) throws {
        #expect(try Route(target: text).upstreamTLS?.beginning == beginning)
    }

    @Test func theFileOfAllUpstreams() throws {
        func file(_ text: String) throws -> String? { try Route(text, credentials: "all").credentials }
        #expect(try file("imap://127.0.0.1:1=imap://x") == "all")
        #expect(try file("imap://127.0.0.1:1=imap://x?credentials=own") == "own")
        for text in [
            "imap://127.0.0.1:1=fallback", "lmtp://127.0.0.1:1=lmtp://x", "imap://127.0.0.1:1?tls=passthrough=imap://x",
            "socks5://127.0.0.1:1",
        ] {
            #expect(try file(text) == nil, "\(text)")
        }
        let list = try Route("imap://127.0.0.1:1=imap://x,imap://y,fallback", credentials: "all")
        #expect(list.choices.map(\.credentials) == ["all", "all", nil])
    }

    @Test(arguments: [
        "", "x", "imap://", "imap://systemd:x", "lmtp://127.0.0.1", "imap://x?priority=1", "imap://x?no=1", "fallback",
        "imap://x?tls=none&verify=off",
    ])
    func noTarget(text: String) { #expect(throws: RouteError.self) { try Route(target: text) } }

    @Test(arguments: [
        "imap://127.0.0.1:1?tls=passthrough=imap://x?credentials=f",
        "lmtp://127.0.0.1:1=lmtp://127.0.0.1:2?credentials=f",
        "imap://127.0.0.1:1=imap://x?credentials=", "imap://127.0.0.1:1=imap://x?credentials=f,imap://y",
        "socks5://127.0.0.1:1=destination?credentials=f", "transparent://127.0.0.1:1=destination?credentials=f",
        "imap://127.0.0.1:1?credentials=f=imap://x",
    ])
    func noCredentials(route: String) { #expect(throws: RouteError.self) { try Route(route) } }
}
