// A session as a person reads it: who said what and when, violations in their place, content folded. It is made of
// notes as they come, in constant memory.

import Crypto
import MailDialogue
import MailMessage

/// Renders one session.
package struct TranscriptRenderer: Sendable {
    /// What is shown.
    package struct Options: Equatable, Sendable {
        /// Nothing is folded or cut.
        package var isFull = false
        package var style = TextStyle(isColoured: false)
        /// Secrets that are in the notes are shown.
        package var reveals = false

        package init(
            isFull: Bool = false, style: TextStyle = TextStyle(isColoured: false), reveals: Bool = false
        ) {
            self.isFull = isFull
            self.style = style
            self.reveals = reveals
        }
    }

    /// Lines of content and of a listing that are shown before the rest is folded.
    static let shownLines = 8
    static let shownListing = 16
    /// Octets of a line that are shown.
    static let shownOctets = 400
    /// Octets of a line of content that are kept until its end comes.
    static let keptOctets = 8192

    private let info: SessionInfo
    private let options: Options
    private var client = ContentView()
    private var server = ContentView()
    private var listing = Folded()
    private var opaque: Opaque?
    private var sawTLS = false

    /// What a folded listing holds.
    private struct Folded {
        var exchange = -1
        var shown = 0
        var lines = 0
        var octets = 0
    }

    /// The part of the session that is not followed.
    private struct Opaque {
        var reason: OpaqueReason?
        var time: Int64
        var client = 0
        var server = 0
    }

    /// - Parameter info: the session.
    package init(_ info: SessionInfo, _ options: Options = Options()) {
        self.info = info
        self.options = options
    }

    // MARK: Head and end

    /// The block above the transcript. `summary` is what is known when it is printed; nil when the session is only just
    /// read.
    package func head(_ summary: SessionSummary?, into out: inout String) {
        field(
            "Session",
            "\(options.style.text(InertText.of(info.id), .strong))  \(info.mailProtocol.rawValue.uppercased())", &out)
        var path = "\(info.client) → \(info.server)"
        if let upstream = info.upstream, upstream != info.server { path += " → \(upstream)" }
        field("Path", path, &out)
        if let way = info.way { field("Way", InertText.of(way.text), &out) }
        field("Route", InertText.of(info.route), &out)
        field("Start", Timestamp.rfc3339(info.start), &out)
        if let summary {
            field("Duration", Figures.seconds(summary.duration) + " s", &out)
            if let user = summary.user { field("User", InertText.of(user), &out) }
            field("TLS", Self.tls(summary), &out)
            if let mark = StripMark.of(summary) {
                field("Test", "strip test: \(InertText.of(mark.vector)) — \(InertText.of(mark.verdict))", &out)
            }
            if !summary.tags.isEmpty { field("Tags", InertText.of(summary.tags.joined(separator: ", ")), &out) }
        }
        out += "\n"
    }

    private static func tls(_ summary: SessionSummary) -> String {
        guard summary.opaque == .tls else { return told(summary.info) }
        if let leg = summary.info.tls {
            return told(summary.info) + (leg.isVain ? "" : "; encrypted, and read by nobody")
        }
        return summary.info.mailProtocol == .pop3
            ? "STLS; what follows is encrypted" : "STARTTLS; what follows is encrypted"
    }

    private static func told(_ info: SessionInfo) -> String {
        func leg(_ leg: TLSLeg) -> String {
            var text = leg.failure == nil ? "\(leg.version) \(leg.cipher)" : "none"
            if leg.failure == nil, leg.version.isEmpty { text = "of some version" }
            if leg.how == .starttls { text += info.mailProtocol == .pop3 ? " (STLS)" : " (STARTTLS)" }
            if let name = leg.serverName { text += " for \(InertText.of(name))" }
            if let distrust = leg.distrust { text += ", not to be trusted: \(InertText.of(distrust))" }
            if let failure = leg.failure { text += ", the handshake failed: \(InertText.of(failure))" }
            return text
        }
        switch (info.tls, info.upstreamTLS) {
        case (nil, nil): return "none, all in clear"
        case (let client?, nil) where info.upstream == nil: return leg(client)
        case (let client, let upstream):
            let near = client.map(leg) ?? "in clear"
            return "client \(near); upstream \(upstream.map(leg) ?? "in clear")"
        }
    }

    private func field(_ name: String, _ value: String, _ out: inout String) {
        let padding = String(repeating: " ", count: max(1, 10 - name.utf8.count))
        out += options.style.text(name, .quiet) + padding + value + "\n"
    }

    /// TLS was begun after STARTTLS or STLS, and the session is followed under it.
    package mutating func secured(_ info: SessionInfo, at time: Int64, into out: inout String) {
        unfold(&out)
        opaque = nil
        sawTLS = false
        mark(time, "…", "under TLS from here on: \(Self.told(info))", .quiet, &out)
    }

    /// The session has ended.
    package mutating func close(_ summary: SessionSummary, into out: inout String) {
        unfold(&out)
        endContent(.client, &out)
        endContent(.server, &out)
        if let opaque {
            let counts =
                "client \(Figures.count(opaque.client, "octet")), server \(Figures.count(opaque.server, "octet"))"
            mark(opaque.time, "…", "not followed from here on (\(Self.text(opaque.reason))): \(counts)", .quiet, &out)
        }
        for doubt in summary.doubts { mark(doubt.time, "?", doubt.text, .warning, &out) }
        let parts = [
            Figures.count(summary.exchanges, "exchange"), Figures.count(summary.messages, "message"),
            summary.violations == 0 ? "no violations" : Figures.count(summary.violations, "violation"),
            "client \(Figures.count(summary.clientBytes, "octet"))",
            "server \(Figures.count(summary.serverBytes, "octet"))",
        ]
        mark(summary.last, "■", "\(Self.text(summary.end)): " + parts.joined(separator: ", "), .strong, &out)
    }

    private static func text(_ end: SessionEnd) -> String {
        switch end {
        case .open: "still open"
        case .closed: "closed"
        case .reset: "reset"
        case .timeout: "timed out"
        case .lost: "lost"
        }
    }

    private static func text(_ reason: OpaqueReason?) -> String {
        switch reason {
        case .tls: "TLS"
        case .compress: "compressed"
        case .longLine: "a line beyond its limit"
        case .holdLimit: "more was held than may be"
        case .desynchronised: "the sides disagree about where they are"
        case .gap: "octets are missing in the capture"
        case .notThisProtocol: "another protocol"
        case .securityLayer: "a SASL security layer"
        case .rolesSwapped: "client and server changed their roles"
        case nil: "unknown"
        }
    }

    /// Rules changed something in an exchange.
    package func changed(exchange: Int, rules: [String], into out: inout String) {
        if rules.contains(ExchangeMark.capabilities) {
            aside("~ capabilities were changed in exchange \(exchange)", .quiet, &out)
        }
        if rules.contains(ExchangeMark.goodbye) {
            aside("~ the last words in exchange \(exchange) are the proxy's: it ended the session", .quiet, &out)
        }
        if rules.contains(ExchangeMark.login) {
            aside("~ the upstream got another login in exchange \(exchange)", .quiet, &out)
        }
        let marks = [ExchangeMark.capabilities, ExchangeMark.goodbye, ExchangeMark.login]
        let rules = rules.filter { !marks.contains($0) }
        guard !rules.isEmpty else { return }
        let names = rules.map { InertText.of($0) }.joined(separator: ", ")
        aside("~ exchange \(exchange) was changed by \(rules.count == 1 ? "rule" : "rules") \(names)", .warning, &out)
    }

    // MARK: Notes

    /// The next frames.
    /// - Parameter time: microseconds since 1970.
    package mutating func accept(_ notes: ArraySlice<Note>, at time: Int64, into out: inout String) {
        for note in notes { accept(note, time, &out) }
    }

    private mutating func accept(_ note: Note, _ time: Int64, _ out: inout String) {
        if !continuesListing(note) { unfold(&out) }
        switch note.element {
        case .contentBegin(let content):
            switch note.side {
            case .client: client = ContentView(content)
            case .server: server = ContentView(content)
            }
        case .content: addContent(note, &out)
        case .contentEnd:
            endContent(note.side, &out)
            if !note.raw.isEmpty { line(note, time, "", &out) }
        case .opaque where note.facts.contains(.clear): goOnInClear(&out)
        case .opaque: addOpaque(note, time)
        case .gap(let count): gap(note, count, time, &out)
        case .incomplete: line(note, time, " (incomplete)", &out)
        case .data: listed(note, time, &out)
        case .greeting, .command, .commandPart, .reply, .dataPart, .goAhead, .challenge, .response, .done, .unknown:
            line(note, time, "", &out)
        case .unplaced: line(note, time, " (its place is not known)", &out)
        }
        for violation in note.violations { tell(violation, &out) }
    }

    /// What is wrong with the messages of an exchange that is complete.
    package mutating func flaws(of row: Exchange, into out: inout String) {
        let flaws = row.violations.filter(\.isOfMessage)
        guard !flaws.isEmpty else { return }
        unfold(&out)
        for flaw in flaws { tell(flaw, &out) }
    }

    private mutating func gap(_ note: Note, _ count: Int?, _ time: Int64, _ out: inout String) {
        if note.facts.contains(.contentCut) { endContent(note.side, &out) }
        let size = count.map { Figures.count($0, "octet") } ?? "octets"
        let verb = count == 1 ? "is" : "are"
        aside("\(size) of the \(note.side == .client ? "client" : "server") \(verb) missing here", .quiet, &out)
    }

    private func continuesListing(_ note: Note) -> Bool {
        if case .data(_, complete: true) = note.element { return note.exchange == listing.exchange }
        return false
    }

    private mutating func listed(_ note: Note, _ time: Int64, _ out: inout String) {
        if listing.exchange != note.exchange { listing = Folded(exchange: note.exchange) }
        if options.isFull || listing.shown < Self.shownListing || !note.violations.isEmpty {
            listing.shown += 1
            line(note, time, "", &out)
        } else {
            listing.lines += 1
            listing.octets += note.raw.count
        }
    }

    /// Tells what was folded of a listing.
    private mutating func unfold(_ out: inout String) {
        if listing.lines > 0 {
            aside(
                "… \(Figures.count(listing.lines, "more line")), \(Figures.count(listing.octets, "octet"))", .quiet,
                &out)
        }
        listing = Folded()
    }

    /// No TLS came where it was to begin.
    private mutating func goOnInClear(_ out: inout String) {
        unfold(&out)
        let sent = opaque.map { $0.client + $0.server } ?? 0
        let what = sent > 0 ? "no TLS came of \(Figures.count(sent, "octet"))" : "no TLS came"
        aside("\(what): all that follows is in clear", .warning, &out)
        opaque = nil
        sawTLS = false
    }

    private mutating func addOpaque(_ note: Note, _ time: Int64) {
        var part = opaque ?? Opaque(time: time)
        for fact in note.facts {
            if case .opaque(let reason) = fact, part.reason == nil { part.reason = reason }
        }
        switch note.side {
        case .client: part.client += note.raw.count
        case .server: part.server += note.raw.count
        }
        if part.reason == nil, sawTLS { part.reason = .tls }
        opaque = part
    }

    // MARK: Lines

    private mutating func line(_ note: Note, _ time: Int64, _ remark: String, _ out: inout String) {
        for fact in note.facts {
            if case .opaque(let reason) = fact {
                if reason == .tls { sawTLS = true }
                opaque = Opaque(reason: reason, time: time)
            }
        }
        let octets = options.reveals ? note.raw : note.publicOctets
        let end = octets.withoutLineEnd.line
        var text = ""
        let shown = options.isFull ? end : end.prefix(Self.shownOctets)
        InertText.append(shown, to: &text)
        if shown.count < end.count { text += "… (\(Figures.count(end.count, "octet")))" }
        let style = options.style
        out += style.text(offset(time), .quiet) + "  "
        switch note.side {
        case .client: out += style.text("→ C: ", .client) + text
        case .server: out += style.text("← S: ", .server) + text
        }
        out += style.text(remark, .quiet) + "\n"
    }

    /// `+0.003` in ten columns.
    private func offset(_ time: Int64) -> String {
        let text = "+" + Figures.seconds(max(0, time &- info.start))
        return String(repeating: " ", count: max(0, 9 - text.utf8.count)) + text
    }

    private func mark(_ time: Int64, _ sign: String, _ text: String, _ role: TextStyle.Role, _ out: inout String) {
        out += options.style.text(offset(time), .quiet) + "  " + options.style.text("\(sign) \(text)", role) + "\n"
    }

    /// A line without a time.
    private func aside(_ text: String, _ role: TextStyle.Role, _ out: inout String) {
        out += "             " + options.style.text(text, role) + "\n"
    }

    private func tell(_ violation: Violation, _ out: inout String) {
        let role: TextStyle.Role =
            switch violation.severity {
            case .notice: .quiet
            case .error: .warning
            case .attack: .alarm
            }
        let side = SessionJSON.name(violation.side)
        aside(
            "! \(violation.code) (\(side), \(violation.severity.rawValue), \(violation.section)): \(violation.meaning)",
            role, &out)
    }

    // MARK: Content

    private mutating func addContent(_ note: Note, _ out: inout String) {
        var shown: [String] = []
        if !note.isPlain, note.facts.contains(.leftOut) {
            switch note.side {
            case .client: client.leaveOut(&shown)
            case .server: server.leaveOut(&shown)
            }
        }
        switch note.side {
        case .client: client.add(options.reveals ? note.raw : note.publicOctets, isFull: options.isFull, &shown)
        case .server: server.add(options.reveals ? note.raw : note.publicOctets, isFull: options.isFull, &shown)
        }
        for text in shown { aside("│ " + text, .quiet, &out) }
    }

    private mutating func endContent(_ side: Side, _ out: inout String) {
        var shown: [String] = []
        let summary: String?
        switch side {
        case .client:
            summary = client.end(isFull: options.isFull, &shown)
            client = ContentView()
        case .server:
            summary = server.end(isFull: options.isFull, &shown)
            server = ContentView()
        }
        for text in shown { aside("│ " + text, .quiet, &out) }
        if let summary { aside("… " + summary, .strong, &out) }
    }
}
