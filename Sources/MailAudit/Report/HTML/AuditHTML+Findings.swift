// What to do, and what was found: each finding with its evidence.

import MailRecording

extension AuditHTML {
    /// Places of a finding that stand open; the others are folded.
    private static let openPlaces = 5
    /// Whom it concerns, as far as they are named.
    private static let shownSubjects = 12

    // MARK: What to do

    func tasks(_ html: inout Markup) {
        let tasks = report.tasks
        guard !tasks.isEmpty else {
            html.markup("<p>Nothing needs to be done.</p>\n")
            return
        }
        html.markup("<ol class=\"tasks\">\n")
        for task in tasks {
            html.markup("<li>")
            html.element("p", ["class": "advice"], text: task.remedy.advice)
            html.markup("<p class=\"ends\">This ends: ")
            for (number, finding) in task.findings.enumerated() {
                if number > 0 { html.text("; ") }
                html.element("a", ["href": "#f-" + finding.kind.code], text: finding.kind.title.lowercasedFirst)
                html.text(" (\(finding.severity.rawValue))")
            }
            html.markup(".</p>\n")
            settings(task.remedy, &html)
            html.markup("</li>\n")
        }
        html.markup("</ol>\n")
    }

    /// The settings that do it: those of programs that were seen first, the others folded away.
    private func settings(_ remedy: Remedy, _ html: inout Markup) {
        let seen = SeenSoftware(found)
        let clients = remedy.clients.map { ($0, seen.clients($0.program)) }
        let servers = remedy.servers.map { ($0, seen.servers($0.program)) }
        let all = clients + servers
        let here = all.filter { $0.1 > 0 }
        if !here.isEmpty { list("In the programs that were seen here", here, &html) }
        let others = all.filter { $0.1 == 0 }
        guard !others.isEmpty else { return }
        html.markup("<details><summary>")
        html.text(here.isEmpty ? "How to set it in common programs" : "The same in other programs")
        html.markup("</summary>\n")
        list("", others, &html)
        html.markup("</details>\n")
    }

    private func list(_ title: String, _ settings: [(Remedy.Setting, Int)], _ html: inout Markup) {
        if !title.isEmpty { html.element("p", ["class": "seen"], text: title + ":") }
        html.markup("<dl class=\"settings\">")
        for (setting, hosts) in settings {
            html.element("dt", text: setting.program + (hosts > 0 ? " (\(Figures.count(hosts, "host")))" : ""))
            html.element("dd", text: setting.text)
        }
        html.markup("</dl>\n")
    }

    // MARK: What was found

    func findings(_ html: inout Markup) {
        guard !found.findings.isEmpty else {
            html.markup("<p>Nothing was found.</p>\n")
            return
        }
        html.markup("<dl class=\"scale\">")
        for severity in Severity.allCases.reversed() {
            html.markup("<dt>")
            badge(severity, &html)
            html.markup("</dt>")
            html.element("dd", text: severity.meaning)
        }
        html.markup("</dl>\n")
        html.table(
            "Overview, the gravest first",
            [("Severity", false), ("Finding", false), ("Part", false), ("Seen", true), ("Concerns", true)],
            found.findings.map { finding in
                [
                    Markup.Cell { badge(finding.severity, &$0) },
                    Markup.Cell { $0.element("a", ["href": "#f-" + finding.kind.code], text: finding.kind.title) },
                    Markup.Cell(finding.kind.area.title), Markup.Cell(finding.count),
                    Markup.Cell(finding.subjects.count),
                ]
            })
        for finding in found.findings { article(finding, &html) }
    }

    func badge(_ severity: Severity, _ html: inout Markup) {
        html.element("span", ["class": "badge " + severity.rawValue], text: severity.rawValue)
    }

    private func article(_ finding: Finding, _ html: inout Markup) {
        let kind = finding.kind
        html.open("article", ["id": "f-" + kind.code, "class": "finding " + finding.severity.rawValue])
        html.markup("<div class=\"head\"><h3>")
        badge(finding.severity, &html)
        html.text(" " + kind.title)
        html.markup("</h3>\n")
        html.element("p", text: kind.meaning)
        html.markup("<dl class=\"facts\">")
        func fact(_ name: String, _ text: String) {
            html.element("dt", text: name)
            html.element("dd", text: text)
        }
        fact("Seen", finding.count == 1 ? "once" : "\(Figures.grouped(finding.count)) times")
        if !finding.subjects.isEmpty {
            html.markup("<dt>Concerns</dt><dd>")
            names(finding.subjects, &html)
            html.markup("</dd>")
        }
        fact("What to do", kind.remedy.advice)
        if !kind.reference.isEmpty { fact("Reference", kind.reference) }
        html.markup("<dt>Code</dt><dd>")
        html.element("code", text: kind.code)
        html.markup("</dd></dl></div>\n")
        evidence(finding, &html)
        html.markup("</article>\n")
    }

