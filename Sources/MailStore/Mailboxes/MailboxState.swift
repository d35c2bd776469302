// What is known of a mailbox: one value for all sessions that have it open, behind the lock of its Mailbox. The truth
// is on the disk: which messages there are and their flags in the names of the files, their UIDs in the index. This
// value follows it.
//
// Messages are in order of UID. Every change gets a new version; a session that knows the version up to which it was
// told finds what came after. Its own changes of flags and its own removals, which it was told in the reply, are
// marked with its number.

import MailSessions

/// A message of a mailbox.
struct StoredMessage: Sendable {
    let uid: UInt32
    /// Name of the file up to `:`.
    let base: String
    /// Whole name of the file.
    var name: String
    /// In `new`, not yet in `cur`.
    var isNew: Bool
    var flags: MaildirFlags
    /// Octets with CRLF line ends.
    let size: Int
    /// Seconds since 1970.
    let date: Int64
    /// When the flags last changed, and which session did it.
    var changed: UInt64 = 0
    var author: UInt64 = 0
}

/// When a directory changed last, as far as a look at it shows.
struct DirectoryStamp: Equatable, Sendable {
    var modified: Int64 = 0
    var nanoseconds = 0
    var inode: UInt64 = 0
    /// Looked at within the granularity of the clock of files after the change: a later change may bear the same time.
    var isProvisional = true
}

struct MailboxState: Sendable {
    struct Removal: Sendable {
        var version: UInt64
        var uid: UInt32
        var author: UInt64
    }

    let directory: String
    let home: AccountHome
    var files: any FileSystem { home.files }

    /// The index was read and the directories were looked at.
    var isLoaded = false
    /// The mailbox was removed or renamed.
    var isGone = false
    /// Counts the UIDVALIDITY values: sessions of an earlier one have lost what they knew.
    var epoch: UInt64 = 0
    var validity: UInt32 = 0
    var next: UInt32 = 1

    /// Lines in the index file, its length, and whether it must be written anew (an append failed).
    var indexLines = 0
    var indexLength = 0
    var needsRewrite = false

    var records: [StoredMessage] = []
    var uids: [String: UInt32] = [:]
    var keywords = KeywordTable()
    /// How many records are in `new`.
    var newCount = 0

    var version: UInt64 = 1
    var removals: [Removal] = []
    /// Open sessions and the version up to which each was told.
    var sessions: [UInt64: UInt64] = [:]

    var newStamp = DirectoryStamp()
    var curStamp = DirectoryStamp()
    /// Changes of our own were taken into the stamp of `cur`; a change by others at the same moment would be hidden
    /// by them.
    var mayHide = false
    /// Deliveries of ours that the last look at `new` had seen.
    var arrivalsSeen = -1

    init(home: AccountHome, directory: String) {
        self.home = home
        self.directory = directory
    }

    func path(_ record: StoredMessage) -> String { directory + (record.isNew ? "/new/" : "/cur/") + record.name }

    /// Where in `records` a UID is.
    func index(of uid: UInt32) -> Int? {
        let index = insertionIndex(uid)
        return index < records.count && records[index].uid == uid ? index : nil
    }

    /// The first record whose UID is `uid` or greater.
    func insertionIndex(_ uid: UInt32) -> Int {
        var low = 0
        var high = records.count
        while low < high {
            let middle = low + (high - low) / 2
            if records[middle].uid < uid { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Forgets messages whose files are gone. `positions` ascend.
    mutating func drop(positions: [Int], author: UInt64) {
        guard let first = positions.first else { return }
        version &+= 1
        var dropped = positions[...]
        var kept = first
        for position in first..<records.count {
            if dropped.first == position {
                dropped.removeFirst()
                let record = records[position]
                uids[record.base] = nil
                if record.isNew { newCount -= 1 }
                if !sessions.isEmpty { removals.append(Removal(version: version, uid: record.uid, author: author)) }
            } else {
                records[kept] = records[position]
                kept += 1
            }
        }
        records.removeLast(records.count - kept)
    }

    /// Removals that every open session was told are forgotten.
    mutating func pruneRemovals() {
        guard let oldest = sessions.values.min() else {
            removals.removeAll()
            return
        }
        guard let first = removals.first, first.version <= oldest else { return }
        removals.removeAll { $0.version <= oldest }
    }

    /// Everything that was known holds no more: another UIDVALIDITY begins.
    mutating func startOver() {
        epoch &+= 1
        version &+= 1
        records.removeAll()
        uids.removeAll()
        removals.removeAll()
        newCount = 0
        next = 1
        indexLines = 0
        indexLength = 0
        needsRewrite = true
        newStamp = DirectoryStamp()
        curStamp = DirectoryStamp()
    }

    func status(name: String) -> MailboxStatus {
        var result = MailboxStatus(
            name: name, messages: records.count, unseen: 0, deleted: 0, size: 0, uidValidity: validity, uidNext: next)
        for record in records {
            if !record.flags.contains(MaildirFlags.seen) { result.unseen += 1 }
            if record.flags.contains(MaildirFlags.trashed) { result.deleted += 1 }
            result.size = result.size &+ record.size
        }
        return result
    }

    /// What the session is told of these messages.
    func entries(_ selected: some Sequence<StoredMessage>) -> [MessageEntry] {
        // Few combinations of flags occur: one array is shared by all messages that have it.
        var known: [MaildirFlags: [String]] = [:]
        return selected.map { record in
            let flags: [String]
            if let shared = known[record.flags] {
                flags = shared
            } else {
                flags = keywords.flags(record.flags)
                known[record.flags] = flags
            }
            return MessageEntry(
                uid: record.uid, flags: flags, size: record.size, internalDate: record.date,
                uniqueID: UniqueID.of(record.base))
        }
    }

    /// What changed for a session since the version that it knows; `lastUID` is the greatest UID that it was told.
    mutating func changes(session: UInt64, lastUID: UInt32) -> MailboxChanges {
        guard let since = sessions[session] else { return MailboxChanges(lost: true) }
        var result = MailboxChanges()
        guard since != version else { return result }
        result.removed = removals.filter { $0.version > since && $0.author != session && $0.uid <= lastUID }.map(\.uid)
        result.removed.sort()
        let firstNew = insertionIndex(lastUID == .max ? .max : lastUID + 1)
        result.flags = entries(records[..<firstNew].lazy.filter { $0.changed > since && $0.author != session })
        result.added = entries(records[firstNew...])
        sessions[session] = version
        pruneRemovals()
        return result
    }
}
