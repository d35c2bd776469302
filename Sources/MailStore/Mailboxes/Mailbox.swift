// A mailbox that somebody has open: its state behind a lock. One value of this class exists for a directory at a
// time; the store sees to it.

import MailSessions
import Synchronization

final class Mailbox: Sendable {
    let home: AccountHome
    /// Canonical.
    let name: String
    let directory: String
    private let state: Mutex<MailboxState>
    /// Deliveries of ours, counted after the file is in place: the clock of the file system may not show them.
    private let arrivals = Atomic<Int>(0)

    init(home: AccountHome, name: String) {
        self.home = home
        self.name = name
        self.directory = home.path(of: name)
        self.state = Mutex(MailboxState(home: home, directory: home.path(of: name)))
    }

    func noteArrival() { arrivals.wrappingAdd(1, ordering: .sequentiallyConsistent) }

    /// Works on the state after a look at the directories. `readOnly` leaves new messages in `new`.
    func withFresh<R: Sendable>(
        thorough: Bool = false, readOnly: Bool, _ body: (inout MailboxState) throws(Fault) -> R
    ) throws(Fault) -> R {
        try state.withLock { state throws(Fault) in
            let arrivals = self.arrivals.load(ordering: .sequentiallyConsistent)
            try state.refresh(thorough: thorough, claim: !readOnly, arrivals: arrivals)
            return try body(&state)
        }
    }

    /// Works on the state as it is.
    func withState<R: Sendable>(_ body: (inout MailboxState) throws(Fault) -> R) throws(Fault) -> R {
        try state.withLock { state throws(Fault) in
            if state.isGone { throw .refused(.noSuchMailbox) }
            return try body(&state)
        }
    }

    /// Does something to the directory, after which this value knows nothing more: removal, renaming.
    func retire(_ body: () throws(FileError) -> Void) throws(FileError) {
        try state.withLock { state throws(FileError) in
            try body()
            state.isGone = true
            state.epoch &+= 1
        }
    }

    func forget(session: UInt64) {
        state.withLock { state in
            state.sessions[session] = nil
            state.pruneRemovals()
        }
    }
}
