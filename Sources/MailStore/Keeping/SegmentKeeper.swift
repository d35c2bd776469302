// What becomes of segments that are closed: they are packed, and when they are too old or too many the oldest are removed. A thread of the
// lowest priority, as nobody waits for it.

import CLinux
import Crypto
import Glibc
import MailCompression
import MailRecording
import Synchronization

/// How closed segments are kept.
package struct KeepingPolicy: Sendable, Equatable {
    /// The level of zstd, from 1 to 19; nil: they stay as they are.
    package var level: Int?
    /// Octets that a recording may have, all its segments and what is signed of them together; nil: as many as it takes.
    package var octets: Int64?
    /// Microseconds after which a segment is removed; nil: never.
    package var age: Int64?
    /// Sessions that are kept longer, or not as long; the first that holds decides.
    package var rules: [KeepingRule]

    package init(level: Int? = nil, octets: Int64? = nil, age: Int64? = nil, rules: [KeepingRule] = []) {
        self.level = level
        self.octets = octets
        self.age = age
        self.rules = rules
    }

    /// Segments, or sessions of them, are removed at all.
    var removes: Bool { octets != nil || removesByAge }

    /// Something is removed because it is old.
    var removesByAge: Bool { age != nil || rules.contains { $0.age != nil } }
}

/// Packs and removes the closed segments of one recorder.
final class SegmentKeeper: Sendable {
    /// Microseconds between looks at the ages of segments.
    private static let interval: Int64 = 60_000_000

    private struct State: Sendable {
        /// The segment that is being written. One that is not known to be closed is never touched: a file may be made an instant before
        /// anybody says so.
        var current: String?
        /// Those that are closed, oldest first.
        var closed: [String] = []
        /// How many were closed by this recorder.
        var closings = 0
        /// Something was closed.
        var isDue = true
        /// What became of segments, for the index.
        var changes: [SegmentChange] = []
    }

    private let state = Mutex(State())
    /// Beside the state, as it is asked all the time: a thread that gets no processor must not hold a lock.
    private let isStopping = Atomic(false)
    /// Microseconds of the monotonic clock until which so much is recorded that nothing is packed.
    private let busyUntil = Atomic<Int64>(.min)
    private let wakeUp: WakeUp
    private let thread = BackgroundThread()
    let directory: String
    private let orders: RecorderOrders
    /// What is in force during one look at the segments.
    private let looked = Mutex(KeepingPolicy())
    let notary: Notary?
    let log: @Sendable (String) -> Void
    /// For what is no failure.
    let told: @Sendable (String) -> Void
    /// What is known of sessions that are removed one by one.
    let retention = Mutex(SessionRetention())
    /// Called on the thread of the keeper when ``takeChanges()`` has something to give.
    private let removedSome: @Sendable () -> Void
    private let failed = Mutex<Set<String>>([])

    /// Starts the thread.
    init(
        directory: String, orders: RecorderOrders, notary: Notary?, log: @escaping @Sendable (String) -> Void,
        told: @escaping @Sendable (String) -> Void,
        removedSome: @escaping @Sendable () -> Void
    ) throws(RecorderError) {
        self.directory = directory
        self.orders = orders
        self.notary = notary
        self.log = log
        self.told = told
        self.removedSome = removedSome
        wakeUp = try WakeUp()
        let closed = RecordingDirectory.segments(in: directory).map(\.name)
        state.withLock { $0.closed = closed }
        notary?.whenSealed { [weak self] in self?.look() }
        guard thread.start(.idle, { [self] in run() }) else {
            throw .failed(action: "start", path: "the thread that keeps segments", reason: System.text(EAGAIN))
        }
    }

    var policy: KeepingPolicy { looked.withLock { $0 } }

    // For any thread.

    /// Segments are to be kept otherwise than before.
    func lookAgain() { look() }

    // For the recorder's thread.

    /// A segment is being written, and none before it.
    func began(_ name: String) {
        end(next: name)
    }

