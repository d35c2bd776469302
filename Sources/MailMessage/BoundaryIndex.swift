// The boundaries that are open at a place of a message, as a tree of octets: a line is compared with all of them in one walk,
// so that a hundred nested multiparts cost no more than one.

struct BoundaryIndex {
    /// A step from a node to the next one.
    private struct Step: Hashable {
        let node: Int
        let octet: UInt8
    }

    private struct Target {
        let node: Int
        /// Open boundaries that go through here; without any the step is removed, so that memory depends on what is open only.
        var uses: Int
    }

    private var steps: [Step: Target] = [:]
    /// Parts whose boundary ends at the node; the last one is the innermost.
    private var owners: [Int: [Int]] = [:]
    private var lastNode = 0

    /// Opens a boundary for a part.
    mutating func open(_ boundary: [UInt8], for part: Int) {
        var node = 0
        for octet in boundary {
            let step = Step(node: node, octet: octet)
            if let target = steps[step] {
                steps[step] = Target(node: target.node, uses: target.uses + 1)
                node = target.node
            } else {
                lastNode += 1
                steps[step] = Target(node: lastNode, uses: 1)
                node = lastNode
            }
        }
        owners[node, default: []].append(part)
    }

    /// Closes the boundary that was opened for a part.
    mutating func close(_ boundary: [UInt8], for part: Int) {
        var node = 0
        for octet in boundary {
            let step = Step(node: node, octet: octet)
            guard let target = steps[step] else { return }
            steps[step] = target.uses > 1 ? Target(node: target.node, uses: target.uses - 1) : nil
            node = target.node
        }
        owners[node]?.removeAll { $0 == part }
        if owners[node]?.isEmpty ?? false { owners[node] = nil }
    }

    /// The part whose boundary the line begins with, and whether the line closes it. RFC 2046 §5.1.1 compares the beginning of the
    /// line only; the longest boundary counts when one is the beginning of another.
    /// - Parameters:
    ///   - line: the line with its line end.
    ///   - start: index behind the two hyphens.
    func match(_ line: OctetSpan, from start: Int) -> (part: Int, isClosing: Bool)? {
        var node = 0
        var found: (part: Int, end: Int)?
        var at = start
        while at < line.count, let target = steps[Step(node: node, octet: line[at])] {
            node = target.node
            at += 1
            if let owner = owners[node]?.last { found = (owner, at) }
        }
        guard let found else { return nil }
        let hyphen = UInt8(ascii: "-")
        let isClosing = line.count - found.end >= 2 && line[found.end] == hyphen && line[found.end + 1] == hyphen
        return (found.part, isClosing)
    }
}
