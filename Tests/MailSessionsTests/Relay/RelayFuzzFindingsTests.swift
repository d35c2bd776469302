// What random input found in the relay (Scripts/fuzz), each as a test with the octets that showed it.

import MailDialogue
import Testing

@testable import MailSessions

@Suite struct RelayFuzzFindingsTests {
    /// A rule waited for the header of a retrieved message; the server ended within it, and what had come was lost.
    @Test(arguments: ["", "Subject: half", "Subject: x\r\nTo: y\r\n"], [nil, 1] as [Int?])
    func aRetrievalThatBreaksOffWithinTheHeaderPasses(_ header: String, _ step: Int?) {
        let rules = "rules: [{name: never, when: pop3 and subject == \"nobody.invalid\", then: [close]}]"
        var table = RelayTable(.pop3, rules, step: step)
        table.say(.server, "+OK ready")
        table.say(.client, "RETR 1")
        table.send(.server, Array("+OK\r\n\(header)".utf8))
        table.end(.client)
        table.end(.server)
        #expect(table.client == Array("+OK ready\r\n+OK\r\n\(header)".utf8))
        #expect(table.relay.isDone)
    }

    /// The same while the client is there: it has seen nothing of the answer, and can be told that none comes.
    @Test(arguments: ["", "Subject: half", "Subject: x\r\nTo: y\r\n"], [nil, 1] as [Int?])
    func aRetrievalThatBreaksOffWithinTheHeaderIsRefused(_ header: String, _ step: Int?) {
        let rules = "rules: [{name: never, when: pop3 and subject == \"nobody.invalid\", then: [close]}]"
        var table = RelayTable(.pop3, rules, step: step)
        table.say(.server, "+OK ready")
        table.say(.client, "RETR 1")
        table.send(.server, Array("+OK\r\n\(header)".utf8))
        table.end(.server)
        #expect(table.client == Array("+OK ready\r\n".utf8))
        #expect(
            table.relay.bereavement == .words(LocalReply.serverLost(.pop3, verdicts: 0), exchange: 1))
    }
}
