// Loops, streams and listeners over real sockets on loopback.

import Glibc
import MailRecording
import MailTLS
import Synchronization
import Testing

@testable import MailRuntime

/// Sends back what comes, and counts.
///
/// Unchecked: used on its loop's thread only.
private final class Echo: StreamOwner, @unchecked Sendable {
    var stream: Stream?
    let done: @Sendable () -> Void
    init(done: @escaping @Sendable () -> Void) { self.done = done }
    func connected(_ stream: Stream) {}
    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream) { stream.write(bytes) }
    func ended(_ stream: Stream) { stream.endOutput() }
    func drained(_ stream: Stream) {}
    func failed(_ stream: Stream, _ error: SystemError) { done() }
    func secured(_ stream: Stream, _ tls: TLSConnection) {}
    func needsCertificate(_ stream: Stream, _ tls: TLSConnection) {}
}

@Suite struct EventLoopTests {
    @Test func jobsFromOtherThreadsRunInOrder() throws {
        let loop = try EventLoop()
        loop.start()
        let seen = Mutex<[Int]>([])
        let done = Semaphore()
        for number in 0..<1000 { loop.post { seen.withLock { $0.append(number) } } }
        loop.post { done.signal() }
        done.wait()
        #expect(seen.withLock { $0 } == Array(0..<1000))
        loop.post { loop.stop() }
        loop.join()
    }

    @Test func aStreamCarriesMegabytesBothWaysAndEnds() throws {
        let loop = try EventLoop()
        let listener = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        let owner = Echo {}
        let acceptor = Acceptor(
            listener, on: loop,
            accepted: { descriptor, _ in
                let stream = Stream(descriptor, on: loop, owner: owner)
                owner.stream = stream
                try? stream.start()
            }, exhausted: { _ in })
        try acceptor.start()
        loop.start()

        let descriptor = try listener.address.connectSocket()
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        #expect(poll(&wanted, 1, 60_000) == 1)
        let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var offset = 0
        var received: [UInt8] = []
        var ended = false
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !ended {
            var state = pollfd(
                fd: descriptor, events: Int16(POLLIN) | (offset < sent.count ? Int16(POLLOUT) : 0), revents: 0)
            #expect(poll(&state, 1, 60_000) == 1)
            if state.revents & Int16(POLLOUT) != 0, offset < sent.count {
                let count = sent.withUnsafeBytes {
                    write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
                }
                offset += max(0, count)
                if offset == sent.count { shutdown(descriptor, Int32(SHUT_WR)) }
            }
            if state.revents & Int16(POLLIN) != 0 {
                let count = read(descriptor, &buffer, buffer.count)
                if count == 0 { ended = true } else if count > 0 { received += buffer[..<count] }
            }
            if state.revents == 0 { break }
        }
        #expect(received == sent)
        close(descriptor)
        loop.post {
            owner.stream?.close()
            loop.stop()
        }
        loop.join()
        listener.closeDescriptor()
    }

    @Test func aTimerMaySetAndCancelTimers() throws {
        let loop = try EventLoop()
        loop.start()
        let done = Semaphore()
        loop.post {
            let never = loop.schedule(after: .infinity) {}
            loop.schedule(after: 0) {
                loop.cancel(never)
                loop.schedule(after: -1) { done.signal() }
            }
        }
        done.wait()
        loop.post { loop.stop() }
        loop.join()
    }

    @Test func aTakenPortIsNamed() throws {
        let listener = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        defer { listener.closeDescriptor() }
        do {
            _ = try Listener(listener.address)
            Issue.record("the port is taken")
        } catch {
            #expect(error.description == "cannot listen on \(listener.address): Address already in use")
        }
    }

    @Test func workersRunAllJobs() {
        let pool = WorkerPool(threads: 4)
        let done = Semaphore()
        let sum = Atomic<Int>(0)
        for number in 1...5000 {
            pool.submit {
                if sum.add(number, ordering: .relaxed).newValue == 5000 * 5001 / 2 { done.signal() }
            }
        }
        done.wait()
        pool.stop()
        #expect(sum.load(ordering: .relaxed) == 12_502_500)
    }
}
