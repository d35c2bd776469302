// Whether a Date field is as RFC 5322 §3.3 wants it. `MailDate` reads whatever comes; this judges.

/// What a strict reading of a date-time finds.
enum DateGrammar: Equatable {
    case valid
    /// The syntax of RFC 5322 §4.3.
    case obsolete
    /// The syntax is right, and there is no such time.
    case impossible
    case malformed

    init(_ body: ArraySlice<UInt8>) {
        var reader = DateReader(body)
        self = reader.read()
    }
}

private struct DateReader {
    private var reader: FieldReader
    private var isObsolete = false

    init(_ body: ArraySlice<UInt8>) {
        reader = FieldReader(body)
    }

    mutating func read() -> DateGrammar {
        space(isFree: true)
        var weekday: Int?
        if let first = reader.next, Octets.isLetter(first) {
            let name = reader.run(Octets.isLetter)
            guard let found = CivilDate.dayNames.firstIndex(where: { Octets.equalIgnoringCase($0.utf8, name) }) else {
                return .malformed
            }
            weekday = found
            // Only the obsolete syntax has space before the comma.
            if space(isFree: false) { isObsolete = true }
            guard reader.take(UInt8(ascii: ",")) else { return .malformed }
            space(isFree: true)
        }
        guard let day = number(1...2) else { return .malformed }
        wantsSpace()
        let name = reader.run(Octets.isLetter)
        guard name.count == 3, let month = CivilDate.month(name) else { return .malformed }
        wantsSpace()
        guard let year = year() else { return .malformed }
        wantsSpace()
        guard let hour = number(2...2), colon(), let minute = number(2...2) else { return .malformed }
        var second = 0
        var isApart = space(isFree: true)
        if reader.next == UInt8(ascii: ":") {
            if isApart { isObsolete = true }
            guard colon(), let found = number(2...2) else { return .malformed }
            second = found
            isApart = space(isFree: true)
        }
        if !isApart { isObsolete = true }
        guard let isZoneValid = zone() else { return .malformed }
        reader.skip()
        guard reader.isAtEnd, reader.openComment == nil else { return .malformed }
        let date = CivilDate(year: year, month: month, day: day)
        guard isZoneValid, year >= 1900, date.isValid, hour < 24, minute < 60, second <= 60,
            weekday ?? date.weekday == date.weekday
        else { return .impossible }
        return isObsolete ? .obsolete : .valid
    }

    /// Passes over white space; comments are obsolete where `isFree`, and so is all of it elsewhere, which the caller says.
    @discardableResult
    private mutating func space(isFree: Bool) -> Bool {
        reader.hasComment = false
        let found = reader.skip()
        if reader.hasComment { isObsolete = true }
        return found
    }

    /// White space that the present syntax wants and the obsolete one does not.
    private mutating func wantsSpace() {
        if !space(isFree: true) { isObsolete = true }
    }

    private mutating func number(_ digits: ClosedRange<Int>) -> Int? {
        let run = reader.run(Octets.isDigit)
        guard digits ~= run.count else { return nil }
        return Octets.number(run)
    }

    private mutating func year() -> Int? {
        let run = reader.run(Octets.isDigit)
        guard run.count >= 2, let year = Octets.number(run) else { return nil }
        if run.count < 4 { isObsolete = true }
        switch run.count {
        case 2: return year < 50 ? year + 2000 : year + 1900
        case 3: return year + 1900
        default: return min(year, 9_999)
        }
    }

    private mutating func colon() -> Bool {
        if space(isFree: false) { isObsolete = true }
        guard reader.take(UInt8(ascii: ":")) else { return false }
        if space(isFree: false) { isObsolete = true }
        return true
    }

    /// A zone; nil when there is none, false when its minutes do not exist.
    private mutating func zone() -> Bool? {
        if reader.take(UInt8(ascii: "+")) || reader.take(UInt8(ascii: "-")) {
            return number(4...4).map { $0 % 100 < 60 }
        }
        // Names beyond the list have been used (RFC 5322 §4.3).
        isObsolete = true
        return 1...5 ~= reader.run(Octets.isLetter).count ? true : nil
    }
}
