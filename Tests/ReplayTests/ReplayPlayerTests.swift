// The player against a scripted server: what goes out when, and what counts as a difference.

import MailDialogue
import MailMessage
import MailRecording
import MailSessions
import Testing

@testable import Replay

@Suite struct ReplayPlayerTests {
    /// A session from turns `C: …` and `S: …`, each line with CRLF.
    private func script(_ mailProtocol: MailProtocol, _ turns: String) -> ReplayScript {
        let address = SocketAddress(.v4(0x7F00_0001), 1)
        let info = SessionInfo(
            id: "test", mailProtocol: mailProtocol, start: 0, client: address, server: address, route: "test")
        var script = ReplayScript(info: info)
        var tap = mailProtocol.makeTap()
        for line in turns.split(separator: "\n") {
            var notes: [Note] = []
            let octets = Array("\(line.dropFirst(3))\r\n".utf8)
            tap.receive(octets[...], from: line.hasPrefix("C") ? .client : .server, into: &notes)
            script.accept(notes)
        }
        return script
    }

    /// Plays against lines; each server turn is given once the client lines before it have been sent.
    private func play(
        _ script: ReplayScript, _ turns: String, credentials: ReplayCredentials = ReplayCredentials()
    ) -> (sent: [String], result: ReplayResult) {
        var player = ReplayPlayer(script, credentials: credentials)
        var sent: [UInt8] = []
        for line in turns.split(separator: "\n") where !player.isFinished {
            var effects: [ReplayPlayer.Effect] = []
            if line.hasPrefix("S") { player.handle(.received(Array("\(line.dropFirst(3))\r\n".utf8)), &effects) }
            if line == "END" { player.handle(.ended, &effects) }
            for case .send(let octets) in effects { sent += octets }
        }
        if !player.isFinished {
            var effects: [ReplayPlayer.Effect] = []
            player.handle(.timedOut, &effects)
        }
        let text = String(decoding: sent, as: UTF8.self)
        return (
            text.split(separator: "\r\n", omittingEmptySubsequences: false).dropLast().map(String.init), player.result
        )
    }

    /// The names that a server gives to messages are its own; which messages have one is not.
    @Test func uniqueIDsAreTheServersOwn() {
        func turns(_ lines: String...) -> String {
            (["S: +OK ready", "C: USER a", "S: +OK", "C: PASS b", "S: +OK", "C: UIDL", "S: +OK"] + lines + ["S: ."])
                .joined(separator: "\n")
        }
        let credentials = ReplayCredentials(user: "a", password: SecretText("b"))
        let script = script(.pop3, turns("S: 1 0000abcd", "S: 2 0000abce"))
        let same = play(script, turns("S: 1 7777xyz", "S: 2 7778xyz"), credentials: credentials).result
        #expect(same.verdict == .same)
        let other = play(script, turns("S: 1 0000abcd", "S: 3 0000abce"), credentials: credentials).result
        #expect(other.verdict == .differs)
    }

    private let smtp = """
        S: 220 a ESMTP
        C: EHLO c
        S: 250-a
        S: 250 PIPELINING
        C: MAIL FROM:<a@example.com>
        C: RCPT TO:<b@example.com>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: Subject: x
        C:
        C: body
        C: .
        S: 250 queued as 1
        C: QUIT
        S: 221 bye
        """

