// Forms of exported sessions and messages: mbox, rawlog, HTML, HAR, names of files, made packets.

import MailDialogue
import MailRecording
import Testing

@Suite struct ExportFormsTests {
    /// What a reader of mboxrd makes of a quoted message.
    private func unquoted(_ octets: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for line in octets.split(separator: 10, omittingEmptySubsequences: false) {
            let marks = line.prefix { $0 == UInt8(ascii: ">") }.count
            let isQuoted = marks > 0 && line.dropFirst(marks).starts(with: Array("From ".utf8))
            out += (isQuoted ? line.dropFirst() : line) + [10]
        }
        return out.dropLast()
    }

    @Test(arguments: [
        "", "From ", "From", "x\nFrom y\n>From z\r\n>>>From \n>>Fro\nFFrom \n From x", "\n>>", ">",
        "From \u{0}\r\n.\r\n", "\r\nFrom x\r\r\n",
    ])
    func quotingOfAnMboxCanBeUndone(_ message: String) {
        let octets = Array(message.utf8)
        for size in [1, 2, 3, max(octets.count, 1)] {
            var quoter = MboxQuoter()
            var quoted: [UInt8] = []
            for start in stride(from: 0, to: octets.count, by: size) {
                quoter.append(octets[start..<min(start + size, octets.count)], to: &quoted)
            }
            quoter.finish(to: &quoted)
            #expect(unquoted(quoted) == octets)
            for line in quoted.split(separator: 10) { #expect(!line.starts(with: Array("From ".utf8))) }
        }
    }

    @Test func anMboxLineHasTheSenderAndTheDate() {
        let line = MboxLine.opening(sender: "ann@example.com", time: 1_795_687_200_000_000, isTerminated: true)
        #expect(String(decoding: line, as: UTF8.self) == "From ann@example.com Thu Nov 26 10:00:00 2026\n")
        let other = MboxLine.opening(sender: "\n From x\t", time: 0, isTerminated: false)
        #expect(String(decoding: other, as: UTF8.self) == "From Fromx Thu Jan  1 00:00:00 1970 unterminated\n")
        let none = MboxLine.opening(sender: "", time: Int64.min, isTerminated: true)
        #expect(String(decoding: none, as: UTF8.self).hasPrefix("From MAILER-DAEMON "))
    }

    @Test func eachLineOfARawlogHasItsTime() {
        var lines = RawlogLines()
        var out: [UInt8] = []
        lines.append(Array("a LOGIN\r\nb ".utf8)[...], at: 1_000_000_250, to: &out)
        lines.append(Array("NOOP\r\n".utf8)[...], at: 2_000_000_000, to: &out)
        lines.append(Array("c".utf8)[...], at: 3_000_000_001, to: &out)
        #expect(
            String(decoding: out, as: UTF8.self) == "1000.000250 a LOGIN\r\n1000.000250 b NOOP\r\n3000.000001 c")
    }

    @Test(arguments: [
        ("report.pdf", "report.pdf"), ("../../etc/passwd", "passwd"), ("C:\\x\\run.exe", "run.exe"), ("", "part-1"),
        ("..", "part-1"), ("/", "part-1"), (".bashrc", "_bashrc"), ("-rf", "_rf"), ("~root", "_root"),
        ("a\u{0}b\u{1B}[2Jc\r\n", "ab[2Jc"), ("invoice\u{202E}fdp.exe", "invoicefdp.exe"), ("a:b*c?.txt", "a_b_c_.txt"),
        ("  x .txt. ", "x .txt"), ("CON", "_CON"), ("nul.txt", "_nul.txt"), ("übergröße 你好.txt", "übergröße 你好.txt"),
        ("a\u{2028}b", "ab"), ("...", "part-1"), ("a/", "part-1"),
    ])
    func namesOfFilesAreSafe(_ given: String, _ wanted: String) {
        #expect(SafeFileName.of(given, fallback: "part-1") == wanted)
    }

    @Test func longNamesKeepTheirEnding() {
        let name = SafeFileName.of(String(repeating: "ü", count: 50_000) + ".pdf", fallback: "x")
        #expect(name.utf8.count <= SafeFileName.longest && name.hasSuffix("ü.pdf"))
        #expect(SafeFileName.numbered("a.tar.gz", 2) == "a.tar-2.gz")
        #expect(SafeFileName.numbered("a", 3) == "a-3")
    }

