// In which order the addresses of a name are tried (RFC 8305).

import MailRecording

enum HappyEyeballs {
    /// Seconds before the next address is tried beside the one that has not answered (RFC 8305 §5, §8).
    static let pause = 0.25

    /// The families in turn, beginning with the first that the resolver names (RFC 8305 §4).
    static func order(_ addresses: [SocketAddress]) -> [SocketAddress] {
        guard let first = addresses.first, addresses.count > 1 else { return addresses }
        let ahead = addresses.filter { $0.address.isIPv6 == first.address.isIPv6 }
        let behind = addresses.filter { $0.address.isIPv6 != first.address.isIPv6 }
        var order: [SocketAddress] = []
        for index in 0..<max(ahead.count, behind.count) {
            if index < ahead.count { order.append(ahead[index]) }
            if index < behind.count { order.append(behind[index]) }
        }
        return order
    }
}
