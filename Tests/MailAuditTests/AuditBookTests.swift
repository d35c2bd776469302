// The books of an audit, fed with dialogues as they are spoken: each finding where it belongs, and only there.

import MailDialogue
import MailRecording
import Testing

@testable import MailAudit

@Suite struct AuditCredentialTests {
    @Test func aPasswordInClearIsTold() throws {
        let found = audit(Played(.smtp, Said.submission))
        let row = try #require(found.credentials.first)
        #expect(found.credentials.count == 1)
        #expect((row.account, row.mechanism, row.outcome) == ("ada", "PLAIN", .accepted))
        #expect(row.tlsOffered == true && row.protection == .clear && row.fingerprint.utf8.count == 16)
        #expect(row.secret == nil && row.frame == 9 && row.exchange == 2)
        let finding = try #require(found.finding(.credentialsInClear))
        #expect(finding.severity == .high && finding.subjects == ["ada"])
        #expect(finding.evidence.first?.frame == 9 && finding.evidence.first?.exchange == 2)
        #expect(found.codes.isSuperset(of: ["tls-offered-not-used", "messages-in-clear", "login-offered-in-clear"]))
        #expect(found.codes.isDisjoint(with: ["tls-not-offered", "weak-password", "login-before-capabilities"]))
        #expect(found.messages.map(\.record.subject) == ["hello"] && found.clearSessions == 1)
    }

    @Test func underTLSNothingOfThatIsTold() {
        let tls = TLSLeg(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: "mx", how: .implicit)
        let found = audit(Played(.smtp, Said.submission).under(tls))
        #expect(found.credentials.map(\.protection) == [.tls] && found.messages.map(\.protection) == [.tls])
        #expect(found.codes.isDisjoint(with: ["credentials-in-clear", "messages-in-clear", "tls-offered-not-used"]))
        #expect(found.clearSessions == 0)
    }

