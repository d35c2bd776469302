// How the report came about, what it can't say, and what changed since an earlier one.

import MailRecording

extension AuditHTML {
    func method(_ html: inout Markup) {
        html.markup("<h3>What was read</h3>\n")
        sources(&html)
        html.markup("<h3>How it was read</h3>\n<ul>\n")
        for text in readings { html.element("li", text: text) }
        html.markup("</ul>\n<h3>What it can't say</h3>\n<ul>\n")
        for text in limits { html.element("li", text: text) }
        html.markup("</ul>\n<h3>How to repeat it</h3>\n")
        if report.command.isEmpty {
            html.element("p", text: "The report was written by \(report.program).")
        } else {
            html.element(
                "p",
                text: "The same files give the same findings. The report was written by \(report.program) with:")
            html.markup("<pre><code>")
            html.text(report.command)
            html.markup("</code></pre>\n")
        }
    }

    private func sources(_ html: inout Markup) {
        html.table(
            "Files",
            [
                ("Number", true), ("File", false), ("Packets", true), ("Lost by the capture", true),
                ("Cut short", true), ("Not decoded", true), ("Gaps", true), ("SHA-256", false),
            ],
            report.sources.enumerated().map { number, source in
                [
                    Markup.Cell(number + 1),
                    Markup.Cell { html in
                        html.element("code", text: source.file)
                        if let problem = source.problem {
                            html.markup("<br>")
                            html.element("strong", text: problem)
                        }
                    },
                    Markup.Cell(source.packets), Markup.Cell(Int(clamping: source.dropped)),
                    Markup.Cell(source.cut),
                    Markup.Cell(source.undecoded), Markup.Cell(source.gaps), .code(source.sha256 ?? ""),
                ]
            })
    }

    private var readings: [String] {
        var texts = [
            "The packets were put together again to the connections that they were of, and each connection that spoke SMTP, LMTP, POP3 or IMAP was followed command by command, on whatever port it was.",
            "A session counts as in clear when its octets could be read without a key, and as under TLS when they could not, or when the proxy that recorded it had a TLS connection with the client.",
            "A credential worked when the server said so; it was refused when the server said so; its end was not seen when the traffic does not hold the answer.",
            "Frames are numbered from 1 in each file, as Wireshark numbers them. Times are those of the capture, in UTC.",
        ]
        texts.append(
            reveals
                ? "Secrets are shown in the table of credentials, because that was asked for. Everywhere else they are masked: stars stand in their place, as many as they had octets."
                : "Secrets are masked: stars stand in their place, as many as they had octets.")
        texts.append(
            "A mark is a keyed hash (HMAC-SHA-256) of a secret, cut to 16 digits. The key is made anew for each report of captures and thrown away, so marks of two reports can't be compared. Credentials of recordings have the marks of their recording."
        )
        return texts
    }

    private var limits: [String] {
        var texts: [String] = []
        let dropped = report.sources.reduce(UInt64(0)) { $0 &+ $1.dropped }
        let undecoded = report.sources.reduce(0) { $0 + $1.undecoded }
        let gaps = report.sources.reduce(0) { $0 + $1.gaps }
        let cut = report.sources.reduce(0) { $0 + $1.cut }
        texts.append(
            dropped + UInt64(undecoded + gaps + cut) == 0
                ? "No packet is known to be lost, and none was unreadable. A capture file need not say what was lost, and what passed elsewhere in the network is not in it."
                : "\(Figures.grouped(Int(clamping: dropped))) packets were lost when the traffic was captured, \(Figures.grouped(undecoded)) could not be decoded, and at \(Figures.count(gaps, "place")) octets are missing. What stood there is not in this report."
        )
        if cut > 0 {
            texts.append(
                "Of \(Figures.count(cut, "packet")) the capture kept the beginning only. Credentials, messages and whole sessions may have stood in the rest."
            )
        }
        texts += [
            "Under TLS nothing is read, unless the proxy was between or a key was given: such sessions are counted, and what is wrong inside of them is not seen.",
            "Mail over other protocols (webmail, Exchange ActiveSync, MAPI, JMAP, ManageSieve) is not read.",
            "A program is named as it calls itself. Behind one address there may be many people, and one person may have many addresses.",
            "That nothing was found means that nothing was seen in these files; it does not mean that nothing is there.",
        ]
        if found.unkept > 0 {
            texts.append(
                "\(Figures.count(found.unkept, "credential or message", "credentials and messages")) beyond what is kept were counted and are not listed."
            )
        }
        return texts
    }

    // MARK: Changes

    func changes(_ baseline: AuditBaseline, _ html: inout Markup) {
        let changes = baseline.changes(to: found.findings)
        if let made = baseline.made {
            html.element("p", text: "The earlier report is of \(made).")
        }
        let different = changes.filter { $0.direction != .same }
        guard !different.isEmpty else {
            html.markup("<p>Nothing changed.</p>\n")
            return
        }
        html.table(
            "Findings that are not as they were",
            [
                ("Change", false), ("Finding", false), ("Seen before", true), ("Seen now", true),
                ("Newly concerned", false), ("No longer concerned", false),
            ],
            different.map { change in
                let title = FindingKind.find(change.code)?.title ?? change.code
                return [
                    Markup.Cell(change.direction.words),
                    Markup.Cell { html in
                        if change.direction == .gone {
                            html.text(title)
                        } else {
                            html.element("a", ["href": "#f-" + change.code], text: title)
                        }
                    },
                    Markup.Cell(change.before), Markup.Cell(change.now), Markup.Cell(change.newSubjects),
                    Markup.Cell(change.goneSubjects),
                ]
            })
        let same = changes.count - different.count
        if same > 0 {
            html.element("p", ["class": "note"], text: "\(Figures.count(same, "finding")) as before.")
        }
    }
}

extension AuditBaseline.Change.Direction {
    /// In a word or two, for a cell.
    var words: String {
        switch self {
        case .new: "new"
        case .worse: "worse"
        case .same: "as before"
        case .better: "better"
        case .gone: "gone"
        }
    }
}

extension Figures {
    /// `1 ox`, `2 oxen`.
    static func count(_ number: Int, _ one: String, _ many: String) -> String {
        "\(grouped(number)) \(number == 1 ? one : many)"
    }
}
