// Disks that are full or die: the k-th write or sync fails. Nothing stops, nothing is lost silently, what is on the
// disk reads.

import Glibc
import MailDialogue
import MailRecording
import Synchronization
import Testing

@testable import MailStore

/// Fails chosen calls; lets a part of the octets through first, as a full disk does.
private final class FailingDisk: Sendable {
    private let counts = Mutex((writes: 0, syncs: 0))
    let failingWrites: Range<Int>
    let failingSyncs: Range<Int>
    let code: Int32
    let partly: Bool

    init(writes: Range<Int> = 0..<0, syncs: Range<Int> = 0..<0, code: Int32, partly: Bool = false) {
        failingWrites = writes
        failingSyncs = syncs
        self.code = code
        self.partly = partly
    }

    var calls: FileCalls {
        var calls = FileCalls()
        let real = calls
        calls.write = { descriptor, octets in
            let number = self.counts.withLock { counts in
                counts.writes += 1
                return counts.writes
            }
            if self.failingWrites.contains(number) { return -Int(self.code) }
            if self.partly, self.failingWrites.contains(number + 1) {
                return real.write(descriptor, UnsafeRawBufferPointer(rebasing: octets.prefix(octets.count / 2 + 1)))
            }
            return real.write(descriptor, octets)
        }
        calls.sync = { descriptor in
            let number = self.counts.withLock { counts in
                counts.syncs += 1
                return counts.syncs
            }
            return self.failingSyncs.contains(number) ? -self.code : real.sync(descriptor)
        }
        return calls
    }

    var writes: Int { counts.withLock { $0.writes } }
}

@Suite struct RecorderFailureTests {
    /// Appends one event at a time, each written before the next, until `isDone`.
    private func drive(
        _ recorder: Recorder, _ make: (Int) -> [RecordEvent], until isDone: (Int) -> Bool
    ) async {
        var turn = 0
        while !isDone(turn), turn < 100_000 {
            recorder.append(make(turn))
            turn += 1
            await settle(recorder)
        }
    }

    /// Waits until all that was appended is written.
    private func settle(_ recorder: Recorder) async {
        await withCheckedContinuation { continuation in
            recorder.whenDrained { continuation.resume() }
        }
    }

    @Test(arguments: [1, 2, 3, 5, 8], [(ENOSPC, false), (ENOSPC, true), (EIO, false)])
    func recordingGoesOnAfterAFailure(_ first: Int, _ how: (Int32, Bool)) async throws {
        let scratch = try RecorderScratch()
        let disk = FailingDisk(writes: first..<(first + 2), code: how.0, partly: how.1)
        let lines = Mutex<[String]>([])
        var settings = Recorder.Settings(directory: scratch.path)
        settings.calls = disk.calls
        settings.whenFull = .unrecorded
        settings.retryAfter = 20_000
        settings.bufferBytes = 1
        settings.log = { line in lines.withLock { $0.append(line) } }
        let recorder = try Recorder(settings)
        let sample = SampleSession.smtp(1)
        // A long session of numbered lines, over the failure and the second that follows it.
        recorder.append([.opened(sample.info)])
        await settle(recorder)
        var sent: [[UInt8]] = []
        var wasFailing = false
        await drive(
            recorder,
            { turn in
                let line = Array("NOOP \(turn)\r\n".utf8)
                sent.append(line)
                return [
                    .octets(session: sample.info.id, leg: .client, side: .client, time: sample.info.start, [line[...]])
                ]
            },
            until: { _ in
                if recorder.failures > 0 { wasFailing = true }
                return wasFailing && recorder.failure == nil
            })
        #expect(wasFailing)
        #expect(recorder.failure == nil)
        recorder.append([.closed(sample.summary)])
        recorder.close()

        let read = try RecordedStreams(scratch.segments)
        let octets = try #require(read.clientOctets[sample.info.id])
        let all = sent.reduce(0) { $0 + $1.count }
        #expect(Int64(all - octets.count) == recorder.lostOctets)
        // The first writes have nothing but headers and handshakes.
        #expect(recorder.lostOctets > 0 || first <= 3)
        let losses = read.sectionComments.compactMap { comment -> RecordComment.Loss? in
            if case .lost(let loss) = comment { loss } else { nil }
        }
        #expect(losses.reduce(0) { $0 + $1.octets } == recorder.lostOctets)
        #expect(losses.reduce(0) { $0 + $1.packets } > 0)
        #expect(UInt64(losses.reduce(0) { $0 + $1.packets }) == read.dropped)
        // What is there is what was sent, line by line, with a hole and no mixture.
        let expected = Set(sent)
        for line in octets.split(separator: 10) { #expect(expected.contains(Array(line) + [10])) }
        #expect(read.wrongChecksums == 0)
        // A failure is said once, and its end.
        let log = lines.withLock { $0 }
        #expect(log.count { $0.contains("recording stopped, mail goes on") } == 1, "\(log)")
        #expect(log.count { $0.contains("recording again") } == 1, "\(log)")
        #expect(log.contains { $0.contains(how.0 == ENOSPC ? "No space left on device" : "Input/output error") })
        // The index knows only what is on the disk.
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.session(sample.info.id)?.end == .closed)
        for place in try index.extents(of: sample.info.id) {
            #expect(place.extent.end <= Int64(try RecorderScratch.contents(place.path).count))
            #expect(place.extent.first < place.extent.end)
        }
    }

    @Test func aDiskThatStaysFullStopsNothing() async throws {
        let scratch = try RecorderScratch()
        let disk = FailingDisk(writes: 1..<Int.max, code: ENOSPC)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.calls = disk.calls
        settings.whenFull = .unrecorded
        let recorder = try Recorder(settings)
        for number in 1...2_000 { recorder.append(SampleSession.smtp(number).events) }
        await settle(recorder)
        #expect(!recorder.isCongested)
        recorder.close()
        #expect(recorder.failure?.contains("No space left on device") == true)
        let one = SampleSession.smtp(1)
        #expect(recorder.lostOctets >= Int64(2_000 * (one.stream(.client).count + one.stream(.server).count)))
        #expect(scratch.segments.isEmpty)
        // It is asked once a second, however long this takes, and not for each of more than 20,000 packets.
        #expect(disk.writes < 2_000)
        // What was said remains, though no octets are kept.
        let sessions = try RecordingIndex(directory: scratch.path).sessions()
        #expect(sessions.count == 2_000)
    }

    @Test func aFailedSyncBeginsANewSegment() async throws {
        let scratch = try RecorderScratch()
        let disk = FailingDisk(syncs: 2..<3, code: EIO)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.calls = disk.calls
        settings.sync = .always
        settings.retryAfter = 20_000
        settings.bufferBytes = 1
        let recorder = try Recorder(settings)
        let sample = SampleSession.imap(1)
        recorder.append([.opened(sample.info), sample.octets[0]])
        await settle(recorder)
        #expect(recorder.failures == 1)
        await drive(
            recorder, { _ in [.gap(session: sample.info.id, leg: .client, side: .client, time: 0, octets: 1)] },
            until: { _ in recorder.failure == nil })
        recorder.append([sample.octets[1], .closed(sample.summary)])
        recorder.close()
        #expect(scratch.segments.count == 2)
        let read = try RecordedStreams(scratch.segments)
        #expect(read.serverOctets[sample.info.id] == sample.lines[0].1)
        #expect(read.clientOctets[sample.info.id] == sample.lines[1].1)
        #expect(read.comments.contains(.opened(sample.info, leg: .client, isContinued: true)))
    }
}
