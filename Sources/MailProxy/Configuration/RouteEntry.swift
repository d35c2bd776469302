// Routes of the configuration file that are written as keys, with the options of both sides as keys of theirs:
//
//     - listen: {url: "imaps://127.0.0.1:1993", cert: mail.pem, key: mail.key}
//       upstream: {url: "imap://mail.example.com", tls: starttls, pin: [DIGEST, DIGEST]}
//
// They say what a route in one line says, and become one.

import Yams

enum RouteEntry {
    /// Options whose values make one list; of others each value is an option of its own.
    private static let lists: Set<String> = ["for", "trust"]

    /// The route in one line.
    static func text(_ node: Node, path: String) throws -> String {
        guard case .mapping(let parts) = node else {
            throw fault("an entry of 'routes' must be text, or have keys", node, path)
        }
        var listen: String?
        var upstream: String?
        for (key, value) in parts {
            switch key.scalar?.string {
            case "listen": listen = try side(value, path)
            case "upstream":
                if case .sequence(let several) = value {
                    upstream = try several.map { try side($0, path) }.joined(separator: ",")
                } else {
                    upstream = try side(value, path)
                }
            default: throw fault("a route has the keys 'listen' and 'upstream'", key, path)
            }
        }
        guard let listen, let upstream else { throw fault("a route has both 'listen' and 'upstream'", node, path) }
        return "\(listen)=\(upstream)"
    }

    /// A URL, or `url` with options.
    private static func side(_ node: Node, _ path: String) throws -> String {
        guard case .mapping(let parts) = node else { return try word(node, path) }
        var url: String?
        var options: [String] = []
        for (key, value) in parts {
            let name = try word(key, path)
            if name == "url" {
                url = try word(value, path)
                continue
            }
            var values: [String]
            if case .sequence(let several) = value {
                values = try several.map { try self.value($0, path) }
            } else {
                values = [try self.value(value, path)]
            }
            if lists.contains(name) { values = [values.joined(separator: ",")] }
            options += values.map { "\(name)=\($0)" }
        }
        guard let url else { throw fault("'url' is missing, such as imap://mail.example.com", node, path) }
        guard !options.isEmpty else { return url }
        return url + (url.contains("?") ? "&" : "?") + options.joined(separator: "&")
    }

    private static func value(_ node: Node, _ path: String) throws -> String {
        let text = try word(node, path)
        // It would end the option in the one line that this becomes.
        guard !text.contains("&") else { throw fault("'&' cannot stand in an option", node, path) }
        return text
    }

    private static func word(_ node: Node, _ path: String) throws -> String {
        guard let text = node.scalar?.string, !text.isEmpty else { throw fault("this must be text", node, path) }
        return text
    }

    private static func fault(_ message: String, _ node: Node, _ path: String) -> CLIError {
        .usage("\(YAMLMessage.place(path, node)): \(message)")
    }
}
