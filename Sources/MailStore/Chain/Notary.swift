// Signs segments while they grow and when they are closed, on a thread of its own. The recorder's thread hashes what it writes; what it
// could not hand over, and what others left, is read from the files.

import Glibc
import MailRecording
import Synchronization

/// Signs the segments of one recorder. The recorder's thread tells it what was written; nothing here makes it wait.
final class Notary: Sendable {
    /// Microseconds between signatures of a segment that grows.
    static let interval: Int64 = 1_000_000
    /// Its thread gives way to whoever serves mail.
    private static let nice: Int32 = 10

    /// A segment to be signed.
    struct Job: Sendable {
        var name: String
        /// Octets that the disk has.
        var size: Int
        var hasEnded = false
        var isRecovered = false
        /// Of them, those that were hashed when they were written.
        var written: [HashedBlocks] = []
    }

    /// Marks of blocks that wait to be signed, 8 octets each. While nothing can be signed those behind them are read from the file later.
    fileprivate static let mostMarks = 1 << 20

    struct State: Sendable {
        /// In the order in which they were begun; the last may still grow.
        var jobs: [Job] = []
        /// Entries of others that wait.
        var removals: [(errand: ChainErrand, answer: RemovalAnswer)] = []
        /// Something is to be done at once.
        var isUrgent = false
        /// The segment that grows has grown.
        var hasGrown = false
        var isStopping = false
        /// Called when segments got their entries.
        var whenSealed: @Sendable () -> Void = {}
        /// The digest of the last line of the chain.
        var head = SignedFile.nothing
    }

    let state = Mutex(State())
    let wakeUp: WakeUp
    private let thread = BackgroundThread()
    let directory: String
    let key: ChainKey
    let calls: FileCalls

    /// Opens the chain of a directory whose lock the caller holds, and finds what a killed recorder left without an entry.
    init(
        directory: String, key: ChainKey, calls: FileCalls, log: @escaping @Sendable (String) -> Void
    ) throws(RecorderError) {
        self.directory = directory
        self.key = key
        self.calls = calls
        wakeUp = try WakeUp()
        let work = try NotaryWork(directory: directory, key: key, calls: calls, log: log)
        let left = work.left
        state.withLock { state in
            state.jobs = left
            state.isUrgent = !left.isEmpty
            state.head = work.head
        }
        let isStarted = thread.start(.nice(Self.nice)) { [self] in work.run(self) }
        guard isStarted else {
            throw .failed(action: "start", path: "the thread that signs", reason: System.text(EAGAIN))
        }
    }

    // For the recorder's thread.

    /// A segment was begun; one that still grew has ended where it is.
    func began(_ name: String) {
        state.withLock { state in
            if let last = state.jobs.indices.last, !state.jobs[last].isRecovered, !state.jobs[last].hasEnded {
                // What the disk has of it is more than was synced, when it was a sync that failed.
                state.jobs[last].size = 0
                state.jobs[last].hasEnded = true
            }
            state.jobs.append(Job(name: name, size: 0))
            state.isUrgent = true
        }
        wakeUp.post()
    }

    /// The segment that grows has so many octets on the disk.
    /// - Parameter written: what was hashed of it since this was last said.
    func synced(_ size: Int64, _ written: [HashedBlocks]) {
        let wakes = state.withLock { state in
            guard let last = state.jobs.indices.last, !state.jobs[last].hasEnded, state.jobs[last].size < Int(size)
            else { return false }
            state.jobs[last].size = Int(size)
            state.jobs[last].take(written)
            defer { state.hasGrown = true }
            return !state.hasGrown
        }
        if wakes { wakeUp.post() }
    }

    /// The segment that grows was closed with so many octets.
    func ended(_ size: Int64, _ written: [HashedBlocks]) {
        state.withLock { state in
            guard let last = state.jobs.indices.last else { return }
            state.jobs[last].size = max(state.jobs[last].size, Int(size))
            state.jobs[last].take(written)
            state.jobs[last].hasEnded = true
            state.isUrgent = true
        }
        wakeUp.post()
    }

    /// A segment is to be removed, or sessions of it: the chain says so first. Waits until it does; false when it cannot, or says nothing
    /// any more.
    func tell(_ errand: ChainErrand) -> Bool {
        let answer = RemovalAnswer()
        let isTaken = state.withLock { state in
            guard !state.isStopping else { return false }
            state.removals.append((errand, answer))
            state.isUrgent = true
            return true
        }
        guard isTaken else { return false }
        wakeUp.post()
        return answer.wait()
    }

    /// A segment is not signed to its end yet: it must stay where it is.
    func isPending(_ name: String) -> Bool { state.withLock { $0.jobs.contains { $0.name == name } } }

    /// Calls, on the thread of the notary, when segments were signed to their ends.
    func whenSealed(_ callback: @escaping @Sendable () -> Void) { state.withLock { $0.whenSealed = callback } }

