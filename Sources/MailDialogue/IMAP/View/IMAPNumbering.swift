// Which message has which sequence number (RFC 9051 §2.3.1.2), for who keeps the messages himself: he gives each a handle, and
// numbers are moved here as the server says.

/// The sequence numbers of the selected mailbox, as far as they were seen.
package struct IMAPNumbering: Equatable, Sendable {
    /// How many messages there are; nil as long as it was not told.
    package private(set) var exists: UInt32?
    /// Something was told of more messages than have a place.
    package private(set) var overflowed = false
    /// Messages that have a place at most.
    private let limit: Int
    private var map = IMAPMessageMap<UInt32>()

    package init(limit: Int = 200_000) { self.limit = limit }

    /// Messages with a handle.
    package var known: Int { map.known }

    /// EXISTS. When the count goes back, which it must not, nobody knows which ones are gone.
    package mutating func exists(_ count: UInt32) {
        if let exists, count < exists { map.removeAll() }
        exists = count
        map.grow(to: Int(count))
    }

    /// The handle of the message with this number.
    package subscript(number: UInt32) -> UInt32? { map[Int(number)]?.value }

    /// The UID of the message with this number.
    package func uid(_ number: UInt32) -> UInt32? {
        guard let uid = map[Int(number)]?.uid, uid != 0 else { return nil }
        return uid
    }

    /// A message was told of. A UID that does not ascend (RFC 9051 §2.3.1.1) is not taken.
    package mutating func set(_ number: UInt32, uid: UInt32?, handle: UInt32) {
        let rank = Int(number)
        var entry = map[rank] ?? IMAPMessageMap.Entry(handle)
        entry.value = handle
        if let uid, uid != entry.uid { entry.uid = map.ascends(rank, uid) ? uid : 0 }
        if !map.set(rank, entry, limit: limit), exists.map({ number <= $0 }) == true { overflowed = true }
    }

    /// EXPUNGE: gives the handle of the message that is gone.
    package mutating func expunge(_ number: UInt32) -> UInt32? {
        guard let count = exists, number >= 1, number <= count else { return nil }
        let handle = self[number]
        exists = count - 1
        map.remove(Int(number))
        return handle
    }

    /// VANISHED without EARLIER (RFC 7162 §3.2.10.2): each of these UIDs was that of a message.
    package mutating func vanished(_ uids: ClosedRange<UInt32>) {
        guard exists != nil else { return }
        _ = map.remove(uids: uids)
        exists = UInt32(truncatingIfNeeded: map.count)
    }

    /// What was told was lost in part: no number is sure.
    package mutating func forget() {
        exists = nil
        map.removeAll()
    }

    /// Gives the messages with a handle in order: number, UID (nil when it was not told), handle.
    package func forEach(_ body: (UInt32, UInt32?, UInt32) -> Void) {
        map.forEach { rank, entry in
            body(UInt32(truncatingIfNeeded: rank), entry.uid == 0 ? nil : entry.uid, entry.value)
        }
    }
}
