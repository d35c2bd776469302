// Looking at the directories: what is there, what is gone, which flags changed, and UIDs for what is new.
//
// A look at an unchanged directory costs one stat. Deliveries go to `new`, so it is listed often and kept nearly
// empty; `cur` is listed when somebody else changed it. A file that another program renames while we list may be
// missed: what seems to be gone is looked for once more before it counts as gone.

import MailSessions

extension MailboxState {
    private struct Found {
        var name: String
        var base: String
        var isNew: Bool
    }

    /// Brings the state up to date. `thorough`: a session opens the mailbox. `claim`: new messages move to `cur`, as
    /// they do when a program of the user has seen them. `arrivals`: deliveries of ours so far.
    mutating func refresh(thorough: Bool, claim: Bool, arrivals: Int) throws(Fault) {
        if isGone { throw .refused(.noSuchMailbox) }
        if !isLoaded {
            try loadIndex()
            isLoaded = true
        }
        let newNow = try onDisk { () throws(FileError) in try stamp("/new") }
        let curNow = try onDisk { () throws(FileError) in try stamp("/cur") }
        let curChanged = isChanged(curStamp, curNow) || (thorough && mayHide)
        let newChanged = isChanged(newStamp, newNow) || arrivals != arrivalsSeen || (thorough && mayHide)
        if curChanged {
            try scanAll(newNow, curNow)
        } else if newChanged {
            try scanNew(newNow, curNow)
        }
        arrivalsSeen = arrivals
        if claim, newCount > 0 { try claimNew() }
    }

    private func isChanged(_ before: DirectoryStamp, _ now: DirectoryStamp) -> Bool {
        before.isProvisional || before.modified != now.modified || before.nanoseconds != now.nanoseconds
            || before.inode != now.inode
    }

    /// Clock ticks of file systems are 10 ms at most on Linux; twice that is safe.
    private static let granularity: Int64 = 20_000

    func stamp(_ part: String) throws(FileError) -> DirectoryStamp {
        let status = try files.status(directory + part)
        let changed = status.modified &* 1_000_000 &+ Int64(status.nanoseconds / 1_000)
        let age = currentMicroseconds() &- changed
        return DirectoryStamp(
            modified: status.modified, nanoseconds: status.nanoseconds, inode: status.inode,
            isProvisional: age.magnitude < UInt64(MailboxState.granularity))
    }

    /// Takes changes of our own into the stamp of `cur`, so that they do not cause a listing. `before` was taken
    /// before them.
    mutating func absorb(_ before: DirectoryStamp?) {
        guard let before, !isChangedIgnoringAge(curStamp, before), var after = try? stamp("/cur") else { return }
        after.isProvisional = false
        curStamp = after
        mayHide = true
    }

    private func isChangedIgnoringAge(_ one: DirectoryStamp, _ other: DirectoryStamp) -> Bool {
        one.modified != other.modified || one.nanoseconds != other.nanoseconds || one.inode != other.inode
    }

    private func list(_ part: String) throws(Fault) -> [Found] {
        let names = try onDisk { () throws(FileError) in try home.files.list(directory + part) }
        return names.compactMap { name in
            guard let base = MessageFileName.base(of: name) else { return nil }
            return Found(name: name, base: String(base), isNew: part == "/new")
        }
    }

    private mutating func scanAll(_ newNow: DirectoryStamp, _ curNow: DirectoryStamp) throws(Fault) {
        var newNow = newNow
        var curNow = curNow
        var seen = [Bool](repeating: false, count: records.count)
        var fresh: [String: Found] = [:]
        // `new` first: a message that moves to `cur` meanwhile is then seen at least once.
        for found in try list("/new") + list("/cur") { note(found, &seen, &fresh) }
        if seen.contains(false) {
            newNow = try onDisk { () throws(FileError) in try stamp("/new") }
            curNow = try onDisk { () throws(FileError) in try stamp("/cur") }
            for found in try list("/new") + list("/cur") { note(found, &seen, &fresh) }
            drop(positions: seen.indices.filter { !seen[$0] }, author: 0)
        }
        try assign(fresh.values)
        newStamp = newNow
        curStamp = curNow
        mayHide = false
    }

    private mutating func scanNew(_ newNow: DirectoryStamp, _ curNow: DirectoryStamp) throws(Fault) {
        var seen = [Bool](repeating: false, count: newCount > 0 ? records.count : 0)
        var fresh: [String: Found] = [:]
        for found in try list("/new") { note(found, &seen, &fresh) }
        if newCount > 0, records.indices.contains(where: { records[$0].isNew && !seen[$0] }) {
            return try scanAll(newNow, curNow)
        }
        try assign(fresh.values)
        newStamp = newNow
    }

    private mutating func note(_ found: Found, _ seen: inout [Bool], _ fresh: inout [String: Found]) {
        guard let uid = uids[found.base], let position = index(of: uid) else {
            fresh[found.base] = found
            return
        }
        if position < seen.count { seen[position] = true }
        guard records[position].name != found.name || records[position].isNew != found.isNew else { return }
        let flags = MessageFileName.flags(of: found.name)
        if records[position].isNew != found.isNew { newCount += found.isNew ? 1 : -1 }
        records[position].name = found.name
        records[position].isNew = found.isNew
        if flags != records[position].flags { setFlags(position, flags, author: 0) }
    }

    mutating func setFlags(_ position: Int, _ flags: MaildirFlags, author: UInt64) {
        version &+= 1
        records[position].flags = flags
        records[position].changed = version
        records[position].author = author
    }

    /// Gives UIDs to new files, in the order of their names, which begin with the time of delivery.
    private mutating func assign(_ fresh: some Collection<Found>) throws(Fault) {
        guard !fresh.isEmpty || needsRewrite else { return }
        var arrived: [StoredMessage] = []
        for found in fresh.sorted(by: { $0.base < $1.base }) {
            guard let facts = try facts(found) else { continue }
            arrived.append(
                StoredMessage(
                    uid: 0, base: found.base, name: found.name, isNew: found.isNew,
                    flags: MessageFileName.flags(of: found.name), size: facts.size, date: facts.date))
        }
        try adopt(arrived)
    }

    /// Size and date of a file, or nil when it is gone or no file.
    private func facts(_ found: Found) throws(Fault) -> (size: Int, date: Int64)? {
        let path = directory + (found.isNew ? "/new/" : "/cur/") + found.name
        do throws(FileError) {
            let status = try files.status(path)
            guard !status.isDirectory else { return nil }
            let date = max(0, status.modified)
            if let known = MessageFileName.wireSize(of: found.base[...], fileSize: status.size) { return (known, date) }
            return (try MessageReader.wireSize(path, files), date)
        } catch {
            if error.isMissing { return nil }
            throw .file(error)
        }
    }

    /// Moves what is in `new` to `cur`. Not synced: either place is right after a crash.
    private mutating func claimNew() throws(Fault) {
        let before = try? stamp("/cur")
        defer { absorb(before) }
        // What is new is mostly at the end.
        for position in records.indices.reversed() where newCount > 0 && records[position].isNew {
            let record = records[position]
            let name = record.base + record.flags.suffix
            do throws(FileError) {
                try files.rename(path(record), directory + "/cur/" + name)
                records[position].name = name
                records[position].isNew = false
                newCount -= 1
            } catch {
                // Another program was faster: the next look shows where it is.
                if error.isMissing { curStamp = DirectoryStamp() } else { throw .file(error) }
            }
        }
    }
}
