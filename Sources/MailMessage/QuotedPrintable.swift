// The quoted-printable encoding (RFC 2045 §6.7), read octet by octet: one reader for whoever wants the octets and for whoever
// judges them.

/// Where the octets of a quoted-printable body go.
protocol QuotedPrintableSink {
    mutating func put(_ octet: UInt8)
    mutating func put(_ octets: OctetSpan)
    /// - Parameter index: where in the octets that were given, -1 for what came before them.
    mutating func fault(_ fault: QuotedPrintable.Fault, at index: Int)
}

/// The quoted-printable encoding.
package enum QuotedPrintable {
    /// What a reader can find wrong.
    enum Fault: Equatable, Sendable {
        /// An equals sign without two digits or a line end.
        case escape
        /// A digit in lower case.
        case lowerCase
        /// White space at the end of a line.
        case trailingSpace
        /// An octet that must not stand for itself.
        case raw
    }

    /// Decodes a body: soft line breaks vanish, white space at the end of a line is dropped, an `=` that begins nothing stays as it is.
    package static func decode(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(octets.count)
        var decoder = TransferDecoder(encoding: "quoted-printable")
        decoder.feed(octets, into: &out)
        decoder.finish(into: &out)
        return out
    }
}

/// Reads the lines of a quoted-printable body in pieces.
struct QuotedPrintableReader: Equatable, Sendable {
    /// White space beyond this length at the end of a line is passed on, so that what is held stays small.
    private static let heldLimit = 1_024

    /// Octets whose meaning depends on what comes: white space, or an equals sign with a digit or with white space behind it.
    private var held: [UInt8] = []

    private var isEscape: Bool { held.first == UInt8(ascii: "=") }

    /// Takes content of a line, without its line end.
    mutating func take(_ content: OctetSpan, into sink: inout some QuotedPrintableSink) {
        var at = 0
        while at < content.count {
            // Octets that stand for themselves, white space with something behind it among them.
            var end = at
            var last = at
            if held.isEmpty {
                while end < content.count, QuotedPrintableReader.isPlain(content[end]) {
                    end += 1
                    if !Octets.isSpace(content[end - 1]) { last = end }
                }
            }
            if last > at {
                sink.put(content.extracting(at..<last))
                at = last
            } else if held.isEmpty, content[at] == UInt8(ascii: "="), content.count - at > 2,
                let high = Octets.hex(content[at + 1]), let low = Octets.hex(content[at + 2])
            {
                if max(content[at + 1], content[at + 2]) >= UInt8(ascii: "a") { sink.fault(.lowerCase, at: at + 2) }
                sink.put(high << 4 | low)
                at += 3
            } else {
                take(content[at], at: at, into: &sink)
                at += 1
            }
        }
    }

    private static func isPlain(_ octet: UInt8) -> Bool {
        32...126 ~= octet && octet != UInt8(ascii: "=")
    }

    mutating func take(_ octet: UInt8, at index: Int, into sink: inout some QuotedPrintableSink) {
        if isEscape {
            if held.count == 1 {
                if Octets.hex(octet) != nil || Octets.isSpace(octet) { return held.append(octet) }
            } else if let high = Octets.hex(held[1]) {
                if let low = Octets.hex(octet) {
                    if octet >= UInt8(ascii: "a") || held[1] >= UInt8(ascii: "a") { sink.fault(.lowerCase, at: index) }
                    held.removeAll(keepingCapacity: true)
                    return sink.put(high << 4 | low)
                }
            } else if Octets.isSpace(octet), held.count < QuotedPrintableReader.heldLimit {
                return held.append(octet)
            }
            sink.fault(.escape, at: index)
            flush(into: &sink)
        }
        if octet == UInt8(ascii: "=") {
            flush(into: &sink)
            held.append(octet)
        } else if Octets.isSpace(octet) {
            if held.count >= QuotedPrintableReader.heldLimit { flush(into: &sink) }
            held.append(octet)
        } else {
            flush(into: &sink)
            if octet < 33 || octet > 126 { sink.fault(.raw, at: index) }
            sink.put(octet)
        }
    }

    /// A line ends.
    /// - Parameter index: where its line end is.
    /// - Returns: the line end stays in the content.
    mutating func endLine(isCRLF: Bool, at index: Int, into sink: inout some QuotedPrintableSink) -> Bool {
        guard !endContent(at: index, into: &sink) else { return false }
        if isCRLF { sink.put(Octets.cr) }
        sink.put(Octets.lf)
        return true
    }

    /// The body ends, inside a line or not.
    mutating func finish(into sink: inout some QuotedPrintableSink) {
        _ = endContent(at: 0, into: &sink)
    }

    /// What is held ends here; true for a soft line break.
    private mutating func endContent(at index: Int, into sink: inout some QuotedPrintableSink) -> Bool {
        guard let first = held.first else { return false }
        defer { held.removeAll(keepingCapacity: true) }
        guard first == UInt8(ascii: "=") else {
            sink.fault(.trailingSpace, at: index)
            return false
        }
        guard held.count > 1, Octets.hex(held[1]) != nil else { return true }
        sink.fault(.escape, at: index)
        sink.put(held.span)
        return false
    }

    private mutating func flush(into sink: inout some QuotedPrintableSink) {
        guard !held.isEmpty else { return }
        sink.put(held.span)
        held.removeAll(keepingCapacity: true)
    }
}
