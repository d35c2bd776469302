// Takes a message apart while its octets pass, in pieces of any size. It works line by line: a line's head, at most
// `headLimit` octets, is waited for, since it says what the line is; the tail of a longer line passes as it comes. So what is
// kept is bounded, and nothing depends on how the octets were cut. The parts that are open at a place form a stack, innermost
// last. Told to judge, it shows everything that it reads to a `MessageJudge`.

struct StructureScanner {
    /// Octets of a line that are waited for: enough to tell a boundary line with the longest boundary.
    static let headLimit = MessageStructure.maximumBoundary + 8

    private enum Place {
        /// In a header section; the field that is being collected may be empty.
        case header
        case body
    }

    /// What the present line is, for its tail.
    private enum Line {
        case field
        case boundary
        case body
    }

    /// The header section that is being read.
    private struct Section {
        var start = 0
        var parent: Int?
        var defaultType = MediaType.plainText
        var fields = PartFields()
        /// Where the field that is being collected begins.
        var fieldStart = 0
        /// What came of it, cut at the limits.
        var field: [UInt8] = []
        var isFieldCut = false
    }

    /// A boundary line of an open multipart.
    private struct Delimiter {
        let owner: Int
        let isClosing: Bool
    }

    private let isJudging: Bool
    private let limits: MessageLimits
    private(set) var judge: MessageJudge
    private(set) var parts: [MessagePart] = []

    /// Offset of the first octet that was not handled yet; what is carried over begins there.
    private(set) var offset = 0
    private var carry: [UInt8] = []
    /// The head of the present line was handled, its tail is passing.
    private var isInTail = false
    private var place = Place.header
    private var line = Line.field
    private var lastOctet: UInt8 = 0
    /// Octets of the line end behind the last line, 0 at the beginning.
    private var lineEnd = 0
    private var lineCount = 0
    private var section = Section()
    /// Octets of header sections so far.
    private var headerOctets = 0

    /// Indices of the parts that are open.
    private var open: [Int] = []
    /// Boundaries of the open multiparts, by part.
    private var boundaries: [Int: [UInt8]] = [:]
    private var index = BoundaryIndex()
    private var linesBefore: [Int] = []
    /// Parts that each part holds; they become a part's content when it is closed.
    private var children: [[Int]] = []

    init(isJudging: Bool, limits: MessageLimits = MessageLimits()) {
        self.isJudging = isJudging
        self.limits = limits
        judge = MessageJudge(limits: limits)
        if isJudging { judge.beginHeader(.message(isRoot: true), at: 0) }
    }

    // MARK: Octets to lines

    /// Takes the next octets of the message.
    mutating func feed(_ piece: ArraySlice<UInt8>) {
        let octets = piece.span
        var at = 0
        while at < octets.count {
            let rest = octets.extracting(at..<octets.count)
            if isInTail {
                let end = rest.index(of: Octets.lf).map { $0 + 1 } ?? rest.count
                takeTail(rest.extracting(0..<end))
                at += end
                continue
            }
            let skipped = carry.isEmpty ? passOver(rest) : 0
            if skipped > 0 {
                at += skipped
                continue
            }
            let room = rest.extracting(first: StructureScanner.headLimit - carry.count)
            let end = room.index(of: Octets.lf).map { $0 + 1 } ?? room.count
            let isHead =
                end < room.count || room.lastOctet == Octets.lf || carry.count + end == StructureScanner.headLimit
            if carry.isEmpty, isHead {
                takeHead(room.extracting(0..<end))
            } else {
                carry.append(room.extracting(0..<end))
                if isHead { takeCarry() }
            }
            at += end
        }
    }

    /// What was carried over is the head of a line.
    private mutating func takeCarry() {
        var head: [UInt8] = []
        swap(&head, &carry)
        takeHead(head.span)
        head.removeAll(keepingCapacity: true)
        swap(&head, &carry)
    }

    /// The message is over. The parts are complete then.
    /// - Parameter isComplete: nothing is missing at its end; else what the end would show is not judged.
    mutating func finish(isComplete: Bool) {
        if !carry.isEmpty { takeCarry() }
        if isJudging { judge.endLines(at: offset, isComplete: isComplete) }
        if place == .header {
            if isJudging, isComplete, !section.field.isEmpty, lastOctet != Octets.lf {
                judge.note(.truncated, at: offset)
            }
            endField()
            endHeader(at: offset, isCut: false, isAtEnd: true, isComplete: isComplete)
        }
        close(downTo: nil, at: offset, isComplete: isComplete)
    }

