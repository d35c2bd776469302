// A relay with rules between its two legs: what the client sees and what the server sees are two dialogues.
//
// Frames of the client are judged before they are passed on. A refused command never reaches the server; its reply is ours
// and takes its place in the order of replies (`due`). With header rules a message is offered to the server only when its
// header section has been judged: we say 354 ourselves, and the server's verdict on DATA becomes the verdict on the message.
//
// Forwarding a frame may release frames that waited for it. They join the queues; nothing is handled by a call from within a
// call. `Relay+Client.swift` and `Relay+Server.swift` handle the frames of the two sides, `Relay+Message.swift` what header
// rules do with messages.

import MailDialogue
import MailMessage
import MailRules

/// Two legs with rules between.
package struct Relay: Sendable {
    /// What the runtime must do, in order.
    package enum Effect: Equatable, Sendable {
        case toClient([UInt8])
        case toServer([UInt8])
        /// Go on with `timerFired` after this time. Nothing is handled before.
        case wait(milliseconds: Int)
        case close
        /// The cleartext has come to its end: see ``Relay/passEdge(_:seen:told:)``. Nothing is handled before.
        case edge(TLSEdge)
        /// A login that is answered here needs something: see ``LoginDesk``.
        case login(LoginOrder)
        /// All octets of this side, which ended, were passed on: the output of the other leg may end.
        case ended(Side)
        case log(String)
        /// These rules hit at this exchange; `changed` when octets or their order changed.
        case hit(rules: [String], exchange: Int, tags: [String], changed: Bool)
    }

    /// What comes of an event.
    struct Output {
        var effects: [Effect] = []
        /// Notes of the client's leg and of the server's.
        var seen: [Note] = []
        var told: [Note] = []
    }

    /// What the rules said of a frame that waits.
    enum Decision: Equatable, Sendable { case forward, refuse(String), close }

    /// A frame that waits to be handled, with what the rules said when they have seen it.
    struct Work: Equatable, Sendable {
        var note: Note
        var decision: Decision?
    }

    /// What goes on when the time is over.
    enum Pending: Equatable, Sendable {
        case frame(Work)
        case header(HeaderDecision, exchange: Int)
        case greeting(refusal: String?, closes: Bool)
    }

    let mailProtocol: MailProtocol
    let rules: RuleSet
    var clientTap: MailTap
    var serverTap: MailTap
    var facts: RuleFacts
    /// Frames of the client that were not handled; the first goes before the queue.
    var clientFirst: Work?
    var clientWork = Fifo<Work>()
    var serverWork = Fifo<Work>()
    var pending: Pending?
    /// SMTP and POP3: what stands in the order of replies.
    var due = DueReplies()
    /// The greeting was passed on: nothing of ours may come before it.
    var isGreeted = false
    /// The rest of a refused command is dropped up to its end, then this is the reply.
    var swallowed: [UInt8]?
    /// The last command, for replies of ours.
    package internal(set) var command = Command(verb: "")
    /// IMAP: commands by their number on the server's leg, and replies that replace the server's.
    var relayed = RelayedCommands()
    var replaced: [Int: [UInt8]] = [:]
    var lastRelayed = 0
    /// The server is in the middle of a response: nothing of ours may come between (IMAP).
    var serverMidFrame = false
    var localsWaiting: [[UInt8]] = []
    /// POP3: the status line of a multi-line reply was judged.
    var isListing = false
    var message = MessagePassage.none
    /// Recipients that the client knows to be accepted.
    var acceptedRecipients = 0
    /// A BDAT transaction that was refused: its further chunks are refused too.
    var refusedTransaction = false
    /// The header section of this BDAT transaction was judged.
    var headerJudged = false
    var waiting = false
    /// What becomes of the client's STARTTLS.
    var tls: ClientTLS
    /// IMAP: a command was refused that goes on only when it is asked to (RFC 9051 §4.3, §6.2.2). A client that does not wait
    /// sends the rest all the same, and it may have left before our answer came.
    var refusedMidway = false
    /// IMAP: the command under way names its mailbox in a literal, of which this has come.
    var literalName: [UInt8]?
    /// Rules that held at the command under way.
    var acted: Set<String> = []
    /// IMAP: the rest of a command that was refused goes on behind a literal, which is dropped as well.
    var dropsParts = false
    /// COMPRESS is not offered, and who uses it all the same is refused.
    package var refusesCompression = false
    /// XCLIENT and XFORWARD are not offered, and who uses them all the same is refused.
    package var refusesImpostors = false
    /// The cleartext has ended, and TLS has not begun.
    var edge: TLSEdge?
    /// IMAP: our consent to TLS waits until all commands before it are answered.
    var consent: [UInt8]?
    /// A leg is not followed any more: everything passes.
    var isPassing = false
    /// A leg became opaque while a frame was handled.
    var legIsOpaque = false
    /// Logins are answered here.
    var desk: LoginDesk? {
        get { boxedDesk?.desk }
        set { boxedDesk = newValue.map { .desk($0) } }
    }
    private var boxedDesk: LoginDesk.Box?
    /// The server has gone without a goodbye: the client's octets go nowhere any more.
    private(set) var isBereft = false
    private var clientEnd = EndState.open
    private var serverEnd = EndState.open
    package private(set) var isClosed = false

    private enum EndState { case open, ended, passedOn }

    /// - Parameter tls: what becomes of the client's STARTTLS.
    package init(_ facts: RuleFacts, rules: RuleSet, tls: ClientTLS = .passes) {
        self.tls = tls
        mailProtocol = facts.mailProtocol
        self.rules = rules
        self.facts = facts
        // What the notes hold is sent on: a compressed session is not looked into.
        clientTap = MailTap(facts.mailProtocol, sendsOn: true)
        serverTap = MailTap(facts.mailProtocol, sendsOn: true)
    }

    /// Octets of `side` are welcome: nothing is waited for. Not those of a client that has sent so much that waits for answers.
    package func wants(_ side: Side) -> Bool {
        guard !waiting, edge == nil else { return false }
        return switch side {
        case .server: true
        case .client:
            !isBlocked
                && max(due.octets, relayed.octets, clientTap.outstandingOctets) <= DialogueLimits.outstandingOctets / 2
        }
    }

    /// Rules have it wait.
    package var isWaiting: Bool { waiting }
    /// The tags that rules have set so far.
    package var tags: [String] { facts.tags }

    /// Both sides ended and all that they sent was passed on.
    package var isDone: Bool { clientEnd == .passedOn && serverEnd == .passedOn }

    /// The client's frames wait for the server's verdict on DATA, or for the end of a login.
    private var isBlocked: Bool { isLoggingIn || awaitsVerdict }

    // MARK: Events

    /// The client is connected. False when rules refuse it: then no upstream is needed.
    package mutating func connected(_ effects: inout [Effect]) -> Bool {
        guard rules.needs(.connect, mailProtocol) else { return true }
        let verdict = rules.judge(.connect, facts)
        var out = Output()
        report(verdict, exchange: 0, &out)
        let isRefused = verdict.reject != nil || verdict.close
        let decision = Pending.greeting(refusal: verdict.reject, closes: isRefused)
        if !wait(verdict.delay, then: decision, &out) { resume(decision, &out) }
        effects += out.effects
        return !isRefused
    }

    /// Octets came. `seen` gets the notes of what the client sent and saw, `told` those of the server's leg.
    package mutating func receive(
        _ bytes: ArraySlice<UInt8>, from side: Side, _ effects: inout [Effect], seen: inout [Note], told: inout [Note]
    ) {
        guard !isClosed, edge == nil else { return }
        var out = Output()
        var notes: [Note] = []
        switch side {
        case .client:
            clientTap.receive(bytes, from: .client, into: &notes)
            out.seen += notes
            // Only where the client's message ends is still of interest.
            if isBereft { notes = [] }
        case .server:
            serverTap.receive(bytes, from: .server, into: &notes)
            maskEchoes(&notes)
            out.told += notes
        }
        enqueue(notes, of: side)
        run(&out)
        Self.deliver(out, &effects, &seen, &told)
    }

    /// The server, when it ends now, has gone without a goodbye: its client is still there. One that waits for the end of its login hears
    /// of it as of any other end of that (`loseUpstream`).
    package var losesServer: Bool {
        !isPassing && !isLoggingIn && serverTap.opaque == nil && !serverTap.saidGoodbye && clientEnd == .open
    }

    /// `side` sends no more; what it left unfinished is passed on as it is. `Effect.ended` tells when.
    package mutating func end(_ side: Side, _ effects: inout [Effect], seen: inout [Note], told: inout [Note]) {
        guard !isClosed else { return }
        var out = Output()
        var notes: [Note] = []
        switch side {
        case .client:
            clientTap.end(.client, into: &notes)
            out.seen += notes
            if clientEnd == .open { clientEnd = .ended }
        case .server:
            // A line of a server that has gone is not finished by anybody: words of ours can stand in its place.
            isBereft = losesServer
            if isBereft {
                clientFirst = nil
                clientWork.removeAll()
            } else {
                serverTap.end(.server, into: &notes)
            }
            out.told += notes
            if serverEnd == .open { serverEnd = .ended }
        }
        enqueue(notes, of: side)
        run(&out)
        Self.deliver(out, &effects, &seen, &told)
    }

    /// The time that `wait` asked for is over.
    package mutating func timerFired(_ effects: inout [Effect], seen: inout [Note], told: inout [Note]) {
        guard !isClosed, waiting else { return }
        var out = Output()
        waiting = false
        if let decision = pending {
            pending = nil
            resume(decision, &out)
            flushLocals(&out)
        }
        run(&out)
        Self.deliver(out, &effects, &seen, &told)
    }

    /// What the runtime was asked for comes about.
    mutating func perform(
        _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note],
        _ body: (inout Relay, inout Output) -> Void
    ) {
        var out = Output()
        body(&self, &out)
        if !isClosed { flushLocals(&out) }
        run(&out)
        Self.deliver(out, &effects, &seen, &told)
    }

    /// Another server is on the server's leg.
    mutating func reopenServer() { serverEnd = .open }

    private static func deliver(
        _ out: Output, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        effects += out.effects
        seen += out.seen
        told += out.told
    }

    // MARK: The queues

    private mutating func enqueue(_ notes: [Note], of side: Side) {
        for note in notes where note.side == side {
            switch side {
            case .client: clientWork.append(Work(note: note))
            case .server: serverWork.append(Work(note: note))
            }
        }
    }

    private mutating func run(_ out: inout Output) {
        while !waiting, !isClosed, edge == nil {
            if let next = serverWork.popFirst() {
                handle(next, &out)
            } else if !isBlocked, let next = nextOfClient() {
                handle(next, &out)
            } else {
                break
            }
        }
        guard !waiting, !isClosed, edge == nil else { return }
        if serverEnd != .open, serverWork.isEmpty, isLoggingIn {
            out.effects.append(.log("the upstream ended the connection at the login"))
            return loseUpstream(&out)
        }
        if serverEnd != .open, serverWork.isEmpty, isBlocked {
            // The verdict on DATA will not come any more.
            clientFirst = nil
            clientWork.removeAll()
        }
        if serverEnd != .open, serverWork.isEmpty, case .serverHeader(let scanner, let status) = message {
            // The rest of the header section will not come any more: what there is of the message passes.
            message = .none
            // Nothing of it was passed: a refusal can stand in its place.
            guard !isBereft else { return run(&out) }
            toClient(status + scanner.octets, &out)
            return run(&out)
        }
        if serverEnd != .open, serverWork.isEmpty, clientEnd == .ended, !isLoggingIn { dropWaiting(&out) }
        // The upstream has still to be spoken to when a login is under way. What waits for its answer is passed on behind that.
        if clientEnd == .ended, clientFirst == nil, clientWork.isEmpty, clientTap.pending(.client) == 0, !isLoggingIn {
            clientEnd = .passedOn
            out.effects.append(.ended(.client))
        }
        if serverEnd == .ended, serverWork.isEmpty {
            serverEnd = .passedOn
            out.effects.append(.ended(.server))
        }
    }

    /// What a client that has ended sent ahead will never have the answer that says what it is.
    private mutating func dropWaiting(_ out: inout Output) {
        var notes: [Note] = []
        clientTap.end(.server, into: &notes)
        out.seen += notes
    }

    private mutating func nextOfClient() -> Work? {
        if let first = clientFirst {
            clientFirst = nil
            return first
        }
        return clientWork.popFirst()
    }

    private mutating func handle(_ item: Work, _ out: inout Output) {
        if item.note.element == .opaque { passEverything(&out) }
        guard !isClosed, edge == nil else { return }
        switch item.note.side {
        case .client: handleClient(item, &out)
        case .server: handleServer(item, &out)
        }
        if edge != nil { return }
        let endsHere = item.note.facts.contains { fact in
            if case .opaque = fact { true } else { false }
        }
        if legIsOpaque || (endsHere && pending == nil) { passEverything(&out) }
    }

    private mutating func resume(_ decision: Pending, _ out: inout Output) {
        switch decision {
        case .frame(let work): handle(work, &out)
        case .header(let header, let exchange): apply(header, exchange, &out)
        case .greeting(let refusal, let closes):
            if let refusal {
                out.effects.append(.toClient(LocalReply.refusedGreeting(refusal, in: mailProtocol)))
            }
            if closes { close(&out) }
        }
    }

    /// From here on nothing is judged. What was held goes on when its place is known; else the session ends.
    private mutating func passEverything(_ out: inout Output) {
        guard !isPassing, !isClosed, edge == nil else { return }
        if endsForTLS(&out) { return }
        if let desk, !desk.isDone {
            out.effects.append(.log("the session can't be followed any more before its login"))
            return desk.blocks ? loseUpstream(&out) : close(&out)
        }
        guard literalName == nil, !dropsParts else {
            out.effects.append(
                .log("the session can't be followed any more in the middle of a command that rules judge"))
            return close(&out)
        }
        isPassing = true
        if !rules.isEmpty, let reason = clientTap.opaque ?? serverTap.opaque, reason.leavesClear {
            out.effects.append(.log("the session can't be followed any more (\(reason.rawValue)): no rule is asked"))
        }
        switch message {
        case .none, .streaming: break
        case .serverHeader(let scanner, let status): toClient(status + scanner.octets, &out)
        case .offered, .clientHeader, .chunkHeader, .awaitingServer, .refused, .serverRefused:
            out.effects.append(.log("the session can't be followed any more in the middle of a judged message"))
            return close(&out)
        }
        message = .none
        swallowed = nil
        while let next = due.popFirst() {
            if case .local(let octets) = next { toClient(octets[...], &out) }
        }
        let locals = localsWaiting
        localsWaiting = []
        for octets in locals { toClient(octets[...], &out) }
        relayed.removeAll()
        replaced = [:]
    }

    // MARK: Passing on

    /// To the server, through the dialogue of its leg.
    mutating func toServer(_ octets: ArraySlice<UInt8>, _ out: inout Output) {
        guard !octets.isEmpty else { return }
        var notes: [Note] = []
        serverTap.receive(octets, from: .client, into: &notes)
        for note in notes where note.side == .client {
            if case .command = note.element { lastRelayed = note.exchange }
        }
        follow(notes)
        out.told += notes
        // Octets of the server that waited are frames like any others.
        enqueue(notes, of: .server)
        out.effects.append(.toServer(Array(octets)))
    }

    /// To the client, through the dialogue of its leg. False when the client waits for more replies to the same command.
    @discardableResult
    mutating func toClient(_ octets: ArraySlice<UInt8>, isOurs: Bool = false, _ out: inout Output) -> Bool {
        guard !octets.isEmpty else { return true }
        var notes: [Note] = []
        clientTap.receive(octets, from: .server, into: &notes)
        var isComplete = true
        for note in notes where note.side == .server {
            if case .reply(let reply) = note.element { isComplete = reply.isLast }
            learn(note, isOurs: isOurs)
        }
        follow(notes)
        out.seen += notes
        enqueue(notes, of: .client)
        out.effects.append(.toClient(Array(octets)))
        return isComplete
    }

    private mutating func follow(_ notes: [Note]) {
        for note in notes {
            if note.element == .opaque { legIsOpaque = true }
            for case .opaque in note.facts { legIsOpaque = true }
        }
    }

    /// What the client has heard about its transaction.
    private mutating func learn(_ note: Note, isOurs: Bool) {
        for fact in note.facts {
            switch fact {
            case .recipient: acceptedRecipients += 1
            case .recipientRefused(let mailbox):
                if !isOurs, let index = facts.recipients.lastIndex(of: mailbox) { facts.recipients.remove(at: index) }
            case .reversePath, .transactionReset: acceptedRecipients = 0
            case .messageAccepted, .messageRefused, .clientName, .credential, .login, .mailbox, .opaque, .leftOut,
                .contentCut,
                .resumed, .clear:
                break
            }
        }
    }

    // MARK: Verdicts

    mutating func report(_ verdict: RuleVerdict, exchange: Int, _ out: inout Output) {
        guard !verdict.isEmpty else { return }
        facts.tags += verdict.tags.filter { !facts.tags.contains($0) }
        out.effects.append(
            .hit(rules: verdict.rules, exchange: exchange, tags: verdict.tags, changed: verdict.intervenes))
        out.effects += verdict.logs.map { .log($0) }
    }

    mutating func close(_ out: inout Output) {
        guard !isClosed else { return }
        isClosed = true
        out.effects.append(.close)
    }

    /// Waits, when there is a time to wait. True when it must.
    mutating func wait(_ milliseconds: Int, then next: Pending, _ out: inout Output) -> Bool {
        guard milliseconds > 0 else { return false }
        waiting = true
        pending = next
        out.effects.append(.wait(milliseconds: milliseconds))
        return true
    }
}
