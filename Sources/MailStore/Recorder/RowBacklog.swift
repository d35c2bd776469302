// Which sessions wait to be read: those that ended a moment ago in memory, all others in the index, where they outlast a stop.

import MailRecording

/// The sessions that the filler has yet to read. Used by the recorder's thread only.
struct RowBacklog {
    /// Sessions that wait in memory; of more the index knows.
    private static let most = 4_096
    /// Sessions that are read at once, and octets of the segments between their packets: what a pass through them costs.
    private static let mostAtOnce = 256
    private static let mostOctetsAtOnce: Int64 = 16 << 20
    /// While sessions are being recorded, fewer.
    private static let mostInBetween = 64
    private static let mostOctetsInBetween: Int64 = 4 << 20

    private let filler: RowFiller
    private let directory: String
    /// While sessions are being recorded the filler rests so many times longer than it read and its rows took to be written: it takes
    /// a fiftieth of a processor from those who wait for an answer, however much it has to do.
    private static let rest: Int64 = 50
    /// Microseconds without anything to record after which nobody is taken to be waiting.
    private static let quiet: Int64 = 100_000
    /// Microseconds for which it rests when recording begins again.
    private static let firstRest: Int64 = 2_000_000

    /// The filler reads.
    private(set) var isBusy = false
    /// When it began, and until when it rests while there is something to record; on the monotonic clock.
    private var began: Int64 = 0
    private var restsUntil = Int64.min
    /// When there was something to record last.
    private var lastRecorded: Int64?
    private var waiting: [UnreadSession] = []
    /// The index has sessions that wait beside those.
    private var hasMore = true
    /// The files of the segments that this recorder began.
    private var names: [Int: String] = [:]

    init(_ filler: RowFiller, directory: String) {
        self.filler = filler
        self.directory = directory
    }

    /// Starts the filler. False when the system has no thread to give.
    func start() -> Bool { filler.start() }

    /// Ends the filler; what it was reading is read by the next recorder.
    func stop() { filler.stop() }

    mutating func began(segment number: Int, name: String) { names[number] = name }

    /// A session has ended, and its packets are on the disk. `places` is nil when only the index knows all of them.
    mutating func add(_ id: String, row: Int64, _ places: [Extent]?, to index: IndexWriter, _ now: Int64) {
        index.mark(unread: true, session: row, now)
        guard let places, !hasMore, waiting.count < Self.most else {
            hasMore = true
            return
        }
        let found = places.compactMap { extent in
            names[extent.segment].map { RecordingIndex.Place(path: directory + "/" + $0, extent: extent) }
        }
        waiting.append(UnreadSession(row: row, id: id, places: found))
    }

    /// Sessions wait that only the index knows.
    mutating func lookAgain() { hasMore = true }

    /// There was something to record.
    mutating func recorded(_ now: Int64) {
        if isQuiet(now) { restsUntil = max(restsUntil, now &+ Self.firstRest) }
        lastRecorded = now
    }

    private func isQuiet(_ now: Int64) -> Bool { lastRecorded.map { now &- $0 >= Self.quiet } ?? true }

    /// When ``feed(from:_:)`` is worth a call, on the monotonic clock.
    var due: Int64 {
        guard !isBusy, !waiting.isEmpty || hasMore else { return .max }
        return lastRecorded.map { min($0 &+ Self.quiet, restsUntil) } ?? .min
    }

    /// Sessions wait to be read, or are read now.
    var hasUnread: Bool { isBusy || hasMore || !waiting.isEmpty }

    /// Gives the filler work when it has none, and nobody records or it has rested.
    mutating func feed(from index: IndexWriter, _ now: Int64) {
        let isQuiet = isQuiet(now)
        guard !isBusy, isQuiet || now >= restsUntil else { return }
        if waiting.isEmpty, hasMore {
            do throws(DatabaseError) {
                waiting = try index.unread(limit: Self.mostAtOnce, in: directory)
                hasMore = waiting.count >= Self.mostAtOnce
            } catch {
                // The next start looks again.
                hasMore = false
            }
        }
        guard !waiting.isEmpty else { return }
        var count = 0
        var pass = Pass(most: isQuiet ? Self.mostOctetsAtOnce : Self.mostOctetsInBetween)
        let most = min(waiting.count, isQuiet ? Self.mostAtOnce : Self.mostInBetween)
        while count < most, pass.take(waiting[count].places) || count == 0 {
            count += 1
        }
        let next = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        isBusy = true
        began = now
        filler.give(next)
    }

    /// What is read for some sessions at most: of each segment all from the first of them to the last. Those that went on at the same
    /// time share it, however long they went on; one by one they would be read as often as there are sessions.
    private struct Pass {
        let most: Int64
        private var stretches: [String: Range<Int64>] = [:]
        private var octets: Int64 = 0

        init(most: Int64) { self.most = most }

        /// These are to be read too. False when they are better read another time: there is enough to read already, and they share
        /// less than half of theirs with it.
        mutating func take(_ places: [RecordingIndex.Place]) -> Bool {
            let before = octets
            var own: Int64 = 0
            for place in places {
                let (first, end) = (place.extent.first, max(place.extent.first, place.extent.end))
                let known = stretches[place.path]
                let all = min(known?.lowerBound ?? first, first)..<max(known?.upperBound ?? end, end)
                own += end - first
                octets += all.upperBound - all.lowerBound - (known.map { $0.upperBound - $0.lowerBound } ?? 0)
                stretches[place.path] = all
            }
            return octets <= most || octets - before <= own / 2
        }
    }

    /// Rows were written.
    mutating func took(_ rows: RowFiller.Rows, _ now: Int64) {
        if rows.isLast {
            isBusy = false
            restsUntil = now &+ Self.rest &* max(0, now &- began)
        }
        filler.resume()
    }
}
