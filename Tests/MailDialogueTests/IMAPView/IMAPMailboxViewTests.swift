// The mailbox view: what it learns, what contradicts it, and a long run against a plain list.

import Testing

@testable import MailDialogue

@Suite struct IMAPMailboxViewTests {
    private func filled(_ uids: [UInt32]) -> IMAPMailboxView {
        var view = IMAPMailboxView(name: "INBOX")
        _ = view.exists(UInt32(uids.count))
        for (index, uid) in uids.enumerated() where uid != 0 { _ = view.fetched(UInt32(index + 1), uid: uid) }
        return view
    }

    private func uids(_ view: IMAPMailboxView) -> [UInt32] {
        guard let exists = view.exists, exists > 0 else { return [] }
        return (1...exists).map { view.uid(of: $0) ?? 0 }
    }

    @Test func expungeRenumbers() {
        var view = filled([2, 4, 0, 9])
        #expect(view.expunge(2).isEmpty)
        #expect(uids(view) == [2, 0, 9])
        #expect(view.sequence(of: 9) == 3)
        #expect(view.sequence(of: 4) == nil)
        #expect(view.expunge(2).isEmpty)
        #expect(uids(view) == [2, 9])
        #expect(view.expunge(3) == [.expungeBeyondExists(number: 3, exists: 2)])
        #expect(view.expunge(0) == [.expungeBeyondExists(number: 0, exists: 2)])
        #expect(view.isComplete)
    }

