// The relay with rules, SMTP and LMTP: refusals keep their place among the replies, refused messages leave no trace.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct RelaySMTPRulesTests {
    private static let refuseBad = """
        rules:
          - name: bad-recipient
            when: rcpt.domain == "bad.example"
            then: [{reject: "550 5.1.1 not here"}]
          - name: bad-sender
            when: sender == "spammer@example.com"
            then: [{reject: "no spam"}, {tag: spam}]
        """

    private func open(_ rules: String, _ proto: MailProtocol = .smtp, step: Int? = nil) -> RelayTable {
        var table = RelayTable(proto, rules, step: step)
        table.say(.server, "220 mx.example.com ESMTP")
        _ = table.took(.client)
        return table
    }

    @Test("A refused recipient in a pipelined burst keeps the order of replies", arguments: [nil, 1, 7] as [Int?])
    func pipelinedRecipients(step: Int?) {
        for place in 0..<3 {
            var table = open(Self.refuseBad, step: step)
            var server = ScriptedServer { ["250 \($0)"] }
            var recipients = ["a@example.org", "b@example.org"]
            recipients.insert("x@bad.example", at: place)
            table.converse(
                Array(
                    (["MAIL FROM:<me@example.com>"] + recipients.map { "RCPT TO:<\($0)>" } + ["NOOP"])
                        .joined(separator: "\r\n").utf8) + [13, 10], with: &server)
            var expected = [
                "250 MAIL FROM:<me@example.com>", "250 RCPT TO:<a@example.org>", "250 RCPT TO:<b@example.org>",
            ]
            expected.insert("550 5.1.1 not here", at: 1 + place)
            expected.append("250 NOOP")
            #expect(table.took(.client) == expected)
            #expect(!server.commands.contains { $0.contains("bad.example") })
            #expect(table.hits == ["bad-recipient"])
        }
    }

    @Test("MAIL is refused with a code that the text lacks, the tag is set, QUIT is not touched")
    func refusedSender() {
        var table = open(Self.refuseBad)
        var server = ScriptedServer { ["250 \($0)"] }
        table.converse(
            lines("MAIL FROM:<spammer@example.com>", "RCPT TO:<a@example.org>", "RSET", "QUIT"), with: &server)
        #expect(
            table.took(.client) == [
                "554 5.7.1 no spam", "250 RCPT TO:<a@example.org>", "250 RSET", "250 QUIT",
            ])
        #expect(table.tags == ["spam"])
        #expect(server.commands == ["RCPT TO:<a@example.org>", "RSET", "QUIT"])
    }

    @Test("A refusal never comes before the greeting or before earlier replies")
    func orderOfReplies() {
        var table = RelayTable(.smtp, Self.refuseBad)
        table.say(.client, "EHLO me.example.com", "MAIL FROM:<spammer@example.com>", "NOOP")
        #expect(table.took(.client) == [])
        table.say(.server, "220-mx.example.com", "220 ESMTP")
        #expect(table.took(.client) == ["220-mx.example.com", "220 ESMTP"])
        table.say(.server, "250-mx.example.com", "250 PIPELINING")
        #expect(table.took(.client) == ["250-mx.example.com", "250 PIPELINING", "554 5.7.1 no spam"])
        table.say(.server, "250 Ok")
        #expect(table.took(.client) == ["250 Ok"])
    }

    @Test(
        "DATA and BDAT are refused at the command; the octets of the chunk are dropped", arguments: [nil, 1] as [Int?])
    func refusedCommands(step: Int?) {
        let rules = """
            rules:
              - name: no-data
                when: command in {"DATA", "BDAT"}
                then: [{reject: "554 5.7.1 read only"}]
            """
        var table = open(rules, step: step)
        var server = ScriptedServer { ["250 \($0)"] }
        table.converse(
            lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "BDAT 6 LAST") + Array("QUIT\r\n".utf8) + lines("NOOP"),
            with: &server)
        #expect(
            table.took(.client) == [
                "250 MAIL FROM:<>", "250 RCPT TO:<a@example.org>", "554 5.7.1 read only", "250 NOOP",
            ])
        table.converse(lines("DATA"), with: &server)
        #expect(table.took(.client) == ["554 5.7.1 read only"])
        table.converse(lines("QUIT"), with: &server)
        #expect(table.took(.client) == ["250 QUIT"])
        #expect(server.commands == ["MAIL FROM:<>", "RCPT TO:<a@example.org>", "NOOP", "QUIT"])
    }

    private static let byHeader = """
        rules:
          - name: no-invoices
            when: subject contains "invoice"
            then: [{reject: "554 5.7.1 no invoices"}]
          - name: mark
            when: header["x-mark"]
            then: [{set-header: "X-Mark: seen {sender}"}, {tag: marked}]
        """

    @Test("A message refused by its header reaches nobody; the server sees RSET", arguments: [nil, 1, 13] as [Int?])
    func refusedMessage(step: Int?) {
        var table = open(Self.byHeader, step: step)
        var server = ScriptedServer { ["250 \($0)"] }
        table.converse(lines("MAIL FROM:<me@example.com>", "RCPT TO:<a@example.org>", "DATA"), with: &server)
        #expect(
            table.took(.client) == ["250 MAIL FROM:<me@example.com>", "250 RCPT TO:<a@example.org>", "354 Go ahead"])
        table.converse(
            lines("Subject: your invoice", "", "Pay.", ".") + lines("MAIL FROM:<me@example.com>", "QUIT"), with: &server
        )
        #expect(
            table.took(.client) == ["554 5.7.1 no invoices", "250 MAIL FROM:<me@example.com>", "250 QUIT"])
        #expect(server.messages == [])
        #expect(
            server.commands == [
                "MAIL FROM:<me@example.com>", "RCPT TO:<a@example.org>", "RSET", "MAIL FROM:<me@example.com>", "QUIT",
            ])
        #expect(table.hits == ["no-invoices"])
    }

    @Test("What waits for the rules' word on a header section is counted, and let go with it")
    func heldOctets() {
        var table = open("rules: [{name: h, when: 'header[\"x-mark\"] == \"x\"', then: [{reject: no}]}]")
        var server = ScriptedServer { [$0.hasPrefix("DATA") ? "354 go on" : "250 ok"] }
        table.converse(lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA"), with: &server)
        #expect(table.relay.pending(.client) == 0)
        for _ in 0..<100 { table.say(.client, "X-Long: " + String(repeating: "a", count: 90)) }
        #expect(table.relay.pending(.client) == 10_000)
        table.converse(lines("", "body", "."), with: &server)
        #expect(table.relay.pending(.client) == 0)
    }

    @Test(
        "A header field is set in DATA; nothing behind it is taken for the message", arguments: [nil, 1, 5] as [Int?])
    func setHeader(step: Int?) {
        var table = open(Self.byHeader, step: step)
        var server = ScriptedServer { ["250 \($0)"] }
        table.converse(lines("MAIL FROM:<me@example.com>", "RCPT TO:<a@example.org>", "DATA"), with: &server)
        _ = table.took(.client)
        table.converse(
            lines("Subject: x", "x-mark: no", "X-MARK: twice", "", "..dot", ".", "QUIT"), with: &server)
        #expect(table.took(.client) == ["250 2.0.0 Ok: queued", "250 QUIT"])
        #expect(server.messages == [lines("Subject: x", "X-Mark: seen me@example.com", "", "..dot")])
        #expect(server.commands.last == "QUIT")
        #expect(table.tags == ["marked"])
    }

    @Test("A message without a body, and an empty one")
    func shortMessages() {
        var table = open(Self.byHeader)
        var server = ScriptedServer { ["250 \($0)"] }
        for message in [lines("X-Mark: a"), lines("X-Mark: a", ""), []] {
            table.converse(lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA"), with: &server)
            table.converse(message + lines("."), with: &server)
        }
        #expect(
            server.messages == [lines("X-Mark: seen "), lines("X-Mark: seen ", ""), []])
        #expect(table.took(.client).filter { $0 == "250 2.0.0 Ok: queued" }.count == 3)
    }

    @Test(
        "The server refuses DATA after we said 354: its verdict is that on the message", arguments: [nil, 1] as [Int?])
    func serverRefusesData(step: Int?) {
        var table = open(Self.byHeader, step: step)
        var server = ScriptedServer { ["250 \($0)"] }
        server.refusesData = ["452-4.2.2 full", "452 4.2.2 come again"]
        table.converse(lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA"), with: &server)
        #expect(table.took(.client).last == "354 Go ahead")
        table.converse(lines("Subject: x", "", "NOOP", ".", "NOOP"), with: &server)
        #expect(table.took(.client) == ["452-4.2.2 full", "452 4.2.2 come again", "250 NOOP"])
        #expect(server.commands == ["MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA", "RSET", "NOOP"])
    }

    @Test("Without an accepted recipient the server itself answers DATA")
    func noRecipient() {
        var table = open(Self.byHeader)
        var server = ScriptedServer { $0.hasPrefix("RCPT") ? ["550 5.1.1 unknown"] : ["250 \($0)"] }
        server.refusesData = ["503 5.5.1 no recipients"]
        table.converse(lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA"), with: &server)
        #expect(table.took(.client) == ["250 MAIL FROM:<>", "550 5.1.1 unknown", "503 5.5.1 no recipients"])
    }

    @Test("BDAT: the size of the chunk grows with the field", arguments: [nil, 1, 9] as [Int?])
    func chunkWithHeader(step: Int?) {
        var table = open(Self.byHeader, step: step)
        var server = ScriptedServer { ["250 \($0)"] }
        let first = lines("X-Mark: a", "", "body")
        table.converse(
            lines("MAIL FROM:<>", "RCPT TO:<a@example.org>", "BDAT \(first.count)") + first + lines("BDAT 4 LAST")
                + Array("end!".utf8) + lines("QUIT"), with: &server)
        let edited = lines("X-Mark: seen ", "", "body")
        #expect(server.chunks == edited + Array("end!".utf8))
        #expect(
            server.commands == [
                "MAIL FROM:<>", "RCPT TO:<a@example.org>", "BDAT \(edited.count)", "BDAT 4 LAST", "QUIT",
            ])
        #expect(
            table.took(.client).suffix(3) == ["250 2.0.0 chunk", "250 2.0.0 chunk", "250 QUIT"])
    }

    @Test("BDAT: a header section in many chunks is judged all the same", arguments: [nil, 1] as [Int?])
    func headerInChunks(step: Int?) {
        for (subject, isRefused) in [("invoice", true), ("letter", false)] {
            var table = open(Self.byHeader, step: step)
            var server = ScriptedServer { ["250 \($0)"] }
            var octets = lines("MAIL FROM:<>", "RCPT TO:<a@example.org>")
            let message = lines("Subject: \(subject)", "", "body")
            for octet in message.dropLast() { octets += lines("BDAT 1") + [octet] }
            octets += lines("BDAT 1 LAST") + [10] + lines("NOOP")
            table.converse(octets, with: &server)
            let replies = table.took(.client)
            #expect(replies.count == 2 + message.count + 1)
            if isRefused {
                #expect(server.chunks == [])
                #expect(server.commands == ["MAIL FROM:<>", "RCPT TO:<a@example.org>", "RSET", "NOOP"])
                #expect(replies.contains("554 5.7.1 no invoices"))
                #expect(replies.filter { $0.hasPrefix("503") }.count == 6)
            } else {
                #expect(server.chunks == message)
                #expect(!replies.contains { $0.hasPrefix("5") })
            }
            #expect(replies.last == "250 NOOP")
        }
    }

    @Test("LMTP: a message refused by rules is answered once for each accepted recipient")
    func lmtpRepliesForEachRecipient() {
        var table = open(Self.byHeader, .lmtp)
        var server = ScriptedServer { $0.contains("bad@") ? ["550 5.1.1 unknown"] : ["250 \($0)"] }
        table.converse(
            lines(
                "LHLO me", "MAIL FROM:<>", "RCPT TO:<a@example.org>", "RCPT TO:<bad@example.org>",
                "RCPT TO:<b@example.org>",
                "DATA"), with: &server)
        #expect(table.took(.client).last == "354 Go ahead")
        table.converse(lines("Subject: invoice", "", ".", "NOOP"), with: &server)
        #expect(table.took(.client) == ["554 5.7.1 no invoices", "554 5.7.1 no invoices", "250 NOOP"])
    }

    @Test("A delay holds everything behind it, in order")
    func delayHoldsOrder() {
        let rules = """
            rules:
              - name: slow
                when: command == "NOOP"
                then: [{delay: 2s}]
              - name: slow-refusal
                when: command == "VRFY"
                then: [{delay: 1s}, {reject: "252 x"}]
            """
        let (_, problems) = RuleCompiler.compile([RuleFile(name: "x", text: rules)])
        #expect(problems.count == 1)
        var table = RelayTable(
            .smtp, rules.replacingCode("252 x", "550 no"), holdsTime: true)
        table.say(.server, "220 hello")
        table.say(.client, "HELP", "NOOP", "VRFY x", "RSET")
        #expect(table.took(.server) == ["HELP"])
        #expect(table.waits == [2000])
        #expect(!table.relay.wants(.client) && !table.relay.wants(.server))
        // What the server says meanwhile waits too.
        table.say(.server, "214 help")
        #expect(table.took(.client) == ["220 hello"])
        table.passTime()
        #expect(table.waits == [2000, 1000])
        #expect(table.took(.server) == ["NOOP"])
        table.passTime()
        #expect(table.took(.server) == ["RSET"])
        #expect(table.took(.client) == ["214 help"])
        table.say(.server, "250 noop", "250 rset")
        #expect(table.took(.client) == ["250 noop", "550 no", "250 rset"])
        #expect(table.relay.wants(.client) && table.relay.wants(.server))
    }

    @Test("A delay does not let a later point be skipped")
    func delayAndLaterPoint() {
        let rules = """
            rules:
              - name: slow
                when: command == "RCPT"
                then: [{delay: 1s}]
              - name: bad
                when: rcpt == "x@bad.example"
                then: [{reject: "550 no"}]
            """
        var table = open(rules)
        table.say(.client, "MAIL FROM:<>", "RCPT TO:<x@bad.example>")
        #expect(table.took(.server) == ["MAIL FROM:<>"])
        table.say(.server, "250 Ok")
        #expect(table.took(.client) == ["250 Ok", "550 no"])
    }

    @Test("A delay at the header holds the message and what the client sends behind it")
    func delayAtHeader() {
        let rules = """
            rules:
              - name: slow
                when: subject
                then: [{delay: 1s}]
            """
        var table = RelayTable(.smtp, rules, holdsTime: true)
        table.say(.server, "220 hello")
        table.say(.client, "MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA")
        table.say(.server, "250 a", "250 b")
        #expect(table.took(.client) == ["220 hello", "250 a", "250 b", "354 Go ahead"])
        _ = table.took(.server)
        table.say(.client, "Subject: x", "", "body", ".", "QUIT")
        #expect(table.took(.server) == [])
        table.passTime()
        #expect(table.took(.server) == ["DATA"])
        table.say(.server, "354 go")
        #expect(table.took(.server) == ["Subject: x", "", "body", ".", "QUIT"])
        #expect(table.took(.client) == [])
        table.say(.server, "250 queued", "221 bye")
        #expect(table.took(.client) == ["250 queued", "221 bye"])
    }

    @Test("Connections are refused, delayed and closed")
    func connect() {
        let rules = """
            rules:
              - name: not-you
                when: client.address == "192.0.2.66"
                then: [{reject: "421 4.7.0 not you"}]
              - name: out
                when: client.address == "192.0.2.67"
                then: [close]
              - name: slow
                when: client.address == "192.0.2.68"
                then: [{delay: 3s}]
              - name: tarpit
                when: client.address == "192.0.2.69"
                then: [{delay: 3s}, {reject: "go away"}]
            """
        let refused = RelayTable(.smtp, rules, client: "192.0.2.66")
        #expect(!refused.connects && refused.isClosed)
        #expect(refused.client == lines("421 4.7.0 not you"))
        let closed = RelayTable(.smtp, rules, client: "192.0.2.67")
        #expect(!closed.connects && closed.isClosed && closed.client == [])
        var slow = RelayTable(.smtp, rules, client: "192.0.2.68", holdsTime: true)
        #expect(slow.connects && slow.waits == [3000])
        slow.say(.server, "220 hello")
        #expect(slow.took(.client) == [])
        slow.passTime()
        #expect(slow.took(.client) == ["220 hello"])
        var tarpit = RelayTable(.smtp, rules, client: "192.0.2.69", holdsTime: true)
        #expect(!tarpit.connects && !tarpit.isClosed)
        tarpit.passTime()
        #expect(tarpit.isClosed && tarpit.client == lines("554 5.7.1 go away"))
        let other = RelayTable(.smtp, rules)
        #expect(other.connects && other.hits == [])
    }

    @Test("Close ends both legs and nothing goes on")
    func close() {
        let rules = """
            rules:
              - name: enough
                when: reply.code >= 500
                then: [close]
            """
        var table = open(rules)
        table.say(.client, "NOOP", "BAD", "NOOP")
        table.say(.server, "250 a", "500 what", "250 b")
        #expect(table.took(.client) == ["250 a"])
        #expect(table.isClosed)
        table.say(.client, "MORE")
        #expect(table.took(.server) == ["NOOP", "BAD", "NOOP"])
    }

    @Test("The end of a side is passed on behind all that waits")
    func ends() {
        let rules = "rules: [{name: slow, when: command == \"QUIT\", then: [{delay: 1s}]}]"
        var table = RelayTable(.smtp, rules, holdsTime: true)
        table.say(.server, "220 hello")
        table.say(.client, "QUIT")
        table.end(.client)
        #expect(table.ended == [] && table.took(.server) == [])
        table.passTime()
        #expect(table.ended == [.client] && table.took(.server) == ["QUIT"])
        table.say(.server, "221 bye")
        table.end(.server)
        #expect(table.ended == [.client, .server] && table.relay.isDone)
    }

    @Test("A server that is gone before its verdict on DATA leaves nothing waiting")
    func goneBeforeVerdict() {
        var table = open(Self.byHeader)
        table.say(.client, "MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA")
        table.say(.server, "250 a", "250 b")
        table.say(.client, "Subject: x", "", "body", ".", "QUIT")
        #expect(!table.relay.wants(.client))
        table.end(.server)
        table.end(.client)
        #expect(table.relay.isDone && table.ended == [.server, .client])
    }

    @Test("A rule at the reply knows the command that is answered")
    func replyKnowsItsCommand() {
        let rules = """
            rules:
              - name: unknown-user
                when: command == "RCPT" and reply.code == 550
                then: [{log: "{line}: {reply.text}"}]
            """
        var table = open(rules)
        table.say(.client, "MAIL FROM:<>", "RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>", "NOOP")
        table.say(.server, "250 a", "550-no", "550 such user", "250 b", "550 c")
        #expect(table.hits == ["unknown-user"])
        #expect(table.logs == ["rule unknown-user: RCPT TO:<a@example.org>: 550 such user"])
    }

    @Test("A login is refused before the server can accept it", arguments: [nil, 1] as [Int?])
    func refusedLogin(step: Int?) {
        let rules = """
            rules:
              - name: not-bob
                when: user == "bob"
                then: [{reject: "535 5.7.8 not bob"}]
            """
        // "\0bob\0secret"
        var table = open(rules, step: step)
        table.say(.client, "AUTH PLAIN AGJvYgBzZWNyZXQ=")
        #expect(table.took(.server) == [])
        #expect(table.took(.client) == ["535 5.7.8 not bob"])
        table.say(.client, "AUTH PLAIN")
        #expect(table.took(.server) == ["AUTH PLAIN"])
        table.say(.server, "334 ")
        #expect(table.took(.client) == ["334 "])
        table.say(.client, "AGJvYgBzZWNyZXQ=")
        #expect(table.took(.server) == ["*"])
        #expect(table.took(.client) == [])
        table.say(.server, "501 cancelled")
        #expect(table.took(.client) == ["535 5.7.8 not bob"])
        table.say(.client, "AUTH LOGIN", "NOOP")
        _ = table.took(.server)
        table.say(.server, "503 no")
        #expect(table.took(.client) == ["503 no"])
        #expect(table.took(.server) == ["NOOP"])
        // Another account passes.
        table.say(.server, "250 x")
        table.say(.client, "AUTH PLAIN AGFubgBzZWNyZXQ=")
        #expect(table.took(.server) == ["AUTH PLAIN AGFubgBzZWNyZXQ="])
        #expect(table.hits == ["not-bob", "not-bob"])
    }
}

extension String {
    /// One occurrence replaced.
    func replacingCode(_ old: String, _ new: String) -> String {
        let parts = split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        return parts.joined(separator: new)
    }
}
