// A connection of which only the first octets are looked at: they stay in the socket until they are known to be ours to take, so
// that whoever gets the connection finds it as if nobody had been there.

import CLinux
import Glibc
import MailRecording

/// Who waits for a watched connection. Called on the loop's thread.
protocol WatchOwner: AnyObject {
    func ready(_ watch: Watch)
}

/// A socket on a loop that somebody looks at.
final class Watch: Source {
    /// What is there to be read.
    enum Sight: Equatable {
        case octets([UInt8])
        /// The peer sends no more than these.
        case last([UInt8])
        case failed
    }

    let descriptor: Int32
    private let loop: EventLoop
    weak var owner: (any WatchOwner)?
    private var token: EventLoop.Token?
    private var hangUp = false

    init(_ descriptor: Int32, on loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    /// Begins to watch.
    func start(writes: Bool = false) throws(SystemError) { token = try loop.add(descriptor, self, writes: writes) }

    func ready(_ readiness: Readiness) {
        if readiness.contains(.hangUp) { hangUp = true }
        owner?.ready(self)
    }

    /// At least so many octets have come, or no more will.
    func has(_ count: Int) -> Bool { hangUp || mp_unread(descriptor) >= count }

    /// The first `limit` octets that came and were not taken.
    func look(_ limit: Int) -> Sight {
        while true {
            let count = recv(descriptor, loop.buffer.baseAddress, min(limit, loop.buffer.count), Int32(MSG_PEEK))
            if count > 0 {
                let octets = [UInt8](loop.buffer[..<count])
                // An end behind octets does not show while they are there.
                return hangUp && count < limit ? .last(octets) : .octets(octets)
            }
            if count == 0 { return .last([]) }
            if errno == EAGAIN { return .octets([]) }
            if errno != EINTR { return .failed }
        }
    }

    /// Takes octets that were seen.
    func take(_ count: Int) {
        var left = count
        while left > 0 {
            let got = recv(descriptor, loop.buffer.baseAddress, min(left, loop.buffer.count), 0)
            guard got > 0 else { return }
            left -= got
        }
    }

    /// Sends a few octets, for which a new connection has room. False when it has failed.
    func send(_ octets: [UInt8]) -> Bool {
        octets.withUnsafeBytes { mp_send(descriptor, $0.baseAddress, $0.count) } == octets.count
    }

    /// What became of the attempt to connect; nil while it lasts.
    var connection: Result<Void, SystemError>? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        if code != 0 { return .failure(SystemError("connect", code: code)) }
        var storage = sockaddr_storage()
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let stands = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) == 0 }
        }
        return stands ? .success(()) : nil
    }

    /// Sends no more.
    func endOutput() { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends the watch and gives the socket away.
    func release() -> Int32 {
        if let token { loop.remove(token, closed: false) }
        token = nil
        return descriptor
    }

    func close() {
        if let token { loop.remove(token, closed: true) }
        token = nil
        Glibc.close(descriptor)
    }
}
