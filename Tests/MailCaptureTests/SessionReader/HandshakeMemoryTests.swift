// Handshakes that do not end take no more memory than a bound, and keep no other connection's from being read.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct HandshakeMemoryTests {
    @Test("Who keeps more than its part gives up when all keep too much, and what it kept is given back")
    func shares() {
        let memory = HandshakeMemory(most: 1_000)
        let large = HandshakeMemory.Share(memory)
        #expect(large.keep(900))
        do {
            let small = HandshakeMemory.Share(memory)
            #expect(small.keep(400))
            #expect(memory.octets == 1_300)
            // It has its part of it, the other has more.
            #expect(!large.keep(901))
            #expect(memory.octets == 400)
            #expect(large.keep(500))
        }
        #expect(memory.octets == 500)
        // Many who keep little: twice the bound at most.
        let many = (0..<100).map { _ in HandshakeMemory.Share(memory) }
        for share in many { share.keep(15) }
        for share in many { share.keep(1_000) }
        #expect(memory.octets <= 2_000)
        large.keep(0)
        for share in many { share.keep(0) }
        #expect(memory.octets == 0)
    }

    @Test("Beside thousands of handshakes that do not end, one that does is read as always, and all of them are listed")
    func flood() throws {
        let sample = try #require(TLSFollowerTests.cases.first)
        // A ClientHello of 60,000 octets, of which 8,000 come.
        let start: [UInt8] = [22, 3, 1, 0x3F, 0xFF, 1, 0, 0xEA, 0x60, 3, 3] + [UInt8](repeating: 0x78, count: 8_000)
        let handshakes = 3_000
        var capture = MadeCapture()
        for _ in 0..<handshakes { capture.add([(.client, start)], port: 993, closes: false) }
        capture.add(sample.sample.turns, port: 993)
        let reading = try capture.read()
        #expect(reading.summaries.count == handshakes + 1)
        let found = reading.summaries.filter { $0.info.tls?.cipher == sample.cipher }
        #expect(found.count == 1)
    }
}
