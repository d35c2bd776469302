// The bounds of reassembly: floods, octets that wait, segments of no sense at all.

import MailCapture
import MailDialogue
import MailRecording
import Testing

struct ReassemblyBoundsTests {
    /// Case C16: a flood of SYNs does not take the table from live flows.
    @Test func floodOfSYNs() throws {
        var limits = ReassemblyLimits()
        limits.flows = 100
        var live = Wire(clientPort: 1)
        let all = live.dialogue()
        var segments = Array(all[..<5])
        for index in 0..<50_000 {
            var wire = Wire(clientPort: UInt16(2 + index % 60_000))
            wire.client.address = IPAddress(v4: UInt32(index))
            segments.append(wire.handshake()[0])
        }
        segments += all[5...]
        var counters = ReassemblyCounters()
        let flows = reassemble(segments, limits: limits, counters: &counters)
        #expect(flows.count == 1)
        #expect(flows[0].turns == Wire.turns)
        #expect(flows[0].end == .fin)
        #expect(counters.evicted == 0)
    }

    @Test func fullTableEndsTheOldest() {
        var limits = ReassemblyLimits()
        limits.flows = 3
        var segments: [TCPSegment] = []
        for index in 0..<5 {
            var wire = Wire(clientPort: UInt16(2_000 + index))
            segments += wire.handshake()
            segments.append(wire.say(.server, "220 \(index)\r\n"))
        }
        let flows = reassemble(segments, limits: limits)
        #expect(flows.map(\.serverText) == (0..<5).map { "220 \($0)\r\n" })
        #expect(flows.map(\.end) == [.evicted, .evicted, .endOfCapture, .endOfCapture, .endOfCapture])
    }

    /// Case C18: data far ahead is not kept, and changes nothing.
    @Test func farAhead() throws {
        var wire = Wire()
        let all = wire.dialogue()
        let far = wire.segment(.client, 1_000 &+ 1 << 30, nil, [], [UInt8](repeating: 1, count: 1_000))
        var counters = ReassemblyCounters()
        let flow = try #require(reassemble(Array(all[..<5]) + [far] + all[5...], counters: &counters).first)
        #expect(flow.turns == Wire.turns)
        #expect(counters.outOfWindow == 1)
    }

    /// Case C19: what waits is bounded for a flow and for all together; beyond, the hole is given up and told.
    @Test func boundsOfWhatWaits() {
        var limits = ReassemblyLimits()
        limits.flowOctets = 12_000
        limits.allOctets = 100_000 + 100 * ReassemblyLimits.flowCost
        var reassembler = TCPReassembler(limits: limits)
        var events: [FlowEvent] = []
        var packet = 0
        for flow in 0..<100 {
            var wire = Wire(clientPort: UInt16(2_000 + flow))
            var segments = wire.handshake()
            wire.clientNext &+= 1
            for _ in 0..<20 { segments.append(wire.say(.client, [UInt8](repeating: 65, count: 400))) }
            for segment in segments {
                packet += 1
                reassembler.accept(segment, time: Int64(packet), packet: packet, into: &events)
            }
        }
        // 20 segments of 400 octets stay below the bound of a flow, but not of all.
        let before = logs(events)
        #expect(before.count == 100)
        let waiting = before.count { $0.client.isEmpty }
        // Without what flows take themselves 31 could.
        #expect(waiting < 27 && waiting > 5)
        #expect(before.filter { !$0.client.isEmpty }.allSatisfy { $0.gaps == 1 })
        reassembler.finish(into: &events)
        #expect(logs(events).allSatisfy { $0.client.count == 8_000 && $0.gaps == 1 })
        #expect(reassembler.counters.gapOctets == 100)
        #expect(reassembler.openFlows == 0)
    }

    /// Many tiny segments that wait are bounded by their number.
    @Test func tinySegmentsThatWait() throws {
        var wire = Wire()
        var segments = wire.handshake()
        wire.clientNext &+= 1
        var limits = ReassemblyLimits()
        limits.flowSegments = 50
        for index in 0..<200 {
            segments.append(wire.say(.client, [UInt8(index)]))
            wire.clientNext &+= 1
        }
        let flow = try #require(reassemble(segments, limits: limits).first)
        #expect(flow.client == (0..<200).map { UInt8($0) })
        #expect(flow.gaps == 200)
    }

    /// Any segments whatever: events stay in form, and nothing traps.
    @Test func anySegments() {
        for seed in 0..<40 as Range<UInt64> {
            var dice = Dice(seed)
            var limits = ReassemblyLimits()
            limits.flows = 6
            limits.flowOctets = 4_000
            limits.allOctets = 9_000
            var reassembler = TCPReassembler(limits: limits)
            var events: [FlowEvent] = []
            let near: [UInt32] = [0, 1, 100, UInt32.max - 50, 1 << 31, (1 << 31) - 1]
            for packet in 1...3_000 {
                let wire = Wire(clientPort: UInt16(1 + dice.next() % 9))
                let side: Side = dice.next() & 1 == 0 ? .client : .server
                let wild = dice.next() % 20 == 0
                func number() -> UInt32 {
                    let jitter = UInt32(truncatingIfNeeded: dice.next() % 400)
                    return wild ? UInt32(truncatingIfNeeded: dice.next()) : near[Int(seed) % near.count] &+ jitter
                }
                var segment = wire.segment(
                    side, number(), dice.next() % 8 == 0 ? nil : number(),
                    TCPFlags(rawValue: UInt8(truncatingIfNeeded: dice.next() & dice.next() & dice.next())),
                    [UInt8](repeating: UInt8(truncatingIfNeeded: dice.next() % 3), count: Int(dice.next() % 120)))
                if dice.next() % 6 == 0 { segment.checksum = [.wrong, .offloaded, .unknown][Int(dice.next() % 3)] }
                segment.missing = dice.next() % 30 == 0 ? Int(dice.next() % 70_000) : 0
                segment.window = UInt16(truncatingIfNeeded: dice.next())
                let time = wild ? Int64(bitPattern: dice.next()) : Int64(packet) * 1_000
                reassembler.accept(segment, time: time, packet: packet, into: &events)
            }
            reassembler.finish(into: &events)
            var open: Set<Int> = []
            var last = 0
            for event in events {
                switch event {
                case .opened(let flow, _, _, _, _):
                    #expect(!open.contains(flow))
                    open.insert(flow)
                    last = max(last, flow)
                case .closed(let flow, _, _): #expect(open.remove(flow) != nil)
                case .gap(let flow, _, let count, _):
                    #expect(count >= 0)
                    #expect(open.contains(flow))
                case .bytes(let flow, _, _, let octets, _):
                    #expect(!octets.isEmpty)
                    #expect(open.contains(flow))
                case .conflict(let flow, _, _, _, _, _, _), .doubt(let flow, _, _, _, _, _), .ended(let flow, _, _):
                    #expect(open.contains(flow))
                }
            }
            #expect(open.isEmpty)
            #expect(last > 9)
        }
    }
}
