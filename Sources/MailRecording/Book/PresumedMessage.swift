// Whether a message of POP3 is whole of which nobody saw the command: RETR sends all of it, TOP the header and some lines (RFC 1939 §5, §7).
// The server often says how many octets RETR sends, and a message without a body is more often TOP's.

/// What the octets say of a message that RETR or TOP may have asked for.
struct PresumedMessage {
    /// Where the next octet stands.
    private enum Place {
        /// In an empty line of the header, a CR may have come.
        case emptyLine
        case line
        /// Behind the empty line that ends the header.
        case behindHeader
        case body
    }

    /// Octets that the server said it has.
    private let size: Int?
    private var octets = 0
    private var place = Place.line

    init(size: Int?) { self.size = size }

    /// Takes the next octets, without transparency.
    mutating func take(_ piece: ArraySlice<UInt8>) {
        octets += piece.count
        if place == .body { return }
        for octet in piece {
            switch place {
            case .emptyLine:
                if octet == 10 { place = .behindHeader } else if octet != 13 { place = .line }
            case .line: if octet == 10 { place = .emptyLine }
            case .behindHeader:
                place = .body
                return
            case .body: return
            }
        }
    }

    /// All of a message came, as far as can be known.
    var isWhole: Bool {
        if let size {
            // A message without its last line end gets one on the wire, which many servers don't count.
            if octets == size || octets - 2 == size { return true }
            if octets < size { return false }
        }
        return place == .body
    }
}
