// Messages of POP3 whose commands were not captured: TOP gives parts of messages, and what comes may be one.

import MailDialogue
import Testing

@testable import MailRecording

@Suite struct PresumedMessagesTests {
    private static let info = SessionInfo(
        id: "s", mailProtocol: .pop3, start: 0, client: SocketAddress(ip: .v4(1), port: 40_000),
        server: SocketAddress(ip: .v4(2), port: 110), route: "test")

    /// The notes of the server's side alone, in pieces of `step` octets.
    private func notes(_ said: String, step: Int) -> [Note] {
        var tap = MailProtocol.pop3.makeTap()
        var notes: [Note] = []
        tap.lose(.client, nil, into: &notes)
        let octets = Array(said.utf8)
        for start in stride(from: 0, to: octets.count, by: step) {
            tap.receive(octets[start..<min(start + step, octets.count)], from: .server, into: &notes)
        }
        for side in Side.allCases { tap.end(side, into: &notes) }
        return notes
    }

    /// Whether the message behind a status line is told as whole: by the books, by who takes messages out, by who watches a mailbox.
    private func isComplete(_ status: String, _ wire: String) -> Bool? {
        var all: [Bool?] = []
        for step in [Int.max, 1] {
            let notes = notes("+OK hi\r\n\(status)\r\n\(wire).\r\n+OK bye\r\n", step: step)
            var book = SessionBook(info: Self.info, fingerprintKey: [1])
            var counted = SessionBook(info: Self.info, fingerprintKey: [1], keepsRows: false)
            var events: [RecordEvent] = []
            book.accept(notes, at: 0, into: &events)
            book.close(.closed, at: 0, into: &events)
            let records = events.compactMap { event in
                if case .message(_, let record) = event { record } else { nil }
            }
            var others: [RecordEvent] = []
            counted.accept(notes, at: 0, into: &others)
            counted.close(.closed, at: 0, into: &others)
            var extractor = MessageExtractor(KeptMessages())
            extractor.accept(notes[...])
            extractor.close()
            var assembler = MessageAssembler()
            var watch = ContentWatch()
            for note in notes { assembler.accept(note, &watch) }
            #expect(counted.summary.messages == 1)
            #expect(records.count == 1)
            #expect(extractor.sink.all.map(\.isComplete) == records.map(\.complete))
            #expect(watch.ended.map(\.isWhole) == records.map(\.complete))
            all.append(records.first?.complete)
        }
        #expect(all.first == all.last)
        return all.first ?? nil
    }

    private static let header = "From: a@example.com\r\nSubject: x\r\n"
    private static let text = header + "\r\nhi\r\n..dot\r\n"
    /// Octets of the message, whose one dot of transparency is none of it.
    private static let size = text.utf8.count - 1

    @Test(
        "A header alone is what TOP gives as well, and so are fewer octets than the server says",
        arguments: [
            ("+OK", header), ("+OK", header + "\r\n"), ("+OK 1", header + "\r\n"),
            ("+OK \(size + 1) octets", text), ("+OK \(size + 20) octets follow.", text),
            ("+ok \(size + 1) OCTETS", text),
            ("+OK message follows (\(size + 1) bytes)", text), ("+OK 999 octets", header),
            ("+OK 10 octets", header + "\r\n"),
            ("+OK 9223372036854775807 octets", text),
        ])
    func mayBeAPart(_ one: (status: String, wire: String)) { #expect(isComplete(one.status, one.wire) == false) }

    @Test(
        "A body is taken for all of it where no size says otherwise",
        arguments: [
            ("+OK", text), ("+OK \(size) octets", text), ("+OK \(size - 2) octets", text),
            ("+OK \(size - 5) octets", text),
            ("+OK \(header.utf8.count + 2) octets", header + "\r\n"),
            ("+OK \(header.utf8.count) octets", header + "\r\n"),
            ("+OK 7 messages", text), ("+OK 99999999999999999999 octets", text), ("+OK octets", text),
            ("+OK", header + "\n\nhi\r\n"),
        ])
    func isTakenForAll(_ one: (status: String, wire: String)) { #expect(isComplete(one.status, one.wire) == true) }

    @Test func theSizeIsThatOfTheStatusLineRightBefore() {
        #expect(isComplete("+OK 2 messages (999 octets)\r\n+OK", Self.text) == true)
        #expect(isComplete("+OK 2 messages (999 octets)\r\n1 400\r\n2 599\r\n.\r\n+OK", Self.text) == true)
    }

    /// A command that was seen says what came, whatever the status line says of it.
    @Test func commandsTellWhatCame() {
        for (command, isWhole) in [("RETR 1", true), ("TOP 1 0", false)] {
            var session = BookedSession(.pop3)
            session.play(["S: +OK hi", "C: \(command)", "S: +OK 999 octets", "S: Subject: x", "S: ", "S: ."])
            session.close()
            #expect(session.messages.map(\.complete) == [isWhole])
        }
    }

    /// Nobody knows that more of it was asked for.
    @Test func aTraceDoesNotSayThatItBrokeOff() throws {
        var trace = MessageTrace(id: "1@example.com")
        let notes = notes("+OK hi\r\n+OK\r\nMessage-ID: <1@example.com>\r\n\r\n.\r\n+OK bye\r\n", step: .max)
        trace.accept(notes, [.closed(SessionSummary(info: Self.info))], of: Self.info, at: 0)
        trace.finish()
        let station = try #require(trace.stations.first)
        #expect(!station.isComplete)
        #expect(trace.remarks.map(\.kind) == [])
    }
}
