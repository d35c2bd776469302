// Segments whose checksum is wrong though their sender has right ones: were they taken by the receiver or not?

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
            segment.flags.isDisjoint(with: [.syn, .rst]), table.flows[slot][side].isKnown
        else { return }
        let before = table.flows[slot][side].doubtfulCost
        table.flows[slot][side].doubt(DoubtfulSegment(segment: segment, time: time, packet: packet))
        allPending += table.flows[slot][side].doubtfulCost - before
        table.touch(slot, table.flows[slot].hasBothSides ? .live : .tentative)
        // Where nobody acknowledges there is nothing to judge by.
        while !table.flows[slot].isClosed, table.flows[slot][side].hasTooMuchDoubt || allPending > limits.allOctets,
            believe(slot, side, nil, into: &events)
        {}
    }

    /// The peer has acknowledged up to `number`: what it covers was taken, unless other segments hold its place.
    mutating func clearDoubt(_ slot: Int, _ side: Side, _ number: UInt32, into events: inout [FlowEvent]) {
        while !table.flows[slot].isClosed, believe(slot, side, number, into: &events) {}
    }

    /// Takes the first doubtful segment up to an acknowledgment, or of all, as if its checksum were right.
    mutating func believe(
        _ slot: Int, _ side: Side, _ number: UInt32?, into events: inout [FlowEvent]
    ) -> Bool {
        let before = table.flows[slot][side].doubtfulCost
        guard let part = table.flows[slot][side].popDoubtful(acknowledged: number) else { return false }
        allPending += table.flows[slot][side].doubtfulCost - before
        open(slot, into: &events)
        if part.segment.flags.contains(.ack), table.flows[slot][side.other].isKnown {
            let ahead = sequenceDistance(part.segment.acknowledgment, from: table.flows[slot][side.other].next)
            if ahead <= Self.farthest {
                allRecent -= table.flows[slot][side.other].recent.count
                table.flows[slot][side.other].acknowledge(part.segment.acknowledgment)
                allRecent += table.flows[slot][side.other].recent.count
            }
        }
        take(slot, side, part.segment, part.time, part.packet, into: &events)
        return true
    }
}
