// What an IMAP server sends: the greeting, untagged responses with their literals, continuation requests, tagged
// replies.

extension IMAPDialogue {
    mutating func acceptServer(_ raw: ArraySlice<UInt8>) -> Note {
        let (line, crlf) = raw.withoutLineEnd
        var note = Note(.server, .unknown, exchange: currentExchange, raw: raw)
        // Of a client that was not heard to the end it is not known what it asked the server to do: start TLS, deflate.
        let isJudged = client != .seeking
        if !crlf { note.violations.append(.imapReplyBareLineEnd) }
        if line.holds(0) { note.violations.append(.imapReplyNul) }
        if line.holds(13) { note.violations.append(.imapReplyBareCR) }
        switch server {
        case .rest(let keyword, let exchange): acceptRest(line, keyword, exchange, &note)
        case .lines: acceptLine(line, &note)
        case .seeking: acceptUnplacedServer(line, &note)
        case .literal: break  // the demand was for content
        }
        if !isJudged {
            note.violations = []
            if note.element == .unknown { note.element = .unplaced }
        }
        return note
    }

    /// The first line of a response.
    mutating func acceptLine(_ line: ArraySlice<UInt8>, _ note: inout Note) {
        let head = IMAPResponseHead(line)
        if marks.contains(.isOver), head.kind != .tagged || outstanding.isEmpty {
            // Only answers to what is open may still be under way (RFC 9051 §7.1.5).
            note.violations.append(.imapDataAfterBye)
            marks.remove(.isOver)
        }
        switch head.kind {
        case .continuation(let isSpaced): acceptContinuation(head, isSpaced: isSpaced, &note)
        case .untagged: acceptUntagged(head, line, &note)
        case .tagged: acceptTagged(head, line, &note)
        case .none: note.violations.append(.imapBadResponse)
        }
        if phase == .greetingPending { countStrayLine(&note) }
    }

    /// The line behind a literal.
    private mutating func acceptRest(
        _ line: ArraySlice<UInt8>, _ keyword: IMAPKeyword, _ exchange: Int, _ note: inout Note
    ) {
        note.exchange = exchange
        if let first = line.first, first != 32, first != UInt8(ascii: ")"), keyword != .unknown {
            note.violations.append(.imapServerLiteralMismatch)
        }
        text?.append(note.raw)
        let complete = !followLiteral(line, keyword, &note)
        note.element = .dataPart(complete: complete)
        guard complete else { return }
        server = .lines
        if let whole = text {
            text = nil
            take(whole, keyword, &note)
        }
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
    private mutating func acceptContinuation(_ head: IMAPResponseHead, isSpaced: Bool, _ note: inout Note) {
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
        case .saslAwaiting(var follower):
            note.element = .challenge
            note.violations += follower.challenge(head.rest)
            client = .saslResponse(follower)
        case .idleOffered:
            note.element = .goAhead
            client = .idling
        case .commands, .literal, .commandRest, .saslResponse, .idling, .tlsOffered, .compressOffered,
            .unauthenticating:
            note.violations.append(isSpaced || note.raw.count <= 3 ? .imapUnexpectedContinuation : .imapBadResponse)
            return
        case .seeking:
            // It may ask for what was lost.
            note.element = .unplaced
            return
        }
        note.exchange = exchange
        if !isSpaced { note.violations.append(.imapBareContinuation) }
    }

    private mutating func acceptUntagged(_ head: IMAPResponseHead, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        let keyword = head.keyword
        if phase == .greetingPending {
            if acceptGreeting(head, &note) { return }
            note.violations.append(.imapUntaggedBeforeGreeting)
        } else if phase == .notAuthenticated, keyword.needsLogin {
            note.violations.append(.imapDataBeforeLogin)
        } else if keyword == .preauth, phase != .unknown {
            note.violations.append(.imapSecondGreeting)
        }
        if keepsMailbox { text = IMAPText(note.raw) }
        let hasLiteral = keyword.isStatus ? false : followLiteral(line, keyword, &note)
        note.element = .data(keyword == .unknown ? head.word.keyword() : keyword.name, complete: !hasLiteral)
        if opaque != nil { return }
        count(head, &note)
        if !hasLiteral {
            // One with literals is read behind its last line.
            text = nil
            if keepsMailbox || (keyword.isStatus && head.hasCode) {
                take(IMAPText(note.raw), keyword, &note)
            }
        }
        if keyword == .bye {
            phase = .logout
            marks.insert(.saidBye)
            // Without LOGOUT the connection closes at once (RFC 9051 §7.1.5); of one that was lost nothing is known.
            if isWhole, !marks.contains(.leaves) { marks.insert(.isOver) }
        }
    }

    /// RFC 9051 §7.1: OK, PREAUTH or BYE. False when the line is no greeting.
    private mutating func acceptGreeting(_ head: IMAPResponseHead, _ note: inout Note) -> Bool {
        switch head.keyword {
        case .ok:
            phase = .notAuthenticated
            note.element = .greeting(Reply(.ok, code: "OK"))
        case .preauth:
            phase = .authenticated
            note.element = .greeting(Reply(.ok, code: "PREAUTH"))
            note.violations.append(.imapPreauth)
        case .bye:
            phase = .logout
            marks.formUnion([.saidBye, .isOver])
            note.element = .greeting(Reply(.closing, code: "BYE"))
        default: return false
        }
        note.exchange = 0
        if head.hasCode { take(IMAPText(note.raw), head.keyword, &note) }
        return true
    }

