// TCP reassembly: segments in the order of the capture in, the octets of both sides of every connection in the order in
// which they took effect out. Pure: times come with the packets.

import MailDialogue
import MailRecording

/// Reassembles TCP connections. Where segments overlap and differ, ``overlap`` says which wins, and the difference is told.
package struct TCPReassembler: Sendable {
    package let limits: ReassemblyLimits
    package let checksums: ChecksumPolicy
    package let overlap: OverlapPolicy
    package internal(set) var counters = ReassemblyCounters()

    var table = FlowTable()
    var flowNumber = 0
    /// What waits in all flows together.
    var allPending = 0
    /// What is kept of delivered octets, in all flows together.
    var allRecent = 0
    var spares = SpareRooms()
    /// Slots of flows in which octets wait for others that the peer has.
    var stalled: Set<Int> = []
    /// Slots of flows with a reset that is not yet believed.
    var resetting: Set<Int> = []
    var nextSweep = Int64.min

    /// Octets that are kept to compare repetitions with, in all flows together.
    static let mostRecent = 8 << 20
    /// Flows up to which each side keeps space for such octets while it has none: 1 KiB that nothing counts.
    static let mostWithSpace = 1_024
    /// The window of a sender whose scale is not known (RFC 7323 §2.3: at most 14).
    static let unknownScale: UInt32 = 14
    /// Segments beyond the window, each at the end of the one before, after which the place is taken to be there.
    static let strayRun = 8
    /// An acknowledgment farther ahead is none (RFC 7323 §2.3: a window is below 1 GiB).
    static let farthest = 1 << 30
    /// Nanoseconds between looks for flows that have waited or idled long enough.
    static let sweepInterval: Int64 = 1_000_000_000

    package init(
        limits: ReassemblyLimits = ReassemblyLimits(), checksums: ChecksumPolicy = .auto,
        overlap: OverlapPolicy = .first
    ) {
        self.limits = limits
        self.checksums = checksums
        self.overlap = overlap
    }

    /// Flows that have not ended.
    package var openFlows: Int { table.slotsInOrder.count { table.flows[$0].isOpen && !table.flows[$0].isClosed } }

    /// Takes a segment and appends what it causes to `events`.
    /// - Parameters:
    ///   - time: nanoseconds since 1970 at which the packet was captured.
    ///   - packet: its number.
    package mutating func accept(
        _ segment: TCPSegment, time: Int64, packet: Int, into events: inout [FlowEvent]
    ) {
        counters.segments += 1
        if time >= nextSweep { sweep(time, into: &events) }
        let (key, isLow) = FlowKey.of(segment.source, segment.destination)
        guard let slot = table.slot(of: key) else {
            begin(segment, key, isLow, time, packet, into: &events)
            return
        }
        let side: Side = table.flows[slot].isClientLow == isLow ? .client : .server
        switch followQuickly(slot, side, segment, time) {
        case .no: break
        case .acknowledged: return
        case .octets(let eventTime, kept: _):
            events.append(
                .bytes(flow: table.flows[slot].id, side: side, time: eventTime, segment.payload, packet: packet))
            return
        }
        guard isTrusted(segment, slot, side) else {
            counters.badChecksums += 1
            doubt(slot, side, segment, time, packet, into: &events)
            return
        }
        guard !table.flows[slot].isClosed else {
            afterEnd(slot, side, segment, key, isLow, time, packet, into: &events)
            return
        }
        if let reset = table.flows[slot].reset {
            guard goesOn(slot, side, segment, reset, time, packet, into: &events) else { return }
            counters.segments -= 1
            accept(segment, time: time, packet: packet, into: &events)
        } else if segment.flags.contains(.rst) {
            self.reset(slot, side, segment, time, packet, into: &events)
        } else if segment.flags.contains(.syn) {
            synchronise(slot, side, segment, key, isLow, time, packet, into: &events)
        } else if let new = table.flows[slot].newSYN, new.side == side, segment.flags.contains(.ack),
            segment.sequence == new.segment.sequence &+ 1, segment.sequence != table.streams[table.at(slot, side)].next
        {
            // The client goes on where the new SYN said: the server took it, though its answer was not seen.
            replace(slot, new, time, into: &events)
            accept(segment, time: time, packet: packet, into: &events)
        } else {
            followOrHold(slot, side, segment, time, packet, into: &events)
        }
    }

    /// What ``acceptQuickly(_:of:time:)`` did with a segment.
    package enum Quick {
        /// Nothing: it is for ``accept(_:time:packet:into:)``.
        case no
        /// It caused nothing.
        case acknowledged
        /// Its payload comes next on a side, at this time.
        case octets(flow: Int, side: Side, time: Int64)
    }

    /// Takes a segment that causes one event at most: the usual one in the middle of a flow.
    /// - Parameter packet: the octets that it was read from.
    package mutating func acceptQuickly(
        _ segment: PlainSegment, of packet: UnsafeBufferPointer<UInt8>, time: Int64
    ) -> Quick {
        guard time < nextSweep, segment.flags.subtracting(.psh) == .ack else { return .no }
        let (key, isLow) = FlowKey.of(segment.source, segment.destination)
        guard let slot = table.recentSlot(of: key) else { return .no }
        let side: Side = table.flows[slot].isClientLow == isLow ? .client : .server
        let quick = QuickSegment(
            sequence: segment.sequence, acknowledgment: segment.acknowledgment, window: segment.window,
            hopLimit: segment.hopLimit, payload: UnsafeBufferPointer(rebasing: packet[segment.payload]))
        prepareSpares()
        let done = table.followQuickly(slot, side, quick, time, &spares)
        count(done, slot)
        switch done {
        case .no: return .no
        case .acknowledged:
            counters.segments += 1
            return .acknowledged
        case .octets(let eventTime, kept: _):
            counters.segments += 1
            return .octets(flow: table.flows[slot].id, side: side, time: eventTime)
        }
    }

    private mutating func followQuickly(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64
    ) -> Flow.Quick {
        prepareSpares()
        let quick = table.followQuickly(slot, side, segment, time, checksums, &spares)
        count(quick, slot)
        return quick
    }

    private mutating func count(_ quick: Flow.Quick, _ slot: Int) {
        switch quick {
        case .no: break
        case .acknowledged(let kept), .octets(time: _, let kept):
            allRecent += kept
            table.touch(slot, .live)
        }
    }

    /// Takes a segment and gives what it causes.
    package mutating func accept(_ segment: TCPSegment, time: Int64, packet: Int) -> [FlowEvent] {
        var events: [FlowEvent] = []
        accept(segment, time: time, packet: packet, into: &events)
        return events
    }

    /// It is `time` now: flows that waited or idled too long go on or end. For live captures, in which no packet may
    /// come.
    package mutating func advance(to time: Int64, into events: inout [FlowEvent]) {
        if time >= nextSweep { sweep(time, into: &events) }
    }

    /// The capture has ended: all that waits is given with the holes before it, and every flow ends.
    package mutating func finish(into events: inout [FlowEvent]) {
        for slot in table.slotsInOrder {
            if !table.flows[slot].isClosed { close(slot, .endOfCapture, table.flows[slot].lastSeen, into: &events) }
            forget(slot)
        }
    }

    // MARK: The middle

    /// A segment without SYN and RST: it is followed, or waits until it is known to have arrived.
    mutating func followOrHold(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, _ packet: Int, into events: inout [FlowEvent]
    ) {
        if table.streams[table.at(slot, side)].vote(segment.hopLimit)
            || !holdFar(slot, side, segment, time, packet, into: &events)
        {
            follow(slot, side, segment, time, packet, into: &events)
        }
    }

    /// A segment without SYN and RST of a flow that goes on.
    mutating func follow(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, _ packet: Int, into events: inout [FlowEvent]
    ) {
        if !table.streams[table.at(slot, side)].isKnown {
            table.streams[table.at(slot, side)].isKnown = true
            table.streams[table.at(slot, side)].next = segment.sequence
            table.streams[table.at(slot, side)].origin = segment.sequence
        }
        let hasACK = segment.flags.contains(.ack)
        if hasACK, !table.streams[table.at(slot, side.other)].isKnown {
            table.streams[table.at(slot, side.other)].isKnown = true
            table.streams[table.at(slot, side.other)].next = segment.acknowledgment
            table.streams[table.at(slot, side.other)].origin = segment.acknowledgment
        }
        seen(slot, side, time)
        open(slot, into: &events)
        if segment.hasFragmentConflict {
            tell(.fragments, slot, side, octets: segment.length, time, packet, into: &events)
        }
        let shift =
            table.streams[table.at(slot, side)].scale.map(UInt32.init)
            ?? (table.flows[slot].isMidstream ? Self.unknownScale : 0)
        let window = UInt32(segment.window) << shift
        if window > table.streams[table.at(slot, side)].window { table.streams[table.at(slot, side)].window = window }
        if hasACK {
            let ahead = sequenceDistance(segment.acknowledgment, from: table.streams[table.at(slot, side.other)].next)
            if ahead <= Self.farthest {
                if !table.streams[table.at(slot, side.other)].doubtful.isEmpty {
                    clearDoubt(slot, side.other, segment.acknowledgment, into: &events)
                    guard !table.flows[slot].isClosed else { return }
                }
                allRecent -= table.streams[table.at(slot, side.other)].recent.count
                table.streams[table.at(slot, side.other)].acknowledge(segment.acknowledgment, &spares)
                allRecent += table.streams[table.at(slot, side.other)].recent.count
            }
        }
        if segment.length > 0 || segment.flags.contains(.fin) {
            table.streams[table.at(slot, side)].isSilent = false
            if side == .client, segment.length > 0, mayLackGreeting(slot) {
                lose(slot, .server, 0, time, into: &events)
            }
            take(slot, side, segment, overlap, time, packet, into: &events)
        } else if table.pendingCost(slot) > 0 {
            deliver(slot, into: &events)
        }
        guard !table.flows[slot].isClosed else { return }
        judgeStall(slot, time, into: &events)
    }

    /// The client speaks first, as far as is known, and all that is known of the server is what the client acknowledged: where
    /// the handshake was not captured whole the server may have spoken before.
    private func mayLackGreeting(_ slot: Int) -> Bool {
        table.mayLackGreeting(slot) && table.pendingCost(slot) == 0
            && !table.streams[table.at(slot, .server)].hasAcknowledgedHole
    }

    /// Takes the payload and the FIN of a segment.
    /// - Parameter policy: whether its octets replace others that wait at their place.
    mutating func take(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ policy: OverlapPolicy, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        let next = table.streams[table.at(slot, side)].next
        let acknowledgment = segment.flags.contains(.ack) ? segment.acknowledgment : nil
        let hasFIN = segment.flags.contains(.fin)
        if segment.sequence == next, !hasFIN, segment.missing == 0, table.pendingCost(slot) == 0,
            table.streams[table.at(slot, side)].fin == nil, isFree(acknowledgment, slot, side)
        {
            give(slot, side, segment.payload, time, packet, into: &events)
            return
        }
        guard isInWindow(slot, side, segment, time, packet, into: &events) else { return }
        var sequence = segment.sequence
        var payload = segment.payload
        var missing = segment.missing
        // Nothing is taken from behind the FIN.
        if let fin = table.streams[table.at(slot, side)].fin {
            let room = max(0, sequenceDistance(fin, from: sequence))
            // An octet alone may be a keep-alive's (RFC 9293 §3.8.4).
            if segment.length - room > 1 {
                tell(.end, slot, side, octets: segment.length - room, time, packet, into: &events)
            }
            missing = max(0, min(missing, room - payload.count))
            payload = payload.prefix(room)
        }
        // Where nobody is seen to acknowledge, an octet alone may be a keep-alive's (RFC 9293 §3.8.4).
        let known = table.streams[table.at(slot, side)].last?.end ?? next
        if segment.length == 1, !table.flows[slot].hasBothSides, sequenceDistance(known, from: sequence) == 1 {
            (payload, missing) = ([], 0)
            sequence = known
        }
        let end = sequence &+ UInt32(truncatingIfNeeded: payload.count + missing)
        let old = sequenceDistance(next, from: sequence)
        if old > 0 {
            if let found = table.streams[table.at(slot, side)].conflict(at: sequence, payload) {
                tell(found, slot, side, time, packet, into: &events)
            }
            let skipped = min(old, payload.count)
            payload = payload.dropFirst(skipped)
            missing = max(0, missing - (old - skipped))
            sequence = next
            if payload.isEmpty, missing == 0, !hasFIN { counters.repeated += 1 }
        }
        let before = table.streams[table.at(slot, side)].pendingCost
        if !payload.isEmpty {
            let part = PendingPart(
                sequence: sequence, content: .octets(Array(payload)), acknowledgment: acknowledgment, time: time,
                packet: packet)
            for found in table.streams[table.at(slot, side)].insert(part, policy) {
                tell(found, slot, side, time, packet, into: &events)
            }
        }
        if missing > 0 {
            let from = sequence &+ UInt32(truncatingIfNeeded: payload.count)
            let part = PendingPart(
                sequence: from, content: .lost(missing), acknowledgment: acknowledgment, time: time, packet: packet)
            _ = table.streams[table.at(slot, side)].insert(part, policy)
        }
        if hasFIN, table.streams[table.at(slot, side)].fin == nil, sequenceDistance(end, from: next) >= 0 {
            takeFIN(slot, side, end, acknowledgment, time, packet, into: &events)
        }
        allPending += table.streams[table.at(slot, side)].pendingCost - before
        deliver(slot, into: &events)
        while !table.flows[slot].isClosed, isOverfull(slot), table.pendingCost(slot) > 0 {
            giveUpHole(slot, time, into: &events)
        }
    }

    mutating func takeFIN(
        _ slot: Int, _ side: Side, _ number: UInt32, _ acknowledgment: UInt32?, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        // A FIN in the middle of what waits is contradicted by it.
        if let last = table.streams[table.at(slot, side)].last, sequenceDistance(last.end, from: number) > 0 {
            counters.conflicts += 1
            tell(.end, slot, side, octets: sequenceDistance(last.end, from: number), time, packet, into: &events)
            return
        }
        table.streams[table.at(slot, side)].fin = number
        let part = PendingPart(
            sequence: number, content: .fin, acknowledgment: acknowledgment, time: time, packet: packet)
        _ = table.streams[table.at(slot, side)].insert(part, overlap)
    }

    /// Says what may be kept of octets that are delivered next.
    @inline(__always)
    mutating func prepareSpares() {
        spares.mayKeep = allRecent < Self.mostRecent
        spares.keepsSmall = table.count <= Self.mostWithSpace
    }

    /// Octets that may wait in all flows together.
    var room: Int { limits.room(flows: table.count, recent: allRecent) }

    func isOverfull(_ slot: Int) -> Bool {
        table.pendingCost(slot) > limits.flowOctets || allPending > room
            || table.streams[table.at(slot, .client)].pendingCount > limits.flowSegments
            || table.streams[table.at(slot, .server)].pendingCount > limits.flowSegments
    }

    /// Whether the receiver would take the segment by its place. A run of segments elsewhere moves the place there.
    mutating func isInWindow(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, _ packet: Int, into events: inout [FlowEvent]
    ) -> Bool {
        var base = table.streams[table.at(slot, side)].next
        if let acknowledged = table.streams[table.at(slot, side)].acknowledged,
            sequenceDistance(acknowledged, from: base) > 0
        {
            base = acknowledged
        }
        let window = Int(table.streams[table.at(slot, side.other)].window)
        let ahead = sequenceDistance(segment.sequence, from: base)
        // Old data may come again for as long as a window was open.
        if ahead <= window, ahead >= -max(window, Self.farthest / 2) {
            table.streams[table.at(slot, side)].strayCount = 0
            return true
        }
        counters.outOfWindow += 1
        tell(.window, slot, side, octets: segment.length, time, packet, into: &events)
        let run = table.streams[table.at(slot, side)].strayCount
        table.streams[table.at(slot, side)].strayCount =
            run > 0 && table.streams[table.at(slot, side)].strayNext == segment.sequence ? run + 1 : 1
        table.streams[table.at(slot, side)].strayNext = segment.sequence &+ UInt32(truncatingIfNeeded: segment.length)
        guard table.streams[table.at(slot, side)].strayCount >= Self.strayRun,
            table.streams[table.at(slot, side)].fin == nil
        else {
            return false
        }
        table.streams[table.at(slot, side)].strayCount = 0
        if ahead > 0, ahead <= Self.farthest {
            table.streams[table.at(slot, side)].acknowledge(segment.sequence, &spares)
            while table.streams[table.at(slot, side)].hasAcknowledgedHole { giveUpHole(slot, time, into: &events) }
            return true
        }
        // Elsewhere altogether: another connection whose beginning was not seen.
        let (key, isLow) = FlowKey.of(segment.source, segment.destination)
        close(slot, .replaced, time, into: &events)
        forget(slot)
        begin(segment, key, isLow, time, packet, into: &events)
        return false
    }

    /// The peer's octets that the sender had when it sent this were delivered.
    func isFree(_ acknowledgment: UInt32?, _ slot: Int, _ side: Side) -> Bool {
        guard let acknowledgment else { return true }
        let peer = side.other
        let ahead = sequenceDistance(acknowledgment, from: table.streams[table.at(slot, peer)].next)
        // A number that is out of all reason says nothing; one behind the peer's FIN is its acknowledgment.
        return ahead <= 0 || ahead > Self.farthest || !table.streams[table.at(slot, peer)].isKnown
            || table.streams[table.at(slot, peer)].isFinished
    }

    mutating func tell(
        _ found: StreamConflict, _ slot: Int, _ side: Side, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        counters.conflicts += 1
        let stream = table.streams[table.at(slot, side)]
        let place = Int64(bitPattern: stream.offset) &+ Int64(sequenceDistance(found.sequence, from: stream.next))
        events.append(
            .conflict(
                flow: table.flows[slot].id, side: side, offset: UInt64(max(0, place)), other: found.octets,
                taken: found.taken, time: clock(slot, time), packet: packet))
    }

    /// Tells a doubt of a flow, each kind once.
    mutating func tell(
        _ kind: PacketDoubt.Kind, _ slot: Int, _ side: Side, octets: Int, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        guard table.flows[slot].isOpen, !table.flows[slot].isClosed, table.flows[slot].doubts.insert(kind).inserted
        else { return }
        events.append(
            .doubt(
                flow: table.flows[slot].id, side: side, kind, octets: octets, time: clock(slot, time), packet: packet))
    }

    /// The time of an event: not before the last one.
    mutating func clock(_ slot: Int, _ time: Int64) -> Int64 {
        if time > table.flows[slot].eventTime { table.flows[slot].eventTime = time }
        return table.flows[slot].eventTime
    }

    mutating func give(
        _ slot: Int, _ side: Side, _ octets: ArraySlice<UInt8>, _ time: Int64, _ packet: Int,
        into events: inout [FlowEvent]
    ) {
        allRecent -= table.streams[table.at(slot, side)].recent.count
        prepareSpares()
        octets.withUnsafeBufferPointer { table.streams[table.at(slot, side)].advance(over: $0, &spares) }
        allRecent += table.streams[table.at(slot, side)].recent.count
        events.append(
            .bytes(flow: table.flows[slot].id, side: side, time: clock(slot, time), octets, packet: packet))
    }

    mutating func lose(_ slot: Int, _ side: Side, _ count: Int, _ time: Int64, into events: inout [FlowEvent]) {
        allRecent -= table.streams[table.at(slot, side)].recent.count
        table.streams[table.at(slot, side)].advance(overLost: count)
        counters.gapOctets += count
        events.append(.gap(flow: table.flows[slot].id, side: side, count: count, time: clock(slot, time)))
    }
}
