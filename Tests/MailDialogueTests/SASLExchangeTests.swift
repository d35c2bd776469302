// What an observer learns of each mechanism: account, realm, service, evidence, whether a layer can follow; and that
// what is masked stays so.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct SASLExchangeTests {
    private func base64(_ octets: [UInt8]) -> ArraySlice<UInt8> { Base64.encode(octets)[...] }
    private func base64(_ text: String) -> ArraySlice<UInt8> { base64(Array(text.utf8)) }

    private static let digestChallenge =
        #"realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8"#
    private static let digestResponse =
        #"charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,"#
        + #"cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com","#
        + "response=d388dad90d4bbd760a152321f2143af7,qop=auth"

    @Test func `DIGEST-MD5 as in RFC 2831 §4`() {
        var follower = SASLFollower(mechanism: "DIGEST-MD5")
        #expect(follower.mayInstallLayer)
        #expect(follower.challenge(base64(Self.digestChallenge)) == [])
        let reading = follower.response(base64(Self.digestResponse))
        #expect(reading.violations == [])
        #expect(reading.credential?.account == "chris" && reading.credential?.realm == "elwood.innosoft.com")
        #expect(reading.credential?.details.contains(.service("imap/elwood.innosoft.com")) == true)
        #expect(reading.credential?.secret == SecretBytes("d388dad90d4bbd760a152321f2143af7"))
        #expect(
            reading.credential?.evidence
                == .digestMD5(
                    challenge: SecretBytes(Self.digestChallenge), response: SecretBytes(Self.digestResponse)))
        let masked = reading.masked.flatMap { Base64.decode($0[...]) }.map { $0[...].text }
        #expect(
            masked
                == Self.digestResponse.replacing(
                    "d388dad90d4bbd760a152321f2143af7", with: String(repeating: "*", count: 32)))
        #expect(!follower.mayInstallLayer, "qop=auth")
        // TL-020: the server's proof comes as a challenge and is answered with nothing.
        #expect(follower.challenge(base64("rspauth=ea40f60335c427b5527b84dbabcdfffd")) == [])
        #expect(follower.response([]) == SASLFollower.Reading())
        #expect(follower.challenge([]) == [.saslUnexpectedChallenge])
    }

    @Test(arguments: [
        ("qop=auth", false), ("qop=\"auth\"", false), ("x=y", false), ("qop=AUTH-INT", true), ("qop=auth-conf", true),
        ("qop=\"auth-conf", true), ("qop", true),
    ]) func `SM-150 DIGEST-MD5 takes up a layer when its qop says so`(_ directive: String, _ layer: Bool) {
        var follower = SASLFollower(mechanism: "DIGEST-MD5")
        _ = follower.challenge(base64(Self.digestChallenge))
        _ = follower.response(base64(Self.digestResponse.replacing("qop=auth", with: directive)))
        #expect(follower.mayInstallLayer == layer)
    }

    @Test func `SM-150 other mechanisms and their layers`() {
        for name in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256-PLUS", "EXTERNAL", "GS2-KRB5-PLUS", "X-OWN"] {
            #expect(!SASLFollower(mechanism: name).mayInstallLayer, "\(name)")
        }
        for name in ["GSSAPI", "GSS-SPNEGO", "KERBEROS_V4", "SRP", "NTLM", "DIGEST-MD5"] {
            #expect(SASLFollower(mechanism: name).mayInstallLayer, "\(name)")
        }
    }

    // MARK: NTLM

    private func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func ntlm(_ type: Int, _ rest: [UInt8]) -> [UInt8] { Array("NTLMSSP\0".utf8) + number(type, 4) + rest }

    private func challenge(flags: Int, offset: Int = 48) -> [UInt8] {
        ntlm(
            2,
            number(0, 2) + number(0, 2) + number(offset, 4) + number(flags, 4) + [1, 2, 3, 4, 5, 6, 7, 8]
                + number(0, 16))
    }

    /// Type 3 with these fields, in the order of their places: LM, NT, domain, user, workstation, key.
    private func response(_ fields: [[UInt8]], flags: Int, shift: Int = 0) -> [UInt8] {
        var table: [UInt8] = []
        var offset = 64 + shift
        for field in fields {
            table += number(field.count, 2) + number(field.count, 2) + number(offset, 4)
            offset += field.count
        }
        return ntlm(3, table + number(flags, 4) + fields.flatMap { $0 })
    }

    private func utf16(_ text: String) -> [UInt8] { text.utf16.flatMap { number(Int($0), 2) } }

    @Test func `NTLM shows domain, user and workstation`() {
        var follower = SASLFollower(mechanism: "NTLM")
        // The text with which Exchange asks for type 1 (MS-SMTPNTLM) is no base64.
        #expect(follower.challenge(Array("ntlm supported".utf8)[...]) == [])
        #expect(follower.response(base64(ntlm(1, number(0x8207, 4)))) == SASLFollower.Reading())
        #expect(follower.challenge(base64(challenge(flags: 0x8201))) == [])
        let nt = [UInt8](repeating: 0xAB, count: 24)
        let lm = [UInt8](repeating: 0xCD, count: 24)
        let message = response([lm, nt, utf16("DOMÄIN"), utf16("bob"), utf16("HOST"), []], flags: 0x8201)
        let reading = follower.response(base64(message))
        #expect(reading.violations == [] && reading.credential?.account == "bob")
        #expect(reading.credential?.realm == "DOMÄIN")
        #expect(reading.credential?.details.contains(.workstation("HOST")) == true)
        #expect(
            reading.credential?.evidence
                == .ntlm(challenge: SecretBytes([1, 2, 3, 4, 5, 6, 7, 8]), lm: SecretBytes(lm), nt: SecretBytes(nt)))
        #expect(reading.masked == [UInt8](repeating: UInt8(ascii: "*"), count: base64(message).count))
        #expect(!follower.mayInstallLayer, "nobody wants to sign or seal")
    }

    @Test func `NTLM in a code page, with a layer, and with fields outside`() {
        func follow(_ type2: [UInt8], _ type3: [UInt8]) -> (SASLFollower, [Violation], SASLFollower.Reading) {
            var follower = SASLFollower(mechanism: "NTLM")
            _ = follower.response(base64(ntlm(1, number(0x8207, 4))))
            let violations = follower.challenge(base64(type2))
            let reading = follower.response(base64(type3))
            return (follower, violations, reading)
        }
        let oem = response([[1], [2], Array("DOM".utf8), Array("bob".utf8), [], []], flags: 0x32)
        let (layered, none, reading) = follow(challenge(flags: 0x32), oem)
        #expect(layered.mayInstallLayer, "both want to sign and seal")
        #expect(!follow(challenge(flags: 0x32), response([[1], [2], [], [], [], []], flags: 2)).0.mayInstallLayer)
        #expect(none == [] && reading.credential?.account == "bob" && reading.credential?.realm == "DOM")
        let outside = response([[1], [2], [3], [4], [5], []], flags: 1, shift: 1 << 20)
        #expect(follow(challenge(flags: 1), outside).2.violations == [.saslNTLMField])
        // Where the fields are said to be stays to be seen, and nothing else.
        let shown = Base64.encode(Array(outside.prefix(52)) + outside.dropFirst(52).map { _ in UInt8(ascii: "*") })
        #expect(follow(challenge(flags: 1), outside).2.masked == shown)
        // A field that begins among them and ends outside is a part of what is hidden.
        let overlapping = ntlm(3, number(60_000, 2) + number(0, 2) + number(20, 4) + [UInt8](repeating: 65, count: 40))
        let hidden = follow(challenge(flags: 1), overlapping).2
        #expect(hidden.violations == [.saslNTLMField])
        #expect(Base64.decode((hidden.masked ?? [])[...])?.dropFirst(20).allSatisfy { $0 == UInt8(ascii: "*") } == true)
        let far = ntlm(2, number(9, 2) + number(9, 2) + number(0x7FFF_FFFF, 4) + number(1, 4) + number(0, 24))
        #expect(follow(far, oem).1 == [.saslNTLMChallengeField])
        #expect(follow(ntlm(2, []), oem).1 == [.saslNTLMChallengeForm])
        #expect(follow(challenge(flags: 1), ntlm(3, [])).2.masked?.first == UInt8(ascii: "*"))
        #expect(follow(challenge(flags: 1), ntlm(1, [])).2.violations == [.saslNTLMForm])
    }

    // MARK: What else a credential shows

    @Test func detailsOfCredentials() {
        func shown(_ mechanism: String, _ challenge: String?, _ responses: [String]) -> Credential? {
            var follower = SASLFollower(mechanism: mechanism)
            var credential: Credential?
            if let challenge { _ = follower.challenge(base64(challenge)) }
            for response in responses { credential = follower.response(base64(response)).credential ?? credential }
            return credential
        }
        #expect(shown("PLAIN", nil, ["root\0bob\0pw"])?.authorization == "root")
        #expect(shown("PLAIN", nil, ["\0bob\0pw"])?.authorization == nil)
        #expect(shown("PLAIN", nil, ["bob\0\0pw"])?.authorization == nil)
        #expect(
            shown("CRAM-MD5", "<1@example.com>", ["bob 00"])?.evidence
                == .cramMD5(challenge: SecretBytes("<1@example.com>")))
        #expect(
            shown("OAUTHBEARER", nil, ["n,a=b=2Cc,\u{1}host=h\u{1}port=143\u{1}auth=Bearer t\u{1}\u{1}"])?.details
                == [.host("h:143")])
        #expect(shown("OAUTHBEARER", nil, ["n,a=b=2Cc,\u{1}auth=Bearer t\u{1}\u{1}"])?.account == "b,c")
        #expect(
            shown("SCRAM-SHA-1", nil, ["n,a=root,n=bob,r=x", "c=bixhPXJvb3Qs,r=xy,p=QUJD"])?.authorization == "root")
        #expect(shown("EXTERNAL", nil, ["bob"])?.authorization == "bob")
        // A token of another scheme is a secret whole.
        #expect(
            shown("OAUTHBEARER", nil, ["n,a=b,\u{1}auth=OAuth realm=\"x\"\u{1}\u{1}"])?.secret
                == SecretBytes("OAuth realm=\"x\""))
        // The password in answer to "Password:" although no account was asked for.
        #expect(shown("LOGIN", "Password:", ["pw"])?.secret == SecretBytes("pw"))
    }

    @Test func whatAServerAsksTwiceIsATokenTwice() {
        var follower = SASLFollower(mechanism: "OAUTHBEARER")
        #expect(follower.response(base64("n,a=u,\u{1}auth=\u{1}\u{1}")) == SASLFollower.Reading())
        #expect(follower.challenge(base64(#"{"status":"invalid_token"}"#)) == [])
        #expect(follower.response(base64([1])) == SASLFollower.Reading())
        #expect(follower.challenge([]) == [.saslUnexpectedChallenge])
        var second = SASLFollower(mechanism: "XOAUTH2")
        let reading = second.response(base64("ya29.token"))
        #expect(reading.masked?.allSatisfy { $0 == UInt8(ascii: "*") } == true, "a token without its fields")
        #expect(second.response(base64("auth=Bearer a\u{1}auth=Bearer b\u{1}\u{1}")).masked?.first == 42)
    }

    @Test func secretsNeverPrint() {
        let evidence: [HashEvidence] = [
            .cramMD5(challenge: SecretBytes("canary")), .apop(timestamp: SecretBytes("canary")),
            .digestMD5(challenge: SecretBytes("canary"), response: SecretBytes("canary")),
            .scram(.sha1, salt: SecretBytes("canary"), iterations: 4_711, authMessage: SecretBytes("canary")),
            .ntlm(challenge: SecretBytes("canary"), lm: SecretBytes("canary"), nt: SecretBytes("canary")),
        ]
        for kind in evidence {
            let credential = Credential(
                mechanism: "X", account: "bob", secret: SecretBytes("canary"), details: [.evidence(kind)])
            var text = "\(kind) \(String(reflecting: kind)) \(credential) \(String(reflecting: credential))"
            dump(credential, to: &text)
            #expect(!text.contains("canary") && !text.contains("4711") && !text.contains("99, 97, 110"))
        }
        let keys = SCRAMKeys(.sha256, salt: [1], iterations: 3, saltedPassword: SecretBytes("canary"))
        let login = SASLLogin(account: "bob", secret: SecretBytes("canary"))
        var machine = SASLClientMachine(.plain, login, nonce: [])
        _ = machine?.begin()
        var text = ""
        dump(keys.storedKey, to: &text)
        dump(login, to: &text)
        dump(machine, to: &text)
        #expect(!text.contains("canary"))
    }

    /// An IMAP server may say eight megabytes in a line; the state of the session is none of them.
    @Test(arguments: ["SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "NTLM", "LOGIN"])
    func whatIsTooLongIsNotKept(_ mechanism: String) {
        let long = base64([UInt8](repeating: 65, count: 300_000))
        var follower = SASLFollower(mechanism: mechanism)
        #expect(follower.challenge(long) == [])
        let reading = follower.response(long)
        #expect(reading.violations == [] && reading.masked == [UInt8](repeating: 42, count: long.count))
        #expect(follower.challenge([]) == [])
        #expect(follower.account.isEmpty)
        var text = ""
        dump(follower, to: &text)
        #expect(text.utf8.count < 20_000)
    }

    // MARK: Masks

    /// `SM-152` for anything that a client may send: the mask has the same length, hides the secret, and followed again
    /// it breaks nothing that the original did not break.
    @Test(arguments: SASLMechanism.spoken.map(\.name) + ["GSSAPI", "X-OWN"])
    func `SM-152 masks keep the length and are followed again`(_ mechanism: String) {
        var random = Seeded(17)
        for _ in 0..<300 {
            var original = SASLFollower(mechanism: mechanism)
            var again = SASLFollower(mechanism: mechanism)
            for round in 0..<4 {
                if round > 0 || Bool.random(using: &random) {
                    let challenge = Bool.random(using: &random) ? [] : base64(random.message())
                    let told = original.challenge(challenge)
                    #expect(Set(again.challenge(challenge)).isSubset(of: told), "\(challenge.text)")
                }
                let line =
                    Int.random(in: 0..<8, using: &random) == 0
                    ? ArraySlice(random.octets(0...9).filter { $0 != 13 && $0 != 10 }) : base64(random.message())
                let reading = original.response(line)
                let masked = reading.masked ?? Array(line)
                #expect(masked.count == line.count)
                if let secret = reading.credential?.secret.withRevealed({ $0 }), secret.count > 3,
                    reading.masked != nil,
                    secret.contains(where: { $0 != 42 })
                {
                    #expect(!masked[...].text.contains(Base64.encode(secret)[...].text))
                    #expect(!(Base64.decode(masked[...]) ?? [])[...].text.contains(secret[...].text))
                }
                let second = again.response(masked[...])
                #expect(
                    Set(second.violations).isSubset(of: reading.violations),
                    "\(line.text): \(second.violations.map(\.code))")
                #expect(second.masked ?? masked == masked)
            }
        }
    }

    // MARK: Hashes and text

    @Test func `PBKDF2 as in RFC 6070 and RFC 7914 §11`() {
        func hex(_ hash: SASLHash, _ password: String, _ salt: String, _ count: Int) -> String? {
            hash.salted(SecretBytes(password), salt: Array(salt.utf8), iterations: count)?
                .withRevealed { Hexadecimal.lower($0)[...].text }
        }
        #expect(hex(.sha1, "password", "salt", 1) == "0c60c80f961f0e71f3a9b524af6012062fe037a6")
        #expect(hex(.sha1, "password", "salt", 4_096) == "4b007901b765489abead49d926f721d065a429c1")
        #expect(
            hex(.sha256, "password", "salt", 4_096)
                == "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a")
        // A key longer than a block is hashed first (RFC 2104 §2).
        let long = String(repeating: "x", count: 200)
        for hash in SASLHash.allCases {
            let once = hash.salted(SecretBytes(long), salt: [7], iterations: 1)
            #expect(once == SecretBytes(hash.code(Array(long.utf8), [7, 0, 0, 0, 1])))
            #expect(once?.withRevealed { $0.count } == hash.size)
        }
    }

    @Test func textIsPreparedAndSecretsAreCompared() {
        #expect(SASLText.prepared("user@Example ~!") == "user@Example ~!")
        #expect(SASLText.prepared("I\u{AD}X") == "IX", "the first example of RFC 4013 §3")
        #expect(SASLText.prepared("a\u{A0}b") == "a b")
        #expect(SASLText.prepared("a\u{7}") == nil, "RFC 4013 §3: prohibited")
        #expect(SASLText.isUTF8(Array("aä漢😀".utf8)) && SASLText.isUTF8([]))
        for broken in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0x80]] as [[UInt8]] {
            #expect(!SASLText.isUTF8(broken))
        }
        #expect(SecretBytes("abc") == SecretBytes("abc") && SecretBytes("abc") != SecretBytes("abd"))
        #expect(SecretBytes("abc") != SecretBytes("ab") && SecretBytes([]) == SecretBytes([]))
    }
}
