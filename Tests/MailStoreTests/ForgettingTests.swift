// What retention removed is removed from the index, some sessions at a time, by the keys that the tables have.

import MailDialogue
import MailRecording
import Testing

@testable import MailStore

@Suite struct ForgettingTests {
    @Test func sessionsOfASegmentAreForgottenSomeAtATime() throws {
        let scratch = try RecorderScratch()
        try scratch.record((1...30).map { .smtp($0) }, key: .ephemeral()) { $0.segmentBytes = 1 << 20 }
        let path = scratch.path + "/" + RecordingDirectory.indexName
        try Database(path: path, .readWrite).execute(
            """
            UPDATE sessions SET findings = '["a","b"]' WHERE row <= 10;
            INSERT INTO findings SELECT value, row FROM sessions, json_each(findings) WHERE findings IS NOT NULL;
            INSERT INTO extents VALUES (3, 2, 0, 100, 200, 2)
            """)
        let index = try IndexWriter(path: path)
        #expect(!index.forget(segment: 1, most: 10, 0))
        #expect(!index.forget(segment: 1, most: 10, 0))
        index.commit(0)
        let reader = try RecordingIndex(directory: scratch.path)
        #expect(try reader.sessions().count == 11)
        #expect(index.forget(segment: 1, most: 10, 0))
        index.commit(0)
        // The one that goes on in another segment is left.
        let left = try reader.sessions()
        #expect(left.map(\.info.id) == [SampleSession.smtp(3).info.id])
        let database = try Database(path: path, .readOnly)
        for (table, count) in [("findings", 2), ("extents", 1), ("segments", 0)] {
            let statement = try database.prepare("SELECT count(*) FROM \(table)")
            #expect(try statement.step())
            #expect(statement.int(0) == count, "\(table)")
        }
        #expect(try reader.exchanges(of: SampleSession.smtp(2).info.id).isEmpty)
        #expect(try !reader.exchanges(of: SampleSession.smtp(3).info.id).isEmpty)
    }

    /// None of it looks at rows of others: with ten million sessions that would take minutes.
    @Test func nothingIsSearchedThrough() throws {
        let scratch = try RecorderScratch()
        let index = try IndexWriter(path: scratch.path + "/" + RecordingDirectory.indexName)
        index.prepareForgetting(0)
        index.commit(0)
        for sql in [
            "SELECT DISTINCT session FROM extents WHERE segment = 7 ORDER BY session LIMIT 200",
            "DELETE FROM extents WHERE segment = 7 AND session IN (SELECT session FROM temp.gone)",
            "DELETE FROM sessions WHERE row IN (SELECT session FROM temp.gone)",
            "DELETE FROM exchanges WHERE session IN (SELECT session FROM temp.gone)",
            """
            DELETE FROM findings WHERE (code, session) IN (SELECT value, row FROM sessions, json_each(sessions.findings)
            WHERE row IN (SELECT session FROM temp.gone) AND sessions.findings IS NOT NULL)
            """,
        ] {
            let plan = try index.database.prepare("EXPLAIN QUERY PLAN " + sql)
            var steps: [String] = []
            while try plan.step() { steps.append(plan.text(3) ?? "") }
            for table in ["extents", "sessions", "exchanges", "findings"] {
                #expect(!steps.contains { $0.hasPrefix("SCAN \(table)") }, "\(sql): \(steps)")
            }
        }
    }
}
