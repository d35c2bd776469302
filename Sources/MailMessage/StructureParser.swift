// Takes a message apart in one pass from its first to its last octet. Headers are read line by line; in bodies only lines
// that begin with two hyphens are looked at. The parts that are open at a place form a stack, innermost last.

struct StructureParser {
    private let bytes: ArraySlice<UInt8>
    private var position = 0
    private var parts: [MessagePart] = []
    /// Indices of the parts that are open.
    private var open: [Int] = []
    /// Boundaries of the open multiparts, by part.
    private var boundaries: [Int: [UInt8]] = [:]
    private var index = BoundaryIndex()
    /// Line ends counted up to `countedTo`; at the beginning of a part's body.
    private var lineCount = 0
    private var countedTo = 0
    private var linesBefore: [Int] = []
    /// Parts that each part holds; they become a part's content when it is closed.
    private var children: [[Int]] = []

    /// A boundary line of an open multipart.
    private struct Delimiter {
        let owner: Int
        let isClosing: Bool
        /// Offset of the two hyphens.
        let start: Int
        /// Offset behind the line.
        let end: Int
    }

    init(_ message: [UInt8]) {
        bytes = message[...]
    }

    mutating func parse() -> [MessagePart] {
        var delimiter = beginPart(in: nil, defaultType: .plainText)
        while let found = delimiter ?? nextDelimiter() {
            delimiter = nil
            position = found.end
            close(downTo: found.owner, at: found.start)
            if found.isClosing {
                forgetBoundary(of: found.owner)
            } else {
                let isDigest = parts[found.owner].mediaType.subtype == "digest"
                delimiter = beginPart(in: found.owner, defaultType: isDigest ? .message : .plainText)
            }
        }
        close(downTo: nil, at: bytes.endIndex)
        return parts
    }

    // MARK: Parts

    /// Reads a part's header and, when its body is a message, that of the message, and so on. Returns the boundary line that cut
    /// a header short.
    private mutating func beginPart(in parent: Int?, defaultType: MediaType) -> Delimiter? {
        var parent = parent
        var defaultType = defaultType
        while true {
            let start = position
            let cut = readHeader()
            let header = start..<position
            let part = append(header: header, parent: parent, defaultType: defaultType)
            if let cut { return cut }
            switch parts[part].content {
            case .message:
                parent = part
                defaultType = .plainText
            case .leaf, .opaque, .multipart: return nil
            }
        }
    }

    /// Moves behind the header's empty line, or to the boundary line or end that comes before it.
    private mutating func readHeader() -> Delimiter? {
        while position < bytes.endIndex {
            if let delimiter = delimiter(at: position) { return delimiter }
            let end = Octets.endOfLine(from: position, in: bytes)
            let isEmpty = Octets.withoutLineEnd(bytes[position..<end]).isEmpty
            position = end
            if isEmpty { return nil }
        }
        return nil
    }

    /// Adds the part whose header was just read, and opens it.
    private mutating func append(header: Range<Int>, parent: Int?, defaultType: MediaType) -> Int {
        let fields = PartFields(bytes[header], defaultType: defaultType)
        let type = fields.mediaType ?? defaultType
        let part = parts.count
        let depth = parent.map { parts[$0].depth + 1 } ?? 0
        let mayNest = depth < MessageStructure.maximumDepth && part + 1 < MessageStructure.maximumParts
        var content = MessagePart.Content.leaf
        if type.isMultipart {
            if mayNest, let boundary = type.parameter("boundary"),
                1...MessageStructure.maximumBoundary ~= boundary.count
            {
                content = .multipart([])
                index.open(boundary, for: part)
                boundaries[part] = boundary
            } else {
                content = .opaque
            }
        } else if type.isMessage {
            content = mayNest ? .message(part + 1) : .opaque
        }
        parts.append(
            MessagePart(
                parent: parent, depth: depth, header: header, body: header.upperBound..<header.upperBound, lines: 0,
                content: content, mediaType: type, encoding: fields.encoding ?? "7bit", id: fields.id,
                description: fields.description, disposition: fields.disposition, languages: fields.languages,
                md5: fields.md5,
                location: fields.location))
        children.append([])
        if let parent { children[parent].append(part) }
        countLines(to: header.upperBound)
        linesBefore.append(lineCount)
        open.append(part)
        return part
    }

    /// Closes the open parts inside `owner`, all for nil.
    private mutating func close(downTo owner: Int?, at end: Int) {
        countLines(to: end)
        // At the end of the message no line end belongs to a boundary.
        let lineEnd = owner == nil ? 0 : lengthOfLineEnd(before: end)
        var innerEnd = 0
        while let part = open.last, part != owner {
            open.removeLast()
            forgetBoundary(of: part)
            let start = parts[part].body.lowerBound
            // A header that runs into the boundary line ends at it, and so do the parts around it.
            let stop = max(start, end - lineEnd, innerEnd)
            innerEnd = stop
            parts[part].body = start..<stop
            parts[part].lines = lineCount - linesBefore[part] - (stop < end ? 1 : 0)
            switch parts[part].content {
            case .multipart: parts[part].content = .multipart(children[part])
            case .message: parts[part].content = children[part].first.map { .message($0) } ?? .opaque
            case .leaf, .opaque: break
            }
        }
    }

    private mutating func forgetBoundary(of part: Int) {
        guard let boundary = boundaries.removeValue(forKey: part) else { return }
        index.close(boundary, for: part)
    }

    private mutating func countLines(to offset: Int) {
        guard offset > countedTo else { return }
        lineCount += Octets.count(Octets.lf, in: bytes[countedTo..<offset])
        countedTo = offset
    }

    private func lengthOfLineEnd(before offset: Int) -> Int {
        guard offset >= 1, bytes[offset - 1] == Octets.lf else { return 0 }
        return offset >= 2 && bytes[offset - 2] == Octets.cr ? 2 : 1
    }

    // MARK: Boundary lines

    /// The next boundary line at or behind the position, which is at the beginning of a line.
    private mutating func nextDelimiter() -> Delimiter? {
        let needle: [UInt8] = [Octets.lf, UInt8(ascii: "-"), UInt8(ascii: "-")]
        guard !boundaries.isEmpty else { return nil }
        if let found = delimiter(at: position) { return found }
        while let feed = Octets.find(needle, in: bytes[position...]) {
            position = feed + 1
            if let found = delimiter(at: position) { return found }
        }
        return nil
    }

    /// The boundary line that begins here, if one does that counts.
    private func delimiter(at start: Int) -> Delimiter? {
        let hyphen = UInt8(ascii: "-")
        guard bytes.endIndex - start > 2, bytes[start] == hyphen, bytes[start + 1] == hyphen,
            let match = index.match(bytes[(start + 2)...])
        else { return nil }
        // Beyond the limit a boundary line that would open a part is text of the part that it stands in.
        guard match.isClosing || parts.count < MessageStructure.maximumParts else { return nil }
        return Delimiter(
            owner: match.part, isClosing: match.isClosing, start: start,
            end: Octets.endOfLine(from: start, in: bytes))
    }
}
