// A client put to the test: we speak to it as its server would, but for what the test does, and see what it gives away. A machine
// between events and effects; the runtime carries octets and TLS. Nothing of what the client says goes anywhere: there is no other
// side. A login is refused as if the server had a bad moment, and the session ends with it.
//
// What the three protocols answer is in StripTest+Replies.swift.

import MailDialogue

/// A test of one session.
package struct StripTest: Sendable {
    /// What the runtime tells.
    package enum Event: Equatable, Sendable {
        /// The client is connected: time to greet.
        case connected
        case received([UInt8])
        /// The client's handshake is over. Octets come under TLS from now on.
        case secured
        /// The handshake did not come to its end.
        /// - Parameter isBegun: the client began it, as far as that is known.
        case handshakeFailed(String, isBegun: Bool)
        /// The client sends no more.
        case ended
        case timerFired
        /// The client has said nothing for too long.
        case expired
        /// We stop.
        case stopped
    }

    /// What the test wants done, in order.
    package enum Effect: Equatable, Sendable {
        case send([UInt8])
        /// TLS begins behind all that was sent.
        case beginTLS
        /// TLS was agreed to and does not begin: what comes from here on comes in clear.
        case goesOnInClear
        /// Wake with `timerFired`; replaces the last one.
        case wait(milliseconds: Int)
        /// Close once all that was sent has left.
        case close
    }

    /// Where the session is.
    enum State: Equatable {
        /// Commands in clear. Successors: `unsure`, `handshake`, `over`.
        case clear
        /// STARTTLS was answered in a way behind which the client may begin TLS or go on in clear. Successors: `clear`, `over`.
        case unsure
        /// Successors: `secured`, `over`.
        case handshake
        /// Commands under TLS. Successor: `over`.
        case secured
        case over
    }

    /// Milliseconds for which the first command under TLS waits for its answer: one that was injected is taken at once.
    static let hold = 1_500
    /// Commands of a client that gives nothing away and does not leave.
    private static let mostCommands = 100

    package let vector: StripVector
    let mailProtocol: MailProtocol
    let facade: StripFacade
    let isImplicit: Bool
    private(set) var state = State.clear
    private var tap: MailTap
    private var records = TLSRecordWalk()
    private var commands = 0
    /// The client has said something.
    private var hasSpoken = false
    /// It asked for TLS.
    var hasAsked = false
    /// It came to where the test shows something.
    var isReached = false
    /// The command that has to wait for its answer, and whether it may go on by now.
    private var held: Note?
    private var heldSecret = false
    private var isReleased = false
    /// The client began a handshake that we do not have.
    private var hasAnsweredHandshake = false
    /// The mechanism of a login under way, and how many challenges it got.
    var login: (mechanism: String, tag: String, challenges: Int)?
    /// The tag of a command with literals.
    var openTag = ""
    /// What is known of the client.
    package private(set) var program = StripProgram()
    private var outcome: StripOutcome?
    /// How it came to its end with us when it gave nothing away.
    private var end = "leaves"
    private var failure: (reason: String, isBegun: Bool)?
    private var effects: [Effect] = []
    private var notes: [Note] = []

    /// - Parameter isImplicit: the client begins with TLS; the handshake comes before `connected`.
    package init(_ vector: StripVector, _ mailProtocol: MailProtocol, _ facade: StripFacade, isImplicit: Bool) {
        self.vector = vector
        self.mailProtocol = mailProtocol
        self.facade = facade
        self.isImplicit = isImplicit
        tap = MailTap(mailProtocol)
    }

    /// A digest of what the client's TLS offers.
    package mutating func learn(hello: String) { program.hello = hello }

    /// One event to its end. `notes` gets every frame that came or was sent.
    package mutating func handle(_ event: Event, effects: inout [Effect], notes: inout [Note]) {
        switch event {
        case .connected:
            if isImplicit {
                state = .secured
                isReached = true
            }
            say(facade.greeting(mailProtocol, isPreAuthenticated: vector == .preAuthenticated))
            if vector == .preAuthenticated { isReached = true }
        case .received(let octets): receive(octets[...])
        case .secured: secured()
        case .handshakeFailed(let reason, let isBegun):
            failure = (reason, isBegun)
            state = .over
        case .ended: close()
        case .expired:
            end = "says nothing more"
            close()
        case .stopped:
            // It might have given something away yet.
            decide(.none, "the proxy stopped meanwhile")
            close()
        case .timerFired: release()
        }
        effects += self.effects
        notes += self.notes
        self.effects = []
        self.notes = []
    }

    /// Nothing more of the client matters.
    package var isOver: Bool { state == .over }

    // MARK: Octets

    private mutating func receive(_ octets: ArraySlice<UInt8>) {
        hasSpoken = true
        switch state {
        case .clear, .secured: take(octets, from: .client)
        case .handshake:
            // It did not wait for the answer to STARTTLS: what it said in clear is nobody's.
            decide(.none, "it sent octets in clear behind its command to begin TLS")
            close()
        case .unsure:
            let count = records.advance(octets)
            let (handshake, rest) = (octets.prefix(count), octets.dropFirst(count))
            if !handshake.isEmpty { answerHandshake(handshake) }
            guard !rest.isEmpty, state == .unsure else { return }
            goOnInClear()
            take(rest, from: .client)
        case .over: break
        }
    }

    /// The client's side of a handshake to which we agreed and that we do not have.
    private mutating func answerHandshake(_ octets: ArraySlice<UInt8>) {
        tap.receive(octets, from: .client, into: &notes)
        guard records.hasBegun, !hasAnsweredHandshake else { return }
        hasAnsweredHandshake = true
        isReached = true
        guard vector == .clearAnswer else {
            decide(.withstood, "takes it for consent, and begins TLS")
            return close()
        }
        say(handshakeAnswer)
    }

    /// What was agreed to does not count, and what both sides say is followed anew.
    private mutating func goOnInClear() {
        state = .clear
        isReached = true
        tap.beginUnderTLS()
        effects.append(.goesOnInClear)
    }

    private mutating func take(_ octets: ArraySlice<UInt8>, from side: Side) {
        var fresh: [Note] = []
        tap.receive(octets, from: side, into: &fresh)
        notes += fresh
        for note in fresh where note.side == .client {
            guard state == .clear || state == .secured else { return }
            accept(note)
        }
    }

    /// Says so many octets, which may release what the client said before.
    mutating func say(_ octets: [UInt8]) {
        guard state != .over else { return }
        effects.append(.send(octets))
        take(octets[...], from: .server)
    }

    mutating func say(_ text: String) { say(Array((text + "\r\n").utf8)) }

    mutating func close() {
        guard state != .over else { return }
        state = .over
        effects.append(.close)
    }

    private mutating func secured() {
        guard state == .handshake else { return }
        state = .secured
        tap.beginUnderTLS()
        if vector.isOfTLS || vector == .control { isReached = true }
    }

    // MARK: Frames

    private mutating func accept(_ note: Note) {
        var secret: String?
        for fact in note.facts {
            switch fact {
            case .clientName(let name): program.name = Self.shown(name)
            case .credential(let credential):
                if !credential.account.isEmpty { program.account = Self.shown(credential.account) }
                if !credential.secret.isEmpty { secret = Self.shown(credential.mechanism) }
            case .login, .reversePath, .recipient, .recipientRefused, .messageAccepted, .messageRefused,
                .transactionReset, .mailbox, .opaque, .contentCut, .leftOut, .resumed, .clear:
                continue
            }
        }
        if isHolding { return hold(note, hasSecret: secret != nil) }
        if let secret { return showedSecret(secret, note) }
        switch note.element {
        case .command(let command):
            commands += 1
            guard commands <= Self.mostCommands else { return close() }
            if command.isComplete { answer(command, note) } else { askForLiteral(note) }
        case .commandPart(let isComplete):
            // A command whose end has no facts of a login: its first part said what it is.
            if isComplete { answerLiterals() } else { askForLiteral(note) }
        case .response: respond(note)
        case .opaque:
            // Nobody could tell a secret in it.
            close()
        case .greeting, .reply, .data, .dataPart, .goAhead, .challenge, .done, .contentBegin, .content, .contentEnd,
            .gap,
            .unplaced, .incomplete, .unknown:
            break
        }
    }

    /// What the client names itself, fit for a line: printable ASCII of a bounded length.
    static func shown(_ text: String) -> String {
        String(
            decoding: text.utf8.prefix(100).map { $0 > 32 && $0 < 127 || $0 == 32 ? $0 : UInt8(ascii: "?") },
            as: UTF8.self)
    }

    mutating func learn(name: String) { program.name = Self.shown(name) }

    /// It showed a secret: where the test made it do so, it fell.
    private mutating func showedSecret(_ mechanism: String, _ note: Note) {
        fell(by: mechanism)
        refuseLogin(tag(of: note))
        close()
    }

    private func tag(of note: Note) -> String {
        if case .command(let command) = note.element { command.tag } else { login?.tag ?? openTag }
    }

    /// The client gives something away.
    mutating func fell(by what: String) {
        switch state {
        case .clear:
            let haste = vector.offersTLS && !hasAsked ? ", without asking for TLS" : ""
            decide(.fell, "\(what) in clear\(haste)")
        case .secured:
            // What is said under good TLS is where it belongs.
            if vector.isOfTLS { decide(.fell, "\(what) under TLS") }
            if vector == .control { decide(.withstood, "\(what) under TLS, where it belongs") }
        case .unsure, .handshake, .over: break
        }
    }

    /// The first decision counts.
    mutating func decide(_ verdict: StripVerdict, _ evidence: String) {
        if outcome == nil { outcome = StripOutcome(verdict, evidence) }
    }

    // MARK: An answer that was injected

    private var isHolding: Bool { vector == .injectedResponse && state == .secured && !isReleased }

    /// The first command under TLS waits for its answer. Whoever goes on without it has taken the one that was injected.
    private mutating func hold(_ note: Note, hasSecret: Bool) {
        if hasSecret { heldSecret = true }
        guard case .command = note.element else { return }
        guard held != nil else {
            isReached = true
            held = note
            effects.append(.wait(milliseconds: Self.hold))
            return
        }
        takesInjection()
    }

    private mutating func takesInjection() {
        decide(.fell, "it goes on under TLS with the answer that was injected in clear")
        close()
    }

    private mutating func release() {
        guard let note = held, isHolding else { return }
        // Octets that only an answer could have released.
        if tap.pending(.client) > 0 { return takesInjection() }
        isReleased = true
        held = nil
        guard heldSecret else { return accept(note) }
        refuseLogin(tag(of: note))
        close()
    }

    // MARK: The verdict

    /// What the test has shown, when it is over.
    package var verdict: StripOutcome {
        if let outcome { return outcome }
        if let failure { return verdict(onHandshake: failure.reason, isBegun: failure.isBegun) }
        guard isReached else {
            return StripOutcome(
                .none,
                !hasSpoken
                    ? "it says nothing" : vector.offersTLS && !hasAsked ? "it does not ask for TLS" : "it leaves before"
            )
        }
        let manner =
            switch vector {
            case .capabilityRemoved, .extensionsRefused: hasAsked ? "asks for TLS all the same, and \(end)" : end
            case .temporaryError, .permanentError, .invalidAnswer, .clearAnswer: end
            case .control, .untrustedCertificate, .wrongName, .expired, .oldVersion: "\(end) behind the handshake"
            case .injectedResponse: "waits for the answer under TLS"
            case .preAuthenticated: hasSpoken ? "does nothing, and \(end)" : "\(end) at once"
            }
        return StripOutcome(.withstood, manner)
    }

    private func verdict(onHandshake reason: String, isBegun: Bool) -> StripOutcome {
        switch vector {
        case .injectedResponse:
            guard isBegun else {
                return StripOutcome(.withstood, "leaves when octets come in clear behind the consent")
            }
            // A certificate that it does not like has nothing to do with what was injected.
            if reason.contains("unknown ca") || reason.contains("certificate") {
                return StripOutcome(.none, "it does not come to its end with the handshake: \(reason)")
            }
        case .control: return StripOutcome(.none, "it does not come to TLS though nothing is wrong: \(reason)")
        case .wrongName, .expired, .oldVersion:
            guard isBegun else { return StripOutcome(.none, "it begins no TLS: \(reason)") }
            // Not because of what is wrong here: a good certificate of that authority would fail as well.
            if reason.contains("unknown ca") {
                return StripOutcome(.none, "it does not trust the proxy's authority, which shows nothing: \(reason)")
            }
        case .untrustedCertificate, .capabilityRemoved, .extensionsRefused, .temporaryError, .permanentError,
            .invalidAnswer, .clearAnswer, .preAuthenticated:
            guard isBegun else { return StripOutcome(.none, "it begins no TLS: \(reason)") }
        }
        return StripOutcome(.withstood, reason)
    }

    // MARK: STARTTLS

    /// Agrees to TLS and begins it, with what the test puts behind.
    mutating func beginTLS(_ consent: [UInt8], injecting injected: [UInt8]) {
        guard mayBeginTLS() else { return }
        say(consent + injected)
        state = .handshake
        effects.append(.beginTLS)
    }

    /// Whether the client has waited for the answer to its command to begin TLS. If not, the test ends.
    private mutating func mayBeginTLS() -> Bool {
        guard tap.pending(.client) > 0 else { return true }
        decide(.none, "it sent octets in clear behind its command to begin TLS")
        close()
        return false
    }

    /// Answers in a way behind which nobody knows whether TLS begins.
    mutating func answerUnsure(_ octets: [UInt8]) {
        // A piece of a line would be lost when what follows is followed anew, and a secret in the rest of it not be known for one.
        guard mayBeginTLS() else { return }
        state = .unsure
        effects.append(.send(octets))
        tap.receive(octets[...], from: .server, into: &notes)
    }
}
