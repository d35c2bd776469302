// Lists of capabilities on their way through the filter, in every chunking.

import MailDialogue
import TestSupport
import Testing

@testable import MailSessions

struct CapabilityFilterTests {
    /// What a client sees of a server's octets, cut into chunks of `size`; the same whether lists are remembered or not.
    private func shown(
        _ mailProtocol: MailProtocol, _ policy: CapabilityPolicy, chunks size: Int, _ turns: [(Side, String)]
    ) -> String {
        let seen = shown(mailProtocol, policy, chunks: size, turns, memory: nil)
        let memory = EditedLists()
        for _ in 0..<2 { #expect(shown(mailProtocol, policy, chunks: size, turns, memory: memory) == seen) }
        return seen
    }

    private func shown(
        _ mailProtocol: MailProtocol, _ policy: CapabilityPolicy, chunks size: Int, _ turns: [(Side, String)],
        memory: EditedLists?
    ) -> String {
        var tap = MailTap(mailProtocol)
        var filter = CapabilityFilter(mailProtocol, policy, memory: memory)
        var notes: [Note] = []
        var out: [UInt8] = []
        for (side, text) in turns {
            let octets = Array(text.utf8)
            if side == .client {
                let first = notes.count
                tap.receive(octets[...], from: .client, into: &notes)
                for note in notes[first...] {
                    if case .command(let command) = note.element { filter.sent(command, exchange: note.exchange) }
                }
                continue
            }
            var start = 0
            while start < octets.count {
                var rest = octets[start..<min(start + size, octets.count)]
                while let piece = filter.next(&rest, ServerView(tap)) {
                    out += piece
                    tap.receive(piece, from: .server, into: &notes)
                }
                start += size
            }
        }
        out += filter.end()
        return String(decoding: out, as: UTF8.self)
    }

    private static let sizes = [1, 2, 3, 7, 10_000]

    /// Logins that we answer are offered in the place of the server's, once, and where it has any.
    @Test(arguments: sizes) func ourLogins(_ size: Int) {
        var policy = CapabilityPolicy(tls: .hidden)
        policy.logins = CapabilityPolicy.LoginOffer(isOurs: true)
        func smtp(_ reply: String) -> String {
            shown(.smtp, policy, chunks: size, [(.server, "220 x\r\n"), (.client, "EHLO a\r\n"), (.server, reply)])
        }
        #expect(
            smtp("250-x\r\n250-AUTH=XOAUTH2\r\n250-AUTH XOAUTH2 CRAM-MD5\r\n250 SIZE 1\r\n")
                == "220 x\r\n250-x\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1\r\n")
        #expect(smtp("250-x\r\n250 SIZE 1\r\n") == "220 x\r\n250-x\r\n250 SIZE 1\r\n")
        func pop3(_ lines: String) -> String {
            shown(
                .pop3, policy, chunks: size,
                [(.server, "+OK x\r\n"), (.client, "CAPA\r\n"), (.server, "+OK\r\n" + lines + ".\r\n")])
        }
        #expect(pop3("SASL XOAUTH2\r\nTOP\r\n") == "+OK x\r\n+OK\r\nSASL PLAIN LOGIN\r\nTOP\r\nUSER\r\n.\r\n")
        #expect(pop3("USER\r\n") == "+OK x\r\n+OK\r\nUSER\r\n.\r\n")
        func imap(_ list: String) -> String {
            shown(.imap, policy, chunks: size, [(.server, "* OK [CAPABILITY IMAP4rev1\(list)] x\r\n")])
        }
        let ours = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SASL-IR] x\r\n"
        #expect(imap(" AUTH=XOAUTH2 AUTH=OAUTHBEARER") == ours)
        #expect(imap(" SASL-IR AUTH=PLAIN LOGINDISABLED") == ours)
        #expect(imap(" LOGINDISABLED") == ours)
        #expect(imap("") == "* OK [CAPABILITY IMAP4rev1] x\r\n")
        // Where the upstream says who may log in, it says so too where nobody may.
        policy.logins = CapabilityPolicy.LoginOffer(isOurs: false)
        #expect(imap(" AUTH=CRAM-MD5") == ours)
        #expect(imap(" LOGINDISABLED") == "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n")
        // Before TLS that has to come first nobody logs in.
        policy.hidesLogins = true
        #expect(imap(" AUTH=CRAM-MD5") == "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n")
        #expect(pop3("SASL PLAIN\r\nUSER\r\nTOP\r\n") == "+OK x\r\n+OK\r\nTOP\r\n.\r\n")
        #expect(smtp("250-x\r\n250 AUTH PLAIN\r\n") == "220 x\r\n250 x\r\n")
    }

    @Test(arguments: sizes) func theReplyToEHLOKeepsItsForm(_ size: Int) {
        let greeting = "220-mx.example.com\r\n220 ready\r\n"
        let reply = "250-mx.example.com\r\n250-SIZE 10\r\n250-STARTTLS\r\n250-AUTH=LOGIN PLAIN\r\n250 XODD\r\n"
        func ask(_ policy: CapabilityPolicy) -> String {
            shown(
                .smtp, policy, chunks: size,
                [(.server, greeting), (.client, "EHLO a.example\r\nNOOP\r\n"), (.server, reply + "250 STARTTLS\r\n")])
        }
        let auth = "250-AUTH=LOGIN PLAIN\r\n"
        #expect(
            ask(CapabilityPolicy(tls: .hidden)) == greeting
                + "250-mx.example.com\r\n250-SIZE 10\r\n250 AUTH=LOGIN PLAIN\r\n"
                + "250 STARTTLS\r\n")
        var everything = CapabilityPolicy(tls: .asServer)
        everything.hidesUnfollowed = false
        #expect(ask(everything) == greeting + reply + "250 STARTTLS\r\n")
        // An offer that is there already is not doubled.
        everything.tls = .added
        #expect(
            ask(everything) == greeting + "250-mx.example.com\r\n250-SIZE 10\r\n" + auth
                + "250-XODD\r\n250 STARTTLS\r\n"
                + "250 STARTTLS\r\n")
        var required = CapabilityPolicy(tls: .added)
        required.hidesLogins = true
        #expect(
            ask(required) == greeting + "250-mx.example.com\r\n250-SIZE 10\r\n250 STARTTLS\r\n250 STARTTLS\r\n")
    }

    @Test(arguments: sizes) func aRefusedEHLOPassesAsItIs(_ size: Int) {
        let words = "220 ready\r\n502-no\r\n502 STARTTLS\r\n250 a.example\r\n"
        #expect(
            shown(
                .smtp, CapabilityPolicy(tls: .added), chunks: size,
                [(.client, "EHLO a\r\nHELO a\r\n"), (.server, words)]) == words)
    }

    @Test(arguments: sizes) func onlyTheAnswerToCAPAIsChanged(_ size: Int) {
        let words = "+OK ready\r\n+OK\r\nXTND\r\nUIDL\r\n.\r\n+OK 12\r\nXTND: yes\r\n\r\nXTND\r\n.\r\n-ERR\r\n"
        #expect(
            shown(
                .pop3, CapabilityPolicy(tls: .added), chunks: size,
                [(.client, "CAPA\r\n"), (.client, "RETR 1\r\nCAPA\r\n"), (.server, words)])
                == words.replacing("\r\nXTND\r\nUIDL\r\n", "\r\nUIDL\r\nSTLS\r\n"))
    }

    @Test(arguments: sizes) func everyListOfIMAPIsChanged(_ size: Int) {
        let words =
            "* OK [CAPABILITY IMAP4rev1 XODD AUTH=PLAIN] ready\r\n* capability IMAP4rev1 XODD IDLE\r\na OK done\r\n"
        let login = "b OK [CAPABILITY IMAP4rev1 XODD MOVE] in\r\n"
        // What only looks like one is content.
        let fetch = "* 1 FETCH (BODY[] {27}\r\n* CAPABILITY IMAP4rev1 XODD)\r\n* 2 FETCH (FLAGS ())\r\nc OK XODD\r\n"
        var policy = CapabilityPolicy(tls: .added)
        let turns: [(Side, String)] = [
            (.client, "a CAPABILITY\r\n"), (.server, words), (.client, "b LOGIN a b\r\n"), (.server, login),
            (.client, "c FETCH 1:2 (BODY[] FLAGS)\r\n"), (.server, fetch),
        ]
        #expect(
            shown(.imap, policy, chunks: size, turns)
                == "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN STARTTLS] ready\r\n* capability IMAP4rev1 IDLE STARTTLS\r\na OK done\r\n"
                + "b OK [CAPABILITY IMAP4rev1 MOVE] in\r\n" + fetch)
        policy.tls = .asServer
        policy.hidesUnfollowed = false
        #expect(shown(.imap, policy, chunks: size, turns) == words + login + fetch)
    }

    /// Sizes of chunks for words of megabytes.
    private static let largeSizes = [997, 65_536, 10_000_000]

    /// Names of which one is hidden, longer than what may wait.
    private static let longNames = String(repeating: "XODD IDLE ", count: 20_000)

    private func isSame(_ shown: String, _ wanted: String) -> Bool { shown.utf8.elementsEqual(wanted.utf8) }

    /// What was not looked at is not shown.
    @Test(arguments: largeSizes) func aLongListOfIMAPIsCut(_ size: Int) {
        func ask(_ words: String) -> String {
            shown(.imap, CapabilityPolicy(tls: .hidden), chunks: size, [(.server, "* OK ready\r\n" + words)])
        }
        let next = "* CAPABILITY IDLE\r\na OK done\r\n"
        let untagged = ask("* CAPABILITY IMAP4rev1 \(Self.longNames)LAST\r\n" + next)
        #expect(
            untagged.hasPrefix("* OK ready\r\n* CAPABILITY IMAP4rev1 IDLE IDLE ")
                && untagged.hasSuffix(" IDLE\r\n" + next))
        #expect(
            !untagged.contains("XODD") && !untagged.contains("LAST") && untagged.utf8.count < CapabilityFilter.longest)
        let code = ask("a OK [CAPABILITY IMAP4rev1 \(Self.longNames)LAST] text [CAPABILITY XODD]\r\n" + next)
        #expect(code.hasSuffix(" IDLE] text [CAPABILITY XODD]\r\n" + next))
        #expect(!code.contains("XODD IDLE") && !code.contains("LAST"))
        let open = ask("* OK [CAPABILITY IMAP4rev1 \(Self.longNames)\r\n" + next)
        #expect(open.hasSuffix(next) && !open.contains("XODD"))
        // Text may be as long as it likes.
        let text = String(repeating: "text ", count: 40_000) + "\r\n"
        #expect(
            isSame(
                ask("* OK [CAPABILITY XODD IDLE] " + text + next), "* OK ready\r\n* OK [CAPABILITY IDLE] " + text + next
            ))
        #expect(isSame(ask("* OK [CAPABILITY XODD"), "* OK ready\r\n* OK [CAPABILITY XODD"))
        #expect(!ask("* CAPABILITY " + Self.longNames).contains("XODD"))
    }

    /// A line that is no list is not one from its middle on, either.
    @Test(arguments: largeSizes) func aLongLineOfIMAPPasses(_ size: Int) {
        let words =
            "* OK ready\r\n* LIST () NIL \"" + String(repeating: "* CAPABILITY XODD ", count: 20_000) + "\"\r\n"
            + "* CAPABILITY IDLE XODD\r\n"
        #expect(
            isSame(
                shown(.imap, CapabilityPolicy(tls: .hidden), chunks: size, [(.server, words)]),
                words.replacing(" XODD\r\n", "\r\n")))
    }

    @Test(arguments: largeSizes) func aLongReplyToEHLOIsCut(_ size: Int) {
        let lines = String(repeating: "250-XODD\r\n250-SIZE 1000\r\n", count: 10_000)
        for (last, shownLast) in [("250 HELP\r\n", true), ("250 XODD\r\n", false)] {
            let seen = shown(
                .smtp, CapabilityPolicy(tls: .added), chunks: size,
                [
                    (.server, "220 mx\r\n"), (.client, "EHLO a\r\nNOOP\r\n"),
                    (.server, "250-mx\r\n" + lines + last + "250 ok\r\n"),
                ])
            #expect(seen.hasPrefix("220 mx\r\n250-mx\r\n250-SIZE 1000\r\n"))
            #expect(seen.hasSuffix("250-SIZE 1000\r\n250 STARTTLS\r\n250 ok\r\n"), "\(shownLast)")
            #expect(!seen.contains("XODD") && seen.utf8.count < CapabilityFilter.longest)
        }
        let line = "250-AUTH PLAIN EXTERNAL " + String(repeating: "SCRAM-SHA-1-PLUS ", count: 10_000) + "\r\n"
        #expect(
            shown(
                .smtp, CapabilityPolicy(tls: .hidden), chunks: size,
                [(.server, "220 mx\r\n"), (.client, "EHLO a\r\n"), (.server, "250-mx\r\n" + line + "250 HELP\r\n")])
                == "220 mx\r\n250-mx\r\n250-AUTH PLAIN\r\n250 HELP\r\n")
    }

    @Test(arguments: largeSizes) func aLongLineOfCAPAIsCut(_ size: Int) {
        let line = "SASL PLAIN EXTERNAL " + String(repeating: "SCRAM-SHA-1-PLUS ", count: 10_000) + "\r\n"
        #expect(
            shown(
                .pop3, CapabilityPolicy(tls: .hidden), chunks: size,
                [(.server, "+OK\r\n"), (.client, "CAPA\r\n"), (.server, "+OK\r\n" + line + "UIDL\r\n.\r\n")])
                == "+OK\r\n+OK\r\nSASL PLAIN\r\nUIDL\r\n.\r\n")
    }

    @Test(arguments: sizes) func oddFormsKeepTheirFrames(_ size: Int) {
        let policy = CapabilityPolicy(tls: .added)
        // A code alone is a whole reply: with a line behind it, it is not any more.
        let bare = [(Side.server, "220 mx\r\n"), (.client, "EHLO a\r\n"), (.server, "250\r\n")]
        #expect(shown(.smtp, policy, chunks: size, bare) == "220 mx\r\n250-\r\n250 STARTTLS\r\n")
        let empty = [
            (Side.server, "* OK mx\r\n"), (.client, "a CAPABILITY\r\n"), (.server, "* CAPABILITY\r\na OK\r\n"),
        ]
        #expect(shown(.imap, policy, chunks: size, empty) == "* OK mx\r\n* CAPABILITY STARTTLS\r\na OK\r\n")
        // No grammar has a literal in a list. What stands around it is changed, and it stays whole.
        let literal = "* OK mx\r\n* CAPABILITY XA IDLE {3}\r\nXA XA MOVE\r\n* CAPABILITY XA\r\n"
        #expect(
            shown(.imap, policy, chunks: size, [(.server, literal)])
                == "* OK mx\r\n* CAPABILITY IDLE {3}\r\nXA  MOVE STARTTLS\r\n* CAPABILITY STARTTLS\r\n")
        let code = "* OK mx\r\n* OK [CAPABILITY XA IDLE {3}\r\n* CAPABILITY XA\r\n"
        #expect(
            shown(.imap, policy, chunks: size, [(.server, code)])
                == "* OK mx\r\n* OK [CAPABILITY IDLE STARTTLS\r\n* CAPABILITY STARTTLS\r\n")
    }

    /// A literal that comes in pieces ends where it ends.
    @Test(arguments: sizes) func aListBehindALiteralIsChanged(_ size: Int) {
        let fetch = "* OK mx\r\n* 1 FETCH (BODY[] {12}\r\n0123456789\r\n)\r\n"
        #expect(
            shown(.imap, CapabilityPolicy(tls: .hidden), chunks: size, [(.server, fetch + "* CAPABILITY XA IDLE\r\n")])
                == fetch + "* CAPABILITY IDLE\r\n")
    }

    /// Names that a client may see, and those that lead it past us or that no table knows. What an extension needs is shown with it.
    @Test func whatHolds() {
        var policy = CapabilityPolicy(tls: .hidden)
        func imap(_ names: String) -> [String] {
            Array(names.utf8)[...].split(separator: 32).filter { policy.shows(imap: $0) }.map(\.text)
        }
        let hidden =
            "XAPPLEPUSHSERVICE XA NOSUCHTHING JMAPACCESS URLAUTH LOGIN-REFERRALS MAILBOX-REFERRALS"
        #expect(imap(hidden) == [])
        let shown = "ENABLE CONDSTORE QRESYNC UTF8=ACCEPT UTF8=ONLY ESEARCH SEARCHRES OBJECTID LITERAL+ LITERAL- XLIST"
        #expect(imap(shown).joined(separator: " ") == shown)
        func smtp(_ name: String) -> Bool { policy.shows(smtp: Array(name.utf8)[...]) }
        #expect(!smtp("REQUIRETLS") && !smtp("XCLIENT") && !smtp("XNOBODYKNOWS") && smtp("SMTPUTF8"))
        policy.keepsRequireTLS = true
        #expect(smtp("REQUIRETLS"))
    }

    @Test func channelsAreNotBound() {
        let policy = CapabilityPolicy(tls: .hidden)
        func shown(_ names: String) -> [String] {
            let all = Array(names.utf8)[...].split(separator: 32)
            return all.filter { policy.shows(mechanism: $0, of: all) }.map(\.text)
        }
        #expect(shown("PLAIN scram-sha-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 EXTERNAL") == ["PLAIN"])
        #expect(shown("SCRAM-SHA-256 SCRAM-SHA-1 PLAIN-PLUS") == ["SCRAM-SHA-256", "SCRAM-SHA-1"])
        #expect(shown("GSSAPI gs2-krb5 GS2-KRB5-PLUS NTLM XOAUTH2 SCRAM-SHA-1") == ["NTLM", "XOAUTH2", "SCRAM-SHA-1"])
    }
}

