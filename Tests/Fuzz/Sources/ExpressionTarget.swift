// Expressions, patterns and rule files, whatever people or their tools write.

import MailDialogue
import MailRules

extension FuzzTarget {
    static let expressions = FuzzTarget(
        name: "expressions", longest: 2048, words: "expressions",
        invariant: "Any text is an expression or an error with its place, and what it says of a session is certain."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let text = String(decoding: input.octets, as: UTF8.self)
        switch input.seed % 4 {
        case 0: checkPattern(input.octets)
        case 1: checkRuleFile(text)
        default: checkExpression(text, &numbers)
        }
    }

    /// A session of which nothing is known but by chance, always the same.
    private struct RandomSession: FieldSource {
        let seed: UInt64

        func value(of field: Field) -> FieldValue {
            var numbers = SeededNumbers(seed: field.text.utf8.reduce(seed) { ($0 << 7 | $0 >> 57) ^ UInt64($1) })
            return numbers.pick(
                .none, .truth(numbers.oneIn(2)), .number(Int(truncatingIfNeeded: numbers.next())),
                .numbers([0, .max, .min]),
                .text("invoice \u{e9}\u{1f4a9}"), .texts(["a", "", "250", "example.com"]), .text(""), .texts([]),
                .numbers([]), .number(550))
        }
    }

    private static func checkExpression(_ text: String, _ numbers: inout SeededNumbers) {
        for use in FieldUse.allCases {
            do throws(ExpressionError) {
                let expression = try Expression(text, for: use)
                must(expression.text == text, "another text")
                let session = RandomSession(seed: numbers.next())
                let holds = expression.holds(for: session)
                must(expression.holds(for: session) == holds, "an expression holds and does not hold")
                for proto in MailProtocol.allCases { _ = expression.canHold(in: proto) }
                let fields = expression.fields
                must(fields.allSatisfy { $0.name.definition.isKnown(for: use) }, "an unknown field")
                // "not" binds tighter than anything within parentheses.
                let opposite = try Expression("not (\(text)\n)", for: use)
                must(opposite.holds(for: session) != holds, "an expression and its opposite agree")
            } catch {
                must(
                    error.offset >= 0 && error.line >= 1 && error.column >= 1 && error.offset <= text.utf8.count + 8,
                    "\(error) is at \(error.offset)")
            }
        }
    }

    /// What stands before the first NUL is looked for in what stands behind it.
    private static func checkPattern(_ octets: [UInt8]) {
        let parts = octets.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        do throws(PatternError) {
            let pattern = try Pattern(Array(parts[0]))
            let text = parts.count > 1 ? Array(parts[1]) : []
            let isFound = pattern.isFound(in: text)
            // The same automaton by another program.
            let grouped = try? Pattern(Array("(?:".utf8) + Array(parts[0]) + Array("|\\x00{999})".utf8))
            if let grouped { must(grouped.isFound(in: text) == isFound, "a group changes what is found") }
        } catch {
            must((0...octets.count).contains(error.offset), "\(error.message) is at \(error.offset)")
        }
    }

    private static func checkRuleFile(_ text: String) {
        let compiled = RuleCompiler.compile([RuleFile(name: "a.yaml", text: text)])
        for problem in compiled.problems {
            must(problem.line >= 1 && problem.column >= 1, "\(problem.text) is nowhere")
        }
        guard compiled.problems.allSatisfy({ $0.severity != .error }) else { return }
        var facts = RuleFacts(mailProtocol: .smtp, clientAddress: "192.0.2.1", route: "a=b")
        facts.command = "MAIL"
        facts.sender = "a@example.com"
        for point in RulePoint.allCases { _ = compiled.rules.judge(point, facts) }
        for rule in compiled.rules.rules { _ = rule.explanation }
    }
}
