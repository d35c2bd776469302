// The usual segment, in one step: the next octets or an acknowledgment, in order, with nothing waiting. What it does is
// what the long way does with such a segment; it exists because nine of ten segments are of this kind.

import MailDialogue
import MailRecording

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

    /// Takes a segment of the usual kind.
    /// - Parameters:
    ///   - keeping: delivered octets are kept to compare repetitions with.
    ///   - keepsSpace: so is space for them.
    mutating func followQuickly(
        _ side: Side, _ segment: TCPSegment, _ time: Int64, _ checksums: ChecksumPolicy, keeping: Bool, keepsSpace: Bool
    ) -> Quick {
        guard isOpen, !isClosed, hasBothSides, stalledPackets == 0, newSYN == nil, reset == nil, !mayLackGreeting,
            segment.missing == 0, !segment.hasFragmentConflict,
            isTrusted(segment.checksum, side, checksums), segment.flags.subtracting(.psh) == .ack
        else { return .no }
        let quick: Quick
        switch side {
        case .client: quick = Self.follow(&client, &server, segment, isMidstream, keeping, keepsSpace)
        case .server: quick = Self.follow(&server, &client, segment, isMidstream, keeping, keepsSpace)
        }
        switch quick {
        case .no: return .no
        case .acknowledged:
            if time > lastSeen { lastSeen = time }
            return quick
        case .octets(_, let kept):
            if time > lastSeen { lastSeen = time }
            if time > eventTime { eventTime = time }
            return .octets(time: eventTime, kept: kept)
        }
    }

    /// The checksum says nothing against the segment. Those of a sender who leaves them to its network card never do, unless they
    /// are to be verified.
    private func isTrusted(_ verdict: ChecksumVerdict, _ side: Side, _ checksums: ChecksumPolicy) -> Bool {
        switch verdict {
        case .right: return true
        case .unknown: return false
        case .wrong, .offloaded:
            switch checksums {
            case .ignore: return true
            case .verify: return false
            case .auto, .recorded:
                switch side {
                case .client: return client.hasRightChecksums == false
                case .server: return server.hasRightChecksums == false
                }
            }
        }
    }

    private static func follow(
        _ own: inout FlowStream, _ peer: inout FlowStream, _ segment: TCPSegment, _ isMidstream: Bool, _ keeping: Bool,
        _ keepsSpace: Bool
    ) -> Quick {
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
        peer.acknowledge(segment.acknowledgment, keepsSpace: keepsSpace)
        guard !segment.payload.isEmpty else {
            return .acknowledged(kept: own.recent.count + peer.recent.count - before)
        }
        own.isSilent = false
        own.advance(over: segment.payload, keeping: keeping, keepsSpace: keepsSpace)
        return .octets(time: 0, kept: own.recent.count + peer.recent.count - before)
    }
}
