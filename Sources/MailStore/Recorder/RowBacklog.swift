// Which sessions wait to be read: those that ended a moment ago in memory, all others in the index, where they outlast a stop.

import MailRecording

/// The sessions that the filler has yet to read. Used by the recorder's thread only.
struct RowBacklog {
    /// Sessions that wait in memory; of more the index knows.
    private static let most = 4_096
    /// Sessions that are read at once, and octets of the segments between their packets: what a pass through them costs.
    private static let mostAtOnce = 256
    private static let mostOctetsAtOnce: Int64 = 16 << 20

    private let filler: RowFiller
    private let directory: String
    /// The filler reads.
    private var isBusy = false
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

    /// Gives the filler work when it has none.
    mutating func feed(from index: IndexWriter) {
        guard !isBusy else { return }
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
        var span: Int64 = 0
        while count < min(waiting.count, Self.mostAtOnce), count == 0 || span < Self.mostOctetsAtOnce {
            span &+= waiting[count].span
            count += 1
        }
        let next = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        isBusy = true
        filler.give(next)
    }

    /// Rows were written.
    mutating func took(_ rows: RowFiller.Rows) {
        if rows.isLast { isBusy = false }
        filler.resume()
    }
}
