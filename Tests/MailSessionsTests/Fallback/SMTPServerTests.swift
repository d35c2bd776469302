// Our SMTP and LMTP server as dialogues; the names begin with the line of the conformance list that they show.
// Long because each line of that list is a test of its own, and all of them share the helpers below.

import MailDialogue
import Testing

@testable import MailSessions

/// The last line of each reply.
private func replies(_ output: String) -> [String] {
    output.split(separator: "\r\n").map(String.init).filter { $0.count < 4 || Array($0.utf8)[3] != UInt8(ascii: "-") }
}

/// The codes of all replies behind the greeting.
private func codes(_ output: String) -> [String] { replies(output).dropFirst().map { String($0.prefix(3)) } }

private func smtp(_ settings: ServerSettings = ServerSettings(hostName: "mx.example.com", digestLogins: true))
    -> SMTPServer
{
    SMTPServer(settings: settings, nonce: 42)
}

private func lmtp() -> SMTPServer { smtp(ServerSettings(hostName: "mx.example.com", lmtp: true)) }

private let envelope = "EHLO client.example.org\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n"

/// What the store got, without the fields that we put on top.
private func body(_ store: MemoryStore, _ index: Int = 0) -> String {
    guard index < store.delivered.count else { return "nothing" }
    let text = String(decoding: store.delivered[index].octets, as: UTF8.self)
    guard let end = text.range(of: "+0000\r\n") else { return text }
    return String(text[end.upperBound...])
}

extension String {
    fileprivate func range(of needle: String) -> Range<String.Index>? {
        guard let start = indices.first(where: { self[$0...].hasPrefix(needle) }) else { return nil }
        return start..<index(start, offsetBy: needle.count)
    }
}

@Suite struct SMTPServerTests {
    @Test func `SM-030 the greeting is 220 with the name`() {
        let talk = play("QUIT\r\n") { smtp() }
        #expect(talk.output == "220 mx.example.com ESMTP ready\r\n221 2.0.0 mx.example.com closes\r\n")
        #expect(talk.conversation.isClosed)
    }