    @Test func farAwayIsWorse() {
        let session = Played(.smtp, Said.submission)
        #expect(audit(session.at("192.0.2.1:1")).finding(.credentialsInClear)?.severity == .critical)
        #expect(audit(session.at("127.0.0.1:1", "127.0.0.1:25")).finding(.credentialsInClear)?.severity == .medium)
        #expect(audit(session.at("[fd00::1]:1", "[fe80::2]:25")).finding(.credentialsInClear)?.severity == .high)
        #expect(
            audit(session.at("[2001:db8::1]:1", "[fe80::2]:25")).finding(.credentialsInClear)?.severity == .critical)
    }

    /// Within one machine a password is as grave as a message; what to do about it still comes first.
    @Test func ofTwoThatAreAsGraveTheWorseKindComesFirst() {
        let login = Played(.smtp, Said.submission).at("127.0.0.1:1", "127.0.0.1:25")
        let mail = Played(
            .smtp, Said.submission.replacing("C: AUTH PLAIN AGFkYQBrb3JyZWt0LlBmZXJkLTMx\nS: 235 2.7.0 ok\n", with: ""))
        let found = audit(login, mail.at("127.0.0.1:2", "127.0.0.1:25", after: 1))
        #expect(found.finding(.messagesInClear)?.count == 2 && found.finding(.credentialsInClear)?.count == 1)
        let codes = found.findings.filter { $0.severity == .medium }.map(\.kind.code)
        #expect(codes.first == "credentials-in-clear" && codes.contains("messages-in-clear"))
    }

    @Test func secretsAreTheirOwners() {
        let found = audit(Played(.smtp, Said.submission))
        let report = AuditReport(found: found, sources: [], program: "test", made: 0)
        for text in [report.json, report.text(TextStyle(isColoured: false))] {
            #expect(!text.contains("korrekt.Pferd-31") && !text.contains("AGFkYQBrb3JyZWt0LlBmZXJkLTMx"))
        }
        var options = AuditOptions()
        options.revealsSecrets = true
        #expect(audit(Played(.smtp, Said.submission), options: options).credentials.first?.secret == "korrekt.Pferd-31")
    }

    @Test func weakAndSharedPasswordsAreTold() {
        let found = audit(
            Played(.pop3, Said.pop3("ada", "summer2024")), Played(.pop3, Said.pop3("bob", "Correct.Horse-7")),
            Played(.pop3, Said.pop3("bob@example.com", "Correct.Horse-7")).at("10.0.0.3:5"),
            Played(.pop3, Said.pop3("eve", "Correct.Horse-7")).at("10.0.0.4:5"),
            Played(.imap, Said.imap("bob Correct.Horse-7")).at("10.0.0.4:6", "10.0.9.9:143"))
        #expect(found.finding(.weakPassword)?.subjects == ["ada"])
        // Bob with and without his domain is one; Eve has his password.
        #expect(found.finding(.sharedPassword)?.subjects == ["bob", "eve"])
        #expect(found.finding(.passwordAtSeveralServers)?.subjects == ["bob"])
    }

    /// One password that is tried at many accounts is not theirs, and they are not exposed by it.
    @Test func guessesAreNoPasswordsOfTheirAccounts() {
        func guess(_ name: String) -> Played { Played(.pop3, Said.pop3(name, "Winter-in-2025", accepted: false)) }
        let found = audit(guess("ada"), guess("bob"), guess("eve"))
        #expect(found.accounts.map(\.clearRefused) == [1, 1, 1])
        #expect(found.finding(.sharedPassword) == nil)
        let report = AuditReport(found: found, sources: [], program: "test", made: 0)
        #expect(report.sentence.hasPrefix("Of 3 accounts only refused logins were seen in clear."))
    }

    @Test func digestsCanBeAttackedAndTokensAreNoPasswords() throws {
        let apop = """
            S: +OK ready <1896.697170952@dbc.mtview.ca.us>
            C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
            S: +OK
            """
        var options = AuditOptions()
        options.tellsHashes = true
        let found = audit(Played(.pop3, apop), options: options)
        #expect(found.codes.contains("attackable-hash") && !found.codes.contains("credentials-in-clear"))
        #expect(
            found.credentials.first?.hash
                == "c4c9334bac560ecc979e58001b3e22fb:<1896.697170952@dbc.mtview.ca.us>")
        #expect(audit(Played(.pop3, apop)).credentials.first?.hash == nil)
        let token = """
            S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready
            C: 1 AUTHENTICATE XOAUTH2 dXNlcj1hZGFAZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgeWEyOS52RjlkZnQBAQ==
            S: 1 OK
            """
        let tokens = audit(Played(.imap, token))
        #expect(tokens.codes.contains("tokens-in-clear"))
        #expect(tokens.codes.isDisjoint(with: ["credentials-in-clear", "weak-password", "empty-password"]))
    }

    @Test func whatTheClientDidNotHeedIsTold() {
        let disabled = audit(
            Played(
                .imap,
                Said.imap("ada secret-9-secret", capabilities: "IMAP4rev1 STARTTLS LOGINDISABLED", accepted: false)))
        #expect(disabled.codes.isSuperset(of: ["login-despite-logindisabled", "refused-credentials-in-clear"]))
        #expect(!disabled.codes.contains("login-offered-in-clear"))
        #expect(audit(Played(.pop3, Said.pop3("ada", "secret-9-secret"))).codes.contains("login-before-capabilities"))
        let refused = """
            S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready
            C: 1 STARTTLS
            S: 1 NO not now
            C: 2 LOGIN ada secret-9-secret
            S: 2 OK
            """
        let found = audit(Played(.imap, refused))
        #expect(found.codes.isSuperset(of: ["starttls-refused", "login-after-tls-refused"]))
        #expect(found.clients.first?.posture == .strippable)
        #expect(!found.codes.contains("tls-offered-not-used"))
    }

    @Test func theSameAccountInClearAndUnderTLS() {
        let tls = TLSLeg(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: nil, how: .implicit)
        let session = Played(.smtp, Said.submission)
        let found = audit(session, session.at("10.0.0.7:3").under(tls))
        #expect(found.finding(.clearBesideTLS)?.subjects == ["ada"])
        #expect(found.clients.map(\.posture) == [.unprotected, .protected])
    }
}

@Suite struct AuditAttackTests {
    @Test func guessingIsToldOnceAndItsSuccessAsWell() {
        var book = AuditBook()
        for number in 0..<8 {
            Played(.pop3, Said.pop3("ada", "guess-\(number)-guess", accepted: false))
                .at("192.0.2.9:\(1000 + number)", after: Int64(number)).play(to: &book)
        }
        Played(.pop3, Said.pop3("ada", "guess-9-guess")).at("192.0.2.9:2000", after: 9).play(to: &book)
        let found = book.finish()
        #expect(found.finding(.bruteForce)?.count == 1 && found.finding(.bruteForceSucceeded)?.subjects == ["ada"])
        #expect(!found.codes.contains("password-spraying"))
    }

