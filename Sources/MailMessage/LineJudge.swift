// Judges lines of any part of a message: line ends, length, NUL (RFC 5322 §2.1.1, §2.3).

/// A piece of a line without its line end.
struct LinePiece {
    /// Where the content is in the octets that were taken.
    let content: Range<Int>
    /// Offset of the content in the message.
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
        _ piece: OctetSpan, at offset: Int, isHead: Bool, isBinary: Bool, _ book: inout FlawBook
    ) -> LinePiece {
        if isHead {
            lineStart = offset
            length = 0
        }
        let before = length
        let wasAfterCR = isAfterCR
        isAfterCR = false
        var end = piece.count
        var lineEnd = 0
        if piece.lastOctet == Octets.lf {
            end = piece.contentCount
            lineEnd = piece.count - end
            if end == 0, lineEnd == 1, wasAfterCR {
                lineEnd = 2
            } else if lineEnd == 1, !isBinary {
                book.noteAlways(.bareLF, at: offset + piece.count - 1)
            }
        } else if piece.lastOctet == Octets.cr {
            end -= 1
            isAfterCR = true
        }
        let isBehindCR = wasAfterCR && !(lineEnd == 2 && piece.count == 1)
        if isBehindCR {
            length += 1
            if !isBinary { book.noteAlways(.bareCR, at: offset - 1) }
        }
        let content = piece.extracting(0..<end)
        let kinds = content.kinds
        length += end
        if !isBinary { judge(content, kinds, at: offset, before: before, &book) }
        return LinePiece(
            content: 0..<end, offset: offset, kinds: kinds, isBehindCR: isBehindCR, isHead: isHead, lineEnd: lineEnd,
            length: length,
            lineStart: lineStart)
    }

    private func judge(
        _ content: OctetSpan, _ kinds: OctetKinds, at offset: Int, before: Int, _ book: inout FlawBook
    ) {
        if kinds.contains(.nul), let first = content.index(of: 0) {
            book.noteAlways(.nul, at: offset + first, count: content.count(of: 0))
        }
        if kinds.contains(.cr), let first = content.index(of: Octets.cr) {
            book.noteAlways(.bareCR, at: offset + first, count: content.count(of: Octets.cr))
        }
        if length > LineJudge.maximum, before <= LineJudge.maximum { book.noteAlways(.longLine, at: lineStart) }
    }

    /// The message ends at this offset; true when a CR stands at its end, which nobody was shown.
    mutating func finish(at offset: Int, isComplete: Bool, _ book: inout FlawBook) -> Bool {
        defer { isAfterCR = false }
        if isAfterCR, isComplete { book.noteAlways(.bareCR, at: offset - 1) }
        return isAfterCR
    }
}
