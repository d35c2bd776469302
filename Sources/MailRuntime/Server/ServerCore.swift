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
    /// For names only: a name server that doesn't answer must not keep the store's requests waiting.
    let resolvers = WorkerPool(threads: 4)
    let mailboxWatch = MailboxWatch()
    private let currentRules: Mutex<RuleSet>
    let accepted = Atomic<Int>(0)
    let open = Atomic<Int>(0)

    package init(
        recorder: (any RecordSink)?, store: (any FallbackStore)?, settings: ServerSettings, rules: RuleSet,
        workers: Int,
        log: RuntimeLog, security: [String: RouteSecurity] = [:], users: [String: SOCKSUsers] = [:],
        times: RuntimeTimes = RuntimeTimes()
    ) {
        self.recorder = recorder
        self.store = store
        self.settings = settings
        self.log = log
        self.times = times
        self.security = security
        self.users = users
        self.workers = WorkerPool(threads: workers)
        currentRules = Mutex(rules)
        let watch = mailboxWatch
        store?.setChangeHandler { account, mailbox in watch.changed(account, mailbox) }
    }

    /// The rules for sessions that begin now.
    package var rules: RuleSet { currentRules.withLock { $0 } }

    /// Sessions that run keep the rules they began with.
    package func replace(rules: RuleSet) { currentRules.withLock { $0 = rules } }
}

/// Limits of the runtime, each with its reason.
enum RuntimeLimits {
    /// Octets that wait for a slow peer before its partner is not read any more; two reads' worth.
    static let highWater = 131_072
    /// Reading goes on below this.
    static let lowWater = 32_768
    /// Seconds for which a peer may take nothing of what is left for it, once nothing else can come: long enough for a lost
    /// packet to be sent again a few times.
    static let stalled = 30.0
    /// A proxied session without octets for so many microseconds may be ended when the server stops.
    static let quiet: Int64 = 500_000
}

/// How many seconds a step of a session may take, each with its reason. Given to the core, so that a test need not wait for them.
package struct RuntimeTimes: Sendable {
    /// A connection to the upstream, with its TLS when that is implicit. Linux tries for more than two minutes; a client gives up
    /// sooner, and RFC 5321 §4.5.3.2.1 lets it wait five minutes for the greeting.
    package var connect = 30.0
    /// A TLS handshake, once it may begin: far more than any network needs.
    package var handshake = 30.0
    /// Each answer of an upstream that begins TLS before the client hears anything: as long as a client waits for the greeting
    /// (RFC 5321 §4.5.3.2.1), which is what this client waits for meanwhile.
    package var firstWords = 300.0
    /// An upstream's answer to the client's STARTTLS. No RFC gives a time for it. RFC 5321 §4.5.3.2 lets no command wait for less
    /// than two minutes, and a client that waits for five, as for most commands, hears our refusal before it gives up.
    package var consent = 120.0
    /// A PROXY header: a relay sends it at once, and the specification (§2) wants it to survive a lost packet.
    package var header = 5.0
    /// The words of SOCKS, and the first octets that tell a protocol. They come at once, but for a greeting that a server keeps back
    /// to see who speaks out of turn, which takes it some seconds.
    package var arrival = 20.0

    package init() {}
}