    @Test func theSameServerGivesTheSame() {
        let outcome = play(script(.smtp, smtp), smtp.replacing("queued as 1", with: "queued as 2"))
        #expect(outcome.result.verdict == .same)
        #expect(outcome.result.exchanges == 6)
        #expect(outcome.result.differences.map(\.kind) == [.allowed])
        #expect(
            outcome.sent == [
                "EHLO c", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA", "Subject: x", "", "body", ".",
                "QUIT",
            ])
    }

    @Test func aRefusedDataIsNotFollowedByTheMessage() {
        let live = """
            S: 220 a ESMTP
            S: 250-a
            S: 250 PIPELINING
            S: 250 ok
            S: 550 no such user
            S: 554 no valid recipients
            S: 221 bye
            """
        let outcome = play(script(.smtp, smtp), live)
        #expect(outcome.result.verdict == .differs)
        #expect(outcome.sent == ["EHLO c", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA", "QUIT"])
        #expect(outcome.result.differences.filter { $0.kind == .regression }.map(\.exchange) == [3, 4])
    }

    @Test func nothingIsSentBeforeTheReplyItWaitedFor() {
        let outcome = play(script(.smtp, smtp), "S: 220 a ESMTP\nS: 250-a")
        #expect(outcome.sent == ["EHLO c"])
        #expect(outcome.result.verdict == .failed)
    }

    @Test func aServerThatClosesEarlyFails() {
        let outcome = play(script(.smtp, smtp), "S: 220 a ESMTP\nS: 250 a\nEND")
        #expect(outcome.result.verdict == .failed)
        #expect(outcome.result.reason?.contains("closed the connection") == true)
    }

    private let imap = """
        S: * OK ready
        C: a1 LOGIN alice ******
        S: a1 OK in
        C: a2 SELECT INBOX
        S: * 2 EXISTS
        S: a2 OK done
        C: a3 APPEND INBOX {4}
        S: + go
        C: ab
        C:
        S: a3 OK done
        C: a4 LOGOUT
        S: * BYE
        S: a4 OK bye
        """

    @Test func anIMAPSessionWithAPassword() {
        let recorded = script(.imap, imap)
        let missing = play(recorded, imap)
        #expect(missing.result.verdict == .failed)
        #expect(missing.result.reason?.contains("alice") == true)
        let outcome = play(
            recorded, imap, credentials: ReplayCredentials(user: "bob", password: SecretText("pass word")))
        #expect(outcome.result.verdict == .same)
        #expect(outcome.sent.first == "a1 LOGIN \"bob\" \"pass word\"")
        #expect(outcome.sent.contains("a3 APPEND INBOX {4}"))
    }

    @Test func aRefusedLiteralIsNotSent() {
        let live = """
            S: * OK ready
            S: a1 OK in
            S: * 2 EXISTS
            S: a2 OK done
            S: a3 NO [TRYCREATE] no
            S: * BYE
            S: a4 OK bye
            """
        let outcome = play(script(.imap, imap), live, credentials: ReplayCredentials(password: SecretText("x")))
        #expect(outcome.sent.suffix(2) == ["a3 APPEND INBOX {4}", "a4 LOGOUT"])
        #expect(outcome.result.differences.filter { $0.kind == .regression }.map(\.exchange) == [3])
    }

    @Test func anotherMailboxIsARegression() {
        let outcome = play(
            script(.imap, imap), imap.replacing("* 2 EXISTS", with: "* 2 EXISTS\nS: * 1 EXPUNGE"),
            credentials: ReplayCredentials(password: SecretText("x")))
        #expect(outcome.result.verdict == .differs)
        #expect(outcome.result.differences.contains { $0.kind == .regression && $0.got == "1 EXPUNGE" })
    }

    @Test func mechanismsAreComputedAnew() throws {
        let cram = """
            S: +OK ready
            C: AUTH CRAM-MD5
            S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
            C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw
            S: +OK in
            """
        // The example of RFC 2195 §2: the secret is "tanstaaftanstaaf".
        let outcome = play(
            script(.pop3, cram), cram, credentials: ReplayCredentials(password: SecretText("tanstaaftanstaaf")))
        #expect(outcome.sent.last == "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")
        let apop = """
            S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>
            C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
            S: +OK in
            """
        // The example of RFC 1939 §7: the secret is "tanstaaf".
        let second = play(script(.pop3, apop), apop, credentials: ReplayCredentials(password: SecretText("tanstaaf")))
        #expect(second.sent == ["APOP mrose c4c9334bac560ecc979e58001b3e22fb"])
        let plain = """
            S: 220 a
            C: AUTH PLAIN AGFsaWNlACoqKg==
            S: 235 in
            """
        let third = play(script(.smtp, plain), plain, credentials: ReplayCredentials(password: SecretText("pw")))
        #expect(
            third.sent == ["AUTH PLAIN " + String(decoding: Base64.encode(Array("\0alice\0pw".utf8)), as: UTF8.self)])
    }

    /// A SCRAM server for the password `pencil`, as lines of SMTP.
    private struct LiveSCRAM {
        var machine: SASLServerMachine
        let keys: SCRAMKeys
        /// It lets anyone in and proves nothing.
        var skipsProof = false

        mutating func answer(_ line: String) -> String {
            let words = line.split(separator: " ")
            let isCommand = words.first == "AUTH"
            if line == "QUIT" { return "221 bye" }
            let octets = Base64.decode(Array((isCommand ? words.dropFirst(2).first ?? "" : line[...]).utf8)[...]) ?? []
            var step = isCommand && words.count == 2 ? machine.begin(initial: nil) : machine.respond(octets)
            if case .ask = step { step = machine.answer(.keys(keys)) }
            switch step {
            case .challenge(let challenge):
                if skipsProof, challenge.starts(with: "v=".utf8) { return "235 welcome" }
                return "334 " + String(decoding: Base64.encode(challenge), as: UTF8.self)
            case .accept: return "235 welcome"
            case .ask, .fail: return "535 no"
            }
        }
    }

    @Test(arguments: [SASLHash.sha1, .sha256]) func `TL-021 SCRAM is computed anew`(_ hash: SASLHash) throws {
        let name = "SCRAM-\(hash.rawValue)"
        func encoded(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }
        let start = "S: 220 a\nC: AUTH \(name)"
        let rest = [
            "S: 334 " + encoded("r=abcdef,s=c2FsdA==,i=4096"), "C: " + encoded("c=biws,r=abcdef,p=****"),
            "S: 334 " + encoded("v=QUJD"), "C: ", "S: 235 in", "C: QUIT", "S: 221 bye",
        ].joined(separator: "\n")
        let first = encoded("n,,n=alice,r=abc")
        let keys = try #require(SCRAMKeys(hash, salt: [1, 2], iterations: 4_096, password: SecretBytes("pencil")))
        for recorded in ["\(start) \(first)\n\(rest)", "\(start)\nS: 334 \nC: \(first)\n\(rest)"] {
            for (password, skips, verdict) in [
                ("pencil", false, ReplayResult.Verdict.same), ("pencils", false, .differs), ("pencil", true, .failed),
            ] {
                let mechanism = SASLMechanism.scram(hash, plus: false)
                var live = LiveSCRAM(
                    machine: try #require(SASLServerMachine(mechanism, token: Array("srv".utf8))), keys: keys,
                    skipsProof: skips)
                var player = ReplayPlayer(
                    script(.smtp, recorded), credentials: ReplayCredentials(password: SecretText(password)))
                var effects: [ReplayPlayer.Effect] = []
                player.handle(.received(Array("220 a\r\n".utf8)), &effects)
                var sent: [String] = []
                while !player.isFinished, !effects.isEmpty, sent.count < 20 {
                    let batch = effects
                    effects = []
                    for case .send(let octets) in batch {
                        let line = String(decoding: octets.dropLast(2), as: UTF8.self)
                        sent.append(line)
                        player.handle(.received(Array("\(live.answer(line))\r\n".utf8)), &effects)
                    }
                }
                #expect(player.result.verdict == verdict, "\(sent) \(player.result)")
                #expect(!sent.contains { $0.contains("KioqKg") }, "no recorded mask is sent")
                if skips { #expect(player.result.reason?.contains("could not prove") == true) }
            }
        }
    }

    @Test func `TL-018 a bearer token that is refused is refused in two rounds`() {
        let turns = """
            S: 220 a
            C: AUTH OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciAqKioqAQE=
            S: 334 eyJzdGF0dXMiOiI0MDEifQ==
            C: AQ==
            S: 535 no
            """
        let outcome = play(script(.smtp, turns), turns, credentials: ReplayCredentials(password: SecretText("tok")))
        #expect(
            outcome.sent == [
                "AUTH OAUTHBEARER "
                    + String(
                        decoding: Base64.encode(Array("n,a=alice,\u{1}auth=Bearer tok\u{1}\u{1}".utf8)), as: UTF8.self),
                "AQ==",
            ])
        #expect(outcome.result.verdict == .same)
    }

    @Test func anIdentityToActAsGoesWithItsAccount() {
        let turns =
            "S: 220 a\nC: AUTH PLAIN \(String(decoding: Base64.encode(Array("root\0bob\0***".utf8)), as: UTF8.self))\nS: 235 in"
        func sent(_ credentials: ReplayCredentials) -> String? {
            let line = play(script(.smtp, turns), turns, credentials: credentials).sent.first?.split(separator: " ")
                .last
            return line.flatMap { Base64.decode(Array($0.utf8)[...]) }.map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(sent(ReplayCredentials(password: SecretText("pw"))) == "root\0bob\0pw")
        #expect(sent(ReplayCredentials(user: "eve", password: SecretText("pw"))) == "\0eve\0pw")
    }

    @Test func noRecordedSecretIsSent() {
        let known = ReplayCredentials(user: "bob", password: SecretText("new"))
        let sessions: [(MailProtocol, String)] = [
            (.imap, "S: * OK\nC: a LOGIN {5}\nS: + go\nC: alice canary\nS: a OK in\nC: b NOOP\nS: b OK"),
            (.imap, "S: * OK\nC: a LOGIN alice {6+}\nC: canary\nS: a OK in\nC: b NOOP\nS: b OK"),
            (.imap, "S: * OK\nC: a LOGIN {5+}\nC: alice {6+}\nC: canary\nS: a OK in\nC: b NOOP\nS: b OK"),
            (.pop3, "S: +OK\nC: USER alice\nS: +OK\nC: PASS canary\nS: +OK\nC: NOOP\nS: +OK"),
            (.smtp, "S: 220 a\nC: AUTH PLAIN AGFsaWNlAGNhbmFyeQ==\nS: 235 in\nC: NOOP\nS: 250 ok"),
            (
                .smtp,
                "S: 220 a\nC: AUTH LOGIN\nS: 334 x\nC: YWxpY2U=\nS: 334 y\nC: Y2FuYXJ5\nS: 235 in\nC: NOOP\nS: 250 ok"
            ),
            (.smtp, "S: 220 a\nC: AUTH X-OWN\nS: 334 x\nC: Y2FuYXJ5\nS: 235 in"),
            (.smtp, "S: 220 a\nC: AUTH PLAIN\nS: 504 no\nC: AGFsaWNlAGNhbmFyeQ==\nS: 500 what"),
        ]
        for (mailProtocol, turns) in sessions {
            let outcome = play(script(mailProtocol, turns), turns, credentials: known)
            for secret in ["canary", "Y2FuYXJ5", "AGFsaWNlAGNhbmFyeQ=="] {
                #expect(!outcome.sent.contains { $0.contains(secret) }, "\(outcome.sent)")
            }
        }
        // A login in literals goes out in one line, under the account that it named.
        let literals = "S: * OK\nC: a LOGIN {5+}\nC: alice {6+}\nC: canary\nS: a OK in\nC: b NOOP\nS: b OK"
        let outcome = play(
            script(.imap, literals), literals, credentials: ReplayCredentials(password: SecretText("new")))
        #expect(outcome.sent == ["a LOGIN \"alice\" \"new\"", "b NOOP"])
        #expect(outcome.result.verdict == .same)
    }

    @Test func aServerThatInventsKeywordsTakesNoMemory() {
        var book = AnswerBook(.imap)
        for number in 0..<10_000 {
            book.accept(Note(.server, .data("X\(number)", complete: true), exchange: 1, raw: []))
        }
        #expect(book.answers[1]?.data.count == 257)
        #expect(book.answers[1]?.data["..."] == 10_000 - 256)
    }

    @Test func thePasswordThatWasRecordedMayBeGivenAnew() {
        let turns = "S: +OK\nC: USER alice\nS: +OK\nC: PASS canary\nS: +OK"
        let outcome = play(script(.pop3, turns), turns, credentials: ReplayCredentials(password: SecretText("canary")))
        #expect(outcome.sent == ["USER alice", "PASS canary"])
        #expect(outcome.result.verdict == .same)
    }

    @Test func aCredentialsFile() {
        var known = ReplayCredentials()
        #expect(known.read("# comment\nalice:secret:with:colons\n\nbob@example.com:x\r\n") == nil)
        #expect(known.secret(for: "alice")?.withRevealed { $0 } == "secret:with:colons")
        #expect(known.secret(for: "bob@example.com")?.withRevealed { $0 } == "x")
        #expect(known.secret(for: "carol") == nil)
        #expect(known.read("ok:x\nbroken\n") == "2:1: write ACCOUNT:PASSWORD")
    }
}
