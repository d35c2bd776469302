// Threads that get what processor time nobody wants, and those who wait for their end.

import CLinux
import Glibc
import Synchronization
import Testing

@testable import MailStore

@Suite struct BackgroundThreadTests {
    /// SCHED_IDLE of Linux.
    private static let idle: Int32 = 5
    /// SCHED_BATCH of Linux.
    private static let batch: Int32 = 3

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
        thread.join()
        // Who may not end it has no idle thread.
        #expect(seen.all == [Self.idle, SCHED_OTHER] || seen.all.first == Self.batch)
        if geteuid() != 0 { #expect(seen.all.first != Self.idle || hasLimit) }
    }

    /// Its end may be waited for before it came to run at all.
    @Test func whoeverIsWaitedForEarlyIsNotIdle() {
        for _ in 0..<200 {
            let seen = Seen()
            let thread = BackgroundThread()
            let deadline = System.monotonicClock() + 5_000_000
            let isStarted = thread.start(.idle) {
                while sched_getscheduler(0) == Self.idle, System.monotonicClock() < deadline { sched_yield() }
                seen.add(sched_getscheduler(0))
            }
            #expect(isStarted)
            thread.join()
            #expect(seen.all != [Self.idle])
        }
    }

    /// Without the right to end it a thread is not idle: a recorder that gave up root waited for its packing thread as long as others let it.
    @Test func whoMayNotEndItHasNoIdleThread() {
        let seen = Seen()
        let outer = BackgroundThread()
        let isStarted = outer.start(.nice(0)) {
            // Of this thread, and of those that it starts.
            guard mp_limit_capabilities(0) == 0 else { return }
            let inner = BackgroundThread()
            _ = inner.start(.idle) {
                seen.add(sched_getscheduler(0))
                seen.add(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0))
            }
            // Who waits for its end makes it an ordinary one.
            let deadline = System.monotonicClock() + 20_000_000
            while seen.all.count < 2, System.monotonicClock() < deadline { sched_yield() }
            inner.join()
        }
        #expect(isStarted)
        outer.join()
        #expect(hasLimit || seen.all == [Self.batch, 19])
    }

    /// The user has a limit for nice values, and may end idleness.
    private var hasLimit: Bool {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(__RLIMIT_NICE.rawValue), &limit)
        return limit.rlim_cur >= 20
    }
}
