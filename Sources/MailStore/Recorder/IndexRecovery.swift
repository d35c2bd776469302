// Brings the index of a directory up to date before a recorder writes to it: sessions that a killed process left open
// are lost, and segments that were not closed in order are read for what the index had not heard of.

import CLinux
import Glibc
import MailCompression
import MailRecording

/// Opens and repairs indexes.
package enum IndexRecovery {
    /// What was found.
    package struct Result: Equatable, Sendable {
        /// Sessions that were open in the index and have no end in the segments.
        package var lostSessions = 0
        /// Sessions of which only the segments knew.
        package var addedSessions = 0
        /// Segments that were read.
        package var scannedSegments = 0
        /// The index was damaged and was made anew; the damaged one lies beside it.
        package var isRebuilt = false

        package init() {}
    }

    /// Opens the index of a directory whose lock the caller holds.
    static func open(
        _ directory: String, readsRows: Bool, log: (String) -> Void
    ) throws(RecorderError) -> (IndexWriter, Result) {
        let path = directory + "/" + RecordingDirectory.indexName
        // SQLite would make the file with the mode of the umask; its helper files take after it.
        let made = mp_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard made >= 0 else { throw .failed(action: "open the index", path: path, reason: System.text(errno)) }
        Glibc.close(made)
        // What somebody left who was killed while making the index anew.
        removeDraft(of: path)
        var result = Result()
        let index: IndexWriter
        do {
            let found = try IndexWriter(path: path)
            try check(found)
            index = found
        } catch {
            guard error.kind == .corrupt else { throw .index(error) }
            // The segments hold all of it.
            let aside = path + ".damaged-" + Timestamp.fileName(System.wallClock())
            log("\(path) is damaged and was moved to \(aside): \(error.message)")
            for suffix in ["", "-wal", "-shm"] { rename(path + suffix, aside + suffix) }
            result.isRebuilt = true
            do {
                index = try IndexWriter(path: path)
                index.execute(markIncomplete, System.monotonicClock())
            } catch { throw .index(error) }
            chmod(path, 0o600)
        }
        do {
            try update(index, directory, readsRows: readsRows, &result, log: log)
        } catch let error as DatabaseError {
            throw .index(error)
        } catch let error as RecorderError {
            throw error
        } catch {
            throw .failed(action: "update the index", path: path, reason: "\(error)")
        }
        return (index, result)
    }

    private static let draftSuffix = ".new"

    private static func removeDraft(of path: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(path + draftSuffix + suffix) }
    }

    /// Is the file sound? Asked only when the last writer did not come to its end, as it takes a while for a large
    /// index.
    private static func check(_ index: IndexWriter) throws(DatabaseError) {
        let unclosed = try index.database.prepare("SELECT 1 FROM segments WHERE closed IS NULL LIMIT 1")
        guard try unclosed.step() else { return }
        unclosed.reset()
        let check = try index.database.prepare("PRAGMA quick_check(1)")
        guard try check.step() else { return }
        let verdict = check.text(0) ?? ""
        check.reset()
        if verdict != "ok" { throw DatabaseError(code: 11, message: verdict, path: index.database.path) }
    }

    private static func update(
        _ index: IndexWriter, _ directory: String, readsRows: Bool, _ result: inout Result,
        scanned: (String) -> Void = { _ in }, log: (String) -> Void
    ) throws {
        let now = System.monotonicClock()
        let known = try index.database.prepare(
            "SELECT ifnull(bytes, -1) FROM segments WHERE number = ? AND closed IS NOT NULL")
        for (number, name) in RecordingDirectory.segments(in: directory) {
            let path = directory + "/" + name
            known.bind(1, number)
            let octets = try known.step() ? known.int64(0) : nil
            known.reset()
            var isThinned = false
            if let octets {
                // Whoever took sessions out of it was killed before the index heard of it.
                isThinned = octets >= 0 && (try? PackedFile(path: path))?.plainSize.map { $0 < Int(octets) } ?? false
                if !isThinned { continue }
                index.forgetPlaces(inSegment: number, now)
            }
            let scan: SegmentScan
            do {
                scan = try SegmentScan(path: path, number: number)
            } catch {
                // One bad segment must not keep mail from being recorded; it is tried again next time.
                log("\(error)")
                continue
            }
            scanned(path)
            if let damage = scan.damage { log("\(path): \(damage)") }
            result.scannedSegments += 1
            var isBehind = false
            for session in scan.sessions {
                let (found, row) = try merge(session, index, now)
                switch found {
                case .added: result.addedSessions += 1
                case .completed: break
                case .known: continue
                }
                isBehind = true
                index.markBehind(session: row, now)
            }
            // What the exchanges of these sessions were, only those can say who follow dialogues.
            if isBehind, !readsRows { index.execute(markIncomplete, now) }
            if isThinned { index.forgetOrphans(now) }
            let opened = scan.sessions.first?.info.start ?? System.wallClock()
            index.saveSegment(number, name: name, opened: opened, closed: System.wallClock(), bytes: scan.bytes, now)
        }
        index.planTexts(now)
        // Whoever was killed had yet to read them.
        index.execute("INSERT OR REPLACE INTO unread SELECT row, 1 FROM sessions WHERE end = 'open'", now)
        index.execute("UPDATE sessions SET end = 'lost' WHERE end = 'open'", now)
        result.lostSessions = index.database.changes
        index.commit(now)
        if let failure = index.failure { throw failure }
    }

    private static let markIncomplete = "INSERT OR REPLACE INTO meta VALUES ('incomplete', 1)"

    /// What the index had of a session.
    enum Merge { case known, completed, added }

    /// Puts a session of a scanned segment into the index; gives its row, too.
    static func merge(_ session: SegmentScan.Session, _ index: IndexWriter, _ now: Int64) throws(DatabaseError)
        -> (Merge, row: Int64)
    {
        let find = try index.database.prepare("SELECT \(IndexSchema.sessionColumns) FROM sessions WHERE id = ?")
        find.bind(1, session.info.id)
        let isKnown = try find.step()
        let row = isKnown ? find.int64(0) : index.takeRow()
        var summary =
            isKnown
            ? IndexSchema.session(find) ?? SessionSummary(info: session.info) : SessionSummary(info: session.info)
        find.reset()
        if !isKnown { summary.end = .lost }
        let isBehind = summary.last < session.last || summary.end == .open && session.closing != nil
        summary.last = max(summary.last, session.last)
        summary.clientBytes = max(summary.clientBytes, session.clientBytes)
        summary.serverBytes = max(summary.serverBytes, session.serverBytes)
        if let closing = session.closing {
            summary.end = closing.end
            summary.user = closing.user ?? summary.user
            summary.tags = closing.tags
            summary.opaque = closing.opaque
            summary.exchanges = max(summary.exchanges, closing.exchanges)
            summary.gaps = max(summary.gaps, closing.gaps)
            summary.findings = Set(summary.findings).union(closing.doubts.map(\.kind.code)).sorted()
        }
        index.save(summary, row: row, now)
        for extent in session.extents.values { index.save(extent, session: row, now) }
        return (isKnown ? isBehind ? .completed : .known : .added, row)
    }

    /// Makes the index anew from nothing but the segments. The directory must have no recorder.
    /// - Parameters:
    ///   - follow: reads segments (their paths, in order) as any capture, and gives what it finds: exchanges,
    ///   messages, credentials and ends of sessions. Reading a recording is the work of those who read captures;
    ///   places, addresses and sizes are found here.
    ///   - keepsText: messages are given with their text.
    ///   - scanned: told the path of each segment of which places, addresses and sizes are known now.
    package static func rebuild(
        _ directory: String, keepsText: Bool = true, scanned: (_ path: String) -> Void = { _ in },
        following follow: (_ segments: [String], _ emit: (RecordEvent) -> Void) throws -> Void
    ) throws {
        let lock = try RecordingDirectory.lock(directory)
        defer { RecordingDirectory.unlock(lock) }
        let path = directory + "/" + RecordingDirectory.indexName
        let fresh = path + draftSuffix
        removeDraft(of: path)
        let made = mp_open(fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        guard made >= 0 else {
            throw RecorderError.failed(action: "make the index", path: fresh, reason: System.text(errno))
        }
        Glibc.close(made)
        let segments = RecordingDirectory.segments(in: directory).map { directory + "/" + $0.name }
        try fill(fresh, directory, segments, keepsText, scanned, follow)
        let code = System.sync(path: fresh)
        guard code == 0 else {
            throw RecorderError.failed(action: "write the index", path: fresh, reason: System.text(code))
        }
        // The old index has no journal any more when the new one takes its place: SQLite would take it for the new one's.
        try? Database(path: path, .readWrite).execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
        for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
        guard rename(fresh, path) == 0 else {
            throw RecorderError.failed(action: "replace the index", path: path, reason: System.text(errno))
        }
        System.syncDirectory(directory)
    }

    private static func fill(
        _ path: String, _ directory: String, _ segments: [String], _ keepsText: Bool, _ scanned: (String) -> Void,
        _ follow: (_ segments: [String], _ emit: (RecordEvent) -> Void) throws -> Void
    ) throws {
        let index = try IndexWriter(path: path, isDraft: true)
        if !keepsText { index.markUntexted(System.monotonicClock()) }
        var result = Result()
        try update(index, directory, readsRows: true, &result, scanned: scanned) { _ in }
        try DraftRows(index).write(of: segments, following: follow)
        index.execute("DELETE FROM meta WHERE name = 'incomplete'", System.monotonicClock())
        index.execute("DELETE FROM unread", System.monotonicClock())
        index.commit(System.monotonicClock())
        try index.publish()
    }
}