    @Test func `SM-033 HELO gets no keywords, EHLO lists what is there`() {
        #expect(play("HELO client.example.org\r\n") { smtp() }.output.hasSuffix("ready\r\n250 mx.example.com\r\n"))
        let keywords = play("ehlo client.example.org\r\n") { smtp() }.output.split(separator: "\r\n").dropFirst()
        #expect(
            keywords.map { String($0) } == [
                "250-mx.example.com", "250-PIPELINING", "250-SIZE 52428800", "250-8BITMIME", "250-SMTPUTF8",
                "250-CHUNKING", "250-ENHANCEDSTATUSCODES", "250-AUTH PLAIN LOGIN CRAM-MD5", "250 HELP",
            ])
    }

    @Test func `SM-090 a whole pipelined session is answered in order`() {
        let talk = play(
            envelope + "DATA\r\nSubject: hello\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n"
        ) { smtp() }
        #expect(
            replies(talk.output).dropFirst() == [
                "250 HELP", "250 2.1.0 go on", "250 2.1.5 taken", "354 end with a lone dot", "250 2.0.0 stored as m1",
                "221 2.0.0 mx.example.com closes",
            ])
        #expect(body(talk.store) == "Subject: hello\r\n\r\n.dot\r\nend\r\n")
        #expect(
            talk.store.delivered.first?.envelope
                == Envelope(reversePath: "a@example.org", recipients: ["b@example.com"]))
        #expect(talk.conversation.isClosed)
    }

    @Test func `SM-090 a second message may follow before the first is answered`() {
        let mail = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        let talk = play(envelope + "DATA\r\none\r\n.\r\n" + mail + "two\r\n.\r\nQUIT\r\n") { smtp() }
        #expect(codes(talk.output).dropFirst(3) == ["354", "250", "250", "250", "354", "250", "221"])
        #expect(body(talk.store, 1) == "two\r\n")
    }

    @Test func `SM-160 SM-161 the message gets one Return-Path and one Received field on top`() {
        let talk = play(envelope + "DATA\r\nReceived: x\r\n\r\n.\r\n") { smtp() }
        let text = String(decoding: talk.store.delivered.first?.octets ?? [], as: UTF8.self)
        #expect(
            text == "Return-Path: <a@example.org>\r\n"
                + "Received: from client.example.org ([192.0.2.7])\r\n\tby mx.example.com with ESMTP id 17\r\n"
                + "\tfor <b@example.com>;\r\n\tWed, 25 Nov 2026 12:00:00 +0000\r\nReceived: x\r\n\r\n")
    }

    @Test func `SM-160 the transport says how the message came`() {
        let login = "AUTH PLAIN AGEAYg==\r\n"
        let rest = "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n.\r\n"
        let talk = play("EHLO bad(name)\r\n" + login + rest) { smtp() }
        let text = String(decoding: talk.store.delivered.first?.octets ?? [], as: UTF8.self)
        #expect(text.contains("from bad?name? ([192.0.2.7])\r\n\tby mx.example.com with UTF8SMTPA id"))
        #expect(!text.contains("for <"))
        #expect(text.hasPrefix("Return-Path: <>\r\n"))
    }

    @Test func `SM-001 a bare LF ends no command`() {
        let talk = play("EHLO client.example.org\r\nNOOP\nMAIL FROM:<a@example.org>\r\n") { smtp() }
        #expect(codes(talk.output) == ["250", "500", "250"])
        #expect(codes(play(envelope + "RSET\rX\r\n") { smtp() }.output).last == "500")
    }

    @Test func `SM-003 SM-004 verbs in any case, white space at the end`() {
        let talk = play("ehlo x\r\nMaIl FrOm:<A.b@example.org> \r\nrcpt to:<Bob@Example.COM>  \r\ndata \r\n.\r\n") {
            smtp()
        }
        #expect(codes(talk.output) == ["250", "250", "250", "354", "250"])
        #expect(talk.store.delivered.first?.envelope.recipients == ["Bob@Example.COM"])
    }

    @Test func `SM-005 SM-146 long lines are taken, beyond all limits the session ends with 500`() {
        let long = String(repeating: "x", count: 2_000)
        #expect(codes(play("EHLO x\r\nNOOP \(long)\r\n") { smtp() }.output) == ["250", "250"])
        let response = String(repeating: "A", count: 12_286)
        #expect(codes(play("EHLO x\r\nAUTH PLAIN\r\n\(response)\r\n") { smtp() }.output) == ["250", "334", "501"])
        let store = MemoryStore()
        let talk = Conversation(smtp(), store)
        talk.send("EHLO x\r\nAUTH PLAIN\r\n" + String(repeating: "A", count: 40_000), pieces: 4_096)
        #expect(codes(String(decoding: talk.output, as: UTF8.self)) == ["250", "334", "500"])
        #expect(talk.isClosed)
    }

    @Test func `SM-007 long addresses are taken, absurd ones not`() {
        let local = String(repeating: "l", count: 64)
        let domain = String(repeating: "d", count: 185) + ".example"
        #expect(codes(play("HELO x\r\nMAIL FROM:<\(local)@\(domain)>\r\n") { smtp() }.output).last == "250")
        let absurd = String(repeating: "l", count: 600)
        #expect(codes(play("HELO x\r\nMAIL FROM:<\(absurd)@example.org>\r\n") { smtp() }.output).last == "501")
    }

    @Test func `SM-008 lines of a thousand octets and messages of megabytes are taken as they are`() {
        let line = String(repeating: "x", count: 998) + "\r\n"
        let message = String(repeating: line, count: 1_000)
        let store = MemoryStore()
        let talk = Conversation(smtp(), store)
        talk.send(envelope + "DATA\r\n" + message + ".\r\n", pieces: 50_000)
        talk.expectClean()
        #expect(codes(String(decoding: talk.output, as: UTF8.self)).last == "250")
        #expect(body(store) == message)
        #expect(store.spools.isEmpty)
        #expect(store.requests.contains(.openSpool))
        #expect(
            store.requests.allSatisfy { request in
                if case .appendToSpool(_, let octets) = request { return octets.count < 400_000 }
                return true
            })
    }

    @Test func `SM-009 recipients over the limit get 452, those before stay`() {
        let settings = ServerSettings(hostName: "mx.example.com", maximumRecipients: 100)
        let many = (1...101).map { "RCPT TO:<r\($0)@example.com>\r\n" }.joined()
        let talk = play("HELO x\r\nMAIL FROM:<a@example.org>\r\n\(many)DATA\r\n.\r\n") { smtp(settings) }
        #expect(codes(talk.output).filter { $0 == "452" }.count == 1)
        #expect(talk.store.delivered.first?.envelope.recipients.count == 100)
    }

    @Test func `SM-012 SM-176 lines of a reply agree, and have status codes where they must`() {
        let talk = play("EHLO x\r\nHELP\r\nNOOP\r\nXYZ\r\nVRFY a\r\nRSET\r\nMAIL FROM:<a@example.org>\r\n") { smtp() }
        let lines = talk.output.split(separator: "\r\n").dropFirst(10)
        #expect(lines.count == 7)
        for line in lines {
            let fields = line.dropFirst(4).split(separator: " ").first?.split(separator: ".") ?? []
            #expect(fields.count == 3 && fields.first?.first == line.first, "\(line)")
        }
    }

    @Test func `SM-017 SM-018 SM-019 each fault has its code and changes nothing`() {
        let faults = "XYZ\r\nEXPN staff\r\nSTARTTLS\r\nETRN x\r\nDATA x\r\nRSET x\r\nQUIT x\r\nRCPT TO:\r\nMAIL\r\n"
        let talk = play(envelope + faults + "RCPT TO:<c@example.com> FOO=1\r\nDATA\r\n.\r\n") { smtp() }
        #expect(
            codes(talk.output).dropFirst(3)
                == ["500", "502", "502", "502", "501", "501", "501", "501", "503", "555", "354", "250"])
    }

    @Test func `SM-020 octets beyond ASCII and controls are refused`() {
        let talk = play(Array("EHLO ex".utf8) + [0xC3, 0xA4] + Array("\r\nNOOP \u{1}\r\nHELO x\r\n".utf8)) { smtp() }
        #expect(codes(talk.output) == ["501", "500", "250"])
    }

    @Test func `SM-021 five minutes without a command end the session with 421`() {
        let talk = Conversation(smtp(), MemoryStore())
        #expect(talk.timers == [300])
        talk.send("NOOP\r\n")
        #expect(talk.timers == [300, 300])
        talk.event(.timerFired)
        #expect(talk.isClosed)
        #expect(replies(String(decoding: talk.output, as: UTF8.self)).last?.hasPrefix("421 4.4.2") == true)
        talk.expectClean()
    }

    @Test func `digest mechanisms are offered only where a store can verify them`() {
        let talk = play("EHLO x\r\nAUTH CRAM-MD5\r\n") { smtp(ServerSettings(hostName: "mx.example.com")) }
        #expect(talk.output.contains("250-AUTH PLAIN LOGIN\r\n"))
        #expect(codes(talk.output).last == "504")
    }

    @Test func `SM-035 EHLO within a session starts over, a refused one does not`() {
        let talk = play(envelope + "EHLO\r\nRCPT TO:<c@example.com>\r\nEHLO y\r\nDATA\r\n") { smtp() }
        #expect(codes(talk.output).dropFirst(3) == ["501", "250", "250", "503"])
    }

    @Test func `SM-041 SM-042 what goes without EHLO`() {
        let talk = play("VRFY x\r\nNOOP\r\nHELP\r\nRSET\r\nMAIL FROM:<a@example.org>\r\n") { smtp() }
        #expect(codes(talk.output) == ["252", "250", "214", "250", "503"])
    }

    @Test func `SM-050 SM-051 SM-062 commands out of order get 503`() {
        let talk = play(
            "EHLO x\r\nRCPT TO:<b@example.com>\r\nDATA\r\nMAIL FROM:<a@example.org>\r\nDATA\r\nMAIL FROM:<>\r\n"
        ) {
            smtp()
        }
        #expect(codes(talk.output) == ["250", "503", "503", "250", "503", "503"])
    }

    @Test func `SM-053 postmaster needs no domain`() {
        let talk = play("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<PostMaster>\r\nRCPT TO:<root>\r\nDATA\r\n.\r\n") { smtp() }
        #expect(codes(talk.output).dropFirst() == ["250", "250", "501", "354", "250"])
        #expect(talk.store.delivered.first?.envelope.recipients == ["postmaster"])
    }

    @Test func `SM-054 SM-055 routes are dropped, needless quotes too`() {
        let talk = play(
            "HELO x\r\nMAIL FROM:<@a.example,@b.example:u@c.example>\r\nRCPT TO:<\"bob\"@example.com>\r\n"
                + "RCPT TO:<\"a b\"@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n.\r\n"
        ) { smtp() }
        #expect(codes(talk.output).dropFirst() == ["250", "250", "250", "250", "354", "250"])
        #expect(talk.store.delivered.first?.envelope.reversePath == "u@c.example")
        #expect(talk.store.delivered.first?.envelope.recipients == ["bob@example.com", "\"a b\"@example.com"])
    }

    @Test func `malformed addresses are refused`() {
        for address in ["a", "@x", "a@", "a b@x", "a@x y", "a..b@x", "a@b@c", "\"a@x", "a<b@x", "\"\\\"@x"] {
            #expect(codes(play("HELO x\r\nMAIL FROM:<\(address)>\r\n") { smtp() }.output).last == "501", "\(address)")
        }
        let broken = play(Array("EHLO x\r\nMAIL FROM:<".utf8) + [0xFF] + Array("@example.org> SMTPUTF8\r\n".utf8)) {
            smtp()
        }
        #expect(codes(broken.output).last == "501")
    }

    @Test func `SM-056 SM-149 SM-175 SM-177 parameters of MAIL`() {
        let cases = [
            ("SIZE=100", "250"), ("SIZE=99999999999999999999", "552"), ("SIZE=52428801", "552"), ("SIZE=x", "501"),
            ("BODY=7BIT", "250"), ("body=8bitmime", "250"), ("BODY=BINARYMIME", "501"), ("SMTPUTF8", "250"),
            ("SMTPUTF8=1", "501"), ("AUTH=<>", "250"), ("AUTH=a+2Bb@example.org", "250"), ("RET=FULL", "555"),
            ("SIZE=1 SIZE=2", "501"),
        ]
        for (parameter, code) in cases {
            let talk = play("EHLO x\r\nMAIL FROM:<a@example.org> \(parameter)\r\n") { smtp() }
            #expect(codes(talk.output).last == code, "\(parameter)")
        }
        #expect(codes(play("HELO x\r\nMAIL FROM:<a@example.org> SIZE=1\r\n") { smtp() }.output).last == "555")
        let utf8 =
            "EHLO x\r\nMAIL FROM:<ä@example.org>\r\nMAIL FROM:<ä@example.org> SMTPUTF8\r\nRCPT TO:<ö@example.com>\r\n"
        #expect(codes(play(utf8) { smtp() }.output) == ["250", "553", "250", "250"])
    }

    @Test func `SM-063 SM-064 no malformed line end around a dot ends the data, and the message is refused`() {
        let ends = ["\r\n", "\n", "\r"]
        for before in ends {
            for after in ends where before != "\r\n" || after != "\r\n" {
                let smuggled = "x\(before).\(after)MAIL FROM:<evil@example.org>\r\n.\r\nNOOP\r\n"
                let talk = play(envelope + "DATA\r\n" + smuggled) { smtp() }
                let pair = "\(Array(before.utf8)) . \(Array(after.utf8))"
                #expect(codes(talk.output).dropFirst(3) == ["354", "550", "250"], "\(pair)")
                #expect(talk.store.delivered.isEmpty, "\(pair)")
            }
        }
        #expect(codes(play(envelope + "DATA\r\nx\r\n.\r\n") { smtp() }.output).last == "250")
        #expect(codes(play(envelope + "DATA\r\n.\r\n") { smtp() }.output).last == "250")
    }

    @Test func `SM-066 one leading dot is taken off and nothing else`() {
        let talk = play(envelope + "DATA\r\n..\r\n...a\r\n.b\r\nc.\r\n. .\r\n.\r\n") { smtp() }
        #expect(body(talk.store) == ".\r\n..a\r\nb\r\nc.\r\n .\r\n")
    }

    @Test func `SM-069 SM-071 a failed delivery ends the transaction and delivers nothing`() {
        for (result, reply) in [
            (DeliveryResult.noSpace, "452 4.3.1 the disk is full"),
            (.failed("EIO"), "451 4.3.0 the message could not be written"),
        ] {
            func store() -> MemoryStore {
                let store = MemoryStore()
                store.deliveryResult = result
                return store
            }
            let talk = play(envelope + "DATA\r\n.\r\nMAIL FROM:<>\r\n", store: store) { smtp() }
            #expect(replies(talk.output).suffix(2) == [reply, "250 2.1.0 go on"])
            #expect(talk.store.accounts.isEmpty)
        }
    }

    @Test func `SM-070 no 250 before the store has answered`() {
        let talk = Conversation(smtp(), MemoryStore())
        talk.send(envelope + "DATA\r\n")
        talk.holdsAnswers = true
        _ = talk.reply()
        talk.send("x\r\n.\r\nQUIT\r\n")
        #expect(talk.reply() == "")
        #expect(!talk.session.wantsOctets)
        #expect(talk.waiting.count == 1)
        talk.event(.timerFired)
        talk.event(.peerEnded)
        #expect(talk.reply() == "" && !talk.isClosed)
        talk.answer()
        #expect(replies(talk.reply()) == ["250 2.0.0 stored as m1", "221 2.0.0 mx.example.com closes"])
        #expect(talk.isClosed)
        talk.expectClean()
    }

    @Test func `SM-073 SM-141 RSET keeps the login`() {
        let talk = play(
            "EHLO x\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<>\r\nRSET\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<>\r\n"
        ) {
            smtp(ServerSettings(hostName: "mx.example.com", requiresAuthentication: true))
        }
        #expect(codes(talk.output) == ["250", "235", "250", "250", "503", "250"])
    }

    @Test func `SM-077 VRFY says neither yes nor no`() {
        let talk = play("VRFY bob\r\nVRFY nobody\r\nVRFY\r\n") { smtp() }
        #expect(codes(talk.output) == ["252", "252", "501"])
        #expect(talk.store.requests.isEmpty)
    }

    @Test func `SM-078 the end of the connection within data delivers nothing`() {
        let store = MemoryStore()
        let talk = Conversation(smtp(), store)
        talk.send(envelope + "DATA\r\n" + String(repeating: "x\r\n", count: 200_000), pieces: 60_000)
        #expect(store.spools.count == 1)
        talk.event(.peerEnded)
        #expect(talk.isClosed)
        #expect(store.delivered.isEmpty)
        #expect(store.spools.isEmpty)
    }

    @Test func `a client that ends its side after QUIT is answered`() {
        let talk = Conversation(smtp(), MemoryStore())
        talk.send(envelope + "DATA\r\nx\r\n.\r\nNOOP\r\n")
        talk.event(.peerEnded)
        #expect(codes(String(decoding: talk.output, as: UTF8.self)).suffix(2) == ["250", "250"])
        #expect(talk.isClosed)
        talk.expectClean()
    }

    @Test func `SM-105 SM-107 chunks are octets without dots`() {
        let talk = play(envelope + "BDAT 6\r\n.\r\n..aBDAT 4\r\n\r\n.\rBDAT 1 LAST\r\n\nBDAT 0 LAST\r\n") { smtp() }
        #expect(codes(talk.output).dropFirst(3) == ["250", "250", "250", "503"])
        #expect(body(talk.store) == ".\r\n..a\r\n.\r\n")
        #expect(codes(play(envelope + "BDAT 0 LAST\r\n") { smtp() }.output).last == "250")
    }

    @Test func `SM-106 SM-108 a refused chunk is read, and RSET leads on`() {
        let talk = play(
            "EHLO x\r\nBDAT 6 LAST\r\nNOOP\r\nMAIL FROM:<>\r\nBDAT 6\r\nNOOP\r\nRCPT TO:<b@example.com>\r\nBDAT 6 LAST\r\nNOOP\r\n"
                + "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\nBDAT 2\r\nxyDATA\r\nBDAT 1\r\nzRSET\r\n"
        ) { smtp() }
        #expect(
            codes(talk.output) == [
                "250", "503", "250", "503", "503", "503", "250", "250", "250", "250", "503", "503", "250",
            ])
        #expect(talk.store.delivered.isEmpty)
        #expect(codes(play(envelope + "BDAT x\r\n") { smtp() }.output).last == "421")
    }

    @Test func `a chunk with a bare line end is refused`() {
        for text in ["a\nb", "a\rb", "ab\r"] {
            let talk = play(envelope + "BDAT \(text.utf8.count) LAST\r\n" + text + "NOOP\r\n") { smtp() }
            #expect(codes(talk.output).suffix(2) == ["550", "250"])
            #expect(talk.store.delivered.isEmpty)
        }
    }

    @Test func `SM-142 SM-143 SM-144 SM-145 AUTH and what goes wrong with it`() {
        let talk = play(
            "EHLO x\r\nAUTH\r\nAUTH FOO\r\nAUTH PLAIN\r\n*\r\nAUTH PLAIN\r\nA=B=\r\nAUTH PLAIN =\r\nAUTH CRAM-MD5 YQ==\r\n"
                + "AUTH LOGIN\r\nYm9i\r\nc2VjcmV0\r\n"
        ) { smtp() }
        #expect(
            replies(talk.output).dropFirst(2) == [
                "501 5.5.4 a mechanism is missing", "504 5.5.4 this mechanism is not offered", "334 ",
                "501 5.7.0 given up", "334 ", "501 5.5.2 the response is malformed",
                "501 5.5.2 the response is malformed", "501 5.7.0 this mechanism takes no initial response",
                "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 welcome",
            ])
        #expect(talk.store.attempts == [.password(user: "bob", SecretText("secret"))])
    }

    @Test func `AUTH CRAM-MD5 hands challenge and digest to the store`() {
        let digest = "b913a602c7eda7a495b4e6e7334d3890"
        let response = String(decoding: Array("tim \(digest)".utf8), as: UTF8.self)
        let talk = play("EHLO x\r\nAUTH CRAM-MD5\r\n\(base64(response))\r\n") { smtp() }
        #expect(codes(talk.output) == ["250", "334", "235"])
        #expect(
            talk.store.attempts == [
                .cramMD5(user: "tim", challenge: "<42.1.1795608000000000@mx.example.com>", digest: digest)
            ])
    }

    @Test func `SM-151 SM-173 with authentication required MAIL gets 530 before it`() {
        let settings = ServerSettings(hostName: "mx.example.com", requiresAuthentication: true)
        let talk = play("EHLO x\r\nMAIL FROM:<>\r\nNOOP\r\nRSET\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<>\r\n") {
            smtp(settings)
        }
        #expect(codes(talk.output) == ["250", "530", "250", "250", "235", "250"])
    }

    @Test func `a refused login gets 535`() {
        func store() -> MemoryStore {
            let store = MemoryStore()
            store.refusesLogins = true
            return store
        }
        #expect(
            codes(play("EHLO x\r\nAUTH PLAIN AGEAYg==\r\nNOOP\r\n", store: store) { smtp() }.output) == [
                "250", "535", "250",
            ])
    }

    @Test func `SM-164 a message with a hundred Received fields is refused`() {
        let fields = String(repeating: "Received: x\r\n", count: 99)
        #expect(codes(play(envelope + "DATA\r\n\(fields)\r\nreceived: y\r\n.\r\n") { smtp() }.output).last == "250")
        let loop = play(envelope + "DATA\r\n\(fields)received: y\r\n\r\n.\r\nNOOP\r\n") { smtp() }
        #expect(codes(loop.output).suffix(2) == ["554", "250"])
        #expect(loop.store.delivered.isEmpty)
    }

    @Test func `SM-175 a message over the limit is read and refused`() {
        let settings = ServerSettings(hostName: "mx.example.com", maximumMessage: 10)
        let talk = play(
            envelope
                + "DATA\r\n01234567\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n012345678\r\n.\r\nNOOP\r\n"
        ) {
            smtp(settings)
        }
        #expect(codes(talk.output).dropFirst(4) == ["250", "250", "250", "354", "552", "250"])
        #expect(talk.store.delivered.count == 1)
        let chunks = play(envelope + "BDAT 6\r\n012345BDAT 6\r\n012345NOOP\r\nBDAT 1 LAST\r\nxRSET\r\n") {
            smtp(settings)
        }
        #expect(codes(chunks.output).dropFirst(3) == ["250", "552", "250", "503", "250"])
    }

    @Test func `a large message over the limit leaves no spool file`() {
        let settings = ServerSettings(hostName: "mx.example.com", maximumMessage: 400_000)
        let store = MemoryStore()
        let talk = Conversation(smtp(settings), store)
        talk.send(envelope + "DATA\r\n" + String(repeating: "x\r\n", count: 200_000) + ".\r\nNOOP\r\n", pieces: 60_000)
        #expect(codes(String(decoding: talk.output, as: UTF8.self)).suffix(2) == ["552", "250"])
        #expect(store.spools.isEmpty && store.delivered.isEmpty)
        talk.expectClean()
    }

    @Test func `a spool file that can't be opened gets 452`() {
        let store = MemoryStore()
        store.spoolFails = true
        let talk = Conversation(smtp(), store)
        talk.send(envelope + "DATA\r\n" + String(repeating: "x\r\n", count: 200_000) + ".\r\nNOOP\r\n", pieces: 60_000)
        #expect(codes(String(decoding: talk.output, as: UTF8.self)).suffix(2) == ["452", "250"])
    }

    @Test func `unknown recipients get 550 and the others their message`() {
        func store() -> MemoryStore {
            let store = MemoryStore()
            store.unknownRecipients = ["nobody@example.com"]
            return store
        }
        let talk = play(envelope + "RCPT TO:<nobody@example.com>\r\nDATA\r\n.\r\n", store: store) { smtp() }
        #expect(codes(talk.output).dropFirst(3) == ["550", "354", "250"])
        #expect(talk.store.delivered.first?.envelope.recipients == ["b@example.com"])
    }

    @Test func `twenty errors end the session`() {
        let talk = play(String(repeating: "XYZ\r\n", count: 25)) { smtp() }
        #expect(codes(talk.output) == Array(repeating: "500", count: 19) + ["421"])
        #expect(talk.conversation.isClosed)
    }

    @Test func `an HTTP client is turned away before its body is read as commands`() {
        let talk = play("POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@example.org>\r\n") { smtp() }
        #expect(codes(talk.output) == ["421"])
        #expect(talk.conversation.isClosed)
    }

    @Test func `a server that stops says so, after what is under way`() {
        let idle = Conversation(smtp(), MemoryStore())
        idle.event(.shutdown)
        #expect(idle.reply().contains("421 4.3.2"))
        #expect(idle.isClosed)
        let busy = Conversation(smtp(), MemoryStore())
        busy.send(envelope + "DATA\r\n")
        busy.holdsAnswers = true
        busy.send(".\r\nNOOP\r\n")
        busy.event(.shutdown)
        #expect(!busy.isClosed)
        busy.answer()
        #expect(codes(String(decoding: busy.output, as: UTF8.self)).suffix(2) == ["250", "421"])
        #expect(busy.isClosed)
        busy.expectClean()
    }

    @Test func `a client that pipelines without end is handled in portions`() {
        let talk = Conversation(smtp(), MemoryStore())
        talk.send("EHLO x\r\n" + String(repeating: "NOOP\r\n", count: 30_000))
        talk.expectClean()
        #expect(codes(String(decoding: talk.output, as: UTF8.self)).count == 30_001)
    }

    @Test func `SM-190 LMTP begins with LHLO`() {
        let talk = play("EHLO x\r\nHELO x\r\nLHLO x\r\nNOOP\r\n") { lmtp() }
        #expect(codes(talk.output) == ["500", "500", "250", "250"])
        #expect(talk.output.hasPrefix("220 mx.example.com LMTP ready\r\n"))
        #expect(codes(play("LHLO x\r\n") { smtp() }.output) == ["500"])
    }

    @Test func `SM-191 SM-193 LMTP answers a message once for each recipient`() {
        let start = "LHLO x\r\nMAIL FROM:<>\r\n"
        let two = "RCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nRCPT TO:<b@example.com>\r\n"
        let talk = play(start + "DATA\r\n" + two + "DATA\r\nx\r\n.\r\nMAIL FROM:<>\r\nDATA\r\nBDAT 1 LAST\r\nxRSET\r\n")
        { lmtp() }
        #expect(
            codes(talk.output)
                == ["250", "250", "503", "250", "250", "250", "354", "250", "250", "250", "250", "503", "250"])
        #expect(talk.store.delivered.first?.envelope.recipients == ["b@example.com", "c@example.com"])
        let chunk = play(start + two + "BDAT 1\r\nxBDAT 1 LAST\r\n\nBDAT 1 LAST\r\nxNOOP\r\n") { lmtp() }
        #expect(codes(chunk.output).dropFirst(5) == ["250", "550", "550", "550", "250"])
    }
}

private func base64(_ text: String) -> String { String(decoding: Base64Text.encode(text), as: UTF8.self) }
