// The captures of others, once more as other networks would have carried them: cut into other segments, out of order,
// repeated, over IPv6, behind VLAN tags, through tunnels. The sessions are the same.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct CaptureVariantsTests {
    /// What is done to the packets of a capture.
    enum Variant: String, CaseIterable, Sendable {
        case asItIs, ipv6, vlan, qinq, vxlan, fragments, cut, octets, repeated, reordered, everything

        var reorders: Bool {
            switch self {
            case .reordered, .everything: true
            case .asItIs, .ipv6, .vlan, .qinq, .vxlan, .fragments, .cut, .octets, .repeated: false
            }
        }
    }

    /// The sessions of each capture are those of the unchanged one.
    @Test(arguments: Variant.allCases) func sessionsStayTheSame(_ variant: Variant) throws {
        var sessions = 0
        for capture in CaseFiles.captures {
            let segments = try Self.segments(CaseFiles.root.appendingPathComponent(capture).path)
            let plain = Reading(PacketMaker().records(segments))
            // What a side said that was not captured has its place by the order of the other's packets alone.
            if variant.reorders, plain.summaries.contains(where: { $0.doubts.contains { $0.kind == .oneSided } }) {
                continue
            }
            for seed in 0..<Self.seeds(variant) {
                var dice = Dice(seed &+ 77)
                let changed = Self.changed(segments, variant, &dice)
                let reading = Reading(Self.packed(changed, variant, &dice))
                let same =
                    reading.sessionLines(doubts: false) == plain.sessionLines(doubts: false)
                    && reading.bodies.sorted(by: Self.isBefore) == plain.bodies.sorted(by: Self.isBefore)
                    && reading.credentials.map(\.fingerprint) == plain.credentials.map(\.fingerprint)
                #expect(
                    same,
                    "\(capture) \(variant.rawValue) \(seed): \(reading.sessionLines()) is not \(plain.sessionLines())")
                #expect(reading.counters.malformed == 0)
                sessions += reading.summaries.count
            }
        }
        #expect(CaseFiles.captures.isEmpty || sessions > 70)
    }

    private static func seeds(_ variant: Variant) -> UInt64 {
        switch variant {
        case .asItIs, .ipv6, .vlan, .qinq, .vxlan, .fragments, .octets: 1
        case .cut, .repeated, .everything: 2
        case .reordered: 4
        }
    }

    private static func isBefore(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }

    /// The segments of a capture, in its order.
    private static func segments(_ path: String) throws -> [TCPSegment] {
        let file = try CaptureFile(path: path)
        var decoder = PacketDecoder()
        var out: [TCPSegment] = []
        while let record = try file.next() {
            if case .tcp(var segment) = decoder.decode(record) {
                segment.payload = Array(segment.payload)[...]
                out.append(segment)
            }
        }
        return out
    }

    private static func changed(_ segments: [TCPSegment], _ variant: Variant, _ dice: inout Dice) -> [TCPSegment] {
        switch variant {
        case .asItIs, .ipv6, .vlan, .qinq, .vxlan, .fragments: segments
        case .cut: cut(segments, pieces: 1...9, &dice)
        case .octets: cut(segments, pieces: 1...1, &dice)
        case .repeated: repeated(segments, &dice)
        case .reordered: reordered(segments, &dice)
        case .everything: reordered(repeated(cut(segments, pieces: 20...400, &dice), &dice), &dice)
        }
    }

    /// Each payload in pieces of so many octets.
    private static func cut(_ segments: [TCPSegment], pieces: ClosedRange<Int>, _ dice: inout Dice) -> [TCPSegment] {
        var out: [TCPSegment] = []
        for segment in segments {
            guard segment.missing == 0, segment.checksum == .right, segment.flags.isDisjoint(with: [.syn, .rst]) else {
                out.append(segment)
                continue
            }
            var rest = segment
            // A large one in not too many.
            let scale = max(1, segment.payload.count / 200)
            while true {
                let count = Int.random(in: pieces, using: &dice) * scale
                guard rest.payload.count > count else { break }
                var piece = rest
                piece.payload = rest.payload.prefix(count)
                piece.flags.subtract([.fin, .psh])
                out.append(piece)
                rest.payload = rest.payload.dropFirst(count)
                rest.sequence &+= UInt32(count)
            }
            out.append(rest)
        }
        return out
    }

    /// A fifth of all that carries something comes again, later.
    private static func repeated(_ segments: [TCPSegment], _ dice: inout Dice) -> [TCPSegment] {
        var out: [(place: Int, order: Int, segment: TCPSegment)] = []
        for (index, segment) in segments.enumerated() {
            out.append((index, out.count, segment))
            if segment.flags.isDisjoint(with: [.syn, .rst]), Int.random(in: 0..<5, using: &dice) == 0 {
                out.append((index + Int.random(in: 0...4, using: &dice), out.count, segment))
            }
        }
        return out.sorted { ($0.place, $0.order) < ($1.place, $1.order) }.map(\.segment)
    }

    /// Each comes up to four places later; what opens and resets a connection stays where it is.
    private static func reordered(_ segments: [TCPSegment], _ dice: inout Dice) -> [TCPSegment] {
        var out: [TCPSegment] = []
        var run: [TCPSegment] = []
        func flush() {
            let places = run.indices.map { $0 + Int.random(in: 0...4, using: &dice) }
            out += run.indices.sorted { (places[$0], $0) < (places[$1], $1) }.map { run[$0] }
            run = []
        }
        for segment in segments {
            if segment.flags.isDisjoint(with: [.syn, .rst]) {
                run.append(segment)
            } else {
                flush()
                out.append(segment)
            }
        }
        flush()
        return out
    }

    private static func packed(_ segments: [TCPSegment], _ variant: Variant, _ dice: inout Dice) -> [CaptureRecord] {
        var maker = PacketMaker()
        switch variant {
        case .asItIs, .cut, .octets, .repeated, .reordered: break
        case .ipv6: maker.isIPv6 = true
        case .vlan: maker.frame = .vlan
        case .qinq: maker.frame = .qinq
        case .vxlan:
            maker.frame = .ethernet
            return maker.records(segments).map { tunnelled($0) }
        case .fragments: return fragmented(segments)
        case .everything:
            maker.frame = .qinq
            maker.isIPv6 = true
        }
        return maker.records(segments)
    }

    private static func tunnelled(_ record: CaptureRecord) -> CaptureRecord {
        var record = record
        let frame = [8, 0, 0, 0, 0, 0, 1, 0] + Array(record.bytes)
        let udp = PacketMaker.big(50_000) + PacketMaker.big(4_789) + PacketMaker.big(UInt16(frame.count + 8)) + [0, 0]
        record.bytes = PacketMaker.ipv4(udp + frame, [10, 0, 0, 1], [10, 0, 0, 2], proto: 17)[...]
        record.linkType = 101
        record.originalLength += 36
        return record
    }

    /// Each packet of IPv4 in fragments of 64 octets.
    private static func fragmented(_ segments: [TCPSegment]) -> [CaptureRecord] {
        let maker = PacketMaker()
        var out: [CaptureRecord] = []
        for (index, record) in maker.records(segments).enumerated() {
            let packet = Array(record.bytes)
            guard segments[index].missing == 0, packet[0] >> 4 == 4, packet.count > 100 else {
                out.append(record)
                continue
            }
            let tcp = Array(packet[20...])
            let id = UInt16(truncatingIfNeeded: index)
            for start in stride(from: 0, to: tcp.count, by: 64) {
                let end = min(start + 64, tcp.count)
                let field = UInt16(start / 8) | (end < tcp.count ? 0x2000 : 0)
                let part = PacketMaker.ipv4(
                    Array(tcp[start..<end]), Array(packet[12..<16]), Array(packet[16..<20]), id: id, fragment: field,
                    hops: packet[8])
                out.append(CaptureRecord(index: out.count + 1, time: record.time, linkType: 101, bytes: part[...]))
            }
        }
        return out
    }
}
