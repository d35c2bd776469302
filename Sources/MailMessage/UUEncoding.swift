// The encoding of the uuencode utility, which files in old and odd mail have: told from its lines when it stands in a text, and
// decoded. No RFC defines it; POSIX does.

/// What a line is in uuencoded data.
enum UULine {
    /// `begin 644 name`; the name.
    case begin(name: ArraySlice<UInt8>)
    /// Data that stands for so many octets.
    case data(count: Int)
    case end
    case other

    /// - Parameter line: without its line end.
    init(_ line: ArraySlice<UInt8>) {
        if line.elementsEqual("end".utf8) {
            self = .end
        } else if let name = UULine.name(line) {
            self = .begin(name: name)
        } else if let first = line.first, 32...96 ~= first {
            let count = Int(first - 32) & 63
            let digits = (count + 2) / 3 * 4
            // Some encoders add a checksum of one character; gateways delete spaces at the end, which are digits of zero.
            let hasShape = line.count - 1 <= digits + 1 && line.count - 1 >= (count * 8 + 5) / 6 - 4
            let isData = line.allSatisfy { 32...96 ~= $0 }
            self = isData && hasShape ? .data(count: count) : .other
        } else {
            self = .other
        }
    }

    private static func name(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard line.starts(with: "begin ".utf8) else { return nil }
        let rest = line.dropFirst(6)
        let mode = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "7") ~= $0 }
        guard 3...4 ~= mode.count else { return nil }
        let name = rest[mode.endIndex...]
        guard name.first == UInt8(ascii: " ") else { return nil }
        let trimmed = Octets.trim(name)
        return trimmed.isEmpty ? nil : trimmed
    }
}

/// A file that stands uuencoded in the text of a part.
package struct UUFile: Equatable, Sendable {
    /// Index of the part that holds it.
    package let part: Int
    /// The name in its first line.
    package let name: String
    /// Offsets of its lines, `begin` and `end` with them.
    package let range: Range<Int>
    /// Octets of the file.
    package let size: Int
}

/// Finds uuencoded files in the lines of a text.
struct UUFinder: Equatable, Sendable {
    private struct Candidate: Equatable {
        let name: [UInt8]
        let start: Int
        var size = 0
        var hasData = false
    }

    private var candidate: Candidate?

    /// A file is open: every line matters.
    var isInside: Bool { candidate != nil }

    /// Takes a line; gives the file that it ends.
    mutating func take(_ content: OctetSpan, _ piece: LinePiece, part: Int) -> UUFile? {
        guard candidate != nil || content.firstOctet == UInt8(ascii: "b") else { return nil }
        guard piece.isHead, piece.lineEnd > 0, content.count < 256 else {
            candidate = nil
            return nil
        }
        let end = piece.offset + content.count + piece.lineEnd
        switch UULine(Array(content)[...]) {
        case .begin(let name): candidate = Candidate(name: Array(name), start: piece.offset)
        case .data(let count):
            candidate?.size += count
            candidate?.hasData = true
        case .end:
            defer { candidate = nil }
            guard let found = candidate, found.hasData else { return nil }
            return UUFile(part: part, name: Charset.guess(found.name), range: found.start..<end, size: found.size)
        case .other: candidate = nil
        }
        return nil
    }
}

/// Decodes uuencoded data in pieces: from its `begin` line to its `end` line.
struct UUDecoder: Sendable {
    private enum Place {
        case before
        case inside
        case behind
    }

    private var place = Place.before
    private var line: [UInt8] = []

    mutating func feed(_ piece: ArraySlice<UInt8>, into out: inout [UInt8]) {
        var rest = piece
        while !rest.isEmpty, place != .behind {
            let end = Octets.endOfLine(from: rest.startIndex, in: rest)
            // What is longer is no line of data.
            line.append(contentsOf: rest[..<end].prefix(1_024 - min(line.count, 1_024)))
            let isWhole = rest[end - 1] == Octets.lf
            rest = rest[end...]
            if isWhole { endLine(into: &out) }
        }
    }

    mutating func finish(into out: inout [UInt8]) {
        endLine(into: &out)
    }

    private mutating func endLine(into out: inout [UInt8]) {
        let content = Octets.withoutLineEnd(line[...])
        switch UULine(content) {
        case .begin: if place == .before { place = .inside }
        case .end: if place == .inside { place = .behind }
        case .data(let count): if place == .inside { UUDecoder.decode(content.dropFirst(), count: count, into: &out) }
        case .other: break
        }
        line.removeAll(keepingCapacity: true)
    }

    private static func decode(_ digits: ArraySlice<UInt8>, count: Int, into out: inout [UInt8]) {
        var left = count
        var bits: UInt32 = 0
        var have: UInt32 = 0
        var at = digits.startIndex
        while left > 0 {
            // Digits that were deleted at the end of the line are zeros.
            let digit = at < digits.endIndex ? (digits[at] &- 32) & 63 : 0
            at += 1
            bits = bits << 6 | UInt32(digit)
            have += 6
            guard have >= 8 else { continue }
            have -= 8
            out.append(UInt8(truncatingIfNeeded: bits >> have))
            bits &= (1 << have) - 1
            left -= 1
        }
    }
}
