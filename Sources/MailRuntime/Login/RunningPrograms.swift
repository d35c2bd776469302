// The programs of the operator's that run. When the proxy comes to its end they do too, with all that they have started: nobody is left to
// whom their token would be of use.

import Glibc
import Synchronization

/// Programs that run, each in a process group of its own. Used by all threads.
package final class RunningPrograms: Sendable {
    private struct State {
        var processes: Set<pid_t> = []
        var isStopped = false
    }

    private let state = Mutex(State())

    package init() {}

    /// How many run.
    package var count: Int { state.withLock { $0.processes.count } }
    /// No program is begun any more.
    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Begins one. Nil when none is begun any more.
    /// - Parameter spawn: gives the process and what went wrong; 0 when nothing did.
    func begin(_ spawn: (inout pid_t) -> Int32) -> (process: pid_t, status: Int32)? {
        // Under the lock, so that none is begun behind the end of all.
        state.withLock { state in
            guard !state.isStopped else { return nil }
            var process: pid_t = 0
            let status = spawn(&process)
            if status == 0 { state.processes.insert(process) }
            return (process, status)
        }
    }

    /// How a program ended, as `waitpid` says it; nil as long as it runs. Its number is not ours any more from then on.
    func ending(of process: pid_t) -> Int32? {
        state.withLock { state in
            guard state.processes.contains(process) else { return SIGKILL }
            var status: Int32 = 0
            let waited = waitpid(process, &status, WNOHANG)
            guard waited == process || (waited < 0 && errno == ECHILD) else { return nil }
            // What it left running in its group has no more to say.
            Glibc.kill(-process, SIGKILL)
            state.processes.remove(process)
            return status
        }
    }

    /// Ends one that runs.
    func end(_ process: pid_t) {
        state.withLock { state in
            if state.processes.remove(process) != nil { Self.kill(process) }
        }
    }

    /// Ends all of them. None is begun any more.
    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for process in state.processes { Self.kill(process) }
            state.processes = []
        }
    }

    /// A killed process ends at once, unless the kernel itself does not get on; nobody waits for that.
    private static func kill(_ process: pid_t) {
        Glibc.kill(-process, SIGKILL)
        var status: Int32 = 0
        for _ in 0..<200 {
            let waited = waitpid(process, &status, WNOHANG)
            if waited == process || (waited < 0 && errno != EINTR) { return }
            usleep(1_000)
        }
    }
}