    /// No segment is being written.
    func ended() { end(next: nil) }

    /// Much is being recorded.
    func rest(until time: Int64) { busyUntil.store(time, ordering: .relaxed) }

    private func end(next name: String?) {
        state.withLock { state in
            if let last = state.current {
                state.closed.append(last)
                state.closings += 1
            }
            state.current = name
        }
        look()
    }

    private func look() {
        state.withLock { $0.isDue = true }
        wakeUp.post()
    }

    /// What became of segments since this was last asked.
    func takeChanges() -> [SegmentChange] {
        state.withLock { state in
            defer { state.changes = [] }
            return state.changes
        }
    }

    /// Stops, be it in the middle of a segment: the next recorder packs it.
    func close() {
        isStopping.store(true, ordering: .releasing)
        wakeUp.post()
        thread.join()
    }

    // The thread.

    var goesOn: Bool { !isStopping.load(ordering: .acquiring) }

    private func run() {
        for name in System.names(in: directory)
        where name.hasPrefix(".") && (name.hasSuffix(PackedFile.suffix + ".part") || ThinnedSegment.isPart(name)) {
            unlink(directory + "/" + name)
        }
        var rest = PackingRest()
        while goesOn {
            let isDue = state.withLock { state in
                defer { state.isDue = false }
                return state.isDue
            }
            adopt(orders.keeping)
            // Whatever woke it, ages are looked at.
            if policy.removes { remove() }
            if isDue, let level = policy.level {
                for name in closed where goesOn {
                    if rests(&rest) { break }
                    pack(name, level: level)
                }
                if policy.removes { remove() }
                if rests(&rest) {
                    state.withLock { $0.isDue = true }
                    wakeUp.wait(Int32(RecordingPace.rest / 1_000))
                }
            }
            guard goesOn, state.withLock({ !$0.isDue }) else { continue }
            wakeUp.wait(policy.removesByAge ? Int32(Self.interval / 1_000) : -1)
        }
    }

    private func rests(_ rest: inout PackingRest) -> Bool {
        // Where only so much is kept, what is not packed would drive out what is older.
        guard policy.octets == nil else { return false }
        let count = state.withLock { $0.closings }
        return rest.goesOn(closed: count, until: busyUntil.load(ordering: .relaxed), System.monotonicClock())
    }

    /// What was found out of sessions holds for the rules that they were judged by.
    private func adopt(_ next: KeepingPolicy) {
        let isNew = looked.withLock { looked in
            defer { looked = next }
            return looked != next
        }
        if isNew { retention.withLock { $0 = SessionRetention() } }
    }

    /// Closed segments, oldest first.
    var closed: [String] { state.withLock { $0.closed }.filter { notary?.isPending($0) != true } }

    private func pack(_ name: String, level: Int) {
        let path = directory + "/" + name
        guard access(path, F_OK) == 0, !failed.withLock({ $0.contains(name) }) else { return }
        do throws(PackedFileError) {
            try pack(path, name, level)
        } catch {
            // The segment stays as it is; the next start tries again.
            failed.withLock { _ = $0.insert(name) }
            log("\(path): is not packed: \(error.text)")
        }
    }

