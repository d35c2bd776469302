// The mailbox of an account as its client believed it to be: folders and messages, from what servers said and clients did.
//
// Nothing is invented. What was not told is nil; a message is dropped when it was told to be gone, or when sequence numbers leave no
// place for it (RFC 9051 §2.3.1: UIDs ascend with them). Where a client drew its own conclusion, as with the flags of a silent STORE,
// the flags say that they are inferred.
//
// Bounded in memory and linear in time: messages and their details have a budget, and a step that looks at many messages for a few
// octets (STORE 1:* without an answer) is paid for from octets that came before. What a budget left out is counted.

import MailDialogue

/// The folders of an account.
package struct MailboxBelief: Sendable {
    /// Messages that are kept, folders, and octets of envelopes and the like.
    static let mostMessages = 150_000
    static let mostFolders = 20_000
    static let mostDetails = 32 << 20
    /// Looks at a message that an octet pays for.
    private static let workPerOctet = 16

    package private(set) var folders: [BelievedFolder] = []
    /// Places in `folders` by name.
    private var places: [String: Int] = [:]
    private(set) var messages: [UInt32: BelievedMessage] = [:]
    private var nextSerial: UInt32 = 1
    private var details = 0
    private var work = 0
    /// Messages, folders and details that had no room.
    package private(set) var notKept = 0
    /// Changes that were not followed: too many messages for too few octets, or a set that only the server knows.
    package private(set) var notFollowed = 0
    /// Octets of its sessions are missing.
    package var hasGaps = false
    /// Sessions that told of it.
    package var sessions = 0
    /// When it was told of last; microseconds since 1970.
    package var last: Int64 = 0

    package init() {}

    // MARK: Budgets

    /// Octets came that pay for what is done next.
    mutating func earn(_ octets: Int) { work = min(work &+ octets &* Self.workPerOctet, 1 << 40) }

    /// Pays for looks at so many messages; false when there is not enough.
    mutating func pay(_ looks: Int) -> Bool {
        guard looks <= 64 || work >= looks else {
            notFollowed += 1
            return false
        }
        work = max(0, work - looks)
        return true
    }

    mutating func fail() { notFollowed += 1 }

    // MARK: Folders

    /// What a folder is known by: names of both encodings are one, and so are all cases of INBOX (RFC 9051 §5.1).
    static func key(_ wireName: ArraySlice<UInt8>) -> String {
        IMAPMailboxName.isInbox(wireName) ? "INBOX" : IMAPMailboxName.text(wireName)
    }

    /// The place of a folder, if it is known.
    func place(_ wireName: ArraySlice<UInt8>) -> Int? { places[Self.key(wireName)] }

    /// The place of a folder, a new one when it was not known; nil when there is no room.
    mutating func folder(_ wireName: ArraySlice<UInt8>, at time: Int64) -> Int? {
        let key = Self.key(wireName)
        if let place = places[key] { return place }
        guard wireName.count <= 4096, folders.count < Self.mostFolders else {
            notKept += 1
            return nil
        }
        folders.append(BelievedFolder(wireName: Array(wireName), name: key, time: time))
        places[key] = folders.count - 1
        return folders.count - 1
    }

    /// Changes a folder in place.
    mutating func change(_ folder: Int, _ body: (inout BelievedFolder) -> Void) {
        guard folders.indices.contains(folder) else { return }
        body(&folders[folder])
    }

    /// The folder is no more, or never was. Its place stays, so that views of it which are open stay harmless.
    mutating func remove(folder: Int) {
        guard folders.indices.contains(folder) else { return }
        removeMessages(folder)
        places[folders[folder].name] = nil
        let gone = folders[folder]
        folders[folder] = BelievedFolder(wireName: gone.wireName, name: gone.name, time: gone.time)
    }

    /// The folders that are there.
    package var present: [Int] { folders.indices.filter { places[folders[$0].name] == $0 } }

    /// RENAME (RFC 9051 §6.3.6): the folder and those below it have another name; of INBOX the messages move, it stays.
    mutating func rename(_ from: ArraySlice<UInt8>, to wireName: ArraySlice<UInt8>, at time: Int64) {
        guard let old = place(from), pay(folders.count) else { return }
        let delimiter = folders[old].delimiter ?? folders.lazy.compactMap(\.delimiter).first
        var moves: [(Int, [UInt8])] = [(old, Array(wireName))]
        if let delimiter, folders[old].name != "INBOX" {
            let prefix = Array(from) + [delimiter]
            for place in present where folders[place].wireName.starts(with: prefix) {
                moves.append((place, Array(wireName) + folders[place].wireName.dropFirst(prefix.count - 1)))
            }
        }
        for (place, name) in moves {
            guard let target = folder(name[...], at: time), target != place else { continue }
            let source = folders[place]
            removeMessages(target)
            var moved = source
            moved = BelievedFolder(wireName: name, name: folders[target].name, time: time)
            moved.attributes = source.attributes
            moved.delimiter = source.delimiter
            moved.uidValidity = source.uidValidity
            moved.uidNext = source.uidNext
            moved.highestModSeq = source.highestModSeq
            moved.count = source.count
            moved.unseen = source.unseen
            moved.wasOpened = source.wasOpened
            moved.appendedWithoutUID = source.appendedWithoutUID
            moved.keywords = source.keywords
            (moved.byUID, moved.unnumbered, moved.byUIDL) = (source.byUID, source.unnumbered, source.byUIDL)
            folders[target] = moved
            folders[place].byUID = [:]
            folders[place].unnumbered = []
            folders[place].byUIDL = [:]
            if source.name == "INBOX" {
                // A new INBOX, empty as far as the client knows.
                folders[place].count = 0
            } else {
                remove(folder: place)
            }
        }
    }

    /// UIDVALIDITY: with another one all UIDs mean something else (RFC 9051 §2.3.1.1).
    mutating func uidValidity(_ value: UInt32, of folder: Int) {
        guard folders.indices.contains(folder) else { return }
        if let before = folders[folder].uidValidity, before != value {
            removeMessages(folder)
            folders[folder].uidNext = nil
            folders[folder].highestModSeq = nil
        }
        folders[folder].uidValidity = value
    }

    // MARK: Messages

    /// The serial number of a message with a UID.
    func serial(_ uid: UInt32, in folder: Int) -> UInt32? {
        folders.indices.contains(folder) ? folders[folder].byUID[uid] : nil
    }

    /// Makes a message; nil when there is no room. Without a UID it is known by its serial number alone.
    mutating func add(uid: UInt32, to folder: Int, at time: Int64) -> UInt32? {
        guard folders.indices.contains(folder), messages.count < Self.mostMessages else {
            notKept += 1
            return nil
        }
        let serial = nextSerial
        nextSerial &+= 1
        messages[serial] = BelievedMessage(uid: uid, time: time)
        if uid == 0 { folders[folder].unnumbered.insert(serial) } else { folders[folder].byUID[uid] = serial }
        return serial
    }

    /// The message with a UID, a new one when it was not known.
    mutating func message(uid: UInt32, in folder: Int, at time: Int64) -> UInt32? {
        serial(uid, in: folder) ?? add(uid: uid, to: folder, at: time)
    }

    /// Changes a message in place.
    mutating func change(message serial: UInt32, _ body: (inout BelievedMessage) -> Void) {
        guard let place = messages.index(forKey: serial) else { return }
        body(&messages.values[place])
    }

    /// The UID of a message that was known without one. When another is known by it, both are the same message.
    /// - Returns: the serial number of the message.
    mutating func identify(_ serial: UInt32, uid: UInt32, in folder: Int) -> UInt32 {
        guard folders.indices.contains(folder), let message = messages[serial], message.uid != uid else {
            return serial
        }
        if let known = folders[folder].byUID[uid], known != serial, messages[known] != nil {
            if message.uid == 0 {
                change(message: known) { $0.fill(from: message) }
                remove(message: serial, from: folder)
            }
            return known
        }
        if message.uid != 0 { folders[folder].byUID[message.uid] = nil }
        folders[folder].unnumbered.remove(serial)
        folders[folder].byUID[uid] = serial
        change(message: serial) { $0.uid = uid }
        return serial
    }

    /// The unique id of a message of a maildrop, in the same way.
    mutating func identify(_ serial: UInt32, uidl: String, in folder: Int) -> UInt32 {
        guard folders.indices.contains(folder), let message = messages[serial], message.uidl != uidl else {
            return serial
        }
        if let known = folders[folder].byUIDL[uidl], known != serial, messages[known] != nil {
            if message.uidl == nil {
                change(message: known) { $0.fill(from: message) }
                remove(message: serial, from: folder)
            }
            return known
        }
        guard keep(uidl.utf8.count + 80) else { return serial }
        if let before = message.uidl {
            folders[folder].byUIDL[before] = nil
            details -= before.utf8.count + 80
        }
        folders[folder].unnumbered.remove(serial)
        folders[folder].byUIDL[uidl] = serial
        change(message: serial) { $0.uidl = uidl }
        return serial
    }

    mutating func remove(message serial: UInt32, from folder: Int) {
        guard let message = messages.removeValue(forKey: serial) else { return }
        details -= message.envelope?.weight ?? 0
        if message.content != nil { details -= SeenContent.weight }
        if let uidl = message.uidl { details -= uidl.utf8.count + 80 }
        guard folders.indices.contains(folder) else { return }
        if message.uid != 0, folders[folder].byUID[message.uid] == serial { folders[folder].byUID[message.uid] = nil }
        if let uidl = message.uidl, folders[folder].byUIDL[uidl] == serial { folders[folder].byUIDL[uidl] = nil }
        folders[folder].unnumbered.remove(serial)
    }

    mutating func remove(uid: UInt32, from folder: Int) {
        if let serial = serial(uid, in: folder) { remove(message: serial, from: folder) }
    }

    private mutating func removeMessages(_ folder: Int) {
        guard folders.indices.contains(folder) else { return }
        for serial in serials(folder) { remove(message: serial, from: folder) }
    }

    /// The serial numbers of all messages of a folder.
    func serials(_ folder: Int) -> [UInt32] {
        guard folders.indices.contains(folder) else { return [] }
        return Array(folders[folder].byUID.values) + folders[folder].unnumbered + folders[folder].byUIDL.values
    }

    /// Room for details of a message.
    mutating func keep(_ octets: Int) -> Bool {
        guard details &+ octets <= Self.mostDetails else {
            notKept += 1
            return false
        }
        details += octets
        return true
    }

    mutating func set(_ envelope: BelievedEnvelope, of serial: UInt32) {
        guard let message = messages[serial], message.envelope == nil, keep(envelope.weight) else { return }
        change(message: serial) { $0.envelope = envelope }
    }

    mutating func set(_ content: SeenContent, of serial: UInt32) {
        guard let message = messages[serial] else { return }
        if message.content == nil, !keep(SeenContent.weight) { return }
        change(message: serial) { $0.content = content }
    }

    /// The set of flags that names make in a folder.
    mutating func flags(_ names: [UInt8], in folder: Int) -> IMAPFlagSet {
        guard folders.indices.contains(folder) else { return IMAPFlagSet(bits: 0) }
        return folders[folder].keywords.flags(names[...])
    }

    /// What is known of a message is true of its copy in another folder too (RFC 9051 §6.4.7).
    mutating func copy(_ serial: UInt32, from folder: Int, to copy: UInt32, in target: Int) {
        guard let message = messages[serial], folders.indices.contains(folder), let old = messages[copy] else { return }
        var flags = IMAPFlagSet(bits: 0)
        if message.flags.contains(.known) {
            let names = folders[folder].names(of: message.flags.subtracting(.recent))
            flags = self.flags(Array(names.joined(separator: " ").utf8), in: target)
        }
        let isTold = old.flags.contains(.known) && !old.flagsAreInferred
        if let envelope = message.envelope { set(envelope, of: copy) }
        if let content = message.content { set(content, of: copy) }
        change(message: copy) { made in
            made.origin = .copied
            made.size = made.size ?? message.size
            made.internalDate = made.internalDate ?? message.internalDate
            made.headerWasSeen = made.headerWasSeen || message.headerWasSeen
            made.partWasSeen = made.partWasSeen || message.partWasSeen
            if !isTold, flags.contains(.known) {
                made.flags = flags
                made.flagsAreInferred = true
            }
        }
    }

    // MARK: What numbers leave no place for

    /// Drops messages that can't be there any more: between two UIDs of neighbours there is none, nor before the first message
    /// or behind the last.
    mutating func reconcile(_ numbering: IMAPNumbering, with folder: Int) {
        guard folders.indices.contains(folder), let exists = numbering.exists, !numbering.overflowed else { return }
        let count = folders[folder].byUID.count
        if count == 0 || exists > 0 && numbering.known == 0 { return }
        // Sorting looks at each some twenty times at most.
        guard pay(numbering.known + count * 20) else { return }
        var free: [Range<UInt64>] = []
        var last: (number: UInt32, uid: UInt64) = (0, 0)
        numbering.forEach { number, uid, _ in
            guard let uid else { return }
            if number > last.number + 1 { free.append(last.uid + 1..<max(last.uid + 1, UInt64(uid))) }
            last = (number, UInt64(uid))
        }
        if last.number < exists { free.append(last.uid + 1..<UInt64(UInt32.max) + 1) }
        var told: Set<UInt32> = []
        numbering.forEach { _, uid, _ in if let uid { told.insert(uid) } }
        var place = 0
        for uid in folders[folder].byUID.keys.sorted() where !told.contains(uid) {
            while place < free.count, free[place].upperBound <= UInt64(uid) { place += 1 }
            if place < free.count, free[place].contains(UInt64(uid)) { continue }
            remove(uid: uid, from: folder)
        }
    }
}
