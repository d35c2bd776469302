// Sequence sets (RFC 9051 §9): `2,4:7,9,12:*`, of message numbers or of UIDs. What they name is found by searching the
// mailbox, so that 1:4294967295 costs no more than the mailbox is large.

import MailDialogue

/// A sequence set as it was sent.
struct IMAPSequenceSet: Equatable, Sendable {
    /// A number, or `*` for the largest in use.
    enum Bound: Equatable, Sendable {
        case number(UInt32)
        case largest

        func value(_ largest: UInt32) -> UInt32 {
            switch self {
            case .number(let number): number
            case .largest: largest
            }
        }
    }

    private(set) var ranges: [(Bound, Bound)] = []

    static func == (a: Self, b: Self) -> Bool { a.ranges.elementsEqual(b.ranges) { $0 == $1 } }

    /// Nil when the octets are no sequence set.
    init?(_ octets: ArraySlice<UInt8>) {
        for item in octets.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let ends = item.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard ends.count <= 2, let first = ends.first.flatMap(Self.bound), let last = ends.last.flatMap(Self.bound)
            else { return nil }
            ranges.append((first, last))
        }
    }

    private static func bound(_ octets: ArraySlice<UInt8>) -> Bound? {
        if octets.elementsEqual([UInt8(ascii: "*")]) { return .largest }
        guard let number = octets.decimal, number >= 1, let value = UInt32(exactly: number) else { return nil }
        return .number(value)
    }

    /// The octets of which sets are made.
    static func isOctet(_ octet: UInt8) -> Bool {
        (48...57).contains(octet) || octet == UInt8(ascii: ",") || octet == UInt8(ascii: ":")
            || octet == UInt8(ascii: "*")
    }

    /// The largest number that stands in it.
    var largestNumber: UInt32? {
        ranges.flatMap { [$0.0, $0.1] }.compactMap { if case .number(let number) = $0 { number } else { nil } }.max()
    }

    /// The message numbers in it, less one, as ascending ranges that do not touch.
    func indices(count: Int) -> [Range<Int>] {
        guard let largest = UInt32(exactly: count), largest > 0 else { return [] }
        return merged(largest).compactMap { low, high in
            let range = Int(low) - 1..<min(Int(high), count)
            return range.isEmpty ? nil : range
        }
    }

    /// The indices of the UIDs in it. `uids` ascend.
    func indices(uids: [UInt32]) -> [Range<Int>] {
        guard let largest = uids.last else { return [] }
        return merged(largest).compactMap { low, high in
            let range = Self.lowerBound(uids, low)..<Self.lowerBound(uids, high, orEqual: true)
            return range.isEmpty ? nil : range
        }
    }

    /// As ascending ranges that do not overlap, `*` replaced.
    private func merged(_ largest: UInt32) -> [(UInt32, UInt32)] {
        let sorted = ranges.map { first, last -> (UInt32, UInt32) in
            let (a, b) = (first.value(largest), last.value(largest))
            return (min(a, b), max(a, b))
        }.sorted { $0.0 < $1.0 }
        var result: [(UInt32, UInt32)] = []
        for (low, high) in sorted {
            if let last = result.last, low <= last.1 {
                result[result.count - 1].1 = max(last.1, high)
            } else if low <= largest {
                result.append((low, high))
            }
        }
        return result
    }

    /// The first index whose UID is at least `value`, or with `orEqual` beyond it.
    private static func lowerBound(_ uids: [UInt32], _ value: UInt32, orEqual: Bool = false) -> Int {
        var low = 0
        var high = uids.count
        while low < high {
            let middle = (low + high) / 2
            if uids[middle] < value || (orEqual && uids[middle] == value) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// UIDs as a set: `1:3,7`. A single UID never goes out as a range (RFC 4315 §3). They need not ascend.
    static func text(_ uids: [UInt32]) -> String {
        var parts: [String] = []
        var index = 0
        while index < uids.count {
            var end = index
            while end + 1 < uids.count, uids[end] < .max, uids[end + 1] == uids[end] + 1 { end += 1 }
            parts.append(index == end ? "\(uids[index])" : "\(uids[index]):\(uids[end])")
            index = end + 1
        }
        return parts.joined(separator: ",")
    }
}
