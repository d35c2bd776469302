// What all loops share: routes, rules, the recorder, the store, counters. Immutable or guarded.

import MailRecording
import MailRules
import MailSessions
import Synchronization

/// Shared by all loops of a running server.
package final class ServerCore: Sendable {
    let recorder: (any RecordSink)?
    let store: (any FallbackStore)?
    let settings: ServerSettings
    let log: RuntimeLog
    let times: RuntimeTimes
    /// The TLS of the routes and their variants that have any, by their key.
    let security: [String: RouteSecurity]
    /// Who may come in by SOCKS, by the text of the route.
    let users: [String: SOCKSUsers]
    /// Our ends of connections to the destinations of clients.
    let ownEnds = OwnEnds()
    let workers: WorkerPool
    /// For names of routes and rules.
    let routeNames = RouteNames()
    /// For names that clients ask for.
    let names = NameDesk()
    let mailboxWatch = MailboxWatch()
    private let currentRules: Mutex<RuleSet>
    private let currentTargets: Mutex<[String: UpstreamTarget]>
    /// The files of credentials that the start has read, by their paths.
    let books: [String: CredentialBook]
    /// All that were ever read and are still in use: their commands end with the server.
    private let readBooks = Mutex<[WeakBook]>([])
    let accepted = Atomic<Int>(0)
    let open = Atomic<Int>(0)
    /// Clients without an address, on all loops.
    private let localClients = Atomic<UInt64>(0)
    let limits: ServerLimits
    let admission: Admission
    /// Who was put to which test.
    let stripTests: StripRegistry
    /// What is counted for those who watch.
    package let metrics: ServerMetrics

    /// The port that stands for a client without an address, counted in circles.
    func nextLocalClient() -> UInt16 {
        let count = localClients.wrappingAdd(1, ordering: .relaxed).oldValue
        return UInt16(truncatingIfNeeded: count % UInt64(UInt16.max)) + 1
    }

    package init(
        recorder: (any RecordSink)?, store: (any FallbackStore)?, settings: ServerSettings, rules: RuleSet,
        workers: Int,
        log: RuntimeLog, security: [String: RouteSecurity] = [:], users: [String: SOCKSUsers] = [:],
        logins: RouteLogins = RouteLogins(),
        times: RuntimeTimes = RuntimeTimes(), limits: ServerLimits = ServerLimits(),
        tellsVerdict: (@Sendable (StripReport) -> Void)? = nil
    ) {
        self.recorder = recorder
        self.store = store
        self.settings = settings
        self.log = log
        self.times = times
        self.security = security
        self.users = users
        self.limits = limits
        admission = Admission(limits)
        stripTests = StripRegistry(tells: tellsVerdict)
        metrics = ServerMetrics(memory: MemoryGauge(limit: limits.memory))
        self.workers = WorkerPool(threads: workers)
        currentRules = Mutex(rules)
        books = logins.books
        currentTargets = Mutex(logins.places(security))
        let watch = mailboxWatch
        keep(logins.books)
        store?.setChangeHandler { account, mailbox in watch.changed(account, mailbox) }
    }

    /// The rules for sessions that begin now.
    package var rules: RuleSet { currentRules.withLock { $0 } }

    /// Sessions that run keep the rules they began with.
    package func replace(
        rules: RuleSet, logins: RouteLogins = RouteLogins(), security: [String: RouteSecurity] = [:]
    ) {
        keep(logins.books)
        // Those that either set of rules may choose meanwhile.
        let places = logins.places(security)
        currentTargets.withLock { $0.merge(places) { _, new in new } }
        currentRules.withLock { $0 = rules }
        currentTargets.withLock { $0 = places }
    }

    private struct WeakBook: Sendable {
        weak let book: CredentialBook?
    }

    private func keep(_ books: [String: CredentialBook]) {
        readBooks.withLock { kept in
            kept.removeAll { $0.book == nil }
            kept += books.values.map { WeakBook(book: $0) }
        }
    }

    /// Ends the commands that run for logins.
    func stopCommands() {
        for book in readBooks.withLock({ $0.compactMap(\.book) }) { book.stop() }
    }

    /// The upstreams that the rules may choose, by their texts.
    var targets: [String: UpstreamTarget] { currentTargets.withLock { $0 } }
}
