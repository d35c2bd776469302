// Every violation of SASL shows in its own example, as a follower sees it.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct SASLViolationsTests {
    /// What a follower says of the lines of an example; nil when the example is shortened.
    private func said(_ example: String) -> [Violation]? {
        guard !example.contains("…") else { return nil }
        var follower: SASLFollower?
        var said: [Violation] = []
        for line in example.split(separator: "\n", omittingEmptySubsequences: false) {
            let octets = Array(line.dropFirst(3).utf8)[...]
            if line.hasPrefix("S: 334") {
                said += follower?.challenge(octets.firstWord.rest) ?? []
            } else if octets.hasPrefixIgnoringCase("AUTH ") {
                let (mechanism, initial) = octets.dropFirst(5).firstWord
                follower = SASLFollower(mechanism: mechanism.text, lineLimit: 12_288)
                if !initial.isEmpty { said += follower?.response(initial).violations ?? [] }
            } else {
                said += follower?.response(octets).violations ?? []
            }
        }
        return said
    }

    @Test(arguments: Violation.sasl) func examplesShowWhatTheyAreFor(_ violation: Violation) {
        guard let said = said(violation.example) else { return #expect(violation.example.contains("C: AUTH ")) }
        #expect(said.contains(violation), "\(violation.code): \(said.map(\.code))")
    }

    /// What no transcript shows, for it would be a long one.
    @Test func whatIsTooLong() {
        func said(_ mechanism: String, _ challenge: String?, _ response: String) -> [Violation] {
            func base64(_ text: String) -> ArraySlice<UInt8> { Base64.encode(Array(text.utf8))[...] }
            var follower = SASLFollower(mechanism: mechanism, lineLimit: DialogueLimits.saslLine)
            let told = challenge.map { follower.challenge(base64($0)) } ?? []
            return told + follower.response(base64(response)).violations
        }
        func long(_ count: Int) -> String { String(repeating: "x", count: count) }
        #expect(said("GSSAPI", "", long(9_216)) == [])
        #expect(said("GSSAPI", "", long(9_217)) == [.saslLineTooLong])
        let challenge = { #"algorithm=md5-sess,nonce="\#(long($0 - 27))""# }
        #expect(said("DIGEST-MD5", challenge(2_047), "") == [])
        #expect(said("DIGEST-MD5", challenge(2_048), "") == [.saslDigestChallengeTooLong])
        let digest = "0123456789abcdef0123456789abcdef"
        let response = { #"username="a",nonce="x",cnonce="y",response=\#(digest),z="\#(long($0 - 80))""# }
        #expect(response(4_095).utf8.count == 4_095)
        #expect(said("DIGEST-MD5", #"algorithm=md5-sess,nonce="x""#, response(4_095)) == [])
        #expect(said("DIGEST-MD5", #"algorithm=md5-sess,nonce="x""#, response(4_096)) == [.saslDigestResponseTooLong])
    }

    @Test func theTable() {
        #expect(Set(Violation.sasl).count == Violation.sasl.count)
        #expect(Violation.sasl.count >= 40)
        #expect(Violation.sasl.count { $0.example.contains("…") } == 6)
        for violation in Violation.sasl {
            #expect(violation.code.hasPrefix("sasl-") && violation.code == violation.code.lowercased())
            #expect(violation.section.contains(" §") && violation.meaning.hasSuffix("."))
        }
    }
}
