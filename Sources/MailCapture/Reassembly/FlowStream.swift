// One direction of a TCP flow: which octet comes next, what waits for it, and what may still be contradicted.

import MailRecording

/// Comparison of sequence numbers modulo 2^32 (RFC 9293 §3.4).
@inline(__always)
func sequenceDistance(_ to: UInt32, from: UInt32) -> Int { Int(Int32(bitPattern: to &- from)) }

/// A part of a direction that waits.
struct PendingPart: Sendable {
    enum Content: Sendable {
        case octets([UInt8])
        /// Octets that were sent and not captured (cut by the snap length).
        case lost(Int)
        case fin
    }

    /// What it takes to keep a part, beside its octets: 48 in a list that grows by doubling, the 32 in front of an array, and what the
    /// allocator adds and rounds up.
    static let overhead = 144

    var sequence: UInt32
    var content: Content
    /// What the sender had received by then; nil when the segment said nothing.
    var acknowledgment: UInt32?
    var time: Int64
    var packet: Int

    /// Sequence numbers that it takes.
    var length: Int {
        switch content {
        case .octets(let octets): octets.count
        case .lost(let count): count
        case .fin: 1
        }
    }

    var cost: Int {
        switch content {
        case .octets(let octets): octets.count + Self.overhead
        case .lost, .fin: Self.overhead
        }
    }

    var end: UInt32 { sequence &+ UInt32(truncatingIfNeeded: length) }
}

/// Octets at a place at which others were taken.
struct StreamConflict {
    var sequence: UInt32
    var octets: ArraySlice<UInt8>
    /// Which copy was taken instead.
    var taken: OverlapPolicy
}

/// A segment with a wrong checksum. The receiver has left it out, or the capture shows what the receiver did not see:
/// its checksum before a network card filled it in, segments that the kernel merged, addresses that were made
/// anonymous. Or one that may have expired on its way.
struct DoubtfulSegment: Sendable {
    var segment: TCPSegment
    var time: Int64
    var packet: Int
    /// Its TTL is the doubt.
    var isFar = false

    /// What it takes to keep it.
    var cost: Int { segment.payload.count + 2 * PendingPart.overhead }
    /// Behind its octets and its FIN.
    var end: UInt32 {
        segment.sequence &+ UInt32(truncatingIfNeeded: segment.length) &+ (segment.flags.contains(.fin) ? 1 : 0)
    }
}

/// Space for octets that are kept to compare repetitions with. Most flows need it for some packets only, one after the other: so it is
/// handed on, instead of being asked for and given back with each acknowledgment.
struct SpareRooms: Sendable {
    /// Rooms that are kept while nobody needs them.
    private static let most = 32
    /// Larger ones are not handed on: whoever gets one may need little of it, and keep it for long.
    private static let largest = 8_192

    /// Octets may be kept: those of all flows together are not too many.
    var mayKeep = true
    /// Flows keep a small space of their own while there is nothing in it: there are few of them.
    var keepsSmall = true
    private var rooms: [[UInt8]] = []

    /// Gives the octets a larger room, if there is one. What is made anew takes no more than it must: the octets of a flow whose peer
    /// is not seen to acknowledge stay.
    mutating func exchange(_ octets: inout [UInt8]) {
        guard var room = rooms.popLast() else { return }
        if !octets.isEmpty { room += octets }
        swap(&room, &octets)
    }

    /// Takes the room of octets that nobody needs any more.
    mutating func give(_ octets: inout [UInt8]) {
        var room: [UInt8] = []
        swap(&room, &octets)
        guard rooms.count < Self.most, room.capacity <= Self.largest else { return }
        room.removeAll(keepingCapacity: true)
        rooms.append(room)
    }
}

/// One direction of a flow.
struct FlowStream: Sendable {
    /// Doubtful segments that are kept: some windows of a fast connection.
    static let mostDoubtful = 256
    static let mostDoubtfulOctets = 262_144
    /// Octets that were delivered and not acknowledged are kept up to this, to compare them with repetitions.
    static let mostRecent = 65_536
    /// Space that is kept for them while there are none. More goes to whoever needs it next.
    private static let keptSpace = 1_024

