// Our IMAP server and messages, as dialogues: FETCH, STORE, SEARCH, COPY, MOVE, EXPUNGE, APPEND, IDLE. The names begin
// with the line of the conformance list that they show.
// Long because each line of that list is a test of its own, and all of them share the helpers below.

import MailDialogue
import Testing

@testable import MailSessions

private let plain = """
    Date: Wed, 17 Jul 1996 02:23:25 -0700\r
    From: Terry Gray <gray@example.org>\r
    To: imap@example.com\r
    Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r
    Message-Id: <B27397@example.org>\r
    \r
    first line\r
    second line\r

    """

private let nested = """
    Subject: outer\r
    Content-Type: multipart/mixed; boundary="b"\r
    \r
    --b\r
    Content-Type: text/html\r
    \r
    <p>one</p>\r
    --b\r
    Content-Type: message/rfc822\r
    \r
    Subject: inner\r
    From: in@example.org\r
    \r
    inner text\r
    --b--\r

    """

private let selectInbox = imapLogin + "s SELECT INBOX\r\n"

/// The lines behind SELECT's, of a session with these messages.
private func after(
    _ commands: String, _ messages: [String] = [plain, nested], location: SourceLocation = #_sourceLocation
) -> [String] {
    let talk = play(selectInbox + commands, store: bobWith(["copy"], messages: messages), location: location) { imap() }
    let all = lines(behindGreeting: talk.output)
    return Array(all[((all.firstIndex { $0.hasPrefix("s OK") } ?? -1) + 1)...])
}

/// A client that has selected INBOX.
private func selected(_ store: MemoryStore) -> Conversation<IMAPServer> {
    let talk = Conversation(imap(), store)
    talk.send(selectInbox)
    _ = talk.reply()
    return talk
}

private func flags(_ store: MemoryStore) -> [[String]] { store.mailbox("bob", "INBOX")?.messages.map(\.flags) ?? [] }

@Suite struct IMAPMessageTests {
    // MARK: FETCH

    @Test func `IM-113 the simple items and the macros`() {
        let fast = "FLAGS () INTERNALDATE \"14-Nov-2023 22:13:20 +0000\" RFC822.SIZE \(plain.utf8.count)"
        #expect(after("1 FETCH 1 FAST\r\n") == ["* 1 FETCH (\(fast))", "1 OK done"])
        #expect(after("1 FETCH 2:1 UID\r\n") == ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 2)", "1 OK done"])
        let envelope =
            "ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700\" \"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\" "
            + "((\"Terry Gray\" NIL \"gray\" \"example.org\")) ((\"Terry Gray\" NIL \"gray\" \"example.org\")) "
            + "((\"Terry Gray\" NIL \"gray\" \"example.org\")) ((NIL NIL \"imap\" \"example.com\")) NIL NIL NIL \"<B27397@example.org>\")"
        #expect(after("1 FETCH 1 ALL\r\n") == ["* 1 FETCH (\(fast) \(envelope))", "1 OK done"])
        let body = "BODY (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 25 2)"
        #expect(after("1 FETCH 1 FULL\r\n") == ["* 1 FETCH (\(fast) \(envelope) \(body))", "1 OK done"])
    }

