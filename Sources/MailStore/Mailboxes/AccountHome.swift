// The directory of an account: INBOX and, beside it, the other mailboxes as Maildir++ lays them out.

import MailSessions
import Synchronization

final class AccountHome: Sendable {
    /// The name under which everybody speaks of this account, whatever name it was opened by.
    let account: Account
    let directory: String
    let store: String
    let files: any FileSystem
    /// Held while mailboxes are made, removed, renamed, subscribed. Taken before the lock of a mailbox.
    let structure = Mutex<Void>(())
    /// Held while a UIDVALIDITY is given out. Taken after the lock of a mailbox.
    private let validity = Mutex<Void>(())
    /// INBOX was made, durably, since we started.
    private let isReady = Mutex<Bool>(false)

    init(account: Account, store: String, directoryName: String, files: any FileSystem) {
        self.account = account
        self.store = store
        self.directory = store + "/" + directoryName
        self.files = files
    }

    /// Makes the account's directory with its INBOX unless it is there. `again`: somebody took it away.
    func ensure(again: Bool = false) throws(FileError) {
        try isReady.withLock { isReady throws(FileError) in
            if isReady, !again { return }
            try files.ensureMaildir(directory, parent: store)
            isReady = true
        }
    }

    /// The directory of a mailbox with a canonical name.
    func path(of mailbox: String) -> String {
        let name = MailboxName.directory(mailbox)
        return name.isEmpty ? directory : directory + "/" + name
    }

    func exists(_ mailbox: String) -> Bool {
        (try? files.status(path(of: mailbox) + "/cur"))?.isDirectory == true
    }

    /// Canonical names of the mailboxes beside INBOX, in no order.
    func mailboxNames() throws(FileError) -> [String] {
        var names: [String] = []
        for entry in try files.list(directory) {
            guard let name = MailboxName.name(ofDirectory: entry), exists(name) else { continue }
            names.append(name)
        }
        return names
    }

    private static let validityFile = "mailproxy-uidvalidity"

    /// A UIDVALIDITY that no mailbox of this account had: the time in seconds, or one more than the last when the
    /// clock stands or went back (RFC 9051 §2.3.1.1).
    func nextValidity(after floor: UInt32?) throws(FileError) -> UInt32 {
        try validity.withLock { _ throws(FileError) in
            var last = floor ?? 0
            if let bytes = try files.contents(directory + "/" + AccountHome.validityFile) {
                let digits = bytes.prefix { $0 != UInt8(ascii: " ") }
                let sum = bytes.dropFirst(digits.count + 1).prefix(8)
                if sum.elementsEqual(CRC32.hex(CRC32.of(digits))), let value = UIDList.decimal(digits) {
                    last = max(last, UInt32(clamping: value))
                }
            }
            let now = UInt32(clamping: currentMicroseconds() / 1_000_000)
            let value = max(now, last == .max ? 1 : last + 1)
            let digits = Array(String(value).utf8)
            let line = digits + [UInt8(ascii: " ")] + CRC32.hex(CRC32.of(digits)) + [UInt8(ascii: "\n")]
            try files.replaceFile(directory, AccountHome.validityFile, line)
            return value
        }
    }
}
