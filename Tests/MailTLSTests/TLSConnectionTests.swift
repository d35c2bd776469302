// Two connections whose octets go from one to the other: handshakes, what is refused, what breaks.

import Testing

@testable import MailTLS

struct TLSConnectionTests {
    private let now: Int64
    private let authority: CertificateAuthority
    private var trusting: TLSSettings {
        var settings = TLSSettings()
        settings.trust = .roots([authority.certificate])
        return settings
    }

    init() throws {
        now = currentSeconds()
        authority = try CertificateAuthority.temporary(now: now)
    }

    private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func write(_ text: String, _ connection: TLSConnection) {
        octets(text).withUnsafeBytes { connection.write($0) }
    }

    /// What a connection keeps for its peer to make whole: a handshake, a record of which a part came, even if that is its head alone.
    @Test(arguments: [TLSVersion.v12, .v13]) func whatWaitsIsKnown(version: TLSVersion) throws {
        var client = trusting
        var server = TLSSettings()
        (client.least, client.greatest) = (version, version)
        (server.least, server.greatest) = (version, version)
        var pair = try Pair(authority, client: client, server: server)
        write("early ", pair.client)
        #expect(pair.client.waiting > 32_768 && pair.server.waiting == 32_768)
        try pair.shake(authority, now: now)
        #expect(pair.client.waiting == 0 && pair.server.waiting == 0)
        write("hello", pair.client)
        let record = pair.client.takeOutput()
        var room = [UInt8](repeating: 0, count: 4_096)
        var heard: [UInt8] = []
        for (at, octet) in record.enumerated() {
            room.withUnsafeMutableBytes { room in
                [octet].withUnsafeBytes { piece in
                    pair.server.receive(piece, room: room) {
                        heard.append(contentsOf: $0)
                        return true
                    }
                }
            }
            #expect(pair.server.waiting == (at == record.count - 1 ? 0 : 16_640), "\(at) of \(record.count)")
        }
        #expect(heard.elementsEqual(octets("early hello").suffix(5)))
    }

    @Test(arguments: [Int.max, 1, 7], TLSVersion.allCases)
    func plaintextCrossesBothWays(piece: Int, version: TLSVersion) throws {
        var client = trusting
        var server = TLSSettings()
        (client.least, client.greatest) = (version, version)
        (server.least, server.greatest) = (version, version)
        server.applicationProtocols = ["imap", "pop3"]
        client.applicationProtocols = ["smtp", "pop3", "imap"]
        var pair = try Pair(authority, client: client, server: server)
        pair.piece = piece
        // What is written before the handshake is over waits.
        write("early ", pair.client)
        #expect(pair.client.backlog == 6)
        try pair.shake(authority, now: now)
        #expect(pair.client.state == .open && pair.server.state == .open)
        #expect(pair.server.serverName == "mail.example.com")
        let facts = try #require(pair.client.facts)
        #expect(facts.version == (version == .v10 ? "TLSv1" : "TLSv" + version.rawValue))
        #expect(facts.applicationProtocol == "imap")
        #expect(facts.cipher == pair.server.facts?.cipher && !facts.cipher.isEmpty && !facts.isResumed)
        #expect(pair.client.peerChain.count == 2 && pair.client.distrust == nil)
        let long = String(repeating: "0123456789", count: 10_000)
        write(long, pair.client)
        write("back", pair.server)
        pair.settle()
        #expect(pair.atServer.elementsEqual(octets("early " + long)))
        #expect(pair.atClient == octets("back"))
        pair.client.endOutput()
        pair.settle()
        #expect(pair.server.state == .ended && pair.client.state == .open)
        write("last", pair.server)
        pair.settle()
        #expect(pair.atClient == octets("backlast"))
    }

    private func failure(_ state: TLSConnection.State) -> String {
        if case .failed(let failure) = state { failure.description } else { "" }
    }

