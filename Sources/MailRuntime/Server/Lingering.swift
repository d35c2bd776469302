// How long a peer's end is awaited behind our last words. A connection that is closed while the peer still speaks is reset, and what
// its host had not taken by then is lost (RFC 1122 §4.2.2.13); so it is closed once the peer has ended, too.

/// A peer that is to end its side. It is looked at every `round` seconds.
struct Lingering {
    /// Seconds between two looks: a peer that has all of our words and says nothing more is not awaited longer.
    static let round = 2.0

    private var left = Int.max
    private var heard: Int
    /// Seconds for which it took nothing of what is left for it.
    private var stalled = 0.0
    /// Seconds for which it spoke in vain.
    private var spoke = 0.0

    /// The octets that the peer has sent by now.
    init(heard: Int) { self.heard = heard }

    /// Whether the peer is awaited for another round: as long as it takes what is left for it, with pauses as long as any other peer
    /// may make (`RuntimeLimits.stalled`), and for a while when it only speaks.
    /// - Parameters:
    ///   - left: Octets that have not reached its host.
    ///   - heard: Octets that it has sent in all.
    mutating func awaits(left: Int, heard: Int) -> Bool {
        defer { (self.left, self.heard) = (left, heard) }
        guard left == 0 else {
            stalled = left < self.left ? 0 : stalled + Self.round
            return stalled < RuntimeLimits.stalled
        }
        spoke += Self.round
        return heard > self.heard && spoke < RuntimeLimits.stalled
    }
}
