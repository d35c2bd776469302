// Reading the index of a recording, also while a recorder writes it.

import CLinux
import Glibc
import MailRecording

/// Why an index cannot be read. The segments can be read without it.
package enum RecordingIndexError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The directory has none.
    case missing(path: String)
    /// It is damaged, or no index at all.
    case broken(path: String, reason: String)
    /// It was made by another version of this program.
    case otherVersion(path: String, version: Int64)
    /// It could not be opened or read.
    case failed(DatabaseError)
    /// More than one session begins like this.
    case ambiguous(prefix: String, ids: [String])

    package var description: String {
        switch self {
        case .missing(let path): "\(path): there is no index"
        case .broken(let path, let reason): "\(path): the index is damaged: \(reason)"
        case .otherVersion(let path, let version):
            "\(path): the index has version \(version), this program knows \(IndexSchema.version)"
                + (version < IndexSchema.version
                    ? "; 'mailproxy sessions reindex' brings it up to date"
                    : "; a newer one made it, and 'mailproxy sessions reindex' makes one for this")
        case .failed(let error): "the index cannot be read: \(error)"
        case .ambiguous(let prefix, let ids):
            "more than one session begins with \(prefix): \(ids.joined(separator: ", "))"
        }
    }

    init(_ error: DatabaseError) {
        switch error.kind {
        case .corrupt: self = .broken(path: error.path, reason: error.message)
        case .busy, .full, .cannotOpen, .inputOutput, .constraint, .other: self = .failed(error)
        }
    }
}

