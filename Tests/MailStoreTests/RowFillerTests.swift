// Exchanges and messages that are read when a session has ended: they get into the index, also when the recorder was stopped before,
// and the index says so when they can't be had.

import Glibc
import MailDialogue
import MailRecording
import Synchronization
import Testing

@testable import MailStore

@Suite struct RowFillerTests {
    /// A reader that gives the exchanges of samples, and tells when it is asked.
    private final class Reader: Sendable {
        let asked = Mutex<[[UnreadSession]]>([])
        let samples: [SampleSession]

        init(_ samples: [SampleSession]) { self.samples = samples }

        func read(_ sessions: [UnreadSession], _ emit: (RecordEvent) -> Void) {
            asked.withLock { $0.append(sessions) }
            for session in sessions {
                guard let sample = samples.first(where: { $0.info.id == session.id }) else { continue }
                for exchange in sample.exchanges { emit(.exchange(session: session.id, exchange)) }
                var message = MessageRecord(exchange: 1, carrier: .data)
                message.subject = session.id
                emit(.message(session: session.id, message))
            }
        }
    }

    /// What a session tells that keeps no rows.
    private static func events(_ sample: SampleSession) -> [RecordEvent] {
        [.opened(sample.info)] + sample.octets + [.closed(sample.summary)]
    }

    /// Waits until the index has nothing that is unread; false after a minute.
    private static func awaitRead(_ directory: String, sessions: Int) throws -> Bool {
        for _ in 0..<6_000 {
            if let index = try? RecordingIndex(directory: directory), try index.sessions().count == sessions,
                try index.unread.isEmpty
            {
                return true
            }
            poll(nil, 0, 10)
        }
        return false
    }

    @Test func rowsAreReadBehindTheSessions() throws {
        let scratch = try RecorderScratch()
        let samples = (1...700).map { SampleSession.smtp($0) }
        let reader = Reader(samples)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.readRows = { sessions, _, emit in reader.read(sessions, emit) }
        let recorder = try Recorder(settings)
        #expect(recorder.readsRows)
        for sample in samples { recorder.append(Self.events(sample)) }
        #expect(try Self.awaitRead(scratch.path, sessions: samples.count))
        let index = try RecordingIndex(directory: scratch.path)
        for sample in samples {
            #expect(try index.exchanges(of: sample.info.id) == sample.exchanges)
            #expect(try index.messages(of: sample.info.id).map(\.subject) == [sample.info.id])
        }
        let asked = reader.asked.withLock { $0.flatMap { $0 } }
        #expect(asked.map(\.id).sorted() == samples.map(\.info.id))
        // Where it is to be read are its packets.
        let octets = try RecorderScratch.contents(scratch.segments[0])
        for session in asked {
            let place = try #require(session.places.first?.extent)
            #expect(session.places.count == 1)
            let part = octets[Int(place.first)..<Int(place.end)]
            #expect(String(decoding: part, as: UTF8.self).contains(session.id))
        }
        recorder.close()
        #expect(try !RecordingIndex(directory: scratch.path).isIncomplete)
    }

    @Test func whatWasNotReadIsReadByTheNext() throws {
        let scratch = try RecorderScratch()
        let samples = (1...3).map { SampleSession.smtp($0) }
        let isAsked = Semaphore()
        var settings = Recorder.Settings(directory: scratch.path)
        // It reads for as long as it may.
        settings.readRows = { sessions, goesOn, emit in
            isAsked.post()
            while goesOn() { sched_yield() }
            emit(.exchange(session: sessions[0].id, samples[0].exchanges[0]))
        }
        let recorder = try Recorder(settings)
        for sample in samples { recorder.append(Self.events(sample)) }
        isAsked.wait()
        recorder.close()
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.unread.count == 3)
        #expect(try !index.isIncomplete)
        #expect(try index.exchanges(of: samples[0].info.id).isEmpty)

        let second = Reader(samples)
        settings.readRows = { sessions, _, emit in second.read(sessions, emit) }
        let next = try Recorder(settings)
        #expect(try Self.awaitRead(scratch.path, sessions: 3))
        next.close()
        for sample in samples { #expect(try index.exchanges(of: sample.info.id) == sample.exchanges) }
    }

