// `mailproxy run`: the live proxy and the fallback server.

import ArgumentParser
import Glibc
import MailRecording
import MailRules
import MailRuntime
import MailSessions
import MailStore
import MailTLS

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Stand between mail clients and servers; with no route, be the server.",
        discussion: """
            Routes are written LISTEN=UPSTREAM: --route imap://127.0.0.1:1143=imap://mail.example.com. The upstream \
            'fallback' is the built-in server. With no route, smtp 1025, pop3 1110 and imap 1143 on 127.0.0.1 lead to it. \
            SIGHUP reads configuration, routes, certificates and rules again, SIGTERM ends.
            """)

    @Option(help: "The configuration file.") var config: String?
    @Option(help: "A route, LISTEN=UPSTREAM; may be repeated.") var route: [String] = []
    @Option(help: "A rule file or a directory of them; may be repeated.") var rules: [String] = []
    @Option(help: "Directory of the recording.") var recordDir: String?
    @Flag(help: "Do not record.") var noRecord = false
    @Option(help: "Directory of the fallback's mailboxes and users.") var dataDir: String?
    @Flag(help: "No web page. This version has none, the flag is there for scripts.") var noUi = false
    @Flag(help: "Allow listeners beyond loopback, though nobody must log in to them.") var allowRemote = false
    @Option(help: "Address and port of the page of figures for Prometheus.") var metrics: String?
    @Option(help: "User, or USER:GROUP, to become once the listeners are bound.") var user: String?
    @Option(help: "A setting, KEY=VALUE; may be repeated. 'mailproxy config schema' lists them.") var set: [String] = []
    @Option(help: "error, warning, info or debug.") var logLevel: String?
    @Option(help: "text or json.") var logFormat: String?
    @Flag(name: .short, help: "Log more: --log-level debug.") var verbose = false
    @Flag(name: .short, help: "Log less: --log-level warning.") var quiet = false

    func run() throws {
        let settings = try merged()
        let log = Log(level: settings.text("log.level") ?? "info", json: settings.text("log.format") == "json")
        let privileges = try settings.privileges()
        if let privileges, geteuid() == 0 {
            // What is the user's by default is in the user's home.
            setenv("HOME", privileges.home, 1)
            unsetenv("XDG_STATE_HOME")
        }
        // Before anything is made: a mistake leaves nothing behind.
        let routes = try settings.routes()
        _ = try settings.metricsAddress(beside: routes)
        let users = try settings.socksUsers(routes)
        let rules = try settings.rules()
        let logins = try LoginFiles.load(routes, rules)
        let security = try settings.security(
            of: routes + logins.targets, log, privileges, tellsKeys: try KeyLog(log)?.tell)
        if let path = settings.text("credentials"), logins.books[path] == nil {
            log.warning("\(settings.place(of: path, in: "credentials"))no upstream takes the credentials \(path)")
        }
        Self.raiseDescriptorLimit()
        // The signals wait for sigwait below; threads that start from here on inherit the mask.
        let signals = SignalSet([SIGTERM, SIGINT, SIGHUP])
        signals.block()
        signal(SIGPIPE, SIG_IGN)

        let ports = try bind(routes, settings, log, privileges)
        do {
            try Self.prepare(routes, security)
            try privileges?.drop()
            do { try ProcessUser.hideMemory() } catch { log.warning("\(error)") }
            try serve(ports, settings, log, security, users, logins, rules, signals)
        } catch {
            ports.close()
            throw error
        }
    }

    /// Serves until a signal ends it.
    private func serve(
        _ ports: BoundPorts, _ settings: Settings, _ log: Log, _ security: [String: RouteSecurity],
        _ users: [String: SOCKSUsers], _ logins: RouteLogins, _ rules: RuleSet, _ signals: SignalSet
    ) throws {
        let routes = ports.listeners.map(\.route)
        let store = try openStore(settings, routes)
        var recorder: Recorder?
        if settings.flag("record.enabled") ?? true { recorder = try openRecorder(settings, log) }
        var serverSettings = ServerSettings(hostName: settings.text("server.name") ?? "localhost")
        if let size = settings.number("server.message-size") { serverSettings.maximumMessage = size }
        // Without users any digest holds; with users the passwords are not known in clear.
        serverSettings.digestLogins = store?.acceptsAnyone ?? false
        if let store, !store.acceptsAnyone { serverSettings.scramHashes = [UserFile.scramHash] }
        let verdicts = StripTestFile(in: settings.text("data.dir") ?? Defaults.dataDirectory, log)
        Self.warn(ofStripTests: routes, log)
        let core = ServerCore(
            recorder: recorder.map(RecorderSink.init), store: store.map { StoreAdapter($0.store) },
            settings: serverSettings, rules: rules, workers: 16, log: log.runtime, security: security,
            users: users, logins: logins, limits: LimitTable.limits(settings), tellsVerdict: verdicts.append)
        let pages = try metricsServer(settings, core, recorder)
        let server: MailServer
        do {
            server = try MailServer(core, ports: ports, loops: settings.number("threads") ?? Defaults.cores)
        } catch {
            recorder?.close()
            throw CLIError.fault("\(error)")
        }
        server.start()
        if let pages { server.serve(pages) }
        for (path, book) in logins.books.sorted(by: { $0.key < $1.key }) {
            print("\(book.count == 1 ? "1 login" : "\(book.count) logins") from \(path)")
        }
        announce(server, settings, recorder, store, pages, ruleCount: rules.count)
        let manager = ServiceManager(log)
        manager.ready("\(server.addresses.count) listeners")

        var inForce = settings
        while true {
            switch signals.wait() {
            case SIGHUP:
                manager.reloading()
                let running = Running(server: server, core: core, recorder: recorder, hasStore: store != nil)
                inForce = reload(running, from: settings, inForce, log) ?? inForce
                manager.ready("\(server.addresses.count) listeners")
            case SIGTERM, SIGINT:
                manager.stopping("\(server.openSessions) sessions open")
                log.info("stopping: \(server.openSessions) sessions open")
                signals.watch {
                    log.info("stopping at once")
                    server.hurry()
                }
                server.stop(within: settings.number("drain") ?? 5)
                recorder?.close()
                log.info("stopped after \(server.acceptedConnections) connections")
                return
            default: continue
            }
        }
    }

    /// Binds all listeners, and gives socket files to the user who is to own them.
    private func bind(
        _ routes: [Route], _ settings: Settings, _ log: Log, _ privileges: Privileges?
    ) throws -> BoundPorts {
        let inherited = InheritedSockets(environment: Defaults.environment, process: getpid())
        for variable in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(variable) }
        for name in inherited.names(notIn: routes) {
            log.warning("no route takes the socket '\(name)' that systemd gave; write LISTEN as imap://systemd:\(name)")
        }
        let ports: BoundPorts
        do {
            ports = try BoundPorts(routes, inherited: inherited)
        } catch {
            let advice =
                switch error.code {
                case EADDRINUSE: "; stop what listens there or choose another port"
                case EACCES: "; a port below 1024 takes the capability CAP_NET_BIND_SERVICE, or root and --user"
                default: ""
                }
            throw CLIError.fault("\(error)\(advice)")
        }
        do {
            if settings.flag("allow-remote") != true, let open = ports.open { throw Settings.openListener(open.text) }
            if let privileges, geteuid() == 0 {
                for (_, listener) in ports.listeners { try listener.own(by: privileges.user, group: privileges.group) }
            }
        } catch {
            ports.close()
            throw error as? CLIError ?? .fault("\(error)")
        }
        return ports
    }

    // MARK: Settings

    /// File, then variables, then flags.
    func merged() throws -> Settings {
        var settings = Settings()
        if let config { try settings.read(file: config) }
        try settings.readEnvironment()
        for assignment in set { try settings.set(assignment: assignment) }
        if !route.isEmpty { settings.set("routes", route) }
        if !rules.isEmpty { settings.set("rules", rules) }
        if let recordDir { settings.set("record.dir", [recordDir]) }
        if noRecord { settings.set("record.enabled", ["false"]) }
        if let dataDir { settings.set("data.dir", [dataDir]) }
        if let metrics { settings.set("metrics.listen", [metrics]) }
        if allowRemote { settings.set("allow-remote", ["true"]) }
        if let user { settings.set("user", [user]) }
        if verbose { settings.set("log.level", ["debug"]) }
        if quiet { settings.set("log.level", ["warning"]) }
        if let logLevel { try settings.set(assignment: "log.level=\(logLevel)", said: "--log-level \(logLevel)") }
        if let logFormat { try settings.set(assignment: "log.format=\(logFormat)", said: "--log-format \(logFormat)") }
        try settings.checkLimits()
        return settings
    }

    /// Has an authority made where a route needs one that is not there: last of all, so that a start or a reload that fails leaves none
    /// behind.
    static func prepare(_ routes: [Route], _ security: [String: RouteSecurity]) throws {
        for route in routes.flatMap({ $0.choices + $0.variants.flatMap(\.choices) }) {
            do { try security[route.key]?.prepare() } catch { throw CLIError.usage("route '\(route.text)': \(error)") }
        }
    }

    /// The fallback's store and what is to be said of it.
    private struct OpenStore {
        let store: MailboxStore
        let directory: String
        let acceptsAnyone: Bool
    }

    private func openStore(_ settings: Settings, _ routes: [Route]) throws -> OpenStore? {
        guard routes.contains(where: { $0.choices.contains { $0.upstream == .fallback } }) else { return nil }
        let directory = settings.text("data.dir") ?? Defaults.dataDirectory
        do {
            let users = try FallbackUsers.users(directory)
            let store = try MailboxStore(directory: directory, policy: users.map { .users($0) } ?? .anyone)
            return OpenStore(store: store, directory: directory, acceptsAnyone: users == nil)
        } catch {
            throw CLIError.fault("\(error)")
        }
    }

    private func openRecorder(_ settings: Settings, _ log: Log) throws -> Recorder {
        var options = Recorder.Settings(directory: settings.text("record.dir") ?? Defaults.recordDirectory)
        settings.put(into: &options)
        options.log = { log.error($0) }
        options.tell = { log.info($0) }
        let orders = try settings.recorderOrders()
        options.privacy = orders.privacy
        options.sealKey = orders.sealKey
        options.whenFull = orders.whenFull
        options.keeping = orders.keeping
        if settings.flag("record.chain") ?? true {
            let data = settings.text("data.dir") ?? Defaults.dataDirectory
            options.chainKey = try RecordingKey.get(data, otherwise: "record.chain=false records without signatures")
        }
        options.keepsText = settings.flag("record.full-text") ?? true
        options.readRows = RecordedRows.reader(keepsText: options.keepsText)
        do { return try Recorder(options) } catch { throw CLIError.fault("\(error)") }
    }

    /// The page of figures, when one is asked for.
    private func metricsServer(
        _ settings: Settings, _ core: ServerCore, _ recorder: Recorder?
    ) throws -> MetricsServer? {
        guard let address = try settings.metricsAddress() else { return nil }
        let process = ProcessFigures()
        do {
            return try MetricsServer(address, hosts: settings.list("metrics.hosts")) { path in
                switch path {
                case "/healthz":
                    if let failure = recorder?.failure {
                        return HTTPResponse(.unavailable, "not recording: \(failure)")
                    }
                    return HTTPResponse(.ok, "ok")
                case "/metrics":
                    var page = MetricsPage()
                    core.metrics.write(to: &page)
                    if let recorder {
                        page.begin(
                            "mailproxy_recorder_lost_octets_total", .counter, "Octets that could not be recorded.")
                        page.sample(Int(recorder.lostOctets))
                        page.begin("mailproxy_recorder_failed", .gauge, "1 when the recorder can write no more.")
                        page.sample(recorder.failure == nil ? 0 : 1)
                        page.begin(
                            "mailproxy_recorder_failures_total", .counter,
                            "Times that the disk began to refuse what was to be recorded.")
                        page.sample(Int(recorder.failures))
                        page.begin(
                            "mailproxy_recorder_held_seconds_total", .counter,
                            "Seconds that sessions waited for a disk that took nothing (record.when-full=slow).")
                        page.sample(Int(recorder.heldTime / 1_000_000))
                        page.begin("mailproxy_recorder_congested", .gauge, "1 while sessions wait for the recorder.")
                        page.sample(recorder.isCongested ? 1 : 0)
                    }
                    process.write(to: &page)
                    return HTTPResponse(.ok, MetricsPage.mediaType, page.text)
                default: return nil
                }
            }
        } catch {
            throw CLIError.fault("\(error); stop what listens there or choose another port")
        }
    }

    // MARK: The first lines

    private func announce(
        _ server: MailServer, _ settings: Settings, _ recorder: Recorder?, _ store: OpenStore?, _ pages: MetricsServer?,
        ruleCount: Int
    ) {
        for (route, place) in server.places {
            print(
                "\(route.listenerText.padded(to: 5)) \(place) -> \(route.upstreamList)"
            )
        }
        let all = server.addresses.flatMap { [$0.route] + $0.route.variants }
        if all.contains(where: { $0.listenerTLS?.beginning == .implicit && $0.listenerTLS?.isMinted == true }) {
            let path = CertificateAuthority.certificatePath(in: settings.text("data.dir") ?? Defaults.dataDirectory)
            print("clients under TLS have to trust \(path) ('mailproxy ca show' says how)")
        }
        var unchecked: [String] = []
        for (route, _) in server.addresses {
            for choice in route.choices + route.variants where choice.upstreamTLS?.verifies == false {
                if !unchecked.contains(choice.upstreamText) { unchecked.append(choice.upstreamText) }
            }
        }
        for upstream in unchecked {
            print("the certificate of \(upstream) is not checked")
        }
        for (route, address) in server.addresses
        where route.entrance?.kind == .socks5 && route.entrance?.users == nil && !address.isLoopback {
            print("anybody may use socks5 \(address); '?users=FILE' asks for a login")
        }
        if let recorder { print("recording to \(recorder.directory)") } else { print("not recording") }
        if ruleCount > 0 { print("\(ruleCount) rules in force") }
        if let pages { print("figures on http://\(pages.listener.address)/metrics") }
        if let store {
            print("mailboxes in \(store.directory)")
            if store.acceptsAnyone {
                print(
                    "no users are configured: any recipient is taken, any login with any password opens the mailbox of that name"
                )
            }
        }
        let plain = server.addresses.filter {
            $0.route.upstream == .fallback && $0.route.listenerTLS?.beginning != .implicit && $0.route.place == .address
        }
        let smtp = plain.first { $0.route.mailProtocol == .smtp }
        let imap = plain.first { $0.route.mailProtocol == .imap }
        let pop3 = plain.first { $0.route.mailProtocol == .pop3 }
        if let smtp, let imap, let pop3, store?.acceptsAnyone == true {
            print(
                """

                try, in another terminal:
                  printf 'Subject: hello\\r\\n\\r\\nworld\\r\\n' | curl smtp://\(smtp.address) --mail-from me@example.com --mail-rcpt you@example.com -T -
                  curl pop3://\(pop3.address)/1 -u you@example.com:any
                  curl 'imap://\(imap.address)/INBOX;MAILINDEX=1' -u you@example.com:any
                  mailproxy sessions list
                  mailproxy sessions show last

                """)
        }
        print("ready")
        fflush(nil)
    }

    /// Each proxied session takes two descriptors.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension String {
    /// Filled with spaces up to `width`.
    func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}

/// Signals that are waited for.
struct SignalSet {
    private var set = sigset_t()

    init(_ signals: [Int32]) {
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
    }

    func block() {
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Calls `body` when the next one comes, on a thread of its own.
    func watch(_ body: @escaping @Sendable () -> Void) {
        let watch = Watch(signals: self, body: body)
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let watch = Unmanaged<Watch>.fromOpaque(argument).takeRetainedValue()
                _ = watch.signals.wait()
                watch.body()
                return nil
            }, Unmanaged.passRetained(watch).toOpaque())
        if failed == 0 { pthread_detach(thread) }
    }

    /// What ``watch(_:)`` carries to its thread.
    private final class Watch: Sendable {
        let signals: SignalSet
        let body: @Sendable () -> Void

        init(signals: SignalSet, body: @escaping @Sendable () -> Void) {
            self.signals = signals
            self.body = body
        }
    }

    /// The next one.
    func wait() -> Int32 {
        var set = set
        var number: Int32 = 0
        sigwait(&set, &number)
        return number
    }
}
