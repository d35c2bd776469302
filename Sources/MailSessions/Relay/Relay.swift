// A relay with rules between its two legs: what the client sees and what the server sees are two dialogues.
//
// Frames of the client are judged before they are passed on. A refused command never reaches the server; its reply is ours
// and takes its place in the order of replies. With header rules a message is offered to the server only when its header
// section has been judged: we say 354 ourselves, and the server's verdict on DATA becomes the verdict on the message.
//
// Forwarding a reply may release frames of the client that waited for it. They join the work list; nothing is handled by a
// call from within a call.

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
        case log(String)
        /// These rules hit at this exchange; `changed` when octets or their order changed.
        case hit(rules: [String], exchange: Int, tags: [String], changed: Bool)
    }

    /// What stands in the order of replies of SMTP and POP3.
    enum DueReply: Equatable, Sendable {
        /// The server's reply to this command goes to the client.
        case forwarded(verb: String)
        /// Ours.
        case local([UInt8])
        /// The server's reply to a command of ours is dropped.
        case injected
        /// The server's reply to a DATA that the client was already answered.
        case ownData
    }

    /// A frame that waits to be handled, and whether the rules have seen it.
    struct Work: Equatable, Sendable {
        var note: Note
        var isJudged = false
    }

    let mailProtocol: MailProtocol
    let rules: RuleSet
    var clientTap: MailTap
    var serverTap: MailTap
    var facts: RuleFacts
    var work = Fifo<Work>()
    var delayed: Work?
    var due = Fifo<DueReply>()
    /// The rest of a refused command is dropped up to its end.
    var swallowing = false
    /// The server is in the middle of a response: nothing of ours may come between (IMAP).
    var serverMidFrame = false
    var localsWaiting: [[UInt8]] = []
    var message = MessagePassage.none
    /// A BDAT transaction that a rule refused: its further chunks are refused too.
    var refusedTransaction = false
    var headerJudged = false
    var waiting = false
    package private(set) var isClosed = false

    package init(_ facts: RuleFacts, rules: RuleSet) {
        mailProtocol = facts.mailProtocol
        self.rules = rules
        self.facts = facts
        clientTap = facts.mailProtocol.makeTap()
        serverTap = facts.mailProtocol.makeTap()
    }

    /// Octets of `side` are welcome: nothing is waited for.
    package func wants(_ side: Side) -> Bool {
        if waiting { return false }
        switch message {
        case .awaitingServer: return side == .server
        case .none, .offered, .clientHeader, .chunkHeader, .streaming, .refused, .serverHeader, .serverRefused: return true
        }
    }

    /// The client is connected. False when rules refuse it: then no upstream is needed.
    package mutating func connected(_ effects: inout [Effect]) -> Bool {
        guard rules.needs(.connect, mailProtocol) else { return true }
        let verdict = rules.judge(.connect, facts)
        report(verdict, exchange: 0, changed: verdict.reject != nil, &effects)
        if let text = verdict.reject { effects.append(.toClient(LocalReply.refusedGreeting(text, in: mailProtocol))) }
        if verdict.reject != nil || verdict.close {
            close(&effects)
            return false
        }
        if verdict.delay > 0 {
            waiting = true
            effects.append(.wait(milliseconds: verdict.delay))
        }
        return true
    }

    /// Octets came. `seen` gets the notes of what the client sent and saw, `told` those of the server's leg.
    package mutating func receive(
        _ bytes: ArraySlice<UInt8>, from side: Side, _ effects: inout [Effect], seen: inout [Note], told: inout [Note]
    ) {
        var notes: [Note] = []
        switch side {
        case .client:
            clientTap.receive(bytes, from: .client, into: &notes)
            seen += notes
        case .server:
            serverTap.receive(bytes, from: .server, into: &notes)
            told += notes
        }
        for note in notes where note.side == side { work.append(Work(note: note)) }
        run(&effects, &seen, &told)
    }

    /// `side` sends no more; what it left unfinished is passed on as it is.
    package mutating func end(_ side: Side, _ effects: inout [Effect], seen: inout [Note], told: inout [Note]) {
        var notes: [Note] = []
        switch side {
        case .client:
            clientTap.end(.client, into: &notes)
            seen += notes
        case .server:
            serverTap.end(.server, into: &notes)
            told += notes
        }
        for note in notes { work.append(Work(note: note)) }
        run(&effects, &seen, &told)
    }

    /// The time that `wait` asked for is over.
    package mutating func timerFired(_ effects: inout [Effect], seen: inout [Note], told: inout [Note]) {
        waiting = false
        if let delayed {
            self.delayed = nil
            handle(delayed, &effects, &seen, &told)
        }
        run(&effects, &seen, &told)
    }

    private mutating func run(_ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]) {
        while !waiting, !isClosed, let next = work.popFirst() { handle(next, &effects, &seen, &told) }
    }

    private mutating func handle(
        _ next: Work, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        switch next.note.side {
        case .client: handleClient(next, &effects, &seen, &told)
        case .server: handleServer(next, &effects, &seen, &told)
        }
    }

    // MARK: Passing on

    /// To the server, through the dialogue of its leg.
    mutating func toServer(
        _ octets: ArraySlice<UInt8>, _ effects: inout [Effect], _ told: inout [Note]
    ) {
        guard !octets.isEmpty else { return }
        var notes: [Note] = []
        serverTap.receive(octets, from: .client, into: &notes)
        told += notes
        // Octets of the server that waited are frames like any others.
        for note in notes where note.side == .server { work.append(Work(note: note)) }
        effects.append(.toServer(Array(octets)))
    }

    /// To the client, through the dialogue of its leg.
    mutating func toClient(
        _ octets: ArraySlice<UInt8>, _ effects: inout [Effect], _ seen: inout [Note]
    ) {
        guard !octets.isEmpty else { return }
        var notes: [Note] = []
        clientTap.receive(octets, from: .server, into: &notes)
        seen += notes
        for note in notes where note.side == .client { work.append(Work(note: note)) }
        effects.append(.toClient(Array(octets)))
    }

    /// A reply of our own, when its turn comes.
    mutating func answer(_ octets: [UInt8], _ effects: inout [Effect], _ seen: inout [Note]) {
        switch mailProtocol {
        case .smtp, .lmtp, .pop3:
            due.append(.local(octets))
            flushLocals(&effects, &seen)
        case .imap:
            localsWaiting.append(octets)
            flushLocals(&effects, &seen)
        }
    }

    /// Sends those replies of ours whose turn it is.
    mutating func flushLocals(_ effects: inout [Effect], _ seen: inout [Note]) {
        while case .local(let octets)? = due.first {
            due.popFirst()
            toClient(octets[...], &effects, &seen)
        }
        if !serverMidFrame, !localsWaiting.isEmpty {
            let locals = localsWaiting
            localsWaiting = []
            for octets in locals { toClient(octets[...], &effects, &seen) }
        }
    }

    mutating func report(_ verdict: RuleVerdict, exchange: Int, changed: Bool, _ effects: inout [Effect]) {
        guard !verdict.isEmpty else { return }
        facts.tags += verdict.tags.filter { !facts.tags.contains($0) }
        effects.append(.hit(rules: verdict.rules, exchange: exchange, tags: verdict.tags, changed: changed))
        effects += verdict.logs.map { .log($0) }
    }

    mutating func close(_ effects: inout [Effect]) {
        isClosed = true
        effects.append(.close)
    }

    /// Delays `item` once. True when it must wait.
    mutating func delay(_ item: Work, _ milliseconds: Int, _ effects: inout [Effect]) -> Bool {
        guard milliseconds > 0 else { return false }
        waiting = true
        delayed = Work(note: item.note, isJudged: true)
        effects.append(.wait(milliseconds: milliseconds))
        return true
    }
}
