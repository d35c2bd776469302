// Messages that come in parts: header and text, pieces, texts of CATENATE; and parts that are no messages.

import MailDialogue
import MailRecording
import Testing

/// Keeps messages and parts with their octets.
struct KeptMessages: MessageSink {
    struct Kept: Equatable {
        var octets: String
        var isComplete: Bool
        var section = ""
    }
    private var open: [Side: [UInt8]] = [:]
    private(set) var parked: [UInt32: [UInt8]] = [:]
    private(set) var mostParked = 0
    private(set) var all: [Kept] = []

    mutating func begin(_ message: MessageStart) { open[message.side] = [] }
    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) { open[side]? += octets }
    mutating func end(_ side: Side, complete: Bool, exchange: Int) { keep(side, "", complete) }
    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) {
        keep(side, section, complete)
    }
    mutating func park(_ key: UInt32) {
        #expect(parked[key] == nil)
        parked[key] = open.removeValue(forKey: .server)
        #expect(parked[key] != nil)
        mostParked = max(mostParked, parked.count)
    }
    mutating func resume(_ key: UInt32) {
        #expect(open[.server] == nil)
        open[.server] = parked.removeValue(forKey: key)
        #expect(open[.server] != nil)
    }
    mutating func drop(_ key: UInt32) { #expect(parked.removeValue(forKey: key) != nil) }
    private mutating func keep(_ side: Side, _ section: String, _ complete: Bool) {
        let octets = open.removeValue(forKey: side) ?? []
        all.append(Kept(octets: String(decoding: octets, as: UTF8.self), isComplete: complete, section: section))
    }
}

/// IMAP sessions whose messages are taken out.
enum FetchedSession {
    typealias Turn = (side: Side, text: String)

    /// What is found in a session, whole and octet by octet; the books must count the same messages, with rows and without.
    static func messages(_ turns: [Turn], isSplit: Bool = true) -> [KeptMessages.Kept] {
        var found: [[KeptMessages.Kept]] = []
        for isSplit in isSplit ? [false, true] : [false] {
            var session = BookedSession(.imap)
            var counted = BookedSession(.imap, keepsRows: false)
            var extractor = MessageExtractor(KeptMessages())
            var tap = MailProtocol.imap.makeTap()
            for (side, text) in [(Side.server, "* PREAUTH hi\r\n")] + turns {
                let octets = Array(text.utf8)
                let pieces = isSplit ? octets.map { [$0] } : [octets]
                for piece in pieces {
                    session.say(side, piece)
                    counted.say(side, piece)
                    var notes: [Note] = []
                    tap.receive(piece[...], from: side, into: &notes)
                    extractor.accept(notes[...])
                }
            }
            session.close()
            counted.close()
            extractor.close()
            #expect(extractor.sink.parked.isEmpty)
            let all = extractor.sink.all
            let messages = all.filter { $0.section.isEmpty }
            #expect(session.messages.map(\.sha256) == messages.map { sha256($0.octets) })
            #expect(session.messages.map(\.bytes) == messages.map(\.octets.utf8.count))
            #expect(session.messages.map(\.complete) == messages.map(\.isComplete))
            #expect(counted.summary.messages == messages.count)
            found.append(all)
        }
        #expect(found.first == found.last)
        return found.first ?? []
    }
}

@Suite struct FetchedMessagesTests {
    typealias Kept = KeptMessages.Kept

    private func messages(_ turns: [(Side, String)]) -> [Kept] { FetchedSession.messages(turns) }

    private func fetch(_ command: String, _ responses: String...) -> [(Side, String)] {
        [(.client, "a FETCH 1 \(command)\r\n"), (.server, responses.joined() + "a OK done\r\n")]
    }

