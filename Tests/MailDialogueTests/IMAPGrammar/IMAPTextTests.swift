// IMAPText: lines and literals put together, values taken out again.

import Testing

@testable import MailDialogue

@Suite struct IMAPTextTests {
    @Test func oneLineSharesItsOctets() {
        let line = Array("* OK hi\r\n".utf8)
        let text = IMAPText(line[2...])
        #expect(text.octets.startIndex == 2)
        #expect(text.footprint == 7)
    }

    @Test func spansCountFromTheStartOfTheText() {
        let octets = Array("xxxx* LIST () \"/\" abc\r\n".utf8)
        let reading = IMAPResponseReading(IMAPText(octets[4...]))
        guard case .list(let listing) = reading.value else {
            Issue.record("no list")
            return
        }
        #expect(listing.mailbox.start == 14)
        #expect(reading.string(listing.mailbox) == "abc")
    }

    @Test func linesAndLiteralsAreOneText() {
        var text = IMAPText(Array("* LIST () NIL {3}\r\n".utf8)[...])
        text.append(Array("a\"".utf8)[...])
        text.append(Array("b".utf8)[...])
        text.append(Array("\r\n".utf8)[...])
        let reading = IMAPResponseReading(text)
        #expect(reading.faults.isEmpty)
        guard case .list(let listing) = reading.value else {
            Issue.record("no list")
            return
        }
        #expect(reading.string(listing.mailbox) == "a\"b")
        #expect(listing.mailbox.form == .literal)
    }

    @Test func omittedLiteralsKeepTheirSize() {
        var text = IMAPText(Array("* 3 FETCH (BODY[] {5000000000}\r\n".utf8)[...])
        text.omitLiteral(size: 5_000_000_000)
        text.append(Array(" BODY[TEXT] {0}\r\n".utf8)[...])
        text.omitLiteral(size: 0)
        text.append(Array(" UID 9)\r\n".utf8)[...])
        let reading = IMAPResponseReading(text)
        #expect(reading.faultText == "")
        guard case .fetch(let data) = reading.value, case .section(_, _, let content) = data.items.first else {
            Issue.record("no fetch")
            return
        }
        #expect(data.items.count == 3)
        #expect(data.uid == 9)
        #expect(content.form == .omitted)
        #expect(text.size(of: content) == 5_000_000_000)
        #expect(text.octets(of: content) == nil)
        #expect(IMAPFetchScan(text)?.uid == 9)
    }

    @Test func backslashesAreTakenOut() {
        let reading = readResponse(#"* LIST () "\\" "a\"b\\c""#)
        guard case .list(let listing) = reading.value else {
            Issue.record("no list")
            return
        }
        #expect(reading.string(listing.delimiter) == "\\")
        #expect(reading.string(listing.mailbox) == #"a"b\c"#)
        #expect(reading.text.size(of: listing.mailbox) == 5)
        #expect(reading.faults.isEmpty)
    }

    @Test func wordsAreComparedWithoutCase() {
        let text = imapText("* ok")
        #expect(text.isWord(IMAPSpan(2, 4, .bare), "OK"))
        #expect(!text.isWord(IMAPSpan(2, 4, .bare), "NO"))
    }

    @Test func nothingPrintsWhatATextHolds() {
        let reading = IMAPCommandReading(imapText("a LOGIN joe s3cret"))
        var dumped = ""
        dump(reading, to: &dumped)
        for shown in [String(describing: reading), String(reflecting: reading), dumped, "\(reading.text)"] {
            #expect(!shown.contains("s3cret"))
            #expect(!shown.contains("115"))
        }
    }

    @Test func emptyTextsAreRead() {
        #expect(IMAPResponseReading(IMAPText([])).value == .none)
        #expect(IMAPResponseReading(imapText("")).faultText == "bad-tag@0")
        #expect(IMAPFetchScan(IMAPText([])) == nil)
    }

    @Test func aTextBeyondItsLimitSaysSo() {
        var text = IMAPText(Array("* OK x".utf8))
        let piece = [UInt8](repeating: 97, count: IMAPText.limit)[...]
        text.append(piece)
        #expect(text.isTruncated)
        #expect(text.octets.count == IMAPText.limit)
        #expect(IMAPResponseReading(text).faults.first?.code == .tooLong)
    }
}
