// Which scope a session has: learns from the notes of the client's leg what there is to know, and keeps back the first events until it
// is certain that the session may be recorded at all.

import MailDialogue

/// The scope of one session.
struct SessionScope: Sendable {
    /// Octets of events that are kept back until it is known who logs in. With more of them the strictest scope that is possible
    /// holds, as if it were certain.
    static let mostOctets = 65_536

    /// Whether the session is recorded.
    private enum Verdict: Sendable {
        /// That is not known yet. Successors: `recorded`, `never`.
        case open
        /// It is. Successors: `never`; `open` when the client logs out of its account (RFC 8437).
        case recorded
        /// Nothing of it. For good.
        case never
    }

    private let decide: ScopeDecider
    private(set) var facts: ScopeFacts
    private var verdict = Verdict.open
    private var held: [RecordEvent] = []
    private var weight = 0
    private var client: LegScope
    private var server: LegScope
    private var envelope = ScopeEnvelope()
    private var mailbox = ScopeMailbox()
    /// A credential with a name came since the last verdict on a login.
    private var isNamed = false

    init(_ info: SessionInfo, _ decide: @escaping ScopeDecider) {
        self.decide = decide
        facts = ScopeFacts(info)
        client = LegScope(info.mailProtocol, decide)
        server = LegScope(info.mailProtocol, decide)
        judge()
    }

    /// Learns what the next note of the client's leg says of the session. To be called before ``take(_:_:_:)``.
    /// - Returns: what was taken before is recorded, and the session as it is now is not, or not yet.
    mutating func learn(from note: Note) -> Bool {
        let before = verdict
        learn(note)
        return before == .recorded && verdict != .recorded
    }

    /// What was kept back is recorded, as all is that stands from `first` on.
    mutating func release(_ events: inout [RecordEvent], from first: Int) {
        events.insert(contentsOf: held, at: first)
        held = []
        weight = 0
    }

    /// Takes the next note of a leg. ``takeReady(_:)`` gives what may be recorded of it and of those before.
    mutating func take(_ note: Note, _ time: Int64, _ leg: Leg) {
        switch leg {
        case .client:
            client.take(note, time, facts)
        case .server:
            // What the client's leg has decided of the same message holds here too, whatever rules made of its header.
            server.floor = client.strictest
            server.take(note, time, facts)
        }
    }

    /// Rules change what passes: of messages from the server the header that decides is on one leg only.
    mutating func learnChange() {
        client.isChanged = true
        server.isChanged = true
    }

    /// What waits for the rest of a message is decided as it is.
    /// - Parameter isOver: nothing more comes of what is under way.
    mutating func breakOff(isOver: Bool) {
        client.breakOff(facts, isOver: isOver)
        server.breakOff(facts, isOver: isOver)
    }

    /// The notes of a leg that may be recorded.
    mutating func takeReady(_ leg: Leg) -> [(note: Note, time: Int64)] {
        switch leg {
        case .client: client.takeReady()
        case .server: server.takeReady()
        }
    }

    /// The session is under TLS.
    mutating func learnTLS() {
        facts.isSecured = true
        judge()
    }

    /// The octets that come next are under TLS, and what was said in clear is forgotten.
    mutating func secured() {
        facts.isSecured = true
        envelope = ScopeEnvelope()
        envelope.tell(&facts)
        mailbox = ScopeMailbox()
        facts.mailbox = mailbox.name
        judge()
    }

    /// The events from `first` on are recorded now, later or not at all.
    /// - Parameter isLast: the session has ended.
    mutating func gate(_ events: inout [RecordEvent], from first: Int, isLast: Bool) {
        if isLast { settle() }
        switch verdict {
        case .never:
            events.removeSubrange(first...)
            held = []
        case .recorded:
            if !held.isEmpty { release(&events, from: first) }
        case .open:
            held += events[first...]
            weight += events[first...].reduce(0) { $0 &+ $1.weight }
            events.removeSubrange(first...)
            guard weight > Self.mostOctets else { return }
            settle()
            if verdict == .open { verdict = .never }
            gate(&events, from: first, isLast: false)
        }
    }

