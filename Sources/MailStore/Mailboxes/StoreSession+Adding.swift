// APPEND and COPY: messages that come into a mailbox by way of a session, durable before the answer.

import MailSessions

extension StoreSession {
    func append(
        _ home: AccountHome, _ name: String, _ source: MessageSource, _ flags: [String], _ date: Int64?,
        _ state: inout State
    ) throws(Fault) -> StoreReply {
        let name = try canonical(name)
        let maildir = home.path(of: name)
        let when = date ?? currentMicroseconds() / 1_000_000
        guard name == MailboxName.inbox || home.exists(name) else { throw .refused(.noSuchMailbox) }
        switch source {
        case .octets(let octets):
            let path = try onDisk { () throws(FileError) in
                try store.stage(octets, in: maildir, modified: date, home: home)
            }
            defer { try? store.files.unlink(path) }
            let wireSize = octets.count + LineEnds.bareCount(octets, afterCR: false)
            let staged = MailboxState.Staged(
                path: path, unique: store.names.next(), fileSize: octets.count, wireSize: wireSize, date: when,
                flags: flags)
            return try place([staged], home, name).appended
        case .spool(let id):
            let file = try spool(id, state)
            state.spools[id.number] = nil
            try onDisk { () throws(FileError) in try file.seal(modified: date) }
            let staged = MailboxState.Staged(
                path: file.path, unique: store.names.next(), fileSize: file.size, wireSize: file.wireSize, date: when,
                flags: flags)
            do throws(Fault) { return try place([staged], home, name).appended } catch {
                guard case .file(let cause) = error, cause.needsCopy else { throw error }
                return try placeCopy(of: staged, home, name)
            }
        }
    }

    /// The spool directory is on another file system than the mailbox.
    private func placeCopy(
        of staged: MailboxState.Staged, _ home: AccountHome, _ name: String
    ) throws(Fault) -> StoreReply {
        var copy = staged
        copy.path = try onDisk { () throws(FileError) in
            try store.copy(staged.path, into: home.path(of: name), modified: staged.date)
        }
        defer { try? store.files.unlink(copy.path) }
        return try place([copy], home, name).appended
    }

    private struct Placed {
        var validity: UInt32
        var uids: [UInt32]
        var appended: StoreReply {
            uids.first.map { .appended(uidValidity: validity, uid: $0) } ?? .refused(.failed("no UID"))
        }
    }

    private func place(_ staged: [MailboxState.Staged], _ home: AccountHome, _ name: String) throws(Fault) -> Placed {
        let placed = try store.with(home, name) { mailbox throws(Fault) in
            try mailbox.withFresh(readOnly: true) { state throws(Fault) in
                let uids = try state.add(staged)
                return Placed(validity: state.validity, uids: uids)
            }
        }
        store.changed(home, name)
        return placed
    }

    func copy(_ uids: [UInt32], _ home: AccountHome, _ name: String, _ state: inout State) throws(Fault) -> StoreReply {
        let open = try opened(state)
        let name = try canonical(name)
        guard name == MailboxName.inbox || home.exists(name) else { throw .refused(.noSuchMailbox) }
        var staged: [MailboxState.Staged] = []
        defer { for file in staged { try? store.files.unlink(file.path) } }
        for uid in uids { staged.append(try stageCopy(of: uid, open, home.path(of: name))) }
        guard !staged.isEmpty else { return .copied(uidValidity: try validity(home, name), uids: []) }
        let placed = try place(staged, home, name)
        return .copied(uidValidity: placed.validity, uids: placed.uids)
    }

    private func validity(_ home: AccountHome, _ name: String) throws(Fault) -> UInt32 {
        try store.with(home, name) { mailbox throws(Fault) in
            try mailbox.withFresh(readOnly: true) { state throws(Fault) in state.validity }
        }
    }

    /// A hard link to a message's file in the `tmp` of the target. The locks of two mailboxes are never held at once:
    /// two sessions may copy in opposite directions. So the file may be renamed before it is linked: then its name is
    /// looked up again.
    private func stageCopy(of uid: UInt32, _ open: Open, _ maildir: String) throws(Fault) -> MailboxState.Staged {
        for attempt in 0..<5 {
            let (path, record, flags) = try open.mailbox.withState { state throws(Fault) in
                if attempt > 0 { try state.refresh(thorough: true, claim: false, arrivals: state.arrivalsSeen) }
                guard state.epoch == open.epoch, uid <= open.lastUID, let index = state.index(of: uid) else {
                    throw .refused(.noSuchMessage)
                }
                let record = state.records[index]
                return (state.path(record), record, state.keywords.flags(record.flags))
            }
            do throws(FileError) {
                let size = try store.files.status(path).size
                let target = try link(path, into: maildir, date: record.date)
                return MailboxState.Staged(
                    path: target, unique: store.names.next(), fileSize: size, wireSize: record.size, date: record.date,
                    flags: flags)
            } catch {
                guard error.isMissing else { throw .file(error) }
                try open.mailbox.withState { state throws(Fault) in state.curStamp = DirectoryStamp() }
            }
        }
        throw .refused(.noSuchMessage)
    }

    private func link(_ path: String, into maildir: String, date: Int64) throws(FileError) -> String {
        let target = maildir + "/tmp/" + store.names.next()
        do throws(FileError) {
            try store.files.link(path, target)
            return target
        } catch {
            guard error.needsCopy else { throw error }
            return try store.copy(path, into: maildir, modified: date)
        }
    }
}
