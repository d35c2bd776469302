// The other end of a connection in tests: a blocking socket that never waits for longer than its patience.

import CLinux
import Glibc
import MailRecording
import MailRules
import MailSessions

@testable import MailRuntime

/// A client or a server made of plain socket calls.
final class Peer: Sendable {
    private let descriptor: Int32

    /// Connects.
    init(to address: SocketAddress) throws {
        descriptor = try address.connectSocket()
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&wanted, 1, 60_000)
        settle()
    }

    /// Takes the next connection of a listener.
    init?(from listener: Listener) {
        var wanted = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
        poll(&wanted, 1, 60_000)
        descriptor = accept(listener.descriptor, nil, nil)
        guard descriptor >= 0 else { return nil }
        settle()
    }

    private func settle() {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    }

    deinit { Glibc.close(descriptor) }

    /// Sends all, or as much as the other end takes.
    @discardableResult
    func send(_ octets: [UInt8], urgent: Bool = false) -> Bool {
        var sent = 0
        while sent < octets.count {
            let count = octets[sent...].withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | (urgent ? Int32(MSG_OOB) : 0))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Octets up to and including `mark`, or all there are.
    func read(to mark: String) -> String {
        var octets: [UInt8] = []
        var one: UInt8 = 0
        while !octets.ends(with: mark), Glibc.read(descriptor, &one, 1) == 1 { octets.append(one) }
        return String(decoding: octets, as: UTF8.self)
    }

    /// Octets up to the end, and the error that was the end; 0 for an orderly one.
    func readAll() -> (octets: [UInt8], error: Int32) {
        var octets: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return (octets, 0) }
            if count < 0 { return (octets, errno) }
            octets += buffer[..<count]
        }
    }

    /// Waits until the other end's kernel has all that was sent.
    func hasSentAll() -> Bool {
        for _ in 0..<12_000 {
            if mp_unsent(descriptor) == 0 { return true }
            poll(nil, 0, 5)
        }
        return false
    }

    /// Nothing comes for so many milliseconds, neither octets nor the end.
    func hearsNothing(for milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&wanted, 1, milliseconds) == 0
    }

    /// Sends no more.
    func end() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next close is a reset.
    func reset() {
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        // The descriptor itself is closed later; connecting it to nothing resets the connection now.
        var nothing = sockaddr(sa_family: sa_family_t(AF_UNSPEC), sa_data: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        connect(descriptor, &nothing, socklen_t(MemoryLayout<sockaddr>.size))
    }
}

extension [UInt8] {
    fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}

extension ServerCore {
    /// One that records nothing, keeps no mail, has no rules and logs nothing.
    static func bare(
        security: [String: RouteSecurity] = [:], times: RuntimeTimes = RuntimeTimes()
    ) -> ServerCore {
        ServerCore(
            recorder: nil, store: nil, settings: ServerSettings(), rules: RuleSet(), workers: 1,
            log: RuntimeLog { _, _, _ in }, security: security, times: times)
    }
}

extension MailServer {
    /// One that serves a route with such a core, and runs.
    static func started(
        _ route: Route, security: RouteSecurity? = nil, times: RuntimeTimes = RuntimeTimes()
    ) throws -> MailServer {
        let core = ServerCore.bare(security: security.map { [route.key: $0] } ?? [:], times: times)
        let server = try MailServer(core, routes: [route], loops: 1)
        server.start()
        return server
    }
}
