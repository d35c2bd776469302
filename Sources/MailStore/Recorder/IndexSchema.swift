// The tables of `index.sqlite` and how values are kept in them. Lists are JSON arrays, NULL when empty; times are
// microseconds since 1970. The index holds nothing that the segments do not: it can be made again from them.

import MailDialogue
import MailRecording

enum IndexSchema {
    /// `PRAGMA user_version` of this layout.
    static let version: Int64 = 9

    /// From each earlier version to the next.
    static let upgrades: [(from: Int64, statement: String)] = [
        (1, "ALTER TABLE sessions ADD COLUMN tls TEXT"), (2, "ALTER TABLE sessions ADD COLUMN way TEXT"),
        (3, "CREATE TABLE unread (session INTEGER PRIMARY KEY)"),
        (4, "ALTER TABLE sessions ADD COLUMN settled INTEGER NOT NULL DEFAULT 0"), (4, searches),
        (
            4,
            """
            UPDATE sessions SET settled = 1 WHERE end != 'open' AND row NOT IN (SELECT session FROM unread);
            INSERT OR IGNORE INTO findings SELECT value, row FROM sessions, json_each(findings) WHERE settled = 1
            """
        ),
        // What was recorded before has no text in the index.
        (5, "\(words("texts")); INSERT OR REPLACE INTO meta SELECT 'untexted', 1 FROM sessions LIMIT 1"),
        (6, "ALTER TABLE unread ADD COLUMN behind INTEGER NOT NULL DEFAULT 0"),
        // Of what was recorded before, names that were literals are known to who makes the index anew.
        (7, "ALTER TABLE exchanges ADD COLUMN mailbox TEXT"),
        // The words of all that was recorded before are one stretch, however much that was.
        (
            8,
            """
            \(stretches); ALTER TABLE texts RENAME TO \(textTable(0));
            INSERT INTO stretches SELECT 0, ifnull(sum(bytes), 0) FROM segments
            """
        ),
    ]

    static let tables = """
        CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE segments (number INTEGER PRIMARY KEY, name TEXT NOT NULL, opened INTEGER NOT NULL,
            closed INTEGER, bytes INTEGER);
        CREATE TABLE sessions (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, protocol TEXT NOT NULL,
            start INTEGER NOT NULL, last INTEGER NOT NULL, client TEXT NOT NULL, server TEXT NOT NULL, upstream TEXT,
            route TEXT NOT NULL, user TEXT, exchanges INTEGER NOT NULL, messages INTEGER NOT NULL,
            credentials INTEGER NOT NULL, violations INTEGER NOT NULL, findings TEXT, client_bytes INTEGER NOT NULL,
            server_bytes INTEGER NOT NULL, end TEXT NOT NULL, opaque TEXT, gaps INTEGER NOT NULL, tags TEXT,
            tls TEXT, way TEXT, settled INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX sessions_start ON sessions (start);
        CREATE TABLE exchanges (session INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL,
            last INTEGER NOT NULL, command TEXT NOT NULL, line TEXT NOT NULL, status TEXT, code TEXT NOT NULL,
            text TEXT NOT NULL, content_side INTEGER, content_bytes INTEGER, content_sha256 TEXT, violations TEXT,
            changed TEXT, mailbox TEXT, PRIMARY KEY (session, number)) WITHOUT ROWID;
        CREATE TABLE messages (session INTEGER NOT NULL, number INTEGER NOT NULL, exchange INTEGER NOT NULL,
            carrier TEXT NOT NULL, complete INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
            sender TEXT NOT NULL, recipients TEXT, subject TEXT NOT NULL, message_id TEXT NOT NULL,
            PRIMARY KEY (session, number)) WITHOUT ROWID;
        CREATE TABLE credentials (session INTEGER NOT NULL, number INTEGER NOT NULL, exchange INTEGER NOT NULL,
            mechanism TEXT NOT NULL, account TEXT NOT NULL, fingerprint TEXT NOT NULL, outcome TEXT NOT NULL,
            PRIMARY KEY (session, number)) WITHOUT ROWID;
        CREATE TABLE extents (session INTEGER NOT NULL, segment INTEGER NOT NULL, leg INTEGER NOT NULL,
            first INTEGER NOT NULL, last INTEGER NOT NULL, packets INTEGER NOT NULL,
            PRIMARY KEY (session, segment, leg)) WITHOUT ROWID;
        CREATE TABLE unread (session INTEGER PRIMARY KEY, behind INTEGER NOT NULL DEFAULT 0);
        \(searches);
        \(stretches);
        \(makeStretch(0))
        """

    /// The stretches of segments that have a table of words each, by their first segments, with the octets of the texts. The first has all
    /// segments before it, too.
    private static let stretches = """
        CREATE TABLE stretches (first INTEGER PRIMARY KEY, octets INTEGER NOT NULL)
        """

    /// The table of the words of a stretch.
    static func textTable(_ first: Int64) -> String { "texts_\(first)" }

