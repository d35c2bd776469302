// What an IMAP server sends: the greeting, untagged responses with their literals, continuation requests, tagged
// replies.

extension IMAPDialogue {
    mutating func acceptServer(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        raw.withView { acceptServer($0, raw, &remarks) }
    }

    private mutating func acceptServer(_ view: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let (line, crlf) = view.withoutLineEnd
        remarks.exchange = currentExchange
        // Of a client that was not heard to the end it is not known what it asked the server to do: start TLS, deflate.
        let isJudged = client != .seeking
        if !crlf { remarks.blame(.imapReplyBareLineEnd) }
        if !line.isPrintable {
            if line.holds(0) { remarks.blame(.imapReplyNul) }
            if line.holds(13) { remarks.blame(.imapReplyBareCR) }
        }
        switch server {
        case .rest(let keyword, let exchange): acceptRest(line, raw, keyword, exchange, &remarks)
        case .lines: acceptLine(line, raw, &remarks)
        case .seeking: acceptUnplacedServer(line, raw, &remarks)
        case .literal: break  // the demand was for content
        }
        if !isJudged {
            remarks.violations = []
            if remarks.element == .unknown { remarks.element = .unplaced }
        }
    }

    /// The first line of a response.
    mutating func acceptLine(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let head = IMAPResponseHead(line)
        if marks.contains(.isOver), head.kind != .tagged || outstanding.isEmpty {
            // Only answers to what is open may still be under way (RFC 9051 §7.1.5).
            remarks.blame(.imapDataAfterBye)
            marks.remove(.isOver)
        }
        switch head.kind {
        case .continuation(let isSpaced): acceptContinuation(head, raw, isSpaced: isSpaced, &remarks)
        case .untagged: acceptUntagged(head, line, raw, &remarks)
        case .tagged: if !refutesLiteral(&remarks) { acceptTagged(head, raw, &remarks) }
        case .none: remarks.blame(.imapBadResponse)
        }
        if phase == .greetingPending { countStrayLine(&remarks) }
    }

    /// The line behind a literal.
    private mutating func acceptRest(
        _ line: OctetView, _ raw: ArraySlice<UInt8>, _ keyword: IMAPKeyword, _ exchange: Int,
        _ remarks: inout Remarks
    ) {
        remarks.exchange = exchange
        if let first = line.first, first != 32, first != UInt8(ascii: ")"), keyword != .unknown {
            remarks.blame(.imapServerLiteralMismatch)
        }
        text?.append(raw)
        let complete = !followLiteral(line, keyword, &remarks)
        remarks.element = .dataPart(complete: complete)
        guard complete else { return }
        server = .lines
        if let whole = text {
            text = nil
            take(whole, keyword, &remarks)
        }
    }

    /// What is neither untagged nor a tagged reply does not come from an IMAP server.
    private mutating func countStrayLine(_ remarks: inout Remarks) {
        guard remarks.element == .unknown else { return }
        strayLines += 1
        guard strayLines >= DialogueLimits.linesBeforeGreeting else { return }
        remarks.tell(.opaque(.notThisProtocol))
        becomeOpaque(.notThisProtocol)
    }

    /// Only the command that is open can be asked to go on; what for is in its state, not in the line (RFC 9051 §7.6).
    private mutating func acceptContinuation(
        _ head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>, isSpaced: Bool, _ remarks: inout Remarks
    ) {
        let exchange = open.exchange
        switch client {
        case .literalOffered(let content, let size):
            if content.size == .max {
                remarks.tell(.opaque(.desynchronised))
                becomeOpaque(.desynchronised)
            } else {
                client = .literal(content, size: size)
            }
            remarks.element = .goAhead
        case .saslAwaiting(var follower):
            remarks.element = .challenge
            remarks.violations += follower.challenge(raw.part(head.rest))
            client = .saslResponse(follower)
        case .idleOffered:
            remarks.element = .goAhead
            client = .idling
        case .commands, .literal, .commandRest, .saslResponse, .idling, .tlsOffered, .compressOffered,
            .unauthenticating:
            remarks.blame(isSpaced || raw.count <= 3 ? .imapUnexpectedContinuation : .imapBadResponse)
            return
        case .seeking:
            // It may ask for what was lost.
            remarks.element = .unplaced
            hearChallenge(raw.part(head.rest))
            return
        }
        remarks.exchange = exchange
        if !isSpaced { remarks.blame(.imapBareContinuation) }
    }