    /// The sequence number that comes next; valid when `isKnown`.
    var next: UInt32 = 0
    var isKnown = false
    /// The number of the first octet: behind the SYN, or the first that was seen or acknowledged.
    var origin: UInt32 = 0
    /// A SYN of this side was seen.
    var hasSYN = false
    /// Octets delivered or lost so far.
    var offset: UInt64 = 0
    /// The FIN was delivered.
    var isFinished = false
    /// The number of the FIN, once one was taken.
    var fin: UInt32?
    /// The highest acknowledgment of the peer.
    var acknowledged: UInt32?
    /// The largest window that this side offered, scaled.
    var window: UInt32 = 65_535
    var scale: UInt8?
    /// Nothing was seen of this side since a hole was given up: further holes need no patience.
    var isSilent = false
    /// The verdict of the first segment: false when the sender's checksums are no guide.
    var hasRightChecksums: Bool?
    /// The TTL of most of the side's segments behind the SYN that arrived, found by majority vote, and how much speaks for it. A
    /// segment is far from it that has this many more or fewer hops: routes differ by less, as long as they don't change.
    private(set) var hopLimit: UInt8 = 0
    private(set) var hopVotes: UInt8 = 0
    static let farHops = 5
    static let mostVotes: UInt8 = 16
    /// Segments beyond the window that follow upon each other: the place was lost.
    var strayNext: UInt32 = 0
    var strayCount = 0

    /// Segments whose checksum is wrong, until the peer's acknowledgment shows that it took them.
    private(set) var doubtful: [DoubtfulSegment] = []
    private(set) var doubtfulCost = 0

    /// In order, without overlap; the first `head` are gone.
    private(set) var pending: [PendingPart] = []
    private var head = 0
    private(set) var pendingCost = 0
    /// The last octets before `next`, not yet acknowledged.
    private(set) var recent: [UInt8] = []

    @inline(__always)
    var pendingCount: Int { pending.count - head }
    var first: PendingPart? { head < pending.count ? pending[head] : nil }
    var last: PendingPart? { head < pending.count ? pending.last : nil }
    /// Of the first part that waits, without a share in its octets.
    @inline(__always)
    var firstSequence: UInt32? { head < pending.count ? pending[head].sequence : nil }
    @inline(__always)
    var firstPacket: Int? { head < pending.count ? pending[head].packet : nil }
    @inline(__always)
    var firstAcknowledgment: UInt32? { head < pending.count ? pending[head].acknowledgment : nil }
    /// What waits first could be delivered, were it not for the other side.
    @inline(__always)
    var isReady: Bool { firstSequence == next }

    /// There is a hole before what waits, or before what the peer has.
    @inline(__always)
    var hasAcknowledgedHole: Bool {
        guard isKnown, !isFinished, let acknowledged, sequenceDistance(acknowledged, from: next) > 0 else {
            return false
        }
        return !isReady
    }

    /// The segment has the TTL of most others, or none that is known.
    @inline(__always)
    func isNear(_ limit: UInt8) -> Bool {
        limit == hopLimit && hopVotes > 0 || limit == 0
            || hopVotes > 0 && abs(Int(limit) - Int(hopLimit)) < Self.farHops
    }

    /// Counts the TTL of a segment, unless it is far from that of most others.
    /// - Returns: false when it is far.
    @inline(__always)
    mutating func vote(_ limit: UInt8) -> Bool {
        if isNear(limit) {
            if hopVotes < Self.mostVotes, limit != 0 { hopVotes &+= 1 }
            return true
        }
        guard hopVotes > 0 else {
            (hopLimit, hopVotes) = (limit, 1)
            return true
        }
        return false
    }

