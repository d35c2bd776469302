// Which test comes next, for whom, and what a server looks like from outside.

import MailDialogue
import MailRecording
import Testing

@testable import MailSessions

@Suite struct StripLedgerTests {
    private static func key(_ number: UInt32 = 1, _ mailProtocol: MailProtocol = .imap) -> StripLedger.Key {
        StripLedger.Key(
            client: IPAddress(v4: 0x7F00_0000 + number), route: "r", mailProtocol: mailProtocol, isImplicit: false)
    }

    @Test func allTestsOnceAndThenNone() {
        var ledger = StripLedger()
        let program = StripProgram(name: "one")
        for vector in StripVector.all(for: .imap, isImplicit: false) {
            #expect(ledger.next(Self.key(), interval: 1, chance: 7) == vector)
            _ = ledger.file(StripOutcome(.withstood, ""), vector, program, of: Self.key())
        }
        #expect(ledger.next(Self.key(), interval: 1, chance: 7) == nil)
        // Another client begins anew.
        #expect(ledger.next(Self.key(2), interval: 1, chance: 7) == .control)
        #expect(ledger.next(Self.key(1, .smtp), interval: 1, chance: 7) == .control)
    }

    @Test func oneConnectionOfSoManyIsATest() {
        var ledger = StripLedger()
        let tests = (0..<9).map { _ in ledger.next(Self.key(), interval: 3, chance: 0) }
        #expect(tests == [.control, nil, nil, .capabilityRemoved, nil, nil, .temporaryError, nil, nil])
    }

    @Test func whatShowedNothingIsTriedAgainAFewTimes() {
        var ledger = StripLedger()
        var tries = 0
        while let vector = ledger.next(Self.key(), interval: 1, chance: UInt64(tries)), tries < 1_000 {
            tries += 1
            _ = ledger.file(StripOutcome(.none, ""), vector, StripProgram(name: "one"), of: Self.key())
        }
        #expect(tries == StripVector.all(for: .imap, isImplicit: false).count * StripLedger.mostTries)
    }

    /// Two programs at one address that take turns: both get all tests, not each the half of them.
    @Test func twoProgramsGetAllTests() {
        var ledger = StripLedger()
        let programs = [StripProgram(name: "one"), StripProgram(name: "two")]
        var settled: [Set<StripVector>] = [[], []]
        for turn in 0..<1_000 {
            // A fixed sequence in the place of chance.
            let chance = UInt64(turn) &* 6_364_136_223_846_793_005 >> 33
            guard let vector = ledger.next(Self.key(), interval: 1, chance: chance) else { continue }
            _ = ledger.file(StripOutcome(.fell, ""), vector, programs[turn % 2], of: Self.key())
            settled[turn % 2].insert(vector)
        }
        let all = StripVector.all(for: .imap, isImplicit: false).count
        #expect(settled[0].count + settled[1].count >= 2 * all - 2)
    }

    @Test func partsOfAProgramComeTogether() {
        var ledger = StripLedger()
        _ = ledger.next(Self.key(), interval: 1, chance: 0)
        func file(_ program: StripProgram) -> StripProgram {
            ledger.file(StripOutcome(.withstood, ""), .expired, program, of: Self.key())
        }
        #expect(file(StripProgram(name: "one")) == StripProgram(name: "one"))
        #expect(file(StripProgram(hello: "abc")) == StripProgram(name: "one", hello: "abc"))
        #expect(file(StripProgram(account: "anna")) == StripProgram(name: "one", hello: "abc", account: "anna"))
        #expect(file(StripProgram(name: "two")) == StripProgram(name: "two"))
        #expect(file(StripProgram(hello: "abc")).name == "one")
    }

