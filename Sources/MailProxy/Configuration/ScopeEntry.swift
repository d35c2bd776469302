// Entries of `record.what` in the configuration file, and what they and the settings of secrets come to:
//
//     what:
//       - {when: 'user == "chief@example.com"', what: never}
//       - envelope when rcpt.domain == "example.com"
//       - headers

import MailRecording
import MailSessions
import MailStore
import Yams

enum ScopeEntry {
    /// The entry in one line.
    static func text(_ node: Node, path: String) throws -> String {
        guard case .mapping(let parts) = node else {
            throw fault("an entry of 'record.what' must be text, or have the keys 'when' and 'what'", node, path)
        }
        var what: String?
        var when: String?
        for (key, value) in parts {
            guard let text = value.scalar?.string, !text.isEmpty else { throw fault("this must be text", value, path) }
            switch key.scalar?.string {
            case "what": what = text
            case "when": when = text
            default: throw fault("an entry of 'record.what' has the keys 'when' and 'what'", key, path)
            }
        }
        guard let what else { throw fault("'what' is missing: never, envelope, headers or all", node, path) }
        return when.map { "\(what) when \($0)" } ?? what
    }

    /// What it may be, as JSON Schema.
    static func schema(_ json: inout JSONWriter) {
        json.array("anyOf") { json in
            json.object { $0.member("type", "string") }
            json.object { json in
                json.member("type", "object")
                json.member("required", ["what"])
                json.member("additionalProperties", false)
                json.object("properties") { json in
                    json.object("when") { $0.member("type", "string") }
                    json.object("what") { $0.member("enum", RecordingScope.allCases.map(\.rawValue)) }
                }
            }
        }
    }

    private static func fault(_ message: String, _ node: Node, _ path: String) -> CLIError {
        .usage("\(YAMLMessage.place(path, node)): \(message)")
    }
}

extension Settings {
    /// What is not recorded, and what secrets are sealed to.
    func privacy() throws -> (RecordingPrivacy, SealPublicKey?) {
        var rules: [ScopeRule] = []
        for entry in list("record.what") {
            do { rules.append(try ScopeRule(entry)) } catch {
                throw CLIError.usage("\(place(of: entry, in: "record.what"))'record.what': \(error)")
            }
        }
        var privacy = RecordingPrivacy()
        do { privacy.scopes = try ScopeRule.decider(rules) } catch {
            throw CLIError.usage(
                "\(place(of: list("record.what").first ?? "", in: "record.what"))'record.what': \(error)")
        }
        privacy.secrets = text("record.secrets").flatMap(RecordingPrivacy.Secrets.init(rawValue:)) ?? .mask
        guard privacy.secrets == .seal else { return (privacy, nil) }
        let named = text("record.seal-key")
        let path = named ?? SealKeyFile.publicPath(in: text("data.dir") ?? Defaults.dataDirectory)
        do { return (privacy, try SealPublicKey(path: path)) } catch {
            let advice = named == nil ? "; 'mailproxy seal create' makes a key, and record.seal-key names another" : ""
            throw CLIError.usage(
                "\(place(of: named ?? "", in: "record.seal-key"))'record.secrets' is seal: \(error)\(advice)")
        }
    }
}

extension String {
    /// Without spaces at its ends.
    var trimmed: String {
        var rest = self[...]
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }
}