    @Test func theExampleOfRFC7162() {
        var view = filled([0, 504, 505, 507, 508, 0, 510, 0, 0, 0, 625])
        #expect(
            view.vanished(
                IMAPNumberSet([.init(505, 505), .init(507, 507), .init(510, 510), .init(625, 625)]), isEarlier: false
            ).isEmpty)
        #expect(view.exists == 7)
        #expect(uids(view) == [0, 504, 508, 0, 0, 0, 0])
    }

    @Test func vanishedOfUnknownMessages() {
        // 5 stands somewhere between 2 and 9.
        var view = filled([2, 0, 0, 9, 0])
        #expect(view.vanished(IMAPNumberSet([.init(5, 5)]), isEarlier: false).isEmpty)
        #expect(uids(view) == [2, 0, 9, 0])
        #expect(view.vanished(IMAPNumberSet([.init(6, 6)]), isEarlier: false).isEmpty)
        #expect(uids(view) == [2, 9, 0])
        // There is nothing left between them.
        #expect(
            view.vanished(IMAPNumberSet([.init(7, 7)]), isEarlier: false) == [.vanishedUnknown(first: 7, last: 7)])
        #expect(uids(view) == [2, 9, 0])
        #expect(
            view.vanished(IMAPNumberSet([.init(1, 1)]), isEarlier: false) == [.vanishedUnknown(first: 1, last: 1)])
        #expect(view.vanished(IMAPNumberSet([.init(12, 12)]), isEarlier: false).isEmpty)
        #expect(view.exists == 2)
    }

    @Test func vanishedWhereSomeHaveNoUID() {
        var view = filled([2, 0, 0, 9])
        _ = view.fetched(2, flags: .seen)
        #expect(view.vanished(IMAPNumberSet([.init(5, 5)]), isEarlier: false).isEmpty)
        // Which of the two is gone is not known, so that the flags belong to nobody.
        #expect(view.exists == 3)
        #expect(view.message(2) == nil)
        #expect(uids(view) == [2, 0, 9])
    }

    @Test func vanishedRangesAreNotCountedOut() {
        var view = filled([2, 4, 6])
        #expect(
            view.vanished(IMAPNumberSet([.init(1, .max)]), isEarlier: false) == [
                .vanishedUnknown(first: 1, last: .max)
            ])
        #expect(view.exists == 0)
        #expect(view.knownMessages == 0)
    }

    @Test func earlierRenumbersNothing() {
        var view = filled([2, 4])
        #expect(view.vanished(IMAPNumberSet([.init(3, 3), .init(2, 2)]), isEarlier: true).isEmpty)
        #expect(uids(view) == [2, 4])
    }

    @Test func contradictions() {
        var view = filled([5, 7, 0, 20])
        #expect(view.fetched(5, uid: 30) == [.numberBeyondExists(number: 5, exists: 4)])
        #expect(view.fetched(3, uid: 6) == [.uidNotAscending(number: 3, uid: 6)])
        #expect(view.fetched(3, uid: 7) == [.uidNotAscending(number: 3, uid: 7)])
        #expect(view.fetched(3, uid: 20) == [.uidNotAscending(number: 3, uid: 20)])
        #expect(view.fetched(1, uid: 6) == [.uidChanged(number: 1, from: 5, to: 6)])
        #expect(view.fetched(3, uid: 8, modSeq: 10).isEmpty)
        #expect(view.fetched(3, modSeq: 9) == [.modSeqWentBack(number: 3, from: 10, to: 9)])
        #expect(view.exists(3) == [.existsShrank(from: 4, to: 3)])
        #expect(view.knownMessages == 0)
        #expect(view.uidValidity(1).isEmpty)
        #expect(view.uidValidity(2) == [.uidValidityChanged(from: 1, to: 2)])
        #expect(view.uidNext(30).isEmpty)
        #expect(view.uidNext(29) == [.uidNextWentBack(from: 30, to: 29)])
        #expect(view.highestModSeq(30).isEmpty)
        #expect(view.highestModSeq(30).isEmpty)
        #expect(view.highestModSeq(29) == [.highestModSeqWentBack(from: 30, to: 29)])
    }

    @Test func ascendingMeansOneByOne() {
        // Between 1 (UID 10) and 5 three more messages need three UIDs.
        var view = filled([10, 0, 0, 0, 0])
        #expect(view.fetched(5, uid: 13) == [.uidNotAscending(number: 5, uid: 13)])
        #expect(view.fetched(5, uid: 14).isEmpty)
        var other = filled([0, 0, 0])
        #expect(other.fetched(3, uid: 2) == [.uidNotAscending(number: 3, uid: 2)])
        #expect(other.fetched(3, uid: 3).isEmpty)
    }

    @Test func flagsAndKeywords() {
        var view = IMAPMailboxView(name: "x")
        _ = view.exists(1)
        let flags = view.flagSet(Array("\\seen $Work \\X-Odd".utf8)[...])
        #expect(view.fetched(1, flags: flags).isEmpty)
        #expect(view.keywords.names(of: flags) == ["\\Seen", "$Work", "\\X-Odd"])
        #expect(view.flags(of: 1) == flags)
        #expect(view.flagSet(Array("$wORK".utf8)[...]).bits & flags.bits != 0)
        for number in 0..<100 { _ = view.flagSet(Array("k\(number)".utf8)[...]) }
        #expect(view.keywords.names.count == IMAPKeywordTable.limit)
        #expect(view.flagSet(Array("late".utf8)[...]).contains(.more))
        view.permanentFlags(Array("\\Seen \\* $Work".utf8)[...])
        #expect(view.allowsNewKeywords)
        #expect(view.permanentFlags?.contains(.seen) == true)
        view.permanentFlags([])
        #expect(!view.allowsNewKeywords)
    }

    @Test func boundsHold() {
        var view = IMAPMailboxView(name: "x", limits: IMAPMailboxView.Limits(messages: 10, octets: 1_000_000))
        _ = view.exists(.max)
        for number in UInt32(1)...20 { #expect(view.fetched(number * 1_000, uid: number * 1_000).isEmpty) }
        #expect(view.knownMessages == 10)
        #expect(view.overflowed)
        #expect(!view.isComplete)
        #expect(view.uid(of: 10_000) == 10_000)
        #expect(view.expunge(1).isEmpty)
        #expect(view.uid(of: 9_999) == 10_000)
        #expect(view.exists == UInt32.max - 1)
        #expect(IMAPMailboxView.Limits(messages: 100, octets: 280).entries == 10)
    }

    @Test func lossForgetsWhatMayHaveChanged() {
        var view = filled([1, 2, 3])
        _ = view.uidValidity(7)
        _ = view.highestModSeq(50)
        view.forget()
        #expect(view.exists == nil)
        #expect(view.expunge(9).isEmpty)
        #expect(view.fetched(9, uid: 1).isEmpty)
        #expect(view.uidValidity == 7)
        #expect(view.highestModSeq(49) == [.highestModSeqWentBack(from: 50, to: 49)])
        #expect(view.exists(2).isEmpty)
        #expect(view.uid(of: 1) == nil)
    }

    @Test func withoutSequenceNumbers() {
        var view = IMAPMailboxView(name: "x", isUIDOnly: true)
        _ = view.exists(3)
        #expect(view.fetched(uid: 20, flags: .seen).isEmpty)
        #expect(view.fetched(uid: 10, modSeq: 5).isEmpty)
        #expect(view.fetched(uid: 10, flags: .deleted, modSeq: 4) == [.modSeqWentBack(number: 0, from: 5, to: 4)])
        #expect(view.message(uid: 10)?.flags?.contains(.deleted) == true)
        #expect(view.sequence(of: 10) == nil)
        #expect(view.vanished(IMAPNumberSet([.init(20, 20)]), isEarlier: false).isEmpty)
        #expect(view.exists == 2)
        #expect(view.message(uid: 20) == nil)
        var order: [UInt32] = []
        _ = view.fetched(uid: 5)
        view.forEachMessage { order.append($0.uid ?? 0) }
        #expect(order == [5, 10])
    }

    @Test func responsesAreApplied() {
        var view = IMAPMailboxView(name: "INBOX")
        for line in [
            "* FLAGS (\\Seen $A)", "* OK [PERMANENTFLAGS (\\Seen \\*)] x", "* 3 EXISTS", "* 1 RECENT",
            "* OK [UIDVALIDITY 9] x",
            "* OK [UIDNEXT 50] x", "* OK [HIGHESTMODSEQ 12] x", "* 2 FETCH (UID 7 FLAGS ($A) MODSEQ (11))",
            "* 3 FETCH (UID 9 FLAGS (\\Seen))", "a1 OK [READ-ONLY] done", "* 1 EXPUNGE",
        ] {
            let reading = readResponse(line)
            #expect(view.apply(reading).isEmpty, "\(line)")
        }
        #expect(view.exists == 2)
        #expect(view.recent == 1)
        #expect(view.isReadOnly)
        #expect(view.uidValidity == 9)
        #expect(view.uidNext == 50)
        #expect(view.highestModSeq == 12)
        #expect(view.allowsNewKeywords)
        #expect(view.message(1)?.uid == 7)
        #expect(view.message(1)?.modSeq == 11)
        #expect(view.message(2)?.flags?.contains(.seen) == true)
        let text = imapText("* 2 FETCH (UID 8)")
        #expect(IMAPFetchScan(text).map { view.apply($0, text) } == [.uidChanged(number: 2, from: 9, to: 8)])
    }

    // MARK: Against a plain list

    /// A message of the true mailbox, with what the view was told of it.
    private struct Truth {
        var uid: UInt32
        var isKnown = false
    }

    /// Random but the same in each run.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var value = state
            value ^= value >> 33
            value = value &* 0xFF51_AFD7_ED55_8CCD
            return value ^ value >> 33
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8]) func followsAPlainList(_ seed: UInt64) {
        var dice = Dice(state: seed)
        var truth: [Truth] = []
        var nextUID: UInt32 = 1
        var view = IMAPMailboxView(name: "x")
        func arrive(_ count: Int) {
            for _ in 0..<count {
                nextUID += UInt32.random(in: 1...5, using: &dice)
                truth.append(Truth(uid: nextUID))
            }
        }
        arrive(1_500)
        #expect(view.exists(1_500).isEmpty)
        var faults = 0
        var wrong = 0
        for step in 0..<3_000 {
            switch Int.random(in: 0..<10, using: &dice) {
            case 0 where truth.count < 2_500:
                arrive(Int.random(in: 0...20, using: &dice))
                faults += view.exists(UInt32(truth.count)).count
            case 1, 2:
                guard !truth.isEmpty else { continue }
                let index = Int.random(in: truth.indices, using: &dice)
                truth.remove(at: index)
                faults += view.expunge(UInt32(index + 1)).count
            case 3:
                // A run of messages that the server numbers by UID, known or not.
                guard !truth.isEmpty else { continue }
                let index = Int.random(in: truth.indices, using: &dice)
                let upTo = min(index + Int.random(in: 1...4, using: &dice), truth.count)
                let gone = truth[index..<upTo]
                let allKnown = gone.allSatisfy(\.isKnown)
                let set = IMAPNumberSet(gone.map { .init($0.uid, $0.uid) })
                truth.removeSubrange(index..<upTo)
                faults += view.vanished(set, isEarlier: false).count
                // Others may have been forgotten; what was known all the way must not.
                if !allKnown {
                    var stay = Set<UInt32>()
                    view.forEachMessage { stay.insert($0.uid ?? 0) }
                    for at in truth.indices where !stay.contains(truth[at].uid) { truth[at].isKnown = false }
                }
            case 4:
                guard !truth.isEmpty else { continue }
                let index = Int.random(in: truth.indices, using: &dice)
                faults += view.fetched(UInt32(index + 1), flags: .seen).count
            default:
                guard !truth.isEmpty else { continue }
                let index = Int.random(in: truth.indices, using: &dice)
                truth[index].isKnown = true
                faults += view.fetched(UInt32(index + 1), uid: truth[index].uid).count
            }
            if view.exists != UInt32(truth.count) { wrong += 1 }
            guard step % 200 == 0 else { continue }
            var uids = [UInt32](repeating: 0, count: truth.count)
            var known = 0
            view.forEachMessage { message in
                known += 1
                if truth.indices.contains(Int(message.number) - 1) { uids[Int(message.number) - 1] = message.uid ?? 0 }
            }
            if known != view.knownMessages || uids != truth.map({ $0.isKnown ? $0.uid : 0 }) { wrong += 1 }
            for _ in 0..<20 {
                guard let index = truth.indices.randomElement(using: &dice), truth[index].isKnown else { continue }
                if view.uid(of: UInt32(index + 1)) != truth[index].uid { wrong += 1 }
                if view.sequence(of: truth[index].uid) != UInt32(index + 1) { wrong += 1 }
            }
        }
        #expect(faults == 0)
        #expect(wrong == 0)
    }

    @Test func fewMessagesTakeLittle() {
        var view = filled((1...5_000).map { UInt32($0) })
        // One in a hundred stays.
        for number in (1...5_000).reversed() where number % 100 != 0 { _ = view.expunge(UInt32(number)) }
        #expect(view.knownMessages == 50)
        #expect(uids(view) == (1...50).map { UInt32($0 * 100) })
        #expect(view.footprint < 50 * 24 + 200)
        var other = filled((1...5_000).map { UInt32($0) })
        let gone = IMAPNumberSet((0..<50).map { .init($0 * 100 + 1, $0 * 100 + 99) })
        #expect(other.vanished(gone, isEarlier: false).isEmpty)
        #expect(uids(other) == (1...50).map { UInt32($0 * 100) })
        #expect(other.footprint < 50 * 24 + 200)
    }

    @Test func removingFromTheFrontIsNotQuadratic() {
        var view = filled((1...20_000).map { UInt32($0) })
        for _ in 0..<20_000 { _ = view.expunge(1) }
        #expect(view.exists == 0)
        #expect(view.knownMessages == 0)
        #expect(view.footprint == 0)
    }
}
