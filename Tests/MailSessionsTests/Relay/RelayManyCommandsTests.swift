// The relay with rules and clients that send thousands of commands: what is kept of them, and that each is judged.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct RelayManyCommandsTests {
    private static let refuseBad = """
        rules:
          - name: bad-recipient
            when: rcpt.domain == "bad.example"
            then: [{reject: "550 5.1.1 not here"}]
        """

    private func open(_ rules: String) -> RelayTable {
        var table = RelayTable(.smtp, rules)
        table.say(.server, "220 mx.example.com ESMTP")
        _ = table.took(.client)
        return table
    }

    @Test(
        "Nothing but what a rule may ask for is kept of commands, and a client that has sent too much of it has to wait"
    )
    func commandsOfASilentServer() {
        let asksLater = """
            rules:
              - name: later
                when: smtp and reply.code == "599" and line contains "x"
                then: [close]
            """
        for (rules, kept) in [(Self.refuseBad, 0), (asksLater, 10_000)] {
            var table = open(rules)
            let command = Array("NOOP \(String(repeating: "n", count: 10_000))\r\n".utf8)
            var sent = 0
            while table.relay.wants(.client), sent < 100 {
                table.send(.client, command)
                sent += 1
                #expect(table.relay.due.octets <= sent * (kept + 10))
            }
            #expect(kept == 0 ? sent == 100 : sent == 53)
            for _ in 0..<sent { table.say(.server, "250 ok") }
            #expect(table.relay.wants(.client) && table.relay.outstandingOctets == 0 && table.relay.due.octets == 0)
        }
    }

    @Test("A recipient is judged however many were accepted before it")
    func tenThousandRecipients() {
        var table = open(Self.refuseBad)
        let recipient = "RCPT TO:<a@example.org>"
        table.say(.client, "MAIL FROM:<me@example.com>")
        table.say(.server, "250 ok")
        for _ in 0...(DialogueLimits.outstanding / 100) {
            table.send(.client, Array(String(repeating: recipient + "\r\n", count: 100).utf8))
            table.send(.server, Array(String(repeating: "250 ok\r\n", count: 100).utf8))
        }
        _ = table.took(.client)
        _ = table.took(.server)
        table.say(.client, "RCPT TO:<x@bad.example>", recipient)
        table.say(.server, "250 last")
        #expect(table.took(.client) == ["550 5.1.1 not here", "250 last"])
        #expect(table.took(.server) == [recipient])
    }
}
