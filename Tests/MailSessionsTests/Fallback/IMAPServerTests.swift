// Our IMAP server as dialogues: framing, login, states, mailboxes. The names begin with the line of the conformance
// list that they show. What concerns messages is in IMAPMessageTests.

import MailDialogue
import Testing

@testable import MailSessions

func imap(_ settings: ServerSettings = ServerSettings(hostName: "mx.example.com")) -> IMAPServer {
    IMAPServer(settings: settings, nonce: 42)
}

/// All lines behind the greeting.
func lines(behindGreeting output: String) -> [String] {
    output.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init).dropFirst().dropLast()
}

/// The tagged lines.
func tagged(_ output: String) -> [String] {
    lines(behindGreeting: output).filter { !$0.hasPrefix("*") && !$0.hasPrefix("+") }
}

/// Tags and statuses.
func statuses(_ output: String) -> [String] {
    tagged(output).map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
}

let imapLogin = "a LOGIN bob secret\r\n"

/// A store with mailboxes of bob's.
func bobWith(_ mailboxes: [String] = [], messages: [String] = []) -> () -> MemoryStore {
    {
        let store = MemoryStore()
        let inbox = store.make("bob")
        for message in messages { inbox.add(Array(message.utf8)) }
        for name in mailboxes { _ = store.make("bob", name) }
        return store
    }
}

