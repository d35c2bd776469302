// What is known of an upstream, from the sessions that tried it.

import Synchronization

/// Health and figures of one upstream of a list. Shared by all loops, and by the pools that a route has one after the other when
/// it is read again: an upstream whose entry has not changed is as well as it was.
final class UpstreamHealth: Sendable {
    private struct State {
        var breaker = CircuitBreaker()
        var sessions = 0
        var failures = 0
    }

    private let state = Mutex(State())

    /// It may be tried now.
    func allows(at now: Int64) -> Bool { state.withLock { $0.breaker.allows(at: now) } }

    /// When it may be tried again.
    var resumes: Int64 { state.withLock { $0.breaker.resumes } }

    /// Somebody tries it.
    func tried() { state.withLock { $0.breaker.tried() } }

    /// A session has its greeting. True when it was left alone before.
    func succeeded() -> Bool {
        state.withLock {
            $0.sessions += 1
            return $0.breaker.succeeded()
        }
    }

    /// A session could not reach it. True when it is left alone from now on.
    func failed(now: Int64) -> Bool {
        state.withLock {
            $0.failures += 1
            return $0.breaker.failed(at: now)
        }
    }

    /// A session ended before it knew.
    func abandoned(now: Int64) { state.withLock { $0.breaker.abandoned(at: now) } }

    /// Whether it is not left alone, and what was counted.
    var figures: (isUp: Bool, sessions: Int, failures: Int) {
        state.withLock { ($0.breaker.state == .closed, $0.sessions, $0.failures) }
    }
}
