// The verdicts on what both sides say. Each is certain from what was seen: what depends on a reply that is still due, on
// an offer that is not known, or on octets that are missing, is not judged.
//
// They change nothing and are mutating all the same: a machine that is only looked at would be copied at each call.

/// What the parameters of MAIL ask for.
struct SMTPAsked {
    var isUTF8 = false
    var isBinary = false
    var wantsPRDR = false
    var mayRestart = false
}

extension SMTPDialogue {
    // MARK: Command lines

    /// Octets, length and argument of a command line.
    mutating func judgeLine(_ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks) {
        let octets = SMTPLineOctets(line)
        if !octets.isEmpty { judgeOctets(octets, line, command, &remarks) }
        if line.count > 510 { judgeLength(line, command, &remarks) }
        switch command.verb {
        case .data, .rset, .quit, .turn:
            if !command.argument.isEmpty { remarks.violations.append(.smtpArgumentNotAllowed) }
        case .startTLS: if !command.argument.isEmpty { remarks.violations.append(.smtpStartTLSArgument) }
        case .vrfy, .expn, .etrn, .auth, .burl:
            if command.argument.isEmpty { remarks.violations.append(.smtpArgumentMissing) }
        case .helo, .ehlo, .lhlo, .mail, .rcpt, .bdat, .noop, .help, .xclient, .xforward, .send, .soml, .saml, .atrn,
            .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS, nil:
            break
        }
    }

    /// Octets that a command line may not have, or only under SMTPUTF8.
    private mutating func judgeOctets(
        _ octets: SMTPLineOctets, _ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks
    ) {
        if octets.contains(.nul) { remarks.violations.append(.smtpNULInCommand) }
        if octets.contains(.bareCR) { remarks.violations.append(.smtpBareCR) }
        if octets.contains(.control) { remarks.violations.append(.smtpControlInCommand) }
        guard octets.contains(.nonASCII) else { return }
        let isOld = offer?.extensions.contains(.utf8SMTP) ?? true
        let mayBeUTF8: Bool
        switch command.verb {
        case .mail, .send, .soml, .saml: mayBeUTF8 = isOld || Self.asksForUTF8(line, command)
        case .rcpt: mayBeUTF8 = isOld || sent.isUTF8 ?? true
        case .vrfy, .expn:
            mayBeUTF8 = isOld || line.extracting(line.firstWord(command.argument).rest).equalsIgnoringCase("SMTPUTF8")
        case .helo, .ehlo, .lhlo, .data, .bdat, .rset, .noop, .quit, .help, .auth, .startTLS, .etrn, .burl, .xclient,
            .xforward, .turn, .atrn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS, nil:
            mayBeUTF8 = false
        }
        if !mayBeUTF8 {
            remarks.violations.append(.smtpNonASCIICommand)
        } else if !SMTPGrammar.isUTF8(line) {
            remarks.violations.append(.smtpInvalidUTF8)
        }
    }

    private static func asksForUTF8(_ line: Span<UInt8>, _ command: SMTPCommandCut) -> Bool {
        guard var rest = SMTPPathCut(line, command.argument, keyword: "FROM:")?.tail else { return false }
        while let parameter = SMTPParameterCut(line, &rest) {
            if line.extracting(parameter.keyword).equalsIgnoringCase("SMTPUTF8") { return true }
        }
        return false
    }

    /// Extensions that are offered allow for longer lines.
    private mutating func judgeLength(_ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks) {
        guard let offer else { return }
        if command.verb == .auth, !line.firstWord(command.argument).rest.isEmpty {
            return remarks.violations.append(.smtpLongInitialResponse)
        }
        if line.count + 2 > offer.commandLimit(command.verb) { remarks.violations.append(.smtpLongCommand) }
    }

    /// EHLO, HELO and LHLO: the protocol, and the name of the client (RFC 5321 §4.1.1.1).
    mutating func judgeHello(_ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks) {
        switch variant {
        case .lmtp: if command.verb != .lhlo { remarks.violations.append(.lmtpHello) }
        case .smtp: if command.verb == .lhlo { remarks.violations.append(.smtpLHLO) }
        }
        if command.argument.isEmpty {
            remarks.violations.append(.smtpArgumentMissing)
        } else if !SMTPGrammar.isHost(line.extracting(command.argument)) {
            remarks.violations.append(.smtpBadHelloName)
        }
    }

