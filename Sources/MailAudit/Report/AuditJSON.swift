// The report for programs: one JSON document. Its names are promised; fields may be added.

import MailRecording

extension AuditReport {
    /// Octets of the document that are in memory at once, but for the longest row.
    private static let piece = 64 << 10

    /// The document, with a line end.
    package var json: String {
        var octets: [UInt8] = []
        json { octets += $0 }
        return String(decoding: octets, as: UTF8.self)
    }

    /// The document, with a line end, piece by piece.
    package func json(_ put: (ArraySlice<UInt8>) throws -> Void) rethrows {
        var writer = JSONWriter()
        try writer.object { json in
            json.member("verdict", verdict)
            json.member("summary", sentence)
            json.member("made", time: made)
            json.member("program", program)
            if let first = found.first { json.member("first", time: first) }
            if let last = found.last { json.member("last", time: last) }
            json.member("sessions", found.sessions)
            json.member("clear_sessions", found.clearSessions)
            try Self.array("sources", sources, &json, put, Self.write)
            try Self.array("credentials", found.credentials, &json, put, Self.write)
            try Self.array("messages", found.messages, &json, put, Self.write)
            try Self.array("findings", found.findings, &json, put, Self.write)
            try Self.array("clients", found.clients, &json, put, Self.write)
            try Self.array("servers", found.servers, &json, put, Self.write)
            try Self.array("tls", found.tls, &json, put, Self.write)
            try Self.array("accounts", found.accounts, &json, put, Self.write)
            json.member("unlisted", found.unkept)
            if let baseline { Self.write(baseline.changes(to: found.findings), &json) }
        }
        try writer.pour(put)
        try put([UInt8(ascii: "\n")])
    }

    private static func array<Row>(
        _ name: String, _ rows: some Sequence<Row>, _ json: inout JSONWriter, _ put: (ArraySlice<UInt8>) throws -> Void,
        _ write: (Row, inout JSONWriter) -> Void
    ) rethrows {
        try json.array(name) { json in
            for row in rows {
                write(row, &json)
                try json.pour(beyond: piece, put)
            }
        }
    }

    private static func write(_ source: AuditSource, _ json: inout JSONWriter) {
        json.object { json in
            json.member("file", source.file)
            json.member("sha256", source.sha256)
            json.member("packets", source.packets)
            json.member("gaps", source.gaps)
            json.member("dropped", source.dropped)
            json.member("undecoded", source.undecoded)
            json.member("cut", source.cut)
            json.member("problem", source.problem)
        }
    }

    private static func write(_ row: AuditCredential, _ json: inout JSONWriter) {
        json.object { json in
            json.member("account", row.account)
            json.member("mechanism", row.mechanism)
            json.member("protocol", row.mailProtocol.rawValue)
            json.member("outcome", row.outcome.rawValue)
            json.member("client", row.client.description)
            json.member("server", row.server.description)
            json.member("time", time: row.time)
            json.member("tls", row.protection == .tls)
            if let offered = row.tlsOffered {
                json.member("tls_offered", offered)
            } else {
                json.member("tls_offered", nil as String?)
            }
            json.member("fingerprint", row.fingerprint.isEmpty ? nil : row.fingerprint)
            json.member("attackable", row.isAttackable)
            json.member("session", row.session)
            json.member("exchange", row.exchange)
            json.member("frame", row.frame)
            json.member("source", row.source)
            if let secret = row.secret { json.member("secret", secret) }
            if let hash = row.hash { json.member("hash", hash) }
        }
    }

    private static func write(_ row: AuditMessage, _ json: inout JSONWriter) {
        json.object { json in
            json.member("session", row.session)
            json.member("exchange", row.record.exchange)
            json.member("protocol", row.mailProtocol.rawValue)
            json.member("carrier", row.record.carrier.rawValue)
            json.member("complete", row.record.complete)
            json.member("bytes", row.record.bytes)
            json.member("sha256", row.record.sha256)
            json.member("from", row.record.from)
            json.member("to", row.record.to)
            json.member("subject", row.record.subject)
            json.member("message_id", row.record.messageID)
            json.member("client", row.client.description)
            json.member("server", row.server.description)
            json.member("time", time: row.time)
            json.member("tls", row.protection == .tls)
            json.member("frame", row.frame)
            json.member("source", row.source)
        }
    }

