// A key log that is read on while programs write it: what a live capture opens TLS with. Programs make the file when they first have a
// secret, and logs are rotated: the path is looked at again and again, and what it named before is read on as well, as a program that
// has it open still writes there.

import Glibc
import MailCapture

/// Not for several threads at once.
final class GrowingKeyLog {
    /// Octets of a file that are read, from the first on.
    private static let largest: off_t = 1 << 30
    /// Octets without the end of a line.
    private static let longestLine = 1 << 16
    /// Microseconds between looks.
    private static let interval: Int64 = 50_000
    /// Files that are read at once: the newest. Who rotates a log has left the others long ago.
    private static let mostFiles = 4
    /// Octets before the place that was read to, which tell whether the file is still the same.
    private static let mark = 128

    /// A file that the path names or named. It is open, so that its number is not given to another.
    private final class Part {
        let descriptor: Int32
        let device: dev_t
        let inode: ino_t
        var offset: off_t = 0
        /// The beginning of a line whose end was not written yet.
        var rest: [UInt8] = []
        /// The last octets before `offset`.
        var before: [UInt8] = []
        /// When it was changed last, as far as that was looked at.
        var changed = timespec()
        var isOver = false

        init(_ descriptor: Int32, _ status: stat) {
            self.descriptor = descriptor
            (device, inode) = (status.st_dev, status.st_ino)
        }

        deinit { close(descriptor) }
    }

    /// What it held at the beginning.
    private(set) var log: TLSKeyLog
    private let path: String
    private let tell: (String) -> Void
    /// The oldest first.
    private var parts: [Part] = []
    private var nextLook = Int64.min
    /// What was said last of a file that can't be read.
    private var trouble = ""

    /// - Parameters:
    ///   - path: of a file that may be yet to come; its directory is there.
    ///   - tell: what there is to say of the file.
    init(_ path: String, tell: @escaping (String) -> Void = { Console.error($0) }) throws {
        (self.path, self.tell) = (path, tell)
        log = TLSKeyLog()
        log.isGrowing = true
        if let problem = open() { throw CLIError.usage("--keylog \(path): \(problem)") }
        guard let part = parts.first else {
            var status = stat()
            let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
            guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw CLIError.usage("--keylog \(path): there is no directory \(directory)")
            }
            tell("--keylog \(path): is not there yet; it is read when it comes")
            return
        }
        // All of it, however much that is: what passes while it is read in parts would wait for secrets that are there.
        var status = stat()
        fstat(part.descriptor, &status)
        while part.offset < status.st_size, let lines = more(of: part, isLast: false) { log.add(lines[...]) }
        nextLook = .min
    }

    /// What was written since the last look, or a part of it, in whole lines; nil when there is nothing, or it is too soon to look.
    /// - Parameters:
    ///   - now: microseconds.
    ///   - isLast: it is not too soon, and a line without an end is one.
    func more(_ now: Int64, isLast: Bool = false) -> [UInt8]? {
        guard now >= nextLook || isLast else { return nil }
        nextLook = now &+ Self.interval
        let problem = open() ?? ""
        // With the rights of the beginning a file could be read that can't be with those that are left.
        if problem != trouble, !problem.isEmpty {
            tell("--keylog \(path): \(problem); TLS stays closed for want of it")
        }
        trouble = problem
        var lines: [UInt8]?
        for part in parts { if let found = more(of: part, isLast: isLast) { lines = (lines ?? []) + found } }
        return lines
    }

    /// Opens what the path names, when that is another file than the last.
    /// - Returns: why it can't be read; nil as well when there is none.
    private func open() -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return errno == ENOENT ? nil : String(cString: strerror(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return "of a live capture it is a file, to be read on" }
        guard !parts.contains(where: { $0.device == status.st_dev && $0.inode == status.st_ino }) else { return nil }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return errno == ENOENT ? nil : String(cString: strerror(errno)) }
        // What it named a moment ago may be another.
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        if parts.count >= Self.mostFiles { parts.removeFirst() }
        parts.append(Part(descriptor, status))
        return nil
    }

    /// What was written into one of them: nil for nothing, and nothing where there may be lines behind what was read.
    private func more(of part: Part, isLast: Bool) -> [UInt8]? {
        var status = stat()
        guard !part.isOver, fstat(part.descriptor, &status) == 0 else { return nil }
        let changed = status.st_mtim
        let isSame = changed.tv_sec == part.changed.tv_sec && changed.tv_nsec == part.changed.tv_nsec
        guard status.st_size != part.offset || !isSame else {
            guard isLast, !part.rest.isEmpty else { return nil }
            defer { part.rest = [] }
            return part.rest
        }
        part.changed = changed
        if status.st_size < part.offset || !isWhatItWas(part) {
            // Written anew from its beginning.
            part.offset = 0
            part.rest = []
            part.before = []
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        let count = chunk.withUnsafeMutableBytes { pread(part.descriptor, $0.baseAddress, $0.count, part.offset) }
        guard count > 0 else { return nil }
        part.offset += off_t(count)
        part.before = Array((part.before + chunk.prefix(count)).suffix(Self.mark))
        // There may be more: the next look comes at once.
        if count == chunk.count { nextLook = Int64.min }
        if part.offset >= Self.largest {
            part.isOver = true
            tell("--keylog \(path): it is larger than 1 GB; what comes behind that is not read")
        }
        // Who goes on to write where a file was cut off leaves a hole before it.
        part.rest += chunk.prefix(count).lazy.filter { $0 != 0 }
        guard let end = part.rest.lastIndex(of: 10) else {
            if part.rest.count > Self.longestLine { part.rest = [] }
            return []
        }
        let lines = Array(part.rest[...end])
        part.rest = Array(part.rest[(end + 1)...])
        return lines
    }

    /// The octets that were read last still stand where they stood.
    private func isWhatItWas(_ part: Part) -> Bool {
        guard !part.before.isEmpty else { return true }
        var found = [UInt8](repeating: 0, count: part.before.count)
        let start = part.offset - off_t(part.before.count)
        let count = found.withUnsafeMutableBytes { pread(part.descriptor, $0.baseAddress, $0.count, start) }
        return count == found.count && found == part.before
    }
}
