// What the server of a POP3 session says: the greeting, status lines, listings, challenges.

extension POP3Dialogue {
    mutating func acceptServer(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        raw.withView { acceptServer($0, raw, &remarks) }
    }

    private mutating func acceptServer(_ view: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let (line, crlf) = view.withoutLineEnd
        remarks.exchange = currentExchange
        if isSearching, server == .replies { return seekServer(raw, line, crlf, &remarks) }
        if serverLineIsCut {
            serverLineIsCut = false
            if POP3Status(line) == .none {
                remarks.element = .unplaced
                return
            }
        }
        if !crlf { remarks.blame(.pop3ReplyBareLineEnd) }
        // Nearly all lines are printable, and nothing else need be looked for in them.
        let isPrintable = line.isPrintable
        if !isPrintable, line.contains(13) { remarks.blame(.pop3ReplyBareCR) }
        switch server {
        case .listing: acceptListing(line, raw.count, isPrintable: isPrintable, &remarks)
        case .greetingPending: acceptGreeting(line, raw.count, &remarks)
        case .replies: acceptReply(line, raw, &remarks)
        case .message: break  // the demand was for content
        }
    }

    // MARK: Listings

    /// A line of a multi-line reply. The dot that ends it carries the status of the whole.
    private mutating func acceptListing(
        _ line: OctetView, _ length: Int, isPrintable: Bool, _ remarks: inout Remarks
    ) {
        if line.count == 1, line.first == UInt8(ascii: ".") {
            server = .replies
            endListing(&remarks)
            listing = POP3Listing()
            complete()
            remarks.element = .reply(Reply(.ok, code: "+OK"))
            return
        }
        remarks.element = .data(listing.word, complete: true)
        switch listing.verb {
        case .list: acceptScanListing(line, &remarks)
        case .uidl: acceptIDListing(line, isPrintable: isPrintable, &remarks)
        case .capa:
            if length > 512 { remarks.blame(.pop3CapabilityLength) }
            let capability = POP3CapabilityLine(ArraySlice(line))
            listing.offer.add(capability)
            switch capability.flaw {
            case .form: remarks.blame(.pop3BadCapability)
            case .loginDelay: remarks.blame(.pop3BadLoginDelay)
            case .expire: remarks.blame(.pop3BadExpire)
            case nil: break
            }
            if capability.capability == .stls, phase == .transaction {
                remarks.blame(.pop3STLSInTransaction)
            }
        case .lang:
            let (tag, _) = line.firstWord
            if !tag.isLanguageTag { remarks.blame(.pop3BadLanguageListing) }
        case .user, .pass, .apop, .auth, .stls, .utf8, .stat, .retr, .top, .dele, .noop, .rset, .last, .quit, nil: break
        }
    }

    /// Number, one space, size (RFC 1939 §5); more is discouraged.
    private mutating func acceptScanListing(_ line: OctetView, _ remarks: inout Remarks) {
        guard let scan = POP3Scan(line), let size = scan.value.decimal else {
            listing.isSound = false
            remarks.blame(.pop3BadListingLine)
            return
        }
        if scan.hasMore { remarks.blame(.pop3ListingExtra) }
        judgeListed(scan.number, &remarks)
        let (sum, over) = listing.octets.addingReportingOverflow(size)
        if over { listing.isSound = false } else { listing.octets = sum }
        maildrop.tell(size: size, of: scan.number)
    }

    /// Number, one space, unique-id, and nothing behind (RFC 1939 §7).
    private mutating func acceptIDListing(_ line: OctetView, isPrintable: Bool, _ remarks: inout Remarks) {
        guard let scan = POP3Scan(line) else {
            listing.isSound = false
            remarks.blame(.pop3BadListingLine)
            return
        }
        judgeListed(scan.number, &remarks)
        judgeID(scan, isPrintable: isPrintable, &remarks)
        if !listing.take(id: scan.value) { remarks.blame(.pop3IDTwice) }
    }

