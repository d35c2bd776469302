// Logins that a relay answers itself: what the client hears, what the runtime is asked for, what the server gets; in any chunking.

import MailDialogue
import MailMessage
import MailRules
import Testing

@testable import MailSessions

@Suite struct RelayLoginTests {
    static let steps: [Int?] = [nil, 1, 7]
    static let upstream = UpstreamCredential(account: "me@example.org", proof: .password(SecretBytes("theirs".utf8)))

    static func shown(_ user: String = "me@example.com", _ secret: String = "mine") -> ClientCredential {
        ClientCredential(user: user, secret: SecretBytes(secret.utf8))
    }

    static func base64(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }
    static let plain = base64("\0me@example.com\0mine")

    /// A relay that has greeted.
    static func table(
        _ mailProtocol: MailProtocol, _ rules: String = "rules: []", knows: Bool = true, step: Int? = nil
    ) -> RelayTable {
        var table = RelayTable(mailProtocol, rules, step: step)
        table.relay.answersLogins(knows: knows, hostName: "mx.example.com")
        table.relay.show(capabilities: CapabilityPolicy(tls: .hidden))
        switch mailProtocol {
        case .smtp, .lmtp:
            table.say(.server, "220 ready")
            table.say(.client, "EHLO client.example.org")
            table.say(.server, "250-x", "250 AUTH PLAIN")
        case .pop3: table.say(.server, "+OK ready <1.2@example.com> now")
        case .imap: table.say(.server, "* OK ready")
        }
        _ = table.took(.client)
        _ = table.took(.server)
        return table
    }

    @Test(arguments: steps)
    func smtp(step: Int?) {
        var table = Self.table(.smtp, step: step)
        table.say(.client, "AUTH LOGIN")
        #expect(table.took(.client) == ["334 \(Self.base64("Username:"))"])
        table.say(.client, Self.base64("me@example.com"))
        #expect(table.took(.client) == ["334 \(Self.base64("Password:"))"])
        // What comes behind waits.
        table.say(.client, Self.base64("mine"), "MAIL FROM:<me@example.com>")
        #expect(table.logins == [.check(Self.shown(), route: nil, exchange: 2)])
        #expect(table.took(.client) == [] && table.took(.server) == [])
        #expect(!table.relay.wants(.client))
        table.logIn(Self.upstream)
        #expect(table.took(.server) == ["EHLO client.example.org"])
        table.say(.server, "250-x", "250 AUTH PLAIN")
        #expect(table.took(.server) == ["AUTH PLAIN \(Self.base64("\0me@example.org\0theirs"))"])
        table.say(.server, "235 2.7.0 in")
        #expect(table.took(.client) == ["235 2.7.0 in"])
        #expect(table.took(.server) == ["MAIL FROM:<me@example.com>"])
        #expect(table.logins.last == .accepted(exchange: 2))
    }

    /// What a server repeats of the secret is masked where it is kept, in the same length.
    @Test(
        arguments: steps,
        [
            (MailProtocol.smtp, "535 no: AUTH PLAIN \(base64("\0me@example.org\0theirs"))"),
            (.pop3, "-ERR not PASS theirs"), (.imap, "mailproxy NO [ALERT] LOGIN me \"theirs\""),
        ])
    func echoesAreMasked(step: Int?, of server: (MailProtocol, String)) {
        var table = Self.table(server.0, step: step)
        switch server.0 {
        case .smtp, .lmtp: table.say(.client, "AUTH PLAIN \(Self.plain)")
        case .pop3: table.say(.client, "USER me@example.com", "PASS mine")
        case .imap: table.say(.client, "a LOGIN me@example.com mine")
        }
        table.logIn(Self.upstream)
        switch server.0 {
        case .smtp, .lmtp: table.say(.server, "250-x", "250 AUTH PLAIN")
        case .pop3: table.say(.server, "-ERR no CAPA", "+OK name")
        case .imap: table.say(.server, "* CAPABILITY IMAP4rev1", "mailproxy OK done")
        }
        table.say(.server, server.1)
        let kept = table.told.filter { $0.side == .server }.map { String(decoding: $0.publicOctets, as: UTF8.self) }
        let last = kept.last { !$0.isEmpty } ?? ""
        #expect(last.utf8.count == server.1.utf8.count + 2)
        #expect(last.prefix(4) == server.1.prefix(4) && last.hasSuffix("*\r\n"))
        #expect(!kept.joined().contains("theirs") && !kept.joined().contains(Self.base64("\0me@example.org\0theirs")))
    }