    /// How many octets at the front of a piece that begins with a line are nothing but lines of the present body.
    private mutating func passOver(_ rest: OctetSpan) -> Int {
        guard place == .body else { return 0 }
        var count = 0
        if isJudging {
            guard judge.takesPlainLines else { return 0 }
            count = rest.plainLines
        } else {
            // Only lines that begin with hyphens matter, and none when no multipart is open.
            guard rest.firstOctet != UInt8(ascii: "-") || boundaries.isEmpty else { return 0 }
            let found = boundaries.isEmpty ? nil : rest.index(of: StructureScanner.boundaryMark)
            guard let end = found ?? rest.lastIndex(of: Octets.lf) else { return 0 }
            count = end + 1
        }
        guard count > 0 else { return 0 }
        lineCount += rest.extracting(0..<count).count(of: Octets.lf)
        lastOctet = Octets.lf
        lineEnd = count > 1 && rest[count - 2] == Octets.cr ? 2 : 1
        offset += count
        return count
    }

    private static let boundaryMark: [UInt8] = [Octets.lf, UInt8(ascii: "-"), UInt8(ascii: "-")]

    /// Counts a line's end after its octets were handled.
    private mutating func advance(_ octets: OctetSpan) {
        guard let last = octets.lastOctet else { return }
        offset += octets.count
        isInTail = last != Octets.lf
        if last == Octets.lf {
            let before = octets.count > 1 ? octets[octets.count - 2] : lastOctet
            lineEnd = before == Octets.cr ? 2 : 1
            lineCount += 1
        }
        lastOctet = last
    }

    private mutating func takeHead(_ head: OctetSpan) {
        let start = offset
        if let delimiter = delimiter(head) {
            if isJudging { judgeDelimiter(delimiter, head, at: start) }
            let owner = delimiter.owner
            if place == .header {
                endField()
                endHeader(at: start, isCut: true, isAtEnd: false, isComplete: true)
            }
            close(downTo: owner, at: start, isComplete: true)
            line = .boundary
            advance(head)
            if delimiter.isClosing {
                if isJudging, children[owner].isEmpty { judge.note(.noParts, at: parts[owner].header.lowerBound) }
                forgetBoundary(of: owner)
                place = .body
                if isJudging { judge.beginDiscarded() }
            } else {
                let isDigest = parts[owner].mediaType.subtype == "digest"
                beginHeader(parent: owner, defaultType: isDigest ? .message : .plainText)
            }
            return
        }
        switch place {
        case .body:
            line = .body
            if isJudging { judgeBodyHead(head, at: start) }
            advance(head)
        case .header:
            line = .field
            if isJudging { judge.takeLine(head, at: start, isHead: true, isInHeader: true) }
            if head.lastOctet == Octets.lf, head.contentCount == 0 {
                endField()
                if isJudging { judge.keep(head, at: start) }
                advance(head)
                endHeader(at: offset, isCut: false, isAtEnd: false, isComplete: true)
                return
            }
            if section.field.isEmpty || !(head.firstOctet.map(Octets.isSpace) ?? false) {
                endField()
                section.fieldStart = start
            }
            collect(head, at: start)
            advance(head)
        }
    }

    private mutating func takeTail(_ tail: OctetSpan) {
        switch line {
        case .field:
            if isJudging { judge.takeLine(tail, at: offset, isHead: false, isInHeader: true) }
            collect(tail, at: offset)
        case .boundary: if isJudging { judge.takeLine(tail, at: offset, isHead: false, isInHeader: false) }
        case .body: if isJudging { judge.takeBody(tail, at: offset, isHead: false) }
        }
        advance(tail)
    }

    private mutating func judgeBodyHead(_ head: OctetSpan, at start: Int) {
        // Behind the last boundary line: one more is for readers who do not stop there.
        if head.firstOctet == UInt8(ascii: "-"), let owner = open.last, boundaries[owner] == nil {
            judge.takeDiscarded(head, of: owner, at: start)
        }
        judge.takeBody(head, at: start, isHead: true)
    }

    // MARK: Header sections

    private mutating func beginHeader(parent: Int?, defaultType: MediaType) {
        place = .header
        section.start = offset
        section.parent = parent
        section.defaultType = defaultType
        section.fields = PartFields()
        if isJudging {
            let isMessage = parent.map { parts[$0].mediaType.isMessage } ?? true
            judge.beginHeader(isMessage ? .message(isRoot: false) : .part, at: offset)
        }
    }

    /// Adds octets to the field that is being collected, as far as the limits allow.
    private mutating func collect(_ octets: OctetSpan, at start: Int) {
        let whole = max(limits.header - headerOctets, 0)
        headerOctets += octets.count
        let room = max(limits.field - section.field.count, 0)
        if isJudging {
            judge.keep(octets, at: start)
            if octets.count > whole { judge.noteLongHeader(at: start + whole) }
            if octets.count > room { judge.noteLongField(at: section.fieldStart) }
        }
        if octets.count > min(whole, room) { section.isFieldCut = true }
        section.field.append(octets.extracting(first: min(whole, room)))
        // What begins a field must be there to tell folds from fields.
        if section.field.isEmpty { section.field.append(octets.extracting(first: 1)) }
    }

