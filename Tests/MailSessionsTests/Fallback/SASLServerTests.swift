// SASL at our three servers: SCRAM with the keys of a store, what is offered, and what a client may not do.

import MailDialogue
import MailMessage
import Testing

@testable import MailSessions

@Suite struct SASLServerTests {
    private static let settings = ServerSettings(
        hostName: "mx.example.com", digestLogins: true, scramHashes: [.sha1, .sha256])

    /// How a protocol carries the exchange.
    enum Carrier: CaseIterable {
        case smtp, pop3, imap

        func command(_ mechanism: String, _ initial: String?) -> String {
            let initial = initial.map { " " + $0 } ?? ""
            return switch self {
            case .smtp, .pop3: "AUTH \(mechanism)\(initial)"
            case .imap: "a AUTHENTICATE \(mechanism)\(initial)"
            }
        }

        /// The challenge in a line of the server; nil when it is another line.
        func challenge(_ line: String) -> [UInt8]? {
            let mark = self == .smtp ? "334 " : "+ "
            guard line.hasPrefix(mark) else { return nil }
            return Base64.decode(Array(line.utf8.dropFirst(mark.utf8.count).dropLast(2))[...])
        }

        var success: String {
            switch self {
            case .smtp: "235 "
            case .pop3: "+OK "
            case .imap: "a OK "
            }
        }

        var failure: String {
            switch self {
            case .smtp: "535 5.7.8 "
            case .pop3: "-ERR [AUTH] "
            case .imap: "a NO [AUTHENTICATIONFAILED] "
            }
        }
    }

    /// One line to a server and what it says.
    private typealias Say = (String) -> String

    private func withServer(_ carrier: Carrier, _ store: MemoryStore, _ body: (Say) throws -> Void) rethrows {
        switch carrier {
        case .smtp:
            let talk = Conversation(SMTPServer(settings: Self.settings, nonce: 42), store)
            _ = talk.say("EHLO client.example.org")
            try body(talk.say)
            talk.expectClean()
        case .pop3:
            let talk = Conversation(POP3Server(settings: Self.settings, nonce: 42), store)
            try body(talk.say)
            talk.expectClean()
        case .imap:
            let talk = Conversation(IMAPServer(settings: Self.settings, nonce: 42), store)
            try body(talk.say)
            talk.expectClean()
        }
    }

    private func text(_ octets: [UInt8]) -> String { String(decoding: Base64.encode(octets), as: UTF8.self) }

    /// Logs in. `whole` sends the first message with the command.
    private func logIn(
        _ carrier: Carrier, _ hash: SASLHash, _ user: String, _ password: String, whole: Bool, _ say: Say
    ) throws -> (line: String, failure: SASLFailure?) {
        let mechanism = SASLMechanism.scram(hash, plus: false)
        let login = SASLLogin(account: user, secret: SecretBytes(password))
        var client = try #require(SASLClientMachine(mechanism, login, nonce: Array("abcDEF".utf8)))
        var line: String
        if whole, case .send(let first)? = client.begin() {
            line = say(carrier.command(mechanism.name, text(first)))
        } else {
            line = say(carrier.command(mechanism.name, nil))
        }
        while let challenge = carrier.challenge(line) {
            guard case .send(let response) = client.respond(to: challenge) else {
                _ = say("*")
                return (line, client.outcome(accepted: true))
            }
            line = say(text(response))
        }
        return (line, client.outcome(accepted: line.hasPrefix(carrier.success)))
    }

