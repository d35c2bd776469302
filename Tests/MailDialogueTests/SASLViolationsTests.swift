// Every violation of SASL shows in its own example, as a follower sees it.

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
