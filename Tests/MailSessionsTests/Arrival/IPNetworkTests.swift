// Networks as options name them.

import MailRecording
import Testing

@testable import MailSessions

struct IPNetworkTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "255.255.255.255", true),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.0/31", "192.0.2.1", true),
        ("192.0.2.0/31", "192.0.2.2", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::", false), ("::/0", "2001:db8::1", true), ("::1/128", "::1", true),
        ("::1/128", "::", false), ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
        ("2001:db8::/65", "2001:db8::8000:0:0:1", false), ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "192.0.2.1", false),
        ("192.0.2.0/24", "::ffff:192.0.2.9", true),
    ])
    func contains(_ network: String, _ address: String, _ isIn: Bool) throws {
        let address = try #require(IPAddress(address))
        let found = try #require(IPNetwork(network))
        #expect(found.contains(address) == isIn)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.1/8", "::/129", "mail.example.com",
        "10.0.0.0/8/8", "2001:db8::1/64", "10.0.0.0/99999999999999999999",
    ])
    func thatAreNone(_ text: String) { #expect(IPNetwork(text) == nil) }

    @Test func text() throws {
        #expect(IPNetwork("10.0.0.0/8")?.description == "10.0.0.0/8")
        #expect(IPNetwork("::1")?.description == "::1")
        #expect(IPNetwork.loopback.allSatisfy { IPNetwork($0.description) == $0 })
    }
}
