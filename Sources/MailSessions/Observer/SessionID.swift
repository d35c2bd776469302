// Names for sessions: short, unique, sorted by start.

/// Makes the ids of sessions: 13 characters of Crockford's base32 in lower case (no i, l, o, u) of the start in
/// microseconds since 1970, shifted by 12 bits, and a counter. Text order is the order of start.
package struct SessionID: Sendable {
    private var last: UInt64 = 0
    private let lane: UInt64
    private let lanes: UInt64

    /// - Parameters:
    ///   - lane: each of several makers that work at once has its own, from 0.
    ///   - lanes: how many makers there are; at most 4,096.
    package init(lane: Int = 0, of lanes: Int = 1) {
        self.lanes = UInt64(min(max(lanes, 1), 4096))
        self.lane = UInt64(max(lane, 0)) % self.lanes
    }

    /// The next id. Each is greater than all before it, also when the clock goes back.
    package mutating func next(at time: Int64) -> String {
        var value = max(UInt64(clamping: time) << 12, last &+ 1)
        // Up to the next number of this lane.
        value &+= (lane &+ lanes &- value % lanes) % lanes
        last = value
        return Self.text(value)
    }

    /// The id of a session that began at `time`, with the low 12 bits of `mark` in the counter's place.
    package static func text(_ time: Int64, mark: UInt64) -> String { text(UInt64(clamping: time) << 12 | mark & 4095) }

    /// 13 digits, the highest first.
    private static func text(_ value: UInt64) -> String {
        // Written in place: 13 octets take no storage of their own.
        String(unsafeUninitializedCapacity: 13) { out in
            let digits: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"
            digits.withUTF8Buffer { digits in
                for place in 0..<13 {
                    out[place] = digits[Int(truncatingIfNeeded: value >> UInt64(60 - 5 * place) & 31)]
                }
            }
            return 13
        }
    }
}
