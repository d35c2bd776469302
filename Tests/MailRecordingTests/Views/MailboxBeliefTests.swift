// What a client believes of its mailbox, told line by line.

import MailDialogue
import MailRecording
import Testing

@Suite struct MailboxBeliefTests {
    // MARK: IMAP, one session

    @Test func numbersFollowExpunges() {
        var client = Believer()
        client.begin("s", exists: 4)
        client.play(
            "s",
            [
                "C: c FETCH 1:4 (UID FLAGS)", "S: * 1 FETCH (UID 10 FLAGS (\\Seen))", "S: * 2 FETCH (UID 20 FLAGS ())",
                "S: * 3 FETCH (UID 30 FLAGS ($Label1))", "S: * 4 FETCH (UID 40 FLAGS (\\Flagged \\Recent))", "S: c OK",
                "C: d STORE 2 +FLAGS (\\Deleted)", "S: * 2 FETCH (FLAGS (\\Deleted))", "S: d OK",
                "C: e EXPUNGE", "S: * 2 EXPUNGE", "S: e OK", "C: f FETCH 2 FLAGS", "S: * 2 FETCH (FLAGS (\\Answered))",
                "S: f OK",
            ])
        #expect(client.rows() == ["10 \\Seen", "30 \\Answered", "40 \\Flagged,\\Recent"])
        #expect(client.folder()?.folder.count == 3)
        #expect(client.folder()?.folder.uidValidity == 7)
        #expect(client.folder()?.messages.map(\.number) == [1, 2, 3])
        #expect(client.folder()?.isOpen == true)
    }

    @Test func messagesWithoutUIDsAreKnownByNumber() {
        var client = Believer()
        client.begin("s", exists: 3)
        client.play(
            "s",
            [
                "C: c FETCH 2 (RFC822.SIZE)", "S: * 2 FETCH (RFC822.SIZE 1234)", "S: c OK",
                "C: d EXPUNGE", "S: * 1 EXPUNGE", "S: d OK",
            ])
        #expect(client.rows() == ["#1 -"])
        #expect(client.folder()?.messages.first?.size == 1234)
        #expect(client.folder()?.unknown == 1)
        // The UID is told later: it is the same message.
        client.play("s", ["C: e FETCH 1 UID", "S: * 1 FETCH (UID 55)", "S: e OK"])
        #expect(client.rows() == ["55 -"])
        #expect(client.folder()?.messages.first?.size == 1234)
    }

    @Test func aSilentStoreIsBelieved() {
        var client = Believer()
        client.begin("s", exists: 3)
        client.play(
            "s",
            [
                "C: c UID FETCH 1:* FLAGS", "S: * 1 FETCH (UID 1 FLAGS ())", "S: * 2 FETCH (UID 2 FLAGS (\\Seen))",
                "S: * 3 FETCH (UID 3)", "S: c OK", "C: d UID STORE 1:* +FLAGS.SILENT (\\Flagged Work)", "S: d OK",
            ])
        // Of the third flags were not told: one more does not make them known.
        #expect(client.rows() == ["1 \\Flagged,Work?", "2 \\Seen,\\Flagged,Work?", "3 -"])
        client.play(
            "s",
            [
                "C: e STORE 1:2 (UNCHANGEDSINCE 5) FLAGS.SILENT ()", "S: e OK [MODIFIED 2] conditional",
                "C: f STORE 3 FLAGS.SILENT (\\Draft)", "S: f OK", "C: g STORE 3 FLAGS.SILENT (\\Seen)", "S: g NO no",
                "C: h STORE * -FLAGS.SILENT (\\Draft)", "S: h OK",
            ])
        #expect(client.rows() == ["1 ?", "2 \\Seen,\\Flagged,Work?", "3 ?"])
        client.play("s", ["C: i FETCH 1 FLAGS", "S: * 1 FETCH (FLAGS (\\Seen))", "S: i OK"])
        #expect(client.rows().first == "1 \\Seen")
    }