    private func names(_ names: [String], _ html: inout Markup) {
        func list(_ names: ArraySlice<String>, _ html: inout Markup) {
            for (number, name) in names.enumerated() {
                if number > 0 { html.text(", ") }
                html.element("bdi", text: name)
            }
        }
        list(names.prefix(Self.shownSubjects), &html)
        guard names.count > Self.shownSubjects else { return }
        html.markup("<details class=\"inline\"><summary>")
        html.text("and \(Figures.grouped(names.count - Self.shownSubjects)) more")
        html.markup("</summary>")
        list(names.dropFirst(Self.shownSubjects), &html)
        html.markup("</details>")
    }

    private func evidence(_ finding: Finding, _ html: inout Markup) {
        let places = finding.evidence
        guard !places.isEmpty else { return }
        let open = places.prefix(Self.openPlaces)
        table(open, places.count > open.count ? "Evidence, the first places" : "Evidence", finding, &html)
        let others = places.dropFirst(Self.openPlaces)
        if !others.isEmpty {
            html.markup("<details><summary>")
            html.text(Figures.count(others.count, "more place"))
            html.markup("</summary>\n")
            table(others, "Evidence, more places", finding, &html)
            html.markup("</details>\n")
        }
        if finding.count > places.count {
            html.element(
                "p", ["class": "note"],
                text: "\(Figures.grouped(finding.count - places.count)) more were counted; their places are not kept.")
        }
    }

    private func table(_ places: ArraySlice<Evidence>, _ caption: String, _ finding: Finding, _ html: inout Markup) {
        html.table(
            caption,
            [("Time (UTC)", false), ("Who", false), ("Where", false), ("What", false)],
            places.map { place in
                [
                    Markup.Cell(place.time == 0 && place.session.isEmpty ? "" : Self.moment(place.time)),
                    Markup.Cell { self.who(place, &$0) },
                    Markup.Cell { self.locus(place, &$0) },
                    Markup.Cell { html in
                        html.element("bdi", text: place.detail.isEmpty ? "–" : place.detail)
                        Self.excerpt(place.excerpt, &html)
                    },
                ]
            }, style: "rows places")
    }

    private func who(_ place: Evidence, _ html: inout Markup) {
        guard let client = place.client, let server = place.server else {
            html.text("–")
            return
        }
        html.element("code", text: client.description)
        html.text(" → ")
        html.element("code", text: server.description)
    }

    /// The place in words that lead a person with Wireshark to it.
    private func locus(_ place: Evidence, _ html: inout Markup) {
        var isFirst = true
        func line(_ name: String, _ value: String) {
            if !isFirst { html.markup("<br>") }
            isFirst = false
            html.text(name)
            html.element("code", text: value)
        }
        let file = shortName(place.source)
        if let frame = place.frame, frame > 0 {
            line("frame ", String(frame))
            if !file.isEmpty {
                html.text(" of ")
                html.element("code", text: file)
            }
        } else if !file.isEmpty {
            line("file ", file)
        }
        if !place.session.isEmpty {
            line("session ", place.session)
            if let exchange = place.exchange { html.text(", exchange \(exchange)") }
        }
        if isFirst { html.text("–") }
    }

    /// The name of a file without its folders, as long as that is enough to tell it from the others; all are listed with the method.
    private func shortName(_ source: Int) -> String {
        guard report.sources.indices.contains(source) else { return "" }
        func last(_ name: String) -> String { name.split(separator: "/").last.map(String.init) ?? name }
        let name = last(report.sources[source].file)
        return report.sources.count { last($0.file) == name } == 1 ? name : "file \(source + 1)"
    }

    /// What was said, secrets masked.
    static func excerpt(_ lines: [String], _ html: inout Markup) {
        guard !lines.isEmpty else { return }
        html.markup("<div class=\"log\" dir=\"ltr\">")
        for line in lines {
            html.element("div", ["class": line.hasPrefix("C") ? "client" : "server"], text: line)
        }
        html.markup("</div>")
    }
}

/// Which programs were seen, so that advice for them comes first.
struct SeenSoftware {
    private let clientWords: [Set<String>]
    private let serverWords: [Set<String>]

    init(_ found: AuditFindings) {
        clientWords = found.clients.map { Self.words(($0.software + $0.names).joined(separator: " ")) }
        serverWords = found.servers.map { Self.words("\($0.software ?? "") \($0.banner)") }
    }

    /// Clients that say that they are this program.
    func clients(_ program: String) -> Int { Self.count(program, clientWords) }

    /// Servers that say so.
    func servers(_ program: String) -> Int { Self.count(program, serverWords) }

    private static func count(_ program: String, _ hosts: [Set<String>]) -> Int {
        // The first word is the one by which programs call themselves: Cyrus IMAP says Cyrus.
        guard let word = program.lowercased().split(separator: " ").first.map(String.init) else { return 0 }
        return hosts.count { $0.contains(word) }
    }

    private static func words(_ text: String) -> Set<String> {
        Set(text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init))
    }
}
