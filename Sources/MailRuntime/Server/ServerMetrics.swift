// What is counted of a running server, for those who watch it. Counting costs a session a few additions when it begins and when
// it ends, and an octet nothing.

import MailDialogue
import MailRecording
import MailSessions
import Synchronization

/// All that is counted.
package final class ServerMetrics: Sendable {
    private let routes = Mutex<[Key: RouteMetrics]>([:])
    private let pools = Mutex<[String: UpstreamPool]>([:])
    private let hits = Mutex<[String: Int]>([:])

    /// What waits in memory.
    package let memory: MemoryGauge

    package init(memory: MemoryGauge = MemoryGauge()) { self.memory = memory }

    private struct Key: Hashable {
        let route: String
        let mailProtocol: MailProtocol
    }

    /// The figures of a route and a protocol, made when they are first asked for.
    package func route(_ text: String, _ mailProtocol: MailProtocol) -> RouteMetrics {
        routes.withLock { routes in
            let key = Key(route: text, mailProtocol: mailProtocol)
            if let known = routes[key] { return known }
            let made = RouteMetrics(text, mailProtocol)
            routes[key] = made
            return made
        }
    }

    /// The upstreams of a route that has several.
    func watch(_ pool: UpstreamPool, of route: String) { pools.withLock { $0[route] = pool } }

    /// Other routes are served.
    func forgetUpstreams() { pools.withLock { $0.removeAll() } }

    /// Rules stepped in.
    func hit(_ rules: [String]) {
        hits.withLock { hits in for rule in rules { hits[rule, default: 0] += 1 } }
    }

    /// Puts all figures of sessions and rules onto a page.
    package func write(to page: inout MetricsPage) {
        let routes = routes.withLock {
            $0.values.sorted { ($0.route, $0.mailProtocol.rawValue) < ($1.route, $1.mailProtocol.rawValue) }
        }
        func family(
            _ name: String, _ kind: MetricsPage.Kind, _ help: String, _ body: (RouteMetrics) -> Void
        ) {
            page.begin(name, kind, help)
            for route in routes { body(route) }
        }
        func put(_ route: RouteMetrics, _ value: Int, _ labels: [(String, String)] = []) {
            page.sample(value, [("route", route.route), ("protocol", route.mailProtocol.rawValue)] + labels)
        }
        family("mailproxy_sessions_total", .counter, "Sessions that began.") { put($0, $0.began.value) }
        family("mailproxy_sessions_open", .gauge, "Sessions that are open.") { put($0, $0.open.value) }
        family("mailproxy_sessions_ended_total", .counter, "Sessions that ended, by how.") { route in
            for (end, count) in route.ended { put(route, count.value, [("end", end.rawValue)]) }
        }
        family("mailproxy_sessions_refused_total", .counter, "Connections that a limit refused, by its name.") {
            route in
            for (limit, count) in route.refused { put(route, count.value, [("limit", limit.rawValue)]) }
        }
        family(
            "mailproxy_sessions_timed_out_total", .counter,
            "Sessions that ended because somebody was late, by the limit."
        ) { route in
            for (limit, count) in route.timeouts { put(route, count.value, [("limit", limit.rawValue)]) }
        }
        page.begin(
            "mailproxy_memory_in_flight_bytes", .gauge,
            "Octets in all sessions that wait for a peer to take or complete them, or for their commands to be answered."
        )
        page.sample(memory.octets)
        page.begin("mailproxy_memory_limit_bytes", .gauge, "How many of them there may be; 0 for no limit.")
        page.sample(memory.limit)
        page.begin(
            "mailproxy_sessions_held_back", .gauge,
            "Sessions that are not read because they have more than their share while memory is short.")
        page.sample(memory.heldSessions)
        family("mailproxy_session_seconds_total", .counter, "Seconds that ended sessions took, all together.") {
            page.sample(
                Double($0.microseconds.value) / 1_000_000,
                [("route", $0.route), ("protocol", $0.mailProtocol.rawValue)])
        }
        family("mailproxy_octets_total", .counter, "Octets that ended sessions received, by side.") { route in
            put(route, route.clientOctets.value, [("side", "client")])
            put(route, route.serverOctets.value, [("side", "server")])
        }
        family("mailproxy_upstream_failures_total", .counter, "Sessions for which no upstream could be reached.") {
            put($0, $0.upstreamFailures.value)
        }
        family("mailproxy_tls_handshakes_total", .counter, "TLS handshakes that were completed, by side.") { route in
            put(route, route.clientHandshakes.value, [("side", "client")])
            put(route, route.serverHandshakes.value, [("side", "server")])
        }
        family("mailproxy_strip_tests_total", .counter, "Strip tests of clients, by what they showed.") { route in
            for (verdict, count) in route.tests where route.tests.contains(where: { $0.1.value > 0 }) {
                put(route, count.value, [("verdict", verdict.rawValue)])
            }
        }
        family("mailproxy_tls_failures_total", .counter, "TLS handshakes that failed, by side and reason.") { route in
            for (key, count) in route.tlsFailures {
                put(route, count.value, [("side", key.sideText), ("reason", key.trouble.rawValue)])
            }
        }
        family(
            "mailproxy_upstream_fallbacks_total", .counter,
            "Sessions that the built-in server took because no upstream of the list could be reached."
        ) { put($0, $0.fallbacks.value) }
        let upstreams = pools.withLock { $0.sorted { $0.key < $1.key } }.flatMap { route, pool in
            pool.figures.map { ([("route", route), ("upstream", $0.name)], $0) }
        }
        page.begin("mailproxy_upstream_up", .gauge, "0 while an upstream is left alone because it failed.")
        for (labels, upstream) in upstreams { page.sample(upstream.isUp ? 1 : 0, labels) }
        page.begin("mailproxy_upstream_sessions_total", .counter, "Sessions that an upstream greeted.")
        for (labels, upstream) in upstreams { page.sample(upstream.sessions, labels) }
        page.begin("mailproxy_upstream_tries_failed_total", .counter, "Tries of an upstream that failed.")
        for (labels, upstream) in upstreams { page.sample(upstream.failures, labels) }
        page.begin("mailproxy_rule_hits_total", .counter, "How often a rule stepped in.")
        for (rule, count) in hits.withLock({ $0.sorted { $0.key < $1.key } }) {
            page.sample(count, [("rule", rule)])
        }
    }
}

