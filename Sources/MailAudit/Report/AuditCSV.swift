// One table of the report for spreadsheets and scripts (RFC 4180): lines that end with CRLF, the first with the names of the columns.
// A cell that a spreadsheet would take for a formula gets an apostrophe before it: what peers say must not be computed.

import MailRecording

extension AuditReport {
    /// A table that can be had as CSV.
    package enum Table: String, Sendable, CaseIterable {
        case findings, credentials, messages, clients, servers, tls, accounts
    }

    /// The table, every row of it.
    package func csv(_ table: Table) -> String {
        var csv = CSVWriter()
        switch table {
        case .findings: findings(&csv)
        case .credentials: credentials(&csv)
        case .messages: messages(&csv)
        case .clients: clients(&csv)
        case .servers: servers(&csv)
        case .tls: tls(&csv)
        case .accounts: accounts(&csv)
        }
        return csv.text
    }

    /// A row for each place; a finding without places has one of its own.
    private func findings(_ csv: inout CSVWriter) {
        csv.row([
            "severity", "code", "title", "area", "count", "time", "client", "server", "session", "exchange", "frame",
            "file",
            "detail", "reference", "remedy",
        ])
        for finding in found.findings {
            let kind = finding.kind
            func row(_ place: Evidence?) {
                csv.row([
                    finding.severity.rawValue, kind.code, kind.title, kind.area.rawValue, String(finding.count),
                    place.map { $0.session.isEmpty ? "" : Timestamp.rfc3339($0.time) } ?? "",
                    place?.client?.description ?? "", place?.server?.description ?? "", place?.session ?? "",
                    Self.number(place?.exchange), Self.number(place?.frame), place.map { file($0.source) } ?? "",
                    place?.detail ?? "", kind.reference, kind.remedy.advice,
                ])
            }
            if finding.evidence.isEmpty { row(nil) }
            finding.evidence.forEach(row)
        }
    }

    private func credentials(_ csv: inout CSVWriter) {
        let reveals = found.credentials.contains { $0.secret != nil || $0.hash != nil }
        csv.row(
            [
                "time", "account", "protocol", "mechanism", "outcome", "tls", "tls_offered", "client", "server",
                "session",
                "exchange", "frame", "file", "fingerprint", "attackable",
            ] + (reveals ? ["secret", "hash"] : []))
        for row in found.credentials {
            csv.row(
                [
                    Timestamp.rfc3339(row.time), row.account, row.mailProtocol.rawValue, row.mechanism,
                    row.outcome.rawValue, Self.truth(row.protection == .tls),
                    row.tlsOffered.map(Self.truth) ?? "", row.client.description, row.server.description, row.session,
                    String(row.exchange), Self.number(row.frame), file(row.source), row.fingerprint,
                    Self.truth(row.isAttackable),
                ] + (reveals ? [row.secret ?? "", row.hash ?? ""] : []))
        }
    }

    private func messages(_ csv: inout CSVWriter) {
        csv.row([
            "time", "from", "to", "subject", "message_id", "bytes", "complete", "sha256", "protocol", "carrier", "tls",
            "client", "server", "session", "exchange", "frame", "file",
        ])
        for row in found.messages {
            let record = row.record
            csv.row([
                Timestamp.rfc3339(row.time), record.from, record.to.joined(separator: " "), record.subject,
                record.messageID, String(record.bytes), Self.truth(record.complete), record.sha256,
                row.mailProtocol.rawValue, record.carrier.rawValue, Self.truth(row.protection == .tls),
                row.client.description, row.server.description, row.session, String(record.exchange),
                Self.number(row.frame), file(row.source),
            ])
        }
    }

    private func clients(_ csv: inout CSVWriter) {
        csv.row([
            "address", "posture", "sessions", "tls_sessions", "clear_credentials", "clear_messages", "protocols",
            "accounts",
            "software", "names", "findings",
        ])
        for row in found.clients {
            csv.row([
                row.address.description, row.posture.rawValue, String(row.sessions), String(row.tlsSessions),
                String(row.clearCredentials), String(row.clearMessages),
                row.protocols.map(\.rawValue).joined(separator: " "), row.accounts.joined(separator: " "),
                row.software.joined(separator: ", "), row.names.joined(separator: " "),
                row.findings.joined(separator: " "),
            ])
        }
    }

    private func servers(_ csv: inout CSVWriter) {
        csv.row([
            "address", "protocol", "offers_tls", "clear_mechanisms", "sessions", "tls_sessions", "clear_credentials",
            "clear_messages", "accounts", "software", "banner", "findings",
        ])
        for row in found.servers {
            csv.row([
                row.endpoint.description, row.mailProtocol.rawValue, row.offersTLS.map(Self.truth) ?? "",
                row.clearMechanisms.joined(separator: " "), String(row.sessions), String(row.tlsSessions),
                String(row.clearCredentials), String(row.clearMessages), String(row.accounts), row.software ?? "",
                row.banner, row.findings.joined(separator: " "),
            ])
        }
    }

    private func tls(_ csv: inout CSVWriter) {
        csv.row([
            "server", "protocol", "how", "version", "cipher", "sni", "certificate", "not_after", "ja4", "ja3",
            "clients",
            "sessions", "read",
        ])
        for row in found.tls {
            csv.row([
                row.server.description, row.mailProtocol.rawValue, row.how.rawValue, row.version, row.cipher,
                row.serverName ?? "", row.subject ?? "", row.notAfter.map(Timestamp.rfc3339) ?? "",
                row.ja4.joined(separator: " "), row.ja3.joined(separator: " "), row.clients.joined(separator: " "),
                String(row.sessions), Self.truth(!row.isSealed),
            ])
        }
    }

    private func accounts(_ csv: inout CSVWriter) {
        csv.row([
            "account", "clear_accepted", "clear_refused", "clear_unknown", "tls", "secrets", "mechanisms", "protocols",
            "clients", "servers",
        ])
        for row in found.accounts {
            csv.row([
                row.name, String(row.clearAccepted), String(row.clearRefused), String(row.clearUnknown),
                String(row.tls), String(row.secrets), row.mechanisms.joined(separator: " "),
                row.protocols.map(\.rawValue).joined(separator: " "), row.clients.joined(separator: " "),
                row.servers.joined(separator: " "),
            ])
        }
    }

    private func file(_ source: Int) -> String { sources.indices.contains(source) ? sources[source].file : "" }
    private static func number(_ number: Int?) -> String { number.map(String.init) ?? "" }
    private static func truth(_ truth: Bool) -> String { truth ? "yes" : "no" }
}

/// Writes rows (RFC 4180 §2).
struct CSVWriter {
    private(set) var text = ""

    mutating func row(_ cells: [String]) {
        text += cells.map(Self.cell).joined(separator: ",")
        text += "\r\n"
    }

    private static func cell(_ text: String) -> String {
        // What begins so is a formula in spreadsheets. Judged before controls become visible escapes, as a tab or CR hides one, too.
        let guarded: Bool =
            switch text.utf8.first {
            case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 9, 13: true
            default: false
            }
        let text = (guarded ? "'" : "") + InertText.of(text)
        guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x2C || $0 == 10 || $0 == 13 }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
