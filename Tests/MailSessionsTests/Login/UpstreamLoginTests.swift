// Logging in to a server: what is chosen of its offer, what is said, and how its last word is taken, in any chunking.

import MailDialogue
import MailMessage
import Testing

@testable import MailSessions

@Suite struct UpstreamLoginTests {
    /// A dialogue: what we say in answer to what the server says.
    struct Talk {
        var login: UpstreamLogin
        var said: [String] = []
        var end: UpstreamLogin.Step?

        init(
            _ mailProtocol: MailProtocol, _ credential: UpstreamCredential, greets: Bool = false,
            isSecured: Bool = true
        ) {
            login = UpstreamLogin(
                mailProtocol, credential, name: "client.example.org", greets: greets, isSecured: isSecured,
                nonce: Array("fyko+d2lbbFgONRv9qkxdawL".utf8))
            take(login.begin())
        }

        mutating func take(_ step: UpstreamLogin.Step) {
            switch step {
            case .more: break
            case .send(let octets): said.append(String(decoding: octets, as: UTF8.self))
            case .accepted, .refused, .failed: end = step
            }
        }

        mutating func hear(_ words: String, step: Int?) {
            let octets = Array((words.replacing("|", with: "\r\n") + "\r\n").utf8)
            var at = 0
            while at < octets.count, end == nil {
                let next = min(octets.count, at + (step ?? octets.count))
                take(login.receive(octets[at..<next]))
                at = next
            }
        }
    }

    static let password = UpstreamCredential(account: "me@example.org", proof: .password(SecretBytes("pass word".utf8)))
    static func token(_ bearer: UpstreamCredential.Bearer) -> UpstreamCredential {
        UpstreamCredential(account: "me@example.org", proof: .token(SecretBytes("ya29.x".utf8), bearer))
    }

    static func base64(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }
    static let plain = base64("\0me@example.org\0pass word")
    static let xoauth2 = base64("user=me@example.org\u{1}auth=Bearer ya29.x\u{1}\u{1}")

    @Test(arguments: [nil, 1, 3] as [Int?])
    func smtp(step: Int?) {
        var talk = Talk(.smtp, Self.password, greets: true)
        for words in ["220-a|220 b", "250-x|250-AUTH=LOGIN|250-AUTH LOGIN PLAIN|250 SIZE", "235-in|235 2.7.0 in"] {
            talk.hear(words, step: step)
        }
        #expect(talk.said == ["EHLO client.example.org\r\n", "AUTH PLAIN \(Self.plain)\r\n"])
        #expect(talk.end == .accepted(reply: Array("235-in\r\n235 2.7.0 in\r\n".utf8), alerts: []))
    }

    @Test(arguments: [nil, 1, 3] as [Int?])
    func smtpToken(step: Int?) {
        var talk = Talk(.smtp, Self.token(.xoauth2))
        // The reason of a refusal is taken note of, and the refusal itself follows (RFC 7628 §3.2.3).
        for words in ["250 AUTH XOAUTH2 PLAIN", "334 \(Self.base64(#"{"status":"400"}"#))", "535 5.7.8 no"] {
            talk.hear(words, step: step)
        }
        #expect(talk.said == ["EHLO client.example.org\r\n", "AUTH XOAUTH2 \(Self.xoauth2)\r\n", "\r\n"])
        #expect(talk.end == .refused(reply: Array("535 5.7.8 no\r\n".utf8), alerts: []))
    }

    @Test func bearerAcknowledgesWithControlA() {
        var talk = Talk(.imap, Self.token(.oauthbearer))
        talk.hear("* CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER|mailproxy OK done", step: nil)
        talk.hear("+ \(Self.base64(#"{"status":"invalid_token"}"#))", step: nil)
        talk.hear("mailproxy NO [AUTHENTICATIONFAILED] no", step: nil)
        #expect(talk.said.last == "AQ==\r\n")
        #expect(talk.end == .refused(reply: Array("NO [AUTHENTICATIONFAILED] no\r\n".utf8), alerts: []))
    }

