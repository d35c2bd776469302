// Whose mailbox a name opens, and what becomes of names that would like to be paths.

import Glibc
import MailDialogue
import MailSessions
import Testing

@testable import MailStore

struct AccountTests {
    @Test func anAddressAndItsLocalPartOpenTheSameMailbox() throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        session.deliver("a: b\r\n\r\n", to: "Alice@Example.com")
        #expect(try session.account("alice") == Account(name: "alice@example.com"))
        #expect(try session.open(try session.account("alice")).count == 1)
        #expect(try session.account("ALICE@EXAMPLE.COM") == Account(name: "alice@example.com"))
    }

    @Test func theFirstAddressOwnsTheLocalPart() throws {
        let scratch = try Scratch()
        do {
            let session = try scratch.store().makeSession()
            session.deliver("a: b\r\n\r\n", to: "bob@example.org")
            session.deliver("a: b\r\n\r\n", to: "bob@example.com")
            #expect(try session.account("bob") == Account(name: "bob@example.org"))
            #expect(try session.account("bob@example.com") == Account(name: "bob@example.com"))
        }
        // Also after a start, though the directories sort the other way.
        let session = try scratch.store().makeSession()
        #expect(try session.account("bob") == Account(name: "bob@example.org"))
    }

    @Test func aLoginBeforeTheFirstMailKeepsItsMailbox() throws {
        let scratch = try Scratch()
        do {
            let session = try scratch.store().makeSession()
            let account = try session.account("carol")
            #expect(try session.open(account).isEmpty)
            session.deliver("a: b\r\n\r\n", to: "carol@example.com")
            session.deliver("a: b\r\n\r\n", to: "carol@example.org")
            #expect(try session.changes(.refresh).added.count == 1)
            #expect(try session.account("carol@example.com") == account)
            #expect(try session.account("carol@example.org") != account)
        }
        let session = try scratch.store().makeSession()
        #expect(try session.account("carol@example.com") == Account(name: "carol"))
        #expect(try session.account("carol@example.org") == Account(name: "carol@example.org"))
    }

    @Test func accountsAreFoundAgainWithoutTheirList() throws {
        let scratch = try Scratch()
        do { try scratch.store().makeSession().deliver("a: b\r\n\r\n", to: "dave@example.com") }
        try PosixFileSystem().unlink(scratch.path + "/mail/.accounts")
        let session = try scratch.store().makeSession()
        #expect(try session.open(try session.account("dave")).count == 1)
    }

    @Test(arguments: [
        "../x@example.com", "..", ".", "a/b@example.com", "\0@example.com", "a\u{0}b", "/etc/passwd", ".spool", ".lock",
        "%2e%2e",
        String(repeating: "x", count: 300) + "@example.com", "ü@example.com", "a b\r\nc@example.com", "new",
        "\"a@b\"@example.com",
    ])
    func namesStayInTheirDirectory(name: String) throws {
        let scratch = try Scratch()
        let before = scratch.names("..").count
        let session = try scratch.store().makeSession()
        let account = try session.account(name)
        #expect(session.perform(.append(account, "INBOX", .octets([65]), flags: [], internalDate: nil)).uid == 1)
        #expect(try session.open(account).count == 1)
        // One directory more in `mail`, nothing outside of it.
        #expect(scratch.names("").filter { !$0.hasPrefix(".") }.count == 1)
        #expect(scratch.names("..").filter { $0 != "mail" }.count == before)
        let directory = try #require(scratch.names("").first { !$0.hasPrefix(".") })
        #expect(directory.utf8.count <= 255)
        #expect(scratch.names(directory).contains("cur"))
    }

    @Test func differentNamesHaveDifferentDirectories() {
        let long = String(repeating: "y", count: 300)
        let names = [long, long + "y", "a%b", "a%25b", "a/b", "a%2Fb", "é", "e", ".a", "%2Ea", "%2ea", ""]
        #expect(Set(names.map(AccountDirectory.name)).count == names.count)
        #expect(
            names.map(AccountDirectory.name).allSatisfy { !$0.isEmpty && $0.utf8.count < 255 && !$0.hasPrefix(".") })
    }

    @Test(arguments: ["", "@example.com", "x@"])
    func addressesWithoutAMailboxAreRefused(address: String) throws {
        let scratch = try Scratch()
        let session = try scratch.store().makeSession()
        #expect(session.perform(.checkRecipient(address)) == .refused(.unknownRecipient))
        #expect(!session.deliver("a: b\r\n\r\n", to: address).isStored)
        #expect(scratch.names("").allSatisfy { $0.hasPrefix(".") })
    }

    @Test func withUsersOnlyTheyCount() throws {
        let scratch = try Scratch()
        let users = try UserFile(path: scratch.path + "/users", files: PosixFileSystem(), iterations: 2)
        try users.set("Alice@example.com", password: SecretText("one"))
        try users.set("bob", password: SecretText("two"))
        let session = try scratch.store(.users(users)).makeSession()
        func login(_ user: String, _ password: String) -> StoreReply {
            session.perform(.authenticate(.password(user: user, SecretText(password))))
        }
        #expect(login("alice", "one") == .account(Account(name: "alice@example.com")))
        #expect(login("alice@example.com", "one") == .account(Account(name: "alice@example.com")))
        // The second login takes the remembered mark, a wrong one never does.
        #expect(login("alice", "one") == .account(Account(name: "alice@example.com")))
        #expect(login("alice", "two") == .refused(.badCredentials))
        #expect(login("alice@example.org", "one") == .refused(.badCredentials))
        #expect(login("bob", "two") == .account(Account(name: "bob")))
        #expect(login("nobody", "") == .refused(.badCredentials))
        #expect(
            session.perform(.authenticate(.cramMD5(user: "bob", challenge: "<1@h>", digest: "00")))
                == .refused(.badCredentials))
        #expect(
            session.perform(.authenticate(.apop(user: "bob", timestamp: "<1@h>", digest: "00")))
                == .refused(.badCredentials))
        #expect(session.perform(.checkRecipient("alice@example.com")) == .done)
        #expect(session.perform(.checkRecipient("alice@example.org")) == .refused(.unknownRecipient))
        #expect(session.perform(.checkRecipient("bob@example.org")) == .done)
        #expect(session.deliver("a: b\r\n\r\n", to: "bob@example.org").isStored)
        #expect(try session.open(Account(name: "bob")).count == 1)
        try users.set("bob", password: SecretText("three"))
        #expect(login("bob", "two") == .refused(.badCredentials))
        #expect(login("bob", "three") == .account(Account(name: "bob")))
        #expect(try users.remove("bob"))
        #expect(login("bob", "three") == .refused(.badCredentials))
    }

    @Test func `TL-017 SCRAM keys of users, and of who is none`() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/users"
        let users = try UserFile(path: path, files: PosixFileSystem(), iterations: 3)
        try users.set("alice@example.com", password: SecretText("pencil"))
        let session = try scratch.store(.users(users)).makeSession()
        func keys(_ login: String, _ hash: SASLHash = .sha256) -> (user: String, keys: SCRAMKeys)? {
            guard case .scramKeys(let user, let keys) = session.perform(.scramKeys(user: login, hash)) else {
                return nil
            }
            return (user, keys)
        }
        // The hash in the file is SCRAM-SHA-256's salted password.
        let alice = try #require(keys("Alice"))
        #expect(alice.user == "alice@example.com" && alice.keys.iterations == 3)
        #expect(
            alice.keys
                == SCRAMKeys(.sha256, salt: alice.keys.salt, iterations: 3, password: SecretBytes("pencil")))
        #expect(keys("alice", .sha1) == nil)
        // Nobody's keys look like those of others, the same each time and for each other process.
        let nobody = try #require(keys("eve"))
        #expect(nobody.keys.salt.count == alice.keys.salt.count && nobody.keys.iterations == 3)
        #expect(keys("EVE")?.keys == nobody.keys && keys("mallory")?.keys != nobody.keys)
        #expect(try UserFile(path: path).scramKeys("eve").keys == nobody.keys)
        #expect(
            session.perform(.authenticate(.proven(user: "alice@example.com")))
                == .account(Account(name: "alice@example.com")))
        #expect(session.perform(.authenticate(.proven(user: "eve"))) == .refused(.badCredentials))
        // Where anyone is let in nobody has keys.
        let open = try Scratch()
        #expect(
            try open.store(.anyone).makeSession().perform(.scramKeys(user: "alice", .sha256))
                == .refused(.badCredentials))
    }

    /// The same password is the same, composed or not, and for each mechanism (RFC 4013 §2.2).
    @Test func aPasswordIsPrepared() throws {
        let scratch = try Scratch()
        let users = try UserFile(path: scratch.path + "/users", files: PosixFileSystem(), iterations: 3)
        try users.set("zoe", password: SecretText("scho\u{308}n \u{FB01}n"))
        for typed in ["sch\u{F6}n fin", "scho\u{308}n\u{A0}\u{FB01}n"] {
            #expect(users.verify("zoe", SecretText(typed)) == "zoe")
            let keys = users.scramKeys("zoe").keys
            #expect(keys == SCRAMKeys(.sha256, salt: keys.salt, iterations: 3, password: SecretBytes(typed.utf8)))
        }
        #expect(users.verify("zoe", SecretText("schon fin")) == nil)
        // What can't be prepared is taken as it is.
        try users.set("yan", password: SecretText("a\u{7}"))
        #expect(users.verify("yan", SecretText("a\u{7}")) == "yan" && users.verify("yan", SecretText("a")) == nil)
    }

    @Test func aUserFileIsKeptFromOthersAndHoldsNoPassword() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/users"
        let users = try UserFile(path: path, files: PosixFileSystem(), iterations: 2)
        try users.set("erin", password: SecretText("correct horse"))
        #expect(try PosixFileSystem().status(path).mode == 0o600)
        let bytes = try #require(try PosixFileSystem().contents(path))
        #expect(!String(decoding: bytes, as: UTF8.self).contains("horse"))
        #expect(throws: StoreError.invalidUser("a:b")) { try users.set("a:b", password: SecretText("x")) }
        let again = try UserFile(path: path)
        #expect(again.names == ["erin"])
        #expect(again.verify("erin", SecretText("correct horse")) == "erin")
        chmod(path, 0o644)
        #expect(throws: StoreError.unsafePermissions(path, 0o644)) { try UserFile(path: path) }
        chmod(path, 0o600)
        try PosixFileSystem().replaceFile(scratch.path, "users", Array("erin:$pbkdf2-sha256$0$00$00\n".utf8))
        #expect(throws: StoreError.damaged(path, line: 1)) { try UserFile(path: path) }
    }

    @Test func passwordsAreDerivedAsPublished() {
        // PBKDF2-HMAC-SHA-256 of "password" and "salt": RFC 7914 §11 has the form, these are the widely published
        // values.
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        #expect(
            hex(UserFile.derive(SecretText("password"), salt: Array("salt".utf8), iterations: 1))
                == "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b")
        #expect(
            hex(UserFile.derive(SecretText("password"), salt: Array("salt".utf8), iterations: 2))
                == "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43")
        #expect(
            hex(UserFile.derive(SecretText("password"), salt: Array("salt".utf8), iterations: 4_096))
                == "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a")
    }
}

extension StoreReply {
    var uid: UInt32? {
        if case .appended(_, let uid) = self { return uid }
        return nil
    }
}
