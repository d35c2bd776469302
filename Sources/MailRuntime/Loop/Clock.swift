// The two clocks: one for what is recorded, one for waiting.

import Glibc

/// Reads the time in microseconds.
package enum Clock {
    /// Since 1970 (UTC).
    package static func now() -> Int64 { read(CLOCK_REALTIME) }

    /// Since some moment in the past; never goes back.
    package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
    }
}
