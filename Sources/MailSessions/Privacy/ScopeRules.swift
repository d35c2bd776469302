// `record.what`: which scope by which expression. The first entry that holds decides; what no entry is about is recorded whole.
//
//     never when user == "chief@example.com"
//     envelope when rcpt.domain == "example.com"
//     headers

import MailDialogue
import MailMessage
import MailRecording
import MailRules

/// An entry of `record.what`.
package struct ScopeRule: Sendable {
    /// What is wrong with an entry, as a clause.
    package struct Flaw: Error, Equatable, Sendable, CustomStringConvertible {
        package let description: String
    }

    package let scope: RecordingScope
    /// Nil when it holds always.
    package let condition: Expression?

    /// Reads `SCOPE` or `SCOPE when EXPRESSION`.
    package init(_ text: String) throws(Flaw) {
        let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        let word = parts.first.map(String.init) ?? ""
        guard let scope = RecordingScope(rawValue: word) else {
            let known = RecordingScope.allCases.map(\.rawValue).joined(separator: ", ")
            throw Flaw(description: "'\(word)' is no scope; write \(known), or SCOPE when EXPRESSION")
        }
        self.scope = scope
        guard parts.count > 1 else {
            condition = nil
            return
        }
        let rest = parts[1].split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard rest.first == "when", rest.count == 2 else {
            throw Flaw(description: "behind '\(word)' stands 'when' and an expression")
        }
        let condition: Expression
        do {
            condition = try Expression(String(rest[1]), for: .scope)
        } catch {
            throw Flaw(description: "in the expression at \(error.line):\(error.column): \(error.message)")
        }
        if scope == .never, let field = condition.fields.first(where: { !$0.name.isOfSession }) {
            throw Flaw(
                description:
                    "'never' leaves out whole sessions and cannot ask for '\(field.text)', which is of a message; use 'envelope'"
            )
        }
        self.condition = condition
    }

    /// What decides; nil when all is recorded whole.
    package static func decider(_ rules: [ScopeRule]) throws(Flaw) -> ScopeDecider? {
        if let first = rules.firstIndex(where: { $0.condition == nil }), first < rules.count - 1 {
            throw Flaw(
                description:
                    "'\(rules[first].scope.rawValue)' without 'when' holds always: what stands behind it is never asked"
            )
        }
        if rules.allSatisfy({ $0.scope == .all }) { return nil }
        return { facts in possible(rules, facts) }
    }

    /// The scopes that are possible with what is known. Of a client that tried several accounts each counts.
    private static func possible(_ rules: [ScopeRule], _ facts: ScopeFacts) -> RecordingScopes {
        var scopes: RecordingScopes = []
        var accounts: [String?] = (facts.accounts ?? []).map { $0 }
        if accounts.isEmpty { accounts = [nil] }
        for account in accounts {
            scopes.formUnion(possible(rules, ScopeSource(facts: facts, account: account)))
        }
        return scopes
    }

    private static func possible(_ rules: [ScopeRule], _ source: ScopeSource) -> RecordingScopes {
        var scopes: RecordingScopes = []
        for rule in rules {
            guard let condition = rule.condition else {
                scopes.insert(RecordingScopes(rule.scope))
                return scopes
            }
            switch condition.verdict(of: source, unknown: source.isUnknown) {
            case true?:
                scopes.insert(RecordingScopes(rule.scope))
                return scopes
            case nil: scopes.insert(RecordingScopes(rule.scope))
            case false?: break
            }
        }
        scopes.insert(.all)
        return scopes
    }
}

/// What expressions of scopes ask.
private struct ScopeSource: FieldSource {
    let facts: ScopeFacts
    let account: String?

    private var isTransfer: Bool {
        switch facts.mailProtocol {
        case .smtp, .lmtp: true
        case .pop3, .imap: false
        }
    }

    /// Its value is not known now, and may be later.
    func isUnknown(_ name: FieldName) -> Bool {
        switch name {
        case .user: !facts.isSettled || facts.accounts == nil
        case .tls: facts.isSecured == nil
        case .clientName: isTransfer && facts.clientName == nil
        case .sender, .senderDomain: isTransfer && facts.sender == nil
        // More of them may come as long as there is no message.
        case .rcpt, .rcptDomain, .rcptCount:
            isTransfer && (facts.message == nil || facts.sender == nil || facts.recipients == nil)
        case .mailbox: facts.mailProtocol == .imap && facts.mailbox == nil
        case .size: facts.message?.size == nil
        case .carrier: facts.message == nil
        case .header, .from, .to, .subject: facts.message?.header == nil
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .route, .clientAddress, .command, .line, .replyCode,
            .replyText, .tag, .id, .client, .server, .exchanges, .messages, .credentials, .violations, .finding,
            .bytesClient, .bytesServer, .duration, .end, .opaque, .gaps:
            false
        }
    }

    func value(of field: Field) -> FieldValue {
        if let value = field.name.protocolValue(facts.mailProtocol) { return value }
        let header = facts.message?.header
        switch field.name {
        case .route: return .text(facts.route)
        case .clientAddress: return .text(facts.clientAddress)
        case .clientName: return .text(facts.clientName ?? "")
        case .tls: return .truth(facts.isSecured ?? false)
        case .user: return .text(account ?? "")
        case .sender: return .text(facts.sender ?? "")
        case .senderDomain: return .text(FieldValue.domain(of: facts.sender ?? ""))
        case .rcpt: return .texts(facts.recipients ?? [])
        case .rcptDomain: return .texts((facts.recipients ?? []).map(FieldValue.domain(of:)))
        case .rcptCount: return .number(facts.recipients?.count ?? 0)
        case .mailbox: return .text(facts.mailbox ?? "")
        case .size: return facts.message?.size.map { .number($0) } ?? .none
        case .carrier: return facts.message.map { .text($0.carrier.rawValue) } ?? .none
        case .header: return .texts(header?.all(field.argument).map(\.text) ?? [])
        case .from: return .texts(header?.all("from").map(\.text) ?? [])
        case .to: return .texts(header?.all("to").map(\.text) ?? [])
        case .subject: return .texts(header?.all("subject").map(\.text) ?? [])
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .command, .line, .replyCode, .replyText, .tag, .id, .client,
            .server, .exchanges, .messages, .credentials, .violations, .finding, .bytesClient, .bytesServer, .duration,
            .end, .opaque, .gaps:
            return .none
        }
    }
}