    @Test func idleTellsToo() {
        var client = Believer()
        client.begin("s", exists: 1)
        client.play(
            "s",
            [
                "C: c FETCH 1 (UID FLAGS)", "S: * 1 FETCH (UID 5 FLAGS ())", "S: c OK", "C: d IDLE", "S: + idling",
                "S: * 2 EXISTS", "S: * 1 FETCH (FLAGS (\\Seen))", "S: * 1 EXPUNGE", "C: DONE", "S: d OK",
            ])
        #expect(client.rows() == [])
        #expect(client.folder()?.folder.count == 1)
        #expect(client.folder()?.unknown == 1)
    }

    @Test func closeRemovesWhatIsDeleted() {
        for (verb, left) in [("CLOSE", ["2 "]), ("UNSELECT", ["1 \\Deleted", "2 "])] {
            var client = Believer()
            client.begin("s", exists: 2)
            client.play(
                "s",
                [
                    "C: c FETCH 1:2 (UID FLAGS)", "S: * 1 FETCH (UID 1 FLAGS (\\Deleted))",
                    "S: * 2 FETCH (UID 2 FLAGS ())", "S: c OK", "C: d \(verb)", "S: d OK",
                ])
            #expect(client.rows() == left)
            #expect(client.folder()?.isOpen == false)
        }
        var client = Believer()
        client.begin("s", exists: 1)
        client.play(
            "s",
            [
                "C: c EXAMINE INBOX", "S: * 1 EXISTS", "S: c OK [READ-ONLY]", "C: d FETCH 1 (UID FLAGS)",
                "S: * 1 FETCH (UID 1 FLAGS (\\Deleted))", "S: d OK", "C: e CLOSE", "S: e OK",
            ])
        #expect(client.rows() == ["1 \\Deleted"])
    }

    @Test func searchesOfUIDsTellWhatIsThere() {
        var client = Believer()
        client.begin("s", exists: 3)
        client.play(
            "s",
            [
                "C: c UID SEARCH ALL", "S: * SEARCH 4 8 15", "S: c OK", "C: d FETCH 2 FLAGS",
                "S: * 2 FETCH (FLAGS (\\Seen))", "S: d OK", "C: e UID SEARCH RETURN (ALL) ALL",
                "S: * ESEARCH (TAG \"e\") UID ALL 4,8:9", "S: e OK",
            ])
        #expect(client.rows() == ["4 -", "8 \\Seen", "9 -"])
    }

    @Test(arguments: [
        ["C: x UID SEARCH RETURN (MIN) ALL", "S: * ESEARCH (TAG \"x\") UID MIN 4", "S: x OK"],
        ["C: x UID SEARCH RETURN (MIN MAX) ALL", "S: * ESEARCH (TAG \"x\") UID MIN 4 MAX 15", "S: x OK"],
        ["C: x UID SEARCH RETURN (COUNT) ALL", "S: * ESEARCH (TAG \"x\") UID COUNT 3", "S: x OK"],
        ["C: x UID SEARCH RETURN (SAVE) ALL", "S: x OK"],
        ["C: x UID SEARCH RETURN (PARTIAL 1:2) ALL", "S: * ESEARCH (TAG \"x\") UID PARTIAL (1:2 4,8)", "S: x OK"],
        ["C: x UID SORT RETURN (COUNT) (DATE) UTF-8 ALL", "S: * ESEARCH (TAG \"x\") UID COUNT 3", "S: x OK"],
        ["C: x UID SEARCH ALL", "S: * SEARCH 4 8", "S: x OK [MESSAGELIMIT 2 8] in part"],
        ["C: x UID SEARCH ALL", "S: x OK"], ["C: x UID SEARCH RETURN () ALL", "S: x OK"],
        ["C: x UID SEARCH UNSEEN", "S: * SEARCH 4", "S: x OK"],
    ])
    func answersInPartTakeNothingAway(lines: [String]) {
        var client = Believer()
        client.begin("s", exists: 3)
        client.play("s", ["C: c UID SEARCH ALL", "S: * SEARCH 4 8 15", "S: c OK"] + lines)
        #expect(client.rows() == ["4 -", "8 -", "15 -"])
    }

