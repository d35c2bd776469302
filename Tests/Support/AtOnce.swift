// Many at once: threads for tests in which somebody waits, so that all wait for the same while.

import Glibc
import Synchronization

/// Runs bodies at once, each on a thread of its own, and gives what went wrong: what they threw, and whether one of them hangs. The wait
/// is one for these threads alone; a test that suspends goes on behind all others, and how long that takes says nothing of it.
///
/// - Parameter seconds: For how long they may take before one is taken to hang.
package func atOnce(within seconds: Int = 300, _ bodies: [@Sendable () throws -> Void]) -> [String] {
    let state = AtOnce()
    for body in bodies {
        let box = Box {
            do { try body() } catch { state.faults.withLock { $0.append("\(error)") } }
            state.ended.add(1, ordering: .sequentiallyConsistent)
        }
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(box).toOpaque()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument)
        if status == 0 {
            pthread_detach(thread)
        } else {
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run()
        }
    }
    var left = seconds * 200
    while state.ended.load(ordering: .sequentiallyConsistent) < bodies.count, left > 0 {
        poll(nil, 0, 5)
        left -= 1
    }
    let hanging = bodies.count - state.ended.load(ordering: .sequentiallyConsistent)
    return state.faults.withLock { $0 } + (hanging > 0 ? ["\(hanging) of \(bodies.count) hang"] : [])
}

private final class AtOnce: Sendable {
    let ended = Atomic<Int>(0)
    let faults = Mutex<[String]>([])
}

private final class Box: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
