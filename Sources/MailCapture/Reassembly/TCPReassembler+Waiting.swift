// What waits in a flow: for octets before it, or for what the sender had from its peer. And the end of patience.

import MailDialogue
import MailRecording

extension TCPReassembler {
    /// Delivers what nothing is missing before. Of the two sides the part that was captured first goes first.
    mutating func deliver(_ slot: Int, ignoringOrder: Bool = false, into events: inout [FlowEvent]) {
        while table.pendingCost(slot) > 0 {
            let client = ready(slot, .client, ignoringOrder)
            let server = ready(slot, .server, ignoringOrder)
            let side: Side
            switch (client, server) {
            case (nil, nil): return
            case (_?, nil): side = .client
            case (nil, _?): side = .server
            case (let client?, let server?): side = client <= server ? .client : .server
            }
            deliverFirst(slot, side, into: &events)
            if table.streams[table.at(slot, .client)].isFinished, table.streams[table.at(slot, .server)].isFinished {
                close(slot, .fin, table.flows[slot].eventTime, into: &events)
                return
            }
            if ignoringOrder { return deliver(slot, into: &events) }
        }
    }

    /// The packet number of the part that may be delivered next.
    func ready(_ slot: Int, _ side: Side, _ ignoringOrder: Bool) -> Int? {
        guard table.streams[table.at(slot, side)].isReady,
            ignoringOrder || isFree(table.streams[table.at(slot, side)].firstAcknowledgment, slot, side)
        else { return nil }
        return table.streams[table.at(slot, side)].firstPacket
    }

    mutating func deliverFirst(_ slot: Int, _ side: Side, into events: inout [FlowEvent]) {
        guard let part = table.streams[table.at(slot, side)].popFirst() else { return }
        allPending -= part.cost
        switch part.content {
        case .octets(let octets): give(slot, side, octets[...], part.time, part.packet, into: &events)
        case .lost(let count): lose(slot, side, count, part.time, into: &events)
        case .fin:
            table.streams[table.at(slot, side)].isFinished = true
            table.streams[table.at(slot, side)].next &+= 1
            events.append(.ended(flow: table.flows[slot].id, side: side, time: clock(slot, part.time)))
        }
    }

    /// Octets wait for others that the peer has acknowledged: those were not captured, or come late.
    func isStalled(_ slot: Int) -> Bool {
        hasUnseen(slot) || table.streams[table.at(slot, .client)].isReady
            || table.streams[table.at(slot, .server)].isReady
    }

    mutating func judgeStall(_ slot: Int, _ time: Int64, into events: inout [FlowEvent]) {
        let isIdle = table.pendingCost(slot) == 0 && table.flows[slot].stalledPackets == 0
        if isIdle, !hasUnseen(slot) { return }
        guard isStalled(slot) else {
            if table.flows[slot].stalledPackets > 0 { settle(slot) }
            return
        }
        if table.flows[slot].stalledPackets == 0 {
            table.flows[slot].stalledSince = time
            stalled.insert(slot)
        }
        table.flows[slot].stalledPackets += 1
        let isSilent =
            table.streams[table.at(slot, .client)].isSilent
            && table.streams[table.at(slot, .client)].hasAcknowledgedHole
            || table.streams[table.at(slot, .server)].isSilent
                && table.streams[table.at(slot, .server)].hasAcknowledgedHole
        let waited = time.subtractingReportingOverflow(table.flows[slot].stalledSince)
        if isSilent || table.flows[slot].stalledPackets > limits.patiencePackets || waited.overflow
            || waited.partialValue >= limits.patienceTime
        {
            resolve(slot, time, into: &events)
        }
    }

    /// A side has acknowledged what was not captured.
    @inline(__always)
    func hasUnseen(_ slot: Int) -> Bool {
        table.streams[table.at(slot, .client)].hasAcknowledgedHole
            || table.streams[table.at(slot, .server)].hasAcknowledgedHole
    }

    mutating func settle(_ slot: Int) {
        table.flows[slot].stalledPackets = 0
        stalled.remove(slot)
    }

    /// Patience is over: holes are given up until nothing waits for what the peer has.
    mutating func resolve(_ slot: Int, _ time: Int64, into events: inout [FlowEvent]) {
        while !table.flows[slot].isClosed, isStalled(slot) { giveUpHole(slot, time, into: &events) }
        settle(slot)
    }

    /// Gives up one hole and delivers what it held back: an acknowledged one, else the one before the part that waits
    /// longest. Always delivers or skips something while anything waits.
    mutating func giveUpHole(_ slot: Int, _ time: Int64, into events: inout [FlowEvent]) {
        // Values only: a copy of a stream would share its arrays while they change.
        let side: Side
        switch (
            table.streams[table.at(slot, .client)].hasAcknowledgedHole,
            table.streams[table.at(slot, .server)].hasAcknowledgedHole
        ) {
        case (true, false): side = .client
        case (false, true): side = .server
        case (true, true), (false, false):
            let client = table.streams[table.at(slot, .client)].firstPacket ?? Int.max
            side = client <= table.streams[table.at(slot, .server)].firstPacket ?? Int.max ? .client : .server
        }
        let next = table.streams[table.at(slot, side)].next
        var count =
            table.streams[table.at(slot, side)].firstSequence.map { sequenceDistance($0, from: next) } ?? Int.max
        if let acknowledged = table.streams[table.at(slot, side)].acknowledged,
            table.streams[table.at(slot, side)].hasAcknowledgedHole
        {
            count = min(count, sequenceDistance(acknowledged, from: next))
            // Only as far as the next part of the peer asks, so that the order of the dialogue stays.
            if table.streams[table.at(slot, side.other)].isReady,
                let asked = table.streams[table.at(slot, side.other)].firstAcknowledgment
            {
                let reach = sequenceDistance(asked, from: next)
                if reach > 0 { count = min(count, reach) }
            }
        }
        if count > 0, count < Int.max {
            // Octets with a wrong checksum are likelier than none. Those of elsewhere wait on.
            if believe(slot, side, inHoleOf: count, into: &events) { return }
            lose(slot, side, count, time, into: &events)
            table.streams[table.at(slot, side)].isSilent = true
            deliver(slot, into: &events)
            return
        }
        // No hole: the two sides wait for each other, as no honest pair does.
        let before = table.pendingCost(slot)
        deliver(slot, ignoringOrder: true, into: &events)
        if !table.flows[slot].isClosed, table.pendingCost(slot) == before {
            deliverFirst(
                slot, table.streams[table.at(slot, .client)].firstPacket == nil ? .server : .client, into: &events)
        }
    }
}