    @Test(arguments: ["RETURN ()", "RETURN (ALL)", "RETURN (COUNT ALL)", "RETURN (ALL SAVE)"])
    func answersInFullDo(options: String) {
        var client = Believer()
        client.begin("s", exists: 3)
        client.play(
            "s",
            [
                "C: c UID SEARCH ALL", "S: * SEARCH 4 8 15", "S: c OK", "C: d UID SEARCH \(options) ALL",
                "S: * ESEARCH (TAG \"d\") UID ALL 8", "S: d OK",
            ])
        #expect(client.rows() == ["8 -"])
        client.play(
            "s", ["C: e UID SEARCH \(options) ALL", "S: * ESEARCH (TAG \"e\") UID", "S: e OK"])
        #expect(client.rows().isEmpty)
    }

    @Test func answersWithAGapTakeNothingAway() {
        var client = Believer()
        client.begin("s", exists: 3)
        client.play(
            "s",
            [
                "C: c UID SEARCH ALL", "S: * SEARCH 4 8 15", "S: c OK", "C: d LIST \"\" *", "S: * LIST () \"/\" A",
                "S: * LIST () \"/\" B", "S: d OK", "C: e UID SEARCH ALL", "S: * SEARCH 4",
            ])
        client.lose("s", .server)
        client.play("s", ["S: * SEARCH 15", "S: e OK", "C: f LIST \"\" *", "S: * LIST () \"/\" A"])
        client.lose("s", .server)
        client.play("s", ["S: * LIST () \"/\" INBOX", "S: f OK"])
        #expect(client.rows() == ["4 -", "8 -", "15 -"])
        #expect(client.names.sorted() == ["A", "B", "INBOX"])
    }

    @Test func copiesAndMovesAreKnownByTheirUIDs() {
        var client = Believer()
        client.begin("s", exists: 3)
        client.play(
            "s",
            [
                "C: c FETCH 1:3 (UID FLAGS RFC822.SIZE)", "S: * 1 FETCH (UID 1 FLAGS (\\Seen A) RFC822.SIZE 100)",
                "S: * 2 FETCH (UID 2 FLAGS () RFC822.SIZE 200)", "S: * 3 FETCH (UID 3 FLAGS () RFC822.SIZE 300)",
                "S: c OK", "C: d COPY 1:2 Archive", "S: d OK [COPYUID 99 1:2 50:51] done",
                "C: e UID MOVE 3 Archive", "S: * OK [COPYUID 99 3 52] moved", "S: * 3 EXPUNGE", "S: e OK",
            ])
        #expect(client.rows() == ["1 \\Seen,A", "2 "])
        #expect(client.rows("Archive") == ["50 \\Seen,A?", "51 ?", "52 ?"])
        #expect(client.folder("Archive")?.messages.map(\.size) == [100, 200, 300])
        #expect(client.folder("Archive")?.folder.uidValidity == 99)
        #expect(client.folder("Archive")?.messages.allSatisfy { $0.message.origin == .copied } == true)
        #expect(client.folder("Archive")?.folder.count == nil)
    }

    @Test func appendsAreSeenWhole() {
        var client = Believer()
        client.begin("s", exists: 0)
        client.play("s", ["C: c APPEND Sent (\\Seen) {26}", "S: + go"])
        client.say("s", .client, Array("Subject: one\r\n\r\nbody one\r\n\r\n".utf8))
        client.play("s", ["S: c OK [APPENDUID 3 77] done", "C: d APPEND Drafts {3}", "S: + go"])
        client.say("s", .client, Array("abc\r\n".utf8))
        client.play("s", ["S: d OK done"])
        #expect(client.rows("Sent") == ["77 \\Seen?"])
        let sent = client.folder("Sent")?.messages.first
        #expect(sent?.seen == "whole")
        #expect(sent?.size == 26)
        #expect(sent?.message.content?.sha256 == sha256("Subject: one\r\n\r\nbody one\r\n"))
        #expect(sent?.message.envelope?.subject == "one")
        #expect(client.folder("Drafts")?.folder.appendedWithoutUID == 1)
        #expect(client.rows("Drafts") == [])
    }

