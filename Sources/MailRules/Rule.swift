// A rule, and the point at which it runs in each protocol: the earliest at which all its fields are known.

import MailDialogue

/// A rule.
package struct Rule: Equatable, Sendable {
    /// Where and when a rule runs in a protocol.
    package struct Place: Equatable, Sendable {
        package let point: RulePoint
        /// At `command`: only commands that bring one of these. Nil: every command.
        package let occasion: RuleOccasion?
        /// All that its fields wait for, also when it runs at every command.
        package let news: RuleOccasion
    }

    package let name: String
    package let condition: Expression
    package let actions: [RuleAction]
    /// The file that it comes from, as named at load.
    package let file: String
    package let line: Int
    /// The protocols in which it can hold, and where it runs in each.
    package let places: [MailProtocol: Place]

    /// All fields that it needs: those of the condition and those in texts.
    package var fields: [Field] {
        var all = condition.fields
        for action in actions {
            switch action {
            case .log(let template), .setHeader(_, let template):
                for field in template.fields where !all.contains(field) { all.append(field) }
            case .pass, .reject, .close, .tag, .delay, .route: break
            }
        }
        return all
    }

    package init(name: String, condition: Expression, actions: [RuleAction], file: String, line: Int) {
        self.name = name
        self.condition = condition
        self.actions = actions
        self.file = file
        self.line = line
        var places: [MailProtocol: Place] = [:]
        var fields = condition.fields
        var waitsForHeader = false
        for action in actions {
            switch action {
            case .log(let template): fields += template.fields
            case .setHeader(_, let template):
                fields += template.fields
                waitsForHeader = true
            case .pass, .reject, .close, .tag, .delay, .route: break
            }
        }
        for mailProtocol in MailProtocol.allCases where condition.canHold(in: mailProtocol) {
            let known = fields.filter { $0.name.definition.protocols.contains(mailProtocol) }
            let place = Self.place(known, waitsForHeader: waitsForHeader)
            // The messages of IMAP are not judged by their header sections.
            if mailProtocol == .imap, place.point == .header { continue }
            places[mailProtocol] = place
        }
        self.places = places
    }

    private static func place(_ fields: [Field], waitsForHeader: Bool) -> Place {
        var point = RulePoint.connect
        var occasion: RuleOccasion = []
        var everyCommand = false
        for field in fields {
            guard let moment = field.name.definition.moment else { continue }
            point = max(point, moment.point)
            if let news = moment.occasion { occasion.formUnion(news) }
            switch field.name {
            case .command, .line: everyCommand = true
            default: break
            }
        }
        if waitsForHeader, point < .header, fields.allSatisfy({ $0.name.definition.lasts }) { point = .header }
        let bounded = point == .command && !everyCommand && !occasion.isEmpty
        return Place(point: point, occasion: bounded ? occasion : nil, news: occasion)
    }

    /// Why the rule can't work; nil when it can. `action` is the index of the action to blame, nil for the condition.
    package var flaw: (message: String, action: Int?)? {
        if places.isEmpty {
            let index = actions.firstIndex { $0.kind == .setHeader }
            if condition.canHold(in: .imap), let index {
                return ("'set-header' works in SMTP, LMTP and POP3 only", index)
            }
            return ("this can hold in no protocol: \(Self.missing(condition.fields))", nil)
        }
        if places.values.contains(where: { $0.point == .reply }),
            let field = fields.first(where: { $0.name.definition.moment?.point == .header })
        {
            return ("'\(field.text)' is not known any more when the reply comes", nil)
        }
        if let index = actions.firstIndex(where: { $0.kind == .route }),
            places.values.allSatisfy({ $0.point == .command }),
            places.values.contains(where: { !$0.news.contains(.login) })
        {
            return ("'route' takes effect at a login; ask for 'user' in 'when'", index)
        }
        let points = Set(places.values.map(\.point))
        for (index, action) in actions.enumerated() {
            let fitting = points.intersection(action.kind.points)
            guard fitting.isEmpty || (fitting.count < points.count && [.reject, .route].contains(action.kind)) else {
                continue
            }
            let at = points.subtracting(action.kind.points).max() ?? .connect
            return (Self.complaint(action.kind, at, fields), index)
        }
        return nil
    }

    private static func missing(_ fields: [Field]) -> String {
        let narrow = fields.filter { $0.name.definition.protocols.count < MailProtocol.allCases.count }
        guard !narrow.isEmpty else { return "its words exclude each other" }
        return narrow.map { field in
            let names = MailProtocol.allCases.filter { field.name.definition.protocols.contains($0) }
            return "'\(field.text)' is known in \(names.map(\.rawValue).joined(separator: ", "))"
        }.joined(separator: ", ")
    }

    private static func complaint(_ kind: RuleActionKind, _ point: RulePoint, _ fields: [Field]) -> String {
        let cause = fields.last { $0.name.definition.moment?.point == point }.map { " because of '\($0.text)'" } ?? ""
        let runs = "the rule runs at '\(point.rawValue)'\(cause)"
        switch kind {
        case .setHeader:
            if point > .header { return "'set-header' is too late: \(runs)" }
            return "'set-header' is too early: \(runs), before a message is there"
        case .reject: return "'reject' is too late: \(runs), the command was carried out"
        case .route: return "'route' makes no sense: \(runs), and it takes effect at a login; ask for 'user'"
        case .pass, .close, .tag, .log, .delay: return "'\(kind.rawValue)' makes no sense: \(runs)"
        }
    }
}

extension RuleFacts: FieldSource {
    package func value(of field: Field) -> FieldValue {
        if let value = field.name.protocolValue(mailProtocol) { return value }
        switch field.name {
        case .route: return .text(route)
        case .clientAddress: return .text(clientAddress)
        case .clientName: return .text(clientName)
        case .user: return .text(user)
        case .command: return .text(command)
        case .line: return .text(line)
        case .sender: return .text(sender)
        case .senderDomain: return .text(FieldValue.domain(of: sender))
        case .rcpt: return .texts(recipient.map { [$0] } ?? recipients)
        case .rcptDomain: return .texts((recipient.map { [$0] } ?? recipients).map(FieldValue.domain(of:)))
        case .rcptCount: return .number(recipients.count)
        case .size: return size.map { .number($0) } ?? .none
        case .mailbox: return .text(mailbox)
        case .carrier: return carrier.map { .text($0.rawValue) } ?? .none
        case .header: return .texts(header?.all(field.argument).map(\.text) ?? [])
        case .from: return .texts(header?.all("from").map(\.text) ?? [])
        case .to: return .texts(header?.all("to").map(\.text) ?? [])
        case .subject: return .texts(header?.all("subject").map(\.text) ?? [])
        case .replyCode: return .text(replyCode)
        case .replyText: return .text(replyText)
        case .tag: return .texts(tags)
        case .tls: return .truth(isSecured)
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .id, .client, .server, .exchanges, .messages,
            .credentials, .violations, .finding, .bytesClient, .bytesServer, .duration, .end, .opaque, .gaps:
            return .none
        }
    }
}
