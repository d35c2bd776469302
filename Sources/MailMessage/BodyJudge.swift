// Judges the body of a part by its transfer encoding and its charset while it passes (RFC 2045 §6), and counts what it stands for.

struct BodyJudge: Equatable, Sendable {
    private enum Coding: Equatable {
        /// Not the content of a part: what stands around the parts of a multipart.
        case discarded
        case identity(is7Bit: Bool)
        case binary
        case base64
        case quotedPrintable
        case uuencode
        /// An encoding that is not known.
        case unknown
    }

    /// Where a base64 body is.
    private struct Base64State: Equatable {
        /// Digits and padding of the present group, modulo 4.
        var place = 0
        /// Padding was seen and no digit behind it.
        var isPadded = false
        /// Digits since the last padding.
        var run = 0
        /// Octets that the digits before stand for.
        var size = 0

        var decodedSize: Int { size &+ run / 4 * 3 &+ run % 4 * 3 / 4 }
    }

    private struct QuotedPrintableState: Equatable {
        var reader = QuotedPrintableReader()
        var size = 0
        /// Octets of the last line end that stayed in the content, when nothing came behind it.
        var ending = 0
    }

    private static let lineLimit = 76

    private let coding: Coding
    let part: Int
    private var base64 = Base64State()
    private var quoted = QuotedPrintableState()
    private let isUTF8: Bool
    private var utf8 = UTF8Check()
    private let mayHoldFiles: Bool
    private var finder = UUFinder()
    /// Octets of the files of a body that is uuencoded as a whole.
    private var filesSize: Int?
    /// The present line was found to hold octets beyond ASCII, or to be no UTF-8, already.
    private var isLineNoted = false
    private var isUTF8Noted = false

    /// What stands around parts.
    static let discarded = BodyJudge()

    private init() {
        coding = .discarded
        part = -1
        isUTF8 = false
        mayHoldFiles = false
    }

    init(_ found: MessagePart, number: Int) {
        part = number
        switch found.encoding {
        case "7bit": coding = .identity(is7Bit: true)
        case "8bit": coding = .identity(is7Bit: false)
        case "binary": coding = .binary
        case "base64": coding = .base64
        case "quoted-printable": coding = .quotedPrintable
        case "uuencode", "x-uuencode", "x-uue", "uue": coding = .uuencode
        default: coding = .unknown
        }
        let isText = found.mediaType.type == "text" && found.content == .leaf
        let charset = found.mediaType.parameter("charset").flatMap { Charset(label: $0) }
        isUTF8 = isText && charset == .utf8
        mayHoldFiles = isText || found.content == .opaque || coding == .uuencode
    }

    /// Its lines are none: the octets are what they are.
    var isBinary: Bool { coding == .binary }

    /// Lines of ASCII that begin with neither a hyphen nor a "b" are right, whatever else they say.
    var takesPlainLines: Bool {
        switch coding {
        case .discarded, .identity, .binary, .unknown, .uuencode: !finder.isInside
        case .base64, .quotedPrintable: false
        }
    }

    /// Octets that the body stands for; nil when only its size says that.
    /// - Parameter withoutLineEnd: the last line end belongs to a boundary line.
    func decodedSize(withoutLineEnd: Bool) -> Int? {
        switch coding {
        case .discarded, .identity, .binary, .unknown: nil
        case .uuencode: filesSize
        case .base64: base64.decodedSize
        case .quotedPrintable: quoted.size &- (withoutLineEnd ? quoted.ending : 0)
        }
    }

    // MARK: Pieces

    /// Takes the next piece of a line; gives the file that it ends, if it does.
    mutating func take(_ content: OctetSpan, _ piece: LinePiece, _ book: inout FlawBook) -> UUFile? {
        if piece.isHead {
            isLineNoted = false
            isUTF8Noted = false
        }
        switch coding {
        case .discarded, .binary: return nil
        case .unknown, .uuencode: break
        case .identity(let is7Bit):
            if is7Bit, piece.kinds.contains(.eightBit), !isLineNoted {
                isLineNoted = true
                book.note(.eightBitIn7Bit, at: piece.lineStart)
            }
            if isUTF8 { judgeUTF8(content, piece, &book) }
        case .base64:
            judgeLength(piece, .base64LongLine, &book)
            judgeBase64(content, piece, &book)
        case .quotedPrintable:
            judgeLength(piece, .qpLongLine, &book)
            judgeQuoted(content, piece, &book)
        }
        guard mayHoldFiles, let file = finder.take(content, piece, part: part) else { return nil }
        guard coding == .uuencode else { return file }
        // One file is what decoding gives.
        if filesSize == nil { filesSize = file.size }
        return nil
    }

