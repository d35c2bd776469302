// The words of messages lie in several tables of FTS5, each for a stretch of consecutive segments. FTS5 keeps the words and not the texts, and
// can forget none of which it is not told the text: so words go with their whole table, when the last segment of its stretch has gone
// (Docs/Decisions/095).

/// The tables of words of an index that is written. Used by the thread of the writer.
///
/// The words of a session belong to the last segment that it is in: when that has gone, all of the session has.
final class TextStretches {
    /// Octets of text that a stretch has at least. Small, as what was removed waits for the rest of its stretch.
    static let least: Int64 = 1 << 20
    /// A stretch ends when it has so many parts of this of all text as there are stretches: the more there are, the longer the next one.
    /// Where old ones go there are eleven, each with a twelfth of what is kept; where none goes, 60 for a million times the least.
    private static let parts: Int64 = 128
    /// Stretches at most, as each is asked for each search. SQLite takes 500 questions in one.
    static let most = 200
    /// Stretches of an index that is made anew.
    private static let planned: Int64 = 12
    /// Pages of a table that went whose room is given back before sessions that are being recorded get their turn: some milliseconds.
    private static let pagesAtOnce = 128

    private let database: Database
    private let isDraft: Bool
    private let least: Int64
    /// The first segments of those that there are, in order; nil when the database is to be asked.
    private var known: [Int64]?
    /// What puts texts into a stretch.
    private var inserts: [Int64: Statement] = [:]
    private let findSegment: Statement
    private let count: Statement
    /// The stretch of the session that had the last text: the texts of a session come in a row.
    private var last: (session: Int64, first: Int64)?
    /// Tables that went may have room to give back.
    private(set) var hasEmptied = true
    /// Sessions have lost their words and are to be read again.
    private var lostWords = false
    /// Sessions that lost words while others were still being read from their packets.
    private var torn: Set<Int64> = []

    init(_ database: Database, isDraft: Bool, least: Int64) throws(DatabaseError) {
        self.least = least
        self.database = database
        self.isDraft = isDraft
        findSegment = try database.prepare("SELECT max(segment) FROM extents WHERE session = ?")
        count = try database.prepare("UPDATE stretches SET octets = octets + ? WHERE first = ?")
        guard isDraft else { return }
        for first in try all() { try gather(first, IndexSchema.textsInBulk) }
    }

    /// The first segments of all stretches, in order.
    private func all() throws(DatabaseError) -> [Int64] {
        if let known { return known }
        let found = try IndexSchema.stretches(database)
        known = found
        return found
    }

    /// A transaction was taken back, and with it what was known.
    func rolledBack() {
        known = nil
        inserts = [:]
        last = nil
        hasEmptied = true
    }

    /// A session is found in other segments than before.
    func placed(session: Int64) {
        if last?.session == session { last = nil }
    }

    /// The highest row of a session of which there are words, be it gone or not.
    func highestSession() throws(DatabaseError) -> Int64 {
        var highest: Int64 = 0
        for first in try all() {
            highest = max(highest, try number("SELECT max(id) FROM \(IndexSchema.textTable(first))_docsize"))
        }
        return highest / Int64(IndexSchema.mostTexts)
    }

    // MARK: Texts

    /// Puts a text in.
    func save(_ words: (header: String, body: String), row: Int64, session: Int64) throws(DatabaseError) {
        let first = try stretch(of: session)
        let insert: Statement
        if let found = inserts[first] {
            insert = found
        } else {
            insert = try database.prepare(
                "INSERT INTO \(IndexSchema.textTable(first)) (rowid, header, body) VALUES (?, ?, ?)")
            inserts[first] = insert
        }
        insert.bind(1, row)
        insert.bind(2, words.header)
        insert.bind(3, words.body)
        do throws(DatabaseError) { try insert.run() } catch {
            // It is there already: a reader that failed midway tells its messages once more.
            guard error.kind == .constraint else { throw error }
            return
        }
        count.bind(1, words.header.utf8.count + words.body.utf8.count)
        count.bind(2, first)
        try count.run()
    }

    /// The stretch of the last segment that the session is in. What is before the first stretch is of the first.
    private func stretch(of session: Int64) throws(DatabaseError) -> Int64 {
        if let last, last.session == session { return last.first }
        findSegment.bind(1, session)
        // Of a session that nobody has placed yet it is the one that goes on.
        let segment = try findSegment.step() ? findSegment.integer(0) : nil
        findSegment.reset()
        let all = try all()
        let first = all.last { $0 <= segment ?? .max } ?? all.first ?? 0
        last = (session, first)
        return first
    }

    // MARK: Beginnings

    /// A segment begins, and with it a stretch, when the one before has enough.
    func began(segment number: Int) throws(DatabaseError) {
        let all = try all()
        let segment = Int64(number)
        guard let last = all.last, last < segment, all.count < Self.most else { return }
        let octets = try self.number("SELECT octets FROM stretches WHERE first = \(last)")
        let whole = try self.number("SELECT sum(octets) FROM stretches")
        guard octets >= max(least, whole / Self.parts &* Int64(all.count)) else { return }
        try begin(segment)
    }

