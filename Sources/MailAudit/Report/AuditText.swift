// The report for a terminal.

import MailRecording

extension AuditReport {
    /// The report as text.
    /// - Parameter most: rows that are shown of each table.
    package func text(_ style: TextStyle, most: Int = 40) -> String {
        var text = "Verdict: \(style.text(verdict, Self.role(found.worst ?? .info)))\n\(sentence)\n\n"
        text += period
        if !tasks.isEmpty {
            text += style.text("What to do first", .strong) + "\n"
            for (number, task) in tasks.prefix(5).enumerated() {
                text += " \(number + 1). \(task.remedy.advice)\n"
                text += "    for \(task.findings.map(\.kind.code).joined(separator: ", "))\n"
            }
            text += "\n"
        }
        text += findingTable(style, most) + credentialTable(style, most) + partyTables(style, most)
        if let baseline { text += Self.changes(baseline, found, style) }
        return text + limits(style)
    }

    /// The colour of a severity.
    package static func role(_ severity: Severity) -> TextStyle.Role {
        switch severity {
        case .critical, .high: .alarm
        case .medium: .warning
        case .low: .strong
        case .info: .quiet
        }
    }

    private var period: String {
        guard let first = found.first, let last = found.last else { return "" }
        let clear = Figures.grouped(found.clearSessions)
        return "\(Figures.count(found.sessions, "session")), \(clear) with something in clear, "
            + "\(Timestamp.rfc3339(first)) to \(Timestamp.rfc3339(last))\n\n"
    }

    private static func rest(_ count: Int, _ most: Int) -> String {
        count > most ? "(\(Figures.grouped(count - most)) more)\n" : ""
    }

    private static func cell(_ text: String, _ most: Int = 48) -> String {
        text.isEmpty ? "-" : String(InertText.of(text).prefix(most))
    }

    private func findingTable(_ style: TextStyle, _ most: Int) -> String {
        guard !found.findings.isEmpty else { return "Nothing was found.\n\n" }
        var text = style.text("Findings", .strong) + "\n"
        for finding in found.findings.prefix(most) {
            let name = finding.severity.rawValue
            let padded = name + String(repeating: " ", count: max(0, 9 - name.utf8.count))
            text += "\(style.text(padded, Self.role(finding.severity)))\(finding.kind.title) "
            text += style.text("(\(finding.kind.code), \(Figures.grouped(finding.count)))", .quiet) + "\n"
            for place in finding.evidence.prefix(3) {
                text += "         " + InertText.of(placeLine(place)) + "\n"
            }
            if finding.count > 3 { text += "         …\n" }
        }
        return text + Self.rest(found.findings.count, most) + "\n"
    }

    /// Where something was seen, in a line.
    func placeLine(_ place: Evidence) -> String {
        var parts: [String] = []
        if !place.detail.isEmpty { parts.append(place.detail) }
        if let client = place.client, let server = place.server { parts.append("\(client) → \(server)") }
        if let frame = place.frame, frame > 0 {
            let name =
                sources.indices.contains(place.source) && sources.count > 1 ? " of \(sources[place.source].file)" : ""
            parts.append("frame \(frame)\(name)")
        }
        if !place.session.isEmpty {
            parts.append("session \(place.session)\(place.exchange.map { "/\($0)" } ?? "")")
        }
        return parts.joined(separator: ", ")
    }

    private func credentialTable(_ style: TextStyle, _ most: Int) -> String {
        guard !found.credentials.isEmpty else { return "" }
        let reveals = found.credentials.contains { $0.secret != nil || $0.hash != nil }
        var rows = [["ACCOUNT", "MECHANISM", "PROTO", "OUTCOME", "TLS", "CLIENT", "SERVER", "MARK"]]
        if reveals { rows[0].append("SECRET") }
        for row in found.credentials.prefix(most) {
            let tls = row.protection == .tls ? "yes" : row.tlsOffered == true ? "declined" : "no"
            rows.append([
                Self.cell(row.account), row.mechanism, row.mailProtocol.rawValue, row.outcome.rawValue, tls,
                row.client.description, row.server.description, row.fingerprint.isEmpty ? "-" : row.fingerprint,
            ])
            if reveals { rows[rows.count - 1].append(Self.cell(row.secret ?? row.hash ?? "", 120)) }
        }
        return style.text("Credentials", .strong) + "\n" + TextTable.text(rows, left: Set(0..<9))
            + Self.rest(found.credentials.count, most) + "\n"
    }

