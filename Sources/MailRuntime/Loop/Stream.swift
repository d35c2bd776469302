// A connected socket on a loop: reads into the loop's buffer, keeps what could not be written, tells its owner.

import CLinux
import Glibc

/// Who uses a stream. Called on the loop's thread.
package protocol StreamOwner: AnyObject {
    /// The connection to the peer stands.
    func connected(_ stream: Stream)
    /// Octets came; they are valid during the call only.
    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream)
    /// The peer sends no more.
    func ended(_ stream: Stream)
    /// What was kept is now below the low-water mark.
    func drained(_ stream: Stream)
    /// The connection failed; the stream is closed.
    func failed(_ stream: Stream, _ error: SystemError)
}

/// A connected socket.
package final class Stream: Source {
    /// Reads of one event before others get their turn.
    private static let burst = 4

    package let loop: EventLoop
    private let descriptor: Int32
    private var token: EventLoop.Token?
    private unowned var owner: any StreamOwner
    private var out: [UInt8] = []
    private var outStart = 0
    private var connecting: Bool
    private var readable = false
    private var paused = false
    private var shutsDown = false
    private var turnPending = false
    private var watchesWrites: Bool
    /// A short read proves nothing any more, since the peer closed or sent urgent data (at whose mark reads stop): reading
    /// goes on until the kernel has nothing left.
    private var hangUp = false
    /// Writing failed. What the peer had sent before is read to its end, then the owner is told.
    private var writeFailure: SystemError?
    package private(set) var hasEnded = false
    package private(set) var isClosed = false
    /// Octets of the peer that were read.
    package private(set) var receivedOctets = 0

    /// Takes over a non-blocking descriptor.
    package init(_ descriptor: Int32, on loop: EventLoop, owner: any StreamOwner, connecting: Bool = false) {
        self.descriptor = descriptor
        self.loop = loop
        self.owner = owner
        self.connecting = connecting
        watchesWrites = connecting
    }

    /// Begins to watch. Nothing is read before. A second call does nothing. When it throws, the stream is closed.
    package func start() throws(SystemError) {
        guard token == nil, !isClosed else { return }
        do throws(SystemError) {
            token = try loop.add(descriptor, self, writes: watchesWrites)
        } catch {
            close()
            throw error
        }
    }

    /// Octets that wait to be written.
    package var backlog: Int { out.count - outStart }

    /// Octets that were written and have not reached the peer's host.
    package var undelivered: Int {
        isClosed || writeFailure != nil ? 0 : backlog + Int(max(0, mp_unsent(descriptor)))
    }

    package func ready(_ readiness: Readiness) {
        guard !isClosed else { return }
        if connecting {
            guard readiness.contains(.write) || readiness.contains(.hangUp) else { return }
            if readiness.contains(.hangUp) {
                var code: Int32 = 0
                var length = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
                guard code == 0 else { return fail(SystemError("connect", code: code)) }
            }
            connecting = false
            owner.connected(self)
            if isClosed { return }
        }
        if readiness.contains(.write), backlog > 0 { flush() }
        if isClosed { return }
        if readiness.contains(.hangUp) { hangUp = true }
        if readiness.contains(.read) {
            readable = true
            if !paused { readSome() }
        }
    }

    /// Stops or resumes reading.
    package func pause(_ stop: Bool) {
        guard paused != stop else { return }
        paused = stop
        if !stop, readable { takeTurn() }
    }

    private func takeTurn() {
        guard !turnPending else { return }
        turnPending = true
        loop.later { [self] in
            turnPending = false
            if !isClosed, !paused, readable { readSome() }
        }
    }

    private func readSome() {
        for _ in 0..<Self.burst {
            guard !isClosed, !paused, !hasEnded else { return }
            let count = recv(descriptor, loop.buffer.baseAddress, loop.buffer.count, 0)
            if count > 0 {
                receivedOctets &+= count
                if count < loop.buffer.count, !hangUp { readable = false }
                owner.received(UnsafeRawBufferPointer(rebasing: loop.buffer[..<count]), on: self)
                // A short read emptied the socket; but an end that came with it gave one event for both.
                if count < loop.buffer.count, !hangUp { return }
            } else if count == 0 {
                readable = false
                if let writeFailure { return fail(writeFailure) }
                hasEnded = true
                owner.ended(self)
                return
            } else if errno == EAGAIN {
                readable = false
                if let writeFailure { return fail(writeFailure) }
                return
            } else if errno != EINTR {
                return fail(SystemError("read"))
            }
        }
        if readable { takeTurn() }
    }

    /// Writes now what the socket takes and keeps the rest.
    package func write(_ bytes: UnsafeRawBufferPointer) {
        guard !isClosed, writeFailure == nil, !bytes.isEmpty else { return }
        var rest = bytes
        if backlog == 0, !connecting {
            let sent = send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if sent > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[sent...])
            } else if sent < 0, errno != EAGAIN, errno != EINTR, errno != ENOTCONN {
                return outputFailed(SystemError("write"))
            }
        }
        guard !rest.isEmpty else { return }
        out.append(contentsOf: rest)
        guard !watchesWrites else { return }
        watchesWrites = true
        if let token { loop.watchWrites(token) }
    }

    /// The same for an array.
    package func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

    private func flush() {
        let had = backlog
        while backlog > 0 {
            let sent = out.withUnsafeBytes { raw -> Int in
                send(descriptor, raw.baseAddress.map { $0 + outStart }, raw.count - outStart, Int32(MSG_NOSIGNAL))
            }
            if sent > 0 {
                outStart += sent
            } else if errno == EAGAIN || errno == ENOTCONN {
                break
            } else if errno != EINTR {
                return outputFailed(SystemError("write"))
            }
        }
        if backlog == 0 {
            out = []
            outStart = 0
            if shutsDown { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
        } else if outStart > 1 << 20 {
            out.removeFirst(outStart)
            outStart = 0
        }
        if had > 0, backlog < had { owner.drained(self) }
    }

    /// Sends no more once all that was written has left.
    package func endOutput() {
        guard !shutsDown, !isClosed else { return }
        shutsDown = true
        if backlog == 0, !connecting { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Closes at once. With `reset` the peer sees a failure, not an end.
    package func close(reset: Bool = false) {
        guard !isClosed else { return }
        isClosed = true
        if reset {
            var hard = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        }
        if let token { loop.remove(token, closed: true) }
        Glibc.close(descriptor)
        out = []
        outStart = 0
    }

    private func fail(_ error: SystemError) {
        guard !isClosed else { return }
        close()
        owner.failed(self, error)
    }

    /// The peer takes nothing more. What it said before is still in the kernel and is read before the owner hears of it,
    /// after the owner's turn, so that it is not re-entered.
    private func outputFailed(_ error: SystemError) {
        writeFailure = error
        out = []
        outStart = 0
        hangUp = true
        readable = true
        if hasEnded { return loop.later { [self] in fail(error) } }
        takeTurn()
        // Who waits for room need not wait any more.
        loop.later { [self] in
            if !isClosed { owner.drained(self) }
        }
    }
}