    /// Who does not come to TLS when nothing is wrong has not refused anything; until it does, and what it gave away it gave.
    @Test func whatAClientThatFailsAnywayShows() {
        var ledger = StripLedger()
        let (program, other) = (StripProgram(name: "one"), StripProgram(name: "two"))
        _ = ledger.next(Self.key(), interval: 1, chance: 0)
        func conclude(_ verdict: StripVerdict, _ vector: StripVector, of program: StripProgram) -> StripVerdict {
            let outcome = StripOutcome(verdict, "x")
            _ = ledger.file(outcome, vector, program, of: Self.key())
            return ledger.conclusion(outcome, vector, program, of: Self.key()).verdict
        }
        #expect(conclude(.withstood, .expired, of: program) == .withstood)
        #expect(conclude(StripVerdict.none, .control, of: program) == StripVerdict.none)
        #expect(conclude(.withstood, .control, of: other) == .withstood)
        #expect(conclude(.withstood, .expired, of: program) == .inconclusive)
        #expect(conclude(.fell, .wrongName, of: program) == .fell)
        #expect(conclude(.withstood, .expired, of: other) == .withstood)
        #expect(conclude(.withstood, .control, of: program) == .withstood)
        #expect(conclude(.withstood, .expired, of: program) == .withstood)
    }

    @Test func memoryIsBounded() {
        var ledger = StripLedger()
        for number in 0..<UInt32(StripLedger.mostClients * 3) {
            _ = ledger.next(Self.key(number), interval: 1, chance: 0)
            for name in 0..<(number == 5 ? 100 : 0) {
                _ = ledger.file(
                    StripOutcome(.fell, ""), .expired, StripProgram(name: "\(name)"), of: Self.key(number))
            }
        }
        #expect(ledger.count <= StripLedger.mostClients)
        // The newest is still known.
        #expect(
            ledger.next(Self.key(UInt32(StripLedger.mostClients * 3 - 1)), interval: 1, chance: 0)
                == .capabilityRemoved)
    }

    @Test func vectorsOfEachProtocol() {
        #expect(StripVector.all(for: .imap, isImplicit: false).contains(.preAuthenticated))
        #expect(!StripVector.all(for: .smtp, isImplicit: false).contains(.preAuthenticated))
        #expect(
            StripVector.all(for: .pop3, isImplicit: true)
                == [.control, .untrustedCertificate, .wrongName, .expired, .oldVersion])
        #expect(StripVector.all(for: .lmtp, isImplicit: false).isEmpty)
        for vector in StripVector.allCases { #expect(vector.row.section.contains("RFC ")) }
    }

    @Test func aReportIsReadAsItWasWritten() throws {
        let client = try #require(SocketAddress("192.0.2.7:1000"))
        let info = SessionInfo(
            id: "s1", mailProtocol: .imap, start: 0, client: client, server: client, route: "a=b\"c")
        let report = StripReport(
            info, .preAuthenticated, StripOutcome(.fell, "LIST in clear"),
            StripProgram(name: "Näh\"er", hello: nil, account: "anna"), isImplicit: false, time: 1_000_000)
        #expect(StripReport(line: report.json) == report)
        #expect(
            report.json
                == #"{"time":"1970-01-01T00:00:01.000000Z","session":"s1","route":"a=b\"c","client":"192.0.2.7","protocol":"imap","implicit_tls":false,"name":"Näh\"er","hello":null,"account":"anna","vector":"preauth","verdict":"fell","evidence":"LIST in clear"}"#
        )
        #expect(StripReport(line: "{}") == nil)
        #expect(StripReport(line: report.json.replacing("preauth", with: "other")) == nil)

        var summary = StripSummary()
        var other = report
        other.outcome = StripOutcome(.none, "it says nothing")
        summary.add(report)
        summary.add(other)
        #expect(summary.clients.count == 1)
        #expect(summary.clients[0].fell)
        #expect(summary.clients[0].results[.preAuthenticated] == report)
        other.program.name = "another"
        summary.add(other)
        #expect(summary.clients.map(\.fell) == [true, false])
        #expect(summary.clients[0].text == "Näh\"er, account anna")
    }
}

