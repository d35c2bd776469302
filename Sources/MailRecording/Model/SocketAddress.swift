// An IP address and a port: the ends of a connection, in recordings, captures and logs.

/// An end of a TCP connection.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// The IP address.
    package enum IP: Hashable, Sendable {
        /// Host order: 127.0.0.1 is 0x7F000001.
        case v4(UInt32)
        /// High and low half, host order.
        case v6(UInt64, UInt64)
    }

    package var ip: IP
    package var port: UInt16

    package init(ip: IP, port: UInt16) {
        self.ip = ip
        self.port = port
    }

    /// True for 127.0.0.0/8 and ::1.
    package var isLoopback: Bool {
        switch ip {
        case .v4(let address): address >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// The address without port: `192.0.2.1`, `2001:db8::1` (RFC 5952).
    package var host: String {
        switch ip {
        case .v4(let a): return "\(a >> 24).\(a >> 16 & 255).\(a >> 8 & 255).\(a & 255)"
        case .v6(let high, let low):
            let groups = [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: high >> UInt64($0)) }
                + [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: low >> UInt64($0)) }
            var best = 0..<0
            var start = 0
            while start < 8 {
                var end = start
                while end < 8, groups[end] == 0 { end += 1 }
                if end - start > max(best.count, 1) { best = start..<end }
                start = max(end, start + 1)
            }
            func text(_ part: ArraySlice<UInt16>) -> String {
                part.map { String($0, radix: 16) }.joined(separator: ":")
            }
            if best.isEmpty { return text(groups[...]) }
            return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
        }
    }

    /// `192.0.2.1:25`, `[2001:db8::1]:25`.
    package var description: String {
        switch ip {
        case .v4: "\(host):\(port)"
        case .v6: "[\(host)]:\(port)"
        }
    }

    /// Parses what `description` prints. Nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard let ip = IP(String(host)) else { return nil }
        self.init(ip: ip, port: port)
    }
}

extension SocketAddress.IP {
    /// Parses a dotted quad or an IPv6 address in text form. Nil for anything else.
    package init?(_ text: String) {
        if let v4 = Self.quad(text[...]) {
            self = .v4(v4)
            return
        }
        guard text.contains(":") else { return nil }
        let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        guard let head = Self.groups(halves[0]) else { return nil }
        var all = head
        if halves.count == 2 {
            guard let tail = Self.groups(halves[1]), head.count + tail.count < 8 else { return nil }
            all += [UInt64](repeating: 0, count: 8 - head.count - tail.count) + tail
        }
        guard all.count == 8 else { return nil }
        func half(_ part: ArraySlice<UInt64>) -> UInt64 { part.reduce(0) { $0 << 16 | $1 } }
        self = .v6(half(all[..<4]), half(all[4...]))
    }

    private static func quad(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let octet = UInt8(part), part.first != "+" else { return nil }
            address = address << 8 | UInt32(octet)
        }
        return address
    }

    private static func groups(_ text: Substring) -> [UInt64]? {
        if text.isEmpty { return [] }
        var groups: [UInt64] = []
        for part in text.split(separator: ":", omittingEmptySubsequences: false) {
            if part.contains("."), let v4 = quad(part) {
                groups += [UInt64(v4 >> 16), UInt64(v4 & 0xFFFF)]
            } else {
                guard part.count <= 4, let value = UInt64(part, radix: 16) else { return nil }
                groups.append(value)
            }
        }
        return groups.count <= 8 ? groups : nil
    }
}
