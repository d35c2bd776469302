// What logins of the routes need: their files of credentials, and the upstreams that rules choose.

import MailDialogue
import MailRules
import MailRuntime

enum LoginFiles {
    /// Reads all of it. The error is one line that names file, line and column.
    static func load(_ routes: [Route], _ rules: RuleSet) throws -> RouteLogins {
        var logins = RouteLogins(targets: try targets(rules, among: routes))
        let all = routes.flatMap { $0.choices + $0.variants } + logins.targets
        for path in all.compactMap(\.credentials) where logins.books[path] == nil {
            logins.books[path] = CredentialBook(try CredentialFile.read(path))
        }
        return logins
    }

    /// The upstreams that rules choose.
    /// - Parameter routes: those with which the rules are served, as far as they are known.
    static func targets(_ rules: RuleSet, among routes: [Route] = []) throws -> [Route] {
        var targets: [Route] = []
        for (target, rule) in rules.targets {
            let place = "\(rule.file):\(target.line):\(target.column)"
            let route: Route
            do { route = try Route(target: target.text) } catch { throw CLIError.usage("\(place): error: \(error)") }
            let others = rule.places.keys.filter { $0 != route.mailProtocol && $0 != .lmtp }
            guard others.isEmpty, rule.places[route.mailProtocol] != nil else {
                throw CLIError.usage(
                    "\(place): error: the rule '\(rule.name)' holds in other protocols than the upstream's; begin 'when' with '\(route.mailProtocol.rawValue) and'"
                )
            }
            if let own = route.listener(among: routes) {
                throw CLIError.usage(
                    "\(place): error: '\(target.text)' is the listener of the route '\(own.text)', where the rule '\(rule.name)' would hold again; name the mail server that is meant"
                )
            }
            if !targets.contains(where: { $0.text == route.text }) { targets.append(route) }
        }
        return targets
    }
}
