// SIGHUP: configuration file, routes, certificates, users of SOCKS, rules, and what is recorded and kept are read again. What is wrong
// with any of it is said, and then nothing changes. Sessions that run keep what they began with.

import Glibc
import MailRules
import MailRuntime
import MailStore

extension RunCommand {
    /// What a reload changes.
    struct Running {
        let server: MailServer
        let core: ServerCore
        /// Nil when nothing is recorded.
        let recorder: Recorder?
        /// The built-in server's mailboxes are open.
        let hasStore: Bool
    }

    /// Reads all again.
    /// - Parameters:
    ///   - start: the settings of the start.
    ///   - before: those of the last reading that changed something.
    /// - Returns: what was read; nil when something is wrong with it.
    func reload(_ running: Running, from start: Settings, _ before: Settings, _ log: Log) -> Settings? {
        do {
            let settings = try merged()
            if settings.isBlank, !before.isBlank, let config {
                throw CLIError.usage(
                    "\(config): is empty, as a file is that is just being written; '{}' stands for the defaults")
            }
            let routes = try settings.routes()
            if !running.hasStore, routes.contains(where: { $0.choices.contains { $0.upstream == .fallback } }) {
                throw CLIError.usage(
                    "the built-in server's mailboxes are opened at the start only; start again for 'fallback'")
            }
            let users = try settings.socksUsers(routes)
            // Who has become another user writes as that one anyway, and perhaps may not read the keys that root has read.
            let keys = settings.text("user") == nil ? [:] : running.server.security
            let rules = try settings.rules()
            let logins = try LoginFiles.load(routes, rules)
            let orders = try settings.recorderOrders()
            let security = try settings.security(
                of: routes + logins.targets, log, nil, tellsKeys: try KeyLog(log)?.tell, keeping: keys)
            let old = running.server.bound
            let ports: BoundPorts
            do { ports = try BoundPorts(routes, keeping: old) } catch { throw CLIError.fault("\(error)") }
            do {
                if settings.flag("allow-remote") != true, let open = ports.open {
                    throw Settings.openListener(open.text)
                }
                try Self.prepare(routes, security)
            } catch {
                for (_, listener) in old.missing(of: ports) { listener.closeDescriptor() }
                throw error
            }
            ports.permit(as: old) { log.warning("\($0)") }
            for (route, listener) in ports.missing(of: old) {
                log.info("no longer: \(route.listenerText) \(listener.text) -> \(route.upstreamList)")
            }
            let known = old.listeners.map { "\($0.route.text) \($0.listener.text)" }
            // First: a session on a new route must find what is said of it.
            running.recorder?.follow(orders)
            running.server.replace(ports, security: security, users: users, books: logins.books)
            running.core.replace(rules: rules, logins: logins, security: security)
            for (route, listener) in ports.listeners where !known.contains("\(route.text) \(listener.text)") {
                log.info("now: \(route.listenerText) \(listener.text) -> \(route.upstreamList)")
            }
            Self.warn(ofStripTests: routes, log)
            let recording = Settings.ofRecorder.filter { settings.list($0) != before.list($0) }
            if running.recorder != nil, !recording.isEmpty {
                log.info("in force from now on: \(recording.joined(separator: ", "))")
            }
            log.info("read again: \(ports.listeners.count) listeners, \(rules.count) rules, for new sessions")
            let late = Setting.all.map(\.key).filter { key in
                !(["routes", "rules", "credentials"] + Settings.ofRecorder).contains(key)
                    && settings.list(key) != start.list(key)
            }
            if !late.isEmpty {
                log.warning("changed, and in force after the next start only: \(late.joined(separator: ", "))")
            }
            return settings
        } catch let error as CLIError {
            log.error("nothing changed: \(error.message)")
        } catch {
            log.error("nothing changed: \(error)")
        }
        return nil
    }
}
