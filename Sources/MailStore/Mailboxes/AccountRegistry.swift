// Which directory an address or a login means.
//
// Without users: an address is an account of its own, and its local part opens it too. When several addresses share a
// local part, the bare local part means the one that came first. When the bare name came before any address (a login
// before the first mail), the first address with it moves in with it. `.accounts` in the store's directory keeps the
// order of arrival; directories that it does not list (it was lost) come after, by name.
//
// With users: a user's name is the account. An address opens the user of this name, else the user called like its
// local part; a login without a domain opens the user of this name, else the first user whose address has it as local
// part.

import MailDialogue
import MailSessions
import Synchronization

/// Who may have a mailbox.
package enum AccountPolicy: Sendable {
    /// Any recipient, any login with any password.
    case anyone
    case users(UserFile)
}

final class AccountRegistry: Sendable {
    static let fileName = ".accounts"

    private struct Book {
        /// Every name that was used, in order, and the directory that it means.
        var directories: [String: String] = [:]
        /// The first name of each directory: the account's.
        var primary: [String: String] = [:]
        /// Local part, and the directory of the first address that has it.
        var byLocalPart: [String: String] = [:]
        /// Bare names whose directory no address shares yet.
        var unclaimed: Set<String> = []
        var homes: [String: AccountHome] = [:]
        /// Where the next line goes; nil before the file was read.
        var length: Int?

        mutating func note(_ name: String, directory: String) {
            guard directories[name] == nil else { return }
            directories[name] = directory
            if primary[directory] == nil { primary[directory] = name }
            if let local = AccountRegistry.localPart(name) {
                if byLocalPart[local] == nil { byLocalPart[local] = directory }
                if directories[local] == directory { unclaimed.remove(local) }
            } else {
                unclaimed.insert(name)
            }
        }
    }

    private let store: String
    private let files: any FileSystem
    private let policy: AccountPolicy
    private let book = Mutex(Book())

    init(store: String, files: any FileSystem, policy: AccountPolicy) {
        self.store = store
        self.files = files
        self.policy = policy
    }

    /// The part before the last `@`, nil without one.
    static func localPart(_ name: String) -> String? {
        guard let at = name.lastIndex(of: "@") else { return nil }
        return String(name[..<at])
    }

    /// Would mail for this address be taken?
    func takes(recipient: String) -> Bool { name(recipient: recipient) != nil }

    private func name(recipient: String) -> String? {
        let name = recipient.lowercased()
        guard let local = AccountRegistry.localPart(name) else { return name.isEmpty ? nil : userName(name, or: nil) }
        guard !local.isEmpty, !name.hasSuffix("@") else { return nil }
        return userName(name, or: local)
    }

    private func userName(_ name: String, or local: String?) -> String? {
        switch policy {
        case .anyone: return name
        case .users(let users): return users.user(named: name) ?? local.flatMap { users.user(named: $0) }
        }
    }

    /// The account that mail for this address goes to, made if need be; nil when it is not taken.
    func home(recipient: String) throws(FileError) -> AccountHome? {
        guard let name = name(recipient: recipient) else { return nil }
        return try home(name)
    }

    /// The account that a login opens; nil when it does not hold.
    func home(login attempt: LoginAttempt) throws(FileError) -> AccountHome? {
        let name = attempt.user.lowercased()
        guard !name.isEmpty else { return nil }
        switch policy {
        case .anyone:
            return try home(name)
        case .users(let users):
            switch attempt {
            case .password(_, let secret): return try users.verify(name, secret).map(home)
            case .proven: return try users.user(named: name).map(home)
            case .cramMD5, .apop: return nil
            }
        }
    }

    /// The user that a login means and its keys for SCRAM, made up for one that does not exist. Nil without users, or
    /// for a hash that their passwords are not kept with.
    func scramKeys(login name: String, _ hash: SASLHash) -> (user: String, keys: SCRAMKeys)? {
        switch policy {
        case .anyone: nil
        case .users(let users): hash == UserFile.scramHash ? users.scramKeys(name) : nil
        }
    }

    /// The account of this name, or of that which it stands for.
    func home(_ name: String) throws(FileError) -> AccountHome {
        let home = try book.withLock { book throws(FileError) in
            switch policy {
            case .users:
                // Never shared: a user is not let into what anyone could open before there were users.
                return self.home(AccountDirectory.name(for: name), primary: name, in: &book)
            case .anyone:
                try load(&book)
                let directory = try directory(of: name, in: &book)
                return self.home(directory, primary: book.primary[directory] ?? name, in: &book)
            }
        }
        try home.ensure()
        return home
    }

    private func home(_ directory: String, primary: String, in book: inout Book) -> AccountHome {
        if let home = book.homes[directory] { return home }
        let home = AccountHome(
            account: Account(name: primary), store: store, directoryName: directory, files: files)
        book.homes[directory] = home
        return home
    }

    private func directory(of name: String, in book: inout Book) throws(FileError) -> String {
        if let known = book.directories[name] { return known }
        let directory: String
        if let local = AccountRegistry.localPart(name) {
            let bare = book.unclaimed.contains(local) ? book.directories[local] : nil
            directory = bare ?? AccountDirectory.name(for: name)
        } else if let first = book.byLocalPart[name] {
            // Not written: it follows from the order of what is.
            return first
        } else {
            directory = AccountDirectory.name(for: name)
        }
        try append(name, directory, to: &book)
        book.note(name, directory: directory)
        return directory
    }

    private func append(_ name: String, _ directory: String, to book: inout Book) throws(FileError) {
        let text = directory + " " + SafeName.escape(name[...]) { $0 > 0x20 && $0 < 0x7F }
        let line = CRC32.hex(CRC32.of(text.utf8)) + [UInt8(ascii: " ")] + Array(text.utf8) + [UInt8(ascii: "\n")]
        let descriptor = try files.open(store + "/" + AccountRegistry.fileName, .readWriteOrCreate)
        defer { files.close(descriptor) }
        let length = book.length ?? 0
        try files.writeAll(descriptor, line, at: length)
        try files.sync(descriptor)
        if length == 0 { try files.syncDirectory(store) }
        book.length = length + line.count
    }

    private func load(_ book: inout Book) throws(FileError) {
        guard book.length == nil else { return }
        var length = 0
        if let bytes = try files.contents(store + "/" + AccountRegistry.fileName) {
            for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
                length += line.count + 1
                let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
                guard parts.count == 3, parts[0].elementsEqual(CRC32.hex(CRC32.of(line.dropFirst(9)))) else { continue }
                let directory = String(decoding: parts[1], as: UTF8.self)
                guard let name = SafeName.unescape(String(decoding: parts[2], as: UTF8.self)[...]) else { continue }
                book.note(name, directory: directory)
            }
        }
        for directory in try files.list(store).sorted() where !directory.hasPrefix(".") {
            guard book.primary[directory] == nil, let name = SafeName.unescape(directory[...]),
                AccountDirectory.name(for: name) == directory
            else { continue }
            book.note(name, directory: directory)
        }
        book.length = length
    }
}
