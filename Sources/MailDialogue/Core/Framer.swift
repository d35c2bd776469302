// Cuts the octets of one side into frames, as the dialogue demands. Cut first, parse second: only a whole frame reaches
// a parser, so a bad frame is lost without losing the place.
//
// Only CRLF ends content (RFC 5321 §4.1.1.4). A line ends at LF, with or without CR before it; the dialogue judges
// which.

import CBytes

/// The uncut octets of one side.
package struct Framer: Equatable, Sendable {
    /// What a search for a line found.
    enum LineCut: Equatable {
        case line(ArraySlice<UInt8>)
        case needsMore
        case tooLong
    }

    private var buffer: ArraySlice<UInt8> = []
    /// Octets at the front of `buffer` that hold no LF.
    private var searched = 0
    private var scanner = DotScanner()

    init() {}

    /// Octets that wait.
    var count: Int { buffer.count }
    var isEmpty: Bool { buffer.isEmpty }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        if buffer.isEmpty {
            buffer = bytes
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    /// The next line with its LF.
    mutating func line(limit: Int) -> LineCut {
        let found = buffer.withUnsafeBytes { raw -> Int in
            guard let base = raw.baseAddress else { return -1 }
            let hit = mp_find_byte(base + searched, raw.count - searched, 10)
            return hit < 0 ? -1 : hit + searched
        }
        guard found >= 0 else {
            searched = buffer.count
            return buffer.count > limit ? .tooLong : .needsMore
        }
        guard found < limit else { return .tooLong }
        return .line(take(found + 1))
    }

    /// At most `most` octets, whatever they are.
    mutating func octets(_ most: Int) -> ArraySlice<UInt8> { take(min(max(most, 0), buffer.count)) }

    /// All octets.
    mutating func rest() -> ArraySlice<UInt8> { take(buffer.count) }

    /// The octets up to the first LF, or all when there is none.
    mutating func restOfLine() -> ArraySlice<UInt8> {
        let found = buffer.withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, 10) }
        return take(found < 0 ? buffer.count : found + 1)
    }

    /// The octets are a TLS record of type handshake (RFC 8446 §5.1); no protocol here begins so.
    var beginsTLS: Bool { buffer.starts(with: [0x16, 0x03]) }

    /// The octets begin with NUL, as a wrapped buffer does.
    var beginsWrapped: Bool { buffer.first == 0 }

    /// Content starts here: the scanner stands at the beginning of a line.
    mutating func beginDotTerminated() { scanner = DotScanner() }

    /// The next piece of dot-terminated content, and its terminator when it was reached.
    mutating func dotTerminated() -> DotScanner.Cut {
        let cut = scanner.scan(buffer)
        let piece = take(cut.content)
        let terminator = cut.terminated ? take(3) : nil
        return DotScanner.Cut(piece: piece, terminator: terminator, flaws: cut.flaws)
    }

    /// Follows dot-terminated content that came while nothing waits. Gives how many octets of it are content; behind them is
    /// its terminator or the beginning of one, or nothing.
    mutating func passDotTerminated(_ bytes: UnsafeRawBufferPointer) -> Int { scanner.scan(bytes).content }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        let head = buffer.prefix(count)
        searched = 0
        if count >= buffer.count {
            buffer = []  // lets go of the storage, so that an idle session keeps none
        } else {
            buffer = buffer[(buffer.startIndex + count)...]
        }
        return head
    }
}
