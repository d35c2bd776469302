// Finds the end of dot-terminated content and the malformed line ends in it, whatever way the octets are split.
// The end is CRLF "." CRLF and nothing else (RFC 5321 §4.1.1.4); the other eight pairs around a dot are flaws, because
// peers that take them for an end can be made to see messages that nobody sent.

import CBytes

/// Malformed line ends in content.
package struct ContentFlaws: OptionSet, Sendable, Equatable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// An LF without CR before it.
    package static let bareLF = ContentFlaws(rawValue: 1)
    /// A CR without LF behind it.
    package static let bareCR = ContentFlaws(rawValue: 2)
    /// A lone dot on a line that a malformed line end opened or closed: the shape of SMTP smuggling.
    package static let dotLine = ContentFlaws(rawValue: 4)
}

/// The state of the search between two pieces.
package struct DotScanner: Equatable, Sendable {
    /// A piece of content that was cut.
    struct Cut: Equatable {
        var piece: ArraySlice<UInt8>
        var terminator: ArraySlice<UInt8>?
        var flaws: ContentFlaws
    }

    /// Where the next octet stands.
    private enum Place: Equatable {
        /// First octet of a line that CRLF opened, or of the content.
        case lineStart
        /// First octet of a line that a bare LF or CR opened.
        case looseLineStart
        /// The octet before was CR.
        case afterCR
        /// A loose line start was followed by a dot.
        case looseDot
        case middle
    }

    /// What is looked at in one go.
    private static let block = 512

    private var place: Place = .lineStart
    /// Octets of content so far, and how many of them are dots that stand doubled at the front of a line.
    private(set) var octets = 0
    private(set) var stuffed = 0
    /// Shapes are reported once for each content.
    private var reported: ContentFlaws = []

    /// Octets of content at the front of `buffer`; up to two octets of a possible terminator are left uncounted.
    mutating func scan(_ buffer: ArraySlice<UInt8>) -> (content: Int, terminated: Bool, flaws: ContentFlaws) {
        buffer.withUnsafeBytes { scan($0) }
    }

    /// The same for octets in memory.
    mutating func scan(_ buffer: UnsafeRawBufferPointer) -> (content: Int, terminated: Bool, flaws: ContentFlaws) {
        var flaws: ContentFlaws = []
        let result = scan(buffer, &flaws)
        octets &+= result.0
        flaws.subtract(reported)
        reported.formUnion(flaws)
        return (result.0, result.1, flaws)
    }

    private mutating func scan(_ raw: UnsafeRawBufferPointer, _ flaws: inout ContentFlaws) -> (Int, Bool) {
        let cr: UInt8 = 13
        let lf: UInt8 = 10
        let dot: UInt8 = 46
        var i = 0
        let end = raw.count
        // The next LF at or behind `i`, once it was looked for: without it a run of CRs would be searched to its end
        // each time.
        var nextLF = -1
        // Before this place, blocks are known not to be plain.
        var noPlain = 0
        while i < end {
            switch place {
            case .lineStart:
                if raw[i] == dot {
                    if i + 1 == end { return (i, false) }
                    if raw[i + 1] == cr {
                        if i + 2 == end { return (i, false) }
                        if raw[i + 2] == lf { return (i, true) }
                        flaws.formUnion([.dotLine, .bareCR])
                    } else if raw[i + 1] == lf {
                        flaws.formUnion([.dotLine, .bareLF])
                    }
                    i += 1
                    stuffed &+= 1
                }
                place = .middle
            case .looseLineStart:
                if raw[i] == dot {
                    place = .looseDot
                    i += 1
                } else {
                    place = .middle
                }
            case .looseDot:
                if raw[i] == cr || raw[i] == lf { flaws.insert(.dotLine) }
                place = .middle
            case .afterCR:
                if raw[i] == lf {
                    i += 1
                    place = .lineStart
                } else {
                    flaws.insert(.bareCR)
                    place = .looseLineStart
                }
            case .middle:
                // The common line: CRLF is the next line end, and no CR stands before it.
                guard let base = raw.baseAddress else { return (i, false) }
                if i >= noPlain {
                    let plain = mp_plain_content(base + i, end - i)
                    if plain > 0 {
                        i += plain
                        switch raw[i - 1] {
                        case cr: place = .afterCR
                        case lf: place = .lineStart
                        default: break
                        }
                        continue
                    }
                    noPlain = i + Self.block
                }
                if nextLF < i {
                    let hit = mp_find_byte(base + i, end - i, lf)
                    nextLF = hit < 0 ? end : i + hit
                }
                let lineEnd = nextLF
                let stray = mp_find_byte(base + i, lineEnd - i, cr)
                if stray >= 0 {
                    i += stray + 1
                    place = .afterCR
                } else if lineEnd < end {
                    flaws.insert(.bareLF)
                    i = lineEnd + 1
                    place = .looseLineStart
                } else {
                    i = end
                }
            }
        }
        return (end, false)
    }
}
