// Header sections: fields, folds, obsolete and broken lines.

import Testing

@testable import MailMessage

func octets(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ octets: some Collection<UInt8>) -> String { String(decoding: octets, as: UTF8.self) }

@Suite struct HeaderBlockTests {
    @Test func fieldsKeepTheirOctets() {
        let header = HeaderBlock(octets("Subject: one\r\n two\r\nTo : a@example.com\r\n\r\nbody: no\r\n"))
        #expect(header.fields.map { text($0.raw) } == ["Subject: one\r\n two\r\n", "To : a@example.com\r\n"])
        #expect(header.fields.map { text($0.name) } == ["Subject", "To"])
        #expect(header.value("SUBJECT") == octets("one two"))
        #expect(header.isTerminated)
        #expect(header.length == "Subject: one\r\n two\r\nTo : a@example.com\r\n\r\n".utf8.count)
    }

    @Test func bareLineFeedsAndMissingEnd() {
        let header = HeaderBlock(octets("A: 1\n\t2\nB:3"))
        #expect(header.value("a") == octets("1\t2"))
        #expect(header.value("b") == octets("3"))
        #expect(!header.isTerminated)
    }

    @Test func linesThatAreNoFieldsStay() {
        let header = HeaderBlock(
            octets("From a@example.com Mon Jan 1\r\ngarbage\r\n: x\r\nA b: 1\r\nSubject: s\r\n\r\n"))
        #expect(header.fields.map { text($0.name) } == ["", "", "", "", "Subject"])
        #expect(
            text(header.fields.flatMap(\.raw))
                == "From a@example.com Mon Jan 1\r\ngarbage\r\n: x\r\nA b: 1\r\nSubject: s\r\n")
    }

    @Test func whiteSpaceLineIsAFold() {
        let header = HeaderBlock(octets("A: 1\r\n \r\n 2\r\n\r\n"))
        #expect(header.fields.count == 1)
        #expect(header.value("A") == octets("1  2"))
    }

    @Test func slicesWithOffsets() {
        let bytes = octets("xxxxA: 1\r\n\r\n")
        let header = HeaderBlock(bytes[4...])
        #expect(header.value("A") == octets("1"))
        #expect(header.length == 8)
    }

    @Test func eightBitText() {
        #expect(HeaderBlock([0x41, 0x3A, 0xE9, 0x0A]).text("A") == "é")
        #expect(HeaderBlock(octets("A: é\n")).text("A") == "é")
    }

    @Test func emptyInput() {
        #expect(HeaderBlock([]).fields.isEmpty)
        #expect(HeaderBlock(octets("\r\n")).isTerminated)
        #expect(HeaderBlock(octets("\n")).length == 1)
    }
}

@Suite struct HeaderScannerTests {
    @Test(arguments: ["A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n", "A: 1\nB: 2\n\nbody", "\r\nbody", "\nbody", "A: 1\r\n\nbody"])
    func sameEndAtEveryCut(message: String) {
        let bytes = octets(message)
        let length = HeaderBlock(bytes).length
        for cut in 0...bytes.count {
            var scanner = HeaderScanner()
            var consumed = 0
            for piece in [bytes[..<cut], bytes[cut...]] {
                let wasComplete = scanner.isComplete
                switch scanner.feed(piece) {
                case .more: consumed += piece.count
                case .complete(let taken): consumed += wasComplete ? 0 : taken
                case .tooLong: Issue.record("too long")
                }
            }
            #expect(scanner.isComplete)
            #expect(consumed == length)
            #expect(scanner.octets == Array(bytes[..<length]))
        }
    }

    @Test func byteByByte() {
        var scanner = HeaderScanner()
        let bytes = octets("A: 1\r\n\r\n")
        for (number, octet) in bytes.enumerated() {
            let progress = scanner.feed([octet][...])
            #expect(progress == (number == bytes.count - 1 ? .complete(consumed: 1) : .more))
        }
        #expect(scanner.feed(octets("x")[...]) == .complete(consumed: 0))
        #expect(scanner.header.value("a") == octets("1"))
    }

    @Test func limit() {
        var scanner = HeaderScanner(limit: 10)
        #expect(scanner.feed(octets("A: 34567")[...]) == .more)
        #expect(scanner.feed(octets("\r\n")[...]) == .more)
        #expect(scanner.feed(octets("\r\n")[...]) == .tooLong)
        #expect(scanner.octets == octets("A: 34567\r\n"))
        #expect(scanner.feed(octets("more")[...]) == .tooLong)
        #expect(!scanner.isComplete)
        var exact = HeaderScanner(limit: 6)
        #expect(exact.feed(octets("A:1\n\nbody")[...]) == .complete(consumed: 5))
    }

    @Test(arguments: [
        "Subject: one\r\n two\r\nTo : a@example.com\r\n\r\nto: no\r\n", "A: 1\n\t2\nto:3",
        "to: 1\r\n \r\n to: 2\r\n\r\n",
        "Tone: x\r\nTo\r\nTO:y\nTo: z", " To: fold first\r\n to: still\r\nto: field\r\n\r\n", "\r\nTo: body\r\n",
        "\nTo: b",
        "", "\r", "to: a\r\n\r", "\tx\n\nto: b", "A: 1\r\nB: 2\r\n\r\n", "t", "to", "to:", "Subject:s\rto: t\r\n\n",
    ])
    func chosenFieldsAreThoseOfAllFields(section: String) {
        let bytes = octets("xx" + section)[2...]
        let all = HeaderBlock(bytes)
        for names in [["to"], ["subject", "to"], ["from"], []] {
            let chosen = HeaderBlock(bytes, keeping: names.map(octets))
            #expect(chosen.fields == all.fields.filter { field in names.contains { field.isNamed($0) } })
            #expect(chosen.length == all.length)
            #expect(chosen.isTerminated == all.isTerminated)
        }
    }

    @Test func addressTextsAreThoseOfTheMailboxes() {
        let header = HeaderBlock(
            octets(
                "To: One Two <a.b+c@example.com>\r\nTo: d@example.org\r\nTo: \"Q, R\" <e@example.com>, f@example.com\r\n\r\n"
            ))
        let texts = header.addresses("To").mailboxes.map(\.text)
        #expect(texts == ["a.b+c@example.com", "d@example.org", "e@example.com", "f@example.com"])
        for limit in 0...5 { #expect(header.addressTexts("to", limit: limit) == Array(texts.prefix(limit))) }
        #expect(header.addressTexts("Cc", limit: 5).isEmpty)
    }
}
