// What was done to a segment: its blocks as they were signed beside those that the file has now. Both are walked side by side; where they
// part, the nearest block that both have says whether something was taken out or put in. Linear but for one sort.

/// What is wrong with a recording. `rawValue` is what `--json` writes.
package enum ChainFaultKind: String, Sendable {
    /// Octets of a block are others than those that were signed.
    case changed
    /// Blocks are gone.
    case removed
    /// Blocks were put in.
    case inserted
    /// Blocks stand elsewhere.
    case moved
    /// Blocks are there once more.
    case doubled
    /// The end is gone.
    case cut
    /// Something was added behind the end.
    case added
    /// A segment that has an entry is not there.
    case missing
    /// A segment has no entry.
    case unsigned
    /// A signature is not that of the key.
    case signature
    /// A line of the chain, or of a file of stretches, does not follow the one before it, or is no line.
    case link
    /// Another key signs than the one that was expected.
    case key
    /// The chain is not the one whose head was kept.
    case head
    /// Retention removed it, as the chain says, and it is there.
    case kept
    /// What should be read cannot be.
    case unreadable
}

/// Blocks in order, as they are compared.
struct BlockList {
    var marks = BlockMarks()
    /// Where each begins.
    var offsets: [Int] = []
    private(set) var end: Int

    init(from offset: Int) { end = offset }

    var count: Int { offsets.count }

    mutating func append(_ length: Int, _ sum: UInt32) {
        marks.append(length, sum)
        offsets.append(end)
        end += length
    }

    /// What two blocks that are taken for the same one have in common.
    func key(_ index: Int) -> UInt64 { UInt64(marks.lengths[index]) << 32 | UInt64(marks.sums[index]) }
    func length(_ index: Int) -> Int { Int(marks.lengths[index]) }
}

/// A stretch of blocks that is not as it was.
struct BlockDifference: Equatable {
    var kind: ChainFaultKind
    /// Where it is in the file; nil for what is gone.
    var offset: Int?
    /// Where it was when it was signed; nil for what is new.
    var was: Int?
    var octets: Int
    var blocks: Int
}

/// Compares two lists.
struct BlockComparison {
    private let signed: BlockList
    private let found: BlockList
    /// Blocks by key and then by place, for looking ahead.
    private let signedPlaces: [(key: UInt64, place: Int)]
    private let foundPlaces: [(key: UInt64, place: Int)]
    private var differences: [BlockDifference] = []
    /// The blocks behind each difference, in `signed` for what is gone, in `found` for what is new.
    private var ranges: [Range<Int>] = []

    /// What became of `signed`.
    static func differences(_ signed: BlockList, _ found: BlockList) -> [BlockDifference] {
        var comparison = BlockComparison(signed, found)
        comparison.walk()
        comparison.pair()
        return comparison.differences
    }

    private init(_ signed: BlockList, _ found: BlockList) {
        self.signed = signed
        self.found = found
        signedPlaces = Self.places(signed)
        foundPlaces = Self.places(found)
    }

    private static func places(_ list: BlockList) -> [(key: UInt64, place: Int)] {
        (0..<list.count).map { (list.key($0), $0) }.sorted { ($0.key, $0.place) < ($1.key, $1.place) }
    }

