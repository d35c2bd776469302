// What a recorder may be told anew while it records: `run` reads it again on SIGHUP.

import MailRecording
import Synchronization

extension Recorder {
    /// What of its settings may change while it records.
    package struct Orders: Sendable {
        /// For sessions that begin from now on.
        package var privacy: RecordingPrivacy
        /// What secrets are sealed to. Nil leaves the one that there is, for sessions that go on.
        package var sealKey: SealPublicKey?
        package var whenFull: WhenFull
        package var keeping: KeepingPolicy

        package init(
            privacy: RecordingPrivacy, sealKey: SealPublicKey?, whenFull: WhenFull, keeping: KeepingPolicy
        ) {
            self.privacy = privacy
            self.sealKey = sealKey
            self.whenFull = whenFull
            self.keeping = keeping
        }
    }
}

/// Those that are in force. Any thread may ask.
final class RecorderOrders: Sendable {
    private let orders: Mutex<Recorder.Orders>

    init(_ settings: Recorder.Settings) {
        orders = Mutex(
            Recorder.Orders(
                privacy: settings.privacy, sealKey: settings.sealKey, whenFull: settings.whenFull,
                keeping: settings.keeping))
    }

    var privacy: RecordingPrivacy { orders.withLock { $0.privacy } }
    var sealKey: SealPublicKey? { orders.withLock { $0.sealKey } }
    var whenFull: Recorder.WhenFull { orders.withLock { $0.whenFull } }
    var keeping: KeepingPolicy { orders.withLock { $0.keeping } }

    /// True when segments are to be kept otherwise than before.
    func replace(_ next: Recorder.Orders) -> Bool {
        orders.withLock { orders in
            let before = orders
            orders = next
            orders.sealKey = next.sealKey ?? before.sealKey
            return before.keeping != next.keeping
        }
    }
}
