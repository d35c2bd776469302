// The index of a mailbox after damage: a UID never means another message under the same UIDVALIDITY (RFC 9051
// §2.3.1.1).

import MailSessions
import Testing

@testable import MailStore

struct UIDListTests {
    private let list = UIDList(
        validity: 1_700_000_000, next: 9,
        lines: [
            UIDList.Line(uid: 1, size: 10, date: 0, base: "1.a,S=1,W=10"),
            UIDList.Line(uid: 3, size: 0, date: 5, base: "2 b"),
            UIDList.Line(uid: 7, size: 1 << 40, date: 1_700_000_000, base: "é"),
        ])

    @Test func whatIsWrittenIsRead() {
        let bytes = list.serialized
        #expect(UIDList.parse(bytes) == .intact(list, length: bytes.count))
        #expect(UIDList.header(validity: 1, next: 1, count: 0).count == UIDList.headerLength)
        #expect(UIDList.header(validity: .max, next: .max, count: .max).count == UIDList.headerLength)
    }

    @Test func everyChangedOctetIsFound() {
        let bytes = list.serialized
        for position in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << bit
                switch UIDList.parse(damaged) {
                case .damaged: continue
                case .intact: Issue.record("octet \(position), bit \(bit) went unnoticed")
                }
            }
        }
    }

    @Test func everyCutIsFound() {
        let bytes = list.serialized
        for length in bytes.indices {
            switch UIDList.parse(Array(bytes[..<length])) {
            case .damaged: continue
            case .intact: Issue.record("cut to \(length) went unnoticed")
            }
        }
    }

    @Test func linesBeyondTheCountAreTakenAndHalfALineIsNot() {
        let line = UIDList.serialize(UIDList.Line(uid: 12, size: 4, date: 4, base: "c"))
        let bytes = list.serialized
        var longer = list
        longer.lines.append(UIDList.Line(uid: 12, size: 4, date: 4, base: "c"))
        longer.next = 13
        #expect(UIDList.parse(bytes + line) == .intact(longer, length: bytes.count + line.count))
        for length in 1..<line.count {
            #expect(UIDList.parse(bytes + line[..<length]) == .intact(list, length: bytes.count))
        }
        // A UID that does not rise is none of ours.
        #expect(UIDList.parse(bytes + UIDList.serialize(list.lines[2])) == .damaged(validity: list.validity))
    }

    @Test func numbersBeyondTheirRangeAreNotRead() {
        #expect(UIDList.decimal(Array("999999999999999999".utf8)) == 999_999_999_999_999_999)
        #expect(UIDList.decimal(Array("1000000000000000000".utf8)) == nil)
        #expect(UIDList.decimal(Array("-1".utf8)) == nil)
        #expect(UIDList.decimal([UInt8]()) == nil)
    }

    private func facts(_ scratch: Scratch) throws -> (validity: UInt32, next: UInt32, ids: [UInt32: String]) {
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        let entries = try session.open(account)
        let status = try session.status(account)
        #expect(Set(entries.map(\.uid)).count == entries.count)
        return (
            status.uidValidity, status.uidNext, Dictionary(uniqueKeysWithValues: entries.map { ($0.uid, $0.uniqueID) })
        )
    }

    @Test func aMailboxWithADamagedIndexOpens() throws {
        let scratch = try Scratch()
        do {
            let session = try scratch.store().makeSession()
            for _ in 0..<3 { session.deliver("a: b\r\n\r\n", to: "alice@example.com") }
            _ = try session.open(try session.account("alice"))
            _ = try session.changes(.remove(uids: [2]))
        }
        let before = try facts(scratch)
        let file = "alice@example.com/mailproxy-uidlist"
        let bytes = try scratch.contents(file)
        var last = before.validity
        for position in stride(from: 0, to: bytes.count, by: 3) {
            for cut in [false, true] {
                var damaged = bytes
                if cut { damaged.removeSubrange(position...) } else { damaged[position] ^= 0x15 }
                try scratch.put(file, damaged)
                let after = try facts(scratch)
                #expect(after.validity > last, "octet \(position)")
                #expect(Set(after.ids.values) == Set(before.ids.values))
                last = after.validity
            }
        }
        try scratch.put(file, bytes)
        #expect(try facts(scratch) == before)
        // Killed in the middle of the next line: all stays as it was, and the half line is no hindrance.
        try scratch.put(file, bytes + Array("4 8 17000".utf8))
        #expect(try facts(scratch) == before)
        do { try scratch.store().makeSession().deliver("a: b\r\n\r\n", to: "alice@example.com") }
        let later = try facts(scratch)
        #expect(later.validity == before.validity)
        #expect(later.ids.count == 3)
        #expect(later.next == 5)
        #expect(try facts(scratch) == later)
    }

    @Test func damagedNeighboursDoNotMatter() throws {
        let scratch = try Scratch()
        do {
            let session = try scratch.store().makeSession()
            let account = try session.account("alice")
            _ = session.perform(.append(account, "INBOX", .octets([65]), flags: ["word"], internalDate: nil))
        }
        for file in ["alice/dovecot-keywords", "alice/mailproxy-uidvalidity", ".accounts", "alice/subscriptions"] {
            try scratch.put(file, Array("\0\u{ff}99999999999999999999 x\n0\n 1\n".utf8))
        }
        let session = try scratch.store().makeSession()
        #expect(try session.open(try session.account("alice")).map(\.flags) == [[]])
        #expect(session.listing(try session.account("alice")).count >= 1)
    }

    @Test func manyDeadLinesAreSweptOut() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        _ = try session.open(account)
        var uid: UInt32 = 0
        for _ in 0..<6 {
            for number in 0..<200 { try scratch.put("alice/new/\(uid).\(number)", Array("a: b\r\n\r\n".utf8)) }
            let added = try session.changes(.refresh).added.map(\.uid)
            #expect(added.count == 200)
            uid = added.last ?? 0
            _ = try session.changes(.remove(uids: added))
        }
        try scratch.put("alice/new/last", [65])
        #expect(try session.changes(.refresh).added.map(\.uid) == [1_201])
        let lines = try scratch.contents("alice/mailproxy-uidlist").count { $0 == UInt8(ascii: "\n") }
        #expect(lines == 2)
    }
}

private func == (
    _ one: (validity: UInt32, next: UInt32, ids: [UInt32: String]),
    _ other: (validity: UInt32, next: UInt32, ids: [UInt32: String])
) -> Bool {
    one.validity == other.validity && one.next == other.next && one.ids == other.ids
}
