// Cuts the octets of one side into frames, as the dialogue demands. Cut first, parse second: only a whole frame reaches
// a parser, so a bad frame is lost without losing the place.
//
// Only CRLF ends content (RFC 5321 §4.1.1.4). A line ends at LF, with or without CR before it; the dialogue judges
// which.

import CBytes

/// The uncut octets of one side.
package struct Framer: Equatable, Sendable {
    /// Octets of which those before `next` are cut.
    private var buffer: ArraySlice<UInt8> = []
    private var next = 0
    /// The octets from `next` up to here hold no LF; behind it may stand one that was found.
    private var searched = 0
    private var scanner = DotScanner()
    /// The buffer holds nothing but what was kept: no octets of others are kept with it.
    private var isOwn = true

    init() {}

    /// Octets that wait.
    var count: Int { buffer.endIndex - next }
    var isEmpty: Bool { buffer.endIndex == next }
    var waiting: ArraySlice<UInt8> { buffer[next...] }

    mutating func append(_ bytes: consuming ArraySlice<UInt8>) {
        if isEmpty {
            next = bytes.startIndex
            searched = next
            buffer = bytes
            isOwn = false
        } else {
            // What is cut is dropped first, so that a slow reader's buffer does not grow for ever.
            if next - buffer.startIndex > buffer.endIndex - next { compact() }
            buffer.append(contentsOf: bytes)
        }
    }

    /// What waits is kept for longer: it must not keep what it came with, which may be a quarter of a megabyte of a file.
    mutating func own() {
        if !isOwn { compact() }
    }

    private mutating func compact() {
        let ahead = searched - next
        buffer = ArraySlice(Array(buffer[next...]))
        next = buffer.startIndex
        searched = next + ahead
        isOwn = true
    }

    /// Octets of the next line, its LF included; nil when there is no LF yet.
    @inline(__always)
    mutating func lineLength() -> Int? {
        let from = searched
        let offset = from &- buffer.startIndex
        let hit = buffer.withUnsafeBytes { raw -> Int in
            guard let base = raw.baseAddress else { return -1 }
            let found = mp_find_byte(base + offset, raw.count &- offset, 10)
            return found < 0 ? -1 : from &+ found
        }
        guard hit >= 0 else {
            searched = buffer.endIndex
            return nil
        }
        searched = hit
        return hit &- next &+ 1
    }

    /// The next octets, which stay.
    func front(_ count: Int) -> ArraySlice<UInt8> { buffer[next...].prefix(count) }

    /// The next line when it is whole, has at most `limit` octets and does not begin with a control, as no line does that is
    /// worth a quick look.
    mutating func plainLine(limit: Int) -> ArraySlice<UInt8>? {
        guard next < buffer.endIndex, buffer[next] >= 32, let length = lineLength(), length <= limit else { return nil }
        return take(length)
    }

    /// At most `most` octets, whatever they are.
    mutating func octets(_ most: Int) -> ArraySlice<UInt8> { take(min(max(most, 0), count)) }

    /// All octets.
    mutating func rest() -> ArraySlice<UInt8> { take(count) }

    /// The octets up to the first LF, or all when there is none.
    mutating func restOfLine() -> ArraySlice<UInt8> {
        let offset = next - buffer.startIndex
        let found = buffer.withUnsafeBytes { raw -> Int in
            guard let base = raw.baseAddress else { return -1 }
            return mp_find_byte(base + offset, raw.count - offset, 10)
        }
        return take(found < 0 ? count : found + 1)
    }

    /// The octets are a TLS record of type handshake (RFC 8446 §5.1); no protocol here begins so.
    var beginsTLS: Bool { count >= 2 && buffer[next] == 0x16 && buffer[next + 1] == 0x03 }

    /// The octets begin with NUL, as a wrapped buffer does.
    var beginsWrapped: Bool { !isEmpty && buffer[next] == 0 }

    /// The octets up to the first LF, or the first hundreds of them, are text of ASCII; nil as long as they are too few to tell.
    var beginsWithText: Bool? {
        var before: UInt8 = 0
        for octet in buffer[next...].prefix(Self.proof) {
            if octet == 10 { return true }
            if before == 13 || (octet < 32 && octet != 9 && octet != 13) || octet > 126 { return false }
            before = octet
        }
        return count < Self.proof ? nil : true
    }

    /// Octets of text that are no accident.
    private static let proof = 256

    /// Content starts here: the scanner stands at the beginning of a line.
    mutating func beginDotTerminated() { scanner = DotScanner() }

    /// The dot-terminated content so far: its octets, and how many of them are dots that were doubled.
    var dotContent: (octets: Int, stuffed: Int) { (scanner.octets, scanner.stuffed) }

    /// The next piece of dot-terminated content, and its terminator when it was reached.
    mutating func dotTerminated() -> DotScanner.Cut {
        let cut = scanner.scan(buffer[next...])
        let piece = take(cut.content)
        let terminator = cut.terminated ? take(3) : nil
        return DotScanner.Cut(piece: piece, terminator: terminator, flaws: cut.flaws)
    }

    /// Follows dot-terminated content that came while nothing waits. Gives how many octets of it are content; behind them is
    /// its terminator or the beginning of one, or nothing.
    mutating func passDotTerminated(_ bytes: UnsafeRawBufferPointer) -> Int { scanner.scan(bytes).content }

    /// The same, unless something is to be said of the octets: then none is followed.
    mutating func passFlawless(_ bytes: UnsafeRawBufferPointer) -> Int {
        var ahead = scanner
        let cut = ahead.scan(bytes)
        guard cut.flaws.isEmpty, cut.content > 0 else { return 0 }
        scanner = ahead
        return cut.content
    }

    @inline(__always)
    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        let end = next &+ min(max(count, 0), self.count)
        let head = buffer[next..<end]
        if end == buffer.endIndex {
            buffer = []  // lets go of the storage, so that an idle session keeps none
            next = 0
            isOwn = true
        } else {
            next = end
        }
        searched = next
        return head
    }

    /// The same octets wait, and the same is known of them.
    package static func == (a: Framer, b: Framer) -> Bool {
        a.searched - a.next == b.searched - b.next && a.scanner == b.scanner
            && a.buffer[a.next...] == b.buffer[b.next...]
    }
}