    @Test func aHeaderAndItsTextAreAMessage() {
        let together = fetch(
            "(BODY[HEADER] BODY[TEXT])", "* 1 FETCH (BODY[HEADER] {5}\r\na:b\r\n BODY[TEXT] {2}\r\nhi)\r\n")
        #expect(messages(together) == [Kept(octets: "a:b\r\nhi", isComplete: true)])
        let header = fetch("RFC822.HEADER", "* 1 FETCH (RFC822.HEADER {5}\r\na:b\r\n FLAGS (\\Seen))\r\n")
        let text = fetch("RFC822.TEXT", "* 1 FETCH (UID 9 RFC822.TEXT {2}\r\nhi)\r\n")
        #expect(messages(header + text) == [Kept(octets: "a:b\r\nhi", isComplete: true)])
        // An empty text comes in quotes from some servers.
        let empty = fetch("BODY[TEXT]", "* 1 FETCH (ENVELOPE (\"x (y\" NIL) BODY[TEXT] \"\")\r\n")
        #expect(messages(header + empty) == [Kept(octets: "a:b\r\n", isComplete: true)])
        let quoted = fetch("BODY[TEXT]", "* 1 FETCH (BODY[TEXT] \"a \\\"b\\\\\")\r\n")
        #expect(messages(header + quoted) == [Kept(octets: "a:b\r\na \"b\\", isComplete: true)])
    }

    @Test func aHeaderAloneAndATextAloneAreParts() {
        let header = fetch("BODY[HEADER]", "* 1 FETCH (BODY[HEADER] {5}\r\na:b\r\n)\r\n")
        #expect(messages(header) == [Kept(octets: "a:b\r\n", isComplete: true, section: "BODY[HEADER]")])
        let text = fetch("BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {2}\r\nhi)\r\n")
        #expect(messages(text) == [Kept(octets: "hi", isComplete: true, section: "BODY[TEXT]")])
        let other = fetch("BODY[TEXT]", "* 2 FETCH (BODY[TEXT] {2}\r\nhi)\r\n")
        #expect(messages(header + other).map(\.section) == ["BODY[HEADER]", "BODY[TEXT]"])
    }

    /// The number means another message behind these.
    @Test(arguments: [
        "* 1 EXPUNGE\r\n", "* VANISHED 7\r\n", "* OK [CLOSED] another one\r\n", "* OK [closed]\r\n",
        "* OK [UIDVALIDITY 9] made anew\r\n",
    ])
    func numbersThatMoveJoinNothing(_ line: String) {
        let header = fetch("BODY[HEADER]", "* 1 FETCH (BODY[HEADER] {5}\r\na:b\r\n)\r\n")
        let text = fetch("BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {2}\r\nhi)\r\n")
        #expect(messages(header + [(.server, line)] + text).map(\.section) == ["BODY[HEADER]", "BODY[TEXT]"])
        let select: [(Side, String)] = [(.client, "s SELECT x\r\n"), (.server, "* 1 EXISTS\r\ns OK\r\n")]
        #expect(messages(header + select + text).map(\.section) == ["BODY[HEADER]", "BODY[TEXT]"])
    }

    /// What a server says beside that, moves no number.
    @Test(arguments: [
        "* OK still here\r\n", "* OK [HIGHESTMODSEQ 7] x\r\n", "* 5 EXISTS\r\n", "* NO [UIDVALIDITY 9] x\r\n",
    ])
    func otherWordsOfTheServerJoin(_ line: String) {
        let header = fetch("BODY[HEADER]", "* 1 FETCH (BODY[HEADER] {5}\r\na:b\r\n)\r\n")
        let text = fetch("BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {2}\r\nhi)\r\n")
        #expect(messages(header + [(.server, line)] + text) == [Kept(octets: "a:b\r\nhi", isComplete: true)])
    }

