// How the place is found again when octets are missing. Nothing is guessed: what can't be placed passes as it is, and no
// verdict is given that a missing octet could overturn.
//
// The server only ever sends lines, so behind its next LF a line begins, and that line is a reply or a part of one. What
// it answers is certain again when its code, or its shape, can belong to one command only, and that command is the last of
// its group, so that the client waits for this reply and nothing else is due (RFC 2920 §3.1):
//
// - 354 answers DATA (RFC 5321 §4.3.2), the last of its group. What the client sends next is the message.
// - 334 answers AUTH or a response (RFC 4954 §4). What the client sends next is a response, which is a secret; the
//   reply to it that is not 334 ends AUTH.
// - 250 in whose lines stand keywords that nothing but an EHLO reply has (RFC 5321 §4.1.1.1) answers EHLO.
// - 252 answers VRFY or EXPN, 221 answers QUIT (§4.3.2): both last of their group.
// - 220 is the greeting, or answers STARTTLS (RFC 3207 §4) or XCLIENT: after each the client waits. Its next octets
//   are a TLS handshake, which no command begins like, or a command.
//
// When only octets of the server are missing, the client's place stays certain except where a reply decides it. A client
// that sends a command although its last one must be answered first (because it must be the last of its group, or because
// PIPELINING is not offered) has that answer: this command is the only one that waits.
//
// What a line shows of a login is told wherever it stands: AUTH with its response, a line of base64 behind it or behind a challenge. It
// has no place by that, and no outcome.
//
// Behind DATA whose reply is missing the client says itself what it was: it goes on with a command, or with the message. So a line that
// is no command begins the message, which ends where messages end. Behind AUTH, or a response, the same holds for a line of base64.
// Where DATA has no place, or only the end of a line was seen that reads `354`, a header field begins the message (`+Unplaced`).
//
// The client's line before such a reply, where it was seen, must be the command that has it. Where TURN, ATRN or XEXCH50
// are on offer none of this holds: the roles may have changed, and 354 ask for something else than a message. What comes
// then passes without a place to the end.
//
// Behind a BDAT whose size can't be read no octet is missing, but how many belong to a chunk is not known. The replies to it and
// to what came before it are counted as always; from then on the place is found by the same rules.
//
// When octets are missing in the data behind 354, no second message by DATA can have begun before the server spoke:
// a line with nothing but a dot, opened and closed by CRLF, is the end of this message, unless chunks are on offer,
// in which such a line may stand. And the server's next reply is that to the message; where PIPELINING is not offered, the
// client waited for it.

import MailMessage

extension SMTPDialogue {
    package mutating func lose(_ side: Side) {
        guard opaque == nil else { return }
        hold = nil
        unanswered = nil
        answeredMessage = false
        switch side {
        case .client: loseClient()
        case .server: loseServer()
        }
    }

    private mutating func loseClient() {
        switch client {
        case .data where !isDoubtful:
            // Nothing but the message can be missing as long as the server says nothing.
            client = .lost(SMTPLoss(place: .content, isBroken: true))
            settleHead()
            if outstanding.isEmpty { loseBoth() }
        case .lost(var loss) where loss.place == .content:
            loss.isBroken = true
            client = .lost(loss)
        case .commands, .data, .dataOffered, .chunk, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob,
            .lost:
            loseBoth()
        }
    }

    /// The client may have sent anything.
    mutating func loseBoth(isBroken: Bool = true) {
        loseClientPlace(isBroken: isBroken)
        loseRepliesToo()
    }

    /// Nobody knows what the client sends, and so what the next replies answer.
    mutating func loseRepliesToo() {
        loseReplies(isBroken: false)
        offer = nil
        doubt = .everything
    }

    /// The client may send anything from here on.
    mutating func loseClientPlace(isBroken: Bool = false) {
        client = .lost(SMTPLoss(place: .anything, isBroken: isBroken))
        sent = Sent(isUTF8: nil)
        endsGroup = false
        isDoubtful = false
        usedUTF8 = true
        hasBegunLogin = true
    }

