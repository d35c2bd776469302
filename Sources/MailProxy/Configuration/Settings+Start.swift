// What the settings lead to, and is read before anything listens: routes, files of certificates, rules, logins and users. The start, a
// reload and `config check` read all of it here, so that none of them takes what another refuses.

import Glibc
import MailRecording
import MailRules
import MailRuntime
import MailSessions
import MailTLS

extension Settings {
    /// Runs `body`, and puts the place of a value before what it complains of.
    private func told<T>(_ value: String, in key: String, _ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as CLIError {
            throw CLIError(message: place(of: value, in: key) + error.message, exit: error.exit)
        }
    }

    // MARK: Routes

    /// A listener that anybody can reach.
    static func openListener(_ place: String) -> CLIError {
        .usage(
            "\(place) can be reached from other machines and nobody must log in; listen on 127.0.0.1, or allow it with --allow-remote"
        )
    }

    /// A route as it is written.
    func route(_ text: String) throws -> Route {
        do { return try Route(text, credentials: self.text("credentials")) } catch {
            throw CLIError.usage("\(place(of: text, in: "routes"))\(error)")
        }
    }

    /// All routes; those of the built-in server when none are written.
    func routes() throws -> [Route] {
        let texts = list("routes")
        let routes = texts.isEmpty ? Route.defaults : try texts.map { try route($0) }
        try check(routes)
        return routes
    }

    /// They can be served together, and where they listen is allowed.
    func check(_ routes: [Route]) throws {
        do { try Route.check(routes) } catch {
            throw CLIError.usage("\(place(of: error.route, in: "routes"))\(error)")
        }
        if flag("allow-remote") != true, let open = routes.first(where: { !$0.listen.isLoopback }) {
            try told(open.text, in: "routes") { throw Self.openListener(open.listen.description) }
        }
    }

    // MARK: Files

    /// The rules of all files.
    func rules() throws -> RuleSet {
        for path in list("rules") { try told(path, in: "rules") { _ = try RuleFiles.files([path]) } }
        return try RuleFiles.load(list("rules"))
    }

    /// The TLS of the routes, and which capabilities go through. Files that are no good end the start, before anything listens.
    /// - Parameters:
    ///   - privileges: whose the authority is to be.
    ///   - tellsKeys: gets the keys of connections.
    ///   - known: what is kept of routes whose files cannot be read again.
    func security(
        of routes: [Route], _ log: Log, _ privileges: Privileges?, tellsKeys: (@Sendable (String) -> Void)? = nil,
        keeping known: [String: RouteSecurity] = [:]
    ) throws -> [String: RouteSecurity] {
        let authority = Authority(in: text("data.dir") ?? Defaults.dataDirectory, log, for: privileges)
        var security: [String: RouteSecurity] = [:]
        let all = routes.flatMap { $0.choices + $0.variants.flatMap(\.choices) }
        for route in all where route.needsSecurity {
            do {
                if route.listenerTLS?.isMinted == true { try authority.check() }
                security[route.key] = try RouteSecurity(route, tellsKeys: tellsKeys) { () throws(TLSFailure) in
                    try authority.minter()
                }
            } catch {
                guard let before = known[route.key] else {
                    throw CLIError.usage("\(place(of: route.text, in: "routes"))route '\(route.text)': \(error)")
                }
                log.warning("route '\(route.text)': \(error); what was read before is kept")
                security[route.key] = before
            }
        }
        return security
    }

    /// Who may come in by SOCKS, by the text of the route.
    func socksUsers(_ routes: [Route]) throws -> [String: SOCKSUsers] {
        var found: [String: SOCKSUsers] = [:]
        for route in routes {
            guard let path = route.entrance?.users else { continue }
            let place = "\(place(of: route.text, in: "routes"))route '\(route.text)': "
            let text: String
            do {
                text = try TextFile.read(path, what: "file of users", isSecret: true)
            } catch let error as CLIError {
                throw CLIError.usage(place + error.message)
            }
            guard let users = SOCKSUsers(lines: text), !users.isEmpty else {
                throw CLIError.usage(
                    "\(place)\(path) names no users; write a line NAME:PASSWORD for each, of 255 octets at most"
                )
            }
            found[route.text] = users
        }
        return found
    }

    /// Who to become once the listeners are bound; nil to stay who we are.
    /// - Parameter isNow: it is to be done now, for which we have to be root.
    func privileges(isNow: Bool = true) throws -> Privileges? {
        try text("user").map { name in try told(name, in: "user") { try Privileges(name, isNow: isNow) } }
    }

    /// Where the figures are shown; nil for nowhere.
    /// - Parameter routes: what else is listened for.
    func metricsAddress(beside routes: [Route] = []) throws -> SocketAddress? {
        guard let text = text("metrics.listen") else { return nil }
        return try told(text, in: "metrics.listen") {
            guard let address = SocketAddress(text) else {
                throw CLIError.usage("metrics on '\(text)': write an address and a port, such as 127.0.0.1:9125")
            }
            guard flag("allow-remote") == true || address.isLoopback else {
                throw CLIError.usage(
                    "metrics on \(address) can be read from other machines; use 127.0.0.1, or allow it with --allow-remote"
                )
            }
            if let route = Route.first(of: routes, listeningOn: address) {
                throw CLIError.usage(
                    "metrics on \(address): the route '\(route.text)' listens there; choose another port for one of them"
                )
            }
            return address
        }
    }
}