    /// Counts a far TTL against that of most others. Only of a segment that brought octets to the receiver which no other brought: whoever
    /// sends segments that expire on their way can send as many as it likes.
    mutating func voteAgainst(_ limit: UInt8) {
        guard !vote(limit) else { return }
        hopVotes &-= 1
    }

    mutating func popFirst() -> PendingPart? {
        guard head < pending.count else { return nil }
        let part = pending[head]
        // The octets go with the part: what stays in the array until it is compacted must not hold them.
        pending[head].content = .lost(0)
        head += 1
        pendingCost -= part.cost
        if head == pending.count {
            pending.removeAll(keepingCapacity: pending.capacity <= 16)
            head = 0
        } else if head >= 64, head > pending.count / 2 {
            pending.removeFirst(head)
            head = 0
        }
        return part
    }

    /// Adds what no part covers yet. Of octets that contradict what waits already the policy's copy stays; the others are given.
    mutating func insert(_ part: PendingPart, _ policy: OverlapPolicy) -> [StreamConflict] {
        // The usual: behind everything else.
        guard let last, sequenceDistance(part.sequence, from: last.end) < 0 else {
            append(part, at: pending.count)
            return []
        }
        var conflicts: [StreamConflict] = []
        var index = firstIndex(endingAfter: part.sequence)
        var at = part.sequence
        var left = part.length
        var octets: ArraySlice<UInt8>? = nil
        if case .octets(let all) = part.content { octets = all[...] }
        while left > 0 {
            let existing = index < pending.count ? pending[index] : nil
            let distance = existing.map { sequenceDistance($0.sequence, from: at) } ?? Int.max
            if distance > 0 {
                let count = min(left, distance)
                var piece = part
                piece.sequence = at
                switch part.content {
                case .octets: piece.content = .octets(Array((octets ?? []).prefix(count)))
                case .lost: piece.content = .lost(count)
                case .fin: piece.content = .fin
                }
                append(piece, at: index)
                index += 1
                octets = octets?.dropFirst(count)
                left -= count
                at &+= UInt32(truncatingIfNeeded: count)
            } else if let existing {
                let count = min(left, existing.length + distance)
                if case .octets(var kept) = existing.content, let mine = octets?.prefix(count),
                    !mine.elementsEqual(kept.dropFirst(-distance).prefix(count))
                {
                    // What the peer has acknowledged it has; a keep-alive may carry anything there.
                    let settled = acknowledged.map { max(0, sequenceDistance($0, from: at)) } ?? 0
                    let place = (min(settled, count) - distance)..<(count - distance)
                    let older = kept[place]
                    if policy == .first || mine.dropFirst(settled).elementsEqual(older) {
                        conflicts.append(StreamConflict(sequence: at, octets: mine, taken: .first))
                    } else {
                        // As long as it was: what it takes to keep the part stays the same.
                        kept.replaceSubrange(place, with: mine.dropFirst(settled))
                        pending[index].content = .octets(kept)
                        conflicts.append(
                            StreamConflict(
                                sequence: at &+ UInt32(truncatingIfNeeded: settled), octets: older, taken: .last))
                    }
                }
                // A copy that acknowledges less was sent earlier: what it had not seen is no reason to wait.
                if let mine = part.acknowledgment, let theirs = existing.acknowledgment,
                    sequenceDistance(mine, from: theirs) < 0
                {
                    pending[index].acknowledgment = mine
                }
                octets = octets?.dropFirst(count)
                left -= count
                at &+= UInt32(truncatingIfNeeded: count)
                index += 1
            }
        }
        return conflicts
    }

    private mutating func append(_ part: PendingPart, at index: Int) {
        pendingCost += part.cost
        pending.insert(part, at: index)
    }

