// Sets of numbers: what they name, and how they are written.

import Testing

@testable import MailDialogue

@Suite struct IMAPNumberSetTests {
    private func set(_ text: String) -> IMAPNumberSet? {
        let reading = IMAPCommandReading(imapText("a UID EXPUNGE \(text)"))
        guard reading.faults.isEmpty, case .expungeUIDs(let set) = reading.value else { return nil }
        return set
    }

    @Test(arguments: ["1", "1:5", "5:1", "*", "*:4,5:7", "2,4:7,9,12:*", "4294967295", "$", "1,1,1"])
    func writtenAsRead(_ text: String) { #expect(set(text)?.wireText == text) }

    @Test func rangesOfOneAreNumbers() { #expect(set("7:7")?.wireText == "7") }

    @Test(arguments: [
        "0", "1:", ":1", "1:2:3", "1,,2", "1,", "-1", "1-2", "$,1", "1,$", "**", "4294967296", "1 2", "01x", "a",
    ])
    func refused(_ text: String) { #expect(set(text) == nil) }

    @Test func numbersThatAreNamed() {
        // The examples of RFC 9051 §9, sequence-set.
        let one = set("2,4:7,9,12:*")
        #expect((1...20).filter { one?.contains($0, largest: 15) == true } == [2, 4, 5, 6, 7, 9, 12, 13, 14, 15])
        let other = set("*:4,5:7")
        #expect((1...20).filter { other?.contains($0, largest: 10) == true } == [4, 5, 6, 7, 8, 9, 10])
        // "3291:*" has the last message whatever its UID is.
        #expect(set("3291:*")?.contains(5, largest: 5) == true)
    }

    @Test func counts() {
        #expect(set("1:4294967295")?.count == 4_294_967_295)
        #expect(set("9:7,7")?.count == 4)
        #expect(set("1:*")?.count == nil)
        #expect(set("$")?.count == nil)
        #expect(set("5,9:7")?.largestNamed == 9)
        #expect(set("*")?.largestNamed == 0)
        #expect(set("$")?.isEmpty == false)
        #expect(IMAPNumberSet().isEmpty)
    }
}
