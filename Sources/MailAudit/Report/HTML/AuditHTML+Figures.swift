// The figures of the page, drawn as SVG. Clear and TLS differ in brightness and pattern as well as in colour, so that they are told
// apart on paper and by those who don't see colours; each figure has its numbers beside it or folded below it.

import MailRecording

extension AuditHTML {
    /// Accounts of the figure.
    private static let mostBars = 20

    func figures(_ html: inout Markup) {
        guard found.sessions > 0 else {
            html.markup("<p>No mail session was found.</p>\n")
            return
        }
        html.markup(
            """
            <svg class="patterns" width="0" height="0" aria-hidden="true" focusable="false"><defs>\
            <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
            <rect class="hatch-back" width="6" height="6"/><rect class="hatch-line" width="3" height="6"/></pattern>\
            </defs></svg>
            <div class="figures">

            """)
        figure("time", "Sessions in clear and under TLS over time", &html) { timeline(&$0) }
        figure("exposed", "Accounts by exposure", &html) { exposure(&$0) }
        figure("posture", "Clients by how they deal with TLS", &html) { postures(&$0) }
        figure("hosts", "Who spoke to whom", isWide: true, &html) { hosts(&$0) }
        html.markup("</div>\n")
    }

    private func figure(
        _ id: String, _ title: String, isWide: Bool = false, _ html: inout Markup, _ body: (inout Markup) -> Void
    ) {
        html.open("figure", ["id": "figure-" + id, "class": isWide ? "broad" : "narrow"])
        html.element("figcaption", text: title)
        body(&html)
        html.markup("</figure>\n")
    }

    // MARK: Over time

    private func timeline(_ html: inout Markup) {
        let slots = TimeSlots(found.buckets)
        guard let first = slots.slots.first, let last = slots.slots.last else { return html.text("–") }
        let left = 44, top = 8, width = 430, height = 150
        let most = NiceScale.top(slots.slots.map(\.sessions).max() ?? 0)
        let share = Self.share(found.buckets)
        SVG.open(
            "time", 480, 200, "Sessions in clear and under TLS over time",
            "\(Figures.count(found.sessions, "session")), \(Figures.grouped(found.clearSessions)) of them in clear. \(share)",
            &html)
        for step in 0...2 {
            let y = top + height - height * step / 2
            SVG.line(left, y, left + width, y, "grid", &html)
            SVG.text(left - 6, y + 4, "axis end", Figures.grouped(most * step / 2), &html)
        }
        let pitch = max(1, width / slots.slots.count)
        let bar = min(48, max(1, pitch - (pitch > 4 ? 2 : 1)))
        for (number, slot) in slots.slots.enumerated() {
            let x = left + width * number / slots.slots.count + (pitch - bar) / 2
            let clear = min(slot.sessions, slot.clearSessions) * height / most
            let all = slot.sessions * height / most
            html.markup("<g>")
            html.element(
                "title",
                text: "\(Self.time(slot.start)): \(Figures.grouped(slot.clearSessions)) in clear, "
                    + "\(Figures.grouped(slot.sessions - slot.clearSessions)) under TLS")
            SVG.rectangle(x, top + height - clear, bar, clear, "clear", &html)
            SVG.rectangle(x, top + height - all, bar, all - clear, "tls", &html)
            html.markup("</g>")
        }
        SVG.text(left, top + height + 18, "axis", slots.label(first.start), &html)
        if slots.slots.count > 1 {
            SVG.text(left + width, top + height + 18, "axis end", slots.label(last.start), &html)
        }
        html.markup("</svg>\n")
        legend([("clear", "in clear"), ("tls", "under TLS")], &html)
        html.element(
            "p", ["class": "note"],
            text: "\(share) Each bar is \(slots.widthText); a session counts where it began. Times are UTC.")
        numbers(&html) { html in
            html.table(
                "Sessions over time", [("From (UTC)", false), ("In clear", true), ("Under TLS", true)],
                slots.slots.map { slot in
                    [
                        Markup.Cell(Self.time(slot.start)), Markup.Cell(slot.clearSessions),
                        Markup.Cell(slot.sessions - slot.clearSessions),
                    ]
                })
        }
    }

    /// What share of the octets went in clear.
    private static func share(_ buckets: [AuditBucket]) -> String {
        let clear = buckets.reduce(0) { $0 &+ $1.clearOctets }
        let all = buckets.reduce(clear) { $0 &+ $1.tlsOctets }
        guard all > 0 else { return "" }
        let percent = Int((Double(clear) / Double(all) * 100).rounded())
        let text =
            percent == 0 && clear > 0 ? "less than 1" : percent == 100 && clear < all ? "more than 99" : "\(percent)"
        return "Of \(Figures.grouped(all)) octets that were spoken, \(text) % went in clear."
    }

