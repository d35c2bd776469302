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

    package init(level: Int? = nil, octets: Int64? = nil, age: Int64? = nil) {
        self.level = level
        self.octets = octets
        self.age = age
    }

    /// Segments are removed at all.
    var removes: Bool { octets != nil || age != nil }
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
        /// Something was closed.
        var isDue = true
        /// Numbers of segments that were removed, for the index.
        var removed: [Int] = []
    }

    private let state = Mutex(State())
    /// Beside the state, as it is asked all the time: a thread that gets no processor must not hold a lock.
    private let isStopping = Atomic(false)
    private let wakeUp: WakeUp
    private let thread = BackgroundThread()
    private let directory: String
    private let policy: KeepingPolicy
    private let notary: Notary?
    private let log: @Sendable (String) -> Void
    /// Called on the thread of the keeper when ``takeRemoved()`` has something to give.
    private let removedSome: @Sendable () -> Void
    private let failed = Mutex<Set<String>>([])

    /// Starts the thread.
    init(
        directory: String, policy: KeepingPolicy, notary: Notary?, log: @escaping @Sendable (String) -> Void,
        removedSome: @escaping @Sendable () -> Void
    ) throws(RecorderError) {
        self.directory = directory
        self.policy = policy
        self.notary = notary
        self.log = log
        self.removedSome = removedSome
        wakeUp = try WakeUp()
        let closed = RecordingDirectory.segments(in: directory).map(\.name)
        state.withLock { $0.closed = closed }
        notary?.whenSealed { [weak self] in self?.look() }
        guard thread.start(.idle, { [self] in run() }) else {
            throw .failed(action: "start", path: "the thread that keeps segments", reason: System.text(EAGAIN))
        }
    }

    // For the recorder's thread.

    /// A segment is being written, and none before it.
    func began(_ name: String) {
        end(next: name)
    }

    /// No segment is being written.
    func ended() { end(next: nil) }

    private func end(next name: String?) {
        state.withLock { state in
            if let last = state.current { state.closed.append(last) }
            state.current = name
        }
        look()
    }

    private func look() {
        state.withLock { $0.isDue = true }
        wakeUp.post()
    }

    /// The numbers of segments that were removed since this was last asked.
    func takeRemoved() -> [Int] {
        state.withLock { state in
            defer { state.removed = [] }
            return state.removed
        }
    }

    /// Stops, be it in the middle of a segment: the next recorder packs it.
    func close() {
        isStopping.store(true, ordering: .releasing)
        wakeUp.post()
        thread.join()
    }

    // The thread.

    private var goesOn: Bool { !isStopping.load(ordering: .acquiring) }

    private func run() {
        for name in System.names(in: directory) where name.hasPrefix(".") && name.hasSuffix(PackedFile.suffix + ".part")
        {
            unlink(directory + "/" + name)
        }
        while goesOn {
            let isDue = state.withLock { state in
                defer { state.isDue = false }
                return state.isDue
            }
            // Whatever woke it, ages are looked at.
            if policy.removes { remove() }
            if isDue, let level = policy.level {
                for name in closed where goesOn { pack(name, level: level) }
                if policy.removes { remove() }
            }
            guard goesOn, state.withLock({ !$0.isDue }) else { continue }
            wakeUp.wait(policy.age == nil ? -1 : Int32(Self.interval / 1_000))
        }
    }

    /// Closed segments, oldest first.
    private var closed: [String] { state.withLock { $0.closed }.filter { notary?.isPending($0) != true } }

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
        let wall = System.wallClock()
        var all = RecordingDirectory.segments(in: directory).map { segment in
            let (octets, time) = size(segment.name)
            return (number: segment.number, name: segment.name, octets: octets, time: time)
        }
        var total = all.reduce(0) { $0 + $1.octets }
        let closed = Set(closed)
        while let oldest = all.first, closed.contains(oldest.name), goesOn {
            let reason: String
            if let age = policy.age, oldest.time < wall &- age {
                reason = "older than \(age / 86_400_000_000) days"
            } else if let most = policy.octets, total > most {
                reason = "the recording had more than \(most) octets"
            } else {
                return
            }
            guard tell(oldest.name, reason) else { return }
            for suffix in ["", PackedFile.suffix] { unlink(directory + "/" + oldest.name + suffix) }
            unlink(directory + "/" + SegmentSeals.name(for: oldest.name))
            log("\(oldest.name): removed, \(reason)")
            state.withLock { state in
                state.removed.append(oldest.number)
                state.closed.removeAll { $0 == oldest.name }
            }
            removedSome()
            total -= oldest.octets
            all.removeFirst()
        }
    }

    /// The chain says first that a segment is to go. False when it can't be said: then it stays.
    private func tell(_ name: String, _ reason: String) -> Bool {
        guard let notary else { return true }
        return notary.tellRemoved(name, reason: reason)
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
