// A disk that takes nothing for a while: sessions wait for it and nothing is lost, or they go on and it is said what is missing.

import Glibc
import MailDialogue
import MailRecording
import Synchronization
import Testing

@testable import MailStore

/// Refuses calls as long as it is told to, by their kind.
private final class RefusingDisk: Sendable {
    private let state = Mutex((refuses: false, refusals: 0, syncs: 0))
    let code: Int32

    init(_ code: Int32) { self.code = code }

    var refuses: Bool {
        get { state.withLock { $0.refuses } }
        set { state.withLock { $0.refuses = newValue } }
    }
    var syncs: Int { state.withLock { $0.syncs } }
    var refusals: Int { state.withLock { $0.refusals } }

    private func refuse() -> Bool {
        state.withLock { state in
            if state.refuses { state.refusals += 1 }
            return state.refuses
        }
    }

    func calls(create: Bool = true, write: Bool = true, failingSync: Int = 0) -> FileCalls {
        var calls = FileCalls()
        let real = calls
        calls.create = { create && self.refuse() ? -self.code : real.create($0) }
        calls.write = { descriptor, octets in
            guard write, self.refuse() else { return real.write(descriptor, octets) }
            // As a disk that becomes full does: a part of it fits.
            let isFirst = self.refusals == 1
            return isFirst && octets.count > 8
                ? real.write(descriptor, UnsafeRawBufferPointer(rebasing: octets[..<7])) : -Int(self.code)
        }
        calls.sync = { descriptor in
            let number = self.state.withLock { state in
                state.syncs += 1
                return state.syncs
            }
            return number == failingSync ? -self.code : real.sync(descriptor)
        }
        return calls
    }
}

@Suite struct DiskOutageTests {
    private func until(_ isTrue: () throws -> Bool) rethrows {
        let deadline = System.monotonicClock() + 30_000_000
        while try !isTrue(), System.monotonicClock() < deadline { sched_yield() }
    }