/// What is counted of one route.
package final class RouteMetrics: Sendable {
    /// A count that all loops add to.
    package final class Count: Sendable {
        private let number = Atomic<Int>(0)
        package var value: Int { number.load(ordering: .relaxed) }
        package func add(_ more: Int = 1) { number.add(more, ordering: .relaxed) }
    }

    package let route: String
    package let mailProtocol: MailProtocol
    package let began = Count()
    package let open = Count()
    package let clientOctets = Count()
    package let serverOctets = Count()
    package let microseconds = Count()
    package let upstreamFailures = Count()
    package let clientHandshakes = Count()
    package let serverHandshakes = Count()
    /// Sessions that our own server took because no upstream of a list could be reached.
    package let fallbacks = Count()
    fileprivate let tlsFailures: [(TLSTrouble.Key, Count)]
    fileprivate let timeouts: [(Lateness, Count)]
    fileprivate let ended: [(SessionEnd, Count)]
    fileprivate let refused: [(Admission.Refusal, Count)]
    fileprivate let tests: [(StripVerdict, Count)]

    init(_ route: String, _ mailProtocol: MailProtocol) {
        self.route = route
        self.mailProtocol = mailProtocol
        ended = [SessionEnd.closed, .reset, .timeout, .lost].map { ($0, Count()) }
        refused = Admission.Refusal.allCases.map { ($0, Count()) }
        tests = StripVerdict.allCases.map { ($0, Count()) }
        tlsFailures = TLSTrouble.Key.all.map { ($0, Count()) }
        timeouts = Lateness.allCases.map { ($0, Count()) }
    }

    /// A session ended because somebody was late.
    func timedOut(_ lateness: Lateness) { timeouts.first { $0.0 == lateness }?.1.add() }

    /// A TLS handshake failed on the leg of `side`.
    func tlsFailed(_ side: Side, _ trouble: TLSTrouble) {
        tlsFailures.first { $0.0.side == side && $0.0.trouble == trouble }?.1.add()
    }

    /// A session ended.
    func ended(_ end: SessionEnd) { ended.first { $0.0 == end }?.1.add() }
    /// A client was put to the test.
    func tested(_ verdict: StripVerdict) { tests.first { $0.0 == verdict }?.1.add() }
    /// A connection was refused.
    func refused(_ refusal: Admission.Refusal) { refused.first { $0.0 == refusal }?.1.add() }
}