    @Test func whatAClientDoesNotTrust() throws {
        func refusal(
            _ settings: TLSSettings, names: [String]? = nil, now: Int64? = nil, peer: String = "mail.example.com"
        ) throws
            -> String
        {
            var pair = try Pair(authority, client: settings, peer: peer)
            try pair.shake(authority, names: names, now: now ?? self.now)
            #expect(pair.atServer.isEmpty)
            return failure(pair.client.state)
        }
        #expect(try refusal(trusting) == "")
        #expect(try refusal(TLSSettings()).contains("self-signed certificate in certificate chain; give its root with"))
        #expect(try refusal(trusting, names: ["other.example.com"]).contains("hostname mismatch"))
        #expect(try refusal(trusting, names: ["*.example.com"]) == "")
        #expect(try refusal(trusting, names: ["*.com.example", "mail.example.com"]) == "")
        #expect(try refusal(trusting, now: now - CertificateAuthority.leafLifetime - 86_400).contains("has expired"))
        #expect(try refusal(trusting, now: now + 3 * 86_400).contains("not yet valid"))
        #expect(try refusal(trusting, names: ["192.0.2.7"], peer: "192.0.2.7") == "")
        #expect(try refusal(trusting, names: ["192.0.2.8"], peer: "192.0.2.7").contains("IP address mismatch"))
        #expect(try refusal(trusting, names: ["2001:db8::7"], peer: "[2001:db8::7]") == "")
        #expect(throws: TLSFailure.self) { try refusal(trusting, peer: "no host") }
    }

    @Test func whoTrustsAnybodyKnowsWhatIsWrong() throws {
        var settings = TLSSettings()
        settings.trust = .anybody
        var pair = try Pair(authority, client: settings)
        try pair.shake(authority, names: ["other.example.com"], now: now)
        #expect(pair.client.state == .open)
        #expect(pair.client.distrust != nil)
    }

    @Test func pins() throws {
        var settings = trusting
        settings.pins = [authority.certificate.keyPin]
        var pair = try Pair(authority, client: settings)
        try pair.shake(authority, now: now)
        #expect(pair.client.state == .open)
        settings.pins = [[UInt8](repeating: 1, count: 32)]
        pair = try Pair(authority, client: settings)
        write("secret", pair.client)
        try pair.shake(authority, now: now)
        #expect(failure(pair.client.state).contains("shows no key that is pinned"))
        #expect(pair.atServer.isEmpty)
    }

    @Test func versionsThatDoNotMeet() throws {
        var server = TLSSettings()
        server.least = .v13
        var client = trusting
        client.greatest = .v12
        var pair = try Pair(authority, client: client, server: server)
        try pair.shake(authority, now: now)
        #expect(failure(pair.server.state).contains("unsupported protocol"))
        #expect(failure(pair.client.state).contains("alert protocol version"))
        server.greatest = .v12
        #expect(throws: TLSFailure.self) { try TLSContext(server, isServer: true) }
    }

    @Test func applicationProtocolsThatDoNotMeet() throws {
        var server = TLSSettings()
        server.applicationProtocols = ["imap"]
        var client = trusting
        client.applicationProtocols = ["h2"]
        var pair = try Pair(authority, client: client, server: server)
        try pair.shake(authority, now: now)
        #expect(failure(pair.client.state).contains("no application protocol"))
    }

    @Test func namesOnTheWire() throws {
        var pair = try Pair(authority, client: trusting, peer: "MAIL.example.com", serverName: "other.example.org")
        pair.settle()
        #expect(pair.server.serverName == "other.example.org")
        pair = try Pair(authority, client: trusting, serverName: "")
        pair.settle()
        #expect(pair.server.serverName == nil && pair.server.state == .needsCertificate)
        pair = try Pair(authority, client: trusting, peer: "192.0.2.1")
        pair.settle()
        #expect(pair.server.serverName == nil)
    }