    /// The table whose room is to be given back when the words of a stretch have gone; nil: a pattern for all of them.
    static func emptiedTable(_ first: Int64?) -> String { "emptied_\(first.map { "\($0)" } ?? "*")" }

    /// Makes a stretch and its table.
    static func makeStretch(_ first: Int64) -> String {
        "\(words(textTable(first))); INSERT INTO stretches VALUES (\(first), 0)"
    }

    /// The words of messages, by ``textRow(session:number:)``. The words alone are kept, not the text.
    private static func words(_ table: String) -> String {
        """
        CREATE VIRTUAL TABLE \(table)
        USING fts5 (header, body, content = '', tokenize = 'unicode61 remove_diacritics 2')
        """
    }

    /// The first segments of all stretches, in order.
    static func stretches(_ database: Database) throws(DatabaseError) -> [Int64] {
        let statement = try database.prepare("SELECT first FROM stretches ORDER BY first")
        defer { statement.reset() }
        var found: [Int64] = []
        while try statement.step() { found.append(statement.int64(0)) }
        return found
    }

    /// Octets of words that are gathered before they are written: many, when an index is made at once, and as many as FTS5 has by itself.
    static let textsInBulk = 16 << 20
    static let textsInPart = 1 << 20

    /// Messages of a session that have a place among the texts.
    static let mostTexts = 1 << 20

    /// The row of a message's text.
    static func textRow(session: Int64, number: Int) -> Int64 { session &* Int64(mostTexts) &+ Int64(number) }

    /// What makes searches fast. A session is settled when it has ended and all its rows are there: only then it gets into these, so
    /// that they cost nothing while sessions are recorded. The statistics are what a large recording looks like: without them SQLite takes
    /// each equality for a rare one, and sorts millions of rows to show fifty.
    private static let searches = """
        CREATE TABLE findings (code TEXT NOT NULL, session INTEGER NOT NULL, PRIMARY KEY (code, session)) WITHOUT ROWID;
        CREATE INDEX sessions_unsettled ON sessions (start) WHERE settled = 0;
        CREATE INDEX sessions_protocol ON sessions (protocol, start) WHERE settled = 1;
        CREATE INDEX sessions_user ON sessions (user, start) WHERE settled = 1;
        CREATE INDEX sessions_client ON sessions (client, start) WHERE settled = 1;
        CREATE INDEX sessions_server ON sessions (server, start) WHERE settled = 1;
        CREATE INDEX sessions_end ON sessions (end, start) WHERE settled = 1;
        CREATE INDEX sessions_violations ON sessions (start) WHERE settled = 1 AND violations > 0;
        CREATE INDEX sessions_opaque ON sessions (start) WHERE settled = 1 AND opaque IS NOT NULL;
        CREATE INDEX sessions_gaps ON sessions (start) WHERE settled = 1 AND gaps > 0;
        CREATE INDEX sessions_tags ON sessions (start) WHERE settled = 1 AND tags IS NOT NULL;
        ANALYZE;
        DELETE FROM sqlite_stat1;
        INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
            ('sessions', 'sessions_start', '10000000 1'), ('sessions', 'sessions_protocol', '10000000 3000000 1'),
            ('sessions', 'sessions_user', '10000000 1000 1'), ('sessions', 'sessions_client', '10000000 2 1'),
            ('sessions', 'sessions_server', '10000000 3000000 1'), ('sessions', 'sessions_end', '10000000 5000000 1'),
            ('sessions', 'sessions_violations', '500000 1'), ('sessions', 'sessions_opaque', '500000 1'),
            ('sessions', 'sessions_gaps', '50000 1'), ('sessions', 'sessions_tags', '500000 1'),
            ('findings', 'findings', '1000000 50000 1')
        """

    static let sessionColumns = """
        row, id, protocol, start, last, client, server, upstream, route, user, exchanges, messages, credentials,
        violations, findings, client_bytes, server_bytes, end, opaque, gaps, tags, tls,
        way
        """
    /// Makes a session's row, or writes what may have changed in it.
    static let saveSession: String = {
        let columns = sessionColumns.split { $0 == "," || $0.isWhitespace }
        let fixed: Set<Substring> = ["row", "id", "protocol", "start", "client", "server", "route"]
        let changes = columns.filter { !fixed.contains($0) }.map { "\($0) = excluded.\($0)" }
        return """
            INSERT INTO sessions (\(sessionColumns)) VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
            ON CONFLICT (row) DO UPDATE SET \(changes.joined(separator: ", "))
            """
    }()
    static let exchangeColumns = """
        number, time, last, command, line, status, code, text, content_side, content_bytes, content_sha256, violations,
        changed, mailbox
        """
    static let messageColumns = """
        number, exchange, carrier, complete, bytes, sha256, sender, recipients, subject, message_id
        """
    static let credentialColumns = "number, exchange, mechanism, account, fingerprint, outcome"

    /// A list of texts for a column.
    static func list(_ texts: [String]) -> String? {
        if texts.isEmpty { return nil }
        var json = JSONWriter()
        json.array { json in
            for text in texts { json.value(text) }
        }
        return json.text
    }

