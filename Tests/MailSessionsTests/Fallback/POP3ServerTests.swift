// Our POP3 server as dialogues; the names begin with the line of the conformance list that they show.

import MailDialogue
import Testing

@testable import MailSessions

private func pop3(digestLogins: Bool = true) -> POP3Server {
    POP3Server(settings: ServerSettings(hostName: "mx.example.com", digestLogins: digestLogins), nonce: 42)
}

/// A store in which bob has these messages.
private func holding(_ messages: [String]) -> () -> MemoryStore {
    {
        let store = MemoryStore()
        let box = store.make("bob")
        for message in messages { box.add(Array(message.utf8)) }
        return store
    }
}

private let login = "USER bob\r\nPASS secret\r\n"
private let two = ["Subject: one\r\n\r\nfirst\r\n.dot\r\nlast\r\n", "Subject: two\r\n\r\nsecond"]

/// All lines behind the greeting.
private func lines(_ output: String) -> [String] {
    output.components(by: "\r\n").dropFirst().dropLast().map { $0 }
}

/// The first words of the lines behind the greeting.
private func signs(_ output: String) -> [String] {
    lines(output).map { String($0.prefix { $0 != " " }) }
}

extension String {
    fileprivate func components(by separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}

@Suite struct POP3ServerTests {
    @Test func `PO-002 PO-025 the greeting is one +OK line with a timestamp that differs at each connection`() {
        let talk = play("quit\r\n") { pop3() }
        #expect(talk.output == "+OK mx.example.com ready <42.1795608000000000@mx.example.com>\r\n+OK goodbye\r\n")
        let other = Conversation(
            POP3Server(settings: ServerSettings(hostName: "mx.example.com", digestLogins: true), nonce: 43),
            MemoryStore())
        #expect(!talk.output.hasPrefix(other.reply()))
    }

    @Test func `PO-001 a bare LF ends no command`() {
        #expect(
            signs(play("CAPA\nNOOP x\r\n" + login, store: holding([])) { pop3() }.output) == [
                "-ERR", "-ERR", "+OK", "+OK",
            ])
    }

    @Test func `PO-003 long lines are taken, beyond all limits the session ends`() {
        let talk = play("USER \(String(repeating: "u", count: 300))\r\n") { pop3() }
        #expect(signs(talk.output) == ["+OK"])
        let endless = Conversation(pop3(), MemoryStore())
        endless.send(String(repeating: "x", count: 60_000))
        #expect(endless.isClosed)
        #expect(endless.reply().hasSuffix("-ERR the line is too long\r\n"))
    }

