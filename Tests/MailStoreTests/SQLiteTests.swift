// The layer over SQLite: values there and back, errors as values, transactions.

import Glibc
import Testing

@testable import MailStore

@Suite struct SQLiteTests {
    @Test func valuesComeBack() throws {
        let scratch = try RecorderScratch()
        let database = try Database(path: scratch.path + "/x y?#%.sqlite", .readWrite)
        try database.execute("CREATE TABLE t (a INTEGER, b TEXT, c BLOB)")
        let insert = try database.prepare("INSERT INTO t VALUES (?, ?, ?)")
        let rows: [(Int64?, String?, [UInt8]?)] = [
            (Int64.min, "é\u{0}x", [0, 255]), (nil, nil, nil), (0, "", []),
            (Int64.max, "🙂", [UInt8](repeating: 7, count: 9_000)),
        ]
        for row in rows {
            insert.bind(1, row.0)
            insert.bind(2, row.1)
            insert.bind(3, row.2)
            try insert.run()
        }
        #expect(database.changes == 1)
        for access in [Database.Access.readOnly, .immutable] {
            let reader = try Database(path: database.path, access)
            let select = try reader.prepare("SELECT a, b, c FROM t ORDER BY rowid")
            for row in rows {
                try #require(try select.step())
                #expect(select.int64(0) == row.0 ?? 0)
                #expect(select.text(1) == row.1)
                #expect(select.blob(2) == row.2)
            }
            #expect(try !select.step())
            #expect(throws: DatabaseError.self) { try reader.execute("DELETE FROM t") }
        }
        let count = try database.prepare("SELECT count(*) FROM t WHERE a IS ?1 AND b IS ?2 AND c IS ?3")
        count.bind(1, .integer(Int64.max))
        count.bind(2, .text("🙂"))
        count.bind(3, .blob([UInt8](repeating: 7, count: 9_000)))
        #expect(try count.step())
        #expect(count.int(0) == 1)
        count.reset()
        count.bind(1, .null)
        #expect(try count.step())
        #expect(count.int(0) == 0)
    }

    @Test func errorsSaySomething() throws {
        let scratch = try RecorderScratch()
        let path = scratch.path + "/a.sqlite"
        #expect(kind { _ = try Database(path: path, .readOnly) } == .cannotOpen)
        let database = try Database(path: path, .readWrite)
        try database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        #expect(kind { try database.execute("NONSENSE") } == .other)
        #expect(kind { _ = try database.prepare("") } == .other)
        #expect(kind { try database.execute("INSERT INTO t VALUES (1), (1)") } == .constraint)
        do {
            try database.execute("SELECT b FROM t")
        } catch {
            #expect(error.description == "\(path): no such column: b (SQLite 1)")
        }
        try RecorderScratch.write([UInt8](repeating: 0x41, count: 4_096), to: scratch.path + "/garbage")
        #expect(
            kind { try Database(path: scratch.path + "/garbage", .readOnly).execute("SELECT * FROM t") } == .corrupt)
        let other = try Database(path: path, .readWrite, busyTimeout: 0)
        try database.execute("BEGIN IMMEDIATE")
        #expect(kind { try other.execute("BEGIN IMMEDIATE") } == .busy)
        database.rollBack()
        database.rollBack()
        try other.execute("BEGIN IMMEDIATE; COMMIT")
    }

    @Test func transactionsAreWholeOrNothing() throws {
        let scratch = try RecorderScratch()
        let database = try Database(path: scratch.path + "/a.sqlite", .readWrite)
        try database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY); PRAGMA user_version = 7")
        #expect(try database.schemaVersion() == 7)
        #expect(
            kind {
                try database.transaction { () throws(DatabaseError) in
                    try database.execute("INSERT INTO t VALUES (1)")
                    try database.execute("INSERT INTO t VALUES (1)")
                }
            } == .constraint)
        let count = try database.prepare("SELECT count(*) FROM t")
        #expect(try count.step())
        #expect(count.int64(0) == 0)
        count.reset()
        try database.transaction { () throws(DatabaseError) in try database.execute("INSERT INTO t VALUES (1)") }
        #expect(try count.step())
        #expect(count.int64(0) == 1)
    }

    private func kind(_ body: () throws -> Void) -> DatabaseError.Kind? {
        do {
            try body()
            return nil
        } catch {
            return (error as? DatabaseError)?.kind
        }
    }
}
