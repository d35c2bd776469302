// `mailproxy strip-test`: what the tests of `?tls=strip-test` routes have shown, and what they do.

import ArgumentParser
import Glibc
import MailRecording
import MailRuntime
import MailSessions
import Synchronization

struct StripTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strip-test",
        abstract: "What clients gave away on routes that put them to the test (?tls=strip-test).",
        subcommands: [StripTestShow.self, StripTestVectors.self], defaultSubcommand: StripTestShow.self)

    /// Where the verdicts of a data directory are.
    static func path(_ directory: String) -> String { directory + "/strip-test.jsonl" }
    /// Where older ones are.
    static func olderPath(_ path: String) -> String { path + ".1" }
}

struct StripTestShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "The verdicts, client by client. Exit status 1 when a client fell for a test.")

    @Argument(help: "A file of verdicts; that of the data directory when not given.") var file: String?
    @OptionGroup var data: DataDirectory
    @Flag(help: "One JSON line a client.") var json = false

    func run() throws {
        let path = file ?? StripTestCommand.path(data.path)
        guard file != nil || access(path, F_OK) == 0 else {
            return Console.error("no verdicts in \(path); a route with ?tls=strip-test writes them")
        }
        var summary = StripSummary()
        let older = StripTestCommand.olderPath(path)
        for path in (file == nil && access(older, F_OK) == 0 ? [older] : []) + [path] {
            let lines = try TextFile.read(path, what: "file of verdicts").split(separator: "\n")
            for (number, line) in lines.enumerated() {
                guard let report = StripReport(line: String(line)) else {
                    throw CLIError.fault("\(path), line \(number + 1): this is no verdict of a strip test")
                }
                summary.add(report)
            }
        }
        if json {
            for client in summary.clients { print(client.json) }
        } else {
            print(text(summary), terminator: "")
        }
        fflush(nil)
        if summary.clients.contains(where: \.fell) { throw CLIError(message: "", exit: 1) }
    }

    private func text(_ summary: StripSummary) -> String {
        let style = TextStyle(isColoured: Terminal.isColoured)
        var out = ""
        for (number, client) in summary.clients.enumerated() {
            let scheme = client.mailProtocol.rawValue + (client.isImplicit ? "s" : "")
            let title = "\(client.address) \(scheme)" + (client.text.isEmpty ? "" : "  \(InertText.of(client.text))")
            out += (number == 0 ? "" : "\n") + style.text(title, .strong) + "\n"
            for vector in StripVector.all(for: client.mailProtocol, isImplicit: client.isImplicit) {
                let outcome = client.outcome(of: vector)
                let verdict = (outcome.map { $0.verdict == .none ? "no verdict" : $0.verdict.rawValue } ?? "not tested")
                out +=
                    "  \(vector.rawValue.padded(to: 26))\(verdict.padded(to: 12))\(InertText.of(outcome?.evidence ?? ""))"
                while out.last == " " { out.removeLast() }
                out += "\n"
            }
        }
        return out
    }
}

struct StripTestVectors: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vectors", abstract: "The tests: whom they concern, what is done, what it means to fall for them.")

    @Flag(help: "One JSON line a test.") var json = false
    @Flag(help: "The table in Markdown.") var markdown = false

    func run() throws {
        if markdown { return print(StripVector.markdown, terminator: "") }
        for vector in StripVector.allCases {
            let row = vector.row
            if json {
                var json = JSONWriter()
                json.object { json in
                    json.member("vector", vector.rawValue)
                    json.member("protocols", row.protocols.map(\.rawValue))
                    json.member("implicit_tls", row.isForImplicitTLS)
                    json.member("action", row.action)
                    json.member("meaning", row.meaning)
                    json.member("section", row.section)
                }
                print(json.text)
                continue
            }
            let protocols = row.protocols.map(\.rawValue).joined(separator: " ")
            print("\(vector.rawValue.padded(to: 26))\(protocols)\(row.isForImplicitTLS ? ", implicit TLS too" : "")")
            print("  done   \(row.action)")
            print("  fallen \(row.meaning)")
            print("  see    \(row.section)")
        }
    }
}

/// The file that verdicts are written to, a line each. When it is full it takes the place of the older one, and another is begun. Any
/// thread may write.
final class StripTestFile: Sendable {
    /// Octets of a file: some 50,000 verdicts.
    static let most = 16 << 20

    private let path: String
    private let most: Int
    private let log: Log
    /// Opened with the first verdict; -1 before, and -2 when that failed.
    private let descriptor = Mutex<Int32>(-1)

    init(in directory: String, _ log: Log, most: Int = StripTestFile.most) {
        self.most = most
        path = StripTestCommand.path(directory)
        self.log = log
    }

    func append(_ report: StripReport) {
        let line = Array((report.json + "\n").utf8)
        descriptor.withLock { descriptor in
            if descriptor == -1 { descriptor = open() }
            if isFull(descriptor) { descriptor = renew(descriptor) }
            guard descriptor >= 0 else { return }
            // Whole lines, also when another process writes to the same file.
            let count = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count != line.count { log.error("\(path): a verdict could not be written") }
        }
    }

    private func isFull(_ descriptor: Int32) -> Bool {
        var found = stat()
        return descriptor >= 0 && fstat(descriptor, &found) == 0 && found.st_size >= most
    }

    /// Puts a full file away and begins another, unless another process has done so.
    private func renew(_ full: Int32) -> Int32 {
        defer { close(full) }
        flock(full, LOCK_EX)
        var (mine, there) = (stat(), stat())
        if fstat(full, &mine) == 0, lstat(path, &there) == 0, mine.st_dev == there.st_dev, mine.st_ino == there.st_ino,
            rename(path, StripTestCommand.olderPath(path)) != 0
        {
            log.error("\(path): it is full and cannot be put away: \(String(cString: strerror(errno)))")
            return -2
        }
        return open()
    }

    private func open() -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            log.error("\(path): verdicts of strip tests cannot be kept: \(String(cString: strerror(errno)))")
            return -2
        }
        return descriptor
    }
}

extension RunCommand {
    /// Says of each route that tests its clients that it does.
    static func warn(ofStripTests routes: [Route], _ log: Log) {
        for route in routes where !route.stripTests.isEmpty {
            log.warning(
                "route '\(route.text)' attacks its clients on purpose: it keeps TLS from them or shows wrong certificates, to see what they give away; it is for clients of your own"
            )
        }
    }
}