    /// Signs all that has ended, and stops.
    func close() {
        state.withLock { state in
            state.isStopping = true
            state.isUrgent = true
        }
        wakeUp.post()
        thread.join()
    }
}

extension Notary.Job {
    /// Keeps what was hashed, in as few pieces as stretches need.
    fileprivate mutating func take(_ more: [HashedBlocks]) {
        var marks = written.reduce(0) { $0 + $1.blocks.count }
        for next in more {
            marks += next.blocks.count
            guard marks <= Notary.mostMarks else { return }
            if let last = written.indices.last, written[last].isContinued(by: next) {
                written[last].append(next)
            } else {
                written.append(next)
            }
        }
    }
}

/// What the notary says to who asked it.
final class RemovalAnswer: Sendable {
    private let told = Mutex(false)
    private let given = Semaphore()

    func give(_ answer: Bool) {
        told.withLock { $0 = answer }
        given.post()
    }

    func wait() -> Bool {
        given.wait()
        return told.withLock { $0 }
    }
}

/// What the thread of the notary does. Used by that thread alone once it runs.
final class NotaryWork {
    /// Microseconds from a failure to the next attempt.
    private static let retryAfter: Int64 = 1_000_000

    let directory: String
    let key: ChainKey
    let calls: FileCalls
    private let log: @Sendable (String) -> Void
    private let chain: SignedFile
    /// The digest of the last line of the chain.
    var head: String { chain.head }
    /// Segments of a killed recorder.
    let left: [Notary.Job]

    /// The segment that is being signed.
    private var current: Current?
    /// The segment whose entry is in the chain, though perhaps not on the disk: it is not written twice.
    private var appended: String?
    private var failure: String?

    /// A segment that is being signed.
    final class Current {
        let name: String
        let descriptor: Int32
        let seals: SignedFile
        var digest = SegmentDigest()
        /// What was hashed of it when it was written, and is not signed yet.
        var written: [HashedBlocks] = []

        init(_ name: String, _ descriptor: Int32, _ seals: SignedFile) {
            self.name = name
            self.descriptor = descriptor
            self.seals = seals
        }

        /// The next stretch: what was hashed when it was written, or what stands before that in the file.
        func next(to end: Int) throws(SegmentDigest.ReadFailure) -> Stretch? {
            if let stretch = digest.next(of: &written, to: end) { return stretch }
            let next = written.first.map { $0.offset > digest.offset ? $0.offset : end } ?? end
            return try digest.next(of: descriptor, to: min(end, next))
        }

        deinit { Glibc.close(descriptor) }
    }

    init(
        directory: String, key: ChainKey, calls: FileCalls, log: @escaping @Sendable (String) -> Void
    ) throws(RecorderError) {
        self.directory = directory
        self.key = key
        self.calls = calls
        self.log = log
        var known: Set<String> = []
        var lastKey: ChainPublicKey?
        chain = try SignedFile(path: directory + "/" + ChainEntry.fileName, calls: calls) { line in
            switch ChainEntry(line) {
            case .key(let key): lastKey = key
            case .segment(let segment): known.insert(segment.name)
            case .removed(let name, _): known.insert(name)
            case .thinned, nil: break
            }
        }
        // Only what carries the signature of its beginning was recorded here: nothing is signed because it lies there.
        left = RecordingDirectory.segments(in: directory)
            .filter { segment in
                !known.contains(segment.name)
                    && access(directory + "/" + SegmentSeals.name(for: segment.name), F_OK) == 0
            }
            .map { Notary.Job(name: $0.name, size: -1, hasEnded: true, isRecovered: true) }
        SegmentSeals.removeBegun(in: directory)
        if lastKey != key.publicKey {
            if lastKey != nil { log("\(chain.path): goes on with the key of this machine, which is another one") }
            try append(.key(key.publicKey))
            System.syncDirectory(directory)
        }
    }

    func run(_ notary: Notary) {
        var lastSeal = Int64.min
        while true {
            let now = System.monotonicClock()
            let due = lastSeal == Int64.min ? now : lastSeal &+ Notary.interval
            let isBehind = failure != nil
            let timeout: Int32 = notary.state.withLock { state in
                if state.isUrgent, !isBehind || state.isStopping { return 0 }
                if state.hasGrown || isBehind { return Int32(clamping: max(0, due &- now) / 1_000 + 1) }
                return -1
            }
            if timeout != 0 {
                notary.wakeUp.wait(timeout)
                // It was woken because something is to be done, not because it is time.
                let isUrgent = notary.state.withLock { $0.isUrgent || $0.hasGrown && System.monotonicClock() >= due }
                if !isUrgent, !isBehind { continue }
            }
            let (jobs, removals, isStopping) = notary.state.withLock { state in
                state.isUrgent = false
                state.hasGrown = false
                let jobs = state.jobs
                // They are taken over. Those of a segment whose turn does not come are read from it later.
                for index in state.jobs.indices { state.jobs[index].written = [] }
                return (jobs, state.removals, state.isStopping)
            }
            lastSeal = System.monotonicClock()
            let done = work(jobs)
            remove(removals)
            let whenSealed = notary.state.withLock { state in
                state.jobs.removeFirst(done)
                state.removals.removeFirst(removals.count)
                state.head = chain.head
                return state.whenSealed
            }
            if done > 0 { whenSealed() }
            if isStopping { return }
        }
    }