    private func pack(_ path: String, _ name: String, _ level: Int) throws(PackedFileError) {
        let source = System.openToRead(path)
        guard source >= 0 else { throw PackedFileError(.unreadable, System.text(errno)) }
        defer { Glibc.close(source) }
        let part = "\(directory)/.\(name)\(PackedFile.suffix).part"
        unlink(part)
        let target = FileCalls().create(part)
        guard target >= 0 else { throw PackedFileError(.unreadable, System.text(-target)) }
        var isDone = false
        defer {
            Glibc.close(target)
            if !isDone { unlink(part) }
        }
        var before = SHA256()
        let sizes = try SeekablePacker(level: level).pack(
            from: source, to: target, while: { goesOn }, plain: { before.update(bufferPointer: $0) })
        guard sizes != nil else { return }
        guard fdatasync(target) == 0 else { throw PackedFileError(.unreadable, System.text(errno)) }
        // Evidence is not thrown away before what takes its place was read.
        var after = SHA256()
        let packed = try PackedFile(path: part)
        while true {
            let octets = try packed.read(1 << 18)
            if octets.isEmpty { break }
            // The part that was made is made anew by the next recorder.
            guard goesOn else { return }
            octets.withUnsafeBytes { after.update(bufferPointer: $0) }
        }
        guard Array(before.finalize()) == Array(after.finalize()) else {
            throw PackedFileError(.damaged, "what was packed does not unpack to the same")
        }
        // Ages are those of what was recorded.
        var status = stat()
        if fstat(source, &status) == 0 {
            let times = [status.st_atim, status.st_mtim]
            _ = times.withUnsafeBufferPointer { futimens(target, $0.baseAddress) }
        }
        guard rename(part, path + PackedFile.suffix) == 0 else {
            throw PackedFileError(.unreadable, System.text(errno))
        }
        isDone = true
        System.syncDirectory(directory)
        unlink(path)
    }

    // MARK: Retention

    private func remove() {
        if !policy.rules.isEmpty { removeSessions() }
        let wall = System.wallClock()
        // Where sessions have times of their own a segment has none.
        let age = policy.rules.isEmpty ? policy.age : nil
        var all = segments
        var total = all.reduce(0) { $0 + $1.octets }
        let closed = Set(closed)
        while let oldest = all.first, closed.contains(oldest.name), goesOn {
            let reason: String
            if let age, oldest.time < wall &- age {
                reason = "older than \(age / 86_400_000_000) days"
            } else if let most = policy.octets, total > most {
                reason = "the recording had more than \(most) octets"
            } else {
                return
            }
            guard remove(oldest, reason) else { return }
            total -= oldest.octets
            all.removeFirst()
        }
    }

    /// A segment with what it takes of the disk, and when it was last written.
    struct StoredSegment {
        var number: Int
        var name: String
        var octets: Int64
        var time: Int64
    }

    /// All segments, oldest first.
    var segments: [StoredSegment] {
        RecordingDirectory.segments(in: directory).map { segment in
            let (octets, time) = size(segment.name)
            return StoredSegment(number: segment.number, name: segment.name, octets: octets, time: time)
        }
    }

    /// Removes a segment, when the chain has said so. False when it can't be said: then it stays.
    func remove(_ segment: StoredSegment, _ reason: String) -> Bool {
        if let notary, !notary.tell(.removed(name: segment.name, reason: reason)) { return false }
        for suffix in ["", PackedFile.suffix] { unlink(directory + "/" + segment.name + suffix) }
        unlink(directory + "/" + SegmentSeals.name(for: segment.name))
        told("\(segment.name): removed, \(reason)")
        state.withLock { $0.closed.removeAll { $0 == segment.name } }
        tell(.removed(segment.number))
        return true
    }

    /// The index is to hear of it, and a segment that is no longer packed to be packed.
    func tell(_ change: SegmentChange) {
        state.withLock { state in
            state.changes.append(change)
            if case .thinned = change { state.isDue = true }
        }
        removedSome()
    }

    /// Octets of a segment and what is signed of it, as stored, and when it was last written.
    private func size(_ name: String) -> (octets: Int64, time: Int64) {
        var octets: Int64 = 0
        var time = Int64.max
        let path = directory + "/" + name
        for file in [path, path + PackedFile.suffix, directory + "/" + SegmentSeals.name(for: name)] {
            var status = stat()
            guard lstat(file, &status) == 0 else { continue }
            octets += Int64(status.st_size)
            if file.hasPrefix(path) { time = min(time, Int64(status.st_mtim.tv_sec) &* 1_000_000) }
        }
        return (octets, time)
    }
}
