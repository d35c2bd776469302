// What the client says: command lines and SASL responses.

import MailMessage

extension SMTPDialogue {
    mutating func acceptClient(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        switch client {
        case .saslResponse(let follower): acceptResponse(raw, follower, &remarks)
        case .lost(let loss): acceptUnplaced(raw, loss, &remarks)
        case .commands, .dataOffered, .data, .chunk, .saslAwaiting, .edgeOffered, .blobOffered, .blob:
            acceptCommand(raw, &remarks)
        }
    }

    @inline(never)
    private mutating func acceptResponse(
        _ raw: ArraySlice<UInt8>, _ before: SASLFollower, _ remarks: inout Remarks
    ) {
        let (line, crlf) = raw.withoutLineEnd
        remarks.element = .response
        remarks.exchange = currentExchange
        if !crlf { remarks.blame(.smtpBareLineEnd) }
        hold = .auth(isComplete: false)
        var follower = before
        let reading = isCertain ? follower.response(line) : follower.presumedResponse(line)
        client = .saslAwaiting(follower)
        if let masked = reading.masked { remarks.mask(masked[...] + raw[line.endIndex...]) }
        if let credential = reading.credential { remarks.tell(.credential(credential)) }
        // Without its challenge a response may look wrong that is right.
        if isCertain { remarks.violations += reading.violations }
        resumeBehindResponse(&remarks)
    }

    mutating func acceptCommand(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let octets = raw.span
        let (length, crlf) = octets.lineLength
        let line = octets.extracting(0..<length)
        let command = SMTPCommandCut(line)
        exchange &+= 1
        unanswered = nil
        if resumesReplies() { remarks.tell(.resumed) }
        if !crlf { remarks.blame(.smtpBareLineEnd) }
        judgeLine(line, command, &remarks)
        judgeTiming(command, &remarks)
        judgeOrder(line, command, &remarks)
        hold = nil
        var isNameless = false
        var entry = Outstanding(verb: command.verb, exchange: exchange)
        switch command.verb {
        case .helo, .ehlo, .lhlo:
            sent = Sent()
            judgeHello(line, command, &remarks)
            remarks.tell(.clientName(line.extracting(command.argument).text))
        case .mail, .send, .soml, .saml, .rcpt: acceptPath(line, command, &entry, &remarks)
        case .data:
            client = .dataOffered
            hold = .data
            entry.traits.insert(.endsMessage)
        case .bdat: acceptChunk(line, command, &entry, &remarks)
        case .burl:
            let isLast = line.extracting(line.firstWord(command.argument).rest).equalsIgnoringCase("LAST")
            sent.usesURL = true
            sent.stage = isLast ? .last : .chunks
            if isLast { entry.traits.insert(.endsMessage) }
        case .auth, .xexps: acceptAuth(raw, command, &remarks)
        case .startTLS, .xanonymousTLS, .turn, .atrn:
            client = .edgeOffered(swapsRoles: command.verb == .turn || command.verb == .atrn)
            hold = .edge
        case .xexch50: client = .blobOffered(size: line.extracting(line.firstWord(command.argument).word).decimal)
        case .rset: sent = Sent()
        case .clientID:
            remarks.mask(secret(of: line).map { raw.masking($0) })
            entry.traits.insert(.isSecret)
        case .noop, .quit, .vrfy, .expn, .help, .etrn, .xclient, .xforward, .verb, .onex: break
        case nil:
            remarks.blame(.smtpUnknownCommand)
            if let hidden = secret(ofUnknown: line) {
                remarks.mask(raw.maskingLine(hidden))
                entry.traits.insert(.isSecret)
                isNameless = true
            } else if let hidden = arguments(ofUnknown: line) {
                remarks.mask(raw.maskingLine(hidden))
            }
        }
        if let verb = command.verb {
            mayLeakSecret = false
            endsGroup = verb.endsGroup
            if verb.renewsOffer { renewals += 1 }
        } else {
            endsGroup = false
        }
        entry.repliesLeft = variant == .lmtp && entry.traits.contains(.endsMessage) ? nil : 1
        isDoubtful = false
        let number = entry.exchange
        let isTooMuch = opaque == nil && !expectReply(to: entry)
        if !isCertain { releaseHeld() }
        if isTooMuch {
            remarks.blame(.smtpTooManyOutstanding)
            remarks.tell(.opaque(.holdLimit))
            becomeOpaque(.holdLimit)
        }
        let start = raw.startIndex
        let word =
            command.verb?.rawValue
            ?? (isNameless ? "" : raw[(start + command.word.lowerBound)..<(start + command.word.upperBound)].keyword())
        remarks.element = .command(Command(verb: word, isKnown: command.verb != nil))
        remarks.exchange = number
    }