    @Test func `IM-144 BODYSTRUCTURE of a message within a message has its envelope`() {
        let found = after("1 FETCH 2 (BODYSTRUCTURE)\r\n").first ?? ""
        #expect(found.hasPrefix("* 2 FETCH (BODYSTRUCTURE ((\"text\" \"html\" "))
        #expect(
            found.contains(
                "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 50 (NIL \"inner\" ((NIL NIL \"in\" \"example.org\"))"))
        #expect(found.contains("\"mixed\" (\"boundary\" \"b\")"))
    }

    @Test func `IM-140 reading a body marks the message and tells so, peeking does not`() {
        let store = bobWith([], messages: [plain, "a"])()
        let talk = selected(store)
        #expect(talk.say("1 FETCH 2 BODY.PEEK[]") == "* 2 FETCH (BODY[] {1}\r\na)\r\n1 OK done\r\n")
        #expect(
            talk.say("2 FETCH 2 (RFC822.HEADER BODY.PEEK[TEXT])")
                == "* 2 FETCH (RFC822.HEADER {1}\r\na BODY[TEXT] \"\")\r\n2 OK done\r\n")
        #expect(flags(store) == [[], []])
        #expect(talk.say("3 FETCH 2 BODY[]") == "* 2 FETCH (BODY[] {1}\r\na FLAGS (\\Seen))\r\n3 OK done\r\n")
        #expect(talk.say("4 FETCH 2 BODY[]") == "* 2 FETCH (BODY[] {1}\r\na)\r\n4 OK done\r\n")
        #expect(
            talk.say("5 FETCH 1 (RFC822.TEXT FLAGS)").hasSuffix(
                "first line\r\nsecond line\r\n FLAGS (\\Seen))\r\n5 OK done\r\n"))
        #expect(flags(store) == [["\\Seen"], ["\\Seen"]])
        talk.expectClean()
        let reader = Conversation(imap(), bobWith([], messages: ["a"])())
        reader.send(imapLogin + "1 EXAMINE INBOX\r\n")
        _ = reader.reply()
        #expect(reader.say("2 FETCH 1 RFC822") == "* 1 FETCH (RFC822 {1}\r\na)\r\n2 OK done\r\n")
    }

    @Test func `every form of a section`() {
        func section(_ name: String, _ number: Int = 2) -> String {
            let text = after("1 FETCH \(number) BODY.PEEK[\(name)]\r\n").dropLast().joined(separator: "\r\n")
            return String(text.dropFirst("* \(number) FETCH (BODY[".count).dropLast())
        }
        #expect(section("1") == "1] {10}\r\n<p>one</p>")
        #expect(section("1.MIME") == "1.MIME] {27}\r\nContent-Type: text/html\r\n\r\n")
        #expect(section("2.HEADER") == "2.HEADER] {40}\r\nSubject: inner\r\nFrom: in@example.org\r\n\r\n")
        #expect(section("2.TEXT") == "2.TEXT] {10}\r\ninner text")
        #expect(section("2.1") == "2.1] {10}\r\ninner text")
        #expect(section("2.HEADER.FIELDS (from)") == "2.HEADER.FIELDS (from)] {24}\r\nFrom: in@example.org\r\n\r\n")
        #expect(section("HEADER.FIELDS (\"SUBJECT\" X)") == "HEADER.FIELDS (SUBJECT X)] {18}\r\nSubject: outer\r\n\r\n")
        #expect(
            section("HEADER.FIELDS.NOT (Content-Type)")
                == "HEADER.FIELDS.NOT (Content-Type)] {18}\r\nSubject: outer\r\n\r\n")
        #expect(section("3") == "3] NIL")
        #expect(section("1.HEADER") == "1.HEADER] NIL")
        #expect(section("1", 1) == "1] {25}\r\nfirst line\r\nsecond line\r\n")
        #expect(section("").hasSuffix(nested))
        let bad = [
            "BODY[", "BODY[0]", "BODY[MIME]", "BODY[1.]", "BODY[HEADER.FIELDS]", "BODY[HEADER.FIELDS ()]", "BODY.PEEK",
            "BODY[]<1>", "BODY[]<0.0>", "(FLAGS", "()", "FOO", "FLAGS UID",
        ]
        for item in bad {
            #expect(after("1 FETCH 1 \(item)\r\n").last == "1 BAD the arguments are malformed", "\(item)")
        }
    }

    @Test func `a section with a literal in its list`() {
        let talk = selected(bobWith([], messages: [plain])())
        #expect(
            talk.say("1 FETCH 1 BODY.PEEK[HEADER.FIELDS ({2+}\r\nTo)]")
                == "* 1 FETCH (BODY[HEADER.FIELDS (To)] {24}\r\nTo: imap@example.com\r\n\r\n)\r\n1 OK done\r\n")
        talk.expectClean()
    }

    @Test func `IM-141 partial bodies, also beyond the end`() {
        let talk = selected(bobWith([], messages: ["0123456789"])())
        #expect(talk.say("1 FETCH 1 BODY.PEEK[]<2.3>") == "* 1 FETCH (BODY[]<2> {3}\r\n234)\r\n1 OK done\r\n")
        #expect(talk.say("2 FETCH 1 BODY.PEEK[]<8.99>") == "* 1 FETCH (BODY[]<8> {2}\r\n89)\r\n2 OK done\r\n")
        #expect(talk.say("3 FETCH 1 BODY.PEEK[]<10.1>") == "* 1 FETCH (BODY[]<10> \"\")\r\n3 OK done\r\n")
        #expect(
            talk.say("4 FETCH 1 BODY.PEEK[]<9223372036854775807.9223372036854775807>")
                == "* 1 FETCH (BODY[]<9223372036854775807> \"\")\r\n4 OK done\r\n")
        #expect(talk.say("5 FETCH 1 BODY.PEEK[]<99999999999999999999.1>").hasPrefix("5 BAD"))
        talk.expectClean()
    }

    @Test func `a large body leaves in pieces, each when the one before has left`() {
        let body = String(repeating: "0123456789abcde\n", count: 65_536)
        let store = bobWith([], messages: [body, "b"])()
        let talk = selected(store)
        let reply = talk.say("1 FETCH 1:2 BODY.PEEK[]")
        #expect(reply == "* 1 FETCH (BODY[] {1048576}\r\n\(body))\r\n* 2 FETCH (BODY[] {1}\r\nb)\r\n1 OK done\r\n")
        #expect(talk.largestSend < 150_000)
        talk.expectClean()
    }

    @Test func `many messages leave in portions`() {
        let talk = selected(bobWith([], messages: Array(repeating: "x", count: 20_000))())
        let reply = talk.say("1 FETCH 1:* (FLAGS UID INTERNALDATE)")
        #expect(reply.split(separator: "\r\n").count == 20_001)
        #expect(talk.largestSend < 150_000)
        talk.expectClean()
    }

    @Test func `a body that breaks off ends the connection`() {
        let store = bobWith([], messages: [String(repeating: "x", count: 300_000)])()
        let talk = selected(store)
        store.readFailsFrom = 131_072
        let reply = talk.say("1 FETCH 1 BODY.PEEK[]")
        #expect(talk.isClosed && !reply.contains("1 OK"))
        talk.expectClean()
    }

    @Test func `a server that stops within a literal adds nothing to it`() {
        let talk = selected(bobWith([], messages: [String(repeating: "x", count: 300_000)])())
        talk.holdsAnswers = true
        talk.send("1 FETCH 1 BODY.PEEK[]\r\n")
        talk.event(.shutdown)
        talk.answer()
        talk.answer()
        #expect(!talk.reply().contains("BYE"))
    }

    @Test func `IM-143 UID FETCH tells the UID always, and of nothing nothing`() {
        let talk = selected(bobWith([], messages: ["a", "b"])())
        #expect(talk.say("1 UID FETCH 2 FLAGS") == "* 2 FETCH (UID 2 FLAGS ())\r\n1 OK done\r\n")
        #expect(talk.say("2 UID FETCH 9 FLAGS") == "2 OK done\r\n")
        #expect(talk.say("3 UID FETCH 9:* (UID)") == "* 2 FETCH (UID 2)\r\n3 OK done\r\n")
        #expect(talk.say("4 UID FETCH 1:4294967295 (UID)") == "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n4 OK done\r\n")
        #expect(talk.say("5 FETCH 3 UID") == "5 BAD there is no such message\r\n")
        for set in ["0", "4294967296", "1:", ",", "x", "1,,2", "1:2:3", ""] {
            #expect(talk.say("6 FETCH \(set) UID").hasPrefix("6 BAD"), "\(set)")
        }
    }

    @Test func `sequence sets name what they say, in whatever order, once`() throws {
        let uids: [UInt32] = [2, 4, 6, 8]
        func seq(_ text: String) throws -> [Int] {
            try #require(IMAPSequenceSet(Array(text.utf8)[...])).indices(count: 4).flatMap { Array($0) }
        }
        func uid(_ text: String) throws -> [Int] {
            try #require(IMAPSequenceSet(Array(text.utf8)[...])).indices(uids: uids).flatMap { Array($0) }
        }
        #expect(try seq("1:*") == [0, 1, 2, 3])
        #expect(try seq("*") == [3])
        #expect(try seq("3:2,1,2:3") == [0, 1, 2])
        #expect(try seq("*:2") == [1, 2, 3])
        #expect(try seq("9,4294967295:3") == [2, 3])
        #expect(try uid("3:5,8") == [1, 3])
        #expect(try uid("100:*") == [3])
        #expect(try uid("1:4294967295") == [0, 1, 2, 3])
        #expect(try uid("1,3,5") == [])
        #expect(IMAPSequenceSet.text([3]) == "3")
        #expect(IMAPSequenceSet.text([1, 2, 3, 7, 9, 10]) == "1:3,7,9:10")
        #expect(IMAPSequenceSet.text([.max]) == "4294967295")
    }

    // MARK: STORE

    @Test func `IM-145 STORE in all its forms`() {
        let store = bobWith([], messages: ["a", "b"])()
        let talk = selected(store)
        #expect(
            talk.say("1 STORE 1 FLAGS (\\seen \\Flagged)") == "* 1 FETCH (FLAGS (\\Seen \\Flagged))\r\n1 OK done\r\n")
        #expect(talk.say("2 STORE 1 -FLAGS \\FLAGGED") == "* 1 FETCH (FLAGS (\\Seen))\r\n2 OK done\r\n")
        #expect(talk.say("3 STORE 1:2 +FLAGS.SILENT (\\Draft)") == "3 OK done\r\n")
        #expect(
            talk.say("4 UID STORE 2 +flags work \\Answered")
                == "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)\r\n* 2 FETCH (UID 2 FLAGS (\\Draft work \\Answered))\r\n4 OK done\r\n"
        )
        #expect(talk.say("5 STORE 1 FLAGS ()") == "* 1 FETCH (FLAGS ())\r\n5 OK done\r\n")
        #expect(flags(store) == [[], ["\\Draft", "work", "\\Answered"]])
        for bad in [
            "1 FLAGS (\\Recent)", "1 FLAGS (\\Foo)", "1 FLAGS", "1 FOO ()", "1 +FLAGS (a", "9 FLAGS ()",
            "1 FLAGS (a) b",
        ] {
            #expect(talk.say("6 STORE \(bad)").hasPrefix("6 BAD"), "\(bad)")
        }
        talk.expectClean()
    }

    @Test func `IM-145 a silent STORE still tells what others changed`() {
        let store = bobWith([], messages: ["a"])()
        let (one, two) = (selected(store), selected(store))
        _ = two.say("1 STORE 1 +FLAGS (\\Flagged)")
        #expect(one.say("1 STORE 1 +FLAGS.SILENT (\\Seen)").hasPrefix("* 1 FETCH (FLAGS (\\Flagged \\Seen))\r\n"))
    }

    @Test func `IM-107 a read-only mailbox can't be changed`() {
        let talk = Conversation(imap(), bobWith(["b"], messages: ["a"])())
        talk.send(imapLogin + "1 EXAMINE INBOX\r\n")
        _ = talk.reply()
        for command in ["STORE 1 FLAGS ()", "EXPUNGE", "UID EXPUNGE 1", "MOVE 1 b"] {
            #expect(talk.say("2 \(command)") == "2 NO the mailbox is read-only\r\n", "\(command)")
        }
    }

    // MARK: Numbers and news

    @Test func `IM-148 EXPUNGE tells each message, the numbers being right at each step`() {
        let store = bobWith([], messages: ["a", "b", "c", "d"])()
        let talk = selected(store)
        _ = talk.say("1 STORE 2,4 +FLAGS.SILENT (\\Deleted)")
        #expect(talk.say("2 EXPUNGE") == "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n2 OK done\r\n")
        #expect(talk.say("3 FETCH 2 UID") == "* 2 FETCH (UID 3)\r\n3 OK done\r\n")
        _ = talk.say("4 STORE 1:2 +FLAGS.SILENT (\\Deleted)")
        #expect(talk.say("5 UID EXPUNGE 3:9") == "* 2 EXPUNGE\r\n5 OK done\r\n")
        #expect(store.mailbox("bob", "INBOX")?.messages.map(\.uid) == [1])
        talk.expectClean()
    }

    @Test func `IM-101 IM-115 a message that is gone keeps its number until an EXPUNGE may be told`() {
        let store = bobWith([], messages: ["a", "b", "c"])()
        let (one, two) = (selected(store), selected(store))
        _ = two.say("1 STORE 1 +FLAGS (\\Deleted)")
        _ = two.say("2 EXPUNGE")
        #expect(one.say("1 FETCH 2 UID") == "* 2 FETCH (UID 2)\r\n1 OK done\r\n")
        #expect(one.say("2 FETCH 1:2 UID") == "* 2 FETCH (UID 2)\r\n2 NO [EXPUNGEISSUED] some messages are gone\r\n")
        #expect(one.say("3 SEARCH ALL") == "* SEARCH 2 3\r\n3 OK done\r\n")
        #expect(one.say("4 STORE 3 +FLAGS.SILENT (\\Seen)") == "4 OK done\r\n")
        #expect(one.say("5 NOOP") == "* 1 EXPUNGE\r\n5 OK done\r\n")
        #expect(one.say("6 FETCH 1 UID") == "* 1 FETCH (UID 2)\r\n6 OK done\r\n")
        one.expectClean()
    }

    @Test func `IM-115 NOOP tells of new mail and of flags`() {
        let store = bobWith([], messages: ["a"])()
        let (one, two) = (selected(store), selected(store))
        store.make("bob").add(Array("new".utf8))
        _ = two.say("1 STORE 1 +FLAGS (\\Seen)")
        #expect(one.say("1 NOOP") == "* 2 EXISTS\r\n* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n1 OK done\r\n")
        #expect(one.say("2 NOOP") == "2 OK done\r\n")
    }

    @Test func `IM-133 what one client marks the other sees while idling`() {
        let store = bobWith([], messages: ["a", "b"])()
        let (one, two) = (selected(store), selected(store))
        #expect(one.say("1 IDLE") == "+ idling\r\n")
        #expect(one.watched == "INBOX")
        #expect(one.session.wantsOctets)
        _ = two.say("1 FETCH 1 BODY[]")
        one.event(.mailboxChanged)
        #expect(one.reply() == "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n")
        store.make("bob").add(Array("new".utf8))
        one.event(.mailboxChanged)
        #expect(one.reply() == "* 3 EXISTS\r\n")
        _ = two.say("2 STORE 2 +FLAGS (\\Deleted)")
        _ = two.say("3 EXPUNGE")
        one.event(.mailboxChanged)
        #expect(one.reply() == "* 2 EXPUNGE\r\n")
        #expect(one.say("done") == "1 OK done\r\n")
        #expect(one.watched == nil)
        #expect(one.say("2 FETCH 2 UID") == "* 2 FETCH (UID 3)\r\n2 OK done\r\n")
        one.expectClean()
        two.expectClean()
    }

    @Test func `a change while news are fetched is told too`() {
        let store = bobWith([], messages: ["a"])()
        let talk = selected(store)
        _ = talk.say("1 IDLE")
        talk.holdsAnswers = true
        talk.event(.mailboxChanged)
        talk.event(.mailboxChanged)
        #expect(talk.waiting.count == 1)
        talk.answer()
        #expect(talk.waiting.count == 1)
        talk.answer()
        talk.holdsAnswers = false
        #expect(talk.say("DONE") == "1 OK done\r\n")
    }

    @Test func `IDLE without a mailbox, and ended by something else than DONE`() {
        let talk = play(imapLogin + "1 IDLE\r\nDONE\r\n2 IDLE\r\nNOOP\r\n3 NOOP\r\nDONE\r\n", store: bobWith()) {
            imap()
        }
        #expect(
            lines(behindGreeting: talk.output).dropFirst() == [
                "+ idling", "1 OK done", "+ idling", "2 BAD DONE was expected", "3 OK done",
                "* BAD no IDLE is under way",
            ])
    }

    // MARK: COPY, MOVE

    @Test func `IM-146 IM-129 COPY keeps flags and tells the UIDs`() {
        let store = bobWith(["copy"], messages: ["a", "b", "c"])()
        store.make("bob").messages[0].flags = ["\\Seen"]
        let talk = selected(store)
        #expect(talk.say("1 COPY 1,3 copy") == "1 OK [COPYUID 8 1,3 1:2] done\r\n")
        #expect(store.mailbox("bob", "copy")?.messages.map(\.flags) == [["\\Seen"], []])
        #expect(talk.say("2 UID COPY 2 copy") == "2 OK [COPYUID 8 2 3] done\r\n")
        #expect(talk.say("3 UID COPY 9 copy") == "3 OK done\r\n")
        #expect(talk.say("4 COPY 1 none") == "4 NO [TRYCREATE] no such mailbox\r\n")
        #expect(talk.say("5 COPY 1 INBOX") == "* 4 EXISTS\r\n5 OK [COPYUID 7 1 4] done\r\n")
        talk.expectClean()
    }

    @Test func `IM-147 MOVE tells the UIDs before the EXPUNGEs`() {
        let store = bobWith(["copy"], messages: ["a", "b", "c"])()
        let talk = selected(store)
        #expect(
            talk.say("1 MOVE 1:2 copy")
                == "* OK [COPYUID 8 1:2 1:2] moved\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n1 OK done\r\n")
        #expect(talk.say("2 UID MOVE 3 none") == "2 NO [TRYCREATE] no such mailbox\r\n")
        #expect(talk.say("3 UID MOVE 3 copy") == "* OK [COPYUID 8 3 3] moved\r\n* 1 EXPUNGE\r\n3 OK done\r\n")
        #expect(store.mailbox("bob", "INBOX")?.messages.isEmpty == true)
        #expect(store.mailbox("bob", "copy")?.messages.count == 3)
        talk.expectClean()
    }

    // MARK: APPEND

    @Test func `IM-128 IM-130 IM-132 APPEND with flags and date, and the mailbox told`() {
        let store = bobWith([], messages: ["a"])()
        let talk = selected(store)
        #expect(talk.say("1 APPEND INBOX (\\Seen work) \"17-Jul-1996 02:44:25 -0700\" {5}") == "+ go on\r\n")
        talk.send("x\r\nyz")
        #expect(talk.reply() == "")
        #expect(talk.say("q\r\n2 NOOP") == "1 BAD one message at a time\r\n2 OK done\r\n")
        _ = talk.say("3 APPEND INBOX (\\Seen work) \"17-Jul-1996 02:44:25 -0700\" {5}")
        #expect(talk.say("x\r\nyz") == "* 2 EXISTS\r\n3 OK [APPENDUID 7 2] done\r\n")
        let message = store.mailbox("bob", "INBOX")?.messages.last
        #expect(message?.octets == Array("x\r\nyz".utf8))
        #expect(message?.flags == ["\\Seen", "work"])
        #expect(message?.date == 837_596_665)
        talk.expectClean()
        let whole = play(
            imapLogin + "1 APPEND {5+}\r\nINBOX {3+}\r\nabc\r\n2 APPEND INBOX {0+}\r\n\r\n3 NOOP\r\n", store: bobWith()
        ) { imap() }
        #expect(
            tagged(whole.output).dropFirst() == ["1 OK [APPENDUID 7 1] done", "2 OK [APPENDUID 7 2] done", "3 OK done"])
        #expect(whole.store.mailbox("bob", "INBOX")?.messages.map(\.octets) == [Array("abc".utf8), []])
    }

    @Test func `IM-131 IM-189 APPEND is refused before the message is asked for`() {
        let talk = Conversation(imap(ServerSettings(hostName: "mx.example.com", maximumMessage: 100)), bobWith()())
        talk.send(imapLogin)
        _ = talk.reply()
        #expect(talk.say("1 APPEND none {3}") == "1 NO [TRYCREATE] no such mailbox\r\n")
        #expect(talk.say("2 APPEND INBOX {101}") == "2 NO [TOOBIG] the message is larger than 100 octets\r\n")
        #expect(talk.say("3 APPEND INBOX ~{3}") == "3 BAD binary literals are not offered\r\n")
        #expect(talk.say("4 APPEND &x {3}") == "4 NO [CANNOT] this name can't be used\r\n")
        talk.expectClean()
        let flowing = play(
            imapLogin + "1 APPEND none {3+}\r\nabc\r\n2 APPEND INBOX {101+}\r\n" + String(repeating: "x", count: 101)
                + "\r\n3 APPEND INBOX {3+}\r\na\u{0}c\r\n4 APPEND INBOX {1+}\r\na {1+}\r\nb\r\n5 NOOP\r\n",
            store: bobWith()
        ) { imap(ServerSettings(hostName: "mx.example.com", maximumMessage: 100)) }
        #expect(statuses(flowing.output) == ["a OK", "1 NO", "2 NO", "3 NO", "4 BAD", "5 OK"])
        #expect(flowing.store.mailbox("bob", "INBOX")?.messages.isEmpty == true)
    }

    @Test func `a large APPEND goes to a spool file, and is dropped when it breaks off`() {
        let body = String(repeating: "0123456789abcd\r\n", count: 65_536)
        let store = bobWith()()
        let talk = Conversation(imap(), store)
        talk.send(imapLogin + "1 APPEND INBOX {1048576+}\r\n" + body + "\r\n2 NOOP\r\n", pieces: 50_000)
        #expect(statuses(String(decoding: talk.output, as: UTF8.self)) == ["a OK", "1 OK", "2 OK"])
        #expect(store.mailbox("bob", "INBOX")?.messages.first?.octets == Array(body.utf8))
        #expect(store.requests.contains(.openSpool) && store.spools.isEmpty)
        talk.expectClean()
        let broken = Conversation(imap(), store)
        broken.send(imapLogin + "1 APPEND INBOX {1048576+}\r\n" + body.prefix(600_000), pieces: 50_000)
        #expect(store.spools.count == 1)
        broken.event(.peerEnded)
        #expect(broken.isClosed && store.spools.isEmpty)
    }

    @Test func `lone line ends in an appended message are made CRLF`() {
        let talk = play(imapLogin + "1 APPEND INBOX {9+}\r\na\nb\rc\r\nd\r\r\n", store: bobWith()) { imap() }
        #expect(talk.store.mailbox("bob", "INBOX")?.messages.first?.octets == Array("a\r\nb\r\nc\r\nd\r\n".utf8))
    }

    // MARK: SEARCH

    private func search(_ criteria: String, location: SourceLocation = #_sourceLocation) -> String {
        func store() -> MemoryStore {
            let store = bobWith([], messages: [plain, nested])()
            let box = store.make("bob")
            box.add(
                Array("Subject: third\r\n\r\nbody of three\r\n".utf8), flags: ["\\Seen", "\\Flagged", "Work"],
                date: 1_600_000_000)
            return store
        }
        let talk = play(selectInbox + "1 SEARCH \(criteria)\r\n", store: store, location: location) { imap() }
        let last = lines(behindGreeting: talk.output).suffix(2)
        if last.last == "1 OK done" { return last.first?.replacingPrefix("* SEARCH") ?? "" }
        return last.last ?? ""
    }

    @Test func `SEARCH by flags, numbers, sizes and dates reads no message`() {
        let cases = [
            ("ALL", " 1 2 3"), ("SEEN", " 3"), ("UNSEEN", " 1 2"), ("FLAGGED SEEN", " 3"), ("KEYWORD work", " 3"),
            ("UNKEYWORD WORK", " 1 2"), ("ANSWERED", ""), ("UNANSWERED UNDELETED UNDRAFT UNFLAGGED", " 1 2"),
            ("NEW", ""),
            ("OLD", " 1 2 3"), ("RECENT", ""), ("2:*", " 2 3"), ("1,3", " 1 3"), ("UID 3,9", " 3"), ("NOT 1", " 2 3"),
            ("OR 1 3", " 1 3"), ("(1:2 NOT 2)", " 1"), ("OR (1) NOT (1:2)", " 1 3"), ("LARGER 40", " 1 2"),
            ("SMALLER 40", " 3"),
            ("BEFORE 14-Nov-2023", " 3"), ("ON 14-Nov-2023", " 1 2"), ("SINCE \"14-Nov-2023\"", " 1 2"),
            ("ON 13-Sep-2020", " 3"),
        ]
        for (criteria, found) in cases { #expect(search(criteria) == found, "\(criteria)") }
        let talk = play(selectInbox + "1 SEARCH UNSEEN 1:*\r\n", store: bobWith([], messages: ["a"])) { imap() }
        #expect(!talk.store.requests.contains { if case .read = $0 { true } else { false } })
    }

    @Test func `IM-138 SEARCH in headers and bodies, decoded, in any case`() {
        let cases = [
            ("SUBJECT outer", " 2"), ("SUBJECT \"THIRD\"", " 3"), ("FROM gray", " 1"), ("TO imap@", " 1"), ("CC x", ""),
            ("BCC x", ""),
            ("HEADER Message-ID b27397", " 1"), ("HEADER message-id \"\"", " 1"), ("BODY \"second LINE\"", " 1"),
            ("BODY inner", " 2"), ("TEXT inner", " 2"), ("BODY outer", ""), ("TEXT third", " 3"),
            ("NOT BODY inner", " 1 3"),
            ("CHARSET UTF-8 SUBJECT {6+}\r\nGRÜSS", ""), ("CHARSET UTF-8 SUBJECT {7+}\r\ngrüße", " 1"),
            ("CHARSET US-ASCII SUBJECT third", " 3"), ("SENTON 17-Jul-1996", " 1"), ("SENTBEFORE 17-Jul-1996", ""),
            ("SENTSINCE 1-Jan-1990", " 1"), ("OR SUBJECT outer 3", " 2 3"), ("SEEN SUBJECT outer", ""),
        ]
        for (criteria, found) in cases where !criteria.contains("GRÜSS") {
            #expect(search(criteria) == found, "\(criteria)")
        }
        #expect(search("CHARSET KOI8-R SUBJECT x") == "1 NO [BADCHARSET (US-ASCII UTF-8)] this charset is not known")
    }

    @Test func `SEARCH that is malformed or nested without end gets BAD`() {
        let bad = [
            "", "FOO", "(ALL", "ALL)", "NOT", "OR ALL", "LARGER x", "BEFORE 99-Foo-1", "SUBJECT", "UID x", "ALL  SEEN",
            "CHARSET",
        ]
        for criteria in bad { #expect(search(criteria) == "1 BAD the arguments are malformed", "\(criteria)") }
        let deep = String(repeating: "(", count: 99) + "ALL" + String(repeating: ")", count: 99)
        #expect(search(deep) == " 1 2 3")
        #expect(search("(" + deep + ")") == "1 BAD the arguments are malformed")
        #expect(search(String(repeating: "NOT ", count: 60_000 / 4) + "ALL") == "1 BAD the arguments are malformed")
        #expect(search(String(repeating: "ALL ", count: 1_001) + "ALL") == "1 BAD the arguments are malformed")
    }

    @Test func `UID SEARCH gives UIDs, and a search reads large messages piecewise`() {
        let store = bobWith([], messages: ["a"])()
        let box = store.make("bob")
        box.messages = []
        box.add(Array(("Subject: big\r\n\r\n" + String(repeating: "x\r\n", count: 100_000) + "needle\r\n").utf8))
        let talk = selected(store)
        #expect(talk.say("1 UID SEARCH BODY needle") == "* SEARCH 2\r\n1 OK done\r\n")
        #expect(talk.say("2 SEARCH SUBJECT big") == "* SEARCH 1\r\n2 OK done\r\n")
        let reads = store.requests.filter { if case .read = $0 { true } else { false } }
        #expect(reads.count == 4)
        talk.expectClean()
    }
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String) -> String {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
    }
}
