// The ends of a SASL exchange against the examples of the RFCs, against each other, and against what must not succeed.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct SASLMachineTests {
    private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func client(
        _ mechanism: SASLMechanism, _ login: SASLLogin, nonce: String = "fyko+d2lbbFgONRv9qkxdawL",
        binding: SCRAMBinding = .none
    ) throws -> SASLClientMachine {
        try #require(SASLClientMachine(mechanism, login, nonce: octets(nonce), binding: binding))
    }

    private func server(
        _ mechanism: SASLMechanism, token: String, binding: SCRAMBinding = .none
    ) throws -> SASLServerMachine {
        try #require(SASLServerMachine(mechanism, token: octets(token), binding: binding))
    }

    private func login(_ account: String, _ secret: String, as authorization: String = "") -> SASLLogin {
        SASLLogin(account: account, authorization: authorization, secret: SecretBytes(secret))
    }

    // MARK: The examples of the RFCs

    @Test func `TL-015 PLAIN as in RFC 4616 §4`() throws {
        var first = try client(.plain, login("tim", "tanstaaftanstaaf"))
        #expect(first.begin() == .send(octets("\0tim\0tanstaaftanstaaf")))
        #expect(first.outcome(accepted: true) == nil)
        var second = try client(.plain, login("Kurt", "xipj3plmq", as: "Ursel"))
        let message = octets("Ursel\0Kurt\0xipj3plmq")
        #expect(second.respond(to: []) == .send(message))
        var ours = try server(.plain, token: "")
        #expect(ours.begin(initial: nil) == .challenge([]))
        let question = SASLServerMachine.Question.password(
            account: "Kurt", authorization: "Ursel", SecretBytes("xipj3plmq"))
        #expect(ours.respond(message) == .ask(question))
        #expect(question.isProven(by: SecretBytes("xipj3plmq")) && !question.isProven(by: SecretBytes("xipj3plmQ")))
        #expect(ours.answer(.holds(true)) == .accept(account: "Kurt", authorization: "Ursel"))
    }

    @Test(arguments: ["alice\0secret", "\0\0secret", "\0alice\0se\0cret", "\0alice\0\u{FF}\u{FE}"])
    func `TL-015 a broken PLAIN message is refused`(_ text: String) throws {
        var ours = try server(.plain, token: "")
        let message = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        guard case .fail(.malformed) = ours.begin(initial: message) else {
            Issue.record("\(text.debugDescription) was taken")
            return
        }
        #expect(ours.respond([]) == .fail(.unexpected))
    }

    @Test func `CRAM-MD5 as in RFC 2195 §2`() throws {
        let challenge = "<1896.697170952@postoffice.reston.mci.net>"
        let response = octets("tim b913a602c7eda7a495b4e6e7334d3890")
        var theirs = try client(.cramMD5, login("tim", "tanstaaftanstaaf"))
        #expect(theirs.begin() == nil)
        #expect(theirs.serverBegins)
        #expect(theirs.respond(to: octets(challenge)) == .send(response))
        var ours = try server(.cramMD5, token: challenge)
        #expect(ours.begin(initial: nil) == .challenge(octets(challenge)))
        guard case .ask(let question) = ours.respond(response) else { throw Unexpected() }
        #expect(question.isProven(by: SecretBytes("tanstaaftanstaaf")))
        #expect(!question.isProven(by: SecretBytes("tanstaaf")))
        #expect(ours.answer(.holds(false)) == .fail(.badCredentials))
    }

    @Test func `APOP as in RFC 1939 §7`() throws {
        let greeting = octets("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>")
        let timestamp = try #require(APOP.timestamp(greeting[...]))
        #expect(timestamp.text == "<1896.697170952@dbc.mtview.ca.us>")
        let digest = APOP.digest(timestamp, SecretBytes("tanstaaf"))
        #expect(digest == octets("c4c9334bac560ecc979e58001b3e22fb") && APOP.isDigest(digest))
        #expect(APOP.timestamp(octets("+OK <no end")[...]) == nil && APOP.timestamp([]) == nil)
        let shown = APOP.credential(
            account: octets("mrose")[...], digest: digest[...], timestamp: SecretBytes(timestamp))
        #expect(shown.evidence == .apop(timestamp: SecretBytes(timestamp)))
    }

    @Test func `SCRAM-SHA-1 as in RFC 5802 §5`() throws {
        try scram(
            .sha1, nonce: "fyko+d2lbbFgONRv9qkxdawL", token: "3rfcNHYJY1ZVvWVs7j", salt: "QSXCR+Q6sek8bf92",
            messages: [
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ])
    }

    @Test func `SCRAM-SHA-256 as in RFC 7677 §3`() throws {
        try scram(
            .sha256, nonce: "rOprNGfwEbeRWgbNEkqO", token: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
            messages: [
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                    + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ])
    }

    /// Both ends must say just these messages, for the user `user` with the password `pencil`, and an observer finds
    /// nothing wrong with them.
    private func scram(_ hash: SASLHash, nonce: String, token: String, salt: String, messages: [String]) throws {
        let mechanism = SASLMechanism.scram(hash, plus: false)
        var theirs = try client(mechanism, login("user", "pencil"), nonce: nonce)
        #expect(theirs.begin() == .send(octets(messages[0])))
        #expect(theirs.outcome(accepted: true) == .serverNotProven)
        #expect(theirs.respond(to: octets(messages[1])) == .send(octets(messages[2])))
        #expect(theirs.outcome(accepted: true) == .serverNotProven)
        // TL-020: the additional data of success comes as a challenge and is answered with nothing.
        #expect(theirs.respond(to: octets(messages[3])) == .send([]))
        #expect(theirs.outcome(accepted: true) == nil)

        let keys = try #require(
            SCRAMKeys(
                hash, salt: Base64.decode(octets(salt)[...]) ?? [], iterations: 4_096, password: SecretBytes("pencil")))
        var ours = try server(mechanism, token: token)
        #expect(ours.begin(initial: nil) == .challenge([]))
        #expect(ours.respond(octets(messages[0])) == .ask(.keys(account: "user", authorization: "", hash)))
        #expect(ours.answer(.keys(keys)) == .challenge(octets(messages[1])))
        #expect(ours.respond(octets(messages[2])) == .challenge(octets(messages[3])))
        #expect(ours.respond([]) == .accept(account: "user", authorization: ""))
        #expect(ours.respond([]) == .fail(.unexpected))

        var follower = SASLFollower(mechanism: mechanism.name)
        func base64(_ index: Int) -> ArraySlice<UInt8> { Base64.encode(octets(messages[index]))[...] }
        #expect(follower.challenge([]) == [])
        #expect(follower.response(base64(0)) == SASLFollower.Reading())
        #expect(follower.challenge(base64(1)) == [])
        let reading = follower.response(base64(2))
        #expect(reading.violations == [] && reading.credential?.account == "user")
        guard case .scram(hash, let shown, 4_096, let authMessage)? = reading.credential?.evidence else {
            throw Unexpected()
        }
        #expect(shown.withRevealed { $0 == keys.salt })
        let proof = reading.credential?.secret.withRevealed { Base64.decode($0[...]) } ?? []
        #expect(authMessage.withRevealed { keys.isProven(by: proof, over: $0) })
        #expect(follower.challenge(base64(3)) == [])
        #expect(follower.response([]) == SASLFollower.Reading())
        #expect(follower.challenge([]) == [.saslUnexpectedChallenge])
    }

    @Test func `TL-018 OAUTHBEARER as in RFC 7628 §4.1`() throws {
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
        var with = login("user@example.com", token)
        with.host = "server.example.com"
        with.port = 143
        var theirs = try client(.oauthBearer, with)
        let message = octets(
            "n,a=user@example.com,\u{1}host=server.example.com\u{1}port=143\u{1}auth=Bearer \(token)\u{1}\u{1}")
        #expect(theirs.begin() == .send(message))
        #expect(theirs.outcome(accepted: true) == nil)
        var ours = try server(.oauthBearer, token: "")
        #expect(ours.begin(initial: message) == .ask(.token(account: "user@example.com", SecretBytes(token))))
        // A refusal takes one round more (§4.3).
        guard case .challenge(let reason) = ours.answer(.holds(false)) else { throw Unexpected() }
        #expect(reason.first == UInt8(ascii: "{"))
        #expect(theirs.respond(to: reason) == .send([1]))
        #expect(ours.respond([1]) == .fail(.badCredentials))
        #expect(theirs.outcome(accepted: false) == .refused(reason[...].text))
    }

    @Test func `TL-018 XOAUTH2 ends with an empty line`() throws {
        var theirs = try client(.xoauth2, login("alice", "tok"))
        let message = octets("user=alice\u{1}auth=Bearer tok\u{1}\u{1}")
        #expect(theirs.begin() == .send(message))
        var ours = try server(.xoauth2, token: "")
        #expect(ours.begin(initial: message) == .ask(.token(account: "alice", SecretBytes("tok"))))
        guard case .challenge(let reason) = ours.answer(.holds(false)) else { throw Unexpected() }
        #expect(theirs.respond(to: reason) == .send([]))
    }

    @Test func `EXTERNAL and ANONYMOUS have no secret`() throws {
        var anonymous = try client(.anonymous, login("sirhc", ""))
        // The example of RFC 4505 §4.
        #expect(anonymous.begin() == .send(Base64.decode(octets("c2lyaGM=")[...]) ?? []))
        var external = try client(.external, login("", "", as: "fred@example.com"))
        #expect(external.begin() == .send(octets("fred@example.com")))
        var ours = try server(.external, token: "")
        #expect(ours.begin(initial: octets("fred@example.com")) == .ask(.external(authorization: "fred@example.com")))
        #expect(ours.answer(.holds(true)) == .accept(account: "", authorization: "fred@example.com"))
        ours = try server(.anonymous, token: "")
        #expect(ours.begin(initial: octets("sirhc")) == .ask(.anonymous(trace: "sirhc")))
        #expect(ours.answer(.holds(true)) == .accept(account: "", authorization: ""))
    }

    @Test func `LOGIN asks twice`() throws {
        var theirs = try client(.login, login("bob", "pass"))
        var ours = try server(.login, token: "")
        guard case .challenge(let first) = ours.begin(initial: nil) else { throw Unexpected() }
        #expect(theirs.respond(to: first) == .send(octets("bob")))
        guard case .challenge(let second) = ours.respond(octets("bob")) else { throw Unexpected() }
        #expect(theirs.respond(to: second) == .send(octets("pass")))
        #expect(
            ours.respond(octets("pass"))
                == .ask(.password(account: "bob", authorization: "", SecretBytes("pass"))))
        #expect(theirs.respond(to: second) == .fail(.unexpected))
    }

    // MARK: What must not succeed

    @Test func `TL-019 who begins is kept to`() throws {
        for mechanism in SASLMechanism.spoken {
            guard var ours = SASLServerMachine(mechanism, token: octets("<1@example.com>")) else { continue }
            switch mechanism.beginner {
            case .client: #expect(ours.begin(initial: nil) == .challenge([]), "\(mechanism)")
            case .server: #expect(ours.begin(initial: octets("x")) == .fail(.serverBegins), "\(mechanism)")
            case .either: break
            }
        }
        for mechanism in [SASLMechanism.digestMD5, .ntlm, .other("GSSAPI")] {
            #expect(SASLServerMachine(mechanism, token: []) == nil, "only followed")
            #expect(SASLClientMachine(mechanism, login("a", "b"), nonce: octets("x")) == nil)
        }
    }

    @Test(arguments: [
        // The nonce does not extend ours, or adds nothing to it.
        "r=other,s=c2FsdA==,i=4096", "r=abc,s=c2FsdA==,i=4096",
        // An extension that must be understood.
        "m=x,r=abcd,s=c2FsdA==,i=4096",
        // Not of the form.
        "r=abcd,i=4096", "r=abcd,s=c2FsdA==,i=0", "r=abcd,s=c2FsdA==,i=x", "r=abcd,s=*,i=1", "", "x", ",,,",
        "r=abcd,s=c2FsdA==,i=4096,,",
        // Would take for ever.
        "r=abcd,s=c2FsdA==,i=1000001", "r=abcd,s=c2FsdA==,i=99999999999999999999", "e=other-error",
    ]) func `TL-016 a client goes along with no such challenge`(_ challenge: String) throws {
        var theirs = try client(.scram(.sha256, plus: false), login("user", "pencil"), nonce: "abc")
        _ = theirs.begin()
        guard case .fail = theirs.respond(to: octets(challenge)) else {
            Issue.record("\(challenge) was answered")
            return
        }
        #expect(theirs.outcome(accepted: true) != nil)
    }

    @Test(arguments: [
        "n,,n=us=er,r=abc", "n,,m=x,n=user,r=abc", "n,a=,n=user,r=abc", "n,,n=,r=abc", "n,,n=user,r=", "n,,n=user",
        "x,,n=user,r=abc", "p=tls-unique,,n=user,r=abc", "n,,n=us\ter,r=abc", "n,,n=user,r=a b", "", "n,,",
    ]) func `TL-016 a server goes along with no such first message`(_ message: String) throws {
        var ours = try server(.scram(.sha256, plus: false), token: "srv")
        guard case .fail = ours.begin(initial: octets(message)) else {
            Issue.record("\(message) was taken")
            return
        }
    }

    @Test func `TL-016 a server checks nonce and channel binding of the last message`() throws {
        let keys = try #require(
            SCRAMKeys(.sha256, salt: [1, 2], iterations: 4, password: SecretBytes("pencil")))
        let wrong = [
            "c=biws,r=abcsrX,p=", "c=eSws,r=abcsrv,p=", "c=biws,r=abcsrv,m=x,p=", "r=abcsrv,p=", "c=biws,p=",
        ]
        for start in wrong {
            var ours = try server(.scram(.sha256, plus: false), token: "srv")
            _ = ours.begin(initial: octets("n,,n=user,r=abc"))
            #expect(ours.answer(.keys(keys)) == .challenge(octets("r=abcsrv,s=AQI=,i=4")))
            let proof = String(decoding: Base64.encode([UInt8](repeating: 7, count: 32)), as: UTF8.self)
            let step = ours.respond(octets(start + proof))
            guard case .fail = step else { throw Unexpected() }
        }
    }

    @Test func `TL-012 TL-013 a proof is bound to its channel`() throws {
        let keys = try #require(SCRAMKeys(.sha256, salt: [9], iterations: 4, password: SecretBytes("pencil")))
        let here = SCRAMBinding.channel(type: "tls-exporter", data: [1, 2, 3])
        let there = SCRAMBinding.channel(type: "tls-exporter", data: [1, 2, 4])
        func run(_ plus: Bool, _ theirBinding: SCRAMBinding, _ ourBinding: SCRAMBinding) throws -> Bool {
            let mechanism = SASLMechanism.scram(.sha256, plus: plus)
            return try meet(
                client(mechanism, login("user", "pencil"), binding: theirBinding),
                server(mechanism, token: "srv", binding: ourBinding), keys)
        }
        #expect(try run(true, here, here))
        #expect(try !run(true, here, there), "another channel: someone between")
        #expect(try !run(true, here, .none))
        #expect(try !run(true, .none, here), "the name with -PLUS, and no binding")
        #expect(try !run(false, here, here))
        #expect(try run(false, .none, .none))
        #expect(try run(false, .none, here))
        #expect(try run(false, .possible, .none))
        // The client saw no -PLUS where there is one: it was stripped on the way (RFC 5802 §6).
        #expect(try !run(false, .possible, here))
    }

    @Test func `iterations are bounded`() {
        let password = SecretBytes("x")
        #expect(SCRAMKeys(.sha256, salt: [1], iterations: 0, password: password) == nil)
        #expect(SCRAMKeys(.sha256, salt: [1], iterations: SASLHash.mostIterations + 1, password: password) == nil)
        #expect(SCRAMKeys(.sha256, salt: [1], iterations: .min, password: password) == nil)
        #expect(SCRAMKeys(.sha256, salt: [1], iterations: 1, password: password) != nil)
    }

    // MARK: Face to face

    private struct Unexpected: Error {}

    /// Lets both ends talk to their end. True when the server accepts and the client believes it.
    private func meet(
        _ client: SASLClientMachine, _ server: SASLServerMachine, _ keys: SCRAMKeys?,
        password: SecretBytes = SecretBytes([]), tamper: (Int, [UInt8]) -> [UInt8] = { $1 }
    ) -> Bool {
        var (client, server) = (client, server)
        var step = server.begin(initial: nil)
        var round = 0
        while round < 20 {
            switch step {
            case .challenge(let challenge):
                guard case .send(let response) = client.respond(to: tamper(round, challenge)) else { return false }
                step = server.respond(tamper(round + 1, response))
                round += 2
            case .ask(.keys): step = server.answer(keys.map { .keys($0) } ?? .holds(false))
            case .ask(let question): step = server.answer(.holds(question.isProven(by: password)))
            case .accept: return client.outcome(accepted: true) == nil
            case .fail: return false
            }
        }
        return false
    }

    @Test(arguments: SASLMechanism.spoken) func bothEndsAgree(_ mechanism: SASLMechanism) throws {
        var random = Seeded(7)
        for _ in 0..<60 {
            let account = random.text(1...40)
            let secret = SecretBytes(random.text(1...80))
            let with = SASLLogin(account: account, secret: secret)
            let nonce = random.token()
            let data: [UInt8] = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            var binding = SCRAMBinding.none
            var keys: SCRAMKeys?
            if case .scram(let hash, let plus) = mechanism {
                if plus { binding = .channel(type: "tls-exporter", data: data) }
                keys = SCRAMKeys(hash, salt: data, iterations: Int.random(in: 1...8, using: &random), password: secret)
                #expect(keys != nil)
            }
            guard let theirs = SASLClientMachine(mechanism, with, nonce: nonce, binding: binding),
                let ours = SASLServerMachine(
                    mechanism, token: mechanism == .cramMD5 ? octets("<\(data[0])@example.com>") : random.token(),
                    binding: binding)
            else { return }
            switch mechanism {
            case .external, .anonymous, .xoauth2, .oauthBearer: return
            case .plain, .login, .cramMD5, .scram, .digestMD5, .ntlm, .other: break
            }
            #expect(meet(theirs, ours, keys, password: secret), "\(account)")
            let other = SecretBytes(secret.withRevealed { $0 + [UInt8(ascii: "x")] })
            var wrongKeys = keys
            if let keys {
                wrongKeys = SCRAMKeys(keys.hash, salt: keys.salt, iterations: keys.iterations, password: other)
            }
            #expect(!meet(theirs, ours, wrongKeys, password: other), "\(account)")
        }
    }

    @Test func noTamperedSCRAMExchangeSucceeds() throws {
        var random = Seeded(11)
        let keys = try #require(SCRAMKeys(.sha256, salt: [1, 2, 3], iterations: 3, password: SecretBytes("pencil")))
        let theirs = try client(.scram(.sha256, plus: false), login("user", "pencil"))
        let ours = try server(.scram(.sha256, plus: false), token: "3rfcNHYJY1ZVvWVs7j")
        #expect(meet(theirs, ours, keys))
        // Messages 1 to 4 of the exchange; 0 and 5 are empty.
        for target in 1...4 {
            for _ in 0..<300 {
                let place = Int.random(in: 0..<400, using: &random)
                let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
                let success = meet(theirs, ours, keys) { round, message in
                    // The last group of base64 may have bits that mean nothing.
                    guard round == target, message.count > 5 else { return message }
                    var message = message
                    message[place % (message.count - 4)] ^= bit
                    return message
                }
                #expect(!success, "message \(target), octet \(place), bit \(bit)")
            }
        }
        // A server that skips its proof, or makes one up.
        let proven = SCRAMServerFinal.verifier([UInt8](repeating: 0, count: 32)).message
        #expect(!meet(theirs, ours, keys) { round, message in round == 4 ? proven : message })
        #expect(!meet(theirs, ours, keys) { round, message in round == 4 ? [] : message })
    }

    @Test func randomOctetsNeverTrap() {
        var random = Seeded(13)
        for mechanism in SASLMechanism.spoken {
            for _ in 0..<400 {
                var ours = SASLServerMachine(mechanism, token: random.token())
                var theirs = SASLClientMachine(
                    mechanism, SASLLogin(account: random.text(0...9), secret: SecretBytes(random.octets(0...9))),
                    nonce: random.token())
                let keys = SCRAMKeys(
                    .sha256, salt: [], iterations: 1, storedKey: SecretBytes([]), serverKey: SecretBytes([]))
                _ = ours?.begin(initial: Bool.random(using: &random) ? nil : random.message())
                for _ in 0..<4 {
                    if case .accept? = ours?.respond(random.message()) { Issue.record("\(mechanism) let us in") }
                    if case .accept? = ours?.answer(.keys(keys)) { Issue.record("\(mechanism) let us in") }
                    _ = theirs?.respond(to: random.message())
                }
            }
        }
    }
}
