// Names that clients ask for, each looked up by a call that blocks. A name server that does not answer keeps a thread for a long time, and
// whoever has a domain of his own has such a name server: so an address has few threads at once, and keeps only itself waiting.

import MailRecording
import Synchronization

/// Looks up names for clients, a few at once for each of their addresses. Used by all loops.
final class NameDesk: Sendable {
    /// Threads: eight addresses that have nothing but slow names do not keep a ninth from its own.
    static let threads = 16
    /// Names of one address that are looked up at once.
    static let atOnce = 2
    /// Names of one address that wait.
    static let mostWaiting = 64

    private struct Client {
        var running = 0
        var waiting: [EventLoop.Job] = []
    }

    private let clients = Mutex<[IPAddress: Client]>([:])
    private let pool: WorkerPool
    private let atOnce: Int
    private let mostWaiting: Int

    init(threads: Int = NameDesk.threads, atOnce: Int = NameDesk.atOnce, mostWaiting: Int = NameDesk.mostWaiting) {
        pool = WorkerPool(threads: threads)
        self.atOnce = atOnce
        self.mostWaiting = mostWaiting
    }

    /// Runs `job` when it is this client's turn. False when too many of its jobs wait already.
    func submit(for client: IPAddress, _ job: @escaping EventLoop.Job) -> Bool {
        enum Answer { case now, later, never }
        let answer = clients.withLock { clients -> Answer in
            var state = clients[client] ?? Client()
            defer { clients[client] = state }
            if state.running < atOnce {
                state.running += 1
                return .now
            }
            guard state.waiting.count < mostWaiting else { return .never }
            state.waiting.append(job)
            return .later
        }
        if answer == .now { run(job, for: client) }
        return answer != .never
    }

    private func run(_ job: @escaping EventLoop.Job, for client: IPAddress) {
        pool.submit { [self] in
            job()
            // Behind the others' jobs, not at once on this thread.
            if let next = next(of: client) { run(next, for: client) }
        }
    }

    private func next(of client: IPAddress) -> EventLoop.Job? {
        clients.withLock { clients in
            guard var state = clients[client] else { return nil }
            if !state.waiting.isEmpty {
                let next = state.waiting.removeFirst()
                clients[client] = state
                return next
            }
            state.running -= 1
            clients[client] = state.running > 0 ? state : nil
            return nil
        }
    }

    /// Addresses that have a job.
    var count: Int { clients.withLock { $0.count } }

    /// Lets the threads end when the queue is empty.
    func stop() { pool.stop() }
}
