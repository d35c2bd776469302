// Disks that fail and processes that are killed at every call: what was acknowledged is there and whole, what was not
// is whole or absent, nothing is doubled, and the store works on once the disk does.

import Glibc
import MailSessions
import Testing

@testable import MailStore

struct FaultTests {
    private typealias Kind = FailingFileSystem.Kind
    private let message = "Subject: whole\r\n\r\n" + String(repeating: "0123456789\r\n", count: 100)

    /// Every message of an account's INBOX as a fresh store sees it.
    private func messages(_ scratch: Scratch, _ name: String, _ mailbox: String = "INBOX") throws -> [String] {
        let session = try scratch.store().makeSession()
        let account = Account(name: name)
        guard case .opened(_, let entries) = session.perform(.open(account, mailbox, readOnly: false)) else {
            return []
        }
        #expect(Set(entries.map(\.uid)).count == entries.count)
        return try entries.map { try session.text($0.uid) }
    }

    /// Files in an account's INBOX, and in all its `tmp`.
    private func leftovers(_ scratch: Scratch, _ name: String) -> [String] {
        scratch.names("\(name)/tmp") + scratch.names("\(name)/new") + scratch.names(".spool")
    }

    @Test(arguments: [EIO, ENOSPC])
    func aFailedCallRefusesTheDeliveryToAllAndLeavesNothing(code: Int32) throws {
        let scratch = try Scratch()
        let files = FailingFileSystem()
        let store = try scratch.store(files: files)
        let session = store.makeSession()
        for kind in Kind.allCases {
            for index in 0..<30 {
                files.arm([kind], at: index, .once(code))
                let reply = session.deliver(message, to: "a@example.com", "b@example.com")
                let hasFired = files.hasFired
                files.disarm()
                if reply.isStored {
                    // A call that fails without consequence would be one whose error nobody looks at.
                    #expect(!hasFired, "\(kind) \(index)")
                    for name in ["a@example.com", "b@example.com"] {
                        for file in scratch.names("\(name)/new") {
                            #expect(try scratch.contents("\(name)/new/\(file)") == Array(message.utf8))
                            try PosixFileSystem().unlink(scratch.path + "/mail/\(name)/new/\(file)")
                        }
                    }
                    break
                }
                #expect(hasFired)
                #expect(reply == .delivered(.noSpace) || code != ENOSPC)
                #expect(leftovers(scratch, "a@example.com") == [], "\(kind) \(index)")
                #expect(leftovers(scratch, "b@example.com") == [], "\(kind) \(index)")
                #expect(index < 29)
            }
        }
        #expect(session.deliver(message, to: "a@example.com").isStored)
    }

    @Test func aSpoolThatFailedIsNeverDelivered() throws {
        let scratch = try Scratch()
        let files = FailingFileSystem()
        let session = try scratch.store(files: files).makeSession()
        for kind in [Kind.write, .sync, .link] {
            guard case .spool(let spool) = session.perform(.openSpool) else {
                Issue.record("no spool")
                return
            }
            // The account exists, so that the delivery is all that can fail.
            _ = try session.account("a@example.com")
            files.arm([kind], at: 0, .once(ENOSPC))
            let taken = session.perform(.appendToSpool(spool, Array(message.utf8)))
            #expect(taken == (kind == .write ? .refused(.noSpace) : .done))
            let envelope = Envelope(reversePath: "", recipients: ["a@example.com"])
            let reply = session.perform(.deliver(.spool(spool), envelope))
            #expect(!reply.isStored)
            files.disarm()
            #expect(!session.perform(.deliver(.spool(spool), envelope)).isStored)
            #expect(leftovers(scratch, "a@example.com") == [])
        }
    }

    @Test func shortWritesDoNotMatter() throws {
        let scratch = try Scratch()
        let files = FailingFileSystem()
        files.makeWritesShort()
        do {
            let session = try scratch.store(files: files).makeSession()
            #expect(session.deliver(message, to: "a@example.com").isStored)
            #expect(try session.open(Account(name: "a@example.com")).count == 1)
            _ = try session.changes(.store(uids: [1], .add, ["word"]))
        }
        #expect(try messages(scratch, "a@example.com") == [message])
    }

    /// Kills at each call of a request; tells whether it was acknowledged, then looks with a fresh store.
    private func killed(
        prepare: (StoreSession) throws -> Void, _ request: (StoreSession) throws -> Bool,
        check: (Scratch, _ acknowledged: Bool, _ index: Int) throws -> Void
    ) throws {
        for index in 0..<100 {
            let scratch = try Scratch()
            let files = FailingFileSystem()
            var acknowledged = false
            var hasFired = false
            do {
                let session = try scratch.store(files: files).makeSession()
                try prepare(session)
                files.arm(Set(Kind.allCases), at: index, .killed)
                acknowledged = try request(session)
                hasFired = files.hasFired
            }
            #expect(!(acknowledged && hasFired), "acknowledged though killed at \(index)")
            try check(scratch, acknowledged, index)
            if !hasFired { return }
        }
        Issue.record("more calls than expected")
    }

