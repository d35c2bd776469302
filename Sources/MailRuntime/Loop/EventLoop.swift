// The event loop: one thread, one epoll descriptor. Everything that belongs to a session lives on one loop and is touched by
// its thread only, so nothing on the hot path takes a lock.
//
// Descriptors are watched edge-triggered for both directions from the moment they are added, so that no change of interest
// costs a call. A source that stops reading remembers that it was readable and goes on when it is asked to. A read that fills
// less than the buffer has emptied the socket: no second read is needed to learn it.

import CLinux
import Glibc
import Synchronization

/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let read = Readiness(rawValue: 1)
    package static let write = Readiness(rawValue: 2)
    /// The peer closed or the connection failed.
    package static let hangUp = Readiness(rawValue: 4)
}

/// Somebody who owns a descriptor on a loop. Called on the loop's thread.
package protocol Source: AnyObject {
    func ready(_ readiness: Readiness)
}

/// One thread that waits for descriptors, timers and jobs.
///
/// Unchecked: all state but the inbox is confined to the loop's own thread.
package final class EventLoop: @unchecked Sendable {
    /// Names a source while it is watched; a slot that was used again has another generation.
    package struct Token: Equatable, Sendable {
        fileprivate let slot: UInt32
        fileprivate let generation: UInt32
    }

    private struct Slot {
        var source: (any Source)?
        var descriptor: Int32 = -1
        var generation: UInt32 = 0
    }

    /// A job from another thread.
    package typealias Job = @Sendable () -> Void

    private struct Inbox {
        var jobs: [Job] = []
        var awake = false
    }

    /// Octets that one read takes at most. As much as fits the socket buffers that Linux starts with.
    package static let readSize = 65_536

    private let epoll: Int32
    private let wakeDescriptor: Int32
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var timers = TimerHeap()
    private var deferred: [() -> Void] = []
    private let inbox = Mutex(Inbox())
    private var stopped = false
    private var thread = pthread_t()

    /// The buffer that all reads of this loop share.
    package let buffer: UnsafeMutableRawBufferPointer

    package init() throws(SystemError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SystemError("epoll_create1") }
        wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard wakeDescriptor >= 0 else { throw SystemError("eventfd") }
        buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.readSize, alignment: 64)
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = UInt64.max
        epoll_ctl(epoll, EPOLL_CTL_ADD, wakeDescriptor, &event)
    }

    deinit {
        close(epoll)
        close(wakeDescriptor)
        buffer.deallocate()
    }

    // MARK: From any thread

    /// Starts the thread.
    package func start() {
        let box = Unmanaged.passRetained(self).toOpaque()
        pthread_create(&thread, nil, { raw in
            guard let raw else { return nil }
            Unmanaged<EventLoop>.fromOpaque(raw).takeRetainedValue().run()
            return nil
        }, box)
    }

    /// Waits until the thread has ended.
    package func join() { pthread_join(thread, nil) }

    /// Runs `job` on the loop's thread, after what it does now.
    package func post(_ job: @escaping Job) {
        let wake = inbox.withLock { inbox -> Bool in
            inbox.jobs.append(job)
            defer { inbox.awake = true }
            return !inbox.awake
        }
        if wake {
            var one: UInt64 = 1
            _ = write(wakeDescriptor, &one, 8)
        }
    }

    // MARK: On the loop's thread

    /// Watches a non-blocking descriptor for both directions, edge-triggered.
    package func add(_ descriptor: Int32, _ source: any Source) throws(SystemError) -> Token {
        try add(descriptor, source, events: EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue)
    }

    /// Watches a listening descriptor that several loops share: each connection wakes one of them.
    package func addListener(_ descriptor: Int32, _ source: any Source) throws(SystemError) -> Token {
        try add(descriptor, source, events: EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue)
    }

    private func add(_ descriptor: Int32, _ source: any Source, events: UInt32) throws(SystemError) -> Token {
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = UInt32(slots.count)
            slots.append(Slot())
        }
        let generation = slots[Int(slot)].generation &+ 1
        slots[Int(slot)] = Slot(source: source, descriptor: descriptor, generation: generation)
        var event = epoll_event()
        event.events = events
        event.data.u64 = UInt64(generation) << 32 | UInt64(slot)
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            let error = SystemError("epoll_ctl")
            slots[Int(slot)].source = nil
            freeSlots.append(slot)
            throw error
        }
        return Token(slot: slot, generation: generation)
    }

    /// Ends the watch. With `closed` the descriptor is about to be closed, which ends it by itself and saves a call.
    package func remove(_ token: Token, closed: Bool) {
        let index = Int(token.slot)
        guard index < slots.count, slots[index].generation == token.generation, slots[index].source != nil else { return }
        if !closed { epoll_ctl(epoll, EPOLL_CTL_DEL, slots[index].descriptor, nil) }
        slots[index].source = nil
        freeSlots.append(token.slot)
    }

    /// Runs `job` once, after `seconds` at the earliest.
    @discardableResult
    package func schedule(after seconds: Double, _ job: @escaping () -> Void) -> TimerHeap.ID {
        timers.add(deadline: Clock.monotonic() &+ Int64(seconds * 1_000_000), job)
    }

    package func cancel(_ id: TimerHeap.ID) { timers.cancel(id) }

    /// Runs `job` when the present events are done: for work that must not re-enter its caller.
    package func later(_ job: @escaping () -> Void) { deferred.append(job) }

    /// Ends the loop after what it does now.
    package func stop() { stopped = true }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        while !stopped {
            let wait = deferred.isEmpty ? timers.waitMilliseconds(now: Clock.monotonic()) : 0
            let count = epoll_wait(epoll, &events, Int32(events.count), wait)
            for index in 0..<max(0, Int(count)) {
                let event = events[index]
                if event.data.u64 == UInt64.max {
                    var value: UInt64 = 0
                    _ = read(wakeDescriptor, &value, 8)
                    continue
                }
                dispatch(event)
            }
            runInbox()
            timers.run(now: Clock.monotonic())
            let jobs = deferred
            if !jobs.isEmpty {
                deferred = []
                for job in jobs { job() }
            }
        }
        runInbox()
        slots = []
    }

    private func dispatch(_ event: epoll_event) {
        let slot = Int(event.data.u64 & 0xFFFF_FFFF)
        guard slot < slots.count, slots[slot].generation == UInt32(event.data.u64 >> 32) else { return }
        var readiness: Readiness = []
        if event.events & EPOLLIN.rawValue != 0 { readiness.insert(.read) }
        if event.events & EPOLLOUT.rawValue != 0 { readiness.insert(.write) }
        if event.events & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
            readiness.formUnion([.hangUp, .read])
        }
        slots[slot].source?.ready(readiness)
    }

    private func runInbox() {
        let jobs = inbox.withLock { inbox -> [Job] in
            let jobs = inbox.jobs
            inbox.jobs = []
            inbox.awake = false
            return jobs
        }
        for job in jobs { job() }
    }
}