    @Test func `PO-004 PO-023 commands in the wrong state, unknown or malformed get -ERR and the session goes on`() {
        let before =
            "STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 1 1\r\nDELE 1\r\nNOOP\r\nRSET\r\nXYZ\r\nPASS x\r\nSTLS\r\nUTF8\r\nUSER\r\n"
        let talk = play(
            before + login + "USER bob\r\nPASS x\r\nAPOP bob x\r\nLAST\r\nNOOP x\r\nNOOP\r\n", store: holding(two)
        ) { pop3() }
        #expect(
            signs(talk.output) == Array(repeating: "-ERR", count: 13) + ["+OK", "+OK"]
                + Array(repeating: "-ERR", count: 5) + ["+OK"])
        let between = play("USER bob\r\nCAPA x\r\nPASS secret\r\nUSER bob\r\nPASS secret\r\n", store: holding(two)) {
            pop3()
        }
        #expect(signs(between.output) == ["+OK", "-ERR", "-ERR", "+OK", "+OK"])
    }

    @Test func `PO-005 a retrieved message has its dots doubled and ends with a lone dot`() {
        let talk = play(login + "RETR 1\r\nRETR 2\r\n", store: holding(two)) { pop3() }
        #expect(
            lines(talk.output).dropFirst(2) == [
                "+OK 35 octets", "Subject: one", "", "first", "..dot", "last", ".", "+OK 22 octets", "Subject: two", "",
                "second", ".",
            ])
    }

    @Test func `lone line ends in a message become CRLF, so that no client sees an end in it`() {
        let talk = play(login + "RETR 1\r\n", store: holding(["a\n.\nb\r.\rc\r\n.\r\n\r"])) { pop3() }
        #expect(lines(talk.output).dropFirst(3) == ["a", "..", "b", "..", "c", "..", "", "."])
    }

    @Test func `PO-015 an empty message and one of many pieces`() {
        let long = String(repeating: ".line with a dot\r\n", count: 30_000)
        let talk = play(login + "RETR 1\r\nRETR 2\r\nNOOP\r\n", store: holding(["", long])) { pop3() }
        let all = lines(talk.output).dropFirst(2)
        #expect(all.prefix(3) == ["+OK 0 octets", ".", "+OK \(long.utf8.count) octets"])
        #expect(all.dropFirst(3).dropLast(2).allSatisfy { $0 == "..line with a dot" })
        #expect(all.count == 30_005)
        #expect(talk.conversation.largestSend < 150_000)
    }

    @Test func `nothing is handled or read while a message goes out`() {
        let store = holding([String(repeating: "x\r\n", count: 100_000)])()
        let talk = Conversation(pop3(), store)
        talk.send(login)
        talk.holdsAnswers = true
        talk.send("RETR 1\r\nNOOP\r\n")
        #expect(!talk.session.wantsOctets)
        _ = talk.reply()
        talk.answer()
        #expect(!talk.session.wantsOctets)
        talk.answer()
        talk.answer()
        #expect(talk.session.wantsOctets)
        #expect(talk.reply().hasSuffix("x\r\n.\r\n+OK here\r\n"))
        talk.expectClean()
    }

    @Test func `PO-009 ten minutes without a command end the session and remove nothing`() {
        let store = holding(two)()
        let talk = Conversation(pop3(), store)
        talk.send(login + "DELE 1\r\n")
        #expect(talk.timers.allSatisfy { $0 == 600 })
        _ = talk.reply()
        talk.event(.timerFired)
        #expect(talk.isClosed)
        #expect(talk.reply() == "")
        #expect(store.mailbox("bob", "INBOX")?.messages.count == 2)
    }

    @Test func `PO-011 messages that come later are not seen`() {
        let store = holding(two)()
        let talk = Conversation(pop3(), store)
        talk.send(login)
        store.make("bob").add(Array("Subject: late\r\n\r\n".utf8))
        #expect(talk.say("STAT") == "+OK 2 57\r\n")
        #expect(talk.say("RETR 3") == "-ERR no such message\r\n")
    }

    @Test func `PO-012 PO-013 PO-016 STAT, LIST and UIDL leave out what is marked, RSET brings it back`() {
        let talk = play(
            login
                + "STAT\r\nLIST\r\nUIDL\r\nDELE 1\r\nSTAT\r\nLIST\r\nUIDL\r\nLIST 1\r\nLIST 2\r\nUIDL 2\r\nRSET\r\nSTAT\r\n",
            store: holding(two)
        ) { pop3() }
        #expect(
            lines(talk.output).dropFirst(2) == [
                "+OK 2 57", "+OK the list", "1 35", "2 22", ".", "+OK the list", "1 u1", "2 u2", ".", "+OK marked",
                "+OK 1 22", "+OK the list", "2 22", ".", "+OK the list", "2 u2", ".", "-ERR no such message",
                "+OK 2 22", "+OK 2 u2", "+OK nothing is marked", "+OK 2 57",
            ])
        let empty = play(login + "STAT\r\nLIST\r\nUIDL\r\n", store: holding([])) { pop3() }
        #expect(lines(empty.output).dropFirst(2) == ["+OK 0 0", "+OK the list", ".", "+OK the list", "."])
    }

    @Test func `PO-014 numbers that name no message get -ERR`() {
        let bad = ["0", "3", "-1", "x", "99999999999999999999", "1 2", ""]
        for command in ["RETR", "DELE", "LIST", "UIDL", "TOP"] {
            for argument in bad where command != "LIST" && command != "UIDL" || !argument.isEmpty {
                let tail = command == "TOP" ? (argument == "1 2" ? "x" : "\(argument) 1") : argument
                let talk = play(login + "\(command) \(tail)\r\nNOOP\r\n", store: holding(two)) { pop3() }
                #expect(signs(talk.output).dropFirst(2) == ["-ERR", "+OK"], "\(command) \(tail)")
            }
        }
        let marked = play(login + "DELE 1\r\nDELE 1\r\nRETR 1\r\nTOP 1 0\r\nUIDL 1\r\n", store: holding(two)) { pop3() }
        #expect(signs(marked.output).dropFirst(3) == ["-ERR", "-ERR", "-ERR", "-ERR"])
    }

    @Test func `a long listing leaves in pieces`() {
        let many = Array(repeating: "x\r\n", count: 20_000)
        let store = holding(many)()
        let talk = Conversation(pop3(), store)
        talk.send(login + "UIDL\r\nNOOP\r\n")
        talk.expectClean()
        #expect(lines(talk.reply()).count == 20_005)
        #expect(talk.largestSend < 70_000)
    }

    @Test func `PO-017 PO-020 QUIT removes what is marked and nothing else`() {
        let talk = play(login + "DELE 2\r\nQUIT\r\nNOOP\r\n", store: holding(two)) { pop3() }
        #expect(signs(talk.output) == ["+OK", "+OK", "+OK", "+OK"])
        #expect(talk.conversation.isClosed)
        #expect(talk.store.mailbox("bob", "INBOX")?.messages.map(\.uid) == [1])
        #expect(talk.store.requests.last == .remove(uids: [2]))
        let none = play(login + "QUIT\r\n", store: holding(two)) { pop3() }
        #expect(!none.store.requests.contains(.remove(uids: [])))
    }

    @Test func `PO-017 when removing fails QUIT says -ERR and nothing is lost`() {
        func store() -> MemoryStore {
            let store = holding(two)()
            store.removeFails = true
            return store
        }
        let talk = play(login + "DELE 1\r\nQUIT\r\n", store: store) { pop3() }
        #expect(lines(talk.output).last == "-ERR [SYS/TEMP] no marked message was removed")
        #expect(talk.store.mailbox("bob", "INBOX")?.messages.count == 2)
        #expect(talk.conversation.isClosed)
    }

    @Test func `PO-018 the end of the connection removes nothing`() {
        let store = holding(two)()
        let talk = Conversation(pop3(), store)
        talk.send(login + "DELE 1\r\n")
        talk.event(.peerEnded)
        #expect(talk.isClosed)
        let stopped = Conversation(pop3(), store)
        stopped.send(login + "DELE 1\r\n")
        stopped.event(.shutdown)
        #expect(stopped.isClosed)
        #expect(store.mailbox("bob", "INBOX")?.messages.count == 2)
    }

    @Test func `PO-021 TOP gives the header and so many lines`() {
        func top(_ count: String) -> [String] {
            Array(
                lines(play(login + "TOP 1 \(count)\r\nNOOP\r\n", store: holding(two)) { pop3() }.output).dropFirst(2)
                    .dropLast())
        }
        #expect(top("0") == ["+OK the top of it", "Subject: one", "", "."])
        #expect(top("2") == ["+OK the top of it", "Subject: one", "", "first", "..dot", "."])
        #expect(top("99") == ["+OK the top of it", "Subject: one", "", "first", "..dot", "last", "."])
        let headerOnly = play(login + "TOP 1 5\r\n", store: holding(["Subject: x\r\n"])) { pop3() }
        #expect(lines(headerOnly.output).suffix(2) == ["Subject: x", "."])
    }

    @Test func `TOP of a large message reads no more of it than it needs`() {
        let store = holding(["A: b\r\n\r\n" + String(repeating: "x\r\n", count: 200_000)])()
        let talk = Conversation(pop3(), store)
        talk.send(login + "TOP 1 1\r\n")
        let reads = store.requests.filter { if case .read = $0 { true } else { false } }
        #expect(reads == [.read(uid: 1, offset: 0, count: 131_072)])
    }

    @Test func `PO-024 a password may hold spaces`() {
        let talk = play("USER bob\r\nPASS  a b \r\n", store: holding([])) { pop3() }
        #expect(talk.store.attempts == [.password(user: "bob", SecretText(" a b "))])
    }

    @Test func `PO-025 APOP hands the timestamp and the digest to the store`() {
        let digest = "c4c9334bac560ecc979e58001b3e22fb"
        let talk = play("APOP bob \(digest.uppercased())\r\nAPOP bob\r\nAPOP bob \(digest)\r\n", store: holding([])) {
            pop3()
        }
        #expect(signs(talk.output) == ["-ERR", "-ERR", "+OK"])
        #expect(
            talk.store.attempts == [
                .apop(user: "bob", timestamp: "<42.1795608000000000@mx.example.com>", digest: digest)
            ])
    }

    @Test func `PO-025 without digests there is no timestamp, no APOP and no CRAM-MD5`() {
        let digest = "c4c9334bac560ecc979e58001b3e22fb"
        let talk = play("APOP bob \(digest)\r\nCAPA\r\nAUTH CRAM-MD5\r\n", store: holding([])) {
            pop3(digestLogins: false)
        }
        #expect(talk.output.hasPrefix("+OK mx.example.com ready\r\n-ERR this command is not offered\r\n"))
        #expect(lines(talk.output).contains("SASL PLAIN LOGIN"))
        #expect(talk.output.hasSuffix("-ERR this mechanism is not offered\r\n"))
    }

    @Test func `PO-027 PO-029 CAPA says the same before and after the login`() {
        let list = [
            "+OK what is offered", "TOP", "USER", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE",
            "SASL PLAIN LOGIN CRAM-MD5", "EXPIRE NEVER", "IMPLEMENTATION mailproxy", ".",
        ]
        let all = lines(play("capa\r\n" + login + "CAPA\r\n", store: holding([])) { pop3() }.output)
        #expect(all == list + ["+OK a password, please", "+OK 0 messages"] + list)
    }

    @Test func `PO-030 a whole pipelined session is answered in order`() {
        let talk = play(login + "STAT\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n", store: holding(two)) { pop3() }
        #expect(signs(talk.output).filter { $0 == "+OK" }.count == 6)
        #expect(lines(talk.output).last == "+OK the marked messages are removed")
    }

    @Test func `PO-035 AUTH, with and without an initial response`() {
        let talk = play(
            "AUTH\r\nAUTH FOO\r\nAUTH PLAIN\r\n*\r\nAUTH PLAIN\r\n!\r\nAUTH PLAIN =\r\nAUTH PLAIN\r\nAGJvYgBi\r\nAUTH PLAIN AGJvYgBi\r\n",
            store: holding([])
        ) { pop3() }
        #expect(
            lines(talk.output) == [
                "+OK mechanisms", "PLAIN", "LOGIN", "CRAM-MD5", ".", "-ERR this mechanism is not offered", "+ ",
                "-ERR given up", "+ ", "-ERR the response is malformed", "-ERR the response is malformed", "+ ",
                "+OK 0 messages", "-ERR you are logged in",
            ])
        #expect(talk.store.attempts == [.password(user: "bob", SecretText("b"))])
    }

    @Test func `PO-040 refusals say whether it was the credentials or the system`() {
        func store() -> MemoryStore {
            let store = MemoryStore()
            store.refusesLogins = true
            return store
        }
        let talk = play(login + login + login + login + login + login, store: store) { pop3() }
        let refused = lines(talk.output).filter { $0.hasPrefix("-ERR") }
        #expect(refused == Array(repeating: "-ERR [AUTH] these credentials do not hold", count: 5))
        #expect(talk.conversation.isClosed)
    }

    @Test func `a message that is gone gets -ERR, one that breaks off ends the connection`() {
        let store = holding([String(repeating: "x\r\n", count: 100_000), "b"])()
        let talk = Conversation(pop3(), store)
        talk.send(login)
        store.make("bob").messages.removeLast()
        #expect(talk.say("RETR 2") == "-ERR the message is gone\r\n")
        store.readFailsFrom = 131_072
        let half = talk.say("RETR 1")
        #expect(half.hasPrefix("+OK 300000 octets\r\n") && !half.hasSuffix(".\r\n"))
        #expect(talk.isClosed)
        talk.expectClean()
    }

    @Test func `twenty errors end the session`() {
        let talk = play(String(repeating: "XYZ\r\n", count: 25)) { pop3() }
        #expect(signs(talk.output) == Array(repeating: "-ERR", count: 20))
        #expect(talk.conversation.isClosed)
    }
}
