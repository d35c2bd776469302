// How flows end: RST, time, a full table, the end of the capture.

import MailDialogue
import MailRecording

extension TCPReassembler {
    /// A RST. RFC 9293 §3.10.7.4 with RFC 5961 §3: only the exact next number resets; what the peer acknowledged last
    /// and the end of what is known are taken as well, as octets before the RST may not have been captured.
    mutating func reset(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, _ packet: Int, into events: inout [FlowEvent]
    ) {
        let stream = table.streams[table.at(slot, side)]
        let peer = table.streams[table.at(slot, side.other)]
        let isRefusal =
            !table.flows[slot].isOpen && segment.flags.contains(.ack) && peer.hasSYN
            && segment.acknowledgment == peer.origin
        if isRefusal {
            // The connection never was.
            forget(slot)
            return
        }
        let number = segment.sequence
        let isExact =
            stream.isKnown
            && (number == stream.next || number == stream.acknowledged || stream.fin.map { $0 &+ 1 } == number
                || stream.last?.end == number || stream.doubtful.contains { $0.end == number })
        guard isExact else {
            counters.strayResets += 1
            tell(.reset, slot, side, octets: 0, time, packet, into: &events)
            return
        }
        if table.flows[slot].isOpen {
            table.flows[slot].reset = Flow.Reset(side: side, sequence: number, time: time, packet: packet)
            resetting.insert(slot)
        } else {
            forget(slot)
        }
    }

    /// A segment behind a reset of the flow. True when it shows that the reset was not the sender's, or was not taken: then the
    /// flow is as if the reset had not come, and the segment is to be followed.
    ///
    /// Whoever resets a connection sends nothing more of it, and whoever is reset neither, once what was in flight has
    /// passed (RFC 9293 §3.10.7.4). A reset that expires on its way (by its TTL) or that others forged looks the same
    /// as a true one, but for that.
    mutating func goesOn(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ reset: Flow.Reset, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) -> Bool {
        if segment.flags.contains(.rst) {
            counters.late += 1
            return false
        }
        if segment.flags.contains(.syn) {
            // Case C27: the same endpoints are used again.
            let origin = table.streams[table.at(slot, side)].origin
            if segment.sequence &+ 1 == origin, table.streams[table.at(slot, side)].isKnown {
                counters.late += 1
                return false
            }
            close(slot, .reset, reset.time, into: &events)
            return true
        }
        let end = segment.sequence &+ UInt32(truncatingIfNeeded: segment.length)
        if side == reset.side {
            let isBehind = segment.length > 0 && sequenceDistance(end, from: reset.sequence) > 0
            let hasHeard =
                segment.flags.contains(.ack)
                && reset.held.contains { held in
                    let heldEnd = held.segment.sequence &+ UInt32(truncatingIfNeeded: held.segment.length)
                    return held.segment.length > 0 && sequenceDistance(segment.acknowledgment, from: heldEnd) >= 0
                }
            guard isBehind || hasHeard else {
                // Before the reset something was missing, and here it is; or else the reset's place was forged with octets
                // before it.
                let next = table.streams[table.at(slot, side)].next
                if segment.length > 0, sequenceDistance(next, from: reset.sequence) < 0,
                    sequenceDistance(end, from: next) > 0
                {
                    followOrHold(slot, side, segment, time, packet, into: &events)
                } else {
                    counters.late += 1
                }
                return false
            }
        } else {
            let waited = time.subtractingReportingOverflow(reset.time)
            guard segment.length > 0, !waited.overflow, waited.partialValue >= limits.patienceTime else {
                hold(segment, slot, time, packet)
                return false
            }
        }
        dropReset(slot)
        counters.strayResets += 1
        tell(.reset, slot, reset.side, octets: 0, reset.time, reset.packet, into: &events)
        counters.segments -= reset.held.count
        for held in reset.held { accept(held.segment, time: held.time, packet: held.packet, into: &events) }
        return true
    }

    private mutating func dropReset(_ slot: Int) {
        allPending -= table.flows[slot].reset?.cost ?? 0
        table.flows[slot].reset = nil
        resetting.remove(slot)
    }

