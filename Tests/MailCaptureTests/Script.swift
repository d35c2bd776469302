// Makes segments by hand and collects what reassembly says of them.

import MailCapture
import MailDialogue
import MailRecording

/// A pseudo random sequence that is the same in every run.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &+ 1 }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ state >> 29) &* 0xBF58_476D_1CE4_E5B9
    }
}

/// Two endpoints and their sequence numbers: makes the segments of a connection.
struct Wire {
    var client: IPEndpoint
    var server: IPEndpoint
    /// The next sequence numbers.
    var clientNext: UInt32
    var serverNext: UInt32

    init(port: UInt16 = 25, clientPort: UInt16 = 40_000, client: UInt32 = 1_000, server: UInt32 = 9_000) {
        self.client = IPEndpoint(IPAddress(v4: 0xC000_0201), clientPort)
        self.server = IPEndpoint(IPAddress(v4: 0xC000_0202), port)
        clientNext = client
        serverNext = server
    }

    func segment(
        _ side: Side, _ sequence: UInt32, _ acknowledgment: UInt32?, _ flags: TCPFlags = [], _ text: [UInt8] = [],
        checksum: ChecksumVerdict = .right
    ) -> TCPSegment {
        TCPSegment(
            source: side == .client ? client : server, destination: side == .client ? server : client,
            sequence: sequence, acknowledgment: acknowledgment ?? 0,
            flags: acknowledgment == nil ? flags : flags.union(.ack), payload: text[...], checksum: checksum)
    }

    mutating func handshake() -> [TCPSegment] {
        let syn = segment(.client, clientNext, nil, .syn)
        clientNext &+= 1
        let answer = segment(.server, serverNext, clientNext, .syn)
        serverNext &+= 1
        return [syn, answer, segment(.client, clientNext, serverNext)]
    }

    mutating func say(_ side: Side, _ text: String) -> TCPSegment { say(side, Array(text.utf8)) }

    mutating func say(_ side: Side, _ octets: [UInt8]) -> TCPSegment {
        let made: TCPSegment
        switch side {
        case .client:
            made = segment(.client, clientNext, serverNext, .psh, octets)
            clientNext &+= UInt32(octets.count)
        case .server:
            made = segment(.server, serverNext, clientNext, .psh, octets)
            serverNext &+= UInt32(octets.count)
        }
        return made
    }

    /// A whole dialogue: handshake, ``turns``, close.
    mutating func dialogue() -> [TCPSegment] {
        var out = handshake()
        out.append(say(.server, "220 hi\r\n"))
        out.append(say(.client, "EHLO x\r\n"))
        out.append(say(.server, "250 ok\r\n"))
        out.append(say(.client, "QUIT\r\n"))
        out.append(say(.server, "221 bye\r\n"))
        out.append(finish(.server))
        out.append(acknowledge(.client))
        out.append(finish(.client))
        out.append(acknowledge(.server))
        return out
    }

    /// What ``dialogue()`` says.
    static let turns = ["S: 220 hi\r\n", "C: EHLO x\r\n", "S: 250 ok\r\n", "C: QUIT\r\n", "S: 221 bye\r\n"]

    /// A bare acknowledgment.
    func acknowledge(_ side: Side) -> TCPSegment {
        side == .client ? segment(.client, clientNext, serverNext) : segment(.server, serverNext, clientNext)
    }

    mutating func finish(_ side: Side) -> TCPSegment {
        let made =
            side == .client
            ? segment(.client, clientNext, serverNext, .fin) : segment(.server, serverNext, clientNext, .fin)
        if side == .client { clientNext &+= 1 } else { serverNext &+= 1 }
        return made
    }

    func reset(_ side: Side, at sequence: UInt32? = nil) -> TCPSegment {
        segment(side, sequence ?? (side == .client ? clientNext : serverNext), nil, .rst)
    }
}

/// What was said of one flow.
struct FlowLog: Equatable {
    var client: [UInt8] = []
    var server: [UInt8] = []
    /// The dialogue: runs of octets of a side, as text, with `<n lost>` for holes.
    var turns: [String] = []
    private var lastSide: Side?
    var gaps = 0
    var conflicts: [String] = []
    /// `client window 5 octets in 3`: side, kind, octets, packet.
    var doubts: [String] = []
    var ended: [Side] = []
    var end: FlowEnd?
    var isMidstream = false
    var endpoints = ""
    var times: [Int64] = []

    var clientText: String { String(decoding: client, as: UTF8.self) }
    var serverText: String { String(decoding: server, as: UTF8.self) }

    mutating func add(_ event: FlowEvent) {
        switch event {
        case .opened(_, let client, let server, let time, let midstream):
            endpoints = "\(client) \(server)"
            isMidstream = midstream
            times.append(time)
        case .bytes(_, let side, let time, let octets, _):
            if side == .client { client += octets } else { server += octets }
            extend(side, String(decoding: octets, as: UTF8.self))
            times.append(time)
        case .gap(_, let side, let count, let time):
            gaps += count
            extend(side, "<\(count) lost>")
            times.append(time)
        case .conflict(_, let side, let offset, let other, let taken, let time, _):
            let copy = taken == .first ? "" : "older "
            conflicts.append("\(side) \(offset) \(copy)\(String(decoding: other, as: UTF8.self))")
            times.append(time)
        case .doubt(_, let side, let kind, let octets, let time, let packet):
            doubts.append("\(side) \(kind.rawValue) \(octets) octets in \(packet)")
            times.append(time)
        case .ended(_, let side, let time):
            ended.append(side)
            times.append(time)
        case .closed(_, let how, let time):
            end = how
            times.append(time)
        }
    }

    private mutating func extend(_ side: Side, _ text: String) {
        if lastSide == side, let last = turns.popLast() {
            turns.append(last + text)
        } else {
            turns.append((side == .client ? "C: " : "S: ") + text)
        }
        lastSide = side
    }
}

/// Feeds segments, a millisecond apart, and gives what was said of each flow.
func reassemble(
    _ segments: [TCPSegment], limits: ReassemblyLimits = ReassemblyLimits(), checksums: ChecksumPolicy = .auto,
    overlap: OverlapPolicy = .first, finish: Bool = true, counters: inout ReassemblyCounters
) -> [FlowLog] {
    var reassembler = TCPReassembler(limits: limits, checksums: checksums, overlap: overlap)
    var events: [FlowEvent] = []
    for (index, segment) in segments.enumerated() {
        reassembler.accept(segment, time: Int64(index) * 1_000_000, packet: index + 1, into: &events)
    }
    if finish { reassembler.finish(into: &events) }
    counters = reassembler.counters
    return logs(events)
}

func reassemble(
    _ segments: [TCPSegment], limits: ReassemblyLimits = ReassemblyLimits(), checksums: ChecksumPolicy = .auto,
    overlap: OverlapPolicy = .first, finish: Bool = true
) -> [FlowLog] {
    var counters = ReassemblyCounters()
    return reassemble(
        segments, limits: limits, checksums: checksums, overlap: overlap, finish: finish, counters: &counters)
}

/// The events of each flow, in the order of the flows' first events.
func logs(_ events: [FlowEvent]) -> [FlowLog] {
    var order: [Int] = []
    var byFlow: [Int: FlowLog] = [:]
    for event in events {
        if byFlow[event.flow] == nil { order.append(event.flow) }
        byFlow[event.flow, default: FlowLog()].add(event)
    }
    return order.compactMap { byFlow[$0] }
}
