// How many octets wait in all sessions together, and what follows from it.

import Synchronization

/// Octets that wait in memory for a peer to take them or to send what makes them whole. Shared by all loops.
package final class MemoryGauge: Sendable {
    /// 0 for none.
    package let limit: Int
    private let count = Atomic<Int>(0)
    private let held = Atomic<Int>(0)

    package init(limit: Int = 0) { self.limit = limit }

    /// Octets that wait.
    package var octets: Int { count.load(ordering: .relaxed) }

    /// More wait, or fewer.
    func add(_ octets: Int) { count.add(octets, ordering: .relaxed) }

    /// No session may begin.
    package var isFull: Bool { limit > 0 && octets >= limit }

    /// A quarter more wait than may: whoever has more than its share of what is not whole has to wait for its turn.
    package var isOverfull: Bool { limit > 0 && octets >= limit &+ limit / 4 }

    /// Half as much again waits as may: turns go round no more.
    var isExhausted: Bool { limit > 0 && octets >= limit &+ limit / 2 }

    /// Octets that one read brings at most while far too much waits, and that any side of any session may have waiting: what a line
    /// needs.
    package static let allowance = 4_096

    /// Octets of one side of a session that may wait to be made whole however much waits in all: all shares together are another quarter of
    /// the limit, as long as the allowance of each is not more.
    package func share(among sessions: Int) -> Int { max(Self.allowance, limit / 4 / max(1, sessions)) }

    /// Sessions that are not read because they have more than their share.
    package var heldSessions: Int { held.load(ordering: .relaxed) }

    /// More of them, or fewer.
    func hold(_ sessions: Int) { held.add(sessions, ordering: .relaxed) }

    /// Octets that may wait for one peer before its partner is not read any more. The more wait in all, the fewer: those with the most
    /// are stopped first, and nobody's octets are thrown away.
    package var highWater: Int {
        let octets = octets
        guard limit > 0, octets >= limit / 2 else { return RuntimeLimits.highWater }
        if octets >= limit { return 0 }
        return octets < limit / 4 * 3 ? RuntimeLimits.highWater / 4 : RuntimeLimits.highWater / 16
    }
}
