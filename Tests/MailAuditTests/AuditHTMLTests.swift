// The page: whole, self-contained, and nothing that a peer says is markup in it.

import MailDialogue
import MailRecording
import Testing

@testable import MailAudit

@Suite struct AuditHTMLTests {
    private static func report(
        _ found: AuditFindings, sources: [AuditSource]? = nil, baseline: AuditBaseline? = nil
    ) -> AuditReport {
        let source = AuditSource(
            file: "day.pcap", sha256: "ab12", packets: 40, gaps: 1, dropped: 7, undecoded: 0, problem: nil)
        var report = AuditReport(
            found: found, sources: sources ?? [source], program: "mailproxy 9.9", made: 1_700_000_100_000_000,
            baseline: baseline)
        report.command = "mailproxy audit day.pcap --format html"
        return report
    }

    @Test func everyPartIsThere() {
        let html = Self.report(audit(Played(.smtp, Said.submission))).html
        for part in [
            "first", "figures", "findings", "accounts", "clients", "servers", "tls", "credentials", "messages",
            "method",
        ] {
            #expect(html.contains("<section id=\"\(part)\" aria-labelledby=\"\(part)-h\">"), "\(part)")
        }
        #expect(!html.contains("id=\"changes\""))
        for text in [
            "Credentials of 1 account crossed the network in clear", "id=\"f-credentials-in-clear\"",
            "frame <code>9</code>",
            "of <code>day.pcap</code>", "<code>ab12</code>", "mailproxy audit day.pcap --format html",
            "smtpd_tls_auth_only = yes", "7 packets were lost", "mailproxy 9.9",
        ] {
            #expect(html.contains(text), "\(text)")
        }
    }

    @Test func nothingComesFromElsewhereAndNothingRuns() {
        let html = Self.report(audit(Played(.smtp, Said.submission))).html.lowercased()
        for text in [
            "<script", "javascript:", "http://", "https://", "src=", "@import", "<link", "<iframe", "onload", "style=",
        ] {
            #expect(!html.contains(text), "\(text)")
        }
        #expect(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""))
    }

