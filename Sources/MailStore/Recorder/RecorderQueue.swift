// What lies between the event loops and the recorder's thread: a lock, a list, and an eventfd to wake the thread. The
// thread lingers a few milliseconds after it worked, so that a busy proxy wakes it hundreds of times a second, not
// once an event.

import CLinux
import Glibc
import MailRecording
import Synchronization

/// Events on their way to the recorder's thread.
final class RecorderQueue: Sendable {
    /// What the thread finds when it looks.
    struct Batch {
        var events: [[RecordEvent]] = []
        /// What was read of sessions that have ended.
        var rows: [RowFiller.Rows] = []
        /// Octets that the events keep in memory.
        var weight = 0
        var isClosing = false
    }

    private enum Waiting {
        /// The thread works.
        case no
        /// The thread waits a moment for more; only much work wakes it.
        case lingering
        /// The thread waits for anything.
        case idle
    }

    private struct State {
        var batch = Batch()
        var waiting = Waiting.no
        var drained: [@Sendable () -> Void] = []
    }

    /// While the disk takes nothing, so many times the limit may wait: sessions are not read beyond the limit, but they begin and end.
    static let mostHeld = 4
    /// Milliseconds that the thread waits for more work after it had some.
    static let linger: Int32 = 4

    private let state = Mutex(State())
    /// Octets appended and not yet written.
    private let pending = Atomic<Int>(0)
    private let limit: Int
    private let wakeUp: Int32

    init(limit: Int) throws(RecorderError) {
        self.limit = max(limit, 1)
        wakeUp = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard wakeUp >= 0 else { throw .failed(action: "make", path: "eventfd", reason: System.text(errno)) }
    }

    deinit { Glibc.close(wakeUp) }

    /// Everything that was appended is written.
    var isEmpty: Bool { pending.load(ordering: .sequentiallyConsistent) <= 0 }

    var isCongested: Bool { pending.load(ordering: .relaxed) > limit }

    func append(_ events: [RecordEvent]) {
        guard !events.isEmpty else { return }
        let weight = events.reduce(0) { $0 &+ $1.weight }
        let wakes = state.withLock { state in
            // Nobody would ever take it.
            guard !state.batch.isClosing else { return false }
            state.batch.events.append(events)
            state.batch.weight &+= weight
            pending.add(weight, ordering: .relaxed)
            switch state.waiting {
            case .no: return false
            case .lingering: if state.batch.weight < limit / 4 { return false }
            case .idle: break
            }
            state.waiting = .no
            return true
        }
        if wakes { wake() }
    }

    /// Takes what was read of sessions that have ended.
    func append(_ rows: RowFiller.Rows) {
        let wakes = state.withLock { state in
            state.batch.rows.append(rows)
            switch state.waiting {
            case .no, .lingering: return false
            case .idle:
                state.waiting = .no
                return true
            }
        }
        if wakes { wake() }
    }

    /// Wakes the thread, which has something to see to that is no event.
    func nudge() {
        state.withLock { $0.waiting = .no }
        wake()
    }

    func whenDrained(_ callback: @escaping @Sendable () -> Void) {
        let isNow = state.withLock { state in
            if state.batch.isClosing || pending.load(ordering: .relaxed) <= limit / 2 { return true }
            state.drained.append(callback)
            return false
        }
        if isNow { callback() }
    }

    func close() {
        state.withLock { state in
            state.batch.isClosing = true
            state.waiting = .no
        }
        wake()
    }

    // For the thread.

    /// Waits, as the disk takes nothing. False when there is no time for that: the recorder ends, or so much waits already, though
    /// sessions stand still, that memory would not do for more.
    func hold(_ milliseconds: Int32) -> Bool {
        let mayHold = state.withLock { !$0.batch.isClosing } && pending.load(ordering: .relaxed) / Self.mostHeld < limit
        guard mayHold else { return false }
        var descriptor = pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)
        poll(&descriptor, 1, milliseconds)
        var count: UInt64 = 0
        Glibc.read(wakeUp, &count, 8)
        return state.withLock { !$0.batch.isClosing }
    }

    /// Waits for work.
    /// - Parameters:
    ///   - timeout: milliseconds after which an empty batch is given; negative waits for ever.
    ///   - lingers: the thread had work a moment ago.
    func take(timeout: Int32, lingers: Bool) -> Batch {
        if lingers { wait(.lingering, timeout < 0 ? Self.linger : min(timeout, Self.linger)) }
        let isEmpty = state.withLock { $0.batch.events.isEmpty && $0.batch.rows.isEmpty }
        if isEmpty, !lingers { wait(.idle, timeout) }
        return state.withLock { state in
            let batch = state.batch
            state.batch = Batch(isClosing: batch.isClosing)
            return batch
        }
    }

    /// A batch was written.
    func finish(_ batch: Batch) {
        pending.subtract(batch.weight, ordering: .sequentiallyConsistent)
        let callbacks = state.withLock { state in
            guard pending.load(ordering: .relaxed) <= limit / 2, !state.drained.isEmpty else {
                return [@Sendable () -> Void]()
            }
            defer { state.drained = [] }
            return state.drained
        }
        for callback in callbacks { callback() }
    }

    private func wait(_ waiting: Waiting, _ timeout: Int32) {
        let mustWait = state.withLock { state in
            let hasWork =
                waiting == .idle && (!state.batch.events.isEmpty || !state.batch.rows.isEmpty) || state.batch.isClosing
            state.waiting = hasWork ? .no : waiting
            return !hasWork
        }
        guard mustWait else { return }
        var descriptor = pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)
        poll(&descriptor, 1, timeout)
        state.withLock { $0.waiting = .no }
        var count: UInt64 = 0
        Glibc.read(wakeUp, &count, 8)
    }

    private func wake() {
        var one: UInt64 = 1
        Glibc.write(wakeUp, &one, 8)
    }
}
