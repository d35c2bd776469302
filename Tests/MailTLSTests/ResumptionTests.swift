// Sessions that a client takes up again with its server: when it does, and what it goes on believing meanwhile. The server's
// context stays the same, and with it the keys of its tickets.

import Synchronization
import Testing

@testable import MailTLS

struct ResumptionTests {
    private let now: Int64
    private let authority: CertificateAuthority
    private let server: TLSContext

    /// A clock that is set by hand.
    private final class HandClock: Sendable {
        let time = Atomic<Int64>(1_000)
    }

    private let clock = HandClock()

    init() throws {
        now = currentSeconds()
        authority = try CertificateAuthority.temporary(now: now)
        server = try TLSContext(TLSSettings(), isServer: true)
    }

    private func client(
        _ version: TLSVersion = .v13, trust: TLSSettings.Trust? = nil, _ change: (inout TLSSettings) -> Void = { _ in }
    ) throws -> TLSContext {
        var settings = TLSSettings()
        settings.trust = trust ?? .roots([authority.certificate])
        (settings.least, settings.greatest) = (version, version)
        settings.resumesFor = 100
        settings.clock = { [clock] in clock.time.load(ordering: .relaxed) }
        change(&settings)
        return try TLSContext(settings, isServer: false)
    }

    /// A connection. Gives whether a session was taken up, or why there is none.
    private func connect(
        _ client: TLSContext, peer: String = "mail.example.com", by other: CertificateAuthority? = nil
    ) throws -> (isResumed: Bool?, failure: String) {
        let authority = other ?? authority
        var pair = Pair(
            try TLSConnection(client, peer: peer), try TLSConnection(server, peer: "a client"))
        try pair.shake(authority, now: now)
        if case .failed(let failure) = pair.client.state { return (nil, failure.description) }
        #expect(pair.client.state == .open)
        #expect(pair.client.peerChain.first?.names == [try #require(CertificateName(peer))])
        // OpenSSL takes up no session of a connection that broke off.
        pair.client.endOutput()
        pair.settle()
        return (pair.client.facts?.isResumed, "")
    }

    @Test(arguments: [TLSVersion.v12, .v13])
    func aSessionIsTakenUpForATime(version: TLSVersion) throws {
        let client = try client(version)
        #expect(try connect(client).isResumed == false)
        for _ in 0..<3 {
            clock.time.add(33, ordering: .relaxed)
            #expect(try connect(client).isResumed == true)
        }
        // The server has prolonged the session each time. What counts is when it showed its certificate.
        clock.time.add(33, ordering: .relaxed)
        #expect(try connect(client).isResumed == false)
        #expect(try connect(client).isResumed == true)
        // A clock that was set back says nothing of how long ago that was.
        clock.time.subtract(500, ordering: .relaxed)
        #expect(try connect(client).isResumed == false)
    }

    /// Another certificate, of an authority that nobody trusts, with the keys of the tickets unchanged.
    @Test(arguments: [TLSVersion.v12, .v13])
    func aChangedCertificateIsSeenInTime(version: TLSVersion) throws {
        let stranger = try CertificateAuthority.temporary(now: now)
        let client = try client(version)
        #expect(try connect(client).isResumed == false)
        clock.time.add(100, ordering: .relaxed)
        #expect(try connect(client, by: stranger).failure.contains("is not to be trusted"))
        // Nor does it come back by a ticket of the time before.
        #expect(try connect(client, by: stranger).failure.contains("is not to be trusted"))
    }

    /// Where a key is pinned each connection proves it.
    @Test(arguments: [TLSVersion.v12, .v13])
    func aChangedKeyThatIsPinnedIsSeenAtOnce(version: TLSVersion) throws {
        let stranger = try CertificateAuthority.temporary(now: now)
        let pin = try authority.mint([try #require(CertificateName("mail.example.com"))], now: now).keyPin
        let client = try client(version, trust: .anybody) { $0.pins = [pin] }
        for _ in 0..<2 { #expect(try connect(client).isResumed == false) }
        #expect(try connect(client, by: stranger).failure.contains("shows no key that is pinned"))
    }

    /// What a session rests on is asked for each connection: a certificate for another name is none for this one.
    @Test(arguments: [TLSVersion.v12, .v13])
    func aSessionIsForTheNameThatItsCertificateHas(version: TLSVersion) throws {
        let client = try client(version)
        #expect(try connect(client).isResumed == false)
        #expect(try connect(client, peer: "other.example.com").isResumed == false)
        #expect(try connect(client, peer: "other.example.com").isResumed == true)
    }

    /// RFC 6066 §3: a server takes up no session for a client that asks for another name, whatever that believes.
    @Test(arguments: [TLSVersion.v12, .v13])
    func aServerTakesUpNoSessionOfAnotherName(version: TLSVersion) throws {
        let client = try client(version, trust: .anybody)
        #expect(try connect(client).isResumed == false)
        #expect(try connect(client).isResumed == true)
        #expect(try connect(client, peer: "other.example.com").isResumed == false)
        #expect(try connect(client, peer: "other.example.com").isResumed == true)
        // Nor where it asks for none.
        #expect(try connect(client, peer: "192.0.2.1").isResumed == false)
    }

    @Test func nobodyIsCheckedAndASessionIsTakenUpAllTheSame() throws {
        let client = try client(trust: .anybody)
        #expect(try connect(client).isResumed == false)
        #expect(try connect(client).isResumed == true)
    }

    @Test func noSessionIsTakenUpUnlessItIsSaid() throws {
        let client = try client { $0.resumesFor = 0 }
        for _ in 0..<2 { #expect(try connect(client).isResumed == false) }
    }
}
