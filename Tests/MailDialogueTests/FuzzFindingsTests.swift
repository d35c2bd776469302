// What random input found (Scripts/fuzz), each as a test with the octets that showed it.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct FuzzFindingsTests {
    /// An account that held ^A brought a field of its own, and the server took another name for it.
    @Test(arguments: [SASLMechanism.xoauth2, .oauthBearer])
    func anAccountWithTheEndOfAFieldIsNotSent(_ mechanism: SASLMechanism) throws {
        for login in [
            SASLLogin(account: "ann\u{1}auth=Bearer other\u{1}", secret: SecretBytes("token".utf8)),
            SASLLogin(account: "ann", secret: SecretBytes("token\u{1}host=x".utf8)),
            SASLLogin(account: "ann", secret: SecretBytes("token".utf8), host: "x\u{1}port=1"),
        ] {
            var client = try #require(SASLClientMachine(mechanism, login, nonce: []))
            #expect(client.begin() == .fail(.unusable("the account or the token holds ^A")))
        }
    }

    /// What waited before a gap was still taken for waiting behind it: a handshake was called an injection, and how it was
    /// masked depended on its pieces.
    @Test func whatWaitedBeforeAGapDoesNotWaitBehindIt() {
        var whole = Tap(SMTPDialogue())
        var notes: [Note] = []
        whole.receive(Array("STARTTLS\r\n\u{16}\u{3}\u{1}\n".utf8), from: .client, into: &notes)
        whole.lose(.server, into: &notes)
        var single = whole
        var pieces = notes
        let more = Array("hello".utf8)
        whole.receive(more, from: .client, into: &notes)
        for octet in more { single.receive([octet], from: .client, into: &pieces) }
        #expect(whole.dialogue.opaque == .tls)
        #expect(notes.joined(.client) == pieces.joined(.client))
        #expect(notes.joined(.client).last?.violations == [])
        #expect(single == whole)
    }

    /// Both sides shook hands behind a gap; that the client had spoken first was forgotten, and the server's part was called an
    /// injected reply.
    @Test func aHandshakeThatIsKnownByItsFirstLineBeginsWithTheClient() {
        var tap = Tap(SMTPDialogue())
        var notes: [Note] = []
        func say(_ side: Side, _ text: String) { tap.receive(Array(text.utf8), from: side, into: &notes) }
        tap.lose(.client, into: &notes)
        tap.lose(.server, into: &notes)
        say(.server, "-8BITMIME\r\n")
        say(.client, "STARTTLS\r\n")
        say(.server, "220 2.0.0 Go on\r\n")
        say(.client, "\u{16}\u{3}\u{1}\u{0}\u{5}hello")
        say(.server, "\u{16}\u{3}\u{3}\u{0}\u{5}world")
        say(.client, "\u{17}\u{3}\u{3}\u{0}\u{3}ab\n")
        #expect(tap.dialogue.opaque == .tls)
        #expect(notes.allSatisfy { $0.violations.isEmpty })
    }

    /// A client that did not wait for the answer to COMPRESS had sent UNAUTHENTICATE: the server's answers to both in one piece
    /// were both read as they stood, though the second one had to be deflated.
    @Test func whatTheServerSaysBehindItsConsentToCompressIsDeflated() {
        let client = Array("a1 COMPRESS DEFLATE\r\na2 UNAUTHENTICATE\r\n".utf8)
        let server = Array("a1 OK\r\na2 OK\r\n".utf8)
        var whole = Tap(IMAPDialogue())
        var notes: [Note] = []
        whole.receive(Array("* PREAUTH ready\r\n".utf8), from: .server, into: &notes)
        whole.receive(client, from: .client, into: &notes)
        var single = whole
        var pieces = notes
        whole.receive(server, from: .server, into: &notes)
        for octet in server { single.receive([octet], from: .server, into: &pieces) }
        for end in [Side.client, .server] {
            whole.end(end, into: &notes)
            single.end(end, into: &pieces)
        }
        #expect(whole.dialogue.opaque == .compress)
        #expect(notes.joined(.server) == pieces.joined(.server))
        #expect(notes.joined(.client) == pieces.joined(.client))
    }

    /// Where a stream breaks that should be deflated, what was told depended on its pieces.
    @Test(arguments: [
        "a2 OK done\r\n", "* 7 EXISTS\r\n", "z\r\n", "\u{0}\u{5}\u{0}\u{7a}\u{7f}hello", "\u{3}\u{0}hello\r\n",
        "\u{4b}\u{4c}\u{4a}\u{6}\u{0}xyz\u{7f}\u{7f}\u{7f}\u{7f}",
        "\u{5}\u{40}\u{1}\u{1}\u{1}\u{1}\u{1}\u{7f}\u{7f}\u{7f}",
    ])
    func aBrokenStreamIsToldTheSameForEverySplit(_ text: String) {
        var tap = Tap(IMAPDialogue())
        var opening: [Note] = []
        tap.receive(Array("* PREAUTH ready\r\n".utf8), from: .server, into: &opening)
        tap.receive(Array("a1 COMPRESS DEFLATE\r\n".utf8), from: .client, into: &opening)
        tap.receive(Array("a1 OK done\r\n".utf8), from: .server, into: &opening)
        #expect(tap.dialogue.deflation(.server) == .deflated)
        // Two commands, stored in a block (RFC 1951 §3.2.4): what is told then belongs to the second.
        let commands = Array("b1 NOOP\r\nb2 NOOP\r\n".utf8)
        tap.receive([0, 18, 0, 237, 255] + commands, from: .client, into: &opening)
        #expect(opening.last?.exchange == 3)
        let wire = Array(text.utf8)
        var whole = tap
        var notes: [Note] = []
        whole.receive(wire, from: .server, into: &notes)
        for cut in wire.indices.dropFirst() {
            var halved = tap
            var pieces: [Note] = []
            halved.receive(wire[..<cut], from: .server, into: &pieces)
            halved.receive(wire[cut...], from: .server, into: &pieces)
            let same = pieces.joined(.server) == notes.joined(.server) && halved == whole
            #expect(same, "a cut before octet \(cut)")
        }
        // The first is the header of no block: not an octet of it is lost.
        if text.hasPrefix("a2") { #expect(notes.octets(.server) == wire) }
    }

    /// An empty literal that the server asked for was told behind what the server said next, when both came at once.
    @Test func anEmptyLiteralIsThereAsSoonAsItIsAskedFor() {
        var tap = Tap(IMAPDialogue())
        var opening: [Note] = []
        tap.receive(Array("* PREAUTH ready\r\n".utf8), from: .server, into: &opening)
        tap.receive(Array("a1 CREATE {0}\r\n".utf8), from: .client, into: &opening)
        var single = tap
        let answer = Array("+ go on\r\n* 1 EXISTS\r\n".utf8)
        var notes: [Note] = []
        tap.receive(answer, from: .server, into: &notes)
        var pieces: [Note] = []
        for octet in answer { single.receive([octet], from: .server, into: &pieces) }
        #expect(notes.map(\.side) == [.server, .client, .client, .server])
        #expect(pieces == notes)
        #expect(single == tap)
    }

    /// Lines that waited for an answer were masked by the first of them alone when the connection ended.
    @Test(arguments: [
        (MailProtocol.smtp, "220 x\r\n", "STARTTLS\r\nNOOP\r\nAUTH PLAIN AGFubgBzZWNyZXQ=\r\n", "AGFubgBzZWNyZXQ="),
        (.pop3, "+OK x\r\n", "STLS\r\nUSER ann\r\nPASS secret word\r\n", "secret"),
        (.imap, "* OK x\r\n", "a STARTTLS\r\nb NOOP\r\nc LOGIN ann secret\r\n", "secret"),
        (.imap, "* OK x\r\n", "a APPEND x {50}\r\nb LOGIN ann secret\r\n", "secret"),
        // The responses to a login that waits with them.
        (.smtp, "220 x\r\n", "STARTTLS\r\nAUTH LOGIN\r\nYW5u\r\nc2VjcmV0c2VjcmV0\r\n", "c2VjcmV0"),
        (.pop3, "+OK x\r\n", "STLS\r\nAUTH LOGIN\r\nYW5u\r\nc2VjcmV0c2VjcmV0\r\n", "c2VjcmV0"),
        (.imap, "* OK x\r\n", "a STARTTLS\r\nb AUTHENTICATE LOGIN\r\nYW5u\r\nc2VjcmV0c2VjcmV0\r\n", "c2VjcmV0"),
    ])
    func everyLineThatWaitedIsMaskedAtTheEnd(
        _ proto: MailProtocol, _ greeting: String, _ lines: String, _ secret: String
    ) {
        for losesAnswer in [false, true] {
            var tap = proto.makeTap()
            var notes: [Note] = []
            tap.receive(Array(greeting.utf8)[...], from: .server, into: &notes)
            tap.receive(Array(lines.utf8)[...], from: .client, into: &notes)
            if losesAnswer { tap.lose(.client, into: &notes) }
            for side in Side.allCases { tap.end(side, into: &notes) }
            #expect(notes.octets(.client) == Array(lines.utf8))
            #expect(notes.contains { $0.element == .incomplete })
            for note in notes { #expect(!note.publicOctets.text.contains(secret)) }
        }
    }

    /// A password was shown that a client gave when AUTH was over and another command had come behind it: as a line of its own, and
    /// as one that the end of the connection cut off.
    @Test(arguments: [
        (MailProtocol.smtp, "220 x\r\n", "AUTH PLAIN\r\n", "503 no\r\n", "NOOP\r\n", "250 ok\r\n"),
        (.lmtp, "220 x\r\n", "AUTH LOGIN\r\n", "354 go\r\n503 no\r\n", "NOOP\r\n", "250 ok\r\n"),
        (.pop3, "+OK x\r\n", "AUTH PLAIN\r\n", "-ERR no\r\n", "CAPA\r\n", "-ERR no\r\n"),
        (.imap, "* OK x\r\n", "a AUTHENTICATE PLAIN\r\n", "a NO no\r\n", "b NOOP\r\n", "b OK\r\n"),
        (.imap, "* OK x\r\n", "a LOGIN ann \"x\"\r\n", "a OK in\r\n", "b IDLE\r\n", "+ idling\r\n"),
    ])
    func aPasswordThatComesLateIsMasked(
        _ proto: MailProtocol, _ greeting: String, _ login: String, _ refusal: String, _ command: String,
        _ reply: String
    ) {
        for password in ["AGFubgBzZWNyZXRzZWNyZXQ=", "c2VjcmV0", "secret!"] {
            for end in ["\r\n", "\n", ""] {
                var tap = proto.makeTap()
                var notes: [Note] = []
                func say(_ side: Side, _ text: String) { tap.receive(Array(text.utf8)[...], from: side, into: &notes) }
                say(.server, greeting)
                say(.client, login)
                say(.server, refusal)
                say(.client, command)
                say(.server, reply)
                say(.client, password + end)
                tap.end(.client, into: &notes)
                let shown = notes.map(\.publicOctets.text).joined()
                #expect(notes.octets(.client) == Array((login + command + password + end).utf8))
                #expect(!shown.contains(password), "\(proto): \(shown)")
            }
        }
    }

    /// A message of PLAIN was shown as the account of a mechanism that begins with a name.
    @Test(arguments: ["LOGIN", "EXTERNAL", "ANONYMOUS", "CRAM-MD5", "XOAUTH2", "SCRAM-SHA-256", "NTLM", "GSSAPI"])
    func aMessageOfPlainIsNoAccount(_ mechanism: String) {
        for message in ["\0ann\0secretsecret", "\0ann\0secret secret"] {
            var follower = SASLFollower(mechanism: mechanism)
            let base64 = Base64.encode(Array(message.utf8))
            let reading = follower.response(base64[...])
            #expect(reading.masked.map { $0 != base64 } == true)
            #expect(reading.masked.flatMap { Base64.decode($0[...]) }.map { !$0[...].text.contains("secret") } ?? true)
            #expect(!follower.account.contains("secret"))
            #expect(reading.credential?.account.contains("secret") != true)
            // Nor where the next response names it again.
            #expect(follower.response(base64[...]).credential?.account.contains("secret") != true)
        }
    }

    /// Base64 where the name of the mechanism is due was shown, and kept as a name.
    @Test func whatIsNoMechanismIsNoName() {
        for name in ["PLAIN", "plain", "Plain", "SCRAM-SHA-256-PLUS", "scram-sha-1", "X_FOO", "GS2-KRB5"] {
            #expect(SASLMechanism.isName(Array(name.utf8)[...]), "\(name)")
        }
        // Mechanisms are named in capitals (RFC 4422 §3.1); small letters are taken where nothing else can be meant.
        for word in [
            "AGFubgBzZWNyZXQ=", "c2VjcmV0", "hunter2", "gs2-krb5", "", "A12345678901234567890", "PLAIN\rc2VjcmV0",
            "******",
        ] {
            #expect(!SASLMechanism.isName(Array(word.utf8)[...]), "\(word)")
        }
        #expect(SASLFollower(Array("c2VjcmV0".utf8)[...]).mechanism == "?")
    }

    /// A line that waited for the verdict on a literal of no end was taken for one that waited for the answer to COMPRESS, long
    /// after that had come.
    @Test(arguments: ["COMPRESS DEFLATE", "NOOP"])
    func whatWaitsForALiteralDoesNotWaitForCompress(_ before: String) {
        var tap = MailTap(.imap, isInflated: true)
        var notes: [Note] = []
        for (side, line) in [
            (Side.server, "* OK ready"), (.client, "a \(before)"), (.server, "a OK done"),
            (.client, "b APPEND x {99999999999999999999999}"), (.client, "c NOOP"), (.server, "b NO [TOOBIG] no"),
            (.server, "c OK done"),
        ] {
            tap.receive(Array((line + "\r\n").utf8)[...], from: side, into: &notes)
        }
        #expect(notes.flatMap(\.violations).map(\.code) == ["imap-command-in-wrong-state", "imap-literal-too-big"])
    }
}
