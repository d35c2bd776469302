// Lines of CAPA's answer, and what is kept of a list.

import Testing

@testable import MailDialogue

@Suite struct POP3CapabilitiesTests {
    private func line(_ text: String) -> POP3CapabilityLine { POP3CapabilityLine(Array(text.utf8)[...]) }

    private static let known: [(String, POP3Capabilities)] = [
        ("TOP", .top), ("user", .user), ("SASL PLAIN LOGIN", .sasl), ("RESP-CODES", .respCodes),
        ("LOGIN-DELAY 900", .loginDelay), ("PIPELINING", .pipelining), ("EXPIRE NEVER", .expire),
        ("EXPIRE 5 USER", .expire), ("UIDL", .uidl), ("IMPLEMENTATION a b", .implementation), ("Stls", .stls),
        ("AUTH-RESP-CODE", .authRespCode), ("UTF8", .utf8), ("UTF8 USER", [.utf8, .utf8User]), ("LANG", .lang),
        ("XSENDER", .other), ("TOPS", .other),
    ]

    @Test(arguments: known) func tags(_ text: String, _ capability: POP3Capabilities) {
        #expect(line(text).capability == capability)
        #expect(line(text).flaw == nil)
    }

    @Test(arguments: [
        ("", POP3CapabilityLine.Flaw.form), (" TOP", .form), ("TOP ", .form), ("SASL  PLAIN", .form), ("A.B", .form),
        ("A\tB", .form), ("LOGIN-DELAY", .loginDelay), ("LOGIN-DELAY USER", .loginDelay), ("EXPIRE", .expire),
        ("EXPIRE SOON", .expire),
    ])
    func flaws(_ text: String, _ flaw: POP3CapabilityLine.Flaw) { #expect(line(text).flaw == flaw) }

    @Test func mechanismsAreKept() {
        var offer = POP3Offer()
        offer.add(line("sasl plain SCRAM-SHA-256"))
        offer.add(line("TOP"))
        #expect(offer.capabilities == [.sasl, .top])
        #expect(offer.offers(mechanism: Array("PLAIN".utf8)[...]))
        #expect(offer.offers(mechanism: Array("scram-sha-256".utf8)[...]))
        #expect(!offer.offers(mechanism: Array("SCRAM-SHA".utf8)[...]))
        // A list that is not kept whole denies nothing.
        offer.add(line("SASL " + String(repeating: "A ", count: 1_000)))
        #expect(offer.mechanisms.count == 512)
        #expect(offer.offers(mechanism: Array("PLAIN".utf8)[...]))
    }
}
