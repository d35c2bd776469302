// What an IMAP server sends: the greeting, untagged responses with their literals, continuation requests, tagged
// replies.

extension IMAPDialogue {
    mutating func acceptServer(_ raw: ArraySlice<UInt8>) -> Note {
        let (line, crlf) = raw.withoutLineEnd
        var note = Note(.server, .unknown, exchange: currentExchange, raw: raw)
        if !crlf { note.violations.append(.imapReplyBareLineEnd) }
        switch server {
        case .rest(let keyword, let exchange):
            note.exchange = exchange
            let complete = !followLiteral(line, keyword, &note)
            if complete { server = .lines }
            note.element = .dataPart(complete: complete)
        case .lines:
            switch IMAPResponse(line) {
            case .continuation: acceptContinuation(&note)
            case .untagged(let keyword): acceptUntagged(keyword, line, &note)
            case .tagged(let tag, let status): acceptTagged(tag, status, &note)
            case .none: note.violations.append(.imapBadResponse)
            }
            if phase == .greetingPending { countStrayLine(&note) }
        case .literal: break  // the demand was for content
        }
        return note
    }

    /// What is neither untagged nor a tagged reply does not come from an IMAP server.
    private mutating func countStrayLine(_ note: inout Note) {
        guard note.element == .unknown else { return }
        strayLines += 1
        guard strayLines >= DialogueLimits.linesBeforeGreeting else { return }
        note.facts.append(.opaque(.notThisProtocol))
        becomeOpaque(.notThisProtocol)
    }

    /// Only the command that is open can be asked to go on; what for is in its state, not in the line (RFC 9051 §7.6).
    private mutating func acceptContinuation(_ note: inout Note) {
        let exchange = open.exchange
        switch client {
        case .literalOffered(let content, let size):
            if content.size == .max {
                note.facts.append(.opaque(.desynchronised))
                becomeOpaque(.desynchronised)
            } else {
                client = .literal(content, size: size)
            }
            note.element = .goAhead
        case .saslAwaiting(let follower):
            note.element = .challenge
            client = .saslResponse(follower)
        case .idleOffered:
            note.element = .goAhead
            client = .idling
        case .commands, .literal, .commandRest, .saslResponse, .idling, .tlsOffered, .compressOffered:
            note.violations.append(.imapUnexpectedContinuation)
            return
        }
        note.exchange = exchange
    }

    private mutating func acceptUntagged(_ keyword: String, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        if phase == .greetingPending {
            if acceptGreeting(keyword, &note) { return }
            note.violations.append(.imapUntaggedBeforeGreeting)
        } else if phase == .notAuthenticated {
            switch keyword {
            case "LIST", "LSUB", "STATUS", "SEARCH", "ESEARCH", "FLAGS", "EXISTS", "RECENT", "EXPUNGE", "FETCH":
                note.violations.append(.imapDataBeforeLogin)
            default: break
            }
        }
        if keyword == "BYE" { phase = .logout }
        let hasLiteral = IMAPResponse.isStatus(keyword) ? false : followLiteral(line, keyword, &note)
        note.element = .data(keyword, complete: !hasLiteral)
    }

    /// RFC 9051 §7.1: OK, PREAUTH or BYE. False when the line is no greeting.
    private mutating func acceptGreeting(_ keyword: String, _ note: inout Note) -> Bool {
        switch keyword {
        case "OK":
            phase = .notAuthenticated
            note.element = .greeting(Reply(.ok, code: keyword))
        case "PREAUTH":
            phase = .authenticated
            note.element = .greeting(Reply(.ok, code: keyword))
            note.violations.append(.imapPreauth)
        case "BYE":
            phase = .logout
            note.element = .greeting(Reply(.closing, code: keyword))
        default: return false
        }
        note.exchange = 0
        return true
    }

