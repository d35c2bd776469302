// Many threads at once, and a recorder that cannot keep up.

import Glibc
import MailDialogue
import MailRecording
import Synchronization
import Testing

@testable import MailStore

@Suite struct RecorderLoadTests {
    @Test func fourThreadsAtOnce() async throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    for turn in 0..<100 {
                        let number = thread * 100 + turn
                        let sample = [SampleSession.smtp(number), .imap(number), .pop3(number)][turn % 3]
                        for event in sample.events { recorder.append([event]) }
                    }
                }
            }
        }
        recorder.close()
        let read = try RecordedStreams(scratch.segments)
        #expect(read.holes == 0)
        let index = try RecordingIndex(directory: scratch.path)
        let sessions = try index.sessions()
        #expect(sessions.count == 400)
        for number in 0..<400 {
            let sample = [SampleSession.smtp(number), .imap(number), .pop3(number)][number % 100 % 3]
            #expect(read.clientOctets[sample.info.id] == sample.stream(.client))
            #expect(read.serverOctets[sample.info.id] == sample.stream(.server))
            #expect(try index.exchanges(of: sample.info.id) == sample.exchanges)
            #expect(sessions[number] == sample.summary)
        }
    }

    /// What came at once and is longer than a packet can be becomes several, however it was cut.
    @Test(arguments: [65_000, 65_001, 130_000, 200_003]) func longOctetsBecomeSeveralPackets(length: Int) throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let sample = SampleSession.smtp(1)
        let id = sample.info.id
        let octets = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let cuts = [0, 1, 64_999, 65_000, 65_001, 129_999, length].filter { $0 <= length }
        let pieces = zip(cuts, cuts.dropFirst()).map { octets[$0..<$1] }
        recorder.append([.opened(sample.info)])
        for side in [Side.client, .server] {
            recorder.append([.octets(session: id, leg: .client, side: side, time: sample.info.start * 1_000, pieces)])
        }
        recorder.append([.closed(sample.summary)])
        recorder.close()
        let read = try RecordedStreams(scratch.segments)
        let isSame = read.clientOctets[id] == octets && read.serverOctets[id] == octets
        #expect(isSame)
        #expect(read.holes == 0)
        #expect(read.wrongChecksums == 0)
        // Three that open, four that close.
        #expect(read.packets == 7 + 2 * ((length + 64_999) / 65_000))
        let place = try #require(try RecordingIndex(directory: scratch.path).extents(of: id).first?.extent)
        #expect(place.packets == read.packets)
    }

    @Test func congestionIsToldAndEnds() async throws {
        let scratch = try RecorderScratch()
        let gate = Mutex(())
        var settings = Recorder.Settings(directory: scratch.path)
        settings.bufferBytes = 10_000
        // The disk stands still for as long as the gate is held.
        let real = FileCalls()
        settings.calls.write = { descriptor, octets in gate.withLock { _ in real.write(descriptor, octets) } }
        let recorder = try Recorder(settings)
        let sample = SampleSession.smtp(1)
        #expect(!recorder.isCongested)
        let calls = Mutex(0)
        recorder.whenDrained { calls.withLock { $0 += 1 } }
        #expect(calls.withLock { $0 } == 1, "nothing waits: called at once")

        let line = [UInt8](repeating: 65, count: 1_000)
        let isHeld = gate.withLock { _ in
            recorder.append([.opened(sample.info)])
            for _ in 0..<12 {
                recorder.append([
                    .octets(session: sample.info.id, leg: .client, side: .client, time: sample.info.start, [line[...]])
                ])
            }
            let wasCongested = recorder.isCongested
            recorder.whenDrained { calls.withLock { $0 += 1 } }
            return wasCongested && calls.withLock { $0 } == 1
        }
        #expect(isHeld)
        await withCheckedContinuation { continuation in
            recorder.whenDrained { continuation.resume() }
        }
        #expect(!recorder.isCongested)
        #expect(calls.withLock { $0 } == 2)
        recorder.append([.closed(sample.summary)])
        recorder.close()
        #expect(calls.withLock { $0 } == 2)
        #expect(try RecordedStreams(scratch.segments).clientOctets[sample.info.id]?.count == 12_000)
    }

    @Test func octetsInPiecesAreOneSegment() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let sample = SampleSession.smtp(1)
        let whole = [UInt8](repeating: 66, count: 200_000)
        let pieces = [whole[0..<1], whole[1..<1], whole[1..<150_000], whole[150_000...]]
        recorder.append([
            .opened(sample.info),
            .octets(session: sample.info.id, leg: .client, side: .client, time: sample.info.start, pieces),
            .octets(session: sample.info.id, leg: .client, side: .client, time: sample.info.start, []),
            .closed(sample.summary),
        ])
        recorder.close()
        let read = try RecordedStreams(scratch.segments)
        #expect(read.clientOctets[sample.info.id] == whole)
        // Handshake 3, data in four packets of at most 65,000, end 4.
        #expect(read.packets == 11)
    }

    @Test func theLastReferenceMayGoOnTheRecordersThread() async throws {
        let scratch = try RecorderScratch()
        try await letGo(scratch.path)
        // The thread ends by itself and gives the lock up.
        var next: Recorder?
        // Counted in tries, not in time: on a busy machine minutes may pass between two of them.
        for _ in 0..<10_000 where next == nil {
            next = try? Recorder(.init(directory: scratch.path))
            if next == nil { poll(nil, 0, 10) }
        }
        #expect(next != nil)
        next?.close()
        #expect(try RecordingIndex(directory: scratch.path).sessions() == [SampleSession.smtp(1).summary])
    }

    /// Records a session with a recorder that only a callback holds in the end.
    private func letGo(_ directory: String) async throws {
        var settings = Recorder.Settings(directory: directory)
        settings.bufferBytes = 1
        let recorder = try Recorder(settings)
        await withCheckedContinuation { continuation in
            recorder.append(SampleSession.smtp(1).events)
            recorder.whenDrained { withExtendedLifetime(recorder) { continuation.resume() } }
        }
    }
}
