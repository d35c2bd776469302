// Points in time as mail writes them: RFC 5322 date-time, IMAP's INTERNALDATE and date, RFC 3339 for our own output.

/// A point in time with the zone that it was written in.
package struct MailDate: Equatable, Sendable {
    /// Seconds since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// Minutes east of UTC, -1439 to 1439.
    package let offsetMinutes: Int

    /// - Parameter seconds: since 1970-01-01T00:00:00Z; beyond the years 0 to 9999 the nearest second within is taken.
    package init(seconds: Int64, offsetMinutes: Int = 0) {
        self.offsetMinutes = min(max(offsetMinutes, -1439), 1439)
        self.seconds = min(max(seconds, -62_167_132_800), 253_402_214_399)
    }

    /// - Parameter microseconds: since 1970-01-01T00:00:00Z.
    package init(microseconds: Int64, offsetMinutes: Int = 0) {
        self.init(seconds: MailDate.split(microseconds, by: 1_000_000).0, offsetMinutes: offsetMinutes)
    }

    private init?(day: CivilDate, time: (hour: Int, minute: Int, second: Int), offsetMinutes: Int) {
        guard day.isValid, 0...23 ~= time.hour, 0...59 ~= time.minute, 0...60 ~= time.second else { return nil }
        let local = day.dayNumber * 86_400 + Int64(time.hour * 3_600 + time.minute * 60 + time.second)
        self.init(seconds: local - Int64(offsetMinutes) * 60, offsetMinutes: offsetMinutes)
    }

    /// The day in the zone that the date was written in, as days since 1970-01-01: what SENTBEFORE, SENTON and SENTSINCE compare
    /// (RFC 9051 §6.4.4).
    package var localDay: Int64 {
        MailDate.split(seconds + Int64(offsetMinutes) * 60, by: 86_400).0
    }

    // MARK: Reading

    /// Reads an RFC 5322 §3.3 date-time with the obsolete forms of §4.3, and C's asctime form, which old mailers wrote. A missing
    /// zone is UTC. Nil when there is no date in it.
    package init?(parsing body: ArraySlice<UInt8>) {
        var words = MailDate.words(body)[...]
        guard let first = words.first else { return nil }
        if let octet = first.first, Octets.isLetter(octet), CivilDate.month(first) == nil || words.count > 5 {
            words.removeFirst()
        }
        guard words.count >= 3 else { return nil }
        let at = words.startIndex
        var day: Int?
        var month: Int?
        var year: ArraySlice<UInt8>
        var timeAt = at + 3
        if let named = CivilDate.month(words[at]) {
            // Jul 17 02:44:25 1996
            month = named
            day = Octets.number(words[at + 1], maximum: 2)
            guard at + 3 < words.endIndex else { return nil }
            year = words[at + 3]
            timeAt = at + 2
        } else {
            day = Octets.number(words[at], maximum: 2)
            month = CivilDate.month(words[at + 1])
            year = words[at + 2]
        }
        guard let day, let month, let year = MailDate.year(year) else { return nil }
        var time = (hour: 0, minute: 0, second: 0)
        if timeAt < words.endIndex {
            guard let found = MailDate.time(words[timeAt]) else { return nil }
            time = found
        }
        let zoneAt = max(timeAt + 1, at + 3)
        let zone = zoneAt < words.endIndex && timeAt == at + 3 ? MailDate.zone(words[zoneAt]) : 0
        self.init(day: CivilDate(year: year, month: month, day: day), time: time, offsetMinutes: zone)
    }

    /// Reads IMAP's date-time without its quotes: `17-Jul-1996 02:44:25 -0700` (RFC 9051 §9).
    package init?(parsingInternalDate text: ArraySlice<UInt8>) {
        let words = text.split(separator: UInt8(ascii: " "))
        guard words.count == 3, let day = CivilDate(parsingIMAP: words[0]), words[1].count == 8,
            let time = MailDate.time(words[1]), words[2].count == 5,
            let zone = MailDate.numericZone(words[2])
        else { return nil }
        self.init(day: day, time: time, offsetMinutes: zone)
    }

    /// The words of a date: comments and commas are dropped, hyphens between day, month and year part words too.
    private static func words(_ body: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var lexer = FieldLexer(body)
        var words: [ArraySlice<UInt8>] = []
        while words.count < 8 {
            lexer.skipSpace()
            if lexer.take(UInt8(ascii: ",")) { continue }
            guard !lexer.isAtEnd else { break }
            let word = lexer.readAtom { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "(") }
            if let first = word.first, Octets.isDigit(first), Octets.find(UInt8(ascii: "-"), in: word) != nil {
                words += word.split(separator: UInt8(ascii: "-"), maxSplits: 3)
            } else if let last = words.last, last.last == UInt8(ascii: ":") || word.first == UInt8(ascii: ":"),
                last.count < 9
            {
                // RFC 5322 §4.3 allowed white space and comments around the colons of a time.
                words[words.count - 1] = last + word
            } else {
                words.append(word)
            }
        }
        return words
    }

    /// A year of two or three digits is of the 20th or 21st century (RFC 5322 §4.3).
    private static func year(_ word: ArraySlice<UInt8>) -> Int? {
        guard let number = Octets.number(word, maximum: 4) else { return nil }
        switch word.count {
        case 2: return number < 50 ? number + 2000 : number + 1900
        case 3: return number + 1900
        default: return number
        }
    }

    private static func time(_ word: ArraySlice<UInt8>) -> (hour: Int, minute: Int, second: Int)? {
        let parts = word.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, let hour = Octets.number(parts[0], maximum: 2),
            let minute = Octets.number(parts[1], maximum: 2)
        else { return nil }
        guard parts.count == 3 else { return (hour, minute, 0) }
        // Fractions of a second, which no standard allows, are cut off.
        guard let second = Octets.number(parts[2].prefix { $0 != UInt8(ascii: ".") }, maximum: 2) else { return nil }
        return (hour, minute, second)
    }

    private static func numericZone(_ word: ArraySlice<UInt8>) -> Int? {
        guard let sign = word.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), word.count == 5,
            let number = Octets.number(word.dropFirst(), maximum: 4), number % 100 < 60, number < 2400
        else { return nil }
        let minutes = number / 100 * 60 + number % 100
        return sign == UInt8(ascii: "-") ? -minutes : minutes
    }

    /// A zone; names that RFC 5322 §4.3 does not list, and the military letters, are taken as UTC.
    private static func zone(_ word: ArraySlice<UInt8>) -> Int {
        if let minutes = numericZone(word) { return minutes }
        switch Octets.lowerText(word) {
        case "edt": return -240
        case "est", "cdt": return -300
        case "cst", "mdt": return -360
        case "mst", "pdt": return -420
        case "pst": return -480
        default: return 0
        }
    }

    // MARK: Writing

    /// `Wed, 17 Jul 1996 02:44:25 -0700` (RFC 5322 §3.3).
    package var headerText: String {
        let (day, time) = local
        let name = CivilDate.dayNames[day.weekday]
        return
            "\(name), \(day.day) \(CivilDate.monthNames[day.month - 1]) \(padded(day.year, 4)) \(clock(time)) \(zoneText)"
    }

    /// `17-Jul-1996 02:44:25 -0700`, the day padded with a space (RFC 9051 §9, date-time without its quotes).
    package var internalDateText: String {
        let (day, time) = local
        let number = day.day < 10 ? " \(day.day)" : "\(day.day)"
        return "\(number)-\(CivilDate.monthNames[day.month - 1])-\(padded(day.year, 4)) \(clock(time)) \(zoneText)"
    }

    /// `2026-11-23T08:00:00.000001Z` (RFC 3339).
    /// - Parameter microseconds: since 1970-01-01T00:00:00Z.
    package static func rfc3339(microseconds: Int64) -> String {
        let (seconds, fraction) = split(microseconds, by: 1_000_000)
        let date = MailDate(seconds: seconds)
        let (day, time) = date.local
        let dayText = "\(padded(day.year, 4))-\(padded(day.month, 2))-\(padded(day.day, 2))"
        return "\(dayText)T\(date.clock(time)).\(padded(Int(fraction), 6))Z"
    }

    private var local: (CivilDate, Int) {
        let (day, second) = MailDate.split(seconds + Int64(offsetMinutes) * 60, by: 86_400)
        return (CivilDate(dayNumber: day), Int(second))
    }

    private var zoneText: String {
        let minutes = abs(offsetMinutes)
        return (offsetMinutes < 0 ? "-" : "+") + padded(minutes / 60, 2) + padded(minutes % 60, 2)
    }

    private func clock(_ second: Int) -> String {
        "\(padded(second / 3_600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
    }

    private func padded(_ number: Int, _ width: Int) -> String { MailDate.padded(number, width) }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
    }

    /// Quotient and remainder, the remainder never negative.
    private static func split(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let rest = value % divisor
        return rest < 0 ? (value / divisor - 1, rest + divisor) : (value / divisor, rest)
    }
}

extension CivilDate {
    /// Reads IMAP's date: `1-Feb-1994`, also with a leading space or zero (RFC 9051 §9).
    package init?(parsingIMAP text: ArraySlice<UInt8>) {
        let parts = Octets.trim(text).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 3, let day = Octets.number(parts[0], maximum: 2), parts[1].count == 3,
            let month = CivilDate.month(parts[1]), parts[2].count == 4,
            let year = Octets.number(parts[2], maximum: 4)
        else { return nil }
        self.init(year: year, month: month, day: day)
        guard isValid else { return nil }
    }
}
