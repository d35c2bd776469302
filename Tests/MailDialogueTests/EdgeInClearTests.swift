// Where TLS was to begin and does not: what follows is in clear, and no secret in it goes unseen.

import Testing

@testable import MailDialogue

@Suite struct EdgeInClearTests {
    /// A record of a handshake that holds text, as host names do; and one with the answer to it.
    private static let hello: [UInt8] = [22, 3, 1, 0, 20] + Array("\u{1}hello\nUSER x\nPASS y".utf8)
    private static let answer: [UInt8] = [22, 3, 3, 0, 8] + Array("\u{2}a\nOK b\n".utf8)
    private static let alert: [UInt8] = [21, 3, 3, 0, 2, 2, 40]
    private static let sealed: [UInt8] = [23, 3, 3, 0, 6] + Array("+OK \r\n".utf8)

    private enum Turn {
        case said(Side, [UInt8])
        case lost(Side)
    }

    private static func client(_ text: String) -> Turn { .said(.client, Array((text + "\r\n").utf8)) }
    private static func server(_ text: String) -> Turn { .said(.server, Array((text + "\r\n").utf8)) }

    /// What the notes say in short: lines of the dialogue, facts, violations.
    private func follow(
        _ mailProtocol: MailProtocol, _ turns: [Turn], watches: Bool = true, piece: Int = .max
    ) -> (notes: [Note], opaque: OpaqueReason?) {
        var tap = MailTap(mailProtocol, watchesEdge: watches)
        var notes: [Note] = []
        for turn in turns {
            switch turn {
            case .lost(let side): tap.lose(side, into: &notes)
            case .said(let side, let octets):
                var rest = octets[...]
                while !rest.isEmpty {
                    tap.receive(rest.prefix(piece), from: side, into: &notes)
                    rest = rest.dropFirst(piece)
                }
            }
        }
        return (notes, tap.opaque)
    }

    private static func begin(_ mailProtocol: MailProtocol) -> [Turn] {
        switch mailProtocol {
        case .smtp, .lmtp:
            [
                server("220 mx"), client("EHLO c"), server("250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS"),
                client("STARTTLS"), server("220 go"),
            ]
        case .pop3: [server("+OK"), client("STLS"), server("+OK go")]
        case .imap: [server("* OK [CAPABILITY IMAP4rev1 STARTTLS]"), client("a STARTTLS"), server("a OK go")]
        }
    }

    private static func login(_ mailProtocol: MailProtocol) -> [Turn] {
        switch mailProtocol {
        case .smtp, .lmtp: [client("AUTH PLAIN AGFubmEAc2VjcmV0"), server("235 in")]
        case .pop3: [client("USER anna"), server("+OK"), client("PASS secret"), server("+OK in")]
        case .imap: [client("b LOGIN anna secret"), server("b OK in")]
        }
    }

    private static func refusal(_ mailProtocol: MailProtocol) -> Turn {
        switch mailProtocol {
        case .smtp, .lmtp: server("454 4.7.0 no TLS here")
        case .pop3: server("-ERR no TLS here")
        case .imap: server("* BAD no TLS here")
        }
    }

    private func accounts(_ notes: [Note]) -> [String] {
        notes.flatMap(\.facts).compactMap { if case .credential(let shown) = $0 { shown.account } else { nil } }
    }

    private func logins(_ notes: [Note]) -> Int { notes.count { $0.facts.contains(.login(accepted: true)) } }

    private static let protocols: [MailProtocol] = [.smtp, .pop3, .imap]

