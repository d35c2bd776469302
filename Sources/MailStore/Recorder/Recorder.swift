// The recorder: what the rest of the program sees. Event loops append, one thread writes pcapng segments and their
// index.

import CLinux
import Glibc
import MailRecording
import Synchronization

/// Records sessions into a directory of evidence. Any thread may call it; nothing but ``close()`` blocks.
package final class Recorder: Sendable {
    /// When what was written is made durable with fdatasync. The kernel keeps it in any case when only the process
    /// dies.
    package enum Sync: Equatable, Sendable {
        /// At most this many microseconds after it was written.
        case interval(Int64)
        /// When a session ends.
        case session
        /// After every batch of events.
        case always
    }

    /// What to do while the disk is full, or takes nothing for another reason.
    package enum WhenFull: String, Equatable, Sendable {
        /// Sessions wait until it takes all that they said; nothing is lost.
        case slow
        /// Sessions go on. What is not recorded is counted, and the recording says so as soon as it can be written again.
        case unrecorded
    }

    /// How to record.
    package struct Settings: Sendable {
        /// Where segments and index are; made with mode 0700 when it is missing.
        package var directory: String
        /// A segment of this many octets is closed and the next begun: 256 MiB open in Wireshark without a wait.
        package var segmentBytes = 256 << 20
        /// Microseconds after which a segment is closed.
        package var segmentAge: Int64 = 3_600_000_000
        /// Whose midnight ends a segment too: names of segments have their time in UTC, so that each is of one day.
        package var day = RecordingDay.utc
        package var sync = Sync.interval(1_000_000)
        /// Octets that wait to be written beyond which the recorder is congested: some 20 ms of a fast disk.
        package var bufferBytes = 16 << 20
        package var whenFull = WhenFull.slow
        /// Takes a line for the log: a failure when it begins, and its end. Called on the recorder's thread.
        package var log: @Sendable (String) -> Void = { _ in }
        /// Takes a line for the log that tells no failure: what was removed as it was to be. Called on any thread.
        package var tell: @Sendable (String) -> Void = { _ in }
        /// Reads exchanges and messages of sessions that have ended, so that sessions need not tell them. Nil: they do.
        package var readRows: RowReader?
        /// Signs what is recorded: a chain of entries, one for each segment. Nil: nothing is signed.
        package var chainKey: ChainKey?
        /// What is left out of the recording, and what becomes of secrets.
        package var privacy = RecordingPrivacy()
        /// What secrets are sealed to, where they are.
        package var sealKey: SealPublicKey?
        /// Messages come with their text, for searches.
        package var keepsText = true
        /// How closed segments are kept.
        package var keeping = KeepingPolicy()
        /// The system calls, for tests of failing disks.
        var calls = FileCalls()
        /// Microseconds from a failure to the next attempt.
        var retryAfter: Int64 = 1_000_000

        package init(directory: String) { self.directory = directory }
    }

    /// 32 random octets, kept in the directory: the key of credential fingerprints (HMAC-SHA-256).
    package let fingerprintKey: [UInt8]
    /// The directory, as in the settings.
    package let directory: String
    /// What sessions that begin now are not to tell.
    package var privacy: RecordingPrivacy { orders.privacy }
    /// It reads exchanges and messages itself.
    package let readsRows: Bool
    /// Sessions of an earlier process that had no end, and segments that the index had not heard of, when this one
    /// started.
    package let recovery: IndexRecovery.Result

    private let queue: RecorderQueue
    private let orders: RecorderOrders
    private let keeper: SegmentKeeper
    private let status = RecorderStatus()
    private let thread: Mutex<pthread_t?>

    /// Makes the directory, takes its lock, brings the index up to date and starts the thread.
    package init(_ settings: Settings) throws(RecorderError) {
        var settings = settings
        while settings.directory.count > 1, settings.directory.hasSuffix("/") { settings.directory.removeLast() }
        directory = settings.directory
        readsRows = settings.readRows != nil
        orders = RecorderOrders(settings)
        try System.makeDirectory(directory)
        let lock = try RecordingDirectory.lock(directory)
        do throws(RecorderError) {
            fingerprintKey = try RecordingDirectory.fingerprintKey(directory)
            queue = try RecorderQueue(limit: settings.bufferBytes)
            ThinnedSegment.finish(in: directory)
            let (index, recovery) = try IndexRecovery.open(
                directory, readsRows: settings.readRows != nil, log: settings.log)
            self.recovery = recovery
            if !settings.keepsText { index.markUntexted(System.monotonicClock()) }
            let notary = try settings.chainKey.map { key throws(RecorderError) in
                try Notary(directory: settings.directory, key: key, calls: settings.calls, log: settings.log)
            }
            if settings.keeping.removes, let first = RecordingDirectory.segments(in: settings.directory).first {
                index.prepareForgetting(System.monotonicClock())
                index.forget(before: first.number, System.monotonicClock())
            }
            let worker: RecorderWorker
            do throws(RecorderError) {
                keeper = try SegmentKeeper(
                    directory: settings.directory, orders: orders, notary: notary, log: settings.log,
                    told: settings.tell, removedSome: { [queue] in queue.nudge() })
                worker = RecorderWorker(
                    settings, index: index, orders: orders, status: status, queue: queue, notary: notary,
                    keeper: keeper, lock: lock)
            } catch {
                notary?.close()
                throw error
            }
            do throws(RecorderError) {
                thread = Mutex(try Self.start(worker, queue, lock: lock))
            } catch {
                notary?.close()
                throw error
            }
        } catch {
            RecordingDirectory.unlock(lock)
            throw error
        }
    }

    deinit { close() }

    /// Is told anew what to leave out and how to keep what it has.
    package func follow(_ next: Orders) {
        if orders.replace(next) { keeper.lookAgain() }
    }

    /// Takes events, in order. Events of one session must come from one thread at a time.
    package func append(_ events: [RecordEvent]) { queue.append(events) }

    /// More waits to be written than `bufferBytes`: stop reading from peers until ``whenDrained(_:)`` calls.
    package var isCongested: Bool { queue.isCongested }

    /// Exchanges and messages of sessions that have ended wait to be read into the index. Always false when sessions tell them.
    package var hasUnread: Bool {
        guard readsRows else { return false }
        return !queue.isEmpty || status.hasUnread.load(ordering: .sequentiallyConsistent)
    }

    /// Calls once, when less than half of `bufferBytes` waits: on the recorder's thread, or at once on the caller's.
    package func whenDrained(_ callback: @escaping @Sendable () -> Void) { queue.whenDrained(callback) }

    /// Why nothing is recorded, or the index not written, at present; nil when all is well.
    package var failure: String? { status.failure }

    /// Octets that could not be written, or came for a session that was not open.
    package var lostOctets: Int64 { status.lostOctets }

    /// How often the disk refused what was to be recorded after it had taken all before.
    package var failures: Int64 { status.failures }

    /// Microseconds that sessions were made to wait for a disk that took nothing.
    package var heldTime: Int64 { status.heldTime }

    /// A capture has lost so many packets since it began. Each segment says how many of them were lost since the one
    /// before ended (isb_ifdrop of its client leg).
    package func captureLost(packets: UInt64) { status.captureDropped(packets) }

    /// Writes all that was appended, ends the segment, stops the thread and gives up the lock. Events that come later
    /// are dropped.
    package func close() {
        let joined = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let joined else { return }
        queue.close()
        // A callback on the recorder's own thread may hold the last reference; the thread then ends by itself.
        if pthread_join(joined, nil) == EDEADLK { pthread_detach(joined) }
    }

    /// What the thread is given.
    private final class Start {
        let worker: RecorderWorker
        let queue: RecorderQueue
        let lock: Int32

        init(_ worker: RecorderWorker, _ queue: RecorderQueue, _ lock: Int32) {
            self.worker = worker
            self.queue = queue
            self.lock = lock
        }
    }

    /// Runs to the end and frees what the thread had; gives the lock.
    private static func work(_ reference: Unmanaged<Start>) -> Int32 {
        let start = reference.takeRetainedValue()
        start.worker.run(start.queue)
        return start.lock
    }

    private static func start(
        _ worker: RecorderWorker, _ queue: RecorderQueue, lock: Int32
    ) throws(RecorderError) -> pthread_t {
        let start = Unmanaged.passRetained(Start(worker, queue, lock))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                // Signals are for the event loops.
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_SETMASK, &all, nil)
                guard let argument else { return nil }
                // The lock goes last, when the index is closed.
                RecordingDirectory.unlock(Recorder.work(Unmanaged<Start>.fromOpaque(argument)))
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw .failed(action: "start", path: "the recorder's thread", reason: System.text(code))
        }
        return thread
    }
}
