// An end of a TCP connection under the name that sockets use. Captures and sessions share one type.

/// An IP address and a port.
package typealias SocketAddress = IPEndpoint

extension IPEndpoint {
    package init(ip: IPAddress, port: UInt16) { self.init(ip, port) }

    package var ip: IPAddress { address }
    /// 127/8 and ::1.
    package var isLoopback: Bool { address.isLoopback }
    /// The address without the port.
    package var host: String { address.description }
}

extension IPAddress {
    /// An IPv4 address from its 32 bits in host order: 127.0.0.1 is 0x7F000001.
    package static func v4(_ bits: UInt32) -> IPAddress { IPAddress(v4: bits) }
    /// An IPv6 address from its two halves in host order.
    package static func v6(_ high: UInt64, _ low: UInt64) -> IPAddress { IPAddress(high: high, low: low) }
}
