// The edge of the cleartext in the relay: who says what, in which order, and what is forgotten.

import MailDialogue
import Testing

@testable import MailSessions

struct RelayTLSTests {
    private static let none =
        "rules:\n  - name: n\n    when: not tls and command == \"VRFY\"\n    then:\n      - reject: clear\n"

    @Test(arguments: [nil, 1, 5]) func theServerDecidesWhereItIsMirrored(_ step: Int?) {
        var table = RelayTable(.smtp, Self.none, step: step, tls: .mirrored)
        table.say(.server, "220 mx")
        table.say(.client, "EHLO a.example", "VRFY a")
        table.say(.server, "250 mx")
        #expect(table.took(.client) == ["220 mx", "250 mx", "554 5.7.1 clear"])
        table.say(.client, "STARTTLS")
        #expect(table.took(.server) == ["EHLO a.example", "STARTTLS"])
        table.say(.server, "454 not now")
        #expect(table.took(.client) == ["454 not now"] && table.edges.isEmpty)
        table.say(.client, "STARTTLS")
        table.say(.server, "220 go")
        // The consent waits until the server's leg is under TLS.
        #expect(table.took(.client) == [] && table.edges.map(\.hasty) == [nil])
        #expect(!table.relay.wants(.client) && !table.relay.wants(.server))
        table.turn()
        #expect(table.took(.client) == ["220 go"])
        table.say(.client, "VRFY a")
        #expect(table.took(.server) == ["STARTTLS", "VRFY a"])
        table.say(.server, "252 perhaps")
        #expect(table.took(.client) == ["252 perhaps"])
        #expect(table.relay.facts.clientName == "" && table.relay.facts.isSecured)
    }

    @Test func theClientHearsARefusalInPlaceOfTheConsent() {
        var table = RelayTable(.imap, "rules: []", tls: .mirrored)
        table.say(.server, "* OK mx")
        table.say(.client, "a STARTTLS")
        table.say(.server, "a OK go")
        table.turn(refusing: "a NO later\r\n")
        #expect(table.took(.client) == ["* OK mx", "a NO later"])
        #expect(table.isClosed)
        #expect(!table.seen.contains { $0.raw.elementsEqual(Array("a OK go\r\n".utf8)) })
    }

    @Test(arguments: [
        (MailProtocol.smtp, "220 mx", "STARTTLS\r\nNOOP\r\n", "220 go\r\n"),
        (.pop3, "+OK mx", "STLS\r\nCAPA\r\n", "+OK go\r\n"),
        (.imap, "* OK mx", "a STARTTLS\r\nb NOOP\r\n", "a OK go\r\n"),
    ]) func nothingGoesBehindTheEdge(_ mailProtocol: MailProtocol, _ greeting: String, _ commands: String, _ go: String)
    {
        var table = RelayTable(mailProtocol, Self.none, tls: .mirrored)
        table.say(.server, greeting)
        table.send(.client, Array(commands.utf8))
        table.send(.server, Array(go.utf8))
        #expect(table.edges.map(\.hasty) == [.client])
        #expect(table.took(.server) == [String(commands.prefix { $0 != "\r\n" })])
        var injected = RelayTable(mailProtocol, Self.none, tls: .mirrored)
        injected.say(.server, greeting)
        injected.send(.client, Array(commands.prefix { $0 != "\r\n" }.utf8) + [13, 10])
        injected.send(.server, Array((go + "evil").utf8))
        #expect(injected.edges.map(\.hasty) == [.server])
        #expect(injected.took(.client) == [greeting])
    }

    @Test func weAnswerInOurTurnWhereTheServerHasTLSAlready() {
        var table = RelayTable(.smtp, "rules: []", tls: .ours(isRequired: true))
        table.say(.server, "220 mx")
        table.say(.client, "EHLO a.example", "MAIL FROM:<a@example.org>", "STARTTLS")
        #expect(table.took(.server) == ["EHLO a.example"])
        #expect(table.edges.isEmpty)
        table.say(.server, "250 mx")
        #expect(table.took(.client) == ["220 mx", "250 mx", "530 5.7.0 Must issue a STARTTLS command first"])
        #expect(table.edges.map { String(decoding: $0.reply, as: UTF8.self) } == ["220 2.0.0 Ready to begin TLS\r\n"])
        table.turn()
        let before = table.seen.count
        table.say(.client, "EHLO a.example")
        table.say(.server, "250 mx")
        table.say(.client, "MAIL FROM:<a@example.org>")
        #expect(table.took(.server) == ["EHLO a.example", "MAIL FROM:<a@example.org>"])
        table.say(.server, "250 ok")
        #expect(table.took(.client) == ["220 2.0.0 Ready to begin TLS", "250 mx", "250 ok"])
        let violations = table.seen.dropFirst(before).flatMap(\.violations)
        #expect(violations == [])
    }

