// The messages of a mailbox in the order of their sequence numbers, as far as they were seen.
//
// A sequence number is a rank, and EXPUNGE shifts all ranks behind it, so none is stored: each known message keeps how
// many unknown ones stand before it, and they lie in chunks of up to 512 that know how many ranks they span. Finding,
// inserting and removing look at one number a chunk and at one chunk: a mailbox of four billion messages of which three
// were seen costs three entries, and removing a hundred thousand messages one by one is no quadratic work.

/// The messages of a mailbox by rank and by UID, each with what its keeper wants to know of it.
struct IMAPMessageMap<Value: Equatable & Sendable>: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        /// Unknown messages between the known one before and this one.
        var gap: UInt32 = 0
        /// 0 when it was not told.
        var uid: UInt32 = 0
        var value: Value

        init(uid: UInt32 = 0, _ value: Value) {
            self.uid = uid
            self.value = value
        }
    }

    private struct Chunk: Equatable, Sendable {
        var entries: [Entry]
        /// Ranks: the entries and their gaps.
        var span: Int
        /// Lowest and highest UID that is known in it; 0 when none is.
        var low: UInt32 = 0
        var high: UInt32 = 0

        init(_ entries: [Entry]) {
            self.entries = entries
            span = entries.reduce(entries.count) { $0 &+ Int($1.gap) }
            findBounds()
        }

        mutating func findBounds() {
            low = entries.first { $0.uid != 0 }?.uid ?? 0
            high = entries.last { $0.uid != 0 }?.uid ?? 0
        }
    }

    /// Where a rank is: the entry at it, or the first one behind it.
    private struct Place {
        var chunk: Int
        var index: Int
        /// Rank of that entry; one beyond the last when there is none.
        var rank: Int
    }

    private static var chunkLimit: Int { 512 }
    /// Neighbours that hold no more together become one chunk, so that there are never many small ones.
    private static var mergeLimit: Int { 256 }

    private var chunks: [Chunk] = []
    /// Unknown messages behind the last known one.
    private var tail = 0
    /// All messages.
    private(set) var count = 0
    /// The known ones.
    private(set) var known = 0

    /// Memory in octets.
    var footprint: Int {
        known * MemoryLayout<Entry>.stride + chunks.count * (MemoryLayout<Chunk>.stride + 32)
    }

    /// Messages came at the end. Less than there are is not taken.
    mutating func grow(to total: Int) {
        guard total > count else { return }
        tail += total - count
        count = total
    }

    mutating func removeAll() { self = IMAPMessageMap() }

    // MARK: By rank

    /// Ranks begin at 1.
    private func place(_ rank: Int) -> Place {
        var before = 0
        for number in chunks.indices {
            let span = chunks[number].span
            if before &+ span < rank {
                before &+= span
                continue
            }
            let entries = chunks[number].entries
            for index in entries.indices {
                before &+= Int(entries[index].gap) &+ 1
                if before >= rank { return Place(chunk: number, index: index, rank: before) }
            }
        }
        return Place(chunk: chunks.count, index: 0, rank: count + 1)
    }

    private func entry(_ place: Place) -> Entry? {
        guard chunks.indices.contains(place.chunk), chunks[place.chunk].entries.indices.contains(place.index) else {
            return nil
        }
        return chunks[place.chunk].entries[place.index]
    }

    subscript(rank: Int) -> Entry? {
        guard rank >= 1, rank <= count else { return nil }
        let place = place(rank)
        return place.rank == rank ? entry(place) : nil
    }

    /// The nearest messages with a known UID before and behind a rank, that rank left out.
    func neighbours(_ rank: Int) -> (before: (rank: Int, uid: UInt32)?, behind: (rank: Int, uid: UInt32)?) {
        var before: (rank: Int, uid: UInt32)?
        var at = 0
        for chunk in chunks {
            if at &+ chunk.span < rank, chunk.high == 0 {
                at &+= chunk.span
                continue
            }
            if at &+ chunk.span < rank {
                // The whole chunk lies before: its last UID counts, if no later chunk has a nearer one.
                var place = at &+ chunk.span
                for entry in chunk.entries.reversed() {
                    if entry.uid != 0 {
                        before = (place, entry.uid)
                        break
                    }
                    place &-= Int(entry.gap) &+ 1
                }
                at &+= chunk.span
                continue
            }
            if chunk.high == 0, at >= rank {
                at &+= chunk.span
                continue
            }
            for entry in chunk.entries {
                at &+= Int(entry.gap) &+ 1
                if entry.uid == 0 || at == rank { continue }
                if at > rank { return (before, (at, entry.uid)) }
                before = (at, entry.uid)
            }
        }
        return (before, nil)
    }

    /// Sets what is known of the message at a rank, which must be one. False when there is no room and it was not known.
    mutating func set(_ rank: Int, _ entry: Entry, limit: Int) -> Bool {
        guard rank >= 1, rank <= count else { return false }
        let place = place(rank)
        if place.rank == rank, chunks.indices.contains(place.chunk) {
            change(place, to: entry)
            return true
        }
        guard known < limit else { return false }
        insert(rank, entry, place)
        return true
    }

    private mutating func change(_ place: Place, to entry: Entry) {
        var entry = entry
        let old = chunks[place.chunk].entries[place.index]
        entry.gap = old.gap
        chunks[place.chunk].entries[place.index] = entry
        if old.uid != entry.uid { chunks[place.chunk].findBounds() }
    }

    /// Puts an entry into the gap before `place`.
    private mutating func insert(_ rank: Int, _ entry: Entry, _ place: Place) {
        var entry = entry
        known += 1
        guard chunks.indices.contains(place.chunk) else {
            // Behind all known ones.
            let last = count - tail
            entry.gap = UInt32(truncatingIfNeeded: rank - last - 1)
            tail = count - rank
            append(entry)
            return
        }
        let behind = chunks[place.chunk].entries[place.index]
        let first = place.rank - Int(behind.gap)
        entry.gap = UInt32(truncatingIfNeeded: rank - first)
        chunks[place.chunk].entries[place.index].gap = UInt32(truncatingIfNeeded: place.rank - rank - 1)
        chunks[place.chunk].entries.insert(entry, at: place.index)
        if entry.uid != 0 { chunks[place.chunk].findBounds() }
        split(place.chunk)
    }

    private mutating func append(_ entry: Entry) {
        // A full chunk at the end stays full: mailboxes are mostly read from front to back.
        if let last = chunks.indices.last, chunks[last].entries.count < Self.chunkLimit {
            chunks[last].entries.append(entry)
            chunks[last].span &+= Int(entry.gap) &+ 1
            if entry.uid != 0 {
                if chunks[last].low == 0 { chunks[last].low = entry.uid }
                chunks[last].high = entry.uid
            }
        } else {
            chunks.append(Chunk([entry]))
        }
    }

    private mutating func split(_ number: Int) {
        let entries = chunks[number].entries
        guard entries.count > Self.chunkLimit else { return }
        let half = entries.count / 2
        chunks[number] = Chunk(Array(entries[..<half]))
        chunks.insert(Chunk(Array(entries[half...])), at: number + 1)
    }

    /// The message at a rank is gone; those behind it move up.
    mutating func remove(_ rank: Int) {
        guard rank >= 1, rank <= count else { return }
        let place = place(rank)
        if chunks.indices.contains(place.chunk) {
            if place.rank == rank {
                forget(place)
                shrinkGap(rank)
            } else {
                chunks[place.chunk].entries[place.index].gap &-= 1
                chunks[place.chunk].span &-= 1
                count -= 1
            }
        } else {
            tail -= 1
            count -= 1
        }
    }

    /// One unknown message less at a rank, which is an unknown one's.
    private mutating func shrinkGap(_ rank: Int) {
        let place = place(rank)
        count -= 1
        if chunks.indices.contains(place.chunk), chunks[place.chunk].entries[place.index].gap > 0 {
            chunks[place.chunk].entries[place.index].gap &-= 1
            chunks[place.chunk].span &-= 1
        } else {
            tail = Swift.max(tail - 1, 0)
        }
    }

    /// The message at a place becomes unknown; it stays where it is.
    private mutating func forget(_ place: Place) {
        let entry = chunks[place.chunk].entries.remove(at: place.index)
        let freed = Int(entry.gap) &+ 1
        known -= 1
        if chunks[place.chunk].entries.indices.contains(place.index) {
            let gap = Int(chunks[place.chunk].entries[place.index].gap) &+ freed
            chunks[place.chunk].entries[place.index].gap = UInt32(truncatingIfNeeded: gap)
        } else {
            chunks[place.chunk].span &-= freed
            let behind = place.chunk + 1
            if chunks.indices.contains(behind) {
                let gap = Int(chunks[behind].entries[0].gap) &+ freed
                chunks[behind].entries[0].gap = UInt32(truncatingIfNeeded: gap)
                chunks[behind].span &+= freed
            } else {
                tail &+= freed
            }
        }
        if entry.uid != 0, entry.uid == chunks[place.chunk].low || entry.uid == chunks[place.chunk].high {
            chunks[place.chunk].findBounds()
        }
        merge(place.chunk)
    }

    /// Joins a chunk that lost entries with a neighbour, when both are small.
    private mutating func merge(_ number: Int) {
        let count = chunks[number].entries.count
        if count == 0 {
            chunks.remove(at: number)
        } else if number + 1 < chunks.count, count + chunks[number + 1].entries.count <= Self.mergeLimit {
            chunks[number] = Chunk(chunks[number].entries + chunks[number + 1].entries)
            chunks.remove(at: number + 1)
        } else if number > 0, count + chunks[number - 1].entries.count <= Self.mergeLimit {
            chunks[number - 1] = Chunk(chunks[number - 1].entries + chunks[number].entries)
            chunks.remove(at: number)
        }
    }

    // MARK: By UID

    /// The rank of a UID; nil when no known message has it.
    func rank(of uid: UInt32) -> Int? {
        guard uid != 0 else { return nil }
        var at = 0
        for chunk in chunks {
            if chunk.high < uid {
                at &+= chunk.span
                continue
            }
            if chunk.low > uid { return nil }
            for entry in chunk.entries {
                at &+= Int(entry.gap) &+ 1
                if entry.uid == uid { return at }
                if entry.uid > uid { return nil }
            }
        }
        return nil
    }

    /// The ranks between which all messages with UIDs of a range must be: that of the last known UID below it, or 0, and
    /// that of the first above it, or one beyond the last.
    private func bounds(_ uids: ClosedRange<UInt32>) -> (below: Int, above: Int, inside: Int, others: Int) {
        var below = 0
        var inside = 0
        var others = 0
        var at = 0
        for chunk in chunks {
            if chunk.high != 0, chunk.high < uids.lowerBound {
                // The last UID of the chunk may stand before entries without one.
                var place = at &+ chunk.span
                others = 0
                for entry in chunk.entries.reversed() {
                    if entry.uid != 0 { break }
                    others &+= 1
                    place &-= Int(entry.gap) &+ 1
                }
                below = place
                at &+= chunk.span
                continue
            }
            for entry in chunk.entries {
                at &+= Int(entry.gap) &+ 1
                if entry.uid == 0 {
                    others &+= 1
                } else if entry.uid < uids.lowerBound {
                    below = at
                    others = 0
                } else if entry.uid > uids.upperBound {
                    return (below, at, inside, others)
                } else {
                    inside &+= 1
                }
            }
        }
        return (below, count + 1, inside, others)
    }

    /// The messages with these UIDs are gone, each of them one that there was (RFC 7162 §3.2.10.2). False when there can't
    /// have been so many: then all between the neighbours are taken as gone.
    mutating func remove(uids: ClosedRange<UInt32>) -> Bool {
        let (below, above, inside, others) = bounds(uids)
        let room = above - below - 1
        let fits = uids.count <= room
        let gone = Swift.min(uids.count, room)
        if gone == inside {
            // Each one is known, wherever the others are.
            removeKnown(uids)
        } else {
            // Unknown ones are among them. Nobody can say where those without a known UID stand that remain.
            if inside > 0 || others > 0 { forget(between: below, and: above) }
            shrinkGap(below + 1, by: gone)
        }
        return fits
    }

    /// The known messages with these UIDs are gone; the gaps before them stay, and belong to what follows. Only chunks
    /// that hold such UIDs are looked at.
    private mutating func removeKnown(_ uids: ClosedRange<UInt32>) {
        var carried: UInt32 = 0
        var removed = 0
        var number = 0
        while number < chunks.count {
            if carried == 0 {
                if chunks[number].low > uids.upperBound { break }
                if chunks[number].high < uids.lowerBound {
                    number += 1
                    continue
                }
            }
            var kept: [Entry] = []
            for var entry in chunks[number].entries {
                if entry.uid != 0, uids.contains(entry.uid) {
                    carried &+= entry.gap
                    removed += 1
                } else {
                    entry.gap &+= carried
                    carried = 0
                    kept.append(entry)
                }
            }
            if kept.isEmpty {
                chunks.remove(at: number)
            } else if number > 0, kept.count + chunks[number - 1].entries.count <= Self.mergeLimit {
                chunks[number - 1] = Chunk(chunks[number - 1].entries + kept)
                chunks.remove(at: number)
            } else {
                chunks[number] = Chunk(kept)
                number += 1
            }
        }
        tail += Int(carried)
        known -= removed
        count -= removed
    }

    /// Nothing is known any more of the messages between two ranks.
    private mutating func forget(between below: Int, and above: Int) {
        while true {
            let place = place(below + 1)
            guard place.rank < above, chunks.indices.contains(place.chunk) else { return }
            forget(place)
        }
    }

    /// So many unknown messages less in the gap that holds a rank.
    private mutating func shrinkGap(_ rank: Int, by number: Int) {
        guard number > 0 else { return }
        let place = place(rank)
        count -= number
        if chunks.indices.contains(place.chunk) {
            let gap = Int(chunks[place.chunk].entries[place.index].gap)
            chunks[place.chunk].entries[place.index].gap = UInt32(truncatingIfNeeded: Swift.max(gap - number, 0))
            chunks[place.chunk].span &-= Swift.min(gap, number)
        } else {
            tail = Swift.max(tail - number, 0)
        }
    }

    /// The known ones of these UIDs are gone, of the others nothing is said; for mailboxes without sequence numbers.
    mutating func remove(knownUIDs uids: ClosedRange<UInt32>) { removeKnown(uids) }

    /// Puts a message in at its place in the order of UIDs, one more than there were; for mailboxes without sequence
    /// numbers. False when there is no room.
    mutating func insert(uid: UInt32, _ entry: Entry, limit: Int) -> Bool {
        guard known < limit else { return false }
        let above = bounds(uid...uid).above
        count += 1
        if above == count { tail += 1 } else { widenGap(above) }
        return set(above, entry, limit: limit)
    }

    /// One unknown message more before the known one at a rank.
    private mutating func widenGap(_ rank: Int) {
        let place = place(rank)
        guard chunks.indices.contains(place.chunk) else { return }
        chunks[place.chunk].entries[place.index].gap &+= 1
        chunks[place.chunk].span &+= 1
    }

    /// A UID fits between those of its neighbours: between them there is one for each message that stands there.
    func ascends(_ rank: Int, _ uid: UInt32) -> Bool {
        let (before, behind) = neighbours(rank)
        let lowest = before.map { UInt64($0.uid) + UInt64(rank - $0.rank) } ?? UInt64(rank)
        if UInt64(uid) < lowest { return false }
        if let behind, UInt64(uid) + UInt64(behind.rank - rank) > UInt64(behind.uid) { return false }
        return true
    }

    // MARK: All

    /// Gives each known message with its rank, in order.
    func forEach(_ body: (Int, Entry) -> Void) {
        var rank = 0
        for chunk in chunks {
            for entry in chunk.entries {
                rank &+= Int(entry.gap) &+ 1
                body(rank, entry)
            }
        }
    }
}