    private mutating func hold(_ segment: TCPSegment, _ slot: Int, _ time: Int64, _ packet: Int) {
        counters.late += 1
        guard var reset = table.flows[slot].reset, reset.held.count < Flow.Reset.mostHeld,
            reset.octets + segment.payload.count <= Flow.Reset.mostOctets, allPending <= room
        else { return }
        var segment = segment
        segment.payload = Array(segment.payload)[...]
        table.flows[slot].reset = nil
        allPending -= reset.cost
        reset.octets += segment.payload.count
        reset.held.append((segment, time, packet))
        allPending += reset.cost
        table.flows[slot].reset = reset
    }

    /// Ends a flow: what waits is given with the holes before it.
    mutating func close(_ slot: Int, _ how: FlowEnd, _ time: Int64, into events: inout [FlowEvent]) {
        guard !table.flows[slot].isClosed else { return }
        var how = how
        var time = time
        if let reset = table.flows[slot].reset {
            // Nothing spoke against it.
            (how, time) = (.reset, reset.time)
            dropReset(slot)
            table.flows[slot].wasReset = (reset.side, reset.sequence)
        }
        guard table.flows[slot].isOpen else {
            // Only a SYN was seen: no connection.
            table.flows[slot].isClosed = true
            return
        }
        if how != .fin {
            for side in Side.allCases {
                while !table.flows[slot].isClosed, believe(slot, side, nil, into: &events) {}
            }
            while table.pendingCost(slot) > 0, !table.flows[slot].isClosed {
                giveUpHole(slot, time, into: &events)
            }
            while !table.flows[slot].isClosed, hasUnseen(slot) { giveUpHole(slot, time, into: &events) }
            // The last part may have been the second FIN.
            if table.flows[slot].isClosed { return }
        }
        table.flows[slot].isClosed = true
        table.flows[slot].newSYN = nil
        settle(slot)
        for side in Side.allCases {
            allPending -=
                table.streams[table.at(slot, side)].pendingCost + table.streams[table.at(slot, side)].doubtfulCost
            allRecent -= table.streams[table.at(slot, side)].recent.count
            var rest = FlowStream()
            rest.isKnown = table.streams[table.at(slot, side)].isKnown
            rest.origin = table.streams[table.at(slot, side)].origin
            rest.hasRightChecksums = table.streams[table.at(slot, side)].hasRightChecksums
            table.streams[table.at(slot, side)] = rest
        }
        table.touch(slot, .ended)
        events.append(.closed(flow: table.flows[slot].id, how: how, time: clock(slot, time)))
    }

    /// Takes a flow from the table.
    mutating func forget(_ slot: Int) {
        for side in Side.allCases {
            allPending -=
                table.streams[table.at(slot, side)].pendingCost + table.streams[table.at(slot, side)].doubtfulCost
            allRecent -= table.streams[table.at(slot, side)].recent.count
        }
        settle(slot)
        dropReset(slot)
        table.remove(slot)
    }

    /// Case C16: the table is bounded.
    mutating func makeRoom(_ time: Int64, into events: inout [FlowEvent]) {
        while table.count >= max(1, limits.flows) {
            guard let slot = table.oldest(.ended) ?? table.oldest(.tentative) ?? table.oldest(.live) else { return }
            if !table.flows[slot].isClosed {
                if table.flows[slot].isOpen { counters.evicted += 1 }
                close(slot, .evicted, time, into: &events)
            }
            forget(slot)
        }
    }

    /// Once a second of packet time: flows that idled are ended, ended ones forgotten, and those that waited go on.
    mutating func sweep(_ time: Int64, into events: inout [FlowEvent]) {
        let (next, overflow) = time.addingReportingOverflow(Self.sweepInterval)
        nextSweep = overflow ? Int64.max : next
        for slot in stalled.sorted() {
            let waited = time.subtractingReportingOverflow(table.flows[slot].stalledSince)
            if waited.overflow || waited.partialValue >= limits.patienceTime { resolve(slot, time, into: &events) }
        }
        for slot in resetting.sorted() {
            guard let reset = table.flows[slot].reset else { continue }
            let waited = time.subtractingReportingOverflow(reset.time)
            if waited.overflow || waited.partialValue >= limits.resetTime {
                close(slot, .reset, reset.time, into: &events)
            }
        }
        for standing in FlowTable.Standing.allCases {
            let patience = standing == .ended ? limits.lingerTime : limits.idleTime
            while let slot = table.oldest(standing) {
                let idle = time.subtractingReportingOverflow(table.flows[slot].lastSeen)
                guard !idle.overflow, idle.partialValue > patience else { break }
                close(slot, .timeout, table.flows[slot].lastSeen, into: &events)
                forget(slot)
            }
        }
    }
}
