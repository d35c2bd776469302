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

    /// Clients refuse it for its time alone: name and authority are good.
    @Test func anExpiredIdentity() throws {
        let now = currentSeconds()
        let authority = try CertificateAuthority.temporary(now: now)
        let name = try #require(CertificateName("mail.example.com"))
        let identity = try CertificateMinter(authority).expiredIdentity(for: [name], now: now)
        #expect(
            identity.chain[0].notAfter == now - 30 * 86_400 && identity.chain[0].notBefore < identity.chain[0].notAfter)
        #expect(try Self.refusal(identity, trusting: [authority.certificate])?.contains("expired") == true)
    }

    @Test func anAuthorityThatNobodyKnows() throws {
        let now = currentSeconds()
        let known = try CertificateAuthority.temporary(now: now)
        let stranger = try CertificateAuthority.ephemeral(name: "Nobody", now: now)
        #expect(stranger.certificate.isAuthority && stranger.certificate.subject.contains("Nobody"))
        let name = try #require(CertificateName("mail.example.com"))
        let identity = try CertificateMinter(stranger).identity(for: [name], now: now)
        #expect(try Self.refusal(identity, trusting: [known.certificate]) != nil)
        #expect(try Self.refusal(identity, trusting: [stranger.certificate]) == nil)
    }

    /// Why a client does not believe this server; nil when it does.
    private static func refusal(_ identity: TLSIdentity, trusting roots: [Certificate]) throws -> String? {
        var client = TLSSettings()
        client.trust = .roots(roots)
        var server = TLSSettings()
        server.digestsHellos = true
        var pair = try Pair(try .temporary(now: currentSeconds()), client: client, server: server)
        pair.settle()
        #expect(pair.server.helloDigest?.count == 12)
        pair.server.present(identity.chain, key: identity.key)
        pair.settle()
        guard case .failed(let failure) = pair.client.state else { return nil }
        return failure.reason
    }

    /// The same program has the same digest whatever host it asks for, and another offer has another.
    @Test func digestsOfWhatClientsOffer() throws {
        func digest(_ host: String, greatest: TLSVersion = .v13) throws -> String {
            let authority = try CertificateAuthority.temporary(now: currentSeconds())
            var client = TLSSettings()
            client.greatest = greatest
            var server = TLSSettings()
            server.digestsHellos = true
            var pair = try Pair(authority, client: client, server: server, peer: host)
            pair.settle()
            return try #require(pair.server.helloDigest)
        }
        let first = try digest("mail.example.com")
        #expect(try digest("a.example.org") == first)
        #expect(try digest("192.0.2.1") == first)
        #expect(try digest("mail.example.com", greatest: .v12) != first)
    }
}