    mutating func judgePath(
        _ line: Span<UInt8>, _ cut: SMTPPathCut, isRecipient: Bool, _ remarks: inout Remarks
    ) {
        if isRecipient, cut.mailbox.isEmpty { remarks.violations.append(.smtpNullRecipient) }
        let faults = cut.faults(line)
        if faults.isEmpty { return }
        if !faults.isDisjoint(with: [.unbracketed, .glued]) { remarks.violations.append(.smtpBadPath) }
        if faults.contains(.space) { remarks.violations.append(.smtpSpaceBeforePath) }
        if faults.contains(.malformed) { remarks.violations.append(.smtpBadMailbox) }
        if faults.contains(.sourceRoute) { remarks.violations.append(.smtpSourceRoute) }
        if faults.contains(.longLocalPart) { remarks.violations.append(.smtpLongLocalPart) }
        if faults.contains(.longDomain) { remarks.violations.append(.smtpLongDomain) }
        if faults.contains(.longPath) { remarks.violations.append(.smtpLongPath) }
    }

    /// The parameters behind a path. Each fault is told once for a command.
    mutating func judgeParameters(
        _ line: Span<UInt8>, _ tail: Range<Int>, isRecipient: Bool, _ remarks: inout Remarks
    ) -> SMTPAsked {
        var asked = SMTPAsked()
        var seen: UInt32 = 0
        var found: Set<Violation> = []
        let isJudged = renewals == 0 && greeted && offer != nil
        let offered = offer?.extensions ?? []
        var rest = tail
        while let parameter = SMTPParameterCut(line, &rest) {
            let keyword = line.extracting(parameter.keyword)
            let value = line.extracting(parameter.value ?? 0..<0)
            guard let known = SMTPParameter(keyword) else {
                if !SMTPGrammar.isKeyword(keyword) || (parameter.value != nil && !SMTPGrammar.isValue(value)) {
                    found.insert(.smtpBadParameter)
                }
                let isPrivate = keyword.count > 0 && keyword[0] | 32 == 120
                if isJudged, !isPrivate, SMTPGrammar.isKeyword(keyword), offer?.isFullyKnown == true {
                    found.insert(.smtpExtensionNotOffered)
                }
                continue
            }
            if !known.fits(isRecipient: isRecipient) {
                found.insert(.smtpBadParameter)
                continue
            }
            let bit: UInt32 = 1 << UInt32(known.rawValue)
            if seen & bit != 0, known.isOnceOnly { found.insert(.smtpParameterRepeated) }
            seen |= bit
            if parameter.value == nil ? !known.needsNoValue : !known.allows(value) {
                let semicolon = value.firstIndex(of: 59).map { $0 + 1 } ?? 0
                let isText =
                    known.isXtext && value.count > 0
                    && !SMTPGrammar.isXtext(value.extracting(value.clamp(semicolon)...))
                found.insert(isText ? .smtpBadXtext : .smtpBadParameterValue)
            }
            if isJudged, offered.isDisjoint(with: known.needs(value)) { found.insert(.smtpExtensionNotOffered) }
            switch known {
            case .size:
                if isJudged, let limit = offer?.sizeLimit, let size = value.decimal, size > limit {
                    found.insert(.smtpSizeOverLimit)
                }
            case .body: asked.isBinary = value.equalsIgnoringCase("BINARYMIME")
            case .smtpUTF8: asked.isUTF8 = true
            case .prdr: asked.wantsPRDR = true
            case .transID: asked.mayRestart = true
            case .ret, .envid, .auth, .by, .holdFor, .holdUntil, .mtPriority, .requireTLS, .mtrk, .solicit, .submitter,
                .conperm, .altAddress, .notify, .orcpt, .rrvs, .conneg:
                break
            }
        }
        if !found.isEmpty { remarks.violations += found.sorted { $0.code < $1.code } }
        return asked
    }

    /// The limits that the server stated (RFC 9422 §4). What was sent before a gap is not counted, so that the count is
    /// never too high.
    mutating func judgeCounts(isRecipient: Bool, _ remarks: inout Remarks) {
        guard let offer, renewals == 0 else { return }
        if isRecipient {
            if let limit = offer.recipientLimit, sent.recipients > limit {
                remarks.violations.append(.smtpTooManyRecipients)
            }
        } else if let limit = offer.transactionLimit, mails > limit {
            remarks.violations.append(.smtpTooManyTransactions)
        }
    }

    // MARK: Time and order of commands