    private mutating func loseServer() {
        switch client {
        case .lost(let loss) where loss.place == .content: loseBoth(isBroken: loss.isBroken)
        case .lost(var loss):
            // The answer to a DATA that was not seen may be among what is missing.
            if loss.last == .nothing { loss.isHeard = false }
            client = .lost(loss)
        case .commands, .data, .dataOffered, .chunk, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob:
            releaseHeld()
        }
        loseReplies(isBroken: true)
        doubt = .everything
    }

    /// No reply can be told to decide what the client's octets are: they are held no longer.
    @inline(never)
    mutating func releaseHeld() {
        switch client {
        case .dataOffered: client = .lost(SMTPLoss(place: .awaitingData, isBroken: false))
        case .saslAwaiting(let follower): client = .lost(SMTPLoss(place: .awaitingAuth(follower), isBroken: false))
        case .blobOffered: client = .lost(SMTPLoss(place: .anything, isBroken: false))
        case .edgeOffered(let swapsRoles):
            isHopeless = isHopeless || swapsRoles
            client = .lost(SMTPLoss(place: swapsRoles ? .anything : .edge, isBroken: false))
        case .commands, .data, .chunk, .saslResponse, .blob, .lost: break
        }
    }

    /// What waits for replies, and what they answer, is not known any more.
    mutating func loseReplies(isBroken: Bool) {
        if let offer, !offer.extensions.isDisjoint(with: [.atrn, .turn, .xexch50]) { isHopeless = true }
        isVerbose = true
        let isWhole = !isBroken && openCode == nil
        var search = SMTPReplySearch(isBroken: isBroken, isWhole: isWhole)
        search.mayEcho = outstanding.elements.contains(where: \.mayBeEchoed)
        if case .lost(let loss) = client {
            search.mayEcho = search.mayEcho || loss.followsSecret
            search.followsUnseen = loss.isUnseen
        }
        if case .lost(let old) = replies {
            search.isBroken = search.isBroken || old.isBroken
            search.mayEcho = search.mayEcho || old.mayEcho
            search.followsUnseen = search.followsUnseen || old.followsUnseen
        }
        replies = .lost(search)
        forget()
        greeted = true
        openCode = nil
        openEnhanced = nil
        pendingOffer = nil
        transaction = Transaction()
        doubt.insert(.transaction)
    }

    /// No command waits for a reply that could be told.
    private mutating func forget() {
        if renewals > 0 {
            offer = nil
            doubt.insert(.hello)
        }
        renewals = 0
        forgetOutstanding()
    }

    // MARK: The client