@Suite struct StripProbeTests {
    private static func look(_ mailProtocol: MailProtocol, _ said: [String], piece: Int) -> (StripProbe.Step, String) {
        var probe = StripProbe(mailProtocol, name: "proxy.example.com")
        var sent = ""
        for words in said {
            var rest = Array(words.utf8)[...]
            while !rest.isEmpty {
                let step = probe.receive(rest.prefix(piece))
                rest = rest.dropFirst(min(piece, rest.count))
                switch step {
                case .more: continue
                case .send(let octets): sent += String(decoding: octets, as: UTF8.self)
                case .done, .failed: return (step, sent)
                }
            }
        }
        return (.more, sent)
    }

    @Test(arguments: [1, 3, Int.max]) func serversAreLookedAt(_ piece: Int) {
        let (smtp, ehlo) = Self.look(
            .smtp,
            ["220-mx\r\n220 hello\r\n", "250-mx.example.com at your service\r\n250-SIZE 10\r\n250 STARTTLS\r\n"],
            piece: piece)
        #expect(ehlo == "EHLO proxy.example.com\r\n")
        #expect(
            smtp
                == .done(
                    StripFacade(
                        greeting: Array("220-mx\r\n220 hello\r\n".utf8), host: "mx.example.com",
                        offers: ["SIZE 10", "STARTTLS"]), goodbye: Array("QUIT\r\n".utf8)))
        let (pop3, capa) = Self.look(.pop3, ["+OK hi\r\n", "+OK\r\nSTLS\r\nUIDL\r\n.\r\n"], piece: piece)
        #expect(capa == "CAPA\r\n")
        #expect(
            pop3
                == .done(
                    StripFacade(
                        greeting: Array("+OK hi\r\n".utf8), host: "proxy.example.com", offers: ["STLS", "UIDL"]),
                    goodbye: Array("QUIT\r\n".utf8)))
        let (old, _) = Self.look(.pop3, ["+OK hi\r\n", "-ERR what\r\n"], piece: piece)
        #expect(
            old
                == .done(
                    StripFacade(greeting: Array("+OK hi\r\n".utf8), host: "proxy.example.com", offers: nil),
                    goodbye: Array("QUIT\r\n".utf8)))
        let (imap, question) = Self.look(
            .imap, ["* OK hi\r\n", "* CAPABILITY IMAP4rev1 ID\r\nmailproxy OK done\r\n"], piece: piece)
        #expect(question == "mailproxy CAPABILITY\r\n")
        #expect(
            imap
                == .done(
                    StripFacade(
                        greeting: Array("* OK hi\r\n".utf8), host: "proxy.example.com", offers: ["IMAP4rev1", "ID"]),
                    goodbye: Array("mailproxy2 LOGOUT\r\n".utf8)))
    }

    @Test(arguments: [
        (MailProtocol.smtp, "554 no\r\n"), (.smtp, "what\r\n"), (.pop3, "-ERR no\r\n"), (.imap, "* BYE no\r\n"),
        (.imap, "* PREAUTH in\r\n"), (.imap, String(repeating: "x", count: 10_000)),
    ])
    func aServerThatTurnsUsAway(_ mailProtocol: MailProtocol, _ said: String) {
        let (step, _) = Self.look(mailProtocol, [said], piece: .max)
        guard case .failed = step else {
            Issue.record("\(step)")
            return
        }
    }
}

@Suite struct TLSRecordWalkTests {
    @Test(arguments: [1, 2, 5, Int.max]) func recordsEndWhereTheyEnd(_ piece: Int) {
        let octets: [UInt8] = [22, 3, 1, 0, 3, 65, 66, 67, 20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 0] + Array("EHLO".utf8)
        var walk = TLSRecordWalk()
        var rest = octets[...]
        var taken = 0
        while !rest.isEmpty {
            let part = rest.prefix(piece)
            let count = walk.advance(part)
            taken += count
            guard count == part.count else { break }
            rest = rest.dropFirst(count)
        }
        #expect(taken == 19)
        #expect(walk.hasBegun)
    }

    @Test func textIsNoRecord() {
        var walk = TLSRecordWalk()
        #expect(walk.advance(Array("a LOGIN".utf8)[...]) == 0)
        #expect(!walk.hasBegun)
    }
}