    /// A late answer to our login is none to what the client says next: the session ends instead.
    @Test(arguments: steps)
    func aServerOutOfStep(step: Int?) {
        var table = Self.table(.smtp, step: step)
        table.say(.client, "AUTH PLAIN \(Self.plain)")
        table.logIn(Self.upstream)
        table.say(.server, "250-x", "250 AUTH PLAIN")
        table.say(.server, "what?")
        table.say(.server, "235 2.7.0 in")
        #expect(table.took(.client) == ["454 4.7.0 the login cannot be done now, try again later"])
        #expect(table.relay.isClosed)
    }

    /// The upstream is spoken to as long as the login lasts, also in the name of a client that sends no more; the runtime is told when the
    /// end may be passed on. What came behind the login is still done.
    @Test(arguments: steps, [false, true])
    func theEndOfAClientWaits(step: Int?, saysMore: Bool) {
        var table = Self.table(.smtp, step: step)
        table.say(.client, "AUTH PLAIN \(Self.plain)")
        #expect(table.relay.listensBehindLogin)
        if saysMore { table.say(.client, "QUIT") }
        #expect(table.relay.listensBehindLogin == !saysMore)
        table.end(.client)
        #expect(table.ended == [])
        table.logIn(Self.upstream)
        table.say(.server, "250-x", "250 AUTH PLAIN")
        #expect(table.ended == [])
        _ = table.took(.server)
        table.say(.server, "235 2.7.0 in")
        #expect(table.took(.server) == (saysMore ? ["QUIT"] : []))
        #expect(table.ended == [.client])
        #expect(!table.relay.listensBehindLogin)
    }

    /// Replies to what came before the login come first.
    @Test(arguments: steps)
    func theOrderOfReplies(step: Int?) {
        var table = Self.table(.smtp, step: step)
        table.say(.client, "NOOP", "AUTH PLAIN \(Self.plain)")
        #expect(table.took(.server) == ["NOOP"])
        #expect(table.logins == [])
        table.say(.server, "250 ok")
        #expect(table.logins.count == 1)
        table.endLogin(.badCredentials)
        #expect(table.took(.client) == ["250 ok", "535 5.7.8 these credentials do not hold"])
        #expect(table.took(.server) == [])
    }

    @Test(arguments: steps)
    func imapLiterals(step: Int?) {
        var table = Self.table(.imap, step: step)
        table.say(.client, "a LOGIN {14}")
        #expect(table.took(.client) == ["+ go on"])
        table.say(.client, "me@example.com {4+}", "mine", "b NOOP")
        #expect(table.logins == [.check(Self.shown(), route: nil, exchange: 1)])
        table.logIn(Self.upstream)
        table.say(.server, "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR", "mailproxy OK done")
        _ = table.took(.server)
        table.say(
            .server, "* OK [ALERT] closed on Monday", "mailproxy OK [CAPABILITY IMAP4rev1 IDLE XSOMETHING] in")
        // The client's tag, and the capabilities that it may see.
        #expect(table.took(.client) == ["* OK [ALERT] closed on Monday", "a OK [CAPABILITY IMAP4rev1 IDLE] in"])
        #expect(table.took(.server) == ["b NOOP"])
        table.say(.client, "c LOGIN me@example.com mine")
        #expect(table.took(.client) == ["c BAD a login is not permitted now"])
        #expect(table.took(.server) == [])
    }

    @Test(arguments: steps)
    func pop3(step: Int?) {
        var table = Self.table(.pop3, step: step)
        table.say(.client, "USER me@example.com", "PASS mine", "STAT")
        #expect(table.took(.client) == ["+OK a password, please"])
        #expect(table.logins == [.check(Self.shown(), route: nil, exchange: 2)])
        table.logIn(Self.upstream)
        table.say(.server, "-ERR no CAPA")
        table.say(.server, "+OK name")
        table.say(.server, "+OK in")
        #expect(table.took(.server) == ["CAPA", "USER me@example.org", "PASS theirs", "STAT"])
        #expect(table.took(.client) == ["+OK in"])
    }

