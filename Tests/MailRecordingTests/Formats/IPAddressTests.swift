// Addresses in text: RFC 5952's forms, and what is no address.

import MailRecording
import Testing

struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("0:0:1:0:0:0:1:0", "0:0:1::1:0"),
    ])
    func roundTrip(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
        #expect(address.octets.count == (address.isIPv6 ? 16 : 4))
        let endpoint = IPEndpoint(address, 143)
        #expect(IPEndpoint(endpoint.description) == endpoint)
    }

    @Test(arguments: [
        "", ".", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.-4", ":", ":::", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3", "::1.2.3", "1.2.3.4::", "12345::", "g::", "+1::", "::1:2:3:4:5:6:7:8", "fe80::1%eth0", "1:", ":1",
        "١::",
    ])
    func noAddress(text: String) { #expect(IPAddress(text) == nil) }

    @Test(arguments: [
        "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "::1:25", "[192.0.2.1]:25", "[::1]25", "192.0.2.1:+5", "[::1]:",
    ])
    func noEndpoint(text: String) { #expect(IPEndpoint(text) == nil) }

    @Test func families() throws {
        let v4 = try #require(IPAddress("127.0.0.1"))
        #expect(v4.mapped.description == "::ffff:127.0.0.1")
        #expect(v4.isLoopback)
        #expect(try #require(IPAddress("::1")).isLoopback)
        #expect(try !#require(IPAddress("10.0.0.1")).isLoopback)
    }
}
