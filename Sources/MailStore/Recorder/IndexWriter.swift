// The one writer of the index. Rows are gathered in transactions; the recorder's thread asks for the commit. When
// SQLite fails, recording goes on without the index, which is tried again a second later and marked as incomplete.

import MailRecording

/// Writes `index.sqlite`. Used by one thread at a time.
final class IndexWriter {
    /// Rows after which a transaction is committed.
    static let rowLimit = 2_000
    /// Microseconds after which a transaction is committed. Short, so that who looks right after a session sees it.
    static let timeLimit: Int64 = 50_000
    /// Microseconds from a failure to the next attempt.
    static let retryAfter: Int64 = 1_000_000

    let database: Database
    private let saveSession: Statement
    private let saveExchange: Statement
    private let saveMessage: Statement
    private let saveCredential: Statement
    private let saveExtent: Statement
    private let saveSegment: Statement
    private let saveUnread: Statement
    private let dropUnread: Statement
    private let saveFindings: Statement
    private let settleSession: Statement
    private let texts: TextStretches
    private let completeSession: Statement
    private let addCredential: Statement
    private let begin: Statement
    private let commitStatement: Statement

    /// Rows in the open transaction.
    private(set) var rows = 0
    /// When the open transaction began; nil when there is none.
    private(set) var began: Int64?
    /// Why the index is not written at present.
    private(set) var failure: DatabaseError?
    private var retryAt = Int64.min
    private var marksIncomplete = false
    /// Rows were lost since this was last asked.
    private var hasRolledBack = false

    /// The row for the next session.
    private var nextRow: Int64

    /// Nobody else looks at the file before it is whole.
    private let isDraft: Bool
    /// Rows after which a transaction of a draft is committed: words are written in bulk then, which costs a third.
    private static let draftRowLimit = 100_000
    private static let ordinary = """
        PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;
        PRAGMA journal_size_limit = 67108864;
        PRAGMA cache_size = -8192
        """
    private static let draft = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768"

