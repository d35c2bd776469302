// What the server says: its greeting and its replies.

extension SMTPDialogue {
    mutating func acceptServer(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        switch replies {
        case .certain: acceptReply(raw, &remarks)
        case .lost(let search): acceptUnplacedReply(raw, search, &remarks)
        }
    }

    private mutating func acceptReply(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let octets = raw.span
        let (length, crlf) = octets.lineLength
        let line = octets.extracting(0..<length)
        if !crlf { remarks.blame(.smtpReplyBareLineEnd) }
        guard let reply = SMTPReplyLine(line) else { return acceptMalformed(line, &remarks) }
        if let openCode, openCode != reply.code { remarks.blame(.smtpReplyCodesDiffer) }
        let isFirst = openCode == nil
        openCode = reply.isLast ? nil : (openCode ?? reply.code)
        let element = Reply(reply.status, code: reply.codeText, isLast: reply.isLast)
        if reply.code == 421 || reply.code == 221 || (!greeted && reply.code >= 400) { isDismissed = true }
        guard greeted else {
            judgeReplyLine(reply, line, SMTPReplied(isCommand: false), isFirst: isFirst, &remarks)
            if isFirst { judgeGreeting(reply, line, &remarks) }
            remarks.element = .greeting(element)
            greeted = reply.isLast
            if greeted, owesUnasked { answerUnasked() }
            return
        }
        remarks.element = .reply(element)
        let verb = outstanding.peek { $0.verb }
        judgeReplyLine(reply, line, SMTPReplied(isCommand: verb != nil, verb: verb ?? nil), isFirst: isFirst, &remarks)
        if case .data = client {
            remarks.exchange = currentExchange
            acceptDuringData(reply, &remarks)
        } else if var head = outstanding.first {
            remarks.exchange = head.exchange
            if head.traits.contains(.isSecret) || missesResponse(reply) {
                remarks.mask(raw.maskingLine(reply.echo(line)..<raw.count))
            }
            answer(&head, reply, raw, line, isFirst: isFirst, &remarks)
        } else {
            remarks.exchange = exchange
            if reply.code != 421 {
                // What it refuses was not seen.
                if reply.status == .refused, unanswered == nil, !isAuthenticated {
                    remarks.mask(raw.maskingLine(reply.echo(line)..<raw.count))
                }
                acceptUnsolicited(reply, &remarks)
            }
        }
    }

    /// It refuses a response that was not seen, and may repeat it.
    private func missesResponse(_ reply: SMTPReplyLine) -> Bool {
        guard case .saslResponse = client else { return false }
        return reply.status == .refused && reply.code != 421
    }

    /// A line without a code that a reply may have.
    @inline(never)
    private mutating func acceptMalformed(_ line: Span<UInt8>, _ remarks: inout Remarks) {
        remarks.exchange = currentExchange
        let code = SMTPReplyLine.digits(line)
        if isVerbose, code == 50 {
            remarks.element = .reply(Reply(.intermediate, code: "050", isLast: false))
        } else {
            remarks.blame(code == nil ? .smtpBadReply : .smtpReplyCodeOutOfRange)
        }
        if !greeted {
            strayLines += 1
            if strayLines >= DialogueLimits.linesBeforeGreeting {
                remarks.tell(.opaque(.notThisProtocol))
                becomeOpaque(.notThisProtocol)
            }
        }
    }

    /// No reply is due in the middle of the data but 421 (RFC 5321 §3.8).
    @inline(never)
    private mutating func acceptDuringData(
        _ reply: SMTPReplyLine, _ remarks: inout Remarks
    ) {
        guard reply.code != 421 else { return }
        // Behind lost octets, what came before 354 may have been data already, and this its reply.
        if !isDoubtful { remarks.blame(.smtpReplyDuringData) }
        let reason: OpaqueReason = isDoubtful ? .gap : .desynchronised
        remarks.tell(.opaque(reason))
        becomeOpaque(reason)
    }

    /// A reply while no command waits.
    @inline(never)
    private mutating func acceptUnsolicited(
        _ reply: SMTPReplyLine, _ remarks: inout Remarks
    ) {
        if let exchange = unanswered {
            remarks.exchange = exchange
            remarks.blame(.lmtpReplyForNobody)
            guard reply.isLast else { return }
            unanswered = nil
            if reply.status != .ok { remarks.tell(.messageRefused) }
        } else if isDoubtful {
            remarks.element = .unplaced
            loseBoth(isBroken: false)
        } else {
            remarks.element = .unknown
            remarks.blame(variant == .lmtp && answeredMessage ? .lmtpTooManyReplies : .smtpUnsolicitedReply)
        }
    }

