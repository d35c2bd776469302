// Threads that work behind the recorder.

import CLinux
import Glibc
import Synchronization

/// One thread that runs to its end.
final class BackgroundThread: Sendable {
    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// How it stands behind others.
    enum Precedence {
        /// It gets less of a busy processor, from 0 to 19, as Linux has it of each thread.
        case nice(Int32)
        /// It gets what nobody else wants (`SCHED_IDLE`). Not for a thread that takes locks which others wait for.
        case idle
    }

    private let thread = Mutex<pthread_t?>(nil)
    private let isAwaited = Atomic(false)

    /// Starts it. False when the system has none to give.
    /// - Parameters:
    ///   - body: everything that it uses is given to it.
    func start(_ precedence: Precedence, _ body: @escaping () -> Void) -> Bool {
        var made = pthread_t()
        let argument = Unmanaged.passRetained(
            Body {
                switch precedence {
                case .nice(let nice): setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, nice)
                case .idle:
                    mp_give_way()
                    // Who waits for its end may have said so before it came to be idle.
                    if self.isAwaited.load(ordering: .sequentiallyConsistent) { Self.takePart(pthread_self()) }
                }
                body()
            })
        let code = pthread_create(
            &made, nil,
            { argument in
                // Signals are for the event loops.
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_SETMASK, &all, nil)
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            return false
        }
        let started = made
        thread.withLock { $0 = started }
        return true
    }

    /// Waits for its end. What somebody waits for is no longer idle: on a busy machine the thread would not even come to look whether it is to
    /// end. Who may not do that has no idle threads (`mp_give_way`).
    func join() {
        let joined = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let joined else { return }
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        Self.takePart(joined)
        pthread_join(joined, nil)
    }

    /// It is no longer idle.
    private static func takePart(_ thread: pthread_t) {
        var none = sched_param()
        pthread_setschedparam(thread, SCHED_OTHER, &none)
    }
}

/// Wakes one thread that waits, be it with a limit of time.
final class WakeUp: Sendable {
    private let descriptor: Int32

    init() throws(RecorderError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard descriptor >= 0 else { throw .failed(action: "make", path: "eventfd", reason: System.text(errno)) }
    }

    deinit { Glibc.close(descriptor) }

    func post() {
        var one: UInt64 = 1
        Glibc.write(descriptor, &one, 8)
    }

    /// Waits for a call of ``post()`` since the last wait, and no longer than so many milliseconds; negative: as long as it takes.
    func wait(_ timeout: Int32) {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, timeout)
        var count: UInt64 = 0
        Glibc.read(descriptor, &count, 8)
    }
}