    /// Signs what there is. Gives how many of the segments got their entry.
    private func work(_ jobs: [Notary.Job]) -> Int {
        var done = 0
        do throws(RecorderError) {
            for job in jobs {
                try sign(job)
                if !job.hasEnded { break }
                done += 1
            }
            if failure != nil {
                log("signing again")
                failure = nil
            }
        } catch {
            if failure == nil { log("segments are not signed at present: \(error)") }
            failure = "\(error)"
        }
        return done
    }

    private func remove(_ removals: [(errand: ChainErrand, answer: RemovalAnswer)]) {
        for removal in removals {
            do throws(RecorderError) {
                switch removal.errand {
                case .removed(let name, let reason): try append(.removed(name: name, reason: reason))
                case .thinned(let segment): try append(try seal(segment))
                }
                try chain.sync()
                removal.answer.give(true)
            } catch {
                log("\(error)")
                removal.answer.give(false)
            }
        }
    }

    private func sign(_ job: Notary.Job) throws(RecorderError) {
        if current?.name != job.name { current = try open(job) }
        guard let current else { return }
        current.written += job.written
        var size = job.size
        if job.isRecovered || job.hasEnded && size == 0 {
            // Nobody told where it ends.
            var status = stat()
            size = fstat(current.descriptor, &status) == 0 ? Int(status.st_size) : 0
        }
        while true {
            // A stretch that could not be written is taken again.
            let before = (current.digest, current.written)
            let stretch: Stretch
            do throws(SegmentDigest.ReadFailure) {
                guard let next = try current.next(to: size) else { break }
                stretch = next
            } catch {
                // A segment that was cut back is signed as far as it goes.
                if job.hasEnded, error.code == EIO { break }
                throw .failed(action: "read", path: directory + "/" + job.name, reason: System.text(error.code))
            }
            guard
                let line = SegmentSeals.line(
                    stretch, of: job.name, previous: current.seals.head, System.wallClock(), key)
            else { throw .chain("\(job.name): cannot be signed") }
            do throws(RecorderError) {
                try current.seals.append(line)
            } catch {
                (current.digest, current.written) = before
                throw error
            }
        }
        guard job.hasEnded else { return }
        try current.seals.sync()
        if appended != job.name {
            try append(
                .segment(
                    .init(
                        name: job.name, octets: current.digest.offset, sha256: current.digest.sha256,
                        blocks: current.digest.blocks, seals: current.seals.head, isRecovered: job.isRecovered)))
            appended = job.name
        }
        try chain.sync()
        self.current = nil
    }

    /// Nil when the segment is not there any more: verify will miss it.
    private func open(_ job: Notary.Job) throws(RecorderError) -> Current? {
        let path = directory + "/" + job.name
        let descriptor = System.openToRead(path)
        guard descriptor >= 0 else {
            log("\(path): cannot be signed: \(System.text(errno))")
            return nil
        }
        var stretches: [Stretch] = []
        let seals: SignedFile
        do throws(RecorderError) {
            seals = try SignedFile(path: directory + "/" + SegmentSeals.name(for: job.name), calls: calls) { line in
                if var stretch = SegmentSeals.stretch(line) {
                    stretch.blocks = BlockMarks()
                    stretches.append(stretch)
                }
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        let current = Current(job.name, descriptor, seals)
        if seals.count == 0 {
            guard let line = SegmentSeals.begin(job.name, chain: chain.head, System.wallClock(), key) else {
                throw .chain("\(job.name): cannot be signed")
            }
            try seals.append(line)
        }
        try catchUp(current, stretches)
        return current
    }

    /// Reads again what was signed before. What differs is signed as it is now, and stays named by what was signed then.
    private func catchUp(_ current: Current, _ stretches: [Stretch]) throws(RecorderError) {
        var isChanged = false
        for stretch in stretches {
            do throws(SegmentDigest.ReadFailure) {
                while current.digest.offset < stretch.end {
                    guard try current.digest.next(of: current.descriptor, to: stretch.end) != nil else { break }
                }
            } catch {
                isChanged = true
                break
            }
            isChanged = isChanged || current.digest.sha256 != stretch.sha256
        }
        if isChanged {
            log("\(directory)/\(current.name): is not as it was signed; 'mailproxy verify' says where")
        }
    }

    private func append(_ entry: ChainEntry) throws(RecorderError) {
        guard let line = entry.line(chain.count, previous: chain.head, System.wallClock(), key) else {
            throw .chain("\(chain.path): cannot be signed")
        }
        try chain.append(line)
    }
}
