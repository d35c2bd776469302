// An open mailbox: UIDs, flags, sizes, what sessions tell one another, what other programs do to the files.

import MailMessage
import MailSessions
import Testing

@testable import MailStore

struct MailboxTests {
    private func deliver(_ session: StoreSession, _ count: Int, to address: String = "alice@example.com") {
        for number in 0..<count { #expect(session.deliver("Subject: \(number)\r\n\r\n", to: address).isStored) }
    }

    @Test func uidsRiseInTheOrderOfDeliveryAndStay() throws {
        let scratch = try Scratch()
        var before: [MessageEntry] = []
        var validity: UInt32 = 0
        do {
            let session = try scratch.store().makeSession()
            deliver(session, 5)
            let account = try session.account("alice")
            before = try session.open(account)
            #expect(before.map(\.uid) == [1, 2, 3, 4, 5])
            for (number, entry) in before.enumerated() {
                #expect(try session.text(entry.uid) == "Subject: \(number)\r\n\r\n")
            }
            #expect(scratch.names("alice@example.com/new").isEmpty)
            #expect(scratch.names("alice@example.com/cur").allSatisfy { $0.hasSuffix(":2,") })
            validity = try session.status(account).uidValidity
            _ = try session.changes(.remove(uids: [2, 5]))
        }
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        #expect(try session.open(account) == before.filter { $0.uid != 2 && $0.uid != 5 })
        let status = try session.status(account)
        // 5 was the greatest and is gone: it is not given again.
        #expect(status.uidNext == 6)
        #expect(status.uidValidity == validity)
        deliver(session, 1)
        #expect(try session.changes(.refresh).added.map(\.uid) == [6])
    }

    @Test func uniqueIDsOutliveTheIndex() throws {
        let scratch = try Scratch()
        var before: [String] = []
        var validity: UInt32 = 0
        do {
            let session = try scratch.store().makeSession()
            deliver(session, 3)
            before = try session.open(try session.account("alice")).map(\.uniqueID)
            validity = try session.status(Account(name: "alice")).uidValidity
        }
        try PosixFileSystem().unlink(scratch.path + "/mail/alice@example.com/mailproxy-uidlist")
        let session = try scratch.store().makeSession()
        #expect(try session.open(try session.account("alice")).map(\.uniqueID) == before)
        #expect(Set(before).count == 3)
        #expect(before.allSatisfy { (1...70).contains($0.utf8.count) })
        #expect(try session.status(Account(name: "alice")).uidValidity > validity)
        #expect(UniqueID.of(String(repeating: "x", count: 71)).utf8.count == 64)
        #expect(UniqueID.of("a b") != UniqueID.of("a_b"))
    }

    @Test func flagsGoIntoTheNameAndComeBack() throws {
        let scratch = try Scratch()
        do {
            let session = try scratch.store().makeSession()
            deliver(session, 2)
            _ = try session.open(try session.account("alice"))
            let all = ["\\seen", "\\ANSWERED", "\\Flagged", "\\Deleted", "\\Draft", "$Forwarded", "$Junk", "work"]
            let changed = try session.changes(.store(uids: [1], .replace, all))
            let canonical = [
                "\\Draft", "\\Flagged", "$Forwarded", "\\Answered", "\\Seen", "\\Deleted", "$Junk", "work",
            ]
            #expect(changed.flags.map(\.flags) == [canonical])
            #expect(scratch.names("alice@example.com/cur").filter { $0.hasSuffix(":2,DFPRSTab") }.count == 1)
            _ = try session.changes(.store(uids: [1], .remove, ["\\Seen", "WORK", "unknown"]))
            _ = try session.changes(.store(uids: [2, 9], .add, ["WORK"]))
        }
        let session = try scratch.store().makeSession()
        let entries = try session.open(try session.account("alice"))
        #expect(
            entries.map(\.flags) == [
                ["\\Draft", "\\Flagged", "$Forwarded", "\\Answered", "\\Deleted", "$Junk"], ["work"],
            ])
        #expect(try session.changes(.store(uids: [1], .replace, [])).flags.map(\.flags) == [[]])
    }

