// A client that ends its side behind all that it has to say, as `nc -N` does: what waits for the server's answers is read when they come.

import Testing

@testable import MailDialogue

@Suite struct HalfCloseTests {
    private struct Case: CustomTestStringConvertible, Sendable {
        var proto: MailProtocol
        var client: String
        var server: [String]
        /// Elements of the client's notes behind its commands.
        var content: String
        var testDescription: String { proto.rawValue }
    }

    private static let cases = [
        Case(
            proto: .smtp,
            client:
                "EHLO a\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n",
            server: [
                "220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n", "250 2.1.0 Ok\r\n", "250 2.1.5 Ok\r\n", "354 Go on\r\n",
                "250 Queued\r\n", "221 Bye\r\n",
            ], content: "Subject: x\r\n\r\nhi\r\n"),
        Case(
            proto: .imap,
            client: "a LOGIN u p\r\nb APPEND INBOX {16}\r\nSubject: x\r\n\r\nhi\r\nc LOGOUT\r\n",
            server: ["* OK x\r\n", "a OK in\r\n", "+ go on\r\n", "b OK kept\r\n", "* BYE x\r\nc OK\r\n"],
            content: "Subject: x\r\n\r\nhi"),
    ]

    @Test(arguments: cases, [1, Int.max]) private func whatWaitsIsReadWhenTheAnswerComes(_ one: Case, _ step: Int) {
        var tap = one.proto.makeTap()
        var notes: [Note] = []
        for octet in one.client.utf8 { tap.receive([octet][...], from: .client, into: &notes) }
        tap.end(.client, into: &notes)
        for line in one.server {
            let octets = Array(line.utf8)
            for start in stride(from: 0, to: octets.count, by: min(step, octets.count)) {
                tap.receive(
                    octets[start..<min(start + min(step, octets.count), octets.count)], from: .server, into: &notes)
            }
        }
        tap.end(.server, into: &notes)
        let content = notes.filter { $0.element == .content }.flatMap { Array($0.raw) }
        #expect(String(decoding: content, as: UTF8.self) == one.content)
        #expect(!notes.contains { $0.element == .incomplete || $0.element == .opaque })
        #expect(notes.octets(.client) == Array(one.client.utf8))
        #expect(tap.pending(.client) == 0)
    }

    /// The base64 of a password that waits for its challenge is a response, not the rest of a line.
    @Test func aPasswordThatWaitsIsACredential() {
        var tap = MailProtocol.pop3.makeTap()
        var notes: [Note] = []
        tap.receive(Array("AUTH PLAIN\r\nAHUAczNjcmV0\r\nQUIT\r\n".utf8)[...], from: .client, into: &notes)
        tap.end(.client, into: &notes)
        for line in ["+OK x\r\n", "+ \r\n", "+OK in\r\n", "+OK bye\r\n"] {
            tap.receive(Array(line.utf8)[...], from: .server, into: &notes)
        }
        tap.end(.server, into: &notes)
        #expect(notes.contains { $0.element == .response && !$0.facts.isEmpty })
        #expect(!notes.contains { $0.element == .incomplete })
    }

    @Test(
        "What no answer came for is told once, whoever ends first",
        arguments: [[Side.client, .server], [.server, .client]])
    func noAnswerComes(_ order: [Side]) {
        var tap = MailProtocol.smtp.makeTap()
        var notes: [Note] = []
        tap.receive(Array("220 mx\r\n".utf8)[...], from: .server, into: &notes)
        tap.receive(Array("STARTTLS\r\nNOOP\r\n".utf8)[...], from: .client, into: &notes)
        for side in order { tap.end(side, into: &notes) }
        for side in order { tap.end(side, into: &notes) }
        #expect(notes.filter { $0.element == .incomplete }.map { $0.raw.count } == [6])
    }

    /// What is released and not whole is told when nothing can make it whole.
    @Test func whatIsReleasedAndNotWholeIsTold() {
        var tap = MailProtocol.smtp.makeTap()
        var notes: [Note] = []
        tap.receive(Array("220 mx\r\n".utf8)[...], from: .server, into: &notes)
        tap.receive(Array("STARTTLS\r\nQUI".utf8)[...], from: .client, into: &notes)
        tap.end(.client, into: &notes)
        #expect(tap.pending(.client) == 3)
        tap.receive(Array("502 no\r\n".utf8)[...], from: .server, into: &notes)
        #expect(tap.pending(.client) == 0)
        #expect(notes.last?.element == .incomplete)
    }
}