    /// Reads the field that was collected.
    private mutating func endField() {
        guard !section.field.isEmpty else { return }
        readField()
        section.field.removeAll(keepingCapacity: section.field.count < 4_096)
        section.isFieldCut = false
    }

    private mutating func readField() {
        if !isJudging, Octets.lower(section.field[0]) != UInt8(ascii: "c") { return }
        var walk = HeaderFieldIterator(section.field[...])
        guard let field = walk.next() else { return }
        section.fields.take(field)
        if isJudging { judge.take(field, at: section.fieldStart, isCut: section.isFieldCut) }
    }

    /// The header section is over: opens its part, and begins the header of the message that is its body.
    /// - Parameter isCut: a boundary line ended it.
    private mutating func endHeader(at end: Int, isCut: Bool, isAtEnd: Bool, isComplete: Bool) {
        while true {
            if isJudging {
                if isCut { judge.note(.headerCut, at: end) }
                judge.endHeader(at: end, isComplete: isComplete)
            }
            let part = append(header: section.start..<end)
            place = .body
            guard case .message = parts[part].content, !isCut else { return }
            beginHeader(parent: part, defaultType: .plainText)
            guard isAtEnd else { return }
        }
    }

    // MARK: Parts

    /// Adds the part whose header was just read, and opens it.
    private mutating func append(header: Range<Int>) -> Int {
        let type = section.fields.mediaType ?? section.defaultType
        let parent = section.parent
        let part = parts.count
        let depth = parent.map { parts[$0].depth + 1 } ?? 0
        let mayNest = depth < limits.depth && part + 1 < limits.parts
        var content = MessagePart.Content.leaf
        if isJudging, type.isMultipart || type.isMessage, !mayNest {
            judge.note(depth < limits.depth ? .tooManyParts : .tooDeep, at: header.lowerBound)
        }
        if type.isMultipart {
            if let boundary = type.parameter("boundary"), 1...MessageStructure.maximumBoundary ~= boundary.count,
                mayNest
            {
                if isJudging, index.match(boundary.span, from: 0) != nil {
                    judge.note(.boundaryReused, at: header.lowerBound)
                }
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
                content: content, fields: section.fields, defaultType: section.defaultType))
        children.append([])
        if let parent { children[parent].append(part) }
        linesBefore.append(lineCount)
        open.append(part)
        if isJudging { judge.open(parts[part], number: part, at: header.upperBound) }
        return part
    }

    /// Closes the open parts inside `owner`, all for nil.
    private mutating func close(downTo owner: Int?, at end: Int, isComplete: Bool) {
        // At the end of the message no line end belongs to a boundary.
        let lineEnd = owner == nil ? 0 : self.lineEnd
        if isJudging { judge.endBody(at: end, withoutLineEnd: owner != nil, isComplete: isComplete) }
        var innerEnd = 0
        while let part = open.last, part != owner {
            open.removeLast()
            if isJudging {
                if isComplete { judgeClosing(part, at: end) }
                judge.close(part)
            }
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

    private mutating func judgeClosing(_ part: Int, at end: Int) {
        guard boundaries[part] != nil else { return }
        if children[part].isEmpty {
            judge.note(.noParts, at: parts[part].header.lowerBound)
        } else {
            judge.note(.noClosingBoundary, at: end)
        }
    }

    private mutating func forgetBoundary(of part: Int) {
        guard let boundary = boundaries.removeValue(forKey: part) else { return }
        index.close(boundary, for: part)
    }

    // MARK: Boundary lines

    /// The boundary line that this is, if it is one that counts.
    private mutating func delimiter(_ head: OctetSpan) -> Delimiter? {
        let hyphen = UInt8(ascii: "-")
        guard head.firstOctet == hyphen, !boundaries.isEmpty, head.count > 2, head[1] == hyphen,
            let match = index.match(head, from: 2)
        else { return nil }
        // Beyond the limit a boundary line that would open a part is text of the part that it stands in.
        guard match.isClosing || parts.count < limits.parts else {
            if isJudging { judge.note(.tooManyParts, at: offset) }
            return nil
        }
        return Delimiter(owner: match.part, isClosing: match.isClosing)
    }

    private mutating func judgeDelimiter(_ delimiter: Delimiter, _ head: OctetSpan, at start: Int) {
        judge.takeLine(head, at: start, isHead: true, isInHeader: false)
        guard let boundary = boundaries[delimiter.owner] else { return }
        let end = head.contentCount
        let rest = head.extracting(min(2 + boundary.count + (delimiter.isClosing ? 2 : 0), end)..<end)
        if !rest.isSpace { judge.note(.boundaryLineGarbage, at: start) }
        if delimiter.isClosing { judge.remember(boundary, of: delimiter.owner) }
    }
}
