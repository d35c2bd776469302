// Messages as an mbox file (RFC 4155) whose quoting can be undone: mboxrd. Not an octet of a message is changed but for the `>` that
// is put before `From `, and before `>From ` and so on, at the front of a line.

import CBytes
import MailMessage

/// Quotes the lines of one message, whatever way its octets are split.
package struct MboxQuoter: Sendable {
    private static let word = Array("From ".utf8)

    /// Of the line that begins: `>` so far, and letters of the word so far. Nil in the middle of a line.
    private var front: (marks: Int, letters: Int)? = (0, 0)
    /// The last octet was a line feed, or there was none.
    package private(set) var isAtLineStart = true

    package init() {}

    /// Appends the next octets, quoted.
    package mutating func append(_ octets: ArraySlice<UInt8>, to out: inout [UInt8]) {
        var rest = octets
        while !rest.isEmpty {
            guard let (marks, letters) = front else {
                let offset = rest.withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, 10) }
                guard offset >= 0 else {
                    out.append(contentsOf: rest)
                    break
                }
                out.append(contentsOf: rest.prefix(offset + 1))
                rest = rest.dropFirst(offset + 1)
                front = (0, 0)
                continue
            }
            let octet = rest[rest.startIndex]
            if letters == 0, octet == UInt8(ascii: ">") {
                front = (marks + 1, 0)
                rest = rest.dropFirst()
            } else if octet == Self.word[letters] {
                rest = rest.dropFirst()
                front = (marks, letters + 1)
                guard letters + 1 == Self.word.count else { continue }
                release(marks + 1, Self.word.count, &out)
            } else {
                release(marks, letters, &out)
            }
        }
        if let last = octets.last { isAtLineStart = last == 10 }
    }

    /// The message is over: what was held back.
    package mutating func finish(to out: inout [UInt8]) {
        if let (marks, letters) = front { release(marks, letters, &out) }
    }

    private mutating func release(_ marks: Int, _ letters: Int, _ out: inout [UInt8]) {
        out.append(contentsOf: repeatElement(UInt8(ascii: ">"), count: marks))
        out.append(contentsOf: Self.word[..<letters])
        front = nil
    }
}

/// The lines around messages.
package enum MboxLine {
    /// Behind the date when the message has no line end at its end: the line feed before the empty line is not of the message.
    package static let unterminated = " unterminated"

    /// `From ann@example.com Thu Nov 26 10:00:00 2026`, the date in UTC (RFC 4155 Appendix A).
    /// - Parameter time: microseconds since 1970.
    package static func opening(sender: String, time: Int64, isTerminated: Bool) -> [UInt8] {
        let address = sender.utf8.prefix(320).filter { $0 > 32 && $0 != 127 }
        var line = "From \(address.isEmpty ? "MAILER-DAEMON" : String(decoding: address, as: UTF8.self)) "
        // Thu, 26 Nov 2026 10:00:00 +0000
        let date = MailDate(microseconds: time).headerText.split(separator: " ")
        if date.count == 6 {
            let day = date[1].utf8.count == 1 ? " " + date[1] : date[1]
            line += "\(date[0].dropLast()) \(date[2]) \(day) \(date[4]) \(date[3])"
        }
        return Array((line + (isTerminated ? "" : unterminated) + "\n").utf8)
    }
}