    /// Looks for a literal at the end of a line. True when its octets follow.
    private mutating func followLiteral(_ line: ArraySlice<UInt8>, _ keyword: String, _ note: inout Note) -> Bool {
        guard let literal = IMAPLiteral(endOf: line) else { return false }
        let words = line[..<literal.start]
        guard IMAPResponse.endsOutsideQuotes(words) else { return false }
        if literal.isNonSynchronizing { note.violations.append(.imapServerNonSyncLiteral) }
        guard let size = literal.size else {
            note.violations.append(.imapServerLiteralTooBig)
            note.facts.append(.opaque(.desynchronised))
            becomeOpaque(.desynchronised)
            return true
        }
        var content = Content(.literal, size: size, exchange: note.exchange)
        if keyword == "FETCH" || keyword == "UIDFETCH", let item = IMAPResponse.messageItem(endOf: words) {
            content.kind = .message(.fetch)
            content.section = item.text
        }
        server = .literal(content, size: size, keyword: keyword)
        return true
    }

    private mutating func acceptTagged(_ tag: String, _ status: ReplyStatus?, _ note: inout Note) {
        guard let status else {
            note.violations.append(.imapBadResponse)
            return
        }
        guard let command = outstanding.remove(where: { $0.tag == tag }) else {
            note.violations.append(.imapUnknownTag)
            return
        }
        note.exchange = command.exchange
        let code = status == .ok ? "OK" : status == .bad ? "BAD" : "NO"
        note.element = .reply(Reply(status, code: code))
        if command.isSecret {
            let text = note.raw.firstWord.rest
            let hidden = note.raw.masking(0..<(text.startIndex - note.raw.startIndex - 1))
            note.masked = hidden[...].masking((hidden.count - text.count + code.utf8.count)..<hidden.count)
        }
        if command.exchange == open.exchange { settleClient(accepted: status == .ok, &note) }
        settle(command, accepted: status == .ok, &note)
    }

    /// The command at the client's end was answered: nothing of it is awaited any more.
    private mutating func settleClient(accepted: Bool, _ note: inout Note) {
        switch client {
        case .literalOffered:
            literalWasRefused = true
            mayLeakSecret = open.verb == "LOGIN"
            client = .commands
        case .saslAwaiting(let follower), .saslResponse(let follower):
            client = .commands
            if accepted { mayHaveSecurityLayer = follower.mayInstallLayer } else { mayLeakSecret = true }
        case .idleOffered, .idling: client = .commands
        case .tlsOffered:
            client = .commands
            if accepted { end(.tls, &note) }
        case .compressOffered:
            client = .commands
            if accepted { end(.compress, &note) }
        case .commands, .literal, .commandRest: break
        }
    }

    private mutating func end(_ reason: OpaqueReason, _ note: inout Note) {
        note.facts.append(.opaque(reason))
        becomeOpaque(reason)
    }

    /// What the reply means for the session.
    private mutating func settle(_ command: Outstanding, accepted: Bool, _ note: inout Note) {
        switch command.verb {
        case "LOGIN", "AUTHENTICATE":
            note.facts.append(.login(accepted: accepted))
            if accepted, phase == .notAuthenticated { phase = .authenticated }
        case "SELECT", "EXAMINE":
            if phase == .logout { break }
            // A failed SELECT closes the mailbox before it all the same (RFC 9051 §6.3.2).
            phase = accepted ? .selected : phase == .selected ? .authenticated : phase
            mailbox = accepted ? command.mailbox : ""
            if accepted { note.facts.append(.mailbox(command.mailbox)) }
        case "CLOSE", "UNSELECT":
            if accepted, phase == .selected {
                phase = .authenticated
                mailbox = ""
            }
        case "UNAUTHENTICATE":
            if accepted {
                phase = .notAuthenticated
                mailbox = ""
            }
        case "APPEND", "REPLACE", "UID REPLACE":
            note.facts.append(accepted ? .messageAccepted : .messageRefused)
        default: break
        }
    }
}
