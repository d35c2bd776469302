// Books of a session of which not all is recorded. What is beyond the scope does not get into them: rows are made of what is
// recorded, so that the index says no more than the packets do.

import MailDialogue

extension SessionBook {
    /// The next notes, as far as they may be recorded.
    mutating func acceptScoped(
        _ notes: ArraySlice<Note>, at time: Int64, leg: Leg, into events: inout [RecordEvent]
    ) {
        guard var now = scope.popLast() else { return }
        var first = events.count
        for note in notes {
            // How many lines came at once makes no difference to where a recording ends.
            if leg == .client, now.learn(from: note) {
                record(now.takeReady(leg), leg, &events)
                // With what had waited for this: who logs in next does not take it away.
                now.release(&events, from: first)
                first = events.count
            }
            now.take(note, NanosecondTime.of(time, fraction), leg)
        }
        record(now.takeReady(leg), leg, &events)
        now.gate(&events, from: first, isLast: false)
        scope.append(now)
    }

    /// Runs `body` as books without a scope do it; what waits for the rest of a message comes before it.
    /// - Parameter isLast: the session has ended.
    mutating func scoped(
        isLast: Bool = false, secures: Bool = false, _ events: inout [RecordEvent],
        _ body: (inout Self, inout [RecordEvent]) -> Void
    ) {
        guard var now = scope.popLast() else { return }
        let first = events.count
        now.breakOff(isOver: isLast || secures)
        for leg in [Leg.server, .client] { record(now.takeReady(leg), leg, &events) }
        if secures { now.secured() }
        body(&self, &events)
        now.gate(&events, from: first, isLast: isLast)
        scope.append(now)
    }

    private mutating func record(
        _ ready: [(note: Note, time: Int64)], _ leg: Leg, _ events: inout [RecordEvent]
    ) {
        let last = fraction
        defer { fraction = last }
        var rest = ready[...]
        while let time = rest.first?.time {
            let together = rest.prefix { $0.time == time }
            fraction = NanosecondTime.fraction(time)
            accept(together.map(\.note), at: NanosecondTime.microseconds(time), leg: leg, into: &events)
            rest = rest.dropFirst(together.count)
        }
    }
}