    @Test func messagesAndHeadersOfFetch() {
        let message = "From: Ann <ann@example.com>\r\nSubject: =?utf-8?Q?h=C3=A9?=\r\n\r\nx\r\n"
        var client = Believer()
        client.begin("s", exists: 3)
        client.play("s", ["C: c UID FETCH 1:3 (BODY[])", "S: * 1 FETCH (BODY[] {\(message.utf8.count)}"])
        client.say("s", .server, Array((message + " UID 9)\r\n").utf8))
        client.play("s", ["S: * 2 FETCH (UID 10 BODY[HEADER] {16}"])
        client.say("s", .server, Array("Subject: head\r\n\r)\r\n".utf8))
        client.play(
            "s",
            [
                "S: * 3 FETCH (UID 11 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700\" \"IMAP\" ((\"Terry\" NIL \"gray\" \"example.com\")) NIL NIL ((NIL NIL \"imap\" \"example.org\")) NIL NIL NIL \"<B@example.com>\"))",
                "S: c OK",
            ])
        let found = client.folder()?.messages ?? []
        #expect(found.map(\.seen) == ["whole", "header", "part"])
        #expect(found.first?.message.content?.bytes == message.utf8.count)
        #expect(found.first?.message.content?.sha256 == sha256(message))
        #expect(found.first?.message.envelope?.subject == "hé")
        #expect(found.dropFirst().first?.message.envelope?.subject == "head")
        #expect(found.last?.message.envelope?.from == ["Terry <gray@example.com>"])
        #expect(found.last?.message.envelope?.to == ["imap@example.org"])
        #expect(found.last?.message.envelope?.messageID == "<B@example.com>")
        #expect(found.last?.message.internalDate == 837_596_665_000_000)
    }

    @Test func piecesOfAMessageMakeItWhole() {
        var client = Believer()
        client.begin("s", exists: 1)
        client.play("s", ["C: c UID FETCH 9 BODY[]<0.10>", "S: * 1 FETCH (UID 9 BODY[]<0> {10}"])
        client.say("s", .server, Array("Subject: x)\r\n".utf8))
        client.play("s", ["S: c OK", "C: d UID FETCH 9 BODY[]<10.10>", "S: * 1 FETCH (UID 9 BODY[]<10> {4}"])
        client.say("s", .server, Array("\r\n\r\n)\r\n".utf8))
        client.play("s", ["S: d OK"])
        #expect(client.folder()?.messages.map(\.seen) == ["whole"])
        #expect(client.folder()?.messages.first?.message.content?.bytes == 14)
    }

    // MARK: Folders

    @Test func foldersComeAndGo() {
        var client = Believer()
        client.begin("s", exists: 0)
        client.play(
            "s",
            [
                "C: c LIST \"\" *", "S: * LIST (\\HasChildren) \"/\" INBOX", "S: * LIST (\\Sent) \"/\" \"Sent Mail\"",
                "S: * LIST () \"/\" Old/2020", "S: * LIST () \"/\" {3}",
            ])
        client.say("s", .server, Array("Old\r\n".utf8))
        client.play(
            "s",
            [
                "S: c OK", "C: d LSUB \"\" *", "S: * LSUB () \"/\" INBOX", "S: d OK", "C: e CREATE New/", "S: e OK",
                "C: f RENAME Old Older", "S: f OK", "C: g DELETE \"Sent Mail\"", "S: g OK", "C: h SUBSCRIBE New",
                "S: h OK", "C: i STATUS New (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)",
                "S: * STATUS New (MESSAGES 4 UIDNEXT 9 UIDVALIDITY 2 UNSEEN 1)", "S: i OK",
                "C: j CREATE &U,BTFw-", "S: j OK", "C: k SELECT Missing", "S: k NO none",
            ])
        #expect(client.names == ["INBOX", "New", "Older", "Older/2020", "台北"])
        #expect(client.folder("INBOX")?.folder.isSubscribed == true)
        #expect(client.folder("New")?.folder.isSubscribed == true)
        #expect(client.folder("New")?.folder.count == 4)
        #expect(client.folder("New")?.folder.unseen == 1)
        #expect(client.folder("New")?.folder.uidNext == 9)
        #expect(client.folder("INBOX")?.isOpen == false)
        // What a whole list does not have is gone.
        client.play("s", ["C: l LIST \"\" *", "S: * LIST () \"/\" INBOX", "S: * LIST () \"/\" New", "S: l OK"])
        #expect(client.names == ["INBOX", "New"])
    }

