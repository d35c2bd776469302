// Addresses between our form and the kernel's.

import CLinux
import Glibc
import MailRecording

extension SocketAddress {
    /// From what the kernel filled in. Nil for other families.
    package init?(_ storage: sockaddr_storage) {
        var storage = storage
        switch Int32(storage.ss_family) {
        case AF_INET:
            let address = withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee }
            }
            self.init(ip: .v4(UInt32(bigEndian: address.sin_addr.s_addr)), port: UInt16(bigEndian: address.sin_port))
        case AF_INET6:
            let address = withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee }
            }
            var octets = address.sin6_addr
            let halves = withUnsafeBytes(of: &octets) { raw in
                (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            self.init(
                ip: .v6(UInt64(bigEndian: halves.0), UInt64(bigEndian: halves.1)),
                port: UInt16(bigEndian: address.sin6_port))
        default: return nil
        }
    }

    /// The local end of a socket.
    package static func local(of descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return result == 0 ? SocketAddress(storage) : nil
    }

    /// Lends the address in the kernel's form.
    package func withSockAddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        if !address.isIPv6 {
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = port.bigEndian
            form.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            return withUnsafePointer(to: &form) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        } else {
            var form = sockaddr_in6()
            form.sin6_family = sa_family_t(AF_INET6)
            form.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &form.sin6_addr) { raw in
                raw.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                raw.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return withUnsafePointer(to: &form) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
    }

    /// A socket that connects to this address without waiting.
    package func connectSocket() throws(SystemError) -> Int32 {
        let family = address.isIPv6 ? AF_INET6 : AF_INET
        let descriptor = mp_tcp_socket(family)
        guard descriptor >= 0 else { throw SystemError("socket") }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        // A peer whose host is gone says nothing, and its session would stay for ever.
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, size)
        let result = withSockAddr { connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let error = SystemError("connect")
            close(descriptor)
            throw error
        }
        return descriptor
    }
}

extension SocketAddress {
    /// Where a connection wanted to go before the kernel turned it to us (netfilter's REDIRECT). Nil when it was not turned.
    static func original(of descriptor: Int32, isIPv6: Bool) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, which have the same number at their levels.
        let level = isIPv6 ? Int32(IPPROTO_IPV6) : Int32(IPPROTO_IP)
        let result = getsockopt(descriptor, level, 80, &storage, &length)
        return result == 0 ? SocketAddress(storage) : nil
    }

    /// It is an address of one of this host's interfaces: a socket can be bound to it.
    var isOfThisHost: Bool {
        if isLoopback { return true }
        let descriptor = mp_tcp_socket(address.isIPv6 ? AF_INET6 : AF_INET)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return SocketAddress(address, 0).withSockAddr { bind(descriptor, $0, $1) } == 0
    }
}