    private func judgeID(_ scan: POP3Scan<OctetView>, isPrintable: Bool, _ remarks: inout Remarks) {
        if scan.hasMore { remarks.blame(.pop3IDExtra) }
        if scan.value.count > 70 { remarks.blame(.pop3IDLength) }
        // There is no space in it.
        if !isPrintable, !scan.value.isVisible { remarks.blame(.pop3IDOctets) }
    }

    /// A message of this number is in the maildrop, says a listing.
    private mutating func judgeListed(_ number: Int, _ remarks: inout Remarks) {
        if !listing.take(number) { remarks.blame(.pop3NumberTwice) }
        if maildrop.lacks(number) { remarks.blame(.pop3NumberBeyondCount) }
        if maildrop.isMarked(number) {
            remarks.blame(.pop3MarkedListed)
            maildrop.doubtMarks()
        }
    }

    private mutating func endListing(_ remarks: inout Remarks) {
        switch listing.verb {
        case .capa:
            var fresh = listing.offer
            fresh.isOfTransaction = phase == .transaction
            if let offer, !wasLost, !offer.isOfTransaction, fresh.isOfTransaction {
                let gone = offer.capabilities.intersection(.ofBothStates).subtracting(fresh.capabilities)
                if !gone.isEmpty { remarks.blame(.pop3CapabilityWithdrawn) }
            }
            offer = fresh
        case .list, .uidl:
            guard listing.isSound else { return }
            if !maildrop.tell(unmarked: listing.lines) { remarks.blame(.pop3CountChanged) }
            if listing.verb == .list { maildrop.tell(octets: listing.octets) }
        case .user, .pass, .apop, .auth, .stls, .utf8, .lang, .stat, .retr, .top, .dele, .noop, .rset, .last, .quit,
            nil:
            break
        }
    }

    // MARK: Greeting

