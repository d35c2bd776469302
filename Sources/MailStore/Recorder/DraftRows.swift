// Rows of an index that is made anew. Who reads the segments follows dialogues, which takes one processor; SQLite and the words of messages
// take as long again. So rows are written by a thread of its own, a bounded number of them behind the reader (Docs/Decisions/071).

import Glibc
import MailRecording
import Synchronization

/// Writes what was read of segments into a draft. Used by one thread at a time.
final class DraftRows {
    private let index: IndexWriter
    /// The rows of sessions, by their ids.
    private let sessions: [String: Int64]
    /// Messages and credentials of sessions so far.
    private var messages: [String: Int] = [:]
    private var credentials: [String: Int] = [:]

    /// - Parameter index: a draft that has all sessions already.
    init(_ index: IndexWriter) throws(DatabaseError) {
        self.index = index
        var sessions: [String: Int64] = [:]
        let all = try index.database.prepare("SELECT row, id FROM sessions")
        while try all.step() { sessions[all.text(1) ?? ""] = all.int64(0) }
        self.sessions = sessions
    }

    /// Reads segments with `follow`, and writes on a thread of its own; on the caller's where none can be had.
    func write(
        of segments: [String], following follow: (_ segments: [String], _ emit: (RecordEvent) -> Void) throws -> Void
    ) throws {
        let pipe = EventPipe()
        let thread = BackgroundThread()
        // It is as patient as the caller.
        let nice = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        let isApart = thread.start(.nice(nice)) { [self] in
            while let events = pipe.take() {
                for event in events { take(event) }
            }
        }
        guard isApart else { return try follow(segments) { take($0) } }
        var batch = EventBatch()
        defer {
            pipe.put(batch.events)
            pipe.end()
            thread.join()
        }
        try follow(segments) { event in
            batch.append(event)
            if batch.isFull { pipe.put(batch.take()) }
        }
    }

    private func take(_ event: RecordEvent) {
        let now = System.monotonicClock()
        switch event {
        case .opened, .secured, .octets, .secret, .gap, .remark, .changed: break
        case .exchange(session: let id, let exchange):
            if let row = sessions[id] { index.save(exchange, session: row, now) }
        case .message(session: let id, let message):
            guard let row = sessions[id] else { return }
            index.save(message, number: messages[id, default: 0], session: row, now)
            messages[id, default: 0] += 1
        case .credential(session: let id, let credential):
            guard let row = sessions[id] else { return }
            index.save(credential, number: credentials[id, default: 0], session: row, now)
            credentials[id, default: 0] += 1
        case .closed(var summary):
            // Nobody records any more: what has no end in the segments has none.
            if summary.end == .open { summary.end = .lost }
            guard let row = sessions[summary.info.id] else { return }
            index.save(summary, row: row, now)
            index.settle(session: row, now)
        }
        if index.isDue(now) { index.commit(now) }
    }
}

/// Events that are handed over together.
private struct EventBatch {
    /// How many, and octets of text in them: a fraction of a second's work.
    private static let most = 500
    private static let mostText = 256 << 10

    private(set) var events: [RecordEvent] = []
    private var text = 0

    var isFull: Bool { events.count >= Self.most || text >= Self.mostText }

    mutating func append(_ event: RecordEvent) {
        if case .message(session: _, let message) = event, let words = message.text {
            text += words.header.utf8.count + words.body.utf8.count
        }
        events.append(event)
    }

    /// All of them; there are none then.
    mutating func take() -> [RecordEvent] {
        defer { self = EventBatch() }
        return events
    }
}

/// Events on their way from one thread to another.
private final class EventPipe: Sendable {
    /// Batches that may wait.
    private static let most = 4

    private let waiting = Mutex<[[RecordEvent]]>([])
    /// Posted for each batch that was put in, and at the end.
    private let filled = Semaphore()
    /// Posted for each that may be put in.
    private let room = Semaphore()

    init() { for _ in 0..<Self.most { room.post() } }

    /// Puts events in; waits while too many are there.
    func put(_ events: [RecordEvent]) {
        if events.isEmpty { return }
        room.wait()
        waiting.withLock { $0.append(events) }
        filled.post()
    }

    /// No more are put in.
    func end() { filled.post() }

    /// Takes the next events; nil when all were taken. Waits for them.
    func take() -> [RecordEvent]? {
        filled.wait()
        let events = waiting.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if events != nil { room.post() }
        return events
    }
}