    /// Looks for a literal at the end of a line. True when its octets follow.
    private mutating func followLiteral(
        _ line: ArraySlice<UInt8>, _ keyword: IMAPKeyword, _ note: inout Note
    ) -> Bool {
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
        if keyword == .fetch || keyword == .uidfetch, let item = IMAPResponse.messageItem(endOf: words) {
            content.kind = .message(.fetch)
            content.section = item.text
        }
        if literal.isBinary { marks.insert(.serverBinary) } else { marks.remove(.serverBinary) }
        server = .literal(content, size: size, keyword)
        if text != nil {
            keepsLiteral = content.kind == .literal && size <= DialogueLimits.keptLiteral
            if !keepsLiteral { text?.omitLiteral(size: size) }
        }
        return true
    }

    private mutating func acceptTagged(_ head: IMAPResponseHead, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        guard let status = IMAPResponse.status(head.keyword) else {
            note.violations.append(head.keyword.isStatus ? .imapTaggedBye : .imapBadResponse)
            return
        }
        guard let command = outstanding.remove(IMAPTag(head.tag)) else {
            acceptUnknownTag(head, status, &note)
            return
        }
        note.exchange = command.exchange
        let code = head.keyword.name
        note.element = .reply(Reply(status, code: code))
        if command.isSecret {
            let text = note.raw.firstWord.rest
            let hidden = note.raw.masking(0..<(text.startIndex - note.raw.startIndex - 1))
            note.masked = hidden[...].masking((hidden.count - text.count + code.utf8.count)..<hidden.count)
        }
        let accepted = status == .ok
        judge(command, status, head, &note)
        if command.exchange == open.exchange { settleClient(accepted: accepted, &note) }
        // A login makes the list before it void; one in its own answer is the new one.
        settle(command, accepted: accepted, status, &note)
        if head.hasCode, opaque == nil {
            take(IMAPText(note.raw), head.keyword, &note)
        }
    }

    /// A tagged reply to none of the commands that were seen.
    private mutating func acceptUnknownTag(_ head: IMAPResponseHead, _ status: ReplyStatus, _ note: inout Note) {
        if marks.contains(.strayDone), status == .bad, head.tag.equalsIgnoringCase("DONE") {
            // The answer to a DONE that came too late and was taken for a command (RFC 9051 §6.3.13).
            marks.remove(.strayDone)
            note.element = .reply(Reply(.bad, code: head.keyword.name))
            return
        }
        guard isWhole else {
            resume(byTag: head.tag, status, &note)
            return
        }
        note.violations.append(.imapUnknownTag)
    }

    /// The command at the client's end was answered: nothing of it is awaited any more.
    private mutating func settleClient(accepted: Bool, _ note: inout Note) {
        marks.remove(.idleEnds)
        switch client {
        case .literalOffered:
            if accepted { note.violations.append(.imapOKToIncomplete) }
            marks.insert(.literalWasRefused)
            if open.verb == .login { marks.insert(.mayLeakSecret) }
            client = .commands
        case .saslAwaiting(let follower), .saslResponse(let follower):
            client = .commands
            if accepted { mayHaveSecurityLayer = follower.mayInstallLayer } else { marks.insert(.mayLeakSecret) }
        case .idleOffered, .idling: client = .commands
        case .tlsOffered:
            client = .commands
            guard accepted else { break }
            note.facts.append(.opaque(.tls))
            becomeOpaque(.tls)
        case .compressOffered:
            client = .commands
            guard accepted else { break }
            if inflates {
                isCompressed = true
            } else {
                note.facts.append(.opaque(.compress))
                becomeOpaque(.compress)
            }
        case .unauthenticating: client = .commands
        case .commands, .literal, .commandRest, .seeking: break
        }
    }

    /// What the reply means for the session.
    private mutating func settle(
        _ command: IMAPOutstanding.Entry, accepted: Bool, _ status: ReplyStatus, _ note: inout Note
    ) {
        switch command.verb {
        case .login, .authenticate:
            note.facts.append(.login(accepted: accepted))
            guard accepted, phase != .logout else { break }
            if phase == .notAuthenticated || phase == .unknown { phase = .authenticated }
            capabilities = nil
            mechanisms = []
        case .select, .examine: settleOpening(command, accepted: accepted, &note)
        case .close, .unselect:
            if accepted, phase == .selected || phase == .unknown { closeMailbox() }
        case .unauthenticate:
            guard accepted, phase != .logout else { break }
            closeMailbox()
            phase = .notAuthenticated
            capabilities = nil
            mechanisms = []
            enabled = []
            asked = []
            marks.subtract([.notifies, .wantsModSeq, .hasSelected, .askedOthers])
            mayHaveSecurityLayer = false
            guard isCompressed else { break }
            note.facts.append(.opaque(.compress))
            becomeOpaque(.compress)
        case .append, .replace, .uidReplace:
            note.facts.append(accepted ? .messageAccepted : .messageRefused)
        case .logout:
            if accepted {
                if isWhole { marks.insert(.isOver) }
            } else {
                marks.remove(.leaves)
            }
        default:
            if accepted, phase == .unknown, command.verb.kind.contains(.provesSelected) { phase = .selected }
        }
    }
}
