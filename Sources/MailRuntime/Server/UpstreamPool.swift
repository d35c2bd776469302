// The upstreams of a route that has several: which one a session tries, and what is learned from it.

import MailSessions
import Synchronization

/// Upstreams to choose from. Shared by all loops.
final class UpstreamPool: Sendable {
    private struct Member {
        let target: UpstreamTarget
        /// What figures and the log call it: no two of a pool the same.
        let name: String
        /// As it was written.
        let entry: String
        let priority: Int
        let weight: Int
        /// The names of clients that it is for; empty for all others.
        let names: [ServerNamePattern]
        let health: UpstreamHealth
        /// How far behind its share it is (smooth weighted round robin).
        var credit = 0
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
    /// Some are for clients that ask for a name.
    let hasNames: Bool

    /// - Parameters:
    ///   - choices: in the order in which they stand.
    ///   - old: the pool in whose place this one comes. What is known of upstreams whose entries are the same stays known.
    init(_ choices: [(route: Route, target: UpstreamTarget)], keeping old: UpstreamPool? = nil) {
        security = choices.first?.target.security
        hasNames = choices.contains { !$0.route.rank.names.isEmpty }
        var known = old?.known ?? []
        let names = Self.names(choices.map(\.route))
        members = Mutex(
            choices.enumerated().map { index, choice in
                let kept = known.firstIndex { $0.entry == choice.route.entry }
                return Member(
                    target: choice.target, name: names[index], entry: choice.route.entry,
                    // The built-in server never fails: it comes behind all others.
                    priority: choice.target.isFallback ? .max : choice.route.rank.priority ?? index,
                    weight: choice.route.rank.weight, names: choice.route.rank.names,
                    health: kept.map { known.remove(at: $0).health } ?? UpstreamHealth())
            })
    }

    private var known: [(entry: String, health: UpstreamHealth)] {
        members.withLock { $0.map { ($0.entry, $0.health) } }
    }

    /// Upstreams that have the same address are told apart by what else is written of them, or by their place.
    private static func names(_ routes: [Route]) -> [String] {
        func isShared(_ name: String, among names: [String]) -> Bool { names.filter { $0 == name }.count > 1 }
        let plain = routes.map(\.upstreamText)
        let whole = routes.enumerated().map { index, route -> String in
            guard isShared(plain[index], among: plain), let query = route.entry.firstIndex(of: "?") else {
                return plain[index]
            }
            return plain[index] + route.entry[query...]
        }
        return whole.enumerated().map { index, name in
            isShared(name, among: whole) ? "\(name) #\(index + 1)" : name
        }
    }

    /// Those that are for a client that asks for `name`, or for none: the ones whose name fits best, and `fallback` behind them; else
    /// those without a name. Empty when there are none. Nil for all, when the pool has no names.
    func group(for name: String?) -> [Int]? {
        guard hasNames else { return nil }
        return members.withLock { members in
            let fits = members.map { member in
                name.flatMap { name in member.names.lazy.compactMap { $0.fit(name) }.max() } ?? 0
            }
            let best = fits.max() ?? 0
            return members.indices.filter { index in
                let isOpen = members[index].names.isEmpty
                return best == 0 ? isOpen : fits[index] == best || (isOpen && members[index].target.isFallback)
            }
        }
    }

    /// The upstream that a session tries next: of those that it has not tried and that are not left alone, one of the first by
    /// priority, by weight among equals. Nil when there is none.
    /// - Parameter group: those among which it may choose; nil for all.
    func choose(besides tried: [Int], in group: [Int]? = nil, now: Int64) -> (index: Int, target: UpstreamTarget)? {
        members.withLock { members in
            let open = (group ?? Array(members.indices)).filter { !tried.contains($0) }
            var best: [Int] = []
            for index in open where members[index].health.allows(at: now) {
                if let first = best.first, members[index].priority != members[first].priority {
                    if members[index].priority < members[first].priority { best = [index] }
                } else {
                    best.append(index)
                }
            }
            if best.isEmpty, !(group ?? Array(members.indices)).contains(where: { members[$0].target.isFallback }) {
                // All are left alone. A session that would be refused may as well try the one whose time is over first.
                best =
                    open.map { ($0, members[$0].health.resumes) }.min { $0.1 < $1.1 }.map { [$0.0] } ?? []
            }
            guard var chosen = best.first else { return nil }
            var sum = 0
            for index in best {
                members[index].credit += members[index].weight
                sum += members[index].weight
                if members[index].credit > members[chosen].credit { chosen = index }
            }
            members[chosen].credit -= sum
            members[chosen].health.tried()
            return (chosen, members[chosen].target)
        }
    }

    /// There is one that is not our own server.
    func hasServers(in group: [Int]?) -> Bool {
        members.withLock { members in
            (group ?? Array(members.indices)).contains { !members[$0].target.isFallback }
        }
    }

    /// How many there are.
    func count(in group: [Int]?) -> Int { group?.count ?? members.withLock { $0.count } }

    private func member(_ index: Int) -> (name: String, health: UpstreamHealth)? {
        members.withLock { $0.indices.contains(index) ? ($0[index].name, $0[index].health) : nil }
    }

    /// A session has its greeting. The name when the upstream was left alone before.
    func succeeded(_ index: Int) -> String? { member(index).flatMap { $0.health.succeeded() ? $0.name : nil } }

    /// A session could not reach it. The name when it is left alone from now on.
    func failed(_ index: Int, now: Int64) -> String? {
        member(index).flatMap { $0.health.failed(now: now) ? $0.name : nil }
    }

    /// A session ended before it knew.
    func abandoned(_ index: Int, now: Int64) { member(index)?.health.abandoned(now: now) }

    var figures: [Figures] {
        let upstreams = members.withLock { members in
            members.filter { !$0.target.isFallback }.map { ($0.name, $0.health) }
        }
        return upstreams.map { name, health in
            let known = health.figures
            return Figures(name: name, isUp: known.isUp, sessions: known.sessions, failures: known.failures)
        }
    }
}

/// What a session keeps of its choice among several upstreams.
struct UpstreamChoice {
    let pool: UpstreamPool
    private(set) var tried: [Int] = []
    /// The one that is being tried; nil when its outcome is known.
    private var current: Int?
    /// Those among which it chooses; nil for all.
    private let group: [Int]?
    /// Our own server takes the session over when rules let it go on.
    var isFallbackDue = false

    init(_ pool: UpstreamPool, in group: [Int]? = nil) {
        self.pool = pool
        self.group = group
    }

    /// There are upstreams beside our own server, which were not tried.
    var hasOthers: Bool { pool.hasServers(in: group) }

    /// No other is left to try.
    var isLast: Bool { tried.count >= pool.count(in: group) }

    /// The next to try; nil when there is none.
    mutating func next(now: Int64) -> UpstreamTarget? {
        guard let (index, target) = pool.choose(besides: tried, in: group, now: now) else { return nil }
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
