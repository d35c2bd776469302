// Times as text: RFC 3339 in UTC for JSON and people, and the same without colons for file names.

import MailMessage

/// Makes text of microseconds since 1970 (UTC). Beyond the years 0 to 9999 the nearest day within is shown.
package enum Timestamp {
    /// `2026-11-23T08:00:00.000250Z` (RFC 3339 §5.6).
    package static func rfc3339(_ time: Int64) -> String {
        // One piece of memory instead of one for each number: reports have a time in each row.
        let parts = Parts(time)
        return String(unsafeUninitializedCapacity: 27) { text in
            put(Int64(parts.civil.year), 4, UInt8(ascii: "-"), text, 0)
            put(Int64(parts.civil.month), 2, UInt8(ascii: "-"), text, 5)
            put(Int64(parts.civil.day), 2, UInt8(ascii: "T"), text, 8)
            put(parts.hour, 2, UInt8(ascii: ":"), text, 11)
            put(parts.minute, 2, UInt8(ascii: ":"), text, 14)
            put(parts.second, 2, UInt8(ascii: "."), text, 17)
            put(parts.micros, 6, UInt8(ascii: "Z"), text, 20)
            return 27
        }
    }

    /// `2026-11-23T08-00-00Z`: sorts by time, and no file system objects to it.
    package static func fileName(_ time: Int64) -> String {
        let parts = Parts(time)
        return "\(parts.date)T\(two(parts.hour))-\(two(parts.minute))-\(two(parts.second))Z"
    }

    /// A time as people and logs write it, in microseconds since 1970: `2026-11-23`, `2026-11-23T08:00Z`, `2026-11-23T08:00:00.25+01:00`
    /// (RFC 3339 §5.6, where seconds and offset may be left out; without an offset it is UTC). Nil when it is none.
    package static func read(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        guard let year = number(&rest, 4), take("-", &rest), let month = number(&rest, 2), take("-", &rest),
            let day = number(&rest, 2)
        else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        guard date.isValid else { return nil }
        var time = date.dayNumber &* 86_400_000_000
        if rest.isEmpty { return time }
        guard take("T", &rest) || take("t", &rest) || take(" ", &rest), let hour = number(&rest, 2), take(":", &rest),
            let minute = number(&rest, 2), hour < 24, minute < 60
        else { return nil }
        time += Int64(hour * 60 + minute) * 60_000_000
        if take(":", &rest) {
            // A leap second is the last of its minute.
            guard let second = number(&rest, 2), second <= 60 else { return nil }
            time += Int64(min(second, 59)) * 1_000_000
            if take(".", &rest) {
                let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                guard !digits.isEmpty else { return nil }
                rest = rest.dropFirst(digits.count)
                var micros: Int64 = 0
                for place in 0..<6 {
                    let digit = place < digits.count ? digits[digits.startIndex + place] &- UInt8(ascii: "0") : 0
                    micros = micros * 10 + Int64(digit)
                }
                time += micros
            }
        }
        if rest.isEmpty { return time }
        if take("Z", &rest) || take("z", &rest) { return rest.isEmpty ? time : nil }
        let isWest = take("-", &rest)
        guard isWest || take("+", &rest), let hours = number(&rest, 2), take(":", &rest),
            let minutes = number(&rest, 2),
            hours < 24, minutes < 60, rest.isEmpty
        else { return nil }
        let offset = Int64(hours * 60 + minutes) * 60_000_000
        return isWest ? time + offset : time - offset
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ count: Int) -> Int? {
        guard rest.count >= count else { return nil }
        var value = 0
        for octet in rest.prefix(count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet) else { return nil }
            value = value * 10 + Int(octet - UInt8(ascii: "0"))
        }
        rest = rest.dropFirst(count)
        return value
    }

    private static func take(_ sign: Character, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first, first == sign.asciiValue else { return false }
        rest = rest.dropFirst()
        return true
    }

    private struct Parts {
        let civil: CivilDate
        var date: String {
            "\(digits(Int64(civil.year), 4))-\(two(Int64(civil.month)))-\(two(Int64(civil.day)))"
        }
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
            civil = CivilDate(dayNumber: day)
            hour = inDay / 3600
            minute = inDay / 60 % 60
            second = inDay % 60
        }
    }

    /// Puts so many digits, and a sign behind them, at a place.
    private static func put(
        _ value: Int64, _ width: Int, _ sign: UInt8, _ text: UnsafeMutableBufferPointer<UInt8>, _ place: Int
    ) {
        var rest = value
        for index in stride(from: place + width - 1, through: place, by: -1) {
            text[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        text[place + width] = sign
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
