// Content transfer encodings (RFC 2045 §6): from the octets of a body to the octets that it stands for. Broken bodies are
// decoded as far as they make sense.

extension Base64 {
    /// Decodes a MIME body (RFC 2045 §6.8): whatever is no digit is passed over, `=` ends a group and decoding goes on behind it,
    /// since bodies are found that were encoded in pieces. Digits that do not fill an octet are dropped.
    package static func decodeLenient(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(octets.count / 4 * 3 + 3)
        var group: UInt32 = 0
        var bits: UInt32 = 0
        for octet in octets {
            if let value = value(of: octet) {
                group = group << 6 | UInt32(value)
                bits += 6
                if bits >= 8 {
                    bits -= 8
                    out.append(UInt8(truncatingIfNeeded: group >> bits))
                    group &= (1 << bits) - 1
                }
            } else if octet == UInt8(ascii: "=") {
                group = 0
                bits = 0
            }
        }
        return out
    }
}

/// The quoted-printable encoding.
package enum QuotedPrintable {
    /// Decodes a body (RFC 2045 §6.7): soft line breaks vanish, white space at the end of a line is dropped, an `=` that begins
    /// nothing stays as it is.
    package static func decode(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(octets.count)
        var at = octets.startIndex
        while at < octets.endIndex {
            let end = Octets.endOfLine(from: at, in: octets)
            var line = Octets.withoutLineEnd(octets[at..<end])
            let lineEnd = octets[line.endIndex..<end]
            while let last = line.last, Octets.isSpace(last) { line.removeLast() }
            let isSoft = line.last == UInt8(ascii: "=")
            if isSoft { line.removeLast() }
            append(line, to: &out)
            if !isSoft { out.append(contentsOf: lineEnd) }
            at = end
        }
        return out
    }

    private static func append(_ line: ArraySlice<UInt8>, to out: inout [UInt8]) {
        var at = line.startIndex
        while at < line.endIndex {
            if line[at] == UInt8(ascii: "="), line.endIndex - at > 2, let high = Octets.hex(line[at + 1]),
                let low = Octets.hex(line[at + 2])
            {
                out.append(high << 4 | low)
                at += 3
            } else {
                out.append(line[at])
                at += 1
            }
        }
    }
}

/// Decoding by the name in Content-Transfer-Encoding.
package enum TransferEncoding {
    /// The octets that the body stands for.
    /// - Parameter name: in lower case; `7bit`, `8bit`, `binary` and unknown names leave the body as it is.
    package static func decode(_ body: ArraySlice<UInt8>, as name: String) -> ArraySlice<UInt8> {
        switch name {
        case "base64": Base64.decodeLenient(body)[...]
        case "quoted-printable": QuotedPrintable.decode(body)[...]
        default: body
        }
    }
}
