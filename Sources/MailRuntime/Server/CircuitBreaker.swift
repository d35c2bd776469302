// Whether an upstream is worth a try, learned from the sessions that tried it: no connection is made only to ask.

/// The health of one upstream, as a machine without a clock of its own.
package struct CircuitBreaker: Equatable, Sendable {
    package enum State: Equatable, Sendable {
        /// It answers, as far as is known. Successor: `open`.
        case closed
        /// It failed too often: nobody tries it before the time, in microseconds. Successor: `halfOpen`.
        case open(until: Int64)
        /// One session tries it. Successors: `closed`, `open`.
        case halfOpen
    }

    /// Failures in a row before it is left alone: one may be an accident, and each costs a session the time for it.
    static let threshold = 3
    /// Microseconds for which it is left alone at first; twice as long after each failed try, up to `longest`.
    static let shortest: Int64 = 5_000_000
    static let longest: Int64 = 60_000_000

    package private(set) var state = State.closed
    private var failures = 0
    private var pause = CircuitBreaker.shortest

    package init() {}

    /// It may be tried now.
    package func allows(at now: Int64) -> Bool {
        switch state {
        case .closed: true
        case .open(let until): now >= until
        case .halfOpen: false
        }
    }

    /// When it may be tried again.
    var resumes: Int64 {
        switch state {
        case .closed: .min
        case .open(let until): until
        case .halfOpen: .max
        }
    }

    /// Somebody tries it.
    package mutating func tried() {
        switch state {
        case .closed, .halfOpen: break
        case .open: state = .halfOpen
        }
    }

    /// A session reached it. True when that is news.
    package mutating func succeeded() -> Bool {
        failures = 0
        pause = Self.shortest
        defer { state = .closed }
        return state != .closed
    }

    /// A session could not reach it. True when it is left alone from now on.
    package mutating func failed(at now: Int64) -> Bool {
        switch state {
        case .closed:
            failures += 1
            guard failures >= Self.threshold else { return false }
        case .halfOpen: pause = min(pause * 2, Self.longest)
        // Somebody had begun before.
        case .open: return false
        }
        state = .open(until: now &+ pause)
        return true
    }

    /// A try ended without an answer to the question.
    package mutating func abandoned(at now: Int64) {
        switch state {
        case .halfOpen: state = .open(until: now)
        case .closed, .open: break
        }
    }
}
