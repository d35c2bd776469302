// The flows that are followed, found by their endpoints, and the order in which they may be forgotten.

import MailDialogue
import MailRecording

/// The endpoints of a flow, the same for both directions.
struct FlowKey: Hashable, Sendable {
    let low: IPEndpoint
    let high: IPEndpoint

    /// - Returns: the key, and whether `source` is its `low`.
    static func of(_ source: IPEndpoint, _ destination: IPEndpoint) -> (key: FlowKey, isLow: Bool) {
        isOrdered(source, destination)
            ? (FlowKey(low: source, high: destination), true) : (FlowKey(low: destination, high: source), false)
    }

    private static func isOrdered(_ a: IPEndpoint, _ b: IPEndpoint) -> Bool {
        if a.address.low != b.address.low { return a.address.low < b.address.low }
        if a.address.high != b.address.high { return a.address.high < b.address.high }
        return a.port <= b.port
    }

    /// Some bits of the key, for a place to look first: no hash that a stranger could not aim at.
    var mixed: Int {
        let words = (low.address.low ^ low.address.high) &+ (high.address.low ^ high.address.high) &* 31
        let mixed = (words ^ UInt64(low.port) << 20 ^ UInt64(high.port) << 36) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 33)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(low.address.low)
        hasher.combine(high.address.low)
        if low.address.isIPv6 {
            hasher.combine(low.address.high)
            hasher.combine(high.address.high)
        }
        hasher.combine(UInt32(low.port) << 16 | UInt32(high.port))
    }
}

/// A flow, but for its two streams, which the table has.
struct Flow: Sendable {
    /// The SYN of a connection that may take this one's place, once the server answers it.
    struct NewSYN: Sendable {
        var side: Side
        var segment: TCPSegment
        var time: Int64
        var packet: Int
    }

    /// A reset that ends the flow, unless the sides go on.
    struct Reset: Sendable {
        /// Segments of the other side that are kept meanwhile, and octets in them: a window in flight.
        static let mostHeld = 64
        static let mostOctets = 65_536

        var side: Side
        var sequence: UInt32
        var time: Int64
        var packet: Int
        /// What the other side sent since: in flight when the reset reached it, or a sign that it did not.
        var held: [(segment: TCPSegment, time: Int64, packet: Int)] = []
        var octets = 0

        /// What it takes to keep them.
        var cost: Int { octets + held.count * 2 * PendingPart.overhead }
    }

    let id: Int
    let key: FlowKey
    let isClientLow: Bool
    let isMidstream: Bool
    let start: Int64
    /// The event `opened` was given.
    var isOpen = false
    /// The event `closed` was given; the flow stays for a while to know late packets.
    var isClosed = false
    var newSYN: NewSYN?
    var reset: Reset?
    /// Who reset the flow, once that was believed, and where.
    var wasReset: (side: Side, sequence: UInt32)?
    /// Doubts that were told.
    var doubts: Set<PacketDoubt.Kind> = []
    /// The time of the last packet, and of the last event.
    var lastSeen: Int64
    var eventTime: Int64
    /// Packets since octets wait for others that the peer has.
    var stalledPackets = 0
    var stalledSince: Int64 = 0
    /// Both sides were seen.
    var hasBothSides = false

    init(id: Int, key: FlowKey, isClientLow: Bool, isMidstream: Bool, time: Int64) {
        self.id = id
        self.key = key
        self.isClientLow = isClientLow
        self.isMidstream = isMidstream
        start = time
        lastSeen = time
        eventTime = time
    }

    var clientEndpoint: IPEndpoint { isClientLow ? key.low : key.high }
    var serverEndpoint: IPEndpoint { isClientLow ? key.high : key.low }
}

/// The table of flows. Slots are numbers that stay valid until the flow is removed.
struct FlowTable: Sendable {
    /// Which flows are forgotten first when the table is full: ended ones, then those of which one side was seen, then
    /// the rest; the least recent of each first.
    enum Standing: Int, CaseIterable, Sendable { case ended, tentative, live }

    private struct Link: Sendable {
        var before = -1
        var after = -1
        var standing = Standing.tentative
        var isUsed = true
    }

