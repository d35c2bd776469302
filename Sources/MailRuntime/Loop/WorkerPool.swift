// Threads for calls that block: the disk, the resolver. Results go back to a loop by `EventLoop.post`.

import Glibc
import Synchronization

/// A fixed number of threads and a queue.
package final class WorkerPool: Sendable {
    private struct State {
        var jobs: [EventLoop.Job] = []
        var head = 0
        var stopping = false
    }

    private let state = Mutex(State())
    private let available: Semaphore
    private let threads: Int

    package init(threads: Int) {
        self.threads = threads
        available = Semaphore()
        for _ in 0..<threads {
            var thread = pthread_t()
            let box = Unmanaged.passRetained(self).toOpaque()
            pthread_create(
                &thread, nil,
                { raw in
                    guard let raw else { return nil }
                    Unmanaged<WorkerPool>.fromOpaque(raw).takeRetainedValue().work()
                    return nil
                }, box)
            pthread_detach(thread)
        }
    }

    /// Runs `job` on one of the threads.
    package func submit(_ job: @escaping EventLoop.Job) {
        state.withLock { $0.jobs.append(job) }
        available.signal()
    }

    /// Lets the threads end when the queue is empty.
    package func stop() {
        state.withLock { $0.stopping = true }
        for _ in 0..<threads { available.signal() }
    }

    private func work() {
        while true {
            available.wait()
            let (job, stopping) = state.withLock { state -> (EventLoop.Job?, Bool) in
                guard state.head < state.jobs.count else { return (nil, state.stopping) }
                let job = state.jobs[state.head]
                state.head += 1
                if state.head == state.jobs.count || state.head > 1024 {
                    state.jobs.removeFirst(state.head)
                    state.head = 0
                }
                return (job, false)
            }
            if let job { job() } else if stopping { return }
        }
    }
}

/// A counting semaphore of the C library.
///
/// Unchecked: sem_t is made for many threads; it is allocated once and never moves.
package final class Semaphore: @unchecked Sendable {
    private let raw = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    package init(_ value: UInt32 = 0) { sem_init(raw, 0, value) }

    deinit {
        sem_destroy(raw)
        raw.deallocate()
    }

    package func signal() { sem_post(raw) }
    package func wait() { while sem_wait(raw) != 0 && errno == EINTR {} }
}
