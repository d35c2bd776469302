// A prepared statement: bind, step, read columns. Parameters count from 1, columns from 0, as in SQLite.

import CSQLite

/// A value that is bound to a parameter or read from a column.
package enum DatabaseValue: Equatable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

/// A prepared statement. It keeps its database open.
package final class Statement {
    private let database: Database
    private let handle: OpaquePointer

    init(_ database: Database, _ sql: String) throws(DatabaseError) {
        self.database = database
        var prepared: OpaquePointer?
        try database.check(
            sqlite3_prepare_v3(database.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil))
        guard let prepared else {
            throw DatabaseError(code: SQLITE_MISUSE, message: "the statement is empty", path: database.path)
        }
        handle = prepared
    }

    deinit { sqlite3_finalize(handle) }

    /// Binds an integer; nil is NULL. Errors show when the statement runs: a parameter that does not exist stays NULL.
    package func bind(_ index: Int32, _ value: Int64?) {
        if let value { sqlite3_bind_int64(handle, index, value) } else { sqlite3_bind_null(handle, index) }
    }

    /// Binds an integer.
    package func bind(_ index: Int32, _ value: Int) { sqlite3_bind_int64(handle, index, Int64(value)) }

    /// Binds a text; nil is NULL.
    package func bind(_ index: Int32, _ value: String?) {
        guard var value else {
            sqlite3_bind_null(handle, index)
            return
        }
        value.withUTF8 { utf8 in
            // An empty buffer may have no address, which SQLite would take for NULL.
            if let base = utf8.baseAddress, !utf8.isEmpty {
                _ = base.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
                    mp_sqlite_bind_text(handle, index, $0, Int32(clamping: utf8.count))
                }
            } else {
                _ = mp_sqlite_bind_text(handle, index, "", 0)
            }
        }
    }

    /// Binds octets; nil is NULL.
    package func bind(_ index: Int32, _ value: [UInt8]?) {
        guard let value else {
            sqlite3_bind_null(handle, index)
            return
        }
        value.withUnsafeBytes { octets in
            if let base = octets.baseAddress, !octets.isEmpty {
                _ = mp_sqlite_bind_blob(handle, index, base, Int32(clamping: octets.count))
            } else {
                sqlite3_bind_zeroblob(handle, index, 0)
            }
        }
    }

    /// Binds a value of any kind.
    package func bind(_ index: Int32, _ value: DatabaseValue) {
        switch value {
        case .null: sqlite3_bind_null(handle, index)
        case .integer(let value): bind(index, value)
        case .text(let text): bind(index, text)
        case .blob(let octets): bind(index, octets)
        }
    }

    /// Goes to the next row. False when there is none; then the statement is ready to be bound and run again.
    package func step() throws(DatabaseError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            sqlite3_reset(handle)
            return false
        default:
            let error = database.failure()
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Runs a statement that gives no rows.
    package func run() throws(DatabaseError) {
        if try step() { reset() }
    }

    /// Makes the statement ready to be bound and run again.
    package func reset() { sqlite3_reset(handle) }

    /// The integer in a column; 0 for NULL.
    package func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// The integer in a column; nil for NULL.
    package func integer(_ column: Int32) -> Int64? {
        sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : int64(column)
    }

    /// The integer in a column, cut to what fits.
    package func int(_ column: Int32) -> Int { Int(clamping: int64(column)) }

    /// The text in a column; nil for NULL.
    package func text(_ column: Int32) -> String? {
        guard let octets = sqlite3_column_text(handle, column) else { return nil }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: octets, count: count), as: UTF8.self)
    }

    /// The octets in a column; nil for NULL, and empty for an empty blob.
    package func blob(_ column: Int32) -> [UInt8]? {
        guard sqlite3_column_type(handle, column) != SQLITE_NULL else { return nil }
        guard let octets = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: octets, count: Int(sqlite3_column_bytes(handle, column))))
    }
}
