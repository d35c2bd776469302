// A row for each account, client, server, credential and message.

import MailDialogue
import MailRecording

extension AuditHTML {
    private func empty(_ text: String, _ html: inout Markup) { html.element("p", text: text) }

    func accounts(_ html: inout Markup) {
        let rows = found.accounts
        guard !rows.isEmpty else { return empty("No account was seen.", &html) }
        html.table(
            "The most exposed first",
            [
                ("Account", false), ("In clear, worked", true), ("In clear, refused", true),
                ("In clear, end not seen", true), ("Under TLS", true), ("Different secrets", true),
                ("How in clear", false), ("From", false), ("At", false),
            ],
            rows.prefix(Self.mostRows).map { row in
                [
                    Markup.Cell(row.name), Markup.Cell(row.clearAccepted), Markup.Cell(row.clearRefused),
                    Markup.Cell(row.clearUnknown), Markup.Cell(row.tls), Markup.Cell(row.secrets),
                    Markup.Cell(
                        row.mechanisms.isEmpty
                            ? [] : [row.mechanisms.joined(separator: ", "), Self.names(row.protocols)]),
                    Markup.Cell(row.clients), Markup.Cell(row.servers),
                ]
            }, style: "rows wide")
        rest(rows.count, "accounts", &html)
    }

    func clients(_ html: inout Markup) {
        let rows = found.clients
        guard !rows.isEmpty else { return empty("No client was seen.", &html) }
        html.table(
            "By address",
            [
                ("Client", false), ("TLS", false), ("Sessions", true), ("Under TLS", true),
                ("Credentials in clear", true), ("Messages in clear", true), ("Accounts", false),
                ("Program and name", false),
                ("Findings", false),
            ],
            rows.prefix(Self.mostRows).map { row in
                [
                    .code(row.address.description), Markup.Cell(row.posture.words), Markup.Cell(row.sessions),
                    Markup.Cell(row.tlsSessions), Markup.Cell(row.clearCredentials), Markup.Cell(row.clearMessages),
                    Markup.Cell(row.accounts, most: 4), Markup.Cell(row.software + row.names, most: 4),
                    findingLinks(row.findings),
                ]
            }, style: "rows wide")
        rest(rows.count, "clients", &html)
    }

    func servers(_ html: inout Markup) {
        let rows = found.servers
        guard !rows.isEmpty else { return empty("No server was seen.", &html) }
        html.table(
            "By address and port",
            [
                ("Server", false), ("Protocol", false), ("Offers TLS", false), ("Takes in clear", false),
                ("Sessions", true), ("Under TLS", true), ("Credentials in clear", true), ("Messages in clear", true),
                ("Program or greeting", false), ("Findings", false),
            ],
            rows.prefix(Self.mostRows).map { row in
                [
                    .code(row.endpoint.description), Markup.Cell(Self.names([row.mailProtocol])),
                    Markup.Cell(row.offersTLS.map { $0 ? "yes" : "no" } ?? "nobody asked"),
                    Markup.Cell(row.clearMechanisms.joined(separator: ", ")), Markup.Cell(row.sessions),
                    Markup.Cell(row.tlsSessions), Markup.Cell(row.clearCredentials), Markup.Cell(row.clearMessages),
                    Markup.Cell(row.software ?? row.banner), findingLinks(row.findings),
                ]
            }, style: "rows wide")
        rest(rows.count, "servers", &html)
    }

    func tls(_ html: inout Markup) {
        let rows = found.tls
        guard !rows.isEmpty else { return empty("No TLS was seen.", &html) }
        html.table(
            "What handshakes had in common, the most frequent first",
            [
                ("Server", false), ("Begun", false), ("Version and cipher", false), ("Name asked for", false),
                ("Certificate", false), ("Sessions", true), ("Clients", false), ("Marks of clients (JA4)", false),
            ],
            rows.prefix(Self.mostRows).map { row in
                let until = row.notAfter.map { ["until \(Self.time($0))"] } ?? []
                return [
                    .code(row.server.description),
                    Markup.Cell([
                        Self.names([row.mailProtocol]), row.how == .implicit ? "at once" : "by STARTTLS",
                        row.isSealed ? "not read" : "read",
                    ]),
                    Markup.Cell([row.version, row.cipher].filter { !$0.isEmpty }), Markup.Cell(row.serverName ?? ""),
                    Markup.Cell((row.subject.map { [$0] } ?? []) + until), Markup.Cell(row.sessions),
                    Markup.Cell(row.clients, most: 4), Markup.Cell(row.ja4, most: 4),
                ]
            }, style: "rows wide")
        rest(rows.count, "kinds of TLS", &html)
    }

