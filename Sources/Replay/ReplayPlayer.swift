// Plays the client's side of a recorded session against a live server. Pure: the driver carries octets and time.
//
// A command goes out once as many exchanges are complete as were when the recorded client sent it: so a client that
// pipelined pipelines again, and one that waited waits. What belongs to a command (data, literals, SASL responses,
// DONE) goes out when the live server asks for it, and is left out when the live server has already said no.

import MailDialogue
import MailRecording
import MailSessions

/// A difference between the recorded and the live server.
package struct ReplayDifference: Equatable, Sendable {
    /// What a difference means.
    package enum Class: String, Sendable {
        /// The text differs where the RFC leaves it free. Not counted.
        case allowed
        /// Another code of the same meaning, other numbers in a listing.
        case quirk
        /// The live server broke an RFC where the recorded one did not.
        case violation
        /// The live server decided otherwise, or showed other data.
        case regression
    }

    package var exchange: Int
    package var kind: Class
    package var expected: String
    package var got: String
    package var section: String
}

/// What became of a session.
package struct ReplayResult: Equatable, Sendable {
    package enum Verdict: String, Sendable { case same, differs, failed }

    package var verdict: Verdict
    package var exchanges: Int
    package var differences: [ReplayDifference]
    /// Why it failed, or what was left out.
    package var reason: String?
}

