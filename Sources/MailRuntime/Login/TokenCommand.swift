// A program of the operator's that prints a token. It is run without a shell, in a process group of its own, for a limited time.

import CLinux
import Glibc

/// A program and its arguments.
package struct TokenCommand: Equatable, Sendable {
    /// What the program came to.
    package enum Outcome: Equatable, Sendable {
        /// Its standard output.
        case output([UInt8])
        /// Why it is of no use, in words that may go to the log.
        case failed(String)
    }

    /// Octets that are read of its output: no token comes near.
    private static let mostOutput = 65_536
    private static let mostComplaint = 4_096

    package let arguments: [String]
    /// Seconds that it may take.
    package let timeout: Double

    package init(_ arguments: [String], timeout: Double = 30) {
        self.arguments = arguments
        self.timeout = timeout
    }

    /// Runs it, as one of `programs`. Blocks.
    package func run(among programs: RunningPrograms = RunningPrograms()) -> Outcome {
        guard let name = arguments.first else { return .failed("there is no command") }
        guard let output = Pipe(), let complaints = Pipe() else {
            return .failed("no pipe: \(String(cString: strerror(errno)))")
        }
        let begun = programs.begin { spawn(&$0, output, complaints) }
        output.closeWriter()
        complaints.closeWriter()
        guard let (process, status) = begun else { return .failed("'\(name)' was not run: the proxy stops") }
        guard status == 0 else { return .failed("'\(name)' cannot be run: \(String(cString: strerror(status)))") }
        var said: [UInt8] = []
        var complaint: [UInt8] = []
        let deadline = Clock.monotonic() &+ Int64(timeout * 1_000_000)
        var exit: Int32?
        while exit == nil {
            output.wait(for: complaints, milliseconds: 20)
            output.read(into: &said, upTo: Self.mostOutput)
            complaints.read(into: &complaint, upTo: Self.mostComplaint)
            exit = programs.ending(of: process)
            guard exit == nil, Clock.monotonic() >= deadline else { continue }
            programs.end(process)
            return .failed("'\(name)' did not come to its end in \(Int(timeout)) seconds")
        }
        output.read(into: &said, upTo: Self.mostOutput)
        complaints.read(into: &complaint, upTo: Self.mostComplaint)
        let how = Self.words(exit ?? 0)
        guard how.isEmpty else {
            let first = complaint.split(separator: 10).first.map { Self.printable($0) } ?? ""
            return .failed("'\(name)' \(how)\(first.isEmpty ? "" : ": \(first)")")
        }
        guard said.count < Self.mostOutput else { return .failed("'\(name)' prints more than a token has") }
        return .output(said)
    }

    /// How a process ended; empty when it ended well.
    private static func words(_ status: Int32) -> String {
        let signal = status & 0x7F
        if signal != 0 { return "was ended by signal \(signal)" }
        let code = status >> 8 & 0xFF
        return code == 0 ? "" : "ended with status \(code)"
    }

    private static func printable(_ line: ArraySlice<UInt8>) -> String {
        String(decoding: line.prefix(200).map { $0 < 32 || $0 == 127 ? 63 : $0 }, as: UTF8.self)
    }

    private func spawn(_ process: inout pid_t, _ output: Pipe, _ complaints: Pipe) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.writer, 1)
        posix_spawn_file_actions_adddup2(&actions, complaints.writer, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Our signals wait for the one thread that takes them; a program of its own has none blocked or ignored.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigemptyset(&all)
        sigaddset(&all, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        return posix_spawnp(&process, arguments[0], &actions, &attributes, &words, environ)
    }

    /// A pipe that is read without waiting.
    private final class Pipe {
        let reader: Int32
        private(set) var writer: Int32

        init?() {
            var ends: [Int32] = [-1, -1]
            guard mp_pipe(&ends) == 0 else { return nil }
            (reader, writer) = (ends[0], ends[1])
            _ = fcntl(reader, F_SETFL, O_NONBLOCK)
        }

        deinit {
            close(reader)
            closeWriter()
        }

        func closeWriter() {
            if writer >= 0 { close(writer) }
            writer = -1
        }

        private var hasEnded = false

        /// Waits until one of two has something to say.
        func wait(for other: Pipe, milliseconds: Int32) {
            var ends: [pollfd] = []
            for pipe in [self, other] where !pipe.hasEnded {
                ends.append(pollfd(fd: pipe.reader, events: Int16(POLLIN), revents: 0))
            }
            _ = poll(&ends, nfds_t(ends.count), milliseconds)
        }

        func read(into octets: inout [UInt8], upTo most: Int) {
            var piece = [UInt8](repeating: 0, count: 4_096)
            while !hasEnded {
                let count = Glibc.read(reader, &piece, piece.count)
                if count == 0 { hasEnded = true }
                guard count > 0 else { return }
                // The rest is read and dropped, so that nobody waits for us.
                octets += piece.prefix(min(count, max(0, most - octets.count)))
            }
        }
    }
}
