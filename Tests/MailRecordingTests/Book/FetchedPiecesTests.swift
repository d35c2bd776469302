// Messages whose pieces come apart: those of several messages by turns, in another order, headers before texts; and what may wait.

import MailDialogue
import Testing

@testable import MailRecording

@Suite struct FetchedPiecesTests {
    typealias Kept = KeptMessages.Kept
    typealias Turn = FetchedSession.Turn

    private static let select: [Turn] = [(.client, "s SELECT x\r\n"), (.server, "* 1 EXISTS\r\ns OK\r\n")]

    /// A command and what the server says to it; `^` stands for the line end before octets.
    private func fetch(_ command: String, _ responses: String...) -> [Turn] {
        let responses = responses.map { "* " + $0.replacing("^", with: "\r\n") + "\r\n" }
        return [(.client, "a \(command)\r\n"), (.server, responses.joined() + "a OK done\r\n")]
    }

    /// `octets` from `origin` on, of message `number`.
    private func piece(
        _ number: Int, _ origin: Int, _ octets: String, beside: String = "", length: Int = 4
    ) -> [Turn] {
        fetch(
            "FETCH \(number) BODY[]<\(origin).\(length)>",
            "\(number) FETCH (\(beside)BODY[]<\(origin)> {\(octets.utf8.count)}^\(octets))")
    }

    private func header(_ number: Int, _ octets: String, uid: Int? = nil) -> [Turn] {
        fetch(
            "FETCH \(number) BODY[HEADER]",
            "\(number) FETCH (\(uid.map { "UID \($0) " } ?? "")BODY[HEADER] {\(octets.utf8.count)}^\(octets))")
    }

    private func text(_ number: Int, _ octets: String, uid: Int? = nil) -> [Turn] {
        fetch(
            "FETCH \(number) BODY[TEXT]",
            "\(number) FETCH (BODY[TEXT] {\(octets.utf8.count)}^\(octets)\(uid.map { " UID \($0)" } ?? ""))")
    }

    private func whole(_ octets: String...) -> [Kept] { octets.map { Kept(octets: $0, isComplete: true) } }

    private func messages(_ turns: [Turn]...) -> [Kept] { FetchedSession.messages(turns.flatMap { $0 }) }

