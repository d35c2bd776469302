// Packing waits while much is recorded, and not for ever.

import Testing

@testable import MailStore

@Suite struct PackingRestTests {
    @Test func muchInAMomentTells() {
        var pace = RecordingPace()
        let told = [
            pace.recorded(RecordingPace.much - 1, 1_000), pace.recorded(1, 2_000), pace.recorded(1, 3_000),
        ]
        #expect(told == [nil, 2_000 + RecordingPace.rest, 3_000 + RecordingPace.rest])
    }

    @Test func asMuchInALongTimeDoesNot() {
        var pace = RecordingPace()
        let told = (0..<100 as Range<Int64>).map { pace.recorded(RecordingPace.much - 1, $0 * RecordingPace.span) }
        #expect(told.allSatisfy { $0 == nil })
        let last = pace.recorded(1, 99 * RecordingPace.span + 1)
        #expect(last != nil)
    }

    @Test func restsEnd() {
        var rest = PackingRest()
        // Nothing was recorded, then much, then it is quiet again.
        let rests = [
            rest.goesOn(closed: 3, until: .min, 1_000), rest.goesOn(closed: 3, until: 2_000, 1_000),
            rest.goesOn(closed: 3, until: 2_000, 2_000),
        ]
        #expect(rests == [false, true, false])
    }

    @Test func whatIsNotPackedIsBounded() {
        var rest = PackingRest()
        let first = (5..<(5 + PackingRest.most)).map { rest.goesOn(closed: $0, until: 2_000, 1_000) }
        #expect(first.allSatisfy { $0 })
        let beyond = [5 + PackingRest.most, 50].map { rest.goesOn(closed: $0, until: 2_000, 1_000) }
        #expect(beyond == [false, false])
        // After a quiet time it may rest again.
        let later = [rest.goesOn(closed: 50, until: 2_000, 3_000), rest.goesOn(closed: 50, until: 5_000, 4_000)]
        #expect(later == [false, true])
    }
}
