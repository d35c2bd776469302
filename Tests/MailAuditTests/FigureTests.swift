// The figures: what is drawn adds up, whatever the numbers are.

import MailRecording
import Testing

@testable import MailAudit

@Suite struct FigureTests {
    @Test func slotsAreFewAndLoseNothing() {
        for spread: Int64 in [1, 7, 3_600, 86_400 * 3, 86_400 * 400, 4_000_000_000] {
            let buckets = (0..<500).map { number in
                AuditBucket(
                    start: 1_700_000_000_000_000 + Int64(number) * spread * 1_000_000 / 500, clearOctets: 1,
                    tlsOctets: 2,
                    sessions: 3, clearSessions: 1)
            }
            let slots = TimeSlots(buckets)
            #expect((1...TimeSlots.most).contains(slots.slots.count), "\(spread)")
            #expect(slots.slots.reduce(0) { $0 + $1.sessions } == 1_500, "\(spread)")
            #expect(slots.slots.reduce(0) { $0 + $1.tlsOctets } == 1_000, "\(spread)")
            #expect(!slots.widthText.isEmpty)
        }
    }

    /// Not on a day of 2008, as multiples of a year since 1970 have it.
    @Test func longStretchesBeginWithTheFirstDay() {
        let slots = TimeSlots([
            AuditBucket(start: 1_254_722_767_000_000, sessions: 1),
            AuditBucket(start: 1_437_831_787_000_000, sessions: 1),
        ])
        #expect(slots.widthText == "1 year" && slots.slots.count == 6)
        #expect(slots.slots.first.map { slots.label($0.start) } == "2009-10-05")
        #expect(slots.slots.map(\.sessions) == [1, 0, 0, 0, 0, 1])
    }

    @Test func timesThatNoClockHasAreDrawn() {
        let buckets = [Int64.min + 1, -5, 0, 1_700_000_000_000_000, Int64.max - 1].map {
            AuditBucket(start: $0, sessions: 1)
        }
        let slots = TimeSlots(buckets)
        #expect((1...TimeSlots.most).contains(slots.slots.count))
        #expect(slots.slots.reduce(0) { $0 + $1.sessions } == 5)
        #expect(TimeSlots([]).slots.isEmpty)
    }

    @Test func aScaleHoldsItsNumbersAndItsHalfIsWhole() {
        for number in [0, 1, 2, 3, 5, 9, 11, 99, 100, 101, 12_345, 999_999_999] {
            let top = NiceScale.top(number)
            #expect(top >= max(1, number) && top % 2 == 0, "\(number)")
            #expect(top <= max(2, number * 3), "\(number)")
        }
        #expect(NiceScale.top(Int.max) > 0)
    }

    @Test func manyHostsAreSummedUp() {
        let edges = (0..<100).flatMap { client in
            (0..<30).map { server -> AuditEdge in
                AuditEdge(
                    client: IPAddress(v4: 0x0A00_0000 + UInt32(client)),
                    server: IPEndpoint(ip: IPAddress(v4: 0x0A01_0000 + UInt32(server)), port: 143), mailProtocol: .imap,
                    clear: client, tls: 1)
            }
        }
        let graph = HostGraph(edges)
        #expect(graph.clients.count == HostGraph.most && graph.servers.count == HostGraph.most)
        #expect(graph.clients.last?.name == "81 other clients" && graph.servers.last?.name == "11 other servers")
        let clear = graph.edges.map(\.clear).reduce(0, +)
        let tls = graph.edges.map(\.tls).reduce(0, +)
        let sessions = graph.clients.map(\.sessions).reduce(0, +)
        #expect(tls == 3_000 && sessions == clear + tls)
        // Each of 30 servers has the sum of 0 to 99.
        #expect(clear == 30 * 4_950)
        #expect(HostGraph([]).edges.isEmpty)
    }

    @Test func longNamesKeepBothEnds() {
        #expect(SVG.short("short", 10) == "short")
        let name = SVG.short("Donaudampfschifffahrtsgesellschaft@example.com", 21)
        #expect(name.count == 21 && name.hasPrefix("Donaudampf") && name.hasSuffix("xample.com"))
        #expect(SVG.short("\u{202E}evil", 40) == "\\u{202e}evil")
    }
}
