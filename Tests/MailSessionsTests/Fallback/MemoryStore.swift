// A store in memory for the tests of our servers: what the store promises, without files.

import MailDialogue
import MailMessage

@testable import MailSessions

/// Mailboxes of all accounts, shared by the sessions of a test.
final class MemoryStore {
    struct Message {
        var uid: UInt32
        var octets: [UInt8]
        var flags: [String]
        var date: Int64
    }

    final class Mailbox {
        var messages: [Message] = []
        var uidNext: UInt32 = 1
        var uidValidity: UInt32
        /// Numbers of the changes to each UID; sessions remember how far they have seen.
        var version = 0
        var changed: [UInt32: Int] = [:]
        init(uidValidity: UInt32) { self.uidValidity = uidValidity }

        @discardableResult
        func add(_ octets: [UInt8], flags: [String] = [], date: Int64 = 1_700_000_000) -> UInt32 {
            let uid = uidNext
            uidNext += 1
            messages.append(Message(uid: uid, octets: octets, flags: flags, date: date))
            return uid
        }

        func touch(_ uid: UInt32) {
            version += 1
            changed[uid] = version
        }
    }

    var accounts: [String: [String: Mailbox]] = [:]
    var subscribed: Set<String> = []
    var specialUses: [String: String] = [:]
    var delivered: [(octets: [UInt8], envelope: MailSessions.Envelope)] = []
    var attempts: [LoginAttempt] = []
    var requests: [StoreRequest] = []
    var spools: [UInt64: [UInt8]] = [:]
    private var nextSpool: UInt64 = 1
    private var nextValidity: UInt32 = 7

    /// Passwords of those who may log in by SCRAM.
    var passwords: [String: String] = [:]

    // What goes wrong.
    var refusesLogins = false
    var unknownRecipients: Set<String> = []
    var deliveryResult: DeliveryResult?
    var removeFails = false
    var spoolFails = false
    var readFailsFrom: Int?

    func mailbox(_ account: String, _ name: String) -> Mailbox? { accounts[account]?[name] }

    func make(_ account: String, _ name: String = "INBOX") -> Mailbox {
        if let box = accounts[account]?[name] { return box }
        let box = Mailbox(uidValidity: nextValidity)
        nextValidity += 1
        accounts[account, default: [:]][name] = box
        return box
    }

    func newSpool() -> SpoolID {
        let id = nextSpool
        nextSpool += 1
        spools[id] = []
        return SpoolID(number: id)
    }

    func take(_ source: MessageSource) -> [UInt8] {
        switch source {
        case .octets(let octets): octets
        case .spool(let id): spools.removeValue(forKey: id.number) ?? []
        }
    }
}

/// The view that one session has of the store.
final class MemoryStoreSession {
    let store: MemoryStore
    private var open: (account: String, name: String, box: MemoryStore.Mailbox, readOnly: Bool)?
    private var known: Set<UInt32> = []
    private var seenVersion = 0

    init(_ store: MemoryStore) { self.store = store }

    func perform(_ request: StoreRequest) -> StoreReply {
        store.requests.append(request)
        switch request {
        case .authenticate(let attempt):
            store.attempts.append(attempt)
            guard !store.refusesLogins else { return .refused(.badCredentials) }
            _ = store.make(attempt.user)
            return .account(Account(name: attempt.user))
        case .scramKeys(let user, let hash):
            guard let password = store.passwords[user] else { return .refused(.badCredentials) }
            let keys = SCRAMKeys(hash, salt: Array("salt".utf8), iterations: 4_096, password: SecretBytes(password))
            return keys.map { .scramKeys(user: user + "@example.com", $0) } ?? .refused(.failed("no keys"))
        case .checkRecipient(let address):
            return store.unknownRecipients.contains(address) ? .refused(.unknownRecipient) : .done
        case .openSpool: return store.spoolFails ? .refused(.noSpace) : .spool(store.newSpool())
        case .appendToSpool(let id, let octets):
            store.spools[id.number]?.append(contentsOf: octets)
            return .done
        case .dropSpool(let id):
            store.spools[id.number] = nil
            return .done
        case .deliver(let source, let envelope):
            let octets = store.take(source)
            if let result = store.deliveryResult { return .delivered(result) }
            store.delivered.append((octets, envelope))
            for recipient in envelope.recipients { store.make(recipient).add(octets) }
            return .delivered(.stored("m\(store.delivered.count)"))
        case .listMailboxes(let account): return .mailboxes(listing(account.name))
        case .createMailbox(let account, let name):
            if store.mailbox(account.name, name) != nil { return .refused(.alreadyExists) }
            _ = store.make(account.name, name)
            return .done
        case .deleteMailbox(let account, let name):
            if name == "INBOX" { return .refused(.inbox) }
            if store.accounts[account.name]?.keys.contains(where: { $0.hasPrefix(name + "/") }) ?? false {
                return .refused(.hasChildren)
            }
            guard store.accounts[account.name]?.removeValue(forKey: name) != nil else {
                return .refused(.noSuchMailbox)
            }
            return .done
        case .renameMailbox(let account, let from, let to):
            guard let box = store.mailbox(account.name, from) else { return .refused(.noSuchMailbox) }
            if store.mailbox(account.name, to) != nil { return .refused(.alreadyExists) }
            if from == "INBOX" {
                let target = store.make(account.name, to)
                for message in box.messages { target.add(message.octets, flags: message.flags, date: message.date) }
                box.messages = []
                return .done
            }
            for name in Array(store.accounts[account.name]?.keys ?? [:].keys)
            where name == from || name.hasPrefix(from + "/") {
                let moved = store.accounts[account.name]?.removeValue(forKey: name)
                store.accounts[account.name]?[to + name.dropFirst(from.count)] = moved
            }
            return .done
        case .subscribe(_, let name, let on):
            if on { store.subscribed.insert(name) } else { store.subscribed.remove(name) }
            return .done
        case .status(let account, let name):
            guard let box = store.mailbox(account.name, name) else { return .refused(.noSuchMailbox) }
            return .status(status(name, box))
        case .open(let account, let name, let readOnly):
            open = nil
            guard let box = store.mailbox(account.name, name) else { return .refused(.noSuchMailbox) }
            open = (account.name, name, box, readOnly)
            known = Set(box.messages.map(\.uid))
            seenVersion = box.version
            return .opened(status(name, box), box.messages.map(entry))
        case .refresh:
            guard let open else { return .changes(MailboxChanges()) }
            return .changes(changes(open.box))
        case .close:
            open = nil
            return .done
        case .read(let uid, let offset, let count):
            guard let message = message(uid) else { return .refused(.noSuchMessage) }
            if let limit = store.readFailsFrom, offset >= limit { return .refused(.failed("disk")) }
            let from = min(offset, message.octets.count)
            return .octets(Array(message.octets[from..<min(from + count, message.octets.count)]))
        case .structure(let uid):
            guard let message = message(uid) else { return .refused(.noSuchMessage) }
            return .structure(MessageStructure.parse(message.octets))
        case .store(let uids, let change, let flags): return setFlags(uids, change, flags)
        case .append(let account, let name, let source, let flags, let date):
            let octets = store.take(source)
            guard let box = store.mailbox(account.name, name) else { return .refused(.noSuchMailbox) }
            let uid = box.add(octets, flags: flags, date: date ?? 1_700_000_000)
            return .appended(uidValidity: box.uidValidity, uid: uid)
        case .copy(let uids, let account, let name):
            guard let open, let target = store.mailbox(account.name, name) else { return .refused(.noSuchMailbox) }
            let copies = open.box.messages.filter { uids.contains($0.uid) }
                .map { target.add($0.octets, flags: $0.flags, date: $0.date) }
            return .copied(uidValidity: target.uidValidity, uids: copies)
        case .expunge(let uids):
            return remove { $0.flags.contains("\\Deleted") && (uids?.contains($0.uid) ?? true) }
        case .remove(let uids):
            if store.removeFails { return .refused(.failed("disk")) }
            return remove { uids.contains($0.uid) }
        }
    }