    /// The same number, or even the same UID, is another message's in another mailbox, and in the same one when its UIDs are new.
    @Test(arguments: ["", "UID 7 "]) func anotherMailboxIsOpenedAhead(_ uid: String) {
        let header = fetch("BODY[HEADER]", "* 1 FETCH (\(uid)BODY[HEADER] {5}\r\na:b\r\n)\r\n")
        let response = "* 1 FETCH (\(uid)BODY[TEXT] {2}\r\nhi)\r\n"
        let ahead: [(Side, String)] = [(.client, "b SELECT y\r\nc FETCH 1 BODY[TEXT]\r\n")]
        for opened in [
            "* OK [CLOSED] x\r\n* 1 EXISTS\r\n* OK [UIDVALIDITY 2] x\r\nb OK [READ-WRITE] y\r\n",
            "* 1 EXISTS\r\nb OK\r\n", "b NO\r\n",
            // Behind it all is of the other mailbox, whatever the tagged reply waits for.
            "* OK [CLOSED] x\r\n",
        ] {
            let found = messages(header + ahead + [(.server, opened + response + "b OK\r\nc OK\r\n")])
            #expect(found.map(\.section) == ["BODY[HEADER]", "BODY[TEXT]"], "\(opened)")
        }
        let again: [(Side, String)] = [
            (.client, "b SELECT x\r\n"), (.server, "* OK [UIDVALIDITY 2] x\r\nb OK [READ-WRITE] x\r\n"),
        ]
        let text: [(Side, String)] = [(.client, "c FETCH 1 BODY[TEXT]\r\n"), (.server, response + "c OK\r\n")]
        #expect(messages(header + again + text).map(\.section) == ["BODY[HEADER]", "BODY[TEXT]"])
    }

    /// A capture of the server's side has no SELECT: what the server says shows that another mailbox is open.
    @Test func theServerAloneOpensAnotherMailbox() {
        let said = [
            "* OK hi\r\n", "a OK in\r\n", "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\nb OK [READ-WRITE] x\r\n",
            "* 1 FETCH (UID 7 BODY[HEADER] {5}\r\na:b\r\n)\r\nc OK\r\n",
            "* 1 EXISTS\r\n* OK [UIDVALIDITY 2] y\r\nd OK [READ-WRITE] y\r\n",
            "* 1 FETCH (UID 7 BODY[TEXT] {2}\r\nhi)\r\ne OK\r\n",
        ]
        func sections(_ said: [String]) -> [String] {
            var extractor = MessageExtractor(KeptMessages())
            var tap = MailProtocol.imap.makeTap()
            var notes: [Note] = []
            tap.lose(.client, nil, into: &notes)
            for text in said { tap.receive(Array(text.utf8)[...], from: .server, into: &notes) }
            extractor.accept(notes[...])
            extractor.close()
            return extractor.sink.all.map(\.section)
        }
        #expect(sections(said) == ["BODY[HEADER]", "BODY[TEXT]"])
        #expect(sections(said.enumerated().filter { $0.offset != 4 }.map(\.element)) == [""])
    }

