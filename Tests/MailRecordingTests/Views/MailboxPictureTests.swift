// Bounds of what is believed, and how it is shown.

import MailDialogue
import MailRecording
import Testing

@Suite struct MailboxPictureTests {
    // MARK: Bounds

    /// Few octets that look at many messages, again and again: nothing takes long, and what was not followed is said.
    @Test func costsAreThoseOfTheOctets() {
        var client = Believer()
        client.begin("s", exists: 4000)
        var lines = ""
        for uid in 1...4000 { lines += "* \(uid) FETCH (UID \(uid * 2) FLAGS ())\r\n" }
        client.play("s", ["C: c FETCH 1:* (UID FLAGS)"])
        client.say("s", .server, Array((lines + "c OK\r\n").utf8))
        var stores = ""
        var answers = ""
        for number in 0..<100 {
            stores += "d\(number) STORE 1:* +FLAGS.SILENT (k)\r\n"
            answers += "* VANISHED 4000000:4294967295\r\nd\(number) OK\r\n"
        }
        for _ in 0..<15 {
            client.say("s", .client, Array(stores.utf8))
            client.say("s", .server, Array(answers.utf8))
        }
        let picture = client.pictures().first
        #expect((picture?.notFollowed ?? 0) > 500)
    }

    @Test func setsThatNameFourBillionMessages() {
        var client = Believer()
        client.begin("s", exists: 2)
        client.play(
            "s",
            [
                "C: c UID SEARCH RETURN (ALL) ALL", "S: * ESEARCH (TAG \"c\") UID ALL 1:4294967295", "S: c OK",
                "C: d COPY 1 Other", "S: d OK [COPYUID 1 1:4294967295 1:4294967295]",
                "C: e STORE 4294967295 FLAGS.SILENT ()",
                "S: e OK", "S: * 4294967295 EXISTS", "S: * 4294967295 FETCH (UID 4294967295)",
                "S: * 4294967295 EXPUNGE",
                "S: * 0 FETCH (UID 0)", "S: * 1 FETCH (UID 0)",
            ])
        #expect(client.rows() == ["#1 -"])
        #expect(client.folder()?.folder.count == 4_294_967_294)
    }

    // MARK: Shown

    @Test func shownToPeopleAndPrograms() {
        var client = Believer()
        client.begin("s", exists: 2)
        client.play(
            "s",
            ["C: c FETCH 1 (UID FLAGS RFC822.SIZE)", "S: * 1 FETCH (UID 3 FLAGS (\\Seen) RFC822.SIZE 1234)", "S: c OK"])
        guard let picture = client.pictures().first else {
            Issue.record("no mailbox")
            return
        }
        let lines = MailboxRendering.text(picture, at: 0, most: 10).split(separator: "\n").map(String.init)
        #expect(
            lines[0]
                == "you at 10.0.0.2 over imap, as of 1970-01-01T00:00:00.000000Z: 1 session, the last word at 1970-01-01T00:00:10.000000Z"
        )
        #expect(lines[1].hasPrefix("FOLDER  UIDVALIDITY  UIDNEXT  MESSAGES  KNOWN  WHOLE  UNSEEN"))
        #expect(lines[2].hasPrefix("INBOX             7        -         2      1      0       -"))
        #expect(lines[5] == "1    3  \\Seen  none  1,234  -     -     -")
        #expect(lines[6] == "(1 message more of which nothing was told)")
        var json: [String] = []
        MailboxRendering.lines(picture, at: 0) { json.append($0) }
        #expect(json.count == 3)
        #expect(
            json[1].contains(
                #""folder":"INBOX","attributes":[],"delimiter":null,"subscribed":false,"opened":true,"open":true,"read_only":false,"uidvalidity":7,"uidnext":null"#
            ))
        #expect(
            json[2].contains(#""in":"INBOX","uid":3,"uidl":null,"number":1,"flags":["\\Seen"],"flags_inferred":false"#))
        #expect(json[2].contains(#""envelope":null,"seen":"none","content":null,"origin":"told""#))
    }

    @Test func namesOfDirectories() {
        func name(_ levels: String...) -> String { MaildirTree.directory(levels.map { Array($0.utf8) }) }
        #expect(name("inbox") == "")
        #expect(name("Archive", "2026") == ".Archive.2026")
        #expect(name("a.b", "c/d", "e\\f") == ".a\\2eb.c\\2fd.e\\5cf")
        #expect(name("..", "\u{1}") == ".\\2e\\2e.\\01")
        #expect(name("") == "._")
        #expect(name(String(repeating: "x", count: 500)).utf8.count == 200)
    }
}