    // MARK: Bars

    private func exposure(_ html: inout Markup) {
        let exposed = found.accounts.filter { $0.clearAccepted + $0.clearUnknown + $0.clearRefused > 0 }
        guard !exposed.isEmpty else {
            html.markup("<p>No account was exposed.</p>\n")
            return
        }
        let rows = exposed.prefix(Self.mostBars).map { row in
            BarRow(
                row.name,
                [
                    ("clear", row.clearAccepted), ("hatched", row.clearUnknown), ("refused", row.clearRefused),
                    ("tls", row.tls),
                ])
        }
        BarRow.draw(
            rows, "exposed", "Accounts by exposure",
            "Logins of the \(Figures.count(rows.count, "account")) most exposed, by whether they were in clear.", &html)
        legend(
            [
                ("clear", "in clear, worked"), ("hatched", "in clear, end not seen"),
                ("refused", "in clear, refused"), ("tls", "under TLS"),
            ], &html)
        let more = exposed.count - rows.count
        html.element(
            "p", ["class": "note"],
            text: "How often each account showed a credential."
                + (more > 0 ? " \(Figures.count(more, "more account")) in the table of accounts." : ""))
    }

    private func postures(_ html: inout Markup) {
        let rows = AuditClient.Posture.allCases.map { posture in
            BarRow(posture.bar, [(posture.shade, found.clients.count { $0.posture == posture })])
        }
        BarRow.draw(
            rows, "posture", "Clients by how they deal with TLS",
            rows.map { "\($0.label): \($0.total)" }.joined(separator: "; ") + ".", &html)
        html.element(
            "p", ["class": "note"],
            text:
                "Numbers of clients, by address. Those that go on without TLS when it is refused give their password to anybody who removes STARTTLS on the way."
        )
    }

    func legend(_ entries: [(shade: String, name: String)], _ html: inout Markup) {
        html.markup("<ul class=\"legend\">")
        for entry in entries {
            html.markup("<li><svg width=\"16\" height=\"12\" aria-hidden=\"true\" focusable=\"false\">")
            SVG.rectangle(1, 1, 14, 10, entry.shade, &html)
            html.markup("</svg> ")
            html.text(entry.name)
            html.markup("</li>")
        }
        html.markup("</ul>\n")
    }

    func numbers(_ html: inout Markup, _ body: (inout Markup) -> Void) {
        html.markup("<details><summary>The numbers</summary>\n")
        body(&html)
        html.markup("</details>\n")
    }

    // MARK: Hosts

    private func hosts(_ html: inout Markup) {
        HostGraph(found.edges).draw(&html)
        html.markup(
            """
            <ul class="legend"><li><svg width="34" height="12" aria-hidden="true" focusable="false">\
            <path class="edge-clear" d="M1 6H33"/></svg> in clear</li><li>\
            <svg width="34" height="12" aria-hidden="true" focusable="false"><path class="edge-tls" d="M1 6H33"/></svg> \
            under TLS</li></ul>

            """)
        html.element(
            "p", ["class": "note"], text: "Clients left, servers right; the more sessions, the thicker the line.")
        numbers(&html) { html in
            html.table(
                "Who spoke to whom, the busiest first",
                [("Client", false), ("Server", false), ("Protocol", false), ("In clear", true), ("Under TLS", true)],
                found.edges.prefix(200).map { edge in
                    [
                        .code(edge.client.description), .code(edge.server.description),
                        Markup.Cell(Self.names([edge.mailProtocol])), Markup.Cell(edge.clear), Markup.Cell(edge.tls),
                    ]
                })
            if found.edges.count > 200 {
                html.element(
                    "p", ["class": "note"], text: "\(Figures.grouped(found.edges.count - 200)) more are not shown.")
            }
        }
    }
}

extension AuditClient.Posture {
    /// What the bar of the figure is called.
    fileprivate var bar: String {
        switch self {
        case .protected: "always"
        case .mixed: "sometimes"
        case .unknown: "never, offer not seen"
        case .unoffered: "never, not offered"
        case .unprotected: "never, though offered"
        case .strippable: "goes on when refused"
        }
    }

    fileprivate var shade: String {
        switch self {
        case .protected: "tls"
        case .mixed: "hatched"
        case .unknown, .unoffered, .unprotected, .strippable: "clear"
        }
    }
}