    /// A line of the reply to the oldest command.
    private mutating func answer(
        _ head: inout Outstanding, _ reply: SMTPReplyLine, _ raw: ArraySlice<UInt8>, _ line: Span<UInt8>, isFirst: Bool,
        _ remarks: inout Remarks
    ) {
        if case .chunk = client, head.exchange == exchange, reply.code != 421 {
            remarks.blame(.smtpReplyDuringChunk)
        }
        switch head.verb {
        case .ehlo, .lhlo: readOffer(reply, line, isFirst: isFirst, &remarks)
        case .helo: judgeHeloReply(reply, line, isFirst: isFirst, &remarks)
        default: break
        }
        if reply.code == 558, head.traits.contains(.endsMessage), offer?.extensions.contains(.exdata) == true,
            let inner = SMTPReplyLine(line.extracting(line.clamp(reply.textStart)...)), inner.isLast
        {
            // Courier's EXDATA: each line holds the reply for one recipient, which need not be a refusal.
            remarks.tell(inner.status == .ok ? .messageAccepted : .messageRefused)
        }
        guard reply.isLast else { return }
        if reply.status == .intermediate, answersIntermediate(&head, reply, raw, &remarks) { return }
        head.repliesLeft = (head.repliesLeft ?? 1) - 1
        complete(head, reply, &remarks)
    }

    /// 354 and 334 leave their command outstanding. False when no such reply is due.
    @inline(never)
    private mutating func answersIntermediate(
        _ head: inout Outstanding, _ reply: SMTPReplyLine, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) -> Bool {
        switch client {
        case .dataOffered where head.verb == .data && head.exchange == exchange:
            if reply.code != 354, reply.code != 355 { remarks.blame(.smtpOtherIntermediate) }
            if variant == .lmtp, transaction.recipients == 0, !doubt.contains(.transaction), !transaction.isRestarted {
                remarks.blame(.lmtpDataForNobody)
            }
            remarks.element = .goAhead
            client = .data
            return true
        case .saslAwaiting(var follower) where head.verb == .auth || head.verb == .xexps:
            remarks.element = .challenge
            if reply.code != 334 { remarks.blame(.smtpOtherIntermediate) }
            if reply.separator == .none { remarks.blame(.smtpBareChallenge) }
            remarks.violations += follower.challenge(raw.withoutLineEnd.line.dropFirst(reply.textStart))
            client = .saslResponse(follower)
            return true
        case .blobOffered(let size) where head.verb == .xexch50:
            remarks.element = .goAhead
            if let size {
                client = .blob(size: size)
            } else {
                remarks.tell(.opaque(.desynchronised))
                becomeOpaque(.desynchronised)
            }
            return true
        case .commands, .dataOffered, .data, .chunk, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob,
            .lost:
            break
        }
        if reply.code == 353, head.traits.contains(.endsMessage), doubt.contains(.transaction) {
            // Recipients that were not seen have a reply each.
            remarks.element = .unplaced
            loseReplies(isBroken: false)
            return true
        }
        if reply.code == 353, head.traits.contains(.endsMessage), !head.traits.contains(.hasPRDR), transaction.hasPRDR {
            head.traits.insert(.hasPRDR)
            head.repliesLeft = transaction.recipients + 1
            outstanding.first = head
            remarks.element = .reply(Reply(.intermediate, code: "353", isLast: false))
            return true
        }
        if reply.code == 355, head.traits.contains(.mayRestart) {
            restart(head, &remarks)
            return true
        }
        remarks.blame(.smtpUnexpectedIntermediate)
        return false
    }

    /// The server goes on with a message that broke off (RFC 1845 §3): sender and recipients are those of then.
    private mutating func restart(_ head: Outstanding, _ remarks: inout Remarks) {
        pop()
        transaction = Transaction(isOpen: true, isRestarted: true)
        doubt.remove(.transaction)
        remarks.tell(.reversePath(head.mailbox))
        guard variant == .lmtp else { return }
        // How many recipients, and so how many replies, can't be known.
        remarks.tell(.opaque(.desynchronised))
        becomeOpaque(.desynchronised)
    }

    /// The last reply of a command, or one of several in LMTP and PRDR.
    private mutating func complete(
        _ head: Outstanding, _ reply: SMTPReplyLine, _ remarks: inout Remarks
    ) {
        let ok = reply.status == .ok
        let isLast = (head.repliesLeft ?? 0) <= 0
        if isLast {
            pop()
        } else {
            outstanding.first = head
            remarks.element = .reply(Reply(reply.status, code: reply.codeText, isLast: false))
        }
        answeredMessage = head.traits.contains(.endsMessage)
        switch head.verb {
        case .mail, .send, .soml, .saml:
            if ok {
                transaction = Transaction(isOpen: true, hasPRDR: head.traits.contains(.wantsPRDR))
                doubt.remove(.transaction)
                remarks.tell(.reversePath(head.mailbox))
            }
        case .rcpt:
            if ok { transaction.recipients += 1 }
            remarks.tell(ok ? .recipient(head.mailbox) : .recipientRefused(head.mailbox))
        case .data, .bdat, .burl: completeMessage(head, reply, isLast: isLast, &remarks)
        case .rset, .helo, .ehlo, .lhlo: if ok { reset(head.verb, &remarks) }
        case .auth, .xexps: completeAuth(ok, &remarks)
        case .startTLS, .xanonymousTLS: passEdge(ok ? .tls : nil, &remarks)
        case .turn, .atrn: passEdge(ok ? .rolesSwapped : nil, &remarks)
        case .xexch50:
            switch client {
            case .blobOffered: client = .commands
            case .commands, .dataOffered, .data, .chunk, .saslAwaiting, .saslResponse, .edgeOffered, .blob, .lost: break
            }
        case .xclient:
            // The session starts over (Postfix XCLIENT_README): a 220 greeting is its reply.
            if ok {
                transaction = Transaction()
                helloSeen = false
                isAuthenticated = false
                offer = SMTPOffer()
            }
        case .quit: if ok { hasQuit = true }
        case .verb: if ok { isVerbose = true }
        case .noop, .vrfy, .expn, .help, .etrn, .xforward, .onex, .clientID, nil: break
        }
        settleHead()
    }

