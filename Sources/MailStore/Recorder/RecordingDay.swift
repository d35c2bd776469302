// Where a day of a recording ends.

import Glibc

/// Whose days segments keep apart.
package enum RecordingDay: String, CaseIterable, Sendable {
    /// A segment may go on over midnight.
    case none
    case utc
    /// Those of the time zone of the process (TZ, /etc/localtime).
    case local

    /// The midnight that ends the day of a time, both in microseconds since 1970. `Int64.max` for none.
    func end(of time: Int64) -> Int64 {
        let second: Int64 = 1_000_000
        let day = 86_400 * second
        switch self {
        case .none: return .max
        case .utc: return time &- (time % day + day) % day &+ day
        case .local:
            var seconds = time_t(time / second)
            var parts = tm()
            guard localtime_r(&seconds, &parts) != nil else { return RecordingDay.utc.end(of: time) }
            // The C library knows how long this day is: 23 to 25 hours where clocks are changed.
            parts.tm_mday += 1
            (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (0, 0, 0, -1)
            let end = Int64(mktime(&parts))
            // Where midnight itself is skipped the day may seem to end before now.
            return end * second > time ? end * second : time &+ day
        }
    }
}
