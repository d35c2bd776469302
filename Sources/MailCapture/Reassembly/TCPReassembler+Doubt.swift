// Segments whose checksum is wrong though their sender has right ones, or whose TTL is another one than that of their sender's others:
// were they taken by the receiver or not?

import MailDialogue
import MailRecording

extension TCPReassembler {
    /// Keeps a segment with a wrong checksum until the peer's acknowledgment shows that it was taken after all.
    mutating func doubt(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, _ packet: Int, into events: inout [FlowEvent]
    ) {
        // A reset or an end that receivers do not take.
        let isLeftOut = checksums == .verify || checksums == .recorded || !segment.flags.isDisjoint(with: [.syn, .rst])
        if isLeftOut, table.flows[slot].isOpen {
            tell(.checksum, slot, side, octets: segment.length, time, packet, into: &events)
        }
        guard checksums == .auto, !table.flows[slot].isClosed, segment.length > 0,
            segment.flags.isDisjoint(with: [.syn, .rst]), table.streams[table.at(slot, side)].isKnown
        else { return }
        let before = table.streams[table.at(slot, side)].doubtfulCost
        table.streams[table.at(slot, side)].doubt(DoubtfulSegment(segment: segment, time: time, packet: packet))
        allPending += table.streams[table.at(slot, side)].doubtfulCost - before
        table.touch(slot, table.flows[slot].hasBothSides ? .live : .tentative)
        // Where nobody acknowledges there is nothing to judge by.
        while !table.flows[slot].isClosed, table.streams[table.at(slot, side)].hasTooMuchDoubt || allPending > room,
            believe(slot, side, nil, into: &events)
        {}
    }

    /// Keeps a segment whose TTL is far from that of the side's others until the peer's acknowledgment shows that it came to
    /// the receiver: one that expires on its way is seen by those who look on before, and by nobody else. Where the
    /// route changed the octets come a little later.
    /// - Returns: false when it is to be followed at once, as nobody will tell or as it is of our own making.
    mutating func holdFar(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, _ packet: Int, into events: inout [FlowEvent]
    ) -> Bool {
        guard segment.length > 0 || segment.flags.contains(.fin) else { return false }
        guard checksums != .recorded, table.flows[slot].isOpen, table.flows[slot].hasBothSides,
            table.streams[table.at(slot, side)].isKnown
        else {
            // Nobody can say which of them came to the receiver: the more numerous did.
            table.streams[table.at(slot, side)].voteAgainst(segment.hopLimit)
            return false
        }
        // The oldest goes, not the next: by now its place may have been taken by another.
        while table.streams[table.at(slot, side)].hasTooMuchDoubt || allPending > room {
            guard believe(slot, side, nil, into: &events) else { return false }
            // With it both sides may have come to their end.
            guard !table.flows[slot].isClosed else { return true }
        }
        let before = table.streams[table.at(slot, side)].doubtfulCost
        table.streams[table.at(slot, side)].doubt(
            DoubtfulSegment(segment: segment, time: time, packet: packet, isFar: true))
        allPending += table.streams[table.at(slot, side)].doubtfulCost - before
        seen(slot, side, time)
        return true
    }

    /// The peer has acknowledged up to `number`: what it covers was taken, unless other segments hold its place.
    mutating func clearDoubt(_ slot: Int, _ side: Side, _ number: UInt32, into events: inout [FlowEvent]) {
        while !table.flows[slot].isClosed, believe(slot, side, number, into: &events) {}
    }

    /// Takes the first doubtful segment up to an acknowledgment, or of all, as if its checksum were right.
    mutating func believe(
        _ slot: Int, _ side: Side, _ number: UInt32?, into events: inout [FlowEvent]
    ) -> Bool {
        let before = table.streams[table.at(slot, side)].doubtfulCost
        guard let part = table.streams[table.at(slot, side)].popDoubtful(acknowledged: number) else { return false }
        allPending += table.streams[table.at(slot, side)].doubtfulCost - before
        believe(slot, side, part, isAcknowledged: number != nil, into: &events)
        return true
    }

    /// Takes the first doubtful segment of a hole before what waits.
    mutating func believe(
        _ slot: Int, _ side: Side, inHoleOf count: Int, into events: inout [FlowEvent]
    ) -> Bool {
        let before = table.streams[table.at(slot, side)].doubtfulCost
        guard let part = table.streams[table.at(slot, side)].popDoubtful(inHoleOf: count) else { return false }
        allPending += table.streams[table.at(slot, side)].doubtfulCost - before
        believe(slot, side, part, isAcknowledged: false, into: &events)
        return true
    }

    private mutating func believe(
        _ slot: Int, _ side: Side, _ part: DoubtfulSegment, isAcknowledged: Bool, into events: inout [FlowEvent]
    ) {
        open(slot, into: &events)
        if part.segment.flags.contains(.ack), table.streams[table.at(slot, side.other)].isKnown {
            let ahead = sequenceDistance(
                part.segment.acknowledgment, from: table.streams[table.at(slot, side.other)].next)
            if ahead <= Self.farthest {
                allRecent -= table.streams[table.at(slot, side.other)].recent.count
                table.streams[table.at(slot, side.other)].acknowledge(part.segment.acknowledgment, &spares)
                allRecent += table.streams[table.at(slot, side.other)].recent.count
            }
        }
        let conflicts = counters.conflicts
        let stream = table.streams[table.at(slot, side)]
        var segment = part.segment
        let end = segment.sequence &+ UInt32(truncatingIfNeeded: segment.length)
        // An end alone is no octet that somebody should have heard of.
        let isUnheard =
            !isAcknowledged && sequenceDistance(end, from: stream.next) > 0
            && !(stream.acknowledged.map { sequenceDistance($0, from: end) >= 0 } ?? false)
        // The side went on behind this end of its stream, or ended elsewhere.
        var isNoEnd = false
        if part.isFar, segment.flags.contains(.fin) {
            let reach =
                stream.last.map { sequenceDistance($0.end, from: end) } ?? sequenceDistance(stream.next, from: end)
            isNoEnd = stream.fin.map { $0 != end } ?? (reach > 0)
            if isNoEnd { segment.flags.remove(.fin) }
        }
        // It came to the receiver, and no other segment brought these octets.
        if part.isFar, isAcknowledged, sequenceDistance(end, from: stream.next) > 0, stream.pendingCount == 0 {
            table.streams[table.at(slot, side)].voteAgainst(segment.hopLimit)
        }
        // What is in doubt does not replace what is not, whichever copy counts otherwise.
        take(slot, side, segment, .first, part.time, part.packet, into: &events)
        if part.isFar, counters.conflicts > conflicts || isUnheard || isNoEnd {
            tell(.ttl, slot, side, octets: segment.length, part.time, part.packet, into: &events)
        }
    }
}
