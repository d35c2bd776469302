// A recorder that is told anew, while it records, what to do with a full disk and how long to keep what it has.

import Glibc
import MailRecording
import Synchronization
import Testing

@testable import MailStore

@Suite struct RecorderOrdersTests {
    private final class Count: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        func add() { count.withLock { $0 += 1 } }
    }

    private static let day: Int64 = 86_400_000_000

    private func until(_ isTrue: () throws -> Bool) rethrows {
        let deadline = System.monotonicClock() + 30_000_000
        while try !isTrue(), System.monotonicClock() < deadline { sched_yield() }
    }

    private func record(_ scratch: RecorderScratch, _ samples: [SampleSession]) throws {
        let recorder = try Recorder(Recorder.Settings(directory: scratch.path))
        for sample in samples { recorder.append(sample.events) }
        recorder.close()
    }

    private func orders(
        whenFull: Recorder.WhenFull = .slow, keeping: KeepingPolicy = KeepingPolicy()
    ) -> Recorder.Orders {
        Recorder.Orders(privacy: RecordingPrivacy(), sealKey: nil, whenFull: whenFull, keeping: keeping)
    }

    @Test func sessionsAreKeptAsItIsSaidNow() throws {
        let scratch = try RecorderScratch()
        let samples = (1...20).map { number in
            var sample = number % 2 == 0 ? SampleSession.smtp(number) : SampleSession.imap(number)
            sample.info.start = System.wallClock() - 20 * Self.day
            return sample
        }
        try record(scratch, samples)
        let recorder = try Recorder(Recorder.Settings(directory: scratch.path))
        func count() throws -> Int { try RecordingIndex(directory: scratch.path).sessions().count }
        // By these nothing is due for two months.
        recorder.follow(
            orders(keeping: KeepingPolicy(rules: [try KeepingRule("90 days: smtp"), try KeepingRule("forever: imap")])))
        #expect(try count() == 20)
        recorder.follow(
            orders(keeping: KeepingPolicy(rules: [try KeepingRule("9 days: smtp"), try KeepingRule("forever: imap")])))
        try until { try count() == 10 }
        #expect(try count() == 10)
        recorder.follow(orders(keeping: KeepingPolicy(age: 7 * Self.day, rules: [])))
        recorder.follow(orders(keeping: KeepingPolicy(rules: [try KeepingRule("9 days: imap")])))
        try until { try count() == 0 }
        #expect(try count() == 0)
        recorder.close()
        #expect(scratch.segments == [])
    }

    @Test func closedSegmentsArePackedWhenItIsSaid() throws {
        let scratch = try RecorderScratch()
        try record(scratch, (1...20).map { .smtp($0) })
        let path = try #require(scratch.segments.first)
        let recorder = try Recorder(Recorder.Settings(directory: scratch.path))
        recorder.follow(orders(keeping: KeepingPolicy(level: 1)))
        until { access(path, F_OK) != 0 }
        #expect(access(path, F_OK) != 0 && access(path + ".zst", F_OK) == 0)
        recorder.close()
    }

    @Test func sessionsWaitNoLongerWhenItIsSaid() throws {
        let scratch = try RecorderScratch()
        let refusals = Count()
        var settings = Recorder.Settings(directory: scratch.path)
        settings.retryAfter = 5_000
        settings.calls.write = { _, _ in
            refusals.add()
            return -Int(ENOSPC)
        }
        let recorder = try Recorder(settings)
        recorder.append(SampleSession.smtp(1).events)
        until { refusals.value > 3 }
        #expect(recorder.lostOctets == 0)
        recorder.follow(orders(whenFull: .unrecorded))
        until { recorder.lostOctets > 0 }
        #expect(recorder.lostOctets > 0 && recorder.failure != nil)
        recorder.close()
    }

    @Test func aKeyThatIsNotNamedStaysForSessionsThatGoOn() throws {
        let scratch = try RecorderScratch()
        var settings = Recorder.Settings(directory: scratch.path)
        settings.privacy.secrets = .seal
        settings.sealKey = SealPrivateKey().publicKey
        let inForce = RecorderOrders(settings)
        #expect(!inForce.replace(orders()))
        #expect(inForce.sealKey == settings.sealKey && inForce.privacy.secrets == .mask)
        #expect(inForce.replace(orders(keeping: KeepingPolicy(level: 1))))
    }
}
