// An exchange that is not complete yet.

import Crypto
import MailDialogue

/// A command line whose replies and content are still coming.
struct OpenExchange: Sendable {
    /// Octets of a command line and of a reply's text that are kept.
    static let longestLine = 1000
    /// Violations that a row lists.
    static let mostViolations = 64

    var row: Exchange
    /// What octets of a content were is not known: there is no digest.
    private var isLeftOut = false
    /// What has come of the mailbox's name, which is a literal; nil when it is none, or is whole.
    private var name: [UInt8]?
    /// The last line of the reply has come.
    private(set) var isAnswered = false
    /// The digest of its first content.
    private var digest: SHA256?
    /// The digest of the digests of its contents, when there are several: the messages of a FETCH need not be hashed twice.
    private var digestOfAll: SHA256?

    init(_ row: Exchange) { self.row = row }

    /// The row, with the digest of its content.
    var finished: Exchange {
        var row = row
        if let digest, !isLeftOut { row.content?.sha256 = (digestOfAll ?? digest).hex }
        return row
    }

    mutating func add(_ violation: Violation) {
        if row.violations.count < Self.mostViolations { row.violations.append(violation) }
    }

    /// The command goes on behind its first line, which ends with the header of the literal that names a mailbox (RFC 9051 §4.3).
    mutating func awaitName() {
        let command = Array(row.line.utf8)[...].firstWord.rest.firstWord
        guard Exchange.mailboxCommands.contains(row.command), command.rest.first == UInt8(ascii: "{") else { return }
        name = []
    }

    /// Octets of a literal of the command that is no message.
    mutating func take(literal octets: ArraySlice<UInt8>) {
        guard let count = name?.count else { return }
        name?.append(contentsOf: octets.prefix(max(0, Self.longestLine - count)))
    }

    /// A literal of the command that is no message has ended.
    mutating func endLiteral() {
        guard let name else { return }
        row.mailbox = name[...].text
        self.name = nil
    }

    /// A line of the reply.
    mutating func take(_ reply: Reply, _ octets: ArraySlice<UInt8>, _ mailProtocol: MailProtocol, _ time: Int64) {
        row.last = max(row.last, time)
        row.replyStatus = reply.status
        row.replyCode = reply.code
        isAnswered = isAnswered || reply.isLast
        let line = octets.withoutLineEnd.line
        let text: ArraySlice<UInt8>
        switch mailProtocol {
        case .smtp, .lmtp:
            guard reply.isLast else { return }
            text = line.dropFirst(4)
        case .pop3:
            // The lone dot ends a listing; the status line before it said what there is to say.
            if line.count == 1, line.first == UInt8(ascii: ".") { return }
            text = line.firstWord.rest
        case .imap: text = line.firstWord.rest.firstWord.rest
        }
        row.replyText = text.prefix(Self.longestLine).text
    }

    /// A content has ended; `digest` is that of its octets.
    mutating func take(content digest: SHA256?, _ bytes: Int, _ side: Side, _ time: Int64, isReply: Bool) {
        row.last = max(row.last, time)
        if digest == nil { isLeftOut = true }
        if let digest, let first = self.digest {
            var all = digestOfAll ?? SHA256(of: first)
            all.update(digest)
            digestOfAll = all
        } else if let digest {
            self.digest = digest
        }
        row.content = Exchange.ContentSummary(side: side, bytes: (row.content?.bytes ?? 0) &+ bytes, sha256: "")
        isAnswered = isAnswered || isReply
    }
}
