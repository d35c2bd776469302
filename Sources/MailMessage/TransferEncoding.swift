// Content transfer encodings (RFC 2045 §6): from the octets of a body to the octets that it stands for, whole or in pieces.
// Broken bodies are decoded as far as they make sense.

extension Base64 {
    /// Decodes a MIME body (RFC 2045 §6.8): whatever is no digit is passed over, `=` ends a group and decoding goes on behind it,
    /// since bodies are found that were encoded in pieces. Digits that do not fill an octet are dropped.
    package static func decodeLenient(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(octets.count / 4 * 3 + 3)
        var decoder = TransferDecoder(encoding: "base64")
        decoder.feed(octets, into: &out)
        return out
    }
}

/// Decoding by the name in Content-Transfer-Encoding.
package enum TransferEncoding {
    /// The octets that the body stands for.
    /// - Parameter name: in lower case; `7bit`, `8bit`, `binary` and unknown names leave the body as it is.
    package static func decode(_ body: ArraySlice<UInt8>, as name: String) -> ArraySlice<UInt8> {
        var decoder = TransferDecoder(encoding: name)
        if decoder.isIdentity { return body }
        var out: [UInt8] = []
        out.reserveCapacity(body.count)
        decoder.feed(body, into: &out)
        decoder.finish(into: &out)
        return out[...]
    }
}

/// Undoes a transfer encoding while the body passes, in pieces of any size: what it keeps is a few octets.
package struct TransferDecoder: Sendable {
    private enum Coding: Sendable {
        case identity
        case base64(bits: UInt32, count: UInt32)
        case quotedPrintable(QuotedPrintableReader, isAfterCR: Bool)
        case uuencode(UUDecoder)
    }

    private var coding: Coding

    /// - Parameter encoding: the name in Content-Transfer-Encoding, in lower case; `uuencode` and its private names too.
    package init(encoding: String) {
        switch encoding {
        case "base64": coding = .base64(bits: 0, count: 0)
        case "quoted-printable": coding = .quotedPrintable(QuotedPrintableReader(), isAfterCR: false)
        case "uuencode", "x-uuencode", "x-uue", "uue": coding = .uuencode(UUDecoder())
        default: coding = .identity
        }
    }

    /// The body stands for itself.
    package var isIdentity: Bool {
        switch coding {
        case .identity: true
        case .base64, .quotedPrintable, .uuencode: false
        }
    }

    /// Takes the next octets of the body and adds what they stand for to `out`.
    package mutating func feed(_ piece: ArraySlice<UInt8>, into out: inout [UInt8]) {
        switch coding {
        case .identity: out.append(contentsOf: piece)
        case .base64(let bits, let count): coding = TransferDecoder.base64(piece, bits, count, &out)
        case .quotedPrintable(var reader, let isAfterCR):
            coding = .identity
            var sink = ArraySink(out: out)
            out = []
            let isAfter = TransferDecoder.quotedPrintable(piece, &reader, isAfterCR, &sink)
            out = sink.out
            coding = .quotedPrintable(reader, isAfterCR: isAfter)
        case .uuencode(var decoder):
            coding = .identity
            decoder.feed(piece, into: &out)
            coding = .uuencode(decoder)
        }
    }

    /// The body is over: adds what was still held back.
    package mutating func finish(into out: inout [UInt8]) {
        switch coding {
        case .identity, .base64: break
        case .quotedPrintable(var reader, let isAfterCR):
            var sink = ArraySink(out: out)
            if isAfterCR { reader.take(Octets.cr, at: -1, into: &sink) }
            reader.finish(into: &sink)
            out = sink.out
        case .uuencode(var decoder): decoder.finish(into: &out)
        }
        coding = .identity
    }

    private static func base64(
        _ piece: ArraySlice<UInt8>, _ bits: UInt32, _ count: UInt32, _ out: inout [UInt8]
    ) -> Coding {
        var bits = bits
        var count = count
        let octets = piece.span
        let table = Base64.values
        let values = table.span
        // No more comes out than three octets for four, and one for what was left over.
        let decoded = [UInt8](unsafeUninitializedCapacity: octets.count / 4 * 3 + 4) { space, used in
            for index in octets.indices {
                let value = values[Int(octets[index])]
                if value < 64 {
                    bits = bits << 6 | UInt32(value)
                    count += 6
                    guard count >= 8, used < space.count else { continue }
                    count -= 8
                    space[used] = UInt8(truncatingIfNeeded: bits >> count)
                    used += 1
                } else if octets[index] == UInt8(ascii: "=") {
                    count = 0
                }
            }
        }
        out.append(contentsOf: decoded)
        return .base64(bits: bits & 0xFF, count: count)
    }

    private static func quotedPrintable(
        _ piece: ArraySlice<UInt8>, _ reader: inout QuotedPrintableReader, _ isAfterCR: Bool, _ sink: inout ArraySink
    ) -> Bool {
        let octets = piece.span
        var isAfterCR = isAfterCR
        var at = 0
        while at < octets.count {
            let rest = octets.extracting(at..<octets.count)
            let feed = rest.index(of: Octets.lf)
            var end = feed ?? rest.count
            at += end + (feed == nil ? 0 : 1)
            var hasCR = isAfterCR && feed == 0
            if isAfterCR, !hasCR { reader.take(Octets.cr, at: -1, into: &sink) }
            isAfterCR = false
            if end > 0, rest[end - 1] == Octets.cr {
                end -= 1
                if feed == nil { isAfterCR = true } else { hasCR = true }
            }
            reader.take(rest.extracting(0..<end), into: &sink)
            if feed != nil { _ = reader.endLine(isCRLF: hasCR, at: end, into: &sink) }
        }
        return isAfterCR
    }

    private struct ArraySink: QuotedPrintableSink {
        var out: [UInt8]
        mutating func put(_ octet: UInt8) { out.append(octet) }
        mutating func put(_ octets: OctetSpan) { out.append(octets) }
        mutating func fault(_ fault: QuotedPrintable.Fault, at index: Int) {}
    }
}
