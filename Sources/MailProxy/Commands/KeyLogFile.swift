// The file of --keylog: secrets of TLS connections, to read captures with.

import Glibc
import MailCapture

enum KeyLogFile {
    /// Octets of a file that is read.
    private static let largest = 1 << 30

    /// Reads a key log. What is none is refused: without its keys nothing would be read, and nobody would know why.
    static func read(_ path: String) throws -> TLSKeyLog {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CLIError.usage("--keylog \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var log = TLSKeyLog()
        var rest: [UInt8] = []
        var total = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw CLIError.usage("--keylog \(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            total += count
            guard total <= largest else { throw CLIError.usage("--keylog \(path): it is larger than 1 GB") }
            rest += chunk.prefix(count)
            // Whole lines; what has none is no key log.
            guard let end = rest.lastIndex(of: 10) else {
                if rest.count > 1 << 20 { break }
                continue
            }
            log.add(rest[..<end])
            rest = Array(rest[(end + 1)...])
        }
        log.add(rest[...])
        guard !log.isEmpty || log.strangeLines == 0 else {
            throw CLIError.usage(
                "--keylog \(path): no line of it is of a key log, such as 'CLIENT_RANDOM', 64 hexadecimal digits and 96 more"
            )
        }
        if log.isEmpty { Console.error("--keylog \(path): it has no secrets; TLS stays closed") }
        return log
    }
}

/// A key log that is read on while programs write it: what a live capture opens TLS with.
final class GrowingKeyLog {
    /// Octets that are read, from the first on.
    private static let largest: off_t = 1 << 30
    /// Octets without the end of a line.
    private static let longestLine = 1 << 16
    /// Microseconds between looks.
    private static let interval: Int64 = 50_000

    /// What it held at the beginning.
    private(set) var log: TLSKeyLog
    private let descriptor: Int32
    private let path: String
    private var offset: off_t = 0
    /// The beginning of a line whose end was not written yet.
    private var rest: [UInt8] = []
    private var nextLook = Int64.min
    private var isOver = false

    /// Opens the file, which must be there: it is not opened again, as the right to do so may be given up.
    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let hint = errno == ENOENT ? "; make it empty before the capture begins" : ""
            throw CLIError.usage("--keylog \(path): \(String(cString: strerror(errno)))\(hint)")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw CLIError.usage("--keylog \(path): of a live capture it is a file, to be read on")
        }
        log = TLSKeyLog()
        log.isGrowing = true
        // All of it, however much that is: what passes while it is read in parts would wait for secrets that are there.
        while let lines = more(0, isLast: offset < status.st_size) { log.add(lines[...]) }
        nextLook = .min
    }

    deinit { close(descriptor) }

    /// What was written since the last look, whole lines; nil when there is nothing, or it is too soon to look.
    /// - Parameters:
    ///   - now: microseconds.
    ///   - isLast: it is not too soon, and a line without an end is one.
    func more(_ now: Int64, isLast: Bool = false) -> [UInt8]? {
        guard !isOver, now >= nextLook || isLast else { return nil }
        nextLook = now &+ Self.interval
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size != offset else {
            guard isLast, !rest.isEmpty else { return nil }
            defer { rest = [] }
            return rest
        }
        if status.st_size < offset {
            // Written anew from its beginning.
            offset = 0
            rest = []
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        let count = chunk.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, offset) }
        guard count > 0 else { return nil }
        offset += off_t(count)
        // There may be more: the next look comes at once.
        if count == chunk.count { nextLook = Int64.min }
        if offset >= Self.largest {
            isOver = true
            Console.error("--keylog \(path): it is larger than 1 GB; what comes behind that is not read")
        }
        rest += chunk.prefix(count)
        guard let end = rest.lastIndex(of: 10) else {
            if rest.count > Self.longestLine { rest = [] }
            // There may be lines behind it.
            return []
        }
        let lines = Array(rest[...end])
        rest = Array(rest[(end + 1)...])
        return lines
    }
}
