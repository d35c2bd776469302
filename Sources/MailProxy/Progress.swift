// How far long work is, for people who wait for it: one line on standard error that is written anew, where that is a terminal, and gone when
// the work is done. Work that is done at once shows nothing.

import Glibc

/// Shows how much of something has been done.
struct Progress {
    /// Microseconds before the line is shown, and between two of its versions.
    private static let patience: Int64 = 500_000
    private static let interval: Int64 = 100_000

    private let what: String
    private let total: Int64
    private let clock: () -> Int64
    /// Takes a piece of text for the terminal; nil when there is none.
    private let show: ((String) -> Void)?
    private var done: Int64 = 0
    private var due: Int64
    private var isShown = false

    /// - Parameters:
    ///   - what: what is being read, in the plural.
    ///   - total: how much there is of it, in any unit.
    init(_ what: String, of total: Int64) {
        let isTerminal = isatty(2) == 1 && Defaults.environment("TERM") != "dumb"
        self.init(what, of: total, clock: Self.now, show: isTerminal ? { Console.say($0) } : nil)
    }

    init(_ what: String, of total: Int64, clock: @escaping () -> Int64, show: ((String) -> Void)?) {
        self.what = what
        self.total = total
        self.clock = clock
        self.show = show
        due = show == nil ? .max : clock() &+ Self.patience
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
    }

    /// So much more was done.
    mutating func advance(by count: Int64) {
        done = min(total, done &+ max(0, count))
        guard let show else { return }
        let now = clock()
        guard now >= due else { return }
        due = now &+ Self.interval
        isShown = true
        let percent = total > 0 ? Int(Double(done) / Double(total) * 100) : 100
        show("\r\(what): \(percent) %\u{1B}[K")
    }

    /// The line makes room for something else that is written, and comes again.
    mutating func makeRoom() {
        if isShown, let show { show("\r\u{1B}[K") }
        isShown = false
    }

    /// The line is gone. To be called before anything else is written.
    mutating func end() {
        if isShown, let show { show("\r\u{1B}[K") }
        isShown = false
        due = .max
    }
}

/// How far something has been read, for those who tell it from several places.
final class ReadingProgress {
    private var progress: Progress

    /// - Parameters:
    ///   - what: what is being read, in the plural.
    ///   - octets: how many octets there are of it.
    init(_ what: String, octets: Int64) { progress = Progress(what, of: octets) }

    /// How far these files have been read.
    convenience init(_ what: String, of paths: [String]) {
        self.init(what, octets: paths.reduce(0) { $0 &+ Self.size(of: $1) })
    }

    /// Octets of a file as stored; 0 where nobody knows.
    static func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : 0
    }

    func advance(by octets: Int64) { progress.advance(by: octets) }
    func makeRoom() { progress.makeRoom() }
    func end() { progress.end() }
}
