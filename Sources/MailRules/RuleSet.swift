// The rules in force, compiled: for each point and protocol those that run there, in order.

import MailDialogue

/// Rules in the order in which they are asked.
package struct RuleSet: Sendable {
    /// All rules.
    package let rules: [Rule]
    /// The rules of each point and protocol, with what decides whether they are asked at all.
    private let table: [[Entry]]
    private let routed: [MailProtocol]

    private struct Entry: Sendable {
        let number: Int
        let place: Rule.Place
        let condition: Expression.Node
    }

    /// No rules.
    package init() { self.init([]) }

    package init(_ rules: [Rule]) {
        self.rules = rules
        var table = [[Entry]](repeating: [], count: RulePoint.allCases.count * MailProtocol.allCases.count)
        for (number, rule) in rules.enumerated() {
            for (mailProtocol, place) in rule.places {
                table[Self.index(place.point, mailProtocol)].append(
                    Entry(number: number, place: place, condition: rule.condition.root))
            }
        }
        self.table = table
        routed = MailProtocol.allCases.filter { mailProtocol in
            rules.contains { rule in
                rule.places[mailProtocol] != nil && rule.actions.contains { $0.kind == .route }
            }
        }
    }

    package var isEmpty: Bool { rules.isEmpty }

    /// The upstreams that rules may choose, with the file of each.
    package var targets: [(target: RouteTarget, rule: Rule)] {
        rules.flatMap { rule in
            rule.actions.compactMap { action in
                if case .route(let target) = action { (target, rule) } else { nil }
            }
        }
    }

    /// Rules may choose another upstream at a login of this protocol.
    package func routes(_ mailProtocol: MailProtocol) -> Bool { routed.contains(mailProtocol) }

    package var count: Int { rules.count }

    private static func index(_ point: RulePoint, _ mailProtocol: MailProtocol) -> Int {
        let row =
            switch point {
            case .connect: 0
            case .command: 1
            case .envelope: 2
            case .header: 3
            case .reply: 4
            }
        let column =
            switch mailProtocol {
            case .smtp: 0
            case .lmtp: 1
            case .pop3: 2
            case .imap: 3
            }
        return row * 4 + column
    }

    /// Some rule runs at this point.
    package func needs(_ point: RulePoint, _ mailProtocol: MailProtocol) -> Bool {
        !table[Self.index(point, mailProtocol)].isEmpty
    }

    /// What all rules of a point say together.
    ///
    /// Rules are asked in order; a tag that one sets the next ones see. `pass`, `reject` and `close` end the evaluation
    /// behind the rule in which they stand.
    ///
    /// - Parameters:
    ///   - awaited: what is not known yet and comes behind the line: rules that ask for it wait until then.
    ///   - acted: rules that held when this command was judged before, and have done what they do. They do it no second time, but `pass`
    ///     still ends the evaluation.
    package func judge(
        _ point: RulePoint, _ facts: RuleFacts, awaited: RuleOccasion = [], acted: Set<String> = []
    ) -> RuleVerdict {
        var verdict = RuleVerdict()
        var facts = facts
        for entry in table[Self.index(point, facts.mailProtocol)] {
            if let occasion = entry.place.occasion, occasion.isDisjoint(with: facts.news) { continue }
            guard entry.place.news.isDisjoint(with: awaited), Expression.holds(entry.condition, facts) else { continue }
            let rule = rules[entry.number]
            if acted.contains(rule.name) {
                if rule.actions.contains(where: { $0.kind == .pass }) { break }
                continue
            }
            verdict.rules.append(rule.name)
            var isLast = false
            for action in rule.actions {
                switch action {
                case .pass: isLast = true
                case .reject(let text):
                    verdict.reject = verdict.reject ?? text
                    isLast = true
                case .close:
                    verdict.close = true
                    isLast = true
                case .tag(let tag):
                    if !facts.tags.contains(tag) {
                        facts.tags.append(tag)
                        verdict.tags.append(tag)
                    }
                case .log(let template): verdict.logs.append("rule \(rule.name): \(template.text(from: facts))")
                case .setHeader(let name, let value):
                    // Headers are edited where they are; a rule that holds elsewhere too has nothing to edit there.
                    if point == .header {
                        verdict.setHeaders.append(HeaderEdit(name: name, value: value.text(from: facts)))
                    }
                case .route(let target): verdict.route = verdict.route ?? target.text
                case .delay(let milliseconds): verdict.delay = min(verdict.delay &+ milliseconds, RuleLimits.delay)
                }
            }
            if isLast { break }
        }
        return verdict
    }
}

/// Limits of rules.
package enum RuleLimits {
    /// Milliseconds that a frame waits at most: an hour. Clients give up after minutes (RFC 5321 §4.5.3.2).
    package static let delay = 3_600_000
    /// Octets of a rule file.
    package static let file = 1_048_576
    /// Octets of the text of `reject`: a reply line has 512 (RFC 5321 §4.5.3.1.5).
    package static let reject = 400
    /// Octets of a header field's value as written.
    package static let header = 800
    /// Octets of a name or a tag.
    package static let name = 100
}
