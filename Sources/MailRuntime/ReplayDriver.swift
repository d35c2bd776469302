// Plays a recorded session over a socket: carries octets and time for `ReplayPlayer`. One session at a time, on the caller's
// thread: a replay is bound by the server's answers, not by us.

import CLinux
import Glibc
import MailRecording
import Replay

/// Connects and plays.
package struct ReplayDriver {
    private let addresses: [SocketAddress]
    /// Milliseconds without an octet after which a session is given up.
    private let patience: Int32
    /// Microseconds after which a session is given up, however steadily its octets trickle.
    private let deadline: Int64

    /// - Parameters:
    ///   - timeout: seconds without an octet.
    ///   - deadline: seconds for a whole session.
    package init(to addresses: [SocketAddress], timeout: Int, deadline: Int) {
        self.addresses = addresses
        patience = Int32(clamping: timeout &* 1000)
        self.deadline = Int64(deadline) &* 1_000_000
    }

    /// Plays `script` to its end. The error says why there was no connection.
    package func play(_ script: ReplayScript, credentials: ReplayCredentials) throws(SystemError) -> (
        result: ReplayResult, microseconds: Int64
    ) {
        let start = Clock.monotonic()
        let descriptor = try connect()
        defer { close(descriptor) }
        var player = ReplayPlayer(script, credentials: credentials)
        var out: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !player.isFinished {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN) | (out.isEmpty ? 0 : Int16(POLLOUT)), revents: 0)
            let left = deadline &- (Clock.monotonic() &- start)
            let ready = left > 0 ? poll(&wanted, 1, min(patience, Int32(clamping: left / 1000 &+ 1))) : 0
            var effects: [ReplayPlayer.Effect] = []
            if ready == 0 {
                player.handle(.timedOut, &effects)
            } else if ready < 0 {
                if errno == EINTR { continue }
                player.handle(.ended, &effects)
            } else {
                if wanted.revents & Int16(POLLOUT) != 0, !out.isEmpty {
                    let sent = mp_send(descriptor, out, out.count)
                    if sent > 0 {
                        out.removeFirst(sent)
                    } else if errno != EAGAIN, errno != EINTR {
                        // What the server said before it went is still to be read.
                        out = []
                    }
                }
                if wanted.revents & ~Int16(POLLOUT) != 0 {
                    let count = read(descriptor, &buffer, buffer.count)
                    if count > 0 {
                        player.handle(.received(Array(buffer[..<count])), &effects)
                    } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                        player.handle(.ended, &effects)
                    }
                }
            }
            for effect in effects {
                switch effect {
                case .send(let octets): out += octets
                case .finished: break
                }
            }
        }
        return (player.result, Clock.monotonic() &- start)
    }

    /// The first address that answers.
    private func connect() throws(SystemError) -> Int32 {
        var last = SystemError("connect", code: EADDRNOTAVAIL)
        for address in addresses {
            do throws(SystemError) {
                let descriptor = try address.connectSocket()
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                let ready = poll(&wanted, 1, patience)
                var code: Int32 = 0
                var length = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
                if ready > 0, code == 0 { return descriptor }
                close(descriptor)
                last = SystemError("connect", code: ready > 0 ? code : ETIMEDOUT)
            } catch {
                last = error
            }
        }
        throw last
    }
}
