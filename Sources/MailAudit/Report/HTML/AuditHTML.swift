// The report as one page of HTML for people who never saw this program: it needs nothing from elsewhere, has no script, and a
// policy in it forbids both. What can be folded is folded by `<details>`; what is unfolded when the page is printed is printed,
// and lists of names and findings are whole on paper.

import MailRecording

extension AuditReport {
    /// The page.
    package var html: String { AuditHTML(self).page }
}

/// The making of the page.
struct AuditHTML {
    /// Rows that are shown of a table; the CSV has all.
    static let mostRows = 1_000

    let report: AuditReport
    var found: AuditFindings { report.found }

    init(_ report: AuditReport) { self.report = report }

    var page: String {
        var html = Markup()
        head(&html)
        html.markup("<body>\n<a class=\"skip\" href=\"#findings\">To the findings</a>\n")
        title(&html)
        html.markup("<main>\n")
        for part in parts {
            html.open("section", ["id": part.id, "aria-labelledby": part.id + "-h"])
            html.element("h2", ["id": part.id + "-h"], text: part.title)
            html.line()
            part.write(&html)
            html.markup("</section>\n")
        }
        html.markup("</main>\n<footer><p>")
        html.text("Written by \(report.program), \(Self.time(report.made)) UTC.")
        html.markup("</p></footer>\n</body>\n</html>\n")
        return html.html
    }

    /// A part of the page.
    private struct Part {
        let id: String
        let title: String
        let write: (inout Markup) -> Void
    }

    private var parts: [Part] {
        var parts = [Part(id: "first", title: "What to do first", write: tasks)]
        if let baseline = report.baseline {
            parts.append(
                Part(id: "changes", title: "What changed since the earlier report") { self.changes(baseline, &$0) })
        }
        return parts + [
            Part(id: "figures", title: "The traffic at a glance", write: figures),
            Part(id: "findings", title: "Findings", write: findings),
            Part(id: "accounts", title: "Accounts", write: accounts),
            Part(id: "clients", title: "Clients", write: clients),
            Part(id: "servers", title: "Servers", write: servers),
            Part(id: "tls", title: "TLS that was seen", write: tls),
            Part(id: "credentials", title: "Credentials that were seen", write: credentials),
            Part(id: "messages", title: "Messages that were seen", write: messages),
            Part(id: "method", title: "Method and limits", write: method),
        ]
    }

    private func head(_ html: inout Markup) {
        html.markup(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="referrer" content="no-referrer">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="generator" content="mailproxy">

            """)
        html.element("title", text: "Mail audit: \(report.verdict)")
        html.markup("\n<style>\n")
        html.markup(Self.sheet)
        html.markup("\n</style>\n</head>\n")
    }

    // MARK: The verdict

    private func title(_ html: inout Markup) {
        let sentences = report.sentences
        html.open("header", ["class": "verdict " + report.verdict])
        html.markup("<p class=\"what\">Mail audit</p>\n<h1>")
        html.element("span", ["class": "badge " + report.verdict], text: Self.word(report.verdict))
        html.text(" " + (sentences.first ?? ""))
        html.markup("</h1>\n")
        if sentences.count > 1 {
            html.element("p", ["class": "lead"], text: sentences.dropFirst().joined(separator: " "))
        }
        html.element("p", text: introduction)
        html.line()
        tiles(&html)
        html.markup("<nav aria-label=\"Contents\"><ul>")
        for part in parts {
            html.element("li") { $0.element("a", ["href": "#" + part.id], text: part.title) }
        }
        html.markup("</ul></nav>\n</header>\n")
    }

    private var introduction: String {
        var text =
            "This report says what can be seen of e-mail on a network: whose passwords and messages anybody on the "
        text += "way could read, what is wrong with it, and what to do. It was made from "
        text += Figures.count(report.sources.count, "file") + " of captured traffic"
        if let first = found.first, let last = found.last {
            text += ", from \(Self.time(first)) to \(Self.time(last)) UTC"
        }
        return text + ". Nobody was asked and nothing was probed. Secrets are "
            + (reveals ? "shown where the one who made it asked for them." : "masked in it.")
    }

    /// Secrets stand in the report.
    var reveals: Bool { found.credentials.contains { $0.secret != nil || $0.hash != nil } }

    private func tiles(_ html: inout Markup) {
        func many(_ count: Int, _ noun: String) -> String { count == 1 ? noun : noun + "s" }
        func tile(_ number: Int, _ name: String, _ below: String) {
            html.markup("<li>")
            html.element("strong", text: Figures.grouped(number))
            html.element("span", text: name)
            html.element("small", text: below)
            html.markup("</li>")
        }
        let exposed = found.accounts.count { $0.isExposed }
        let messages = found.messages.count { $0.protection == .clear }
        html.markup("<ul class=\"tiles\">")
        tile(
            found.clearSessions, many(found.clearSessions, "session") + " in clear",
            "of \(Figures.grouped(found.sessions)) in all")
        tile(exposed, many(exposed, "account") + " exposed", "of \(Figures.grouped(found.accounts.count)) seen")
        tile(messages, many(messages, "message") + " in clear", "of \(Figures.grouped(found.messages.count)) seen")
        let grave = found.findings.count { $0.severity >= .high }
        tile(grave, many(grave, "grave finding"), "critical or high, of \(Figures.grouped(found.findings.count))")
        html.markup("</ul>\n")
    }

    /// A verdict as a word of its own.
    static func word(_ verdict: String) -> String { (verdict.first?.uppercased() ?? "") + verdict.dropFirst() }

    /// `2026-11-26 08:00:00`, in UTC.
    static func time(_ time: Int64) -> String {
        let text = Timestamp.rfc3339(time)
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(8))"
    }

    /// The same with milliseconds.
    static func moment(_ time: Int64) -> String {
        "\(Self.time(time)).\(Timestamp.rfc3339(time).dropFirst(20).prefix(3))"
    }

    /// Says that a table goes on elsewhere.
    func rest(_ count: Int, _ table: String, _ html: inout Markup) {
        guard count > Self.mostRows else { return }
        html.element(
            "p", ["class": "note"],
            text: "\(Figures.grouped(count - Self.mostRows)) more rows are not shown here; "
                + "mailproxy audit --format csv --table \(table) has all of them.")
    }
}

extension Severity {
    /// What it means, in a sentence.
    package var meaning: String {
        switch self {
        case .info: "Good to know; nothing is to be done."
        case .low: "Helps an attacker a little, or breaks what others rely on."
        case .medium: "A weakness that needs something else to be used."
        case .high: "Whoever is on the way can use it."
        case .critical: "It was used, or secrets lie open to strangers."
        }
    }
}
