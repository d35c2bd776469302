// Names to addresses, on a worker thread. Literal addresses never come here.

import CLinux
import Glibc
import MailRecording

/// Looks names up with the system's resolver.
package enum Resolver {
    /// All addresses of `host`, in the system's order. The error is the resolver's own sentence.
    package static func addresses(of host: String, port: UInt16) -> Result<[SocketAddress], ResolverError> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = mp_sock_stream()
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            return .failure(
                ResolverError(host: host, reason: gai_strerror(code).map { String(cString: $0) } ?? "error \(code)"))
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var entry = list
        while let info = entry {
            if let address = info.pointee.ai_addr {
                var storage = sockaddr_storage()
                let size = min(Int(info.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
                withUnsafeMutableBytes(of: &storage) {
                    $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: size))
                }
                if var socket = SocketAddress(storage) {
                    socket.port = port
                    found.append(socket)
                }
            }
            entry = info.pointee.ai_next
        }
        return found.isEmpty ? .failure(ResolverError(host: host, reason: "no address")) : .success(found)
    }
}

/// A name that has no address.
package struct ResolverError: Error, Equatable, CustomStringConvertible {
    package let host: String
    package let reason: String
    package var description: String { "cannot resolve \(host): \(reason)" }
}
