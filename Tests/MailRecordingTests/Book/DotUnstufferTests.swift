// Transparency is undone the same way however the octets are split.

import MailRecording
import Testing

@Suite struct DotUnstufferTests {
    private func unstuff(_ pieces: [[UInt8]]) -> String {
        var unstuffer = DotUnstuffer()
        var out: [UInt8] = []
        for piece in pieces {
            if let parts = unstuffer.parts(of: piece[...]) {
                for part in parts { out += part }
            } else {
                out += piece
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    @Test(arguments: [
        ("..a\r\nb\r\n", ".a\r\nb\r\n"), ("a\r\n..\r\n...\r\n", "a\r\n.\r\n..\r\n"), ("a\n.b\r\n", "a\n.b\r\n"),
        ("a\r.b\r\n.c", "a\r.b\r\nc"), ("", ""), ("\r\n.\r\r\n.x", "\r\n\r\r\nx"), ("a.\r\n", "a.\r\n"),
    ])
    func everySplitGivesTheSame(_ wire: String, _ plain: String) {
        let octets = Array(wire.utf8)
        #expect(unstuff([octets]) == plain)
        #expect(unstuff(octets.map { [$0] }) == plain)
        for cut in 0...octets.count {
            #expect(unstuff([Array(octets[..<cut]), Array(octets[cut...])]) == plain)
        }
    }

    /// The search goes in blocks of 1,024 octets: nothing may be lost or found twice at their edges.
    @Test func aDotIsFoundWhereverItStands() {
        let line = Array(repeating: UInt8(ascii: "x"), count: 2_100)
        for place in Array(0..<6) + Array(1_015..<1_035) + Array(2_040..<2_060) {
            let plain = line[..<place] + [13, 10, UInt8(ascii: ".")] + line[place...]
            let wire = line[..<place] + [13, 10, UInt8(ascii: "."), UInt8(ascii: ".")] + line[place...]
            #expect(unstuff([Array(wire)]) == String(decoding: plain, as: UTF8.self), "at \(place)")
        }
    }

    @Test func aPieceWithoutAddedDotsIsNotTouched() {
        var unstuffer = DotUnstuffer()
        #expect(unstuffer.parts(of: Array("a\r\nb.c\r\n".utf8)[...]) == nil)
    }
}