    private static func write(_ finding: Finding, _ json: inout JSONWriter) {
        json.object { json in
            json.member("code", finding.kind.code)
            json.member("severity", finding.severity.rawValue)
            json.member("area", finding.kind.area.rawValue)
            json.member("title", finding.kind.title)
            json.member("count", finding.count)
            json.member("section", finding.kind.reference.isEmpty ? nil : finding.kind.reference)
            json.member("meaning", finding.kind.meaning)
            json.member("remedy", finding.kind.remedy.advice)
            json.member("subjects", finding.subjects)
            json.array("evidence") { json in
                for place in finding.evidence {
                    json.object { json in
                        json.member("session", place.session.isEmpty ? nil : place.session)
                        json.member("exchange", place.exchange)
                        json.member("frame", place.frame)
                        json.member("source", place.source)
                        json.member("time", time: place.time)
                        json.member("client", place.client?.description)
                        json.member("server", place.server?.description)
                        json.member("detail", place.detail)
                        json.member("excerpt", place.excerpt)
                    }
                }
            }
        }
    }

    private static func write(_ row: AuditClient, _ json: inout JSONWriter) {
        json.object { json in
            json.member("address", row.address.description)
            json.member("names", row.names)
            json.member("software", row.software)
            json.member("protocols", row.protocols.map(\.rawValue))
            json.member("accounts", row.accounts)
            json.member("sessions", row.sessions)
            json.member("tls_sessions", row.tlsSessions)
            json.member("clear_credentials", row.clearCredentials)
            json.member("clear_messages", row.clearMessages)
            json.member("posture", row.posture.rawValue)
            json.member("findings", row.findings)
        }
    }

    private static func write(_ row: AuditServer, _ json: inout JSONWriter) {
        json.object { json in
            json.member("address", row.endpoint.description)
            json.member("protocol", row.mailProtocol.rawValue)
            json.member("banner", row.banner)
            json.member("software", row.software)
            if let offers = row.offersTLS {
                json.member("offers_tls", offers)
            } else {
                json.member("offers_tls", nil as String?)
            }
            json.member("clear_mechanisms", row.clearMechanisms)
            json.member("sessions", row.sessions)
            json.member("tls_sessions", row.tlsSessions)
            json.member("clear_credentials", row.clearCredentials)
            json.member("clear_messages", row.clearMessages)
            json.member("accounts", row.accounts)
            json.member("findings", row.findings)
        }
    }

    private static func write(_ row: AuditTLS, _ json: inout JSONWriter) {
        json.object { json in
            json.member("server", row.server.description)
            json.member("protocol", row.mailProtocol.rawValue)
            json.member("how", row.how.rawValue)
            json.member("version", row.version.isEmpty ? nil : row.version)
            json.member("cipher", row.cipher.isEmpty ? nil : row.cipher)
            json.member("sni", row.serverName)
            json.member("certificate", row.subject)
            json.member("not_after", row.notAfter.map(Timestamp.rfc3339))
            json.member("ja4", row.ja4)
            json.member("ja3", row.ja3)
            json.member("clients", row.clients)
            json.member("sessions", row.sessions)
            json.member("read", !row.isSealed)
        }
    }

    private static func write(_ row: AuditAccount, _ json: inout JSONWriter) {
        json.object { json in
            json.member("account", row.name)
            json.member("mechanisms", row.mechanisms)
            json.member("protocols", row.protocols.map(\.rawValue))
            json.member("clients", row.clients)
            json.member("servers", row.servers)
            json.member("clear_accepted", row.clearAccepted)
            json.member("clear_refused", row.clearRefused)
            json.member("clear_unknown", row.clearUnknown)
            json.member("tls", row.tls)
            json.member("secrets", row.secrets)
        }
    }

    private static func write(_ changes: [AuditBaseline.Change], _ json: inout JSONWriter) {
        json.array("changes") { json in
            for change in changes {
                json.object { json in
                    json.member("code", change.code)
                    json.member("change", change.direction.rawValue)
                    json.member("before", change.before)
                    json.member("now", change.now)
                    json.member("new_subjects", change.newSubjects)
                    json.member("gone_subjects", change.goneSubjects)
                }
            }
        }
    }
}
