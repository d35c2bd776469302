// Response codes with their arguments.

import Testing

@testable import MailDialogue

@Suite struct IMAPResponseCodeTests {
    private func code(_ text: String) -> (IMAPResponseReading, IMAPResponseCode?) {
        let reading = readResponse("* OK [\(text)] done")
        guard case .status(let status) = reading.value else { return (reading, nil) }
        #expect(reading.string(status.text) == "done")
        return (reading, status.code)
    }

    @Test(arguments: IMAPResponseCode.Plain.allCases) func plain(_ expected: IMAPResponseCode.Plain) {
        let (reading, code) = code(expected.rawValue)
        #expect(reading.faults.isEmpty)
        #expect(code == .plain(expected))
        #expect(self.code(expected.rawValue.lowercased()).1 == .plain(expected))
    }

    @Test func numbers() {
        #expect(code("UIDNEXT 4392").1 == .uidNext(4_392))
        #expect(code("UIDVALIDITY 3857529045").1 == .uidValidity(3_857_529_045))
        #expect(code("UNSEEN 12").1 == .unseen(12))
        #expect(code("HIGHESTMODSEQ 715194045007").1 == .highestModSeq(715_194_045_007))
        #expect(code("MESSAGELIMIT 1000 23221").1 == .messageLimit(1_000, lowest: 23_221))
        #expect(code("MESSAGELIMIT 1000").1 == .messageLimit(1_000, lowest: nil))
        #expect(code("MAXCONVERTMESSAGES 5").1 == .maxConvertMessages(5))
        #expect(code("MAXCONVERTPARTS 6").1 == .maxConvertParts(6))
        #expect(code("ANNOTATE TOOBIG").1 == .annotate(isTooMany: false))
        #expect(code("ANNOTATE TOOMANY").1 == .annotate(isTooMany: true))
        #expect(code("ANNOTATIONS NONE").1 == .annotations(.none, allowsPrivate: true))
        #expect(code("ANNOTATIONS READ-ONLY NOPRIVATE").1 == .annotations(.readOnly, allowsPrivate: false))
        #expect(code("ANNOTATIONS 20480").1 == .annotations(.octets(20_480), allowsPrivate: true))
        #expect(code("METADATA LONGENTRIES 2199").1 == .metadata(.longEntries(2_199)))
        #expect(code("METADATA MAXSIZE 1024").1 == .metadata(.maxSize(1_024)))
        #expect(code("METADATA TOOMANY").1 == .metadata(.tooMany))
        #expect(code("METADATA NOPRIVATE").1 == .metadata(.noPrivate))
    }

    @Test func sets() {
        let one = IMAPNumberSet([IMAPNumberSet.Range(3_955, 3_955)])
        #expect(code("APPENDUID 38505 3955").1 == .appendUID(validity: 38_505, one))
        let source = IMAPNumberSet([IMAPNumberSet.Range(304, 304), IMAPNumberSet.Range(319, 320)])
        let target = IMAPNumberSet([IMAPNumberSet.Range(3_956, 3_958)])
        #expect(
            code("COPYUID 38505 304,319:320 3956:3958").1 == .copyUID(validity: 38_505, source: source, target: target))
        #expect(code("MODIFIED 7,9").1 == .modified(IMAPNumberSet([.init(7, 7), .init(9, 9)])))
    }

    @Test func words() {
        let (capability, value) = code("CAPABILITY IMAP4rev1 AUTH=PLAIN")
        guard case .capability(let names) = value else {
            Issue.record("no capability")
            return
        }
        #expect(capability.strings(names) == ["IMAP4rev1", "AUTH=PLAIN"])
        let (reading, flags) = code("PERMANENTFLAGS (\\Deleted \\Seen \\*)")
        guard case .permanentFlags(let spans) = flags else {
            Issue.record("no flags")
            return
        }
        #expect(reading.strings(spans) == ["\\Deleted", "\\Seen", "\\*"])
        #expect(reading.faults.isEmpty)
        for text in [
            "BADCHARSET", "BADCHARSET (UTF-8 \"X\")", "BADEVENT (MessageNew)", "BADURL imap://x/;uid=1",
            "MAILBOXID (F2212ea87)", "NOUPDATE \"B02\"", "REFERRAL imap://user@example.com/", "UNDEFINED-FILTER boss",
            "URLMECH INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==", "URLMECH INTERNAL", "INPROGRESS",
            "INPROGRESS (\"A1\" 175 2000)", "INPROGRESS (\"A1\" 175 NIL)", "INPROGRESS (NIL NIL NIL)",
        ] {
            let (reading, code) = code(text)
            #expect(reading.faults.isEmpty, "\(text): \(reading.faultText)")
            if case .other = code { Issue.record("not read: \(text)") }
            #expect(code != nil)
        }
    }

    @Test func aSingleUIDIsNoRange() {
        #expect(code("APPENDUID 38505 3955:3955").0.faultText == "single-uid-as-range@22")
        #expect(code("APPENDUID 38505 3955:3956").0.faultText == "")
    }

    @Test func otherCodesAreKept() {
        let (reading, value) = code("X-FOO bar (baz)")
        guard case .other(let name, let arguments) = value else {
            Issue.record("no code")
            return
        }
        #expect(reading.string(name) == "X-FOO")
        #expect(reading.string(arguments) == "bar (baz)")
        #expect(reading.faults.isEmpty)
    }

    @Test func wrongArgumentsAreAFault() {
        for text in ["UIDNEXT", "UIDNEXT a", "APPENDUID 1", "COPYUID 1 2", "METADATA", "MAILBOXID x", "READ-ONLY now"] {
            let (reading, code) = code(text)
            #expect(reading.faultText == "bad-response-code@5", "\(text)")
            guard case .other = code else {
                Issue.record("\(text): \(String(describing: code))")
                continue
            }
        }
    }

    @Test func aBracketInTextIsNoCode() {
        let reading = readResponse("* OK [not closed")
        guard case .status(let status) = reading.value else {
            Issue.record("no status")
            return
        }
        #expect(status.code == nil)
        #expect(reading.string(status.text) == "[not closed")
    }
}
