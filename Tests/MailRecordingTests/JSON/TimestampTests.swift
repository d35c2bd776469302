// Times as text, at the edges of days, years and the number.

import Testing

@testable import MailRecording

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_795_420_800_000_250, "2026-11-23T08:00:00.000250Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (-86_400_000_000, "1969-12-31T00:00:00.000000Z"),
        ] as [(Int64, String)])
    func writes(_ time: Int64, _ text: String) {
        #expect(Timestamp.rfc3339(time) == text)
    }

    @Test func extremesAreTotal() {
        #expect(Timestamp.rfc3339(Int64.max).hasPrefix("9999-12-31T"))
        #expect(Timestamp.rfc3339(Int64.min).hasPrefix("0000-01-01T"))
    }

    @Test func fileNamesHaveNoColons() {
        #expect(Timestamp.fileName(1_795_420_800_999_999) == "2026-11-23T08-00-00Z")
    }
}
