// The mailboxes of our own server, on the disk. Layout below the data directory:
//
//     mail/.lock        held while a server uses the directory
//     mail/.accounts    names and the directories that they mean, in order of arrival
//     mail/.spool/      messages that are still coming in; emptied at start
//     mail/<account>/   a Maildir (INBOX), and in it a Maildir for each other mailbox: .Sent, .Work.Sub
//
// Durability: a message is written to a file of its own, the file is synced, linked under its final name, the
// directory synced, and only then is there an answer. A failed sync is final: the file is removed and the request
// fails.

import MailSessions
import Synchronization

/// All mailboxes of a data directory. One value per directory; used from any thread.
package final class MailboxStore: Sendable {
    private struct Cached {
        var mailbox: Mailbox
        var users: Int
        var lastUse: UInt64
    }

    private struct Cache {
        var entries: [String: Cached] = [:]
        var tick: UInt64 = 0
    }

    /// Mailboxes kept in memory after their last session let go of them.
    private static let idleLimit = 64
    /// Age at which maildir(5) calls a file in `tmp` left over: 36 hours, in seconds.
    static let leftoverAge: Int64 = 36 * 3_600

    /// `DIR/mail`.
    let directory: String
    let files: any FileSystem
    let accounts: AccountRegistry
    let names = UniqueNames()
    private let lock: Int32
    private let cache = Mutex(Cache())
    private let handler = Mutex<(@Sendable (Account, String) -> Void)?>(nil)
    private let sessionNumber = Atomic<UInt64>(0)
    private let spoolNumber = Atomic<UInt64>(0)

    /// Opens `directory`/mail and makes it if need be. Throws when another server has it, when others may write into
    /// it, and when it can't be made.
    package convenience init(directory: String, policy: AccountPolicy) throws(StoreError) {
        try self.init(directory: directory, policy: policy, files: PosixFileSystem())
    }

    init(directory: String, policy: AccountPolicy, files: any FileSystem) throws(StoreError) {
        let mail = directory + "/mail"
        self.directory = mail
        self.files = files
        self.accounts = AccountRegistry(store: mail, files: files, policy: policy)
        lock = try MailboxStore.take(directory, mail, files)
        do throws(FileError) { try tidy() } catch { throw .failed(error.description) }
    }

    deinit {
        files.unlock(lock)
        files.close(lock)
    }

    /// Makes the directory and locks it. The lock ends with the process, however it ends.
    private static func take(_ parent: String, _ mail: String, _ files: any FileSystem) throws(StoreError) -> Int32 {
        let status: FileStatus
        let lock: Int32
        do throws(FileError) {
            try makePath(parent, files)
            if try files.ensureDirectory(mail) { try files.syncDirectory(parent) }
            status = try files.status(mail)
            lock = try files.open(mail + "/.lock", .readWriteOrCreate)
        } catch {
            throw .failed(error.description)
        }
        let refusal: StoreError
        do throws(FileError) {
            if status.mode & 0o022 != 0 {
                refusal = .unsafePermissions(mail, status.mode)
            } else if try files.lock(lock) {
                return lock
            } else {
                refusal = .inUse(mail)
            }
        } catch {
            refusal = .failed(error.description)
        }
        files.close(lock)
        throw refusal
    }

    /// The data directory with those above it that are missing.
    private static func makePath(_ path: String, _ files: any FileSystem) throws(FileError) {
        do throws(FileError) {
            if try files.ensureDirectory(path) { try files.syncDirectory(parent(of: path)) }
        } catch {
            let above = parent(of: path)
            guard error.isMissing, above != path, above != "/" else { throw error }
            try makePath(above, files)
            if try files.ensureDirectory(path) { try files.syncDirectory(above) }
        }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Removes what an earlier process left: spools, files in `tmp` past their age, mailboxes half removed.
    private func tidy() throws(FileError) {
        if try files.ensureDirectory(spoolDirectory) { try files.syncDirectory(directory) }
        for name in try files.list(spoolDirectory) { try files.unlink(spoolDirectory + "/" + name) }
        let limit = currentMicroseconds() / 1_000_000 - MailboxStore.leftoverAge
        for account in try files.list(directory) where !account.hasPrefix(".") {
            let home = directory + "/" + account
            guard let entries = try? files.list(home) else { continue }
            for entry in entries {
                if entry.hasPrefix(MailboxStore.removedPrefix) { files.removeTree(home + "/" + entry) }
                if entry.hasPrefix(".") { tidy(temporary: home + "/" + entry + "/tmp", before: limit) }
            }
            tidy(temporary: home + "/tmp", before: limit)
        }
    }

    private func tidy(temporary: String, before limit: Int64) {
        for name in (try? files.list(temporary)) ?? [] {
            let path = temporary + "/" + name
            if let status = try? files.status(path), status.modified < limit { try? files.unlink(path) }
        }
    }

    var spoolDirectory: String { directory + "/.spool" }
    /// A mailbox on its way out is renamed to this and a unique name, then taken apart.
    static let removedPrefix = "removed."

    /// A session: what one connection asks goes through it.
    package func makeSession() -> StoreSession {
        StoreSession(self, number: sessionNumber.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    func nextSpool() -> UInt64 { spoolNumber.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Who is told that a mailbox changed: by delivery, APPEND, COPY, flags, removal. Called on the thread that
    /// changed it, outside of all locks, after the change is on the disk. The account is named as
    /// `StoreReply.account` names it.
    package func setChangeHandler(_ handler: @escaping @Sendable (Account, String) -> Void) {
        self.handler.withLock { $0 = handler }
    }

    func changed(_ home: AccountHome, _ mailbox: String) {
        let handler = self.handler.withLock { $0 }
        handler?(home.account, mailbox)
    }

    // MARK: Mailboxes in memory

    /// The one value for a mailbox, held until it is given back. It need not exist on the disk.
    func borrow(_ home: AccountHome, _ name: String) -> Mailbox {
        let path = home.path(of: name)
        return cache.withLock { cache in
            cache.tick += 1
            if var entry = cache.entries[path] {
                entry.users += 1
                entry.lastUse = cache.tick
                cache.entries[path] = entry
                return entry.mailbox
            }
            let mailbox = Mailbox(home: home, name: name)
            cache.entries[path] = Cached(mailbox: mailbox, users: 1, lastUse: cache.tick)
            return mailbox
        }
    }

    func giveBack(_ mailbox: Mailbox) {
        cache.withLock { cache in
            guard let entry = cache.entries[mailbox.directory], entry.mailbox === mailbox else { return }
            cache.entries[mailbox.directory]?.users = entry.users - 1
            guard entry.users == 1, cache.entries.count > MailboxStore.idleLimit else { return }
            let idle = cache.entries.filter { $0.value.users == 0 }
            guard idle.count > MailboxStore.idleLimit else { return }
            if let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) { cache.entries[oldest.key] = nil }
        }
    }

    func with<R>(
        _ home: AccountHome, _ name: String, _ body: (Mailbox) throws(Fault) -> R
    ) throws(Fault) -> R {
        let mailbox = borrow(home, name)
        defer { giveBack(mailbox) }
        return try body(mailbox)
    }

    /// Renames or removes a mailbox's directory; sessions that have it open have lost it.
    func retire(_ home: AccountHome, _ name: String, _ body: () throws(FileError) -> Void) throws(Fault) {
        let mailbox = borrow(home, name)
        defer { giveBack(mailbox) }
        try onDisk { () throws(FileError) in try mailbox.retire(body) }
        cache.withLock { cache in
            if cache.entries[mailbox.directory]?.mailbox === mailbox { cache.entries[mailbox.directory] = nil }
        }
        changed(home, name)
    }

    /// Tells a mailbox that is in memory that a file was put into its `new`, then everybody.
    func arrived(_ home: AccountHome) {
        let path = home.path(of: MailboxName.inbox)
        cache.withLock { $0.entries[path]?.mailbox }?.noteArrival()
        changed(home, MailboxName.inbox)
    }
}