    @Test func aPageHoldsNothingThatAPeerCanUse() {
        var session = BookedSession(.smtp)
        var renderer = TranscriptRenderer(
            session.summary.info, TranscriptRenderer.Options(isFull: true, style: HTMLTranscript.style))
        var text = ""
        var notes: [Note] = []
        let evil = "<script>alert('x')</script>&amp;\u{1B}[31m\u{202E}\"onload=\u{7}"
        session.tap.receive(Array("220 \(evil)\r\n".utf8)[...], from: .server, into: &notes)
        session.tap.receive(Array("EHLO \(evil)\r\n".utf8)[...], from: .client, into: &notes)
        renderer.accept(notes[...], at: 5, into: &text)
        renderer.changed(exchange: 1, rules: [evil], into: &text)
        renderer.close(session.summary, into: &text)
        var page = HTMLTranscript.head(title: evil, sessions: [session.summary, session.summary])
        page += HTMLTranscript.opening(1, session.summary.info)
        var writer = HTMLTranscript()
        writer.append(text, to: &page)
        writer.finish(to: &page)
        page += HTMLTranscript.closing + HTMLTranscript.foot
        #expect(!page.contains("<script") && !page.contains("alert('"))
        #expect(!page.unicodeScalars.contains { $0.value == 0x1B || $0.value == 0x202E || $0.value == 7 })
        #expect(
            page.contains(
                "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;\\x1b[31m\\u{202e}&quot;onload=\\x07"))
        #expect(page.contains("<div class=\"client\">") && page.contains("<div class=\"server\">"))
        #expect(page.contains("<div class=\"warning\">"))
        #expect(page.contains("default-src 'none'"))
        // What opens is closed.
        for tag in ["div", "span", "section", "body", "html", "style", "table", "td", "tr"] {
            let opened = page.components("<\(tag)>") + page.components("<\(tag) ")
            #expect(opened == page.components("</\(tag)>"), "\(tag)")
        }
    }

    @Test func anArchiveHasWhatItsReadersNeed() throws {
        var session = BookedSession(.imap)
        session.play([
            "S: * OK \"hi\"", "C: a LOGIN ann secret", "S: a OK in", "C: b FETCH 1 x", "S: b NO no", "C: c NOOP",
        ])
        session.close()
        var text = HARWriter.head(version: "1")
        text += session.exchanges.map { HARWriter.entry($0, session.summary.info) }.joined(separator: ",\n")
        text += HARWriter.middle + HARWriter.page(session.summary) + HARWriter.foot
        let log = try #require(JSONValue(parsing: text)?["log"])
        #expect(log["version"]?.string == "1.2")
        #expect(!text.contains("secret"))
        #expect(session.exchanges.count == 4)
        #expect(
            text.contains("\"method\":\"CONNECT\"") && text.contains("\"status\":250")
                && text.contains("\"status\":550"))
        #expect(text.contains("\"status\":0"))
    }

    /// What was made of events is read as what the events told.
    @Test func packetsOfEventsAreARecording() throws {
        var session = BookedSession(.pop3)
        var events: [RecordEvent] = []
        session.book.open(into: &events)
        session.play(["S: +OK hi", "C: USER ann", "S: +OK", "C: PASS secret", "S: +OK in", "C: QUIT", "S: +OK bye"])
        session.close()
        events += session.events
        var made = EventPackets()
        var octets = EventPackets.header
        for event in events { made.append(event, to: &octets) }
        var reader = CaptureFileReader()
        reader.feed(octets)
        var count = 0
        var comments: [RecordComment] = []
        while let record = try reader.next() {
            count += 1
            comments += record.comments.compactMap { RecordComment($0) }
        }
        #expect(count == made.packets && count > 10)
        guard case .opened(let info, leg: .client, isContinued: false) = comments.first else {
            Issue.record("the first comment is \(String(describing: comments.first))")
            return
        }
        #expect(info == session.summary.info)
        #expect(!String(decoding: octets, as: UTF8.self).contains("secret"))
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(_ text: String) -> Int {
        var count = 0
        var rest = utf8[...]
        while rest.count >= text.utf8.count {
            if rest.starts(with: text.utf8) { count += 1 }
            rest = rest.dropFirst()
        }
        return count
    }
}