    func credentials(_ html: inout Markup) {
        let rows = found.credentials
        guard !rows.isEmpty else { return empty("No credential was seen.", &html) }
        if reveals {
            html.markup(
                """
                <p class="alarm" role="note"><strong>This report holds secrets.</strong> Whoever reads it can log in as \
                others. Keep it where only those can read it who must, and delete it when the passwords are changed.</p>

                """)
        } else {
            html.markup(
                """
                <p>No secret is shown. The same mark means the same secret; a secret can't be found from its mark.</p>

                """)
        }
        var columns: [(name: String, isNumber: Bool)] = [
            ("Time (UTC)", false), ("Account", false), ("Mechanism", false), ("Outcome", false), ("TLS", false),
            ("From → to", false), ("Frame", true), ("Mark", false),
        ]
        if reveals { columns.append(("Secret", false)) }
        html.table(
            "In the order of the traffic", columns,
            rows.prefix(Self.mostRows).map { row in
                let tls =
                    row.protection == .tls
                    ? "yes"
                    : row.tlsOffered == true ? "no, though offered" : row.tlsOffered == false ? "no, not offered" : "no"
                var cells = [
                    Markup.Cell(Self.time(row.time)), Markup.Cell(row.account),
                    Markup.Cell(
                        [Self.names([row.mailProtocol]) + " " + row.mechanism]
                            + (row.isAttackable ? ["can be guessed offline"] : [])),
                    Markup.Cell(row.outcome.words), Markup.Cell(tls), ways(row.client, row.server),
                    Markup.Cell(frame(row.frame, row.source)), .code(row.fingerprint),
                ]
                if reveals { cells.append(.code(row.secret ?? row.hash ?? "")) }
                return cells
            }, style: "rows wide")
        rest(rows.count, "credentials", &html)
    }

    func messages(_ html: inout Markup) {
        let rows = found.messages
        guard !rows.isEmpty else { return empty("No message was seen.", &html) }
        html.table(
            "In the order of the traffic",
            [
                ("Time (UTC)", false), ("From", false), ("To", false), ("Subject", false), ("Octets", true),
                ("Carried by", false), ("TLS", false), ("From → to", false), ("Frame", true), ("SHA-256", false),
            ],
            rows.prefix(Self.mostRows).map { row in
                [
                    Markup.Cell(Self.time(row.time)), Markup.Cell(row.record.from),
                    Markup.Cell(row.record.to, most: 3), Markup.Cell(row.record.subject),
                    Markup.Cell(Figures.grouped(row.record.bytes) + (row.record.complete ? "" : ", not all")),
                    Markup.Cell(Self.names([row.mailProtocol]) + " " + row.record.carrier.rawValue.uppercased()),
                    Markup.Cell(row.protection == .tls ? "yes" : "no"), ways(row.client, row.server),
                    Markup.Cell(frame(row.frame, row.source)), .code(String(row.record.sha256.prefix(16))),
                ]
            }, style: "rows wide")
        html.markup("<p class=\"note\">Of each SHA-256 the first 16 digits are shown.</p>\n")
        rest(rows.count, "messages", &html)
    }

    // MARK: Cells

    private func ways(_ client: IPEndpoint, _ server: IPEndpoint) -> Markup.Cell {
        Markup.Cell { html in
            html.element("code", text: client.description)
            html.text(" → ")
            html.element("code", text: server.description)
        }
    }

    private func frame(_ frame: Int?, _ source: Int) -> String {
        guard let frame, frame > 0 else { return "" }
        return report.sources.count > 1 ? "\(Figures.grouped(frame)) of file \(source + 1)" : Figures.grouped(frame)
    }

    /// Links to the findings of a host, as far as they stand on the page.
    private func findingLinks(_ codes: [String]) -> Markup.Cell {
        let known = found.findings.filter { codes.contains($0.kind.code) && $0.severity >= .low }
        return Markup.Cell { html in
            guard let worst = known.first else { return html.text("–") }
            html.element("a", ["href": "#f-" + worst.kind.code], text: worst.kind.code)
            guard known.count > 1 else { return }
            html.markup("<details class=\"inline\"><summary>")
            html.text("and \(known.count - 1) more")
            html.markup("</summary>")
            for (number, finding) in known.dropFirst().enumerated() {
                if number > 0 { html.text(", ") }
                html.element("a", ["href": "#f-" + finding.kind.code], text: finding.kind.code)
            }
            html.markup("</details>")
        }
    }

    static func names(_ protocols: [MailProtocol]) -> String {
        protocols.map { $0.rawValue.uppercased() }.joined(separator: ", ")
    }
}

extension AuditClient.Posture {
    /// In a few words, for a cell.
    package var words: String {
        switch self {
        case .protected: "always"
        case .mixed: "sometimes"
        case .unknown: "never, offer not seen"
        case .unoffered: "never, not offered"
        case .unprotected: "never, though offered"
        case .strippable: "goes on without when refused"
        }
    }
}

extension CredentialRecord.Outcome {
    /// In a few words, for a cell.
    package var words: String {
        switch self {
        case .accepted: "worked"
        case .refused: "refused"
        case .unknown: "not seen"
        }
    }
}
