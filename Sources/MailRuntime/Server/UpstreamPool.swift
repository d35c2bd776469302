// The upstreams of a route that has several: which one a session tries, and what is learned from it.

import Synchronization

/// Upstreams to choose from. Shared by all loops.
final class UpstreamPool: Sendable {
    private struct Member {
        let target: UpstreamTarget
        let name: String
        let priority: Int
        let weight: Int
        /// How far behind its share it is (smooth weighted round robin).
        var credit = 0
        var breaker = CircuitBreaker()
        var sessions = 0
        var failures = 0
    }

    /// What is to be told of an upstream.
    struct Figures: Equatable {
        let name: String
        let isUp: Bool
        let sessions: Int
        let failures: Int
    }

    private let members: Mutex<[Member]>
    /// The TLS of the first: that of the client's leg is the same for all.
    let security: RouteSecurity?

    /// - Parameter choices: in the order in which they stand.
    init(_ choices: [(route: Route, target: UpstreamTarget)]) {
        security = choices.first?.target.security
        members = Mutex(
            choices.enumerated().map { index, choice in
                Member(
                    target: choice.target, name: choice.route.upstreamText,
                    // The built-in server never fails: it comes behind all others.
                    priority: choice.target.isFallback ? .max : choice.route.rank.priority ?? index,
                    weight: choice.route.rank.weight)
            })
    }

    /// The upstream that a session tries next: of those that it has not tried and that are not left alone, one of the first by
    /// priority, by weight among equals. Nil when there is none.
    func choose(besides tried: [Int], now: Int64) -> (index: Int, target: UpstreamTarget)? {
        members.withLock { members in
            var best: [Int] = []
            for index in members.indices where !tried.contains(index) && members[index].breaker.allows(at: now) {
                if let first = best.first, members[index].priority != members[first].priority {
                    if members[index].priority < members[first].priority { best = [index] }
                } else {
                    best.append(index)
                }
            }
            if best.isEmpty, !members.contains(where: \.target.isFallback) {
                // All are left alone. A session that would be refused may as well try the one whose time is over first.
                best =
                    members.indices.filter { !tried.contains($0) }
                    .min { members[$0].breaker.resumes < members[$1].breaker.resumes }.map { [$0] } ?? []
            }
            guard var chosen = best.first else { return nil }
            var sum = 0
            for index in best {
                members[index].credit += members[index].weight
                sum += members[index].weight
                if members[index].credit > members[chosen].credit { chosen = index }
            }
            members[chosen].credit -= sum
            members[chosen].breaker.tried()
            return (chosen, members[chosen].target)
        }
    }

    /// A session has its greeting. The name when the upstream was left alone before.
    func succeeded(_ index: Int) -> String? {
        members.withLock { members in
            guard members.indices.contains(index) else { return nil }
            members[index].sessions += 1
            return members[index].breaker.succeeded() ? members[index].name : nil
        }
    }

    /// A session could not reach it. The name when it is left alone from now on.
    func failed(_ index: Int, now: Int64) -> String? {
        members.withLock { members in
            guard members.indices.contains(index) else { return nil }
            members[index].failures += 1
            return members[index].breaker.failed(at: now) ? members[index].name : nil
        }
    }

    /// A session ended before it knew.
    func abandoned(_ index: Int, now: Int64) {
        members.withLock { members in
            if members.indices.contains(index) { members[index].breaker.abandoned(at: now) }
        }
    }

    var figures: [Figures] {
        members.withLock { members in
            members.filter { !$0.target.isFallback }.map {
                Figures(
                    name: $0.name, isUp: $0.breaker.state == .closed, sessions: $0.sessions, failures: $0.failures)
            }
        }
    }
}

/// What a session keeps of its choice among several upstreams.
struct UpstreamChoice {
    let pool: UpstreamPool
    private(set) var tried: [Int] = []
    /// The one that is being tried; nil when its outcome is known.
    private var current: Int?

    init(_ pool: UpstreamPool) { self.pool = pool }

    /// The next to try; nil when there is none.
    mutating func next(now: Int64) -> UpstreamTarget? {
        guard let (index, target) = pool.choose(besides: tried, now: now) else { return nil }
        tried.append(index)
        current = index
        return target
    }

    mutating func succeeded() -> String? {
        guard let index = current else { return nil }
        current = nil
        return pool.succeeded(index)
    }

    mutating func failed(now: Int64) -> String? {
        guard let index = current else { return nil }
        current = nil
        return pool.failed(index, now: now)
    }

    mutating func abandoned(now: Int64) {
        if let index = current { pool.abandoned(index, now: now) }
        current = nil
    }
}