    // MARK: What is known

    private mutating func judge() {
        let scopes = decide(facts)
        switch verdict {
        case .never: return
        case .recorded: if scopes.contains(.never) { verdict = .never }
        case .open:
            if !scopes.contains(.never) {
                verdict = .recorded
            } else if scopes == .never || facts.isSettled {
                verdict = .never
            }
        }
    }

    /// Nobody logs in any more, and TLS does not begin.
    private mutating func settle() {
        facts.isSettled = true
        facts.isSecured = facts.isSecured ?? false
        judge()
    }

    private mutating func learn(_ note: Note) {
        if !note.isPlain {
            for fact in note.facts { learn(fact) }
        }
        switch note.element {
        case .command(let command): learn(command, note)
        case .reply(let reply) where reply.isLast: learn(reply, note)
        case .contentBegin(let content):
            if content.kind == .message(.data) || content.kind == .message(.lmtp) { envelope.isComplete = true }
        case .greeting, .reply, .commandPart, .data, .dataPart, .goAhead, .challenge, .response, .done, .content,
            .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
            break
        }
    }

    private mutating func learn(_ command: Command, _ note: Note) {
        switch command.verb {
        case "MAIL", "SEND", "SOML", "SAML":
            envelope.begin(SMTPCommand(note.publicOctets.withoutLineEnd.line).path, note.exchange)
        case "RCPT": envelope.add(SMTPCommand(note.publicOctets.withoutLineEnd.line).path)
        case "RSET", "EHLO", "HELO", "LHLO": envelope.reset(note.exchange)
        case "SELECT", "EXAMINE": mailbox.ask(.open, note.exchange)
        case "CLOSE", "UNSELECT": mailbox.ask(.close, note.exchange)
        case "UNAUTHENTICATE": mailbox.ask(.leave, note.exchange)
        default: return
        }
        envelope.tell(&facts)
        facts.mailbox = mailbox.name
    }

    private mutating func learn(_ reply: Reply, _ note: Note) {
        envelope.settle(note.exchange, reply.status)
        envelope.tell(&facts)
        let left = mailbox.settle(note.exchange, reply.status)
        facts.mailbox = mailbox.name
        guard left else { return }
        // Somebody else may log in. The account before counts on: the next may have been named already.
        facts.isSettled = false
        if verdict == .recorded { verdict = .open }
        judge()
    }

    private mutating func learn(_ fact: Fact) {
        switch fact {
        case .clientName(let name): facts.clientName = name.utf8.count <= ScopeFacts.longest ? name : nil
        case .credential(let credential):
            isNamed = !credential.account.isEmpty || credential.authorization != nil
            // Who acts as somebody else counts as both.
            for name in [credential.account, credential.authorization ?? ""] where !name.isEmpty {
                learn(account: name)
            }
        case .login(accepted: true):
            // Who it was could not be read.
            if !isNamed { facts.accounts = nil }
            isNamed = false
            settle()
        case .reversePath, .recipient: if !facts.isSettled { settle() }
        case .mailbox(let name):
            mailbox.opened(name)
            if !facts.isSettled { settle() }
        case .login(accepted: false): isNamed = false
        case .messageAccepted: envelope.isComplete = true
        case .recipientRefused, .messageRefused, .transactionReset,
            .opaque, .contentCut, .leftOut, .resumed, .clear:
            break
        }
    }

    private mutating func learn(account: String) {
        if facts.accounts?.contains(account) == true { return }
        let isKept = facts.accounts.map { $0.count < ScopeFacts.mostAccounts } ?? false
        if isKept, account.utf8.count <= ScopeFacts.longest {
            facts.accounts?.append(account)
        } else {
            facts.accounts = nil
        }
    }
}
