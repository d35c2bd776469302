// Delivery: the shape of a Maildir, one message in many mailboxes, nothing left over.

import Glibc
import MailSessions
import Synchronization
import Testing

@testable import MailStore

struct DeliveryTests {
    @Test func aMessageIsInNewUnderAUniqueNameWithItsSizes() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        #expect(session.deliver("Subject: a\r\n\r\nb\n", to: "alice@example.com").isStored)
        #expect(session.deliver("Subject: b\r\n\r\n", to: "alice@example.com").isStored)
        let names = scratch.names("alice@example.com/new")
        #expect(names.count == 2)
        #expect(names.allSatisfy { $0.hasSuffix(",S=16,W=17") || $0.hasSuffix(",S=14,W=14") })
        #expect(scratch.names("alice@example.com/tmp").isEmpty)
        for name in names {
            let status = try PosixFileSystem().status(scratch.path + "/mail/alice@example.com/new/" + name)
            #expect(status.mode == 0o600)
        }
        for directory in ["", "/new", "/cur", "/tmp"] {
            #expect(try PosixFileSystem().status(scratch.path + "/mail/alice@example.com" + directory).mode == 0o700)
        }
    }

    @Test func severalRecipientsShareOneFile() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        #expect(session.deliver("x: y\r\n\r\n", to: "a@example.com", "b@example.com", "A@example.com").isStored)
        let one = scratch.names("a@example.com/new")
        #expect(one.count == 1)
        #expect(one == scratch.names("b@example.com/new"))
        let name = try #require(one.first)
        let first = try PosixFileSystem().status(scratch.path + "/mail/a@example.com/new/" + name)
        let second = try PosixFileSystem().status(scratch.path + "/mail/b@example.com/new/" + name)
        #expect(first.inode == second.inode)
    }

    @Test func aSpoolBecomesTheMessageAndIsGone() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let session = store.makeSession()
        guard case .spool(let spool) = session.perform(.openSpool) else {
            Issue.record("no spool")
            return
        }
        // A CR at the end of one piece and its LF at the start of the next are one line end.
        for piece in ["a: b\r", "\n\r\n", "one\ntwo\r\n"] {
            #expect(session.perform(.appendToSpool(spool, Array(piece.utf8))) == .done)
        }
        let envelope = Envelope(reversePath: "", recipients: ["c@example.com"])
        #expect(session.perform(.deliver(.spool(spool), envelope)).isStored)
        #expect(scratch.names(".spool").isEmpty)
        let entries = try session.open(try session.account("c@example.com"))
        #expect(entries.map(\.size) == [18])
        #expect(try session.text(1) == "a: b\r\n\r\none\r\ntwo\r\n")
        #expect(session.perform(.appendToSpool(spool, [1])) != .done)
    }

    @Test func aSpoolOfASessionThatEndsIsRemoved() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        do {
            let session = store.makeSession()
            _ = session.perform(.openSpool)
            #expect(scratch.names(".spool").count == 1)
        }
        #expect(scratch.names(".spool").isEmpty)
    }

    @Test func oldFilesInTmpAreRemovedAtStartAndYoungOnesStay() throws {
        let scratch = try Scratch()
        do { _ = try scratch.store().makeSession().account("d") }
        try scratch.put("d/tmp/old", [1])
        try scratch.put("d/tmp/young", [1])
        try scratch.put(".spool/9", [1])
        let files = PosixFileSystem()
        let now = currentMicroseconds() / 1_000_000
        for (name, age) in [("old", Int64(37 * 3_600)), ("young", Int64(35 * 3_600))] {
            let descriptor = try files.open(scratch.path + "/mail/d/tmp/" + name, .readWrite)
            try files.setModified(descriptor, to: now - age)
            files.close(descriptor)
        }
        let store = try scratch.store()
        #expect(scratch.names("d/tmp") == ["young"])
        #expect(scratch.names(".spool").isEmpty)
        withExtendedLifetime(store) {}
    }

    @Test func aSecondStoreOnTheDirectoryIsRefused() throws {
        let scratch = try Scratch()
        do {
            let first = try scratch.store()
            #expect(throws: StoreError.inUse(scratch.path + "/mail")) { try scratch.store() }
            withExtendedLifetime(first) {}
        }
        #expect(throws: Never.self) { try scratch.store() }
    }

    @Test func aDirectoryThatOthersMayWriteIsRefused() throws {
        let scratch = try Scratch()
        do { _ = try scratch.store() }
        chmod(scratch.path + "/mail", 0o777)
        #expect(throws: StoreError.unsafePermissions(scratch.path + "/mail", 0o777)) { try scratch.store() }
    }

    @Test func dataDirectoriesThatAreMissingAreMade() throws {
        let scratch = try Scratch()
        let store = try MailboxStore(directory: scratch.path + "/one/two", policy: .anyone)
        #expect(store.makeSession().deliver("a: b\r\n\r\n", to: "x@example.com").isStored)
    }

    @Test func deliveryAndFlagsAndRemovalAreTold() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let told = Mutex<[String]>([])
        store.setChangeHandler { account, mailbox in told.withLock { $0.append("\(account.name) \(mailbox)") } }
        let session = store.makeSession()
        let account = try session.account("alice")
        session.deliver("a: b\r\n\r\n", to: "alice@example.com")
        _ = try session.open(account)
        _ = try session.changes(.store(uids: [1], .add, ["\\Deleted"]))
        // Nothing changed: nothing is told.
        _ = try session.changes(.store(uids: [1], .add, ["\\Deleted"]))
        _ = try session.changes(.expunge(uids: nil))
        #expect(told.withLock { $0 } == Array(repeating: "alice INBOX", count: 3))
    }
}
