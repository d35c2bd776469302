// The joint machine of SMTP (RFC 5321) and LMTP (RFC 2033).
//
// Who decides what the client's next octets are: after DATA, AUTH and STARTTLS the server's reply does, so they are
// held until it is known; after BDAT the client's own command does, whatever the server thinks of it (RFC 3030 §2).
// Replies are matched to commands by counting (RFC 2920 §3.1), never by their code or text.

/// The joint state of an SMTP or LMTP session.
package struct SMTPDialogue: Dialogue {
    /// Which of the two protocols.
    package enum Variant: Sendable { case smtp, lmtp }

    /// What the client's next octets are.
    private enum ClientState: Equatable, Sendable {
        /// A command line. Successors: all others.
        case commands
        /// The reply to DATA decides. Successors: `data`, `commands`.
        case dataOffered
        /// 354 was sent: message data up to CRLF.CRLF. Successor: `commands`.
        case data
        /// Octets of a chunk, as BDAT announced. Successor: `commands`.
        case chunk(size: Int, isLast: Bool)
        /// The reply to AUTH or to a response decides. Successors: `saslResponse`, `commands`.
        case saslAwaiting(SASLFollower)
        /// 334 was sent: one line of base64. Successor: `saslAwaiting`.
        case saslResponse(SASLFollower)
        /// The reply to STARTTLS decides. Successors: `commands`, or the session is opaque.
        case tlsOffered
    }

    /// A command that awaits its reply.
    private struct Outstanding: Equatable, Sendable {
        var verb: SMTPCommand.Verb?
        var exchange: Int
        /// The mailbox of MAIL and RCPT.
        var mailbox = ""
        /// This BDAT or DATA ends a message.
        var endsMessage = false
        /// Replies still to come; nil while it is not known (LMTP answers a message once for each accepted recipient).
        var repliesLeft: Int?
        /// The line may be a password; servers like to repeat what they did not understand.
        var isSecret = false
    }

    private let variant: Variant
    private var client = ClientState.commands
    private var greeted = false
    private var outstanding = Fifo<Outstanding>()
    private var exchange = 0
    /// The code of a multi-line reply that is not complete.
    private var openCode: Int?
    private var acceptedRecipients = 0
    private var transactionOpen = false
    private var helloSeen = false
    /// Lines of the server before its greeting that are no replies.
    private var strayLines = 0
    /// AUTH was refused: what a hasty client sent behind it comes as commands, its password too.
    private var mayLeakSecret = false
    package private(set) var mayHaveSecurityLayer = false
    package private(set) var opaque: OpaqueReason?

    package init(_ variant: Variant = .smtp) { self.variant = variant }

    package var currentExchange: Int { outstanding.first?.exchange ?? exchange }

    /// Commands that await their replies.
    package var outstandingCount: Int { outstanding.count }

    package func demand(_ side: Side) -> Demand {
        if opaque != nil { return .opaque }
        switch side {
        case .server: return .line(limit: DialogueLimits.line)
        case .client: break
        }
        switch client {
        case .commands, .saslResponse: return .line(limit: DialogueLimits.line)
        case .dataOffered, .saslAwaiting, .tlsOffered: return .held
        case .data:
            let carrier: Carrier = variant == .lmtp ? .lmtp : .data
            return .content(Content(.message(carrier), dotStuffed: true, exchange: exchange), .dotTerminated)
        case .chunk(let size, let isLast):
            return .content(
                Content(.message(.bdat), size: size, exchange: exchange, continues: !isLast), .octets(size))
        }
    }

    package mutating func accept(line: ArraySlice<UInt8>, from side: Side) -> Note {
        switch side {
        case .client: acceptClient(line)
        case .server: acceptServer(line)
        }
    }

    package mutating func contentEnded(from side: Side) -> ContentEnd {
        client = .commands
        settleHead()
        return ContentEnd()
    }

    package func judge(_ flaws: ContentFlaws, from side: Side) -> [Violation] {
        var violations: [Violation] = []
        if flaws.contains(.dotLine) { violations.append(.smtpSmuggling) }
        if flaws.contains(.bareLF) { violations.append(.smtpDataBareLF) }
        if flaws.contains(.bareCR) { violations.append(.smtpDataBareCR) }
        return violations
    }

    package func judgeAtEdge(_ side: Side) -> Violation? {
        guard opaque == .tls else { return nil }
        return side == .client ? .smtpStartTLSInjection : .smtpStartTLSReplyInjection
    }

    package func lineTooLong(_ side: Side) -> Violation { side == .client ? .smtpLineTooLong : .smtpReplyTooLong }

    package mutating func becomeOpaque(_ reason: OpaqueReason) {
        opaque = reason
        outstanding.removeAll()
    }

    package func mask(partial line: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        guard side == .client else { return nil }
        switch client {
        case .saslAwaiting, .saslResponse: return line.masking(0..<line.count)
        case .commands, .dataOffered, .data, .chunk, .tlsOffered:
            let blanks = line.prefix { $0 == 32 || $0 == 9 }.count
            return line.dropFirst(blanks).hasPrefixIgnoringCase("AUTH") ? line.masking((blanks + 4)..<line.count) : nil
        }
    }

    // MARK: The client

    private mutating func acceptClient(_ raw: ArraySlice<UInt8>) -> Note {
        let (line, crlf) = raw.withoutLineEnd
        if case .saslResponse(var follower) = client {
            let reading = follower.response(line)
            client = .saslAwaiting(follower)
            var note = Note(.client, .response, exchange: currentExchange, raw: raw)
            if let masked = reading.masked { note.masked = masked[...] + raw[line.endIndex...] }
            if let credential = reading.credential { note.facts = [.credential(credential)] }
            if !crlf { note.violations.append(.smtpBareLineEnd) }
            return note
        }
        let command = SMTPCommand(line)
        exchange += 1
        var note = Note(
            .client, .command(Command(verb: command.word, isKnown: command.verb != nil)), exchange: exchange, raw: raw)
        if !crlf { note.violations.append(.smtpBareLineEnd) }
        if !greeted { note.violations.append(.smtpEarlyTalker) }
        judgeOrder(command, &note)
        var entry = Outstanding(verb: command.verb, exchange: exchange)
        switch command.verb {
        case .helo, .ehlo, .lhlo: note.facts.append(.clientName(command.argument.text))
        case .mail, .rcpt:
            let path = command.path
            entry.mailbox = (path?.mailbox ?? command.argument).text
            if path?.isBracketed != true { note.violations.append(.smtpBadPath) }
        case .data:
            client = .dataOffered
            entry.endsMessage = true
        case .bdat:
            if let chunk = command.chunk {
                client = .chunk(size: chunk.size, isLast: chunk.isLast)
                entry.endsMessage = chunk.isLast
            } else {
                note.violations.append(.smtpBadChunkSize)
            }
        case .burl: entry.endsMessage = command.argument.firstWord.rest.trimmed.equalsIgnoringCase("LAST")
        case .auth: acceptAuth(command, raw, &note)
        case .startTLS: client = .tlsOffered
        case .rset, .noop, .quit, .vrfy, .expn, .help, .etrn, .xclient, .xforward: break
        case nil:
            note.violations.append(.smtpUnknownCommand)
            note.masked = mayLeakSecret ? raw.masking(0..<raw.count) : mask(partial: raw, from: .client)
            if note.masked != nil {
                entry.isSecret = true
                note.element = .command(Command(verb: "", isKnown: false))
            }
        }
        if command.verb != nil { mayLeakSecret = false }
        entry.repliesLeft = variant == .lmtp && entry.endsMessage ? nil : 1
        outstanding.append(entry)
        if outstanding.count > DialogueLimits.outstanding {
            note.violations.append(.smtpTooManyOutstanding)
            note.facts.append(.opaque(.holdLimit))
            becomeOpaque(.holdLimit)
        }
        return note
    }

    /// The order of a transaction (RFC 5321 §4.1.4), judged only while no reply is due that could change it.
    private func judgeOrder(_ command: SMTPCommand, _ note: inout Note) {
        guard outstanding.isEmpty, greeted else { return }
        let inOrder: Bool
        switch command.verb {
        case .mail: inOrder = helloSeen && !transactionOpen
        case .rcpt: inOrder = transactionOpen
        case .data, .bdat, .burl: inOrder = transactionOpen && acceptedRecipients > 0
        case .helo, .ehlo, .lhlo, .rset, .noop, .quit, .vrfy, .expn, .help, .auth, .startTLS, .etrn, .xclient,
            .xforward, nil:
            inOrder = true
        }
        if !inOrder { note.violations.append(.smtpBadSequence) }
    }

    /// AUTH mechanism [initial-response] (RFC 4954 §4).
    private mutating func acceptAuth(_ command: SMTPCommand, _ raw: ArraySlice<UInt8>, _ note: inout Note) {
        let (mechanism, rest) = command.argument.firstWord
        var follower = SASLFollower(mechanism: mechanism.keyword())
        let initial = rest.trimmed
        if !initial.isEmpty {
            let reading = follower.response(initial)
            if let masked = reading.masked {
                note.masked = raw[..<initial.startIndex] + masked + raw[initial.endIndex...]
            }
            if let credential = reading.credential { note.facts.append(.credential(credential)) }
        }
        client = .saslAwaiting(follower)
    }

    // MARK: The server

    private mutating func acceptServer(_ raw: ArraySlice<UInt8>) -> Note {
        let (line, crlf) = raw.withoutLineEnd
        var note = Note(.server, .unknown, exchange: currentExchange, raw: raw)
        if !crlf { note.violations.append(.smtpReplyBareLineEnd) }
        guard let reply = SMTPReplyLine(line) else {
            note.violations.append(.smtpBadReply)
            if !greeted {
                strayLines += 1
                if strayLines >= DialogueLimits.linesBeforeGreeting {
                    note.facts.append(.opaque(.notThisProtocol))
                    becomeOpaque(.notThisProtocol)
                }
            }
            return note
        }
        if let openCode, openCode != reply.code { note.violations.append(.smtpReplyCodesDiffer) }
        openCode = reply.isLast ? nil : (openCode ?? reply.code)
        let element = Reply(reply.status, code: line.prefix(3).text, isLast: reply.isLast)
        if !greeted {
            note.element = .greeting(element)
            note.exchange = 0
            greeted = reply.isLast
            return note
        }
        note.element = .reply(element)
        if client == .data {
            // No reply is due in the middle of the data but 421 (RFC 5321 §3.8).
            if reply.code != 421 {
                note.violations.append(.smtpReplyDuringData)
                note.facts.append(.opaque(.desynchronised))
                becomeOpaque(.desynchronised)
            }
            return note
        }
        guard var head = outstanding.first else {
            if reply.code != 421 {
                note.element = .unknown
                note.violations.append(.smtpUnsolicitedReply)
            }
            return note
        }
        note.exchange = head.exchange
        if head.isSecret { note.masked = raw.masking(4..<raw.count) }
        guard reply.isLast else { return note }
        if reply.status == .intermediate, answersIntermediate(head, reply.code, &note) { return note }
        head.repliesLeft = (head.repliesLeft ?? 1) - 1
        complete(head, reply, &note)
        return note
    }

    /// 354 and 334 leave their command outstanding. False when no such reply is due.
    private mutating func answersIntermediate(_ head: Outstanding, _ code: Int, _ note: inout Note) -> Bool {
        switch client {
        case .dataOffered where head.verb == .data && head.exchange == exchange:
            note.element = .goAhead
            client = .data
            return true
        case .saslAwaiting(let follower) where head.verb == .auth:
            note.element = .challenge
            client = .saslResponse(follower)
            return true
        case .commands, .dataOffered, .data, .chunk, .saslAwaiting, .saslResponse, .tlsOffered:
            note.violations.append(.smtpUnexpectedIntermediate)
            return false
        }
    }

    /// The last reply of a command, or one of several in LMTP.
    private mutating func complete(_ head: Outstanding, _ reply: SMTPReplyLine, _ note: inout Note) {
        let ok = reply.status == .ok
        let isLast = (head.repliesLeft ?? 0) <= 0
        if !isLast {
            outstanding.first = head
            note.element = .reply(Reply(reply.status, code: "\(reply.code)", isLast: false))
        } else {
            outstanding.popFirst()
        }
        switch head.verb {
        case .mail:
            if ok {
                transactionOpen = true
                acceptedRecipients = 0
                note.facts.append(.reversePath(head.mailbox))
            }
        case .rcpt:
            if ok { acceptedRecipients += 1 }
            note.facts.append(ok ? .recipient(head.mailbox) : .recipientRefused(head.mailbox))
        case .data, .bdat, .burl:
            // A DATA that got no 354 leaves the recipients as they are.
            // The DATA that is offered is always the newest command; this one may be an older one, its message
            // complete.
            let refusedBeforeData = client == .dataOffered && head.exchange == exchange
            if refusedBeforeData { client = .commands }
            if head.endsMessage {
                note.facts.append(ok ? .messageAccepted : .messageRefused)
                if isLast, !refusedBeforeData {
                    transactionOpen = false
                    acceptedRecipients = 0
                }
            } else if !ok {
                note.facts.append(.messageRefused)
            }
        case .rset, .helo, .ehlo, .lhlo:
            if ok { acceptedRecipients = 0 }
            if ok, head.verb != .rset { helloSeen = true }
            if ok, transactionOpen {
                transactionOpen = false
                note.facts.append(.transactionReset)
            }
        case .auth:
            note.facts.append(.login(accepted: ok))
            switch client {
            case .saslAwaiting(let follower), .saslResponse(let follower):
                client = .commands
                if ok { mayHaveSecurityLayer = follower.mayInstallLayer } else { mayLeakSecret = true }
            case .commands, .dataOffered, .data, .chunk, .tlsOffered: break
            }
        case .startTLS:
            if ok {
                becomeOpaque(.tls)
                note.facts.append(.opaque(.tls))
            } else if client == .tlsOffered {
                client = .commands
            }
        case .xclient:
            // The session starts over (Postfix XCLIENT_README): a 220 greeting is its reply.
            if ok { transactionOpen = false }
        case .noop, .quit, .vrfy, .expn, .help, .etrn, .xforward, nil: break
        }
        settleHead()
    }

    /// LMTP answers a message once for each accepted recipient, and not at all when all were refused (RFC 2033 §4.2).
    /// How many that are is known once all commands before it are answered and its content is complete.
    private mutating func settleHead() {
        while var head = outstanding.first, head.repliesLeft == nil {
            switch client {
            case .dataOffered, .data, .chunk: if head.exchange == exchange { return }
            case .commands, .saslAwaiting, .saslResponse, .tlsOffered: break
            }
            // BDAT has no 354 by which a server could refuse it before: without recipients it is refused once.
            let replies = head.verb == .data ? acceptedRecipients : max(1, acceptedRecipients)
            guard replies == 0 else {
                head.repliesLeft = replies
                outstanding.first = head
                return
            }
            outstanding.popFirst()
        }
    }
}