    /// Commands that did not wait although they must (RFC 5321 §4.3.1, RFC 2920 §3.1).
    mutating func judgeTiming(_ command: SMTPCommandCut, _ remarks: inout Remarks) {
        guard greeted else { return remarks.violations.append(.smtpEarlyTalker) }
        guard isCertain, !outstanding.isEmpty else { return }
        if endsGroup { return remarks.violations.append(.smtpPipelinedBehindSync) }
        if sent.usesURL, sent.stage == .last, command.verb?.beginsTransaction == true {
            remarks.violations.append(.smtpURLNotAwaited)
        }
        if renewals == 0, let offer, !offer.extensions.contains(.pipelining) {
            remarks.violations.append(.smtpPipeliningNotOffered)
        }
    }

    /// The order of commands (RFC 5321 §4.1.4). What a reply may still change is judged only while none is due.
    mutating func judgeOrder(_ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks) {
        if hasQuit { remarks.violations.append(.smtpCommandAfterQuit) }
        guard let verb = command.verb else { return }
        if let needed = verb.needs, greeted, renewals == 0, let offer {
            if !offer.extensions.contains(needed) {
                remarks.violations.append(.smtpExtensionNotOffered)
            } else if verb == .auth, !command.argument.isEmpty,
                !offer.offers(line.extracting(line.firstWord(command.argument).word))
            {
                remarks.violations.append(.smtpMechanismNotOffered)
            }
        }
        let isIdle = outstanding.isEmpty && greeted && isCertain
        let knowsTransaction = isIdle && !doubt.contains(.transaction)
        switch verb {
        case .mail, .send, .soml, .saml:
            if verb != .mail { remarks.violations.append(.smtpObsoleteCommand) }
            if isIdle, !helloSeen, !doubt.contains(.hello) { remarks.violations.append(.smtpMailWithoutHello) }
            if knowsTransaction, transaction.isOpen { remarks.violations.append(.smtpNestedMail) }
        case .rcpt: if knowsTransaction, !transaction.isOpen { remarks.violations.append(.smtpBadSequence) }
        case .data, .bdat, .burl:
            if let violation = judgeContentCommand(verb) {
                remarks.violations.append(violation)
            } else if knowsTransaction, !transaction.isOpen || (transaction.recipients == 0 && !transaction.isRestarted)
            {
                remarks.violations.append(.smtpBadSequence)
            }
        case .auth:
            if knowsTransaction, transaction.isOpen { remarks.violations.append(.smtpAuthInTransaction) }
            if isIdle, isAuthenticated, !doubt.contains(.login) { remarks.violations.append(.smtpAuthTwice) }
        case .turn: remarks.violations.append(.smtpObsoleteCommand)
        case .helo, .ehlo, .lhlo, .rset, .noop, .quit, .vrfy, .expn, .help, .startTLS, .etrn, .xclient, .xforward,
            .atrn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS:
            break
        }
    }

    /// DATA, BDAT and BURL among themselves (RFC 3030 §2, §3): whatever the server replies, the order is wrong.
    private mutating func judgeContentCommand(_ verb: SMTPCommand.Verb) -> Violation? {
        switch (verb, sent.stage) {
        case (.data, .chunks): .smtpDataAfterChunk
        case (.data, .mail): sent.isBinary ? .smtpDataForBinary : nil
        case (.bdat, .last): .smtpChunkAfterLast
        case (.bdat, .chunks): outstanding.isEmpty && transaction.hasFailedChunk ? .smtpChunkAfterFailure : nil
        default: nil
        }
    }

    /// Octets of the client waited for the reply that decides what they are. `line` is the first line of them, nil when they
    /// became content.
    package func judgeWaiting(_ side: Side) -> Violation? {
        switch hold {
        case .data: if case .data = client { .smtpDataBefore354 } else { .smtpPipelinedBehindSync }
        case .auth(let isComplete): isComplete ? nil : .smtpPipelinedBehindSync
        case .edge: .smtpPipelinedBehindSync
        case nil: nil
        }
    }

    // MARK: Replies

