// kill -9: a segment cut anywhere reads up to its last whole block, and the index catches up when the directory is
// opened again.

import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

@Suite struct RecorderRecoveryTests {
    /// A directory as a killed process leaves it: the index ends before the sessions do, the segment has no end.
    private func killed(_ samples: [SampleSession]) throws -> (RecorderScratch, [UInt8], String) {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        for sample in samples { recorder.append(sample.events) }
        recorder.close()
        let path = try #require(scratch.segments.first)
        let database = try Database(path: scratch.path + "/index.sqlite", .readWrite)
        try database.execute("UPDATE segments SET closed = NULL, bytes = NULL")
        return (scratch, try RecorderScratch.contents(path), path)
    }

    @Test func everyCutOfTheLast4KiBReads() throws {
        let samples = (1...6).map { SampleSession.smtp($0) }
        let (_, octets, _) = try killed(samples)
        let whole = try records(octets)
        #expect(whole.count > 6 * 15)
        var last = 0
        for cut in (octets.count - 4_096)...octets.count {
            let read = try records(Array(octets[..<cut]))
            guard read.count >= last, whole.starts(with: read) else {
                Issue.record("cut at \(cut): \(read.count) packets after \(last), or other packets")
                return
            }
            last = read.count
        }
        #expect(last == whole.count)
        for cut in [octets.count - 4_096, octets.count - 1_000, octets.count - 1] {
            let read = try RecordedStreams(octets: Array(octets[..<cut]))
            #expect(read.holes == 0)
            for sample in samples {
                #expect(sample.stream(.client).starts(with: read.clientOctets[sample.info.id] ?? []))
            }
        }
    }

    private func records(_ octets: [UInt8]) throws -> [CaptureRecord] {
        var reader = CaptureFileReader()
        reader.feed(octets)
        var records: [CaptureRecord] = []
        while let record = try reader.next() { records.append(record) }
        return records
    }

    @Test func theIndexCatchesUp() throws {
        let samples = (1...5).map { SampleSession.imap($0) }
        let (scratch, octets, path) = try killed(samples)
        // The index has not heard of sessions 4 and 5, has 2 as open although it ended, and 3 as it was at its start;
        // the file ends within the last packets of 5.
        let database = try Database(path: scratch.path + "/index.sqlite", .readWrite)
        let ids = samples.map(\.info.id)
        try database.execute("DELETE FROM sessions WHERE id IN ('\(ids[3])', '\(ids[4])')")
        try database.execute("UPDATE sessions SET end = 'open' WHERE id = '\(ids[1])'")
        try database.execute("UPDATE sessions SET end = 'open', client_bytes = 0, last = start WHERE id = '\(ids[2])'")
        try RecorderScratch.write(octets.dropLast(700), to: path)
        // A session of an earlier segment that has no end anywhere.
        try database.execute(
            """
            INSERT INTO sessions VALUES (99, 'earlier', 'smtp', 1, 1, '192.0.2.1:1', '192.0.2.2:25', NULL, '', NULL,
            0, 0, 0, 0, NULL, 0, 0, 'open', NULL, 0, NULL, NULL, NULL, 0)
            """)

        // Before a recorder comes readers are told.
        let left = try RecordingIndex(directory: scratch.path)
        #expect(try left.isIncomplete)
        #expect(try left.session("earlier")?.end == .lost)

        let recorder = try Recorder(.init(directory: scratch.path))
        #expect(recorder.recovery.scannedSegments == 1)
        #expect(recorder.recovery.addedSessions == 2)
        #expect(recorder.recovery.lostSessions == 1)
        #expect(!recorder.recovery.isRebuilt)
        recorder.append(SampleSession.pop3(7).events)
        recorder.close()

        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.isIncomplete)
        #expect(try index.session("earlier")?.end == .lost)
        for sample in samples.prefix(4) {
            let found = try #require(try index.session(sample.info.id))
            #expect(found.end == .closed)
            #expect(found.clientBytes == sample.stream(.client).count)
            #expect(found.serverBytes == sample.stream(.server).count)
            #expect(found.info == sample.info)
            #expect(found.last == sample.summary.last)
        }
        let cut = try #require(try index.session(ids[4]))
        #expect(cut.end == .lost)
        let places = try index.extents(of: ids[3])
        #expect(places.map(\.path) == [path])
        let extent = try #require(places.first?.extent)
        let alone = try RecordedStreams(
            octets: PcapngWriter.recordingHeader(application: "test") + octets[Int(extent.first)..<Int(extent.end)])
        #expect(alone.clientOctets[ids[3]] == samples[3].stream(.client))
        #expect(RecordingDirectory.segments(in: scratch.path).map(\.number) == [1, 2])

