// The reference page of the settings, written from their table. A test holds Docs/Configuration.md against it.

import ArgumentParser

enum ConfigReference {
    static var text: String {
        var out = """
            # Configuration

            One YAML file, given with `--config FILE`; every key is also a variable and can be set with `--set KEY=VALUE`. A variable wins
            over the file, a flag over both. `mailproxy config check FILE` names line and column of what is wrong. This page is
            written from the table of settings by `mailproxy config reference`.

            ```yaml
            routes:
              - smtp://127.0.0.1:1025=smtp://mail.example.com:25
              - imap://127.0.0.1:1143=fallback
              - listen: {url: "imaps://127.0.0.1:1993", cert: /etc/mailproxy/mail.pem, key: /etc/mailproxy/mail.key}
                upstream: {url: "imap://mail.example.com", tls: starttls}
            record:
              dir: /var/lib/mailproxy/recordings
            rules:
              - /etc/mailproxy/rules
            ```

            A route is a line, as `--route` takes it, or has its two sides as keys, with the options of each; an option that stands several
            times is a list, and so are several upstreams.

            | key | variable | value | meaning |
            | --- | --- | --- | --- |

            """
        for setting in Setting.all {
            out += "| `\(setting.key)` | `\(setting.variable)` | \(value(setting.kind)) | \(setting.meaning) |\n"
        }
        return out
    }

    private static func value(_ kind: Setting.Kind) -> String {
        switch kind {
        case .text: "text"
        case .path: "path"
        case .number(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .flag: "`true` or `false`"
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .scopes: "a scope, or a list of them; in the variable parted by `;`"
        case .list(let what): "list, one \(what) an entry; in the variable parted by spaces"
        case .lines(let what): "list, one \(what) an entry; in the variable parted by semicolons"
        }
    }
}

struct ConfigReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the reference page of all settings.")

    func run() throws { print(ConfigReference.text, terminator: "") }
}