/// Plays one session.
package struct ReplayPlayer: Sendable {
    /// What the driver tells.
    package enum Event: Equatable, Sendable {
        case received([UInt8])
        /// The server sends no more, or the connection failed.
        case ended
        /// Nothing came for as long as the driver waits.
        case timedOut
    }

    /// What the driver does.
    package enum Effect: Equatable, Sendable {
        case send([UInt8])
        /// All is done: close.
        case finished
    }

    private let script: ReplayScript
    private var tap: MailTap
    private var live: AnswerBook
    private var login: LoginRewriter
    private var next = 0
    private var sentExchanges = 0
    private var challenge: [UInt8] = []
    private var greeting: [UInt8] = []
    private var reason: String?
    /// Why a login that the server accepted can't be believed: it did not prove that it knows the password.
    private var disbelief: String?
    private var failed = false
    package private(set) var isFinished = false

    /// - Parameter nonce: unlike that of any other session, for mechanisms that need one.
    package init(
        _ script: ReplayScript, credentials: ReplayCredentials, nonce: UInt128 = .random(in: .min ... .max)
    ) {
        self.script = script
        // The script holds what was inflated, which a server would not take for deflated octets.
        tap = MailTap(script.info.mailProtocol, sendsOn: true)
        live = AnswerBook(script.info.mailProtocol)
        login = LoginRewriter(credentials, nonce: String(nonce, radix: 36))
    }

    package mutating func handle(_ event: Event, _ effects: inout [Effect]) {
        guard !isFinished else { return }
        switch event {
        case .received(let octets):
            var notes: [Note] = []
            tap.receive(octets[...], from: .server, into: &notes)
            learn(notes)
            if let disbelief { return fail(disbelief, &effects) }
            advance(&effects)
        case .ended:
            if !isComplete { fail("the server closed the connection \(place)", &effects) } else { finish(&effects) }
        case .timedOut: fail("the server did not answer in time \(place)", &effects)
        }
    }

    /// Where the session stands, for messages.
    private var place: String {
        guard next < script.frames.count else { return "at the end" }
        return "before exchange \(script.frames[next].exchange)"
    }

    private var isComplete: Bool { next >= script.frames.count && live.completed > sentExchanges }

    private mutating func learn(_ notes: [Note]) {
        for note in notes where note.side == .server {
            live.accept(note)
            for case .login(let accepted) in note.facts { disbelief = disbelief ?? login.concluded(accepted: accepted) }
            switch note.element {
            case .greeting: greeting = Array(note.raw.withoutLineEnd.line)
            case .challenge: challenge = Array(note.raw.withoutLineEnd.line.firstWord.rest)
            case .reply, .data, .dataPart, .goAhead, .content, .contentBegin, .contentEnd, .opaque, .incomplete, .gap,
                .unplaced, .unknown, .command, .commandPart, .response, .done:
                break
            }
        }
    }

    /// Sends all that may be sent now.
    private mutating func advance(_ effects: inout [Effect]) {
        while next < script.frames.count, !isFinished {
            if let opaque = tap.opaque {
                reason =
                    "\(script.frames.count - next) frames not played: the session is \(opaque.rawValue) from exchange \(sentExchanges) on"
                next = script.frames.count
                break
            }
            let frame = script.frames[next]
            switch verdict(on: frame) {
            case .wait: return
            case .skip: next += 1
            case .send:
                guard send(frame, &effects) else { return }
                next += 1
            }
        }
        if next >= script.frames.count, live.completed > sentExchanges { finish(&effects) }
    }

    private enum Turn { case send, skip, wait }

    private func verdict(on frame: ScriptFrame) -> Turn {
        let demand = tap.demand(.client)
        switch frame.element {
        case .command:
            guard live.completed >= min(frame.completedBefore, sentExchanges + 1), live.completed > 0 else {
                return .wait
            }
            if case .line = demand { return .send }
            return .wait
        case .content:
            if case .content = demand { return .send }
            return live.isComplete(frame.exchange) ? .skip : .wait
        case .response, .done:
            if live.isComplete(frame.exchange) { return .skip }
            let asked = live.intermediates[frame.exchange] ?? 0
            guard asked >= frame.intermediatesBefore, case .line = demand else { return .wait }
            return .send
        case .commandPart:
            if live.isComplete(frame.exchange) { return .skip }
            if case .line = demand { return .send }
            return .wait
        case .unknown: return .send
        case .opaque, .incomplete, .gap, .unplaced, .contentBegin, .contentEnd, .greeting, .reply, .data, .dataPart,
            .goAhead,
            .challenge:
            return .skip
        }
    }

    /// False when the frame can't be made.
    private mutating func send(_ frame: ScriptFrame, _ effects: inout [Effect]) -> Bool {
        let octets: [UInt8]
        switch login.rewrite(frame, in: script.info.mailProtocol, challenge: challenge, greeting: greeting) {
        case .octets(let made): octets = made
        case .nothing, .unchanged: return true
        case .missing(let account):
            fail("no password for the account '\(account)': give --user and --password, or --credentials", &effects)
            return false
        case .unsupported(let why):
            fail(why, &effects)
            return false
        }
        if case .command = frame.element { sentExchanges += 1 }
        var notes: [Note] = []
        tap.receive(octets[...], from: .client, into: &notes)
        learn(notes)
        effects.append(.send(octets))
        return true
    }

    private mutating func fail(_ why: String, _ effects: inout [Effect]) {
        failed = true
        reason = why
        finish(&effects)
    }

    private mutating func finish(_ effects: inout [Effect]) {
        guard !isFinished else { return }
        isFinished = true
        effects.append(.finished)
    }

    // MARK: The comparison

    /// What became of the session, once it is finished.
    package var result: ReplayResult {
        var differences: [ReplayDifference] = []
        for exchange in script.expected.answers.keys.sorted() {
            guard let expected = script.expected.answers[exchange], expected.isComplete else { continue }
            // What was not sent because the session failed is not a difference of the server.
            guard exchange <= sentExchanges else { continue }
            compare(exchange, expected, live.answers[exchange], &differences)
        }
        let counted = differences.contains { $0.kind != .allowed }
        return ReplayResult(
            verdict: failed ? .failed : counted ? .differs : .same, exchanges: live.completed, differences: differences,
            reason: reason ?? script.opaque.map { "the recorded session is \($0.rawValue) from some point on" })
    }

    private func compare(
        _ exchange: Int, _ expected: Answer, _ got: Answer?, _ differences: inout [ReplayDifference]
    ) {
        guard let got, got.isComplete else {
            differences.append(
                ReplayDifference(
                    exchange: exchange, kind: .regression, expected: expected.text, got: "(no reply)", section: ""))
            return
        }
        func add(_ kind: ReplayDifference.Class, _ expected: String, _ got: String, _ section: String = "") {
            differences.append(
                ReplayDifference(exchange: exchange, kind: kind, expected: expected, got: got, section: section))
        }
        if expected.status != got.status {
            add(.regression, expected.text, got.text)
        } else if expected.code != got.code {
            add(.quirk, expected.text, got.text)
        } else if expected.text != got.text {
            add(numbersMatter(exchange) ? .quirk : .allowed, expected.text, got.text)
        }
        for keyword in Set(expected.data.keys).union(got.data.keys).sorted() where !Self.unsteady.contains(keyword) {
            let before = expected.data[keyword] ?? 0
            let now = got.data[keyword] ?? 0
            if before != now { add(.regression, "\(before) \(keyword)", "\(now) \(keyword)") }
        }
        if expected.listing != got.listing, expected.data == got.data,
            verb(of: exchange) != "UIDL" || expected.listed != got.listed
        {
            add(.quirk, "a listing", "other lines")
        }
        if expected.contents != got.contents {
            let same = zip(expected.contents, got.contents).filter { $0 == $1 }.count
            add(
                .regression, "\(expected.contents.count) contents",
                "\(got.contents.count) contents, \(same) of them the same")
        }
        for violation in Set(got.violations).subtracting(expected.violations).sorted(by: { $0.code < $1.code }) {
            add(.violation, "", violation.meaning, violation.section)
        }
    }

    /// Untagged data that a server may send when it likes, or whose number says nothing (RFC 9051 §7).
    private static let unsteady: Set<String> = ["OK", "NO", "CAPABILITY", "RECENT", "FLAGS", "BYE", "CAPA"]

    /// STAT's numbers are its answer.
    private func numbersMatter(_ exchange: Int) -> Bool {
        script.info.mailProtocol == .pop3 && verb(of: exchange) == "STAT"
    }

    /// The verb of an exchange; empty for the greeting.
    private func verb(of exchange: Int) -> String {
        for frame in script.frames where frame.exchange == exchange {
            if case .command(let command) = frame.element { return command.verb }
        }
        return ""
    }
}