    private func partyTables(_ style: TextStyle, _ most: Int) -> String {
        guard !found.clients.isEmpty else { return "" }
        var rows = [["CLIENT", "TLS", "SESSIONS", "UNDER TLS", "CREDENTIALS", "MESSAGES", "ACCOUNTS", "NAMES"]]
        for row in found.clients.prefix(most) {
            rows.append([
                row.address.description, row.posture.rawValue, "\(row.sessions)", "\(row.tlsSessions)",
                "\(row.clearCredentials)", "\(row.clearMessages)", Self.cell(row.accounts.joined(separator: ", ")),
                Self.cell((row.software + row.names).joined(separator: ", ")),
            ])
        }
        var text = style.text("Clients", .strong) + "\n" + TextTable.text(rows, left: [0, 1, 6, 7])
        text += Self.rest(found.clients.count, most) + "\n"
        rows = [["SERVER", "PROTO", "OFFERS TLS", "SESSIONS", "UNDER TLS", "CREDENTIALS", "MESSAGES", "SOFTWARE"]]
        for row in found.servers.prefix(most) {
            rows.append([
                row.endpoint.description, row.mailProtocol.rawValue, row.offersTLS.map { $0 ? "yes" : "no" } ?? "-",
                "\(row.sessions)", "\(row.tlsSessions)", "\(row.clearCredentials)", "\(row.clearMessages)",
                Self.cell(row.software ?? row.banner),
            ])
        }
        text += style.text("Servers", .strong) + "\n" + TextTable.text(rows, left: [0, 1, 2, 7])
        text += Self.rest(found.servers.count, most) + "\n"
        guard !found.tls.isEmpty else { return text }
        rows = [["TLS AT", "BEGUN", "VERSION", "CIPHER", "NAME", "SESSIONS", "CERTIFICATE", "JA4"]]
        for row in found.tls.prefix(most) {
            rows.append([
                row.server.description, row.how.rawValue, Self.cell(row.version), Self.cell(row.cipher),
                Self.cell(row.serverName ?? ""), "\(row.sessions)", Self.cell(row.subject ?? ""),
                Self.cell(row.ja4.joined(separator: " "), 80),
            ])
        }
        text += style.text("TLS", .strong) + "\n" + TextTable.text(rows, left: [0, 1, 2, 3, 4, 6, 7])
        return text + Self.rest(found.tls.count, most) + "\n"
    }

    private static func changes(_ baseline: AuditBaseline, _ found: AuditFindings, _ style: TextStyle) -> String {
        let changes = baseline.changes(to: found.findings).filter { $0.direction != .same }
        var text = style.text("Since the report of \(InertText.of(baseline.made ?? "an earlier day"))", .strong) + "\n"
        if changes.isEmpty { return text + "Nothing changed.\n\n" }
        for change in changes {
            let subjects =
                (change.direction == .gone || change.direction == .better ? change.goneSubjects : change.newSubjects)
            let names = subjects.prefix(4).joined(separator: ", ")
            let many = "\(Figures.grouped(change.before)) → \(Figures.grouped(change.now))"
            text +=
                "\(change.direction.rawValue): \(change.code), \(many)\(names.isEmpty ? "" : ": ")\(InertText.of(names))\n"
        }
        return text + "\n"
    }

    private func limits(_ style: TextStyle) -> String {
        var text = style.text("Sources", .strong) + "\n"
        for source in sources {
            var parts = [Figures.count(source.packets, "packet")]
            if source.gaps > 0 { parts.append(Figures.count(source.gaps, "gap")) }
            if source.dropped > 0 { parts.append("\(source.dropped) dropped") }
            if source.undecoded > 0 { parts.append("\(source.undecoded) not decoded") }
            if source.cut > 0 { parts.append("\(source.cut) cut short") }
            if let problem = source.problem { parts.append(problem) }
            if let hash = source.sha256 { parts.append("SHA-256 \(hash)") }
            text += "\(InertText.of(source.file)): \(InertText.of(parts.joined(separator: ", ")))\n"
        }
        if found.unkept > 0 { text += "\(Figures.count(found.unkept, "row")) beyond the limit counted, not listed\n" }
        return text
    }
}
