// What the runtime needs of those above it: a recorder, a store, a log. It knows none of them by name.

import MailRecording
import MailSessions

/// Takes what is recorded. Called from the loops' threads.
package protocol RecordSink: Sendable {
    func append(_ events: [RecordEvent])
    /// More is waiting than may: those who produce must pause.
    var isCongested: Bool { get }
    /// Calls once when it is no longer so.
    func whenDrained(_ callback: @escaping @Sendable () -> Void)
    /// The key of credential fingerprints.
    var fingerprintKey: [UInt8] { get }
    /// What sessions are not to tell.
    var privacy: RecordingPrivacy { get }
    /// It reads exchanges and messages from what it recorded: sessions need not tell them.
    var readsRows: Bool { get }
}

/// The store of the fallback.
package protocol FallbackStore: Sendable {
    func makeSession() -> any FallbackStoreSession
    /// Called from any thread when a mailbox changed.
    func setChangeHandler(_ handler: @escaping @Sendable (Account, String) -> Void)
}

/// The store as one session sees it. Calls block; one at a time.
package protocol FallbackStoreSession: AnyObject, Sendable {
    func perform(_ request: StoreRequest) -> StoreReply
}

/// Lines for the operator.
package struct RuntimeLog: Sendable {
    package enum Level: Int, Sendable { case error, warning, info, debug }

    /// Writes a line; the session is the one that it is about.
    package typealias Writer = @Sendable (Level, String, SessionInfo?) -> Void

    private let write: Writer
    package init(_ write: @escaping Writer) { self.write = write }

    package func error(_ text: String, of session: SessionInfo? = nil) { write(.error, text, session) }
    package func warning(_ text: String, of session: SessionInfo? = nil) { write(.warning, text, session) }
    package func info(_ text: String, of session: SessionInfo? = nil) { write(.info, text, session) }
    package func debug(_ text: String, of session: SessionInfo? = nil) { write(.debug, text, session) }
}
