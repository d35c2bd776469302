// What is known of a maildrop, and its bounds.

import Testing

@testable import MailDialogue

@Suite struct POP3MaildropTests {
    @Test func countsTheMarked() {
        var maildrop = POP3Maildrop()
        #expect(maildrop.count == nil && maildrop.marked == 0 && !maildrop.lacks(99))
        let first = maildrop.tell(unmarked: 3, octets: 620)
        #expect(first)
        #expect(maildrop.count == 3 && maildrop.octets == 620 && maildrop.lacks(4) && !maildrop.lacks(3))
        maildrop.mark(2)
        maildrop.mark(2)
        #expect(maildrop.marked == 1 && maildrop.isMarked(2) && !maildrop.isMarked(1) && maildrop.octets == nil)
        let told = [maildrop.tell(unmarked: 2), maildrop.tell(unmarked: 3)]
        #expect(told == [true, false])
        #expect(maildrop.count == 4)
        maildrop.unmarkAll()
        #expect(maildrop.marked == 0 && !maildrop.isMarked(2))
    }

    @Test func nothingIsKeptBeyondTheBound() {
        var maildrop = POP3Maildrop()
        let last = POP3Maildrop.mostKept
        maildrop.tell(size: 7, of: last)
        maildrop.tell(size: 8, of: last + 1)
        maildrop.tell(size: 9, of: .max)
        maildrop.tell(size: .max, of: 1)
        #expect(maildrop.size(of: last) == 7)
        #expect(maildrop.size(of: last + 1) == nil && maildrop.size(of: 1) == nil && maildrop.size(of: 0) == nil)
        maildrop.mark(last)
        #expect(maildrop.marked == 1 && maildrop.isMarked(last))
        maildrop.mark(last + 1)
        #expect(maildrop.marked == nil && !maildrop.isMarked(last + 1))
        let vague = maildrop.tell(unmarked: 5)
        #expect(vague && maildrop.count == nil)
        maildrop.unmarkAll()
        let huge = maildrop.tell(unmarked: .max)
        #expect(huge && !maildrop.isMarked(last))
        maildrop.mark(1)
        let beyond = maildrop.tell(unmarked: .max)
        #expect(!beyond)
        maildrop.mark(.max)
        maildrop.mark(0)
        maildrop.forgetSizes()
        #expect(maildrop.size(of: last) == nil)
    }

    @Test func onlyWhatWasListedIsListedTwice() {
        var listing = POP3Listing("LIST", .list)
        let fresh = [3, 4, 5, 1, 2, 7].map { listing.take($0) }
        #expect(fresh.allSatisfy { $0 } && listing.isSound)
        let again = listing.take(7)
        #expect(!again && listing.lines == 7 && !listing.isSound)
        // 5 was listed too, but what is known of the numbers before is the last run of them.
        var other = POP3Listing("LIST", .list)
        let known = [5, 1, 2, 5].map { other.take($0) }
        #expect(known.allSatisfy { $0 })
    }

    @Test func uniqueIDsAreComparedUpToABound() {
        var listing = POP3Listing("UIDL", .uidl)
        let few = [[65], [66], [65], [65, 66]].map { (id: [UInt8]) in listing.take(id: id[...]) }
        #expect(few == [true, true, false, true])
        let many = (0..<1_000).map { listing.take(id: Array("\($0)".utf8)[...]) }
        #expect(many.allSatisfy { $0 })
        let late = listing.take(id: [66][...])
        #expect(late)
    }
}
