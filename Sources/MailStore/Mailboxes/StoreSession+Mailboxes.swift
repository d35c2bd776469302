// LIST, CREATE, DELETE, RENAME, SUBSCRIBE (RFC 9051 §6.3): the tree of an account's mailboxes. All but LIST hold the
// account's lock, so that two sessions do not build and tear down the same level.

import MailSessions

extension StoreSession {
    private static let subscriptionsFile = "subscriptions"

    func list(_ home: AccountHome) throws(Fault) -> [MailboxListing] {
        let (names, subscribed) = try onDisk { () throws(FileError) in
            (try home.mailboxNames(), try subscriptions(home))
        }
        let mailboxes = Set(names)
        var levels = mailboxes
        for name in mailboxes { for parent in StoreSession.parents(of: name) { levels.insert(parent) } }
        levels.remove(MailboxName.inbox)
        var withChildren: Set<String> = []
        for name in levels { if let parent = StoreSession.parents(of: name).last { withChildren.insert(parent) } }
        var result = [
            MailboxListing(
                name: MailboxName.inbox, subscribed: subscribed.contains(MailboxName.inbox),
                hasChildren: withChildren.contains(MailboxName.inbox))
        ]
        for name in levels.sorted() {
            result.append(
                MailboxListing(
                    name: name, subscribed: subscribed.contains(name), hasChildren: withChildren.contains(name),
                    selectable: mailboxes.contains(name), specialUse: MailboxName.specialUse(name)))
        }
        // A subscription outlives its mailbox (RFC 9051 §6.3.7).
        for name in subscribed.sorted() where !levels.contains(name) && name != MailboxName.inbox {
            result.append(
                MailboxListing(name: name, subscribed: true, hasChildren: false, selectable: false, exists: false))
        }
        return result
    }

    /// The levels above a name, from the top.
    private static func parents(of name: String) -> [String] {
        let levels = name.split(separator: "/")
        return (1..<max(1, levels.count)).map { levels[..<$0].joined(separator: "/") }
    }

    /// INBOX counts as subscribed until there is a file.
    private func subscriptions(_ home: AccountHome) throws(FileError) -> Set<String> {
        guard let bytes = try store.files.contents(home.directory + "/" + StoreSession.subscriptionsFile) else {
            return [MailboxName.inbox]
        }
        return Set(
            bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
                MailboxName.canonical(String(decoding: line, as: UTF8.self))
            })
    }

    func subscribe(_ home: AccountHome, _ name: String, _ wanted: Bool) throws(Fault) -> StoreReply {
        guard let name = MailboxName.canonical(name) else { throw .refused(.invalidName) }
        try onDisk { () throws(FileError) in
            try home.structure.withLock { _ throws(FileError) in
                var names = try subscriptions(home)
                if wanted { names.insert(name) } else { names.remove(name) }
                let text = names.sorted().map { $0 + "\n" }.joined()
                try store.files.replaceFile(home.directory, StoreSession.subscriptionsFile, Array(text.utf8))
            }
        }
        return .done
    }

    func create(_ home: AccountHome, _ name: String) throws(Fault) -> StoreReply {
        guard let name = MailboxName.canonical(name) else { throw .refused(.invalidName) }
        try home.structure.withLock { _ throws(Fault) in try make(home, name) }
        return .done
    }

    /// The account's lock is held.
    private func make(_ home: AccountHome, _ name: String) throws(Fault) {
        guard name != MailboxName.inbox, !home.exists(name) else { throw .refused(.alreadyExists) }
        let path = home.path(of: name)
        // What was known of a directory of this name that went away behind our back does not hold.
        try store.retire(home, name) { () throws(FileError) in
            try store.files.ensureMaildir(path, parent: home.directory)
        }
    }

    func delete(_ home: AccountHome, _ name: String) throws(Fault) -> StoreReply {
        let name = try canonical(name)
        guard name != MailboxName.inbox else { throw .refused(.inbox) }
        let removed = home.directory + "/" + MailboxStore.removedPrefix + store.names.next()
        try home.structure.withLock { _ throws(Fault) in
            let names = try onDisk { () throws(FileError) in try home.mailboxNames() }
            if names.contains(where: { $0.hasPrefix(name + "/") }) { throw .refused(.hasChildren) }
            guard names.contains(name) else { throw .refused(.noSuchMailbox) }
            try store.retire(home, name) { () throws(FileError) in
                try store.files.rename(home.path(of: name), removed)
                try store.files.syncDirectory(home.directory)
            }
        }
        store.files.removeTree(removed)
        return .done
    }

    func rename(_ home: AccountHome, _ from: String, _ to: String) throws(Fault) -> StoreReply {
        let from = try canonical(from)
        guard let to = MailboxName.canonical(to) else { throw .refused(.invalidName) }
        if from == MailboxName.inbox { return try renameInbox(home, to) }
        guard !to.hasPrefix(from + "/") else { throw .refused(.invalidName) }
        try home.structure.withLock { _ throws(Fault) in
            let names = try onDisk { () throws(FileError) in try home.mailboxNames() }
            let moving = names.filter { $0 == from || $0.hasPrefix(from + "/") }.sorted()
            guard !moving.isEmpty else { throw .refused(.noSuchMailbox) }
            guard to != MailboxName.inbox, !names.contains(where: { $0 == to || $0.hasPrefix(to + "/") }) else {
                throw .refused(.alreadyExists)
            }
            var pairs: [(from: String, to: String)] = []
            for name in moving {
                guard let target = MailboxName.canonical(to + name.dropFirst(from.count)) else {
                    throw .refused(.invalidName)
                }
                pairs.append((name, target))
            }
            try move(home, pairs)
        }
        return .done
    }

    /// Moves directories; on a fault those that were moved go back.
    private func move(_ home: AccountHome, _ pairs: [(from: String, to: String)]) throws(Fault) {
        var moved: [(from: String, to: String)] = []
        do throws(Fault) {
            for pair in pairs {
                try store.retire(home, pair.to) { () throws(FileError) in }
                try store.retire(home, pair.from) { () throws(FileError) in
                    try store.files.rename(home.path(of: pair.from), home.path(of: pair.to))
                }
                moved.append(pair)
            }
            try onDisk { () throws(FileError) in try store.files.syncDirectory(home.directory) }
        } catch {
            for pair in moved.reversed() {
                try? store.files.rename(home.path(of: pair.to), home.path(of: pair.from))
            }
            throw error
        }
    }

    /// RFC 9051 §6.3.6: the messages of INBOX move to a new mailbox, INBOX stays and is empty, its children stay.
    private func renameInbox(_ home: AccountHome, _ to: String) throws(Fault) -> StoreReply {
        try home.structure.withLock { _ throws(Fault) in try make(home, to) }
        let target = home.path(of: to)
        try store.with(home, MailboxName.inbox) { mailbox throws(Fault) in
            try mailbox.withFresh(thorough: true, readOnly: false) { state throws(Fault) in
                try state.moveAll(to: target)
            }
        }
        store.changed(home, MailboxName.inbox)
        store.changed(home, to)
        return .done
    }
}
