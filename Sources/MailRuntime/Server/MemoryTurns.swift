// Who is read although far too much waits in memory. Whoever has no more than its share always is; of those who have more, one at a
// time on each loop, so that what it has begun becomes whole and takes no memory any more.
//
// Without a turn two sessions that have half of something could wait for each other's memory for ever. While there is still some
// room the turn goes round; beyond that whoever has it keeps it until its piece is whole or its session over: so no more than one
// session on each loop grows, and how far one can grow is bounded by the limits of what is followed. Who waits in vain for longer
// than the times of its protocol allow hears so.

/// The sessions of a loop that have more than their share.
final class MemoryTurns {
    private let memory: MemoryGauge
    private let loop: EventLoop
    /// It may go on.
    private var holder: (any RunningSession)?
    /// These wait, the next one first.
    private var queue: [any RunningSession] = []
    private var queued: Set<ObjectIdentifier> = []
    private var isWatching = false

    init(_ memory: MemoryGauge, on loop: EventLoop) {
        self.memory = memory
        self.loop = loop
    }

    /// Whether a session may be read that has more than its share. When not, it is told when that may have changed.
    func mayGoOn(_ session: any RunningSession) -> Bool {
        watch()
        if holder == nil, queue.isEmpty { holder = session }
        if holder === session { return true }
        enqueue(session)
        return false
    }

    /// A session has no more than its share any more, or is over.
    func leaves(_ session: any RunningSession) {
        if holder === session {
            holder = nil
            guard let next = dequeue() else { return }
            holder = next
            loop.later { next.memoryDrained() }
        } else if queued.remove(ObjectIdentifier(session)) != nil {
            memory.hold(-1)
            queue.removeAll { $0 === session }
        }
    }

    private func enqueue(_ session: any RunningSession) {
        guard queued.insert(ObjectIdentifier(session)).inserted else { return }
        memory.hold(1)
        queue.append(session)
    }

    private func dequeue() -> (any RunningSession)? {
        guard !queue.isEmpty else { return nil }
        let next = queue.removeFirst()
        queued.remove(ObjectIdentifier(next))
        memory.hold(-1)
        return next
    }

    private func watch() {
        guard !isWatching else { return }
        isWatching = true
        loop.schedule(after: RuntimeLimits.memoryRounds) { [weak self] in
            guard let self else { return }
            self.isWatching = false
            self.goRound()
        }
    }

    private func goRound() {
        if memory.isOverfull, !memory.isExhausted, let last = holder, let next = dequeue() {
            holder = next
            enqueue(last)
        }
        // All of them look again: there may be room, or their share has grown. Whoever still has to wait keeps its place.
        holder?.memoryDrained()
        for session in queue { session.memoryDrained() }
        if holder != nil || !queue.isEmpty { watch() }
    }
}
