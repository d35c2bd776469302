// The joint machine of SMTP (RFC 5321) and LMTP (RFC 2033).
//
// Who decides what the client's next octets are: after DATA, AUTH and STARTTLS the server's reply does, so they are
// held until it is known; after BDAT the client's own command does, whatever the server thinks of it (RFC 3030 §2).
// Replies are matched to commands by counting (RFC 2920 §3.1), never by their code or text.
//
// What the client says is in SMTPDialogue+Client.swift, what the server says in +Server, the verdicts on both in
// +Verdicts, and how the place is found again behind lost octets in +Gap.

/// The joint state of an SMTP or LMTP session.
package struct SMTPDialogue: Dialogue {
    /// Which of the two protocols.
    package enum Variant: Sendable { case smtp, lmtp }

    /// What the client's next octets are. It is looked at with each line: what few states have is kept apart.
    enum ClientState: Equatable, Sendable {
        /// A command line. Successors: all others.
        case commands
        /// The reply to DATA decides. Successors: `data`, `commands`.
        case dataOffered
        /// 354 was sent: message data up to CRLF.CRLF. Successors: `commands`, `lost`.
        case data
        /// Octets of a chunk, as BDAT announced. Successors: `commands`, `lost`.
        case chunk(size: Int, isLast: Bool)
        /// The reply to AUTH or to a response decides. Successors: `saslResponse`, `commands`, `lost`.
        indirect case saslAwaiting(SASLFollower)
        /// 334 was sent: one line of base64. Successors: `saslAwaiting`, `lost`.
        indirect case saslResponse(SASLFollower)
        /// The reply to a command decides whose success ends what can be followed: STARTTLS, TURN. Successors: `commands`,
        /// `lost`, or the session is opaque.
        case edgeOffered(swapsRoles: Bool)
        /// The reply to XEXCH50 decides. Successors: `blob`, `commands`, `lost`.
        case blobOffered(size: Int?)
        /// Octets that XEXCH50 announced. Successors: `commands`, `lost`.
        case blob(size: Int)
        /// Octets are missing. Successors: `commands`, `data`, `saslResponse`, or the session is opaque.
        indirect case lost(SMTPLoss)
    }

    /// Whether the server's replies can be told apart.
    enum ReplyPlace: Equatable, Sendable {
        /// The next reply answers the oldest command that waits.
        case certain
        /// Octets are missing: nobody knows what the next reply answers.
        indirect case lost(SMTPReplySearch)
    }

    /// A command that awaits its reply.
    struct Outstanding: Equatable, Sendable {
        /// What its reply means beside its verb.
        struct Traits: OptionSet, Equatable, Sendable {
            let rawValue: UInt8
            /// This BDAT, BURL or DATA ends a message.
            static let endsMessage = Traits(rawValue: 1)
            /// The line may be a password; servers like to repeat what they did not understand.
            static let isSecret = Traits(rawValue: 2)
            /// MAIL asks for a verdict for each recipient (PRDR).
            static let wantsPRDR = Traits(rawValue: 4)
            /// MAIL may go on with a message that broke off (RFC 1845 §3).
            static let mayRestart = Traits(rawValue: 8)
            /// Octets of a chunk follow, though the server never said that it knows chunks.
            static let isUnasked = Traits(rawValue: 16)
            /// 353 came: a reply for each recipient follows, and one for the message.
            static let hasPRDR = Traits(rawValue: 32)
            /// Behind this BDAT nobody knows what the client's octets are, nor what later replies answer.
            static let isAdrift = Traits(rawValue: 64)
        }

        var verb: SMTPCommand.Verb?
        var traits: Traits = []
        /// Its line, or a response behind it, may be or have a password.
        var mayBeEchoed: Bool { traits.contains(.isSecret) || verb == .auth || verb == .xexps }
        /// Octets of the mailbox, kept or not.
        var size: UInt16 = 0
        var exchange: Int
        /// The mailbox of MAIL and RCPT.
        var mailbox = ""
        /// Replies still to come; nil while it is not known (LMTP answers a message once for each accepted recipient).
        var repliesLeft: Int?
    }

    /// What the server confirmed of the transaction.
    struct Transaction: Equatable, Sendable {
        var isOpen = false
        var recipients = 0
        var hasPRDR = false
        /// A chunk was refused (RFC 3030 §2).
        var hasFailedChunk = false
        /// Sender and recipients are those of a message that broke off (RFC 1845 §3).
        var isRestarted = false
    }

    /// What the client sent of its transaction, whatever the server said to it.
    struct Sent: Equatable, Sendable {
        enum Stage: Equatable, Sendable {
            case nothing, mail
            /// A chunk, or a URL.
            case chunks
            /// The last chunk.
            case last
        }

        var stage: Stage = .nothing
        /// MAIL had SMTPUTF8; nil when MAIL was not seen.
        var isUTF8: Bool? = false
        /// MAIL had BODY=BINARYMIME.
        var isBinary = false
        var usesURL = false
        var recipients = 0
    }

    /// What is not known because octets are missing.
    struct Doubt: OptionSet, Equatable, Sendable {
        let rawValue: UInt8
        /// Whether there was an EHLO or HELO.
        static let hello = Doubt(rawValue: 1)
        /// Whether the client is logged in.
        static let login = Doubt(rawValue: 2)
        /// Whether a transaction is open, and how many recipients it has.
        static let transaction = Doubt(rawValue: 4)
        static let everything: Doubt = [.hello, .login, .transaction]
    }

    let variant: Variant
    /// The place is looked for behind a BDAT without a size.
    let seeks: Bool
    var client = ClientState.commands
    var replies = ReplyPlace.certain
    var greeted = false
    var outstanding = Fifo<Outstanding>()
    /// Octets of the mailboxes that they name.
    private(set) var mailboxOctets = 0
    /// Those of them that may change what the server offers.
    var renewals = 0
    var exchange = 0
    /// The code of a multi-line reply that is not complete, and the enhanced code of its first line.
    var openCode: Int?
    var openEnhanced: SMTPEnhancedCode?
    /// What the EHLO reply that is not complete offers so far.
    var pendingOffer: SMTPOffer?
    /// What the server offered last: nothing before EHLO and after HELO, nil when that is not known.
    package internal(set) var offer: SMTPOffer? = SMTPOffer()
    var transaction = Transaction()
    var sent = Sent()
    /// MAIL commands of the session, and whether one had SMTPUTF8.
    var mails = 0
    var usedUTF8 = false
    /// The domains of recipients, as far as their number is limited and was not exceeded: a hash of each.
    var domains: [UInt64] = []
    var helloSeen = false
    var isAuthenticated = false
    var hasQuit = false
    /// 421 or 221 came (RFC 5321 §3.8), or a greeting that refuses to serve (§3.1).
    var isDismissed = false
    /// VERB was accepted: lines with the code 050 tell what the server does.
    var isVerbose = false
    /// The newest command must be the last of its group (RFC 2920 §3.1).
    var endsGroup = false
    /// Why octets of the client are held, or were before its newest line.
    var hold: SMTPHold?
    /// What answers the client's ClientHello comes behind the greeting.
    var owesUnasked = false
    /// A message for nobody was sent, and is to have no reply (RFC 2033 §4.3): its exchange.
    var unanswered: Int?
    /// The last reply answered a message.
    var answeredMessage = false
    var doubt: Doubt = []
    /// The place was found again behind lost octets of the client. A client that did not wait as it must may have sent more
    /// than that place allows for; the server's next reply may show it.
    var isDoubtful = false
    /// The client has sent a message in chunks. It need not wait for replies to them, so that one may come in the middle of the next.
    var usesChunks = false
    /// Octets are missing, and what is on offer lets no rule tell the place again.
    var isHopeless = false
    /// Lines of the server before its greeting that are no replies.
    var strayLines = 0
    /// AUTH is over: what a hasty client sent behind it comes as commands, its password too.
    var mayLeakSecret = false
    /// AUTH was sent, or may have been where octets are missing.
    var hasBegunLogin = false
    package internal(set) var mayHaveSecurityLayer = false
    package internal(set) var opaque: OpaqueReason?
    package var listens = true

    /// - Parameter seeks: what stands behind a BDAT without a size is looked through for a line that makes the place certain.
    ///   Not for one who sends on what the notes hold: what looks like the beginning of a line would wait for its end.
    package init(_ variant: Variant = .smtp, seeks: Bool = true) {
        self.variant = variant
        self.seeks = seeks
    }

    package var currentExchange: Int { outstanding.peek { $0.exchange } ?? exchange }

    /// Commands that await their replies.
    package var outstandingCount: Int { outstanding.count }

    package var awaitsTLS: Bool {
        switch client {
        case .edgeOffered(let swapsRoles): !swapsRoles
        case .commands, .dataOffered, .data, .chunk, .saslAwaiting, .saslResponse, .blobOffered, .blob, .lost: false
        }
    }

    package var isGreeted: Bool { greeted }

    package var isBetweenReplies: Bool { openCode == nil }

    package var outstandingOctets: Int {
        outstanding.footprint &+ (listens && mailboxOctets > DialogueLimits.line ? mailboxOctets : 0)
    }

    package var owesAnswer: Bool { !greeted || !outstanding.isEmpty }

    package var saidGoodbye: Bool { isDismissed }

    package var verdictsOwed: Int {
        switch client {
        case .dataOffered, .data, .chunk: return 0
        case .commands, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob, .lost: break
        }
        guard let (verb, traits, left) = outstanding.peek({ ($0.verb, $0.traits, $0.repliesLeft) }) else { return 0 }
        guard verb == .data || traits.contains(.endsMessage) else { return 0 }
        // LMTP answers a message once for each recipient (RFC 2033 §4.2).
        return max(1, left ?? (variant == .lmtp ? transaction.recipients : 1))
    }

    package var mayBeginTLS: Bool { !isAuthenticated && !transaction.isOpen }

    package mutating func goOnInClear(_ side: Side) {
        opaque = nil
        client = .commands
        guard side == .server else { return }
        if greeted { answerUnasked() } else { owesUnasked = true }
    }

    /// Replies up to the client's next command answer what was meant for TLS.
    mutating func answerUnasked() {
        owesUnasked = false
        let wasVerbose = isVerbose
        client = .lost(SMTPLoss(place: .edge, isBroken: false))
        loseReplies(isBroken: false)
        isVerbose = wasVerbose
        doubt.remove(.transaction)
    }

    package mutating func beginUnderTLS(after exchange: Int) {
        var fresh = SMTPDialogue(variant, seeks: seeks)
        fresh.greeted = true
        fresh.exchange = exchange
        fresh.listens = listens
        self = fresh
    }

    /// What the server offers, as the newest reply to EHLO or LHLO has it; nil when that is not known.
    package var extensions: SMTPExtensions? { offer?.extensions }

    package func demand(_ side: Side) -> Demand {
        if opaque != nil { return .opaque }
        switch side {
        case .server:
            switch replies {
            case .certain: return .line(limit: DialogueLimits.line)
            case .lost: return .seek(limit: DialogueLimits.line)
            }
        case .client: break
        }
        switch client {
        case .commands, .saslResponse: return .line(limit: DialogueLimits.line)
        case .dataOffered, .saslAwaiting, .edgeOffered, .blobOffered: return .held
        case .data:
            let carrier: Carrier = variant == .lmtp ? .lmtp : .data
            return .content(Content(.message(carrier), dotStuffed: true, exchange: exchange), .dotTerminated)
        case .chunk(let size, let isLast):
            return .content(
                Content(.message(.bdat), size: size, exchange: exchange, continues: !isLast), .octets(size))
        case .blob(let size): return .content(Content(.literal, size: size, exchange: exchange), .octets(size))
        case .lost: return .seek(limit: DialogueLimits.line)
        }
    }

    package mutating func lineLimit(_ side: Side) -> Int? {
        if opaque != nil { return nil }
        switch side {
        case .server: return isCertain ? DialogueLimits.line : nil
        case .client:
            switch client {
            case .commands, .saslResponse: return DialogueLimits.line
            case .dataOffered, .data, .chunk, .saslAwaiting, .edgeOffered, .blobOffered, .blob, .lost: return nil
            }
        }
    }

    package mutating func accept(line: ArraySlice<UInt8>, from side: Side, _ remarks: inout Remarks) {
        switch side {
        case .client: acceptClient(line, &remarks)
        case .server: acceptServer(line, &remarks)
        }
    }

    package mutating func contentEnded(from side: Side) -> ContentEnd {
        if case .chunk = client, isDoubtful {
            client = .lost(SMTPLoss(place: .anything, isBroken: false))
            isDoubtful = false
            return ContentEnd()
        }
        client = .commands
        isDoubtful = false
        endsGroup = false
        hold = nil
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
        forgetOutstanding()
    }

    package func mask(partial line: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        guard side == .client else {
            switch replies {
            case .lost(let search): return maskEcho(line, search)
            case .certain:
                guard outstanding.first?.mayBeEchoed ?? !isAuthenticated else { return nil }
                return maskEcho(line, SMTPReplySearch(isBroken: false, isWhole: true))
            }
        }
        switch client {
        case .saslAwaiting, .saslResponse: return line.masking(0..<line.count)
        case .lost: return maskUnplaced(line)
        case .commands, .dataOffered, .data, .chunk, .edgeOffered, .blobOffered, .blob:
            let octets = line.span
            let whole = octets.extracting(0..<octets.lineLength.length)
            let isKnown = SMTPCommandCut(whole).verb != nil
            let hidden = isKnown ? secret(of: whole) : secret(ofUnknown: whole) ?? arguments(ofUnknown: whole)
            return hidden.map { line.maskingLine($0) }
        }
    }

    package mutating func expectSecrets() { hasBegunLogin = true }

    /// What a line hides that is no command. Directly behind an AUTH it may be anything that a hasty client sent, at any time
    /// later a response that came too late: base64 is one word, and so are most passwords. Once the client is logged in a word
    /// that looks like a verb is taken for one.
    func secret(ofUnknown line: Span<UInt8>) -> Range<Int>? {
        let whole = line.trimmed(0..<line.count)
        if !whole.isEmpty, mayLeakSecret { return whole }
        if let argument = secret(of: line) { return argument }
        if let end = LoginWord.end(in: line.copied[...], words: 2), end < whole.upperBound {
            return (line[end] == 32 ? end + 1 : end)..<line.count
        }
        guard hasBegunLogin, !whole.isEmpty, line.firstWord(whole).word == whole else { return nil }
        return isAuthenticated && line.extracting(whole).isOfOneCase ? nil : whole
    }

    /// What stands behind the verb of a command that nobody knows, while the client may log in yet: a command of another protocol, or
    /// of an extension, may have a password there. In a transaction nobody logs in (RFC 4954 §4).
    func arguments(ofUnknown line: Span<UInt8>) -> Range<Int>? {
        guard !isAuthenticated, sent.stage == .nothing else { return nil }
        let whole = line.trimmed(0..<line.count)
        let word = line.firstWord(whole).word
        return word.upperBound < whole.upperBound ? (word.upperBound + 1)..<whole.upperBound : nil
    }

    /// What a line hides that begins with a verb of which a secret is an argument.
    func secret(of line: Span<UInt8>) -> Range<Int>? {
        let start = line.trimmed(0..<line.count).lowerBound
        let verb = line.extracting(start...)
        for name in ["AUTH", "X-EXPS", "CLIENTID"] as [StaticString] where verb.hasPrefixIgnoringCase(name) {
            let end = start + name.utf8CodeUnitCount
            // The verb stays one.
            return (end < line.count && line[end] == 32 ? end + 1 : end)..<line.count
        }
        return nil
    }

    /// LMTP answers a message once for each accepted recipient, and not at all when all were refused (RFC 2033 §4.2,
    /// §4.3). How many that are is known once all commands before it are answered and its content is complete.
    mutating func settleHead() {
        while outstanding.peek({ $0.repliesLeft == nil }) == true, var head = outstanding.first {
            switch client {
            case .dataOffered, .data, .chunk: if head.exchange == exchange { return }
            case .commands, .saslAwaiting, .saslResponse, .edgeOffered, .blobOffered, .blob, .lost: break
            }
            guard !doubt.contains(.transaction) else { return loseReplies(isBroken: false) }
            guard transaction.recipients == 0 else {
                head.repliesLeft = transaction.recipients
                outstanding.first = head
                return
            }
            unanswered = outstanding.count == 1 ? head.exchange : nil
            pop()
            transaction = Transaction()
        }
    }

    /// The next reply answers the oldest command that waits.
    var isCertain: Bool { if case .certain = replies { true } else { false } }

    /// The command awaits its reply. False when there are more of those than may be.
    mutating func expectReply(to entry: Outstanding) -> Bool {
        outstanding.append(entry)
        mailboxOctets &+= Int(entry.size)
        return outstanding.count <= DialogueLimits.outstanding && mailboxOctets <= DialogueLimits.outstandingOctets
    }

    /// The oldest command is answered.
    mutating func pop() {
        guard let (verb, size) = outstanding.peek({ ($0.verb, $0.size) }) else { return }
        if verb?.renewsOffer == true { renewals -= 1 }
        mailboxOctets &-= Int(size)
        outstanding.dropFirst()
    }

    /// No command awaits a reply any more.
    mutating func forgetOutstanding() {
        outstanding.removeAll()
        mailboxOctets = 0
    }
}

/// Why octets of the client are held: which command's reply decides what they are.
enum SMTPHold: Equatable, Sendable {
    case data
    /// AUTH; others may follow it at once when it is complete by itself (RFC 4954 §4).
    case auth(isComplete: Bool)
    /// STARTTLS and the like.
    case edge
}
