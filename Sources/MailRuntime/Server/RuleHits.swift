// What a rule did, told to the log, the figures and the recording: alike for proxied sessions and for our own server.

import MailRecording

extension LoopContext {
    /// Rules stepped in at an exchange.
    func tell(hit rules: [String], at exchange: Int, tags: [String], of info: SessionInfo) {
        let tagged = tags.isEmpty ? "" : ", tags \(tags.joined(separator: " "))"
        core.metrics.hit(rules)
        core.log.info("rule \(rules.joined(separator: ", ")) at exchange \(exchange)\(tagged)", of: info)
    }
}

extension SessionBook {
    /// Rules stepped in at an exchange; `changed` when octets or their order changed.
    mutating func mark(hit rules: [String], at exchange: Int, tags: [String], changed: Bool) {
        for tag in tags { self.tag(tag) }
        guard changed else { return }
        for rule in rules { mark(exchange: exchange, changedBy: rule) }
    }
}
