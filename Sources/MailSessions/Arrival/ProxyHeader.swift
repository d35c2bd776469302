// The header of the PROXY protocol, versions 1 and 2, with which a relay tells who its client is ("The PROXY protocol", the
// specification that HAProxy publishes). It stands before all other octets of a connection, in clear.
//
// A header is understood as a whole or not at all: while octets are missing nothing is known, and what can't become a header any
// more is refused with its first wrong octet. So it does not matter in which pieces it comes.

import MailDialogue
import MailRecording

/// Who a connection is from, as the relay before us says.
package struct ProxyHeader: Equatable, Sendable {
    package enum Version: String, Sendable, CaseIterable {
        /// A line of text (specification §2.1).
        case v1
        /// Binary (specification §2.2).
        case v2
    }

    /// Both ends of the connection that the relay took.
    package struct Ends: Equatable, Sendable {
        package var client: SocketAddress
        package var server: SocketAddress

        package init(client: SocketAddress, server: SocketAddress) {
            self.client = client
            self.server = server
        }
    }

    package enum Reading: Equatable, Sendable {
        /// So far it is a header; octets are missing.
        case incomplete
        /// A header of so many octets. What stands behind them belongs to the client.
        case header(ProxyHeader, count: Int)
        /// It is none.
        case refused(reason: String)
    }

    package var version: Version
    /// Nil when the relay speaks for itself (LOCAL), or doesn't know (UNKNOWN, UNSPEC), or the client came over no TCP: then the
    /// ends of the connection itself count.
    package var ends: Ends?

    package init(version: Version, ends: Ends?) {
        self.version = version
        self.ends = ends
    }

    /// Octets of a line of version 1, CRLF included (specification §2.1).
    package static let longestLine = 107
    /// Octets of a header of version 2. The length field allows 65,551; relays send 28 or 52, and some hundred more with the
    /// client's certificate and names of theirs. Beyond this somebody means to keep us busy.
    package static let longest = 4096

    // In version 2 (specification §2.2): CR LF CR LF NUL CR LF "QUIT" LF.
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    private static let word = Array("PROXY ".utf8)

    // MARK: Reading

    /// Reads the header at the beginning of `octets`.
    package static func read(_ octets: ArraySlice<UInt8>) -> Reading {
        guard let first = octets.first else { return .incomplete }
        if first == word[0] { return readLine(octets) }
        if first == signature[0] { return readBinary(octets) }
        return .refused(reason: "it does not begin with a PROXY header")
    }

    /// The beginning of `octets` is that of `wanted`, as far as both go.
    private static func begins(_ octets: ArraySlice<UInt8>, _ wanted: [UInt8]) -> Bool {
        octets.prefix(wanted.count).elementsEqual(wanted.prefix(octets.count))
    }

    private static func readLine(_ octets: ArraySlice<UInt8>) -> Reading {
        guard begins(octets, word) else { return .refused(reason: "it does not begin with a PROXY header") }
        let head = octets.prefix(longestLine)
        guard let end = head.firstIndex(of: 10) else {
            return octets.count < longestLine
                ? .incomplete : .refused(reason: "its PROXY line is longer than \(longestLine) octets")
        }
        guard end > head.startIndex, head[end - 1] == 13 else {
            return .refused(reason: "its PROXY line ends without CR")
        }
        let words = head[head.startIndex..<(end - 1)].split(separator: 32, omittingEmptySubsequences: false)
        let count = head.distance(from: head.startIndex, to: end) + 1
        guard words.count >= 2 else { return .refused(reason: "its PROXY line says nothing") }
        switch words[1] {
        case ArraySlice("UNKNOWN".utf8):
            // What follows is to be ignored (specification §2.1).
            return .header(ProxyHeader(version: .v1, ends: nil), count: count)
        case ArraySlice("TCP4".utf8), ArraySlice("TCP6".utf8):
            let isIPv6 = words[1].last == UInt8(ascii: "6")
            guard words.count == 6, let from = address(words[2], isIPv6), let to = address(words[3], isIPv6),
                let fromPort = port(words[4]), let toPort = port(words[5])
            else { return .refused(reason: "its PROXY line has no two addresses and ports") }
            let ends = Ends(client: SocketAddress(from, fromPort), server: SocketAddress(to, toPort))
            return .header(ProxyHeader(version: .v1, ends: ends), count: count)
        default: return .refused(reason: "its PROXY line names no protocol that is known")
        }
    }

    private static func address(_ word: ArraySlice<UInt8>, _ isIPv6: Bool) -> IPAddress? {
        guard let address = IPAddress(String(decoding: word, as: UTF8.self)), address.isIPv6 == isIPv6 else {
            return nil
        }
        return address
    }

    /// Decimal, at most 65535, no leading zero (specification §2.1).
    private static func port(_ word: ArraySlice<UInt8>) -> UInt16? {
        guard let first = word.first, word.count <= 5, word.count == 1 || first != UInt8(ascii: "0") else { return nil }
        var value = 0
        for digit in word {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return UInt16(exactly: value)
    }

    private static func readBinary(_ octets: ArraySlice<UInt8>) -> Reading {
        guard begins(octets, signature) else { return .refused(reason: "it does not begin with a PROXY header") }
        let bytes = octets.dropFirst(signature.count)
        guard let head = bytes.first else { return .incomplete }
        guard head >> 4 == 2 else { return .refused(reason: "its PROXY header is of version \(head >> 4)") }
        let isLocal = head & 15 == 0
        guard isLocal || head & 15 == 1 else {
            return .refused(reason: "its PROXY header has the unknown command \(head & 15)")
        }
        guard bytes.count >= 4 else { return .incomplete }
        let start = bytes.startIndex
        let family = bytes[start + 1]
        let length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
        let count = signature.count + 4 + length
        guard count <= longest else {
            return .refused(reason: "its PROXY header has \(count) octets, more than \(longest)")
        }
        // The specification has other values refused, but not for LOCAL, where all of this is to be ignored.
        guard isLocal || (family >> 4 <= 3 && family & 15 <= 2) else {
            return .refused(reason: "its PROXY header has the unknown family \(family)")
        }
        let body = bytes.dropFirst(4)
        guard body.count >= length else { return .incomplete }
        let silent = ProxyHeader(version: .v2, ends: nil)
        // 0x11 and 0x21: TCP over IPv4 and IPv6. Datagrams and Unix sockets have no ends that mean anything here. Behind the
        // addresses there are fields of type, length and value, none of which is needed: they are passed over as a whole.
        guard !isLocal, family == 0x11 || family == 0x21 else { return .header(silent, count: count) }
        let width = family == 0x11 ? 4 : 16
        guard length >= 2 * width + 4 else {
            return .refused(reason: "its PROXY header has too few octets for two addresses")
        }
        let base = body.startIndex
        let ends = Ends(
            client: SocketAddress(address(body[base..<(base + width)]), port(body[(base + 2 * width)...])),
            server: SocketAddress(
                address(body[(base + width)..<(base + 2 * width)]), port(body[(base + 2 * width + 2)...])))
        return .header(ProxyHeader(version: .v2, ends: ends), count: count)
    }

    /// An address of 4 or 16 octets.
    package static func address(_ octets: ArraySlice<UInt8>) -> IPAddress {
        func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        return octets.count == 4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: number(octets)))
            : IPAddress(high: number(octets.prefix(8)), low: number(octets.dropFirst(8)))
    }

    private static func port(_ octets: ArraySlice<UInt8>) -> UInt16 {
        octets.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
    }

    // MARK: Writing

    /// The header as it is sent. Ends of two families are both told as IPv6 (RFC 4291 §2.5.5.2).
    package var octets: [UInt8] {
        var client = ends?.client
        var server = ends?.server
        if client?.address.isIPv6 != server?.address.isIPv6 {
            client = client.map { SocketAddress($0.address.mapped, $0.port) }
            server = server.map { SocketAddress($0.address.mapped, $0.port) }
        }
        switch version {
        case .v1:
            guard let client, let server else { return Array("PROXY UNKNOWN\r\n".utf8) }
            let family = client.address.isIPv6 ? "TCP6" : "TCP4"
            return Array(
                "PROXY \(family) \(client.address) \(server.address) \(client.port) \(server.port)\r\n".utf8)
        case .v2:
            var out = Self.signature
            guard let client, let server else { return out + [0x21, 0, 0, 0] }
            out.append(0x21)
            out.append(client.address.isIPv6 ? 0x21 : 0x11)
            let body = client.address.octets + server.address.octets
            out.appendBig16(UInt16(truncatingIfNeeded: body.count + 4))
            out += body
            out.appendBig16(client.port)
            out.appendBig16(server.port)
            return out
        }
    }
}
