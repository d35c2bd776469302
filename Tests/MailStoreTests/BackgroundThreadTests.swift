// Threads that get what processor time nobody wants, and those who wait for their end.

import Glibc
import Synchronization
import Testing

@testable import MailStore

@Suite struct BackgroundThreadTests {
    /// SCHED_IDLE of Linux.
    private static let idle: Int32 = 5

    private final class Seen: Sendable {
        private let policies = Mutex<[Int32]>([])
        var all: [Int32] { policies.withLock { $0 } }
        func add(_ policy: Int32) { policies.withLock { $0.append(policy) } }
    }

    /// A recorder that was told to end on a busy machine took as long as the others let its idle thread wait.
    @Test func whoeverIsWaitedForIsNotIdle() {
        let seen = Seen()
        let thread = BackgroundThread()
        let deadline = System.monotonicClock() + 20_000_000
        let isStarted = thread.start(.idle) {
            seen.add(sched_getscheduler(0))
            while sched_getscheduler(0) == Self.idle, System.monotonicClock() < deadline { sched_yield() }
            seen.add(sched_getscheduler(0))
        }
        #expect(isStarted)
        while seen.all.isEmpty { sched_yield() }
        // Who is not root may not.
        guard geteuid() == 0 else { return }
        thread.join()
        #expect(seen.all == [Self.idle, SCHED_OTHER])
    }
}