    /// USER comes right before PASS (RFC 1939 §7); APOP can't be checked, and its timestamp is not shown.
    @Test func pop3Refusals() {
        var table = RelayTable(.pop3, "rules: []")
        table.relay.answersLogins(knows: true, hostName: "mx.example.com")
        table.say(.server, "+OK ready <1.2@example.com> now")
        #expect(table.took(.client) == ["+OK ready now"])
        table.say(.client, "USER me@example.com", "NOOP", "PASS mine", "APOP me c4c9334bac560ecc979e58001b3e22fb")
        table.say(.server, "-ERR log in first")
        #expect(
            table.took(.client) == [
                "+OK a password, please", "-ERR log in first", "-ERR USER comes right before PASS",
                "-ERR this mechanism is not offered",
            ])
        #expect(table.took(.server) == ["NOOP"])
    }

    @Test func anUnavailableCheckIsTemporary() {
        for (mailProtocol, line, words) in [
            (MailProtocol.smtp, "AUTH PLAIN \(Self.plain)", "454 4.7.0 "),
            (.pop3, "AUTH PLAIN \(Self.plain)", "-ERR [SYS/TEMP] "),
            (.imap, "a AUTHENTICATE PLAIN \(Self.plain)", "a NO [UNAVAILABLE] "),
        ] {
            var table = Self.table(mailProtocol)
            table.say(.client, line)
            table.endLogin(.unavailable)
            #expect(table.took(.client).first?.hasPrefix(words) == true, "\(mailProtocol)")
            #expect(!table.isClosed)
            table.say(.client, line)
            table.endLogin(.unavailable, closes: true)
            #expect(table.isClosed)
        }
    }

    @Test func theSessionEndsAfterFiveRefusals() {
        var table = Self.table(.imap)
        for number in 1...5 {
            #expect(!table.isClosed, "\(number)")
            table.say(.client, "a\(number) LOGIN me@example.com mine")
            table.endLogin(.badCredentials)
        }
        #expect(table.isClosed)
        #expect(table.took(.server) == [])
    }

    /// The runtime is asked for another token before the client hears a refusal.
    @Test(arguments: steps)
    func aTokenIsRenewed(step: Int?) {
        var table = Self.table(.smtp, step: step)
        table.say(.client, "AUTH PLAIN \(Self.plain)")
        var credential = UpstreamCredential(account: "me", proof: .token(SecretBytes("old".utf8), .xoauth2))
        credential.isRenewable = true
        table.logIn(credential)
        table.say(.server, "250 AUTH XOAUTH2")
        table.say(.server, "535 5.7.8 no")
        #expect(table.logins.last == .renew(exchange: 2))
        #expect(table.took(.client) == [])
        credential.proof = .token(SecretBytes("new".utf8), .xoauth2)
        credential.isRenewable = false
        table.logIn(credential)
        table.say(.server, "250 AUTH XOAUTH2")
        table.say(.server, "535 5.7.8 still no")
        #expect(table.took(.client) == ["535 5.7.8 still no"])
    }

    @Test(arguments: [0, 1, 2])
    func theServerGoesAway(after lines: Int) {
        var table = Self.table(.smtp)
        table.say(.client, "AUTH PLAIN \(Self.plain)", "MAIL FROM:<>")
        if lines > 0 { table.logIn(Self.upstream) }
        if lines > 1 { table.say(.server, "250 AUTH PLAIN") }
        table.end(.server)
        #expect(table.took(.client) == ["454 4.7.0 the login cannot be done now, try again later"])
        #expect(table.isClosed)
        #expect(!table.took(.server).contains("MAIL FROM:<>"))
    }

    /// Pieces of a login that was not taken look like commands, and a line that does not end may be one.
    @Test func whatMayBeSecretGoesNowhere() {
        var table = Self.table(.smtp)
        table.say(.client, "AUTH GSSAPI", Self.plain)
        table.send(.client, Array("AUTH PLAIN \(Self.plain)".utf8))
        table.end(.client)
        #expect(
            table.took(.client) == ["504 5.5.4 this mechanism is not offered", "500 5.5.2 this command is not known"])
        #expect(table.took(.server) == [])
    }

    @Test func preauthLetsNobodyIn() {
        var table = RelayTable(.imap, "rules: []")
        table.relay.answersLogins(knows: true, hostName: "mx.example.com")
        table.say(.server, "* PREAUTH everybody is in")
        #expect(table.took(.client) == ["* BYE [UNAVAILABLE] The mail server cannot be used, try again later"])
        #expect(table.isClosed)
    }

    @Test func noLoginInATransaction() {
        var table = Self.table(.smtp)
        table.say(.client, "MAIL FROM:<me@example.com>")
        table.say(.server, "250 ok")
        table.say(.client, "AUTH PLAIN \(Self.plain)")
        #expect(table.took(.client) == ["250 ok", "503 5.5.1 a login is not permitted now"])
        #expect(table.logins == [])
    }

    // MARK: Rules

    static let rules = """
        rules:
          - name: elsewhere
            when: user == "me@example.com"
            then:
              - route: imap://b.example.com
          - name: nobody
            when: user == "nobody@example.com"
            then:
              - reject: "535 5.7.8 not you"
        """

    @Test(arguments: steps)
    func aRuleChooses(step: Int?) {
        for lines in [
            ["a LOGIN me@example.com mine"], ["a LOGIN {14+}", "me@example.com mine"],
            ["a AUTHENTICATE PLAIN \(Self.plain)"], ["a AUTHENTICATE PLAIN", Self.plain],
        ] {
            var table = Self.table(.imap, Self.rules, knows: false, step: step)
            for line in lines { table.say(.client, line) }
            #expect(table.logins == [.check(Self.shown(), route: "imap://b.example.com", exchange: 1)], "\(lines)")
            _ = table.took(.client)
            table.leaveServer()
            #expect(table.took(.server) == ["mailproxy LOGOUT"])
            table.logIn(Self.upstream, greets: true)
            table.say(.server, "* OK another")
            table.say(.server, "mailproxy OK no capabilities")
            table.say(.server, "mailproxy OK in")
            #expect(
                table.took(.server) == [
                    "mailproxy CAPABILITY", "mailproxy LOGIN \"me@example.org\" \"theirs\"",
                ])
            #expect(table.took(.client) == ["a OK in"])
            table.say(.client, "b NOOP")
            table.say(.server, "b OK done")
            #expect(table.took(.client) == ["b OK done"])
            #expect(table.hits == ["elsewhere"])
        }
    }

    @Test func aRuleRefuses() {
        var table = Self.table(.imap, Self.rules, knows: false)
        table.say(.client, "a AUTHENTICATE PLAIN")
        table.say(.client, Self.base64("\0nobody@example.com\0mine"))
        #expect(table.took(.client) == ["+ ", "a NO not you"])
        table.say(.client, "b LOGIN {18}")
        table.say(.client, "nobody@example.com mine")
        #expect(table.took(.client) == ["+ go on", "b NO not you"])
        #expect(table.logins == [] && table.took(.server) == [])
    }

    /// The next login goes home again.
    @Test func aRouteHoldsForOneLogin() {
        var table = Self.table(.imap, Self.rules, knows: false)
        table.say(.client, "a LOGIN me@example.com mine")
        table.endLogin(.badCredentials)
        table.say(.client, "b LOGIN you@example.com yours")
        #expect(table.logins.last == .check(Self.shown("you@example.com", "yours"), route: nil, exchange: 2))
    }
}

