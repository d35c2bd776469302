// How flows begin: SYNs, data of connections whose beginning was not captured, new connections in the place of old
// ones.

import MailDialogue
import MailRecording

extension TCPReassembler {
    /// A segment of endpoints that are not known.
    mutating func begin(
        _ segment: TCPSegment, _ key: FlowKey, _ isLow: Bool, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        if segment.flags.contains(.rst) { return }
        let isSYN = segment.flags.contains(.syn)
        // A bare acknowledgment or FIN of an unknown flow has nothing to tell.
        guard isSYN || segment.length > 0 else { return }
        if checksums == .verify, segment.checksum == .wrong || segment.checksum == .offloaded {
            counters.badChecksums += 1
            return
        }
        makeRoom(time, into: &events)
        let isFromClient: Bool
        if isSYN {
            isFromClient = !segment.flags.contains(.ack)
        } else {
            isFromClient = MailPorts.isClient(segment.source, of: segment.destination)
        }
        flowNumber += 1
        let flow = Flow(
            id: flowNumber, key: key, isClientLow: isFromClient == isLow, isMidstream: !isSYN, time: time)
        let slot = table.insert(flow)
        let side: Side = isFromClient ? .client : .server
        _ = isTrusted(segment, slot, side)
        if isSYN {
            synchronise(slot, side, segment, key, isLow, time, packet, into: &events)
        } else {
            follow(slot, side, segment, time, packet, into: &events)
        }
    }

    /// A SYN of a flow that is known.
    mutating func synchronise(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ key: FlowKey, _ isLow: Bool, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        let isAnswer = segment.flags.contains(.ack)
        let first = segment.sequence &+ 1
        let known = table.streams[table.at(slot, side)]
        let peer = table.streams[table.at(slot, side.other)]
        if known.isKnown, known.origin == first {
            // Sent again, or captured after what follows it.
            table.streams[table.at(slot, side)].hasSYN = true
            if table.streams[table.at(slot, side)].scale == nil {
                table.streams[table.at(slot, side)].scale = segment.windowScale
            }
            table.flows[slot].lastSeen = max(table.flows[slot].lastSeen, time)
            return
        }
        if isAnswer {
            if let new = table.flows[slot].newSYN, new.side == side.other,
                segment.acknowledgment == new.segment.sequence &+ 1
            {
                replace(slot, new, time, into: &events)
                accept(segment, time: time, packet: packet, into: &events)
                return
            }
            // The answer to the SYN, or the first packet of the flow; anything else would not be taken by the client.
            guard !known.isKnown, !peer.isKnown || peer.origin == segment.acknowledgment else {
                counters.outOfWindow += 1
                return
            }
        } else if known.isKnown {
            if table.flows[slot].isOpen {
                // The server decides whether the connection is replaced: a forged SYN must not cut it.
                table.flows[slot].newSYN = Flow.NewSYN(side: side, segment: segment, time: time, packet: packet)
            } else {
                forget(slot)
                begin(segment, key, isLow, time, packet, into: &events)
            }
            return
        }
        table.streams[table.at(slot, side)].isKnown = true
        table.streams[table.at(slot, side)].hasSYN = true
        table.streams[table.at(slot, side)].origin = first
        table.streams[table.at(slot, side)].next = first
        table.streams[table.at(slot, side)].scale = segment.windowScale ?? 0
        table.streams[table.at(slot, side)].window = max(65_535, UInt32(segment.window))
        seen(slot, side, time)
        if isAnswer {
            if !peer.isKnown {
                table.streams[table.at(slot, side.other)].isKnown = true
                table.streams[table.at(slot, side.other)].next = segment.acknowledgment
                table.streams[table.at(slot, side.other)].origin = segment.acknowledgment
            }
            open(slot, into: &events)
        }
        if segment.length > 0 {
            // Data on a SYN (RFC 7413) begin behind it, and make a session of it.
            open(slot, into: &events)
            var data = segment
            data.sequence = first
            data.flags.remove(.syn)
            if !isAnswer { data.flags.remove(.ack) }
            take(slot, side, data, overlap, time, packet, into: &events)
        }
    }

    /// The SYN that was waiting has won: the old flow ends and the new one begins.
    mutating func replace(_ slot: Int, _ new: Flow.NewSYN, _ time: Int64, into events: inout [FlowEvent]) {
        close(slot, .replaced, time, into: &events)
        forget(slot)
        let (key, isLow) = FlowKey.of(new.segment.source, new.segment.destination)
        begin(new.segment, key, isLow, new.time, new.packet, into: &events)
    }

    /// A segment of a flow that has ended.
    mutating func afterEnd(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ key: FlowKey, _ isLow: Bool, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        let known = table.streams[table.at(slot, side)]
        // Case C27: the same endpoints with a new number are a new connection.
        let isNew =
            segment.flags.contains(.syn) && !segment.flags.contains(.rst)
            && !(known.isKnown && known.origin == segment.sequence &+ 1)
        guard isNew || isBehindReset(slot, side, segment) else {
            counters.late += 1
            return
        }
        forget(slot)
        begin(segment, key, isLow, time, packet, into: &events)
        if !isNew, let slot = table.slot(of: key) {
            // It never ended: what was taken for its end was not.
            tell(.reset, slot, side, octets: 0, time, packet, into: &events)
        }
    }

    /// Who is said to have reset the flow sends more of it, long after.
    private func isBehindReset(_ slot: Int, _ side: Side, _ segment: TCPSegment) -> Bool {
        guard let reset = table.flows[slot].wasReset, reset.side == side, segment.length > 0,
            segment.checksum != .wrong, segment.flags.isDisjoint(with: [.syn, .rst])
        else { return false }
        let end = segment.sequence &+ UInt32(truncatingIfNeeded: segment.length)
        let ahead = sequenceDistance(end, from: reset.sequence)
        return ahead > 0 && ahead <= Self.farthest
    }

    mutating func open(_ slot: Int, into events: inout [FlowEvent]) {
        guard !table.flows[slot].isOpen else { return }
        table.flows[slot].isOpen = true
        let flow = table.flows[slot]
        events.append(
            .opened(
                flow: flow.id, client: flow.clientEndpoint, server: flow.serverEndpoint, time: flow.start,
                midstream: flow.isMidstream))
    }

    mutating func seen(_ slot: Int, _ side: Side, _ time: Int64) {
        if time > table.flows[slot].lastSeen { table.flows[slot].lastSeen = time }
        if !table.flows[slot].hasBothSides {
            let client = table.streams[table.at(slot, .client)].hasRightChecksums != nil
            table.flows[slot].hasBothSides = client && table.streams[table.at(slot, .server)].hasRightChecksums != nil
        }
        table.touch(slot, table.flows[slot].hasBothSides ? .live : .tentative)
    }

    /// Whether the receiver would have taken the segment, by its checksum.
    mutating func isTrusted(_ segment: TCPSegment, _ slot: Int, _ side: Side) -> Bool {
        let isRight: Bool
        switch segment.checksum {
        case .right: isRight = true
        case .wrong: isRight = false
        case .offloaded: isRight = false
        case .unknown:
            if table.streams[table.at(slot, side)].hasRightChecksums == nil {
                table.streams[table.at(slot, side)].hasRightChecksums = false
            }
            return true
        }
        let guide = table.streams[table.at(slot, side)].hasRightChecksums
        if guide == nil { table.streams[table.at(slot, side)].hasRightChecksums = isRight }
        if isRight { return true }
        switch checksums {
        case .auto, .recorded: return guide != true
        case .verify: return false
        case .ignore: return true
        }
    }
}
