// What a client believes of its maildrop, told line by line.

import MailDialogue
import MailRecording
import Testing

@Suite struct MaildropBeliefTests {
    private static let maildrop = [
        "S: +OK hi", "C: USER you", "S: +OK", "C: PASS secret", "S: +OK", "C: STAT", "S: +OK 3 600", "C: LIST",
        "S: +OK",
        "S: 1 100", "S: 2 200", "S: 3 300", "S: .", "C: UIDL", "S: +OK", "S: 1 aaa", "S: 2 bbb", "S: 3 ccc", "S: .",
    ]

    @Test func deletesAreDoneWithQuit() {
        for (last, left) in [
            (["C: QUIT", "S: +OK bye"], ["aaa -", "ccc -"]), ([], ["aaa -", "bbb -", "ccc -"]),
            (["C: RSET", "S: +OK", "C: QUIT", "S: +OK"], ["aaa -", "bbb -", "ccc -"]),
        ] {
            var client = Believer()
            client.open("p", .pop3)
            client.play("p", Self.maildrop + ["C: DELE 2", "S: +OK"])
            #expect(client.folder()?.messages.map(\.isMarked) == [false, true, false])
            client.play("p", last)
            client.close("p")
            #expect(client.rows() == left)
            #expect(client.folder()?.folder.count == UInt32(left.count))
        }
    }

    @Test func maildropsAreKnownByUniqueIDs() {
        var client = Believer()
        client.open("p", .pop3)
        client.play("p", Self.maildrop + ["C: RETR 2", "S: +OK"])
        client.play(
            "p",
            ["S: Subject: two", "S: ", "S: ..dot", "S: .", "C: TOP 3 0", "S: +OK", "S: Subject: three", "S: ", "S: ."])
        client.play("p", ["C: QUIT", "S: +OK"])
        client.close("p")
        let found = client.folder()?.messages ?? []
        #expect(found.map(\.seen) == ["none", "whole", "header"])
        #expect(found.map(\.size) == [100, 200, 300])
        #expect(found.dropFirst().first?.message.content?.sha256 == sha256("Subject: two\r\n\r\n.dot\r\n"))
        #expect(found.last?.message.envelope?.subject == "three")
        client.open("q", .pop3)
        client.play(
            "q",
            [
                "S: +OK hi", "C: USER you", "S: +OK", "C: PASS secret", "S: +OK", "C: UIDL", "S: +OK", "S: 1 bbb",
                "S: 2 ddd", "S: .",
            ])
        #expect(client.rows() == ["bbb -", "ddd -"])
        #expect(client.folder()?.messages.map(\.number) == [1, 2])
        #expect(client.folder()?.messages.first?.seen == "whole")
    }

    @Test func withoutUniqueIDsOnlyTheLastSessionCounts() {
        var client = Believer()
        for id in ["p", "q"] {
            client.open(id, .pop3)
            client.play(
                id,
                [
                    "S: +OK hi", "C: USER you", "S: +OK", "C: PASS secret", "S: +OK", "C: LIST 1", "S: +OK 1 77",
                    "C: QUIT", "S: +OK",
                ])
            client.close(id)
        }
        #expect(client.folder()?.messages.map(\.size) == [77])
    }

    @Test func anEmptyMaildropIsEmptyWhateverItsMessagesWereCalled() {
        var client = Believer()
        client.open("p", .pop3)
        client.play("p", Self.maildrop + ["C: QUIT", "S: +OK"])
        client.close("p")
        client.open("q", .pop3)
        client.play("q", ["S: +OK hi", "C: USER you", "S: +OK", "C: PASS secret", "S: +OK", "C: STAT", "S: +OK 3 600"])
        for number in 1...3 { client.play("q", ["C: DELE \(number)", "S: +OK"]) }
        #expect(client.rows().filter { !$0.hasPrefix("#") } == ["aaa -", "bbb -", "ccc -"])
        client.play("q", ["C: QUIT", "S: +OK"])
        #expect(client.rows() == [])
    }

    @Test func aSessionWhoseEndIsNotThereGoesOn() {
        var client = Believer()
        client.begin("s", exists: 1)
        client.close("s", .open)
        #expect(client.folder()?.isOpen == true)
    }
}