    /// The other mechanism holds the same token.
    @Test func theOtherBearer() {
        var talk = Talk(.smtp, Self.token(.oauthbearer))
        talk.hear("250 AUTH XOAUTH2", step: nil)
        #expect(talk.said.last == "AUTH XOAUTH2 \(Self.xoauth2)\r\n")
        var without = Talk(.smtp, Self.token(.oauthbearer))
        without.hear("250 AUTH PLAIN", step: nil)
        #expect(without.end == .failed("it offers neither OAUTHBEARER nor XOAUTH2"))
    }

    /// RFC 5321 §4.5.3.1.4 has 512 octets for a command, RFC 2449 §4 has 255: a longer token waits for the challenge.
    @Test(arguments: [MailProtocol.smtp, .pop3])
    func longToken(mailProtocol: MailProtocol) {
        let credential = UpstreamCredential(
            account: "me", proof: .token(SecretBytes([UInt8](repeating: 97, count: 600)), .xoauth2))
        var talk = Talk(mailProtocol, credential)
        talk.hear(mailProtocol == .smtp ? "250 AUTH XOAUTH2" : "+OK|SASL XOAUTH2|.", step: nil)
        #expect(talk.said.last == "AUTH XOAUTH2\r\n")
        talk.hear(mailProtocol == .smtp ? "334 " : "+ ", step: nil)
        #expect(talk.said.count == 3 && (talk.said.last?.utf8.count ?? 0) > 600)
        talk.hear(mailProtocol == .smtp ? "235 in" : "+OK in", step: nil)
        if case .accepted = talk.end {} else { Issue.record("not in: \(String(describing: talk.end))") }
    }

    @Test(arguments: [nil, 1, 3] as [Int?])
    func pop3(step: Int?) {
        var talk = Talk(.pop3, Self.password, greets: true)
        for words in ["+OK ready", "-ERR no CAPA", "+OK name", "+OK in"] { talk.hear(words, step: step) }
        #expect(talk.said == ["CAPA\r\n", "USER me@example.org\r\n", "PASS pass word\r\n"])
        #expect(talk.end == .accepted(reply: Array("+OK in\r\n".utf8), alerts: []))
    }

    @Test func pop3RefusesTheName() {
        var talk = Talk(.pop3, Self.password)
        talk.hear("+OK|USER|.", step: nil)
        talk.hear("-ERR [AUTH] nobody", step: nil)
        #expect(talk.end == .refused(reply: Array("-ERR [AUTH] nobody\r\n".utf8), alerts: []))
    }

