// The settings in force: file, then variables, then flags; each later one wins.

import Glibc
import Yams

/// Values by key, each with where it came from.
struct Settings {
    private(set) var values: [String: [String]] = [:]
    /// Where values and entries of lists stand in the file, by key and entry.
    private var places: [String: [String: String]] = [:]
    /// Who has set a key: a place in a file, a variable, a flag.
    private(set) var origins: [String: String] = [:]
    /// The file had nothing in it.
    private(set) var isBlank = false

    /// Reads a configuration file. The error names file, line and column.
    mutating func read(file path: String) throws {
        let text = try TextFile.read(path, what: "configuration file")
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw CLIError.usage(YAMLMessage.describe(error, path: path))
        }
        guard let root else {
            isBlank = true
            return
        }
        guard case .mapping(let mapping) = root else {
            throw CLIError.usage(
                "\(YAMLMessage.place(path, root)): the file must hold keys with values, such as 'record:'")
        }
        try take(mapping, prefix: "", path: path)
    }

    private mutating func take(_ mapping: Node.Mapping, prefix: String, path: String) throws {
        for (keyNode, value) in mapping {
            guard let word = keyNode.scalar?.string else {
                throw CLIError.usage("\(YAMLMessage.place(path, keyNode)): a key must be a word")
            }
            let key = prefix + word
            if let setting = Setting.named(key) {
                try set(setting, value, path: path)
            } else if case .mapping(let inner) = value, Setting.all.contains(where: { $0.key.hasPrefix(key + ".") }) {
                try take(inner, prefix: key + ".", path: path)
            } else if Setting.all.contains(where: { $0.key.hasPrefix(key + ".") }) {
                // A section whose lines are all commented out is no mistake.
                guard value.tag == Tag(.null) else {
                    throw CLIError.usage("\(YAMLMessage.place(path, value)): '\(key)' must hold keys with values")
                }
            } else {
                let hint =
                    Setting.nearest(to: key).map { "; did you mean '\($0)'?" } ?? "; see 'mailproxy config schema'"
                throw CLIError.usage("\(YAMLMessage.place(path, keyNode)): unknown key '\(key)'\(hint)")
            }
        }
    }

    private mutating func set(_ setting: Setting, _ node: Node, path: String) throws {
        origins[setting.key] = YAMLMessage.place(path, node)
        if setting.kind.isList {
            if case .scopes = setting.kind, case .scalar(let scalar) = node, !scalar.string.isEmpty {
                values[setting.key] = [scalar.string]
                places[setting.key] = [scalar.string: YAMLMessage.place(path, node)]
                return
            }
            guard case .sequence(let items) = node else {
                throw CLIError.usage(
                    "\(YAMLMessage.place(path, node)): '\(setting.key)' must be a list, each line with '- '")
            }
            values[setting.key] = try items.map { item in
                if setting.key == "routes", item.scalar == nil {
                    let text = try RouteEntry.text(item, path: path)
                    places[setting.key, default: [:]][text] = YAMLMessage.place(path, item)
                    return text
                }
                if case .scopes = setting.kind, item.scalar == nil {
                    let text = try ScopeEntry.text(item, path: path)
                    places[setting.key, default: [:]][text] = YAMLMessage.place(path, item)
                    return text
                }
                guard let text = item.scalar?.string else {
                    throw CLIError.usage("\(YAMLMessage.place(path, item)): an entry of '\(setting.key)' must be text")
                }
                places[setting.key, default: [:]][text] = YAMLMessage.place(path, item)
                return text
            }
            return
        }
        guard let text = node.scalar?.string else {
            throw CLIError.usage("\(YAMLMessage.place(path, node)): '\(setting.key)' must be a single value")
        }
        if let complaint = setting.complaint(about: text) {
            throw CLIError.usage("\(YAMLMessage.place(path, node)): '\(setting.key)' \(complaint)")
        }
        values[setting.key] = [text]
        places[setting.key] = [text: YAMLMessage.place(path, node)]
    }

    /// Refuses times below those that the RFCs demand. To be asked when all settings are there.
    func checkLimits() throws {
        if flag("limits.allow-short") == true { return }
        for limit in LimitTable.settings {
            guard let text = text(limit.key), let value = Int(text), let complaint = limit.complaint(about: value)
            else {
                continue
            }
            throw CLIError.usage("\(place(of: text, in: limit.key))'\(limit.key)' \(complaint)")
        }
    }

    /// Takes the variables MAILPROXY_….
    mutating func readEnvironment() throws {
        for setting in Setting.all {
            guard let value = Defaults.environment(setting.variable) else { continue }
            if let complaint = setting.complaint(about: value) {
                throw CLIError.usage("variable \(setting.variable) \(complaint)")
            }
            switch setting.kind {
            case .list: values[setting.key] = value.split(separator: " ").map(String.init)
            case .lines, .scopes:
                values[setting.key] = value.split(separator: ";").map { String($0.drop { $0 == " " }) }
            case .text, .path, .number, .flag, .choice: values[setting.key] = [value]
            }
            let origin = "variable \(setting.variable)"
            origins[setting.key] = origin
            places[setting.key] = Dictionary(list(setting.key).map { ($0, origin) }) { first, _ in first }
        }
    }

    /// Takes `KEY=VALUE`.
    /// - Parameter said: what the user has written, for complaints; `--set` with the assignment when not given.
    mutating func set(assignment: String, said: String? = nil) throws {
        let said = said ?? "--set \(assignment)"
        guard let equals = assignment.firstIndex(of: "=") else {
            throw CLIError.usage("\(said): write KEY=VALUE")
        }
        let key = String(assignment[..<equals])
        let value = String(assignment[assignment.index(after: equals)...])
        guard let setting = Setting.named(key) else {
            let hint = Setting.nearest(to: key).map { "; did you mean '\($0)'?" } ?? "; see 'mailproxy config schema'"
            throw CLIError.usage("\(said): unknown key '\(key)'\(hint)")
        }
        if let complaint = setting.complaint(about: value) {
            throw CLIError.usage("\(said): '\(key)' \(complaint)")
        }
        origins[key] = "flag"
        if setting.kind.isList {
            values[key, default: []].append(value)
        } else {
            values[key] = [value]
            places[key] = nil
        }
    }

    mutating func set(_ key: String, _ value: [String]) {
        values[key] = value
        places[key] = nil
        origins[key] = "flag"
    }

    /// `FILE:LINE:COLUMN: ` of a value, or of an entry of a list, or the variable that it comes from; empty when it is a flag's.
    func place(of entry: String, in key: String) -> String { places[key]?[entry].map { "\($0): " } ?? "" }

    func text(_ key: String) -> String? { values[key]?.first }
    func list(_ key: String) -> [String] { values[key] ?? [] }
    func flag(_ key: String) -> Bool? { text(key).map { $0 == "true" } }
    func number(_ key: String) -> Int? { text(key).flatMap { Int($0) } }
}

