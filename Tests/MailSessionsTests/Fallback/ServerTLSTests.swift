// STARTTLS and STLS of our own servers: when they are offered and taken, and what is forgotten.

import MailDialogue
import MailRules
import Testing

@testable import MailSessions

@Suite struct ServerTLSTests {
    private static var settings: ServerSettings {
        var settings = ServerSettings(hostName: "mx.example.com")
        settings.offersTLS = true
        return settings
    }

    /// A session of the protocol, with rules that do nothing before it when `isRuled`.
    private func talk(_ mailProtocol: MailProtocol, _ settings: ServerSettings, isRuled: Bool) -> Conversation<
        AnySession
    > {
        let session: any ServerSession =
            switch mailProtocol {
            case .smtp, .lmtp: SMTPServer(settings: settings)
            case .pop3: POP3Server(settings: settings)
            case .imap: IMAPServer(settings: settings)
            }
        let store = MemoryStore()
        guard isRuled else { return Conversation(AnySession(session), store) }
        let (rules, _) = RuleCompiler.compile([
            RuleFile(name: "f", text: "rules: [{name: x, when: not tls and command == \"NOOP\", then: [{reject: no}]}]")
        ])
        let facts = RuleFacts(mailProtocol: mailProtocol, clientAddress: "192.0.2.1", route: "test")
        return Conversation(AnySession(RuledServer(session, facts: facts, rules: rules)), store)
    }

    /// Any session as one type.
    struct AnySession: ServerSession {
        var session: any ServerSession
        init(_ session: any ServerSession) { self.session = session }
        var wantsOctets: Bool { session.wantsOctets }
        var pendingOctets: Int { session.pendingOctets }
        mutating func handle(
            _ event: ServerEvent, now: Int64, effects: inout [ServerEffect], notes: inout [Note]
        ) {
            session.handle(event, now: now, effects: &effects, notes: &notes)
        }
    }

    private static let words: [(MailProtocol, hello: String, offer: String, ask: String, consent: String)] = [
        (.smtp, "EHLO a.example", "STARTTLS\r\n", "STARTTLS", "220 2.0.0 Ready to begin TLS\r\n"),
        (.pop3, "CAPA", "STLS\r\n", "STLS", "+OK Ready to begin TLS\r\n"),
        (.imap, "a CAPABILITY", " STARTTLS", "b STARTTLS", "b OK Ready to begin TLS\r\n"),
    ]

    @Test(arguments: 0..<3, [false, true]) func tlsIsOfferedUntilItIsThere(_ index: Int, _ isRuled: Bool) {
        let (mailProtocol, hello, offer, ask, consent) = Self.words[index]
        let talk = talk(mailProtocol, Self.settings, isRuled: isRuled)
        #expect(talk.say(hello).contains(offer))
        #expect(talk.say(ask) == consent)
        #expect(talk.beginnings == 1 && !talk.isClosed)
        _ = talk.reply()
        talk.event(.secured)
        #expect(talk.reply() == "")
        #expect(!talk.say(hello).contains(offer))
        let again = talk.say(ask)
        #expect(again.hasPrefix("502 ") || again.hasPrefix("-ERR") || again.hasPrefix("b BAD "))
        #expect(talk.beginnings == 1)
        // The rule that holds in clear does not hold any more.
        #expect(!talk.say(mailProtocol == .imap ? "c NOOP" : "NOOP").contains("no\r\n"))
    }

    @Test(arguments: 0..<3) func tlsIsNotOfferedWhereThereIsNone(_ index: Int) {
        let (mailProtocol, hello, offer, ask, _) = Self.words[index]
        let talk = talk(mailProtocol, ServerSettings(), isRuled: false)
        #expect(!talk.say(hello).contains(offer))
        let answer = talk.say(ask)
        #expect(answer.hasPrefix("502 ") || answer.hasPrefix("-ERR") || answer.hasPrefix("b BAD "))
        #expect(talk.beginnings == 0)
    }

    /// Octets in clear behind the wish: nobody takes them for what comes under TLS (RFC 3207 §6).
    @Test(arguments: 0..<3, [false, true]) func octetsBehindTheWishEndTheSession(_ index: Int, _ isRuled: Bool) {
        let (mailProtocol, hello, _, ask, _) = Self.words[index]
        let talk = talk(mailProtocol, Self.settings, isRuled: isRuled)
        _ = talk.say(hello)
        let refusal = talk.say(ask + "\r\n" + hello)
        #expect(
            refusal.hasPrefix("554 5.5.0 ") || refusal.hasPrefix("-ERR Nothing ") || refusal.hasPrefix("b BAD Nothing ")
        )
        #expect(talk.isClosed && talk.beginnings == 0)
    }

    @Test(arguments: 0..<3) func withoutACertificateTheWishIsRefused(_ index: Int) {
        let (mailProtocol, hello, _, ask, _) = Self.words[index]
        let talk = talk(mailProtocol, Self.settings, isRuled: false)
        talk.canBeginTLS = false
        let refusal = talk.say(ask)
        #expect(
            refusal.hasPrefix("454 4.7.0 ") || refusal.hasPrefix("-ERR [SYS/TEMP]")
                || refusal.hasPrefix("b NO [UNAVAILABLE]"))
        #expect(!talk.isClosed && talk.beginnings == 0)
        #expect(!talk.say(hello).isEmpty)
    }

    /// RFC 3207 §4.2: who the client is has to be said again.
    @Test func whatWasSaidInClearIsForgotten() {
        let talk = talk(.smtp, Self.settings, isRuled: false)
        _ = talk.say("EHLO a.example")
        #expect(talk.say("STARTTLS now").hasPrefix("501 "))
        _ = talk.say("MAIL FROM:<a@example.org>")
        #expect(talk.say("STARTTLS").hasPrefix("503 5.5.1 "))
        _ = talk.say("RSET")
        _ = talk.say("STARTTLS")
        talk.event(.secured)
        #expect(talk.say("MAIL FROM:<a@example.org>").hasPrefix("503 "))
        let pop = self.talk(.pop3, Self.settings, isRuled: false)
        _ = pop.say("USER a@example.com")
        _ = pop.say("STLS")
        pop.event(.secured)
        #expect(pop.say("PASS b").hasPrefix("-ERR USER comes"))
        let imap = self.talk(.imap, Self.settings, isRuled: false)
        #expect(imap.say("a LOGIN a@example.com b").contains("a OK"))
        #expect(imap.say("b STARTTLS").hasPrefix("b BAD "))
    }
}
