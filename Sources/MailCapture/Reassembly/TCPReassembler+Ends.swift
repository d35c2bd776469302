// How flows end: RST, time, a full table, the end of the capture.

import MailDialogue
import MailRecording

extension TCPReassembler {
    /// A RST. RFC 9293 §3.10.7.4 with RFC 5961 §3: only the exact next number resets; what the peer acknowledged last
    /// and the end of what is known are taken as well, as octets before the RST may not have been captured.
    mutating func reset(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, into events: inout [FlowEvent]
    ) {
        let stream = table.flows[slot][side]
        let peer = table.flows[slot][side.other]
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
                || stream.last?.end == number)
        guard isExact else {
            counters.strayResets += 1
            return
        }
        if table.flows[slot].isOpen {
            close(slot, .reset, time, into: &events)
        } else {
            forget(slot)
        }
    }

    /// Ends a flow: what waits is given with the holes before it.
    mutating func close(_ slot: Int, _ how: FlowEnd, _ time: Int64, into events: inout [FlowEvent]) {
        guard !table.flows[slot].isClosed else { return }
        guard table.flows[slot].isOpen else {
            // Only a SYN was seen: no connection.
            table.flows[slot].isClosed = true
            return
        }
        if how != .fin {
            for side in Side.allCases {
                while !table.flows[slot].isClosed, believe(slot, side, nil, into: &events) {}
            }
            while table.flows[slot].pendingCost > 0, !table.flows[slot].isClosed {
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
            allPending -= table.flows[slot][side].pendingCost + table.flows[slot][side].doubtfulCost
            allRecent -= table.flows[slot][side].recent.count
            var rest = FlowStream()
            rest.isKnown = table.flows[slot][side].isKnown
            rest.origin = table.flows[slot][side].origin
            rest.hasRightChecksums = table.flows[slot][side].hasRightChecksums
            table.flows[slot][side] = rest
        }
        table.touch(slot, .ended)
        events.append(.closed(flow: table.flows[slot].id, how: how, time: clock(slot, time)))
    }

    /// Takes a flow from the table.
    mutating func forget(_ slot: Int) {
        for side in Side.allCases {
            allPending -= table.flows[slot][side].pendingCost + table.flows[slot][side].doubtfulCost
            allRecent -= table.flows[slot][side].recent.count
        }
        settle(slot)
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