/// Reading small text files whole.
enum TextFile {
    /// Files beyond this are no configuration.
    private static let limit = 16 << 20

    /// - Parameter isSecret: nobody but its owner may read it.
    static func read(_ path: String, what: String, isSecret: Bool = false) throws -> String {
        guard let text = String(validating: try octets(path, what: what, isSecret: isSecret), as: UTF8.self) else {
            throw CLIError.usage("the \(what) \(path) is not UTF-8 text")
        }
        return text
    }

    /// The same of a file that need not be text.
    static func octets(_ path: String, what: String, isSecret: Bool = false) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CLIError.usage("cannot read the \(what) \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        if isSecret, fstat(descriptor, &status) == 0, status.st_mode & 0o077 != 0 {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw CLIError.usage(
                "the \(what) \(path) holds passwords and can be read by others (mode \(mode)); take that away with 'chmod 600 \(path)'"
            )
        }
        var octets: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                throw CLIError.usage("cannot read the \(what) \(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            octets += buffer[..<count]
            if octets.count > limit { throw CLIError.usage("the \(what) \(path) is larger than \(limit) octets") }
        }
        return octets
    }
}

/// Places and reasons of YAML errors, in one line.
enum YAMLMessage {
    static func place(_ path: String, _ node: Node) -> String {
        guard let mark = node.mark else { return path }
        return "\(path):\(mark.line):\(mark.column)"
    }

    static func describe(_ error: YamlError, path: String) -> String {
        switch error {
        case .scanner(let context, let problem, let mark, let text),
            .parser(let context, let problem, let mark, let text),
            .composer(let context, let problem, let mark, let text):
            let around = context.map { " \($0.text)" } ?? ""
            // What libyaml says of it helps nobody.
            let line =
                text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(max(0, mark.line - 1)).first
                ?? ""
            if line.first(where: { $0 != " " }) == "\t" {
                return "\(path):\(mark.line):\(mark.column): a tab; lines are indented with spaces"
            }
            return "\(path):\(mark.line):\(mark.column): \(problem)\(around)".split(separator: "\n").joined(
                separator: " ")
        case .reader(let problem, let offset, _, _): return "\(path): \(problem) at octet \(offset ?? 0)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            return
                "\(path):\(context.mark.line):\(context.mark.column): the key \(duplicates.map { "\($0)" }.joined(separator: ", ")) stands twice"
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded: return "\(path): \(error)"
        }
    }
}