    @Test func aKilledDeliveryIsWholeOrAbsent() throws {
        try killed(prepare: { _ in }) { session in
            session.deliver(message, to: "a@example.com", "b@example.com").isStored
        } check: { scratch, acknowledged, index in
            for name in ["a@example.com", "b@example.com"] {
                let found = try messages(scratch, name)
                #expect(found == [message] || (found.isEmpty && !acknowledged), "call \(index)")
            }
        }
    }

    @Test func aKilledOpenGivesNoUIDTwice() throws {
        var validity: UInt32 = 0
        try killed { session in
            let account = try session.account("a")
            session.deliver("Subject: 1\r\n\r\n", to: "a@example.com")
            _ = try session.open(account)
            validity = try session.status(account).uidValidity
            for number in 2...4 { session.deliver("Subject: \(number)\r\n\r\n", to: "a@example.com") }
        } _: { session in
            if case .opened = session.perform(.open(Account(name: "a"), "INBOX", readOnly: false)) { return true }
            return false
        } check: { scratch, acknowledged, index in
            let session = try scratch.store().makeSession()
            let status = try session.status(Account(name: "a"))
            let found = try messages(after: session)
            #expect(found == (1...4).map { "Subject: \($0)\r\n\r\n" }, "call \(index)")
            #expect(!acknowledged || status.uidValidity == validity)
            // The first line of the index is overwritten in place; torn, it costs the UIDVALIDITY but never a UID.
            #expect(status.uidValidity >= validity)
        }
    }

    private func messages(after session: StoreSession) throws -> [String] {
        try session.open(Account(name: "a")).map { try session.text($0.uid) }
    }

    @Test func aKilledAppendIsWholeOrAbsent() throws {
        try killed(prepare: { _ = try $0.account("a") }) { session in
            let octets = Array(message.utf8)
            return session.perform(
                .append(Account(name: "a"), "INBOX", .octets(octets), flags: ["w", "\\Seen"], internalDate: 3)
            ).uid == 1
        } check: { scratch, acknowledged, index in
            let found = try messages(scratch, "a")
            #expect(found == [message] || (found.isEmpty && !acknowledged), "call \(index)")
        }
    }

    @Test func aKilledCopyOrRenameLosesNothing() throws {
        func prepare(_ session: StoreSession) throws {
            let account = try session.account("a")
            _ = session.perform(.createMailbox(account, "Target"))
            session.deliver(message, to: "a")
            _ = try session.open(account)
        }
        try killed(prepare: prepare) { session in
            session.perform(.copy(uids: [1], Account(name: "a"), "Target")).copiedUIDs == [1]
        } check: { scratch, acknowledged, index in
            #expect(try messages(scratch, "a") == [message], "call \(index)")
            let found = try messages(scratch, "a", "Target")
            #expect(found == [message] || (found.isEmpty && !acknowledged), "call \(index)")
        }
        try killed(prepare: prepare) { session in
            session.perform(.renameMailbox(Account(name: "a"), from: "INBOX", to: "Saved")) == .done
        } check: { scratch, acknowledged, index in
            let inbox = try messages(scratch, "a")
            let saved = try messages(scratch, "a", "Saved")
            #expect(inbox + saved == [message], "call \(index)")
            #expect(!acknowledged || saved == [message])
        }
        try killed(prepare: prepare) { session in
            if case .changes = session.perform(.store(uids: [1], .add, ["\\Flagged", "word"])) { return true }
            return false
        } check: { scratch, acknowledged, index in
            let found = try messages(scratch, "a")
            #expect(found == [message], "call \(index)")
            let session = try scratch.store().makeSession()
            let flags = try session.open(Account(name: "a")).map(\.flags)
            #expect(flags == [["\\Flagged", "word"]] || (flags == [[]] && !acknowledged), "call \(index)")
        }
    }

    @Test func aMailboxWorksOnAfterFaults() throws {
        let scratch = try Scratch()
        let files = FailingFileSystem()
        let session = try scratch.store(files: files).makeSession()
        let account = try session.account("a")
        _ = session.perform(.createMailbox(account, "Target"))
        _ = try session.open(account)
        for kind in Kind.allCases {
            for index in 0..<6 {
                files.arm([kind], at: index, .once(ENOSPC))
                _ = session.perform(.append(account, "INBOX", .octets([65]), flags: [], internalDate: nil))
                _ = session.perform(.copy(uids: [1], account, "Target"))
                _ = session.perform(.store(uids: [1], .add, ["word\(index)"]))
                _ = session.perform(.refresh)
            }
        }
        files.disarm()
        let reply = session.perform(.append(account, "INBOX", .octets([66]), flags: [], internalDate: nil))
        let uid = try #require(reply.uid)
        let now = try session.open(account)
        #expect(now.last?.uid == uid)
        #expect(Set(now.map(\.uid)).count == now.count)
        #expect(Set(now.map(\.uniqueID)).count == now.count)
        #expect(scratch.names("a/tmp").isEmpty && scratch.names("a/.Target/tmp").isEmpty)
        #expect(scratch.names("a/cur").count == now.count)
    }
}
