// Sessions in the manner of HTTP archives (HAR 1.2): an entry an exchange, a page a session, so that viewers of such archives show who
// waited for what. Docs/Export.md has the mapping; what HTTP has no word for stands in members whose names begin with an underscore.

import MailDialogue

/// Makes the pieces of an archive. Entries may come in any order.
package enum HARWriter {
    /// What the file begins with.
    package static func head(version: String) -> String {
        var creator = JSONWriter()
        creator.object { json in
            json.member("name", "mailproxy")
            json.member("version", version)
        }
        return "{\"log\":{\"version\":\"1.2\",\"creator\":\(creator.text),\"entries\":[\n"
    }

    /// Between the entries and the pages.
    package static let middle = "\n],\"pages\":[\n"
    package static let foot = "\n]}}\n"

    /// A session.
    package static func page(_ summary: SessionSummary) -> String {
        var json = JSONWriter()
        let info = summary.info
        json.object { json in
            json.member("id", info.id)
            json.member("startedDateTime", time: info.start)
            let user = summary.user.map { " \($0)" } ?? ""
            json.member("title", "\(info.mailProtocol.rawValue.uppercased())\(user) \(info.client) → \(info.server)")
            json.object("pageTimings") { json in
                json.member("onContentLoad", -1)
                json.member("onLoad", seconds: milliseconds(summary.duration))
            }
            json.member("_end", summary.end.rawValue)
            json.member("_messages", summary.messages)
            json.member("_violations", summary.violations)
            json.member("_findings", summary.findings)
        }
        return json.text
    }

    /// An exchange.
    package static func entry(_ row: Exchange, _ info: SessionInfo) -> String {
        var json = JSONWriter()
        let version = info.mailProtocol.rawValue.uppercased()
        let duration = max(0, row.last &- row.time)
        let sent = row.content.map { $0.side == .client ? $0.bytes : 0 } ?? 0
        let received = row.content.map { $0.side == .server ? $0.bytes : 0 } ?? 0
        json.object { json in
            json.member("pageref", info.id)
            json.member("startedDateTime", time: row.time)
            json.member("time", seconds: milliseconds(duration))
            json.object("request") { json in
                json.member("method", row.number == 0 ? "CONNECT" : row.command)
                json.member("url", "\(info.mailProtocol.rawValue)://\(info.server)/")
                json.member("httpVersion", version)
                empty(["cookies", "headers", "queryString"], &json)
                json.object("postData") { json in
                    json.member("mimeType", "text/plain")
                    json.member("text", row.line)
                    json.array("params") { _ in }
                }
                json.member("headersSize", -1)
                json.member("bodySize", sent)
            }
            json.object("response") { json in
                json.member("status", status(row))
                json.member("statusText", row.replyText)
                json.member("httpVersion", version)
                empty(["cookies", "headers"], &json)
                json.object("content") { json in
                    json.member("size", received)
                    json.member("mimeType", received > 0 ? "message/rfc822" : "text/plain")
                }
                json.member("redirectURL", "")
                json.member("headersSize", -1)
                json.member("bodySize", received)
            }
            json.object("cache") { _ in }
            json.object("timings") { json in
                json.member("send", 0)
                json.member("wait", seconds: milliseconds(duration))
                json.member("receive", 0)
            }
            json.member("serverIPAddress", info.server.host)
            json.member("connection", info.id)
            json.member("_exchange", row.number)
            json.member("_code", row.replyCode)
            if let content = row.content { json.member("_sha256", content.sha256) }
            json.member("_violations", row.violations.map(\.code))
            json.member("_changed", row.changed)
        }
        return json.text
    }

    /// SMTP has numbers of its own; of the others the nearest of SMTP's (RFC 5321 §4.2.3). 0 without a reply.
    private static func status(_ row: Exchange) -> Int {
        if row.replyCode.utf8.count == 3, let number = Int(row.replyCode) { return number }
        switch row.replyStatus {
        case .ok: return 250
        case .intermediate: return 354
        case .temporary: return 451
        case .refused: return 550
        case .bad: return 500
        case .closing: return 421
        case .unknown, nil: return 0
        }
    }

    private static func empty(_ names: [String], _ json: inout JSONWriter) {
        for name in names { json.array(name) { _ in } }
    }

    /// Milliseconds as the writer of seconds takes them.
    private static func milliseconds(_ microseconds: Int64) -> Int64 {
        let (product, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? Int64.max : product
    }
}
