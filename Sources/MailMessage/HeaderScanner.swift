// Finds the end of the header section of a message that arrives in pieces, so that rules can look at the header while the body
// has not come yet. What it keeps is bounded.

/// Collects the header section of a message that arrives in pieces.
package struct HeaderScanner: Equatable, Sendable {
    /// Octets of a header section that are kept. Postfix's header_size_limit is 102,400 octets for one field; real sections with many
    /// Received, ARC and DKIM fields stay below 64 KiB.
    package static let limit = 256 * 1024

    /// How far the section is.
    package enum Progress: Equatable, Sendable {
        /// The empty line has not come yet.
        case more
        /// The empty line came; `consumed` octets of this piece belong to the header section.
        case complete(consumed: Int)
        /// The section is larger than the limit: `octets` holds its beginning.
        case tooLong
    }

    private enum Line: Equatable, Sendable {
        case empty
        case onlyCR
        case other
    }

    /// The header section as far as it has come, with its empty line at the end when it is complete.
    private(set) package var octets: [UInt8] = []
    private var line = Line.empty
    private var progress = Progress.more
    private let limit: Int

    /// - Parameter limit: octets that are kept at most.
    package init(limit: Int = HeaderScanner.limit) {
        self.limit = max(limit, 0)
    }

    /// The empty line has come.
    package var isComplete: Bool {
        switch progress {
        case .complete: true
        case .more, .tooLong: false
        }
    }

    /// The fields as far as they have come.
    package var header: HeaderBlock { HeaderBlock(octets) }

    /// The fields of some names, which are in lower case, as far as they have come.
    package func header(keeping names: [[UInt8]]) -> HeaderBlock { HeaderBlock(octets[...], keeping: names) }

    /// Takes the next piece of the message.
    package mutating func feed(_ piece: ArraySlice<UInt8>) -> Progress {
        switch progress {
        case .complete: return .complete(consumed: 0)
        case .tooLong: return .tooLong
        case .more: break
        }
        var at = piece.startIndex
        var end = piece.endIndex
        scan: while at < piece.endIndex {
            guard let feed = Octets.find(Octets.lf, in: piece[at...]) else {
                line = kind(of: piece[at...])
                break
            }
            let kind = kind(of: piece[at..<feed])
            at = feed + 1
            line = .empty
            switch kind {
            case .empty, .onlyCR:
                end = at
                progress = .complete(consumed: end - piece.startIndex)
                break scan
            case .other: continue
            }
        }
        let taken = piece[..<end]
        if taken.count > limit - octets.count {
            octets.append(contentsOf: taken.prefix(limit - octets.count))
            progress = .tooLong
        } else {
            octets.append(contentsOf: taken)
        }
        return progress
    }

    /// What the line is when `more`, which holds no LF, is added to what came of it.
    private func kind(of more: ArraySlice<UInt8>) -> Line {
        switch line {
        case .empty:
            if more.isEmpty { return .empty }
            return more.count == 1 && more.first == Octets.cr ? .onlyCR : .other
        case .onlyCR: return more.isEmpty ? .onlyCR : .other
        case .other: return .other
        }
    }
}
