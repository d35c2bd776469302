// Timers of a loop: a binary heap by deadline. Cancelled entries stay until their time and are then dropped.

/// Jobs that wait for their time.
package struct TimerHeap {
    /// Names a timer.
    package struct ID: Hashable, Sendable { fileprivate let number: UInt64 }

    private struct Entry {
        var deadline: Int64
        var number: UInt64
    }

    private var heap: [Entry] = []
    private var jobs: [UInt64: () -> Void] = [:]
    private var next: UInt64 = 0

    mutating func add(deadline: Int64, _ job: @escaping () -> Void) -> ID {
        next &+= 1
        jobs[next] = job
        heap.append(Entry(deadline: deadline, number: next))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { break }
            heap.swapAt(child, parent)
            child = parent
        }
        return ID(number: next)
    }

    mutating func cancel(_ id: ID) {
        jobs[id.number] = nil
        // Cancelled entries outnumber the live ones only after a burst: then they are swept out.
        if heap.count > 64, heap.count > jobs.count * 4 {
            let live = heap.filter { jobs[$0.number] != nil }.sorted { $0.deadline < $1.deadline }
            heap = live
        }
    }

    /// For epoll_wait: -1 when nothing waits.
    mutating func waitMilliseconds(now: Int64) -> Int32 {
        while let top = heap.first, jobs[top.number] == nil { _ = pop() }
        guard let top = heap.first else { return -1 }
        return Int32(clamping: max(0, (top.deadline &- now + 999) / 1000))
    }

    /// The next job that is due, taken out; nil when none is. The caller runs it: a job adds and cancels timers, which must
    /// not happen while the heap is being changed.
    mutating func takeDue(now: Int64) -> (() -> Void)? {
        while let top = heap.first, top.deadline <= now || jobs[top.number] == nil {
            _ = pop()
            if let job = jobs.removeValue(forKey: top.number) { return job }
        }
        return nil
    }

    private mutating func pop() -> Entry? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if heap[child].deadline < heap[least].deadline { least = child }
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return top
    }
}