    private func remove(where fits: (MemoryStore.Message) -> Bool) -> StoreReply {
        guard let open else { return .refused(.noSuchMailbox) }
        if open.readOnly { return .refused(.readOnly) }
        let gone = open.box.messages.filter(fits).map(\.uid)
        open.box.messages.removeAll { gone.contains($0.uid) }
        known.subtract(gone)
        return .changes(MailboxChanges(removed: gone))
    }

    private func setFlags(_ uids: [UInt32], _ change: FlagChange, _ flags: [String]) -> StoreReply {
        guard let open else { return .refused(.noSuchMailbox) }
        if open.readOnly { return .refused(.readOnly) }
        var entries: [MessageEntry] = []
        for index in open.box.messages.indices where uids.contains(open.box.messages[index].uid) {
            let before = open.box.messages[index].flags
            switch change {
            case .replace: open.box.messages[index].flags = flags
            case .add: open.box.messages[index].flags = before + flags.filter { !before.contains($0) }
            case .remove: open.box.messages[index].flags = before.filter { !flags.contains($0) }
            }
            if open.box.messages[index].flags != before {
                open.box.touch(open.box.messages[index].uid)
                if seenVersion == open.box.version - 1 { seenVersion = open.box.version }
            }
            entries.append(entry(open.box.messages[index]))
        }
        return .changes(MailboxChanges(flags: entries))
    }

    private func changes(_ box: MemoryStore.Mailbox) -> MailboxChanges {
        let present = Set(box.messages.map(\.uid))
        var changes = MailboxChanges()
        changes.removed = known.subtracting(present).sorted()
        changes.added = box.messages.filter { !known.contains($0.uid) }.map(entry)
        changes.flags = box.messages
            .filter { known.contains($0.uid) && (box.changed[$0.uid] ?? 0) > seenVersion }.map(entry)
        known = present
        seenVersion = box.version
        return changes
    }

    private func message(_ uid: UInt32) -> MemoryStore.Message? { open?.box.messages.first { $0.uid == uid } }

    private func entry(_ message: MemoryStore.Message) -> MessageEntry {
        MessageEntry(
            uid: message.uid, flags: message.flags, size: message.octets.count, internalDate: message.date,
            uniqueID: "u\(message.uid)")
    }

    private func status(_ name: String, _ box: MemoryStore.Mailbox) -> MailboxStatus {
        MailboxStatus(
            name: name, messages: box.messages.count,
            unseen: box.messages.filter { !$0.flags.contains("\\Seen") }.count,
            deleted: box.messages.filter { $0.flags.contains("\\Deleted") }.count,
            size: box.messages.reduce(0) { $0 + $1.octets.count }, uidValidity: box.uidValidity, uidNext: box.uidNext)
    }

    private func listing(_ account: String) -> [MailboxListing] {
        let names = (store.accounts[account].map { Array($0.keys) } ?? []).sorted {
            ($0 == "INBOX" ? "" : $0) < ($1 == "INBOX" ? "" : $1)
        }
        let gone = store.subscribed.subtracting(names).sorted()
        return names.map { name in
            MailboxListing(
                name: name, subscribed: store.subscribed.contains(name),
                hasChildren: names.contains { $0.hasPrefix(name + "/") }, specialUse: store.specialUses[name])
        }
            + gone.map {
                MailboxListing(name: $0, subscribed: true, hasChildren: false, selectable: false, exists: false)
            }
    }
}
