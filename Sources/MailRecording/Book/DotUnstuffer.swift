// Takes away the dots that transparency added to message data (RFC 5321 §4.5.2, RFC 1939 §3), in slices of the octets
// that came: nothing is copied.

import CBytes

/// Removes the first dot of each line that begins with one, whatever way the octets are split.
package struct DotUnstuffer: Equatable, Sendable {
    /// Where the next octet stands.
    private enum Place: Equatable {
        case lineStart
        /// The octet before was CR.
        case afterCR
        case middle
    }

    private var place = Place.lineStart

    package init() {}

    /// The parts of the piece without the added dots; nil when the piece has none and stays as it is.
    package mutating func parts(of piece: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
        guard !piece.isEmpty else { return nil }
        let dot = UInt8(ascii: ".")
        var parts: [ArraySlice<UInt8>]?
        var rest = piece
        /// Drops the octet `offset` octets behind the start of `rest`.
        func drop(_ offset: Int) {
            let index = rest.startIndex + offset
            let head = rest[rest.startIndex..<index]
            if parts == nil { parts = [] }
            if !head.isEmpty { parts?.append(head) }
            rest = rest[(index + 1)...]
        }
        switch place {
        case .lineStart: if rest.first == dot { drop(0) }
        case .afterCR:
            if rest.first == 10, rest.count > 1, rest[rest.startIndex + 1] == dot { drop(1) }
        case .middle: break
        }
        while let offset = Self.stuffedLine(in: rest) { drop(offset + 2) }
        if var parts {
            if !rest.isEmpty { parts.append(rest) }
            advance(over: piece)
            return parts
        }
        advance(over: piece)
        return nil
    }

    private mutating func advance(over piece: ArraySlice<UInt8>) {
        switch piece.last {
        case 13: place = .afterCR
        case 10:
            let before = piece.dropLast().last
            place = before == 13 || (before == nil && place == .afterCR) ? .lineStart : .middle
        case nil: break
        case .some: place = .middle
        }
    }

    /// Offset of CRLF "." in the octets.
    private static func stuffedLine(in octets: ArraySlice<UInt8>) -> Int? {
        let offset = octets.withUnsafeBytes { mp_find_dot_line($0.baseAddress, $0.count) }
        return offset < 0 ? nil : offset
    }
}