    @Test func slowRefusalsAreNoGuessing() {
        var book = AuditBook()
        for number in 0..<8 {
            Played(.pop3, Said.pop3("ada", "old-password-1", accepted: false))
                .at("10.0.0.1:\(1000 + number)", after: Int64(number) * 3600).play(to: &book)
        }
        #expect(book.finish().codes.isDisjoint(with: ["brute-force", "brute-force-succeeded"]))
    }

    @Test func sprayingIsTold() {
        var book = AuditBook()
        for number in 0..<6 {
            Played(.pop3, Said.pop3("user\(number)", "Winter-2024-x", accepted: false))
                .at("192.0.2.9:\(1000 + number)", after: Int64(number)).play(to: &book)
        }
        let found = book.finish()
        #expect(found.finding(.spraying)?.subjects == ["192.0.2.9"] && !found.codes.contains("brute-force"))
    }

    @Test func injectionBehindSTARTTLS() throws {
        let session = Played(
            .smtp,
            [
                "S: 220 mx ESMTP", "C: EHLO c", "S: 250-mx", "S: 250 STARTTLS",
                #"C> STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n"#, "S: 220 go",
            ])
        let found = audit(session)
        let finding = try #require(found.finding(.injection))
        #expect(
            finding.severity == .critical && finding.evidence.first?.detail.hasPrefix("smtp-starttls-injection") == true
        )
        #expect(found.codes.contains("under-tls") && !found.codes.contains("tls-not-offered-relay"))
    }

    @Test func relayingForStrangers() {
        let relayed = """
            S: 220 mx.example.com ESMTP
            C: EHLO c.example.net
            S: 250 mx.example.com
            C: MAIL FROM:<spam@example.net>
            S: 250 ok
            C: RCPT TO:<victim@example.org>
            S: 250 ok
            C: DATA
            S: 354 go on
            C: Subject: buy
            C: 
            C: .
            S: 250 taken
            """
        var options = AuditOptions()
        options.localDomains = ["example.com"]
        let session = Played(.smtp, relayed).at("192.0.2.66:1")
        #expect(audit(session, options: options).finding(.openRelay)?.severity == .critical)
        #expect(audit(session).finding(.openRelay)?.severity == .medium)
        options.localDomains = ["example.org"]
        #expect(!audit(session, options: options).codes.contains("open-relay"))
        #expect(!audit(Played(.smtp, relayed), options: options).codes.contains("open-relay"))
        // Elsewhere nobody knows who is taken in.
        #expect(!audit(session.at("192.0.2.66:1", "198.51.100.1:25")).codes.contains("open-relay"))
    }

    @Test func strippedForSome() {
        let without = Said.submission.replacing("S: 250-STARTTLS\n", with: "")
        let found = audit(Played(.smtp, Said.submission), Played(.smtp, without).at("10.0.0.9:7"))
        #expect(found.finding(.stripped)?.evidence.first?.client?.host == "10.0.0.9")
        #expect(
            !audit(Played(.smtp, without), Played(.smtp, without).at("10.0.0.9:7")).codes.contains("starttls-stripped"))
        let masked = Said.submission.replacing("250-STARTTLS", with: "250-XXXXXXXA")
        #expect(audit(Played(.smtp, masked)).codes.contains("starttls-masked"))
        #expect(!audit(Played(.smtp, Said.submission)).codes.contains("starttls-masked"))
    }

    @Test func pastTheProxy() throws {
        var options = AuditOptions()
        options.proxies = [try #require(IPAddress("10.0.0.5"))]
        let session = Played(.smtp, Said.submission)
        #expect(audit(session, options: options).codes.contains("proxy-bypassed"))
        #expect(!audit(session.at("10.0.0.5:1"), options: options).codes.contains("proxy-bypassed"))
        #expect(!audit(session.at("10.0.0.1:1", "10.0.0.5:25"), options: options).codes.contains("proxy-bypassed"))
    }
}