    private func settings(
        _ scratch: RecorderScratch, _ calls: FileCalls, _ lines: Lines, whenFull: Recorder.WhenFull = .slow
    ) -> Recorder.Settings {
        var settings = Recorder.Settings(directory: scratch.path)
        settings.calls = calls
        settings.whenFull = whenFull
        settings.retryAfter = 5_000
        settings.log = { lines.append($0) }
        return settings
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        func append(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
        func has(_ text: String) -> Bool { all.contains { $0.contains(text) } }
    }

    @Test(arguments: [ENOSPC, EIO, EROFS, EDQUOT])
    func sessionsWaitAndNothingIsLost(_ code: Int32) throws {
        let scratch = try RecorderScratch()
        let disk = RefusingDisk(code)
        let lines = Lines()
        var settings = settings(scratch, disk.calls(), lines)
        settings.bufferBytes = 150_000
        let recorder = try Recorder(settings)
        let samples = (1...60).map { SampleSession.smtp($0) }
        recorder.append(samples[0].events)
        until { !recorder.isCongested && !scratch.segments.isEmpty }
        disk.refuses = true
        for sample in samples[1...20] { recorder.append(sample.events) }
        until { recorder.failure != nil && disk.refusals > 3 }
        #expect(recorder.failure?.contains(System.text(code)) == true)
        // More than may wait does: whoever produces has to pause.
        for sample in samples[21...40] { recorder.append(sample.events) }
        #expect(recorder.isCongested)
        disk.refuses = false
        for sample in samples[41...] { recorder.append(sample.events) }
        until { recorder.failure == nil }
        recorder.close()
        #expect(recorder.lostOctets == 0)
        #expect(recorder.failures == 1)
        #expect(recorder.heldTime > 0)
        #expect(scratch.segments.count == 1)
        let read = try RecordedStreams(scratch.segments)
        for sample in samples {
            let isSame =
                read.clientOctets[sample.info.id] == sample.stream(.client)
                && read.serverOctets[sample.info.id] == sample.stream(.server)
            #expect(isSame)
        }
        #expect(read.holes == 0 && read.dropped == 0)
        #expect(lines.has("recording waits for the disk, and sessions wait with it"))
        #expect(lines.has("recording again") && lines.has("nothing was lost"))
        #expect(lines.all.count { $0.contains("recording waits for the disk") } == 1)
        #expect(try RecordingIndex(directory: scratch.path).sessions().count == samples.count)
    }

    /// Also where the first segment cannot even be made.
    @Test func aSegmentIsMadeAsSoonAsItCanBe() throws {
        let scratch = try RecorderScratch()
        let disk = RefusingDisk(EROFS)
        let lines = Lines()
        let recorder = try Recorder(settings(scratch, disk.calls(write: false), lines))
        disk.refuses = true
        let sample = SampleSession.imap(1)
        recorder.append(sample.events)
        until { disk.refusals > 2 }
        disk.refuses = false
        until { recorder.failure == nil && !scratch.segments.isEmpty }
        recorder.close()
        let read = try RecordedStreams(scratch.segments)
        #expect(read.clientOctets[sample.info.id] == sample.stream(.client))
        #expect(recorder.lostOctets == 0)
        #expect(lines.has("Read-only file system"))
    }

    /// A stop is no time to wait: what cannot be written is told, and nobody waits for ever.
    @Test func whoStopsDoesNotWait() throws {
        let scratch = try RecorderScratch()
        let disk = RefusingDisk(ENOSPC)
        let lines = Lines()
        let recorder = try Recorder(settings(scratch, disk.calls(), lines))
        disk.refuses = true
        let sample = SampleSession.smtp(1)
        recorder.append(sample.events)
        until { disk.refusals > 2 }
        recorder.close()
        #expect(recorder.lostOctets == Int64(sample.stream(.client).count + sample.stream(.server).count))
        #expect(lines.has("the recording ends without what the disk did not take"))
    }

    /// Sessions that begin and end while others stand still take memory, too: beyond a bound they are not waited for.
    @Test func whatWaitsIsBounded() throws {
        let scratch = try RecorderScratch()
        let disk = RefusingDisk(ENOSPC)
        let lines = Lines()
        var settings = settings(scratch, disk.calls(), lines)
        settings.bufferBytes = 10_000
        let recorder = try Recorder(settings)
        disk.refuses = true
        recorder.append(SampleSession.smtp(1).events)
        until { disk.refusals > 2 }
        for number in 2...60 { recorder.append(SampleSession.smtp(number).events) }
        until { lines.has("recording waits no longer") }
        #expect(lines.has("recording waits no longer"))
        until { recorder.lostOctets > 0 }
        disk.refuses = false
        let last = SampleSession.smtp(99)
        until {
            recorder.append([.gap(session: "none", leg: .client, side: .client, time: 0, octets: 1)])
            return !recorder.isCongested
        }
        recorder.append(last.events)
        until { recorder.failure == nil }
        recorder.close()
        let read = try RecordedStreams(scratch.segments)
        #expect(read.clientOctets[last.info.id] == last.stream(.client))
        let losses = read.sectionComments.compactMap { comment -> RecordComment.Loss? in
            if case .lost(let loss) = comment { loss } else { nil }
        }
        #expect(losses.reduce(0) { $0 + $1.octets } == recorder.lostOctets)
        #expect(losses.contains { $0.sessions > 0 && $0.reason == System.text(ENOSPC) })
    }

    /// What was not synced when a sync failed may be gone, and nothing else: the next segment says how much that is.
    @Test func aFailedSyncLosesNothingMore() throws {
        let scratch = try RecorderScratch()
        let disk = RefusingDisk(EIO)
        let lines = Lines()
        var settings = settings(scratch, disk.calls(create: false, write: false, failingSync: 4), lines)
        settings.sync = .always
        settings.chainKey = .ephemeral()
        let recorder = try Recorder(settings)
        let samples = (1...6).map { SampleSession.smtp($0) }
        for sample in samples {
            let before = disk.syncs
            recorder.append(sample.events)
            until { disk.syncs > before }
        }
        recorder.close()
        #expect(recorder.lostOctets == 0)
        #expect(scratch.segments.count == 2)
        let read = try RecordedStreams(scratch.segments)
        for sample in samples { #expect(read.clientOctets[sample.info.id] == sample.stream(.client)) }
        guard case .lost(let loss)? = read.sectionComments.first else {
            Issue.record("\(read.sectionComments)")
            return
        }
        #expect(loss.octets == 0 && loss.packets == 0 && loss.unsynced > 0)
        #expect(loss.reason == System.text(EIO))
        #expect(SegmentLoss.read(scratch.segments[1]) == loss)
        #expect(SegmentLoss.read(scratch.segments[0]) == nil)
        #expect(try scratch.faults() == [])
    }

    /// Sessions that go on unrecorded are told: in the index, in the segment that follows, and by `verify`.
    @Test func sessionsThatGoOnAreFlagged() throws {
        let scratch = try RecorderScratch()
        let disk = RefusingDisk(ENOSPC)
        let lines = Lines()
        var settings = settings(scratch, disk.calls(), lines, whenFull: .unrecorded)
        let key = ChainKey.ephemeral()
        settings.chainKey = key
        let recorder = try Recorder(settings)
        let (whole, harmed) = (SampleSession.smtp(1), SampleSession.smtp(2))
        recorder.append(whole.events)
        recorder.append([.opened(harmed.info)] + harmed.octets.prefix(3))
        until {
            !scratch.segments.isEmpty && (try? RecordingIndex(directory: scratch.path).session(whole.info.id)) != nil
        }
        disk.refuses = true
        recorder.append(Array(harmed.octets.dropFirst(3).prefix(4)))
        until { recorder.failure != nil }
        disk.refuses = false
        // Nobody says anything meanwhile.
        until { recorder.failure == nil }
        recorder.append(Array(harmed.octets.dropFirst(7)) + [.closed(harmed.summary)])
        recorder.close()
        #expect(recorder.lostOctets > 0)
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.session(harmed.info.id)?.gaps ?? 0 > 0)
        #expect(try index.session(whole.info.id)?.gaps == 0)
        let (findings, summary) = try scratch.verify(keys: [key.publicKey])
        #expect(summary.faults == 0, "\(findings.flatMap(\.faults))")
        #expect(summary.lostOctets == recorder.lostOctets)
        let loss = try #require(findings.compactMap(\.loss).first)
        #expect(loss.sessions == 1 && loss.octets == recorder.lostOctets)
    }
}
