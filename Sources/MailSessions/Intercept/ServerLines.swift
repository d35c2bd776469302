// What a server says to us alone, line by line: while TLS is begun with it, while it is told who the client is, while we log in.

import MailDialogue

/// Cuts the octets of a server into lines, and bounds them.
struct ServerLines: Sendable {
    /// Octets of a line, and of all that a server says meanwhile.
    static let longestLine = 8192
    static let longest = 65_536
    /// The tag of our commands in IMAP.
    static let tag = "mailproxy"

    private var octets: [UInt8] = []
    private var start = 0
    private var seen = 0

    /// Octets came. All lines are to be taken before more are given. False when more came than may come.
    mutating func take(_ new: some Collection<UInt8>) -> Bool {
        if start > 0 {
            octets.removeFirst(start)
            start = 0
        }
        seen += new.count
        guard seen <= Self.longest else { return false }
        octets += new
        return true
    }

    /// The next whole line, with its end.
    mutating func next() -> [UInt8]? {
        guard let end = octets[start...].firstIndex(of: 10) else { return nil }
        defer { start = end + 1 }
        return Array(octets[start...end])
    }

    /// What came behind the lines that were taken.
    var rest: ArraySlice<UInt8> { octets[start...] }

    /// The line that is not whole is longer than a line may be.
    var isLineTooLong: Bool { octets.count - start > Self.longestLine }

    /// A line in words, for complaints.
    static func text(_ line: [UInt8]) -> String { String(line[...].withoutLineEnd.line.text.prefix(200)) }
}

/// A line of a reply of SMTP (RFC 5321 §4.2).
struct SMTPWords {
    let code: Int
    /// No hyphen behind the code.
    let isLast: Bool
    /// What stands behind the code.
    let text: ArraySlice<UInt8>

    init?(_ line: [UInt8]) {
        let words = line[...].withoutLineEnd.line
        // A line may be its code alone.
        guard words.count >= 3, let code = words.prefix(3).decimal else { return nil }
        self.code = code
        isLast = words.dropFirst(3).first != UInt8(ascii: "-")
        text = words.dropFirst(4)
    }
}
