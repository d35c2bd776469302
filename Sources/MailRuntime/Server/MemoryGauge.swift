// How many octets wait in all sessions together, and what follows from it.

import Synchronization

/// Octets that wait in memory for a peer to take them or to send what makes them whole. Shared by all loops.
package final class MemoryGauge: Sendable {
    /// 0 for none.
    package let limit: Int
    private let count = Atomic<Int>(0)

    package init(limit: Int = 0) { self.limit = limit }

    /// Octets that wait.
    package var octets: Int { count.load(ordering: .relaxed) }

    /// More wait, or fewer.
    func add(_ octets: Int) { count.add(octets, ordering: .relaxed) }

    /// No session may begin.
    package var isFull: Bool { limit > 0 && octets >= limit }

    /// A quarter more wait than may: nobody is read any more who has not made whole what he has begun.
    package var isOverfull: Bool { limit > 0 && octets >= limit &+ limit / 4 }

    /// Octets of one side from which on that holds for it: less is what a line needs.
    package static let heldBack = 1_024

    /// Octets that may wait for one peer before its partner is not read any more. The more wait in all, the fewer: those with the most
    /// are stopped first, and nobody's octets are thrown away.
    package var highWater: Int {
        let octets = octets
        guard limit > 0, octets >= limit / 2 else { return RuntimeLimits.highWater }
        if octets >= limit { return 0 }
        return octets < limit / 4 * 3 ? RuntimeLimits.highWater / 4 : RuntimeLimits.highWater / 16
    }
}