    private mutating func acceptGreeting(_ line: OctetView, _ length: Int, _ remarks: inout Remarks) {
        let status = POP3Status(line)
        remarks.exchange = 0
        if status != .ok { remarks.blame(.pop3BadGreeting) }
        guard status == .ok || status == .error else {
            strayLines += 1
            if strayLines >= DialogueLimits.linesBeforeGreeting {
                remarks.tell(.opaque(.notThisProtocol))
                becomeOpaque(.notThisProtocol)
            }
            return
        }
        if length > 512 { remarks.blame(.pop3ReplyLength) }
        judgeText(status, line, &remarks)
        remarks.element = .greeting(Reply(status.reply, code: status.code))
        hasTimestamp = false
        if let start = line.firstIndex(of: UInt8(ascii: "<")) {
            // "<" stands in a greeting only at the front of a timestamp, which is a msg-id (RFC 2449 §3).
            let end = line[start...].firstIndex(of: UInt8(ascii: ">"))
            hasTimestamp = end != nil
            timestamp = end.map { SecretBytes(line[start...$0]) }
            let inside = line[(start + 1)..<(end ?? line.endIndex)]
            let halves = inside.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
            let isGood =
                halves.count == 2 && halves.allSatisfy { !$0.isEmpty }
                && inside.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "<") }
            if end == nil || !isGood { remarks.blame(.pop3BadTimestamp) }
        }
        server = .replies
    }

    // MARK: Status lines

    private mutating func acceptReply(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let status = POP3Status(line)
        if status == .none, let tail {
            // No status begins so: it is the rest of the reply to a command that nobody knows.
            remarks.exchange = tail
            remarks.element = .data("", complete: true)
            return
        }
        if raw.count > 512, status != .challenge { remarks.blame(.pop3ReplyLength) }
        guard let head = outstanding.first else {
            // What it refuses was not seen.
            if status == .error, mayLogIn { remarks.mask(raw.maskingLine(echo(status, line, raw)..<raw.count)) }
            if phase == .update {
                remarks.blame(.pop3ReplyAfterQuit)
            } else if wasLost {
                remarks.element = .unplaced
                remarks.violations = []
            } else {
                remarks.blame(.pop3UnsolicitedReply)
            }
            return
        }
        if status == .challenge { return acceptChallenge(head, raw, line, &remarks) }
        guard status != .none else {
            if wasLost {
                remarks.element = .unplaced
            } else {
                remarks.blame(.pop3BadReply)
            }
            return
        }
        tail = nil
        if phase == .update { remarks.blame(.pop3ReplyAfterQuit) }
        judgeText(status, line, &remarks)
        // In a greeting text may follow without a space (RFC 2449 §3), nowhere else.
        if let next = line.dropFirst(status.length).first, next != 32 { remarks.blame(.pop3BadReply) }
        judgeResponseCode(status, head, line, &remarks)
        if status == .ok { judgeAcceptance(head, line, &remarks) }
        var reply = Reply(status.reply, code: status.code)
        if status == .ok { open(head, &reply) }
        remarks.element = .reply(reply)
        if head.isSecret || missesResponse(status) {
            remarks.mask(raw.maskingLine(echo(status, line, raw)..<raw.count))
        }
        if reply.isLast { complete() }
        settle(head, accepted: status == .ok, &remarks)
        if head.shape == .submission, status == .ok, !reply.isLast { remarks.element = .goAhead }
    }

    /// It refuses a response that was not seen, and may repeat it.
    private func missesResponse(_ status: POP3Status) -> Bool {
        guard case .saslResponse = client else { return false }
        return status == .error
    }

    /// Where what the server repeats of a command may begin: behind the status and a space, and behind a response code that is
    /// known and a space.
    func echo(_ status: POP3Status, _ line: OctetView, _ raw: ArraySlice<UInt8>) -> Int {
        // A line that is cut off may have no more than its status.
        let start = min(status.length + 1, raw.count)
        let code = POP3ResponseCode(raw.part(line).dropFirst(start))
        guard let code, code.name != .other, code.isWellFormed else { return start }
        return min(code.text.endIndex + 2 - raw.startIndex, raw.count)
    }

    private mutating func acceptChallenge(
        _ head: Outstanding, _ raw: ArraySlice<UInt8>, _ line: OctetView, _ remarks: inout Remarks
    ) {
        guard head.verb == .auth, case .saslAwaiting(var follower) = client else {
            if wasLost {
                remarks.element = .unplaced
            } else {
                remarks.blame(.pop3UnexpectedChallenge)
            }
            return
        }
        remarks.element = .challenge
        // "A line with only a "+", followed by a single space" (RFC 5034 §4).
        if line.count == 1 { remarks.blame(.pop3ChallengeForm) }
        remarks.violations += follower.challenge(raw.part(line.dropFirst(2)))
        client = .saslResponse(follower)
    }

    /// What +OK opens.
    private mutating func open(_ head: Outstanding, _ reply: inout Reply) {
        switch head.shape {
        case .line: break
        case .listing(let word):
            server = .listing
            listing = POP3Listing(word, head.verb)
            reply.isLast = false
        case .message(let carrier, let section):
            let kind = Content.Kind.message(carrier)
            server = .message(Content(kind, dotStuffed: true, exchange: head.exchange, section: section))
            reply.isLast = false
        case .submission:
            guard client == .submissionOffered else { break }
            client = .submission(Content(.message(.data), dotStuffed: true, exchange: head.exchange))
            reply.isLast = false
        }
    }

    /// What the reply means for the session.
    private mutating func settle(_ head: Outstanding, accepted: Bool, _ remarks: inout Remarks) {
        switch head.verb {
        case .user:
            if !accepted, case .named(let name) = account, head.exchange == exchange { account = .refused(name) }
        case .pass, .apop:
            remarks.tell(.login(accepted: accepted))
            if accepted { logIn() }
        case .auth where head.shape == .line:
            remarks.tell(.login(accepted: accepted))
            if accepted { logIn() }
            switch client {
            case .saslAwaiting(let follower), .saslResponse(let follower):
                client = .commands
                if accepted { mayHaveSecurityLayer = follower.mayInstallLayer }
                mayLeakSecret = true
            case .commands, .tlsOffered, .submissionOffered, .submission: break
            }
        case .stls:
            if accepted {
                becomeOpaque(.tls)
                remarks.tell(.opaque(.tls))
            } else if client == .tlsOffered {
                client = .commands
            }
        case .utf8:
            guard accepted else { return }
            allowsUTF8Replies = true
            maildrop.forgetSizes()
        case .lang: if accepted { allowsUTF8Replies = true }
        case .dele: if accepted, let number = head.number { maildrop.mark(number) }
        case .rset: if accepted { maildrop.unmarkAll() }
        case .quit:
            // In the UPDATE state the server closes whether the removal was successful or not (RFC 1939 §6).
            if accepted || phase == .transaction, !head.isMalformed { phase = .update }
        case nil:
            if accepted, head.shape == .line { tail = head.exchange }
            // What was submitted has its own reply; a refusal is the only one.
            if head.shape == .submission, !accepted, client == .submissionOffered { client = .commands }
        case .auth, .capa, .stat, .list, .uidl, .retr, .top, .noop, .last: break
        }
    }

    private mutating func logIn() {
        phase = phase == .authorization || phase == .unknown ? .transaction : .unknown
        maildrop = POP3Maildrop()
    }

    // MARK: Judging

    /// The words of a status line, whatever it answers.
    private func judgeText(_ status: POP3Status, _ line: OctetView, _ remarks: inout Remarks) {
        if !line.starts(with: status.code.utf8) { remarks.blame(.pop3StatusCase) }
        if !allowsUTF8Replies, !wasLost, line.reduce(0, { $0 | $1 }) > 127 {
            remarks.blame(.pop3EightBitReply)
        }
    }

    private func judgeResponseCode(
        _ status: POP3Status, _ head: Outstanding, _ line: OctetView, _ remarks: inout Remarks
    ) {
        // Without CAPA nobody knows whether a bracket is a code or a bracket.
        let text = line.dropFirst(status.length + 1)
        guard let offer, text.first == UInt8(ascii: "["), let code = POP3ResponseCode(ArraySlice(text)) else { return }
        guard offer.capabilities.contains(.respCodes) else {
            if code.name != .other, !wasLost { remarks.blame(.pop3ResponseCodeNotOffered) }
            return
        }
        if !code.isWellFormed {
            remarks.blame(.pop3BadResponseCode)
        } else if !code.mayAnswer(head.verb, accepted: status == .ok) {
            remarks.blame(.pop3MisplacedResponseCode)
        }
    }

    /// May the server accept this, and is +OK what it must be for this command?
    private mutating func judgeAcceptance(_ head: Outstanding, _ line: OctetView, _ remarks: inout Remarks) {
        if head.isMalformed { remarks.blame(.pop3MalformedAccepted) }
        if head.isCancelled { remarks.blame(.pop3CancelIgnored) }
        var isMisplaced = head.isMisplaced
        if let verb = head.verb, !wasLost {
            // All replies before were seen: the phase is the one in which the server took the command.
            if phase == .authorization, !verb.isForAuthorization { isMisplaced = true }
            if phase == .transaction, !verb.isForTransaction, head.shape == .line { isMisplaced = true }
        }
        if isMisplaced {
            remarks.blame(.pop3MisplacedAccepted)
            phase = .unknown
        }
        if head.verb == .auth, head.shape == .line, !head.hasResponded, !head.isCancelled, !wasLost {
            remarks.blame(.pop3AuthWithoutExchange)
        }
        judgeNumber(head, &remarks)
        let text = line.dropFirst(4)
        switch head.verb {
        case .stat: acceptStat(text, &remarks)
        case .list where head.shape == .line:
            guard let scan = POP3Scan(text), let size = scan.value.decimal else {
                return remarks.blame(.pop3BadListingLine)
            }
            if scan.hasMore { remarks.blame(.pop3ListingExtra) }
            if scan.number != head.number { return remarks.blame(.pop3OtherNumber) }
            maildrop.tell(size: size, of: scan.number)
        case .uidl where head.shape == .line:
            guard let scan = POP3Scan(text) else { return remarks.blame(.pop3BadListingLine) }
            if scan.number != head.number { remarks.blame(.pop3OtherNumber) }
            judgeID(scan, isPrintable: line.isPrintable, &remarks)
        case .lang where head.shape == .line:
            // "+OK", a space, the tag, "and another space" (RFC 6856 §3.2).
            let tag = text.firstWord.word
            if !tag.isLanguageTag || tag.endIndex == text.endIndex { remarks.blame(.pop3BadLangReply) }
        case .user, .pass, .apop, .auth, .stls, .capa, .utf8, .lang, .list, .uidl, .retr, .top, .dele, .noop, .rset,
            .last, .quit, nil:
            break
        }
    }

    /// The server says that there is a message of the number that the command names.
    private mutating func judgeNumber(_ head: Outstanding, _ remarks: inout Remarks) {
        guard let number = head.number, !head.isMalformed else { return }
        if maildrop.lacks(number) { remarks.blame(.pop3NumberBeyondCount) }
        if maildrop.isMarked(number) {
            remarks.blame(.pop3MarkedAccepted)
            maildrop.doubtMarks()
        }
    }

    /// A drop listing: count, one space, octets (RFC 1939 §5); more is discouraged.
    private mutating func acceptStat(_ text: OctetView, _ remarks: inout Remarks) {
        guard let (count, octets, hasMore) = Self.dropListing(text) else {
            return remarks.blame(.pop3BadStat)
        }
        if hasMore { remarks.blame(.pop3ListingExtra) }
        if !maildrop.tell(unmarked: count, octets: octets) { remarks.blame(.pop3CountChanged) }
    }
}

