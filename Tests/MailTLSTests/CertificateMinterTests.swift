// Certificates are made once and kept, and made anew before they end.

import Testing

@testable import MailTLS

struct CertificateMinterTests {
    @Test func keepsWhatItMade() throws {
        let now = currentSeconds()
        let minter = CertificateMinter(try .temporary(now: now))
        let a = [try #require(CertificateName("a.example")), try #require(CertificateName("b.example"))]
        let first = try minter.identity(for: a, now: now)
        #expect(first.chain.count == 2 && first.chain[1].fingerprint == minter.root.fingerprint)
        #expect(first.chain[0].fits(first.key))
        #expect(try minter.identity(for: a, now: now + 86_400).chain[0].serial == first.chain[0].serial)
        #expect(try minter.identity(for: a.reversed(), now: now).chain[0].subject == "CN=b.example")
        // A week before its end it is made anew.
        let late = first.chain[0].notAfter - 7 * 86_400
        #expect(try minter.identity(for: a, now: late - 1).chain[0].serial == first.chain[0].serial)
        #expect(try minter.identity(for: a, now: late).chain[0].notAfter == late + CertificateAuthority.leafLifetime)
    }
}
