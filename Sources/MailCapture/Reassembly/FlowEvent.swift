// What TCP reassembly tells: connections that open, the octets of both sides in order, holes, and ends.

import MailDialogue
import MailRecording

/// Why a flow ended.
package enum FlowEnd: String, Sendable, Hashable {
    /// Both sides sent FIN.
    case fin
    /// A valid RST.
    case reset
    /// Nothing came for too long.
    case timeout
    /// A new connection between the same endpoints began.
    case replaced
    /// The table of flows was full.
    case evicted
    /// The capture ended first.
    case endOfCapture = "end-of-capture"
}

/// What happened in a flow. Flows are numbered from 1 in the order in which their first packet came; times are
/// nanoseconds since 1970 and never run backwards within a flow. The events of the two sides come in the order in
/// which the octets took effect: what a side sent comes after all that it had acknowledged by then.
package enum FlowEvent: Equatable, Sendable {
    /// The first event of each flow. The client is who sent the SYN. When `midstream` (no SYN was seen) it is the side
    /// whose port is no mail port, else the one with the higher port: a guess that the content may correct.
    case opened(flow: Int, client: IPEndpoint, server: IPEndpoint, time: Int64, midstream: Bool)
    /// Octets that come next on a side; `packet` is the number of the packet that carried them.
    case bytes(flow: Int, side: Side, time: Int64, ArraySlice<UInt8>, packet: Int)
    /// Octets that come next on a side and are not in the capture; 0 when nobody knows whether there were any.
    case gap(flow: Int, side: Side, count: Int, time: Int64)
    /// Octets that contradict those at the same place that were taken; `offset` counts from the side's first octet,
    /// `taken` says which copy it was that was taken instead.
    case conflict(
        flow: Int, side: Side, offset: UInt64, other: ArraySlice<UInt8>, taken: OverlapPolicy, time: Int64, packet: Int)
    /// What else leaves it in doubt how the receiver read the side's segments; of ``PacketDoubt/Kind/overlap`` there are
    /// `conflict`s. Once for each kind in a flow.
    case doubt(flow: Int, side: Side, PacketDoubt.Kind, octets: Int, time: Int64, packet: Int)
    /// A side sent its FIN: nothing more comes from it.
    case ended(flow: Int, side: Side, time: Int64)
    /// The last event of each flow.
    case closed(flow: Int, how: FlowEnd, time: Int64)

    /// The same with octets of its own: who keeps a few of a packet must not keep what was read of the file with it.
    var kept: FlowEvent {
        switch self {
        case .bytes(let flow, let side, let time, let octets, let packet):
            .bytes(flow: flow, side: side, time: time, Array(octets)[...], packet: packet)
        case .conflict(let flow, let side, let offset, let other, let taken, let time, let packet):
            .conflict(
                flow: flow, side: side, offset: offset, other: Array(other)[...], taken: taken, time: time,
                packet: packet)
        case .opened, .gap, .doubt, .ended, .closed: self
        }
    }

    /// The flow that the event belongs to.
    package var flow: Int {
        switch self {
        case .opened(let flow, _, _, _, _), .bytes(let flow, _, _, _, _), .gap(let flow, _, _, _),
            .conflict(let flow, _, _, _, _, _, _), .doubt(let flow, _, _, _, _, _), .ended(let flow, _, _),
            .closed(let flow, _, _):
            flow
        }
    }
}

/// What to do with segments whose checksum is wrong.
package enum ChecksumPolicy: String, Sendable, Hashable, CaseIterable {
    /// Where the sender's first segment had a right one, such a segment is taken only when the receiver acknowledges
    /// what it carries and no other segment holds its place: a forged one is left out, one that the capture shows
    /// otherwise than the receiver saw it (merged by the kernel, made anonymous) is not. A sender whose first checksum
    /// is wrong leaves them to its network card: all are taken.
    case auto
    /// As ``auto``, but what a sender with right checksums has a wrong one for was damaged since it was written, whatever the peer
    /// acknowledges: for our own recordings, whose disk may have lost a sector.
    case recorded
    /// Leave all of them out.
    case verify
    /// Take all of them.
    case ignore
}

/// The bounds of reassembly, each with its reason.
package struct ReassemblyLimits: Sendable, Equatable {
    /// Octets of a flow that wait for what comes before them, with what it takes to keep them.
    package var flowOctets = 1 << 20
    /// Octets of memory for all flows together: what waits, what is kept to compare repetitions with, and ``flowCost`` for each
    /// flow. Case C19; Docs/Decisions/063 says what it does not count.
    package var allOctets = 36 << 20
    /// What is known of a flow, here and by those who follow it, as measured with 10,000 of them in which nothing waits.
    package static let flowCost = 1_600
    /// Segments of a flow that wait: a full window of small ones.
    package var flowSegments = 4_096
    /// Flows in the table: what a busy mail host has open.
    package var flows = 65_536
    /// Packets of a flow after which an acknowledged hole will not be filled any more: captures from several queues
    /// swap neighbours, not more.
    package var patiencePackets = 16
    /// The same in nanoseconds.
    package var patienceTime: Int64 = 1_000_000_000
    /// Nanoseconds for which it is waited whether the sides go on behind a reset, which then was none of theirs.
    package var resetTime: Int64 = 3_000_000_000
    /// Nanoseconds without a packet after which a flow has ended. RFC 5382 §5 lets address translators forget after 2
    /// h 4 min.
    package var idleTime: Int64 = (2 * 3_600 + 240) * 1_000_000_000
    /// Nanoseconds for which late packets of an ended flow are known as such; a minute, as Linux' TIME-WAIT.
    package var lingerTime: Int64 = 60_000_000_000

    package init() {}

    /// Octets that may wait in all flows together while there are so many, and so many octets are kept to compare repetitions with. However
    /// many there are, neighbours that were captured in the wrong order still find each other.
    func room(flows: Int, recent: Int) -> Int {
        max(allOctets &- flows &* Self.flowCost &- recent, allOctets / 8)
    }
}

/// What reassembly left out, and why.
package struct ReassemblyCounters: Sendable, Equatable {
    /// TCP segments that came.
    package var segments = 0
    /// Segments with a wrong checksum of a sender that has right ones.
    package var badChecksums = 0
    /// Segments outside of the receiver's window.
    package var outOfWindow = 0
    /// RSTs that the receiver would not take.
    package var strayResets = 0
    /// Segments of flows that had ended.
    package var late = 0
    /// Segments that only repeat octets.
    package var repeated = 0
    /// Octets that were not in the capture.
    package var gapOctets = 0
    /// Overlaps that contradict what was taken.
    package var conflicts = 0
    /// Flows that ended because the table was full.
    package var evicted = 0

    package init() {}
}