extension POP3Dialogue {
    /// The numbers of a drop listing, and whether more stands behind them.
    static func dropListing(_ text: some OctetLine) -> (count: Int, octets: Int, hasMore: Bool)? {
        guard let space = text.firstIndex(of: 32), let count = text[..<space].decimal else { return nil }
        let rest = text[(space + 1)...]
        let end = rest.firstIndex(of: 32) ?? rest.endIndex
        guard let octets = rest[..<end].decimal else { return nil }
        return (count, octets, !rest[end...].trimmed.isEmpty)
    }
}

/// A line that speaks of one message: number, one space, value.
struct POP3Scan<Line: OctetLine> {
    var number: Int
    var value: Line
    /// Something stands behind the value.
    var hasMore: Bool

    /// Nil when it does not begin with a message number, one space and a value.
    init?(_ line: Line) {
        // The number has a few digits: looked at one by one they are read on the way to the space.
        var space = line.startIndex
        var digits = 0
        while space < line.endIndex {
            let digit = line[space] &- 48
            guard digit <= 9 else { break }
            // Up to 18 digits fit in any case.
            if space &- line.startIndex < 18 { digits = digits &* 10 &+ Int(digit) }
            space &+= 1
        }
        guard space < line.endIndex, line[space] == 32 else { return nil }
        let isShort = space &- line.startIndex <= 18
        guard let number = isShort ? digits : line[..<space].decimal, number > 0 else { return nil }
        self.number = number
        let rest = line[(space + 1)...]
        let end = rest.firstIndex(of: 32) ?? rest.endIndex
        value = rest[..<end]
        hasMore = end < rest.endIndex && !rest[end...].trimmed.isEmpty
        if value.isEmpty { return nil }
    }
}
