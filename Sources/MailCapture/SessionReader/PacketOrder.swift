// Whether the packets of a capture stand in the order of their times. Connections are put together by their sequence numbers, so that a
// little disorder does no harm; a file whose packets run backwards has the end of each before its beginning.

/// Looks at the times of packets as they come.
package struct PacketOrder: Sendable {
    private var newest = Int64.min
    /// Packets that are older than one before them by more than ``tolerance``.
    package private(set) var backward = 0
    private var packets = 0
    /// Those that are older by anything.
    private var older = 0

    /// Nanoseconds by which queues of a network card, and the clocks of processors, put packets into disorder, many times over.
    package static let tolerance: Int64 = 1_000_000_000

    package init() {}

    /// - Parameter time: of the next packet, in nanoseconds.
    package mutating func accept(_ time: Int64) {
        packets &+= 1
        guard time < newest else {
            newest = time
            return
        }
        older &+= 1
        if newest &- time > Self.tolerance { backward &+= 1 }
    }

    /// What there is to say of it; nil for nothing.
    package var remark: String? {
        // Of a capture of a moment that runs backwards all but the first are.
        let count = max(backward, older &* 2 > packets &+ 2 ? older : 0)
        guard count > 0 else { return nil }
        let words = count == 1 ? "1 packet is" : "\(count) packets are"
        return
            "\(words) older than packets before: the clock was set back, or they are not in order, which 'reordercap' mends; sessions may be in parts"
    }
}
