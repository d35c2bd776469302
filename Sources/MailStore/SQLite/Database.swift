// A connection to an SQLite database. Not Sendable: one connection belongs to one thread at a time.

import CSQLite

/// A connection to an SQLite database, closed when nobody holds it or a statement of it any more.
package final class Database {
    /// What the connection may do.
    package enum Access: Sendable {
        /// Reads only; the file must exist.
        case readOnly
        /// Reads a file that nobody can be writing, on a medium where not even SQLite's own helper files can be made.
        case immutable
        /// Reads and writes; the file is made when it is missing.
        case readWrite
    }

    /// Done once, before the first connection. Should SQLite have been started already, it stays as it is.
    private static let isConfigured = mp_sqlite_configure() == SQLITE_OK

    /// The file.
    package let path: String
    let handle: OpaquePointer

    /// Opens `path`.
    /// - Parameter busyTimeout: milliseconds to wait for another connection's lock.
    package init(path: String, _ access: Access, busyTimeout: Int32 = 5_000) throws(DatabaseError) {
        self.path = path
        _ = Self.isConfigured
        let flags: Int32
        var name = path
        switch access {
        case .readOnly: flags = SQLITE_OPEN_READONLY
        case .immutable:
            flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            name = "file:" + Self.escaped(path) + "?immutable=1"
        case .readWrite: flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        }
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard let opened else { throw DatabaseError(code: code, message: "out of memory", path: path) }
        guard code == SQLITE_OK else {
            let error = DatabaseError(
                code: sqlite3_extended_errcode(opened), message: String(cString: sqlite3_errmsg(opened)), path: path)
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
        sqlite3_extended_result_codes(opened, 1)
        sqlite3_busy_timeout(opened, busyTimeout)
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs statements that give no rows, separated by semicolons.
    package func execute(_ sql: String) throws(DatabaseError) {
        try check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// Prepares a statement; keep it to run it again.
    package func prepare(_ sql: String) throws(DatabaseError) -> Statement {
        try Statement(self, sql)
    }

    /// Runs `body` in a transaction that is rolled back when it throws.
    package func transaction(_ body: () throws(DatabaseError) -> Void) throws(DatabaseError) {
        try execute("BEGIN IMMEDIATE")
        do {
            try body()
            try execute("COMMIT")
        } catch {
            rollBack()
            throw error
        }
    }

    /// A transaction is open.
    package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Ends a transaction, if there is one, without keeping anything of it.
    package func rollBack() {
        if isInTransaction { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    }

    /// The version of the schema, `PRAGMA user_version`.
    package func schemaVersion() throws(DatabaseError) -> Int64 {
        let statement = try prepare("PRAGMA user_version")
        return try statement.step() ? statement.int64(0) : 0
    }

    /// Rows that the last statement changed.
    package var changes: Int { Int(sqlite3_changes(handle)) }

    func check(_ code: Int32) throws(DatabaseError) {
        guard code == SQLITE_OK else { throw failure() }
    }

    func failure() -> DatabaseError {
        DatabaseError(
            code: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)), path: path)
    }

    /// A path as part of a URI (https://www.sqlite.org/uri.html).
    private static func escaped(_ path: String) -> String {
        var out = ""
        for octet in path.utf8 {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                out.unicodeScalars.append(Unicode.Scalar(octet))
            default:
                let digits = String(octet, radix: 16)
                out += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }
        }
        return out
    }
}
