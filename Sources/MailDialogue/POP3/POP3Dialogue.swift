// The joint machine of POP3 (RFC 1939) with CAPA (RFC 2449), STLS (RFC 2595), AUTH (RFC 5034), UTF8 and LANG (RFC
// 6856).
//
// Whether a reply has many lines depends on the command, its arguments and the sign of the reply, so replies are
// matched to commands by counting (RFC 2449 §6.6). After AUTH and STLS the server decides what the client's next octets
// are: they are held until it has spoken.

/// The joint state of a POP3 session.
package struct POP3Dialogue: Dialogue {
    /// What the client's next octets are.
    private enum ClientState: Equatable, Sendable {
        /// A command line. Successors: all others.
        case commands
        /// The reply to AUTH or to a response decides. Successors: `saslResponse`, `commands`.
        case saslAwaiting(SASLFollower)
        /// A challenge was sent: one line of base64. Successor: `saslAwaiting`.
        case saslResponse(SASLFollower)
        /// The reply to STLS decides. Successors: `commands`, or the session is opaque.
        case tlsOffered
    }

    /// What the server's next octets are.
    private enum ServerState: Equatable, Sendable {
        /// The greeting. Successor: `replies`.
        case greetingPending
        /// A status line. Successors: `listing`, `message`.
        case replies
        /// Lines up to a lone dot. Successor: `replies`.
        case listing(String)
        /// A message up to CRLF.CRLF. Successor: `replies`.
        case message(Content)
    }

    /// A command that awaits its reply.
    private struct Outstanding: Equatable, Sendable {
        var verb: POP3Command.Verb?
        var exchange: Int
        var shape: POP3Command.ReplyShape
        /// The line may be a password; servers like to repeat what they did not understand.
        var isSecret = false
    }

    private var client = ClientState.commands
    private var server = ServerState.greetingPending
    private var outstanding = Fifo<Outstanding>()
    private var exchange = 0
    /// The name of the USER command that came last, when nothing came behind it.
    private var user: String?
    /// The greeting had a timestamp, so APOP is possible (RFC 1939 §7).
    private var hasTimestamp = false
    /// Lines of the server before its greeting that are no status lines.
    private var strayLines = 0
    /// AUTH was refused: what a hasty client sent behind it comes as commands, its password too.
    private var mayLeakSecret = false
    package private(set) var mayHaveSecurityLayer = false
    package private(set) var opaque: OpaqueReason?

    package init() {}

    package var currentExchange: Int { outstanding.first?.exchange ?? exchange }

    /// Commands that await their replies.
    package var outstandingCount: Int { outstanding.count }

    package func demand(_ side: Side) -> Demand {
        if opaque != nil { return .opaque }
        switch side {
        case .client:
            switch client {
            case .commands, .saslResponse: return .line(limit: DialogueLimits.line)
            case .saslAwaiting, .tlsOffered: return .held
            }
        case .server:
            switch server {
            case .greetingPending, .replies, .listing: return .line(limit: DialogueLimits.line)
            case .message(let content): return .content(content, .dotTerminated)
            }
        }
    }

    package mutating func accept(line: ArraySlice<UInt8>, from side: Side) -> Note {
        switch side {
        case .client: acceptClient(line)
        case .server: acceptServer(line)
        }
    }

    package mutating func contentEnded(from side: Side) -> ContentEnd {
        server = .replies
        outstanding.popFirst()
        return ContentEnd()
    }

    package func judge(_ flaws: ContentFlaws, from side: Side) -> [Violation] {
        var violations: [Violation] = []
        if flaws.contains(.dotLine) { violations.append(.pop3DotLine) }
        if flaws.contains(.bareLF) { violations.append(.pop3DataBareLF) }
        if flaws.contains(.bareCR) { violations.append(.pop3DataBareCR) }
        return violations
    }

    package func judgeAtEdge(_ side: Side) -> Violation? {
        guard opaque == .tls else { return nil }
        return side == .client ? .pop3STLSInjection : .pop3STLSReplyInjection
    }

    package func lineTooLong(_ side: Side) -> Violation { side == .client ? .pop3LineTooLong : .pop3ReplyTooLong }

    package mutating func becomeOpaque(_ reason: OpaqueReason) {
        opaque = reason
        outstanding.removeAll()
        user = nil
    }

    package func mask(partial line: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        guard side == .client else { return nil }
        switch client {
        case .saslAwaiting, .saslResponse: return line.masking(0..<line.count)
        case .commands, .tlsOffered:
            let blanks = line.prefix { $0 == 32 || $0 == 9 }.count
            let front = line.dropFirst(blanks)
            for verb in ["PASS", "APOP", "AUTH"] as [StaticString] where front.hasPrefixIgnoringCase(verb) {
                return line.masking((blanks + 4)..<line.count)
            }
            return nil
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
            if !crlf { note.violations.append(.pop3BareLineEnd) }
            return note
        }
        let command = POP3Command(line)
        exchange += 1
        var note = Note(
            .client, .command(Command(verb: command.word, isKnown: command.verb != nil)), exchange: exchange, raw: raw)
        if !crlf { note.violations.append(.pop3BareLineEnd) }
        if server == .greetingPending { note.violations.append(.pop3EarlyTalker) }
        if raw.count > 255 { note.violations.append(.pop3CommandLength) }
        let account = user
        user = nil
        switch command.verb {
        case .user:
            user = command.argument.text
            if command.argument.isEmpty { note.violations.append(.pop3MissingArgument) }
        case .pass: acceptPass(command, raw, account, &note)
        case .apop: acceptAPOP(command, raw, &note)
        case .auth: acceptAuth(command, raw, &note)
        case .stls: client = .tlsOffered
        case .retr, .dele: judgeNumbers(command.argument, &note, fewest: 1, most: 1)
        case .top: judgeNumbers(command.argument, &note, fewest: 2, most: 2)
        case .list, .uidl: judgeNumbers(command.argument, &note, fewest: 0, most: 1)
        case .capa, .utf8, .lang, .stat, .noop, .rset, .last, .quit: break
        case nil:
            note.violations.append(.pop3UnknownCommand)
            note.masked = mayLeakSecret ? raw.masking(0..<raw.count) : mask(partial: raw, from: .client)
            if note.masked != nil { note.element = .command(Command(verb: "", isKnown: false)) }
        }
        if command.verb != nil { mayLeakSecret = false }
        let isSecret = command.verb == nil && note.masked != nil
        outstanding.append(
            Outstanding(verb: command.verb, exchange: exchange, shape: command.shape, isSecret: isSecret))
        if outstanding.count > DialogueLimits.outstanding {
            note.violations.append(.pop3TooManyOutstanding)
            note.facts.append(.opaque(.holdLimit))
            becomeOpaque(.holdLimit)
        }
        return note
    }

    /// PASS string: the rest of the line is one argument, spaces included (RFC 1939 §7).
    private func acceptPass(
        _ command: POP3Command, _ raw: ArraySlice<UInt8>, _ account: String?, _ note: inout Note
    ) {
        if account == nil { note.violations.append(.pop3PassBeforeUser) }
        guard !command.rest.isEmpty else {
            note.violations.append(.pop3MissingArgument)
            return
        }
        note.masked = raw.masking(raw.distance(from: raw.startIndex, to: command.rest.startIndex)..<raw.count)
        note.facts.append(
            .credential(Credential(mechanism: "USER", account: account ?? "", secret: SecretBytes(command.rest))))
    }

    /// APOP name digest (RFC 1939 §7). The digest can be attacked with a dictionary, so it counts as the secret.
    private func acceptAPOP(_ command: POP3Command, _ raw: ArraySlice<UInt8>, _ note: inout Note) {
        if !hasTimestamp, server != .greetingPending { note.violations.append(.pop3APOPWithoutTimestamp) }
        let (name, rest) = command.argument.firstWord
        let digest = rest.trimmed
        guard !digest.isEmpty else {
            note.violations.append(.pop3MissingArgument)
            return
        }
        note.masked = raw.masking(raw.distance(from: raw.startIndex, to: digest.startIndex)..<raw.count)
        note.facts.append(
            .credential(Credential(mechanism: "APOP", account: name.text, secret: SecretBytes(digest))))
    }

    /// AUTH mechanism [initial-response] (RFC 5034 §4). Without a mechanism old servers list theirs.
    private mutating func acceptAuth(_ command: POP3Command, _ raw: ArraySlice<UInt8>, _ note: inout Note) {
        let (mechanism, rest) = command.argument.firstWord
        guard !mechanism.isEmpty else { return }
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

    /// Arguments that must be numbers.
    private func judgeNumbers(_ argument: ArraySlice<UInt8>, _ note: inout Note, fewest: Int, most: Int) {
        var rest = argument
        var count = 0
        var good = true
        while !rest.isEmpty, count <= most {
            let (word, tail) = rest.firstWord
            if word.decimal == nil { good = false }
            rest = tail.trimmed
            count += 1
        }
        if count < fewest {
            note.violations.append(.pop3MissingArgument)
        } else if !good || count > most {
            note.violations.append(.pop3BadNumber)
        }
    }

    // MARK: The server

    private mutating func acceptServer(_ raw: ArraySlice<UInt8>) -> Note {
        let (line, crlf) = raw.withoutLineEnd
        var note = Note(.server, .unknown, exchange: currentExchange, raw: raw)
        if !crlf { note.violations.append(.pop3ReplyBareLineEnd) }
        switch server {
        case .listing(let word): acceptListing(word, line, &note)
        case .greetingPending: acceptGreeting(line, &note)
        case .replies:
            if raw.count > 512 { note.violations.append(.pop3ReplyLength) }
            acceptReply(line, &note)
        case .message: break  // the demand was for content
        }
        return note
    }

    /// A line of a multi-line reply. The dot that ends it carries the status of the whole.
    private mutating func acceptListing(_ word: String, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        if line.count == 1, line.first == UInt8(ascii: ".") {
            server = .replies
            outstanding.popFirst()
            note.element = .reply(Reply(.ok, code: "+OK"))
            return
        }
        note.element = .data(word, complete: true)
        if word == "LIST" || word == "UIDL" {
            let (number, value) = line.firstWord
            if number.decimal == nil || value.trimmed.isEmpty { note.violations.append(.pop3BadListingLine) }
        }
    }

    private mutating func acceptGreeting(_ line: ArraySlice<UInt8>, _ note: inout Note) {
        let status = POP3Status(line)
        note.exchange = 0
        if status != .ok { note.violations.append(.pop3BadGreeting) }
        guard status == .ok || status == .error else {
            strayLines += 1
            if strayLines >= DialogueLimits.linesBeforeGreeting {
                note.facts.append(.opaque(.notThisProtocol))
                becomeOpaque(.notThisProtocol)
            }
            return
        }
        note.element = .greeting(Reply(status.reply, code: status.code))
        hasTimestamp = line.firstIndex(of: UInt8(ascii: "<")).map { line[$0...].contains(UInt8(ascii: ">")) } ?? false
        server = .replies
    }

    private mutating func acceptReply(_ line: ArraySlice<UInt8>, _ note: inout Note) {
        let status = POP3Status(line)
        guard let head = outstanding.first else {
            note.violations.append(.pop3UnsolicitedReply)
            return
        }
        if status == .challenge {
            if head.verb == .auth, case .saslAwaiting(let follower) = client {
                note.element = .challenge
                client = .saslResponse(follower)
            } else {
                note.violations.append(.pop3UnexpectedChallenge)
            }
            return
        }
        guard status != .none else {
            note.violations.append(.pop3BadReply)
            return
        }
        if !line.starts(with: status.code.utf8) { note.violations.append(.pop3StatusCase) }
        if let next = line.dropFirst(status.code.utf8.count).first, next != 32 { note.violations.append(.pop3BadReply) }
        var reply = Reply(status.reply, code: status.code)
        if status == .ok {
            switch head.shape {
            case .line: break
            case .listing(let word):
                server = .listing(word)
                reply.isLast = false
            case .message(let carrier, let section):
                let kind = Content.Kind.message(carrier)
                server = .message(Content(kind, dotStuffed: true, exchange: head.exchange, section: section))
                reply.isLast = false
            }
        }
        note.element = .reply(reply)
        if head.isSecret { note.masked = note.raw.masking(status.code.utf8.count..<note.raw.count) }
        if reply.isLast { outstanding.popFirst() }
        settle(head, accepted: status == .ok, &note)
    }

    /// What the reply means for the session.
    private mutating func settle(_ head: Outstanding, accepted: Bool, _ note: inout Note) {
        switch head.verb {
        case .pass, .apop: note.facts.append(.login(accepted: accepted))
        case .auth where head.shape == .line:
            note.facts.append(.login(accepted: accepted))
            switch client {
            case .saslAwaiting(let follower), .saslResponse(let follower):
                client = .commands
                if accepted { mayHaveSecurityLayer = follower.mayInstallLayer } else { mayLeakSecret = true }
            case .commands, .tlsOffered: break
            }
        case .stls:
            if accepted {
                becomeOpaque(.tls)
                note.facts.append(.opaque(.tls))
            } else if client == .tlsOffered {
                client = .commands
            }
        case .user, .auth, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .quit,
            nil:
            break
        }
    }
}