    /// The first block with this key at or behind a place.
    private static func next(_ key: UInt64, from place: Int, in places: [(key: UInt64, place: Int)]) -> Int? {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if (places[middle].key, places[middle].place) < (key, place) { low = middle + 1 } else { high = middle }
        }
        return low < places.count && places[low].key == key ? places[low].place : nil
    }

    private mutating func walk() {
        var (i, j) = (0, 0)
        while i < signed.count, j < found.count {
            if signed.key(i) == found.key(j) {
                i += 1
                j += 1
                continue
            }
            let ahead = Self.next(found.key(j), from: i + 1, in: signedPlaces).map { $0 - i }
            let later = Self.next(signed.key(i), from: j + 1, in: foundPlaces).map { $0 - j }
            // One block stands where another did, and both lists go on alike.
            if i + 1 < signed.count, j + 1 < found.count, signed.key(i + 1) == found.key(j + 1) {
                if ahead == nil, later == nil {
                    note(.changed, j..<(j + 1), was: signed.offsets[i])
                } else {
                    note(.removed, i..<(i + 1))
                    note(.inserted, j..<(j + 1))
                }
                i += 1
                j += 1
                continue
            }
            switch (ahead, later) {
            case (nil, nil):
                // Neither is known to the other: one in the place of the other, or the rest of the file.
                if signed.length(i) != found.length(j), let (gone, new) = meeting(i, j) {
                    note(.removed, i..<(i + gone))
                    note(.inserted, j..<(j + new))
                    i += gone
                    j += new
                } else {
                    note(.changed, j..<(j + 1), was: signed.offsets[i])
                    i += 1
                    j += 1
                }
            case (.some(let gone), nil):
                note(.removed, i..<(i + gone))
                i += gone
            case (nil, .some(let new)):
                note(.inserted, j..<(j + new))
                j += new
            case (.some(let gone), .some(let new)):
                let goneRun = run(i + gone, j)
                let newRun = run(i, j + new)
                if goneRun > newRun || goneRun == newRun && gone <= new {
                    note(.removed, i..<(i + gone))
                    i += gone
                } else {
                    note(.inserted, j..<(j + new))
                    j += new
                }
            }
        }
        if i == signed.count, j == found.count, let last = differences.last, last.kind == .changed, let was = last.was,
            let offset = last.offset, offset + last.octets == found.end, was + last.octets < signed.end
        {
            // The last block was cut through.
            differences[differences.count - 1] = BlockDifference(
                kind: .cut, was: was + last.octets, octets: signed.end - was - last.octets, blocks: 1)
            ranges[differences.count - 1] = (signed.count - 1)..<signed.count
        }
        if i < signed.count { note(.cut, i..<signed.count) }
        if j < found.count { note(.added, j..<found.count) }
    }

    /// How many blocks are alike from there on, up to a few.
    private func run(_ i: Int, _ j: Int) -> Int {
        var count = 0
        while count < 8, i + count < signed.count, j + count < found.count,
            signed.key(i + count) == found.key(j + count)
        { count += 1 }
        return count
    }

    /// Where two lists that part meet again, with as few blocks between as can be: within a few, as more is rare and costs.
    private func meeting(_ i: Int, _ j: Int) -> (gone: Int, new: Int)? {
        for total in 1...16 {
            for gone in 0...total {
                let new = total - gone
                if i + gone < signed.count, j + new < found.count, signed.key(i + gone) == found.key(j + new) {
                    return (gone, new)
                }
            }
        }
        return nil
    }

    private mutating func note(_ kind: ChainFaultKind, _ range: Range<Int>, was: Int? = nil) {
        guard !range.isEmpty else { return }
        let isGone = kind == .removed || kind == .cut
        let list = isGone ? signed : found
        let octets = range.reduce(0) { $0 + list.length($1) }
        // Neighbours of the same kind are one.
        if let last = differences.indices.last, differences[last].kind == kind, kind != .changed,
            ranges[last].upperBound == range.lowerBound
        {
            differences[last].octets += octets
            differences[last].blocks += range.count
            ranges[last] = ranges[last].lowerBound..<range.upperBound
            return
        }
        differences.append(
            BlockDifference(
                kind: kind, offset: isGone ? nil : found.offsets[range.lowerBound],
                was: isGone ? signed.offsets[range.lowerBound] : was, octets: octets, blocks: range.count))
        ranges.append(range)
    }

    /// What is gone here and new there was moved; what is new and known was doubled; what is cut from within a block is all cut.
    private mutating func pair() {
        var gone: [UInt64: Int] = [:]
        for (place, difference) in differences.enumerated()
        where difference.kind == .removed || difference.kind == .cut {
            gone[signed.key(ranges[place].lowerBound)] = place
        }
        var dropped: Set<Int> = []
        for (place, difference) in differences.enumerated()
        where difference.kind == .inserted || difference.kind == .added {
            let first = found.key(ranges[place].lowerBound)
            if let source = gone[first], !dropped.contains(source), differences[source].blocks == difference.blocks {
                differences[place].kind = .moved
                differences[place].was = differences[source].was
                dropped.insert(source)
            } else if let source = Self.next(first, from: 0, in: signedPlaces) {
                differences[place].kind = .doubled
                differences[place].was = signed.offsets[source]
            }
        }
        // The rest of a block that was cut through stands as a change or an addition before what is gone.
        if let last = differences.indices.last, last > 0, differences[last].kind == .cut, !dropped.contains(last),
            let offset = differences[last - 1].offset, differences[last - 1].kind == .changed,
            offset + differences[last - 1].octets == found.end,
            let was = differences[last - 1].was, was + differences[last - 1].octets < (differences[last].was ?? 0)
        {
            differences[last].octets += (differences[last].was ?? 0) - was - differences[last - 1].octets
            differences[last].was = was + differences[last - 1].octets
            differences[last].blocks += 1
            dropped.insert(last - 1)
        }
        differences = differences.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
    }
}
