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

    init(_ info: SessionInfo, _ decide: @escaping ScopeDecider) {
        self.decide = decide
        facts = ScopeFacts(info)
        client = LegScope(info.mailProtocol, decide)
        server = LegScope(info.mailProtocol, decide)
        judge()
    }

    /// Takes the next note of a leg. ``takeReady(_:)`` gives what may be recorded of it and of those before.
    mutating func take(_ note: Note, _ time: Int64, _ leg: Leg) {
        switch leg {
        case .client:
            learn(note)
            client.take(note, time, facts)
        case .server: server.take(note, time, facts)
        }
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
        facts.sender = nil
        facts.recipients = []
        facts.mailbox = ""
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
            guard !held.isEmpty else { return }
            events.insert(contentsOf: held, at: first)
            held = []
            weight = 0
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
        case .recorded: if scopes == .never { verdict = .never }
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
        guard case .command(let command) = note.element else { return }
        switch command.verb {
        case "MAIL", "SEND", "SOML", "SAML":
            let path = SMTPCommand(note.publicOctets.withoutLineEnd.line).path
            facts.sender = path.map { Self.name($0.mailbox) } ?? ""
            facts.announced = path?.parameters.first { $0.keyword == "SIZE" }?.value.decimal
            facts.recipients = []
        case "RCPT":
            guard let path = SMTPCommand(note.publicOctets.withoutLineEnd.line).path else { return }
            let count = facts.recipients?.count ?? 0
            let isKept = count < ScopeFacts.mostRecipients && path.mailbox.count <= ScopeFacts.longest
            if isKept { facts.recipients?.append(Self.name(path.mailbox)) } else { facts.recipients = nil }
        case "RSET", "EHLO", "HELO", "LHLO":
            facts.sender = nil
            facts.announced = nil
            facts.recipients = []
        case "SELECT", "EXAMINE": facts.mailbox = nil
        case "CLOSE", "UNSELECT": facts.mailbox = ""
        case "UNAUTHENTICATE":
            // Somebody else may log in.
            facts.mailbox = ""
            facts.accounts = []
            facts.isSettled = false
            if verdict == .recorded { verdict = .open }
            judge()
        default: break
        }
    }

    private mutating func learn(_ fact: Fact) {
        switch fact {
        case .clientName(let name): facts.clientName = name.utf8.count <= ScopeFacts.longest ? name : nil
        case .credential(let credential):
            let account = credential.account
            if facts.accounts?.contains(account) == true { break }
            let isKept = facts.accounts.map { $0.count < ScopeFacts.mostAccounts } ?? false
            if isKept, account.utf8.count <= ScopeFacts.longest {
                facts.accounts?.append(account)
            } else {
                facts.accounts = nil
            }
        case .login(accepted: true): settle()
        case .reversePath, .recipient: if !facts.isSettled { settle() }
        case .mailbox(let name):
            facts.mailbox = name
            if !facts.isSettled { settle() }
        case .login(accepted: false), .recipientRefused, .messageAccepted, .messageRefused, .transactionReset,
            .opaque, .contentCut, .leftOut, .resumed:
            break
        }
    }

    private static func name(_ octets: ArraySlice<UInt8>) -> String { octets.prefix(ScopeFacts.longest).text }
}
