// Rawlogs, transcripts of swaks and what openssl prints, read as captures are.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct ImportedSessionsTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func write(_ text: String, _ name: String) throws -> String {
        try scratch.write(Array(text.utf8), name)
    }

    private static let input =
        "1795687200.000100 a LOGIN ann s3cret\r\n1795687200.000300 b FETCH 1 BODY[]\r\n1795687200.000500 c LOGOUT\r\n"
    private static let output =
        "1795687200.000200 a OK in\r\n1795687200.000400 * 1 FETCH (BODY[] {12}\r\n1795687200.000400 a: b\r\n1795687200.000400 \r\n"
        + "1795687200.000400 hi\r\n1795687200.000401 )\r\n1795687200.000401 b OK done\r\n1795687200.000600 * BYE x\r\n"
        + "1795687200.000600 c OK bye\r\n"

    @Test func aPairOfRawlogsIsASession() throws {
        let input = try write(Self.input, "x.in")
        let output = try write(Self.output, "x.out")
        for paths in [[input], [output], [input, output], [scratch.path]] {
            let reading = try Reading(paths)
            #expect(reading.outline() == ["imap 1+0 ann -"], "\(paths)")
            #expect(reading.exchanges.map(\.command) == ["LOGIN", "FETCH", "LOGOUT"])
            #expect(reading.bodies == [Array("a: b\r\n\r\nhi\r\n".utf8)])
            #expect(reading.summaries.first?.info.start == 1_795_687_200_000_100)
            #expect(reading.summaries.first?.info.route == "import:rawlog:late")
            #expect(reading.summaries.first?.end == .closed)
            #expect(!"\(reading.events)".contains("s3cret"))
        }
    }

    @Test func oneFileOfBothIsTheSame() throws {
        // CRLF is one character: lines are found in octets.
        func marked(_ text: String, _ mark: String) -> [String] {
            text.utf8.split(separator: 10).map {
                String(decoding: Array($0.prefix(18)) + Array(mark.utf8) + $0.dropFirst(18) + [10], as: UTF8.self)
            }
        }
        let lines = (marked(Self.input, "I: ") + marked(Self.output, "O: ")).sorted {
            ($0.prefix(17), $0.contains(" O: ") ? 1 : 0) < ($1.prefix(17), $1.contains(" O: ") ? 1 : 0)
        }
        let reading = try Reading([try write(lines.joined(), "both")])
        #expect(reading.outline() == ["imap 1+0 ann -"])
        #expect(reading.bodies == [Array("a: b\r\n\r\nhi\r\n".utf8)])
        // Octets without a line end: the next stamp follows at once.
        let open = "1.000001 O: * OK hi\r\n1.000002 I> a LOG1.000003 I: IN ann x\r\n1.000004 O: a OK in\r\n"
        let second = try Reading([try write(open, "open")])
        #expect(second.exchanges.map(\.command) == ["", "LOGIN"] || second.exchanges.map(\.command) == ["LOGIN"])
        #expect(second.outline() == ["imap 0+0 ann -"])
    }

    @Test func aRawlogEndsWhereItsTimesEnd() throws {
        let path = try write(Self.input + "no time here\r\n", "y.in")
        _ = try write(Self.output, "y.out")
        let reading = try Reading([path])
        #expect(reading.problems.count == 1)
        #expect(reading.problems.first?.error.offset == Self.input.utf8.count)
        #expect(reading.exchanges.map(\.command).contains("LOGIN"))
    }

    private static let swaks = """
        === Trying 192.0.2.7:2525...
        === Connected to 192.0.2.7.
        <-  220 mx.example.com ESMTP
         -> EHLO a.example.org
        <-  250-mx.example.com
        <-  250 STARTTLS
         -> STARTTLS
        <-  220 go
        === TLS started with cipher TLSv1.3:TLS_AES_256_GCM_SHA384:256
         ~> EHLO a.example.org
        <~  250 mx.example.com
         ~> AUTH PLAIN AGFubgBzM2NyZXQ=
        <~  235 ok
         ~> MAIL FROM:<a@example.org>
        <~  250 ok
         ~> RCPT TO:<b@example.com>
        <~  250 ok
         ~> RCPT TO:<c@example.com>
        <~* 550 no
         ~> DATA
        <~  354 go
         ~> Subject: x
         ~>\u{20}
         ~> ..dots
         ~> .
        <~  250 ok
         ~> QUIT
        <~  221 bye
        === Connection closed with remote host.

        """

    @Test func aTranscriptOfSwaksIsASession() throws {
        let reading = try Reading([try write(Self.swaks, "swaks.txt")])
        #expect(reading.outline() == ["smtp 1+0 ann -"])
        let info = try #require(reading.summaries.first?.info)
        #expect(info.server.description == "192.0.2.7:2525" && info.tls?.cipher == "TLS_AES_256_GCM_SHA384")
        #expect(info.tls?.how == .starttls)
        #expect(reading.bodies == [Array("Subject: x\r\n\r\n.dots\r\n".utf8)])
        #expect(reading.messages.first?.to == ["b@example.com"])
        #expect(reading.credentials.map(\.outcome) == [.accepted])
        #expect(!"\(reading.events)".contains("AGFubgBzM2NyZXQ"))
    }

    /// The same through a recording that was made of it.
    @Test func whatWasImportedIsARecordingThen() throws {
        let first = try Reading([try write(Self.swaks, "swaks.txt")])
        var made = EventPackets()
        var octets = EventPackets.header
        for event in first.events { made.append(event, to: &octets) }
        let second = try Reading([try scratch.write(octets, "made.pcapng")])
        #expect(second.summaries.map(\.info) == first.summaries.map(\.info))
        #expect(second.messages.map(\.sha256) == first.messages.map(\.sha256))
        #expect(second.exchanges.map(\.line) == first.exchanges.map(\.line))
    }

    @Test func dataThatSwaksLeftOutAreMissing() throws {
        var text = ""
        for line in Self.swaks.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(" ~> Subject") {
                text += " ~> 4 lines sent\n"
            } else if line != " ~> " && line != " ~> ..dots" && line != " ~> ." {
                text += line + "\n"
            }
        }
        let reading = try Reading([try write(text, "short.txt")])
        #expect(reading.messages.filter(\.complete).isEmpty)
        #expect(reading.summaries.first?.gaps == 1)
        #expect(reading.exchanges.last?.command == "QUIT")
    }

    @Test func whatWasTypedIntoOpenSSLIsASession() throws {
        let head =
            "CONNECTED(00000003)\ndepth=0 CN = a\n---\nNew, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256\n---\nread R BLOCK\n"
        let whole =
            head
            + "+OK hi\nUSER ann\n+OK\nPASS s3cret\n+OK in\nRETR 1\n+OK\nSubject: x\n\n---\n.\nQUIT\n+OK bye\nclosed\n"
        let reading = try Reading([try write(whole, "typed.txt")])
        #expect(reading.outline() == ["pop3 1+0 ann -"])
        #expect(reading.bodies == [Array("Subject: x\r\n\r\n---\r\n".utf8)])
        #expect(reading.summaries.first?.info.tls?.version == "TLSv1.3")
        #expect(!"\(reading.events)".contains("s3cret"))
        // Words of a listing that are commands, too: the ends of lines tell who said them.
        let heard = head + "+OK hi\r\n+OK\r\nUSER\r\nTOP\r\n.\r\n+OK bye\r\nclosed\n"
        let half = try Reading([try write(heard, "heard.txt")])
        #expect(half.summaries.first?.clientBytes == 0)
        #expect(half.summaries.map(\.info.mailProtocol) == [.pop3])
        #expect((half.summaries.first?.gaps ?? 0) > 0)
    }

    @Test func captureFilesAreStillCaptures() throws {
        let empty = try Reading([try scratch.write(PcapngWriter.recordingHeader(application: "x"), "empty.pcapng")])
        #expect(empty.summaries.isEmpty && empty.problems.isEmpty)
        #expect(throws: CaptureError.self) { try Reading([try write("hello\nworld\n", "words.txt")]) }
        #expect(throws: CaptureError.self) { try Reading([try write("", "nothing.txt")]) }
    }

    /// Lines without end, in bounded pieces.
    @Test func endlessLinesAreRead() throws {
        let long = String(repeating: "x", count: 300_000)
        let text = "1.000001 * OK hi\r\n1.000002 * OK \(long)\r\n"
        let path = try write(text, "long.out")
        _ = try write("1.000001 a LOGIN ann \(long)\r\n", "long.in")
        let reading = try Reading([path])
        #expect(reading.summaries.first?.info.mailProtocol == .imap)
        #expect(reading.summaries.first?.serverBytes ?? 0 > 300_000)
    }
}