@Suite struct AuditHostTests {
    @Test func serversAndClientsHaveTheirRows() throws {
        let session = """
            S: * OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5 AUTH=PLAIN] Dovecot 2.3.19 ready
            C: 1 ID ("name" "Thunderbird" "version" "115.3")
            S: * ID ("name" "Dovecot")
            S: 1 OK
            C: 2 LOGIN ada korrekt.Pferd-31
            S: 2 OK
            """
        let found = audit(Played(.imap, session))
        let server = try #require(found.servers.first)
        #expect(server.software == "Dovecot 2.3.19" && server.offersTLS == false)
        #expect(server.clearMechanisms == ["CRAM-MD5", "PLAIN"])
        let client = try #require(found.clients.first)
        #expect(client.software == ["Thunderbird 115.3"] && client.accounts == ["ada"] && client.posture == .unoffered)
        #expect(
            found.codes.isSuperset(of: [
                "server-version", "client-version", "weak-mechanism-offered", "tls-not-offered",
            ]))
        #expect(found.accounts.map(\.name) == ["ada"] && found.accounts.first?.clearAccepted == 1)
        #expect(found.edges.count == 1 && found.edges.first?.clear == 1)
    }

    @Test func lookingAroundIsTold() {
        let scan = "S: 220 mx ESMTP\nC: EHLO scan.example.net\nS: 250 mx\nC: QUIT\nS: 221 bye"
        #expect(audit(Played(.smtp, scan)).codes.contains("port-scan"))
        #expect(!audit(Played(.smtp, Said.submission)).codes.contains("port-scan"))
    }

    @Test func whatIsNotThereIsSaid() {
        let half = Played(.smtp, ["S: 220 mx ESMTP", "S: 250 mx", "S: 250 ok"])
        #expect(audit(half).codes.contains("one-sided"))
        var midway = Played(.imap, Said.imap("ada korrekt.Pferd-31"))
        midway.isMidway = true
        let found = audit(midway)
        #expect(found.codes.contains("session-joined-midway") && !found.codes.contains("login-before-capabilities"))
    }
}

@Suite struct AuditReportTests {
    private func report(_ found: AuditFindings, _ baseline: AuditBaseline? = nil) -> AuditReport {
        AuditReport(
            found: found, sources: [], program: "mailproxy test", made: 1_700_000_000_000_000, baseline: baseline)
    }

    @Test func theVerdictIsTheGravestFinding() {
        let found = audit(Played(.smtp, Said.submission))
        #expect(report(found).verdict == "high" && report(found).reaches(.high) && !report(found).reaches(.critical))
        #expect(report(found).sentence.contains("Credentials of 1 account crossed the network in clear"))
        #expect(report(audit()).verdict == "clear" && report(audit()).sentence.contains("No mail session"))
        #expect(!report(audit(Played(.smtp, ["S: 220 mx", "S: 250 mx"]))).reaches(.medium))
    }

    @Test func aBaselineTellsWhatChanged() throws {
        let before = report(audit(Played(.pop3, Said.pop3("ada", "summer2024"))))
        let json = try #require(JSONValue(parsing: before.json))
        let baseline = try #require(AuditBaseline(json))
        #expect(baseline.changes(to: before.found.findings).allSatisfy { $0.direction == .same })
        let now = audit(
            Played(.pop3, Said.pop3("ada", "long-enough-31")),
            Played(.pop3, Said.pop3("bob", "other-enough-31")).at("10.0.0.8:9"))
        let changes = baseline.changes(to: now.findings)
        #expect(changes.contains { $0.code == "weak-password" && $0.direction == .gone && $0.goneSubjects == ["ada"] })
        #expect(
            changes.contains {
                $0.code == "credentials-in-clear" && $0.direction == .worse && $0.newSubjects == ["bob"]
            })
        #expect(AuditBaseline(.array([])) == nil)
    }

    @Test func theDocumentHasItsPromisedNames() throws {
        let json = try #require(JSONValue(parsing: report(audit(Played(.smtp, Said.submission))).json))
        #expect(json["verdict"]?.string == "high")
        let credential = try #require(json["credentials"]?.array?.first)
        for name in [
            "account", "mechanism", "protocol", "outcome", "client", "server", "time", "tls_offered", "fingerprint",
        ] {
            #expect(credential[name] != nil, "\(name)")
        }
        #expect(credential["secret"] == nil && credential["tls_offered"]?.bool == true)
        let finding = try #require(json["findings"]?.array?.first { $0["code"]?.string == "credentials-in-clear" })
        #expect(
            finding["severity"]?.string == "high" && finding["count"]?.integer == 1 && finding["section"]?.string != nil
        )
        let place = try #require(finding["evidence"]?.array?.first)
        #expect(place["session"]?.string != nil && place["exchange"]?.integer == 2 && place["frame"]?.integer == 9)
    }
}
