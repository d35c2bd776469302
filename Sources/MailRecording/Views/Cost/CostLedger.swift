// Costs of exchanges added up by what they have in common.

import MailDialogue

/// What many exchanges cost.
package struct CostTally: Equatable, Sendable {
    package var sessions = 0
    package var exchanges = 0
    /// Octets of each side; nil as long as none were told.
    package var clientBytes: Int?
    package var serverBytes: Int?
    package var roundTrips: Int?
    /// To the first octet of the reply, and to its last, of each exchange.
    package var first = Percentiles()
    package var server = Percentiles()
    package var think = Percentiles()

    package init() {}

    /// Counts an exchange.
    package mutating func add(_ cost: ExchangeCost) {
        // What nobody asked for is no exchange, but octets it has.
        if cost.command != CostMeter.unasked, cost.command != CostMeter.unfollowed { exchanges += 1 }
        clientBytes = Self.sum(clientBytes, cost.clientBytes)
        serverBytes = Self.sum(serverBytes, cost.serverBytes)
        roundTrips = Self.sum(roundTrips, cost.roundTrips)
        if let first = cost.first { self.first.add(first) }
        if let server = cost.server { self.server.add(server) }
        if let think = cost.think { self.think.add(think) }
    }

    /// Counts what another one has.
    package mutating func add(_ other: CostTally) {
        sessions += other.sessions
        exchanges += other.exchanges
        clientBytes = Self.sum(clientBytes, other.clientBytes)
        serverBytes = Self.sum(serverBytes, other.serverBytes)
        roundTrips = Self.sum(roundTrips, other.roundTrips)
        first.add(other.first)
        server.add(other.server)
        think.add(other.think)
    }

    private static func sum(_ one: Int?, _ other: Int?) -> Int? {
        guard let one else { return other }
        return one &+ (other ?? 0)
    }
}

/// What exchanges have in common, as far as their session tells: the values by which they are told apart, one a part.
package struct CostKey: Hashable, Sendable {
    package var parts: [String]

    package init(_ parts: [String]) { self.parts = parts }
}

/// A costly exchange.
package struct CostlyExchange: Equatable, Sendable {
    package var cost: ExchangeCost
    package var session: String
    package var client: String
    package var user: String?
}

/// Adds costs up. Bounded: groups beyond the limit are one.
package struct CostLedger: Sendable {
    /// Groups that are kept.
    package static let mostGroups = 10_000
    /// The group of those beyond.
    package static let others = "(others)"
    /// Commands of one session that are told apart; a client can send as many verbs as it likes.
    private static let mostVerbs = 256

    private struct Session {
        var meter: CostMeter
        var rows = RowCosts()
        var tallies: [String: CostTally] = [:]
        var total = CostTally()
    }

    /// Exchanges with the most time of the server, the worst first.
    package private(set) var worst: [CostlyExchange] = []
    package private(set) var total = CostTally()
    private let mostWorst: Int
    private let byCommand: Bool
    private var groups: [CostKey: CostTally] = [:]
    private var open: [String: Session] = [:]

    /// - Parameters:
    ///   - byCommand: exchanges of one session are told apart by their command.
    ///   - worst: how many costly exchanges are kept.
    package init(byCommand: Bool, worst: Int) {
        self.byCommand = byCommand
        mostWorst = max(0, worst)
    }

    /// Takes the next step of a session.
    /// - Parameter keys: what its exchanges have in common, asked when it has ended; the command is left out.
    package mutating func accept(
        _ notes: [Note], _ events: [RecordEvent], of info: SessionInfo, at time: Int64,
        keys: (SessionSummary) -> [[String]]
    ) {
        var session = open.removeValue(forKey: info.id) ?? Session(meter: CostMeter(start: info.start))
        session.meter.accept(notes, at: time)
        var ended: SessionSummary?
        for event in events {
            switch event {
            case .secured(_, let time): session.meter.secured(at: NanosecondTime.microseconds(time))
            case .exchange(_, let row): count(session.meter.finish(row), info, &session)
            case .closed(let summary): ended = summary
            case .opened, .octets, .secret, .gap, .remark, .changed, .message, .credential: break
            }
        }
        guard let ended else {
            open[info.id] = session
            return
        }
        for cost in session.meter.close() { count(cost, info, &session) }
        finish(session, ended, keys(ended))
    }

    /// Takes a session of which only the rows are there.
    package mutating func accept(_ summary: SessionSummary, _ rows: [Exchange], keys: (SessionSummary) -> [[String]]) {
        var session = Session(meter: CostMeter(start: summary.info.start))
        for row in rows.sorted(by: { $0.number < $1.number }) {
            count(session.rows.take(row), summary.info, &session)
        }
        // Of the session as a whole octets are known, of its commands not.
        session.total.clientBytes = summary.clientBytes
        session.total.serverBytes = summary.serverBytes
        if !byCommand {
            session.tallies["", default: CostTally()].clientBytes = summary.clientBytes
            session.tallies["", default: CostTally()].serverBytes = summary.serverBytes
        }
        finish(session, summary, keys(summary))
    }

    /// The groups, those with the most time of the server first.
    package var sorted: [(key: CostKey, tally: CostTally)] {
        groups.sorted {
            $0.value.server.total != $1.value.server.total
                ? $0.value.server.total > $1.value.server.total
                : $0.key.parts.lexicographicallyPrecedes($1.key.parts)
        }.map { ($0.key, $0.value) }
    }

    private mutating func count(_ cost: ExchangeCost, _ info: SessionInfo, _ session: inout Session) {
        session.total.add(cost)
        var verb = byCommand ? cost.command : ""
        if session.tallies[verb] == nil, session.tallies.count >= Self.mostVerbs { verb = Self.others }
        session.tallies[verb, default: CostTally()].add(cost)
        guard let server = cost.server, mostWorst > 0 else { return }
        if worst.count == mostWorst, let last = worst.last?.cost.server, last >= server { return }
        let place = worst.firstIndex { ($0.cost.server ?? 0) < server } ?? worst.count
        worst.insert(
            CostlyExchange(cost: cost, session: info.id, client: info.client.description), at: place)
        if worst.count > mostWorst { worst.removeLast() }
    }

    private mutating func finish(_ session: Session, _ summary: SessionSummary, _ keys: [[String]]) {
        for place in worst.indices where worst[place].session == summary.info.id { worst[place].user = summary.user }
        var all = session.total
        all.sessions = 1
        total.add(all)
        for parts in keys {
            for (verb, tally) in session.tallies {
                var tally = tally
                tally.sessions = 1
                var key = CostKey(byCommand ? parts + [verb] : parts)
                if groups[key] == nil, groups.count >= Self.mostGroups {
                    key = CostKey(key.parts.map { _ in Self.others })
                }
                groups[key, default: CostTally()].add(tally)
            }
        }
    }
}
