// Segments change by size and age, also in the middle of sessions, which go on in the next.

import Glibc
import MailDialogue
import MailRecording
import Synchronization
import Testing

@testable import MailStore

@Suite struct RecorderRotationTests {
    @Test func sessionsGoOnInTheNextSegment() throws {
        let scratch = try RecorderScratch()
        var settings = Recorder.Settings(directory: scratch.path)
        settings.segmentBytes = 6_000
        let recorder = try Recorder(settings)
        let samples = (1...40).map { [SampleSession.smtp($0), .imap($0 + 100), .pop3($0 + 200)][$0 % 3] }
        for sample in samples { recorder.append([.opened(sample.info)]) }
        for turn in 0..<13 {
            for sample in samples where turn < sample.lines.count { recorder.append([sample.octets[turn]]) }
        }
        for sample in samples { recorder.append([.closed(sample.summary)]) }
        recorder.close()

        let paths = scratch.segments
        #expect(paths.count > 5)
        #expect(Set(paths).count == paths.count)
        let read = try RecordedStreams(paths)
        #expect(read.holes == 0)
        #expect(read.wrongChecksums == 0)
        for sample in samples {
            #expect(read.clientOctets[sample.info.id] == sample.stream(.client))
            #expect(read.serverOctets[sample.info.id] == sample.stream(.server))
        }
        let index = try RecordingIndex(directory: scratch.path)
        let sample = samples[20]
        let places = try index.extents(of: sample.info.id)
        #expect(places.count > 1)
        // Each segment says by itself which session it continues.
        for (position, place) in places.enumerated() {
            let alone = try RecordedStreams([place.path])
            #expect(alone.comments.contains(.opened(sample.info, leg: .client, isContinued: position > 0)))
        }
        for (number, name) in RecordingDirectory.segments(in: scratch.path) {
            let octets = try RecorderScratch.contents(scratch.path + "/" + name)
            #expect(octets.count < 6_000 + 2_000)
            let row = try segmentRow(scratch.path, number)
            #expect(row.name == name)
            #expect(row.bytes == Int64(octets.count))
        }
    }

    /// The first packet behind midnight is in a segment of its own day; a session that goes on is in both.
    @Test func midnightBeginsASegment() throws {
        let scratch = try RecorderScratch()
        let clock = Mutex<Int64>(midnight - 1_000_000)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.calls.wallClock = { clock.withLock { $0 } }
        settings.sync = .always
        let recorder = try Recorder(settings)
        let sample = SampleSession.smtp(1)
        recorder.append([.opened(sample.info)] + sample.octets.prefix(4))
        let deadline = System.monotonicClock() + 10_000_000
        while try scratch.segments.isEmpty || RecordedStreams(scratch.segments).packets < 7,
            System.monotonicClock() < deadline
        { sched_yield() }
        clock.withLock { $0 += 2_000_000 }
        recorder.append(Array(sample.octets.dropFirst(4)) + [.closed(sample.summary)])
        recorder.close()
        let names = RecordingDirectory.segments(in: scratch.path).map(\.name)
        #expect(names.map { $0.prefix(10) } == ["2026-11-23", "2026-11-24"])
        let read = try RecordedStreams(scratch.segments)
        #expect(read.clientOctets[sample.info.id] == sample.stream(.client))
        #expect(read.holes == 0)
    }

    /// 2026-11-24T00:00:00Z.
    private let midnight: Int64 = 1_795_478_400_000_000

    @Test func endsOfDays() throws {
        let noon = midnight - 43_200_000_000
        #expect(RecordingDay.utc.end(of: noon) == midnight)
        #expect(RecordingDay.utc.end(of: midnight) == midnight + 86_400_000_000)
        #expect(RecordingDay.utc.end(of: -1) == 0)
        #expect(RecordingDay.none.end(of: noon) == .max)
        let local = RecordingDay.local.end(of: noon)
        #expect(local > noon && local <= noon + 90_000_000_000)
    }

    @Test func oldSegmentsAreClosed() throws {
        let scratch = try RecorderScratch()
        var settings = Recorder.Settings(directory: scratch.path)
        settings.segmentAge = 0
        let recorder = try Recorder(settings)
        let sample = SampleSession.imap(1)
        recorder.append(sample.events)
        recorder.close()
        let read = try RecordedStreams(scratch.segments)
        #expect(scratch.segments.count == sample.lines.count + 2)
        #expect(read.holes == 0)
        #expect(read.clientOctets[sample.info.id] == sample.stream(.client))
        #expect(read.serverOctets[sample.info.id] == sample.stream(.server))
    }

    @Test func numbersGoOnAfterARestart() throws {
        let scratch = try RecorderScratch()
        for number in 1...3 {
            let recorder = try Recorder(.init(directory: scratch.path))
            recorder.append(SampleSession.smtp(number).events)
            recorder.close()
        }
        #expect(RecordingDirectory.segments(in: scratch.path).map(\.number) == [1, 2, 3])
        #expect(try RecordingIndex(directory: scratch.path).sessions().count == 3)
    }

    @Test(arguments: [
        ("2026-11-23T08-00-00Z-0001.pcapng", 1), ("2026-11-23T08-00-00Z-12345.pcapng", 12345),
        ("2026-11-23T08-00-00Z-001.pcapng", nil), ("2026-11-23T08-00-00Z-99999999999999999999.pcapng", nil),
        ("other.pcapng", nil), ("2026-11-23T08-00-00Z-0001.pcap", nil), ("-0001.pcapng", nil), (".pcapng", nil),
    ])
    func names(_ name: String, _ number: Int?) {
        #expect(RecordingDirectory.segmentNumber(name) == number)
    }

    private func segmentRow(_ directory: String, _ number: Int) throws -> (name: String?, bytes: Int64) {
        let database = try Database(path: directory + "/index.sqlite", .readOnly)
        let statement = try database.prepare("SELECT name, bytes FROM segments WHERE number = ?")
        statement.bind(1, number)
        try #require(try statement.step())
        return (statement.text(0), statement.int64(1))
    }
}
