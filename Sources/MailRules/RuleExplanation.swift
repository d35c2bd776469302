// A rule in plain words.

import MailDialogue

extension Rule {
    /// Several lines: when it runs, what it asks for, what it does.
    package var explanation: String {
        var lines = ["\(name) (\(file):\(line))"]
        var groups: [(words: String, protocols: [String])] = []
        for mailProtocol in MailProtocol.allCases {
            guard let place = places[mailProtocol] else { continue }
            let words = place.words(mailProtocol)
            if let index = groups.firstIndex(where: { $0.words == words }) {
                groups[index].protocols.append(mailProtocol.rawValue)
            } else {
                groups.append((words, [mailProtocol.rawValue]))
            }
        }
        for group in groups { lines.append("  runs     \(group.words) (\(group.protocols.joined(separator: ", ")))") }
        lines.append(
            "  when     \(condition.text.isEmpty ? "always" : condition.text.split(separator: "\n").joined(separator: " "))"
        )
        let names = fields.map(\.text)
        lines.append("  asks     for \(names.isEmpty ? "nothing" : names.joined(separator: ", "))")
        for (index, action) in actions.enumerated() {
            lines.append("  \(index == 0 ? "does     " : "         ")\(action.words)")
        }
        return lines.joined(separator: "\n")
    }
}

extension Rule.Place {
    /// The moment in words.
    func words(_ mailProtocol: MailProtocol) -> String {
        switch point {
        case .connect: return "when a client connects"
        case .command:
            guard let occasion else { return "at each command" }
            var news: [String] = []
            if occasion.contains(.clientName) { news.append("names the client (EHLO, HELO, LHLO)") }
            if occasion.contains(.login) { news.append("shows a credential") }
            if occasion.contains(.transaction) { news.append("begins a transaction (MAIL)") }
            if occasion.contains(.size), mailProtocol != .imap { news.append("announces a size (MAIL)") }
            if occasion.contains(.size), mailProtocol == .imap { news.append("announces a size (APPEND)") }
            if occasion.contains(.mailbox) { news.append("names a mailbox") }
            return "at a command that \(news.joined(separator: " or "))"
        case .envelope: return "at each recipient (RCPT)"
        case .header: return "when the header section of a message is complete"
        case .reply: return "when a reply is complete, before the client sees it"
        }
    }
}

extension RuleAction {
    /// The action in words.
    var words: String {
        switch self {
        case .pass: "asks no later rule at this point"
        case .reject(let text): "answers \"\(text)\" in the server's place"
        case .close: "ends the session"
        case .tag(let tag): "tags the session \(tag)"
        case .log(let template): "logs \"\(template.text)\""
        case .setHeader(let name, let value): "sets the header field \(name) to \"\(value.text)\""
        case .delay(let milliseconds):
            milliseconds % 1000 == 0 ? "waits \(milliseconds / 1000) s" : "waits \(milliseconds) ms"
        case .route(let target): "goes on at \(target.text)"
        }
    }
}