    @Test(arguments: Carrier.allCases, [SASLHash.sha1, .sha256])
    func `TL-016 TL-020 SCRAM with the keys of the store`(_ carrier: Carrier, _ hash: SASLHash) throws {
        for whole in [false, true] {
            let store = MemoryStore()
            store.passwords = ["bob": "pencil"]
            try withServer(carrier, store) { say in
                let wrong = try logIn(carrier, hash, "bob", "pencils", whole: whole, say)
                #expect(wrong.line.hasPrefix(carrier.failure) && wrong.failure == .badCredentials)
                #expect(store.attempts.isEmpty, "a wrong proof opens nothing")
                let unknown = try logIn(carrier, hash, "eve", "pencil", whole: whole, say)
                #expect(unknown.line.hasPrefix(carrier.failure))
                let right = try logIn(carrier, hash, "bob", "pencil", whole: whole, say)
                #expect(right.line.hasPrefix(carrier.success) && right.failure == nil, "\(right)")
                // The store says what the user is called there.
                #expect(store.attempts == [.proven(user: "bob@example.com")])
            }
        }
    }

    @Test(arguments: Carrier.allCases) func `SM-142 PO-035 SCRAM can be given up and can't be cut short`(
        _ carrier: Carrier
    ) {
        let store = MemoryStore()
        store.passwords = ["bob": "pencil"]
        let first = text(Array("n,,n=bob,r=abc".utf8))
        for response in ["*", "=", "AA=A", "", text(Array("c=biws,r=abc,p=QUJD".utf8)), first] {
            withServer(carrier, store) { say in
                #expect(carrier.challenge(say(carrier.command("SCRAM-SHA-256", first))) != nil)
                let line = say(response)
                #expect(carrier.challenge(line) == nil && !line.hasPrefix(carrier.success), "\(response): \(line)")
            }
        }
        // An identity other than the user is nobody's right here.
        withServer(carrier, store) { say in
            let other = say(carrier.command("SCRAM-SHA-256", text(Array("n,a=alice,n=bob,r=abc".utf8))))
            #expect(carrier.challenge(other) == nil && !other.hasPrefix(carrier.success))
        }
        #expect(store.attempts.isEmpty)
    }

    @Test func `what is offered and in which order`() {
        func offered(_ digests: Bool, _ hashes: [SASLHash]) -> [String] {
            SASLServer.offered(ServerSettings(digestLogins: digests, scramHashes: hashes)).map(\.rawValue)
        }
        #expect(offered(false, []) == ["PLAIN", "LOGIN"])
        #expect(offered(true, []) == ["PLAIN", "LOGIN", "CRAM-MD5"])
        #expect(offered(false, [.sha256]) == ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
        #expect(offered(true, [.sha256, .sha1]).suffix(2) == ["SCRAM-SHA-1", "SCRAM-SHA-256"])
        let settings = ServerSettings(scramHashes: [.sha256])
        #expect(SASLServer(Array("scram-sha-256".utf8)[...], settings, challenge: "<1@x>") != nil)
        #expect(SASLServer(Array("SCRAM-SHA-1".utf8)[...], settings, challenge: "<1@x>") == nil)
        #expect(SASLServer(Array("CRAM-MD5".utf8)[...], settings, challenge: "<1@x>") == nil)
    }

    @Test func `SM-146 a response of 12,288 octets is read and a longer one is refused`() {
        let talk = Conversation(SMTPServer(settings: Self.settings), MemoryStore())
        _ = talk.say("EHLO x")
        _ = talk.say("AUTH PLAIN")
        #expect(talk.say(String(repeating: "A", count: 12_288)).hasPrefix("501 5.5.2"))
        _ = talk.say("AUTH PLAIN")
        #expect(talk.say(String(repeating: "A", count: 12_292)).hasPrefix("500 5.5.6"))
        #expect(talk.say("NOOP").hasPrefix("250"))
    }

    @Test func `the server's nonce is new in each exchange`() {
        let store = MemoryStore()
        store.passwords = ["bob": "pencil"]
        var seen: Set<String> = []
        for nonce in 0..<3 {
            let talk = Conversation(POP3Server(settings: Self.settings, nonce: UInt64(nonce)), store)
            for _ in 0..<3 {
                seen.insert(talk.say("AUTH SCRAM-SHA-256 \(text(Array("n,,n=bob,r=abc".utf8)))"))
                _ = talk.say("*")
            }
        }
        #expect(seen.count == 9 && seen.allSatisfy { $0.hasPrefix("+ ") })
    }
}
