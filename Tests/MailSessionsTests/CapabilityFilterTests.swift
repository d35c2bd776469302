// Lists of capabilities on their way through the filter, in every chunking.

import MailDialogue
import Testing

@testable import MailSessions

struct CapabilityFilterTests {
    /// What a client sees of a server's octets, cut into chunks of `size`.
    private func shown(
        _ mailProtocol: MailProtocol, _ policy: CapabilityPolicy, chunks size: Int, _ turns: [(Side, String)]
    ) -> String {
        var tap = MailTap(mailProtocol)
        var filter = CapabilityFilter(mailProtocol, policy)
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

    @Test func aLineThatDoesNotEndPassesBeyondALimit() {
        let long = "* OK ready\r\n* CAPABILITY " + String(repeating: "x", count: 2 * CapabilityFilter.longest)
        let passed = shown(.imap, CapabilityPolicy(tls: .hidden), chunks: 1000, [(.server, long)])
        #expect(passed.utf8.elementsEqual(long.utf8))
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
        let literal = "* OK mx\r\n* CAPABILITY XA {3}\r\nabc\r\n"
        #expect(shown(.imap, policy, chunks: size, [(.server, literal)]) == literal)
    }

    @Test func channelsAreNotBound() {
        let policy = CapabilityPolicy(tls: .hidden)
        func shown(_ names: String) -> [String] {
            let all = Array(names.utf8)[...].split(separator: 32)
            return all.filter { policy.shows(mechanism: $0, of: all) }.map(\.text)
        }
        #expect(shown("PLAIN scram-sha-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 EXTERNAL") == ["PLAIN", "SCRAM-SHA-256"])
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
}
