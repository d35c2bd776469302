// Reads rule files (YAML) into rules, or says what is wrong with them and where.
//
//     rules:
//       - name: no-programs
//         when: smtp and subject matches "(?i)\\.exe"
//         then:
//           - reject: "554 5.7.1 programs are not accepted"
//           - tag: blocked

import MailDialogue
import Yams

/// A rule file as it was read.
package struct RuleFile: Equatable, Sendable {
    /// How messages name it.
    package let name: String
    package let text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// Makes rules of files.
package struct RuleCompiler {
    private var rules: [Rule] = []
    private var problems: [RuleProblem] = []
    /// Where each name was first seen.
    private var names: [String: String] = [:]
    private var file = ""
    private var source: [[Unicode.Scalar]] = []

    /// Compiles files in the order given. The rules are to be used only when no problem is an error.
    package static func compile(_ files: [RuleFile]) -> (rules: RuleSet, problems: [RuleProblem]) {
        var compiler = RuleCompiler()
        for file in files { compiler.read(file) }
        return (RuleSet(compiler.rules), compiler.problems)
    }

    private mutating func read(_ ruleFile: RuleFile) {
        file = ruleFile.name
        guard ruleFile.text.utf8.count <= RuleLimits.file else {
            return report("the file is larger than \(RuleLimits.file) octets", 1, 1)
        }
        source = Self.lines(ruleFile.text)
        do {
            guard let root = try Yams.compose(yaml: ruleFile.text) else { return }
            read(root: root)
        } catch let error as YamlError {
            report(yaml: error)
        } catch {
            report("this is no YAML", 1, 1)
        }
    }

    private static func lines(_ text: String) -> [[Unicode.Scalar]] {
        var lines: [[Unicode.Scalar]] = [[]]
        for scalar in text.unicodeScalars {
            if scalar == "\n" {
                if lines[lines.count - 1].last == "\r" { lines[lines.count - 1].removeLast() }
                lines.append([])
            } else {
                lines[lines.count - 1].append(scalar)
            }
        }
        return lines
    }

    // MARK: Problems

    private mutating func report(_ message: String, _ line: Int, _ column: Int) {
        problems.append(RuleProblem(file: file, line: line, column: column, severity: .error, message: message))
    }

    private mutating func report(_ message: String, at node: Node) {
        report(message, node.mark?.line ?? 1, node.mark?.column ?? 1)
    }

    /// At an octet of a scalar's text.
    private mutating func report(_ message: String, at scalar: Node.Scalar, _ offset: Int) {
        let place = ScalarPlaces(scalar, source: source).place(offset)
        report(message, place.line, place.column)
    }

    private mutating func report(yaml error: YamlError) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let where_ = context.map { " \($0.text)" } ?? ""
            report("this is no YAML: \(problem)\(where_)", mark.line, mark.column)
        case .duplicatedKeysInMapping(let duplicates, let context):
            report("the key '\(duplicates.first ?? "")' stands twice", context.mark.line, context.mark.column)
        case .reader(let problem, let offset, _, let text):
            let upTo = text.utf8.prefix(offset ?? 0)
            let line = upTo.reduce(1) { $1 == 10 ? $0 + 1 : $0 }
            report("this is no YAML: \(problem)", line, 1)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded: report("this is no YAML", 1, 1)
        }
    }

    // MARK: The file

    private mutating func read(root: Node) {
        if case .scalar(let scalar) = root, scalar.string.isEmpty { return }
        guard case .mapping(let mapping) = root else {
            return report("a rule file begins with 'rules:'", at: root)
        }
        for (key, value) in mapping {
            guard key.string == "rules" else {
                report("unknown key '\(Self.shown(key))'; a rule file has 'rules'", at: key)
                continue
            }
            switch value {
            case .sequence(let list): for item in list { read(rule: item) }
            case .scalar(let scalar) where scalar.string.isEmpty: continue
            case .scalar, .mapping, .alias: report("'rules' is a list; each rule begins with '- name:'", at: value)
            }
        }
    }

    private static func shown(_ node: Node) -> String {
        guard let text = node.string else { return "…" }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(60).map { $0.value < 32 ? "?" : $0 }))
    }

    private mutating func read(rule node: Node) {
        guard case .mapping(let mapping) = node else {
            return report("a rule has the keys 'name', 'when' and 'then'", at: node)
        }
        let before = problems.count
        var name: String?
        var condition = Expression.always
        var conditionNode: Node.Scalar?
        var actions: [RuleAction] = []
        var actionNodes: [Node] = []
        var hasActions = false
        for (key, value) in mapping {
            switch key.string {
            case "name": name = read(name: value)
            case "when":
                guard case .scalar(let scalar) = value else {
                    report("'when' is an expression", at: value)
                    continue
                }
                conditionNode = scalar
                do {
                    condition = try Expression(scalar.string, for: .rule)
                } catch {
                    report(error.message, at: scalar, error.offset)
                }
            case "then":
                hasActions = true
                guard case .sequence(let list) = value, !list.isEmpty else {
                    report("'then' is a list of actions; each begins with '- '", at: value)
                    continue
                }
                for item in list {
                    guard let action = read(action: item) else { continue }
                    actions.append(action)
                    actionNodes.append(item)
                }
            default:
                let hint = Suggestion.hint(key.string ?? "", among: ["name", "when", "then"])
                report("unknown key '\(Self.shown(key))' of a rule\(hint)", at: key)
            }
        }
        if name == nil, problems.count == before { report("the rule has no name", at: node) }
        if !hasActions { report("the rule has no 'then'", at: node) }
        guard let name, problems.count == before else { return }
        let rule = Rule(
            name: name, condition: condition, actions: actions, file: file, line: node.mark?.line ?? 1)
        if let flaw = rule.flaw {
            if let index = flaw.action, actionNodes.indices.contains(index) {
                return report(flaw.message, at: actionNodes[index])
            }
            if let conditionNode { return report(flaw.message, at: conditionNode, 0) }
            return report(flaw.message, at: node)
        }
        rules.append(rule)
    }

    private mutating func read(name node: Node) -> String? {
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
            report("'name' is a word", at: node)
            return nil
        }
        let name = scalar.string
        guard name.utf8.count <= RuleLimits.name, name.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            report("a name is printable ASCII without spaces, at most \(RuleLimits.name) octets", at: node)
            return nil
        }
        if let other = names[name] {
            report("the name '\(name)' is used in \(other) already", at: node)
            return nil
        }
        names[name] = "\(file):\(node.mark?.line ?? 1)"
        return name
    }

    // MARK: Actions

    private mutating func read(action node: Node) -> RuleAction? {
        let names = RuleActionKind.allCases.map(\.rawValue)
        switch node {
        case .scalar(let scalar):
            guard let kind = RuleActionKind(rawValue: scalar.string) else {
                report("unknown action '\(Self.shown(node))'\(Suggestion.hint(scalar.string, among: names))", at: node)
                return nil
            }
            switch kind {
            case .pass: return .pass
            case .close: return .close
            case .reject, .tag, .log, .setHeader, .delay, .route:
                report("'\(kind.rawValue)' needs a value: \(kind.example)", at: node)
                return nil
            }
        case .mapping(let mapping):
            guard mapping.count == 1, let (key, value) = mapping.first(where: { _ in true }) else {
                report("one action a line: put '- ' before each", at: node)
                return nil
            }
            guard let kind = RuleActionKind(rawValue: key.string ?? "") else {
                let hint = Suggestion.hint(key.string ?? "", among: names)
                report("unknown action '\(Self.shown(key))'\(hint)", at: key)
                return nil
            }
            return read(kind, value)
        case .sequence, .alias:
            report("an action is a word or 'word: value'", at: node)
            return nil
        }
    }

    private mutating func read(_ kind: RuleActionKind, _ node: Node) -> RuleAction? {
        if kind == .setHeader, case .mapping(let mapping) = node { return read(setHeader: mapping, node) }
        guard case .scalar(let scalar) = node else {
            report("'\(kind.rawValue)' is written '\(kind.example)'", at: node)
            return nil
        }
        let text = scalar.string
        switch kind {
        case .pass, .close:
            report("'\(kind.rawValue)' takes no value", at: node)
            return nil
        case .reject: return read(reject: text, scalar, node)
        case .tag:
            let isWord = { (octet: UInt8) in
                (octet >= 48 && octet <= 57) || (octet | 32 >= 97 && octet | 32 <= 122) || [45, 46, 95].contains(octet)
            }
            guard !text.isEmpty, text.utf8.count <= RuleLimits.name, text.utf8.allSatisfy(isWord) else {
                report("a tag is letters, digits, '-', '_' and '.'", at: node)
                return nil
            }
            return .tag(text)
        case .log: return template(text, scalar, 0).map { .log($0) }
        case .delay:
            guard let time = Quantity.duration(text), time > 0, time / 1000 <= RuleLimits.delay else {
                report("'delay' is a time up to an hour: 2s, 500ms, 1.5 min", at: node)
                return nil
            }
            return .delay(max(1, time / 1000))
        case .route:
            guard text.contains("://"), !text.contains(where: { $0 == " " || $0.isNewline }) else {
                report("'route' is written '\(kind.example)'", at: node)
                return nil
            }
            return .route(RouteTarget(text: text, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1))
        case .setHeader:
            let octets = Array(text.utf8)
            guard let colon = octets.firstIndex(of: UInt8(ascii: ":")) else {
                report("'set-header' is written '\(kind.example)'", at: node)
                return nil
            }
            let name = String(decoding: octets[..<colon], as: UTF8.self)
            var begin = colon + 1
            while begin < octets.count, octets[begin] == 32 || octets[begin] == 9 { begin += 1 }
            return header(name, String(decoding: octets[begin...], as: UTF8.self), scalar, nameAt: 0, valueAt: begin)
        }
    }

    private mutating func read(reject text: String, _ scalar: Node.Scalar, _ node: Node) -> RuleAction? {
        if let bad = Self.control(in: text) {
            report("a control in the text of a reply could open another line", at: scalar, bad)
            return nil
        }
        guard !text.isEmpty, text.utf8.count <= RuleLimits.reject, text.utf8.allSatisfy({ $0 < 127 }) else {
            report("the text of 'reject' is ASCII, 1 to \(RuleLimits.reject) octets", at: node)
            return nil
        }
        let word = text.utf8.prefix { $0 != 32 }
        if word.count == 3, let code = Int(String(decoding: word, as: UTF8.self)), !(400..<600 ~= code) {
            report("a refusal has a code from 400 to 599", at: node)
            return nil
        }
        return .reject(text)
    }

    private mutating func read(setHeader mapping: Node.Mapping, _ node: Node) -> RuleAction? {
        var parts: [String: Node.Scalar] = [:]
        for (key, value) in mapping {
            guard let word = key.string, ["name", "value"].contains(word) else {
                let hint = Suggestion.hint(key.string ?? "", among: ["name", "value"])
                report("unknown key '\(Self.shown(key))' of 'set-header'\(hint)", at: key)
                return nil
            }
            guard case .scalar(let scalar) = value else {
                report("'\(word)' is text", at: value)
                return nil
            }
            parts[word] = scalar
        }
        guard let name = parts["name"], let value = parts["value"] else {
            report("'set-header' needs a name and a value", at: node)
            return nil
        }
        return header(name.string, value.string, value, nameAt: nil, nameScalar: name, valueAt: 0)
    }

    /// `nameAt` and `valueAt` are the offsets of both in `scalar`.
    private mutating func header(
        _ name: String, _ value: String, _ scalar: Node.Scalar, nameAt: Int?, nameScalar: Node.Scalar? = nil,
        valueAt: Int
    ) -> RuleAction? {
        guard !name.isEmpty, name.utf8.count <= RuleLimits.name,
            name.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: ":") })
        else {
            report("this is no name of a header field (RFC 5322 §2.2)", at: nameScalar ?? scalar, nameAt ?? 0)
            return nil
        }
        // It would be taken for a stuffed dot (RFC 5321 §4.5.2).
        if name.utf8.first == UInt8(ascii: ".") {
            report("the name of a header field can't begin with a dot", at: nameScalar ?? scalar, nameAt ?? 0)
            return nil
        }
        if let bad = Self.control(in: value) {
            report("a control in a header field could open another line", at: scalar, valueAt + bad)
            return nil
        }
        guard value.utf8.count <= RuleLimits.header else {
            report("the value has more than \(RuleLimits.header) octets", at: scalar, valueAt)
            return nil
        }
        return template(value, scalar, valueAt).map { .setHeader(name: name, value: $0) }
    }

    private mutating func template(_ text: String, _ scalar: Node.Scalar, _ from: Int) -> RuleTemplate? {
        do {
            return try RuleTemplate(text)
        } catch {
            report(error.message, at: scalar, from + error.offset)
            return nil
        }
    }

    /// The offset of the first control.
    private static func control(in text: String) -> Int? {
        for (offset, octet) in text.utf8.enumerated() where octet < 32 && octet != 9 || octet == 127 { return offset }
        return nil
    }
}