    @Test func piecesOfTwoMessagesComeByTurns() {
        let found = messages(
            piece(1, 0, "abcd"), piece(2, 0, "ABCD"), piece(1, 4, "efgh"), piece(2, 4, "EF"), piece(1, 8, "i"))
        #expect(found == whole("ABCDEF", "abcdefghi"))
        // In answers to one command, and with a whole message and a header between them.
        let together = fetch(
            "FETCH 1:2 BODY[]<4.4>", "2 FETCH (BODY[]<4> {1}^E)", "3 FETCH (BODY[] {1}^x)", "1 FETCH (BODY[]<4> {0}^)")
        #expect(
            messages(piece(1, 0, "abcd"), piece(2, 0, "ABCD"), header(4, "a:b"), together)
                == whole("ABCDE", "x", "abcd") + [Kept(octets: "a:b", isComplete: true, section: "BODY[HEADER]")])
    }

    /// Each order of four pieces, of which the last is short, or the size is said beside one.
    @Test(arguments: ["", "RFC822.SIZE 16 "])
    func piecesComeInAnyOrder(_ size: String) {
        let last = size.isEmpty ? "mno" : "mnop"
        let pieces = [(0, "abcd"), (4, "efgh"), (8, "ijkl"), (12, last)]
        for order in [0, 1, 2, 3].permutations {
            let turns = order.flatMap { piece(1, pieces[$0].0, pieces[$0].1, beside: $0 == 2 ? size : "") }
            #expect(messages(turns) == whole("abcdefghijkl" + last), "\(order)")
        }
    }

    /// Headers, texts and pieces of up to four messages in any order: each message comes out once, whole.
    @Test func whateverTheOrderIsMessagesAreWhole() {
        var numbers = Dice(88)
        for _ in 0..<150 {
            var fetches: [[Turn]] = []
            var sent: [String] = []
            for number in 1...Int.random(in: 1...4, using: &numbers) {
                let head = "Subject: \(number)\r\n\r\n"
                let text = String(repeating: "abc\(number)", count: Int.random(in: 0...3, using: &numbers))
                sent.append(head + text)
                if Bool.random(using: &numbers) {
                    fetches.append(header(number, head))
                    fetches.append(self.text(number, text))
                    continue
                }
                let octets = Array((head + text).utf8)
                for origin in stride(from: 0, to: octets.count, by: 9) {
                    let part = String(decoding: octets[origin..<min(origin + 9, octets.count)], as: UTF8.self)
                    fetches.append(
                        piece(number, origin, part, beside: "RFC822.SIZE \(octets.count) ", length: 9))
                }
            }
            let shuffled = fetches.shuffled(using: &numbers)
            let found = FetchedSession.messages(shuffled.flatMap { $0 }, isSplit: false)
            #expect(found.map(\.octets).sorted() == sent.sorted(), "\(shuffled)")
            #expect(found.allSatisfy { $0.isComplete && $0.section.isEmpty }, "\(shuffled)")
        }
    }

    @Test func aPieceThatNeverComesLeavesPiecesIncomplete() {
        #expect(
            messages(piece(1, 8, "i"), piece(1, 0, "abcd"))
                == ["i", "abcd"].map { Kept(octets: $0, isComplete: false) })
        // One that was asked for twice belongs to what came last.
        #expect(
            messages(piece(1, 0, "abcd"), piece(2, 0, "ABCD"), piece(1, 0, "abcd"), piece(1, 4, "e"))
                == [Kept(octets: "abcd", isComplete: false)] + whole("abcde") + [
                    Kept(octets: "ABCD", isComplete: false)
                ])
    }

    @Test func headersComeFirstAndTextsLater() {
        let numbers = 1...20
        let headers = numbers.flatMap { header($0, "n:\($0)\r\n\r\n") }
        let texts = numbers.reversed().flatMap { text($0, "text \($0)") }
        let wanted = numbers.reversed().map { Kept(octets: "n:\($0)\r\n\r\ntext \($0)", isComplete: true) }
        #expect(messages(headers, texts) == wanted)
        // With pieces of the texts, in the wrong order.
        let halves =
            fetch("FETCH 3 BODY[TEXT]<2.2>", "3 FETCH (BODY[TEXT]<2> {1}^c)")
            + fetch("FETCH 3 BODY[TEXT]<0.2>", "3 FETCH (BODY[TEXT]<0> {2}^ab)")
        #expect(messages(header(3, "h"), header(4, "H"), halves).first == Kept(octets: "habc", isComplete: true))
    }

    @Test func aTextComesBeforeItsHeader() {
        let together = fetch("FETCH 1 ALL", "1 FETCH (BODY[TEXT] {2}^hi BODY[HEADER] {5}^a:b\r\n)")
        #expect(messages(together) == whole("a:b\r\nhi"))
        let quoted = fetch("FETCH 1 ALL", "1 FETCH (BODY[TEXT] \"\" BODY[HEADER] {5}^a:b\r\n)")
        #expect(messages(quoted) == whole("a:b\r\n"))
        #expect(messages(text(1, "one"), text(2, "two"), header(2, "2:"), header(1, "1:")) == whole("2:two", "1:one"))
        // Of what was not joined all is told.
        #expect(messages(text(1, "one"), header(2, "2:")).map(\.section) == ["BODY[TEXT]", "BODY[HEADER]"])
    }

    @Test func numbersMoveWhenMessagesGo() {
        let texts = text(1, "one") + text(2, "three")
        let gone: [Turn] = [(.server, "* 2 EXPUNGE\r\n")]
        #expect(
            messages(header(1, "1:"), header(2, "2:"), header(3, "3:"), gone, texts)
                == [Kept(octets: "2:", isComplete: true, section: "BODY[HEADER]")] + whole("1:one", "3:three"))
        // With UIDs, of which the numbers are not said.
        let vanished: [Turn] = [(.server, "* VANISHED 7,9:12\r\n")]
        #expect(
            messages(header(1, "1:", uid: 7), header(2, "2:", uid: 8), header(3, "3:"), vanished, text(1, "x", uid: 8))
                .map(\.octets) == ["1:", "3:", "2:", "x"])
        let uidFirst = fetch("UID FETCH 8 BODY[TEXT]", "1 FETCH (UID 8 BODY[TEXT] {1}^x)")
        #expect(
            messages(header(1, "1:", uid: 7), header(2, "2:", uid: 8), vanished, uidFirst).last
                == Kept(octets: "2:x", isComplete: true))
        // Those that went long ago have no numbers (RFC 7162 §3.2.10.1).
        let earlier: [Turn] = [(.server, "* VANISHED (EARLIER) 1:6\r\n")]
        #expect(messages(header(1, "1:", uid: 7), earlier, text(1, "x")) == whole("1:x"))
        #expect(messages(header(1, "1:"), earlier, text(1, "x")) == whole("1:x"))
    }

    @Test func uidsAreBelievedMoreThanNumbers() {
        let other = fetch("UID FETCH 9 BODY[TEXT]", "1 FETCH (UID 9 BODY[TEXT] {1}^x)")
        #expect(messages(header(1, "1:", uid: 7), other).map(\.section) == ["BODY[HEADER]", "BODY[TEXT]"])
        // Without numbers (RFC 9586).
        let only =
            fetch("UID FETCH 7 BODY[HEADER]", "7 UIDFETCH (BODY[HEADER] {2}^h:)")
            + fetch("UID FETCH 8 BODY[HEADER]", "8 UIDFETCH (BODY[HEADER] {2}^H:)")
            + fetch("UID FETCH 7 BODY[TEXT]", "7 UIDFETCH (BODY[TEXT] {1}^x)")
        #expect(messages(only).first == Kept(octets: "h:x", isComplete: true))
    }

    /// Answers to earlier commands may come behind the command that opens another mailbox, not behind its reply.
    @Test func anotherMailboxHasOtherMessages() {
        #expect(
            messages(header(1, "1:"), header(2, "2:"), Self.select, text(1, "x"), text(2, "y")).map(\.section)
                == ["BODY[HEADER]", "BODY[HEADER]", "BODY[TEXT]", "BODY[TEXT]"])
        let ahead: [Turn] = [
            (.client, "a FETCH 1 BODY[TEXT]\r\nb SELECT y\r\nc FETCH 2 BODY[TEXT]\r\n"),
            (.server, "* 1 FETCH (BODY[TEXT] {1}\r\nx)\r\na OK\r\nb OK\r\n* 2 FETCH (BODY[TEXT] {1}\r\ny)\r\nc OK\r\n"),
        ]
        #expect(messages(header(1, "1:"), header(2, "2:"), ahead).map(\.octets) == ["1:x", "2:", "y"])
    }

    /// A server may answer the second of two commands first: its piece is short as it was asked for.
    @Test func aPieceIsTheLastWhenNoCommandAskedForSoLittle() {
        let turns: [Turn] = [
            (.client, "a FETCH 1 BODY[]<0.8>\r\nb FETCH 1:2 BODY[]<0.4>\r\n"),
            (.server, "* 2 FETCH (BODY[]<0> {4}\r\nabcd)\r\n* 1 FETCH (BODY[]<0> {7}\r\nABCDEFG)\r\nb OK\r\na OK\r\n"),
        ]
        #expect(messages(turns) == ["ABCDEFG", "abcd"].map { Kept(octets: $0, isComplete: false) }.reversed())
        let others: [Turn] = [
            (.client, "a FETCH 1 BODY[]<0.8>\r\nb FETCH 2 BODY[]<0.4>\r\n"),
            (.server, "* 1 FETCH (BODY[]<0> {7}\r\nABCDEFG)\r\na OK\r\nb OK\r\n"),
        ]
        #expect(messages(others) == whole("ABCDEFG"))
        let sections = fetch(
            "FETCH 1 (BODY[1]<0.2> BODY.PEEK[2]<0.9>)", "1 FETCH (BODY[1]<0> {2}^ab BODY[2]<0> {2}^cd)")
        #expect(messages(sections).map(\.section) == ["BODY[2]", "BODY[1]"])
        #expect(messages(sections).map(\.isComplete) == [true, false])
    }

    // MARK: Sizes

    /// Servers that cap what they send give less than was asked for before the end. The size shows that it is none.
    @Test func aShortPieceIsNotTheLastWhenTheSizeIsLarger() {
        let short = piece(1, 0, "abc", beside: "RFC822.SIZE 7 ")
        #expect(messages(short, piece(1, 3, "defg")) == whole("abcdefg"))
        #expect(messages(short, piece(1, 3, "def"), piece(1, 6, "g")) == whole("abcdefg"))
        #expect(messages(short) == [Kept(octets: "abc", isComplete: false)])
        #expect(messages(short, piece(2, 0, "x"), piece(1, 3, "defg")) == whole("x", "abcdefg"))
        // Where the size stands behind the octets too; beside another piece; in a response of its own.
        let behind = fetch("FETCH 1 BODY[]<0.4>", "1 FETCH (BODY[]<0> {3}^abc RFC822.SIZE 7)")
        #expect(messages(behind) == [Kept(octets: "abc", isComplete: false)])
        #expect(messages(behind, piece(1, 3, "defg")) == whole("abcdefg"))
        let quoted = fetch("FETCH 1 BODY[]<3.4>", "1 FETCH (BODY[]<3> \"def\" RFC822.SIZE 7)")
        #expect(messages(piece(1, 0, "abc", length: 3), quoted) == [Kept(octets: "abcdef", isComplete: false)])
        #expect(
            messages(piece(1, 3, "def", beside: "RFC822.SIZE 7 "), piece(1, 0, "abc", length: 3), piece(1, 6, "g"))
                == whole("abcdefg"))
        // The size is one of the message, not of its parts.
        let part = fetch("FETCH 1 BODY[1]<0.4>", "1 FETCH (RFC822.SIZE 7 BODY[1]<0> {3}^abc)")
        #expect(messages(part) == [Kept(octets: "abc", isComplete: true, section: "BODY[1]")])
        // An empty piece is the end, whatever the size is: many are wrong.
        #expect(messages(short, piece(1, 3, "")) == whole("abc"))
        // Without a size it is, and other items of the response change nothing.
        let items = fetch("FETCH 1 ALL", "1 FETCH (BODY[]<0> {3}^abc BODY[1] {1}^x FLAGS ())")
        #expect(messages(piece(2, 0, "x"), items) == messages(piece(2, 0, "x")) + messages(items))
        let asked = fetch("FETCH 1 (BODY[]<0.4> BODY[1])", "1 FETCH (BODY[]<0> {3}^abc BODY[1] {1}^x FLAGS ())")
        #expect(messages(asked).contains(Kept(octets: "abc", isComplete: true)))
    }

    /// The client goes on behind the end that the size says.
    @Test func aSizeThatIsTooSmallEndsNoMessage() {
        let first = piece(1, 0, "abcd", beside: "RFC822.SIZE 4 ")
        #expect(messages(first) == whole("abcd"))
        #expect(messages(first, piece(1, 4, "ef")) == whole("abcdef"))
        #expect(messages(first, piece(1, 4, "efgh"), piece(1, 8, "")) == whole("abcdefgh"))
        #expect(messages(first, piece(1, 4, "efgh"), piece(1, 8, "i")) == whole("abcdefghi"))
        #expect(messages(first, piece(1, 4, "efgh")) == [Kept(octets: "abcdefgh", isComplete: false)])
        #expect(messages(piece(1, 4, "ef", beside: "RFC822.SIZE 4 "), piece(1, 0, "abcd")) == whole("abcdef"))
        // Asked for ahead, with another message between.
        let ahead: [Turn] = [
            (.client, "a FETCH 1:2 BODY[]<0.4>\r\nb FETCH 1:2 BODY[]<4.4>\r\n"),
            (
                .server,
                "* 1 FETCH (RFC822.SIZE 4 BODY[]<0> {4}\r\nabcd)\r\n* 2 FETCH (RFC822.SIZE 4 BODY[]<0> {4}\r\nABCD)\r\na OK\r\n"
                    + "* 1 FETCH (BODY[]<4> {1}\r\ne)\r\n* 2 FETCH (BODY[]<4> {0}\r\n)\r\nb OK\r\n"
            ),
        ]
        #expect(messages(ahead) == whole("abcde", "ABCD"))
    }

    /// What is whole by its size waits for the client's next command, not for the end of the session.
    @Test(arguments: ["b NOOP\r\n", "b FETCH 2 BODY[]<0.4>\r\n", "b FETCH 1 BODY[]<0.4>\r\n"])
    func aMessageThatIsWholeBySizeEndsWithTheNextCommand(_ command: String) {
        for keepsRows in [true, false] {
            var session = BookedSession(.imap, keepsRows: keepsRows)
            session.say(.server, "* PREAUTH hi\r\n")
            for (side, text) in piece(1, 0, "abcd", beside: "RFC822.SIZE 4 ") { session.say(side, text) }
            #expect(session.summary.messages == 0)
            session.say(.client, command)
            #expect(session.summary.messages == 1)
            #expect(session.messages.map(\.complete) == (keepsRows ? [true] : []))
            session.close()
            #expect(session.summary.messages == 1)
        }
        // Nor for a command, when other messages come first.
        let others = fetch("FETCH 2:3 BODY[]", "2 FETCH (BODY[] {1}^x)")
        #expect(messages(piece(1, 0, "abcd", beside: "RFC822.SIZE 4 "), others) == whole("abcd", "x"))
    }

    // MARK: Bounds

    @Test func noMoreWaitsThanMay() {
        let streams = FetchDesk.mostStreams
        let pieces = (1...(streams + 2)).flatMap { piece($0, 0, "abcd") }
        let found = messages(pieces, (1...(streams + 2)).flatMap { piece($0, 4, "e") })
        // The first waited longest: it ended before its second piece, which then took the place of the next and waited in vain.
        #expect(found.count { $0 == Kept(octets: "abcde", isComplete: true) } == streams)
        #expect(found.first == Kept(octets: "abcd", isComplete: false))
        let headers = FetchDesk.mostHeaders + 2
        let all = messages((1...headers).flatMap { header($0, "\($0):") }, (1...headers).flatMap { text($0, ".") })
        #expect(all.first == Kept(octets: "1:", isComplete: true, section: "BODY[HEADER]"))
        #expect(all.count { $0.section.isEmpty } == headers - 2)
    }

    /// Octets that came early are kept within a bound; beyond it the message is incomplete, and that is counted.
    @Test func whatCameEarlyIsKeptWithinABound() {
        let half = String(repeating: "x", count: FetchDesk.mostKept / 2)
        func run(_ sizes: [Int]) -> (found: [Kept], notKept: Int) {
            var extractor = MessageExtractor(KeptMessages())
            var tap = MailProtocol.imap.makeTap()
            var notes: [Note] = []
            func say(_ turns: [Turn]) {
                for (side, text) in turns { tap.receive(Array(text.utf8)[...], from: side, into: &notes) }
            }
            say([(.server, "* PREAUTH hi\r\n")])
            for (place, size) in sizes.enumerated() {
                let octets = String(repeating: "x", count: size)
                say(
                    fetch(
                        "FETCH \(place + 1) BODY[]<1.\(size + 1)>", "\(place + 1) FETCH (BODY[]<1> {\(size)}^\(octets))"
                    ))
            }
            for place in sizes.indices {
                say(fetch("FETCH \(place + 1) BODY[]<0.1>", "\(place + 1) FETCH (BODY[]<0> {1}^a)"))
            }
            extractor.accept(notes[...])
            extractor.close()
            #expect(extractor.sink.parked.isEmpty)
            return (extractor.sink.all, extractor.notKept)
        }
        let fits = run([half.count, half.count])
        #expect(fits.found == whole("a" + half, "a" + half))
        #expect(fits.notKept == 0)
        let tooMany = run([half.count, half.count, 10])
        #expect(tooMany.found.map(\.isComplete) == [false, true, true, false])
        #expect(tooMany.notKept == 1)
        let tooLarge = run([FetchDesk.mostKept + 1, 10])
        #expect(tooLarge.found.map(\.isComplete).filter { $0 } == [true])
        #expect(tooLarge.found.contains(Kept(octets: "axxxxxxxxxx", isComplete: true)))
        #expect(tooLarge.notKept == 1)
        // What was joined makes room.
        let inTurn = FetchedSession.messages(
            (1...4).flatMap { number in
                fetch(
                    "FETCH \(number) BODY[]<1.\(half.count + 1)>", "\(number) FETCH (BODY[]<1> {\(half.count)}^\(half))"
                )
                    + fetch("FETCH \(number) BODY[]<0.1>", "\(number) FETCH (BODY[]<0> {1}^a)")
            }, isSplit: false)
        #expect(inTurn == whole("a" + half, "a" + half, "a" + half, "a" + half))
    }

    @Test func octetsThatAreMissingEndWhatWaits() {
        for side in [Side.client, .server] {
            var extractor = MessageExtractor(KeptMessages())
            var tap = MailProtocol.imap.makeTap()
            var notes: [Note] = []
            for (side, text) in [(.server, "* PREAUTH hi\r\n")] + header(1, "1:") + header(2, "2:") {
                tap.receive(Array(text.utf8)[...], from: side, into: &notes)
            }
            tap.lose(side, nil, into: &notes)
            extractor.accept(notes[...])
            #expect(extractor.sink.parked.isEmpty)
            #expect(extractor.sink.all.map(\.octets) == ["1:", "2:"])
        }
    }
}

extension [Int] {
    fileprivate var permutations: [[Int]] {
        guard count > 1 else { return [self] }
        return indices.flatMap { place in
            var rest = self
            let first = rest.remove(at: place)
            return rest.permutations.map { [first] + $0 }
        }
    }
}
