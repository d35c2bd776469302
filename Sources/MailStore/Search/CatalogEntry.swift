// A session of a catalog, and what a filter gets of it. What SQL says of a filter is held against this.

import MailDialogue
import MailRecording
import MailRules

/// A session with what a filter may ask for.
package struct CatalogEntry: Sendable {
    package var summary: SessionSummary
    package var exchanges: [Exchange]
    package var messages: [MessageRecord]
    /// What the filter made of its rows, where they came one by one and are not kept above.
    package var gathered: GatheredRows?

    package init(summary: SessionSummary, exchanges: [Exchange] = [], messages: [MessageRecord] = []) {
        self.summary = summary
        self.exchanges = exchanges
        self.messages = messages
    }
}

extension CatalogEntry: FieldSource {
    /// A filter holds for it.
    package func fulfils(_ filter: Expression) -> Bool {
        guard var gathered else { return filter.holds(for: self) }
        return gathered.holds(for: self)
    }

    package func value(of field: Field) -> FieldValue {
        let info = summary.info
        if let decided = field.name.protocolValue(info.mailProtocol) { return decided }
        switch field.name.rows {
        case .exchanges:
            if field.name == .rcptCount { return .numbers(RecipientCounter.counts(exchanges)) }
            return .texts(exchanges.compactMap { $0.text(of: field.name) })
        case .messages, .texts:
            if field.name == .size { return .numbers(messages.map(\.bytes)) }
            return .texts(messages.flatMap { $0.texts(of: field) })
        case nil: break
        }
        switch field.name {
        case .route: return .text(info.route)
        case .clientAddress: return .text(info.client.host)
        case .tls: return .truth(info.tls.map { $0.failure == nil } ?? (summary.opaque == .tls))
        case .user: return summary.user.map { .text($0) } ?? .none
        case .tag: return .texts(summary.tags)
        case .id: return .text(info.id)
        case .client: return .text(info.client.description)
        case .server: return .text(info.server.description)
        case .exchanges: return .number(summary.exchanges)
        case .messages: return .number(summary.messages)
        case .credentials: return .number(summary.credentials)
        case .violations: return .number(summary.violations)
        case .finding: return .texts(summary.findings)
        case .bytesClient: return .number(summary.clientBytes)
        case .bytesServer: return .number(summary.serverBytes)
        case .duration: return .number(Int(clamping: summary.duration))
        case .end: return .text(summary.end.rawValue)
        case .opaque: return .text(summary.opaque?.rawValue ?? "")
        case .gaps: return .number(summary.gaps)
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .command, .line, .replyCode, .replyText, .clientName, .sender,
            .senderDomain, .rcpt, .rcptDomain, .rcptCount, .mailbox, .size, .carrier, .from, .to, .subject, .header:
            return .none
        }
    }
}