    @Test(arguments: protocols) func aServerThatAnswersInClearIsHeard(_ mailProtocol: MailProtocol) {
        let turns = Self.begin(mailProtocol) + [.said(.client, Self.hello), Self.refusal(mailProtocol)]
        for piece in [Int.max, 1, 3] {
            let (notes, opaque) = follow(mailProtocol, turns + Self.login(mailProtocol), piece: piece)
            #expect(opaque == nil)
            #expect(notes.count { $0.facts.contains(.clear) } == 1)
            #expect(accounts(notes) == ["anna"] && logins(notes) == 1, "\(mailProtocol) \(piece)")
            #expect(notes.flatMap(\.violations).isEmpty)
            // All octets, and nothing of the hello taken for lines.
            #expect(
                notes.contains { $0.raw.count > 10 && String(decoding: $0.raw, as: UTF8.self).contains("no TLS here") })
            #expect(!notes.contains { $0.element != .opaque && $0.raw.contains(22) })
        }
    }

    @Test(arguments: protocols) func aClientThatGoesOnInClearIsHeard(_ mailProtocol: MailProtocol) {
        for piece in [Int.max, 1] {
            let (notes, opaque) = follow(
                mailProtocol, Self.begin(mailProtocol) + Self.login(mailProtocol), piece: piece)
            #expect(opaque == nil && notes.count { $0.facts.contains(.clear) } == 1)
            #expect(accounts(notes) == ["anna"] && logins(notes) == 1)
            #expect(notes.flatMap(\.violations).isEmpty)
        }
    }

    @Test(arguments: protocols) func anAlertIsNoAnswer(_ mailProtocol: MailProtocol) {
        let turns = Self.begin(mailProtocol) + [.said(.client, Self.hello), .said(.server, Self.alert)]
        let (before, _) = follow(mailProtocol, turns)
        #expect(!before.contains { $0.facts.contains(.clear) })
        for piece in [Int.max, 1] {
            let (notes, _) = follow(mailProtocol, turns + Self.login(mailProtocol), piece: piece)
            #expect(accounts(notes) == ["anna"] && logins(notes) == 1)
        }
    }

    @Test(arguments: protocols) func whatIsUnderTLSIsNeverRead(_ mailProtocol: MailProtocol) {
        // What looks like text behind the handshake is not.
        let text: [Turn] = [Self.refusal(mailProtocol)] + Self.login(mailProtocol)
        let turns = Self.begin(mailProtocol) + [.said(.client, Self.hello), .said(.server, Self.answer)] + text
        for piece in [Int.max, 1] {
            let (notes, opaque) = follow(mailProtocol, turns, piece: piece)
            #expect(opaque == .tls && !notes.contains { $0.facts.contains(.clear) } && accounts(notes).isEmpty)
        }
        // Nor when it is not known where records begin.
        for side in Side.allCases {
            let lost = Self.begin(mailProtocol) + [.said(.client, Self.hello), .lost(side)] + text
            let (notes, _) = follow(mailProtocol, lost)
            if side == .server { #expect(accounts(notes).isEmpty && !notes.contains { $0.facts.contains(.clear) }) }
        }
        var tap = MailTap(mailProtocol, watchesEdge: true)
        var notes: [Note] = []
        tap.stop(.tls, at: .client, into: &notes)
        for case .said(let side, let octets) in text { tap.receive(octets[...], from: side, into: &notes) }
        #expect(tap.opaque == .tls && accounts(notes).isEmpty)
    }

    @Test(arguments: protocols) func wordsThatSomebodyPutBeforeTLSEndWhereItBegins(_ mailProtocol: MailProtocol) {
        // A line before the server's hello, of whoever is on the way.
        let turns =
            Self.begin(mailProtocol) + [
                .said(.client, Self.hello), Self.refusal(mailProtocol), .said(.server, Self.answer),
            ]
            + [.said(.client, Self.sealed), .said(.server, Self.sealed)] + Self.login(mailProtocol)
        for piece in [Int.max, 1] {
            let (notes, opaque) = follow(mailProtocol, turns, piece: piece)
            #expect(opaque == .tls && accounts(notes).isEmpty, "\(mailProtocol) \(piece)")
        }
    }

    @Test(arguments: protocols) func whatDidNotWaitIsNotTheSessions(_ mailProtocol: MailProtocol) {
        var turns = Self.begin(mailProtocol)
        let answer = turns.removeLast()
        // Sent before the answer to STARTTLS; TLS follows.
        turns += [Self.login(mailProtocol)[0], answer, .said(.client, Self.hello), .said(.server, Self.answer)]
        let (notes, opaque) = follow(mailProtocol, turns)
        #expect(opaque == .tls && accounts(notes).isEmpty)
        #expect(notes.flatMap(\.violations).count == 1)
    }

    @Test(arguments: protocols) func whoSendsOnKeepsToTheEdge(_ mailProtocol: MailProtocol) {
        let (notes, opaque) = follow(
            mailProtocol, Self.begin(mailProtocol) + Self.login(mailProtocol), watches: false)
        #expect(opaque == .tls && accounts(notes).isEmpty)
    }

    @Test(arguments: protocols) func aClientMayBeginWithTLSOnItsOwn(_ mailProtocol: MailProtocol) {
        let hello = Turn.said(.client, Self.hello)
        for turns in [[Self.begin(mailProtocol)[0], hello], [hello, Self.begin(mailProtocol)[0]]] {
            let (notes, opaque) = follow(
                mailProtocol, turns + [Self.refusal(mailProtocol)] + Self.login(mailProtocol))
            #expect(opaque == nil && accounts(notes) == ["anna"])
        }
    }

    @Test(arguments: protocols) func aServerThatBeginsTLSBesideTextEndsIt(_ mailProtocol: MailProtocol) {
        // Half a line of the client waits, at the beginning and behind a record of its own.
        let text = Turn.said(.client, [42, 0, 3, 0, 5, 119, 108, 111])
        let behind = Turn.said(.client, Self.hello + Array("o".utf8))
        let begin = Self.begin(mailProtocol)[0]
        for turns in [[text, .said(.server, Self.answer)], [begin, behind, .said(.server, Self.answer)]] {
            for piece in [Int.max, 1] {
                let all = turns + [.said(.client, Self.sealed)] + Self.login(mailProtocol)
                let (notes, opaque) = follow(mailProtocol, all, piece: piece)
                #expect(opaque == .tls && accounts(notes).isEmpty, "\(mailProtocol) \(piece)")
            }
        }
    }
}
