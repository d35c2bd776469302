// Percentiles of times in bounded memory: exact while there are few, then from counts of ranges that are narrow everywhere.

/// Times in microseconds, and what can be asked of many of them.
package struct Percentiles: Equatable, Sendable {
    /// Values that are kept one by one.
    package static let mostExact = 128
    /// Ranges for each doubling: a value told from its range is off by less than one part in 128.
    private static let steps = 64
    private static let stepBits = 6

    private var exact: [Int64] = []
    /// How many values fell into a range, when there are more than are kept.
    private var ranges: [UInt16: Int] = [:]
    package private(set) var count = 0
    /// The sum of all values.
    package private(set) var total: Int64 = 0
    package private(set) var largest: Int64 = 0

    package init() {}

    /// The values were kept one by one: what is told of them is exact.
    package var isExact: Bool { ranges.isEmpty }

    /// Takes a value; a negative one, of clocks that were set back, counts as 0.
    package mutating func add(_ value: Int64) {
        let value = max(value, 0)
        count += 1
        total &+= value
        largest = max(largest, value)
        if ranges.isEmpty {
            exact.append(value)
            if exact.count > Self.mostExact { coarsen() }
        } else {
            ranges[Self.range(of: value), default: 0] += 1
        }
    }

    /// Takes all values of another.
    package mutating func add(_ other: Percentiles) {
        count += other.count
        total &+= other.total
        largest = max(largest, other.largest)
        if ranges.isEmpty, other.ranges.isEmpty, exact.count + other.exact.count <= Self.mostExact {
            exact += other.exact
            return
        }
        coarsen()
        for value in other.exact { ranges[Self.range(of: value), default: 0] += 1 }
        for (range, number) in other.ranges { ranges[range, default: 0] += number }
    }

    /// The value that so many of a hundred are not beyond (the nearest rank); nil when there are none.
    package func value(_ percent: Int) -> Int64? {
        guard count > 0 else { return nil }
        let rank = max(1, (count * min(max(percent, 0), 100) + 99) / 100)
        if ranges.isEmpty { return exact.sorted()[rank - 1] }
        if rank >= count { return largest }
        var passed = 0
        for range in ranges.keys.sorted() {
            passed += ranges[range] ?? 0
            if passed >= rank { return min(Self.middle(of: range), largest) }
        }
        return largest
    }

    private mutating func coarsen() {
        for value in exact { ranges[Self.range(of: value), default: 0] += 1 }
        exact = []
    }

    private static func range(of value: Int64) -> UInt16 {
        guard value >= Int64(steps) else { return UInt16(truncatingIfNeeded: value) }
        let exponent = 63 - value.leadingZeroBitCount
        let step = Int(value >> Int64(exponent - stepBits)) & (steps - 1)
        return UInt16(truncatingIfNeeded: (exponent - stepBits + 1) * steps + step)
    }

    private static func middle(of range: UInt16) -> Int64 {
        let number = Int(range)
        guard number >= steps else { return Int64(number) }
        let shift = Int64(number / steps - 1)
        let first = Int64(steps + number % steps) << shift
        return first &+ ((Int64(1) << shift) - 1) / 2
    }
}