    @Test(arguments: [nil, 1, 3] as [Int?])
    func imap(step: Int?) {
        var talk = Talk(.imap, Self.password, greets: true)
        for words in [
            "* OK ready", "* CAPABILITY IMAP4rev1|mailproxy OK done",
            "* OK [ALERT] closed on Monday|* CAPABILITY IMAP4rev1 IDLE|mailproxy OK [CAPABILITY IMAP4rev1 IDLE] in",
        ] {
            talk.hear(words, step: step)
        }
        #expect(talk.said == ["mailproxy CAPABILITY\r\n", "mailproxy LOGIN \"me@example.org\" \"pass word\"\r\n"])
        #expect(
            talk.end
                == .accepted(
                    reply: Array("OK [CAPABILITY IMAP4rev1 IDLE] in\r\n".utf8),
                    alerts: Array("* OK [ALERT] closed on Monday\r\n".utf8)))
    }

    /// What no quoted string holds goes in a literal, which waits to be asked for (RFC 9051 §4.3).
    @Test func imapLiterals() {
        let credential = UpstreamCredential(account: "mé\"", proof: .password(SecretBytes("wörd\\".utf8)))
        var talk = Talk(.imap, credential)
        talk.hear("* CAPABILITY IMAP4rev1|mailproxy OK done", step: nil)
        talk.hear("+ go on", step: nil)
        talk.hear("+ go on", step: nil)
        talk.hear("mailproxy OK in", step: nil)
        #expect(
            talk.said.dropFirst() == ["mailproxy LOGIN {4}\r\n", "mé\" {6}\r\n", "wörd\\\r\n"])
        if case .accepted = talk.end {} else { Issue.record("not in: \(String(describing: talk.end))") }
    }

    @Test func imapWithoutInitialResponse() {
        var talk = Talk(.imap, Self.password)
        talk.hear("* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN|mailproxy OK done", step: nil)
        talk.hear("+ ", step: nil)
        #expect(talk.said.dropFirst() == ["mailproxy AUTHENTICATE PLAIN\r\n", "\(Self.plain)\r\n"])
        var without = Talk(.imap, Self.password)
        without.hear("* CAPABILITY IMAP4rev1 LOGINDISABLED|mailproxy OK done", step: nil)
        #expect(without.end == .failed("it offers no login that we know"))
    }

    /// In clear a password is rather proven than shown.
    @Test func inClear() {
        var talk = Talk(.smtp, Self.password, isSecured: false)
        talk.hear("250 AUTH PLAIN CRAM-MD5", step: nil)
        #expect(talk.said.last == "AUTH CRAM-MD5\r\n")
        var secured = Talk(.smtp, Self.password)
        secured.hear("250 AUTH PLAIN CRAM-MD5", step: nil)
        #expect(secured.said.last == "AUTH PLAIN \(Self.plain)\r\n")
    }

    @Test(arguments: [
        ("421 go away", "it answers EHLO with '421 go away'"), ("nonsense", "it says 'nonsense'"),
        (String(repeating: "a", count: 9000), "its line is longer than 8192 octets"),
    ])
    func trouble(words: String, reason: String) {
        var talk = Talk(.smtp, Self.password)
        talk.hear(words, step: 100)
        #expect(talk.end == .failed(reason))
    }

    @Test func preauthIsNobodysLogin() {
        var talk = Talk(.imap, Self.password, greets: true)
        talk.hear("* PREAUTH you are in", step: nil)
        #expect(talk.end == .failed("it greets with '* PREAUTH you are in'"))
    }

    /// A server that says what it was shown says it to nobody else.
    @Test func echoes() {
        let credential = UpstreamCredential(account: "me", proof: .password(SecretBytes("pass word".utf8)))
        var talk = Talk(.smtp, credential)
        talk.hear("250 AUTH PLAIN", step: nil)
        talk.hear("535 no pass word for you", step: nil)
        #expect(talk.end == .refused(reply: [], alerts: []))
    }

    /// Wherever it stands in what was said, and also where the server cuts it short: neither client nor log gets it.
    @Test(arguments: [
        "502 what is AUTH PLAIN \(plain)", "502 what is AUTH PLAIN \(plain.dropLast(3))…",
        "502 AUTH PLAIN \(plain.lowercased())",
        "535 no PASS WORD for you", "502 \(base64("xpass word"))",
    ])
    func echoesInBase64(words: String) {
        var talk = Talk(.smtp, Self.password)
        talk.hear("250 AUTH PLAIN", step: nil)
        talk.hear(words, step: nil)
        #expect(talk.end == .refused(reply: [], alerts: []))
        var babbling = Talk(.smtp, Self.password)
        babbling.hear("250 AUTH PLAIN", step: nil)
        babbling.hear("sorry, \(words)", step: nil)
        #expect(babbling.end == .failed("it repeats what it was shown"))
        var without = Talk(.smtp, Self.password)
        without.hear("250 AUTH PLAIN", step: nil)
        without.hear("535 no for me@example.org", step: nil)
        #expect(without.end == .refused(reply: Array("535 no for me@example.org\r\n".utf8), alerts: []))
    }

    @Test func echoesOfQuotedStrings() {
        let credential = UpstreamCredential(account: "me", proof: .password(SecretBytes(#"a"b\cd"#.utf8)))
        var talk = Talk(.imap, credential)
        talk.hear("* CAPABILITY IMAP4rev1|mailproxy OK done", step: nil)
        talk.hear(#"* NO [ALERT] what is LOGIN "me" "a\"b\\cd"|mailproxy NO LOGIN "me" "a\"b\\cd" is wrong"#, step: nil)
        #expect(talk.end == .refused(reply: [], alerts: []))
    }

    /// A server that does not keep to the protocol is not spoken with any further.
    @Test(arguments: [
        ("what?", false), ("334 ", true), ("250-", true), (String(repeating: "a", count: 9000), false),
    ])
    func outOfStep(words: String, isAnswer: Bool) {
        var talk = Talk(.smtp, Self.password)
        talk.hear("250 AUTH PLAIN", step: nil)
        talk.hear(words, step: nil)
        if isAnswer { talk.hear(words == "334 " ? "334 " : "what?", step: nil) }
        if case .failed = talk.end {} else { Issue.record("not failed: \(String(describing: talk.end))") }
        #expect(!talk.login.isInStep)
        var inStep = Talk(.smtp, Self.password)
        inStep.hear("250 SIZE", step: nil)
        #expect(inStep.end == .failed("it offers no login that we know") && inStep.login.isInStep)
    }

    @Test func badChallenge() {
        var talk = Talk(.smtp, Self.password)
        talk.hear("250 AUTH LOGIN", step: nil)
        talk.hear("334 %%%", step: nil)
        #expect(talk.said.last == "*\r\n")
        talk.hear("501 given up", step: nil)
        #expect(talk.end == .failed("its challenge is no base64"))
    }

    /// What a server offers, its challenge, and its consent, in each protocol.
    struct Server: Sendable {
        let mailProtocol: MailProtocol
        private let offer: String
        private let ask: String
        let consent: String

        static let all = [
            Server(mailProtocol: .smtp, offer: "250 AUTH $", ask: "334 ", consent: "235 in"),
            Server(mailProtocol: .pop3, offer: "+OK|SASL $|.", ask: "+ ", consent: "+OK in"),
            Server(
                mailProtocol: .imap, offer: "* CAPABILITY IMAP4rev1 LOGINDISABLED SASL-IR AUTH=$|mailproxy OK done",
                ask: "+ ",
                consent: "mailproxy OK in"),
        ]

        func offer(_ mechanism: String) -> String { offer.replacing("$", with: mechanism) }
        func challenge(_ text: String) -> String { ask + UpstreamLoginTests.base64(text) }
        /// A challenge that is no base64.
        var nonsense: String { ask + "%%%" }
    }

    /// `*` is our last word (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2). Whoever lets us in all the same has answered something else, and
    /// the client is not in.
    @Test(arguments: Server.all, [nil, 1] as [Int?])
    func consentToACancelledExchange(_ server: Server, step: Int?) {
        var talk = Talk(server.mailProtocol, Self.password)
        for words in [server.offer("LOGIN"), server.nonsense, server.consent] { talk.hear(words, step: step) }
        #expect(talk.said.last == "*\r\n")
        #expect(talk.end == .failed("its challenge is no base64"))
        #expect(!talk.login.isInStep)
    }

    /// With SCRAM the server proves that it knows the password, too (RFC 5802 §3). One that lets us in without that proof, or with a
    /// wrong one, need not be the one that is meant.
    @Test(arguments: Server.all, [0, 1, 2])
    func consentWithoutProof(_ server: Server, steps: Int) {
        var talk = Talk(server.mailProtocol, Self.password, isSecured: false)
        talk.hear(server.offer("SCRAM-SHA-1"), step: nil)
        let first = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
        if steps > 0 { talk.hear(server.challenge(first), step: nil) }
        if steps > 1 { talk.hear(server.challenge("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), step: nil) }
        #expect(talk.said.count == 2 + steps)
        talk.hear(server.consent, step: nil)
        if case .failed = talk.end {} else { Issue.record("not failed: \(String(describing: talk.end))") }
        #expect(!talk.login.isInStep)
    }
}
