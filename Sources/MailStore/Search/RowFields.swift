// What a filter gets of the rows of a session: of an exchange what stands in its line and its reply, of a message what is known of it and
// the header fields that were asked for.

import MailDialogue
import MailRecording
import MailRules

extension Exchange {
    /// The value of a field of exchanges; nil when this one has none. `rcpt.count` is of several: ``RecipientCounter``.
    func text(of name: FieldName) -> String? {
        switch name {
        case .command: command
        case .line: line
        case .replyCode: replyCode
        case .replyText: replyText
        case .clientName: SMTPRow.greetings.contains(command) ? smtp.argument.text : nil
        case .sender: sender
        case .senderDomain: sender.map(FieldValue.domain(of:))
        case .rcpt: recipient
        case .rcptDomain: recipient.map(FieldValue.domain(of:))
        case .mailbox: mailbox ?? mailboxOfLine
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .route, .clientAddress, .tls, .user, .rcptCount, .size,
            .carrier, .header, .from, .to, .subject, .tag, .id, .client, .server, .exchanges, .messages, .credentials,
            .violations, .finding, .bytesClient, .bytesServer, .duration, .end, .opaque, .gaps:
            nil
        }
    }

    private var smtp: SMTPCommand { SMTPCommand(Array(line.utf8)[...]) }
    private var sender: String? { SMTPRow.beginnings.contains(command) ? smtp.path?.mailbox.text : nil }
    private var recipient: String? { command == SMTPRow.recipient ? smtp.path?.mailbox.text : nil }

    private var mailboxOfLine: String? {
        guard Self.mailboxCommands.contains(command) else { return nil }
        return IMAPCommand(Array(line.utf8)[...]).arguments.firstAString
    }
}

/// Commands by what their lines say, as rows have them.
enum SMTPRow {
    static let greetings: Set<String> = ["EHLO", "HELO", "LHLO"]
    /// RFC 5321 §4.1.1.2, and those of RFC 821 that begin a transaction as well.
    static let beginnings: Set<String> = ["MAIL", "SEND", "SOML", "SAML"]
    static let recipient = "RCPT"
}

extension MessageRecord {
    /// The values of a field of messages.
    func texts(of field: Field) -> [String] {
        switch field.name {
        case .carrier: [carrier.rawValue]
        case .from: [from]
        case .to: to
        case .subject: [subject]
        case .header: fields.filter { $0.name == field.argument }.map(\.text)
        case .size, .smtp, .lmtp, .pop3, .imap, .mailProtocol, .route, .clientAddress, .tls, .user, .command, .line,
            .replyCode, .replyText, .clientName, .sender, .senderDomain, .rcpt, .rcptDomain, .rcptCount, .mailbox,
            .tag, .id, .client, .server, .exchanges, .messages, .credentials, .violations, .finding, .bytesClient,
            .bytesServer, .duration, .end, .opaque, .gaps:
            []
        }
    }
}

/// Counts the recipients that were named behind each MAIL.
struct RecipientCounter: Sendable {
    /// Of the transaction under way; nil when none is.
    private var count: Int?

    /// The next exchange. Gives the count of the transaction that it ends.
    mutating func take(_ command: String) -> Int? {
        if SMTPRow.beginnings.contains(command) {
            defer { count = 0 }
            return count
        }
        if command == SMTPRow.recipient { count = (count ?? 0) &+ 1 }
        return nil
    }

    /// The count of the last transaction.
    mutating func end() -> Int? {
        defer { count = nil }
        return count
    }

    /// The counts of all transactions.
    static func counts(_ exchanges: [Exchange]) -> [Int] {
        var counter = RecipientCounter()
        return exchanges.compactMap { counter.take($0.command) } + [counter.end()].compactMap { $0 }
    }
}

/// What a filter made of the rows of a session, which came one after the other and are not kept.
package struct GatheredRows: Sendable {
    private var verdict: GatheredVerdict
    private var recipients = RecipientCounter()

    package init(_ filter: Expression) { verdict = GatheredVerdict(filter) }

    package mutating func take(_ exchange: Exchange) {
        take(count: recipients.take(exchange.command))
        verdict.take(Row { exchange.text(of: $0.name).map { .text($0) } ?? .none }) {
            $0.rows == .exchanges && $0 != .rcptCount
        }
    }

    package mutating func take(_ message: MessageRecord) {
        verdict.take(
            Row { $0.name == .size ? .number(message.bytes) : .texts(message.texts(of: $0)) }
        ) { $0.rows == .messages || $0.rows == .texts }
    }

    /// Rows that were kept elsewhere, beside those that came.
    package mutating func take(_ entry: CatalogEntry) {
        take(count: recipients.end())
        for exchange in entry.exchanges { take(exchange) }
        for message in entry.messages { take(message) }
    }

    /// All rows came.
    /// - Parameter session: Knows what is of the session as a whole.
    package mutating func holds(for session: some FieldSource) -> Bool {
        take(count: recipients.end())
        return verdict.holds(for: session)
    }

    private mutating func take(count: Int?) {
        guard let count else { return }
        verdict.take(Row { _ in .number(count) }) { $0 == .rcptCount }
    }

    private struct Row: FieldSource {
        let values: (Field) -> FieldValue
        func value(of field: Field) -> FieldValue { values(field) }
    }
}
