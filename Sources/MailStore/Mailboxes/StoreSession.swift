// The store as one connection sees it: requests in, replies out. Holds the mailbox that the connection has open, the
// spools that it fills and the message that it read last; all of it is let go when the session is.

import MailMessage
import MailSessions
import Synchronization

/// One connection's way to the store. Requests come one after the other, from any thread; they may block on the disk.
package final class StoreSession: Sendable {
    struct Open {
        let mailbox: Mailbox
        let readOnly: Bool
        let epoch: UInt64
        /// The greatest UID that the session was told.
        var lastUID: UInt32
    }

    struct State {
        var open: Open?
        var spools: [UInt64: SpoolFile] = [:]
        /// The message that was read last, by UID.
        var reader: (uid: UInt32, reader: MessageReader)?
        /// Structures of the last messages asked for, latest last.
        var structures: [(uid: UInt32, structure: MessageStructure)] = []
    }

    let store: MailboxStore
    let number: UInt64
    private let state = Mutex(State())

    init(_ store: MailboxStore, number: UInt64) {
        self.store = store
        self.number = number
    }

    deinit { state.withLock { close(&$0) } }

    /// Does what is asked. Never throws: what goes wrong is a reply.
    package func perform(_ request: StoreRequest) -> StoreReply {
        state.withLock { state in
            do throws(Fault) {
                return try answer(request, &state)
            } catch {
                return .refused(error.refusal())
            }
        }
    }

    private func answer(_ request: StoreRequest, _ state: inout State) throws(Fault) -> StoreReply {
        switch request {
        case .authenticate(let attempt):
            let home = try onDisk { () throws(FileError) in try store.accounts.home(login: attempt) }
            return home.map { .account($0.account) } ?? .refused(.badCredentials)
        case .scramKeys(let user, let hash):
            guard let (name, keys) = store.accounts.scramKeys(login: user, hash) else {
                return .refused(.badCredentials)
            }
            return .scramKeys(user: name, keys)
        case .checkRecipient(let address):
            return store.accounts.takes(recipient: address) ? .done : .refused(.unknownRecipient)

        case .openSpool: return try openSpool(&state)
        case .appendToSpool(let spool, let octets):
            let file = try self.spool(spool, state)
            try onDisk { () throws(FileError) in try file.append(octets) }
            return .done
        case .dropSpool(let spool):
            state.spools[spool.number] = nil
            return .done
        case .deliver(let source, let envelope): return try deliver(source, envelope.recipients, &state)

        case .listMailboxes(let account): return .mailboxes(try list(home(account)))
        case .createMailbox(let account, let name): return try create(home(account), name)
        case .deleteMailbox(let account, let name): return try delete(home(account), name)
        case .renameMailbox(let account, let from, let to): return try rename(home(account), from, to)
        case .subscribe(let account, let name, let wanted): return try subscribe(home(account), name, wanted)
        case .status(let account, let name): return try status(home(account), name)

        case .open(let account, let name, let readOnly): return try open(home(account), name, readOnly, &state)
        case .refresh: return try refresh(&state)
        case .close:
            close(&state)
            return .done
        case .read(let uid, let offset, let count): return try read(uid, offset, count, &state)
        case .structure(let uid): return try structure(uid, &state)
        case .store(let uids, let change, let flags): return try storeFlags(uids, change, flags, &state)
        case .append(let account, let name, let source, let flags, let date):
            return try append(home(account), name, source, flags, date, &state)
        case .copy(let uids, let account, let name): return try copy(uids, home(account), name, &state)
        case .expunge(let uids): return try expunge(uids, &state)
        case .remove(let uids): return try remove(uids, &state)
        }
    }

    private func home(_ account: Account) throws(Fault) -> AccountHome {
        try onDisk { () throws(FileError) in try store.accounts.home(account.name) }
    }

    // MARK: Spools and delivery

    private func openSpool(_ state: inout State) throws(Fault) -> StoreReply {
        let number = store.nextSpool()
        let path = store.spoolDirectory + "/" + String(number)
        state.spools[number] = try onDisk { () throws(FileError) in try SpoolFile(path: path, files: store.files) }
        return .spool(SpoolID(number: number))
    }

    func spool(_ id: SpoolID, _ state: State) throws(Fault) -> SpoolFile {
        guard let file = state.spools[id.number] else { throw .refused(.failed("no such spool")) }
        return file
    }

    private func deliver(
        _ source: MessageSource, _ recipients: [String], _ state: inout State
    ) throws(Fault) -> StoreReply {
        var homes: [AccountHome] = []
        for recipient in recipients {
            do throws(FileError) {
                guard let home = try store.accounts.home(recipient: recipient) else {
                    return .delivered(.failed("no mailbox for a recipient"))
                }
                // An account is one mailbox, by however many of its names it is addressed.
                if !homes.contains(where: { $0 === home }) { homes.append(home) }
            } catch {
                return .delivered(error.isFull ? .noSpace : .failed(error.description))
            }
        }
        guard !homes.isEmpty else { return .delivered(.failed("no recipients")) }
        switch source {
        case .octets(let octets):
            return .delivered(store.deliver(octets, to: homes))
        case .spool(let id):
            let file = try spool(id, state)
            state.spools[id.number] = nil
            return .delivered(store.deliver(file, to: homes))
        }
    }

    // MARK: The open mailbox

    func close(_ state: inout State) {
        state.reader = nil
        state.structures = []
        guard let open = state.open else { return }
        state.open = nil
        open.mailbox.forget(session: number)
        store.giveBack(open.mailbox)
    }

    private func status(_ home: AccountHome, _ name: String) throws(Fault) -> StoreReply {
        let name = try canonical(name)
        return try store.with(home, name) { mailbox throws(Fault) in
            .status(try mailbox.withFresh(readOnly: true) { state throws(Fault) in state.status(name: name) })
        }
    }

    func canonical(_ name: String) throws(Fault) -> String {
        guard let canonical = MailboxName.canonical(name) else { throw .refused(.noSuchMailbox) }
        return canonical
    }

    private func open(
        _ home: AccountHome, _ name: String, _ readOnly: Bool, _ state: inout State
    ) throws(Fault) -> StoreReply {
        close(&state)
        let name = try canonical(name)
        let mailbox = store.borrow(home, name)
        let session = number
        do throws(Fault) {
            let (epoch, status, entries) = try mailbox.withFresh(thorough: true, readOnly: readOnly) {
                state throws(Fault) in
                state.sessions[session] = state.version
                return (state.epoch, state.status(name: name), state.entries(state.records))
            }
            state.open = Open(
                mailbox: mailbox, readOnly: readOnly, epoch: epoch, lastUID: entries.last?.uid ?? 0)
            return .opened(status, entries)
        } catch {
            store.giveBack(mailbox)
            throw error
        }
    }

    func opened(_ state: State) throws(Fault) -> Open {
        guard let open = state.open else { throw .refused(.failed("no mailbox is open")) }
        return open
    }

    private func writable(_ state: State) throws(Fault) -> Open {
        let open = try opened(state)
        if open.readOnly { throw .refused(.readOnly) }
        return open
    }

    private func refresh(_ state: inout State) throws(Fault) -> StoreReply {
        let open = try opened(state)
        let session = number
        do throws(Fault) {
            let changes = try open.mailbox.withFresh(readOnly: open.readOnly) { state throws(Fault) in
                guard state.epoch == open.epoch else { return MailboxChanges(lost: true) }
                return state.changes(session: session, lastUID: open.lastUID)
            }
            if let last = changes.added.last { state.open?.lastUID = last.uid }
            return .changes(changes)
        } catch .refused(.noSuchMailbox) {
            return .changes(MailboxChanges(lost: true))
        } catch {
            throw error
        }
    }

    // MARK: Messages

    /// Opens the file of a message. It may be renamed between the look at its name and the opening: then once more.
    private func reader(_ uid: UInt32, _ state: inout State) throws(Fault) -> MessageReader {
        if let cached = state.reader, cached.uid == uid { return cached.reader }
        let open = try opened(state)
        for attempt in 0..<3 {
            let (path, size) = try open.mailbox.withState { state throws(Fault) in
                if attempt > 0 { try state.refresh(thorough: true, claim: false, arrivals: state.arrivalsSeen) }
                guard state.epoch == open.epoch, let index = state.index(of: uid) else {
                    throw .refused(.noSuchMessage)
                }
                return (state.path(state.records[index]), state.records[index].size)
            }
            do throws(FileError) {
                let reader = try MessageReader(path, wireSize: size, files: store.files)
                state.reader = (uid, reader)
                return reader
            } catch {
                guard error.isMissing else { throw .file(error) }
                try open.mailbox.withState { state throws(Fault) in state.curStamp = DirectoryStamp() }
            }
        }
        throw .refused(.noSuchMessage)
    }

    private func read(_ uid: UInt32, _ offset: Int, _ count: Int, _ state: inout State) throws(Fault) -> StoreReply {
        let reader = try reader(uid, &state)
        return .octets(try onDisk { () throws(FileError) in try reader.read(offset: offset, count: count) })
    }

    private static let structureLimit = 8

    private func structure(_ uid: UInt32, _ state: inout State) throws(Fault) -> StoreReply {
        if let known = state.structures.first(where: { $0.uid == uid }) { return .structure(known.structure) }
        let reader = try reader(uid, &state)
        let open = try opened(state)
        let size = try open.mailbox.withState { state throws(Fault) in
            state.index(of: uid).map { state.records[$0].size } ?? 0
        }
        let octets = try onDisk { () throws(FileError) in try reader.read(offset: 0, count: size) }
        let structure = MessageStructure.parse(octets)
        if state.structures.count >= StoreSession.structureLimit { state.structures.removeFirst() }
        state.structures.append((uid, structure))
        return .structure(structure)
    }

    /// Only what the session was told may be changed by it.
    private func inEpoch<R: Sendable>(
        _ open: Open, _ body: (inout MailboxState) throws(Fault) -> R
    ) throws(Fault) -> R {
        try open.mailbox.withFresh(readOnly: open.readOnly) { state throws(Fault) in
            guard state.epoch == open.epoch else { throw .refused(.noSuchMailbox) }
            return try body(&state)
        }
    }

    private func storeFlags(
        _ uids: [UInt32], _ change: FlagChange, _ flags: [String], _ state: inout State
    ) throws(Fault) -> StoreReply {
        let open = try writable(state)
        let session = number
        let (entries, isChanged) = try inEpoch(open) { state throws(Fault) in
            let before = state.version
            let told = uids.filter { $0 <= open.lastUID }
            return (try state.store(told, change, flags, session: session), state.version != before)
        }
        if isChanged { store.changed(open.mailbox.home, open.mailbox.name) }
        return .changes(MailboxChanges(flags: entries))
    }

    private func expunge(_ uids: [UInt32]?, _ state: inout State) throws(Fault) -> StoreReply {
        let open = try writable(state)
        let session = number
        let removed = try inEpoch(open) { state throws(Fault) in
            let wanted = uids.map(Set.init)
            let marked = state.records.filter { record in
                record.uid <= open.lastUID && record.flags.contains(MaildirFlags.trashed)
                    && wanted?.contains(record.uid) != false
            }
            return try state.remove(marked.map(\.uid), all: false, session: session)
        }
        return removal(removed, open)
    }

    private func remove(_ uids: [UInt32], _ state: inout State) throws(Fault) -> StoreReply {
        let open = try writable(state)
        let session = number
        let removed = try inEpoch(open) { state throws(Fault) in
            try state.remove(uids, all: true, session: session)
        }
        return removal(removed, open)
    }

    private func removal(_ removed: [UInt32], _ open: Open) -> StoreReply {
        if !removed.isEmpty { store.changed(open.mailbox.home, open.mailbox.name) }
        return .changes(MailboxChanges(removed: removed))
    }
}
