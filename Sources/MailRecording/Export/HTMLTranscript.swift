// Transcripts as one page of HTML that needs nothing else: no script, no picture, nothing from elsewhere, and a policy in it that
// forbids them. What peers sent is text that has passed ``InertText``, and is escaped once more here.

/// Makes the page of transcripts that were rendered in colour.
package struct HTMLTranscript: Sendable {
    /// The role of the text that comes next; a piece may end in the middle of a line.
    private var role: TextStyle.Role?
    private var line = ""
    private var lineRole: TextStyle.Role?

    package init() {}

    /// How the transcripts are to be rendered whose text is given to ``append(_:to:)``.
    package static let style = TextStyle(isColoured: true)

    /// What the page begins with.
    package static func head(title: String, sessions: [SessionSummary]) -> String {
        var out = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="referrer" content="no-referrer">
            <meta name="viewport" content="width=device-width">
            <meta name="generator" content="mailproxy">
            <title>\(HTMLText.escape(InertText.of(title)))</title>
            <style>
            \(sheet)
            </style>
            </head>
            <body>
            <h1>\(HTMLText.escape(InertText.of(title)))</h1>

            """
        guard sessions.count > 1 else { return out }
        out += "<table>\n<tr><th>Session</th><th>Start</th><th>Protocol</th><th>Client</th><th>User</th>"
        out += "<th>Exchanges</th><th>Messages</th><th>Violations</th><th>End</th></tr>\n"
        for (number, session) in sessions.enumerated() {
            let info = session.info
            out += "<tr><td><a href=\"#s\(number + 1)\">\(HTMLText.escape(InertText.of(info.id)))</a></td>"
            for cell in [
                Timestamp.rfc3339(info.start), info.mailProtocol.rawValue, info.client.description,
                session.user.map { InertText.of($0) } ?? "–", "\(session.exchanges)", "\(session.messages)",
            ] {
                out += "<td>\(HTMLText.escape(cell))</td>"
            }
            out += "<td\(session.violations > 0 ? " class=\"warning\"" : "")>\(session.violations)</td>"
            out += "<td>\(session.end.rawValue)</td></tr>\n"
        }
        return out + "</table>\n"
    }

    /// What stands before a session's transcript; sessions count from 1.
    package static func opening(_ number: Int, _ info: SessionInfo) -> String {
        "<section id=\"s\(number)\">\n<h2>\(HTMLText.escape(InertText.of(info.id)))</h2>\n<div class=\"log\">\n"
    }

    package static let closing = "</div>\n</section>\n"
    package static let foot = "</body>\n</html>\n"

    /// Appends rendered text. A role is told by SGR sequences (ECMA-48): nothing that a peer sent can hold one.
    package mutating func append(_ text: String, to out: inout String) {
        var rest = text.utf8[...]
        while !rest.isEmpty {
            let plain = rest.prefix { $0 != 0x1B && $0 != 10 }
            put(String(Substring(plain)))
            rest = rest.dropFirst(plain.count)
            guard let octet = rest.popFirst() else { break }
            if octet == 10 {
                endLine(&out)
                continue
            }
            // ESC [ digits m
            let code = rest.dropFirst().prefix { $0 != UInt8(ascii: "m") }
            rest = rest.dropFirst(code.count + 2)
            role = TextStyle.Role(rawValue: String(Substring(code)))
            switch role {
            case .client, .server, .warning, .alarm: lineRole = role
            case .quiet, .strong, nil: lineRole = lineRole ?? role
            }
        }
    }

    /// The transcript is over.
    package mutating func finish(to out: inout String) {
        if !line.isEmpty { endLine(&out) }
    }

    private mutating func put(_ text: String) {
        guard !text.isEmpty else { return }
        if let role {
            line += "<span class=\"\(Self.name(role))\">\(HTMLText.escape(text))</span>"
        } else {
            line += HTMLText.escape(text)
        }
    }

    private mutating func endLine(_ out: inout String) {
        out += lineRole.map { "<div class=\"\(Self.name($0))\">" } ?? "<div>"
        out += line.isEmpty ? "<br>" : line
        out += "</div>\n"
        line = ""
        lineRole = nil
    }

    private static func name(_ role: TextStyle.Role) -> String {
        switch role {
        case .client: "client"
        case .server: "server"
        case .quiet: "quiet"
        case .strong: "strong"
        case .warning: "warning"
        case .alarm: "alarm"
        }
    }

    private static let sheet = """
        :root { color-scheme: light dark }
        body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem; max-width: 110rem }
        h1 { font-size: 1.3rem } h2 { font-size: 1rem; font-family: monospace; margin: 2rem 0 .5rem }
        table { border-collapse: collapse } th, td { text-align: left; padding: .15rem .6rem; border-bottom: 1px solid #8884 }
        .log { font: 12.5px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
        .log div { padding: 0 .4rem; border-left: 3px solid transparent; unicode-bidi: isolate }
        span.quiet { opacity: .6 } span.strong { font-weight: 600 }
        div.client { border-left-color: #2a7fb8 } span.client { color: #1c6ea4 }
        div.server { border-left-color: #3a8f4d } span.server { color: #2c7d3f }
        div.warning, td.warning { background: #f5b30033; border-left-color: #f5b300 }
        div.alarm { background: #e0303033; border-left-color: #e03030; font-weight: 600 }
        @media (prefers-color-scheme: dark) { span.client { color: #6cb6e8 } span.server { color: #7fce92 } }
        @media print { body { margin: 0 } .log { font-size: 8.5pt } .log div { break-inside: avoid }
          section { break-before: page } * { print-color-adjust: exact } }
        """
}
