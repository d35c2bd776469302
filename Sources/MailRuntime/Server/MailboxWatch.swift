// Who waits for changes of which mailbox: IDLE sessions of the fallback, on whichever loop they live.

import MailSessions
import Synchronization

/// Sessions that want to know of changes.
final class MailboxWatch: Sendable {
    /// Names a watch.
    struct ID: Hashable, Sendable { fileprivate let number: UInt64 }

    private struct Key: Hashable {
        let account: Account
        let mailbox: String
    }

    private struct State {
        var next: UInt64 = 0
        var watchers: [Key: [ID: EventLoop.Job]] = [:]
    }

    private let state = Mutex(State())

    /// Calls `job`, from any thread, at each change until `remove`.
    func add(_ account: Account, _ mailbox: String, _ job: @escaping EventLoop.Job) -> ID {
        state.withLock { state in
            state.next += 1
            let id = ID(number: state.next)
            state.watchers[Key(account: account, mailbox: mailbox), default: [:]][id] = job
            return id
        }
    }

    func remove(_ id: ID, _ account: Account, _ mailbox: String) {
        let key = Key(account: account, mailbox: mailbox)
        state.withLock { state in
            state.watchers[key]?[id] = nil
            if state.watchers[key]?.isEmpty == true { state.watchers[key] = nil }
        }
    }

    /// The mailbox changed.
    func changed(_ account: Account, _ mailbox: String) {
        let jobs = state.withLock { state in
            state.watchers[Key(account: account, mailbox: mailbox)].map { Array($0.values) } ?? []
        }
        for job in jobs { job() }
    }
}
