// TLS seen from outside: what the handshake shows, and what is opened with the keys, for every chunking, version and suite.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct TLSFollowerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var sample: Sample
        var version: String
        var cipher: String
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "1.3", sample: SomeTLS.tls13, version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384"),
        Case(
            name: "1.3 resumed", sample: SomeTLS.tls13Resumed, version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384"),
        Case(name: "1.3 retry", sample: SomeTLS.tls13Retry, version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384"),
        Case(
            name: "1.2 GCM", sample: SomeTLS.tls12GCM, version: "TLSv1.2",
            cipher: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        Case(
            name: "1.2 GCM 384", sample: SomeTLS.tls12GCM384, version: "TLSv1.2",
            cipher: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
        Case(
            name: "1.2 ChaCha", sample: SomeTLS.tls12ChaCha, version: "TLSv1.2",
            cipher: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        Case(
            name: "1.2 CBC, MAC outside", sample: SomeTLS.tls12CBC, version: "TLSv1.2",
            cipher: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
        Case(
            name: "1.2 CBC, MAC inside", sample: SomeTLS.tls12CBCOld, version: "TLSv1.2",
            cipher: "TLS_RSA_WITH_AES_256_CBC_SHA"),
        Case(
            name: "1.2 CBC 384", sample: SomeTLS.tls12CBC384, version: "TLSv1.2",
            cipher: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
        Case(
            name: "1.2 resumed", sample: SomeTLS.tls12Resumed, version: "TLSv1.2",
            cipher: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        Case(
            name: "1.1", sample: SomeTLS.tls11, version: "TLSv1.1", cipher: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
        Case(name: "1.0", sample: SomeTLS.tls10, version: "TLSv1", cipher: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    ]

    private static func text(_ side: Side) -> String {
        String(decoding: SomeMail.smtp.filter { $0.side == side }.flatMap(\.octets), as: UTF8.self)
    }

    @Test(arguments: cases, [1, 7, Int.max]) func isOpened(_ one: Case, chunk: Int) {
        let found = one.sample.follow(keys: one.sample.log, chunk: chunk)
        #expect(found.client == Self.text(.client))
        #expect(found.server == Self.text(.server))
        #expect(found.observation.version?.description == one.version)
        #expect(found.observation.cipher == one.cipher)
        #expect(found.observation.serverName == "mx.example.com")
        #expect(found.observation.isResumed == one.name.hasSuffix("resumed"))
        #expect(found.observation.isDecrypted && found.reading == .open)
        #expect(found.observation.alert?.name == "close_notify" && found.failure == nil)
        #expect(found.gaps == 0 && found.stops == 0)
        // With the keys the certificates of TLS 1.3 are seen as well.
        let subject = found.observation.isResumed ? nil : "O=Example\\, Inc., CN=mx.example.com"
        #expect(found.observation.certificates.first?.subject == subject)
    }

    @Test(arguments: cases, [1, Int.max]) func withoutKeysTheHandshakeIsSeen(_ one: Case, chunk: Int) {
        for keys in [nil, TLSKeyLog(), SomeTLS.tls13Refused.log] {
            let found = one.sample.follow(keys: keys, chunk: chunk)
            #expect(found.client.isEmpty && found.server.isEmpty && found.reading == .sealed)
            #expect(found.observation.version?.description == one.version)
            #expect(found.observation.cipher == one.cipher)
            #expect(found.observation.isResumed == one.name.hasSuffix("resumed"))
            #expect(found.observation.certificates.isEmpty == (one.version == "TLSv1.3" || found.observation.isResumed))
            #expect(found.failure == nil)
        }
    }

    @Test func whatIsOffered() {
        let seen = SomeTLS.tls13.follow(keys: nil).observation
        #expect(seen.offeredProtocols == ["imap", "smtp"])
        #expect(seen.offeredVersions.map(\.description) == ["TLSv1.3"])
        #expect(seen.offeredCiphers.first == "TLS_AES_256_GCM_SHA384")
        #expect(seen.chosenProtocol == nil)
        #expect(SomeTLS.tls13.follow(keys: SomeTLS.tls13.log).observation.chosenProtocol == "smtp")
        #expect(SomeTLS.tls12GCM.follow(keys: nil).observation.chosenProtocol == "smtp")
    }

    @Test func certificates() throws {
        let ec = try #require(SomeTLS.tls12GCM.follow(keys: nil).observation.certificates.first)
        #expect(ec.keyType == "EC P-256" && ec.keyBits == 256 && ec.signature == "ecdsa-with-SHA256")
        #expect(ec.names == ["mx.example.com", "*.example.org", "192.0.2.1"])
        #expect(ec.isSelfIssued && ec.issuer == ec.subject)
        // Ten years.
        #expect(ec.notAfter - ec.notBefore == 3_650 * 86_400 * 1_000_000)
        #expect(ec.sha256.count == 64)
        let rsa = try #require(SomeTLS.tls12GCM384.follow(keys: nil).observation.certificates.first)
        #expect(rsa.keyType == "RSA" && rsa.keyBits == 2_048 && rsa.signature == "sha256WithRSAEncryption")
    }

    /// The alert that ended it is told where it can be read.
    @Test func refused() {
        let old = SomeTLS.tls12Refused.follow(keys: nil)
        #expect(old.failure == "the client sent unknown_ca")
        #expect(
            old.observation.alert == TLSObservation.Alert(side: .client, isFatal: true, code: 48, name: "unknown_ca"))
        for keys in [nil, SomeTLS.tls13Refused.log] {
            #expect(SomeTLS.tls13Refused.follow(keys: keys).failure == "the client sent unknown_ca")
        }
    }

    /// A log without the secrets of the handshake opens the session all the same.
    @Test func withSecretsOfTheSessionAlone() {
        let keys = SomeTLS.tls13.keys.split(separator: "\n").filter { !$0.contains("HANDSHAKE") }.joined(
            separator: "\n")
        let found = Sample(turns: SomeTLS.tls13.turns, keys: keys).follow(keys: Sample(turns: [], keys: keys).log)
        #expect(found.client == Self.text(.client) && found.server == Self.text(.server))
        #expect(found.observation.certificates.isEmpty)
    }

    /// A changed octet of a record ends what can be read of its side, and nothing of the rest is made up.
    @Test(arguments: cases) func aChangedOctet(_ one: Case) throws {
        let places = one.sample.turns.indices.filter {
            one.sample.turns[$0].side == .client && one.sample.turns[$0].octets.first == 23
                && one.sample.turns[$0].octets.count > 22
        }
        let place = try #require(places.dropLast(2).last)
        var turns = one.sample.turns
        turns[place].octets[20] ^= 1
        let found = Sample(turns: turns, keys: one.sample.keys).follow(keys: one.sample.log)
        #expect(found.stops == 1)
        #expect(Self.text(.client).hasPrefix(found.client) && found.client.count < Self.text(.client).count)
    }

    /// A lost record is a gap, and what comes behind it is read again: the next number that opens is its place.
    @Test(arguments: cases.filter { $0.version != "TLSv1" }) func aLostRecord(_ one: Case) throws {
        for side in Side.allCases {
            let turns = one.sample.turns
            // The EHLO's record, or the answer's: not the first and not the last.
            let first = try #require(turns.firstIndex { $0.side == .server && $0.octets.starts(with: [23, 3]) })
            let places = turns.indices.filter {
                $0 > first + 2 && turns[$0].side == side && turns[$0].octets.count > 22
            }
            for (lost, kept) in [(places[1], 0), (places[1], 3), (places[1], 11), (places[2], 22)] {
                var follower = TLSFollower(how: .implicit, keys: one.sample.log)
                var pieces: [TLSFollower.Piece] = []
                for (index, (turnSide, octets)) in turns.enumerated() {
                    guard index == lost else {
                        follower.receive(octets[...], from: turnSide, into: &pieces)
                        continue
                    }
                    follower.receive(octets.prefix(kept), from: side, into: &pieces)
                    follower.lose(side, octets.count - kept, into: &pieces)
                }
                let found = Followed(follower, pieces)
                #expect(found.gaps == 1 && found.stops == 0)
                let whole = Self.text(side)
                let seen = side == .client ? found.client : found.server
                #expect(seen.count < whole.count && seen.hasSuffix(side == .client ? "QUIT\r\n" : "221 bye\r\n"))
                #expect(side == .client ? found.server == Self.text(.server) : found.client == Self.text(.client))
            }
        }
    }

    /// Nothing that comes makes it trap or hold more than its bounds; what is no TLS is known for that.
    @Test func whatIsNoTLS() {
        var dice = Dice(7)
        for sample in Self.cases.map(\.sample) {
            for _ in 0..<40 {
                var turns = sample.turns
                for _ in 0..<3 {
                    let turn = Int.random(in: 0..<turns.count, using: &dice)
                    guard !turns[turn].octets.isEmpty else { continue }
                    let place = Int.random(in: 0..<turns[turn].octets.count, using: &dice)
                    switch Int.random(in: 0..<3, using: &dice) {
                    case 0: turns[turn].octets[place] = UInt8.random(in: 0...255, using: &dice)
                    case 1: turns[turn].octets.remove(at: place)
                    default: turns[turn].octets.insert(UInt8.random(in: 0...255, using: &dice), at: place)
                    }
                }
                let changed = Sample(turns: turns, keys: sample.keys)
                #expect(changed.follow(keys: sample.log) == changed.follow(keys: sample.log, chunk: 1))
            }
        }
        let text = Sample(turns: SomeMail.smtp, keys: "").follow(keys: nil)
        #expect(text.observation.version == nil && text.client.isEmpty)
    }
}
