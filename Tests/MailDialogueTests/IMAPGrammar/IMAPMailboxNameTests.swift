// Modified UTF-7 (RFC 3501 §5.1.3).

import Testing

@testable import MailDialogue

@Suite struct IMAPMailboxNameTests {
    private func fault(_ name: String) -> Int? {
        Array(name.utf8).withUnsafeBufferPointer { IMAPMailboxName.fault($0) }
    }

    @Test(arguments: [
        "", "INBOX", "a&-b", "&-", "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "&AOQ-", "Entw&APw-rfe", "&2D3eAA-", "a&AOQ-&-b",
        "&AOQ-b&AOQ-",
    ]) func lawful(_ name: String) { #expect(fault(name) == nil) }

    @Test(arguments: [
        // No end, no digits, ASCII that needs no shift, a superfluous null shift, half a pair, bits that are left, octets that
        // need the shift.
        ("a&b", 1), ("&", 0), ("&AOQ", 0), ("&AGE-", 3), ("&Jjo-&Jjo-", 5), ("&2D0-", 0), ("&3gA-", 3), ("&AOR-", 0),
        ("&AO", 0), ("a\u{1}", 1), ("x\u{e4}", 1), ("&AOQ/-", 0), ("a\u{7f}", 1),
    ]) func wrong(_ name: String, _ expected: Int) { #expect(fault(name) == expected) }

    @Test func text() {
        func text(_ name: String) -> String { IMAPMailboxName.text(Array(name.utf8)[...]) }
        #expect(text("~peter/mail/&U,BTFw-/&ZeVnLIqe-") == "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}")
        #expect(text("a&-b") == "a&b")
        #expect(text("&2D3eAA-") == "\u{1f600}")
        #expect(text("\u{e4}") == "\u{e4}")
        #expect(text("a&b") == "a&b")
        #expect(text("INBOX") == "INBOX")
    }

    @Test func inbox() {
        #expect(IMAPMailboxName.isInbox(Array("inBox".utf8)[...]))
        #expect(!IMAPMailboxName.isInbox(Array("inBoxes".utf8)[...]))
        #expect(!IMAPMailboxName.isInbox(Array("inBoy".utf8)[...]))
    }
}