@Suite struct LoginBookTests {
    private static func hash(_ password: String) throws -> KnownPassword {
        let salted = SASLHash.sha256.salted(SecretBytes(password.utf8), salt: [1, 2, 3, 4], iterations: 10)
        let hex = try #require(salted).withRevealed { octets in
            octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        return try #require(KnownPassword(hash: "$pbkdf2-sha256$10$01020304$\(hex)"))
    }

    @Test func passwords() throws {
        let book = LoginBook([
            LoginBook.Entry(
                user: "Clear@example.com", password: .clear(SecretBytes("one".utf8)), account: "a",
                upstreamPassword: nil),
            LoginBook.Entry(
                user: "hash@example.com", password: try Self.hash("two"), account: "b", upstreamPassword: nil),
        ])
        func entry(_ user: String, _ secret: String) -> Int? {
            book.entry(for: ClientCredential(user: user, secret: SecretBytes(secret.utf8)))
        }
        #expect(entry("clear@EXAMPLE.com", "one") == 0)
        #expect(entry("hash@example.com", "two") == 1)
        for (user, secret) in [
            ("clear@example.com", "two"), ("clear@example.com", ""), ("hash@example.com", "one"), ("nobody", "one"),
            ("", ""),
        ] {
            #expect(entry(user, secret) == nil, "\(user)")
        }
    }

    @Test(arguments: [
        "", "$pbkdf2-sha256$10$01$02", "$pbkdf2-sha256$0$01020304$" + String(repeating: "00", count: 32),
        "$pbkdf2-sha512$10$01020304$" + String(repeating: "00", count: 32),
        "$pbkdf2-sha256$99999999999999999999$01020304$" + String(repeating: "00", count: 32),
        "$pbkdf2-sha256$10$0x020304$" + String(repeating: "0é", count: 32),
    ])
    func noHash(text: String) { #expect(KnownPassword(hash: text) == nil) }
}
