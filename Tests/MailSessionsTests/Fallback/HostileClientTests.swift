// Clients that send anything at any time. No session may trap, answer what breaks a rule of its protocol, or speak
// after it closed; with the same octets in other pieces it must say the same.

import MailDialogue
import Testing

@testable import MailSessions

/// A generator of the same numbers on every machine.
private struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var value = state
        value = (value ^ (value >> 33)) &* 0xff51_afd7_ed55_8ccd
        return value ^ (value >> 33)
    }
}

/// Input of fragments, some of them damaged.
private func input(_ fragments: [String], _ dice: inout Dice) -> [UInt8] {
    var octets: [UInt8] = []
    for _ in 0..<Int.random(in: 1...25, using: &dice) {
        var fragment = Array((fragments.randomElement(using: &dice) ?? "").utf8)
        if Int.random(in: 0..<8, using: &dice) == 0, let at = fragment.indices.randomElement(using: &dice) {
            switch Int.random(in: 0..<4, using: &dice) {
            case 0: fragment[at] = UInt8.random(in: 0...255, using: &dice)
            case 1: fragment.remove(at: at)
            case 2: fragment.insert(contentsOf: [13, 10], at: at)
            default: fragment = Array(fragment[..<at])
            }
        }
        octets += fragment
    }
    return octets
}

private func assail<S: ServerSession>(_ rounds: Int, _ fragments: [String], _ session: () -> S) {
    for round in 0..<rounds {
        var dice = Dice(state: UInt64(round) &* 7_919 &+ 1)
        let octets = input(fragments, &dice)
        func store() -> MemoryStore {
            let store = MemoryStore()
            let box = store.make("bob")
            for text in ["a", "Subject: b\r\n\r\n.\r\nb", ""] { box.add(Array(text.utf8)) }
            _ = store.make("bob", "copy")
            return store
        }
        let whole = Conversation(session(), store())
        whole.send(octets)
        let pieces = Conversation(session(), store())
        pieces.send(octets, pieces: Int.random(in: 1...7, using: &dice))
        #expect(whole.output == pieces.output, "round \(round)")
        #expect(whole.isClosed == pieces.isClosed, "round \(round)")
        let last: [ServerEvent] = [.peerEnded, .timerFired, .shutdown, .mailboxChanged, .drained, .stored(.done)]
        for talk in [whole, pieces] where !talk.isClosed {
            talk.event(last.randomElement(using: &dice) ?? .peerEnded)
            if !talk.isClosed { talk.event(.peerEnded) }
            #expect(talk.isClosed, "round \(round)")
        }
        for talk in [whole, pieces] {
            let ours = talk.notes.filter { $0.side == .server }
            #expect(ours.flatMap(\.violations).map(\.code) == [], "round \(round)")
        }
    }
}

@Suite struct HostileClientTests {
    @Test func `SMTP`() {
        let fragments = [
            "EHLO x\r\n", "HELO y\r\n", "MAIL FROM:<a@example.org>\r\n", "MAIL FROM:<> SIZE=3 SMTPUTF8\r\n",
            "RCPT TO:<b@example.com>\r\n",
            "DATA\r\n", "x\r\n.\r\n", ".\r\n", "..\r\n", "BDAT 3\r\nabc", "BDAT 2 LAST\r\n\r\n",
            "BDAT 9223372036854775807 LAST\r\n", "RSET\r\n",
            "AUTH PLAIN AGEAYg==\r\n", "AUTH LOGIN\r\n", "Ym9i\r\n", "*\r\n", "AUTH CRAM-MD5\r\n", "STARTTLS\r\n",
            "VRFY x\r\n", "NOOP\r\n",
            "\n", "\r", "Received: x\r\n",
        ]
        assail(400, fragments) {
            SMTPServer(settings: ServerSettings(maximumMessage: 20, digestLogins: true), nonce: 1)
        }
    }

    @Test func `LMTP`() {
        let fragments = [
            "LHLO x\r\n", "MAIL FROM:<a@example.org>\r\n", "RCPT TO:<b@example.com>\r\n", "RCPT TO:<c@example.com>\r\n",
            "DATA\r\n",
            "x\r\n.\r\n", ".\r\n", "BDAT 3\r\nabc", "BDAT 2 LAST\r\n\r\n", "RSET\r\n", "NOOP\r\n", "MAIL FROM:<>\r\n",
            "\n",
        ]
        assail(400, fragments) { SMTPServer(settings: ServerSettings(maximumMessage: 20, lmtp: true), nonce: 1) }
    }

    @Test func `POP3`() {
        let fragments = [
            "USER bob\r\n", "PASS x\r\n", "USER bob\r\nPASS x\r\n", "STAT\r\n", "LIST\r\n", "LIST 1\r\n", "UIDL\r\n",
            "RETR 2\r\n", "TOP 2 1\r\n",
            "DELE 1\r\n", "RSET\r\n", "NOOP\r\n", "CAPA\r\n", "AUTH\r\n", "AUTH PLAIN\r\n", "AGJvYgBi\r\n", "*\r\n",
            "STLS\r\n", "APOP a b\r\n",
            "\n", "TOP 3 9223372036854775807\r\n",
        ]
        assail(400, fragments) { POP3Server(settings: ServerSettings(digestLogins: true), nonce: 1) }
    }

    @Test func `IMAP`() {
        let fragments = [
            "a LOGIN bob x\r\n", "b SELECT INBOX\r\n", "a LOGIN bob x\r\nb SELECT INBOX\r\n",
            "c FETCH 1:* (FLAGS BODY[])\r\n",
            "d STORE 1 +FLAGS (\\Deleted)\r\n", "e EXPUNGE\r\n", "f SEARCH TEXT b\r\n",
            "g APPEND INBOX {3+}\r\nabc\r\n", "h APPEND INBOX {3}\r\n",
            "abc\r\n", "i IDLE\r\n", "DONE\r\n", "j COPY 1 copy\r\n", "k MOVE 2 copy\r\n", "l LIST \"\" *\r\n",
            "m AUTHENTICATE PLAIN\r\n",
            "AGJvYgBi\r\n", "*\r\n", "n STATUS INBOX (MESSAGES)\r\n", "o LOGIN {3+}\r\nbob {1+}\r\nx\r\n",
            "p SELECT {5}\r\n", "INBOX\r\n", "\r\n",
            "q FETCH 2 (ENVELOPE BODYSTRUCTURE BODY[HEADER.FIELDS (Subject)] BODY.PEEK[1]<0.2>)\r\n",
            "r UID FETCH 4294967295:1 UID\r\n",
            "s CLOSE\r\n", "t CREATE &Jjo-\r\n", "u NOOP {5+}\r\nabcde\r\n", "v XYZ {5}\r\n", "\n",
            "w LOGIN {99999999999999999999}\r\n",
            "x STARTTLS\r\n", "y COMPRESS DEFLATE\r\n", "{3}\r\n", "z UID EXPUNGE 1:*\r\n",
        ]
        assail(500, fragments) {
            IMAPServer(settings: ServerSettings(maximumMessage: 20, digestLogins: true), nonce: 1)
        }
    }
}