    @Test func partsAreMarked() {
        let turns = fetch(
            "(BODY[1] BODY[2.MIME] BINARY[2])",
            "* 1 FETCH (BODY[1] {2}\r\nhi BODY[2.MIME] {3}\r\na:b BINARY[2] ~{1}\r\n\u{0})\r\n")
        #expect(
            messages(turns) == [
                Kept(octets: "hi", isComplete: true, section: "BODY[1]"),
                Kept(octets: "a:b", isComplete: true, section: "BODY[2.MIME]"),
                Kept(octets: "\u{0}", isComplete: true, section: "BINARY[2]"),
            ])
        let pieces =
            fetch("BODY[1]<0.3>", "* 1 FETCH (BODY[1]<0> {3}\r\nabc)\r\n")
            + fetch("BODY[1]<3.3>", "* 1 FETCH (BODY[1]<3> {1}\r\nd)\r\n")
        #expect(messages(pieces) == [Kept(octets: "abcd", isComplete: true, section: "BODY[1]")])
        let others =
            fetch("BODY[1]<0.3>", "* 1 FETCH (BODY[1]<0> {3}\r\nabc)\r\n")
            + fetch("BODY[2]<3.3>", "* 1 FETCH (BODY[2]<3> {1}\r\nd)\r\n")
        #expect(messages(others).map(\.isComplete) == [false, false])
    }

    /// The last piece is as long as was asked for: only the size tells that it is the last.
    @Test func theSizeTellsWhichPieceIsTheLast() {
        let first = fetch("BODY[]<0.3>", "* 1 FETCH (RFC822.SIZE 6 BODY[]<0> {3}\r\nabc)\r\n")
        let before = fetch("BODY[]<3.3>", "* 1 FETCH (RFC822.SIZE 6 BODY[]<3> {3}\r\ndef)\r\n")
        let behind = fetch("BODY[]<3.3>", "* 1 FETCH (BODY[]<3> {3}\r\ndef RFC822.SIZE 6)\r\n")
        let without = fetch("BODY[]<3.3>", "* 1 FETCH (BODY[]<3> {3}\r\ndef ENVELOPE (\"RFC822.SIZE 6\"))\r\n")
        let empty = fetch("BODY[]<6.3>", "* 1 FETCH (BODY[]<6> {0}\r\n)\r\n")
        let quoted = fetch("BODY[]<6.3>", "* 1 FETCH (BODY[]<6> \"\")\r\n")
        #expect(messages(first + before) == [Kept(octets: "abcdef", isComplete: true)])
        #expect(messages(first + behind) == [Kept(octets: "abcdef", isComplete: true)])
        // What was said beside the first piece counts, and the piece behind the end is nothing more.
        #expect(messages(first + without) == [Kept(octets: "abcdef", isComplete: true)])
        #expect(messages(first + without + empty) == [Kept(octets: "abcdef", isComplete: true)])
        let silent = fetch("BODY[]<0.3>", "* 1 FETCH (BODY[]<0> {3}\r\nabc)\r\n")
        #expect(messages(silent + without) == [Kept(octets: "abcdef", isComplete: false)])
        #expect(messages(silent + without + empty) == [Kept(octets: "abcdef", isComplete: true)])
        #expect(messages(silent + without + quoted) == [Kept(octets: "abcdef", isComplete: true)])
        #expect(messages(first) == [Kept(octets: "abc", isComplete: false)])
    }

    private func append(_ lines: String...) -> [(Side, String)] {
        [(.client, lines.joined() + "\r\n"), (.server, "a OK done\r\n")]
    }

    @Test func textsOfACatenateAreOneMessage() {
        let texts = append("a APPEND x (\\Seen) CATENATE (TEXT {3+}\r\na:b", " TEXT {2+}\r\nhi", ")")
        #expect(messages(texts) == [Kept(octets: "a:bhi", isComplete: true)])
        // What a URL stands for only the server knows.
        for lines in [
            "a APPEND URL CATENATE (URL \"u\" TEXT {2+}\r\nhi)", "a APPEND x CATENATE (TEXT {2+}\r\nhi URL \"u\")",
        ] {
            #expect(messages(append(lines)) == [Kept(octets: "hi", isComplete: false)])
        }
        let both = append(
            "a APPEND \"URL\" CATENATE (TEXT {1+}\r\na)", " (\\Seen) CATENATE (TEXT {1+}\r\nb)", " {1+}\r\nc")
        #expect(messages(both).map(\.octets) == ["a", "b", "c"])
        #expect(messages(both).map(\.isComplete) == [true, true, true])
    }

    @Test func severalMessagesOfOneAppend() {
        let turns = append("a APPEND x {2+}\r\nab", " \"17-Jul-1996 02:44:25 -0700\" {1+}\r\nc", " UTF8 (~{1+}\r\nd)")
        #expect(messages(turns) == ["ab", "c", "d"].map { Kept(octets: $0, isComplete: true) })
    }

    @Test func flagsAreThoseBesideTheMessage() {
        var watch = FlagWatch()
        func take(_ side: Side, _ element: Element, _ line: String) {
            watch.accept(Note(side, element, exchange: 1, raw: Array(line.utf8)[...]))
        }
        let append = Element.command(Command(verb: "APPEND", isComplete: false))
        take(.client, append, "a APPEND x (\\Seen \\Flagged other) {2}\r\n")
        #expect(watch.client == "FS")
        take(.client, append, "a APPEND \"(b)\" {2}\r\n")
        #expect(watch.client == nil)
        take(.server, .data("FETCH", complete: false), "* 1 FETCH (UID 1 FLAGS (\\Answered $Forwarded) BODY[] {1}\r\n")
        #expect(watch.server == "PR")
        take(.server, .data("FETCH", complete: false), "* 1 FETCH (BODY[] {1}\r\n")
        #expect(watch.server == nil)
        take(.server, .dataPart(complete: true), " FLAGS ())\r\n")
        #expect(watch.server == "")
    }
}
