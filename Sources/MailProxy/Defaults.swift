// Where things are unless somebody says otherwise.

import Glibc

/// Defaults of the command line.
enum Defaults {
    static let version = "0.1.0"

    /// `$XDG_STATE_HOME/mailproxy`, else `~/.local/state/mailproxy`, else `./mailproxy-state`.
    static var stateDirectory: String {
        if let state = environment("XDG_STATE_HOME"), state.hasPrefix("/") { return state + "/mailproxy" }
        if let home = environment("HOME"), home.hasPrefix("/") { return home + "/.local/state/mailproxy" }
        return "mailproxy-state"
    }

    /// MAILPROXY_RECORD_DIR, else `recordings` in the state directory.
    static var recordDirectory: String { environment("MAILPROXY_RECORD_DIR") ?? stateDirectory + "/recordings" }

    /// What a command reads: the paths that it was given and `--record-dir`; without either, the usual directory.
    static func recordings(_ paths: [String], _ recordDir: String?) -> [String] {
        if let recordDir { return paths + [recordDir] }
        return paths.isEmpty ? [recordDirectory] : paths
    }

    /// MAILPROXY_DATA_DIR, else `data` in the state directory.
    static var dataDirectory: String { environment("MAILPROXY_DATA_DIR") ?? stateDirectory + "/data" }

    /// TMPDIR, else `/tmp`.
    static var temporary: String { environment("TMPDIR") ?? "/tmp" }

    /// Processors that are there.
    static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// A variable that is set and not empty.
    static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}
