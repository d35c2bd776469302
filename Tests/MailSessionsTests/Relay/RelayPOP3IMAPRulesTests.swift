// The relay with rules, POP3 and IMAP.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct RelayPOP3IMAPRulesTests {
    private static let pop3 = """
        rules:
          - name: no-dele
            when: command == "DELE"
            then: [{reject: "554 5.7.1 read only"}]
          - name: hide
            when: subject contains "secret"
            then: [{reject: hidden}]
          - name: mark
            when: pop3 and subject
            then: [{set-header: "X-Seen: {user} {carrier}"}]
        """

    @Test("POP3: a refused command keeps its place in a burst", arguments: [nil, 1, 4] as [Int?])
    func refusedInBurst(step: Int?) {
        for place in 0..<3 {
            var table = RelayTable(.pop3, Self.pop3, step: step)
            table.say(.server, "+OK hello")
            var commands = ["NOOP", "STAT"]
            commands.insert("DELE 1", at: place)
            table.send(.client, Array(commands.joined(separator: "\r\n").utf8) + [13, 10])
            table.say(.server, "+OK noop", "+OK 1 120")
            var expected = ["+OK noop", "+OK 1 120"]
            expected.insert("-ERR read only", at: place)
            #expect(table.took(.client) == ["+OK hello"] + expected)
            #expect(table.took(.server) == ["NOOP", "STAT"])
        }
    }

    @Test("POP3: a message gets a field, another is hidden, a listing passes", arguments: [nil, 1, 11] as [Int?])
    func retrieval(step: Int?) {
        var table = RelayTable(.pop3, Self.pop3, step: step)
        table.say(.server, "+OK hello")
        table.say(.client, "USER bob", "PASS pw", "LIST", "RETR 1", "RETR 2", "TOP 3 0", "DELE 1", "QUIT")
        _ = table.took(.client)
        table.say(.server, "+OK", "+OK", "+OK list", "1 10", ".")
        #expect(table.took(.client) == ["+OK", "+OK", "+OK list", "1 10", "."])
        table.say(.server, "+OK 1", "Subject: a", "", "..dot", "x", ".")
        #expect(table.took(.client) == ["+OK 1", "X-Seen: bob RETR", "Subject: a", "", "..dot", "x", "."])
        table.say(.server, "+OK 2", "Subject: a secret", "", "body", "..", ".")
        #expect(table.took(.client) == ["-ERR hidden"])
        table.say(.server, "+OK 3", "Subject: top", ".")
        #expect(table.took(.client) == ["+OK 3", "X-Seen: bob TOP", "Subject: top", ".", "-ERR read only"])
        table.say(.server, "+OK bye")
        #expect(table.took(.client) == ["+OK bye"])
        #expect(
            table.hits == ["mark", "hide", "mark", "no-dele"] || table.hits == ["no-dele", "mark", "hide", "mark"])
    }

    @Test("POP3: a rule at the reply sees the status line of a listing once")
    func replyOfListing() {
        let rules = """
            rules:
              - name: ok
                when: pop3 and reply.code == "+OK"
                then: [{log: "{command} {reply.text}"}]
            """
        var table = RelayTable(.pop3, rules)
        table.say(.server, "+OK hello")
        table.say(.client, "CAPA", "NOOP", "RETR 1", "NOOP")
        table.say(.server, "+OK capa", "TOP", ".", "+OK noop", "+OK one", "Subject: x", "", ".", "+OK more")
        #expect(
            table.logs == [
                "rule ok: CAPA +OK capa", "rule ok: NOOP +OK noop", "rule ok: RETR +OK one", "rule ok: NOOP +OK more",
            ])
    }

    @Test("POP3: a delay at a message's header waits in order")
    func delayedRetrieval() {
        let rules = """
            rules:
              - name: slow
                when: pop3 and subject
                then: [{delay: 1s}, {set-header: "X-Slow: yes"}]
            """
        var table = RelayTable(.pop3, rules, holdsTime: true)
        table.say(.server, "+OK hello")
        table.say(.client, "RETR 1", "NOOP")
        table.say(.server, "+OK 1", "Subject: x", ".", "+OK noop")
        #expect(table.took(.client) == ["+OK hello"])
        table.passTime()
        #expect(table.took(.client) == ["+OK 1", "X-Slow: yes", "Subject: x", ".", "+OK noop"])
    }

    @Test("POP3: a login is refused in every way in which it can be made", arguments: [nil, 1] as [Int?])
    func refusedPOP3Logins(step: Int?) {
        let rules = "rules: [{name: no, when: user == \"bob\", then: [{reject: \"535 5.7.8 not bob\"}]}]"
        var table = RelayTable(.pop3, rules, step: step)
        table.say(.server, "+OK hello")
        table.say(.client, "USER bob", "PASS secret", "AUTH PLAIN AGJvYgBzZWNyZXQ=")
        #expect(table.took(.server) == ["USER bob"])
        table.say(.server, "+OK")
        #expect(table.took(.client) == ["+OK hello", "+OK", "-ERR not bob", "-ERR not bob"])
        table.say(.client, "AUTH PLAIN")
        table.say(.server, "+ ")
        table.say(.client, "AGJvYgBzZWNyZXQ=")
        #expect(table.took(.server) == ["AUTH PLAIN", "*"])
        table.say(.server, "-ERR cancelled")
        table.say(.client, "NOOP")
        table.say(.server, "+OK noop")
        #expect(table.took(.client) == ["+ ", "-ERR not bob", "+OK noop"])
    }

    private static let imap = """
        rules:
          - name: not-bob
            when: user == "bob"
            then: [{reject: "535 5.7.8 not bob"}]
          - name: no-expunge
            when: command in {"EXPUNGE", "UID EXPUNGE"}
            then: [{reject: "not here"}]
          - name: small
            when: imap and size > 1 KB
            then: [{reject: "552 5.3.4 too large"}]
          - name: read-only
            when: mailbox == "Archive"
            then: [{reject: "read only"}]
        """

    @Test("IMAP: refusals carry the tag; others pass", arguments: [nil, 1, 6] as [Int?])
    func refusals(step: Int?) {
        var table = RelayTable(.imap, Self.imap, step: step)
        table.say(.server, "* OK hello")
        table.say(.client, "a LOGIN ann pw", "b UID EXPUNGE 1", "c NOOP", "d SELECT \"Archive\"", "e SELECT Archive2")
        #expect(table.took(.server) == ["a LOGIN ann pw", "c NOOP", "e SELECT Archive2"])
        #expect(table.took(.client) == ["* OK hello", "b NO not here", "d NO read only"])
        table.say(.server, "a OK", "c OK", "e OK")
        #expect(table.took(.client) == ["a OK", "c OK", "e OK"])
    }

    @Test("IMAP: a refused command with literals of both kinds", arguments: [nil, 1] as [Int?])
    func refusedLiterals(step: Int?) {
        var table = RelayTable(.imap, Self.imap, step: step)
        table.say(.server, "* OK hello")
        // Synchronising: refused at once, the client sends no octets.
        table.say(.client, "a APPEND INBOX {2000}", "b NOOP")
        #expect(table.took(.client) == ["* OK hello", "a NO too large"])
        #expect(table.took(.server) == ["b NOOP"])
        table.say(.server, "b OK")
        // Non-synchronising: the octets come and are dropped with the rest of the command.
        table.send(
            .client, lines("c APPEND INBOX {1500+}") + [UInt8](repeating: 120, count: 1500) + lines("", "d NOOP"))
        #expect(table.took(.client) == ["b OK", "c NO too large"])
        #expect(table.took(.server) == ["d NOOP"])
        table.say(.server, "d OK")
        // First one kind, then the other: the client waits before the second.
        table.send(.client, lines("e APPEND Archive {4+}") + Array("(x) {9}\r\n".utf8) + lines("f NOOP"))
        #expect(table.took(.client).last == "e NO read only")
        #expect(table.took(.server) == ["f NOOP"])
    }

    @Test("IMAP: nothing of ours comes into the middle of a response")
    func notWithinResponse() {
        var table = RelayTable(.imap, Self.imap)
        table.say(.server, "* OK hello")
        table.say(.client, "a FETCH 1 BODY[]")
        table.send(.server, Array("* 1 FETCH (BODY[] {10}\r\n01234".utf8))
        table.say(.client, "b EXPUNGE")
        table.send(.server, Array("56789 FLAGS ()".utf8))
        #expect(table.took(.client) == ["* OK hello", "* 1 FETCH (BODY[] {10}", "0123456789"])
        table.send(.server, Array(")\r\na OK\r\n".utf8))
        #expect(table.took(.client) == [" FLAGS ())", "b NO not here", "a OK"])
    }

    @Test("IMAP: a login is refused in every way in which it can be made", arguments: [nil, 1] as [Int?])
    func refusedLogins(step: Int?) {
        var table = RelayTable(.imap, Self.imap, step: step)
        table.say(.server, "* OK hello")
        table.say(.client, "a LOGIN bob secret", "b AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=")
        #expect(table.took(.server) == [])
        #expect(table.took(.client) == ["* OK hello", "a NO not bob", "b NO not bob"])
        table.say(.client, "c AUTHENTICATE PLAIN")
        table.say(.server, "+ ")
        table.say(.client, "AGJvYgBzZWNyZXQ=")
        #expect(table.took(.server) == ["c AUTHENTICATE PLAIN", "*"])
        table.say(.server, "* OK still there", "c BAD cancelled")
        #expect(table.took(.client) == ["+ ", "* OK still there", "c NO not bob"])
        table.send(.client, lines("d LOGIN {3+}") + Array("bob {6+}\r\nsecret\r\n".utf8))
        // The line that would complete the command never came.
        #expect(!table.server.suffix(2).elementsEqual([13, 10]))
        #expect(table.isClosed)
        #expect(table.took(.client).first == "d NO not bob")
    }

    /// What completes a command whose name is refused never comes to the server, so that the session ends.
    @Test(
        "IMAP: a mailbox that is named by a literal is judged as any other",
        arguments: [
            ("SELECT {7+}", "Archive"), ("SELECT {7}", "Archive"), ("STATUS {7+}", "Archive (MESSAGES)"),
            ("select ~{7+}", "Archive"), ("APPEND {7+}", "Archive (\\Seen) {5}"), ("APPEND {5+}", "INBOX {2000}"),
        ], [nil, 1] as [Int?])
    func literalNames(_ words: (String, String), _ step: Int?) {
        var table = RelayTable(.imap, Self.imap, step: step)
        table.say(.server, "* OK hello", "* OK still there")
        table.say(.client, "a \(words.0)")
        if !words.0.contains("+") { table.say(.server, "+ go on") }
        _ = table.took(.client)
        table.say(.client, words.1)
        #expect(table.took(.client).first == (words.1.hasPrefix("INBOX") ? "a NO too large" : "a NO read only"))
        #expect(table.isClosed)
        #expect(
            String(decoding: table.server, as: UTF8.self)
                == "a \(words.0)\r\n\(words.1.prefix(words.1.hasPrefix("INBOX") ? 5 : 7))")
    }

    @Test(
        "IMAP: other mailboxes that are named by literals pass",
        arguments: [
            ["a SELECT {5+}", "INBOX", "b NOOP"], ["a APPEND {5+}", "INBOX (\\Seen) {2+}", "hi", "b NOOP"],
            ["a STATUS {9+}", "Archive/x (MESSAGES)", "b SEARCH CHARSET UTF-8 TEXT {7+}", "Archive", "c NOOP"],
            ["a CREATE {0+}", "", "b RENAME x {7+}", "Archive"],
        ], [nil, 1] as [Int?])
    func otherLiteralNames(_ lines: [String], _ step: Int?) {
        var table = RelayTable(.imap, Self.imap, step: step)
        table.say(.server, "* OK hello")
        for line in lines { table.say(.client, line) }
        #expect(table.took(.server) == lines)
        #expect(!table.isClosed)
    }

    @Test("IMAP: a rule at the reply knows its command, whatever came between")
    func replyOfTag() {
        let rules = """
            rules:
              - name: failed
                when: reply.code == "NO"
                then: [{log: "{command}: {reply.text}"}]
            """
        var table = RelayTable(.imap, rules)
        table.say(.server, "* OK hello")
        table.say(.client, "a SELECT x", "b NOOP", "c STATUS y (MESSAGES)")
        table.say(.server, "c NO later", "b OK", "a NO none")
        #expect(table.logs == ["rule failed: STATUS: c NO later", "rule failed: SELECT: a NO none"])
    }
}
