// Searching an index: sessions in any order, as many as are asked for, counted and grouped, without reading those that don't matter.
//
// What SQL answers is about settled sessions, which have ended and whose rows are all there. The others, which go on or ended a moment
// ago, are few: they are given as they are, and who asks looks at them.

import MailDialogue
import MailRecording
import MailRules

/// What is searched for.
package struct SessionSearch: Sendable {
    package var filter: Expression?
    /// Words of a message.
    package var text: TextQuery?
    package var order = SessionOrder()
    /// Only sessions that began then or later, and before then; microseconds since 1970.
    package var since: Int64?
    package var until: Int64?
    /// Only sessions that stand before this one by their start: the page before the one that begins with it.
    package var before: (start: Int64, id: String)?
    /// The same the other way round.
    fileprivate var after: (start: Int64, id: String)?

    package init(_ filter: Expression? = nil) { self.filter = filter }

    /// The session began in the time that is asked for.
    package func isWithin(_ summary: SessionSummary) -> Bool {
        let info = summary.info
        if let since, info.start < since { return false }
        if let until, info.start >= until { return false }
        guard let before else { return true }
        return info.start != before.start
            ? info.start < before.start : info.id.utf8.lexicographicallyPrecedes(before.id.utf8)
    }

    /// The words and the time as a condition of SQL.
    /// - Parameter stretches: those of which the index has words.
    fileprivate func span(_ stretches: [Int64]) -> SQLCondition {
        var span = SQLCondition(sql: "1")
        if let text {
            // All of a message is in one table.
            let found = stretches.map { first in
                let table = IndexSchema.textTable(first)
                return "SELECT rowid / \(IndexSchema.mostTexts) FROM \(table) WHERE \(table) MATCH ?"
            }
            span.sql = "s.row IN (\(found.joined(separator: " UNION ALL ")))"
            span.values += stretches.map { _ in .text(text.match) }
        }
        if let since {
            span.sql += " AND s.start >= ?"
            span.values.append(.integer(since))
        }
        if let until {
            span.sql += " AND s.start < ?"
            span.values.append(.integer(until))
        }
        if let before {
            span.sql += " AND s.start <= ? AND (s.start < ? OR s.id < ?)"
            span.values += [.integer(before.start), .integer(before.start), .text(before.id)]
        }
        if let after {
            span.sql += " AND s.start >= ? AND (s.start > ? OR s.id > ?)"
            span.values += [.integer(after.start), .integer(after.start), .text(after.id)]
        }
        return span
    }
}

/// Sessions one after the other, read as they are asked for. By their start they are read page by page: whoever takes them may take
/// hours, and an index that is being read can't give up what it has written beside its file.
package final class SessionCursor {
    private static let firstPage = 64
    private static let largestPage = 1_024

    private let index: RecordingIndex
    private var search: SessionSearch
    private let told: UnsettledRows?
    /// Of any other order, which has no place to go on from.
    private let statement: Statement?
    /// It stands on its first row.
    private var isOnFirst: Bool
    private var page: ArraySlice<SessionSummary> = []
    private var size = SessionCursor.firstPage
    private var isLast = false

    fileprivate init(
        _ index: RecordingIndex, _ search: SessionSearch, _ told: UnsettledRows?
    ) throws(RecordingIndexError) {
        self.index = index
        self.told = told
        self.search = search
        guard search.order.key != .start else {
            statement = nil
            isOnFirst = false
            return
        }
        (statement, isOnFirst) = try index.atOneMoment { () throws(RecordingIndexError) in
            let statement = try index.rows(of: search, "")
            return (statement, try index.guarded { () throws(DatabaseError) in try statement.step() })
        }
        isLast = !isOnFirst
    }

    deinit { statement?.reset() }

    /// The next session; nil behind the last, however often it is asked for.
    package func next() throws(RecordingIndexError) -> SessionSummary? {
        guard let statement else { return try nextOfPage() }
        return try index.guarded { () throws(DatabaseError) in
            // Another step would begin anew.
            while !isLast {
                if !isOnFirst, try !statement.step() { break }
                isOnFirst = false
                if let summary = session(statement) { return summary }
            }
            isLast = true
            return nil
        }
    }

    /// The session of a row; nil when it was told.
    private func session(_ statement: Statement) -> SessionSummary? {
        if let told, told.contains(statement.int64(0)) { return nil }
        return IndexSchema.session(statement)
    }

    private func nextOfPage() throws(RecordingIndexError) -> SessionSummary? {
        while page.isEmpty, !isLast {
            let wanted = size
            var count = 0
            var found: [SessionSummary] = []
            var last: (start: Int64, id: String)?
            try index.atOneMoment { () throws(RecordingIndexError) in
                let statement = try index.rows(of: search, " LIMIT \(size)")
                defer { statement.reset() }
                try index.guarded { () throws(DatabaseError) in
                    while try statement.step() {
                        count += 1
                        last = (statement.int64(3), statement.text(1) ?? "")
                        if let summary = session(statement) { found.append(summary) }
                    }
                }
            }
            page = found[...]
            isLast = count < wanted
            size = min(size * 4, Self.largestPage)
            if search.order.isDescending { search.before = last ?? search.before } else { search.after = last }
        }
        return page.popFirst()
    }
}

extension RecordingIndex {
    /// The index alone answers this filter, for settled sessions.
    package static func answers(_ filter: Expression?) -> Bool { SQLCondition(filter).isExact }

