// The table of all settings: the configuration file, the variables, `--set`, `config schema` and the reference page come from it.

import MailRuntime

/// A setting.
struct Setting {
    enum Kind {
        case text
        case path
        case number(ClosedRange<Int>)
        case flag
        case choice([String])
        case list(String)
        /// A list whose entries have spaces in them.
        case lines(String)

        /// Entries of `record.what`; a single one may stand without a list.
        case scopes

        var isList: Bool {
            switch self {
            case .list, .lines, .scopes: true
            case .text, .path, .number, .flag, .choice: false
            }
        }
    }

    /// `record.dir`; the variable is MAILPROXY_RECORD_DIR.
    let key: String
    let kind: Kind
    let meaning: String
    /// What holds when nobody says anything; empty for nothing.
    var standard: [String] = []

    /// The environment variable of the same meaning.
    var variable: String {
        "MAILPROXY_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    static let all: [Setting] =
        [
            Setting(
                key: "routes", kind: .list("route"),
                meaning: "Routes, each LISTEN=UPSTREAM, such as imap://127.0.0.1:1143=imap://mail.example.com.",
                standard: Route.defaults.map(\.text)),
            Setting(
                key: "rules", kind: .list("path"), meaning: "Rule files, or directories of them; read again on SIGHUP."),
            Setting(
                key: "credentials", kind: .path,
                meaning:
                    "File of logins for upstreams that name none with `?credentials=FILE` (see [Login.md](Login.md)); read again on SIGHUP."
            ),
            Setting(key: "record.enabled", kind: .flag, meaning: "Record sessions (default true).", standard: ["true"]),
            Setting(
                key: "record.dir", kind: .path, meaning: "Directory of the recording.",
                standard: [Defaults.recordDirectory]),
            Setting(
                key: "record.what", kind: .scopes,
                meaning:
                    "How much is recorded: `never`, `envelope`, `headers` or `all`, or a list of `SCOPE when EXPRESSION`, of which the first that holds decides (default all); see [Privacy.md](Privacy.md); read again on SIGHUP.",
                standard: ["all"]),
            Setting(
                key: "record.secrets", kind: .choice(["mask", "seal", "keep"]),
                meaning:
                    "What becomes of passwords and tokens: asterisks, asterisks and beside them the secret sealed to `record.seal-key`, or, for laboratories, nothing (default mask); read again on SIGHUP.",
                standard: ["mask"]),
            Setting(
                key: "record.seal-key", kind: .path,
                meaning:
                    "File of the public key that secrets are sealed to (default: the one that `mailproxy seal create` made in the data directory); read again on SIGHUP."
            ),
            Setting(
                key: "record.sync", kind: .choice(["interval", "session", "always"]),
                meaning:
                    "When the recording is synced to the disk: every second, at the end of each session, or at every write.",
                standard: ["interval"]
            ),
            Setting(
                key: "record.when-full", kind: .choice(["slow", "unrecorded"]),
                meaning:
                    "What happens while the disk is full or takes nothing: sessions wait until it does, or go on unrecorded (default slow); see [Recordings.md](Recordings.md); read again on SIGHUP.",
                standard: ["slow"]
            ),
            Setting(
                key: "record.segment-size", kind: .number(65_536...(1 << 40)),
                meaning: "Octets after which a new segment begins (default 268435456).", standard: ["268435456"]),
            Setting(
                key: "record.segment-age", kind: .number(1...31_536_000),
                meaning: "Seconds after which a new segment begins (default 3600).", standard: ["3600"]),
            Setting(
                key: "record.midnight", kind: .choice(["utc", "local", "none"]),
                meaning:
                    "Whose midnight begins a new segment too (default utc, as the times in the names of segments are).",
                standard: ["utc"]
            ),
            Setting(
                key: "record.compress", kind: .choice(["zstd", "none"]),
                meaning:
                    "What closed segments are packed with (default zstd); see [Recordings.md](Recordings.md); read again on SIGHUP.",
                standard: ["zstd"]),
            Setting(
                key: "record.compress-level", kind: .number(1...19),
                meaning: "How hard zstd tries (default 3): higher is smaller, and slower; read again on SIGHUP.",
                standard: ["3"]),
            Setting(
                key: "record.keep-size", kind: .number(1_048_576...(1 << 50)),
                meaning:
                    "Octets that the recording may have; beyond them the oldest segments are removed (default: no limit); read again on SIGHUP."
            ),
            Setting(
                key: "record.keep-days", kind: .number(1...36_500),
                meaning: "Days after which a segment is removed (default: never); read again on SIGHUP."),
            Setting(
                key: "record.keep", kind: .lines("time and expression"),
                meaning:
                    "Sessions that are kept for another time, such as `90 days: violations > 0` or `forever: user == \"legal@example.com\"`; the first line that holds decides, and for all others `record.keep-days` (default: none); see [Recordings.md](Recordings.md); read again on SIGHUP."
            ),
            Setting(
                key: "record.chain", kind: .flag,
                meaning:
                    "Sign what is recorded, with the key in the data directory (default true); see [Evidence.md](Evidence.md).",
                standard: ["true"]
            ),
            Setting(
                key: "record.full-text", kind: .flag,
                meaning: "Keep the words of messages in the index, for `sessions list --text` (default true).",
                standard: ["true"]),
            Setting(
                key: "data.dir", kind: .path, meaning: "Directory of the fallback's mailboxes.",
                standard: [Defaults.dataDirectory]),
            Setting(
                key: "server.name", kind: .text, meaning: "The name in the fallback's greetings (default localhost).",
                standard: ["localhost"]),
            Setting(
                key: "server.message-size", kind: .number(65_536...(1 << 40)),
                meaning: "Largest message that the fallback takes, in octets (default 52428800).",
                standard: ["52428800"]),
            Setting(
                key: "metrics.listen", kind: .text,
                meaning:
                    "Address and port of the page of figures for Prometheus, such as 127.0.0.1:9125 (default: none)."),
            Setting(
                key: "metrics.hosts", kind: .list("name"),
                meaning:
                    "Names by which that page may be asked for, beside addresses and localhost (default: none, so that no page of a browser reads it under a name of its own)."
            ),
        ]
        + LimitTable.settings.map {
            Setting(key: $0.key, kind: .number($0.range), meaning: $0.meaning, standard: ["\($0.standard)"])
        } + [
            Setting(
                key: "limits.allow-short", kind: .flag,
                meaning: "Take times below those that the RFCs demand, for laboratories and tests (default false).",
                standard: ["false"]),
            Setting(
                key: "allow-remote", kind: .flag,
                meaning: "Allow listeners beyond loopback, which nobody must log in to (default false).",
                standard: ["false"]),
            Setting(
                key: "user", kind: .text,
                meaning:
                    "User, or USER:GROUP, to become once the listeners are bound, for good; certificates and their keys are read before."
            ),
            Setting(
                key: "drain", kind: .number(0...86_400),
                meaning:
                    "Seconds that busy sessions have to come to an end when the server is stopped (default 5); a second signal ends them at once.",
                standard: ["5"]),
            Setting(
                key: "threads", kind: .number(1...256), meaning: "Event loops (default: one for each core).",
                standard: ["\(Defaults.cores)"]),
            Setting(
                key: "log.level", kind: .choice(["error", "warning", "info", "debug"]),
                meaning: "What is logged (default info).", standard: ["info"]),
            Setting(
                key: "log.format", kind: .choice(["text", "json"]), meaning: "How it is logged (default text).",
                standard: ["text"]),
        ]

    static func named(_ key: String) -> Setting? { all.first { $0.key == key } }

    /// The key that was perhaps meant.
    static func nearest(to key: String) -> String? {
        all.map { ($0.key, distance($0.key, key)) }.filter { $0.1 <= 3 }.min { $0.1 < $1.1 }?.0
    }

    /// Edits between two words (Levenshtein).
    private static func distance(_ a: String, _ b: String) -> Int {
        let from = Array(a.utf8.prefix(64))
        let to = Array(b.utf8.prefix(64))
        var row = Array(0...to.count)
        for (i, left) in from.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in to.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(min(above, row[j]) + 1, diagonal + (left == right ? 0 : 1))
                diagonal = above
            }
        }
        return row[to.count]
    }

    /// Nil when `value` fits; else what it must be.
    func complaint(about value: String) -> String? {
        switch kind {
        case .text, .path: return value.isEmpty ? "must not be empty" : nil
        case .number(let range):
            guard let number = Int(value), range.contains(number) else {
                return "must be a number from \(range.lowerBound) to \(range.upperBound), not '\(value)'"
            }
            return nil
        case .flag: return value == "true" || value == "false" ? nil : "must be true or false, not '\(value)'"
        case .choice(let words):
            return words.contains(value) ? nil : "must be one of \(words.joined(separator: ", ")), not '\(value)'"
        case .list, .lines, .scopes: return nil
        }
    }
}