    @Test func foldersKeepTheirMessagesWhenTheyAreRenamed() {
        var client = Believer()
        client.begin("s", "Work", exists: 1)
        client.play(
            "s",
            [
                "C: c FETCH 1 (UID FLAGS)", "S: * 1 FETCH (UID 4 FLAGS (\\Seen Mine))", "S: c OK", "C: d UNSELECT",
                "S: d OK", "C: e RENAME Work Done", "S: e OK",
            ])
        #expect(client.names == ["Done"])
        #expect(client.rows("Done") == ["4 \\Seen,Mine"])
    }

    // MARK: Sessions behind one another

    @Test func aLaterSessionTellsWhatIsGone() {
        var client = Believer()
        client.begin("one", exists: 5)
        client.play("one", ["C: c FETCH 1:* (UID FLAGS)"])
        for uid in 1...5 { client.play("one", ["S: * \(uid) FETCH (UID \(uid * 10) FLAGS ())"]) }
        client.play("one", ["S: c OK", "C: d LOGOUT", "S: * BYE", "S: d OK"])
        client.close("one")
        #expect(client.rows().count == 5)
        // 20 has no place between neighbours, 50 none behind the last; of 30 nothing is said.
        client.begin("two", exists: 3)
        client.play(
            "two",
            ["C: c FETCH 1 UID", "S: * 1 FETCH (UID 10)", "S: * 2 FETCH (UID 30)", "S: * 3 FETCH (UID 40)", "S: c OK"])
        #expect(client.rows() == ["10 ", "30 ", "40 "])
        client.play(
            "two",
            ["C: d UNSELECT", "S: d OK", "C: e STATUS INBOX (MESSAGES)", "S: * STATUS INBOX (MESSAGES 0)", "S: e OK"])
        #expect(client.rows() == [])
    }

    @Test func numbersThatWereNotToldLeaveRoom() {
        var client = Believer()
        client.begin("one", exists: 3)
        client.play(
            "one",
            [
                "C: c FETCH 1:* UID", "S: * 1 FETCH (UID 10)", "S: * 2 FETCH (UID 20)", "S: * 3 FETCH (UID 30)",
                "S: c OK",
            ])
        client.close("one")
        client.begin("two", exists: 2)
        client.play("two", ["C: c FETCH 2 UID", "S: * 2 FETCH (UID 30)", "S: c OK"])
        // One of them is gone, and nobody said which.
        #expect(client.rows() == ["10 -", "20 -", "30 -"])
        #expect(client.folder()?.folder.count == 2)
    }

    @Test func anotherUIDValidityForgetsAll() {
        var client = Believer()
        client.begin("one", exists: 1)
        client.play("one", ["C: c FETCH 1 (UID FLAGS)", "S: * 1 FETCH (UID 10 FLAGS ())", "S: c OK"])
        client.close("one")
        client.begin("two", exists: 1, validity: 8)
        #expect(client.rows() == [])
        #expect(client.folder()?.folder.uidValidity == 8)
        #expect(client.folder()?.unknown == 1)
    }

