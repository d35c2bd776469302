// The table of protocols, and what is common to their violations.

import Testing

@testable import MailDialogue

@Suite struct ProtocolTableTests {
    @Test func portsThatDissectorsKnow() {
        #expect(MailProtocol.allCases.map(\.wellKnownPort) == [25, 24, 110, 143])
        for proto in MailProtocol.allCases {
            #expect(proto.schemes.first?.port == proto.wellKnownPort)
            #expect(proto.schemes.allSatisfy { $0.implicitTLS == ($0.name.hasSuffix("s") && $0.name != "submission") })
        }
    }

    @Test func severitiesAreOrdered() {
        #expect(Violation.Severity.notice < .error)
        #expect(Violation.Severity.error < .attack)
        #expect(Set(Violation.all).count == Violation.all.count)
        #expect(Violation.all.contains { $0.severity == .attack && $0.side == .server })
    }

    @Test func aTapSaysWhatItWaitsFor() {
        for proto in MailProtocol.allCases {
            var tap = proto.makeTap()
            #expect(tap.demand(.client) != .held && tap.opaque == nil)
            var notes: [Note] = []
            tap.lose(.client, into: &notes)
            tap.lose(.server, into: &notes)
            for side in Side.allCases {
                switch tap.demand(side) {
                case .opaque, .seek: break
                case .line, .content, .held: Issue.record("\(proto) \(side): \(tap.demand(side)) behind a gap")
                }
            }
        }
        var tap = MailProtocol.smtp.makeTap()
        var notes: [Note] = []
        tap.receive(Array("220 x\r\n".utf8)[...], from: .server, into: &notes)
        tap.receive(Array("DATA\r\nabc".utf8)[...], from: .client, into: &notes)
        #expect(tap.demand(.client) == .held)
        #expect(tap.pending(.client) == 3)
    }

    @Test func anEndpointCountsWhatIsOutstanding() {
        func count<D: Dialogue>(_ dialogue: D, _ greeting: String, _ command: String, _ reply: String) -> [Note] {
            var endpoint = Endpoint(dialogue, role: .server)
            var notes: [Note] = []
            endpoint.send(Array(greeting.utf8), into: &notes)
            endpoint.receive(Array(command.utf8), into: &notes)
            #expect(endpoint.dialogue.currentExchange == 1)
            endpoint.send(Array(reply.utf8), into: &notes)
            return notes
        }
        #expect(count(SMTPDialogue(), "220 x\r\n", "NOOP\r\nNOOP\r\n", "250 x\r\n").last?.exchange == 1)
        #expect(count(POP3Dialogue(), "+OK\r\n", "NOOP\r\nNOOP\r\n", "+OK\r\n").last?.exchange == 1)
        #expect(count(IMAPDialogue(), "* OK x\r\n", "a NOOP\r\nb NOOP\r\n", "b OK\r\n").last?.exchange == 2)
    }

    @Test func theStateOfAnIMAPSession() {
        var tap = Tap(IMAPDialogue())
        var notes: [Note] = []
        func both(_ command: String, _ reply: String) {
            tap.receive(Array(command.utf8), from: .client, into: &notes)
            tap.receive(Array(reply.utf8), from: .server, into: &notes)
        }
        #expect(tap.dialogue.phase == .greetingPending)
        both("", "* OK x\r\n")
        #expect(tap.dialogue.phase == .notAuthenticated)
        both("a LOGIN b c\r\n", "a OK\r\n")
        #expect(tap.dialogue.phase == .authenticated)
        both("b SELECT \"x y\"\r\n", "b OK\r\n")
        #expect(tap.dialogue.phase == .selected && tap.dialogue.mailbox == "x y")
        both("c EXAMINE z\r\n", "c NO\r\n")
        #expect(tap.dialogue.phase == .authenticated && tap.dialogue.mailbox == "")
        both("d LOGOUT\r\n", "* BYE\r\nd OK\r\n")
        #expect(tap.dialogue.phase == .logout && tap.dialogue.outstandingCount == 0)
    }
}