    @Test func allSegmentsOfASessionAreRead() throws {
        let scratch = try RecorderScratch()
        let sample = SampleSession.smtp(1)
        let reader = Reader([sample])
        var settings = Recorder.Settings(directory: scratch.path)
        settings.segmentBytes = 65_536
        settings.readRows = { sessions, _, emit in reader.read(sessions, emit) }
        let recorder = try Recorder(settings)
        let block = [UInt8](repeating: 120, count: 30_000)
        let octets = RecordEvent.octets(
            session: sample.info.id, leg: .client, side: .client, time: sample.info.start, [block[...]])
        recorder.append([.opened(sample.info)])
        for _ in 0..<4 { recorder.append([octets]) }
        // The index hears of the first segment while the session goes on.
        var told: [Int] = []
        for _ in 0..<6_000 where told.isEmpty {
            told =
                (try? RecordingIndex(directory: scratch.path).extents(of: sample.info.id).map(\.extent.segment)) ?? []
            poll(nil, 0, 10)
        }
        #expect(told.first == 1)
        for _ in 0..<4 { recorder.append([octets]) }
        recorder.append([.closed(sample.summary)])
        for _ in 0..<6_000 where reader.asked.withLock({ $0.isEmpty }) { poll(nil, 0, 10) }
        recorder.close()
        let places = try RecordingIndex(directory: scratch.path).extents(of: sample.info.id)
        #expect(places.count > 2)
        #expect(reader.asked.withLock { $0.flatMap { $0 } }.map(\.places) == [places])
    }

    @Test func longSessionsOfOneTimeAreReadAtOnce() throws {
        let scratch = try RecorderScratch()
        let samples = (1...5).map { SampleSession.smtp($0) }
        let reader = Reader(samples)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.readRows = { sessions, _, emit in reader.read(sessions, emit) }
        let recorder = try Recorder(settings)
        recorder.append(samples.map { .opened($0.info) })
        // More than is read at once for sessions that are not of the same time.
        let block = [UInt8](repeating: 120, count: 60_000)
        for _ in 0..<300 {
            recorder.append([
                .octets(
                    session: samples[0].info.id, leg: .client, side: .client, time: samples[0].info.start, [block[...]])
            ])
        }
        recorder.append(samples.map { .closed($0.summary) })
        for _ in 0..<6_000 where reader.asked.withLock({ $0.joined().count < samples.count }) { poll(nil, 0, 10) }
        recorder.close()
        #expect(reader.asked.withLock { $0.map { $0.map(\.id) } } == [samples.map(\.info.id)])
    }

    @Test func whoseEndNobodyToldIsReadByTheNext() throws {
        let scratch = try RecorderScratch()
        let samples = (1...2).map { SampleSession.smtp($0) }
        let reader = Reader(samples)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.readRows = { sessions, _, emit in reader.read(sessions, emit) }
        let recorder = try Recorder(settings)
        for sample in samples { recorder.append([.opened(sample.info)] + sample.octets) }
        recorder.close()
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.unread == Set(samples.map(\.info.id)))
        // As after a kill: one is still open, and nothing is said of its rows.
        let database = try Database(path: scratch.path + "/index.sqlite", .readWrite)
        try database.execute("UPDATE sessions SET end = 'open' WHERE id = '\(samples[1].info.id)'")
        try database.execute("DELETE FROM unread WHERE session = 2")

