// What retention removed goes out of the index, too. A segment may hold a hundred thousand sessions: they are forgotten some at a time, so
// that those who are being recorded do not wait.

import MailDialogue
import MailRecording

/// What a segment has become.
enum SegmentChange: Sendable {
    /// It is no more.
    case removed(Int)
    /// Some of its sessions were taken out of it.
    case thinned(ThinnedPlaces)
}

/// Where what is left of a thinned segment is.
struct ThinnedPlaces: Sendable {
    var segment: Int
    /// Octets of the segment.
    var octets: Int64
    /// Ids of the sessions that are in it no more.
    var gone: [String]
    /// The places of those that are.
    var kept: [String: [Extent]]
}

/// What the index has yet to forget. Used by the recorder's thread only.
struct Forgetting {
    /// Sessions that are forgotten before sessions that are being recorded get their turn: some milliseconds.
    private static let most = 200

    private var waiting: [SegmentChange] = []

    /// Forgets some. True when more is to be forgotten.
    /// - Parameter isLast: room that can be given back by the next recorder is left to it.
    mutating func step(_ keeper: SegmentKeeper, _ index: IndexWriter, isLast: Bool = false, _ now: Int64) -> Bool {
        waiting += keeper.takeChanges()
        guard let first = waiting.first else { return isLast ? false : index.emptyTexts(now) }
        let isDone =
            switch first {
            case .removed(let number): index.forget(segment: number, most: Self.most, now)
            case .thinned(let places): index.thin(places, now)
            }
        // An index that cannot be written at present is told again.
        if isDone, index.failure == nil { waiting.removeFirst() }
        return !waiting.isEmpty && index.failure == nil
    }
}

extension IndexWriter {
    /// Extents by segment, which nobody asks for who removes nothing: made when it is needed first.
    func prepareForgetting(_ now: Int64) {
        execute("CREATE INDEX IF NOT EXISTS extents_segment ON extents (segment)", now)
        execute("CREATE TEMP TABLE IF NOT EXISTS gone (session INTEGER PRIMARY KEY)", now)
    }

    /// Forgets a segment that is no more: some of its sessions, with all of those that are in no other. True when none is left, and the
    /// segment itself is forgotten.
    func forget(segment number: Int, most: Int = Int.max, _ now: Int64) -> Bool {
        prepareForgetting(now)
        execute("DELETE FROM temp.gone", now)
        execute(
            """
            INSERT INTO temp.gone SELECT DISTINCT session FROM extents WHERE segment = \(number)
            ORDER BY session LIMIT \(most)
            """, now)
        execute("DELETE FROM extents WHERE segment = \(number) AND session IN (SELECT session FROM temp.gone)", now)
        forgetOrphans(now)
        if count("SELECT count(*) FROM (SELECT 1 FROM extents WHERE segment = \(number) LIMIT 1)") != 0 { return false }
        execute("DELETE FROM segments WHERE number = \(number)", now)
        forgetTexts(segment: number, now)
        return true
    }

    /// Sessions that are in a segment no more, and the places of the others.
    func thin(_ places: ThinnedPlaces, _ now: Int64) -> Bool {
        prepareForgetting(now)
        execute("DELETE FROM temp.gone", now)
        for id in places.gone {
            run("INSERT OR IGNORE INTO temp.gone SELECT row FROM sessions WHERE id = ?", [.text(id)], now)
        }
        execute(
            "DELETE FROM extents WHERE segment = \(places.segment) AND session IN (SELECT session FROM temp.gone)", now)
        forgetOrphans(now)
        for (id, extents) in places.kept {
            for extent in extents {
                run(
                    """
                    UPDATE extents SET first = ?, last = ?, packets = ?
                    WHERE session = (SELECT row FROM sessions WHERE id = ?) AND segment = ? AND leg = ?
                    """,
                    [
                        .integer(extent.first), .integer(extent.end), .integer(Int64(extent.packets)), .text(id),
                        .integer(Int64(places.segment)), .integer(Int64(extent.leg.rawValue)),
                    ], now)
            }
        }
        execute("UPDATE segments SET bytes = \(places.octets) WHERE number = \(places.segment)", now)
        // Whoever looks a session up meanwhile would look for it where it was.
        commit(now)
        return true
    }

    /// Nothing is known any more of where sessions are in a segment. Those that were there are in `gone` until they are found again.
    func forgetPlaces(inSegment number: Int, _ now: Int64) {
        prepareForgetting(now)
        execute("DELETE FROM temp.gone", now)
        execute("INSERT INTO temp.gone SELECT DISTINCT session FROM extents WHERE segment = \(number)", now)
        execute("DELETE FROM extents WHERE segment = \(number)", now)
    }

    /// Of the sessions in `gone`, forgets those that have no place left. Each table is asked by the key that it has.
    func forgetOrphans(_ now: Int64) {
        execute(
            "DELETE FROM temp.gone WHERE EXISTS (SELECT 1 FROM extents WHERE extents.session = temp.gone.session)", now)
        // The freed pages may hold words of messages: what was removed is not to be found in the file either.
        execute("PRAGMA secure_delete = ON", now)
        execute(
            """
            DELETE FROM findings WHERE (code, session) IN (
                SELECT value, row FROM sessions, json_each(sessions.findings)
                WHERE row IN (SELECT session FROM temp.gone) AND sessions.findings IS NOT NULL)
            """, now)
        for table in ["exchanges", "messages", "credentials", "unread"] {
            execute("DELETE FROM \(table) WHERE session IN (SELECT session FROM temp.gone)", now)
        }
        execute("DELETE FROM sessions WHERE row IN (SELECT session FROM temp.gone)", now)
        execute("PRAGMA secure_delete = OFF", now)
    }

    /// Forgets the segments before the first that is there: a recorder was killed when it had removed them.
    func forget(before number: Int, _ now: Int64) {
        guard let statement = try? database.prepare("SELECT number FROM segments WHERE number < ?") else { return }
        statement.bind(1, number)
        var gone: [Int] = []
        while (try? statement.step()) == true { gone.append(statement.int(0)) }
        statement.reset()
        for segment in gone { _ = forget(segment: segment, now) }
    }

    /// Runs a statement with values as part of the transaction.
    func run(_ sql: String, _ values: [DatabaseValue], _ now: Int64) {
        guarded(now) { () throws(DatabaseError) in
            let statement = try database.prepare(sql)
            defer { statement.reset() }
            for (index, value) in values.enumerated() { statement.bind(Int32(clamping: index + 1), value) }
            try statement.run()
        }
    }

    private func count(_ sql: String) -> Int {
        guard let statement = try? database.prepare(sql) else { return 0 }
        defer { statement.reset() }
        return (try? statement.step()) == true ? statement.int(0) : 0
    }
}