    /// A list of texts from a column.
    static func list(_ column: String?) -> [String] {
        column.flatMap { JSONValue(parsing: $0)?.strings } ?? []
    }

    /// The TLS of both legs for a column; NULL when there was none.
    static func tls(_ info: SessionInfo) -> String? {
        if info.tls == nil, info.upstreamTLS == nil { return nil }
        var json = JSONWriter()
        json.object { json in
            TLSLeg.write(info.tls, "client", &json)
            TLSLeg.write(info.upstreamTLS, "upstream", &json)
        }
        return json.text
    }

    /// How the client came for a column; NULL when it simply connected.
    static func way(_ info: SessionInfo) -> String? {
        guard let way = info.way else { return nil }
        var json = JSONWriter()
        json.object { ClientWay.write(way, &$0) }
        return json.text
    }

    /// Violations for a column: `smtp-bare-lf/0`, the code and the side.
    static func violations(_ violations: [Violation]) -> String? {
        list(violations.map { "\($0.code)/\($0.side.rawValue)" })
    }

    /// Violations from a column. One that this program does not know keeps its code and side.
    static func violations(_ column: String?) -> [Violation] {
        list(column).compactMap { text in
            guard let slash = text.lastIndex(of: "/"),
                let side = UInt8(text[text.index(after: slash)...]).flatMap(Side.init(rawValue:))
            else { return nil }
            let code = String(text[..<slash])
            guard let rows = known[code], let first = rows.first else {
                return Violation(code, side, .notice, "", "", example: "")
            }
            if let row = rows.first(where: { $0.side == side }) { return row }
            // A message is sent by either side.
            return Violation(code, side, first.severity, first.section, first.meaning, example: first.example)
        }
    }

    private static let known = Dictionary(grouping: Violation.all, by: \.code)

    // Reading rows of the tables, columns as listed above.

    static func session(_ row: Statement) -> SessionSummary? {
        guard let id = row.text(1), let mailProtocol = row.text(2).flatMap(MailProtocol.init(rawValue:)),
            let client = row.text(5).flatMap({ SocketAddress($0) }),
            let server = row.text(6).flatMap({ SocketAddress($0) })
        else { return nil }
        let tls = row.text(21).flatMap { JSONValue(parsing: $0) }
        let info = SessionInfo(
            id: id, mailProtocol: mailProtocol, start: row.int64(3), client: client, server: server,
            upstream: row.text(7).flatMap { SocketAddress($0) }, route: row.text(8) ?? "",
            tls: TLSLeg(tls?["client"]), upstreamTLS: TLSLeg(tls?["upstream"]),
            way: ClientWay.read(row.text(22).flatMap { JSONValue(parsing: $0) }))
        var summary = SessionSummary(info: info)
        summary.last = row.int64(4)
        summary.user = row.text(9)
        summary.exchanges = row.int(10)
        summary.messages = row.int(11)
        summary.credentials = row.int(12)
        summary.violations = row.int(13)
        summary.findings = list(row.text(14))
        summary.clientBytes = row.int(15)
        summary.serverBytes = row.int(16)
        summary.end = row.text(17).flatMap(SessionEnd.init(rawValue:)) ?? .lost
        summary.opaque = row.text(18).flatMap(OpaqueReason.init(rawValue:))
        summary.gaps = row.int(19)
        summary.tags = list(row.text(20))
        return summary
    }

    static func exchange(_ row: Statement) -> Exchange {
        var exchange = Exchange(
            number: row.int(0), time: row.int64(1), command: row.text(3) ?? "", line: row.text(4) ?? "")
        exchange.last = row.int64(2)
        exchange.replyStatus = row.text(5).flatMap(ReplyStatus.init(rawValue:))
        exchange.replyCode = row.text(6) ?? ""
        exchange.replyText = row.text(7) ?? ""
        if let sha256 = row.text(10), let side = Side(rawValue: UInt8(clamping: row.int64(8))) {
            exchange.content = Exchange.ContentSummary(side: side, bytes: row.int(9), sha256: sha256)
        }
        exchange.violations = violations(row.text(11))
        exchange.changed = list(row.text(12))
        exchange.mailbox = row.text(13)
        return exchange
    }

    static func message(_ row: Statement) -> MessageRecord? {
        guard let carrier = row.text(2).flatMap(Carrier.init(rawValue:)) else { return nil }
        var message = MessageRecord(exchange: row.int(1), carrier: carrier)
        message.complete = row.int64(3) != 0
        message.bytes = row.int(4)
        message.sha256 = row.text(5) ?? ""
        message.from = row.text(6) ?? ""
        message.to = list(row.text(7))
        message.subject = row.text(8) ?? ""
        message.messageID = row.text(9) ?? ""
        return message
    }

    static func credential(_ row: Statement) -> CredentialRecord {
        CredentialRecord(
            exchange: row.int(1), mechanism: row.text(2) ?? "", account: row.text(3) ?? "",
            fingerprint: row.text(4) ?? "",
            outcome: row.text(5).flatMap(CredentialRecord.Outcome.init(rawValue:)) ?? .unknown)
    }
}
