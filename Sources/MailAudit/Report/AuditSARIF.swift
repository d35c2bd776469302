// The report as SARIF 2.1.0 (OASIS), for platforms that collect the results of analysis tools: a rule for each kind that was found,
// a result for each place of it.

import MailRecording

extension AuditReport {
    /// The log, with a line end.
    package var sarif: String {
        var writer = JSONWriter()
        writer.object { json in
            json.member("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
            json.member("version", "2.1.0")
            json.array("runs") { json in
                json.object { json in run(&json) }
            }
        }
        return writer.text + "\n"
    }

    private func run(_ json: inout JSONWriter) {
        let words = program.split(separator: " ", maxSplits: 1)
        let changes = baseline.map { $0.changes(to: found.findings) }
        let gone = (changes ?? []).filter { $0.direction == .gone }
        let kinds = found.findings.map(\.kind) + gone.compactMap { FindingKind.find($0.code) }
        json.object("tool") { json in
            json.object("driver") { json in
                json.member("name", String(words.first ?? "mailproxy"))
                if words.count > 1 { json.member("version", String(words[1])) }
                json.array("rules") { json in kinds.forEach { Self.rule($0, &json) } }
            }
        }
        json.array("invocations") { json in
            json.object { json in
                if !command.isEmpty { json.member("commandLine", command) }
                json.member("endTimeUtc", time: made)
                json.member("executionSuccessful", sources.allSatisfy { $0.problem == nil })
            }
        }
        json.array("artifacts") { json in
            for source in sources {
                json.object { json in
                    json.object("location") { $0.member("uri", URIReference.of(source.file)) }
                    if let hash = source.sha256 { json.object("hashes") { $0.member("sha-256", hash) } }
                    json.array("roles") { $0.value("analysisTarget") }
                }
            }
        }
        json.array("results") { json in
            for (rule, finding) in found.findings.enumerated() {
                let change = changes?.first { $0.code == finding.kind.code }
                let places = finding.evidence.isEmpty ? [nil] : finding.evidence.map { $0 as Evidence? }
                for place in places { result(finding, rule, place, change, &json) }
            }
            for (number, change) in gone.enumerated() where FindingKind.find(change.code) != nil {
                Self.gone(change, found.findings.count + number, &json)
            }
        }
        json.member("columnKind", "unicodeCodePoints")
    }

    private static func rule(_ kind: FindingKind, _ json: inout JSONWriter) {
        json.object { json in
            json.member("id", kind.code)
            json.object("shortDescription") { $0.member("text", kind.title + ".") }
            json.object("fullDescription") { $0.member("text", kind.meaning) }
            let reference = kind.reference.isEmpty ? "" : " See \(kind.reference)."
            json.object("help") { $0.member("text", kind.remedy.advice + reference) }
            json.object("defaultConfiguration") { json in
                json.member("level", kind.severity.level)
                json.member("rank", kind.severity.rank * 20 + 10)
            }
            json.object("properties") { json in
                json.member("area", kind.area.rawValue)
                json.member("security-severity", kind.severity.score)
                json.member("tags", ["security", "mail", kind.area.rawValue])
            }
        }
    }

    private func result(
        _ finding: Finding, _ rule: Int, _ place: Evidence?, _ change: AuditBaseline.Change?, _ json: inout JSONWriter
    ) {
        json.object { json in
            json.member("ruleId", finding.kind.code)
            json.member("ruleIndex", rule)
            json.member("level", finding.severity.level)
            json.member("rank", finding.severity.rank * 20 + 10)
            json.object("message") { json in
                let line = place.map(placeLine) ?? ""
                json.member("text", InertText.of(finding.kind.title + (line.isEmpty ? "." : ": \(line).")))
            }
            if let place {
                json.array("locations") { json in json.object { json in location(place, &json) } }
            }
            // What stays the same when the same traffic, or the same trouble of another day, is read again.
            let who = [place?.client?.host, place?.server?.description, place?.detail]
            let text = InertText.of(([finding.kind.code] + who.map { $0 ?? "" }).joined(separator: "|"))
            // Readers differ in which of the two they go by.
            for name in ["fingerprints", "partialFingerprints"] { json.object(name) { $0.member("place/v1", text) } }
            if let change { json.member("baselineState", change.direction.state) }
            json.object("properties") { json in
                json.member("severity", finding.severity.rawValue)
                json.member("count", finding.count)
                if let place, !place.session.isEmpty { json.member("time", time: place.time) }
            }
        }
    }

    private func location(_ place: Evidence, _ json: inout JSONWriter) {
        if sources.indices.contains(place.source) {
            json.object("physicalLocation") { json in
                json.object("artifactLocation") { json in
                    json.member("uri", URIReference.of(sources[place.source].file))
                    json.member("index", place.source)
                }
                // Who shows results beside source text wants a line of each (GitHub's code scanning); the frame is in the properties.
                json.object("region") { $0.member("startLine", 1) }
            }
        }
        if let client = place.client, let server = place.server {
            json.array("logicalLocations") { json in
                json.object { json in
                    json.member("fullyQualifiedName", "\(client) → \(server)")
                    json.member("kind", "connection")
                }
            }
        }
        json.object("properties") { json in
            if let frame = place.frame { json.member("frame", frame) }
            if !place.session.isEmpty { json.member("session", place.session) }
            if let exchange = place.exchange { json.member("exchange", exchange) }
        }
    }

    private static func gone(_ change: AuditBaseline.Change, _ rule: Int, _ json: inout JSONWriter) {
        json.object { json in
            json.member("ruleId", change.code)
            json.member("ruleIndex", rule)
            json.member("level", "none")
            json.member("kind", "pass")
            json.object("message") { json in
                json.member("text", "No longer seen: \(FindingKind.find(change.code)?.title ?? change.code).")
            }
            json.object("fingerprints") { $0.member("place/v1", change.code) }
            json.member("baselineState", "absent")
        }
    }
}

extension Severity {
    /// SARIF's level (SARIF 2.1.0 §3.27.10).
    var level: String {
        switch self {
        case .info: "note"
        case .low, .medium: "warning"
        case .high, .critical: "error"
        }
    }

    /// From 0 to 10, in the bands of CVSS.
    var score: String {
        switch self {
        case .info: "0.0"
        case .low: "3.0"
        case .medium: "5.5"
        case .high: "8.0"
        case .critical: "9.5"
        }
    }
}

extension AuditBaseline.Change.Direction {
    /// SARIF's state beside a baseline (SARIF 2.1.0 §3.27.24).
    fileprivate var state: String {
        switch self {
        case .new: "new"
        case .worse, .better: "updated"
        case .same: "unchanged"
        case .gone: "absent"
        }
    }
}

/// File names as URIs (RFC 3986).
enum URIReference {
    /// A path: `file:///…` when it is absolute, else relative. What is not unreserved is escaped (§2.1).
    static func of(_ path: String) -> String {
        var uri = path.hasPrefix("/") ? "file://" : ""
        for octet in path.utf8 {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                uri.unicodeScalars.append(Unicode.Scalar(octet))
            default:
                let digits = String(octet, radix: 16, uppercase: true)
                uri += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return uri
    }
}