extension String {
    fileprivate func replacing(_ old: String, _ new: String) -> String {
        guard let place = range(of: old) else { return self }
        return String(self[..<place.lowerBound]) + new + String(self[place.upperBound...])
    }

    private func range(of needle: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(needle) { return index..<self.index(index, offsetBy: needle.count) }
            index = self.index(after: index)
        }
        return nil
    }

    @Test func listsAreRememberedByPolicyAndForgottenInTurn() {
        let memory = EditedLists()
        var made = 0
        func edited(_ list: String, _ policy: CapabilityPolicy, variant: Int = 0) -> [UInt8] {
            memory.edited(Array(list.utf8), by: policy, variant: variant) { list in
                made += 1
                return list + [UInt8(made)]
            }
        }
        let shown = CapabilityPolicy(tls: .asServer)
        let hidden = CapabilityPolicy(tls: .hidden)
        let first = edited("a", shown)
        #expect(edited("a", shown) == first && made == 1)
        #expect(edited("a", hidden) != first && edited("a", shown, variant: 1) != first && made == 3)
        for number in 0..<100 { _ = edited("list \(number)", shown) }
        #expect(edited("a", shown) != first && made == 104)
        let long = String(repeating: "x", count: 5_000)
        #expect(edited(long, shown) != edited(long, shown))
    }

    /// Found wherever it stands, in any case, and nowhere else.
    @Test func aWordIsFound() {
        let word = CaselessWord("CAPABILITY")
        let parts = [
            "capability", "CAPABILITY", "CaPaBiLiTy", "CAPABILIT", "APABILITY", "CAPABILITZ", "cxpxbxlxty", " ", "c",
            "\r\n",
        ]
        var generator = Numbers()
        for round in 0..<2_000 {
            var text = String(repeating: "x", count: Int.random(in: 0..<(round % 2 == 0 ? 20 : 600), using: &generator))
            for _ in 0..<Int.random(in: 0..<4, using: &generator) {
                text +=
                    (parts.randomElement(using: &generator) ?? "")
                    + String(repeating: "ab", count: Int.random(in: 0..<9, using: &generator))
            }
            let octets = Array(text.utf8)
            #expect(word.isIn(octets[...]) == text.uppercased().contains("CAPABILITY"), "\(text.debugDescription)")
        }
        #expect(!word.isIn([]) && word.isIn(Array("CAPABILITY".utf8)[...]))
    }
}
