// The JSON lines of `mailproxy sessions`: names that others build on. Times are RFC 3339 in UTC, sizes octets.

import MailDialogue

/// Makes the JSON lines of sessions, exchanges and messages.
package enum SessionJSON {
    /// A row of `sessions list --json`.
    package static func line(_ summary: SessionSummary) -> String {
        var json = JSONWriter()
        let info = summary.info
        json.object { json in
            json.member("id", info.id)
            json.member("protocol", info.mailProtocol.rawValue)
            json.member("start", time: info.start)
            json.member("seconds", seconds: summary.duration)
            json.member("client", info.client.description)
            json.member("server", info.server.description)
            json.member("route", info.route)
            if let tls = info.tls {
                TLSLeg.write(tls, "tls", &json)
            } else if summary.opaque == .tls {
                json.object("tls") { json in
                    json.member("version", nil as String?)
                    json.member("cipher", nil as String?)
                    json.member("sni", nil as String?)
                    json.member("how", "starttls")
                }
            } else {
                json.member("tls", nil as String?)
            }
            json.member("user", summary.user)
            json.member("exchanges", summary.exchanges)
            json.member("messages", summary.messages)
            json.member("credentials", summary.credentials)
            json.member("violations", summary.violations)
            json.member("findings", summary.findings)
            json.object("bytes") { json in
                json.member("client", summary.clientBytes)
                json.member("server", summary.serverBytes)
            }
            json.member("end", summary.end.rawValue)
            json.member("opaque", summary.opaque != nil)
            json.member("gaps", summary.gaps)
            json.member("upstream", info.upstream?.description)
            ClientWay.write(info.way, &json)
            TLSLeg.write(info.upstreamTLS, "upstream_tls", &json)
            json.member("tags", summary.tags)
            if let mark = StripMark.of(summary) {
                json.object("strip_test") { json in
                    json.member("vector", mark.vector)
                    json.member("verdict", mark.verdict)
                }
            }
        }
        return json.text
    }

    /// A row of `sessions show --json`; with the session's id when rows of several sessions stand together.
    package static func line(_ row: Exchange, session: String? = nil) -> String {
        var json = JSONWriter()
        json.object { json in
            if let session { json.member("session", session) }
            json.member("n", row.number)
            json.member("time", time: row.time)
            json.member("seconds", seconds: max(0, row.last &- row.time))
            json.member("command", row.command)
            json.member("line", row.line)
            if let status = row.replyStatus {
                json.object("reply") { json in
                    json.member("status", status.rawValue)
                    json.member("code", row.replyCode)
                    json.member("text", row.replyText)
                }
            } else {
                json.member("reply", nil as String?)
            }
            if let content = row.content {
                json.object("content") { json in
                    json.member("side", name(content.side))
                    json.member("bytes", content.bytes)
                    json.member("sha256", content.sha256)
                }
            } else {
                json.member("content", nil as String?)
            }
            json.array("violations") { json in
                for violation in row.violations {
                    json.object { json in
                        json.member("code", violation.code)
                        json.member("side", name(violation.side))
                        json.member("section", violation.section)
                    }
                }
            }
            json.member("changed", row.changed)
        }
        return json.text
    }

    /// A row of `sessions export --format eml --json`.
    /// - Parameter section: the item of FETCH that a part is; empty for messages.
    package static func line(
        _ message: MessageRecord, session: String, file: String, section: String = ""
    ) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("session", session)
            json.member("exchange", message.exchange)
            json.member("carrier", message.carrier.rawValue)
            json.member("complete", message.complete)
            json.member("bytes", message.bytes)
            json.member("sha256", message.sha256)
            json.member("file", file)
            json.member("from", message.from)
            json.member("to", message.to)
            json.member("subject", message.subject)
            json.member("message_id", message.messageID)
            if !section.isEmpty { json.member("section", section) }
        }
        return json.text
    }

    /// The word for a side.
    package static func name(_ side: Side) -> String {
        switch side {
        case .client: "client"
        case .server: "server"
        }
    }
}
