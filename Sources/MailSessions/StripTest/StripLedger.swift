// Who was put to which test, and what comes next. Bounded: the client that was not seen for the longest time is forgotten first, and
// begins anew when it comes back.

import MailDialogue
import MailRecording

/// Chooses the tests of clients and keeps what they showed.
package struct StripLedger: Sendable {
    /// Whose connections are taken for those of one machine.
    package struct Key: Hashable, Sendable {
        package var client: IPAddress
        package var route: String
        package var mailProtocol: MailProtocol
        /// The client begins with TLS.
        package var isImplicit: Bool

        package init(client: IPAddress, route: String, mailProtocol: MailProtocol, isImplicit: Bool) {
            self.client = client
            self.route = route
            self.mailProtocol = mailProtocol
            self.isImplicit = isImplicit
        }
    }

    /// A program at an address, and the vectors of which it has a verdict.
    private struct Known: Sendable {
        var program: StripProgram
        var settled: Set<StripVector> = []
        /// It did not come to TLS when nothing was wrong.
        var failsControl = false
    }

    private struct Entry: Sendable {
        var programs: [Known] = []
        var tries: [StripVector: Int] = [:]
        var connections = 0
        var lastSeen: UInt64 = 0
    }

    /// Addresses that are remembered: as many as the clients of a large site.
    static let mostClients = 4_096
    /// Programs of one address: more than a shared host has.
    static let mostPrograms = 16
    /// How often a vector is tried for each program that gave no verdict, or whose turn fell to another.
    static let mostTries = 3

    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0

    package init() {}

    /// The test of a connection that begins; nil when the client is to be served.
    /// - Parameters:
    ///   - interval: one connection of so many is a test.
    ///   - chance: any number. It chooses among what programs at one address still lack, so that two that take turns do not get
    ///     the same ones for ever.
    package mutating func next(_ key: Key, interval: Int, chance: UInt64) -> StripVector? {
        clock &+= 1
        var entry = entries[key] ?? Entry()
        entry.lastSeen = clock
        defer {
            entries[key] = entry
            forgetOldest()
        }
        let turn = entry.connections
        entry.connections &+= 1
        guard turn % max(interval, 1) == 0 else { return nil }
        let vectors = StripVector.all(for: key.mailProtocol, isImplicit: key.isImplicit)
        let vector =
            vectors.first { entry.tries[$0] == nil } ?? Self.pick(Self.missing(vectors, entry), by: chance)
        if let vector { entry.tries[vector, default: 0] += 1 }
        return vector
    }

    /// The vectors that some program lacks and that were not tried too often.
    private static func missing(_ vectors: [StripVector], _ entry: Entry) -> [StripVector] {
        let most = mostTries * max(entry.programs.count, 1)
        return vectors.filter { vector in
            guard entry.tries[vector, default: 0] < most else { return false }
            return entry.programs.isEmpty || entry.programs.contains { !$0.settled.contains(vector) }
        }
    }

    private static func pick(_ vectors: [StripVector], by chance: UInt64) -> StripVector? {
        vectors.isEmpty ? nil : vectors[Int(chance % UInt64(vectors.count))]
    }

    /// A test is over. Gives all that is known of the program by now.
    package mutating func file(
        _ outcome: StripOutcome, _ vector: StripVector, _ program: StripProgram, of key: Key
    ) -> StripProgram {
        guard var entry = entries[key] else { return program }
        defer { entries[key] = entry }
        var place = entry.programs.firstIndex { $0.program.mayBe(program) }
        if place == nil {
            // Who said nothing is nobody yet.
            guard program != StripProgram() || outcome.verdict != .none else { return program }
            guard entry.programs.count < Self.mostPrograms else { return program }
            entry.programs.append(Known(program: program))
            place = entry.programs.count - 1
        }
        guard let place else { return program }
        entry.programs[place].program.learn(program)
        if outcome.verdict != .none { entry.programs[place].settled.insert(vector) }
        if vector == .control { entry.programs[place].failsControl = outcome.verdict == .none }
        return entry.programs[place].program
    }

    /// What a test has shown of a program, seen beside what the program does when nothing is wrong.
    package func conclusion(
        _ outcome: StripOutcome, _ vector: StripVector, _ program: StripProgram, of key: Key
    ) -> StripOutcome {
        let known = entries[key]?.programs.first { $0.program.mayBe(program) }
        return known?.failsControl == true ? outcome.doubted(in: vector) : outcome
    }

    /// Clients that are remembered.
    package var count: Int { entries.count }

    private mutating func forgetOldest() {
        guard entries.count > Self.mostClients else { return }
        // A tenth at once, so that the search costs little for each.
        let oldest = entries.sorted { $0.value.lastSeen < $1.value.lastSeen }.prefix(Self.mostClients / 10)
        for (key, _) in oldest { entries[key] = nil }
    }
}
