// Where the cleartext ends. Both legs begin TLS or neither does, and what was said in clear does not count behind it
// (RFC 3207 §4.2, RFC 2595 §4, RFC 9051 §6.2.1).
//
// At the edge the relay stands still: it has the reply that consents to TLS and keeps it back. The runtime begins TLS with the
// server, unless that leg has it; then `passEdge` lets the client have the reply, and `beginUnderTLS` forgets all that was said.
// When the server does not come to an end with it the client hears a refusal instead, and the session ends.

import MailDialogue

/// What becomes of a client's wish to begin TLS.
package enum ClientTLS: Equatable, Sendable {
    /// It passes, like the answer; what follows is not followed. Or TLS is there already, and the server says what it thinks
    /// of another.
    case passes
    /// It passes; when the server agrees both legs begin TLS.
    case mirrored
    /// The server's leg is under TLS: we agree. `isRequired`: nothing of use is accepted before.
    case ours(isRequired: Bool)

    /// We answer.
    package var isOurs: Bool { if case .ours = self { true } else { false } }
}

/// The end of the cleartext.
package struct TLSEdge: Equatable, Sendable {
    /// The reply that consents to TLS; the client has not seen it.
    package var reply: [UInt8]
    /// The command that asked for it.
    package var command: Command
    /// Who sent octets in clear behind the edge: the client behind its command, the server behind its reply. They are nobody's,
    /// and whoever made them is up to no good (RFC 3207 §6; CVE-2011-0411).
    package var hasty: Side?
    /// TLS may not begin here, though the server consents: after the login, or in a transaction.
    package var isMisplaced = false

    package init(reply: [UInt8], command: Command, hasty: Side?) {
        self.reply = reply
        self.command = command
        self.hasty = hasty
    }
}

extension Relay {
    /// The server's leg, for who changes what it sends.
    package var serverView: ServerView { ServerView(serverTap) }

    /// Whether words of ours can be said to the client now.
    package var interruption: Interruption { Interruption(clientTap) }

    /// Who has to speak next, as the client sees it; or the server, where the client has our 354 and is not read before the server's.
    package var turn: Turn { awaitsVerdict ? Turn(server: .goAhead) : clientTap.turn }

    /// Octets of a side that wait to be understood, or for what rules say of them.
    package func pending(_ side: Side) -> Int {
        switch side {
        case .client: clientTap.pending(.client) + message.held
        case .server: serverTap.pending(.server)
        }
    }

    /// Octets of memory that the client's commands take until they are answered; 0 where there are few.
    package var outstandingOctets: Int {
        clientTap.outstandingOctets &+ serverTap.outstandingOctets &+ due.footprint &+ relayed.footprint
    }

    /// What becomes of the client when its server is gone now.
    package var bereavement: Bereavement { Bereavement(clientTap, mailProtocol) }

    /// The next reply to the client decides whether TLS begins.
    package var awaitsTLS: Bool { clientTap.awaitsTLS }

    /// The server owes the answer to the client's wish to begin TLS. What waits for rules is not with it yet.
    package var awaitsConsent: Bool { clientTap.awaitsTLS && !waiting }

    /// A leg is not followed any more, and TLS would have to come first. True when the session ends for it.
    mutating func endsForTLS(_ out: inout Output) -> Bool {
        switch tls {
        case .passes, .ours(isRequired: false): break
        case .mirrored: break
        case .ours(isRequired: true):
            out.effects.append(.log("the session can't be followed any more, and TLS is required first"))
            out.effects.append(.toClient(LocalReply.tlsRequired(mailProtocol, Command(verb: ""))))
            close(&out)
            return true
        }
        guard tls != .passes, clientTap.awaitsTLS, edge == nil else { return false }
        // More than may wait behind STARTTLS.
        let edge = TLSEdge(reply: [], command: command, hasty: .client)
        self.edge = edge
        out.effects.append(.edge(edge))
        return true
    }

    /// Octets or frames of the client wait.
    var holdsClient: Bool { clientTap.pending(.client) > 0 || clientFirst != nil || !clientWork.isEmpty }

    /// The number of the client's last exchange.
    package var lastExchange: Int { clientTap.currentExchange }

    /// Rules may step in, or logins are answered here; without them the relay is there for TLS.
    package var hasRules: Bool { !rules.isEmpty || desk != nil }