    private mutating func acceptUntagged(
        _ head: IMAPResponseHead<OctetView>, _ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) {
        let keyword = head.keyword
        if phase == .greetingPending {
            if acceptGreeting(head, raw, &remarks) { return }
            remarks.blame(.imapUntaggedBeforeGreeting)
        } else if phase == .notAuthenticated, keyword.needsLogin {
            remarks.blame(.imapDataBeforeLogin)
        } else if keyword == .preauth, phase != .unknown {
            remarks.blame(.imapSecondGreeting)
        }
        if keyword == .bad, marks.contains(.openIsSecret) || mayLogIn { remarks.mask(maskText(head, raw)) }
        if keepsMailbox { text = IMAPText(raw) }
        let hasLiteral = keyword.isStatus ? false : followLiteral(line, keyword, &remarks)
        remarks.element = .data(keyword == .unknown ? head.word.keyword() : keyword.name, complete: !hasLiteral)
        if opaque != nil { return }
        count(head, &remarks)
        if !hasLiteral {
            // One with literals is read behind its last line.
            text = nil
            if keepsMailbox || (keyword.isStatus && head.hasCode) {
                take(IMAPText(raw), keyword, &remarks)
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
    private mutating func acceptGreeting(
        _ head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) -> Bool {
        switch head.keyword {
        case .ok:
            phase = .notAuthenticated
            remarks.element = .greeting(Reply(.ok, code: "OK"))
        case .preauth:
            phase = .authenticated
            remarks.element = .greeting(Reply(.ok, code: "PREAUTH"))
            remarks.blame(.imapPreauth)
        case .bye:
            phase = .logout
            marks.formUnion([.saidBye, .isOver])
            remarks.element = .greeting(Reply(.closing, code: "BYE"))
        default: return false
        }
        remarks.exchange = 0
        if head.hasCode { take(IMAPText(raw), head.keyword, &remarks) }
        return true
    }

    /// Looks for a literal at the end of a line. True when its octets follow.
    private mutating func followLiteral(
        _ line: OctetView, _ keyword: IMAPKeyword, _ remarks: inout Remarks
    ) -> Bool {
        guard let literal = IMAPLiteral(endOf: line) else { return false }
        let words = line[..<literal.start]
        guard IMAPResponse.endsOutsideQuotes(words) else { return false }
        if literal.isNonSynchronizing { remarks.blame(.imapServerNonSyncLiteral) }
        guard let size = literal.size else {
            remarks.blame(.imapServerLiteralTooBig)
            remarks.tell(.opaque(.desynchronised))
            becomeOpaque(.desynchronised)
            return true
        }
        var content = Content(.literal, size: size, exchange: remarks.exchange)
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

    private mutating func acceptTagged(
        _ head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) {
        guard let status = IMAPResponse.status(head.keyword) else {
            remarks.blame(head.keyword.isStatus ? .imapTaggedBye : .imapBadResponse)
            return
        }
        guard let command = outstanding.remove(IMAPTag(head.tag)) else {
            acceptUnknownTag(head, raw, status, &remarks)
            return
        }
        remarks.exchange = command.exchange
        let code = head.keyword.name
        remarks.element = .reply(Reply(status, code: code))
        if command.isSecret || status == .bad && missesSecret(of: command) {
            let text = raw.firstWord.rest
            let tagLength = text.startIndex - raw.startIndex - 1
            remarks.masked = raw.masking(0..<(command.secrecy == .line ? tagLength : 0)).maskingLine(
                min(tagLength + code.utf8.count + 2, raw.count)..<raw.count)
        }
        let accepted = status == .ok
        judge(command, status, head, &remarks)
        if command.exchange == open.exchange { settleClient(accepted: accepted, &remarks) }
        // A login makes the list before it void; one in its own answer is the new one.
        settle(command, accepted: accepted, status, &remarks)
        if head.hasCode, opaque == nil {
            take(IMAPText(raw), head.keyword, &remarks)
        }
    }

    /// The masked form of a refusal of what was no command: servers repeat what they did not understand, and that may be a password,
    /// which is then the tag too. Nil when there was no login.
    func maskEcho(_ head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard marks.contains(.hasBegunLogin) || !isWhole else { return nil }
        var masked = raw.maskingLine((head.rest.startIndex - raw.startIndex)..<raw.count)
        guard head.tag.count > 1 else { return masked }
        masked = masked.masking(0..<head.tag.count)
        // The mask of a tag that no command has, so that it answers none in a recording either. A bare CR stays where it is.
        let tag = masked.prefix(head.tag.count)
        if let first = tag.firstIndex(where: { $0 != 13 }) { masked[first] = UInt8(ascii: "!") }
        if head.tag.holds(0), let last = tag.lastIndex(where: { $0 != 13 }) { masked[last] = 0 }
        return masked
    }

    /// It is refused before all of it was seen, and what is missing is a secret that the server may repeat.
    private func missesSecret(of command: IMAPOutstanding.Entry) -> Bool {
        guard command.isLogin else { return false }
        switch client {
        case .seeking: return true
        case .commandRest, .literal, .saslResponse: return command.exchange == open.exchange
        case .commands, .literalOffered, .saslAwaiting, .tlsOffered, .compressOffered, .unauthenticating, .idleOffered,
            .idling:
            return false
        }
    }

    /// What a refusal says masked: nobody knows what it refuses.
    func maskText(_ head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        raw.maskingLine((head.rest.startIndex - raw.startIndex)..<raw.count)
    }

    /// The beginning of a line with what it may repeat masked.
    func maskEcho(partial head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard server == .lines || server == .seeking else { return nil }
        switch head.kind {
        case .untagged where head.keyword == .bad:
            return mayLogIn || marks.contains(.openIsSecret) ? maskText(head, raw) : nil
        case .tagged:
            let isRefusal = head.keyword == .bad || head.keyword == .no
            if let command = outstanding.find(IMAPTag(head.tag)) {
                let masked = isRefusal && (command.isLogin || command.isSecret) ? maskText(head, raw) : nil
                guard command.secrecy == .line else { return masked ?? maskUnplaced(head, raw) }
                return (masked ?? raw).masking(0..<head.tag.count)
            }
            if isRefusal { return maskEcho(head, raw) }
            // The refusal may be what is missing.
            let isCut = server == .lines && mayLogIn && IMAPResponse.status(head.keyword) == nil
            return isCut ? maskEcho(head, raw) : maskUnplaced(head, raw)
        case .none:
            let isTag = raw.first.map { $0 != UInt8(ascii: "*") && $0 != UInt8(ascii: "+") } ?? false
            guard server == .lines, isTag, mayLogIn, raw.count > 1, marks.contains(.hasBegunLogin) || !isWhole else {
                return maskUnplaced(head, raw)
            }
            var masked = raw.maskingLine(0..<raw.count)
            if let first = masked.firstIndex(where: { $0 != 13 }) { masked[first] = UInt8(ascii: "!") }
            return masked
        case .untagged, .continuation: return maskUnplaced(head, raw)
        }
    }

    private func maskUnplaced(_ head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        server == .seeking ? maskEcho(unplaced: head, raw) : nil
    }

    /// A tagged reply to none of the commands that were seen.
    private mutating func acceptUnknownTag(
        _ head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>, _ status: ReplyStatus, _ remarks: inout Remarks
    ) {
        if marks.contains(.strayDone), status == .bad, head.tag.equalsIgnoringCase("DONE") {
            // The answer to a DONE that came too late and was taken for a command (RFC 9051 §6.3.13).
            marks.remove(.strayDone)
            remarks.element = .reply(Reply(.bad, code: head.keyword.name))
            return
        }
        if status == .bad { remarks.mask(maskEcho(head, raw)) }
        guard isWhole else {
            resume(byTag: head.tag, status, &remarks)
            return
        }
        remarks.blame(.imapUnknownTag)
    }

    /// The command at the client's end was answered: nothing of it is awaited any more.
    private mutating func settleClient(accepted: Bool, _ remarks: inout Remarks) {
        marks.remove(.idleEnds)
        switch client {
        case .literalOffered:
            if accepted { remarks.blame(.imapOKToIncomplete) }
            marks.insert(.literalWasRefused)
            if open.verb == .login { marks.insert(.mayLeakSecret) }
            client = .commands
        case .saslAwaiting(let follower), .saslResponse(let follower):
            client = .commands
            if accepted { mayHaveSecurityLayer = follower.mayInstallLayer }
            marks.insert(.mayLeakSecret)
        case .idleOffered, .idling: client = .commands
        case .tlsOffered:
            client = .commands
            guard accepted else { break }
            remarks.tell(.opaque(.tls))
            becomeOpaque(.tls)
        case .compressOffered:
            client = .commands
            guard accepted else { break }
            switch compressed {
            case .isInflated: isDeflated = true
            case .inflate:
                isDeflated = true
                clientDeflation = .deflated
                serverDeflation = .deflated
            case .passOpaquely:
                remarks.tell(.opaque(.compress))
                becomeOpaque(.compress)
            }
        case .unauthenticating:
            client = .commands
            if clientDeflation == .waits { clientDeflation = .deflated }
        case .commands, .literal, .commandRest, .seeking: break
        }
    }

    /// COMPRESS ends behind UNAUTHENTICATE and behind the answer to it (RFC 8437 §4.1).
    private mutating func endDeflation() {
        isDeflated = false
        if clientDeflation == .deflated { clientDeflation = .ends }
        if serverDeflation == .deflated { serverDeflation = .ends }
    }

    /// What the reply means for the session.
    private mutating func settle(
        _ command: IMAPOutstanding.Entry, accepted: Bool, _ status: ReplyStatus, _ remarks: inout Remarks
    ) {
        switch command.verb {
        case .login, .authenticate:
            remarks.tell(.login(accepted: accepted))
            guard accepted, phase != .logout else { break }
            if phase == .notAuthenticated || phase == .unknown { phase = .authenticated }
            capabilities = nil
            mechanisms = []
        case .select, .examine: settleOpening(command, accepted: accepted, &remarks)
        case .close, .unselect:
            if accepted, phase == .selected || phase == .unknown { closeMailbox() }
        case .unauthenticate:
            if accepted { endDeflation() }
            guard accepted, phase != .logout else { break }
            closeMailbox()
            phase = .notAuthenticated
            capabilities = nil
            mechanisms = []
            enabled = []
            asked = []
            marks.subtract([.notifies, .wantsModSeq, .hasSelected, .askedOthers])
            mayHaveSecurityLayer = false
        case .append, .replace, .uidReplace:
            remarks.tell(accepted ? .messageAccepted : .messageRefused)
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
