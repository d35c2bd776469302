// The proleptic Gregorian calendar on day numbers, without a system library: days since 1970-01-01 to year, month, day and back.

/// A day of the proleptic Gregorian calendar.
package struct CivilDate: Equatable, Sendable {
    package let year: Int
    /// 1 to 12.
    package let month: Int
    /// 1 to 31.
    package let day: Int

    package init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// - Parameter dayNumber: days since 1970-01-01; beyond the years 0 to 9999 it is taken as the nearest day within.
    package init(dayNumber: Int64) {
        // The year begins in March here, so that the leap day is its last day; an era is 400 years.
        let shifted = min(max(dayNumber, -719_528), 2_932_896) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
        month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01.
    package var dayNumber: Int64 {
        let year = Int64(min(max(self.year, 0), 9999)) - (month <= 2 ? 1 : 0)
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let monthFromMarch = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The month has this day.
    package var isValid: Bool {
        guard 0...9999 ~= year, 1...12 ~= month, 1...31 ~= day else { return false }
        return CivilDate(dayNumber: dayNumber) == self
    }

    /// 0 for Sunday.
    var weekday: Int {
        Int(((dayNumber + 4) % 7 + 7) % 7)
    }

    static let monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    static let dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// The number of a month by the first three letters of its name.
    static func month(_ name: ArraySlice<UInt8>) -> Int? {
        guard name.count >= 3, name.allSatisfy(Octets.isLetter) else { return nil }
        return monthNames.firstIndex { Octets.equalIgnoringCase($0.utf8, name.prefix(3)) }.map { $0 + 1 }
    }
}
