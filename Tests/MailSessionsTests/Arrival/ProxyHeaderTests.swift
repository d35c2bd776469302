// PROXY headers: whole, in pieces, wrong in every way.

import MailDialogue
import MailRecording
import TestSupport
import Testing

@testable import MailSessions

struct ProxyHeaderTests {
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

    private static func ends(_ client: String, _ server: String) throws -> ProxyHeader.Ends {
        ProxyHeader.Ends(client: try #require(SocketAddress(client)), server: try #require(SocketAddress(server)))
    }

    private func read(_ octets: [UInt8]) -> ProxyHeader.Reading { ProxyHeader.read(octets[...]) }
    private func read(_ text: String) -> ProxyHeader.Reading { read(Array(text.utf8)) }

    private func isRefused(_ reading: ProxyHeader.Reading) -> Bool {
        if case .refused = reading { true } else { false }
    }

    /// Every header that is whole: with each cut of it octets are missing, and what stands behind it is not its own.
    private func expect(_ octets: [UInt8], _ header: ProxyHeader) {
        for count in 0..<octets.count {
            #expect(read(Array(octets[..<count])) == .incomplete, "cut after \(count) octets")
        }
        #expect(read(octets) == .header(header, count: octets.count))
        #expect(read(octets + Array("EHLO x\r\n".utf8)) == .header(header, count: octets.count))
        // A slice that does not begin at 0.
        let shifted = [UInt8(7), 7] + octets
        #expect(ProxyHeader.read(shifted[2...]) == .header(header, count: octets.count))
    }

    @Test func lines() throws {
        expect(
            Array("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n".utf8),
            ProxyHeader(version: .v1, ends: try Self.ends("192.0.2.1:56324", "198.51.100.7:25")))
        expect(
            Array("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n".utf8),
            ProxyHeader(version: .v1, ends: try Self.ends("[2001:db8::1]:0", "[2001:db8::2]:65535")))
        expect(Array("PROXY UNKNOWN\r\n".utf8), ProxyHeader(version: .v1, ends: nil))
        // The longest that the specification shows: 107 octets.
        let longest =
            "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"
        #expect(longest.utf8.count == ProxyHeader.longestLine)
        expect(Array(longest.utf8), ProxyHeader(version: .v1, ends: nil))
    }

    @Test(arguments: [
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 056 25\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 +56 25\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7  56 25\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56 25 \r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 56\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.7 56 25\r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 56 25\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.7 56 25\r\n", "PROXY TCP4 mail.example.com 198.51.100.7 56 25\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.7 56 25\r\n", "PROXY \r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 56 25\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 99999999999999999999 25\r\n", "PROXY unknown\r\n", "proxy UNKNOWN\r\n",
        "EHLO",
        "PROXYTCP4", "PROXY\n", "\n", "\r\n\r\n\r\n",
    ])
    func wrongLines(_ text: String) { #expect(isRefused(read(text))) }

    @Test func aLineWithoutEndIsRefusedAtItsLimit() {
        let open = "PROXY UNKNOWN " + String(repeating: "x", count: 93)
        #expect(open.utf8.count == 107)
        #expect(read(String(open.dropLast())) == .incomplete)
        #expect(isRefused(read(open)))
        #expect(isRefused(read(open + "\r\n")))
        // The 108th octet is one too many, line end or not.
        #expect(isRefused(read(open.dropLast(2) + "xx\r\n")))
    }

    @Test func binary() throws {
        let four: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 0, 25]
        expect(
            Self.signature + [0x21, 0x11, 0, 12] + four,
            ProxyHeader(version: .v2, ends: try Self.ends("192.0.2.1:56324", "198.51.100.7:25")))
        // Fields behind the addresses: an authority, one that nobody knows, and a wrong one that claims more than there is.
        let fields: [UInt8] = [2, 0, 3, 1, 2, 3, 0xEE, 0, 0, 4, 0xFF, 0xFF]
        expect(
            Self.signature + [0x21, 0x11, 0, 24] + four + fields,
            ProxyHeader(version: .v2, ends: try Self.ends("192.0.2.1:56324", "198.51.100.7:25")))
        let from: [UInt8] = [0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
        let to: [UInt8] = [0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [2]
        expect(
            Self.signature + [0x21, 0x21, 0, 36] + from + to + [0, 1, 3, 0xE1],
            ProxyHeader(version: .v2, ends: try Self.ends("[2001:db8::1]:1", "[2001:db8::2]:993")))
    }

    /// LOCAL, UNSPEC, datagrams and Unix sockets: the ends of the connection itself count.
    @Test(
        arguments: [
            ([0x20, 0x00, 0, 0], 0), ([0x20, 0x11, 0, 12], 12), ([0x20, 0xFF, 0, 3], 3), ([0x21, 0x00, 0, 0], 0),
            ([0x21, 0x00, 0, 9], 9), ([0x21, 0x12, 0, 12], 12), ([0x21, 0x31, 0, 216], 216),
            ([0x21, 0x11, 0x0F, 0xF0], 4080),
        ] as [([UInt8], Int)])
    func binaryWithoutEnds(_ head: [UInt8], _ length: Int) {
        let octets = Self.signature + head + [UInt8](repeating: 0, count: length)
        if head[1] == 0x11, head[0] == 0x21 {
            // The longest that is taken.
            #expect(octets.count == ProxyHeader.longest)
            #expect(!isRefused(read(octets)))
        } else {
            expect(octets, ProxyHeader(version: .v2, ends: nil))
        }
    }

    @Test(
        arguments: [
            [0x11], [0x31], [0x22], [0x2F, 0, 0, 0], [0x21, 0x13, 0, 12], [0x21, 0x41, 0, 12],
            [0x21, 0x11, 0x0F, 0xF1],
            [0x21, 0x11, 0xFF, 0xFF],
        ] as [[UInt8]])
    func wrongBinary(_ head: [UInt8]) {
        // Refused at once, not when the rest has come.
        #expect(isRefused(read(Self.signature + head)))
    }

    @Test func binaryWithTooFewOctetsForItsAddresses() {
        #expect(isRefused(read(Self.signature + [0x21, 0x11, 0, 11] + [UInt8](repeating: 0, count: 11))))
        #expect(isRefused(read(Self.signature + [0x21, 0x21, 0, 35] + [UInt8](repeating: 0, count: 35))))
        #expect(isRefused(read(Self.signature + [0x21, 0x11, 0, 0])))
    }

    @Test func aWrongSignatureIsRefusedWithItsFirstWrongOctet() {
        for place in 1..<12 {
            var octets = Array(Self.signature[...place])
            octets[place] ^= 1
            #expect(isRefused(read(octets)), "octet \(place)")
            #expect(read(Array(Self.signature[..<place])) == .incomplete)
        }
    }

    @Test(arguments: ProxyHeader.Version.allCases) func whatIsWrittenReadsBack(_ version: ProxyHeader.Version) throws {
        for (client, server) in [
            ("192.0.2.1:56324", "198.51.100.7:25"), ("[2001:db8::1]:1", "[2001:db8::2]:993"),
            ("0.0.0.0:0", "0.0.0.0:65535"),
        ] {
            let header = ProxyHeader(version: version, ends: try Self.ends(client, server))
            #expect(read(header.octets) == .header(header, count: header.octets.count))
        }
        let silent = ProxyHeader(version: version, ends: nil)
        #expect(read(silent.octets) == .header(silent, count: silent.octets.count))
        // Two families: both as IPv6.
        let mixed = ProxyHeader(version: version, ends: try Self.ends("192.0.2.1:9", "[2001:db8::2]:25"))
        let mapped = ProxyHeader(version: version, ends: try Self.ends("[::ffff:192.0.2.1]:9", "[2001:db8::2]:25"))
        #expect(read(mixed.octets) == .header(mapped, count: mapped.octets.count))
    }

    @Test func randomOctetsNeverTrap() {
        var random = Numbers()
        for round in 0..<20_000 {
            var octets = round % 3 == 0 ? Array("PROXY ".utf8) : round % 3 == 1 ? Self.signature : []
            for _ in 0..<Int.random(in: 0..<60, using: &random) { octets.append(.random(in: 0...255, using: &random)) }
            if case .header(_, let count) = read(octets) { #expect(count <= octets.count) }
        }
    }
}
