// The usual segment, in one step: the next octets or an acknowledgment, in order, with nothing waiting. What it does is
// what the long way does with such a segment; it exists because nine of ten segments are of this kind.

import MailDialogue
import MailRecording

/// What the quick way must know of a segment whose octets are all there, and of which nothing speaks against it.
struct QuickSegment {
    var sequence: UInt32
    var acknowledgment: UInt32
    var window: UInt16
    var hopLimit: UInt8
    /// Valid for the time of the call.
    var payload: UnsafeBufferPointer<UInt8>
}

extension Flow {
    /// What the quick way did.
    enum Quick {
        /// Nothing: the segment is not of the usual kind.
        case no
        /// The segment told of no octets. `kept` is the change in what is kept of delivered octets.
        case acknowledged(kept: Int)
        /// Its payload comes next; `time` is that of the event.
        case octets(time: Int64, kept: Int)
    }
}

extension FlowTable {
    /// Takes a segment of the usual kind.
    mutating func followQuickly(
        _ slot: Int, _ side: Side, _ segment: TCPSegment, _ time: Int64, _ checksums: ChecksumPolicy,
        _ spares: inout SpareRooms
    ) -> Flow.Quick {
        guard segment.missing == 0, !segment.hasFragmentConflict, isTrusted(segment.checksum, slot, side, checksums),
            segment.flags.subtracting(.psh) == .ack
        else { return .no }
        return segment.payload.withUnsafeBufferPointer { payload in
            let quick = QuickSegment(
                sequence: segment.sequence, acknowledgment: segment.acknowledgment, window: segment.window,
                hopLimit: segment.hopLimit, payload: payload)
            return followQuickly(slot, side, quick, time, &spares)
        }
    }

    /// Takes a segment with ACK, PSH or not, and no other flag.
    mutating func followQuickly(
        _ slot: Int, _ side: Side, _ segment: QuickSegment, _ time: Int64, _ spares: inout SpareRooms
    ) -> Flow.Quick {
        guard flows[slot].isOpen, !flows[slot].isClosed, flows[slot].hasBothSides, flows[slot].stalledPackets == 0,
            flows[slot].newSYN == nil, flows[slot].reset == nil, !mayLackGreeting(slot)
        else { return .no }
        let (own, peer) = (at(slot, side), at(slot, side.other))
        let isMidstream = flows[slot].isMidstream
        let quick = streams.withUnsafeMutableBufferPointer { streams in
            Self.follow(&streams[own], &streams[peer], segment, isMidstream, &spares)
        }
        switch quick {
        case .no: return .no
        case .acknowledged:
            if time > flows[slot].lastSeen { flows[slot].lastSeen = time }
            return quick
        case .octets(_, let kept):
            if time > flows[slot].lastSeen { flows[slot].lastSeen = time }
            if time > flows[slot].eventTime { flows[slot].eventTime = time }
            return .octets(time: flows[slot].eventTime, kept: kept)
        }
    }

    /// The checksum says nothing against the segment. Those of a sender who leaves them to its network card never do, unless they
    /// are to be verified.
    private func isTrusted(
        _ verdict: ChecksumVerdict, _ slot: Int, _ side: Side, _ checksums: ChecksumPolicy
    ) -> Bool {
        switch verdict {
        case .right: return true
        case .unknown: return false
        case .wrong, .offloaded:
            switch checksums {
            case .ignore: return true
            case .verify: return false
            case .auto, .recorded: return streams[at(slot, side)].hasRightChecksums == false
            }
        }
    }

    private static func follow(
        _ own: inout FlowStream, _ peer: inout FlowStream, _ segment: QuickSegment, _ isMidstream: Bool,
        _ spares: inout SpareRooms
    ) -> Flow.Quick {
        guard own.isKnown, peer.isKnown, own.fin == nil, own.pendingCost == 0, peer.pendingCost == 0,
            own.doubtfulCost == 0, peer.doubtfulCost == 0, own.hasRightChecksums != nil,
            segment.sequence == own.next || segment.payload.isEmpty, own.isNear(segment.hopLimit),
            sequenceDistance(segment.acknowledgment, from: peer.next) <= 0, !own.hasAcknowledgedHole
        else { return .no }
        _ = own.vote(segment.hopLimit)
        let shift = own.scale.map(UInt32.init) ?? (isMidstream ? TCPReassembler.unknownScale : 0)
        let window = UInt32(segment.window) << shift
        if window > own.window { own.window = window }
        let before = own.recent.count + peer.recent.count
        peer.acknowledge(segment.acknowledgment, &spares)
        guard !segment.payload.isEmpty else {
            return .acknowledged(kept: own.recent.count + peer.recent.count - before)
        }
        own.isSilent = false
        own.advance(over: segment.payload, &spares)
        return .octets(time: 0, kept: own.recent.count + peer.recent.count - before)
    }
}
