// The tree of mailboxes: names, levels, renaming, subscriptions.

import MailSessions
import Testing

@testable import MailStore

struct MailboxTreeTests {
    @Test func levelsAreListedWithTheirChildrenAndUses() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        for name in ["Sent", "Work/2026/Plans", "Work/2026.old", "inbox/below/"] {
            #expect(session.perform(.createMailbox(account, name)) == .done)
        }
        #expect(
            session.listing(account) == [
                MailboxListing(name: "INBOX", subscribed: true, hasChildren: true),
                MailboxListing(name: "INBOX/below", subscribed: false, hasChildren: false),
                MailboxListing(name: "Sent", subscribed: false, hasChildren: false, specialUse: "\\Sent"),
                MailboxListing(name: "Work", subscribed: false, hasChildren: true, selectable: false),
                MailboxListing(name: "Work/2026", subscribed: false, hasChildren: true, selectable: false),
                MailboxListing(name: "Work/2026.old", subscribed: false, hasChildren: false),
                MailboxListing(name: "Work/2026/Plans", subscribed: false, hasChildren: false),
            ])
        #expect(scratch.names("alice").contains(".Work.2026.Plans"))
        #expect(scratch.names("alice").contains(".Work.2026%2Eold"))
        #expect(session.perform(.open(account, "Work", readOnly: false)) == .refused(.noSuchMailbox))
        for name in ["INBOX", "Inbox", "Sent"] {
            #expect(session.perform(.createMailbox(account, name)) == .refused(.alreadyExists))
        }
        for name in ["", "/", "a//b", "/a", "a\u{0}", "a\nb", String(repeating: "n", count: 250)] {
            #expect(session.perform(.createMailbox(account, name)) == .refused(.invalidName))
        }
    }

    @Test(arguments: [
        "..", ".", "../../x", "a.b", "100%", "%2E", "Entwürfe", "~peter", "*", "tmp", "new", " ", "a\\b", "日本/語",
    ])
    func anyNameIsKeptAsItIs(name: String) throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        let before = scratch.names("").count
        #expect(session.perform(.createMailbox(account, name)) == .done)
        #expect(
            session.listing(account).filter(\.selectable).map(\.name)
                == ["INBOX", name].sorted { one, _ in one == "INBOX" })
        #expect(session.perform(.append(account, name, .octets([65]), flags: [], internalDate: nil)).uid == 1)
        #expect(try session.open(account, name).count == 1)
        #expect(try session.open(account).isEmpty)
        #expect(scratch.names("").count == before)
        #expect(session.perform(.deleteMailbox(account, name)) == .done)
        #expect(session.listing(account).map(\.name) == ["INBOX"])
    }

    @Test func aDeletedMailboxIsLostToThoseWhoHaveItOpen() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let one = store.makeSession()
        let two = store.makeSession()
        let account = try one.account("alice")
        #expect(one.perform(.deleteMailbox(account, "Trash")) == .refused(.noSuchMailbox))
        #expect(one.perform(.deleteMailbox(account, "inbox")) == .refused(.inbox))
        #expect(one.perform(.createMailbox(account, "Trash")) == .done)
        #expect(one.perform(.createMailbox(account, "Trash/Old")) == .done)
        #expect(one.perform(.deleteMailbox(account, "Trash")) == .refused(.hasChildren))
        #expect(one.perform(.deleteMailbox(account, "Trash/Old")) == .done)
        let validity = try one.status(account, "Trash").uidValidity
        _ = two.perform(.append(account, "Trash", .octets([65]), flags: [], internalDate: nil))
        _ = try two.open(account, "Trash")
        #expect(one.perform(.deleteMailbox(account, "Trash")) == .done)
        #expect(scratch.names("alice").filter { $0.hasPrefix("removed.") || $0.hasPrefix(".") }.isEmpty)
        #expect(try two.changes(.refresh).lost)
        #expect(two.perform(.store(uids: [1], .add, ["\\Seen"])) == .refused(.noSuchMailbox))
        #expect(one.perform(.createMailbox(account, "Trash")) == .done)
        #expect(try one.status(account, "Trash").uidValidity > validity)
        #expect(try two.changes(.refresh).lost)
        #expect(try two.open(account, "Trash").isEmpty)
    }

    @Test func renamingTakesTheChildrenAndTheUIDsAlong() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        let account = try session.account("alice")
        for name in ["A", "A/B", "A/B/C", "AB", "D"] { _ = session.perform(.createMailbox(account, name)) }
        _ = session.perform(.append(account, "A/B", .octets([65]), flags: ["word"], internalDate: nil))
        let before = try session.status(account, "A/B")
        func rename(_ from: String, _ to: String) -> StoreReply {
            session.perform(.renameMailbox(account, from: from, to: to))
        }
        #expect(rename("None", "X") == .refused(.noSuchMailbox))
        #expect(rename("A", "D") == .refused(.alreadyExists))
        #expect(rename("A", "inbox") == .refused(.alreadyExists))
        #expect(rename("A", "A/B/E") == .refused(.invalidName))
        #expect(rename("A", "") == .refused(.invalidName))
        #expect(rename("A", "New/A") == .done)
        #expect(session.listing(account).map(\.name) == ["INBOX", "AB", "D", "New", "New/A", "New/A/B", "New/A/B/C"])
        let after = try session.status(account, "New/A/B")
        #expect(after.uidValidity == before.uidValidity)
        #expect(after.messages == 1)
        #expect(try session.open(account, "New/A/B").map(\.flags) == [["word"]])
        // A level without a mailbox moves with what is below it.
        #expect(rename("New", "Old") == .done)
        #expect(session.listing(account).map(\.name) == ["INBOX", "AB", "D", "Old", "Old/A", "Old/A/B", "Old/A/B/C"])
    }

    @Test func renamingInboxMovesItsMessages() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let session = store.makeSession()
        let other = store.makeSession()
        let account = try session.account("alice")
        _ = session.perform(.append(account, "INBOX", .octets([65]), flags: ["word", "\\Seen"], internalDate: 5))
        session.deliver("a: b\r\n\r\n", to: "alice")
        _ = session.perform(.createMailbox(account, "INBOX/child"))
        _ = try other.open(account)
        #expect(session.perform(.renameMailbox(account, from: "INBOX", to: "Saved")) == .done)
        #expect(try other.changes(.refresh).removed == [1, 2])
        #expect(session.listing(account).map(\.name) == ["INBOX", "INBOX/child", "Saved"])
        #expect(try session.open(account).isEmpty)
        #expect(try session.status(account).uidNext == 3)
        #expect(
            try session.open(account, "Saved").map(\.flags).sorted { $0.count > $1.count } == [["\\Seen", "word"], []])
    }

    @Test func subscriptionsOutliveTheirMailboxes() throws {
        let scratch = try Scratch()
        do {
            let session = try scratch.store().makeSession()
            let account = try session.account("alice")
            _ = session.perform(.createMailbox(account, "Lists"))
            #expect(session.perform(.subscribe(account, "Lists", true)) == .done)
            #expect(session.perform(.subscribe(account, "Gone", true)) == .done)
            #expect(session.perform(.subscribe(account, "INBOX", false)) == .done)
            #expect(session.perform(.subscribe(account, "a\nb", true)) == .refused(.invalidName))
        }
        let session = try scratch.store().makeSession()
        #expect(
            session.listing(try session.account("alice")) == [
                MailboxListing(name: "INBOX", subscribed: false, hasChildren: false),
                MailboxListing(name: "Lists", subscribed: true, hasChildren: false),
                MailboxListing(name: "Gone", subscribed: true, hasChildren: false, selectable: false, exists: false),
            ])
    }
}