    /// Places in which slots are remembered.
    private static let mostHints = 4_096

    /// The flow of each slot; slots on the free list hold the last flow that was there.
    var flows: [Flow] = []
    /// The two streams of each slot, at ``at(_:_:)``. Not within their flows: what is read of a part of a part is copied with all of it
    /// first, and they are read many times a packet.
    var streams: [FlowStream] = []
    private var links: [Link] = []
    private var free: [Int] = []
    private var slots: [FlowKey: Int] = [:]
    /// The slots that were looked up last, each at a place that its key says. They may have another flow by now, or none.
    private var hints = [UInt32](repeating: 0, count: mostHints)
    private var oldest = [-1, -1, -1]
    private var newest = [-1, -1, -1]

    var count: Int { slots.count }

    func slot(of key: FlowKey) -> Int? { slots[key] }

    /// Where a stream of a slot is.
    @inline(__always)
    func at(_ slot: Int, _ side: Side) -> Int {
        switch side {
        case .client: slot &* 2
        case .server: slot &* 2 &+ 1
        }
    }

    /// What waits in both streams.
    @inline(__always)
    func pendingCost(_ slot: Int) -> Int { streams[slot &* 2].pendingCost + streams[slot &* 2 &+ 1].pendingCost }

    /// No octet was seen, and the server's SYN neither: what it said before the first acknowledgment is not known.
    @inline(__always)
    func mayLackGreeting(_ slot: Int) -> Bool {
        streams[slot &* 2].offset == 0 && streams[slot &* 2 &+ 1].offset == 0 && !streams[slot &* 2 &+ 1].hasSYN
            && !flows[slot].isMidstream
    }

    /// The same, which looks first where a flow of that key was found last.
    mutating func recentSlot(of key: FlowKey) -> Int? {
        let place = key.mixed & (Self.mostHints - 1)
        let hint = Int(hints[place])
        if hint < flows.count, links[hint].isUsed, flows[hint].key == key { return hint }
        guard let slot = slots[key] else { return nil }
        hints[place] = UInt32(truncatingIfNeeded: slot)
        return slot
    }

    /// All slots in use, in the order of flow numbers.
    var slotsInOrder: [Int] { slots.values.sorted { flows[$0].id < flows[$1].id } }

    mutating func insert(_ flow: Flow) -> Int {
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            flows[slot] = flow
        } else {
            slot = flows.count
            flows.append(flow)
            links.append(Link())
            streams.append(FlowStream())
            streams.append(FlowStream())
        }
        slots[flow.key] = slot
        links[slot].standing = .tentative
        links[slot].isUsed = true
        link(slot)
        return slot
    }

    mutating func remove(_ slot: Int) {
        slots[flows[slot].key] = nil
        links[slot].isUsed = false
        unlink(slot)
        // What the flow kept is given back at once.
        streams[at(slot, .client)] = FlowStream()
        streams[at(slot, .server)] = FlowStream()
        flows[slot].newSYN = nil
        flows[slot].reset = nil
        free.append(slot)
    }

    /// The flow was seen: it is the most recent of its standing.
    mutating func touch(_ slot: Int, _ standing: Standing) {
        if links[slot].standing == standing, newest[standing.rawValue] == slot { return }
        unlink(slot)
        links[slot].standing = standing
        link(slot)
    }

    /// The least recent flow of a standing.
    func oldest(_ standing: Standing) -> Int? {
        let slot = oldest[standing.rawValue]
        return slot < 0 ? nil : slot
    }

    private mutating func link(_ slot: Int) {
        let list = links[slot].standing.rawValue
        links[slot].before = newest[list]
        links[slot].after = -1
        if newest[list] >= 0 { links[newest[list]].after = slot } else { oldest[list] = slot }
        newest[list] = slot
    }

    private mutating func unlink(_ slot: Int) {
        let list = links[slot].standing.rawValue
        let (before, after) = (links[slot].before, links[slot].after)
        if before >= 0 { links[before].after = after } else { oldest[list] = after }
        if after >= 0 { links[after].before = before } else { newest[list] = before }
    }
}
