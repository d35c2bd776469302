// Rules before our own servers, as dialogues with a store in memory.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct RuledServerTests {
    private func ruled(_ server: any ServerSession, _ mailProtocol: MailProtocol, _ rules: String) -> RuledServer {
        let (set, problems) = RuleCompiler.compile([RuleFile(name: "f", text: rules)])
        #expect(problems == [])
        let facts = RuleFacts(mailProtocol: mailProtocol, clientAddress: "192.0.2.7", route: "r")
        return RuledServer(server, facts: facts, rules: set)
    }

    private func smtp(_ rules: String) -> RuledServer {
        ruled(SMTPServer(settings: ServerSettings(hostName: "mx.example.com"), nonce: 42), .smtp, rules)
    }

    private func pop3(_ rules: String) -> RuledServer {
        ruled(POP3Server(settings: ServerSettings(hostName: "mx.example.com"), nonce: 42), .pop3, rules)
    }

    private static let marks = """
        rules:
          - {name: mark, when: smtp or pop3, then: [{set-header: "X-Mark: {client.address}"}, {tag: marked}]}
          - name: full
            when: rcpt == "full@example.com"
            then: [{reject: "452 4.2.2 full"}]
        """

    @Test("A message gets its field before it is delivered, a recipient is refused, replies stay in order")
    func delivery() {
        let talk = play(
            "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<full@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
                + "Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n"
        ) { smtp(Self.marks) }
        let codes = talk.output.split(separator: "\r\n").map { $0.prefix(4) }.filter { !$0.hasSuffix("-") }
        #expect(codes.map { $0.prefix(3) } == ["220", "250", "250", "452", "250", "354", "250", "221"])
        #expect(talk.store.delivered.count == 1)
        let message = String(decoding: talk.store.delivered[0].octets, as: UTF8.self)
        #expect(message.hasSuffix("X-Mark: 192.0.2.7\r\nSubject: x\r\n\r\nbody\r\n"))
        #expect(talk.conversation.hits == ["full", "mark"])
        #expect(talk.conversation.isClosed)
    }

    @Test("A refused message reaches no mailbox, and the next one does")
    func refusal() {
        let rules = """
            rules:
              - name: no
                when: subject == "no"
                then: [{reject: "554 5.7.1 no"}]
            """
        let envelope = "MAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        let talk = play(
            "EHLO me\r\n\(envelope)Subject: no\r\n\r\nx\r\n.\r\n\(envelope)Subject: yes\r\n\r\ny\r\n.\r\n"
        ) { smtp(rules) }
        #expect(talk.output.contains("554 5.7.1 no\r\n"))
        #expect(talk.store.delivered.count == 1)
        #expect(String(decoding: talk.store.delivered[0].octets, as: UTF8.self).hasSuffix("Subject: yes\r\n\r\ny\r\n"))
    }

    @Test("A large message streams through a header rule to its end")
    func streaming() {
        let body = String(repeating: "0123456789012345678901234567890123456789\r\n", count: 20_000)
        let message = "Subject: large\r\n\r\n" + body
        let store = MemoryStore()
        store.make("bob").add(Array(message.utf8))
        let talk = Conversation(pop3(Self.marks), store)
        talk.send("USER bob\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n")
        #expect(talk.isClosed)
        let output = talk.reply()
        #expect(output.hasSuffix("X-Mark: 192.0.2.7\r\n" + message + ".\r\n+OK goodbye\r\n"))
        #expect(talk.largestSend < 1_000_000)
        talk.expectClean()
    }

    @Test("A delay is the session's timer, and what the server sends meanwhile waits")
    func delay() {
        let rules = """
            rules:
              - {name: slow, when: command == "STAT", then: [{delay: 20s}]}
              - {name: header, when: pop3 and subject, then: [{delay: 1500ms}]}
            """
        let store = MemoryStore()
        store.make("bob").add(Array("Subject: x\r\n\r\ny\r\n".utf8))
        let talk = Conversation(pop3(rules), store)
        talk.send("USER bob\r\nPASS secret\r\n")
        _ = talk.reply()
        talk.send("STAT\r\nRETR 1\r\n")
        #expect(talk.reply() == "")
        #expect(talk.timers.last == 20)
        #expect(!talk.session.wantsOctets)
        // Too early: nothing happens but that the timer is set again.
        talk.now += 5_000_000
        talk.event(.timerFired)
        #expect(talk.reply() == "")
        #expect(talk.timers.last == 15)
        talk.now += 15_000_000
        talk.event(.timerFired)
        #expect(talk.reply().hasPrefix("+OK 1 "))
        #expect(talk.timers.last == 2)
        talk.now += 2_000_000
        talk.event(.timerFired)
        #expect(talk.reply().hasSuffix("Subject: x\r\n\r\ny\r\n.\r\n"))
        // The server's own timer is set again.
        #expect(talk.timers.last ?? 0 > 30)
        #expect(talk.session.wantsOctets)
        talk.expectClean()
    }

    @Test("A client that is not welcome gets no server, one whose rules close is gone")
    func connect() {
        let refused = Conversation(
            smtp("rules: [{name: x, when: client.address == \"192.0.2.7\", then: [{reject: \"421 4.7.0 no\"}]}]"),
            MemoryStore())
        #expect(refused.reply() == "421 4.7.0 no\r\n")
        #expect(refused.isClosed)
        let closed = Conversation(
            smtp("rules: [{name: x, when: command == \"NOOP\", then: [close]}]"), MemoryStore())
        #expect(closed.say("NOOP") == "")
        #expect(closed.isClosed)
    }
}
