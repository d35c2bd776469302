// What two lists have that the other has not, in order: a small diff. Bounded: what is alike at both ends is passed over, and of what is
// left the longest common subsequence is looked for only where that is little work.

/// The difference of two lists.
package struct ListDifference<Element: Equatable & Sendable>: Equatable, Sendable {
    package enum Change: Equatable, Sendable {
        case removed(Element)
        case added(Element)
    }

    /// Comparisons that are made at most; beyond, all that is left between the ends counts as replaced.
    package static var mostWork: Int { 250_000 }

    package private(set) var changes: [Change] = []
    /// Index in the old list of the first element that is not alike.
    package private(set) var start: Int

    package init(_ old: [Element], _ new: [Element]) {
        var front = 0
        while front < old.count, front < new.count, old[front] == new[front] { front += 1 }
        var back = 0
        while back < old.count - front, back < new.count - front,
            old[old.count - 1 - back] == new[new.count - 1 - back]
        {
            back += 1
        }
        start = front
        let before = old[front..<(old.count - back)]
        let after = new[front..<(new.count - back)]
        guard !before.isEmpty, !after.isEmpty, before.count <= Self.mostWork / after.count else {
            changes = before.map { .removed($0) } + after.map { .added($0) }
            return
        }
        // lengths[i][j]: what the rests from i and j on have in common.
        let width = after.count + 1
        var lengths = [UInt32](repeating: 0, count: (before.count + 1) * width)
        for i in stride(from: before.count - 1, through: 0, by: -1) {
            for j in stride(from: after.count - 1, through: 0, by: -1) {
                lengths[i * width + j] =
                    before[before.startIndex + i] == after[after.startIndex + j]
                    ? lengths[(i + 1) * width + j + 1] + 1
                    : max(lengths[(i + 1) * width + j], lengths[i * width + j + 1])
            }
        }
        var i = 0
        var j = 0
        while i < before.count || j < after.count {
            if i < before.count, j < after.count, before[before.startIndex + i] == after[after.startIndex + j] {
                i += 1
                j += 1
            } else if i < before.count,
                j == after.count || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]
            {
                changes.append(.removed(before[before.startIndex + i]))
                i += 1
            } else {
                changes.append(.added(after[after.startIndex + j]))
                j += 1
            }
        }
    }
}