    /// A line whose place is not known, or that makes it known.
    mutating func acceptUnplaced(_ raw: ArraySlice<UInt8>, _ loss: SMTPLoss, _ remarks: inout Remarks) {
        var loss = loss
        let octets = raw.span
        let (length, crlf) = octets.lineLength
        let line = octets.extracting(0..<length)
        remarks.element = .unplaced
        remarks.exchange = currentExchange
        remarks.mask(maskUnplaced(raw))
        let verb = SMTPCommandCut(line).shownVerb(line)
        if loss.isBroken {
            loss.isBroken = false
            loss.followsCRLF = crlf
            loss.last = .tail(mayBeDATA: Self.isSuffixOfDATA(line.extracting(line.trimmed(0..<line.count))))
            expectData(verb, line, isShown: remarks.masked == nil, &loss)
            loss.login = showLogin(raw, verb, loss.login, &remarks)
            client = .lost(loss)
            return expectChunk(line, &remarks)
        }
        let isFirst = loss.last == .nothing
        loss.last = .line(verb)
        switch loss.place {
        case .edge:
            if line.count > 1, line[0] == 0x16, line[1] == 0x03 {
                remarks.element = .opaque
                remarks.masked = nil
                remarks.tell(.opaque(.tls))
                return becomeOpaque(.tls)
            }
            client = .commands
            remarks.masked = nil
            guard case .lost(let search) = replies, !search.isBroken else { return acceptCommand(raw, &remarks) }
            forget()
            replies = .certain
            acceptCommand(raw, &remarks)
            return remarks.tellResumed()
        case .content where loss.followsCRLF && crlf && line.count == 1 && line[0] == 46:
            if let offer, !offer.extensions.contains(.chunking) {
                client = .commands
                endsGroup = false
                settleHead()
                remarks.masked = nil
                return remarks.tell(.resumed)
            }
        case .awaitingData:
            if isFirst, verb != nil, maskUnplaced(raw) == nil { return goOn(raw, &remarks) }
            loss.place = .anything
        case .awaitingAuth(let follower):
            if isFirst, let verb, verb != .auth, verb != .xexps, maskUnplaced(raw) == nil { return goOn(raw, &remarks) }
            if isFirst, verb == nil, var follower, Self.isResponse(raw) {
                follower.missChallenge()
                client = .saslResponse(follower)
                remarks.masked = nil
                return acceptClient(raw, &remarks)
            }
            if isFirst, follower != nil, let masked = remarks.masked { remarks.mask(SASLMask.noResponse(masked)) }
            // Another AUTH would be seen: a challenge belongs to the one that was.
            loss.place = verb == .auth || verb == .xexps ? .anything : .awaitingAuth(nil)
        case .anything, .content: break
        }
        loss.followsCRLF = crlf
        expectData(verb, line, isShown: remarks.masked == nil, &loss)
        loss.login = showLogin(raw, verb, loss.login, &remarks)
        client = .lost(loss)
        expectChunk(line, &remarks)
    }

    /// Behind DATA or AUTH whose reply is missing the client goes on with a command.
    private mutating func goOn(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        client = .commands
        remarks.masked = nil
        acceptCommand(raw, &remarks)
        isDoubtful = true
    }

    /// Behind DATA whose reply is missing: a line that is no command begins the message.
    package mutating func takesContent(_ line: ArraySlice<UInt8>, from side: Side) -> Bool {
        guard side == .client, case .lost(let loss) = client, !isHopeless else { return false }
        if loss.offersContent, FieldLine.begins(line) {
            exchange &+= 1
            client = .data
            isDoubtful = true
            return true
        }
        guard loss.place == .awaitingData, loss.last == .nothing, !loss.isBroken else { return false }
        let octets = line.span
        guard SMTPCommandCut(octets.extracting(0..<octets.lineLength.length)).verb == nil,
            // A command that is shown masked is no message where it is read again.
            !SASLMask.covers(line.withoutLineEnd.line)
        else { return false }
        client = .data
        isDoubtful = true
        return true
    }

    package mutating func passLine(_ side: Side) {
        guard side == .client, case .lost(var loss) = client else { return }
        loss.offersContent = false
        loss.isHeard = false
        switch loss.place {
        case .awaitingData, .awaitingAuth: loss.place = .anything
        case .anything, .content, .edge: break
        }
        client = .lost(loss)
    }

    /// A reply that asks for nothing: what was offered to the client was not taken up, and if it was read as if it had been, the sides
    /// are elsewhere.
    private mutating func refute(_ remarks: inout Remarks) {
        switch client {
        case .data where isDoubtful:
            remarks.tell(.opaque(.gap))
            becomeOpaque(.gap)
        case .lost(let loss) where loss.last == .nothing: passLine(.client)
        case .commands, .data, .dataOffered, .chunk, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob,
            .lost:
            break
        }
    }

    package mutating func answerWillNotCome() {
        guard case .dataOffered = client else { return }
        loseServer()
    }

    // MARK: The server

