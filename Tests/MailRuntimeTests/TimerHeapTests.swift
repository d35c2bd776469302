// Timers run in the order of their deadlines, once, and not after they were cancelled.

import Testing

@testable import MailRuntime

extension TimerHeap {
    fileprivate mutating func run(now: Int64) {
        while let job = takeDue(now: now) { job() }
    }
}

@Suite struct TimerHeapTests {
    @Test func orderAndCancel() {
        var heap = TimerHeap()
        var ran: [Int] = []
        var ids: [TimerHeap.ID] = []
        let deadlines: [Int64] = [50, 10, 40, 20, 30, 10]
        for (index, deadline) in deadlines.enumerated() {
            ids.append(heap.add(deadline: deadline) { ran.append(index) })
        }
        heap.cancel(ids[3])
        #expect(heap.waitMilliseconds(now: 0) == 1)
        heap.run(now: 9)
        #expect(ran.isEmpty)
        heap.run(now: 30)
        #expect(ran.prefix(2).sorted() == [1, 5])
        #expect(ran.dropFirst(2) == [4])
        heap.run(now: 1000)
        #expect(Array(ran.suffix(2)) == [2, 0])
        #expect(heap.waitMilliseconds(now: 1000) == -1)
    }

    @Test func manyCancelledTimersAreSweptOut() {
        var heap = TimerHeap()
        var ran = 0
        for deadline in 0..<10_000 {
            let id = heap.add(deadline: Int64(deadline)) { ran += 1 }
            if deadline % 100 != 0 { heap.cancel(id) }
        }
        heap.run(now: 10_000)
        #expect(ran == 100)
    }
}
