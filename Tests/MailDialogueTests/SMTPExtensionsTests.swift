// What an EHLO reply offers, and what the tables of extensions, mechanisms and parameters say.

import Testing

@testable import MailDialogue

@Suite struct SMTPExtensionsTests {
    /// What is made of the octets of a text.
    private func of<Value>(_ text: String, _ make: (Span<UInt8>) -> Value) -> Value {
        let octets = Array(text.utf8)
        return make(octets.span)
    }

    private func offer(_ lines: [String]) -> (offer: SMTPOffer, faults: SMTPOffer.Faults) {
        var offer = SMTPOffer()
        var faults: SMTPOffer.Faults = []
        for line in lines { faults.formUnion(of(line) { offer.read($0) }) }
        return (offer, faults)
    }

    @Test func keywordsInAnyCase() {
        for entry in SMTPExtensions.table {
            let keyword = "\(entry.keyword)"
            #expect(of(keyword, SMTPExtensions.init(keyword:)) == entry.extension)
            #expect(of(keyword.lowercased(), SMTPExtensions.init(keyword:)) == entry.extension)
            #expect(of(keyword + "X", SMTPExtensions.init(keyword:)) == .unknown)
        }
        let all = SMTPExtensions.table.map(\.extension.rawValue)
        #expect(all.allSatisfy { $0.nonzeroBitCount == 1 })
        #expect(Set(all).count >= 48)
    }

    @Test func mechanisms() {
        for (bit, name) in SMTPMechanisms.names.enumerated() {
            #expect(of("\(name)".lowercased(), SMTPMechanisms.init(name:)).rawValue == 1 << UInt32(bit))
        }
        let found = offer(["AUTH plain  LOGIN X-OWN", "AUTH=CRAM-MD5 NTLM"])
        #expect(found.offer.mechanisms.names == ["PLAIN", "LOGIN", "CRAM-MD5", "NTLM"])
        #expect(found.offer.mechanisms.contains(.unknown))
        #expect(found.offer.extensions == .auth)
        #expect(found.faults == .syntax)
        #expect(of("ntlm", found.offer.offers) && !of("GSSAPI", found.offer.offers))
        // Nobody knows which mechanisms without a bit there are: any such may be meant.
        #expect(of("X-ANOTHER", found.offer.offers))
    }

    @Test func sizes() {
        #expect(offer(["SIZE"]).offer.sizeLimit == nil)
        #expect(offer(["SIZE 0"]).offer.sizeLimit == nil)
        #expect(offer(["size 1000"]).offer.sizeLimit == 1_000)
        #expect(offer(["SIZE 99999999999999999999"]).offer.sizeLimit == nil)
        #expect(offer(["SIZE 99999999999999999999"]).faults.isEmpty)
        #expect(offer(["SIZE 1 2"]).faults == .size)
        #expect(offer(["SIZE x"]).faults == .size)
    }

    @Test func limits() {
        let found = offer(["LIMITS RCPTMAX=20 MAILMAX=5 FUTURE=x;y OTHER"])
        #expect(found.offer.recipientLimit == 20 && found.offer.transactionLimit == 5 && found.faults.isEmpty)
        for line in ["LIMITS", "LIMITS RCPTMAX", "LIMITS RCPTMAX=", "LIMITS RCPTMAX=07", "LIMITS RCPTMAX=1234567"] {
            #expect(offer([line]).offer.recipientLimit == nil, "\(line)")
            #expect(offer([line]).faults == .limits, "\(line)")
        }
        #expect(offer(["LIMITS =5"]).faults == .limits)
        #expect(offer(["LIMITS rcptdomainmax=3"]).offer.domainLimit == 3)
        #expect(offer(["LIMITS RCPTDOMAINMAX=0"]).faults == .limits && found.offer.domainLimit == 0)
    }

    @Test func whatOnlyAnEHLOReplyHas() {
        for text in ["PIPELINING", "8bitmime", "SIZE 1000", "STARTTLS", "DSN "] {
            #expect(of(text, SMTPOffer.isUnmistakable), "\(text)")
        }
        for text in ["SIZE", "SIZE is 1000", "HELP", "Ok", "DSN accepted", "", "2.1.0 Ok", "AUTH PLAIN"] {
            #expect(!of(text, SMTPOffer.isUnmistakable), "\(text)")
        }
    }

    @Test func parameterKeywordsAreUnique() {
        let keywords = SMTPParameter.allCases.map { "\($0.keyword)" }
        #expect(Set(keywords).count == keywords.count)
        for parameter in SMTPParameter.allCases {
            #expect(of("\(parameter.keyword)".lowercased(), SMTPParameter.init) == parameter)
            #expect(parameter.fits(isRecipient: true) || parameter.fits(isRecipient: false))
            #expect(!of("", parameter.needs).isEmpty)
        }
        #expect(of("FOO", SMTPParameter.init) == nil)
        #expect(SMTPParameter.altAddress.fits(isRecipient: true) && SMTPParameter.altAddress.fits(isRecipient: false))
        #expect(!SMTPParameter.notify.fits(isRecipient: false) && !SMTPParameter.size.fits(isRecipient: true))
    }

    @Test func theNewestReplyWins() {
        var tap = Tap(SMTPDialogue())
        var notes: [Note] = []
        func both(_ client: String, _ server: String) {
            tap.receive(Array(client.utf8), from: .client, into: &notes)
            tap.receive(Array(server.utf8), from: .server, into: &notes)
        }
        #expect(tap.dialogue.extensions == [])
        both("", "220 x\r\n")
        both("EHLO x\r\n", "250-x\r\n250-AUTH PLAIN\r\n250 SIZE 10\r\n")
        #expect(tap.dialogue.extensions == [.auth, .size])
        #expect(tap.dialogue.offer?.sizeLimit == 10 && tap.dialogue.offer?.mechanisms == SMTPMechanisms(rawValue: 1))
        // It counts when it is complete, and when it accepts.
        both("EHLO x\r\n", "250-x\r\n250-DSN\r\n")
        #expect(tap.dialogue.extensions == [.auth, .size])
        both("", "250 CHUNKING\r\n")
        #expect(tap.dialogue.extensions == [.dsn, .chunking])
        both("EHLO x\r\n", "550-x\r\n550 SIZE\r\n")
        #expect(tap.dialogue.extensions == [.dsn, .chunking])
        both("HELO x\r\n", "250 x\r\n")
        #expect(tap.dialogue.extensions == [])
        tap.lose(.client, into: &notes)
        #expect(tap.dialogue.extensions == nil)
    }
}