    /// The edge is reached: `reply` is the last word in clear.
    mutating func reachEdge(_ reply: [UInt8], _ out: inout Output) {
        guard edge == nil, !isClosed else { return }
        let hasty: Side? =
            if holdsClient {
                .client
            } else if tls == .mirrored, serverTap.pending(.server) > 0 || !serverWork.isEmpty {
                .server
            } else {
                nil
            }
        var edge = TLSEdge(reply: reply, command: command, hasty: hasty)
        edge.isMisplaced = !clientTap.mayBeginTLS
        self.edge = edge
        out.effects.append(.edge(edge))
    }

    /// The server's leg is under TLS: the client gets the reply. TLS begins behind it.
    package mutating func passEdge(_ effects: inout [Effect], seen: inout [Note], told: inout [Note]) {
        guard let edge else { return }
        var out = Output()
        toClient(edge.reply[...], &out)
        effects += out.effects
        seen += out.seen
        told += out.told
    }

    /// TLS can't begin: the client is told so, and the session ends.
    /// - Parameter edge: where the session stands; one that the relay does not know of when the server has not answered.
    package mutating func refuseEdge(
        at edge: TLSEdge? = nil, _ words: [UInt8], _ effects: inout [Effect], seen: inout [Note], told: inout [Note]
    ) {
        guard let edge = self.edge ?? edge, !isClosed else { return }
        self.edge = edge
        var out = Output()
        toClient(words[...], isOurs: true, &out)
        close(&out)
        effects += out.effects
        seen += out.seen
        told += out.told
    }

    /// The session ends with words of ours, which answer nothing.
    package mutating func sayGoodbye(
        _ words: [UInt8], _ effects: inout [Effect], seen: inout [Note], told: inout [Note]
    ) {
        var out = Output()
        toClient(words[...], isOurs: true, &out)
        close(&out)
        effects += out.effects
        seen += out.seen
        told += out.told
    }

    /// Both legs are under TLS. All that was said in clear is forgotten.
    /// - Parameter rewindsServer: the server's leg begins anew, too; nil to tell by who answered the client.
    package mutating func beginUnderTLS(rewindsServer: Bool? = nil) {
        let rewindsServer = rewindsServer ?? (tls == .mirrored)
        isPassing = false
        edge = nil
        tls = .passes
        clientTap.beginUnderTLS()
        if rewindsServer { serverTap.beginUnderTLS() }
        clientFirst = nil
        clientWork.removeAll()
        serverWork.removeAll()
        due = DueReplies()
        relayed.removeAll()
        replaced = [:]
        localsWaiting = []
        message = .none
        acceptedRecipients = 0
        refusedMidway = false
        legIsOpaque = false
        desk?.restart()
        facts.isSecured = true
        facts.clientName = ""
        facts.user = ""
        facts.sender = ""
        facts.recipients = []
        facts.mailbox = ""
        facts.size = nil
    }

    /// A command of which TLS decides. True when it goes no further.
    mutating func keepsForTLS(_ command: Command, _ note: Note, _ out: inout Output) -> Bool {
        guard case .ours(let isRequired) = tls else { return false }
        if command.verb == (mailProtocol == .pop3 ? "STLS" : "STARTTLS") {
            consent(to: command, note, &out)
            return true
        }
        guard isRequired, !Self.allowedInClear(mailProtocol).contains(command.verb) else { return false }
        refuse(note, LocalReply.tlsRequired(mailProtocol, command), &out)
        return true
    }

    private mutating func consent(to command: Command, _ note: Note, _ out: inout Output) {
        guard clientTap.mayBeginTLS else {
            return answer(LocalReply.tlsMisplaced(mailProtocol, command), &out)
        }
        switch mailProtocol {
        case .smtp, .lmtp, .pop3: due.append(.consent(LocalReply.tlsConsent(mailProtocol, command)))
        case .imap: consent = LocalReply.tlsConsent(mailProtocol, command)
        }
        flushLocals(&out)
    }

    /// What may be said before TLS where it is required (RFC 3207 §4; RFC 2595 §4; RFC 9051 §6.1, §6.2.1).
    private static func allowedInClear(_ mailProtocol: MailProtocol) -> [String] {
        switch mailProtocol {
        case .smtp, .lmtp: ["EHLO", "HELO", "LHLO", "NOOP", "RSET", "HELP", "QUIT"]
        case .pop3: ["CAPA", "NOOP", "QUIT"]
        case .imap: ["CAPABILITY", "ID", "NOOP", "LOGOUT"]
        }
    }
}