    /// A reply line that may answer anything, or that makes certain what it answers.
    mutating func acceptUnplacedReply(
        _ raw: ArraySlice<UInt8>, _ search: SMTPReplySearch, _ remarks: inout Remarks
    ) {
        var search = search
        remarks.element = .unplaced
        remarks.exchange = currentExchange
        let octets = raw.span
        let line = octets.extracting(0..<octets.lineLength.length)
        if case .data = client, isDoubtful, SMTPReplyLine(line)?.code != 354 {
            remarks.mask(raw.maskingLine(0..<raw.count))
            return refute(&remarks)
        }
        remarks.mask(maskEcho(raw, search))
        guard !search.isBroken, let reply = SMTPReplyLine(line), search.code == nil || search.code == reply.code else {
            if search.isBroken, !search.mayEcho { hearTail(line) }
            replies = .lost(SMTPReplySearch(isBroken: false, isWhole: false))
            if hearChallenge(raw) { remarks.masked = nil }
            return
        }
        if search.lines > 0 || !search.isWhole {
            let text = line.extracting(line.clamp(reply.textStart)...)
            if SMTPOffer.isUnmistakable(text) { search.hasKeyword = true }
            _ = search.offer.read(text)
        }
        search.lines += 1
        search.code = reply.isLast ? nil : reply.code
        guard reply.isLast else {
            replies = .lost(search)
            return
        }
        replies = .lost(SMTPReplySearch(isBroken: false, isWhole: true))
        if reply.status != .intermediate {
            refute(&remarks)
            if opaque != nil { return }
            hearReply()
        }
        if isHopeless { return }
        switch reply.code {
        case 354: resumeContent(&remarks)
        case 334:
            if !resumeResponse(raw.withoutLineEnd.line.dropFirst(reply.textStart), &remarks) { _ = hearChallenge(raw) }
        case 250 where search.hasKeyword && !search.offer.extensions.contains(.pipeConnect):
            if resume(behind: [.ehlo, .lhlo], &remarks, reply) {
                helloSeen = true
                offer = search.isWhole ? search.offer : nil
                doubt.subtract([.hello, .transaction])
            }
        case 252: _ = resume(behind: [.vrfy, .expn], &remarks, reply)
        case 221: if resume(behind: [.quit], &remarks, reply) { hasQuit = true }
        case 220: resumeEdge(&remarks, reply)
        default: break
        }
    }

    /// The line of a server with what it may repeat masked. Nobody knows what it refuses: servers repeat what they did not understand,
    /// and that may be a password. So may the end of a line.
    func maskEcho(_ raw: ArraySlice<UInt8>, _ search: SMTPReplySearch) -> ArraySlice<UInt8>? {
        if search.isBroken, search.mayEcho { return raw.maskingLine(0..<raw.count) }
        let octets = raw.span
        let line = octets.extracting(0..<octets.lineLength.length)
        guard let reply = SMTPReplyLine(line) else {
            return search.isBroken && search.followsUnseen ? raw.maskingLine(0..<raw.count) : nil
        }
        return reply.status == .refused ? raw.maskingLine(reply.echo(line)..<raw.count) : nil
    }

    /// 354: the newest command is DATA.
    private mutating func resumeContent(_ remarks: inout Remarks) {
        guard case .lost(let loss) = client, loss.mayFollow([.data]) else { return }
        switch loss.place {
        case .awaitingData: isDoubtful = false
        case .anything, .awaitingAuth, .content:
            isDoubtful = true
            exchange &+= 1
        case .edge: return
        }
        resume(at: Outstanding(verb: .data, traits: .endsMessage, exchange: exchange, repliesLeft: 1), &remarks)
        if variant == .lmtp, var head = outstanding.first {
            head.repliesLeft = nil
            outstanding.first = head
        }
        client = .data
        remarks.element = .goAhead
    }

    /// 334: AUTH is under way. False when no AUTH was sent.
    private mutating func resumeResponse(_ challenge: ArraySlice<UInt8>, _ remarks: inout Remarks) -> Bool {
        guard case .lost(let loss) = client, loss.last == .line(nil) || loss.mayFollow([.auth, .xexps]) else {
            return false
        }
        var login = loss.login
        switch loss.place {
        case .awaitingAuth(let found): login = found ?? login
        case .anything, .awaitingData, .content: exchange &+= 1
        case .edge: return false
        }
        isDoubtful = true
        resume(at: Outstanding(verb: .auth, exchange: exchange, repliesLeft: 1), &remarks)
        if var login {
            _ = login.challenge(challenge)
            client = .saslResponse(login)
        } else {
            client = .saslResponse(SASLFollower(behind: challenge, lineLimit: DialogueLimits.saslLine))
        }
        remarks.element = .challenge
        return true
    }

