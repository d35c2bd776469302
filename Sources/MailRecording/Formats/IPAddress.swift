// IP addresses and endpoints as values: captures, recordings and the synthesiser share them.

/// An IPv4 or IPv6 address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The first 64 bits of an IPv6 address; 0 for IPv4.
    package let high: UInt64
    /// The last 64 bits of an IPv6 address; the 32 bits of an IPv4 address.
    package let low: UInt64
    package let isIPv6: Bool

    /// An IPv4 address from its 32 bits, first octet highest.
    package init(v4 bits: UInt32) {
        high = 0
        low = UInt64(bits)
        isIPv6 = false
    }

    /// An IPv6 address from its two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        isIPv6 = true
    }

    /// An address from its text: dotted quad, or RFC 4291 §2.2 without a zone. Nil when it is neither.
    package init?(_ text: String) {
        let octets = Array(text.utf8)
        if octets.contains(UInt8(ascii: ":")) {
            guard let words = Self.words(octets[...]) else { return nil }
            var halves: (UInt64, UInt64) = (0, 0)
            for word in words.prefix(4) { halves.0 = halves.0 << 16 | UInt64(word) }
            for word in words.dropFirst(4) { halves.1 = halves.1 << 16 | UInt64(word) }
            self.init(high: halves.0, low: halves.1)
        } else {
            guard let bits = Self.quad(octets[...]) else { return nil }
            self.init(v4: bits)
        }
    }

    /// The octets in network order: 4 or 16.
    package var octets: [UInt8] {
        var out: [UInt8] = []
        if isIPv6 {
            out.appendBig64(high)
            out.appendBig64(low)
        } else {
            out.appendBig32(UInt32(truncatingIfNeeded: low))
        }
        return out
    }

    /// The same address in the IPv6 family: IPv4 becomes `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
    package var mapped: IPAddress { isIPv6 ? self : IPAddress(high: 0, low: 0xffff_0000_0000 | low) }

    /// 127/8 and ::1.
    package var isLoopback: Bool { isIPv6 ? high == 0 && low == 1 : low >> 24 == 127 }

    /// Dotted quad, or the canonical form of RFC 5952.
    package var description: String {
        guard isIPv6 else { return Self.quadText(low) }
        if high == 0, low >> 32 == 0xffff { return "::ffff:" + Self.quadText(low & 0xffff_ffff) }
        let words = (0..<8).map { index -> UInt64 in
            let half = index < 4 ? high : low
            return half >> UInt64(48 - 16 * (index & 3)) & 0xffff
        }
        // RFC 5952 §4.2: the first of the longest runs of two or more zero words is shortened.
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, words[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = end + 1
        }
        func text(_ part: ArraySlice<UInt64>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if best.isEmpty { return text(words[...]) }
        return text(words[..<best.lowerBound]) + "::" + text(words[best.upperBound...])
    }

    /// Digit by digit: each session is written with several addresses, and what makes text of numbers in general takes ten times as
    /// long.
    private static func quadText(_ bits: UInt64) -> String {
        String(unsafeUninitializedCapacity: 15) { text in
            var count = 0
            func put(_ octet: UInt64) {
                text[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: octet)
                count += 1
            }
            for shift in stride(from: UInt64(24), through: 0, by: -8) {
                let octet = bits >> shift & 255
                if octet >= 100 { put(octet / 100) }
                if octet >= 10 { put(octet / 10 % 10) }
                put(octet % 10)
                guard shift > 0 else { break }
                text[count] = UInt8(ascii: ".")
                count += 1
            }
            return count
        }
    }

    private static func quad(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value: UInt32 = 0
            for digit in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                value = value * 10 + UInt32(digit - UInt8(ascii: "0"))
            }
            guard value <= 255 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private static func words(_ text: ArraySlice<UInt8>) -> [UInt16]? {
        let colon = UInt8(ascii: ":")
        var gap: ArraySlice<UInt8>.Index?
        var index = text.startIndex
        while index + 1 < text.endIndex {
            if text[index] == colon, text[index + 1] == colon {
                if gap != nil { return nil }
                gap = index
                index += 1
            }
            index += 1
        }
        guard let gap else {
            guard let words = group(text, allowsQuad: true), words.count == 8 else { return nil }
            return words
        }
        guard let head = group(text[..<gap], allowsQuad: false), let tail = group(text[(gap + 2)...], allowsQuad: true),
            head.count + tail.count <= 7
        else { return nil }
        return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func group(_ text: ArraySlice<UInt8>, allowsQuad: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var words: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if allowsQuad, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let bits = quad(part) else { return nil }
                words.append(UInt16(truncatingIfNeeded: bits >> 16))
                words.append(UInt16(truncatingIfNeeded: bits))
            } else {
                guard (1...4).contains(part.count),
                    part.allSatisfy({ $0 < 128 && $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
                    let word = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
                else { return nil }
                words.append(word)
            }
        }
        return words.count <= 8 ? words : nil
    }
}

/// An address and a TCP port.
package struct IPEndpoint: Hashable, Sendable, CustomStringConvertible {
    package var address: IPAddress
    package var port: UInt16

    package init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `ip:port` or `[v6]:port`, as ``description`` writes it. Nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(String(host)), address.isIPv6 == isBracketed else { return nil }
        self.init(address, port)
    }

    /// `ip:port`, `[v6]:port`.
    package var description: String { address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}
