// Handshakes that do not end, and connections that do not say what they are, take no more memory than a bound, and keep no other connection's from being read.

import MailDialogue
import MailRecording
import Testing

@testable import MailCapture

@Suite struct CommonMemoryTests {
    @Test("Who keeps more than its part gives up when all keep too much, and what it kept is given back")
    func shares() {
        let memory = CommonMemory(most: 1_000)
        let large = CommonMemory.Share(memory)
        #expect(large.keep(900))
        do {
            let small = CommonMemory.Share(memory)
            #expect(small.keep(400))
            #expect(memory.octets == 1_300)
            // It has its part of it, the other has more.
            #expect(!large.keep(901))
            #expect(memory.octets == 400)
            #expect(large.keep(500))
        }
        #expect(memory.octets == 500)
        // Many who keep little: twice the bound at most.
        let many = (0..<100).map { _ in CommonMemory.Share(memory) }
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

    /// Beginnings that never say what they are: text of no protocol, and requests to a proxy whose header section does not end.
    static let beginnings: [(name: String, octets: [UInt8])] = [
        ("text", Array("word ".utf8) + [UInt8](repeating: 0x78, count: 900)),
        ("request", Array("CONNECT a.example:25 HTTP/1.1\r\nA: ".utf8) + [UInt8](repeating: 0x78, count: 8_000)),
    ]

    @Test(
        "Beside thousands of connections that do not say what they are, sessions are found as always",
        arguments: beginnings)
    func floodOfBeginnings(_ name: String, _ octets: [UInt8]) throws {
        let most = CommonMemory.forBeginnings / 8
        let count = 2 * most / octets.count / 100 * 100
        var tracker = SessionTracker()
        tracker.beginnings = CommonMemory(most: most)
        var peak = 0
        var sessions = 0
        var time: Int64 = 1_700_000_000_000_000_000
        for number in 0..<count {
            let isMail = number % 100 == 99
            let client = IPEndpoint(IPAddress(v4: 0x0A00_0001 + UInt32(number)), 40_000)
            let server = IPEndpoint(IPAddress(v4: 0x0B00_0001), isMail ? 4_025 : 8_080)
            var events: [FlowEvent] = [
                .opened(flow: number, client: client, server: server, time: time, midstream: false)
            ]
            if isMail {
                events.append(
                    .bytes(flow: number, side: .server, time: time, Array("220 a ESMTP\r\n".utf8)[...], packet: 1))
                events.append(.bytes(flow: number, side: .client, time: time, Array("EHLO b\r\n".utf8)[...], packet: 2))
            } else {
                events.append(.bytes(flow: number, side: .client, time: time, octets[...], packet: 1))
            }
            time += 1_000
            for event in events { tracker.take(event) { sessions += $0.events.isEmpty ? 0 : 1 } }
            peak = max(peak, tracker.beginnings.octets)
        }
        #expect(tracker.counters.sessions == count / 100)
        #expect(sessions > 0)
        #expect(peak > most / 2)
        #expect(peak <= most + 65_536)
        #expect(tracker.counters.hurried > 0)
    }
}
