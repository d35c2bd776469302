// Dates: reading, writing, and the calendar under them.

import Testing

@testable import MailMessage

@Suite struct MailDateTests {
    @Test(
        arguments: [
            ("Wed, 17 Jul 1996 02:44:25 -0700", 837_596_665, -420),
            ("Thu, 13 Feb 1969 23:32 -0330", -27_723_480, -210),
            ("Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)", -27_723_480, -210),
            ("21 Nov 97 09:55:06 -0600", 880_127_706, -360),
            ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880_127_706, -360),
            ("Fri, 21 Nov 1997 10:55:06 EST", 880_127_706, -300),
            ("21 Nov 1997 15:55:06 GMT", 880_127_706, 0),
            ("21 Nov 1997 15:55:06", 880_127_706, 0),
            ("21 Nov 1997 15:55:06 Z", 880_127_706, 0),
            ("Fri Nov 21 15:55:06 1997", 880_127_706, 0),
            ("21-Nov-1997 15:55:06 +0000", 880_127_706, 0),
            ("1 Jan 1970", 0, 0),
            ("31 Dec 49 00:00:00 +0000", 2_524_521_600, 0),
            ("1 Jan 50 00:00:00 +0000", -631_152_000, 0),
            ("1 Jan 101 00:00:00 +0000", 978_307_200, 0),
            ("31 Dec 2016 23:59:60 +0000", 1_483_228_800, 0),
            ("29 Feb 2023 00:00:00 +0000", nil, 0),
            ("32 Jan 2023 00:00:00 +0000", nil, 0),
            ("1 Jan 2023 24:00:00 +0000", nil, 0),
            ("1 Foo 2023 00:00:00 +0000", nil, 0),
            ("99999999999999999999 Jan 2023", nil, 0),
            ("1 Jan 99999999999999999999", nil, 0),
            ("", nil, 0), ("Mon,", nil, 0), ("Mon", nil, 0), ("Jan 1", nil, 0), ("(", nil, 0), ("-", nil, 0),
            ("1--", nil, 0),
        ] as [(String, Int64?, Int)])
    func reads(value: String, seconds: Int64?, offset: Int) {
        let date = MailDate(parsing: octets(value)[...])
        #expect(date?.seconds == seconds)
        #expect((date?.offsetMinutes ?? 0) == offset)
    }

    @Test(
        arguments: [
            ("17-Jul-1996 02:44:25 -0700", 837_596_665), (" 7-Jul-1996 02:44:25 +0000", 836_707_465),
            ("07-Jul-1996 02:44:25 +0000", 836_707_465), ("17-Jul-96 02:44:25 -0700", nil),
            ("17-Jul-1996 02:44 -0700", nil),
            ("17-Jul-1996 02:44:25", nil), ("17-July-1996 02:44:25 -0700", nil), ("", nil),
            ("31-Feb-1996 02:44:25 -0700", nil),
        ] as [(String, Int64?)])
    func readsInternalDate(value: String, seconds: Int64?) {
        #expect(MailDate(parsingInternalDate: octets(value)[...])?.seconds == seconds)
    }

    @Test func writes() {
        let date = MailDate(seconds: 837_596_665, offsetMinutes: -420)
        #expect(date.headerText == "Wed, 17 Jul 1996 02:44:25 -0700")
        #expect(date.internalDateText == "17-Jul-1996 02:44:25 -0700")
        #expect(MailDate(seconds: 836_707_465).internalDateText == " 7-Jul-1996 02:44:25 +0000")
        #expect(MailDate(microseconds: -1).headerText == "Wed, 31 Dec 1969 23:59:59 +0000")
        #expect(MailDate(seconds: 0, offsetMinutes: 330).internalDateText == " 1-Jan-1970 05:30:00 +0530")
    }

    @Test func writesRFC3339() {
        #expect(MailDate.rfc3339(microseconds: 0) == "1970-01-01T00:00:00.000000Z")
        #expect(MailDate.rfc3339(microseconds: -1) == "1969-12-31T23:59:59.999999Z")
        #expect(MailDate.rfc3339(microseconds: 1_795_420_800_000_001) == "2026-11-23T08:00:00.000001Z")
    }

    @Test(arguments: [Int64.min, Int64.min + 1, -1, 0, Int64.max - 1, Int64.max])
    func extremesDoNotTrap(value: Int64) {
        let date = MailDate(seconds: value, offsetMinutes: value < 0 ? Int.min : Int.max)
        #expect(date.headerText.utf8.count >= 30)
        #expect(date.internalDateText.utf8.count == 26)
        #expect(MailDate.rfc3339(microseconds: value).last == "Z")
        #expect(CivilDate(dayNumber: value).isValid)
    }

    @Test func everyDayOfTheCalendarGoesThereAndBack() {
        var number = CivilDate(year: 1895, month: 1, day: 1).dayNumber
        var previous = CivilDate(dayNumber: number - 1)
        let end = CivilDate(year: 2105, month: 1, day: 1).dayNumber
        var bad = 0
        while number < end {
            let day = CivilDate(dayNumber: number)
            let follows = day.day == previous.day + 1 || day.day == 1 && day.month == previous.month % 12 + 1
            if day.dayNumber != number || !follows || !day.isValid { bad += 1 }
            previous = day
            number += 1
        }
        #expect(bad == 0)
        #expect(CivilDate(dayNumber: 0).weekday == 4)
        #expect(CivilDate(year: 2000, month: 2, day: 29).isValid)
        #expect(!CivilDate(year: 1900, month: 2, day: 29).isValid)
    }

    @Test func imapDates() {
        #expect(CivilDate(parsingIMAP: octets("1-Feb-1994")[...]) == CivilDate(year: 1994, month: 2, day: 1))
        #expect(CivilDate(parsingIMAP: octets("01-feb-1994")[...])?.dayNumber == 8_797)
        #expect(CivilDate(parsingIMAP: octets("30-Feb-1994")[...]) == nil)
        #expect(CivilDate(parsingIMAP: octets("1 Feb 1994")[...]) == nil)
        #expect(MailDate(parsing: octets("1 Feb 1994 23:00:00 -0700")[...])?.localDay == 8_797)
    }

    @Test func writtenDatesAreReadAgain() {
        for seconds in stride(from: Int64(-3_000_000_000), to: 5_000_000_000, by: 8_639_977) {
            for offset in [-720, 0, 345] {
                let date = MailDate(seconds: seconds, offsetMinutes: offset)
                #expect(MailDate(parsingInternalDate: octets(date.internalDateText)[...]) == date)
            }
        }
    }
}
