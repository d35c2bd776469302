// What clients are told in a strip test, what they give away, and what is said of them: each script in any chunking.

import MailDialogue
import TestSupport
import Testing

@testable import MailSessions

/// A client in a test, octet by octet or all at once.
struct StripTrial {
    var test: StripTest
    var effects: [StripTest.Effect] = []
    var notes: [Note] = []
    let piece: Int

    init(_ vector: StripVector, _ mailProtocol: MailProtocol, isImplicit: Bool = false, piece: Int = .max) {
        let facade =
            switch mailProtocol {
            case .smtp, .lmtp:
                StripFacade(
                    greeting: Array("220 mx.example.com ESMTP\r\n".utf8), host: "mx.example.com",
                    offers: ["PIPELINING", "STARTTLS", "AUTH CRAM-MD5 XOAUTH2", "SIZE 1000"])
            case .pop3:
                StripFacade(
                    greeting: Array("+OK ready <1.2@mx.example.com>\r\n".utf8), host: "mx",
                    offers: ["STLS", "UIDL", "PIPELINING", "SASL CRAM-MD5"])
            case .imap:
                StripFacade(
                    greeting: Array("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n".utf8), host: "mx",
                    offers: ["IMAP4rev1", "STARTTLS", "LOGINDISABLED", "ID", "AUTH=SCRAM-SHA-1"])
            }
        self.piece = piece
        test = StripTest(vector, mailProtocol, facade, isImplicit: isImplicit)
        tell(.connected)
    }

    mutating func tell(_ event: StripTest.Event) { test.handle(event, effects: &effects, notes: &notes) }

    mutating func say(_ text: String) { say(Array(text.utf8)) }

    mutating func say(_ octets: [UInt8]) {
        var rest = octets[...]
        while !rest.isEmpty {
            tell(.received(Array(rest.prefix(piece))))
            rest = rest.dropFirst(min(piece, rest.count))
        }
    }

    /// What the client heard since the last question.
    mutating func heard() -> String {
        defer { effects = [] }
        return effects.reduce(into: "") { text, effect in
            switch effect {
            case .send(let octets): text += String(decoding: octets, as: UTF8.self)
            case .beginTLS: text += "<TLS>"
            case .goesOnInClear: text += "<clear>"
            case .wait(let milliseconds): text += "<\(milliseconds)>"
            case .close: text += "<close>"
            }
        }
    }

    /// All that a recording would hold.
    var recorded: String { notes.map { String(decoding: $0.publicOctets, as: UTF8.self) }.joined() }
}

@Suite struct StripTestTests {
    static let pieces = [1, 2, 7, Int.max]
    static let plain = "AGFubmEAcXVpdHRl"

    // MARK: Nothing is wrong

    @Test(arguments: pieces) func whoLogsInUnderTLSDoesWell(_ piece: Int) {
        var trial = StripTrial(.control, .smtp, piece: piece)
        trial.say("EHLO laptop\r\n")
        #expect(trial.heard().hasSuffix("250-mx.example.com\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"))
        trial.say("STARTTLS\r\n")
        #expect(trial.heard().hasSuffix("<TLS>"))
        trial.tell(.secured)
        trial.say("EHLO laptop\r\n")
        #expect(trial.heard().contains("250 AUTH PLAIN LOGIN"))
        trial.say("AUTH PLAIN \(Self.plain)\r\n")
        #expect(trial.heard() == "454 4.7.0 Temporary authentication failure\r\n<close>")
        #expect(trial.test.verdict == StripOutcome(.withstood, "PLAIN under TLS, where it belongs"))
    }