/// The index of a recording, read-only. One thread uses it at a time.
package final class RecordingIndex {
    /// In which order sessions are listed.
    package enum Order: String, Sendable {
        case oldestFirst = "start, row"
        case newestFirst = "start DESC, row DESC"
    }

    /// Where the octets of a leg of a session are.
    package struct Place: Equatable, Sendable {
        /// The segment's file.
        package var path: String
        package var extent: Extent
    }

    /// The directory of the recording.
    package let directory: String
    let database: Database
    /// Nobody records: what is still open in the index was left so by a process that was killed.
    package let isAbandoned: Bool

    /// Opens the index of a directory.
    package init(directory: String) throws(RecordingIndexError) {
        self.directory = directory
        isAbandoned = !RecordingDirectory.isRecording(directory)
        let path = directory + "/" + RecordingDirectory.indexName
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR { throw .missing(path: path) }
            throw .failed(DatabaseError(code: 14, message: System.text(code), path: path))
        }
        // The recorder makes an empty file an instant before it is an index.
        if status.st_size == 0 { throw .missing(path: path) }
        let (database, version) = try Self.open(path)
        self.database = database
        if version == 0 { throw .broken(path: path, reason: "it has none of our tables") }
        if version != IndexSchema.version { throw .otherVersion(path: path, version: version) }
    }

    private static func open(_ path: String) throws(RecordingIndexError) -> (Database, Int64) {
        do throws(DatabaseError) {
            do throws(DatabaseError) {
                return try connect(path, .readOnly)
            } catch {
                guard error.kind == .cannotOpen || error.kind == .inputOutput else { throw error }
                // On a medium that cannot be written SQLite lacks its shared memory; nobody else writes there either.
                return try connect(path, .immutable)
            }
        } catch {
            throw RecordingIndexError(error)
        }
    }

    private static func connect(
        _ path: String, _ access: Database.Access
    ) throws(DatabaseError) -> (Database, Int64) {
        let database = try Database(path: path, access)
        return (database, try database.schemaVersion())
    }

    /// Rows may be missing: SQLite failed while recording went on, or fails now, the index was made anew, or the recorder was killed
    /// and the index is behind the segments.
    package var isIncomplete: Bool {
        get throws(RecordingIndexError) {
            try guarded { () throws(DatabaseError) in
                let isBehind = isAbandoned ? " UNION ALL SELECT 1 FROM segments WHERE closed IS NULL" : ""
                let statement = try database.prepare("SELECT 1 FROM meta WHERE name = 'incomplete'\(isBehind)")
                defer { statement.reset() }
                if try statement.step() { return true }
                return isAbandoned ? try lacksSegment() : RecordingDirectory.isIndexBehind(directory)
            }
        }
    }

    /// A segment was begun of which the index never heard: the recorder was killed before its first commit.
    private func lacksSegment() throws(DatabaseError) -> Bool {
        let statement = try database.prepare("SELECT number FROM segments")
        defer { statement.reset() }
        var known: Set<Int> = []
        while try statement.step() { known.insert(statement.int(0)) }
        return RecordingDirectory.segments(in: directory).contains { !known.contains($0.number) }
    }

    /// Sessions.
    /// - Parameters:
    ///   - condition: an SQL condition on the columns of `sessions` with `?` for `values`; never made of outside text.
    ///   - limit: how many to give at most, counted after `isIncluded`.
    ///   - isIncluded: a further condition.
    package func sessions(
        where condition: String? = nil, _ values: [DatabaseValue] = [], order: Order = .oldestFirst, limit: Int? = nil,
        including isIncluded: (SessionSummary) -> Bool = { _ in true }
    ) throws(RecordingIndexError) -> [SessionSummary] {
        try guarded { () throws(DatabaseError) in
            let filter = condition.map { " WHERE \($0)" } ?? ""
            let statement = try database.prepare(
                "SELECT \(IndexSchema.sessionColumns) FROM sessions\(filter) ORDER BY \(order.rawValue)")
            defer { statement.reset() }
            for (index, value) in values.enumerated() { statement.bind(Int32(clamping: index + 1), value) }
            var found: [SessionSummary] = []
            while found.count < limit ?? Int.max, try statement.step() {
                guard var summary = IndexSchema.session(statement) else { continue }
                if isAbandoned, summary.end == .open { summary.end = .lost }
                if isIncluded(summary) { found.append(summary) }
            }
            return found
        }
    }

    /// The session with this id, or the only one whose id begins so. Nil when there is none.
    package func session(_ id: String) throws(RecordingIndexError) -> SessionSummary? {
        if let exact = try sessions(where: "id = ?", [.text(id)]).first { return exact }
        guard !id.isEmpty else { return nil }
        // Ids are ASCII; U+10FFFF sorts behind whatever follows the prefix.
        let found = try sessions(where: "id >= ? AND id < ?", [.text(id), .text(id + "\u{10FFFF}")], limit: 6)
        if found.count > 1 { throw .ambiguous(prefix: id, ids: found.map(\.info.id)) }
        return found.first
    }

    /// Ids of sessions that have ended and whose exchanges and messages are not in the index yet.
    package var unread: Set<String> {
        get throws(RecordingIndexError) {
            try guarded { () throws(DatabaseError) in
                let statement = try database.prepare(
                    "SELECT id FROM unread JOIN sessions ON sessions.row = unread.session")
                defer { statement.reset() }
                var found: Set<String> = []
                while try statement.step() { found.insert(statement.text(0) ?? "") }
                return found
            }
        }
    }

    /// The exchanges of a session in order.
    package func exchanges(of id: String) throws(RecordingIndexError) -> [Exchange] {
        try rows("exchanges", IndexSchema.exchangeColumns, "number", id) { IndexSchema.exchange($0) }
    }

    /// The messages of a session in order.
    package func messages(of id: String) throws(RecordingIndexError) -> [MessageRecord] {
        try rows("messages", IndexSchema.messageColumns, "number", id) { IndexSchema.message($0) }
    }

    /// The credentials of a session in order.
    package func credentials(of id: String) throws(RecordingIndexError) -> [CredentialRecord] {
        try rows("credentials", IndexSchema.credentialColumns, "number", id) { IndexSchema.credential($0) }
    }

    /// Where the packets of a session are, by leg and then by segment.
    package func extents(of id: String) throws(RecordingIndexError) -> [Place] {
        let columns = "segment, leg, first, last, packets, (SELECT name FROM segments WHERE number = segment)"
        return try rows("extents", columns, "leg, segment", id) { row in
            guard let name = row.text(5), let leg = Leg(rawValue: UInt8(clamping: row.int64(1))) else { return nil }
            let extent = Extent(
                segment: row.int(0), leg: leg, first: row.int64(2), end: row.int64(3), packets: row.int(4))
            return Place(path: directory + "/" + name, extent: extent)
        }
    }

    private func rows<Row>(
        _ table: String, _ columns: String, _ order: String, _ id: String, _ make: (Statement) -> Row?
    ) throws(RecordingIndexError) -> [Row] {
        try guarded { () throws(DatabaseError) in
            let statement = try database.prepare(
                """
                SELECT \(columns) FROM \(table) WHERE session = (SELECT row FROM sessions WHERE id = ?)
                ORDER BY \(order)
                """
            )
            defer { statement.reset() }
            statement.bind(1, id)
            var found: [Row] = []
            while try statement.step() {
                if let row = make(statement) { found.append(row) }
            }
            return found
        }
    }

    func guarded<Value>(_ body: () throws(DatabaseError) -> Value) throws(RecordingIndexError) -> Value {
        do throws(DatabaseError) {
            return try body()
        } catch {
            throw RecordingIndexError(error)
        }
    }
}
