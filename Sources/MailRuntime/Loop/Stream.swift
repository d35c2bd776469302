// A connected socket on a loop: reads into the loop's buffer, keeps what could not be written, tells its owner.

import CLinux
import Glibc
import MailTLS

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
    /// The TLS handshake is over. What is received and written from now on is under TLS.
    func secured(_ stream: Stream, _ tls: TLSConnection)
    /// The client of a TLS handshake has named whom it wants: the owner has to present a certificate.
    func needsCertificate(_ stream: Stream, _ tls: TLSConnection)
    /// Something happened at the other end of a stream that is not being read: ``Stream/peerEnd`` says what.
    func hungUp(_ stream: Stream)
}

extension StreamOwner {
    package func hungUp(_ stream: Stream) {}
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
    /// Of a stream that is over: the peer's octets may be cut off, by a failure or by an end that TLS does not vouch for
    /// (RFC 8446 §6.1).
    var wasCutOff: Bool { !hasEnded || (tls.map { $0.state != .ended } ?? false) }
    package private(set) var isClosed = false
    /// Octets of the peer that were read.
    package private(set) var receivedOctets = 0
    private var tls: TLSConnection?
    private var isSecured = false
    private var askedForCertificate = false
    /// Something waits, or waited, for the end of the handshake.
    private var wroteEarly = false
    /// What the gauge of memory knows of our TLS.
    private var countedTLS = 0

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

    /// Puts TLS between the owner and the socket. Octets that came in clear must have been read, and nothing may wait to be
    /// written: neither side of the edge may see what belongs to the other.
    package func secure(_ connection: TLSConnection) {
        tls = connection
        countTLS()
        guard !connecting else { return }
        connection.start()
        settleTLS()
    }

    /// What the peer of a stream that is not being read has done.
    package enum PeerEnd: Equatable, Sendable {
        case none
        /// It sends no more; `isSilent` when it has sent nothing at all that was not read.
        case ended(isSilent: Bool)
        /// It is not there any more, in either direction.
        case gone
    }

    /// Looks at the other end without reading.
    package var peerEnd: PeerEnd {
        // The kernel tells a failure once, and a write was told.
        guard writeFailure == nil else { return .gone }
        switch mp_peer_end(descriptor) {
        case 0: return .none
        case 1:
            var octet: UInt8 = 0
            return .ended(isSilent: recv(descriptor, &octet, 1, Int32(MSG_PEEK)) == 0)
        default: return .gone
        }
    }

    /// Gives the descriptor back, of a stream on which nothing was read or written; nil when something was.
    func release() -> Int32? {
        guard receivedOctets == 0, !isClosed, out.isEmpty else { return nil }
        if let token { loop.remove(token, closed: false) }
        token = nil
        isClosed = true
        tls = nil
        countTLS()
        return descriptor
    }

    /// Octets that wait to be written.
    package var backlog: Int { out.count - outStart + (tls?.backlog ?? 0) }

