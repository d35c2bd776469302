// FETCH responses: items, ENVELOPE, BODYSTRUCTURE, and the scan for the view.

import Testing

@testable import MailDialogue

@Suite struct IMAPFetchTests {
    private func fetch(_ items: String, _ charset: IMAPCharset = .ascii) -> (IMAPResponseReading, [IMAPFetchedItem]) {
        let reading = readResponse("* 12 FETCH (\(items))", charset)
        guard case .fetch(let data) = reading.value else { return (reading, []) }
        return (reading, data.items)
    }

    @Test func smallItems() {
        let (reading, items) = fetch(
            "FLAGS (\\Seen $X) UID 4827313 INTERNALDATE \" 7-Jul-1996 02:44:25 -0700\" RFC822.SIZE 44827 MODSEQ (65402) "
                + "EMAILID (M6d99ac3275bb4e) THREADID NIL SAVEDATE NIL PREVIEW \"Hi\" X-GM-MSGID 18446744073709551615 "
                + "X-GM-THRID 7 X-GM-LABELS (\\Inbox \"a b\" c)")
        #expect(reading.faultText == "")
        guard items.count == 12 else {
            Issue.record("\(items.count) items")
            return
        }
        if case .flags(let flags) = items[0] { #expect(reading.strings(flags) == ["\\Seen", "$X"]) }
        #expect(items[1] == .uid(4_827_313))
        if case .internalDate(let span) = items[2] { #expect(reading.string(span) == " 7-Jul-1996 02:44:25 -0700") }
        #expect(items[3] == .size(44_827))
        #expect(items[4] == .modSeq(65_402))
        if case .emailID(let span) = items[5] { #expect(reading.string(span) == "M6d99ac3275bb4e") }
        #expect(items[6] == .threadID(.none))
        #expect(items[7] == .saveDate(.none))
        if case .preview(let span) = items[8] { #expect(reading.string(span) == "Hi") }
        #expect(items[9] == .gmailMessageID(.max))
        if case .gmailLabels(let labels) = items[11] { #expect(reading.strings(labels) == ["\\Inbox", "a b", "c"]) }
    }

    @Test func sections() {
        let (reading, items) = fetch(
            "BODY[] {3}\r\nabc BODY[1.2.MIME] NIL BODY[TEXT]<5> \"x\" BODY[HEADER.FIELDS (To \"a]b\" {3}\r\nc)d)] \"\" "
                + "BINARY[1]<0> ~{2}\r\n\0\0 BINARY.SIZE[1.1] 77 RFC822 \"r\" RFC822.HEADER \"h\" RFC822.TEXT \"t\"")
        #expect(reading.faultText == "")
        guard items.count == 9 else {
            Issue.record("\(items.count) items")
            return
        }
        if case .section(let section, let origin, let content) = items[0] {
            #expect(reading.string(section) == "")
            #expect(origin == nil)
            #expect(reading.string(content) == "abc")
        }
        if case .section(let section, _, let content) = items[1] {
            #expect(reading.string(section) == "1.2.MIME")
            #expect(content.isNil)
        }
        if case .section(_, let origin, _) = items[2] { #expect(origin == 5) }
        if case .section(let section, _, _) = items[3] {
            #expect(reading.string(section) == "HEADER.FIELDS (To \"a]b\" {3}\r\nc)d)")
        }
        if case .binary(_, let origin, let content) = items[4] {
            #expect(origin == 0)
            #expect(reading.text.octets(of: content)?.elementsEqual([0, 0]) == true)
        }
        if case .binarySize(let section, let size) = items[5] {
            #expect(reading.string(section) == "1.1")
            #expect(size == 77)
        }
    }

    @Test func envelope() {
        let (reading, items) = fetch(
            "ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" {4}\r\na\"b\\ ((\"Terry Gray\" NIL \"gray\" \"example.com\")) "
                + "NIL NIL ((NIL NIL \"group\" NIL)(NIL NIL \"x\" \"example.org\")(NIL NIL NIL NIL)) NIL NIL NIL \"<1@x>\")"
        )
        #expect(reading.faultText == "")
        guard case .envelope(let envelope) = items.first else {
            Issue.record("no envelope")
            return
        }
        #expect(reading.string(envelope.subject) == "a\"b\\")
        #expect(envelope[.from].count == 1)
        #expect(envelope[.from].first.map { reading.string($0.mailbox) } == "gray")
        #expect(envelope[.sender].isEmpty)
        #expect(envelope[.to].map { reading.string($0.mailbox) } == ["group", "x", "NIL"])
        #expect(envelope[.bcc].isEmpty)
        #expect(reading.string(envelope.messageID) == "<1@x>")
        #expect(envelope.inReplyTo.isNil)
    }

    @Test func bodyOfOnePart() {
        let (reading, items) = fetch(
            "BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"a\" \"b\") \"<id>\" NIL \"7BIT\" 3028 92)")
        #expect(reading.faultText == "")
        guard case .body(let body) = items.first, let part = body.parts.first else {
            Issue.record("no body")
            return
        }
        #expect(body.parts.count == 1)
        #expect(part.kind == .text(92))
        #expect(part.octets == 3_028)
        #expect(reading.string(part.id) == "<id>")
        #expect(body.parameters(part).map { reading.string($0.value) } == ["US-ASCII", "b"])
        #expect(part.parent == -1)
    }

    @Test func bodyStructureOfMany() {
        let (reading, items) = fetch(
            "BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1152 23 NIL (\"inline\" (\"x\" \"y\")) (\"en\" \"de\") \"loc\")"
                + "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 99 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
                + "((\"image\" \"png\" NIL NIL NIL \"base64\" 5)(\"audio\" \"x\" NIL NIL NIL \"base64\" 6) \"mixed\") 7 \"md5\" NIL NIL NIL "
                + "42 (\"ext\" (1 2)) NIL) \"MIXED\" (\"BOUNDARY\" \"b\") NIL \"en\" NIL)")
        #expect(reading.faultText == "")
        guard case .bodyStructure(let body) = items.first else {
            Issue.record("no structure")
            return
        }
        #expect(body.parts.map { reading.string($0.subtype) } == ["MIXED", "PLAIN", "RFC822", "mixed", "png", "x"])
        #expect(body.parts.map(\.parent) == [-1, 0, 0, 2, 3, 3])
        #expect(body.parts[2].kind == .message(envelope: 0, lines: 7))
        #expect(reading.string(body.parts[2].md5) == "md5")
        #expect(body.envelopes.map { reading.string($0.subject) } == ["s"])
        #expect(body.languages(body.parts[1]).map { reading.string($0) } == ["en", "de"])
        #expect(reading.string(body.parts[1].disposition) == "inline")
        #expect(body.dispositionParameters(body.parts[1]).map { reading.string($0.name) } == ["x"])
        #expect(reading.string(body.parts[1].location) == "loc")
        #expect(body.languages(body.parts[0]).map { reading.string($0) } == ["en"])
        #expect(body.parameters(body.parts[0]).map { reading.string($0.value) } == ["b"])
    }

    /// Faults leave the other items readable.
    @Test(arguments: [
        ("UID 5 UID 6", "duplicate-item@18", 2), ("UID 5 UID 5 FLAGS () FLAGS ()", "", 4),
        ("RFC822.SIZE 1 RFC822.SIZE 2", "duplicate-item@26", 2), ("UID 0", "zero-number@16", 1),
        ("UID x FLAGS ()", "bad-number@16", 1),
        ("UID", "missing-space@15", 0), ("FLAGS (a]) UID 5", "bad-flag@19", 2), ("MODSEQ 5 UID 5", "unexpected@19", 1),
        ("MODSEQ (0) UID 5", "zero-number@20", 2), ("BODY[1.] \"x\" UID 5", "bad-section@19", 1),
        ("BODY[FOO] \"x\" UID 5", "bad-section@17", 1), ("BODY[MIME] NIL", "bad-section@17", 1),
        ("BINARY[TEXT] NIL UID 5", "bad-section@19", 1), ("BODY[] ~{1}\r\nx", "misplaced-literal8@19", 1),
        ("ENVELOPE NIL UID 5", "unexpected@21", 1), ("ENVELOPE (NIL) UID 5", "missing-space@25", 1),
        ("BODY (\"a\" \"b\" () NIL NIL NIL 5)", "empty-list@26", 1),
        ("BODY (a \"b\" NIL NIL NIL \"7bit\" 5)", "string-needed@18", 1),
        ("INTERNALDATE \"1-Jul-1996 02:44:25 -0700\"", "bad-date-time@25", 1),
        ("INTERNALDATE \"31-Jun-1996 02:44:25 -0700\"", "bad-date-time@25", 1),
        ("SAVEDATE x UID 5", "bad-date-time@21", 1),
        ("RFC822.SIZE 99999999999999999999 UID 5", "number-too-big@24", 2),
        ("EMAILID (a/b) UID 5", "bad-object-id@21", 2),
        ("UID 5 ", "extra-space@17", 1), ("UID 5  FLAGS ()", "extra-space@17", 2), ("", "empty-list@11", 0),
        ("FOO (a (b \"c)\")) UID 5", "", 2), ("FOO[1 2]<3> {1}\r\n) UID 5", "", 2),
    ]) func faults(_ items: String, _ expected: String, _ count: Int) {
        let (reading, read) = fetch(items)
        #expect(reading.faultText.split(separator: " ").first.map(String.init) ?? "" == expected)
        #expect(read.count == count)
    }

    @Test func previewsAreMeasuredInCharacters() {
        #expect(fetch("PREVIEW \"" + String(repeating: "\u{e4}", count: 256) + "\"", .utf8).0.faultText == "")
        #expect(fetch("PREVIEW \"" + String(repeating: "a", count: 257) + "\"").0.faultText == "preview-too-long@20")
    }

    @Test func nestingIsBounded() {
        for depth in [50, 99] {
            let body =
                String(repeating: "(", count: depth) + "\"a\" \"b\" NIL NIL NIL \"7bit\" 1)"
                + String(repeating: " \"mixed\")", count: depth - 1)
            let (reading, items) = fetch("BODYSTRUCTURE \(body) UID 5")
            #expect(reading.faultText == "")
            #expect(items.count == 2)
        }
        let deep = String(repeating: "(", count: 10_000) + String(repeating: ")", count: 10_000)
        let (reading, items) = fetch("BODYSTRUCTURE \(deep) UID 5")
        #expect(reading.faults.first?.code == .tooDeep)
        #expect(items.count == 1)
        #expect(items.first.map { $0 == .uid(5) } == true)
        #expect(IMAPFetchScan(imapText("* 12 FETCH (BODYSTRUCTURE \(deep) UID 5)"))?.uid == 5)
    }

    // MARK: The scan

    @Test func scanTakesWhatAViewNeeds() {
        let text = imapText(
            "* 23 FETCH (ENVELOPE (\"a(\" \")\") BODY[HEADER.FIELDS (\"]\")] {8}\r\n UID 99  UID 4 RFC822.SIZE 1 FLAGS (\\Seen \"q\") "
                + "X (a (b)) MODSEQ (17))")
        let scan = IMAPFetchScan(text)
        #expect(scan?.number == 23)
        #expect(scan?.uid == 4)
        #expect(scan?.modSeq == 17)
        #expect(scan?.flags.flatMap { text.string($0) } == "\\Seen \"q\"")
        #expect(scan?.isUIDFetch == false)
    }

    @Test func uidFetchTellsOneUID() {
        #expect(readResponse("* 25 UIDFETCH (UID 26)").faultText == "duplicate-item@15")
        #expect(readResponse("* 25 UIDFETCH (UID 25)").faultText == "")
    }

    @Test func scanOfUIDFetch() {
        let scan = IMAPFetchScan(imapText("* 25 UIDFETCH (FLAGS ())"))
        #expect(scan?.isUIDFetch == true)
        #expect(scan?.uid == 25)
        #expect(scan?.flags?.count == 0)
    }

    @Test(arguments: [
        "* 0 FETCH (UID 5)", "* 3 FETCH (UID 0)", "* 3 FETCH (UID 5", "* 3 FETCH UID 5", "* 3 EXISTS", "a OK FETCH (",
        "* 3 FETCH (FLAGS (\\Seen)", "* 3 FETCH (UID 5 ENVELOPE (\"))",
    ]) func scanRefuses(_ line: String) { #expect(IMAPFetchScan(imapText(line)) == nil) }

    @Test func scanAndReaderAgree() {
        for line in [
            "* 1 FETCH (FLAGS (\\Seen) UID 7)", "* 1 FETCH (UID 7 MODSEQ (5) FLAGS ())", "* 9 FETCH (RFC822.SIZE 5)",
            "* 2 FETCH (BODY[1]<0> \"(\" UID 3)", "* 2 UIDFETCH (MODSEQ (2))",
            "* 2 FETCH (MODSEQ (2) MODSEQ (3) FLAGS (a) FLAGS (b) UID 5 UID 5)",
            "* 2 FETCH (MODSEQ (2) MODSEQ (3) FLAGS (a) FLAGS (b) UID 5 UID 5)",
        ] {
            let scan = IMAPFetchScan(imapText(line))
            guard case .fetch(let data) = readResponse(line).value else {
                Issue.record("no fetch")
                continue
            }
            #expect(scan?.uid == data.uid)
            #expect(scan?.modSeq == data.modSeq)
            #expect((scan?.flags == nil) == (data.flags == nil))
            if let flags = scan?.flags, let first = data.flags?.first {
                let text = imapText(line)
                #expect(text.string(flags) == text.string(first))
            }
            if let flags = scan?.flags, let first = data.flags?.first {
                let text = imapText(line)
                #expect(text.string(flags) == text.string(first))
            }
        }
    }
}
