// The queue of commands that await their replies.

import Testing

@testable import MailDialogue

@Suite struct FifoTests {
    @Test func firstInFirstOut() {
        var fifo = Fifo<Int>()
        #expect(fifo.isEmpty)
        #expect(fifo.popFirst() == nil)
        var expected: [Int] = []
        // Mixed so that the space of removed elements is used again on the way.
        for round in 0..<500 {
            fifo.append(round)
            expected.append(round)
            if round % 3 != 0 {
                #expect(fifo.popFirst() == expected.removeFirst())
            }
            #expect(fifo.count == expected.count)
            #expect(fifo.first == expected.first)
            #expect(fifo.last == expected.last)
            #expect(Array(fifo.elements) == expected)
        }
        while let item = fifo.popFirst() { #expect(item == expected.removeFirst()) }
        #expect(expected.isEmpty)
    }

    /// However many there were, and however they went.
    @Test func manyLeaveNoRoomBehind() {
        for count in 1...700 {
            var fifo = Fifo<Int>()
            for item in 0..<count { fifo.append(item) }
            #expect((fifo.footprint == 0) == (count <= 32) || count < 64)
            while fifo.popFirst() != nil {}
            #expect(fifo.footprint == 0, "\(count)")
        }
    }

    @Test func removesWhatFits() {
        var fifo = Fifo<Int>()
        for item in [1, 2, 3, 2] { fifo.append(item) }
        #expect(fifo.remove { $0 == 2 } == 2)
        #expect(Array(fifo.elements) == [1, 3, 2])
        #expect(fifo.remove { $0 == 1 } == 1)
        #expect(fifo.remove { $0 == 9 } == nil)
        #expect(fifo.first { $0 > 2 } == 3)
        fifo.removeAll()
        #expect(fifo.isEmpty && fifo.first == nil && fifo.last == nil)
    }

    @Test("A queue that was long gives its room back before it is empty")
    func room() {
        var fifo = Fifo<Int>()
        for item in 0..<10_000 { fifo.append(item) }
        #expect(fifo.footprint >= 80_000)
        for left in stride(from: 9_999, through: 1, by: -1) {
            fifo.dropFirst()
            #expect(fifo.count == left && fifo.first == 10_000 - left)
            #expect(fifo.footprint <= max(4 * 8 * left, 64 * 8))
        }
        #expect(fifo.footprint == 0)
        fifo.append(10_000)
        #expect(Array(fifo.elements) == [9_999, 10_000])
    }

    @Test func whatWasRemovedDoesNotCountForEquality() {
        var a = Fifo<Int>()
        var b = Fifo<Int>()
        for item in [1, 2, 3] { a.append(item) }
        a.popFirst()
        for item in [2, 3] { b.append(item) }
        #expect(a == b)
        a.first = 7
        #expect(a != b)
        a.popFirst()
        a.last = 4
        #expect(Array(a.elements) == [4])
    }
}
