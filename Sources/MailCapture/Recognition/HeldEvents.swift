// The events at the beginning of a connection, kept until it is known what it speaks. Octets are kept once, with those of their side,
// as many connections may wait at a time (case C19).

import MailDialogue
import MailRecording

/// Events in order. The octets of each side are kept by whoever reads them, one behind the other.
struct HeldEvents: Sendable {
    private enum Held: Sendable {
        case octets(Side, count: Int, time: Int64, packet: Int)
        indirect case other(FlowEvent)
    }

    /// Pieces that are kept apart, however small. From then on a small one is joined to the one before it of the same side, and has its
    /// time and packet: who sends single octets does not make a connection dear, and is read as if it had sent them at once.
    private static let mostPieces = 512
    /// Octets of a piece that is kept apart in any case.
    private static let largePiece = 16

    /// Octets of memory that a piece takes beside its own, and an event of another kind.
    private static let pieceCost = 48
    private static let bareCost = 192

    private var held: [Held] = []
    private var flow = 0
    private var otherOctets = 0

    /// Events without octets.
    private(set) var bareCount = 0

    /// What is kept apart.
    var count: Int { held.count }

    /// Octets of memory for that, without those of the sides.
    var cost: Int { held.count &* Self.pieceCost &+ bareCount &* (Self.bareCost - Self.pieceCost) &+ otherOctets }

    /// Takes an event; its octets are not kept.
    mutating func append(_ event: FlowEvent) {
        switch event {
        case .bytes(let flow, let side, let time, let octets, let packet):
            self.flow = flow
            if held.count >= Self.mostPieces, octets.count < Self.largePiece,
                case .octets(side, let before, let time, let packet)? = held.last
            {
                held[held.count - 1] = .octets(side, count: before + octets.count, time: time, packet: packet)
            } else {
                held.append(.octets(side, count: octets.count, time: time, packet: packet))
            }
        case .opened, .gap, .conflict, .doubt, .ended, .closed:
            if case .conflict(_, _, _, let other, _, _, _) = event { otherOctets += other.count }
            held.append(.other(event.kept))
            bareCount += 1
        }
    }

    /// Gives the events, once.
    /// - Parameters:
    ///   - client: all octets of the client that were taken.
    ///   - server: those of the server.
    ///   - clientStart: how many octets of the client are left out.
    ///   - serverStart: how many of the server.
    mutating func take(
        client: [UInt8], server: [UInt8], from clientStart: Int = 0, _ serverStart: Int = 0
    ) -> [FlowEvent] {
        defer { self = HeldEvents() }
        var (clientAt, serverAt) = (0, 0)
        return held.compactMap { held in
            switch held {
            case .other(let event): return event
            case .octets(.client, let count, let time, let packet):
                let rest = Self.part(client, clientAt, count, clientStart)
                clientAt += count
                return rest.map { .bytes(flow: flow, side: .client, time: time, $0, packet: packet) }
            case .octets(.server, let count, let time, let packet):
                let rest = Self.part(server, serverAt, count, serverStart)
                serverAt += count
                return rest.map { .bytes(flow: flow, side: .server, time: time, $0, packet: packet) }
            }
        }
    }

    /// A piece without what lies before `start`; nil when all of it does.
    private static func part(_ octets: [UInt8], _ at: Int, _ count: Int, _ start: Int) -> ArraySlice<UInt8>? {
        let skipped = max(start - at, 0)
        guard skipped < count || skipped == 0 else { return nil }
        return octets.dropFirst(at + skipped).prefix(count - skipped)
    }
}