    @Test func quickResynchronisationTellsWhatVanished() {
        var client = Believer()
        client.begin("one", exists: 3)
        client.play(
            "one",
            ["C: c FETCH 1:3 (UID)", "S: * 1 FETCH (UID 1)", "S: * 2 FETCH (UID 2)", "S: * 3 FETCH (UID 3)", "S: c OK"])
        client.close("one")
        client.open("two")
        client.play(
            "two",
            [
                "S: * PREAUTH hi", "C: a ENABLE QRESYNC", "S: * ENABLED QRESYNC", "S: a OK",
                "C: b SELECT INBOX (QRESYNC (7 100 1:3))", "S: * 2 EXISTS", "S: * OK [UIDVALIDITY 7] v",
                "S: * VANISHED (EARLIER) 2", "S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (101))", "S: b OK",
                "C: c NOOP", "S: * VANISHED 1", "S: c OK",
            ])
        // Nobody saw who logged in: that is an account of its own.
        #expect(client.pictures().map(\.account.user) == ["", "you"])
        var same = Believer()
        same.begin("one", exists: 3)
        same.play(
            "one",
            ["C: c FETCH 1:3 (UID)", "S: * 1 FETCH (UID 1)", "S: * 2 FETCH (UID 2)", "S: * 3 FETCH (UID 3)", "S: c OK"])
        same.close("one")
        same.open("two")
        same.play(
            "two",
            [
                "S: * OK hi", "C: a LOGIN you secret", "S: a OK", "C: b SELECT INBOX (QRESYNC (7 100 1:3))",
                "S: * 2 EXISTS", "S: * OK [UIDVALIDITY 7] v", "S: * VANISHED (EARLIER) 2",
                "S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (101))", "S: b OK", "C: c NOOP", "S: * VANISHED 1",
                "S: c OK",
            ])
        #expect(same.rows() == ["3 -"])
        #expect(same.folder()?.folder.count == 1)
    }

    @Test func selectingAnotherFolderKeepsThemApart() {
        var client = Believer()
        client.begin("s", exists: 1)
        client.play(
            "s",
            [
                "C: c FETCH 1 UID", "S: * 1 FETCH (UID 5)", "S: c OK", "C: d SELECT Other",
                "S: * 1 FETCH (FLAGS (\\Seen))",
                "S: * OK [CLOSED] bye", "S: * 1 EXISTS", "S: * OK [UIDVALIDITY 1]", "S: d OK", "C: e FETCH 1 UID",
                "S: * 1 FETCH (UID 900)", "S: e OK",
            ])
        #expect(client.rows() == ["5 \\Seen"])
        #expect(client.rows("Other") == ["900 -"])
    }

    @Test func whatComesLaterIsNotKnownYet() {
        var client = Believer(until: 10)
        client.begin("s", exists: 2)
        client.play("s", ["C: c FETCH 1:2 (UID FLAGS)", "S: * 1 FETCH (UID 1 FLAGS ())"])
        #expect(client.time == 9)
        client.play("s", ["S: * 2 FETCH (UID 2 FLAGS ())", "S: * 1 EXPUNGE"])
        #expect(client.rows() == ["1 ", "2 "])
    }

    @Test func accountsAreToldApart() {
        var client = Believer()
        client.begin("one", exists: 1)
        client.open("two", server: 0x0A00_0003)
        client.play(
            "two", ["S: * OK", "C: a LOGIN you secret", "S: a OK", "C: b SELECT INBOX", "S: * 9 EXISTS", "S: b OK"])
        client.open("three")
        client.play("three", ["S: * OK", "C: a LOGIN her secret", "S: a OK", "C: b SELECT INBOX", "S: b OK"])
        #expect(
            client.pictures().map { "\($0.account.user)@\($0.account.host)" } == [
                "her@10.0.0.2", "you@10.0.0.2", "you@10.0.0.3",
            ])
        var one = Believer(user: "you", server: "10.0.0.3")
        one.begin("one", exists: 1)
        one.open("two", server: 0x0A00_0003)
        one.play(
            "two", ["S: * OK", "C: a LOGIN you secret", "S: a OK", "C: b SELECT INBOX", "S: * 9 EXISTS", "S: b OK"])
        #expect(one.pictures().map(\.account.host) == ["10.0.0.3"])
        #expect(one.folder()?.folder.count == 9)
    }

    @Test func lostOctetsMakeNumbersUnsure() {
        var client = Believer()
        client.begin("s", exists: 2)
        client.play("s", ["C: c FETCH 1:2 UID", "S: * 1 FETCH (UID 1)", "S: * 2 FETCH (UID 2)", "S: c OK"])
        client.lose("s", .server)
        client.play("s", ["C: d NOOP", "S: * 1 EXPUNGE", "S: d OK"])
        #expect(client.rows() == ["1 -", "2 -"])
        #expect(client.pictures().first?.hasGaps == true)
    }
}
