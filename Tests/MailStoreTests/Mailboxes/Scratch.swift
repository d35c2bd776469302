// A directory of its own for a test, and short words for what tests ask of a store.

import Glibc
import MailSessions
import Testing

@testable import MailStore

/// A directory that goes with the value.
final class Scratch {
    let path: String

    init() throws {
        let root = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(root)/mailboxes-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.flatMap { mkdtemp($0) } != nil
        }
        try #require(made)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { PosixFileSystem().removeTree(path) }

    func store(_ policy: AccountPolicy = .anyone, files: any FileSystem = PosixFileSystem()) throws -> MailboxStore {
        try MailboxStore(directory: path, policy: policy, files: files)
    }

    /// Names in a directory below `mail`, sorted.
    func names(_ directory: String) -> [String] {
        ((try? PosixFileSystem().list(path + "/mail/" + directory)) ?? []).sorted()
    }

    func contents(_ file: String) throws -> [UInt8] {
        try #require(try PosixFileSystem().contents(path + "/mail/" + file))
    }

    /// Writes a file as another program would.
    func put(_ file: String, _ bytes: [UInt8]) throws {
        try? PosixFileSystem().unlink(path + "/mail/" + file)
        try PosixFileSystem().writeFile(path + "/mail/" + file, bytes)
    }

    func move(_ from: String, _ to: String) throws {
        try PosixFileSystem().rename(path + "/mail/" + from, path + "/mail/" + to)
    }
}

extension StoreSession {
    @discardableResult
    func deliver(_ text: String, to recipients: String...) -> StoreReply {
        perform(.deliver(.octets(Array(text.utf8)), Envelope(reversePath: "a@example.org", recipients: recipients)))
    }

    func account(_ user: String) throws -> Account {
        let reply = perform(.authenticate(.password(user: user, SecretText("secret"))))
        guard case .account(let account) = reply else {
            Issue.record("not logged in: \(reply)")
            return Account(name: user)
        }
        return account
    }

    func open(_ account: Account, _ mailbox: String = "INBOX", readOnly: Bool = false) throws -> [MessageEntry] {
        let reply = perform(.open(account, mailbox, readOnly: readOnly))
        guard case .opened(_, let entries) = reply else {
            Issue.record("not opened: \(reply)")
            return []
        }
        return entries
    }

    func status(_ account: Account, _ mailbox: String = "INBOX") throws -> MailboxStatus {
        let reply = perform(.status(account, mailbox))
        guard case .status(let status) = reply else {
            Issue.record("no status: \(reply)")
            return MailboxStatus(name: "", messages: -1, unseen: 0, deleted: 0, size: 0, uidValidity: 0, uidNext: 0)
        }
        return status
    }

    func changes(_ request: StoreRequest) throws -> MailboxChanges {
        let reply = perform(request)
        guard case .changes(let changes) = reply else {
            Issue.record("no changes: \(reply)")
            return MailboxChanges()
        }
        return changes
    }

    func text(_ uid: UInt32) throws -> String {
        let reply = perform(.read(uid: uid, offset: 0, count: 1 << 20))
        guard case .octets(let octets) = reply else { return "refused" }
        return String(decoding: octets, as: UTF8.self)
    }

    func listing(_ account: Account) -> [MailboxListing] {
        guard case .mailboxes(let listing) = perform(.listMailboxes(account)) else { return [] }
        return listing
    }
}

extension DeliveryResult {
    var isStored: Bool {
        switch self {
        case .stored: true
        case .noSpace, .failed: false
        }
    }
}

extension StoreReply {
    var isStored: Bool {
        if case .delivered(let result) = self { return result.isStored }
        return false
    }
}
