// Packets have times in nanoseconds; what is told of sessions has microseconds, as people and rows need no finer ones
// (Docs/Decisions/062). Here is how the one becomes the other.

/// Times in nanoseconds since 1970. 64 bits hold those of the years 1677 to 2262: what is beyond stays at the limit.
package enum NanosecondTime {
    /// - Parameters:
    ///   - microseconds: since 1970.
    ///   - fraction: nanoseconds beyond them, 0 to 999.
    @inline(__always)
    package static func of(_ microseconds: Int64, _ fraction: Int = 0) -> Int64 {
        let (product, overflow) = microseconds.multipliedReportingOverflow(by: 1_000)
        guard !overflow else { return microseconds < 0 ? Int64.min : Int64.max }
        let (sum, isBeyond) = product.addingReportingOverflow(Int64(truncatingIfNeeded: fraction))
        return isBeyond ? Int64.max : sum
    }

    /// The whole microseconds of a time, rounded down, as its fraction is never negative.
    @inline(__always)
    package static func microseconds(_ time: Int64) -> Int64 {
        let (whole, rest) = time.quotientAndRemainder(dividingBy: 1_000)
        return rest < 0 ? whole &- 1 : whole
    }

    /// Nanoseconds beyond the whole microseconds, 0 to 999.
    @inline(__always)
    package static func fraction(_ time: Int64) -> Int {
        let rest = Int(truncatingIfNeeded: time % 1_000)
        return rest < 0 ? rest &+ 1_000 : rest
    }
}
