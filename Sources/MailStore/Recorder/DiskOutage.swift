// What the recorder does while the disk takes nothing, and who is told: sessions wait, or they go on and what is lost is counted.

import Glibc
import MailRecording
import Synchronization

/// What the recorder's thread lets others see.
final class RecorderStatus: Sendable {
    private struct State {
        var failure: String?
        var lost: Int64 = 0
        var failures: Int64 = 0
        var held: Int64 = 0
        var captureDropped: UInt64 = 0
    }

    private let state = Mutex(State())
    /// Sessions wait to be read into the index.
    let hasUnread = Atomic(false)

    var failure: String? { state.withLock { $0.failure } }
    var lostOctets: Int64 { state.withLock { $0.lost } }
    var failures: Int64 { state.withLock { $0.failures } }
    var heldTime: Int64 { state.withLock { $0.held } }

    func failure(_ text: String?) {
        state.withLock { $0.failure = text }
    }

    func lost(_ octets: Int64) {
        guard octets > 0 else { return }
        state.withLock { $0.lost &+= octets }
    }

    /// Packets that were lost before they came to us.
    var captureDropped: UInt64 { state.withLock { $0.captureDropped } }

    func captureDropped(_ packets: UInt64) { state.withLock { $0.captureDropped = max($0.captureDropped, packets) } }

    func failed() { state.withLock { $0.failures &+= 1 } }

    func held(_ time: Int64) { state.withLock { $0.held &+= time } }
}

/// A time in which the disk takes nothing, from its first refusal to the next octets that it takes. Used by the recorder's thread only.
final class DiskOutage {
    private let settings: Recorder.Settings
    private let orders: RecorderOrders
    private let status: RecorderStatus
    private let queue: RecorderQueue
    /// What the system said last; nil while all is well.
    private(set) var failure: String?
    private var held: Int64 = 0
    /// It was said that sessions go on though they should wait.
    private var hasGivenUp = false

    init(_ settings: Recorder.Settings, _ orders: RecorderOrders, _ status: RecorderStatus, _ queue: RecorderQueue) {
        self.settings = settings
        self.orders = orders
        self.status = status
        self.queue = queue
    }

    /// The disk refused something. True, after a wait, when it is to be asked once more.
    func holds(_ refused: SegmentWriter.Failure) -> Bool {
        switch orders.whenFull {
        case .unrecorded: return false
        case .slow:
            began(refused)
            return wait(settings.retryAfter)
        }
    }

    /// Waits until the monotonic clock says so. False when nobody waits.
    func holds(until time: Int64, _ now: Int64) -> Bool {
        switch orders.whenFull {
        case .unrecorded: return false
        case .slow: return time > now && wait(time &- now)
        }
    }

    private func wait(_ time: Int64) -> Bool {
        let start = System.monotonicClock()
        // Never less than a moment: a disk that is asked in a loop has no time to recover.
        let isHeld = queue.hold(Int32(clamping: max(1, time / 1_000 + 1)))
        let waited = System.monotonicClock() &- start
        held &+= waited
        status.held(waited)
        if !isHeld, !hasGivenUp {
            hasGivenUp = true
            settings.log(
                "recording waits no longer; what it cannot write is lost: \(failure ?? "the disk takes nothing")")
        }
        return isHeld
    }

    /// Says so once.
    func began(_ refused: SegmentWriter.Failure) {
        if failure == nil {
            status.failed()
            switch orders.whenFull {
            case .slow: settings.log("recording waits for the disk, and sessions wait with it: \(refused.text)")
            case .unrecorded: settings.log("recording stopped, mail goes on: \(refused.text)")
            }
        }
        failure = refused.text
        status.failure(refused.text)
    }

    /// The disk takes octets again.
    func ended(_ segment: String, _ loss: RecordComment.Loss?) {
        guard failure != nil else { return }
        settings.log("recording again, in \(segment); \(Self.text(loss, held))")
        failure = nil
        held = 0
        hasGivenUp = false
    }

    /// The recorder ends, and no segment will tell.
    func gaveUp(_ loss: RecordComment.Loss?) {
        guard let loss, failure != nil else { return }
        settings.log("the recording ends without what the disk did not take: \(Self.text(loss, held))")
    }

    private static func text(_ loss: RecordComment.Loss?, _ held: Int64) -> String {
        var text = "nothing was lost"
        if let loss, loss.octets > 0 || loss.packets > 0 {
            text = "\(loss.octets) octets in \(loss.packets) packets of \(loss.sessions) sessions were lost"
        }
        if let loss, loss.unsynced > 0 {
            text += ", of \(loss.unsynced) octets it is not known whether the disk has them"
        }
        return held > 0 ? "\(text); sessions waited \(held / 1_000_000) s" : text
    }
}
