// Names of clients: one that has slow ones keeps itself waiting, and nobody else.

import MailRecording
import Synchronization
import Testing

@testable import MailRuntime

@Suite struct NameDeskTests {
    private static let slow = IPAddress(v4: 0xC000_0201)
    private static let other = IPAddress(v4: 0xC000_0202)

    @Test func slowNamesKeepNobodyElseWaiting() {
        let desk = NameDesk(threads: 4, atOnce: 2, mostWaiting: 10)
        defer { desk.stop() }
        let (begun, gate, done) = (Semaphore(), Semaphore(), Semaphore())
        let order = Mutex<[Int]>([])
        let most = Mutex((now: 0, most: 0))
        for number in 0..<12 {
            let isTaken = desk.submit(for: Self.slow) {
                most.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                begun.signal()
                gate.wait()
                most.withLock { $0.now -= 1 }
                order.withLock { $0.append(number) }
                done.signal()
            }
            #expect(isTaken)
        }
        // Two run, ten wait, and there is no place for more.
        let isTaken = desk.submit(for: Self.slow) { done.signal() }
        #expect(!isTaken)
        for _ in 0..<2 { begun.wait() }
        for _ in 0..<20 {
            #expect(desk.submit(for: Self.other) { done.signal() })
            done.wait()
        }
        #expect(order.withLock { $0 } == [])
        for _ in 0..<12 { gate.signal() }
        for _ in 0..<12 { done.wait() }
        #expect(Set(order.withLock { $0 }) == Set(0..<12))
        #expect(most.withLock { $0.most } == 2)
    }

    /// Nothing is kept of addresses that have nothing to ask.
    @Test func nobodyIsRemembered() {
        let desk = NameDesk(threads: 2, atOnce: 1)
        defer { desk.stop() }
        let done = Semaphore()
        for number in 0..<100 { #expect(desk.submit(for: IPAddress(v4: UInt32(number))) { done.signal() }) }
        for _ in 0..<100 { done.wait() }
        // The last one to end says so behind its job.
        var left = desk.count
        while left > 0 { left = desk.count }
        #expect(left == 0)
    }
}