    @Test func aKeyThatDoesNotFit() throws {
        var pair = try Pair(authority, client: trusting)
        pair.settle()
        let leaf = try authority.mint([try #require(CertificateName("mail.example.com"))], now: now)
        pair.server.present([leaf], key: try PrivateKey.make())
        #expect(failure(pair.server.state).contains("the certificate cannot be used"))
    }

    @Test func whatIsNoTLS() throws {
        let server = try TLSConnection(try TLSContext(TLSSettings(), isServer: true), peer: "a client")
        var room = [UInt8](repeating: 0, count: 100)
        octets("EHLO client.example.com\r\n").withUnsafeBytes { octets in
            room.withUnsafeMutableBytes { server.receive(octets, room: $0) { _ in true } }
        }
        #expect(failure(server.state).hasPrefix("a client: no TLS was agreed upon"))
    }

    /// An octet that was changed on the way ends the connection, and nothing of that record comes out.
    @Test func whatWasChangedOnTheWay() throws {
        var pair = try Pair(authority, client: trusting)
        try pair.shake(authority, now: now)
        write("whole", pair.client)
        var record = pair.client.takeOutput()
        record[record.count - 1] ^= 1
        var room = [UInt8](repeating: 0, count: 100)
        var out: [UInt8] = []
        record.withUnsafeBytes { octets in
            room.withUnsafeMutableBytes { room in
                pair.server.receive(octets, room: room) {
                    out += $0
                    return true
                }
            }
        }
        #expect(out.isEmpty)
        #expect(failure(pair.server.state).hasPrefix("a client: the TLS connection broke"))
        write("more", pair.server)
        pair.settle()
        #expect(pair.atClient.isEmpty)
    }

    /// Who wants no more plaintext gets none until it does, and loses nothing.
    @Test func plaintextWaitsForItsReader() throws {
        var pair = try Pair(authority, client: trusting)
        try pair.shake(authority, now: now)
        for number in 0..<5 { write("\(number)", pair.client) }
        var room = [UInt8](repeating: 0, count: 4_096)
        var out: [UInt8] = []
        pair.client.takeOutput().withUnsafeBytes { octets in
            room.withUnsafeMutableBytes { room in
                pair.server.receive(octets, room: room) {
                    out += $0
                    return false
                }
            }
        }
        #expect(out == octets("0") && pair.server.holdsBack)
        write("5", pair.client)
        pair.settle()
        #expect(pair.atServer.isEmpty)
        room.withUnsafeMutableBytes { room in
            pair.server.resume(room: room) {
                out += $0
                return out.count != 3
            }
            #expect(out == octets("012") && pair.server.holdsBack)
            pair.server.resume(room: room) {
                out += $0
                return true
            }
        }
        #expect(out == octets("012345") && !pair.server.holdsBack)
    }

    /// What a client sends before the certificate is there waits for it.
    @Test func octetsBeforeTheCertificateWait() throws {
        var pair = try Pair(authority, client: trusting)
        pair.settle()
        var room = [UInt8](repeating: 0, count: 100)
        octets("no record").withUnsafeBytes { octets in
            room.withUnsafeMutableBytes { pair.server.receive(octets, room: $0) { _ in true } }
        }
        #expect(pair.server.state == .needsCertificate)
        let leaf = try authority.mint([try #require(CertificateName("mail.example.com"))], now: now)
        pair.server.present([leaf], key: authority.leafKey)
        #expect(pair.server.holdsBack)
        room.withUnsafeMutableBytes { pair.server.resume(room: $0) { _ in true } }
        #expect(failure(pair.server.state).hasPrefix("a client: no TLS was agreed upon"))
    }

    @Test func keysAreTold() throws {
        let told = Told()
        var settings = trusting
        settings.tellsKeys = { told.add($0) }
        var pair = try Pair(authority, client: settings)
        try pair.shake(authority, now: now)
        #expect(told.lines.contains { $0.hasPrefix("CLIENT_HANDSHAKE_TRAFFIC_SECRET ") })
        #expect(told.lines.contains { $0.hasPrefix("CLIENT_TRAFFIC_SECRET_0 ") })
    }
}
