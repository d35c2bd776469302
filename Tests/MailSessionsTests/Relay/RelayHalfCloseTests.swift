// The relay with rules, when a client ends its side behind all that it has to say.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct RelayHalfCloseTests {
    private static let refuseInvoices = """
        rules:
          - name: no
            when: header["subject"] matches "invoice"
            then: [{reject: "554 5.7.1 no"}]
        """

    private func open() -> RelayTable {
        var table = RelayTable(.smtp, Self.refuseInvoices)
        table.say(.server, "220 mx.example.com ESMTP")
        _ = table.took(.client)
        return table
    }

    /// `nc -N` sends all it has and ends its side: what it sent is judged like anything else, and the server hears of the end last.
    @Test("A client that ends its side behind a message is not passed by", arguments: ["invoice", "hello"])
    func halfClosed(_ subject: String) {
        var table = open()
        table.say(
            .client, "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA", "Subject: \(subject)", "", "hi",
            ".",
            "QUIT")
        table.end(.client)
        #expect(table.took(.server) == ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>"])
        table.say(.server, "250 ok")
        #expect(table.ended == [])
        table.say(.server, "250 ok")
        if subject == "invoice" {
            #expect(table.took(.server) == ["RSET", "QUIT"])
            table.say(.server, "250 reset")
        } else {
            #expect(table.took(.server) == ["DATA"])
            table.say(.server, "354 go on")
            #expect(table.took(.server) == ["Subject: hello", "", "hi", ".", "QUIT"])
            table.say(.server, "250 queued")
        }
        #expect(table.ended == [.client])
        table.say(.server, "221 bye")
        table.end(.server)
        #expect(table.ended == [.client, .server])
        #expect(
            table.took(.client).suffix(2) == [subject == "invoice" ? "554 5.7.1 no" : "250 queued", "221 bye"])
    }

    /// The answer that the client's octets wait for will not come: they are told, and do not hold up the end.
    @Test("A server that goes away ends the session of a client that has ended")
    func halfClosedAndLeft() {
        var table = open()
        table.say(.client, "MAIL FROM:<a@example.com>", "STARTTLS", "QUIT")
        table.end(.client)
        #expect(table.ended == [])
        #expect(table.took(.server) == ["MAIL FROM:<a@example.com>", "STARTTLS"])
        table.end(.server)
        #expect(table.ended == [.client, .server])
        #expect(table.seen.contains { $0.element == .incomplete && $0.raw.count == 6 })
        #expect(table.took(.server) == [])
    }
}
