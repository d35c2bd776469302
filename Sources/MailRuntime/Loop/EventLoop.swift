// The event loop: one thread, one epoll descriptor. Everything that belongs to a session lives on one loop and is touched by
// its thread only, so nothing on the hot path takes a lock.
//
// Descriptors are watched edge-triggered, so that no change of interest costs a call. For writing they are watched from the
// first write on that the socket did not take: most connections never come to that, and being told that a new socket can be
// written costs a wake-up. A source that stops reading remembers that it was readable and goes on when it is asked to. A read
// that fills less than the buffer has emptied the socket: no second read is needed to learn it.

import CLinux
import Glibc
import Synchronization

/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let read = Readiness(rawValue: 1)
    package static let write = Readiness(rawValue: 2)
    /// The peer closed, the connection failed, or urgent data came (a read stops at its mark, short of the rest).
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

    private static let reading =
        EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLPRI.rawValue | EPOLLET.rawValue
    private static let bothWays = reading | EPOLLOUT.rawValue

    /// What the kernel gives back with an event.
    private static func mark(_ token: Token) -> UInt64 { UInt64(token.generation) << 32 | UInt64(token.slot) }

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

    /// A wait that is better passed awake, in microseconds: about twice what waking a sleeping processor takes.
    private static let shortWait: Int64 = 50
    /// Vain looks in a row after which the loop goes to sleep at once.
    private static let greatestEagerness = 3

    private let epoll: Int32
    private let wakeDescriptor: Int32
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var timers = TimerHeap()
    private var deferred: [() -> Void] = []
    private let inbox = Mutex(Inbox())
    private var stopped = false
    /// How often the loop may look in vain before it sleeps at once; grows with each wait that was short.
    private var eagerness = 0
    private var thread = pthread_t()
    /// When the present events came, by ``Clock/monotonic()``. For the loop's thread.
    package private(set) var now = Clock.monotonic()

    /// Where octets are counted that wait to be written; set before the thread runs.
    package var memory: MemoryGauge?

    /// The buffer that all reads of this loop share.
    package let buffer: UnsafeMutableRawBufferPointer
    /// Octets that one read takes: little while far too much waits in memory, so that what comes on top is little, too.
    var room: Int { memory?.isOverfull == true ? MemoryGauge.allowance : buffer.count }
    /// Where plaintext is put: as much as one record of TLS holds (RFC 8446 §5.1).
    package let plaintext = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 64)

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
        plaintext.deallocate()
    }

    // MARK: From any thread

    /// Starts the thread.
    package func start() {
        let box = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread, nil,
            { raw in
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

    /// Watches a non-blocking descriptor for reading, edge-triggered, and for writing when `writes`.
    package func add(_ descriptor: Int32, _ source: any Source, writes: Bool) throws(SystemError) -> Token {
        try add(descriptor, source, events: writes ? Self.bothWays : Self.reading)
    }

    /// Watches for writing too, from now on.
    package func watchWrites(_ token: Token) {
        let index = Int(token.slot)
        guard index < slots.count, slots[index].generation == token.generation, slots[index].source != nil else {
            return
        }
        var event = epoll_event()
        event.events = Self.bothWays
        event.data.u64 = Self.mark(token)
        epoll_ctl(epoll, EPOLL_CTL_MOD, slots[index].descriptor, &event)
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
        let token = Token(slot: slot, generation: generation)
        var event = epoll_event()
        event.events = events
        event.data.u64 = Self.mark(token)
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            let error = SystemError("epoll_ctl")
            slots[Int(slot)].source = nil
            freeSlots.append(slot)
            throw error
        }
        return token
    }

    /// Ends the watch. With `closed` the descriptor is about to be closed, which ends it by itself and saves a call.
    package func remove(_ token: Token, closed: Bool) {
        let index = Int(token.slot)
        guard index < slots.count, slots[index].generation == token.generation, slots[index].source != nil else {
            return
        }
        if !closed { epoll_ctl(epoll, EPOLL_CTL_DEL, slots[index].descriptor, nil) }
        slots[index].source = nil
        freeSlots.append(token.slot)
    }

    /// Runs `job` once, after `seconds` at the earliest.
    @discardableResult
    package func schedule(after seconds: Double, _ job: @escaping () -> Void) -> TimerHeap.ID {
        // Thirty years are as good as for ever, and no number overflows.
        let microseconds = seconds > 0 ? Int64(min(seconds, 1e9) * 1_000_000) : 0
        return timers.add(deadline: Clock.monotonic() &+ microseconds, job)
    }

    package func cancel(_ id: TimerHeap.ID) { timers.cancel(id) }

    /// Runs `job` when the present events are done: for work that must not re-enter its caller.
    package func later(_ job: @escaping () -> Void) { deferred.append(job) }

    /// Ends the loop after what it does now.
    package func stop() { stopped = true }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        while !stopped {
            let count = wait(&events)
            var hasJobs = false
            for index in 0..<max(0, Int(count)) {
                let event = events[index]
                if event.data.u64 == UInt64.max {
                    var value: UInt64 = 0
                    _ = read(wakeDescriptor, &value, 8)
                    hasJobs = true
                    continue
                }
                dispatch(event)
            }
            if hasJobs { runInbox() }
            while let job = timers.takeDue(now: now) { job() }
            let jobs = deferred
            if !jobs.isEmpty {
                deferred = []
                for job in jobs { job() }
            }
        }
        runInbox()
        slots = []
    }

    /// Waits for events; gives their number, and sets ``now``.
    ///
    /// In a dialogue the next line is often a few microseconds away, and a processor that has gone to sleep takes longer than
    /// that to wake. So where waits have been that short lately, the loop first looks again and again for a moment, letting
    /// others run in between. One that looked in vain soon stops doing so, and an idle loop sleeps.
    private func wait(_ events: inout [epoll_event]) -> Int32 {
        let capacity = Int32(events.count)
        let began = Clock.monotonic()
        let patience = deferred.isEmpty ? timers.waitMilliseconds(now: began) : 0
        if patience != 0, eagerness > 0 {
            repeat {
                let count = epoll_wait(epoll, &events, capacity, 0)
                now = Clock.monotonic()
                if count != 0 {
                    eagerness = min(Self.greatestEagerness, eagerness + 1)
                    return count
                }
                sched_yield()
            } while now &- began < Self.shortWait
            eagerness -= 1
        }
        let count = epoll_wait(epoll, &events, capacity, patience)
        now = Clock.monotonic()
        if now &- began < Self.shortWait { eagerness = min(Self.greatestEagerness, eagerness + 1) }
        return count
    }

    private func dispatch(_ event: epoll_event) {
        let slot = Int(event.data.u64 & 0xFFFF_FFFF)
        guard slot < slots.count, slots[slot].generation == UInt32(event.data.u64 >> 32) else { return }
        var readiness: Readiness = []
        if event.events & EPOLLIN.rawValue != 0 { readiness.insert(.read) }
        if event.events & EPOLLOUT.rawValue != 0 { readiness.insert(.write) }
        if event.events & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLPRI.rawValue) != 0 {
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
