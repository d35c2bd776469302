// Cutting lines, counted octets and dot-terminated content.

import Testing

@testable import MailDialogue

/// What a tap does with a line.
private enum LineCut: Equatable {
    case line(ArraySlice<UInt8>)
    case needsMore
    case tooLong
}

extension Framer {
    fileprivate mutating func line(limit: Int) -> LineCut {
        let length = lineLength()
        if let length, length <= limit { return .line(octets(length)) }
        return length == nil && count <= limit ? .needsMore : .tooLong
    }
}

@Suite struct FramerTests {
    private func octets(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

    @Test func linesEndAtLF() {
        var framer = Framer()
        framer.append(octets("a\r\nb\n\r"))
        #expect(framer.line(limit: 10) == .line(octets("a\r\n")))
        #expect(framer.line(limit: 10) == .line(octets("b\n")))
        #expect(framer.line(limit: 10) == .needsMore)
        framer.append(octets("\n"))
        #expect(framer.line(limit: 10) == .line(octets("\r\n")))
        #expect(framer.isEmpty)
        #expect(framer.line(limit: 10) == .needsMore)
    }

    @Test(arguments: [("123\n", false), ("1234\n", true), ("1234", false), ("12345", true)])
    func limitsCountTheLineEnd(_ text: String, _ tooLong: Bool) {
        var framer = Framer()
        framer.append(octets(text))
        #expect((framer.line(limit: 4) == .tooLong) == tooLong)
    }

    @Test func countedOctetsAndRests() {
        var framer = Framer()
        framer.append(octets("abc\ndef"))
        #expect(framer.octets(-1) == [])
        #expect(framer.octets(2) == octets("ab"))
        #expect(framer.restOfLine() == octets("c\n"))
        #expect(framer.restOfLine() == octets("def"))
        framer.append(octets("xyz"))
        #expect(framer.octets(.max) == octets("xyz"))
        #expect(framer.rest() == [])
    }

    @Test func tlsIsKnownByItsFirstOctets() {
        var framer = Framer()
        framer.append([0x16])
        #expect(!framer.beginsTLS)
        framer.append([0x03, 0x01])
        #expect(framer.beginsTLS)
    }

    @Test func searchedOctetsAreNotLostWhenContentFollows() {
        var framer = Framer()
        framer.append(octets("abc"))
        #expect(framer.line(limit: 10) == .needsMore)
        #expect(framer.octets(1) == octets("a"))
        framer.append(octets("\n"))
        #expect(framer.line(limit: 10) == .line(octets("bc\n")))
    }
}
