// How octets look that are not recorded: each is an x, but for those that say where lines and messages end. So lengths, sequence
// numbers, dots of transparency (RFC 5321 §4.5.2), sizes of literals and what is wrong with line ends stay true, and every reader
// of the recording finds the ends of messages where they were.

import MailDialogue

/// Hides the octets of one content, piece by piece.
struct ContentMask: Equatable, Sendable {
    private static let fill = UInt8(ascii: "x")

    /// The next octet begins a line. Behind a bare LF as well: who takes that for a line end must find the same.
    private var isAtLineStart = true
    /// A dot at the beginning of a line is one of transparency.
    private let keepsDots: Bool

    init(keepsDots: Bool) { self.keepsDots = keepsDots }

    /// The piece with all hidden. A NUL stays, as literals may not have one (RFC 9051 §4.3).
    mutating func hide(_ piece: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var start = isAtLineStart
        let keepsDots = keepsDots
        let hidden = [UInt8](unsafeUninitializedCapacity: piece.count) { space, count in
            for octet in piece {
                switch octet {
                case 10, 13, 0: space[count] = octet
                case UInt8(ascii: ".") where start && keepsDots: space[count] = octet
                default: space[count] = Self.fill
                }
                start = octet == 10
                count += 1
            }
        }
        isAtLineStart = start
        return hidden[...]
    }

    /// A line whose place in the dialogue nobody knows, or that is no command: it may be a line of a message. Its first word stays
    /// one, and so does IMAP's tag, so that who reads it finds the same wrong with it.
    static func hide(line raw: ArraySlice<UInt8>, keepsTag: Bool) -> ArraySlice<UInt8> {
        let line = raw.withoutLineEnd.line
        var (word, rest) = line.firstWord
        if keepsTag {
            (word, rest) = rest.firstWord
            if word.isEmpty { return raw.maskingLine(0..<line.count) }
        }
        var hidden = raw.maskingLine((rest.startIndex - raw.startIndex)..<line.count)
        let start = hidden.startIndex - raw.startIndex
        for index in word.indices where word[index] > 32 && word[index] < 127 {
            hidden[index + start] = UInt8(ascii: "X")
        }
        return hidden
    }

    /// The start of `header` that is certain to be header fields (RFC 5322 §2.2) and the empty line behind them: octets.
    static func fields(of header: ArraySlice<UInt8>) -> Int {
        var rest = header
        var hasField = false
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
            let line = rest[..<end].withoutLineEnd.line
            switch line.first {
            case nil: return end - header.startIndex
            case 32, 9: guard hasField else { return rest.startIndex - header.startIndex }
            default:
                let name = line.prefix { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: ":") }
                // White space before the colon was lawful once (RFC 5322 §4.5).
                let behind = line[name.endIndex...].drop { $0 == 32 || $0 == 9 }
                guard !name.isEmpty, behind.first == UInt8(ascii: ":") else {
                    return rest.startIndex - header.startIndex
                }
                hasField = true
            }
            rest = rest[end...]
        }
        return header.count
    }
}
