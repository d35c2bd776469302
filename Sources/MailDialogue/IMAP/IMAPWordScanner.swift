// Walks over the words of a line, quoted strings and parentheses apart: for the few places where the machine itself must know
// what stands where. Values are the grammar's to read.

import CBytes

extension ArraySlice<UInt8> {
    /// The octet is one of them.
    func holds(_ octet: UInt8) -> Bool { withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, octet) >= 0 } }
}

extension OctetView {
    /// The octet is one of them.
    func holds(_ octet: UInt8) -> Bool { withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, octet) >= 0 } }
}

/// A walk over a line.
struct IMAPWordScanner<Line: OctetLine> {
    /// What it comes upon.
    enum Token {
        case open
        case close
        case word(Line)
        case quoted
    }

    private var rest: Line

    init(_ line: Line) { rest = line }

    /// The next token; nil at the end.
    mutating func next() -> Token? {
        while let octet = rest.first {
            switch octet {
            case 32, 9: rest = rest.dropFirst()
            case UInt8(ascii: "("):
                rest = rest.dropFirst()
                return .open
            case UInt8(ascii: ")"):
                rest = rest.dropFirst()
                return .close
            case UInt8(ascii: "\""):
                rest = rest.dropFirst()
                var escaped = false
                while let inner = rest.first {
                    rest = rest.dropFirst()
                    if escaped {
                        escaped = false
                    } else if inner == UInt8(ascii: "\\") {
                        escaped = true
                    } else if inner == UInt8(ascii: "\"") {
                        break
                    }
                }
                return .quoted
            default:
                let end =
                    rest.firstIndex {
                        $0 == 32 || $0 == 9 || $0 == UInt8(ascii: "(") || $0 == UInt8(ascii: ")")
                            || $0 == UInt8(ascii: "\"")
                    } ?? rest.endIndex
                let word = rest[..<end]
                rest = rest[end...]
                return .word(word)
            }
        }
        return nil
    }
}
