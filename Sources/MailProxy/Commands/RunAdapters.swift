// The recorder and the store as the runtime wants to see them.

import MailRecording
import MailRuntime
import MailSessions
import MailStore

/// A recorder as a sink.
struct RecorderSink: RecordSink {
    private let recorder: Recorder
    init(_ recorder: Recorder) { self.recorder = recorder }

    func append(_ events: [RecordEvent]) { recorder.append(events) }
    var isCongested: Bool { recorder.isCongested }
    func whenDrained(_ callback: @escaping @Sendable () -> Void) { recorder.whenDrained(callback) }
    var fingerprintKey: [UInt8] { recorder.fingerprintKey }
    var privacy: RecordingPrivacy { recorder.privacy }
    var readsRows: Bool { recorder.readsRows }
}

/// The Maildir store for the fallback.
struct StoreAdapter: FallbackStore {
    private let store: MailboxStore
    init(_ store: MailboxStore) { self.store = store }

    func makeSession() -> any FallbackStoreSession { StoreSessionAdapter(store.makeSession()) }
    func setChangeHandler(_ handler: @escaping @Sendable (Account, String) -> Void) { store.setChangeHandler(handler) }
}

/// One session of it.
///
/// Unchecked: the runtime performs one request at a time and waits for its reply before the next.
final class StoreSessionAdapter: FallbackStoreSession, @unchecked Sendable {
    private let session: StoreSession
    init(_ session: StoreSession) { self.session = session }
    func perform(_ request: StoreRequest) -> StoreReply { session.perform(request) }
}
