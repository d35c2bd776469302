// Judges lines of any part of a message: line ends, length, NUL (RFC 5322 §2.1.1, §2.3).

/// A piece of a line without its line end.
struct LinePiece {
    let content: ArraySlice<UInt8>
    /// Offset of the content.
    let offset: Int
    let kinds: OctetKinds
    /// A bare CR stands before it, the last octet of the piece before.
    let isBehindCR: Bool
    /// It begins the line.
    let isHead: Bool
    /// Octets of the line end behind it; 0 when the line goes on.
    let lineEnd: Int
    /// Octets of the line's content so far.
    let length: Int
    let lineStart: Int
}

/// The judge of lines. Line ends are judged across pieces: a CR at the end of one waits for the next.
struct LineJudge: Equatable, Sendable {
    private var lineStart = 0
    private var length = 0
    /// The last piece ended with a CR.
    private var isAfterCR = false

    /// RFC 5322 §2.1.1.
    static let maximum = 998

    /// Takes the next piece of a line; LF, if any, is its last octet.
    /// - Parameter isBinary: it is of a body in the binary encoding, whose lines are none.
    mutating func take(
        _ piece: ArraySlice<UInt8>, at offset: Int, isHead: Bool, isBinary: Bool, _ book: inout FlawBook
    ) -> LinePiece {
        if isHead {
            lineStart = offset
            length = 0
        }
        let before = length
        let wasAfterCR = isAfterCR
        isAfterCR = false
        var content = piece
        var lineEnd = 0
        if content.last == Octets.lf {
            content.removeLast()
            lineEnd = 1
            if content.last == Octets.cr {
                content.removeLast()
                lineEnd = 2
            } else if content.isEmpty, wasAfterCR {
                lineEnd = 2
            } else if !isBinary {
                book.note(.bareLF, at: offset + piece.count - 1)
            }
        } else if content.last == Octets.cr {
            content.removeLast()
            isAfterCR = true
        }
        let isBehindCR = wasAfterCR && !(lineEnd == 2 && piece.count == 1)
        if isBehindCR {
            length += 1
            if !isBinary { book.note(.bareCR, at: offset - 1) }
        }
        let kinds = Octets.kinds(content)
        length += content.count
        if !isBinary { judge(content, kinds, at: offset, before: before, &book) }
        return LinePiece(
            content: content, offset: offset, kinds: kinds, isBehindCR: isBehindCR, isHead: isHead, lineEnd: lineEnd,
            length: length,
            lineStart: lineStart)
    }

    private func judge(
        _ content: ArraySlice<UInt8>, _ kinds: OctetKinds, at offset: Int, before: Int, _ book: inout FlawBook
    ) {
        if kinds.contains(.nul), let first = Octets.find(0, in: content) {
            book.note(.nul, at: offset + first - content.startIndex, count: Octets.count(0, in: content))
        }
        if kinds.contains(.cr), let first = Octets.find(Octets.cr, in: content) {
            book.note(.bareCR, at: offset + first - content.startIndex, count: Octets.count(Octets.cr, in: content))
        }
        if length > LineJudge.maximum, before <= LineJudge.maximum { book.note(.longLine, at: lineStart) }
    }

    /// The message ends at this offset.
    mutating func finish(at offset: Int, _ book: inout FlawBook) {
        if isAfterCR { book.note(.bareCR, at: offset - 1) }
        isAfterCR = false
    }
}
