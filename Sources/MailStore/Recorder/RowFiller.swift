// Exchanges and messages get into the index behind the sessions: a thread of the lowest priority reads the packets of sessions
// that have ended, when nobody else needs the processor, and hands the rows to the recorder's thread, which alone writes the
// index. While a busy proxy records it does no more than that (Docs/Decisions/021).

import CLinux
import Glibc
import Synchronization

import MailRecording

/// A session that has ended, whose exchanges and messages are not in the index yet.
package struct UnreadSession: Equatable, Sendable {
    /// Its row in the index; 0 for who needs no row.
    package var row: Int64
    package var id: String
    /// Where the packets of its client leg are, by segment.
    package var places: [RecordingIndex.Place]
    /// The recorder was killed before it could tell all of it: its credentials and counts are read too.
    package var isBehind: Bool

    package init(row: Int64 = 0, id: String, places: [RecordingIndex.Place], isBehind: Bool = false) {
        self.row = row
        self.id = id
        self.places = places
        self.isBehind = isBehind
    }
}

/// Reads sessions from their segments and gives what it finds of them: exchanges and messages. Reading a recording is the work of
/// those who read captures.
///
/// `goesOn` is to be asked now and then; when it says no, nobody wants to know any more.
package typealias RowReader =
    @Sendable (
        _ sessions: [UnreadSession], _ goesOn: () -> Bool, _ emit: (RecordEvent) -> Void
    ) throws -> Void

/// The thread that reads rows.
final class RowFiller: Sendable {
    /// A row, and the session's row that it belongs to.
    enum Row {
        case exchange(Exchange, session: Int64)
        case message(MessageRecord, number: Int, session: Int64)
        case credential(CredentialRecord, number: Int, session: Int64)
        case summary(SessionSummary, session: Int64)
    }

    /// What was read.
    struct Rows {
        var rows: [Row] = []
        /// Sessions of which this is the last.
        var read: [Int64] = []
        /// These could not be read.
        var failure: String?
        /// The thread is free for the next sessions.
        var isLast = false
    }

    /// Rows that are handed over at once, and octets of text in them: what the recorder's thread writes in a few milliseconds.
    private static let most = 250
    private static let mostText = 256 << 10

    private struct State {
        var work: [UnreadSession] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    private let read: RowReader
    private let queue: RecorderQueue
    /// Posted when there is work, or the end has come.
    private let work: Semaphore
    /// Posted when rows were taken, or the end has come.
    private let taken: Semaphore
    private let thread = BackgroundThread()

    init(_ read: @escaping RowReader, _ queue: RecorderQueue) {
        self.read = read
        self.queue = queue
        work = Semaphore()
        taken = Semaphore()
    }

    // For the recorder's thread.

    /// Starts the thread. False when the system has none to give.
    func start() -> Bool {
        thread.start(.nice(19)) { [self] in run() }
    }

    /// Gives the thread its next sessions. It must have told that it is free.
    func give(_ sessions: [UnreadSession]) {
        state.withLock { $0.work = sessions }
        work.post()
    }

    /// What was handed over was written: the next may come.
    func resume() { taken.post() }

    /// Ends the thread; what it was reading stays unread.
    func stop() {
        state.withLock { $0.isStopping = true }
        work.post()
        taken.post()
        thread.join()
    }

    // The thread.

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private func run() {
        while true {
            work.wait()
            let sessions = state.withLock { state in
                defer { state.work = [] }
                return state.work
            }
            if isStopping { return }
            fill(sessions[...], isLast: true)
            if isStopping { return }
        }
    }

    private func fill(_ sessions: ArraySlice<UnreadSession>, isLast: Bool) {
        var rows = Rows()
        var textOctets = 0
        var messages: [String: Int] = [:]
        var credentials: [String: Int] = [:]
        var numbers: [String: Int64] = [:]
        var behind: Set<String> = []
        for session in sessions {
            numbers[session.id] = session.row
            if session.isBehind { behind.insert(session.id) }
        }
        do {
            try read(Array(sessions), { !isStopping }) { event in
                switch event {
                case .exchange(session: let id, let exchange):
                    guard let row = numbers[id] else { return }
                    rows.rows.append(.exchange(exchange, session: row))
                case .message(session: let id, let message):
                    guard let row = numbers[id] else { return }
                    rows.rows.append(.message(message, number: messages[id, default: 0], session: row))
                    messages[id, default: 0] += 1
                    if let text = message.text { textOctets += text.header.utf8.count + text.body.utf8.count }
                case .credential(session: let id, var credential):
                    guard behind.contains(id), let row = numbers[id] else { return }
                    // Of a mask there is no mark.
                    credential.fingerprint = ""
                    rows.rows.append(.credential(credential, number: credentials[id, default: 0], session: row))
                    credentials[id, default: 0] += 1
                case .closed(let summary):
                    guard behind.contains(summary.info.id), let row = numbers[summary.info.id] else { return }
                    rows.rows.append(.summary(summary, session: row))
                case .opened, .secured, .octets, .secret, .gap, .remark, .changed: return
                }
                if rows.rows.count >= Self.most || textOctets >= Self.mostText {
                    hand(rows)
                    rows = Rows()
                    textOctets = 0
                }
            }
        } catch {
            // One that can't be read must not take others with it. What was told of them is told once more, as the same rows.
            if sessions.count > 1 {
                for place in sessions.indices where !isStopping {
                    fill(sessions[place...place], isLast: isLast && place == sessions.endIndex - 1)
                }
                return
            }
            // What retention removed meanwhile nobody misses, and the index forgets it.
            var rest = sessions
            for place in sessions.indices { rest[place].places.removeAll { !RecordingDirectory.hasSegment($0.path) } }
            if rest != sessions {
                if !rest.allSatisfy(\.places.isEmpty) { return fill(rest, isLast: isLast) }
            } else {
                rows.failure = "\(error)"
            }
        }
        if isStopping { return }
        rows.read = sessions.map(\.row)
        rows.isLast = isLast
        hand(rows)
    }

    /// Gives rows to the recorder's thread and waits until it has taken them.
    private func hand(_ rows: Rows) {
        if isStopping { return }
        queue.append(rows)
        taken.wait()
    }
}

/// A counting semaphore of POSIX.
///
/// Unchecked: `sem_post` and `sem_wait` may be called from any thread.
final class Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        semaphore.initialize(to: sem_t())
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func post() { sem_post(semaphore) }

    func wait() { while sem_wait(semaphore) != 0, errno == EINTR {} }
}