    /// MAIL and RCPT: the path and what the parameters ask for.
    private mutating func acceptPath(
        _ line: Span<UInt8>, _ command: SMTPCommandCut, _ entry: inout Outstanding, _ remarks: inout Remarks
    ) {
        let isRecipient = command.verb == .rcpt
        let cut = SMTPPathCut(line, command.argument, keyword: isRecipient ? "TO:" : "FROM:")
        let mailbox = line.extracting(cut?.mailbox ?? command.argument)
        // Whoever keeps none of them comes to the limit in the same place.
        entry.size = UInt16(clamping: mailbox.count)
        if listens { entry.mailbox = mailbox.text }
        var asked = SMTPAsked()
        if let cut {
            judgePath(line, cut, isRecipient: isRecipient, &remarks)
            if !cut.tail.isEmpty { asked = judgeParameters(line, cut.tail, isRecipient: isRecipient, &remarks) }
        } else {
            remarks.blame(.smtpBadPath)
        }
        if isRecipient {
            sent.recipients += 1
            if let cut { countDomain(line.extracting(cut.mailbox), &remarks) }
        } else {
            mails += 1
            usedUTF8 = usedUTF8 || asked.isUTF8
            sent = Sent(stage: .mail, isUTF8: asked.isUTF8, isBinary: asked.isBinary)
            if asked.wantsPRDR { entry.traits.insert(.wantsPRDR) }
            if asked.mayRestart { entry.traits.insert(.mayRestart) }
        }
        judgeCounts(isRecipient: isRecipient, &remarks)
    }

    /// BDAT: its octets follow whatever the server thinks of it (RFC 3030 §2). Without a size nobody knows how many: what
    /// comes may be content or commands, and only a reply makes it certain again, as behind lost octets.
    @inline(never)
    private mutating func acceptChunk(
        _ line: Span<UInt8>, _ command: SMTPCommandCut, _ entry: inout Outstanding, _ remarks: inout Remarks
    ) {
        guard let chunk = command.chunk(line) else {
            remarks.blame(.smtpBadChunkSize)
            if seeks {
                entry.traits.insert(.isAdrift)
                return loseClientPlace()
            }
            remarks.tell(.opaque(.desynchronised))
            return becomeOpaque(.desynchronised)
        }
        usesChunks = true
        client = .chunk(size: chunk.size, isLast: chunk.isLast)
        sent.stage = chunk.isLast ? .last : .chunks
        if chunk.isLast { entry.traits.insert(.endsMessage) }
        if chunk.size > 0, let offer, renewals == 0, !offer.extensions.contains(.chunking) {
            entry.traits.insert(.isUnasked)
        }
    }

    /// AUTH mechanism [initial-response] (RFC 4954 §4).
    @inline(never)
    private mutating func acceptAuth(
        _ raw: ArraySlice<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks
    ) {
        hasBegunLogin = true
        let start = raw.startIndex
        let argument = raw[(start + command.argument.lowerBound)..<(start + command.argument.upperBound)]
        let (mechanism, rest) = argument.firstWord
        var follower = SASLFollower(mechanism, lineLimit: DialogueLimits.saslLine)
        let initial = rest.trimmed
        if !initial.isEmpty {
            let reading = follower.response(initial)
            if let masked = reading.masked {
                remarks.mask(raw[..<initial.startIndex] + masked + raw[initial.endIndex...])
            }
            if let credential = reading.credential { remarks.tell(.credential(credential)) }
            remarks.violations += reading.violations
        }
        if !mechanism.isEmpty, !SASLMechanism.isName(mechanism) {
            let word = command.argument.lowerBound..<(command.argument.lowerBound + mechanism.count)
            let shown = remarks.masked ?? raw
            remarks.mask(shown.masking(word))
        }
        client = .saslAwaiting(follower)
        hold = .auth(isComplete: !initial.isEmpty && !follower.mayInstallLayer)
    }
}
