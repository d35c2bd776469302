// What the exchanges of a session cost: octets, round trips, and whose time it took. Docs/Views.md has the definitions.
//
// No moment is counted twice. While the server owes something, time belongs to the exchange whose octets it ends with, and
// begins when the server had both the client's last octet of that exchange and its hands free; of commands sent together
// each has the time from the reply before it. While nothing is owed, time is the client's: what it thinks before its next
// octet. What is neither, as the sending of a message or the waiting in IDLE, is in no figure but the session's duration.

import MailDialogue

/// What an exchange cost.
package struct ExchangeCost: Equatable, Sendable {
    /// 0 is the greeting.
    package var number: Int
    /// The verb, ``CostMeter/greeting`` or ``CostMeter/unasked``.
    package var command: String
    /// The command line, masked.
    package var line = ""
    /// Of the command; microseconds since 1970.
    package var time: Int64
    /// Octets as on the wire, inflated and without TLS; nil when they were not read.
    package var clientBytes: Int?
    package var serverBytes: Int?
    /// How often the server answered what the client had sent; nil when that was not seen.
    package var roundTrips: Int?
    /// Microseconds from the client's last octet to the first of the answer, of all round trips; nil without one.
    package var first: Int64?
    /// Microseconds from the client's last octet to the last of the answer, of all round trips; nil without one.
    package var server: Int64?
    /// Microseconds that the client took, when nothing was owed, until it went on; nil when something was owed always.
    package var think: Int64?

    package init(number: Int, command: String, time: Int64) {
        self.number = number
        self.command = command
        self.time = time
    }
}

