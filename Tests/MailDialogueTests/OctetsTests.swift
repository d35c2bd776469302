// Words, case and numbers of lines of octets.

import Testing

@testable import MailDialogue

@Suite struct OctetsTests {
    @Test func numbersUpTo63Bits() {
        #expect(Array("9223372036854775807".utf8)[...].decimal == Int.max)
        #expect(Array("9223372036854775808".utf8)[...].decimal == nil)
        #expect(Array("00000000000000000000000012".utf8)[...].decimal == 12)
        #expect(Array("".utf8)[...].decimal == nil)
        #expect(Array("-1".utf8)[...].decimal == nil)
        #expect(Array("1x".utf8)[...].decimal == nil)
    }

    @Test func maskingKeepsLengthAndLineEnd() {
        let line = Array("xxPASS ab c\r\n".utf8)[2...]
        #expect(line.masking(5..<line.count).text == "PASS ****\r\n")
        #expect(line.masking(5..<500).count == line.count)
    }
}