    /// Parts the segments of an index that has no words yet into stretches of about the same size.
    func plan() throws(DatabaseError) {
        let whole = try number("SELECT sum(bytes) FROM segments")
        guard try all().count == 1, whole >= least, try number("SELECT sum(octets) FROM stretches") == 0 else {
            return
        }
        var firsts: [Int64] = []
        let segments = try database.prepare("SELECT number, bytes FROM segments ORDER BY number")
        defer { segments.reset() }
        var octets: Int64 = 0
        while try segments.step() {
            if octets >= max(least, whole / Self.planned) {
                firsts.append(segments.int64(0))
                octets = 0
            }
            octets += segments.int64(1)
        }
        for first in firsts { try begin(first) }
    }

    private func begin(_ first: Int64) throws(DatabaseError) {
        last = nil
        try database.execute(IndexSchema.makeStretch(first))
        if isDraft { try gather(first, IndexSchema.textsInBulk) }
        known = (known ?? []) + [first]
    }

    /// An index that was made at once goes on as any other.
    func publish() throws(DatabaseError) {
        for first in try all() { try gather(first, IndexSchema.textsInPart) }
    }

    private func gather(_ first: Int64, _ octets: Int) throws(DatabaseError) {
        let table = IndexSchema.textTable(first)
        try database.execute("INSERT INTO \(table) (\(table), rank) VALUES ('hashsize', \(octets))")
    }

    // MARK: Ends

    /// The index has forgotten a segment, and now the words of stretches that have none any more. This is for the transaction in which the
    /// rows of the segment go.
    func removed(segment number: Int) throws(DatabaseError) {
        let all = try all()
        for (place, first) in all.enumerated() {
            let from = place == 0 ? Int64.min : first
            let next = place + 1 < all.count ? all[place + 1] : nil
            let below = next.map { " AND number < \($0)" } ?? ""
            if try self.number("SELECT EXISTS (SELECT 1 FROM segments WHERE number >= \(from)\(below))") != 0 {
                continue
            }
            if next == nil {
                // Nothing is being written: what comes next is behind all that was.
                if try self.number("SELECT octets FROM stretches WHERE first = \(first)") == 0 { continue }
                try begin(max(first, Int64(number)) + 1)
            }
            try drop(first)
        }
    }

    private func drop(_ first: Int64) throws(DatabaseError) {
        let table = IndexSchema.textTable(first)
        inserts[first] = nil
        last = nil
        // Of a session that is left in earlier segments the words are read again from there.
        let left = """
            row BETWEEN (SELECT min(id) FROM \(table)_docsize) / \(IndexSchema.mostTexts)
                AND (SELECT max(id) FROM \(table)_docsize) / \(IndexSchema.mostTexts)
            AND EXISTS (SELECT 1 FROM \(table)_docsize WHERE id >= row * \(IndexSchema.mostTexts)
                AND id < (row + 1) * \(IndexSchema.mostTexts))
            """
        try database.execute(
            "INSERT OR IGNORE INTO unread (session) SELECT row FROM sessions WHERE settled = 1 AND \(left)")
        if database.changes > 0 { lostWords = true }
        try database.execute("UPDATE sessions SET settled = 0 WHERE settled = 1 AND \(left)")
        let unsettled = try database.prepare("SELECT session FROM unread JOIN sessions ON row = session WHERE \(left)")
        defer { unsettled.reset() }
        while try unsettled.step() { torn.insert(unsettled.int64(0)) }
        // To give back the room of a large table takes seconds: that is done bit by bit, by a plain table that nobody asks. FTS5 is left
        // what it looks for when it is opened.
        let emptied = IndexSchema.emptiedTable(first)
        try database.execute("PRAGMA secure_delete = ON")
        defer { try? database.execute("PRAGMA secure_delete = OFF") }
        try database.execute(
            """
            ALTER TABLE \(table)_data RENAME TO \(emptied);
            CREATE TABLE \(table)_data (id INTEGER PRIMARY KEY, block BLOB);
            INSERT INTO \(table)_data SELECT id, block FROM \(emptied) WHERE id <= 10;
            DROP TABLE \(table);
            DELETE FROM stretches WHERE first = \(first)
            """)
        known?.removeAll { $0 == first }
        hasEmptied = true
    }

    /// All of a session was read from its packets. True when it lost some of its words meanwhile: it is to be read once more.
    func takeTorn(session: Int64) -> Bool {
        guard torn.remove(session) != nil else { return false }
        lostWords = true
        return true
    }

    /// Sessions have lost their words since this was last asked, and are to be read again.
    func takeLostWords() -> Bool {
        defer { lostWords = false }
        return lostWords
    }

    /// Gives back some of the room of tables that went. The pages are used again; they are overwritten, as words of messages stood there.
    func emptySome() throws(DatabaseError) {
        let find = try database.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '\(IndexSchema.emptiedTable(nil))'")
        let table = try find.step() ? find.text(0) : nil
        find.reset()
        guard let table else {
            hasEmptied = false
            return
        }
        try database.execute("PRAGMA secure_delete = ON")
        defer { try? database.execute("PRAGMA secure_delete = OFF") }
        try database.execute("DELETE FROM \(table) WHERE id IN (SELECT id FROM \(table) LIMIT \(Self.pagesAtOnce))")
        if database.changes < Self.pagesAtOnce { try database.execute("DROP TABLE \(table)") }
    }

    private func number(_ sql: String) throws(DatabaseError) -> Int64 {
        let statement = try database.prepare(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.int64(0) : 0
    }
}
