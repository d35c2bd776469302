// Reads a recording while it is being written: what is there, then what comes, from one segment to the next.

import Glibc
import MailDialogue
import MailRecording

/// Follows a directory of recordings. Not for several threads at once.
package final class RecordingFollower {
    private let directory: String
    private var tracker: SessionTracker
    private var file: CaptureFile?
    /// The segment that is read, by the name under which it was written.
    private var name = ""
    private var number = -1
    /// What is wrong with segments that were left behind.
    package private(set) var problems: [ReadProblem] = []
    /// What was read of each segment so far.
    package private(set) var figures: [FileFigures] = []

    /// Problems that are kept.
    private static let mostProblems = 100
    /// Packets that are read before others get their turn.
    private static let mostAtOnce = 10_000

    /// - Parameter directory: of recordings; it may be empty as yet.
    package init(_ directory: String) { (self.directory, tracker) = (directory, SessionTracker()) }

    /// Messages are read and judged too.
    package var judgesMessages: Bool {
        get { tracker.judgesMessages }
        set { tracker.judgesMessages = newValue }
    }

    /// Secrets of TLS connections, where somebody has them.
    package var keys: TLSKeyLog? {
        get { tracker.keys }
        set { tracker.keys = newValue }
    }

    /// Messages are told with their text.
    package var keepsText: Bool {
        get { tracker.keepsText }
        set { tracker.keepsText = newValue }
    }

    /// Messages are told with their SHA-256.
    package var hashes: Bool {
        get { tracker.hashes }
        set { tracker.hashes = newValue }
    }

    /// More of a key log that grows.
    package func add(keys octets: ArraySlice<UInt8>, _ deliver: (SessionBatch) throws -> Void) rethrows {
        try tracker.add(keys: octets, deliver: deliver)
    }

    /// Reads what has come since the last time, or a part of it.
    /// - Returns: true when there may be more at once.
    package func poll(_ deliver: (SessionBatch) throws -> Void) throws -> Bool {
        if file == nil, try !open() { return false }
        guard let file else { return false }
        let later = later()
        var taken = 0
        let before = tracker.counters
        defer { count(since: before, file) }
        do {
            while taken < Self.mostAtOnce {
                guard let record = try file.nextSoFar() else {
                    // A segment is whole before the next one begins.
                    guard later != nil else { return false }
                    try leave(nil)
                    return true
                }
                taken += 1
                if !figures.isEmpty { figures[figures.count - 1].packets += 1 }
                try tracker.accept(
                    record, isRecording: SessionReader.isRecording(file.interfaces), deliver: deliver)
            }
        } catch let error as CaptureError {
            guard let format = error.format else { throw error }
            try leave(ReadProblem(path: name, error: format))
        }
        return true
    }

    /// Every session ends here, as far as anybody knows.
    package func finish(_ deliver: (SessionBatch) throws -> Void) rethrows {
        let gaps = tracker.counters.gaps
        try tracker.finish(deliver: deliver)
        if !figures.isEmpty { figures[figures.count - 1].gaps += tracker.counters.gaps - gaps }
    }

    /// What of the segment that is read was missing, by what its octets say and by what the recorder said of the capture.
    private func count(since before: TrackerCounters, _ file: CaptureFile) {
        guard !figures.isEmpty else { return }
        let now = tracker.counters
        figures[figures.count - 1].gaps += now.gaps - before.gaps
        figures[figures.count - 1].undecoded +=
            now.undecoded - before.undecoded + now.malformed - before.malformed
        figures[figures.count - 1].cut += now.cut - before.cut
        figures[figures.count - 1].dropped = file.dropped
    }

    private func leave(_ problem: ReadProblem?) throws {
        file = nil
        guard let problem else { return }
        if problems.count < Self.mostProblems { problems.append(problem) }
        if !figures.isEmpty { figures[figures.count - 1].problem = problem }
    }

    private func open() throws -> Bool {
        guard let next = later() else { return false }
        var status = stat()
        // One of which not even the header is there is yet to come.
        if stat(next.path, &status) == 0, status.st_size < 4 { return false }
        (name, number) = (next.path, next.number)
        tracker.source = figures.count
        figures.append(FileFigures(path: next.path))
        file = try CaptureFile(path: next.path)
        return true
    }

    /// The first segment behind the one that was read last.
    private func later() -> (path: String, number: Int)? {
        guard let files = try? CapturePaths.expand([directory]) else { return nil }
        return files.lazy.map { path in (path: path, number: CapturePaths.number(path)) }.first {
            $0.number > self.number
        }
    }
}
