// Times as text: RFC 3339 in UTC for JSON and people, and the same without colons for file names.

import MailMessage

/// Makes text of microseconds since 1970 (UTC). Beyond the years 0 to 9999 the nearest day within is shown.
package enum Timestamp {
    /// `2026-11-23T08:00:00.000250Z` (RFC 3339 §5.6).
    package static func rfc3339(_ time: Int64) -> String {
        let parts = Parts(time)
        return "\(parts.date)T\(two(parts.hour)):\(two(parts.minute)):\(two(parts.second)).\(digits(parts.micros, 6))Z"
    }

    /// `2026-11-23T08-00-00Z`: sorts by time, and no file system objects to it.
    package static func fileName(_ time: Int64) -> String {
        let parts = Parts(time)
        return "\(parts.date)T\(two(parts.hour))-\(two(parts.minute))-\(two(parts.second))Z"
    }

    private struct Parts {
        let date: String
        let hour: Int64
        let minute: Int64
        let second: Int64
        let micros: Int64

        init(_ time: Int64) {
            // Rounded down, so that times before 1970 come out right.
            let seconds = time >= 0 ? time / 1_000_000 : -((-(time + 1)) / 1_000_000) - 1
            micros = time &- seconds &* 1_000_000
            let day = seconds >= 0 ? seconds / 86_400 : -((-(seconds + 1)) / 86_400) - 1
            let inDay = seconds - day * 86_400
            let civil = CivilDate(dayNumber: day)
            date = "\(digits(Int64(civil.year), 4))-\(two(Int64(civil.month)))-\(two(Int64(civil.day)))"
            hour = inDay / 3600
            minute = inDay / 60 % 60
            second = inDay % 60
        }
    }

    private static func two(_ value: Int64) -> String { digits(value, 2) }

    private static func digits(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}

extension JSONWriter {
    /// A member that is a time as RFC 3339 text.
    package mutating func member(_ name: String, time: Int64) { member(name, Timestamp.rfc3339(time)) }
}
