// What an observer can know of the selected mailbox (RFC 9051 §2.3.1, §5.2, §7.3 to §7.5; RFC 7162): counts, UIDs, flags
// and mod-sequences as far as the server told them, bounded in size.
//
// Each method takes one thing that the server said and answers with what contradicts what it said before. Only a
// contradiction that no order of events can explain is one: a number that was not heard is unknown, never wrong. After
// octets were lost, `forget` drops all that may have changed meanwhile.

/// The selected mailbox as it was seen.
package struct IMAPMailboxView: Equatable, Sendable {
    /// Bounds of what is kept.
    package struct Limits: Equatable, Sendable {
        /// Messages of which something is kept. 24 octets each.
        package var messages: Int
        /// Octets that the view may take, keywords and all.
        package var octets: Int

        package init(messages: Int = 100_000, octets: Int = 4_194_304) {
            self.messages = messages
            self.octets = octets
        }

        /// Messages that both bounds allow: an entry and its share of a chunk.
        var entries: Int { Swift.max(0, Swift.min(messages, octets / 28)) }
    }

    /// A contradiction. `number` is a sequence number, 0 where there is none.
    package enum Fault: Equatable, Sendable {
        /// RFC 9051 §5.2: EXISTS never lowers the count.
        case existsShrank(from: UInt32, to: UInt32)
        /// RFC 9051 §7.5.1: EXPUNGE of a message that is not there.
        case expungeBeyondExists(number: UInt32, exists: UInt32)
        /// RFC 9051 §7.5.2: FETCH of a message that is not there.
        case numberBeyondExists(number: UInt32, exists: UInt32)
        /// RFC 9051 §2.3.1.1: UIDs ascend with the sequence numbers, at least one by one.
        case uidNotAscending(number: UInt32, uid: UInt32)
        /// RFC 9051 §2.3.1.1: the UID of a message changed.
        case uidChanged(number: UInt32, from: UInt32, to: UInt32)
        /// RFC 7162 §3.1: the mod-sequence of a message went back.
        case modSeqWentBack(number: UInt32, from: UInt64, to: UInt64)
        /// RFC 7162 §3.1.2.1: HIGHESTMODSEQ went back.
        case highestModSeqWentBack(from: UInt64, to: UInt64)
        /// RFC 9051 §2.3.1.1: UIDVALIDITY changed while the mailbox was selected.
        case uidValidityChanged(from: UInt32, to: UInt32)
        /// RFC 9051 §2.3.1.1: UIDNEXT went back.
        case uidNextWentBack(from: UInt32, to: UInt32)
        /// RFC 7162 §3.2.10.2: VANISHED names a message that was not there.
        case vanishedUnknown(first: UInt32, last: UInt32)
    }

    /// A message as far as it is known.
    package struct Message: Equatable, Sendable {
        /// 0 in a session without sequence numbers (RFC 9586).
        package var number: UInt32
        package var uid: UInt32?
        package var flags: IMAPFlagSet?
        package var modSeq: UInt64?
    }

    package let limits: Limits
    /// The mailbox's name as the client wrote it.
    package private(set) var name: String
    package private(set) var isReadOnly: Bool
    package private(set) var uidValidity: UInt32?
    package private(set) var uidNext: UInt32?
    /// How many messages there are; nil as long as it was not told.
    package private(set) var exists: UInt32?
    package private(set) var recent: UInt32?
    /// The names that FLAGS told; nil as long as it was not.
    package private(set) var flags: IMAPFlagSet?
    package private(set) var permanentFlags: IMAPFlagSet?
    /// PERMANENTFLAGS has `\*`: clients may make keywords.
    package private(set) var allowsNewKeywords = false
    package private(set) var highestModSeq: UInt64?
    /// NOMODSEQ was told (RFC 7162 §3.1.2.2).
    package private(set) var hasNoModSeq = false
    package private(set) var keywords = IMAPKeywordTable()
    /// There are no sequence numbers (UIDONLY, RFC 9586 §3).
    package private(set) var isUIDOnly: Bool
    /// Something was told of more messages than are kept.
    package private(set) var overflowed = false

    /// What is told of a message beside its UID.
    private struct Facts: Equatable, Sendable {
        /// 0 when it was not told.
        var modSeq: UInt64 = 0
        /// Without `.known` when they were not told.
        var flags = IMAPFlagSet(bits: 0)
    }

    private var map = IMAPMessageMap<Facts>()

    package init(name: String, isReadOnly: Bool = false, isUIDOnly: Bool = false, limits: Limits = Limits()) {
        self.name = name
        self.isReadOnly = isReadOnly
        self.isUIDOnly = isUIDOnly
        self.limits = limits
    }

    // MARK: What the server says

    package mutating func setReadOnly(_ isReadOnly: Bool) { self.isReadOnly = isReadOnly }

    /// UIDONLY was enabled: sequence numbers mean nothing from now on.
    package mutating func enableUIDOnly() {
        guard !isUIDOnly else { return }
        isUIDOnly = true
        map.removeAll()
    }

    package mutating func exists(_ count: UInt32) -> [Fault] {
        let before = exists
        exists = count
        if let before, count < before {
            // Which ones are gone can't be known.
            map.removeAll()
            if !isUIDOnly { map.grow(to: Int(count)) }
            return [.existsShrank(from: before, to: count)]
        }
        if !isUIDOnly { map.grow(to: Int(count)) }
        return []
    }

    package mutating func recent(_ count: UInt32) { recent = count }

    package mutating func expunge(_ number: UInt32) -> [Fault] {
        guard let count = exists else { return [] }
        guard number >= 1, number <= count else { return [.expungeBeyondExists(number: number, exists: count)] }
        exists = count - 1
        if !isUIDOnly { map.remove(Int(number)) }
        return []
    }

    /// VANISHED. The earlier ones were gone before anything was told of them: they renumber nothing (RFC 7162 §3.2.10.1).
    package mutating func vanished(_ uids: IMAPNumberSet, isEarlier: Bool) -> [Fault] {
        guard !isEarlier else { return [] }
        var faults: [Fault] = []
        for range in uids.ranges where !range.hasStar {
            guard let count = exists else { break }
            let named = range.resolved(largest: 0)
            let fits: Bool
            if isUIDOnly {
                fits = named.count <= Int(count)
                map.remove(knownUIDs: named)
            } else {
                fits = map.remove(uids: named)
            }
            exists = UInt32(truncatingIfNeeded: Swift.max(Int(count) - named.count, 0))
            if !isUIDOnly { exists = UInt32(truncatingIfNeeded: map.count) }
            if !fits, faults.count < 16 {
                faults.append(.vanishedUnknown(first: named.lowerBound, last: named.upperBound))
            }
        }
        return faults
    }

    package mutating func uidValidity(_ value: UInt32) -> [Fault] {
        let before = uidValidity
        uidValidity = value
        guard let before, before != value else { return [] }
        // All UIDs mean something else now.
        uidNext = nil
        highestModSeq = nil
        forgetMessages()
        return [.uidValidityChanged(from: before, to: value)]
    }

    package mutating func uidNext(_ value: UInt32) -> [Fault] {
        let before = uidNext
        uidNext = value
        if let before, value < before { return [.uidNextWentBack(from: before, to: value)] }
        return []
    }

    package mutating func highestModSeq(_ value: UInt64) -> [Fault] {
        let before = highestModSeq
        highestModSeq = value
        if let before, value < before { return [.highestModSeqWentBack(from: before, to: value)] }
        return []
    }

    package mutating func noModSeq() { hasNoModSeq = true }

    /// FLAGS, as names parted by spaces.
    package mutating func flags(_ names: ArraySlice<UInt8>) { flags = keywords.flags(names) }

    /// PERMANENTFLAGS, as names parted by spaces.
    package mutating func permanentFlags(_ names: ArraySlice<UInt8>) {
        let star: [UInt8] = [UInt8(ascii: "\\"), UInt8(ascii: "*")]
        let all = names.split(separator: 32)
        allowsNewKeywords = all.contains { $0.elementsEqual(star) }
        var set = IMAPFlagSet.known
        for name in all where !name.elementsEqual(star) { set = set.union(keywords.flag(name)) }
        permanentFlags = set
    }

    /// The set that names parted by spaces make; keywords get a number.
    package mutating func flagSet(_ names: ArraySlice<UInt8>) -> IMAPFlagSet { keywords.flags(names) }

    /// FETCH told something of a message. What is nil was not told.
    package mutating func fetched(
        _ number: UInt32, uid: UInt32? = nil, flags: IMAPFlagSet? = nil, modSeq: UInt64? = nil
    ) -> [Fault] {
        guard let count = exists, !isUIDOnly else { return [] }
        guard number >= 1, number <= count else { return [.numberBeyondExists(number: number, exists: count)] }
        var faults: [Fault] = []
        let rank = Int(number)
        var entry = map[rank] ?? IMAPMessageMap.Entry(Facts())
        if let uid, uid != entry.uid {
            if entry.uid != 0 { faults.append(.uidChanged(number: number, from: entry.uid, to: uid)) }
            if map.ascends(rank, uid) {
                entry.uid = uid
            } else {
                faults.append(.uidNotAscending(number: number, uid: uid))
                entry.uid = 0
            }
        }
        take(flags, modSeq, number, into: &entry, &faults)
        if !map.set(rank, entry, limit: limits.entries) { overflowed = true }
        return faults
    }

    /// UIDFETCH told something of a message (RFC 9586 §3.3).
    package mutating func fetched(uid: UInt32, flags: IMAPFlagSet? = nil, modSeq: UInt64? = nil) -> [Fault] {
        guard uid != 0 else { return [] }
        var faults: [Fault] = []
        if let rank = map.rank(of: uid), var entry = map[rank] {
            take(flags, modSeq, isUIDOnly ? 0 : UInt32(truncatingIfNeeded: rank), into: &entry, &faults)
            _ = map.set(rank, entry, limit: limits.entries)
        } else if isUIDOnly {
            var entry = IMAPMessageMap.Entry(uid: uid, Facts())
            take(flags, modSeq, 0, into: &entry, &faults)
            if !map.insert(uid: uid, entry, limit: limits.entries) { overflowed = true }
        }
        return faults
    }

    private func take(
        _ flags: IMAPFlagSet?, _ modSeq: UInt64?, _ number: UInt32, into entry: inout IMAPMessageMap<Facts>.Entry,
        _ faults: inout [Fault]
    ) {
        if let flags { entry.value.flags = flags.union(.known) }
        if let modSeq {
            if modSeq < entry.value.modSeq {
                faults.append(.modSeqWentBack(number: number, from: entry.value.modSeq, to: modSeq))
            }
            entry.value.modSeq = modSeq
        }
    }

    // MARK: Loss

    /// Octets of the server were lost: counts, numbers, flags and mod-sequences may have changed. What can't change while
    /// the mailbox is selected stays.
    package mutating func forget() {
        exists = nil
        recent = nil
        flags = nil
        permanentFlags = nil
        uidNext = nil
        map.removeAll()
    }

    private mutating func forgetMessages() {
        map.removeAll()
        if let exists, !isUIDOnly { map.grow(to: Int(exists)) }
    }

    // MARK: Questions

    /// The UID of the message with this sequence number.
    package func uid(of number: UInt32) -> UInt32? {
        guard !isUIDOnly, let entry = map[Int(number)], entry.uid != 0 else { return nil }
        return entry.uid
    }

    /// The sequence number of the message with this UID.
    package func sequence(of uid: UInt32) -> UInt32? {
        guard !isUIDOnly else { return nil }
        return map.rank(of: uid).map { UInt32(truncatingIfNeeded: $0) }
    }

    /// What is known of the message with this sequence number.
    package func message(_ number: UInt32) -> Message? {
        guard !isUIDOnly else { return nil }
        return map[Int(number)].map { message(Int(number), $0) }
    }

    /// What is known of the message with this UID.
    package func message(uid: UInt32) -> Message? {
        guard let rank = map.rank(of: uid), let entry = map[rank] else { return nil }
        return message(rank, entry)
    }

    /// The flags of the message with this sequence number.
    package func flags(of number: UInt32) -> IMAPFlagSet? { message(number)?.flags }

    /// Messages of which something is known.
    package var knownMessages: Int { map.known }

    /// Everything is known that the server can tell: the UID of each message.
    package var isComplete: Bool {
        guard let exists, !overflowed, map.known == Int(exists) else { return false }
        var complete = true
        map.forEach { _, entry in if entry.uid == 0 { complete = false } }
        return complete
    }

    /// Gives each known message, in order.
    package func forEachMessage(_ body: (Message) -> Void) {
        map.forEach { rank, entry in body(message(rank, entry)) }
    }

    /// Memory that the view takes beyond its own fields, in octets.
    package var footprint: Int { map.footprint + keywords.names.reduce(0) { $0 + $1.count + 48 } }

    private func message(_ rank: Int, _ entry: IMAPMessageMap<Facts>.Entry) -> Message {
        Message(
            number: isUIDOnly ? 0 : UInt32(truncatingIfNeeded: rank), uid: entry.uid == 0 ? nil : entry.uid,
            flags: entry.value.flags.contains(.known) ? entry.value.flags : nil,
            modSeq: entry.value.modSeq == 0 ? nil : entry.value.modSeq)
    }
}
