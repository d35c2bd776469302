// Logins in lines whose place is not known, because octets before them are missing: they are told, and nothing of their secrets is shown.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct UnplacedLoginTests {
    /// Follows what both sides say behind octets that are missing: `C:` and `S:` lines, `C-` and `S-` for octets that are
    /// missing again, which may stand behind the beginning of a line.
    private func follow(
        _ proto: MailProtocol, _ lines: [String], isCut: Bool = false, isMidstream: Bool = true
    ) -> [Note] {
        var tap = proto.makeTap()
        var notes: [Note] = []
        if isMidstream { for side in Side.allCases { tap.lose(side, 30, into: &notes) } }
        for line in lines {
            let side: Side = line.hasPrefix("C") ? .client : .server
            if line.dropFirst().first == "-" {
                if line.count > 3 { tap.receive(Array(line.dropFirst(3).utf8)[...], from: side, into: &notes) }
                tap.lose(side, 9, into: &notes)
                continue
            }
            let octets = Array(line.dropFirst(3).utf8) + [13, 10]
            let step = isCut ? 1 : octets.count
            for start in stride(from: 0, to: octets.count, by: step) {
                tap.receive(octets[start..<min(start + step, octets.count)], from: side, into: &notes)
            }
        }
        for side in Side.allCases { tap.end(side, into: &notes) }
        return notes
    }

    private func credentials(_ notes: [Note]) -> [String] {
        notes.flatMap(\.facts).compactMap {
            guard case .credential(let found) = $0 else { return nil }
            return found.secret.withRevealed {
                "\(found.mechanism) \(found.account) \(String(decoding: $0, as: UTF8.self))"
            }
        }
    }

    /// The lines of a session as they are shown, in the form that `follow` takes.
    private func shown(_ notes: [Note], like lines: [String]) -> [String] {
        var octets: [Side: ArraySlice<UInt8>] = [:]
        for side in Side.allCases { octets[side] = notes.filter { $0.side == side }.flatMap(\.publicOctets)[...] }
        return lines.map { line in
            guard line.dropFirst().first == ":" else { return line }
            let side: Side = line.hasPrefix("C") ? .client : .server
            let text = octets[side]?.prefix(line.utf8.count - 3) ?? []
            octets[side]?.removeFirst(line.utf8.count - 1)
            return line.prefix(3) + String(decoding: text, as: UTF8.self)
        }
    }

    @Test(
        arguments: [
            (.smtp, ["C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "S: 235 ok"], "PLAIN bob s3cret"),
            (.smtp, ["C: EHLO x", "C: AUTH PLAIN AGJvYgBzM2NyZXQ="], "PLAIN bob s3cret"),
            (.smtp, ["C: AUTH LOGIN Ym9i", "S-", "C: czNjcmV0"], "LOGIN bob s3cret"),
            (
                .smtp, ["C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: Ym9i", "S: 334 UGFzc3dvcmQ6", "C: czNjcmV0"],
                "LOGIN bob s3cret"
            ),
            (
                .smtp, ["S: 250 ok", "S: 334 VXNlcm5hbWU6", "C: Ym9i", "S: 334 UGFzc3dvcmQ6", "C: czNjcmV0"],
                "LOGIN bob s3cret"
            ),
            (.smtp, ["S: 334 UGFzc3dvcmQ6", "C: czNjcmV0", "S: 235 ok"], "LOGIN  s3cret"),
            (.smtp, ["S: 250 ok", "S: 334 ", "C: AGJvYgBzM2NyZXQ=", "S: 235 ok"], "PLAIN bob s3cret"),
            (.pop3, ["C: USER bob", "S: +OK", "C: PASS s3cret", "S: +OK"], "USER bob s3cret"),
            (.pop3, ["C: PASS s3cret", "S: +OK"], "USER  s3cret"),
            (.pop3, ["C: NOOP", "C-", "C: USER bob", "C: PASS s3 cret"], "USER bob s3 cret"),
            (.pop3, ["C: APOP bob c4c9334bac560ecc979e58001b3e22fb"], "APOP bob c4c9334bac560ecc979e58001b3e22fb"),
            (.pop3, ["C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "S: +OK"], "PLAIN bob s3cret"),
            (
                .pop3, ["C: AUTH LOGIN", "S: + VXNlcm5hbWU6", "C: Ym9i", "S: + UGFzc3dvcmQ6", "C: czNjcmV0"],
                "LOGIN bob s3cret"
            ),
            (.pop3, ["S: +OK", "S: + ", "C: AGJvYgBzM2NyZXQ=", "S: +OK"], "PLAIN bob s3cret"),
            (.imap, ["C: a LOGIN bob s3cret", "S: a OK"], "LOGIN bob s3cret"),
            (.imap, ["C: a LOGIN \"bob\" \"s3 \\\"cret\"", "S: a OK"], "LOGIN bob s3 \"cret"),
            (
                .imap, ["C: a LOGIN {3}", "S: + go", "C: bob {6}", "S: + go", "C: s3cret", "S: a OK"],
                "LOGIN bob s3cret"
            ),
            (.imap, ["C: a LOGIN {3+}", "C: bob \"s3cret\""], "LOGIN bob s3cret"),
            (.imap, ["C: a LOGIN bob {6+}", "C: s3cret"], "LOGIN bob s3cret"),
            (.imap, ["C: a AUTHENTICATE PLAIN AGJvYgBzM2NyZXQ=", "S: a OK"], "PLAIN bob s3cret"),
            (.imap, ["C: a AUTHENTICATE PLAIN", "S: + ", "C: AGJvYgBzM2NyZXQ="], "PLAIN bob s3cret"),
            (.imap, ["S: + ", "C: AGJvYgBzM2NyZXQ=", "S: a OK"], "PLAIN bob s3cret"),
            (.imap, ["C: a LOGIN bob {15}", "S: + go", "C: to store s3cret"], "LOGIN bob to store s3cret"),
            (.smtp, ["C: AUTH PLAIN =", "S: 334 ", "C: AGJvYgBzM2NyZXQ="], "PLAIN bob s3cret"),
            (.imap, ["S: + ", "C: dXNlcj1ib2IBYXV0aD1CZWFyZXIgczNjcmV0AQE="], "XOAUTH2 bob s3cret"),
        ] as [(MailProtocol, [String], String)], [false, true])
    func logins(_ one: (MailProtocol, [String], String), _ isCut: Bool) {
        let notes = follow(one.0, one.1, isCut: isCut)
        #expect(credentials(notes) == [one.2], "\(one.1)")
        #expect(notes.flatMap(\.violations).isEmpty)
        for note in notes {
            let shown = String(decoding: note.publicOctets, as: UTF8.self)
            for secret in ["s3cret", "s3 ", "cret", "czNjcmV0", "AGJvYgBzM2NyZXQ=", "c4c9334bac56", "czNjcmV0AQE"] {
                #expect(!shown.contains(secret), "\(shown)")
            }
        }
        // Whoever reads the masked form, as in a recording, finds the same login.
        let again = follow(one.0, shown(notes, like: one.1), isCut: isCut)
        func names(_ notes: [Note]) -> [String] {
            credentials(notes).map {
                $0.split(separator: " ", omittingEmptySubsequences: false).prefix(2).joined(separator: " ")
            }
        }
        #expect(names(again) == names(notes), "\(shown(notes, like: one.1))")
    }

    @Test(
        arguments: [
            (
                .smtp,
                [
                    "C: please AUTH yourself", "C: AUTH LOGIN", "C: This is how a client begins.", "C: Ym9i",
                    "C: czNjcmV0",
                ]
            ),
            (.smtp, ["C: AUTH PLAIN nonsense", "C: AUTH s3cret"]),
            (.smtp, ["S: 334 ", "C: aGVsbG8gd29ybGQ="]),
            (.pop3, ["C: AUTH", "C: PASS", "C: PASSWORD s3cret", "C: APOP bob s3cret"]),
            (.pop3, ["S: + a list item", "C: LIST", "C: STAT"]),
            (.imap, ["C: a LOGIN bob", "C: a LOGIN bob s3cret more", "C: a LOGIN \"bob s3cret"]),
            (.imap, ["C: please login to continue", "C: Users login with s3cret", "C: a1 LOGIN s3cret{3}", "C: bob"]),
            (.smtp, ["C: AUTH LOGIN test", "C: Done"]), (.smtp, ["C: AUTH LOGIN", "C: word", "C: They"]),
            (.smtp, ["S: 334 VXNlciBwYXNzd29yZDo=", "C: czNjcmV0"]), (.pop3, ["S: + VXNlcnBhc3M=", "C: czNjcmV0"]),
            (.imap, ["S: + ", "C: dXNlcj1ib2IBYXV0aD1CZWFyZXIgVAF4PXMzY3JldAEB"]),
            (.imap, ["C: a LOGIN {3}", "C: b NOOP", "C: bob {6}", "C: s3cret"]),
            (.imap, ["C: a RENAME {3}", "S: + go", "C: bob {6}", "S: + go", "C: s3cret"]),
            (.imap, ["C: a APPEND x {40}", "S: + go", "C: Subject: words", "C: hello", "C: word"]),
        ] as [(MailProtocol, [String])])
    func noLogins(_ one: (MailProtocol, [String])) {
        let notes = follow(one.0, one.1)
        #expect(credentials(notes).isEmpty, "\(credentials(notes))")
        for secret in ["s3cret", "czNjcmV0", "MzY3JldA"] {
            #expect(!notes.contains { String(decoding: $0.publicOctets, as: UTF8.self).contains(secret) })
        }
    }

    /// Each login has a number of its own, so that its secret is found again: also two of one mechanism, one before and one behind the gap.
    @Test(
        arguments: [
            (.smtp, ["C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "S: 535 no", "C: AUTH PLAIN AGFubgBzM2NyZXQ="]),
            (.pop3, ["C: USER bob", "C: PASS s3cret", "C: USER ann", "C: PASS s3cret"]),
            (
                .pop3,
                [
                    "C: AUTH PLAIN", "S: + ", "C: AGJvYgBzM2NyZXQ=", "S: -ERR", "C: AUTH PLAIN", "S: + ",
                    "C: AGFubgBzM2NyZXQ=",
                ]
            ),
            (.imap, ["C: a1 LOGIN bob s3cret", "S: a1 NO", "C: a2 LOGIN ann s3cret"]),
            (.imap, ["S: + ", "C: AGJvYgBzM2NyZXQ=", "S: a1 NO", "S: + ", "C: AGFubgBzM2NyZXQ="]),
        ] as [(MailProtocol, [String])])
    func numbers(_ one: (MailProtocol, [String])) {
        let notes = follow(one.0, one.1).filter { !credentials([$0]).isEmpty }
        #expect(notes.count == 2 && Set(notes.map(\.exchange)).count == 2, "\(credentials(notes))")
    }

    /// Who reads a recording, in which the secrets are masked, arrives at the same, whatever stands behind a login without a place.
    @Test(
        arguments: [
            (
                .smtp,
                [
                    "C: AUTH PLAIN", "C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "C: AUTH CRAM-MD5", "C: AUTH LOGIN", "C: NOOP",
                    "C: XCLIENT ADDR=192.0.2.1", "C: MAIL FROM:<>", "C: VRFY bob", "S: 334 ", "S: 334 VXNlcm5hbWU6",
                ]
            ),
            (
                .pop3,
                [
                    "C: AUTH PLAIN", "C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "C: USER bob", "C: PASS s3cret", "C: NOOP",
                    "C: STAT now", "S: + ", "S: + VXNlcm5hbWU6",
                ]
            ),
            (
                .imap,
                [
                    "C: a AUTHENTICATE PLAIN", "C: a AUTHENTICATE PLAIN AGJvYgBzM2NyZXQ=", "C: a LOGIN {3}",
                    "C: a LOGIN bob s3cret", "C: a NOOP", "C: NOOP", "S: + ", "S: + VXNlcm5hbWU6", "S: a NO no",
                ]
            ),
        ] as [(MailProtocol, [String])])
    func readAgain(_ one: (MailProtocol, [String])) {
        let common = [
            "C: AGJvYgBzM2NyZXQ=", "C: Ym9i", "C: word", "C: two words", "C: *", "C: ", "C: =", "S: 250 ok", "C-", "S-",
        ]
        let words = one.1 + common
        var numbers = SeededNumbers(seed: 18)
        for _ in 0..<4000 {
            let lines = (0..<Int.random(in: 2...6, using: &numbers)).map { _ in
                words[Int.random(in: words.indices, using: &numbers)]
            }
            let live = follow(one.0, lines)
            let again = follow(one.0, shown(live, like: lines))
            func told(_ notes: [Note]) -> [String] {
                Side.allCases.flatMap { notes.joined($0) }.map { note in
                    "\(note.side) #\(note.exchange) \(note.element) \(String(decoding: note.publicOctets, as: UTF8.self))"
                }
            }
            #expect(told(again) == told(live), "\(lines)")
            if told(again) != told(live) { return }
        }
    }

    /// Servers repeat what they refuse. Behind a gap nobody knows what that was.
    @Test(
        arguments: [
            (.smtp, ["S: 535 5.7.8 Error: AUTH PLAIN AGJvYgBzM2NyZXQ="]),
            (.smtp, ["S: rror: AUTH PLAIN AGJvYgBzM2NyZXQ="]),
            (.smtp, ["S: 250-one", "S: 500 AUTH PLAIN AGJvYgBzM2NyZXQ="]),
            (.smtp, ["S- 500 AUTH PLAIN AGJvYgBzM2NyZXQ="]), (.smtp, ["S- AIN AGJvYgBzM2NyZXQ="]),
            (.pop3, ["S: -ERR unknown command AGJvYgBzM2NyZXQ="]), (.pop3, ["S: nown command AGJvYgBzM2NyZXQ="]),
            (.pop3, ["S- -ERR unknown AGJvYgBzM2NyZXQ="]), (.pop3, ["S- -ERR"]), (.pop3, ["S- -ERR [AUTH]"]),
            (.smtp, ["S- 500"]),
            (.imap, ["S- * BAD"]), (.pop3, ["S- nown command AGJvYgBzM2NyZXQ="]),
            (.imap, ["S: rror in command LOGIN bob s3cret"]), (.imap, ["S: * BAD unknown: LOGIN bob s3cret"]),
            (.imap, ["S: a1 BAD unknown: a1 LOGIN bob s3cret"]), (.imap, ["S- a1 BAD a1 LOGIN bob s3cret"]),
            (.imap, ["S- own command LOGIN bob s3cret"]),
        ] as [(MailProtocol, [String])])
    func echoes(_ one: (MailProtocol, [String])) {
        for lines in [one.1, ["C: hello"] + one.1, ["C-", "S-"] + one.1] {
            let notes = follow(one.0, lines)
            for secret in ["s3cret", "AGJvYgBzM2NyZXQ="] {
                #expect(
                    !notes.contains { String(decoding: $0.publicOctets, as: UTF8.self).contains(secret) }, "\(lines)")
            }
        }
    }

    /// What a server repeats may be what is missing of the client, though nothing shows yet that it is: the next octets of the client do.
    @Test(
        arguments: [
            (
                .smtp,
                [
                    "S: 220 mx", "C: EHLO x", "S: 250 AUTH PLAIN", "S: 535 5.7.8 Error: AUTH PLAIN AGJvYgBzM2NyZXQ=",
                    "C-",
                ]
            ),
            (
                .smtp,
                [
                    "S: 220 mx", "C: EHLO x", "S: 250 AUTH PLAIN", "C: AUTH PLAIN", "S: 334 ",
                    "S: 535 AGJvYgBzM2NyZXQ=", "C-",
                ]
            ),
            (.smtp, ["S: 220 mx", "C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "S-", "S: IN AGJvYgBzM2NyZXQ="]),
            (.smtp, ["S: 220 mx", "C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "S- 535 AUTH PLAIN AGJvYgBzM2NyZXQ="]),
            (.pop3, ["S: +OK", "C: USER bob", "S: +OK", "S: -ERR bad PASS s3cret", "C-"]),
            (.pop3, ["S: +OK", "C: AUTH PLAIN", "S: + ", "S: -ERR what AGJvYgBzM2NyZXQ=", "C-"]),
            (.pop3, ["S: +OK", "C: USER bob", "S: +OK", "C: PASS s3cret", "S- -ERR bad PASS s3cret"]),
            (.pop3, ["S: +OK", "C-", "C: PASS s3cret", "S-", "S: SS s3cret"]),
            (.imap, ["S: * OK", "C: a1 LOGIN bob {6}", "S: + go", "S: a1 BAD what is s3cret", "C-"]),
            (.imap, ["S: * OK", "C: a1 AUTHENTICATE PLAIN", "S: + ", "S: a1 BAD what is AGJvYgBzM2NyZXQ=", "C-"]),
            (
                .imap,
                [
                    "S: * OK", "C: a1 LOGIN bob {6}", "S: + go", "C: s3cret", "S: a1 BAD x", "C: s3cret",
                    "S- s3cret BAD unknown",
                ]
            ),
            (.imap, ["S: * OK", "C-", "S- s3cret BAD unknown"]),
            (
                .imap,
                ["S: * OK", "C: a1 LOGIN bob {6}", "S: + go", "C: s3cret", "S: a1 BAD x", "C: s3cret", "S- s3cret BA"]
            ),
            (.imap, ["S: * OK", "C-", "S- s3cret BA"]),
            (
                .imap,
                ["S: * OK", "C: a1 LOGIN bob {6}", "S: + go", "C: s3cret", "S: a1 BAD x", "C: s3cret", "S- s3cret "]
            ),
            (.imap, ["S: * OK", "C-", "S- s3cret "]),
            (
                .imap,
                ["S: * OK", "C: a1 LOGIN bob {6}", "S: + go", "C: s3cret", "S: a1 BAD x", "C: s3cret", "S- s3cret"]
            ),
            (.imap, ["S: * OK", "C-", "S- s3cret"]),
            (.imap, ["S: * OK", "C: a1 NOOP", "S: a1 OK", "S: * BAD what: LOGIN bob s3cret", "C-"]),
            (.imap, ["S: * OK", "C: a1 LOGIN bob s3cret", "S- a1 BAD what: LOGIN bob s3cret"]),
            (.imap, ["S-", "C: a1 LOGIN bob {6}", "S: + go", "S: a1 BAD what is s3cret", "C-"]),
        ] as [(MailProtocol, [String])])
    func echoesOfWhatIsMissing(_ one: (MailProtocol, [String])) {
        // The gap is known before what the server says behind it as well, when that acknowledges what is missing.
        let early = one.1.last == "C-" ? one.1.dropLast(2) + ["C-"] + one.1.dropLast().suffix(1) : one.1
        for lines in [one.1, early] {
            let notes = follow(one.0, lines, isMidstream: false)
            for secret in ["s3cret", "AGJvYgBzM2NyZXQ="] {
                #expect(
                    !notes.contains { String(decoding: $0.publicOctets, as: UTF8.self).contains(secret) }, "\(lines)")
            }
        }
    }

    /// What refuses nothing is shown as it was.
    @Test(
        arguments: [
            (.smtp, "S: 250 2.0.0 Ok: queued as 4711"), (.smtp, "S: 220 mail.example.com ESMTP"),
            (.pop3, "S: +OK 3 messages"), (.imap, "S: * 5 EXISTS"), (.imap, "S: a1 OK done"),
        ] as [(MailProtocol, String)])
    func noEchoes(_ one: (MailProtocol, String)) {
        let shown = follow(one.0, [one.1]).filter { $0.side == .server }.flatMap(\.publicOctets)
        #expect(String(decoding: shown, as: UTF8.self) == one.1.dropFirst(3) + "\r\n")
    }

    /// Behind the login nothing that is missing is one: what a server says unasked is shown.
    @Test(
        arguments: [
            (
                .pop3,
                ["S: +OK", "C: USER bob", "S: +OK", "C: PASS s3cret", "S: +OK", "S: -ERR Disconnected for inactivity."]
            ),
            (
                .smtp,
                ["S: 220 mx", "C: AUTH PLAIN AGJvYgBzM2NyZXQ=", "S: 235 ok", "S: 451 4.4.2 timeout exceeded"]
            ),
            (.imap, ["S: * OK", "C: a LOGIN bob s3cret", "S: a OK", "S: * BAD no room"]),
        ] as [(MailProtocol, [String])])
    func noEchoesBehindTheLogin(_ one: (MailProtocol, [String])) {
        let notes = follow(one.0, one.1, isMidstream: false)
        #expect(notes.allSatisfy { $0.side == .client || $0.masked == nil })
    }

    /// A command that announces a message is followed by it, wherever the command stands.
    @Test(
        arguments: [
            (.smtp, ["C: BDAT 12 LAST", "C: Subject: x", "S: 250 ok", "C: QUIT"]),
            (.imap, ["C: a APPEND x {10}", "S: + go", "C: Subject: x", "C: ", "S: a OK", "C: b NOOP"]),
            (.imap, ["C: a APPEND x {10+}", "C: Subject: x", "C: "]),
        ] as [(MailProtocol, [String])], [false, true])
    func messages(_ one: (MailProtocol, [String]), _ isCut: Bool) {
        let notes = follow(one.0, one.1, isCut: isCut)
        let text = notes.filter { $0.element == .content }.flatMap(\.raw)
        #expect(String(decoding: text, as: UTF8.self).hasPrefix("Subject: x"))
        #expect(notes.count { $0.element == .contentEnd } == 1 && notes.flatMap(\.violations).isEmpty)
        #expect(!notes.contains { if case .opaque = $0.element { true } else { false } })
    }
}
