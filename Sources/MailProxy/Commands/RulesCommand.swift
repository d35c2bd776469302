// `mailproxy rules check|explain|reference`: rule files looked at before they are used.

import ArgumentParser
import MailRecording
import MailRules

struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Check, explain and test rule files.",
        subcommands: [RulesCheck.self, RulesExplain.self, RulesReference.self])
}

struct RulesCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what is wrong with rule files, with line and column.")

    @Argument(help: "Rule files, or directories of them.") var paths: [String]
    @Flag(help: "One JSON line a problem.") var json = false

    func run() throws {
        let (rules, problems) = RuleCompiler.compile(try RuleFiles.read(paths))
        for problem in problems {
            guard json else {
                print(problem.text)
                continue
            }
            var writer = JSONWriter()
            writer.object { json in
                json.member("file", problem.file)
                json.member("line", problem.line)
                json.member("column", problem.column)
                json.member("severity", problem.severity.rawValue)
                json.member("message", problem.message)
            }
            print(writer.text)
        }
        let errors = problems.count { $0.severity == .error }
        if errors > 0 { throw CLIError.usage("\(errors == 1 ? "1 error" : "\(errors) errors") in the rules") }
        if !json { print("\(rules.count == 1 ? "1 rule" : "\(rules.count) rules") ok") }
    }
}

struct RulesExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say for each rule when it runs, what it asks for and what it does.")

    @Argument(help: "Rule files, or directories of them.") var paths: [String]

    func run() throws {
        for rule in try RuleFiles.load(paths).rules { print(rule.explanation) }
    }
}

struct RulesReference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the reference of rules, fields and actions.")

    func run() { print(RuleReference.text, terminator: "") }
}
