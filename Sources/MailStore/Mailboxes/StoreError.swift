// Why the mailboxes can't be opened at all, and what goes wrong inside one.

import MailSessions

/// Why a store of mailboxes or a user file can't be used.
package enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another server has this directory.
    case inUse(String)
    /// Others may write into it or read secrets from it: the path and its permission bits.
    case unsafePermissions(String, UInt32)
    /// A line of the user file that can't be read: path and line number from 1.
    case damaged(String, line: Int)
    /// A name that can't be a user's.
    case invalidUser(String)
    case failed(String)

    package var description: String {
        switch self {
        case .inUse(let path): "\(path) is in use by another mailproxy"
        case .unsafePermissions(let path, let mode):
            "\(path) is open to others (mode \(String(mode, radix: 8))); take their rights away with chmod"
        case .damaged(let path, let line): "\(path):\(line): not a line of a user file"
        case .invalidUser(let name): "\(name) can't be the name of a user"
        case .failed(let text): text
        }
    }
}

/// What stops a request half way: becomes the reply.
enum Fault: Error, Equatable {
    case file(FileError)
    case refused(StoreRefusal)

    /// What the session is told. A directory or file that is missing is what `missing` says.
    func refusal(missing: StoreRefusal = .noSuchMailbox) -> StoreRefusal {
        switch self {
        case .refused(let refusal): refusal
        case .file(let error):
            if error.isFull { .noSpace } else if error.isMissing { missing } else { .failed(error.description) }
        }
    }
}

/// Runs system calls where faults are thrown.
func onDisk<R>(_ body: () throws(FileError) -> R) throws(Fault) -> R {
    do throws(FileError) { return try body() } catch { throw .file(error) }
}
