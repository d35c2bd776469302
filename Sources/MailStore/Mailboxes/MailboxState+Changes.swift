// What sessions do to a mailbox: flags, removal, new messages put in place.

import MailSessions

extension MailboxState {
    /// Changes flags and syncs the names. Messages that are gone are passed over.
    mutating func store(
        _ wanted: [UInt32], _ change: FlagChange, _ flags: [String], session: UInt64
    ) throws(Fault) -> [MessageEntry] {
        if change != .remove { try learn(flags) }
        let letters = self.letters(flags)
        let before = try? stamp("/cur")
        var touched = false
        var leftNew = false
        var told: [UInt32] = []
        do throws(Fault) {
            for uid in wanted {
                guard let position = index(of: uid) else { continue }
                told.append(uid)
                let old = records[position].flags
                let new: MaildirFlags =
                    switch change {
                    case .replace: old.subtracting(old.subtracting(MaildirFlags.foreign)).union(letters)
                    case .add: old.union(letters)
                    case .remove: old.subtracting(letters)
                    }
                guard new != old else { continue }
                let wasNew = records[position].isNew
                if try rename(position, new, session: session) {
                    touched = true
                    leftNew = leftNew || wasNew
                }
            }
        } catch {
            absorb(before)
            throw error
        }
        absorb(before)
        if touched { try sync(new: leftNew) }
        return entries(told.compactMap { uid in index(of: uid).map { records[$0] } })
    }

    /// Gives a file the name of its new flags; false when it is not where we thought. It may have been renamed by
    /// another program: the next look at `cur` tells.
    private mutating func rename(_ position: Int, _ flags: MaildirFlags, session: UInt64) throws(Fault) -> Bool {
        let record = records[position]
        let name = record.base + flags.suffix
        do throws(FileError) { try files.rename(path(record), directory + "/cur/" + name) } catch {
            guard error.isMissing else { throw .file(error) }
            curStamp = DirectoryStamp()
            return false
        }
        records[position].name = name
        if record.isNew {
            records[position].isNew = false
            newCount -= 1
        }
        setFlags(position, flags, author: session)
        return true
    }

    private func sync(new: Bool) throws(Fault) {
        try onDisk { () throws(FileError) in
            try home.files.syncDirectory(directory + "/cur")
            if new { try home.files.syncDirectory(directory + "/new") }
        }
    }

    /// Removes files, then syncs. `all`: nothing is touched unless every one of them is there.
    mutating func remove(_ wanted: [UInt32], all: Bool, session: UInt64) throws(Fault) -> [UInt32] {
        let wanted = Set(wanted)
        let positions = wanted.compactMap { index(of: $0) }.sorted()
        if all {
            guard positions.count == wanted.count else { throw .refused(.noSuchMessage) }
            for position in positions {
                let path = self.path(records[position])
                do throws(FileError) { _ = try files.status(path) } catch {
                    curStamp = DirectoryStamp()
                    throw error.isMissing ? .refused(.noSuchMessage) : .file(error)
                }
            }
        }
        guard !positions.isEmpty else { return [] }
        let before = try? stamp("/cur")
        var gone: [Int] = []
        var touchesNew = false
        var failure: FileError?
        for position in positions {
            do throws(FileError) { try files.unlink(path(records[position])) } catch {
                // Gone by another hand is gone; renamed by one is found by the next look.
                if error.isMissing {
                    curStamp = DirectoryStamp()
                    if !all { continue }
                } else {
                    failure = error
                    break
                }
            }
            touchesNew = touchesNew || records[position].isNew
            gone.append(position)
        }
        absorb(before)
        let removed = gone.map { records[$0].uid }
        do throws(Fault) {
            if let failure { throw .file(failure) }
            if !gone.isEmpty { try sync(new: touchesNew) }
        } catch {
            // What went is told by the next refresh, the reply says that it failed.
            drop(positions: gone, author: 0)
            throw error
        }
        drop(positions: gone, author: session)
        return removed
    }

    /// A file for a message that is being added: complete and synced, under a name in `tmp` of this mailbox.
    struct Staged: Sendable {
        var path: String
        var unique: String
        var fileSize: Int
        var wireSize: Int
        var date: Int64
        var flags: [String]
    }

    /// Puts staged files into `cur` and gives them UIDs: all, durably, or none.
    mutating func add(_ staged: [Staged]) throws(Fault) -> [UInt32] {
        for file in staged { try learn(file.flags) }
        let before = try? stamp("/cur")
        var placed: [StoredMessage] = []
        do throws(Fault) {
            for file in staged {
                let base = MessageFileName.base(file.unique, fileSize: file.fileSize, wireSize: file.wireSize)
                let flags = letters(file.flags)
                let record = StoredMessage(
                    uid: 0, base: base, name: base + flags.suffix, isNew: false, flags: flags, size: file.wireSize,
                    date: max(0, file.date))
                // A link fails where a rename would overwrite.
                try onDisk { () throws(FileError) in try home.files.link(file.path, path(record)) }
                placed.append(record)
            }
            try onDisk { () throws(FileError) in try home.files.syncDirectory(directory + "/cur") }
            let numbers = try adopt(placed)
            absorb(before)
            return numbers
        } catch {
            for record in placed { try? files.unlink(path(record)) }
            absorb(before)
            throw error
        }
    }
}

extension MailboxState {
    /// Moves every message and its keywords to another Maildir, durably; on a fault those that were moved come back.
    mutating func moveAll(to target: String) throws(Fault) {
        let words = keywords.serialized
        let before = try? stamp("/cur")
        var moved: [Int] = []
        do throws(Fault) {
            try onDisk { () throws(FileError) in
                if !words.isEmpty { try home.files.replaceFile(target, KeywordTable.fileName, words) }
                for position in records.indices {
                    let record = records[position]
                    do throws(FileError) {
                        try home.files.rename(path(record), target + "/cur/" + record.base + record.flags.suffix)
                        moved.append(position)
                    } catch {
                        // Gone or renamed by another hand: the next look tells.
                        guard error.isMissing else { throw error }
                        curStamp = DirectoryStamp()
                    }
                }
                // The new place first: in between a message is in both rather than in none.
                try home.files.syncDirectory(target + "/cur")
                try home.files.syncDirectory(directory + "/cur")
                try home.files.syncDirectory(directory + "/new")
            }
        } catch {
            for position in moved {
                let record = records[position]
                try? files.rename(target + "/cur/" + record.base + record.flags.suffix, path(record))
            }
            curStamp = DirectoryStamp()
            throw error
        }
        absorb(before)
        drop(positions: moved, author: 0)
    }
}