    /// A CR is the last octet of the message.
    mutating func takeLastCR(at offset: Int, _ book: inout FlawBook) {
        guard coding == .quotedPrintable else { return }
        var sink = Sink(state: quoted, book: book, offset: offset)
        var reader = quoted.reader
        reader.take(Octets.cr, at: 0, into: &sink)
        sink.state.reader = reader
        quoted = sink.state
        book = sink.book
    }

    /// The body is over.
    /// - Parameter isComplete: nothing of it is missing.
    mutating func finish(at end: Int, isComplete: Bool, _ book: inout FlawBook) {
        guard isComplete else { return }
        switch coding {
        case .base64: if base64.place != 0 { book.note(.base64Padding, at: end) }
        case .quotedPrintable:
            var sink = Sink(state: quoted, book: book, offset: end)
            var reader = quoted.reader
            reader.finish(into: &sink)
            book = sink.book
            quoted = sink.state
        case .identity: if isUTF8, utf8.isInside { book.note(.bodyNotUTF8, at: end) }
        case .discarded, .binary, .unknown, .uuencode: break
        }
    }

    private func judgeLength(_ piece: LinePiece, _ flaw: MessageFlaw, _ book: inout FlawBook) {
        let before = piece.length - piece.content.count - (piece.isBehindCR ? 1 : 0)
        if piece.length > BodyJudge.lineLimit, before <= BodyJudge.lineLimit { book.note(flaw, at: piece.lineStart) }
    }

    private mutating func judgeUTF8(_ content: OctetSpan, _ piece: LinePiece, _ book: inout FlawBook) {
        guard piece.kinds.contains(.eightBit) || utf8.isInside else { return }
        var isBroken = false
        for index in content.indices where utf8.take(content[index]) != .valid { isBroken = true }
        // A line end closes no sequence.
        if piece.lineEnd > 0, utf8.take(Octets.lf) != .valid { isBroken = true }
        if isBroken, !isUTF8Noted {
            isUTF8Noted = true
            book.note(.bodyNotUTF8, at: piece.lineStart)
        }
    }

    // MARK: base64

    private mutating func judgeBase64(_ content: OctetSpan, _ piece: LinePiece, _ book: inout FlawBook) {
        if !base64.isPadded, content.isBase64 {
            base64.run &+= content.count
            base64.place = (base64.place + content.count) & 3
            return
        }
        for index in content.indices {
            let octet = content[index]
            if Base64.value(of: octet) != nil {
                if base64.isPadded {
                    book.note(.base64Padding, at: piece.offset + index)
                    base64.isPadded = false
                    base64.place = 0
                }
                base64.run &+= 1
                base64.place = (base64.place + 1) & 3
            } else if octet == UInt8(ascii: "=") {
                // A group has two digits at least, and is padded to four.
                if base64.place < (base64.isPadded ? 1 : 2) { book.note(.base64Padding, at: piece.offset + index) }
                base64.size = base64.decodedSize
                base64.run = 0
                base64.place = base64.place == 0 ? 0 : (base64.place + 1) & 3
                base64.isPadded = true
            } else if !Octets.isSpace(octet), octet != Octets.cr {
                book.note(.foreignInBase64, at: piece.offset + index)
            }
        }
    }

    // MARK: quoted-printable

    private struct Sink: QuotedPrintableSink {
        var state: QuotedPrintableState
        var book: FlawBook
        var offset: Int

        mutating func put(_ octet: UInt8) {
            state.size &+= 1
            state.ending = 0
        }

        mutating func put(_ octets: OctetSpan) {
            state.size &+= octets.count
            if !octets.isEmpty { state.ending = 0 }
        }

        mutating func fault(_ fault: QuotedPrintable.Fault, at index: Int) {
            let place = offset + index
            switch fault {
            case .escape: book.note(.badEscape, at: place)
            case .lowerCase: book.note(.lowerCaseEscape, at: place)
            case .trailingSpace: book.note(.qpTrailingSpace, at: place)
            case .raw: book.note(.qpRawOctet, at: place)
            }
        }
    }

    private mutating func judgeQuoted(_ content: OctetSpan, _ piece: LinePiece, _ book: inout FlawBook) {
        var sink = Sink(state: quoted, book: book, offset: piece.offset)
        // What is held by two is copied when it is changed.
        book = FlawBook()
        var reader = sink.state.reader
        sink.state.reader = QuotedPrintableReader()
        quoted = QuotedPrintableState()
        if piece.isBehindCR { reader.take(Octets.cr, at: -1, into: &sink) }
        reader.take(content, into: &sink)
        if piece.lineEnd > 0 {
            // A soft line break stays not, and what stood before it is no end of the content any more.
            let stays = reader.endLine(isCRLF: piece.lineEnd == 2, at: content.count, into: &sink)
            sink.state.ending = stays ? piece.lineEnd : 0
        }
        sink.state.reader = reader
        quoted = sink.state
        book = sink.book
    }
}