    /// Opens the index, or makes it.
    /// - Parameters:
    ///   - isDraft: nobody else looks at the file before ``publish()``, and when something goes wrong it is thrown away.
    ///   - leastText: octets of text that a stretch has at least.
    init(
        path: String, isDraft: Bool = false, leastText: Int64 = TextStretches.least
    ) throws(DatabaseError) {
        self.isDraft = isDraft
        let database = try Database(path: path, .readWrite)
        try database.execute(isDraft ? Self.draft : Self.ordinary)
        let version = try database.schemaVersion()
        if version == 0 {
            try database.transaction { () throws(DatabaseError) in
                try database.execute(IndexSchema.tables)
                try database.execute("PRAGMA user_version = \(IndexSchema.version)")
            }
        } else if version < IndexSchema.version, version > 0 {
            try database.transaction { () throws(DatabaseError) in
                for (from, statement) in IndexSchema.upgrades where from >= version {
                    try database.execute(statement)
                }
                try database.execute("PRAGMA user_version = \(IndexSchema.version)")
            }
        } else if version != IndexSchema.version {
            throw DatabaseError(
                code: 1,
                message: """
                    the index has version \(version), this program knows \(IndexSchema.version); a newer one made it, and \
                    'mailproxy sessions reindex' makes one for this
                    """,
                path: path)
        }
        func insert(_ table: String, _ columns: String) throws(DatabaseError) -> Statement {
            let count = columns.split(separator: ",").count
            let marks = Array(repeating: "?", count: count).joined(separator: ", ")
            return try database.prepare("INSERT OR REPLACE INTO \(table) (\(columns)) VALUES (\(marks))")
        }
        // What can't change is not written again: each index over it would be too.
        saveSession = try database.prepare(IndexSchema.saveSession)
        saveExchange = try insert("exchanges", "session, " + IndexSchema.exchangeColumns)
        saveMessage = try insert("messages", "session, " + IndexSchema.messageColumns)
        saveCredential = try insert("credentials", "session, " + IndexSchema.credentialColumns)
        saveExtent = try insert("extents", "session, segment, leg, first, last, packets")
        saveSegment = try insert("segments", "number, name, opened, closed, bytes")
        saveUnread = try insert("unread", "session")
        dropUnread = try database.prepare("DELETE FROM unread WHERE session = ?")
        saveFindings = try database.prepare(
            """
            INSERT OR IGNORE INTO findings
            SELECT value, row FROM sessions, json_each(findings) WHERE row = ? AND findings IS NOT NULL
            """)
        settleSession = try database.prepare("UPDATE sessions SET settled = 1 WHERE row = ? AND settled = 0")
        texts = try TextStretches(database, isDraft: isDraft, least: leastText)
        completeSession = try database.prepare(
            """
            UPDATE sessions SET exchanges = ?, messages = ?, credentials = ?, violations = ?, findings = ?,
                user = ifnull(user, ?), client_bytes = ?, server_bytes = ?, last = ?, gaps = ?, opaque = ifnull(opaque, ?)
            WHERE row = ?
            """)
        addCredential = try database.prepare(
            """
            INSERT OR IGNORE INTO credentials (session, \(IndexSchema.credentialColumns)) VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        begin = try database.prepare("BEGIN IMMEDIATE")
        commitStatement = try database.prepare("COMMIT")
        // A text that has lost its session must not be taken for another's.
        let last = try database.prepare("SELECT max(row) FROM sessions")
        nextRow = max(try last.step() ? last.int64(0) : 0, try texts.highestSession()) + 1
        last.reset()
        self.database = database
    }

    /// A row number for a new session.
    func takeRow() -> Int64 {
        defer { nextRow &+= 1 }
        return nextRow
    }

    func save(_ summary: SessionSummary, row: Int64, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = saveSession
            let info = summary.info
            statement.bind(1, row)
            statement.bind(2, info.id)
            statement.bind(3, info.mailProtocol.rawValue)
            statement.bind(4, info.start)
            statement.bind(5, summary.last)
            statement.bind(6, info.client.description)
            statement.bind(7, info.server.description)
            statement.bind(8, info.upstream?.description)
            statement.bind(9, info.route)
            statement.bind(10, summary.user)
            statement.bind(11, summary.exchanges)
            statement.bind(12, summary.messages)
            statement.bind(13, summary.credentials)
            statement.bind(14, summary.violations)
            statement.bind(15, IndexSchema.list(summary.findings))
            statement.bind(16, summary.clientBytes)
            statement.bind(17, summary.serverBytes)
            statement.bind(18, summary.end.rawValue)
            statement.bind(19, summary.opaque?.rawValue)
            statement.bind(20, summary.gaps)
            statement.bind(21, IndexSchema.list(summary.tags))
            statement.bind(22, IndexSchema.tls(info))
            statement.bind(23, IndexSchema.way(info))
            try statement.run()
        }
    }

    func save(_ exchange: Exchange, session: Int64, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = saveExchange
            statement.bind(1, session)
            statement.bind(2, exchange.number)
            statement.bind(3, exchange.time)
            statement.bind(4, exchange.last)
            statement.bind(5, exchange.command)
            statement.bind(6, exchange.line)
            statement.bind(7, exchange.replyStatus?.rawValue)
            statement.bind(8, exchange.replyCode)
            statement.bind(9, exchange.replyText)
            statement.bind(10, (exchange.content?.side.rawValue).map { Int64($0) })
            statement.bind(11, (exchange.content?.bytes).map { Int64($0) })
            statement.bind(12, exchange.content?.sha256)
            statement.bind(13, IndexSchema.violations(exchange.violations))
            statement.bind(14, IndexSchema.list(exchange.changed))
            statement.bind(15, exchange.mailbox)
            try statement.run()
        }
    }

    func save(_ message: MessageRecord, number: Int, session: Int64, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = saveMessage
            statement.bind(1, session)
            statement.bind(2, number)
            statement.bind(3, message.exchange)
            statement.bind(4, message.carrier.rawValue)
            statement.bind(5, message.complete ? 1 : 0)
            statement.bind(6, message.bytes)
            statement.bind(7, message.sha256)
            statement.bind(8, message.from)
            statement.bind(9, IndexSchema.list(message.to))
            statement.bind(10, message.subject)
            statement.bind(11, message.messageID)
            try statement.run()
            guard let text = message.text, number < IndexSchema.mostTexts else { return }
            try texts.save(text.words, row: IndexSchema.textRow(session: session, number: number), session: session)
        }
    }

    /// What its packets say of a session of which the recorder that recorded it could not tell all.
    func complete(_ summary: SessionSummary, row: Int64, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = completeSession
            statement.bind(1, summary.exchanges)
            statement.bind(2, summary.messages)
            statement.bind(3, summary.credentials)
            statement.bind(4, summary.violations)
            statement.bind(5, IndexSchema.list(summary.findings))
            statement.bind(6, summary.user)
            statement.bind(7, summary.clientBytes)
            statement.bind(8, summary.serverBytes)
            statement.bind(9, summary.last)
            statement.bind(10, summary.gaps)
            statement.bind(11, summary.opaque?.rawValue)
            statement.bind(12, row)
            try statement.run()
        }
    }

    /// - Parameter isNew: one that is there already is left as it is.
    func save(_ credential: CredentialRecord, number: Int, session: Int64, isNew: Bool = false, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = isNew ? addCredential : saveCredential
            statement.bind(1, session)
            statement.bind(2, number)
            statement.bind(3, credential.exchange)
            statement.bind(4, credential.mechanism)
            statement.bind(5, credential.account)
            statement.bind(6, credential.fingerprint)
            statement.bind(7, credential.outcome.rawValue)
            try statement.run()
        }
    }

    func save(_ extent: Extent, session: Int64, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = saveExtent
            statement.bind(1, session)
            statement.bind(2, extent.segment)
            statement.bind(3, Int(extent.leg.rawValue))
            statement.bind(4, extent.first)
            statement.bind(5, extent.end)
            statement.bind(6, extent.packets)
            try statement.run()
            texts.placed(session: session)
        }
    }

    /// The exchanges and messages of a session are yet to be read from its packets, or are read now.
    func mark(unread: Bool, session: Int64, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = unread ? saveUnread : dropUnread
            statement.bind(1, session)
            try statement.run()
        }
    }

    /// The session has ended and all its rows are there: searches find it now.
    func settle(session: Int64, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            settleSession.bind(1, session)
            try settleSession.run()
            saveFindings.bind(1, session)
            try saveFindings.run()
        }
    }

    /// All rows of a session were read from its packets. It waits to be read again when words of it went meanwhile.
    func finishReading(session: Int64, _ now: Int64) {
        if texts.takeTorn(session: session) { return }
        mark(unread: false, session: session, now)
        settle(session: session, now)
    }

    /// Nobody told all of the session: what it was is read from its packets.
    func markBehind(session: Int64, _ now: Int64) {
        execute("INSERT OR REPLACE INTO unread VALUES (\(session), 1)", now)
    }

    /// The session has ended for this recorder, with rows that are yet to be read or without.
    func leave(session: Int64, isUnread: Bool, _ now: Int64) {
        if isUnread { markBehind(session: session, now) } else { settle(session: session, now) }
    }

    /// Rows may be missing from the index for ever, unless it is made anew.
    func markIncomplete(_ now: Int64) { execute("INSERT OR REPLACE INTO meta VALUES ('incomplete', 1)", now) }

    /// Messages are in the index without their text.
    func markUntexted(_ now: Int64) { execute("INSERT OR REPLACE INTO meta VALUES ('untexted', 1)", now) }

    /// Sessions whose exchanges and messages are yet to be read, those that ended first before the others.
    /// - Parameter limit: how many at most.
    func unread(limit: Int, in directory: String) throws(DatabaseError) -> [UnreadSession] {
        let statement = try database.prepare(
            """
            SELECT u.session, s.id, e.segment, e.first, e.last, e.packets, g.name, u.behind
            FROM (SELECT session, behind FROM unread
                WHERE EXISTS (SELECT 1 FROM extents WHERE extents.session = unread.session AND leg = 0)
                ORDER BY session LIMIT ?) u JOIN sessions s ON s.row = u.session
            JOIN extents e ON e.session = u.session AND e.leg = 0 JOIN segments g ON g.number = e.segment
            ORDER BY u.session, e.segment
            """)
        defer { statement.reset() }
        statement.bind(1, limit)
        var found: [UnreadSession] = []
        while try statement.step() {
            let place = RecordingIndex.Place(
                path: directory + "/" + (statement.text(6) ?? ""),
                extent: Extent(
                    segment: statement.int(2), leg: .client, first: statement.int64(3), end: statement.int64(4),
                    packets: statement.int(5)))
            let row = statement.int64(0)
            if found.last?.row == row, var last = found.popLast() {
                last.places.append(place)
                found.append(last)
            } else {
                found.append(
                    UnreadSession(
                        row: row, id: statement.text(1) ?? "", places: [place], isBehind: statement.int(7) != 0))
            }
        }
        return found
    }

    /// A segment; `closed` and `bytes` are nil while it is written.
    func saveSegment(_ number: Int, name: String, opened: Int64, closed: Int64?, bytes: Int64?, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = saveSegment
            statement.bind(1, number)
            statement.bind(2, name)
            statement.bind(3, opened)
            statement.bind(4, closed)
            statement.bind(5, bytes)
            try statement.run()
            if closed == nil { try texts.began(segment: number) }
        }
    }

    /// All segments of an index that was made anew are known, and no words of messages yet.
    func planTexts(_ now: Int64) {
        guarded(now) { () throws(DatabaseError) in try texts.plan() }
    }

    /// A segment was forgotten; so are words that no segment has any more.
    func forgetTexts(segment number: Int, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in try texts.removed(segment: number) }
    }

    /// Gives back some of the room of words that were forgotten. True when there is more.
    func emptyTexts(_ now: Int64) -> Bool {
        guard texts.hasEmptied else { return false }
        guarded(now) { () throws(DatabaseError) in try texts.emptySome() }
        return texts.hasEmptied && failure == nil
    }

    /// Sessions wait to be read again that had settled, since this was last asked.
    func takeUnsettled() -> Bool { texts.takeLostWords() }

    /// Runs a statement without parameters as part of the transaction.
    func execute(_ sql: String, _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in try database.execute(sql) }
    }

    /// The transaction has as many rows, or is as old, as it may be.
    func isDue(_ now: Int64) -> Bool {
        guard let began else { return false }
        if isDraft { return rows >= Self.draftRowLimit }
        return rows >= Self.rowLimit || now &- began >= Self.timeLimit
    }

    /// A draft is whole. It is still to be synced.
    func publish() throws(DatabaseError) {
        if let failure { throw failure }
        try texts.publish()
    }

    /// Ends the transaction.
    func commit(_ now: Int64) {
        guard began != nil else { return }
        do throws(DatabaseError) {
            try commitStatement.run()
            began = nil
            rows = 0
            failure = nil
        } catch {
            fail(error, now)
        }
    }

    /// Were rows lost since this was last asked? Then sessions must be told to the index again.
    func takeRollback() -> Bool {
        defer { hasRolledBack = false }
        return hasRolledBack
    }

    func guarded(_ now: Int64, _ body: () throws(DatabaseError) -> Void) {
        if failure != nil, now < retryAt { return }
        do throws(DatabaseError) {
            if began == nil {
                try begin.run()
                began = now
                if marksIncomplete {
                    try database.execute("INSERT OR REPLACE INTO meta VALUES ('incomplete', 1)")
                    marksIncomplete = false
                }
            }
            try body()
            rows += 1
        } catch {
            fail(error, now)
        }
    }

    private func fail(_ error: DatabaseError, _ now: Int64) {
        switch error.kind {
        case .constraint: return
        case .busy, .full, .corrupt, .cannotOpen, .inputOutput, .other: break
        }
        database.rollBack()
        texts.rolledBack()
        began = nil
        rows = 0
        failure = error
        // A draft that lacks rows is of no use to anybody.
        retryAt = isDraft ? .max : now &+ Self.retryAfter
        marksIncomplete = true
        hasRolledBack = true
    }
}
