// `mailproxy config check|show|schema`.

import ArgumentParser
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
        commandName: "check", abstract: "Read a configuration file and say what is wrong with it, with line and column."
    )

    @Argument(help: "The configuration file.") var file: String

    func run() throws {
        var settings = Settings()
        try settings.read(file: file)
        try settings.checkLimits()
        do {
            try Route.check(settings.list("routes").map { try Route($0) })
        } catch let error as RouteError {
            throw CLIError.usage("\(settings.place(of: error.route, in: "routes"))\(error)")
        }
        print("\(file): ok")
    }
}

struct ConfigShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the settings that a file and the variables make.")

    @Option(help: "The configuration file.") var config: String?

    func run() throws {
        var settings = Settings()
        if let config { try settings.read(file: config) }
        try settings.readEnvironment()
        for setting in Setting.all {
            let values = settings.list(setting.key)
            print("\(setting.key): \(values.isEmpty ? "(default)" : values.joined(separator: " "))")
        }
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
        case .list:
            json.member("type", "array")
            json.object("items") { $0.member("type", "string") }
        }
    }
}