    /// Messages are in the index without their text: it was made by an earlier program, or by one that was told so.
    package var lacksTexts: Bool {
        get throws(RecordingIndexError) {
            try guarded { () throws(DatabaseError) in
                let statement = try database.prepare("SELECT 1 FROM meta WHERE name = 'untexted'")
                defer { statement.reset() }
                return try statement.step()
            }
        }
    }

    /// Settled sessions for which the filter holds, in order; where ``answers(_:)`` says no, there may be others among them.
    /// - Parameter told: Sessions that are left out: they were not settled a moment ago, and are told as such.
    package func settled(
        _ search: SessionSearch, besides told: UnsettledRows? = nil
    ) throws(RecordingIndexError) -> SessionCursor {
        try SessionCursor(self, search, told)
    }

    fileprivate func rows(of search: SessionSearch, _ rest: String) throws(RecordingIndexError) -> Statement {
        try prepare("SELECT \(Self.columns) FROM sessions s WHERE", search, " ORDER BY \(search.order.sql)\(rest)")
    }

    /// Asks several questions of the index as it is at one moment.
    package func atOnce<Value>(_ body: () throws -> Value) throws -> Value {
        try guarded { () throws(DatabaseError) in try database.execute("BEGIN") }
        defer { database.rollBack() }
        return try body()
    }

    /// Finds out which tables of words there are and asks them, before one of them goes.
    fileprivate func atOneMoment<Value>(
        _ body: () throws(RecordingIndexError) -> Value
    ) throws(RecordingIndexError) -> Value {
        if database.isInTransaction { return try body() }
        try guarded { () throws(DatabaseError) in try database.execute("BEGIN") }
        defer {
            // Who goes on reading keeps what there is at this moment.
            try? database.execute("COMMIT")
            database.rollBack()
        }
        return try body()
    }

    /// How many settled sessions there are for which the filter holds. Only where ``answers(_:)`` says yes.
    package func count(_ search: SessionSearch) throws(RecordingIndexError) -> Int {
        try atOneMoment { () throws(RecordingIndexError) in
            let statement = try prepare("SELECT count(*) FROM sessions s WHERE", search)
            defer { statement.reset() }
            return try guarded { () throws(DatabaseError) in try statement.step() ? statement.int(0) : 0 }
        }
    }

    /// The settled sessions for which the filter holds, by what they have in common. Only where ``answers(_:)`` says yes.
    package func groups(
        _ search: SessionSearch, by key: SessionGroup.Key
    ) throws(RecordingIndexError) -> [SessionGroup] {
        try atOneMoment { () throws(RecordingIndexError) in try groupsNow(search, by: key) }
    }

    private func groupsNow(
        _ search: SessionSearch, by key: SessionGroup.Key
    ) throws(RecordingIndexError) -> [SessionGroup] {
        let sums = "sum(s.messages), sum(s.violations), sum(s.client_bytes), sum(s.server_bytes)"
        let statement =
            switch key {
            case .command:
                // The messages and octets of a session are not those of one command; the greeting is none.
                try prepare(
                    """
                    SELECT x.command, count(DISTINCT s.row), count(*), 0, 0, 0, 0
                    FROM sessions s JOIN exchanges x ON x.session = s.row AND x.command != '' WHERE
                    """, search, " GROUP BY 1")
            case .finding:
                try prepare(
                    """
                    SELECT f.code, count(*), sum(s.exchanges), \(sums)
                    FROM sessions s JOIN findings f ON f.session = s.row WHERE
                    """, search, " GROUP BY 1")
            case .user, .client, .server, .route, .end, .hour, .mailProtocol:
                try prepare(
                    """
                    SELECT \(SessionGroup.column(key) ?? "''"), count(*), sum(s.exchanges), \(sums) FROM sessions s WHERE
                    """, search, " GROUP BY 1")
            }
        defer { statement.reset() }
        return try guarded { () throws(DatabaseError) in
            var found: [SessionGroup] = []
            while try statement.step() {
                var text = statement.text(0) ?? ""
                // Of `[v6]:port` the brackets are left.
                if key == .client, text.hasPrefix("["), text.hasSuffix("]") {
                    text = String(text.dropFirst().dropLast())
                }
                var group = SessionGroup(text)
                group.sessions = statement.int(1)
                group.exchanges = statement.int(2)
                group.messages = statement.int(3)
                group.violations = statement.int(4)
                group.clientBytes = statement.int(5)
                group.serverBytes = statement.int(6)
                found.append(group)
            }
            return found
        }
    }

    private static let columns = IndexSchema.sessionColumns.split { $0 == "," || $0.isWhitespace }
        .map { "s.\($0)" }.joined(separator: ", ")

    private func prepare(
        _ select: String, _ search: SessionSearch, _ rest: String = ""
    ) throws(RecordingIndexError) -> Statement {
        let condition = SQLCondition(search.filter)
        return try guarded { () throws(DatabaseError) in
            let span = search.span(search.text == nil ? [] : try IndexSchema.stretches(database))
            let statement = try database.prepare(
                "\(select) s.settled = 1 AND (\(condition.sql)) AND \(span.sql)\(rest)")
            for (index, value) in (condition.values + span.values).enumerated() {
                statement.bind(Int32(clamping: index + 1), value)
            }
            return statement
        }
    }
}
