// The usual packet of the inside of a message, in one step: it is read, put in its place, and followed by the session, and nothing is
// told of it. It exists because most octets of mail are of this kind.

import MailDialogue
import MailRecording

extension SessionTracker {
    /// What the quick way did with a packet.
    enum Quick {
        /// All that there was to do.
        case done
        /// It read the segment, and no more.
        case segment(TCPSegment)
        /// Nothing.
        case other
    }

    /// Flows that are kept at hand.
    private static let mostLately = 1_024

    /// Takes a packet that needs no more than its octets to be followed on.
    mutating func acceptQuickly(
        _ record: CaptureRecord, _ deliver: (SessionBatch) throws -> Void
    ) rethrows -> Quick {
        let plain = record.bytes.withUnsafeBytes { PacketDecoder.plain($0, linkType: record.linkType) }
        guard let plain else { return .other }
        // What comments say comes before the packet.
        guard record.comments.isEmpty,
            let quick = record.bytes.withUnsafeBufferPointer({ octets in
                reassembler?.acceptQuickly(plain, of: octets, time: record.nanoseconds)
            })
        else { return .segment(plain.segment(of: record.bytes)) }
        switch quick {
        case .no: return .segment(plain.segment(of: record.bytes))
        case .acknowledged: return .done
        case .octets(let number, let side, let time):
            guard let flow = flow(number) else { return .done }
            let octets = plain.octets(of: record.bytes)
            guard case .following(let session) = flow.state, !flow.isTurned, session.cover == nil else {
                try take(.bytes(flow: number, side: side, time: time, octets, packet: record.index), flow, deliver)
                return .done
            }
            let count = session.observer.pass(octets, from: side, atNanosecond: time)
            if count < octets.count {
                try hear(octets.dropFirst(count), session, side, time, record.index, deliver)
            }
            return .done
        }
    }

    /// Octets that come next on a side of a session, and of which something may be told. What the long way does with them as an event.
    private mutating func hear(
        _ octets: ArraySlice<UInt8>, _ session: Following, _ side: Side, _ time: Int64, _ packet: Int,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        var batch = batch(session, at: time)
        batch.frame = packet
        session.observer.receiveRest(
            octets, from: side, at: session.observer.clock(time), events: &batch.events, notes: &batch.notes)
        if !batch.isEmpty { batch.passed = session.observer.takePassed() }
        if session.isOnWire, session.observer.book.summary.opaque == .tls { cover(session, batch.notes) }
        try hand(&batch, deliver)
    }

    /// The segment in a packet that is one of TCP.
    mutating func decode(_ record: CaptureRecord) -> TCPSegment? {
        switch decoder.decode(record) {
        case .tcp(let segment): return segment
        case .other: counters.other += 1
        case .fragment: break
        case .malformed: counters.malformed += 1
        case .unknownLinkType(let type):
            counters.undecoded += 1
            counters.undecodedLinkType = type
        }
        return nil
    }

    /// A flow by its number.
    mutating func flow(_ number: Int) -> Flow? {
        if lately.isEmpty { lately = Array(repeating: nil, count: Self.mostLately) }
        let place = number & (Self.mostLately - 1)
        if let flow = lately[place], flow.number == number { return flow }
        guard let flow = flows[number] else { return nil }
        lately[place] = flow
        return flow
    }

    /// Forgets a flow.
    mutating func removeFlow(_ number: Int) -> Flow? {
        let place = number & (Self.mostLately - 1)
        if place < lately.count, lately[place]?.number == number { lately[place] = nil }
        return flows.removeValue(forKey: number)
    }
}
