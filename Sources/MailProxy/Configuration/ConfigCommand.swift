// `mailproxy config check|show|schema`.

import ArgumentParser
import Glibc
import MailRecording
import MailRuntime

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check and show the configuration.",
        subcommands: [
            ConfigCheck.self, ConfigShow.self, ConfigSchema.self, ConfigReferenceCommand.self,
            ConfigLimits.self,
        ])
}

struct ConfigCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read a configuration file and say what is wrong with it, with line and column.",
        discussion: """
            Everything is read that 'run' reads before it listens: routes, certificates and their keys, rules, files of logins and \
            users. Nothing is made or bound.
            """)

    @Argument(help: "The configuration file.") var file: String
    @Flag(help: "One JSON line a problem.") var json = false

    func run() throws {
        let problems = self.problems()
        guard !problems.isEmpty else {
            if !json { print("\(file): ok") }
            return
        }
        for problem in problems {
            if json { print(Self.row(problem, of: file)) } else { Console.error(problem) }
        }
        throw CLIError.usage("")
    }

    /// All that is wrong, a line each; what makes no sense without what is wrong already is not looked at.
    private func problems() -> [String] {
        var problems: [String] = []
        func attempt<T>(_ body: () throws -> T) -> T? {
            do { return try body() } catch let error as CLIError { problems.append(error.message) } catch {
                problems.append("\(file): \(error)")
            }
            return nil
        }
        var settings = Settings()
        guard attempt({ try settings.read(file: file) }) != nil else { return problems }
        _ = attempt { try settings.checkLimits() }
        _ = attempt { try settings.keepingRules() }
        let routes = settings.list("routes").compactMap { text in attempt { try settings.route(text) } }
        _ = attempt { try settings.check(routes) }
        let rules = attempt { try settings.rules() }
        if let path = settings.text("credentials") {
            _ = attempt {
                do { _ = try CredentialFile.read(path) } catch let error as CLIError {
                    // What is wrong within the file is told with its place there.
                    let place = access(path, R_OK) == 0 ? "" : settings.place(of: path, in: "credentials")
                    throw CLIError(message: place + error.message, exit: error.exit)
                }
            }
        }
        if let rules {
            let targets = attempt { try LoginFiles.targets(rules) } ?? []
            for target in targets { look(at: target, settings, attempt) }
        }
        for route in routes {
            _ = attempt { try settings.socksUsers([route]) }
            look(at: route, settings, attempt)
        }
        _ = attempt { try settings.privileges(isNow: false) }
        _ = attempt { try settings.metricsAddress(beside: routes) }
        _ = attempt { try settings.privacy() }
        return problems
    }

    /// Certificates, keys and logins of a route.
    private func look(at route: Route, _ settings: Settings, _ attempt: (() throws -> Void) -> Void?) {
        _ = attempt { _ = try settings.security(of: [route], Log(level: "error", json: false), nil) }
        let paths = Set((route.choices + route.variants).compactMap(\.credentials))
        for path in paths where path != settings.text("credentials") {
            _ = attempt { _ = try CredentialFile.read(path) }
        }
    }

    /// As `rules check --json` has it. Of what has no place in a file, line and column are null.
    private static func row(_ problem: String, of file: String) -> String {
        let parts = problem.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        var writer = JSONWriter()
        writer.object { json in
            if parts.count == 4, let line = Int(parts[1]), let column = Int(parts[2]) {
                json.member("file", String(parts[0]))
                json.member("line", line)
                json.member("column", column)
                json.member("severity", "error")
                json.member("message", String(parts[3].drop { $0 == " " }))
            } else {
                json.member("file", file)
                json.member("line", nil as Int?)
                json.member("column", nil as Int?)
                json.member("severity", "error")
                json.member("message", problem)
            }
        }
        return writer.text
    }
}

struct ConfigShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the settings that a file, the variables and --set make, and where each comes from.")

    @Option(help: "The configuration file.") var config: String?
    @Option(help: "A setting, KEY=VALUE; may be repeated.") var set: [String] = []
    @Flag(help: "One JSON document.") var json = false

    func run() throws {
        var settings = Settings()
        if let config { try settings.read(file: config) }
        try settings.readEnvironment()
        for assignment in set { try settings.set(assignment: assignment) }
        if json { return print(Self.document(settings)) }
        let lines = Setting.all.map { setting in
            "\(setting.key): \(Self.values(setting, settings).joined(separator: " "))"
        }
        let width = min(60, lines.map(\.count).max() ?? 0)
        for (setting, line) in zip(Setting.all, lines) {
            print("\(line.padded(to: width))  # \(settings.origins[setting.key] ?? "default")")
        }
    }

    private static func values(_ setting: Setting, _ settings: Settings) -> [String] {
        let said = settings.list(setting.key)
        return said.isEmpty ? setting.standard : said
    }

    private static func document(_ settings: Settings) -> String {
        var json = JSONWriter()
        json.object { json in
            for setting in Setting.all {
                let values = values(setting, settings)
                json.object(setting.key) { json in
                    switch setting.kind {
                    case .list, .lines, .scopes: json.member("value", values)
                    case .number: json.member("value", values.first.flatMap { Int($0) })
                    case .flag: json.member("value", values.first == "true")
                    case .text, .path, .choice: json.member("value", values.first)
                    }
                    json.member("from", settings.origins[setting.key] ?? "default")
                }
            }
        }
        return json.text
    }
}

struct ConfigSchema: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of the configuration file, for editors.")

    func run() throws {
        var json = JSONWriter()
        json.object { json in
            json.member("$schema", "http://json-schema.org/draft-07/schema#")
            Self.body(&json, Setting.all.map { ($0.key[...], $0) })
        }
        print(json.text)
    }

    /// Keys with a dot become objects.
    private static func body(_ json: inout JSONWriter, _ settings: [(name: Substring, Setting)]) {
        json.member("type", "object")
        json.member("additionalProperties", false)
        json.object("properties") { json in
            var done: Set<Substring> = []
            for (name, setting) in settings {
                guard let dot = name.firstIndex(of: ".") else {
                    json.object(String(name)) { property(&$0, setting) }
                    continue
                }
                let group = name[..<dot]
                guard done.insert(group).inserted else { continue }
                let members = settings.filter { $0.name.hasPrefix(group + ".") }
                    .map { ($0.name.dropFirst(group.count + 1), $0.1) }
                json.object(String(group)) { body(&$0, members) }
            }
        }
    }

    private static func property(_ json: inout JSONWriter, _ setting: Setting) {
        json.member("description", setting.meaning)
        switch setting.kind {
        case .text, .path: json.member("type", "string")
        case .number(let range):
            json.member("type", "integer")
            json.member("minimum", range.lowerBound)
            json.member("maximum", range.upperBound)
        case .flag: json.member("type", "boolean")
        case .choice(let words): json.member("enum", words)
        case .scopes:
            json.array("anyOf") { json in
                json.object { $0.member("type", "string") }
                json.object { json in
                    json.member("type", "array")
                    json.object("items") { ScopeEntry.schema(&$0) }
                }
            }
        case .list, .lines:
            json.member("type", "array")
            json.object("items") { json in
                guard setting.key == "routes" else { return json.member("type", "string") }
                json.array("anyOf") { json in
                    json.object { $0.member("type", "string") }
                    json.object { json in
                        json.member("type", "object")
                        json.member("required", ["listen", "upstream"])
                        json.member("additionalProperties", false)
                        json.object("properties") { json in
                            for side in ["listen", "upstream"] {
                                json.object(side) { $0.member("type", ["string", "object", "array"]) }
                            }
                        }
                    }
                }
            }
        }
    }
}
