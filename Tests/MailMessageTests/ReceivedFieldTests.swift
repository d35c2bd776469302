// Received fields as real servers write them.

import MailMessage
import Testing

@Suite struct ReceivedFieldTests {
    private func read(_ text: String) -> ReceivedField { ReceivedField(Array(text.utf8)) }

    @Test func fieldsOfServers() {
        let postfix = read(
            "from client.example.com (unknown [192.0.2.1]) by mx.example.com (Postfix) with ESMTPSA id 4gXyZ1 for <bob@example.com>; Thu, 26 Nov 2026 08:00:01 +0100 (CET)"
        )
        #expect(postfix.from == "client.example.com")
        #expect(postfix.by == "mx.example.com")
        #expect(postfix.with == "ESMTPSA")
        #expect(postfix.id == "4gXyZ1")
        #expect(postfix.recipient == "bob@example.com")
        #expect(postfix.time == 1_795_676_401_000_000)
        let dovecot = read(
            "from mx.example.com ([192.0.2.25]) by store with LMTP id aBc+D (envelope-from <ann@example.com>) for <bob@example.com>; Thu, 26 Nov 2026 07:00:02 +0000"
        )
        #expect(dovecot.by == "store")
        #expect(dovecot.id == "aBc+D")
        #expect(dovecot.time == 1_795_676_402_000_000)
    }

    @Test func oddOnes() {
        #expect(read("").by == "")
        #expect(read("(by comment (nested) with x) by real; ").by == "real")
        #expect(read("(never closed by x").by == "")
        #expect(read("by").by == "")
        #expect(read("by x; no date").time == nil)
        #expect(read("by \"a b;c\" id 1").id == "1")
        #expect(read(String(repeating: "(", count: 100_000)).by == "")
        #expect(read("BY x WITH smtp").with == "smtp")
    }
}