        let next = try Recorder(settings)
        #expect(try Self.awaitRead(scratch.path, sessions: 2))
        next.close()
        for sample in samples {
            #expect(try index.session(sample.info.id)?.end == .lost)
            #expect(try index.exchanges(of: sample.info.id) == sample.exchanges)
        }
    }

    @Test func whatCannotBeReadIsSaid() throws {
        let scratch = try RecorderScratch()
        struct Broken: Error, CustomStringConvertible { var description: String { "the disk is gone" } }
        let log = Lines()
        let samples = (1...20).map { SampleSession.smtp($0) }
        let reader = Reader(samples)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.readRows = { sessions, _, emit in
            reader.read(sessions, emit)
            if sessions.contains(where: { $0.id == samples[7].info.id }) { throw Broken() }
        }
        settings.log = { log.append($0) }
        let recorder = try Recorder(settings)
        for sample in samples { recorder.append(Self.events(sample)) }
        #expect(try Self.awaitRead(scratch.path, sessions: 20))
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.isIncomplete)
        for sample in samples {
            #expect(try index.exchanges(of: sample.info.id) == sample.exchanges)
            #expect(try index.messages(of: sample.info.id).count == 1)
        }
        recorder.close()
        #expect(log.all.count { $0.contains("the disk is gone") } == 1)
    }

    /// Retention does not wait for the reading: a segment that is gone keeps the index from nothing, and is no fault.
    @Test func segmentsThatAreGoneAreNotMissed() throws {
        let scratch = try RecorderScratch()
        struct Gone: Error {}
        let samples = (1...40).map { SampleSession.smtp($0) }
        let reader = Reader(samples)
        let log = Lines()
        let isRemoved = Mutex(false)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.segmentBytes = 30_000
        settings.log = { log.append($0) }
        settings.readRows = { sessions, goesOn, emit in
            while goesOn(), !isRemoved.withLock({ $0 }) { sched_yield() }
            for place in sessions.flatMap(\.places) where access(place.path, F_OK) != 0 { throw Gone() }
            reader.read(sessions, emit)
        }
        let recorder = try Recorder(settings)
        for sample in samples { recorder.append(Self.events(sample)) }
        let deadline = System.monotonicClock() + 60_000_000
        while try RecordingIndex(directory: scratch.path).sessions().count < samples.count,
            System.monotonicClock() < deadline
        { poll(nil, 0, 5) }
        let index = try RecordingIndex(directory: scratch.path)
        let first = try #require(scratch.segments.first)
        let gone = try samples.map(\.info.id).filter { id in
            try index.extents(of: id).allSatisfy { $0.path == first }
        }
        #expect(gone.count > 1 && gone.count < samples.count)
        unlink(first)
        isRemoved.withLock { $0 = true }
        #expect(try Self.awaitRead(scratch.path, sessions: samples.count))
        #expect(try !RecordingIndex(directory: scratch.path).isIncomplete)
        let read = Set(reader.asked.withLock { $0.flatMap { $0 } }.map(\.id))
        #expect(read.isDisjoint(with: gone) && read.count == samples.count - gone.count)
        recorder.close()
        #expect(log.all == [])
    }

    /// While there is something to record the reading rests, at first for two seconds and then fifty times as long as it took; a
    /// tenth of a second behind the last of it, it goes on.
    @Test func readingRestsWhileSessionsAreRecorded() throws {
        let scratch = try RecorderScratch()
        let index = try IndexWriter(path: scratch.path + "/index.sqlite")
        let queue = try RecorderQueue(limit: 1 << 20)
        let asked = Mutex<[String]>([])
        let filler = RowFiller({ sessions, _, _ in asked.withLock { $0 += sessions.map(\.id) } }, queue)
        var backlog = RowBacklog(filler, directory: scratch.path)
        backlog.began(segment: 1, name: "segment")
        #expect(backlog.start())
        let place = Extent(segment: 1, leg: .client, first: 0, end: 1, packets: 1)
        /// Feeds, and takes what is read when something is.
        func feed(_ now: Int64, until end: Int64) {
            backlog.feed(from: index, now)
            guard backlog.isBusy else { return }
            var rows = queue.take(timeout: -1, lingers: false).rows
            while rows.isEmpty { rows = queue.take(timeout: -1, lingers: false).rows }
            for row in rows { backlog.took(row, end) }
        }
        // Nothing waits from before.
        #expect(backlog.due == .min)
        feed(0, until: 0)
        #expect(backlog.due == .max)
        var number: Int64 = 0
        func add() {
            number += 1
            backlog.add("s\(number)", row: number, [place], to: index, 0)
        }
        backlog.recorded(0)
        add()
        #expect(backlog.due == 100_000)
        feed(99_999, until: 99_999)
        #expect(asked.withLock { $0 } == [])
        feed(100_000, until: 100_001)
        #expect(asked.withLock { $0 } == ["s1"])
        // From here on something comes every 50 ms.
        var now: Int64 = 1_000_000
        func record(until end: Int64) {
            while now < end {
                backlog.recorded(now)
                feed(now, until: now)
                now += 50_000
            }
            now = end
            backlog.recorded(end)
        }
        backlog.recorded(now)
        add()
        record(until: 2_999_999)
        #expect(asked.withLock { $0 } == ["s1"])
        feed(3_000_000, until: 3_010_000)
        #expect(asked.withLock { $0 } == ["s1", "s2"])
        add()
        now = 3_010_000
        record(until: 3_509_999)
        #expect(asked.withLock { $0 } == ["s1", "s2"])
        #expect(backlog.due == 3_510_000)
        feed(3_510_000, until: 3_550_000)
        #expect(asked.withLock { $0 } == ["s1", "s2", "s3"])
        // It would rest until 5.55 s, but nothing comes any more.
        add()
        feed(3_609_998, until: 3_609_998)
        #expect(asked.withLock { $0 } == ["s1", "s2", "s3"])
        feed(3_609_999, until: 3_610_000)
        #expect(asked.withLock { $0 } == ["s1", "s2", "s3", "s4"])
        backlog.stop()
    }

    /// Lines of a log.
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        func append(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }
}
