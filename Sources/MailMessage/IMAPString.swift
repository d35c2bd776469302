// Strings as IMAP writes them (RFC 9051 §4.3): quoted when they can be, literals else.

/// An IMAP `nstring`: NIL, a quoted string, or a literal. NUL, which no string may hold, becomes a question mark.
package func imapString(_ octets: [UInt8]?) -> [UInt8] {
    guard let octets else { return Array("NIL".utf8) }
    return imapString(octets[...])
}

/// An IMAP `string`: quoted, or a literal when there is a line end or an octet beyond ASCII in it.
package func imapString(_ octets: ArraySlice<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(octets.count + 8)
    if octets.allSatisfy({ $0 < 128 && $0 != Octets.cr && $0 != Octets.lf && $0 != 0 }) {
        out.append(UInt8(ascii: "\""))
        for octet in octets {
            if octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") { out.append(UInt8(ascii: "\\")) }
            out.append(octet)
        }
        out.append(UInt8(ascii: "\""))
    } else {
        out.append(contentsOf: "{\(octets.count)}\r\n".utf8)
        for octet in octets { out.append(octet == 0 ? UInt8(ascii: "?") : octet) }
    }
    return out
}

/// An IMAP `string` of a text.
package func imapString(_ text: String) -> [UInt8] {
    imapString(Array(text.utf8)[...])
}