    /// Of the commands only `entry` waits.
    private mutating func resume(at entry: Outstanding, _ remarks: inout Remarks) {
        replies = .certain
        forget()
        outstanding.append(entry)
        remarks.exchange = entry.exchange
        remarks.tellResumed()
    }

    /// A reply that one of `verbs` has, each the last of its group. False when the client's octets, of which none is missing,
    /// have no such command.
    private mutating func resume(behind verbs: [SMTPCommand.Verb], _ remarks: inout Remarks, _ reply: SMTPReplyLine)
        -> Bool
    {
        switch client {
        case .lost(let loss):
            guard loss.mayFollow(verbs) else { return false }
            client = .commands
            exchange &+= 1
            forget()
            endsGroup = false
            isDoubtful = true
            remarks.exchange = exchange
        case .commands, .dataOffered, .data, .chunk, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob:
            guard
                let answered = outstanding.elements.last(where: { entry in entry.verb.map(verbs.contains) ?? false })
            else { return false }
            while let first = outstanding.first, first.exchange <= answered.exchange { pop() }
            remarks.exchange = answered.exchange
        }
        replies = .certain
        remarks.element = .reply(Reply(reply.status, code: reply.codeText))
        remarks.tell(.resumed)
        return true
    }

    /// 220: the session is where it was behind the greeting, or TLS begins.
    private mutating func resumeEdge(_ remarks: inout Remarks, _ reply: SMTPReplyLine) {
        switch client {
        case .lost(let loss):
            guard loss.mayFollow([.startTLS, .xanonymousTLS, .xclient]) else { return }
            client = .lost(SMTPLoss(place: .edge, isBroken: false))
            forget()
            offer = nil
            doubt = .everything
        case .commands where exchange == 0:
            // The client has said nothing yet.
            replies = .certain
            helloSeen = false
            doubt = []
            remarks.element = .greeting(Reply(.ok, code: "220"))
            remarks.exchange = 0
            remarks.tell(.resumed)
        case .commands, .dataOffered, .data, .chunk, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob:
            if resume(behind: [.xclient], &remarks, reply) {
                offer = SMTPOffer()
                helloSeen = false
                doubt = [.login]
            }
        }
    }

    // MARK: Both

    /// A command of a client whose place is certain, while replies are lost: true when it proves that all before it were
    /// answered.
    mutating func resumesReplies() -> Bool {
        guard case .lost(let search) = replies, !search.isBroken, !isHopeless, exchange > 1 else { return false }
        let waits = offer.map { renewals == 0 && !$0.extensions.contains(.pipelining) } ?? false
        guard endsGroup || waits else { return false }
        forget()
        replies = .certain
        return true
    }

    /// The reply to a message whose data has a gap came.
    mutating func resumeBehindContent(_ head: Outstanding, _ remarks: inout Remarks) {
        guard case .lost(let loss) = client, loss.place == .content, head.exchange == exchange else { return }
        if let offer, !offer.extensions.contains(.pipelining) {
            client = .commands
            remarks.tell(.resumed)
        } else {
            loseBoth(isBroken: loss.isBroken)
        }
    }

    /// A response while replies are lost: the server has nothing else to answer.
    mutating func resumeBehindResponse(_ remarks: inout Remarks) {
        guard case .lost(let search) = replies else { return }
        if search.isBroken {
            releaseHeld()
        } else {
            resume(at: Outstanding(verb: .auth, exchange: exchange, repliesLeft: 1), &remarks)
        }
    }

    /// The end of the word DATA, or all of it.
    private static func isSuffixOfDATA(_ text: Span<UInt8>) -> Bool {
        text.count == 0 || text.equalsIgnoringCase("DATA") || text.equalsIgnoringCase("ATA")
            || text.equalsIgnoringCase("TA") || text.equalsIgnoringCase("A")
    }
}