    /// Code, separator, text, octets, length and enhanced code of a reply line.
    mutating func judgeReplyLine(
        _ reply: SMTPReplyLine, _ line: Span<UInt8>, _ head: SMTPReplied, isFirst: Bool,
        _ remarks: inout Remarks
    ) {
        if reply.code / 10 % 10 > 5 { remarks.violations.append(.smtpReplyCodeOutOfRange) }
        if reply.separator == .other { remarks.violations.append(.smtpBadSeparator) }
        if reply.textStart >= line.count, reply.isLast, reply.code != 334 {
            remarks.violations.append(.smtpReplyWithoutText)
        }
        if line.count > 510, reply.code != 334 { remarks.violations.append(.smtpLongReply) }
        let octets = SMTPLineOctets(line)
        if !octets.isEmpty {
            if octets.contains(.bareCR) { remarks.violations.append(.smtpReplyBareCR) }
            if !octets.isDisjoint(with: [.nul, .control]) { remarks.violations.append(.smtpControlInReply) }
            if octets.contains(.nonASCII), !usedUTF8, doubt.isEmpty, !mayBeUTF8(head, isFirst: isFirst) {
                remarks.violations.append(.smtpNonASCIIReply)
            }
        }
        judgeEnhancedCode(reply, line, head, isFirst: isFirst, &remarks)
    }

    /// Replies to VRFY and EXPN may hold names under SMTPUTF8; the first line of an EHLO reply any octets.
    private func mayBeUTF8(_ head: SMTPReplied, isFirst: Bool) -> Bool {
        switch head.verb {
        case .vrfy, .expn: true
        case .ehlo, .lhlo: isFirst
        default: false
        }
    }

    /// RFC 2034 §4: a server that offers enhanced codes sends one in each line of all replies but 3yz, the greeting, and those
    /// to EHLO and HELO; of the same class as the reply, and the same in all lines of a reply.
    private mutating func judgeEnhancedCode(
        _ reply: SMTPReplyLine, _ line: Span<UInt8>, _ head: SMTPReplied, isFirst: Bool,
        _ remarks: inout Remarks
    ) {
        guard head.isCommand, head.verb?.renewsOffer != true, isCertain,
            offer?.extensions.contains(.enhancedStatusCodes) == true
        else { return }
        let code = SMTPEnhancedCode(line.extracting(line.clamp(reply.textStart)...))
        guard reply.status != .intermediate else {
            if code != nil, reply.code != 334 { remarks.violations.append(.smtpEnhancedCodeOnIntermediate) }
            return
        }
        if isFirst { openEnhanced = code }
        guard let code else {
            if reply.code != 558 { remarks.violations.append(.smtpEnhancedCodeMissing) }
            return
        }
        if code.category != reply.code / 100 { remarks.violations.append(.smtpEnhancedCodeMismatch) }
        if !isFirst, let first = openEnhanced, first != code { remarks.violations.append(.smtpEnhancedCodesDiffer) }
    }

    /// RFC 5321 §4.2, §4.3.2; RFC 7504 §3 for 521.
    func judgeGreeting(_ reply: SMTPReplyLine, _ line: Span<UInt8>, _ remarks: inout Remarks) {
        switch reply.code {
        case 220:
            if !SMTPGrammar.isHost(line.extracting(reply.firstWord(line))) {
                remarks.violations.append(.smtpGreetingWithoutDomain)
            }
        case 421, 521, 554: break
        default: remarks.violations.append(.smtpBadGreetingCode)
        }
    }

    /// HELO has no reply in the style of EHLO (RFC 5321 §3.2).
    func judgeHeloReply(
        _ reply: SMTPReplyLine, _ line: Span<UInt8>, isFirst: Bool, _ remarks: inout Remarks
    ) {
        if reply.status == .ok, !isFirst, SMTPOffer.isUnmistakable(line.extracting(line.clamp(reply.textStart)...)) {
            remarks.violations.append(.smtpHeloWithKeywords)
        }
    }

    /// What an accepted EHLO or LHLO reply offers as a whole.
    func judgeOffer(_ offer: SMTPOffer, _ remarks: inout Remarks) {
        let extensions = offer.extensions
        if extensions.contains(.binaryMIME), !extensions.contains(.chunking) {
            remarks.violations.append(.smtpBinaryWithoutChunking)
        }
        if extensions.contains(.smtpUTF8), !extensions.contains(.eightBitMIME) {
            remarks.violations.append(.smtpUTF8Without8BitMIME)
        }
        if variant == .lmtp, !extensions.isSuperset(of: [.pipelining, .enhancedStatusCodes]) {
            remarks.violations.append(.lmtpMissingExtension)
        }
    }
}

/// What a reply line answers.
struct SMTPReplied {
    /// A command waits, known or not.
    var isCommand: Bool
    var verb: SMTPCommand.Verb?
}
