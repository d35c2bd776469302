// Rule files on disk: files and directories of `*.yaml` and `*.yml`, in the order of their names.

import Glibc
import MailRules

/// Finds and reads rule files.
enum RuleFiles {
    /// Compiles the rules of all files. The error is one line that names file, line and column.
    static func load(_ paths: [String]) throws -> RuleSet {
        let (rules, problems) = RuleCompiler.compile(try read(paths))
        let errors = problems.filter { $0.severity == .error }
        guard let first = errors.first else { return rules }
        let more = errors.count > 1 ? " (and \(errors.count - 1) more, see 'mailproxy rules check')" : ""
        throw CLIError.usage(first.text + more)
    }

    /// The files themselves: a path is a file, or a directory of which all rule files are read.
    static func read(_ paths: [String]) throws -> [RuleFile] {
        try files(paths).map { RuleFile(name: $0, text: try TextFile.read($0, what: "rule file")) }
    }

    /// The paths of all rule files.
    static func files(_ paths: [String]) throws -> [String] {
        var files: [String] = []
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else {
                throw CLIError.usage("cannot read the rules \(path): \(String(cString: strerror(errno)))")
            }
            if status.st_mode & S_IFMT == S_IFDIR {
                let base = path.hasSuffix("/") ? path : path + "/"
                files += try names(path).filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map {
                    base + $0
                }
            } else {
                files.append(path)
            }
        }
        return files
    }

    private static func names(_ directory: String) throws -> [String] {
        guard let stream = opendir(directory) else {
            throw CLIError.usage("cannot read the rules \(directory): \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
