// Files of credentials: who may log in through a route, and what its upstream gets for it.
//
//     logins:
//       - user: me@example.com
//         password: what the client says
//         upstream:
//           user: me@example.org
//           token:
//             command: [/usr/local/bin/token, me@example.org]
//             mechanism: xoauth2

import Glibc
import MailDialogue
import MailRuntime
import MailSessions
import MailTLS
import Yams

/// Reads a file of credentials.
struct CredentialFile {
    private let path: String

    /// The logins of a file, or one line that says what is wrong with it and where.
    static func read(_ path: String) throws -> [CredentialBook.Item] {
        let octets: [UInt8]
        do { octets = try PEMFile.readSecret(path) } catch { throw CLIError.usage("credentials: \(error)") }
        guard let text = String(validating: octets, as: UTF8.self) else {
            throw CLIError.usage("the credentials \(path) are not UTF-8 text")
        }
        return try CredentialFile(path: path).items(text)
    }

    private func items(_ text: String) throws -> [CredentialBook.Item] {
        let root: Node
        do {
            guard let node = try Yams.compose(yaml: text) else {
                throw CLIError.usage("\(path): the file names no logins; it begins with 'logins:'")
            }
            root = node
        } catch let error as YamlError {
            throw CLIError.usage(YAMLMessage.describe(error, path: path))
        }
        guard case .mapping(let mapping) = root else {
            throw fault("a file of credentials begins with 'logins:'", root)
        }
        var items: [CredentialBook.Item] = []
        var users: Set<String> = []
        for (key, value) in mapping {
            guard key.string == "logins" else { throw unknown(key, ["logins"]) }
            guard case .sequence(let list) = value, !list.isEmpty else {
                throw fault("'logins' is a list; each begins with '- user:'", value)
            }
            for node in list {
                let item = try item(node)
                guard users.insert(item.entry.user).inserted else {
                    throw fault("the user '\(item.entry.user)' stands twice", node)
                }
                items.append(item)
            }
        }
        return items
    }

    private func item(_ node: Node) throws -> CredentialBook.Item {
        let parts = try self.parts(node, ["user", "password", "upstream"], "a login")
        guard let name = parts["user"] else { throw fault("the login has no 'user'", node) }
        guard let secret = parts["password"] else {
            throw fault("the login has no 'password': what the client says", node)
        }
        let user = try text(name, "user")
        let password = try self.password(try text(secret, "password"), secret)
        guard let upstream = parts["upstream"] else {
            throw fault("the login has no 'upstream': what the upstream gets", node)
        }
        let own = try self.parts(upstream, ["user", "password", "token"], "'upstream'")
        let account = try own["user"].map { try text($0, "user") } ?? user
        if let secret = own["password"] {
            if let token = own["token"] {
                throw fault("'upstream' has a password and a token; write one of them", token)
            }
            let octets = Array(try text(secret, "password").utf8)
            return CredentialBook.Item(
                LoginBook.Entry(
                    user: user, password: password, account: account, upstreamPassword: SecretBytes(octets)))
        }
        guard let token = own["token"] else { throw fault("'upstream' has neither a password nor a token", upstream) }
        return CredentialBook.Item(
            LoginBook.Entry(user: user, password: password, account: account, upstreamPassword: nil),
            token: try source(token))
    }

    /// A password in clear, or a hash as `mailproxy user` makes it.
    private func password(_ text: String, _ node: Node) throws -> KnownPassword {
        guard text.hasPrefix("$pbkdf2") else { return .clear(SecretBytes(Array(text.utf8))) }
        if let hash = KnownPassword(hash: text) { return hash }
        throw fault(
            "this is no hash of a password; write $pbkdf2-sha256$ITERATIONS$SALT$HASH, as in the users' file", node)
    }

    private func source(_ node: Node) throws -> TokenSource {
        let parts = try self.parts(node, ["command", "mechanism", "lifetime", "timeout"], "'token'")
        guard let command = parts["command"] else { throw fault("'token' has no 'command'", node) }
        guard case .sequence(let words) = command, !words.isEmpty else {
            throw fault("'command' is a list: [PROGRAM, ARGUMENT, …]", command)
        }
        let arguments = try words.map { try text($0, "command") }
        var bearer = UpstreamCredential.Bearer.xoauth2
        if let mechanism = parts["mechanism"] {
            guard let known = UpstreamCredential.Bearer(rawValue: try text(mechanism, "mechanism").lowercased()) else {
                throw fault("'mechanism' is xoauth2 or oauthbearer", mechanism)
            }
            bearer = known
        }
        let lifetime = try parts["lifetime"].map { try number($0, "lifetime", 0...31_536_000) }
        let timeout = try parts["timeout"].map { try number($0, "timeout", 1...300) } ?? 30
        return TokenSource(
            command: TokenCommand(arguments, timeout: Double(timeout)), bearer: bearer, lifetime: lifetime)
    }

    // MARK: Nodes

    private func parts(_ node: Node, _ known: [String], _ what: String) throws -> [String: Node] {
        guard case .mapping(let mapping) = node else {
            throw fault("\(what) has the keys \(known.joined(separator: ", "))", node)
        }
        var parts: [String: Node] = [:]
        for (key, value) in mapping {
            guard let word = key.string, known.contains(word) else { throw unknown(key, known) }
            parts[word] = value
        }
        return parts
    }

    private func text(_ node: Node, _ key: String) throws -> String {
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty, !scalar.string.utf8.contains(0) else {
            throw fault("'\(key)' is text, and not empty", node)
        }
        return scalar.string
    }

    private func number(_ node: Node, _ key: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(try text(node, key)), range.contains(number) else {
            throw fault("'\(key)' is a number of seconds from \(range.lowerBound) to \(range.upperBound)", node)
        }
        return number
    }

    private func fault(_ message: String, _ node: Node) -> CLIError {
        .usage("\(YAMLMessage.place(path, node)): \(message)")
    }

    /// The word itself may be a password that has slipped to the wrong place: it is not repeated.
    private func unknown(_ key: Node, _ known: [String]) -> CLIError {
        fault("unknown key; there are \(known.joined(separator: ", "))", key)
    }
}
