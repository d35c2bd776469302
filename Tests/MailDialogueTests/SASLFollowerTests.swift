// What the responses of SASL mechanisms show, and how they look with the secret masked.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct SASLFollowerTests {
    private func base64(_ text: String) -> ArraySlice<UInt8> { Base64.encode(Array(text.utf8))[...] }

    /// Credential and masked form, decoded, of the last of some responses.
    private func follow(_ mechanism: String, _ responses: [String]) -> (
        account: String?, secret: String?, masked: String?
    ) {
        var follower = SASLFollower(mechanism: mechanism)
        var reading = SASLFollower.Reading()
        for response in responses { reading = follower.response(base64(response)) }
        let masked = reading.masked.flatMap { Base64.decode($0[...]) }.map { $0[...].text }
        if let masked = reading.masked, let last = responses.last { #expect(masked.count == base64(last).count) }
        return (reading.credential?.account, reading.credential?.secret.withRevealed { $0[...].text }, masked)
    }

    @Test func mechanisms() {
        #expect(follow("PLAIN", ["\0bob\0pass"]) == ("bob", "pass", "\0bob\0****"))
        #expect(follow("PLAIN", ["admin\0bob\0p\0q"]) == ("bob", "p\0q", "admin\0bob\0\0**"))
        #expect(follow("LOGIN", ["bob"]) == (nil, nil, nil))
        #expect(follow("LOGIN", ["bob", "pass"]) == ("bob", "pass", "****"))
        #expect(follow("CRAM-MD5", ["bob smith 0123"]) == ("bob smith", "0123", "bob smith -***"))
        #expect(
            follow("XOAUTH2", ["user=bob\u{1}auth=Bearer tok\u{1}\u{1}"])
                == ("bob", "tok", "user=bob\u{1}auth=Bearer ***\u{1}\u{1}"))
        #expect(
            follow("OAUTHBEARER", ["n,a=bob,\u{1}host=x\u{1}auth=Bearer tok\u{1}\u{1}"])
                == ("bob", "tok", "n,a=bob,\u{1}host=x\u{1}auth=Bearer ***\u{1}\u{1}"))
        #expect(follow("OAUTHBEARER", ["\u{1}"]) == (nil, nil, nil))
        #expect(follow("EXTERNAL", ["bob"]) == ("bob", "", nil))
        #expect(follow("ANONYMOUS", ["bob"]) == ("bob", "", nil))
        #expect(follow("SCRAM-SHA-256", ["n,,n=b=2Co=3Db,r=abc"]) == (nil, nil, nil))
        #expect(
            follow("SCRAM-SHA-256", ["n,,n=b=2Co=3Db,r=abc", "c=biws,r=abcd,p=QUJD"])
                == ("b,o=b", "QUJD", "c=biws,r=abcd,p=****"))
    }

    /// Logins that name no account: what else names somebody is told, and where nothing does the login is told all the same.
    @Test func loginsWithoutAnAccount() {
        #expect(follow("PLAIN", ["bob\0\0pass"]) == ("bob", "pass", "bob\0\0****"))
        #expect(follow("PLAIN", ["\0\0pass"]) == ("", "pass", "\0\0****"))
        #expect(follow("LOGIN", ["", "pass"]) == ("", "pass", "****"))
        #expect(follow("XOAUTH2", ["auth=Bearer tok\u{1}\u{1}"]) == ("", "tok", "auth=Bearer ***\u{1}\u{1}"))
        #expect(
            follow("OAUTHBEARER", ["n,,\u{1}auth=Bearer tok\u{1}\u{1}"]) == (
                "", "tok", "n,,\u{1}auth=Bearer ***\u{1}\u{1}"
            ))
        #expect(
            follow("OAUTHBEARER", ["n,,\u{1}user=bob\u{1}auth=Bearer tok\u{1}\u{1}"])
                == ("bob", "tok", "n,,\u{1}user=bob\u{1}auth=Bearer ***\u{1}\u{1}"))
        for mechanism in ["EXTERNAL", "ANONYMOUS"] {
            for isChallenged in [true, false] {
                var follower = SASLFollower(mechanism: mechanism)
                if isChallenged { #expect(follower.challenge([]).isEmpty) }
                let reading = follower.response(isChallenged ? [] : Array("=".utf8)[...])
                #expect(reading.credential == Credential(mechanism: mechanism, account: "", secret: SecretBytes([])))
                #expect(reading.masked == nil && reading.violations.isEmpty)
            }
        }
    }

    @Test(arguments: ["PLAIN", "CRAM-MD5", "GSSAPI", "SCRAM-SHA-1", "X-UNKNOWN"])
    func whatCanNotBeReadIsMaskedWholeAndCountsOnce(_ mechanism: String) {
        var follower = SASLFollower(mechanism: mechanism)
        // What is no base64 stays none under its mask, and what is no message of the mechanism is none under it either.
        let hasForm = ["PLAIN", "CRAM-MD5", "SCRAM-SHA-1"].contains(mechanism)
        let lines = [
            ("bm9uc2Vuc2U", "!**********"), ("!!!!", "!***"),
            ("bm9uc2Vuc2U=", hasForm ? "KioqKioqKio=" : "************"),
        ]
        for (round, (line, masked)) in lines.enumerated() {
            let reading = follower.response(Array(line.utf8)[...])
            #expect(reading.masked == Array(masked.utf8))
            #expect((reading.credential != nil) == (round == 0))
        }
    }

    @Test(arguments: ["", "=", "*"]) func nothingIsShownByNothing(_ line: String) {
        var follower = SASLFollower(mechanism: "PLAIN")
        #expect(follower.response(Array(line.utf8)[...]) == SASLFollower.Reading())
    }

    @Test func secretsNeverPrint() {
        let secret = SecretBytes(Array("s3cret".utf8))
        #expect(!"\(secret) \(String(reflecting: secret))".contains("s3cret"))
        let credential = Credential(mechanism: "PLAIN", account: "bob", secret: secret)
        var dumped = ""
        dump(credential, to: &dumped)
        dump(IMAPDialogue(), to: &dumped)
        #expect(!dumped.contains("115"))
        #expect(secret.withRevealed { $0.count } == 6)
    }
}