    private var unsent: Int { out.count - outStart }

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
        if readiness.contains(.write), unsent > 0 { flush() }
        if isClosed { return }
        if readiness.contains(.hangUp) {
            hangUp = true
            if paused { owner.hungUp(self) }
            if isClosed { return }
        }
        if readiness.contains(.read) {
            readable = true
            if !paused { readSome() }
        }
    }

    /// The peer of a stream that is not being read has sent something.
    var hasUnread: Bool { readable || tls?.holdsBack == true }

    /// Stops or resumes reading.
    package func pause(_ stop: Bool) {
        guard paused != stop else { return }
        paused = stop
        if !stop, readable || tls?.holdsBack == true { takeTurn() }
    }

    private func takeTurn() {
        guard !turnPending else { return }
        turnPending = true
        loop.later { [self] in
            turnPending = false
            if !isClosed, !paused { resumeTLS() }
            if !isClosed, !paused, readable { readSome() }
        }
    }

    private func readSome() {
        for _ in 0..<Self.burst {
            guard !isClosed, !paused, !hasEnded else { return }
            let room = loop.room
            let count = recv(descriptor, loop.buffer.baseAddress, room, 0)
            if count > 0 {
                receivedOctets &+= count
                if count < room, !hangUp { readable = false }
                take(UnsafeRawBufferPointer(rebasing: loop.buffer[..<count]))
                // A short read emptied the socket; but an end that came with it gave one event for both.
                if count < room, !hangUp { return }
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

    // MARK: TLS

    private func take(_ bytes: UnsafeRawBufferPointer) {
        guard let tls else { return owner.received(bytes, on: self) }
        tls.receive(bytes, room: loop.plaintext) { give($0, tls) }
        settleTLS()
        countTLS()
    }

    private func resumeTLS() {
        guard let tls, tls.holdsBack else { return }
        tls.resume(room: loop.plaintext) { give($0, tls) }
        settleTLS()
        countTLS()
    }

    /// Gives plaintext to the owner. False when it wants no more for now.
    private func give(_ plaintext: UnsafeRawBufferPointer, _ tls: TLSConnection) -> Bool {
        tellSecured(tls)
        guard !isClosed else { return false }
        owner.received(plaintext, on: self)
        return !isClosed && !paused
    }

    private func tellSecured(_ tls: TLSConnection) {
        guard !isSecured else { return }
        isSecured = true
        owner.secured(self, tls)
    }

    /// Sends what TLS has to say and tells the owner what it has to know.
    private func settleTLS() {
        guard let tls, !isClosed else { return }
        sendOutput(of: tls)
        switch tls.state {
        case .handshake: break
        case .needsCertificate:
            guard !askedForCertificate else { return }
            askedForCertificate = true
            owner.needsCertificate(self, tls)
            // It may have been presented at once, and the handshake gone on.
            settleTLS()
            if tls.holdsBack, !paused { takeTurn() }
        case .open:
            tellSecured(tls)
            finishEarly(tls)
            if !isClosed, !paused, tls.holdsBack { takeTurn() }
        case .ended:
            tellSecured(tls)
            guard !isClosed, !hasEnded, !tls.holdsBack else { return }
            hasEnded = true
            owner.ended(self)
        case .failed(let failure): fail(SystemError(failure))
        }
    }

    /// Tells the gauge what waits in our TLS: half records and handshakes under way cost more than what they have brought.
    private func countTLS() {
        let waiting = isClosed ? 0 : tls?.waiting ?? 0
        guard waiting != countedTLS else { return }
        loop.memory?.add(waiting - countedTLS)
        countedTLS = waiting
    }

    /// What waited for the handshake is on its way.
    private func finishEarly(_ tls: TLSConnection) {
        guard wroteEarly, !isClosed else { return }
        wroteEarly = false
        if shutsDown, unsent == 0 { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
        owner.drained(self)
    }

    private func sendOutput(of tls: TLSConnection) {
        guard tls.hasOutput else { return }
        tls.takeOutput().withUnsafeBytes { writeOut($0) }
    }

    // MARK: Writing

    /// Writes now what the socket takes and keeps the rest.
    package func write(_ bytes: UnsafeRawBufferPointer) {
        guard let tls else { return writeOut(bytes) }
        guard !isClosed, writeFailure == nil, !bytes.isEmpty else { return }
        tls.write(bytes)
        if tls.backlog > 0 { wroteEarly = true }
        sendOutput(of: tls)
        if tls.backlog > 0 { countTLS() }
    }

    private func writeOut(_ bytes: UnsafeRawBufferPointer) {
        guard !isClosed, writeFailure == nil, !bytes.isEmpty else { return }
        var rest = bytes
        if unsent == 0, !connecting {
            let sent = mp_send(descriptor, rest.baseAddress, rest.count)
            if sent > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[sent...])
            } else if sent < 0, errno != EAGAIN, errno != EINTR, errno != ENOTCONN {
                return outputFailed(SystemError("write"))
            }
        }
        guard !rest.isEmpty else { return }
        out.append(contentsOf: rest)
        loop.memory?.add(rest.count)
        guard !watchesWrites else { return }
        watchesWrites = true
        if let token { loop.watchWrites(token) }
    }

    /// The same for an array.
    package func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

    private func flush() {
        let had = unsent
        while unsent > 0 {
            let sent = out.withUnsafeBytes { raw -> Int in
                mp_send(descriptor, raw.baseAddress.map { $0 + outStart }, raw.count - outStart)
            }
            if sent > 0 {
                outStart += sent
                loop.memory?.add(-sent)
            } else if errno == EAGAIN || errno == ENOTCONN {
                break
            } else if errno != EINTR {
                return outputFailed(SystemError("write"))
            }
        }
        if unsent == 0 {
            out = []
            outStart = 0
            if shutsDown, tls?.backlog ?? 0 == 0 { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
        } else if outStart > 1 << 20 {
            out.removeFirst(outStart)
            outStart = 0
        }
        if had > 0, unsent < had { owner.drained(self) }
    }

    /// Sends no more once all that was written has left.
    package func endOutput() {
        guard !shutsDown, !isClosed else { return }
        shutsDown = true
        if let tls {
            tls.endOutput()
            if tls.state == .handshake || tls.state == .needsCertificate { wroteEarly = true }
            sendOutput(of: tls)
        }
        if backlog == 0, !wroteEarly, !connecting { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Closes at once. With `reset` the peer sees a failure, not an end.
    package func close(reset: Bool = false) {
        guard !isClosed else { return }
        if !reset, !shutsDown, let tls {
            // The peer hears that this is the end, not a cut (RFC 8446 §6.1).
            tls.endOutput()
            if unsent == 0 { sendOutput(of: tls) }
        }
        isClosed = true
        if reset {
            var hard = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        }
        if let token { loop.remove(token, closed: true) }
        Glibc.close(descriptor)
        dropUnsent()
        countTLS()
    }

    private func dropUnsent() {
        if unsent > 0 { loop.memory?.add(-unsent) }
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
        dropUnsent()
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