@Suite struct IMAPServerTests {
    @Test func `IM-040 IM-042 the greeting is OK, CAPABILITY one untagged line`() {
        let talk = play("1 capability\r\n2 LOGOUT\r\n3 NOOP\r\n") { imap() }
        let list = "IMAP4rev1 LITERAL+ IDLE ENABLE ID NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE STATUS=SIZE"
        let all = "\(list) APPENDLIMIT=52428800 SASL-IR AUTH=PLAIN AUTH=LOGIN"
        #expect(
            talk.output
                == "* OK [CAPABILITY \(all)] mx.example.com ready\r\n* CAPABILITY \(all)\r\n1 OK that is all\r\n"
                + "* BYE goodbye\r\n2 OK done\r\n")
        #expect(talk.conversation.isClosed)
        let after = play(imapLogin + "b CAPABILITY\r\n", store: bobWith()) { imap() }
        #expect(lines(behindGreeting: after.output).contains("* CAPABILITY \(list) APPENDLIMIT=52428800"))
    }

    @Test func `IM-001 a bare LF ends no command`() {
        let talk = play("1 NOOP\n2 NOOP\r\n", store: bobWith()) { imap() }
        #expect(statuses(talk.output) == ["1 BAD", "2 OK"])
    }

    @Test func `IM-002 keywords and INBOX in any case`() {
        let talk = play(
            "1 login Bob x\r\n2 sElEcT inBox\r\n3 uid FETCH 1 flags\r\n",
            store: {
                let s = MemoryStore(); _ = s.make("Bob"); return s
            }
        ) { imap() }
        #expect(statuses(talk.output) == ["1 OK", "2 OK", "3 OK"])
        #expect(talk.store.requests.contains(.open(Account(name: "Bob"), "INBOX", readOnly: false)))
    }

    @Test func `IM-003 IM-004 tags as they came, twice the same too; without one BAD`() {
        let talk = play("A]1. NOOP\r\nx NOOP\r\nx NOOP\r\n+ NOOP\r\n\r\n") { imap() }
        #expect(
            lines(behindGreeting: talk.output) == [
                "A]1. OK done", "x OK done", "x OK done", "* BAD a command needs a tag", "* BAD a command needs a tag",
            ])
        #expect(
            lines(behindGreeting: play("* IDLE\r\n1 NOOP\r\n") { imap() }.output) == ["* BYE a command needs a tag"])
    }

    @Test func `IM-009 syntax errors and unknown commands get BAD`() {
        let bad = [
            "XYZ", "NOOP x", "SELECT", "SELECT  INBOX", "SELECT INBOX ", "SELECT INBOX (CONDSTORE)", "LIST \"\"",
            "STATUS INBOX ()",
            "STATUS INBOX (FOO)", "LOGIN a b", "FETCH 1 FLAGS", "ID", "ENABLE", "CREATE", "RENAME a", "APPEND INBOX",
            "LSUB \"\" \"x",
        ]
        for command in bad {
            let talk = play(imapLogin + "1 \(command)\r\n2 NOOP\r\n", store: bobWith()) { imap() }
            #expect(statuses(talk.output).dropFirst() == ["1 BAD", "2 OK"], "\(command)")
        }
    }

    @Test func `IM-010 lines of 64,000 octets are taken, beyond all limits the session ends`() {
        let set = (1...8_000).map(String.init).joined(separator: ",")
        let talk = play(imapLogin + "1 SELECT INBOX\r\n2 UID FETCH \(set) FLAGS\r\n", store: bobWith()) { imap() }
        #expect(statuses(talk.output).last == "2 OK")
        let endless = Conversation(imap(), MemoryStore())
        endless.send("1 NOOP " + String(repeating: "x", count: 100_000), pieces: 8_000)
        #expect(endless.isClosed)
        #expect(endless.reply().hasSuffix("* BYE [TOOBIG] the line is too long\r\n"))
        endless.expectClean()
    }

    @Test func `IM-012 IM-019 IM-020 IM-021 literals of both kinds as arguments`() {
        let waits = Conversation(imap(), bobWith(["a b"])())
        _ = waits.reply()
        #expect(waits.say("1 LOGIN {3}") == "+ go on\r\n")
        waits.send("bob")
        #expect(waits.say(" {6}") == "+ go on\r\n")
        waits.send("secret\r\n")
        #expect(waits.reply().hasPrefix("1 OK "))
        #expect(waits.say("2 SELECT {0}") == "+ go on\r\n")
        #expect(waits.say("").hasPrefix("2 NO"))
        #expect(waits.say("3 LIST {0+}\r\n \"\"") == "* LIST (\\Noselect) \"/\" \"\"\r\n3 OK done\r\n")
        waits.expectClean()
        let talk = play(
            "1 LOGIN {3+}\r\nbob {6+}\r\nsecret\r\n2 STATUS {3+}\r\na b (MESSAGES)\r\n", store: bobWith(["a b"])
        ) { imap() }
        #expect(lines(behindGreeting: talk.output).suffix(2) == ["* STATUS \"a b\" (MESSAGES 0)", "2 OK done"])
        #expect(talk.store.attempts == [.password(user: "bob", SecretText("secret"))])
    }

    @Test func `IM-014 IM-015 octets of a literal follow also when the command is refused`() {
        let talk = play(
            "1 XYZ {8+}\r\n2 LOGOUT {8+}\r\n3 LOGOUT\r\n4 SELECT {7+}\r\n5 NOOP\n\r\n6 NOOP\r\n", store: bobWith()
        ) { imap() }
        #expect(statuses(talk.output) == ["1 BAD", "4 BAD", "6 OK"])
        let sync = Conversation(imap(), MemoryStore())
        #expect(sync.say("1 XYZ {8}").hasSuffix("1 BAD this command is not known\r\n"))
        #expect(sync.say("2 NOOP") == "2 OK done\r\n")
        sync.expectClean()
    }

    @Test func `IM-027 literals that are too large get NO before their octets, or end the session`() {
        let talk = Conversation(imap(), MemoryStore())
        _ = talk.reply()
        #expect(talk.say("1 LOGIN {9999999}") == "1 NO [TOOBIG] the literal is too large\r\n")
        #expect(talk.say("2 LOGIN {99999999999999999999999}") == "2 NO [TOOBIG] the literal is too large\r\n")
        #expect(talk.say("3 LOGIN {200000+}") == "")
        talk.send(String(repeating: "x", count: 200_000), pieces: 30_000)
        #expect(talk.say(" y") == "3 NO [TOOBIG] the literal is too large\r\n")
        #expect(talk.say("4 LOGIN {99999999999999999999999+}") == "* BYE [TOOBIG] the literal is too large\r\n")
        #expect(talk.isClosed)
        let binary = play("1 LOGIN ~{3+}\r\nbob x\r\n2 NOOP\r\n") { imap() }
        #expect(statuses(binary.output) == ["1 BAD", "2 OK"])
    }

    @Test func `IM-029 quoted strings with both escapes, and no others`() {
        let talk = play("1 LOGIN \"b\\\"o\\\\b\" \"\"\r\n2 LOGIN \"a\\b\" x\r\n", store: MemoryStore.init) { imap() }
        #expect(statuses(talk.output) == ["1 OK", "2 BAD"])
        #expect(talk.store.attempts == [.password(user: "b\"o\\b", SecretText(""))])
        #expect(statuses(play("1 LOGIN \"a\\b\" x\r\n") { imap() }.output) == ["1 BAD"])
    }

    @Test func `IM-056 AUTHENTICATE with and without initial response, and what goes wrong`() {
        let talk = play(
            "1 AUTHENTICATE FOO\r\n2 AUTHENTICATE PLAIN\r\n*\r\n3 AUTHENTICATE CRAM-MD5\r\n4 AUTHENTICATE PLAIN\r\nAGJvYgBi\r\n"
                + "5 AUTHENTICATE PLAIN AGJvYgBi\r\n", store: bobWith()
        ) { imap() }
        #expect(statuses(talk.output) == ["1 NO", "2 BAD", "3 NO", "4 OK", "5 BAD"])
        let login = play("1 AUTHENTICATE LOGIN\r\nYm9i\r\nc2VjcmV0\r\n", store: bobWith()) { imap() }
        #expect(lines(behindGreeting: login.output).prefix(2) == ["+ VXNlcm5hbWU6", "+ UGFzc3dvcmQ6"])
        #expect(login.store.attempts == [.password(user: "bob", SecretText("secret"))])
        let initial = play("1 AUTHENTICATE PLAIN =\r\n2 AUTHENTICATE PLAIN AGJvYgBi\r\n", store: bobWith()) { imap() }
        #expect(statuses(initial.output) == ["1 BAD", "2 OK"])
        #expect(statuses(play("1 AUTHENTICATE PLAIN\r\n!!\r\n2 NOOP\r\n") { imap() }.output) == ["1 BAD", "2 OK"])
    }

    @Test func `AUTHENTICATE CRAM-MD5 where any login holds`() {
        let talk = Conversation(imap(ServerSettings(hostName: "mx.example.com", digestLogins: true)), bobWith()())
        #expect(talk.reply().contains("AUTH=PLAIN AUTH=LOGIN AUTH=CRAM-MD5"))
        #expect(talk.say("1 AUTHENTICATE CRAM-MD5 YQ==").hasPrefix("1 BAD"))
        #expect(talk.say("2 AUTHENTICATE CRAM-MD5").hasPrefix("+ PDQyLjIu"))
        let digest = "bob " + String(repeating: "0", count: 32)
        #expect(talk.say(String(decoding: Base64Text.encode(digest), as: UTF8.self)).hasPrefix("2 OK"))
        talk.expectClean()
    }

    @Test func `IM-060 a refused login gets NO, and three of them end the session`() {
        func store() -> MemoryStore {
            let store = MemoryStore()
            store.refusesLogins = true
            return store
        }
        let talk = play(imapLogin + imapLogin + imapLogin + imapLogin, store: store) { imap() }
        #expect(
            lines(behindGreeting: talk.output) == Array(
                repeating: "a NO [AUTHENTICATIONFAILED] these credentials do not hold", count: 3)
                + ["* BYE too many errors"])
        #expect(talk.conversation.isClosed)
    }

    @Test func `three bad commands before the login end the session, twenty after it`() {
        let before = play(String(repeating: "1 XYZ\r\n", count: 5)) { imap() }
        #expect(statuses(before.output) == ["1 BAD", "1 BAD", "1 BAD"])
        #expect(before.conversation.isClosed)
        let after = play(imapLogin + String(repeating: "1 XYZ\r\n", count: 25), store: bobWith()) { imap() }
        #expect(statuses(after.output).count == 21)
        #expect(after.conversation.isClosed)
    }

    @Test func `IM-067 IM-160 IM-150 ENABLE, ID and NAMESPACE`() {
        let talk = play(
            imapLogin
                + "1 ENABLE CONDSTORE X-FOO\r\n2 ID NIL\r\n3 ID (\"name\" \"x\" \"version\" NIL)\r\n4 NAMESPACE\r\n5 ID (\r\n",
            store: bobWith()
        ) { imap() }
        #expect(
            lines(behindGreeting: talk.output).dropFirst() == [
                "* ENABLED", "1 OK done", "* ID (\"name\" \"mailproxy\")", "2 OK done", "* ID (\"name\" \"mailproxy\")",
                "3 OK done",
                "* NAMESPACE ((\"\" \"/\")) NIL NIL", "4 OK done", "5 BAD the arguments are malformed",
            ])
    }

    @Test func `IM-070 half an hour without a command ends the session with BYE`() {
        let talk = Conversation(imap(), bobWith()())
        talk.send(imapLogin)
        #expect(talk.timers == [1_800, 1_800])
        talk.event(.timerFired)
        #expect(talk.reply().hasSuffix("* BYE nothing came for too long\r\n"))
        #expect(talk.isClosed)
    }

    @Test func `a server that stops says BYE`() {
        let talk = Conversation(imap(), bobWith()())
        talk.send(imapLogin + "1 SELECT INBOX\r\n2 IDLE\r\n")
        talk.event(.shutdown)
        #expect(talk.reply().hasSuffix("* BYE the server is shutting down\r\n"))
        #expect(talk.isClosed)
        talk.expectClean()
    }

    @Test func `IM-114 commands in the wrong state get BAD and change nothing`() {
        let selected = [
            "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH ALL", "FETCH 1 FLAGS", "STORE 1 FLAGS ()", "COPY 1 x",
            "UID MOVE 1 x",
        ]
        for command in ["SELECT INBOX", "LIST \"\" *", "APPEND INBOX {1+}\r\nx", "IDLE"] + selected {
            #expect(statuses(play("1 \(command)\r\n2 NOOP\r\n") { imap() }.output) == ["1 BAD", "2 OK"], "\(command)")
        }
        for command in selected {
            let talk = play(imapLogin + "1 \(command)\r\n2 NOOP\r\n", store: bobWith()) { imap() }
            #expect(statuses(talk.output).dropFirst() == ["1 BAD", "2 OK"], "\(command)")
        }
    }

    @Test func `IM-106 IM-107 SELECT and EXAMINE tell what the mailbox is`() {
        func store() -> MemoryStore {
            let store = bobWith(["empty"], messages: ["a", "b", "c"])()
            store.make("bob").messages[0].flags = ["\\Seen", "work"]
            return store
        }
        let talk = play(imapLogin + "1 SELECT INBOX\r\n2 EXAMINE empty\r\n", store: store) { imap() }
        #expect(
            lines(behindGreeting: talk.output).dropFirst() == [
                "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)", "* 3 EXISTS", "* 0 RECENT",
                "* OK [UNSEEN 2] first unseen",
                "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work \\*)] what stays",
                "* OK [UIDVALIDITY 7] of these UIDs", "* OK [UIDNEXT 4] next", "1 OK [READ-WRITE] done",
                "* OK [CLOSED] the mailbox before is closed", "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
                "* 0 EXISTS", "* 0 RECENT", "* OK [PERMANENTFLAGS ()] what stays", "* OK [UIDVALIDITY 8] of these UIDs",
                "* OK [UIDNEXT 1] next", "2 OK [READ-ONLY] done",
            ])
    }

    @Test func `IM-104 SELECT that fails leaves no mailbox selected`() {
        let talk = play(imapLogin + "1 SELECT INBOX\r\n2 SELECT none\r\n3 FETCH 1 FLAGS\r\n", store: bobWith()) {
            imap()
        }
        #expect(tagged(talk.output).dropFirst(2).first == "2 NO [NONEXISTENT] no such mailbox")
        #expect(statuses(talk.output).last == "3 BAD")
    }

    @Test func `IM-108 CLOSE removes what is marked without a word, UNSELECT nothing`() {
        func store() -> MemoryStore {
            let store = bobWith([], messages: ["a", "b"])()
            store.make("bob").messages[0].flags = ["\\Deleted"]
            return store
        }
        let close = play(imapLogin + "1 SELECT INBOX\r\n2 CLOSE\r\n3 CHECK\r\n", store: store) { imap() }
        #expect(lines(behindGreeting: close.output).suffix(2) == ["2 OK done", "3 BAD select a mailbox first"])
        #expect(close.store.mailbox("bob", "INBOX")?.messages.count == 1)
        for command in ["SELECT INBOX\r\n2 UNSELECT", "EXAMINE INBOX\r\n2 CLOSE"] {
            let talk = play(imapLogin + "1 \(command)\r\n", store: store) { imap() }
            #expect(statuses(talk.output).last == "2 OK")
            #expect(talk.store.mailbox("bob", "INBOX")?.messages.count == 2)
        }
    }

    @Test func `IM-120 IM-121 IM-122 CREATE, DELETE and RENAME`() {
        let talk = play(
            imapLogin
                + "1 CREATE a/\r\n2 CREATE a/b\r\n3 CREATE a\r\n4 CREATE inbox\r\n5 CREATE /x\r\n6 CREATE x//y\r\n"
                + "7 DELETE a\r\n8 RENAME a c\r\n9 DELETE c/b\r\n10 DELETE c\r\n11 DELETE c\r\n12 DELETE INBOX\r\n"
                + "13 RENAME none x\r\n14 RENAME INBOX old\r\n15 CREATE &bad\r\n", store: bobWith([], messages: ["m"])
        ) { imap() }
        #expect(
            tagged(talk.output).dropFirst() == [
                "1 OK done", "2 OK done", "3 NO [ALREADYEXISTS] there is such a mailbox",
                "4 NO [ALREADYEXISTS] there is such a mailbox", "5 NO [CANNOT] this name can't be used",
                "6 NO [CANNOT] this name can't be used", "7 NO [HASCHILDREN] there are mailboxes below it", "8 OK done",
                "9 OK done", "10 OK done", "11 NO [NONEXISTENT] no such mailbox", "12 NO [CANNOT] not with INBOX",
                "13 NO [NONEXISTENT] no such mailbox", "14 OK done", "15 NO [CANNOT] this name can't be used",
            ])
        #expect(talk.store.mailbox("bob", "old")?.messages.count == 1)
        #expect(talk.store.mailbox("bob", "INBOX")?.messages.count == 0)
    }

    @Test func `the selected mailbox may be deleted, and is not selected then`() {
        let talk = play(imapLogin + "1 SELECT a\r\n2 DELETE a\r\n3 CHECK\r\n", store: bobWith(["a"])) { imap() }
        #expect(statuses(talk.output).suffix(2) == ["2 OK", "3 BAD"])
    }

    @Test func `IM-123 subscriptions survive the mailbox and are told by LSUB and LIST`() {
        let talk = play(
            imapLogin + "1 SUBSCRIBE a/b\r\n2 SUBSCRIBE INBOX\r\n3 DELETE a/b\r\n4 LSUB \"\" *\r\n5 LSUB \"\" %\r\n"
                + "6 LIST (SUBSCRIBED) \"\" *\r\n7 UNSUBSCRIBE a/b\r\n8 LSUB \"\" *\r\n", store: bobWith(["a/b"])
        ) { imap() }
        #expect(
            lines(behindGreeting: talk.output).dropFirst() == [
                "1 OK done", "2 OK done", "3 OK done", "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"",
                "* LSUB (\\Noselect) \"/\" \"a/b\"", "4 OK done", "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"",
                "* LSUB (\\Noselect) \"/\" \"a\"", "5 OK done", "* LIST (\\HasNoChildren \\Subscribed) \"/\" \"INBOX\"",
                "* LIST (\\NonExistent \\Subscribed) \"/\" \"a/b\"", "6 OK done", "7 OK done",
                "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"", "8 OK done",
            ])
    }

    @Test func `IM-124 IM-180 LIST, its wildcards and special uses`() {
        func store() -> MemoryStore {
            let store = bobWith(["Sent", "work", "work/2025", "work/2026"])()
            store.specialUses["Sent"] = "\\Sent"
            return store
        }
        func list(_ arguments: String) -> [String] {
            let talk = play(imapLogin + "1 LIST \(arguments)\r\n", store: store) { imap() }
            #expect(statuses(talk.output).last == "1 OK", "\(arguments)")
            return lines(behindGreeting: talk.output).dropFirst().dropLast().map {
                String($0.split(separator: "\"").last ?? "")
            }
        }
        #expect(list("\"\" *") == ["INBOX", "Sent", "work", "work/2025", "work/2026"])
        #expect(list("\"\" %") == ["INBOX", "Sent", "work"])
        #expect(list("\"\" work/%") == ["work/2025", "work/2026"])
        #expect(list("work/ %5") == ["work/2025"])
        #expect(list("\"\" inbox") == ["INBOX"])
        #expect(list("\"\" *2*2*") == ["work/2025", "work/2026"])
        #expect(list("\"\" (Sent %/2026) RETURN (CHILDREN SUBSCRIBED SPECIAL-USE)") == ["Sent", "work/2026"])
        #expect(list("(SPECIAL-USE) \"\" *") == ["Sent"])
        #expect(list("\"\" &broken*") == [])
        #expect(list("\"\" \(String(repeating: "*%", count: 2_000))") == [])
        let all = play(
            imapLogin + "1 LIST \"\" S*\r\n2 LIST \"\" w%\r\n3 LIST (FOO) \"\" *\r\n4 LIST \"\" * RETURN (FOO)\r\n",
            store: store
        ) { imap() }
        #expect(
            lines(behindGreeting: all.output).dropFirst() == [
                "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"", "1 OK done", "* LIST (\\HasChildren) \"/\" \"work\"",
                "2 OK done",
                "3 BAD the arguments are malformed", "4 BAD the arguments are malformed",
            ])
    }

    @Test func `IM-126 names in modified UTF-7, and in UTF-8 from clients that do not know it`() {
        let talk = play(
            imapLogin
                + "1 CREATE Entw&APw-rfe\r\n2 CREATE \"&Jjo-/a&-b\"\r\n3 LIST \"\" *\r\n4 STATUS Entwürfe (MESSAGES)\r\n",
            store: bobWith()
        ) { imap() }
        #expect(talk.store.mailbox("bob", "Entwürfe") != nil)
        #expect(talk.store.mailbox("bob", "☺/a&b") != nil)
        #expect(talk.output.contains("\"Entw&APw-rfe\"") && talk.output.contains("\"&Jjo-/a&-b\""))
        #expect(statuses(talk.output).last == "4 OK")
    }

    @Test func `modified UTF-7 there and back`() {
        let names = ["", "INBOX", "&", "a&b", "Entwürfe", "台北", "~peter/mail/台北/日本語", "😀", "a😀&é", "\u{7f}"]
        for name in names { #expect(ModifiedUTF7.decode(ModifiedUTF7.encode(name)) == name, "\(name)") }
        #expect(ModifiedUTF7.encode("~peter/mail/台北/日本語").elementsEqual("~peter/mail/&U,BTFw-/&ZeVnLIqe-".utf8))
        for bad in ["&", "&U", "&U,-", "&AGE-", "&2D0-", "&!!-", "a\u{1}", "&U,BTFx-"] {
            #expect(ModifiedUTF7.decode(bad.utf8) == nil, "\(bad)")
        }
    }

    @Test func `IM-127 STATUS of any mailbox, also the selected one`() {
        func store() -> MemoryStore {
            let store = bobWith(["a"], messages: ["abc", "de"])()
            store.make("bob").messages[0].flags = ["\\Seen", "\\Deleted"]
            return store
        }
        let talk = play(
            imapLogin + "1 SELECT INBOX\r\n2 STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE)\r\n"
                + "3 STATUS none (MESSAGES)\r\n", store: store
        ) { imap() }
        #expect(
            lines(behindGreeting: talk.output).suffix(3) == [
                "* STATUS \"INBOX\" (MESSAGES 2 RECENT 0 UIDNEXT 3 UIDVALIDITY 7 UNSEEN 1 DELETED 1 SIZE 5)",
                "2 OK done",
                "3 NO [NONEXISTENT] no such mailbox",
            ])
    }

    @Test func `IM-080 a whole pipelined session is answered in order`() {
        let talk = play(
            imapLogin
                + "1 SELECT INBOX\r\n2 FETCH 1 (FLAGS)\r\n3 STORE 1 +FLAGS.SILENT (\\Deleted)\r\n4 EXPUNGE\r\n5 LOGOUT\r\n",
            store: bobWith([], messages: ["x"])
        ) { imap() }
        #expect(statuses(talk.output) == ["a OK", "1 OK", "2 OK", "3 OK", "4 OK", "5 OK"])
        #expect(
            lines(behindGreeting: talk.output).suffix(4) == ["* 1 EXPUNGE", "4 OK done", "* BYE goodbye", "5 OK done"])
    }
}