    @Test func idsAreUniqueAndLinksLead() {
        let html = Self.report(audit(Played(.smtp, Said.submission), Played(.pop3, Said.pop3("ada", "ada")))).html
        func values(_ name: String) -> [Substring] {
            html.split(separator: " \(name)=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
        }
        let ids = values("id")
        #expect(Set(ids).count == ids.count && ids.count > 20)
        let links = values("href").filter { $0.hasPrefix("#") }.map { $0.dropFirst() }
        #expect(links.count > 15 && Set(links).isSubset(of: Set(ids)))
        let named = values("aria-labelledby").flatMap { $0.split(separator: " ") }
        #expect(named.count > 10 && Set(named).isSubset(of: Set(ids)))
    }

    /// What a peer can put where: everything is shown, nothing is obeyed.
    @Test func hostileTextStaysText() {
        let controls = (0..<32).map { "\(Unicode.Scalar(UInt8($0)))" }.joined()
        let hostile = "\"'><script>alert(1)</script></style></title>&amp;<!--\u{202E}\u{2066}\u{7F}\u{85}" + controls
        var found = audit(Played(.smtp, Said.submission), Played(.pop3, Said.pop3("ada", "ada")))
        for index in found.findings.indices {
            found.findings[index].subjects = [hostile]
            for place in found.findings[index].evidence.indices {
                found.findings[index].evidence[place].detail = hostile
                found.findings[index].evidence[place].session = hostile
                found.findings[index].evidence[place].excerpt = ["C: " + hostile]
            }
        }
        for index in found.credentials.indices {
            found.credentials[index].account = hostile
            found.credentials[index].mechanism = hostile
            found.credentials[index].secret = hostile
        }
        for index in found.messages.indices {
            found.messages[index].record.subject = hostile
            found.messages[index].record.from = hostile
            found.messages[index].record.to = [hostile]
        }
        for index in found.clients.indices {
            found.clients[index].names = [hostile]
            found.clients[index].software = [hostile]
            found.clients[index].accounts = [hostile]
        }
        for index in found.servers.indices {
            found.servers[index].software = nil
            found.servers[index].banner = hostile
            found.servers[index].clearMechanisms = [hostile]
        }
        for index in found.accounts.indices { found.accounts[index].name = hostile }
        let source = AuditSource(
            file: hostile, sha256: nil, packets: 1, gaps: 0, dropped: 0, undecoded: 0, problem: hostile)
        var report = Self.report(found, sources: [source])
        report.command = hostile
        let html = report.html
        #expect(!html.contains("<script") && !html.contains("</script") && !html.contains("<!--"))
        #expect(html.components("</style>") == 1 && html.components("</title>") == Self.titles(html))
        #expect(html.contains("&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"))
        #expect(html.contains("\\u{202e}") && html.contains("\\x00") && html.contains("\\x1b"))
        let allowed: (Unicode.Scalar) -> Bool = {
            ($0.value >= 32 || $0.value == 10) && $0.value != 127 && !InertText.isDangerous($0.value)
        }
        #expect(html.unicodeScalars.allSatisfy(allowed))
        #expect(report.csv(.findings).unicodeScalars.allSatisfy { allowed($0) || $0 == "\r" })
    }

    /// Titles that the page opens itself.
    private static func titles(_ html: String) -> Int { html.components("<title") }

    @Test func secretsAreShownOnlyWhenAskedForAndWithAWarning() {
        let session = Played(.smtp, Said.submission)
        let plain = Self.report(audit(session)).html
        #expect(!plain.contains("korrekt.Pferd-31") && !plain.contains("This report holds secrets"))
        var options = AuditOptions()
        options.revealsSecrets = true
        let revealed = Self.report(audit(session, options: options)).html
        #expect(revealed.components("korrekt.Pferd-31") == 1 && revealed.contains("This report holds secrets"))
    }

    @Test func changesAreTold() throws {
        let old = Self.report(audit(Played(.pop3, Said.pop3("ada", "summer2024")))).json
        let json = try #require(JSONValue(parsing: Array(old.utf8)[...]))
        let baseline = try #require(AuditBaseline(json))
        let html = Self.report(audit(Played(.smtp, Said.submission)), baseline: baseline).html
        #expect(html.contains("id=\"changes\"") && html.contains(">gone<") && html.contains(">new<"))
    }

    @Test func withoutSessionsThePageSaysSo() {
        let html = Self.report(audit()).html
        #expect(html.contains("No mail session was found") && html.contains("Nothing needs to be done."))
        #expect(html.contains("No account was seen.") && html.contains("Nothing was found."))
    }

    @Test func programsThatWereSeenComeFirst() throws {
        let html = Self.report(audit(Played(.smtp, Said.submission))).html
        let seen = try #require(html.range("In the programs that were seen here"))
        let other = try #require(html.range("The same in other programs"))
        let postfix = try #require(html.range("<dt>Postfix (1 host)</dt>"))
        let exim = try #require(html.range("<dt>Exim</dt>"))
        #expect(seen < postfix && postfix < other && other < exim)
    }

    @Test func anExcerptStandsWithTheEvidenceAndHasNoSecret() throws {
        let found = audit(Played(.smtp, Said.submission), Played(.imap, Said.imap("ada korrekt.Pferd-31")))
        let places = try #require(found.finding(.credentialsInClear)?.evidence)
        #expect(places.count == 2)
        #expect(places[0].excerpt.count == 2 && places[0].excerpt[0].hasPrefix("C: AUTH PLAIN AGFkYQAq"))
        #expect(places[0].excerpt[1] == "S: 235 2.7.0 ok")
        #expect(places[1].excerpt[0].hasPrefix("C: 1 LOGIN ") && places[1].excerpt[1] == "S: 1 OK done")
        let report = Self.report(found)
        for text in [report.html, report.json, report.sarif, report.csv(.findings), report.csv(.credentials)] {
            #expect(!text.contains("korrekt.Pferd-31") && !text.contains("AGFkYQBrb3JyZWt0LlBmZXJkLTMx"))
        }
        #expect(report.html.contains("<div class=\"server\">S: 235 2.7.0 ok</div>"))
        #expect(report.json.contains("\"excerpt\":[\"C: AUTH PLAIN"))
    }

    /// What was injected stands with the finding, secrets in it masked; what is under TLS does not.
    @Test func injectedOctetsAreShown() throws {
        let injected =
            "MAIL FROM:<eve@example.com>\\r\\nAUTH PLAIN AGFkYQBrb3JyZWt0LlBmZXJkLTMx\\r\\nNOOP\\r\\nRSET\\r\\n"
        let found = audit(
            Played(
                .smtp,
                "S: 220 mx ESMTP\nC: EHLO a\nS: 250-mx\nS: 250 STARTTLS\nC> STARTTLS\\r\\n\(injected)\nS: 220 go\nC> \u{16}\u{3}xyz"
            ))
        let place = try #require(found.finding(.injection)?.evidence.first)
        #expect(
            place.excerpt == [
                "C: STARTTLS", "S: 220 go", "C: MAIL FROM:<eve@example.com>",
                "C: AUTH " + String(repeating: "*", count: 34), "C: NOOP", "C: …",
            ])
        let report = Self.report(found)
        #expect(report.html.contains("MAIL FROM:&lt;eve@example.com&gt;") && !report.html.contains("xyz"))
    }

    @Test func excerptsAreShort() throws {
        let long = String(repeating: "x", count: 400)
        let extensions = (0..<30).map { "S: 250-X\($0)" }.joined(separator: "\n")
        let found = audit(
            Played(.smtp, "S: 220 mx ESMTP\nC: EHLO \(long)\n\(extensions)\nS: 250 AUTH PLAIN\nC: QUIT\nS: 221 bye"))
        for place in found.findings.flatMap(\.evidence) {
            #expect(place.excerpt.count <= Excerpt.mostLines)
            #expect(place.excerpt.allSatisfy { $0.utf8.count <= Excerpt.mostOctets + 6 })
        }
        #expect(found.findings.flatMap(\.evidence).contains { !$0.excerpt.isEmpty })
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(_ text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count - 1
    }

    /// Where a text begins.
    fileprivate func range(_ text: String) -> Int? {
        let parts = split(separator: text, maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? parts[0].utf8.count : nil
    }
}