        let again = try Recorder(.init(directory: scratch.path))
        #expect(again.recovery == IndexRecovery.Result())
        again.close()
    }

    @Test func aMissingIndexIsMadeFromTheSegments() throws {
        let samples = [SampleSession.smtp(1), .imap(2), .pop3(3)]
        let (scratch, _, _) = try killed(samples)
        for suffix in ["", "-wal", "-shm"] { unlink(scratch.path + "/index.sqlite" + suffix) }
        #expect(throws: RecordingIndexError.missing(path: scratch.path + "/index.sqlite")) {
            try RecordingIndex(directory: scratch.path)
        }
        let recorder = try Recorder(.init(directory: scratch.path))
        #expect(recorder.recovery.addedSessions == 3)
        recorder.close()
        let sessions = try RecordingIndex(directory: scratch.path).sessions()
        #expect(sessions.map(\.info) == samples.map(\.info))
        #expect(sessions.map(\.exchanges) == samples.map(\.exchanges.count))
    }

    @Test func aDamagedIndexIsPutAside() throws {
        let samples = [SampleSession.smtp(1)]
        let (scratch, _, _) = try killed(samples)
        let path = scratch.path + "/index.sqlite"
        try RecorderScratch.write([UInt8](repeating: 0x58, count: 5_000), to: path)
        #expect(throws: RecordingIndexError.self) { try RecordingIndex(directory: scratch.path) }
        do {
            _ = try RecordingIndex(directory: scratch.path)
        } catch {
            guard case .broken = error else {
                Issue.record("\(error)")
                return
            }
        }
        let recorder = try Recorder(.init(directory: scratch.path))
        #expect(recorder.recovery.isRebuilt)
        #expect(recorder.recovery.addedSessions == 1)
        recorder.close()
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.sessions().count == 1)
        #expect(try index.isIncomplete)
        #expect(System.names(in: scratch.path).contains { $0.hasPrefix("index.sqlite.damaged-") })
    }

    @Test func rebuildAsksForExchanges() throws {
        let samples = [SampleSession.smtp(1), .imap(2)]
        let (scratch, _, path) = try killed(samples)
        try RecorderScratch.write([1, 2, 3], to: scratch.path + "/index.sqlite")
        var message = MessageRecord(exchange: 4, carrier: .data)
        message.subject = "hello"
        try IndexRecovery.rebuild(scratch.path) { segments, emit in
            #expect(segments == [path])
            for sample in samples {
                for exchange in sample.exchanges { emit(.exchange(session: sample.info.id, exchange)) }
                emit(.closed(sample.summary))
            }
            emit(.message(session: samples[0].info.id, message))
            emit(.message(session: "unknown", message))
        }
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try !index.isIncomplete)
        #expect(try index.sessions() == samples.map(\.summary))
        #expect(try index.exchanges(of: samples[1].info.id) == samples[1].exchanges)
        #expect(try index.messages(of: samples[0].info.id) == [message])
        #expect(try index.extents(of: samples[0].info.id).count == 1)
        #expect(try RecorderScratch.mode(scratch.path + "/index.sqlite") == 0o600)
        let recorder = try Recorder(.init(directory: scratch.path))
        #expect(throws: RecorderError.inUse(directory: scratch.path)) {
            try IndexRecovery.rebuild(scratch.path) { _, _ in }
        }
        recorder.close()
    }

    @Test func anIndexThatLacksNothingIsComplete() throws {
        let samples = [SampleSession.smtp(1), .imap(2)]
        let (scratch, _, _) = try killed(samples)
        #expect(try RecordingIndex(directory: scratch.path).isIncomplete)
        let recorder = try Recorder(.init(directory: scratch.path))
        #expect(recorder.recovery.scannedSegments == 1)
        #expect(recorder.recovery.addedSessions == 0)
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try !index.isIncomplete)
        #expect(try index.sessions() == samples.map(\.summary))
        recorder.close()
    }

    @Test func whatAKilledReindexLeftIsRemoved() throws {
        let scratch = try RecorderScratch()
        try RecorderScratch.write([1, 2, 3], to: scratch.path + "/index.sqlite.new")
        try Recorder(.init(directory: scratch.path)).close()
        #expect(access(scratch.path + "/index.sqlite.new", F_OK) != 0)
    }

    @Test func anIndexThatNeverHeardOfASegmentIsIncomplete() throws {
        let (scratch, _, _) = try killed([SampleSession.smtp(1)])
        let database = try Database(path: scratch.path + "/index.sqlite", .readWrite)
        try database.execute("UPDATE segments SET closed = opened")
        #expect(try !RecordingIndex(directory: scratch.path).isIncomplete)
        try database.execute("DELETE FROM sessions")
        try database.execute("DELETE FROM segments")
        #expect(try RecordingIndex(directory: scratch.path).isIncomplete)
    }

    @Test func strangeSegmentsAreNoTrap() throws {
        let (scratch, octets, path) = try killed([SampleSession.smtp(1)])
        for cut in stride(from: 0, to: octets.count, by: 13) {
            var damaged = octets
            damaged[cut] ^= 0xFF
            try RecorderScratch.write(damaged, to: path)
            let scan = try SegmentScan(path: path, number: 1)
            #expect(scan.bytes <= Int64(octets.count))
        }
        try RecorderScratch.write([], to: path)
        let recorder = try Recorder(.init(directory: scratch.path))
        recorder.close()
    }
}
