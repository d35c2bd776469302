// What tests of hostile input measure: the work of their own thread, not how long the machine let it wait.

import Glibc

/// Processor time that the calling thread takes for some work. Other processes, and tests beside this one, do not count: a bound
/// that separates linear work from quadratic holds on a machine that is busy, too.
package func processorTime(_ work: () throws -> Void) rethrows -> Duration {
    let begin = threadTime()
    try work()
    return threadTime() - begin
}

private func threadTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
