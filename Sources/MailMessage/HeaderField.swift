// One header field (RFC 5322 §2.2) with its octets as they came, and the walk over a header section that finds the fields.

import CBytes

/// A header field, or a line of the header section that is none.
package struct HeaderField: Equatable, Sendable {
    /// All octets of the field with its folds and its last line end.
    package let raw: ArraySlice<UInt8>
    /// The name as written; empty when the line has no name (an mbox `From ` line, garbage).
    package let name: ArraySlice<UInt8>
    /// What follows the colon, still folded, without the last line end.
    package let body: ArraySlice<UInt8>

    /// The body unfolded (RFC 5322 §2.2.3): line ends are removed, white space stays, none at both ends.
    package var value: [UInt8] { HeaderField.unfold(body) }

    /// The body as a person reads it: unfolded, encoded words decoded (RFC 2047).
    package var text: String { EncodedWord.decode(value[...]) }

    /// Compares the name, ASCII letters of either case alike.
    package func isNamed(_ other: String) -> Bool {
        Octets.equalIgnoringCase(name, other.utf8)
    }

    /// Removes every line end that white space follows, and white space at both ends.
    package static func unfold(_ body: ArraySlice<UInt8>) -> [UInt8] {
        let body = Octets.trim(body)
        guard Octets.find(Octets.lf, in: body) != nil else { return Array(body) }
        var out: [UInt8] = []
        out.reserveCapacity(body.count)
        for octet in body {
            if octet == Octets.lf {
                if out.last == Octets.cr { out.removeLast() }
            } else {
                out.append(octet)
            }
        }
        return out
    }
}

/// Walks the fields of a header section up to its empty line, without keeping them.
package struct HeaderFieldIterator: IteratorProtocol, Sendable {
    private let bytes: ArraySlice<UInt8>
    /// Index behind what was read; behind the empty line at the end.
    private(set) package var position: Int
    /// The empty line was seen.
    private(set) package var isTerminated = false

    /// - Parameter bytes: a header section; what follows its empty line is not looked at.
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// A bit for each letter, either case alike; none for other octets.
    static func initial(_ octet: UInt8) -> UInt32 {
        Octets.isLetter(octet) ? 1 << UInt32(Octets.lower(octet) - UInt8(ascii: "a")) : 0
    }

    /// Passes over fields until one begins with one of the names, which are in lower case. False when none does: then
    /// the walk is at its end.
    /// - Parameter initials: what ``initial(_:)`` gives for the first letters of the names.
    mutating func skip(to names: [[UInt8]], _ initials: UInt32) -> Bool {
        guard !isTerminated else { return false }
        return bytes.withUnsafeBytes { octets in
            var at = position - bytes.startIndex
            defer { position = bytes.startIndex + at }
            var isFirst = true
            while at < octets.count {
                let isFold = !isFirst && Octets.isSpace(octets[at])
                if !isFold, initials & Self.initial(octets[at]) != 0,
                    names.contains(where: { Octets.begins(octets[at...], $0) })
                {
                    return true
                }
                isFirst = false
                let rest = UnsafeRawBufferPointer(rebasing: octets[at...])
                let feed = mp_find_byte(rest.baseAddress, rest.count, Octets.lf)
                guard feed >= 0 else {
                    at = octets.count
                    return false
                }
                at += feed + 1
                if !isFold, feed == 0 || feed == 1 && rest[0] == Octets.cr {
                    isTerminated = true
                    return false
                }
            }
            return false
        }
    }

    /// The next field, nil at the empty line or the end of the octets.
    package mutating func next() -> HeaderField? {
        guard !isTerminated, position < bytes.endIndex else { return nil }
        let first = bytes.startIndex
        let start = position - first
        let place = bytes.withUnsafeBytes { Self.field(in: $0, at: start) }
        position = first + place.end
        guard !place.isEmptyLine else {
            isTerminated = true
            return nil
        }
        return HeaderField(
            raw: bytes[(first + start)..<(first + place.end)], name: bytes[(first + start)..<(first + place.nameEnd)],
            body: bytes[(first + place.body)..<(first + place.bodyEnd)])
    }

    /// Where a field stands, in octets from the front of the section.
    private struct Place {
        /// Behind its last line end.
        var end: Int
        var isEmptyLine = false
        /// Where its name ends; where it begins when it has none.
        var nameEnd: Int
        var body: Int
        var bodyEnd: Int
    }

    /// Looks for the parts of the field that begins at `start`, without a slice for each.
    private static func field(in octets: UnsafeRawBufferPointer, at start: Int) -> Place {
        func endOfLine(_ from: Int) -> Int {
            let rest = UnsafeRawBufferPointer(rebasing: octets[from...])
            let feed = mp_find_byte(rest.baseAddress, rest.count, Octets.lf)
            return feed < 0 ? octets.count : from + feed + 1
        }
        /// The same without the line end before `end`.
        func withoutLineEnd(_ end: Int) -> Int {
            guard end > start, octets[end - 1] == Octets.lf else { return end }
            return end - 1 > start && octets[end - 2] == Octets.cr ? end - 2 : end - 1
        }
        var end = endOfLine(start)
        let lineEnd = withoutLineEnd(end)
        if lineEnd == start {
            return Place(end: end, isEmptyLine: true, nameEnd: start, body: start, bodyEnd: start)
        }
        while end < octets.count, Octets.isSpace(octets[end]) { end = endOfLine(end) }
        var place = Place(end: end, nameEnd: start, body: start, bodyEnd: withoutLineEnd(end))
        let line = octets[start..<lineEnd]
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return place }
        // RFC 5322 §4.5.3 allowed white space before the colon.
        var nameEnd = colon
        while nameEnd > start, Octets.isSpace(octets[nameEnd - 1]) { nameEnd -= 1 }
        guard nameEnd > start, octets[start..<nameEnd].allSatisfy({ 33...126 ~= $0 }) else { return place }
        place.nameEnd = nameEnd
        place.body = colon + 1
        return place
    }
}
