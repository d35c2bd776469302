// Listening sockets. One descriptor is shared by all loops; each connection wakes one of them.

import CLinux
import Glibc
import MailRecording

/// A bound and listening socket.
package final class Listener: Sendable {
    package let descriptor: Int32
    /// Where it listens; the port is the real one when 0 was asked for. What stands for it where there are no addresses.
    package let address: SocketAddress
    /// The path, when it is one of the file system.
    package let path: String?
    /// The socket file that we made and remove again.
    private let file: LocalSocket.File?

    /// Binds. The error names the address.
    package init(_ wanted: SocketAddress) throws(SystemError) {
        let family = wanted.address.isIPv6 ? AF_INET6 : AF_INET
        let descriptor = mp_tcp_socket(family)
        guard descriptor >= 0 else { throw SystemError("cannot listen on \(wanted)") }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        // Accepted sockets inherit it on Linux: a call less for each connection.
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        // So is this: a peer whose host is gone says nothing, and its session would stay for ever.
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, size)
        if family == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, size) }
        let bound = wanted.withSockAddr { bind(descriptor, $0, $1) }
        guard bound == 0, listen(descriptor, 4096) == 0 else {
            let error = SystemError("cannot listen on \(wanted)")
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        address = SocketAddress.local(of: descriptor) ?? wanted
        path = nil
        file = nil
    }

    /// Binds to a path. The error names it.
    /// - Parameters:
    ///   - mode: the permissions of the file.
    ///   - address: what stands for the address.
    package init(path: String, mode: UInt32, address: SocketAddress) throws(SystemError) {
        let made = try LocalSocket.listen(on: path, mode: mode)
        descriptor = made.descriptor
        file = made.file
        self.address = address
        self.path = path
    }

    /// Takes over a socket that listens already.
    /// - Parameter address: what stands for the address when the socket has none.
    package init(inherited descriptor: Int32, address: SocketAddress) {
        self.descriptor = descriptor
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        path = LocalSocket.path(of: descriptor)
        file = nil
        self.address = SocketAddress.local(of: descriptor) ?? address
        guard path == nil else { return }
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, size)
    }

    /// Where it listens, in words.
    package var text: String { path.map { "unix:\($0)" } ?? address.description }

    /// Gives the socket file to a user, whose processes then may connect and remove it.
    package func own(by user: uid_t, group: gid_t) throws(SystemError) {
        try file?.give(to: user, group)
    }

    /// Gives the socket file other permissions. Nothing where there is none of ours.
    package func permit(_ mode: UInt32) throws(SystemError) { try file?.permit(mode) }

    /// Closes the socket, and removes its file when it still is ours. No loop may watch it any more.
    package func closeDescriptor() {
        if let file { file.remove() }
        close(descriptor)
    }
}

/// The part of a listener that lives on one loop.
final class Acceptor: Source {
    /// Connections taken in one turn at most.
    private static let burst = 16
    /// How long to wait when descriptors have run out.
    private static let exhaustedPause = 0.1
    /// Microseconds between two complaints about it.
    private static let complaintPause: Int64 = 10_000_000

    private let listener: Listener
    private let loop: EventLoop
    private let accepted: (Int32, SocketAddress) -> Void
    private let exhausted: (SystemError) -> Void
    private var token: EventLoop.Token?
    private var stopped = false
    private var complained: Int64?
    /// Connections taken in this turn: as many as the last one found, and twice that while there are more. A single one then
    /// costs no second call that finds nothing.
    private var expected = 1

    init(
        _ listener: Listener, on loop: EventLoop, accepted: @escaping (Int32, SocketAddress) -> Void,
        exhausted: @escaping (SystemError) -> Void
    ) {
        self.listener = listener
        self.loop = loop
        self.accepted = accepted
        self.exhausted = exhausted
    }

    func start() throws(SystemError) { token = try loop.addListener(listener.descriptor, self) }

    func stop() {
        stopped = true
        unwatch()
    }

    private func unwatch() {
        if let token { loop.remove(token, closed: false) }
        token = nil
    }

    /// Waits until descriptors may be free again; the socket stays readable, and without a pause the loop would spin.
    private func rest() {
        unwatch()
        loop.schedule(after: Self.exhaustedPause) { [weak self] in
            guard let self, !self.stopped else { return }
            do { try self.start() } catch { self.rest() }
        }
    }

    func ready(_ readiness: Readiness) {
        for taken in 0..<expected {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let descriptor = withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    mp_accept(listener.descriptor, $0, &length)
                }
            }
            guard descriptor >= 0 else {
                let code = errno
                expected = max(1, taken)
                if code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM {
                    let now = Clock.monotonic()
                    if complained.map({ now &- $0 >= Self.complaintPause }) ?? true {
                        complained = now
                        exhausted(SystemError("accept", code: code))
                    }
                    rest()
                }
                return
            }
            accepted(descriptor, SocketAddress(storage) ?? listener.address)
        }
        // The socket is level-triggered: what was not taken is told again.
        expected = min(expected * 2, Self.burst)
    }
}