    @inline(never)
    private mutating func completeMessage(
        _ head: Outstanding, _ reply: SMTPReplyLine, isLast: Bool, _ remarks: inout Remarks
    ) {
        if head.traits.contains(.isAdrift) { return loseRepliesToo() }
        let ok = reply.status == .ok
        // A DATA that got no 354 leaves the recipients as they are. The DATA that is offered is always the newest command;
        // this one may be an older one, its message complete.
        if case .dataOffered = client, head.exchange == exchange {
            client = .commands
            if ok { remarks.blame(.smtpDataNotAwaited) } else { remarks.tell(.messageRefused) }
            return
        }
        if !ok, head.verb == .bdat {
            transaction.hasFailedChunk = true
            if head.traits.contains(.isUnasked), reply.code == 500 || reply.code == 502 {
                remarks.blame(.smtpChunkNotUnderstood)
                remarks.tell(.opaque(.desynchronised))
                becomeOpaque(.desynchronised)
            }
        }
        guard head.traits.contains(.endsMessage) else {
            if !ok { remarks.tell(.messageRefused) }
            return
        }
        let isVerdict = isLast || !head.traits.contains(.hasPRDR)
        if isVerdict, reply.code != 558 || offer?.extensions.contains(.exdata) != true {
            remarks.tell(ok ? .messageAccepted : .messageRefused)
        }
        guard isLast else { return }
        transaction = Transaction()
        doubt.remove(.transaction)
        resumeBehindContent(head, &remarks)
    }

    /// EHLO, HELO, LHLO and RSET end a transaction (RFC 5321 §4.1.4).
    @inline(never)
    private mutating func reset(_ verb: SMTPCommand.Verb?, _ remarks: inout Remarks) {
        if transaction.isOpen { remarks.tell(.transactionReset) }
        transaction = Transaction()
        doubt.remove(.transaction)
        switch verb {
        case .ehlo, .lhlo:
            if let pendingOffer { judgeOffer(pendingOffer, &remarks) }
            offer = pendingOffer
            pendingOffer = nil
        case .helo: offer = SMTPOffer()
        default: return
        }
        if variant == .lmtp, verb != .lhlo { remarks.blame(.lmtpHelloAccepted) }
        helloSeen = true
        doubt.remove(.hello)
    }

    @inline(never)
    private mutating func completeAuth(_ ok: Bool, _ remarks: inout Remarks) {
        remarks.tell(.login(accepted: ok))
        if ok {
            isAuthenticated = true
            doubt.remove(.login)
        }
        switch client {
        case .saslAwaiting(let follower), .saslResponse(let follower):
            client = .commands
            if ok { mayHaveSecurityLayer = follower.mayInstallLayer }
            // What a hasty client sent behind it comes as commands, its password too.
            mayLeakSecret = true
        case .commands, .dataOffered, .data, .chunk, .edgeOffered, .blobOffered, .blob, .lost: break
        }
    }

    /// The reply to a command whose success ends what can be followed.
    @inline(never)
    private mutating func passEdge(_ reason: OpaqueReason?, _ remarks: inout Remarks) {
        if let reason {
            becomeOpaque(reason)
            remarks.tell(.opaque(reason))
        } else if case .edgeOffered = client {
            client = .commands
        }
    }

    /// A line of the reply to EHLO or LHLO. It counts once its last line is there, and only if that accepts.
    @inline(never)
    private mutating func readOffer(
        _ reply: SMTPReplyLine, _ line: Span<UInt8>, isFirst: Bool, _ remarks: inout Remarks
    ) {
        guard reply.status == .ok else {
            pendingOffer = nil
            return
        }
        if isFirst {
            pendingOffer = SMTPOffer()
            if !SMTPGrammar.isHost(line.extracting(reply.firstWord(line))) {
                remarks.blame(.smtpHelloReplyWithoutDomain)
            }
            return
        }
        guard let faults = pendingOffer?.read(line.extracting(line.clamp(reply.textStart)...)) else { return }
        if faults.contains(.syntax) { remarks.blame(.smtpBadKeyword) }
        if faults.contains(.size) { remarks.blame(.smtpBadSizeKeyword) }
        if faults.contains(.limits) { remarks.blame(.smtpBadLimits) }
    }
}
