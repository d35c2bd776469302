// Who said a line, for files in which both sides stand without a mark: what a person typed into `openssl s_client`, nc or telnet, and
// what came back. It is told by what lines are of, and by what the dialogue lets come next.

import MailDialogue

/// Tells the sides of lines apart, in order.
package struct TypedDialogue: Sendable {
    private enum Place: Equatable {
        case lines
        /// The client's message, to its lone dot.
        case data
        /// The server's listing or message, to its lone dot.
        case listing
        /// The client announced a literal and may have to wait for the server's `+` (RFC 9051 §4.3).
        case offered(Int)
        /// A literal of a side: octets that are left.
        case literal(Side, Int)
    }

    private var place = Place.lines
    /// Nil until a line told.
    package private(set) var mailProtocol: MailProtocol?
    /// The client's last command has a listing for its answer (RFC 1939 §3).
    private var asksForList = false
    private var isSASL = false

    package init() {}

    /// What comes next is of a message, a listing or a literal.
    package var isInContent: Bool { place != .lines }

    /// Who said the line.
    /// - Parameter line: with its line end.
    package mutating func side(of line: ArraySlice<UInt8>) -> Side {
        let text = line.withoutLineEnd.line
        let bare = text.last == 13 ? text.dropLast() : text
        if case .offered(let size) = place {
            place = .literal(.client, size)
            if bare.first == UInt8(ascii: "+"), bare.firstWord.word.count == 1 { return .server }
        }
        switch place {
        case .literal(let side, let left):
            // What follows a literal in its line belongs to the same side.
            let rest = left - line.count
            place = rest > 0 ? .literal(side, rest) : .lines
            if rest < 0 { follow(bare, side) }
            return side
        case .data:
            if bare.count == 1, bare.first == UInt8(ascii: ".") { place = .lines }
            return .client
        case .listing:
            if bare.count == 1, bare.first == UInt8(ascii: ".") { place = .lines }
            return .server
        case .lines, .offered: break
        }
        let side = judge(bare)
        follow(bare, side)
        return side
    }

    private mutating func judge(_ line: ArraySlice<UInt8>) -> Side {
        let (word, rest) = line.firstWord
        if word.equalsIgnoringCase("+OK") || word.equalsIgnoringCase("-ERR") {
            mailProtocol = .pop3
            return .server
        }
        if line.first == UInt8(ascii: "*"), word.count == 1, !rest.isEmpty {
            mailProtocol = .imap
            return .server
        }
        if line.first == UInt8(ascii: "+"), word.count == 1 { return .server }
        let (second, _) = rest.firstWord
        if second.equalsIgnoringCase("OK") || second.equalsIgnoringCase("NO") || second.equalsIgnoringCase("BAD"),
            mailProtocol == nil || mailProtocol == .imap
        {
            mailProtocol = .imap
            return .server
        }
        if mailProtocol == nil || mailProtocol == .smtp, line.count >= 3, line.prefix(3).decimal != nil,
            line.count == 3 || line.dropFirst(3).first == 32 || line.dropFirst(3).first == UInt8(ascii: "-")
        {
            mailProtocol = .smtp
            return .server
        }
        // A listing whose command was not typed where it could be seen.
        if mailProtocol == .pop3, !Self.isPOP3(word), !isSASL { return .server }
        return .client
    }

    /// What may follow the line.
    private mutating func follow(_ line: ArraySlice<UInt8>, _ side: Side) {
        switch (side, mailProtocol) {
        case (.server, .smtp):
            if line.hasPrefixIgnoringCase("354") { place = .data }
        case (.server, .pop3):
            if asksForList, line.hasPrefixIgnoringCase("+OK") { place = .listing }
            isSASL = line.first == UInt8(ascii: "+") && line.count > 1 && line.dropFirst().first == 32
            asksForList = false
        case (.client, .pop3):
            let (word, rest) = line.firstWord
            let alone = word.equalsIgnoringCase("LIST") || word.equalsIgnoringCase("UIDL")
            asksForList =
                word.equalsIgnoringCase("RETR") || word.equalsIgnoringCase("TOP") || word.equalsIgnoringCase("CAPA")
                || alone && rest.trimmed.isEmpty
        case (_, .imap):
            guard let size = Self.literal(line), size > 0 else { break }
            place = side == .client ? .offered(size) : .literal(side, size)
        case (.client, .smtp), (_, .lmtp), (_, nil): break
        }
    }

    private static func literal(_ line: ArraySlice<UInt8>) -> Int? {
        guard line.last == UInt8(ascii: "}"), let open = line.lastIndex(of: UInt8(ascii: "{")) else { return nil }
        let inside = line[(open + 1)...].dropLast()
        return (inside.last == UInt8(ascii: "+") ? inside.dropLast() : inside).decimal
    }

    private static func isPOP3(_ word: ArraySlice<UInt8>) -> Bool {
        switch word.keyword(limit: 8) {
        case "USER", "PASS", "APOP", "AUTH", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "TOP", "UIDL", "CAPA",
            "STLS",
            "UTF8", "LANG", "QUIT":
            true
        default: false
        }
    }
}