    @Test func whoDoesNotComeToTLSThoughNothingIsWrong() {
        var refusing = StripTrial(.control, .imap)
        refusing.say("a STARTTLS\r\n")
        refusing.tell(.handshakeFailed("tlsv1 alert unknown ca", isBegun: true))
        #expect(
            refusing.test.verdict
                == StripOutcome(.none, "it does not come to TLS though nothing is wrong: tlsv1 alert unknown ca"))
        var leaving = StripTrial(.control, .imap)
        leaving.say("a LOGOUT\r\n")
        #expect(leaving.test.verdict == StripOutcome(.none, "it does not ask for TLS"))
        var implicit = StripTrial(.control, .imap, isImplicit: true)
        implicit.tell(.ended)
        #expect(implicit.test.verdict == StripOutcome(.withstood, "leaves behind the handshake"))
    }

    @Test func whoLogsInInClearThoughTLSIsOffered() {
        var trial = StripTrial(.control, .pop3)
        trial.say("USER anna\r\nPASS secret\r\n")
        #expect(trial.test.verdict == StripOutcome(.fell, "USER in clear, without asking for TLS"))
    }

    /// Row by row, seen beside what it does when nothing is wrong.
    @Test func theSummaryDoubtsToo() throws {
        func line(_ vector: String, _ verdict: String) -> String {
            #"{"time":"2026-11-26T08:00:00.000000Z","session":"s","route":"r","client":"192.0.2.1","protocol":"imap","#
                + #""implicit_tls":false,"name":"one","hello":null,"account":null,"vector":"\#(vector)","verdict":"\#(verdict)","#
                + #""evidence":"leaves"}"#
        }
        func verdict(_ lines: [String]) throws -> StripVerdict? {
            var summary = StripSummary()
            for line in lines { summary.add(try #require(StripReport(line: line))) }
            let client = try #require(summary.clients.first)
            #expect(client.json.contains("inconclusive") == (client.outcome(of: .expired)?.verdict == .inconclusive))
            return client.outcome(of: .expired)?.verdict
        }
        let withstood = line("expired", "withstood")
        #expect(try verdict([withstood]) == .withstood)
        #expect(try verdict([withstood, line("control", "none")]) == .inconclusive)
        #expect(try verdict([line("control", "none"), withstood, line("control", "withstood")]) == .withstood)
        #expect(try verdict([line("control", "none"), line("expired", "fell")]) == .fell)
    }

    // MARK: STARTTLS that is not there

    @Test(arguments: pieces) func aClientThatTakesWhatItGetsFalls(_ piece: Int) {
        var trial = StripTrial(.capabilityRemoved, .smtp, piece: piece)
        #expect(trial.heard() == "220 mx.example.com ESMTP\r\n")
        trial.say("EHLO laptop\r\n")
        #expect(
            trial.heard()
                == "250-mx.example.com\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n")
        trial.say("AUTH PLAIN \(Self.plain)\r\n")
        #expect(trial.heard() == "454 4.7.0 Temporary authentication failure\r\n<close>")
        #expect(trial.test.verdict == StripOutcome(.fell, "PLAIN in clear"))
        #expect(trial.test.program == StripProgram(name: "laptop", account: "anna"))
        #expect(!trial.recorded.contains(Self.plain) && trial.recorded.contains("AUTH PLAIN AGFubmEA"))
    }

    @Test(arguments: pieces) func aClientThatLeavesWithstands(_ piece: Int) {
        var trial = StripTrial(.capabilityRemoved, .imap, piece: piece)
        #expect(trial.heard() == "* OK ready\r\n")
        trial.say("a1 CAPABILITY\r\n")
        #expect(trial.heard() == "* CAPABILITY IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN\r\na1 OK done\r\n")
        trial.say("a2 LOGOUT\r\n")
        #expect(trial.heard() == "* BYE Bye\r\na2 OK done\r\n<close>")
        #expect(trial.test.verdict == StripOutcome(.withstood, "leaves"))
    }

    @Test(arguments: pieces) func aClientThatAsksAllTheSame(_ piece: Int) {
        var trial = StripTrial(.capabilityRemoved, .pop3, piece: piece)
        #expect(trial.heard() == "+OK ready \r\n")
        trial.say("STLS\r\n")
        #expect(trial.heard() == "-ERR This command is not known\r\n")
        trial.tell(.ended)
        #expect(trial.test.verdict == StripOutcome(.withstood, "asks for TLS all the same, and leaves"))
    }

    @Test func whoSaysNothingShowsNothing() {
        for vector in StripVector.allCases where vector != .preAuthenticated {
            var trial = StripTrial(vector, .smtp)
            trial.tell(.ended)
            #expect(trial.test.verdict == StripOutcome(.none, "it says nothing"))
        }
    }

    @Test(arguments: pieces) func withoutExtensionsMailGoesInClear(_ piece: Int) {
        var trial = StripTrial(.extensionsRefused, .smtp, piece: piece)
        _ = trial.heard()
        trial.say("EHLO laptop\r\n")
        #expect(trial.heard() == "502 5.5.1 This command is not implemented\r\n")
        trial.say("HELO laptop\r\n")
        #expect(trial.heard() == "250 mx.example.com\r\n")
        trial.say("MAIL FROM:<anna@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n")
        #expect(trial.heard() == "451 4.7.0 Try again later\r\n<close>")
        #expect(trial.test.verdict == StripOutcome(.fell, "MAIL in clear"))
    }

    // MARK: STARTTLS that is refused

    @Test(arguments: [
        (StripVector.temporaryError, MailProtocol.smtp, "454 4.7.0 TLS is not available, try again later\r\n"),
        (.temporaryError, .pop3, "-ERR [SYS/TEMP] TLS is not available, try again later\r\n"),
        (.temporaryError, .imap, "a NO [UNAVAILABLE] TLS is not available, try again later\r\n"),
        (.permanentError, .smtp, "502 5.5.1 This command is not implemented\r\n"),
        (.permanentError, .pop3, "-ERR This command is not known\r\n"),
        (.permanentError, .imap, "a BAD This command is not known\r\n"),
        (.invalidAnswer, .smtp, "200 2.0.0 Ready to begin TLS\r\n"),
        (.invalidAnswer, .pop3, "+ Ready to begin TLS\r\n"),
        (.invalidAnswer, .imap, "a YES Ready to begin TLS\r\n"),
        (.clearAnswer, .smtp, "220 2.0.0 Ready to begin TLS\r\n"),
        (.clearAnswer, .pop3, "+OK Ready to begin TLS\r\n"), (.clearAnswer, .imap, "a OK Ready to begin TLS\r\n"),
    ])
    func whatFollowsARefusal(_ vector: StripVector, _ mailProtocol: MailProtocol, _ answer: String) {
        let (ask, login, secret) =
            switch mailProtocol {
            case .smtp, .lmtp: ("STARTTLS\r\n", "AUTH PLAIN \(Self.plain)\r\n", Self.plain)
            case .pop3: ("STLS\r\n", "USER anna\r\nPASS quitte\r\n", "quitte")
            case .imap: ("a STARTTLS\r\n", "b LOGIN anna quitte\r\n", "quitte")
            }
        for piece in Self.pieces {
            var trial = StripTrial(vector, mailProtocol, piece: piece)
            _ = trial.heard()
            trial.say(ask)
            #expect(trial.heard() == answer)
            var other = trial
            other.tell(.ended)
            let shows = vector != .clearAnswer
            #expect(other.test.verdict.verdict == (shows ? .withstood : .none))

            trial.say(login)
            let heard = trial.heard()
            #expect(heard.hasSuffix("Temporary authentication failure\r\n<close>"))
            #expect(heard.hasPrefix("<clear>") == (vector == .invalidAnswer || vector == .clearAnswer))
            #expect(trial.test.verdict.verdict == .fell)
            #expect(trial.test.program.account == "anna")
            #expect(!trial.recorded.contains(secret))
        }
    }

    @Test(arguments: pieces) func aHandshakeAnsweredInClear(_ piece: Int) {
        // A handshake record of five octets, then an alert: it does not go on.
        let hello: [UInt8] = [22, 3, 1, 0, 5, 1, 0, 0, 1, 10]
        let alert: [UInt8] = [21, 3, 3, 0, 2, 2, 80]
        var trial = StripTrial(.clearAnswer, .imap, piece: piece)
        trial.say("a STARTTLS\r\n")
        _ = trial.heard()
        trial.say(hello)
        #expect(trial.heard() == "* BAD This command is not known\r\n")
        var other = trial
        trial.say(alert)
        trial.tell(.ended)
        #expect(trial.heard() == "<close>")
        #expect(trial.test.verdict == StripOutcome(.withstood, "leaves"))
        // Another one goes back to the clear.
        other.say("b LOGIN anna quitte\r\n")
        #expect(other.heard() == "<clear>b NO [UNAVAILABLE] Temporary authentication failure\r\n<close>")
        #expect(other.test.verdict == StripOutcome(.fell, "LOGIN in clear"))
        #expect(!other.recorded.contains("quitte"))
    }

    @Test(arguments: pieces) func aWrongAnswerThatIsTakenForConsent(_ piece: Int) {
        var trial = StripTrial(.invalidAnswer, .smtp, piece: piece)
        trial.say("STARTTLS\r\n")
        _ = trial.heard()
        trial.say([22, 3, 1, 0, 5, 1, 0, 0, 1, 10])
        #expect(trial.heard() == "<close>")
        #expect(trial.test.verdict == StripOutcome(.withstood, "takes it for consent, and begins TLS"))
    }

    @Test func aLoginBeforeTLSWasAskedForIsSaidToBeOne() {
        var trial = StripTrial(.temporaryError, .imap)
        trial.say("a LOGIN anna quitte\r\n")
        #expect(trial.test.verdict == StripOutcome(.fell, "LOGIN in clear, without asking for TLS"))
    }

    // MARK: Certificates

    @Test(arguments: [StripVector.untrustedCertificate, .wrongName, .expired, .oldVersion])
    func underWrongTLS(_ vector: StripVector) {
        for piece in Self.pieces {
            var trial = StripTrial(vector, .smtp, piece: piece)
            _ = trial.heard()
            trial.say("EHLO laptop\r\n")
            #expect(trial.heard() == "250-mx.example.com\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 STARTTLS\r\n")
            trial.say("STARTTLS\r\n")
            #expect(trial.heard() == "220 2.0.0 Ready to begin TLS\r\n<TLS>")
            var refusing = trial
            refusing.tell(.handshakeFailed("tlsv1 alert bad certificate", isBegun: true))
            #expect(refusing.test.verdict == StripOutcome(.withstood, "tlsv1 alert bad certificate"))
            var distrusting = trial
            distrusting.tell(.handshakeFailed("tlsv1 alert unknown ca", isBegun: true))
            #expect(distrusting.test.verdict.verdict == (vector == .untrustedCertificate ? .withstood : .none))
            var silent = trial
            silent.tell(.handshakeFailed("it ended the connection", isBegun: false))
            #expect(silent.test.verdict.verdict == .none)

            trial.tell(.secured)
            var leaving = trial
            leaving.tell(.ended)
            #expect(leaving.test.verdict == StripOutcome(.withstood, "leaves behind the handshake"))
            trial.say("EHLO laptop\r\n")
            #expect(trial.heard().hasSuffix("250 AUTH PLAIN LOGIN XOAUTH2\r\n"))
            trial.say("AUTH LOGIN\r\n")
            #expect(trial.heard() == "334 VXNlcm5hbWU6\r\n")
            trial.say("YW5uYQ==\r\n")
            #expect(trial.heard() == "334 UGFzc3dvcmQ6\r\n")
            trial.say("cXVpdHRl\r\n")
            #expect(trial.heard() == "454 4.7.0 Temporary authentication failure\r\n<close>")
            #expect(trial.test.verdict == StripOutcome(.fell, "LOGIN under TLS"))
            #expect(!trial.recorded.contains("cXVpdHRl"))
        }
    }

    @Test func implicitTLS() {
        var trial = StripTrial(.expired, .pop3, isImplicit: true)
        #expect(trial.heard() == "+OK ready \r\n")
        trial.say("CAPA\r\n")
        #expect(trial.heard() == "+OK\r\nUIDL\r\nPIPELINING\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n")
        trial.say("USER anna\r\nPASS quitte\r\n")
        #expect(trial.heard() == "+OK\r\n-ERR [SYS/TEMP] Temporary authentication failure\r\n<close>")
        #expect(trial.test.verdict == StripOutcome(.fell, "USER under TLS"))
    }

    @Test func octetsInClearBehindSTARTTLSAreNobodys() {
        var trial = StripTrial(.expired, .smtp)
        trial.say("STARTTLS\r\nEHLO x\r\n")
        #expect(trial.heard().hasSuffix("<close>"))
        #expect(trial.test.verdict.verdict == .none)
    }

    // MARK: An answer that was injected

    @Test(arguments: pieces) func anInjectedAnswerIsTakenOrNot(_ piece: Int) {
        var trial = StripTrial(.injectedResponse, .smtp, piece: piece)
        trial.say("EHLO laptop\r\nSTARTTLS\r\n")
        #expect(
            trial.heard().hasSuffix(
                "220 2.0.0 Ready to begin TLS\r\n250-mx.example.com\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n<TLS>"))
        var closing = trial
        closing.tell(.handshakeFailed("it ended the connection", isBegun: false))
        #expect(closing.test.verdict.verdict == .withstood)
        trial.tell(.secured)
        trial.say("EHLO laptop\r\n")
        #expect(trial.heard() == "<1500>")
        var taken = trial
        taken.say("AUTH PLAIN \(Self.plain)\r\n")
        #expect(taken.heard() == "<close>")
        #expect(
            taken.test.verdict
                == StripOutcome(.fell, "it goes on under TLS with the answer that was injected in clear"))
        #expect(!taken.recorded.contains(Self.plain))
        trial.tell(.timerFired)
        #expect(trial.heard() == "250-mx.example.com\r\n250-SIZE 1000\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n")
        trial.say("AUTH PLAIN \(Self.plain)\r\n")
        #expect(trial.heard() == "454 4.7.0 Temporary authentication failure\r\n<close>")
        #expect(trial.test.verdict == StripOutcome(.withstood, "waits for the answer under TLS"))
    }

    @Test func anInjectedTagIsTheNext() {
        #expect(StripTest.tag(behind: "A0009") == "A0010")
        #expect(StripTest.tag(behind: "9") == "10")
        #expect(StripTest.tag(behind: "x99") == "x100")
        #expect(StripTest.tag(behind: "abc") == nil)
        #expect(StripTest.tag(behind: "") == nil)
        #expect(StripTest.tag(behind: "a99999999999999999999999999") == nil)
        var trial = StripTrial(.injectedResponse, .imap)
        trial.say("a1 STARTTLS\r\n")
        #expect(trial.heard().contains("a1 OK Ready to begin TLS\r\n* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN"))
        trial.tell(.secured)
        // A login waits like any other, and its secret is no proof: it came under good TLS.
        trial.say("a2 LOGIN anna quitte\r\n")
        trial.tell(.timerFired)
        #expect(trial.heard() == "<1500>a2 NO [UNAVAILABLE] Temporary authentication failure\r\n<close>")
        #expect(trial.test.verdict.verdict == .withstood)
    }

    /// The answer to a literal is what the client waits for; what it says without it was released by another.
    @Test func aLiteralWithoutItsAnswer() {
        var trial = StripTrial(.injectedResponse, .imap)
        trial.say("a1 STARTTLS\r\n")
        trial.tell(.secured)
        trial.say("a2 LOGIN anna {6}\r\n")
        var waiting = trial
        waiting.tell(.timerFired)
        #expect(waiting.heard().hasSuffix("<1500>+ go on\r\n"))
        trial.say("a3 SELECT INBOX\r\n")
        trial.tell(.timerFired)
        #expect(trial.test.verdict.verdict == .fell)
    }

    // MARK: PREAUTH

    @Test(arguments: pieces) func whoGoesOnBehindPREAUTHFalls(_ piece: Int) {
        var trial = StripTrial(.preAuthenticated, .imap, piece: piece)
        #expect(trial.heard() == "* PREAUTH ready\r\n")
        var leaving = trial
        leaving.tell(.ended)
        #expect(leaving.test.verdict == StripOutcome(.withstood, "leaves at once"))
        trial.say("a STARTTLS\r\n")
        #expect(trial.heard() == "a BAD This command is not known\r\n")
        trial.say("b ID (\"name\" \"Grüne Post\" \"version\" \"2.1\")\r\n")
        #expect(trial.heard() == "* ID NIL\r\nb OK done\r\n")
        #expect(trial.test.program.name == "Gr??ne Post 2.1")
        trial.say("c APPEND Drafts {5}\r\n")
        #expect(trial.heard() == "c NO [UNAVAILABLE] Try again later\r\n<close>")
        #expect(trial.test.verdict == StripOutcome(.fell, "APPEND in clear"))
    }

    // MARK: Ends

    @Test func whoStaysAndSaysNothingMoreWithstands() {
        var trial = StripTrial(.temporaryError, .smtp)
        trial.say("STARTTLS\r\n")
        var stopped = trial
        stopped.tell(.stopped)
        #expect(stopped.test.verdict == StripOutcome(.none, "the proxy stopped meanwhile"))
        trial.tell(.expired)
        #expect(trial.heard().hasSuffix("<close>"))
        #expect(trial.test.verdict == StripOutcome(.withstood, "says nothing more"))
    }

    /// What comes behind the end changes no verdict.
    @Test func theFirstDecisionCounts() {
        var trial = StripTrial(.capabilityRemoved, .imap)
        trial.say("a LOGIN anna quitte\r\nb LOGOUT\r\n")
        trial.tell(.stopped)
        #expect(trial.test.verdict == StripOutcome(.fell, "LOGIN in clear"))
    }

    // MARK: Bounds

    @Test func aClientThatNeverLeavesIsLeft() {
        var trial = StripTrial(.capabilityRemoved, .smtp)
        for _ in 0..<200 { trial.say("NOOP\r\n") }
        #expect(trial.test.isOver)
        #expect(trial.heard().hasSuffix("<close>"))
    }

    @Test func aLineWithoutEndIsTheEnd() {
        var trial = StripTrial(.capabilityRemoved, .imap)
        trial.say([UInt8](repeating: 65, count: 200_000))
        #expect(trial.test.isOver)
    }

    /// Every vector, every protocol, any octets: it comes to an end, and says nothing behind it.
    @Test func anyOctets() {
        var random = Numbers()
        let words = [
            "STARTTLS\r\n", "a STARTTLS\r\n", "STLS\r\n", "EHLO x\r\n", "a LOGIN {3}\r\n", "\u{16}", "AUTH PLAIN\r\n",
            "*\r\n",
        ]
        for vector in StripVector.allCases {
            for mailProtocol in vector.row.protocols {
                for _ in 0..<20 {
                    var trial = StripTrial(vector, mailProtocol, piece: Int.random(in: 1...9, using: &random))
                    for _ in 0..<30 {
                        if Bool.random(using: &random) {
                            trial.say(words.randomElement(using: &random) ?? "")
                        } else {
                            trial.say((0..<9).map { _ in UInt8.random(in: 0...255, using: &random) })
                        }
                        if Int.random(in: 0..<8, using: &random) == 0 { trial.tell(.timerFired) }
                        if Int.random(in: 0..<8, using: &random) == 0 { trial.tell(.secured) }
                    }
                    trial.tell(.ended)
                    #expect(trial.test.isOver)
                    _ = trial.heard()
                    trial.say("EHLO x\r\n")
                    #expect(trial.heard().isEmpty)
                }
            }
        }
    }
}
