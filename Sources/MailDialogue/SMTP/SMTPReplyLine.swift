// A line of an SMTP reply (RFC 5321 §4.2): three digits, then "-" when more follow, " " or nothing on the last.

/// A parsed reply line.
package struct SMTPReplyLine: Equatable, Sendable {
    /// 200...599 as on the wire.
    package let code: Int
    package let isLast: Bool
    /// What stands behind the separator.
    package let text: ArraySlice<UInt8>

    /// Nil when the line does not begin with three digits and a separator.
    package init?(_ line: ArraySlice<UInt8>) {
        let digits = line.prefix(3)
        guard digits.count == 3, let code = digits.decimal, code >= 200, code < 600 else { return nil }
        let rest = line.dropFirst(3)
        self.code = code
        guard let separator = rest.first else {
            isLast = true
            text = []
            return
        }
        // "250-" goes on; any other fourth octet ends the reply (RFC 5321 §4.2), but must be a space to be one.
        switch separator {
        case UInt8(ascii: "-"): isLast = false
        case UInt8(ascii: " "), 9: isLast = true
        default: return nil
        }
        text = rest.dropFirst()
    }

    /// What the code means, common to all protocols.
    package var status: ReplyStatus {
        switch code / 100 {
        case 2: .ok
        case 3: .intermediate
        case 4: code == 421 ? .closing : .temporary
        default: .refused
        }
    }
}
