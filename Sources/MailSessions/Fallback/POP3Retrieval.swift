// A message on its way to a POP3 client (RFC 1939 §3, §5, §7): dots are doubled, lines end with CRLF whatever the store
// holds, and TOP stops after its lines. The state lives between the pieces in which the message is read.

/// A message that goes out.
struct POP3Retrieval: Equatable, Sendable {
    let uid: UInt32
    let size: Int
    /// Octets read from the store.
    private(set) var offset = 0
    /// TOP has all that was asked for.
    private(set) var isDone = false
    let isTop: Bool

    private var bodyLinesLeft: Int?
    private var inHeader = true
    private var atLineStart = true
    private var lineHasText = false
    private var afterCR = false

    /// - Parameter bodyLines: TOP's number; nil for RETR.
    init(uid: UInt32, size: Int, bodyLines: Int?) {
        self.uid = uid
        self.size = size
        isTop = bodyLines != nil
        bodyLinesLeft = bodyLines
    }

    /// The next octets as they go out, with the terminator when nothing follows.
    mutating func take(_ piece: [UInt8], isEnd: Bool) -> [UInt8] {
        offset += piece.count
        var out: [UInt8] = []
        out.reserveCapacity(piece.count + piece.count / 32 + 8)
        var position = piece.startIndex
        var walk = LineEndWalk(piece[...])
        while !isDone, position < piece.endIndex {
            if afterCR {
                // A CR alone ends a line here: a lone dot behind it must not end the message for anybody.
                afterCR = false
                out.append(10)
                if piece[position] == 10 { position += 1 }
                endLine()
                continue
            }
            if atLineStart {
                atLineStart = false
                if piece[position] == UInt8(ascii: ".") { out.append(piece[position]) }
            }
            guard let end = walk.next(from: position) else {
                lineHasText = true
                out.append(contentsOf: piece[position...])
                break
            }
            if end > position { lineHasText = true }
            out.append(contentsOf: piece[position..<end])
            out.append(13)
            if piece[end] == 13 {
                afterCR = true
            } else {
                out.append(10)
                endLine()
            }
            position = end + 1
        }
        if isEnd || isDone {
            isDone = true
            if afterCR {
                out.append(10)
            } else if !atLineStart {
                out.append(contentsOf: [13, 10])
            }
            out.append(contentsOf: [UInt8(ascii: "."), 13, 10])
        }
        return out
    }

    private mutating func endLine() {
        let isEmpty = !lineHasText
        atLineStart = true
        lineHasText = false
        if inHeader {
            guard isEmpty else { return }
            inHeader = false
        } else if let left = bodyLinesLeft {
            bodyLinesLeft = left - 1
        }
        if bodyLinesLeft == 0 { isDone = true }
    }
}