    /// The first part that ends behind `sequence`, by halving.
    private func firstIndex(endingAfter sequence: UInt32) -> Int {
        var low = head
        var high = pending.count
        while low < high {
            let middle = low + (high - low) / 2
            if sequenceDistance(pending[middle].end, from: sequence) > 0 { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Octets were delivered: `next` moves.
    mutating func advance(over octets: UnsafeBufferPointer<UInt8>, _ spares: inout SpareRooms) {
        next &+= UInt32(truncatingIfNeeded: octets.count)
        offset &+= UInt64(octets.count)
        guard spares.mayKeep else {
            recent = []
            return
        }
        // A line of a dialogue takes no more than it needs.
        if octets.count > Self.keptSpace / 2, recent.capacity <= Self.keptSpace { spares.exchange(&recent) }
        recent.append(contentsOf: octets)
        if recent.count > 2 * Self.mostRecent { recent.removeFirst(recent.count - Self.mostRecent) }
    }

    /// Octets are given up: `next` moves.
    mutating func advance(overLost count: Int) {
        next &+= UInt32(truncatingIfNeeded: count)
        offset &+= UInt64(count)
        recent = []
    }

    /// Keeps a segment until it is known whether the receiver took it. Its octets are copied.
    mutating func doubt(_ part: DoubtfulSegment) {
        var part = part
        part.segment.payload = Array(part.segment.payload)[...]
        doubtful.append(part)
        doubtfulCost += part.cost
    }

    var hasTooMuchDoubt: Bool { doubtful.count > Self.mostDoubtful || doubtfulCost > Self.mostDoubtfulOctets }

    /// The first doubtful segment that the peer has acknowledged to `number`, or the first of all when that is nil.
    mutating func popDoubtful(acknowledged number: UInt32?) -> DoubtfulSegment? {
        let index =
            number.map { number in
                doubtful.firstIndex { sequenceDistance(number, from: $0.end) >= 0 }
            } ?? doubtful.indices.first
        guard let index else { return nil }
        let part = doubtful.remove(at: index)
        doubtfulCost -= part.cost
        return part
    }

    /// The first doubtful segment with an octet among the next ones.
    mutating func popDoubtful(inHoleOf count: Int) -> DoubtfulSegment? {
        let index = doubtful.firstIndex {
            sequenceDistance($0.end, from: next) > 0 && sequenceDistance($0.segment.sequence, from: next) < count
        }
        guard let index else { return nil }
        let part = doubtful.remove(at: index)
        doubtfulCost -= part.cost
        return part
    }

    /// The peer acknowledged up to `number`. What it has it cannot be told differently.
    mutating func acknowledge(_ number: UInt32, _ spares: inout SpareRooms) {
        if let acknowledged, sequenceDistance(number, from: acknowledged) <= 0 { return }
        acknowledged = number
        if recent.isEmpty { return }
        let open = sequenceDistance(next, from: number)
        if open <= 0 {
            if recent.capacity <= Self.keptSpace {
                recent.removeAll(keepingCapacity: spares.keepsSmall)
            } else {
                spares.give(&recent)
            }
        } else if open < recent.count / 2 {
            recent.removeFirst(recent.count - open)
        }
    }

    /// Compares octets before `next` with what was delivered; the part that differs, if any is known to.
    func conflict(at sequence: UInt32, _ octets: ArraySlice<UInt8>) -> StreamConflict? {
        if recent.isEmpty { return nil }
        // Only what the peer has not acknowledged can still be in doubt.
        var floor = next &- UInt32(truncatingIfNeeded: recent.count)
        if let acknowledged, sequenceDistance(acknowledged, from: floor) > 0 { floor = acknowledged }
        let skip = max(0, sequenceDistance(floor, from: sequence))
        let mine = octets.dropFirst(skip)
        let from = sequence &+ UInt32(truncatingIfNeeded: skip)
        let start = recent.count - sequenceDistance(next, from: from)
        guard start >= 0, start < recent.count else { return nil }
        let count = min(mine.count, recent.count - start)
        let part = mine.prefix(count)
        // It was handed on: that can't be taken back.
        return part.elementsEqual(recent[start..<(start + count)])
            ? nil : StreamConflict(sequence: from, octets: part, taken: .first)
    }
}
