// CSV and SARIF: their forms, and what a spreadsheet must not compute.

import MailDialogue
import MailRecording
import Testing

@testable import MailAudit

@Suite struct AuditExportTests {
    private static func report(_ found: AuditFindings) -> AuditReport {
        let source = AuditSource(
            file: "/days/a b.pcap", sha256: "ab12", packets: 40, gaps: 0, dropped: 0, undecoded: 0, problem: nil)
        return AuditReport(found: found, sources: [source], program: "mailproxy 9.9", made: 1_700_000_100_000_000)
    }

    /// Reads CSV (RFC 4180 §2); nil when it is none.
    private static func read(_ text: String) -> [[String]]? {
        var rows: [[String]] = []
        var row: [String] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            var cell: [UInt8] = []
            if rest.first == 0x22 {
                rest = rest.dropFirst()
                while true {
                    guard let octet = rest.popFirst() else { return nil }
                    if octet != 0x22 {
                        cell.append(octet)
                    } else if rest.first == 0x22 {
                        cell.append(0x22)
                        rest = rest.dropFirst()
                    } else {
                        break
                    }
                }
            } else {
                cell = Array(rest.prefix { $0 != 0x2C && $0 != 13 })
                rest = rest.dropFirst(cell.count)
                if cell.contains(0x22) || cell.contains(10) { return nil }
            }
            row.append(String(decoding: cell, as: UTF8.self))
            guard let octet = rest.popFirst() else { return nil }
            if octet == 0x2C { continue }
            guard octet == 13, rest.popFirst() == 10 else { return nil }
            rows.append(row)
            row = []
        }
        return rows
    }

    @Test func everyTableIsRectangular() throws {
        let tls = TLSLeg(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: "mx", how: .implicit)
        let report = Self.report(
            audit(
                Played(.smtp, Said.submission), Played(.pop3, Said.pop3("ada", "ada")),
                Played(.smtp, Said.submission).at("10.0.0.7:3").under(tls)))
        for table in AuditReport.Table.allCases {
            let rows = try #require(Self.read(report.csv(table)), "\(table)")
            #expect(rows.count > 1 && Set(rows.map(\.count)).count == 1, "\(table)")
            #expect(Set(rows[0]).count == rows[0].count, "\(table)")
        }
        let rows = try #require(Self.read(report.csv(.credentials)))
        #expect(rows[1].contains("ada") && rows[1].contains("PLAIN") && rows[1].contains("/days/a b.pcap"))
        #expect(!rows[0].contains("secret"))
    }

    @Test func formulasAreGuardedAndQuotesAreDoubled() throws {
        var csv = CSVWriter()
        let cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=1", "a,b", "a\"b", "", "a\nb"]
        csv.row(cells)
        let row = try #require(Self.read(csv.text)?.first)
        #expect(row.count == cells.count)
        for cell in row.prefix(6) { #expect(cell.hasPrefix("'"), "\(cell)") }
        #expect(Array(row.dropFirst(6)) == ["a=1", "a,b", "a\"b", "", "a\\x0ab"])
    }

    @Test func sarifHasARuleForEachResult() throws {
        let found = audit(Played(.smtp, Said.submission), Played(.pop3, Said.pop3("ada", "ada")))
        let json = try #require(JSONValue(parsing: Array(Self.report(found).sarif.utf8)[...]))
        #expect(json["version"]?.string == "2.1.0")
        let run = try #require(json["runs"]?.array?.first)
        let rules = try #require(run["tool"]?["driver"]?["rules"]?.array)
        #expect(run["tool"]?["driver"]?["name"]?.string == "mailproxy")
        #expect(rules.compactMap { $0["id"]?.string } == found.findings.map(\.kind.code))
        let results = try #require(run["results"]?.array)
        #expect(results.count == found.findings.reduce(0) { $0 + $1.evidence.count })
        for result in results {
            let index = try #require(result["ruleIndex"]?.integer.map { Int($0) })
            #expect(rules[index]["id"]?.string == result["ruleId"]?.string)
            #expect(["note", "warning", "error"].contains(result["level"]?.string ?? ""))
            let place = try #require(result["locations"]?.array?.first?["physicalLocation"]?["artifactLocation"])
            #expect(place["uri"]?.string == "file:///days/a%20b.pcap")
            let print = result["fingerprints"]?["place/v1"]?.string
            #expect(print?.isEmpty == false && result["partialFingerprints"]?["place/v1"]?.string == print)
            let region = result["locations"]?.array?.first?["physicalLocation"]?["region"]
            #expect(region?["startLine"]?.integer == 1)
        }
        #expect(results.contains { $0["locations"]?.array?.first?["properties"]?["frame"]?.integer == 9 })
        #expect(run["artifacts"]?.array?.first?["hashes"]?["sha-256"]?.string == "ab12")
    }

    @Test func sarifTellsWhatIsGone() throws {
        let before = Self.report(audit(Played(.pop3, Said.pop3("ada", "summer2024"))))
        let old = try #require(JSONValue(parsing: Array(before.json.utf8)[...]).flatMap { AuditBaseline($0) })
        var report = Self.report(audit(Played(.smtp, Said.submission)))
        report.baseline = old
        let json = try #require(JSONValue(parsing: Array(report.sarif.utf8)[...]))
        let results = try #require(json["runs"]?.array?.first?["results"]?.array)
        let states = results.compactMap { $0["baselineState"]?.string }
        // If one result has a state, all have (SARIF 2.1.0 §3.27.24).
        #expect(states.count == results.count && Set(states).isSuperset(of: ["new", "absent"]))
    }

    @Test func theReferencePageHasEveryKind() {
        let page = FindingReference.text
        for kind in FindingKind.all { #expect(page.contains("| `\(kind.code)` |"), "\(kind.code)") }
        #expect(page.contains("### Protect logins\n"))
        #expect(FindingReference.explanation(.injection).contains("CVE-2011-0411"))
    }
}
