// Sockets of the file system, as listeners and as upstreams, and sockets that somebody else has opened for us.

import CLinux
import Glibc
import MailRecording

/// Unix sockets by their paths.
enum LocalSocket {
    /// A socket file that we made.
    struct File: Sendable {
        fileprivate let path: String
        fileprivate let device: dev_t
        fileprivate let number: ino_t

        /// Gives it to a user, and nothing else that somebody may have put in its place.
        func give(to user: uid_t, _ group: gid_t) throws(SystemError) {
            guard mp_give_socket(path, device, number, user, group) != 0 else { return }
            throw SystemError("cannot give \(path) to another user")
        }

        /// Gives it other permissions, and nothing else that somebody may have put in its place.
        func permit(_ mode: UInt32) throws(SystemError) {
            guard mp_permit_socket(path, device, number, mode) != 0 else { return }
            throw SystemError("cannot change the permissions of \(path)")
        }

        /// Removes it, unless somebody has put another in its place.
        func remove() {
            var found = stat()
            guard lstat(path, &found) == 0, found.st_dev == device, found.st_ino == number else { return }
            unlink(path)
        }
    }

    /// Both paths lead to the same file.
    static func isSame(_ path: String, _ other: String) -> Bool {
        var (one, two) = (stat(), stat())
        guard stat(path, &one) == 0, stat(other, &two) == 0 else { return false }
        return one.st_dev == two.st_dev && one.st_ino == two.st_ino
    }

    private static func withAddress<R>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R? {
        var form = sockaddr_un()
        form.sun_family = sa_family_t(AF_UNIX)
        let octets = Array(path.utf8)
        guard octets.count < MemoryLayout.size(ofValue: form.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &form.sun_path) { $0.copyBytes(from: octets) }
        return withUnsafePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// Binds to a path and listens there. A socket file at which nobody listens any more is removed first; whatever else is there
    /// stays.
    static func listen(on path: String, mode: UInt32) throws(SystemError) -> (descriptor: Int32, file: File) {
        let descriptor = mp_tcp_socket(AF_UNIX)
        guard descriptor >= 0 else { throw SystemError("cannot listen on unix:\(path)") }
        do throws(SystemError) {
            try bind(descriptor, path, mode)
            var made = stat()
            guard lstat(path, &made) == 0, Glibc.listen(descriptor, 4096) == 0 else {
                throw SystemError("cannot listen on unix:\(path)")
            }
            return (descriptor, File(path: path, device: made.st_dev, number: made.st_ino))
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func bind(_ descriptor: Int32, _ path: String, _ mode: UInt32) throws(SystemError) {
        // The file has its permissions from the first moment on: nobody slips in before they are set.
        func attempt() -> Bool {
            let before = umask(~mode & 0o777)
            defer { umask(before) }
            return withAddress(path) { Glibc.bind(descriptor, $0, $1) } == 0
        }
        if attempt() { return }
        let error = SystemError("cannot listen on unix:\(path)")
        guard error.code == EADDRINUSE, try isStale(path) else { throw error }
        unlink(path)
        guard attempt() else { throw SystemError("cannot listen on unix:\(path)") }
    }

    /// It is a socket, and nobody listens there.
    private static func isStale(_ path: String) throws(SystemError) -> Bool {
        var found = stat()
        guard lstat(path, &found) == 0 else { return false }
        guard found.st_mode & S_IFMT == S_IFSOCK else {
            throw SystemError(saying: "cannot listen on unix:\(path): what is there is no socket, and stays")
        }
        let probe = mp_tcp_socket(AF_UNIX)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        let result = withAddress(path) { Glibc.connect(probe, $0, $1) }
        return result == -1 && errno == ECONNREFUSED
    }

    /// A connection to the socket at a path. It stands at once, or not at all.
    static func connect(to path: String) throws(SystemError) -> Int32 {
        let descriptor = mp_tcp_socket(AF_UNIX)
        guard descriptor >= 0 else { throw SystemError("socket") }
        guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let error = SystemError("connect")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// The path of a bound socket; nil for other families.
    static func path(of descriptor: Int32) -> String? {
        var form = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafeMutablePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0, Int32(form.sun_family) == AF_UNIX else { return nil }
        return withUnsafeBytes(of: form.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// Listening sockets that systemd opened and gave to this process (sd_listen_fds(3)).
package struct InheritedSockets: Sendable {
    /// The first descriptor that is given.
    private static let first: Int32 = 3

    private var names: [String] = []

    /// None.
    package init() {}

    /// Those that the variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES tell of. They are not handed on to children.
    package init(environment: (String) -> String?, process: pid_t) {
        guard environment("LISTEN_PID") == "\(process)", let count = environment("LISTEN_FDS").flatMap({ Int32($0) }),
            (1...1024).contains(count)
        else { return }
        let given = environment("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        names = (0..<Int(count)).map { $0 < given.count ? String(given[$0]) : "unknown" }
        for descriptor in Self.first..<(Self.first + count) {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }
    }

    /// Sockets of that name, several when one unit has them; or the one of that number.
    func sockets(named name: String) throws(SystemError) -> [Int32] {
        var found = names.indices.filter { names[$0] == name }
        if found.isEmpty, let number = Int(name), names.indices.contains(number) { found = [number] }
        guard !found.isEmpty else {
            let known = names.isEmpty ? "it gave none" : "it gave \(names.joined(separator: ", "))"
            throw SystemError(saying: "systemd gave no socket '\(name)': \(known)")
        }
        var sockets: [Int32] = []
        for index in found {
            let descriptor = Self.first + Int32(index)
            guard Self.value(descriptor, SO_ACCEPTCONN) == 1, Self.value(descriptor, SO_TYPE) == mp_sock_stream() else {
                throw SystemError(saying: "the socket '\(name)' of systemd does not listen for connections")
            }
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
            sockets.append(descriptor)
        }
        return sockets
    }

    /// Names of sockets that none of the routes takes.
    package func names(notIn routes: [Route]) -> [String] {
        names.indices.filter { index in
            !routes.contains { route in
                guard case .inherited(let name) = route.place else { return false }
                return name == names[index] || (Int(name) == index && !names.contains(name))
            }
        }.map { names[$0] }
    }

    private static func value(_ descriptor: Int32, _ option: Int32) -> Int32 {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : -1
    }
}