/// Measures a session step by step.
package struct CostMeter: Sendable {
    /// What stands for the verb of the greeting.
    package static let greeting = "(greeting)"
    /// What stands for the verb of octets behind a reply that no command asked for, and of exchanges that can't be told apart.
    package static let unasked = "(unasked)"
    /// What stands for the verb of octets that nobody could follow, as those of TLS.
    package static let unfollowed = "(not followed)"
    private static let unfollowedNumber = -1

    private struct Open {
        var cost: ExchangeCost
        /// The server owes an answer to what the client has sent.
        var isOwed = false
        /// Nothing of that answer has come.
        var awaitsFirst = false
        var lastClient: Int64
    }

    private var open: [Int: Open] = [:]
    private var owed = 0
    /// From when on the server's time is not given to an exchange yet; nil while it owes nothing.
    private var busySince: Int64?
    /// Since when nothing is owed.
    private var idleSince: Int64?

    /// - Parameter start: when the connection was made: from there on the server owes its greeting.
    package init(start: Int64) {
        var greeting = Open(cost: ExchangeCost(number: 0, command: Self.greeting, time: start), lastClient: start)
        greeting.isOwed = true
        greeting.awaitsFirst = true
        open[0] = greeting
        owed = 1
        busySince = start
    }

    /// Takes the next frames of the session.
    /// - Parameter time: of the octets that made them; microseconds since 1970.
    package mutating func accept(_ notes: [Note], at time: Int64) {
        for note in notes where !note.raw.isEmpty { accept(note, at: time) }
    }

    private mutating func accept(_ note: Note, at time: Int64) {
        if note.element == .opaque { return pass(note, at: time) }
        let number = note.exchange
        // Taken out, so that it is changed in place.
        var exchange =
            open.removeValue(forKey: number)
            ?? Open(cost: ExchangeCost(number: number, command: Self.unasked, time: time), lastClient: time)
        switch note.side {
        case .client:
            if number != 0 { forgetGreeting() }
            exchange.cost.clientBytes = (exchange.cost.clientBytes ?? 0) &+ note.raw.count
            if !exchange.isOwed {
                if owed == 0 {
                    if let idle = idleSince, note.element != .done {
                        exchange.cost.think = (exchange.cost.think ?? 0) &+ max(0, time &- idle)
                    }
                    idleSince = nil
                    busySince = time
                }
                exchange.isOwed = true
                exchange.awaitsFirst = true
                owed += 1
            }
            exchange.lastClient = time
        case .server:
            exchange.cost.serverBytes = (exchange.cost.serverBytes ?? 0) &+ note.raw.count
            if exchange.isOwed, let since = busySince {
                let spent = max(0, time &- max(since, exchange.lastClient))
                exchange.cost.server = (exchange.cost.server ?? 0) &+ spent
                if exchange.awaitsFirst {
                    exchange.awaitsFirst = false
                    exchange.cost.first = (exchange.cost.first ?? 0) &+ spent
                    exchange.cost.roundTrips = (exchange.cost.roundTrips ?? 0) &+ 1
                }
                busySince = max(since, time)
            }
            switch note.element {
            case .goAhead, .challenge: settle(&exchange, at: time)
            case .greeting, .command, .commandPart, .reply, .data, .dataPart, .response, .done, .contentBegin, .content,
                .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
                break
            }
        }
        open[number] = exchange
    }

    /// Octets that nobody could follow: whose turn it is can't be said any more.
    private mutating func pass(_ note: Note, at time: Int64) {
        secured(at: nil)
        let number = Self.unfollowedNumber
        var cost = open[number]?.cost ?? ExchangeCost(number: note.exchange, command: Self.unfollowed, time: time)
        switch note.side {
        case .client: cost.clientBytes = (cost.clientBytes ?? 0) &+ note.raw.count
        case .server: cost.serverBytes = (cost.serverBytes ?? 0) &+ note.raw.count
        }
        open[number] = Open(cost: cost, lastClient: time)
    }

    /// Who speaks was not greeted, or did not wait for it: nobody saw how long the greeting took.
    private mutating func forgetGreeting() {
        guard var greeting = open[0], greeting.isOwed else { return }
        settle(&greeting, at: nil)
        open[0] = greeting.cost.serverBytes == nil ? nil : greeting
    }

    /// The server owes nothing more for the exchange.
    private mutating func settle(_ exchange: inout Open, at time: Int64?) {
        guard exchange.isOwed else { return }
        exchange.isOwed = false
        owed -= 1
        guard owed == 0 else { return }
        busySince = nil
        idleSince = time
    }

    /// TLS was begun: what is waited for from here on is the client's next command.
    /// - Parameter time: nil when nobody knows when the client goes on.
    package mutating func secured(at time: Int64?) {
        for number in open.keys {
            guard var exchange = open[number], exchange.isOwed else { continue }
            settle(&exchange, at: time)
            open[number] = exchange
        }
        idleSince = time
    }

    /// An exchange is complete.
    package mutating func finish(_ row: Exchange) -> ExchangeCost {
        var exchange =
            open.removeValue(forKey: row.number)
            ?? Open(cost: ExchangeCost(number: row.number, command: "", time: row.time), lastClient: row.time)
        settle(&exchange, at: row.last)
        var cost = exchange.cost
        cost.command = Self.name(row)
        cost.line = row.line
        cost.time = row.time
        return cost
    }

    /// What came behind replies and was asked for by nobody. The session has ended.
    package mutating func close() -> [ExchangeCost] {
        defer { open = [:] }
        return open.keys.sorted().compactMap { number in
            guard var cost = open[number]?.cost, cost.clientBytes != nil || cost.serverBytes != nil else { return nil }
            cost.command = number == Self.unfollowedNumber ? Self.unfollowed : Self.unasked
            return cost
        }
    }

    static func name(_ row: Exchange) -> String {
        row.command.isEmpty ? (row.number == 0 ? greeting : unasked) : row.command
    }
}

/// What rows alone tell of costs, where octets are not read.
package struct RowCosts: Sendable {
    /// Until when the server was busy, as far as the rows say.
    private var last: Int64?

    package init() {}

    /// Takes the next row of a session, in the order of the commands.
    package mutating func take(_ row: Exchange) -> ExchangeCost {
        var cost = ExchangeCost(number: row.number, command: CostMeter.name(row), time: row.time)
        cost.line = row.line
        let before = last ?? row.time
        last = max(before, row.last)
        // Of an exchange in which the client goes on speaking a row does not say whose time it was.
        guard row.content?.side != .client, !Self.isTalk(row.command), row.replyStatus != nil else { return cost }
        if row.number > 0 {
            cost.server = max(0, row.last &- max(row.time, before))
            if row.time >= before, before != row.time || row.number > 1 { cost.think = row.time &- before }
        }
        return cost
    }

    /// Commands behind which both sides may speak several times.
    private static func isTalk(_ verb: String) -> Bool {
        switch verb {
        case "AUTH", "AUTHENTICATE", "IDLE", "DATA", "BDAT", "APPEND", "REPLACE", "UID REPLACE", "STARTTLS", "STLS":
            true
        default: false
        }
    }
}
