// What systemd is told when it started us (sd_notify(3)): ready, reloading, stopping. A datagram to the socket that it named in
// NOTIFY_SOCKET; without that variable nothing is said.

import CLinux
import Glibc
import MailRuntime

/// The manager that started us, if any did.
struct ServiceManager {
    private let descriptor: Int32
    private let log: Log

    init(_ log: Log) {
        self.log = log
        guard let path = Defaults.environment("NOTIFY_SOCKET") else {
            descriptor = -1
            return
        }
        descriptor = Self.connect(path) ?? -1
        if descriptor < 0 {
            log.warning("the service manager's socket \(path) cannot be used: \(String(cString: strerror(errno)))")
        }
    }

    /// All listeners listen, or what was to be read again was read.
    func ready(_ status: String) { tell("READY=1\nSTATUS=\(status)\nMAINPID=\(getpid())") }

    /// Files are read again. The time is asked for by managers that wait for the end of it (Type=notify-reload).
    func reloading() { tell("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonic())") }

    func stopping(_ status: String) { tell("STOPPING=1\nSTATUS=\(status)") }

    private func tell(_ state: String) {
        guard descriptor >= 0 else { return }
        let octets = Array(state.utf8)
        let sent = octets.withUnsafeBytes { mp_send(descriptor, $0.baseAddress, $0.count) }
        if sent < 0 { log.warning("the service manager cannot be told: \(String(cString: strerror(errno)))") }
    }

    /// A path, or a name in the abstract space when it begins with "@".
    private static func connect(_ path: String) -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard name.first == UInt8(ascii: "/") || name.first == UInt8(ascii: "@"), name.count < room else { return nil }
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + name.count } ?? 0
        let descriptor = mp_datagram_socket()
        guard descriptor >= 0 else { return nil }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(length))
            }
        }
        guard connected == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
