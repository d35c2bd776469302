// Judges a message while a `StructureScanner` takes it apart: lines here, header sections in `HeaderJudge`, bodies in `BodyJudge`.
// It also keeps what a report wants of what passed: the header sections of messages, and the sizes of bodies.

struct MessageJudge {
    private let limits: MessageLimits
    private(set) var book = FlawBook()
    private var lines = LineJudge()
    private var header = HeaderJudge(.part, at: 0)
    private var body = BodyJudge.discarded
    /// Boundaries of multiparts that were closed and go on, by part.
    private var closed: [Int: [UInt8]] = [:]
    /// A part whose octets are encoded although it holds parts: what they look like in it says nothing.
    private var mutedPart: Int?
    private var lastLongField = -1
    private var isHeaderTooLong = false

    /// Header sections of messages, one behind the other, and where each is, by the part that it belongs to.
    private(set) var kept: [UInt8] = []
    private(set) var keptRanges: [Int: Range<Int>] = [:]
    private var keptStart = 0
    /// Octets that the bodies of parts stand for, where that is another number than their size.
    private(set) var decodedSizes: [Int: Int] = [:]
    private(set) var files: [UUFile] = []

    private static let hyphens = Array("--".utf8)
    /// Files in text that are listed.
    private static let maximumFiles = 1_000

    init(limits: MessageLimits) {
        self.limits = limits
    }

    mutating func note(_ flaw: MessageFlaw, at offset: Int) {
        book.note(flaw, at: offset)
    }

    // MARK: Lines

    /// Takes a piece of a line of a header section, or of a boundary line.
    mutating func takeLine(_ piece: OctetSpan, at offset: Int, isHead: Bool, isInHeader: Bool) {
        let line = lines.take(piece, at: offset, isHead: isHead, isBinary: false, &book)
        if isInHeader, isHead, line.lineEnd > 0, offset > header.start, line.content.count > 0,
            piece.extracting(line.content).isSpace
        {
            book.note(.blankFold, at: offset)
        }
    }

    /// Takes a piece of a line of the present body.
    mutating func takeBody(_ piece: OctetSpan, at offset: Int, isHead: Bool) {
        let line = lines.take(piece, at: offset, isHead: isHead, isBinary: body.isBinary, &book)
        if let file = body.take(piece.extracting(line.content), line, &book), files.count < MessageJudge.maximumFiles {
            files.append(file)
        }
    }

    /// Plain lines of the present body may pass without being shown.
    var takesPlainLines: Bool { body.takesPlainLines }

    /// The octets of the message end at this offset.
    mutating func endLines(at offset: Int, isComplete: Bool) {
        if lines.finish(at: offset, isComplete: isComplete, &book) { body.takeLastCR(at: offset - 1, &book) }
    }

    // MARK: Header sections

    mutating func beginHeader(_ kind: HeaderJudge.Kind, at offset: Int) {
        header = HeaderJudge(kind, at: offset)
        keptStart = kept.count
    }

    /// Keeps octets of the header section of a message.
    mutating func keep(_ octets: OctetSpan, at offset: Int) {
        guard header.isMessage, kept.count < limits.kept else { return }
        kept.append(octets.extracting(first: limits.kept - kept.count))
    }

    mutating func noteLongField(at offset: Int) {
        guard lastLongField != offset else { return }
        lastLongField = offset
        book.note(.fieldTooLong, at: offset)
    }

    mutating func noteLongHeader(at offset: Int) {
        guard !isHeaderTooLong else { return }
        isHeaderTooLong = true
        book.note(.headerTooLong, at: offset)
    }

    mutating func take(_ field: HeaderField, at offset: Int, isCut: Bool) {
        header.take(field, at: offset, isCut: isCut, &book)
    }

    mutating func endHeader(at offset: Int, isComplete: Bool) {
        // Fields that were not read may be those that are missing.
        if isComplete, !isHeaderTooLong { header.finish(&book) }
    }

    // MARK: Parts

    /// A part begins whose header was read last.
    mutating func open(_ part: MessagePart, number: Int, at offset: Int) {
        if header.isMessage { keptRanges[number] = keptStart..<kept.count }
        let type = part.mediaType
        let isComposite = type.isMultipart || type.type == "message" && !type.subtype.hasPrefix("global")
        switch part.encoding {
        case "7bit", "8bit", "binary": break
        default:
            if isComposite { book.note(.compositeEncoding, at: part.header.lowerBound) }
            if type.isMultipart || type.isMessage, mutedPart == nil {
                mutedPart = number
                book.isMuted = true
            }
        }
        switch part.content {
        case .leaf, .opaque: body = BodyJudge(part, number: number)
        case .multipart, .message: body = .discarded
        }
    }

    /// A part ends.
    mutating func close(_ part: Int) {
        closed[part] = nil
        guard mutedPart == part else { return }
        mutedPart = nil
        book.isMuted = false
    }

    /// The present body ends at this offset.
    mutating func endBody(at offset: Int, withoutLineEnd: Bool, isComplete: Bool) {
        body.finish(at: offset, isComplete: isComplete, &book)
        if let size = body.decodedSize(withoutLineEnd: withoutLineEnd) { decodedSizes[body.part] = size }
        body = .discarded
    }

    /// What follows is no part any more.
    mutating func beginDiscarded() {
        body = .discarded
    }

    /// The multipart was closed; its boundary should not come again.
    mutating func remember(_ boundary: [UInt8], of part: Int) {
        closed[part] = boundary
    }

    /// A line with a hyphen behind the end of a multipart.
    mutating func takeDiscarded(_ head: OctetSpan, of part: Int, at offset: Int) {
        guard let boundary = closed[part] else { return }
        guard head.has(MessageJudge.hyphens, at: 0), head.has(boundary, at: 2) else { return }
        // The closing line a second time opens nothing.
        if !head.has(MessageJudge.hyphens, at: 2 + boundary.count) { book.note(.partAfterClose, at: offset) }
    }
}
