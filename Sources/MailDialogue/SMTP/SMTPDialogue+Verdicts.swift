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
    /// What is wrong with them, and which of those that are known came.
    var faults: SMTPParameterFaults = []
    var seen: UInt32 = 0
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
            if !command.argument.isEmpty { remarks.blame(.smtpArgumentNotAllowed) }
        case .startTLS: if !command.argument.isEmpty { remarks.blame(.smtpStartTLSArgument) }
        case .vrfy, .expn, .etrn, .auth, .burl:
            if command.argument.isEmpty { remarks.blame(.smtpArgumentMissing) }
        case .helo, .ehlo, .lhlo, .mail, .rcpt, .bdat, .noop, .help, .xclient, .xforward, .send, .soml, .saml, .atrn,
            .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS, nil:
            break
        }
    }

    /// Octets that a command line may not have, or only under SMTPUTF8.
    @inline(never)
    private mutating func judgeOctets(
        _ octets: SMTPLineOctets, _ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks
    ) {
        if octets.contains(.nul) { remarks.blame(.smtpNULInCommand) }
        if octets.contains(.bareCR) { remarks.blame(.smtpBareCR) }
        if octets.contains(.control) { remarks.blame(.smtpControlInCommand) }
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
            remarks.blame(.smtpNonASCIICommand)
        } else if !SMTPGrammar.isUTF8(line) {
            remarks.blame(.smtpInvalidUTF8)
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
    @inline(never)
    private mutating func judgeLength(_ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks) {
        guard let offer else { return }
        if command.verb == .auth, !line.firstWord(command.argument).rest.isEmpty {
            return remarks.blame(.smtpLongInitialResponse)
        }
        if line.count + 2 > offer.commandLimit(command.verb) { remarks.blame(.smtpLongCommand) }
    }

    /// EHLO, HELO and LHLO: the protocol, and the name of the client (RFC 5321 §4.1.1.1).
    @inline(never)
    mutating func judgeHello(_ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks) {
        switch variant {
        case .lmtp: if command.verb != .lhlo { remarks.blame(.lmtpHello) }
        case .smtp: if command.verb == .lhlo { remarks.blame(.smtpLHLO) }
        }
        if command.argument.isEmpty {
            remarks.blame(.smtpArgumentMissing)
        } else if !SMTPGrammar.isHost(line.extracting(command.argument)) {
            remarks.blame(.smtpBadHelloName)
        }
    }

    mutating func judgePath(
        _ line: Span<UInt8>, _ cut: SMTPPathCut, isRecipient: Bool, _ remarks: inout Remarks
    ) {
        if isRecipient, cut.mailbox.isEmpty { remarks.blame(.smtpNullRecipient) }
        let faults = cut.faults(line)
        if faults.isEmpty { return }
        if !faults.isDisjoint(with: [.unbracketed, .glued]) { remarks.blame(.smtpBadPath) }
        if faults.contains(.space) { remarks.blame(.smtpSpaceBeforePath) }
        if faults.contains(.malformed) { remarks.blame(.smtpBadMailbox) }
        if faults.contains(.sourceRoute) { remarks.blame(.smtpSourceRoute) }
        if faults.contains(.longLocalPart) { remarks.blame(.smtpLongLocalPart) }
        if faults.contains(.longDomain) { remarks.blame(.smtpLongDomain) }
        if faults.contains(.longPath) { remarks.blame(.smtpLongPath) }
    }

    /// The parameters behind a path. Each fault is told once for a command.
    mutating func judgeParameters(
        _ line: Span<UInt8>, _ tail: Range<Int>, isRecipient: Bool, _ remarks: inout Remarks
    ) -> SMTPAsked {
        var asked = SMTPAsked()
        let isJudged = renewals == 0 && greeted && offer != nil
        var rest = tail
        while let parameter = SMTPParameterCut(line, &rest) {
            judge(parameter, line, isRecipient: isRecipient, isJudged: isJudged, &asked)
        }
        if !asked.faults.isEmpty { Self.blame(asked.faults, &remarks) }
        return asked
    }

    private mutating func judge(
        _ parameter: SMTPParameterCut, _ line: Span<UInt8>, isRecipient: Bool, isJudged: Bool, _ asked: inout SMTPAsked
    ) {
        let value = line.extracting(parameter.value)
        guard let known = SMTPParameter(line.extracting(parameter.keyword)) else {
            return judgeUnknown(parameter, line, isJudged: isJudged, &asked)
        }
        guard known.fits(isRecipient: isRecipient) else {
            asked.faults.insert(.malformed)
            return
        }
        let bit: UInt32 = 1 << UInt32(known.rawValue)
        if asked.seen & bit != 0, known.isOnceOnly { asked.faults.insert(.repeated) }
        asked.seen |= bit
        if parameter.hasValue ? !known.allows(value) : !known.needsNoValue {
            let semicolon = value.firstIndex(of: 59).map { $0 + 1 } ?? 0
            let isText =
                known.isXtext && value.count > 0 && !SMTPGrammar.isXtext(value.extracting(value.clamp(semicolon)...))
            asked.faults.insert(isText ? .badXtext : .badValue)
        }
        if isJudged, offer?.extensions.isDisjoint(with: known.needs(value)) == true { asked.faults.insert(.notOffered) }
        switch known {
        case .size:
            if isJudged, let limit = offer?.sizeLimit, let size = value.decimal, size > limit {
                asked.faults.insert(.sizeOverLimit)
            }
        case .body: asked.isBinary = SMTPParameter.isBinaryMIME(value)
        case .smtpUTF8: asked.isUTF8 = true
        case .prdr: asked.wantsPRDR = true
        case .transID: asked.mayRestart = true
        case .ret, .envid, .auth, .by, .holdFor, .holdUntil, .mtPriority, .requireTLS, .mtrk, .solicit, .submitter,
            .conperm, .altAddress, .notify, .orcpt, .rrvs, .conneg:
            break
        }
    }

    /// A parameter that no extension here defines: its grammar, and whether a server that is known in full offers any.
    @inline(never)
    private mutating func judgeUnknown(
        _ parameter: SMTPParameterCut, _ line: Span<UInt8>, isJudged: Bool, _ asked: inout SMTPAsked
    ) {
        let keyword = line.extracting(parameter.keyword)
        let isWord = SMTPGrammar.isKeyword(keyword)
        if !isWord || (parameter.hasValue && !SMTPGrammar.isValue(line.extracting(parameter.value))) {
            asked.faults.insert(.malformed)
        }
        let isPrivate = keyword.count > 0 && keyword[0] | 32 == 120
        if isJudged, !isPrivate, isWord, offer?.isFullyKnown == true { asked.faults.insert(.notOffered) }
    }

    /// By the codes of the violations, whatever the order of the parameters.
    @inline(never)
    private static func blame(_ faults: SMTPParameterFaults, _ remarks: inout Remarks) {
        if faults.contains(.malformed) { remarks.blame(.smtpBadParameter) }
        if faults.contains(.badValue) { remarks.blame(.smtpBadParameterValue) }
        if faults.contains(.badXtext) { remarks.blame(.smtpBadXtext) }
        if faults.contains(.notOffered) { remarks.blame(.smtpExtensionNotOffered) }
        if faults.contains(.repeated) { remarks.blame(.smtpParameterRepeated) }
        if faults.contains(.sizeOverLimit) { remarks.blame(.smtpSizeOverLimit) }
    }

    /// The limits that the server stated (RFC 9422 §4). What was sent before a gap is not counted, so that the count is
    /// never too high.
    mutating func judgeCounts(isRecipient: Bool, _ remarks: inout Remarks) {
        guard let offer, renewals == 0 else { return }
        if isRecipient {
            if let limit = offer.recipientLimit, sent.recipients > limit {
                remarks.blame(.smtpTooManyRecipients)
            }
        } else if let limit = offer.transactionLimit, mails > limit {
            remarks.blame(.smtpTooManyTransactions)
        }
    }

    /// Most domains that are told apart: a server that binds itself to one place of delivery allows one or a few.
    static let mostDomains = 256

    /// RCPTDOMAINMAX (RFC 9422 §4.3). Domains that were named before the limit was are not counted.
    mutating func countDomain(_ mailbox: Span<UInt8>, _ remarks: inout Remarks) {
        guard let limit = offer?.domainLimit, limit > 0, renewals == 0, limit <= Self.mostDomains else { return }
        var start = mailbox.count
        while start > 0, mailbox[start - 1] != UInt8(ascii: "@") { start -= 1 }
        guard start > 0, start < mailbox.count else { return }
        // FNV-1a. Two domains with one hash count once: the count is never too high.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in start..<mailbox.count {
            let octet = mailbox[index]
            hash = (hash ^ UInt64(octet &- 65 < 26 ? octet | 32 : octet)) &* 0x100_0000_01b3
        }
        if domains.contains(hash) { return }
        if domains.count < Int(limit) { domains.append(hash) } else { remarks.blame(.smtpTooManyDomains) }
    }

    // MARK: Time and order of commands

    /// Commands that did not wait although they must (RFC 5321 §4.3.1, RFC 2920 §3.1).
    mutating func judgeTiming(_ command: SMTPCommandCut, _ remarks: inout Remarks) {
        guard greeted else { return remarks.blame(.smtpEarlyTalker) }
        guard isCertain, !outstanding.isEmpty else { return }
        if endsGroup { return remarks.blame(.smtpPipelinedBehindSync) }
        if sent.usesURL, sent.stage == .last, command.verb?.beginsTransaction == true {
            remarks.blame(.smtpURLNotAwaited)
        }
        if renewals == 0, let offer, !offer.extensions.contains(.pipelining) {
            remarks.blame(.smtpPipeliningNotOffered)
        }
    }

    /// The order of commands (RFC 5321 §4.1.4). What a reply may still change is judged only while none is due.
    mutating func judgeOrder(_ line: Span<UInt8>, _ command: SMTPCommandCut, _ remarks: inout Remarks) {
        if hasQuit { remarks.blame(.smtpCommandAfterQuit) }
        guard let verb = command.verb else { return }
        if let needed = verb.needs, greeted, renewals == 0, let offer {
            if !offer.extensions.contains(needed) {
                remarks.blame(.smtpExtensionNotOffered)
            } else if verb == .auth, !command.argument.isEmpty,
                !offer.offers(line.extracting(line.firstWord(command.argument).word))
            {
                remarks.blame(.smtpMechanismNotOffered)
            }
        }
        let isIdle = outstanding.isEmpty && greeted && isCertain
        let knowsTransaction = isIdle && !doubt.contains(.transaction)
        switch verb {
        case .mail, .send, .soml, .saml:
            if verb != .mail { remarks.blame(.smtpObsoleteCommand) }
            if isIdle, !helloSeen, !doubt.contains(.hello) { remarks.blame(.smtpMailWithoutHello) }
            if knowsTransaction, transaction.isOpen { remarks.blame(.smtpNestedMail) }
        case .rcpt: if knowsTransaction, !transaction.isOpen { remarks.blame(.smtpBadSequence) }
        case .data, .bdat, .burl:
            if let violation = judgeContentCommand(verb) {
                remarks.blame(violation)
            } else if knowsTransaction, !transaction.isOpen || (transaction.recipients == 0 && !transaction.isRestarted)
            {
                remarks.blame(.smtpBadSequence)
            }
        case .auth:
            if knowsTransaction, transaction.isOpen { remarks.blame(.smtpAuthInTransaction) }
            if isIdle, isAuthenticated, !doubt.contains(.login) { remarks.blame(.smtpAuthTwice) }
        case .turn: remarks.blame(.smtpObsoleteCommand)
        case .helo, .ehlo, .lhlo, .rset, .noop, .quit, .vrfy, .expn, .help, .startTLS, .etrn, .xclient, .xforward,
            .atrn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS:
            break
        }
    }

    /// DATA, BDAT and BURL among themselves (RFC 3030 §2, §3): whatever the server replies, the order is wrong.
    private mutating func judgeContentCommand(_ verb: SMTPCommand.Verb) -> Violation? {
        switch sent.stage {
        case .nothing: nil
        case .mail: verb == .data && sent.isBinary ? .smtpDataForBinary : nil
        case .chunks where verb == .data: .smtpDataAfterChunk
        case .chunks:
            verb == .bdat && outstanding.isEmpty && transaction.hasFailedChunk ? .smtpChunkAfterFailure : nil
        case .last: verb == .bdat ? .smtpChunkAfterLast : nil
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
        if reply.code / 10 % 10 > 5 { remarks.blame(.smtpReplyCodeOutOfRange) }
        if reply.separator == .other { remarks.blame(.smtpBadSeparator) }
        if reply.textStart >= line.count, reply.isLast, reply.code != 334 {
            remarks.blame(.smtpReplyWithoutText)
        }
        if line.count > 510, reply.code != 334 { remarks.blame(.smtpLongReply) }
        let octets = SMTPLineOctets(line)
        if !octets.isEmpty {
            if octets.contains(.bareCR) { remarks.blame(.smtpReplyBareCR) }
            if !octets.isDisjoint(with: [.nul, .control]) { remarks.blame(.smtpControlInReply) }
            if octets.contains(.nonASCII), !usedUTF8, doubt.isEmpty, !mayBeUTF8(head, isFirst: isFirst) {
                remarks.blame(.smtpNonASCIIReply)
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
            if code != nil, reply.code != 334 { remarks.blame(.smtpEnhancedCodeOnIntermediate) }
            return
        }
        if isFirst { openEnhanced = code }
        guard let code else {
            if reply.code != 558 { remarks.blame(.smtpEnhancedCodeMissing) }
            return
        }
        if code.category != reply.code / 100 { remarks.blame(.smtpEnhancedCodeMismatch) }
        if !isFirst, let first = openEnhanced, first != code { remarks.blame(.smtpEnhancedCodesDiffer) }
    }

    /// RFC 5321 §4.2, §4.3.2; RFC 7504 §3 for 521.
    @inline(never)
    func judgeGreeting(_ reply: SMTPReplyLine, _ line: Span<UInt8>, _ remarks: inout Remarks) {
        switch reply.code {
        case 220:
            if !SMTPGrammar.isHost(line.extracting(reply.firstWord(line))) {
                remarks.blame(.smtpGreetingWithoutDomain)
            }
        case 421, 521, 554: break
        default: remarks.blame(.smtpBadGreetingCode)
        }
    }

    /// HELO has no reply in the style of EHLO (RFC 5321 §3.2).
    @inline(never)
    func judgeHeloReply(
        _ reply: SMTPReplyLine, _ line: Span<UInt8>, isFirst: Bool, _ remarks: inout Remarks
    ) {
        if reply.status == .ok, !isFirst, SMTPOffer.isUnmistakable(line.extracting(line.clamp(reply.textStart)...)) {
            remarks.blame(.smtpHeloWithKeywords)
        }
    }

    /// What an accepted EHLO or LHLO reply offers as a whole.
    func judgeOffer(_ offer: SMTPOffer, _ remarks: inout Remarks) {
        let extensions = offer.extensions
        if extensions.contains(.binaryMIME), !extensions.contains(.chunking) {
            remarks.blame(.smtpBinaryWithoutChunking)
        }
        if extensions.contains(.smtpUTF8), !extensions.contains(.eightBitMIME) {
            remarks.blame(.smtpUTF8Without8BitMIME)
        }
        if variant == .lmtp, !extensions.isSuperset(of: [.pipelining, .enhancedStatusCodes]) {
            remarks.blame(.lmtpMissingExtension)
        }
    }
}

/// What a reply line answers.
struct SMTPReplied {
    /// A command waits, known or not.
    var isCommand: Bool
    var verb: SMTPCommand.Verb?
}
