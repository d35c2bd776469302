// What is looked at in message data while it comes in, piece by piece.

import MailDialogue

/// Takes the dots off that the client doubled (RFC 5321 §4.5.2). Only CRLF begins a line.
struct DotUnstuffer: Equatable, Sendable {
    private enum Place: Equatable, Sendable { case lineStart, afterCR, middle }
    private var place = Place.lineStart

    mutating func unstuff(_ piece: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(piece.count)
        var rest = piece
        while let first = rest.first {
            switch place {
            case .lineStart:
                place = .middle
                if first == UInt8(ascii: ".") { rest = rest.dropFirst() }
            case .afterCR:
                place = first == 10 ? .lineStart : .middle
                if first == 10 {
                    result.append(first)
                    rest = rest.dropFirst()
                }
            case .middle:
                guard let cr = rest.firstIndex(ofOctet: 13) else {
                    result.append(contentsOf: rest)
                    return result
                }
                result.append(contentsOf: rest[...cr])
                rest = rest[(cr + 1)...]
                place = .afterCR
            }
        }
        return result
    }
}

/// Looks for a CR or an LF alone in a chunk; in DATA the dialogue does it.
struct LineEndCheck: Equatable, Sendable {
    private var isBroken = false
    private var afterCR = false

    mutating func take(_ piece: ArraySlice<UInt8>) {
        guard !isBroken, let first = piece.first else { return }
        if afterCR, first != 10 {
            isBroken = true
            return
        }
        var position = piece.startIndex + (afterCR ? 1 : 0)
        afterCR = false
        var walk = LineEndWalk(piece)
        while let end = walk.next(from: position) {
            guard piece[end] == 13, end + 1 < piece.endIndex else {
                // A CR at the end may be completed by the next piece.
                if piece[end] == 13 { afterCR = true } else { isBroken = true }
                return
            }
            guard piece[end + 1] == 10 else {
                isBroken = true
                return
            }
            position = end + 2
        }
    }

    /// - Parameter atEnd: nothing follows that could complete a CR.
    func isBroken(atEnd: Bool) -> Bool { isBroken || (atEnd && afterCR) }
}

/// Counts the Received fields of a header (RFC 5321 §6.3).
struct HopCounter: Equatable, Sendable {
    private(set) var count = 0
    private var line: [UInt8] = []
    private var isDone = false

    mutating func take(_ piece: ArraySlice<UInt8>) {
        guard !isDone else { return }
        for octet in piece {
            if octet == 10 {
                if line.isEmpty || line == [13] {
                    isDone = true
                    return
                }
                if line[...].hasPrefixIgnoringCase("received:") { count += 1 }
                line.removeAll(keepingCapacity: true)
            } else if line.count < 9 {
                line.append(octet)
            }
        }
    }
}
