// Sessions that are not settled: they go on, or their rows are not all in the index yet. Under a load that goes on they are most of all there
// are, so no more than a page of them is in memory, and a number for each.

import MailRecording

/// The rows of the sessions that were not settled at one moment.
package struct UnsettledRows: Sendable {
    /// In the order of the starts of their sessions.
    private let ordered: [Int64]
    private let sorted: [Int64]

    fileprivate init(_ rows: [Int64]) {
        ordered = rows
        // A row is given to a session when it begins: nearly always these are in order already.
        sorted = zip(rows, rows.dropFirst()).allSatisfy(<) ? rows : rows.sorted()
    }

    package var count: Int { ordered.count }

    /// The row is among them.
    func contains(_ row: Int64) -> Bool {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = low + (high - low) / 2
            if sorted[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low] == row
    }

    fileprivate func page(_ first: Int, _ count: Int) -> ArraySlice<Int64> {
        ordered[min(first, ordered.count)...].prefix(count)
    }
}

/// What the index lacks of a session.
package enum MissingRows: Sendable {
    /// Its exchanges and messages.
    case rows
    /// Its counts as well: it was recorded when a recorder was killed.
    case all
}

extension RecordingIndex {
    /// The sessions that are not settled, in the time that is asked for, whatever the filter says of them.
    package func unsettled(_ search: SessionSearch) throws(RecordingIndexError) -> UnsettledRows {
        let direction = search.order.key == .start && search.order.isDescending ? " DESC" : ""
        var rows: [Int64] = []
        try guarded { () throws(DatabaseError) in
            let statement = try database.prepare(
                """
                SELECT row FROM sessions WHERE settled = 0 AND start >= ? AND start < ? AND start <= ?
                ORDER BY start\(direction)
                """)
            defer { statement.reset() }
            statement.bind(1, search.since ?? Int64.min)
            statement.bind(2, search.until ?? Int64.max)
            statement.bind(3, search.before?.start ?? Int64.max)
            while try statement.step() { rows.append(statement.int64(0)) }
        }
        return UnsettledRows(rows)
    }

    /// Some of these sessions as they are now, settled or not, in the order that is asked for.
    /// - Parameters:
    ///   - first: The number of sessions of them that were taken before. It is moved behind those that are given.
    ///   - count: How many are wanted; those that began in the same microsecond come together, so that it may be more.
    package func sessions(
        _ rows: UnsettledRows, from first: inout Int, count: Int, _ search: SessionSearch
    ) throws(RecordingIndexError) -> [SessionSummary] {
        var found = try sessions(rows.page(first, count))
        first += count
        while let start = found.last?.info.start {
            let next = try sessions(rows.page(first, 1))
            guard first < rows.count, next.isEmpty || next[0].info.start == start else { break }
            found += next
            first += 1
        }
        found.removeAll { !search.isWithin($0) }
        guard search.order.key == .start else { return found }
        return found.sorted(by: search.order.precedes)
    }

    /// Sessions by their rows, in their order.
    private func sessions(_ rows: ArraySlice<Int64>) throws(RecordingIndexError) -> [SessionSummary] {
        var found: [Int64: SessionSummary] = [:]
        for summary in try numbered(
            "row IN (SELECT value FROM json_each(?))",
            .text("[" + rows.map(String.init).joined(separator: ",") + "]"))
        {
            found[summary.row] = summary.summary
        }
        return rows.compactMap { found[$0] }
    }

    private func numbered(
        _ condition: String, _ value: DatabaseValue
    ) throws(RecordingIndexError) -> [(row: Int64, summary: SessionSummary)] {
        try guarded { () throws(DatabaseError) in
            let statement = try database.prepare(
                "SELECT \(IndexSchema.sessionColumns) FROM sessions WHERE \(condition)")
            defer { statement.reset() }
            statement.bind(1, value)
            var found: [(row: Int64, summary: SessionSummary)] = []
            while try statement.step() {
                guard var summary = IndexSchema.session(statement) else { continue }
                if isAbandoned, summary.end == .open { summary.end = .lost }
                found.append((statement.int64(0), summary))
            }
            return found
        }
    }

    /// What the index lacks of these sessions; nothing of those that are not there.
    package func missing(of ids: [String]) throws(RecordingIndexError) -> [String: MissingRows] {
        try guarded { () throws(DatabaseError) in
            let statement = try database.prepare(
                """
                SELECT s.id, u.behind FROM sessions s JOIN unread u ON u.session = s.row
                WHERE s.id IN (SELECT value FROM json_each(?))
                """)
            defer { statement.reset() }
            // Ids are letters and digits.
            statement.bind(1, "[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]")
            var found: [String: MissingRows] = [:]
            while try statement.step() { found[statement.text(0) ?? ""] = statement.int64(1) == 0 ? .rows : .all }
            return found
        }
    }
}
