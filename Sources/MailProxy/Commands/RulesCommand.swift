// `mailproxy rules check|test|explain|reference`: rule files looked at before they are used.

import ArgumentParser
import Glibc
import MailRecording
import MailRules
import MailSessions

struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Check, explain and test rule files.",
        subcommands: [RulesCheck.self, RulesTest.self, RulesExplain.self, RulesReference.self])
}

struct RulesCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what is wrong with rule files, with line and column.")

    @Argument(help: "Rule files, or directories of them.") var paths: [String]
    @Flag(help: "One JSON line a problem.") var json = false

    func run() throws {
        let files = try RuleFiles.read(paths)
        guard !files.isEmpty else {
            throw CLIError.usage(
                "\(paths.joined(separator: ", ")): there is no rule file here; their names end with .yaml or .yml")
        }
        let (rules, problems) = RuleCompiler.compile(files)
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
        _ = try LoginFiles.targets(rules)
        if !json { print("\(rules.count == 1 ? "1 rule" : "\(rules.count) rules") ok") }
    }
}

struct RulesTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run the test beside each rule file: x.test beside x.yaml.",
        discussion: "'mailproxy rules reference' describes the form. Exit status 1 when a test fails.")

    @Argument(help: "Rule files, or directories of them.") var paths: [String]
    @Flag(name: .short, help: "Name the tests that pass, too.") var verbose = false

    func run() throws {
        var passed = 0
        var failed = 0
        var files = 0
        for file in try RuleFiles.files(paths) {
            let rules = try RuleFiles.load([file])
            let name = Self.testFile(of: file)
            guard access(name, F_OK) == 0 else {
                // A directory may hold files without a test; one that is asked for by name must have it.
                if paths.contains(file) { throw CLIError.usage("\(file) has no test: there is no \(name)") }
                print("\(file): no test")
                continue
            }
            files += 1
            let tests: [RuleTest]
            do {
                tests = try RuleTest.parse(try TextFile.read(name, what: "test"))
            } catch let error as RuleTest.Malformed {
                throw CLIError.usage("\(name):\(error.line):1: error: \(error.message)")
            }
            if tests.isEmpty { throw CLIError.usage("\(name) holds no test") }
            for test in tests {
                let result = test.run(rules)
                if result.differences.isEmpty {
                    passed += 1
                    if verbose { print("ok      \(name): \(result.name)") }
                } else {
                    failed += 1
                    print("FAILED  \(name):\(test.line): \(result.name)")
                    for line in result.differences { print("        \(line)") }
                    print("        (- expected, + got)")
                }
            }
        }
        if files == 0 { throw CLIError.usage("no rule file has a test") }
        print("\(passed) passed, \(failed) failed")
        if failed > 0 { throw CLIError(message: "", exit: 1) }
    }

    /// `x.test` beside `x.yaml`.
    private static func testFile(of file: String) -> String {
        for ending in [".yaml", ".yml"] where file.hasSuffix(ending) {
            return String(file.dropLast(ending.count)) + ".test"
        }
        return file + ".test"
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