    @Test func lettersOfOtherProgramsStay() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        try scratch.put("alice/cur/1.foreign:2,QSz", Array("a: b\r\n\r\n".utf8))
        #expect(try session.open(account).map(\.flags) == [["\\Seen"]])
        _ = try session.changes(.store(uids: [1], .add, ["\\Flagged"]))
        #expect(scratch.names("alice/cur") == ["1.foreign:2,FQSz"])
        _ = try session.changes(.store(uids: [1], .replace, []))
        #expect(scratch.names("alice/cur") == ["1.foreign:2,Q"])
    }

    @Test func aMailboxHas26KeywordsAndNoMore() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        deliver(session, 1)
        _ = try session.open(try session.account("alice"))
        for number in 0..<26 { _ = try session.changes(.store(uids: [1], .add, ["word\(number)"])) }
        #expect(session.perform(.store(uids: [1], .add, ["word26"])) == .refused(.limit))
        for bad in ["", "a b", "a]", "\\Recent", "x\r\n", "é", "{1}", String(repeating: "k", count: 101)] {
            #expect(session.perform(.store(uids: [1], .add, [bad])) == .refused(.limit))
        }
        #expect(try session.changes(.store(uids: [1], .remove, ["word26"])).flags.first?.flags.count == 26)
        let name = try #require(scratch.names("alice@example.com/cur").first)
        #expect(name.hasSuffix(":2,abcdefghijklmnopqrstuvwxyz"))
    }

    @Test func bareLineFeedsAreServedAsCRLF() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        let line = String(repeating: "x", count: 76)
        let body = String(repeating: line + "\n", count: 3_000)
        try scratch.put("alice/new/1.foreign", Array("Subject: a\n\n\(body)".utf8))
        try scratch.put("alice/new/2.foreign,S=5,W=999", Array("a\r\nb\n".utf8))
        let wire = "Subject: a\r\n\r\n" + String(repeating: line + "\r\n", count: 3_000)
        let entries = try session.open(account)
        #expect(entries.map(\.size) == [wire.utf8.count, 6])
        #expect(try session.text(2) == "a\r\nb\r\n")
        #expect(try session.text(1) == wire)
        // Any place, also before the last one.
        let octets = Array(wire.utf8)
        for (offset, count) in [(100_000, 70_000), (65_530, 20), (0, 5), (octets.count - 3, 10), (octets.count, 10)] {
            let expected = octets[min(offset, octets.count)..<min(octets.count, offset + count)]
            #expect(session.perform(.read(uid: 1, offset: offset, count: count)) == .octets(Array(expected)))
        }
        #expect(session.perform(.structure(uid: 1)) == .structure(MessageStructure.parse(octets)))
        #expect(session.perform(.structure(uid: 3)) == .refused(.noSuchMessage))
        #expect(session.perform(.read(uid: 1, offset: -1, count: .max)) == .octets([]))
        #expect(session.perform(.read(uid: 1, offset: .max, count: 2)) == .octets([]))
    }

    @Test func sessionsSeeEachOthersChangesOnceAndNotTheirOwn() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let one = store.makeSession()
        let two = store.makeSession()
        deliver(one, 3)
        let account = try one.account("alice")
        _ = try one.open(account)
        _ = try two.open(account)
        #expect(try one.changes(.store(uids: [1, 3], .add, ["\\Seen"])).flags.map(\.uid) == [1, 3])
        #expect(try one.changes(.refresh) == MailboxChanges())
        let seen = try two.changes(.refresh)
        #expect(seen.flags.map(\.uid) == [1, 3])
        #expect(seen.flags.allSatisfy { $0.flags == ["\\Seen"] })
        #expect(try two.changes(.refresh) == MailboxChanges())
        _ = try two.changes(.store(uids: [2], .add, ["\\Deleted"]))
        #expect(try two.changes(.expunge(uids: [1, 2, 3])).removed == [2])
        deliver(one, 1)
        let third = try one.changes(.refresh)
        #expect(third.removed == [2])
        #expect(third.added.map(\.uid) == [4])
        #expect(try two.changes(.refresh).removed.isEmpty)
        #expect(one.perform(.read(uid: 2, offset: 0, count: 1)) == .refused(.noSuchMessage))
    }

    @Test func aSessionIsNotToldOfWhatCameAndWentInBetween() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let one = store.makeSession()
        let two = store.makeSession()
        let account = try one.account("alice")
        _ = try one.open(account)
        deliver(two, 2)
        _ = try two.open(account)
        _ = try two.changes(.remove(uids: [1]))
        let changes = try one.changes(.refresh)
        #expect(changes.removed.isEmpty)
        #expect(changes.added.map(\.uid) == [2])
        // Neither does it touch what it was not told of.
        deliver(two, 1)
        _ = try two.changes(.refresh)
        #expect(try one.changes(.store(uids: [3], .add, ["\\Deleted"])).flags.isEmpty)
        #expect(try one.changes(.refresh).added.map(\.flags) == [[]])
    }

    @Test func filesThatComeGoAndChangeBehindOurBackAreNoticed() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        #expect(try session.open(account).isEmpty)
        try scratch.put("alice/new/100.b", Array("a: b\r\n\r\n".utf8))
        try scratch.put("alice/cur/050.a:2,F", Array("a: b\r\n\r\n".utf8))
        try scratch.put("alice/cur/.hidden", [1])
        try scratch.put("alice/tmp/200.c", [1])
        let added = try session.changes(.refresh).added
        #expect(added.map(\.uid) == [1, 2])
        #expect(added.map(\.flags) == [["\\Flagged"], []])
        try scratch.move("alice/cur/050.a:2,F", "alice/cur/050.a:2,FS")
        #expect(try session.changes(.refresh).flags.map(\.flags) == [["\\Flagged", "\\Seen"]])
        try scratch.move("alice/cur/100.b:2,", "alice/new/100.b")
        try PosixFileSystem().unlink(scratch.path + "/mail/alice/cur/050.a:2,FS")
        let gone = try session.changes(.refresh)
        #expect(gone.removed == [1])
        #expect(gone.flags.isEmpty)
        // Renamed just before we touch it: the request passes over it, nothing breaks.
        try scratch.move("alice/cur/100.b:2,", "alice/cur/100.b:2,R")
        #expect(
            try session.changes(.store(uids: [2], .add, ["\\Seen"])).flags.map(\.flags) == [["\\Answered", "\\Seen"]])
        try scratch.move("alice/cur/100.b:2,RS", "alice/cur/100.b:2,R")
        #expect(try session.text(2) == "a: b\r\n\r\n")
    }

    @Test func examineLeavesNewMessagesInNewAndRefusesChanges() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        deliver(session, 1)
        let account = try session.account("alice")
        #expect(try session.open(account, readOnly: true).map(\.uid) == [1])
        #expect(scratch.names("alice@example.com/new").count == 1)
        for request: StoreRequest in [
            .store(uids: [1], .add, ["\\Seen"]), .expunge(uids: nil), .remove(uids: [1]),
        ] {
            #expect(session.perform(request) == .refused(.readOnly))
        }
        #expect(try session.open(account).map(\.uid) == [1])
        #expect(scratch.names("alice@example.com/new").isEmpty)
    }

    @Test func removalIsAllOrNothing() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        deliver(session, 3)
        _ = try session.open(try session.account("alice"))
        #expect(session.perform(.remove(uids: [1, 2, 9])) == .refused(.noSuchMessage))
        #expect(scratch.names("alice@example.com/cur").count == 3)
        #expect(try session.changes(.remove(uids: [3, 1, 3])).removed == [1, 3])
        #expect(scratch.names("alice@example.com/cur").count == 1)
    }

    @Test func appendKeepsFlagsAndDate() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        _ = try session.open(account)
        let message = Array("a: b\r\n\r\nx".utf8)
        let reply = session.perform(
            .append(account, "inbox", .octets(message), flags: ["\\Seen", "todo"], internalDate: 946_684_800))
        #expect(reply.uid == 1)
        let added = try session.changes(.refresh).added
        #expect(added.map(\.flags) == [["\\Seen", "todo"]])
        #expect(added.map(\.internalDate) == [946_684_800])
        #expect(added.map(\.size) == [9])
        guard case .spool(let spool) = session.perform(.openSpool) else {
            Issue.record("no spool")
            return
        }
        _ = session.perform(.appendToSpool(spool, message))
        #expect(session.perform(.append(account, "INBOX", .spool(spool), flags: [], internalDate: 1)).uid == 2)
        #expect(try session.changes(.refresh).added.map(\.internalDate) == [1])
        #expect(scratch.names("alice/tmp").isEmpty)
        #expect(scratch.names(".spool").isEmpty)
        #expect(
            session.perform(.append(account, "None", .octets(message), flags: [], internalDate: nil))
                == .refused(.noSuchMailbox))
        #expect(
            session.perform(.append(account, "a//b", .octets(message), flags: [], internalDate: nil))
                == .refused(.noSuchMailbox))
    }

    @Test func copiesKeepFlagsKeywordsAndDate() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        _ = session.perform(.append(account, "INBOX", .octets([65]), flags: ["$Junk"], internalDate: 77))
        _ = session.perform(.append(account, "INBOX", .octets([66]), flags: ["other", "\\Flagged"], internalDate: 78))
        _ = try session.open(account)
        #expect(session.perform(.copy(uids: [2], account, "Archive")) == .refused(.noSuchMailbox))
        #expect(session.perform(.createMailbox(account, "Archive")) == .done)
        let validity = try session.status(account, "Archive").uidValidity
        #expect(
            session.perform(.copy(uids: [2, 1], account, "Archive")) == .copied(uidValidity: validity, uids: [1, 2]))
        #expect(session.perform(.copy(uids: [1, 9], account, "Archive")) == .refused(.noSuchMessage))
        #expect(session.perform(.copy(uids: [1], account, "INBOX")).copiedUIDs == [3])
        #expect(try session.changes(.refresh).added.map(\.uid) == [3])
        let copies = try session.open(account, "Archive")
        #expect(copies.map(\.flags) == [["\\Flagged", "other"], ["$Junk"]])
        #expect(copies.map(\.internalDate) == [78, 77])
        #expect(try session.text(1) == "B")
        #expect(scratch.names("alice/.Archive/tmp").isEmpty)
    }

    @Test func requestsWithoutAnOpenMailboxAreRefused() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        for request: StoreRequest in [
            .refresh, .read(uid: 1, offset: 0, count: 1), .structure(uid: 1), .expunge(uids: nil),
        ] {
            guard case .refused(.failed) = session.perform(request) else {
                Issue.record("taken: \(request)")
                continue
            }
        }
        #expect(session.perform(.close) == .done)
    }

    @Test func tenThousandMessagesOpenFast() throws {
        let scratch = try Scratch()
        do {
            _ = try scratch.store().makeSession().account("alice")
            for number in 0..<10_000 { try unsynced(scratch, number) }
            let session = try scratch.store().makeSession()
            let begin = ContinuousClock.now
            #expect(try session.open(try session.account("alice")).count == 10_000)
            print("10,000 messages: first open \(ContinuousClock.now - begin)")
        }
        let session = try scratch.store().makeSession()
        var begin = ContinuousClock.now
        let account = try session.account("alice")
        #expect(try session.open(account).map(\.uid) == Array(1...10_000))
        print("10,000 messages: open with index \(ContinuousClock.now - begin)")
        begin = .now
        #expect(try session.open(account).count == 10_000)
        print("10,000 messages: open in memory \(ContinuousClock.now - begin)")
        begin = .now
        _ = try session.changes(.refresh)
        print("10,000 messages: refresh \(ContinuousClock.now - begin)")
        begin = .now
        #expect(try session.changes(.store(uids: Array(1...10_000), .add, ["\\Seen"])).flags.count == 10_000)
        print("10,000 messages: all marked \(ContinuousClock.now - begin)")
    }

    /// A file as a delivery program leaves it, without its syncs.
    private func unsynced(_ scratch: Scratch, _ number: Int) throws {
        let files = PosixFileSystem()
        let name = "17000\(10_000 + number).M1P1Q1.host,S=12,W=12"
        let descriptor = try files.open(scratch.path + "/mail/alice/new/" + name, .create)
        defer { files.close(descriptor) }
        try files.writeAll(descriptor, Array("a: b\r\n\r\nxy\r\n".utf8), at: 0)
    }
}

extension StoreReply {
    var copiedUIDs: [UInt32]? {
        if case .copied(_, let uids) = self { return uids }
        return nil
    }
}