    /// Behind COMPRESS nothing can be changed any more: who uses it without its offer is refused.
    @Test(arguments: [nil, 1, 5]) func compressionThatIsNotOfferedIsRefused(_ step: Int?) {
        var table = RelayTable(.imap, "rules: []", step: step)
        table.relay.refusesCompression = true
        table.say(.server, "* OK mx")
        table.say(.client, "a NOOP", "b COMPRESS DEFLATE")
        table.say(.server, "a OK done")
        table.say(.client, "c NOOP")
        table.say(.server, "c OK done")
        #expect(table.took(.server) == ["a NOOP", "c NOOP"])
        #expect(table.took(.client).sorted() == ["* OK mx", "a OK done", "b BAD COMPRESS is not offered", "c OK done"])
        #expect(table.seen.flatMap(\.violations) == [] && !table.isClosed)
    }

    private static let required = "[PRIVACYREQUIRED] TLS has to be begun with STARTTLS first"

    /// A refused command has one answer, also when its literals and responses were sent without waiting for ours.
    @Test(
        arguments: [
            "a LOGIN {3}|ann {3}|abc", "a LOGIN {3+}|ann {3+}|abc", "a LOGIN {3+}|ann {3}|abc",
            "a AUTHENTICATE PLAIN|AGEAYg==",
            "a LOGIN ann {3}|abc", "a LOGIN {0}|{3}|abc",
        ], [nil, 1, 5])
    func whatIsRefusedIsAnsweredOnce(_ command: String, _ step: Int?) {
        var table = RelayTable(.imap, "rules: []", step: step, tls: .ours(isRequired: true))
        table.say(.server, "* OK mx")
        table.send(.client, Array((command.split(separator: "|").joined(separator: "\r\n") + "\r\nb NOOP\r\n").utf8))
        table.say(.server, "b OK done")
        #expect(table.took(.server) == ["b NOOP"])
        #expect(table.took(.client) == ["* OK mx", "a NO \(Self.required)", "b OK done"])
    }

    /// The same behind a rule's refusal: nothing of the command reaches the server.
    @Test func whatARuleRefusesIsAnsweredOnce() {
        let rules = "rules:\n  - name: n\n    when: command == \"LOGIN\"\n    then:\n      - reject: no\n"
        var table = RelayTable(.imap, rules)
        table.say(.server, "* OK mx")
        table.send(.client, Array("a LOGIN {3}\r\nann {3}\r\nabc\r\nb NOOP\r\n".utf8))
        #expect(table.took(.server) == ["b NOOP"])
        #expect(table.took(.client) == ["* OK mx", "a NO no"])
    }

    /// A line that is no command is told so: it has no tag by which its answer could be found.
    @Test func aLineWithoutATagHearsBAD() {
        var table = RelayTable(.imap, "rules: []", tls: .ours(isRequired: true))
        table.say(.server, "* OK mx")
        table.say(.client, "", "a LOGIN {3}", "", "b NOOP", "")
        table.say(.server, "b OK done")
        let bad = "* BAD \(Self.required)"
        #expect(table.took(.client).sorted() == [bad, bad, "* OK mx", "a NO \(Self.required)", "b OK done"])
    }

    @Test func ourConsentWaitsForTheAnswersToIMAPCommandsBefore() {
        var table = RelayTable(.imap, "rules: []", tls: .ours(isRequired: false))
        table.say(.server, "* OK mx")
        table.say(.client, "a NOOP", "b STARTTLS")
        #expect(table.edges.isEmpty)
        table.say(.server, "a OK done")
        #expect(table.edges.count == 1)
        table.turn()
        #expect(table.took(.client) == ["* OK mx", "a OK done", "b OK Ready to begin TLS"])
    }

    @Test func tlsIsNotBegunInATransactionOrBehindALogin() {
        var table = RelayTable(.smtp, "rules: []", tls: .ours(isRequired: false))
        table.say(.server, "220 mx")
        table.say(.client, "EHLO a.example", "MAIL FROM:<>")
        table.say(.server, "250 mx", "250 ok")
        table.say(.client, "STARTTLS")
        #expect(table.took(.client).last == "503 5.5.1 STARTTLS is not permitted now")
        var other = RelayTable(.pop3, "rules: []", tls: .ours(isRequired: false))
        other.say(.server, "+OK mx")
        other.say(.client, "USER a", "PASS b")
        other.say(.server, "+OK", "+OK in")
        other.say(.client, "STLS")
        #expect(other.took(.client).last == "-ERR STLS is not permitted now")
        #expect(table.edges.isEmpty && other.edges.isEmpty)
    }
}
